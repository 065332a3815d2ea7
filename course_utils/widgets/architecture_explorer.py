"""Any network of the package as a column of layers, with what each costs and what it sees; two side by side."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice
from course_utils.models import NETWORKS
from course_utils.widgets import architectures, svg
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["ArchitectureExplorer", "brief", "entries", "formula", "middle", "packed", "short", "unfold"]

Row = dict[str, Any]
SUMS = ("parameters", "multiply_adds", "bytes")
SHORT = {
    "linear": "fully connected", "subsampling": "trainable subsampling", "table conv": "conv by table",
    "RBF": "RBF outputs", "gate": "scaling by a gate", "max pool": "max pool", "average pool": "average pool",
}  # fmt: skip


@cache
def packed() -> str:
    """Return the table of all networks as it travels: JSON, zlib, base64."""
    text = json.dumps(architectures.load(), separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def unfold(text: str) -> str:
    """Return what :func:`packed` has packed."""
    return zlib.decompress(base64.b64decode(text)).decode()


@cache
def _rows(name: str) -> list[Row]:
    return architectures.layers(architectures.load(), name)


def layers(text: str, name: str) -> list[Row]:
    """Return the layers of a network, see ``architectures.layers``."""
    return architectures.layers(json.loads(unfold(text)), name)


def entries(text: str, name: str) -> list[Row]:
    """Return the column of a network: a layer, a block, or a run of blocks that are alike in each entry.

    Args:
        text: from :func:`packed`.
        name: of a network.

    Returns:
        for each entry ``name``, ``what`` (class of its blocks, or the layer in short), ``blocks`` (how many),
        ``layers`` (all of them together), ``shape`` of the output, and the sums of parameters, multiply-adds, bytes.
    """
    table = json.loads(unfold(text))
    column, rows = table["networks"][name][4], architectures.layers(table, name)
    out = []
    for at, (own, runs) in enumerate(column):
        inside = [row for row in rows if row["entry"] == at]
        sums = {key: sum(row[key] for row in inside) for key in SUMS}
        blocks, last = sum(count for _, count in runs), inside[-1]["shape"]
        first = inside[0]
        what = table["blocks"][runs[0][0]][0] or short(first["kind"], first["window"], first["fan"])
        out.append({"name": own, "what": what, "blocks": blocks, "layers": len(inside), "shape": last, **sums})
    return out


def brief(value: float) -> str:
    """Return a count in three digits: 416 k, 1.81 M, 15.5 G."""
    for power, letter in ((9, " G"), (6, " M"), (3, " k"), (0, "")):
        if value >= 10**power * (0.9995 if power else 0):
            scaled = value / 10**power
            digits = 0 if not power or scaled >= 99.95 else 1 if scaled >= 9.995 else 2
            return f"{math.floor(scaled * 10**digits + 0.5) / 10**digits:.{digits}f}{letter}"
    raise ValueError(f"value must be at least 0, got {value}")


def short(kind: str, window: Sequence[int], fan: int) -> str:
    """Return a layer in two or three words: ``3×3 conv /2`` has a stride of 2."""
    word = SHORT.get(kind, kind)
    if not window:
        return word
    rows, columns, stride, groups = window
    if kind == "conv" and groups > 1:
        word = "depthwise conv" if groups == fan else f"conv in {groups} groups"
    return f"{rows}×{columns} {word}" + (f" /{stride}" if stride > 1 else "")


def formula(row: Row) -> list[str]:
    """Return how a layer's parameters and multiply-adds come about; empty texts where there are none.

    Args:
        row: of :func:`layers`.
    """
    kind, window, fan, shape = row["kind"], row["window"], row["fan"], row["shape"]
    products = architectures.weights(kind, window, fan, shape[0])
    if not products:
        return [f"{row['parameters'] // shape[0]} × {shape[0]} maps" if row["parameters"] else "", ""]
    if kind == "linear":
        inner = f"{fan} × {shape[0]}"
    else:
        groups = window[3]
        inner = f"{window[0]}·{window[1]}·{fan // groups} × {shape[0]}"
    rest = row["parameters"] - products
    own = "fewer: not all maps are connected" if rest < 0 else inner + (f" + {rest}" if rest else "")
    places = "·".join(map(str, shape[1:])) if math.prod(shape[1:]) > 1 else ""
    return [own, inner + (f" × {places} places" if places else "")]


def middle(low: float, high: float, stride: float, units: int) -> list[float]:
    """Return first and last pixel of the field of the unit in the middle of a map.

    Args:
        low: first pixel of the field of unit 0.
        high: last pixel of it.
        stride: pixels between the fields of neighbours.
        units: along this axis.
    """
    shift = stride * ((units - 1) // 2)
    return [low + shift, high + shift]


def _any(rng: np.random.Generator) -> str:
    return str(rng.choice(list(NETWORKS)))


def _row(rng: np.random.Generator) -> Row:
    rows = _rows(_any(rng))
    return rows[int(rng.integers(len(rows)))]


def _draw_short(rng: np.random.Generator) -> tuple[Any, ...]:
    row = _row(rng)
    return row["kind"], row["window"], row["fan"]


def _draw_weights(rng: np.random.Generator) -> tuple[Any, ...]:
    row = _row(rng)
    return row["kind"], row["window"], row["fan"], row["shape"][0]


def _draw_brief(rng: np.random.Generator) -> tuple[int]:
    return (int(10 ** rng.uniform(0, 11)) - 1,)


def _draw_middle(rng: np.random.Generator) -> tuple[Any, ...]:
    return -int(rng.integers(60)), int(rng.integers(90)), int(rng.integers(1, 33)), int(rng.integers(1, 113))


class ArchitectureExplorer(CourseWidget):
    """Walk through a network layer by layer: shapes, parameters, multiply-adds, memory, receptive field.

    Args:
        network: one of ``course_utils.models.names()``.
        other: a second one beside it, or "" for none.

    ``network`` and ``other`` can be read back; ``totals`` has the sums of both.
    """

    title = "Architecture explorer"
    twins = (
        Twin("unfold", unfold, lambda rng: (packed(),)),
        Twin("weights", architectures.weights, _draw_weights),
        Twin("layers", layers, lambda rng: (packed(), _any(rng))),
        Twin("entries", entries, lambda rng: (packed(), _any(rng))),
        Twin("brief", brief, _draw_brief),
        Twin("short", short, _draw_short),
        Twin("formula", formula, lambda rng: (_row(rng),)),
        Twin("middle", middle, _draw_middle),
    )

    network = traitlets.Unicode("alexnet").tag(sync=True)
    other = traitlets.Unicode("").tag(sync=True)
    chosen = traitlets.Unicode("0/0").tag(sync=True)
    opened: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    table = traitlets.Unicode().tag(sync=True)

    def __init__(self, network: str = "alexnet", other: str = "", **traits: Any) -> None:
        super().__init__(network=network, other=other, table=packed(), **traits)

    @traitlets.validate("network")
    def _check_network(self, proposal: Any) -> str:
        return check_choice("network", proposal["value"], tuple(NETWORKS))

    @traitlets.validate("other")
    def _check_other(self, proposal: Any) -> str:
        return check_choice("other", proposal["value"], ("", *NETWORKS))

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """Parameters, multiply-adds, bytes and depth of the networks shown, by name."""
        return {name: architectures.totals(architectures.load(), name) for name in (self.network, self.other) if name}

    @property
    def static_text(self) -> str:
        """One sentence with the totals, and where most parameters and most multiply-adds are."""
        said = []
        for name, sums in self.totals.items():
            column = entries(self.table, name)
            most = {key: max(column, key=itemgetter(key)) for key in SUMS}
            said.append(
                f"{architectures.title(name)}: depth {sums['depth']}, {brief(sums['parameters'])} parameters, most in "
                f"{_name(most['parameters'])}, {brief(sums['multiply_adds'])} multiply-adds, most in "
                f"{_name(most['multiply_adds'])}"
            )
        return "; ".join(said) + "."

    def static_svg(self) -> str:
        """Draw each network as a column of slabs with two bars for each entry."""
        columns = {name: entries(self.table, name) for name in self.totals}
        tops = {key: max(one[key] for column in columns.values() for one in column) for key in SUMS}
        parts, tall = [], 0.0
        for k, (name, column) in enumerate(columns.items()):
            left, high = 10 + 350 * k, 20 if len(column) < 24 else 18
            side = max(column[0]["shape"][1], 2)
            parts.append(svg.text(left, 20, architectures.title(name), font_weight="600"))
            for i, one in enumerate(column):
                y, shape = 34 + high * i, one["shape"]
                wide, thick = _slab(shape, side)
                parts.append(
                    svg.rect(left + 28 - wide / 2, y + 8 - thick / 3, wide, thick / 1.5, fill=svg.COLORS["sky"])
                )
                parts.append(svg.text(left + 62, y + 12, _name(one), font_size=12))
                for j, (key, color) in enumerate((("multiply_adds", "blue"), ("parameters", "orange"))):
                    reach = 100 * one[key] / tops[key]
                    parts.append(svg.rect(left + 225, y + 2 + 6 * j, reach, 5, fill=svg.COLORS[color]))
            tall = max(tall, 34 + high * len(column))
        wide = 350 * len(columns)
        for j, (words, color) in enumerate((("multiply-adds", "blue"), ("parameters", "orange"))):
            parts.append(svg.rect(10 + 130 * j, tall + 10, 12, 10, fill=svg.COLORS[color]))
            parts.append(svg.text(27 + 130 * j, tall + 20, words))
        return svg.document(wide, tall + 32, parts)


def _slab(shape: Sequence[int], side: int) -> tuple[float, float]:
    """Return width and thickness of a slab: the logarithm of its map's side, and of its number of maps."""
    spread = math.log2(shape[1]) / math.log2(side) if len(shape) > 1 else 0.0
    return 6 + 44 * min(1.0, spread), 4 + 2 * math.log2(shape[0])


def _name(entry: Row) -> str:
    """Return an entry's name with what it is, for a run the first and the last of its blocks."""
    name, blocks = entry["name"], entry["blocks"]
    if blocks > 1:
        stage, _, first = name.rpartition(".")
        return f"{stage}.{first} to {int(first) + blocks - 1}"
    return name or entry["what"]
