# %% [markdown]
# # Normalisation
#
# A good start holds a signal in shape until the first step. Then the weights move. In this chapter you build the layers that measure the signal in every step and set it right, find out what they really do, and what they are only said to do.
#
# **You will be able to**
#
# - write batch normalisation forward and backward by hand, for layers of units and for maps, and match PyTorch to the last digit;
# - tell batch, layer, instance and group normalisation apart by one question: who shares a mean with whom?
# - avoid the traps between training and testing;
# - say what batch normalisation does to the weights and to the gradients, and judge its usual explanations and tips, each measured over twenty seeds;
# - use weight, local response and local contrast normalisation, and avoid the trap in each.
#
# **You need** mean and variance, the chain rule, and the chapter [before this one](04b_signals.ipynb): what fifty layers do to a signal, and He's rule for the first weights.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import plotting
from course_utils.plotting import COLORS
from course_utils.plotting.depth import effect_rows, percentile_tracks, shared_statistics
from course_utils.runtime import band, load_record, seed_everything
from course_utils.scratch.initialisation.signal import deep_weights, trace
from course_utils.widgets import ImageNumbers, NormalisationAxes, WeightDials

plotting.use_style()
torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings, above all on a busy machine
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Units that wander off
#
# Take handwritten digits, five layers of 64 ReLUs with [He's rule](04b_signals.ipynb#the-factor-of-two), and train for 200 steps. Look at the 64 units of layer 4: over all digits, what is the mean of each unit's pre-activation, and what its standard deviation? Each unit is a dot.
#
# > **Predict.** The start is right: He's rule keeps the mean square level. Do all 64 dots lie in one place? And where are they 200 steps later?


# %% tags=["hide-input", "band-rates", "band-depth", "band-shift", "band-tips", "band-order", "band-dropout", "band-lrn", "band-weight_norm"]
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


def he_start(model, scale=1.0):
    return initialise(model, "he fan_in", scale=scale, generator=torch.Generator().manual_seed(SEED))


# %% tags=["hide-input"] mystnb={"image": {"alt": "Three scatter plots, one dot for each of 64 units: mean of the pre-activation against its deviation. Before training means spread from -2 to 2 at deviations near 0.7. After 200 steps means spread from -4 to 4 and deviations from 1 to 4. With batch normalisation after 200 steps all dots lie together at mean 0 and deviation 1."}}
places = {}
for name, norm, upto in (("plain", None, 8), ("with batch normalisation", nn.BatchNorm1d, 12)):
    net = he_start(deep_mlp(depth=5, width=64, norm=norm))
    for moment, steps in (("before training", 0), ("after 200 steps", 200)):
        if steps:
            train(net, steps=steps, lr=0.1)
        with torch.no_grad():
            a = net[:upto](x_train)  # (1297, 64): what the activation of layer 4 receives
        places[f"{name}, {moment}"] = a.mean(dim=0), a.std(dim=0)
figure, panels = plt.subplots(1, 3, figsize=(7, 2.6), sharex=True, sharey=True)
chosen = ("plain, before training", "plain, after 200 steps", "with batch normalisation, after 200 steps")
for axes, key, color in zip(panels, chosen, ("gray", "vermillion", "blue")):
    axes.scatter(*places[key], s=14, color=COLORS[color], alpha=0.7, linewidths=0)
    axes.set_title(key.replace(", ", ",\n").replace("batch normalisation", "batch norm"), fontsize=10)
    axes.set_xlabel("mean of a unit")
panels[0].set_ylabel("its deviation")
plt.show()
reach = {key: (mean.abs().max().item(), spread.max().item()) for key, (mean, spread) in places.items()}
for key in chosen:
    print(f"{key:42s} largest mean {reach[key][0]:.1f}, largest deviation {reach[key][1]:.1f}")
assert reach[chosen[1]][1] > 2 * reach[chosen[0]][1]
assert reach[chosen[2]][0] < 0.3
assert reach[chosen[2]][1] < 1.3

# %% [markdown]
# He's rule makes the *layer* right on average; each unit has its own mean from the start. Training spreads them further: some units are now on for every digit, others almost never. The third network did the same 200 steps with one more layer between each linear layer and its ReLU. That layer is the subject of this chapter.
#
# ## Batch normalisation: make it so
#
# One lecture puts the idea like this: *you want unit Gaussian
# activations? Just make them so.* Subtract the mean, divide by the standard deviation, inside the network, in every step. Over what? Over the batch.
#
# For one unit, with values $x_1 \dots x_m$ in a batch of $m$ examples ([Ioffe and Szegedy, 2015](../book/references.md#ioffe-szegedy-2015)):
#
# $$ \mu = \frac1m \sum_i x_i, \quad \sigma^2 = \frac1m \sum_i (x_i - \mu)^2, \quad
#    \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad y_i = \gamma\,\hat x_i + \beta . \tag{4.48} $$
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
# <span id="c097"></span>**The bias before it is dead.** Add 7 to every $x$: the mean grows by 7, and the subtraction takes it away. A bias in front of BN changes nothing, so its gradient is 0, up to rounding. Leave it out (`bias=False`); $\beta$ does its work.
#
# > **Predict.** Forget the $\epsilon$ and take $\gamma = \sqrt{\operatorname{Var}[x]}$. How far from the identity is the layer then: nothing, a hundred-thousandth, a tenth? And what does autograd report for the bias?

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
# would give one filter different scales at different places. So batch normalisation of maps shares one mean, one deviation, one $\gamma$ and one $\beta$ **for each channel**, over the batch *and* all positions.
#
# Once you see that the *set* of numbers that share a mean is a choice, other choices suggest themselves. Three of them need no batch at all:
#
# - **[layer normalisation](../book/glossary.md#layer-normalisation)** ([Ba et al., 2016](../book/references.md#ba-2016)): all channels and places of *one* example;
# - **[instance normalisation](../book/glossary.md#instance-normalisation)** ([Ulyanov et al., 2016](../book/references.md#ulyanov-2016)): one channel of one example, all places;
# - **[group normalisation](../book/glossary.md#group-normalisation)** ([Wu and He, 2018](../book/references.md#wu-he-2018)): a few channels of one example, between the two.
#
# They and the other normalisations of this chapter in one picture. Each table is a batch: 5 rows of examples, 4 channels of 4 pixels each. The marked value is normalised with the numbers of the coloured ones:


# %% tags=["hide-input"] mystnb={"image": {"alt": "Nine tables of 5 rows and 4 blocks of 4 columns. Batch norm of units: one column. Batch norm of maps: a whole block, all rows. Per position: one column of a block. Layer norm: the whole row. Instance norm: one block of one row. Group norm: two blocks of one row. Local response: the same position of neighbouring blocks in one row. Local contrast: three neighbouring positions in all blocks of one row. Weight norm: nothing but the value itself."}}
def cells(rows, channels, positions):
    table = np.zeros((5, 4, 4), dtype=int)
    table[np.ix_(rows, channels, positions)] = 1
    table[2, 1, 1] = 2
    return table.reshape(5, 16)


everyone, all_maps, everywhere = range(5), range(4), range(4)
drawings = [
    ("batch norm, units", (everyone, [1], [1]), "a unit (no maps), over the batch"),
    ("batch norm, maps", (everyone, [1], everywhere), "a channel, over batch and places"),
    ("per position (not used)", (everyone, [1], [1]), "a pixel, over the batch"),
    ("layer norm", ([2], all_maps, everywhere), "an example"),
    ("instance norm", ([2], [1], everywhere), "a channel of an example"),
    ("group norm", ([2], [0, 1], everywhere), "a few channels of an example"),
    ("local response norm", ([2], [0, 1, 2], [1]), "a place, over nearby maps"),
    ("local contrast norm", ([2], all_maps, [0, 1, 2]), "nearby places, all maps"),
    ("weight norm", ([2], [1], [1]), "looks at the weights alone"),
]
figure, panels = plt.subplots(3, 3, figsize=(7, 4.4))
for axes, (title, cell, caption) in zip(panels.flat, drawings):
    blocks = 1 if title.endswith("units") else 4
    shared_statistics(axes, cells(*cell), title, channels=blocks, caption=caption)
plt.show()

# %% [markdown]
# For all of the first six it is one function; only the axes to average over change:


# %% tags=["nbval-check-output"]
from course_utils.scratch.normalisation.batch_norm import batch_norm_forward, normalise_each_position


def normalise(x, over, epsilon=1e-5):
    mu = x.mean(dim=over, keepdim=True)
    variance = ((x - mu) ** 2).mean(dim=over, keepdim=True)
    return (x - mu) / torch.sqrt(variance + epsilon)


kernels = torch.randn(4, 1, 3, 3, generator=draw_bn, dtype=torch.float64)
photo_maps = F.conv2d(x_train[:64].double(), kernels)  # (64, 4, 6, 6): examples, channels, height, width
one_each, none_each = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
per_channel, _ = batch_norm_forward(photo_maps, one_each, none_each)
in_groups = photo_maps.reshape(64, 2, 2, 6, 6)  # two groups of two channels
same = {
    "batch": (normalise(photo_maps, (0, 2, 3)), F.batch_norm(photo_maps, None, None, training=True)),
    "layer": (normalise(photo_maps, (1, 2, 3)), F.layer_norm(photo_maps, photo_maps.shape[1:])),
    "instance": (normalise(photo_maps, (2, 3)), F.instance_norm(photo_maps)),
    "group": (normalise(in_groups, (2, 3, 4)).reshape(photo_maps.shape), F.group_norm(photo_maps, 2)),
}
for name, (by_formula, library) in same.items():
    print(f"{name:9s} equals the library: {torch.allclose(by_formula, library)}")
    assert torch.allclose(by_formula, library)
assert torch.allclose(per_channel, same["batch"][0])
per_position = normalise(photo_maps, 0)
apart = (per_position - per_channel).abs().max().item()
print(f"per position, which is not batch normalisation of maps: differs by up to {apart:.1f}")
assert torch.allclose(per_position, normalise_each_position(photo_maps))
assert apart > 0.5

# %% [markdown]
# Which set should you take? Ask what the layer should *forget*. A shift or a gain that all members of a set share is taken away, and with it how two sets differ in mean and spread.
#
# > **Predict.** Multiply one *example* by 10, as if its photo were ten times brighter. Which of the four give the same output as before? Then multiply one *channel* of all examples by 10, as if one filter had been drawn too large. Which now?

# %% tags=["nbval-check-output"]
brighter, stronger = photo_maps.clone(), photo_maps.clone()
brighter[7] *= 10
stronger[:, 2] *= 10
forms = {
    "batch": lambda x: normalise(x, (0, 2, 3), epsilon=0),
    "layer": lambda x: normalise(x, (1, 2, 3), epsilon=0),
    "instance": lambda x: normalise(x, (2, 3), epsilon=0),
    "group": lambda x: normalise(x.reshape(64, 2, 2, 6, 6), (2, 3, 4), epsilon=0).reshape(x.shape),
}
undone = {
    name: [torch.allclose(form(changed), form(photo_maps)) for changed in (brighter, stronger)]
    for name, form in forms.items()
}
print("undoes a gain of    one example    one channel")
for name, (example, channel) in undone.items():
    print(f"{name:16s} {'yes' if example else 'no':>13s} {'yes' if channel else 'no':>14s}")
assert undone == {"batch": [False, True], "layer": [True, False], "instance": [True, True], "group": [True, False]}

# %% [markdown]
# Batch normalisation forgives a filter its size, which is what the weights want ([below](#what-it-does-to-the-weights)); with it, one loud example disturbs all others of the batch. The three others treat every example alone, so there is no trap between training and testing. Layer normalisation,
# often without taking the mean away, is what transformers use; instance normalisation was made for style transfer, where the contrast of a picture is to be forgotten; group normalisation for large pictures, of which only one or two fit into a batch.
#
# Here is such a batch to take in your hands: four samples of four channels, each $2 \times 2$ numbers, before and after. Choose a value: all that share its mean and spread are framed.
#
# > **Predict.** Batch normalisation, and sample 1 multiplied by 4. Do the outputs of sample 0 change? And when you switch to *evaluation mode*?
#
# - Choose *channel* 2 in place of the sample, and go through the four normalisations. Which undo the change? (The table compares all four.)
# - Back to batch normalisation, change undone, evaluation mode: the outputs are the inputs but for $\epsilon$, since nothing has been averaged yet. Press *Next batch* in training mode about thirty times, and look again.
# - Raise $\epsilon$ to 1, and multiply *everything* by 0.2: what was undone before is not undone now. Why?

# %%
NormalisationAxes(kind="batch", part="sample 1", scale=4.0)

# %% tags=["hide-input", "nbval-check-output"]
moved = NormalisationAxes(part="sample 1", scale=4.0).output[0] - NormalisationAxes().output[0]
print(f"sample 0 in training mode changes by up to {np.abs(moved).max():.1f}")
still = (
    NormalisationAxes(part="sample 1", scale=4.0, evaluate=True).output[0] - NormalisationAxes(evaluate=True).output[0]
)
print(f"in evaluation mode by {np.abs(still).max():.1f}")
small = NormalisationAxes(part="everything", scale=0.2)
large_epsilon = NormalisationAxes(part="everything", scale=0.2, epsilon=1.0)
for play in (small, large_epsilon):
    print(
        f"everything times 0.2, epsilon {play.epsilon:g}: the output changes by up to {play.largest_changes()['batch']:.3f}"
    )
assert np.abs(moved).max() > 0.1
assert np.abs(still).max() == 0
assert small.largest_changes()["batch"] < 0.01 < 0.3 < large_epsilon.largest_changes()["batch"]

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
# $$ \begin{aligned}
#    \frac{\partial L}{\partial x_i} &= \frac{\gamma}{s} \Big( dy_i \;-\; \frac1m \sum_j dy_j \;-\; \hat x_i\,\frac1m \sum_j dy_j\, \hat x_j \Big), \\
#    \frac{\partial L}{\partial \gamma} &= \sum_j dy_j\, \hat x_j, \qquad \frac{\partial L}{\partial \beta} = \sum_j dy_j .
#    \end{aligned} \tag{4.49} $$
#
# Read it as a sentence: *take the gradient, remove its mean, remove its part along $\hat x$, multiply by $\gamma$, divide by the spread.* The two removed parts are exactly the changes that the layer cancels anyway: adding a constant to all $x$, and stretching them.

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
        f"dL/d{name:5s} (4.49), node by node, course_utils equal autograd: {[torch.allclose(f, target) for f in found]}"
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
print("outputs, running mean and running variance equal the library's: 50 batches of 4")
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
# Watch it turn. Two networks with BN, the same data, the same learning rate, the same first weights, but four times as long in the second. Each block of $8 \times 8$ dials is one unit's weight vector, divided by its length at the start, so that both blocks begin alike.
#
# > **Predict.** Run the training. Which block changes more, and how much more?
#
# Then look for a dial that has crossed zero (straight up) in one block and not in the other, and note in which of the first steps most of the turning is done.

# %%
turning = []
for scale in (1, 4):
    net = he_start(deep_mlp(depth=1, width=16, norm=nn.BatchNorm1d))
    with torch.no_grad():
        net[1].weight *= scale
    rows = [net[1].weight[0].detach().clone()]
    train(net, steps=300, lr=0.5, after_step=lambda step: rows.append(net[1].weight[0].detach().clone()))
    turning.append(torch.stack(rows[::10]) / rows[0].norm())  # (31, 64)
WeightDials(torch.cat([w.reshape(-1, 8, 8) for w in turning], dim=2).flatten(1).numpy(), shape=(8, 16))

# %% tags=["hide-input"]
angles = {}
for name, w in zip(("as drawn", "4 times as long"), turning):
    angles[name] = [math.degrees(math.acos(F.cosine_similarity(w[0], w[frame], dim=0).item())) for frame in (1, 10, 30)]
    print(
        f"{name:15s} turned",
        *(f"{angle:.0f}" for angle in angles[name]),
        f"degrees in 10, 100, 300 steps, length x {w[-1].norm().item():.3f}",
    )
assert all(short > 1.5 * long for short, long in zip(*angles.values()))

# %% [markdown]
# The long vector turns far more slowly: from the same place, a sixteenth as far in a step, by the square. The gap narrows later, since the short one soon has little left to learn. And both have grown, the quick one more.
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two 3 by 3 tables of accuracies, weights against learning rate, medians of 20 seeds. Plain: only the middle row at rates 0.01 and 0.1 learns, everything else is at 10 percent. With batch norm most cells are above 90 percent; weights times 10 at rate 0.01 stays lowest."}}
SCALES, RATES = (0.1, 1, 10), (0.01, 0.1, 1)
medians = {
    kind: np.array([[band("04c_normalisation.rates", f"{kind}_{s}_{lr}").median for lr in RATES] for s in SCALES])
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
    assert band("04c_normalisation.rates", key).contains(value, slack=0.08), key
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: histogram of exponential values, a peak at 0 and a tail to the right. Right: the same shape after batch normalisation, moved to mean 0 and deviation 1, with the bell of a Gaussian drawn over it, which it does not resemble."}}
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
# <span id="c087"></span>One lecture says "improves gradient flow", <span id="c098"></span>another "solves the vanishing gradients problem", on a slide about residual networks. Measure. Networks of linear, BN, ReLU, by depth, before any training: how does the gradient at the first layer compare with the last?
#
# > **Predict.** With BN in every one of 50 layers, the ratio of first to last gradient is about: 1, 0.01, 100, or 10,000?

# %% tags=["nbval-check-output"]
from course_utils.scratch.initialisation.signal import batch_norm_relu_growth

pixels = x_train.flatten(1)[:256].double()  # 256 digits
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
#    \qquad \sqrt{1.467} = 1.211 . \tag{4.52} $$
#
# These are mean squares. The length of the gradient grows by the root, 1.211 in every layer.
#
# The weights cancel: **no initialisation can prevent it**. BN removes the mean of the signal, the part that all examples share, and blows up the rest again. ([Yang et al., 2019](../book/references.md#yang-2019) derive the same rate with the means of statistical physics.) Two facts limit the damage. At a depth of ten the factor is 6, harmless. And around a *skip connection*
# the gradient has a way that passes no layer, which is why the residual networks on that lecture's slide train. The skips do it, not BN alone.
#
# Does this matter for training? Without normalisation you saw [fifty layers of ReLU fail](04b_signals.ipynb#c082) although their scale was level, because all digits came to look alike. BN removes the common part in every layer. Train both, and the network with skips, at three depths, 150 steps each.
#
# > **Predict.** At which depths does BN beat the plain network?


# %% tags=["band-depth"]
class SkipLayer(nn.Module):
    """x + ReLU(BN(Wx)): a layer that its input can go around."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())

    def forward(self, x):
        return x + self.inner(x)


def normed_net(kind, depth, width=64):
    if kind == "skip":
        skips = [SkipLayer(width) for _ in range(depth - 1)]
        return he_start(nn.Sequential(nn.Flatten(), nn.Linear(64, width), *skips, nn.Linear(width, 10)))
    return he_start(deep_mlp(depth, width, norm=nn.BatchNorm1d))


depth_result = {}
for kind in ("bn", "skip"):
    for depth in (10, 30, 50):
        losses = train(normed_net(kind, depth), steps=150, lr=0.03)
        depth_result[f"{kind}_{depth}"] = sum(losses[-20:]) / 20

# %% tags=["hide-input"] mystnb={"image": {"alt": "Training loss after 150 steps for depths 10, 30 and 50 as bands of 20 seeds. Plain: 0.2 at depth 10, near 2 at 30, 2.3 at 50. Batch norm: 0.5 at 10, 1.5 at 30, above 2 at 50. With batch norm and skips: medians below 1 at every depth, with a long tail of unlucky seeds at 50."}}
figure, axes = plt.subplots(figsize=(7, 3.4))
names = {"plain": "plain, He", "bn": "with BN", "skip": "BN and skips"}
row = 0
for kind, color in zip(("skip", "bn", "plain"), ("green", "blue", "vermillion")):
    for depth in (50, 30, 10):
        own = depth_result.get(f"{kind}_{depth}")
        found = band(
            *(("04b_signals.depth", f"relu_{depth}") if own is None else ("04c_normalisation.depth", f"{kind}_{depth}"))
        )
        plotting.seed_band(axes, found, own, f"{names[kind]}, {depth} layers", y=row, color=COLORS[color])
        row += 1
axes.axvline(math.log(10), color=COLORS["ink"], linestyle=":", linewidth=1)
axes.text(math.log(10) + 0.02, 4.5, "guessing", fontsize=8)
axes.set(xlabel="training loss after 150 steps (bands: 20 seeds; diamonds: your run)", xlim=(0, 3.3))
plt.show()
deep = {key: band("04c_normalisation.depth", key) for key in depth_result}
for key, value in depth_result.items():
    assert deep[key].contains(value, slack=0.25), key
plain = {depth: band("04b_signals.depth", f"relu_{depth}") for depth in (10, 30, 50)}
assert plain[10].median < deep["bn_10"].median < deep["bn_30"].median < plain[30].median
assert deep["bn_50"].minimum > 1.8
assert deep["skip_50"].median < 1 < deep["skip_50"].maximum

# %% [markdown]
# At 10 layers all three train, and the plain network is ahead of BN. At 30 BN helps, some. At 50 both fail on every seed, and the network with skips learns on most: a handful of its seeds start badly, since its signal *grows* with every added layer and the rate suits it less and less.
# (The learning rate, 0.03, is the same for all; BN would stand a larger one.) So BN does not carry fifty layers by itself, as the growth of (4.52) lets you expect. Skips do, and with them BN.
#
# ## Why does it help?
#
# <span id="c092"></span>The inventors' explanation is in the title of their paper: the distribution of every layer's inputs changes while the layers below learn, the [internal covariate shift](../book/glossary.md#internal-covariate-shift), and BN holds it still. <span id="c093"></span>Their
# figure, which the lecture shows, comes from MNIST: three layers of 100 sigmoids, with and without BN. BN learns faster, ends higher, and the percentiles 15, 50 and 85 of a sigmoid's input are steadier.
#
# Repeat it on our digits, and add a third network, after an idea of [Santurkar et al. (2018)](../book/references.md#santurkar-2018): BN, and right behind it a shift and a gain *drawn anew in every step*. Its layers see a distribution that jumps all the time.
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


# %% tags=["hide-input", "band-shift"]
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: accuracy over 400 steps. BN and disturbed BN are above 90 percent after 50 steps, plain stays at 10 percent for more than 100 steps and reaches about 90 percent at the end. Right: three panels of percentile bands of one sigmoid's input: plain wanders and widens, BN lies still, disturbed BN jitters up and down."}}
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
told = {key: band("04c_normalisation.shift", key) for key in shift_result}
for key, value in shift_result.items():
    assert told[key].contains(value, slack=0.1), key
print("medians of 20 seeds            accuracy after       median moves (in spreads)")
print("                           100 steps  400 steps      in 10 steps        in all")
for name in SHOWN:
    print(
        f"{name:24s} {told[f'{name}_accuracy_100'].median:11.2f} {told[f'{name}_accuracy_400'].median:10.2f} {told[f'{name}_movement'].median:16.3f} {told[f'{name}_travel'].median:13.2f}"
    )
assert told["bn_accuracy_100"].minimum > told["plain_accuracy_100"].maximum
assert told["bn_accuracy_400"].median > told["plain_accuracy_400"].median
assert told["bn_movement"].maximum < told["plain_movement"].minimum
assert told["disturbed_movement"].minimum > 2 * told["bn_movement"].maximum
assert told["disturbed_accuracy_100"].minimum > told["plain_accuracy_100"].maximum
assert abs(told["disturbed_accuracy_400"].median - told["bn_accuracy_400"].median) < 0.02

# %% [markdown]
# The lecture's three observations come back on our digits: faster, higher after the same 400 steps, steadier. ([On MNIST itself](#at-scale), with more steps, "higher" depends on the learning rate.) But the disturbed network settles the *explanation*. Its inputs jump more than three times as much as with BN, as much as the plain network's (whose units, it is true, drift farther in all), and it learns just as well as BN. So steadiness of
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


# %% tags=["hide-input", "band-tips"]
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of dots, one dot a seed. Left, each tip alone: higher rate and no dropout gain about 20 percentage points, faster decay loses about 16, weaker L2 and no LRN are at 0, shuffling scatters around 0. Right, what each adds to the rest: higher rate about 14, no dropout about 9 points, the others within one point of 0."}}
tips_record = load_record("04c_normalisation.tips")["metrics"]
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
tip_bands = {key: band("04c_normalisation.tips", key) for key in tips_result}
for key, value in tips_result.items():
    assert tip_bands[key].contains(value, slack=0.08), key
print(
    f"old settings {tip_bands['before'].median:.2f}, all six tips {tip_bands['after'].median:.2f} (medians of 20 seeds)"
)
print("points (seeds that gain)        alone           on top of the others")
for tip in TIPS:
    alone, last = np.array(tips_record[f"only {tip}"]), np.array(tips_record[f"all but {tip}"])
    print(
        f"{tip:24s} {100 * np.median(alone):+7.1f}  {(alone > 0).sum():6d} of 20 {100 * np.median(last):+10.1f} {(last > 0).sum():6d} of 20"
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
places_found = {key: band("04c_normalisation.order", key) for key in order_result}
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
# <span id="c104"></span>**Is dropout rarely needed with BN?** That is the lecture's wording. Four comparisons: with and without BN, trained on 100 digits and on all 1,297. What does dropout 0.5 gain? (Dropout, from [chapter 04d](04d_regularisation.ipynb#dropout), switches off half of the units at random in each step.)

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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of dots, one a seed: the gain from dropout 0.5 in percentage points. With 100 digits it is mostly above 0, both without and with batch norm. With 1297 digits it is mostly below 0 for both."}}
dropout_record = load_record("04c_normalisation.dropout")["metrics"]
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
gains = {key: band("04c_normalisation.dropout", key) for key in ROWS.values()}
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
    f"weight norm, one digit a step: {weight_norm_result['accuracy']:.3f}; {band('04c_normalisation.weight_norm', 'accuracy')}"
)
assert band("04c_normalisation.weight_norm", "accuracy").contains(weight_norm_result["accuracy"], slack=0.03)
assert band("04c_normalisation.weight_norm", "accuracy").minimum > 0.85
try:
    deep_mlp(depth=1, width=8, norm=nn.BatchNorm1d)(x_train[:1])
except ValueError as error:
    print("batch norm, one digit a step:", str(error).split(" when")[0])

# %% [markdown]
# ## Local response normalisation
#
# AlexNet, three years before BN, held its signals in check in another way. At each place, a value is divided by something that grows with the squares of the neighbouring *maps* at the same place. With $l$ the map, and $\operatorname{adj}(l, n)$ the $n$ maps around it, itself included:
#
# $$ \operatorname{LRN}(a^{(l)}) = a^{(l)} \Big( k + \alpha \sum_{j \in \operatorname{adj}(l,n)} (a^{(j)})^2 \Big)^{-\beta}, \quad k = 2,\; n = 5,\; \alpha = 10^{-4},\; \beta = \tfrac34 . \tag{4.55} $$
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
# Now put typical numbers in. With inputs of mean 0 and variance 1 and a good start, activations are about 1. Then the sum is about 5.
#
# > **Predict.** How large is the bracket, with $\alpha = 10^{-4}$? So on standardised data, LRN with the lecture's constants is the same as ... what? And in AlexNet, whose inputs were pixel values up to 255?

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
# The bracket is 2.0005. Its power is $2^{-0.75} = 0.595$, whatever the neighbours do: a constant factor. Only activations of 30 and more, which pixel values up to 255 can bring about, feel their neighbours.
#
# <span id="c100"></span>Keep this in mind for the next two statements, from one and the same lecture: LRN "improves generalization" (AlexNet), and "does not improve" (VGG). Toggle it in a small convolutional network. Four versions: without; with the lecture's constants; with nothing but a
# **multiplication by 0.595** in its place; and a strong one that really acts at our sizes. Two learning rates.


# %% tags=["hide-input", "band-lrn"]
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


# %% tags=["band-lrn"]
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eight bands of 20 seeds of accuracy. At rate 0.02, no LRN is best and the three others are a few points lower. At rate 0.1 no LRN is lowest or equal, and the others are a point or two higher. The bands of LRN with the lecture's constants and of the plain factor 0.595 coincide at both rates."}}
lrn_record = {key: np.array(values) for key, values in load_record("04c_normalisation.lrn")["metrics"].items()}
figure, axes = plt.subplots(figsize=(7, 3.2))
labels = {"none": "no LRN", "lecture": "LRN, lecture's constants", "gain": "× 0.595", "strong": "LRN, strong"}
row = 0
for lr, color in ((0.1, "vermillion"), (0.02, "blue")):
    for name in reversed(labels):
        found = band("04c_normalisation.lrn", f"{name}_{lr}")
        plotting.seed_band(
            axes, found, lrn_result[f"{name}_{lr}"], f"rate {lr}: {labels[name]}", y=row, color=COLORS[color]
        )
        row += 1
axes.set(xlabel="accuracy on new digits")
plt.show()
for key, value in lrn_result.items():
    assert band("04c_normalisation.lrn", key).contains(value, slack=0.04), key
for lr in (0.02, 0.1):
    against_none = lrn_record[f"lecture_{lr}"] - lrn_record[f"none_{lr}"]
    against_gain = lrn_record[f"lecture_{lr}"] - lrn_record[f"gain_{lr}"]
    print(
        f"rate {lr}: LRN minus none {100 * np.median(against_none):+.1f} points (better in {(against_none > 0).sum()} of 20 seeds),\n"
        f"     LRN minus factor {100 * np.median(against_gain):+.1f} (at most {100 * np.abs(against_gain).max():.1f})"
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

# %% tags=["hide-input", "nbval-check-output"]
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
# Now in numbers that you can point at: the two photos in grey, and their normalised versions (0 is drawn as 128, one deviation as 40 steps of grey).
#
# > **Predict.** Choose a pixel in the shadow, and switch between *as it is* and *in shadow*: two different numbers. And between the two normalised pictures?
#
# Then go to the shadow's edge (columns 29 to 34), and to the smooth wall left of the head (row 6, column 11): there the contrast in the shadow is so small that $\epsilon$ counts.

# %%
in_grey = [part.mean(dim=1, keepdim=True) for part in (photo, shaded)]
normalised_grey = [128 + 40 * local_contrast_norm(part, size=7) for part in in_grey]
pictures = torch.cat([*[255 * part for part in in_grey], *normalised_grey])[:, 0].round().clamp(0, 255)
ImageNumbers(
    image=pictures.numpy(),
    labels=["as it is", "in shadow", "normalised", "in shadow, normalised"],
    row=20,
    col=16,
    picture=1,
)

# %% tags=["hide-input"]
edges = (pictures[2] - pictures[3]).abs()
print(
    f"largest difference in the shadow, normalised pictures: {edges[:, :29].max():.0f} steps of grey, photos: {(pictures[0] - pictures[1]).abs()[:, :29].max():.0f}"
)

# %% [markdown]
# The $\epsilon$ has a price. It is measured in squared units of $h$, and sets where contrast ends and noise begins: too small, and the grain of a clear sky is blown up to full contrast; too large, and faint edges vanish. A gain then cancels only as long as the contrast stays well above $\sqrt\epsilon$. Exercise 6 draws the curve.
#
# ## Checked claims
#
# | | the lectures say | verdict | where |
# |---|---|---|---|
# | C084 | $\gamma = \sqrt{\operatorname{Var}}$, $\beta = \operatorname{E}$ recover the identity | true; $\sqrt{\operatorname{Var}+\epsilon}$, and for that batch | [here](#c084) |
# | C085 | the algorithm of BN | true; the running variance is the unbiased one | [here](#c085) |
# | C086 | BN makes activations unit Gaussian at the beginning | imprecise: it fixes mean and variance, always, and no shape | [here](#c086) |
# | C087 | BN improves gradient flow | imprecise: at moderate depth; in plain nets gradients grow 1.21-fold a layer | [here](#c087) |
# | C088 | BN reduces the dependence on initialisation and allows higher rates | true | [here](#c088) |
# | C089 | BN separates direction and magnitude of weights | true | [here](#c089) |
# | C090 | normalising weights has a similar effect | imprecise: the split, yes; no standardised outputs, no noise | [here](#c090) |
# | C091 | BN usually sits before the activation, but can go anywhere | true | [here](#c091) |
# | C092 | BN is there against the changing distribution of activations | imprecise: the motive; a net with a disturbed distribution trains as well | [here](#c092) |
# | C093 | on MNIST: faster, higher, steadier percentiles | imprecise: steadier, and faster at small rates; whether higher depends on rate and patience ([on MNIST](#at-scale)) | [here](#c093) |
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

# %% [markdown]
# **2. Tiny batches.** With two examples in a batch, $\hat x$ of each unit is $+1$ and $-1$, whatever the values were: all that survives is *which one is larger*.

# %% tags=["nbval-check-output"]
pair = torch.tensor([[0.1, 5.0], [0.2, -900.0]], dtype=torch.float64)
print(batch_norm(pair, 1.0, 0.0).round(decimals=2).tolist())
assert torch.allclose(batch_norm(pair, 1.0, 0.0).abs(), torch.ones(2, 2).double(), atol=0.01)

# %% [markdown]
# **3. Weight decay on weights without a scale.** An L2 penalty in front of BN cannot make the function simpler, since the length does not matter. It shrinks the weights, and by (4.51) a shorter vector turns faster. The penalty has become a learning rate that grows:

# %%
turns = {}
for l2 in (0.0, 0.01):
    decayed = he_start(deep_mlp(depth=2, width=64, norm=nn.BatchNorm1d))
    optimiser, draw = (
        torch.optim.SGD(decayed.parameters(), lr=0.2, weight_decay=l2),
        torch.Generator().manual_seed(SEED),
    )
    for step in range(600):
        rows = torch.randint(len(x_train), (64,), generator=draw)
        before = decayed[1].weight.detach().clone()
        loss = F.cross_entropy(decayed(x_train[rows]), y_train[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step >= 500:
            cosine = F.cosine_similarity(before.flatten(), decayed[1].weight.detach().flatten(), dim=0).item()
            turns.setdefault(l2, []).append(math.degrees(math.acos(min(1.0, cosine))))
    print(
        f"L2 {l2}: length of the weights {decayed[1].weight.norm().item():.0f}, turned in a step {np.mean(turns[l2]):.1f} degrees"
    )
assert np.mean(turns[0.01]) > 5 * np.mean(turns[0.0])

# %% [markdown]
# **4. One word, two layers.** For maps, `nn.LayerNorm((C, H, W))` and `nn.GroupNorm(1, C)` share the same mean and deviation. But the first learns a $\gamma$ and a $\beta$ for every *place*, and then fits one size of picture only; the second learns one pair a channel:

# %% tags=["nbval-check-output"]
for layer in (nn.LayerNorm((4, 6, 6)), nn.GroupNorm(1, 4)):
    learned = sum(p.numel() for p in layer.parameters())
    print(f"{type(layer).__name__}: {learned} learned numbers, same output at the start:", end=" ")
    print(torch.allclose(layer(photo_maps.float()), same["layer"][1].float(), atol=1e-5))
assert sum(p.numel() for p in nn.LayerNorm((4, 6, 6)).parameters()) == 2 * 4 * 6 * 6

# %% [markdown]
# **5. The library's alpha.** `nn.LocalResponseNorm(5, alpha=1e-4)` is a fifth of what the paper says. You saw it go wrong [above](#c099).
#
# ## Exercises
#
# **1. Two limits of one layer** (five minutes). For maps of $C$ channels, which number of groups makes group normalisation layer normalisation, and which makes it instance normalisation? Check both against the library.
#
# <details><summary>Hint</summary>
#
# One group holds all channels, or one.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
print("1 group is layer normalisation:     ", torch.allclose(F.group_norm(photo_maps, 1), same["layer"][1]))
print("C groups are instance normalisation:", torch.allclose(F.group_norm(photo_maps, 4), same["instance"][1]))
assert torch.allclose(F.group_norm(photo_maps, 1), same["layer"][1])
assert torch.allclose(F.group_norm(photo_maps, 4), same["instance"][1])

# %% [markdown]
# **2. BN in eval mode, folded away** (twenty minutes). In eval mode BN is a fixed line for each channel. Fold it into the linear layer before it: give $W'$ and $b'$ such that $W'x + b'$ equals BN$(Wx + b)$. How many multiplications does it save?
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
# **3. The rate of another activation** (half an hour). Derive the growth factor (4.52) for BN followed by *no* activation at all, and for the sign-free $f(a) = |a|$. Check both with 30 layers.
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
# **4. One digit at a time** (twenty minutes). Batch normalisation refuses batches of one; weight normalisation took them. Does *layer* normalisation? Train three layers with `nn.LayerNorm` on one digit a step, 1,500 steps at rate 0.01, and on batches of 64. Compare training and eval mode.
#
# <details><summary>Hint</summary>
#
# `deep_mlp(..., norm=nn.LayerNorm)` and `train(..., batch=1)`. What would eval mode have to replace?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for batch, steps, lr in ((1, 1500, 0.01), (64, 200, 0.1)):
    layered = he_start(deep_mlp(depth=2, width=100, norm=nn.LayerNorm))
    train(layered, steps=steps, lr=lr, batch=batch)
    with torch.no_grad():
        in_train, in_eval = layered.train()(x_test), layered.eval()(x_test)
    print(
        f"layer norm, batches of {batch:2d}: accuracy {accuracy(layered):.2f}; modes agree: {torch.equal(in_train, in_eval)}"
    )
    assert accuracy(layered) > 0.8
    assert torch.equal(in_train, in_eval)  # nothing was averaged over the batch, so nothing is replaced

# %% [markdown]
# **5. Where contrast ends** (half an hour). Multiply the photo by gains from $10^{-4}$ to 1 and plot how much the output of local contrast normalisation shrinks, for $\epsilon = 10^{-7}, 10^{-5}, 10^{-3}$. At which gain is half of it left? Predict it from $\epsilon$ and the photo's local deviation first.
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
# ## At scale
#
# The experiment of the lecture's figure on the real [MNIST](../book/references.md#lecun-1998): three layers of 100 sigmoids, batches of 60, tested on 10,000 images. The record comes from `python -m tools.record_signals` (with `course data mnist` before it, if you do not have the files).

# %%
sigmoids = load_record("04c_normalisation.sigmoids")
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
ahead = on_mnist["bn_0.5_500"] > on_mnist["plain_0.5_500"]
print(f"rate 0.5, 500 steps: BN is ahead on {ahead.sum()} of {len(ahead)} seeds")
assert ahead.mean() > 0.5
assert (on_mnist["bn_0.5_2000"] < on_mnist["plain_0.5_2000"]).all()

# %% [markdown]
# *Faster*: by far at the small rate, on every seed; at rate 0.5 only a little, and not on every seed. *Higher*: look at rate 0.5. After 2,000 steps the plain network has overtaken, on every seed. (The rate is not too high
# for BN: it does better at 0.5 than at 0.1. The plain network has simply found its pace.) Ioffe and Szegedy trained 50,000 steps. So a single pair of curves, here or there, is not a law; ask for the rate and for how long.

# %% [markdown]
# ## Summary
#
# - Batch normalisation standardises each unit (each *channel* of maps) over the batch; backward it removes the mean and the part along $\hat x$. Train and eval are two functions; the running variance is the unbiased one.
# - Layer, instance and group normalisation are the same formula over other sets: parts of one example. They know no batch.
# - Behind BN the length of the weights does not matter, except as a hidden learning rate. That is why it forgives bad starts and large rates, and why weight decay means something else there.
# - It makes nothing Gaussian, and in deep plain nets gradients grow by 1.21 a layer. Skips cure that.
# - That it helps *because* distributions stay still is refuted by a network that jumps and learns as well.
# - Weight normalisation splits direction and length without a batch. LRN with its published constants is a constant factor on standardised data. LCN cancels light, and needs its $\epsilon$.
#
# ## Further reading
#
# - [Ioffe and Szegedy (2015)](../book/references.md#ioffe-szegedy-2015): read section 4.2.1 for the tips.
# - [Santurkar et al. (2018)](../book/references.md#santurkar-2018): the disturbed network.
# - [Yang et al. (2019)](../book/references.md#yang-2019): the growth of gradients under BN, in general.
# - [Ba et al. (2016)](../book/references.md#ba-2016), [Ulyanov et al. (2016)](../book/references.md#ulyanov-2016), [Wu and He (2018)](../book/references.md#wu-he-2018): the other sets.
# - [Salimans and Kingma (2016)](../book/references.md#salimans-kingma-2016): weight normalisation.
#
# ## The next question
#
# You can now carry a signal through many layers, at the start and while the weights move. A network that can learn everything will learn everything, the accidents of its examples included. What holds it back? → [Regularisation](04d_regularisation.ipynb)
