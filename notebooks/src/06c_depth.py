# %% [markdown]
# # Small kernels, more layers
#
# In 2014 a network with nothing but 3 x 3 kernels beat networks with large and carefully chosen ones. You will find out what a stack of small kernels can do,
# what it cannot, what it costs, and whether depth really pays.
#
# **You will be able to**
#
# - say how deep a network with a pooling after each layer can become, and how to build deeper ones;
# - replace one large kernel by several small ones: same field, fewer weights, and *not* the same function;
# - build the VGG family from one table, and say where its parameters, its work and its memory are;
# - compute what a unit sees before the linear layers, and prove it by a gradient;
# - read a chart of errors without falling into the trap of its protocol;
# - measure, layer by layer, what a network ignores when a picture moves, grows or turns.
#
# **You need** [receptive fields](05b_layers.ipynb#what-a-unit-sees), [pooling](05c_pooling.ipynb), [AlexNet](06b_alexnet.ipynb) as the network to beat, and how the start of the weights decides
# about [signals through depth](04b_signals.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch
import yaml
from torch import nn
from torch.nn import functional as F

from course_utils import models, plotting
from course_utils.models import summarise
from course_utils.plotting import COLORS
from course_utils.plotting.deep_networks import (
    challenge_years,
    change_curves,
    error_against_depth,
    stage_bars,
)
from course_utils.runtime import band, load_record, repo_root, seed_everything
from course_utils.widgets import (
    ArchitectureExplorer,
    ReceptiveField,
    SignalThroughDepth,
)

plotting.use_style()
SEED = 0
seed_everything(SEED)
torch.set_num_threads(1)

# %% [markdown]
# ## Pooling eats depth
#
# Here is a small network: two convolutions, a pooling, two convolutions, a pooling, two convolutions. Play with it first.
#
# 1. Read off the fields from layer to layer. What does a 3 x 3 layer add at the top of the stack, what does it add at the bottom?
# 2. Take the two poolings out. How far does the top unit see now?
# 3. Now the other way: put a pooling behind *every* convolution. How many convolutions can you have?

# %%
ReceptiveField(preset="VGG-like", **ReceptiveField().presets["VGG-like"])

# %% [markdown]
# The third question is the one that held networks back. Every pooling with stride 2 halves the map. An image of $N$ pixels a side can be halved
#
# $$ L_{\max} = \lfloor \log_2 N \rfloor \tag{6.61} $$
#
# times, then one unit is left, and there is nothing more to pool.
#
# > **Predict.** One pooling behind each convolution. How many convolutions fit above an image of 224 pixels? Above one of 448, with four times as many pixels?

# %% tags=["nbval-check-output"]
from course_utils.scratch.small_kernels.composition import most_halvings

for side in (32, 224, 448):
    x, convolutions = torch.zeros(1, 1, side, side), 0
    layer = nn.Conv2d(1, 1, 3, padding=1)
    while x.shape[-1] >= 2:
        x = F.max_pool2d(layer(x), 2)
        convolutions += 1
    assert convolutions == most_halvings(side) == int(np.log2(side))
    end = tuple(x.shape[2:])
    print(f"{side} pixels: {convolutions} convolutions, then {end}")

# %% [markdown]
# <span id="c195"></span>Seven. And four times the pixels buy you *one* layer more. So the [lecture](../book/claims.md) is right: with a pooling behind each layer, the resolution limits the depth to the
# logarithm of the image's side.
#
# <span id="c196"></span>It says too that early networks pooled behind each convolution. That holds for LeNet. It does not hold for AlexNet:

# %% tags=["nbval-check-output", "hide-input"]
for name in ("lenet5", "alexnet", "vgg16"):
    with torch.device("meta"):
        shape = models.NETWORKS[name].input_shape
        rows = summarise(models.build(name), shape).rows
    word = ""
    for row in rows:
        if not row.spatial:
            break
        if "Conv" in row.kind:
            word += "C"
        elif "Pool" in row.kind or row.kind == "Subsampling":
            word += "P"
    print(f"{name:8s} {word}")
    if name == "alexnet":
        assert word == "CPCPCCCP"

# %% [markdown]
# C is a convolution, P a pooling. (LeNet's third convolution leaves maps of a single unit: nothing to pool.) Convolutions 3 and 4 of AlexNet have no pooling behind them. The limit was broken in 2012, but nobody had pushed.
#
# **How to push.** A 3 x 3 layer at stride 1 with one row of zeros on each side keeps the size: $N + 2 \cdot 1 - 3 + 1 = N$. <span id="c207"></span>Such layers do not touch the resolution, so you may
# put as many of them between two poolings as you like. Fifty, for instance:

# %% tags=["nbval-check-output"]
x = torch.zeros(1, 4, 32, 32)
tower = nn.Sequential(*[nn.Conv2d(4, 4, 3, padding=1) for _ in range(50)])
print("50 layers, no pooling:", tuple(tower(x).shape[2:]))
assert tower(x).shape == x.shape

# %% [markdown]
# That is what can be *built*. What can be *trained* is another matter; we come to it.
#
# ## Two small for one large
#
# AlexNet begins with 11 x 11, goes on with 5 x 5. Why not 3 x 3 everywhere? The worry: such a unit sees so little; its [receptive field](../book/glossary.md#receptive-field) is 3 pixels wide. The answer: stack them. Above a 3 x 3 layer, the next one looks at 3 x 3 *units*, and the outer ones look one pixel further. Each layer adds $k - 1$ pixels:
#
# $$ R_n = 1 + n\,(k - 1) . \tag{6.62} $$
#
# For $k = 3$: two layers see 5 pixels, three see 7. Do they? Ask the gradient which input pixels can change one unit of the top layer:

# %% tags=["nbval-check-output"]
from course_utils.scratch.small_kernels.composition import stack_field

for n in (1, 2, 3, 5):
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(n)])
    for layer in stack:
        nn.init.ones_(layer.weight)  # no two paths can cancel
    x = torch.zeros(1, 1, 19, 19, requires_grad=True)
    top = stack(x)
    top[0, 0, top.shape[2] // 2, top.shape[3] // 2].backward()
    seen = (x.grad[0, 0] != 0).nonzero()
    high, wide = (seen.max(0).values - seen.min(0).values + 1).tolist()
    print(f"3 x 3 layers: {n}, field: {high} x {wide}, {len(seen)} pixels")
    assert high == wide == stack_field([3] * n) == 1 + n * 2
    assert len(seen) == high * wide

# %% [markdown]
# All pixels of the square, no holes. Now the price. Let all layers have $C$ channels in and out. A stack of $n$ has $9 n C^2$ weights. One layer with the same field has side $2n + 1$:
#
# $$ 9\, n\, C^2 \quad\text{against}\quad (2n + 1)^2\, C^2 . \tag{6.63} $$
#
# > **Predict.** Which is larger for $n = 2$? For $n = 5$, which covers AlexNet's 11 x 11?

# %% tags=["nbval-check-output"]
from course_utils.scratch.small_kernels.composition import stack_weights

for n in (2, 3, 5):
    small, large = (
        stack_weights([3] * n, [64] * (n + 1)),
        stack_weights([2 * n + 1], [64, 64]),
    )
    real = [nn.Conv2d(64, 64, 3, bias=False) for _ in range(n)]
    assert small == sum(layer.weight.numel() for layer in real) == 9 * n * 64**2
    assert large == nn.Conv2d(64, 64, 2 * n + 1, bias=False).weight.numel()
    weights, square = 9 * n, (2 * n + 1) ** 2
    print(f"{n} of 3 x 3: {weights} C^2", end="   ")
    print(f"one with the same field: {square} C^2")
    print(f"   saved {1 - small / large:.0%}")
    assert small < large
assert stack_weights([5], [3, 64]) == 4_800
assert stack_weights([3, 3], [3, 64, 64]) == 38_592

# %% [markdown]
# <span id="c197"></span>18 against 25, 27 against 49: the lectures are right. The stack grows like $n$, the large kernel like $n^2$. And at stride 1, with the same size of map, the multiply-adds are the weights times the number of pixels, so the work, counted in [multiply-adds](../book/glossary.md#multiply-add), shrinks alike.
#
# The claim has a condition, and it is easy to miss: *equal channels*. Look at the first layer of a network, from 3 colours to 64 maps. One 5 x 5 layer: $25 \cdot 3 \cdot 64 = 4{,}800$ weights. Two 3 x 3 layers: $9 \cdot 3 \cdot 64 + 9 \cdot 64 \cdot 64 = 38{,}592$.
# Eight times *more*. That is one reason why so many networks keep one large kernel, at the very bottom.
#
# There is a gift on top. Between the small layers stands a ReLU. Where one large layer bends once, the stack bends two or three times. (Keep this in mind for the next section, where we take the ReLUs out for a moment.)
#
# ## The same function?
#
# <span id="c198"></span>"Large filters are approximated by sequences of smaller ones", says one lecture. How well? Take the ReLU away. Then two convolutions in a row are one convolution, whose kernel you find by collecting, for every pixel of the window, all ways that lead there:
#
# $$ K_{u} = \sum_{m=1}^{M} \sum_{a} K''_{m,\,a}\; K'_{m,\,u - a} . \tag{6.64} $$
#
# $K'$ belongs to the lower layer, $K''$ to the upper one, $u$ and $a$ are positions, $m$ runs over the $M$ maps in between.

# %% tags=["nbval-check-output"]
from course_utils.scratch.small_kernels.composition import (
    compose,
    compose_by_loops,
)

draw = torch.Generator().manual_seed(SEED)
lower = torch.randn(4, 2, 3, 3, generator=draw, dtype=torch.float64)
upper = torch.randn(3, 4, 3, 3, generator=draw, dtype=torch.float64)
whole = compose(lower, upper)
assert torch.allclose(whole, compose_by_loops(lower, upper))
pictures = torch.randn(5, 2, 12, 12, generator=draw, dtype=torch.float64)
twice = F.conv2d(F.conv2d(pictures, lower), upper)
print(
    f"one kernel of {tuple(whole.shape[2:])}; same output as the two layers:",
    torch.allclose(twice, F.conv2d(pictures, whole)),
)

# %% [markdown]
# So which 5 x 5 kernels can a pair reach? Begin with one map in between ($M = 1$). Count: two 3 x 3 kernels are 18 numbers. You can double one and halve the other without any effect, so 17 count. A 5 x 5 kernel has 25. Seventeen knobs cannot set twenty-five numbers: most
# kernels must be out of reach. Measure by how much. The share that the best pair misses is
#
# $$ \rho = \frac{\lVert K - \hat K \rVert^2}{\lVert K \rVert^2} . \tag{6.65} $$
#
# `fit_pair` searches for the best pair: if one of the two is held, the other is a least-squares problem. It polishes both together and takes the best of several starts.
#
# > **Predict.** Random 5 x 5 kernels, $M = 1$. How much is missing: a thousandth, a tenth, a half? And with $M = 2$ maps in between?

# %% tags=["nbval-check-output"]
from course_utils.scratch.small_kernels.factorisation import (
    fit_pair,
    shifted_pair,
    through_relu,
)

draw = torch.Generator().manual_seed(SEED)
kernels = torch.randn(20, 5, 5, generator=draw, dtype=torch.float64)
missing = {}
for m in (1, 2):
    missing[m] = [fit_pair(k, m, seed=SEED).residual for k in kernels]
print(f"one map:  missing {np.median(missing[1]):.1%}", end=" ")
print("at the median of 20 kernels")
print(f"          between {min(missing[1]):.0%} and {max(missing[1]):.0%}")
print("two maps: missing less than 1e-20:", max(missing[2]) < 1e-20)
assert 0.05 < np.median(missing[1]) < 0.15
assert min(missing[1]) > 0.005
assert max(missing[2]) < 1e-20

# %% [markdown]
# About a tenth. So "approximated" is a fair word: most of the kernel is there, and a visible rest is not. And now the surprise: *two* maps in between, and nothing is missing at all. The count allows it ($2 \cdot 18 = 36$ numbers for 25), and the fit finds it every time.
#
# Here is one kernel, with the best that one map can do:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four 5 by 5 grids of signed numbers as orange and blue squares: a random kernel, the best kernel that a pair of 3 by 3 layers with one map between can make, which has the same large squares but errs in many, their difference, and the kernel made with two maps between, identical to the first."}}
from matplotlib.colors import LinearSegmentedColormap

target = kernels[5]
one, two = fit_pair(target, 1, seed=SEED), fit_pair(target, 2, seed=SEED)
shown = {
    "random kernel": target,
    "best with one map": compose(one.first, one.second)[0, 0],
    "missing": target - compose(one.first, one.second)[0, 0],
    "with two maps": compose(two.first, two.second)[0, 0],
}
tones = [COLORS["blue"], "white", COLORS["vermillion"]]
signed = LinearSegmentedColormap.from_list("signed", tones)
figure, panels = plt.subplots(1, 4, figsize=(7, 2.1), layout="constrained")
for axes, (title, grid) in zip(panels, shown.items()):
    axes.imshow(grid, cmap=signed, vmin=-2.5, vmax=2.5)
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)
plt.show()

# %% [markdown]
# **A pair you can write down.** You need no search if you allow nine maps. Let map number $m$ of the first layer be the picture, moved by tap $m$: a kernel with a single 1. Now every pixel of the 5 x 5 window lies under some tap of some map. Put each of the 25 weights there. Done, exactly.
#
# **And with the ReLU back?** A moved picture may be negative, and a ReLU would cut it. Send it twice, with either sign:
#
# $$ x = \operatorname{relu}(x) - \operatorname{relu}(-x) . \tag{6.66} $$
#
# Twice the maps, and the bend is straight again: 18 maps for the pair that you can write down, and four, not two, for the pair that the fit found.

# %% tags=["nbval-check-output"]
# Negative numbers too.
photos = torch.randn(3, 1, 16, 16, generator=draw, dtype=torch.float64)
right = F.conv2d(photos, target[None, None])
for name, pair in (("written down", shifted_pair(target)), ("fitted", two)):
    plain = F.conv2d(F.conv2d(photos, pair.first), pair.second)
    bent = through_relu(pair)
    behind_relu = F.conv2d(F.conv2d(photos, bent.first).relu(), bent.second)
    exact = torch.allclose(plain, right), torch.allclose(behind_relu, right)
    few, more, weights = len(pair.first), len(bent.first), 18 * len(bent.first)
    print(f"{name:12s}: {few} maps, no ReLU, exact: {exact[0]}")
    print(f"{'':12s}  {more} maps with ReLU, exact: {exact[1]};", end=" ")
    print(f"{weights} weights")
    assert torch.allclose(plain, right)
    assert torch.allclose(behind_relu, right)
cut = F.conv2d(F.conv2d(photos, two.first).relu(), two.second)
assert not torch.allclose(cut, right, atol=0.1)

# %% [markdown]
# So a pair *can* compute whatever a 5 x 5 layer computes, if you pay: 72 weights for the fitted one, 324 for the one written down, instead of 25. At equal channels, where it is cheaper, it cannot. **Same field, fewer weights, another set of functions.** Whether that set is a good one is a question for
# training. The answer of [Simonyan and Zisserman (2014)](../book/references.md#simonyan-zisserman-2014a), as they report it in their section 4: they replaced each pair of 3 x 3 layers in one of their networks by a 5 x 5 layer. The top-1 error rose by 7 percent. Ours comes below.
#
# ## A family from one table
#
# Their recipe has three rules. All kernels are 3 x 3 with padding 1. A 2 x 2 pooling closes each of five [stages](../book/glossary.md#stage). The maps double from stage to stage: 64, 128, 256, 512, and 512 again. What remains is how many convolutions stand in each stage, and that is the whole family:

# %% tags=["nbval-check-output"]
from course_utils.models.vgg import CHANNELS, STAGES

family = {}
for depth, stages in STAGES.items():
    with torch.device("meta"):  # shapes only: no memory, no time
        family[depth] = summarise(models.build(f"vgg{depth}"), (3, 224, 224))
    by_hand = 0
    for maps, out, count in zip([3, *CHANNELS], CHANNELS, stages):
        by_hand += 9 * maps * out + out
        by_hand += (count - 1) * (9 * out * out + out)
    by_hand += 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert by_hand == family[depth].parameters
    assert sum(stages) + 3 == family[depth].depth == depth
    kinds = f"{sum(stages):2d} convolutions + 3 linear"
    print(f"VGG-{depth}: {stages}, {kinds}, {by_hand:,} parameters")

# %% [markdown]
# The count by hand uses one formula for each convolution, and one for its work on a map of $H \times W$:
#
# $$ \begin{aligned} \text{parameters} &= 9\, C_{\text{in}} C_{\text{out}} + C_{\text{out}}, \\ \text{multiply-adds} &= 9\, C_{\text{in}} C_{\text{out}}\, H\, W . \end{aligned} \tag{6.67} $$
#
# <span id="c201"></span>The names count layers *with weights*, the three linear ones included. One lecture says "11 to 19 convolutional layers"; it is 8 to 16. <span id="c200"></span>Another says that VGG doubles the depth of AlexNet, 16 or 19 layers against 8: right, $16/8 = 2$ and $19/8 = 2.4$.
# <span id="c199"></span>And both give the parameters, "about 140 million", "133 million and more, double AlexNet":

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    alexnet = summarise(models.build("alexnet"), (3, 224, 224))
print(f"AlexNet {alexnet.parameters:,}")
for depth, summary in family.items():
    times = summary.parameters / alexnet.parameters
    print(f"VGG-{depth}  {summary.parameters:,}, {times:.2f} times as many")
    assert 2.1 < times < 2.4
assert [s.parameters for s in family.values()] == [
    132863336,
    133047848,
    138357544,
    143667240,
]

# %% [markdown]
# Right again. Notice what does *not* happen: eight more layers from VGG-11 to VGG-19 cost only 8 percent more parameters. Where are they, then?
#
# ### Where the numbers sit
#
# Look at both networks side by side. Choose layers by click or by arrow keys.
#
# > **Predict.** One layer of VGG-16 holds three quarters of all its parameters. Which one? And which stage does most of the multiply-adds?

# %%
ArchitectureExplorer(network="vgg16", other="alexnet")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four horizontal bars of equal length for VGG-16, cut into stages 1 to 5 and fc6, fc7, fc8. Parameters: 74 percent in fc6 and 12 in fc7. Multiply-adds: 13, 18, 30, 30 and 9 percent in the five stages, almost nothing in the linear layers. Memory of maps: 48 percent in stage 1, then 24, 18, 9 and 1."}}
vgg16 = family[16]
parts = [f"stage {i}" for i in range(1, 6)] + ["fc6", "fc7", "fc8"]
sums = {name: np.zeros(8) for name in ("parameters", "multiply-adds", "memory of maps")}
part = 0
for row in vgg16.rows:
    if row.name.startswith(("conv", "fc")):
        conv = row.name.startswith("conv")
        part = parts.index("stage " + row.name[4] if conv else row.name)
    for name, value in zip(sums, (row.parameters, row.multiply_adds, row.bytes)):
        sums[name][part] += value
shares = {name: values / values.sum() for name, values in sums.items()}
figure, axes = plt.subplots(figsize=(7, 2.6))
stage_bars(axes, shares, parts)
axes.set_title("VGG-16: percent of ...")
plt.show()

# %% tags=["nbval-check-output"]
for name in ("parameters", "multiply-adds", "memory of maps"):
    best = int(np.argmax(sums[name]))
    print(f"{name:15s} most in {parts[best]}: {shares[name][best]:.0%}")
held, done = (shares[n][:5].sum() for n in ("parameters", "multiply-adds"))
print(f"convolutions: {held:.0%} of the parameters, {done:.1%} of the work")
for name, big, small in (
    (
        "multiply-adds, billions",
        vgg16.multiply_adds / 1e9,
        alexnet.multiply_adds / 1e9,
    ),
    ("maps of one image, MB", vgg16.bytes / 1e6, alexnet.bytes / 1e6),
):
    times = f"{big / small:.0f} times AlexNet's {small:.1f}"
    print(f"{name}: {big:.1f}, {times}")
assert vgg16["fc6"].parameters == 25088 * 4096 + 4096
assert abs(shares["parameters"][5] - 0.74) < 0.01
assert shares["multiply-adds"][:5].sum() > 0.99

# %% [markdown]
# Three answers to one question, and all different:
#
# - The **parameters** sit in fc6, where $7 \times 7 \times 512$ numbers meet 4096 units. They make the file large.
# - The **work** sits in the convolutions, most of it in the middle. It makes the network slow.
# - The **memory** of training sits in the first stage, where the maps are still large. It makes the GPU run out.
#
# So "a smaller network" is not one thing. Twice as many parameters as AlexNet, but *twenty-one times* the work. Whoever compares networks by parameters alone, compares the size of fc6. Later networks simply drop it, as [Inception](07_deeper.ipynb) does (exercise 4).
#
# ## What a unit sees before the linear layers
#
# A stage with $n_t$ convolutions works on maps that are already $2^{t-1}$ pixels apart. Each convolution adds $2 \cdot 2^{t-1}$ to the field, the pooling adds one more $2^{t-1}$:
#
# $$ R = 1 + \sum_{t=1}^{5} (2 n_t + 1)\, 2^{\,t-1} . \tag{6.68} $$
#
# For VGG-16 by hand: $1 + 5 + 10 + 28 + 56 + 112 = 212$. Before the last pooling, 16 less: 196. One lecture lists other numbers: <span id="c204"></span>151 for AlexNet, <span id="c205"></span>276 for VGG, both "before FC". Let us not argue. Let the gradient speak.
#
# We build VGG-16 with *one* map in each layer, set all weights to 1/9, and take averages for maxima, so that no path is lost by accident. Then we ask one unit of the last map for its gradient with respect to each input pixel.

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.receptive_field import (
    Layer,
    gradient_support,
    receptive_fields,
)

one_map = models.build("vgg16", width=1 / 512, input_size=448).double()
for parameter in one_map.parameters():
    parameter.data.fill_(1 / 9)
one_map.pool = nn.AvgPool2d(2)
x = torch.ones(1, 3, 448, 448, dtype=torch.float64, requires_grad=True)
one_map.features(x)[0, 0, 7, 7].backward()
seen = (x.grad[0, 0] != 0).nonzero()
print(
    "VGG-16, one unit behind the last pooling sees",
    (seen.max(0).values - seen.min(0).values + 1).tolist(),
)
assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [212, 212]


def vgg_layers(stages):
    """The stack along one axis: 3-wide layers, and a pooling a stage."""
    layers = []
    for n in stages:
        layers += [Layer(3, padding=1)] * n + [Layer(2, 2)]
    return layers


def seen_before(stack, size=900):
    """Field by the formula, and by the gradient of a unit in the middle."""
    field = receptive_fields(stack)[-1]
    middle = size // field.jump // 2
    pixels = np.flatnonzero(gradient_support(stack, size, middle))
    assert pixels[-1] - pixels[0] + 1 == field.size
    return field.size


for depth, stages in STAGES.items():
    by_formula = 1 + sum((2 * n + 1) * 2**t for t, n in enumerate(stages))
    last = seen_before(vgg_layers(stages)[:-1])
    assert by_formula == seen_before(vgg_layers(stages)) == last + 16
    print(f"VGG-{depth}: last convolution {last}, last pooling {by_formula}")


def alexnet_layers(pool):
    """AlexNet's convolutions along one axis, with poolings of this width."""
    below = [Layer(11, 4, 2), Layer(pool, 2), Layer(5, padding=2)]
    return [*below, Layer(pool, 2), *[Layer(3, padding=1)] * 3]


conv5 = seen_before(alexnet_layers(3))
pool5 = seen_before([*alexnet_layers(3), Layer(3, 2)])
print(f"AlexNet: last convolution {conv5}, last pooling {pool5}")
assert (conv5, pool5) == (163, 195)

# %% [markdown]
# Formula and gradient agree: VGG-16 sees 196 or 212, VGG-19 sees 252 or 268, AlexNet 163 or 195, depending on whether you count the last pooling. Where do 151 and 276 come from? We can find out by trying what one might forget:

# %% tags=["nbval-check-output"]
plain = seen_before(alexnet_layers(2))
print("AlexNet with 2 x 2 pooling, last convolution:", plain)
more = seen_before([*vgg_layers(STAGES[16]), Layer(3, padding=1)])
print("VGG-16 with one more 3 x 3 layer behind the last pooling:", more)
assert (plain, more) == (151, 276)

# %% [markdown]
# 151 is right for poolings of 2 x 2; the same lecture says (rightly) that AlexNet's are 3 x 3, overlapping. 276 is what a 3 x 3 layer *behind* the last pooling would see, and VGG has none there. Small slips, easy to make with paper and pencil. That is why we ask gradients.
#
# <span id="c206"></span>"Fully connected layers ensure a full field": yes. After fc6 every unit sees each unit of the last map, and these together see the whole image. On a small copy, every pixel of every colour:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
thin = models.build("vgg16", width=1 / 16, input_size=64).double().eval()
x = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
thin.pool = nn.AvgPool2d(2)
thin(x)[0, 0].backward()
reached = (x.grad != 0).sum().item()
print(f"input numbers that change score 0: {reached:,} of {x.numel():,}")
assert (x.grad != 0).all()

# %% [markdown]
# ## Does depth pay?
#
# The paper's own answer, as its table 3 reports it: one network at a time, one image size, top-5 error on ImageNet's validation images.

# %% tags=["nbval-check-output", "hide-input"]
facts = yaml.safe_load((repo_root() / "book" / "depth.yml").read_text(encoding="utf-8"))
for entry in facts["family"]:
    top1, top5 = entry["top1_error"], entry["top5_error"]
    name = f"{entry['name']:6s} {entry['depth']} layers"
    print(f"{name}   top-1 {top1:.1f} %   top-5 {top5:.1f} %")
reported = {entry["name"]: entry["top5_error"] for entry in facts["family"]}
assert reported["A"] > reported["B"] > reported["C"] > reported["D"]
assert abs(reported["E"] - reported["D"]) < 0.3 < reported["A"] - reported["D"]

# %% [markdown]
# Three lessons in six rows. A and A-LRN: local response normalisation, AlexNet's pet, brings nothing. C and D: both have 16 layers, but C's extra ones are 1 x 1; it pays to *look* as well as to bend. And D and E: <span id="c203"></span>beyond 16 layers nothing more is gained.
# The lecture says so ("plateaus after 16 layers"), and adds 2 to 3 weeks on 4 GPUs, as the paper does. We cannot repeat weeks on ImageNet. But we can ask the same question in small.
#
# **The miniature.** Ten shapes, textured, on coloured gradients, 16 x 16 pixels, 4,000 for training. Networks from the very same class `VGG`, with three stages in place of five and an eighth of the maps. Only the number of convolutions in a stage changes: 1, 2, 3, 5. So do the layers: 6, 9, 12, 18. Five epochs each, five seeds each.

# %% tags=["hide-input", "band-study"]
from dataclasses import replace

import torch
from torch import nn

from course_utils.data import Batches, ImageSet
from course_utils.data.synthetic import CLASSES, TEXTURES, render_scenes
from course_utils.data.synthetic.backgrounds import draw_backgrounds
from course_utils.data.synthetic.draws import Draws
from course_utils.data.synthetic.objects import draw_objects
from course_utils.models import grammar
from course_utils.models.vgg import VGG
from course_utils.scratch.initialisation.schemes import initialise
from course_utils.training import evaluate, fit


def shape_world(n, seed, degrees=15.0, scale=(0.55, 0.9)):
    """What n pictures of one shape are made of: objects and backgrounds."""
    draws = Draws(n, seed, "scenes")
    objects = draw_objects(
        draws, 16, objects=(1, 1), clutter=0, scale=scale, overlap=0,
        rotation=degrees, textures=tuple(range(len(TEXTURES))),
    )  # fmt: skip
    return objects, draw_backgrounds(draws, 16, "gradient")


def shape_pictures(objects, backgrounds):
    """Draw them: 16 x 16 pixels in colour, ten classes."""
    scenes = render_scenes(objects, backgrounds)
    return ImageSet(scenes.images, objects.kind[:, 0], CLASSES, "shapes 16")


def zero_centred(x, generator=None):
    """Pixels 0..1 to about mean 0 and spread 1."""
    return (x - 0.45) / 0.25


def thin_vgg(stages, side=16, width=1 / 8):
    """VGG with an eighth of the maps, three stages, started by He's rule."""
    model = VGG(stages, 10, width=width, input_size=side, dropout=0.0)
    return initialise(model, "he fan_in")


def train_thin(model, train, seed, epochs=5, lr=2e-3):
    batches = Batches(train, 64, augment=zero_centred, seed=seed)
    fit(
        model, batches, epochs=epochs, lr=lr, schedule="one_cycle",
        progress=False,
    )  # fmt: skip
    return model.eval()


def wrong_share(model, pictures):
    test = Batches(pictures, 500, shuffle=False, augment=zero_centred)
    return 1 - evaluate(model, test).accuracy


def large_kernels(side):
    """One large layer in each stage, where the deeper VGGs have a stack."""
    pattern = f"[conv{side}, pool]*3, linear*3"
    model = grammar.build(pattern, (3, 16, 16), 10, width=8, units=512)
    return initialise(model, "he fan_in")


def straight_stacks(count):
    """The stacks of the deeper VGGs, with a single ReLU at the end of each."""
    layers, channels = [], 3
    for maps in (8, 16, 32):
        for last in [False] * (count - 1) + [True]:
            conv = nn.Conv2d(channels, maps, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if last else "linear")
            nn.init.zeros_(conv.bias)
            layers, channels = [*layers, conv], maps
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    linear = initialise(nn.Sequential(
        nn.Flatten(), nn.Linear(128, 512), nn.ReLU(),
        nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10),
    ), "he fan_in")  # fmt: skip
    return nn.Sequential(*layers, linear)


# %% [markdown]
# The twins for the other question: networks with one 5 x 5 (or 7 x 7) layer in each stage, where the 9-layer (or 12-layer) network has a stack. Same maps, same field in each stage, about as many weights.
#
# > **Predict.** Where is the error lowest: at 6, 9, 12 or 18 layers? And who wins, the stacks or the large kernels?
#
# You train the 9-layer network here. All others come from a record: the very cells of this chapter, run for five seeds by the command printed below.

# %%
train_upright = shape_pictures(*shape_world(4000, SEED))
test_upright = shape_pictures(*shape_world(1000, 10_000))
torch.manual_seed(SEED)
upright = train_thin(thin_vgg((2, 2, 2)), train_upright, SEED)
own_error = wrong_share(upright, test_upright)

record = load_record("06c_depth.shapes")
print("repeat with:", record["command"])
for name in (
    "6 layers",
    "9 layers",
    "12 layers",
    "18 layers",
    "one 5x5",
    "one 7x7",
):
    print(f"error, {name:9s}: {band('06c_depth.shapes', 'error, ' + name)}")
print(f"your 9 layers: {own_error:.3f}")
nine = band("06c_depth.shapes", "error, 9 layers")
assert nine.contains(own_error, slack=0.06)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Error in percent over the number of layers. The medians fall from 27 at 6 layers to 16 at 9 and 10 at 12; at 18 layers the median is 12, and the five dots lie further apart. Squares for one 5 by 5 and one 7 by 7 layer in each stage lie between 21 and 28 percent, far above the stacks with the same field."}}
errors = record["metrics"]
figure, axes = plt.subplots(figsize=(7, 3.2))
error_against_depth(
    axes,
    {d: errors[f"error, {d} layers"] for d in (6, 9, 12, 18)},
    label="stacks of 3 x 3",
    own={9: own_error},
)
for place, name, color, stack in (
    (6.3, "one 5x5", "orange", 9),
    (6.6, "one 7x7", "green", 12),
):
    axes.plot(
        [place] * 5, 100 * np.array(errors[f"error, {name}"]), "s",
        color=COLORS[color], alpha=0.7, markersize=5,
        label=f"{name} a stage, against {stack} layers",
    )  # fmt: skip
axes.legend(loc="upper right", fontsize=9)
axes.set_title("Ten shapes, error on 1,000 test pictures: five seeds each")
plt.show()

# %%
median = {
    name: band("06c_depth.shapes", f"error, {name}").median
    for name in (
        "6 layers",
        "9 layers",
        "12 layers",
        "18 layers",
        "one 5x5",
        "one 7x7",
    )
}
assert median["6 layers"] > median["9 layers"] > median["12 layers"]
assert median["18 layers"] > median["12 layers"] - 0.02
assert median["one 5x5"] > median["9 layers"]
assert median["one 7x7"] > median["12 layers"]
for twin, stack, layers in (
    ("one 5x5", "9 layers", (2, 2, 2)),
    ("one 7x7", "12 layers", (3, 3, 3)),
):
    for name, model in (
        (twin, large_kernels(int(twin[-1]))),
        (stack, thin_vgg(layers)),
    ):
        count = sum(p.numel() for p in model.parameters() if p.ndim == 4)
        print(f"{name:9s}: {count:,} weights in convolutions")
    pairs = np.array(errors[f"error, {twin}"]) - errors[f"error, {stack}"]
    worse = f"worse in {(pairs > 0).sum()} of {len(pairs)} seeds"
    print(f"   {100 * np.median(pairs):+.1f} points of error, {worse}")
    assert (pairs > 0).all()

# %% [markdown]
# More layers, less error: from 6 to 9 to 12. Then it stops. At 18 layers the median is no better than at 12, and the seeds lie further apart: perhaps a first sign that a plain stack of many layers is hard to train. The paper's table has the same shape, at its own scale. (Two honest remarks. Our deeper networks also do more work; exercise 6 asks whether that is the reason. And it stops *with this recipe*: five epochs, no normalisation.)
#
# Now the twins. They see what the stacks see, and they have about as many weights: within a stage the maps double, so the saving of (6.63) is used up. Still they err more, in every seed. It is not the field, then, and not the number of weights. It must be the bend in the middle of a stack. Must it?
#
# ### One rate for all
#
# Before you believe a comparison, look for what else differs. Two suspects:
#
# - All networks were trained with *one* learning rate, 0.002. Perhaps it suits some better than others. So give a large kernel another one, 0.005.
# - Whether it is the bend can be tested: leave it out. `straight_stacks` above has the stacks with one ReLU at the end of each and none inside. By equation 6.64 such a stack *is* one large kernel, apart from the border. It can do nothing that its twin could not do.
#
# > **Predict.** How much of the gap does the other rate close? And do straight stacks err like stacks, or like large kernels?

# %%
torch.manual_seed(SEED)
straight = train_thin(straight_stacks(2), train_upright, SEED)
torch.manual_seed(SEED)
hurried = train_thin(large_kernels(5), train_upright, SEED, lr=5e-3)
twins = {
    "9 layers": own_error,
    "9 layers, straight": wrong_share(straight, test_upright),
    "one 5x5": errors["error, one 5x5"][SEED],
    "one 5x5, rate 0.005": wrong_share(hurried, test_upright),
}
for name, error in twins.items():
    print(f"{name:20s} error {error:.3f}")
assert twins["9 layers, straight"] < twins["one 5x5"] - 0.03
assert twins["one 5x5, rate 0.005"] < twins["one 5x5"] - 0.03

# %% [markdown]
# Neither the field nor the bend. The straight stacks, which can do nothing that one large kernel could not do, err about as little as the stacks with their ReLUs. And the large kernels catch up as soon as they may take larger steps. So what the twins lacked was speed: in five epochs at this rate they had not arrived. A product of two kernels learns faster than one kernel, at the same rate, even where both can do the same.
#
# One seed is a hint and no band (`python -m tools.record_depth rates` runs five, each network at its own best rate). But it is enough to take back a conclusion: the gap of the figure above says "stacks learn faster with this recipe", and not "stacks can do more". A comparison of architectures at one learning rate is a comparison *at that learning rate*. The same doubt hangs over the curve of depths, and over many a curve in print.
#
# ## The revolution of depth
#
# The lectures show a famous chart: the winners of the ImageNet challenge, year by year, ever better, ever deeper. Here it is again, with one difference. It is drawn from a file, `book/depth.yml`, in which every number carries its source and its *protocol*: on which images was it taken, and by how many networks?
#
# > **Predict.** In which year did the best entry *not* become deeper?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two charts over the years 2010 to 2017. Above, top-5 error as reported: triangles at 28 and 26 percent for machines without networks, then squares for several networks on test images at 16.4 in 2012, 11.7, 6.7, 3.6, and 2.3 percent in 2017; single networks on validation images lie above, at 18.2, 16.5, 10.1 and 4.5. Below, layers on a logarithmic scale: 8 in 2012, 8 in 2013, 19 and 22 in 2014, 34 and 152 in 2015, 154 in 2017."}}
challenge = facts["challenge"]
figure, (upper, lower) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
challenge_years(upper, lower, challenge)
upper.set_title("ImageNet, 1000 classes, as reported")
plt.show()

# %% tags=["nbval-check-output"]
on_test = [entry for entry in challenge if entry["images"] == "test"]
best = {}
for entry in sorted(on_test, key=lambda e: -e["top5_error"]):
    best[entry["year"]] = entry  # the lowest error stays
for year, entry in sorted(best.items()):
    depth = f"{entry['depth']} layers" if entry["depth"] else "no network"
    error = f"{entry['top5_error']:4.1f} % on test images"
    print(f"{year} {entry['network']:10s} {depth:>10}   {error}")
assert best[2013]["depth"] == best[2012]["depth"] == 8
for entry in challenge:
    if "model" in entry:
        with torch.device("meta"):
            shape = models.NETWORKS[entry["model"]].input_shape
            built = summarise(models.build(entry["model"]), shape)
        assert built.depth == entry["depth"]
with torch.device("meta"):
    bare = summarise(models.build("googlenet", heads=False), (3, 224, 224))
assert 19 < family[19].parameters / bare.parameters < 22
assert best[2013]["top5_error"] < 0.75 * best[2012]["top5_error"]

# %% [markdown]
# <span id="c193"></span>"Every year the CNNs became deeper", sums up one lecture. From 2012 to 2013 they did not: 8 layers and 8 layers, and still the error fell by more than a quarter. A part of that came from smaller kernels and strides at the bottom ([ZFNet](06b_alexnet.ipynb), also 8 layers). How the winner got the rest was not published; its 8 layers stand on the lecture's chart. The direction is right; "every year" is not. (2016 has no dot: its winners averaged networks known before.) And within a year, look at 2014: GoogLeNet is only three
# layers deeper than VGG-19, with a *twentieth* of its parameters (its auxiliary heads, which training alone needs, left out).
#
# **Read the marks, too.** Filled marks are test images, whose labels the organisers keep. Open ones are validation images, whose labels everybody has. On them choices were made: which network, which learning rate, when to stop. Square marks average several networks, and each averages many crops of an image. Triangles are the last winners that were no networks at all.
#
# <span id="c202"></span>The lecture gives VGG's *test* errors as 23.7 percent (top-1) and 6.8 (top-5). In the paper's table 7 both belong to *two* networks averaged, and 23.7 is taken on the *validation* images: no top-1 error on test images is reported at all. The 6.8 stands in both columns.
# One network alone is at 24.4 and 7.1 there (7.0 on test). And what won second place in the challenge were seven networks with 7.3. Four honest numbers for "the error of VGG". We have no ImageNet here to check any; what we can check is that we compare like with like.

# %% tags=["nbval-check-output"]
alone = {e["network"]: e for e in challenge if e["models"] == 1}
single_crop, single_vgg = alone["GoogLeNet"], alone["VGG"]
for entry in (single_crop, single_vgg):
    how = "one crop" if "one crop" in entry.get("note", "") else "many crops"
    protocol = f"one network, {entry['images']} images, {how}"
    print(f"{entry['network']:9s} {entry['top5_error']} %: {protocol}")
teams = {e["network"]: e["top5_error"] for e in challenge if e["models"] == 7}
print("seven networks each, test images:", teams)
assert single_crop["top5_error"] > single_vgg["top5_error"]
assert teams["GoogLeNet"] < teams["VGG"]

# %% [markdown]
# One crop against many, validation against test: such a comparison says nothing. Compare teams of seven on test images, and GoogLeNet is ahead. Whenever you see a table of errors, ask three questions: *which images, how many crops, how many networks?*
#
# ## What stays when the picture moves
#
# "With depth: higher-level representations, more spatial invariance", says the lecture that shows AlexNet layer by layer. [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014) measured it (their figure 5): move, enlarge or turn a picture little by little. How far does the first layer's answer move? And the last one's?
#
# A plain distance depends on the layer's size and scale. We divide it by the distance of two *different* pictures. With $\phi_l(x)$ for all numbers of layer $l$ and $T$ for the change,
#
# $$ d_l(T) = \frac{\operatorname{mean}_i \lVert \phi_l(x_i) - \phi_l(T x_i) \rVert}{\operatorname{mean}_{i \ne j} \lVert \phi_l(x_i) - \phi_l(x_j) \rVert} . \tag{6.69} $$
#
# 0 means that the layer has not noticed. 1 means that it might as well be another picture. Our pictures are made from known parts, so we can do better than to warp pixels: we move, enlarge or turn the *shape* and draw it again, on the same ground, with no empty corners.

# %% tags=["band-study"]
from math import radians

from course_utils.scratch.robustness.by_layer import (
    distances_by_layer,
    probability_of_truth,
)

LAYERS = (
    "input",
    "conv1_1",
    "conv1_2",
    "conv2_2",
    "conv3_2",
    "fc6",
    "fc7",
    "output",
)
CHANGES = {
    "moved": lambda o, pixels: replace(o, x=o.x + pixels),
    "scaled": lambda o, factor: replace(o, radius=o.radius * factor),
    "turned": lambda o, degrees: replace(o, angle=o.angle + radians(degrees)),
}


def changed_pair(kind, amount, n=200):
    """The same pictures twice: the shape in the middle, and changed."""
    objects, grounds = shape_world(n, 20_000, scale=(0.55, 0.7))
    middle = torch.full_like(objects.x, 8.0)
    objects = replace(objects, x=middle, y=middle)
    changed = CHANGES[kind](objects, amount)
    both = [shape_pictures(o, grounds) for o in (objects, changed)]
    before, after = (zero_centred(p.images / 255) for p in both)
    return before, after, both[0].labels


def robustness_table(model):
    """A few numbers of the curves below, for the record."""
    before, _, labels = changed_pair("turned", 0)
    truth = probability_of_truth(model, before, labels).mean().item()
    table = {"as it was, truth": truth}
    for kind, amount in (
        ("moved", 2),
        ("scaled", 1.35),
        ("turned", 15),
        ("turned", 45),
    ):
        before, after, labels = changed_pair(kind, amount)
        found = distances_by_layer(model, before, after, LAYERS)
        for name, value in found.items():
            table[f"{kind} {amount}, {name}"] = value
        truth = probability_of_truth(model, after, labels).mean().item()
        table[f"{kind} {amount}, truth"] = truth
    return table


# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of small textured shapes on colour gradients: as they are, moved by two pixels, enlarged by about a third, and turned by 45 degrees. The ground behind each shape stays the same."}}
rows = [
    changed_pair(kind, amount, 6)[1]
    for kind, amount in (
        ("turned", 0),
        ("moved", 2),
        ("scaled", 1.35),
        ("turned", 45),
    )
]
grid = (torch.cat(rows) * 0.25 + 0.45).clamp(0, 1).permute(0, 2, 3, 1).numpy()
figure, panels = plt.subplots(4, 6, figsize=(5, 3.4), layout="constrained")
for axes, image in zip(panels.flat, grid):
    axes.imshow(image)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
for axes, word in zip(panels[:, 0], ("as it was", "moved 2", "scaled 1.35", "turned 45°")):
    axes.set_ylabel(word, rotation=0, ha="right", va="center")
plt.show()

# %% [markdown]
# Your 9-layer network was trained with shapes anywhere in the picture, of many sizes, turned by at most 15 degrees.
#
# > **Predict.** Move a shape by two pixels. Which layer moves most: the input, the first convolution, the last convolution, the output? And which change will the output *not* forgive?

# %%
sweeps = {
    "moved": np.linspace(0, 4, 9),
    "scaled": np.linspace(0.6, 1.6, 11),
    "turned": np.linspace(0, 180, 13),
}
shown_layers = "input", "conv1_2", "conv3_2", "fc7", "output"


def sweep_changes(model, kind):
    """Distances by layer, and the right class's probability, by amount."""
    curves, truth = {name: [] for name in shown_layers}, []
    for amount in sweeps[kind]:
        before, after, labels = changed_pair(kind, float(amount))
        found = distances_by_layer(model, before, after, shown_layers)
        for name, value in found.items():
            curves[name].append(value)
        truth.append(probability_of_truth(model, after, labels).mean().item())
    return curves, truth


results = {kind: sweep_changes(upright, kind) for kind in sweeps}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels, one column each for moved, scaled and turned. Above, the distance of five layers: for a move the curve of conv1_2 lies highest and the output lowest; for a turn the output rises to the top beyond 30 degrees. Below, the probability of the truth: almost level for small moves, higher for larger shapes, and falling steeply with the angle."}}
units = {"moved": "pixels", "scaled": "times the size", "turned": "degrees"}


def draw_robustness(results, title):
    """Distances above, probability of the right class below."""
    figure, panels = plt.subplots(
        2,
        3,
        figsize=(7, 4.4),
        sharey="row",
        layout="constrained",
        height_ratios=(2, 1),
    )
    for (kind, (curves, truth)), (top, bottom) in zip(results.items(), panels.T):
        change_curves(top, sweeps[kind], curves)
        bottom.plot(sweeps[kind], truth, color=COLORS["ink"], linewidth=2)
        top.set(title=kind, ylim=(0, 1.2), xticklabels=[])
        bottom.set(xlabel=units[kind], ylim=(0, 1))
    panels[0, 0].set_ylabel("distance (6.69)")
    panels[1, 0].set_ylabel("probability\nof the truth")
    panels[0, 1].legend(fontsize=7, loc="upper center")
    figure.suptitle(title, fontsize=11)
    plt.show()


draw_robustness(results, "A 9-layer VGG, trained on upright shapes")


# %%
def seed_metric(who, what):
    return band("06c_depth.shapes", f"{who}: {what}")


print("median of five seeds, trained upright")
print(f"{'':12s}" + "".join(f"{layer:>9s}" for layer in shown_layers))
layers = {}
for change in ("moved 2", "scaled 1.35", "turned 45"):
    for layer in LAYERS:
        found = seed_metric("trained upright", f"{change}, {layer}")
        layers[change, layer] = found
    medians = [layers[change, layer].median for layer in shown_layers]
    print(f"{change:12s}" + "".join(f"{m:9.2f}" for m in medians))
for layer in shown_layers:
    own = results["moved"][0][layer][4]  # two pixels
    assert layers["moved 2", layer].contains(own, slack=0.1)
moved, turned = (
    {layer: layers[change, layer] for layer in LAYERS}
    for change in ("moved 2", "turned 45")
)  # fmt: skip
# The first stage moves more than the pixels do.
assert moved["conv1_2"].minimum > moved["input"].maximum
assert moved["output"].maximum < moved["fc7"].minimum < moved["conv2_2"].minimum
assert turned["output"].minimum > 0.5

# %% [markdown]
# Read the left column from top to bottom. Two pixels move the *input* by half the distance between two different pictures. The first stage moves *more*, by 0.8: its edge detectors see an edge leave one place and turn up at another. From there it goes down, layer by layer: 0.7 at the last convolution, 0.4 at fc7, 0.2 at the output. The probability of the truth hardly changes.
#
# Size tells the same story, inside the sizes that training had shown. (The right answer even becomes *more* probable as the shape grows: a large star is easier to see on 16 pixels.)
#
# A turn is another matter. Up to 15 degrees, which training had shown, the network bears it fairly well. Beyond that the order of the layers turns round: the *late* layers move most, the output above all, and after 45 degrees little is left of the right answer. This is what Zeiler and Fergus report of a network trained on ImageNet: small changes hit the first layer hard and the top layer little; stable under moves and scalings; not under turns.
#
# ### Where does it come from: from the poolings or from the data?
#
# A network of the same shape, *untrained*, has the same poolings. A network trained on shapes at *all* angles has the same poolings too, but it met every angle. Compare all three for a turn by 45 degrees and a move by 2 pixels:

# %%
torch.manual_seed(SEED)
untrained = thin_vgg((2, 2, 2)).eval()
torch.manual_seed(SEED)
train_turned = shape_pictures(*shape_world(4000, SEED, 180.0))
every_angle = train_thin(thin_vgg((2, 2, 2)), train_turned, SEED, epochs=10)
both = {"trained upright": upright, "trained at all angles": every_angle}
turned_results = {n: sweep_changes(m, "turned") for n, m in both.items()}
truth = turned_results["trained at all angles"][1]
own_ratio = truth[3] / truth[0]  # at 45 degrees

# %% tags=["hide-input"] mystnb={"image": {"alt": "Probability of the truth over the angle of the turn. The network trained on upright shapes begins near 0.77, falls to about 0.2 at 45 degrees and stays low. The network trained at all angles begins near 0.5 and stays there at every angle."}}
figure, axes = plt.subplots(figsize=(7, 2.8))
tones = ("blue", "vermillion")
for (name, (_, truth)), color, mark in zip(turned_results.items(), tones, "os"):
    axes.plot(
        sweeps["turned"],
        truth,
        mark + "-",
        color=COLORS[color],
        label=name,
        markersize=5,
    )
axes.axvspan(
    0,
    15,
    color=COLORS["gray"],
    alpha=0.15,
    label="angles of the upright training",
)
axes.axhline(0.1, color=COLORS["ink"], linestyle=":", linewidth=1, label="a guess")
axes.set(xlabel="turned by, degrees", ylabel="probability of the truth", ylim=(0, 1))
axes.legend(fontsize=8, ncols=2)
plt.show()

# %%
print("median of five seeds    distance at the output   truth")
print("                        moved 2   turned 45      as it was   turned 45")
for who in ("trained upright", "trained at all angles", "untrained"):
    values = [
        seed_metric(who, what).median
        for what in (
            "moved 2, output",
            "turned 45, output",
            "as it was, truth",
            "turned 45, truth",
        )
    ]
    print(f"{who:24s}{values[0]:7.2f}{values[1]:12.2f}", end="")
    print(f"{values[2]:15.2f}{values[3]:12.2f}")
kept = {}
for who in both:
    start, end = (
        np.array(record["metrics"][f"{who}: {what}, truth"])
        for what in ("as it was", "turned 45")
    )  # fmt: skip
    kept[who] = end / start
    share = f"{np.median(kept[who]):.0%} of the probability"
    print(f"{who}: a turn by 45 degrees leaves {share}")
assert kept["trained upright"].max() < 0.5
assert kept["trained at all angles"].min() > 0.7
assert own_ratio > 0.6

# %% [markdown]
# The poolings are the same in all three networks. The untrained one is no more stable than the pixels are: moved by two pixels, its output moves about as far, and by chance a little more or less. The one trained at all angles bears every turn: its output still moves, but the right answer stays as probable as it was. (That has a price: its task is harder, and although it trained twice as long, its right answers are less sure to begin with.)
#
# So "with depth, more spatial invariance" describes trained networks well. It is not a law of the architecture. What a network ignores, it has mostly learned to ignore, from pictures that varied in just this way. That is why [augmentation](04e_generalisation.ipynb) works.

# %% [markdown]
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C193](#c193) Every year the CNNs became deeper | imprecise | AlexNet and ZFNet both have 8 layers |
# | [C195](#c195) Pooling behind every convolution limits the depth to $\log N$ | true | 7 halvings for 224 pixels |
# | [C196](#c196) Early networks pooled behind each convolution | imprecise | LeNet yes; AlexNet's convolutions 3 and 4 no |
# | [C197](#c197) Stacks of 3 x 3 have fewer weights than one large kernel | true | 18 < 25 and 27 < 49, times $C^2$, at equal channels |
# | [C198](#c198) Large filters are approximated by sequences of small ones | true | one map between misses about a tenth; two maps (four with ReLU) miss nothing |
# | [C199](#c199) VGG has about 140 (133 and more) million parameters, double AlexNet | true | 132.9 to 143.7 million, 2.18 to 2.36 times |
# | [C200](#c200) VGG has 16 or 19 layers, double AlexNet's 8 | true | $16/8 = 2$, $19/8 = 2.4$ |
# | [C201](#c201) VGG has 11 to 19 convolutional layers | false | 8 to 16; the names count the three linear layers too |
# | [C202](#c202) VGG's test errors are 23.7 and 6.8 percent | external | as reported, 23.7 is validation, and both are two networks |
# | [C203](#c203) The error plateaus after 16 layers; 4 GPUs, 2 to 3 weeks | external | as reported; in small, our errors flatten too, at 12 layers |
# | [C204](#c204) Field before the linear layers: AlexNet 151 | false | 163 behind conv5, 195 behind the pooling |
# | [C205](#c205) Field before the linear layers: VGG 276 | false | VGG-16 196 or 212, VGG-19 252 or 268 |
# | [C206](#c206) Fully connected layers give a full field | true | every input number changes every score |
# | [C207](#c207) SAME 3 x 3 layers keep the resolution, so depth is free | true | 50 layers keep 32 x 32; training them is another matter |
#
# ## Pitfalls
#
# **1. A deep network with the library's default start.** PyTorch draws the first weights of a convolution ([initialisation](../book/glossary.md#initialisation)) smaller than He's rule does. Layer by layer the signal shrinks. In the figure, choose "LeCun" (the default is smaller still) and "He" in turn, at 18 layers:

# %%
SignalThroughDepth(scheme="LeCun", depth=18, width=32)

# %% tags=["nbval-check-output"]
from course_utils.scratch.robustness.by_layer import layer_outputs

batch = changed_pair("turned", 0, 64)[0]
for name, depth_of in (("9 layers", (2, 2, 2)), ("18 layers", (5, 5, 5))):
    torch.manual_seed(SEED)
    default = VGG(depth_of, 10, width=1 / 8, input_size=16)
    he = thin_vgg(depth_of)
    spread = {}
    for start, model in (("default", default), ("He", he)):
        last = layer_outputs(model, batch, [f"conv3_{depth_of[2]}"])
        maps = next(iter(last.values()))
        spread[start] = maps.std(0).mean().item()  # over pictures
    ratio = 10 ** int(np.log10(spread["He"] / spread["default"]))
    print(f"{name}: He's pictures differ more than {ratio} times as much")
    assert spread["He"] > 10 * spread["default"]

# %% [markdown]
# The paper met this in 2014: its deeper networks did not learn from a random start, so the authors began with the layers of the trained 11-layer one. Later they noted that a start like Glorot's would have done. [Chapter 04b](04b_signals.ipynb) has the rules; [batch normalisation](04c_normalisation.ipynb) makes them matter less.
#
# **2. "Smaller kernels need less memory."** Fewer weights, yes. But every layer leaves its maps behind for the way back. Three layers leave three times the maps of one:

# %% tags=["nbval-check-output"]
for name, layers in (
    ("one 7 x 7", [nn.Conv2d(64, 64, 7, padding=3), nn.ReLU()]),
    (
        "three 3 x 3",
        [
            layer
            for _ in range(3)
            for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
        ],
    ),
):  # fmt: skip
    account = summarise(nn.Sequential(*layers), (64, 56, 56))
    size = f"maps {account.bytes / 1e6:.1f} MB"
    print(f"{name:11s} {size}")
    assert account.bytes == len(layers) * 64 * 56 * 56 * 4

# %% [markdown]
# **3. Another image size, and fc6 does not fit.** The convolutions accept any size. fc6 does not: its weights belong to $7 \times 7$ places. The paper's way out is to read fc6 as a 7 x 7 convolution ([chapter 05d](05d_equivariance.ipynb)):

# %% tags=["nbval-check-output"]
thin = models.build("vgg11", width=1 / 16, input_size=64, num_classes=10).eval()
try:
    thin(torch.zeros(1, 3, 96, 96))
except ValueError as error:
    print("ValueError:", str(error).split(";")[0].split(",")[0])
with torch.no_grad():
    print(
        "read as convolutions:",
        tuple(thin.dense(torch.zeros(1, 3, 96, 96)).shape),
    )

# %% [markdown]
# **4. Counting depth by lines of a print-out.** ReLU, pooling and dropout have no weights and do not count; a list of modules is longer than a network is deep:

# %% tags=["nbval-check-output"]
lines = len(family[16].rows)
print(f"VGG-16: {lines} lines in the summary, depth {family[16].depth}")
assert lines > 2 * family[16].depth

# %% [markdown]
# ## Exercises
#
# **1. Fields by hand** (five minutes). Compute what a unit behind the last pooling of VGG-11 and VGG-13 sees. Then check by gradient.
#
# <details><summary>Hint</summary>
#
# Equation 6.68 with $n_t = 1, 1, 2, 2, 2$ and $2, 2, 2, 2, 2$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for depth in (11, 13):
    terms = [(2 * n + 1) * 2**t for t, n in enumerate(STAGES[depth])]
    print(f"VGG-{depth}: 1 + {' + '.join(map(str, terms))} = {1 + sum(terms)}")
    assert 1 + sum(terms) == seen_before(vgg_layers(STAGES[depth]))

# %% [markdown]
# **2. Smaller still** (ten minutes). A 3 x 3 kernel from a 3 x 1 and a 1 x 3 layer, one map in between: 6 weights for 9. What share does the best pair miss, on average over random kernels? Why is no search needed here?
#
# <details><summary>Hint</summary>
#
# A column times a row is a matrix of rank one. The best approximation of rank one is given by the singular value decomposition, and what it misses are the other singular values, squared.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
draw = torch.Generator().manual_seed(1)
many = torch.randn(2000, 3, 3, generator=draw, dtype=torch.float64)
values = torch.linalg.svdvals(many) ** 2
rest = 1 - values[:, 0] / values.sum(1)
last = values[:, 2] / values.sum(1)
print(f"missing on average: {rest.mean():.0%}; with two maps {last.mean():.1%}")
assert 0.15 < rest.mean() < 0.3

# %% [markdown]
# **3. Configuration C** (fifteen minutes). The paper's 16-layer network C is B (VGG-13) with one 1 x 1 convolution at the end of stages 3, 4 and 5, each with as many maps as its stage. Predict the parameters from those of B. Then build its convolutions and count.
#
# <details><summary>Hint</summary>
#
# A 1 x 1 convolution from $C$ to $C$ maps has $C^2 + C$ parameters.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
predicted = family[13].parameters + sum(c * c + c for c in (256, 512, 512))
with torch.device("meta"):
    layers, channels = [], 3
    for stage, (maps, count) in enumerate(zip(CHANNELS, STAGES[13]), start=1):
        for _ in range(count):
            layers += [nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU()]
            channels = maps
        if stage >= 3:
            layers += [nn.Conv2d(maps, maps, 1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [
        nn.Flatten(),
        nn.Linear(25088, 4096),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 1000),
    ]
    config_c = summarise(nn.Sequential(*layers), (3, 224, 224))
print(f"{predicted:,} predicted, {config_c.parameters:,} built, {config_c.depth} layers")
assert predicted == config_c.parameters == 133638952
assert config_c.depth == 16

# %% [markdown]
# **4. Without fc6 and fc7** (fifteen minutes). Replace the linear layers of VGG-16 by the average of each of the 512 maps and one linear layer to 1000 classes. How many parameters are left? What happens to the multiply-adds?
#
# <details><summary>Hint</summary>
#
# `nn.AdaptiveAvgPool2d(1)`, as in [chapter 05c](05c_pooling.ipynb). The convolutions stay as they are.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
convolutions = sum(row.parameters for row in vgg16.rows if row.name.startswith("conv"))
work = sum(row.multiply_adds for row in vgg16.rows if row.name.startswith("conv"))
left = convolutions + 512 * 1000 + 1000
print(f"{left:,} parameters, {left / vgg16.parameters:.0%} of before")
print(f"{(work + 512_000) / vgg16.multiply_adds:.1%} of the multiply-adds")
assert convolutions == 14714688
assert left == 15227688

# %% [markdown]
# **5. Shapes that do not mind** (half an hour). Zeiler and Fergus remark that a turn hurts, "except for objects with rotational symmetry". Check it on your upright network: the probability of the truth after a turn by 45 degrees, for circles and rings against all others.
#
# <details><summary>Hint</summary>
#
# `changed_pair("turned", 45)` returns the labels too; `CLASSES` has the names.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
before, after, labels = changed_pair("turned", 45, 400)
round_shapes = torch.tensor([CLASSES[label] in ("circle", "ring") for label in labels])
start, end = (probability_of_truth(upright, x, labels) for x in (before, after))
for name, mask in (
    ("circles and rings", round_shapes),
    ("all others", ~round_shapes),
):
    a, b = start[mask].mean(), end[mask].mean()
    print(f"{name:18s} {a:.2f} before, {b:.2f} after the turn")
assert end[round_shapes].mean() > 0.7 * start[round_shapes].mean()
assert end[~round_shapes].mean() < 0.5 * start[~round_shapes].mean()

# %% [markdown]
# **6. Depth at equal work** (an evening). Our deeper networks also do more multiply-adds. Is it the depth, or only the work? Take width away as you add layers, so that `summarise` gives equal multiply-adds for 6, 9 and 12 layers, and train five seeds of each, each depth with the learning rate that suits it. Write down what you expect before you run it.
#
# <details><summary>Hint</summary>
#
# `VGG` takes any `width`. Try widths in small steps and keep the one whose multiply-adds come closest to those of the 6-layer network.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def work_of(stages, width):
    with torch.device("meta"):
        model = VGG(stages, 10, width=width, input_size=16)
        return summarise(model, (3, 16, 16)).multiply_adds


goal, widths = work_of((1, 1, 1), 1 / 8), {}
for stages in ((1, 1, 1), (2, 2, 2), (3, 3, 3)):
    tried = [n / 64 for n in range(2, 9)]
    widths[stages] = min(tried, key=lambda w: abs(work_of(stages, w) - goal))
    work = work_of(stages, widths[stages])
    print(f"{stages}: width {widths[stages]}, {work / goal:.2f} times the work")


def equal_work_error(stages, seed, lr):
    torch.manual_seed(seed)
    pictures = shape_pictures(*shape_world(4000, seed))
    model = thin_vgg(stages, width=widths[stages])
    return wrong_share(train_thin(model, pictures, seed, lr=lr), test_upright)


# Choose the rate of each on pictures of another seed first; then five seeds:
# errors = [equal_work_error(stages, seed, lr=rate) for seed in range(5)]
# `python -m tools.record_depth work` does all of it in a few minutes.
assert widths == {(1, 1, 1): 8 / 64, (2, 2, 2): 6 / 64, (3, 3, 3): 5 / 64}

# %% [markdown]
# ## At scale
#
# The same networks on real pictures: CIFAR-10, 32 x 32 pixels, ten kinds of animals and vehicles. The runs are short, 5,000 pictures and four epochs on one processor core; nobody should compare these errors with those of a full training.

# %%
scale = load_record("06c_depth.cifar10")
print(scale["pictures"].replace("; ", "\n"))
print("seeds:", len(scale["seeds"]))
print("repeat with:")
print(scale["command"])
for depth in (6, 9, 12):
    expected = band("06c_depth.cifar10", f"error, {depth} layers")
    print(f"error, {depth:2d} layers: {expected}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Error in percent over 6, 9 and 12 layers on held-out pictures of CIFAR-10, one dot a seed. The medians rise: between 51 and 52 percent at 6 layers, about 53 at 9 and 55 at 12."}}
figure, axes = plt.subplots(figsize=(7, 2.8))
runs = {depth: scale["metrics"][f"error, {depth} layers"] for depth in (6, 9, 12)}
assert np.median(runs[6]) < np.median(runs[9]) < np.median(runs[12])
assert min(runs[12]) > max(runs[6])
error_against_depth(axes, runs)
axes.set_title("CIFAR-10, thin VGGs: error on held-out images")
plt.show()

# %% [markdown]
# Here more layers are *worse*: each of the five runs with 12 layers errs more than any with 6. Is depth a bad idea on real pictures? Look at what differs: 5,000 pictures and some 300 steps, for a harder task. The deeper networks may not have got going yet, or they may have learned these few pictures by heart. The error on held-out pictures alone cannot tell these apart; the error on the *training* pictures can, and [residual networks](07b_residual.ipynb) begin with exactly that measurement.
#
# So take "deeper is better" as what it is: an observation of 2014 about a million pictures and weeks of training. It came back in our shapes, up to 12 layers. It did not come back in a short run on CIFAR-10.
#
# ## Summary
#
# - With a pooling behind each convolution an $N \times N$ image allows $\lfloor \log_2 N \rfloor$ layers. Padded 3 x 3 layers at stride 1 lift that limit.
# - $n$ layers of 3 x 3 see $2n + 1$ pixels with $9n$ in place of $(2n+1)^2$ weights, at equal channels. They are not the same function: one map between misses about a tenth of a random 5 x 5 kernel, two maps miss nothing.
# - VGG is one rule and one table. Its parameters sit in fc6, its work in the middle, its memory at the bottom.
# - Before the linear layers AlexNet sees 163 or 195 pixels, VGG-16 196 or 212. If in doubt, ask the gradient.
# - Depth paid in the paper, and on our shapes, until it stopped paying. In our short runs on real pictures it did not. Stacks beat large kernels at one learning rate, and no longer at another: compare recipes, not only networks.
# - An error belongs to its protocol: which images, how many crops, how many networks.
# - Early layers move *more* than the pixels when a picture moves, late ones less. What the output ignores it has mostly learned from data.
#
# **Further reading.** [Simonyan and Zisserman (2014)](../book/references.md#simonyan-zisserman-2014a): ten pages, tables that vary one thing at a time. [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014), figure 5, and all the rest of it for seeing inside a network (chapter 08). [Araujo et al. (2019)](../book/references.md#araujo-2019) on fields of whole networks.
#
# **The next question.** VGG pays for depth with fifteen billion multiply-adds. Can a network be deeper, better *and* cheaper? [Inception](07_deeper.ipynb) says yes. And why did more layers stop helping, when a deeper network could simply copy the shallower one? [Residual networks](07b_residual.ipynb) begin there.
