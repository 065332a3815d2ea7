"""How to compute is chosen by a rule, said, and changes nothing but time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.training import Speed, choose_speed, evaluate, fit, speed

WIDE = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3))
LENET = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5))
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("model", "device", "bfloat16", "precision", "channels_last"),
    [
        (LENET, "cpu", True, "bfloat16", True),
        (LENET, "cpu", False, "float32", True),
        (LENET, "cuda", True, "float32", False),
        (nn.Linear(4, 2), "cpu", True, "float32", False),
        (WIDE, "cpu", True, "bfloat16", True),
        (WIDE, "cpu", False, "float32", True),
        (WIDE, "cuda", True, "bfloat16", True),
        (WIDE, "cuda", False, "float16", True),
        (WIDE, "mps", False, "float32", True),
    ],
)
def test_the_rule(monkeypatch, model, device, bfloat16, precision, channels_last) -> None:
    monkeypatch.setattr(speed, "get_device", lambda prefer: torch.device(device))
    monkeypatch.setattr(speed, "multiplies_bfloat16", lambda device: bfloat16)
    chosen = choose_speed(model)
    assert (chosen.precision, chosen.channels_last, chosen.compile) == (precision, channels_last, False)
    assert str(chosen).startswith(f"{device}, {precision}")
    assert chosen.keep_memory == (device == "cpu")
    assert chosen.why


def test_the_processor_is_asked_before_bfloat16_is_used(monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    assert not speed.multiplies_bfloat16(CPU)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert speed.multiplies_bfloat16(CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not speed.multiplies_bfloat16(CUDA)


@pytest.mark.parametrize("how", [Speed(CPU, "bfloat16", True), Speed(CPU, "float32", True), Speed(CPU)])
def test_every_format_learns_the_same_digits(how: Speed) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10))
    digits = data.load("digits", "train").subset(torch.arange(400))
    history = fit(model, data.Batches(digits, 64), epochs=6, lr=0.01, speed=how)
    assert history.speed == str(how)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert evaluate(model, data.Batches(digits, 200, shuffle=False)).accuracy > 0.9


def test_a_compiler_that_fails_is_left_out_with_a_warning(monkeypatch) -> None:
    def broken(*inputs):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda model: broken)
    model = nn.Linear(4, 2)
    compute = Speed(CPU, compile=True).prepare(model)
    x = torch.randn(3, 4)
    with pytest.warns(UserWarning, match="torch.compile failed"):
        assert torch.equal(compute(x), model(x))
    assert torch.equal(compute(x), model(x))


def test_an_error_of_the_model_is_not_the_compilers(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda model: model)
    compute = Speed(CPU, compile=True).prepare(nn.Linear(4, 2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        compute(torch.randn(3, 5))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="precision must be one of"):
        Speed(CPU, "float8")
    batches = [(torch.randn(2, 4), torch.tensor([0, 1]))]
    with pytest.raises(ValueError, match="device must be that of speed"):
        fit(nn.Linear(4, 2), batches, speed=Speed(CPU), device="cuda")
    with pytest.raises(ValueError, match="speed must be one of"):
        fit(nn.Linear(4, 2), batches, speed="fast")
