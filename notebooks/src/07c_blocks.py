# %% [markdown]
# # Blocks and budgets
#
# After residual networks the question changed. Not "can we train it?" but "what do we buy with the next million multiplications?" You will take apart three blocks that answer it, pay for each in
# parameters and multiply-adds, and end with one table and one chart of every network in these two chapters.
#
# **You will be able to**
#
# - say what a dense block costs, and where its channels come from;
# - split a convolution into a look and a mix, and compute what that saves;
# - build the gate of squeeze and excitation, and show that it obeys something far away;
# - scale a network in three directions at once, and predict the bill;
# - replace pooling by a convolution with a stride, and compare fairly;
# - count the cost of any network in two independent ways;
# - read a chart of cost against error without being fooled by it.
#
# **You need** [inception](07_deeper.ipynb) and [residual](07b_residual.ipynb) blocks, and the depthwise layer of [chapter 05b](05b_layers.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, models, plotting
from course_utils.models import summarise
from course_utils.plotting import COLORS
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ArchitectureExplorer, PoolingExplorer

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## What does a layer cost
#
# Here are two networks that do a similar amount of work for an image: a residual one of 34 layers and a dense one of 121. Open a stage of each and look at three numbers: parameters, multiply-adds, activation memory.
#
# > **Predict.** Which network has more parameters, and which keeps more activations? In which stage of ResNet-34 do the parameters sit, in which the memory?

# %%
ArchitectureExplorer(network="resnet34", other="densenet121")


# %% tags=["nbval-check-output"]
def bill_of(name):
    with torch.device("meta"):  # shapes without numbers
        network = models.build(name)
        return summarise(network, models.NETWORKS[name].input_shape)


pair = [bill_of(name) for name in ("resnet34", "densenet121")]
print("             parameters   multiply-adds   activations")
for name, bill in zip(("resnet34", "densenet121"), pair):
    print(f"{name:11s} {bill.parameters / 1e6:9.1f} M", end="")
    print(f"{bill.multiply_adds / 1e9:14.2f} G {bill.bytes / 2**20:9.0f} MB")
print("ResNet-34, stage by stage:")
for row in pair[0].stages().rows:
    if row.name.startswith("conv"):
        stored = row.parameters / pair[0].parameters
        print(f"  {row.name:8s} {stored:4.0%} of the parameters,", end=" ")
        print(f"{row.bytes / pair[0].bytes:4.0%} of the activations")
assert pair[0].parameters > 2.5 * pair[1].parameters
assert pair[1].bytes > 2 * pair[0].bytes

# %% [markdown]
# Three different budgets, and they do not move together:
#
# - **parameters**: what you store, download and fit;
# - **[multiply-adds](../book/glossary.md#multiply-add)**: what you compute for each image;
# - **activation memory**: what training has to keep for the way back.
#
# One rule counts nearly everything. A convolution with a $k \times k$ kernel from $C$ to $O$ channels, in $g$ groups, on an output of $H \times W$ places uses each of its weights once at every place:
#
# $$ \begin{aligned} \text{weights} &= \frac{k^2\, C\, O}{g}, \\ \text{multiply-adds} &= \text{weights} \cdot H\, W . \end{aligned} \tag{7.61} $$
#
# A linear layer is the case $k = H = W = 1$. Biases, normalisation and ReLU cost additions that papers leave out; so do we, and we say so.
#
# > **Predict.** You halve the resolution of the input and keep the network. By which factor does each of the three budgets fall?

# %% tags=["nbval-check-output"]
from course_utils.scratch.blocks.counting import conv_cost

layer = nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1, bias=False)
for side in (64, 32):
    bill = summarise(layer, (64, side, side))
    assert bill.parameters == layer.weight.numel() == 9 * 64 * 128
    assert bill.multiply_adds == conv_cost(64, 128, 3, side // 2)
    print(
        f"input {side} x {side}: {bill.parameters:,} parameters, "
        f"{bill.multiply_adds:,} multiply-adds, {bill.bytes:,} bytes"
    )

# %% [markdown]
# Parameters stay. Multiply-adds and memory fall by four. Keep this in mind for every claim that a network is "small": small in which budget?
#
# ## Dense blocks: keep everything
#
# A residual block *adds* its result to what came in. [Huang et al. (2017)](../book/references.md#huang-2017) *append* it. Layer number $l$ reads all maps made so far and adds $k$ new ones, its
# [growth rate](../book/glossary.md#growth-rate). Nothing is overwritten.
#
# <span id="c238"></span>The [lecture](../book/claims.md) says: skip, then concatenate, and the number of channels grows with depth. Exactly how, you can write down. A block that starts with $k_0$ maps has, after $L$ layers,
#
# $$ C_L = k_0 + L\,k . \tag{7.62} $$
#
# > **Predict.** DenseNet-121 enters its first block with 64 maps and has a growth rate of 32. Six layers later, how many maps are there?

# %% tags=["nbval-check-output"]
from course_utils.models.densenet import DenseLayer
from course_utils.scratch.blocks.counting import (
    dense_block_weights,
    dense_channels,
)

x = torch.randn(1, 64, 8, 8)
block = nn.Sequential(*(DenseLayer(64 + 32 * i, growth=32) for i in range(6)))
maps = [x]
for i, dense_layer in enumerate(block, start=1):
    maps.append(dense_layer(maps[-1]))
    assert maps[-1].shape[1] == dense_channels(64, 32, i) == 64 + 32 * i
    assert torch.equal(maps[-1][:, : maps[-2].shape[1]], maps[-2])
print("maps after each layer:", [m.shape[1] for m in maps])
print("the input is still there, untouched:", torch.equal(maps[-1][:, :64], x))

# %% [markdown]
# Each layer is narrow, 32 maps, yet sees hundreds. The price is in the reading: layer $l$ has $9\,k\,(k_0 + (l-1)\,k)$ weights if it is one 3x3 convolution, and over the block the bill
#
# $$ 9\,k \left( L\,k_0 + k\,\frac{L(L-1)}{2} \right) \tag{7.63} $$
#
# grows with the *square* of the depth. Two brakes keep it down. A 1x1 convolution to $4k$ maps first (the bottleneck that you know from [inception](07_deeper.ipynb)), and between blocks a
# *transition* that halves the maps and the side. Here is the code that the course uses. Its last line is the difference from a residual block:

# %%
import inspect

print(inspect.getsource(DenseLayer.forward))


# %% mystnb={"image": {"alt": "Maps along a dense network of 40 layers: three ramps that climb by 12 a layer, with a fall to one half at the two transitions between them. A residual network's staircase beside it is flat at 16, 32 and 64."}} tags=["hide-input"]
def widths_along(model, kinds):
    """Channels after each module of some kinds, in the order of the forward pass."""
    found = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: found.append(o.shape[1]))
        for m in model.modules()
        if isinstance(m, kinds)
    ]
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return found


from course_utils.models.densenet import Transition
from course_utils.models.resnet import BasicBlock

ramps = widths_along(models.build("densenet40"), (DenseLayer, Transition))
stairs = widths_along(models.build("resnet20_small"), (BasicBlock,))
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.plot(range(1, len(ramps) + 1), ramps, ".-", color=COLORS["blue"], label="dense, growth 12")
axes.plot(range(1, len(stairs) + 1), stairs, "s-", color=COLORS["vermillion"], label="residual", markersize=4)
axes.set(xlabel="block, from input to output", ylabel="maps", xticks=range(0, 21, 5))
axes.legend()
plt.show()
assert ramps[:6] == [24 + 12 * i for i in range(1, 7)]
assert ramps[6] == ramps[5] // 2

# %% [markdown]
# Check the closed form, and that the thing learns. The network below has one dense layer in each of three stages. Its skeleton (a stem, three stages, a mean, one linear layer) is the one in which every block of
# this chapter will be compared, and its data are the 8 x 8 digits of [chapter 00](00_start.ipynb), enlarged to 16.

# %% tags=["band-pooling", "band-efficient", "band-dense", "nbval-check-output"]
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.models.miniature import Miniature
from course_utils.training import evaluate, fit

digits, digits_test = data.load("digits", "train"), data.load("digits", "test")


def sixteen_wide(x, generator=None):  # (N, 1, 8, 8) to (N, 3, 16, 16)
    return F.interpolate(x, scale_factor=2, mode="bilinear").repeat(1, 3, 1, 1)


def learn_wide_digits(model, seed, epochs=3):
    """Train by one recipe, the same for every network; return the accuracy."""
    train = data.Batches(digits, 64, augment=sixteen_wide, seed=seed)
    how = {"lr": 1e-2, "schedule": "one_cycle", "progress": False}
    fit(model, train, epochs=epochs, **how)
    test = data.Batches(digits_test, 500, shuffle=False, augment=sixteen_wide)
    return evaluate(model, test).accuracy


print(f"{len(digits)} digits to learn from, {len(digits_test)} to ask about")

# %% tags=["band-dense"]
torch.manual_seed(SEED)
small_dense = Miniature("dense", 16)
dense_result = {"accuracy": learn_wide_digits(small_dense, SEED)}

# %%
maps_read = [dense_channels(16, 8, i) for i in range(5)]
threes = [nn.Conv2d(maps, 8, 3, bias=False) for maps in maps_read]
assert sum(c.weight.numel() for c in threes) == dense_block_weights(16, 8, 5)
reference = band("07c_blocks.dense", "accuracy")
weights = sum(p.numel() for p in small_dense.parameters())
print(f"a dense network of {weights:,} parameters:", end=" ")
print(f"{dense_result['accuracy']:.1%} of digits right")
print(f"other seeds: {reference}")
assert reference.contains(dense_result["accuracy"], slack=0.03)

# %% [markdown]
# Why does it work? Each layer has a direct line to the loss, as in a residual network, and features made early are *reused*: nobody has to carry a map along by copying it. What does it cost? Memory. All those maps are kept
# and copied by each concatenation, so a dense network is cheap in parameters and dear in activations, as you saw at the start.
#
# ## Separable convolutions: look, then mix
#
# An ordinary convolution does two jobs at once: it looks around (3 x 3) and it mixes channels (all with all). Split them. First a [depthwise](../book/glossary.md#depthwise-convolution) layer, one
# 3 x 3 kernel for each map; then a 1x1 layer that mixes. [Chollet (2017)](../book/references.md#chollet-2017) calls a network made of these *Xception*, extreme inception: an inception block in
# which every map has its own branch. [MobileNets (Howard et al., 2017)](../book/references.md#howard-2017) put it into phones.
#
# <span id="c239"></span>The lecture counts for $ch$ channels in and out, without biases:
#
# $$ \underbrace{1 \cdot 1 \cdot ch \cdot ch}_{\text{mix}} + \underbrace{3 \cdot 3 \cdot ch}_{\text{look}} \quad \text{in place of} \quad 3 \cdot 3 \cdot ch \cdot ch . \tag{7.64} $$
#
# Divide the two:
#
# $$ \text{ratio} = \frac{1}{9} + \frac{1}{ch} . \tag{7.65} $$
#
# > **Predict.** For 64 channels, is the saving nearer to 3, 8 or 60 times? And for 8 channels?

# %% tags=["nbval-check-output"]
from course_utils.models.xception import SeparableConv


def weights_of(module):
    convs = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    return sum(conv.weight.numel() for conv in convs)


for ch in (8, 64, 728):
    whole = weights_of(nn.Conv2d(ch, ch, 3, bias=False))
    split = weights_of(SeparableConv(ch, ch))
    assert split == ch * ch + 9 * ch
    assert abs(split / whole - (1 / 9 + 1 / ch)) < 1e-12
    print(f"{ch:3d} channels: {whole:9,} weights become {split:7,},", end=" ")
    print(f"{whole / split:.1f} times fewer")

# %% mystnb={"image": {"alt": "A curve that falls from 0.36 towards one ninth: cost of a separable layer relative to an ordinary one, for 4 to 1,024 channels. Marks at 64 channels, 0.127, and at 728 channels, 0.112. A dashed line at one ninth."}} tags=["hide-input"]
channels = torch.logspace(2, 10, 60, base=2)
figure, axes = plt.subplots(figsize=(7, 2.5), layout="constrained")
axes.plot(channels, 1 / 9 + 1 / channels, color=COLORS["blue"])
axes.axhline(1 / 9, color=COLORS["gray"], linestyle="--")
for ch in (64, 728):
    axes.plot([ch], [1 / 9 + 1 / ch], "o", color=COLORS["vermillion"])
    axes.annotate(f"{ch} channels: {1 / 9 + 1 / ch:.3f}", (ch, 1 / 9 + 1 / ch), (0, 12), textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
axes.set(xscale="log", ylim=(0, 0.4), xlabel="channels", ylabel="separable / ordinary")
plt.show()

# %% [markdown]
# 36,864 become 4,672. The $1/9$ is the mix, the $1/ch$ is the look: with many channels nearly all of a separable layer is its 1x1 part, and no larger kernel would make it much dearer. That is why such networks use 5 x 5 kernels so freely.
#
# <span id="c240"></span>**Which comes first?** The lecture says: first 1x1, then a separate 3 x 3 for each channel. That is the story by which Xception was *motivated*. The network itself, and everything since, does it the other way
# round, 3 x 3 first. For $ch$ to $ch$ the two orders cost the same. They are not the same function, and where the width changes they do not cost the same either:


# %% tags=["nbval-check-output"]
def in_order(c_in, c_out, look_first):
    kept = c_in if look_first else c_out
    look = nn.Conv2d(kept, kept, 3, padding=1, groups=kept, bias=False)
    mix = nn.Conv2d(c_in, c_out, 1, bias=False)
    return nn.Sequential(look, mix) if look_first else nn.Sequential(mix, look)


for c_in, c_out in ((64, 64), (64, 128)):
    look = weights_of(in_order(c_in, c_out, look_first=True))
    mix = weights_of(in_order(c_in, c_out, look_first=False))
    print(f"{c_in} to {c_out}: look first {look:,}, mix first {mix:,}")
    assert (look == mix == 4672) if c_in == c_out else (look < mix)

# %% [markdown]
# Chollet notes that the order should matter little when such layers are stacked: mix, look, mix, look is the same chain either way, but for its ends. Also, Xception puts no ReLU between the two halves; he found it hurts.
#
# What is given up? The kernel of a separable layer is a product, $K_{o,c} = p_{o,c}\, d_c$: for one input channel, all outputs share one $3 \times 3$ shape. An ordinary layer may choose $ch$ different shapes. Measure how
# much of a random ordinary layer such a product can imitate, in sums of squared weights.
#
# > **Predict.** All weights of an ordinary layer from 64 to 64 maps are drawn at random. Which share of their squares can the best separable layer keep? At least one of nine dimensions, so 11 %. How much more?

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
ordinary = torch.randn(64, 64, 9, dtype=torch.float64)  # outputs, inputs, taps
kept = total = 0.0
for c in range(64):  # the best product is the first singular pair
    s = torch.linalg.svdvals(ordinary[:, c])
    kept, total = kept + s[0] ** 2, total + (s**2).sum()
share = (kept / total).item()
print(f"the best separable layer keeps {share:.0%} of random kernels")
assert 1 / 9 < share < 0.3
mixes, shapes = torch.randn(64, 64), torch.randn(64, 9)
product = torch.einsum("oc,ct->oct", mixes, shapes)
ranks = torch.linalg.matrix_rank(product.movedim(1, 0))
assert (ranks == 1).all()

# %% [markdown]
# A fifth. A separable layer is not a cheap copy of an ordinary one. It is another layer, poorer for each use, and it must be trained as such. What it buys is *more of them* for the same money. Whether that pays is a question for the map below.
#
# **Xception** strings them into residual blocks. Build one and check the parameter formula against it: three separable layers, each with its normalisation, and nothing else.

# %% tags=["nbval-check-output"]
from course_utils.models.xception import XceptionBlock

middle = XceptionBlock((728, 728, 728, 728))
by_formula = 3 * (728**2 + 9 * 728 + 2 * 728)
assert sum(p.numel() for p in middle.parameters()) == by_formula
for p in middle.parameters():
    nn.init.zeros_(p)
x = torch.randn(1, 728, 4, 4)
print(f"a middle block of Xception: {by_formula:,} parameters")
print("with all of them zero it hands on its input:", torch.equal(middle(x), x))
assert torch.equal(middle(x), x)

# %% [markdown]
# ## Squeeze and excitation: listen to the whole picture
#
# A convolution sees a window. Sometimes the right answer depends on something elsewhere: under water, a grey blob is a shark; on asphalt, a car. [Hu et al. (2018)](../book/references.md#hu-2018) add a small side path to a
# block, [squeeze and excitation](../book/glossary.md#squeeze-and-excitation). *Squeeze*: take the mean of each map. *Excite*: two linear layers turn the $C$ means into $C$ numbers between 0 and 1. *Scale*: multiply each map by its number.
#
# $$ s = \sigma\big( W_2\, \operatorname{relu}(W_1 z + b_1) + b_2 \big), \qquad z_c = \frac{1}{HW} \sum_{i,j} x_{c,i,j} . \tag{7.66} $$
#
# <span id="c241"></span>The lecture describes it in three steps: pool over the image, expand back to the image size, re-scale the input. That leaves out the part that learns. Without $W_1$, $W_2$ and $\sigma$ each map would be multiplied by its *own mean*. And nothing
# is expanded in memory: one number a map is [broadcast](../book/glossary.md#broadcasting).
#
# > **Predict.** Take the description literally, $x_c \cdot \text{mean}(x_c)$. Multiply the input by 10. What happens to the output? And with the gate?

# %% tags=["nbval-check-output"]
from course_utils.models.senet import SqueezeExcitation

torch.manual_seed(SEED)
x = torch.rand(2, 32, 6, 6)
literal = lambda x: x * x.mean(dim=(2, 3), keepdim=True)
gate = SqueezeExcitation(32)
z = x.mean(dim=(2, 3))
by_hand = torch.sigmoid(gate.w2(F.relu(gate.w1(z))))
assert torch.allclose(gate.gates(x), by_hand)
assert torch.allclose(gate(x), by_hand[:, :, None, None] * x)
times = (literal(10 * x) / literal(x)).mean()
print(f"literal: 10 times the input gives {times:.0f} times the output")
weights = sum(p.numel() for p in gate.parameters())
print("literal: parameters 0; gate: parameters", weights)
for scale in (1, 100, 10000):
    g = gate.gates(scale * x)
    assert (g >= 0).all()
    assert (g <= 1).all()
assert 0 < gate.gates(x).min() < gate.gates(x).max() < 1

other = x.clone()
other[:, 5] += 1.0  # only map 5 gets brighter
changed = (gate.gates(other) - gate.gates(x)).abs().mean(0) > 1e-6
moved = int(changed.sum())
print(f"one map brighter: {moved} of 32 gates move; literally, 1 would")
assert changed.sum() > 16

# %% [markdown]
# Literally, the output grows by 100, since the input is multiplied by itself. A gate stays between 0 and 1 whatever comes, so the output grows by 10 at most. And the point of the two layers: *every map has a say in every gate*. Now the bill. Two linear layers on $C$ numbers, once an image, not once a pixel:

# %% tags=["nbval-check-output"]
from course_utils.scratch.blocks.counting import gate_parameters

plain_bill, gated_bill = bill_of("resnet50"), bill_of("se_resnet50")
more = {
    "multiply-adds": gated_bill.multiply_adds / plain_bill.multiply_adds - 1,
    "parameters": gated_bill.parameters / plain_bill.parameters - 1,
}
for budget, share in more.items():
    print(f"SE-ResNet-50 against ResNet-50: {100 * share:+.2f} % {budget}")
assert 0 < more["multiply-adds"] < 0.01
assert 0.09 < more["parameters"] < 0.11
in_last_stage = 3 * gate_parameters(2048, 16)
extra = gated_bill.parameters - plain_bill.parameters
print(f"of these {extra:,}, in the last stage: {in_last_stage / extra:.0%}")

# %% [markdown]
# Less than one percent of the computation, but ten percent of the parameters: most of them in the last stage, with its 2,048 maps. ("A few percent" is true of the one budget only.)
#
# ### Does the gate follow something global?
#
# Let us plant something. Each picture has a red and a green patch of stripes, upright or level, and in half of the pictures a blue bar at a random side. **Without a bar the red stripes are the answer; with a bar the green ones.** No window
# sees bar and patch together, and after the mean at the end a linear layer can only add up. To obey the bar, something local has to be *multiplied* by something global.

# %% tags=["band-switch"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models.conv_norm import ConvNormAct
from course_utils.models.senet import SqueezeExcitation
from course_utils.scratch.blocks.switch import make_switch_images, with_bar


def obey(with_gates, seed, steps=200, width=16):
    """Train on pictures with a switch; return network, pictures, accuracy."""
    known = make_switch_images(2000, seed=2 * seed)
    fresh = make_switch_images(800, seed=2 * seed + 1)
    torch.manual_seed(seed)
    gate = nn.Identity()
    if with_gates:
        gate = SqueezeExcitation(width, reduction=4)
    net = nn.Sequential(
        ConvNormAct(3, width), gate, ConvNormAct(width, width),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2),
    )  # fmt: skip
    steer = torch.optim.Adam(net.parameters(), lr=1e-2)
    plan = torch.optim.lr_scheduler.OneCycleLR(steer, 1e-2, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(2000, (64,))
        steer.zero_grad()
        scores = net(known.images[chosen])
        F.cross_entropy(scores, known.answer[chosen]).backward()
        steer.step()
        plan.step()
    net.eval()
    with torch.no_grad():
        right = net(fresh.images).argmax(1) == fresh.answer
    return net, fresh, right.float().mean().item()


# %% [markdown]
# > **Predict.** How often is a network right that cannot know which patch counts? (The two messages agree in half of the pictures.)

# %% tags=["band-switch"]
ungated, _, without_gate = obey(False, SEED)
gated, asked, with_gate = obey(True, SEED)
with torch.no_grad():
    gates = gated[1].gates(gated[0](asked.images))
    swayed = gated(with_bar(asked.images)).argmax(1)
bare = (asked.switch == 0) & (asked.red != asked.green)
inside = torch.cat([gates[asked.switch == s].std(0) for s in (0, 1)])
apart = gates[asked.switch == 1].mean(0) - gates[asked.switch == 0].mean(0)
switch_result = {
    "without a gate": without_gate,
    "with a gate": with_gate,
    "largest gap": apart.abs().max().item(),
    "typical spread": inside.median().item(),
    "swayed": (swayed == asked.green)[bare].float().mean().item(),
}

# %%
for name, value in switch_result.items():
    print(f"{name:15s} {value:.3f}")
starts = load_record("07c_blocks.switch")["metrics"]
obeyed = sum(right > 0.95 for right in starts["with a gate"])
print(f"over {len(starts['with a gate'])} starts:")
print(f"  without a gate {band('07c_blocks.switch', 'without a gate')}")
print(f"  with a gate    {band('07c_blocks.switch', 'with a gate')}")
print(f"  gated networks that obey the bar: {obeyed}")
assert switch_result["with a gate"] > switch_result["without a gate"] + 0.1
assert max(starts["without a gate"]) < 0.85
assert 2 * obeyed > len(starts["with a gate"])

# %% mystnb={"image": {"alt": "Left: two pictures with a red and a green patch of stripes, one with a blue bar along a side. Right: mean gate of each of sixteen maps without a bar and with a bar; several gates open or close widely when the bar is there."}} tags=["hide-input"]
figure = plt.figure(figsize=(7, 2.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.7])
for axes, s in zip(left.subplots(1, 2), (0, 1)):
    axes.imshow(asked.images[asked.switch == s][0].permute(1, 2, 0))
    axes.set(title=("no bar: red", "bar: green")[s], xticks=[], yticks=[])
    axes.grid(False)
axes = right.subplots()
order = apart.argsort()
for s, marker, color in ((0, "o", "vermillion"), (1, "s", "green")):
    axes.plot(gates[asked.switch == s].mean(0)[order], marker, color=COLORS[color], label=("no bar", "bar")[s])
axes.set(xlabel="map, ordered by what the bar does", ylabel="mean gate", ylim=(-0.03, 1.03))
axes.legend()
plt.show()

# %% [markdown]
# Without the gate: three in four, chance where the messages disagree. With it, the network obeys. And the gates tell why: the bar moves some of them far (*largest gap*), while between two pictures of the same kind they hardly move (*typical spread*). The line *swayed* is the
# proof by intervention: paint a bar into pictures that had none, change nothing else, and the answer switches from red to green (the share of pictures in which it does). Not every start gets there (the last printed line): a gate must first discover that the bar matters, and while every gate ignores it nothing in the gradient is large.
#
# <span id="c242"></span>On ImageNet the lecture reports errors of **17.3 / 3.8 %** ([top-1 / top-5](../book/glossary.md#top-1-and-top-5-error), one crop) for squeeze-and-excitation networks. That number needs ImageNet and a network of 115 million parameters, SENet-154, looking at 320 x 320 pixels;
# it cannot be checked here. In the same paper a gate in each block lowers ResNet-50 from 7.48 to 6.62 % top-5 (table 2, one crop of 224 pixels), which is the fairer comparison: same recipe, nearly the same cost. The large network has four times the weights of this one, and sees twice the pixels.
#
# ## Compound scaling: three knobs, one bill
#
# You have a good small network and twice the budget. More layers, more channels, or sharper images? [Tan and Le (2019)](../book/references.md#tan-le-2019): some of each. With factors $d$ on depth, $w$ on width and $r$ on resolution, equation 7.61 tells the bill: layers count once,
# channels twice (in *and* out), sides twice:
#
# $$ \begin{aligned} \text{cost} &\propto d\, w^2\, r^2, \\ d = 1.2^{\phi}, \quad w &= 1.1^{\phi}, \quad r = 1.15^{\phi} . \end{aligned} \tag{7.67} $$
#
# The three bases were found by a search on the small network, under the condition that their product as in 7.67 is about 2. So each step of the [compound coefficient](../book/glossary.md#compound-scaling) $\phi$ should double the bill.
#
# > **Predict.** B0 costs 0.39 billion multiply-adds. What should B7 cost, if it stands at $\phi = 7$?

# %% tags=["nbval-check-output"]
import math

from course_utils.models.efficientnet import FAMILY, TABLE, compound_factors

d, w, r = compound_factors(1.0)
print(f"one step costs {d:.2f} x {w:.2f}^2 x {r:.2f}^2 = {d * w**2 * r**2:.3f}")
family = {name: bill_of(f"efficientnet_{name}") for name in FAMILY}
start = family["b0"].multiply_adds
smooth, predicted, counted = {}, {}, {}
for name, (width, depth, side, _) in FAMILY.items():
    blocks = sum(math.ceil(stage.layers * depth) for stage in TABLE) / 16
    smooth[name] = depth * width**2 * (side / 224) ** 2
    predicted[name] = blocks * width**2 * (side / 224) ** 2
    counted[name] = family[name].multiply_adds / start
    print(f"{name}: formula {smooth[name]:4.1f},", end=" ")
    print(f"with whole blocks {predicted[name]:4.1f},", end=" ")
    giga = family[name].multiply_adds / 1e9
    print(f"counted {counted[name]:4.1f}, {giga:5.2f} G")
    assert abs(counted[name] / predicted[name] - 1) < 0.15
assert abs(d * w**2 * r**2 - 1.92) < 0.01
width, depth, side, _ = FAMILY["b7"]
assert round((d * w**2 * r**2) ** 7) == 96
factors = {1.2: depth, 1.1: width, 1.15: side / 224}
for base, factor in factors.items():
    phi = math.log(factor) / math.log(base)
    print(f"b7: {factor:.1f} is {base} to the power of {phi:.1f}")
small_members = [smooth[name] / counted[name] for name in ("b1", "b2", "b3")]
assert all(0.7 < ratio < 0.8 for ratio in small_members)

# %% mystnb={"image": {"alt": "Multiply-adds of EfficientNet B0 to B7 relative to B0 on a logarithmic axis, counted and predicted from blocks, width squared and resolution squared. The two curves lie within fifteen percent of each other, up to about one hundred times."}} tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.semilogy(list(predicted), list(predicted.values()), "--", color=COLORS["gray"], label="predicted, whole blocks")
axes.semilogy(list(counted), list(counted.values()), "o", color=COLORS["blue"], label="counted")
axes.set(xlabel="member of the family", ylabel="multiply-adds, B0 = 1")
axes.legend()
plt.show()

# %% [markdown]
# Seven steps of 1.92 make 96 times B0's bill, 37 billion; counted are 98 times, 37.7 billion. A fine prediction, though not quite for its own reason: as powers of the three bases, B7's factors 3.1, 2.0 and 2.7 are $\phi = 6.2$, $7.3$ and $7.0$ (the last three lines). The published family
# was adjusted by hand; "one coefficient" is the idea, not the letter.
#
# Now the small members. Even with their own factors the formula is too low by a quarter: a stage of one block cannot have 1.1 of them, it gets two, and rounding always goes up. Put whole blocks in place of the factor on depth, and the rule holds within 15 % over two orders of magnitude.
#
# The blocks inside are a summary of this chapter: expand by 1x1, look by depthwise, gate, project by 1x1, add the input. Here is one that trains, a quarter as wide and a third as deep:

# %% tags=["band-efficient"]
from course_utils.models.efficientnet import EfficientNet

torch.manual_seed(SEED)
mini = EfficientNet("b0", num_classes=10, width=0.25, depth=0.34)
efficient_result = {"accuracy": learn_wide_digits(mini, SEED)}

# %%
reference = band("07c_blocks.efficient", "accuracy")
weights = sum(p.numel() for p in mini.parameters())
print(f"{weights:,} parameters: {efficient_result['accuracy']:.1%} right")
print(f"other seeds: {reference}")
assert reference.contains(efficient_result["accuracy"], slack=0.08)

# %% [markdown]
# ## A stride in place of pooling
#
# [Chapter 05c](05c_pooling.ipynb) pooled. Inception and residual networks mostly do not: they let a convolution step by two, which a lecture calls *learnt pooling*. Turn the dials of a pooling window first, and ask which of its outputs a 3 x 3 convolution with a stride of 2 could also give:

# %%
PoolingExplorer(kind="average")

# %% [markdown]
# The average: yes, it *is* such a convolution, with fixed weights. The maximum: no. So the swap loses the maximum and gains weights. [Springenberg et al. (2015)](../book/references.md#springenberg-2015) did it everywhere and lost nothing on CIFAR-10. They also did something that is often forgotten: they added
# a third network, with the *same extra convolution* but the pooling kept. Otherwise you compare not two ways to halve a map but a smaller network with a larger one.
#
# > **Predict.** On the digits: maximum pooling, a stride in its place, and the extra convolution *with* maximum pooling. Which of the three is ahead, and is more than a point between them?

# %% tags=["band-pooling"]
pooling_result = {}
for pool in ("max", "stride", "convolve, then max"):
    torch.manual_seed(SEED)
    network = Miniature("plain", 8, pool=pool)
    pooling_result[pool] = learn_wide_digits(network, SEED)

# %% mystnb={"image": {"alt": "Three horizontal bands of accuracy on digits, for maximum pooling, a stride in its place, and convolution then maximum pooling, each with its median and a diamond for this run. The bands overlap."}} tags=["hide-input"]
figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
for y, (pool, value) in enumerate(pooling_result.items()):
    plotting.seed_band(axes, band("07c_blocks.pooling", pool), value, pool, y=y)
axes.set_xlabel("accuracy")
plt.show()

# %%
middle = {}
for pool, value in pooling_result.items():
    size = summarise(Miniature("plain", 8, pool=pool), (3, 32, 32))
    spread = band("07c_blocks.pooling", pool)
    middle[pool] = spread.median
    print(f"{pool:18s} {size.parameters:6,} weights,", end=" ")
    print(f"{size.multiply_adds:9,} multiply-adds,", end=" ")
    print(f"{value:.1%}, median {spread.median:.1%}")
    assert spread.contains(value, slack=0.03)
assert abs(middle["max"] - middle["stride"]) <= 0.02
assert middle["stride"] < middle["convolve, then max"] < middle["max"]

# %% [markdown]
# Within two points, but on the wrong side: the strided network has *more* weights and work than the pooled one, and a slightly lower median. Its fair rival, the third network with the same weights, is one point ahead. So on small digits a learnt stride buys nothing; on CIFAR-10, with long training, the paper's strided network was as good as its rivals.
#
# ## The accountant, audited
#
# All counts so far came from `models.summarise`, which traces one forward pass. An accountant should be audited by somebody who works in another way. The auditor below hangs a hook on every layer and applies equation 7.61. It is all you need for your own networks:


# %% tags=["nbval-check-output"]
def audit(model, input_shape):
    """Parameters of layers that run, and multiply-adds, by hooks."""
    seen, products = {}, []

    def count(module, inputs, output):
        own = module.parameters(recurse=False)
        seen[module] = sum(p.numel() for p in own)
        if isinstance(module, nn.Conv2d):
            k1, k2 = module.kernel_size
            reads = k1 * k2 * module.in_channels // module.groups
            products.append(reads * output.numel())
        elif isinstance(module, nn.Linear):
            products.append(module.in_features * output.numel())

    hooks = [m.register_forward_hook(count) for m in model.modules()]
    model.eval()(torch.zeros(1, *input_shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(seen.values()), sum(products)


suspects = ["vgg16", "googlenet", "resnet50", "densenet121"]
for name in [*suspects, "se_resnet50", "efficientnet_b0"]:
    with torch.device("meta"):
        network = models.build(name)
    found, (weights, work) = bill_of(name), audit(network, (3, 224, 224))
    assert weights == found.parameters - found.unused
    assert work == found.multiply_adds
    print(f"{name:16s} {weights:11,} parameters", end=" ")
    print(f"{work:14,} multiply-adds: agreed")

# %% [markdown]
# Two walks through the same object could share a mistake. A third count needs no network at all: only the tables of the papers and a pencil. `course_utils.scratch.blocks.counting` walks through them; here are the closed forms of four families, and the tests hold all members.

# %% tags=["nbval-check-output"]
from course_utils.models.efficientnet import round_channels
from course_utils.scratch.blocks.counting import (
    densenet_counts,
    efficientnet_counts,
    resnet_counts,
    vgg_counts,
)

b0 = efficientnet_counts(TABLE, 1.0, 1.0, 224, round_channels)
closed = {
    "vgg16": vgg_counts((2, 2, 3, 3, 3)),
    "resnet50": resnet_counts((3, 4, 6, 3), bottleneck=True),
    "densenet121": densenet_counts((6, 12, 24, 16), growth=32, start=64),
    "efficientnet_b0": b0,
}
for name, counts in closed.items():
    found = bill_of(name)
    assert tuple(counts) == (found.parameters, found.multiply_adds)
    weights, work = counts
    print(f"{name:16s} {weights:11,} {work:14,}  to the unit")

# %% [markdown]
# ### Memory, and how papers count
#
# *Activation memory* here is the size of every result of one forward pass, in float32: what training keeps at most. Two warnings when you compare with a paper. Some print **FLOPs** and mean multiply-adds (ResNet: 3.8 billion); some count a multiplication and an addition as two. And a network is not one number: ResNet-50 has 3.86 billion
# in the paper's form and 4.09 in torchvision's, which moves a stride by one layer.
#
# ## All networks, one table
#
# Everything of chapters 06 and 07, each at the image size of its paper. *Field* is the side of the [receptive field](../book/glossary.md#receptive-field) of the last map; where a gate takes a mean over the whole map the number is the field of that mean, larger than any image.

# %% tags=["nbval-check-output"]
from course_utils.models.comparison import comparison

accounts = {a.name: a for a in comparison()}
print("network              year  side depth parameters  multiply-adds  field")
for a in accounts.values():
    print(f"{a.name:20s} {a.year} {a.input_size:5d} {a.depth:5d}", end=" ")
    print(f"{a.parameters:11,} {a.multiply_adds:14,} {a.field:6,}")

# %% [markdown]
# <span id="c237"></span>The lecture says that inception and residual networks have fewer parameters than VGG, and one linear layer in place of three. Both hold:

# %% tags=["nbval-check-output"]
for name in ("vgg16", "googlenet", "resnet50", "resnet152"):
    with torch.device("meta"):  # without the heads that only train
        options = {"heads": False} if name == "googlenet" else {}
        parts = models.build(name, **options).modules()
    linear = sum(isinstance(part, nn.Linear) for part in parts)
    weights = accounts[name].parameters
    print(f"{name:10s} {weights / 1e6:6.1f} million parameters,", end=" ")
    print(f"linear layers: {linear}")
    assert linear == (3 if name == "vgg16" else 1)
    assert weights < accounts["vgg16"].parameters / 2 or name == "vgg16"

# %% [markdown]
# ## All networks, one chart
#
# Now add what the papers report: top-5 error on ImageNet's validation images, one network, no ensemble. These errors are *quoted*, not measured here.
#
# > **Predict.** Before you look: which network of the chart is the worst buy today, so that another is as good for the smallest part of its cost? And which paper made the largest step to the left: an error that had been reached before, at a small part of the cost?

# %% mystnb={"image": {"alt": "Reported top-5 error on ImageNet against multiply-adds, logarithmic, for 31 networks, marked by protocol. AlexNet and ZFNet stand top left at 16 to 18 percent, VGG right of them at 9 to 10 percent with up to 20 billion; residual, dense and gated networks lie between 5.5 and 8 percent at 3 to 11 billion; EfficientNets form the lower left edge from 6.7 percent at 0.4 billion to 3 percent at 38 billion."}} tags=["hide-input"]
from course_utils.models.reported import REPORTED
from course_utils.plotting.budgets import draw_errors

points = {n: (accounts[n].multiply_adds / 1e9, r.top5, r.protocol) for n, r in REPORTED.items()}
families = [[f"vgg{d}" for d in (11, 13, 16, 19)], [f"resnet{d}" for d in (34, 50, 101, 152)],
            [f"densenet{d}" for d in (121, 169, 201)], [f"se_resnet{d}" for d in (50, 101, 152)],
            [f"efficientnet_b{i}" for i in range(8)]]  # fmt: skip
figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
draw_errors(axes, points, {
    "alexnet": (7, 0), "zfnet": (7, 0), "vgg11": (-7, 0), "vgg19": (7, 0), "googlenet": (-7, 0), "bn_inception": (-7, 2), "plain34": (-7, 6),
    "inception_v3": (-7, -3), "inception_v4": (7, -7), "resnet34": (7, 5), "resnet152": (7, 1), "densenet121": (-7, -6),
    "se_resnet152": (7, 12), "xception": (-5, -6), "inception_resnet_v2": (-5, -10), "efficientnet_b0": (-7, 0), "efficientnet_b3": (-7, -2), "efficientnet_b7": (-7, -7),
}, families)  # fmt: skip
axes.set(
    xlabel="billion multiply-adds for one image", ylabel="reported top-5 error, %", ylim=(0, 19.5), xlim=(0.15, 60)
)
plt.show()

# %% [markdown]
# The answers, by computer:

# %% tags=["nbval-check-output"]
cost = {name: accounts[name].multiply_adds for name in REPORTED}
today, step = {}, {}
for name, reported in REPORTED.items():
    as_good = [n for n in REPORTED if REPORTED[n].top5 <= reported.top5]
    today[name] = cost[name] / min(cost[n] for n in as_good)
    year = accounts[name].year
    older = [n for n in as_good if accounts[n].year < year]
    if older:
        step[name] = min(cost[n] for n in older) / cost[name]
worst, boldest = max(today, key=today.get), max(step, key=step.get)
print(f"{worst}: {today[worst]:.0f} times the cost of one as good")
print(f"{boldest}: {step[boldest]:.0f} times cheaper than any before")
family_of_2014 = cost["vgg11"] / cost["googlenet"]
print(f"googlenet: {family_of_2014:.1f} times cheaper than VGG-11, same year")

# %% [markdown]
# Do not take these factors at their word. **Protocols differ**: squares averaged ten crops of each image (so they *paid ten times the cost shown*), triangles ran over a whole, larger image. Recipes differ even more: EfficientNets were trained for hundreds of epochs with learned augmentation, a residual network of 2015 was not. So a distance between two points
# of different families is block *plus* recipe *plus* protocol. Within a line it is mostly the network: that of VGG turns up at its end, as depth alone [stopped paying](06c_depth.ipynb). The same numbers as a table, with where they stand:

# %% tags=["hide-input", "nbval-check-output"]
for name, r in sorted(REPORTED.items(), key=lambda item: -item[1].top5):
    print(f"{name:19s} {r.top5:5.2f} % {r.protocol:11s} {r.source}, {r.place}")

# %% [markdown]
# Ten crops or one, by how much does it matter? DenseNet's authors print both: 7.71 and 6.66 % for DenseNet-121. One whole point for the same weights, as much as from ResNet-50 to ResNet-152.
#
# ## Checked claims
#
# | claim | verdict | finding |
# |---|---|---|
# | [C237](#c237) Inception and ResNet have fewer parameters than VGG and one linear layer, not three | true | 7.0, 25.6 and 60.2 million against 138.4 |
# | [C238](#c238) DenseNet's channels grow with depth | true | $k_0 + L k$ within a block; a transition halves them |
# | [C239](#c239) Separable: $ch^2 + 9\,ch$ in place of $9\,ch^2$ | true | 4,672 against 36,864 at 64 channels |
# | [C240](#c240) Separable is 1x1 first, then 3 x 3 a channel | imprecise | the usual order, Xception's too, is 3 x 3 first; equal cost only for equal widths |
# | [C241](#c241) SE: pool, expand, re-scale | imprecise | two linear layers and a sigmoid make the gates; one number a map is broadcast |
# | [C242](#c242) SE errors 17.3 / 3.8 % with one crop | external | as reported for SENet-154 at 320 pixels; needs ImageNet |
#
# ## Pitfalls
#
# **1. "Eight times fewer multiplications, eight times faster."** Cost is not time. A depthwise layer does little arithmetic for each number that it fetches:

# %% tags=["nbval-check-output"]
kinds = {
    "ordinary 3x3": nn.Conv2d(64, 64, 3, padding=1, bias=False),
    "depthwise 3x3": nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False),
    "pointwise 1x1": nn.Conv2d(64, 64, 1, bias=False),
}
for name, part in kinds.items():
    moved = 2 * 64 * 56 * 56 + part.weight.numel()  # read, written, weights
    work = summarise(part, (64, 56, 56)).multiply_adds
    print(f"{name:13s} {work / moved:6.1f} multiply-adds for each number moved")
assert conv_cost(64, 64, 3, 56, groups=64) == 9 * 64 * 56**2

# %% [markdown]
# A processor that can do a hundred multiplications in the time of one fetch waits most of the time in the second line, and two thirds of it in the third. Measure time on the machine that will run it.
#
# **2. A gate on a dead map.** A gate multiplies; it cannot create. Where ReLU has silenced a map, no gate brings it back, and its gate gets no gradient from it:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
gate, x = SqueezeExcitation(4, reduction=1), torch.rand(1, 4, 5, 5)
x[:, 2] = 0
s = gate.gates(x).detach().requires_grad_()
(s[:, :, None, None] * x).sum().backward()
print("gradient of each gate:", [round(v, 2) for v in s.grad[0].tolist()])
assert s.grad[0, 2] == 0

# %% [markdown]
# **3. Counting each use as a parameter, or each parameter as a use.** A layer used twice costs twice the work but one set of weights:


# %% tags=["nbval-check-output"]
class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)

    def forward(self, x):
        return self.conv(self.conv(x))


shared = summarise(Twice(), (8, 10, 10))
once = conv_cost(8, 8, 3, 10)
print(f"{shared.parameters} parameters,", end=" ")
print(f"{shared.multiply_adds:,} multiply-adds = 2 x {once:,}")
assert shared.parameters == 576
assert shared.multiply_adds == 2 * conv_cost(8, 8, 3, 10)

# %% [markdown]
# **4. Dense blocks without transitions.** Forget to halve, and 7.63 runs away:

# %% tags=["nbval-check-output"]
for depth in (6, 12, 24, 48):
    weights = dense_block_weights(64, 32, depth)
    print(f"{depth:2d} layers of growth 32 from 64 maps: {weights:12,} weights")
assert dense_block_weights(64, 32, 48) > 6 * dense_block_weights(64, 32, 18)

# %% [markdown]
# ## Exercises
#
# **1. Five minutes.** A separable layer with 5 x 5 kernels, from 64 to 128 channels, no biases. How many weights? By which factor fewer than the ordinary one?
#
# <details><summary>Hint</summary>
#
# $k^2 C + C\,O$ against $k^2 C\,O$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
split, whole = 25 * 64 + 64 * 128, 25 * 64 * 128
print(split, f"{whole / split:.1f} times fewer; 1/ratio = 1/25 + 1/128 = {1 / 25 + 1 / 128:.4f}")
assert abs(split / whole - (1 / 25 + 1 / 128)) < 1e-12

# %% [markdown]
# **2. Ten minutes.** How many parameters do all gates of SE-ResNet-50 have? Derive $2C^2/r + C/r + C$ for a gate with biases, sum over the 16 blocks, and compare with the difference of the two networks.
#
# <details><summary>Hint</summary>
#
# $C$ is 256, 512, 1024, 2048 in 3, 4, 6 and 3 blocks; $r = 16$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
total = sum(n * gate_parameters(c, 16) for n, c in ((3, 256), (4, 512), (6, 1024), (3, 2048)))
print(f"{total:,}")
assert total == gated_bill.parameters - plain_bill.parameters

# %% [markdown]
# **3. Fifteen minutes.** Scale in one direction only. By how much must you deepen, widen or sharpen EfficientNet-B0 to double the bill, if 7.67 holds? Build the wide one (`width=...`) and count.
#
# <details><summary>Hint</summary>
#
# $d = 2$, $w = \sqrt 2$, $r = \sqrt 2$. Channels are rounded to multiples of 8.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
with torch.device("meta"):
    wide = summarise(models.build("efficientnet_b0", width=2**0.5), (3, 224, 224)).multiply_adds
    deep = summarise(models.build("efficientnet_b0", depth=2.0), (3, 224, 224)).multiply_adds
    sharp = summarise(models.build("efficientnet_b0"), (3, 317, 317)).multiply_adds
print([f"{c / start:.2f}" for c in (wide, deep, sharp)])
assert all(1.7 < c / start < 2.3 for c in (wide, deep, sharp))

# %% [markdown]
# **4. Half an hour.** Take the literal description of squeeze and excitation, $x_c \cdot \text{mean}(x_c)$, in place of the gate in `obey`. Can a map that shows stripes learn of the bar in this way? Try it, on three seeds, and explain what you see.
#
# <details><summary>Hint</summary>
#
# One filter may answer to stripes *and* to the bar, so that the mean of its map is $a + b$, with $a$ from the stripes and $b$ from the bar. What is the mean of the map times its own mean?
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class OwnMean(nn.Module):
    def forward(self, x):
        return x * x.mean(dim=(2, 3), keepdim=True)


known, own_mean = make_switch_images(1500, seed=0), []
for seed in range(3):
    torch.manual_seed(seed)
    own = nn.Sequential(
        ConvNormAct(3, 12), OwnMean(), ConvNormAct(12, 12),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 2),
    )  # fmt: skip
    steer = torch.optim.Adam(own.parameters(), lr=1e-2)
    for _ in range(150):
        chosen = torch.randint(1500, (64,))
        steer.zero_grad()
        scores = own(known.images[chosen])
        F.cross_entropy(scores, known.answer[chosen]).backward()
        steer.step()
    with torch.no_grad():
        right = own.eval()(asked.images).argmax(1) == asked.answer
    own_mean.append(right.float().mean().item())
print("own mean:", [round(score, 2) for score in own_mean], "no gate: 0.75 or so")
print("It can obey. The mean of x times its own mean is (a + b)^2: it holds 2 a b,")
print("stripes times bar. What it cannot do: let one map steer another, so each map")
print("that shall obey needs the bar in its own filter. And bright pictures count more.")
assert max(own_mean) > max(starts["without a gate"])

# %% [markdown]
# **5. An evening.** Put a block of your own into the skeleton `Miniature` (say, a residual block with separable layers *and* a gate). Choose its width so that it costs 3.5 million multiply-adds, train it by the recipe below on five seeds, and draw it into the map. Write one paragraph: is it better, or is it within the spread?
#
# <details><summary>Hint</summary>
#
# A block is a module that takes so many channels, gives so many, and keeps the map's size. Build a `Miniature` and replace the block of each stage. Compare medians with the width of the bands.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.models import miniature


def gated_separable(before, after):
    return nn.Sequential(
        XceptionBlock((before, after, after), first_relu=False),
        SqueezeExcitation(after, reduction=8),
    )


class Mine(Miniature):
    """The separable miniature with a gate behind each block."""

    def __init__(self, width):
        super().__init__("separable", width)
        before = miniature.STEM
        for i, stage in enumerate((self.stage1, self.stage2, self.stage3)):
            stage[0] = gated_separable(before, width * 2**i)
            before = width * 2**i


price = lambda model: summarise(model, (3, 32, 32)).multiply_adds
width = min(range(8, 72, 8), key=lambda width: abs(price(Mine(width)) - 3.5e6))
print(f"{width} maps in the first stage: {price(Mine(width)):,} multiply-adds")
rivals = {"mine": lambda: Mine(width), "separable": lambda: Miniature("separable", width)}
for name, make in rivals.items():
    torch.manual_seed(SEED)
    print(f"{name:10s} on the digits, one seed: {learn_wide_digits(make(), SEED):.1%}")
print("On CIFAR-10: add the line to NETWORKS in course_utils/recipes/miniatures.py,")
print("then run course train miniatures. A gain is one that is larger than the")
print("spread of five seeds.")
assert abs(price(Mine(width)) / 3.5e6 - 1) < 0.2

# %% [markdown]
# ## At scale
#
# Papers compare networks that were trained by different people in different years. Here every family stands in the same skeleton, is trained by the *same* recipe, two epochs on the same 10,000 images of CIFAR-10, and is asked about 5,000 training images held out. The command is `course train miniatures`, with
# `course data cifar10` before it. There are three prices: about 1.4 million multiply-adds, 3 to 4 million, and 5.8 million for the deepest; LeNet is cheaper still.
#
# > **Predict.** At the middle price, order these by accuracy: a plain network of 20 layers, a residual one of 20 layers, a residual one of 8 wide layers, a dense one, a separable one.

# %%
record = load_record("miniatures")
order = sorted(record["metrics"], key=lambda n: -band("miniatures", n).median)
print(f"{len(record['seeds'])} seeds;", end=" ")
print("accuracy in percent: lowest, median, highest")
for name in order:
    b, work = band("miniatures", name), record["multiply_adds"][name]
    print(f"{name:16s} {record['parameters'][name]:8,} parameters", end=" ")
    print(f"{work / 1e6:5.2f} M  {100 * b.minimum:4.1f}", end=" ")
    print(f"{100 * b.median:4.1f} {100 * b.maximum:4.1f}")
made_on = record["provenance"]
print(f"{made_on['processor']}, {made_on['date']}, commit {made_on['commit']}")
assert record["setting"]["epochs"] == 2

# %% mystnb={"image": {"alt": "Held-out accuracy on CIFAR-10 against multiply-adds for the miniatures of all families, each with a bar over its seeds and a mark by family. At 3 to 4 million the wide shallow residual, gated, separable and inverted networks stand highest, near each other; plain networks of 20 and 38 layers fall far below, and their residual twins stay up."}} tags=["hide-input"]
from course_utils.plotting.budgets import draw_map

looks = {"LeNet": ("v", "gray"), "VGG": ("^", "vermillion"), "residual": ("s", "blue"), "gated": ("D", "green"),
         "inception": ("P", "orange"), "dense": ("o", "purple"), "separable": ("X", "sky"), "efficient": ("h", "ink")}  # fmt: skip
kind_of = {name: looks[name.split()[0]] for name in record["metrics"]}
aside = {"separable": (-14, 8), "efficient": (-14, -2), "inception": (-14, -8), "separable small": (-6, 0),
         "residual 8 wide": (18, 10), "gated 8 wide": (18, 2), "VGG 8 wide": (8, -6), "residual 8": (6, 4), "VGG 8": (6, -3),
         "LeNet": (6, 0), "dense small": (6, -4), "dense": (6, 3), "residual 20": (-6, -4), "residual 38": (-6, 6), "VGG 38": (-6, 0)}  # fmt: skip
figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
draw_map(axes, {n: c / 1e6 for n, c in record["multiply_adds"].items()}, record["metrics"], kind_of, aside)
axes.set(xlabel="million multiply-adds for one image", ylabel="held-out accuracy", xlim=(0, 6.8))
plt.show()

# %%
medians = {name: band("miniatures", name).median for name in record["metrics"]}
for depth in (20, 38):
    plain, residual = (medians[f"{k} {depth}"] for k in ("VGG", "residual"))
    print(f"{depth} layers: plain {plain:.1%}, residual {residual:.1%}")
    assert residual > plain + 0.1
wide = medians["residual 8 wide"]
gap = {name: medians[name] - wide for name in medians}
for name in ("gated 8 wide", "dense", "separable", "inception", "efficient"):
    print(f"{name:12s} against residual 8 wide: {100 * gap[name]:+.1f} points")
assert wide > medians["residual 20"] > medians["residual 38"]
assert gap["dense"] < -0.05
assert min(gap["separable"], gap["efficient"]) > 0
spread = band("miniatures", "residual 8 wide")
assert abs(gap["gated 8 wide"]) < spread.maximum - spread.minimum

# %% [markdown]
# Three things to read off, and one to keep from reading.
#
# - **The shortcut is worth more than any block.** The plain networks of 20 and 38 layers fail at this short recipe, their residual twins do not.
# - **At the same price, wide and shallow beats deep and narrow** when training lasts for two epochs; the deep ones would need longer.
# - **Separable and inverted blocks are level with the wide residual network** or a little ahead, within the spread; the dense one, whose layers are narrow and many, does not. What a gate gives is of the size of the spread between seeds.
#
# And the one to keep from: "so this block is the best". A map is true for its recipe. On ImageNet, with weeks of training, the order was another, as the chart above reports.
#
# ## Summary
#
# - A convolution costs $k^2 C O / g$ weights, each used $HW$ times. Parameters, multiply-adds and memory are three budgets.
# - A dense block appends: $k_0 + L k$ maps, few parameters, much memory.
# - A separable layer looks, then mixes: $1/9 + 1/ch$ of the price. Usually 3 x 3 first.
# - Squeeze and excitation multiplies each map by a number in (0, 1) that all maps decide on. It lets something global steer something local.
# - Depth once, width twice, resolution twice: that predicts the bill of scaling.
# - A strided convolution can stand in for pooling; compare with the network that has the same extra weights.
# - Compare networks within one recipe and one protocol, with the spread over seeds beside the difference.
#
# ## Further reading
#
# - [Huang et al. (2017)](../book/references.md#huang-2017), [Chollet (2017)](../book/references.md#chollet-2017), [Howard et al. (2017)](../book/references.md#howard-2017), [Hu et al. (2018)](../book/references.md#hu-2018), [Tan and Le (2019)](../book/references.md#tan-le-2019): the blocks.
# - [Springenberg et al. (2015)](../book/references.md#springenberg-2015): a network of convolutions only, and how to compare fairly.
# - [Szegedy et al. (2016b)](../book/references.md#szegedy-2016b): design by counting.
#
# ## The next question
#
# You can now build nearly any network of these twenty years and say what it costs. But what has it *learned*? Millions of weights, and not one of them comes with a label. The next chapters open the trained network and look.
