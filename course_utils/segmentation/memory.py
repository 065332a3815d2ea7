"""What high resolution costs: bytes of activations, layer by layer, planned without computing and measured.

A halving that is left out makes every map behind it four times as large. Training keeps nearly all of them for the
way back, so the price is paid in memory first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.check import check_int
from course_utils.models.summary import summarise
from course_utils.segmentation.convolutionalise import total_stride
from course_utils.segmentation.dilated_twin import dilated_twin


@dataclass(frozen=True)
class Activation:
    """One line of the account: a layer, the shape of its result without the batch, and its bytes."""

    name: str
    kind: str
    shape: tuple[int, ...]
    bytes: int


def activation_account(model: nn.Module, input_shape: tuple[int, int, int], batch_size: int = 1) -> list[Activation]:
    """Return what each layer's results take, from a pass without numbers; what shares memory counts 0.

    Args:
        model: any network that takes one tensor.
        input_shape: (C, H, W).
        batch_size: images at a time, at least 1.
    """
    check_int("batch_size", batch_size, minimum=1)
    rows = summarise(model, input_shape).rows
    return [Activation(row.name, row.kind, row.shape, batch_size * row.bytes) for row in rows]


def total_bytes(account: list[Activation]) -> int:
    """Return the sum of an account."""
    return sum(row.bytes for row in account)


def kept_bytes(model: nn.Module, x: Tensor) -> int:
    """Measure what a forward pass keeps for the backward pass: different blocks of memory, weights left out.

    Args:
        model: any network; its mode decides what is kept.
        x: a batch. It is counted where a layer keeps it.

    Returns:
        Bytes. A block counts once however many layers keep it, and whole even if a part is kept.
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    blocks: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no address is used twice while we count

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            blocks[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(x)
    return sum(blocks.values())


def resolution_costs(model: nn.Module, input_shape: tuple[int, int, int]) -> dict[int, int]:
    """Return the bytes of the last map when fewer and fewer halvings are left, by output stride.

    Args:
        model: layers in a row with strides that are powers of 2, as for `dilated_twin`.
        input_shape: (C, H, W).

    Returns:
        ``{S: bytes, S / 2: 4 bytes, ..., 1: S^2 bytes}`` where layers keep sizes by padding.
    """
    stride = total_stride(model)
    costs = {}
    while stride >= 1:
        costs[stride] = summarise(dilated_twin(model, stride), input_shape).rows[-1].bytes
        stride //= 2
    return costs


def affordable_channels(channels: int, skipped: int) -> int:
    """Return how many maps of a layer the same memory holds after ``skipped`` halvings have been left out."""
    return check_int("channels", channels, minimum=1) // 4 ** check_int("skipped", skipped, minimum=0)
