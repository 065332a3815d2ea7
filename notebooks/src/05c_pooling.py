# %% [markdown]
# # Pooling and moving pictures
#
# Move a picture by one pixel and every number in it changes, yet nothing has happened. You will build the layers that are
# meant to make a network calm about this, measure how calm they really make it, and find out exactly which moves it
# cannot see at all.
#
# **You will be able to**
#
# - write max, average, L2, weighted, global and adaptive pooling, forward and backward, and match the library to the last digit;
# - say which of them is a convolution, and build max pooling out of convolutions and ReLUs;
# - predict how many pooled numbers survive a shift by one pixel, and check it;
# - test any layer for equivariance, and name what breaks it: borders, strides, turns, zooms;
# - choose between stride, max, average and blur with measured accuracies in hand;
# - turn a classifier into a machine that reads pictures of any size, and gives an answer at every place.
#
# **You need** what a convolution does (stride, padding, channels: chapters [05](05_convolution.ipynb) and [05b](05b_layers.ipynb)), ReLU, and gradients.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.equivariance import (
    bin_rows,
    filter_groups,
    number_table,
    paired_bands,
    two_orders,
    winner_map,
)
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ConvolutionExplorer, ImageNumbers

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## One pixel to the right
#
# Here is a handwritten 3, and the same 3 one pixel further right. You have to look twice to see a difference. A machine
# that compares numbers sees little else.
#
# Turn the pages with the menu *Picture*, keep one pixel selected, and read its number:
#
# 1. On the first two pages, find a place inside the digit whose number stays the same. How long did you search?
# 2. The last two pages show the largest of each $2 \times 2$ block, drawn as large as before. Search again.

# %%
digits = data.load("digits", "all")
three = digits.images[digits.labels == 3][1].double()  # (1, 8, 8), 0..255
canvas = F.pad(three, (4, 4, 4, 4))  # (1, 16, 16)
moved = torch.roll(canvas, 1, dims=2)


def blocks(picture):
    """The largest of each 2x2 block, drawn at the size of the block."""
    return F.max_pool2d(picture, 2).repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)


pages = [canvas, moved, blocks(canvas), blocks(moved)]
ImageNumbers(
    torch.cat(pages).round().numpy().astype(np.uint8),
    labels=["a 3", "one pixel to the right", "largest of each 2x2 block", "the same, one pixel to the right"],
    row=7,
    col=8,
)

# %% tags=["nbval-check-output"]
inked = (canvas > 0) | (moved > 0)
pooled, pooled_moved = F.max_pool2d(canvas, 2), F.max_pool2d(moved, 2)
inked_blocks = (pooled > 0) | (pooled_moved > 0)
same_pixels = ((canvas == moved) & inked).sum().item()
same_blocks = ((pooled == pooled_moved) & inked_blocks).sum().item()
print(f"pixels where there is ink:  {same_pixels} of {inked.sum().item()} keep their number")
print(f"blocks where there is ink:  {same_blocks} of {inked_blocks.sum().item()} keep theirs")
assert same_blocks / inked_blocks.sum() > 2 * same_pixels / inked.sum()

# %% [markdown]
# The blocks are calmer, and still far from calm. That is the theme of this chapter. Taking one number from each block is
# called [pooling](../book/glossary.md#pooling). All five lectures say that pooling makes a network *invariant*: its answer stays when
# the picture moves. You will see what is true about this, what is not, and which other property is exactly true.
#
# ## First a detector
#
# What do we pool? Not pixels, in a network, but the answers of a filter. Four small filters look at a photograph, each
# for edges of one direction. Grey is 0: no answer. White is a strong answer, black a strong answer *with the wrong
# sign*: dark where the filter hopes for bright.
#
# > **Predict.** ReLU replaces each negative number by 0. What part of the numbers will be 0 afterwards? What if we
# > demand that an answer exceed some threshold first, that is, if we add a negative bias?

# %% mystnb={"image": {"alt": "Two rows of four maps of a photo of a man with a camera. Upper row, grey for zero: edges in four directions appear white on one side and black on the other. Lower row, after the bias and ReLU: black almost everywhere, with thin bright strokes where edges of that direction and sign are."}}
photo = data.photo("camera", 96, gray=True)[None].double() / 255  # (1, 1, 96, 96)
sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
diagonal = torch.tensor([[0.0, 1, 2], [-1, 0, 1], [-2, -1, 0]], dtype=torch.float64)
edge_filters = torch.stack([sobel, sobel.T, diagonal, torch.rot90(diagonal)])[:, None] / 4  # (4, 1, 3, 3)
maps = F.conv2d(photo, edge_filters)  # the filter stage: linear
detected = F.relu(maps - 0.1)  # the detector stage: a threshold, and nothing below it

span = maps.abs().max()
plotting.image_grid(
    torch.cat([0.5 + maps[0] / (2 * span), detected[0] / span]),
    titles=[f"filter {k}" for k in range(4)] + ["after bias and ReLU"] * 4,
    columns=4,
    size=1.7,
    vmin=0,
    vmax=1,
)

# %% tags=["nbval-check-output"]
for bias in (0.0, -0.1, -0.3):
    silent = (F.relu(maps + bias) == 0).double().mean().item()
    print(f"bias {bias:4.1f}: smallest answer {F.relu(maps + bias).min():.0f}, silent at {silent:.0%} of the places")
assert (maps < 0).any()
assert (detected >= 0).all()
assert (detected == 0).double().mean() > 0.7
assert (F.relu(maps) == 0).double().mean() < (detected == 0).double().mean()

# %% [markdown]
# About half of the numbers without a bias, most of them with one: the map is *sparse*. Few places speak, and what they say
# is "here is my edge".
#
# <span id="c146"></span>A word about names. A layer of a convolutional network is often drawn as three stages: filter,
# nonlinearity, pooling. The lecture calls the first two together the *detector*. The book that it follows
# ([Goodfellow et al., 2016](../book/references.md#goodfellow-2016), section 9.3) gives this name to the second stage
# alone, the nonlinearity. Both ways of speaking are in use. The part that decides is the same: a filter only measures, and
# it is the threshold that says yes or no.
#
# ## The largest of four
#
# Now pool. Slide a window of side $k$ over the map in steps of $s$ (the [stride](../book/notation.md)), and keep only the
# largest number in it. With $V$ for the input map and $Z$ for the output, for every channel $c$ alone:
#
# $$ Z_{c,i,j} = \max_{0 \le u, v < k} V_{c,\, s i + u,\, s j + v} . \tag{5.61} $$
#
# Why the largest? The map says "here is my edge". The maximum over a window answers "is there such an edge *somewhere*
# in this window?", and forgets where.
#
# The formula is four loops. Write them first; the library's version must give the same numbers.

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.max_pool import max_pool, max_pool_backward


def max_pool_by_hand(v, k, s):
    channels, height, width = v.shape
    rows, columns = (height - k) // s + 1, (width - k) // s + 1
    z = np.empty((channels, rows, columns))
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                z[c, i, j] = max(v[c, s * i + u, s * j + w] for u in range(k) for w in range(k))
    return z


answers = detected[0].numpy()
for k, s in ((2, 2), (3, 2), (3, 1), (5, 3)):
    by_hand = max_pool_by_hand(answers, k, s)
    ours = max_pool(answers[None], k, s).values[0]
    theirs = F.max_pool2d(detected, k, s)[0].numpy()
    assert np.array_equal(by_hand, ours)
    assert np.array_equal(by_hand, theirs)
    print(f"window {k}, stride {s}: {answers.shape} -> {by_hand.shape}, all three agree")

# %% [markdown]
# **Backward.** In training a gradient arrives at each pooled number: "a little more of this would help". Where does it go?
# Move one input by a tiny amount. If it is the largest in its window, the output moves with it, slope 1. If not, nothing
# happens, slope 0. So the whole gradient $g$ goes to the winner, and the others get nothing:
#
# $$ \frac{\partial L}{\partial V_{c,r,q}} = \sum_{(i,j):\ (r,q)\ \text{wins window}\ (i,j)} g_{c,i,j} . \tag{5.62} $$
#
# The forward pass must therefore remember *where* each winner stood. A place can win in several windows when they
# overlap; then it collects the sum.
#
# > **Predict.** Below, gradients 1 to 9 arrive at the nine outputs. Before you look at the right panel, say which cells of
# > the $6 \times 6$ input receive something.

# %% mystnb={"image": {"alt": "Three tables of numbers. Left: a 6 by 6 part of the digit 3 with nine outlined 2 by 2 windows and a ring around the largest number of each. Middle: the 3 by 3 maxima. Right: the gradient, zero everywhere except at the ringed cells, which hold 1 to 9."}}
patch = (three[None, :, 1:7, 1:7] * 16 / 255).round().numpy()  # (1, 1, 6, 6), the digit in steps of 16
small = max_pool(patch, 2)
arriving = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
routed = max_pool_backward(arriving, small.winners, 6, 6)

figure, panels = plt.subplots(1, 3, figsize=(7, 2.9), width_ratios=[2, 1.1, 2])
squares = [(2 * i, 2 * j, 2) for i in range(3) for j in range(3)]
number_table(
    panels[0],
    patch[0, 0],
    windows=squares,
    rings=[divmod(int(w), 6) for w in small.winners.ravel()],
    title="input, winners ringed",
)
number_table(panels[1], small.values[0, 0], title="maxima")
number_table(panels[2], routed[0, 0], windows=squares, title="gradient")
plt.show()

# %% tags=["nbval-check-output"]
tensor = torch.tensor(patch, requires_grad=True)
F.max_pool2d(tensor, 2).backward(torch.tensor(arriving))
assert np.array_equal(tensor.grad.numpy(), routed)
assert routed.sum() == arriving.sum() == 45
assert (routed > 0).sum() == 9

overlapping = max_pool(patch, 3, 1)
collected = max_pool_backward(np.ones((1, 1, 4, 4)), overlapping.winners, 6, 6)
print(f"windows of 3 at stride 1: 16 gradients of 1 arrive, {int((collected > 0).sum())} cells share them")
print(f"the busiest cell wins {collected.max():.0f} windows")
assert collected.sum() == 16
assert collected.max() > 1

# %% [markdown]
# What if two cells are equally large? The slope is then not defined, and one must choose. Our loops and PyTorch's
# `max_pool2d` take the first one, row by row. (`torch.amax` shares the gradient among the equals instead. Both are
# legitimate; do not mix them up in a gradient check.)
#
# Ties sound rare. After a ReLU they are the rule: every window without any detection holds four zeros.

# %% tags=["nbval-check-output"]
quiet = (F.max_pool2d(detected, 2) == 0).double().mean().item()
print(f"windows of four zeros: {quiet:.0%}")

drive = (maps - 0.1).clone().requires_grad_()
before_relu = torch.autograd.grad(F.max_pool2d(F.relu(drive), 2).sum(), drive)[0]
silent_windows = F.max_pool2d(detected, 2).repeat_interleave(2, 2).repeat_interleave(2, 3) == 0
assert quiet > 0.4
assert (before_relu[silent_windows] == 0).all()
print("gradient that passes both the pooling and the ReLU of such a window: 0, whoever won the tie")

# %% [markdown]
# The tie among zeros is harmless: the gradient goes to one of them, and the ReLU in front stops it there. Ties among
# saturated pixels are not so lucky, but they are rarer.
#
# <span id="c127"></span>Note what is absent: weights. Pooling has none, nothing is learned. One famous layer called pooling
# is the exception. LeNet-5's *subsampling* adds up each $2 \times 2$ block, multiplies by a learned number and adds a
# learned bias, one pair per channel:

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.average_pool import average_pool, averaging_kernel, subsample, sum_pool

layers = [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.AdaptiveAvgPool2d(1), nn.MaxPool2d(3, 2)]
assert all(sum(p.numel() for p in layer.parameters()) == 0 for layer in layers)
for name, channels in (("S2", 6), ("S4", 16)):
    scale, bias = np.full(channels, 0.25), np.zeros(channels)
    out = subsample(np.ones((1, channels, 4, 4)), scale, bias)
    assert out.shape == (1, channels, 2, 2)
    print(f"LeNet-5 {name}: {channels} channels, {scale.size + bias.size} parameters")
assert (2 * 6, 2 * 16) == (12, 32)

# %% [markdown]
# ## The average, the sum, and everything between
#
# The oldest choice is the mean of the window:
#
# $$ Z_{c,i,j} = \frac{1}{k^2} \sum_{0 \le u, v < k} V_{c,\, s i + u,\, s j + v} . \tag{5.63} $$
#
# <span id="c130"></span>For $k = s = 2$ this is the lecture's "a quarter of the sum of the four". *Sum pooling* leaves out the
# division, so it is the average times $k^2$.
#
# <span id="c124"></span>Look at the formula again: a weighted sum over a window, with the same weights everywhere. That is a
# convolution! Its kernel holds $1/k^2$ in every cell, its stride is $s$, and it treats each channel alone
# ([depthwise](../book/glossary.md#depthwise-convolution)). The figure below is set to exactly that: kernel of quarters,
# stride 2, a digit. Step through the output cells and read the sums. Then try to change the four weights so that the
# output becomes the *largest* of the four, everywhere. Give up after a minute, and remember why.

# %%
ConvolutionExplorer(picture_preset="digit", kernel=[[0.25, 0.25], [0.25, 0.25]], stride=2)

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
batch = rng.normal(size=(2, 3, 8, 8))
quarters = torch.tensor(averaging_kernel(3, 2))  # (3, 1, 2, 2)
depthwise = F.conv2d(torch.tensor(batch), quarters, stride=2, groups=3).numpy()
four = batch.reshape(2, 3, 4, 2, 4, 2)
by_formula = (four[:, :, :, 0, :, 0] + four[:, :, :, 1, :, 0] + four[:, :, :, 0, :, 1] + four[:, :, :, 1, :, 1]) / 4

assert np.allclose(average_pool(batch, 2), F.avg_pool2d(torch.tensor(batch), 2), atol=1e-12)
assert np.allclose(average_pool(batch, 2), depthwise, atol=1e-12)
assert np.allclose(average_pool(batch, 2), by_formula, atol=1e-12)
assert np.allclose(sum_pool(batch, 2), 4 * average_pool(batch, 2), atol=1e-12)
print("average pooling = library = depthwise convolution with quarters = a quarter of the sum of four")

mixing = quarters.expand(3, 3, 2, 2)  # the same weights without groups: every output adds up all channels
mixed = F.conv2d(torch.tensor(batch), mixing, stride=2).numpy()
print("an ordinary convolution with these weights is the same:", np.allclose(mixed, depthwise))
assert not np.allclose(mixed, depthwise)

# %% [markdown]
# So the lecture's statement "average pooling is a $k \times k$ strided convolution with weights $1/k^2$" is true once you
# add the word *depthwise*. And its gradient is what the gradient of that convolution is: each arriving gradient is shared out in
# equal parts over its window.
#
# Between the average, which listens to all, and the maximum, which listens to one, lies a whole family. Raise the
# numbers to a power $p$, add them up, take the root:
#
# $$ Z_{c,i,j} = \Big( \sum_{0 \le u, v < k} |V_{c,\, s i + u,\, s j + v}|^p \Big)^{1/p},
#    \qquad \frac{\partial Z}{\partial V} = \operatorname{sign}(V) \left( \frac{|V|}{Z} \right)^{p-1} . \tag{5.64} $$
#
# With $p = 1$ it is the sum of the sizes. With $p = 2$ it is the length of the window as a vector: *L2 pooling*, the third on the lecture's
# list. Look at the slope: with $p = 2$ each cell gets a share in proportion to its size. As $p$ grows, the shares of all but the
# largest shrink to nothing, and the gradient routes itself to the winner.

# %% mystnb={"image": {"alt": "Three curves of the pooled value against the power p from 1 to 64 on a log axis, divided by the window's largest value: each starts at the mean of its window, between 0.25 and 0.7, and rises towards 1. The window with one large value starts lowest."}}
from course_utils.scratch.pooling.lp_pool import lp_pool, lp_pool_backward

windows = {
    "one large, three small": [1.0, 0.0, 0.0, 0.0],
    "two large": [1.0, 0.9, 0.1, 0.0],
    "mixed": [1, 0.8, 0.6, 0.4],
}
powers = np.geomspace(1, 64, 40)
figure, axes = plt.subplots(figsize=(7, 2.6))
for (name, cells), marker in zip(windows.items(), "os^"):
    window = np.array(cells, dtype=float).reshape(1, 1, 2, 2)
    # Divided by the number of cells inside the root, p = 1 is the mean rather than the sum.
    height = [lp_pool(window, 2, p=p).item() / 4 ** (1 / p) for p in powers]
    axes.plot(powers, height, marker=marker, markevery=6, label=f"{name}: mean {window.mean():.3g}")
axes.set(xscale="log", xlabel="power p", ylabel="pooled value", title="From the mean to the maximum", ylim=(0.2, 1.03))
axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
axes.minorticks_off()
axes.legend(loc="lower right")
plt.show()

# %% tags=["nbval-check-output"]
probe = torch.tensor(batch, requires_grad=True)
pooled_l2 = F.lp_pool2d(probe, 2.0, 3, 2)
pull = torch.randn(pooled_l2.shape, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
pooled_l2.backward(pull)
assert np.allclose(lp_pool(batch, 3, 2), pooled_l2.detach(), atol=1e-12)
assert np.allclose(lp_pool_backward(pull.numpy(), batch, 3, 2), probe.grad, atol=1e-12)
print("L2 pooling and its gradient agree with the library")

cells = np.array([[[[3.0, 4.0], [0.0, 0.0]]]])
for p in (1, 2, 8, 50):
    shares = lp_pool_backward(np.ones((1, 1, 1, 1)), cells, 2, p=p)[0, 0, 0]
    print(f"p = {p:2d}: value {lp_pool(cells, 2, p=p).item():.3f}, slopes for 3 and 4: {shares[0]:.3f} {shares[1]:.3f}")

# %% [markdown]
# Last on the list: the *weighted* average. The box of equal weights has hard edges: a bright pixel that crosses the border of its
# window jumps from full weight to none. A small bell is gentler. Take a row of Pascal's triangle, $(1, 2, 1)$, divide by 4,
# multiply it with itself, and let the windows overlap:

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.blur_pool import binomial_kernel, blur_pool, max_blur_pool, weighted_pool

bell = binomial_kernel(3)
print(bell * 16, "/ 16")
as_conv = F.conv2d(torch.tensor(batch), torch.tensor(bell).expand(3, 1, 3, 3), stride=2, groups=3)
assert np.allclose(weighted_pool(batch, bell, stride=2), as_conv, atol=1e-12)
assert np.allclose(weighted_pool(batch, binomial_kernel(2), stride=2), average_pool(batch, 2), atol=1e-12)
print("blur pooling is a fixed depthwise convolution; with the row (1, 1) it is average pooling")

# %% [markdown]
# ## Is pooling a convolution?
#
# <span id="c125"></span>The first lecture says so in one breath for both: pooling is "similar to strided convolution with special
# non-trainable filter". For the average it is exact, as you saw. For the maximum there is a test that takes ten seconds. A
# convolution is linear: what it makes of a sum is the sum of what it makes of the parts.

# %% tags=["nbval-check-output"]
left_half, right_half = np.array([[[[1.0, 0.0], [0.0, 0.0]]]]), np.array([[[[0.0, 1.0], [0.0, 0.0]]]])
for name, pool in (("average", lambda v: average_pool(v, 2)), ("maximum", lambda v: max_pool(v, 2).values)):
    together, apart = pool(left_half + right_half).item(), pool(left_half).item() + pool(right_half).item()
    print(f"{name}: of the sum {together}, sum of both {apart}")
assert max_pool(left_half + right_half, 2).values.item() == 1
assert max_pool(left_half, 2).values.item() + max_pool(right_half, 2).values.item() == 2

# %% [markdown]
# 1 is not 2, so no choice of weights whatever turns a convolution into a maximum. That is why you had to give up above.
#
# <span id="c126"></span>A later slide says that average and max pooling "can be written in terms of convolutions", with a reference to
# [Saxena and Verbeek (2016)](../book/references.md#saxena-verbeek-2016). Their networks have ReLUs between the convolutions, and then
# it becomes true. The key is an identity for two numbers:
#
# $$ \max(a, b) \;=\; \underbrace{\operatorname{relu}(b) - \operatorname{relu}(-b)}_{=\,b} \;+\; \underbrace{\operatorname{relu}(a - b)}_{\text{what } a \text{ has more}} . \tag{5.65} $$
#
# Inside the ReLUs stand $b$, $-b$ and $a - b$: linear in the inputs, so a strided convolution with three filters gives them. Outside
# stands a sum with signs $+, -, +$: a $1 \times 1$ convolution. One such level takes the larger of each horizontal pair, a
# second one of each vertical pair.

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.max_by_relu import join_filters, max_by_relu, max_pool_by_convolutions, pair_filters

a, b = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
assert torch.allclose(max_by_relu(a, b), torch.maximum(a, b), rtol=0, atol=1e-14)
built = max_pool_by_convolutions(maps)
assert torch.allclose(built, F.max_pool2d(maps, 2), rtol=0, atol=1e-14)
print("the three filters on a pair (a, b):", pair_filters(1, vertical=False).reshape(3, 2).tolist())
print("and how the rectified maps are joined:", join_filters(1).flatten().tolist())
print(f"four maps of a photo, two levels: {tuple(maps.shape)} -> {tuple(built.shape)}, equal to max pooling")

# %% [markdown]
# So the honest sentence is: average pooling *is* a (depthwise, strided) convolution; max pooling is *two levels of* convolution,
# ReLU and convolution, with three times the channels in between. The ReLU is not decoration. Exercise 2 asks what happens without it.
#
# ## Does it stand still?
#
# Back to the promise. All five lectures say that pooling gives invariance to small translations. "Invariant" is a strong
# word: *the output does not change*. So let us count. Move the picture by one pixel, pool before and after, and ask which part of the
# pooled numbers are exactly the same.
#
# > **Predict.** Take an image of random numbers, nothing but noise. $2 \times 2$ max pooling. Which part of the outputs survives a
# > shift by one pixel? More for $3 \times 3$ windows, or less?
#
# You can work it out on paper. The window moves by $d$ pixels. Old and new window share $k(k - d)$ cells. Together they cover
# $k(k + d)$ cells. The largest of all these cells is equally likely to be any of them. If it lies in the shared part, both windows have the same maximum. If
# not, one window has it and the other does not. So
#
# $$ P(\text{unchanged}) = \frac{k(k-d)}{k(k+d)} = \frac{k - d}{k + d} . \tag{5.66} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.equivariance.shifts import (
    expected_unchanged,
    nearest_roll_gap,
    relative_change,
    roll,
    shift_gap,
    unchanged_fraction,
)

noise = torch.rand(1, 1, 240, 240, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
for k, s in ((2, 2), (3, 1), (3, 2), (5, 1), (8, 8)):
    before, after = F.max_pool2d(noise, k, s), F.max_pool2d(roll(noise, (0, 1)), k, s)
    counted = unchanged_fraction(before, after)
    print(f"{k}x{k} windows, stride {s}: predicted {expected_unchanged(k):.3f}, counted {counted:.3f}")
    assert abs(counted - expected_unchanged(k)) < 0.03
for d in (1, 2, 3):
    counted = unchanged_fraction(F.max_pool2d(noise, 3, 1), F.max_pool2d(roll(noise, (0, d)), 3, 1))
    print(f"3x3 windows, shift {d}: predicted {expected_unchanged(3, d):.3f}, counted {counted:.3f}")

# %% [markdown]
# <span id="c128"></span>A third for $2 \times 2$, a half for $3 \times 3$, nothing once the shift is as large as the window. Two of three numbers change under
# the smallest shift there is. That is *tolerance*, not invariance, and it ends with the window.
#
# Exact equality is a harsh judge: an average almost never stays the same exactly, but it may change little. So measure two things on the detected
# edges of the photograph: which part stays the same, among the places that speak before or after; and how large the change is, in units of the map
# itself.

# %% tags=["nbval-check-output"]
random_filter = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
wrapped = F.relu(F.conv2d(F.pad(photo, (1, 1, 1, 1), mode="circular"), edge_filters) - 0.1)  # (1, 4, 96, 96)
ways = {
    "every second pixel": lambda v: v[..., ::2, ::2],
    "max 2x2, stride 2": lambda v: F.max_pool2d(v, 2),
    "max 3x3, stride 2": lambda v: F.max_pool2d(v, 3, 2),
    "average 2x2, stride 2": lambda v: F.avg_pool2d(v, 2),
    "blur 3x3, stride 2": lambda v: torch.tensor(blur_pool(v.numpy())),
    "max 2x2, then blur": lambda v: torch.tensor(max_blur_pool(v.numpy())),
    "max 3x3, then blur": lambda v: torch.tensor(max_blur_pool(v.numpy(), kernel_size=3)),
}
print("detected edges, moved by one pixel     unchanged   size of the change")
change = {}
for name, way in ways.items():
    before, after = way(wrapped), way(roll(wrapped, (0, 1)))
    change[name] = relative_change(before, after)
    speaks = (before > 0) | (after > 0)  # two zeros are equal for free
    print(f"  {name:34s} {unchanged_fraction(before[speaks], after[speaks]):8.0%} {change[name]:14.2f}")
assert change["max 2x2, then blur"] < change["max 2x2, stride 2"] < change["every second pixel"]
assert change["max 3x3, then blur"] < change["max 3x3, stride 2"] < change["max 2x2, stride 2"]
assert change["blur 3x3, stride 2"] < change["average 2x2, stride 2"] < change["every second pixel"]

# %% [markdown]
# Read the last column. Throwing away three of four pixels is the worst, and that is what a strided convolution does. Every kind of pooling is
# better, and a larger window is better than a small one. The average keeps no number, and still changes less than no pooling at all. And for both
# windows the order "maximum at every place first, *then* blur, then throw away" ([Zhang, 2019](../book/references.md#zhang-2019)) is calmer than
# the maximum alone. The reason is a theorem as old as digital sound: whoever keeps every second number must first remove what wiggles faster than
# that. A blur does this. The maximum does not.
#
# <span id="c123"></span>One lecture names "invariance to local translation" as a purpose of *stride* as well. Test it on its own. A
# convolution with stride 2 before and after a shift by one pixel: is the second output equal to the first, or at least to the first moved
# by *some* amount? Try every amount.


# %% tags=["nbval-check-output"]
def every_second(v):
    return F.conv2d(F.pad(v, (1, 1, 1, 1), mode="circular"), random_filter, stride=2)


size = every_second(photo).abs().max().item()
for shift in ((0, 1), (0, 2), (1, 1), (2, 4)):
    gap, best = nearest_roll_gap(every_second, photo, shift)
    verdict = f"equals the old one rolled by {best}" if gap < 1e-12 else f"no roll fits: at best {gap / size:.0%} off"
    print(f"picture moved by {shift}: the output {verdict}")
assert nearest_roll_gap(every_second, photo, (0, 1))[0] > 0.1 * size
assert nearest_roll_gap(every_second, photo, (0, 2))[0] < 1e-12

# %% [markdown]
# Stride gives no invariance. It *loses* something that the convolution had: after a shift by an odd number the output is not even a
# moved copy of what it was. What had the convolution?
#
# ## What moves along: equivariance
#
# <span id="c132"></span>Two lectures call convolution "shift-invariant" or "translation invariant processing". The output of a convolution is not invariant:
# move the picture, and the map moves too. <span id="c133"></span>The right word, which other slides use, is
# [equivariant](../book/glossary.md#equivariance). Write $T_d$ for "move by $d$". Then $f$ is equivariant to translation if
#
# $$ f(T_d\, x) = T_d\, f(x) \qquad \text{for every } x \text{ and every shift } d : \tag{5.67} $$
#
# it makes no difference whether you move first or filter first. (Invariant would be $f(T_d\, x) = f(x)$.) For a
# convolution the proof is one line. The output at $i$ is $\sum_u K_u\, x_{i+u}$. Moved picture: replace $x_i$ by $x_{i-d}$
# everywhere, and get $\sum_u K_u\, x_{i-d+u}$. That is the old output at $i - d$.
#
# The line used one thing silently: that $x_{i-d+u}$ exists. On a circle it always does: what leaves on the right enters on the left.

# %% mystnb={"image": {"alt": "Photo of a cat's face. Upper row: the photo rolled to the side, then filtered. Lower row: filtered, then rolled. The two results look the same, and the difference is black everywhere; the text says that the largest difference is none."}}
cat = data.photo("cat", 64, gray=True)[None].double() / 255
kernel = torch.randn(1, 1, 5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
kernel = kernel - kernel.mean()  # sums to 0: flat areas give no answer


def circular(v, stride=1):
    return F.conv2d(F.pad(v, (2, 2, 2, 2), mode="circular"), kernel, stride=stride)


def padded(v, stride=1):
    return F.conv2d(v, kernel, padding=2, stride=stride)


def orders(layer, move, name, layer_name="filter", move_output=None):
    """Both orders of a move and a layer, as a picture."""
    first, second = layer(move(cat)), (move_output or move)(layer(cat))
    return two_orders(
        cat[0, 0].numpy(),
        (move(cat)[0, 0].numpy(), first[0, 0].numpy()),
        (layer(cat)[0, 0].numpy(), second[0, 0].numpy()),
        move=name,
        layer=layer_name,
    )


orders(circular, lambda v: roll(v, (6, 20)), "roll")

# %% [markdown]
# > **Predict.** Real layers do not live on a circle: they pad with zeros. Where in the map will the two orders differ now?

# %% mystnb={"image": {"alt": "The same two rows with zero padding in place of the circle. The results agree inside; the difference shows thin bright lines where the border of the picture was before and after the roll."}}
orders(padded, lambda v: roll(v, (6, 20)), "roll")

# %% tags=["nbval-check-output"]
inner = shift_gap(padded, cat, (6, 20)).abs()[..., 8:-2, 22:-2]  # further than 2 from every old and new border
print(f"on the circle:  largest difference below 1e-12: {bool(shift_gap(circular, cat, (6, 20)).abs().max() < 1e-12)}")
print(f"zero padding:   largest difference {shift_gap(padded, cat, (6, 20)).abs().max():.1f}")
print(f"   away from the borders below 1e-12: {bool(inner.max() < 1e-12)}")
for shift in ((1, 0), (0, 1), (-7, 13), (31, 40)):
    assert shift_gap(circular, cat, shift).abs().max() < 1e-12
assert shift_gap(padded, cat, (6, 20)).abs().max() > 1
assert inner.max() < 1e-12

# %% [markdown]
# Lines at the borders, nothing inside. "Pay attention to the boundary conditions", says a footnote in the lecture; here they are. And with
# a stride of 2, the best that any shift of the output can do for an odd shift of the picture:

# %% mystnb={"image": {"alt": "Filtering with stride 2. Upper row: the photo moved by one pixel, then filtered to a map of half the size. Lower row: filtered, then moved by the roll that fits best. The difference is speckled everywhere along edges and whiskers."}}
nearest = nearest_roll_gap(lambda v: circular(v, 2), cat, (0, 1))[1]
orders(
    lambda v: circular(v, 2),
    lambda v: roll(v, (0, 1)),
    "roll",
    "filter, stride 2",
    move_output=lambda v: roll(v, nearest),
)

# %% [markdown]
# Stride $s$ leaves equivariance to shifts by multiples of $s$ alone, and then the output moves by $d/s$:
#
# $$ f_s(T_{s d}\, x) = T_d\, f_s(x) . \tag{5.68} $$
#
# Which layers keep the property, and which lose it? One table, on the circle, with the largest difference in units of the output:

# %% tags=["nbval-check-output"]
suspects = {
    "convolution": (circular, 1),
    "bias and ReLU": (lambda v: F.relu(v - 0.3), 1),
    "3x3 max pooling, stride 1": (lambda v: F.max_pool2d(F.pad(v, (1, 1, 1, 1), mode="circular"), 3, 1), 1),
    "all three in a row": (
        lambda v: F.max_pool2d(F.pad(F.relu(circular(v)), (1, 1, 1, 1), mode="circular"), 3, 1),
        1,
    ),
    "convolution, stride 2": (lambda v: circular(v, 2), 2),
    "2x2 max pooling, stride 2": (lambda v: F.max_pool2d(v, 2), 2),
    "2x2 average, stride 2": (lambda v: F.avg_pool2d(v, 2), 2),
}
print("largest difference, in units of the output   odd shift   even shift")
for name, (layer, stride) in suspects.items():
    scale = layer(cat).abs().max().item()
    odd = nearest_roll_gap(layer, cat, (0, 1))[0] if stride == 2 else shift_gap(layer, cat, (3, 1)).abs().max().item()
    even = shift_gap(layer, cat, (4, 2), stride).abs().max().item()
    print(f"  {name:40s} {odd / scale:10.2f} {even / scale:12.2f}")
    assert even < 1e-12
    assert (odd < 1e-12) == (stride == 1)

# %% [markdown]
# Max pooling with stride 1 is perfectly equivariant. It is never the *maximum* that breaks the property, it is the step that throws places away.
#
# ## Turning and zooming
#
# <span id="c134"></span>The lecture adds that convolution is equivariant neither to rotation nor to scaling. A quarter turn is the fairest test: `rot90`
# moves pixels to pixels, and nothing is interpolated.

# %% mystnb={"image": {"alt": "Upper row: the cat's face turned by 90 degrees, then filtered with a random kernel. Lower row: filtered, then turned. The two results show edges of different directions, and the difference is bright along the whiskers and eyes."}}
orders(padded, lambda v: torch.rot90(v, 1, (2, 3)), "turn")

# %% [markdown]
# The filter was made for edges of one direction. Turn the picture, and those edges have another direction: the filter does not find them any
# more.
#
# > **Predict.** Is there any kernel that passes this test? What must be true of its weights?

# %% tags=["nbval-check-output"]
from course_utils.scratch.equivariance.rotations import (
    enlarge,
    is_turn_symmetric,
    isotropic_kernel,
    move_gap,
    quarter_turn_gap,
    turn,
)

mexican_hat = isotropic_kernel(7, lambda r: (1 - (r / 1.4) ** 2 / 2) * torch.exp(-((r / 1.4) ** 2) / 2))
mexican_hat = mexican_hat - mexican_hat.mean()  # still a function of the distance alone
kernels = {"random": kernel[0, 0], "depends on the distance alone": mexican_hat}


def filter_with(weights):
    return lambda v: F.conv2d(v, weights[None, None], padding=len(weights) // 2)


print("relative difference of the two orders     90 degrees   30 degrees   zoom 1.5")
for name, weights in kernels.items():
    layer = filter_with(weights)
    quarter = (quarter_turn_gap(layer, cat).norm() / layer(cat).norm()).item()
    slanted = move_gap(layer, cat, lambda v: turn(v, 30), margin=20)
    zoomed = move_gap(layer, cat, lambda v: enlarge(v, 1.5), margin=12)
    print(f"  {name:36s} {quarter:12.2f} {slanted:12.2f} {zoomed:10.2f}")
    assert (quarter < 1e-12) == is_turn_symmetric(weights)
    assert zoomed > 0.3

# %% [markdown]
# A kernel whose weights depend only on the distance from its centre looks the same after a quarter turn, and so it cannot tell the two orders apart: exactly
# 0. At 30 degrees it does far better than the random one, but not perfectly: turned pixels must be interpolated, and a $7 \times 7$ grid is
# no disc. Against zooming it has no defence: a spot twice as large asks for a kernel twice as large. So the lecture is right about generic kernels, and symmetric ones are the exception.
#
# But such a kernel pays a price: it is blind to direction. Can we have both, filters that see directions *and* an answer that does not mind a turn?
#
# ## Learned invariance: pool over channels
#
# So far the window was a piece of the *map*. Make it a piece of the *channel list* instead. Take a filter and its three quarter turns, and keep the
# largest of the four answers at each place. Turn the picture: the four answers swap roles, and their maximum stays.

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.channel_pool import channel_max_pool, rotated_bank

bank = torch.tensor(rotated_bank(kernel.numpy()))  # (4, 1, 5, 5): the four turns of one filter


def best_of_four(v):
    return torch.tensor(channel_max_pool(F.conv2d(v, bank, padding=2).numpy(), 4).values)


single = (quarter_turn_gap(padded, cat).norm() / padded(cat).norm()).item()
pooled_over_turns = quarter_turn_gap(best_of_four, cat).abs().max().item()
peaks = [best_of_four(torch.rot90(cat, turns, (2, 3))).max().item() for turns in range(4)]
print(f"one filter:                relative difference {single:.2f}")
print(f"maximum over four turns:   largest difference below 1e-12: {pooled_over_turns < 1e-12}")
print("strongest answer in the picture, turned by 0, 90, 180, 270:", [round(peak, 3) for peak in peaks])
assert single > 0.3
assert pooled_over_turns < 1e-12
assert max(peaks) - min(peaks) < 1e-12

# %% [markdown]
# <span id="c154"></span>This bank was built by hand. The lecture claims more: pooling across channels *can learn* invariances. Then nobody may tell the network about
# turns. Let it see digits in four orientations, with nothing but the class as a target. Each class has a group of four filters, free to become
# anything; the score of the class is the largest of the four answers. The competitor has one filter for each class, and a third one has
# four filters and takes their *average*.
#
# > **Predict.** Will the average of four filters beat one filter?

# %% tags=["band-turns"]
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything

TURNED_CLASSES = (1, 2, 3, 4, 5, 7, 9)  # 0 and 8 hardly change when turned, and a turned 6 is a 9


def in_four_turns(part):
    """Digits with mean 0 and length 1, each in its four quarter turns: (N, 4, 1, 8, 8), and their classes."""
    images = data.load("digits", part)
    kept = torch.isin(images.labels, torch.tensor(TURNED_CLASSES))
    x = images.images[kept].float()
    x = x - x.mean((2, 3), keepdim=True)
    x = x / x.norm(dim=(2, 3), keepdim=True)
    y = torch.tensor([TURNED_CLASSES.index(int(label)) for label in images.labels[kept]])
    return torch.stack([torch.rot90(x, turns, (2, 3)) for turns in range(4)], dim=1), y


def group_scores(x, filters, pool):
    answers = F.conv2d(x, filters).view(len(x), len(TURNED_CLASSES), -1)  # (N, classes, group)
    return answers.amax(dim=2) if pool == "max" else answers.mean(dim=2)


def train_groups(x, y, group, pool, seed, epochs=40):
    seed_everything(seed)
    filters = torch.nn.functional.normalize(torch.randn(len(TURNED_CLASSES) * group, 64), dim=1)
    filters = filters.view(-1, 1, 8, 8).requires_grad_()
    optimizer = torch.optim.Adam([filters], lr=1e-2, weight_decay=1e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(64):
            turns = torch.randint(0, 4, (len(chosen),))
            loss = F.cross_entropy(6 * group_scores(x[chosen, turns], filters, pool), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return filters.detach()


turned_x, turned_y = in_four_turns("train")
turned_test, turned_labels = in_four_turns("test")
turns_result, learned = {}, {}
for name, group, pool in (("one filter", 1, "max"), ("average of four", 4, "mean"), ("maximum of four", 4, "max")):
    learned[name] = train_groups(turned_x, turned_y, group, pool, SEED)
    guesses = group_scores(turned_test.flatten(0, 1), learned[name], pool).argmax(dim=1).view(-1, 4)
    turns_result[name] = (guesses == turned_labels[:, None]).float().mean().item()

# How much do the answers for the right class vary while a digit turns? Single filters against their maximum.
answers = F.conv2d(turned_test.flatten(0, 1), learned["maximum of four"]).view(len(turned_test), 4, -1, 4)
own = answers[torch.arange(len(turned_test)), :, turned_labels]  # (N, turns, group)
turns_result["variation kept"] = (own.amax(dim=2).std(dim=1).mean() / own.std(dim=1).mean()).item()
turns_result["filters used"] = torch.tensor([len(set(w)) for w in own.argmax(dim=2).tolist()]).float().mean().item()

# %%
for name, value in turns_result.items():
    print(f"{name:16s} {value:.3f}    band: {band('05c_pooling.turns', name)}")
    assert band("05c_pooling.turns", name).contains(value, slack=0.02 if name != "filters used" else 0.5)
assert band("05c_pooling.turns", "maximum of four").minimum > band("05c_pooling.turns", "average of four").maximum
assert band("05c_pooling.turns", "variation kept").maximum < 0.5

# %% mystnb={"image": {"alt": "Four learned 8 by 8 filters of one class and a test digit in four orientations; bars show each filter's response to each orientation. Different filters win for different orientations, and the maximum, a black mark, stays at nearly the same height while the single responses rise and fall, some below zero."}}
winners = own.argmax(dim=2)  # (N, turns): which filter of its group answers most to a digit in each orientation
used = torch.tensor([len(set(row)) for row in winners.tolist()])
by_class = torch.stack([used[turned_labels == k].double().mean() for k in range(len(TURNED_CLASSES))])
member = int(by_class.argmax())  # the class whose group shares the work most
shown = int(((turned_labels == member) * used).argmax())
group_of_four = learned["maximum of four"].view(len(TURNED_CLASSES), 4, 8, 8)[member]
responses = torch.einsum("phw,ghw->pg", turned_test[shown, :, 0], group_of_four)
print("winners for the four orientations, mean number by class:")
print({digit: round(mean.item(), 1) for digit, mean in zip(TURNED_CLASSES, by_class)})
filter_groups(group_of_four.numpy(), turned_test[shown, :, 0].numpy(), responses.numpy())

# %% [markdown]
# The average of four filters is one filter (a sum of linear things is linear): same accuracy. The maximum of four is another machine. In the picture,
# the class that shares its work most: different members answer to different orientations, and the pooled answer varies a small part as much as the
# single ones. Nobody mentioned turns. It learned *the invariance that was in the data*; had the data been stretched instead of turned, it would have learned stretching.
#
# One honest detail: a group uses as many members as it needs. A 4 looks almost the same after a quarter turn, and there one filter, itself almost symmetric, may do all
# the work. A member that never wins never gets a gradient: it stays out for ever.
# Pooling over learned channels has a name of its own, *maxout* ([Goodfellow et al., 2013](../book/references.md#goodfellow-2013)).
#
# ## All at once: global pooling
#
# Equivariant layers move the map along with the picture. Now pool over the *whole* map. Whatever the map does as it moves, the largest value on it stays
# the largest, and the mean stays the mean. Equivariance plus global pooling is invariance. <span id="c129"></span>"Full invariance to location", says the lecture. True of the pooling step, exactly:

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.global_pool import global_average_pool, global_max_pool

feature_maps = wrapped.numpy()  # (1, 4, 96, 96)
for shift in ((1, 0), (17, 40), (95, 3)):
    rolled = np.roll(feature_maps, shift, axis=(2, 3))
    assert np.array_equal(global_max_pool(rolled).values, global_max_pool(feature_maps).values)
    assert np.allclose(global_average_pool(rolled), global_average_pool(feature_maps), rtol=0, atol=1e-12)
for height, width in ((5, 9), (96, 96), (1, 1)):
    assert global_average_pool(feature_maps[:, :, :height, :width]).shape == (1, 4)
print("any roll: same maxima, same means; any height and width: four numbers")

# %% [markdown]
# And of a whole network? Put a digit on a black canvas and slide it around, never touching the border. Layers: convolution with zero padding, ReLU,
# global maximum. Then the same with stride 2, once and twice.
#
# > **Predict.** The digit can stand at 81 places. How many *different* outputs do you get with stride 1? With stride 2? With two
# > layers of stride 2?


# %% tags=["nbval-check-output"]
def tower(strides, seed=SEED):
    """Random convolutions with zero padding and ReLU, then the global maximum."""
    draw = torch.Generator().manual_seed(seed)
    weights, channels = [], 1
    for _ in strides:
        weights.append(torch.randn(6, channels, 3, 3, generator=draw, dtype=torch.float64))
        channels = 6

    def run(v):
        for w, stride in zip(weights, strides):
            v = F.relu(F.conv2d(v, w, stride=stride, padding=1))
        return v.amax(dim=(2, 3))

    return run


def distinct_outputs(network, places):
    on_canvas = torch.zeros(len(places), 1, 32, 32, dtype=torch.float64)
    for image, (r, q) in zip(on_canvas, places):
        image[0, r : r + 8, q : q + 8] = three[0] / 255
    return len(torch.unique(network(on_canvas).round(decimals=9), dim=0))


inside = [(r, q) for r in range(8, 17) for q in range(8, 17)]
touching = [(r, 0) for r in range(8, 17)] + [(0, 12), (24, 12), (24, 24), (0, 0)]
counts = {strides: distinct_outputs(tower(strides), inside) for strides in ((1,), (1, 1), (2,), (2, 2))}
for strides, count in counts.items():
    print(f"strides {strides}: 81 places, {count} different outputs")
print(f"strides (1, 1), places at the border too: {distinct_outputs(tower((1, 1)), inside + touching)}")
assert counts == {(1,): 1, (1, 1): 1, (2,): 4, (2, 2): 16}
assert distinct_outputs(tower((1, 1)), inside + touching) > 1

# %% [markdown]
# One output with stride 1: exact invariance for the whole network, as long as the object stays away from the border. Every stride of 2 multiplies the number of outputs by $2 \times 2$: it depends
# on where the object stands *relative to the grid of kept pixels*. The sentence of the lecture is true of the last layer, and not of the networks it is used in.
#
# Global pooling can also forget too much. It is blind to *every* rearrangement, not only to shifts: see [pitfall 4](#pitfalls).
#
# ## The output size first: adaptive pooling
#
# A global pool gives one number per map. Sometimes you want $6 \times 6$ of them, from whatever size comes in. *Adaptive* pooling turns the question around: you name the
# number of bins $M$, and for an axis of $N$ pixels bin $i$ covers
#
# $$ \Big\lfloor \frac{i\,N}{M} \Big\rfloor \;\le\; r \;<\; \Big\lceil \frac{(i + 1)\,N}{M} \Big\rceil , \qquad i = 0, \dots, M - 1 . \tag{5.69} $$
#
# Round down at the start, up at the end. So no pixel is left out, and where the division is not whole, neighbours share one.

# %% mystnb={"image": {"alt": "Three rows of grey squares, 13, 20 and 12 pixels, each with six coloured bars above: with 13 pixels each bar covers 3 pixels and shares one or two with its neighbours, with 20 pixels the bars are 4 wide, with 12 they are 2 wide and share nothing."}}
from course_utils.scratch.pooling.adaptive_pool import adaptive_average_pool, adaptive_max_pool, bins

figure, rows = plt.subplots(3, 1, figsize=(7, 2.6))
for axes, pixels in zip(rows, (13, 20, 12)):
    bin_rows(axes, pixels, bins(pixels, 6))
    axes.set_title(f"{pixels} pixels, 6 bins", fontsize=9, pad=1)
plt.show()

# %% tags=["nbval-check-output"]
for side in (13, 20, 41):
    sample = data.photo("coffee", side, gray=True)[None].double()
    ours = adaptive_average_pool(sample.numpy(), (6, 6))
    assert np.allclose(ours, F.adaptive_avg_pool2d(sample, 6), atol=1e-10)
    assert np.array_equal(adaptive_max_pool(sample.numpy(), (6, 6)).values, F.adaptive_max_pool2d(sample, 6))
    print(f"{side} x {side} -> {ours.shape[2]} x {ours.shape[3]}, first bins {bins(side, 6)[:3]}")

# %% [markdown]
# <span id="c131"></span>Three sizes in, one size out, equal to the library: the lecture's claim holds. Global average pooling is the case $M = 1$. (With more bins than pixels it still
# works: pixels are repeated.)
#
# ## Which one should I take?
#
# AlexNet pools $3 \times 3$ windows with stride 2, so that they overlap. LeNet's are $2 \times 2$, side by side. First the sizes and values on one map, then accuracy.

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.sizes import output_size

print("input side:          ", [55, 27, 13, 8])
print("2x2, stride 2:       ", [output_size(n, 2, 2) for n in (55, 27, 13, 8)])
print("3x3, stride 2:       ", [output_size(n, 3, 2) for n in (55, 27, 13, 8)])
print("3x3, stride 2, pad 1:", [output_size(n, 3, 2, 1) for n in (55, 27, 13, 8)])
side_by_side, overlapped = F.max_pool2d(detected, 2), F.max_pool2d(detected, 3, 2)
common = side_by_side[..., : overlapped.shape[2], : overlapped.shape[3]]
assert (overlapped >= common).all()
print(f"on the same map: the larger window is larger at {(overlapped > common).double().mean():.0%} of the places")
print(f"places that speak: {(common > 0).double().mean():.0%} and {(overlapped > 0).double().mean():.0%}")

# %% [markdown]
# On odd sides (55, 27, 13 are AlexNet's) both give the same size. On even sides the larger window needs a padding of 1. A window that contains another has a maximum at least as large.
#
# Now a race. Five networks, equal in everything (three convolutions, global average at the end, the same number of weights) except in how they halve the map, twice. They learn digits that always stand in
# the middle of a black $16 \times 16$ frame. Then we ask two questions: how many are right, and how many get the *same answer* after a shift
# by one pixel?
#
# > **Predict.** Put the five in order: stride, average, max, overlapping max, max then blur. First by accuracy, then by steadiness.

# %% tags=["band-race"]
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything
from course_utils.scratch.pooling.halving import KINDS, halving_net, steadiness
from course_utils.training import fit


def framed(part):
    """Digits in the middle of a black frame of 16x16 pixels."""
    digits = data.load("digits", part)
    return data.ImageSet(F.pad(digits.images, (4, 4, 4, 4)), digits.labels, digits.classes, f"framed {digits.name}")


race_train, race_test = framed("train"), framed("test")
race_result, racers = {}, {}


def run_race(kind):
    """Train one network and put its accuracy and steadiness down."""
    seed_everything(SEED)
    racers[kind] = halving_net(kind)
    batches = data.Batches(race_train, batch_size=64, seed=SEED)
    fit(racers[kind], batches, epochs=8, lr=1e-2, schedule="one_cycle", progress=False)
    found = steadiness(racers[kind], race_test.images.float() / 255, race_test.labels)
    race_result.update({f"{kind}: {metric}": value for metric, value in found.items()})


for kind in KINDS[:2]:  # stride and average
    run_race(kind)

# %% tags=["band-race"]
for kind in KINDS[2:4]:  # max and overlapping max
    run_race(kind)

# %% tags=["band-race"]
run_race(KINDS[4])  # max, then blur

# %%
print(f"{'':16s} {'accuracy':>9s} {'after a shift':>14s} {'same answer':>12s}")
for kind in KINDS:
    values = [race_result[f"{kind}: {metric}"] for metric in ("accuracy", "accuracy_shifted", "same_answer")]
    print(f"{kind:16s} {values[0]:9.3f} {values[1]:14.3f} {values[2]:12.3f}")
for metric, value in race_result.items():
    assert band("05c_pooling.race", metric).contains(value, slack=0.08), metric

# %% mystnb={"image": {"alt": "Five rows of dots for twenty seeds, blue for accuracy on digits where they stand, vermillion after a shift by one pixel. Stride: high accuracy, then a fall to under a half. Max and overlapping max fall less. Max then blur starts lower and falls least."}}
race = load_record("05c_pooling.race")["metrics"]
figure, axes = plt.subplots(figsize=(7, 3.2))
paired_bands(
    axes,
    KINDS,
    [race[f"{kind}: accuracy"] for kind in KINDS],
    [race[f"{kind}: accuracy_shifted"] for kind in KINDS],
)
axes.set(xlabel="test accuracy, 20 seeds", title="Where they stand (blue) and one pixel away (vermillion)", xlim=(0, 1))
plt.show()

# %%
for kind in KINDS:
    print(f"{kind:16s} accuracy {band('05c_pooling.race', f'{kind}: accuracy')}")
    print(f"{'':16s} same answer {band('05c_pooling.race', f'{kind}: same_answer')}")
wins = sum(a > b for a, b in zip(race["max overlapping: accuracy"], race["max: accuracy"]))
print(f"overlapping windows beat side by side in {wins} of {len(race['max: accuracy'])} seeds")


def median(kind, metric):
    return band("05c_pooling.race", f"{kind}: {metric}").median


assert median("stride", "same_answer") < median("max", "same_answer") < median("max, then blur", "same_answer")
assert median("max", "accuracy") < median("max overlapping", "accuracy")
assert min(KINDS, key=lambda kind: median(kind, "accuracy")) == "average"
assert wins > len(race["max: accuracy"]) / 2

# %% [markdown]
# Four findings, each over twenty seeds.
#
# - **Stride alone is the most nervous by far.** It reads digits well where it has always seen them, and most answers change when they move by one pixel: it has
#   learned the pixel grid along with the digits. So much for stride and invariance.
# - **The average reads worst.** The strokes are thin and the maps sparse; the mean of a window with one detection in it is small.
# - **Overlap helps, a little.** AlexNet's $3 \times 3$ windows read better than $2 \times 2$ in most seeds, not in all, and are clearly steadier. (Its authors report 0.4 points of top-1 error.)
# - **Blur is the steadiest, and here it is not free.** Max then blur keeps most of its answers under the shift, and reads fewer digits correctly after this short training: these maps are only 16 pixels wide, and a blur
#   takes detail that they cannot spare. (On large photographs [Zhang (2019)](../book/references.md#zhang-2019) found a gain in accuracy.) *At scale* below repeats the race on larger digits.
#
# Nothing here says that one pooling is the best. It says what each one costs.
#
# ## When the maximum wins: sparse features
#
# Is there any *theory* for max against average? [Boureau et al. (2010)](../book/references.md#boureau-2010) asked with the simplest model that one can
# analyse on paper. A feature fires or not, 1 or 0, at each of $P$ places. In pictures of class 1 it fires with probability $\alpha_1$ at each place, in class 2 with $\alpha_2$. Pool the $P$ values to
# one number. How far apart are the two classes then, measured in standard deviations?
#
# The average has mean $\alpha$ and variance $\alpha(1 - \alpha)/P$. The maximum is 1 unless all $P$ places are silent: it is 1 with probability $q = 1 - (1 - \alpha)^P$, and has
# variance $q(1 - q)$. So
#
# $$ \psi_{\text{avg}} = \frac{\sqrt P\, |\alpha_1 - \alpha_2|}{\sqrt{\alpha_1 (1 - \alpha_1)} + \sqrt{\alpha_2 (1 - \alpha_2)}}, \qquad
#    \psi_{\text{max}} = \frac{|q_1 - q_2|}{\sqrt{q_1 (1 - q_1)} + \sqrt{q_2 (1 - q_2)}} . \tag{5.70} $$
#
# > **Predict.** Let the pool grow. What happens to $\psi_{\text{avg}}$? What happens to $\psi_{\text{max}}$ when the feature is common in both classes?

# %% mystnb={"image": {"alt": "Left: separability against the number of pooled places on log axes. Average pooling rises steadily for rare and common features. The maximum follows for the rare feature, a little higher up to about two hundred places, then falls; for the common feature it falls almost at once. Dots from a simulation lie on the curves. Right: map of rarity against pool size; the maximum wins in the corner of rare features and small pools."}}
from course_utils.scratch.pooling.boureau import (
    POOLINGS,
    best_threshold_error,
    measured_separability,
    separability,
    simulate_pooled,
)

pairs = {"rare": (0.02, 0.001), "common": (0.4, 0.2)}
places = np.unique(np.geomspace(1, 400, 60).round().astype(int))
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.1))
for (name, (alpha_1, alpha_2)), style in zip(pairs.items(), ("-", "--")):
    for pooling, color in zip(POOLINGS, ("orange", "blue")):
        left.plot(
            places,
            separability(alpha_1, alpha_2, places, pooling),
            style,
            color=COLORS[color],
            label=f"{pooling}, {name}",
        )
        for p in (4, 16, 64):
            drawn = [simulate_pooled(alpha, p, 20_000, SEED + i, pooling) for i, alpha in enumerate((alpha_1, alpha_2))]
            if min(sample.std() for sample in drawn) > 0:
                left.plot(p, measured_separability(*drawn), "o", color=COLORS[color], markersize=4)
left.set(xscale="log", yscale="log", ylim=(0.05, 8), xlabel="pooled places P", ylabel="separability ψ")
left.set_title("Lines: formula. Dots: simulation")
left.legend(fontsize=8, loc="upper left")
rarity, pools = np.geomspace(0.001, 0.5, 80), np.geomspace(2, 400, 80)
advantage = separability(rarity, rarity / 20, pools[:, None], "max") - separability(
    rarity, rarity / 20, pools[:, None], "average"
)
winner_map(right, advantage, (0.001, 0.5, 2, 400))
right.set(
    xlabel="probability in class 1 (class 2: a twentieth)", ylabel="pooled places P", title="Who separates better"
)
right.text(0.0025, 8, "max", fontsize=11)
right.text(0.06, 120, "average", fontsize=11)
plt.show()

# %% [markdown]
# The average always gains from a larger pool, like $\sqrt P$. The maximum gains as long as firing is an event. When every pool contains some firing in both classes, $q_1$ and $q_2$ are
# both almost 1, and there is nothing left to tell apart. So the maximum is for **sparse** features and pools that are not too large. Remember the detector: with its bias most places were silent.
#
# How sparse, exactly? Two statements that you can prove (exercise 6) and that the next cell checks. Against a class in which the feature *never* fires, the maximum always wins. And for very rare features it wins
# exactly when the feature is at least $\left(\frac{3 + \sqrt 5}{2}\right)^2 \approx 6.85$ times as frequent in one class as in the other.

# %% tags=["nbval-check-output"]
alpha, pool_sizes = np.meshgrid(np.linspace(0.001, 0.3, 60), np.arange(2, 80))
assert (separability(alpha, 0.0, pool_sizes, "max") > separability(alpha, 0.0, pool_sizes, "average")).all()

border = ((3 + 5**0.5) / 2) ** 2
for ratio in (3.0, 6.0, 6.8, 6.9, 8.0, 20.0):
    ahead = separability(1e-5, 1e-5 / ratio, 16, "max") > separability(1e-5, 1e-5 / ratio, 16, "average")
    print(f"{ratio:4.1f} times as frequent: {'max' if ahead else 'average'} separates better")
    assert ahead == (ratio > border)

# %% [markdown]
# One caution, which slides about this paper tend to skip. $\psi$ is a measure for *linear* machines that add up many pooled features. It is not the best that anybody could do with one feature. The maximum of zeros and ones is
# a function of the average: it says whether the average exceeds 0. So whoever may put a threshold on the average can do everything that the maximum does, and more:

# %% tags=["nbval-check-output"]
for name, (alpha_1, alpha_2) in pairs.items():
    errors = {pooling: best_threshold_error(alpha_1, alpha_2, 64, pooling) for pooling in POOLINGS}
    psi = {pooling: separability(alpha_1, alpha_2, 64, pooling).item() for pooling in POOLINGS}
    print(f"{name:6s} P = 64   ψ: average {psi['average']:.2f}, max {psi['max']:.2f}", end="   ")
    print(f"error of the best threshold: average {errors['average']:.3f}, max {errors['max']:.3f}")
    assert errors["average"] <= errors["max"]
assert separability(0.02, 0.001, 64, "max") > separability(0.02, 0.001, 64, "average")

# %% [markdown]
# For the rare feature the maximum has the better $\psi$, and no threshold on it beats the best one on the average. What the maximum does is to *be* the right threshold, in front of a layer that has none.
#
# ## A fully connected layer is a convolution
#
# At the end of LeNet and AlexNet the maps are flattened into a vector, and a matrix turns it into scores. <span id="c151"></span>The lecture's example: a $16 \times 16$ map with 256 channels, 4,096 units. Every unit is connected to
# every number:

# %% tags=["nbval-check-output"]
from course_utils.scratch.fully_convolutional.fc_as_conv import (
    as_fully_convolutional,
    connection_count,
    linear_as_kernel,
    score_map,
    scores_of_crops,
    window_of,
)

weights = connection_count(16, 16, 256, 4096)
print(f"16 x 16 x 256 x 4096 = {weights:,} weights, and 4,096 biases")
print(
    f"that is {weights / 2**20:.0f} x 2^20, or {weights / 1e6:.1f} million, or {weights * 4 / 2**30:.0f} GiB in float32"
)
assert weights == 268_435_456

# %% [markdown]
# The slide's "256 million" counts in units of $2^{20}$, as memory is counted; in plain decimal it is 268.4 million. Either way: most of the network is this one matrix. (After a global average it would be
# $256 \times 4096$, about one million.)
#
# <span id="c152"></span>Now look at one row of the matrix. It multiplies each number of the map with a weight of its own and adds up. A convolution whose kernel is as large as the map does exactly the same, at the only
# place where it fits. With the weights in the shape of the map:
#
# $$ z_k = \sum_{m} W_{k m}\, \operatorname{flat}(V)_m = \sum_{c,u,v} K_{k,c,u,v}\, V_{c,u,v}, \qquad K = W \text{ reshaped} . \tag{5.71} $$
#
# > **Predict.** The same weights as a kernel, but the input map is $16 \times 12$ and not $8 \times 8$. What comes out?

# %% tags=["nbval-check-output"]
head = nn.Linear(3 * 8 * 8, 5).double()
w, b = head.weight.detach().numpy(), head.bias.detach().numpy()
as_vector = head(torch.tensor(batch).flatten(1)).detach().numpy()  # (2, 5)
as_map = score_map(batch, w, b, side=8)  # (2, 5, 1, 1)
print(
    f"one size: vector {as_vector.shape}, map {as_map.shape}, equal: {np.allclose(as_vector, as_map[:, :, 0, 0], atol=1e-9)}"
)
library = F.conv2d(torch.tensor(batch), torch.tensor(linear_as_kernel(w, 3, 8, 8)), torch.tensor(b)).numpy()
assert np.abs(as_vector - as_map[:, :, 0, 0]).max() < 1e-9
assert np.abs(library - as_map).max() < 1e-9

larger = rng.normal(size=(1, 3, 16, 12))
scores = score_map(larger, w, b, side=8)
crop = larger[:, :, 5:13, 2:10]
assert np.abs(scores[0, :, 5, 2] - head(torch.tensor(crop).flatten(1)).detach().numpy()[0]).max() < 1e-9
print(
    f"a larger map: {larger.shape[2:]} gives scores at {scores.shape[2:]} places, each what the layer says about that crop"
)

# %% [markdown]
# A map of scores, for free. This turns a classifier of small pictures into a scanner of large ones. Train a reader of $8 \times 8$ digits with a fully connected head and an eleventh class, "nothing" (pieces of digits that are not centred). Then replace
# its two matrices by kernels, and show it a whole line of test digits at random places:

# %% tags=["band-scan", "hide-input"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything
from course_utils.scratch.fully_convolutional.fc_as_conv import as_fully_convolutional
from course_utils.training import evaluate, fit


def windows_with_and_without(part, seed):
    """Centred digits (also one pixel off), and as many windows that cut digits in pieces, as class 10."""
    digits, draw = data.load("digits", part), torch.Generator().manual_seed(seed)
    images, labels = [], []
    for image, label in zip(digits.images, digits.labels):
        frame = F.pad(image, (8, 8, 8, 8))
        for centred in (True, False):
            r, q = torch.randint(-1, 2, (2,), generator=draw).tolist()
            while not centred and max(abs(r), abs(q)) < 4:
                r, q = torch.randint(-8, 9, (2,), generator=draw).tolist()
            images.append(frame[:, 8 + r : 16 + r, 8 + q : 16 + q])
            labels.append(int(label) if centred else 10)
    return data.ImageSet(torch.stack(images), torch.tensor(labels), (*digits.classes, "nothing"), f"windows/{part}")


seed_everything(SEED)
reader = nn.Sequential(
    nn.Conv2d(1, 24, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(24 * 3 * 3, 64),
    nn.ReLU(),
    nn.Linear(64, 11),
)
scan_train, scan_test = windows_with_and_without("train", SEED), windows_with_and_without("test", SEED + 1000)
fit(reader, data.Batches(scan_train, 64, seed=SEED), epochs=10, lr=1e-2, schedule="one_cycle", progress=False)
scan_result = {"accuracy": evaluate(reader, data.Batches(scan_test, 500, shuffle=False)).accuracy}


def write_strip(seed):
    """Six unseen digits at random places of a strip of 24 x 88 pixels, and (row, column, class) of each."""
    digits, draw = data.load("digits", "test"), torch.Generator().manual_seed(seed)
    picture, truth = torch.zeros(1, 1, 24, 88), []
    for slot in range(6):
        r, q = (
            int(torch.randint(0, 17, (1,), generator=draw)),
            14 * slot + int(torch.randint(0, 5, (1,), generator=draw)),
        )
        pick = int(torch.randint(0, len(digits.labels), (1,), generator=draw))
        picture[0, 0, r : r + 8, q : q + 8] = digits.images[pick, 0].float() / 255
        truth.append((r, q, int(digits.labels[pick])))
    return picture, truth


def read_strip(scanner, picture):
    """Class probabilities at every place, and (row, column, class) in pixels of what stands out."""
    with torch.no_grad():
        probabilities = scanner(picture).softmax(dim=1)[0]  # (11, 9, 41)
    something = 1 - probabilities[10]
    # Max pooling once more: a place stands out if it is the largest of its neighbourhood.
    peaks = (something == F.max_pool2d(something[None], 5, 1, 2)[0]) & (something > 0.5)
    return probabilities, [(2 * int(i), 2 * int(j), int(probabilities[:10, i, j].argmax())) for i, j in peaks.nonzero()]


scanner = as_fully_convolutional(reader, (1, 8, 8))
right = claimed = 0
for seed in range(20):
    picture, truth = write_strip(1000 * SEED + seed)
    boxes = read_strip(scanner, picture)[1]
    claimed += len(boxes)
    right += sum(any(abs(r - a) <= 2 and abs(q - b) <= 2 and k == c for a, b, c in boxes) for r, q, k in truth)
scan_result |= {"found": right / 120, "claims that are right": right / claimed}

# %% mystnb={"image": {"alt": "Three panels. A black strip with six handwritten digits at different heights; below it a map of the probability that something is there, with a bright spot at each digit; below that the strip again with a box around each strong spot and the digit that was read written above it."}}
strip, truth = write_strip(seed=SEED)
probabilities, found = read_strip(scanner, strip)
something = 1 - probabilities[10]

figure, panels = plt.subplots(3, 1, figsize=(7, 5.2))
panels[0].imshow(strip[0, 0], cmap="gray")
panels[0].set_title("one picture, 24 x 88")
panels[1].imshow(something, cmap="inferno", vmin=0, vmax=1)
panels[1].set_title(f"probability of any digit, {something.shape[0]} x {something.shape[1]} places")
panels[2].imshow(strip[0, 0], cmap="gray")
panels[2].set_title("what it read")
for r, q, digit in found:
    x1, y1, x2, y2 = window_of(r // 2, q // 2, side=8, stride=2)
    panels[2].plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=COLORS["orange"])
    panels[2].text(x2 + 0.5, y1 + 3, str(digit), color=COLORS["orange"], fontsize=12, weight="bold")
for axes in panels:
    axes.set_axis_off()
plt.show()

# %%
for name, value in scan_result.items():
    print(f"{name:22s} {value:.3f}    band: {band('05c_pooling.scan', name)}")
    assert band("05c_pooling.scan", name).contains(value, slack=0.05)
with torch.no_grad():
    slow = scores_of_crops(reader.eval(), strip, side=8, stride=2)
    fast = scanner(strip)
print(
    f"one pass against {slow.shape[2] * slow.shape[3]} crops: largest difference below 1e-4: {bool((slow - fast).abs().max() < 1e-4)}"
)
assert slow.shape == fast.shape
assert (slow - fast).abs().max() < 1e-4
print(
    "on this strip:",
    [digit for _, _, digit in truth],
    " read:",
    [digit for _, _, digit in sorted(found, key=lambda f: f[1])],
)


def multiply_adds(height, width):
    """Multiply-adds of the reader on a picture: first convolution, first head layer as a kernel, second one."""
    rows, columns = (height - 2) // 2, (width - 2) // 2  # after the convolution and the pooling
    places = (rows - 2) * (columns - 2)
    return (height - 2) * (width - 2) * 9 * 24 + places * (216 * 64 + 64 * 11)


print(
    f"multiply-adds: {multiply_adds(24, 88):,} in one pass, {multiply_adds(8, 8) * slow.shape[2] * slow.shape[3]:,} crop by crop"
)
assert multiply_adds(24, 88) < multiply_adds(8, 8) * slow.shape[2] * slow.shape[3]

# %% [markdown]
# Most digits are found and read, some are not, and some claims are wrong; the shares over twenty strips stand above. A detector needs more care than this, but look at the price: the same numbers as 369 separate crops, for less work. Neighbouring crops overlap, and the convolution computes each edge once. Here most of the work sits in the head, which sees little overlap; the deeper the network is before its head, the more
# is shared. Detectors, in chapter 10, live on this idea.
#
# Also note what the stride of the pooling did: the scores stand two pixels apart. And the "nothing" class was trained, not given: a reader that has only ever seen digits finds digits everywhere ([pitfall 5](#pitfalls)).
#
# ## Any size
#
# <span id="c135"></span>"The same net can process inputs of varying size", says a lecture, since a convolution has as many weights for a stamp as for a poster. The second half is true. The first
# depends on the head:

# %% tags=["nbval-check-output"]
body = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]
pooled_head = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
fixed_head = nn.Sequential(*body, nn.Flatten(), nn.Linear(16 * 8 * 8, 10))
for height, width in ((16, 16), (20, 20), (9, 31), (96, 64)):
    picture = data.photo("rocket", (height, width), gray=True)[None].float() / 255
    answer = f"{tuple(pooled_head(picture).shape)}"
    try:
        other = f"{tuple(fixed_head(picture).shape)}"
    except RuntimeError as error:
        other = f"RuntimeError: {str(error).splitlines()[0]}"
    print(f"{height:2d} x {width:2d}   global pooling: {answer}   fixed head: {other}")
    assert pooled_head(picture).shape == (1, 10)
    assert ("RuntimeError" in other) == ((height, width) != (16, 16))
counted = sum(p.numel() for p in nn.Sequential(*body).parameters())
print(f"weights of the convolutions, whatever the size: {counted}")

# %% [markdown]
# Parameters: yes, independent of the size. Inputs: any size only if no layer has a fixed number of inputs, that is, with a global or adaptive pool in front of the head, or with a head that is a convolution. And "can process" is
# not "understands": the racers above saw digits 8 pixels tall. On digits of twice the size they run without complaint, and read badly ([exercise 5](#exercises)).
#
# ## An answer with a shape
#
# Leave out the global pool altogether. Then the output keeps the shape of the picture: for every pixel a list of class scores. Softmax over the channels, *at every place by itself*, makes
# probabilities of them:
#
# $$ p_{k,r,q} = \frac{e^{z_{k,r,q}}}{\sum_{l} e^{z_{l,r,q}}}, \qquad \sum_k p_{k,r,q} = 1 \ \text{ at every pixel } (r, q) . \tag{5.72} $$
#
# Three small convolutions (one of them dilated, so that each output sees $13 \times 13$ pixels), trained on canvases with real digits 0, 1 and 4. The target has the shape of the picture too: for every pixel of ink the class of the digit
# that it belongs to, and 0 for background.

# %% tags=["band-pixels"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything

PIXEL_CLASSES = (0, 1, 4)


def canvases(part, count, seed):
    """Pictures of 24x24 with three digits each, and a class for every pixel: 0 paper, k + 1 ink of class k."""
    digits, draw = data.load("digits", part), torch.Generator().manual_seed(seed)
    chosen = torch.isin(digits.labels, torch.tensor(PIXEL_CLASSES)).nonzero().flatten()
    images, targets = torch.zeros(count, 1, 24, 24), torch.zeros(count, 24, 24, dtype=torch.int64)
    for image, target in zip(images, targets):
        for corner in torch.randperm(4, generator=draw)[:3].tolist():
            r, q = (torch.randint(0, 5, (2,), generator=draw) + 12 * torch.tensor([corner // 2, corner % 2])).tolist()
            pick = chosen[torch.randint(len(chosen), (1,), generator=draw)].item()
            digit = digits.images[pick, 0].float() / 255
            image[0, r : r + 8, q : q + 8] = digit
            target[r : r + 8, q : q + 8][digit > 0.25] = PIXEL_CLASSES.index(int(digits.labels[pick])) + 1
    return images, targets


seed_everything(SEED)
pixel_net = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2),
    nn.ReLU(),
    nn.Conv2d(16, 16, 5, padding=4, dilation=2),
    nn.ReLU(),
    nn.Conv2d(16, len(PIXEL_CLASSES) + 1, 1),
)
pixel_x, pixel_y = canvases("train", 300, SEED)
optimizer = torch.optim.Adam(pixel_net.parameters(), lr=1e-2)
plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=8 * 19)
paper_counts_less = torch.tensor([0.1, 1.0, 1.0, 1.0])  # five of six pixels are paper
for _ in range(8):
    for chosen in torch.randperm(300).split(16):
        loss = F.cross_entropy(pixel_net(pixel_x[chosen]), pixel_y[chosen], weight=paper_counts_less)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
pixel_test, pixel_truth = canvases("test", 100, SEED + 1000)
with torch.no_grad():
    pixel_guess = pixel_net(pixel_test).argmax(dim=1)
ink = pixel_truth > 0
pixels_result = {
    "ink": (pixel_guess == pixel_truth)[ink].float().mean().item(),
    "all": (pixel_guess == pixel_truth).float().mean().item(),
}

# %% mystnb={"image": {"alt": "Three rows of four pictures, 24 by 24 pixels: canvases with three digits each among 0, 1 and 4; the true class of each ink pixel as a grey level; and the network's answer, nearly the same, with a few wrong pixels at the edges of strokes."}}
grey = torch.tensor([0.0, 0.4, 0.7, 1.0])
plotting.image_grid(
    torch.cat([pixel_test[:4, 0], grey[pixel_truth[:4]], grey[pixel_guess[:4]]]).numpy(),
    titles=["picture"] * 4 + ["truth"] * 4 + ["answer"] * 4,
    columns=4,
    size=1.5,
    vmin=0,
    vmax=1,
)

# %%
from course_utils.scratch.fully_convolutional.dense_outputs import pixel_cross_entropy, pixel_softmax

with torch.no_grad():
    pixel_logits = pixel_net(pixel_test).double().numpy()
probability = pixel_softmax(pixel_logits)  # (100, 4, 24, 24)
print(
    "one picture's answer:",
    probability[0].shape,
    " sums at every pixel:",
    set(probability.sum(axis=1).round(9).ravel().tolist()),
)
assert np.allclose(probability.sum(axis=1), 1, atol=1e-12)
assert np.allclose(probability, torch.tensor(pixel_logits).softmax(dim=1), atol=1e-12)
hand_loss, hand_gradient = pixel_cross_entropy(pixel_logits, pixel_truth.numpy())
assert abs(hand_loss - F.cross_entropy(torch.tensor(pixel_logits), pixel_truth).item()) < 1e-9
assert np.abs(hand_gradient.sum(axis=1)).max() < 1e-12  # at each pixel the pulls on the classes cancel
for name, value in pixels_result.items():
    print(f"{name:4s} pixels right: {value:.3f}    band: {band('05c_pooling.pixels', name)}")
    assert band("05c_pooling.pixels", name).contains(value, slack=0.03)
with torch.no_grad():
    print("and it takes any size:", tuple(pixel_net(torch.zeros(1, 1, 40, 90)).shape))

# %% [markdown]
# A tensor of probabilities, one list for each pixel: what the lecture calls a *structured output*. Pooling has gone from it altogether. Where pooling asks "is it anywhere?", this network answers "what is
# it here?". Chapter 11 builds on it.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C123](#c123) Strided convolution achieves invariance to local translation | false | for an odd shift no roll of the old output fits; the strided racer is the most nervous |
# | [C124](#c124) Average pooling is a $k \times k$ strided convolution with weights $1/k^2$ | true | depthwise: one channel at a time |
# | [C125](#c125) Pooling is like strided convolution with a fixed filter | imprecise | exact for the average; the maximum is not linear |
# | [C126](#c126) Average and max pooling reduce to convolutions | imprecise | the maximum needs ReLUs between two levels, and three times the channels |
# | [C127](#c127) Pooling has no parameters | true | LeNet-5's subsampling is the exception: 12 and 32 |
# | [C128](#c128) Pooling gives invariance to small translations | imprecise | tolerance: on noise $(k-d)/(k+d)$ of the maxima stay |
# | [C129](#c129) Global pooling gives full invariance to location | imprecise | the step: yes; a network with strides or objects at the border: no |
# | [C130](#c130) $y_{ij}$ is a quarter of the four inputs | true | equals `avg_pool2d(2)` |
# | [C131](#c131) Adaptive pooling gives one output size from any input size | true | 13, 20 and 41 all give 6; the bins may share pixels |
# | [C132](#c132) Convolution is shift-invariant processing | imprecise | the word is equivariant: the output moves along |
# | [C133](#c133) $f(g(x)) = g(f(x))$ for convolution and translation | true | to machine precision on a circle; with stride 1, away from borders |
# | [C134](#c134) Convolution is not equivariant to rotation and scaling | true | for generic kernels; symmetric ones pass the quarter turn |
# | [C135](#c135) The same network processes inputs of any size | imprecise | the parameters do not depend on the size; a fixed head does |
# | [C146](#c146) Filter and nonlinearity together are called the detector | imprecise | in the cited book, the nonlinearity alone |
# | [C151](#c151) $16 \times 16 \times 256$ to 4,096 units: 256 million parameters | imprecise | 268,435,456: 256 times $2^{20}$ |
# | [C152](#c152) A fully connected layer over a map is a full-size convolution | true | equal to $10^{-9}$, and a score map on larger inputs |
# | [C154](#c154) Pooling across channels can learn invariances | true | exact for turned copies; learned from turned digits over 20 seeds |
#
# ## Pitfalls
#
# **1. Padding with zeros in front of a maximum.** Pad a map by hand with zeros, then pool: where all true values are negative, the invented zeros win. Padding inside `max_pool2d` counts as minus infinity.

# %% tags=["nbval-check-output"]
negative = -torch.ones(1, 1, 4, 4)
print("padded by hand:  ", F.max_pool2d(F.pad(negative, (1, 1, 1, 1)), 3, 2)[0, 0].tolist())
print("padding argument:", F.max_pool2d(negative, 3, 2, padding=1)[0, 0].tolist())
assert F.max_pool2d(F.pad(negative, (1, 1, 1, 1)), 3, 2).max() == 0
assert F.max_pool2d(negative, 3, 2, padding=1).max() == -1

# %% [markdown]
# **2. The last row that nobody sees.** Sides that the stride does not divide lose their last row and column, without a word.

# %% tags=["nbval-check-output"]
bright_corner = torch.zeros(1, 1, 7, 7)
bright_corner[0, 0, 6, 6] = 1
print("brightest output:            ", F.max_pool2d(bright_corner, 2).max().item())
print("brightest output, ceil_mode: ", F.max_pool2d(bright_corner, 2, ceil_mode=True).max().item())
assert F.max_pool2d(bright_corner, 2).max() == 0
assert F.max_pool2d(bright_corner, 2, ceil_mode=True).max() == 1

# %% [markdown]
# **3. Averages that count the padding.** With `padding=1` a corner window of `avg_pool2d` holds five invented zeros of nine, and its mean is too small. `count_include_pad=False` divides by the true pixels.

# %% tags=["nbval-check-output"]
ones = torch.ones(1, 1, 4, 4)
print("corner of a map of ones:", round(F.avg_pool2d(ones, 3, 1, 1)[0, 0, 0, 0].item(), 3))
print("without the padding:    ", F.avg_pool2d(ones, 3, 1, 1, count_include_pad=False)[0, 0, 0, 0].item())
assert abs(F.avg_pool2d(ones, 3, 1, 1)[0, 0, 0, 0] - 4 / 9) < 1e-6

# %% [markdown]
# **4. Global pooling right behind the pixels.** It is invariant to every rearrangement. A face and the same face with shuffled pixels are one and the same to it. Only the filters *before* the pool know about neighbours.

# %% tags=["nbval-check-output"]
shuffled = cat.flatten()[torch.randperm(cat.numel(), generator=torch.Generator().manual_seed(SEED))].view_as(cat)
alike = torch.equal(cat.amax((2, 3)), shuffled.amax((2, 3))) and torch.allclose(cat.mean((2, 3)), shuffled.mean((2, 3)))
print("pixels, then global pooling: shuffled cat gives the same numbers:", alike)
edges, shuffled_edges = (F.conv2d(v, edge_filters).abs().mean().item() for v in (cat, shuffled))
print(f"edges, then global average:  {edges:.3f} against {shuffled_edges:.3f}")
assert alike
assert shuffled_edges > 1.2 * edges

# %% [markdown]
# **5. Scanning with a reader that knows no "nothing".** Take away the eleventh class: on an empty or half-filled window softmax must still choose among ten digits, and it often does so with confidence.

# %%
with torch.no_grad():
    without_nothing = scanner(strip)[0, :10].softmax(dim=0).amax(dim=0)
confident = (without_nothing > 0.9).float().mean().item()
print(f"places of the strip where ten classes alone claim a digit with more than 90 %: {confident:.0%}")
print(f"places where the eleven classes do: {(probabilities[:10].amax(dim=0) > 0.9).float().mean().item():.0%}")
assert confident > 3 * (probabilities[:10].amax(dim=0) > 0.9).float().mean().item()

# %% [markdown]
# ## Exercises
#
# **1. By hand** (five minutes). Pool the $4 \times 4$ map with rows 1 3 2 0, 4 2 0 1, 0 0 5 5, 1 0 5 2 by $2 \times 2$ windows with stride 2: the maximum, the average, the L2 norm. Gradients of 1 arrive at the four maxima. Where do they go?
#
# <details><summary>Hint</summary>
#
# Three of the four fives in the last window are equal. The first one, row by row, wins.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
by_rows = np.array([[[[1.0, 3, 2, 0], [4, 2, 0, 1], [0, 0, 5, 5], [1, 0, 5, 2]]]])
best = max_pool(by_rows, 2)
assert best.values[0, 0].tolist() == [[4, 2], [1, 5]]
assert average_pool(by_rows, 2)[0, 0].tolist() == [[2.5, 0.75], [0.25, 4.25]]
assert np.allclose(lp_pool(by_rows, 2)[0, 0] ** 2, [[30, 5], [1, 79]])
print(max_pool_backward(np.ones((1, 1, 2, 2)), best.winners, 4, 4)[0, 0])

# %% [markdown]
# **2. Without the ReLU** (ten minutes). Leave out the ReLUs in the construction of max pooling. Which linear function of the four cells comes out? Why is it that one?
#
# <details><summary>Hint</summary>
#
# Without the ReLU equation 5.65 says $b - (-b) + (a - b)$. Simplify, twice.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
four_cells = torch.eye(4, dtype=torch.float64).view(4, 1, 2, 2)  # one picture for each cell: reads off its weight
level = F.conv2d(F.conv2d(four_cells, pair_filters(1, False), stride=(1, 2)), join_filters(1))
level = F.conv2d(F.conv2d(level, pair_filters(1, True), stride=(2, 1)), join_filters(1))
print("weights of the four cells:", level.flatten().tolist(), " b - (-b) + (a - b) = a + b, twice: the sum of all four")
assert level.flatten().tolist() == [1, 1, 1, 1]

# %% [markdown]
# **3. Both directions** (fifteen minutes). Equation 5.66 is for a shift along one axis. Derive the share of surviving maxima for a *diagonal* shift by $(d, d)$ and check it on noise for $k = 2, 3, 5$.
#
# <details><summary>Hint</summary>
#
# The windows share $(k - d)^2$ cells. Together they cover $2k^2 - (k - d)^2$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for k in (2, 3, 5):
    predicted = (k - 1) ** 2 / (2 * k**2 - (k - 1) ** 2)
    counted = unchanged_fraction(F.max_pool2d(noise, k, 1), F.max_pool2d(roll(noise, (1, 1)), k, 1))
    print(f"k = {k}: predicted {predicted:.3f}, counted {counted:.3f}")
    assert abs(predicted - counted) < 0.02

# %% [markdown]
# **4. Choose the grid by the picture** (half an hour). Stride 2 breaks invariance because it always keeps the even rows and columns, whatever stands there. Write a halving that keeps the one of the four grids (even or odd rows, even or odd columns) whose
# numbers have the largest sum of squares. Show that on the circle, followed by a global pool, it is exactly invariant to *every* shift
# ([Chaman and Dokmanić, 2021](../book/references.md#chaman-dokmanic-2021)).
#
# <details><summary>Hint</summary>
#
# A shift by one only swaps the names of the four grids (and moves them). The largest stays the largest.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def keep_the_strongest_grid(v):
    grids = torch.stack([v[..., r::2, q::2] for r in (0, 1) for q in (0, 1)])
    return grids[(grids**2).flatten(1).sum(dim=1).argmax()]


def adaptive_tower(v):
    return keep_the_strongest_grid(F.relu(circular(keep_the_strongest_grid(F.relu(circular(v)))))).mean((2, 3))


def fixed_tower(v):
    return F.relu(circular(F.relu(circular(v))[..., ::2, ::2]))[..., ::2, ::2].mean((2, 3))


for name, network in (("fixed grid", fixed_tower), ("strongest grid", adaptive_tower)):
    spread = max(abs(network(roll(cat, (r, q))) - network(cat)).item() for r in range(4) for q in range(4))
    print(f"{name:14s}: largest change over 16 shifts {spread / network(cat).item():.1%}")
    assert (spread < 1e-12) == (network is adaptive_tower)

# %% [markdown]
# **5. Runs, but reads badly** (half an hour). The racers accept any size. Enlarge the framed test digits by 2 (`F.interpolate`) and measure the accuracy of the racer "max overlapping". Then shrink the enlarged digits back with `F.adaptive_avg_pool2d` in front of the network. What do you conclude about "any size"?
#
# <details><summary>Hint</summary>
#
# Convolution is not equivariant to scaling.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
racer = racers["max overlapping"].eval()
plain = race_test.images.float() / 255
doubled = F.interpolate(plain, scale_factor=2, mode="nearest")
with torch.no_grad():
    accuracies = {
        "16 x 16, as trained": (racer(plain).argmax(1) == race_test.labels).float().mean().item(),
        "32 x 32": (racer(doubled).argmax(1) == race_test.labels).float().mean().item(),
        "32 x 32, pooled to 16": (racer(F.adaptive_avg_pool2d(doubled, 16)).argmax(1) == race_test.labels)
        .float()
        .mean()
        .item(),
    }
for name, value in accuracies.items():
    print(f"{name:22s} {value:.3f}")
assert accuracies["32 x 32"] < accuracies["16 x 16, as trained"] - 0.2
assert abs(accuracies["32 x 32, pooled to 16"] - accuracies["16 x 16, as trained"]) < 1e-6

# %% [markdown]
# **6. The golden border** (an evening). Prove the two statements about sparse features. (a) If $\alpha_2 = 0$ then $\psi_{\text{max}} \ge \psi_{\text{avg}}$ for every $P$. (b) For small $\alpha_1, \alpha_2$ the maximum wins exactly if $\alpha_1/\alpha_2 > \left(\frac{3 + \sqrt 5}{2}\right)^2$, which is the golden ratio to the fourth power.
#
# <details><summary>Hint</summary>
#
# (a) $q/(1-q) = (1 - \alpha)^{-P} - 1$, and $(1 + t)^P \ge 1 + P t$. (b) Put $\lambda = P\alpha$, expand both formulas to the next order in $\lambda$, write $a = \sqrt{\lambda_1}$, $b = \sqrt{\lambda_2}$, and factor out $a + b$. The sign is that of $a^2 - 3 a b + b^2$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# (a) With a silent second class psi_max^2 = q / (1 - q) = (1 - alpha)^-P - 1 = (1 + t)^P - 1 with t = alpha / (1 - alpha),
#     and psi_avg^2 = P t. Bernoulli's inequality is the claim.
t = np.linspace(0.001, 0.4, 50)
for p in (2, 10, 50):
    assert ((1 + t) ** p - 1 >= p * t).all()
    assert np.allclose(separability(t / (1 + t), 0.0, p, "max") ** 2, (1 + t) ** p - 1)
    assert np.allclose(separability(t / (1 + t), 0.0, p, "average") ** 2, p * t)
# (b) q = l - l^2/2 and sqrt(q (1 - q)) = sqrt(l) (1 - 3 l / 4), so, in units of psi_avg,
#     psi_max / psi_avg - 1 = -(a^2 + b^2)/2 + 3/4 (a^3 + b^3)/(a + b) = (a^2 - 3 a b + b^2)/4.
for a_, b_ in ((0.02, 0.005), (0.02, 0.009), (0.03, 0.001)):
    p = 100_000  # many places, rare firing: l = P alpha stays what we choose
    ratio = separability(a_**2 / p, b_**2 / p, p, "max") / separability(a_**2 / p, b_**2 / p, p, "average")
    print(f"a = {a_}, b = {b_}: exact {ratio - 1:+.2e}, expansion {(a_**2 - 3 * a_ * b_ + b_**2) / 4:+.2e}")
    assert np.sign(ratio - 1) == np.sign(a_**2 - 3 * a_ * b_ + b_**2)
golden = (1 + 5**0.5) / 2
assert abs(golden**4 - border) < 1e-12

# %% [markdown]
# ## At scale
#
# The same race on the 60,000 digits of [MNIST](../book/references.md#lecun-1998), 28 pixels wide, one pass over the data. The record comes from one command, `python -m tools.record_pooling mnist`, with `course data mnist` before it if
# you do not have the files.

# %%
record = load_record("05c_pooling.mnist")
print(f"{'':16s} {'accuracy':>30s} {'same answer after a shift by one pixel':>44s}")
for kind in record["kinds"]:
    accuracy, same = (band("05c_pooling.mnist", f"{kind}: {metric}") for metric in ("accuracy", "same_answer"))
    print(f"{kind:16s} {accuracy!s:>40s} {same!s:>40s}")
print(
    f"{record['parameters']:,} parameters, {record['epochs']} epoch; {record['provenance']['processor']}, {record['provenance']['date']}"
)
at_scale = {kind: band("05c_pooling.mnist", f"{kind}: same_answer").median for kind in record["kinds"]}
assert min(at_scale, key=at_scale.get) == "stride"
assert at_scale["max"] < at_scale["max, then blur"]
assert max(at_scale, key=at_scale.get) == "max overlapping"
assert (
    abs(
        band("05c_pooling.mnist", "max: accuracy").median - band("05c_pooling.mnist", "max, then blur: accuracy").median
    )
    < 0.01
)

# %% [markdown]
# On larger digits one pixel is a smaller step, and everybody is calmer. Stride is still last, and blur is ahead of the plain maximum in steadiness in the median, now at almost the same accuracy; but only in three of five runs, so do not bet on it here.
# Overlapping windows do best in both. The runs are few: read differences of a percent here as hints, and the order in the band above as the finding.
#
# ## Summary
#
# - Pooling keeps one number from each window. Max routes the gradient to the winner, average shares it out, L2 lies between.
# - Average pooling is a depthwise strided convolution. Max pooling is not; with two levels of ReLU it can be built from convolutions.
# - Under a shift by $d$, $(k - d)/(k + d)$ of the maxima of noise survive: tolerance, not invariance.
# - Convolution is *equivariant*: move, then filter equals filter, then move. Borders, strides, turns and zooms break it.
# - Equivariance and a global pool make invariance, exactly; each stride of 2 on the way multiplies the number of different answers by 4.
# - Blur before you throw away. Pool over channels to learn an invariance from data.
# - The maximum suits sparse features and small pools; the theory's border is the golden ratio to the fourth power.
# - A fully connected layer is a full-size convolution: the same weights scan larger pictures. Without a fixed head, any size goes in, and an answer with a shape comes out.
#
# ## Further reading
#
# - [Boureau et al. (2010)](../book/references.md#boureau-2010): max against average, on paper and on pictures.
# - [Zhang (2019)](../book/references.md#zhang-2019): why modern networks are nervous, and the blur that calms them.
# - [Azulay and Weiss (2019)](../book/references.md#azulay-weiss-2019): how much the answers of famous networks change under shifts of one pixel.
# - [Chaman and Dokmanić (2021)](../book/references.md#chaman-dokmanic-2021): exercise 4, taken seriously.
# - [Cohen and Welling (2016)](../book/references.md#cohen-welling-2016): convolutions that are equivariant to turns as well.
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 9: the three stages, and pooling as a prior.
#
# ## The next question
#
# You have all the parts: convolutions of every kind, ReLU, pooling, a head. Which of them, in which order, how many? Chapter 06 follows the networks that answered this, from LeNet to the ones with a hundred layers.
