"""Wrong and right solutions of assignment 2 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np


# %% right two_layers: example by example
def two_layers(x, w1, b1, w2, b2):
    return np.array([w2 @ np.tanh(w1 @ one + b1) + b2 for one in x])


def collapse(w1, b1, w2, b2):
    d = w1.shape[1]
    linear = lambda x: w2 @ (w1 @ x + b1) + b2
    b = linear(np.zeros(d))
    return np.stack([linear(unit) - b for unit in np.eye(d)], axis=1), b


# %% right two_layers: einsum, and a constant input
def two_layers(x, w1, b1, w2, b2):
    z = np.tanh(np.einsum("nd,hd->nh", x, w1) + b1)
    return np.einsum("nh,kh->nk", z, w2) + b2


def collapse(w1, b1, w2, b2):
    both = w2 @ np.hstack([w1, b1[:, None]])
    return both[:, :-1], both[:, -1] + b2


# %% wrong two_layers: no activation
# thinks: layers are enough
# says: without the tanh
def two_layers(x, w1, b1, w2, b2):
    return (x @ w1.T + b1) @ w2.T + b2


# %% wrong two_layers: tanh at the end as well
# thinks: every layer ends in an activation
# says: at the end
def two_layers(x, w1, b1, w2, b2):
    return np.tanh(np.tanh(x @ w1.T + b1) @ w2.T + b2)


# %% wrong two_layers: hidden bias after the tanh
# thinks: the bias is added to the output of a layer
# says: before the tanh
def two_layers(x, w1, b1, w2, b2):
    return (np.tanh(x @ w1.T) + b1) @ w2.T + b2


# %% wrong two_layers: no hidden bias
# thinks: one bias is enough
# says: forgets b1
def two_layers(x, w1, b1, w2, b2):
    return np.tanh(x @ w1.T) @ w2.T + b2


# %% wrong two_layers: sigmoid
# thinks: tanh and sigmoid are the same
# says: the sigmoid
def two_layers(x, w1, b1, w2, b2):
    return (1 / (1 + np.exp(-(x @ w1.T + b1)))) @ w2.T + b2


# %% wrong two_layers: biases add up
# thinks: the hidden bias arrives as it is
# says: through the second layer
def collapse(w1, b1, w2, b2):
    return w2 @ w1, np.resize(b1, b2.shape) + b2


# %% wrong two_layers: hidden bias lost
# thinks: only the last bias counts
# says: loses b1
def collapse(w1, b1, w2, b2):
    return w2 @ w1, b2.copy()


# %% wrong two_layers: transposed product
# thinks: weights are multiplied in the order in which the input meets them
# says: should have shape
def collapse(w1, b1, w2, b2):
    return (w2 @ w1).T, w2 @ b1 + b2


# %% wrong two_layers: one bias for all outputs
# thinks: an output has the bias of the first
# says: output k gets b2[k]
# hidden says: two_layers is not right
def two_layers(x, w1, b1, w2, b2):
    return np.tanh(x @ w1.T + b1) @ w2.T + b2[0]


# %% wrong two_layers: reshaped in place of transposed
# thinks: reshape turns rows into columns
# says: reshapes w2
# hidden says: two_layers is not right
def two_layers(x, w1, b1, w2, b2):
    return np.tanh(x @ w1.T + b1) @ w2.reshape(w2.shape[1], w2.shape[0]) + b2


# %% wrong two_layers: a tanh in the collapse
# thinks: the tanh is still there
# says: has a tanh in it
# hidden says: the bias of collapse is not right
def collapse(w1, b1, w2, b2):
    return w2 @ w1, w2 @ np.tanh(b1) + b2


# %% right patterns: thresholds half way
def pattern_network(patterns):
    m, d = patterns.shape
    return 2.0 * patterns, -2.0 * d + np.full(m, 2.0), np.full(m, 3.0), 3.0 * (m - 1)


# %% right patterns: a threshold between all off and one on
def pattern_network(patterns):
    w, b = [], []
    for p in patterns:
        w.append([float(v) for v in p])
        b.append(1.0 - len(p))
    return w, b, [0.5] * len(w), 0.5 * len(w) - 0.5


# %% wrong patterns: no bias
# thinks: the product alone tells the pattern
# says: that is not on the list
def pattern_network(patterns):
    m, _ = patterns.shape
    return patterns.astype(float), np.zeros(m), np.ones(m), m - 1.0


# %% wrong patterns: threshold too low by one pattern
# thinks: one wrong sign lowers the product by 1
# says: that is not on the list
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, 2.0 - d), np.ones(m), m - 1.0


# %% wrong patterns: threshold too high
# thinks: the product has to be above its largest value
# says: silent for a pattern on the list
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -d - 0.5), np.ones(m), m - 1.0


# %% wrong patterns: AND in place of OR
# thinks: all hidden units have to fire
# says: every hidden unit
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -float(d)), np.ones(m), 0.5 - m


# %% wrong patterns: majority in place of OR
# thinks: the output unit asks for most of the hidden units
# says: silent for a pattern on the list
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -float(d)), np.ones(m), 0.0


# %% wrong patterns: output fires always
# thinks: silent hidden units count as zero
# says: that is not on the list
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -float(d)), np.ones(m), float(m)


# %% wrong patterns: patterns of opposite sign
# thinks: the sign of the weights does not matter
# says: silent for a pattern on the list
def pattern_network(patterns):
    m, d = patterns.shape
    return -patterns.astype(float), np.full(m, -float(d)), np.ones(m), m - 1.0


# %% wrong patterns: silent units count nothing
# thinks: an output unit just below zero is an OR
# says: counts -1
# hidden says: pattern_network
def pattern_network(patterns):
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -float(d)), np.ones(m), -0.5


# %% wrong patterns: threshold of the smallest patterns
# thinks: the largest product is 3
# says: pattern_network
def pattern_network(patterns):
    m = len(patterns)
    return patterns.astype(float), np.full(m, -3.0), np.ones(m), m - 1.0


# %% right bumps: sigmoid by cases
def bump(x, left, right, height, steepness):
    def step(a):
        e = np.exp(-np.abs(a))
        return np.where(a >= 0, 1 / (1 + e), e / (1 + e))

    return height * step(steepness * (x - left)) - height * step(steepness * (x - right))


def draw_curve(x, edges, heights, steepness):
    y = np.zeros(len(x))
    for left, right, height in zip(edges[:-1], edges[1:], heights):
        y = y + bump(x, left, right, height, steepness)
    return y


# %% right bumps: one step for each edge
def draw_curve(x, edges, heights, steepness):
    jumps = np.diff(np.concatenate([[0.0], heights, [0.0]]))
    with np.errstate(over="ignore"):
        return (jumps / (1 + np.exp(-steepness * (x[:, None] - edges)))).sum(axis=1)


# %% wrong bumps: both steps up
# thinks: two steps make a bump
# says: step down
def bump(x, left, right, height, steepness):
    step = lambda a: (1 + np.tanh(a / 2)) / 2
    return height * (step(steepness * (x - left)) + step(steepness * (x - right)))


# %% wrong bumps: one step only
# thinks: a bump is a step
# says: step down
def bump(x, left, right, height, steepness):
    return height * (1 + np.tanh(steepness * (x - left) / 2)) / 2


# %% wrong bumps: steepness outside of the bracket
# thinks: k x - l is the same as k (x - l)
# says: multiplies the whole distance
def bump(x, left, right, height, steepness):
    step = lambda a: (1 + np.tanh(a / 2)) / 2
    return height * (step(steepness * x - left) - step(steepness * x - right))


# %% wrong bumps: tanh in place of the sigmoid
# thinks: tanh is a step from 0 to 1
# says: twice as high
def bump(x, left, right, height, steepness):
    return height * (np.tanh(steepness * (x - left) / 2) - np.tanh(steepness * (x - right) / 2))


# %% wrong bumps: upside down
# thinks: the order of the steps does not matter
# says: upside down
def bump(x, left, right, height, steepness):
    step = lambda a: (1 + np.tanh(a / 2)) / 2
    return height * (step(steepness * (x - right)) - step(steepness * (x - left)))


# %% wrong bumps: height forgotten
# thinks: a bump has height 1
# says: forgets the height
def bump(x, left, right, height, steepness):
    step = lambda a: (1 + np.tanh(a / 2)) / 2
    return step(steepness * (x - left)) - step(steepness * (x - right))


# %% wrong bumps: largest of the bumps
# thinks: bumps do not overlap, so the largest is the curve
# says: the sum of the bumps
def draw_curve(x, edges, heights, steepness):
    return np.max([bump(x, edges[i], edges[i + 1], h, steepness) for i, h in enumerate(heights)], axis=0)


# %% wrong bumps: last bump missing
# thinks: n edges make n - 1 pieces, and one more is lost
# says: last bump
def draw_curve(x, edges, heights, steepness):
    return sum(bump(x, edges[i], edges[i + 1], heights[i], steepness) for i in range(len(heights) - 1))


# %% right bumps: the formula as it stands, with its warnings
def bump(x, left, right, height, steepness):
    up = 1 / (1 + np.exp(-steepness * (x - left)))
    down = 1 / (1 + np.exp(-steepness * (x - right)))
    return height * (up - down)


# %% wrong bumps: product of the steps
# thinks: up and not yet down is a product
# says: multiplies the two steps
# hidden says: bump is not right
def bump(x, left, right, height, steepness):
    step = lambda a: (1 + np.tanh(a / 2)) / 2
    return height * step(steepness * (x - left)) * step(steepness * (right - x))


# %% wrong bumps: a steepness of its own
# thinks: the curve wants edges as sharp as can be
# says: does not use the steepness
# hidden says: not the sum of the bumps
def draw_curve(x, edges, heights, steepness):
    return sum(bump(x, edges[i], edges[i + 1], h, 200.0) for i, h in enumerate(heights))


# %% wrong bumps: hard edges
# thinks: bump i is there between its edges, and only there
# says: does not use the steepness
# hidden says: not the sum of the bumps
def draw_curve(x, edges, heights, steepness):
    return np.array([sum(h for l, r, h in zip(edges, edges[1:], heights) if l <= v < r) for v in x], dtype=float)


# %% right activations: by formulas that do not overflow
def activation(kind, a):
    if kind == "sigmoid":
        e = np.exp(-np.abs(a))
        return np.where(a >= 0, 1.0, e) / (1 + e), e / (1 + e) ** 2
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) * np.tanh(a)
    slope = (a > 0) + (0.01 if kind == "leaky_relu" else 0.0) * (a <= 0)
    return a * slope, slope


# %% right activations: a table
def activation(kind, a):
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-a))
    table = {
        "sigmoid": (sigmoid, sigmoid - sigmoid**2),
        "tanh": (np.tanh(a), 1 - np.tanh(a) ** 2),
        "relu": (np.maximum(a, 0), np.heaviside(a, 0)),
        "leaky_relu": (np.maximum(0.01 * a, a), np.where(a > 0, 1, 0.01)),
    }
    return table[kind]


# %% wrong activations: sigmoid with the wrong sign
# thinks: the sign of the exponent does not matter
# says: minus in the exponent
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 - np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: sigmoid's slope of the argument
# thinks: the slope is a (1 - a)
# says: sigmoid: its slope
def activation(kind, a):
    if kind == "sigmoid":
        return (1 + np.tanh(a / 2)) / 2, a * (1 - a)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: tanh's slope without the square
# thinks: the slope of tanh is 1 minus tanh
# says: tanh: its slope
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a)
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: tanh's slope like the sigmoid's
# thinks: both squash, so both have z (1 - z)
# says: tanh: its slope
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), np.tanh(a) * (1 - np.tanh(a))
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: slope 1 at the corner
# thinks: zero counts as positive
# says: at 0
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a >= 0, 1.0, leak)


# %% wrong activations: ReLU's slope is its value
# thinks: the slope of max(0, a) is max(0, a)
# says: relu: its slope
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    if kind == "relu":
        return np.maximum(0, a), np.maximum(0, a)
    return np.where(a > 0, a, 0.01 * a), np.where(a > 0, 1.0, 0.01)


# %% wrong activations: leak forgotten
# thinks: leaky is another word for ReLU
# says: leaky_relu lets a little through
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    return np.where(a > 0, a, 0.0), np.where(a > 0, 1.0, 0.0)


# %% wrong activations: leak with a minus
# thinks: what leaks is positive
# says: leaky_relu
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else -0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: overflows
# thinks: numbers are never large
# says: 1000
def activation(kind, a):
    if kind == "sigmoid":
        with np.errstate(all="ignore"):
            value = np.exp(a) / (1 + np.exp(a))
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: slope first
# thinks: the order of two results does not matter
# says: the slope comes first
# hidden says: is not right
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value * (1 - value), value
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)


# %% wrong activations: one array with two names
# thinks: slope = value makes a second array
# says: change together
# hidden says: relu: its value is not right
def activation(kind, a):
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        return np.tanh(a), 1 - np.tanh(a) ** 2
    if kind == "relu":
        value = np.maximum(a, 0)
        slope = value
        slope[slope > 0] = 1
        return value, slope
    return np.where(a > 0, a, 0.01 * a), np.where(a > 0, 1.0, 0.01)


# %% right losses: by logarithms
def softmax(s):
    return np.exp(s - np.logaddexp.reduce(s, axis=1)[:, None])


def cross_entropy(s, y):
    return np.mean(np.logaddexp.reduce(s, axis=1) - np.take_along_axis(s, y[:, None], axis=1)[:, 0])


def squared_error(prediction, target):
    n = len(target)
    return np.dot(prediction - target, prediction - target) / n, (prediction - target) * (2 / n)


# %% right losses: example by example
def softmax(s):
    rows = []
    for row in s:
        e = [np.exp(v - max(row)) for v in row]
        rows.append([v / sum(e) for v in e])
    return rows


def cross_entropy(s, y):
    losses = [np.log(np.sum(np.exp(row - row.max()))) + row.max() - row[right] for row, right in zip(s, y)]
    return sum(losses) / len(losses)


def squared_error(prediction, target):
    errors = [p - t for p, t in zip(prediction, target)]
    return sum(e * e for e in errors) / len(errors), [2 * e / len(errors) for e in errors]


# %% wrong losses: softmax over the examples
# thinks: the sum runs over everything in a column
# says: each row sums to 1
def softmax(s):
    e = np.exp(s - s.max(axis=0))
    return e / e.sum(axis=0)


# %% wrong losses: softmax over all numbers
# thinks: the sum runs over the whole table
# says: each row sums to 1
def softmax(s):
    e = np.exp(s - s.max())
    return e / e.sum()


# %% wrong losses: scores divided by their sum
# thinks: probabilities are shares
# says: exponentials
def softmax(s):
    return s / s.sum(axis=1, keepdims=True)


# %% wrong losses: overflows
# thinks: numbers are never large
# says: large scores
def softmax(s):
    with np.errstate(all="ignore"):
        return np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)


# %% wrong losses: sum in place of mean
# thinks: the loss adds up over the examples
# says: the mean over the examples
def cross_entropy(s, y):
    p = softmax(s)
    return -np.log(np.asarray(p)[np.arange(len(y)), y] + 1e-300).sum()


# %% wrong losses: one minus the probability
# thinks: the loss is what is missing to 1
# says: logarithm
def cross_entropy(s, y):
    return (1 - np.asarray(softmax(s))[np.arange(len(y)), y]).mean()


# %% wrong losses: plus in place of minus
# thinks: a loss is the logarithm of a probability
# says: minus the logarithm
def cross_entropy(s, y):
    shifted = s - s.max(axis=1, keepdims=True)
    return (shifted[np.arange(len(y)), y] - np.log(np.exp(shifted).sum(axis=1))).mean()


# %% wrong losses: logarithm of zero
# thinks: the softmax may round to zero, its logarithm takes care
# says: cross_entropy fails for large scores
def cross_entropy(s, y):
    with np.errstate(all="ignore"):
        return -np.log(np.asarray(softmax(s))[np.arange(len(y)), y]).mean()


# %% wrong losses: slope without the 2
# thinks: the 2 is part of the learning rate
# says: 2 from the square
def squared_error(prediction, target):
    error = prediction - target
    return (error**2).mean(), error / len(error)


# %% wrong losses: slope of the sum
# thinks: the mean concerns the loss only
# says: divided by N
def squared_error(prediction, target):
    error = prediction - target
    return (error**2).mean(), 2 * error


# %% wrong losses: slope with the wrong sign
# thinks: the error is target minus prediction
# says: the sign
def squared_error(prediction, target):
    error = target - prediction
    return (error**2).mean(), 2 * error / len(error)


# %% wrong losses: one example more
# thinks: the sum from 0 to N has N terms
# says: N + 1
def squared_error(prediction, target):
    error = prediction - target
    return (error**2).sum() / (len(error) + 1), 2 * error / (len(error) + 1)


# %% wrong losses: scores cut off
# thinks: a score above 500 is as good as 500
# says: cuts large scores off
# hidden says: softmax is not right for large scores
def softmax(s):
    e = np.exp(np.clip(s, -500, 500))
    return e / e.sum(axis=1, keepdims=True)


# %% wrong losses: mean of the row subtracted
# thinks: any number of the row makes the scores small
# says: softmax fails for large scores
def softmax(s):
    with np.errstate(all="ignore"):
        e = np.exp(s - s.mean(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


# %% wrong losses: mean of the row subtracted in the loss
# thinks: any number of the row makes the scores small
# says: cross_entropy fails for large scores
def cross_entropy(s, y):
    shifted = s - s.mean(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        log_sum = np.log(np.exp(shifted).sum(axis=1))
    return (log_sum - shifted[np.arange(len(y)), y]).mean()


# %% wrong losses: largest score of the whole table
# thinks: one shift serves every example
# says: cross_entropy fails for large scores
def cross_entropy(s, y):
    shifted = s - s.max()
    with np.errstate(all="ignore"):
        log_sum = np.log(np.exp(shifted).sum(axis=1))
    return (log_sum - shifted[np.arange(len(y)), y]).mean()


# %% wrong losses: columns for every row
# thinks: p[:, y] picks one number of each row
# says: columns for every row
# hidden says: cross_entropy is not right
def cross_entropy(s, y):
    shifted = s - s.max(axis=1, keepdims=True)
    return -(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))[:, y].mean()


# %% wrong losses: the probability itself
# thinks: a loss is the mean probability, with a minus
# says: the probability itself
# hidden says: cross_entropy
def cross_entropy(s, y):
    return np.asarray(softmax(s))[np.arange(len(y)), y].mean()


# %% wrong losses: every prediction against every target
# thinks: a column and a row are subtracted number by number
# says: with every target
# hidden says: squared_error is not right
def squared_error(prediction, target):
    error = prediction - target
    return ((prediction[:, None] - target) ** 2).mean(), 2 * error / len(error)


# %% right maxout: piece by piece
def maxout(x, w, b):
    best = x @ w[0].T + b[0]
    for piece, bias in zip(w[1:], b[1:]):
        best = np.maximum(best, x @ piece.T + bias)
    return best


def relu_as_maxout(w, b):
    w2, b2 = np.zeros((2, *w.shape)), np.zeros((2, *b.shape))
    w2[1], b2[1] = w, b
    return w2, b2


# %% right maxout: number by number
def maxout(x, w, b):
    k, h, _ = w.shape
    return [[max(w[j, u] @ one + b[j, u] for j in range(k)) for u in range(h)] for one in x]


# %% wrong maxout: sum of the pieces
# thinks: pieces are added
# says: adds the pieces
def maxout(x, w, b):
    return (np.einsum("nd,khd->knh", x, w) + b[:, None]).sum(axis=0)


# %% wrong maxout: largest over the units
# thinks: the largest unit of a layer wins
# says: should have shape
def maxout(x, w, b):
    return (np.einsum("nd,khd->nkh", x, w) + b).max(axis=2)


# %% wrong maxout: biases left out
# thinks: the largest of the products decides
# says: forgets the biases
def maxout(x, w, b):
    return np.einsum("nd,khd->knh", x, w).max(axis=0)


# %% wrong maxout: one bias for all pieces
# thinks: a unit has one bias
# says: bias of its own
def maxout(x, w, b):
    return np.einsum("nd,khd->knh", x, w).max(axis=0) + b[0]


# %% wrong maxout: never below zero
# thinks: maxout is a ReLU with more weights
# says: below zero
def maxout(x, w, b):
    return np.maximum(0, (np.einsum("nd,khd->knh", x, w) + b[:, None]).max(axis=0))


# %% wrong maxout: the same piece twice
# thinks: the largest of two equal pieces is a ReLU
# says: relu_as_maxout
def relu_as_maxout(w, b):
    return np.stack([w, w]), np.stack([b, b])


# %% wrong maxout: piece and its opposite
# thinks: two pieces of opposite sign make a ReLU
# says: absolute value
def relu_as_maxout(w, b):
    return np.stack([w, -w]), np.stack([b, -b])


# %% wrong maxout: bias in both pieces
# thinks: only the weights of the second piece are zero
# says: bias of the second piece
def relu_as_maxout(w, b):
    return np.stack([w, np.zeros_like(w)]), np.stack([b, b])


# %% wrong maxout: bias after the choice
# thinks: the largest bias belongs to the largest piece
# says: after the choice
# hidden says: not the largest of the pieces
def maxout(x, w, b):
    return np.einsum("nd,khd->knh", x, w).max(axis=0) + b.max(axis=0)


# %% wrong maxout: largest in size
# thinks: a piece of -7 is larger than one of 3
# says: absolute values
# hidden says: not the largest of the pieces
def maxout(x, w, b):
    return np.abs(np.einsum("nd,khd->knh", x, w) + b[:, None]).max(axis=0)


# %% wrong maxout: bias of the ReLU lost
# thinks: the pieces need weights only
# says: loses the bias
# hidden says: relu_as_maxout is not the ReLU layer
def relu_as_maxout(w, b):
    return np.stack([w, np.zeros_like(w)]), np.zeros((2, len(b)))
