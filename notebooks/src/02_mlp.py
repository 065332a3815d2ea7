# %% [markdown]
# # Layers
#
# One unit draws one line. Put units behind units, with a bend between them, and the first ones learn *what to look at* while
# the last one decides. You will build such networks by hand, find out what they can and cannot represent, wire them
# in any way you like, and see why you should not feed them pixels.
#
# **You will be able to**
#
# - write a multi-layer perceptron as two lines of NumPy, and get PyTorch's numbers to the last digit;
# - prove that layers without a bend are one layer, and show that a step gives nothing to learn from;
# - build by hand a network for any table of bits, and one for any curve, and say what each costs;
# - evaluate any wiring without a cycle in one pass;
# - ask with a probe whether learned features are better than fixed ones;
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
from course_utils.plotting.networks import layer_positions, median_band, network_diagram
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
# Keep your answers. Before the chapter ends each of them is a proof or a cell that you have run.

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

# %%
from course_utils.scratch.networks.mlp import MLP, forward_by_loops, to_torch
from course_utils.scratch.perceptrons.threshold_unit import GATES, binary_inputs

fold = MLP(
    weights=[np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, -2.0]])],  # rows: z1, z2; then s
    biases=[np.array([0.0, -1.0]), np.array([0.0])],
    activation="relu",
)
corners, wanted = binary_inputs(2), np.array(GATES["XOR"])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a network diagram; x1 and x2 feed z1 and z2 with weights 1, z2 has bias minus 1, the output adds z1 and subtracts twice z2. Middle: the four XOR corners, classes on the diagonals. Right: in the plane of z1 and z2 the corners 01 and 10 fall on one point (1,0), the others on (0,0) and (2,1), and a line separates the classes."}}
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
        f"{name:8s} of 10: layer 1 has gradient zero: {silent}; never moved: {(moved == 0).sum()}; "
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
# and no width. A unit learns from the examples on its slope. Which bend has a good slope, and where, is half of [the next chapter](02b_losses.ipynb#the-bend).
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
# (What training makes small here is the *cross-entropy*, high when the right digit gets a low probability. [The next chapter](02b_losses.ipynb#classes-softmax-and-cross-entropy)
# derives it. For now it is a dial that says how wrong the network is.)
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
assert 0.55 < band("02_mlp.probe", "random_8").median < 0.65
assert band("02_mlp.probe", "learned_8").median > 0.9

# %% [markdown]
# Learned features beat raw pixels and random features of the same number. The gap is widest where units are scarce: eight random questions leave about four of ten
# digits unread, eight *chosen* ones fewer than one of ten. With many units random features pass the pixels too and catch up with the learned ones, as they did in the
# [perceptron's chapter](01_perceptron.ipynb#what-the-random-units-add). Learning does not make the impossible possible here. It buys the same quality with far fewer units.
#
# What did a unit learn? Its 64 incoming weights form a picture. Take the unit that changed most and replay its first 300 training steps, six at a time: from noise to strokes
# that it looks for (blue) and strokes that it looks against (orange).

# %%
path = torch.stack(replay[::6])  # (frames, units, 64)
busiest = int((path[-1] - path[0]).norm(dim=1).argmax())
WeightDials(path[:, busiest].numpy(), shape=(8, 8), as_picture=True)

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
    print(f"{activation:5s} median error, H = 1 to 32: {[float(f'{m:.1g}') for m in medians]}")
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
    print("with one more wire, from y to h:", str(error).replace(": ", ":\n    "))

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
print(f"30 random graphs: one pass visits {visits} units; asking backwards takes {asked[0]:,} calls")
assert asked[0] > 10 * visits

# %% [markdown]
# ## Pixels into an MLP
#
# You have seen what layers can do. Why does nobody feed photographs to them? The lectures give two reasons: the number of weights, and the lack of
# *stability*. Check both.
#
# ### The bill
#
# A dense layer connects each input with each unit. A layer of a *convolutional* network ([chapter 05](05_convolution.ipynb)) looks at the image through one small window of $k \times k$ pixels,
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
# as long as nothing leaves the frame. That is the whole proof, for any binary shape and any shift. We do not have the slide's image as numbers, so its own 77 cannot be recounted. But such digits are easy to find: enlarge ours to the $28 \times 28$ pixels of MNIST, cut at one half, move them left by two.

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
share = np.median(counts.sum(axis=1) / shapes.sum(dim=(1, 2)).numpy())
print(f"changed pixels, as a share of the digit's white ones: {share:.2f} (median)")
assert 0.45 < share < 0.55
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
# To you nothing happened. To a layer that sees the image as a list, half as many inputs changed as the digit has white pixels.
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
# Could the MLP not learn shifts from shifted examples? It can, at a price: exercise 5. And the deeper reason is one that you have seen at work
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
# | [C044](#c044) A shift by two pixels changes 154 inputs, 77 each way | true | equal numbers for every shape inside the frame; the slide's own image cannot be recounted |
# | [C045](#c045) An MLP on pixels has little shift invariance, a pooled conv net is stable | true | measured; for turns and scales neither is |
# | [C046](#c046) MLP weights explode with image size | true | quadratic in the side, a convolution constant |
# | [C047](#c047) More parameters need more data | imprecise | more data helps; more width did not hurt |
#
# ## Pitfalls
#
# **1. The bend that is missing.** Two `Linear` layers in a row look like a network, train without an error, and have twice the weights. They are one line:

# %% tags=["nbval-check-output"]
xor_in, xor_out = torch.tensor(corners).float(), torch.tensor(wanted).float()
for name, bends in (("two linear layers", ()), ("with a tanh between", (nn.Tanh(),))):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(2, 16), *bends, nn.Linear(16, 1))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(1000):
        loss = (net(xor_in)[:, 0] - xor_out).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"{name:20s} loss on XOR after 1000 steps: {loss.item():.2f}")
    assert (loss.item() < 0.01) == bool(bends)
    assert bends or loss.item() > 0.249  # one half everywhere, as equation (2.2) demands

# %% [markdown]
# **2. All units start the same.** Equal weights in and out get equal gradients, so the units stay equal for ever: one feature, computed sixteen times. This is why weights start at random:

# %%
for start in ("alike", "apart"):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
    if start == "alike":
        with torch.no_grad():
            net[0].weight.copy_(net[0].weight[:1].expand(16, 64))  # every unit gets the weights of the first
            net[0].bias.fill_(0.0)
            net[2].weight.copy_(net[2].weight[:, :1].expand(10, 16))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        F.cross_entropy(net(pixels), digits.labels).backward()
        optimiser.step()
    units = net[0].weight.detach()
    apart, accuracy = (units - units[:1]).abs().max(), (net(pixels).argmax(1) == digits.labels).double().mean()
    print(f"{start}: largest difference between two units {apart:.1e}, training accuracy {accuracy:.2f}")
    assert (apart < 1e-4) == (start == "alike")
    assert accuracy < 0.7 if start == "alike" else accuracy > 0.95

# %% [markdown]
# **3. A reshape of the right shape.** The layer wants rows of 64 numbers. Both lines below make an array of 1,297 rows and 64 columns, and neither complains. One of them deals the pixels of all digits out like cards:

# %%
stored_by_pixel = pixels.T.contiguous()  # (64, N): one row a pixel, as some files store it
for name, rows in (("transposed", stored_by_pixel.T), ("reshaped", stored_by_pixel.reshape(-1, 64))):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(200):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(rows), digits.labels)
        loss.backward()
        optimiser.step()
    right = (net(new_pixels).argmax(dim=1) == unseen.labels).double().mean()
    print(f"{name:10s} shape {tuple(rows.shape)}, loss {loss.item():.2f}, test accuracy {right:.2f}")
    assert right > 0.9 if name == "transposed" else right < 0.3

# %% [markdown]
# The loss of the second falls as well: there is always something to learn by heart. Before you train, look at one row as a picture.

# %% [markdown]
# ## Exercises
#
# **1. Three small machines** (ten minutes). Write as ReLU networks without training: $|x|$, $\max(x_1, x_2)$, and the *hat* that is 0 outside $[0, 2]$ and rises to 1 at $x = 1$. How few hidden units does each need?
#
# <details><summary>Hint</summary>
#
# A ReLU unit adds one bend. Count the bends. For the maximum: $\max(u, v) = v + \max(u - v, 0)$, and $v$ itself is the difference of two ReLUs.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.scratch.networks.activations import relu

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
# **3. A tower in the plane** (half an hour). A bump in two dimensions: about 1 on a square, about 0 elsewhere. Build it from four sigmoids in a first layer and *one* sigmoid in a second. Why is one hidden layer with a sum not enough to make a clean tower from these four?
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
# **4. Depth folds** (half an hour). The *tent* $t(x) = 1 - |2x - 1|$ on $[0, 1]$ takes two ReLU units. Apply it to itself: $t(t(x))$, and so on, $L$ times. How many straight pieces has the result? How many hidden units would *one* hidden layer need for the same function?
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
# **5. Teach the MLP to bear a shift** (an hour). Train the MLP of the shift experiment on digits that are shifted at random by up to two pixels. How far does it recover? What does it cost on centred digits, and in training time? And what if you train on shifts of one pixel and test on two?
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
        f"  {label:10s} {record['parameters'][name]:6,d} weights: "
        + "  ".join(f"{p} px {m:.2f}" for p, m in zip(record["shifts"], medians))
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
# - Pixels into an MLP: weights grow with the square of the side, and one pixel of shift halves its accuracy.
#
# ## Further reading
#
# - [Cybenko (1989)](../book/references.md#cybenko-1989) and [Hornik et al. (1989)](../book/references.md#hornik-1989): universal approximation, two proofs.
# - [Leshno et al. (1993)](../book/references.md#leshno-1993): exactly which activations work.
# - [Telgarsky (2016)](../book/references.md#telgarsky-2016): the folding tent of exercise 4, turned into a theorem on what depth saves.
#
# ## The next question
#
# Every network in this chapter was trained on *something*, a squared error here, a cross-entropy there, with whichever bend was at hand: tanh, ReLU, a sigmoid. Was any of that a good choice? What a network should minimise, and with what slope it
# learns, is [the next chapter](02b_losses.ipynb), Losses and activations.
