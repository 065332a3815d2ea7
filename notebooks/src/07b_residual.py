# %% [markdown]
# # Residual networks
#
# Stack fifty layers and the network learns worse than with eight, on the very examples it is trained on. Add the input of every second layer to its output, and fifty
# layers train, then a hundred, then a thousand. You will build both, find out what that addition does to signals, gradients and paths, and what it does not.
#
# **You will be able to**
#
# - show the degradation of deep plain networks by their *training* loss, and say why it is not overfitting;
# - make a deeper network that cannot be worse, by construction;
# - derive and test the Jacobian of a residual block, and give a block whose gradient vanishes all the same;
# - predict the size of signals and gradients after 50 or 1,000 layers, with and without shortcuts;
# - count weights, layers and multiply-adds of the ResNet family to the unit, and read the table of the paper with care;
# - choose between the two orders of a block, and say at which depth it matters.
#
# **You need** [batch normalisation](04c_normalisation.ipynb), [the size of signals](04b_signals.ipynb), [convolutions](05_convolution.ipynb)
# and their [1x1 kind](05b_layers.ipynb), and the habit of [stacking small kernels](06c_depth.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import copy
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import models, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.blocks import block_diagram
from course_utils.plotting.depth import signal_curves
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ArchitectureExplorer, ComputationGraph, ResidualFlow

plotting.use_style()
torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings, above all on a busy machine
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Deeper, and worse
#
# Take the recipe of the last chapters: 3x3 convolutions, batch normalisation, ReLU. The network below has three stages of 8, 16 and 32 maps and a linear layer; images
# are handwritten digits of 8 x 8 pixels. Its **plain** form stacks layers. Its **residual** twin has the same layers, the same weights at the start, the same number of them. It only
# adds the input of every two layers to their output. We train each with 8 and with 50 layers, sixty steps, and look at the loss on the *training* batches.
#
# > **Predict.** Order the four by their training loss after 60 steps: plain 8, plain 50, residual 8, residual 50.

# %% tags=["hide-input", "band-degradation", "band-deletion"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.models.residual_twins import momentum_run, twin
from course_utils.scratch.initialisation.deep_mlp import share_right

digits, new_digits = data.load("digits", "train"), data.load("digits", "test")
mean, deviation = digits.images.float().mean(), digits.images.float().std()
x_train, y_train = (digits.images - mean) / deviation, digits.labels  # (1297, 1, 8, 8)
x_test, y_test = (new_digits.images - mean) / deviation, new_digits.labels

# %% tags=["band-degradation"]
degradation_result, training, trained = {}, {}, {}
for depth in (8, 50):
    for kind in ("plain", "residual"):
        net = twin(depth, kind, seed=SEED)  # 8, 16, 32 maps
        losses = momentum_run(net, 60, 0.05, x=x_train, y=y_train, seed=SEED)
        training[kind, depth], trained[kind, depth] = losses, net
        degradation_result[f"{kind}_{depth}"] = sum(losses[-10:]) / 10

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: training loss over 60 steps. The plain network of 8 layers falls to about 0.3, the plain one of 50 layers stays near 2, both residual ones fall below 0.5. Right: bands over the seeds of the loss in the last ten steps; the plain band of 50 layers lies far to the right of the other three."}}
figure, (curves, bands) = plt.subplots(1, 2, figsize=(7, 3), width_ratios=(1.2, 1), layout="constrained")
looks = {("plain", 8): ("vermillion", "--"), ("plain", 50): ("vermillion", "-"), ("residual", 8): ("blue", "--")}
looks["residual", 50] = ("blue", "-")
for row, (key, (color, line)) in enumerate(looks.items()):
    smooth = np.convolve(training[key], np.ones(5) / 5, mode="valid")
    curves.plot(np.arange(5, 61), smooth, color=COLORS[color], linestyle=line, label=f"{key[0]}, {key[1]} layers")
    name = f"{key[0]}_{key[1]}"
    found = band("07b_residual.degradation", name)
    plotting.seed_band(bands, found, degradation_result[name], f"{key[0]}, {key[1]}", y=row, color=COLORS[color])
curves.set(xlabel="step", ylabel="training loss (mean of 5)", ylim=(0, 3))
curves.legend(fontsize=8)
bands.set(xlabel=f"loss at the end, {found.count} seeds", xlim=(0, 2.6))
plt.show()

# %% tags=["nbval-check-output"]
deep = {}
for key, value in degradation_result.items():
    deep[key] = band("07b_residual.degradation", key)
    assert deep[key].contains(value, slack=0.25)
    print(f"{key:12s} median of the loss at the end {deep[key].median:.2f}")
assert deep["plain_50"].minimum > deep["plain_8"].maximum  # on every seed
assert deep["residual_50"].maximum < deep["plain_50"].minimum
assert deep["residual_8"].median < deep["plain_8"].median
all_weights = lambda net: sum(p.numel() for p in net.parameters())
twins = [all_weights(trained[kind, 50]) for kind in ("plain", "residual")]
print(f"weights of the twins of 50 layers: {twins[0]:,} and {twins[1]:,}")
assert twins[0] == twins[1]

# %% [markdown]
# <span id="c220"></span>The lecture says that beyond some depth deeper plain nets have a higher **training** error. True, on every seed (the bands; diamonds are your own run). Mind the word. A network that memorises the training
# set and fails on new images has a *low* training loss; that is overfitting. Here the larger network cannot even fit what it sees. He and colleagues call it [degradation](../book/glossary.md#degradation).
# They saw it with 20 against 56 layers on CIFAR-10, and with 18 against 34 on ImageNet: [top-1 error](../book/glossary.md#top-1-and-top-5-error) on validation images 27.94 and 28.54 %, as reported ([He et al., 2016a](../book/references.md#he-2016a), table 2).
#
# <span id="c221"></span>Residual links cure it, says the lecture. The residual network of 50 layers ends far below its plain twin, on every seed. But read the bands to the end. In this short race both networks of *eight* layers are ahead of it. Is a smaller penalty left, or is it slower at the start only? Deep convolutional nets are slow here, so take
# fully connected twins, 4 and 50 layers of 64 units in pre-activation blocks (below), and 200 steps.

# %% tags=["nbval-check-output"]
from course_utils.scratch.residual.stacks import stack

longer = {}
for order in ("plain", "pre"):
    for blocks in (2, 25):
        torch.manual_seed(SEED)
        body = stack(blocks, 64, order, seed=SEED).float()
        end = nn.BatchNorm1d(64) if order == "pre" else nn.Identity()
        net = nn.Sequential(nn.Flatten(), body, end, nn.Linear(64, 10))
        how = {"x": x_train, "y": y_train, "seed": SEED, "batch": 64}
        losses = momentum_run(net, 200, 0.02, **how)
        longer[order, blocks] = sum(losses[-20:]) / 20
for order, name in (("plain", "plain"), ("pre", "residual")):
    four, fifty = longer[order, 2], longer[order, 25]
    print(f"{name:9s} 4 layers {four:.1f}   50 layers {fifty:.1f}")
assert longer["plain", 25] > longer["plain", 2] + 1
assert longer["pre", 25] < longer["pre", 2] + 0.05

# %% [markdown]
# Now depth costs the residual network nothing, and the plain one does little better than guessing ($\ln 10 = 2.3$). So: true. The links remove the *penalty* of depth. That depth then *pays* takes harder images and longer training: in the same table 34 residual layers beat 18 (25.03 against 27.88 %, as reported).
#
# ## A deeper network that cannot be worse
#
# Why is degradation strange? Because a good deep network *exists*, and you can write it down. Take the trained network of 8 layers. Insert 42 layers that each compute the
# identity. A 3x3 convolution can do that: a 1 in the middle of its own channel, 0 elsewhere. A ReLU follows. It leaves the maps alone, since they come out of a ReLU already and have no negative values.
#
# > **Predict.** By how much do the outputs of the two networks differ: 0.1, a rounding error, or exactly 0?

# %% tags=["nbval-check-output"]
from course_utils.models.identity_construction import deepen

shallow = trained["plain", 8].eval()
deeper = deepen(shallow, 42)  # 42 identity layers after the first stage
with torch.no_grad():
    outputs = [net(x_train) for net in (shallow, deeper)]
same = torch.equal(*outputs)
losses = [F.cross_entropy(output, y_train).item() for output in outputs]
layer = (nn.Conv2d, nn.Linear)
count_layers = lambda net: sum(isinstance(m, layer) for m in net.modules())
print(f"{count_layers(shallow)} and {count_layers(deeper)} layers")
print("outputs equal to the last bit:", same)
print("equal training losses:", losses[0] == losses[1])
assert same
assert losses[1] < 1  # it has learned something: no equality of two guesses
assert count_layers(deeper) == 50

# %% [markdown]
# <span id="c222"></span>Exactly 0, as the lecture's construction promises: the training error of the deeper network is that of the shallower one. So among all settings of the 50 layers there is one
# as good as the 8. Gradient descent from a random start did not find it, nor anything near. The problem is not what the network can express. It is
# **optimisation**: a stack of non-linear layers has a hard time to learn to *do nothing*.
#
# That suggests a remedy. Make "do nothing" the easy thing to learn. Let the layers compute what to *change*, and hand on the rest:
#
# $$ H(x) = F(x) + x . \tag{7.31} $$
#
# If the best $H$ is close to the identity, then $F$ only has to become small. $F$ is called the residual, $x$ travels over the [shortcut](../book/glossary.md#shortcut). Side by side:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two diagrams from top to bottom. Plain: x, 3x3, BN, ReLU, 3x3, BN, ReLU. Residual: the same boxes, and a link from x around them to a plus sign before the last ReLU."}}
usual = ["3x3", "BN", "ReLU", "3x3", "BN"]
figure, panels = plt.subplots(1, 2, figsize=(4.6, 3.6), layout="constrained")
block_diagram(panels[0], usual, after=["ReLU"], title="plain: H(x)")
block_diagram(panels[1], usual, shortcut="", after=["ReLU"], title="residual: F(x) + x")
plt.show()

# %% [markdown]
# And here is the block as it stands in the course's package:

# %%
from course_utils.models.resnet import BasicBlock, Bottleneck

print(inspect.getsource(BasicBlock.forward))

# %% [markdown]
# `conv1` is convolution, normalisation, ReLU; `conv2` is convolution and normalisation. The last ReLU comes after the addition. Built with `residual=False` the block has no shortcut (`None`), and is the plain twin.
#
# ### Zero weights: an identity?
#
# <span id="c225"></span>The lecture: it is easier to learn the identity if needed, "just set the weights to 0". Let us do it, for inputs with and without negative values.
#
# > **Predict.** All weights of $F$ are zero. For which inputs does the block return its input?

# %% tags=["nbval-check-output"]
from course_utils.models.preact_resnet import PreActivationBlock


def with_zero_weights(block):
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    return block.eval()


signed = torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(1))
post = with_zero_weights(BasicBlock(8, 8))
pre = with_zero_weights(PreActivationBlock(8, 8))
print("identity?              input >= 0   signed input")
for name, block in (("ReLU after the sum", post), ("nothing after it", pre)):
    found = [torch.equal(block(v), v) for v in (signed.relu(), signed)]
    print(f"{name:22s} {found[0]!s:>10s} {found[1]!s:>14s}")
assert torch.equal(post(signed), signed.relu())
assert torch.equal(pre(signed), signed)

# %% [markdown]
# Imprecise. With the final ReLU the block returns its input only where nothing is negative. Inside a ResNet that is always so, since each block ends with a ReLU. So the statement holds where it is
# used. The second kind of block, in which nothing stands after the sum, is an identity for any input. We come back to it.
#
# ### How many layers to skip
#
# <span id="c243"></span>"Skip 2 to 3 weight layers", says the lecture. Basic blocks skip two, the bottlenecks below three. Why not one? Look at a block with one linear layer: $Wx + x = (W + I)\,x$. That is a plain
# linear layer with another start. It can represent nothing new; without a non-linearity inside, there is no residual to speak of.

# %% tags=["nbval-check-output"]
draw = torch.Generator().manual_seed(2)
weight = torch.randn(6, 6, generator=draw, dtype=torch.float64)
rows = torch.randn(9, 6, generator=draw, dtype=torch.float64)
assert torch.allclose(rows @ weight.T + rows, rows @ (weight + torch.eye(6)).T)
skipped = {}
for kind in (BasicBlock, Bottleneck):
    block = kind(64, 64) if kind is BasicBlock else kind(256, 64)
    convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    skipped[kind.__name__] = len(convs)
print("convolutions that the shortcut skips:", skipped)
assert skipped == {"BasicBlock": 2, "Bottleneck": 3}

# %% [markdown]
# ## The Jacobian: dF + I
#
# Differentiate (7.31). The derivative of $x$ by $x$ is the identity matrix:
#
# $$ \frac{\partial H}{\partial x} = \frac{\partial F}{\partial x} + I . \tag{7.32} $$
#
# <span id="c223"></span>The lecture multiplies from the left with $\partial L/\partial H$ and writes $\partial F/\partial x + 1$. The 1 is a matrix. Play with the smallest case, where everything is one number: $y = v\tanh(wx) + x$. The
# graph has two ways from $y$ back to $x$, and the slopes of both are added up.
#
# > **Predict.** Set $v$ to 0 in the figure. What is the slope of $y$ by $x$? Which $v$ makes it 0?

# %%
ComputationGraph("v * tanh(w * x) + x", {"v": 1.5, "w": 0.8, "x": 0.5})

# %% [markdown]
# At $v = 0$ the slope is 1, that of the bare shortcut. It is zero where the other way brings exactly $-1$: $v\,w\,(1 - \tanh^2(wx)) = -1$, for the values of the figure at $v \approx -1.46$.
#
# Now a real block: convolutions, normalisation, ReLU, in double precision. Ask autograd for the Jacobian of the branch and of the whole. In evaluation mode, so that images do not mix.

# %% tags=["nbval-check-output"]
from torch.autograd.functional import jacobian

torch.manual_seed(SEED)
block = BasicBlock(3, 3).double().eval()
image = torch.randn(1, 3, 4, 4, dtype=torch.float64)
branch = lambda v: block.conv2(block.conv1(v.view(1, 3, 4, 4))).flatten()
before_relu = lambda v: branch(v) + v
whole = lambda v: block(v.view(1, 3, 4, 4)).flatten()
flat = image.flatten()

d_branch = jacobian(branch, flat)  # (48, 48)
eye = torch.eye(48, dtype=torch.float64)
assert torch.allclose(jacobian(before_relu, flat), d_branch + eye)
alive = torch.diag((before_relu(flat) > 0).double())
assert torch.allclose(jacobian(whole, flat), alive @ (d_branch + eye))
assert round(-1 / (0.8 * (1 - math.tanh(0.8 * 0.5) ** 2)), 2) == -1.46
print("before the last ReLU the Jacobian is dF + I")
print(f"after it, {int(48 - alive.sum())} of 48 rows are zero")

# %% [markdown]
# True as stated, before the last ReLU. The ReLU multiplies by a diagonal matrix $D$ of zeros and ones, and the Jacobian of the whole block is $D\,(\partial F/\partial x + I)$.
#
# <span id="c224"></span>From here the lecture concludes: the gradient skips weight layers, **no vanishing**. Careful. A sum of two terms can be zero.
#
# > **Predict.** Which $F$ makes the gradient vanish completely, in one block?


# %% tags=["nbval-check-output"]
class Minus(nn.Module):
    """A branch of one convolution that has learned F(x) = -x."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        nn.init.dirac_(self.conv.weight)
        with torch.no_grad():
            self.conv.weight.neg_()

    def forward(self, x):
        return x + self.conv(x)


minus = Minus().double()
cancelled = jacobian(lambda v: minus(v.view(1, 3, 4, 4)).flatten(), flat)
largest = cancelled.abs().max().item()
print("F(x) = -x: largest entry of the Jacobian", largest)
assert not cancelled.any()

shut = BasicBlock(3, 3).double().eval()
with torch.no_grad():
    shut.conv2.norm.bias.fill_(-10)  # below zero wherever x is below 10 or so
closed = jacobian(lambda v: shut(v.view(1, 3, 4, 4)).flatten(), flat)
print("a last ReLU that is shut: largest entry", closed.abs().max().item())
assert not closed.any()

# %% [markdown]
# So "cannot vanish" is no theorem. It is a strong tendency: to cancel $I$ the branch must point exactly against the input, in every direction, in many blocks. Random branches never do. But nothing forbids
# a trained one from forgetting part of its input on purpose; that is even useful. And a ReLU behind the sum can shut both ways at once.
#
# ## A thousand layers of signal
#
# Take away the last ReLU and follow a whole stack. Each block adds something to the sum, so
#
# $$ \begin{aligned}
# x_B &= x_0 + \sum_{l=0}^{B-1} F_l(x_l) , \\
# \frac{\partial L}{\partial x_0} &= \frac{\partial L}{\partial x_B}\Big(I + \frac{\partial}{\partial x_0}\sum_{l=0}^{B-1} F_l(x_l)\Big) .
# \end{aligned} \tag{7.33} $$
#
# Sums, where a plain network has products ([equation 4.46](04b_signals.ipynb#vanishing-and-exploding-gradients)). The gradient at the top, $\partial L/\partial x_B$, reaches every block as it is; the rest is added to it ([He et al., 2016b](../book/references.md#he-2016b)).
#
# What are the *sizes*? We use fully connected blocks of two layers, 64 units, He's weights, no training.
#
# > **Predict.** Add shortcuts to such a stack of 25 blocks, without any normalisation. Is the signal at the top the same, about 5 times larger, or more than 1,000 times?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels against the block number, up to 500 blocks, on log axes. Left, signal forward: plain without norm falls slowly to 1e-12, plain with batch norm is level, shortcuts without norm leave the picture at the top after about 130 blocks, shortcuts with norm rise to about 22, shortcuts with scaled branches stay near 1.5. Right, gradient backward: plain with batch norm and shortcuts without norm explode, shortcuts with norm rise to a few hundred, scaled ones stay level."}}
from course_utils.scratch.residual.flow import expected_gradient, expected_signal, flow

inputs = torch.randn(64, 64, generator=torch.Generator().manual_seed(100), dtype=torch.float64)
KINDS = {
    "plain": {"order": "plain", "norm": False},
    "plain, BN": {"order": "plain"},
    "shortcut": {"order": "pre", "norm": False},
    "shortcut, BN": {"order": "pre"},
    "shortcut, branch / √B": {"order": "pre", "norm": False, "branch": None},
}


def followed_stack(name, blocks):
    options = dict(KINDS[name])
    if "branch" in options:
        options["branch"] = blocks**-0.5
    return flow(stack(blocks, seed=SEED, **options), inputs)


flows = {(name, blocks): followed_stack(name, blocks) for name in KINDS for blocks in (25, 500)}
figure, panels = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True, layout="constrained")
signal_curves(panels[0], {name: flows[name, 500].forward for name in KINDS}, floor=1e-15, ceiling=1e20)
signal_curves(panels[1], {name: flows[name, 500].backward for name in KINDS}, floor=1e-15, ceiling=1e20)
panels[0].set(xlabel="block", ylabel="root mean square", title="signal, 1 at the input")
panels[1].set(xlabel="block", title="gradient, 1 at the top")
handles, labels = panels[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
plt.show()

# %% tags=["nbval-check-output"]
print("layers   kind                     signal at the top   gradient below")
for blocks in (25, 500):
    sizes = {}
    for name in KINDS:
        found = flows[name, blocks]
        sizes[name] = found.forward[-1].item(), found.backward[0].item()
    promised = expected_signal(blocks)[-1], expected_gradient(blocks)[0]
    sizes["promised, shortcut, BN"] = promised
    for name, (top, below) in sizes.items():
        print(f"{2 * blocks:6d}   {name:22s} {top:19.0e} {below:16.0e}")
assert flows["shortcut", 25].forward[-1] > 1e3
assert flows["plain, BN", 25].backward[0] > 1e3
assert flows["plain, BN", 500].backward[0] > 1e60
assert flows["shortcut, BN", 500].forward[-1] < 50
assert flows["shortcut, BN", 500].backward[0] < 2000
assert 1 < flows["shortcut, branch / √B", 500].forward[-1] < 3

# %% [markdown]
# Three lessons.
#
# **Shortcuts alone explode.** At He's start a branch returns a signal of the size of its input. Sum and branch are unrelated, so mean squares add up: each block doubles it. That is $2^{25}$ in the mean square, $2^{12.5} \approx 5{,}800$ in size (narrow layers scatter around it). Forward and backward, since (7.33) is
# the same sum in both directions. A shortcut cures vanishing, and pays with the opposite.
#
# **With normalisation in the branch, growth is slow.** Batch norm sets the branch's input to mean square 1, whatever arrives. So each block adds the same amount, 1 for He's weights:
#
# $$ \operatorname{E}[x_l^2] = 1 + l . \tag{7.34} $$
#
# After 500 blocks that is a size of $\sqrt{501} \approx 22$. Linear growth in place of exponential; this is what "complementary to batchnorm" on the lecture's slide means.
#
# The gradient follows. Through a branch it is divided by the spread of the block's input over the batch. The square of that spread is $v_l = 1 + l\,(1 - \tfrac1\pi)$, because the part that all examples share does not count, as in [equation 4.52](04c_normalisation.ipynb#c098). Inside, the mean square gains the factor $\pi/(\pi-1)$ of
# that equation. Over the shortcut the gradient comes as it is:
#
# $$ \frac{\operatorname{E}[\delta_l^2]}{\operatorname{E}[\delta_{l+1}^2]} = 1 + \frac{\pi}{\pi-1}\cdot\frac{1}{v_l} . \tag{7.35} $$
#
# The factor tends to 1 as $l$ grows. The product over 500 blocks is a few hundred in size. In the plain stack with BN it is a number of more than 80 digits. Note that *that* gradient explodes; it does not vanish.
#
# **Or make the branches small.** Divide them by $\sqrt B$: each block multiplies the mean square by $1 + 1/B$, all together by $(1 + 1/B)^B < e$. For the *start* no normalisation is needed. Later schemes that train deep networks without BN build on this.
#
# Turn the dials: a plain stack beside its residual twin, computed as you turn.
#
# > **Predict.** Without norm, at He's start: which factor on the branches makes the residual curves level at 50 layers? Then halve the gain of the weights. Which of the twins minds?

# %%
ResidualFlow(depth=50, norm=False)

# %% [markdown]
# About 0.2, which is $1/\sqrt{25}$, or less. With small weights the plain stack loses its signal in both directions, and the residual one hands on what it got. Switch the norm on, and look at the gradient of the plain stack.
#
# ### Noise in the gradient
#
# Size is not all. Ask how the gradient of a random network changes when its input moves a little. [Balduzzi and colleagues (2017)](../book/references.md#balduzzi-2017) took networks from one number to one number and drew the derivative as a curve.
#
# > **Predict.** One hidden layer; 24 plain layers; 50 layers with shortcuts. Which derivative looks like noise?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three curves of the derivative of a random network over its input from -2 to 2. One hidden layer: a smooth staircase. 24 plain layers: white noise without any structure. 50 layers with shortcuts and small branches: a rough walk that still follows a slow trend."}}
from course_utils.scratch.residual.shattering import autocorrelation, line_gradient

NETS = {
    "one hidden layer": {"blocks": 0, "order": "plain"},
    "24 layers, plain": {"blocks": 12, "order": "plain"},
    "50 layers, shortcuts, branch × 0.1": {"blocks": 25, "order": "post", "branch": 0.1},
}
figure, panels = plt.subplots(1, 3, figsize=(7, 2.3), layout="constrained")
for axes, (name, options) in zip(panels, NETS.items()):
    slope = line_gradient(seed=SEED, **options)
    axes.plot(np.linspace(-2, 2, 256), slope / slope.std(), color=COLORS["blue"], linewidth=0.9)
    axes.set(xlabel="input", yticks=[])
    axes.set_title(name.replace("shortcuts, ", "shortcuts,\n"), fontsize=8)
panels[0].set_ylabel("derivative, scaled")
plt.show()

# %% tags=["nbval-check-output"]
NETS["50 layers, shortcuts, branch × 1"] = {"blocks": 25, "order": "post"}
near = {}
for name, options in NETS.items():
    lines = [line_gradient(seed=seed, **options) for seed in range(10)]
    alike = torch.stack([autocorrelation(line, 5) for line in lines])
    near[name] = alike.mean(0)[1].item()
    rounded = round(near[name], 1) + 0  # no minus before a zero
    print(f"{name:36s} correlation with the next point {rounded:5.1f}")
shallow_net, plain_net, small_branch, full_branch = near.values()
assert shallow_net > 0.95
assert abs(plain_net) < 0.1
assert small_branch > 0.6
assert 0.1 < full_branch < small_branch

# %% [markdown]
# With batch norm, 24 plain layers give white noise: at two neighbouring inputs the gradients have nothing to do with each other. A step that is right for one image says nothing about a similar one. With shortcuts a part of the correlation stays, more of it the smaller the branches. This **shattering**
# happens although the size of each gradient may be fine. The makers of the ResNet had checked just that: with BN, the gradients of their plain networks were of healthy size, as reported, and yet these networks did not train.
#
# ## Many short paths
#
# There is another way to read (7.33). Multiply out the product of all blocks, with $A_l$ for the Jacobian of branch $l$. Every factor offers a choice, $I$ or $A_l$: around the block, or through it. Each choice is a path:
#
# $$ (I + A_B)\cdots(I + A_1) = \sum_{S \subseteq \{1..B\}} \; \prod_{l \in S} A_l . \tag{7.36} $$
#
# The products keep the order of the blocks. Of the $2^B$ paths, $\binom{B}{k}$ go through $k$ branches. With 50 blocks, that makes $2^{50}$ paths, and most go through 20 to 30 branches. [Veit and colleagues (2016)](../book/references.md#veit-2016) asked: over which of them does the gradient come?
# You can answer it exactly, without listing them. Going down, keep one sum for each number of branches passed; a block copies each to the next number, through its Jacobian.
#
# > **Predict.** 50 blocks at the start of training. The typical path passes 25 branches. How many does the typical *gradient* pass?

# %% tags=["nbval-check-output"]
from course_utils.scratch.residual.paths import (
    branch_jacobians,
    path_counts,
    path_sums,
)

blocks = 50
tower = stack(blocks, order="pre", seed=SEED)
for module in tower.modules():
    if isinstance(module, nn.BatchNorm1d):
        module.momentum = None
with torch.no_grad():
    tower(inputs)  # sets the statistics to those of this batch
tower.eval()
draw = torch.Generator().manual_seed(101)
sent = torch.randn(64, generator=draw, dtype=torch.float64)
by_length = path_sums(branch_jacobians(tower, inputs[0]), sent)

start = inputs[0].clone().requires_grad_()
(gradient,) = torch.autograd.grad(tower(start[None])[0] @ sent, start)
assert torch.allclose(by_length.sum(0), gradient)
share = by_length.norm(dim=1) / by_length.norm(dim=1).sum()
counts = torch.tensor(path_counts(blocks), dtype=torch.float64) / 2**blocks
lengths = torch.arange(blocks + 1)
on_paths, of_gradient = (lengths * counts).sum(), (lengths * share).sum()
print(f"mean number of branches, over all paths: {on_paths:.0f}")
print(f"the same, weighted by the gradient over them: {of_gradient:.0f}")
assert of_gradient < 12

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two humps over the number of branches on a path, 0 to 50. Grey: how many paths there are, a bell around 25. Blue: how much of the gradient they bring, a hump at small numbers that ends where the bell begins."}}
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.bar(range(blocks + 1), counts, color=COLORS["gray"], label="paths")
axes.bar(range(blocks + 1), share, color=COLORS["blue"], alpha=0.8, label="size of the gradient over them")
axes.set(xlabel="branches on the path, of 50", ylabel="share")
axes.legend()
plt.show()

# %% [markdown]
# The long paths are many, but each branch shrinks what passes it, so they bring next to nothing. At its start, this network of 100 layers learns through paths of a few blocks. In a trained ResNet of 110 layers Veit and colleagues found most of the gradient on paths of 10 to 34 layers, as reported.
# A deep residual network does not push the gradient through all its layers. It avoids that.
#
# ### Take a block out
#
# If a network is a crowd of paths, then one block more or less should not matter much: half of the paths do not use it. In a plain network every path uses every layer. Train both with 20 layers, then delete single blocks *after* training, and test on new digits.
#
# > **Predict.** How much accuracy is left, in each, when one block of the nine is taken out?

# %% tags=["band-deletion"]
deletion_result, left_over, twenty = {}, {}, {}
for kind in ("plain", "residual"):
    net = twin(20, kind, seed=SEED)
    momentum_run(net, 140, 0.05, x=x_train, y=y_train, seed=SEED)
    found = [share_right(net, x_test, y_test)]
    for stage in (net.stage1, net.stage2, net.stage3):
        for i, block in enumerate(stage):
            if block.conv1.conv.stride == (1, 1):  # the others change the shape
                stage[i] = nn.Identity()
                found.append(share_right(net, x_test, y_test))
                stage[i] = block
    left_over[kind], twenty[kind] = found, net
    deletion_result[f"{kind}_whole"] = found[0]
    deletion_result[f"{kind}_median"] = sorted(found[1:])[len(found[1:]) // 2]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Accuracy on new digits when one of seven blocks is deleted. The residual network suffers when one of the first blocks goes, and stays at its full accuracy for the later ones. The plain network falls to 0.1 to 0.3 whichever block goes."}}
figure, axes = plt.subplots(figsize=(7, 2.7), layout="constrained")
for kind, color in (("residual", "blue"), ("plain", "vermillion")):
    whole_net, *parts = left_over[kind]
    axes.plot(range(1, len(parts) + 1), parts, "o-", color=COLORS[color], label=kind)
    axes.axhline(whole_net, color=COLORS[color], linestyle=":", linewidth=1.2)
axes.axhline(0.1, color=COLORS["ink"], linewidth=0.8)
axes.text(7.05, 0.03, "guessing", fontsize=8, ha="right")
axes.set(xlabel="which block is deleted", ylabel="accuracy on new digits", ylim=(0, 1), xticks=range(1, 8))
axes.legend(loc="center right")
plt.show()

# %% tags=["nbval-check-output"]
removed = {}
for key, value in deletion_result.items():
    removed[key] = band("07b_residual.deletion", key)
    assert removed[key].contains(value, slack=0.1)
print("accuracy, medians over seeds   whole   the middle one of the deletions")
for kind in ("residual", "plain"):
    full, middle = removed[f"{kind}_whole"], removed[f"{kind}_median"]
    print(f"{kind:28s} {full.median:7.2f} {middle.median:9.2f}")

# %% [markdown]
# The plain network falls to guessing, or near it, whichever block goes. The residual one hardly notices most of them (dotted lines: nothing deleted). Only the first blocks, on which all later ones build, it cannot spare. Veit and colleagues saw the same on CIFAR-10, with a residual network of 110 layers and a plain one in the style of VGG, and say that residual networks "behave like ensembles of relatively shallow networks".
# Take the comparison with care: the members share their weights and are trained as one. Nobody averages their votes. And the plain network also trained less well, so it had less to lose.
#
# ## The bricks
#
# ### Basic block and bottleneck
#
# A 3x3 convolution on wide maps is dear. The [bottleneck](../book/glossary.md#bottleneck) of [the Inception networks](07_deeper.ipynb) helps here as well: a 1x1 convolution brings 256 maps down to 64, the 3x3 works there, a second 1x1 goes back up to 256. Compare it with the basic block on 64 maps. With $w$ for the width of the 3x3:
#
# $$ \begin{aligned}
# \text{basic, } w \text{ to } w: &\quad 2 \cdot 9\,w^2 = 18\,w^2 , \\
# \text{bottleneck, } 4w \text{ to } 4w: &\quad 4w^2 + 9w^2 + 4w^2 = 17\,w^2 .
# \end{aligned} \tag{7.37} $$

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three diagrams. Basic block: two 3x3 convolutions on 64 maps with a bare shortcut. Bottleneck: 1x1 to 64, 3x3, 1x1 to 256 maps, with a bare shortcut. Projection block: 1x1 to 128 with stride 2, 3x3, 1x1 to 512, and a 1x1 convolution with stride 2 on the shortcut."}}
figure, panels = plt.subplots(1, 3, figsize=(7, 3), layout="constrained")
block_diagram(panels[0], ["3x3, 64", "3x3, 64"], shortcut="", source="64 maps", title="basic")
block_diagram(panels[1], ["1x1, 64", "3x3, 64", "1x1, 256"], shortcut="", source="256 maps", title="bottleneck")
narrow = ["1x1, 128, /2", "3x3, 128", "1x1, 512"]
block_diagram(panels[2], narrow, shortcut="1x1, 512, /2", source="256 maps", title="where shapes change")
plt.show()

# %% [markdown]
# (BN follows each convolution, ReLU each but the last before the sum, and the sum; /2 stands for stride 2.)
#
# > **Predict.** What would a basic block on 256 maps need?

# %% tags=["nbval-check-output"]
bricks = {
    "basic on 64 maps": (BasicBlock(64, 64), 64),
    "bottleneck on 256 maps": (Bottleneck(256, 64), 256),
    "basic on 256 maps": (BasicBlock(256, 256), 256),
}
print("on 56 x 56 pixels         weights   multiply-adds   results, KB")
found = []
for name, (brick, channels) in bricks.items():
    account = models.summarise(brick, (channels, 56, 56))
    convs = [m for m in brick.modules() if isinstance(m, nn.Conv2d)]
    found.append(sum(conv.weight.numel() for conv in convs))
    assert account.multiply_adds == found[-1] * 56 * 56
    print(f"{name:24s} {found[-1]:9,d} {account.multiply_adds:15,d}", end=" ")
    print(f"{account.bytes / 1024:13,.0f}")
assert found == [18 * 64**2, 17 * 64**2, 18 * 256**2]
assert found == [73_728, 69_632, 1_179_648]

# %% [markdown]
# <span id="c234"></span>The lecture: bottlenecks increase depth and width without more complexity. True: three layers in place of two, four times the maps, 69,632 weights against 73,728. One bill the count does not show: the results to keep for the way back, in the last column. Four times the maps take more memory.
#
# ### Where shapes change
#
# Between stages the maps halve in size and double in number. Then $x$ and $F(x)$ do not fit, and (7.31) has no meaning. Two ways out, in the paper's letters:
#
# - **A**: take every second pixel of $x$, and fill the missing maps with zeros. No weights. Our small networks do that.
# - **B**: a [projection shortcut](../book/glossary.md#projection-shortcut), a 1x1 convolution with stride 2 and as many outputs as needed. The large networks do that.
#
# <span id="c236"></span>The lecture: the identity shortcut is parameter-free, and each convolution is followed by BN. Count:

# %% tags=["nbval-check-output"]
with torch.device("meta"):  # shapes without numbers: no memory, no time
    fifty_layers = models.build("resnet50")
bottlenecks = [m for m in fifty_layers.modules() if isinstance(m, Bottleneck)]
identities = [b.shortcut for b in bottlenecks if b.shortcut.same]
assert sum(all_weights(shortcut) for shortcut in identities) == 0
pair = (nn.Conv2d, nn.BatchNorm2d)
kinds = [type(m) for m in fifty_layers.modules() if isinstance(m, pair)]
assert kinds == list(pair) * (len(kinds) // 2)
print(f"ResNet-50: {len(identities)} identity shortcuts without a weight;")
print(f"{len(kinds) // 2} convolutions, each with its BN")

block, maps = Bottleneck(256, 128, stride=2), torch.randn(2, 256, 8, 8)
through = block.conv3(block.conv2(block.conv1(maps)))
print("in", tuple(maps.shape[1:]), "branch", tuple(through.shape[1:]), end=" ")
print("projection", tuple(block.shortcut(maps).shape[1:]))
assert through.shape == block.shortcut(maps).shape == (2, 512, 4, 4)

print("\n            weights of projections   of all   of the multiply-adds")
for depth in (18, 34, 50, 101, 152):
    with torch.device("meta"):
        net = models.build(f"resnet{depth}")
        account = models.summarise(net)
    named = net.named_parameters()
    extra = sum(p.numel() for name, p in named if "shortcut" in name)
    on_shortcuts = [row for row in account.rows if "shortcut" in row.name]
    work = sum(row.multiply_adds for row in on_shortcuts)
    shares = extra / account.parameters, work / account.multiply_adds
    print(f"ResNet-{depth:<4d} {extra:22,d} {shares[0]:8.1%} {shares[1]:15.1%}")

# %% [markdown]
# True, both. The overhead of B is one percent of the weights of ResNet-34 and eleven of ResNet-50. It falls with depth, as at most four blocks have a projection. Projections *everywhere* (option C) were hardly better in the paper (table 3, ResNet-34, top-1: A 25.03, B 24.52, C 24.19 %, as reported) and would put a weight layer on every shortcut.
#
# ### Where the stride sits
#
# <span id="c235"></span>"First convolution in each branch is with stride", says the lecture on projection blocks. True of the paper: the first 1x1 has it, and the 1x1 of the shortcut. Think it through.
#
# > **Predict.** A 1x1 convolution with stride 2 in both branches. What share of the input's pixels does the block look at?

# %% tags=["nbval-check-output"]
seen = {}
for place in ("1x1", "3x3"):
    torch.manual_seed(SEED)
    block = Bottleneck(16, 8, stride=2, stride_on=place).eval()
    maps = torch.randn(1, 16, 8, 8, requires_grad=True)
    block(maps).square().sum().backward()
    seen[place] = (maps.grad.abs().sum(1) > 0).float().mean().item()
    print(f"stride on {place}: looks at {seen[place]:4.0%} of pixels;", end="")
    for depth in (50, 101, 152):
        with torch.device("meta"):
            net = models.build(f"resnet{depth}", stride_on=place)
        print(f"  {models.summarise(net).multiply_adds / 1e9:5.2f} G", end="")
    print()
assert seen == {"1x1": 0.25, "3x3": 1.0}

# %% [markdown]
# A quarter. Three of four numbers that the stage below computed are thrown away unseen. (The three costs are those of ResNet-50, 101 and 152.) Torchvision and others moved the stride to the 3x3, which sees every pixel: 4.09 billion multiply-adds in place of 3.86, and the same weights. When somebody says "ResNet-50", ask which.
#
# ## ResNet-18 to ResNet-152, by table
#
# The whole family is one table: which block, and how often in each of the four stages. Layers are counted as convolutions on the longest way and the last linear layer; projections are not on it. With $n_s$ blocks in stage $s$ and $m$ layers in a block:
#
# $$ \text{depth} = 2 + m \sum_{s} n_s . \tag{7.38} $$
#
# > **Predict.** Compute the depth for blocks (3, 4, 6, 3), basic and bottleneck.

# %% tags=["nbval-check-output"]
from course_utils.models.resnet import TABLE

# the lecture's row "FLOPs", in billions
LECTURE = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}
family = {}
print("           block      blocks           weights  multiply-adds  lecture")
for depth, (kind, repeats) in TABLE.items():
    with torch.device("meta"):
        family[depth] = models.summarise(models.build(f"resnet{depth}"))
    layers = {"BasicBlock": 2, "Bottleneck": 3}[kind.__name__]
    assert family[depth].depth == 2 + layers * sum(repeats) == depth
    print(f"ResNet-{depth:<3d} {kind.__name__:11s}{repeats!s:14s}", end="")
    weights, work = family[depth].parameters, family[depth].multiply_adds
    print(f"{weights:10,d} {work:14,d} {LECTURE[depth]:8.1f}")
sizes = [family[50]["conv1.conv"].shape[-1]]
for row in family[50].rows:
    if row.name.endswith("_x.2.conv3.conv"):
        sizes.append(row.shape[-1])
print("sides of the maps, conv1 to conv5_x of ResNet-50:", sizes)
assert sizes == [112, 56, 28, 14, 7]
counted = [s.parameters for s in family.values()]
assert counted == [11_689_512, 21_797_672, 25_557_032, 44_549_160, 60_192_808]

# %% [markdown]
# <span id="c227"></span>The table gives 18, 34, 50, 101 and 152 layers: true. <span id="c228"></span>So is the column of sizes, 112, 56, 28, 14, 7. The weights are torchvision's to the unit; with its weights loaded, our networks give its outputs.
#
# <span id="c229"></span>The row of FLOPs is imprecise, twice. What it counts are **multiply-adds**. Whoever counts a multiplication and an addition as two operations, as makers of processors do, must double it. And compare the digits:

# %% tags=["nbval-check-output"]
for depth, said in LECTURE.items():
    exact = family[depth].multiply_adds / 1e9
    rounded, cut = round(exact, 1), math.floor(exact * 10) / 10
    verdict = "rounded"
    if said != rounded:
        verdict = f"cut off; rounded it is {rounded}"
    print(f"ResNet-{depth:<3d} {exact:7.3f}  lecture {said:4.1f}: {verdict}")
    assert said in (rounded, cut)

# %% [markdown]
# 3.66 became 3.6 and 3.86 became 3.8, truncated, while the others are rounded. (The paper's own table has the same numbers.) Small, but people quote 3.8 for networks that cost 4.1.
#
# <span id="c230"></span>A network of 152 layers that costs less than VGG-16? <span id="c226"></span>And is it "10x deeper", as the lecture says?

# %% tags=["nbval-check-output"]
for name in ("vgg16", "vgg19"):
    with torch.device("meta"):
        account = models.summarise(models.build(name))
    giga, mega = account.multiply_adds / 1e9, account.parameters / 1e6
    times = 152 / account.depth
    print(f"{name}: {giga:.2f} G, {mega:.1f} M weights;", end=" ")
    print(f"152 layers are {times:.1f} times as many")
    assert account.multiply_adds > family[152].multiply_adds
    assert account.parameters > 2 * family[152].parameters

# %% [markdown]
# Cheaper: true, 11.28 against 15.47 and 19.63 billion. Bottlenecks do it, and a start that shrinks the map at once; leaving out VGG's huge linear layers saves weights, but hardly any work. "10x deeper" is imprecise: 9.5 times VGG-16, 8 times VGG-19. The paper itself says 8.
#
# Walk through the family yourself. Click a layer, compare two networks, and see where the weights sit and where the work.
#
# > **Predict.** In ResNet-50, which stage has most of the weights, and which most of the multiply-adds?

# %%
ArchitectureExplorer(network="resnet50", other="vgg16")

# %% tags=["nbval-check-output"]
stages = {row.name: row for row in family[50].stages().rows}
for name in ("conv2_x", "conv3_x", "conv4_x", "conv5_x"):
    row = stages[name]
    stored = row.parameters / family[50].parameters
    done = row.multiply_adds / family[50].multiply_adds
    print(f"{name}: {stored:4.0%} of weights, {done:4.0%} of multiply-adds")
assert max(stages, key=lambda name: stages[name].parameters) == "conv5_x"
assert max(stages, key=lambda name: stages[name].multiply_adds) == "conv4_x"

# %% [markdown]
# <span id="c231"></span>**What needs ImageNet.** The lecture's top-5 errors of 7.4, 6.7, 6.1 and 5.7 % for 34, 50, 101 and 152 layers cannot be checked here. They are validation errors with ten crops (answers to ten cut-outs of an image, averaged), table 3 of the paper: 7.40 (with option C; B has 7.46), 6.71, 6.05 and 5.71, as reported. The lecture labels them so.
#
# <span id="c232"></span>The other lecture has "top-5 **test** (ResNet-152): 4.49 %, ensemble 3.57 %". Imprecise. 3.57 % is the ensemble on the test set, as the paper's abstract says. 4.49 % is ResNet-152 alone, on the *validation* set (table 4, as reported). Two protocols in two lines; do not subtract them.
#
# ## A thousand layers
#
# Is there an end? Build 1,001 layers: pre-activation bottlenecks, thin, for our digits. Measure the signal between the blocks. Then train on one batch of 16 digits, eight steps.
#
# > **Predict.** Will the loss fall in eight steps? The plain stack with BN above had a gradient 10 to the power of 80 too large.

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
thousand = models.build("resnet1001", width=4, in_channels=1)
few, labels_of_few = x_train[:16], y_train[:16]
all_blocks = [*thousand.stage1, *thousand.stage2, *thousand.stage3]
spread, norms, seen_losses = [], [], []
with torch.no_grad():
    signal = thousand.conv1(few)
    for block in all_blocks:
        signal = block(signal)
        spread.append(signal.std().item())
optimiser = torch.optim.SGD(thousand.parameters(), lr=0.1, momentum=0.9)
for _ in range(8):
    loss = F.cross_entropy(thousand(few), labels_of_few)
    optimiser.zero_grad()
    loss.backward()
    norms += [block.convs[0].weight.grad.norm().item() for block in all_blocks]
    optimiser.step()
    seen_losses.append(loss.item())
weights = sum(p.numel() for p in thousand.parameters())
depth, finite = 2 + 3 * len(all_blocks), np.isfinite(spread + norms).all()
print(f"{depth} layers in {len(all_blocks)} blocks, {weights:,} weights")
print("all signals and gradients finite:", finite)
print("spread of the signal below 100:", max(spread) < 100)
fallen = seen_losses[0] - seen_losses[-1]
print("loss lower by more than 0.3 after eight steps:", fallen > 0.3)
assert max(spread) < 100
assert np.isfinite(norms).all()
assert seen_losses[-1] < seen_losses[0] - 0.3

# %% [markdown]
# <span id="c233"></span>It takes steps like any other. "Up to 1000 layers" is a statement about CIFAR-10: the first paper trained 1,202 layers there (7.93 % error, *worse* than 6.43 % with 110 layers), the second 1,001 (4.62 %), as reported. On ImageNet they stopped at 152 and 200. What cannot be checked here is
# the accuracy; that such a network can be trained at all, you have just seen.
#
# More depth is not always the best buy. [Zagoruyko and Komodakis (2016)](../book/references.md#zagoruyko-komodakis-2016) widened the blocks instead. Sixteen wide layers then beat a thousand thin ones, as reported, and train faster, since a graphics card computes a wide layer in one go and many layers one after the other.
#
# ## Before or after the sum
#
# The thousand layers used the second paper's block. In the first, a ReLU stands behind every sum, so nothing travels the whole way untouched. In the second, normalisation and ReLU come *before* each convolution, and the shortcut is bare ([pre-activation](../book/glossary.md#pre-activation-block)):
#
# $$ \begin{aligned}
# \text{post:}\quad x_{l+1} &= r\big(x_l + n(W_2\, r(n(W_1 x_l)))\big) \\
# \text{pre:}\quad x_{l+1} &= x_l + W_2\, r(n(W_1\, r(n(x_l))))
# \end{aligned} \tag{7.39} $$
#
# with $r$ for ReLU and $n$ for batch norm. Only the second makes (7.33) exact.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two diagrams. Post-activation: 3x3, BN, ReLU, 3x3, BN, then the sum with the shortcut, then a ReLU. Pre-activation: BN, ReLU, 3x3, BN, ReLU, 3x3, then the sum, and nothing after it."}}
figure, panels = plt.subplots(1, 2, figsize=(4.6, 3.8), layout="constrained")
block_diagram(panels[0], usual, shortcut="", after=["ReLU"], title="post-activation")
block_diagram(panels[1], ["BN", "ReLU", "3x3"] * 2, shortcut="", title="pre-activation")
plt.show()

# %% [markdown]
# Does the order matter? The record below trained both on the digits, four maps wide, one hundred steps at rate 0.1, six seeds.
#
# > **Predict.** At which of the three depths, 20, 110 or 218, do the two orders part?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training loss over 100 steps for 20, 110 and 218 layers, medians and ranges of six seeds. At 20 layers both orders fall quickly, to about 0.2. At 110 layers pre-activation falls to about half a unit while post-activation is still above one. At 218 layers post-activation stays at guessing."}}
record = load_record("07b_residual.preact")
centre = (np.arange(record["steps"] // record["smooth"]) + 0.5) * record["smooth"]
figure, panels = plt.subplots(1, 3, figsize=(7, 2.8), sharey=True, layout="constrained")
for axes, depth in zip(panels, (20, 110, 218)):
    for kind, color in (("post", "vermillion"), ("pre", "blue")):
        found = np.array(record["curves"][f"{kind}_{depth}_0.1"])
        axes.fill_between(centre, found.min(0), found.max(0), color=COLORS[color], alpha=0.2, linewidth=0)
        axes.plot(centre, np.median(found, axis=0), color=COLORS[color], label=f"{kind}-activation")
    axes.axhline(math.log(10), color=COLORS["ink"], linestyle=":", linewidth=1)
    axes.set(title=f"{depth} layers", xlabel="step", ylim=(0, 5))
panels[0].set_ylabel("training loss (dots: guessing)")
panels[0].legend(fontsize=8)
plt.show()

# %%
print(f"loss in steps 91 to 100, medians of {len(record['seeds'])} seeds")
order_ends = {}
for depth, rate in record["runs"]:
    post = np.array(record["metrics"][f"post_{depth}_{rate}"])
    pre = np.array(record["metrics"][f"pre_{depth}_{rate}"])
    order_ends[depth, rate] = post, pre
    print(f"{depth:4d} layers, rate {rate}:", end=" ")
    print(f"post {np.median(post):.2f}  pre {np.median(pre):.2f}", end="   ")
    print(f"pre ahead on {(pre < post).sum()} of {len(pre)} seeds")
post, pre = order_ends[110, 0.1]
assert np.median(pre) < np.median(post) - 0.3
post, pre = order_ends[218, 0.1]
assert pre.max() < post.min()
post, pre = order_ends[110, 0.02]
assert (post < pre).all()  # at a fifth of the rate the other way round

# %% [markdown]
# At 20 layers there is nothing to choose; the first block is even a little ahead. At 110 layers pre-activation is ahead on five seeds of six. At 218 layers it is ahead on all: the first block has hardly left guessing after a hundred steps, while the second is on its way.
#
# Now the last line: the same 110 layers at a *fifth* of the rate. There the first block wins, on every seed. So the bare shortcut is not simply faster. It stands larger steps, in deeper networks. That is worth something, as large steps are what you want; but a comparison at one rate is half a comparison.
#
# In the second paper the order changes little at 110 layers on CIFAR-10 (error 6.61 to 6.37 %), and much at 1,001 (7.61 to 4.92 %), as reported. Our race is short, thin, and about training loss; at a large rate its direction is the same.
#
# Is it the size of the signals? Where a ReLU follows every sum, negative values are lost in every block on the way up, and the gradient at these places on the way down. Send a signal up 100 blocks of either order, and a gradient down.

# %% tags=["nbval-check-output"]
gradients = []
for order in ("post", "pre"):
    t = flow(stack(100, order=order, seed=SEED), inputs)
    gradients.append(t.backward[0].item())
    print(f"{order:4s}: signal at the top {t.forward[-1].item():.0f},", end=" ")
    print(f"gradient at the input {gradients[-1]:.0f}")
assert 1.5 < gradients[0] / gradients[1] < 5

# %% [markdown]
# The sizes are alike, up to a factor of a few. So size is not the reason either. What differs is the way: in the pre-activation stack an undisturbed copy of the gradient reaches every block.
#
# ## Checked claims
#
# | | the lectures say | verdict | where |
# |---|---|---|---|
# | C220 | beyond some depth, deeper plain nets have a higher training error | true: on every seed | [here](#c220) |
# | C221 | residual links cure it | true; in a very short race shallow networks are still ahead | [here](#c221) |
# | C222 | identity layers on a shallow net keep its training error | true, to the last bit | [here](#c222) |
# | C223 | $\partial L/\partial x = \partial L/\partial H\,(\partial F/\partial x + 1)$ | true; 1 is the identity matrix, and no ReLU follows | [here](#c223) |
# | C224 | so gradients do not vanish | imprecise: $F = -x$, or a shut ReLU, and they do | [here](#c224) |
# | C225 | zero weights make the block an identity | imprecise: for non-negative input, or without the last ReLU | [here](#c225) |
# | C226 | ten times deeper than VGG | imprecise: 8 or 9.5 times; the paper says 8 | [here](#c226) |
# | C227 | the table gives 18, 34, 50, 101, 152 layers | true | [here](#c227) |
# | C228 | sizes 112, 56, 28, 14, 7 | true | [here](#c228) |
# | C229 | 1.8, 3.6, 3.8, 7.6, 11.3 billion FLOPs | imprecise: multiply-adds; 3.66 and 3.86 are cut off | [here](#c229) |
# | C230 | ResNet-152 costs less than VGG-16 and 19 | true | [here](#c230) |
# | C231 | ten-crop top-5 errors 7.4, 6.7, 6.1, 5.7 | external: needs ImageNet; as in the paper's table 3 | [here](#c231) |
# | C232 | top-5 test 4.49, ensemble 3.57 | imprecise: 4.49 is validation, 3.57 is test | [here](#c232) |
# | C233 | up to 1,000 layers | external: on CIFAR-10; a 1,001-layer net takes steps here | [here](#c233) |
# | C234 | bottlenecks add depth and width at no extra cost | true: 69,632 against 73,728 weights; more memory | [here](#c234) |
# | C235 | the first convolution of each branch has the stride | true of the paper; torchvision puts it on the 3x3 | [here](#c235) |
# | C236 | identity shortcuts have no parameters; BN after each convolution | true | [here](#c236) |
# | C243 | links skip 2 to 3 weight layers | true: basic 2, bottleneck 3 | [here](#c243) |
#
# ## Pitfalls
#
# **1. The branch overwrites the shortcut.** An in-place ReLU saves memory. At the start of a branch it changes $x$ itself, and the shortcut adds the changed $x$. No error, another network:

# %% tags=["nbval-check-output"]
kept = torch.tensor([[-2.0, -1.0, 1.0, 2.0]])
branches = {"relu": nn.Sequential(nn.ReLU(), nn.Linear(4, 4, bias=False))}
same_layer = branches["relu"][1]
nn.init.zeros_(same_layer.weight)
branches["relu, in place"] = nn.Sequential(nn.ReLU(inplace=True), same_layer)
sums = {}
for name, branch_of in branches.items():
    value = kept.clone()
    sums[name] = branch_of(value) + value
    print(f"{name:15s} {sums[name][0].tolist()}")
assert torch.equal(sums["relu"], kept)
assert torch.equal(sums["relu, in place"], kept.relu())

# %% [markdown]
# **2. A sum that fits by accident.** Shapes that do not fit raise an error, unless broadcasting makes them fit. A shortcut with *one* map is added to each of eight maps in silence:

# %% tags=["nbval-check-output"]
branch_maps, one_map = torch.zeros(2, 8, 6, 6), torch.ones(2, 1, 6, 6)
print("shape of the sum:", tuple((branch_maps + one_map).shape))
try:
    branch_maps + torch.ones(2, 4, 6, 6)
except RuntimeError as error:
    print("RuntimeError:", str(error).split(" at ")[0])
assert (branch_maps + one_map).shape == branch_maps.shape

# %% [markdown]
# **3. A shortcut that is almost the identity.** Multiply it by 0.9, for safety. The direct way through $B$ blocks then carries $0.9^B$, and the blocks no longer add up: the signal stops growing, the branches never become small beside it, and the stack behaves like a plain one. Its gradient explodes:

# %% tags=["nbval-check-output"]
for factor in (1.0, 0.9, 0.5):
    t = flow(stack(100, order="pre", shortcut=factor, seed=SEED), inputs)
    print(f"factor {factor}: direct way {factor**100:.0e},", end=" ")
    print(f"gradient at the input {t.backward[0].item():.0e}")
    assert (t.backward[0] > 1e3) == (factor < 1)

# %% [markdown]
# **4. Judging too early in evaluation mode.** Batch norm's running averages lag behind a network that learns fast, and in a deep one small errors add up. The residual net of 50 layers, after its 60 steps:

# %% tags=["nbval-check-output"]
hasty = copy.deepcopy(trained["residual", 50])
in_eval = share_right(hasty, x_train, y_train)
hasty.train()
with torch.no_grad():
    in_batches = (hasty(x_train).argmax(1) == y_train).float().mean().item()
    for module in hasty.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # average, all batches alike
    for rows in torch.arange(len(x_train)).split(128):
        hasty(x_train[rows])
renewed = share_right(hasty, x_train, y_train)
gap, gap_left = in_batches - in_eval, in_batches - renewed
print("in evaluation mode worse than on batches:", gap > 0)
print("statistics measured anew close most of the gap:", gap_left < gap / 2)
assert gap > 0
assert gap_left < gap / 2

# %% [markdown]
# ## Exercises
#
# **1. Layers by hand** (ten minutes). The paper's small networks have three stages of $n$ basic blocks. What is the depth as a formula in $n$? And of bottlenecks? Which $n$ gives 110, which 1,001? Can there be a network of this kind with 100 layers?
#
# <details><summary>Hint</summary>
#
# Equation 7.38 with three stages.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
basic_depth, bottleneck_depth = (lambda n: 2 + 2 * 3 * n), (lambda n: 2 + 3 * 3 * n)
print("basic: 6n + 2, bottleneck: 9n + 2;", basic_depth(18), bottleneck_depth(111))
assert (basic_depth(18), bottleneck_depth(111)) == (110, 1001)
assert (100 - 2) % 6
assert (100 - 2) % 9
print("100 is neither")

# %% [markdown]
# **2. Start as an identity** (fifteen minutes). Set the scale $\gamma$ of the *last* batch norm in each block to zero before training. What does the network of 50 layers compute then? Does it train? Compare its loss after 60 steps with that of the standard start ([Goyal et al., 2017](../book/references.md#goyal-2017) do this for large batches).
#
# <details><summary>Hint</summary>
#
# `nn.init.zeros_(block.conv2.norm.weight)`. A branch whose last factor is zero gets a gradient only in that factor, at first.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
quiet = twin(50, "residual", seed=SEED)
for module in quiet.modules():
    if isinstance(module, BasicBlock):
        nn.init.zeros_(module.conv2.norm.weight)
first_maps = quiet.conv1(x_train[:8])
assert torch.equal(quiet.stage1(first_maps), first_maps)  # the stage is the identity
quiet_losses = momentum_run(quiet, 60, 0.05, x=x_train, y=y_train, seed=SEED)
quiet_end = sum(quiet_losses[-10:]) / 10
print(f"loss of the last ten steps {quiet_end:.2f}, standard start {degradation_result['residual_50']:.2f}")
assert sum(quiet_losses[-10:]) / 10 < 1.5

# %% [markdown]
# **3. How long are the paths?** (ten minutes). Veit and colleagues say that of the paths of a 110-layer network, with 54 blocks, more than 95 % go through 19 to 35 branches. Check it.
#
# <details><summary>Hint</summary>
#
# `path_counts(54)`, or the binomial distribution.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
of_54 = path_counts(54)
between = sum(of_54[19:36]) / 2**54
print(f"{between:.1%} of the paths go through 19 to 35 branches")
assert between > 0.95

# %% [markdown]
# **4. What does B cost in the small network?** (fifteen minutes). Count the weights of the network of 20 layers for 32x32 images with option A, and what projections at its two changes of shape would add, BN included.
#
# <details><summary>Hint</summary>
#
# A 1x1 convolution from 16 to 32 maps, one from 32 to 64, and two numbers for each output map.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
small_net = models.build("resnet20_small")
option_a = sum(p.numel() for p in small_net.parameters())
blocks_b = [BasicBlock(16, 32, 2), BasicBlock(32, 64, 2)]
added = sum(p.numel() for b in blocks_b for p in b.shortcut.parameters())
print(f"{option_a:,} weights with A; B adds {added:,}, {added / option_a:.1%}")
assert added == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64

# %% [markdown]
# **5. Delete more** (half an hour). Take the residual network of 20 layers of this chapter and delete 1, 2, 3 ... random blocks. How does the accuracy fall: at once, or smoothly?
#
# <details><summary>Hint</summary>
#
# The blocks with stride 1 can go. Average over several random choices.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
chance = np.random.default_rng(SEED)
places = [(s, i) for s in range(3) for i in range(3) if s == 0 or i > 0]  # blocks with stride 1
by_deleted = []
for many in range(len(places) + 1):
    found = []
    for _ in range(5):
        smaller = copy.deepcopy(twenty["residual"])
        for j in chance.permutation(len(places))[:many]:
            s, i = places[j]
            (smaller.stage1, smaller.stage2, smaller.stage3)[s][i] = nn.Identity()
        found.append(share_right(smaller, x_test, y_test))
    by_deleted.append(np.mean(found))
print("accuracy with 0, 1, 2 ... blocks deleted:")
print(" ".join(f"{a:.2f}" for a in by_deleted))
print("Not at once: it takes five or six of the seven to reach guessing. But the")
print("steps are uneven, as a draw that takes the first block is lost at once. Veit")
print("and colleagues, with 54 blocks to choose from, saw a smooth fall.")
assert by_deleted[0] > by_deleted[3] > by_deleted[-1]

# %% [markdown]
# **6. Wide or deep?** (an evening). Give the plain and the residual network of 8 layers as many weights as that of 50 by widening them. Compare training loss and time for each step. When is depth worth its price?
#
# <details><summary>Hint</summary>
#
# Weights grow with the square of the width and linearly with depth: try `width` near $8\sqrt{48/6}$. Measure seconds on your machine, several times.
#
# </details>

# %% tags=["solution", "hide-cell", "machine"] jupyter={"source_hidden": true, "outputs_hidden": true}
import time

goal = all_weights(trained["residual", 50])
size_of = lambda width: all_weights(twin(8, "residual", SEED, width))
wide_width = min(range(8, 40), key=lambda width: abs(size_of(width) - goal))
print(f"8 layers, {wide_width} maps wide: {size_of(wide_width):,} weights; 50 layers, 8 wide: {goal:,}")
data_of = {"x": x_train, "y": y_train, "seed": SEED}
wide_end = {}
for kind in ("plain", "residual"):
    milliseconds = {}
    for depth, width in ((8, wide_width), (50, 8)):
        net = twin(depth, kind, SEED, width)
        momentum_run(net, 2, 0.05, **data_of)  # the first steps are slower
        since = time.perf_counter()
        momentum_run(net, 10, 0.05, **data_of)
        milliseconds[depth] = 100 * (time.perf_counter() - since)
    losses = momentum_run(twin(8, kind, SEED, wide_width), 60, 0.05, **data_of)
    wide_end[kind] = sum(losses[-10:]) / 10
    print(f"{kind:8s} wide: loss {wide_end[kind]:.2f}, {milliseconds[8]:.0f} ms a step;", end=" ")
    print(f"deep: loss {degradation_result[f'{kind}_50']:.2f}, {milliseconds[50]:.0f} ms a step")
    assert wide_end[kind] < degradation_result[f"{kind}_50"]
print("Depth is worth its price where width no longer helps. Easy digits and")
print("sixty steps are not such a place: wide wins, with shortcuts or without.")
assert abs(size_of(wide_width) / goal - 1) < 0.1

# %% [markdown]
# ## At scale
#
# The twins again on [MNIST](../book/references.md#lecun-1998), images halved to 14 x 14 pixels: 80 steps of 32 images at rate 0.05, six seeds. The command is `python -m tools.record_residual mnist`, with `course data mnist` before it if you do not have the files. The longest runs of this chapter, those of [the two orders](#before-or-after-the-sum), come from `python -m tools.record_residual preact`.

# %%
record = load_record("07b_residual.mnist")
on_mnist = {key: np.array(values) for key, values in record["metrics"].items()}
print("         training loss, steps 61 to 80    right of 1,000 test images")
print("layers          plain        residual           plain     residual")
for depth in record["depths"]:
    print(f"{depth:6d}", end="")
    for what, width in (("", 15), ("_accuracy", 14)):
        for kind in ("plain", "residual"):
            middle = np.median(on_mnist[f"{kind}_{depth}{what}"])
            print(f"{middle:{width}.2f}", end=" ")
    print()
made_on = record["provenance"]
print(f"{made_on['processor']}, {made_on['date']}, commit {made_on['commit']}")
assert on_mnist["plain_56"].min() > on_mnist["plain_8"].max()
assert on_mnist["residual_56"].max() < on_mnist["plain_56"].min()
assert np.median(on_mnist["residual_56"]) <= np.median(on_mnist["residual_8"])

# %% [markdown]
# Fifty-six plain layers end above eight on every seed, on real handwriting too. The residual ones pay nothing for their depth: fifty-six of them end as low as eight. (The accuracies are taken in evaluation mode after 80 steps, so [pitfall 4](#pitfalls) costs the deep networks some of theirs.)
#
# What the papers report at their scale: on CIFAR-10, plain networks of 20 to 56 layers whose error *rises* with depth, residual ones of 20 to 110 layers whose error falls, to 6.43 %; and on ImageNet, errors that fall from 18 to 152 layers.
#
# ## Summary
#
# - Degradation: deep plain networks have a higher *training* loss. Better weights exist, by construction; the optimiser does not find them.
# - $H = F(x) + x$. The Jacobian is $\partial F/\partial x + I$ before the last ReLU. This helps, and guarantees nothing: $F = -x$.
# - Shortcuts turn products into sums. Alone they make signals double in each block; with normalised branches, mean squares grow by one a block.
# - The gradient comes over short paths. Single blocks can go.
# - A bottleneck has $17w^2$ weights for $4w$ maps, a basic block $18w^2$ for $w$. Identity shortcuts are free, projections cheap.
# - ResNet-50 costs 3.86 or 4.09 billion multiply-adds, depending on where the stride sits.
# - Pre-activation leaves the shortcut bare. At large learning rates it matters from about a hundred layers on.
#
# ## Further reading
#
# - [He et al. (2016a)](../book/references.md#he-2016a): the networks. Short, and worth reading in full.
# - [He et al. (2016b)](../book/references.md#he-2016b): what happens when you touch the shortcut.
# - [Veit et al. (2016)](../book/references.md#veit-2016): paths, and blocks taken out.
# - [Balduzzi et al. (2017)](../book/references.md#balduzzi-2017): shattered gradients.
# - [Zagoruyko and Komodakis (2016)](../book/references.md#zagoruyko-komodakis-2016): wide in place of deep.
#
# ## The next question
#
# A shortcut *adds* what came before. You could also keep it, side by side. Or split a convolution in two cheap ones, or let the network weigh its own maps. What does each of these buy at equal cost? → [Blocks and budgets](07c_blocks.ipynb)
