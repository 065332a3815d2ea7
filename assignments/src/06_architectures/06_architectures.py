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
# # Assignment 6: Architectures
#
# You build LeNet-5 unit by unit and a residual block, keep the books of any network (what it costs, how far it sees), find out by
# measuring why a network does not train, and judge what an ablation proves.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | LeNet-5 | 6 |
# | 2 | an account: shapes, parameters, multiply-adds | 5 |
# | 3 | receptive fields | 4 |
# | 4 | a residual block, and its Jacobian | 6 |
# | 5 | the repair of a network that does not train | 5 |
# | 6 | a judgement of an ablation, in words | 4 |
#
# It takes 90 to 120 minutes. Read chapter 6 first; exercise 4 uses chapter 7b, exercise 5 uses chapters 4 and 4b.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change a tensor or list that you are given, read no other variable. Only `train`
#   in exercise 5 changes what it is given: the weights of a network.
# - Any correct way of writing it is right. Extra cells and helper functions are fine too, and so is calling your functions of
#   earlier exercises. Extra layers, parameters and buffers in a network are not fine: they would be counted.
# - Keep the names and the order of the arguments, and the names of layers where the exercise gives them. Leave the check cells as
#   they are.
# - Each call must finish within 10 seconds.
# - Write it with PyTorch: `course_utils.models`, `course_utils.scratch` and torchvision are not there when your work is graded.
#
# A batch `x` of pictures has shape (N, C, H, W): pictures, channels, rows, columns.
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

example_network = checks.examples.example_network  # makes networks for trying out jacobian and train

# %% [markdown] nbgrader={"grade": false, "grade_id": "lenet_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: LeNet-5
#
# The network that read cheques. Each line is one layer, with the name it has to have as an attribute of your class:
#
# | name | layer | output for a picture of 32 x 32 |
# |---|---|---|
# | `c1` | convolution, 5 x 5, 6 maps | 6 x 28 x 28 |
# | `s2` | subsampling | 6 x 14 x 14 |
# | `c3` | convolution, 5 x 5, 16 maps | 16 x 10 x 10 |
# | `s4` | subsampling | 16 x 5 x 5 |
# | `c5` | convolution, 5 x 5, 120 maps | 120 x 1 x 1 |
# | `f6` | convolution, 1 x 1, 84 maps | 84 x 1 x 1 |
# | `output` | convolution, 1 x 1, one map a class | classes x 1 x 1 |
#
# No convolution is padded, each has a bias, and each map sees **all** maps below it (the paper's table for C3 is left out here).
# After every layer but the last comes the scaled tanh, number by number:
#
# $$ f(a) = 1.7159 \, \tanh\!\left(\tfrac{2}{3}\, a\right) $$
#
# A **subsampling** layer has two numbers to train for each map $c$, a coefficient $w_c$ and a bias $b_c$. It adds up the four pixels
# of each window of 2 x 2 (stride 2) and gives
#
# $$ a_{cij} = w_c \left( x_{c,2i,2j} + x_{c,2i,2j+1} + x_{c,2i+1,2j} + x_{c,2i+1,2j+1} \right) + b_c $$
#
# The tanh is not part of it: the network applies it after `s2` and `s4` as after the others. A last row or column that fills no
# window is left out. The coefficients start at 0.25 and the biases at 0: at first it takes the mean.
#
# Nothing in this network needs 32 x 32 pixels. Written in this way, LeNet-5 answers on a larger picture as if it stood
# at every fourth pixel of it: the output has shape (N, classes, rows, columns).
#
# > **Predict.** Which layer has the most parameters: the two convolutions at the bottom together, `c5`, or `f6`?
#
# **Why it matters.** All networks of chapters 6 and 7 have this grammar: maps shrink, their number grows, one layer reads off the answer.
#
# **Write** `Subsampling` (its parameters are called `coefficient` and `bias`) and `LeNet`.


# %% nbgrader={"grade": false, "grade_id": "lenet_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Subsampling(nn.Module):
    """Sum of each window of 2 x 2, times a coefficient, plus a bias: two parameters a map, each of shape (channels,).

    (N, channels, H, W) to (N, channels, H // 2, W // 2).
    """

    def __init__(self, channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.coefficient = nn.Parameter(torch.full((channels,), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        total = 4 * F.avg_pool2d(x, 2)
        return self.coefficient[:, None, None] * total + self.bias[:, None, None]
        ### END SOLUTION


class LeNet(nn.Module):
    """LeNet-5 with the layers c1, s2, c3, s4, c5, f6 and output.

    (N, 1, H, W), H and W at least 32, to (N, classes, rows, columns); rows = columns = 1 for 32 x 32.
    """

    def __init__(self, classes):
        super().__init__()
        ### BEGIN SOLUTION
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Conv2d(120, 84, 1)
        self.output = nn.Conv2d(84, classes, 1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5, self.f6):
            x = 1.7159 * torch.tanh(2 / 3 * layer(x))
        return self.output(x)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lenet", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.lenet(Subsampling, LeNet)

# %% [markdown] nbgrader={"grade": false, "grade_id": "account_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: the account
#
# Write a network down as a list of layers, from the picture upwards. These are all there are:
#
# | layer | what it is |
# |---|---|
# | `["conv", maps, k, s, p, groups]` | convolution: windows of k x k, stride s, p zeros on all four sides, with bias |
# | `["pool", k, s]` | maximum of windows of k x k, stride s, no padding |
# | `["relu"]` | the ReLU |
# | `["flatten"]` | all numbers of a picture in one row |
# | `["linear", units]` | linear layer with bias; only after a flatten |
#
# With $g$ **groups** the $C$ maps below and the maps of the layer are both cut into $g$ equal parts, and each part above sees only its
# part below: each kernel has $k \times k \times C / g$ weights. AlexNet did so because it had two graphics cards.
#
# - The **shape** after a layer is (C, H, W), and (D,) from the flatten on. Sizes round down: $\lfloor (n + 2p - k) / s \rfloor + 1$.
# - The **parameters** of a layer are its weights and its biases.
# - The **multiply-adds** are the products that it sums up for one picture: each output number is a sum of as many products as a kernel has
#   weights. Biases are not counted, nor is anything in pool, relu and flatten.
#
# > **Predict.** AlexNet has 61 million parameters. Are most of them in its five convolutions or in its three linear layers? And where are most
# > of its multiply-adds?
#
# **Why it matters.** Whether a network fits on a telephone is decided by these three lists, before anybody trains it.
#
# **Write** `shapes`, `parameters` and `multiply_adds`. Each returns a list with one entry for each layer.


# %% nbgrader={"grade": false, "grade_id": "account_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shapes(layers, shape):
    """The shape after each layer.

    layers: a list of layers, as above.  shape: of the picture, (C, H, W).
    Returns a list of tuples, one for each layer: (C, H, W), or (D,) from the flatten on.
    """
    ### BEGIN SOLUTION
    found = []
    for kind, *numbers in layers:
        if kind == "conv":
            maps, k, s, p, _ = numbers
            shape = (maps, *((n + 2 * p - k) // s + 1 for n in shape[1:]))
        elif kind == "pool":
            k, s = numbers
            shape = (shape[0], *((n - k) // s + 1 for n in shape[1:]))
        elif kind == "flatten":
            shape = (int(np.prod(shape)),)
        elif kind == "linear":
            shape = (numbers[0],)
        found.append(tuple(shape))
    return found
    ### END SOLUTION


def parameters(layers, shape):
    """The number of weights and biases of each layer.

    layers, shape: as above.
    Returns a list of whole numbers, one for each layer; 0 for layers that have none.
    """
    ### BEGIN SOLUTION
    counts = []
    for (kind, *numbers), below in zip(layers, [shape, *shapes(layers, shape)]):
        if kind == "conv":
            maps, k, _, _, groups = numbers
            counts.append(maps * (k * k * below[0] // groups + 1))
        else:
            counts.append(numbers[0] * (below[0] + 1) if kind == "linear" else 0)
    return counts
    ### END SOLUTION


def multiply_adds(layers, shape):
    """The number of products that each layer sums up for one picture.

    layers, shape: as above.
    Returns a list of whole numbers, one for each layer; 0 for layers without weights.
    """
    ### BEGIN SOLUTION
    counts = []
    for (kind, *numbers), below, above in zip(layers, [shape, *shapes(layers, shape)], shapes(layers, shape)):
        if kind == "conv":
            maps, k, _, _, groups = numbers
            counts.append(maps * above[1] * above[2] * k * k * below[0] // groups)
        else:
            counts.append(above[0] * below[0] if kind == "linear" else 0)
    return counts
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "account", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.account(shapes, parameters, multiply_adds)

# %% [markdown] nbgrader={"grade": false, "grade_id": "account_table_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Now keep the books of a famous network: AlexNet, as it was on two cards.

# %% nbgrader={"grade": false, "grade_id": "account_table", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.tables.alexnet(shapes, parameters, multiply_adds)

# %% [markdown] nbgrader={"grade": false, "grade_id": "field_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: how far does a unit see?
#
# The same lists of layers, without flatten and linear. A unit of a map sees a window of the picture, its **receptive field**. Along one axis
# three numbers say which: its **size** $R$, the **stride** $J$ (how many pixels further its neighbour looks) and the **centre** $c$ of the
# first unit's window, with pixels counted from 0. A pixel is a window of itself: $R = 1$, $J = 1$, $c = 0$. A layer with windows of $k$,
# stride $s$ and padding $p$ does, in this order,
#
# $$ c \leftarrow c + \left( \frac{k - 1}{2} - p \right) J, \qquad R \leftarrow R + (k - 1)\, J, \qquad J \leftarrow J\, s $$
#
# Pooling has windows too; a ReLU sees just what was there. Groups do not change how far a unit sees.
#
# From these three follows which rows of the picture the unit in row $i$ sees: its window has its centre at $c + i J$ and is $R$ rows high.
# What hangs over the border of the picture is padding, and no row of it. (Here every unit sees at least one row.)
#
# > **Predict.** The last pooling of AlexNet, below its linear layers, gives maps of 6 x 6. How much of the picture, 227 rows high,
# > does one unit there see: a tenth, half, or nearly all?
#
# **Why it matters.** A unit cannot answer about what it cannot see. The depth of a network is chosen with these numbers.
#
# **Write** `fields` and `rows_seen`.


# %% nbgrader={"grade": false, "grade_id": "field_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fields(layers):
    """The receptive field after each layer, along one axis.

    layers: a list of conv, pool and relu, as in exercise 2.
    Returns a list with (size, stride, centre) for each layer.
    """
    ### BEGIN SOLUTION
    size, jump, centre, found = 1, 1, 0.0, []
    for kind, *numbers in layers:
        k, s, p = {"conv": numbers[1:4], "pool": [*numbers, 0], "relu": [1, 1, 0]}[kind]
        centre += ((k - 1) / 2 - p) * jump
        size += (k - 1) * jump
        jump *= s
        found.append((size, jump, centre))
    return found
    ### END SOLUTION


def rows_seen(layers, height, i):
    """The rows of the picture that row i of the last map sees.

    layers: as above; empty for the picture itself.  height: rows of the picture.  i: from 0.
    Returns first, last: two whole numbers, both seen, both from 0 to height - 1.
    """
    ### BEGIN SOLUTION
    size, jump, centre = [(1, 1, 0), *fields(layers)][-1]
    middle = centre + i * jump
    return max(0, int(middle - (size - 1) / 2)), min(height - 1, int(middle + (size - 1) / 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "field", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.field(fields, rows_seen)

# %% [markdown] nbgrader={"grade": false, "grade_id": "residual_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: a residual block
#
# A block of a residual network does not compute its output, but what to *add* to its input:
#
# $$ y = \text{ReLU}\big( F(x) + h(x) \big), \qquad F = \text{bn2} \circ \text{conv2} \circ \text{ReLU} \circ \text{bn1} \circ \text{conv1} $$
#
# | name | layer |
# |---|---|
# | `conv1` | convolution 3 x 3, with the block's stride, padding 1, **no bias** |
# | `bn1` | batch normalisation |
# | `conv2` | convolution 3 x 3, stride 1, padding 1, no bias |
# | `bn2` | batch normalisation; its weight **starts at 0** |
# | `project` | convolution 1 x 1, with the block's stride, no bias: only where it is needed |
# | `project_bn` | batch normalisation of what `project` gives: only with it |
#
# The **shortcut** $h(x)$ is $x$ itself, without any parameters, wherever $x$ has the shape of $F(x)$: stride 1 and as many maps in as out. Elsewhere it is
# `project_bn(project(x))`, with no ReLU of its own.
#
# With `bn2`'s weight at 0 a fresh block computes $\text{ReLU}(h(x))$. For an $x$ that is nowhere negative (the output of another ReLU) and
# an identity shortcut that is $x$: a hundred fresh blocks on top of each other change nothing.
#
# That is a statement about the **Jacobian**, the table of all slopes: $J_{ab}$ says how much output number $a$ grows with input number $b$,
# where both pictures are flattened in the usual order (channel, row, column).
#
# > **Predict.** A fresh block with identity shortcut, a picture with positive numbers only. What is its Jacobian? And with negative
# > numbers only?
#
# **Why it matters.** The gradient that reaches a block from above is multiplied by this table on its way down. One that is near the
# identity is why 152 layers can be trained, and 1,000.
#
# **Write** `ResidualBlock`, and `jacobian` for any network. (Ask autograd for the gradient of one output number at a time, or look for a function
# of torch that does.)


# %% nbgrader={"grade": false, "grade_id": "residual_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, with the layers conv1, bn1, conv2, bn2 and, where needed, project and project_bn.

    (N, in_channels, H, W) to (N, out_channels, rows, columns); H and W shrink by the stride, rounded up.
    """

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        nn.init.zeros_(self.bn2.weight)
        self.same = stride == 1 and in_channels == out_channels
        if not self.same:
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        z = F.relu(self.bn1(self.conv1(x)))
        z = self.bn2(self.conv2(z))
        return F.relu(z + (x if self.same else self.project_bn(self.project(x))))
        ### END SOLUTION


def jacobian(network, x):
    """All slopes of a network at one picture.

    network: an nn.Module that maps batches to batches; do not change its mode.  x: one picture, shape (C, H, W).
    Returns shape (number of output numbers, number of input numbers), for the picture as a batch of one.
    """
    ### BEGIN SOLUTION
    x = x[None].detach().requires_grad_()
    rows = [torch.autograd.grad(a, x, retain_graph=True)[0].flatten() for a in network(x).flatten()]
    return torch.stack(rows)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "residual", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.residual(ResidualBlock, jacobian)

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: the network that does not train
#
# A fellow student has written a deep network, and a function that trains it. It runs without an error, and it learns nothing:
#
#     class Net(nn.Module):
#         def __init__(self, inputs, width, depth, classes):
#             super().__init__()
#             self.layers = [nn.Linear(width if n else inputs, width) for n in range(depth)]
#             self.last = nn.Linear(width, classes)
#             for layer in self.layers:
#                 nn.init.normal_(layer.weight, std=0.01)
#                 nn.init.zeros_(layer.bias)
#
#         def forward(self, x):
#             for layer in self.layers:
#                 x = torch.relu(layer(x))
#             return torch.softmax(self.last(x), dim=1)
#
#     def train(net, x, y, lr, steps):
#         optimiser = torch.optim.SGD(net.parameters(), lr=lr)
#         losses = []
#         for _ in range(steps):
#             loss = F.cross_entropy(net(x), y)
#             loss.backward()
#             optimiser.step()
#             losses.append(loss.item())
#         return losses
#
# There are **four faults** in it. Do not stare at the lines: measure. The next cell measures on 300 points of three
# classes, with 12 layers of 32 units. A healthy network would show: all parameters known to the optimiser; a signal that keeps its
# size from layer to layer; outputs that can be any number; and a gradient that is that of *this* step.

# %% nbgrader={"grade": false, "grade_id": "repair_measure", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.measure.broken()

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** Which line of the measurement belongs to which fault?
#
# **Why it matters.** None of the four is an error to Python. In a real project nothing but a measurement will tell you.
#
# **Write** `Net` and `train`, repaired. The names stay: `layers.0.weight` to `layers.9.bias` for ten layers, and `last`. `forward` returns the
# logits of the classes. The size of the signal in a fresh network should neither grow nor shrink by more than a small factor in 20 layers of
# ReLUs. `train` does plain steps of gradient descent on the whole batch, on the mean cross-entropy, and returns the loss **before** each step.


# %% nbgrader={"grade": false, "grade_id": "repair_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Net(nn.Module):
    """A deep network of linear layers with ReLUs, and a last linear layer for the logits.

    (N, inputs) to (N, classes).  depth: number of layers before the last, each of `width` units.
    """

    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList([nn.Linear(inputs, width)])
        self.layers.extend(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = nn.Linear(width, out_features=classes)
        for hidden in self.layers:
            nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
            nn.init.zeros_(hidden.bias)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        for hidden in self.layers:
            x = F.relu(hidden(x))
        return self.last(x)
        ### END SOLUTION


def train(net, x, y, lr, steps):
    """Train a network on one batch, by plain gradient descent.

    net: gives logits.  x: the batch.  y: right classes, shape (N,).  lr: step size.  steps: how many.
    Changes the weights of net. Returns a list of the losses before each step.
    """
    ### BEGIN SOLUTION
    descent, before = torch.optim.SGD(net.parameters(), lr=lr), []
    while len(before) < steps:
        descent.zero_grad()
        error = F.cross_entropy(net(x), y)
        error.backward()
        descent.step()
        before.append(error.item())
    return before
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "repair", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.repair(Net, train)

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The same measurement for your network, and how it learns:

# %% nbgrader={"grade": false, "grade_id": "repair_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.measure.repaired(Net, train)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: judge an ablation
#
# An **ablation** takes a part out of a network, trains what is left, and asks what the part was worth. The next cell does it: a small network
# that tells eight drawn shapes apart, the same without its hidden linear layer, without its third convolution, and without
# both. Each is trained five times, with other first weights and other training pictures; the table says how many of 500 new pictures each
# gets wrong, the middle one of the five runs and the range. The counts come from your functions of exercise 2. It takes about ten seconds.

# %% nbgrader={"grade": false, "grade_id": "judge_table", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.ablation.table(parameters, multiply_adds)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Two sentences from a fellow student's report on this table:
#
# > *(a) The hidden linear layer holds most of the parameters of this network, so it is its most important part, and the third convolution,
# > with few parameters, hardly matters.*
# >
# > *(b) In my own run, with one seed each, the network without the third convolution was 3 points better than the one without the hidden layer. So convolution
# > layers can be left out more safely than linear ones.*
#
# In at most 200 words: judge (a) by the numbers of the table, with parameters, multiply-adds and errors; judge (b) by the ranges, and say what
# would have to be done to decide it; name one thing that this ablation changes **besides** the part that it takes out, and how you would keep it
# fixed; and say what the table does show, no more and no less.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# (a) The first half is right: 13,536 of 18,264 parameters, 74 %, go with the hidden layer, 2,320 with the third convolution. The "so" does not
# follow. By multiply-adds it is the other way round: 13,440 of 149,376 against 82,944. And the error depends on what else is there: taking out
# the convolution costs 2 points beside the hidden layer, within the ranges, and 8 points without it. It does matter.
#
# (b) cannot be concluded. With one seed each, 3 points are less than the range of a single network over five seeds, 5 to 12 points. One would train
# both many times, with the same seeds and pictures for both, and look at the differences. Even then it would be about these two layers here, not about
# convolutions and linear layers.
#
# The ablation also makes the network smaller and cheaper, and trains it with a recipe made for the whole one. I would widen the
# other layers until parameters (or multiply-adds) are as before, and tune the step size for each.
#
# What it shows: in this setting each part alone can be missed at little cost, both together cannot: 44 against 30 wrong, and no run of the one
# reaches the other.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `06_architectures.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
