# %% [markdown]
# # AlexNet
#
# In 2012 a convolutional network read a thousand classes of photographs, and the field changed course within a year. You will take that network apart to the last
# parameter, train a miniature of it, cut layers out, judge its answers by rank and by kinship, and run it on two processes as its authors ran it on two cards.
#
# **You will be able to**
#
# - say what changed between LeNet-5 and AlexNet, and how much of it you can measure;
# - work out every map, parameter and unit of AlexNet, and catch a slide that gets them wrong;
# - compute top-1 and top-5 error, and an error that forgives near misses;
# - read an ablation study, repeat it in small, and say what it does and does not show;
# - explain what ZFNet changed in the first layer, and why;
# - train one network on two processes in three ways, and prove that nothing but the speed has changed.
#
# **You need** convolution layers and their sizes ([chapter 05b](05b_layers.ipynb)), pooling ([chapter 05c](05c_pooling.ipynb)) and LeNet-5, in [chapter 06](06_architectures.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional as F

from course_utils import models, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.depth import effect_rows
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ArchitectureExplorer, PoolingExplorer

plotting.use_style()
torch.set_num_threads(1)  # small tensors: a second thread costs more than it brings
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Fourteen years
#
# LeNet-5 read cheques in 1998. [AlexNet](../book/glossary.md#alexnet) ([Krizhevsky et al., 2012](../book/references.md#krizhevsky-2012)) won the [ImageNet](../book/glossary.md#imagenet) challenge in 2012. Put them side by side. Choose a layer with a click or the arrow keys.
#
# > **Predict.** Both lists begin with a convolution and end with linear layers. Where do most parameters of AlexNet sit, and where most of its work: in the convolutions or in the linear layers?

# %%
ArchitectureExplorer(network="lenet5", other="alexnet")

# %% [markdown]
# The idea is the same: convolution, activation, pooling, again, then linear layers. One lecture says it in these words: "same model as LeCun'98, but bigger". Now count what "bigger" means. The account comes from a
# forward pass that has shapes and no numbers, so it needs no memory for the weights.


# %% tags=["nbval-check-output"]
def account(name, **options):
    with torch.device("meta"):
        model = models.build(name, **options)
    return models.summarise(model, models.NETWORKS[name].input_shape)


lenet, alexnet = account("lenet5_modern"), account("alexnet")
convolutions = {
    "LeNet-5": "C1 C3 C5",
    "AlexNet": "conv1 conv2 conv3 conv4 conv5",
}
print(f"{'':30s}{'LeNet-5':>14s}{'AlexNet':>14s}{'ratio':>10s}")
for what, a, b in (
    ("convolutions", *(len(text.split()) for text in convolutions.values())),
    ("numbers in an image", 32 * 32, 3 * 224 * 224),
    ("parameters", lenet.parameters, alexnet.parameters),
    ("multiply-adds an image", lenet.multiply_adds, alexnet.multiply_adds),
    ("training images", 60_000, 1_281_167),
    ("classes", 10, 1000),
):
    print(f"{what:30s}{a:14,d}{b:14,d}{b / a:10,.1f}")
assert sum("Conv" in row.kind for row in alexnet.rows) == 5

# %% [markdown]
# <span id="c171"></span>Five convolutions instead of three: a lecture lists that among the differences, and it is true (C1, C3 and C5 in the paper's own names). It is also the smallest number of the table.
#
# <span id="c186"></span>Another slide has AlexNet learn from "$10^6$ versus $10^3$ images". The first number is right. The second is not: LeNet-5 learned from the 60,000 digits of [MNIST](../book/references.md#lecun-1998), $6 \cdot 10^4$. The data grew by a factor of 21, not of 1,000.
#
# <span id="c189"></span>You also meet 1.2, 1.3 and 1.4 million images for the same challenge. [Its report](../book/references.md#russakovsky-2015) has the split: 1,281,167 images to train, 50,000 to validate and 100,000 to test, in 1,000 classes. The training images alone are 1.28 million, which people round both ways; all together are 1.43 million. No contradiction, but three meanings.
#
# ### What a larger network costs
#
# Multiply-adds tell you how long training takes, before you own the machine. Forward, each image costs $M$ of them. Backward costs twice that: every layer computes one product for the gradient of its input and one for the gradient of its weights ([chapter 03](03_backprop.ipynb)). A multiply-add is two operations. With $N$ images seen $E$ times,
#
# $$ \text{operations} \;=\; 2 \cdot 3 \cdot M \cdot N \cdot E . \tag{6.31} $$
#
# <span id="c188"></span>Two lectures say: six days on two GPUs. The paper says "five to six days on two GTX 580 3GB GPUs", for roughly 90 passes over the images. We cannot repeat that here. We can ask whether it is *possible*: each of these cards is sold with 1.58 trillion operations a second.

# %% tags=["nbval-check-output"]
operations = 2 * 3 * alexnet.multiply_adds * 1_200_000 * 90
days = 6
rate = operations / (days * 24 * 3600) / 2
print(f"{operations:.1e} operations; in {days} days on two cards", end=" ")
print(f"{rate / 1e12:.2f} trillion\na second each,", end=" ")
print(f"which is {rate / 1.58e12:.0%} of what is printed on the box")
assert 0.1 < rate / 1.58e12 < 0.6

# %% [markdown]
# A good program reaches a third of the peak or more. So six days are possible; that they *were* six, the paper alone can say.
#
# <span id="c187"></span>And a processor? The lectures say a GPU was "50 times" or "one to two orders of magnitude" faster. That is a statement about two machines of one year, and there is no such number for all machines. So measure yours, on AlexNet's second convolution:

# %% tags=["machine"]
images, weights = torch.randn(4, 96, 27, 27), torch.randn(256, 48, 5, 5)
places = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
for place in places:
    x, w = images.to(place), weights.to(place)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        F.conv2d(x, w, padding=2, groups=2)[0, 0, 0, 0].item()
        seconds.append(time.perf_counter() - start)
    speed = 2 * len(x) * alexnet["conv2"].multiply_adds / min(seconds)
    print(f"{place}: {speed / 1e9:.0f} billion operations a second")
    long = operations / speed / 86400
    print(f"     all of AlexNet's training would take {long:.0f} days")

# %% [markdown]
# One core of a present processor needs weeks or months where two cards of 2012 needed six days; on a processor of that year nobody would have waited for the result.
#
# ### What else changed
#
# Five more things separate 1998 from 2012. This course has measured four of them already:
#
# | change | AlexNet's paper reports | measured here |
# |---|---|---|
# | **dropout** before two linear layers | "substantial overfitting" without it | [chapter 04d](04d_regularisation.ipynb) |
# | **augmentation**: crops, mirror images, colours | over 1 % of top-1 error by the colours alone | [chapter 04e](04e_generalisation.ipynb) |
# | **normalisation** across maps (LRN) | 1.4 % of top-1 error | [chapter 04c](04c_normalisation.ipynb): nothing to see in small |
# | **overlapping pooling** | 0.4 % of top-1 error | [chapter 05c](05c_pooling.ipynb): a little, in most seeds |
# | **ReLU** instead of tanh | six times fewer passes to 25 % training error, on CIFAR-10 | now |
#
# For the last, and for dropout and the data, take the miniature that you will train in a moment: AlexNet an eighth as wide, on pictures of 64 pixels. Each run was repeated with other pictures and other first weights, one dot a run.
#
# > **Predict.** Which costs most: tanh instead of ReLU, a fifth of the pictures (shown five times as often), or adding dropout to a run this short?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of dots, test accuracy of the miniature, a dot for each seed: as it is, with tanh, with a fifth of the pictures, and with dropout added. A bar in each row marks the median."}}
changes = load_record("06b_alexnet.changes")["metrics"]
names = ("as it is", "tanh", "a fifth of the pictures", "with dropout")
figure, axes = plt.subplots(figsize=(7, 2.6))
effect_rows(axes, {name: changes[name] for name in names}, unit="test accuracy (dots: seeds, bars: medians)")
axes.set_xlim(0, 1)
plt.show()

# %% tags=["nbval-check-output"]
median = {name: float(np.median(values)) for name, values in changes.items()}
for name in names:
    print(f"{name:24s} {median[name]:.3f}")
lost = np.subtract(changes["as it is"], changes["a fifth of the pictures"])
print(f"lost with a fifth: {lost.min():.2f} to {lost.max():.2f}, seed by seed")
quarter = {name: changes[f"steps, {name}"] for name in ("as it is", "tanh")}
print("steps until a quarter of the training pictures is wrong, by seed:")
print("  ReLU", quarter["as it is"])
print("  tanh", quarter["tanh"], "of 144 in all")
assert min(median, key=median.get) == "with dropout"
assert median["a fifth of the pictures"] < median["tanh"] <= median["as it is"]
assert lost.min() > 0.1
assert 1 < np.median(quarter["tanh"]) / np.median(quarter["as it is"]) < 1.3

# %% [markdown]
# Three answers:
#
# - **The pictures count.** With a fifth of them, shown five times as often, fourteen to twenty points are gone. Nothing else in the recipe makes up for that.
# - **Dropout costs most here.** That contradicts nothing. Dropout works against overfitting and makes learning slower; the paper says that it roughly doubles the number of passes. These runs have six passes in all and do not overfit. Its authors had ninety and did.
# - **ReLU is faster than tanh, but not six times.** Here it is a few steps, and in one seed of five none. The paper's figure 1 has six, for a network of four layers on CIFAR-10, with the best learning rate for each. Here the weights start by He's or Xavier's rule, Adam takes the steps, and tanh is only a little behind. Much of what ReLU cured in 2012, a good start and adaptive steps cure too ([chapter 04b](04b_signals.ipynb)).
#
# ## Shape by shape
#
# Now the network itself. Its [paper](../book/references.md#krizhevsky-2012) gives the layers in one paragraph and a figure. Work through them with the size formula of [chapter 05b](05b_layers.ipynb), $M = \lfloor (N + 2p - k)/s \rfloor + 1$.
#
# > **Predict.** Images of 224 pixels, a first layer of $11 \times 11$ with stride 4 and no padding. How wide are its maps? The paper's figure says 55.

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.sizes import output_size

for side, padding in ((224, 0), (227, 0), (224, 2), (224, 5)):
    exact = (side + 2 * padding - 11) / 4 + 1
    found = output_size(side, 11, stride=4, padding=padding)
    print(f"side {side}, padding {padding}: {exact:5.2f}, so {found} positions")
    x, kernel = torch.zeros(1, 1, side, side), torch.zeros(1, 1, 11, 11)
    assert found == F.conv2d(x, kernel, stride=4, padding=padding).shape[3]
assert [output_size(224, 11, 4, p) for p in (0, 2, 5)] == [54, 55, 56]

# %% [markdown]
# <span id="c172"></span>Three lectures say 224, and so does the paper. But 224 without padding gives maps of 54 a side. The 55 of the paper's figure needs images of 227 pixels, or a padding of 2 (a total of 3 would do). People have used both; our `AlexNet` pads. *Imprecise*, and not the lectures' fault.
#
# From there on all is settled. Follow a picture through:

# %% tags=["nbval-check-output"]
wanted = ("conv", "pool", "fc")
for row in alexnet.rows:
    if row.name.startswith(wanted):
        shape = " x ".join(map(str, row.shape))
        seen = min(row.field.size[0], 224)
        print(f"{row.name:6s}{shape:>15s}  sees {seen:3d} pixels,", end=" ")
        print(f"{row.parameters:10,d} parameters")
spatial = [row for row in alexnet.rows if row.name.startswith(("conv", "pool"))]
assert [row.shape[1] for row in spatial] == [55, 27, 27, 13, 13, 13, 13, 6]
assert alexnet["conv1"].parameters == 96 * 11 * 11 * 3 + 96 == 34_848 + 96

# %% [markdown]
# <span id="c179"></span>Eight layers with weights, five convolutions and three linear ones; the first has 96 filters of $11 \times 11 \times 3$, which is 34,848 weights and 96 biases. As the lecture says.
#
# <span id="c174"></span>The same lecture adds that the number of channels grows with depth. It does at first: 96, 256, 384, 384. Then it *falls* to 256. *Imprecise*; the rule became strict only with later networks.
#
# <span id="c173"></span>And it draws the maps as $56, 28, 14, 7$ pixels wide. Those are lovely numbers: halves of halves. They are what you get if every layer pads to keep its size, the **SAME** rule. Is it a simplification that does no harm? Ask what the first linear layer would then have to read.


# %% tags=["nbval-check-output"]
def with_last_map(side, total):
    """Parameters if fc6 read maps of this side instead of 6 x 6."""
    return total + 4096 * 256 * (side**2 - 6**2)


same = [224]
for kernel, stride in ((11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 2)):
    same.append(output_size(same[-1], kernel, stride, (kernel - 1) // 2))
whole = account("alexnet_whole")
print("SAME-padded:", same)
print("parameters     with maps of 6 x 6        of 7 x 7")
for name, net in (("in two groups", alexnet), ("whole", whole)):
    larger = with_last_map(7, net.parameters)
    print(f"{name:15s}{net.parameters:18,d}{larger:16,d}")
assert same == [224, 56, 28, 28, 14, 14, 7]
assert with_last_map(7, alexnet.parameters) == 74_596_712

# %% [markdown]
# With $7 \times 7$ maps, AlexNet would have 75 or 76 million parameters. Everybody agrees that it has about 60. So the slide's maps are *false*, and the count proves it: the last map is $6 \times 6$.
#
# ### Windows that overlap
#
# <span id="c180"></span>AlexNet takes the maximum of $3 \times 3$ windows, two pixels apart, where LeNet's windows are $2 \times 2$ and lie side by side. *True*, and on odd sides both give the same size: 55 to 27, 27 to 13, 13 to 6. What does the overlap change? Set the kernel size to 3 and back to 2, and look at which input wins how often.

# %%
PoolingExplorer(kernel_size=3, stride=2)

# %% [markdown]
# ## Sixty million, to the unit
#
# A convolution with $C$ input maps, $O$ output maps and a kernel of side $k$, in $g$ groups, has
#
# $$ P \;=\; O \left( \frac{C}{g}\, k^2 + 1 \right) \tag{6.32} $$
#
# parameters: each output map owns one small kernel for each input map *of its group*, and one bias. A linear layer is the same with $k = 1$ and $g = 1$.
#
# Why groups? In 2012 a card had 3 GB, and the network did not fit. So the authors cut it in two. Each card holds half of the maps of every layer, and in conv2, conv4 and conv5 a map reads only the maps on its own card. That is $g = 2$.
#
# > **Predict.** How many parameters do the groups save? One million, ten, or thirty?


# %% tags=["nbval-check-output"]
def parameters(c, o, k=1, g=1):
    return o * (c // g * k**2 + 1)


def alexnet_by_hand(g):
    convolutional = [
        (3, 96, 11, 1),
        (96, 256, 5, g),
        (256, 384, 3, 1),
        (384, 384, 3, g),
        (384, 256, 3, g),
    ]
    linear = [(256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)]
    return [[parameters(*sizes) for sizes in part] for part in (convolutional, linear)]


for g, told in ((2, alexnet), (1, whole)):
    convolutional, linear = alexnet_by_hand(g)
    total = sum(convolutional) + sum(linear)
    print(f"g = {g}: {total:,d}; linear layers {sum(linear):,d},", end=" ")
    print(f"which is {sum(linear) / total:.1%}")
    assert total == told.parameters
assert alexnet.parameters == 60_965_224
assert whole.parameters == 62_378_344
print(f"saved by the groups: {whole.parameters - alexnet.parameters:,d}")

# %% [markdown]
# <span id="c175"></span><span id="c176"></span>"About 60 million", say three lectures, and that is the network of the paper: 60,965,224. One deck says 62 million on another slide: that is the network *without* groups, 62,378,344. Both numbers are right about different networks; 62 million is *imprecise* for the one that won.
#
# <span id="c178"></span>The groups save little, because convolutions hold little. The linear layers hold 96 % of everything, as a lecture remarks ("later shown to be unnecessary", it adds; you will cut them out below). Where the *work* is, is another matter:

# %% tags=["nbval-check-output"]
kinds = {"convolutions": "conv", "linear layers": "fc"}
for name, start in kinds.items():
    rows = [row for row in alexnet.rows if row.name.startswith(start)]
    own = sum(row.parameters for row in rows) / alexnet.parameters
    work = sum(row.multiply_adds for row in rows) / alexnet.multiply_adds
    print(f"{name:14s} {own:6.1%} of parameters {work:6.1%} of multiply-adds")
layers = [row for row in alexnet.rows if row.name.startswith(("conv", "fc"))]
units = sum(np.prod(row.shape) for row in layers)
print(f"units: {units:,d}")
assert units == 659_272

# %% [markdown]
# Keep this pair of percentages: nearly all parameters on one side, nearly all work on the other. It decides how to share the network among machines.
#
# <span id="c177"></span>The last line counts the outputs of all layers: 659,272. The lecture's 650,000 neurons are this number, rounded. (The paper says 650,000 as well; the list in the caption of its figure 2 adds up to less, since it counts 253,440 for the first layer, where $55 \cdot 55 \cdot 96$ is 290,400.)
#
# ## A miniature that learns
#
# Sixty million parameters do not train on a laptop. An eighth of all widths does, on pictures of 64 pixels: the same layers, kernels, strides, groups. The data are ten shapes in colour, drawn anew for every seed. No dropout: in a run of 114 steps it only slows things down, as you saw.

# %% tags=["band-miniature"]
import torch

from course_utils.data import Batches
from course_utils.data.synthetic import make_images
from course_utils.models.alexnet import AlexNet
from course_utils.scratch.initialisation.schemes import initialise
from course_utils.training import fit

SIDE = 64
train_shapes = make_images(1200, SIDE, seed=2 * SEED, difficulty="easy")
new_shapes = make_images(500, SIDE, seed=2 * SEED + 1, difficulty="easy")


def centred(x, generator=None):
    """Pixels in 0..1 to mean about 0 and deviation about 1."""
    return (x - 0.45) / 0.25


miniature = AlexNet(10, width=1 / 8, input_size=SIDE, dropout=0.0)
generator = torch.Generator().manual_seed(SEED)
initialise(miniature, "he fan_in", generator=generator)
batches = Batches(train_shapes, 64, augment=centred, seed=SEED)
fit(miniature, batches, epochs=6, lr=2e-3, schedule="one_cycle", progress=False)
miniature.eval()
with torch.no_grad():
    scores = miniature(centred(new_shapes.images.float() / 255)).numpy()
labels = new_shapes.labels.numpy()

# %% mystnb={"image": {"alt": "Sixteen colourful pictures of simple shapes, each titled with the network's first guess: circles, stars, crosses, arrows and so on; wrong guesses are in another colour and followed by the true class."}}
guesses = scores.argmax(1)
names = new_shapes.classes
right = guesses == labels
show = np.r_[np.flatnonzero(~right)[:6], np.flatnonzero(right)[:10]]
pairs = zip(guesses[show], labels[show])
plotting.image_grid(
    new_shapes.images[show],
    titles=[names[g] + (f", not {names[y]}" if g != y else "") for g, y in pairs],
    title_colors=[COLORS["ink" if ok else "vermillion"] for ok in right[show]],
    columns=4,
    size=1.6,
)

# %% [markdown]
# ## Five guesses
#
# How do you judge a network that answers with a thousand scores? The challenge counts [two errors](../book/glossary.md#top-1-and-top-5-error). **Top-1**: the highest score must be the true class. **Top-5**: the true class must be among the five highest. Sort the classes by their scores, and let $r_n$ be the place of the true class of picture $n$, 0 for the first. Then
#
# $$ e_k \;=\; \frac{1}{N} \,\Big|\big\{\, n : r_n \ge k \,\big\}\Big| . \tag{6.33} $$
#
# <span id="c191"></span>That is the lecture's definition, "predict 5 classes, the correct one should be among them", and it is *true*. Why be so generous? A photograph in the set has one label and often shows several things. A network that says "table" for a picture labelled "coffee mug" need not be wrong.
#
# Here it is in the slowest way, making one guess after the other, beside the fast way:

# %% tags=["nbval-check-output"]
from course_utils.scratch.evaluation.top_k import (
    ranks,
    top_k_error,
    top_k_error_by_hand,
)

rng = np.random.default_rng(SEED)
some_scores = rng.integers(0, 6, size=(300, 20))  # many ties
some_labels = rng.integers(0, 20, size=300)
for k in (1, 2, 5, 20):
    fast = (ranks(some_scores, some_labels) >= k).mean()
    slow = top_k_error_by_hand(some_scores, some_labels, k)
    assert fast == top_k_error(some_scores, some_labels, k) == slow
one, five = (top_k_error(some_scores, some_labels, k) for k in (1, 5))
print(f"20 classes, random scores: top-1 {one:.2f}, top-5 {five:.2f} wrong")
print("expected of pure guessing: 0.95 and 0.75")

# %% [markdown]
# > **Predict.** The miniature has ten classes. If its top-1 error is 15 %, what do you expect for top-5? And what would a network reach that has learned *nothing*?

# %% tags=["band-miniature"]
from course_utils.scratch.evaluation.hierarchy import (
    ClassTree,
    hierarchical_error,
)
from course_utils.scratch.evaluation.top_k import top_k_error, top_k_guesses

FAMILIES = {
    "full": ("circle", "heart"),
    "hollow": ("ring", "crescent"),
    "many-sided": ("square", "triangle"),
    "pointed": ("star", "arrow"),
    "right-angled": ("cross", "corner"),
}
parents = {name: kin for kin, members in FAMILIES.items() for name in members}
parents |= {"full": "round", "hollow": "round"}
parents |= dict.fromkeys(("many-sided", "pointed", "right-angled"), "straight")
parents |= {"round": "shape", "straight": "shape"}
tree = ClassTree(parents)

classes = new_shapes.classes
miniature_result = {}
for k in (1, 2, 5):
    miniature_result[f"top-{k} error"] = top_k_error(scores, labels, k)
for k in (1, 5):
    found = hierarchical_error(tree, classes, top_k_guesses(scores, k), labels)
    miniature_result[f"hierarchical error, {k}"] = found

# %% tags=["hide-input"] mystnb={"image": {"alt": "Five rows of seed bands, each with your own run as a diamond: top-1 error, top-2 error, top-5 error, hierarchical error of one guess and of five. Each row lies far left of the one for chance, marked by a small vertical line."}}
figure, axes = plt.subplots(figsize=(7, 2.9))
chance = {f"top-{k} error": 1 - k / 10 for k in (1, 2, 5)}
distances = tree.table(classes)
chance["hierarchical error, 1"] = distances.mean()
for row, (name, value) in enumerate(reversed(miniature_result.items())):
    found = band("06b_alexnet.miniature", name)
    plotting.seed_band(axes, found, value, name, y=row)
    assert found.contains(value, slack=0.05), name
    if name in chance:
        axes.plot([chance[name]] * 2, [row - 0.3, row + 0.3], color=COLORS["ink"], linestyle=":")
axes.set(xlabel=f"error (bands: {found.count} seeds; diamonds: your run; dotted: guessing)", xlim=(-0.01, 1))
plt.show()

# %%
for k in (1, 2, 5):
    found = miniature_result[f"top-{k} error"]
    print(f"top-{k} error {found:.3f}; guessing {1 - k / 10:.1f}")
    print(f"   all seeds: {band('06b_alexnet.miniature', f'top-{k} error')}")

# %% [markdown]
# With ten classes, top-5 is nearly free: guessing fails only half of the time, and a network that errs in one picture of six has the right class among its five almost always. An error is worth nothing without the number of classes and the number of guesses beside it.
#
# <span id="c185"></span>With that in mind, read the numbers of 2012. A lecture has "top-1 test error 36.7 %, top-5 test error 15.3 %". The [paper](../book/references.md#krizhevsky-2012) (table 2) and [its successor's](../book/references.md#zeiler-fergus-2014) (table 2) let you place them:
#
# | | top-1, validation | top-5, validation | top-5, test |
# |---|---|---|---|
# | one network | 40.7 | 18.2 | not given |
# | five, averaged | 38.1 | 16.4 | 16.4 |
# | seven, averaged; two trained on all of ImageNet first, with a sixth convolution | 36.7 | 15.4 | **15.3** |
#
# So 15.3 is a test error, of an average of seven networks. 36.7 is the same average's error on the *validation* images. The labels of the test images are not public, and for these the paper gives no top-1 error. *Imprecise*: two protocols in one line.
#
# <span id="c192"></span>The lectures also name winners: AlexNet 2012, GoogLeNet 2014, ResNet 2015, SENet 2017. These are facts about the world, not about code, and they agree with [the challenge's report](../book/references.md#russakovsky-2015) as far as it goes (2014) and with the networks' own papers after that. Small print: the challenge of 2013 went to Clarifai, the company of ZFNet's first author, while the entry called ZF came third; and VGG, which often stands in such lists, came second in classification in 2014.
#
# <span id="c194"></span>And "since 2012, convolutional networks win everything; AlexNet is cited 8,476 times": a snapshot of the day that slide was made. The count has grown more than tenfold since, as citation indexes report. The sentence before it aged too: since about 2020, transformers share the top places. Date such numbers when you write them down.
#
# ## A tree of nouns
#
# Top-5 forgives by rank. There is another way to forgive: by *meaning*. ImageNet's classes ([Deng et al., 2009](../book/references.md#deng-2009)) are nouns of [WordNet](../book/glossary.md#wordnet) ([Fellbaum, 1998](../book/references.md#fellbaum-1998)), a dictionary in which each noun points to a more general one: husky, sled dog, working dog, dog, and so on up to animal. That makes nearly a tree with the classes as its leaves. (Nearly: some nouns have two more general ones. The challenge chose its classes so that none stands above another.) To take a husky for a malamute is a small error, to take it for a teapot a large one.
#
# Measure it by the [lowest common ancestor](../book/glossary.md#lowest-common-ancestor): climb from both classes until the paths meet, and ask how high you had to climb. With $h(v)$ for the steps from node $v$ down to its farthest leaf,
#
# $$ d(a, b) \;=\; \frac{h\big(\operatorname{lca}(a, b)\big)}{h(\text{root})} , \qquad e \;=\; \frac{1}{N} \sum_n \min_{g \,\in\, G_n} d(g, y_n) , \tag{6.34} $$
#
# where $G_n$ are the guesses for picture $n$. This is the measure of [Deng et al. (2010)](../book/references.md#deng-2010), and the challenge of 2010 used it beside the flat one. Our ten shapes have a tree as well. You saw its five families in the code above.

# %% tags=["nbval-check-output"]
values = []
for b in ("ring", "crescent", "heart", "arrow"):
    values.append(tree.distance("ring", b))
    meeting = tree.common("ring", b)
    print(f"ring for {b:9s} meet at {meeting:7s} error {values[-1]:.2f}")
assert values == sorted(values)
assert values[0] == 0
assert values[-1] == 1
assert (np.diag(distances) == 0).all()

# %% [markdown]
# > **Predict.** When the miniature is wrong, are its wrong answers closer in this tree than wrong answers drawn by chance?

# %%
mistakes = guesses != labels
own = distances[guesses[mistakes], labels[mistakes]].mean()
by_chance = distances[~np.eye(10, dtype=bool)].mean()
print(f"{mistakes.sum()} mistakes: mean distance {own:.2f};", end=" ")
print(f"a wrong class by chance: {by_chance:.2f}")
seeds = load_record("06b_alexnet.miniature")["metrics"]
means = np.divide(seeds["hierarchical error, 1"], seeds["top-1 error"])
print(f"all seeds: {means.min():.2f} to {means.max():.2f}", end=", ")
print(f"median {np.median(means):.2f}")
assert by_chance - 0.1 < np.median(means) < by_chance < means.max()

# %% [markdown]
# Hardly. Over twenty seeds mistakes stay a trifle closer than chance, and in some seeds they do not. The network never saw the tree, and a tree and the pixels need not agree about what is alike. Ours calls a circle round and a square straight; on 64 pixels both are a bright filled patch of the same size. WordNet was made by looking at meanings, and a violin's case looks like a coffin. A tree says what a mistake *costs*. It does not say what is easy to confuse.
#
# One lecture mentions the other road to labels: not a dictionary, but the words people put beside their photographs. [Joulin et al. (2016)](../book/references.md#joulin-2016) trained AlexNet on 100 million pictures from Flickr with thousands of such words, with no tree and plenty of noise. They report features that serve other tasks well, some as well as ImageNet's.
#
# ## Which layers does it need?
#
# Eight layers, sixty million parameters. Which of them matter? [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014) removed some, trained what was left from the start, and compared. That is an [ablation](../book/glossary.md#ablation). First the parameters, where no training is needed.
#
# > **Predict.** Take out fc7: 16 million fewer. Take out fc6 *and* fc7: how many fewer? Careful: what does fc8 read then?

# %% tags=["nbval-check-output"]
ABLATIONS = {
    "fc7": ("fc7",),
    "fc6, fc7": ("fc6", "fc7"),
    "conv3, conv4": ("conv3", "conv4"),
    "all four": ("conv3", "conv4", "fc6", "fc7"),
}
print("               ---- in two groups ----    -------- whole --------")
print("without        parameters     fewer by    parameters     fewer by  layers")
fewer = {}
for name, without in ABLATIONS.items():
    print(f"{name:12s}", end="")
    fewer[name] = []
    for full, network in ((alexnet, "alexnet"), (whole, "alexnet_whole")):
        less = account(network, without=without)
        fewer[name].append(full.parameters - less.parameters)
        print(f"{less.parameters:13,d}{fewer[name][-1]:13,d} ", end="")
    print(f"{less.depth:7d}")
assert fewer["fc7"] == [4096 * 4097] * 2 == [16_781_312] * 2
assert fewer["fc6, fc7"] == [49_414_144] * 2
assert 9216 * 4096 + 4096 + 16_781_312 - (9216 - 4096) * 1000 == 49_414_144

# %% [markdown]
# <span id="c181"></span><span id="c182"></span>The lecture's "16 million" is 16,781,312. Its "about 50 million" is 49,414,144. The two layers themselves hold 54,534,144, but fc8 must now read the 9,216 numbers of the last map instead of 4,096, and grows by 5,120,000. Both are *true*.
#
# <span id="c183"></span>And "removing layers 3, 4, 6, 7 leaves 4 layers": *true*; the account's last column says so as well.
#
# Now accuracy. Five seeds of the miniature, each of the five networks trained on the same 1,500 pictures for six passes:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of dots: the change in test accuracy, five seeds each, without fc7, without fc6 and fc7, without conv3 and conv4, and without all four. The first three rows scatter within a few points of zero, the last lies far to the left, at about minus eleven to minus eighteen points."}}
ablation = load_record("06b_alexnet.ablation")["metrics"]
drops = {name: [100 * (b - a) for a, b in zip(ablation["whole"], ablation[name])] for name in list(ablation)[1:]}
figure, axes = plt.subplots(figsize=(7, 2.6))
effect_rows(axes, drops, unit="points of test accuracy, compared with the whole miniature")
plt.show()

# %% tags=["nbval-check-output"]
for name, values in drops.items():
    print(f"{name:24s} median {np.median(values):+6.1f}", end="   ")
    print(f"from {min(values):+6.1f} to {max(values):+6.1f}")
largest = [min(drops, key=lambda name: drops[name][seed]) for seed in range(5)]
print("largest fall in each seed:", sorted(set(largest)))
held = load_record("06b_alexnet.ablation")["parameters"]
for name, count in held.items():
    print(f"{name:24s} {count:8,d} parameters")
assert set(largest) == {"without all four"}
assert max(drops["without all four"]) < 2 * np.median(drops["without fc6, fc7"])
assert held["whole"] - held["without fc6, fc7"] == 284_352
assert held["without fc6, fc7"] - held["without all four"] == 26_592

# %% [markdown]
# <span id="c184"></span>The lecture gives drops of 1.1, 5.7 and 33.5 points, from a baseline of 18.2 % (theirs) and 18.1 % (the repetition). On ImageNet, which we do not have. Three remarks:
#
# 1. *The pattern shows in small.* Either pair of layers can go at the cost of a few points or none. Without all four, every seed loses more than in any other row. It is not the lack of parameters: taking fc6 and fc7 out removes 284,352 of 325,114 and costs two points in the median. Taking conv3 and conv4 out as well removes another 26,592, and eleven points more. What the last network lacks is *layers*: four are too few, and which two more it gets seems to matter little.
# 2. *The published numbers differ from the slide's.* Table 3 of the paper gives top-5 validation errors of 18.1 for the whole, 18.4 without fc7, 22.4 without fc6 and fc7, 22.1 without conv3 and conv4, 50.1 without all four: drops of 0.3, 4.3, 4.0 and 32.0. The slide comes from a talk given earlier. The order agrees, the digits do not.
# 3. *18.2 does not contradict 15.3.* The first is one network on validation images, the second seven on test images, as in the table above.
#
# What does the ablation *not* show? That conv3 is unimportant. It shows that a network trained without conv3 and conv4 finds another way. That is a statement about the pair (architecture, training), not about what these layers do in the network that has them.
#
# ## A finer first look
#
# A year later the same two authors looked *into* AlexNet, with tools that a later chapter is about, and did not like its first layer. The filters were either very coarse or very fine, with little in between. And the second layer showed patterns that came from the stride: four pixels is a long step. So they took $7 \times 7$ filters with stride 2. To keep the later maps at their size, the second layer steps by two as well, and since one card was enough, there are no groups. The rest stayed. That is [ZFNet](../book/glossary.md#zfnet). Compare it with AlexNet without groups:

# %% tags=["nbval-check-output"]
zfnet = account("zfnet")
print("           first map  its weights   parameters  multiply-adds")
for name, net in (("AlexNet", whole), ("ZFNet", zfnet)):
    side = net["conv1"].shape[1]
    print(f"{name:9s}{side:>6d} x {side:<3d}", end="")
    print(f"{net['conv1'].parameters - 96:13,d}{net.parameters:13,d}", end="")
    print(f"{net.multiply_adds:15,d}")
first = zfnet["conv1"].multiply_adds / whole["conv1"].multiply_adds
total = zfnet.multiply_adds / whole.multiply_adds
print(f"work of ZFNet: first layer {first:.2f} times, in all {total:.2f} times")
sides = [zfnet[name].shape[1] for name in ("conv1", "conv2", "conv5")]
assert sides == [110, 26, 13]
assert whole.parameters - zfnet.parameters == 96 * 3 * (11**2 - 7**2) == 20_736

# %% [markdown]
# 20,736 parameters fewer of 62 million. The first layer works 62 % more, at four times as many places with smaller filters; the rest works a little less, on maps that are a pixel smaller, and the whole costs 3 % more. The paper reports 38.4 and 16.5 % (top-1 and top-5, validation, one network) against 40.5 and 18.1 for its own AlexNet.
#
# Why should a long stride hurt? Think of the stride as sampling: the layer computes its map at every pixel and keeps every $s$-th. Waves shorter than two steps cannot be told from longer ones afterwards: [aliasing](../book/glossary.md#aliasing), as in [chapter 05c](05c_pooling.ipynb). So ask each filter how much of its power lies on such waves. With $\hat K$ for the Fourier transform of a filter and $f$ for a wave's frequency along rows or columns, whichever is larger,
#
# $$ \text{aliased share} \;=\; \frac{\sum_{f > 1/(2s)} |\hat K|^2}{\sum |\hat K|^2} . \tag{6.35} $$
#
# > **Predict.** Random filters, before training: which share is it for $s = 4$, and for $s = 2$? And does training change it?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of twelve small colour patches: the trained first filters of the two miniatures. Top, AlexNet's, eleven by eleven pixels; bottom, ZFNet's, seven by seven. Both look like coloured noise to the eye: no edge, no blob stands out."}}
zf_record = load_record("06b_alexnet.zfnet")
patches = {"AlexNet": 11, "ZFNet": 7}
figure, panels = plt.subplots(2, 12, figsize=(7, 1.6), layout="constrained")
for row, (name, side) in zip(panels, patches.items()):
    filters = np.array(zf_record["filters"][name]).reshape(12, 3, side, side)
    for axes, patch in zip(row, filters):
        axes.imshow(np.clip(0.5 + 0.5 * patch / np.abs(patch).max(), 0, 1).transpose(1, 2, 0))
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
    row[0].set_ylabel(name, fontsize=8)
plt.show()

# %% tags=["nbval-check-output"]
from course_utils.scratch.evaluation.filter_spectrum import aliased_share

zf = zf_record["metrics"]
print("median of five seeds:   aliased: at the start   trained   test accuracy")
for name, side in patches.items():
    keys = (f"{name}, aliased at the start", f"{name}, aliased trained", name)
    start, end, accuracy = (np.median(zf[key]) for key in keys)
    print(f"  {name:20s} {start:22.2f} {end:9.2f} {accuracy:15.3f}")
    filters = np.array(zf_record["filters"][name]).reshape(12, 3, side, side)
    share = aliased_share(filters, 4 if name == "AlexNet" else 2).mean()
    assert abs(share - zf[f"{name}, aliased trained"][0]) < 0.002
assert min(zf["AlexNet, aliased trained"]) > max(zf["ZFNet, aliased trained"])
for name in patches:
    before, after = zf[f"{name}, aliased at the start"], zf[f"{name}, aliased trained"]
    assert (np.array(after) < before).all()
    print(f"  {name}: accuracy {min(zf[name]):.3f} to {max(zf[name]):.3f}")

# %% [markdown]
# White noise has power everywhere, so the shares at the start are near $1 - 1/s^2$: 94 and 75 %. That ZFNet is better off is arithmetic, before any training: the finer grid holds more waves. Training then moves both miniatures away from the waves that they cannot hold, in every seed. That much of the authors' argument shows in small.
#
# The gain in accuracy does not. The medians differ by less than the seeds do among themselves. The shapes are large and plain, so there is little fine detail to lose; 144 steps leave filters that are still mostly noise, as the picture shows. On ImageNet, with photographs and seventy passes, the paper reports 1.6 points of top-5 error. Both are what they are.
#
# ## Two cards, one network
#
# Now the engineering that made it possible. One process (or card) has limits, and there are two ways to use several:
#
# - **[Data parallel](../book/glossary.md#data-parallelism)**: everybody has the whole network and a part of the batch.
# - **[Model parallel](../book/glossary.md#model-parallelism)**: everybody has the whole batch and a part of the network.
#
# A process in this chapter is a second Python that shares nothing with this one. `in_processes` writes the function below into a file, starts it twice, and collects what each returns. `join()` connects the two; in this notebook, where nobody waits, it says that you are alone. So the same function is its own reference. (`torchrun` starts such processes on a real cluster.)
#
# ### Sharing the batch
#
# The gradient of a mean is the mean of the gradients. Split a batch of $n$ pictures into parts of $n_r$, one for each process $r$:
#
# $$ g \;=\; \nabla\, \frac1n \sum_{i=1}^{n} \ell_i \;=\; \sum_r \frac{n_r}{n}\; g_r , \qquad g_r = \nabla\, \frac{1}{n_r} \sum_{i \,\in\, \text{part } r} \ell_i . \tag{6.36} $$
#
# With equal parts the weights are equal, and everybody just averages. So each process runs forward and backward on its part, they add up their gradients over the wire, and all take the same step.
#
# > **Predict.** Same start, same batch of 64 pictures, one process or two. How close are the gradients? Equal to the last bit, to about $10^{-6}$, or only roughly?


# %%
def share_the_batch(seed, pictures):
    import torch
    from torch.nn import functional as F

    from course_utils.data.synthetic import make_images
    from course_utils.models.alexnet import AlexNet
    from course_utils.scratch.initialisation.schemes import initialise
    from course_utils.training.distributed import average_gradients, join

    group = join()  # which of them am I, and how many are we?
    model = AlexNet(10, width=1 / 8, input_size=64, dropout=0.0)
    generator = torch.Generator().manual_seed(seed)
    initialise(model, "he fan_in", generator=generator)
    shapes = make_images(pictures, 64, seed=seed, difficulty="easy")
    mine = slice(group.rank, None, group.size)  # every second picture
    x = (shapes.images[mine].float() / 255 - 0.45) / 0.25
    F.cross_entropy(model(x), shapes.labels[mine]).backward()
    alone = model.conv1.weight.grad.clone()
    if group.size > 1:
        average_gradients(model)  # one sum over the wire, divided by size
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return {"pictures": len(x), "alone": alone, "gradients": gradients}


from course_utils.scratch.parallel.launch import in_processes

one = share_the_batch(seed=SEED, pictures=64)
two = in_processes(share_the_batch, seed=SEED, pictures=64)


# %%
def largest_gap(a, b):
    return max((a[name] - b[name]).abs().max().item() for name in a)


alone, (left, right) = one["gradients"], (part["gradients"] for part in two)
size = max(g.abs().max() for g in alone.values())
apart = largest_gap(alone, left)
lonely = (two[0]["alone"] - alone["conv1.weight"]).abs().max()
shares = [part["pictures"] for part in two]
print(f"pictures: {one['pictures']} in one process, {shares} in two")
print(f"largest entry of the gradient {size:.2f}")
print(f"one process against two, averaged: {apart:.0e}", end="; ")
print(f"one part alone, conv1: {lonely:.0e}")
assert apart < 1e-6
assert lonely > 1e-3
assert largest_gap(left, right) == 0

# %% [markdown]
# To about $10^{-7}$, and the two processes agree with *each other* to the bit, since they hold the same sum. The rest is rounding: a sum of 64 terms and a sum of two sums of 32 round differently. That is the best you can ask for. Batch normalisation breaks the equality, because each process sees its own part only ([chapter 04c](04c_normalisation.ipynb)).
#
# The VGG networks of [the next chapter](06c_depth.ipynb) were trained this way, on four cards.
#
# ### A stage each
#
# The simplest way to cut a *network*: the first layers here, the last layers there. What travels is the cut's activations on the way forward, and their gradient on the way back. Nothing else needs to be known on the other side: that is the chain rule.


# %%
def a_stage_each(seed, steps):
    import torch
    from torch import distributed
    from torch.nn import functional as F

    from course_utils.data.synthetic import make_images
    from course_utils.models.alexnet import AlexNet
    from course_utils.scratch.initialisation.schemes import initialise
    from course_utils.training.distributed import join

    group = join()
    model = AlexNet(10, width=1 / 8, input_size=64, dropout=0.0)
    generator = torch.Generator().manual_seed(seed)
    initialise(model, "he fan_in", generator=generator)
    shapes = make_images(32, 64, seed=seed, difficulty="easy")
    x, y = (shapes.images.float() / 255 - 0.45) / 0.25, shapes.labels
    optimiser = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    losses = []
    for _ in range(steps):  # the same pictures again and again
        optimiser.zero_grad()
        if group.size == 1:
            loss = F.cross_entropy(model.classify(model.features(x)), y)
            loss.backward()
        elif group.rank == 0:  # the convolutions
            maps = model.features(x)
            distributed.send(maps.detach(), 1)
            pull = torch.empty_like(maps)
            distributed.recv(pull, 1)
            maps.backward(pull)
        else:  # the linear layers and the loss
            maps = torch.empty(len(y), 32, 1, 1)
            distributed.recv(maps, 0)
            maps.requires_grad_()
            loss = F.cross_entropy(model.classify(maps), y)
            loss.backward()
            distributed.send(maps.grad, 0)
        optimiser.step()
        if group.rank == group.size - 1:
            losses.append(loss.item())
    return losses


together = a_stage_each(seed=SEED, steps=12)
_, apart = in_processes(a_stage_each, seed=SEED, steps=12)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss over twelve training steps, one curve for one process and crosses for two processes with a stage each: the loss falls, and every cross lies on the curve."}}
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(range(1, 13), together, color=COLORS["blue"], label="one process")
axes.plot(
    range(1, 13), apart, "x", color=COLORS["vermillion"], markersize=8,
    label="two processes, a stage each",
)  # fmt: skip
axes.set(xlabel="step", ylabel="loss")
axes.legend()
plt.show()
assert len(together) == len(apart) == 12
assert np.allclose(together, apart, rtol=1e-4, atol=1e-5)
assert together[-1] < 0.6 * together[0]  # it learns

# %% [markdown]
# The same trajectory. But look at *when* each works: while the linear layers compute, the convolutions wait, and the other way round. Two processes, and never more than one busy. Pipelines repair that by sending the next piece of the batch before the first comes back.
#
# ### Half of every layer each
#
# AlexNet's authors cut the other way, lengthwise: each card holds half of the maps of *every* layer, and both work all the time. The price: a layer that reads all maps needs the other card's half. They let the cards talk only where it pays: before conv3, and before the linear layers. In conv2, conv4 and conv5 each card reads its own half. *That* is where the two groups come from.
#
# In formulas, a layer that reads everything and is cut into $W = \begin{pmatrix} W_1 \\ W_2 \end{pmatrix}$ computes its halves apart. Its input's gradient needs both:
#
# $$ y = \begin{pmatrix} W_1 x \\ W_2 x \end{pmatrix} , \qquad \frac{\partial L}{\partial x} = W_1^{\top} \frac{\partial L}{\partial y_1} + W_2^{\top} \frac{\partial L}{\partial y_2} . \tag{6.37} $$
#
# So forward: *gather* the halves of $x$. Backward: *add* what both cards want of it. These two operations are all there is to it (`gather_maps` in `course_utils/models/alexnet_cards.py`).


# %%
def half_of_every_layer(seed, steps):
    import torch
    from torch.nn import functional as F

    from course_utils.models.alexnet import AlexNet
    from course_utils.models.alexnet_cards import AlexNetCard
    from course_utils.scratch.initialisation.schemes import initialise
    from course_utils.training.distributed import join

    group = join()
    draw = torch.Generator().manual_seed(seed)
    whole = AlexNet(10, groups=2, width=1 / 8, input_size=64, dropout=0.0)
    whole = initialise(whole, "he fan_in", generator=draw).double()
    x = torch.randn(16, 3, 64, 64, generator=draw).double()
    y = torch.arange(16) % 10
    net = whole if group.size == 1 else AlexNetCard(whole, group.rank)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
    found = {"losses": []}
    for step in range(steps):
        optimiser.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        if step == 0:
            found["logits"] = logits.detach()
            named = net.named_parameters()
            found["gradients"] = {n: p.grad.clone() for n, p in named}
        optimiser.step()
        found["losses"].append(loss.item())
    return found


reference = half_of_every_layer(seed=SEED, steps=6)
cards = in_processes(half_of_every_layer, seed=SEED, steps=6)

# %%
print("card   held     logits apart   gradients apart   losses apart")
for number, card in enumerate(cards):
    held = sum(g.numel() for g in card["gradients"].values())
    logits = (card["logits"] - reference["logits"]).abs().max()
    halves = {n: g.chunk(2)[number] for n, g in reference["gradients"].items()}
    pulls = largest_gap(card["gradients"], halves)
    losses = np.abs(np.subtract(card["losses"], reference["losses"])).max()
    print(f"{number:4d} {held:7,d} {logits:15.0e} {pulls:16.0e} {losses:15.0e}")
    assert max(logits, pulls) < 1e-12
    assert losses < 1e-9
    assert 2 * held == sum(g.numel() for g in reference["gradients"].values())
print("loss, step by step:", " ".join(f"{v:.2f}" for v in reference["losses"]))
assert reference["losses"][-1] < reference["losses"][0]

# %% [markdown]
# Each process holds exactly half of the parameters. Both give the output of the whole network, its gradients, and step by step its losses, all to rounding. A network in groups *is* a network on two cards. (One detail that papers leave out: the normalisation looks at neighbouring maps. At the cut, the neighbours are on the other card. Ours stops there, as if the maps ended; so does the whole network with `groups=2`.)
#
# ### Which cut, where?
#
# [Krizhevsky (2014)](../book/references.md#krizhevsky-2014) asked which way is cheaper, and found "one weird trick". Data parallel sends one number for each *parameter*, whatever the batch. Model parallel sends *activations*, for every picture. Count both for the convolutions and for the linear layers, with the batch of 128 pictures that AlexNet used:

# %% tags=["nbval-check-output"]
BATCH = 128
inputs = {"conv2": 96 * 27**2, "conv3": 256 * 13**2, "fc6": 9216}
inputs |= {"conv4": 384 * 13**2, "conv5": 384 * 13**2, "fc7": 4096, "fc8": 4096}
print("millions of numbers a step   share the batch   share the layers")
sent = {}
for name, start in kinds.items():
    rows = [row for row in whole.rows if row.name.startswith(start)]
    weights = sum(row.parameters for row in rows)
    read = sum(inputs.get(row.name, 0) for row in rows)  # an image
    sent[name] = (weights, BATCH * read)
    print(f"{name:25s}{weights / 1e6:19.1f}{BATCH * read / 1e6:19.1f}")
assert sent["convolutions"][0] < sent["convolutions"][1]
assert sent["linear layers"][0] > sent["linear layers"][1]

# %% [markdown]
# The trick: share the *batch* in the convolutions (few parameters, most of the work) and the *layers* in the linear part (most of the parameters, little work). It is the pair of percentages that you kept.
#
# ## Checked claims
#
# | | the lectures say | verdict | where |
# |---|---|---|---|
# | C171 | five convolutions instead of LeNet's three | true | [here](#c171) |
# | C172 | input of 224 x 224 | imprecise: the maps of 55 need 227, or padding | [here](#c172) |
# | C173 | maps of 56, 28, 14, 7 pixels | false: 55, 27, 13, 6; else 74.6 or 76.0 million parameters | [here](#c173) |
# | C174 | channels grow with depth | imprecise: the last convolution falls to 256 | [here](#c174) |
# | C175 | about 60 million parameters | true: 60,965,224 in two groups | [here](#c175) |
# | C176 | 62 million parameters | imprecise: 62,378,344 without the groups | [here](#c176) |
# | C177 | 650,000 neurons | true: 659,272 | [here](#c177) |
# | C178 | the linear layers hold most parameters | true: 96 % | [here](#c178) |
# | C179 | 5 + 3 layers, 96 first filters of 11 x 11 x 3 | true | [here](#c179) |
# | C180 | overlapping pooling, 3 x 3 with stride 2 | true | [here](#c180) |
# | C181 | without fc7, 16 million parameters fewer | true: 16,781,312 | [here](#c181) |
# | C182 | without fc6 and fc7, about 50 million fewer | true: 49,414,144 net | [here](#c182) |
# | C183 | without 3, 4, 6, 7 four layers are left | true | [here](#c183) |
# | C184 | drops of 1.1, 5.7, 33.5; baselines 18.2 and 18.1 | external; the order shows in small, the published table has 0.3, 4.3, 32.0 | [here](#c184) |
# | C185 | test errors 36.7 and 15.3 | imprecise: 36.7 is on validation images | [here](#c185) |
# | C186 | $10^6$ images against $10^3$ | false: against $6 \cdot 10^4$ | [here](#c186) |
# | C187 | a GPU is 50 times, or 1 to 2 orders, faster | external: depends on both machines | [here](#c187) |
# | C188 | six days on two GPUs | external: "five to six"; possible by count | [here](#c188) |
# | C189 | 1.2, 1.3 or 1.4 million images | external: all consistent | [here](#c189) |
# | C191 | top-5: the label is among five guesses | true | [here](#c191) |
# | C192 | the winners by year | external: as reported | [here](#c192) |
# | C194 | networks win everything; 8,476 citations | external: a snapshot | [here](#c194) |
#
# ## Pitfalls
#
# **1. Errors of two protocols in one table.** One network or five: 1.8 points of AlexNet's top-5 error. One crop or ten: 1.3, as the paper reports of the images of 2010. (Validation or test is the smallest step here, a tenth.) Two answers averaged already make a difference, here the miniature's for a picture and for its mirror image:

# %%
with torch.no_grad():
    mirrored = miniature(centred(new_shapes.images.flip(3).float() / 255))
averaged = sum(torch.as_tensor(s).softmax(1).numpy() for s in (scores, mirrored))
both = top_k_error(averaged, labels)
print(f"top-1 error {top_k_error(scores, labels):.3f};", end=" ")
print(f"averaged with the mirror image {both:.3f}")
assert (averaged.argmax(1) != guesses).any()

# %% [markdown]
# **2. Ties.** A network whose last layer has died gives the same score to all classes. Count "no more than $k - 1$ scores are *greater*", and it is always right:

# %% tags=["nbval-check-output"]
dead, truth = np.zeros((100, 10)), np.arange(100) % 10
greater = (dead > dead[np.arange(100), truth][:, None]).sum(1)
print(f"counted by 'greater': top-1 error {(greater >= 1).mean():.1f};", end=" ")
print(f"by places: {top_k_error(dead, truth):.1f}")
assert (greater >= 1).mean() == 0
assert top_k_error(dead, truth) == 0.9

# %% [markdown]
# **3. The mean of means.** Three pictures here, one there. Average the two processes' gradients without weights, and the one picture counts three times as much as it should:

# %% tags=["nbval-check-output"]
losses, parts = np.array([1.0, 2.0, 3.0, 10.0]), (slice(0, 3), slice(3, 4))
plain = np.mean([losses[part].mean() for part in parts])
weighted = sum(len(losses[part]) / 4 * losses[part].mean() for part in parts)
print(f"all together {losses.mean()}, mean of means {plain},", end=" ")
print(f"weighted by the number of pictures {weighted}")
assert weighted == losses.mean() != plain

# %% [markdown]
# **4. "It has 60 million parameters, so it must be slow."** Parameters do not run; multiply-adds do. Double the side of the image, without touching the convolutions:

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    large = models.build("alexnet", input_size=448)
wide = models.summarise(large, (3, 448, 448))
for name in ("conv2", "conv5", "fc7"):
    ratio = wide[name].multiply_adds / alexnet[name].multiply_adds
    more = wide[name].parameters - alexnet[name].parameters
    print(f"{name}: {more} more parameters, {ratio:.1f} times the work")
assert wide["conv2"].parameters == alexnet["conv2"].parameters
assert wide["conv2"].multiply_adds > 4 * alexnet["conv2"].multiply_adds

# %% [markdown]
# ## Exercises
#
# **1. Only one card** (five minutes). By equation 6.32: how many parameters does conv2 have with $g = 1, 2, 4$? Which $g$ would halve the whole network?
#
# <details><summary>Hint</summary>
#
# Groups touch convolutions only. How much do these hold?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
print([parameters(96, 256, 5, g) for g in (1, 2, 4)])
least = sum(alexnet_by_hand(1)[1])  # convolutions gone altogether
print(f"linear layers alone: {least:,d}, still {least / whole.parameters:.0%} of the whole: no g halves it")
assert [parameters(96, 256, 5, g) for g in (1, 2, 4)] == [614_656, 307_456, 153_856]

# %% [markdown]
# **2. Days from a count** (ten minutes). Equation 6.31 for VGG-16, 74 passes over the same images, on four cards of 5 trillion operations a second at a third of their peak. Its paper reports two to three weeks. Does that fit?
#
# <details><summary>Hint</summary>
#
# `account("vgg16").multiply_adds`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
vgg = 2 * 3 * account("vgg16").multiply_adds * 1_281_167 * 74
vgg_days = vgg / (4 * 5e12 / 3) / 86400
print(f"{vgg_days:.0f} days")
assert 10 < vgg_days < 25

# %% [markdown]
# **3. Top-5 of a mixture** (fifteen minutes). A network is certain and right with probability $p$, else it ranks the $K$ classes at random. What are its top-1 and top-5 errors? For AlexNet's 40.7 % top-1 with $K = 1000$, what would top-5 be, and what does the reported 18.2 % tell you?
#
# <details><summary>Hint</summary>
#
# A random ranking puts the true class into the first $k$ with probability $k/K$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
sure = 1 - 0.407 / (1 - 1 / 1000)
mixed = (1 - sure) * (1 - 5 / 1000)
print(f"top-5 would be {mixed:.1%}; 18.2 % says: its wrong first guesses are far from random")
assert 0.40 < mixed < 0.41

# %% [markdown]
# **4. A bad tree** (twenty minutes). Move classes between the families and watch the hierarchical error of the *same* answers. How good and how bad can you make the miniature look? What does that say about reporting such an error?
#
# <details><summary>Hint</summary>
#
# Keep the form of the tree and deal the ten names anew: that permutes rows and columns of `distances`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
confused = np.zeros((10, 10))
np.add.at(confused, (guesses, labels), 1 / len(labels))
swap = np.random.default_rng(SEED)
dealt = [(confused * distances[np.ix_(p, p)]).sum() for p in (swap.permutation(10) for _ in range(2000))]
ours = hierarchical_error(tree, classes, top_k_guesses(scores, 1), labels)
assert abs(ours - (confused * distances).sum()) < 1e-9
print(f"our tree {ours:.3f}; names dealt anew 2,000 times: {min(dealt):.3f} to {max(dealt):.3f}")
print("the same answers: fix the tree before you see them")
assert min(dealt) < ours + 1e-9
assert max(dealt) > 1.2 * min(dealt)

# %% [markdown]
# **5. An odd batch on two processes** (half an hour). Run `share_the_batch` with 63 pictures: 32 for one process, 31 for the other. Is the average still the gradient of the whole batch? Repair it with equation 6.36 and `Shard` of `course_utils.training.distributed`, which knows its weight.
#
# <details><summary>Hint</summary>
#
# `average_gradients` divides by the number of processes. Multiply the loss of a part by $2 n_r / n$ before `backward`.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def share_an_odd_batch(pictures, weighted):
    import torch
    from torch import nn

    from course_utils.training.distributed import Shard, average_gradients, join

    group = join()
    torch.manual_seed(0)
    net = nn.Linear(5, 3).double()
    batch = (torch.randn(pictures, 5).double(), torch.arange(pictures) % 3)
    shard = Shard([batch], group)
    for x, y in shard:
        loss = nn.functional.cross_entropy(net(x), y)
        (loss * (shard.weight if weighted else 1)).backward()
    if group.size > 1:
        average_gradients(net)
    return net.weight.grad


odd_one = share_the_batch(seed=SEED, pictures=63)["gradients"]
odd_two = in_processes(share_the_batch, seed=SEED, pictures=63)[0]["gradients"]
gap = largest_gap(odd_one, odd_two)
print(f"63 pictures, plain mean of two parts: {gap:.0e} off, not rounding")
small = share_an_odd_batch(9, True)
repaired = in_processes(share_an_odd_batch, pictures=9, weighted=True)[0]
print(f"9 pictures, each part with its weight: {(repaired - small).abs().max():.0e} off")
assert gap > 1e-5
assert (repaired - small).abs().max() < 1e-12

# %% [markdown]
# **6. Your own ablation** (an evening). `AlexNet(10, width=1/8, input_size=64, without=("conv4",))`, or `("fc6",)`, or half the width: choose a question, predict the answer, run five seeds, and write three sentences: what you found, how sure you are, what it does not show.
#
# <details><summary>Hint</summary>
#
# `python -m tools.record_alexnet ablation` is a start; the dictionary at its top lists the networks. Compare seed by seed, on the same pictures.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
question = "conv4"  # predicted: next to no loss, since conv3 and conv4 can both go


def accuracy_without(layer, seed):
    shapes = [make_images(n, SIDE, seed=2 * seed + i, difficulty="easy") for i, n in enumerate((1200, 500))]
    net = AlexNet(10, width=1 / 8, input_size=SIDE, dropout=0.0, without=(layer,))
    initialise(net, "he fan_in", generator=torch.Generator().manual_seed(seed))
    fit(
        net, Batches(shapes[0], 64, augment=centred, seed=seed), epochs=6, lr=2e-3, schedule="one_cycle", progress=False
    )
    net.eval()
    with torch.no_grad():
        return 1 - top_k_error(net(centred(shapes[1].images.float() / 255)).numpy(), shapes[1].labels.numpy())


own_drop = accuracy_without(question, SEED) - (1 - miniature_result["top-1 error"])
wholes = ablation["whole"]
print(f"Found: without {question}, {100 * own_drop:+.1f} points, one seed (run 0 to 4 for five).")
print(f"How sure: the whole network alone varies by {100 * (max(wholes) - min(wholes)):.1f} points over five seeds,")
print("so a single difference of a few points is no finding.")
print(f"Not shown: what {question} does in the network that has it, nor what it does for photographs.")
assert abs(own_drop) < 0.15

# %% [markdown]
# ## At scale
#
# The ablation above is such a recorded run: five seeds, five networks, every accuracy on 1,000 shapes that no network saw. Here is where it comes from; the command repeats it.

# %%
record = load_record("06b_alexnet.ablation")
print("                    parameters  accuracy")
for name, count in record["parameters"].items():
    print(f"{name:21s} {count:8,d}  {band('06b_alexnet.ablation', name)}")
provenance = record["provenance"]
print(record["command"])
print(f"{provenance['processor']}, {provenance['date']}", end=", ")
print(f"commit {provenance['commit']}")

# %% [markdown]
# Its published counterpart, with 1.28 million photographs, needs [ImageNet](../book/glossary.md#imagenet), which may not be passed on; so the numbers of the papers stand in this chapter as reported, each with its images and its number of networks.
#
# ## Summary
#
# - From LeNet-5 to AlexNet the plan stayed. Parameters grew a thousandfold, work more than a thousandfold, data 21-fold. GPUs paid for it, ReLU and a good start made it learn, dropout and augmentation kept it honest.
# - 55, 27, 13, 6; the slide's 56, 28, 14, 7 would need 75 million parameters. 60,965,224 in two groups, 62,378,344 whole, 659,272 units. 96 % of the parameters are in linear layers, over 90 % of the work in convolutions.
# - Top-k error is a place in a ranking. It means nothing without the number of classes, the images and the number of networks. A tree of classes lets near misses cost less; fix it first.
# - An ablation removes layers and trains again. Here two at a time are replaceable, four are not, and the number of parameters does not explain it.
# - ZFNet halves the stride of the first look: fewer waves that the map cannot hold.
# - Two processes: share the batch (average gradients), the stages (send activations), or every layer (gather forward, add backward). All three give the result of one.
#
# ## Further reading
#
# - [Krizhevsky et al. (2012)](../book/references.md#krizhevsky-2012): nine pages, all of it readable after this chapter.
# - [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014): ZFNet, the ablations, and how to look inside.
# - [Russakovsky et al. (2015)](../book/references.md#russakovsky-2015): how the challenge was made, and how well a person does in it.
# - [Krizhevsky (2014)](../book/references.md#krizhevsky-2014): which cut for which layer.
#
# ## The next question
#
# If depth is what matters, why stop at eight layers? And why $11 \times 11$, if small kernels on top of each other see as much? That is [chapter 06c](06c_depth.ipynb).
