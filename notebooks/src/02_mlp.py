# %% [markdown]
# # Layers
#
# One unit draws one line. Put units behind units, with a bend between them, and the first ones learn *what to look at* while
# the last one decides. You will build such networks by hand, find out what they can and cannot represent, give them
# something to minimise, choose their bend by measurement, and see why you should not feed them pixels.
#
# **You will be able to**
#
# - write a multi-layer perceptron as two lines of NumPy, and get PyTorch's numbers to the last digit;
# - prove that layers without a bend are one layer, and show that a step gives nothing to learn from;
# - build by hand a network for any table of bits, and one for any curve, and say what each costs;
# - evaluate any wiring without a cycle in one pass;
# - choose a loss for classes, for numbers, for similarity, and write its gradient;
# - compare activation functions with seeds instead of slogans;
# - count what a dense layer costs on an image, and measure what one pixel of shift does to it.
#
# **You need** [the perceptron](01_perceptron.ipynb) and its threshold unit. [Kernels and margins](01b_kernels.ipynb) ends
# where this chapter begins.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.networks import layer_positions, median_band, network_diagram, value_and_slope
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MlpPlayground, WeightDials

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Play first
#
# Below is a whole network: two inputs, some layers of units, one output that colours the plane. It trains before your eyes.
#
# 1. Data *XOR*, activation *linear*. Train. Add layers, add units. Does it ever get there?
# 2. Change one thing: the activation, from *linear* to *ReLU* or *tanh*. What happens?
# 3. Data *circles*. What is the smallest number of hidden units that closes the border around the inner class?
#
# Keep your answers. By the middle of the chapter each of them is a theorem or a cell that you have run.

# %%
MlpPlayground()

# %% [markdown]
# ## Four corners, folded
#
# [XOR defeated every line](01_perceptron.ipynb#four-inequalities-that-cannot-hold-together). Four corners of a square, two
# classes on the two diagonals. One unit cuts the plane along one line, and no line will do.
#
# So do not cut yet. **Move the points first.** Take two units that each look at the corner $x = (x_1, x_2)$, and hand their
# answers, not the corner, to a third. Each unit adds its inputs with weights, then bends the sum with a function $h$; here
# $h(a) = \max(0, a)$, zero below zero and unchanged above:
#
# $$ z_1 = \max(0,\; x_1 + x_2), \qquad z_2 = \max(0,\; x_1 + x_2 - 1), \qquad s = z_1 - 2 z_2 . $$
#
# > **Predict.** Where do the four corners land in the plane of $(z_1, z_2)$? Work it out on paper. Can a line separate the
# > classes there?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a network diagram; x1 and x2 feed z1 and z2 with weights 1, z2 has bias minus 1, the output adds z1 and subtracts twice z2. Middle: the four XOR corners, classes on the diagonals. Right: in the plane of z1 and z2 the corners 01 and 10 fall on one point (1,0), the others on (0,0) and (2,1), and a line separates the classes."}}
from course_utils.scratch.networks.mlp import MLP, forward_by_loops, to_torch
from course_utils.scratch.perceptrons.threshold_unit import GATES, binary_inputs

corners, wanted = binary_inputs(2), np.array(GATES["XOR"])
fold = MLP(
    weights=[np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, -2.0]])],
    biases=[np.array([0.0, -1.0]), np.array([0.0])],
    activation="relu",
)
hidden = fold.layers(corners)[1]

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.6))
wires = {("x1", "z1"): 1, ("x2", "z1"): 1, ("x1", "z2"): 1, ("x2", "z2"): 1, ("z1", "s"): 1, ("z2", "s"): -2}
places = dict(zip(("x1", "x2", "z1", "z2", "s"), (p for layer in layer_positions([2, 2, 1]) for p in layer)))
network_diagram(left, places, wires)
left.text(1, -0.85, "bias −1", ha="center", fontsize=8)
for axes, points, names in ((middle, corners, ("$x_1$", "$x_2$")), (right, hidden, ("$z_1$", "$z_2$"))):
    plotting.scatter_classes(axes, points, wanted, size=70)
    axes.set(xlabel=names[0], ylabel=names[1], aspect="equal", xticks=[0, 1, 2], yticks=[0, 1])
middle.set(xlim=(-0.4, 1.5), ylim=(-0.5, 1.5), title="what comes in")
right.set(xlim=(-0.4, 2.4), ylim=(-0.9, 1.9), title="after the fold")
right.plot([0.3, 2.9], [-0.1, 1.2], color=COLORS["ink"], linestyle="--", linewidth=1.3)
right.annotate("two corners\nin one place", (1.05, -0.06), (1.25, -0.8), fontsize=8)
plt.show()

# %% [markdown]
# The corners $(0,1)$ and $(1,0)$ fall on the same point. The hidden layer has *folded* the square along the diagonal, and what no
# line could cut in $x$, a line cuts in $z$. This is what layers are for: **the hidden layer changes the
# representation until a linear unit suffices.** Each ReLU unit folds along one line. It takes three lines to close off a piece of the plane, and that
# answers the playground's third question: three units.
#
# The general form. A [multi-layer perceptron](../book/glossary.md#multilayer-perceptron) with $H$ hidden units computes
#
# $$ a = W^{(1)} x + b^{(1)}, \qquad z = h(a), \qquad s = W^{(2)} z + b^{(2)} . \tag{2.1} $$
#
# The sums $a$ are the [pre-activations](../book/glossary.md#pre-activation), the bent values $z$ the *activations* of the
# [hidden units](../book/glossary.md#hidden-unit), and $h$ the [activation function](../book/glossary.md#activation-function). More
# layers repeat the first two steps. The lecture writes $z = h(W^{(1)}x)$, $y = \sigma(W^{(2)}z)$, without biases and with a function
# around the output. Both differences matter. You will see [why](#c030).
#
# Three ways to compute it: loops over units and weights, matrix products, PyTorch. The course's `MLP` class holds the weights; `to_torch`
# copies them into `nn.Linear` layers.

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.mlp import random_mlp

print("XOR by hand:", fold(corners)[:, 0].tolist())
assert fold(corners)[:, 0].tolist() == wanted.tolist()

some = random_mlp((3, 8, 5, 2), "tanh", seed=SEED)
x = np.random.default_rng(SEED).normal(size=(6, 3))
theirs = to_torch(some)(torch.tensor(x)).detach().numpy()
by_hand = np.tanh(np.tanh(x @ some.weights[0].T + some.biases[0]) @ some.weights[1].T + some.biases[1])
by_hand = by_hand @ some.weights[2].T + some.biases[2]
for name, values in (("matrices", some(x)), ("loops", forward_by_loops(some, x)), ("written out", by_hand)):
    assert np.abs(values - theirs).max() < 1e-12
    print(f"{name:12s} agree with PyTorch to 1e-12")

# %% [markdown]
# ## A layer without a bend is no layer
#
# Why the bend? Leave it out: $h(a) = a$. Then equation 2.1 says
#
# $$ s = W^{(2)}\big(W^{(1)} x + b^{(1)}\big) + b^{(2)} = \underbrace{W^{(2)} W^{(1)}}_{W} x + \underbrace{W^{(2)} b^{(1)} + b^{(2)}}_{b} . \tag{2.2} $$
#
# One matrix, one bias. <span id="c029"></span>The lecture is right: a net with linear activations *is* a linear model, however many layers you stack. The layers
# "just induce a certain factorisation". That factorisation does one thing: a product of matrices has at most the rank of its
# narrowest factor.
#
# > **Predict.** A linear network with layers 20-15-3-15-10. What is the largest possible rank of the one matrix that replaces it? What
# > is the lowest mean squared error of *any* linear network on XOR with targets 0 and 1?

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.mlp import collapse

deep = random_mlp((20, 15, 3, 15, 10), "linear", seed=SEED)
W, b = collapse(deep)
x20 = np.random.default_rng(SEED).normal(size=(100, 20))
print(
    f"five layers against one matrix: largest difference below 1e-12: {np.abs(deep(x20) - (x20 @ W.T + b)).max() < 1e-12}"
)
print(f"rank of the {W.shape[0]} x {W.shape[1]} matrix: {np.linalg.matrix_rank(W)}")
assert np.abs(deep(x20) - (x20 @ W.T + b)).max() < 1e-12
assert np.linalg.matrix_rank(W) == 3

with_one = np.hstack([corners, np.ones((4, 1))])
best = np.linalg.lstsq(with_one, wanted, rcond=None)[0]
print("best linear scores on XOR:", np.round(with_one @ best, 3).tolist(), "- it can only answer one half")
assert np.allclose(with_one @ best, 0.5)

# %% [markdown]
# That is the first answer from the playground: with *linear*, no number of layers and no patience will ever bend the border. The best
# linear answer to XOR is "one half" everywhere. (Linear layers are not useless for all that: a narrow one in the middle saves weights. 20-3-10 needs
# fewer numbers than 20-10 does.)
#
# ## A step gives nothing to learn from
#
# So bend. The perceptron's own bend is the step: 0 below the threshold, 1 above. It can represent XOR (you
# [built it](01_perceptron.ipynb#exercises) from three units). Why does the lecture say in bold **not** to use it?
#
# > **Predict.** A network with four hidden units, trained on XOR by gradient descent from ten starts: once with the step, once with the sigmoid $1/(1+e^{-a})$, a
# > smooth step. What does autograd report for the first layer's weights under the step? Which losses do you expect after 2,000 steps?


# %%
def step(a):
    return (torch.sign(a) + 1) / 2  # sign passes a gradient of exactly 0; (a > 0).float() passes none at all


def train_xor(bend, steps=2000, seeds=10):
    """Train ten networks 2-4-1 side by side; the first dimension of every tensor counts networks."""
    draw = torch.Generator().manual_seed(SEED)
    W1, W2 = torch.randn(seeds, 4, 2, generator=draw), torch.randn(seeds, 1, 4, generator=draw)
    b1, b2 = torch.randn(seeds, 1, 4, generator=draw), torch.zeros(seeds, 1, 1)
    parameters = [p.requires_grad_() for p in (W1, b1, W2, b2)]
    start, losses, first_gradient = W1.detach().clone(), [], None
    x, y = torch.tensor(corners).float(), torch.tensor(wanted).float()
    for _ in range(steps):
        scores = (bend(x @ W1.mT + b1) @ W2.mT + b2)[..., 0]
        loss = (scores - y).square().mean(dim=1)  # one loss a network
        gradients = torch.autograd.grad(loss.sum(), parameters)
        first_gradient = gradients[0] if first_gradient is None else first_gradient
        with torch.no_grad():
            for p, g in zip(parameters, gradients):
                p -= 0.3 * g
        losses.append(loss.detach())
    moved = (W1.detach() - start).abs().amax(dim=(1, 2))
    return torch.stack(losses), first_gradient, moved


runs = {"step": train_xor(step), "sigmoid": train_xor(torch.sigmoid)}
for name, (losses, first_gradient, moved) in runs.items():
    silent = (first_gradient == 0).all(dim=2).all(dim=1).sum()
    print(
        f"{name:8s} first-layer gradient all zero: {silent} of 10; first layer never moved: {(moved == 0).sum()}; "
        f"solved: {(losses[-1] < 0.01).sum()}"
    )
assert (runs["step"][1] == 0).all()
assert (runs["step"][2] == 0).all()
assert (runs["sigmoid"][2] > 0.1).all()
assert (runs["sigmoid"][0][-1] < 0.01).sum() >= 8

# %% [markdown]
# Under the step the first layer gets a gradient of exactly zero, so it stays where chance put it. The output layer still learns, on top of random
# features, as in [Rosenblatt's machine](01_perceptron.ipynb#what-the-random-units-add); where those happen to separate the corners, the run ends well by
# luck. The picture shows why. A gradient asks "what changes if I nudge this weight a little?". Nudge a step: nothing.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: sigmoids of steepness 1, 4 and 20 and the step they approach. Middle: their slopes; the steeper the sigmoid, the higher and narrower the peak at zero, and the step's slope is a flat zero line. Right: training loss on XOR over 2000 steps; sigmoid runs fall to zero, most step runs stay flat above it."}}
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.5))
a = np.linspace(-3, 3, 601)
for steepness, color in ((1, "blue"), (4, "green"), (20, "orange")):
    value = 1 / (1 + np.exp(-steepness * a))
    left.plot(a, value, color=COLORS[color], linewidth=1.5, label=f"σ({steepness if steepness > 1 else ''}a)")
    middle.plot(a, steepness * value * (1 - value), color=COLORS[color], linewidth=1.5)
left.plot(a, a > 0, color=COLORS["ink"], linestyle=":", label="step")
middle.plot(a, 0 * a, color=COLORS["ink"], linestyle=":")
left.legend(fontsize=7.5, loc="upper left", handlelength=1.2)
left.set(title="value", xlabel="a")
middle.set(title="slope", xlabel="a")
for name, color, style in (("step", "ink", ":"), ("sigmoid", "blue", "-")):
    lines = right.plot(runs[name][0][:, :5], color=COLORS[color], linestyle=style, linewidth=1.2)
    lines[0].set_label(name)
right.set(title="loss on XOR, 5 starts", xlabel="step", ylim=(0, 0.6))
right.legend(fontsize=8)
plt.show()

# %% [markdown]
# Steepen a sigmoid and its slope does not vanish, it *concentrates*: a tall peak at the threshold and nothing elsewhere. The step is the limit, all peak
# and no width. A unit learns from the examples on its slope. Remember this when we come to [saturation](#how-units-fall-silent).
#
# How the gradient of a whole network is computed is the subject of [chapter 03](03_backprop.ipynb). Here autograd does it.
#
# ## Learned features against fixed ones
#
# The hidden layer is a [feature map](../book/glossary.md#feature-map) $\phi(x) = h(W^{(1)}x + b^{(1)})$ that was *learned*, together with the classifier on
# top. Is it better than a fixed one? Ask with a [probe](../book/glossary.md#probe): take the features, throw the rest of the network away, train a plain
# linear classifier on them. The same probe, on 1,297 digits of $8 \times 8$ pixels, for three kinds of features:
#
# - **raw**: the 64 pixels themselves;
# - **random**: $H$ ReLU units with random weights, never trained;
# - **learned**: the same $H$ units from the same start, after training.
#
# > **Predict.** Sort the three for $H = 8$, $H = 64$ and $H = 256$. Does random ever beat raw?

# %% tags=["band-probe"]
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

from course_utils import data

digits, unseen = data.load("digits", "train"), data.load("digits", "test")
pixels, new_pixels = digits.images.flatten(1).float() / 255, unseen.images.flatten(1).float() / 255


def read_out(features, new_features):
    """Test accuracy of a linear classifier on standardised features."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    classifier = LogisticRegression(max_iter=500).fit(((features - mean) / spread).numpy(), digits.labels)
    return classifier.score(((new_features - mean) / spread).numpy(), unseen.labels)


def features_of(layer):
    with torch.no_grad():
        return torch.relu(layer(pixels)), torch.relu(layer(new_pixels))


probe_result, replay = {"raw": read_out(pixels, new_pixels)}, []
for units in (8, 64, 256):
    torch.manual_seed(SEED)
    layer = nn.Linear(64, units)
    probe_result[f"random_{units}"] = read_out(*features_of(layer))
    net = nn.Sequential(layer, nn.ReLU(), nn.Linear(units, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    draw = torch.Generator().manual_seed(SEED)
    for _ in range(20):
        for batch in torch.randperm(len(pixels), generator=draw).split(64):
            optimiser.zero_grad()
            F.cross_entropy(net(pixels[batch]), digits.labels[batch]).backward()
            optimiser.step()
            if units == 64 and len(replay) < 300:
                replay.append(layer.weight.detach().clone())
    probe_result[f"learned_{units}"] = read_out(*features_of(layer))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Seven seed bands of probe accuracy with the reader's own run as diamonds: random 8 far below everything, learned 8 far above it, raw near 0.96, learned 64 above raw while random 64 lies below or at raw, and random 256 and learned 256 both above raw with the learned one ahead."}}
figure, axes = plt.subplots(figsize=(7, 3.2))
rows = ["random_8", "learned_8", "raw", "random_64", "learned_64", "random_256", "learned_256"]
for row, name in enumerate(rows):
    color = COLORS["gray"] if name == "raw" else COLORS["orange" if "random" in name else "blue"]
    plotting.seed_band(
        axes, band("02_mlp.probe", name), probe_result[name], name.replace("_", ", "), y=-row, color=color
    )
axes.set(xlabel="test accuracy of a linear probe (20 seeds)")
plt.show()

# %%
learned, chance = band("02_mlp.probe", "learned_64"), band("02_mlp.probe", "random_64")
for name in rows:
    assert band("02_mlp.probe", name).contains(probe_result[name], slack=0.012), name
    print(f"{name.replace('_', ', '):>13}: {probe_result[name]:.3f}; seeds {band('02_mlp.probe', name)}")
assert learned.minimum > band("02_mlp.probe", "raw").maximum
assert learned.minimum > chance.median
assert learned.median > chance.maximum
assert band("02_mlp.probe", "learned_8").minimum > band("02_mlp.probe", "random_8").maximum

# %% [markdown]
# Learned features beat raw pixels and random features of the same number. The gap is widest where units are scarce: eight random questions lose most
# of the digit, eight *chosen* ones keep most of it. With many units random features pass the pixels too and catch up with the learned ones, as they did in the
# [perceptron's chapter](01_perceptron.ipynb#what-the-random-units-add). Learning does not make the impossible possible here. It buys the same quality with far fewer units.
#
# What did a unit learn? Its 64 incoming weights form a picture. Replay the first 300 training steps of the unit that changed most: from noise to strokes
# that it looks for (light) and strokes that it looks against (dark).

# %%
path = torch.stack(replay[::6])  # (frames, units, 64)
busiest = int((path[-1] - path[0]).norm(dim=1).argmax())
WeightDials(path[:, busiest].numpy(), shape=(8, 8))

# %% [markdown]
# ## What one hidden layer can say
#
# Two constructions answer the question "what can such a network represent?". Both are done by hand, both are complete, and both cost too much. That is
# their lesson.
#
# ### Any table of bits
#
# <span id="c032"></span>Let the $D$ inputs be $-1$ or $+1$. There are $2^D$ input patterns: each further input doubles the list. A two-class problem is a
# table that gives each pattern a label. The lecture builds a network for *any* such table. For each positive pattern $x_m$ it
# makes one hidden unit whose weights *are* the pattern:
#
# $$ z_m = \operatorname{sign}(x_m^\top x - D), \qquad \operatorname{sign}(a) = +1 \text{ for } a \ge 0, \text{ else } -1 . \tag{2.3} $$
#
# <span id="c033"></span>The product $x_m^\top x$ adds $+1$ where the two patterns agree and $-1$ where they differ. All agree: $D$. One differs:
# $D - 2$. So the sum in (2.3) is 0 for $x = x_m$ and at most $-2$ for every other pattern. With $\operatorname{sign}(0) = +1$ the unit fires for its own pattern and no other.
# The output must say whether at least one of the $M$ hidden units fired:
#
# $$ y = \operatorname{sign}\Big(\sum_{m=1}^{M} z_m + M - 1\Big) . \tag{2.4} $$
#
# > **Predict.** All off: what is the sum in (2.4)? One on? Two on?
#
# <span id="c034"></span>All off gives $-M + M - 1 = -1$. Each unit that turns on adds 2: one on gives $+1$. That is OR, for any number of units. Enumerate everything:

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.binary_patterns import cube, or_unit, parity, parity_by_counting, store_patterns

for dimension in (1, 2, 3, 4):
    patterns = cube(dimension)
    fires = store_patterns(patterns, np.ones(len(patterns))).hidden(patterns)
    assert len(patterns) == 2**dimension
    assert np.array_equal(fires, 2 * np.eye(len(patterns)) - 1)  # each unit for its own pattern alone
print("2^D patterns, and every unit fires for its own: D = 1 to 4")

for units in range(1, 11):
    z = cube(units)
    assert np.array_equal(or_unit(z), np.where((z > 0).any(axis=1), 1, -1))
print("OR over all sign patterns of 1 to 10 units")

rng = np.random.default_rng(SEED)
for dimension in (2, 3, 4):
    patterns = cube(dimension)
    if dimension < 4:
        tables = list(product((-1.0, 1.0), repeat=len(patterns)))
    else:
        tables = rng.choice([-1.0, 1.0], size=(3000, len(patterns)))
    right = sum(np.array_equal(store_patterns(patterns, table)(patterns), table) for table in tables)
    print(f"D = {dimension}: {right} of {len(tables)} labellings realised")
    assert right == len(tables)

# %% [markdown]
# <span id="c035"></span>So the claim holds: this network realises any labelling. In one point the lecture is even too careful: the patterns are distinct, so *at most one* hidden unit is ever on, and
# the OR never has to cope with two.
#
# <span id="c036"></span>Now the price. The network has one hidden unit for each positive pattern, up to $2^D$. It is a lookup table, drawn as a network. It has seen
# nothing that the patterns have in common. You can halve the price: store the rarer class and turn the answer round. But is the exponential in the *problem*, or in
# the *construction*? Take [parity](../book/glossary.md#parity), "is the number of $+1$ odd?": half of all patterns are positive, the worst case. Another network counts instead of remembering.
# Its unit $j$ asks "are at least $j$ inputs on?", and the output adds the answers with alternating signs:

# %% tags=["nbval-check-output"]
print(" D   patterns   one unit a positive   smaller class   counting units")
for dimension in (2, 4, 6, 8, 10):
    patterns = cube(dimension)
    labels = parity(patterns)
    stored = store_patterns(patterns, labels)
    smaller = store_patterns(patterns, labels, smaller_class=True)
    assert np.array_equal(stored(patterns), labels)
    assert np.array_equal(parity_by_counting(patterns), labels)
    assert len(stored.stored) == len(smaller.stored) == 2 ** (dimension - 1)
    print(
        f"{dimension:2d}   {len(patterns):8d}   {len(stored.stored):19d}   {len(smaller.stored):13d}   {dimension:14d}"
    )

# %% [markdown]
# 512 units or 10, for the same table. A network that *finds structure* can be exponentially smaller than one that stores cases. (For most tables there
# is no structure to find, and every network for them is large. Pictures, luckily, are not random tables.)
#
# ### Any curve
#
# Now inputs and outputs are real numbers. Take the difference of two sigmoids that are shifted against each other:
#
# $$ \operatorname{bump}(x) = \sigma\big(s\,(x - l)\big) - \sigma\big(s\,(x - r)\big), \qquad l < r . \tag{2.5} $$
#
# For a large steepness $s$ it is about 1 between $l$ and $r$ and about 0 elsewhere. Put bumps side by side, each as high as the function in the middle of
# it: a staircase that follows any continuous curve. That is a network with two hidden units for each bump and *no number in it learned*. With ReLU units there is an even
# better one: each unit adds a bend at one place, so $n$ units join $n + 1$ points of the curve by straight lines.
#
# > **Predict.** You double the number of units. By what factor does the largest error of the staircase fall? And that of the polyline?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: one bump as the difference of two sigmoids. Middle: the curve sin 6x with a staircase of twelve bumps and a polyline of twelve ReLU units. Right: largest error against hidden units on log axes; the staircase falls with slope minus one, the polyline with slope minus two below its dotted bound."}}
from course_utils.scratch.networks.bumps import best_polynomial, bump, bump_network, hinge_network, uniform_error


def wave(x):
    return np.sin(6 * x)


line = np.linspace(-1, 1, 801)
counts = np.array([4, 8, 16, 32, 64, 128])
stairs_error = np.array([uniform_error(bump_network(wave, -1, 1, n // 2), wave, -1, 1) for n in counts])
polyline_error = np.array([uniform_error(hinge_network(wave, -1, 1, n), wave, -1, 1) for n in counts])
polyline_bound = 36 * 2**2 / (8 * counts**2)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7, 2.6), width_ratios=[1, 1.25, 1.1])
left.plot(line, 1 / (1 + np.exp(-20 * (line + 0.4))), "--", color=COLORS["gray"], linewidth=1)
left.plot(line, 1 / (1 + np.exp(-20 * (line - 0.3))), "--", color=COLORS["gray"], linewidth=1)
left.plot(line, bump(line, -0.4, 0.3, 20), color=COLORS["blue"])
left.set(title="sigmoid minus sigmoid", xlabel="x", xticks=[-1, -0.4, 0.3, 1])
middle.plot(line, wave(line), color=COLORS["gray"], linewidth=4, alpha=0.4)
middle.plot(line, bump_network(wave, -1, 1, 12)(line[:, None])[:, 0], color=COLORS["blue"], linewidth=1.2)
middle.plot(line, hinge_network(wave, -1, 1, 12)(line[:, None])[:, 0], color=COLORS["vermillion"], linewidth=1.2)
middle.set(title="12 bumps, 12 hinges", xlabel="x")
right.loglog(counts, stairs_error, "o-", color=COLORS["blue"], markersize=4, label="bumps")
right.loglog(counts, polyline_error, "s-", color=COLORS["vermillion"], markersize=4, label="hinges")
right.loglog(counts, polyline_bound, ":", color=COLORS["ink"], linewidth=1.2, label="bound")
right.set(title="largest error", xlabel="hidden units")
right.legend(fontsize=8)
plt.show()

# %% tags=["nbval-check-output"]
print("hidden units   staircase   polyline   bound for the polyline")
for n, stairs, polyline, bound in zip(counts, stairs_error, polyline_error, polyline_bound):
    print(f"{n:12d}   {stairs:9.3f}   {polyline:8.4f}   {bound:8.4f}")
assert (polyline_error <= polyline_bound + 1e-12).all()
assert (stairs_error[1:] < stairs_error[:-1]).all()
assert 1.7 < stairs_error[-2] / stairs_error[-1] < 2.3  # half the error
assert 3.7 < polyline_error[-2] / polyline_error[-1] < 4.3  # a quarter of the error

# %% [markdown]
# Half, and a quarter. (The bound is the classic one of linear interpolation: $\max|f''| \cdot (\text{width of a piece})^2 / 8$, with $\max|f''| = 36$ here.) For one input this *proves* what
# the lecture calls [universal approximation](../book/glossary.md#universal-approximation): name an error, and there is a width that meets it. [Cybenko](../book/references.md#cybenko-1989) and
# [Hornik, Stinchcombe and White](../book/references.md#hornik-1989) proved it in 1989 for any number of inputs.
#
# Learned networks place their units where the curve needs them. Fit the same wave with $H$ units as well as training can, and measure the *largest* error on a fine grid, for
# tanh, for ReLU, and for a third function: the square, $h(a) = a^2$. It bends, it is smooth, it is not linear.
#
# > **Predict.** Which of the three wins? What does the square do as $H$ grows from 1 to 32?

# %% tags=["band-approximation"]
import numpy as np

from course_utils.scratch.networks.bumps import uniform_error
from course_utils.scratch.networks.curve_fit import fit_curve

approximation_result = {
    f"{activation}_{units}": uniform_error(
        fit_curve(lambda x: np.sin(6 * x), activation, units, seed=SEED).curve, lambda x: np.sin(6 * x), -1, 1
    )
    for activation in ("tanh", "relu", "square")
    for units in (1, 2, 4, 8, 16, 32)
}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Largest error against hidden units, 1 to 32, log scale, bands of 20 seeds: tanh falls below one in a hundred thousand, ReLU falls to a few hundredths, the square stays on a flat line just above the dashed floor at 1."}}
record = load_record("02_mlp.approximation")["metrics"]
widths = (1, 2, 4, 8, 16, 32)
floor = best_polynomial(line, wave(line), 2)[1]
figure, axes = plt.subplots(figsize=(6.4, 3.2))
for activation, color, marker in (("tanh", "blue", "o"), ("relu", "vermillion", "s"), ("square", "green", "^")):
    over_seeds = np.array([record[f"{activation}_{units}"] for units in widths]).T
    median_band(axes, widths, over_seeds, color=COLORS[color], label=activation, marker=marker)
    mine = [approximation_result[f"{activation}_{units}"] for units in widths]
    axes.plot(widths, mine, "D", color=COLORS["ink"], markersize=3, zorder=4)
axes.axhline(floor, color=COLORS["ink"], linestyle="--", linewidth=1, label="best of all quadratics")
axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="largest error", xticks=widths, xticklabels=widths)
axes.minorticks_off()
axes.legend(loc="lower left", fontsize=8.5)
plt.show()

# %%
for name, value in approximation_result.items():
    expected = band("02_mlp.approximation", name)
    assert expected.minimum / 3 <= value <= expected.maximum * 3, (name, value, str(expected))
    if name.startswith("square"):
        assert min(value, expected.minimum) >= floor - 1e-6
for activation in ("tanh", "relu"):
    medians = [band("02_mlp.approximation", f"{activation}_{units}").median for units in widths]
    assert medians[-1] < 0.1 * medians[2] < 0.1 * medians[0]
    print(f"{activation:6s} median of the largest error, H = 1 to 32: {[float(f'{m:.1g}') for m in medians]}")
print(
    f"square never below {min(record[f'square_{w}'][i] for w in widths for i in range(20)):.3f}; no quadratic does better than {floor:.3f}"
)

# %% [markdown]
# <span id="c031"></span>Tanh and ReLU fall, the square does not move. The reason is one line: $v\,(wx + b)^2$ is a polynomial of degree 2, and a sum of any
# number of quadratics is *one* quadratic. More units add nothing that three coefficients cannot say. A linear program finds the best quadratic of all (largest error: the dashed
# floor), and no width can pass below it. The same holds for every polynomial activation, of any fixed degree. The lecture is right: universality holds for many
# nonlinearities, but not for polynomials. In fact [Leshno and others](../book/references.md#leshno-1993) showed that this is the *only* exception among continuous activations.
#
# <span id="c030"></span>The lecture's theorem needs a repair, though. It says a two-layer network can uniformly approximate any continuous function on a compact domain. True of
# (2.1). But its own formula, $z = h(W^{(1)}x)$, $y = \sigma(W^{(2)}z)$, has no biases and a bent output:
#
# - **No biases, ReLU:** $h(w x)$ doubles when $x$ doubles. On each side of 0 the network is a straight line.
# - **No biases, tanh:** every unit is odd, $\tanh(-wx) = -\tanh(wx)$. So is their sum (up to a constant). It cannot be a cosine.
# - **A sigmoid around the output:** values stay between 0 and 1. So does the network.


# %% tags=["nbval-check-output"]
def cosine(x):
    return np.cos(6 * x)


print("64 units, largest error     sin(6x)   cos(6x)")
for activation, biases in (("tanh", True), ("tanh", False), ("relu", True), ("relu", False)):
    errors = [
        uniform_error(fit_curve(f, activation, 64, biases=biases, steps=60).curve, f, -1, 1) for f in (wave, cosine)
    ]
    print(
        f"{activation:5s} {'with' if biases else 'without':8s} biases     "
        + "   ".join("above 0.9" if e > 0.9 else "below 0.1" for e in errors)
    )
    assert all(e < 0.1 for e in errors) == biases
squashed = 1 / (1 + np.exp(-np.linspace(-50, 50, 1001)))
print(f"a sigmoid output never leaves [0, 1]: sin(6x) = -1 is missed by at least {np.min(np.abs(squashed - (-1))):.0f}")

# %% [markdown]
# Tanh without biases *can* do the sine, because the sine is odd as well. That is a good trap: test on one lucky function and you believe the formula.
#
# Keep two more things in mind. The theorem says that good weights *exist*, not that training finds them. And in $D$ dimensions a grid of bumps needs a number of units
# that is exponential in $D$, like the table of bits. Universal is not the same as efficient.
#
# ## Any wiring without a cycle
#
# Layers are a habit, not a law. Let unit $j$ take input from any set of units $\operatorname{Pre}(j)$:
#
# $$ a_j = \sum_{i \in \operatorname{Pre}(j)} w_{ij}\, x_i, \qquad x_j = f(a_j) . \tag{2.6} $$
#
# (A bias is a weight from a unit that is always 1.) A link that jumps over a layer is called a [skip connection](../book/glossary.md#skip-connection). Skips
# can pay at once. Here is XOR with **one** hidden unit: the output sees the corners themselves *and* the hidden AND, which vetoes.

# %% tags=["hide-input"] mystnb={"image": {"alt": "A graph of five units: x1, x2 and a constant one on the left, a hidden unit h that receives x1, x2 and the constant, and the output y that receives x1, x2 and the constant directly by skip connections and h with weight minus two."}}
from course_utils.scratch.networks.dag import Dag

xor_wires = {
    ("x1", "h"): 1.0, ("x2", "h"): 1.0, ("one", "h"): -1.5,
    ("x1", "y"): 1.0, ("x2", "y"): 1.0, ("one", "y"): -0.5, ("h", "y"): -2.0,
}  # fmt: skip
figure, axes = plt.subplots(figsize=(5.2, 2.7))
spots = {"x1": (0.0, 1.0), "x2": (0.0, 0.0), "one": (0.0, -1.0), "h": (1.6, 1.15), "y": (3.0, -0.1)}
network_diagram(axes, spots, xor_wires, labels={"one": "1"}, highlight=[("x1", "y"), ("x2", "y")])
plt.show()

# %% tags=["nbval-check-output"]
xor_graph = Dag(xor_wires, "step")
values = xor_graph.forward({"x1": corners[:, 0], "x2": corners[:, 1], "one": 1.0})
print("order of computation:", " ".join(xor_graph.order))
print("h:", values.x["h"].tolist(), "  y:", values.x["y"].tolist())
assert values.x["y"].tolist() == wanted.tolist()

try:
    Dag(xor_wires | {("y", "h"): 1.0})
except ValueError as error:
    print("with one more wire, from y to h:", error)

# %% [markdown]
# <span id="c037"></span>When can such a graph be computed in one pass from inputs to outputs? Exactly when it has **no cycle**.
#
# *No cycle is enough.* Walk backwards from any unit, from a unit to one that feeds it, again and again. Without a cycle you never meet a unit twice, so the walk ends, at a unit that
# nothing feeds: an input. So there always is a unit whose sources are all known. Compute it, strike it off, repeat. The order in which units are struck off is
# a [topological order](../book/glossary.md#topological-order): every unit comes after all that feed it.
#
# *No cycle is needed.* On a cycle each unit waits for the one before it, all the way round. None can be first.
#
# The lecture's "directed acyclic graph" is thus the exact condition. `Dag` sorts once and then visits every unit once, whatever the wiring. Compare it with a slow
# twin that asks each unit for its value by asking its sources, on random graphs:


# %% tags=["nbval-check-output"]
def ask(graph, unit, given, calls):
    calls[0] += 1
    if unit in given:
        return given[unit]
    return np.tanh(
        sum(graph.weights[source, unit] * ask(graph, source, given, calls) for source in graph.predecessors[unit])
    )


rng = np.random.default_rng(SEED)
visits, asked = 0, [0]
for _ in range(30):
    names = [f"u{i}" for i in rng.permutation(14)]
    edges = [(names[i], names[j]) for i in range(14) for j in range(i + 1, 14) if rng.random() < 0.4]
    graph = Dag({edges[k]: rng.normal() for k in rng.permutation(len(edges))}, "tanh")
    given = {unit: rng.normal(size=3) for unit in graph.inputs}
    one_pass = graph.forward(given)
    visits += len(graph.order)
    place = {unit: i for i, unit in enumerate(graph.order)}
    assert all(place[source] < place[target] for source, target in graph.weights)
    for unit in graph.outputs:
        assert np.allclose(one_pass.x[unit], ask(graph, unit, given, asked), atol=1e-12)
print(
    f"30 random graphs: one pass visits {visits} units; asking backwards takes {asked[0]:,} calls for the same outputs"
)
assert asked[0] > 10 * visits

# %% [markdown]
# ## Something to minimise
#
# A network produces scores. What should they be good at? The lecture says: choose a loss for the problem, and optimise *all* parameters, features and classifier
# together, for it. Three problems, three losses.
#
# ### Classes: softmax and cross-entropy
#
# The network gives one score $s_c$ per class (the lecture calls it $y_c$). [Softmax](../book/glossary.md#softmax) makes probabilities of them:
#
# $$ p(c \mid x) = \frac{e^{s_c}}{\sum_k e^{s_k}} . \tag{2.7} $$
#
# Then maximise the probability of the labels you were given. Products of many small numbers vanish, so take the logarithm, turn the sign, and minimise the
# [cross-entropy](../book/glossary.md#cross-entropy), the multi-class logistic loss:
#
# $$ L = -\sum_{n} \ln p(l_n \mid x_n) . \tag{2.8} $$
#
# Type (2.7) as it stands, and it works, until a score is large:

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.losses import (
    cross_entropy,
    cross_entropy_gradient,
    softmax,
    softmax_naive,
)

for scores in ([[2.0, 1.0, -1.0]], [[1000.0, 999.0, 0.0]]):
    with np.errstate(all="ignore"):
        print(
            "scores",
            scores[0],
            " as typed:",
            np.round(softmax_naive(scores)[0], 3),
            " stable:",
            np.round(softmax(scores)[0], 3),
        )

# %% [markdown]
# $e^{1000}$ is no number of 64 bits. The cure costs nothing. Add the same constant to all scores of a row: numerator and denominator get the same factor, and it
# cancels. So **only differences of scores count**, and you may subtract the largest score first. Then every exponent is at most 0.
#
# > **Predict.** What is the gradient of $-\ln p(l)$ in the scores? Which sign has it for the right class, which for the others, and what do its entries add up to?
#
# Write $-\ln p(l) = -s_l + \ln \sum_k e^{s_k}$. The first term gives $-1$ for the right class. The derivative of the logarithm in $s_c$ is $e^{s_c} / \sum_k e^{s_k}$, which is $p(c)$
# again. Together:
#
# $$ \frac{\partial L}{\partial s_{nc}} = p(c \mid x_n) - \mathbb{1}[c = l_n] . \tag{2.9} $$
#
# What you said minus what was true. The right score is pulled up by what it still lacks, each wrong one pushed down by what it holds, and the pulls add up to 0.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
for offset in (0.0, 1000.0, -1000.0):
    scores, labels = rng.normal(size=(50, 10)) * 3 + offset, rng.integers(10, size=50)
    tensor = torch.tensor(scores, requires_grad=True)
    loss = F.cross_entropy(tensor, torch.tensor(labels), reduction="sum")
    loss.backward()
    assert np.abs(softmax(scores) - tensor.softmax(dim=1).detach().numpy()).max() < 1e-12
    assert np.abs(softmax(scores).sum(axis=1) - 1).max() < 1e-12
    assert np.abs(softmax(scores) - softmax(scores - offset)).max() < 1e-12
    assert abs(cross_entropy(scores, labels) - loss.item()) < 1e-9
    assert np.abs(cross_entropy_gradient(scores, labels) - tensor.grad.numpy()).max() < 1e-12
    assert tensor.grad.sum(dim=1).abs().max() < 1e-12
default = F.cross_entropy(torch.tensor(scores), torch.tensor(labels)).item()
print("softmax, loss and gradient agree with PyTorch for scores around 0, 1000 and -1000")
print(f"sum over {len(labels)} examples / PyTorch's default = {cross_entropy(scores, labels) / default:.1f}")
assert np.isclose(cross_entropy(scores, labels), len(labels) * default)

# %% [markdown]
# <span id="c038"></span>The lecture's formula is the library's loss. One caution: the lecture *sums* over examples, PyTorch's default *averages*. With the sum a learning rate that
# works for 50 examples is 10 times too large for 500.
#
# ### Numbers: the mean squared error
#
# To predict numbers (a depth, an angle, the corner of a box), penalise the squared distance:
#
# $$ L = \frac{1}{2N} \sum_{i=1}^{N} \lVert f(x_i) - y_i \rVert^2, \qquad \frac{\partial L}{\partial f(x_i)} = \frac{f(x_i) - y_i}{N} . \tag{2.10} $$
#
# The half is there to cancel the 2 of the derivative. What remains is the error itself. The slide prints the sum as $\sum_{i=0}^{N}$ and divides by $2N$. Count:

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.losses import (
    mean_squared_error,
    mean_squared_error_as_printed,
    mean_squared_error_gradient,
)

N = 4
print(f"i = 0..{N}: {len(range(0, N + 1))} terms, divided by 2 * {N};   i = 1..{N}: {len(range(1, N + 1))} terms")
assert len(range(0, N + 1)) == N + 1
ones, zeros = np.ones(N + 1), np.zeros(N + 1)
print(
    f"every error 1: the mean of 1/2 is {mean_squared_error(ones, zeros)}, the slide gives {mean_squared_error_as_printed(ones, zeros)}"
)
assert mean_squared_error_as_printed(ones, zeros) == (N + 1) / (2 * N)

prediction, target = rng.normal(size=(2, 7, 3))
tensor = torch.tensor(prediction, requires_grad=True)
(
    F.mse_loss(tensor, torch.tensor(target)) * 3 / 2
).backward()  # PyTorch averages over the 3 outputs too, and has no half
assert np.isclose(mean_squared_error(prediction, target), F.mse_loss(tensor, torch.tensor(target)).item() * 3 / 2)
assert np.abs(mean_squared_error_gradient(prediction, target) - tensor.grad.numpy()).max() < 1e-12
print("value and gradient agree with PyTorch, up to the factor that PyTorch's average leaves out")

# %% [markdown]
# The slip is harmless: it scales the loss by $(N+1)/N$ and moves no minimum. But whoever writes `for i in range(N + 1)` reads past the end of the data.
#
# ### Similarity: metric learning
#
# Sometimes the classes of tomorrow are not known today: faces, products, places. Then you do not want a classifier. You want an
# [embedding](../book/glossary.md#embedding) $f(x)$ in which **close means alike**. Take three examples: an anchor $a$, a *positive* $p$ of the same class, a
# *negative* $n$ of another. Ask that the negative be farther than the positive, by a margin $m$:
#
# $$ L = \max\big\{0,\; \lVert f(a) - f(p)\rVert^2 - \lVert f(a) - f(n)\rVert^2 + m\big\} . \tag{2.11} $$
#
# This is the [triplet loss](../book/glossary.md#triplet-loss) ([Schroff et al., 2015](../book/references.md#schroff-2015)). No class number appears in it, only "alike" and "not alike".
#
# Does it help? On clean digits the nearest neighbour in raw pixels is hard to beat. So make the comparison that matters in the wild: the same digits **under changing light**. Each picture gets a
# random contrast and a slanted veil of brightness. To the pixels, two digits under the same lamp are alike. The embedding is a small MLP, 64-128-16, trained on triplets under random light. Then classify
# test digits by their nearest neighbour, in pixels and in the embedding, with all 1,297 training digits as neighbours, and with just *one* stored digit a class.
#
# > **Predict.** Four numbers: pixels and embedding, full gallery and one a class. And without the light, who wins with the full gallery?

# %% tags=["band-metric"]
import torch
from torch import nn

from course_utils import data
from course_utils.scratch.networks.metric_learning import neighbour_accuracy, train_embedding

digits, unseen = data.load("digits", "train"), data.load("digits", "test")
known, known_y = digits.images.float() / 255, digits.labels
fresh, fresh_y = unseen.images.float() / 255, unseen.labels
ramp = torch.linspace(-1, 1, 8)


def under_lamp(images, generator):
    contrast = 0.4 + 0.6 * torch.rand(len(images), 1, 1, 1, generator=generator)
    level, down, across = (torch.rand(3, len(images), 1, 1, 1, generator=generator) - 0.5) / 2
    return contrast * images + level + down * ramp[:, None] + across * ramp


def embedding_net():
    torch.manual_seed(SEED)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))


night, day = embedding_net(), embedding_net()
triplet_curve = train_embedding(night, known, known_y, steps=500, seed=SEED, augment=under_lamp)
train_embedding(day, known, known_y, steps=500, seed=SEED)

lamp = torch.Generator().manual_seed(SEED)
lit, lit_fresh = under_lamp(known, lamp), under_lamp(fresh, lamp)
exemplars = torch.stack([torch.nonzero(known_y == c)[SEED, 0] for c in range(10)])
metric_result = {}
with torch.no_grad():
    for name, view in (("pixels", nn.Flatten()), ("embedding", night)):
        metric_result[f"{name}_all"] = neighbour_accuracy(view(lit), known_y, view(lit_fresh), fresh_y)
        few = view(lit[exemplars])
        metric_result[f"{name}_one"] = neighbour_accuracy(few, known_y[exemplars], view(lit_fresh), fresh_y)
    for name, view in (("pixels", nn.Flatten()), ("embedding", day)):
        metric_result[f"{name}_clean"] = neighbour_accuracy(view(known), known_y, view(fresh), fresh_y)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: six digits 8 by 8 under different light, some pale, some with a bright corner. Right: seed bands of nearest-neighbour accuracy; under light the embedding lies far above pixels with the full gallery and farther still with one stored digit a class; on clean digits pixels are slightly ahead."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), width_ratios=[0.55, 1])
left.imshow(lit[:6, 0].reshape(2, 3, 8, 8).permute(0, 2, 1, 3).reshape(16, 24), cmap="gray")
left.set(xticks=[], yticks=[], title="under random light")
left.grid(visible=False)
titles = {"all": "light, all stored", "one": "light, one a class", "clean": "clean, all stored"}
for row, (case, view) in enumerate(product(titles, ("pixels", "embedding"))):
    name = f"{view}_{case}"
    color = COLORS["orange" if view == "pixels" else "blue"]
    plotting.seed_band(
        right, band("02_mlp.metric", name), metric_result[name], f"{titles[case]}: {view}", y=-row, color=color
    )
right.set(xlabel="accuracy of the nearest neighbour (20 seeds)")
plt.show()

# %%
for name, value in metric_result.items():
    expected = band("02_mlp.metric", name)
    assert expected.contains(value, slack=0.02), (name, value, str(expected))
    print(f"{name.replace('_', ', '):>16}: {value:.3f}; seeds {expected}")
for case in ("all", "one"):
    assert band("02_mlp.metric", f"embedding_{case}").minimum > band("02_mlp.metric", f"pixels_{case}").maximum
assert band("02_mlp.metric", "embedding_clean").median < band("02_mlp.metric", "pixels_clean").median

# %% [markdown]
# Under changing light the worst of twenty embeddings beats the best of twenty pixel comparisons, and one stored example a class goes a long way once distance ignores the lamp. On clean digits the pixels stay ahead by a little: there was nothing
# to ignore, and a few steps of triplets cannot better a neighbour search over all the data. **A learned distance pays where the given one measures the wrong thing.**
#
# The gradient of (2.11) moves three points: the positive is pulled, the negative pushed, the anchor goes where both help. Triplets that keep the margin move nothing, and soon that is most of them:

# %% tags=["nbval-check-output"]
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.networks.metric_learning import triplet_gradient, triplet_loss

rng = np.random.default_rng(SEED)
a, p, n = rng.normal(size=(3, 40, 4))
slopes = triplet_gradient(a, p, n)
numeric = [
    numerical_gradient(lambda v: triplet_loss(v, p, n), a),
    numerical_gradient(lambda v: triplet_loss(a, v, n), p),
    numerical_gradient(lambda v: triplet_loss(a, p, v), n),
]
for name, slope, check in zip(("anchor", "positive", "negative"), slopes, numeric):
    assert relative_error(slope, check) < 1e-6
    print(
        f"{name:8s} gradient agrees with central differences; triplets that move it: {(slope != 0).any(axis=1).sum()} of 40"
    )

# %% [markdown]
# ## The bend
#
# Everything so far asks for *some* bend with a slope. Which one? Here are the candidates with their derivatives.
#
# **Sigmoid.** <span id="c048"></span>$\sigma(a) = 1/(1 + e^{-a})$, as the lecture writes it. Differentiate, and the slope can be read off the value:
#
# $$ \sigma'(a) = \sigma(a)\,\big(1 - \sigma(a)\big) \le \tfrac14 . \tag{2.12} $$
#
# A product $u(1-u)$ is largest at $u = \frac12$, that is at $a = 0$, where it is a quarter. Whatever a gradient carries back through a sigmoid is multiplied by a quarter *at best*.
#
# **Tanh.** A sigmoid stretched to $(-1, 1)$ and centred, with slope 1 at zero:
#
# $$ \tanh(a) = 2\,\sigma(2a) - 1, \qquad \tanh'(a) = 1 - \tanh^2(a) . \tag{2.13} $$
#
# [LeCun's version](../book/references.md#lecun-1998b), $1.7159 \tanh(\frac23 a)$, is scaled so that it passes (almost) through $(1, 1)$ and $(-1, -1)$: targets of $\pm 1$ lie where it still has
# slope, not at its ends.
#
# **ReLU, leaky ReLU, PReLU.** Straight on both sides of 0:
#
# $$ f(a) = \max(\alpha a,\; a), \qquad f'(a) = 1 \text{ for } a > 0, \text{ else } \alpha , \tag{2.14} $$
#
# with $\alpha = 0$ for the rectified linear unit ([Nair and Hinton, 2010](../book/references.md#nair-hinton-2010)), $\alpha = 0.01$ for the leaky one
# ([Maas et al., 2013](../book/references.md#maas-2013); the slide misspells the name as "Mass"), and a *learned* $\alpha$, started at 0.25, for the parametric one
# ([He et al., 2015](../book/references.md#he-2015)). At 0 itself any slope between $\alpha$ and 1 is a [subgradient](../book/glossary.md#subgradient); the lecture and PyTorch both take the one from the left.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels of activation functions with dashed slopes from minus four to four: sigmoid with a low slope bump of one quarter, tanh with slope up to one, scaled tanh, ReLU with slope jumping from zero to one, leaky ReLU almost the same with a faint negative side, and a PReLU with slope a quarter on the negative side."}}
from course_utils.scratch.networks.activations import ACTIVATIONS, prelu, prelu_prime, prelu_prime_slope

a = np.linspace(-4, 4, 802)
figure, panels = plt.subplots(2, 3, figsize=(7, 4), sharex=True)
shown = {name: [f(a) for f in ACTIVATIONS[name]] for name in ("sigmoid", "tanh", "scaled_tanh", "relu", "leaky_relu")}
shown["prelu, slope 0.25"] = [prelu(a, 0.25), prelu_prime(a, 0.25)]
for axes, (name, (value, slope)) in zip(panels.flat, shown.items()):
    value_and_slope(axes, a, value, slope, name.replace("_", " "))
    axes.set_ylim(-1.9, 1.9)
panels[0, 0].legend(fontsize=8, loc="lower right")
plt.show()

# %% tags=["nbval-check-output"]
library = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "scaled_tanh": lambda t: 1.7159 * torch.tanh(2 * t / 3),
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
}
points = np.append(np.linspace(-6, 6, 400), 0.0)
print("              largest slope   at a     slope at a = -5      slope at a = 5")
for name, theirs in library.items():
    f, f_prime = ACTIVATIONS[name]
    tensor = torch.tensor(points, requires_grad=True)
    theirs(tensor).sum().backward()
    assert np.abs(f(points) - theirs(tensor).detach().numpy()).max() < 1e-12
    assert np.abs(f_prime(points) - tensor.grad.numpy()).max() < 1e-12
    steepest = points[f_prime(points).argmax()]
    where = "0" if steepest == 0 else "all a > 0"
    print(f"{name:12s}  {f_prime(points).max():13.3f}   {where:9s}{f_prime(-5.0):13.5f}   {f_prime(5.0):17.5f}")
sigmoid, sigmoid_prime = ACTIVATIONS["sigmoid"]
assert sigmoid_prime(0.0) == sigmoid_prime(points).max() == 0.25
assert np.abs(ACTIVATIONS["tanh"][0](points) - (2 * sigmoid(2 * points) - 1)).max() < 1e-12
assert np.abs(ACTIVATIONS["scaled_tanh"][0]([-1.0, 1.0]) - [-1, 1]).max() < 1e-4

# %% [markdown]
# <span id="c039"></span>Read the table by columns. At $a = 5$ the sigmoid has kept less than a hundredth of a slope, tanh less than a thousandth: they [saturate](../book/glossary.md#saturation), on both sides. ReLU has slope exactly 1 for every positive $a$,
# as the lecture says. And on the negative side? ReLU's slope is exactly 0. The lecture puts "(in +region)" in brackets, and the brackets matter.
#
# ### How units fall silent
#
# A unit with no slope does not learn. Sigmoid and tanh units get there by *large sums*, ReLU units by *negative* ones. Both can be measured. Left: a tanh network on the digits, its starting weights multiplied by a factor; how many of its values have slope below 0.05 before training, and
# how far does it come in 200 steps? Right: ReLU networks after 200 steps at different learning rates; how many hidden units are [dead](../book/glossary.md#dead-unit), that is, off for *every* training digit?
#
# > **Predict.** Which learning rates kill units: small ones or large ones? Does the leaky ReLU have fewer dead units? Does it then also learn better?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: share of saturated tanh values rises from zero to nearly nine tenths as the starting weights grow, while the training accuracy after 200 steps falls from near one. Right: share of dead units against learning rate; ReLU stays at zero up to rate 1 and then rises to about one half, leaky ReLU stays low, and the accuracies of both collapse together at rate 3."}}
from course_utils.scratch.networks.side_by_side import SideBySide, accuracies, train

race_x = digits.images.flatten(1).float() / 255
race_x, race_y = (race_x - race_x.mean(dim=0)) / race_x.std(), digits.labels
seeds = range(5)

factors, saturated, reached = [0.3, 1, 3, 10], [], []
for factor in factors:
    nets = SideBySide([64, 64, 64, 10], "tanh", seeds, gain=5 / 3 * factor)
    with torch.no_grad():
        slopes = torch.stack([1 - value**2 for value in nets.layers(race_x)[:-1]])
    saturated.append((slopes < 0.05).double().mean(dim=(0, 2, 3)).numpy())
    train(nets, race_x, race_y, steps=200, lr=0.1)
    reached.append(accuracies(nets, race_x, race_y).numpy())

rates, dead, learned_by = [0.3, 1.0, 1.5, 2.0, 3.0], {}, {}
for activation in ("relu", "leaky_relu"):
    dead[activation], learned_by[activation] = [], []
    for rate in rates:
        nets = SideBySide([64, 64, 64, 10], activation, seeds)
        train(nets, race_x, race_y, steps=200, lr=rate)
        with torch.no_grad():
            off = torch.stack([(value <= 0).all(dim=1) for value in nets.layers(race_x)[:-1]])
        dead[activation].append(off.double().mean(dim=(0, 2)).numpy())
        learned_by[activation].append(accuracies(nets, race_x, race_y).numpy())

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
median_band(left, factors, np.array(saturated).T, color=COLORS["vermillion"], label="saturated at the start")
median_band(left, factors, np.array(reached).T, color=COLORS["blue"], label="accuracy after 200 steps", marker="s")
left.set(
    xscale="log",
    xlabel="starting weights × factor",
    ylim=(-0.03, 1.03),
    title="tanh",
    xticks=factors,
    xticklabels=factors,
)
left.minorticks_off()
left.legend(fontsize=8, loc="center left")
for activation, style, marker in (("relu", "-", "o"), ("leaky_relu", "--", "s")):
    name = activation.replace("_", " ")
    median_band(
        right,
        rates,
        np.array(dead[activation]).T,
        color=COLORS["vermillion"],
        label=f"{name}: always off",
        marker=marker,
        linestyle=style,
    )
    median_band(
        right,
        rates,
        np.array(learned_by[activation]).T,
        color=COLORS["blue"],
        label=f"{name}: accuracy",
        marker=marker,
        linestyle=style,
    )
right.set(xlabel="learning rate", ylim=(-0.03, 1.03), title="ReLU and leaky ReLU")
right.legend(fontsize=8, loc="center left")
plt.show()

# %%
assert np.median(saturated[0]) < 0.01
assert np.median(saturated[-1]) > 0.5
assert np.median(reached[-1]) < np.median(reached[1])
assert max(np.concatenate(dead["relu"][:2])) < 0.02
assert np.median(dead["relu"][-1]) > 0.3
print(
    f"tanh, weights x {factors[-1]}: {np.median(saturated[-1]):.0%} saturated, accuracy {np.median(reached[-1]):.2f} instead of {np.median(reached[1]):.2f}"
)
for activation in dead:
    print(
        f"{activation:10s} rate {rates[-1]}: {np.median(dead[activation][-1]):.0%} of units always off, accuracy {np.median(learned_by[activation][-1]):.2f}"
    )

# %% [markdown]
# Large starting weights saturate tanh; large steps kill ReLU units, because one big update can push a unit's bias so far down that no example reaches it again. And look at the blue lines on the right: the leaky networks fail at the same learning rates. Their units survive; their training does not. **A
# dead unit is often a symptom of a learning rate that is too large**, and a leak does not cure that.
#
# What the leak does cure shows in the smallest experiment: one unit, dead from the start, and a target that it could fit exactly.
#
# > **Predict.** $f(wx + b)$ with $w = 1$, $b = -2$ and inputs from 0 to 1: off for every input. 3,000 steps of gradient descent. Where does ReLU end, where the leaky one?


# %% tags=["nbval-check-output"]
def revive(bend, steps=3000):
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    y = torch.relu(2 * x - 0.5)
    w, b = torch.tensor(1.0, dtype=torch.float64), torch.tensor(-2.0, dtype=torch.float64)
    w.requires_grad_(), b.requires_grad_()
    for done in range(steps):
        loss = ((bend(w * x + b) - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, (w, b))
        if done == 0:
            first = gradients[1].item()
        with torch.no_grad():
            w -= 0.5 * gradients[0]
            b -= 0.5 * gradients[1]
    return first, w.item(), b.item(), loss.item()


for name, bend in (("ReLU", torch.relu), ("leaky", F.leaky_relu)):
    first, w, b, loss = revive(bend)
    print(f"{name:6s} first gradient of b {first:+.4f}   after 3000 steps w = {w:.2f}, b = {b:.2f}, loss {loss:.4f}")
assert revive(torch.relu)[:3] == (0.0, 1.0, -2.0)
assert revive(F.leaky_relu)[3] < 1e-3
assert np.abs(ACTIVATIONS["leaky_relu"][0](points) - np.maximum(0.01 * points, points)).max() == 0

# %% [markdown]
# <span id="c041"></span>ReLU: gradient exactly 0, for ever. Leaky: one hundredth of a slope is enough to walk back. So the lecture's "does not saturate, will not die" is true of $\max(0.01a, a)$; just remember that from the negative
# side the signal arrives at one percent.
#
# PReLU lets the network choose the leak. Its derivative in $\alpha$ is $\min(0, a)$, summed over all places that share this $\alpha$. Check it, then watch 32 slopes move:

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
before, slope_start = rng.normal(size=(30, 4)), np.array([0.25, 0.0, -0.3, 0.9])
upstream = rng.normal(size=(30, 4))
by_formula = (upstream * prelu_prime_slope(before)).sum(axis=0)
by_difference = numerical_gradient(lambda slope: float((upstream * prelu(before, slope)).sum()), slope_start)
tensor, slope_tensor = torch.tensor(before, requires_grad=True), torch.tensor(slope_start, requires_grad=True)
F.prelu(tensor, slope_tensor).backward(torch.tensor(upstream))
assert relative_error(by_formula, by_difference) < 1e-6
assert np.abs(by_formula - slope_tensor.grad.numpy()).max() < 1e-12
assert np.abs(upstream * prelu_prime(before, slope_start) - tensor.grad.numpy()).max() < 1e-12
print("PReLU: both derivatives agree with central differences and with PyTorch")

# %%
torch.manual_seed(SEED)
parametric = nn.Sequential(nn.Linear(64, 32), nn.PReLU(32), nn.Linear(32, 10))
optimiser = torch.optim.Adam(parametric.parameters(), lr=3e-3)
draw = torch.Generator().manual_seed(SEED)
for _ in range(15):
    for batch in torch.randperm(len(race_x), generator=draw).split(64):
        optimiser.zero_grad()
        F.cross_entropy(parametric(race_x[batch]), race_y[batch]).backward()
        optimiser.step()
slopes = parametric[1].weight.detach()
print(
    f"32 slopes, all started at 0.25: now from {slopes.min():.2f} to {slopes.max():.2f}; below 0: {(slopes < 0).sum()}"
)
assert (slopes - 0.25).abs().min() > 0
assert slopes.max() - slopes.min() > 0.1

# %% [markdown]
# ### Six times faster?
#
# <span id="c040"></span>The lecture writes that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)". The figure has a source: one experiment of
# [Krizhevsky et al. (2012)](../book/references.md#krizhevsky-2012), a convolutional network with four layers on CIFAR-10, ReLU against *tanh*, measured in passes until 25 % training error. The learning rates were chosen
# separately for each. One network, one data set. Does it carry over?
#
# Repeat the design on something small enough for many seeds. MLPs with 1, 3 and 6 hidden layers of 64 units on the digits, plain gradient descent in batches of 64. Every activation starts with its customary scale of weights, gets the learning rate that is best *for it* (five pilot seeds, five rates),
# and then runs with 20 fresh seeds. Count batches until 1 % training error.
#
# > **Predict.** ReLU against tanh: who is faster, and by what factor? Sigmoid? Does depth change the picture?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Batches until one percent training error on a log axis for networks with 1, 3 and 6 hidden layers, each dot one of 20 seeds: ReLU and leaky ReLU lie together, tanh is as fast or faster at every depth; sigmoid is close with one layer, several times slower with three, and with six sits on the line that marks the end of the budget."}}
race = load_record("02_mlp.race")
figure, axes = plt.subplots(figsize=(7, 3))
styles = {"relu": ("vermillion", "s"), "leaky_relu": ("orange", "D"), "tanh": ("blue", "o"), "sigmoid": ("ink", "^")}
for offset, (activation, (color, marker)) in enumerate(styles.items()):
    for column, depth in enumerate(race["hidden_layers"]):
        batches = np.array(race["metrics"][f"{activation}_{depth}_to_1"])
        spread = column + 0.2 * (offset - 1.5) + np.linspace(-0.06, 0.06, len(batches))
        axes.plot(
            spread,
            batches,
            marker,
            color=COLORS[color],
            markersize=3,
            alpha=0.6,
            label=activation.replace("_", " ") if column == 0 else None,
        )
axes.axhline(race["budget"], color=COLORS["ink"], linewidth=1, linestyle=":")
axes.text(-0.45, race["budget"] * 0.78, "end of the budget", fontsize=8)
axes.set(
    yscale="log",
    ylabel="batches to 1 % training error",
    xticks=range(3),
    xticklabels=[f"{d} hidden layer{'s' * (d > 1)}" for d in race["hidden_layers"]],
)
axes.set_yticks([30, 60, 100, 200, 400], [30, 60, 100, 200, 400])
axes.minorticks_off()
axes.legend(ncols=4, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1))
axes.grid(visible=False, axis="x")
plt.show()

# %%
print("median batches to 1 % training error (20 seeds), and how many times ReLU's")
ratio = {}
for depth in race["hidden_layers"]:
    medians = {activation: np.median(race["metrics"][f"{activation}_{depth}_to_1"]) for activation in styles}
    cells = []
    for activation, value in medians.items():
        ratio[activation, depth] = value / medians["relu"]
        beyond = value > race["budget"]
        cells.append(
            f"{activation} {'more than ' if beyond else ''}{min(value, race['budget']):.0f} (x {min(value, race['budget']) / medians['relu']:.1f}{' or more' if beyond else ''})"
        )
    print(f"{depth} hidden: " + ", ".join(cells))
assert all(ratio["tanh", depth] < 2 for depth in race["hidden_layers"])  # nowhere near six
assert all(0.8 < ratio["leaky_relu", depth] < 1.25 for depth in race["hidden_layers"])
assert 1 < ratio["sigmoid", 1] < 2
assert ratio["sigmoid", 3] > 4

for activation in ("relu", "tanh", "sigmoid"):  # five of the recorded runs, here and now
    met = np.full(5, 601)
    nets = SideBySide([64, 64, 64, 64, 10], activation, range(5))

    def watch(done, nets, met=met):
        met[(1 - accuracies(nets, race_x, race_y).numpy() <= 0.05) & (met > 600)] = done

    train(
        nets,
        race_x,
        race_y,
        steps=400 if activation == "sigmoid" else 100,
        lr=race["rates"][f"{activation}_3"],
        watch=watch,
        every=5,
    )
    expected = band("02_mlp.race", f"{activation}_3_to_5")
    print(f"your machine, 3 hidden layers, {activation}: 5 % after {met.tolist()} batches; seeds {expected}")
    assert expected.contains(float(np.median(met)), slack=10 + 0.1 * expected.median)

# %% [markdown]
# Here tanh is *as fast as ReLU or faster*, at every depth. The sigmoid is hardly slower with one hidden layer, once it may take the larger steps that its small slope asks for; it is several times slower with three; with six it never arrives, because every sigmoid on the way back multiplies the signal by a quarter at best (2.12). So: "much faster than the sigmoid" is true of *deep* networks, and "6x" is one number from one experiment. For ReLU against tanh it does not hold in general. The claim is **imprecise**. (With the slope of tanh at 1, good starting weights and a few layers only, there is little for ReLU to improve. Why starting weights matter so much is the subject of [chapter 04b](04b_signals.ipynb).)
#
# Leaky ReLU and ReLU lie on top of each other. And a ReLU is cheaper to compute than an exponential, which this race does not count.
#
# ### Maxout
#
# Instead of choosing a bend, let each unit take the largest of $k$ weighted sums, $\max_p\,(w_p^\top x + b_p)$: a **maxout** unit ([Goodfellow et al., 2013](../book/references.md#goodfellow-2013)). ReLU is the case
# $k = 2$ with one sum fixed at 0. And back? The lecture says that each can implement the other. For two sums $u$ and $v$:
#
# $$ \max(u, v) = v + \max(u - v, 0) = \operatorname{relu}(v) - \operatorname{relu}(-v) + \operatorname{relu}(u - v) . \tag{2.15} $$
#
# > **Predict.** How many ReLU units for one maxout unit of two pieces? How many weights has a maxout layer compared with a ReLU layer of the same width?

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.activations import relu
from course_utils.scratch.networks.maxout import Maxout, maxout_as_relu, relu_as_maxout

rng = np.random.default_rng(SEED)
x = rng.normal(size=(1000, 8)) * 5
weight, bias = rng.normal(size=(6, 8)), rng.normal(size=6)
assert np.abs(relu_as_maxout(weight, bias)(x) - relu(x @ weight.T + bias)).max() < 1e-12
print("a ReLU layer as maxout: equal on 1000 random inputs")

layer = Maxout(rng.normal(size=(2, 6, 8)), rng.normal(size=(2, 6)))
rewrite = maxout_as_relu(layer)
assert np.abs(rewrite(x) - layer(x)).max() < 1e-12
assert len(rewrite.weight) == 3 * 6
print(f"a maxout layer of 6 units as ReLU: equal, with {len(rewrite.weight)} units and a linear layer behind them")

for pieces in (1, 2, 3, 5):
    wide = Maxout(np.zeros((pieces, 6, 8)), np.zeros((pieces, 6)))
    assert wide.parameters == pieces * (weight.size + bias.size)
    print(f"{pieces} pieces: {wide.parameters} parameters = {pieces} x {weight.size + bias.size}")

# %% [markdown]
# <span id="c042"></span>Both directions are exact. Two footnotes to the lecture: the way back takes *three* ReLU units and a linear layer for each maxout unit, and the slide leaves out the biases, without which neither can shift its bend.
# <span id="c043"></span>"More parameters per node" is right, and countable: $k$ pieces, $k$ times the weights.

# %% [markdown]
# ## Pixels into an MLP
#
# You have all the parts. Why does nobody feed photographs to them? The lectures give two reasons: the number of weights, and the lack of
# *stability*. Check both.
#
# ### The bill
#
# A dense layer connects each input with each unit. A layer of a *convolutional* network, which later chapters build, looks at the image through one small window of $k \times k$ pixels,
# with the same weights at every place, one such filter for each of $M$ output maps. Count weights and biases for an image of side $S$ with $C$ channels:
#
# $$ \text{dense: } (C\,S^2 + 1)\,H, \qquad \text{convolution: } (C\,k^2 + 1)\,M . \tag{2.16} $$
#
# > **Predict.** From $8 \times 8$ to $256 \times 256$ pixels: by what factor does each of the two grow?

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.mlp import conv_parameters, dense_parameters

print("side      dense, 100 units   16 filters of 5 x 5    dense, in megabytes")
for side in (8, 28, 32, 64, 128, 256):
    dense, conv = dense_parameters(3 * side**2, 100), conv_parameters(3, 16, 5)
    print(f"{side:4d}   {dense:18,d}   {conv:20,d}   {4 * dense / 1e6:20.1f}")
    if side <= 64:
        assert dense == sum(p.numel() for p in nn.Linear(3 * side**2, 100).parameters())
        assert conv == sum(p.numel() for p in nn.Conv2d(3, 16, 5).parameters())
assert (dense_parameters(3 * 256**2, 100) - 100) / (dense_parameters(3 * 8**2, 100) - 100) == (256 / 8) ** 2

# %% [markdown]
# <span id="c046"></span>The lectures' "exploding number of parameters" is the $S^2$ in (2.16): twice the side, four times the weights. The convolution does not know how large the image is.
#
# <span id="c047"></span>One lecture adds "need for large data sets", the rule of thumb that more parameters need more data. Test it: one hidden layer with 4 to 1,024 units, 100 training digits or all 1,297, the same number of steps.
#
# > **Predict.** With 100 digits and 1,024 units there are over 700 weights *per example*. What will the test accuracy do, compared with 32 units?

# %% tags=["band-width"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data

digits, unseen = data.load("digits", "train"), data.load("digits", "test")
width_x, width_new = digits.images.flatten(1).float() / 255, unseen.images.flatten(1).float() / 255
width_result = {}
for amount in (100, 1297):
    chosen = torch.randperm(len(width_x), generator=torch.Generator().manual_seed(SEED))[:amount]
    for units in (4, 32, 256, 1024):
        torch.manual_seed(SEED)
        net = nn.Sequential(nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10))
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        draw = torch.Generator().manual_seed(SEED)
        for _ in range(200):
            batch = chosen[torch.randint(amount, (64,), generator=draw)]
            optimiser.zero_grad()
            F.cross_entropy(net(width_x[batch]), digits.labels[batch]).backward()
            optimiser.step()
        with torch.no_grad():
            right = (net(width_new).argmax(dim=1) == unseen.labels).double().mean().item()
        width_result[f"accuracy_{amount}_{units}"] = right

# %% tags=["hide-input"] mystnb={"image": {"alt": "Test accuracy against hidden units, 4 to 1024, two bands of 20 seeds: with 100 training digits it rises from about one half to about 0.91 and stays level, with all 1,297 it rises to about 0.97; neither falls for wide networks."}}
record = load_record("02_mlp.width")["metrics"]
widths = (4, 32, 256, 1024)
figure, axes = plt.subplots(figsize=(6, 2.9))
for amount, color, marker in ((1297, "blue", "o"), (100, "vermillion", "s")):
    rows = np.array([record[f"accuracy_{amount}_{units}"] for units in widths]).T
    median_band(axes, widths, rows, color=COLORS[color], label=f"{amount:,} training digits", marker=marker)
    axes.plot(
        widths,
        [width_result[f"accuracy_{amount}_{units}"] for units in widths],
        "D",
        color=COLORS["ink"],
        markersize=3.5,
        zorder=4,
    )
axes.set(xscale="log", xlabel="hidden units", ylabel="test accuracy", xticks=widths, xticklabels=widths)
axes.minorticks_off()
axes.legend(loc="lower right")
plt.show()

# %%
for name, value in width_result.items():
    assert band("02_mlp.width", name).contains(value, slack=0.03), name
print(f"1,024 units: {dense_parameters(64, 1024) + dense_parameters(1024, 10):,} parameters")
for amount in (100, 1297):
    for units in (32, 1024):
        print(f"{amount:5d} digits, {units:4d} units: {band('02_mlp.width', f'accuracy_{amount}_{units}')}")
    narrow, wide = (band("02_mlp.width", f"accuracy_{amount}_{units}") for units in (32, 1024))
    assert wide.median >= narrow.median - 0.01  # thirty times the parameters, no loss
assert band("02_mlp.width", "accuracy_1297_32").median > band("02_mlp.width", "accuracy_100_1024").maximum

# %% [markdown]
# More data helps at every width. But more parameters do *not* hurt here, even at hundreds of weights per example. The rule of thumb is **imprecise**: the parameter count alone is a poor measure of what a network will memorise. The bill in memory and time is real; the one in data is not written on the label.
# What decides it is the topic of a later chapter.
#
# ### One hundred and fifty-four pixels
#
# Now the second reason. <span id="c044"></span>A slide moves a binary picture of a digit by two pixels and counts: 154 inputs change, 77 from black to white and 77 from white to black. Is the match of the two numbers a coincidence?
#
# > **Predict.** Does it hold for every picture, every shift? What must not happen?
#
# Moving a shape neither adds nor removes a white pixel. So
#
# $$ \#\{\text{turned on}\} - \#\{\text{turned off}\} = \#\{\text{white after}\} - \#\{\text{white before}\} = 0 , \tag{2.17} $$
#
# as long as nothing leaves the frame. That is the whole proof, for any binary shape and any shift. The image on the slide is not in our text, so its 77 cannot be recounted. But such digits are easy to find: enlarge ours to the $28 \times 28$ pixels of MNIST, cut at one half, move them left by two.

# %% mystnb={"image": {"alt": "Three binary pictures of a handwritten digit: before, after a shift two pixels to the left, and the difference, in which 77 pixels turned on are blue and 77 turned off are vermillion, along the left and right edges of every stroke."}}
from course_utils.scratch.networks.distortions import changed_pixels

everything = data.load("digits", "all")
large = F.interpolate(everything.images.float() / 255, size=28, mode="bilinear", align_corners=False)
shapes = F.pad((large[:, 0] > 0.5).long(), [2, 2, 2, 2])
counts = np.array([changed_pixels(shape.numpy(), right=-2) for shape in shapes])
exact = np.flatnonzero((counts == 77).all(axis=1))
example = shapes[exact[everything.labels[exact] == 4][0]].numpy()
moved = np.roll(example, -2, axis=1)  # the frame is wide enough: nothing leaves it

colours = np.full((*example.shape, 3), 0.93)
colours[(example == 1) & (moved == 1)] = 0.6
colours[(example == 0) & (moved == 1)] = [0, 0.447, 0.698]
colours[(example == 1) & (moved == 0)] = [0.835, 0.369, 0]
figure, panels = plt.subplots(1, 3, figsize=(6.4, 2.3))
for axes, picture, title in zip(panels, (example, moved, colours), ("before", "two to the left", "77 on, 77 off")):
    axes.imshow(picture)
    axes.set(xticks=[], yticks=[], title=title)
    axes.grid(visible=False)
plt.show()

# %%
print(f"on = off for all {len(counts):,} digits: {(counts[:, 0] == counts[:, 1]).all()}")
print(
    f"pixels changed by two columns: {counts.sum(axis=1).min()} to {counts.sum(axis=1).max()}; exactly 77 + 77: {len(exact)} digits"
)
assert (counts[:, 0] == counts[:, 1]).all()
assert len(exact) > 0

rng = np.random.default_rng(SEED)
for _ in range(500):
    blob = np.zeros((20, 20), dtype=int)
    blob[4:16, 4:16] = rng.random((12, 12)) < rng.random()
    on, off = changed_pixels(blob, right=int(rng.integers(-4, 5)), down=int(rng.integers(-4, 5)))
    assert on == off
print("500 random shapes, random shifts: always equal")
try:
    changed_pixels(np.eye(4, dtype=int), right=1)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# To you nothing happened. To a layer that sees the image as a list, about as many inputs changed as the digit has pixels.
#
# ### One pixel to the right
#
# What does that do to a trained network? Put the $8 \times 8$ digits into a frame of $12 \times 12$, so that shifts push nothing out. Train an MLP on the centred digits. Train a small *convolutional* network with fewer weights: three layers of
# $3 \times 3$ windows, and at the end a maximum over all places, so that each of its features says *whether* something is seen and not *where*. Neither has ever seen a shifted digit. Then shift the test digits.
#
# > **Predict.** Both are right on about 97 of 100 centred digits. After a shift by *one* pixel: the MLP? The other? After two pixels, is the MLP still better than guessing?

# %% tags=["band-shift"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.networks.distortions import add_frame, scale_and_turn, shift

digits, unseen = data.load("digits", "train"), data.load("digits", "test")
framed, framed_new = (add_frame(split.images.float() / 255, 2) for split in (digits, unseen))


def train_classifier(net, epochs, lr, batch_size=64):
    steps = epochs * -(-len(framed) // batch_size)
    optimiser = torch.optim.Adam(net.parameters(), lr=lr)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    draw = torch.Generator().manual_seed(SEED)
    for _ in range(epochs):
        for batch in torch.randperm(len(framed), generator=draw).split(batch_size):
            optimiser.zero_grad()
            F.cross_entropy(net(framed[batch]), digits.labels[batch]).backward()
            optimiser.step()
            plan.step()
    return net


def accuracy_on(net, images):
    with torch.no_grad():
        return (net(images).argmax(dim=1) == unseen.labels).double().mean().item()


torch.manual_seed(SEED)
mlp = train_classifier(nn.Sequential(nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 10)), 20, 5e-3)
torch.manual_seed(SEED)
pooled = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
    nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10),
)  # fmt: skip
train_classifier(pooled, epochs=6, lr=2e-2, batch_size=32)
shift_result = {}
for name, net in (("mlp", mlp), ("cnn", pooled)):
    for right in (-2, -1, 0, 1, 2):
        shift_result[f"{name}_{right}"] = accuracy_on(net, shift(framed_new, right=right))
    for turn in (-20, 20):
        shift_result[f"{name}_turn_{turn}"] = accuracy_on(net, scale_and_turn(framed_new, degrees=turn))
    for scale in (75, 130):
        shift_result[f"{name}_scale_{scale}"] = accuracy_on(net, scale_and_turn(framed_new, scale=scale / 100))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: test accuracy against shift from two pixels left to two right with bands of 20 seeds; the MLP is a narrow peak at zero that falls below one half at one pixel and below 0.2 at two, the pooled CNN is a flat line near 0.98. Right: accuracy of both when digits are turned by 20 degrees or scaled; both fall well below what they reach on upright digits."}}
record = load_record("02_mlp.shift")["metrics"]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), width_ratios=[1.1, 1])
moves = (-2, -1, 0, 1, 2)
others = ("turn_-20", "turn_20", "scale_75", "scale_130")
for offset, (name, color, marker) in enumerate((("cnn", "blue", "s"), ("mlp", "vermillion", "o"))):
    rows = np.array([record[f"{name}_{move}"] for move in moves]).T
    median_band(left, moves, rows, color=COLORS[color], label={"mlp": "MLP", "cnn": "pooled CNN"}[name], marker=marker)
    left.plot(
        moves, [shift_result[f"{name}_{move}"] for move in moves], "D", color=COLORS["ink"], markersize=3, zorder=4
    )
    for row, other in enumerate(others):
        values = np.array(record[f"{name}_{other}"])
        height = -row + 0.16 - 0.32 * offset
        right.plot(
            [values.min(), values.max()],
            [height, height],
            color=COLORS[color],
            linewidth=7,
            alpha=0.4,
            solid_capstyle="butt",
        )
        right.plot(np.median(values), height, marker, color=COLORS[color], markersize=6)
left.set(xlabel="shift to the right (pixels)", ylabel="test accuracy", title="shifted", xticks=moves, ylim=(0, 1.03))
left.legend(loc="lower center", fontsize=8)
right.set(
    title="turned, scaled",
    xlabel="test accuracy",
    yticks=range(0, -4, -1),
    yticklabels=["turned −20°", "turned 20°", "scaled × 0.75", "scaled × 1.3"],
    xlim=(0, 1.03),
)
plt.show()

# %%
print(
    f"weights: MLP {sum(p.numel() for p in mlp.parameters()):,}, pooled CNN {sum(p.numel() for p in pooled.parameters()):,}"
)
for name, value in shift_result.items():
    assert band("02_mlp.shift", name).contains(value, slack=0.06), (name, value)
for name in ("mlp", "cnn"):
    print(f"{name}: " + ", ".join(f"{move:+d} px {shift_result[f'{name}_{move}']:.3f}" for move in moves))
for move in (-1, 1):
    assert band("02_mlp.shift", f"mlp_{move}").maximum < 0.65 < 0.9 < band("02_mlp.shift", "mlp_0").minimum
for move in (-2, 2):
    assert band("02_mlp.shift", f"mlp_{move}").maximum < 0.35
    difference = np.array(record[f"cnn_{move}"]) - np.array(record["cnn_0"])
    assert np.abs(difference).max() < 0.03  # the pooled CNN barely changes, seed by seed
for other in others:
    assert (
        band("02_mlp.shift", f"cnn_{other}").median < band("02_mlp.shift", "cnn_0").minimum
    )  # not everything is a shift

# %% [markdown]
# <span id="c045"></span>One pixel costs the MLP half of its accuracy, two nearly all of it. The pooled network does not notice. So the lectures are right: an MLP on raw pixels has little invariance to shifts, a convolutional net with pooling has a lot.
#
# Mind the right-hand picture, though. Turned or scaled digits hurt *both*. Sharing weights over places gives you shifts, because that is the one change that moves a picture over the places. It gives you nothing of the kind for rotation and scale. Those have to be learned from examples.
#
# Could the MLP not learn shifts from shifted examples? It can, at a price: exercise 7. And the deeper reason is one that you have seen at work
# [before](00_start.ipynb#scramble-the-pixels): a dense layer does not know that pixels have neighbours. Permute all pixels by one fixed permutation, and it learns as well as ever.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C029](#c029) Linear activations leave a linear model | true | one matrix, with the rank of the narrowest layer |
# | [C030](#c030) Two layers approximate any continuous function uniformly | imprecise | needs hidden biases and a linear output; the slide's formula has neither |
# | [C031](#c031) Many nonlinearities do, polynomials do not | true | the square never passes the best quadratic |
# | [C032](#c032) $D$ inputs of $\pm 1$ have $2^D$ patterns | true | enumerated |
# | [C033](#c033) $\operatorname{sign}(x_m^\top x - D)$ fires for $x_m$ only | true | with $\operatorname{sign}(0) = +1$; others reach $-2$ at most |
# | [C034](#c034) $\operatorname{sign}(\sum z_m + M - 1)$ is OR | true | all sign patterns of up to ten units |
# | [C035](#c035) The network realises any labelling | true | all for $D = 2, 3$; 3,000 sampled for $D = 4$ |
# | [C036](#c036) It may need exponentially many hidden units | true | this construction does, up to $2^D$; parity needs only $D$ units in another |
# | [C037](#c037) Acyclic means computable in one pass | true | exactly then |
# | [C038](#c038) Softmax with $-\sum \ln p$ is the multi-class logistic loss | true | PyTorch averages where the lecture sums |
# | [C039](#c039) ReLU does not saturate in the positive region | true | slope 1 there, slope 0 on the other side |
# | [C040](#c040) ReLU trains 6 times faster than sigmoid or tanh | imprecise | one experiment against tanh; here tanh is as fast or faster, and the sigmoid slower the deeper the network |
# | [C041](#c041) Leaky ReLU does not saturate and does not die | true | with one percent of the signal on the negative side |
# | [C042](#c042) Maxout can implement ReLU and vice versa | true | three ReLU units for a pair; the slide leaves out the biases |
# | [C043](#c043) Maxout has more parameters per node | true | $k$ times |
# | [C044](#c044) A shift by two pixels changes 154 inputs, 77 each way | true | equal numbers for every shape inside the frame; the slide's own image cannot be recounted |
# | [C045](#c045) An MLP on pixels has little shift invariance, a pooled conv net is stable | true | measured; for turns and scales neither is |
# | [C046](#c046) MLP weights explode with image size | true | quadratic in the side, a convolution constant |
# | [C047](#c047) More parameters need more data | imprecise | more data helps; more width did not hurt |
# | [C048](#c048) The sigmoid is $1/(1+e^{-x})$ | true | slope at most a quarter |
#
# ## Pitfalls
#
# **1. Softmax twice.** PyTorch's `cross_entropy` takes *scores* and applies softmax itself. Give it probabilities and it trains, slowly, towards a floor that is not zero: probabilities differ by at most 1, so the second softmax can
# never be sure.

# %% tags=["nbval-check-output"]
perfect = torch.eye(10)[:1]  # the surest probabilities there are
print(f"loss of a perfect answer, passed as probabilities: {F.cross_entropy(perfect, torch.tensor([0])):.3f}")
print(f"loss of a perfect answer, passed as scores:        {F.cross_entropy(perfect * 50, torch.tensor([0])):.3f}")
assert F.cross_entropy(perfect, torch.tensor([0])) > 1.4

# %% [markdown]
# **2. All units start the same.** Equal weights get equal gradients, so the units stay equal for ever. Sixteen units, the capacity of one:

# %%
alike = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
with torch.no_grad():
    for p in alike.parameters():
        p.fill_(0.05)
optimiser = torch.optim.SGD(alike.parameters(), lr=0.3)
for _ in range(200):
    optimiser.zero_grad()
    F.cross_entropy(alike(race_x), race_y).backward()
    optimiser.step()
units = alike[0].weight.detach()
print(f"largest difference between two of the 16 units after 200 steps: {(units - units[:1]).abs().max():.1e}")
print(f"training accuracy: {(alike(race_x).argmax(1) == race_y).double().mean():.2f}")
assert (units - units[:1]).abs().max() < 1e-4
assert (alike(race_x).argmax(1) == race_y).double().mean() < 0.6

# %% [markdown]
# **3. Class numbers as targets of a regression.** "The digit is 7, so predict the number 7." Then an 8 read as a 7 is nearly right and an 8 read as a 1 is very wrong, and between 1 and 7 the network must pass through
# 3 and 5:


# %%
def fit_digits(outputs, loss, decide):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, outputs))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(300):
        optimiser.zero_grad()
        loss(net(pixels)).backward()
        optimiser.step()
    with torch.no_grad():
        return (decide(net(new_pixels)) == unseen.labels).double().mean().item()


as_number = fit_digits(1, lambda s: (s[:, 0] - digits.labels).square().mean(), lambda s: s[:, 0].round())
as_class = fit_digits(10, lambda s: F.cross_entropy(s, digits.labels), lambda s: s.argmax(dim=1))
print(f"test accuracy: class numbers by regression {as_number:.2f}, ten scores and cross-entropy {as_class:.2f}")
assert as_class > as_number + 0.2

# %% [markdown]
# **4. A bend after the last layer.** End in a ReLU and no score can be negative; a target of $-1$ is out of reach, and a unit that is off there gets no gradient at all:

# %% tags=["nbval-check-output"]
ends = []
for last in (nn.Identity(), nn.ReLU()):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), last)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    goal = torch.tensor(2.0 * wanted - 1).float()
    for _ in range(1000):
        loss = (net(torch.tensor(corners).float())[:, 0] - goal).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ends.append(loss.item())
print(
    f"XOR with targets -1 and +1: linear output reaches 0: {ends[0] < 0.01}; ReLU output stays at 0.5 or above: {ends[1] > 0.499}"
)
assert ends[0] < 0.01
assert ends[1] > 0.499

# %% [markdown]
# ## Exercises
#
# **1. Three small machines** (ten minutes). Write as ReLU networks without training: $|x|$, $\max(x_1, x_2)$, and the *hat* that is 0 outside $[0, 2]$ and rises to 1 at $x = 1$. How few hidden units does each need?
#
# <details><summary>Hint</summary>
#
# A ReLU unit adds one bend. Count the bends. For the maximum use (2.15).
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
value = np.linspace(-3, 3, 61)
assert np.allclose(relu(value) + relu(-value), np.abs(value))  # two units
pair = np.random.default_rng(1).normal(size=(100, 2))
assert np.allclose(relu(pair[:, 1]) - relu(-pair[:, 1]) + relu(pair[:, 0] - pair[:, 1]), pair.max(axis=1))  # three
hat = relu(value) - 2 * relu(value - 1) + relu(value - 2)  # three bends, three units
assert np.allclose(hat, np.maximum(0, 1 - np.abs(value - 1)))
print("|x| takes 2 units, max takes 3, the hat takes 3")

# %% [markdown]
# **2. Parity of three bits with skips** (twenty minutes). With skip connections XOR took one hidden unit. Build the parity of *three* bits with one hidden threshold unit and skips, and check all eight inputs with `Dag`.
#
# <details><summary>Hint</summary>
#
# The sum of the bits is 0, 1, 2 or 3. One hidden unit knows whether it is at least 2. What must the output subtract then?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
wires = {(f"x{i}", unit): 1.0 for i in range(3) for unit in ("h", "y")}
parity3 = Dag(wires | {("one", "h"): -1.5, ("one", "y"): -0.5, ("h", "y"): -2.0}, "step")
bits = binary_inputs(3)
answer = parity3.forward({**{f"x{i}": bits[:, i] for i in range(3)}, "one": 1.0}).x["y"]
assert answer.tolist() == (bits.sum(axis=1) % 2).tolist()
print("sum - 2 [sum >= 2] > 0.5 is parity:", answer.astype(int).tolist())

# %% [markdown]
# **3. Temperature** (fifteen minutes). Divide all scores by a number $T > 0$ before the softmax. What happens to the probabilities for $T \to 0$ and for $T \to \infty$? Does the most probable class change? Show all three in numbers.
#
# <details><summary>Hint</summary>
#
# Only differences of scores count. What does $T$ do to the differences?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
scores = np.array([[2.0, 1.0, -1.0]])
for temperature in (0.01, 1.0, 100.0):
    print(f"T = {temperature:6.2f}: {np.round(softmax(scores / temperature)[0], 3).tolist()}")
    assert softmax(scores / temperature).argmax() == 0
assert softmax(scores / 0.01)[0, 0] > 1 - 1e-12  # all on the largest
assert np.allclose(softmax(scores / 1e6), 1 / 3, atol=1e-5)  # all the same

# %% [markdown]
# **4. A tower in the plane** (half an hour). A bump in two dimensions: about 1 on a square, about 0 elsewhere. Build it from four sigmoids in a first layer and *one* sigmoid in a second. Why is one hidden layer with a sum not enough to make a clean tower from these four?
#
# <details><summary>Hint</summary>
#
# A bump in $x_1$ plus a bump in $x_2$ is 2 on the square, 1 on a cross, 0 elsewhere. Which unit tells 2 from 1?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
u, v = np.meshgrid(np.linspace(-2, 2, 81), np.linspace(-2, 2, 81))
cross = bump(u, -0.5, 0.5, 40) + bump(v, -0.5, 0.5, 40)
tower = 1 / (1 + np.exp(-40 * (cross - 1.5)))
inside = (np.abs(u) < 0.4) & (np.abs(v) < 0.4)
outside = (np.abs(u) > 0.6) | (np.abs(v) > 0.6)
assert tower[inside].min() > 0.99
assert tower[outside].max() < 0.01
assert cross[outside].max() > 0.99  # the sum alone leaves the arms of the cross standing
print(f"tower: at least {tower[inside].min():.3f} inside, at most {tower[outside].max():.3f} outside")

# %% [markdown]
# **5. Depth folds** (half an hour). The *tent* $t(x) = 1 - |2x - 1|$ on $[0, 1]$ takes two ReLU units. Apply it to itself: $t(t(x))$, and so on, $L$ times. How many straight pieces has the result? How many hidden units would *one* hidden layer need for the same function?
#
# <details><summary>Hint</summary>
#
# Draw $t(t(x))$. One hidden ReLU layer with $H$ units has at most $H + 1$ straight pieces.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
fine = np.arange(2**12 + 1) / 2**12  # exact in binary, and every kink lies on it
for depth in (1, 2, 3, 6, 10):
    teeth = fine
    for _ in range(depth):
        teeth = 2 * relu(teeth) - 4 * relu(teeth - 0.5)  # the tent on [0, 1], two units
    kinks = (np.diff(teeth, n=2) != 0).sum()
    print(f"{depth:2d} layers of 2 units: {kinks + 1:5d} pieces; one hidden layer needs at least {kinks} units")
    assert kinks + 1 == 2**depth

# %% [markdown]
# **6. Contrastive instead of triplets** (an hour). Train the embedding with pairs and the contrastive loss of [Hadsell et al. (2006)](../book/references.md#hadsell-2006): squared distance for alike pairs, $\max(0, m - d)^2$ for the others. Compare its neighbour accuracy under the lamp with the raw pixels.
#
# <details><summary>Hint</summary>
#
# `draw_triplets` gives you both kinds of pairs: anchor with positive, anchor with negative. Add $10^{-8}$ under the square root: at distance 0 it has no slope.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.scratch.networks.metric_learning import draw_triplets

pairs_net = embedding_net()
optimiser = torch.optim.Adam(pairs_net.parameters(), lr=3e-3)
lamp = torch.Generator().manual_seed(SEED + 1)
for _ in range(400):
    drawn = under_lamp(known[torch.cat(draw_triplets(known_y, 128, lamp))], lamp)
    anchor, positive, negative = pairs_net(drawn).chunk(3)
    near = (anchor - positive).square().sum(dim=1)
    far = ((anchor - negative).square().sum(dim=1) + 1e-8).sqrt()
    loss = (near + torch.relu(1 - far).square()).mean() / 2
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
with torch.no_grad():
    contrastive = neighbour_accuracy(pairs_net(lit), known_y, pairs_net(lit_fresh), fresh_y)
print(f"under the lamp: pixels {metric_result['pixels_all']:.3f}, contrastive embedding {contrastive:.3f}")
assert contrastive > metric_result["pixels_all"]

# %% [markdown]
# **7. Teach the MLP to bear a shift** (an hour). Train the MLP of the shift experiment on digits that are shifted at random by up to two pixels. How far does it recover? What does it cost on centred digits, and in training time? And what if you train on shifts of one pixel and test on two?
#
# <details><summary>Hint</summary>
#
# `data.random_shift(2)` is a function `(x, generator) -> x` that shifts each image of a batch. Give the network more units and more epochs than before.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def train_shifted(pixels_of_shift, epochs=30):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 128), nn.ReLU(), nn.Linear(128, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    draw, jitter = torch.Generator().manual_seed(SEED), data.random_shift(pixels_of_shift)
    for _ in range(epochs):
        for batch in torch.randperm(len(framed), generator=draw).split(64):
            optimiser.zero_grad()
            F.cross_entropy(net(jitter(framed[batch], draw)), digits.labels[batch]).backward()
            optimiser.step()
    return [accuracy_on(net, shift(framed_new, right=move)) for move in (0, 1, 2)]


by_two, by_one = train_shifted(2), train_shifted(1)
print("shift of the test digits         0      1      2")
print("trained on shifts up to 2:  " + "  ".join(f"{value:.3f}" for value in by_two))
print("trained on shifts up to 1:  " + "  ".join(f"{value:.3f}" for value in by_one))
assert by_two[2] > shift_result["mlp_2"] + 0.3
assert by_two[0] < shift_result["cnn_0"]
assert by_one[2] < by_two[2]  # what it has not seen, it does not know

# %% [markdown]
# ## At scale
#
# The same two experiments on [MNIST](../book/references.md#lecun-1998), 60,000 digits of $28 \times 28$ pixels. One command, `python -m tools.record_mlp mnist`, with `course data mnist` before it if you do not have the files.

# %%
record = load_record("02_mlp.mnist")
print("linear probe on MNIST:")
for name in ("raw", "random", "learned"):
    print(f"  {name:8s} {band('02_mlp.mnist', f'probe_{name}')}")
print("accuracy when the test digits move to the right:")
for name, label in (("mlp", "MLP"), ("cnn", "pooled CNN")):
    medians = [band("02_mlp.mnist", f"{name}_shift_{pixels}").median for pixels in record["shifts"]]
    print(
        f"  {label:11s} {record['parameters'][name]:6,d} parameters: "
        + ", ".join(f"{p} px {m:.3f}" for p, m in zip(record["shifts"], medians))
    )
print(f"{record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}")
assert band("02_mlp.mnist", "probe_learned").minimum > band("02_mlp.mnist", "probe_raw").maximum
assert band("02_mlp.mnist", "probe_learned").minimum > band("02_mlp.mnist", "probe_random").maximum
assert band("02_mlp.mnist", "mlp_shift_4").maximum < 0.6
lost = np.array(record["metrics"]["cnn_shift_0"]) - record["metrics"]["cnn_shift_4"]
assert lost.max() < 0.03  # seed by seed

# %% [markdown]
# With 46 times as much data the picture is the same: learned features win clearly, and the MLP loses the shifted digits. A pixel of MNIST is a smaller part of the digit, so it takes more of them. The convolutional net loses a percent or two: its first layer looks at every second place only, so shifts do not pass it quite unnoticed.
#
# ## Summary
#
# - A hidden layer changes the representation until a linear unit suffices. Without a bend it changes nothing: linear layers collapse into one matrix.
# - A step has slope zero. Gradients need a bend with a slope where the data are.
# - One hidden layer stores any table of bits ($2^D$ units if it only stores) and follows any curve, if its bend is no polynomial and its units have biases.
# - Any wiring without a cycle is computed in one pass, in topological order.
# - Softmax with cross-entropy: gradient $p - \text{one-hot}$; subtract the largest score first. Squared error: gradient is the error. Triplets: only comparisons.
# - Saturation and death are measurable. ReLU was not faster than tanh here; the sigmoid fell behind with depth.
# - Pixels into an MLP: weights grow with the square of the side, and one pixel of shift halves its accuracy.
#
# ## Further reading
#
# - [Cybenko (1989)](../book/references.md#cybenko-1989) and [Hornik et al. (1989)](../book/references.md#hornik-1989): universal approximation, two proofs.
# - [Leshno et al. (1993)](../book/references.md#leshno-1993): exactly which activations work.
# - [LeCun et al. (1998)](../book/references.md#lecun-1998b): practical advice on activations, scales and starts that has aged well.
# - [Glorot and Bengio (2010)](../book/references.md#glorot-bengio-2010): what saturation does to deep networks, measured layer by layer.
# - [Goodfellow et al. (2013)](../book/references.md#goodfellow-2013): maxout.
# - [Schroff et al. (2015)](../book/references.md#schroff-2015): triplets at scale, on faces.
#
# ## The next question
#
# In every cell autograd handed you the gradient of a whole network, and you took it on trust. How does it know? A network has thousands of weights, and yet the gradient costs little more than one forward pass. The way back through
# the graph, one unit at a time, is [chapter 03](03_backprop.ipynb), Backpropagation.
