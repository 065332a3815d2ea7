"""LeNet-5 with changed parts: the two ends are the two networks of the package, and each change is the one named."""

from __future__ import annotations

import pytest
import torch

from course_utils.models.lenet5 import LeNet5, ModernLeNet
from course_utils.models.lenet5_parts import PARTS, MixedLeNet, one_change


def parameters(**parts: str) -> int:
    return sum(p.numel() for p in MixedLeNet(**parts).parameters())


def test_all_parts_of_1998_are_lenet5() -> None:
    old, mixed = LeNet5(), MixedLeNet()
    mixed.load_state_dict(old.state_dict())
    x = torch.randn(3, 1, 32, 32)
    assert torch.allclose(mixed(x), old(x), atol=1e-5)
    assert parameters() == 60_000


def test_all_parts_of_today_are_the_modern_reading() -> None:
    new, mixed = ModernLeNet(), MixedLeNet(**one_change()["all as today"])
    stored = [p.view(q.shape) for p, q in zip(new.state_dict().values(), mixed.state_dict().values(), strict=True)]
    mixed.load_state_dict(dict(zip(mixed.state_dict(), stored, strict=True)))
    x = torch.randn(3, 1, 32, 32)
    assert torch.allclose(mixed(x), new(x), atol=1e-5)


def test_each_part_alone_changes_what_it_says() -> None:
    settings = one_change()
    assert len(settings) == len(PARTS) + 2
    counts = {name: parameters(**parts) for name, parts in settings.items()}
    assert counts["squash: ReLU"] == counts["start: 1 / sqrt(fan-in)"] == 60_000
    assert counts["pooling: maximum"] == 60_000 - 12 - 32
    assert counts["links: all"] == 60_000 + 2416 - 1516
    assert counts["output: linear"] == 60_000 + 850
    assert counts["all as today"] == 61_706
    assert MixedLeNet(squash="ReLU").squash(torch.tensor(-2.0)) == 0


def test_the_start_has_the_bound_it_names() -> None:
    torch.manual_seed(0)
    for start, bound in (("2.4 / fan-in", lambda n: 2.4 / n), ("1 / sqrt(fan-in)", lambda n: n**-0.5)):
        model = MixedLeNet(start=start)
        for weight, fan_in in ((model.c1.weight, 25), (model.c5.weight, 400), (model.c3.weight[:18], 75)):
            assert 0.9 * bound(fan_in) < float(weight.detach().abs().max()) <= bound(fan_in) * (1 + 1e-6)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="squash"):
        MixedLeNet(squash="tanh")
