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
# # Assignment 3: Backpropagation
#
# You build the algorithm that trains every network: first by hand on four numbers, then as an engine for any graph, then
# in the form in which layers use it. And you build the instrument that tells whether a backward pass is right.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | one unit, forward and backward | 3 |
# | 2 | an engine: values and gradients of any graph | 6 |
# | 3 | the gradient check | 4 |
# | 4 | a linear layer, backward | 4 |
# | 5 | the ReLU and the softmax loss, backward | 5 |
# | 6 | the gradients of a network | 4 |
# | 7 | a judgement, in words | 4 |
#
# It takes 60 to 90 minutes. Read chapter 3 first; exercise 5 uses the losses of chapter 2.

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
# - Write it with NumPy: `course_utils.scratch`, torch and SciPy are not there when your work is graded.
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np

# %% [markdown] nbgrader={"grade": false, "grade_id": "unit_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: one unit
#
# One input, one weight, one bias, a tanh, a squared error. Four lines forward:
#
# $$ a = w x + b, \qquad z = \tanh(a), \qquad e = z - y, \qquad L = \tfrac{1}{2} e^2 $$
#
# Backward, one line for each line, from the last to the first. Every line asks: *if this number grows a little, how much does
# $L$ grow?* You know it for the number below; multiply by how much that one grows with this one.
#
# $$ \frac{\partial L}{\partial e} = e, \qquad \frac{\partial L}{\partial z} = \frac{\partial L}{\partial e} \cdot 1, \qquad
# \frac{\partial L}{\partial a} = \frac{\partial L}{\partial z} \cdot (1 - z^2), \qquad \ldots $$
#
# > **Predict.** The unit is saturated: $a = 10$, and the answer is badly wrong. Is the gradient of $w$ large or small?
#
# **Why it matters.** All of backpropagation is these four lines, repeated.
#
# **Write** `unit`.


# %% nbgrader={"grade": false, "grade_id": "unit_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unit(x, w, b, y):
    """Loss of one tanh unit, and its gradients.

    x, w, b, y: input, weight, bias and target, one number each.
    Returns loss, dw, db, dx: the loss and its derivatives with respect to w, b and x.
    """
    ### BEGIN SOLUTION
    z = np.tanh(w * x + b)
    e = z - y
    da = e * (1 - z**2)
    return e**2 / 2, da * x, da, da * w
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "unit", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.unit(unit)

# %% [markdown] nbgrader={"grade": false, "grade_id": "engine_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: an engine
#
# Now for any graph. Number all values, from 0. The first are the **inputs**; each **operation** makes one more value from earlier
# ones. A graph is then a list of operations, such as
#
#     ops = [["mul", 0, 1], ["add", 3, 2], ["tanh", 4]]
#
# With three inputs, numbers 0, 1 and 2, this is value 3 = value 0 times value 1; value 4 = value 3 plus value 2;
# value 5 = tanh of value 4. The last value is the result. The operations are
#
# | operation | value |
# |---|---|
# | `["add", i, j]` | $v_i + v_j$ |
# | `["mul", i, j]` | $v_i \, v_j$ |
# | `["tanh", i]` | $\tanh(v_i)$ |
# | `["relu", i]` | $\max(0, v_i)$, with slope 0 at 0 |
#
# **Backward.** Give every value a gradient, zero at first, and the last value the gradient 1. Go through the
# operations **from the last to the first**. When an operation's turn comes, its value has all of its gradient already. It passes
# it on to the values it was made from, each time multiplied by the local slope, and it **adds** to what is there: a
# value that was used twice gets two contributions. `i` and `j` may be the same number, and that is a use twice, too.
# `backward` is not told the number of inputs: it is `len(values) - len(ops)`. A value that leads nowhere keeps its gradient 0.
#
# > **Predict.** `[["mul", 0, 0]]` squares its input. What is the gradient of value 0 when it is 3? What comes out if
# > you set instead of add?
#
# **Why it matters.** Every framework you will ever use is this loop with more operations.
#
# **Write** `evaluate` and `backward`.


# %% nbgrader={"grade": false, "grade_id": "engine_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def evaluate(ops, inputs):
    """All values of a graph.

    ops: a list of operations, as above.  inputs: the first values, shape (n,).
    Returns an array of shape (n + len(ops),): the inputs, then one value for each operation.
    """
    ### BEGIN SOLUTION
    values = list(inputs)
    for name, *where in ops:
        v = [values[i] for i in where]
        if name == "add":
            values.append(v[0] + v[1])
        elif name == "mul":
            values.append(v[0] * v[1])
        elif name == "tanh":
            values.append(np.tanh(v[0]))
        else:
            values.append(max(0.0, v[0]))
    return np.array(values)
    ### END SOLUTION


def backward(ops, values):
    """Gradient of the last value with respect to every value.

    ops: as above.  values: what `evaluate` returned, shape (n + len(ops),).
    Returns an array of the same shape; its last number is 1.
    """
    ### BEGIN SOLUTION
    first = len(values) - len(ops)
    gradients = np.zeros(len(values))
    gradients[-1] = 1.0
    for number in reversed(range(len(ops))):
        name, *where = ops[number]
        g, value = gradients[first + number], values[first + number]
        if name == "add":
            gradients[where[0]] += g
            gradients[where[1]] += g
        elif name == "mul":
            i, j = where
            gradients[i] += g * values[j]
            gradients[j] += g * values[i]
        elif name == "tanh":
            gradients[where[0]] += g * (1 - value**2)
        elif value > 0:
            gradients[where[0]] += g
    return gradients
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "engine", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.engine(evaluate, backward)

# %% [markdown] nbgrader={"grade": false, "grade_id": "gradient_check_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: is it right?
#
# Never trust a backward pass you have not checked. The slope of $f$ along input $k$ is also the change of $f$ when that one
# input moves a little, to both sides:
#
# $$ \frac{\partial f}{\partial x_k} \approx \frac{f(x + h\, u_k) - f(x - h\, u_k)}{2 h} $$
#
# with $u_k$ zero everywhere but 1 at place $k$. Moving to one side only is wrong by an amount that shrinks with $h$;
# moving to both sides, by an amount that shrinks with $h^2$.
#
# Two gradients are compared by their **relative error**: the length of their difference, divided by the sum of their lengths.
# A length is the root of the sum of the squares of all numbers, also in a matrix. Two gradients of zeros agree: their error is 0.
#
# **Why it matters.** It needs two forward passes for each number, so nobody trains with it. But it knows nothing of your
# backward pass, and that makes it the best witness there is.
#
# **Write** `numerical_gradient`, for a graph of exercise 2, and `relative_error`.


# %% nbgrader={"grade": false, "grade_id": "gradient_check_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def numerical_gradient(ops, inputs, h):
    """Slope of the last value along each input, by differences to both sides.

    ops, inputs: a graph and its inputs, shape (n,).  h: how far to move, above 0.
    Returns an array of shape (n,).
    """
    ### BEGIN SOLUTION
    slopes = np.zeros(len(inputs))
    for k in range(len(inputs)):
        step = np.zeros(len(inputs))
        step[k] = h
        slopes[k] = (evaluate(ops, inputs + step)[-1] - evaluate(ops, inputs - step)[-1]) / (2 * h)
    return slopes
    ### END SOLUTION


def relative_error(a, b):
    """How much two gradients differ, from 0 (equal) to 1.

    a, b: arrays of one shape.
    Returns one number; 0 if both are all zeros.
    """
    ### BEGIN SOLUTION
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return np.linalg.norm(a - b) / size if size > 0 else 0.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gradient_check", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.gradient_check(numerical_gradient, relative_error)

# %% [markdown] nbgrader={"grade": false, "grade_id": "gradient_check_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** The smaller $h$, the better? Draw the error of your numerical gradient against $h$, from 1 down to $10^{-14}$,
# > before you run the next cell.

# %% nbgrader={"grade": false, "grade_id": "gradient_check_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.steps(numerical_gradient)

# %% [markdown] nbgrader={"grade": false, "grade_id": "linear_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: a linear layer
#
# Networks do not run number by number. A linear layer takes a batch of $N$ inputs, one a row, and returns
#
# $$ A = X W^\top + b $$
#
# with one row of $W$ for each unit $h$; $d$ counts the $D$ numbers of an input. Number by number $a_{nh} = \sum_d w_{hd}\, x_{nd} + b_h$. From above arrives
# $g_{nh} = \partial L / \partial a_{nh}$. Ask of each of the three what it touches,
# and with which factor:
#
# - $w_{hd}$ touches $a_{nh}$ for **every** example $n$, with factor $x_{nd}$: for one example the gradient is the outer product of $g$
#   and $x$, for a batch the sum of them;
# - $b_h$ touches $a_{nh}$ for every $n$, with factor 1;
# - $x_{nd}$ touches $a_{nh}$ for every unit $h$, with factor $w_{hd}$.
#
# Whether the loss is a sum or a mean over the batch was decided where the loss was computed: $g$ knows it already.
#
# **Why it matters.** In a network of linear layers these three lines are about two thirds of all multiplications of training: the
# forward pass is the rest.
#
# **Write** `linear_backward`.


# %% nbgrader={"grade": false, "grade_id": "linear_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def linear_backward(g, x, w):
    """Gradients of a linear layer.

    g: gradient with respect to the output, shape (N, H).  x: inputs, shape (N, D).  w: weights, shape (H, D).
    Returns gx, gw, gb, in the shapes (N, D), (H, D) and (H,).
    """
    ### BEGIN SOLUTION
    return g @ w, g.T @ x, g.sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "linear", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.linear(linear_backward)

# %% [markdown] nbgrader={"grade": false, "grade_id": "ends_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: the gate and the loss
#
# **The ReLU**, $z = \max(0, a)$, is a gate. It opens by the sign of its **input**: where $a > 0$ the gradient passes
# unchanged, whatever its own sign; where $a \le 0$ nothing passes.
#
# **The loss.** For each example the softmax turns the logits $s_{nc}$ into probabilities, and the loss is the mean surprise
# about the right class $y_n$:
#
# $$ p_{nc} = \frac{e^{s_{nc}}}{\sum_k e^{s_{nk}}}, \qquad L = -\frac{1}{N} \sum_n \ln p_{n y_n}, \qquad
# \frac{\partial L}{\partial s_{nc}} = \frac{p_{nc} - \mathbb{1}[c = y_n]}{N} $$
#
# Logits of 1000 happen. $e^{1000}$ does not fit into the computer; subtracting the largest logit of each row first changes no
# probability, and makes every exponent at most 0. Still a probability may become 0 in the computer, and $\ln 0$ is infinite. So do not
# take the logarithm of $p$: the shifted logits have $\ln p_{nc} = s_{nc} - \ln \sum_k e^{s_{nk}}$, and that sum is at least 1.
#
# > **Predict.** What is the sum of the gradient over the classes of one example?
#
# **Why it matters.** The loss starts every backward pass, and the gate decides where it stops.
#
# **Write** `relu_backward` and `cross_entropy`.


# %% nbgrader={"grade": false, "grade_id": "ends_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_backward(g, a):
    """Gradient with respect to the input of a ReLU.

    g: gradient with respect to the output.  a: the input, same shape.
    Returns an array of the same shape; 0 where a is 0 or below.
    """
    ### BEGIN SOLUTION
    return np.where(a > 0, g, 0.0)
    ### END SOLUTION


def cross_entropy(logits, y):
    """Mean cross-entropy of the softmax, and its gradient.

    logits: shape (N, C).  y: the right classes, whole numbers 0 to C - 1, shape (N,).
    Returns loss, gradient: one number, and an array of shape (N, C).
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    gradient = np.exp(log_p)
    gradient[rows, y] -= 1
    return -log_p[rows, y].mean(), gradient / len(y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "ends", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.ends(relu_backward, cross_entropy)

# %% [markdown] nbgrader={"grade": false, "grade_id": "network_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: a network
#
# Put the pieces together. Two linear layers, a ReLU between them, the loss of exercise 5 on top:
#
# $$ A = X W_1^\top + b_1, \qquad Z = \max(0, A), \qquad S = Z W_2^\top + b_2, \qquad L = \text{cross-entropy}(S, y) $$
#
# Forward from left to right, keeping what the backward pass needs; backward from right to left, each piece handing its `gx` to the
# piece before it.
#
# **Why it matters.** With this function and the line `w -= eta * gw` you can read digits. Chapter 3 does.
#
# **Write** `network_gradients`.


# %% nbgrader={"grade": false, "grade_id": "network_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def network_gradients(x, y, w1, b1, w2, b2):
    """Loss of a network with one hidden layer, and the gradients of its weights.

    x: shape (N, D).  y: classes, shape (N,).  w1: (H, D).  b1: (H,).  w2: (C, H).  b2: (C,).
    Returns loss, gw1, gb1, gw2, gb2.
    """
    ### BEGIN SOLUTION
    a = x @ w1.T + b1
    z = np.maximum(0.0, a)
    loss, g = cross_entropy(z @ w2.T + b2, y)
    gz, gw2, gb2 = linear_backward(g, z, w2)
    _, gw1, gb1 = linear_backward(relu_backward(gz, a), x, w1)
    return loss, gw1, gb1, gw2, gb2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "network", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.network(network_gradients)

# %% [markdown] nbgrader={"grade": false, "grade_id": "network_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# See it learn: your gradients, plain gradient descent, two moons, 16 hidden units.
#
# > **Predict.** Who guesses between two classes has the loss $\ln 2 = 0.69$. Where is yours after 400 steps, and what shape has the
# > border between the classes?

# %% nbgrader={"grade": false, "grade_id": "network_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.moons(network_gradients)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: judge a claim
#
# A fellow student has notes that say:
#
# > *The gradient says for each weight how the loss changes when that weight changes. So backpropagation has to send one
# > signal back through the network for each weight: a network with a million weights needs a million backward passes for
# > one step, and that is why training takes so much longer than using a network.*
#
# Is that so? In at most 150 words: give your verdict, count multiplications for a linear layer with numbers of your choice (forward,
# backward by exercise 4, and by the differences of exercise 3), say which sentence holds and which does not, and say what to
# change so that the statement is right.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# The claim is false. Take a linear layer with $D = 1000$ inputs, $H = 1000$ units and one example: a million weights. Forward needs
# $H D = 10^6$ multiplications. Backward needs $10^6$ for the outer product $g\, x^\top$, which is the gradient of **all** weights at
# once, and $10^6$ for $W^\top g$, which is what the layer before needs: twice the forward pass, not a million times. Differences to both sides
# would need $2 \cdot 10^6$ forward passes, $2 \cdot 10^{12}$ multiplications.
#
# The first sentence holds: that is what a gradient is. The second does not follow. The signal that arrives at a unit is the
# same for all weights on its way in; it is computed once and shared, and each weight multiplies it by its own input.
#
# Right: one backward pass, at about twice the cost of a forward pass, gives the gradients of all weights. Training takes long because
# it makes very many steps.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `03_backprop.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
