"""Exercise 1: the confusion matrix and the scores that come from it."""

import numpy as np

from course_utils.grading.answers import compare, passed

from .asking import NONE, first_wrong, maps, read, read_scores, shown

TARGET = maps([0, 0, 1, 1], [0, 2, 2, 9], [1, 1, 9, 2])
GUESS = maps([0, 1, 1, 1], [0, 2, 0, 2], [1, 3, 0, 2])
TABLE = np.array([[2, 1, 0, 0, 0], [0, 3, 0, 1, 0], [1, 0, 2, 0, 0], [0] * 5, [0] * 5])
EMPTY = np.zeros((3, 3), dtype=np.int64)
IOU = np.array([0.5, 0.6, 2 / 3, 0, NONE])
DICE = np.array([2 / 3, 0.75, 0.8, 0, NONE])
SCORES = (" (class 3 is predicted once and never true; class 4 does not occur)", "a table of zeros")


def metrics(confusion, pixel_accuracy, class_iou, mean_iou, class_dice) -> None:
    """Exercise 1."""
    _confusion(confusion)
    _accuracy(pixel_accuracy)
    _by_class(class_iou, IOU, DICE)
    _mean(mean_iou)
    _by_class(class_dice, DICE, IOU)
    passed(1, "The prediction: accuracy 0.98, and an IoU of 0.")


def _confusion(confusion):
    got = read(confusion, (5, 5), GUESS, TARGET, 5, 9)
    as_zero, as_last = TABLE.copy(), TABLE.copy()
    as_zero[0] += [1, 0, 1, 0, 0]
    as_last[4] += [1, 0, 1, 0, 0]
    as_right = TABLE + np.diag([1, 0, 1, 0, 0])
    binary = np.minimum(TABLE, 1)
    mistakes = [
        (TABLE.T, "confusion exchanges rows and columns: rows are true, columns predicted"),
        (as_zero, "confusion counts the pixels with `ignore` as class 0: they count nowhere"),
        (as_last, "confusion counts the pixels with `ignore` as the last class: they count nowhere"),
        (as_right, "confusion counts the pixels with `ignore` as right: they count nowhere"),
        (TABLE / 10, "confusion returns shares: whole numbers of pixels, so that tables of many pictures add up"),
        (
            TABLE / np.maximum(TABLE.sum(axis=1, keepdims=True), 1),
            "confusion divides each row: whole numbers of pixels",
        ),
        (binary, "confusion counts each pair of classes once: one for every pixel"),
        (np.diag(np.diag(TABLE)), "confusion counts right pixels alone"),
    ]
    otherwise = f"confusion is not right for a target of {TARGET[0].tolist()}, predicted {GUESS[0].tolist()}, with 5 classes and ignore = 9: {first_wrong(got, TABLE)}"
    compare(got, TABLE, mistakes, otherwise)
    got = read(confusion, (2, 2), maps([0, 1], [1, 1]), maps([0, 0], [-1, 1]), 2, -1)
    otherwise = f"confusion is not right where ignore is -1: it is an argument, and can be any number that is no class; {first_wrong(got, [[1, 1], [0, 1]])}"
    compare(got, [[1, 1], [0, 1]], otherwise=otherwise)
    two = np.concatenate([GUESS, GUESS[:, ::-1, ::-1]]), np.concatenate([TARGET, TARGET])
    both = TABLE.copy()
    for guess, target in zip(two[0][1].ravel(), TARGET.ravel()):
        if target != 9:
            both[target, guess] += 1
    got = read(confusion, (5, 5), *two, 5, 9)
    mistakes = [
        (TABLE, "confusion counts the first picture alone: the pixels of all N pictures, in one table"),
        (both - TABLE, "confusion counts the last picture alone: the pixels of all N pictures, in one table"),
        (both / 2, "confusion takes the mean over the pictures: tables add up"),
    ]
    compare(got, both, mistakes, f"confusion is not right for two pictures: {first_wrong(got, both)}")
    nothing = maps([7, 7])
    got = read(confusion, (2, 2), 0 * nothing, nothing, 2, 7)
    compare(
        got, np.zeros((2, 2)), otherwise="confusion of a target in which every pixel is ignored should be all zeros"
    )


def _accuracy(pixel_accuracy):
    got = read_scores(pixel_accuracy, (), TABLE)
    mistakes = [
        (
            (2 / 3 + 3 / 4 + 2 / 3) / 3,
            "pixel_accuracy takes the mean of the classes' shares: every pixel counts the same",
        ),
        (7 / 12, "pixel_accuracy divides by all pixels: those that are ignored are not in the table"),
        (7.0, "pixel_accuracy counts the right pixels: divide by all that count"),
        (7 / 25, "pixel_accuracy divides by the number of entries: by the number of pixels"),
        (0.3, "pixel_accuracy gives the share that is wrong"),
        (70.0, "pixel_accuracy gives percent: a share is between 0 and 1"),
    ]
    compare(got, 0.7, mistakes, f"pixel_accuracy of {TABLE.tolist()} is 0.7, yours is {shown(got)}")
    _empty(pixel_accuracy, ())


def _empty(function, shape):
    name = getattr(function, "__name__", "the answer")
    got = read_scores(function, shape, EMPTY)
    mistakes = [
        (np.zeros(shape), f"{name} gives 0 where nothing counts: nothing was wrong either. Give NaN, float('nan')"),
        (np.ones(shape), f"{name} gives 1 where nothing counts: nothing was right either. Give NaN, float('nan')"),
    ]
    compare(got, np.full(shape, NONE), mistakes, f"{name} of a table of zeros should be NaN")


def _by_class(function, right, other):
    name = getattr(function, "__name__", "the answer")
    got = read_scores(function, (5,), TABLE)
    score = "IoU" if right is IOU else "Dice"
    both, true, guess = np.diag(TABLE), TABLE.sum(axis=1), TABLE.sum(axis=0)
    mistakes = [
        (np.where(right == NONE, 0, right), f"{name} gives 0 for a class that does not occur: NaN, it has no score"),
        (np.where(right == NONE, 1, right), f"{name} gives 1 for a class that does not occur: NaN, it has no score"),
        (_over(both, true), f"{name} divides by the true pixels alone: that is recall"),
        (
            np.where(true > 0, right, NONE),
            f"{name} gives no score to a class that is only predicted: it occurs, its score is 0",
        ),
        (
            np.where(guess == 0, NONE, _over(both, guess)),
            f"{name} divides by the predicted pixels alone: that is precision",
        ),
        (
            _over(both, np.full(5, TABLE.sum())),
            f"{name} divides by all pixels: by those of the class, true or predicted",
        ),
        (
            _over(2 * both, true + guess - both),
            f"{name} doubles the intersection of the IoU: Dice divides by |A| + |B|",
        ),
    ]
    if score == "IoU":
        counted = "class_iou counts the intersection twice in the union: true + predicted - both"
        mistakes += [(_over(both, true + guess), counted), (other, "class_iou gives the Dice score")]
    else:
        mistakes += [
            (_over(both, true + guess), "class_dice forgets the factor 2"),
            (other, "class_dice gives the IoU"),
        ]
    otherwise = f"{name} of {TABLE.tolist()}{SCORES[0]} is not right: {first_wrong(got, right)}"
    compare(got, right, mistakes, otherwise)
    _empty(function, (3,))


def _over(a, b):
    return np.where(b > 0, a / np.maximum(b, 1), NONE)


def _mean(mean_iou):
    got = read_scores(mean_iou, (), TABLE)
    total = IOU[:4].sum()
    mistakes = [
        (total / 5, "mean_iou divides by all classes: class 4 does not occur, leave it out"),
        ((total + 1) / 5, "mean_iou gives 1 to a class that does not occur: leave it out"),
        (total / 3, "mean_iou leaves out a class that is only predicted: it occurs, with an IoU of 0"),
        (NONE, "mean_iou is NaN: leave the classes out that do not occur, and take the mean of the others"),
        (DICE[:4].mean(), "mean_iou takes the mean of the Dice scores"),
        (0.7, "mean_iou is the pixel accuracy: each class counts the same, whatever its size"),
        (7 / 13, "mean_iou divides all intersections by all unions: the mean of the classes' IoUs"),
        ((3 * 0.5 + 4 * 0.6 + 3 * 2 / 3) / 10, "mean_iou weighs classes by their pixels: each class counts the same"),
        (total, "mean_iou is the sum of the IoUs"),
    ]
    compare(
        got, total / 4, mistakes, f"mean_iou of {TABLE.tolist()}{SCORES[0]} is {total / 4:.4f}, yours is {shown(got)}"
    )
    _empty(mean_iou, ())
