# %% [markdown]
# # Signals through depth
#
# A signal passes through fifty layers and nothing arrives. Or everything explodes. Both are settled before the first step of training, by one number: how large
# you draw the weights. You will compute that number, and then build the layers that hold a signal in shape while the weights move.
#
# **You will be able to**
#
# - derive the variance rule of a layer line by line, forward and backward, with the factor 2 of the ReLU;
# - choose between Xavier, He with `fan_in` and He with `fan_out`, and say what each one keeps and what it gives up;
# - measure vanishing and exploding gradients layer by layer, and rescue a run by clipping;
# - write batch normalisation forward and backward by hand, for layers of units and for maps, and match PyTorch to the last digit;
# - say what batch normalisation does (and what it is only said to do), each with a measurement over twenty seeds;
# - use weight, local response and local contrast normalisation, and avoid the trap in each.
#
# **You need** mean and variance, matrix products, the chain rule, and a network as a stack of layers
# ([your first network](00_start.ipynb)). Chapters [02](02_mlp.ipynb) to [04](04_training.ipynb) (layers, backpropagation, training) come just before this one.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import plotting
from course_utils.plotting import COLORS
from course_utils.plotting.depth import effect_rows, percentile_tracks, shared_statistics, signal_curves
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MlpPlayground, WeightDials

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

# %% tags=["hide-input", "band-clipping", "band-rates", "band-depth", "band-shift", "band-tips", "band-order", "band-dropout", "band-lrn", "band-weight_norm"]
import math

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.initialisation.schemes import initialise

digits, new_digits = data.load("digits", "train"), data.load("digits", "test")
mean, deviation = digits.images.float().mean(), digits.images.float().std()
x_train, y_train = (digits.images - mean) / deviation, digits.labels  # (1297, 1, 8, 8)
x_test, y_test = (new_digits.images - mean) / deviation, new_digits.labels


def deep_mlp(depth, width, norm=None, activation=nn.ReLU, dropout=0.0, norm_last=False):
    """Return ``depth`` hidden layers of linear, norm, activation, and a linear layer for the ten classes."""
    layers, inputs = [nn.Flatten()], 64
    for _ in range(depth):
        layers.append(nn.Linear(inputs, width))
        layers += [activation()] if norm_last else []
        layers += [norm(width)] if norm else []
        layers += [] if norm_last else [activation()]
        layers += [nn.Dropout(dropout)] if dropout else []
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def train(model, steps, lr, batch=64, clip=None, among=None, after_step=None):
    """Plain gradient descent on random batches; stops where the loss is no longer a number."""
    draw = torch.Generator().manual_seed(SEED)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    model.train()
    for step in range(steps):
        rows = torch.randint(among or len(x_train), (batch,), generator=draw)
        loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        optimiser.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        if after_step:
            after_step(step + 1)
    return losses


def accuracy(model):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        right = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
    model.train(was_training)
    return right


def he_start(model, scale=1.0):
    return initialise(model, "he fan_in", scale=scale, generator=torch.Generator().manual_seed(SEED))


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
# Ten to the minus 47 is smaller than any number that `float32` can hold, so the computer rounds it to exactly 0. Then every gradient is exactly 0 too. No
# learning rate helps. You need a rule *before* training. First, the most tempting one.
#
# ## What zero does
#
# <span id="c074"></span>The lecture lists "all zero" among the ways to start. It sounds neutral. For the perceptron it was even the best start.
#
# > **Predict.** Two layers, ReLU between them, all weights and biases 0, cross-entropy loss on the digits. Which gradients are not zero? What accuracy does it reach after 300 steps?

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
# Only the last bias has a gradient. Follow the chain rule and see why. The hidden outputs are 0, so the gradient of the last weights, which is
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
# Watch it happen. Each dial is one weight, straight up for zero. The left block of $8 \times 8$ dials are the weights of hidden unit 1, laid out like the pixels it looks at; the right block are those of unit 2. Both
# units began equal. Run the training and compare the two blocks: can you find a single dial that knows which unit it belongs to?

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
# Note what stands on the right: the **mean square** of the input, not its variance. After a ReLU these differ, because its outputs are never negative. Half of all mistakes
# with this formula are made there.
#
# ### The factor of two
#
# What does the ReLU do to the mean square? The weights are as likely to be $w$ as $-w$, so $a_j$ is as likely to be positive as negative, and equally large on both sides. The ReLU
# keeps the positive half unchanged and sets the rest to 0. So it keeps exactly half of the sum of squares:
#
# $$ \operatorname{E}\big[\max\{0, a\}^2\big] \;=\; \tfrac12\,\operatorname{Var}(a) \qquad\text{for every } a \text{ with a distribution symmetric about } 0. \tag{4.42} $$
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
from dataclasses import replace

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
# **Linear.** Xavier holds the scale. He's extra factor 2 is wrong here: $\sqrt2$ a layer, 30,000-fold after 30.
#
# **tanh** cannot explode forward. Too large weights *saturate* it instead: nearly every output is $\pm 1$, whatever comes in. Its slope at those places is nearly 0. And yet look at the gradient for sd 1: it explodes, because the few units
# that are not saturated pass it on through huge weights. Xavier shrinks slowly: tanh bends below the line $y = x$, a little less with every layer as the signal gets smaller.
#
# **ReLU.** Only He is level. Xavier loses a factor $\sqrt2$ in every layer. A standard deviation of 0.1 looks harmless. Its factor is $0.1\sqrt{128} = 1.13$, and $1.13^{30}$ is about 40.
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
# <span id="c075"></span>Another lecture takes $\sqrt{2/n}$ with $n$ the number of **outputs** of the neuron, to keep "the (gradient) signal" on one scale. For gradients and ReLU this is right, by (4.44). The rule that most libraries
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
# With sd 0.01 each of the eight layers shrinks the signal, to about $10^{-4}$ in all. Eight layers survive that: the inputs were pixel values up to 255, and the authors started
# the biases of most layers at 1, which puts a fresh signal into every layer. With *variance* 0.01 the outputs start a thousandfold too large or worse. <span id="c081"></span>And at depth 30 or 50 even
# sd 0.01 is hopeless. The lecture is right there: you saw the gradient of the curve "sd 0.01" leave the picture before it had crossed ten layers.
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
# Twenty percent too much in each layer is a factor of thousands over fifty. A sigmoid multiplies by its slope, about $\tfrac14$ near 0, and $\sqrt{n}\,\sigma = \sqrt2$ cannot make up for it. This is the main reason why deep nets of sigmoids did not train, and one reason why the
# ReLU replaced them.
#
# You do not need fifty layers to feel it. Below are four layers of eight sigmoids, and two rings that any small network separates. Press *Play* and watch the loss: $0.693 = \ln 2$ is what a coin earns. Now change the
# activation to tanh or ReLU, and nothing else.

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
# This is [gradient clipping](../book/glossary.md#gradient-clipping) ([Pascanu et al., 2013](../book/references.md#pascanu-2013)). In PyTorch it is one line between `backward` and `step`. Take 20 layers of ReLU, 1.2 times too large, and train with learning rate 0.1.
#
# > **Predict.** How many steps does the run survive without clipping? And does clipping only keep it alive, or does it learn?

# %% tags=["band-clipping"]
clipped_runs = {}
for name, clip in (("as it is", None), ("clipped at 1", 1.0)):
    overscaled = he_start(deep_mlp(depth=20, width=64), scale=1.2)
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
# It learns. Not as well as with right weights from the start, but on every one of twenty seeds. Clipping treats the symptom; it cannot bring back a gradient that has vanished.

# %% [markdown]
# ## Batch normalisation: make it so
#
# A good start is not enough. The rules hold before the first step; then the weights move, and nobody keeps the scale any more. One lecture puts the next idea like this: *you want unit Gaussian
# activations? Just make them so.* Subtract the mean, divide by the standard deviation, inside the network, in every step. Over what? Over the batch.
#
# For one unit, with values $x_1 \dots x_m$ in a batch of $m$ examples ([Ioffe and Szegedy, 2015](../book/references.md#ioffe-szegedy-2015)):
#
# $$ \mu = \frac1m \sum_i x_i, \qquad \sigma^2 = \frac1m \sum_i (x_i - \mu)^2, \qquad
#    \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma\,\hat x_i + \beta . \tag{4.48} $$
#
# The small $\epsilon$ (usually $10^{-5}$) keeps a constant unit from dividing by 0. The scale $\gamma$ and the shift $\beta$ are learned, one pair for each unit; they start at 1 and 0. ($\gamma$ is no margin here, and $x$ is
# whatever enters the layer; often it is the pre-activation $a$.) This is [batch normalisation](../book/glossary.md#batch-normalisation), BN.
#
# <span id="c085"></span>Three lectures give this algorithm, and equation 4.48 is a few lines of code. It equals PyTorch's layer to the last digits:


# %% tags=["nbval-check-output"]
def batch_norm(x, gamma, beta, epsilon=1e-5):
    mu = x.mean(dim=0)
    variance = ((x - mu) ** 2).mean(dim=0)  # 1/m, not 1/(m - 1)
    x_hat = (x - mu) / torch.sqrt(variance + epsilon)
    return gamma * x_hat + beta


draw_bn = torch.Generator().manual_seed(SEED)
batch = 3 * torch.randn(32, 5, generator=draw_bn, dtype=torch.float64) + 2
gamma, beta = torch.rand(2, 5, generator=draw_bn, dtype=torch.float64)
theirs = F.batch_norm(batch, None, None, gamma, beta, training=True)
ours = batch_norm(batch, gamma, beta)
print(
    f"largest difference from the library: {(ours - theirs).abs().max().item():.0e}"
    if (ours != theirs).any()
    else "equal"
)
assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)

normal = batch_norm(batch, torch.ones(5), torch.zeros(5))
print(
    "means",
    normal.mean(dim=0).abs().max().item() < 1e-12,
    " deviations",
    normal.std(dim=0, correction=0).round(decimals=4).tolist(),
)
assert normal.mean(dim=0).abs().max() < 1e-12

# %% [markdown]
# Two consequences fall out at once.
#
# <span id="c084"></span>**It can undo itself.** The lecture notes that $\gamma = \sqrt{\operatorname{Var}[x]}$ and $\beta = \operatorname{E}[x]$ recover the identity. With the $\epsilon$ in the formula, $\gamma$ must be $\sqrt{\operatorname{Var}[x] + \epsilon}$, and it holds for *that* batch; the next batch has another
# mean. So the layer takes nothing away from what the network can express.
#
# <span id="c097"></span>**The bias before it is dead.** Add 7 to every $x$: the mean grows by 7, and the subtraction takes it away. A bias in front of BN changes nothing, so its gradient is exactly 0. Leave it out (`bias=False`); $\beta$ does its work.
#
# > **Predict.** Which of these two holds exactly, and which up to rounding?

# %% tags=["nbval-check-output"]
mu, variance = batch.mean(dim=0), batch.var(dim=0, correction=0)
recovered = batch_norm(batch, torch.sqrt(variance + 1e-5), mu)
without_epsilon = batch_norm(batch, torch.sqrt(variance), mu)
print(f"identity recovered: off by {(recovered - batch).abs().max().item() < 1e-12 and 'nothing but rounding'}")
print(f"with sqrt(Var), epsilon forgotten: off by {(without_epsilon - batch).abs().max().item():.0e}")
assert torch.allclose(recovered, batch, rtol=0, atol=1e-12)
other_batch = torch.randn(32, 5, generator=draw_bn, dtype=torch.float64)
assert (batch_norm(other_batch, torch.sqrt(variance + 1e-5), mu) - other_batch).abs().max() > 1

shifted = batch_norm(batch + 7, gamma, beta)
print(f"bias of 7 cancelled: {torch.allclose(shifted, ours, rtol=0, atol=1e-12)}")
bias = torch.zeros(5, dtype=torch.float64, requires_grad=True)
(batch_norm(batch + bias, gamma, beta) * torch.randn(32, 5, generator=draw_bn)).sum().backward()
print(f"gradient of the bias: zero up to rounding: {bias.grad.abs().max().item() < 1e-12}")
assert torch.allclose(shifted, ours, rtol=0, atol=1e-12)
assert bias.grad.abs().max() < 1e-12

# %% [markdown]
# ### Who shares a mean with whom
#
# <span id="c096"></span>One lecture says: normalise "over the batch", "every neuron individually". For fully connected layers that is right. In a convolutional layer the same filter makes a whole map, and treating each *position* of it apart
# would give one filter different scales at different places. So batch normalisation of maps shares one mean, one deviation, one $\gamma$ and one $\beta$ **for each channel**, over the batch *and* all positions. This and
# the other normalisations of this chapter in one picture. Each table is a batch: 5 rows of examples; 3 channels of 6 pixels each. The marked value is normalised with the mean and spread of the coloured ones:


# %% tags=["hide-input"] mystnb={"image": {"alt": "Six tables of 5 rows and 3 blocks of 6 columns. Batch norm of units: one column. Batch norm of maps: a whole block of 6 columns, all rows. Per-position variant: one column of a block. Local response: the same position of neighbouring channels, one row. Local contrast: three neighbouring positions in all channels, one row. Weight norm: nothing but the value itself."}}
def cells(rows, channels, positions):
    table = np.zeros((5, 3, 6), dtype=int)
    table[np.ix_(rows, channels, positions)] = 1
    table[2, 1, 2] = 2
    return table.reshape(5, 18)


everyone, all_maps, places = range(5), range(3), range(6)
figure, panels = plt.subplots(2, 3, figsize=(7, 3.6))
units = np.zeros((5, 3), dtype=int)
units[:, 1], units[2, 1] = 1, 2
shared_statistics(panels[0, 0], units, "batch norm, units", channels=3, caption="a unit, over the batch")
drawings = [
    ("batch norm, maps", (everyone, [1], places), "a channel, over batch and places"),
    ("per position (not used)", (everyone, [1], [2]), "a pixel, over the batch"),
    ("local response norm", ([2], all_maps, [2]), "a place, over nearby maps"),
    ("local contrast norm", ([2], all_maps, [1, 2, 3]), "nearby places, all maps"),
    ("weight norm", ([2], [1], [2]), "looks at the weights alone"),
]
for axes, (title, cell, caption) in zip(panels.flat[1:], drawings):
    shared_statistics(axes, cells(*cell), title, channels=3, caption=caption)
plt.show()

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.batch_norm import batch_norm_forward, normalise_each_position

photo_maps = F.conv2d(
    x_train[:64].double(), torch.randn(4, 1, 3, 3, generator=draw_bn, dtype=torch.float64)
)  # (64, 4, 6, 6)
ones, zeros = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
per_channel, _ = batch_norm_forward(photo_maps, ones, zeros)
library = F.batch_norm(photo_maps, None, None, training=True)
per_position = normalise_each_position(photo_maps)
print("per channel, over batch and positions: equals the library:", torch.allclose(per_channel, library))
print(f"per position: differs by up to {(per_position - library).abs().max().item():.1f}")
print(
    "mean of the maps over batch, per position, library:",
    f"{library[:, 0].mean(dim=0).min().item():.2f} to {library[:, 0].mean(dim=0).max().item():.2f}",
)
assert torch.allclose(per_channel, library)
assert (per_position - library).abs().max() > 0.5
assert library[:, 0].mean(dim=0).abs().max() > 0.3  # what is typical of a place survives

# %% [markdown]
# ### The way back through it
#
# Batch normalisation mixes the examples of a batch: $\mu$ and $\sigma$ contain all of them. So the gradient of one example depends on all others. Derive it once by hand. Write $s = \sqrt{\sigma^2 + \epsilon}$, so $\hat x_j = (x_j - \mu)/s$, and let $x_i$ move a little.
#
# 1. *The mean:* $\partial \mu / \partial x_i = 1/m$.
# 2. *The deviation:* from $s^2 = \frac1m \sum_j (x_j - \mu)^2 + \epsilon$ follows $2 s\, \partial s/\partial x_i = \frac2m (x_i - \mu)$. (Does $\mu$ not move as well? It does, and its share is $-\frac2m \sum_j (x_j - \mu)\cdot\frac1m = 0$.) So $\partial s/\partial x_i = (x_i - \mu)/(m s) = \hat x_i/m$.
# 3. *The quotient rule:* with $\delta_{ij} = 1$ for $i = j$, else 0,
#
# $$ \frac{\partial \hat x_j}{\partial x_i} = \frac{\delta_{ij} - 1/m}{s} - \frac{x_j - \mu}{s^2}\cdot\frac{\hat x_i}{m}
#    = \frac1s \Big( \delta_{ij} - \frac1m - \frac{\hat x_i\, \hat x_j}{m} \Big) . $$
#
# 4. *Add up* over all outputs $j$, each with $\partial L/\partial \hat x_j = \gamma\, dy_j$, where $dy_j = \partial L/\partial y_j$:
#
# $$ \frac{\partial L}{\partial x_i} = \frac{\gamma}{s} \Big( dy_i \;-\; \frac1m \sum_j dy_j \;-\; \hat x_i\,\frac1m \sum_j dy_j\, \hat x_j \Big),
#    \qquad \frac{\partial L}{\partial \gamma} = \sum_j dy_j\, \hat x_j, \qquad \frac{\partial L}{\partial \beta} = \sum_j dy_j . \tag{4.49} $$
#
# Read it as a sentence: *take the gradient, remove its mean, remove its part along $\hat x$, divide by the spread.* The two removed parts are exactly the changes that the layer cancels anyway: adding a constant to all $x$, and stretching them.

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.batch_norm import batch_norm_backward, batch_norm_backward_by_steps


def batch_norm_gradient(dy, x, gamma, epsilon=1e-5):
    mu, variance = x.mean(dim=0), x.var(dim=0, correction=0)
    s = torch.sqrt(variance + epsilon)
    x_hat = (x - mu) / s
    inner = dy - dy.mean(dim=0) - x_hat * (dy * x_hat).mean(dim=0)
    return gamma / s * inner, (dy * x_hat).sum(dim=0), dy.sum(dim=0)


dy = torch.randn(32, 5, generator=draw_bn, dtype=torch.float64)
leaves = [t.clone().requires_grad_() for t in (batch, gamma, beta)]
wanted = torch.autograd.grad(F.batch_norm(leaves[0], None, None, *leaves[1:], training=True), leaves, dy)
by_hand = batch_norm_gradient(dy, batch, gamma)
by_steps = batch_norm_backward_by_steps(dy, batch, gamma)
by_library_module = batch_norm_backward(dy, batch_norm_forward(batch, gamma, beta)[1])
for name, *found, target in zip(("x", "gamma", "beta"), by_hand, by_steps, by_library_module, wanted):
    print(
        f"dL/d{name:5s} equation 4.49, node by node, course_utils: equal to autograd: {[torch.allclose(f, target) for f in found]}"
    )
    assert all(torch.allclose(f, target) for f in found)
assert by_hand[0].sum(dim=0).abs().max() < 1e-12  # nothing left along "add a constant"
assert (by_hand[0] * normal).sum(dim=0).abs().max() < 1e-4  # and (up to epsilon) nothing along "stretch"

# %% [markdown]
# ### Training and testing are two different functions
#
# In use you may have a single image. Its batch statistics would be nonsense: the mean of one number is the number itself, and the output would be $\beta$ for every image. So the layer keeps *running statistics* during training, an average that forgets slowly, and uses
# them when you call `eval()`. With momentum $\rho$ (0.1 in PyTorch):
#
# $$ \mu_{\text{run}} \leftarrow (1-\rho)\,\mu_{\text{run}} + \rho\,\mu, \qquad
#    \sigma^2_{\text{run}} \leftarrow (1-\rho)\,\sigma^2_{\text{run}} + \rho\,\frac{m}{m-1}\,\sigma^2 . \tag{4.50} $$
#
# Look at the factor $m/(m-1)$. It is the trap of this section. The output of a training step uses the $1/m$ variance, as in (4.48). The *running* variance collects the unbiased one, with $1/(m-1)$: it is an estimate for data outside of this batch. Forget it and your eval outputs are
# a little off, most of all for small batches. (A second trap: elsewhere "momentum" means the weight of the *old* value, 0.9 for the same thing.)

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.batch_norm import BatchNorm

ours_layer, library_layer = BatchNorm(5).double(), nn.BatchNorm1d(5).double()
biased = torch.ones(5, dtype=torch.float64)  # what you get without m / (m - 1)
for _ in range(50):
    four = 3 * torch.randn(4, 5, generator=draw_bn, dtype=torch.float64) + 2  # batches of 4
    assert torch.allclose(ours_layer(four), library_layer(four))
    biased = 0.9 * biased + 0.1 * four.var(dim=0, correction=0)
assert torch.allclose(ours_layer.running_mean, library_layer.running_mean)
assert torch.allclose(ours_layer.running_var, library_layer.running_var)
print("training outputs, running mean and running variance equal the library's over 50 batches of 4")
print(
    f"without m/(m-1) the running variance is {(biased / library_layer.running_var).mean().item():.2f} of what it should be"
)
ours_layer.eval(), library_layer.eval()
one = torch.ones(1, 5, dtype=torch.float64)
assert torch.allclose(ours_layer(one), library_layer(one))
print("eval mode on a batch of one: equal")

# %% [markdown]
# <span id="c094"></span>The lecture adds that BN needs batches, and that its statistics differ a little from batch to batch: randomness, "a good regulariser". See the randomness itself.
#
# > **Predict.** One digit, in two different batches of 16, through a network with BN. Same output? And in eval mode?

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
noisy_net = he_start(deep_mlp(depth=3, width=64, norm=nn.BatchNorm1d))
train(noisy_net, steps=100, lr=0.1)
one_digit = x_test[:1]
with torch.no_grad():
    in_batches = torch.stack([noisy_net(torch.cat([one_digit, x_train[k : k + 15]]))[0] for k in range(0, 1200, 15)])
    noisy_net.eval()
    in_eval = torch.stack([noisy_net(torch.cat([one_digit, x_train[k : k + 15]]))[0] for k in range(0, 1200, 15)])
right_class = new_digits.labels[0].item()
print(
    f"score of the right class in {len(in_batches)} batches: {in_batches[:, right_class].min().item():.1f} to {in_batches[:, right_class].max().item():.1f}"
)
print(f"in eval mode: all equal: {torch.allclose(in_eval, in_eval[:1].expand_as(in_eval), atol=1e-4)}")
assert in_batches[:, right_class].std() > 0.1
assert torch.allclose(in_eval, in_eval[:1].expand_as(in_eval), atol=1e-4)

# %% [markdown]
# The claim is true for training: your neighbours in the batch shake you. It is not true in eval mode. Whether the shaking helps is a separate question; we measure it [below](#c104).
#
# ## What it does to the weights
#
# Scale all weights in front of a BN layer by $\alpha > 0$. The pre-activations scale by $\alpha$, so do their mean and their deviation, and the quotient does not change (with $\epsilon = 0$; in practice nearly):
#
# $$ \operatorname{BN}(\alpha W x) = \operatorname{BN}(W x), \qquad\text{and therefore}\qquad
#    \frac{\partial L}{\partial (\alpha W)} = \frac1\alpha\,\frac{\partial L}{\partial W} . \tag{4.51} $$
#
# The second part follows from the first: the loss as a function of $W$ is constant along every ray from 0. Walk on a ray twice as far out, and the same turn of direction takes a step twice as long, so the slope is half. There is a third part: along the ray the loss does not change at all,
# so the gradient is **perpendicular** to the weights of each unit.

# %% tags=["nbval-check-output"]
factor = 5.0
weight = torch.randn(20, 64, generator=draw_bn, dtype=torch.float64)
target = torch.randn(32, 20, generator=draw_bn, dtype=torch.float64)
some_digits = x_train[:32].flatten(1).double()
gradients, results = [], []
for scale in (1.0, factor):
    w = (scale * weight).requires_grad_()
    out = batch_norm(some_digits @ w.T, 1.0, 0.0, epsilon=1e-12)
    ((out - target) ** 2).mean().backward()
    gradients.append(w.grad)
    results.append(out.detach())
print(
    "outputs equal:",
    torch.allclose(*results, atol=1e-6),
    f" ratio of the gradients: {(gradients[0] / gradients[1]).median().item():.4f}",
)
cosine = F.cosine_similarity(gradients[0], weight, dim=1).abs().max().item()
print(f"gradient perpendicular to each unit's weights: cosine below 1e-6: {cosine < 1e-6}")
assert torch.allclose(*results, atol=1e-6)
assert torch.allclose(gradients[0], factor * gradients[1], rtol=1e-4, atol=1e-9)
assert cosine < 1e-6

grown = weight.clone().requires_grad_()
lengths = [grown.norm().item()]
for _ in range(100):
    loss = ((batch_norm(some_digits @ grown.T, 1.0, 0.0) - target) ** 2).sum()
    (step,) = torch.autograd.grad(loss, grown)
    grown = (grown - 0.05 * step).detach().requires_grad_()
    lengths.append(grown.norm().item())
print(
    f"length of the weights in 100 steps: {lengths[0]:.1f} -> {lengths[-1]:.1f}, never shorter: {bool((np.diff(lengths) > 0).all())}"
)
assert (np.diff(lengths) > 0).all()

# %% [markdown]
# <span id="c089"></span>So BN separates a weight vector's **direction** (which decides the function) from its **magnitude** (which decides nothing but the next steps). The lecture's sentence is exactly this. And it explains a self-regulation: a step perpendicular to a vector makes it longer
# (Pythagoras). Longer weights have smaller gradients. A learning rate that is too large makes the weights grow until it fits.
#
# <span id="c095"></span>It also settles whether "with BN one can initialise with $N(0, 0.01)$", as a lecture says. Forward, yes: 0.01 as deviation or as variance, the output is the same. But the gradient is divided by the scale, and the *relative* step of the weights by its square: small weights turn
# quickly, large ones slowly. The scale is a hidden learning rate.
#
# <span id="c088"></span>The lecture's next two promises, then: BN reduces the strong dependence on the initialisation, and allows higher learning rates.
#
# > **Predict.** Five hidden layers; weights 0.1, 1 or 10 times He's; learning rates 0.01, 0.1 and 1; 100 steps. In how many of the nine cells does the plain network learn? And the one with BN? In which corner is BN slow?

# %% tags=["band-rates"]
rates_result = {}
for norm_name, norm in (("plain", None), ("bn", nn.BatchNorm1d)):
    for scale in (0.1, 1, 10):
        for lr in (0.01, 0.1, 1):
            torch.manual_seed(SEED)
            model = he_start(deep_mlp(depth=5, width=64, norm=norm), scale=scale)
            train(model, steps=100, lr=lr)
            rates_result[f"{norm_name}_{scale}_{lr}"] = accuracy(model)

# %% mystnb={"image": {"alt": "Two 3 by 3 tables of accuracies, weights against learning rate, medians of 20 seeds. Plain: only the middle row at rates 0.01 and 0.1 learns, everything else is at 10 percent. With batch norm most cells are above 90 percent; weights times 10 at rate 0.01 stays lowest."}}
SCALES, RATES = (0.1, 1, 10), (0.01, 0.1, 1)
medians = {
    kind: np.array([[band("04b_signals.rates", f"{kind}_{s}_{lr}").median for lr in RATES] for s in SCALES])
    for kind in ("plain", "bn")
}
figure, panels = plt.subplots(1, 2, figsize=(7, 2.7), sharey=True)
for axes, kind, title in zip(panels, ("plain", "bn"), ("plain", "with batch normalisation")):
    axes.imshow(medians[kind], cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for row, col in np.ndindex(3, 3):
        value = medians[kind][row, col]
        axes.text(col, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else COLORS["ink"])
    axes.set(title=title, xlabel="learning rate", xticks=range(3), yticks=range(3), xticklabels=RATES)
    axes.grid(visible=False)
panels[0].set_yticks(range(3), [f"{s} × He" for s in SCALES])
plt.show()

own = {kind: sum(rates_result[f"{kind}_{s}_{lr}"] > 0.6 for s in SCALES for lr in RATES) for kind in ("plain", "bn")}
print("your run, cells above 60 % accuracy:", own)
for key, value in rates_result.items():
    assert band("04b_signals.rates", key).contains(value, slack=0.08), key
assert (medians["plain"] > 0.6).sum() == 2
assert (medians["bn"] > 0.6).sum() >= 7
assert medians["bn"][2, 0] == medians["bn"].min()

# %% [markdown]
# Both promises hold here, on every seed. And the slow corner is where (4.51) puts it: large weights with a small rate turn by tiny angles. The weights of the last layer, which has no BN behind it, are scaled as well; they cost the lower row some accuracy.
#
# ## What it does not do
#
# ### It does not make anything Gaussian
#
# <span id="c086"></span>The lecture says that BN forces activations to "take on a unit Gaussian distribution at the beginning of training". Unit, yes. Gaussian? Subtracting and dividing are straight lines. They move and stretch a histogram and leave its shape.
#
# > **Predict.** Feed BN with values from an exponential distribution (never negative, long tail to the right). What is the skewness, the mean of $\hat x^3$, before and after? (It is 0 for a Gaussian.)

# %% mystnb={"image": {"alt": "Left: histogram of exponential values, a peak at 0 and a tail to the right. Right: the same shape after batch normalisation, moved to mean 0 and deviation 1, with the bell of a Gaussian drawn over it, which it does not resemble."}}
skewed = torch.empty(20_000, 1, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(SEED))
after = batch_norm(skewed, 1.0, 0.0)
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6))
left.hist(skewed[:, 0], bins=60, color=COLORS["blue"], density=True)
left.set(title="before", xlim=(-0.5, 8))
right.hist(after[:, 0], bins=60, color=COLORS["vermillion"], density=True)
bell = np.linspace(-4, 7, 200)
right.plot(bell, np.exp(-(bell**2) / 2) / np.sqrt(2 * np.pi), color=COLORS["ink"], linewidth=1.2, label="Gaussian")
right.set(title="after batch normalisation", xlim=(-4, 7))
right.legend()
plt.show()
standard = (skewed - skewed.mean()) / skewed.std(correction=0)
print(f"mean of the cube: {(standard**3).mean():.2f} before (standardised), {(after**3).mean():.2f} after; Gaussian 0")
print(f"mean of the fourth power: {(after**4).mean():.1f}; Gaussian 3")
assert abs((after**3).mean() - (standard**3).mean()) < 0.01
assert (after**3).mean() > 1.5
assert (after**4).mean() > 6

# %% [markdown]
# It fixes two numbers, mean and variance, and not only "at the beginning" but in every step. Pre-activations are often *nearly* Gaussian, but for another reason: they are sums of many terms.
#
# ### It does not solve the exploding gradient
#
# <span id="c087"></span>"Improves gradient flow", says one lecture. <span id="c098"></span>"Solves the vanishing gradients problem", says another, on a slide about residual networks. Measure. Networks of linear, BN, ReLU, by depth, before any training: how does the gradient at the first layer compare with the last?
#
# > **Predict.** With BN in every one of 50 layers, the ratio of first to last gradient is about: 1, 0.01, 100, or 10,000?

# %% tags=["nbval-check-output"]
from course_utils.scratch.initialisation.signal import batch_norm_relu_growth

print("depth   plain He    with BN    with BN and skips     1.211^(depth - 1)")
ratio = {}
for depth in (10, 30, 50):
    start = deep_weights(depth, 256, "he fan_in", inputs=64, seed=SEED)
    normed = trace(start, pixels, "relu", batch_norm=True)
    through = trace(start[1:], normed.outputs[1], "relu", batch_norm=True, skip=True)
    plain = trace(start, pixels, "relu")
    ratio[depth] = [(t.gradient[1] / t.gradient[-1]).item() for t in (plain, normed)]
    ratio[depth].append((through.gradient[0] / through.gradient[-1]).item())
    print(
        f"{depth:5d} {ratio[depth][0]:10.2f} {ratio[depth][1]:10.0f} {ratio[depth][2]:14.1f} {batch_norm_relu_growth() ** (depth - 1):22.0f}"
    )
assert 2 < ratio[10][1] < 20 < ratio[30][1] < 1000 < ratio[50][1]
assert all(0.3 < ratio[depth][0] < 3 for depth in ratio)
assert ratio[50][2] < 30

# %% [markdown]
# It **explodes**, about 9,000-fold over 50 layers, and the same network *without* BN, at He's start, is level. The growth is a law, and you have all you need to derive it. At the start, in a wide layer:
#
# 1. BN makes the pre-activations standard normal: mean 0, variance 1.
# 2. The ReLU leaves mean square $\tfrac12$, by (4.42). But its outputs are positive, with mean $1/\sqrt{2\pi}$, so their *variance* is only $\tfrac12 - \tfrac1{2\pi}$.
# 3. The next pre-activation is a weighted sum. Over the batch it varies only by the varying part of its inputs: its variance is $n\sigma^2(\tfrac12 - \tfrac1{2\pi})$. BN divides by the root of that. So does the gradient on its way back.
# 4. The rest of the way back multiplies the mean square by $n\sigma^2$ (weights) and by $\tfrac12$ (ReLU). Together, for each layer:
#
# $$ \frac{\operatorname{E}[\delta_{l-1}^2]}{\operatorname{E}[\delta_l^2]} = \frac{\tfrac12\, n\sigma^2}{n\sigma^2\big(\tfrac12 - \tfrac{1}{2\pi}\big)} = \frac{\pi}{\pi - 1} \approx 1.467,
#    \qquad\text{so each length grows by } \sqrt{1.467} = 1.211 . \tag{4.52} $$
#
# The weights cancel: **no initialisation can prevent it**. BN removes the mean of the signal, the part that all examples share, and blows up the rest again. ([Yang et al., 2019](../book/references.md#yang-2019) derive the same rate with the means of statistical physics.) Two facts limit the damage. At a depth of ten the factor is 6, harmless. And around a *skip connection*
# the gradient has a way that passes no layer, which is why the residual networks on that lecture's slide train. The skips do it, not BN alone.
#
# <span id="c082"></span>Does this matter for training? One lecture says that a well-chosen start works up to about 20 layers but not deeper. Train the three kinds at three depths, 150 steps each:


# %% tags=["band-depth"]
class SkipLayer(nn.Module):
    """x + ReLU(BN(Wx)): a layer that its input can go around."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())

    def forward(self, x):
        return x + self.inner(x)


def deep_net(kind, depth, width=64):
    if kind == "skip":
        skips = [SkipLayer(width) for _ in range(depth - 1)]
        return he_start(nn.Sequential(nn.Flatten(), nn.Linear(64, width), *skips, nn.Linear(width, 10)))
    return he_start(deep_mlp(depth, width, norm=nn.BatchNorm1d if kind == "bn" else None))


depth_result = {}
for kind in ("plain", "bn", "skip"):
    for depth in (10, 30, 50):
        losses = train(deep_net(kind, depth), steps=150, lr=0.03)
        depth_result[f"{kind}_{depth}"] = sum(losses[-20:]) / 20

# %% mystnb={"image": {"alt": "Training loss after 150 steps for depths 10, 30 and 50 as bands of 20 seeds. Plain: 0.4 at depth 10, near 2 at 30, 2.3 at 50. Batch norm: 0.5 at 10, 1.5 at 30, above 2 at 50. With batch norm and skips: medians below 1 at every depth, with a long tail of unlucky seeds at 50."}}
figure, axes = plt.subplots(figsize=(7, 3.4))
names = {"plain": "plain, He", "bn": "with BN", "skip": "BN and skips"}
row = 0
for kind, color in zip(("skip", "bn", "plain"), ("green", "blue", "vermillion")):
    for depth in (50, 30, 10):
        found = band("04b_signals.depth", f"{kind}_{depth}")
        plotting.seed_band(
            axes, found, depth_result[f"{kind}_{depth}"], f"{names[kind]}, {depth} layers", y=row, color=COLORS[color]
        )
        row += 1
axes.axvline(math.log(10), color=COLORS["ink"], linestyle=":", linewidth=1)
axes.text(math.log(10) + 0.02, row - 0.6, "guessing", fontsize=8)
axes.set(xlabel="training loss after 150 steps (bands: 20 seeds; diamonds: your run)", xlim=(0, 3.3))
plt.show()
deep = {key: band("04b_signals.depth", key) for key in depth_result}
for key, value in depth_result.items():
    assert deep[key].contains(value, slack=0.25), key
assert deep["plain_10"].maximum < deep["plain_30"].minimum
assert deep["plain_50"].minimum > 1.9
assert deep["bn_50"].minimum > 1.8
assert deep["skip_50"].median < 1 < deep["skip_50"].maximum

# %% [markdown]
# At 10 layers all three train. At 30 the plain network has hardly begun, and BN helps, some. At 50 both fail on every seed, and the network with skips learns on most: a handful of its seeds start badly, since its signal *grows* with every added layer and the rate suits it less and less. So the lecture's "up to about 20 layers" has the right order of magnitude here. Note *why* it is not the scale: He's start keeps 50 layers level, as you saw. The signal arrives in full size
# but says less and less: after dozens of random ReLU layers all digits look alike. (The learning rate, 0.03, is the same for all nine networks.)
#
# ## Why does it help?
#
# <span id="c092"></span>The inventors' explanation is in the title of their paper: the distribution of every layer's inputs changes while the layers below learn, the [internal covariate shift](../book/glossary.md#internal-covariate-shift), and BN holds it still. <span id="c093"></span>Their
# figure, which the lecture shows, comes from MNIST: three layers of 100 sigmoids, with and without BN. BN learns faster, ends higher, and the percentiles 15, 50 and 85 of a sigmoid's input are steadier.
#
# Repeat it on our digits, and add a third network that was thought of later ([Santurkar et al., 2018](../book/references.md#santurkar-2018)): BN, and right behind it a shift and a gain *drawn anew in every step*. Its layers see a distribution that jumps all the time.
#
# > **Predict.** If steadiness is what helps, where must the disturbed network end: near BN or near plain?


# %% tags=["band-shift"]
class Disturbed(nn.Module):
    """Batch normalisation, and after it a shift and a gain for each unit that are drawn anew in every step."""

    def __init__(self, width):
        super().__init__()
        self.norm, self.width = nn.BatchNorm1d(width), width

    def forward(self, x):
        x = self.norm(x)
        if self.training:
            gain, shift = (2 * torch.rand(2, self.width) - 1).unbind()
            x = x * torch.exp(0.7 * gain) + shift
        return x


shift_result, shift_curves, shift_tracks = {}, {}, {}
for name, norm in (("plain", None), ("bn", nn.BatchNorm1d), ("disturbed", Disturbed)):
    torch.manual_seed(SEED)
    model = deep_mlp(depth=3, width=100, norm=norm, activation=nn.Sigmoid)
    initialise(model, "gaussian 0.1", generator=torch.Generator().manual_seed(SEED))
    last_sigmoid = [layer for layer in model if isinstance(layer, nn.Sigmoid)][-1]
    seen, tracks, curve = [], [], []
    hook = last_sigmoid.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))

    def watch(step):
        if step % 10 == 0:  # what the last sigmoids received in ten steps: 600 values for each unit
            quantiles = torch.tensor([0.15, 0.5, 0.85])
            tracks.append(torch.quantile(torch.cat(seen[-10:]), quantiles, dim=0))  # (3, units)
            seen.clear()
        if step % 50 == 0:
            curve.append(accuracy(model))
            seen.clear()

    train(model, steps=400, lr=0.5, batch=60, after_step=watch)
    hook.remove()
    tracks = torch.stack(tracks)  # (recordings, 3, units)
    spread = (tracks[:, 2] - tracks[:, 0]).mean(dim=0)
    movement = tracks[:, 1].diff(dim=0).abs().mean(dim=0)
    shift_result[f"{name}_accuracy_100"], shift_result[f"{name}_accuracy_400"] = curve[1], curve[-1]
    shift_result[f"{name}_movement"] = (movement / spread).mean().item()
    shift_result[f"{name}_travel"] = ((tracks[:, 1].amax(dim=0) - tracks[:, 1].amin(dim=0)) / spread).mean().item()
    shift_curves[name], shift_tracks[name] = curve, tracks[:, :, 0]

# %% mystnb={"image": {"alt": "Left: accuracy over 400 steps. BN and disturbed BN are above 90 percent after 50 steps, plain stays at 10 percent for more than 100 steps and reaches about 90 percent at the end. Right: three panels of percentile bands of one sigmoid's input: plain wanders and widens, BN lies still, disturbed BN jitters up and down."}}
SHOWN = {"plain": "vermillion", "bn": "blue", "disturbed": "green"}
figure, panels = plt.subplots(1, 4, figsize=(7, 2.7), width_ratios=[1.5, 1, 1, 1])
for (name, curve), style in zip(shift_curves.items(), ("-", "-", "--")):
    panels[0].plot(range(50, 401, 50), curve, style, marker="o", markersize=3, color=COLORS[SHOWN[name]], label=name)
panels[0].set(xlabel="step", title="accuracy", ylim=(0, 1.03))
panels[0].legend(loc="lower right")
for axes, (name, track) in zip(panels[1:], shift_tracks.items()):
    percentile_tracks(axes, range(10, 401, 10), track, color=COLORS[SHOWN[name]])
    axes.set(title=name, xlabel="step", ylim=(-5, 5))
plt.show()
told = {key: band("04b_signals.shift", key) for key in shift_result}
for key, value in shift_result.items():
    assert told[key].contains(value, slack=0.1), key
print("medians of 20 seeds      accuracy: 100 steps  400 steps   median moves in 10 steps   in all (unit: the spread)")
for name in SHOWN:
    print(
        f"{name:24s} {told[f'{name}_accuracy_100'].median:18.2f} {told[f'{name}_accuracy_400'].median:10.2f} {told[f'{name}_movement'].median:18.3f} {told[f'{name}_travel'].median:15.2f}"
    )
assert told["bn_accuracy_100"].minimum > told["plain_accuracy_100"].maximum
assert told["bn_accuracy_400"].median > told["plain_accuracy_400"].median
assert told["bn_movement"].maximum < told["plain_movement"].minimum
assert told["disturbed_movement"].minimum > 2 * told["bn_movement"].maximum
assert told["disturbed_accuracy_100"].minimum > told["plain_accuracy_100"].maximum
assert abs(told["disturbed_accuracy_400"].median - told["bn_accuracy_400"].median) < 0.02

# %% [markdown]
# The lecture's three observations come back on our digits: faster, higher after the same 400 steps, steadier. ([On MNIST itself](#at-scale), with more steps, "higher" depends on the learning rate.) But the disturbed network settles the *explanation*. Its inputs jump from step to step more than three times as much as with BN, as much as the plain network's, and it learns just as well as BN. So steadiness of
# the distribution is not what helps. What then? Part of the answer stands above: the scale is right at every layer from the first step, each unit's sigmoid works where it has a slope, and (4.51) regulates the step. Santurkar et al. show in addition that the loss becomes *smoother*: the gradient here says more about the loss one step
# away.
#
# ## The tips
#
# One lecture closes its slide on BN with advice, taken from the paper: once you have BN, *increase the learning rate, remove dropout, reduce the L2 penalty, let the rate decay faster, remove local response normalisation, shuffle more thoroughly.*
# Six tips, and on the slide no number. Toggle them. A small convolutional network with BN starts from settings "before": rate 0.005, dropout 0.5, L2 0.005, no decay, LRN after each convolution, the same batches in every epoch. Each tip alone is *added to* these, and each
# alone is *taken back* from the full set. Four epochs each.
#
# > **Predict.** Which tip matters most? Which one hurts on its own? Which do nothing?

# %% tags=["band-tips"]
BEFORE = {"lr": 0.005, "dropout": 0.5, "l2": 5e-3, "decay": 1.0, "lrn": True, "reshuffle": False}
TIPS = {
    "higher rate": {"lr": 0.05},
    "no dropout": {"dropout": 0.0},
    "weaker L2": {"l2": 5e-4},
    "faster decay": {"decay": 0.6},
    "no LRN": {"lrn": False},
    "better shuffling": {"reshuffle": True},
}
AFTER = {key: value for change in TIPS.values() for key, value in change.items()}


def small_convnet(dropout, lrn):
    layers, channels = [], 1
    for width in (8, 16):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)] if lrn else []
        layers += [nn.MaxPool2d(2)]
        channels = width
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()]
    return he_start(nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(64, 10)))


def four_epochs(lr, dropout, l2, decay, lrn, reshuffle):
    torch.manual_seed(SEED)
    model = small_convnet(dropout, lrn)
    optimiser = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=l2)
    draw = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(x_train), generator=draw)
    for _ in range(4):
        order = torch.randperm(len(x_train), generator=draw) if reshuffle else order
        for rows in order.split(64)[:-1]:  # the last, small batch is left out
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        optimiser.param_groups[0]["lr"] *= decay
    return accuracy(model)


tips_result = {"before": four_epochs(**BEFORE), "after": four_epochs(**AFTER)}
for tip, change in TIPS.items():
    undone = {key: BEFORE[key] for key in change}
    tips_result[f"only {tip}"] = four_epochs(**{**BEFORE, **change}) - tips_result["before"]
    tips_result[f"all but {tip}"] = tips_result["after"] - four_epochs(**{**AFTER, **undone})

# %% mystnb={"image": {"alt": "Two panels of dots, one dot a seed. Left, each tip alone: higher rate and no dropout gain about 20 percentage points, faster decay loses about 16, weaker L2 and no LRN are at 0, shuffling scatters around 0. Right, what each adds to the rest: higher rate about 14, no dropout about 9 points, the others within one point of 0."}}
tips_record = load_record("04b_signals.tips")["metrics"]
figure, panels = plt.subplots(1, 2, figsize=(7, 3.0), sharey=True)
for axes, kind, title in zip(
    panels, ("only", "all but"), ("alone, added to the old settings", "added last, to all others")
):
    effects = {tip: 100 * np.array(tips_record[f"{kind} {tip}"]) for tip in TIPS}
    effect_rows(
        axes, effects, {tip: 100 * tips_result[f"{kind} {tip}"] for tip in TIPS}, unit="effect (percentage points)"
    )
    axes.set_title(title)
plt.show()
tip_bands = {key: band("04b_signals.tips", key) for key in tips_result}
for key, value in tips_result.items():
    assert tip_bands[key].contains(value, slack=0.08), key
print(
    f"old settings {tip_bands['before'].median:.2f}, all six tips {tip_bands['after'].median:.2f} (medians of 20 seeds)"
)
print("tip                 alone (seeds that gain)    on top of the others (seeds that gain)")
for tip in TIPS:
    alone, last = np.array(tips_record[f"only {tip}"]), np.array(tips_record[f"all but {tip}"])
    print(
        f"{tip:18s} {100 * np.median(alone):+7.1f}  {(alone > 0).sum():6d} of 20 {100 * np.median(last):+14.1f} {(last > 0).sum():6d} of 20"
    )
assert tip_bands["after"].minimum > tip_bands["before"].maximum
assert min(tip_bands["only higher rate"].minimum, tip_bands["all but higher rate"].minimum) > 0
assert min(tip_bands["only no dropout"].minimum, tip_bands["all but no dropout"].minimum) > 0
assert tip_bands["only faster decay"].maximum < 0
assert abs(tip_bands["only no LRN"].median) < 0.01

# %% [markdown]
# The two large effects are the rate and the dropout, in either order, on every seed. Faster decay on its own *hurts*: it is advice for those who have raised the rate. The other three are within the noise of this small experiment. LRN does nothing next to BN, and [you will see why](#c099). So the list is good as a whole, as a recipe for *short* training;
# it is not six independent truths.
#
# <span id="c091"></span>**Before or after the activation?** Three lectures place BN after the linear layer and before the activation; one adds that it can go anywhere. Both orders build and train:

# %% tags=["band-order"]
order_result = {}
for place, settings in (
    ("none", {}),
    ("before", {"norm": nn.BatchNorm1d}),
    ("after", {"norm": nn.BatchNorm1d, "norm_last": True}),
):
    torch.manual_seed(SEED)
    model = he_start(deep_mlp(depth=3, width=100, **settings))
    train(model, steps=200, lr=0.05)
    order_result[place] = accuracy(model)

# %% tags=["hide-input"]
places_found = {key: band("04b_signals.order", key) for key in order_result}
for key, found in places_found.items():
    print(
        f"BN {key:7s} the activation: median {found.median:.3f}, {found.minimum:.3f} to {found.maximum:.3f}; you {order_result[key]:.3f}"
    )
    assert found.contains(order_result[key], slack=0.02), key
apart = abs(places_found["before"].median - places_found["after"].median)
assert apart < 0.02
assert max(places_found["before"].minimum, places_found["after"].minimum) < min(
    places_found["before"].maximum, places_found["after"].maximum
)

# %% [markdown]
# The bands overlap: a convention, not a law, at this size. (The two are different functions, though. Placed after a ReLU, BN feeds the next layer with mean 0.)
#
# <span id="c104"></span>**Is dropout rarely needed with BN?** That is the lecture's wording. Four comparisons: with and without BN, trained on 100 digits and on all 1,297. What does dropout 0.5 gain? (Dropout, from [chapter 04](04_training.ipynb), switches off half of the units at random in each step.)

# %% tags=["band-dropout"]
dropout_result = {}
for examples in (100, len(x_train)):
    for norm_name, norm in (("plain", None), ("bn", nn.BatchNorm1d)):
        found = {}
        for dropout in (0.0, 0.5):
            torch.manual_seed(SEED)
            model = he_start(deep_mlp(depth=2, width=200, norm=norm, dropout=dropout))
            train(model, steps=300, lr=0.1, among=examples)
            found[dropout] = accuracy(model)
        dropout_result[f"{norm_name}_{examples}"] = found[0.0]
        dropout_result[f"{norm_name}_{examples}_gain"] = found[0.5] - found[0.0]

# %% mystnb={"image": {"alt": "Four rows of dots, one a seed: the gain from dropout 0.5 in percentage points. With 100 digits it is mostly above 0, both without and with batch norm. With 1297 digits it is mostly below 0 for both."}}
dropout_record = load_record("04b_signals.dropout")["metrics"]
ROWS = {
    f"{label}, {n} digits": f"{kind}_{n}_gain"
    for n in (100, 1297)
    for kind, label in (("plain", "plain"), ("bn", "with BN"))
}
figure, axes = plt.subplots(figsize=(7, 2.4))
effect_rows(
    axes,
    {row: 100 * np.array(dropout_record[key]) for row, key in ROWS.items()},
    {row: 100 * dropout_result[key] for row, key in ROWS.items()},
    unit="gain from dropout 0.5 (percentage points)",
)
plt.show()
gains = {key: band("04b_signals.dropout", key) for key in ROWS.values()}
for row, key in ROWS.items():
    values = np.array(dropout_record[key])
    print(f"{row:22s} median {100 * np.median(values):+.1f}, better in {(values > 0).sum()} of {len(values)} seeds")
    assert gains[key].contains(dropout_result[key], slack=0.02)
for examples, best in ((100, +1), (len(x_train), -1)):
    for kind in ("plain", "bn"):
        values = np.array(dropout_record[f"{kind}_{examples}_gain"])
        assert best * np.median(values) > 0
        assert (best * values > 0).sum() >= 14

# %% [markdown]
# With all digits dropout costs accuracy, with BN and without. With 100 digits it helps a little, with BN and without, on most seeds. What decides is **how many examples there are**, not whether there is BN. The noise of BN did not replace the
# noise of dropout here. So the advice is good wherever data are plenty, which is where the lecture's networks live; as a statement about BN it is imprecise.

# %% [markdown]
# ## Weight normalisation: the same split without a batch
#
# BN separated direction and magnitude as a side effect, and paid with a dependence on the batch. [Salimans and Kingma (2016)](../book/references.md#salimans-kingma-2016) do it openly: learn a direction $v$ and a length $g$ for each unit, and
# compute the weights from them. This is [weight normalisation](../book/glossary.md#weight-normalisation).
#
# $$ w = \frac{g}{\lVert v \rVert}\, v, \qquad \lVert w \rVert = |g| . \tag{4.53} $$
#
# The gradient, with $u = v/\lVert v\rVert$: moving $v$ along itself changes nothing, so only the part of $\nabla_w L$ across $u$ counts, and it counts $g/\lVert v\rVert$-fold. The part along $u$ belongs to the length.
#
# $$ \nabla_g L = u^\top \nabla_w L, \qquad \nabla_v L = \frac{g}{\lVert v \rVert}\Big( \nabla_w L - (u^\top \nabla_w L)\, u \Big) \;\perp\; v . \tag{4.54} $$
#
# Compare it with the gradient of BN, (4.49): the same "remove the part along". Here nothing is removed for the mean.

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.weight_norm import weight_norm, weight_norm_backward

v = torch.randn(6, 10, generator=draw_bn, dtype=torch.float64)
g = torch.rand(6, generator=draw_bn, dtype=torch.float64) + 0.5
dw = torch.randn(6, 10, generator=draw_bn, dtype=torch.float64)
w = weight_norm(v, g)
dv, dg = weight_norm_backward(dw, v, g)
theirs = nn.utils.parametrizations.weight_norm(nn.Linear(10, 6, bias=False).double())
with torch.no_grad():
    theirs.parametrizations.weight.original0.copy_(g[:, None])
    theirs.parametrizations.weight.original1.copy_(v)
(theirs.weight * dw).sum().backward()
print("weights equal the library's:  ", torch.allclose(w, theirs.weight))
print(
    "gradients equal the library's:",
    torch.allclose(dv, theirs.parametrizations.weight.original1.grad)
    and torch.allclose(dg[:, None], theirs.parametrizations.weight.original0.grad),
)
print(
    f"dv perpendicular to v: {(dv * v).sum(dim=1).abs().max().item() < 1e-12}; lengths are g: {torch.allclose(w.norm(dim=1), g)}"
)
assert torch.allclose(w, theirs.weight)
assert torch.allclose(dv, theirs.parametrizations.weight.original1.grad)
assert (dv * v).sum(dim=1).abs().max() < 1e-12
assert torch.allclose(w.norm(dim=1), g)

# %% [markdown]
# <span id="c090"></span>"To a similar effect", says the lecture. Similar in one thing: the split, and the weights that grow until the step fits. Different in two: weight normalisation does not standardise what comes out, and it adds no noise.
#
# > **Predict.** Digits through one layer of 100 units with $g = 1$, once with WN and once with BN. What are mean and deviation of each unit's pre-activation?

# %% tags=["nbval-check-output"]
direction = torch.randn(100, 64, generator=draw_bn, dtype=torch.float64)
all_digits = x_train.flatten(1).double()
wn_out = all_digits @ weight_norm(direction, torch.ones(100, dtype=torch.float64)).T
bn_out = batch_norm(all_digits @ direction.T, 1.0, 0.0)
for name, out in (("WN", wn_out), ("BN", bn_out)):
    print(
        f"{name}: means {out.mean(dim=0).min().item() + 0:5.2f} to {out.mean(dim=0).max().item():4.2f}, deviations {out.std(dim=0).min().item():.2f} to {out.std(dim=0).max().item():.2f}"
    )
alone = all_digits[:1] @ weight_norm(direction, torch.ones(100, dtype=torch.float64)).T
print("WN, one digit alone: same output as in the batch:", torch.allclose(alone[0], wn_out[0]))
assert wn_out.mean(dim=0).abs().max() > 1
assert wn_out.std(dim=0).max() > 1.5 * wn_out.std(dim=0).min()
assert bn_out.mean(dim=0).abs().max() < 1e-9
assert torch.allclose(alone[0], wn_out[0])

# %% [markdown]
# What you gain: it works on a batch of *one*, in training too, where BN refuses. Train three layers on one digit at a time:

# %% tags=["band-weight_norm"]
from course_utils.scratch.normalisation.weight_norm import WeightNormLinear

torch.manual_seed(SEED)
one_by_one = nn.Sequential(
    nn.Flatten(), WeightNormLinear(64, 100), nn.ReLU(), WeightNormLinear(100, 100), nn.ReLU(), WeightNormLinear(100, 10)
)
train(one_by_one, steps=1500, lr=0.01, batch=1)
weight_norm_result = {"accuracy": accuracy(one_by_one)}

# %% tags=["hide-input"]
print(
    f"weight norm, one digit a step: accuracy {weight_norm_result['accuracy']:.3f}; {band('04b_signals.weight_norm', 'accuracy')}"
)
assert band("04b_signals.weight_norm", "accuracy").contains(weight_norm_result["accuracy"], slack=0.03)
assert band("04b_signals.weight_norm", "accuracy").minimum > 0.85
try:
    deep_mlp(depth=1, width=8, norm=nn.BatchNorm1d)(x_train[:1])
except ValueError as error:
    print("batch norm, one digit a step: ValueError:", str(error).split(",")[0])

# %% [markdown]
# ## Local response normalisation
#
# AlexNet, three years before BN, held its signals in check in another way. At each place, a value is divided by something that grows with the squares of the neighbouring *maps* at the same place. With $l$ the map, and $\operatorname{adj}(l, n)$ the $n$ maps around it, itself included:
#
# $$ \operatorname{LRN}(a^{(l)}) = a^{(l)} \Big( k + \alpha \sum_{j \in \operatorname{adj}(l,n)} (a^{(j)})^2 \Big)^{-\beta}, \qquad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = \tfrac34 . \tag{4.55} $$
#
# (Again new meanings: $\alpha$ and $\beta$ are fixed settings, nothing is learned.) It is modelled on nerve cells that inhibit their neighbours: a strong response pushes the maps beside it down.
#
# <span id="c099"></span>The lecture's formula is that of the [AlexNet paper](../book/references.md#krizhevsky-2012). PyTorch has a layer for it, and a trap: PyTorch takes the **mean** of the $n$ squares instead of the sum. So its `alpha` must be $n$ times larger for the same result.

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.local_response import local_response_norm, local_response_norm_loop

strong_maps = 40 * torch.rand(2, 12, 4, 4, generator=draw_bn, dtype=torch.float64)
by_formula = local_response_norm(strong_maps, n=5, k=2, alpha=1e-4, beta=0.75)
same_alpha = F.local_response_norm(strong_maps, 5, alpha=1e-4, beta=0.75, k=2)
n_times = F.local_response_norm(strong_maps, 5, alpha=5e-4, beta=0.75, k=2)
print("equals the loops:                       ", torch.allclose(by_formula, local_response_norm_loop(strong_maps)))
print("equals the library with alpha = 1e-4:    ", torch.allclose(by_formula, same_alpha))
print("equals the library with alpha = 5 * 1e-4:", torch.allclose(by_formula, n_times))
assert torch.allclose(by_formula, n_times)
assert not torch.allclose(by_formula, same_alpha)
assert torch.allclose(by_formula, local_response_norm_loop(strong_maps))

# %% [markdown]
# Now put typical numbers in. With inputs of mean 0 and variance 1 and a good start, activations are about 1. Then the sum is about 5, times $10^{-4}$: the bracket is 2.0005. Its power is $2^{-0.75} = 0.595$, whatever the neighbours do.
#
# > **Predict.** So on standardised data, LRN with the lecture's constants is the same as ... what? And in AlexNet, whose inputs were pixel values up to 255?

# %% tags=["hide-input"] mystnb={"image": {"alt": "What local response normalisation multiplies a value by, against the size of the activations from 0.1 to 1000 on a log axis. For sizes up to 10 the lecture's constants give a flat line at 0.595. Only around 30 and more it bends down. With alpha 0.1 and k = 1 it bends down from size 1 on."}}
sizes = np.logspace(-1, 3, 100)
figure, axes = plt.subplots(figsize=(7, 2.6))
for (label, k, alpha), color in zip(
    (("lecture: k = 2, α = 0.0001", 2, 1e-4), ("strong: k = 1, α = 0.1", 1, 0.1)), ("blue", "vermillion")
):
    axes.plot(sizes, (k + alpha * 5 * sizes**2) ** -0.75, color=COLORS[color], label=label)
axes.axhline(2**-0.75, color=COLORS["ink"], linestyle=":", linewidth=1)
axes.text(400, 2**-0.75 + 0.02, r"$2^{-3/4}$", fontsize=9)
axes.set(
    xscale="log",
    xlabel="size of the activations in the window",
    ylabel="factor",
    title="LRN multiplies by",
    ylim=(0, 1.05),
)
axes.legend(loc="upper right", bbox_to_anchor=(0.8, 1))
plt.show()

# %% [markdown]
# <span id="c100"></span>Keep this in mind for the next two statements, from one and the same lecture: LRN "improves generalization" (AlexNet), and "does not improve" (VGG). Toggle it in a small convolutional network. Four versions: without; with the lecture's constants; with nothing but a
# **multiplication by 0.595** in its place; and a strong one that really acts at our sizes. Two learning rates.


# %% tags=["band-lrn"]
def convnet_with(normaliser, lr, epochs=6):
    torch.manual_seed(SEED)
    layers, channels = [], 1
    for width in (8, 16):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), *normaliser(), nn.MaxPool2d(2)]
        channels = width
    model = he_start(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 10)))
    optimiser = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    draw = torch.Generator().manual_seed(SEED)
    for _ in range(epochs):
        for rows in torch.randperm(len(x_train), generator=draw).split(64):
            loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        optimiser.param_groups[0]["lr"] *= 0.8
    return accuracy(model)


class Gain(nn.Module):
    """Multiply by 2 ** -0.75: all that the bracket (2 + nearly nothing) ** -0.75 does to small numbers."""

    def forward(self, x):
        return x * 2**-0.75


NORMALISERS = {
    "none": lambda: [],
    "lecture": lambda: [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)],  # the library divides alpha by 5
    "gain": lambda: [Gain()],
    "strong": lambda: [nn.LocalResponseNorm(5, alpha=0.5, beta=0.75, k=1.0)],
}
lrn_result = {}
for lr in (0.02, 0.1):
    for name, normaliser in NORMALISERS.items():
        lrn_result[f"{name}_{lr}"] = convnet_with(normaliser, lr)

# %% mystnb={"image": {"alt": "Eight bands of 20 seeds of accuracy. At rate 0.02, no LRN is best and the three others are a few points lower. At rate 0.1 no LRN is lowest or equal, and the others are a point or two higher. The bands of LRN with the lecture's constants and of the plain factor 0.595 coincide at both rates."}}
lrn_record = {key: np.array(values) for key, values in load_record("04b_signals.lrn")["metrics"].items()}
figure, axes = plt.subplots(figsize=(7, 3.2))
labels = {"none": "no LRN", "lecture": "LRN, lecture's constants", "gain": "× 0.595", "strong": "LRN, strong"}
row = 0
for lr, color in ((0.1, "vermillion"), (0.02, "blue")):
    for name in reversed(labels):
        found = band("04b_signals.lrn", f"{name}_{lr}")
        plotting.seed_band(
            axes, found, lrn_result[f"{name}_{lr}"], f"rate {lr}: {labels[name]}", y=row, color=COLORS[color]
        )
        row += 1
axes.set(xlabel="accuracy on new digits")
plt.show()
for key, value in lrn_result.items():
    assert band("04b_signals.lrn", key).contains(value, slack=0.04), key
for lr in (0.02, 0.1):
    against_none = lrn_record[f"lecture_{lr}"] - lrn_record[f"none_{lr}"]
    against_gain = lrn_record[f"lecture_{lr}"] - lrn_record[f"gain_{lr}"]
    print(
        f"rate {lr}: LRN minus none {100 * np.median(against_none):+.1f} points (better in {(against_none > 0).sum()} of 20 seeds); "
        f"LRN minus factor {100 * np.median(against_gain):+.1f} (at most {100 * np.abs(against_gain).max():.1f})"
    )
    assert np.median(against_gain) == 0
    assert np.abs(against_gain).max() < 0.02
assert np.median(lrn_record["lecture_0.02"] - lrn_record["none_0.02"]) < -0.01
assert np.median(lrn_record["lecture_0.1"] - lrn_record["none_0.1"]) > 0.01

# %% [markdown]
# There is the whole dispute in one figure. LRN with the published constants "improves" at one learning rate and "harms" at the other. And both times a constant factor of 0.595 does *exactly* the same. Two such factors shrink the signal and the gradients, which is a lower learning rate in disguise: too low at 0.02, welcome at 0.1.
# Nothing here is generalisation. So both statements of the lecture can be true of the networks that they were measured on, and neither is a law. (In front of BN even the factor vanishes, by (4.51). That is why the tip "remove LRN" did nothing above.)
#
# ## Local contrast normalisation
#
# The oldest of the family needs no training at all, and you [met it](00b_features.ipynb#c101) as a step of a hand-made pipeline. Each value is compared with its *neighbourhood* $N$ in space and across maps:
#
# $$ h' = \frac{h - m_N}{\sqrt{\sigma_N^2 + \epsilon}} . \tag{4.56} $$
#
# The lecture's formula has no $\epsilon$. [Chapter 00b](00b_features.ipynb#c101) showed what happens then on a flat patch: $0/0$. In words: *cut out the patch around a pixel, give it mean 0 and deviation 1, keep the middle.* That is a definition by slow loops; box sums do the same for all pixels at once.

# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.local_contrast import (
    local_contrast_norm,
    local_contrast_norm_loop,
    normalise_patches,
)

photo = data.photo("astronaut", size=64).double()[None] / 255  # (1, 3, 64, 64)
patches = F.unfold(photo, 5).transpose(1, 2)[0]  # (3600, 75): every 5 x 5 patch of all three channels
normalised = normalise_patches(patches, epsilon=1e-5)
middle = normalised.reshape(60, 60, 3, 25)[..., 12].permute(2, 0, 1)
sliding = local_contrast_norm(photo, size=5)
print("middle of each normalised patch = sliding version:", torch.allclose(middle, sliding[0, :, 2:-2, 2:-2]))
print(
    "= loops:",
    torch.allclose(local_contrast_norm(photo[..., :12, :12]), local_contrast_norm_loop(photo[..., :12, :12])),
)
print(
    f"patches: largest mean {normalised.mean(dim=1).abs().max().item():.0e}"
    if normalised.mean(dim=1).abs().max() > 1e-12
    else "patches: means 0,",
    end=" ",
)
lively = patches.var(dim=1, correction=0) > 1e-2
print(f"deviations of the lively ones {normalised[lively].std(dim=1, correction=0).min().item():.3f} to 1")
assert torch.allclose(middle, sliding[0, :, 2:-2, 2:-2])
assert normalised.mean(dim=1).abs().max() < 1e-12
assert normalised[lively].std(dim=1, correction=0).min() > 0.999

# %% [markdown]
# What is it good for? Light. Turn up the lamp (a gain) or add haze (an offset): mean and deviation follow, and both cancel, *locally*, so even a shadow over half of the picture goes.
#
# > **Predict.** The photo, with its left half in deep shadow. What remains of the shadow after the normalisation? And where is it still visible?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of a photo of an astronaut. Above: as it is, and with the left half four times darker and hazy. Below: both after local contrast normalisation; they look the same except for a thin vertical line in the middle, where the shadow begins."}}
shaded = photo.clone()
shaded[..., :32] = 0.25 * shaded[..., :32] + 0.3
figure, panels = plt.subplots(2, 2, figsize=(5.2, 5.2))
for column, (name, picture) in enumerate((("as it is", photo), ("left half in shadow and haze", shaded))):
    panels[0, column].imshow(picture[0].permute(1, 2, 0))
    panels[0, column].set_title(name, fontsize=10)
    panels[1, column].imshow(local_contrast_norm(picture, size=7)[0].mean(dim=0), cmap="gray", vmin=-2, vmax=2)
    panels[1, column].set_title("normalised", fontsize=10)
for axes in panels.flat:
    axes.set_axis_off()
plt.show()

# %% tags=["nbval-check-output"]
plain_lcn, shaded_lcn = (
    local_contrast_norm(photo, size=7, epsilon=1e-7),
    local_contrast_norm(shaded, size=7, epsilon=1e-7),
)
difference = (plain_lcn - shaded_lcn).abs()
inside, border = difference[..., :29].median().item(), difference[..., 29:35].median().item()
print(
    f"median difference: inside the shadow {inside:.3f}, at its edge {border:.2f}, in the light {difference[..., 35:].max().item():.3f}"
)
whole = (
    (local_contrast_norm(3 * photo + 7, epsilon=1e-9) - local_contrast_norm(photo, epsilon=1e-9)).abs().median().item()
)
flat = torch.full((1, 1, 9, 9), 0.7, dtype=torch.float64)
print(f"gain 3, offset 7 on the whole picture: changed by less than 1e-3: {whole < 1e-3}")
print(
    "a flat patch: without epsilon NaN:",
    bool(local_contrast_norm(flat, epsilon=0.0).isnan().any()),
    " with it: all 0:",
    bool((local_contrast_norm(flat) == 0).all()),
)
assert inside < 0.05 < border
assert difference[..., 35:].max() < 1e-6
assert whole < 1e-3
assert local_contrast_norm(flat, epsilon=0.0).isnan().any()
assert (local_contrast_norm(flat) == 0).all()

# %% [markdown]
# The $\epsilon$ has a price. It is measured in squared units of $h$, and sets where contrast ends and noise begins: too small, and the grain of a clear sky is blown up to full contrast; too large, and faint edges vanish. A gain then cancels only as long as the contrast stays well above $\sqrt\epsilon$. Exercise 6 draws the curve.
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
# | C082 | adapted scaling works up to about 20 layers, not deeper | true for plain nets here; but the reason is not the scale | [here](#c082) |
# | C083 | backprop multiplies weights; small ones vanish, large ones explode | true; the slopes stand in the product too | [here](#c083) |
# | C084 | $\gamma = \sqrt{\operatorname{Var}}$, $\beta = \operatorname{E}$ recover the identity | true; $\sqrt{\operatorname{Var}+\epsilon}$, and for that batch | [here](#c084) |
# | C085 | the algorithm of BN | true; the running variance is the unbiased one | [here](#c085) |
# | C086 | BN makes activations unit Gaussian at the beginning | imprecise: it fixes mean and variance, always, and no shape | [here](#c086) |
# | C087 | BN improves gradient flow | imprecise: at moderate depth; in plain nets gradients grow 1.21-fold a layer | [here](#c087) |
# | C088 | BN reduces the dependence on initialisation and allows higher rates | true | [here](#c088) |
# | C089 | BN separates direction and magnitude of weights | true | [here](#c089) |
# | C090 | normalising weights has a similar effect | imprecise: the split, yes; no standardised outputs, no noise | [here](#c090) |
# | C091 | BN usually sits before the activation, but can go anywhere | true | [here](#c091) |
# | C092 | BN is there against the changing distribution of activations | imprecise: the motive; a net with a disturbed distribution trains as well | [here](#c092) |
# | C093 | on MNIST: faster, higher, steadier percentiles | imprecise: faster and steadier; whether higher depends on rate and patience ([on MNIST](#at-scale)) | [here](#c093) |
# | C094 | BN needs batches and adds randomness, a regulariser | true in training; none in eval mode | [here](#c094) |
# | C095 | with BN one can initialise with $N(0, 0.01)$ | true forward; the scale becomes a hidden learning rate | [here](#c095) |
# | C096 | BN treats every neuron individually | imprecise: in convolutions every channel | [here](#c096) |
# | C097 | the mean subtraction cancels the previous bias | true | [here](#c097) |
# | C098 | BN solves the vanishing gradient problem | imprecise: gradients explode instead; the skips solve it | [here](#c098) |
# | C099 | the formula of LRN | true; the library needs $\alpha n$ | [here](#c099) |
# | C100 | LRN improves generalisation; VGG: it does not | imprecise: with these constants and standardised data it is a constant factor | [here](#c100) |
# | C104 | with BN dropout is rarely needed | imprecise: here the number of examples decides, with BN as without | [here](#c104) |
#
# (C101 to C103, on contrast and separability, are checked in [Features by hand](00b_features.ipynb#checked-claims).)
#
# ## Pitfalls
#
# **1. Forgetting `eval()`.** The model is trained, the test images come one class at a time, and the accuracy is a mystery:

# %%
torch.manual_seed(SEED)
forgetful = he_start(deep_mlp(depth=3, width=64, norm=nn.BatchNorm1d))
train(forgetful, steps=200, lr=0.1)
by_class = torch.argsort(y_test)  # a sorted test set: batches of one class
with torch.no_grad():
    in_training_mode = torch.cat([forgetful(x_test[rows]).argmax(dim=1) for rows in by_class.split(50)])
wrong_mode = (in_training_mode == y_test[by_class]).float().mean().item()
print(f"eval mode {accuracy(forgetful):.2f}; training mode, batches of one class {wrong_mode:.2f}")
assert accuracy(forgetful) > 0.9 > wrong_mode + 0.15

# %% [markdown]
# (And looking does damage: each of these forward passes moved the running statistics.)
#
# **2. Two things from one seed.** Two generators with the same seed give the same numbers. Data and weights that were drawn that way are no strangers to each other, and line 2 of the derivation of (4.41) breaks. It is easy to fall into:

# %% tags=["nbval-check-output"]
strangers = torch.randn(256, 256, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
twins = torch.randn(256, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
first_layer = deep_weights(1, 256, "xavier", seed=0)
for name, sample in (("different seeds", strangers), ("the same seed", twins)):
    print(
        f"{name:16s} linear layer by Xavier: RMS {trace(first_layer, sample, 'linear').activation[1].item():.2f}, should be 1"
    )
assert trace(first_layer, strangers, "linear").activation[1] < 1.05
assert trace(first_layer, twins, "linear").activation[1] > 1.3

# %% [markdown]
# **3. Variance into a function that wants the deviation.** `torch.randn(...) * 2 / n` instead of `* (2 / n) ** 0.5`. With $n = 256$ the factor for each layer is $\sqrt{2/256} = 0.09$ instead of 1:

# %% tags=["nbval-check-output"]
too_small = [w * (2 / w.shape[1]) for w in unit_draw]
size = trace(too_small, pixels, "relu").activation
print(f"after 10 layers {size[10].item():.0e}, after 30 {size[30].item():.0e}")
assert size[10] < 1e-9

# %% [markdown]
# **4. Tiny batches.** With two examples in a batch, $\hat x$ of each unit is $+1$ and $-1$, whatever the values were: all that survives is *which one is larger*.

# %% tags=["nbval-check-output"]
pair = torch.tensor([[0.1, 5.0], [0.2, -900.0]], dtype=torch.float64)
print(batch_norm(pair, 1.0, 0.0).round(decimals=2).tolist())
assert torch.allclose(batch_norm(pair, 1.0, 0.0).abs(), torch.ones(2, 2).double(), atol=0.01)

# %% [markdown]
# **5. The library's alpha.** `nn.LocalResponseNorm(5, alpha=1e-4)` is a fifth of what the paper says. See [above](#c099).
#
# **6. Weight decay on scale-free weights.** The L2 penalty in front of BN cannot make the function simpler, since the length does not matter. It shrinks the weights, and by (4.51) that *raises* the effective learning rate.
#
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
# **4. BN in eval mode, folded away** (twenty minutes). In eval mode BN is a fixed line for each channel. Fold it into the linear layer before it: give $W'$ and $b'$ such that $W'x + b'$ equals BN$(Wx + b)$. How many multiplications does it save?
#
# <details><summary>Hint</summary>
#
# Write the output as $\gamma (Wx + b - \mu_{\text{run}})/s + \beta$ and sort the terms.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
noisy_net.eval()
linear, norm = noisy_net[1], noisy_net[2]
factor_of_unit = norm.weight / torch.sqrt(norm.running_var + norm.eps)
folded = nn.Linear(64, 64)
with torch.no_grad():
    folded.weight.copy_(factor_of_unit[:, None] * linear.weight)
    folded.bias.copy_(factor_of_unit * (linear.bias - norm.running_mean) + norm.bias)
    rows = x_test.flatten(1)
    assert torch.allclose(folded(rows), norm(linear(rows)), atol=1e-4)
print("equal; BN disappears: one multiplication and one addition a unit saved, for nothing")

# %% [markdown]
# **5. The rate of another activation** (half an hour). Derive the growth factor (4.52) for BN followed by *no* activation at all, and for the sign-free $f(a) = |a|$. Check both with 30 layers.
#
# <details><summary>Hint</summary>
#
# The factor is (what the slope leaves of the mean square of the gradient) / (variance of the outputs). For $|a|$: the mean of $|a|$ is $\sqrt{2/\pi}$.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def growth_after_bn(function, depth=30, width=256):
    weights = deep_weights(depth, width, "xavier", inputs=64, seed=1)
    signal = pixels @ weights[0].T
    start = signal = signal.requires_grad_()
    for w in weights[1:]:
        signal = function(batch_norm(signal, 1.0, 0.0)) @ w.T
    signal = batch_norm(signal, 1.0, 0.0)
    push = torch.randn(signal.shape, generator=torch.Generator().manual_seed(77), dtype=torch.float64)
    middle = torch.autograd.grad((signal * push).sum(), start)[0].square().mean().sqrt().item()
    return (middle * start.std(correction=0).item()) ** (1 / (depth - 1))


expected = {"nothing": 1.0, "absolute value": (1 / (1 - 2 / math.pi)) ** 0.5}
for (name, want), function in zip(expected.items(), (lambda a: a, torch.abs)):
    print(f"{name:15s} derived {want:.3f} a layer, measured {growth_after_bn(function):.3f}")
    assert abs(growth_after_bn(function) - want) < 0.1 * want  # 256 units and 256 digits are not infinitely many

# %% [markdown]
# **6. Where contrast ends** (half an hour). Multiply the photo by gains from $10^{-4}$ to 1 and plot how much the output of local contrast normalisation shrinks, for $\epsilon = 10^{-7}, 10^{-5}, 10^{-3}$. At which gain is half of it left? Predict it from $\epsilon$ and the photo's local deviation first.
#
# <details><summary>Hint</summary>
#
# $\sigma/\sqrt{\sigma^2 + \epsilon} = \tfrac12$ at $\sigma = \sqrt{\epsilon/3}$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
local_deviation = patches.std(dim=1, correction=0).median().item()
full = local_contrast_norm(photo, epsilon=1e-12).abs().median().item()
for epsilon in (1e-7, 1e-5, 1e-3):
    gains_tried = np.logspace(-4, 0, 81)
    left_over = [
        local_contrast_norm(gain * photo, epsilon=epsilon).abs().median().item() / full for gain in gains_tried
    ]
    half = gains_tried[int(np.argmax(np.array(left_over) > 0.5))]
    print(
        f"epsilon {epsilon:.0e}: half is left at gain {half:.4f}, predicted {math.sqrt(epsilon / 3) / local_deviation:.4f}"
    )
    assert 0.4 < half / (math.sqrt(epsilon / 3) / local_deviation) < 2.5

# %% [markdown]
# **7. A start from data** (an evening). Instead of a formula, measure: send one batch through the freshly drawn network, layer by layer, and divide each layer's weights by the deviation of its pre-activations before going on ([Salimans and Kingma](../book/references.md#salimans-kingma-2016) start weight normalisation this way). Do it for 50 layers of sigmoid and of
# ReLU. Do the activations keep their scale? Do the *gradients*?
#
# <details><summary>Hint</summary>
#
# You fix only one of the two directions. What did (4.52) say about dividing by a deviation after a ReLU?
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
print("remove it too, and you have batch normalisation, with the growth of (4.52)")

# %% [markdown]
# ## At scale
#
# The experiment of the lecture's figure on the real [MNIST](../book/references.md#lecun-1998): three layers of 100 sigmoids, batches of 60, tested on 10,000 images. The record comes from `python -m tools.record_signals` (with `course data mnist` before it, if you do not have the files).

# %%
sigmoids = load_record("04b_signals.sigmoids")
on_mnist = {key: np.array(values) for key, values in sigmoids["metrics"].items()}
print("test accuracy, medians of", len(sigmoids["seeds"]), "seeds, after", *sigmoids["steps"], "steps")
for lr in sigmoids["rates"]:
    for kind in ("plain", "bn"):
        print(
            f"rate {lr}  {kind:6s}",
            *(f"{np.median(on_mnist[f'{kind}_{lr}_{step}']):.3f}" for step in sigmoids["steps"]),
        )
made_on = sigmoids["provenance"]
print(f"{made_on['processor']}, {made_on['date']}, commit {made_on['commit']}")
assert (on_mnist["bn_0.1_500"] > on_mnist["plain_0.1_500"] + 0.1).all()
assert (on_mnist["bn_0.5_500"] > on_mnist["plain_0.5_500"]).all()
assert (on_mnist["bn_0.5_2000"] < on_mnist["plain_0.5_2000"]).all()

# %% [markdown]
# *Faster*: yes, at both rates, on every seed, and by far at the small one. *Higher*: look at rate 0.5. After 2,000 steps the plain network has overtaken. (The rate is not too high
# for BN: it does better at 0.5 than at 0.1. The plain network has simply found its pace.) Ioffe and Szegedy trained 50,000 steps. So a single pair of curves, here or there, is not a law; ask for the rate and for how long.

# %% [markdown]
# ## Summary
#
# - Zero weights wait for each other for ever. Randomness breaks the symmetry.
# - A layer multiplies the mean square by $n_{\text{in}}\sigma^2$ forward and $n_{\text{out}}\sigma^2$ back; a ReLU halves both. Hence $2/n_{\text{in}}$ (He) and $2/(n_{\text{in}}+n_{\text{out}})$ (Xavier, without ReLU). These are variances.
# - A constant factor in every layer is a power after fifty. Slopes count as well as weights. Clipping limits the length of a gradient and keeps its direction.
# - Batch normalisation standardises each unit (each *channel* of maps) over the batch; backward it removes the mean and the part along $\hat x$. Train and eval are two functions; the running variance is the unbiased one.
# - Behind BN the length of the weights does not matter, except as a hidden learning rate. That is why it forgives bad starts and large rates.
# - It makes nothing Gaussian, and in deep plain nets gradients grow by 1.21 a layer. Skips cure that.
# - That it helps *because* distributions stay still is refuted by a network that jumps and learns as well.
# - Weight normalisation splits direction and length without a batch. LRN with its published constants is a constant factor on standardised data. LCN cancels light, and needs its $\epsilon$.
#
# ## Further reading
#
# - [Glorot and Bengio (2010)](../book/references.md#glorot-bengio-2010): why deep nets did not train, measured layer by layer.
# - [He et al. (2015)](../book/references.md#he-2015): the ReLU's factor 2, and 30 layers from scratch.
# - [Ioffe and Szegedy (2015)](../book/references.md#ioffe-szegedy-2015): read section 4.2.1 for the tips.
# - [Santurkar et al. (2018)](../book/references.md#santurkar-2018): the disturbed network.
# - [Yang et al. (2019)](../book/references.md#yang-2019): the growth of gradients under BN, in general.
# - [Pascanu et al. (2013)](../book/references.md#pascanu-2013): vanishing, exploding, clipping.
# - [Salimans and Kingma (2016)](../book/references.md#salimans-kingma-2016): weight normalisation.
#
# ## The next question
#
# Every unit so far sees every pixel, and has to learn a separate weight for each place. But an edge is an edge, wherever it lies. What if one small set of weights looked at all places in turn? → [chapter 05](05_convolution.ipynb), Convolution
