"""A detector's scorer without learning, so that nothing has to be trained: bright parts on a dark, noisy belt.

It answers as a network would, for every anchor a score and four codes, from the picture alone; it knows no truth.
"""

import numpy as np

SIDE, SCALE, STRIDE = 128, 0.5, 8
EDGE = 2
SIZES, RATIOS = (10.0, 18.0), (0.5, 1.0, 2.0)


def anchors():
    """The anchors of the shrunken picture, (384, 4): three proportions in two sizes in each of 8 x 8 cells."""
    w, h = (np.array([size * r**power for r in RATIOS for size in SIZES]) for power in (-0.5, 0.5))
    middles = (np.arange(round(SIDE * SCALE) // STRIDE) + 0.5) * STRIDE
    y, x = (m.ravel()[:, None] for m in np.meshgrid(middles, middles, indexing="ij"))
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1).reshape(-1, 4)


def pictures(count, rng, most=4, faint=3, empty=0.0):
    """Pictures (count, 128, 128) and, for each, the true boxes of its parts.

    most: parts in a picture, at most.  faint: stains and streaks, at most.  empty: the share of pictures without parts.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    drawn, truths = [], []
    for number in range(count):
        slope = rng.uniform(-0.15, 0.15, size=2)
        picture = 0.3 + slope[0] * (rows / SIDE - 0.5) + slope[1] * (columns / SIDE - 0.5)
        boxes = []
        wanted = 0 if number < round(empty * count) else int(rng.integers(1, most + 1))
        for part in [True] * wanted + [False] * int(rng.integers(0, faint + 1)):
            w, h = rng.uniform(14, 42, size=2) if part or rng.uniform() < 0.6 else rng.permutation([6.0, 40.0])
            x, y = rng.uniform(0, SIDE - w), rng.uniform(0, SIDE - h)
            u, v = np.abs(columns - x - w / 2) / w, np.abs(rows - y - h / 2) / h
            inside = np.maximum(u, v) < 0.5 if part or rng.uniform() < 0.3 else np.hypot(u, v) < 0.5
            picture[inside] += rng.uniform(0.12, 0.5) if part else rng.uniform(0.06, 0.28)
            if part:
                boxes.append([x, y, x + w, y + h])
        drawn.append(picture + rng.normal(size=picture.shape) * 0.14)
        truths.append(np.array(boxes).reshape(-1, 4))
    return np.array(drawn), truths


def _summed(values):
    """Sums over everything above and to the left, with a border of zeros: sums over any box in four look-ups."""
    return np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _inside(table, boxes):
    x1, y1, x2, y2 = boxes.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def _mean(table, boxes):
    return _inside(table, boxes) / ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _strip(boxes, axis, start, end, side):
    """Boxes cut down to what lies between two lines, at least one pixel wide."""
    strip = boxes.copy()
    strip[:, axis] = np.clip(np.minimum(start, end), 0, side - 1)
    strip[:, axis + 2] = np.maximum(np.clip(np.maximum(start, end), 1, side), strip[:, axis] + 1)
    return strip


def _whole(boxes, side, grow=0.0):
    """Boxes grown by a share of their sides, with whole corners inside the picture and at least one pixel."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2) * np.array([-grow, -grow, grow, grow])
    grown = np.clip(np.rint(boxes + sides), 0, side).astype(int)
    grown[:, :2] = np.minimum(grown[:, :2], side - 1)
    grown[:, 2:] = np.maximum(grown[:, 2:], grown[:, :2] + 1)
    return grown


def answers(picture, anchor):
    """What the scorer says about each anchor of a picture that has been shrunk to half.

    picture: (128, 128).  anchor: boxes in the shrunken picture, (N, 4).
    Returns scores (N,) from 0 to 1, codes (N, 4).
    """
    side = round(SIDE * SCALE)
    small = picture.reshape(side, 2, side, 2).mean(axis=(1, 3))
    ground = np.median(small)
    light = np.maximum(small - ground - 0.1, 0)
    rows, columns = np.mgrid[:side, :side] + 0.5
    around = _whole(anchor, side, 0.35)
    mass = _inside(_summed(light), around) + 1e-9
    x, y = (_inside(_summed(light * m), around) / mass for m in (columns, rows))
    w, h = (
        np.sqrt(12 * np.maximum(_inside(_summed(light * m**2), around) / mass - middle**2, 0.3))
        for m, middle in ((columns, x), (rows, y))
    )
    found = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    table, whole = _summed(small), _whole(found, side)
    steps = []
    for corner in range(4):
        line, inward = whole[:, corner], EDGE if corner < 2 else -EDGE
        inner = _mean(table, _strip(whole, corner % 2, line, line + inward, side))
        outer = _mean(table, _strip(whole, corner % 2, line, line - inward, side))
        steps.append(inner - np.where((line <= 0) | (line >= side), ground, outer))
    steps = np.sort(steps, axis=0)
    contrast = steps[0] + 0.3 * steps[1]  # the weakest of the four edges decides, with a little of the next
    own = anchor[:, 2:] - anchor[:, :2]
    far = np.abs(np.log(np.stack([w, h], axis=1) / own)).sum(axis=1)
    scores = 1 / (1 + np.exp(-(20 * (contrast - 0.14) - 0.8 * np.maximum(far - 0.7, 0))))
    middle = (anchor[:, :2] + anchor[:, 2:]) / 2
    codes = np.concatenate([(np.stack([x, y], axis=1) - middle) / own, np.log(np.stack([w, h], axis=1) / own)], axis=1)
    return scores, codes
