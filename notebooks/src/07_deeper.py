# %% [markdown]
# # Inception
#
# Take a network almost three times as deep as AlexNet, with a ninth of its parameters, and win the challenge with it. The trick is arithmetic: a convolution of one
# pixel that makes the large ones cheap. You will count every multiplication, find three wrong rows in a famous table, and see which of the tricks still matter.
#
# **You will be able to**
#
# - use a 1x1 convolution as a layer at every pixel, and as a bottleneck, and say from which width on it no longer pays;
# - compute cost and shape of an Inception block from its table, by hand and in code;
# - count the parameters and the layers of GoogLeNet, and correct what is said about them;
# - say what auxiliary heads do to the gradient, when that helps, and what is left of them afterwards;
# - measure how many steps batch normalisation saves, over many seeds;
# - take a large kernel apart into smaller ones, and scale a residual branch so that a deep stack survives.
#
# **You need** convolutions and their cost ([a zoo of convolutions](05b_layers.ipynb)), what fifty layers do to a signal ([signals through depth](04b_signals.ipynb)),
# and [batch normalisation](04c_normalisation.ipynb). AlexNet and VGG have [chapters](06b_alexnet.ipynb) of [their own](06c_depth.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import models, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.depth import signal_curves
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import (
    ArchitectureExplorer,
    InceptionCost,
    ReceptiveField,
)

plotting.use_style()
torch.set_num_threads(1)  # small layers: a second thread does not pay
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Deeper, on a budget
#
# In 2014 two networks led the ImageNet challenge. [VGG](06c_depth.ipynb) stacked up to sixteen layers of 3x3 kernels, all alike, and three fully connected ones on top. GoogLeNet ([Szegedy et al., 2015](../book/references.md#szegedy-2015)) put
# several kernel sizes side by side, in 22 layers, and was narrowly better.
#
# > **Predict.** AlexNet of 2012 has 61 million parameters in 8 layers. How many has GoogLeNet: twice as many, as many, a ninth? And how many multiplications does one image cost, compared with AlexNet and with VGG?

# %% tags=["nbval-check-output"]
accounts = {}
for name in ("alexnet", "vgg16", "googlenet"):
    with torch.device("meta"):  # shapes without numbers: no time, no memory
        accounts[name] = models.summarise(models.build(name))
print("network    layers   parameters   multiply-adds")
for name, account in accounts.items():
    run = account.parameters - account.unused  # heads that only train: later
    giga = account.multiply_adds / 1e9
    print(f"{name:10s} {account.depth:6d} {run / 1e6:10.2f} M {giga:13.2f} G")
counted = accounts["googlenet"].parameters - accounts["googlenet"].unused
assert counted == 6_998_552
assert counted < accounts["alexnet"].parameters / 8.7
work = {name: account.multiply_adds for name, account in accounts.items()}
assert 2 * work["alexnet"] < work["googlenet"] < work["vgg16"] / 9

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three bar charts for AlexNet, VGG-16 and GoogLeNet. Layers: 8, 16, 22. Parameters in millions: 61, 138, 7. Multiply-adds in billions: 0.72, 15.5, 1.58. GoogLeNet is the deepest, has by far the fewest parameters, and costs twice as much as AlexNet but a tenth of VGG."}}
columns = {
    "layers": [a.depth for a in accounts.values()],
    "parameters (millions)": [(a.parameters - a.unused) / 1e6 for a in accounts.values()],
    "multiply-adds (billions)": [a.multiply_adds / 1e9 for a in accounts.values()],
}
figure, panels = plt.subplots(1, 3, figsize=(7, 2.3), layout="constrained")
shades = [COLORS["gray"], COLORS["orange"], COLORS["blue"]]
for axes, (title, heights) in zip(panels, columns.items()):
    bars = axes.bar(["AlexNet", "VGG-16", "GoogLeNet"], heights, color=shades)
    axes.bar_label(bars, [f"{h:.3g}" for h in heights], fontsize=9)
    axes.set_title(title, fontsize=10)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.grid(visible=False)
    axes.margins(y=0.15)
plt.show()

# %% [markdown]
# Few parameters do not mean little work: GoogLeNet computes *twice* as much as AlexNet for each image. A convolution's weight is used at every place of the map; a weight of a fully connected layer is used once. AlexNet keeps most of its parameters in such
# layers, GoogLeNet a seventh. Keep the two counts apart, here and in every paper you read.
#
# Walk through both networks. Choose a layer by click or by the arrow keys.
#
# > **Predict.** Which one layer of AlexNet has most of its parameters, and which does most of its multiplications? And in GoogLeNet: is it the same block for both?

# %%
ArchitectureExplorer(network="googlenet", other="alexnet")

# %% tags=["nbval-check-output"]
for name in ("alexnet", "googlenet"):
    rows = accounts[name].stages().rows
    stores = max(rows, key=lambda row: row.parameters)
    works = max(rows, key=lambda row: row.multiply_adds)
    run = accounts[name].parameters - accounts[name].unused
    share = stores.parameters / run
    print(f"{name:10s} most weights in {stores.name} ({share:.0%}),", end=" ")
    print(f"most multiply-adds in {works.name}")
    assert stores.name != works.name

# %% [markdown]
# The last layers store, the early ones work: they have the large maps.
#
# ## A linear layer at every pixel
#
# Start with the smallest kernel there is. A [1x1 convolution](05b_layers.ipynb) has no neighbours to look at. At each place $(i, j)$ it takes the $C$ numbers of that place and mixes them:
#
# $$ z_o(i, j) = b_o + \sum_{c=1}^{C} W_{oc}\, x_c(i, j) . \tag{7.1} $$
#
# That is a linear layer with $C$ inputs, the same at every pixel. So it cannot care where a pixel stands: shuffle the pixels first or afterwards, the result is the same.

# %% tags=["nbval-check-output"]
from torch import nn
from torch.nn import functional as F

conv = nn.Conv2d(6, 4, kernel_size=1)
x = torch.randn(2, 6, 5, 7)
linear = F.linear(x.movedim(1, -1), conv.weight[:, :, 0, 0], conv.bias)
same = torch.allclose(conv(x), linear.movedim(-1, 1), atol=1e-6)
order = torch.randperm(35)
shuffled = x.flatten(2)[..., order].view_as(x)
blind = conv(x).flatten(2)[..., order].view(2, 4, 5, 7)
blind = torch.allclose(conv(shuffled), blind, atol=1e-6)
print("a linear layer at every pixel:", same)
print("blind to where a pixel stands:", blind)
assert same
assert blind

# %% [markdown]
# [Lin, Chen and Yan (2014)](../book/references.md#lin-2014) asked why a convolution should be followed by nothing but a ReLU. They put a small *network* at every pixel: convolution, then 1x1, then 1x1 again, each with its ReLU. They called it a
# network in network. What can two of them do that one cannot? The oldest example of [chapter 02](02_mlp.ipynb) serves: is exactly *one* of two features there? Four pixels, all four cases:

# %% tags=["nbval-check-output"]
flags = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])[None]
wanted = torch.tensor([[0.0, 1.0], [1.0, 0.0]])

inputs = torch.cat([flags[0].flatten(1), torch.ones(1, 4)]).T  # and a bias
best = torch.linalg.lstsq(inputs, wanted.flatten()[:, None]).solution
guess = (inputs @ best).flatten().round(decimals=2)
print("best single 1x1 layer: ", guess.tolist())

difference = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None]
both = F.conv2d(F.conv2d(flags, difference).relu(), torch.ones(1, 2, 1, 1))
print("1x1, ReLU, 1x1:        ", both.flatten().tolist())
assert torch.equal(both[0, 0], wanted)
assert torch.allclose(inputs @ best, torch.tensor(0.5))

# %% [markdown]
# Alone, the best it can say is "one half" everywhere. With a ReLU in between, two of them answer exactly. So a 1x1 layer also makes a network deeper, and able to tell more apart, as a lecture says. The ReLU is what does it: [without one](#pitfalls) the two layers are one.
#
# ### The bottleneck
#
# <span id="c214"></span>A lecture notes that 1x1 is 25 times less expensive than 5x5. For equally many maps on both sides that is plain: 1 product against 25. Hence the idea. Let a cheap 1x1 layer first *reduce* the maps, and the 5x5 read the few that are left. This is a [bottleneck](../book/glossary.md#bottleneck).
#
# From $C$ maps to $O$ maps with a $k \times k$ kernel costs $k^2 C O$ multiply-adds for each place. By way of $r$ maps it costs $r C$ for the reduction and $k^2 r O$ for the kernel. That is cheaper as long as
#
# $$ r C + k^2 r O < k^2 C O , $$
#
# and, solved for $r$,
#
# $$ r < \frac{k^2\, C\, O}{C + k^2 O} . \tag{7.2} $$
#
# > **Predict.** A 5x5 layer from 192 to 32 maps, as in GoogLeNet's first block. Its authors reduce to 16 maps. What share of the cost is left? And up to which $r$ does a reduction pay at all?

# %% tags=["nbval-check-output"]
from course_utils.scratch.inception.cost import reduction_pays_below

small, big = (64 * k**2 * 64 for k in (1, 5))
print(f"64 to 64 maps: 5x5 costs {big // small} times as much as 1x1")
C, O, k = 192, 32, 5
direct = k**2 * C * O
for r in (16, 96, 154, 155, 192):
    cost = r * C + k**2 * r * O
    print(f"5x5 by way of {r:3d} maps: {cost / direct:5.1%} of {direct:,}")
    assert (cost < direct) == (r < reduction_pays_below(C, O, k))
print(f"it pays below r = {reduction_pays_below(C, O, k):.1f}")
assert big == 25 * small

# %% [markdown]
# A tenth. And note the bottom lines: a reduction that hardly reduces *costs* more than none, since it is one layer more.
#
# What do you pay for it? Leave the ReLU away for a moment. Then the pair is one 5x5 layer whose weights are of a special kind: everything it sees of the 192 maps has gone through 16 numbers. In the language of matrices, its [rank](05_convolution.ipynb) is at most $r$:

# %% tags=["nbval-check-output"]
draw = torch.Generator().manual_seed(SEED)
down = torch.randn(16, 192, 1, 1, generator=draw, dtype=torch.float64)
large = torch.randn(32, 16, 5, 5, generator=draw, dtype=torch.float64)
merged = torch.einsum("orhw,rc->ochw", large, down[:, :, 0, 0])

x = torch.randn(1, 192, 9, 9, generator=draw, dtype=torch.float64)
assert torch.allclose(F.conv2d(F.conv2d(x, down), large), F.conv2d(x, merged))
as_matrix = merged.movedim(1, -1).reshape(-1, 192)  # (32 * 25, 192)
rank = int(torch.linalg.matrix_rank(as_matrix))
print(f"one 5x5 kernel that reads 192 maps, of rank {rank}")
assert rank == 16

# %% [markdown]
# If the 192 maps hold 192 different things, 176 of them are lost to this branch. The authors' bet is that the maps of a wide trained network say much the same, and that other branches see the rest. It is a bet: exercise 5 asks a thin network, and finds little to spare.
#
# ## Four views at once
#
# How large should a kernel be? It depends on what it looks for, and how near that is. The first idea of the block refuses to choose. Use 1x1, 3x3 and 5x5 *side by side* on the same input, and a 3x3 maximum pooling as a fourth view. Pad so that all four maps have the same size, and
# stack them:

# %% tags=["nbval-check-output"]
from course_utils.models.googlenet import TABLE, Inception, NaiveInception

naive = NaiveInception(in_channels=192, one=64, three=128, five=32)
x = torch.randn(1, 192, 28, 28, generator=draw)
views = [
    F.relu(F.conv2d(x, naive.one.weight, naive.one.bias)),
    F.relu(F.conv2d(x, naive.three.weight, naive.three.bias, padding=1)),
    F.relu(F.conv2d(x, naive.five.weight, naive.five.bias, padding=2)),
    F.max_pool2d(x, kernel_size=3, stride=1, padding=1),
]
stacked = torch.cat(views, dim=1)
parts = " + ".join(str(view.shape[1]) for view in views)
print("maps:", parts, "=", stacked.shape[1])
assert torch.allclose(stacked, naive(x), atol=1e-5)
assert stacked.shape == (1, 64 + 128 + 32 + 192, 28, 28)

# %% [markdown]
# The kernels of the three sizes give $o_1$, $o_3$, $o_5$ maps. The pooling has no weights, so it hands on all $C$ maps that came in. For each place:
#
# $$
# \begin{aligned}
# \text{multiply-adds} &= C\,(o_1 + 9\,o_3 + 25\,o_5) , \\
# \text{maps out} &= o_1 + o_3 + o_5 + C .
# \end{aligned} \tag{7.3}
# $$
#
# Look at the second line. The block can only *grow*. Stack nine of them, and each pays for the maps of all those before it.
#
# > **Predict.** GoogLeNet's nine blocks begin with 192 maps. With their own widths but no reductions, how many maps leave the ninth? How much dearer is the whole chain?

# %% tags=["nbval-check-output"]
from course_utils.scratch.inception.cost import naive_cost, reduced_cost

side = {"3": 28, "4": 14, "5": 7}  # the maps of stage 3, 4, 5
chains = {"naive": ([192], []), "reduced": ([192], [])}
for name, widths in TABLE.items():
    for kind, (maps, costs) in chains.items():
        if kind == "naive":
            block = naive_cost(maps[-1], widths.one, widths.three, widths.five)
        else:
            block = reduced_cost(maps[-1], *widths)
        maps.append(block.out_channels)
        costs.append(block.multiply_adds * side[name[0]] ** 2)
for kind, (maps, costs) in chains.items():
    print(f"{kind:8s} maps {maps}")
    print(f"         {sum(costs) / 1e9:.1f} billion multiply-adds together")
assert chains["naive"][0][-1] == 4944
assert sum(chains["naive"][1]) > 10 * sum(chains["reduced"][1])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: maps after each of the nine blocks. Naive blocks climb steadily from 192 to 4,944, blocks with reductions stay at 1,024 or less. Right: millions of multiply-adds of each block on a log axis; naive blocks cost 300 to 3,300, blocks with reductions 51 to 304."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.7), layout="constrained")
for (kind, (maps, costs)), color in zip(chains.items(), ("vermillion", "blue")):
    left.plot(
        ["input", *TABLE],
        maps,
        "o-",
        color=COLORS[color],
        label=kind,
        markersize=4,
    )
    right.plot(
        list(TABLE),
        [c / 1e6 for c in costs],
        "o-",
        color=COLORS[color],
        label=kind,
        markersize=4,
    )
left.set(title="maps that leave the block", ylim=(0, None))
right.set(title="million multiply-adds", yscale="log")
for axes in (left, right):
    axes.tick_params(axis="x", labelsize=8)
    axes.legend()
plt.show()

# %% [markdown]
# Twelve billion for the blocks alone, near VGG's cost. The naive block is a good idea that nobody can afford.
#
# ## The block with reductions
#
# Now put a 1x1 reduction before the 3x3 (to $r_3$ maps) and before the 5x5 (to $r_5$ maps), and a 1x1 *projection* behind the pooling (to $o_p$ maps). This is the [Inception block](../book/glossary.md#inception-block). Its forward pass, as the package has it:

# %% tags=["nbval-check-output"]
import inspect
import textwrap

print(textwrap.dedent(inspect.getsource(Inception.forward)))

# %% [markdown]
# Equation (7.3) becomes
#
# $$
# \begin{aligned}
# \text{multiply-adds} &= C\,(o_1 + r_3 + r_5 + o_p) \\
#   &\quad + 9\, r_3\, o_3 + 25\, r_5\, o_5 , \\
# \text{maps out} &= o_1 + o_3 + o_5 + o_p .
# \end{aligned} \tag{7.4}
# $$
#
# The designer chooses how many maps leave. To compare like with like, first let the projection keep all 192 maps, so that both blocks have the *same* output shape.
#
# > **Predict.** Block 3a reduces 192 maps to 96 before the 3x3 and to 16 before the 5x5. What share of the naive cost is left? And where is the rest spent?

# %% tags=["nbval-check-output"]
alike = Inception(192, TABLE["3a"]._replace(pool=192))
published = Inception(192, TABLE["3a"])
costs = {}
for name, block in {"naive": naive, "as wide": alike, "3a": published}.items():
    costs[name] = models.summarise(block, (192, 28, 28)).multiply_adds
    share = costs[name] / costs["naive"]
    shape = "x".join(map(str, block(x).shape[1:]))
    print(f"{name:10s}{shape:12s}{costs[name]:13,d} {share:6.1%}")
assert alike(x).shape == naive(x).shape
assert costs["naive"] == 28**2 * naive_cost(192, 64, 128, 32).multiply_adds
assert costs["3a"] == 28**2 * reduced_cost(192, *TABLE["3a"]).multiply_adds
print()
for row in models.summarise(published, (192, 28, 28)).rows:
    if row.multiply_adds:
        print(f"{row.name:14s} {row.multiply_adds / costs['3a']:6.1%}")

# %% [markdown]
# Half of the cost with the same shape, 42 % as published. The 3x3 kernels are now two thirds of it, the 5x5 a mere 8 %.
#
# Turn the widths yourself. The bars compare each branch with its naive twin.
#
# > **Predict.** What saves more in block 3a: halving the reduction before the 3x3, or dropping the whole 5x5 branch?
#
# - Raise the reduction before the 5x5 until the branch costs more than without it. Is the turning point where equation (7.2) puts it?
# - Choose block 5b. Its map is 16 times smaller than that of 3a. Where do its parameters sit?

# %%
InceptionCost("3a")

# %% [markdown]
# ## GoogLeNet, counted
#
# One 7x7 layer, a 1x1 and a 3x3, then nine such blocks with three poolings between, an average over the whole map, one linear layer. From the table of the paper to the network:

# %% tags=["nbval-check-output"]
stages = accounts["googlenet"].stages()
print("stage             maps out      parameters   multiply-adds (millions)")
for row in stages.rows:
    if row.parameters:
        shape = "x".join(map(str, row.shape))
        mega = row.multiply_adds / 1e6
        print(f"{row.name:15s} {shape:>12s} {row.parameters:13,d} {mega:14.1f}")
print(f"{'together':28s} {counted:13,d} {stages.multiply_adds / 1e6:14.1f}")
print(f"with the two heads of training: {stages.parameters:,}")
assert sum(row.parameters for row in stages.rows) == counted == 6_998_552
assert stages.parameters == 13_378_280

# %% [markdown]
# <span id="c208"></span>**5 million?** So says a lecture, and so do GoogLeNet's own authors, who wrote "12 times fewer parameters" than AlexNet: a twelfth of 60 million. The network of their table has 7.0 million; AlexNet has 8.7 times as many.
#
# <span id="c209"></span>**6.8 million, nine times fewer?** So says another lecture. The two cannot both be right. 6.8 is what the *parameter column* of the paper's table adds up to (in units of 1,024 where it is exact). That column does not fit its own widths everywhere. Close, but not the count.
#
# <span id="c210"></span>**22 layers?** Count the layers with weights on the longest way: 1 for the 7x7, 2 for the 1x1 and 3x3, 2 in each of nine blocks, 1 linear layer.

# %% tags=["nbval-check-output"]
# the paper's own column, in thousands, from conv1 and conv2 to linear
column = [2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000]
ours = {row.name: row.parameters for row in stages.rows if row.parameters}
ours["conv2"] += ours.pop("conv2_reduce")
for (name, number), printed in zip(ours.items(), column):
    print(f"{name:13s} counted {number / 1024:7.1f} K   printed {printed:6g} K")
print(f"the column adds up to {sum(column):.1f} K")
alexnet = accounts["alexnet"].parameters
print(f"AlexNet / GoogLeNet: {alexnet / counted:.2f}")
layers = 1 + 2 + 9 * 2 + 1
traced = accounts["googlenet"].depth
print(f"layers on the longest way: {layers}, as traced: {traced}")
assert sum(column) == 6797.7
assert round(alexnet / counted, 2) == 8.71
assert layers == traced == 22

# %% [markdown]
# Two rows tell a story. The printed 2.7 K of the first layer fits no 7x7 layer with 64 maps. It fits a [depthwise separable](05b_layers.ipynb) one: $7 \cdot 7 \cdot 3 \cdot 8 + 24 \cdot 64 = 2{,}712$. [Chollet (2017)](../book/references.md#chollet-2017) reports that GoogLeNet began with such a layer. The table does not say so.
#
# <span id="c211"></span>**No fully connected layers?** A lecture says that average pooling replaces them. It replaces the large ones. One linear layer from 1,024 to 1,000 remains, with 1,025,000 parameters: a seventh of the network. Flattening the last $7 \times 7$ maps into it would have cost 50 million. The idea of averaging is from the network in network, and the authors report that it
# improved top-1 accuracy by about 0.6 %.
#
# <span id="c213"></span>**6.67 %?** This [top-5 error](../book/glossary.md#top-1-and-top-5-error) is the one of the challenge: the answers of seven networks to 144 crops (square cut-outs) of each image, averaged. One network on one crop is reported with 10.07 %. You cannot check either without ImageNet. But never compare two networks by numbers of different protocols; [below](#c219) you meet a case of it.

# %% tags=["nbval-check-output"]
kept, flattened = 1024 * 1000 + 1000, 7 * 7 * 1024 * 1000 + 1000
print(f"linear layer on averages: {kept:,} ({kept / counted:.0%} of all)")
print(f"linear layer on all places: {flattened:,}")
assert kept == ours["linear"] == 1_025_000

# %% [markdown]
# ## Heads on the way
#
# In 2014 there was no batch normalisation, and 22 layers were many. The authors feared for the gradient of the early layers. So they hung two small classifiers onto blocks 4a and 4d, each with its own loss. While the network trains, these [auxiliary heads](../book/glossary.md#auxiliary-head) count with weight 0.3:
#
# $$ L = L_{\text{end}} + 0.3\,\big(L_{4a} + L_{4d}\big) . \tag{7.5} $$
#
# <span id="c212"></span>Two lectures say what they are for: a stronger gradient for the early layers, discrimination at lower stages, and regularisation. The first you can measure before any training. Take the whole GoogLeNet, two random images, and two ways to draw its weights: PyTorch's default, which [is too small for ReLU](04b_signals.ipynb), and He's rule.
#
# > **Predict.** By which factor do the heads enlarge the gradient of the very first layer, in each case?

# %% tags=["nbval-check-output"]
from course_utils.models.googlenet import GoogLeNet
from course_utils.scratch.inception.race import loss_of_all

places = ["conv1", "inception_3b.three", "inception_4a.three"]
places += ["inception_4d.three", "inception_4e.three", "inception_5b.three"]
ratio = {}
for start in ("default", "He"):
    torch.manual_seed(SEED)
    network = GoogLeNet().train()
    for layer in network.modules():
        if start == "He" and isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    outputs = network(torch.randn(2, 3, 224, 224))  # three logits: end, 4a, 4d
    target = torch.tensor([3, 700])
    weights = [network.get_submodule(place).weight for place in places]
    end, total = loss_of_all(outputs[:1], target), loss_of_all(outputs, target)
    alone = torch.autograd.grad(end, weights, retain_graph=True)
    helped = torch.autograd.grad(total, weights)
    ratio[start] = [(h.norm() / a.norm()).item() for h, a in zip(helped, alone)]
    size = [a.norm().item() for a in alone]
    print(f"{start} start: norm {size[0]:.0e} in conv1, {size[-1]:.0e} in 5b")
    for place, factor in zip(places, ratio[start]):
        print(f"    {place:20s} with heads x {factor:.3g}")
assert ratio["default"][0] > 30
assert 1 < ratio["He"][0] < 2
assert ratio["He"][-1] == ratio["default"][-1] == 1

# %% [markdown]
# With the small start the signal shrinks in every layer, forward and back. A head is a short cut to a loss: the gradient of the first layer becomes a hundred times larger. With the right start there was nothing to mend, and the heads add what two more losses of weight 0.3 add: a third.
#
# So the claim is true of gradients *where gradients vanish*. Blocks behind the last head (4e, 5b) do not notice: their factor is exactly 1. And does it train better? What the authors themselves published, in order:
#
# - 2015: a relatively minor effect, about 0.5 %, and one head was enough for it.
# - 2016, on Inception v3 ([Szegedy et al., 2016b](../book/references.md#szegedy-2016b), section 4): no faster progress early on; with and without heads the curves look the same until late, then the heads end slightly higher. The lower head could go without loss. Their conclusion: heads do not help low layers to develop, they *regularise*.
#
# That needs ImageNet, so here it stands as reported. A small network and real digits agree as far as they go: [at scale](#at-scale).
#
# ### They vanish
#
# After training the heads are thrown away. Nothing that was computed for the answer ever passed through them:

# %% tags=["nbval-check-output"]
network.eval()
slim = GoogLeNet(heads=False).eval()
state = network.state_dict()
trunk = {k: v for k, v in state.items() if not k.startswith("head_")}
slim.load_state_dict(trunk)
with torch.no_grad():
    image = torch.randn(1, 3, 224, 224)
    answer = network(image)
    identical = torch.equal(answer, slim(image))
gone = sum(v.numel() for k, v in state.items() if k.startswith("head_"))
print(f"in evaluation mode: one answer of shape {tuple(answer.shape)}")
print(f"the same without the heads' {gone:,} parameters: {identical}")
assert identical
assert gone == accounts["googlenet"].unused == 6_379_728
del network, slim, state, trunk, weights, alone, helped, outputs

# %% [markdown]
# Nearly half of what was trained is not needed afterwards.
#
# ## A table with three wrong rows
#
# A year later came batch normalisation, and with it the second Inception ([Ioffe and Szegedy, 2015](../book/references.md#ioffe-szegedy-2015)). Two 3x3 layers take the place of each 5x5. There are ten blocks. Two of them, 3c and 4e, halve the map: no 1x1 branch, stride 2 in the others. A lecture prints the table of the paper's appendix. You can check every row of it, since the maps out are a sum of the branches:
#
# $$ o_{\text{block}} = o_1 + o_3 + o_{3,3} + o_p , \tag{7.6} $$
#
# where a pooling that "passes through" hands on all maps that came in.
#
# > **Predict.** Row 4c prints $160, 160, 160$ for its three kernels, a projection to 128, and 576 maps out. What does your mental arithmetic say?

# %% tags=["nbval-check-output"]
from course_utils.models.bn_inception import TABLE as TABLE_2
from course_utils.models.bn_inception import mismatches

print("row    1x1   3x3  double  pool     sum  printed")
maps = 192
for name, row in TABLE_2.items():
    pooled = row.pool_project or maps
    total = row.one + row.three + row.double + pooled
    wrong = "" if total == row.printed else "   <- wrong"
    branches = f"{row.one:5d} {row.three:5d} {row.double:7d} {pooled:5d}"
    print(f"{name} {branches} {total:7d} {row.printed:8d}{wrong}")
    maps = total
print(mismatches())
assert mismatches() == {"4c": (576, 608), "4d": (576, 608), "4e": (1024, 1056)}

# %% [markdown]
# <span id="c217"></span>Three rows do not add up. 4c and 4d list branches for 608 maps, not 576. Then 4e, which hands on what it gets, has $192 + 256 + 608 = 1{,}056$, not 1,024. The printed 1,024 would follow from the printed 576. The sum is one proof; a network that must *run* is another. Build from the branches and ask what the next block reads:

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    second = models.build("bn_inception")
account = models.summarise(second)
shapes = {}
for row in account.stages().rows:
    shapes[row.name.removeprefix("inception_")] = row.shape
for name in ("3b", "3c", "4c", "4d", "4e", "5a"):
    print(name, "writes", "x".join(map(str, shapes[name])))
reads = second.inception_5a.one.conv.in_channels
print(f"the 1x1 layer of 5a reads {reads} maps")
rows = len(TABLE_2)
print(f"{rows} blocks; the depth column adds up to {1 + 1 + 3 * rows}")
print(f"longest way: {account.depth} layers")
wider = {
    "v1": [name for name, w in TABLE.items() if w.one > w.three],
    "v2": [name for name, w in TABLE_2.items() if w.one > w.three],
}
print("more 1x1 than 3x3 maps:", wider)
assert shapes["4c"][0] == shapes["4d"][0] == 608
assert reads == shapes["4e"][0] == 1056
assert account.depth == 34
assert wider == {"v1": [], "v2": ["4a", "4b", "5a", "5b"]}

# %% [markdown]
# Four more statements fall to the same two tables:
#
# - <span id="c218"></span>3c and 4e are printed at 28x28 and 14x14. That is the map they *read*. With their stride of 2 they write 14x14 and 7x7, which the next rows confirm.
# - <span id="c216"></span>"10 modules, 34 layers": ten it is. The depth column adds up to 32, because it counts the 1x1 before the first 3x3 as part of it and leaves the linear layer out. With those two the longest way has 34.
# - <span id="c215"></span>"More channels for 1x1, fewer for 3x3": in the first Inception in no block (5b has 384 of each). In the second in four of ten. The 3x3 kernels are the wide ones.
# - <span id="c219"></span>"4.8 % top-5, 25.2 % top-1": two different networks. 25.2 % (with 7.82 % top-5) is *one* network on *one* crop. 4.8 % is six networks, 144 crops each, on the test images; on the validation images this ensemble has 4.9 % and a top-1 error of 20.1 %, as reported.
#
# ## With and without batch normalisation
#
# What was the point of the second Inception? A lecture shows a curve: higher accuracy, and faster. The paper's numbers: the first network reaches 72.2 % in 31 million steps; with batch normalisation alone in 13.3 million; with a learning rate five times as large as well in 2.1 million.
#
# Here is the miniature: six blocks of GoogLeNet with an eighth of their widths, 14 layers, 62,000 parameters, on digits enlarged to $16 \times 16$. One version has [batch normalisation](04c_normalisation.ipynb) after each convolution. Both start by He's rule, both train with the same rate of 0.03 and momentum 0.9, on the same batches of 32. Every ten steps 200 new digits are asked.
#
# A run ends when 85 % of them are right, or after 120 steps.
#
# > **Predict.** After how many steps are 85 % of the new digits right, with and without? The paper's factor was 2.3 at equal rates.

# %% tags=["hide-input", "band-norm", "band-residual"]
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.models.mini_inception import (
    MiniInception,
    MiniInceptionResNet,
)
from course_utils.scratch.inception.race import race

torch.set_num_threads(1)


def enlarged_digits(split, count):
    digits = data.load("digits", split)
    images = F.interpolate(digits.images[:count].float(), size=16, mode="bilinear")
    return images / 255 - 0.3, digits.labels[:count]


digits_16, new_16 = enlarged_digits("train", 1297), enlarged_digits("test", 200)

# %% tags=["band-norm"]
runs = {}
for name, norm in (("without", False), ("with", True)):
    torch.manual_seed(SEED)
    mini = MiniInception(10, in_channels=1, norm=norm)
    how = {"lr": 0.03, "limit": 120, "target": 0.85, "every": 10, "seed": SEED}
    runs[name] = race(mini, digits_16, new_16, **how)
norm_result = {name: run.steps for name, run in runs.items()}

# %%
steps_of = load_record("07_deeper.norm")["metrics"]
for name, run in runs.items():
    verdict = "" if run.reached else "not within "
    spread = band("07_deeper.norm", name)
    in_time = sum(steps < 120 for steps in steps_of[name])
    print(f"{name:8s} here: {verdict}{run.steps} steps;", end=" ")
    print(f"in time on {in_time} of {spread.count} seeds,", end=" ")
    print(f"median {spread.median:.0f}")
    assert spread.contains(run.steps, slack=20)
with_norm = band("07_deeper.norm", "with")
without_norm = band("07_deeper.norm", "without")
assert with_norm.maximum < without_norm.minimum  # on every seed

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: share of new digits right against the step. With batch normalisation the curve climbs to 85 percent within about 40 steps. Without it, it starts late and ends below the line after 120 steps. Right: steps of all seeds as two bands, which lie apart; the one without normalisation ends at the limit."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.6), width_ratios=[3, 2], layout="constrained")
for (name, run), color in zip(runs.items(), ("vermillion", "blue")):
    left.plot(run.checked, run.accuracy, color=COLORS[color], label=name)
left.axhline(0.85, color=COLORS["gray"], linewidth=1, linestyle=":")
left.set(xlabel="step", ylabel="new digits right", ylim=(0, 1))
left.legend(title="batch normalisation")
for y, (name, run) in enumerate(runs.items()):
    color = COLORS["blue" if name == "with" else "vermillion"]
    plotting.seed_band(right, band("07_deeper.norm", name), run.steps, name, y=y, color=color)
right.set(xlabel="steps to 85 % (limit 120)", title=f"{with_norm.count} seeds, and yours")
plt.show()

# %% [markdown]
# It is not a small effect, and this network has only 14 layers. Mind the number 120: it means *not yet*. Most runs without normalisation never arrived, so their true median is larger, and a factor of two or three would be an understatement. Is it fair, with one rate for both? The record [at scale](#at-scale) gives each its best of three.
#
# With normalisation in every layer the scale of the first weights no longer matters, and so neither does the first purpose of the heads. Inception v3 kept one, for its regularisation.
#
# ## Large kernels taken apart: Inception v3
#
# The third Inception ([Szegedy et al., 2016b](../book/references.md#szegedy-2016b)) asks what a large kernel is good for: its *reach*. Here are two 3x3 layers.
#
# > **Predict.** How far does a unit of the second one see? And with a third?

# %%
ReceptiveField(layers=[{"kernel_size": 3, "padding": 1}] * 2, size=16)

# %% [markdown]
# Five pixels, then seven: two 3x3 layers reach as far as one 5x5. So do a row of $n$ and a column of $n$ one after the other, compared with $n \times n$. For equally many maps the costs are
#
# $$
# \begin{aligned}
# \frac{\text{two } 3\times3}{5\times5} &= \frac{9 + 9}{25} = 0.72 , \\
# \frac{1\times n \text{ and } n\times1}{n\times n} &= \frac{2n}{n^2} = \frac{2}{n} .
# \end{aligned} \tag{7.7}
# $$
#
# > **Predict.** Seven pixels: which share of the cost is left with a row and a column? And what can a 7x7 do that they cannot?

# %% tags=["nbval-check-output"]
from course_utils.scratch.inception.cost import factorised_share

chains_of = {
    "5x5 as 3x3, 3x3": (5, ((3, 3), (3, 3))),
    "3x3 as 1x3, 3x1": (3, ((1, 3), (3, 1))),
    "3x3 as 2x2, 2x2": (3, ((2, 2), (2, 2))),
    "7x7 as 1x7, 7x1": (7, ((1, 7), (7, 1))),
    "7x7 as 3 of 3x3": (7, ((3, 3), (3, 3), (3, 3))),
}
for name, (size, parts) in chains_of.items():
    print(f"{name}: {factorised_share(size, parts):.0%} of the cost")
assert factorised_share(7, ((1, 7), (7, 1))) == 2 / 7

row, column = torch.randn(7, generator=draw), torch.randn(7, generator=draw)
product = column[:, None] * row[None]  # 7x7
image = torch.randn(1, 1, 17, 17, generator=draw)
once = F.conv2d(image, product[None, None])
twice = F.conv2d(F.conv2d(image, row.view(1, 1, 1, 7)), column.view(1, 1, 7, 1))
rank = int(torch.linalg.matrix_rank(product))
print("one map: row then column = their product, of rank", rank)
assert torch.allclose(once, twice, atol=1e-4)
assert rank == 1

# %% [markdown]
# With one map a row and a column make only kernels of rank one, the [separable](05_convolution.ipynb) ones: no diagonal edge. With many maps between them they can add several such kernels, and a ReLU between them makes the pair more than linear. The authors report that it works on grids of 12 to 20 pixels, and badly in the first layers. So v3 uses two 3x3 on its $35 \times 35$ grid, 1x7 and 7x1 on $17 \times 17$, and on $8 \times 8$ rows and columns of three side by side. Build it, and run an image of 299 pixels through it, with numbers this time:

# %% tags=["nbval-check-output"]
third = models.build("inception_v3").eval()
with torch.no_grad():
    answer = third(torch.randn(1, 3, 299, 299))
account = models.summarise(third, (3, 299, 299))
for name in ("a3", "b4", "c2"):
    print(f"{name}: {'x'.join(map(str, account[name].shape))}")
for branch in (third.b1.seven, third.c1.three_row, third.c1.three_column):
    convs = [m for m in branch.modules() if isinstance(m, nn.Conv2d)]
    kernels = [conv.kernel_size for conv in convs]
    print("kernels:", ", ".join(f"{h}x{w}" for h, w in kernels))
body = account.parameters - account.unused
print(f"answer {tuple(answer.shape)}, finite: {bool(answer.isfinite().all())}")
print(f"{body:,} parameters, {account.parameters:,} with the head")
print(f"{account.multiply_adds / 1e9:.1f} billion multiply-adds")
print(f"longest way {account.depth} layers")
assert (body, account.parameters) == (23_834_568, 27_161_264)
assert account["b4"].shape == (768, 17, 17)
assert answer.isfinite().all()
del third

# %% [markdown]
# 23.8 million, "less than 25 million" as the paper promises, for 5.7 billion multiply-adds: three and a half times GoogLeNet's. (The paper calls the network 42 layers deep. The longest way through the released one, counted as above, has 48.) One more detail repays a look: where the grid shrinks, a strided convolution and a pooling run *side by side* and are stacked. Pooling first would squeeze the signal; convolving first would cost four times as much.
#
# ## One scheme: Inception v4
#
# The fourth ([Szegedy et al., 2016](../book/references.md#szegedy-2016)) tidies up: a stem, then four blocks A, seven blocks B, three blocks C, with a reduction between. All blocks of a kind are equal.
#
# > **Predict.** 299 pixels. The first layer is 3x3 with stride 2 and no padding. Work out its grid with $\lfloor (N - 3)/2 \rfloor + 1$. Two more such halvings lead to the blocks A, one each to B and C. Which grids?

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.sizes import output_size

fourth = models.build("inception_v4").eval()
seen = {}
for name in ("stem", "a", "reduction_a", "b", "reduction_b", "c"):
    keep = lambda module, _, out, name=name: seen.update({name: out.shape[1:]})
    getattr(fourth, name).register_forward_hook(keep)
with torch.no_grad():
    answer = fourth(torch.randn(1, 3, 299, 299))
for name, shape in seen.items():
    print(f"{name:12s} {'x'.join(map(str, shape))}")
print(f"answer {tuple(answer.shape)}, finite: {bool(answer.isfinite().all())}")
total = sum(p.numel() for p in fourth.parameters())
print(f"{total:,} parameters")

grids = [299]
for kernel, stride in ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2)):
    grids.append(output_size(grids[-1], kernel, stride))
print("by formula:", grids)
assert [seen[n][1] for n in ("stem", "b", "c")] == grids[-3:] == [35, 17, 8]
assert total == 42_679_816
del fourth

# %% [markdown]
# ## Inception meets the shortcut
#
# In the same paper the authors tried [residual connections](07b_residual.ipynb), which had just won the next challenge. The branches do not *replace* their input. They are projected back to its width by a 1x1 layer and *added* to it, scaled by a number $s$:
#
# $$ y = \operatorname{relu}\big(x + s\, F(x)\big) . \tag{7.8} $$
#
# Let the last 1x1 layer be zero. Then $F = 0$, and the block hands on any input that has passed a ReLU. It *is* the identity, before it has learned anything.

# %% tags=["nbval-check-output"]
from course_utils.models.mini_inception import residual_block, start_well

torch.manual_seed(SEED)
block = residual_block(channels=32, scale=0.2, norm=True)
x = torch.randn(4, 32, 8, 8).relu()
with torch.no_grad():
    branches = torch.cat([branch(x) for branch in block.branches], dim=1)
    by_hand = F.relu(x + 0.2 * block.project(branches))
    print("equation 7.8 by hand:", torch.equal(by_hand, block(x)))
    assert torch.equal(by_hand, block(x))
    changed = (block(x) - x).abs().max().item()
    block.project.weight.zero_()
    block.project.bias.zero_()
    print(
        f"largest change before: {changed:.2f}, with a zero last layer:",
        end=" ",
    )
    print((block(x) - x).abs().max().item())
    assert torch.equal(block(x), x)
assert changed > 0.05

# %% [markdown]
# Why the $s$? The authors report that networks with more than a thousand maps "died" early: after some tens of thousands of steps the last maps were all zero, and neither a smaller rate nor more normalisation helped. Scaling the branch by 0.1 to 0.3 did. Each block *adds*, so look at what adding does in a stack.
#
# > **Predict.** Forty fresh blocks, one after the other, normalisation inside the branches, none on the sum. How large is the signal at the end with $s = 1$, $0.3$, $0.1$?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Size of the signal after each of 40 residual inception blocks on a log axis. With scale 1 it climbs from 0.7 to almost 6, fastest over the first blocks; with scale 0.3 to almost 2. With scale 0.1 it stays nearly level."}}
sizes = {}
with torch.no_grad():
    for scale in (1.0, 0.3, 0.1):
        torch.manual_seed(SEED)
        x = torch.randn(8, 64, 8, 8).relu()
        sizes[f"s = {scale:g}"] = [x.square().mean().sqrt().item()]
        for _ in range(40):
            layer = residual_block(64, scale, norm=True)
            start_well(layer)
            x = layer(x)
            sizes[f"s = {scale:g}"].append(x.square().mean().sqrt().item())
figure, axes = plt.subplots(figsize=(6, 2.7))
signal_curves(axes, sizes, floor=0.5, ceiling=10)
axes.set(xlabel="block", ylabel="RMS of the signal")
axes.legend()
plt.show()

# %% tags=["nbval-check-output"]
for name, curve in sizes.items():
    print(f"{name}: x {curve[-1] / curve[0]:.1f} over 40 blocks")
assert sizes["s = 1"][-1] > 3 * sizes["s = 0.3"][-1] > 3 * sizes["s = 0.1"][-1]

# %% [markdown]
# Each block adds something of its own, and nothing takes it away again. With $s = 1$ forty of them make the signal eight times larger, with $s = 0.1$ hardly at all. Normalisation *inside* the branches cannot stop this: the sum itself is never normalised.
#
# Does it matter for training? Six such blocks, two at each of three grids: 28 layers, 59,000 parameters. Fifty steps on the digits of above, rate 0.03.
#
# > **Predict.** Four runs: with and without normalisation in the branches, with $s = 1$ and $s = 0.2$. Which of them learns nothing?

# %% tags=["band-residual"]
residual_result = {}
for name, norm in (("normalised", True), ("bare", False)):
    for scale in (1.0, 0.2):
        torch.manual_seed(SEED)
        mini = MiniInceptionResNet(10, in_channels=1, scale=scale, norm=norm)
        how = {"lr": 0.03, "limit": 50, "every": 50, "seed": SEED}
        found = race(mini, digits_16, new_16, **how).accuracy or [0.1]
        residual_result[f"{name}, s = {scale:g}"] = found[-1]

# %% mystnb={"image": {"alt": "Accuracy after 50 steps in four rows, each a band over seeds. Normalised branches: scale 0.2 above 0.9, scale 1 a little lower. Bare branches: scale 0.2 in the middle, scale 1 at chance."}}
figure, axes = plt.subplots(figsize=(7, 2.5))
for y, (name, accuracy) in enumerate(reversed(residual_result.items())):
    spread = band("07_deeper.residual", name)
    plotting.seed_band(axes, spread, accuracy, name, y=y)
axes.set(
    xlabel="new digits right after 50 steps",
    xlim=(0, 1),
    title=f"{spread.count} seeds, and yours",
)
plt.show()

# %%
bands = {name: band("07_deeper.residual", name) for name in residual_result}
for name, accuracy in residual_result.items():
    print(f"{name:20s} {accuracy:.2f}; seeds: {bands[name]}")
    assert bands[name].contains(accuracy, slack=0.1)
assert bands["bare, s = 0.2"].median > 2 * bands["bare, s = 1"].median
scaled, unscaled = bands["normalised, s = 0.2"], bands["normalised, s = 1"]
assert scaled.median > unscaled.median
assert scaled.minimum > 0.8 > unscaled.minimum

# %% [markdown]
# Without normalisation the unscaled network has not begun to learn, and the scaled one has. With normalisation both train, and scaling still pays: a higher median, and no seed that fails. The paper's networks had both and were far wider. What residual connections brought there was mostly speed: trained long enough, the version without them came out nearly as good.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C208](#c208) GoogLeNet has 5 million parameters | false | 6,998,552; 5 is a twelfth of AlexNet's 60, as its authors wrote |
# | [C209](#c209) 6.8 million, 9 times fewer than AlexNet | imprecise | 6.998 million, 8.71 times fewer; 6.8 is the sum of the paper's column |
# | [C210](#c210) GoogLeNet has 22 layers | true | 1 + 2 + 18 + 1 on the longest way |
# | [C211](#c211) Average pooling replaces its fully connected layers | imprecise | one of 1,025,000 parameters remains |
# | [C212](#c212) Auxiliary losses help early layers and regularise | external | the gradient grows a hundredfold only where it vanished; better training needs ImageNet, and its authors withdrew the first half |
# | [C213](#c213) Top-5 error 6.67 % | external | as reported: seven networks, 144 crops; 10.07 % for one and one |
# | [C214](#c214) 1x1 is 25 times cheaper than 5x5 | true | with equally many maps |
# | [C215](#c215) More channels for 1x1, fewer for 3x3 | false | v1: 0 of 9 blocks; v2: 4 of 10 |
# | [C216](#c216) Inception v2 has 10 modules, 34 layers | imprecise | longest way 34; the depth column adds up to 32 |
# | [C217](#c217) Rows 4c, 4d give 576 maps, 4e gives 1,024 | false | 608, 608, 1,056 |
# | [C218](#c218) 3c and 4e stand at 28x28 and 14x14 | imprecise | the size they read; they write 14x14 and 7x7 |
# | [C219](#c219) Inception v2: 4.8 % top-5, 25.2 % top-1 | imprecise | an ensemble's number beside a single network's |
#
# ## Pitfalls
#
# **1. Branches of different size.** Forget the padding of one branch, and nothing can be stacked. A padding that is wrong by one in *all* branches goes unnoticed and shrinks the map:

# %% tags=["nbval-check-output"]
x = torch.randn(1, 192, 28, 28)
three = F.conv2d(x, naive.three.weight, padding=1)
five = F.conv2d(x, naive.five.weight, padding=1)
print(tuple(three.shape[2:]), tuple(five.shape[2:]))
try:
    torch.cat([three, five], dim=1)
except RuntimeError as error:
    print("RuntimeError:", str(error).split(". ")[0])
    failed = True
assert failed

# %% [markdown]
# **2. A tuple where you expect logits.** With heads, the network answers differently in training and in evaluation. A loop that was written for one answer breaks in the first step, or worse, takes `outputs[0]` as the first *image* afterwards:

# %% tags=["nbval-check-output"]
mini = MiniInception(10, heads=True)
images = torch.randn(8, 3, 32, 32)
outputs, answer = mini.train()(images), mini.eval()(images)
print("training:  ", [tuple(o.shape) for o in outputs])
print("evaluation:", tuple(answer.shape), " its [0]:", tuple(answer[0].shape))
try:
    F.cross_entropy(outputs, torch.zeros(8, dtype=torch.long))
except TypeError as error:
    print("TypeError:", str(error).split(";")[0][:62])
assert outputs[0].shape == answer.shape

# %% [markdown]
# **3. Two 1x1 layers without a ReLU.** They look like one layer more. They are one matrix, and if the middle is narrow, a poor one:

# %% tags=["nbval-check-output"]
first, second = nn.Conv2d(8, 3, 1, bias=False), nn.Conv2d(3, 8, 1, bias=False)
x = torch.randn(2, 8, 4, 4)
matrix = second.weight[:, :, 0, 0] @ first.weight[:, :, 0, 0]
single = F.conv2d(x, matrix[:, :, None, None])
merged_alike = torch.allclose(second(first(x)), single, atol=1e-6)
rank = int(torch.linalg.matrix_rank(matrix))
print(f"two layers = one matrix: {merged_alike}, of rank {rank}")
assert merged_alike
assert not torch.allclose(second(first(x).relu()), single, atol=1e-2)

# %% [markdown]
# **4. Parameters taken for cost.** Double the side of the image, and GoogLeNet keeps its 7 million parameters:

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    body = GoogLeNet(heads=False)
for pixels in (224, 448):
    account = models.summarise(body, (3, pixels, pixels))
    giga = account.multiply_adds / 1e9
    print(f"{pixels} pixels: {account.parameters:,} parameters, {giga:.2f} G")
assert account.multiply_adds > 3.99 * work["googlenet"]

# %% [markdown]
# ## Exercises
#
# **1. One row by hand** (five minutes). Block 5b reads 832 maps of $7 \times 7$ and has the widths 384, 192 to 384, 48 to 128, 128. Compute maps out and multiply-adds with pencil and paper, then check.
#
# <details><summary>Hint</summary>
#
# Equation (7.4), times $7 \cdot 7$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
per_place = 832 * (384 + 192 + 48 + 128) + 9 * 192 * 384 + 25 * 48 * 128
print(384 + 384 + 128 + 128, "maps,", f"{49 * per_place:,} multiply-adds")
last = models.summarise(Inception(832, TABLE["5b"]), (832, 7, 7))
assert last.multiply_adds == 49 * per_place
assert last.rows[-1].shape == (1024, 7, 7)

# %% [markdown]
# **2. Which widths halve a branch?** (ten minutes). The 3x3 branch of 3a goes from 192 to 128 maps. Which $r_3$ makes it cost exactly half of the direct layer? Compare with the 96 of the table.
#
# <details><summary>Hint</summary>
#
# Half of the bound of equation (7.2). Why exactly half?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
r = reduction_pays_below(192, 128, 3) / 2  # the cost is proportional to r
share = lambda r: (r * 192 + 9 * r * 128) / (9 * 192 * 128)
print("both terms of the cost contain r once, so half of r is half of the cost")
print(f"r = {r:.1f} costs {share(r):.0%}; the table's 96 costs {share(96):.0%}")
assert abs(share(r) - 0.5) < 1e-9

# %% [markdown]
# **3. Two 3x3 in GoogLeNet** (twenty minutes). Replace every 5x5 of the first table by two 3x3 with as many maps as the 5x5 wrote. How do parameters and multiply-adds of the whole network change? The saving per branch was 28 % with equal maps. Why is it less here, or even a loss?
#
# <details><summary>Hint</summary>
#
# One 5x5 from $r$ to $o$ has $25\,r\,o + o$ parameters. Two 3x3 have $9\,r\,o + o + 9\,o^2 + o$. In this table $o$ is two to four times $r$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
weights_more = sums_more = 0
for name, w in TABLE.items():
    r, o = w.five_reduce, w.five
    change = (9 * r * o + 9 * o * o) - 25 * r * o
    weights_more += change + o  # the second layer has biases too
    sums_more += change * side[name[0]] ** 2
    print(f"{name}: 5x5 from {r} to {o}: {change:+,d} products for each place")
print(f"in all {weights_more:+,d} parameters, {sums_more / 1e6:+.0f} million multiply-adds")
print("a gain only where 9 o < 16 r: the second 3x3 reads o maps, not r")
assert weights_more > 0
assert all((9 * o < 16 * r) == (9 * r * o + 9 * o * o < 25 * r * o) for r, o in ((16, 32), (64, 64)))

# %% [markdown]
# **4. Normalisation vanishes too** (half an hour). In evaluation mode batch normalisation is a fixed scale and shift of each map. Fold it into the convolution before it: one convolution with a bias that gives the same output. Check it on a trained brick.
#
# <details><summary>Hint</summary>
#
# $\gamma (z - \mu)/\sqrt{\sigma^2 + \epsilon} + \beta$ with $z = Wx$. Which factor multiplies the kernel of map $o$, and what is left as bias?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.models.conv_norm import ConvNormAct

torch.manual_seed(SEED)
brick = ConvNormAct(5, 7, 3)
for _ in range(20):
    brick(3 * torch.randn(16, 5, 8, 8) + 1)  # running statistics far from 0 and 1
nn.init.uniform_(brick.norm.weight, 0.5, 2)
nn.init.normal_(brick.norm.bias)
brick.eval()
factor = brick.norm.weight / (brick.norm.running_var + brick.norm.eps).sqrt()
kernel = brick.conv.weight * factor[:, None, None, None]
bias = brick.norm.bias - brick.norm.running_mean * factor
x = torch.randn(2, 5, 8, 8)
folded = F.conv2d(x, kernel, bias, padding=1).relu()
print(
    "largest difference below 1e-5:",
    bool((folded - brick(x)).abs().max() < 1e-5),
)
assert torch.allclose(folded, brick(x), atol=1e-5)

# %% [markdown]
# **5. How many maps are there really?** (an hour). The bottleneck bets that maps repeat each other. Does that hold for a network with an eighth of the widths? Train the normalised miniature for 60 steps on the digits, take the maps that leave block 3b on new digits, and compute the covariance between maps over all places. How many directions hold 95 % of the variance? Compare with a network that was not trained.
#
# <details><summary>Hint</summary>
#
# A forward hook on `inception_3b`. Maps as rows, all places of all images as columns; eigenvalues of the covariance, largest first, and their running sum.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
needed = {}
for name, steps in (("fresh", 0), ("trained", 60)):
    torch.manual_seed(SEED)
    mini = MiniInception(10, in_channels=1, norm=True)
    if steps:
        race(
            mini,
            digits_16,
            new_16,
            lr=0.03,
            limit=steps,
            every=steps,
            seed=SEED,
        )
    caught = []
    mini.inception_3b.register_forward_hook(lambda module, _, out: caught.append(out))
    mini.train()  # statistics of this batch: a fresh network has no others
    with torch.no_grad():
        mini(new_16[0])
    rows = caught[0].movedim(1, 0).flatten(1)
    values = torch.linalg.eigvalsh(torch.cov(rows)).flip(0)
    needed[name] = int((values.cumsum(0) / values.sum() < 0.95).sum()) + 1
    print(f"{name}: {needed[name]} of {len(rows)} directions hold 95 % of the variance")
print("a network this thin has little to spare; training made it a little more")
assert needed["trained"] < needed["fresh"] <= 60

# %% [markdown]
# **6. A scale that is learnt** (an evening). Make $s$ of each residual block a parameter that starts at 0, so that the fresh network is a stack of identities. Does the bare network of 28 layers train now, with no normalisation and no choice of $s$?
#
# <details><summary>Hint</summary>
#
# `block.scale = nn.Parameter(torch.zeros(()))` is enough: the forward pass multiplies by `self.scale`. Delete the old attribute first. Why does the gradient of $s$ not vanish at $s = 0$? And that of the branch's weights?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.models.inception_resnet import ResidualInception

torch.manual_seed(SEED)
learnt = MiniInceptionResNet(10, in_channels=1, scale=1.0, norm=False)
for module in learnt.modules():
    if isinstance(module, ResidualInception):
        del module.scale
        module.scale = nn.Parameter(torch.zeros(()))
run = race(learnt, digits_16, new_16, lr=0.03, limit=60, every=30, seed=SEED)
learnt_scales = [m.scale.item() for m in learnt.modules() if isinstance(m, ResidualInception)]
print("accuracy after 30 and 60 steps:", [round(a, 2) for a in run.accuracy])
print("scales:", [round(value, 2) for value in learnt_scales])
print("dL/ds sums F(x) times the gradient of the output: not zero at s = 0.")
print("The branch's weights get s times theirs: nothing in the first step.")
assert run.accuracy[-1] > 2 * bands["bare, s = 1"].median
assert any(abs(value) > 0.01 for value in learnt_scales)

# %% [markdown]
# ## At scale
#
# The same miniature on real [MNIST](../book/references.md#lecun-1998) digits, averaged down to $14 \times 14$: four versions, three learning rates each. How many steps until 90 % of 300 held-out digits are right? The record comes from `python -m tools.record_inception mnist` (with `course data mnist` before it, if you do not have the files).

# %%
record = load_record("07_deeper.mnist")
on_mnist = {key: np.array(values) for key, values in record["metrics"].items()}
limit, fewest, arrived = record["limit"], {}, {}
assert record["target"] == 0.9
seeds = len(record["seeds"])
print(f"{seeds} seeds, medians: steps to 90 % (limit {limit}), last accuracy")
print("rate            " + "".join(f"{rate:>14g}" for rate in record["rates"]))
for kind in record["kinds"]:
    cells, arrived[kind] = "", 0
    for rate in record["rates"]:
        steps = on_mnist[f"{kind}: steps at {rate}"]
        arrived[kind] += int((steps < limit).sum())
        steps = np.median(steps)
        right = np.median(on_mnist[f"{kind}: accuracy at {rate}"])
        cells += f"{steps:7.0f} ({right:.2f})"
        fewest[kind] = min(steps, fewest.get(kind, steps))
    print(f"{kind:16s}{cells}")
print(f"arrived, of {seeds * len(record['rates'])} runs each: {arrived}")
made_on = record["provenance"]
print(f"{made_on['processor']}, {made_on['date']}, commit {made_on['commit']}")
assert fewest["norm"] < 0.6 * fewest["plain"]
assert arrived["norm"] > 3 * arrived["plain"]
assert abs(arrived["heads"] - arrived["plain"]) <= 3

# %% [markdown]
# 300 means that the median run did not arrive. Without normalisation most runs never do, at any of the three rates; with it nearly all of them do, at the median after 150 to 210 steps. The extra heads rescue no run that lacks normalisation. With it they save some steps at the two larger rates, and none at the lowest: a small effect that changes its sign is not one to build on. Both fit what v3's authors reported of the large network. Small digits are far from ImageNet, and heads as regularisers need a network that can overfit: about that half of the claim this record says nothing.
#
# ## Summary
#
# - A 1x1 convolution is a linear layer at every pixel. With a ReLU it adds depth; with few maps it is a bottleneck. It pays below $k^2 C O / (C + k^2 O)$ maps and lets only that many directions through.
# - The naive block grows by all that it reads. Reductions and a projection give the same shape for half the cost, and nine blocks for a tenth.
# - GoogLeNet: 6,998,552 parameters in 22 layers, 1.58 billion multiply-adds. Few parameters are not little work.
# - Auxiliary heads are short cuts for the gradient. They mend a start that is too small; after a good start, or with normalisation, little is left of their help. At inference they are gone.
# - A table of widths can be checked by adding. Three rows of BN-Inception's are wrong.
# - Batch normalisation reached the target in fewer steps on every seed; at the median in less than half.
# - A row and a column cost $2/n$ of a square. Scaling a residual branch keeps a deep sum small, and a zero last layer makes the block the identity.
#
# ## Further reading
#
# - [Lin, Chen and Yan (2014)](../book/references.md#lin-2014): networks at every pixel, and averages in place of linear layers.
# - [Szegedy et al. (2015)](../book/references.md#szegedy-2015): GoogLeNet. Read table 1 with a calculator.
# - [Ioffe and Szegedy (2015)](../book/references.md#ioffe-szegedy-2015): batch normalisation, and Inception v2 in the appendix.
# - [Szegedy et al. (2016b)](../book/references.md#szegedy-2016b): v3, with design rules and an honest section on auxiliary heads.
# - [Szegedy et al. (2016)](../book/references.md#szegedy-2016): v4, Inception-ResNet, and networks that died.
# - [Lee et al. (2015)](../book/references.md#lee-2015): deeply supervised nets, a head on every layer, in the same year.
#
# ## The next question
#
# The shortcut came in by the side door here. What if it is the whole idea, with plain 3x3 layers and nothing else? Why should a network of a hundred layers train at all, when one of fifty without shortcuts does worse than one of twenty? → [Residual networks](07b_residual.ipynb)
