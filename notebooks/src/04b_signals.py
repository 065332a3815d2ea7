# %% [markdown]
# # Signals through depth
#
# A signal passes through fifty layers and nothing arrives. Or everything explodes. Both are settled before the first step of training, by one number: how large
# you draw the weights. You will compute that number, watch it at work in both directions, and learn what it cannot do.
#
# **You will be able to**
#
# - say why weights must not start at zero, nor all equal;
# - derive the variance rule of a layer line by line, forward and backward, with the factor 2 of the ReLU;
# - choose between Xavier, He with `fan_in` and He with `fan_out`, and say what each one keeps and what it gives up;
# - measure vanishing and exploding gradients layer by layer, and rescue a run by clipping;
# - say how deep a good start alone carries a network, and why it is not the scale that ends it.
#
# **You need** mean and variance, matrix products, the chain rule, and a network as a stack of layers
# ([your first network](00_start.ipynb)). Chapters [02](02_mlp.ipynb) to [04](04_training.ipynb) (layers, backpropagation, training) come before this one.
# The layers that hold a signal in shape *while* the weights move have [a chapter of their own](04c_normalisation.ipynb), the next.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import plotting
from course_utils.plotting import COLORS
from course_utils.plotting.depth import signal_curves
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MlpPlayground, SignalThroughDepth, WeightDials

plotting.use_style()
torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings, above all on a busy machine
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Fifty layers and one number
#
# Take handwritten digits of $8 \times 8$ pixels, shifted and scaled so that all pixels together have mean 0 and variance 1. Send them through 50 layers of 256 units. Each layer
# multiplies by a random matrix and applies a [ReLU](../book/glossary.md#relu), $\max\{0, a\}$. No training. The three networks below use *the same* random numbers, multiplied by
# 0.01, by $\sqrt{2/256} \approx 0.088$, or by 0.2.
#
# > **Predict.** What does layer 50 hold in each of the three?

# %% tags=["hide-input", "band-clipping", "band-depth"]
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.initialisation.deep_mlp import deep_mlp, share_right, short_run
from course_utils.scratch.initialisation.schemes import initialise

digits, new_digits = data.load("digits", "train"), data.load("digits", "test")
mean, deviation = digits.images.float().mean(), digits.images.float().std()
x_train, y_train = (digits.images - mean) / deviation, digits.labels  # (1297, 1, 8, 8)
x_test, y_test = (new_digits.images - mean) / deviation, new_digits.labels

train = partial(short_run, x=x_train, y=y_train, seed=SEED)  # plain gradient descent on random batches
accuracy = partial(share_right, x=x_test, y=y_test)  # on new digits, in eval mode


# %% tags=["hide-input"] mystnb={"image": {"alt": "Three heat maps of the outputs of 60 units, one row a layer, from layer 1 at the top to layer 50. At 0.01 only the first row shows anything, the rest is blank. At 0.088 the same pattern of light and dark goes on down to layer 50. At 0.2 everything is saturated after a few layers."}}
from course_utils.scratch.initialisation.signal import deep_weights, trace

pixels = x_train.flatten(1)[:256].double()  # 256 digits, 64 pixels each, mean square about 1
unit_draw = deep_weights(50, 256, "gaussian 1", inputs=64, seed=SEED)

figure, panels = plt.subplots(1, 3, figsize=(7, 3.2), sharey=True)
for axes, spread in zip(panels, (0.01, (2 / 256) ** 0.5, 0.2)):
    outputs = trace([spread * w for w in unit_draw], pixels, "relu").outputs[1:]
    picture = np.stack([layer[0, :60] for layer in outputs])  # one digit, 60 of the 256 units
    image = axes.imshow(picture, cmap="viridis", vmin=0, vmax=3, aspect="auto", extent=(0, 60, 50.5, 0.5))
    axes.set(title=f"weights × {spread:.3g}", xlabel="unit")
    axes.grid(visible=False)
panels[0].set_ylabel("layer")
figure.colorbar(image, ax=panels, label="output", shrink=0.8)
plt.show()

# %% [markdown]
# In the middle the digit's pattern travels all the way down. On the left it is gone after two layers. On the right every number is far off the scale.
# <span id="c073"></span>This is what the lecture says in two sentences: weights too small, and the signal shrinks until it is too tiny to be useful; weights too large,
# and it grows until it is too massive. In numbers, as the [root mean square](../book/glossary.md#root-mean-square) (RMS) of each layer:

# %% tags=["nbval-check-output"]
print("weights x   layer 1    layer 10   layer 30   layer 50")
for spread in (0.01, (2 / 256) ** 0.5, 0.2):
    size = trace([spread * w for w in unit_draw], pixels, "relu").activation
    print(f"{spread:9.3f}", *(f"{size[layer].item():10.1e}" for layer in (1, 10, 30, 50)))
    if spread == 0.01:
        assert size[50] < 1e-45
    elif spread == 0.2:
        assert size[50] > 1e10
    else:
        assert 0.2 < size[50] < 5

single = trace([0.01 * w.float() for w in unit_draw], pixels.float(), "relu").activation
print(f"in float32, at 0.01: layer 40 {single[40].item():.0e}, layer 50 exactly {single[50].item()}")
assert single[40] > 0
assert single[50] == 0

# %% [markdown]
# Ten to the minus 47 is smaller than any number that `float32` can hold, so the computer rounds it to exactly 0. Then the gradient of every weight is exactly 0 too. No
# learning rate helps. You need a rule *before* training. First, the most tempting one: zero.
#
# ## What zero does
#
# <span id="c074"></span>The lecture lists "all zero" among the ways to start. It sounds neutral. For [the perceptron](01_perceptron.ipynb) it was the natural start.
#
# > **Predict.** Two layers of weights, ReLU between them, all weights and biases 0, cross-entropy loss on the digits. Which gradients are not zero? What accuracy does it reach after 300 steps?

# %% tags=["nbval-check-output"]
zero_net = initialise(deep_mlp(depth=1, width=32), "zero")
F.cross_entropy(zero_net(x_train), y_train).backward()
for name, parameter in zero_net.named_parameters():
    print(f"{name:9s} largest gradient {parameter.grad.abs().max().item():.5f}")
    assert (parameter.grad.abs().max() > 0) == (name == "3.bias")

train(zero_net, steps=300, lr=0.5)
print(f"after 300 steps: accuracy {accuracy(zero_net):.2f}, hidden weights moved: {bool(zero_net[1].weight.any())}")
assert accuracy(zero_net) < 0.12
assert not zero_net[1].weight.any()
assert not zero_net[3].weight.any()

# %% [markdown]
# Only the last bias has a gradient. Follow the [chain rule](03_backprop.ipynb) and see why. The hidden outputs are 0, so the gradient of the last weights, which is
# *(error) × (hidden output)*, is 0. And the error that travels back to the hidden layer is *(last weights) × (error)*, which is 0 as well. Each layer waits for the other. The last bias
# learns how frequent each class is, and that is all: chance, for ever.
#
# Would any other constant do? No. If all units of a layer start equal, they get equal gradients and stay equal: 32 units, one feature. Randomness is
# there to *break the symmetry*. (Zero is fine for biases, and we use it from here on.)

# %% tags=["nbval-check-output"]
equal_net = deep_mlp(depth=1, width=32)
with torch.no_grad():
    for parameter in equal_net.parameters():
        parameter.fill_(0.05 if parameter.dim() == 2 else 0.0)
    equal_net[3].weight += 0.05 * torch.arange(10)[:, None]  # the classes differ, the hidden units do not
train(equal_net, steps=300, lr=0.1)
hidden = equal_net[1].weight
print("32 hidden units, different rows after training:", len(torch.unique(hidden.detach(), dim=0)))
assert (hidden[0] != 0.05).any()  # it did learn something
assert torch.allclose(hidden, hidden[:1].expand_as(hidden), atol=1e-4)

# %% [markdown]
# Watch it happen. Each dial is one weight, straight up for zero. The left block of $8 \times 8$ dials shows the weights of hidden unit 1, laid out like the pixels it looks at; the right block those of unit 2. Both
# units began equal.
#
# > **Predict.** Run the training and compare the two blocks. Can you find a single dial that knows which unit it belongs to?
#
# Then stop half-way, and pick the same pixel in both blocks: the numbers agree.

# %%
twins = deep_mlp(depth=1, width=2)
with torch.no_grad():
    for parameter in twins.parameters():
        parameter.fill_(0.05 if parameter.dim() == 2 else 0.0)
    twins[3].weight += 0.05 * torch.arange(10)[:, None]
frames = []
for _ in range(31):
    frames.append(torch.cat([w.detach().reshape(8, 8) for w in twins[1].weight], dim=1).flatten().numpy().copy())
    train(twins, steps=10, lr=0.1)
assert np.allclose(frames[-1].reshape(8, 2, 8)[:, 0], frames[-1].reshape(8, 2, 8)[:, 1], atol=1e-4)
assert np.abs(frames[-1] - frames[0]).max() > 0.05  # they do move
WeightDials(np.stack(frames), shape=(8, 16))

# %% [markdown]
# ## The size of a sum
#
# How large should random weights be? Follow one unit $j$ of a layer. It computes
#
# $$ a_j = \sum_{i=1}^{n} w_{ij}\, x_i , $$
#
# with $n$ inputs: its [fan-in](../book/glossary.md#fan-in-and-fan-out). The weights are drawn independently of each other and of the inputs, with mean 0 and variance $\sigma^2$. Line by line:
#
# 1. *The mean.* $\operatorname{E}[a_j] = \sum_i \operatorname{E}[w_{ij}]\,\operatorname{E}[x_i] = 0$, because the weights have mean 0. So the variance of $a_j$ is $\operatorname{E}[a_j^2]$.
# 2. *The square.* $a_j^2 = \sum_i \sum_k w_{ij} w_{kj}\, x_i x_k$. Take the mean of each term. For $i \ne k$ it holds $\operatorname{E}[w_{ij} w_{kj}] = \operatorname{E}[w_{ij}]\,\operatorname{E}[w_{kj}] = 0$: all mixed terms vanish. It does not matter whether the *inputs* are related to each other.
# 3. *What remains.* The $n$ terms with $i = k$, each $\operatorname{E}[w_{ij}^2]\,\operatorname{E}[x_i^2] = \sigma^2\, \operatorname{E}[x_i^2]$.
#
# With $\operatorname{E}[x^2]$ for the mean over the inputs:
#
# $$ \operatorname{Var}(a_j) \;=\; n\,\sigma^2\;\operatorname{E}[x^2] . \tag{4.41} $$
#
# Note what stands on the right: the **mean square** of the input, not its variance. After a ReLU these differ, because its outputs are never negative. Take the variance by mistake and you will be
# wrong by a factor: for a ReLU's outputs it is about a third too small (you will meet the number, $\tfrac12 - \tfrac1{2\pi}$ instead of $\tfrac12$, in [the next chapter](04c_normalisation.ipynb)).
#
# ### The factor of two
#
# What does the ReLU do to the mean square? The weights are as likely to be $w$ as $-w$, so $a_j$ is as likely to be positive as negative, and equally large on both sides. The ReLU
# keeps the positive half unchanged and sets the rest to 0. So it keeps exactly half of the sum of squares:
#
# $$ \operatorname{E}\big[\max\{0, a\}^2\big] \;=\; \tfrac12\,\operatorname{Var}(a) \qquad\text{if } a \text{ is distributed symmetrically about } 0. \tag{4.42} $$
#
# No Gaussian is needed, only symmetry.
#
# > **Predict.** Three symmetric distributions: Gaussian, uniform on $[-1, 1]$, and $\pm 1$ by a coin. What is the ratio $\operatorname{E}[\max\{0,a\}^2] / \operatorname{E}[a^2]$ for each? And for a Gaussian with mean 0.5?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
gaussian = rng.normal(size=1_000_000)
samples = {
    "Gaussian": gaussian,
    "uniform": rng.uniform(-1, 1, size=1_000_000),
    "coin": rng.choice([-1.0, 1.0], size=1_000_000),
    "Gaussian with mean 0.5": gaussian + 0.5,
}
kept = {name: (np.maximum(a, 0) ** 2).mean() / (a**2).mean() for name, a in samples.items()}
for name, ratio in kept.items():
    print(f"{name:23s} {ratio:.3f}")
assert all(abs(ratio - 0.5) < 0.003 for name, ratio in kept.items() if "mean" not in name)
assert kept["Gaussian with mean 0.5"] > 0.7

layers = trace(deep_weights(50, 256, "he fan_in", inputs=64, seed=SEED), pixels, "relu").outputs
weights = deep_weights(50, 256, "he fan_in", inputs=64, seed=SEED)
halves = [(x_out**2).mean() / ((x_in @ w.T) ** 2).mean() for x_in, x_out, w in zip(layers, layers[1:], weights)]
print(f"in each of the 50 layers of a network: {min(halves):.2f} to {max(halves):.2f}, mean {np.mean(halves):.3f}")
assert abs(np.mean(halves) - 0.5) < 0.03
del layers, weights

# %% [markdown]
# The layers of a real network scatter around one half, since 256 units are not infinitely many. A shifted distribution breaks the rule: biases that are not 0, or units that have learned
# something.
#
# Now put (4.41) and (4.42) together. From layer to layer the mean square is multiplied by $\tfrac12 n \sigma^2$. After $L$ layers by its $L$-th power. There is exactly one value that neither
# shrinks nor grows:
#
# $$ \tfrac12\, n_{\text{in}}\, \sigma^2 = 1 \qquad\Longleftrightarrow\qquad \sigma^2 = \frac{2}{n_{\text{in}}} . \tag{4.43} $$
#
# <span id="c076"></span>This is the rule of [He et al. (2015)](../book/references.md#he-2015), as the lecture gives it, "suitable for rectifying linear activation functions". The opening picture used it: $\sqrt{2/256} \approx 0.088$.
#
# Do not confuse variance and [standard deviation](../book/glossary.md#standard-deviation): the rule gives $\sigma^2$; you multiply your Gaussian numbers by $\sigma$.
#
# ## The way back
#
# Training needs a second signal, the gradient, and it travels the other way. Write $\delta_i = \partial L/\partial x_i$ for the output of a layer's unit and $g_j = \partial L/\partial a_j = \delta_j f'(a_j)$ for
# its pre-activation. An input $x_i$ reaches all $n_{\text{out}}$ units of the next layer, and the chain rule adds up:
#
# $$ \delta_i = \sum_{j=1}^{n_{\text{out}}} w_{ij}\, g_j \qquad\Longrightarrow\qquad \operatorname{Var}(\delta_i) = n_{\text{out}}\,\sigma^2\;\operatorname{E}[g^2] . \tag{4.44} $$
#
# The same three lines as before, with the other count. (They treat $g$ as independent of this layer's weights. That is not exactly true, since $g$ was made from a forward pass through them. The
# measurements below show how well it holds.) The slope of a ReLU is 1 on half of the inputs and 0 on the rest, so $\operatorname{E}[g^2] = \tfrac12 \operatorname{E}[\delta^2]$. The way back wants
# $\sigma^2 = 2/n_{\text{out}}$.
#
# So the two directions ask for different numbers whenever a layer has different widths at its two ends. For linear units (no factor 2) [Glorot and Bengio (2010)](../book/references.md#glorot-bengio-2010) split the difference. Forward wants
# $n_{\text{in}}\sigma^2 = 1$, backward wants $n_{\text{out}}\sigma^2 = 1$. Add the two:
#
# $$ (n_{\text{in}} + n_{\text{out}})\,\sigma^2 = 2 \qquad\Longleftrightarrow\qquad \sigma^2 = \frac{2}{n_{\text{in}} + n_{\text{out}}} . \tag{4.45} $$
#
# <span id="c077"></span>That is the *Xavier* rule, named after Glorot's first name. The lecture's formula is right. It holds for units that are linear near 0. It knows nothing of the ReLU.
#
# ## Every rule in one picture
#
# > **Predict.** Fifty layers again, eight rules. Which lines stay level with ReLU? Which with no activation function at all? And tanh, which squeezes everything into $(-1, 1)$: can its signal explode?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels: rows are forward and backward, columns linear, tanh and ReLU. Linear: Xavier and sd 1 over root fan-in stay level, He grows, 0.01 falls off the picture. Tanh: forward nothing explodes, 0.01 vanishes, and backward sd 1 explodes. ReLU: only the two He rules stay level in both rows; Xavier falls steadily, 0.1 rises slowly, sd 1 leaves at the top within a few layers."}}
RULES = {
    "sd 0.01": "gaussian 0.01",
    "sd 0.1": "gaussian 0.1",
    "sd 1": "gaussian 1",
    "Xavier": "xavier",
    "sd 1/√n": "sd 1/sqrt(fan_in)",
    "variance 1/√n": "variance 1/sqrt(fan_in)",
    "He, fan_in": "he fan_in",
    "He, fan_out": "he fan_out",
}
followed = {  # the sizes are kept; the outputs of 24 networks would fill the memory
    (rule, kind): replace(trace(deep_weights(50, 256, scheme, inputs=64, seed=SEED), pixels[:64], kind), outputs=())
    for rule, scheme in RULES.items()
    for kind in ("linear", "tanh", "relu")
}
figure, panels = plt.subplots(2, 3, figsize=(7, 5.2), sharex=True, sharey=True)
for column, kind in enumerate(("linear", "tanh", "relu")):
    forward = {rule: followed[rule, kind].activation for rule in RULES}
    backward = {rule: followed[rule, kind].gradient[1:] for rule in RULES}
    signal_curves(panels[0, column], forward, floor=1e-8, ceiling=1e8)
    signal_curves(panels[1, column], backward, floor=1e-8, ceiling=1e8, first=1)
    panels[0, column].set_title({"relu": "ReLU"}.get(kind, kind))
    panels[0, column].set_xlabel("")
panels[0, 0].set_ylabel("activations, RMS (input: 1)")
panels[1, 0].set_ylabel("gradients, RMS (at layer 50: 1)")
handles, labels = panels[0, 0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=4)
plt.show()

# %% [markdown]
# Read the lower row from right to left: a gradient starts at layer 50 with size 1 and travels back to layer 1. A triangle marks where a curve leaves the picture. Some curves lie on top of each
# other: with as many inputs as outputs, Xavier and $1/\sqrt{n}$ are the same rule, and so are the two He rules (they differ in the first layer only, which has 64 inputs). Here is the forward
# direction in numbers, relative to layer 1, which is where all layers become alike:

# %% tags=["nbval-check-output"]
reach = {key: (t.activation[31] / t.activation[1]).item() for key, t in followed.items()}
print("after 30 more layers      linear       tanh       ReLU")
for rule in RULES:
    print(f"{rule:20s}", *(f"{reach[rule, kind]:10.1e}" for kind in ("linear", "tanh", "relu")))

for rule in ("sd 0.01",):  # vanishes everywhere
    assert max(reach[rule, kind] for kind in ("linear", "tanh", "relu")) < 1e-20
assert 5 < reach["sd 0.1", "relu"] < 500  # creeps up: the factor is 0.1 * sqrt(128) = 1.13 a layer
assert reach["sd 1", "relu"] > 1e25
assert 0.5 < reach["Xavier", "linear"] < 2
assert 0.1 < reach["Xavier", "tanh"] < 0.5  # shrinks, but slower and slower
assert reach["Xavier", "relu"] < 1e-3
assert 0.5 < reach["sd 1/√n", "linear"] < 2
assert reach["sd 1/√n", "relu"] < 1e-3
assert min(reach["variance 1/√n", "linear"], reach["variance 1/√n", "relu"]) > 1e10
assert 0.3 < reach["He, fan_in", "relu"] < 3
assert reach["He, fan_in", "linear"] > 1e3
loud = trace(deep_weights(50, 256, "gaussian 1", inputs=64, seed=SEED), pixels[:64], "tanh").outputs
saturated = (loud[10].abs() > 0.99).double().mean().item()
print(f"tanh with sd 1: {saturated:.0%} of the outputs of layer 10 are beyond 0.99")
assert saturated > 0.8

# %% [markdown]
# Go through it column by column.
#
# **Linear.** Xavier holds the scale. He's extra factor 2 is wrong here: $\sqrt2$ a layer, 33,000-fold after 30.
#
# **tanh** cannot explode forward. Too large weights *saturate* it instead: nearly every output is $\pm 1$, whatever comes in. Its slope at those places is nearly 0. And yet look at the gradient for sd 1: it explodes, because the few units
# that are not saturated pass it on through huge weights. Xavier shrinks slowly: tanh bends below the line $y = x$, a little less with every layer as the signal gets smaller.
#
# **ReLU.** Only He is level. Xavier loses a factor $\sqrt2$ in every layer. A standard deviation of 0.1 looks harmless. Its factor is $0.1\sqrt{128} = 1.13$, and $1.13^{30}$ is about 40. The table says about 90, and 2.2 for He,
# where the rule promises 1. Both are off by the same 2.2, because all rows use the same random numbers: with 256 units each layer misses its factor by a few percent, and over 30 layers these add up to a drift. The rule holds on average, not in each draw.
#
# ### Turn the dials yourself
#
# The same experiment, small enough to run while you turn: 32 random inputs, up to 50 layers. The dots are measured; the dashed lines are what equations (4.41), (4.42) and (4.44) promise for very wide layers, with the squeeze of tanh and sigmoid worked out as well.
#
# > **Predict.** It starts with ReLU and weights of deviation $1/\sqrt n$ ("LeCun"). Both ways fall. Which gain makes the dashed lines level?
#
# - Find that gain. Then choose "He" with gain 1.
# - *tanh*, LeCun, 50 layers of 64 units. Raise the gain from 1 to 2: the activations soon stop shrinking. What do the gradients do?
# - *sigmoid*, "normal 1", 30 layers of 64 units. A gain of about 1.3 holds the gradients after all. What is the price? (Read below the histogram how many values are saturated.)
# - *ReLU*, He, 50 layers of 8 units. Press *Draw again* a few times: how far do narrow layers stray from the dashed line?

# %%
SignalThroughDepth()

# %% tags=["nbval-check-output"]
looks = {
    "ReLU, LeCun": SignalThroughDepth(),
    "ReLU, LeCun x 1.41": SignalThroughDepth(gain=1.41, width=64),
    "tanh, LeCun x 1.2": SignalThroughDepth(activation="tanh", gain=1.2, depth=50, width=64),
    "tanh, LeCun x 2": SignalThroughDepth(activation="tanh", gain=2, depth=50, width=64),
    "sigmoid, sd 1.3": SignalThroughDepth(activation="sigmoid", scheme="normal 1", gain=1.3, width=64),
}
print("                     activations  gradients  idle")
ends = {}
for name, play in looks.items():
    seen = play.sizes
    ends[name] = seen["forward"][-1], seen["backward"][0], seen["idle"][-1]
    print(f"{name:20s} {ends[name][0]:11.1e} {ends[name][1]:10.1e} {ends[name][2]:5.0%}")
assert max(ends["ReLU, LeCun"][:2]) < 1e-4 < 0.1 < min(ends["ReLU, LeCun x 1.41"][:2])
assert ends["tanh, LeCun x 2"][1] > 100 * ends["tanh, LeCun x 1.2"][1]
assert 0.1 < ends["sigmoid, sd 1.3"][1] < 100
assert ends["sigmoid, sd 1.3"][2] > 0.4

# %% [markdown]
# A gain of $\sqrt2$ turns $1/\sqrt n$ into He's rule. With tanh the two ways want different things: a gain that holds the activations well away from 0 lets the gradients explode, and the balance near 1.2 is narrow. And deep sigmoids can be carried, but only by weights so large that nearly half of the units are saturated:
# they have stopped to listen.
#
# ### Three slips about one rule
#
# <span id="c078"></span>The lecture says: choose the **variance** of each layer to preserve the **gradient** magnitude, after Glorot and Bengio: $1/\sqrt{\text{fan\_in}}$. Three things are mixed up:
#
# - $1/\sqrt{\text{fan\_in}}$ is a **standard deviation**. As a variance it would give the line "variance $1/\sqrt n$" above, which explodes by a factor $\sqrt{n \cdot n^{-1/2}} = n^{1/4} = 4$ in every layer (2.8 with ReLU).
# - With $\text{fan\_in}$ it preserves the **activations** of linear units, equation (4.41). Gradients need $\text{fan\_out}$, equation (4.44).
# - Glorot and Bengio's rule is (4.45). It agrees with $1/\sqrt{\text{fan\_in}}$ only where both fans are equal. And ReLU needs the 2.
#
# ### A funnel takes sides
#
# <span id="c075"></span>Another lecture takes $\sqrt{2/n}$ with $n$ the number of **outputs** ("to the neuron", it says, which can be read both ways), to keep "the (gradient) signal" on one scale. For gradients and ReLU this is right, by (4.44). The rule that most libraries
# call He uses the inputs. In a layer with equal widths you cannot tell them apart. So take a funnel, 1024 units down to 64 in one layer.
#
# > **Predict.** With `fan_in`, what happens to the mean square of the gradient on its way back through the funnel? With `fan_out`, what happens to the activations?

# %% tags=["nbval-check-output"]
from course_utils.scratch.initialisation.schemes import draw

ratios = {}
inputs = torch.randn(512, 1024, generator=torch.Generator().manual_seed(100), dtype=torch.float64)
for scheme in ("he fan_in", "he fan_out", "xavier"):
    found = []
    for seed in range(10):
        funnel = [draw((64, 1024), scheme, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)]
        t = trace(funnel, inputs, "relu")
        found.append([(t.activation[1] / t.activation[0]) ** 2, (t.gradient[0] / t.gradient[1]) ** 2])
    ratios[scheme] = np.mean(found, axis=0)
    print(
        f"{scheme:10s} activations x {ratios[scheme][0]:6.3f}   gradients x {ratios[scheme][1]:6.3f}   (mean squares)"
    )
assert np.allclose(ratios["he fan_in"], [1, 64 / 1024], rtol=0.1)
assert np.allclose(ratios["he fan_out"], [1024 / 64, 1], rtol=0.1)

# %% [markdown]
# Each rule keeps one direction and changes the other by $1024/64 = 16$. You cannot have both. Does it matter? Less than it looks: through a *whole* network the factors multiply to
# (first width)/(last width), however many layers lie between, because what one layer widens another narrows. What kills is a factor in *every* layer. So take `fan_in`, the default of PyTorch's `kaiming_normal_`,
# unless you have a reason.
#
# ### Convolutions
#
# <span id="c079"></span>A convolution's unit looks at a window of $k \times k$ pixels in all input channels. The lecture counts $\text{fan\_in} = \text{channels} \times k \times k$. Right, and `fan_out` multiplies by the same area (at stride 1). Do not take the formula's word
# for it. Ask autograd on how many inputs one output *depends*, and how many outputs one input *reaches*:

# %% tags=["nbval-check-output"]
from course_utils.scratch.initialisation.schemes import fans

shape = (16, 3, 5, 5)  # out, in, height, width
maps = torch.zeros(1, 3, 15, 15, requires_grad=True)
response = F.conv2d(maps, torch.ones(shape))
(seen_by_one,) = torch.autograd.grad(response[0, 0, 5, 5], maps, retain_graph=True)
(reached,) = torch.autograd.grad(response.sum(), maps)
counted = (int((seen_by_one != 0).sum()), int(reached[0, 0, 7, 7]))
print(
    "counted:", counted, " fans():", fans(shape), " library:", nn.init._calculate_fan_in_and_fan_out(torch.ones(shape))
)
assert counted == fans(shape) == nn.init._calculate_fan_in_and_fan_out(torch.ones(shape)) == (75, 400)

x_in = torch.randn(8, 16, 24, 24, generator=torch.Generator().manual_seed(5))
signal = x_in
for layer in range(20):
    kernel = draw((16, 16, 3, 3), "he fan_in", generator=torch.Generator().manual_seed(layer))
    signal = F.conv2d(signal, kernel, padding=1).relu()
forgot_area = (2 / 16) ** 0.5  # fan_in without the 3 x 3: each layer is 3 times too strong
print(
    f"20 convolutions: RMS {signal.square().mean().sqrt():.2f}; without the area it would be {3.0**20:.0e} times that"
)
assert 0.05 < signal.square().mean().sqrt() < 5

# %% [markdown]
# (A little is lost at the border at each layer, where padding feeds in zeros.)
#
# ### The rule that AlexNet used
#
# <span id="c080"></span>Two lectures say: a **fixed variance**, for example 0.01, works for shallow nets such as AlexNet. [Krizhevsky et al. (2012)](../book/references.md#krizhevsky-2012) wrote: zero-mean Gaussian with **standard deviation** 0.01. That is a variance of 0.0001. The two
# readings differ tenfold in each layer. You have the formula, so check which one can have worked:

# %% tags=["nbval-check-output"]
alexnet_fan_in = {"conv1": 3 * 11**2, "conv2": 48 * 5**2, "conv3": 256 * 3**2, "conv4": 192 * 3**2, "conv5": 192 * 3**2}
alexnet_fan_in |= {"fc6": 256 * 6**2, "fc7": 4096, "fc8": 4096}
for sd in (0.01, 0.1):
    factors = [sd * np.sqrt(fan / (1 if name == "fc8" else 2)) for name, fan in alexnet_fan_in.items()]
    print(f"sd {sd}: factors a layer", " ".join(f"{f:.2f}" for f in factors), f" product {np.prod(factors):.1e}")
    assert (np.prod(factors) < 1e-3) == (sd == 0.01)

# %% [markdown]
# With sd 0.01 each of the eight layers shrinks the signal, to about $10^{-4}$ in all. Eight layers survive that: the inputs were pixel values, up to a hundred and more after their mean was subtracted, and the authors started
# the biases of five of the eight layers at 1, which puts a fresh signal into them. With *variance* 0.01 the outputs start a thousandfold too large or worse. <span id="c081"></span>And at depth 30 or 50 even
# sd 0.01 is hopeless. The lecture is right there: you saw the gradient of the curve "sd 0.01" leave the picture before it had crossed ten layers of ReLU.
#
# ## Vanishing and exploding gradients
#
# Write the whole way back in one line. With $W_l$ the weights of layer $l$ and $D_l$ the diagonal matrix of slopes $f'(a)$:
#
# $$ \frac{\partial L}{\partial x_0} \;=\; W_1^\top D_1\, W_2^\top D_2 \cdots W_L^\top D_L\; \frac{\partial L}{\partial x_L} . \tag{4.46} $$
#
# <span id="c083"></span>A product of $L$ matrices: if each stretches a typical vector by a factor $c$, the whole stretches by $c^L$. The lecture says that small weights make it
# [vanish](../book/glossary.md#vanishing-gradient) and large ones [explode](../book/glossary.md#exploding-gradient). True, and half of the story: the slopes $D_l$ stand in the product too.
#
# > **Predict.** The sigmoid's slope is at most $\tfrac14$. Fifty layers of 256 sigmoids, weights by He's rule. How large is the gradient at layer 1, if it is 1 at layer 50?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Length of the weight gradient in each of 50 layers, relative to the last layer, on a log axis from 1e-30 to 1e10. ReLU with He weights is level. Sigmoid with He weights falls in a straight line towards layer 1, below 1e-20. ReLU with 1.2 times He rises towards layer 1, to several thousand."}}
cases = {
    "ReLU, He": ("relu", "he fan_in", 1.0),
    "ReLU, 1.2 × He": ("relu", "he fan_in", 1.2),
    "ReLU, 0.8 × He": ("relu", "he fan_in", 0.8),
    "sigmoid, He": ("sigmoid", "he fan_in", 1.0),
    "sigmoid, Xavier": ("sigmoid", "xavier", 1.0),
}
by_layer = {
    name: trace(deep_weights(50, 256, scheme, inputs=64, scale=scale, seed=SEED), pixels, kind).gradient
    for name, (kind, scheme, scale) in cases.items()
}
figure, axes = plt.subplots(figsize=(7, 3.2))
curves = {name: gradient[1:] for name, gradient in by_layer.items()}
signal_curves(axes, curves, floor=1e-34, ceiling=1e8, first=1)
axes.set(ylabel="RMS of the gradient", title="From layer 50 back to layer 1: straight lines on a log axis")
axes.legend(loc="lower right")
plt.show()

# %% tags=["nbval-check-output"]
for name, gradient in by_layer.items():
    steps = torch.log10(gradient[2:] / gradient[1:-1])  # from each layer to the one before it: minus this
    factor = 10 ** -steps.mean().item()
    print(f"{name:16s} x {factor:.3f} a layer, x {(gradient[1] / gradient[-1]).item():.0e} over 49 layers")
    assert steps.std() < 0.12  # the same factor in every layer: geometric, not gradual
assert (by_layer["sigmoid, He"][1] / by_layer["sigmoid, He"][-1]) < 1e-20
assert 0.2 < (by_layer["ReLU, He"][1] / by_layer["ReLU, He"][-1]) < 5
assert (by_layer["ReLU, 1.2 × He"][1] / by_layer["ReLU, 1.2 × He"][-1]) > 1e3
layer_1 = deep_weights(1, 256, "he fan_in", seed=SEED)[0]
print(
    f"sigmoid: slope {0.25} x sqrt(256) x {layer_1.std():.3f} = {0.25 * 16 * layer_1.std():.2f}, near the measured factor"
)

# %% [markdown]
# Twenty percent too much in each layer is a factor of thousands over fifty. A sigmoid multiplies by its slope, about $\tfrac14$ near 0, and $\sqrt{n}\,\sigma = \sqrt2$ cannot make up for it. This is one main reason why deep nets of sigmoids did not train, and why the
# ReLU replaced them.
#
# You do not need fifty layers to feel it. Below are four layers of eight sigmoids, and two rings that any small network separates.
#
# > **Predict.** Press *Play* and watch the loss: $0.693 = \ln 2$ is what a coin earns. Does it move? Now change the activation to tanh or ReLU, and nothing else.
#
# Two more things to try: take layers away from the sigmoid network until it learns; then give the ReLU network the layers back that the sigmoid could not use.

# %%
MlpPlayground(data="circles", hidden=(8, 8, 8, 8), activation="sigmoid")

# %% tags=["nbval-check-output"]
from course_utils.widgets.mlp_playground import evaluate

for kind in ("sigmoid", "tanh", "ReLU"):
    play = MlpPlayground(data="circles", hidden=(8, 8, 8, 8), activation=kind)
    loss = evaluate(play.trained(50), kind, play.points[0])["loss"]
    print(f"{kind:8s} loss after 50 passes: {loss:.2f}")
    assert (loss > 0.69) == (kind == "sigmoid")
    assert loss > 0.69 or loss < 0.1

# %% [markdown]
# ### Clipping
#
# What if the gradient explodes anyway? Its *direction* may still be good. Keep the direction, limit the length of the whole gradient $g$ (all parameters together) to $c$:
#
# $$ g \leftarrow g \cdot \min\!\Big\{1,\; \frac{c}{\lVert g \rVert}\Big\} . \tag{4.47} $$
#
# This is [gradient clipping](../book/glossary.md#gradient-clipping) ([Pascanu et al., 2013](../book/references.md#pascanu-2013)). In PyTorch it is one line between `backward` and `step`: `clip_grad_norm_(parameters, c)`. Take 20 layers of ReLU, 1.2 times too large, and train with learning rate 0.1.
#
# > **Predict.** How many steps does the run survive without clipping? And does clipping only keep it alive, or does it learn?

# %% tags=["band-clipping"]
clipped_runs = {}
for name, clip in (("as it is", None), ("clipped at 1", 1.0)):
    draw_he = torch.Generator().manual_seed(SEED)
    overscaled = initialise(deep_mlp(depth=20, width=64), "he fan_in", scale=1.2, generator=draw_he)
    clipped_runs[name] = train(overscaled, steps=400, lr=0.1, clip=clip)
clipping_result = {"steps_survived": len(clipped_runs["as it is"]), "accuracy": accuracy(overscaled)}

# %% mystnb={"image": {"alt": "Training loss over 400 steps on a log axis. Without clipping the line has only its first two or three points, which go steeply up and end in a cross. With clipping it falls from about 60 to below 1. A row below shows the band of twenty seeds of the final accuracy."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9), width_ratios=[3, 2])
for (name, losses), color in zip(clipped_runs.items(), ("vermillion", "blue")):
    finite = [loss for loss in losses if math.isfinite(loss)]
    left.plot(range(1, len(finite) + 1), finite, color=COLORS[color], label=name, linewidth=1.2)
    if len(finite) < len(losses):
        left.plot(len(finite), finite[-1], "X", color=COLORS[color], markersize=9)
left.set(
    yscale="log",
    xscale="log",
    xlabel="step",
    ylabel="training loss",
    ylim=(0.05, None),
    title="The cross: no longer a number",
)
left.legend()
plotting.seed_band(right, band("04b_signals.clipping", "accuracy"), clipping_result["accuracy"], "clipped")
right.set(xlabel="accuracy on new digits", title="20 seeds, and yours")
plt.show()
print(f"without clipping the loss is no number after {clipping_result['steps_survived']} steps")
assert band("04b_signals.clipping", "steps_survived").maximum <= 10
assert band("04b_signals.clipping", "accuracy").contains(clipping_result["accuracy"], slack=0.05)
assert band("04b_signals.clipping", "accuracy").minimum > 0.5

# %% [markdown]
# It learns, on every one of twenty seeds. But clipping treats the symptom: the weights are still too large, and a gradient that has *vanished* it cannot bring back.

# %% [markdown]
# ## Is a good start enough?
#
# <span id="c082"></span>You can now keep fifty layers of ReLU level, forward and backward. One lecture says that a start scaled in this way works up to about 20 layers, but not deeper. If scale were all, He's rule should end the problem.
#
# > **Predict.** ReLU networks of 10, 20, 30 and 50 layers, weights by He's rule, 150 steps at the same learning rate. Which ones learn? And tanh with Xavier, whose signal shrinks a little in every layer: better or worse than ReLU?

# %% tags=["band-depth"]
STARTS = {"relu": (nn.ReLU, "he fan_in"), "tanh": (nn.Tanh, "xavier")}
depth_result = {}
for kind, (activation, rule) in STARTS.items():
    for depth in (10, 20, 30, 50):
        net = deep_mlp(depth, width=64, activation=activation)
        initialise(net, rule, generator=torch.Generator().manual_seed(SEED))
        losses = train(net, steps=150, lr=0.03)
        depth_result[f"{kind}_{depth}"] = sum(losses[-20:]) / 20

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training loss after 150 steps for depths 10, 20, 30 and 50 as bands of 20 seeds. ReLU from a He start: 0.25 at depth 10, 1.2 at 20, 1.9 at 30, close to the line of guessing, 2.3, at 50. Tanh from a Xavier start stays far lower at 30 and 50 layers, near 0.6 and 1.2."}}
figure, axes = plt.subplots(figsize=(7, 3.2))
row = 0
for kind, label, color in (("tanh", "tanh, Xavier", "blue"), ("relu", "ReLU, He", "vermillion")):
    for depth in (50, 30, 20, 10):
        found = band("04b_signals.depth", f"{kind}_{depth}")
        plotting.seed_band(
            axes, found, depth_result[f"{kind}_{depth}"], f"{label}, {depth} layers", y=row, color=COLORS[color]
        )
        row += 1
axes.axvline(math.log(10), color=COLORS["ink"], linestyle=":", linewidth=1)
axes.text(math.log(10) - 0.02, row - 0.6, "guessing", fontsize=8, ha="right")
axes.set(xlabel="training loss after 150 steps (bands: 20 seeds; diamonds: your run)", xlim=(0, 2.45))
plt.show()
deep = {key: band("04b_signals.depth", key) for key in depth_result}
for key, value in depth_result.items():
    assert deep[key].contains(value, slack=0.25), key
assert deep["relu_10"].maximum < deep["relu_20"].minimum
assert deep["relu_20"].maximum < deep["relu_30"].minimum
assert deep["relu_50"].minimum > 1.9
assert deep["tanh_30"].maximum < deep["relu_30"].minimum
assert deep["tanh_50"].median < 1.5 < deep["relu_50"].minimum

# %% [markdown]
# The lecture has the order of magnitude right: with ReLU, 20 layers learn slowly, 30 have hardly begun, 50 are at guessing or near it on every seed. But it is **not the scale**: that was level at 50 layers. And tanh, whose scale is worse, gets through on most seeds. So look at
# something other than size. Take 200 digits, and ask in each layer how much alike two of them look: the mean cosine of the angle between their outputs, 1 for the same direction.
#
# > **Predict.** In the input the mean cosine is about 0.5. What is it at layer 50, for ReLU and for tanh?

# %% tags=["nbval-check-output"]
print("layer        " + "".join(f"{layer:7d}" for layer in (0, 1, 10, 20, 30, 50)))
alike = {}
for kind, rule in (("relu", "he fan_in"), ("tanh", "xavier")):
    outputs = trace(deep_weights(50, 256, rule, inputs=64, seed=SEED), pixels[:200], kind).outputs
    rows = [F.normalize(outputs[layer], dim=1) for layer in (0, 1, 10, 20, 30, 50)]
    pairs = ~torch.eye(200, dtype=torch.bool)
    alike[kind] = [(r @ r.T)[pairs].mean().item() for r in rows]
    print(f"{kind}, cosine " + "".join(f"{value:7.2f}" for value in alike[kind]))
assert alike["relu"][-1] > 0.95
assert max(alike["tanh"]) < 0.6

# %% [markdown]
# After fifty random layers of ReLU, all digits point in nearly the same direction. The signal arrives in full size but no longer says *which* digit it is. The reason is again that a ReLU's outputs are never negative: their mean is not 0, every layer adds to this common part, and
# He's rule counts it in the mean square that it keeps constant. A tanh is symmetric, has mean 0, and keeps the digits apart.
#
# Two remedies are known. Remove the common part in every layer: that is what [normalisation](04c_normalisation.ipynb) does, and it keeps the scale as well while the weights move. Or let the signal go around the layers, by skip connections. The next chapter measures how far each of them carries.
#
# ## Checked claims
#
# | | the lectures say | verdict | where |
# |---|---|---|---|
# | C073 | too small weights shrink the signal, too large ones blow it up | true | [here](#c073) |
# | C074 | all-zero initialisation is an option | imprecise: for biases; with zero weights nothing but the last bias learns | [here](#c074) |
# | C075 | deviation $\sqrt{2/n}$, $n$ the outputs, keeps the gradient scale | imprecise: right for gradients with ReLU; activations need the inputs, times the kernel area | [here](#c075) |
# | C076 | He: variance $2/n_{\text{in}}$ for ReLU | true | [here](#c076) |
# | C077 | Xavier: variance $2/(n_{\text{in}}+n_{\text{out}})$ | true; for units that are linear near 0, not for ReLU | [here](#c077) |
# | C078 | the variance $1/\sqrt{\text{fan\_in}}$ preserves gradients, after Glorot and Bengio | false: it is a deviation, it keeps activations, and it is not their rule | [here](#c078) |
# | C079 | fan-in of a convolution: channels × size × size | true | [here](#c079) |
# | C080 | fixed variance 0.01 works for AlexNet | imprecise: it was the deviation | [here](#c080) |
# | C081 | with a small fixed variance deeper nets have vanishing gradients | true | [here](#c081) |
# | C082 | adapted scaling works up to about 20 layers, not deeper | true for ReLU here; but the reason is not the scale | [here](#c082) |
# | C083 | backprop multiplies weights; small ones vanish, large ones explode | true; the slopes stand in the product too | [here](#c083) |
#
# ## Pitfalls
#
# **1. The library's own start.** `nn.Linear` draws its weights when you make it, and by none of these rules: uniform on $\pm 1/\sqrt{n_{\text{in}}}$, whose variance is $1/(3 n_{\text{in}})$, six times less than He's. The biases are drawn the same way. Build 50 layers and do not touch them:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
untouched = deep_mlp(depth=50, width=256).double()
first = untouched[1].weight
print(f"variance x fan_in: {first.var().item() * 64:.2f}")
signal, outputs = pixels, []
with torch.no_grad():
    for layer in untouched[1:-1]:
        signal = layer(signal)
        outputs += [signal] if isinstance(layer, nn.ReLU) else []
for depth in (1, 10, 30):
    out = outputs[depth - 1]
    differ = (out - out.mean(dim=0)).square().mean().sqrt().item()
    print(f"layer {depth:2d}: RMS {out.square().mean().sqrt().item():.3f}, by which digits differ {differ:.0e}")
assert abs(first.var().item() * 64 - 1 / 3) < 0.02
assert out.square().mean().sqrt() > 0.01
assert differ < 1e-10

# %% [markdown]
# The RMS looks healthy. It is the biases that you see: the digits themselves are gone. Initialise deep networks yourself, and measure what *differs* between examples, not only the size.
#
# **2. Two things from one seed.** Two generators with the same seed give the same numbers. Data and weights that were drawn that way are no strangers to each other, and step 3 of the derivation of (4.41), which treats them as independent, breaks. It is easy to fall into:

# %% tags=["nbval-check-output"]
strangers = torch.randn(256, 256, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
relatives = torch.randn(256, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
first_layer = deep_weights(1, 256, "xavier", seed=0)
for name, sample in (("different seeds", strangers), ("the same seed", relatives)):
    print(
        f"{name:16s} linear layer by Xavier: RMS {trace(first_layer, sample, 'linear').activation[1].item():.2f}, should be 1"
    )
assert trace(first_layer, strangers, "linear").activation[1] < 1.05
assert trace(first_layer, relatives, "linear").activation[1] > 1.3

# %% [markdown]
# **3. Variance into a function that wants the deviation.** `torch.randn(...) * 2 / n` instead of `* (2 / n) ** 0.5`. With $n = 256$ the factor for each layer is $\sqrt{2/256} = 0.09$ instead of 1:

# %% tags=["nbval-check-output"]
too_small = [w * (2 / w.shape[1]) for w in unit_draw]
size = trace(too_small, pixels, "relu").activation
print(f"after 10 layers {size[10].item():.0e}, after 30 {size[30].item():.0e}")
assert size[10] < 1e-9

# %% [markdown]
# **4. Clipping after the step, or not the gradient.** Clipping belongs between `backward` and `step`. Behind the step it shortens a gradient that has already been used:

# %% tags=["nbval-check-output"]
survived = {}
for order in ("backward, clip, step", "backward, step, clip"):
    draw_he = torch.Generator().manual_seed(SEED)
    net = initialise(deep_mlp(depth=20, width=64), "he fan_in", scale=1.2, generator=draw_he)
    optimiser, finite = torch.optim.SGD(net.parameters(), lr=0.1), 0
    for step in range(20):
        loss = F.cross_entropy(net(x_train[64 * step % 1000 :][:64]), y_train[64 * step % 1000 :][:64])
        if not math.isfinite(loss.item()):
            break
        finite += 1
        optimiser.zero_grad()
        loss.backward()
        for action in order.split(", ")[1:]:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0) if action == "clip" else optimiser.step()
    survived[order] = finite
    print(f"{order}: {finite} of 20 steps with a finite loss")
assert survived["backward, clip, step"] == 20
assert survived["backward, step, clip"] < 10

# %% [markdown]
# ## Exercises
#
# **1. A rule for leaky ReLU** (ten minutes). $f(a) = a$ for $a > 0$ and $0.2\,a$ otherwise. Redo (4.42) and (4.43). Check with 50 layers.
#
# <details><summary>Hint</summary>
#
# Half of the mean square passes unchanged, the other half times $0.2^2$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
slope = 0.2
leaky_variance = 2 / (1 + slope**2)  # times 1 / fan_in: half of the mean square passes whole, half times slope^2
signal = pixels
for w in unit_draw:
    a = signal @ (w * (leaky_variance / w.shape[1]) ** 0.5).T
    signal = torch.where(a > 0, a, slope * a)
print(
    f"variance 2 / (1 + slope^2) / n = {leaky_variance:.3f} / n; RMS after 50 layers {signal.square().mean().sqrt().item():.2f}"
)
assert 0.3 < signal.square().mean().sqrt() < 3

# %% [markdown]
# **2. Chance in numbers** (five minutes). The zero network ends with the last bias only. What loss must it reach, and what does the bias converge to?
#
# <details><summary>Hint</summary>
#
# Softmax of the bias is the same for every digit. Which constant prediction has the least cross-entropy?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
shares = torch.bincount(y_train, minlength=10) / len(y_train)
entropy = -(shares * shares.log()).sum().item()
with torch.no_grad():
    final = F.cross_entropy(zero_net(x_train), y_train).item()
print(
    f"entropy of the class frequencies {entropy:.4f}, log 10 = {math.log(10):.4f}, loss of the zero network {final:.4f}"
)
assert abs(final - entropy) < 0.02

# %% [markdown]
# **3. Clip each weight, or all together?** (fifteen minutes). Another kind of clipping limits every entry of the gradient to $[-c, c]$. Show with a two-number gradient that it changes the direction, and by how many degrees at most (in two dimensions).
#
# <details><summary>Hint</summary>
#
# Try $(100, 0.01)$ with $c = 0.01$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.scratch.initialisation.signal import clip_by_norm

steep = torch.tensor([100.0, 0.01], dtype=torch.float64)
by_entry = steep.clamp(-0.01, 0.01)
together = clip_by_norm([steep], 0.01)[0][0]
angles = [math.degrees(math.acos(min(1.0, F.cosine_similarity(steep, c, dim=0).item()))) for c in (by_entry, together)]
print(
    f"turned by {angles[0]:.1f} degrees when each entry is clipped, {angles[1]:.1f} when the length is; the limit is 45"
)
assert 44 < angles[0] < 45
assert angles[1] < 1e-3

# %% [markdown]
# **4. Matrices that keep every length** (fifteen minutes). Instead of drawing each number for itself, take a random *orthogonal* matrix (`torch.linalg.qr` of a Gaussian one). Send the digits through 50 of them without an activation, and compare with Xavier: how far do the lengths of *single* digits
# spread? Then with ReLU: what must you multiply by, and does it stop the digits from growing alike?
#
# <details><summary>Hint</summary>
#
# An orthogonal matrix keeps the length of every vector, not only on average. (4.42) does not ask where the symmetric numbers come from.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
draw_q = torch.Generator().manual_seed(200)
turns = [torch.linalg.qr(torch.randn(256, 256, generator=draw_q, dtype=torch.float64))[0] for _ in range(50)]
wide = F.pad(pixels, (0, 192))  # the 64 pixels and 192 zeros: a square matrix can turn them
gaussians = deep_weights(50, 256, "xavier", seed=SEED)
spreads = {}
for name, matrices in (("orthogonal", turns), ("Xavier", gaussians)):
    lengths = trace(matrices, wide, "linear").outputs[-1].norm(dim=1) / wide.norm(dim=1)
    spreads[name] = (lengths.max() / lengths.min()).item()
    print(f"{name:10s} longest to shortest stretch of a digit after 50 linear layers: {spreads[name]:.3f}")
assert abs(spreads["orthogonal"] - 1) < 1e-9 < 0.1 < spreads["Xavier"] - 1
t = trace([2**0.5 * q for q in turns], wide, "relu")
rows = F.normalize(t.outputs[-1][:200], dim=1)
cosine = (rows @ rows.T)[pairs].mean().item()
print(
    f"times the root of 2, with ReLU: RMS {t.activation[-1] / t.activation[0]:.2f} of the input's; mean cosine {cosine:.2f}"
)
assert 0.2 < t.activation[-1] / t.activation[0] < 5
assert cosine > 0.9  # the common part comes from the ReLU, whatever the matrices

# %% [markdown]
# **5. A start from data** (an evening). Instead of a formula, measure: send one batch through the freshly drawn network, layer by layer, and divide each layer's weights by the deviation of its pre-activations before going on ([Salimans and Kingma](../book/references.md#salimans-kingma-2016) start weight normalisation this way). Do it for 50 layers of sigmoid and of
# ReLU. Do the activations keep their scale? Do the *gradients*?
#
# <details><summary>Hint</summary>
#
# You fix only one of the two directions, forward. The deviation is the one over the batch, for each unit: the common part of all digits does not count in it.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for kind in ("relu", "sigmoid"):
    adapted, signal = [], pixels
    for w in unit_draw:
        a = signal @ w.T
        adapted.append(w / (a - a.mean(dim=0)).square().mean().sqrt())
        signal = trace([adapted[-1]], signal, kind).outputs[1]
    t = trace(adapted, pixels, kind)
    print(
        f"{kind:8s} activations {t.activation[1].item():.2f} -> {t.activation[-1].item():.2f}, gradients x {(t.gradient[1] / t.gradient[-1]).item():.0e} on the way back"
    )
    assert 0.1 < t.gradient[1] / t.gradient[-1] < 20
print(
    "both hold: no factor a layer is left, only a slow drift. The ReLU's mean, which nobody removes, grows beside its spread;"
)
print("remove it too, in every step, and you have batch normalisation: the next chapter")

# %% [markdown]
# **6. How much is too much** (ten minutes, with the [figure above](#turn-the-dials-yourself)). In a plain network of $L$ layers the scale may drift by a factor of 100 before training suffers. How exact must the weights' deviation be at $L = 5$, 20, 50 and 1,000? Compute it, then check two of them in the figure: He, ReLU, the end of the dashed line.
#
# <details><summary>Hint</summary>
#
# $(1 + e)^L = 100$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for depth in (5, 20, 50, 1000):
    print(f"{depth:5d} layers: the factor of a layer must be right to {100 * (100 ** (1 / depth) - 1):.1f} percent")
assert 100 ** (1 / 50) < 1.1 < 1.2 < 100 ** (1 / 20)

# %% [markdown]
# ## At scale
#
# The depth experiment on the real [MNIST](../book/references.md#lecun-1998): layers of 100 ReLUs, 1,000 steps of 60 images at rate 0.03, tested on 10,000 images. The record comes from `python -m tools.record_signals depth` (with `course data mnist` before it, if you do not have the files).

# %%
record = load_record("04b_signals.mnist_depth")
on_mnist = {key: np.array(values) for key, values in record["metrics"].items()}
print(f"test accuracy after {record['steps']} steps, medians of {len(record['seeds'])} seeds")
print("start          " + "".join(f"{depth:4d} layers" for depth in record["depths"]))
for start in record["starts"]:
    print(f"{start:15s}" + "".join(f"{np.median(on_mnist[f'{start}_{depth}']):11.3f}" for depth in record["depths"]))
made_on = record["provenance"]
print(f"{made_on['processor']}, {made_on['date']}, commit {made_on['commit']}")
assert on_mnist["he fan_in_10"].min() > 0.9
assert on_mnist["he fan_in_50"].max() < on_mnist["he fan_in_20"].min()
assert on_mnist["xavier_30"].max() < 0.3 < on_mnist["he fan_in_30"].min()
assert on_mnist["gaussian 0.01_10"].max() < 0.2

# %% [markdown]
# The order of the rules is the same on real images. The fixed 0.01 fails at ten layers already; Xavier, a factor $\sqrt2$ a layer short, is slow at twenty and fails at thirty; He carries thirty, and at fifty it has hardly begun.
#
# ## Summary
#
# - Zero weights wait for each other for ever; equal weights stay equal. Randomness breaks the symmetry.
# - A layer multiplies the mean square by $n_{\text{in}}\sigma^2$ forward and $n_{\text{out}}\sigma^2$ back; a ReLU halves both. Hence $2/n_{\text{in}}$ (He) and $2/(n_{\text{in}}+n_{\text{out}})$ (Xavier, without ReLU). These are variances; you multiply by their roots.
# - A constant factor in every layer is a power after fifty. Slopes count as well as weights: sigmoids vanish with every rule here.
# - Clipping limits the length of a gradient and keeps its direction. It cures explosion, not vanishing.
# - A level scale is necessary, not enough: behind many random ReLU layers all inputs look alike.
#
# ## Further reading
#
# - [Glorot and Bengio (2010)](../book/references.md#glorot-bengio-2010): why deep nets did not train, measured layer by layer.
# - [He et al. (2015)](../book/references.md#he-2015): the ReLU's factor 2, and 30 layers from scratch.
# - [Pascanu et al. (2013)](../book/references.md#pascanu-2013): vanishing, exploding, clipping.
#
# ## The next question
#
# The rules hold before the first step. Then the weights move, and nobody keeps the scale any more. What if the network measured its own signals, in every layer and every step, and set them right? → [Normalisation](04c_normalisation.ipynb)
