"""Hidden tests of assignment 10. They stay with the instructor and run in the grader's own process.

Inputs are random, other ones for each student. What is right comes from painted pixels, from rules read out pair by pair, and
from properties. Inputs are drawn again until no overlap lies near a threshold and each usual mistake gives an answer of its
own. `says` sentences reach the student, nothing else in this file does.
"""

import numpy as np

from course_utils.grading.answers import Wrong, compare, read_array, read_number, read_numbers, read_tuple
from course_utils.grading.hidden import hidden, says

WITHHELD = ("course_utils", "torch", "torchvision", "scipy")  # libraries that have these functions
NONE = np.zeros((0, 4))


def untouched(function, *arguments):
    """Refuse a function that writes into what it is given."""
    name = function._what
    changed = function.changes_its_arguments(*arguments)
    assert not changed, says(
        f"{name} changes its arguments, so the caller's data is different afterwards: make a copy first"
    )


# ---- exercise 1 ----


def painted(a, b):
    """Pixels shared, and pixels covered by both together, of boxes with whole corners; counted one by one."""
    shared, together = np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    rows, columns = np.mgrid[:40, :40]

    def paint(box):
        x1, y1, x2, y2 = box
        return (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)

    for i, j in np.ndindex(shared.shape):
        first, second = paint(a[i]), paint(b[j])
        shared[i, j], together[i, j] = (first & second).sum(), (first | second).sum()
    return shared, together


def share(a, b):
    """The IoU of two boxes."""
    sides = [max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1)]
    both = sides[0] * sides[1]
    area = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return both / (sum(area) - both) if both else 0.0


def crossing(rng, count):
    """Boxes with whole corners that all share a place, no two of them alike."""
    return np.concatenate([rng.integers(0, 8, size=(count, 2)), rng.integers(11, 22, size=(count, 2))], axis=1) * 1.0


INCLUSIVE = "counts one column and one row too many: corners lie on the edges of pixels, so no + 1"
AREA = ("test_areas",)
OVERLAP = (*AREA, "test_boxes_that_overlap")


@hidden("iou", points=0.5)
def test_areas(student, rng):
    boxes = np.concatenate([crossing(rng, 5), [[3, 4, 3, 9]]])
    got = read_array(student.box_area(boxes), (6,), "box_area(boxes)")
    want = painted(boxes, boxes)[0].diagonal()
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    mistakes = [
        ((w + 1) * (h + 1), f"box_area {INCLUSIVE}"),
        (boxes[:, 2] * boxes[:, 3], "box_area takes x2 and y2 for width and height"),
        (w + h, "box_area adds the sides: multiply them"),
    ]
    compare(got, want, mistakes, "box_area is not width times height")
    untouched(student.box_area, boxes)


@hidden("iou", points=1.25, after=AREA)
def test_boxes_that_overlap(student, rng):
    a, b = crossing(rng, 5), crossing(rng, 4)
    a[0, :2], b[1, :2] = 0, 0  # one box of each set is larger than the others
    a[0, 2:], b[1, 2:] = 21, 22
    value = student.box_iou(a, b)
    if getattr(value, "shape", None) == (4, 5):
        raise Wrong("box_iou(a, b) should have one row for each box of a and one column for each of b")
    got = read_array(value, (5, 4), "box_iou(a, b)")
    shared, together = painted(a, b)
    of_a, of_b = painted(a, a)[0].diagonal()[:, None], painted(b, b)[0].diagonal()[None]
    wide = np.array([1, 1, 0, 0]) * -1.0
    more, most = painted(a + 1 + wide, b + 1 + wide)
    by = "divide by what both cover together"
    mistakes = [
        (more / most, f"box_iou {INCLUSIVE}"),
        (shared / (of_a + of_b), "box_iou counts what is shared twice in the union: subtract it once"),
        (shared / np.minimum(of_a, of_b), f"box_iou divides by the smaller box: {by}"),
        (shared / np.maximum(of_a, of_b), f"box_iou divides by the larger box: {by}"),
        (shared / of_a, f"box_iou divides by the box of a alone: {by}"),
        (shared / of_b, f"box_iou divides by the box of b alone: {by}"),
        (shared, f"box_iou gives the area that is shared: {by}"),
    ]
    compare(got, shared / together, mistakes, "box_iou is not right for boxes that overlap")
    untouched(student.box_iou, a, b)


@hidden("iou", points=1, after=OVERLAP)
def test_boxes_apart(student, rng):
    x, y = rng.integers(12, 16, size=2)
    w, h = rng.integers(3, 6, size=2)
    a = np.array([[x, y, x + w, y + h]], dtype=float)
    moves = [(w + p, q * (h + p)) for p in (1, 3) for q in (1, -1)] + [(-w - 2, h + 1), (-w - 1, -h - 3)]
    moves += [(w + 2, 1), (0, -h - 3), (w, 0), (w, h), (0, -h), (-w, h)]
    b = np.concatenate([a + np.array([[p, q, p, q]]) for p, q in moves] + [a + np.array([0, 0, 2, 1])])
    got = read_array(student.box_iou(a, b), (1, 13), "box_iou(a, b), of boxes that are apart,")
    assert (got[0, :6] < 1e-6).all(), says(
        "box_iou is above 0 for boxes that are apart in both directions: a negative width times a negative height is a positive area"
    )
    assert (got > -1e-6).all(), says(
        "box_iou is negative for boxes that are apart in one direction: they share nothing"
    )
    assert (got[0, 8:12] < 1e-6).all(), says("box_iou is above 0 for boxes that only touch")
    shared, together = painted(a, b)
    compare(got, shared / together, otherwise="box_iou is not right for boxes that are apart or touch")


@hidden("iou", points=0.5, after=(*OVERLAP, "test_boxes_apart"))
def test_boxes_without_area(student, rng):
    box, (p, q) = crossing(rng, 1)[0], rng.integers(8, 11, size=2)
    thin, point = [p, 2, p, 20], [p, q, p, q]
    boxes = np.array([box, thin, point, [2, q, 20, q]], dtype=float)
    value = student.box_iou(boxes, boxes)
    nan = isinstance(value, np.ndarray) and value.dtype.kind == "f" and np.isnan(value).any()
    assert not nan, says("box_iou is NaN for two boxes without area: return 0 where both together cover nothing")
    got = read_array(value, (4, 4), "box_iou(a, b), of boxes without area,")
    want = np.zeros((4, 4))
    want[0, 0] = 1
    sentence = "box_iou is not 0 for two boxes without area: where both together cover nothing, return 0"
    mistakes = [(np.eye(4), sentence), (np.maximum(want, np.pad(np.ones((3, 3)), ((1, 0), (1, 0)))), sentence)]
    compare(got, want, mistakes, "box_iou is not right for boxes without area")


@hidden("iou", points=0.25, after=OVERLAP)
def test_no_boxes(student, rng):
    boxes = crossing(rng, 3)
    read_array(student.box_area(NONE), (0,), "box_area of no boxes")
    for a, b, shape in ((NONE, boxes, (0, 3)), (boxes, NONE, (3, 0)), (NONE, NONE, (0, 0))):
        read_array(student.box_iou(a, b), shape, f"box_iou of {len(a)} boxes with {len(b)}")
    shared, together = painted(boxes[:1], boxes)
    got = read_array(student.box_iou(boxes[:1], boxes), (1, 3), "box_iou(a, b)")
    compare(got, shared / together, otherwise="box_iou is not right for boxes that overlap")


@hidden("iou", points=0.5, after=OVERLAP)
def test_units(student, rng):
    a, b = crossing(rng, 3), crossing(rng, 5)
    shared, together = painted(a, b)
    for unit in (1 / 1000, 0.37, 100.0):
        got = read_array(student.box_iou(a * unit, b * unit), (3, 5), "box_iou(a, b)")
        sentence = "box_iou depends on the unit: the same boxes, measured as shares of the picture, get other numbers"
        compare(got, shared / together, otherwise=sentence)


# ---- exercise 2 ----


def read_indices(value, count, name):
    """Read indices of boxes."""
    if str(getattr(value, "dtype", "")) == "bool" or _all_bool(value):
        raise Wrong(f"{name} gives True and False: give the indices of the kept boxes")
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1:] == (4,):
        raise Wrong(f"{name} gives the boxes: give the indices of the kept ones")
    found = read_numbers(value, name)
    whole = (found == np.round(found)).all()
    assert whole, says(f"{name} gives numbers that are no indices of boxes")
    inside = ((found >= 0) & (found < count)).all()
    assert inside, says(f"{name} gives numbers that are no indices of boxes")
    return [int(i) for i in found]


def _all_bool(value):
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(item, bool) for item in value)


def judged(got, want, mistakes, otherwise):
    """`compare` for lists whose length is part of the answer."""
    if got == want:
        return
    for wrong, sentence in mistakes:
        if got == wrong and wrong != want:
            raise Wrong(sentence)
    raise Wrong(otherwise)


def kept_of(boxes, scores, most, rule="", order=None):
    """Who is kept, read from the rule pair by pair; `rule` names a usual mistake."""
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], i)) if order is None else order
    kept = []
    for place, i in enumerate(order):
        others = {"dead": order[:place], "last": kept[-1:], "best": kept[:1]}.get(rule, kept)
        if all(share(boxes[i], boxes[j]) <= most for j in others):
            kept.append(i)
    return kept


def clear(boxes, most):
    """Whether no two boxes have an IoU near the threshold."""
    return all(abs(share(a, b) - most) > 0.02 for a in boxes for b in boxes)


def families(rng, count, size):
    """Boxes in groups that lie far apart; within a group all overlap much."""
    boxes = []
    for number in range(count):
        corner = np.array([60 * number + rng.integers(0, 9), rng.integers(-30, 30)])
        for _ in range(size):
            start = corner + rng.integers(0, 3, size=2)
            boxes.append([*start, *(corner + 20 + rng.integers(0, 3, size=2))])
    return np.array(boxes, dtype=float)[rng.permutation(count * size)]


def box_pair(rng):
    """Two boxes far apart."""
    box = np.array([0.0, 0, *rng.integers(5, 12, size=2)])
    return np.stack([box, box + 60])


def scores_for(rng, count):
    """Scores no two of which are near."""
    return (rng.permutation(count) + 1) / (count + 1)


def by_falling_score(got, scores):
    """Whether these are all indices by falling score, whatever the order of equal scores."""
    return sorted(got) == list(range(len(scores))) and bool((np.diff(scores[got]) <= 0).all())


STABLE = 'np.argsort does not keep the order of equal scores unless asked: kind="stable"'
HIGHEST = ("test_the_highest_is_kept",)
CHAINS = (*HIGHEST, "test_dropped_boxes_suppress_nobody")


@hidden("nms", points=1.25)
def test_the_highest_is_kept(student, rng):
    boxes, most = families(rng, 4, 3), 0.5
    while True:
        scores = scores_for(rng, 12)
        want = kept_of(boxes, scores, most)
        lowest = kept_of(boxes, -scores, most)
        listed = kept_of(boxes, scores, most, order=range(12))
        answers = [want, want[::-1], sorted(want), lowest, lowest[::-1], listed]
        if len({tuple(answer) for answer in answers}) == 6 and scores[want[-1]] < 0.5 < scores[want[0]]:
            break
    got = read_indices(student.nms(boxes, scores, most), 12, "nms(boxes, scores, most)")
    mistakes = [
        (listed, "nms goes through the boxes as they came: by falling score"),
        (lowest, "nms keeps the box with the lowest score of those that overlap: take the highest first"),
        (lowest[::-1], "nms keeps the box with the lowest score of those that overlap: take the highest first"),
        (want[::-1], "nms gives the kept boxes by rising score: by falling score"),
        (sorted(want), "nms gives the kept boxes in the order of the list: by falling score"),
        (kept_of(boxes, scores, 1.0), "nms drops nothing"),
        ([i for i in want if scores[i] >= 0.5], "nms drops boxes for a low score: only overlap is a reason"),
        (want[:1], "nms stops after the first box, or drops what does not overlap"),
        (
            kept_of(boxes, scores, most, "best"),
            "nms compares the boxes with the best one alone: it goes on with what is left",
        ),
        (kept_of(boxes, scores, most, "last"), "nms compares a box with the last kept one alone: with all kept ones"),
    ]
    judged(got, want, mistakes, "nms does not keep the highest box of each group")
    untouched(student.nms, boxes, scores, most)
    inside = np.array([[0, 0, 30, 30], [4, 4, 4 + rng.integers(8, 12), 16], [100, 0, 110, 10]], dtype=float)
    got = read_indices(student.nms(inside, np.array([0.9, 0.5, 0.7]), 0.5), 3, "nms(boxes, scores, most)")
    mistakes = [([0, 2], "nms drops a small box because it lies inside a large one: it is the IoU that counts")]
    judged(got, [0, 2, 1], mistakes, "nms is not right for a box inside another")


@hidden("nms", points=1, after=HIGHEST)
def test_dropped_boxes_suppress_nobody(student, rng):
    for most in (0.5, 0.3, 0.6):
        while True:
            starts = np.cumsum(rng.integers(4, 13, size=10))
            boxes = np.stack([starts, 0 * starts, starts + 30, 0 * starts + 10], axis=1)[rng.permutation(10)] * 1.0
            scores = scores_for(rng, 10)
            want, dead = kept_of(boxes, scores, most), kept_of(boxes, scores, most, "dead")
            last = kept_of(boxes, scores, most, "last")
            usual = [kept_of(boxes, scores, value) for value in (0.3, 0.5, 0.6) if value != most]
            answers = {tuple(answer) for answer in (want, dead, last, sorted(want))}
            if clear(boxes, most) and len(answers) == 4 and want not in usual:
                break
        got = read_indices(student.nms(boxes, scores, most), 10, "nms(boxes, scores, most)")
        mistakes = [
            (dead, "nms lets a dropped box suppress another: it is gone"),
            (last, "nms compares a box with the last kept one alone: with all kept ones"),
            *((wrong, "nms does not use `most`") for wrong in usual),
        ]
        judged(got, want, mistakes, "nms is not right for boxes in a row")


@hidden("nms", points=1, after=CHAINS)
def test_ties_and_exact_overlaps(student, rng):
    side = float(rng.integers(2, 9))
    boxes = np.array([[0, 0, 2 * side, side], [0, 0, side, side], [50, 0, 60, 10], [51, 0, 61, 10]])
    got = read_indices(student.nms(boxes, np.array([0.9, 0.8, 0.7, 0.6]), 0.5), 4, "nms(boxes, scores, most)")
    mistakes = [([0, 2], "nms drops a box whose IoU is exactly `most`: only a greater one is too much")]
    judged(got, [0, 1, 2], mistakes, "nms is not right where an IoU is exactly `most`")
    equal = float(rng.uniform(0.2, 0.8))
    later = "nms takes the later box of equal scores first: the one that comes first in the list"
    got = read_indices(student.nms(boxes[2:], np.full(2, equal), 0.5), 2, "nms(boxes, scores, most)")
    judged(got, [0], [([1], later)], "nms is not right for equal scores")
    apart = np.concatenate([boxes[2:], boxes[2:] + 100])
    got = read_indices(student.nms(apart, np.full(4, equal), 0.5), 4, "nms(boxes, scores, most)")
    judged(got, [0, 2], [([2, 0], later), ([3, 1], later), ([1, 3], later)], "nms is not right for equal scores")
    ranks = np.concatenate([rng.permutation([0.1, 0.2]), rng.permutation([0.3, 0.4])])  # the second pair goes first
    for scores in (ranks - 2, 0.05 * ranks):
        want = kept_of(apart, scores, 0.5)
        got = read_indices(student.nms(apart, scores, 0.5), 4, "nms(boxes, scores, most)")
        low = not set(got) < set(want)
        assert low, says("nms drops boxes for a low score: only overlap is a reason")
        judged(got, want, [], "nms is not right for low scores")
    row = np.array([[20.0 * n, 0, 20 * n + 10, 10] for n in range(60)])
    scores = rng.integers(1, 4, size=60) / 4
    want = kept_of(row, scores, 0.5)
    got = read_indices(student.nms(row, scores, 0.5), 60, "nms of 60 boxes with few different scores")
    mistakes = [(got, f"{later}. {STABLE}")] if by_falling_score(got, scores) else []
    judged(got, want, mistakes, "nms is not right for many boxes with equal scores")


@hidden("nms", points=0.5, after=CHAINS)
def test_few_boxes(student, rng):
    got = read_indices(student.nms(NONE, np.zeros(0), 0.5), 0, "nms of no boxes")
    judged(got, [], [], "nms is not right for no boxes")
    box = rng.integers(0, 9, size=2).repeat(2)[[0, 2, 1, 3]] + np.array([0.0, 0, 5, 6])
    judged(
        read_indices(student.nms(box[None], np.array([0.2]), 0.5), 1, "nms of one box"),
        [0],
        [],
        "nms is not right for one box",
    )
    got = read_indices(
        student.nms(np.stack([box, box, box + 50]), np.array([0.2, 0.3, 0.1]), 0.5), 3, "nms of three boxes"
    )
    judged(got, [1, 2], [], "nms is not right for two equal boxes and one apart")
    thin = box * np.array([1.0, 1, 0, 1]) + np.array([0, 0, box[0], 0])
    got = read_indices(
        student.nms(np.stack([thin, box + 50]), np.array([0.3, 0.2]), 0.5), 2, "nms of a box without area"
    )
    judged(got, [0, 1], [], "nms is not right for a box without area: its IoU with itself is 0")


@hidden("nms", points=1.25, after=(*CHAINS, "test_ties_and_exact_overlaps", "test_few_boxes"))
def test_class_by_class(student, rng):
    boxes, most = families(rng, 3, 5), 0.5
    while True:
        scores, labels = scores_for(rng, 15), rng.integers(0, 3, size=15) * 2
        of = [[i for i in range(15) if labels[i] == label] for label in (0, 2, 4)]
        parts = [[own[k] for k in kept_of(boxes[own], scores[own], most)] for own in of]
        after = [[i for part in row for i in part] for row in (parts, parts[::-1])]
        want = sorted(after[0], key=lambda i: -scores[i])
        together = kept_of(boxes, scores, most)
        within = [i for own in of for i in kept_of(boxes[own], scores[own], most)]
        answers = [want, together, *after, within, sorted(want)]
        if len({tuple(answer) for answer in answers}) == 6 and all(len(own) > 2 for own in of):
            break
    name = "nms_per_class(boxes, scores, labels, most)"
    got = read_indices(student.nms_per_class(boxes, scores, labels, most), 15, name)
    order = "nms_per_class gives class after class: the indices of all classes together, by falling score"
    mistakes = [
        (together, "nms_per_class lets boxes of different classes suppress each other"),
        *((wrong, order) for wrong in after),
        (within, "nms_per_class counts within each class: give indices into the arrays that came in"),
        (sorted(want), "nms_per_class gives the kept boxes in the order of the list: by falling score"),
        (sorted(range(15), key=lambda i: -scores[i]), "nms_per_class drops nothing"),
    ]
    judged(got, want, mistakes, "nms_per_class is not right")
    untouched(student.nms_per_class, boxes, scores, labels, most)
    judged(
        read_indices(student.nms_per_class(NONE, np.zeros(0), np.zeros(0, dtype=int), 0.5), 0, name),
        [],
        [],
        "nms_per_class is not right for no boxes",
    )
    apart, equal = box_pair(rng), np.full(2, float(rng.uniform(0.2, 0.8)))
    got = read_indices(student.nms_per_class(apart, equal, np.array([rng.integers(1, 4), 0]), most), 2, name)
    tie = (
        "nms_per_class gives boxes of equal scores class after class: the smaller index comes first, whatever the label"
    )
    judged(got, [0, 1], [([1, 0], tie)], "nms_per_class is not right for equal scores")
    # Pairs of two classes that meet if each class is moved by so much a label, all pairs far from each other.
    box, far, scores = np.array([5000.0, 3000, 5010, 3010]), [], 0.9
    top = 5010.0 + 40 * 8
    for number, offset in enumerate((10, 100, 1000, 1024, 4096, 10_000, top, top + 1)):
        own = box + number * 40 * np.array([1, 0, 1, 0])
        far += [own, own - offset]
    far = np.array([*far, [top - 10, 0, top, 10]])
    labels = np.array([0, 1] * 8 + [0])
    got = read_indices(student.nms_per_class(far, np.linspace(0.9, 0.1, 17), labels, most), 17, name)
    sentence = (
        "nms_per_class drops boxes of different classes that do not even touch: coordinates may be large, and negative"
    )
    judged(got, list(range(17)), [(got, sentence)], sentence)


# ---- exercise 3 ----


def around(sides):
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in sides])


@hidden("anchors", points=1.25)
def test_the_anchors_of_a_cell(student, rng):
    for count in (2, 3):
        sizes = [float(s) for s in rng.permutation([8, 13, 21, 40])[:count]]
        ratios = [float(r) for r in rng.permutation([0.3, 0.5, 2.0, 3.5])[: 5 - count]]
        pairs = [(s, r) for r in ratios for s in sizes]
        got = read_array(student.cell_anchors(sizes, ratios), (6, 4), "cell_anchors(sizes, ratios)")
        want = around([(s * r**-0.5, s * r**0.5) for s, r in pairs])
        area = "cell_anchors changes the area: w h is size squared for every ratio"
        mistakes = [
            (want[:, [1, 0, 3, 2]], "cell_anchors takes the ratio for width over height"),
            (around([(s / r, s * r) for s, r in pairs]), "cell_anchors makes h / w the square of the ratio"),
            (around([(s, s * r) for s, r in pairs]), area),
            (around([(s / r, s) for s, r in pairs]), area),
            (
                around([(s * r**-0.5, s * r**0.5) for s in sizes for r in ratios]),
                "cell_anchors goes through the ratios of each size: all sizes with the first ratio come first",
            ),
            (2 * want, "cell_anchors goes a whole side to each side of the centre"),
            (want - np.tile(want[:, :2], 2), "cell_anchors gives (0, 0, w, h): corners, with the centre at the origin"),
            (np.round(want), "cell_anchors rounds the corners"),
            (np.floor(want), "cell_anchors rounds the corners"),
        ]
        compare(got, want, mistakes, "cell_anchors is not right")


@hidden("anchors", points=1.75)
def test_the_anchors_of_a_map(student, rng):
    for rows, columns, stride, kinds in ((3, 5, 16, 2), (4, 2, 7, 3), (1, 6, 10, 1)):
        cell = np.round(rng.uniform(2, 20, size=(kinds, 1)) * rng.uniform(0.5, 1.5, size=(kinds, 2)), 2)
        cell = np.concatenate([-cell, cell], axis=1)

        def placed(y, x, order="ijk", cell=cell, rows=rows, columns=columns, kinds=kinds):
            grid = np.zeros((rows, columns, kinds, 4))
            for i, j, k in np.ndindex(rows, columns, kinds):
                grid[i, j, k] = cell[k] + [x(i, j), y(i, j), x(i, j), y(i, j)]
            return grid.transpose(*("ijk".index(axis) for axis in order), 3).reshape(-1, 4)

        y, x = (lambda i, j, s=stride: (i + 0.5) * s), (lambda i, j, s=stride: (j + 0.5) * s)
        want = placed(y, x)
        value = student.grid_anchors(rows, columns, stride, cell)
        flat = getattr(value, "shape", None) != (rows, columns, kinds, 4) or rows == 1
        assert flat, says("grid_anchors should be reshaped to one box a row")
        got = read_array(value, want.shape, "grid_anchors(rows, columns, stride, cell)")
        half = want.copy()
        half[:, 2:] = np.tile(cell[:, 2:], (rows * columns, 1))
        limits = [columns * stride, rows * stride] * 2
        cut = "grid_anchors cuts anchors off at the border: they may stick out of the picture"
        turned = [
            cell[k] + np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2)
            for i in range(columns)
            for j in range(rows)
            for k in range(kinds)
        ]
        mistakes = [
            (
                placed(lambda i, j, s=stride: i * s, lambda i, j, s=stride: j * s),
                "grid_anchors puts anchors at the corners of cells: at their centres",
            ),
            (placed(x, y), "grid_anchors takes the row for x: x goes with the columns, y with the rows"),
            (placed(y, x, "jik"), "grid_anchors goes through the map column by column: row by row"),
            (
                placed(y, x, "kij"),
                "grid_anchors goes through the whole map for each anchor: all anchors of one cell stand together",
            ),
            (turned, "grid_anchors exchanges rows and columns of the map"),
            (half, "grid_anchors moves only the first corner of each anchor"),
            (np.clip(want, 0, limits), cut),
            (np.maximum(want, 0), cut),
            (
                placed(lambda i, j: i + 0.5, lambda i, j: j + 0.5),
                "grid_anchors counts in cells: a cell is `stride` pixels wide",
            ),
            (
                placed(lambda i, j, s=stride: i * s + 0.5, lambda i, j, s=stride: j * s + 0.5),
                "grid_anchors adds half a pixel: the centre lies half a stride from the corner",
            ),
        ]
        compare(got, want, mistakes, "grid_anchors is not right")
    untouched(student.grid_anchors, rows, columns, stride, cell)


# ---- exercise 4 ----


def some_boxes(rng, count):
    """Boxes with centres and sides that floats of 32 bits hold."""
    sides = rng.integers(12, 160, size=(count, 2)) / 4
    start = rng.integers(-80, 160, size=(count, 2)) / 4
    return np.concatenate([start, start + sides], axis=1)


def centres_of(boxes):
    return np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], axis=1) / 2


def sides_of(boxes):
    return np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], axis=1)


def pair(left, right):
    return np.concatenate([left, right], axis=1)


@hidden("matching", points=1.25)
def test_codes(student, rng):
    boxes, anchors = some_boxes(rng, 6), some_boxes(rng, 6)
    got = read_array(student.encode(boxes, anchors), (6, 4), "encode(boxes, anchors)")
    move, own, sides = centres_of(boxes) - centres_of(anchors), sides_of(anchors), sides_of(boxes)
    growth = np.log(sides) - np.log(own)
    want = pair(move / own, growth)
    mistakes = [
        (pair((boxes - anchors)[:, :2] / own, growth), "encode measures from corner to corner: from centre to centre"),
        (pair(move / sides, growth), "encode divides by the sides of the box: by those of its anchor"),
        (pair(move, growth), "encode gives the move in pixels: divide by the sides of the anchor"),
        (pair(move / own[:, ::-1], growth), "encode divides x by the height and y by the width"),
        (pair(move / own, sides / own), "encode gives the ratio of the sides: take its logarithm"),
        (pair(move / own, sides / own - 1), "encode gives the growth of the sides: take the logarithm of their ratio"),
        (pair(move / own, sides - own), "encode gives the difference of the sides: take the logarithm of their ratio"),
        (pair(move / own, -growth), "encode divides the anchor's sides by the box's: it is w / w_a"),
        (pair(-move / own, growth), "encode goes from the box to the anchor: from the anchor to the box"),
        (pair(-move / sides, -growth), "encode exchanges boxes and anchors"),
        (pair(move / own, growth / np.log(2)), "encode takes logarithms of another base: the natural one"),
        (want / [0.1, 0.1, 0.2, 0.2], "encode divides by SSD's variances: the codes here are without"),
    ]
    compare(got, want, mistakes, "encode is not right")
    read_array(student.encode(NONE, NONE), (0, 4), "encode of no boxes")
    untouched(student.encode, boxes, anchors)


@hidden("matching", points=1.25)
def test_boxes_from_codes(student, rng):
    anchors = some_boxes(rng, 6)
    codes = np.round(
        pair(rng.uniform(-1, 1, size=(6, 2)), rng.uniform(0.3, 1.2, size=(6, 2)) * rng.choice([-1, 1], size=(6, 2))), 3
    )
    got = read_array(student.decode(codes, anchors), (6, 4), "decode(codes, anchors)")

    def boxes(middle, sides):
        return pair(middle - sides / 2, middle + sides / 2)

    own, middle = sides_of(anchors), centres_of(anchors)
    move, sides = codes[:, :2] * own, own * np.exp(codes[:, 2:])
    want = boxes(middle + move, sides)
    mistakes = [
        (boxes(middle + move, own * codes[:, 2:]), "decode multiplies the sides by the codes: by exp of the codes"),
        (
            boxes(middle + move, own * (1 + codes[:, 2:])),
            "decode lets the sides grow by the share of the code: multiply by exp of it",
        ),
        (boxes(middle + codes[:, :2], sides), "decode moves the centre by t pixels: by t times the anchor's side"),
        (
            boxes(middle + codes[:, :2] * sides, sides),
            "decode moves the centre by t times the new sides: times the anchor's sides",
        ),
        (
            pair(middle + move, middle + move + sides),
            "decode takes the centre for the first corner: go back by half a side",
        ),
        (pair(middle + move, sides), "decode gives (centre, sides): give the corners"),
        (boxes(anchors[:, :2] + move, sides), "decode moves the anchor's first corner: it is the centre that moves"),
        (boxes(middle + move, 2 * sides), "decode goes a whole side to each side of the centre: half a side"),
        (
            boxes(middle + 0.1 * move, own * np.exp(0.2 * codes[:, 2:])),
            "decode multiplies by SSD's variances: the codes here are without",
        ),
    ]
    compare(got, want, mistakes, "decode is not right")
    read_array(student.decode(NONE, NONE), (0, 4), "decode of no codes")
    untouched(student.decode, codes, anchors)


def overlaps(anchors, objects):
    return np.array([[share(a, o) for o in objects] for a in anchors]).reshape(len(anchors), len(objects))


def learned(anchors, objects, high, low, force="pairs"):
    """What anchors learn, read from the rule; `force` names a usual mistake."""
    table = overlaps(anchors, objects)
    answers = []
    for row in table:
        best = max(row)
        answers.append(list(row).index(best) if best >= high else -2 if best >= low else -1)
    if force == "pairs":
        done = [set(), set()]
        for value, i, j in sorted((-table[i, j], i, j) for i, j in np.ndindex(table.shape)):
            if value < 0 and i not in done[0] and j not in done[1]:
                answers[i] = j
                done[0].add(i)
                done[1].add(j)
    elif force in ("later", "earlier"):
        for j in range(len(objects))[:: 1 if force == "later" else -1]:
            answers[int(table[:, j].argmax())] = j
    elif force == "list":
        free = table.copy()
        for j in range(len(objects)):
            i = int(free[:, j].argmax())
            if free[i, j] > 0:
                answers[i], free[i] = j, 0
    return answers


def read_answers(value, count, objects, name="match(anchors, objects, high, low)"):
    got = read_array(value, (count,), name)
    sentence = f"{name} gives other numbers than those of objects, -1 and -2"
    assert np.isin(got, np.arange(-2, objects)).all(), says(sentence)
    return [int(answer) for answer in got]


THRESHOLDS = ("test_thresholds",)
FORCED = (*THRESHOLDS, "test_forced_matches")


@hidden("matching", points=1.5)
def test_thresholds(student, rng):
    high, low = 0.6, 0.35
    while True:
        objects = np.array([[0, 0, 20, 20], [60, 0, 90, 24], [20, 60, 44, 100]]) + rng.integers(0, 6, size=(3, 4)) * 1.0
        whole = np.concatenate([objects, objects, objects, objects])
        anchors = np.concatenate(
            [whole + rng.integers(-9, 10, size=(12, 4)), objects + rng.integers(-2, 3, size=(3, 4)), objects + 200.0]
        )
        anchors = anchors[rng.permutation(18)] * 1.0
        table = overlaps(anchors, objects)
        far = abs(table - high).min() > 0.01 and abs(table - low).min() > 0.01
        want = learned(anchors, objects, high, low)
        sure = sum(answer >= 0 for answer in want) > 5 and want.count(-2) > 2 and (table.max(axis=0) > 0.7).all()
        if far and sure and want.count(-1) > 4 and want == learned(anchors, objects, high, low, "none"):
            break
    value = student.match(anchors, objects, high, low)
    shifted = isinstance(value, np.ndarray) and value.shape == (18,) and value.max(initial=0) == 3
    assert not shifted, says("match numbers the objects from 1: the first one has the number 0")
    got = read_answers(value, 18, 3)
    best, row = table.max(axis=1), np.array(want)
    anyhow = "match gives every anchor the object it overlaps most, however little: look at `high` and `low`"
    alone = [
        answer if answer < 0 or table[i, answer] == table[:, answer].max() else -2 for i, answer in enumerate(want)
    ]
    mistakes = [
        (list(table.argmax(axis=1)), anyhow),
        ([int(table[i].argmax()) if best[i] > 0 else -1 for i in range(18)], anyhow),
        (
            list(np.where(row == -2, -1, row)),
            "match makes everything below `high` background: between `low` and `high` it is left out",
        ),
        (list(np.where(row == -1, -2, row)), "match leaves out everything below `high`: below `low` it is background"),
        (list(np.where(row < 0, -3 - row, row)), "match exchanges -1 and -2: -1 is background, -2 is left out"),
        (
            list(np.where(row == -2, table.argmax(axis=1), row)),
            "match gives an object to every anchor that reaches `low`: from `high` on",
        ),
        (alone, "match gives each object to one anchor alone: all that reach `high` take it"),
        (
            [-1 if a == -2 else a for a in alone],
            "match gives each object to one anchor alone: all that reach `high` take it",
        ),
    ]
    judged(got, want, mistakes, "match is not right where no object needs to be forced")
    untouched(student.match, anchors, objects, high, low)


@hidden("matching", points=1.25, after=THRESHOLDS)
def test_forced_matches(student, rng):
    high, low = 0.7, 0.4
    unserved = (
        "match leaves an object to nobody: each object that overlaps anything is forced upon an anchor of its own"
    )
    while True:  # objects near each other, few anchors
        objects = np.array([[0, 0, 20, 20], [6, 0, 26, 20], [0, 8, 20, 28]]) + rng.integers(-2, 3, size=(3, 4)) * 1.0
        anchors = np.array([[3, 2, 23, 22], [14, 0, 40, 20], [-9, 14, 12, 40], [70, 70, 90, 90]]) + rng.integers(
            -3, 4, size=(4, 4)
        )
        anchors = anchors[rng.permutation(4)] * 1.0
        table = overlaps(anchors, objects)
        values = sorted(table[table > 0])
        apart = min(np.diff(values)) > 0.003 and abs(table - high).min() > 0.01 and abs(table - low).min() > 0.01
        want = learned(anchors, objects, high, low)
        wrong = {force: learned(anchors, objects, high, low, force) for force in ("none", "later", "earlier", "list")}
        below = table.max() < high  # anchors that reach `high` have a case of their own below
        if apart and below and want not in wrong.values() and wrong["later"] != wrong["list"] != wrong["earlier"]:
            break
    got = read_answers(student.match(anchors, objects, high, low), 4, 3)
    mistakes = [
        (wrong["none"], unserved),
        (
            wrong["list"],
            "match serves the objects in the order of the list: the pair with the highest IoU of all is served first",
        ),
        (
            wrong["later"],
            "match lets a later object take an anchor away from an earlier one: the pair with the higher IoU has it",
        ),
        (wrong["earlier"], unserved),
    ]
    lost = {0, 1, 2} - set(got)
    judged(got, want, mistakes, unserved if lost else "match forces objects upon other anchors than the rule says")
    away = np.concatenate([objects[:1], objects[:1] + 500])
    want = learned(anchors, away, high, low)
    got = read_answers(student.match(anchors, away, high, low), 4, 2)
    assert 1 not in got, says(
        "match forces an object upon an anchor that it does not even touch: only pairs with an IoU above 0"
    )
    judged(got, want, [], "match is not right where an object overlaps no anchor")
    side, order = float(rng.uniform(0.5, 4)), rng.permutation(3)
    objects = side * np.array([[0, 0, 10, 10], [0, 2.2, 10, 12.2]])
    anchors = side * np.array([[0, 0, 10, 10], [0, 1, 10, 11], [0, 3.8, 10, 13.8]])[order]
    got = read_answers(student.match(anchors, objects, high, low), 3, 2)
    want, skips = ([int(answers[i]) for i in order] for answers in ([0, 1, 1], [0, 0, 1]))
    sentence = "match does not force an object upon an anchor that reached `high` for another one: it is forced whatever was said above"
    judged(got, want, [(skips, sentence)], "match is not right where two objects reach `high` with one anchor")


@hidden("matching", points=0.75, after=FORCED)
def test_edges_of_matching(student, rng):
    side = float(rng.integers(2, 7))
    anchors = side * np.array([[0, 0, 1, 1], [0, 0, 2, 1], [0, 0, 4, 1], [0, 0, 8, 1.0]])
    got = read_answers(student.match(anchors, anchors[:1], 0.5, 0.25), 4, 1)
    mistakes = [
        ([0, -2, -2, -1], "match asks for more than `high`: exactly `high` is enough"),
        ([0, 0, -1, -1], "match calls exactly `low` background: only what is less"),
        ([0, -2, -1, -1], "match takes exactly `high` for too little and exactly `low` for background"),
    ]
    judged(got, [0, 0, -2, -1], mistakes, "match is not right for an IoU of exactly `high` or `low`")
    objects = side * np.array([[0, 0, 2, 1], [2, 0, 4, 1.0]])
    anchors = np.concatenate([objects, side * np.array([[1, 0, 3, 1.0]])])
    got = read_answers(student.match(anchors, objects, 0.3, 0.1), 3, 2)
    judged(
        got,
        [0, 1, 0],
        [([0, 1, 1], "match takes the last of equal objects: the first")],
        "match is not right for equal objects",
    )
    got = read_answers(student.match(anchors, NONE, 0.5, 0.4), 3, 0, "match of no objects")
    judged(got, [-1] * 3, [], "match with no objects is background everywhere")


# ---- exercise 5 ----


def verdicts(boxes, scores, objects, least, rule="voc", order=None):
    """Who is right, read from the rule; `rule` names a usual mistake."""
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], i)) if order is None else order
    right, taken = [0] * len(boxes), set()
    for i in order:
        row = [share(boxes[i], o) for o in objects]
        if rule == "first":
            row = [int(value >= least) for value in row]
        if rule == "free":
            row = [-1 if j in taken else value for j, value in enumerate(row)]
        j = row.index(max(row))
        if rule == "all" and j not in taken:
            taken |= {k for k, value in enumerate(row) if value >= least} - {j}
        if row[j] >= least and (rule == "doubles" or j not in taken):
            right[i] = 1
        if row[j] >= least or rule == "used":
            taken.add(j)
    return right


def best_fitting(boxes, objects, least):
    """Each object given to the box that fits it best: a usual mistake."""
    table = overlaps(boxes, objects)
    return [
        int(any(table[i, j] >= max(least, table[:, j].max()) for j in range(len(objects)))) for i in range(len(boxes))
    ]


def object_by_object(boxes, scores, objects, least):
    """Each object given to the highest score that reaches it: a usual mistake."""
    table, right = overlaps(boxes, objects), [0] * len(boxes)
    for j in range(len(objects)):
        mine = [i for i in range(len(boxes)) if table[i, j] >= least]
        if mine:
            right[max(mine, key=lambda i: scores[i])] = 1
    return right


def read_verdicts(value, count, name="hits(boxes, scores, objects, least)"):
    got = read_array(value, (count,), name)
    assert np.isin(got, (0, 1)).all(), says(f"{name} should give True or False for each box")
    return [int(verdict) for verdict in got]


def reports(rng, objects, count):
    """Boxes on, near and off some objects."""
    near = objects[rng.integers(0, len(objects), size=count)] + rng.integers(-7, 8, size=(count, 4))
    return near * 1.0


def no_border(boxes, objects, least):
    table = overlaps(boxes, objects)
    two = np.sort(table, axis=1)[:, -2:]
    return abs(table - least).min() > 0.01 and (two[:, 1] - two[:, 0]).min() > 0.01


FIRST = ("test_one_hit_an_object",)
CURVE = ("test_precision_and_recall",)


@hidden("precision", points=1.5)
def test_one_hit_an_object(student, rng):
    objects, least = np.array([[0, 0, 20, 20], [50, 0, 76, 30], [0, 60, 30, 84.0]]), 0.5
    while True:
        boxes, scores = reports(rng, objects, 11), scores_for(rng, 11)
        want, doubles = verdicts(boxes, scores, objects, least), verdicts(boxes, scores, objects, least, "doubles")
        listed = verdicts(boxes, scores, objects, least, order=range(11))
        used = verdicts(boxes, scores, objects, least, "used")
        order = [want[i] for i in np.argsort(-scores)]
        rising = verdicts(boxes, scores, objects, least, order=np.argsort(scores))
        fits = best_fitting(boxes, objects, least)
        answers = (want, doubles, listed, order, used, rising, fits)
        if no_border(boxes, objects, least) and len({tuple(a) for a in answers}) == 7 and sum(want) == 3:
            break
    got = read_verdicts(student.hits(boxes, scores, objects, least), 11)
    mistakes = [
        (doubles, "hits counts two boxes on one object: only the first one, by score, is a hit"),
        (listed, "hits goes through the boxes as they came: by falling score"),
        (rising, "hits goes through the boxes by rising score: by falling score"),
        (fits, "hits gives the object to the best-fitting box: to the first one by score"),
        (order, "hits gives its verdicts by falling score: in the order in which the boxes came"),
        (used, "hits lets a false alarm use up an object: a box whose IoU is less than `least` takes nothing"),
        (
            verdicts(boxes, scores, objects, 1e-9, "doubles"),
            "hits asks whether boxes touch an object: their IoU has to be at least `least`",
        ),
        (
            verdicts(boxes, scores, objects, 1e-9),
            "hits asks whether boxes touch an object: their IoU has to be at least `least`",
        ),
        ([1 - verdict for verdict in want], "hits says True for the false alarms"),
    ]
    judged(got, want, mistakes, "hits is not right")
    untouched(student.hits, boxes, scores, objects, least)
    strict = float(np.sort(overlaps(boxes, objects).max(axis=1))[-2] - 0.004)
    want = verdicts(boxes, scores, objects, strict)
    got = read_verdicts(student.hits(boxes, scores, objects, strict), 11)
    judged(got, want, [], "hits does not use `least`")


@hidden("precision", points=0.75, after=FIRST)
def test_which_object(student, rng):
    least = 0.5
    while True:
        objects = np.array([[0, 0, 30, 20], [5, 0, 36, 22], [100, 0, 120, 20]]) + rng.integers(0, 3, size=(3, 4)) * 1.0
        boxes, scores = reports(rng, objects, 7), scores_for(rng, 7)
        if not no_border(boxes, objects, least):
            continue
        want, free = verdicts(boxes, scores, objects, least), verdicts(boxes, scores, objects, least, "free")
        others = [verdicts(boxes, scores, objects, least, rule) for rule in ("free", "doubles", "used")]
        others += [verdicts(boxes, scores, objects, least, order=range(7)), [want[i] for i in np.argsort(-scores)]]
        others.append(verdicts(boxes, scores, objects, 1e-9))
        first, two = (verdicts(boxes, scores, objects, least, rule) for rule in ("first", "all"))
        each = object_by_object(boxes, scores, objects, least)
        named = free not in (first, two, each) and first not in (two, each)
        if want not in (*others, first, two, each) and named and sum(want) > 1:
            break
    got = read_verdicts(student.hits(boxes, scores, objects, least), 7)
    sentence = "hits lets a box fall back on another object when the one that it overlaps most is taken: the rule looks at that one alone"
    both = "hits lets one box use up two objects: a hit takes the one object with which its IoU is highest"
    mistakes = [
        (free, sentence),
        (first, "hits takes an object that reaches `least`, not the one with the highest IoU"),
        (two, both),
        (each, both),
    ]
    judged(got, want, mistakes, "hits is not right where objects overlap")
    side = float(rng.integers(3, 9))
    boxes = side * np.array([[0, 0, 2, 1], [5, 0, 6, 1], [0, 0, 1, 1.0]])
    got = read_verdicts(student.hits(boxes, np.array([0.9, 0.5, 0.5]), boxes[1:], 0.5), 3)
    mistakes = [([0, 1, 1], "hits asks for an IoU greater than `least`: exactly `least` is enough")]
    judged(got, [1, 1, 0], mistakes, "hits is not right where the IoU is exactly `least`")
    boxes = side * np.array([[0, 0, 0.9, 1], [0, 0, 1, 1.0]])
    got = read_verdicts(student.hits(boxes, np.full(2, 0.5), boxes[1:], 0.5), 2)
    judged(
        got, [1, 0], [([0, 1], "hits takes the later box of equal scores first")], "hits is not right for equal scores"
    )
    row, scores = np.array([[20.0 * n, 0, 20 * n + 10, 10] for n in range(12)]), rng.integers(1, 4, size=60) / 4
    got = read_verdicts(student.hits(np.repeat(row, 5, axis=0), scores, row, 0.5), 60)
    top = scores.reshape(12, 5).max(axis=1)
    best = sum(got) == 12 and (scores[np.array(got) == 1] == top).all()
    mistakes = (
        [(got, f"hits does not take the box that comes first in the list of equal scores. {STABLE}")] if best else []
    )
    want = [int(k == block.argmax()) for block in scores.reshape(12, 5) for k in range(5)]
    judged(got, want, mistakes, "hits is not right for many boxes with equal scores")
    objects = side * np.array([[0, 0, 2, 1], [2, 0, 4, 1.0]])
    boxes = np.concatenate([side * np.array([[1, 0, 3, 1.0]]), objects[:1]])
    got = read_verdicts(student.hits(boxes, np.array([0.9, 0.8]), objects, 0.3), 2)
    judged(
        got,
        [1, 0],
        [([1, 1], "hits takes the last of equal objects: the first")],
        "hits is not right for equal objects",
    )


@hidden("precision", points=0.25, after=(*FIRST, "test_which_object"))
def test_no_boxes_or_no_objects(student, rng):
    boxes, none = some_boxes(rng, 4), np.zeros(0)
    assert sum(read_verdicts(student.hits(boxes, scores_for(rng, 4), NONE, 0.5), 4)) == 0, says(
        "hits without objects: all are false alarms"
    )
    read_verdicts(student.hits(NONE, none, boxes, 0.5), 0, "hits without boxes")
    read_verdicts(student.hits(NONE, none, NONE, 0.5), 0, "hits without boxes or objects")
    got = read_verdicts(student.hits(boxes[:1], np.array([0.5]), boxes[:1], 0.5), 1)
    judged(got, [1], [], "hits is not right for one box on one object")


def ranked(rng, count, most):
    """Scores and verdicts in which precision falls and rises again, and not all objects are found."""
    while True:
        scores, right = scores_for(rng, count), rng.uniform(size=count) < 0.5
        order = right[np.argsort(-scores)]
        if (
            2 < right.sum() < count - 2
            and not order[1]
            and order[-3:].any()
            and not order[-1]
            and (order[0] or order[2])
        ):
            objects = int(right.sum()) + int(rng.integers(2, most))
            if objects != count and len({objects, count, int(right.sum())}) == 3:
                return scores, right, objects


def points_of(order, objects):
    found, ranks = np.cumsum(order), np.arange(1, len(order) + 1)
    return np.stack([found / ranks, found / objects])


@hidden("precision", points=1)
def test_precision_and_recall(student, rng):
    scores, right, objects = ranked(rng, 12, 9)
    order = np.array([right[i] for i in sorted(range(12), key=lambda i: -scores[i])])
    parts = read_tuple(student.curve(scores, right, objects), 2, "curve(scores, right, count)")
    got = np.stack([read_array(part, (12,), "a part of curve") for part in parts])
    want, found = points_of(order, objects), np.cumsum(order)
    p, r = want
    mistakes = [
        (want[::-1], "curve gives recall, precision: the other way round"),
        (points_of(right, objects), "curve goes through the boxes as they came: by falling score"),
        (points_of(order[::-1], objects), "curve goes through the boxes by rising score: by falling score"),
        ([p, found / right.sum()], "curve divides recall by the hits: by the number of objects"),
        ([p, found / 12], "curve divides recall by the number of boxes: by the number of objects"),
        ([r, r], "curve divides precision by the number of objects: by the boxes so far, k"),
        ([found / 12, r], "curve divides precision by the number of all boxes: by the boxes so far, k"),
        ([found / np.arange(12).clip(1), r], "curve divides by one box too few: the first box is k = 1"),
        ([np.maximum.accumulate(p[::-1])[::-1], r], "curve repairs the precision: that is a step of average_precision"),
    ]
    compare(got, want, mistakes, "curve is not right")
    untouched(student.curve, scores, right, objects)
    parts = read_tuple(
        student.curve(np.full(3, 0.4), np.array([True, False, True]), objects), 2, "curve of equal scores"
    )
    got = np.stack([read_array(part, (3,), "a part of curve") for part in parts])
    first = "curve of equal scores: the box that comes first goes first"
    compare(got, points_of([1, 0, 1], objects), otherwise=first)
    scores, right = rng.integers(1, 4, size=60) / 4, rng.uniform(size=60) < 0.5
    parts = read_tuple(student.curve(scores, right, 70), 2, "curve of equal scores")
    got = np.stack([read_array(part, (60,), "a part of curve") for part in parts])
    order = sorted(range(60), key=lambda i: (-scores[i], i))
    want, ends = points_of(right[order], 70), np.flatnonzero(np.diff(scores[order], append=0))
    blocks = np.allclose(got[:, ends], want[:, ends], atol=1e-5)
    compare(got, want, [(got, f"{first}. {STABLE}")] if blocks else [], first)


def area(order, objects):
    """The area under the repaired curve: one rectangle a hit."""
    p = points_of(order, objects)[0]
    return sum(max(p[k:]) for k in range(len(order)) if order[k]) / objects


@hidden("precision", points=1.5, after=CURVE)
def test_average_precision(student, rng):
    none = np.zeros(0, dtype=bool)
    for _ in range(4):
        while True:
            scores, right, objects = ranked(rng, 14, 8)
            order = np.array([right[i] for i in sorted(range(14), key=lambda i: -scores[i])])
            one_ahead = points_of(order, objects)[0]
            for k in range(13):
                one_ahead[k] = max(one_ahead[k : k + 2])
            apart = (one_ahead[order].sum() / objects, area(right, objects), area(order[::-1], objects))
            if all(abs(value - area(order, objects)) > 1e-3 for value in apart):
                break
        got = read_number(student.average_precision(scores, right, objects), "average_precision(scores, right, count)")
        p, r = points_of(order, objects)
        repaired, best = np.maximum.accumulate(p[::-1])[::-1], np.maximum.accumulate(p)
        steps, last = np.diff(r, prepend=0), float(r[-1])
        eleven = np.mean([max(p[r >= level - 1e-12], default=0) for level in np.linspace(0, 1, 11)])
        want = area(order, objects)
        slanted = "average_precision joins the points by slanted lines: it is a sum of rectangles"
        hits = "average_precision divides by the hits: objects that were never found count as 0"
        mistakes = [
            (
                steps @ p,
                "average_precision leaves the curve as it is: each precision becomes the highest at that recall or beyond",
            ),
            (
                steps @ best,
                "average_precision repairs from the wrong side: the highest precision later in the list, not before",
            ),
            (
                apart[0],
                "average_precision looks only one box ahead: the highest precision anywhere later; go from the end",
            ),
            (apart[1], "average_precision goes through the boxes as they came: by falling score"),
            (apart[2], "average_precision goes through the boxes by rising score: by falling score"),
            (eleven, "average_precision takes the mean at 11 recalls, the rule of 2007: the area at all points"),
            (p.mean(), "average_precision is the mean of the precisions: the area over recall"),
            (repaired.mean(), "average_precision is the mean of the repaired precisions: the area over recall"),
            (want / last, hits),
            (steps @ p / last, hits),
            (
                steps[1:] @ repaired[1:],
                "average_precision starts at the first recall: with r_0 = 0 the first step counts as well",
            ),
            (np.diff(r) @ (p[1:] + p[:-1]) / 2, slanted),
            (np.diff(r) @ (repaired[1:] + repaired[:-1]) / 2, slanted),
            (steps @ (p + np.append(1, p[:-1])) / 2, slanted),
            (want + (1 - last) * repaired[-1], "average_precision goes on to recall 1: what is never reached counts 0"),
        ]
        compare(got, want, mistakes, "average_precision is not the area under the repaired curve")
    untouched(student.average_precision, scores, right, objects)
    got = read_number(student.average_precision(np.zeros(0), none, objects), "average_precision without boxes")
    compare(got, 0, otherwise="average_precision without boxes should be 0")
    value = student.average_precision(scores, np.zeros(14, dtype=bool), 0)
    nan = np.asarray(value).shape == () and isinstance(value, float | np.ndarray) and np.isnan(value)
    assert nan, says("average_precision without objects should be np.nan: there is nothing to be found")


# ---- exercise 6 ----


def found(student, scores, codes, anchors, scale, size, least=0.5, most=0.5):
    """What detect returns, as boxes and scores."""
    name = "detect(scores, codes, anchors, scale, size, least, most)"
    arguments = [np.asarray(values, dtype=float) for values in (scores, codes, anchors)]
    boxes, kept = read_tuple(student.detect(*arguments, scale, size, least, most), 2, name)
    kept = read_numbers(kept, "the scores that detect returns")
    return read_array(boxes, (len(kept), 4), "the boxes that detect returns"), kept


def boxes_of(codes, anchors):
    middle, sides = centres_of(anchors) + codes[:, :2] * sides_of(anchors), sides_of(anchors) * np.exp(codes[:, 2:])
    return middle, sides


CORNERS = ("test_boxes_of_one_anchor",)
GROWN = (*CORNERS, "test_the_large_picture")
SUREST = (*GROWN, "test_the_surest_box_is_kept")


def single(student, code, anchor, scale, size, want, mistakes, otherwise):
    boxes, _ = found(student, [0.9], code, anchor, scale, size)
    assert len(boxes) == 1, says("detect does not keep the one box that there is")
    compare(boxes, want, mistakes, otherwise)


@hidden("repair", points=1)
def test_boxes_of_one_anchor(student, rng):
    for code in (np.zeros((1, 4)), np.round(rng.uniform(0.2, 0.5, size=(1, 4)) * rng.choice([-1, 1], size=(1, 4)), 3)):
        anchor = np.concatenate([rng.integers(60, 90, size=2), rng.integers(110, 140, size=2)])[None] * 1.0
        middle, sides = boxes_of(code, anchor)
        mistakes = [
            (
                pair(middle, middle + sides),
                "detect takes the centre of a box for its first corner: go back by half a side",
            ),
            (pair(middle, sides), "detect gives centres and sides: corners"),
            (pair(middle - sides, middle), "detect takes the centre of a box for its last corner"),
            (pair(middle - sides, middle + sides), "detect goes a whole side to each side of the centre: half a side"),
        ]
        want = pair(middle - sides / 2, middle + sides / 2)
        single(
            student,
            code,
            anchor,
            1.0,
            (400, 400),
            want,
            mistakes,
            "detect is not right for one anchor in a picture that is not shrunk",
        )


@hidden("repair", points=1, after=CORNERS)
def test_the_large_picture(student, rng):
    for scale in (0.5, 0.25, float(rng.choice([0.4, 0.8]))):
        code = np.round(rng.uniform(-0.4, 0.4, size=(1, 4)), 3)
        anchor = np.concatenate([rng.integers(40, 60, size=2), rng.integers(80, 100, size=2)])[None] * 1.0
        middle, sides = boxes_of(code, anchor)
        small = pair(middle - sides / 2, middle + sides / 2)
        m, s = middle / scale, sides / scale
        leaves = "detect leaves the boxes in the shrunken picture: divide by scale"
        mistakes = [
            (
                small * scale,
                "detect shrinks the boxes once more: lengths in the large picture are those here divided by scale",
            ),
            (small, leaves),
            (pair(middle - s / 2, middle + s / 2), "detect brings the sides to the large picture, and not the place"),
            (pair(m - sides / 2, m + sides / 2), "detect brings the centre to the large picture, and not the sides"),
            (small * 2, "detect takes the scale for 0.5: `scale` says what it is"),
        ]
        single(
            student,
            code,
            anchor,
            scale,
            (900, 900),
            small / scale,
            mistakes,
            "detect is not right in a picture that was shrunk",
        )


@hidden("repair", points=1, after=GROWN)
def test_the_surest_box_is_kept(student, rng):
    anchors, most = np.abs(families(rng, 4, 3)) + 40, 0.5
    anchors = pair(np.minimum(anchors[:, :2], anchors[:, 2:]), np.maximum(anchors[:, :2], anchors[:, 2:]) + 30)
    while True:
        scores = 0.5 + scores_for(rng, 12) / 2.5
        want, lowest = kept_of(anchors, scores, most), kept_of(anchors, -scores, most)
        if clear(anchors, most) and len(want) > 2 and not set(lowest) & set(want):
            break
    boxes, kept = found(student, scores, np.zeros((12, 4)), anchors, 0.5, (2000, 2000), most=most)
    said = [int(np.abs(scores - score).argmin()) for score in kept]
    low = "detect keeps the box of which the scorer was least sure: the highest score is taken first"
    mistakes = [
        (lowest, low),
        (lowest[::-1], low),
        (want[::-1], "detect gives the kept boxes by rising score: by falling score"),
        (sorted(range(12), key=lambda i: -scores[i]), "detect suppresses nothing"),
        (list(range(12)), "detect suppresses nothing"),
    ]
    judged(said, want, mistakes, "detect does not keep the surest box of each group")
    compare(kept, scores[want], otherwise="detect changes the scores")
    compare(boxes, 2 * anchors[want], otherwise="detect returns boxes and scores that do not belong together")
    arguments = (scores, np.zeros((12, 4)), anchors, 0.5, (2000, 2000), 0.5, most)
    untouched(student.detect, *arguments)


@hidden("repair", points=0.5, after=SUREST)
def test_the_border(student, rng):
    height, width = (int(n) for n in rng.permutation([120, 200]) + rng.integers(0, 9, size=2))
    anchor = np.array([[width / 4, height / 4, width * 1.1, height * 1.2]])
    large = 2 * anchor
    want = np.minimum(large, [width, height, width, height])
    early = "detect cuts off before it goes to the large picture, whose size it is: afterwards"
    mistakes = [
        (large, "detect does not cut off what sticks out of the picture"),
        (
            np.minimum(large, [height, width, height, width]),
            "detect exchanges height and width where it cuts off: size is (height, width)",
        ),
        (2 * np.minimum(anchor, [width, height, width, height]), early),
    ]
    single(student, np.zeros((1, 4)), anchor, 0.5, (height, width), want, mistakes, "detect is not right at the border")
    left = np.array([[-7.0, -9, 20, 30]])
    want = np.array([[0.0, 0, 20, 30]])
    mistakes = [(left, "detect cuts off to the right and below alone: also at 0")]
    single(student, np.zeros((1, 4)), left, 1.0, (height, width), want, mistakes, "detect is not right at the border")
    side = float(rng.integers(20, 40))
    twice = np.array([[0, 0, side, side], [-side, 0, side, side]])
    boxes, _ = found(student, [0.9, 0.8], np.zeros((2, 4)), twice, 1.0, (120, 120))
    assert len(boxes) == 1, says(
        "detect suppresses before it cuts off: two boxes that are the same after the cut both stay"
    )


@hidden("repair", points=0.5, after=SUREST)
def test_the_smallest_score(student, rng):
    anchors = np.array([[60 * n, 10, 60 * n + 30, 40] for n in range(6)], dtype=float)
    scores = rng.permutation([0.0, 0.125, 0.25, 0.5, 0.75, 0.875])
    for least in (0.25, 0.75):
        want = [i for i in np.argsort(-scores) if scores[i] >= least]
        boxes, kept = found(student, scores, np.zeros((6, 4)), anchors, 1.0, (400, 400), least=least)
        short = sorted(kept) == sorted(scores[scores > least])
        assert not short, says("detect leaves out a score that is exactly `least`: only what is less")
        assert len(kept) <= len(want), says("detect keeps scores that are less than `least`")
        assert len(kept) == len(want), says("detect leaves out scores that are not less than `least`")
        compare(kept, scores[want], otherwise="detect keeps other scores than it should")
        compare(boxes, anchors[want], otherwise="detect keeps other boxes than it should")
    boxes, kept = found(student, scores / 10, np.zeros((6, 4)), anchors, 1.0, (400, 400))
    assert len(kept) == 0, says("detect keeps scores that are less than `least`")
    found(student, np.zeros(0), NONE, NONE, 1.0, (100, 100))
