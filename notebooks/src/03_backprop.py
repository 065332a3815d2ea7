# %% [markdown]
# # Backpropagation
#
# One number says how wrong a network is. Thousands of weights made it so. One sweep backwards tells every weight its share. You will
# do it on paper, build the machine that does it, and learn how to catch it when it lies.
#
# **You will be able to**
#
# - run a computation graph forwards and backwards by hand, and check every number;
# - write the recursion $g_i = f'(a_i) \sum_j w_{ij}\, g_j$ for any wiring, skip links included;
# - build an automatic differentiation engine for numbers, and one for tensors, and train networks with both;
# - say what a ReLU does to a gradient, what it does *not* do, and why some units never wake up again;
# - check a gradient numerically, and know when the check itself is wrong;
# - look at a loss surface, and judge what "many minima of similar quality" means;
# - trade memory for time with checkpoints, and predict both to the last array.
#
# **You need** the chain rule for one variable, matrix products, layers of units ([chapter 02](02_mlp.ipynb)), and softmax with cross-entropy ([chapter 02b](02b_losses.ipynb#classes-softmax-and-cross-entropy)).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import math
import textwrap
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.graphs import contour_slice, draw_graph
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ComputationGraph

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Which way should each weight move?
#
# Training turns every weight a little in the direction that makes the [loss](../book/glossary.md#loss) smaller. For that you need the slope of the loss in *each*
# weight: the [gradient](../book/glossary.md#gradient). The obvious way to get a slope is to try. Nudge one weight up, run the network; nudge it down, run it
# again; compare.
#
# > **Predict.** A small network for 8×8 digits has layers of 64, 32 and 10 units. How many runs of the network does one gradient cost this way? And
# > what would you *guess* is the least that any method could cost?

# %% tags=["nbval-check-output"]
sizes = [64, 32, 10]
weights = sum(a * b for a, b in pairwise(sizes))
biases = sum(sizes[1:])
print(f"{weights} weights and {biases} biases: {2 * (weights + biases):,} runs by nudging")

forward_products = weights  # one multiplication per weight and example
backward_products = weights + sum(a * b for a, b in pairwise(sizes[1:]))  # slopes of weights, slopes of hidden units
print(
    f"forward {forward_products:,} products, backward {backward_products:,}: {backward_products / forward_products:.2f} runs"
)
assert backward_products < 2 * forward_products

# %% [markdown]
# Thousands of runs against one forward and **little more than one** run's work on top. The second line is [backpropagation](../book/glossary.md#backpropagation), and where its count comes from you will
# see below. It is what makes a network of a hundred million weights trainable at all.
#
# It is the chain rule and nothing else. The art is in the order of the work. Here is the whole of it, as a [graph](../book/glossary.md#computation-graph) to step through:
#
# 1. Press *Step* until every node has its blue value. Each step uses only numbers that are already there, and notes its slopes on the arrows.
# 2. Go on stepping: now it runs backwards. Watch the red numbers: each is "by how much does the result change if this number grows a little?"
# 3. Change an input and do it again. Then type your own formula, for example `sigmoid(w*x) * (1 - sigmoid(w*x))` or `x*x*x`.
# 4. Find numbers for which `w` gets gradient **zero** although the result is not at its minimum. (*Examples* has a candidate.)

# %%
ComputationGraph()

# %% [markdown]
# ## Forward and backward on paper
#
# Take pencil and paper; the numbers are small on purpose. A unit predicts $wx + b$, the right answer is $y$, the loss is the square of the difference:
# $L = (wx + b - y)^2$, with $w = 2$, $x = 3$, $b = -1$, $y = 4$.
#
# **Cut the formula into single steps.** Each is so simple that you know its slopes by heart:
#
# | step | value | slope in its first input | slope in its second |
# |---|---|---|---|
# | $p = w\,x$ | $6$ | $\partial p/\partial w = x = 3$ | $\partial p/\partial x = w = 2$ |
# | $a = p + b$ | $5$ | $1$ | $1$ |
# | $d = a - y$ | $1$ | $1$ | $-1$ |
# | $L = d^2$ | $1$ | $2d = 2$ | |
#
# That was the **forward** sweep. Note that the slopes need the *values*: this is why a network must remember what it computed.
#
# **Now backward.** Start at the end: $L$ changes with itself at rate 1. Then, one step at a time, multiply what has arrived by the slope of the step:
# $\frac{\partial L}{\partial d} = 1 \cdot 2 = 2$, $\frac{\partial L}{\partial a} = 2 \cdot 1 = 2$, $\frac{\partial L}{\partial p} = 2$,
# $\frac{\partial L}{\partial b} = 2$.
#
# > **Predict.** Finish it: what are $\partial L/\partial w$, $\partial L/\partial x$ and $\partial L/\partial y$?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Graph of the loss (w x + b - y) squared. Above the nodes the values 2, 3, 6, -1, 5, 4, 1, 1; below them the gradients: 6 at w, 4 at x, 2 at p, 2 at b, 2 at a, -2 at y, 2 at d and 1 at the loss."}}
from course_utils.scratch.autograd.value import Value

w, x, b, y = Value(2.0, "w"), Value(3.0, "x"), Value(-1.0, "b"), Value(4.0, "y")
p = w * x
a = p + b
d = a - y
L = d**2
L.backward()

paper = {"w": w, "x": x, "b": b, "y": y, "p": p, "a": a, "d": d, "L": L}
figure, axes = plt.subplots(figsize=(7, 2.7))
draw_graph(
    axes,
    [("w", "p"), ("x", "p"), ("p", "a"), ("b", "a"), ("a", "d"), ("y", "d"), ("d", "L")],
    places={
        "w": (0, 1.25),
        "x": (0, -0.1),
        "p": (1, 0.5),
        "b": (1, -0.7),
        "a": (2, 0.3),
        "y": (2, -0.9),
        "d": (3, 0.1),
        "L": (4, 0.1),
    },
    names={"p": "×", "a": "+", "d": "−", "L": "( )²"},
    values={name: node.data for name, node in paper.items()},
    gradients={name: node.grad for name, node in paper.items()},
    digits=0,
)
axes.set_title("value above each node in blue, dL/d(node) below it in red", fontsize=10)
plt.show()
assert (w.grad, x.grad, y.grad, b.grad) == (6, 4, -2, 2)

# %% [markdown]
# $6$, $4$ and $-2$. Read them: "a little more $w$ makes the loss grow six times as fast". So $w$ should shrink. Check one with a nudge: with $w = 2.01$ the loss is
# $(6.03 - 1 - 4)^2 = 1.0609$, and $0.0609 / 0.01 \approx 6$.
#
# ### When a value is used twice
#
# One rule is still missing. In $x \cdot x$ the number $x$ reaches the result along *two* paths. Nudge $x$ and both factors move; the effects add. In general a
# node collects from everyone who used it:
#
# $$ \frac{\partial L}{\partial v} = \sum_{u \,\in\, \text{users of } v} \frac{\partial L}{\partial u}\,\frac{\partial u}{\partial v} . \tag{3.1} $$
#
# This is the whole of backpropagation. Everything below is bookkeeping for it.

# %% tags=["nbval-check-output"]
x = Value(3.0)
(x * x + x).backward()
print("d(x*x + x)/dx at 3:", x.grad, "= 3 + 3 + 1")
assert x.grad == 2 * 3 + 1

# %% [markdown]
# ### Why not multiply along each path?
#
# You could also list every path from a weight to the loss, multiply the slopes along each, and add up. It is the same sum. But look at a chain in which each value is used twice:
#
# > **Predict.** Thirty times in a row, $v \leftarrow \tanh v + \sigma(v)$. How many paths lead from the start to the end? How many nodes does the graph have?

# %% tags=["nbval-check-output"]
start = v = Value(0.5)
for _ in range(30):
    v = v.tanh() + v.sigmoid()
v.backward()
print(f"{2**30:,} paths, {len(v.graph())} nodes")
t = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
s = t
for _ in range(30):
    s = s.tanh() + s.sigmoid()
s.backward()
assert math.isclose(start.grad, t.grad.item(), rel_tol=1e-9)

# %% [markdown]
# A billion paths, ninety-one nodes. (3.1) finishes each node *once* and hands one number on. It is the same trick as computing Fibonacci numbers from small to large.
# And because it starts from the one loss, a single sweep serves all weights. Starting from the inputs instead ("forward mode") needs one sweep for *each* of them.
#
# ## The recursion on a network
#
# <span id="c051"></span>Now the steps of a network. A unit $j$ sums what comes in from the units that feed it, and applies its
# [activation function](../book/glossary.md#activation-function):
#
# $$ a_j = \sum_{i \in \text{Pre}(j)} w_{ij}\, x_i , \qquad x_j = f(a_j) . \tag{3.2} $$
#
# $w_{ij}$ sits on the edge *from $i$ to $j$*. There is no [bias](../book/glossary.md#bias) in it: treat one as a weight from an input that is always 1. Nothing here says "layer". Any wiring without a
# cycle will do, links that skip units included.
#
# Give a name to the slope of the loss in a *sum*: $g_j = \partial L / \partial a_j$. <span id="c053"></span>By (3.1) a unit collects from the units it feeds, Post($i$), each weighted with the same
# weight that carried the signal forwards; then its own activation function takes its turn:
#
# $$ \frac{\partial L}{\partial x_i} = \sum_{j \in \text{Post}(i)} w_{ij}\, g_j , \qquad
#    g_i = f'(a_i) \sum_{j \in \text{Post}(i)} w_{ij}\, g_j . \tag{3.3} $$
#
# <span id="c052"></span>A weight takes part in one product only, $w_{ij} x_i$ inside $a_j$. So its slope is what stands at its two ends:
#
# $$ \frac{\partial L}{\partial w_{ij}} = g_j\, x_i . \tag{3.4} $$
#
# Again on paper. Two inputs, two ReLU units, one linear output, and two links that skip: $x_2 \to k$ and $x_1 \to o$. The target is 2 and
# $L = \frac12 (o - 2)^2$, so $\partial L / \partial o = o - 2$.
#
# > **Predict.** Compute the three sums $a_h$, $a_k$, $a_o$, then $g_o$, $g_k$, $g_h$ in this order. Which of the two hidden units has more influence on the loss?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Network of inputs x1 = 2 and x2 = 1, hidden units h and k, output o, with weights on the arrows and two skip links. Values 1, 2 and 3 above h, k and o; slopes g of 7, 2 and 1 below them; 6 and -9 below the inputs."}}
from course_utils.scratch.autograd.dag_backward import backward, layered_edges, random_edges
from course_utils.scratch.networks.dag import Dag

edges = {
    ("x1", "h"): 1.0, ("x2", "h"): -1.0, ("h", "k"): 3.0, ("x2", "k"): -1.0,
    ("h", "o"): 1.0, ("k", "o"): 2.0, ("x1", "o"): -1.0,
}  # fmt: skip
small = Dag(edges, {"h": "relu", "k": "relu", "o": "linear"})
values = small.forward({"x1": 2.0, "x2": 1.0})
slopes = backward(small, values, {"o": values.x["o"] - 2.0})

figure, axes = plt.subplots(figsize=(7, 3))
draw_graph(
    axes,
    list(edges),
    places={"x1": (0, 1), "x2": (0, -1), "h": (1.1, 0.25), "k": (2.2, -0.75), "o": (3.3, 0.4)},
    values={name: float(value) for name, value in values.x.items()},
    gradients={**{n: float(slopes.x[n]) for n in ("x1", "x2")}, **{n: float(g) for n, g in slopes.g.items()}},
    edge_words={edge: f"{weight:g}".replace("-", "−") for edge, weight in edges.items()},
    digits=0,
)
axes.set_title("values in blue, g (inputs: dL/dx) in red, weights on the arrows", fontsize=10)
plt.show()
assert [float(values.a[n]) for n in "hko"] == [1, 2, 3]
assert [float(slopes.g[n]) for n in "okh"] == [1, 2, 7]

# %% [markdown]
# $g_o = 1$; $g_k = 2 \cdot g_o = 2$; and $h$ feeds both, so $g_h = 1 \cdot g_o + 3 \cdot g_k = 7$. The unit that speaks twice has the most influence. Every weight's slope is the red number at its
# head times the blue number at its tail:

# %% tags=["nbval-check-output"]
for (source, target), slope in slopes.weights.items():
    print(f"dL/dw({source} -> {target}) = {float(slopes.g[target]):.0f} * {float(values.x[source]):.0f} = {slope:.0f}")
assert list(slopes.weights.values()) == [14, 7, 2, 2, 1, 2, 2]

# %% [markdown]
# ### Does it hold for any wiring?
#
# Three answers must agree: the recursion, PyTorch's [autograd](../book/glossary.md#autograd), and plain nudging (central differences, explained [below](#checking-a-gradient)). Not on a drawing that we chose, but on two hundred random graphs with random activation
# functions and a great many skip links:

# %% tags=["hide-input", "nbval-check-output"]
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error

in_torch = {"linear": lambda a: a, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
rng = np.random.default_rng(SEED)
worst = {"forward": 0.0, "autograd": 0.0, "differences": 0.0}
skips = 0
for trial in range(200):
    edges = random_edges(units=10, inputs=3, seed=trial)
    net = Dag(edges, {f"u{j}": str(rng.choice(list(in_torch))) for j in range(3, 10)})
    inputs = {name: rng.normal(size=4) for name in net.inputs}
    values = net.forward(inputs)
    slopes = backward(net, values, {name: np.ones(4) for name in net.outputs})  # L = sum of all outputs

    tw = {edge: torch.tensor(weight, dtype=torch.float64, requires_grad=True) for edge, weight in edges.items()}
    tx = {name: torch.tensor(value) for name, value in inputs.items()}
    for unit in list(net.activations):
        tx[unit] = in_torch[net.activations[unit]](sum(tw[i, unit] * tx[i] for i in net.predecessors[unit]))
    sum(tx[name].sum() for name in net.outputs).backward()
    worst["forward"] = max(worst["forward"], max(np.abs(tx[n].detach().numpy() - values.x[n]).max() for n in net.order))
    worst["autograd"] = max(
        worst["autograd"], relative_error([slopes.weights[e] for e in edges], [tw[e].grad for e in edges])
    )
    if trial < 20:  # nudging is slow: a tenth of the graphs will do
        loss = lambda w: sum(
            v.sum() for n, v in Dag(dict(zip(edges, w)), net.activations).forward(inputs).x.items() if n in net.outputs
        )
        worst["differences"] = max(
            worst["differences"],
            relative_error([slopes.weights[e] for e in edges], numerical_gradient(loss, list(edges.values()))),
        )
    depth = {}
    for unit in net.order:
        depth[unit] = 1 + max((depth[i] for i in net.predecessors[unit]), default=-1)
    skips += sum(depth[j] - depth[i] > 1 for i, j in edges)

assert worst["forward"] < 1e-12
assert worst["autograd"] < 1e-12
assert worst["differences"] < 1e-6
print(f"200 graphs with {skips} skip links: values and gradients agree")

# %% [markdown]
# ## Layers: matrices forward, outer products back
#
# If the units come in layers, the sums of (3.2) are the rows of a matrix product. The graph that we just used does not know that. It computes unit by unit. Both must give the same:

# %% tags=["nbval-check-output"]
first, second = rng.normal(size=(5, 3)), rng.normal(size=(2, 5))
batch = rng.normal(size=(6, 3))  # (N, D)
by_matrix = np.tanh(np.tanh(batch @ first.T) @ second.T)
layered = Dag(layered_edges([first, second]), "tanh").forward({f"0.{i}": batch[:, i] for i in range(3)})
by_node = np.stack([layered.x[f"2.{j}"] for j in range(2)], axis=1)
assert np.allclose(by_matrix, by_node, atol=1e-12)
print("node by node = matrix by matrix")

# %% [markdown]
# And backwards? Write (3.4) for a whole layer: row $j$, column $i$ of the gradient is $g_j x_i$. Every entry of one vector times every entry of the other: an **outer product**, $g\,x^\top$.
#
# > **Predict.** The layer has 3 inputs and 5 outputs. What is the *rank* of its weight gradient for one example? For a batch of 6?
#
# For a batch the loss is a sum over examples, so the gradient is the sum of their outer products. A sum of outer products is a matrix product. With examples as rows of $X$ (N, inputs) and $G$ (N, outputs):
#
# $$ \frac{\partial L}{\partial W} = \sum_{n=1}^{N} g^{(n)} x^{(n)\top} = G^\top X , \qquad \frac{\partial L}{\partial b} = \sum_{n} g^{(n)} , \qquad \frac{\partial L}{\partial X} = G\,W . \tag{3.5} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.autograd.dag_backward import linear_backward, linear_backward_loops

X, G, W = rng.normal(size=(6, 3)), rng.normal(size=(6, 5)), rng.normal(size=(5, 3))
grad_x, grad_w, grad_b = linear_backward(X, G, W)
assert np.allclose(linear_backward(X[:1], G[:1], W)[1], np.outer(G[0], X[0]))
assert np.allclose(grad_w, sum(np.outer(g, row) for g, row in zip(G, X)))
for fast, slow in zip((grad_x, grad_w, grad_b), linear_backward_loops(X, G, W)):
    assert np.allclose(fast, slow)
layer = torch.nn.Linear(3, 5).double()
layer.weight.data = torch.tensor(W)
tx = torch.tensor(X, requires_grad=True)
layer(tx).backward(torch.tensor(G))
for ours, theirs in zip((grad_x, grad_w, grad_b), (tx.grad, layer.weight.grad, layer.bias.grad)):
    assert np.allclose(ours, theirs)
print(
    "rank for one example:",
    np.linalg.matrix_rank(np.outer(G[0], X[0])),
    " for a batch of six:",
    np.linalg.matrix_rank(grad_w),
)

# %% [markdown]
# One example gives a matrix of rank 1: every row is a multiple of its input $x$, every column a multiple of its errors $g$. A batch of $N$ examples gives at most rank $N$. Count the work in (3.5): two matrix products of the forward product's size, one
# for $\partial W$, one for $\partial X$. So backward costs at most two forwards, and less if the first layer is the largest: nobody needs its $\partial X$. That is the count from the beginning.
#
# ## An engine for numbers
#
# Deriving (3.3) for every new network is dull and error-prone. Let the program write down what it does. Each result keeps two things: what it was made from, and its slope in each. Here is a working engine:


# %%
class Number:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self.slopes = data, 0.0, parents, slopes

    def __add__(self, other):
        return Number(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Number(self.data * other.data, (self, other), (other.data, self.data))

    def tanh(self):
        t = math.tanh(self.data)
        return Number(t, (self,), (1 - t * t,))

    def backward(self):
        order, seen = [], set()

        def visit(node):  # parents first: every user of a node comes after it
            if id(node) not in seen:
                seen.add(id(node))
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):  # so backwards, every user comes before
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += node.grad * slope  # equation (3.1)


# %% tags=["nbval-check-output"]
u, v = Number(0.5), Number(-2.0)
result = (u * v + u).tanh() * u
result.backward()
tu, tv = (torch.tensor(n.data, dtype=torch.float64, requires_grad=True) for n in (u, v))
((tu * tv + tu).tanh() * tu).backward()
print(f"ours  {u.grad:.12f} {v.grad:.12f}\ntorch {tu.grad:.12f} {tv.grad:.12f}")
assert math.isclose(u.grad, tu.grad, rel_tol=1e-12)

# %% [markdown]
# Read the one line in `backward` again: that is (3.1). The *order* is what makes it right. A node may pass its gradient on only when all of its users have paid in.
#
# > **Predict.** What goes wrong if you replace `reversed(order)` by a plain walk from the end, "visit a parent as soon as its child is done"? On which of these two would you see
# > it: a chain, or a value that is used twice at different depths?


# %% tags=["nbval-check-output"]
def hasty_backward(node):  # depth first: passes on what has arrived so far, before all users have paid in
    for parent, slope in zip(node.parents, node.slopes):
        parent.grad += node.grad * slope
        hasty_backward(parent)


u = Number(2.0)
square = u * u
total = square * square + square  # square is used three times
total.grad = 1.0
hasty_backward(total)
right = 4 * 2.0**3 + 2 * 2.0  # u^4 + u^2
print(f"hasty: {u.grad}, right: {right}")
assert u.grad != right

# %% [markdown]
# Too much: each visit passes on again what earlier visits had already passed on. Chains would never have shown it. **Test an engine on graphs that branch and join.**
#
# `course_utils.scratch.autograd.value` finishes the engine: `- / **`, more functions, an order without recursion (a sum of ten thousand terms is a chain of that depth), and clear errors. The widget above
# repeats it operation by operation.
#
# ### Does it train a network to the same weights?
#
# Same start, same data, same steps: not *similar* weights, the **same**.

# %%
from course_utils.scratch.autograd.value import ScalarMLP
from course_utils.scratch.kernel_methods.point_sets import moons

points, sides = moons(40, seed=SEED)
torch.manual_seed(SEED)
twin = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1)).double()
copied = [p.detach().numpy().copy() for p in twin.parameters()]
scalar_net = ScalarMLP(copied[0::2], copied[1::2], "tanh")
optimiser = torch.optim.SGD(twin.parameters(), lr=0.3)
ours, theirs = [], []
for _ in range(100):
    for first in range(0, 40, 8):
        some, wanted = points[first : first + 8], sides[first : first + 8]
        loss = sum(((scalar_net(row)[0] - side) ** 2 for row, side in zip(some, wanted)), start=Value(0.0)) / 8
        loss.backward()
        scalar_net.step(0.3)

        optimiser.zero_grad()
        torch_loss = ((twin(torch.tensor(some))[:, 0] - torch.tensor(wanted)) ** 2).mean()
        torch_loss.backward()
        optimiser.step()
    ours.append(loss.data)
    theirs.append(torch_loss.item())

reached = np.concatenate([p.detach().numpy().ravel() for p in twin.parameters()])
difference = np.abs(np.array([p.data for p in scalar_net.parameters()]) - reached).max()
moved = np.abs(np.concatenate([c.ravel() for c in copied]) - reached).max()
assert difference < 1e-9 < 0.1 < moved
print(
    f"after 500 steps the 25 weights differ by less than 1e-9\nthe graph of one loss has {len(loss.graph()):,} numbers"
)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the loss of the scalar engine and of PyTorch over 100 passes; the dots of one lie on the line of the other. Right: the two moons of points with the region of each class as the trained network of the scalar engine sees it."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.7))
left.plot(theirs, color=COLORS["orange"], linewidth=3, label="PyTorch")
left.plot(ours, ".", color=COLORS["blue"], markersize=4, label="our engine")
left.set(xlabel="pass over the points", ylabel="loss of its last batch", title="Two engines, one curve", ylim=(0, None))
left.legend()
predict = lambda q: np.sign([scalar_net(row)[0].data for row in q])
plotting.decision_regions(right, predict, (-2.2, 3.2), (-2, 2.5), resolution=50)
plotting.scatter_classes(right, points, sides, size=18)
right.set(title="What it learned", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## An engine for tensors
#
# The scalar engine builds hundreds of Python objects for eight points with two numbers each. A single digit has 64 numbers, a photograph half a million. The remedy keeps the idea and changes the grain: **one node holds a whole array**. A node's slope would then be a
# huge matrix (every output entry by every input entry), so we never build it. Each operation says how to turn the gradient of its *result* into gradients of its *operands*:
#
# | operation | what it sends back |
# |---|---|
# | $C = A B$ | $\bar A = \bar C B^\top$, $\bar B = A^\top \bar C$: equation (3.5) |
# | $\tanh A$, entry by entry | $\bar C \odot (1 - C \odot C)$ |
# | sum over an axis | $\bar C$, repeated along the axis |
# | reshape, transpose | the same entries, put back |
# | repeat (broadcasting) | **sum over the repeats** |
#
# ($\bar A$ is short for $\partial L/\partial A$; it always has the shape of $A$.) The last row is the one that everybody forgets. In `x @ W.T + b` the vector $b$ is silently copied for every example; by (3.1) it must collect from
# every copy.
#
# > **Predict.** `a` has shape (3, 1), `b` has shape (4,). What is the shape of `a + b`, over which axis does each gradient sum, and what is every entry of `a`'s gradient if the loss is the sum of all entries?

# %% tags=["nbval-check-output"]
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy

column, line = Tensor(np.zeros((3, 1)), requires_grad=True), Tensor(np.zeros(4), requires_grad=True)
total = column + line
total.sum().backward()
print("sum:", total.shape, " a:", column.grad.shape, column.grad.ravel(), " b:", line.grad.shape, line.grad)
assert (column.grad == 4).all()
assert (line.grad == 3).all()

# %% [markdown]
# The whole engine, `course_utils/scratch/autograd/tensor.py`, is about two hundred lines. Open it: apart from documentation it is the scalar engine again. With it you can train on real pictures: 1,297 handwritten digits, 500 kept apart.
#
# > **Predict.** The perceptron of [chapter 01](01_perceptron.ipynb), ten linear units side by side, read 96 of 100 of these unseen digits. How many more will a hidden layer of 32 units read?

# %% tags=["band-digits"]
import numpy as np

from course_utils import data
from course_utils.scratch.autograd.tensor import MLP, Tensor, cross_entropy


def pixels_and_labels(digits):
    return digits.images.reshape(len(digits), -1).numpy().astype(np.float32) / 255, digits.labels.numpy()


train_x, train_y = pixels_and_labels(data.load("digits", "train"))
test_x, test_y = pixels_and_labels(data.load("digits", "test"))
draw = np.random.default_rng(SEED)
digit_net = MLP([64, 32, 10], seed=SEED)
digit_losses = []
for _epoch in range(30):
    for chosen in np.array_split(draw.permutation(len(train_x)), 20):
        loss = cross_entropy(digit_net(Tensor(train_x[chosen])), train_y[chosen])
        loss.backward()
        digit_net.step(lr=0.3)
    digit_losses.append(loss.item())
guess = digit_net(Tensor(test_x)).data.argmax(axis=1)
digits_result = {"accuracy": float((guess == test_y).mean())}

# %% mystnb={"image": {"alt": "Left: the loss of the last batch of each of 30 passes falls steeply at first, then slowly. Right: the accuracy on unseen digits of this run as a diamond on the band of twenty seeds."}}
expected = band("03_backprop.digits", "accuracy")
assert expected.contains(digits_result["accuracy"], slack=0.01)
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.4))
left.plot(digit_losses, color=COLORS["blue"])
left.set(xlabel="pass over the training set", ylabel="loss", title="Our own engine on digits", yscale="log")
plotting.seed_band(right, expected, digits_result["accuracy"], label="20 seeds")
right.set(xlabel="accuracy on 500 unseen digits", title="This run among twenty", xticks=[0.955, 0.96, 0.965, 0.97])
plt.show()
linear = band("01_perceptron.digits", "accuracy")
print("accuracy on unseen digits, 20 seeds:", expected)
print("the perceptron of chapter 01:       ", linear)
assert round(100 * linear.median) == 96
assert abs(expected.median - linear.median) < 0.01

# %% [markdown]
# Hardly any more. On pictures of 64 pixels a linear rule is good already, and a small network that is trained plainly does no better. That is worth knowing before you praise an engine for its accuracy. (On the 28×28 pixels of MNIST the two part company: see [at scale](#at-scale).)
#
# But the gradients are PyTorch's, entry for entry. In double precision the two engines cannot be told apart:

# %% tags=["nbval-check-output"]
exact = MLP([64, 32, 10], seed=SEED, dtype="float64")
parameters = [torch.tensor(p.data, requires_grad=True) for p in exact.parameters()]
logits = (
    torch.relu(torch.tensor(train_x[:64], dtype=torch.float64) @ parameters[0].T + parameters[1]) @ parameters[2].T
    + parameters[3]
)
F.cross_entropy(logits, torch.tensor(train_y[:64])).backward()
cross_entropy(exact(Tensor(train_x[:64].astype(np.float64))), train_y[:64]).backward()
worst = max(relative_error(p.grad, t.grad) for p, t in zip(exact.parameters(), parameters))
assert worst < 1e-13
print("relative error of each gradient below 1e-13")

# %% [markdown]
# ## The ReLU's gate
#
# <span id="c054"></span>The [ReLU](../book/glossary.md#activation-function), $f(a) = \max(0, a)$, has slope 1 above zero and slope 0 below. At exactly 0 it has a kink and no slope at all; any number from 0 to 1 is a
# [subgradient](../book/glossary.md#subgradient) there. PyTorch takes 0, and so do we.
#
# <span id="c055"></span>Put this into (3.3). The unit is a **gate** that the forward sweep set:
#
# $$ g_i = \begin{cases} \sum_{j} w_{ij}\, g_j & \text{if } a_i > 0, \\ 0 & \text{if } a_i \le 0. \end{cases} \tag{3.6} $$
#
# Play with the gate before you read on. Step to the end: the unit is open, a *negative* gradient arrives at the ReLU, and it passes. Then set `b` to −3 and step again. What does `w` get now, and what does `v` get?

# %%
ComputationGraph("(v * relu(w * x + b) - y) ** 2", {"v": 1, "w": 1, "x": 2, "b": -1, "y": 3})

# %% [markdown]
# With the gate shut both get nothing: `w` because nothing comes back through the gate, `v` because nothing came through it on the way forward.
#
# <span id="c056"></span>The lecture adds a recipe: "clip negative values in the matrix vector product $Wg$". Is that the same?
#
# > **Predict.** Four units had sums $a = (2, -1, -3, 1)$ on the way forward. From above comes $W^\top g = (-1.5, 2, -1, 3)$. Write down the gradient by (3.6), and by the recipe.

# %% tags=["nbval-check-output"]
from course_utils.scratch.autograd.relu_gate import RELU_RULES, dead_units

a_four, from_above = np.array([2.0, -1.0, -3.0, 1.0]), np.array([-1.5, 2.0, -1.0, 3.0])
t = torch.tensor(a_four, requires_grad=True)
torch.relu(t).backward(torch.tensor(from_above))
print("autograd          ", (t.grad.numpy() + 0).tolist())
for name, rule in RELU_RULES.items():
    print(f"{name:18s}", rule(a_four, from_above).tolist())
assert (RELU_RULES["gradient"](a_four, from_above) == t.grad.numpy()).all()
assert (RELU_RULES["deconvnet"](a_four, from_above) != t.grad.numpy()).any()

# %% [markdown]
# The recipe is **not** the gradient. It errs in both directions: it throws away $-1.5$, which must pass (a negative slope says "this active unit should be *larger*"), and it lets 2 through a unit that was shut and had no influence at all. What decides is the sign of
# $a_i$ on the way **forward**, never the sign of the gradient on its way back. Negative gradients are half of all there is to learn.
#
# How does such a slip happen? Two true statements look like it. The *forward* product $Wx$ is clipped at zero: that is the ReLU itself. And there is a real method that clips $Wg$: the *deconvnet* of
# [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014), which draws pictures of what a unit reacts to. A third rule, *guided backpropagation* ([Springenberg et al., 2015](../book/references.md#springenberg-2015)), demands both
# signs. They make clean pictures; no network is trained with them. See where each rule lets something pass:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three squares, the forward sum a from left to right, the gradient from above from bottom to top. Gradient: the whole right half passes. Deconvnet: the whole upper half passes. Guided: only the upper right quarter passes."}}
axis = np.linspace(-1, 1, 41)
across, up = np.meshgrid(axis, axis)
figure, panels = plt.subplots(1, 3, figsize=(7, 2.5), sharey=True)
for panel, (name, rule) in zip(panels, RELU_RULES.items()):
    panel.imshow(rule(across, up) != 0, origin="lower", extent=(-1, 1, -1, 1), cmap="Blues", vmin=0, vmax=1.6)
    panel.axhline(0, color=COLORS["ink"], linewidth=0.8)
    panel.axvline(0, color=COLORS["ink"], linewidth=0.8)
    panel.set(title=name, xlabel="$a$ going forward", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
panels[0].set_ylabel("gradient from above")
plt.show()

# %% [markdown]
# Does the difference matter for learning? Train the same network on the digits, once with each rule in the hidden layer.
#
# > **Predict.** The deconvnet rule: as good, a little worse, or hopeless?


# %%
def train_with(rule, steps=300, lr=0.3):
    draw, (w1, b1, w2, b2) = (
        np.random.default_rng(SEED),
        (p.data.astype(float) for p in MLP([64, 32, 10], seed=SEED).parameters()),
    )
    for _ in range(steps):
        chosen = draw.integers(len(train_x), size=64)
        x, a1 = train_x[chosen].astype(float), train_x[chosen] @ w1.T + b1
        h = np.maximum(a1, 0)
        shifted = np.exp((o := h @ w2.T + b2) - o.max(axis=1, keepdims=True))
        g2 = (shifted / shifted.sum(axis=1, keepdims=True) - np.eye(10)[train_y[chosen]]) / 64  # dL/da of softmax
        grad_h, grad_w2, grad_b2 = linear_backward(h, g2, w2)
        _, grad_w1, grad_b1 = linear_backward(x, rule(a1, grad_h), w1)
        w1, b1, w2, b2 = w1 - lr * grad_w1, b1 - lr * grad_b1, w2 - lr * grad_w2, b2 - lr * grad_b2
    sums = test_x @ w1.T + b1
    right = ((np.maximum(sums, 0) @ w2.T + b2).argmax(axis=1) == test_y).mean()
    return float(right), int(dead_units(sums).sum())


for name, rule in RELU_RULES.items():
    right, dead = train_with(rule)
    print(f"{name:10s} {right:4.0%} of the unseen digits right, {dead} of 32 hidden units dead")
    assert right > 0.9 if name == "gradient" else right < 0.3
    assert dead == 32 if name == "deconvnet" else dead < 20

# %% [markdown]
# Hopeless, and the second number says why. Clipping lets only positive gradients pass, and a positive gradient says "smaller". Pixels are never negative, so every incoming weight can only go down, step after step, until under the deconvnet's rule the last unit is shut and the network answers the same for all
# digits. (The guided rule leaves a shut unit alone, so some hang on, barely open, and just as useless.) With the signs you throw away half of the *news*: all of it that says "more".
#
# ### Units that never wake up
#
# <span id="c057"></span>Put (3.4) and (3.6) together. A unit with $a_j \le 0$ has $g_j = 0$, so *all* of its incoming weights get $g_j x_i = 0$. On this example it learns nothing. If it is inactive on **every** example, nothing ever moves it: it is
# [dead](../book/glossary.md#dead-unit).
#
# Let us kill one. Unit 0 of sixteen gets the bias $-10$; then 300 steps of training.

# %%
torch.manual_seed(SEED)
net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
with torch.no_grad():
    net[0].bias[0] = -10.0
inputs, targets = torch.tensor(points, dtype=torch.float32), torch.tensor(sides, dtype=torch.float32)
dead = dead_units(net[0](inputs).detach())
assert dead[0]
begin = net[0].weight.detach().clone()
optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
travelled, exactly_zero = [], True
for _ in range(300):
    optimiser.zero_grad()
    ((net(inputs)[:, 0] - targets) ** 2).mean().backward()
    exactly_zero &= bool((net[0].weight.grad[0] == 0).all() and net[0].bias.grad[0] == 0)
    optimiser.step()
    travelled.append((net[0].weight.detach() - begin).norm(dim=1).numpy())
travelled = np.array(travelled)
assert exactly_zero
assert (travelled[:, 0] == 0).all()
assert (travelled[-1, ~dead] > 0).all()
assert (dead_units(net[0](inputs).detach()) >= dead).all()
print(
    "dead at the start:",
    np.flatnonzero(dead).tolist(),
    " at the end:",
    np.flatnonzero(dead_units(net[0](inputs).detach())).tolist(),
)

# %% tags=["hide-input"] mystnb={"image": {"alt": "How far the incoming weights of the hidden units have moved over 300 steps: the curves of living units rise at once, most go on rising; the curve of unit 0, drawn in red, lies exactly on zero all the time."}}
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(travelled[:, ~dead], color=COLORS["blue"], alpha=0.45, linewidth=1)
axes.plot(travelled[:, 0], color=COLORS["vermillion"], linewidth=2.5, label="unit 0, dead from the start")
axes.set(xlabel="step", ylabel="way from the start", title="Incoming weights of the hidden units")
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# Exactly zero, not almost. And read the lists: we killed one unit, but some of the others were shut for all forty points by the luck of their random start, and nobody noticed. Another may have joined them on the way.
#
# The lecture says such units "tend to" stay inactive, and the careful word is right. Here the unit sees the *data*, which never changes. A unit higher up sees other units, and those do move. Watch one come back to life: the second unit reads the
# first, starts shut at $a = 1 \cdot 1 - 2 = -1$, and the output needs the first one to grow.

# %% tags=["nbval-check-output"]
w1, w2, bias, out = Value(1.0), Value(1.0), Value(-2.0), Value(1.0)
woke = None
for step in range(200):
    low = (w1 * 1.0).relu()
    high = (w2 * low + bias).relu()
    loss = (low + out * high - 4.0) ** 2
    loss.backward()
    if high.data == 0:
        assert w2.grad == bias.grad == 0  # shut: nothing arrives
    elif woke is None:
        woke = step
        print(f"step {step}: the lower unit has grown to {low.data:.2f}, the upper one opens: gradient {w2.grad:.2f}")
    for p in (w1, w2, bias, out):
        p.data -= 0.02 * p.grad
        p.grad = 0.0
assert woke is not None
assert woke > 5
print(f"in the end w2 = {w2.data:.2f} and the loss is {loss.data:.4f}")

# %% [markdown]
# So: inactive on one example means no learning *from that example*. Dead for good means inactive on all of them **and** inputs that stay as they are. A large learning rate is the usual killer, because one big step can push a bias far down. A leaky ReLU ([chapter 02b](02b_losses.ipynb#how-units-fall-silent)) never closes fully.
#
# ## What exactly do we minimise?
#
# <span id="c049"></span>Training minimises more than the misfit. The lecture adds a penalty on large weights, with $\Omega(W) = \sum_i W_i^2$:
#
# $$ J(W) = \frac1N \sum_{n=1}^{N} L\big(f(x_n), y_n; W\big) + \lambda\,\Omega(W) , \qquad
#    \nabla J = \frac1N \sum_n \nabla L_n + 2 \lambda W . \tag{3.7} $$
#
# One gradient step is then $W' = W - \eta \nabla L - 2 \eta \lambda W = (1 - 2 \eta \lambda)\, W - \eta \nabla L$. Each step first shrinks every weight by the same factor: **weight decay**.
#
# > **Predict.** PyTorch's `SGD(..., weight_decay=d)`: which `d` gives the same weights as the penalty $\lambda \sum W^2$ with $\lambda = 0.1$?


# %% tags=["nbval-check-output"]
def train_linear(make, penalty=0.0, steps=50):
    w = torch.linspace(-2, 2, 5, dtype=torch.float64).requires_grad_(True)
    optimiser = make([w])
    sample = torch.sin(torch.arange(40, dtype=torch.float64)).reshape(8, 5)
    for _ in range(steps):
        optimiser.zero_grad()
        ((sample @ w - sample[:, 0]) ** 2).mean().add(penalty * (w**2).sum()).backward()
        optimiser.step()
    return w.detach()


lam = 0.1
by_penalty = train_linear(lambda p: torch.optim.SGD(p, lr=0.05), penalty=lam)
for d in (lam, 2 * lam):
    by_decay = train_linear(lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=d))
    print(f"SGD, weight_decay = {d}: the same weights? {torch.allclose(by_penalty, by_decay, rtol=1e-12)}")

adam = train_linear(lambda p: torch.optim.Adam(p, lr=0.05), penalty=lam)
adam_decay = train_linear(lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=2 * lam))
adamw = train_linear(lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=2 * lam))
print(
    "Adam: penalty = weight_decay?",
    torch.allclose(adam, adam_decay, rtol=1e-9),
    "  AdamW the same?",
    torch.allclose(adam, adamw, rtol=1e-2),
)
assert torch.allclose(by_penalty, train_linear(lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=2 * lam)), rtol=1e-12)
assert not torch.allclose(adam, adamw, rtol=1e-2)

# %% [markdown]
# Twice $\lambda$: the 2 comes down from the square. "L2 means weight decay" is true for plain gradient descent, with that factor. For Adam it is **not**: Adam divides each gradient by its own recent size, the penalty's share
# included, so a weight with large gradients is hardly decayed at all. AdamW applies the decay outside ([Loshchilov and Hutter, 2019](../book/references.md#loshchilov-hutter-2019)). These are two different methods; [chapter 04d](04d_regularisation.ipynb) returns to them.
#
# <span id="c050"></span>Another slide writes the objective with halves, so that no 2 comes down:
# $J = \frac{1}{2N} \sum_n (y_n - h_n)^2 + \frac{\lambda}{2N} \sum_j W_j^2$. Its gradients are
#
# $$ \frac{\partial J}{\partial h_n} = -\frac{y_n - h_n}{N} , \qquad \frac{\partial}{\partial W_j}\,\frac{\lambda}{2N} \sum_k W_k^2 = \frac{\lambda W_j}{N} . \tag{3.8} $$

# %% tags=["nbval-check-output"]
h = torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64, requires_grad=True)
y3 = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
W4 = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
N = len(y3)
(((y3 - h) ** 2).sum() / (2 * N) + lam / (2 * N) * (W4**2).sum()).backward()
assert torch.allclose(h.grad, -(y3 - h.detach()) / N)
assert torch.allclose(W4.grad, lam * W4.detach() / N)
print("dJ/dh:", [round(v + 0.0, 4) + 0 for v in h.grad.tolist()], "  penalty:", [round(v, 4) for v in W4.grad.tolist()])

# %% [markdown]
# Both are right, and they are *different objectives*: the same letter $\lambda$ stands for `weight_decay` $= 2\lambda$ on the first slide and $\lambda/N$ on the second. Before you copy somebody's $\lambda$, read their formula.
#
# ## Checking a gradient
#
# You have written a backward pass. It runs, the loss even falls. Is it right? A wrong gradient often *almost* works, and that is the worst kind of bug. So measure the slope and compare. The **central difference** nudges to both sides:
#
# $$ \frac{\partial f}{\partial x_i} = \frac{f(x + h\,e_i) - f(x - h\,e_i)}{2h} + O(h^2) , \qquad
#    \text{error}(u, v) = \frac{\lVert u - v\rVert}{\lVert u\rVert + \lVert v\rVert} . \tag{3.9} $$
#
# The error is *relative*, because $10^{-6}$ is nothing for a slope of 100 and everything for a slope of $10^{-6}$. Here are two backward passes for a layer with a softmax. One of them has a bug that most of us have written at some time:


# %% tags=["nbval-check-output"]
def softmax_loss(w, x, y):
    logits = x @ w.T
    logits = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]))


def slopes_of(w, x, y, divide_by):
    p = np.exp(x @ w.T)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p.T @ x / divide_by


sample_x, sample_y, w_check = rng.normal(size=(8, 4)), rng.integers(0, 3, 8), rng.normal(size=(3, 4))
measured = numerical_gradient(lambda w: softmax_loss(w, sample_x, sample_y), w_check)
for name, divide_by in (("sum over the batch divided by 8", 8), ("division forgotten", 1)):
    claimed = slopes_of(w_check, sample_x, sample_y, divide_by)
    error = relative_error(claimed, measured)
    direction = float((claimed * measured).sum() / np.linalg.norm(claimed) / np.linalg.norm(measured))
    print(f"{name:32s} {'passes' if error < 1e-6 else 'FAILS '}  cosine {direction:.3f}")
    assert (error < 1e-6) == (divide_by == 8)

# %% [markdown]
# The bad one points in *exactly* the right direction (cosine 1) and is eight times too long. The loss would fall, until someone changes the batch size. Only numbers catch this.
#
# ### How the check itself fails
#
# > **Predict.** Smaller steps make a better difference quotient, says the definition of the derivative. So take $h = 10^{-12}$? Sketch the error over $h$, from 1 down to $10^{-14}$.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Relative error of difference quotients over the step on logarithmic axes. Three U-shaped curves: central differences in float64 reach about 1e-10 near a step of 1e-5, forward differences 1e-8 near 1e-8, central differences in float32 no better than 1e-5 near 1e-2."}}
from course_utils.scratch.autograd.gradient_check import errors_by_step

fixed = rng.normal(size=(20, 4))


def wavy(w):  # computes in the type of w
    return (
        (Tensor(fixed.astype(w.dtype)) @ Tensor(w)).tanh().sum().item()
        if w.dtype == np.float64
        else float(np.tanh(fixed.astype(w.dtype) @ w).sum())
    )


w_point = rng.normal(size=(4, 1))
tensor_w = Tensor(w_point, requires_grad=True)
(Tensor(fixed) @ tensor_w).tanh().sum().backward()
steps = 10.0 ** np.arange(-14, 0.5, 0.5)
curves = {
    "central, float64": errors_by_step(wavy, tensor_w.grad, w_point, steps),
    "forward, float64": errors_by_step(wavy, tensor_w.grad, w_point, steps, difference="forward"),
    "central, float32": errors_by_step(wavy, tensor_w.grad, w_point, steps, dtype="float32"),
}
figure, axes = plt.subplots(figsize=(7, 3.1))
for (name, curve), color, style in zip(curves.items(), ("blue", "green", "vermillion"), ("-", "--", "-.")):
    axes.loglog(steps, curve, style, color=COLORS[color], label=name)
    best = int(curve.argmin())
    axes.plot(steps[best], curve[best], "o", color=COLORS[color])
axes.set(xlabel="step $h$", ylabel="relative error", title="Too large, too small, just right")
axes.legend()
plt.show()
best = {name: (steps[curve.argmin()], curve.min()) for name, curve in curves.items()}
assert 1e-6 <= best["central, float64"][0] <= 1e-3
assert best["central, float64"][1] < 1e-8
assert 1e-10 <= best["forward, float64"][0] <= 1e-6
assert 1e-6 < best["central, float32"][1] < 1e-3
at_micro = int(np.argmin(np.abs(steps - 1e-6)))
assert curves["central, float32"][at_micro] > 1e-3  # where float64 is at its best
assert curves["central, float64"][at_micro] < 1e-8
assert all(curve[0] > 0.01 for curve in curves.values())

# %% [markdown]
# Three lessons in one picture.
#
# - **From the right, the error falls**: like $h^2$ for the central difference, like $h$ for the one-sided one. This is the mathematics.
# - **From the left, it rises like $1/h$.** This is the machine. $f$ is stored with about 16 digits; the difference of two nearly equal numbers keeps only those in which they differ, and dividing by a tiny $h$ blows up what was lost.
#   The two errors meet near $h \approx \varepsilon^{1/3} \approx 10^{-5}$ for central and $\varepsilon^{1/2} \approx 10^{-8}$ for forward differences.
# - **In float32 there is no good step.** With 7 digits the best you get here is between $10^{-5}$ and $10^{-4}$, and at $h = 10^{-6}$, as good as any for float64, the slope is wrong by percents. Check gradients in **double precision**.
#
# A fourth way to fail is a **kink**. If a ReLU's input lies within $h$ of zero, the two nudges stand on different sides, and their mean slope is the slope of neither:

# %% tags=["nbval-check-output"]
near_kink = 2e-7
by_nudging = float(numerical_gradient(lambda v: float(np.maximum(v, 0)), near_kink, step=1e-6))
print(f"relu at {near_kink}, slope 1: central difference {by_nudging:.2f} with h = 1e-6; with h = 1e-8:", end=" ")
print(f"{float(numerical_gradient(lambda v: float(np.maximum(v, 0)), near_kink, step=1e-8)):.2f}")
assert math.isclose(by_nudging, 0.6, rel_tol=1e-6)

# %% [markdown]
# A failed check near a kink is no proof of a bug. Move the point and look again. Now let us hold *everything* in this chapter's package to it, in float64, the fixed random points of each check away from kinks:

# %% tags=["hide-input", "nbval-check-output"]
from course_utils.scratch.autograd.checkpointing import TanhLayer
from course_utils.scratch.networks.activations import ACTIVATIONS

operations = {
    "+ - * / **": lambda t: ((t + 2.0) * t - 1.0 / (t * t + 1.0)) ** 2,
    "@ and T": lambda t: t @ t.T,
    "relu": lambda t: t.relu(),
    "tanh": lambda t: t.tanh(),
    "sigmoid": lambda t: t.sigmoid(),
    "exp and log": lambda t: (t.exp() + 1.0).log(),
    "sum, mean": lambda t: t.sum(axis=0) * t.mean(axis=1, keepdims=True),
    "reshape, index": lambda t: t.reshape(2, 6)[np.array([0, 1, 0]), np.array([3, 3, 3])],
    "broadcast": lambda t: t + t.sum(axis=0),
    "cross-entropy": lambda t: cross_entropy(t, [0, 3, 1]),
}
point, errors = rng.normal(size=(3, 4)), {}
for name, operation in operations.items():
    leaf = Tensor(point, requires_grad=True)
    (operation(leaf) * operation(leaf)).sum().backward()
    errors[name] = relative_error(
        leaf.grad, numerical_gradient(lambda v: float((operation(Tensor(v)).data ** 2).sum()), point, 1e-5)
    )
for name, (f, f_prime) in ACTIVATIONS.items():
    errors[f"f' of {name}"] = relative_error(
        f_prime(point), numerical_gradient(lambda v: float(f(v).sum()), point, 1e-5)
    )
tanh_layer, above = TanhLayer(rng.normal(size=(5, 4))), rng.normal(size=(3, 5))
errors["tanh layer, x"] = relative_error(
    tanh_layer.backward(point, above)[0],
    numerical_gradient(lambda v: float((tanh_layer.forward(v) * above).sum()), point, 1e-5),
)
errors["tanh layer, W"] = relative_error(
    tanh_layer.backward(point, above)[1],
    numerical_gradient(lambda v: float((TanhLayer(v).forward(point) * above).sum()), tanh_layer.weight, 1e-5),
)
errors["linear layer, W"] = relative_error(
    linear_backward(X, G, W)[1], numerical_gradient(lambda v: float((X @ v.T * G).sum()), W, 1e-5)
)
assert max(errors.values()) < 1e-7
print(textwrap.fill(f"{len(errors)} layers and functions pass: " + ", ".join(errors), 76))

# %% [markdown]
# This course goes on to write dozens of backward passes by hand: convolutions, poolings, normalisations. One test, `tests/scratch/test_every_backward.py`, *looks* for them, in every module, and fails when it finds one that it has no numerical check for. Do the same in your own
# projects: a check that somebody has to remember is a check that somebody forgets.
#
# ## Many minima, one quality
#
# <span id="c058"></span>You have the gradient. Does following it lead to *the* minimum? Only if there is one. The perceptron's loss and the losses of chapter 01 were convex: a bowl, and the mean of two solutions is never worse than they are. One hidden layer ends that, and you can
# prove it without a computer.
#
# Take any trained network. Swap two hidden units, with all of their weights in and out. Nothing changes, since a sum has no order. So you hold a *second* network elsewhere in weight space, just as good. Half-way between the two, both units have the same weights: they are one unit, written twice. If the loss were convex, this network with a unit less would be at least as good as the two.
#
# Now take the [two units that fold XOR](02_mlp.ipynb#four-corners-folded). Their loss is 0, their twin's is 0, and one unit alone cannot do XOR: it sees the corners along one direction only, and there the classes are mixed. So half-way the loss is above 0, and the loss is not convex. That is the whole proof. How high
# is the hill in a network that has learned from data?
#
# > **Predict.** We exchange the 64 hidden units of a digit network at random and walk in a straight line from the network to its twin. What is the loss half-way? And towards a network trained from *another* start?

# %% tags=["band-minima"]
import numpy as np
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.autograd.loss_surface import (
    blend,
    cosine,
    forward,
    match_units,
    permute_units,
    start_network,
    train_network,
)

torch.set_num_threads(1)
train_set, test_set = data.load("digits", "train"), data.load("digits", "test")
tx, ty = train_set.images.reshape(len(train_set), -1).float() / 255, train_set.labels
ux, uy = test_set.images.reshape(len(test_set), -1).float() / 255, test_set.labels


def training_loss(net):
    return F.cross_entropy(forward(net, tx), ty).item()


def unseen(net):
    return (forward(net, ux).argmax(dim=1) == uy).float().mean().item()


one, other = (train_network(start_network(64, 64, 10, seed=s), tx, ty, seed=s) for s in (SEED, SEED + 1000))
twin = permute_units(one, np.random.default_rng(SEED).permutation(64))
renamed = permute_units(other, match_units(one, other))
minima_result = {
    "accuracy": unseen(one),
    "loss": training_loss(one),
    "twin_midpoint": training_loss(blend(one, twin, 0.5)),
    "other_midpoint": training_loss(blend(one, other, 0.5)),
    "renamed_midpoint": training_loss(blend(one, renamed, 0.5)),
    "cosine": cosine(one, other),
    "cosine_renamed": cosine(one, renamed),
    "disagreement": (forward(one, ux).argmax(dim=1) != forward(other, ux).argmax(dim=1)).float().mean().item(),
}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training loss on three straight lines between networks, on a logarithmic scale. To the permuted twin and to another seed the loss rises about tenfold half-way and falls again. To the other network with its units renamed only a small rise is left."}}
assert abs(training_loss(twin) - training_loss(one)) < 1e-6
assert (forward(twin, ux) - forward(one, ux)).abs().max() < 1e-4
way = np.linspace(0, 1, 41)
figure, axes = plt.subplots(figsize=(7, 2.9))
for (name, end), color, style in zip(
    (("permuted twin", twin), ("another seed", other), ("another seed, units renamed", renamed)),
    ("vermillion", "blue", "green"),
    ("-", "--", "-."),
):
    axes.plot(way, [training_loss(blend(one, end, t)) for t in way], style, color=COLORS[color], label=name)
axes.set(
    xlabel="way from one network (0) to the other (1)",
    ylabel="training loss",
    yscale="log",
    title="A hill between equally good networks",
)
axes.legend()
plt.show()
for metric in ("twin_midpoint", "other_midpoint"):
    assert minima_result[metric] > 3 * minima_result["loss"]
    assert band("03_backprop.minima", metric).minimum > 3 * band("03_backprop.minima", "loss").maximum

# %% [markdown]
# The twin is the same function, to the last rounding, and yet a hill lies between. Convex is over: **training a network is a non-convex problem**, and it has at least $64! \approx 10^{89}$ copies of every minimum.
#
# <span id="c059"></span>The lectures add that "many local minima of similar quality seem to exist". See whether twenty starts agree:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Seed bands of twenty pairs of networks: accuracy on unseen digits between about 0.96 and 0.98; cosine between the weights of two networks close to 0; the same cosine after renaming the units, about 0.65."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.3))
plotting.seed_band(left, band("03_backprop.minima", "accuracy"), minima_result["accuracy"], label="accuracy")
left.set(xlabel="on 500 unseen digits", title="Similar quality", xlim=(0.9, 1.0))
plotting.seed_band(right, band("03_backprop.minima", "cosine"), minima_result["cosine"], label="as trained", y=0)
plotting.seed_band(
    right,
    band("03_backprop.minima", "cosine_renamed"),
    minima_result["cosine_renamed"],
    label="renamed",
    y=1,
    color=COLORS["green"],
)
right.set(xlabel="cosine between the weights of two networks", title="Far apart?", xlim=(-0.2, 1))
plt.show()
for metric in ("accuracy", "cosine", "cosine_renamed", "disagreement"):
    assert band("03_backprop.minima", metric).contains(
        minima_result[metric], slack=0.01 if metric == "accuracy" else 0.05
    )
    print(f"{metric:15s}", band("03_backprop.minima", metric))
assert band("03_backprop.minima", "accuracy").maximum - band("03_backprop.minima", "accuracy").minimum < 0.03
assert abs(band("03_backprop.minima", "cosine").median) < 0.1
assert band("03_backprop.minima", "cosine_renamed").minimum > 0.4

# %% [markdown]
# The claim holds here: twenty starts end within three points of accuracy, and their weights stand at right angles. But do not read "right angles" as "nothing in common". The permuted twin also stands at a right angle, and it is *the same network*. Most of the distance is a matter of
# names. Rename the units of the second network to fit the first (an assignment problem, [Ainsworth et al., 2023](../book/references.md#ainsworth-2023)), and the cosine jumps to nearly two thirds, and most of the hill is gone. The two are still not one: they disagree on a
# percent or two of unseen digits.
#
# It is small-scale evidence: one little network, one little data set. For large ones there are arguments from statistical physics ([Choromanska et al., 2015](../book/references.md#choromanska-2015)), under assumptions that real networks do not meet.
#
# ### A look from above
#
# A loss of 4,810 weights cannot be drawn. A *slice* can: choose two directions, walk along both, and draw the loss as height. First two random directions around the trained network, each unit moved in proportion to its own size
# ([Li et al., 2018](../book/references.md#li-2018)). Then the plane through three networks that all solve the task.
#
# > **Predict.** How many valleys do you see in the second picture? Where is the loss lowest in the first?

# %% mystnb={"image": {"alt": "Two maps of the training loss. Left, two random directions around a trained network: one smooth round bowl with the lowest point at the marked centre. Right, the plane through the network, its permuted twin and another seed: three separate dark valleys at the corners of a triangle."}}
from course_utils.scratch.autograd.loss_surface import loss_slice, random_direction

around = np.linspace(-1, 1, 25)
bowl = loss_slice(training_loss, one, random_direction(one, 1), random_direction(one, 2), around)
reach = np.linspace(-0.4, 1.4, 25)
to_twin, to_other = ({name: end[name] - one[name] for name in one} for end in (twin, other))
valleys = loss_slice(training_loss, one, to_twin, to_other, reach)

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
contour_slice(left, around, bowl)
left.set(title="around one network", xlabel="first random direction", ylabel="second")
contour_slice(right, reach, valleys)
right.plot([1, 0], [0, 1], "x", color=COLORS["orange"], markersize=9, markeredgewidth=2.5)
right.set(title="through three networks", xlabel="towards the twin", ylabel="towards another seed")
plt.show()
assert math.isclose(bowl[12, 12], training_loss(one), rel_tol=1e-6)
assert bowl.min() == bowl[12, 12]

# %% [markdown]
# Three valleys, as far apart as the plane allows. (Their deepest points lie a little *beyond* the crosses: longer weights make the same decisions more surely, and training had stopped before.)
#
# The centre of the first map *is* the training loss, to the last digit that float32 gives; the cell asserts it. A map whose centre is not your loss shows another network. And keep in mind what a slice hides: it cuts 2 of 4,810 dimensions. What looks like a wall may have a way around it in a third.
#
# ## Memory for time: checkpointing
#
# Look back at (3.3): going back through a layer needs $a_i$ and $x_i$ from the way forward. So the forward sweep stores **every** layer's input. For a deep network on large images this, not the weights, fills the memory.
#
# There is a way out: *forget, and compute again*. Keep only every $k$-th input, a **checkpoint**. Going back, take the last checkpoint, run its $k$ layers forward once more, undo them, and go on to the checkpoint before.
#
# > **Predict.** 64 layers, $k = 8$. How many inputs are held at the worst moment? How many extra layer calls does it take? Which $k$ holds the fewest?

# %% tags=["nbval-check-output"]
from course_utils.scratch.autograd.checkpointing import backward_bisecting, backward_storing, expected_counts

deep = [TanhLayer(rng.normal(size=(6, 6)) / 2) for _ in range(64)]
signal, above = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
plain = backward_storing(deep, signal, above)
runs = {k: backward_storing(deep, signal, above, every=k) for k in (1, 2, 4, 8, 16, 32, 64)}
runs["halves"] = backward_bisecting(deep, signal, above)
for k, run in runs.items():
    print(f"k = {k!s:7s} inputs held: {run.peak_stored:3d}   layer calls forward: {run.forward_calls:4d}")
    assert all(np.array_equal(a, b) for a, b in zip(run.grad_weights, plain.grad_weights))
    if k != "halves":
        assert (run.peak_stored, run.forward_calls) == expected_counts(64, k)

# %% [markdown]
# The gradients are equal to the last bit, whatever is kept. In numbers, for $L$ layers and segments of $k$ that fit evenly:
#
# $$ \text{inputs held} = \frac{L}{k} + k - 1 , \qquad \text{layer calls} = L + \Big(L - \frac{L}{k}\Big) . \tag{3.10} $$
#
# The first is smallest at $k = \sqrt{L}$: about $2\sqrt{L}$ inputs instead of $L$, for *less than one* extra forward sweep ([Chen et al., 2016](../book/references.md#chen-2016)). Sooner or later somebody asks for more: keep only the middle, do the right half, then the left, each in the same way. Then
# $1 + \log_2 L$ inputs suffice, and a layer goes forward $1 + \frac12 \log_2 L$ times on average. (Where to put a *given* number of checkpoints so that the fewest layers run twice has an exact answer: [Griewank and Walther, 2000](../book/references.md#griewank-walther-2000).)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Layer calls against inputs held for 64 layers, one point for each segment length. From 64 held and 64 calls the curve falls to 15 held and 120 calls at k = 8, then turns back; halving holds 7 and takes 256 calls."}}
figure, axes = plt.subplots(figsize=(7, 2.9))
every = [k for k in range(1, 65) if 64 % k == 0]
counts = np.array([expected_counts(64, k) for k in every])
axes.plot(counts[:, 0], counts[:, 1], "o-", color=COLORS["blue"], label="segments of $k$")
for k, (held, calls) in zip(every, counts):
    axes.annotate(f"k={k}", (held, calls), xytext=(2, -13 if k < 8 else 7), textcoords="offset points", fontsize=8)
halves = runs["halves"]
axes.plot(halves.peak_stored, halves.forward_calls, "D", color=COLORS["vermillion"], label="halving")
axes.set(
    xlabel="layer inputs held at the worst moment",
    ylabel="layer calls forward",
    title="64 layers: memory for time",
    xlim=(0, 70),
    ylim=(0, 280),
)
axes.legend()
plt.show()
assert halves.peak_stored == 1 + math.log2(64)
assert halves.forward_calls == 64 * (1 + math.log2(64) / 2)

# %% [markdown]
# PyTorch has this as `torch.utils.checkpoint`. A hook can count every tensor that autograd stores; so we can see it forget:

# %% tags=["nbval-check-output"]
from torch.utils.checkpoint import checkpoint_sequential


def count_stored(run):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        out = run()
    return sum(kept), out


torch.manual_seed(SEED)
tower = torch.nn.Sequential(*(torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh()) for _ in range(64))).double()
start_x = torch.randn(100, 8, dtype=torch.float64, requires_grad=True)
gradients = {}
for name, run in (
    ("plain", lambda: tower(start_x)),
    ("8 checkpoints", lambda: checkpoint_sequential(tower, 8, start_x, use_reentrant=False)),
):
    tower.zero_grad()
    stored, out = count_stored(run)
    out.sum().backward()
    gradients[name] = torch.cat([p.grad.ravel() for p in tower.parameters()])
    print(f"{name:14s} numbers stored going forward: {stored:,}")
assert torch.equal(gradients["plain"], gradients["8 checkpoints"])

# %% [markdown]
# ## Checked claims
#
# | Claim of the lectures | Verdict | Here |
# |---|---|---|
# | [C049](#c049) Misfit plus $\lambda \sum W^2$; L2 means weight decay | imprecise | for plain SGD, with `weight_decay` $= 2\lambda$; for Adam they differ |
# | [C050](#c050) The gradients $-(y-h)/N$ and $\lambda W / N$ | true | equal autograd's; another $\lambda$ than C049's |
# | [C051](#c051) $a_j = \sum w_{ij} x_i$, $x_j = f(a_j)$ | true | on 200 random graphs; a bias is a weight from a constant 1 |
# | [C052](#c052) $\partial L/\partial w_{ij} = g_j x_i$, an outer product for a layer | true | for a batch it is the sum of outer products |
# | [C053](#c053) $g_i = f'(a_i) \sum_{\text{Post}(i)} w_{ij} g_j$ | true | against autograd and differences, skip links included |
# | [C054](#c054) The ReLU's derivative is 0 for $a \le 0$, else 1 | true | at 0 any value in $[0, 1]$ would be a subgradient |
# | [C055](#c055) The gradient is zero where the ReLU is in its zero regime | true | the forward sum decides |
# | [C056](#c056) In the backward sweep, clip negative values of $Wg$ | false | negative gradients must pass; clipping them is the deconvnet's rule |
# | [C057](#c057) Inactive units kill the gradient on their weights and tend to stay inactive | true | dead for good only if inactive on all examples, and if their inputs do not change |
# | [C058](#c058) Training is a non-convex problem | true | a permuted twin is equally good, the midpoint is not |
# | [C059](#c059) Many local minima of similar quality seem to exist | true | twenty seeds on digits; most of their distance is naming of units |
#
# ## Pitfalls
#
# ### Gradients add up until you clear them
#
# `backward` *adds* to `grad`, since (3.1) is a sum. Forget to clear, and each step uses the sum of all gradients so far. The loss may still fall for a while:


# %% tags=["nbval-check-output"]
def descend(clear, steps=40):
    w = torch.tensor(5.0, requires_grad=True)
    seen = []
    for _ in range(steps):
        if clear:
            w.grad = None
        (w**2).backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        seen.append(abs(w.item()))
    return seen


print(f"cleared:   |w| after 40 steps below 0.01: {descend(True)[-1] < 0.01}")
print(
    f"forgotten: it swings past 0 and back, and in the last ten steps it still reaches {max(descend(False)[-10:]):.1f}"
)
assert max(descend(False)[-10:]) > 1

# %% [markdown]
# ### Overwriting what the way back needs
#
# The slopes use stored values. Change a stored array in place, and the slope is that of another function. PyTorch counts versions and refuses; an engine of your own does not:

# %% tags=["nbval-check-output"]
leaf = Tensor([1.0, 2.0], requires_grad=True)
squares = leaf * leaf
leaf.data[:] = 100.0  # "only reusing memory"
squares.sum().backward()
print("ours, silently wrong:", leaf.grad.tolist(), "instead of [2.0, 4.0]")
assert leaf.grad.tolist() != [2.0, 4.0]
t = torch.tensor([1.0, 2.0], requires_grad=True)
shifted = t * 1.0
squares = shifted * shifted
shifted += 1
try:
    squares.sum().backward()
    raise AssertionError("PyTorch should have refused")
except RuntimeError as error:
    print(textwrap.fill("PyTorch: " + str(error).split(":")[0], 76))

# %% [markdown]
# ### Cutting the graph by accident
#
# `.detach()`, `.item()`, `.numpy()`, or a rounding in between: the value arrives, the history does not. No error, only a gradient that misses a path. Below, the right slope of $w^2 \cdot w$ at 2 is 12:

# %% tags=["nbval-check-output"]
w = torch.tensor(2.0, requires_grad=True)
(w**2 * w.item()).backward()
print(f"with .item(): {w.grad.item():.0f} instead of 12;", end=" ")
w = torch.tensor(2.0, requires_grad=True)
(torch.round(w**2) * w).backward()
print(f"through round(), whose slope is 0: {w.grad.item():.0f}")
assert w.grad.item() == 4

# %% [markdown]
# ### The check that cannot fail
#
# Checking a gradient at a point where it is zero, or a network whose units are all dead, passes any backward pass. Look at the size of the gradient too. A check of a network at all-zero weights:

# %% tags=["nbval-check-output"]
zero = {"w1": np.zeros((4, 3)), "w2": np.zeros((2, 4))}
true_gradient = numerical_gradient(lambda w1: float((np.tanh(np.ones((5, 3)) @ w1.T) @ zero["w2"].T).sum()), zero["w1"])
nonsense = np.zeros((4, 3))  # a "backward pass" that returns zeros
print("error of a backward pass that returns zeros:", relative_error(nonsense, true_gradient))
assert relative_error(nonsense, true_gradient) == 0

# %% [markdown]
# ## Exercises
#
# **1. By hand** (ten minutes). $L = (\text{relu}(w_1 x) \cdot w_2 - y)^2$ with $w_1 = -1$, $x = 2$, $w_2 = 3$, $y = 1$. Compute $L$ and the gradients of all four numbers. Then change *one sign* in the inputs so that $w_1$ gets a gradient.
#
# <details><summary>Hint</summary>
#
# What is $a = w_1 x$? Which gate does it set?
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def both_layers(w1, x):
    numbers = [Value(w1), Value(x), Value(3.0), Value(1.0)]
    out = ((numbers[0] * numbers[1]).relu() * numbers[2] - numbers[3]) ** 2
    out.backward()
    return out.data, [n.grad for n in numbers]


print("shut:", both_layers(-1.0, 2.0))  # a = -2: only y gets a gradient
print("open:", both_layers(-1.0, -2.0))  # a = 2: 2 (6 - 1) = 10 flows back
assert both_layers(-1.0, 2.0) == (1.0, [0, 0, 0, 2])
assert both_layers(-1.0, -2.0) == (25.0, [-60, -30, 20, -10])

# %% [markdown]
# **2. A new operation** (fifteen minutes). Give the little class `Number` a method `abs` and a method `max(self, other)`. What do they send back at a tie? Check both against central differences.
#
# <details><summary>Hint</summary>
#
# The slope of `max` is 1 for the winner and 0 for the loser. At a tie every split that adds up to 1 is a subgradient.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class MoreNumber(Number):
    def abs(self):
        return Number(abs(self.data), (self,), ((self.data > 0) - (self.data < 0),))

    def max(self, other):
        mine = 0.5 if self.data == other.data else float(self.data > other.data)
        return Number(max(self.data, other.data), (self, other), (mine, 1 - mine))


for u0, v0 in ((-1.5, 0.3), (0.4, 0.2)):
    u, v = MoreNumber(u0), MoreNumber(v0)
    (u.max(v) * u.abs()).backward()
    measured = numerical_gradient(lambda z: max(z[0], z[1]) * abs(z[0]), [u0, v0])
    assert relative_error([u.grad, v.grad], measured) < 1e-8
print("max and abs agree with central differences")

# %% [markdown]
# **3. Forward mode** (half an hour). Carry along with each number its slope in *one* chosen input: a pair (value, slope), combined by the rules of the table at the top. Compute the gradient of `(w*x + b - y)**2` in all four inputs this way. How many sweeps does it take? When would forward mode be
# the better choice?
#
# <details><summary>Hint</summary>
#
# Such pairs are called *dual numbers*: $(u, u')(v, v') = (uv,\; u'v + uv')$. What if a function has one input and a thousand outputs?
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class Dual:
    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other):
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)


found = []
for k in range(4):  # one sweep for each input
    dw, dx, db, dy = (Dual(number, float(i == k)) for i, number in enumerate((2.0, 3.0, -1.0, 4.0)))
    dd = dw * dx + db - dy
    found.append((dd * dd).slope)
print("four sweeps:", found)
assert found == [6, 4, 2, -2]
print("with one input and many outputs, one forward sweep is enough: then it wins")

# %% [markdown]
# **4. The missing sum** (fifteen minutes). Take the tensor engine and break broadcasting: let `+` send the gradient back without `sum_to_shape`. What happens in `x @ W.T + b` with a batch of 5, and with a batch of 1? Which of the two should be in your tests?
#
# <details><summary>Hint</summary>
#
# Subclassing is not needed: compute what would arrive at `b` by hand and look at its shape.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for n in (5, 1):
    arriving = np.ones((n, 3))  # dL/d(output) of a sum
    b_now = np.zeros(3)
    broken = b_now - 0.1 * arriving  # what the step would make of b
    print(
        f"batch of {n}: the gradient has shape {arriving.shape}, and the step turns b from {b_now.shape} into {broken.shape}"
    )
    assert broken.shape == (n, 3)
print("no error in either case: with 5 examples b becomes a matrix, with 1 even the numbers are right; test both")

# %% [markdown]
# **5. Can decay raise the dead?** (twenty minutes). Repeat the experiment with the dead unit, with SGD, `lr=0.05` and 4,000 steps; once with `weight_decay=0.05` on all parameters, once with decay on the biases only. First guess both outcomes. Why is neither a contradiction to C057?
#
# <details><summary>Hint</summary>
#
# The gradient of the *loss* is zero. What else moves the weights now? What does shrinking $w$ and $b$ by the same factor do to the sign of $w^\top x + b$?
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def first_gradient(biases_only):
    torch.manual_seed(SEED)
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    with torch.no_grad():
        net[0].bias[0] = -10.0
    decayed = [net[0].bias, net[2].bias] if biases_only else list(net.parameters())
    others = [p for p in net.parameters() if all(p is not q for q in decayed)]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others}]
    optimiser = torch.optim.SGD([group for group in groups if group["params"]], lr=0.05)
    for step in range(4000):
        optimiser.zero_grad()
        ((net(inputs)[:, 0] - targets) ** 2).mean().backward()
        if (net[0].weight.grad[0] != 0).any():
            return step
        optimiser.step()
    return None


on_all, on_biases = first_gradient(False), first_gradient(True)
print("first step with a gradient: decay on all parameters", on_all, "- on biases only", on_biases)
print("shrunk together, weights and bias leave the sign of every sum as it was: dead for ever")
assert on_all is None
assert on_biases is not None

# %% [markdown]
# **6. Train with a budget** (an evening). Add checkpointing to the tensor engine: a function `checkpoint(f, x)` that runs `f` without recording and, on the way back, runs it again with recording. Check on a network of 16 layers that gradients stay the same, and count the tensors that the graph
# holds after the forward sweep.
#
# <details><summary>Hint</summary>
#
# `Tensor._made(data, parents, backward)` takes any function for the way back. In it, make fresh leaves, run `f` on them, call `.backward(g)`, and hand their `grad` on. Weights count as parents too.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def checkpoint(f, x, weights):
    quiet = f(Tensor(x.data), [Tensor(w.data) for w in weights])  # no requires_grad: nothing is recorded

    def backward(g):
        leaves = [Tensor(t.data, requires_grad=True) for t in (x, *weights)]
        f(leaves[0], leaves[1:]).backward(g)
        return tuple(leaf.grad for leaf in leaves)

    return Tensor._made(quiet.data, (x, *weights), backward)


def block(x, weights):
    for w in weights:
        x = (x @ w.T).tanh()
    return x


stack = [Tensor(rng.normal(size=(4, 4)) / 2, requires_grad=True) for _ in range(16)]
entry = Tensor(rng.normal(size=(3, 4)))
direct = block(entry, stack).sum()
direct.backward()
wanted = [w.grad.copy() for w in stack]
for w in stack:
    w.grad = None
through = entry
for k in range(0, 16, 4):
    through = checkpoint(block, through, stack[k : k + 4])
through = through.sum()
through.backward()
assert all(np.allclose(w.grad, g, atol=1e-12) for w, g in zip(stack, wanted))
print(
    f"tensors in the graph: {len(direct.graph())} plain, {len(through.graph())} with four checkpoints; same gradients"
)
assert len(through.graph()) < len(direct.graph())

# %% [markdown]
# ## At scale
#
# How far does an engine of two hundred lines carry? To the 60,000 digits of [MNIST](../book/references.md#lecun-1998), and in comparable time. Both records come from one command each, `python -m tools.record_backprop mnist` (after `course data mnist`) and `python -m benchmarks.autograd --record`:

# %%
record, speed = load_record("03_backprop.mnist"), load_record("autograd")
print("our engine, 784-128-10, on 10,000 unseen digits:", band("03_backprop.mnist", "accuracy"))
print(
    f"{record['epochs']} passes; {record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}"
)
print(
    f"one training step, batch {speed['batch_size']}: ours {speed['tensor_ms']:.2f} ms, PyTorch {speed['torch_ms']:.2f} ms: {speed['ratio']:.1f} times as long"
)
print(f"the scalar engine takes {speed['scalar_ratio']:,.0f} times as long as ours on tensors")
assert band("03_backprop.mnist", "accuracy").minimum > 0.96
digits_of_mnist = band("01_perceptron.mnist", "accuracy_average")
print("the averaged perceptron of chapter 01 on MNIST: ", digits_of_mnist)
assert speed["ratio"] < 1.2
assert band("03_backprop.mnist", "accuracy").minimum > digits_of_mnist.maximum + 0.04

# %% [markdown]
# Here the hidden layer pays: five more of a hundred digits. And why is ours not slower than PyTorch? Networks of this size mostly pay for *calls*: a few dozen operations a step, each a visit to compiled code, and ours have less to look after. Where layers are large, both wait for the same kind of compiled matrix product. What PyTorch has and two hundred lines have not: GPUs, several hundred operations, second derivatives, checks on overwritten values, and ten years of corner cases.
#
# ## Summary
#
# - Cut a formula into steps whose slopes you know. Forward fills in values, backward multiplies slopes from the loss down, and a value that is used twice adds what comes back: (3.1).
# - On a network: $g_i = f'(a_i) \sum w_{ij} g_j$ and $\partial L/\partial w_{ij} = g_j x_i$, for any wiring. For a layer the weight gradient is an outer product, for a batch a sum of them.
# - One backward sweep costs at most about two forward sweeps, whatever the number of weights. The price is memory; checkpoints buy it back with time.
# - An engine records operations and applies (3.1) in reverse order. Broadcasting goes back as a sum.
# - A ReLU's gate is set going forward. Negative gradients pass. A unit that is shut for all examples learns nothing.
# - Check gradients in float64, with central differences, $h \approx 10^{-5}$ to $10^{-6}$, relative errors, away from kinks and zeros.
# - Losses of networks have many equally good minima; a good part of "many" is the naming of units.
#
# ## Further reading
#
# - [Rumelhart, Hinton and Williams (1986)](../book/references.md#rumelhart-1986): the four pages that made it known.
# - [Linnainmaa (1976)](../book/references.md#linnainmaa-1976): the reverse mode, before networks.
# - [Baydin et al. (2018)](../book/references.md#baydin-2018): a survey of automatic differentiation, forward mode included.
# - [Griewank and Walther (2000)](../book/references.md#griewank-walther-2000): the optimal way to place checkpoints.
# - [Li et al. (2018)](../book/references.md#li-2018): loss surfaces, and how normalisation changes what one sees.
# - [Ainsworth et al. (2023)](../book/references.md#ainsworth-2023): merging networks modulo permutations.
#
# ## The next question
#
# You can compute the gradient of anything now. But a gradient is only a direction. How far should you go? With how many examples? What do you do in a long narrow valley, where the steepest way down runs from wall to wall? [Chapter 04](04_training.ipynb), Training, is about the step.
