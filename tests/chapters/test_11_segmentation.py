"""Chapter 11: every system works, every claim is checked, every numbered equation is what the code does."""

import copy
import math
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.data.synthetic import make_images, make_scenes
from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.fields import Field
from course_utils.models.summary import summarise
from course_utils.models.vgg import VGG
from course_utils.runtime import band, load_record
from course_utils.segmentation.any_size import pad_to_multiple
from course_utils.segmentation.boundary import boundary_iou, inner_rim, mean_boundary_iou
from course_utils.segmentation.convolutionalise import convolutionalise, sliding_window, total_stride, vgg_in_a_row
from course_utils.segmentation.fcn import VOC_CLASSES, fcn_from_classifier, place
from course_utils.segmentation.losses import pixel_cross_entropy, pixel_losses
from course_utils.segmentation.metrics import class_dice, class_iou, confusion_matrix, mean_iou, pixel_accuracy
from course_utils.segmentation.patch_classifier import (
    SIDE,
    cut_patches,
    dense_network,
    label_by_patches,
    label_densely,
    pad_for_patches,
    patch_network,
    work,
)
from course_utils.segmentation.shift_and_stitch import shift_and_stitch, shifts
from course_utils.segmentation.upsampling import Upsample, crop_of, kernel, spread, triangle, upsample_by_zero_insertion

K = 11
LOOK = {"objects": (2, 4), "scale": (0.3, 0.5)}


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def centred(images):
    return (images.float() / 255 - 0.5) * 4


@cache
def thin_vgg(side=7):
    torch.manual_seed(0)
    return vgg_in_a_row(VGG(11, 10, width=0.03, input_size=32 * side).double().eval())


def small_classifier(widths=(8, 16, 24), side=4):
    torch.manual_seed(0)
    stages = []
    for a, b in zip((3, *widths), widths, strict=False):
        stages += [ConvNormAct(a, b), ConvNormAct(b, b), nn.MaxPool2d(2)]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(widths[-1] * side**2, 32), nn.ReLU(), nn.Linear(32, 10))


def train(model, sources, steps, lr=0.01, loss=pixel_cross_entropy, batch=8):
    """Train on sources (x, y) in turn, one a step, with one cycle of the rate."""
    draw = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps)
    model.train()
    for step in range(steps):
        x, y = sources[step % len(sources)]
        chosen = torch.randint(len(x), (batch,), generator=draw)
        value = loss(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


# ---- systems ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def networks():
    """Object or not, 32 x 32: the coarse network, its twin that trains longer, and two finer ones."""
    train_set, test_set = (make_scenes(n, 32, s, "easy") for n, s in ((200, 1), (60, 2)))
    (x, y), (x_test, y_test) = ((centred(s.images), s.semantic.clamp(max=1)) for s in (train_set, test_set))
    coarse = train(fcn_from_classifier(small_classifier(), (3, 32, 32), 2), [(x, y)], 80)
    medium = train(coarse.finer(), [(x, y)], 50)
    fine = train(medium.finer(), [(x, y)], 50)
    longer = train(copy.deepcopy(coarse), [(x, y)], 100)
    scores = {}
    for model in (coarse, longer, medium, fine):
        with torch.no_grad():
            guess = model(x_test).argmax(1)
        whole = mean_iou(confusion_matrix(guess, y_test, 2))
        scores[model] = whole, mean_boundary_iou(guess, y_test, 2, distance=1)
    return [scores[model] for model in (coarse, longer, medium, fine)]


def test_s255_the_dense_network_gives_the_logits_of_all_patches():
    torch.manual_seed(0)
    model = patch_network(K, width=6).double()
    images = random(2, 3, 24, 20)
    by_patches, dense = label_by_patches(model, images, SIDE), label_densely(model, images, SIDE)
    assert by_patches.shape == dense.shape == (2, K, 24, 20)
    assert (by_patches - dense).abs().max() < 1e-10
    assert by_patches.std() > 1e-3  # it says something


def test_s257_the_loss_is_the_mean_of_independent_losses_and_ignores():
    z, y = random(2, K, 5, 6), torch.randint(K, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    y[0, :2] = 255
    each = [F.cross_entropy(z[n, :, i, j][None], y[n, i, j][None]) for n, i, j in (y != 255).nonzero()]
    assert len(each) == 60 - 12
    loss = pixel_cross_entropy(z, y)
    assert abs(loss - torch.stack(each).mean()) < 1e-12
    assert abs(loss - F.cross_entropy(z, y, ignore_index=255)) < 1e-12
    z[0, :, :2] += 100 * random(K, 2, 6, seed=2)  # whatever is said where nothing counts
    assert pixel_cross_entropy(z, y) == loss
    assert pixel_losses(z, y)[0, :2].abs().max() == 0


def test_s258_linear_layers_become_convolutions_21_channels_and_a_trained_fcn(networks):
    row = thin_vgg(3)
    model = fcn_from_classifier(row, (3, 96, 96)).eval()
    linear = next(layer for layer in row if isinstance(layer, nn.Linear))
    first = next(layer for layer in model.head if isinstance(layer, nn.Conv2d))
    assert torch.equal(first.weight, linear.weight.view_as(first.weight))
    assert model(random(1, 3, 64, 96)).shape == (1, 21, 64, 96)
    assert networks[-1][0] > 0.7
    # All ten shapes and the background, as the chapter trains them.
    assert band("11_segmentation.skips", "2s").minimum > 0.7


def test_s259_boundary_iou_improves_as_finer_maps_are_fused(networks):
    coarse, longer, medium, fine = (rim for _, rim in networks)
    assert coarse < medium < fine
    assert fine > longer + 0.03  # and not only because it trained longer
    middle = {row: band("11_segmentation.skips", f"{row} rim").median for row in ("8s", "8s longer", "4s", "2s")}
    assert middle["8s"] < middle["4s"] < middle["2s"]
    assert middle["8s longer"] < middle["2s"]


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_s260_zeros_and_a_triangle_are_the_librarys_bilinear(factor):
    v = random(1, 2, 5, 6) + 0.5
    library = F.interpolate(v, scale_factor=factor, mode="bilinear")
    plain, rim = upsample_by_zero_insertion(v, factor, borders=False), factor // 2
    assert torch.allclose(plain[..., rim:-rim, rim:-rim], library[..., rim:-rim, rim:-rim], atol=1e-12)
    assert not torch.allclose(plain, library, atol=1e-3)
    assert torch.allclose(upsample_by_zero_insertion(v, factor), library, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_s261_a_transposed_convolution_with_ones_is_nearest(factor):
    v = random(1, 3, 4, 5)
    ones = torch.ones(3, 1, factor, factor, dtype=torch.float64)
    stamps = F.conv_transpose2d(v, ones, stride=factor, groups=3)
    assert torch.equal(stamps, F.interpolate(v, scale_factor=factor, mode="nearest"))
    assert torch.equal(Upsample(3, factor, "nearest").double()(v), stamps)


def test_s262_learned_filling_begins_at_bilinear_and_ends_below_it():
    photo = data.photo("astronaut", 96).float()[None] / 255
    source = F.avg_pool2d(photo, 2)[:, [1, 2, 0]]
    frozen = F.mse_loss(Upsample(3, 2)(source), photo).item()
    ends = {}
    for mix in (False, True):
        layer = Upsample(3, 2, learn=True, mix=mix)
        assert abs(F.mse_loss(layer(source), photo).item() - frozen) < 1e-6
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
        for _ in range(60):
            loss = F.mse_loss(layer(source), photo)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        ends[mix] = F.mse_loss(layer(source), photo).item()
    assert ends[False] < 0.9 * frozen
    assert ends[True] < 0.5 * ends[False]  # only channels that interact put the colours back


def test_s263_stitching_shifted_runs_is_the_dilated_network():
    torch.manual_seed(0)
    model = patch_network(5, width=4).double()
    strided, dense = convolutionalise(model, (3, SIDE, SIDE)), dense_network(model, 3, SIDE)
    x = random(1, 3, 30, 33)
    with torch.no_grad():
        stitched, once = shift_and_stitch(strided, x, total_stride(strided)), dense(x)
    assert stitched.shape == once.shape == (1, 5, 14, 17)
    assert (stitched - once).abs().max() < 1e-10
    with torch.no_grad():
        assert not torch.allclose(strided(x[..., 1:, :]), strided(x)[..., :4, :])  # the runs do differ


def test_s274_one_model_learns_from_pictures_of_several_sizes():
    sizes = (24, 32, 48)
    sets = {n: make_scenes(100, n, 3, "easy") for n in sizes}
    sources = [(centred(s.images), s.semantic.clamp(max=1)) for s in sets.values()]
    model = train(fcn_from_classifier(small_classifier(), (3, 32, 32), 2, fused=2), sources, 90)
    for n in (*sizes, 40):  # and a size that it never saw
        fresh = make_scenes(40, n, 4, "easy")
        truth = fresh.semantic.clamp(max=1)
        with torch.no_grad():
            logits = model(centred(fresh.images))
        assert logits.shape == (40, 2, n, n)
        score = mean_iou(confusion_matrix(logits.argmax(1), truth, 2))
        assert score > mean_iou(confusion_matrix(torch.zeros_like(truth), truth, 2)) + 0.15
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 50, 91)).shape == (1, 2, 50, 91)


# ---- claims -------------------------------------------------------------------------------------


def test_claim_c265_five_halvings_are_a_factor_of_32():
    row = thin_vgg()
    halvings = [w for layer in row if (w := sliding_window(layer)) and w.stride in (2, (2, 2))]
    assert len(halvings) == 5
    assert total_stride(row) == 2**5 == 32
    body = row[: [isinstance(m, nn.Flatten) for m in row].index(True)]
    assert summarise(body.float(), (3, 224, 224)).rows[-1].shape[1:] == (7, 7)
    row.double()


def test_claim_c266_the_first_linear_layer_is_no_1x1_convolution():
    scanner = convolutionalise(thin_vgg(), (3, 224, 224))
    linear = [layer for layer in thin_vgg() if isinstance(layer, nn.Linear)]
    kernels = [layer for layer in scanner if isinstance(layer, nn.Conv2d)][-3:]
    assert [tuple(layer.kernel_size) for layer in kernels] == [(7, 7), (1, 1), (1, 1)]
    for layer, conv in zip(linear, kernels, strict=True):
        assert torch.equal(layer.weight, conv.weight.flatten(1))
    channels = kernels[0].in_channels
    assert linear[0].in_features == 49 * channels  # as 1 x 1 it would have a 49th of its weights


def test_claim_c267_a_stride_of_32_takes_1024_runs():
    assert len(list(shifts(32))) == len(set(shifts(32))) == 32 * 32 == 1024
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(x.shape)
            return x[:, :, ::4, ::4]

    x = random(1, 1, 16, 16)
    assert torch.equal(shift_and_stitch(Counting(), x, 4), x)
    assert len(calls) == 16


def test_claim_c268_zeros_between_and_other_borders():
    v = random(1, 2, 4, 4) + 0.5
    assert spread(v, 3).shape[2:] == (10, 10)  # between the samples, not around them
    assert torch.equal(spread(v, 3)[..., ::3, ::3], v)
    around = F.conv2d(F.pad(v, (3,) * 4), kernel(2).expand(2, 1, 4, 4), groups=2)
    library = F.interpolate(v, scale_factor=2, mode="bilinear")
    assert around.shape != library.shape  # zeros around do not enlarge to twice the size
    plain = upsample_by_zero_insertion(v, 2, borders=False)
    assert (plain < library - 1e-6)[..., 0, :].all()
    assert torch.allclose(upsample_by_zero_insertion(v, 2, "nearest"), F.interpolate(v, scale_factor=2), atol=1e-12)
    for channel in (0, 1):  # no interaction: each channel by itself
        alone = upsample_by_zero_insertion(v[:, channel : channel + 1], 2)
        assert torch.allclose(alone[:, 0], library[:, channel], atol=1e-12)


def test_claim_c269_21_channels():
    assert VOC_CLASSES == 20 + 1
    assert fcn_from_classifier(thin_vgg(), (3, 224, 224)).score.out_channels == 21


def test_claim_c277_the_authors_in_their_order():
    from course_utils.runtime import repo_root

    entry = (repo_root() / "book/references.bib").read_text(encoding="utf-8").split("{long-2015,")[1].split("\n}")[0]
    order = [entry.index(name) for name in ("Long", "Shelhamer", "Darrell")]
    assert order == sorted(order)
    assert "year = {2015}" in entry


# ---- equations ----------------------------------------------------------------------------------


def test_equation_11_1_the_best_score_at_each_pixel():
    z = random(1, 4, 3, 3)
    labels = z.argmax(1)
    for i in range(3):
        for j in range(3):
            assert labels[0, i, j] == max(range(4), key=lambda k: z[0, k, i, j].item())


def test_equation_11_2_the_patch_of_a_pixel():
    x = random(1, 2, 30, 30)
    for s, i, j in ((17, 12, 15), (6, 10, 11)):
        r = s // 2
        patch = cut_patches(x, torch.tensor([[0, i, j]]), s)[0]
        assert torch.equal(patch, x[0, :, i - r : i - r + s, j - r : j - r + s])


def test_equation_11_3_what_patches_and_one_pass_cost():
    model, n = patch_network(K), 40
    costs = [16 * 27, 32 * 16 * 9, 32 * 32 * 4, 32 * K]  # multiply-adds at one place
    places, dense_places = [15, 5, 1, 1], [54, 50, 40, 40]
    # 17 -> 15 -> 7 -> 5 -> 2 -> 1; densely 56 -> 54 -> 52 -> 48 -> 44 -> 40
    dense_places[1] = 48
    by_patches = n**2 * sum(c * m**2 for c, m in zip(costs, places, strict=True))
    densely = sum(c * m**2 for c, m in zip(costs, dense_places, strict=True))
    assert work(model, 3, SIDE, n) == (by_patches, densely)


def test_equation_11_4_minus_the_mean_log_probability_of_the_truth():
    z, y = random(2, 3, 4, 4), torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(0))
    y[1, 0] = 255
    total, count = 0.0, 0
    for n, i, j in (y != 255).nonzero().tolist():
        weights = z[n, :, i, j].exp()
        total, count = total - math.log(weights[y[n, i, j]] / weights.sum()), count + 1
    assert abs(pixel_cross_entropy(z, y).item() - total / count) < 1e-12


def test_equation_11_5_probability_minus_truth_over_what_counts():
    z = random(2, 3, 4, 4).requires_grad_()
    y = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(0))
    y[0, 1] = 255
    (g,) = torch.autograd.grad(pixel_cross_entropy(z, y), z)
    counts = y != 255
    hit = F.one_hot(y.where(counts, 0), 3).movedim(-1, 1)
    assert torch.allclose(g, (z.softmax(1) - hit) * counts[:, None] / counts.sum(), atol=1e-14)


def test_equations_11_6_to_11_8_the_scores_of_one_table():
    n = torch.tensor([[50, 3, 2], [4, 20, 1], [5, 0, 15]])
    assert pixel_accuracy(n) == pytest.approx(85 / 100)
    for a in range(3):
        row, column = n[a].sum().item(), n[:, a].sum().item()
        iou = n[a, a].item() / (row + column - n[a, a].item())
        assert class_iou(n)[a].item() == pytest.approx(iou)
        assert class_dice(n)[a].item() == pytest.approx(2 * n[a, a].item() / (row + column))
        assert class_dice(n)[a].item() == pytest.approx(2 * iou / (1 + iou))
    assert mean_iou(n) == pytest.approx(class_iou(n).sum().item() / 3)


def test_equation_11_9_rims_are_what_lies_near_the_outside():
    truth, answer = torch.zeros(12, 12, dtype=torch.bool), torch.zeros(12, 12, dtype=torch.bool)
    truth[2:10, 3:11], answer[3:10, 3:10] = True, True

    def rim(region, d):
        far = [(i, j) for i in range(-d, 12 + d) for j in range(-d, 12 + d)]
        outside = [(i, j) for i, j in far if not (0 <= i < 12 and 0 <= j < 12 and region[i, j])]
        inside = region.nonzero().tolist()
        return {(i, j) for i, j in inside if min(max(abs(i - a), abs(j - b)) for a, b in outside) <= d}

    t, a = rim(truth, 2), rim(answer, 2)
    assert set(map(tuple, inner_rim(truth, 2).nonzero().tolist())) == t
    score = boundary_iou(answer.long()[None], truth.long()[None], 2, distance=2)[1]
    assert score.item() == pytest.approx(len(t & a) / len(t | a))


def test_equation_11_10_units_lie_stride_pixels_apart():
    field = Field()
    for _ in range(3):
        field = field.window((3, 3), (1, 1), (1, 1)).window((2, 2), (2, 2), (0, 0))
    assert field.stride == (8, 8)
    assert field.centre == (3.5, 3.5)
    assert field.shifted((2, 5)).centre == (3.5 + 8 * 2, 3.5 + 8 * 5)


def test_equation_11_11_each_shift_fills_its_own_places():
    torch.manual_seed(0)
    net, f = nn.Conv2d(1, 2, 3, stride=3).double(), 3
    x = random(1, 1, 15, 15)
    with torch.no_grad():
        whole = shift_and_stitch(net, x, f)
        for a, b in shifts(f):
            assert torch.equal(whole[:, :, a::f, b::f], net(x[:, :, a:, b:]))


@pytest.mark.parametrize("factor", [2, 4])
def test_equations_11_12_and_11_13_zeros_between_and_a_triangle(factor):
    v = random(6)
    line = [1 - abs(t - factor + 0.5) / factor for t in range(2 * factor)]
    assert triangle(factor).tolist() == pytest.approx(line)
    z = torch.zeros(6 * factor, dtype=torch.float64)
    crop = crop_of(2 * factor, factor)
    for i in range(6):  # z_q = sum_t k_t u_(q - t), u at f i is v_i
        for t in range(2 * factor):
            q = factor * i + t - crop
            if 0 <= q < len(z):
                z[q] += line[t] * v[i]
    ours = upsample_by_zero_insertion(v.expand(1, 1, 4, 6), factor, borders=False)[0, 0, 2 * factor]
    assert torch.allclose(ours, z, atol=1e-12)


def test_equation_11_14_every_phase_sums_to_one():
    for factor in (2, 3, 4, 5, 8):
        line = triangle(factor)
        assert [line[r::factor].sum().item() for r in range(factor)] == pytest.approx([1.0] * factor)
    inside = upsample_by_zero_insertion(torch.ones(1, 1, 6, 6).double(), 4, borders=False)[..., 2:-2, 2:-2]
    assert torch.allclose(inside, torch.ones_like(inside))


def test_equation_11_15_one_kernel_for_each_pair_of_channels():
    v = random(1, 2, 4, 5)
    layer = Upsample(2, 2, learn=True, mix=True, borders=False, dtype=torch.float64)
    assert torch.allclose(layer(v), upsample_by_zero_insertion(v, 2, borders=False), atol=1e-12)
    with torch.no_grad():
        layer.weight.add_(random(*layer.weight.shape, seed=3))
    u = F.pad(spread(v, 2), (2, 2, 2, 2))  # 4 taps: 3 zeros around, 1 cropped
    flipped = layer.weight.flip(2, 3).transpose(0, 1)  # (o, c, k, k)
    assert torch.allclose(layer(v), F.conv2d(u, flipped), atol=1e-12)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_equation_11_16_half_a_cell_before_the_first_sample(factor):
    ramp = torch.arange(64.0).double().expand(1, 1, 64, 64)
    cells = F.avg_pool2d(ramp, factor)
    assert cells[0, 0, 0, 0].item() == (factor - 1) / 2  # where the first unit lies
    right = Upsample(1, factor, dtype=torch.float64)(cells)
    wrong = place(Upsample(1, factor, align_corners=True, dtype=torch.float64)(cells), (0, 0), (64, 64))
    inside = slice(factor, -2 * factor)
    assert torch.allclose(right[..., inside], ramp[..., inside], atol=1e-9)
    off = (wrong - ramp)[..., inside]
    assert torch.allclose(off, torch.full_like(off, (factor - 1) / 2), atol=1e-9)


def test_equation_11_17_finer_scores_are_added_and_begin_at_zero():
    # An odd kernel in the head: an even one would move the map by half a cell, which the network then undoes.
    model = fcn_from_classifier(small_classifier(side=3).double(), (3, 24, 24), 4, fused=1).eval()
    x = random(1, 3, 32, 32)
    maps = [x]
    for stage in model.stages:
        maps.append(stage(maps[-1]))
    coarse = model.score(model.head(maps[-1]))
    assert model.skip[0].weight.abs().max() == 0
    with torch.no_grad():
        model.skip[0].weight.copy_(random(*model.skip[0].weight.shape, seed=5))
    fused = model.skip[0](maps[-2]) + F.interpolate(coarse, scale_factor=2, mode="bilinear")
    expected = F.interpolate(fused, scale_factor=4, mode="bilinear")
    assert torch.allclose(model(x), expected, atol=1e-9)


def test_equation_11_18_filled_up_to_a_multiple():
    for n in (1, 7, 8, 50, 91):
        for stride in (1, 4, 8, 32):
            filled = pad_to_multiple(torch.zeros(1, 1, n, n), stride).shape[-1]
            assert filled == n + (-n) % stride
            assert filled % stride == 0
            assert 0 <= filled - n < stride


# ---- what the chapter says beside ---------------------------------------------------------------


def test_pixel_accuracy_prefers_the_program_that_never_looks():
    truth = make_scenes(60, 64, 2, "easy", **LOOK).semantic
    nothing = confusion_matrix(torch.zeros_like(truth), truth, K)
    assert pixel_accuracy(nothing) > 0.8
    assert mean_iou(nothing) < 1 / K + 0.01
    blind = confusion_matrix(truth.masked_fill(truth == 3, 0), truth, K)
    assert pixel_accuracy(blind) > 0.98
    assert mean_iou(blind) < 1 - 1 / K


def test_the_classifier_scores_the_old_size_as_before():
    model = small_classifier().double().eval()
    pictures = make_images(4, 32, seed=4, difficulty="easy").images.double() / 255
    with torch.no_grad():
        scanner = convolutionalise(model, (3, 32, 32))
        assert (scanner(pictures)[:, :, 0, 0] - model(pictures)).abs().max() < 1e-10
        assert scanner(random(1, 3, 64, 64)).shape[2:] == (5, 5)


def test_patches_mirror_at_the_border():
    x = random(1, 1, 20, 20)
    assert pad_for_patches(x, SIDE).shape == (1, 1, 36, 36)


def test_the_street_record_has_its_seeds_and_its_order():
    record = load_record("11_segmentation.camvid")
    assert len(record["seeds"]) >= 3
    coarse, fine = (record["metrics"][f"{row} rim"] for row in ("32s", "8s"))
    assert all(a < b for a, b in zip(coarse, fine, strict=True))
