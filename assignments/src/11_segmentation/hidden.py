"""Hidden tests of assignment 11. They stay with the instructor and run in the grader's own process.

Masks, logits, weights and pictures are random, other ones for each student. What is right comes from counting pixel by pixel, from formulas
written out in 64 bits, from stamps laid down one by one, and from the U-Net by torch's functions on the student's own parameters. The
networks themselves live in the student's process and are called by handle. `says` sentences reach the student, nothing else does.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.grading.answers import Wrong, close, compare, read_array, read_number, read_numbers, read_tuple
from course_utils.grading.hidden import hidden, says
from course_utils.grading.sentences import CallFailed

WITHHELD = (
    "course_utils.segmentation",
    "course_utils.scratch",
    "course_utils.models",
    "torchvision",
    "torchmetrics",
    "sklearn",
    "skimage",
)
SECONDS = {"call": 20, "total": 240}  # the first optimiser that a process makes loads half of torch
NEAR = 2e-4  # networks of several layers in 32 bits
NONE = 77.0  # stands for NaN in scores that have been read

# what later tests of an exercise build on
COUNTS = ("test_tables_of_random_masks",)
IOU = ("test_iou_of_classes",)
LOSS = ("test_weighted_mean_of_the_batch",)
PLAN = ("test_layers_of_the_unet",)
WHOLE = (*PLAN, "test_logits_of_sizes_that_fit")
NEARBY = ("test_pixels_near_a_boundary",)


def tensor(values):
    values = np.asarray(values)
    return torch.tensor(values, dtype=torch.float32 if values.dtype.kind == "f" else None)


def short(values):
    """What a number is after a trip through 32 bits."""
    return np.float64(np.float32(values))


def draw(rng, *shape):
    """Numbers away from zero, of both signs."""
    return short(rng.uniform(0.3, 1.5, size=shape) * rng.choice([-1, 1], size=shape))


def scores(value, shape, name):
    """Read scores in which NaN says that there is none."""
    if isinstance(value, torch.Tensor):
        value = value.detach().double().numpy() if value.is_floating_point() else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise Wrong(f"{name} should be an array of numbers") from None
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), NONE, array)
    return read_array(array if array.dtype != object else value, shape, name)


def masks(rng, classes, ignore, shape=(2, 5, 6), absent=()):
    """A target with pixels that do not count, and a prediction that is right in about half of it."""
    there = [c for c in range(classes) if c not in absent]
    target = rng.choice(there, size=shape)
    target.flat[: len(there)] = there
    guess = np.where(rng.uniform(size=shape) < 0.5, target, rng.choice(there, size=shape))
    target = np.where(rng.uniform(size=shape) < 0.25, ignore, target)
    target.flat[: len(there) + 2] = [*there, ignore, ignore]
    guess.flat[: len(there) + 2] = [there[1], *there[1:], there[0], there[-1]]
    return guess, target


def counted(guess, target, classes, ignore):
    table = np.zeros((classes, classes))
    for g, t in zip(guess.ravel(), target.ravel()):
        if t != ignore:
            table[t, g] += 1
    return table


# ---- exercise 1 ----


@hidden("metrics", points=1.5)
def test_tables_of_random_masks(student, rng):
    for classes, ignore in ((4, 255), (3, 5), (5, -1)):
        guess, target = masks(rng, classes, ignore)
        want = counted(guess, target, classes, ignore)
        got = read_array(
            student.confusion(tensor(guess), tensor(target), classes, ignore), want.shape, "what confusion returns"
        )
        ignored = "confusion counts the pixels with `ignore`: they count nowhere, whatever was predicted there"
        kept = np.where(target == ignore, -7, target)
        mistakes = [(want.T, "confusion exchanges rows and columns: rows are true, columns predicted")]
        for c in range(classes):
            mistakes.append((counted(guess, np.where(kept == -7, c, kept), classes, -7), ignored))
        mistakes += [
            (counted(guess, np.where(kept == -7, guess, kept), classes, -7), ignored),
            (want / want.sum(), "confusion returns shares: whole numbers of pixels"),
            (
                want / np.maximum(want.sum(axis=1, keepdims=True), 1),
                "confusion divides each row: whole numbers of pixels",
            ),
            (np.minimum(want, 1), "confusion counts each pair of classes once: one for every pixel"),
            (np.diag(np.diag(want)), "confusion counts right pixels alone"),
            (counted(guess[:1], target[:1], classes, ignore), "confusion counts the first picture alone"),
        ]
        compare(got, want, mistakes, "confusion does not count the pairs of true and predicted class")
        changed = student.confusion.changes_its_arguments(tensor(guess), tensor(target), classes, ignore)
        assert not changed, says("confusion changes the masks that it is given")
    blank = np.full((1, 2, 3), 9)
    got = read_array(student.confusion(tensor(0 * blank), tensor(blank), 3, 9), (3, 3), "what confusion returns")
    compare(got, np.zeros((3, 3)), otherwise="confusion is not all zeros where every pixel is ignored")


def table_of(rng, classes, absent=(), guessed=()):
    """A table in which some classes do not occur, and some are predicted and never true."""
    table = rng.integers(1, 30, size=(classes, classes)) + 20 * np.diag(rng.integers(1, 4, size=classes))
    table[list(absent)] = 0
    table[:, list(absent)] = 0
    table[list(guessed)] = 0
    return table


def over(a, b):
    return np.where(b > 0, a / np.maximum(b, 1), NONE)


def parts(table):
    return np.diag(table), table.sum(axis=1), table.sum(axis=0)


def iou_of(table):
    both, true, guess = parts(table)
    return over(both, true + guess - both)


def dice_of(table):
    both, true, guess = parts(table)
    return over(2 * both, true + guess)


CASES = ((5, (3,), (1,)), (4, (), (0,)), (6, (0, 5), ()), (3, (), ()))


@hidden("metrics", points=0.5)
def test_pixel_accuracy(student, rng):
    for classes, absent, guessed in CASES:
        table = table_of(rng, classes, absent, guessed)
        got = scores(student.pixel_accuracy(tensor(table)), (), "what pixel_accuracy returns")
        both, true, _ = parts(table)
        recall = over(both, true)
        mistakes = [
            (
                recall[recall != NONE].mean(),
                "pixel_accuracy takes the mean of the classes' shares: every pixel counts the same",
            ),
            (both.sum(), "pixel_accuracy counts the right pixels: divide by all that count"),
            (1 - both.sum() / true.sum(), "pixel_accuracy gives the share that is wrong"),
            (100 * both.sum() / true.sum(), "pixel_accuracy gives percent: a share is between 0 and 1"),
        ]
        compare(
            got,
            both.sum() / true.sum(),
            mistakes,
            "pixel_accuracy is not the share of the counted pixels that are right",
        )
    empty(student.pixel_accuracy, "pixel_accuracy", ())


def empty(function, name, shape):
    got = scores(function(tensor(np.zeros((3, 3), dtype=int))), shape, f"what {name} returns")
    compare(got, np.full(shape, NONE), otherwise=f"{name} gives a number where nothing counts: NaN")


def by_class(student, rng, name, right, other):
    for classes, absent, guessed in CASES:
        table = table_of(rng, classes, absent, guessed)
        both, true, guess = parts(table)
        want = right(table)
        got = scores(getattr(student, name)(tensor(table)), (classes,), f"what {name} returns")
        mistakes = [
            (np.where(want == NONE, 0, want), f"{name} gives 0 for a class that does not occur: NaN, it has no score"),
            (np.where(want == NONE, 1, want), f"{name} gives 1 for a class that does not occur: NaN, it has no score"),
            (
                np.where(true > 0, want, NONE),
                f"{name} gives no score to a class that is only predicted: it occurs, its score is 0",
            ),
            (over(both, true), f"{name} divides by the true pixels alone: that is recall"),
            (over(both, guess), f"{name} divides by the predicted pixels alone: that is precision"),
            (over(both, true + guess), f"{name} counts the intersection twice in the union, or forgets the factor 2"),
            (other(table), f"{name} gives the other score: IoU and Dice are two"),
            (over(2 * both, true + guess - both), f"{name} doubles the intersection of the IoU"),
        ]
        compare(got, want, mistakes, f"{name} is not right")
    empty(getattr(student, name), name, (3,))


@hidden("metrics", points=1)
def test_iou_of_classes(student, rng):
    by_class(student, rng, "class_iou", iou_of, dice_of)


@hidden("metrics", points=1, after=IOU)
def test_mean_over_the_classes_that_occur(student, rng):
    for classes, absent, guessed in CASES:
        table = table_of(rng, classes, absent, guessed)
        iou = iou_of(table)
        true = table.sum(axis=1)
        occur = iou[iou != NONE]
        got = scores(student.mean_iou(tensor(table)), (), "what mean_iou returns")
        mistakes = [
            (NONE, "mean_iou is NaN: leave the classes out that do not occur, and take the mean of the others"),
            (occur.sum() / classes, "mean_iou divides by all classes: leave out what does not occur"),
            (iou[true > 0].mean(), "mean_iou leaves out a class that is only predicted: it occurs, with an IoU of 0"),
            (dice_of(table)[iou != NONE].mean(), "mean_iou takes the mean of the Dice scores"),
            (np.diag(table).sum() / table.sum(), "mean_iou is the pixel accuracy: each class counts the same"),
            (
                (occur * true[iou != NONE]).sum() / true.sum(),
                "mean_iou weighs classes by their pixels: each class counts the same",
            ),
        ]
        compare(got, occur.mean(), mistakes, "mean_iou is not the mean over the classes that occur")
    empty(student.mean_iou, "mean_iou", ())


@hidden("metrics", points=1)
def test_dice_of_classes(student, rng):
    by_class(student, rng, "class_dice", dice_of, iou_of)


# ---- exercise 2 ----


@hidden("loss", points=1)
def test_weights_balance_the_classes(student, rng):
    for classes, ignore, absent in ((4, 255, (2,)), (3, 3, ()), (5, -1, (0, 4))):
        _, target = masks(rng, classes, ignore, (2, 5, 7), absent)
        counts = np.array([(target == c).sum() for c in range(classes)])
        n, m = counts.sum(), (counts > 0).sum()
        want = np.where(counts > 0, n / (m * np.maximum(counts, 1)), 0)
        got = read_array(
            student.balanced_weights(tensor(target), classes, ignore), (classes,), "what balanced_weights returns"
        )
        first = np.array([(target[0] == c).sum() for c in range(classes)])
        alone = np.where(first > 0, first.sum() / ((first > 0).sum() * np.maximum(first, 1)), 0)
        mistakes = [
            (alone, "balanced_weights looks at the first picture alone"),
            (want * target.size / n, "balanced_weights takes all pixels for n: those with `ignore` do not count"),
            (want * m / classes, "balanced_weights takes all classes for m: those that occur in the target"),
            (want * m, "balanced_weights forgets to divide by m"),
            (want * m / n, "balanced_weights gives 1 / n_c: times n / m"),
            (counts / n, "balanced_weights gives the classes' shares: the rarer, the larger"),
            (want / want.sum(), "balanced_weights makes the weights sum to 1: n / (m n_c)"),
            (np.where(counts > 0, want, 1), "balanced_weights gives a weight to a class that does not occur: 0"),
        ]
        compare(got, want, mistakes, "balanced_weights is not n / (m n_c)")
    got = read_array(
        student.balanced_weights(tensor(np.full((1, 2, 2), 9)), 3, 9), (3,), "what balanced_weights returns"
    )
    compare(got, np.zeros(3), otherwise="balanced_weights is not all 0 where every pixel is ignored")


def each(logits, label, axis=1):
    z = logits - logits.max(axis=axis, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return -np.take_along_axis(logs, label[:, None], axis=1)[:, 0]


def batch(rng, ignore):
    """Logits, a target in which the pictures differ in how much counts, and weights."""
    logits = 2 * short(rng.normal(size=(2, 4, 3, 5)))
    _, target = masks(rng, 4, ignore, (2, 3, 5))
    target[1, 1:] = ignore
    target[1, 0] = [3, 3, 1, 3, 3]
    return logits, target, short(rng.permutation([0.25, 0.5, 2.0, 4.0]))


@hidden("loss", points=1.25)
def test_weighted_mean_of_the_batch(student, rng):
    for ignore in (255, -100, 4):
        logits, target, weights = batch(rng, ignore)
        known = target != ignore
        label = np.where(known, target, 0)
        w, l = weights[label] * known, each(logits, label)
        want = (w * l).sum() / w.sum()
        axis = "pixel_loss takes the softmax over another axis: the classes stand on axis 1"
        chosen = weights[logits.argmax(axis=1)] * known
        ignored = "pixel_loss takes ignored pixels for a class: they are in neither sum"
        mistakes = [
            (
                (w * l).sum() / known.sum(),
                "pixel_loss divides by the number of counted pixels: by the sum of their weights",
            ),
            (
                (w * l).sum() / known.size,
                "pixel_loss divides by the number of all pixels: by the sum of the counted weights",
            ),
            ((w * l).sum() / weights[label].sum(), "pixel_loss has ignored pixels in the sum of the weights"),
            (l[known].mean(), "pixel_loss does not use the weights"),
            ((w * l).sum(), "pixel_loss is a sum: divide by the sum of the weights"),
            (
                np.mean([(w[n] * l[n]).sum() / w[n].sum() for n in range(2)]),
                "pixel_loss takes the mean of the pictures' means",
            ),
            (-want, "pixel_loss has the wrong sign"),
            ((chosen * l).sum() / chosen.sum(), "pixel_loss takes the weight of the predicted class: of the true one"),
            *(((w * each(logits, label, a)).sum() / w.sum(), axis) for a in (0, 2, 3)),
            ((w * l).sum() / weights.sum(), "pixel_loss divides by the sum over the classes"),
        ]
        for c in range(4):
            other = np.where(known, target, c)
            mistakes.append(((weights[other] * each(logits, other)).sum() / weights[other].sum(), ignored))
        got = read_number(
            student.pixel_loss(tensor(logits), tensor(target), tensor(weights), ignore), "what pixel_loss returns"
        )
        compare(got, want, mistakes, "pixel_loss is not the weighted mean over all counted pixels", NEAR)
        changed = student.pixel_loss.changes_its_arguments(tensor(logits), tensor(target), tensor(weights), ignore)
        assert not changed, says("pixel_loss changes what it is given")


@hidden("loss", points=1, after=LOSS)
def test_gradient_of_the_loss(student, rng):
    logits, target, weights = batch(rng, 255)
    held = student.hold(tensor(logits).requires_grad_())
    try:
        student.pixel_loss.new(held, tensor(target), tensor(weights), 255).backward.new()
    except CallFailed as failure:
        if failure.status not in ("raised", "absent"):
            raise
        raise Wrong("pixel_loss cuts the way back: no gradient flows from what it returns") from None
    slopes = held.get("grad")
    assert slopes is not None, says("pixel_loss cuts the way back: no gradient reaches the logits")
    w = np.where(target == 255, 0, weights[np.where(target == 255, 0, target)])
    powers = np.exp(logits)
    one = np.arange(4)[None, :, None, None] == target[:, None]
    want = (powers / powers.sum(axis=1, keepdims=True) - one) * (w / w.sum())[:, None]
    compare(
        read_array(slopes, want.shape, "the gradient of pixel_loss"),
        want,
        otherwise="the gradient of pixel_loss is not right",
        tolerance=NEAR,
    )


@hidden("loss", points=0.75, after=(*LOSS, "test_gradient_of_the_loss"))
def test_nothing_to_divide_by(student, rng):
    logits, target, weights = batch(rng, 9)
    only = np.where(target == 1, 1, 9)
    zero = np.where(np.arange(4) == 1, 0.0, weights)
    for mask, weight in ((np.full_like(target, 9), weights), (only, zero)):
        held = student.hold(tensor(logits).requires_grad_())
        value = student.pixel_loss.new(held, tensor(mask), tensor(weight), 9)
        number = float(
            scores(student.pixel_loss(tensor(logits), tensor(mask), tensor(weight), 9), (), "what pixel_loss returns")
        )
        assert number != NONE, says("pixel_loss is NaN where nothing counts: 0")
        compare(number, 0.0, otherwise="pixel_loss is not 0 where nothing counts")
        try:
            value.backward.new()
        except CallFailed as failure:
            if failure.status not in ("raised", "absent"):
                raise
            raise Wrong(
                "pixel_loss gives a 0 where nothing counts from which `.backward()` can not start: it must also hang on the logits"
            ) from None
        slopes = held.get("grad")
        if slopes is not None:
            broken = bool(np.isnan(np.asarray(slopes)).any())
            assert not broken, says("the gradient of pixel_loss is NaN where nothing counts: 0 / 0 on the way back")
    got = read_number(
        student.pixel_loss(tensor(900 * logits), tensor(target), tensor(weights), 9), "what pixel_loss returns"
    )
    label = np.where(target == 9, 0, target)
    w = weights[label] * (target != 9)
    want = (w * each(900 * logits, label)).sum() / w.sum()
    compare(got, want, otherwise="pixel_loss is not right for large logits", tolerance=NEAR)


# ---- exercise 3 ----


@hidden("upsampling", points=1)
def test_zeros_in_between(student, rng):
    for factor in (2, 3, 4, 1):
        x = draw(rng, 2, 3, 3, 4)
        want = np.zeros((2, 3, 3 * factor, 4 * factor))
        want[:, :, ::factor, ::factor] = x
        late = np.zeros_like(want)
        late[:, :, factor - 1 :: factor, factor - 1 :: factor] = x
        got = read_array(student.insert_zeros(tensor(x), factor), want.shape, "what insert_zeros returns")
        mistakes = [
            (late, "insert_zeros puts the zeros before each number: (i, j) goes to (factor i, factor j)"),
            (x.repeat(factor, 2).repeat(factor, 3), "insert_zeros repeats the numbers: zeros in between"),
            (np.concatenate([want[:1], 0 * want[1:]]), "insert_zeros works on the first picture alone"),
            (
                np.pad(x, ((0, 0), (0, 0), (0, 3 * factor - 3), (0, 4 * factor - 4))),
                "insert_zeros puts all zeros at the end",
            ),
        ]
        compare(got, want, mistakes, "insert_zeros is not right")


@hidden("upsampling", points=1.25)
def test_tents(student, rng):
    for factor in rng.permutation([2, 3, 4, 5, 6, 8]):
        k = int(2 * factor - factor % 2)
        away = np.abs(np.arange(k) - (k - 1) / 2)
        line = 1 - away / factor
        want = np.outer(line, line)
        got = read_array(student.bilinear_kernel(int(factor)), (k, k), "what bilinear_kernel returns")
        mistakes = [
            (want / want.sum(), "bilinear_kernel is scaled to sum 1: it sums to f x f"),
            (np.add.outer(line, line) - 1, "bilinear_kernel adds the two factors: their product"),
            (np.add.outer(line, line) / 2, "bilinear_kernel takes the mean of the two factors: their product"),
            (np.minimum.outer(line, line), "bilinear_kernel takes the smaller of the two factors: their product"),
            (np.ones((k, k)), "bilinear_kernel is flat: a tent falls off from its middle"),
            (np.outer(1 - 2 * away / k, 1 - 2 * away / k), "bilinear_kernel divides by half its size: by the factor"),
        ]
        for c in (factor, factor - 1, k // 2):
            off = 1 - np.abs(np.arange(k) - c) / factor
            mistakes.append((np.outer(off, off), "bilinear_kernel has its middle in another place: c = (k - 1) / 2"))
        compare(got, want, mistakes, "bilinear_kernel is not the tent")


def laid(x, kernel, factor, corner=None, turned=False, largest=False):
    """Stamps laid down one by one."""
    kernel = kernel[::-1, ::-1] if turned else kernel
    k, (n, c, h, w) = len(kernel), x.shape
    p = (k - factor) // 2 if corner is None else corner
    wide = np.zeros((n, c, factor * h + 2 * k, factor * w + 2 * k))
    for i in range(h):
        for j in range(w):
            top, left = factor * i - p + k, factor * j - p + k
            place = wide[:, :, top : top + k, left : left + k]
            stamp = x[:, :, i, j][:, :, None, None] * kernel
            place[...] = np.maximum(place, stamp) if largest else place + stamp
    return wide[:, :, k : k + factor * h, k : k + factor * w]


@hidden("upsampling", points=1.75)
def test_stamps(student, rng):
    for factor, k in ((2, 4), (2, 2), (3, 5), (1, 3), (4, 8), (2, 6)):
        x, kernel = draw(rng, 2, 3, 3, 4), short(rng.uniform(0.2, 1.5, size=(k, k)))
        want = laid(x, kernel, factor)
        got = read_array(student.upsample(tensor(x), tensor(kernel), factor), want.shape, "what upsample returns")
        mixed = np.broadcast_to(want.sum(axis=1, keepdims=True), want.shape)
        mistakes = [
            (
                laid(x, kernel, factor, turned=True),
                "upsample lays its stamps turned round: F.conv2d does not flip the kernel",
            ),
            (mixed, "upsample mixes the channels: each channel by itself"),
            (np.concatenate([want[:1], 0 * want[1:]]), "upsample works on the first picture alone"),
            (mixed / 3, "upsample mixes the channels: each channel by itself"),
            (np.broadcast_to(want[:, :1], want.shape), "upsample gives all channels the first one's numbers"),
            (laid(x, kernel, factor, corner=0), "upsample does not move its stamps back by p"),
            (laid(x, kernel, factor, corner=k - factor), "upsample moves its stamps too far: by p = (k - f) / 2"),
            (want / kernel.sum(), "upsample divides by the sum of the kernel: a stamp is the kernel times the number"),
            (want / kernel.sum() * factor**2, "upsample scales the kernel: a stamp is the kernel times the number"),
            (laid(x, kernel, factor, largest=True), "upsample keeps the largest where stamps overlap: they add up"),
            (laid(x, kernel.T, factor), "upsample exchanges rows and columns of the kernel"),
            (x.repeat(factor, 2).repeat(factor, 3), "upsample repeats the numbers, whatever the kernel"),
        ]
        compare(got, want, mistakes, "upsample does not lay the stamps as it should", NEAR)
        changed = student.upsample.changes_its_arguments(tensor(x), tensor(kernel), factor)
        assert not changed, says("upsample changes what it is given")


@hidden("upsampling", points=1, after=("test_tents", "test_stamps"))
def test_bilinear_inside_is_that_of_torch(student, rng):
    for factor in (2, 3, 4):
        x = draw(rng, 1, 2, 5, 6)
        kernel = read_array(
            student.bilinear_kernel(factor), (2 * factor - factor % 2,) * 2, "what bilinear_kernel returns"
        )
        shape = (1, 2, 5 * factor, 6 * factor)
        got = read_array(student.upsample(tensor(x), tensor(kernel), factor), shape, "what upsample returns")
        want = F.interpolate(torch.tensor(x), scale_factor=factor, mode="bilinear").numpy()
        inside = (..., slice(factor, -factor), slice(factor, -factor))
        compare(
            got[inside],
            want[inside],
            otherwise="upsample with the bilinear kernel is not bilinear interpolation, away from the border",
            tolerance=NEAR,
        )


# ---- exercise 4 ----


def block_shapes(name, a, b):
    return {
        f"{name}.0.weight": (b, a, 3, 3),
        f"{name}.0.bias": (b,),
        f"{name}.2.weight": (b, b, 3, 3),
        f"{name}.2.bias": (b,),
    }


def plan(channels, classes, width, depth):
    found, below = {}, channels
    for level in range(depth + 1):
        found |= block_shapes(f"down.{level}", below, width * 2**level)
        below = width * 2**level
    for step in range(depth):
        w = width * 2 ** (depth - 1 - step)
        found |= {f"up.{step}.weight": (2 * w, w, 2, 2), f"up.{step}.bias": (w,)} | block_shapes(
            f"merge.{step}", 2 * w, w
        )
    return found | {"last.weight": (classes, width, 1, 1), "last.bias": (classes,)}


@hidden("unet", points=1.25)
def test_layers_of_the_unet(student, rng):
    for channels, classes, width, depth, skips in ((3, 4, 2, 1, True), (1, 2, 3, 2, False), (2, 5, 2, 3, True)):
        found = student.UNet.new(channels, classes, width, depth, skips).parameters()
        got = {name: tuple(np.shape(value)) for name, value in found.items()}
        want = plan(channels, classes, width, depth)
        for name in dict.fromkeys(key.split(".")[0] for key in want):
            there = any(key.split(".")[0] == name for key in got)
            assert there, says(f"UNet has no layers `{name}` that its parameters() would find")
        for name in (key for key in want if key.startswith("merge") and key.endswith("0.weight")):
            narrow = len(got.get(name, ())) == 4 and 2 * got[name][1] == want[name][1]
            assert not narrow, says(
                "UNet: `merge` has to see two maps, side by side as channels, with skips and without"
            )
        for name, shape in want.items():
            assert name in got, says("UNet lacks some of the layers that it should have")
            assert got[name] == shape, says("UNet has a layer of another shape than it should have")
        assert len(got) == len(want), says("UNet has other parameters than it should have")


def unet_by_torch(values, x, depth, skips=True, wrong=""):
    """The network by torch's functions in 64 bits, with a usual mistake if one is named."""

    def block(z, name):
        for layer in (0, 2):
            z = F.conv2d(z, values[f"{name}.{layer}.weight"], values[f"{name}.{layer}.bias"], padding=1)
            z = z if layer == 2 and wrong == "no last ReLU" else F.relu(z)
        return z

    def pool(z):
        return {"mean": F.avg_pool2d(z, 2), "every second": z[:, :, ::2, ::2]}.get(wrong, F.max_pool2d(z, 2))

    z = torch.tensor(x, dtype=torch.float64)
    height, width = z.shape[2:]
    rows, columns = -height % 2**depth, -width % 2**depth
    if wrong == "always":
        rows, columns = 2**depth - height % 2**depth, 2**depth - width % 2**depth
    if wrong.startswith("to "):
        rows, columns = -height % int(wrong[3:]), -width % int(wrong[3:])
    if wrong == "front":
        z = F.pad(z, (columns, 0, rows, 0))
    elif wrong.startswith("split"):
        z = F.pad(z, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
    elif wrong == "rim":
        z = F.pad(z, (0, columns, 0, rows), mode="replicate")
    else:
        z = F.pad(z, (0, columns, 0, rows))
    kept = []
    for level in range(depth):
        z = block(z, f"down.{level}")
        kept.append(F.interpolate(pool(z), scale_factor=2) if wrong == "kept late" else z)
        z = pool(z)
    z = block(z, f"down.{depth}")
    for step in range(depth):
        z = F.conv_transpose2d(z, values[f"up.{step}.weight"], values[f"up.{step}.bias"], stride=2)
        across = kept.pop()
        if not skips or wrong == "no skips" or wrong == f"none at {step}":
            across = 0 * across
        if wrong == "itself":
            across = z
        if wrong == "ones":
            across = 0 * across + 1
        z = block(torch.cat([z, across] if wrong == "order" else [across, z], dim=1), f"merge.{step}")
    z = F.conv2d(z, values["last.weight"], values["last.bias"])
    if wrong in ("relu", "softmax", "sigmoid"):
        z = {"relu": F.relu(z), "softmax": z.softmax(dim=1), "sigmoid": z.sigmoid()}[wrong]
    top, left = {"front": (rows, columns), "split": (rows // 2, columns // 2)}.get(wrong, (0, 0))
    return z[:, :, top : top + height, left : left + width].numpy()


MISTAKES = {
    "no skips": "UNet hands nothing across",
    "none at 0": "UNet hands nothing across on its lowest level",
    "none at 1": "UNet hands nothing across on its upper level: the finest detail is lost",
    "order": "UNet joins in the other order: first the kept map, then the one from below",
    "itself": "UNet joins the map from below with itself",
    "kept late": "UNet keeps a map after it was pooled: keep it before",
    "mean": "UNet pools by the mean: by the maximum",
    "every second": "UNet halves by leaving out every second pixel: by the maximum of 2 x 2",
    "relu": "UNet has a ReLU behind `last`: logits may be any number",
    "softmax": "UNet has a softmax behind `last`: it gives logits",
    "sigmoid": "UNet has a sigmoid behind `last`: it gives logits",
    "no last ReLU": "UNet has blocks without the ReLU behind their second convolution",
    "always": "UNet pads sides that fit",
    **{f"to {m}": "UNet pads to multiples of a larger number: of 2^D" for m in (4, 8, 16, 32)},
}


def network(student, rng, channels, classes, width, depth, skips=True):
    """A student's U-Net with weights that the test knows; every unit is on somewhere."""
    values = {}
    for name, shape in plan(channels, classes, width, depth).items():
        wide = len(shape) > 1
        size = 1.4 / math.sqrt(np.prod(shape[1:]) if not name.startswith("up") else shape[0]) if wide else 0.3
        values[name] = size * (rng.normal(size=shape) if wide else rng.uniform(0.2, 1.0, size=shape))
    net = student.UNet.new(channels, classes, width, depth, skips)
    net.load_parameters({name: tensor(value) for name, value in values.items()})
    return net, {name: torch.tensor(short(value)) for name, value in values.items()}


def ask_logits(net, x, classes, name):
    return read_array(net(tensor(x)), (len(x), classes, *x.shape[2:]), name)


@hidden("unet", points=1.75, after=PLAN)
def test_logits_of_sizes_that_fit(student, rng):
    for depth, size in ((1, (4, 6)), (2, (8, 12)), (3, (8, 16))):
        net, values = network(student, rng, 2, 3, 3, depth)
        x = short(rng.normal(size=(2, 2, *size)))
        got = ask_logits(net, x, 3, "UNet, called,")
        mistakes = [(unet_by_torch(values, x, depth, wrong=wrong), words) for wrong, words in MISTAKES.items()]
        compare(got, unet_by_torch(values, x, depth), mistakes, "UNet is not right", NEAR)
    changed = net.forward.changes_its_arguments(tensor(x))
    assert not changed, says("UNet changes its input in place")


@hidden("unet", points=1, after=WHOLE)
def test_logits_of_any_size(student, rng):
    for depth, size in ((1, (5, 4)), (2, (7, 10)), (2, (1, 6)), (3, (9, 13))):
        net, values = network(student, rng, 1, 2, 3, depth)
        x = short(rng.normal(size=(1, 1, *size)) + 1)
        got = ask_logits(net, x, 2, "UNet, on a picture whose sides are no multiples of 2^D,")
        mistakes = [
            (
                unet_by_torch(values, x, depth, wrong="front"),
                "UNet pads at the top and on the left: at the bottom and on the right",
            ),
            (unet_by_torch(values, x, depth, wrong="rim"), "UNet repeats the rim in place of zeros"),
            *(
                (
                    unet_by_torch(values, x, depth, wrong=wrong),
                    "UNet splits the padding between both sides: all of it at the bottom and on the right",
                )
                for wrong in ("split", "split, cut off elsewhere")
            ),
        ]
        compare(
            got,
            unet_by_torch(values, x, depth),
            mistakes,
            "UNet is not right on a picture whose sides are no multiples of 2^D",
            NEAR,
        )


@hidden("unet", points=1, after=WHOLE)
def test_the_twin_without_skips(student, rng):
    net, values = network(student, rng, 1, 2, 3, 2, False)
    x = short(rng.normal(size=(2, 1, 8, 8)))
    got = ask_logits(net, x, 2, "UNet without skips, called,")
    mistakes = [
        (unet_by_torch(values, x, 2), "UNet ignores skips=False: join zeros"),
        (
            unet_by_torch(values, x, 2, wrong="itself"),
            "UNet without skips joins the map from below with itself: join zeros",
        ),
        (unet_by_torch(values, x, 2, wrong="ones"), "UNet without skips joins ones: join zeros"),
        (unet_by_torch(values, x, 2, wrong="none at 0"), "UNet without skips still hands something across"),
        (unet_by_torch(values, x, 2, wrong="none at 1"), "UNet without skips still hands something across"),
    ]
    compare(got, unet_by_torch(values, x, 2, skips=False), mistakes, "UNet without skips is not right", NEAR)


@hidden("unet", points=1, after=WHOLE)
def test_everything_learns_and_detail_arrives(student, rng):
    net, values = network(student, rng, 1, 2, 3, 2)
    x = short(rng.normal(size=(2, 1, 8, 8)))
    try:
        net.forward.new(tensor(x)).pow.new(2).sum.new().backward.new()
    except CallFailed as failure:
        if failure.status not in ("raised", "absent"):
            raise
        raise Wrong("in UNet no gradient reaches the parameters: nothing may cut the way back") from None
    missing = [name for name, g in net.gradients().items() if g is None or not np.any(np.abs(g.numpy()) > 0)]
    assert not missing, says("in UNet no gradient reaches some of the parameters: nothing may cut the way back")
    for step, block in enumerate(("down.1.", "down.0.")):
        cut = {name: 0 * value if name.startswith(f"up.{step}.") else value for name, value in values.items()}
        other = student.UNet.new(1, 2, 3, 2)
        other.load_parameters({name: value.float() for name, value in cut.items()})
        other.forward.new(tensor(x)).pow.new(2).sum.new().backward.new()
        silent = [n for n, g in other.gradients().items() if n.startswith(block) and (g is None or not g.numpy().any())]
        assert not silent, says(
            "in UNet no gradient comes back through what is handed across: keep the map itself, without `.detach()`"
        )
    for step in range(2):  # nothing comes up from below any more: what arrives was handed across
        for name in (f"up.{step}.weight", f"up.{step}.bias"):
            values[name] = 0 * values[name]
    net.load_parameters({name: value.float() for name, value in values.items()})
    other = x.copy()
    other[:, :, 3, 4] += 1.0
    got = ask_logits(net, other, 2, "UNet, called,") - ask_logits(net, x, 2, "UNet, called,")
    want = unet_by_torch(values, other, 2) - unet_by_torch(values, x, 2)
    assert not close(got, 0 * want, 1e-6), says(
        "UNet loses a single pixel when nothing comes up from below: it has to be handed across"
    )
    compare(
        got,
        want,
        otherwise="UNet does not answer a single pixel as it should when nothing comes up from below",
        tolerance=NEAR,
    )


# ---- exercise 5 ----


def linear_loss(w, x, target, weights, ignore):
    """The loss of a linear answer at each pixel, and its gradient."""
    z = np.einsum("kc,nchw->nkhw", w["weight"][:, :, 0, 0], x) + w["bias"][None, :, None, None]
    known = target != ignore
    right = np.where(known, target, 0)
    share = weights[right] * known
    share = share / share.sum()
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    one = np.arange(3)[None, :, None, None] == right[:, None]
    slope = (powers / powers.sum(axis=1, keepdims=True) - one) * share[:, None]
    g = {"weight": np.einsum("nkhw,nchw->kc", slope, x)[:, :, None, None], "bias": slope.sum(axis=(0, 2, 3))}
    return (share * each(z, right)).sum(), g


def adam(start, x, target, batches, lr, weights, ignore, keep=False, still=False, plain=False, late=False):
    """Adam by hand: losses before the steps (or after them, if late), weights in the end."""
    w, losses = dict(start), []
    mean, square, total = ({name: np.zeros(value.shape) for name, value in start.items()} for _ in range(3))
    for step, chosen in enumerate(batches, start=1):
        loss, g = linear_loss(w, x[chosen], target[chosen], weights, ignore)
        for name in w:
            total[name] = total[name] + g[name] if keep else g[name]
            mean[name] = 0.9 * mean[name] + 0.1 * total[name]
            square[name] = 0.999 * square[name] + 0.001 * total[name] ** 2
            move = mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
            w[name] = w[name] if still else w[name] - lr * (total[name] if plain else move)
        losses.append(linear_loss(w, x[chosen], target[chosen], weights, ignore)[0] if late else loss)
    return np.array(losses), w


def read_losses(value):
    if isinstance(value, list | tuple):
        value = [loss.detach() if isinstance(loss, torch.Tensor) else loss for loss in value]
    return read_numbers(value, "the losses that train returns")


@hidden("training", points=1.5)
def test_training_steps(student, rng):
    start = {"weight": draw(rng, 3, 2, 1, 1), "bias": draw(rng, 3)}
    x, weights, ignore = short(2 * rng.normal(size=(5, 2, 3, 4))), short(rng.permutation([0.2, 1.0, 4.0])), 255
    _, target = masks(rng, 3, ignore, (5, 3, 4))
    batches = [[0, 1], [2, 4, 3], [1], [4, 0], [3, 2, 1]]
    lr = float(rng.uniform(0.1, 0.2))
    net = student.example_network.new("pixels")
    net.load_parameters({name: tensor(value) for name, value in start.items()})
    losses = read_losses(student.train(net, tensor(x), tensor(target), batches, lr, tensor(weights), ignore))
    setting = (start, x, target, batches, lr, weights, ignore)
    right, end = adam(*setting)
    assert len(losses) == len(batches), says("train does not return one loss for each batch")

    def other(**changes):
        names = ("start", "x", "target", "batches", "lr", "weights", "ignore")
        return adam(**{**dict(zip(names, setting)), **changes})[0]

    mistakes = [
        (other(late=True), "train returns the loss after each step: the one before it"),
        (
            other(keep=True),
            "train adds each step's gradient to those of all steps before: set the gradients to zero first",
        ),
        (other(batches=[[0, 1, 2, 3, 4]] * 5), "train takes all pictures in each step: those of the batch"),
        (other(batches=batches[:1] * 5), "train takes the first batch in each step"),
        (other(weights=np.ones(3)), "train does not use the weights"),
        (other(ignore=-1, target=np.where(target == 255, 0, target)), "train counts the pixels with `ignore`"),
        (other(plain=True), "train takes plain gradient steps: torch.optim.Adam"),
        (other(lr=1e-3), "train does not use lr"),
        (other(lr=-lr), "train climbs"),
        (other(still=True), "train changes nothing: is there a step, with the gradient still there?"),
    ]
    compare(losses, right, mistakes, "train is not one step of Adam for each batch", 5e-4)
    found = net.parameters()
    for name, value in end.items():
        mistakes = [(start[name], "train leaves the weights of the network that it was given as they were")]
        compare(
            read_array(found[name], value.shape, name),
            value,
            mistakes,
            "train: the weights in the end are not right",
            2e-3,
        )


def nearby(target, reach, ignore, how=""):
    """Pixel by pixel."""
    found = np.zeros(target.shape, dtype=bool)
    _, height, width = target.shape
    for n, i, j in np.ndindex(target.shape):
        own = target[n, i, j]
        if own == ignore:
            continue
        for r in range(max(0, i - reach), min(height, i + reach + 1)):
            for c in range(max(0, j - reach), min(width, j + reach + 1)):
                far = how == "four" and abs(r - i) + abs(c - j) > reach
                other = target[n, r, c]
                found[n, i, j] |= not far and other != own and (other != ignore or how == "ignored")
        if how == "rim":
            found[n, i, j] |= min(i, j, height - 1 - i, width - 1 - j) < reach
    return found


def patches(rng, ignore, classes=(0, 1, 4), size=(2, 9, 11)):
    """Masks of a few rectangles, some pixels ignored."""
    target = np.zeros(size, dtype=np.int64)
    for n in range(size[0]):
        for c in (*classes[1:], ignore):
            top, left = rng.integers(0, size[1] - 3), rng.integers(0, size[2] - 3)
            target[n, top : top + rng.integers(1, 4), left : left + rng.integers(1, 4)] = c
    target[0, 0, :3], target[0, 5, 4:6], target[1, 8, 8:] = (
        [classes[1], classes[1], classes[0]],
        [classes[1], ignore],
        [0, classes[2], ignore],
    )
    return target


@hidden("training", points=1.25)
def test_pixels_near_a_boundary(student, rng):
    for reach, ignore in ((1, 255), (2, -1), (3, 2)):
        target = patches(rng, ignore)
        want = nearby(target, reach, ignore)
        got = read_array(
            student.near_boundary(tensor(target), reach, ignore), target.shape, "what near_boundary returns"
        )
        mistakes = [
            (
                nearby(target, reach, ignore, "four"),
                "near_boundary takes four neighbours: a step may go to any of the eight",
            ),
            (
                nearby(target, reach, ignore, "rim"),
                "near_boundary takes the rim of the picture for a boundary: it makes none",
            ),
            (
                nearby(target, reach, ignore, "ignored"),
                "near_boundary takes pixels with `ignore` for another class: they make no boundary",
            ),
            (
                nearby(target, reach, 10**6),
                "near_boundary takes pixels with `ignore` for another class: they make no boundary, and are not near one",
            ),
            (~want, "near_boundary is True far from boundaries"),
            (nearby(target, 1, ignore), "near_boundary does not use reach"),
            (want & (target != 0), "near_boundary finds one side: both sides of a boundary are near it"),
            (np.stack([want[0], 0 * want[1]]), "near_boundary looks at the first picture alone"),
        ]
        compare(got, want, mistakes, "near_boundary does not find the pixels that have another class nearby")


def mean_of(guess, target, chosen):
    t, g = target[chosen], guess[chosen]
    classes = sorted(set(t) | set(g))
    return np.mean([np.sum((t == c) & (g == c)) / np.sum((t == c) | (g == c)) for c in classes])


@hidden("training", points=1.25, after=NEARBY)
def test_iou_near_boundaries(student, rng):
    for reach, ignore in ((1, 255), (2, 5)):
        target = patches(rng, ignore)
        guess = np.where(target == ignore, 1, np.roll(target, 1, axis=2))
        guess = np.where(guess == ignore, 0, guess)
        guess[0, 4:] = np.where(target[0, 4:] == ignore, 0, target[0, 4:])
        near = nearby(target, reach, ignore)
        want = mean_of(guess, target, near)
        got = float(
            scores(
                student.boundary_iou(tensor(guess), tensor(target), 5, reach, ignore), (), "what boundary_iou returns"
            )
        )
        count = len(set(target[near]) | set(guess[near]))
        mistakes = [
            (mean_of(guess, target, target != ignore), "boundary_iou counts all pixels: those near a boundary"),
            (
                np.mean(guess[near] == target[near]),
                "boundary_iou is the share of right pixels near the boundary: their mean IoU",
            ),
            (
                mean_of(guess, target, nearby(guess, reach, ignore) & (target != ignore)),
                "boundary_iou takes the boundary of the prediction: that of the target",
            ),
            (
                mean_of(guess, target, (near | nearby(guess, reach, ignore)) & (target != ignore)),
                "boundary_iou takes the boundaries of both: those of the target",
            ),
            (want * count / 5, "boundary_iou divides by all classes: those that occur"),
            (
                np.mean([mean_of(guess[n], target[n], near[n]) for n in range(2)]),
                "boundary_iou takes the mean of the pictures' scores: one table of all pictures",
            ),
            (mean_of(guess[0], target[0], near[0]), "boundary_iou looks at the first picture alone"),
            (NONE, "boundary_iou is NaN: leave out the classes that do not occur"),
        ]
        compare(got, want, mistakes, "boundary_iou is not the mean IoU over the pixels near a boundary")
    flat = np.full((1, 3, 4), 2)
    got = float(scores(student.boundary_iou(tensor(flat), tensor(flat), 3, 1, 255), (), "what boundary_iou returns"))
    compare(got, NONE, otherwise="boundary_iou is not NaN where there is no boundary")


# ---- exercise 6 ----


def cut(values, factor):
    """Windows of factor x factor, their numbers in one row at the end."""
    *front, height, width = values.shape
    values = values.reshape(*front, height // factor, factor, width // factor, factor)
    return np.moveaxis(values, -3, -2).reshape(*front, height // factor, width // factor, factor**2)


@hidden("repair", points=1.5)
def test_shrinking(student, rng):
    for factor in (2, 3, 4):
        x = short(rng.normal(size=(2, 3, 2 * factor, 3 * factor)))
        target = rng.choice([0, 2, 7, 255], size=(2, 2 * factor, 3 * factor), p=[0.3, 0.3, 0.3, 0.1])
        target[0, 0, 0], target[0, :factor, :factor] = 2, 7
        target[0, :2, :1] = 0
        target[1, :factor, :factor] = np.where(
            np.arange(factor**2).reshape(factor, factor) % 2, 2, 7
        )  # a tie, or nearly
        target[1, :factor, factor : 2 * factor] = 255
        target[1, 0, factor] = 0
        counts = {2: (1, 1, 2), 3: (3, 2, 4), 4: (5, 4, 7)}[factor]  # the middle one is not the most frequent
        target[0, :factor, factor : 2 * factor] = np.repeat([0, 2, 7], counts).reshape(factor, factor)
        small, labels = read_tuple(student.shrink(tensor(x), tensor(target), factor), 2, "shrink")
        windows, votes = cut(x, factor), cut(target, factor)
        small = read_array(small, windows.shape[:-1], "the pictures that shrink returns")
        corner = "shrink takes a corner of each window: that moves the picture against its mask"
        mistakes = [
            (x[:, :, ::factor, ::factor], corner),
            (windows[..., -1], corner),
            (windows.max(axis=-1), "shrink takes the largest number of each window: the mean"),
            (windows.sum(axis=-1), "shrink adds each window up: the mean"),
        ]
        compare(small, windows.mean(axis=-1), mistakes, "the pictures that shrink returns are not right", NEAR)
        labels = read_array(labels, votes.shape[:-1], "the masks that shrink returns")
        counts = np.array([[(window == c).sum() for c in range(256)] for window in votes.reshape(-1, factor**2)])
        want = counts.argmax(axis=1).reshape(votes.shape[:-1])
        last = 255 - counts[:, ::-1].argmax(axis=1).reshape(votes.shape[:-1])
        middle = F.interpolate(torch.tensor(target)[:, None].double(), scale_factor=1 / factor, mode="bilinear")[
            :, 0
        ].numpy()
        mixed = "shrink mixes labels: a label has to be one that is there, the most frequent"
        mistakes = [
            *((np.round(value), mixed) for value in (votes.mean(axis=-1), middle)),
            *((np.floor(value), mixed) for value in (votes.mean(axis=-1), middle)),
            *((value, mixed) for value in (votes.mean(axis=-1), middle)),
            (votes[..., 0], "shrink takes the label of a corner: that of most pixels of the window"),
            (votes[..., -1], "shrink takes the label of a corner: that of most pixels of the window"),
            (last, "shrink takes another label at a tie: the smallest of the most frequent"),
            (votes.max(axis=-1), "shrink takes the largest label: that of most pixels of the window"),
            (votes.min(axis=-1), "shrink takes the smallest label: that of most pixels of the window"),
            (np.median(votes, axis=-1), "shrink takes the middle label: labels have no order"),
            (np.sort(votes)[..., (factor**2 - 1) // 2], "shrink takes the middle label: labels have no order"),
        ]
        compare(labels, want, mistakes, "the masks that shrink returns are not right")
    changed = student.shrink.changes_its_arguments(tensor(x), tensor(target), 4)
    assert not changed, says("shrink changes what it is given")


@hidden("repair", points=1.5)
def test_predicting(student, rng):
    for kind, factor in (("half", 2), ("third", 3)):
        w, b = draw(rng, 3, 2, factor, factor) / factor, draw(rng, 3)
        net = student.example_network.new(kind)
        net.load_parameters({"weight": tensor(w), "bias": tensor(b)})
        x = short(rng.normal(size=(2, 2, 4 * factor, 3 * factor)))
        logits = F.conv2d(torch.tensor(x), torch.tensor(short(w)), torch.tensor(short(b)), stride=factor)
        size = x.shape[2:]
        full = F.interpolate(logits, size, mode="bilinear")
        corners = F.interpolate(logits, size, mode="bilinear", align_corners=True)
        nearest = F.interpolate(logits, size)
        want = full.softmax(dim=1).numpy()
        p, labels = read_tuple(student.predict(net, tensor(x)), 2, "predict")
        axis = "predict takes the softmax over another axis: over the classes"
        mistakes = [
            *((z.softmax(dim=a).numpy(), axis) for z in (full, corners, nearest) for a in (0, 2, 3)),
            (
                corners.softmax(dim=1).numpy(),
                "predict stretches the map: the outer edges lie on each other, not the middles of the outer pixels",
            ),
            (nearest.softmax(dim=1).numpy(), "predict repeats the logits: enlarge them bilinearly"),
            (
                F.interpolate(logits.softmax(dim=1), size, mode="bilinear").numpy(),
                "predict enlarges the probabilities: enlarge the logits, then take the softmax",
            ),
            (full.numpy(), "predict returns logits in place of probabilities"),
            (full.sigmoid().numpy(), "predict takes a sigmoid of each class: the softmax over the classes"),
            (full.log_softmax(dim=1).numpy(), "predict returns logarithms of probabilities"),
        ]
        if getattr(p, "shape", None) == tuple(logits.shape):
            raise Wrong("predict stays at the size of the network's answer: enlarge the logits to the picture's size")
        if factor != 2 and getattr(p, "shape", None) == (*want.shape[:2], 8, 6):
            raise Wrong("predict enlarges by 2, whatever the network: to the picture's size")
        p = read_array(p, want.shape, "the probabilities that predict returns")
        compare(p, want, mistakes, "the probabilities that predict returns are not right", NEAR)
        labels = read_array(labels, (2, *size), "the labels that predict returns")
        ordered = np.sort(want, axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > 1e-4
        sentence = "the labels that predict returns are not the most probable classes"
        compare(np.where(sure, labels, 0), np.where(sure, want.argmax(axis=1), 0), otherwise=sentence)
