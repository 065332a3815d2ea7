"""Wrong and right solutions of assignment 1 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np


# %% right threshold_unit: loops over rows
def threshold_unit(x, w, b):
    fires = []
    for row in x:
        total = b
        for value, weight in zip(row, w):
            total += value * weight
        fires.append(1 if total > 0 else 0)
    return np.array(fires)


def gate(name):
    if name == "NOT":
        return np.array([-7]), 3
    return {"AND": (np.array([2, 3]), -4), "OR": (np.array([9, 5]), -1), "NAND": (np.array([-2, -3]), 4)}[name]


# %% right threshold_unit: heaviside and a list of booleans
def threshold_unit(x, w, b):
    return list(np.heaviside(np.einsum("nd,d->n", x, w) + b, 0.0) == 1)


def gate(name):
    if name == "NOT":
        return [-1.0], 1.0
    if name == "NAND":
        w, b = gate("AND")
        return [-v for v in w], -b + 0.25
    return [0.5, 0.5], {"AND": -0.75, "OR": -0.25}[name]


# %% wrong threshold_unit: fires at zero
# thinks: reaching the threshold is enough
# says: at exactly zero
def threshold_unit(x, w, b):
    return (x @ w + b >= 0).astype(int)


# %% wrong threshold_unit: no bias
# thinks: the bias is a detail
# says: ignores the bias
def threshold_unit(x, w, b):
    return (x @ w > 0).astype(int)


# %% wrong threshold_unit: bias subtracted
# thinks: the bias is the threshold
# says: subtracts the bias
def threshold_unit(x, w, b):
    return (x @ w - b > 0).astype(int)


# %% wrong threshold_unit: sign instead of step
# thinks: a silent unit says -1
# says: returns -1 where it should return 0
def threshold_unit(x, w, b):
    return np.where(x @ w + b > 0, 1, -1)


# %% wrong threshold_unit: comparison the wrong way round
# thinks: the unit fires below its threshold
# says: fires exactly where it should be silent
def threshold_unit(x, w, b):
    return (x @ w + b < 0).astype(int)


# %% wrong threshold_unit: all zeros
# thinks: the function only has to return an array of the right shape
# says: away from
def threshold_unit(x, w, b):
    return np.zeros(len(x), dtype=int)


# %% wrong threshold_unit: no step
# thinks: the unit's output is its sum
# says: threshold_unit
def threshold_unit(x, w, b):
    return x @ w + b


# %% wrong threshold_unit: one output for all
# thinks: one call looks at one input
# says: should have shape
def threshold_unit(x, w, b):
    return int((x @ w + b).sum() > 0)


# %% wrong threshold_unit: AND that fires for one input
# thinks: any bias below zero makes AND
# says: does not compute AND
def gate(name):
    w, b = {"AND": ([1.0, 1.0], -0.5), "OR": ([1.0, 1.0], -0.5), "NAND": ([-1.0, -1.0], 1.5), "NOT": ([-1.0], 0.5)}[
        name
    ]
    return np.array(w), b


# %% wrong threshold_unit: bias left out of NOT
# thinks: a negative weight alone turns 0 into 1
# says: does not compute NOT
def gate(name):
    w, b = {"AND": ([1.0, 1.0], -1.5), "OR": ([1.0, 1.0], -0.5), "NAND": ([-1.0, -1.0], 1.5), "NOT": ([-1.0], 0.0)}[
        name
    ]
    return np.array(w), b


# %% wrong threshold_unit: OR exactly on the edge
# thinks: a sum of exactly zero fires
# says: does not compute AND
def gate(name):
    w, b = {"AND": ([1.0, 1.0], -2.0), "OR": ([1.0, 1.0], -1.0), "NAND": ([-1.0, -1.0], 1.5), "NOT": ([-1.0], 0.5)}[
        name
    ]
    return np.array(w), b


# %% right perceptron_rule: one line, no call of its own step
def perceptron_step(w, x, y, eta):
    return w + eta * y * x * (y * np.dot(w, x) <= 0)


def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    while len(mistakes) < epochs and (not mistakes or mistakes[-1]):
        mistakes.append(0)
        for i in range(len(x)):
            if y[i] * np.dot(w, x[i]) <= 0:
                w = w + eta * y[i] * x[i]
                mistakes[-1] += 1
    return w, mistakes


# %% right perceptron_rule: plain lists and a comparison of signs
def perceptron_step(w, x, y, eta):
    score = sum(a * b for a, b in zip(w, x))
    says_plus, is_plus = score > 0, y > 0
    if score != 0 and says_plus == is_plus:
        return list(w)
    return [a + eta * y * b for a, b in zip(w, x)]


def train_perceptron(x, y, eta, epochs):
    w = [0.0] * len(x[0])
    mistakes = np.zeros(epochs, dtype=int)
    for epoch in range(epochs):
        for row, label in zip(x, y):
            new = perceptron_step(w, row, label, eta)
            mistakes[epoch] += sum(label * a * b for a, b in zip(w, row)) <= 0
            w = new
        if mistakes[epoch] == 0:
            return w, mistakes[: epoch + 1]
    return w, mistakes


# %% wrong perceptron_rule: strict inequality
# thinks: a score of zero is not a mistake
# says: never updates at w = 0
def perceptron_step(w, x, y, eta):
    return w + eta * y * x if y * (w @ x) < 0 else w.copy()


# %% wrong perceptron_rule: label forgotten
# thinks: mistakes are repaired by adding the input
# says: forgets the label
def perceptron_step(w, x, y, eta):
    return w + eta * x if y * (w @ x) <= 0 else w.copy()


# %% wrong perceptron_rule: wrong direction
# thinks: one subtracts, because a gradient is subtracted
# says: moves the wrong way
def perceptron_step(w, x, y, eta):
    return w - eta * y * x if y * (w @ x) <= 0 else w.copy()


# %% wrong perceptron_rule: updates every time
# thinks: every example teaches something
# says: although the example is right
def perceptron_step(w, x, y, eta):
    return w + eta * y * x


# %% wrong perceptron_rule: eta ignored in the step
# thinks: the step size changes nothing
# says: ignores eta
def perceptron_step(w, x, y, eta):
    return w + y * x if y * (w @ x) <= 0 else w.copy()


# %% wrong perceptron_rule: in place
# thinks: w += is the same as w = w +
# says: in place
def perceptron_step(w, x, y, eta):
    if y * (w @ x) <= 0:
        w += eta * y * x
    return w


# %% wrong perceptron_rule: step without the old weights
# thinks: the new weights are the step
# says: replaces the weights
def perceptron_step(w, x, y, eta):
    return eta * y * x if y * (w @ x) <= 0 else w.copy()


# %% wrong perceptron_rule: nothing returned
# thinks: changing a variable is enough
# says: is None
def perceptron_step(w, x, y, eta):
    if y * (w @ x) <= 0:
        w = w + eta * y * x


# %% wrong perceptron_rule: one w for a whole pass
# thinks: the pass is a batch
# says: see the new weights
# hidden says: update at once
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    for _ in range(epochs):
        bad = y * (x @ w) <= 0
        w = w + eta * (y * bad) @ x
        mistakes.append(int(bad.sum()))
        if not bad.any():
            break
    return w, mistakes


# %% wrong perceptron_rule: running total
# thinks: the count goes on from pass to pass
# says: keeps adding up
def train_perceptron(x, y, eta, epochs):
    w, mistakes, count = np.zeros(x.shape[1]), [], 0
    for _ in range(epochs):
        before = count
        for one, label in zip(x, y):
            count += label * (w @ one) <= 0
            w = perceptron_step(w, one, label, eta)
        mistakes.append(int(count))
        if count == before:
            break
    return w, mistakes


# %% wrong perceptron_rule: clean pass not noted
# thinks: a pass without mistakes is no pass
# says: lacks the last
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    for _ in range(epochs):
        count = 0
        for one, label in zip(x, y):
            count += int(label * (w @ one) <= 0)
            w = perceptron_step(w, one, label, eta)
        if count == 0:
            break
        mistakes.append(count)
    return w, mistakes


# %% wrong perceptron_rule: never stops early
# thinks: the number of passes is fixed
# says: goes on after a pass without a mistake
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    for _ in range(epochs):
        mistakes.append(0)
        for one, label in zip(x, y):
            mistakes[-1] += int(label * (w @ one) <= 0)
            w = perceptron_step(w, one, label, eta)
    return w, mistakes


# %% wrong perceptron_rule: result of the step thrown away
# thinks: the step changes w by itself
# says: at w = 0
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    for _ in range(epochs):
        count = 0
        for one, label in zip(x, y):
            count += int(label * (w @ one) <= 0)
            perceptron_step(w, one, label, eta)
        mistakes.append(count)
    return w, mistakes


# %% wrong perceptron_rule: random start
# thinks: weights must start at random
# says: different results for the same arguments
# hidden says: start at zero
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.random.default_rng().normal(size=x.shape[1]), []
    for _ in range(epochs):
        count = 0
        for one, label in zip(x, y):
            count += int(label * (w @ one) <= 0)
            w = perceptron_step(w, one, label, eta)
        mistakes.append(count)
        if count == 0:
            break
    return w, mistakes


# %% wrong perceptron_rule: eta ignored in training
# thinks: the default step will do
# says: ignores eta
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), []
    for _ in range(epochs):
        count = 0
        for one, label in zip(x, y):
            count += int(label * (w @ one) <= 0)
            w = perceptron_step(w, one, label, 1.0)
        mistakes.append(count)
        if count == 0:
            break
    return w, mistakes


# %% wrong perceptron_rule: trains until it is clean
# thinks: the perceptron always finishes
# says: after one pass
# hidden says: did not finish
def train_perceptron(x, y, eta, epochs):
    w, mistakes = np.zeros(x.shape[1]), [1]
    while mistakes[-1]:
        mistakes.append(0)
        for one, label in zip(x, y):
            mistakes[-1] += int(label * (w @ one) <= 0)
            w = perceptron_step(w, one, label, eta)
    return w, mistakes[1:]


# %% right mistake_bound: loops
def radius_and_margin(w, x, y):
    length = sum(v**2 for v in w) ** 0.5
    radius, margin = 0.0, float("inf")
    for row, label in zip(x, y):
        radius = max(radius, sum(v**2 for v in row) ** 0.5)
        margin = min(margin, label * sum(a * b for a, b in zip(w, row)) / length)
    return radius, margin


def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return radius**2 / margin**2 if margin > 0 else float("inf")


# %% right mistake_bound: unit vector first
def radius_and_margin(w, x, y):
    unit = w / np.sqrt(w @ w)
    return np.sqrt(np.max(np.einsum("nd,nd->n", x, x))), np.min((x * y[:, None]) @ unit)


def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(10 * w, x, y)
    return np.inf if margin <= 0 else np.exp(2 * (np.log(radius) - np.log(margin)))


# %% wrong mistake_bound: only the margin squared
# thinks: the bound is M / delta ** 2, as in some notes
# says: only the margin
def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return np.inf if margin <= 0 else radius / margin**2


# %% wrong mistake_bound: margin not divided
# thinks: the score is a distance
# says: divide by the length of w
def radius_and_margin(w, x, y):
    return np.linalg.norm(x, axis=1).max(), (y * (x @ w)).min()


# %% wrong mistake_bound: labels forgotten
# thinks: the score says how far, the label does not matter
# says: forgets the labels
def radius_and_margin(w, x, y):
    return np.linalg.norm(x, axis=1).max(), (x @ w).min() / np.linalg.norm(w)


# %% wrong mistake_bound: absolute values
# thinks: distances are never negative
# says: hides a mistake
def radius_and_margin(w, x, y):
    return np.linalg.norm(x, axis=1).max(), np.abs(x @ w).min() / np.linalg.norm(w)


# %% wrong mistake_bound: cut off at zero
# thinks: the margin of a wrong side is zero
# says: hides a mistake
def radius_and_margin(w, x, y):
    return np.linalg.norm(x, axis=1).max(), max(0.0, (y * (x @ w)).min() / np.linalg.norm(w))


# %% wrong mistake_bound: average margin
# thinks: the margin describes the whole set, so it is a mean
# says: not to the average one
def radius_and_margin(w, x, y):
    return np.linalg.norm(x, axis=1).max(), (y * (x @ w)).mean() / np.linalg.norm(w)


# %% wrong mistake_bound: squared radius
# thinks: the root does not matter
# says: not its square
def radius_and_margin(w, x, y):
    return (x**2).sum(axis=1).max(), (y * (x @ w)).min() / np.linalg.norm(w)


# %% wrong mistake_bound: largest entry
# thinks: the largest number in the table is the radius
# says: not the largest entry
# hidden says: not the largest
def radius_and_margin(w, x, y):
    return x.max(), (y * (x @ w)).min() / np.linalg.norm(w)


# %% wrong mistake_bound: largest coordinate
# thinks: the radius is the largest number in the table
# says: largest coordinate
def radius_and_margin(w, x, y):
    return np.abs(x).max(), (y * (x @ w)).min() / np.linalg.norm(w)


# %% wrong mistake_bound: norm of the whole table
# thinks: np.linalg.norm takes the norm of each row
# says: of the whole table
def radius_and_margin(w, x, y):
    return np.linalg.norm(x), (y * (x @ w)).min() / np.linalg.norm(w)


# %% wrong mistake_bound: squared away
# thinks: the formula holds for every w
# says: does not separate
def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return (radius / margin) ** 2


# %% wrong mistake_bound: no square
# thinks: the bound is the ratio
# says: the square
def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return np.inf if margin <= 0 else radius / margin


# %% wrong mistake_bound: upside down
# thinks: a larger margin means more mistakes
# says: upside down
def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return np.inf if margin <= 0 else (margin / radius) ** 2


# %% wrong mistake_bound: always infinite
# thinks: infinity is always a bound
# says: although w separates
# hidden says: inf
def mistake_bound(w, x, y):
    return np.inf


# %% wrong mistake_bound: whole mistakes
# thinks: a bound on a count must be a whole number
# says: do not round
def mistake_bound(w, x, y):
    radius, margin = radius_and_margin(w, x, y)
    return np.inf if margin <= 0 else int((radius / margin) ** 2)


# %% right surrogate_losses: number by number
def surrogate(kind, m):
    loss, slope = [], []
    for v in m:
        if kind == "logistic":
            loss.append(max(0.0, -v) + np.log1p(np.exp(-abs(v))))
            slope.append(-1 / (1 + np.exp(v)) if v < 0 else -np.exp(-v) / (1 + np.exp(-v)))
        else:
            edge = 1.0 if kind == "hinge" else 0.0
            loss.append(max(0.0, edge - v))
            slope.append(-1.0 if v <= edge else 0.0)
    return np.array(loss), np.array(slope)


def loss_gradient(kind, w, x, y):
    total = np.zeros(len(w))
    for row, label in zip(x, y):
        total += surrogate(kind, [label * (w @ row)])[1][0] * label * row
    return total / len(x)


# %% right surrogate_losses: other formulas
def surrogate(kind, m):
    if kind == "perceptron":
        return (np.abs(m) - m) / 2, -(m <= 0).astype(float)
    if kind == "hinge":
        return np.clip(1 - m, 0, None), -np.heaviside(1 - m, 0.5)
    return np.logaddexp(0, -m), (np.tanh(m / 2) - 1) / 2


def loss_gradient(kind, w, x, y):
    return np.mean((surrogate(kind, y * (x @ w))[1] * y)[:, None] * x, axis=0)


# %% wrong surrogate_losses: minus forgotten
# thinks: the loss grows with the score
# says: punishes right answers
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, m), np.where(m >= 0, 1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 + m), np.where(m > -1, 1.0, 0.0)
    return np.logaddexp(0, m), 1 / (1 + np.exp(-m))


# %% wrong surrogate_losses: hinge without margin
# thinks: hinge is another name of the perceptron loss
# says: the perceptron loss here
# hidden says: the hinge loss is the perceptron loss
def surrogate(kind, m):
    if kind == "logistic":
        return np.logaddexp(0, -m), -np.exp(-np.logaddexp(0, m))
    return np.maximum(0, -m), np.where(m <= 0, -1.0, 0.0)


# %% wrong surrogate_losses: perceptron with margin
# thinks: the perceptron asks for room as well
# says: the hinge loss here
# hidden says: the perceptron loss is the hinge loss
def surrogate(kind, m):
    if kind == "logistic":
        return np.logaddexp(0, -m), -np.exp(-np.logaddexp(0, m))
    return np.maximum(0, 1 - m), np.where(m < 1, -1.0, 0.0)


# %% wrong surrogate_losses: slopes with the sign of the step
# thinks: the slope is the direction one walks in
# says: has the wrong sign
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, -m), np.where(m <= 0, 1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m < 1, 1.0, 0.0)
    return np.logaddexp(0, -m), np.exp(-np.logaddexp(0, m))


# %% wrong surrogate_losses: hinge slope only for mistakes
# thinks: right answers never move the weights
# says: stops at m = 0
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, -m), np.where(m <= 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m <= 0, -1.0, 0.0)
    return np.logaddexp(0, -m), -np.exp(-np.logaddexp(0, m))


# %% wrong surrogate_losses: slope zero at the corner
# thinks: a perceptron score of zero costs nothing, so nothing is to do
# says: must be -1
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, -m), np.where(m < 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m < 1, -1.0, 0.0)
    return np.logaddexp(0, -m), -np.exp(-np.logaddexp(0, m))


# %% wrong surrogate_losses: overflow
# thinks: the formula can be typed as it stands
# says: np.logaddexp
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, -m), np.where(m <= 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m < 1, -1.0, 0.0)
    return np.log(1 + np.exp(-m)), -np.exp(-m) / (1 + np.exp(-m))


# %% wrong surrogate_losses: base two
# thinks: any logarithm will do
# says: to base 2
def surrogate(kind, m):
    if kind == "perceptron":
        return np.maximum(0, -m), np.where(m <= 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m < 1, -1.0, 0.0)
    return np.logaddexp(0, -m) / np.log(2), -np.exp(-np.logaddexp(0, m)) / np.log(2)


# %% wrong surrogate_losses: counts mistakes
# thinks: the perceptron loss is the number of mistakes
# says: counts mistakes
def surrogate(kind, m):
    if kind == "perceptron":
        return (m <= 0).astype(float), np.where(m <= 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0, 1 - m), np.where(m < 1, -1.0, 0.0)
    return np.logaddexp(0, -m), -np.exp(-np.logaddexp(0, m))


# %% wrong surrogate_losses: sum instead of mean
# thinks: a constant factor does not matter
# says: gradient of the sum
def loss_gradient(kind, w, x, y):
    return (surrogate(kind, y * (x @ w))[1] * y) @ x


# %% wrong surrogate_losses: labels forgotten in the gradient
# thinks: dm/dw is x
# says: forgets the labels
def loss_gradient(kind, w, x, y):
    return surrogate(kind, y * (x @ w))[1] @ x / len(y)


# %% wrong surrogate_losses: downhill
# thinks: the gradient is the direction of the step
# says: points downhill
def loss_gradient(kind, w, x, y):
    return -(surrogate(kind, y * (x @ w))[1] * y) @ x / len(y)


# %% wrong surrogate_losses: gradient of the scores
# thinks: the loss looks at the score, not at the margin value
# says: loss_gradient
def loss_gradient(kind, w, x, y):
    return (surrogate(kind, x @ w)[1] * y) @ x / len(y)


# %% right multiclass: loops
def predict_class(w, x):
    winners = []
    for one in x:
        best = 0
        for k in range(1, len(w)):
            if w[k] @ one > w[best] @ one:
                best = k
        winners.append(best)
    return winners


def multiclass_step(w, x, y):
    others = [k for k in range(len(w)) if k != y]
    rival = max(others, key=lambda k: w[k] @ x)
    new = [row.copy() for row in w]
    if w[y] @ x <= w[rival] @ x:
        new[y] = w[y] + x
        new[rival] = w[rival] - x
    return new


# %% right multiclass: one outer product
def predict_class(w, x):
    return (w @ x.T).argmax(axis=0)


def multiclass_step(w, x, y):
    scores = w @ x
    masked = np.where(np.arange(len(w)) == y, -np.inf, scores)
    push = np.eye(len(w))[y] - np.eye(len(w))[masked.argmax()]
    return w + np.outer(push, x) * (scores[y] <= masked.max())


# %% wrong multiclass: smallest score
# thinks: scores are distances
# says: smallest score
def predict_class(w, x):
    return np.argmin(x @ w.T, axis=1)


# %% wrong multiclass: the score itself
# thinks: max returns the winner
# says: returns the score
def predict_class(w, x):
    return np.max(x @ w.T, axis=1)


# %% wrong multiclass: counts from one
# thinks: the first class is class 1
# says: from 1
def predict_class(w, x):
    return np.argmax(x @ w.T, axis=1) + 1


# %% wrong multiclass: argmax over examples
# thinks: axis 0 runs over classes
# says: predict_class
def predict_class(w, x):
    return np.argmax(x @ w.T, axis=0)


# %% wrong multiclass: only pulls up
# thinks: rewarding the true class is enough
# says: only pulls the true class up
def multiclass_step(w, x, y):
    w = w.copy()
    scores = w @ x
    if scores[y] <= np.delete(scores, y).max():
        w[y] += x
    return w


# %% wrong multiclass: only pushes down
# thinks: punishing the winner is enough
# says: only pushes the rival down
def multiclass_step(w, x, y):
    w = w.copy()
    scores = np.where(np.arange(len(w)) == y, -np.inf, w @ x)
    if w[y] @ x <= scores.max():
        w[scores.argmax()] -= x
    return w


# %% wrong multiclass: pushes all others down
# thinks: all other classes are rivals
# says: all other classes down
def multiclass_step(w, x, y):
    w = w.copy()
    scores = w @ x
    if scores[y] <= np.delete(scores, y).max():
        w -= x
        w[y] += 2 * x
    return w


# %% wrong multiclass: ties are fine
# thinks: argmax equal to the label is enough
# says: a tie is a mistake
def multiclass_step(w, x, y):
    w = w.copy()
    winner = np.argmax(w @ x)
    if winner != y:
        w[y] += x
        w[winner] -= x
    return w


# %% wrong multiclass: always updates
# thinks: every example teaches something
# says: although the true class wins
def multiclass_step(w, x, y):
    w = w.copy()
    scores = np.where(np.arange(len(w)) == y, -np.inf, w @ x)
    w[y] += x
    w[scores.argmax()] -= x
    return w


# %% wrong multiclass: signs swapped
# thinks: the winner is strengthened
# says: the wrong way round
def multiclass_step(w, x, y):
    w = w.copy()
    scores = np.where(np.arange(len(w)) == y, -np.inf, w @ x)
    if w[y] @ x <= scores.max():
        w[y] -= x
        w[scores.argmax()] += x
    return w


# %% wrong multiclass: in place
# thinks: the caller wants its own array changed
# says: in place
def multiclass_step(w, x, y):
    scores = np.where(np.arange(len(w)) == y, -np.inf, w @ x)
    if w[y] @ x <= scores.max():
        w[y] += x
        w[scores.argmax()] -= x
    return w


# %% right kernel: loops
def polynomial_kernel(a, b, degree):
    return [[(1 + sum(p * q for p, q in zip(one, other))) ** degree for other in b] for one in a]


def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = [0] * len(y), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            score = sum(alpha[j] * y[j] * k[j][i] for j in range(len(y)))
            if y[i] * score <= 0:
                alpha[i] += 1
                count += 1
        mistakes.append(count)
        if not count:
            break
    return alpha, mistakes


# %% right kernel: keeps the scores up to date
def polynomial_kernel(a, b, degree):
    one_more = lambda x: np.hstack([np.ones((len(x), 1)), x])
    return np.power(one_more(a) @ one_more(b).T, degree)


def train_kernel_perceptron(k, y, epochs):
    alpha, scores, mistakes = np.zeros(len(y), dtype=int), np.zeros(len(y)), []
    for _ in range(epochs):
        before = alpha.sum()
        for i in range(len(y)):
            if y[i] * scores[i] <= 0:
                alpha[i] += 1
                scores = scores + y[i] * k[i]
        mistakes.append(alpha.sum() - before)
        if mistakes[-1] == 0:
            break
    return alpha, mistakes


# %% wrong kernel: no one
# thinks: the 1 is decoration
# says: lacks the 1
def polynomial_kernel(a, b, degree):
    return (a @ b.T) ** degree


# %% wrong kernel: power inside
# thinks: 1 + (a.b) ** d is the same
# says: too early
def polynomial_kernel(a, b, degree):
    return 1 + (a @ b.T) ** degree


# %% wrong kernel: times the degree
# thinks: ** is *
# says: multiplies by the degree
def polynomial_kernel(a, b, degree):
    return (1 + a @ b.T) * degree


# %% wrong kernel: always degree two
# thinks: XOR needs 2, so 2 it is
# says: always uses degree 2
def polynomial_kernel(a, b, degree):
    return (1 + a @ b.T) ** 2


# %% wrong kernel: row by row
# thinks: a and b come in pairs
# says: should have shape
# hidden says: polynomial_kernel
def polynomial_kernel(a, b, degree):
    n = min(len(a), len(b))
    return (1 + np.sum(a[:n] * b[:n], axis=1)) ** degree


# %% wrong kernel: strict inequality
# thinks: a score of zero is not a mistake
# says: never updates
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ (alpha * y)) < 0:
                alpha[i] += 1
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return alpha, mistakes


# %% wrong kernel: labels inside alpha
# thinks: alpha carries the sign
# says: alpha holds labels
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ alpha) <= 0:
                alpha[i] += y[i]
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return alpha, mistakes


# %% wrong kernel: labels left out of the score
# thinks: counts alone make the score
# says: alpha
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ alpha) <= 0:
                alpha[i] += 1
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return alpha, mistakes


# %% wrong kernel: marks instead of counts
# thinks: an example is wrong or it is not
# says: alpha
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ (alpha * y)) <= 0:
                alpha[i] = 1
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return alpha, mistakes


# %% wrong kernel: one alpha for a whole pass
# thinks: the pass is a batch
# says: is not right
# hidden says: alpha is not right
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        bad = y * (k @ (alpha * y)) <= 0
        alpha = alpha + bad
        mistakes.append(int(bad.sum()))
        if not bad.any():
            break
    return alpha, mistakes


# %% wrong kernel: clean pass not noted
# thinks: a pass without mistakes is no pass
# says: lacks the last
def train_kernel_perceptron(k, y, epochs):
    alpha, mistakes = np.zeros(len(y)), []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ (alpha * y)) <= 0:
                alpha[i] += 1
                count += 1
        if count == 0:
            break
        mistakes.append(count)
    return alpha, mistakes
