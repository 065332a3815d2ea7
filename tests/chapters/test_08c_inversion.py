"""Chapter 08c: every system works, every claim is checked, every numbered equation is what the code does."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.data import Batches
from course_utils.data.synthetic import make_digits, make_object_images
from course_utils.explain.class_image import class_image, class_image_from_prior
from course_utils.explain.correspondence import chance_rate, hit_rate, match, warp_pairs
from course_utils.explain.hooks import features
from course_utils.explain.inversion import invert, relative_error
from course_utils.explain.nearest import cut_patches, nearest_activations, rebuild
from course_utils.explain.regularisers import Regularisers, alpha_norm, gaussian_blur, roll, total_variation
from course_utils.recipes.digit_reader import load_digit_reader
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record
from course_utils.training import fit
from tools.bands import tagged_code

CHAPTER = "08c_inversion"
SHAPE = (1, 28, 28)
STAGES = ("stage1", "stage2", "stage3", "stage4")


@cache
def cells():
    """What the chapter's cells for the record define: the wishes, the judge."""
    names = {"SEED": 0, "__name__": "record"}
    exec(compile(tagged_code(CHAPTER, "record"), "<record>", "exec"), names)
    return names


@cache
def reader():
    return load_digit_reader()


@cache
def world():
    """The network of scenes, 120 pictures that it has not seen, and what its stages say of them."""
    scenes = trained("scenes")
    objects = make_object_images(120, 64, seed=501)
    pictures = objects.images.float() / 255
    return scenes, objects, pictures, features(scenes.model, scenes.prepare(pictures), STAGES)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- systems ------------------------------------------------------------------------------------


def test_s214_a_class_image_scores_above_every_training_picture():
    train = data.stand_in("mnist", "train").subset(slice(0, 800))
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.AvgPool2d(2), nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(200, 10)
    )
    fit(model, Batches(train, 32, seed=3), epochs=4, lr=5e-3, schedule="one_cycle", progress=False)
    model.eval()
    with torch.no_grad():
        scores = model(train.images.float() / 255)
    assert (scores.argmax(1) == train.labels).float().mean() > 0.85
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = class_image(model, torch.arange(10), SHAPE, steps=40)
    assert (made.scores > scores.amax(0)).all()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_s214_the_reader_climbs_above_all_of_mnist():
    record = load_record("08c_inversion.mnist")
    assert len(record["seeds"]) >= 5
    leads = [low - high for low, high in zip(record["lowest_climbed"], record["highest_real"], strict=True)]
    assert len(leads) == 10
    assert min(leads) > 5
    climbed = class_image(reader(), torch.arange(10), SHAPE, steps=60, seed=0).scores
    assert (climbed > torch.tensor(record["highest_real"])).all()


@pytest.mark.data
def test_s214_the_records_best_scores_are_those_of_mnist():
    if not data.available("mnist"):
        pytest.skip("MNIST is not in COURSE_DATA")
    train = data.load("mnist", "train").subset(slice(0, 5000))
    with torch.no_grad():
        best = torch.stack([reader()(x).amax(0) for x, _ in Batches(train, 1000, shuffle=False)]).amax(0)
    assert (best <= torch.tensor(load_record("08c_inversion.mnist")["highest_real"]) + 1e-3).all()


@pytest.mark.parametrize(("wish", "strengths"), [("l2", (0, 30, 100, 300)), ("tv", (0, 30, 100, 200)),
                                                 ("blur", (0, 0.4, 0.6, 0.8))])  # fmt: skip
def test_s215_total_variation_falls_with_a_stronger_wish_and_so_does_the_score(wish, strengths):
    classes = torch.tensor([0, 3, 6, 9])
    made = [class_image(reader(), classes, SHAPE, Regularisers(**{wish: s}), steps=40) for s in strengths]
    variation = [total_variation(m.images).mean().item() for m in made]
    scores = [m.scores.mean().item() for m in made]
    assert variation == sorted(variation, reverse=True)
    assert scores == sorted(scores, reverse=True)
    assert variation[-1] < 0.75 * variation[0]


def test_s215_the_panel_has_each_wish_alone_and_all_together():
    wishes = cells()["WISHES"]
    on = {name: {k for k in ("l2", "tv", "blur", "jitter") if getattr(w, k)} for name, w in wishes.items()}
    assert on["nothing"] == set()
    assert on["all four"] == {"l2", "tv", "blur", "jitter"}
    assert sorted(next(iter(v)) for v in on.values() if len(v) == 1) == ["blur", "jitter", "l2", "tv"]


def test_s216_pictures_of_the_learned_prior_convince_an_independent_network():
    shares = {name: band("08c_inversion.prior", f"judge, {name}") for name in [*cells()["WISHES"], "learned prior"]}
    assert all(share.count == 20 for share in shares.values())
    ours = shares.pop("learned prior")
    assert ours.minimum >= 0.6
    assert ours.median >= 0.8
    assert all(ours.median > share.median for share in shares.values())
    assert band("08c_inversion.prior", "accuracy of the judge").minimum > 0.9


def test_s216_a_seed_that_the_record_has_not_seen():
    here, ten = cells(), torch.arange(10)
    judge = here["train_judge"](data.stand_in("mnist", "train").subset(slice(0, 2200)), 77, epochs=4)
    prior = here["train_prior"](make_digits(1200, size=28, seed=77).images.float() / 255, 77)
    made = class_image_from_prior(reader(), ten, prior, 16, limit=2.0, seed=77)
    assert here["judged"](judge, made.images, ten) >= 0.7
    assert (made.scores < class_image(reader(), ten, SHAPE, steps=30).scores).all()


def test_s217_features_are_met_and_the_error_of_the_pixels_grows_with_depth():
    scenes, _, pictures, _ = world()
    x, smooth = pictures[:3], Regularisers(tv=3)
    found = {
        layer: invert(scenes.model, layer, x, smooth, steps=80, lr=0.06, prepare=scenes.prepare)
        for layer in ("stage1", "stage2", "stage4")
    }
    blank = features(scenes.model, scenes.prepare(torch.full_like(x, 0.5)), list(found))
    wanted = features(scenes.model, scenes.prepare(x), list(found))
    for layer, result in found.items():  # of every picture, not of most
        assert (result.feature_error < 0.1).all(), layer
        assert (relative_error(blank[layer], wanted[layer]) > 3 * result.feature_error).all(), layer
    for shallow, deep in pairwise(found.values()):
        assert (shallow.pixel_error < deep.pixel_error).all()
    assert (found["stage4"].pixel_error > 2 * found["stage1"].pixel_error).all()


def test_s217_a_search_that_is_stopped_early_has_not_met_the_activations():
    scenes, _, pictures, _ = world()
    found = [
        invert(scenes.model, "stage4", pictures[:1], Regularisers(tv=3), steps=steps, lr=0.06, prepare=scenes.prepare)
        for steps in (15, 80)
    ]
    assert found[0].feature_error > 0.2
    assert found[1].feature_error < 0.1


def test_s218_the_mean_of_the_nearest_patches_is_a_blurred_version_of_the_query():
    _, objects, pictures, maps = world()
    draw = torch.Generator().manual_seed(0)
    inside = (F.max_pool2d(objects.object_masks.float()[:, None], 8)[:30, 0] > 0).nonzero()
    number, row, column = inside[torch.randperm(len(inside), generator=draw)[:150]].T
    near = nearest_activations(maps["stage3"][number, :, row, column], maps["stage3"][30:], 20)
    query = cut_patches(pictures, number, row, column, (8, 8), 16)
    mean = cut_patches(pictures[30:], near.images, near.rows, near.columns, (8, 8), 16).mean(1)
    shuffled = mean[torch.randperm(len(mean), generator=draw)]

    def alike(patches):
        a, b = (t.flatten(1) - t.flatten(1).mean(1, keepdim=True) for t in (patches, query))
        return F.cosine_similarity(a, b).mean().item()

    assert alike(mean) > alike(shuffled) + 0.05
    assert (total_variation(mean) / total_variation(query)).mean() < 0.8


def test_s218_correspondences_beat_chance_on_warped_pairs():
    scenes, objects, pictures, maps = world()
    for seed in (0, 1):
        pairs = warp_pairs(pictures[:25], 30, 0.2, 0.1, seed=seed)
        draw = torch.Generator().manual_seed(seed)
        points = torch.stack([
            (spots := mask.nonzero().flip(1).float())[torch.randint(len(spots), (12,), generator=draw)]
            for mask in objects.object_masks[:25]
        ])  # fmt: skip
        truth = pairs.follow(points)
        seen = ((truth >= 0) & (truth <= 63)).all(2)
        guess = chance_rate(truth[seen][None], (64, 64), 5)
        warped = features(scenes.model, scenes.prepare(pairs.warped), STAGES)
        for layer in STAGES:
            answer = match(maps[layer][:25], warped[layer], points, (64, 64))
            assert hit_rate(answer[seen], truth[seen], 5) > 2 * guess


# ---- claim --------------------------------------------------------------------------------------


def test_c250_the_regulariser_decides_about_the_picture():
    record = load_record("08c_inversion.mnist")["metrics"]
    variation = {name: np.median(record[f"variation, {name}"]) for name in cells()["WISHES"]}
    scores = {name: np.median(record[f"score, {name}"]) for name in cells()["WISHES"]}
    for name in cells()["WISHES"]:
        if name != "nothing":
            assert variation[name] < variation["nothing"]
            assert scores[name] < scores["nothing"]
    assert variation["all four"] < variation["nothing"] / 2
    read = {name: band("08c_inversion.mnist", f"judge, {name}") for name in ("nothing", "all four")}
    assert read["all four"].count >= 5
    assert read["all four"].minimum > read["nothing"].maximum
    prior = band("08c_inversion.prior", "judge, learned prior")
    assert prior.median > band("08c_inversion.prior", "judge, nothing").median + 0.2


# ---- equations ----------------------------------------------------------------------------------


def test_eq_8_61_the_best_picture_of_a_linear_score_minus_its_cost():
    """argmax of <w, x> - (l2 / n) |x|^2 is n w / (2 l2)."""

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.linspace(-1, 1, 16).view(1, 4, 4))

        def forward(self, x):
            return (x * self.w).sum((1, 2, 3))

    made = class_image(Linear(), None, (1, 4, 4), Regularisers(l2=8), low=-9, high=9, steps=300)
    torch.testing.assert_close(made.images[0], 16 * Linear().w.data / 16, atol=0.05, rtol=0)


def test_eq_8_62_one_step_is_the_gradient_over_its_size():
    start = noise(2, *SHAPE, seed=1).float() * 0.5 + 0.25
    x = start.clone().requires_grad_()
    scores = reader()(x)[[0, 1], [3, 8]]
    (g,) = torch.autograd.grad(scores.sum(), x)
    size = (g.square().flatten(1).sum(1) / 784).sqrt().view(2, 1, 1, 1)
    made = class_image(reader(), [3, 8], SHAPE, steps=1, lr=0.01, start=start)
    torch.testing.assert_close(made.images, (start + 0.01 * g / size).clamp(0, 1), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.history[0], scores.detach())
    two = class_image(reader(), [3, 8], SHAPE, steps=2, lr=0.01, start=start)
    last = class_image(reader(), [3, 8], SHAPE, steps=1, lr=0.005, start=made.images)
    torch.testing.assert_close(two.images, last.images, atol=1e-5, rtol=0)


def test_eq_8_63_little_ink():
    x = noise(3, 2, 5, 4)
    for i in range(3):
        expected = sum(float(v) ** 2 for v in x[i].flatten()) * 7 / x[i].numel()
        assert float(Regularisers(l2=7).penalty(x)[i]) == pytest.approx(expected)
    torch.testing.assert_close(alpha_norm(x), x.square().mean((1, 2, 3)))


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_eq_8_64_total_variation(beta):
    x = noise(1, 1, 5, 4)
    total = 0.0
    for i in range(5):
        for j in range(4):
            right = float(x[0, 0, i, j + 1] - x[0, 0, i, j]) if j < 3 else 0.0
            below = float(x[0, 0, i + 1, j] - x[0, 0, i, j]) if i < 4 else 0.0
            total += (right**2 + below**2) ** (beta / 2)
    assert float(Regularisers(tv=3, beta=beta).penalty(x)[0]) == pytest.approx(3 * total / 20, abs=1e-4)


def test_eq_8_65_blur_is_a_convolution_with_a_gaussian():
    x = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    x[0, 0, 7, 7] = 1
    spot = gaussian_blur(x, 0.9)[0, 0]
    assert float(spot.sum()) == pytest.approx(1)
    for di, dj in ((0, 1), (1, 1), (2, 0), (2, 1)):
        ratio = float(spot[7 + di, 7 + dj] / spot[7, 7])
        assert ratio == pytest.approx(np.exp(-(di**2 + dj**2) / (2 * 0.9**2)))


def test_eq_8_66_jitter_draws_all_moves_alike():
    x = torch.arange(25.0).view(1, 1, 5, 5)
    draw, counts = torch.Generator().manual_seed(0), {}
    for _ in range(1800):
        first = int(roll(x, 1, draw)[0, 0, 0, 0])
        counts[first] = counts.get(first, 0) + 1
    assert set(counts) == {int(x[0, 0, -i, -j]) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert min(counts.values()) > 140


def test_eq_8_67_the_gradient_of_a_code_goes_through_both_networks():
    torch.manual_seed(0)
    prior = nn.Sequential(nn.Linear(4, 784), nn.Sigmoid(), nn.Unflatten(1, SHAPE))
    start = torch.randn(1, 4)
    code = start.clone().requires_grad_()
    goal = reader()(prior(code))[0, 5] - 2.0 * code.square().mean()
    (g,) = torch.autograd.grad(goal, code)
    made = class_image_from_prior(reader(), 5, prior, 4, code_l2=2.0, steps=1, lr=0.1, start=start)
    torch.testing.assert_close(made.codes, start + 0.1 * g / g.square().mean().sqrt(), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.images, prior(made.codes).detach())


def test_eq_8_68_and_8_69_the_errors_of_an_inversion():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    x = noise(2, 1, 8, 8).float()
    found = invert(model, "1", x, steps=5)
    with torch.no_grad():
        for i in range(2):
            wanted, got = model(x[i : i + 1]), model(found.images[i : i + 1])
            assert float(found.feature_error[i]) == pytest.approx(
                float((got - wanted).norm() ** 2 / wanted.norm() ** 2), rel=1e-4
            )
            n = x[i].numel()
            assert float(found.pixel_error[i]) == pytest.approx(
                float(((found.images[i] - x[i]).norm() ** 2 / n).sqrt()), rel=1e-4
            )
    flat = torch.zeros_like(x)
    silent = invert(nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.ReLU()), "1", x, steps=1, lr=1e-9, start=flat)
    torch.testing.assert_close(silent.feature_error, torch.ones(2), atol=1e-4, rtol=0)  # a picture without an answer


def test_eq_8_70_similarity_is_the_cosine():
    a, maps = noise(1, 3) - 0.5, noise(2, 3, 2, 2, seed=1) - 0.5
    best = nearest_activations(a, maps, 8)
    for rank in range(8):
        b = maps[best.images[0, rank], :, best.rows[0, rank], best.columns[0, rank]]
        cosine = float(a[0] @ b / (a[0].norm() * b.norm()))
        assert float(best.similarity[0, rank]) == pytest.approx(cosine)
    assert (best.similarity.diff(dim=1) <= 0).all()


def test_eq_8_71_a_cell_is_the_mean_of_the_nearest():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
    gallery, x = torch.rand(5, 3, 8, 8), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        wanted, known = model(x), model(gallery)
    best = nearest_activations(wanted[:, :, 1, 0], known, 3)
    patches = [gallery[n, :, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4]
               for n, r, c in zip(*(t[0].tolist() for t in (best.images, best.rows, best.columns)))]  # fmt: skip
    torch.testing.assert_close(rebuild(model, "2", x, gallery, 3)[0, :, 4:, :4], sum(patches) / 3)


def test_eq_8_72_the_match_is_the_most_similar_place():
    maps, other = noise(1, 6, 4, 4).float() - 0.5, noise(1, 6, 4, 4, seed=1).float() - 0.5
    point = torch.tensor([[[3.0, 5.0]]])
    found = match(maps, other, point, (8, 8), fine=1)[0, 0]
    large = [F.interpolate(m, (8, 8), mode="bilinear", align_corners=False) for m in (maps, other)]
    similarity = F.cosine_similarity(large[0][0, :, 5, 3][:, None, None], large[1][0], dim=0)
    assert found.tolist() == [float(v) for v in (similarity.argmax() % 8, similarity.argmax() // 8)]


def test_eq_8_73_the_share_within_reach():
    truth = torch.zeros(1, 4, 2)
    found = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [6.0, 0.0], [0.0, -5.1]]])
    assert hit_rate(found, truth, 5) == 0.5
    assert hit_rate(found, truth, 5.1) == 0.75
