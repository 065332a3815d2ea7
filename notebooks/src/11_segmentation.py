# %% [markdown]
# # What every pixel is
#
# A classifier gives one name to a picture. Now every pixel shall have one. You will begin with the most wasteful method there is, save nearly all of its work without changing a digit, and end with a network that takes a picture of any size and answers with a map of the same size.
#
# **You will be able to**
#
# - label pixels with a classifier of patches, and run it densely with identical logits;
# - write the loss of a map, with pixels that do not count;
# - score a map so that rare classes and thin borders are not lost in the background;
# - turn a trained classifier into a map of scores, and say how coarse that map is and why;
# - get full resolution back in three ways: shift and stitch, interpolate, learn;
# - add finer maps on the way up (32s, 16s, 8s), and measure where they pay;
# - train and use one network on pictures of many sizes.
#
# **You need** [layers with stride, dilation and their transposes](05b_layers.ipynb), [a linear layer as a convolution](05d_equivariance.ipynb), and [pretraining](09_transfer.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import time

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import plotting
from course_utils.data.synthetic import make_images, make_scenes
from course_utils.plotting import COLORS
from course_utils.plotting.saliency import map_rows
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import (
    MetricExplorer,
    ReceptiveField,
    UpsamplingExplorer,
)

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## One name for every pixel
#
# The pictures of this chapter are drawn, so that the truth is exact: one to three shapes of ten kinds on a smooth ground (up to four are drawn; where there is no room, one is left out). The truth is a map of the same size, a number a pixel: 0 for the background, 1 to 10 for the shapes.

# %%
LOOK = {"objects": (2, 4), "scale": (0.3, 0.5)}
learn_from = make_scenes(400, 64, seed=1, difficulty="easy", **LOOK)
fresh = make_scenes(100, 64, seed=2, difficulty="easy", **LOOK)
names = ("background", *fresh.classes)
K = len(names)
y, y_new = learn_from.semantic, fresh.semantic  # (N, H, W)


def to_inputs(images):  # uint8 to -2..2
    return (images.float() / 255 - 0.5) * 4


x, x_new = to_inputs(learn_from.images), to_inputs(fresh.images)
print(f"{K} classes; pictures {tuple(x.shape)}, truth {tuple(y.shape)}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures of coloured shapes on smooth grounds; below each its truth, where every shape is filled with the colour of its class and the background is light grey."}}
PALETTE = torch.tensor(
    [
        [225, 225, 225],
        [0, 114, 178],
        [213, 94, 0],
        [0, 158, 115],
        [230, 159, 0],
        [204, 121, 167],
        [86, 180, 233],
        [90, 40, 20],
        [240, 228, 66],
        [60, 60, 60],
        [120, 80, 200],
    ],
    dtype=torch.uint8,
)


def paint_classes(labels):
    """Colours for a map of classes (N, H, W); ignored pixels white."""
    table = torch.cat([PALETTE, torch.full((245, 3), 255, dtype=torch.uint8)])
    return table[labels].movedim(-1, -3)


def label_rows(rows, row_names):
    sheet = map_rows(rows, row_names)
    sheet.colors = 160  # enough for the hues of pictures and of classes
    return sheet


label_rows([fresh.images[:6], paint_classes(y_new[:6])], ["picture", "truth"])

# %% [markdown]
# The lecture's words for the answer we want: a map $S$ of full resolution with as many channels as classes, where $S_{ijk}$ tells how likely class $k$ is at pixel $(i, j)$. We keep the [scores](../book/glossary.md#score) before the softmax and call them $z_{kij}$. The label is the best of them, pixel by pixel:
#
# $$ \hat y_{ij} = \operatorname*{arg\,max}_k \; z_{kij} . \tag{11.1} $$
#
# This is [semantic segmentation](../book/glossary.md#semantic-segmentation): classes of pixels. Two squares that touch become one region; who counts squares needs [detection](10_detection.ipynb), or both.
#
# > **Predict.** Somebody hands in a program that answers "background" everywhere, without looking. What share of the pixels does it get right?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.losses import class_frequencies

share = class_frequencies(y_new, K)
for name, value in zip(names, share.tolist()):
    print(f"{name:10s} {value:6.1%}")
assert share[0] > 0.8
assert share[1:].max() < 0.04

# %% [markdown]
# More than four fifths. Keep that number in mind: it is what knowing nothing is worth, if you count pixels.
#
# ## Ask about each pixel: the patch classifier
#
# You know how to classify pictures. So make a picture for each pixel: cut out the square around it, and ask a classifier what is *in the middle*. With side $s$ and $r = \lfloor s/2 \rfloor$,
#
# $$ z_{\cdot ij} = f(P_{ij}), \qquad P_{ij} = x_{\,i-r \,\ldots\, i-r+s-1,\;\; j-r \,\ldots\, j-r+s-1} . \tag{11.2} $$
#
# [Ciresan et al. (2012)](../book/references.md#ciresan-2012) labelled the membranes of nerve cells so. [Farabet et al. (2013)](../book/references.md#farabet-2013) also describe each pixel by the window around it, at several scales, but already compute this densely over the whole scene. Here is such a network, for patches of 17 x 17 pixels; no layer pads.

# %% tags=["nbval-check-output"]
from course_utils.segmentation.patch_classifier import (
    SIDE,
    cut_patches,
    dense_network,
    label_by_patches,
    label_densely,
    patch_network,
    sample_places,
    work,
)

seed_everything(SEED)
patchwise = patch_network(K)
for layer in patchwise:
    print(layer)
one = torch.zeros(1, 3, SIDE, SIDE)
print(tuple(one.shape), "to", tuple(patchwise(one).shape))

# %% [markdown]
# > **Predict.** Select the one unit at the top: which input cells reach it? The shapes are about 21 pixels across. What can this network not know?

# %%
ReceptiveField(
    layers=[
        {"kernel_size": 3},
        {"kernel_size": 3, "stride": 2, "kind": "pool"},
        {"kernel_size": 3},
        {"kernel_size": 3, "stride": 2, "kind": "pool"},
        {"kernel_size": 2},
    ],
    size=17,
)

# %% [markdown]
# Seventeen in a row: the whole patch, and less than a shape. In the middle of a large square there is only colour to see. Make the input 21 cells in the figure and look at the top row: two units, and their fields begin four cells apart. Remember the four.
#
# Training is ordinary classification. Patches are drawn equally from all classes; drawn as they come, more than four fifths would be background.


# %%
def train_on_patches(model, steps=250, batch_size=88, lr=0.005):
    places = sample_places(y, steps * batch_size // K, seed=SEED)
    draw = torch.Generator().manual_seed(SEED)
    places = places[torch.randperm(len(places), generator=draw)]
    n, i, j = places.unbind(1)
    patches, middles = cut_patches(x, places, SIDE), y[n, i, j]
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps)
    batches = patches.split(batch_size), middles.split(batch_size)
    for patch, middle in list(zip(*batches))[:steps]:
        loss = F.cross_entropy(model(patch), middle)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


patchwise = train_on_patches(patchwise)

# %% [markdown]
# Now label four pictures. Each has $64^2 = 4096$ pixels, and each pixel its patch.
#
# > **Predict.** Two patches of neighbouring pixels share how many of their 17 x 17 pixels? How often is a pixel in the middle of the picture multiplied with the same weight of the first layer?

# %% [markdown]
# They share $16 \cdot 17$ of $289$ pixels, and the first layer's results there are the same: it looks at 3 x 3 pixels, wherever the patch ends. Each of its sums is computed up to $15 \times 15$ times. Why not once? Two changes do it, and you know both:
#
# - linear layers become [convolutions](05d_equivariance.ipynb#a-fully-connected-layer-is-a-convolution), so that they slide;
# - every stride becomes 1, and all windows *after* it take steps as wide as the stride was: [dilation](../book/glossary.md#dilation).
#
# Where the strided network keeps every second unit, the new one keeps all; its next window takes every second of them, and finds the same numbers.

# %% tags=["nbval-check-output"]
dense = dense_network(patchwise, 3, SIDE)
for layer in dense:
    print(layer)

# %% tags=["machine"]
few = x_new[:4]
start = time.perf_counter()
slow = label_by_patches(patchwise, few, SIDE)
middle = time.perf_counter()
fast = label_densely(patchwise, few, SIDE)
end = time.perf_counter()
print(f"patch by patch {middle - start:.2f} s, densely {end - middle:.3f} s")

# %% tags=["nbval-check-output"]
print(f"logits {tuple(slow.shape)} and {tuple(fast.shape)}")
print(f"equal: {torch.allclose(slow, fast, atol=1e-4)}")
assert torch.allclose(slow, fast, atol=1e-4)
by_patches, at_once = work(patchwise, 3, SIDE, 64)
print(f"multiply-adds a picture: {by_patches:,} and {at_once:,}")
print(f"ratio {by_patches / at_once:.0f}")
assert by_patches > 15 * at_once

# %% [markdown]
# Twenty times less work for the same answer. The logits are identical, up to the rounding of sums in another order (in float64 they agree to ten digits; the tests of the library look). The saving can be counted. If layer $l$ works at $m_l \times m_l$ places in one patch and spends $c_l$ multiply-adds at each, then for a picture of $n \times n$ pixels
#
# $$ \text{patches: } n^2 \sum_l c_l\, m_l^2, \qquad \text{densely: } \sum_l c_l\, M_l^2 , \tag{11.3} $$
#
# where $M_l$ is the side of the dense map, a little over $n$. Layer by layer the saving is about $m_l^2$: large for the first layers, none for the last.
#
# And what does it see?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures, their truth, and the patch classifier's answer: a clean background, and where the shapes are, blots of three or four classes at once."}}
with torch.no_grad():
    patch_answer = label_densely(patchwise, x_new, SIDE).argmax(1)
label_rows(
    [fresh.images[:6], paint_classes(y_new[:6]), paint_classes(patch_answer[:6])],
    ["picture", "truth", "patches"],
)

# %% [markdown]
# It finds where *something* is, and guesses what: corners and curves decide, and most of a shape has neither. Nobody tells neighbours to agree. (Making them agree afterwards is the subject of [Neighbours agree](11c_crf.ipynb).) How bad is this? Before we can say, we need a loss and a score.
#
# ## The loss of a map
#
# At each pixel there is a classification, so there is a [cross-entropy](../book/glossary.md#cross-entropy). Take the mean. Some pixels have no label you would want to train on: in the VOC data, a rim around each object, where even people disagree. They carry the number 255. Let $V$ be the pixels that count:
#
# $$ L = - \frac{1}{|V|} \sum_{(n,i,j) \in V} \log p_{\,y_{nij}\, nij}, \qquad p_{knij} = \frac{e^{z_{knij}}}{\sum_l e^{z_{lnij}}} . \tag{11.4} $$
#
# The gradient is the one you know from [chapter 03](03_backprop.ipynb), at every pixel by itself:
#
# $$ \frac{\partial L}{\partial z_{knij}} = \frac{[(n,i,j) \in V]}{|V|} \bigl( p_{knij} - [k = y_{nij}] \bigr) . \tag{11.5} $$
#
# > **Predict.** An untrained network with $K = 11$ classes says nearly the same about each. What is its loss? And what is the gradient at a pixel that is ignored?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.losses import (
    expected_start_loss,
    pixel_cross_entropy,
)

draw = torch.Generator().manual_seed(SEED)
z = torch.randn(2, K, 8, 8, generator=draw).requires_grad_()
t = y_new[:2, 24:32, 24:32].clone()
t[:, :2] = 255  # two rows without a label
loss = pixel_cross_entropy(z, t)
alone = [
    F.cross_entropy(z[n, :, i, j][None], t[n, i, j][None])
    for n, i, j in (t != 255).nonzero()
]  # fmt: skip
assert torch.allclose(loss, torch.stack(alone).mean(), atol=1e-6)
assert torch.allclose(loss, F.cross_entropy(z, t, ignore_index=255), atol=1e-6)
(g,) = torch.autograd.grad(loss, z)
hit = F.one_hot(t.where(t != 255, 0), K).movedim(-1, 1)
by_formula = (z.softmax(1) - hit) * (t != 255)[:, None] / (t != 255).sum()
assert torch.allclose(g, by_formula.detach(), atol=1e-7)
print(f"pixels that count: {len(alone)} of {t.numel()}")
print(f"largest gradient at an ignored pixel: {g[:, :, :2].abs().max()}")
print(f"a network that knows nothing: {expected_start_loss(K):.3f}")
flat = pixel_cross_entropy(torch.zeros_like(z), t).item()
assert abs(flat - expected_start_loss(K)) < 1e-6

# %% [markdown]
# The loss is the mean of independent losses, ignored pixels have no part in it, and $\ln K$ is the first number to look for when training starts.
#
# ## How good is a map
#
# All scores come from one table: $n_{ab}$ counts the pixels of class $a$ that were called $b$.
#
# $$ \text{pixel accuracy} = \frac{\sum_a n_{aa}}{\sum_{a,b} n_{ab}} . \tag{11.6} $$
#
# Simple, and blind: four fifths of it is background. [Intersection over union](../book/glossary.md#intersection-over-union) takes one class at a time. Its pixels in the truth are one set, its pixels in the answer another. How much do they have in common, of all they have together?
#
# $$ \text{IoU}_a = \frac{n_{aa}}{\sum_b n_{ab} + \sum_b n_{ba} - n_{aa}}, \qquad \text{mIoU} = \frac{1}{K} \sum_a \text{IoU}_a . \tag{11.7} $$
#
# Medicine prefers the [Dice score](../book/glossary.md#dice-score), the mean of precision and recall (harmonic: F1). For a single class it says the same on another scale:
#
# $$ \text{Dice}_a = \frac{2 n_{aa}}{\sum_b n_{ab} + \sum_b n_{ba}} = \frac{2\, \text{IoU}_a}{1 + \text{IoU}_a} . \tag{11.8} $$
#
# > **Predict.** Two answers: "background everywhere", and the patches above. Which wins in pixel accuracy? Which in mean IoU?

# %%
from course_utils.segmentation.metrics import (
    class_dice,
    class_iou,
    confusion_matrix,
    mean_iou,
    pixel_accuracy,
)

nothing = torch.zeros_like(y_new)
tables = {
    "background": confusion_matrix(nothing, y_new, K),
    "patches": confusion_matrix(patch_answer, y_new, K),
}
for name, table in tables.items():
    accuracy, overlap = pixel_accuracy(table), mean_iou(table)
    print(f"{name:10s} accuracy {accuracy:.1%}, mean IoU {overlap:.1%}")
iou, dice = (score(tables["patches"]) for score in (class_iou, class_dice))
assert torch.allclose(dice, 2 * iou / (1 + iou))
assert pixel_accuracy(tables["background"]) > pixel_accuracy(tables["patches"])
assert mean_iou(tables["background"]) < mean_iou(tables["patches"])

# %% [markdown]
# Pixel accuracy prefers the program that never looked. Mean IoU does not: ten of its eleven terms are zero for it. That is the whole case for IoU, in two lines.
#
# How much can a rare class hide? Take a perfect answer and let it lose *all* pixels of one class to the background:

# %% tags=["nbval-check-output"]
rarest = int(share.argmin())
blind = y_new.masked_fill(y_new == rarest, 0)
table = confusion_matrix(blind, y_new, K)
print(f"never finds a {names[rarest]} ({share[rarest]:.1%} of the pixels):")
print(f"accuracy {pixel_accuracy(table):.1%}, mean IoU {mean_iou(table):.1%}")
assert abs((1 - pixel_accuracy(table)) - share[rarest]) < 1e-9
assert mean_iou(table) < 1 - 1 / K

# %% [markdown]
# Accuracy loses the class's share of the pixels. Mean IoU loses a whole eleventh (and a little more, since the background now has pixels too many).
#
# ### Near the border
#
# IoU has a blind side of its own. A large shape has many pixels inside and few on its rim, so an answer with round corners and no thin parts scores well. Two scores look at the rim only. The [trimap](../book/glossary.md#trimap) keeps the pixels at most $w$ from a border of the truth and scores those ([Kohli et al., 2009](../book/references.md#kohli-2009)). [Boundary IoU](../book/glossary.md#boundary-iou) ([Cheng et al., 2021](../book/references.md#cheng-2021)) takes from each region, true ($T$) and predicted ($A$), the inner rim of thickness $d$ and compares the rims:
#
# $$ \text{BIoU} = \frac{|T_d \cap A_d|}{|T_d \cup A_d|}, \qquad T_d = \{\, q \in T : \operatorname{dist}(q, \text{outside } T) \le d \,\} . \tag{11.9} $$
#
# > **Predict.** A disc of radius 12. The answer is a disc of radius 13, one pixel too fat all around. Estimate its IoU. And its boundary IoU with $d = 2$?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.boundary import boundary_iou, trimap

grid = torch.arange(64) - 31.5
radius = (grid[:, None] ** 2 + grid**2).sqrt()
for true_radius in (12, 24):
    truth = (radius <= true_radius).long()[None]
    fat = (radius <= true_radius + 1).long()[None]
    whole = class_iou(confusion_matrix(fat, truth, 2))[1].item()
    rims = boundary_iou(fat, truth, 2, distance=2)[1].item()
    print(f"radius {true_radius}: IoU {whole:.2f}, boundary IoU {rims:.2f}")
    assert rims < 0.55 < 0.8 < whole

# %% [markdown]
# The same mistake, one pixel, costs the large disc half as much IoU as the small one, and both nearly the same boundary IoU. For questions about *detail*, and this chapter is about detail from here on, ask the rim.
#
# > **Predict.** The figure holds a rare object. Lower the threshold to 0.1, where it is found, then raise it again. Which of the six numbers is still above 0.9 when nothing is found? Then take the preset *a thin wire*, and shift the mask by one pixel: which number hardly moves?

# %%
MetricExplorer(preset="a rare object")

# %% [markdown]
# Pixel accuracy: 0.98, without a single hit. Recall, IoU, Dice and boundary IoU are 0, and precision is 0/0. On the wire, one pixel to the right costs pixel accuracy 0.02, and IoU falls from 0.65 to 0.36; one pixel down it falls to 0.13. Boundary IoU is the same as IoU there: a wire is all rim.

# %% [markdown]
# ## A classifier becomes a map
#
# The patch network saw 17 pixels. A real classifier sees the whole object; it has learned what a star is from pictures of stars. Can it say *where* stars are? Train one first: three stages of convolution and pooling, then two linear layers, for pictures of 32 x 32 pixels with one shape each.

# %% tags=["band-skips"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_images
from course_utils.models.conv_norm import ConvNormAct
from course_utils.runtime import seed_everything


def shape_classifier(widths=(12, 24, 48), classes=10):
    stages = []
    for a, b in zip((3, *widths), widths):
        stages += [ConvNormAct(a, b), ConvNormAct(b, b), nn.MaxPool2d(2)]
    head = [nn.Linear(widths[-1] * 16, 64), nn.ReLU(), nn.Linear(64, classes)]
    return nn.Sequential(*stages, nn.Flatten(), *head)


def train_steps(model, images, target, loss_of, steps, lr, batch_size, seed):
    draw = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps)
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(images), (batch_size,), generator=draw)
        loss = loss_of(model(images[chosen]), target[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


seed_everything(SEED)
single = make_images(1000, 32, seed=3, difficulty="easy")
unseen = make_images(300, 32, seed=4, difficulty="easy")
both = (single, unseen)
small, small_new = ((s.images.float() / 255 - 0.5) * 4 for s in both)
classifier = shape_classifier()
learn = F.cross_entropy
train_steps(classifier, small, single.labels, learn, 120, 0.01, 32, SEED)
with torch.no_grad():
    named = classifier(small_new).argmax(1)
right = (named == unseen.labels).float().mean().item()
print(f"{right:.0%} of 300 new pictures are named correctly")

# %% [markdown]
# <span id="c266"></span>Now its linear layers. The lecture says: interpret fully connected layers as convolutions of size 1 x 1. Before you read on, write down the shapes.
#
# > **Predict.** The last map has 48 channels of 4 x 4; then come layers with 64 and 10 units. Which kernels make convolutions of them? And in VGG-16, where a map of 512 channels and 7 x 7 meets 4,096 units?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.convolutionalise import (
    convolutionalise,
    total_stride,
    vgg_in_a_row,
)

assert right > 0.9
scanner = convolutionalise(classifier, (3, 32, 32))
for layer in scanner[-3:]:
    print(layer)
assert scanner[-3].kernel_size == (4, 4)
assert scanner[-1].kernel_size == (1, 1)
with torch.no_grad():
    vector, cell = classifier(small_new[:8]), scanner(small_new[:8])
    wide = scanner(x_new)
assert torch.allclose(vector, cell[:, :, 0, 0], atol=1e-4)
print(f"32 x 32 pixels: {tuple(cell.shape[2:])}, the classifier's scores")
print(f"64 x 64 pixels: {tuple(wide.shape[2:])}")

# %% [markdown]
# Imprecise. The *first* linear layer reads a whole map and needs a kernel as large as the map, 4 x 4 here and 7 x 7 in VGG. Only the layers after it are 1 x 1. Taken as 1 x 1, the first would not even have the right number of weights. (Another of the course's lectures has it right, and [chapter 05d](05d_equivariance.ipynb#a-fully-connected-layer-is-a-convolution) did the algebra.) No weight has changed, so on a picture of the old size the scores are the old ones.
#
# On a larger picture, the classifier slides. Where does it find what?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three scenes in the first column; beside each, coarse maps of five by five cells with the scores of three classes. Cells near a shape of the class are dark, most others are light."}}
probabilities = wide.softmax(1)
rows, words = [], []
for i in (0, 1, 2):
    present = [int(k) - 1 for k in y_new[i].unique() if k > 0][:3]
    present += [k for k in range(10) if k not in present][: 3 - len(present)]
    cells = F.interpolate(probabilities[i : i + 1], scale_factor=8, mode="nearest")
    cells = F.pad(cells, (12, 12, 12, 12))[0]  # a cell is the middle of its window
    rows.append([fresh.images[i], *(cells[k] for k in present)])
    words.append("\n".join(fresh.classes[k] for k in present))
label_rows(rows, words)

# %% [markdown]
# (In each row: the scene, then one map for each class named on the left, from top to bottom. A cell is drawn in the middle of the window that it speaks for.) Dark is a high probability. Where a scene has fewer than three classes, the row is filled up with classes that are *not* there. The right classes turn dark roughly where they should, and so do some wrong ones. On empty ground the network has no good answer, since it never met "background". And the map is terribly coarse.
#
# <span id="c265"></span>How coarse? Every layer with stride $s_l$ multiplies the distance between neighbouring units by $s_l$. Unit $i$ of the map stands, in pixels of the picture, around
#
# $$ q_i = q_0 + S\, i, \qquad S = \prod_l s_l . \tag{11.10} $$
#
# > **Predict.** VGG has five poolings of stride 2. What is $S$? A picture of 224 pixels becomes a map of how many?

# %% tags=["nbval-check-output"]
from course_utils.models.vgg import VGG
from course_utils.segmentation.fcn import VOC_CLASSES, fcn_from_classifier

vgg = vgg_in_a_row(VGG(11, 1000, width=0.03, input_size=224))
kinds = [type(layer).__name__ for layer in vgg]
body = vgg[: kinds.index("Flatten")]
with torch.no_grad():
    last = body(torch.zeros(1, 3, 224, 224))
print(f"stride {total_stride(vgg)}; 224 pixels become {last.shape[-1]}")
assert total_stride(vgg) == 2**5 == 32
assert last.shape[-1] == 224 // 32 == 7
print(f"ours: stride {total_stride(classifier)}")

# %% [markdown]
# Five halvings: 32. What lies between two units is lost to the map, or so it seems.
#
# ### The FCN
#
# [Long, Shelhamer and Darrell (2015)](../book/references.md#long-2015) took this step and trained on: keep all layers but the last, put a new layer of scores in its place with one channel for each class *and the background*, enlarge its map to the size of the picture, and train everything with the loss (11.4). <span id="c277"></span>(The lecture cites "Shelhamer et al., 2014". The preprint of 2014 and the conference paper of 2015 are by Long, Shelhamer and Darrell, in this order; Shelhamer comes first in the [journal version of 2017](../book/references.md#shelhamer-2017).) It is a [fully convolutional network](../book/glossary.md#fully-convolutional-network), FCN for short. A border of zeros inside lets the first head kernel keep the map's size.
#
# > **Predict.** VOC has 20 classes. How many channels has the map of scores?

# %% tags=["nbval-check-output"]
with torch.no_grad():
    voc = fcn_from_classifier(vgg, (3, 224, 224)).eval()
    answer = voc(torch.zeros(1, 3, 96, 130))
print(f"scores {tuple(answer.shape)}, from {voc.score}")
assert answer.shape == (1, VOC_CLASSES, 96, 130)
assert VOC_CLASSES == 20 + 1

# %% [markdown]
# <span id="c269"></span>Twenty-one: 20 classes and the background, as the lecture says. And rows and columns are those of the picture, whatever they are.
#
# Ours has eleven. Three halvings make a stride of 8, so in the language of the paper this is an "FCN-8s" with nothing added, and it does for our 20-pixel shapes what FCN-32s does for VOC's objects. Train it on 400 scenes:

# %% tags=["band-skips"]
from course_utils.data.synthetic import make_scenes
from course_utils.segmentation.fcn import fcn_from_classifier
from course_utils.segmentation.losses import pixel_cross_entropy

look = {"objects": (2, 4), "scale": (0.3, 0.5)}
seeds = {400: 1, 100: 2}
scenes = [make_scenes(n, 64, s, "easy", **look) for n, s in seeds.items()]
pixels, pixels_new = ((s.images.float() / 255 - 0.5) * 4 for s in scenes)
classes_of, truth = (s.semantic for s in scenes)


def train_on_maps(model, steps):
    loss, lr = pixel_cross_entropy, 0.01
    return train_steps(model, pixels, classes_of, loss, steps, lr, 8, SEED)


seed_everything(SEED)
coarse = fcn_from_classifier(classifier, (3, 32, 32), 11)
coarse = train_on_maps(coarse, 180)


# %%
def measure(model):
    with torch.no_grad():
        guess = model(x_new).argmax(1)
    rims = boundary_iou(guess, y_new, K, distance=2).nanmean().item()
    return guess, mean_iou(confusion_matrix(guess, y_new, K)), rims


coarse_answer, score, rims = measure(coarse)
print(f"stride {coarse.stride}: mean IoU {score:.2f}, boundary IoU {rims:.2f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six scenes, their truth and the answer of the network of stride 8: soft round blobs near the shapes, with corners and small shapes lost."}}
label_rows(
    [fresh.images[:6], paint_classes(y_new[:6]), paint_classes(coarse_answer[:6])],
    ["picture", "truth", "stride 8"],
)

# %% [markdown]
# Blobs, some of the wrong class. The network knows roughly what and where, but one cell is 8 pixels wide, and a shape is three cells. So: how to get from cells back to pixels? Three answers follow.
#
# ## First answer: shift the picture, and stitch
#
# A network of stride $f$ speaks about every $f$-th pixel. Move the picture by one pixel, and it speaks about their neighbours. With all shifts $(a, b)$ from 0 to $f - 1$,
#
# $$ Z_{\,a + f i,\; b + f j} = \bigl[ \operatorname{net}(x \text{ shifted by } (a, b)) \bigr]_{ij} , \qquad f^2 \text{ runs.} \tag{11.11} $$
#
# Nothing is interpolated: every number is what the network says. The lecture mentions the price for a stride of 32.
#
# > **Predict.** How many runs? And what does the same, in one?

# %% tags=["nbval-check-output"]
from course_utils.models.summary import summarise
from course_utils.segmentation.patch_classifier import pad_for_patches
from course_utils.segmentation.shift_and_stitch import shift_and_stitch, shifts

print(f"stride 32: {len(list(shifts(32))):,} runs")
strided = convolutionalise(patchwise, (3, SIDE, SIDE))
f = total_stride(strided)
whole = pad_for_patches(few, SIDE)
stitched = shift_and_stitch(strided, whole, f)
with torch.no_grad():
    at_once = dense(whole)
size = tuple(stitched.shape[2:])
print(f"the patch network: stride {f}, {f * f} runs, {size}")
equal = torch.allclose(stitched, at_once, atol=1e-4)
print(f"equal to the dilated network: {equal}")
assert equal
assert len(list(shifts(32))) == 1024
n = whole.shape[-1]
runs = sum(
    summarise(strided, (3, n - a, n - b)).multiply_adds
    for a, b in shifts(f)
)  # fmt: skip
once = summarise(dense, (3, n, n)).multiply_adds
print(f"multiply-adds: {runs / once:.1f} times those of the dilated network")
assert 1 < runs / once < f * f

# %% [markdown]
# <span id="c267"></span>1,024 runs for stride 32: the lecture is right. And you have met the answer to the second question: it is the dense network of the patches. Shifted runs repeat their first layers $f^2$ times, for the same reason as patches did; the dilated network computes each number once. (For a trained network of stride 32, even that keeps all maps at full resolution. What it costs in memory, and how to use dilation wisely, is the subject of the [next chapter](11b_unet.ipynb).)
#
# ## Second answer: interpolate
#
# The cheap way: compute few scores, and fill in. Two ways of filling are old. **Nearest**: each pixel takes the score of the cell it lies in. **Bilinear**: it takes a mixture of the four nearest cells, the nearer the more.
#
# The lecture makes a remark that turns them into layers: both are zeros between the samples, and then a convolution with a fixed kernel, no interaction of channels. Along one axis, with factor $f$:
#
# $$ u_{f i} = v_i, \quad u_j = 0 \text{ elsewhere}; \qquad z_q = \sum_t k_t\, u_{q - t} . \tag{11.12} $$
#
# Nearest has $f$ ones for a kernel. Bilinear has a triangle,
#
# $$ k_t = 1 - \frac{|t|}{f}, \qquad |t| < f , \tag{11.13} $$
#
# at $t = \pm\tfrac12, \pm\tfrac32, \ldots$ for even $f$: between the samples, as pixels lie. In two dimensions, the product of two triangles. The same result comes from a [transposed convolution](05b_layers.ipynb#transposed-convolution-the-way-back) with stride $f$: each sample stamps its triangle onto the output.
#
# > **Predict.** In the figure the samples are all 1, the stride is 2, and each sample stamps the triangle of four taps. What comes out in the middle, and what at the two ends? Then choose *varied* samples, and walk along the output: how many samples reach each pixel?

# %%
UpsamplingExplorer(
    mode="transposed",
    kernel_size=4,
    stride=2,
    weights="bilinear",
    values="constant",
    compare="bilinear",
)

# %% [markdown]
# A flat map has to stay flat. Output pixel $q$ meets only every $f$-th tap, those with the same remainder, so each such phase of the kernel must add up to one:
#
# $$ \sum_i k_{\,r + f i} = 1 \quad \text{for every remainder } r . \tag{11.14} $$
#
# In the middle it does. At the two ends the figure shows 0.25 and 0.75: there only one sample reaches a pixel, everywhere else two. Cropped to the library's size, 0.75 is left at each end. Compare with the library:

# %% tags=["nbval-check-output"]
from course_utils.segmentation.upsampling import (
    Upsample,
    triangle,
    upsample_by_zero_insertion,
)

print("triangle for 2:", triangle(2).tolist())
draw = torch.Generator().manual_seed(SEED)
v = torch.rand(1, 3, 5, 6, generator=draw) + 0.5
for factor in (2, 3, 4, 8):
    line = triangle(factor)
    assert all(abs(line[r::factor].sum() - 1) < 1e-9 for r in range(factor))
    theirs = F.interpolate(v, scale_factor=factor, mode="bilinear")
    plain = upsample_by_zero_insertion(v, factor, borders=False)
    rim = factor // 2
    inner = (..., slice(rim, -rim), slice(rim, -rim))
    assert torch.allclose(plain[inner], theirs[inner], atol=1e-5)
    assert (plain < theirs - 1e-6)[..., :rim, :].all()
    careful = upsample_by_zero_insertion(v, factor)
    assert torch.allclose(careful, theirs, atol=1e-5)
    assert torch.allclose(Upsample(3, factor)(v), theirs, atol=1e-5)
    theirs = F.interpolate(v, scale_factor=factor, mode="nearest")
    assert torch.equal(Upsample(3, factor, "nearest")(v), theirs)
    words = f"inside equal, a rim of {rim} too dark; repaired: equal"
    print(f"factor {factor}: {words}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "A flat grey map enlarged eight times. Left, zeros and a triangle: sides and corners turn darker. Middle, outermost samples repeated first: flat everywhere. Right, a small random map enlarged with nearest: hard squares."}}
flat = torch.full((1, 1, 8, 8), 0.8)
faded = upsample_by_zero_insertion(flat, 8, borders=False)[0, 0]
kept = upsample_by_zero_insertion(flat, 8)[0, 0]
squares = Upsample(1, 8, "nearest")(torch.rand(1, 1, 8, 8, generator=draw))[0, 0]
plotting.image_grid(
    [faded, kept, squares.detach()],
    ["border fades", "border repeated", "nearest"],
    columns=3,
    size=1.6,
    vmin=0,
    vmax=1,
)

# %% [markdown]
# <span id="c268"></span>So the lecture's remark needs two corrections. The zeros go *between* the samples; "zero-padding" usually means around them. And at the border the plain recipe is not the library's bilinear: beyond the last sample there are zeros, which are not samples, and half a cell fades, for a factor of 8 down to about a half at the sides and a third in the corners. Repeat the outermost row and column first, crop afterwards, and all is equal. Nearest is exact as it stands, since its stamps do not overlap. "No channel interactions" is right: one kernel for each channel by itself.
#
# ### Learned filling
#
# If interpolation is a convolution with fixed weights, why not learn the weights? "No need to hand-pick the interpolation scheme", says the lecture, and channels may interact if that turns out useful: one kernel for each *pair* of channels,
#
# $$ z_o = \sum_c k_{oc} * u_c, \qquad k_{oc} = [o = c]\, k^{\text{bilinear}} \text{ at the start.} \tag{11.15} $$
#
# A test that has a right answer: halve a photo by averaging, and rotate its colour channels (green takes the place of red, blue that of green, red that of blue). The layer shall give the photo back.
#
# > **Predict.** Three layers: fixed bilinear, learned channel by channel, learned with all pairs. Which can repair what?

# %%
from course_utils import data

photo = data.photo("astronaut", 96).float()[None] / 255
halved = F.avg_pool2d(photo, 2)


def learn_filling(source, steps=60, **options):
    layer = Upsample(3, 2, **options)
    first = F.mse_loss(layer(source), photo).item()
    if not options:
        return first, first, 0
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
    for _ in range(steps):
        loss = F.mse_loss(layer(source), photo)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    last = F.mse_loss(layer(source), photo).item()
    return first, last, sum(p.numel() for p in layer.parameters())


for word, source in (("halved", halved), ("and rotated", halved[:, [1, 2, 0]])):
    fixed, _, _ = learn_filling(source)
    _, alone, few_weights = learn_filling(source, learn=True)
    begin, mixed, weights = learn_filling(source, learn=True, mix=True)
    assert abs(begin - fixed) < 1e-7
    numbers = f"fixed {fixed:.4f}, learned {alone:.4f}, mixing {mixed:.4f}"
    print(f"{word:11s} {numbers}")
    assert alone < fixed
    assert mixed < fixed
print(f"weights: 0, {few_weights}, {weights}")
assert mixed < 0.5 * alone

# %% [markdown]
# Both begin at bilinear, and both end below it: a learned filter sharpens. Only the mixing layer can put the colours back. It has $C$ times as many weights, and for scores of classes it may learn sentences such as "wheel here, so car around it".
#
# ### Where things lie
#
# One detail ruins more segmentation code than any other. Pool by 2, and the new unit's middle lies *between* two pixels, half a pixel after the first: $q_0 = \tfrac12$ in (11.10). After three poolings $q_0 = \tfrac{8 - 1}{2} = 3.5$. So an enlarged map may not begin with its first sample: it has to begin, with $f$ pixels for each cell, half a cell earlier,
#
# $$ \text{pixels before the first sample} = \frac{f - 1}{2} . \tag{11.16} $$
#
# The library calls this `align_corners=False`. The other convention puts the first sample on the first pixel, the next $f$ pixels on. Both are right for some network, and each is wrong for the other: every edge is off by $(f - 1)/2$ pixels. (PyTorch's `align_corners=True` also stretches the map until the last sample lies on the last pixel: off by $(f - 1)/2$ at both ends, in opposite directions, and right in the middle.) How much is that worth? Take the *truth*, pooled to cells by averaging, so that nothing but the way back can fail:

# %%
from course_utils.segmentation.fcn import place

truth_maps = F.one_hot(y_new, K).movedim(-1, 1).float()
for factor in (2, 4, 8):
    cells = F.avg_pool2d(truth_maps, factor)
    scores = []
    for corners in (False, True):
        large = Upsample(K, factor, align_corners=corners)(cells)
        guess = place(large, (0, 0), (64, 64)).argmax(1)
        table = confusion_matrix(guess, y_new, K)
        rims = boundary_iou(guess, y_new, K).nanmean().item()
        scores.append((mean_iou(table), rims))
    (right_iou, right_rim), (wrong_iou, wrong_rim) = scores
    print(f"stride {factor}")
    print(f"  half pixels: IoU {right_iou:.2f}, boundary IoU {right_rim:.2f}")
    print(f"  corners:     IoU {wrong_iou:.2f}, boundary IoU {wrong_rim:.2f}")
    assert wrong_iou < right_iou
    assert wrong_rim < right_rim

# %% [markdown]
# The first line of each pair is a useful mark: what a map of stride 2, 4, 8 says about these shapes if it holds the true *share* of each class and the way back is bilinear. (A trained network may do better: nobody forces its cells to say shares.) The second lines cost no more time, raise no error, and look fine to the eye. Networks even learn around the shift, badly. Our FCN asks its layers where their units lie (chapter 05b's accounts of stride and centre) and chooses the convention by itself.
#
# ## Third answer: finer maps on the way up
#
# Interpolation cannot invent what the coarse map does not hold. But the network *had* finer maps: before the last pooling, one of twice the resolution, and before that one of four times. They know less about what (smaller fields), and more about where. The FCN lets each of them speak. From each it computes scores with a 1 x 1 convolution, and adds them to the coarser scores, enlarged by 2:
#
# $$ z^{(l)} = W^{(l)} m^{(l)} + \operatorname{up}_2 \bigl( z^{(l+1)} \bigr), \qquad W^{(l)} = 0 \text{ at the start.} \tag{11.17} $$
#
# Such a [skip connection](../book/glossary.md#skip-connection) begins with nothing: at first the answer is the coarse one, slightly smoother. Long et al. go from FCN-32s to 16s to 8s: the number is the stride of the finest map that speaks. With our three halvings we go from 8s to 4s to 2s.
#
# To be fair, let the coarse network train as long again, without a skip. Else you would measure patience.
#
# > **Predict.** What gains more from finer maps, mean IoU or boundary IoU? Does the coarse network catch up, when it trains longer?

# %% tags=["band-skips"]
import copy

medium = train_on_maps(coarse.finer(), 80)
fine = train_on_maps(medium.finer(), 80)
longer = train_on_maps(copy.deepcopy(coarse), 160)

# %% tags=["band-skips"]
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.metrics import confusion_matrix, mean_iou

skips_result = {}
for name, model in (
    ("8s", coarse),
    ("8s longer", longer),
    ("4s", medium),
    ("2s", fine),
):
    with torch.no_grad():
        guess = model(pixels_new).argmax(1)
    skips_result[name] = mean_iou(confusion_matrix(guess, truth, 11))
    skips_result[f"{name} rim"] = mean_boundary_iou(guess, truth, 11)
    whole, rims = skips_result[name], skips_result[f"{name} rim"]
    print(f"FCN-{name:9s} IoU {whole:.2f}, boundary IoU {rims:.2f}")

# %%
assert skips_result["2s"] > 0.7
assert skips_result["8s"] < skips_result["4s"] < skips_result["2s"]
assert skips_result["8s rim"] < skips_result["4s rim"] < skips_result["2s rim"]
gain, gain_rim = (
    skips_result[f"2s{ending}"] - skips_result[f"8s longer{ending}"]
    for ending in ("", " rim")
)  # fmt: skip
print(f"2s against the twin: IoU {gain:+.2f}, boundary IoU {gain_rim:+.2f}")
assert gain_rim > gain > 0
assert torch.equal(x_new, pixels_new)
print("the first coarse cell has its middle at pixel", coarse.centres[-1][0])
assert coarse.centres[-1] == (7.5, 7.5)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six scenes in five rows: picture, truth, and the answers of the twin of stride 8, of stride 4 and of stride 2. The twin's shapes are blobs in the right colours, some with an arm to the left edge; with stride 4 outlines are sharper but several triangles and a star get the wrong class; with stride 2 most outlines and most classes are right."}}
answers = [paint_classes(measure(m)[0][:6]) for m in (longer, medium, fine)]
label_rows(
    [fresh.images[:6], paint_classes(y_new[:6]), *answers],
    ["picture", "truth", "8s longer", "FCN-4s", "FCN-2s"],
)

# %% [markdown]
# Both numbers rise from 8s to 4s to 2s. Patience alone gives much: the twin that trained 160 steps more comes close to FCN-4s, and in some runs passes it (which trained only 80 more). FCN-2s trained as long as the twin, so that pair is the fair one, and there the skips win. Compare the last row with the twin: more is gained at the rim than in the whole, since that is where the coarse map had nothing to say.
#
# Look at the left edge in the row *8s longer*, too: shapes there grow arms that reach the border. The head's 4 x 4 kernel has no middle cell, so its cells stand half a cell further right and down (the printed 7.5 is $3.5 + 4$), and what lies before the first cell can only repeat it. An even kernel in the head is legal, and costs a rim.
#
# One run proves little. How much do these numbers move with the seed? The bars are recorded seeds, your own run is the dot.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels with a horizontal bar for each of four networks: mean IoU on the left and boundary IoU on the right, from the lowest to the highest recorded seed, with a dot for this run. Both rise from stride 8 to 4 to 2; the twin that trains longer lies about level with stride 4."}}
figure, panels = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True)
rows = ("8s", "8s longer", "4s", "2s")
for axes, ending, title in zip(panels, ("", " rim"), ("mean IoU", "boundary IoU")):
    for place_of, row in enumerate(rows):
        recorded = band("11_segmentation.skips", row + ending)
        ends = [recorded.minimum, recorded.maximum]
        axes.plot(ends, [place_of] * 2, color=COLORS["sky"], linewidth=9)
        axes.plot(recorded.median, place_of, "|", color=COLORS["blue"], markersize=12)
        axes.plot(skips_result[row + ending], place_of, "o", color=COLORS["vermillion"])
    axes.set(yticks=range(4), yticklabels=[f"FCN-{row}" for row in rows], xlim=(0, 1), xlabel=title)
panels[0].invert_yaxis()
plt.show()

# %%
for row, value in skips_result.items():
    assert band("11_segmentation.skips", row).contains(value, slack=0.1)
for ending in ("", " rim"):
    middle = {}
    for row in rows:
        recorded = band("11_segmentation.skips", row + ending)
        middle[row] = recorded.median
    order = [middle[row] for row in ("8s", "4s", "2s")]
    assert order == sorted(order)
    twin = middle["8s longer"]
    print(f"stride 2 against the twin, median{ending}: {order[-1] - twin:+.2f}")
    assert order[-1] > twin

# %% [markdown]
# ## Any size
#
# Nothing in an FCN has a fixed number of pixels. The picture may have any size, and the answer has the same: an output whose *size* is part of the input. One detail: poolings round down. A side $n$ that is no multiple of $S$ is filled up at its end first, and the surplus is cut off the answer:
#
# $$ n' = n + \bigl( (-n) \bmod S \bigr) . \tag{11.18} $$
#
# "Runs" is not "understands", though. Our scenes come in other sizes too, and shapes grow with them.
#
# > **Predict.** The network was trained on 64 x 64. What happens on 48 x 48, and on 96 x 96? And after a few steps on a mixture of sizes?

# %%
from course_utils.segmentation.any_size import pad_to_multiple

odd = torch.zeros(1, 3, 50, 91)
with torch.no_grad():
    answer = fine(odd)
inside = pad_to_multiple(odd, 8)
for word, maps in (("in", odd), ("inside", inside), ("out", answer)):
    print(word, tuple(maps.shape[2:]))

SIZES = (48, 64, 96)
mixed = {n: make_scenes(120, n, 5, "easy", **LOOK) for n in SIZES}
asked = {n: make_scenes(40, n, 6, "easy", **LOOK) for n in SIZES}


def iou_by_size(model):
    out = {}
    for n, s in asked.items():
        with torch.no_grad():
            guess = model(to_inputs(s.images)).argmax(1)
        out[n] = mean_iou(confusion_matrix(guess, s.semantic, K))
    return out


def train_on_sizes(model, steps=60, lr=0.003):
    draw = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    model.train()
    for step in range(steps):
        s = mixed[SIZES[step % len(SIZES)]]  # one size a batch, in turn
        chosen = torch.randint(len(s), (8,), generator=draw)
        logits = model(to_inputs(s.images[chosen]))
        loss = pixel_cross_entropy(logits, s.semantic[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


before = iou_by_size(fine)
after = iou_by_size(train_on_sizes(copy.deepcopy(fine)))
for n in SIZES:
    print(f"{n} x {n}: mean IoU {before[n]:.2f}, after mixing {after[n]:.2f}")
assert before[96] < before[64]
assert after[96] > before[96]
assert sum(after.values()) > sum(before.values())

# %% [markdown]
# One model, one loss, three sizes: a batch holds one size, the next batch another, and the loss is a mean over pixels whatever their number. On sizes that it never saw it worked already, only worse, and on *both* sides: at 48 the shapes are smaller, at 96 larger than any that it was trained on. They would fit: the [receptive field](../book/glossary.md#receptive-field) of the head is 60 pixels, and the largest shape at 96 has about 46. But a convolution does not grow with the picture; what a star looks like at this size it has to learn. Training on the mixture teaches it.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C265](#c265) Five subsamplings reduce the resolution by 32 | true | $2^5$; 224 pixels become 7 |
# | [C266](#c266) Interpret fully connected layers as 1 x 1 convolutions | imprecise | the first needs a kernel as large as its map; only the later ones are 1 x 1 |
# | [C267](#c267) Shifting the input takes 32 x 32 evaluations | true | 1,024 runs; the dilated network computes the same in one |
# | [C268](#c268) Bilinear and nearest are zero-padding and a fixed convolution, without interaction of channels | imprecise | zeros go between the samples; nearest is exact, bilinear fades at the border unless it is repeated first |
# | [C269](#c269) The FCN has 21 channels | true | 20 classes and the background |
# | [C277](#c277) "Fully Convolutional Networks, Shelhamer et al., 2014" | imprecise | preprint and conference paper: Long, Shelhamer and Darrell |
#
# ## Pitfalls
#
# One stands above: [the map that begins half a cell too late](#where-things-lie). Three more, shown going wrong.
#
# **A class that is not there.** Ten pictures happen to hold no corner. What is the IoU of "corner", when nobody says corner? $0/0$. Three programs, three answers:

# %%
absent = names.index("corner")
without = (y_new != absent).flatten(1).all(1).nonzero()[:10, 0]
perfect = confusion_matrix(y_new[without], y_new[without], K)
iou = class_iou(perfect)
assert iou[absent].isnan()
means = [iou.nanmean(), iou.nan_to_num(0).mean(), iou.nan_to_num(1).mean()]
for word, value in zip(("leave it out", "call it 0", "call it 1"), means):
    print(f"a perfect answer, {word}: {value:.3f}")
one_pixel = y_new[without].clone()
one_pixel[0, 0, 0] = absent
slip = mean_iou(confusion_matrix(one_pixel, y_new[without], K))
print(f"left out, but one pixel of 40,960 says corner: {slip:.3f}")
assert means[0] == 1
assert means[1] < 1
assert slip < 1 - 0.9 / K

# %% [markdown]
# Called 0, a perfect answer is not perfect. Left out, as this course and most libraries do, one wrong pixel costs a whole class. On small test sets both happen. Sum the table over the *whole* set before you divide, and say what you do with classes that are nowhere.
#
# **Interpolated labels.** The truth is too large, so somebody shrinks it, from 64 to 37 pixels, with the same bilinear function that shrinks the picture:

# %%
where_ten = (y_new == 10).flatten(1).any(1).nonzero()[0, 0]
t = y_new[where_ten][None, None]
blurred = F.interpolate(t.float(), 37, mode="bilinear").round().long()
clean = F.interpolate(t.float(), 37, mode="nearest").long()
print("classes in the truth:  ", t.unique().tolist())
print("resized with nearest:  ", clean.unique().tolist())
print("resized with bilinear: ", blurred.unique().tolist())
invented = set(blurred.unique().tolist()) - set(t.unique().tolist())
assert invented
assert set(clean.unique().tolist()) <= set(t.unique().tolist())

# %% [markdown]
# Between background (0) and arrow (10) lies every other class. Numbers of classes are names, not amounts. Resize truth with nearest; resize *scores* with bilinear, before the maximum.
#
# **Checkerboards.** A learned upsampling that starts from random weights ([chapter 05b](05b_layers.ipynb#transposed-convolution-the-way-back)). With a kernel of 3 and stride 2, some output pixels receive four stamps and their neighbours one or two. With a kernel of 4 all receive four, but pixels of different phase through different weights. Give both a flat map:

# %%
from course_utils.scratch.convolution_kinds.transposed import phase_spread

flat = torch.ones(1, 4, 12, 12)
uneven = {}
for word, layer in {
    "3 x 3, random": nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1),
    "4 x 4, random": nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1),
    "4 x 4, bilinear": Upsample(4, 2, learn=True, mix=True),
}.items():
    with torch.no_grad():
        inside = layer(flat)[..., 2:-2, 2:-2]
    inside = inside[..., :18, :18]  # whole pairs of rows and columns
    uneven[word] = phase_spread(inside.numpy(), 2)
    print(f"{word:16s} spread of the phases {uneven[word]:.4f}")
assert uneven["4 x 4, bilinear"] < 1e-6 < uneven["3 x 3, random"]

# %% [markdown]
# This is equation 11.14 again: a flat map stays flat only if all phases add up to the same. Bilinear weights do; random ones have to learn it. It is a second reason to start from them.
#
# ## Exercises
#
# **1. One line.** A picture of 500 x 375 pixels goes through an FCN with $S = 32$ that fills sides up as in (11.18). How large is the map of scores before enlarging?
#
# <details><summary>Hint</summary>
#
# Fill up, then divide by 32.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
cells = [(n + (-n) % 32) // 32 for n in (500, 375)]
print(cells)
filled = pad_to_multiple(torch.zeros(1, 1, 500, 375), 32).shape[2:]
assert cells == [side // 32 for side in filled] == [16, 12]

# %% [markdown]
# **2. Five minutes.** A disc of radius $r$, answered by a disc of radius $r + e$. What is its IoU, on paper? For which $r$ does one pixel cost 10 %? Check with pixels.
#
# <details><summary>Hint</summary>
#
# One disc contains the other: intersection is the smaller area, union the larger.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for r in (8, 12, 19, 26):
    small_disc, large_disc = radius <= r, radius <= r + 1
    counted = small_disc.sum() / large_disc.sum()
    on_paper = (r / (r + 1)) ** 2
    print(f"r = {r:2d}: on paper {on_paper:.3f}, in pixels {counted:.3f}")
    assert abs(counted - on_paper) < 0.03
# (r / (r + 1))^2 = 0.9 gives r = 1 / (1 / sqrt(0.9) - 1)
print(f"one pixel costs 10 % at r = {1 / (0.9**-0.5 - 1):.1f}")

# %% [markdown]
# **3. Ten minutes.** VOC does not count a rim around each object. Set the trimap of width 1, then 2, to 255 in the truth, and score the *same* answers of `longer` and `fine` again. Whom does this rule help?
#
# <details><summary>Hint</summary>
#
# `y_new.masked_fill(trimap(y_new, 1), 255)`; `confusion_matrix` leaves 255 out.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for word, model in (("stride 8", longer), ("stride 2", fine)):
    guess = measure(model)[0]
    line = [mean_iou(confusion_matrix(guess, y_new, K))]
    for width in (1, 2):
        lenient = y_new.masked_fill(trimap(y_new, width), 255)
        line.append(mean_iou(confusion_matrix(guess, lenient, K)))
    print(f"{word}: " + ", ".join(f"{value:.3f}" for value in line))
    assert line[0] < line[1] < line[2]
print("both gain, the coarse network more: the rule forgives what skips repair")

# %% [markdown]
# **4. Fifteen minutes.** Mean IoU sums the table over all pictures and divides once. Another program computes the mean IoU of each picture and averages. Compare both for `fine`. Which one is larger, and why?
#
# <details><summary>Hint</summary>
#
# In one picture, most classes are absent; what does `mean_iou` do with them? And what does one wrongly named shape cost in each?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
guess, at_end, _ = measure(fine)
pairs = zip(guess, y_new)
each = [mean_iou(confusion_matrix(g, t, K)) for g, t in pairs]
each = torch.tensor(each)
print(f"summed first {at_end:.3f}, mean over pictures {each.mean():.3f}")
print(f"worst picture {each.min():.2f}, best {each.max():.2f}")
print("stray pixels of a wrong class add a term of 0 to a picture's mean")
assert each.min() < at_end < each.max()

# %% [markdown]
# **5. Half an hour.** Let rare classes weigh more: train `coarse` for 60 more steps with and without `balanced_class_weights` (median rule), and compare mean accuracy (the mean of the classes' recalls), pixel accuracy and mean IoU. What is bought, and who pays?
#
# <details><summary>Hint</summary>
#
# `pixel_cross_entropy(z, t, class_weights=...)`; `course_utils.segmentation.metrics.scores` prints all means.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.segmentation.losses import balanced_class_weights
from course_utils.segmentation.metrics import scores

weights = balanced_class_weights(class_frequencies(y, K))
weighed = {}
for word, class_weights in (("plain", None), ("weighted", weights)):

    def loss_of(z, t, w=class_weights):
        return pixel_cross_entropy(z, t, class_weights=w)

    model = train_steps(copy.deepcopy(coarse), x, y, loss_of, 60, 0.01, 8, SEED)
    table = confusion_matrix(measure(model)[0], y_new, K)
    weighed[word] = scores(table)
    chosen = ("mean accuracy", "pixel accuracy", "mean IoU")
    line = [f"{k} {weighed[word][k]:.2f}" for k in chosen]
    print(f"{word:9s}" + ", ".join(line))
print("recall of rare classes is bought with false alarms on the background")
assert weighed["weighted"]["mean accuracy"] > weighed["plain"]["mean accuracy"]

# %% [markdown]
# **6. An evening.** Shift without stitching: run the FCN-8s twin (`longer`) on a picture moved by $a, b \in \{0, 2, 4, 6\}$ pixels, move the answers back, and average the scores. How much of the way to FCN-2s does this go, for sixteen times the work?
#
# <details><summary>Hint</summary>
#
# `F.pad(x, (8, 8, 8, 8), mode="replicate")`, then crops of 72 x 72 beginning at $(a, b)$, then the part of each answer that belongs to the picture.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def average_over_shifts(model, images, moves):
    grown = F.pad(images, (8, 8, 8, 8), mode="replicate")
    total = 0
    with torch.no_grad():
        for a in moves:
            for b in moves:
                part = grown[:, :, a : a + 72, b : b + 72]
                scores = model(part)
                total = total + scores[:, :, 8 - a : 72 - a, 8 - b : 72 - b]
    return total.argmax(1)


some, true_some = x_new[:40], y_new[:40]
shifted_rims = {}
for word, moves in (("one run", (8,)), ("sixteen runs", (0, 2, 4, 6))):
    moved = [m if m < 8 else 0 for m in moves]
    guess = average_over_shifts(longer, some, moved)
    rims = boundary_iou(guess, true_some, K).nanmean().item()
    shifted_rims[word] = rims
    print(f"{word}: boundary IoU {rims:.3f}")
with torch.no_grad():
    best = boundary_iou(fine(some).argmax(1), true_some, K).nanmean().item()
print(f"FCN-2s, one run: {best:.3f}")
assert shifted_rims["sixteen runs"] < best
gained = shifted_rims["sixteen runs"] - shifted_rims["one run"]
way = gained / (best - shifted_rims["one run"])
print(f"{way:.0%} of the way")  # averaging over shifts adds no finer map

# %% [markdown]
# ## At scale
#
# First the paper. [Long et al. (2015)](../book/references.md#long-2015) start from VGG-16, trained on ImageNet, and report on VOC (their table 2: a part of the 2011 validation set). It cannot be repeated here; these are their numbers.

# %% tags=["nbval-check-output"]
PAPER = {
    "FCN-32s": (89.1, 73.3, 59.4),
    "FCN-16s": (90.0, 75.7, 62.4),
    "FCN-8s": (90.3, 75.9, 62.7),
}
print("as reported, in %    pixel accuracy  mean accuracy  mean IoU")
for name, (pixel, mean, iou) in PAPER.items():
    print(f"{name:20s} {pixel:14.1f} {mean:14.1f} {iou:9.1f}")
gains = [PAPER[f"FCN-{s}s"][2] - PAPER["FCN-32s"][2] for s in (16, 8)]
print(f"gain in mean IoU over 32s: {gains[0]:.1f} and {gains[1]:.1f} points")

# %% [markdown]
# The order is ours, the gains are smaller, and the second skip adds little there: in *mean IoU*. By now you know where to look for the rest.
#
# Then the street. CamVid holds frames from a car, with eleven classes and pixels that do not count. The record trains an FCN with five halvings, from nothing, on some sixty frames: first as 32s, then on as 16s and 8s. The 32s has a twin that trains as long as the 8s. The command is `python -m tools.record_segmentation`.
#
# > **Predict.** Which classes will a map of stride 32 lose first: road, sky, pole, pedestrian?

# %%
record = load_record("11_segmentation.camvid")
frames = f"{record['train']} frames, {record['valid']} to test"
print(f"{len(record['seeds'])} seeds, {frames}")
for row in record["networks"]:
    words = {"pixel": "accuracy", "iou": "IoU", "rim": "boundary IoU"}
    cells = {}
    for m, word in words.items():
        recorded = band("11_segmentation.camvid", f"{row} {m}")
        cells[word] = recorded.median
    line = ", ".join(f"{word} {value:.3f}" for word, value in cells.items())
    print(f"FCN-{row:11s} {line}")
for name in ("road", "sky", "pole", "pedestrian"):
    with_skips, without_skips = (
        band("11_segmentation.camvid", f"{row} iou {name}").median
        for row in ("8s", "32s longer")
    )  # fmt: skip
    print(f"{name:10s} IoU 32s {without_skips:.3f}, 8s {with_skips:.3f}")
made = record["provenance"]
print(f"{made['processor']}, {made['date']}, commit {made['commit']}")
street = {name: torch.tensor(v) for name, v in record["metrics"].items()}
for metric, word in (("iou", "mean IoU"), ("rim", "boundary IoU")):
    gain = street[f"8s {metric}"] - street[f"32s longer {metric}"]
    print(f"8s against the twin, {word}: median {gain.median():+.3f}")
assert (street["8s rim"] > street["32s longer rim"]).all()
assert (street["8s iou"] > street["32s longer iou"]).sum() >= 4
assert street["8s iou pole"].max() == 0  # nobody finds a pole

# %% [markdown]
# On a street seen through 192 x 144 pixels, large things (road, sky, buildings) fill the mean. In mean IoU the skips add about a hundredth to what patience alone gives, and not in every seed; at the rim they win in all five, by one to four hundredths. What did the map of stride 32 lose? Poles, and nearly every pedestrian. But the 8s does not find them either: a skip cannot bring back what the network never learned to name, and a pole is a pixel or two wide here. What the skips do repair are the long borders of large classes: look at the sky. Sixty frames without pretraining are too few for the rest; the paper's network began with ImageNet.
#
# ## Summary
#
# - A label for every pixel is a classification for every pixel: the loss is the mean of their cross-entropies over the pixels that count.
# - Patch by patch and densely give the same logits. Sliding linear layers and dilated windows save what neighbours share.
# - Pixel accuracy pays for background. IoU takes class by class; boundary IoU looks where detail is. A class that is nowhere has no score.
# - The first linear layer becomes a convolution as large as its map, the later ones 1 x 1. Five halvings: stride 32.
# - Shift and stitch fills the gaps exactly, with $f^2$ runs; the dilated network does it in one.
# - Interpolation is zeros *between* samples and a triangle; mind the border, and where the samples lie. It can be learned, with channels that interact.
# - Finer maps on the way up pay most at the borders.
# - A network without fixed sizes learns from pictures of all sizes.
#
# ## Further reading
#
# - [Long, Shelhamer and Darrell (2015)](../book/references.md#long-2015): read section 3, then table 2.
# - [Sermanet et al. (2014)](../book/references.md#sermanet-2014): classifiers that slide, and shifts that fill in between.
# - [Giusti et al. (2013)](../book/references.md#giusti-2013): patches and dense networks with max pooling, exactly equal.
# - [Everingham et al. (2010)](../book/references.md#everingham-2010): VOC, its classes, its scores.
# - [Cheng et al. (2021)](../book/references.md#cheng-2021): what a score at the border should do.
# - [Odena et al. (2016)](../book/references.md#odena-2016): checkerboards.
#
# ## The next question
#
# The skips of an FCN carry scores: eleven numbers a pixel, squeezed out before they meet. What if the way up were as rich as the way down, and carried *features*? And what if we never gave the resolution away? The [next chapter](11b_unet.ipynb) builds both.
