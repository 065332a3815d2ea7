"""Chapter 06: LeNet-5 counted, built and trained; claims are checked, numbered equations are what the code does."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, models
from course_utils.data.stand_ins import enlarge_digits
from course_utils.data.views import make_views
from course_utils.models import grammar, summarise
from course_utils.models.lenet5 import (
    C3_TABLE,
    LeNet5,
    RBFOutputs,
    Subsampling,
    TableConv2d,
    connections,
    digit_codes,
    map_loss,
    scaled_tanh,
)
from course_utils.models.lenet5_parts import one_change
from course_utils.runtime import band, load_record
from course_utils.scratch.verification.error_rates import equal_error_rate, error_rates, likeness
from course_utils.training import evaluate, fit

LAYERS = {
    "c1": (1, 32, 32),
    "s2": (6, 28, 28),
    "c3": (6, 14, 14),
    "s4": (16, 10, 10),
    "c5": (16, 5, 5),
    "f6": (120,),
}


@pytest.fixture(scope="module")
def lenet() -> LeNet5:
    torch.manual_seed(0)
    return LeNet5()


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def lines_that_reach(layer: nn.Module, *shape: int) -> int:
    """Connections by running: with ones everywhere each unit adds up one 1 a line."""
    ones = copy.deepcopy(layer)
    for parameter in ones.parameters():
        parameter.data.fill_(1)
    return int(ones(torch.ones(1, *shape)).sum())


# ---- systems ------------------------------------------------------------------------------------


def test_s157_lenet5_has_60000_weights_and_340908_connections_and_reads_97_percent(lenet: LeNet5) -> None:
    assert parameters(lenet) == 60_000
    by_running = {name.upper(): lines_that_reach(getattr(lenet, name), *shape) for name, shape in LAYERS.items()}
    by_running["output"] = int(-RBFOutputs(torch.zeros(10, 84))(torch.ones(1, 84)).sum())
    assert by_running == connections()
    assert sum(by_running.values()) == 340_908
    reads = band("06_architectures.lenet", "accuracy")
    assert reads.count == 20
    assert reads.median >= 0.97


def test_s157_the_chapters_training_reads_enlarged_digits() -> None:
    torch.manual_seed(0)
    net, gray = LeNet5(), lambda x, generator=None: 1.275 * x - 0.1
    train, test = (enlarge_digits(data.load("digits", part), 32, 28) for part in ("train", "test"))
    batches = data.Batches(train, 32, augment=gray, seed=0)
    fit(net, batches, epochs=10, lr=6e-3, schedule="one_cycle", loss=map_loss, progress=False)
    reads, new = band("06_architectures.lenet", "accuracy"), data.Batches(test, 500, shuffle=False, augment=gray)
    assert reads.contains(evaluate(net, new).accuracy, slack=0.01)


def test_s158_subsampling_has_two_parameters_a_map_and_trains(lenet: LeNet5) -> None:
    assert (parameters(lenet.s2), parameters(lenet.s4)) == (12, 32)
    generator, unit = torch.Generator().manual_seed(0), Subsampling(1)
    before = [float(p.detach()) for p in unit.parameters()]
    optimiser = torch.optim.Adam(unit.parameters(), lr=0.1)
    for _ in range(300):
        four = torch.where(torch.rand(64, 1, 2, 2, generator=generator) < 0.3, 1.0, -1.0)
        loss = (scaled_tanh(unit(four))[:, :, 0, 0].clamp(-1, 1) - four.amax(dim=(2, 3))).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
    assert all(abs(float(p.detach()) - old) > 0.1 for p, old in zip(unit.parameters(), before, strict=True))


def test_s158_large_coefficients_make_or_and_and() -> None:
    fours = [torch.tensor([1.0] * on + [-1.0] * (4 - on)).view(1, 1, 2, 2) for on in range(5)]
    for bias, enough in ((4.5, 1), (-4.5, 4)):
        unit = Subsampling(1)
        unit.coefficient.data.fill_(1.5)
        unit.bias.data.fill_(bias)
        assert [float(unit(four).detach()) > 0 for four in fours] == [on >= enough for on in range(5)]


def test_s159_the_table_has_1516_parameters_and_no_gradient_on_absent_links() -> None:
    torch.manual_seed(0)
    sparse, dense = TableConv2d(6, C3_TABLE, 5), nn.Conv2d(6, 16, 5)
    assert parameters(sparse) == 1516
    mask = torch.zeros(16, 6, 1, 1)
    for out, maps in enumerate(C3_TABLE):
        mask[out, list(maps)] = 1
    with torch.no_grad():
        dense.weight.copy_(sparse.dense_weight())
        dense.bias.copy_(sparse.bias)
    dense.weight.data += torch.randn_like(dense.weight) * (1 - mask)  # whatever stands there must not matter
    x = torch.randn(2, 6, 14, 14, requires_grad=True)
    z = F.conv2d(x, dense.weight * mask, dense.bias)
    assert torch.allclose(z, sparse(x), atol=1e-5)
    z.square().sum().backward()
    links = mask.expand_as(dense.weight) == 1
    assert dense.weight.grad is not None
    assert float(dense.weight.grad[~links].abs().max()) == 0
    assert float(dense.weight.grad[links].abs().min()) > 0
    for out, maps in enumerate(C3_TABLE):
        (to_x,) = torch.autograd.grad(sparse(x)[:, out].sum(), x)
        assert (to_x.abs().sum(dim=(0, 2, 3)) > 0).tolist() == [i in maps for i in range(6)]


def test_s159_the_table_breaks_the_tie_between_equal_kernels() -> None:
    x = torch.randn(1, 6, 14, 14, generator=torch.Generator().manual_seed(0))
    for layer, maps in ((nn.Conv2d(6, 16, 5), 1), (TableConv2d(6, C3_TABLE, 5), 16)):
        for parameter in layer.parameters():
            parameter.data.fill_(0.01)
        assert len(layer(x)[0].flatten(1).mul(1e4).round().unique(dim=0)) == maps


def test_s160_the_nearest_code_classifies_with_the_corrected_index() -> None:
    codes = digit_codes()
    outputs = RBFOutputs(codes)
    assert codes.shape == (10, 7 * 12)
    assert not list(outputs.parameters())
    noisy = codes + 0.5 * torch.randn(200, 10, 84, generator=torch.Generator().manual_seed(0))
    found = outputs(noisy.flatten(0, 1)).argmax(dim=1).view(200, 10)
    assert (found == torch.arange(10)).all()
    slow = sum((noisy[0, 3, j] - codes[7, j]) ** 2 for j in range(84))
    assert float(-outputs(noisy[0, 3:4])[0, 7]) == pytest.approx(float(slow), rel=1e-4)


def test_s161_patterns_become_models_with_the_shapes_and_parameters_they_say() -> None:
    for m, n, k in ((1, 1, 1), (2, 3, 2), (3, 2, 1)):
        pattern = f"[conv*{m}, pool]*{n}, linear*{k}"
        net = grammar.build(pattern, (3, 32, 32), 10, width=4, units=8)
        layers = [layer for layer in net if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert len(layers) == m * n + k
        side, channels, count = 32, 3, 0
        for block in range(n):
            for _ in range(m):
                maps = 4 * 2**block
                count += maps * (9 * channels + 1)
                channels = maps
            side //= 2
        features = channels * side**2
        for linear in range(k):
            out = 10 if linear == k - 1 else 8
            count += out * (features + 1)
            features = out
        assert parameters(net) == count
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    with pytest.raises(grammar.PatternError, match="does not close the bracket"):
        grammar.build("[conv, pool", (1, 8, 8), 2)


def test_s170_digits_stand_in_for_mnist_offline_with_a_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", None)  # a call would fail
    train, test = data.load_or_stand_in("mnist"), data.load_or_stand_in("mnist", "test")
    assert train.images.shape[1:] == test.images.shape[1:] == (1, 28, 28)
    assert "stand-in" in train.name
    assert len(train) == 1297 + 2000, "scanned digits and drawn ones"
    for name in ("digits", "drawn digits"):
        shown = str(data.card(name))
        assert "MNIST" in shown
        assert len(data.card(name).differences) >= 5


def test_s171_cifar10_is_read_if_there_and_else_replaced_and_labelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    synthetic = data.load_or_stand_in("cifar10", "test")
    assert synthetic.images.shape == (1000, 3, 32, 32)
    assert synthetic.name.startswith("stand-in for cifar10")
    assert synthetic.labels.unique().tolist() == list(range(10))
    local = data.ImageSet(torch.zeros(3, 3, 32, 32, dtype=torch.uint8), torch.zeros(3).long(), ("a",), "cifar10/test")
    monkeypatch.setattr("course_utils.data.stand_ins.available", lambda name: True)
    monkeypatch.setattr("course_utils.data.stand_ins.load", lambda name, split: local)
    assert data.load_or_stand_in("cifar10", "test") is local


def test_s172_faces_are_told_from_other_things_and_verified() -> None:
    error, verification = (band("06_architectures.faces", name) for name in ("error", "verification"))
    assert error.median < 0.1
    photos = data.load("faces", "test").images[:30].float() / 255
    draws = torch.Generator().manual_seed(1)
    pixels = torch.cat([make_views(photos, draws).flatten(1) for _ in range(4)])
    photo = torch.arange(30).repeat(4)
    i, k = torch.triu_indices(120, 120, offset=1)
    scores, same = likeness(pixels, pixels)[i, k], photo[i] == photo[k]
    by_pixels = equal_error_rate(scores[same], scores[~same])[0]
    assert verification.maximum < 0.6 * by_pixels
    assert verification.minimum > 0, "an error of 0 would be a mistake"


def test_s172_a_net_learns_faces_and_an_embedding_beats_the_pixels_on_new_photos() -> None:
    torch.manual_seed(0)
    train, test = (data.load("faces", part) for part in ("train", "test"))
    net = grammar.build("[conv5, pool]*2, linear*2", (1, 25, 25), 2, width=8, units=32)
    fit(net, data.Batches(train, 20, augment=data.random_flip(), seed=0), epochs=15, lr=2e-3, progress=False)
    assert evaluate(net, data.Batches(test, 60, shuffle=False)).accuracy > 0.85
    known, unknown = train.images[:70].float() / 255, test.images[:30].float() / 255
    assert train.labels[:70].all()
    assert test.labels[:30].all()
    draws, embedding = (
        torch.Generator().manual_seed(0),
        grammar.build("[conv, pool]*3, linear", (1, 25, 25), 32, width=8),
    )
    optimiser = torch.optim.Adam(embedding.parameters(), lr=5e-3)
    for _ in range(60):
        scores = likeness(embedding(make_views(known, draws)), embedding(make_views(known, draws)))
        optimiser.zero_grad()
        F.cross_entropy(10 * scores, torch.arange(70)).backward()
        optimiser.step()

    def error(embed: Callable[[torch.Tensor], torch.Tensor]) -> float:
        views = torch.Generator().manual_seed(1)
        with torch.no_grad():
            one, two = (embed(make_views(unknown, views)) for _ in range(2))
        scores, same = likeness(one, two), torch.eye(30, dtype=torch.bool)
        return equal_error_rate(scores[same], scores[~same])[0]

    assert error(embedding) < 0.75 * error(lambda x: x.flatten(1))


# ---- claims -------------------------------------------------------------------------------------


def test_c159_c1_has_156_parameters(lenet: LeNet5) -> None:
    assert parameters(lenet.c1) == 6 * (5 * 5 + 1) == 156


def test_c160_subsampling_has_12_and_32(lenet: LeNet5) -> None:
    assert (parameters(lenet.s2), parameters(lenet.s4)) == (2 * 6, 2 * 16) == (12, 32)


def test_c161_c3_has_1516(lenet: LeNet5) -> None:
    assert parameters(lenet.c3) == 6 * (3 * 25 + 1) + 9 * (4 * 25 + 1) + (6 * 25 + 1) == 1516


def test_c162_the_full_layer_has_2416_and_the_lectures_bound_2496() -> None:
    assert 1516 < parameters(nn.Conv2d(6, 16, 5)) == 2416 < 16 * 6 * (5 * 5 + 1) == 2496


def test_c163_c5_has_48120_not_49920(lenet: LeNet5) -> None:
    assert parameters(lenet.c5) == 120 * (16 * 25 + 1) == 48_120
    assert 120 * 16 * (5 * 5 + 1) == 49_920 == 48_120 + 120 * 15


def test_c164_f6_has_10164_not_10080(lenet: LeNet5) -> None:
    assert parameters(lenet.f6) == 84 * 121 == 10_164 == 84 * 120 + 84


def test_c165_840_fixed_numbers_or_850_trained(lenet: LeNet5) -> None:
    assert lenet.output.codes.numel() == 840
    assert parameters(lenet.output) == 0
    assert parameters(nn.Linear(84, 10)) == 850
    assert 156 + 12 + 1516 + 32 + 49_920 + 10_080 + 840 == 62_556


def test_c166_connections_are_340908_and_187308_without_c3_and_s4() -> None:
    found = connections()
    assert sum(found.values()) == 340_908
    assert sum(found.values()) - found["C3"] - found["S4"] == 187_308


def test_c167_c5_alone_has_more_than_14000_weights(lenet: LeNet5) -> None:
    assert parameters(lenet.c5) > 3 * 14_000
    assert parameters(lenet) == 60_000


def test_c168_sizes(lenet: LeNet5) -> None:
    x, sizes = torch.zeros(1, 1, 32, 32), [32]
    for name in ("c1", "s2", "c3", "s4", "c5"):
        x = getattr(lenet, name)(x)
        sizes.append(x.shape[-1])
    assert sizes == [32, 28, 14, 10, 5, 1]
    assert lenet.c1.kernel_size == (5, 5)
    assert lenet.c1.padding == (0, 0)


def test_c169_the_squash_is_odd_and_also_follows_subsampling(lenet: LeNet5) -> None:
    a = torch.linspace(-3, 3, 61)
    assert torch.allclose(scaled_tanh(-a), -scaled_tanh(a))
    assert not torch.allclose(scaled_tanh(a), a.sigmoid(), atol=0.1)
    kinds = [row.kind for row in summarise(lenet, (1, 32, 32)).rows]
    assert sum("tanh" in kind for kind in kinds) == 6  # after C1, S2, C3, S4, C5, F6


def test_c170_with_the_slipped_index_most_codes_are_lost() -> None:
    codes = digit_codes()
    right = torch.cdist(codes, codes).argmin(dim=1)
    slipped = ((codes[:, :10, None] - codes) ** 2).sum(dim=2)
    slow = torch.stack([torch.stack([((x[i] - codes[i]) ** 2).sum() for i in range(10)]) for x in codes])
    assert torch.equal(slipped, slow)
    assert right.tolist() == list(range(10))
    assert int((slipped.argmin(dim=1) == torch.arange(10)).sum()) < 5


def test_c190_our_faces_are_a_hundred_and_the_card_says_so() -> None:
    assert int(data.load("faces", "all").labels.sum()) == 100
    assert "100 faces" in str(data.card("faces"))


# ---- equations ----------------------------------------------------------------------------------


def test_eq_6_1_and_6_2_layers_and_features_of_a_pattern() -> None:
    for n in (1, 2, 3, 4):
        net = grammar.build(f"[conv*2, pool]*{n}, linear*3", (3, 32, 32), 10, width=16)
        assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in net) == 2 * n + 3
        assert net.linear1.in_features == 16 * 2 ** (n - 1) * (32 / 2**n) ** 2 == 16 * 32**2 / 2 ** (n + 1)


def test_doubled_maps_on_a_quarter_of_the_pixels_cost_the_same_work() -> None:
    net = grammar.build("[conv*2, pool]*3, linear*2", (3, 32, 32), 10, width=16, units=64)
    rows = {row.name: row for row in summarise(net, (3, 32, 32)).rows}
    assert len({rows[name].multiply_adds for name in ("conv2", "conv4", "conv6")}) == 1
    assert [rows[name].parameters - rows[name].shape[0] for name in ("conv2", "conv4", "conv6")] == [2304, 9216, 36864]


def test_eq_6_3_parameters_and_connections() -> None:
    for c, o, k, side in ((1, 6, 5, 32), (3, 4, 3, 9), (16, 120, 5, 5)):
        layer, m = nn.Conv2d(c, o, k), side - k + 1
        assert parameters(layer) == o * (k**2 * c + 1)
        assert lines_that_reach(layer, c, side, side) == parameters(layer) * m**2


def test_eq_6_4_and_6_5_subsampling_and_its_gradient() -> None:
    torch.manual_seed(0)
    layer = Subsampling(3).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x, pull = torch.randn(2, 3, 6, 4, dtype=torch.float64), torch.randn(2, 3, 3, 2, dtype=torch.float64)
    sums = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]
    z = layer(x)
    assert torch.allclose(z, layer.coefficient[:, None, None] * sums + layer.bias[:, None, None])
    z.backward(pull)
    assert torch.allclose(layer.coefficient.grad, (pull * sums).sum(dim=(0, 2, 3)))
    assert torch.allclose(layer.bias.grad, pull.sum(dim=(0, 2, 3)))


def test_eq_6_6_and_6_7_the_masked_sum_map_by_map() -> None:
    torch.manual_seed(0)
    layer, x = TableConv2d(6, C3_TABLE, 5), torch.randn(1, 6, 8, 8)
    kernels = layer.dense_weight()
    for out, maps in enumerate(C3_TABLE):
        parts = [F.conv2d(x[:, [c]], kernels[[out]][:, [c]]) for c in maps]
        assert torch.allclose(layer(x)[:, [out]], sum(parts) + layer.bias[out], atol=1e-5)
    assert sum(25 * len(maps) + 1 for maps in C3_TABLE) == 456 + 909 + 151 == 1516


def test_eq_6_8_the_squash_bends_most_at_one() -> None:
    a = torch.linspace(0, 3, 3001, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(scaled_tanh(a), 1.7159 * torch.tanh(2 * a / 3))
    (slope,) = torch.autograd.grad(scaled_tanh(a).sum(), a, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), a)
    assert float(a.detach()[bend.abs().argmax()]) == pytest.approx(1, abs=0.02)
    assert float(scaled_tanh(torch.tensor(1.0))) == pytest.approx(1, abs=1e-4)


def test_eq_6_9_to_6_11_distances_products_and_differing_pixels() -> None:
    codes = digit_codes()
    x = torch.randn(20, 84, generator=torch.Generator().manual_seed(0))
    y = -RBFOutputs(codes)(x)
    assert torch.allclose(y, ((x[:, None] - codes) ** 2).sum(dim=2), rtol=1e-4)
    assert torch.allclose(y, x.square().sum(dim=1, keepdim=True) + 84 - 2 * x @ codes.T, atol=1e-3)
    assert torch.equal(y.argmin(dim=1), (x @ codes.T).argmax(dim=1))
    differing = (codes[:, None] != codes).sum(dim=2)
    assert torch.equal(-RBFOutputs(codes)(codes), 4.0 * differing)
    i, k = torch.triu_indices(10, 10, offset=1)
    assert int(differing[i, k].min()) == 13


def test_eq_6_12_to_6_14_the_two_losses_and_their_gradient() -> None:
    torch.manual_seed(0)
    y = (torch.rand(4, 10, dtype=torch.float64) * 8).requires_grad_()
    d, j = torch.tensor([0, 3, 9, 3]), 3.0
    by_hand = [y[n, d[n]] + torch.log(math.exp(-j) + torch.exp(-y[n]).sum()) for n in range(4)]
    loss = map_loss(-y, d, j=j)
    assert torch.allclose(loss, torch.stack(by_hand).mean())
    (gradient,) = torch.autograd.grad(loss, y)
    weights = torch.exp(-y.detach())
    p = weights / (math.exp(-j) + weights.sum(dim=1, keepdim=True))
    assert torch.allclose(4 * gradient, F.one_hot(d, 10) - p)
    # Far from all codes, with j = 1, the criterion is the squared error less a constant.
    codes = digit_codes().double()
    x = (0.55 * codes[5] + 0.45 * codes[6])[None].requires_grad_()
    distances = (x[:, None] - codes).square().sum(dim=2)
    five = torch.tensor([5])
    (mse,) = torch.autograd.grad(distances[0, 5], x, retain_graph=True)
    (criterion,) = torch.autograd.grad(map_loss(-distances, five, j=1.0), x, retain_graph=True)
    assert torch.allclose(mse, criterion, rtol=1e-3)
    assert float(map_loss(-distances, five, j=1.0).detach()) == pytest.approx(
        float(distances[0, 5].detach()) - 1, abs=1e-3
    )


def test_eq_6_15_error_rates() -> None:
    same, different = torch.tensor([0.9, 0.3, 0.6]), torch.tensor([0.5, 0.1, 0.7, 0.2])
    assert error_rates(same, different, 0.6) == (1 / 4, 1 / 3)
    accepts = [error_rates(same, different, t)[0] for t in (0.0, 0.4, 0.8)]
    rejects = [error_rates(same, different, t)[1] for t in (0.0, 0.4, 0.8)]
    assert accepts == sorted(accepts, reverse=True)
    assert rejects == sorted(rejects)


def test_eq_6_16_the_loss_of_the_embedding() -> None:
    torch.manual_seed(0)
    s = likeness(torch.randn(5, 8), torch.randn(5, 8))
    by_hand = (
        -sum(math.log(math.exp(10 * s[i, i]) / sum(math.exp(10 * s[i, k]) for k in range(5))) for i in range(5)) / 5
    )
    assert float(F.cross_entropy(10 * s, torch.arange(5))) == pytest.approx(by_hand, rel=1e-4)


# ---- what the chapter shows besides --------------------------------------------------------------


def test_the_record_of_the_parts_holds_every_mixture() -> None:
    record = load_record("06_architectures.parts")
    assert set(record["metrics"]) == set(one_change())
    assert all(len(errors) >= 5 for errors in record["metrics"].values())


def test_trained_codes_collapse_under_the_pull_alone() -> None:
    """Every code and F6 at the same point: the pull's loss is 0, the criterion's is not."""
    same = torch.zeros(10, 84)
    y = RBFOutputs(same)(torch.zeros(3, 84))
    labels = torch.tensor([1, 2, 3])
    assert float(-y.gather(1, labels[:, None]).mean()) == 0
    apart = RBFOutputs(digit_codes())(digit_codes()[labels])
    assert float(map_loss(y, labels)) > float(map_loss(apart, labels)) + 1


def test_fields_of_c3_have_their_centres_on_the_middle_20_pixels() -> None:
    field = summarise(models.build("lenet5"), (1, 32, 32))["c3"].field
    assert field is not None
    assert field.size == (14, 14)
    assert field.stride == (2, 2)
    assert (field.centre[0], field.centre[0] + 9 * 2) == (6.5, 24.5)


def test_cross_entropy_on_probabilities_cannot_fall_below_1_46() -> None:
    sure = torch.tensor([[40.0] + [0.0] * 9])
    twice = float(F.cross_entropy(sure.softmax(dim=1), torch.tensor([0])))
    assert twice == pytest.approx(math.log(1 + 9 / math.e), abs=1e-4)
