"""Choose how to compute: device, number format, memory layout, compilation; and say what was chosen and why.

The rule, from measurements on two Zen 4 cores and on GPUs:

- Device: CUDA, then Apple's MPS, then the CPU.
- On the CPU ``channels_last`` and bfloat16 pay for every convnet: together 2.5 times for a small residual network,
  a fifth for LeNet in batches of 256; for tiny pictures nothing. They are chosen if the model has a
  convolution with a kernel larger than 1x1.
- On the CPU freed memory is kept in the process (`course_utils.runtime.allocation`): LeNet gains a quarter.
- On GPUs they are chosen if at least half of the weights of the model's convolutions join 16 maps or more on both
  sides.
- bfloat16 needs a processor that multiplies it (AVX512-BF16 or AMX on CPUs; compute capability 8.0 on NVIDIA GPUs):
  without, it is eleven times slower. Older GPUs get float16 with a gradient scaler.
- ``torch.compile`` costs 10 to 27 s before the first step for at most 17 %: only on request.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.check import check_choice
from course_utils.runtime import get_device
from course_utils.runtime.allocation import keep_freed_memory

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
WIDE = 16


@dataclass(frozen=True)
class Speed:
    """How a model is computed.

    Args:
        device: where.
        precision: of convolutions and products: ``"float32"``, ``"bfloat16"`` or ``"float16"``; weights stay float32.
        channels_last: keep the maps of one pixel side by side in memory.
        compile: let ``torch.compile`` fuse operations.
        keep_memory: let the process keep the memory that it frees, where the allocator can be told.
        why: the reason, one sentence.
    """

    device: torch.device
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    keep_memory: bool = False
    why: str = "as asked"

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, PRECISIONS)

    def __str__(self) -> str:
        parts = [str(self.device), self.precision]
        parts += ["channels_last"] * self.channels_last + ["compiled"] * self.compile
        parts += ["freed memory kept"] * self.keep_memory
        return f"{', '.join(parts)} ({self.why})"

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which forward passes run."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, PRECISIONS[self.precision])

    def scaler(self) -> torch.amp.GradScaler | None:
        """Return a gradient scaler where the format needs one: float16 loses small gradients, bfloat16 does not."""
        return torch.amp.GradScaler(self.device.type) if self.precision == "float16" else None

    def prepare(self, model: nn.Module) -> nn.Module:
        """Move a model to the device and the memory layout, in place, and return what to call: it, or it compiled.

        Where compilation fails, the model itself is called, with a warning.
        """
        if self.keep_memory:
            keep_freed_memory()
        model.to(self.device)
        if self.channels_last:
            model.to(memory_format=torch.channels_last)
        if not self.compile:
            return model
        return FallBack(model)

    def inputs(self, x: Tensor) -> Tensor:
        """Move a batch to the device and, if it holds images, to the memory layout."""
        x = x.to(self.device, non_blocking=True)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last and x.ndim == 4 else x


class FallBack(nn.Module):
    """A compiled model that runs as it is written if the compiler fails at its first call."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.compiled: Any = torch.compile(model)

    def forward(self, *inputs: Any) -> Any:
        if self.compiled is None:
            return self.model(*inputs)
        try:
            return self.compiled(*inputs)
        except Exception as error:  # the compiler raises many kinds: a missing C++ compiler, an operator it lacks
            out = self.model(*inputs)  # an error of the model itself is raised here, as it is
            warnings.warn(f"torch.compile failed ({type(error).__name__}); going on without it", stacklevel=2)
            self.compiled = None
            return out


def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether the hardware multiplies bfloat16, rather than imitating it."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False


def has_wide_convolutions(model: nn.Module) -> bool:
    """Tell whether at least half of the weights in convolutions join 16 maps or more on both sides."""
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    wide = sum(m.weight.numel() for m in convs if min(m.in_channels // m.groups, m.out_channels) >= WIDE)
    return bool(convs) and 2 * wide >= sum(m.weight.numel() for m in convs)


def has_convolutions(model: nn.Module) -> bool:
    """Tell whether the model has a 2-D convolution with a kernel larger than 1x1."""
    return any(isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1) for m in model.modules())


def choose_speed(model: nn.Module, device: torch.device | str | None = None, *, compile: bool = False) -> Speed:
    """Choose what is fast for a model on this machine, by the rule at the top of this module.

    Args:
        model: the network.
        device: the fastest present if left out.
        compile: compile it too.
    """
    target = get_device(None if device is None else str(device))
    if target.type == "cpu":
        if not has_convolutions(model):
            return Speed(target, compile=compile, keep_memory=True, why="no convolutions: other formats would not help")
        if multiplies_bfloat16(target):
            return Speed(target, "bfloat16", True, compile, True, "convolutions, and the processor multiplies bfloat16")
        return Speed(target, "float32", True, compile, True, "convolutions, no bfloat16 in this processor")
    if not has_wide_convolutions(model):
        return Speed(target, compile=compile, why="no wide convolutions: other formats would not help")
    if target.type == "mps":
        return Speed(target, channels_last=True, compile=compile, why="wide convolutions on MPS")
    if multiplies_bfloat16(target):
        return Speed(target, "bfloat16", True, compile, why="wide convolutions, and the hardware multiplies bfloat16")
    return Speed(target, "float16", True, compile, why="wide convolutions on a GPU without bfloat16")
