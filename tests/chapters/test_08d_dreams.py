"""Chapter 08d: every system works, the claim is checked, every numbered equation is what the code does."""

import itertools
import math
from functools import cache

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.data.synthetic import make_object_images
from course_utils.explain.adversarial import accuracy, fgsm, pgd, random_signs
from course_utils.explain.deep_dream import deep_dream, mean_square, octave_sizes, resize
from course_utils.explain.partial_run import run_up_to
from course_utils.explain.style import gram, style_distance, transfer_style
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record
from course_utils.scratch.robustness.by_layer import layer_outputs, relative_distance
from course_utils.scratch.robustness.warps import CHANGES, changed, same_travel, warp

STAGES = ("stage1", "stage2", "stage3", "stage4")
LAYERS = ("input", *STAGES, "output")


@cache
def scenes():
    return trained("scenes")


@cache
def world(seed=8, count=60):
    made = make_object_images(count, 64, seed=seed)
    return made.images / 255, made.labels


def photo(name, side=64):
    return data.photo(name, side)[None] / 255


@cache
def small():
    """A network small enough for formulas in float64."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(5, 6, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)),
    ).double()


def small_pictures(n=2, side=16, seed=1):
    return torch.rand(n, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 0.6 + 0.2


# ---- systems ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["china", "cat"])
def test_s219_the_activation_rises_from_octave_to_octave_and_the_picture_is_saved(name, tmp_path):
    net, start = scenes(), photo(name, 96)
    dream = deep_dream(net.model, start, "stage3", octaves=4, steps=6, jitter=2, prepare=net.prepare)
    assert bool((dream.values[:, -1] > 1.5 * dream.values[:, 0]).all())
    assert float((dream.values.diff(dim=1) > 0).float().mean()) > 0.9

    def J(x):
        return float(mean_square(run_up_to(net.model, net.prepare(x), ["stage3"])["stage3"]).detach())

    # Sizes differ from octave to octave: the detail of each is brought up to the full size and measured there.
    rungs = [J(start)]
    for octave in dream.octaves:
        detail = octave - resize(start, octave.shape[2:])
        rungs.append(J((start + resize(detail, (96, 96))).clamp(0, 1)))
    assert all(low < high for low, high in itertools.pairwise(rungs))
    # More than a random change of the same size does.
    change = float((dream.images - start).abs().mean())
    assert rungs[-1] > 2 * J(random_signs(start, change))
    raw = (dream.images[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(raw).save(tmp_path / "dream.png")
    with Image.open(tmp_path / "dream.png") as file:
        read = torch.tensor(list(file.convert("RGB").tobytes()), dtype=torch.uint8).view(1, 96, 96, 3) / 255
    read = read.permute(0, 3, 1, 2)
    assert float((read - dream.images).abs().max()) <= 0.501 / 255
    assert J(read) / rungs[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("content", "style"), [("cat", "flower"), ("china", "gravel"), ("coffee", "hubble")])
def test_s220_both_losses_fall_and_the_style_comes_nearer(content, style):
    net, layers = scenes(), STAGES[:3]
    p, a = photo(content), photo(style)
    made = transfer_style(net.model, p, a, content_layer="stage2", style_layers=layers, steps=60, prepare=net.prepare)
    assert float(made.content[-1]) < float(made.content[0])
    assert float(made.style[-1]) < float(made.style[0])
    near, far = (float(style_distance(net.model, x, a, layers, net.prepare)) for x in (made.images, p))
    assert near < far
    # And the content is that of the content picture, not that of the style picture.
    maps = {
        k: run_up_to(net.model, net.prepare(x), ["stage2"])["stage2"]
        for k, x in (("x", made.images), ("p", p), ("a", a))
    }
    assert float((maps["x"] - maps["p"]).norm()) < float((maps["a"] - maps["p"]).norm())


def test_s220_a_gram_matrix_finds_a_texture_again():
    net = scenes()
    names = ("brick", "grass", "gravel", "coins", "text", "page")
    whole = torch.cat([data.photo(n, 192, gray=True)[None] / 255 for n in names])
    halves = [whole[..., :96, :96], whole[..., 96:, 96:]]
    halves = [0.5 + 0.15 * (h - h.mean((2, 3), keepdim=True)) / h.std((2, 3), keepdim=True) for h in halves]
    with torch.no_grad():
        said = [
            run_up_to(net.model, net.prepare(h.clamp(0, 1).expand(-1, 3, -1, -1)), ["stage2"])["stage2"] for h in halves
        ]
    found = torch.cdist(gram(said[0]).flatten(1), gram(said[1]).flatten(1)).argmin(1)
    assert int((found == torch.arange(len(names))).sum()) >= 5


@cache
def swept(change, amounts):
    """Distance of each layer from where it was, for each amount of one change."""
    net, (x, _) = scenes(), world()
    before = layer_outputs(net.model, net.prepare(x[:40]), LAYERS)
    curves = {name: [] for name in LAYERS}
    for amount in amounts:
        after = layer_outputs(net.model, net.prepare(changed(x[:40], change, amount, seed=3)), LAYERS)
        for name in LAYERS:
            curves[name].append(relative_distance(before[name], after[name]))
    return curves


def test_s221_deep_layers_are_flatter_for_a_shift_than_for_a_turn():
    """Over the ranges of the figure: a quarter of the picture, a quarter turn; and flatter than the first layers."""
    shift, turn = swept("shift", (4, 8, 16)), swept("turn", (20, 45, 90))
    for curves in (shift, turn):
        assert all(low < high for low, high in itertools.pairwise(curves["input"]))
        assert curves["stage4"][-1] < curves["stage1"][-1]
        assert curves["output"][-1] < curves["stage1"][-1]
    assert shift["stage4"][-1] < turn["stage4"][-1]
    assert shift["output"][-1] < 0.7 * turn["output"][-1]


def test_c251_in_one_unit_deep_layers_forgive_all_three_changes_more_than_early_ones():
    record = load_record("08d_dreams.scenes")
    assert len(record["seeds"]) == 5
    assert record["weights_sha256"] == scenes().record["sha256"], "the network changed: record it again"
    for change in CHANGES:
        early, deep = (band("08d_dreams.scenes", f"trained: {change} 8, q {n}") for n in ("stage1", "output"))
        assert deep.maximum < early.minimum
        assert deep.maximum < 0.9
    # At equal travel a shift is forgiven more than a turn and than a change of size: at the output, not in stage 1.
    for layer in ("head.mean", "output"):
        median = {c: band("08d_dreams.scenes", f"trained: {c} 8, q {layer}").median for c in CHANGES}
        assert median["shift"] < 0.9 * min(median["turn"], median["scale"])
    early = {c: band("08d_dreams.scenes", f"trained: {c} 8, q stage1").median for c in CHANGES}
    assert early["shift"] > 0.9 * max(early["turn"], early["scale"])
    # An untrained network's output forgives a turn at least as readily: the order was learned.
    blind = {c: band("08d_dreams.scenes", f"untrained: {c} 8, q output").median for c in CHANGES}
    assert blind["turn"] < blind["shift"]


def test_c251_on_photographs_the_order_is_the_same() -> None:
    record = load_record("08d_dreams.cifar10")
    assert len(record["seeds"]) == 5
    assert record["weights_sha256"] == load_record("cifar10_resnet")["sha256"], "the network changed: record it again"
    for change in CHANGES:
        early, deep = (band("08d_dreams.cifar10", f"{change} 4, q {n}") for n in ("stage1", "output"))
        assert deep.maximum < early.minimum
    shift, scale, turn = (band("08d_dreams.cifar10", f"{c} 4, q output") for c in CHANGES)
    assert shift.maximum < min(scale.minimum, turn.minimum)


def test_attacks_on_photographs_need_a_single_step_of_255() -> None:
    def right(what: str):
        return band("08d_dreams.cifar10", what)

    assert right("one step 1, right").maximum < 0.75 * right("right").minimum
    assert right("ten steps 2, right").maximum < 0.3
    assert right("coin 4, right").median > right("right").median - 0.02


def test_adversarial_changes_of_a_few_steps_beat_chance():
    net, (x, y) = scenes(), world()
    x, y, e = x[:40], y[:40], 4 / 255
    clean = accuracy(net.model, x, y, net.prepare)
    coin = accuracy(net.model, random_signs(x, e), y, net.prepare)
    one = accuracy(net.model, fgsm(net.model, x, y, e, prepare=net.prepare), y, net.prepare)
    ten = accuracy(net.model, pgd(net.model, x, y, e, prepare=net.prepare), y, net.prepare)
    assert abs(clean - net.record["kept_accuracy"]) < 0.13
    assert coin > clean - 0.08
    assert ten <= one < coin - 0.2


# ---- equations ----------------------------------------------------------------------------------


def test_equations_8_91_and_8_92_one_step_of_a_dream():
    x = small_pictures(1).requires_grad_()
    maps = small()[1](small()[0](x))
    J = sum(float(v) ** 2 for v in maps.flatten().tolist()) / maps.numel()
    assert float(mean_square(maps)) == pytest.approx(J)
    (g,) = torch.autograd.grad(maps.square().sum() / maps.numel(), x)
    wanted = (x.detach() + 0.01 * g / g.abs().mean()).clamp(0, 1)
    found = deep_dream(small(), x.detach(), "1", octaves=1, steps=1, step_size=0.01, jitter=0)
    torch.testing.assert_close(found.images, wanted)
    assert float((found.images - x.detach()).abs().mean()) == pytest.approx(0.01, rel=0.05)
    assert float(found.values[0, 0, 0]) == pytest.approx(J)


def test_equation_8_93_octaves_carry_the_detail_up():
    x0, sizes = small_pictures(1, 24), octave_sizes(24, 24, 3, 1.4)
    assert sizes == [(12, 12), (17, 17), (24, 24)]
    detail = torch.zeros_like(x0)
    for size in sizes:
        base = resize(x0, size)
        x = (base + resize(detail, size)).clamp(0, 1)
        for _ in range(2):
            x = deep_dream(small(), x, "1", octaves=1, steps=1, step_size=0.01, jitter=0).images
        detail = x - base
    found = deep_dream(small(), x0, "1", octaves=3, steps=2, step_size=0.01, jitter=0)
    torch.testing.assert_close(found.images, x)


def test_equation_8_94_the_gram_matrix():
    maps = small()[0](small_pictures(1))
    maps = maps.detach()
    found = gram(maps)[0]
    places = maps.shape[2] * maps.shape[3]
    for i, j in itertools.product(range(5), repeat=2):
        pairs = zip(maps[0, i].flatten().tolist(), maps[0, j].flatten().tolist())
        assert float(found[i, j]) == pytest.approx(sum(a * b for a, b in pairs) / places)


def test_equations_8_95_to_8_97_the_losses_of_a_style_transfer():
    p, a, start = small_pictures(1, seed=1), small_pictures(1, seed=2), small_pictures(1, seed=3)
    beta, lr = 3.0, 0.01
    made = transfer_style(
        small(), p, a, content_layer="1", style_layers=["0", "1"], style_weight=beta, steps=1, lr=lr, start=start
    )

    def losses(x):
        said, of_p, of_a = ([small()[0](z), small()[1](small()[0](z))] for z in (x, p, a))
        content = (said[1] - of_p[1]).square().sum() / of_p[1].square().sum()
        style = 0
        for s, t in zip(said, of_a):
            g, h = ((m[0].flatten(1) @ m[0].flatten(1).T) / m[0, 0].numel() for m in (s, t))
            style = style + (g - h).square().sum() / h.square().sum() / 2
        return content, style

    x = start.clone().requires_grad_()
    content, style = losses(x)
    assert float(made.content[0]) == pytest.approx(content.item())
    assert float(made.style[0]) == pytest.approx(style.item())
    # The first step of Adam is lr times the sign of the gradient of the weighted sum.
    (g,) = torch.autograd.grad(content + beta * style, x)
    clear = g.abs() > 1e-5
    torch.testing.assert_close(made.images[clear], (start - lr * g.sign())[clear], atol=1e-4, rtol=0)
    assert float(made.content[1]) == pytest.approx(losses(made.images)[0].item())


def test_equation_8_98_the_worst_change_of_a_linear_score():
    w = torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    corners = torch.tensor(list(itertools.product((-0.1, 0.1), repeat=8)), dtype=torch.float64)
    inside = 0.2 * torch.rand(5000, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.1
    assert float((corners @ w).max()) == pytest.approx(0.1 * float(w.abs().sum()))
    assert float((inside @ w).max()) < 0.1 * float(w.abs().sum())


def test_equation_8_99_one_step_of_an_attack():
    x, y = small_pictures(3), torch.tensor([0, 1, 2])
    z = x.clone().requires_grad_()
    (g,) = torch.autograd.grad(F.cross_entropy(small()(z), y), z)
    torch.testing.assert_close(fgsm(small(), x, y, 0.03), (x + 0.03 * g.sign()).clamp(0, 1))


def test_equation_8_100_two_steps_and_the_way_back_to_the_box():
    x, y = small_pictures(2), torch.tensor([3, 1])
    step, epsilon, z = 0.02, 0.03, x
    for _ in range(2):
        z = z.detach().requires_grad_()
        (g,) = torch.autograd.grad(F.cross_entropy(small()(z), y), z)
        z = (z + step * g.sign()).detach()
        z = (x + (z - x).clamp(-epsilon, epsilon)).clamp(0, 1)
    found = pgd(small(), x, y, epsilon, steps=2, step_size=step, random_start=False)
    torch.testing.assert_close(found, z)
    assert float((found - x).abs().max()) == pytest.approx(epsilon)


def test_equation_8_101_the_distance_of_a_layer():
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(5, 7, generator=draw), torch.randn(5, 7, generator=draw)
    moved = sum(math.dist(a[i].tolist(), b[i].tolist()) for i in range(5)) / 5
    apart = [math.dist(a[i].tolist(), a[j].tolist()) for i in range(5) for j in range(5) if i != j]
    assert relative_distance(a, b) == pytest.approx(moved / (sum(apart) / len(apart)), rel=1e-5)


@pytest.mark.parametrize("change", CHANGES)
def test_equation_8_102_travel(change):
    """Watch a ramp of x and one of y through the warp: they say where each pixel came from."""
    side, amount = 64, same_travel(change, 3.0, 64, 64)
    grid = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    ramps = torch.stack([grid.expand(side, side), grid[:, None].expand(side, side)])[None]
    if change == "shift":
        back = warp(ramps, right=amount * 0.6, down=amount * 0.8)
    elif change == "scale":
        back = warp(ramps, factor=1 / amount)  # from where it is to where it goes: the inverse change
    else:
        back = warp(ramps, degrees=amount)
    inner = (..., slice(16, 48), slice(16, 48))  # away from the mirrored border
    travelled = (back - ramps)[inner].norm(dim=1)
    radius = torch.hypot(*ramps[0])
    if change == "shift":
        wanted = torch.full_like(radius, amount)
    elif change == "scale":
        wanted = (amount - 1) * radius
    else:
        wanted = 2 * math.sin(math.radians(amount) / 2) * radius
    torch.testing.assert_close(travelled[0], wanted[inner[1:]])
    assert float(wanted.mean()) == pytest.approx(3.0, rel=1e-4)


def test_equation_8_103_is_what_the_record_holds():
    metrics = load_record("08d_dreams.scenes")["metrics"]
    for change in CHANGES:
        for part in range(5):
            below = metrics[f"trained: {change} 4, input"][part]
            for layer in ("stage1", "stage4", "output"):
                shares = (
                    metrics[f"trained: {change} 4, q {layer}"][part],
                    metrics[f"trained: {change} 4, {layer}"][part] / below,
                )
                assert shares[0] == pytest.approx(shares[1], abs=2e-3)
