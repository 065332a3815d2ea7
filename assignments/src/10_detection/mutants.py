"""Wrong and right solutions of assignment 10 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np


# %% right iou: pair by pair
def box_area(boxes):
    return np.array([(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes])


def box_iou(a, b):
    table = np.zeros((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            w = min(a[i, 2], b[j, 2]) - max(a[i, 0], b[j, 0])
            h = min(a[i, 3], b[j, 3]) - max(a[i, 1], b[j, 1])
            if w > 0 and h > 0:
                whole = (a[i, 2] - a[i, 0]) * (a[i, 3] - a[i, 1]) + (b[j, 2] - b[j, 0]) * (b[j, 3] - b[j, 1])
                table[i, j] = w * h / (whole - w * h)
    return table


# %% right iou: columns, and NaN replaced
def box_area(boxes):
    x1, y1, x2, y2 = boxes.T
    return (x2 - x1) * (y2 - y1)


def box_iou(a, b):
    ax1, ay1, ax2, ay2 = a.T[:, :, np.newaxis]
    bx1, by1, bx2, by2 = b.T[:, np.newaxis, :]
    w = np.clip(np.minimum(ax2, bx2) - np.maximum(ax1, bx1), 0, None)
    h = np.clip(np.minimum(ay2, by2) - np.maximum(ay1, by1), 0, None)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(w * h / (np.add.outer(box_area(a), box_area(b)) - w * h))


# %% right iou: a list of lists, and an epsilon that is small everywhere
def box_area(boxes):
    return [float(np.prod(box[2:] - box[:2])) for box in boxes]


def box_iou(a, b):
    def one(p, q):
        sides = np.maximum(np.minimum(p[2:], q[2:]) - np.maximum(p[:2], q[:2]), 0)
        both = np.prod(sides)
        return both / (np.prod(p[2:] - p[:2]) + np.prod(q[2:] - q[:2]) - both + 1e-30)

    return np.array([[one(p, q) for q in b] for p in a]).reshape(len(a), len(b))


# %% wrong iou: area of whole pixels, from first to last
# thinks: a box from pixel 1 to pixel 3 holds three pixels
# says: no + 1
def box_area(boxes):
    return (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)


# %% wrong iou: one pixel too many in each direction
# thinks: pixels are counted from the first to the last
# says: no + 1
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + 1, 0)
    shared = sides.prod(axis=2)
    of_a, of_b = ((c[:, 2:] - c[:, :2] + 1).prod(axis=1) for c in (a, b))
    return shared / (of_a[:, None] + of_b - shared)


# %% wrong iou: area from the last two columns
# thinks: a box is x, y, width, height
# says: takes x2 and y2 for width and height
def box_area(boxes):
    return boxes[:, 2] * boxes[:, 3]


# %% wrong iou: half the way round
# thinks: a box's size is the sum of its sides
# says: adds the sides
def box_area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) + (boxes[:, 3] - boxes[:, 1])


# %% wrong iou: negative sides multiplied
# thinks: boxes that are apart give something negative, and that is small
# says: negative width times a negative height
def box_iou(a, b):
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = sides.prod(axis=2)
    union = box_area(a)[:, None] + box_area(b) - shared
    return shared / np.where(union > 0, union, 1)


# %% wrong iou: the area set to 0, not the sides
# thinks: one maximum at the end is enough
# says: negative width times a negative height
def box_iou(a, b):
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.maximum(sides.prod(axis=2), 0)
    union = box_area(a)[:, None] + box_area(b) - shared
    return shared / np.where(union > 0, union, 1)


# %% wrong iou: the intersection is counted twice
# thinks: together they cover the sum of their areas
# says: shared twice in the union
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    both = box_area(a)[:, None] + box_area(b)
    return shared / np.where(both > 0, both, 1)


# %% wrong iou: over the smaller box
# thinks: a box inside another agrees with it wholly
# says: divides by the smaller box
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    least = np.minimum(box_area(a)[:, None], box_area(b))
    return sides.prod(axis=2) / np.where(least > 0, least, 1)


# %% wrong iou: over the first box
# thinks: the share of the first box that is covered
# says: divides by the box of a alone
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    own = np.broadcast_to(box_area(a)[:, None], (len(a), len(b)))
    return sides.prod(axis=2) / np.where(own > 0, own, 1)


# %% wrong iou: rows for the second set
# thinks: a table is a table
# says: one row for each box of a
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    union = box_area(a)[:, None] + box_area(b) - shared
    return (shared / np.where(union > 0, union, 1)).T


# %% wrong iou: row with row
# thinks: box i of one set belongs to box i of the other
# says: should have shape
def box_iou(a, b):
    table = []
    for p, q in zip(a, b):
        w, h = max(0, min(p[2], q[2]) - max(p[0], q[0])), max(0, min(p[3], q[3]) - max(p[1], q[1]))
        both = w * h
        whole = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - both
        table.append(both / whole if whole else 0.0)
    return np.array(table)


# %% wrong iou: NaN without area
# thinks: a box always has an area
# says: is NaN for two boxes without area
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    return shared / (box_area(a)[:, None] + box_area(b) - shared)


# %% wrong iou: equal boxes get 1, also without area
# thinks: what is equal agrees wholly
# says: without area: where both together cover nothing
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    union = box_area(a)[:, None] + box_area(b) - shared
    return np.where((a[:, None] == b[None]).all(axis=2), 1.0, shared / np.where(union > 0, union, 1))


# %% wrong iou: a small number in the denominator
# thinks: 1e-6 is small whatever the unit
# says: depends on the unit
def box_iou(a, b):
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    return shared / (box_area(a)[:, None] + box_area(b) - shared + 1e-6)


# %% wrong iou: rounds to whole pixels
# thinks: corners are pixels
# says: depends on the unit
def box_iou(a, b):
    a, b = np.round(a), np.round(b)
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    union = box_area(a)[:, None] + box_area(b) - shared
    return shared / np.where(union > 0, union, 1)


# %% wrong iou: writes sides into the boxes
# thinks: arrays come in as copies
# says: changes its argument
def box_area(boxes):
    boxes[:, 2:] -= boxes[:, :2]
    return boxes[:, 2] * boxes[:, 3]


# %% wrong iou: nothing where a set is empty
# thinks: no boxes, no table
# says: should have shape
def box_iou(a, b):
    if len(a) == 0 or len(b) == 0:
        return np.zeros(0)
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    union = box_area(a)[:, None] + box_area(b) - shared
    return shared / np.where(union > 0, union, 1)


# %% right nms: two loops
def nms(boxes, scores, most):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: scores[i], reverse=True):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(i)
    return kept


def nms_per_class(boxes, scores, labels, most):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: scores[i], reverse=True):
        if all(labels[i] != labels[j] or box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(i)
    return np.array(kept, dtype=np.int64)


# %% right nms: a table of overlaps and flags
def nms(boxes, scores, most):
    return nms_per_class(boxes, scores, np.zeros(len(boxes), dtype=int), most)


def nms_per_class(boxes, scores, labels, most):
    covers = (box_iou(boxes, boxes) > most) & (labels[:, None] == labels[None, :])
    alive, kept = np.ones(len(boxes), dtype=bool), []
    while alive.any():
        best = np.where(alive, scores, -np.inf).argmax()
        kept.append(best)
        alive &= ~covers[best]
        alive[best] = False
    return np.array(kept, dtype=float)


# %% wrong nms: the lowest first
# thinks: argsort puts the best first
# says: keeps the box with the lowest score
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: in the order of the list
# thinks: the order of indices means nothing
# says: in the order of the list: by falling score
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return sorted(kept)


# %% wrong nms: by rising score
# thinks: the order of indices means nothing
# says: by rising score
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept[::-1]


# %% wrong nms: the dead suppress
# thinks: a box goes if any better one overlaps it
# says: lets a dropped box suppress another
def nms(boxes, scores, most):
    order = np.argsort(-scores, kind="stable")
    table = box_iou(boxes[order], boxes[order])
    return [int(i) for place, i in enumerate(order) if (table[place, :place] <= most).all()]


# %% wrong nms: compared with the last kept one alone
# thinks: boxes of one thing follow each other in the list
# says: last kept one alone
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if not kept or box_iou(boxes[[i]], boxes[[kept[-1]]])[0, 0] <= most:
            kept.append(int(i))
    return kept


# %% wrong nms: compared with the best one alone
# thinks: there is one thing in a picture
# says: the best one alone
def nms(boxes, scores, most):
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return []
    overlap = box_iou(boxes[order[:1]], boxes[order])[0]
    return [int(i) for n, i in enumerate(order) if n == 0 or overlap[n] <= most]


# %% wrong nms: exactly the threshold is too much
# thinks: up to most means less than most
# says: exactly `most`
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] < most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: of equal scores the later
# thinks: turning a rising order round gives the falling one
# says: takes the later box of equal scores first
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(scores, kind="stable")[::-1]:
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: True and False
# thinks: a mask is as good as indices
# says: gives True and False
def nms(boxes, scores, most):
    mask = np.zeros(len(boxes), dtype=bool)
    for i in np.argsort(-scores, kind="stable"):
        if not mask.any() or box_iou(boxes[[i]], boxes[mask]).max() <= most:
            mask[i] = True
    return mask


def nms_per_class(boxes, scores, labels, most):
    kept = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kept += own[nms(boxes[own], scores[own], most)].tolist()
    return sorted(kept, key=lambda i: (-scores[i], i))


# %% wrong nms: the boxes themselves
# thinks: the boxes are what one wants
# says: gives the boxes
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return boxes[kept]


def nms_per_class(boxes, scores, labels, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(labels[i] != labels[j] or box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: low scores go too
# thinks: a box below 0.05 is no thing
# says: drops boxes for a low score
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] >= 0.05 and all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: only what is likelier than not
# thinks: a box below one half is no thing
# says: drops boxes for a low score
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] >= 0.5 and all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: a threshold of its own
# thinks: 0.5 is the threshold
# says: does not use `most`
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= 0.5 for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: a box inside another goes
# thinks: overlap is the share of the smaller box
# says: inside a large one
def nms(boxes, scores, most):
    def cover(p, q):
        w, h = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
        least = min((p[2] - p[0]) * (p[3] - p[1]), (q[2] - q[0]) * (q[3] - q[1]))
        return max(w, 0) * max(h, 0) / least

    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most and cover(boxes[i], boxes[j]) <= 0.99 for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: marks done boxes in the scores
# thinks: nobody needs the scores afterwards
# says: changes its argument
def nms(boxes, scores, most):
    kept = []
    while len(scores) and scores.max() > -np.inf:
        best = int(scores.argmax())
        kept.append(best)
        scores[box_iou(boxes[[best]], boxes)[0] > most] = -np.inf
        scores[best] = -np.inf
    return kept


def nms_per_class(boxes, scores, labels, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(labels[i] != labels[j] or box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: stops with an error at no boxes
# thinks: there is always a box
# says: stops with
def nms(boxes, scores, most):
    order = np.argsort(-scores, kind="stable").tolist()
    kept = [order.pop(0)]
    for i in order:
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(i)
    return kept


# %% wrong nms: classes suppress each other
# thinks: overlap is overlap
# says: different classes suppress each other
def nms_per_class(boxes, scores, labels, most):
    return nms(boxes, scores, most)


# %% wrong nms: class after class
# thinks: putting the lists of the classes together is enough
# says: class after class
def nms_per_class(boxes, scores, labels, most):
    kept = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kept += [int(own[k]) for k in nms(boxes[own], scores[own], most)]
    return kept


# %% wrong nms: counts within each class
# thinks: indices into a part are indices into the whole
# says: counts within each class
def nms_per_class(boxes, scores, labels, most):
    kept = []
    for label in np.unique(labels):
        kept += list(nms(boxes[labels == label], scores[labels == label], most))
    return kept


# %% wrong nms: classes in the order of the list
# thinks: the order of indices means nothing
# says: in the order of the list: by falling score
def nms_per_class(boxes, scores, labels, most):
    kept = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kept += [int(own[k]) for k in nms(boxes[own], scores[own], most)]
    return sorted(kept)


# %% wrong nms: classes moved apart by a fixed offset
# thinks: no picture is larger than 1,000 pixels
# says: do not even touch
def nms_per_class(boxes, scores, labels, most):
    return nms(boxes + 1000.0 * labels[:, None], scores, most)


# %% wrong nms: classes moved apart by the largest coordinate
# thinks: no coordinate is negative
# says: do not even touch
def nms_per_class(boxes, scores, labels, most):
    largest = boxes.max() if len(boxes) else 0
    return nms(boxes + (largest + 1) * labels[:, None], scores, most)


# %% wrong nms: through the boxes as they come
# thinks: the boxes come sorted
# says: goes through the boxes as they came
def nms(boxes, scores, most):
    kept = []
    for i in range(len(boxes)):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(i)
    return kept


def nms_per_class(boxes, scores, labels, most):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(labels[i] != labels[j] or box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: an order of equal scores by chance
# thinks: np.argsort keeps the order of what is equal
# says: kind="stable"
def nms(boxes, scores, most):
    kept = []
    for i in np.argsort(-scores):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(int(i))
    return kept


# %% wrong nms: leaves the kept box in the list
# thinks: a box overlaps itself more than `most`, so it goes by itself
# says: does not take the kept box out of the list
# hidden says: did not finish
def nms(boxes, scores, most):
    overlap = box_iou(boxes, boxes)
    left = [int(i) for i in np.argsort(-scores, kind="stable")]
    kept = []
    while left:
        i = left[0]
        kept.append(i)
        left = [j for j in left if overlap[i, j] <= most]
    return kept


# %% wrong nms: equal scores class after class
# thinks: sorting by score is enough
# says: class after class: the smaller index comes first
def nms_per_class(boxes, scores, labels, most):
    kept = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        kept += [int(own[k]) for k in nms(boxes[own], scores[own], most)]
    return sorted(kept, key=lambda i: -scores[i])


# %% right anchors: arrays and meshgrid
def cell_anchors(sizes, ratios):
    roots = np.sqrt(np.asarray(ratios))[:, None]
    w, h = (np.asarray(sizes) / roots).ravel(), (np.asarray(sizes) * roots).ravel()
    return np.stack([-w, -h, w, h], axis=1) / 2


def grid_anchors(rows, columns, stride, cell):
    x, y = np.meshgrid((np.arange(columns) + 0.5) * stride, (np.arange(rows) + 0.5) * stride)
    centres = np.stack([x, y, x, y], axis=-1)
    return (centres[:, :, None] + cell).reshape(-1, 4)


# %% right anchors: from the area, one number at a time
def cell_anchors(sizes, ratios):
    found = np.zeros((len(ratios) * len(sizes), 4))
    for n in range(len(found)):
        r, s = ratios[n // len(sizes)], sizes[n % len(sizes)]
        width = (s * s / r) ** 0.5
        found[n] = -width / 2, -width * r / 2, width / 2, width * r / 2
    return found


def grid_anchors(rows, columns, stride, cell):
    found = []
    for n in range(rows * columns):
        for x1, y1, x2, y2 in cell:
            x, y = stride * (n % columns) + stride / 2, stride * (n // columns) + stride / 2
            found.append((x + x1, y + y1, x + x2, y + y2))
    return found


# %% wrong anchors: width over height
# thinks: a ratio is width over height
# says: ratio for width over height
def cell_anchors(sizes, ratios):
    pairs = [(s * r**0.5, s * r**-0.5) for r in ratios for s in sizes]
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in pairs])


# %% wrong anchors: no square root
# thinks: w = s / r and h = s r keep the area
# says: the square of the ratio
def cell_anchors(sizes, ratios):
    pairs = [(s / r, s * r) for r in ratios for s in sizes]
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in pairs])


# %% wrong anchors: ratio of the height alone
# thinks: the size is the width
# says: changes the area
def cell_anchors(sizes, ratios):
    pairs = [(s, s * r) for r in ratios for s in sizes]
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in pairs])


# %% wrong anchors: sizes outside
# thinks: the order within a cell does not matter
# says: all sizes with the first ratio come first
def cell_anchors(sizes, ratios):
    pairs = [(s * r**-0.5, s * r**0.5) for s in sizes for r in ratios]
    return np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in pairs])


# %% wrong anchors: whole sides
# thinks: an anchor reaches a side's length from its centre
# says: a whole side
def cell_anchors(sizes, ratios):
    pairs = [(s * r**-0.5, s * r**0.5) for r in ratios for s in sizes]
    return np.array([[-w, -h, w, h] for w, h in pairs])


# %% wrong anchors: the first corner at the origin
# thinks: around the origin means beginning there
# says: with the centre at the origin
def cell_anchors(sizes, ratios):
    return np.array([[0, 0, s * r**-0.5, s * r**0.5] for r in ratios for s in sizes])


# %% wrong anchors: rounded
# thinks: pixels are whole
# says: rounds the corners
def cell_anchors(sizes, ratios):
    pairs = [(s * r**-0.5, s * r**0.5) for r in ratios for s in sizes]
    return np.round(np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in pairs]))


# %% wrong anchors: at the corners of the cells
# thinks: cell (i, j) lies at j times the stride
# says: at the corners of cells
def grid_anchors(rows, columns, stride, cell):
    return np.concatenate([cell + np.tile([j * stride, i * stride], 2) for i in range(rows) for j in range(columns)])


# %% wrong anchors: half a pixel in place of half a stride
# thinks: the centre of a cell lies half a pixel further
# says: adds half a pixel
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([j * stride + 0.5, i * stride + 0.5], 2) for i in range(rows) for j in range(columns)]
    return np.concatenate(found)


# %% wrong anchors: rows for x
# thinks: the first index goes with the first coordinate
# says: takes the row for x
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([(i + 0.5) * stride, (j + 0.5) * stride], 2) for i in range(rows) for j in range(columns)]
    return np.concatenate(found)


# %% wrong anchors: column by column
# thinks: x comes before y
# says: column by column
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2) for j in range(columns) for i in range(rows)]
    return np.concatenate(found)


# %% wrong anchors: the whole map for each anchor
# thinks: each kind of anchor has a map of its own
# says: goes through the whole map for each anchor
def grid_anchors(rows, columns, stride, cell):
    places = [np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2) for i in range(rows) for j in range(columns)]
    return np.array([one + place for one in cell for place in places])


# %% wrong anchors: rows and columns exchanged
# thinks: a map is columns times rows
# says: exchanges rows and columns of the map
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2) for i in range(columns) for j in range(rows)]
    return np.concatenate(found)


# %% wrong anchors: only the first corner moves
# thinks: a box is a corner and a size
# says: moves only the first corner
def grid_anchors(rows, columns, stride, cell):
    found = []
    for i in range(rows):
        for j in range(columns):
            found.append(cell + np.array([(j + 0.5) * stride, (i + 0.5) * stride, 0, 0]))
    return np.concatenate(found)


# %% wrong anchors: cut off at the border
# thinks: a box has to lie in the picture
# says: cuts anchors off at the border
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2) for i in range(rows) for j in range(columns)]
    return np.clip(np.concatenate(found), 0, [columns * stride, rows * stride] * 2)


# %% wrong anchors: not reshaped
# thinks: an array with an axis for each index is clearer
# says: reshape
def grid_anchors(rows, columns, stride, cell):
    found = [cell + np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2) for i in range(rows) for j in range(columns)]
    return np.array(found).reshape(rows, columns, len(cell), 4)


# %% wrong anchors: moves the cell it was given
# thinks: arrays come in as copies
# says: changes its argument
def grid_anchors(rows, columns, stride, cell):
    found = []
    for i in range(rows):
        for j in range(columns):
            cell += np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2)
            found.append(cell.copy())
            cell -= np.tile([(j + 0.5) * stride, (i + 0.5) * stride], 2)
    cell += 1
    return np.concatenate(found)


# %% right matching: column by column
def encode(boxes, anchors):
    codes = np.zeros(boxes.shape)
    for k in (0, 1):
        own = anchors[:, k + 2] - anchors[:, k]
        codes[:, k] = ((boxes[:, k] + boxes[:, k + 2]) - (anchors[:, k] + anchors[:, k + 2])) / (2 * own)
        codes[:, k + 2] = np.log(boxes[:, k + 2] - boxes[:, k]) - np.log(own)
    return codes


def decode(codes, anchors):
    boxes = np.zeros(codes.shape)
    for k in (0, 1):
        own = anchors[:, k + 2] - anchors[:, k]
        side = np.exp(codes[:, k + 2] + np.log(own))
        boxes[:, k] = anchors[:, k] + own * (0.5 + codes[:, k]) - side / 2
        boxes[:, k + 2] = boxes[:, k] + side
    return boxes


def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = []
    for row in table:
        best = max(row, default=0.0)
        answers.append(int(np.argmax(row)) if len(row) and best >= high else -1 if best < low else -2)
    pairs = [(table[i, j], -i, -j) for i in range(len(anchors)) for j in range(len(objects)) if table[i, j] > 0]
    anchors_done, objects_done = set(), set()
    for _, i, j in sorted(pairs, reverse=True):
        if i not in anchors_done and j not in objects_done:
            answers[-i] = -j
            anchors_done.add(i)
            objects_done.add(j)
    return answers


# %% right matching: boxes as centres and sides
def _parts(boxes):
    x1, y1, x2, y2 = boxes.T
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def encode(boxes, anchors):
    (x, y, w, h), (xa, ya, wa, ha) = _parts(boxes), _parts(anchors)
    return np.array([(x - xa) / wa, (y - ya) / ha, np.log(w / wa), np.log(h / ha)]).T


def decode(codes, anchors):
    (tx, ty, tw, th), (xa, ya, wa, ha) = codes.T, _parts(anchors)
    x, y, w, h = xa + tx * wa, ya + ty * ha, wa * np.exp(tw), ha * np.exp(th)
    return np.column_stack([x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h])


def match(anchors, objects, high, low):
    answers = np.full(len(anchors), -1.0)
    if objects.size == 0:
        return answers
    table = box_iou(anchors, objects)
    for i, row in enumerate(table):
        if row.max() >= high:
            answers[i] = row.argmax()
        elif row.max() >= low:
            answers[i] = -2
    forced_anchors, forced_objects = [], []
    for place in np.argsort(-table.ravel(), kind="stable"):
        i, j = divmod(int(place), len(objects))
        if table[i, j] > 0 and i not in forced_anchors and j not in forced_objects:
            answers[i] = j
            forced_anchors.append(i)
            forced_objects.append(j)
    return answers


# %% wrong matching: codes from corner to corner
# thinks: the place of a box is its first corner
# says: from corner to corner
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([(boxes[:, :2] - anchors[:, :2]) / own, np.log(sides / own)], axis=1)


# %% wrong matching: codes in sides of the box
# thinks: a move is measured in the size of what moves
# says: divides by the sides of the box
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved / sides, np.log(sides / own)], axis=1)


# %% wrong matching: codes in pixels
# thinks: a move is a move
# says: gives the move in pixels
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved, np.log(sides / own)], axis=1)


# %% wrong matching: ratio without logarithm
# thinks: the ratio is the correction
# says: gives the ratio of the sides
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved / own, sides / own], axis=1)


# %% wrong matching: logarithm the wrong way round
# thinks: what has to be done to the box to get the anchor
# says: divides the anchor's sides by the box's
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved / own, np.log(own / sides)], axis=1)


# %% wrong matching: x by the height
# thinks: rows come first, so the first side is the height
# says: divides x by the height
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved / own[:, ::-1], np.log(sides / own)], axis=1)


# %% wrong matching: variances in the codes
# thinks: every detector divides by 0.1 and 0.2
# says: SSD's variances
def encode(boxes, anchors):
    own, sides = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return np.concatenate([moved / own / 0.1, np.log(sides / own) / 0.2], axis=1)


# %% wrong matching: sides times the codes
# thinks: decode multiplies where encode divided
# says: multiplies the sides by the codes
def decode(codes, anchors):
    own = anchors[:, 2:] - anchors[:, :2]
    middles, sides = (anchors[:, :2] + anchors[:, 2:]) / 2 + codes[:, :2] * own, own * codes[:, 2:]
    return np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)


# %% wrong matching: moved by pixels
# thinks: the code is the move
# says: moves the centre by t pixels
def decode(codes, anchors):
    own = anchors[:, 2:] - anchors[:, :2]
    middles, sides = (anchors[:, :2] + anchors[:, 2:]) / 2 + codes[:, :2], own * np.exp(codes[:, 2:])
    return np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)


# %% wrong matching: moved by the new sides
# thinks: first the size, then the move
# says: times the new sides
def decode(codes, anchors):
    sides = (anchors[:, 2:] - anchors[:, :2]) * np.exp(codes[:, 2:])
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2 + codes[:, :2] * sides
    return np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)


# %% wrong matching: the centre as the first corner
# thinks: x and y of a box are its corner
# says: takes the centre for the first corner
def decode(codes, anchors):
    own = anchors[:, 2:] - anchors[:, :2]
    middles, sides = (anchors[:, :2] + anchors[:, 2:]) / 2 + codes[:, :2] * own, own * np.exp(codes[:, 2:])
    return np.concatenate([middles, middles + sides], axis=1)


# %% wrong matching: centre and sides returned
# thinks: a box is a box in any format
# says: gives (centre, sides)
def decode(codes, anchors):
    own = anchors[:, 2:] - anchors[:, :2]
    middles, sides = (anchors[:, :2] + anchors[:, 2:]) / 2 + codes[:, :2] * own, own * np.exp(codes[:, 2:])
    return np.concatenate([middles, sides], axis=1)


# %% wrong matching: the anchor's corner moves
# thinks: the place of an anchor is its first corner
# says: it is the centre that moves
def decode(codes, anchors):
    own = anchors[:, 2:] - anchors[:, :2]
    middles, sides = anchors[:, :2] + codes[:, :2] * own, own * np.exp(codes[:, 2:])
    return np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)


# %% wrong matching: nobody is forced
# thinks: an object that no anchor fits cannot be learned
# says: to nobody
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
    return answers


# %% wrong matching: thresholds ignored
# thinks: every anchor has an object that is nearest
# says: look at `high` and `low`
def match(anchors, objects, high, low):
    if len(objects) == 0:
        return np.full(len(anchors), -1)
    return box_iou(anchors, objects).argmax(axis=1)


# %% wrong matching: all that is not matched is background
# thinks: an anchor has an object or has none
# says: between `low` and `high`
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: -1 and -2 exchanged
# thinks: -1 is left out, as in the labels of a loss
# says: exchanges -1 and -2
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -2)
    if len(objects) == 0:
        return np.full(len(anchors), -1)
    best = table.max(axis=1)
    answers[best >= low] = -1
    answers[best >= high] = table.argmax(axis=1)[best >= high]
    for _ in objects:
        i, j = np.unravel_index(table.argmax(), table.shape)
        if table[i, j] > 0:
            answers[i] = j
            table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: objects from 1
# thinks: 0 is the background
# says: numbers the objects from 1
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high] + 1
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j + 1
                table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: one anchor for each object
# thinks: each object is learned once
# says: to one anchor alone
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        answers[table.max(axis=1) >= low] = -2
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: the later object takes the anchor away
# thinks: each object takes the anchor that fits it best
# says: lets a later object take an anchor away
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        for j in range(len(objects)):
            if table[:, j].max() > 0:
                answers[table[:, j].argmax()] = j
    return answers


# %% wrong matching: objects served in the order of the list
# thinks: who comes first is served first
# says: serves the objects in the order of the list
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        for j in range(len(objects)):
            i = table[:, j].argmax()
            if table[i, j] > 0:
                answers[i], table[i] = j, 0
    return answers


# %% wrong matching: forced without overlap
# thinks: each object needs an anchor, whatever the overlap
# says: does not even touch
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        for _ in range(min(table.shape)):
            i, j = np.unravel_index(table.argmax(), table.shape)
            answers[i] = j
            table[i], table[:, j] = -1, -1
    return answers


# %% wrong matching: more than high
# thinks: reaching the threshold is not enough
# says: asks for more than `high`
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best > high] = table.argmax(axis=1)[best > high]
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: exactly low is background
# thinks: up to low is background
# says: exactly `low` background
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best > low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% right matching: codes in lists
def encode(boxes, anchors):
    rows = []
    for (x1, y1, x2, y2), (p1, q1, p2, q2) in zip(boxes, anchors):
        w, h = p2 - p1, q2 - q1
        rows.append(
            [(x1 + x2 - p1 - p2) / 2 / w, (y1 + y2 - q1 - q2) / 2 / h, np.log((x2 - x1) / w), np.log((y2 - y1) / h)]
        )
    return rows if rows else np.zeros((0, 4))


# %% wrong matching: what reached high is not forced
# thinks: an anchor that has an object needs no other, and an object that has an anchor neither
# says: reached `high` for another one
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        table[answers >= 0] = 0
        table[:, [j for j in range(len(objects)) if j in answers]] = 0
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% wrong matching: an object that has an anchor is not forced
# thinks: only an object that nobody learns needs an anchor
# says: take an anchor away from an earlier one
# hidden says: reached `high` for another one
def match(anchors, objects, high, low):
    table = box_iou(anchors, objects)
    answers = np.full(len(anchors), -1)
    if len(objects):
        best = table.max(axis=1)
        answers[best >= low] = -2
        answers[best >= high] = table.argmax(axis=1)[best >= high]
        table[:, [j for j in range(len(objects)) if j in answers]] = 0
        for _ in objects:
            i, j = np.unravel_index(table.argmax(), table.shape)
            if table[i, j] > 0:
                answers[i] = j
                table[i], table[:, j] = 0, 0
    return answers


# %% right precision: walks and counts
def hits(boxes, scores, objects, least):
    table = box_iou(boxes, objects)
    right = [False] * len(boxes)
    found = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if len(objects):
            best = max(range(len(objects)), key=lambda j: table[i, j])
            right[i] = bool(table[i, best] >= least and best not in found)
            if right[i]:
                found.append(best)
    return right


def curve(scores, right, count):
    precision, recall, good = [], [], 0
    for k, i in enumerate(sorted(range(len(scores)), key=lambda i: (-scores[i], i)), start=1):
        good += bool(right[i])
        precision.append(good / k)
        recall.append(good / count)
    return precision, recall


def average_precision(scores, right, count):
    if count == 0:
        return float("nan")
    precision, recall = curve(scores, right, count)
    total, before = 0.0, 0.0
    for k in range(len(recall)):
        total += (recall[k] - before) * max(precision[k:])
        before = recall[k]
    return total


# %% right precision: one unique best each, and a sum over hits
def hits(boxes, scores, objects, least):
    right = np.zeros(len(boxes), dtype=int)
    if not len(boxes) or not len(objects):
        return right
    table = box_iou(boxes, objects)
    nearest, enough = table.argmax(axis=1), table.max(axis=1) >= least
    for j in range(len(objects)):
        mine = np.flatnonzero(enough & (nearest == j))
        if len(mine):
            right[mine[scores[mine].argmax()]] = 1
    return right


def curve(scores, right, count):
    order = np.lexsort((np.arange(len(scores)), -scores))
    good, bad = np.cumsum(right[order]), np.cumsum(~right[order].astype(bool))
    return good / (good + bad), good / float(count)


def average_precision(scores, right, count):
    if not count:
        return np.array(np.nan)
    precision, _ = curve(scores, right, count)
    best, total = 0.0, 0.0
    order = right[np.argsort(-scores, kind="stable")]
    for p, good in zip(precision[::-1], order[::-1]):
        best = max(best, p)
        total += best * good
    return np.float64(total / count)


# %% wrong precision: doubles count
# thinks: a box on an object is right
# says: two boxes on one object
def hits(boxes, scores, objects, least):
    if len(objects) == 0:
        return np.zeros(len(boxes), dtype=bool)
    return box_iou(boxes, objects).max(axis=1) >= least


# %% wrong precision: in the order of the list
# thinks: the order does not matter
# says: as they came: by falling score
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in range(len(boxes) if len(objects) else 0):
        j = int(table[i].argmax())
        if table[i, j] >= least and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: verdicts by falling score
# thinks: the caller sorts too
# says: in the order in which the boxes came
def hits(boxes, scores, objects, least):
    right, taken = [], set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable"):
        j = int(table[i].argmax()) if len(objects) else -1
        right.append(bool(j >= 0 and table[i, j] >= least and j not in taken))
        if right[-1]:
            taken.add(j)
    return right


# %% wrong precision: the next best object
# thinks: a box may have any object that is free
# says: fall back on another object
def hits(boxes, scores, objects, least):
    right = np.zeros(len(boxes), dtype=bool)
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable"):
        if len(objects) and table[i].max() >= least:
            right[i] = True
            table[:, table[i].argmax()] = -1
    return right


# %% wrong precision: misses use objects up
# thinks: whoever comes first has the object
# says: lets a false alarm use up an object
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        right[i] = table[i, j] >= least and j not in taken
        taken.add(j)
    return right


# %% wrong precision: more than least
# thinks: reaching the threshold is not enough
# says: exactly `least` is enough
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] > least and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: any overlap
# thinks: a box that touches an object has found it
# says: has to be at least `least`
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] > 0 and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: an error without objects
# thinks: there is always an object
# says: stops with
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable"):
        j = int(table[i].argmax())
        if table[i, j] >= least and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: the curve in the order of the list
# thinks: the boxes come sorted
# says: curve goes through the boxes as they came
def curve(scores, right, count):
    good = np.cumsum(right)
    return good / np.arange(1, len(good) + 1), good / count


# %% wrong precision: the curve by rising score
# thinks: argsort puts the best first
# says: by rising score
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(scores, kind="stable")])
    return good / np.arange(1, len(good) + 1), good / count


# %% wrong precision: recall of the hits
# thinks: all objects are found in the end
# says: divides recall by the hits
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return good / np.arange(1, len(good) + 1), good / max(right.sum(), 1)


# %% wrong precision: recall of the boxes
# thinks: recall is a share of what was said
# says: divides recall by the number of boxes
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return good / np.arange(1, len(good) + 1), good / max(len(right), 1)


# %% wrong precision: precision of all boxes
# thinks: precision is a share of all boxes
# says: by the number of all boxes
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return good / max(len(good), 1), good / count


# %% wrong precision: recall before precision
# thinks: the order of results does not matter
# says: the other way round
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return good / count, good / np.arange(1, len(good) + 1)


def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    good = np.cumsum(right[np.argsort(-scores, kind="stable")])
    precision, recall = good / np.arange(1, len(good) + 1), good / count
    return np.sum(np.diff(recall, prepend=0.0) * np.maximum.accumulate(precision[::-1])[::-1])


# %% wrong precision: the curve as it is
# thinks: the area is the area
# says: leaves the curve as it is
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall, prepend=0.0) * precision)


# %% wrong precision: repaired from the left
# thinks: maximum.accumulate is the repair
# says: from the wrong side
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall, prepend=0.0) * np.maximum.accumulate(precision))


# %% wrong precision: eleven points
# thinks: VOC takes eleven points
# says: 11 recalls
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.mean([np.max(precision[recall >= r - 1e-9], initial=0) for r in np.linspace(0, 1, 11)])


# %% wrong precision: mean of the precisions
# thinks: average precision is the average of the precisions
# says: the mean of the precisions
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, _ = curve(scores, right, count)
    return precision.mean() if len(precision) else 0.0


# %% wrong precision: divided by the hits
# thinks: the mean over the boxes that are right
# says: divides by the hits
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, _ = curve(scores, right, count)
    order = right[np.argsort(-scores, kind="stable")]
    repaired = np.maximum.accumulate(precision[::-1])[::-1]
    return repaired[order].mean() if order.any() else 0.0


# %% wrong precision: the first step left out
# thinks: np.diff gives all steps
# says: r_0 = 0
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall) * np.maximum.accumulate(precision[::-1])[::-1][1:])


# %% wrong precision: trapezia
# thinks: an area under points is a sum of trapezia
# says: slanted lines
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2)


# %% wrong precision: no objects, no precision
# thinks: nothing to find and nothing found is 0
# says: should be np.nan
def average_precision(scores, right, count):
    if count == 0:
        return 0.0
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall, prepend=0.0) * np.maximum.accumulate(precision[::-1])[::-1])


# %% wrong precision: NaN without boxes
# thinks: without boxes there is nothing to average
# says: NaN
def average_precision(scores, right, count):
    if count == 0 or len(scores) == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    return np.sum(np.diff(recall, prepend=0.0) * np.maximum.accumulate(precision[::-1])[::-1])


# %% wrong precision: the first object that is near enough
# thinks: any object that reaches least will do
# says: takes an object that reaches `least`
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable"):
        near = np.flatnonzero(table[i] >= least)
        if len(near) and int(near[0]) not in taken:
            right[i] = True
            taken.add(int(near[0]))
    return right


# %% wrong precision: a hit takes all objects that it reaches
# thinks: every object that the box covers has been found
# says: lets one box use up two objects
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] >= least and j not in taken:
            right[i] = True
            taken |= set(np.flatnonzero(table[i] >= least).tolist())
    return right


# %% wrong precision: object by object, the highest score
# thinks: each object has its surest box
# says: lets one box use up two objects
def hits(boxes, scores, objects, least):
    right = np.zeros(len(boxes), dtype=bool)
    table = box_iou(boxes, objects)
    for j in range(len(objects)):
        mine = np.flatnonzero(table[:, j] >= least)
        if len(mine):
            right[mine[scores[mine].argmax()]] = True
    return right


# %% wrong precision: object by object, the best fit
# thinks: an object belongs to the box that fits it best
# says: gives the object to the best-fitting box
def hits(boxes, scores, objects, least):
    right = np.zeros(len(boxes), dtype=bool)
    table = box_iou(boxes, objects)
    for j in range(len(objects) if len(boxes) else 0):
        i = int(table[:, j].argmax())
        right[i] |= table[i, j] >= least
    return right


# %% wrong precision: hits by rising score
# thinks: argsort puts the best first
# says: hits goes through the boxes by rising score
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] >= least and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: one half is the threshold
# thinks: a hit has an IoU of one half
# says: does not use `least`
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores, kind="stable") if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] >= 0.5 and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: hits in an order of equal scores by chance
# thinks: np.argsort keeps the order of what is equal
# says: kind="stable"
def hits(boxes, scores, objects, least):
    right, taken = np.zeros(len(boxes), dtype=bool), set()
    table = box_iou(boxes, objects)
    for i in np.argsort(-scores) if len(objects) else []:
        j = int(table[i].argmax())
        if table[i, j] >= least and j not in taken:
            right[i] = True
            taken.add(j)
    return right


# %% wrong precision: the curve in an order of equal scores by chance
# thinks: np.argsort keeps the order of what is equal
# says: kind="stable"
def curve(scores, right, count):
    good = np.cumsum(right[np.argsort(-scores)])
    return good / np.arange(1, len(good) + 1), good / count


# %% wrong precision: looks one box ahead
# thinks: comparing neighbours once repairs the curve
# says: looks only one box ahead
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    precision, recall = curve(scores, right, count)
    for k in range(len(precision) - 1):
        precision[k] = max(precision[k], precision[k + 1])
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


# %% wrong precision: the area in the order of the list
# thinks: the boxes come sorted
# says: average_precision goes through the boxes as they came
def average_precision(scores, right, count):
    if count == 0:
        return np.nan
    good = np.cumsum(right)
    precision, recall = good / np.arange(1, len(good) + 1), good / count
    return float(np.sum(np.diff(recall, prepend=0.0) * np.maximum.accumulate(precision[::-1])[::-1]))


# %% right repair: the code as it was, three lines changed
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, codes, anchors = scores[sure], codes[sure], anchors[sure]
    w, h = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    x = anchors[:, 0] + w / 2 + codes[:, 0] * w
    y = anchors[:, 1] + h / 2 + codes[:, 1] * h
    w, h = w * np.exp(codes[:, 2]), h * np.exp(codes[:, 3])
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1) / scale
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, size[1])
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, size[0])
    kept = []
    for i in np.argsort(-scores):
        if all(box_iou(boxes[i : i + 1], boxes[j : j + 1])[0, 0] <= most for j in kept):
            kept.append(i)
    return boxes[kept], scores[kept]


# %% right repair: anchors brought to the large picture first, lists
def detect(scores, codes, anchors, scale, size, least, most):
    found = []
    for score, code, anchor in zip(scores, codes, anchors):
        if score >= least:
            x1, y1, x2, y2 = decode(code[None], anchor[None] / scale)[0]
            box = [
                max(0, min(x1, size[1])),
                max(0, min(y1, size[0])),
                max(0, min(x2, size[1])),
                max(0, min(y2, size[0])),
            ]
            found.append((float(score), box))
    found.sort(key=lambda pair: -pair[0])
    boxes = np.array([box for _, box in found]).reshape(-1, 4)
    kept = list(nms(boxes, np.array([score for score, _ in found]), most))
    return boxes[kept], [found[k][0] for k in kept]


# %% wrong repair: as it was
# thinks: it runs, so it is right
# says: takes the centre of a box for its first corner
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, codes, anchors = scores[sure], codes[sure], anchors[sure]
    w, h = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    x = anchors[:, 0] + w / 2 + codes[:, 0] * w
    y = anchors[:, 1] + h / 2 + codes[:, 1] * h
    w, h = w * np.exp(codes[:, 2]), h * np.exp(codes[:, 3])
    boxes = np.stack([x, y, x + w, y + h], axis=1) * scale
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, size[1])
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, size[0])
    kept = []
    for i in np.argsort(scores):
        if all(box_iou(boxes[[i]], boxes[[j]])[0, 0] <= most for j in kept):
            kept.append(i)
    return boxes[kept], scores[kept]


# %% wrong repair: centres and sides given back
# thinks: four numbers are a box
# says: gives centres and sides
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = nms(boxes, scores, most)
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([middles, sides], axis=1)[kept].reshape(-1, 4), scores[kept]


# %% wrong repair: shrunk once more
# thinks: multiply by the scale to change the scale
# says: shrinks the boxes once more
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) * scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: left in the shrunken picture
# thinks: boxes are boxes in any picture
# says: leaves the boxes in the shrunken picture
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure])
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: sides grown, place not
# thinks: scaling makes a box larger
# says: and not the place
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure])
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / scale
    boxes = np.concatenate([middles - sides / 2, middles + sides / 2], axis=1)
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: the lowest score is kept
# thinks: argsort puts the best first
# says: least sure
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, -scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: given by rising score
# thinks: the order does not matter
# says: by rising score
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)[::-1]
    return boxes[kept], scores[kept]


# %% wrong repair: nothing is suppressed
# thinks: sorting is enough
# says: suppresses nothing
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.argsort(-scores, kind="stable")
    return boxes[kept], scores[kept]


# %% wrong repair: boxes and scores in two orders
# thinks: the scores are sorted already
# says: do not belong together
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[np.sort(kept)], scores[kept]


# %% wrong repair: nothing is cut off
# thinks: boxes lie in the picture by themselves
# says: does not cut off
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: height and width exchanged
# thinks: size is width, height
# says: exchanges height and width
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[0], size[1], size[0], size[1]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: cut off before it grows
# thinks: the order of the steps does not matter
# says: before it goes to the large picture
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure])
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]]) / scale
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: cut off after suppression
# thinks: cutting off does not change overlaps
# says: suppresses before it cuts off
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores >= least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return np.clip(boxes[kept], 0, [size[1], size[0], size[1], size[0]]), scores[kept]


# %% wrong repair: more than least
# thinks: reaching the threshold is not enough
# says: exactly `least`
def detect(scores, codes, anchors, scale, size, least, most):
    sure = scores > least
    scores, boxes = scores[sure], decode(codes[sure], anchors[sure]) / scale
    boxes = np.clip(boxes, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]


# %% wrong repair: all scores stay
# thinks: suppression takes care of the low scores
# says: where `least` is
# hidden says: less than `least`
def detect(scores, codes, anchors, scale, size, least, most):
    boxes = np.clip(decode(codes, anchors) / scale, 0, [size[1], size[0], size[1], size[0]])
    kept = np.array(nms(boxes, scores, most), dtype=int)
    return boxes[kept], scores[kept]
