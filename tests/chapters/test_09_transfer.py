"""Chapter 09: a pretrained network against one from scratch, on other seeds than the chapter's where it is quick."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.runtime import band, load_record
from course_utils.scratch.transfer.tiles import shuffle_tiles
from course_utils.scratch.transfer.word_noise import forget_and_invent, noisy_probability
from course_utils.training.schedules import make_schedule
from course_utils.training.transfer import (
    collect_features,
    freeze,
    layer_rates,
    linear_probe,
    parameter_groups,
    relative_moves,
    replace_head,
)
from tools.bands import tagged_code

SIZES = (16, 128, 1024)


@cache
def world() -> dict[str, Any]:
    """The chapter's own functions, pictures and pretrained network, for a seed that the chapter does not use."""
    namespace: dict[str, Any] = {"SEED": 31, "__name__": "chapter"}
    exec(compile(tagged_code("09_transfer", "ignored"), "<chapter 09>", "exec"), namespace)
    return namespace


def values(record: str) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(v) for name, v in load_record(f"09_transfer.{record}")["metrics"].items()}


def test_s224_a_pretrained_network_beats_one_from_scratch_on_few_labels() -> None:
    w = world()
    few, fresh = w["few"](16), w["fresh"]
    scratch = w["right"](w["learn_shapes"](w["staged_net"](4, 5), few, 100), fresh)
    probe, tuned = (
        w["right"](w["with_probe"](w["base"], few), fresh),
        w["right"](w["fine_tuned"](w["base"], few, 100), fresh),
    )
    assert min(probe, tuned) > scratch + 0.08
    metrics = values("sizes")
    assert len(metrics["tuned_16"]) >= 20
    for way in ("probe", "tuned"):
        assert (metrics[f"{way}_16"] > metrics["scratch_16"]).all(), way


def test_equation_9_6_the_gain_shrinks_with_labels_and_fine_tuning_overtakes_the_probe() -> None:
    metrics = values("sizes")
    gain = [float((metrics[f"tuned_{n}"] - metrics[f"scratch_{n}"]).median()) for n in SIZES]
    assert gain[0] > 0.1
    assert gain == sorted(gain, reverse=True)
    assert gain[-1] < gain[0] / 2
    assert metrics["tuned_1024"].median() > metrics["probe_1024"].median()
    assert metrics["bold_1024"].median() > metrics["tuned_1024"].median()
    assert metrics["tuned_16"].median() > metrics["bold_16"].median()


def test_s225_the_new_head_is_in_the_optimiser_and_the_old_one_is_not() -> None:
    model = copy.deepcopy(world()["base"])
    old = model.head
    early = torch.optim.Adam(model.parameters(), lr=1e-2)
    new = replace_head(model, 4)
    late = torch.optim.Adam(parameter_groups(model, 1e-2))

    def holds(optimizer: torch.optim.Optimizer, layer: nn.Module) -> bool:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        return {id(p) for p in layer.parameters()} <= held

    assert (new.in_features, new.out_features) == (48, 4)
    assert holds(early, old)
    assert not holds(early, new)
    assert holds(late, new)
    assert not holds(late, old)


def test_s226_frozen_features_are_bit_identical_after_the_head_was_trained() -> None:
    w = world()
    model = copy.deepcopy(w["base"])
    replace_head(model, 4)
    start = copy.deepcopy(model.state_dict())
    for stage in (model.stage1, model.stage2, model.stage3):
        freeze(stage)
    w["learn_shapes"](model, w["few"](64), 30)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, start[name])}
    assert changed == {"head.weight", "head.bias"}
    probed = w["with_probe"](w["base"], w["few"](64))
    for name, value in probed.state_dict().items():
        assert torch.equal(value, w["base"].state_dict()[name]) or name.startswith("head")


def test_s226_without_freeze_the_statistics_drift() -> None:
    w = world()
    model = copy.deepcopy(w["base"])
    replace_head(model, 4)
    for stage in (model.stage1, model.stage2, model.stage3):
        stage.requires_grad_(False)
    start = copy.deepcopy(model.state_dict())
    w["learn_shapes"](model, w["few"](16), 10)
    changed = {
        name.rpartition(".")[2] for name, value in model.state_dict().items() if not torch.equal(value, start[name])
    }
    assert changed == {"running_mean", "running_var", "num_batches_tracked", "weight", "bias"}
    assert torch.equal(model.stage1[0].weight, start["stage1.0.weight"])


def test_s227_groups_carry_different_rates_and_the_backbone_moves_less_than_the_head() -> None:
    w = world()
    moves = {}
    for decay in (0.3, 1.0):
        model = copy.deepcopy(w["base"])
        torch.manual_seed(1)
        replace_head(model, 4)
        start = copy.deepcopy(model.state_dict())
        groups = parameter_groups(model, 5e-3, decay)
        rates = [group["lr"] for group in groups]
        assert len(rates) == 4
        assert (rates == sorted(set(rates))) == (decay < 1)
        w["learn_shapes"](model, w["few"](64), 60, groups=groups, lr=5e-3)
        moves[decay] = relative_moves(start, model)
    slow, even = moves[0.3], moves[1.0]
    assert slow["stage1"] < slow["stage2"] < slow["stage3"] < slow["head"]
    assert all(slow[f"stage{k}"] < even[f"stage{k}"] for k in (1, 2, 3))


def test_s227_one_top_rate_for_all_erases_the_groups_and_the_schedules_of_fit_do_not() -> None:
    def ratio(plan: Callable[[torch.optim.Optimizer], object]) -> float:
        optimizer = torch.optim.Adam(parameter_groups(world()["base"], 5e-3, 0.3))
        plan(optimizer)
        return optimizer.param_groups[-1]["lr"] / optimizer.param_groups[0]["lr"]

    assert ratio(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=5e-3, total_steps=10)) == 1
    for kind in ("one_cycle", "cosine", "linear"):
        assert ratio(lambda o, kind=kind: make_schedule(kind, o, 10)) == pytest.approx(1 / 0.3**3)


def test_s228_and_c254_noisy_words_still_teach() -> None:
    metrics = values("words")
    assert len(metrics["noisy"]) >= 20
    assert (metrics["noisy"] > metrics["untrained"]).double().mean() >= 0.9
    assert (metrics["noisy"] - metrics["untrained"]).median() > 0.04
    assert (metrics["noisy"] > metrics["strangers"]).double().mean() >= 0.9
    assert metrics["clean"].median() > metrics["noisy"].median()


def test_s229_the_gain_shrinks_as_the_domain_moves_away() -> None:
    metrics = values("gap")
    assert len(metrics["scratch"]) >= 20
    gains = [float((metrics[f"tile_{tile}"] - metrics["scratch"]).median()) for tile in (1, 2, 4, 16)]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0.1
    assert gains[-1] < gains[0] / 2
    assert metrics["shared_4"].median() > metrics["shared_0"].median()


def test_claim_c253_what_a_far_source_costs_grows_with_each_stage() -> None:
    metrics = values("cut")
    assert len(metrics["scratch"]) >= 20
    lost = [float((metrics[f"near_{k}"] - metrics[f"far_{k}"]).median()) for k in (1, 2, 3)]
    assert lost == sorted(lost)
    assert lost[2] > 3 * lost[0]
    assert metrics["far_1"].median() > metrics["random_1"].median()
    assert metrics["near_3"].median() > metrics["scratch"].median() > metrics["far_3"].median()


def test_what_was_ignored_is_gone() -> None:
    metrics = values("ignored")
    assert len(metrics["scratch"]) >= 20
    for other in ("untrained", "pixels", "scratch"):
        assert metrics["pretrained"].median() < metrics[other].median(), other


def test_at_scale_fine_tuning_leads_on_photographs_and_the_probe_falls_behind() -> None:
    metrics = values("cifar10")
    gains = [metrics[f"tuned_{n}"] - metrics[f"scratch_{n}"] for n in (50, 250, 1000)]
    assert all((gain > 0).all() for gain in gains)
    assert gains[0].median() > gains[1].median() > gains[2].median()
    assert metrics["probe_50"].median() > metrics["scratch_50"].median()
    assert metrics["probe_250"].median() < metrics["scratch_250"].median()


def test_the_chapter_still_gives_what_its_records_say() -> None:
    for metric, value in world()["ignored_result"].items():
        assert band("09_transfer.ignored", metric).contains(value, slack=0.06), metric


def test_equation_9_1_a_classifier_is_linear_in_its_features() -> None:
    base = world()["base"].eval()
    x = torch.rand(5, 3, 16, 16)
    features, _ = collect_features(base, [(x, torch.zeros(5))])
    with torch.no_grad():
        torch.testing.assert_close(features @ base.head.weight.T + base.head.bias, base(x))


def test_equations_9_2_and_9_3_the_probe_is_the_minimum_in_any_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    phi = torch.randn(40, 6, generator=generator, dtype=torch.float64) * 5 + 2
    y = torch.randint(3, (40,), generator=generator)
    mu, sigma = phi.mean(0), phi.std(0, correction=0)
    head = linear_probe(phi, y, 3, penalty=0.05)
    v = (head.weight * sigma).detach()  # W = V diag(1 / sigma)
    c = (head.bias + head.weight @ mu).detach()  # b = c - W mu

    def objective(v: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy((phi - mu) / sigma @ v.T + c, y) + 0.05 / 2 * (v**2).sum()

    best = objective(v, c)
    for _ in range(20):
        push = 1e-2 * torch.randn(v.shape, generator=generator, dtype=torch.float64)
        assert objective(v + push, c + push[:, 0]) > best
    torch.testing.assert_close(head(phi), (phi - mu) / sigma @ v.T + c)


def test_equation_9_4_rates_fall_by_a_factor() -> None:
    eta, rho, stages = 0.01, 0.4, 5
    assert layer_rates(stages, eta, rho) == pytest.approx(
        [eta * rho ** (stages - place) for place in range(1, stages + 1)]
    )


def test_equation_9_5_is_a_relative_length() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p))
    for place, move in relative_moves(before, model).items():
        pre = torch.cat([before[f"{place}.weight"].flatten(), before[f"{place}.bias"]])
        now = torch.cat([model[int(place)].weight.flatten(), model[int(place)].bias]).detach()
        assert move == pytest.approx(float((now - pre).norm() / pre.norm()), rel=1e-5)


def test_equation_9_7_noise_squeezes_and_keeps_the_order() -> None:
    p = torch.linspace(0, 1, 11)
    noisy = noisy_probability(p, 0.5, 0.1)
    assert (noisy.diff() > 0).all()
    torch.testing.assert_close(noisy, (1 - 0.5) * p + 0.1 * (1 - p))
    for share in (0.1, 0.6):
        words = torch.rand(40_000, 1, generator=torch.Generator().manual_seed(1)) < share
        seen = forget_and_invent(words, 0.5, 0.1, seed=2).double().mean()
        assert float(seen) == pytest.approx(float(noisy_probability(share, 0.5, 0.1)), abs=0.01)


def test_shuffled_pictures_lose_no_information() -> None:
    images = world()["old"].images[:8]
    flat = shuffle_tiles(images, 16).flatten(2)
    assert torch.equal(flat.sort().values, images.flatten(2).sort().values)
