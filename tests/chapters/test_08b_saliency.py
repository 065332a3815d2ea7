"""Chapter 08b: every system works, every claim is checked, every numbered equation is what the code does."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_object_images
from course_utils.explain.deconvnet import deconvnet, pool_with_switches, unpool
from course_utils.explain.grad_cam import grad_cam
from course_utils.explain.hooks import Taps
from course_utils.explain.methods import BASELINES, METHODS, pixel_map
from course_utils.explain.occlusion import occlusion, occlusion_one_by_one, positions, spread
from course_utils.explain.relu_rules import RULES, backward_rule, relu_rule, rule_gradient
from course_utils.explain.saliency import (
    channel_map,
    input_gradient,
    integrated_gradients,
    smooth_grad,
    strongest_place,
    unit_gradient,
)
from course_utils.explain.sanity import cascade, mass_inside, pointing_game, rank_correlation
from course_utils.models.fields import Field
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record
from course_utils.scratch.saliency.by_hand import answer, relu_back, send_back
from course_utils.scratch.saliency.lamps import make_lamps, train_lamp_net
from course_utils.scratch.saliency.pairs import side_by_side
from course_utils.scratch.saliency.passes import Counted

LAYER = "stage4.relu2"


@cache
def world(n=80, seed=41):
    """Pictures the network names correctly, with labels and masks."""
    scenes = trained("scenes")
    drawn = make_object_images(n, 64, seed=seed)
    x = scenes.prepare(drawn.images)
    with torch.no_grad():
        right = scenes.model(x).argmax(1) == drawn.labels
    return scenes.model, x[right], drawn.labels[right], drawn.object_masks[right]


@cache
def pairs_of(n):
    net, x, labels, masks = world()
    return net, side_by_side(x[:n], labels[:n], masks[:n], seed=3)


def small_net(*layers):
    torch.manual_seed(0)
    for layer in layers:  # made before the seed was set
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return nn.Sequential(*layers).double().eval()


def double(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- systems ------------------------------------------------------------------------------------


def test_s209_occlusion_points_at_the_object_and_beats_the_centre():
    net, x, labels, masks = (part[:40] if isinstance(part, torch.Tensor) else part for part in world())
    found = spread(occlusion(net, x, labels, patch=16, stride=8), (64, 64), 16, 8)
    middle = pixel_map("centre", net, x)
    assert mass_inside(found, masks).mean() > 1.15 * mass_inside(middle, masks).mean()
    assert pointing_game(found, masks).float().mean() > masks.float().mean() + 0.3
    # Where the middle is no help: two objects side by side, and the question for either of them.
    net, pairs = pairs_of(24)
    found, turned = (pixel_map("occlusion", net, pairs.images, c, stride=12) for c in (pairs.asked, pairs.other))
    assert mass_inside(found, pairs.half).mean() > 0.7
    assert mass_inside(turned, ~pairs.half).mean() > 0.7
    # Who knows the generator, but not the question, points at the middle of the left or of the right half.
    blind = torch.stack([pairs.object[:, 32, column].float().mean() for column in (32, 96)]).mean()
    assert pairs.object[:, 32, 64].float().mean() <= blind, "the middle of the picture is worse"
    assert pointing_game(found, pairs.object).float().mean() > blind
    assert pointing_game(found, pairs.half).float().mean() > 0.7


def test_s210_the_saliency_of_a_class_peaks_on_the_object_more_often_than_chance():
    net, x, labels, masks = world()
    hits = pointing_game(channel_map(input_gradient(net, x, labels)), masks).double()
    chance = masks.double().mean((1, 2))
    spread_of_chance = (chance * (1 - chance)).sum().sqrt()
    assert hits.sum() > chance.sum() + 3 * spread_of_chance
    noise = pointing_game(pixel_map("random", net, x), masks).double()
    assert abs(noise.sum() - chance.sum()) < 3 * spread_of_chance


def stage_fields(net):
    """Field of the first unit behind each layer of the stages, by the sizes of kernels alone."""
    pair = lambda v: (v, v) if isinstance(v, int) else v
    field, fields = Field(), {}
    for name, m in net.named_modules():
        if isinstance(m, nn.Conv2d | nn.MaxPool2d):
            field = field.window(pair(m.kernel_size), pair(m.stride), pair(m.padding))
        if name.startswith("stage") and not list(m.children()):
            fields[name] = field
    return fields


@pytest.mark.parametrize("layer", ["stage1.relu1", "stage1.pool", "stage2.relu1", "stage2.pool", "stage3.relu2"])
def test_s211_a_hidden_unit_s_gradient_is_zero_outside_its_field(layer):
    net, x, _, _ = world()
    field = stage_fields(net)[layer]
    with Taps(net, layer, detach=True) as taps:
        net(x[:4])
    maps = taps[layer]
    reached = 0
    for channel in maps.amax((2, 3)).amin(0).topk(3).indices.tolist():
        gradient = unit_gradient(net, x[:4], layer, channel)
        for n, place in enumerate(strongest_place(maps, channel).tolist()):
            box = field.shifted(tuple(place))
            (top, left), (bottom, right) = ((int(a), int(b)) for a, b in (box.low, box.high))
            inside = torch.zeros(64, 64, dtype=torch.bool)
            inside[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = True
            seen = gradient[n].abs().amax(0) > 0
            assert not (seen & ~inside).any()
            assert (seen & inside).any()
            reached = max(reached, (seen.sum() / inside.sum()).item())
    assert reached > 0.5, "the field is not much larger than what the unit sees"


def test_s212_the_deconvnet_uses_switches_and_clips_on_a_toy_of_three_layers():
    toy = nn.Sequential(nn.Conv2d(1, 1, (1, 2), bias=False), nn.ReLU(), nn.MaxPool2d((1, 2))).eval()
    toy[0].weight.data = torch.tensor([[[[-1.0, 1.0]]]])
    row = torch.tensor([[[[1.0, 4.0, 2.0, 3.0, 8.0]]]])
    assert deconvnet(toy, row, "2", 0, (0, 1)).flatten().tolist() == [0, 0, 0, -5, 5]
    assert deconvnet(toy, row, "2", 0, (0, 0)).flatten().tolist() == [-3, 3, 0, 0, 0]
    # Without the right switch it would be drawn elsewhere: swap the two values of the second window.
    moved = row.clone()
    moved[..., 3:] = torch.tensor([7.0, 8.0])  # differences 3, -2, 5, 1: the maximum comes one place earlier
    assert deconvnet(toy, moved, "2", 0, (0, 1)).flatten().tolist() == [0, 0, -5, 5, 0]
    # Clipping: a signal that arrives negative at the ReLU is gone, where the gradient would go on.
    two = nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)).eval()
    two[1].weight.data.fill_(-1.0)
    two[2].weight.data.fill_(-1.0)
    lone = torch.full((1, 1, 1, 1), 3.0)
    assert deconvnet(two, lone, "2", 0).item() == 3
    two[2].weight.data.fill_(1.0)
    assert two(lone).item() == -3
    assert deconvnet(two, lone, "2", 0).item() == 3, "-3 through weight -1 arrives as +3 and passes"
    two[1].weight.data.fill_(1.0)
    two[2].bias = nn.Parameter(torch.tensor([-7.0]))
    assert two(lone).item() == -4
    assert deconvnet(two, lone, "2", 0).item() == 0, "-4 arrives negative and is clipped"


def test_s212_on_the_real_network_it_is_backprop_with_one_changed_rule():
    net, x, _, _ = world()
    for layer in ("stage1", "stage3"):
        with Taps(net, layer, detach=True) as taps:
            net(x[:3])
        maps = taps[layer]
        channel = int(maps.amax((2, 3)).amin(0).argmax())
        value = maps[:, channel].amax((1, 2))[:, None, None, None]
        with relu_rule("deconvnet"):
            signal = unit_gradient(net, x[:3], layer, channel)
        machine = deconvnet(net, x[:3], layer, channel)
        torch.testing.assert_close(machine, value * signal, atol=1e-3 * machine.abs().max().item(), rtol=1e-3)
        plain = unit_gradient(net, x[:3], layer, channel)
        if layer == "stage3":
            assert not torch.allclose(machine, value * plain, atol=1e-3 * machine.abs().max().item())


def test_s213_guided_keeps_what_is_positive_both_ways():
    a, g = double(2, 5000)
    back, deconv, guided = (backward_rule(g, a, rule) for rule in RULES.values())
    assert torch.equal(guided != 0, (a > 0) & (g > 0))
    assert torch.equal(guided, back * (deconv > 0))
    assert torch.equal(guided, deconv * (back != 0))


def test_s213_and_c252_sharp_maps_that_hardly_ask_for_the_class():
    net, x, labels, _ = world()
    wrong = (labels + 3) % 10
    alike = {}
    for rule in RULES:
        maps = [channel_map(rule_gradient(net, x[:16], c[:16], rule)) for c in (labels, wrong)]
        alike[rule] = rank_correlation(*maps).median().item()
    assert alike["guided"] > alike["backprop"] + 0.1
    assert alike["guided"] > 0.8


def test_s223_saliency_and_occlusion_find_the_lamp_that_counts():
    teller = train_lamp_net(make_lamps(600, seed=1), seed=1)
    lamps = make_lamps(80, seed=77)
    told = teller(lamps.images)
    assert told.shape == (80, 1)
    explained = 1 - (told[:, 0] - lamps.y).square().mean() / lamps.y.var()
    assert explained > 0.8
    untrained = train_lamp_net(make_lamps(600, seed=1), seed=1, epochs=0)
    for way in ("gradient", "occlusion"):
        maps = pixel_map(way, teller, lamps.images, patch=4, stride=2, fill=0.2)
        red, green = (
            (mass_inside(maps, m) / m.float().mean((1, 2))).mean() for m in (lamps.cause, lamps.other)
        )  # fmt: skip
        assert red > 2 * green
        assert red > 1.5
        before = pixel_map(way, untrained, lamps.images, patch=4, stride=2, fill=0.2)
        assert red > (mass_inside(before, lamps.cause) / lamps.cause.float().mean((1, 2))).mean()
    for way in ("gradient", "occlusion"):
        red, green = (band("08b_saliency.lamps", f"{way} on {c}") for c in ("red", "green"))
        assert red.count >= 20
        assert red.minimum > green.maximum


# ---- claims -------------------------------------------------------------------------------------


def test_claim_c246_the_probability_s_gradient_fades_and_mixes_classes():
    net = small_net(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))
    x = double(6, 3, 2, 2)
    best = net(x).argmax(1)
    lengths, angles = [], []
    for certainty in (1.0, 10.0, 100.0):  # the same answers, said with more and more certainty
        sharp = nn.Sequential(net, Scale(certainty))
        score = input_gradient(sharp, x, best).flatten(1) / certainty
        chance = input_gradient(sharp, x, best, of="probability").flatten(1) / certainty
        lengths.append((chance.norm(dim=1) / score.norm(dim=1)).min().item())
        angles.append(F.cosine_similarity(chance, score).min().item())
    assert lengths[0] > 1e3 * lengths[2], "the surer, the shorter"
    assert min(angles) < 0.9, "and it points elsewhere"
    # On the trained network: at most p (1 - p) times the largest difference between the gradients of two scores.
    net, x, labels, _ = world()
    x, labels = x[:8], labels[:8]
    p = net(x).softmax(1).detach().gather(1, labels[:, None])[:, 0]
    every = torch.stack([input_gradient(net, x, k).flatten(1) for k in range(10)], 1)
    own = every[range(8), labels]
    sides = (own[:, None] - every).norm(dim=2).amax(1)
    chance = input_gradient(net, x, labels, of="probability").flatten(1).norm(dim=1)
    assert (chance <= p * (1 - p) * sides * 1.001 + 1e-5).all()


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, scores):
        return scores * self.factor


def test_claim_c247_guided_changes_the_relu_and_nothing_at_a_pooling():
    pooled = small_net(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(72, 5))
    x = double(4, 3, 12, 12)
    with pytest.raises(ValueError, match="no ReLU ran"):
        rule_gradient(pooled, x, 0, "guided")
    one_relu = nn.Sequential(*pooled, nn.ReLU())  # a ReLU at the very end gates whole pictures, not the pooling
    positive = pooled(x) > 0
    target = int(positive.sum(0).argmax())
    on = positive[:, target]
    assert on.any()
    torch.testing.assert_close(rule_gradient(one_relu, x, target, "guided")[on], input_gradient(pooled, x, target)[on])
    all_conv = small_net(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(72, 5))  # fmt: skip
    assert not torch.allclose(rule_gradient(all_conv, x, 0, "guided"), input_gradient(all_conv, x, 0))
    a, g = np.array([-1.0, 2.0, -3.0, 4.0]), np.array([5.0, -6.0, 7.0, 8.0])
    assert [relu_back(g, a, rule).tolist() for rule in RULES] == [[0, -6, 0, 8], [5, 0, 7, 8], [0, 0, 0, 8]]


def test_claim_c248_as_many_passes_as_places_and_nothing_finer_than_the_patch():
    net = Counted(small_net(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)))
    x = double(1, 3, 32, 32)
    for patch, stride in ((8, 4), (8, 1), (5, 3)):
        net.forward_passes = 0
        occlusion(net, x, 0, patch=patch, stride=stride)
        assert net.forward_passes == 1 + positions(32, patch, stride) ** 2
    # A single pixel that decides alone is spread over a patch and more.

    class Pixel(nn.Module):
        def forward(self, x):
            return x[:, 0, 16, 16]

    dot = torch.ones(1, 3, 32, 32)
    found = spread(occlusion(Pixel(), dot, patch=8, stride=1), (32, 32), 8, 1)[0]
    assert (found > 0).sum() == 15**2
    sharp = input_gradient(Pixel(), dot)[0, 0]
    assert (sharp != 0).sum() == 1


def test_claim_c249_a_deconvnet_costs_one_pass_each_way_a_reconstruction_many():
    net, x, labels, _ = world()
    counted = Counted(net)
    pixel_map("deconvnet", counted, x[:1], labels[:1])
    assert (counted.forward_passes, counted.backward_passes) == (1, 1)
    counted = Counted(net[:2])
    with torch.no_grad():
        wanted = counted(x[:1])
    guess = torch.zeros_like(x[:1], requires_grad=True)
    adam = torch.optim.Adam([guess], 0.05)
    misses = []
    for _ in range(60):
        miss = (counted(guess) - wanted).square().mean()
        misses.append(miss.item())
        adam.zero_grad()
        miss.backward()
        adam.step()
    assert misses[1] > 0.5 * misses[0], "one step is not enough"
    assert misses[-1] < 0.6 * misses[0]
    assert counted.forward_passes == 61
    assert counted.backward_passes == 60


def test_claim_c252_both_send_activations_back_and_guided_is_the_overlap():
    net, x, labels, _ = world()
    maps = {rule: rule_gradient(net, x[:5], labels[:5], rule) for rule in RULES}
    assert all(m.shape == x[:5].shape and m.abs().sum() > 0 for m in maps.values())
    a, g = double(2, 1000, seed=4)
    masks = {rule: backward_rule(g, a, switch) != 0 for rule, switch in RULES.items()}
    assert torch.equal(masks["guided"], masks["backprop"] & masks["deconvnet"])


# ---- equations ----------------------------------------------------------------------------------


def test_equation_8_31_the_map_is_the_loss_of_score():
    net, x, labels, _ = world()
    drops = occlusion(net, x[:2], labels[:2], patch=16, stride=16)
    with torch.no_grad():
        covered = x[:2].clone()
        covered[..., 16:32, 48:64] = 0
        loss = (net(x[:2]) - net(covered)).gather(1, labels[:2, None])[:, 0]
    torch.testing.assert_close(drops[:, 1, 3], loss, atol=1e-4, rtol=1e-4)
    slow = occlusion_one_by_one(net, x[:1], labels[:1], patch=16, stride=16)
    torch.testing.assert_close(slow, drops[:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("height", "width", "k", "t"), [(64, 64, 16, 4), (64, 128, 16, 8), (20, 31, 6, 5)])
def test_equation_8_32_the_number_of_places(height, width, k, t):
    n = (-(-(height - k) // t) + 1) * (-(-(width - k) // t) + 1)
    assert positions(height, k, t) * positions(width, k, t) == n
    drops = occlusion(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.ones(1, 3, height, width), 0,
                      patch=k, stride=t)  # fmt: skip
    assert drops[0].numel() == n


def test_equation_8_33_a_small_change_adds_up():
    net = small_net(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, 4))
    x, d = double(5, 3, 8, 8), 1e-6 * double(5, 3, 8, 8, seed=1)
    promised = (input_gradient(net, x, 2) * d).sum((1, 2, 3))
    torch.testing.assert_close((net(x + d) - net(x))[:, 2].detach(), promised, atol=1e-10, rtol=1e-4)


def test_equation_8_34_the_largest_channel():
    net, x, labels, _ = world()
    leaf = x[:3].clone().requires_grad_()
    (g,) = torch.autograd.grad(net(leaf).gather(1, labels[:3, None]).sum(), leaf)
    torch.testing.assert_close(channel_map(input_gradient(net, x[:3], labels[:3])), g.abs().max(1).values)


def test_equation_8_35_the_gradient_of_the_probability():
    net = small_net(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 4))
    x = double(5, 3, 8, 8)
    p = net(x).softmax(1).detach()
    scores = torch.stack([input_gradient(net, x, k) for k in range(4)], 1)
    mixed = torch.einsum("nk,nkchw->nchw", p, scores)
    expected = p[:, 1, None, None, None] * (scores[:, 1] - mixed)
    torch.testing.assert_close(input_gradient(net, x, 1, of="probability"), expected)


def test_equation_8_36_smoothgrad_is_a_mean():
    net = small_net(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 4))
    x = double(2, 3, 8, 8)
    draw = torch.Generator().manual_seed(9)
    sigma = 0.1 * (x.amax((1, 2, 3)) - x.amin((1, 2, 3)))[:, None, None, None]
    bumps = [torch.randn(x.shape, generator=draw, dtype=x.dtype) for _ in range(5)]
    mean = sum(input_gradient(net, x + sigma * e, 3) for e in bumps) / 5
    torch.testing.assert_close(smooth_grad(net, x, 3, samples=5, noise=0.1, seed=9), mean)


def test_equation_8_37_the_shares_add_up_to_the_score():
    net, x, labels, _ = world()
    shares = integrated_gradients(net, x[:4], labels[:4], steps=48)
    with torch.no_grad():
        rise = (net(x[:4]) - net(torch.zeros_like(x[:4]))).gather(1, labels[:4, None])[:, 0]
    assert torch.allclose(shares.sum((1, 2, 3)), rise, atol=0.1 * rise.abs().max().item())
    rough = input_gradient(net, x[:4], labels[:4]) * x[:4]
    assert not torch.allclose(rough.sum((1, 2, 3)), rise, atol=0.1 * rise.abs().max().item())


def test_equation_8_38_no_gradient_outside_the_field():
    net, x, _, _ = world()
    gradient = unit_gradient(net, x[:1], "stage2.pool", 0, (5, 9))[0]
    box = stage_fields(net)["stage2.pool"].shifted((5, 9))
    outside = torch.ones(64, 64, dtype=torch.bool)
    outside[int(box.low[0]) : int(box.high[0]) + 1, int(box.low[1]) : int(box.high[1]) + 1] = False
    assert outside.any()
    assert gradient[:, outside].abs().max() == 0


def test_equation_8_39_two_gates_three_rules():
    a, g = double(2, 2000)
    for rule, (f, b) in {"backprop": (1, 0), "deconvnet": (0, 1), "guided": (1, 1)}.items():
        expected = g * (a > 0) ** f * (g > 0) ** b
        assert torch.equal(backward_rule(g, a, RULES[rule]), expected)
        assert (RULES[rule].forward_gate, RULES[rule].signal_gate) == (f, b)
        assert np.array_equal(relu_back(g.numpy(), a.numpy(), rule), expected.numpy())
    assert send_back(np.array([2.0, 1.0]), "deconvnet").tolist() == [3, -9]
    slope = (answer(np.array([2.0, 1.001])) - answer(np.array([2.0, 1.0]))) / 0.001
    assert slope == pytest.approx(6)


def test_equation_8_40_guided_is_backprop_masked_by_the_deconvnet():
    a, g = double(2, 2000, seed=5)
    back, deconv, guided = (backward_rule(g, a, rule) for rule in RULES.values())
    assert torch.equal(guided, back * (deconv > 0))


def test_equation_8_41_values_go_to_their_switches():
    x = double(2, 3, 9, 9)
    y, switches = pool_with_switches(x, nn.MaxPool2d(3, 2))
    full = unpool(y, switches, (9, 9))
    expected = torch.zeros(2, 3, 81, dtype=torch.float64)
    for n in range(2):
        for c in range(3):
            for value, place in zip(y[n, c].flatten(), switches[n, c].flatten(), strict=True):
                expected[n, c, place] += value
    torch.testing.assert_close(full.flatten(2), expected)


def test_equation_8_42_grad_cam():
    net, x, labels, _ = world()
    leaf = x[:3].clone().requires_grad_()
    with Taps(net, LAYER) as taps:
        score = net(leaf).gather(1, labels[:3, None]).sum()
    maps = taps[LAYER]
    (slope,) = torch.autograd.grad(score, maps)
    alpha = slope.sum((2, 3)) / (maps.shape[2] * maps.shape[3])
    expected = sum(alpha[:, k, None, None] * maps[:, k] for k in range(maps.shape[1])).clamp_min(0)
    torch.testing.assert_close(grad_cam(net, x[:3], LAYER, labels[:3]), expected.detach(), atol=1e-4, rtol=1e-4)


# ---- the score sheet ----------------------------------------------------------------------------


def test_grad_cam_moves_with_the_question_and_guided_stays():
    net, pairs = pairs_of(40)
    share = {}
    for method in ("edges", "guided", "Grad-CAM"):
        maps = pixel_map(method, net, pairs.images, pairs.asked, layer=LAYER)
        share[method] = mass_inside(maps, pairs.half).mean().item()
    assert abs(share["edges"] - 0.5) < 0.1
    assert share["Grad-CAM"] > 0.65
    assert share["Grad-CAM"] > share["guided"] + 0.05


def test_guided_maps_outlive_the_weights():
    net, x, labels, _ = world()
    x, labels = x[:12], labels[:12]
    layers = [(name, broken) for name, broken in cascade(net, x, seed=1)]
    assert len(layers) == 8
    alike = {m: [] for m in ("gradient", "guided", "Grad-CAM")}
    for _, broken in cascade(net, x, seed=1):
        for m, values in alike.items():
            before, now = (pixel_map(m, model, x, labels, layer=LAYER) for model in (net, broken))
            values.append(rank_correlation(before, now).mean().item())
    upper = {m: np.mean(values[:-1]) for m, values in alike.items()}
    assert upper["guided"] > upper["gradient"]
    assert upper["guided"] > upper["Grad-CAM"]


def test_the_recorded_sheet_says_which_network_it_scored():
    record = load_record("08b_saliency.scores")
    assert record["network"] == trained("scenes").record["sha256"]
    assert len(record["seeds"]) >= 5
    for method in (*BASELINES, *METHODS):
        for what in ("hits", "lift", "half", "random", "random hits"):
            assert len(record["metrics"][f"{method}: {what}"]) == len(record["seeds"])
    for method in BASELINES:
        assert band("08b_saliency.scores", f"{method}: half").contains(0.5, slack=0.1)
        assert min(record["metrics"][f"{method}: random"]) == 1
    middle = {key: float(np.median(values)) for key, values in record["metrics"].items()}
    for method in ("guided", "integrated"):  # a network that knows nothing hits nearly as often
        assert middle[f"{method}: hits"] - middle[f"{method}: random hits"] < 0.15
    for method in ("occlusion", "Grad-CAM", "guided Grad-CAM"):
        assert middle[f"{method}: hits"] - middle[f"{method}: random hits"] > 0.3
    for what in ("lift", "half"):
        assert max(METHODS, key=lambda m: middle[f"{m}: {what}"]) == "guided Grad-CAM"


def test_the_cheat_is_caught_in_all_pairs_of_networks():
    for way in ("gradient", "guided", "Grad-CAM", "occlusion"):
        cheat, honest = (band("08b_saliency.cheat", f"{n}: {way}") for n in "AB")
        assert cheat.count >= 20
        assert cheat.minimum > honest.maximum
    accuracy, fooled = (band("08b_saliency.cheat", f"A: {what}") for what in ("accuracy", "wrong square"))
    assert accuracy.minimum > band("08b_saliency.cheat", "B: accuracy").maximum, "accuracy would recommend the cheat"
    assert fooled.maximum < 0.05
