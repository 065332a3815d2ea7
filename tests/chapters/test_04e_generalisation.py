"""Chapter 04e: every system works, and every numbered equation is what the code does."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.runtime import load_record
from course_utils.scratch.augmentation.affine import affine_matrix, warp
from course_utils.scratch.augmentation.colour_pca import colour_axes, draw_shifts
from course_utils.scratch.augmentation.crops import average_over_views, centre_crop, random_crop_and_flip, ten_crops
from course_utils.scratch.augmentation.geometric import crop, flip, quarter_turn, shift
from course_utils.scratch.augmentation.photometric import brightness, contrast
from course_utils.scratch.ensembles.averaging import ambiguity, average_probabilities, error_rate, log_loss
from course_utils.scratch.optimisation.gradient_descent import least_squares_gradient
from course_utils.scratch.selection.cross_validation import cross_validate, is_partition, k_folds, stratified_folds
from course_utils.scratch.selection.early_stopping import EarlyStopping
from course_utils.scratch.selection.many_networks import train_many
from course_utils.scratch.selection.search import best_trial, chance_of_top, grid, read_log, run_trials
from course_utils.scratch.selection.splits import optimism_bound, shared_examples, standard_error, stratified_holdout
from course_utils.training import fit

REC = "04e_generalisation"


def metrics(name):
    return {metric: np.array(values) for metric, values in load_record(f"{REC}.{name}")["metrics"].items()}


@pytest.fixture(scope="module")
def digits():
    pool, test = data.load("digits", "train"), data.load("digits", "test")
    x, new = (part.images.flatten(1).float() / 255 for part in (pool, test))
    return x, pool.labels, new, test.labels


@pytest.fixture(scope="module")
def piles(digits):
    return stratified_holdout(digits[1], (200, 100, 997), seed=1)


# ---- systems ------------------------------------------------------------------------------------


def test_s083_a_held_out_pile_picks_the_epoch_and_the_test_is_asked_once(digits, piles):
    x, y, test_x, test_y = digits
    few, choose, _ = piles
    assert (
        shared_examples(x[few], x[choose]) == shared_examples(x[few], test_x) == shared_examples(x[choose], test_x) == 0
    )
    draw = torch.Generator().manual_seed(1)
    wrong = y[few].clone()
    tired = torch.randperm(200, generator=draw)[:40]
    wrong[tired] = (wrong[tired] + torch.randint(1, 10, (40,), generator=draw)) % 10
    watch, asked = EarlyStopping(patience=10), 0
    _, losses, _ = train_many(x[few], wrong, [0.05], [0.0], [1], hidden=128, epochs=60, watch=(x[choose], y[choose]))
    for loss in losses[:, 0].tolist():
        if watch.update(loss):
            break
    assert losses[: watch.epoch + 1, 0].argmin() == watch.best_epoch < watch.epoch < 59
    assert watch.epoch - watch.best_epoch == 10  # patience
    # The same seed makes the same network again: train to the epoch kept, and report once.
    kept, _, _ = train_many(x[few], wrong, [0.05], [0.0], [1], hidden=128, epochs=watch.best_epoch + 1)
    last, _, _ = train_many(x[few], wrong, [0.05], [0.0], [1], hidden=128, epochs=60)
    report = float(kept.scores(test_x, test_y)[1])
    asked += 1
    assert asked == 1
    assert report > float(last.scores(test_x, test_y)[1])


def test_s083_stopping_pays_where_labels_are_wrong():
    found = metrics("early")
    assert (found["wrong_stopped"] > found["wrong_last"]).mean() >= 0.9
    assert np.abs(np.median(found["clean_stopped"] - found["clean_last"])) < 0.02


def test_s084_folds_partition_and_the_mean_selects(digits, piles):
    x, y, _, _ = digits
    few, _, later = piles
    folds = stratified_folds(y[few], 5, seed=0)
    assert is_partition(folds, 200)
    decays = [0.01, 0.3]
    picked = []
    for decay in decays:

        def score(train, held_out, decay=decay):
            network, _, _ = train_many(x[few][train], y[few][train], [0.1], [decay], [0], epochs=15)
            return float(network.scores(x[few][held_out], y[few][held_out])[1])

        picked.append(cross_validate(folds, score).mean)
    chosen = decays[int(np.argmax(picked))]
    both, _, _ = train_many(x[few], y[few], [0.1] * 2, decays, [0] * 2, epochs=15)
    truth = both.scores(x[later], y[later])[1]
    assert chosen == decays[int(truth.argmax())] == 0.01


def test_s084_five_folds_measure_better_than_one():
    found = metrics("folds")
    one, five = (np.sqrt((found[f"{name}_miss"] ** 2).mean()) for name in ("one", "five"))
    assert five < 0.7 * one


def test_s085_the_grid_is_logged_and_its_best_cell_comes_back(digits, piles, tmp_path):
    x, y, _, _ = digits
    few, choose, _ = piles

    def evaluate(setting, seed):
        network, _, _ = train_many(x[few], y[few], [setting["lr"]], [setting["decay"]], [seed], epochs=4)
        return float(network.scores(x[choose], y[choose])[1])

    settings = grid({"lr": [0.003, 0.1, 3.0], "decay": [0.0, 0.01]})
    run_trials(settings, evaluate, seed=2, log=tmp_path / "log.jsonl")
    logged = read_log(tmp_path / "log.jsonl")
    assert [t.setting for t in logged] == settings
    best = best_trial(logged)
    assert best.setting["lr"] == 0.1
    assert evaluate(best.setting, best.seed) == best.score


def test_s086_the_sweep_has_bands_over_seeds_for_each_hyperparameter():
    found = metrics("sweep")
    assert all(len(values) == 20 for values in found.values())
    rates = {size: [float(m.split()[-1]) for m in found if m.startswith(f"batch {size} ")] for size in (5, 20, 100)}
    best = {n: max(r, key=lambda v: np.median(found[f"batch {n} rate {v:g}"])) for n, r in rates.items()}
    assert best[5] < best[20] < best[100]
    for size in (5, 20, 100):  # too small is slow, too large is chance
        assert np.median(found[f"batch {size} rate 0.003"]) < np.median(found[f"batch {size} rate {best[size]:g}"])
        assert np.median(found[f"batch {size} rate 3"]) < 0.2
    assert found["decay 0.1"].max() < found["decay 0"].min()


@pytest.mark.parametrize("shape", [(8, 8), (3, 7, 10)])
def test_s104_every_transform_keeps_its_promise(shape):
    x = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(flip(flip(x)), x)
    inside = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(4, 4), (4, 4)])
    np.testing.assert_array_equal(shift(shift(inside, 1, -2), 2, 3), shift(inside, 3, 1))
    np.testing.assert_array_equal(crop(shift(x, 2, 0), 2, 0, shape[-2] - 2, shape[-1]), x[..., :-2, :])
    square = x[..., :7, :7]
    for turns in range(4):
        np.testing.assert_array_equal(quarter_turn(x, turns), torch.rot90(torch.tensor(x), turns, (-2, -1)))
        np.testing.assert_allclose(warp(square, affine_matrix(90 * turns)), quarter_turn(square, turns), atol=1e-12)
    assert contrast(x, 0.3, clip=False).mean() == pytest.approx(x.mean())
    assert brightness(0.5 * x, 0.2).mean() == pytest.approx(0.5 * x.mean() + 0.2)


def test_s104_random_changes_are_drawn_anew_and_repeat_by_seed():
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for change in (
        data.random_flip(),
        data.random_shift(2),
        data.random_affine(12, 0.12, 0.09),
        random_crop_and_flip(6),
    ):
        draw = torch.Generator().manual_seed(1)
        first, second = change(x, draw), change(x, draw)
        assert not torch.equal(first, second)
        assert torch.equal(change(x, torch.Generator().manual_seed(1)), first)


def test_s104_augmented_beats_plain_on_small_sets_and_a_lie_does_not():
    found = metrics("pays")
    for size in (50, 100, 200, 400):
        assert (found[f"jiggled {size}"] > found[f"plain {size}"]).mean() >= 0.8
    assert found["mirrored 200"].max() < np.median(found["plain 200"])
    assert found["any turn 200"].max() < np.median(found["mirrored 200"])


def test_s104_live_on_a_hundred_digits(digits, piles):
    x, y, test_x, test_y = digits
    few = piles[0][:100]
    rows = torch.as_tensor(few).repeat(5)
    changes = [None] * 3 + [data.random_affine(12, 0.12, 0.09)] * 3
    nets, _, _ = train_many(
        x[rows], y[rows], [0.1] * 6, [0.0] * 6, [0, 1, 2] * 2, batch_size=25, epochs=20, falling=True, augment=changes
    )
    right = nets.scores(test_x, test_y)[1]
    assert right[3:].mean() > right[:3].mean()


def test_s105_drawn_shifts_follow_the_colours_of_the_training_pixels():
    photos = [data.photo(name, size=48).numpy() / 255 for name in ("astronaut", "cat", "china", "coffee", "flower")]
    pixels = np.moveaxis(np.stack(photos), 1, -1).reshape(-1, 3)
    palette = colour_axes(pixels)
    values, vectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
    np.testing.assert_allclose(palette.variances, values[::-1], atol=1e-12)
    shifts = draw_shifts(palette, 20_000, 0.1, np.random.default_rng(0))
    sample = np.cov(shifts.T)
    seen = np.linalg.eigh(sample)[1]
    assert (np.abs((seen * vectors).sum(axis=0)) > 0.99).all()
    np.testing.assert_allclose(np.sqrt(np.linalg.eigvalsh(sample)), 0.1 * values, rtol=0.03)


def test_s106_ten_views_are_ten_and_do_not_lower_accuracy():
    x = torch.rand(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    assert len({view.numpy().tobytes() for view in ten_crops(x, 20)}) == 10
    found = metrics("crop")
    for name in ("centre", "random"):
        assert np.median(found[f"{name}_ten"]) > np.median(found[f"{name}_one"])
        assert (found[f"{name}_ten"] >= found[f"{name}_one"]).mean() >= 0.9


def test_s107_a_network_that_has_only_seen_drawings_reads_real_digits():
    drawn = data.synthetic.make_digits(3000, 8, 0, pen=(0.1, 0.32), margin=0, width=(0.45, 1.05), variety=1.4)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(384, 10),
    )  # fmt: skip
    fit(net, data.Batches(drawn, 50), epochs=5, lr=5e-3, schedule="one_cycle", progress=False)
    real = data.load("digits", "all")
    with torch.no_grad():
        right = (net(real.images.float() / 255).argmax(dim=1) == real.labels).double().mean()
    assert right > 0.8


def test_s107_wider_randomness_transfers_better():
    found = metrics("drawn")
    medians = [np.median(found[name]) for name in ("one hand", "pens", "ways to write", "hands", "jiggled")]
    assert medians == sorted(medians)
    assert found["convolutional"].min() > 0.8


def test_s108_averaging_lowers_the_error_of_the_mean_member():
    found = metrics("members")
    assert (found["bags group error"] < found["bags member error"]).all()
    assert found["jiggled group error"].mean() < found["jiggled member error"].mean()
    for name in ("seeds", "bags", "jiggled"):
        assert (found[f"{name} group loss"] < found[f"{name} member loss"]).all()


def test_s108_live_with_bags_of_fifty(digits, piles):
    x, y, test_x, test_y = digits
    few, draw = piles[0], np.random.default_rng(0)
    bags = torch.as_tensor(few[draw.integers(0, 200, (8, 60))])
    nets, _, _ = train_many(x[bags], y[bags], [0.1] * 8, [0.0] * 8, list(range(8)), epochs=25)
    with torch.no_grad():
        p = nets.logits(test_x).softmax(dim=2).numpy()
    assert error_rate(average_probabilities(p), test_y) < np.mean([error_rate(one, test_y) for one in p])


# ---- equations ----------------------------------------------------------------------------------


def test_equation_4_81_standard_error():
    assert standard_error(0.93, 100) == pytest.approx(np.sqrt(0.93 * 0.07 / 100))
    seen = np.random.default_rng(0).binomial(100, 0.93, 20_000) / 100
    assert seen.std() == pytest.approx(standard_error(0.93, 100), rel=0.02)


def test_equation_4_82_optimism():
    assert optimism_bound(40, 100) == pytest.approx(np.sqrt(np.log(40) / 200))
    for k, n in ((2, 20), (40, 100), (1000, 50)):
        best = (np.random.default_rng(k).binomial(n, 0.5, (2000, k)) / n).max(axis=1).mean()
        assert 0.4 * optimism_bound(k, n) < best - 0.5 <= optimism_bound(k, n)
    found = metrics("optimism")
    rise, gain = found["best_look"] - found["mean_look"], found["best_honest"] - found["mean_honest"]
    assert rise.mean() > 2 * gain.mean()


def test_equation_4_83_is_the_mean_over_folds():
    folds = k_folds(10, 5)
    numbers = np.arange(10.0) ** 2
    score = lambda train, held_out: numbers[train].mean() - numbers[held_out].mean()
    by_hand = sum(score(train, held_out) for train, held_out in folds) / 5
    assert cross_validate(folds, score).mean == pytest.approx(by_hand)


def test_equation_4_84_darts():
    assert chance_of_top(0.05, 59) == pytest.approx(1 - 0.95**59)
    assert chance_of_top(0.05, 58) < 0.95 < chance_of_top(0.05, 59)


def test_equation_4_85_k_small_steps_are_one_large_one_to_first_order():
    rng = np.random.default_rng(0)
    x, y, start = rng.normal(size=(40, 3)), rng.normal(size=40), np.ones(3)

    def gap(eta):
        w = start
        for part in np.split(np.arange(40), 4):
            w = w - eta * least_squares_gradient(w, x[part], y[part])
        return np.linalg.norm(w - (start - 4 * eta * least_squares_gradient(start, x, y)))

    assert gap(1e-3) / gap(1e-4) == pytest.approx(100, rel=0.05)


def test_equation_4_86_reads_from_the_inverse():
    z, turn, t1, t2 = 1.3, np.radians(25), 0.7, -1.1
    matrix = affine_matrix(25, z, t1, t2)
    expected = [[z * np.cos(turn), -z * np.sin(turn), t1], [z * np.sin(turn), z * np.cos(turn), t2], [0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    rows, columns = np.mgrid[:21, :21] - 10.0
    plane = 0.3 + 0.02 * rows - 0.01 * columns  # a plane is read exactly by mixing four pixels
    p = np.array([2.0, -3.0, 1.0])
    source = np.linalg.inv(matrix) @ p
    assert warp(plane, matrix)[12, 7] == pytest.approx(0.3 + 0.02 * source[0] - 0.01 * source[1])


def test_equation_4_87_contrast_and_brightness():
    x = 0.3 + 0.3 * np.random.default_rng(0).random((5, 6))
    np.testing.assert_allclose(brightness(contrast(x, 0.6), 0.1), x.mean() + 0.6 * (x - x.mean()) + 0.1, atol=1e-12)


def test_equation_4_88_colour_shift():
    palette = colour_axes(np.random.default_rng(0).random((100, 3)) * [0.9, 0.5, 0.2])
    alpha = np.random.default_rng(5).normal(0, 0.3, size=(4, 3))
    by_hand = [palette.axes @ (a * palette.variances) for a in alpha]
    np.testing.assert_allclose(draw_shifts(palette, 4, 0.3, np.random.default_rng(5)), by_hand, atol=1e-12)


def test_equation_4_89_is_the_mean_over_ten_views():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), torch.rand(5, 1, 6, 6)
    by_hand = sum(model(view).softmax(dim=1) for view in ten_crops(x, 4)) / 10
    torch.testing.assert_close(average_over_views(model, ten_crops(x, 4)), by_hand.detach())
    assert torch.equal(ten_crops(x, 4)[4], centre_crop(x, 4))


@pytest.mark.parametrize("seed", range(5))
def test_equations_4_90_and_4_91_hold_on_every_example(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), size=(6, 30))  # (M, N, K)
    y = rng.integers(4, size=30)
    mean = average_probabilities(p)
    np.testing.assert_allclose(mean, sum(p) / 6, atol=1e-12)
    for n in range(30):
        assert -np.log(mean[n, y[n]]) <= np.mean(-np.log(p[:, n, y[n]])) + 1e-12
        terms = ambiguity(p[:, n : n + 1], np.eye(4)[y[n : n + 1]])
        assert terms.ensemble == pytest.approx(terms.members - terms.spread, abs=1e-12)
    assert log_loss(mean, y) < np.mean([log_loss(one, y) for one in p])


# ---- records ------------------------------------------------------------------------------------


def test_the_mnist_record_says_what_the_chapter_says():
    found = metrics("mnist")
    for size in load_record(f"{REC}.mnist")["sizes"]:
        assert (found[f"jiggled {size}"] < found[f"plain {size}"]).all()
    assert np.median(found["jiggled 1000"]) < found["plain 3000"].min()
