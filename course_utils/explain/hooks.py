"""Taps on any layer of any network that always come off, and a network that is left as it was found.

Chapter 08 teaches it; every other module of ``explain`` stands on it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.check import check_choice, check_int

__all__ = ["Taps", "attach", "features", "find_layer", "untouched"]

Layer = str | nn.Module
KINDS = ("forward", "forward_pre", "backward")


def find_layer(model: nn.Module, layer: Layer) -> tuple[str, nn.Module]:
    """Name and module of one layer, given either of the two.

    Args:
        model: any network.
        layer: its name as ``model.named_modules()`` spells it (``""`` is the model itself), or the module.

    Raises:
        KeyError: if the model has no such layer; the message says what it has.
        TypeError: if ``layer`` is neither a name nor a module.
    """
    modules = dict(model.named_modules())
    if isinstance(layer, nn.Module):
        for name, module in modules.items():
            if module is layer:
                return name, module
        raise KeyError(f"this {type(layer).__name__} is no part of the model; take a module out of this very model")
    if not isinstance(layer, str):
        raise TypeError(f"layer must be a name or a module, got {type(layer).__name__}")
    if layer not in modules:
        near = difflib.get_close_matches(layer, modules, n=3) or [name for name, _ in model.named_children()][:8]
        raise KeyError(f"the model has no layer {layer!r}; names are those of model.named_modules(), e.g. {near}")
    return layer, modules[layer]


@contextmanager
def attach(model: nn.Module, hooks: Mapping[Any, Callable[..., Any]], kind: str = "forward") -> Iterator[None]:
    """Attach one hook to each of some layers for the time of a ``with`` block; all come off at its end, come what may.

    Args:
        model: any network.
        hooks: ``{layer: hook}``, layers as names or modules, hooks with PyTorch's signature for the kind.
        kind: ``"forward"`` (module, inputs, output), ``"forward_pre"`` (module, inputs) or ``"backward"``
            (module, grad_input, grad_output). What a hook returns replaces the output, inputs or grad_input.

    Raises:
        KeyError: if a layer is not in the model; then no hook was attached.
        ValueError: if the kind is unknown.
    """
    check_choice("kind", kind, KINDS)
    found = [(find_layer(model, layer)[1], hook) for layer, hook in hooks.items()]
    handles = []
    try:
        for module, hook in found:
            places: dict[str, Callable[..., Any]] = {
                "forward": module.register_forward_hook,
                "forward_pre": module.register_forward_pre_hook,
                "backward": module.register_full_backward_hook,
            }
            handles.append(places[kind](hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


class Taps:
    """Keep what some layers put out while the model runs inside a ``with`` block.

    ::

        with Taps(model, ["stage1", "stage3"]) as taps:
            scores = model(x)
        taps["stage3"]                      # (N, C, H, W), part of the graph that led to the scores

    The layer hands on a copy of what is kept, so that a later in-place layer (``ReLU(inplace=True)``) cannot
    overwrite it. Results stay readable after the block; the hooks are gone.

    Args:
        model: any network.
        layers: names or modules; a single one may stand alone.
        detach: keep values only, without the graph.

    Raises:
        KeyError: if a layer is not in the model.
        TypeError: while the model runs, if a tapped layer returns something other than one tensor.
    """

    def __init__(self, model: nn.Module, layers: Layer | Iterable[Layer], detach: bool = False) -> None:
        if isinstance(layers, str | nn.Module):
            layers = [layers]
        self.model, self.detach = model, detach
        self._modules = dict(find_layer(model, layer) for layer in layers)
        self._kept: dict[str, list[Tensor]] = {name: [] for name in self._modules}
        self._handles: list[Any] = []

    def __enter__(self) -> Taps:
        if self._handles:
            raise RuntimeError("these taps are already on; leave the with block first")
        try:
            for name, module in self._modules.items():
                self._handles.append(module.register_forward_hook(self._keeper(name)))
        except BaseException:
            self._off()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._off()

    def _off(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _keeper(self, name: str) -> Callable[[nn.Module, Any, Any], Tensor]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise TypeError(
                    f"layer {name!r} returns {type(output).__name__}, not one tensor; tap a layer inside it"
                )
            self._kept[name].append(output.detach() if self.detach else output)
            return output.clone()

        return keep

    def clear(self) -> None:
        """Forget what was kept, to free its memory between two batches."""
        for calls in self._kept.values():
            calls.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tapped layers, in the order they were given."""
        return tuple(self._modules)

    def calls(self, layer: Layer) -> list[Tensor]:
        """All outputs of one layer, oldest first: a module that a network uses twice has two."""
        name = find_layer(self.model, layer)[0]
        if name not in self._kept:
            raise KeyError(f"layer {name!r} is not tapped; tapped are {list(self._kept)}")
        return self._kept[name]

    def __getitem__(self, layer: Layer) -> Tensor:
        """Latest output of one layer.

        Raises:
            KeyError: if it is not tapped, or the model did not run through it.
        """
        calls = self.calls(layer)
        if not calls:
            raise KeyError(f"layer {layer!r} has not run yet; call the model inside the with block first")
        return calls[-1]


@contextmanager
def untouched(model: nn.Module, train: bool = False) -> Iterator[nn.Module]:
    """Evaluate a model, its weights out of the graph; afterwards it is as it was found.

    Restored, also after an exception: training mode of each module, ``requires_grad`` and ``.grad`` of each
    parameter, and every buffer. Gradients with respect to the *input* work as usual inside, and cost less.

    Args:
        model: any network.
        train: run in training mode instead (batch statistics, dropout); the buffers are restored just the same.
    """
    modes = [(module, module.training) for module in model.modules()]
    weights = [(weight, weight.requires_grad, weight.grad) for weight in model.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()] if train else []
    try:
        model.train(train)
        for weight, _, _ in weights:
            weight.requires_grad_(False)
        yield model
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, wanted, grad in weights:
            weight.requires_grad_(wanted)
            weight.grad = grad
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def features(model: nn.Module, x: Tensor, layers: Layer | Iterable[Layer], batch_size: int = 256) -> dict[str, Tensor]:
    """What some layers put out for many inputs, batch after batch, without a graph.

    Args:
        model: any network; evaluated as it is in ``eval`` mode, and left as it was found.
        x: inputs (N, ...), prepared for the network.
        layers: names or modules.
        batch_size: inputs in one pass.

    Returns:
        ``{name: (N, ...)}`` in the order of ``layers``; of a module used twice its last output.

    Raises:
        ValueError: if there is no input or the batch is empty.
    """
    check_int("batch_size", batch_size, minimum=1)
    if len(x) == 0:
        raise ValueError("x must hold at least one input, got 0")
    taps = Taps(model, layers, detach=True)
    parts: dict[str, list[Tensor]] = {name: [] for name in taps.names}
    with untouched(model), torch.no_grad(), taps:
        for batch in x.split(batch_size):
            taps.clear()
            model(batch)
            for name in taps.names:
                parts[name].append(taps[name])
    return {name: torch.cat(values) for name, values in parts.items()}
