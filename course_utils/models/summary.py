"""The account of a network: parameters, multiply-adds, memory and receptive field, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

from torch import nn

from course_utils.check import check_int
from course_utils.models.fields import Field
from course_utils.models.tracing import Operation, trace

HEAD = ("layer", "kind", "output", "parameters", "multiply-adds", "output KB", "field", "stride")


@dataclass(frozen=True)
class Row:
    """One line of a summary: a layer, or a stage of several.

    Args:
        name: dotted name of the module in the network; empty for what the network itself computes between layers.
        kind: its class; for operations outside any layer, the functions, such as ``add, relu``.
        shape: of its output, without the batch.
        parameters: its own trainable and fixed ones, counted at its first call.
        multiply_adds: for one image.
        bytes: of its results, for one image in the precision of the input.
        field: receptive field of a unit of its output; None where it cannot be followed.
        spatial: whether the output still has rows and columns.
        depth: convolutions and linear layers on the longest way here.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    bytes: int
    field: Field | None
    spatial: bool
    depth: int

    def cells(self, size: tuple[int, int]) -> tuple[str, ...]:
        """Return the line as text; a field that covers an input of this ``size`` is said to be whole."""
        seen, step = "?", "?"
        if self.field is not None:
            (h, w), (a, b) = self.field.size, self.field.stride
            seen = "whole" if self.field.covers(size) else f"{h}" if h == w else f"{h}x{w}"
            step = f"{a:g}" if a == b else f"{a:g}x{b:g}"
        if not self.spatial:
            step = ""
        shape = "x".join(map(str, self.shape))
        numbers = f"{self.parameters:,}", f"{self.multiply_adds:,}", f"{self.bytes / 1024:,.1f}"
        return (self.name, self.kind, shape, *numbers, seen, step)


@dataclass(frozen=True)
class Summary:
    """What :func:`summarise` returns; printed, it is a table, in a notebook too.

    Args:
        model: the network's class.
        input_shape: of one image, without the batch.
        rows: one a layer, in the order of the forward pass.
        parameters: all of the network's, each once.
        unused: parameters of modules that this pass did not run, such as auxiliary heads in evaluation mode.
    """

    model: str
    input_shape: tuple[int, ...]
    rows: tuple[Row, ...]
    parameters: int
    unused: int = field(default=0)

    @property
    def multiply_adds(self) -> int:
        """Products summed for one image, over convolutions and matrix products."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def bytes(self) -> int:
        """Memory of all results of one image: what training keeps for the way back, at most."""
        return sum(row.bytes for row in self.rows)

    @property
    def depth(self) -> int:
        """Convolutions and linear layers on the longest way through the network, as papers count layers."""
        return self.rows[-1].depth

    def __getitem__(self, name: str) -> Row:
        """Return the row of a layer by its dotted name.

        Raises:
            KeyError: if there is none; the message lists names that begin alike.
        """
        for row in self.rows:
            if row.name == name:
                return row
        near = [row.name for row in self.rows if row.name.startswith(name.split(".")[0])] or [r.name for r in self.rows]
        raise KeyError(f"{self.model} has no row {name!r}; it has {', '.join(near[:12])}")

    def stages(self, level: int = 1) -> Summary:
        """Return the same account with layers added up by the first ``level`` parts of their names."""
        check_int("level", level, minimum=1)

        groups: list[tuple[str, list[Row]]] = []
        for row in self.rows:
            name = ".".join(row.name.split(".")[:level])
            if groups and name in ("", groups[-1][0]):  # what the network does between stages counts with the last one
                groups[-1][1].append(row)
            else:
                groups.append((name, [row]))
        rows = []
        for name, parts in groups:
            last = parts[-1]
            kind = last.kind if len(parts) == 1 else f"{len(parts)} layers"
            total = (sum(r.parameters for r in parts), sum(r.multiply_adds for r in parts), sum(r.bytes for r in parts))
            rows.append(Row(name, kind, last.shape, *total, last.field, last.spatial, last.depth))
        return Summary(self.model, self.input_shape, tuple(rows), self.parameters, self.unused)

    def table(self) -> list[tuple[str, ...]]:
        """Return head, lines and total as text cells."""
        size = self.input_shape[-2:] if len(self.input_shape) == 3 else (0, 0)
        lines = [row.cells((size[0], size[1])) for row in self.rows]
        total = f"{self.parameters:,}", f"{self.multiply_adds:,}", f"{self.bytes / 1024:,.1f}"
        return [HEAD, *lines, ("total", f"depth {self.depth}", "", *total, "", "")]

    def __str__(self) -> str:
        lines = self.table()
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]

        def show(line: Sequence[str]) -> str:
            parts = [c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
            return "  ".join(parts).rstrip()

        rule = "-" * len(show([" " * w for w in widths[:-1]] + ["x" * widths[-1]]))
        title = f"{self.model} on an input of {'x'.join(map(str, self.input_shape))}"
        text = [title, show(lines[0]), rule, *map(show, lines[1:-1]), rule, show(lines[-1])]
        if self.unused:
            text.append(f"{self.unused:,} parameters belong to parts that this pass did not run")
        return "\n".join(text)

    def _repr_html_(self) -> str:
        head, *lines = self.table()

        def row(cells: Sequence[str], tag: str) -> str:
            style: Callable[[int], str] = lambda i: ' style="text-align:right"' if i > 2 else ' style="text-align:left"'
            return "<tr>" + "".join(f"<{tag}{style(i)}>{escape(c)}</{tag}>" for i, c in enumerate(cells)) + "</tr>"

        caption = f"{escape(self.model)} on an input of {'x'.join(map(str, self.input_shape))}"
        body = "".join(row(line, "td") for line in lines)
        return f"<table><caption>{caption}</caption><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"


def summarise(model: nn.Module, input_shape: tuple[int, ...] = (3, 224, 224), *, training: bool = False) -> Summary:
    """Account for a network from one traced forward pass, without computing anything.

    Args:
        model: any module that takes one tensor; it is not changed.
        input_shape: of one image, (C, H, W), or (features,) for a network on vectors.
        training: account for the pass of training mode, auxiliary heads included.

    Returns:
        A :class:`Summary` for a batch of one. Multiply-adds follow the papers: convolutions and matrix products only.

    Raises:
        ValueError: if the model does not accept such an input.
    """
    for i, size in enumerate(input_shape):
        check_int(f"input_shape[{i}]", size, minimum=1)
    operations = trace(model, (1, *input_shape), training)
    modules = dict(model.named_modules())
    rows, seen = [], set()
    for (name, _), group in groupby(operations, lambda op: (op.module, op.call)):
        parts: list[Operation] = list(group)
        module = modules[name]
        leaf = next(module.children(), None) is None and name
        kind = type(module).__name__ if leaf else ", ".join(dict.fromkeys(op.name for op in parts))
        own = 0 if name in seen else sum(p.numel() for p in module.parameters(recurse=False))
        seen.add(name)
        cost, size = sum(op.multiply_adds for op in parts), sum(op.bytes for op in parts)
        place = parts[-1].place
        rows.append(Row(name, kind, parts[-1].shape[1:], own, cost, size, place.field, place.spatial, place.depth))
    total = sum(p.numel() for p in model.parameters())
    ran = {id(p) for name in seen for p in modules[name].parameters(recurse=False)}
    unused = sum(p.numel() for p in model.parameters() if id(p) not in ran)
    return Summary(type(model).__name__, tuple(input_shape), tuple(rows), total, unused)
