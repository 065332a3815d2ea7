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
# # Assignment 1: The perceptron
#
# You build the first learning machine from nothing, prove to yourself that it stops, and make it do what its
# critics said it could not.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | a threshold unit, and logic from it | 3 |
# | 2 | the perceptron rule and its training loop | 6 |
# | 3 | radius, margin, and the most mistakes it can make | 4 |
# | 4 | three losses and their slopes | 4 |
# | 5 | a perceptron for many classes | 5 |
# | 6 | a perceptron that solves XOR | 4 |
# | 7 | a judgement, in words | 4 |
#
# It takes 60 to 90 minutes. Read chapter 1 first; exercises 4 and 6 use chapter 1b as well.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change an argument, use no random numbers, read no other variable.
# - Any correct way of writing it is right. Loops are fine. Extra cells and helper functions are fine too.
# - Keep the names and the order of the arguments. Leave the check cells as they are.
# - Each call must finish within 4 seconds; a correct solution takes milliseconds.
# - Write the perceptron yourself: `course_utils.scratch` is not there when your work is graded.
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np

# %% [markdown] nbgrader={"grade": false, "grade_id": "threshold_unit_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: one unit, four gates
#
# A threshold unit weighs its inputs, adds a bias, and fires when the sum is **above zero**:
#
# $$ z = \begin{cases} 1 & \text{if } w \cdot x + b > 0 \\ 0 & \text{otherwise} \end{cases} $$
#
# The bias is minus the threshold: with $b = -1.5$ the weighted inputs must exceed $1.5$. A sum of exactly zero
# does not fire.
#
# **Why it matters.** Every network in this course is made of such units with a softer threshold. The bias is the
# part people forget, and without it a unit cannot even say "yes" to an input of zeros.
#
# **Write** `threshold_unit`, for many inputs at once. Then choose numbers by hand in `gate`, so that the unit
# computes these truth tables:
#
# | $x_1$ | $x_2$ | AND | OR | NAND |
# |---|---|---|---|---|
# | 0 | 0 | 0 | 0 | 1 |
# | 0 | 1 | 0 | 1 | 1 |
# | 1 | 0 | 0 | 1 | 1 |
# | 1 | 1 | 1 | 1 | 0 |
#
# NOT has one input: it turns 0 into 1 and 1 into 0. Any numbers that work are right.


# %% nbgrader={"grade": false, "grade_id": "threshold_unit_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def threshold_unit(x, w, b):
    """Fire (1) where w.x + b > 0, stay silent (0) elsewhere.

    x: inputs, shape (N, D).  w: weights, shape (D,).  b: bias, one number.
    Returns an array of zeros and ones, shape (N,).
    """
    ### BEGIN SOLUTION
    return (x @ w + b > 0).astype(int)
    ### END SOLUTION


def gate(name):
    """Weights and bias of the unit that computes a gate.

    name: "AND", "OR", "NAND" (two inputs) or "NOT" (one input).
    Returns w, b: an array of shape (2,), or (1,) for NOT, and a number.
    """
    ### BEGIN SOLUTION
    gates = {
        "AND": ([1.0, 1.0], -1.5),
        "OR": ([1.0, 1.0], -0.5),
        "NAND": ([-1.0, -1.0], 1.5),
        "NOT": ([-1.0], 0.5),
    }
    w, b = gates[name]
    return np.array(w), b
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "threshold_unit", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.threshold_unit(threshold_unit, gate)

# %% [markdown] nbgrader={"grade": false, "grade_id": "perceptron_rule_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: the rule that learns
#
# From here on labels are $y = -1$ or $y = +1$, and the bias is folded into the weights: every input ends with a
# constant 1, so $w \cdot x$ is the whole score.
#
# The product $y\, (w \cdot x)$ is positive when the sign of the score agrees with the label. The perceptron looks
# at one example at a time and changes its weights only when it made a **mistake**:
#
# $$ \text{if } y\,(w \cdot x) \le 0: \qquad w' = w + \eta\, y\, x $$
#
# A score of exactly zero takes no side, so it counts as a mistake.
#
# > **Predict.** Training starts at $w = 0$. What would happen if the condition were $y\,(w \cdot x) < 0$?
#
# **Why it matters.** This is stochastic gradient descent on a simple loss (exercise 4 shows which): the networks of
# later chapters learn by the same loop.
#
# **Write** `perceptron_step`, one look at one example, and `train_perceptron`, the loop:
#
# 1. start at $w = 0$;
# 2. go through the examples in the order in which they are stored, one step each, and count the mistakes;
# 3. write the count down; stop after the first pass without a mistake, or after `epochs` passes.


# %% nbgrader={"grade": false, "grade_id": "perceptron_rule_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def perceptron_step(w, x, y, eta):
    """One look at one example.

    w: weights, shape (D,).  x: one input, shape (D,).  y: its label, -1 or +1.  eta: step size, above 0.
    Returns the new weights, shape (D,); equal to w if the example was right.
    """
    ### BEGIN SOLUTION
    if y * (w @ x) <= 0:
        return w + eta * y * x
    return w.copy()
    ### END SOLUTION


def train_perceptron(x, y, eta, epochs):
    """Train from w = 0 until a pass without mistakes, or for `epochs` passes.

    x: inputs, shape (N, D).  y: labels -1 or +1, shape (N,).  eta: step size.  epochs: most passes.
    Returns w, mistakes: the weights, shape (D,), and a list with the number of mistakes in each pass made.
    """
    ### BEGIN SOLUTION
    w = np.zeros(x.shape[1])
    mistakes = []
    for _ in range(epochs):
        count = 0
        for one_x, one_y in zip(x, y):
            if one_y * (w @ one_x) <= 0:
                count += 1
            w = perceptron_step(w, one_x, one_y, eta)
        mistakes.append(count)
        if count == 0:
            break
    return w, mistakes
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "perceptron_rule", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.perceptron_rule(perceptron_step, train_perceptron)

# %% [markdown] nbgrader={"grade": false, "grade_id": "perceptron_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# See what you built: the line after each pass, from pale to dark. Each mistake turns it a little.

# %% nbgrader={"grade": false, "grade_id": "perceptron_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.training(train_perceptron)

# %% [markdown] nbgrader={"grade": false, "grade_id": "mistake_bound_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: why it must stop
#
# Two numbers decide how hard a data set is:
#
# - its **radius** $R = \max_i \lVert x_i \rVert$, the length of the longest input;
# - the **margin** of a separating $w$: the distance from its line to the nearest example,
#   $\delta = \min_i \; y_i\, (w \cdot x_i) / \lVert w \rVert$. If some example is on the wrong side, it is negative.
#
# Each mistake makes $w$ point more along the separating direction, by at least $\delta$, while its squared length
# grows by at most $R^2$. After $t$ mistakes from $w = 0$ both must hold, $t\,\delta \le \lVert w \rVert \le \sqrt{t}\,R$,
# and so
#
# $$ t \le \left( \frac{R}{\delta} \right)^2 . $$
#
# **Why it matters.** It is the first theorem about a learning machine: no matter how many examples there are, and
# in which order they come, the number of mistakes has a limit that depends on two lengths alone.
#
# **Write** both functions. A `w` that does not separate the examples ($\delta \le 0$) promises nothing: the bound
# is `np.inf`. You may assume that `w` is not zero.


# %% nbgrader={"grade": false, "grade_id": "mistake_bound_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def radius_and_margin(w, x, y):
    """Radius of the inputs, and margin of w on them.

    w: weights, shape (D,), not zero.  x: inputs, shape (N, D).  y: labels -1 or +1, shape (N,).
    Returns radius, margin: two numbers; the margin is negative if an example is on the wrong side.
    """
    ### BEGIN SOLUTION
    radius = np.linalg.norm(x, axis=1).max()
    margin = (y * (x @ w)).min() / np.linalg.norm(w)
    return radius, margin
    ### END SOLUTION


def mistake_bound(w, x, y):
    """The most mistakes that training from zero can make, as far as w can tell.

    w, x, y: as above.
    Returns one number: (radius / margin) squared, or np.inf if w does not separate the examples.
    """
    ### BEGIN SOLUTION
    radius, margin = radius_and_margin(w, x, y)
    if margin <= 0:
        return np.inf
    return (radius / margin) ** 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mistake_bound", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.mistake_bound(radius_and_margin, mistake_bound)

# %% [markdown] nbgrader={"grade": false, "grade_id": "surrogate_losses_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: losses you can walk down
#
# Counting mistakes gives a staircase: flat almost everywhere, so no slope says where to go. Learning machines walk
# down a smoother loss instead. With $m = y\,(w \cdot x)$, positive for a right answer:
#
# | kind | loss $\ell(m)$ |
# |---|---|
# | `"perceptron"` | $\max(0, -m)$ |
# | `"hinge"` | $\max(0, 1 - m)$ |
# | `"logistic"` | $\ln(1 + e^{-m})$ |
#
# The slope $\ell'(m)$ is never positive: a larger $m$ is never worse. At a corner there is no one slope. For the
# perceptron at $m = 0$ use $-1$, the value that makes it learn from zero; for the hinge at $m = 1$ both $-1$ and
# $0$ are right.
#
# By the chain rule the gradient of the mean loss over $N$ examples is
#
# $$ \nabla_w \frac{1}{N} \sum_i \ell(m_i) = \frac{1}{N} \sum_i \ell'(m_i)\, y_i\, x_i . $$
#
# **Why it matters.** The three differ only in $\ell$. One choice gives Rosenblatt's rule, one the support vector
# machine, one logistic regression, which is the last layer of most networks you will train.
#
# **Write** `surrogate`, the loss and its slope, and `loss_gradient`. The logistic loss has to survive $m = -1000$,
# where $e^{-m}$ is too large for the computer (`np.logaddexp` helps).


# %% nbgrader={"grade": false, "grade_id": "surrogate_losses_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def surrogate(kind, m):
    """Loss and slope at each margin value.

    kind: "perceptron", "hinge" or "logistic".  m: values of y (w.x), shape (N,).
    Returns loss, slope: two arrays of shape (N,).
    """
    ### BEGIN SOLUTION
    if kind == "perceptron":
        return np.maximum(0.0, -m), np.where(m <= 0, -1.0, 0.0)
    if kind == "hinge":
        return np.maximum(0.0, 1.0 - m), np.where(m < 1, -1.0, 0.0)
    loss = np.logaddexp(0.0, -m)
    return loss, -np.exp(-m - loss)
    ### END SOLUTION


def loss_gradient(kind, w, x, y):
    """Gradient of the mean loss with respect to the weights.

    kind: as above.  w: weights, shape (D,).  x: inputs, shape (N, D).  y: labels -1 or +1, shape (N,).
    Returns an array of shape (D,).
    """
    ### BEGIN SOLUTION
    _, slope = surrogate(kind, y * (x @ w))
    return (slope * y) @ x / len(y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "surrogate_losses", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.surrogate_losses(surrogate, loss_gradient)

# %% [markdown] nbgrader={"grade": false, "grade_id": "multiclass_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: more than two classes
#
# Give each of $K$ classes its own row of weights. The scores of an input are $W x$, one a class, and the largest
# wins.
#
# Look at one example of class $y$. Its **rival** is the class with the largest score among the *others*. If the
# rival is at least as strong as class $y$, that is a mistake, and two rows change:
#
# $$ w_y' = w_y + x, \qquad w_\text{rival}' = w_\text{rival} - x . $$
#
# If several others share the largest score, the first of them is the rival. All other rows stay as they are.
#
# **Why it matters.** It is often said that the perceptron has no direct extension to many classes. This is it,
# and it has a mistake bound too. The paired push and pull comes back, softened, in every classifier you will train.
#
# **Write** `predict_class` and `multiclass_step`.


# %% nbgrader={"grade": false, "grade_id": "multiclass_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def predict_class(w, x):
    """The class with the largest score for each input.

    w: weights, shape (K, D), one row a class.  x: inputs, shape (N, D).
    Returns class numbers 0 to K - 1, shape (N,); the first one where scores are equal.
    """
    ### BEGIN SOLUTION
    return np.argmax(x @ w.T, axis=1)
    ### END SOLUTION


def multiclass_step(w, x, y):
    """One look at one example.

    w: weights, shape (K, D).  x: one input, shape (D,).  y: its class, 0 to K - 1.
    Returns the new weights, shape (K, D); equal to w if class y beat all others.
    """
    ### BEGIN SOLUTION
    w = w.copy()
    others = w @ x
    own = others[y]
    others[y] = -np.inf
    rival = np.argmax(others)
    if own <= others[rival]:
        w[y] += x
        w[rival] -= x
    return w
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "multiclass", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.multiclass(predict_class, multiclass_step)

# %% [markdown] nbgrader={"grade": false, "grade_id": "kernel_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: XOR after all
#
# No line separates XOR, so the perceptron of exercise 2 never stops on it. But look at what training does: it only
# ever *adds examples* to $w$. So $w = \sum_j \alpha_j y_j x_j$, where $\alpha_j$ counts the mistakes made on
# example $j$, and the score of example $i$ is
#
# $$ f_i = \sum_j \alpha_j\, y_j\, (x_j \cdot x_i) . $$
#
# The inputs appear only in products of pairs. Put any **kernel** $k(x_j, x_i)$ in place of the product, and the
# same rule works in a richer space that you never have to write down. The polynomial kernel
# $k(a, b) = (1 + a \cdot b)^d$ of degree 2 knows the product $x_1 x_2$, and that is all XOR needs.
#
# **Why it matters.** This step, counting on examples instead of storing weights, carries every linear method of
# chapter 1b past straight lines.
#
# **Write** the kernel and the training loop. As in exercise 2: start at zero, go through the examples in order, a
# score with $y_i f_i \le 0$ is a mistake, stop after the first pass without one. A mistake on example $i$ adds 1
# to $\alpha_i$.


# %% nbgrader={"grade": false, "grade_id": "kernel_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def polynomial_kernel(a, b, degree):
    """Kernel of every row of a with every row of b.

    a: shape (N, D).  b: shape (M, D).  degree: a whole number, at least 1.
    Returns (1 + a_i . b_j) ** degree for all i, j: shape (N, M).
    """
    ### BEGIN SOLUTION
    return (1.0 + a @ b.T) ** degree
    ### END SOLUTION


def train_kernel_perceptron(k, y, epochs):
    """Train from zero counts until a pass without mistakes, or for `epochs` passes.

    k: kernel of all pairs of examples, shape (N, N).  y: labels -1 or +1, shape (N,).  epochs: most passes.
    Returns alpha, mistakes: the counts, shape (N,), and a list with the number of mistakes in each pass made.
    """
    ### BEGIN SOLUTION
    alpha = np.zeros(len(y))
    mistakes = []
    for _ in range(epochs):
        count = 0
        for i in range(len(y)):
            if y[i] * (k[i] @ (alpha * y)) <= 0:
                alpha[i] += 1
                count += 1
        mistakes.append(count)
        if count == 0:
            break
    return alpha, mistakes
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "kernel", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.kernel(polynomial_kernel, train_kernel_perceptron)

# %% [markdown] nbgrader={"grade": false, "grade_id": "kernel_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** Degree 1 is the plain perceptron with a bias. What do the two sides look like for degree 1, 2 and 3?
# > Grey means a score of zero: no side at all.

# %% nbgrader={"grade": false, "grade_id": "kernel_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.xor(polynomial_kernel, train_kernel_perceptron)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: judge a claim
#
# A fellow student has notes that say:
#
# > *Let all inputs lie in a ball of radius $M$ and let some unit vector separate them with margin $\delta$. Since
# > each mistake adds at most $M$ to $\lVert w \rVert^2$, a perceptron that starts at $w = 0$ makes at most
# > $M / \delta^2$ mistakes.*
#
# Is that so? In at most 150 words: give your verdict, show it on an example with numbers (one input can be
# enough), say which step of the argument holds and which does not, and say what to change so that the statement
# is right.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# The claim is false as it stands. Take one input $x = 2$ with label $+1$ and the unit vector $w^* = 1$: the radius
# is $M = 2$ and the margin $\delta = 2$, so the claim allows $2 / 4 = 0.5$ mistakes. Training from $w = 0$ makes
# one, because a score of zero is a mistake.
#
# The part about the margin holds: each mistake adds at least $\delta$ to $w^* \cdot w$. The part about the length
# does not: the squared length grows by at most $\lVert x \rVert^2 \le M^2$, not by $M$. With $M^2$ in its place
# the same argument gives $t \le (M / \delta)^2$.
#
# The units show it too: measure all inputs in centimetres instead of metres and the perceptron makes the same
# mistakes, but $M / \delta^2$ shrinks a hundredfold. The statement is right as written only if $M$ stands for the
# square of the radius.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `01_perceptron.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
