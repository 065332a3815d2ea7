# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Assignment 2: Layers
#
# You stack units into a network, see what a stack can do that one unit cannot, build one by hand for any pattern and any
# curve, and write the functions that every network ends in.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | two layers, and their collapse into one | 4 |
# | 2 | a network that knows any list of patterns | 4 |
# | 3 | bumps that draw any curve | 4 |
# | 4 | four activations and their slopes | 5 |
# | 5 | softmax and two losses | 5 |
# | 6 | maxout, and the ReLU inside it | 4 |
# | 7 | a judgement, in words | 4 |
#
# It takes 60 to 90 minutes. Read chapter 2 first.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change an argument, use no random numbers, read no other variable.
# - Any correct way of writing it is right. Loops are fine. Extra cells and helper functions are fine too, and so is
#   calling your functions of earlier exercises.
# - Keep the names and the order of the arguments. Leave the check cells as they are.
# - Each call must finish within 4 seconds.
# - Write it with NumPy: `course_utils.scratch` and torch are not there when your work is graded.
#
# A layer with $H$ units on $D$ inputs has weights `w` of shape (H, D), one row a unit, and biases `b` of shape (H,). Inputs
# come in batches, `x` of shape (N, D), one row an example. The formulas below are for one example: there $x$ is a column, and
# the weights stand on its left. In a batch it is a row: write the shapes under each other before you write the product.
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np

# %% [markdown] nbgrader={"grade": false, "grade_id": "two_layers_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: two layers, and none
#
# The first layer computes $H$ numbers of each input, the **hidden** ones. Each goes through an activation $f$, and a second layer
# computes the outputs from them:
#
# $$ z = f(W_1 x + b_1), \qquad y = W_2 z + b_2 $$
#
# Leave $f$ out and look again: $W_2 (W_1 x + b_1) + b_2$ is one matrix times $x$, plus one vector. However many linear layers
# you stack, one does the same.
#
# > **Predict.** XOR: can a network of two layers *without* an activation between them compute it? With 1,000 hidden units?
#
# **Why it matters.** Without an activation, depth computes nothing that one layer could not.
#
# **Write** `two_layers`, with tanh between the layers, and `collapse`: the one layer that does what two linear ones do.


# %% nbgrader={"grade": false, "grade_id": "two_layers_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def two_layers(x, w1, b1, w2, b2):
    """A network with one hidden layer and tanh.

    x: shape (N, D).  w1: (H, D).  b1: (H,).  w2: (K, H).  b2: (K,).
    Returns shape (N, K).
    """
    ### BEGIN SOLUTION
    return np.tanh(x @ w1.T + b1) @ w2.T + b2
    ### END SOLUTION


def collapse(w1, b1, w2, b2):
    """The one layer that computes the same as two layers without an activation.

    w1, b1, w2, b2: as above.
    Returns w, b: shapes (K, D) and (K,).
    """
    ### BEGIN SOLUTION
    return w2 @ w1, w2 @ b1 + b2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "two_layers", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.two_layers(two_layers, collapse)

# %% [markdown] nbgrader={"grade": false, "grade_id": "patterns_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: one unit a pattern
#
# Inputs are patterns of $D$ signs, $-1$ or $+1$. Units fire by sign: $z = +1$ if the sum is **0 or above**, and $-1$ below.
#
# Build a network that says $+1$ for the patterns on a list and $-1$ for all others. Give each pattern $p$ on the list a unit of its own, and ask:
# for which inputs is $p \cdot x$ largest, and how large is it there? How large is it for the next best input? The output unit is an **OR**: it
# fires when at least one hidden unit does.
#
# $$ z_m = \operatorname{sign}(w_m \cdot x + b_m), \qquad y = \operatorname{sign}(v \cdot z + c) $$
#
# > **Predict.** $D = 10$. How many hidden units does this recipe need for the longest list there is?
#
# **Why it matters.** So two layers can compute *every* function of binary inputs. The price is the second lesson: a unit for each pattern is learning
# by heart.
#
# **Write** `pattern_network`. A silent hidden unit counts $-1$ in the sum of the output unit, not 0: how large is that sum when none fires, and
# when one does? Any weights that work are right. Every row of `patterns` is different from the others, and there is at least one.


# %% nbgrader={"grade": false, "grade_id": "patterns_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pattern_network(patterns):
    """Weights of a network of signs that fires for the listed patterns, and for no other.

    patterns: signs -1 or +1, shape (M, D), one row a pattern.
    Returns w, b, v, c: shapes (M, D), (M,), (M,), and one number.
    """
    ### BEGIN SOLUTION
    m, d = patterns.shape
    return patterns.astype(float), np.full(m, -float(d)), np.ones(m), m - 1.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "patterns", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.patterns(pattern_network)

# %% [markdown] nbgrader={"grade": false, "grade_id": "bumps_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: draw a curve
#
# The sigmoid $\sigma(a) = 1 / (1 + e^{-a})$ of a steep line is a soft step: $\sigma(k\,(x - l))$ rises from 0 to 1 at $l$. A step up at
# $l$ and a step down at $r$ make a **bump** of height $h$:
#
# $$ \text{bump}(x) = h \, \big( \sigma(k\,(x - l)) - \sigma(k\,(x - r)) \big) $$
#
# Two hidden units, and the network owns a piece of the axis. Put bumps side by side, each as high as the curve is there, and you have drawn it: with
# edges $e_0 < e_1 < \dots < e_n$, bump $i$ lies between $e_i$ and $e_{i+1}$.
#
# **Why it matters.** This is the universal approximation theorem, built by hand instead of proven: more bumps, smaller error. It says
# that the weights *exist*. It does not say that training finds them, or how many units a picture would need.
#
# **Write** `bump` and `draw_curve`. Steepness times distance can be 1000 and more: the sigmoid has to come out as a number there, not as NaN.
# One way that never overflows is $\sigma(a) = \big(1 + \tanh(a / 2)\big) / 2$. (A warning of NumPy's costs nothing as long as the number is right.)


# %% nbgrader={"grade": false, "grade_id": "bumps_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bump(x, left, right, height, steepness):
    """A bump made of two sigmoids.

    x: places, shape (N,).  left, right: its edges.  height: its height.  steepness: k, above 0.
    Returns shape (N,).
    """
    ### BEGIN SOLUTION
    up = (1 + np.tanh(steepness * (x - left) / 2)) / 2
    down = (1 + np.tanh(steepness * (x - right) / 2)) / 2
    return height * (up - down)
    ### END SOLUTION


def draw_curve(x, edges, heights, steepness):
    """Bumps side by side.

    x: places, shape (N,).  edges: rising, shape (n + 1,).  heights: of the bumps, shape (n,).  steepness: k.
    Returns shape (N,).
    """
    ### BEGIN SOLUTION
    return sum(bump(x, edges[i], edges[i + 1], heights[i], steepness) for i in range(len(heights)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bumps", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.bumps(bump, draw_curve)

# %% [markdown] nbgrader={"grade": false, "grade_id": "bumps_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** You take twice as many bumps, each half as wide. What becomes of the largest error?
#
# See your bumps draw a sine, with 5 bumps, with 10 and with 40. The titles say how far off they are at most, away from the two ends: there half a
# step is missing, because no bump stands outside.

# %% nbgrader={"grade": false, "grade_id": "bumps_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.sine(draw_curve)

# %% [markdown] nbgrader={"grade": false, "grade_id": "activations_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: activations and their slopes
#
# | kind | value | slope |
# |---|---|---|
# | `"sigmoid"` | $\sigma(a) = 1 / (1 + e^{-a})$ | $\sigma\,(1 - \sigma)$ |
# | `"tanh"` | $\tanh(a)$ | $1 - \tanh^2(a)$ |
# | `"relu"` | $\max(0, a)$ | 1 above 0, else 0 |
# | `"leaky_relu"` | $a$ above 0, else $0.01\,a$ | 1 above 0, else 0.01 |
#
# At $a = 0$ the two with a corner take the slope of the left side, 0 and 0.01.
#
# > **Predict.** Where is the slope of the sigmoid largest, and how large is it there? What is left of a signal that passed ten of them?
#
# **Why it matters.** Learning flows through the slopes. Where they are zero nothing flows: a saturated sigmoid, a dead ReLU.
#
# **Write** `activation`. At $a = -1000$ and $a = 1000$, too, value and slope have to be right, as in exercise 3.


# %% nbgrader={"grade": false, "grade_id": "activations_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def activation(kind, a):
    """Value and slope of an activation.

    kind: "sigmoid", "tanh", "relu" or "leaky_relu".  a: any shape.
    Returns value, slope: two arrays of the shape of a.
    """
    ### BEGIN SOLUTION
    if kind == "sigmoid":
        value = (1 + np.tanh(a / 2)) / 2
        return value, value * (1 - value)
    if kind == "tanh":
        value = np.tanh(a)
        return value, 1 - value**2
    leak = 0.0 if kind == "relu" else 0.01
    return np.where(a > 0, a, leak * a), np.where(a > 0, 1.0, leak)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "activations", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.activations(activation)

# %% [markdown] nbgrader={"grade": false, "grade_id": "losses_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: the end of a network
#
# For a choice among $C$ classes, the softmax turns scores into probabilities, and the loss is the mean surprise about the right classes:
#
# $$ p_{nc} = \frac{e^{s_{nc}}}{\sum_k e^{s_{nk}}}, \qquad L = -\frac{1}{N} \sum_n \ln p_{n y_n} $$
#
# For numbers, the loss is the mean squared error, and its slope says which way to correct each number:
#
# $$ L = \frac{1}{N} \sum_n (\hat y_n - y_n)^2, \qquad \frac{\partial L}{\partial \hat y_n} = \frac{2\,(\hat y_n - y_n)}{N} $$
#
# Scores in the thousands happen. $e^{1000}$ does not fit into the computer; subtract the largest score of each row first: that changes no probability. And a
# probability can round to 0, where the logarithm ends. So the loss does not go through the softmax: put its formula into the logarithm on paper,
# $\ln p_{nc} = s_{nc} - \ln \sum_k e^{s_{nk}}$, and subtract the largest score there.
#
# > **Predict.** A network that knows nothing yet gives the same score to all of 10 classes. How large is the loss?
#
# **Why it matters.** The loss is the only thing a network is ever told. Everything it learns, it learns from this number's slope.
#
# **Write** `softmax`, `cross_entropy` and `squared_error`.


# %% nbgrader={"grade": false, "grade_id": "losses_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softmax(s):
    """Probabilities of the classes.

    s: scores, shape (N, C).
    Returns shape (N, C); each row sums to 1.
    """
    ### BEGIN SOLUTION
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
    ### END SOLUTION


def cross_entropy(s, y):
    """Mean surprise about the right classes.

    s: scores, shape (N, C).  y: the right classes, whole numbers 0 to C - 1, shape (N,).
    Returns one number.
    """
    ### BEGIN SOLUTION
    shifted = s - s.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return (log_sum - shifted[np.arange(len(y)), y]).mean()
    ### END SOLUTION


def squared_error(prediction, target):
    """Mean squared error, and its slope along each prediction.

    prediction, target: shape (N,).
    Returns loss, slope: one number, and an array of shape (N,).
    """
    ### BEGIN SOLUTION
    error = prediction - target
    return (error**2).mean(), 2 * error / len(error)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "losses", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.losses(softmax, cross_entropy, squared_error)

# %% [markdown] nbgrader={"grade": false, "grade_id": "maxout_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: maxout
#
# A **maxout** unit has no fixed activation. It has $k$ linear pieces and answers with the largest:
#
# $$ z_h = \max_{j = 1 \dots k} \; \big( w_{jh} \cdot x + b_{jh} \big) $$
#
# It learns its own activation, at $k$ times the weights. The ReLU is a special case with two pieces, one of which never changes.
#
# > **Predict.** Two pieces: can a maxout unit be the absolute value? A parabola?
#
# **Why it matters.** Two ways of building a unit turn out to be one family. Knowing that saves you from believing in magic activations.
#
# **Write** `maxout`, and `relu_as_maxout`: the weights of the maxout layer that does exactly what a ReLU layer with `w` and `b` does.


# %% nbgrader={"grade": false, "grade_id": "maxout_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def maxout(x, w, b):
    """A layer of maxout units.

    x: shape (N, D).  w: shape (k, H, D), k pieces for each of H units.  b: shape (k, H).
    Returns shape (N, H).
    """
    ### BEGIN SOLUTION
    pieces = np.einsum("nd,khd->knh", x, w) + b[:, None, :]
    return pieces.max(axis=0)
    ### END SOLUTION


def relu_as_maxout(w, b):
    """The maxout layer that equals a ReLU layer.

    w: weights of the ReLU layer, shape (H, D).  b: its biases, shape (H,).
    Returns w2, b2: shapes (2, H, D) and (2, H).
    """
    ### BEGIN SOLUTION
    return np.stack([w, np.zeros_like(w)]), np.stack([b, np.zeros_like(b)])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "maxout", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.maxout(maxout, relu_as_maxout)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: judge a claim
#
# A fellow student has notes that say:
#
# > *A network with one hidden layer approximates any continuous function on an interval as well as we like, if it has enough hidden units. All it takes is
# > that the activation is not linear. So $f(a) = a^2$ will do: $\sum_h v_h\,(w_h x + b_h)^2 + c$ comes as close to any curve as we like, if only there are enough units.*
#
# Is that so? In at most 150 words: give your verdict, say what such a sum always is, show with numbers a curve that it cannot come close to (four
# points can be enough), and say what to change so that the statement is right.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# The claim is false. Multiply out: $v_h (w_h x + b_h)^2 = v_h w_h^2 x^2 + 2 v_h w_h b_h x + v_h b_h^2$. The sum over any number of units is
# again $A x^2 + B x + C$: a parabola, with three numbers, whatever the width.
#
# For every parabola $q$ the third difference $q(3) - 3 q(2) + 3 q(1) - q(0)$ is 0. Take a curve with the values $0, 1, -1, 0$ at $x = 0, 1, 2, 3$. Its third difference is
# $0 + 3 + 3 - 0 = 6$. If $q$ were within $\epsilon$ of it at these four points, the third difference could be off by at most
# $(1 + 3 + 3 + 1)\,\epsilon = 8 \epsilon$. So $\epsilon \ge 6 / 8 = 0.75$, with a million units, too.
#
# The first sentence holds for the right activations. Not being linear is not enough: a continuous activation has to be **no polynomial**, such as a sigmoid, tanh or ReLU.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `02_mlp.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
