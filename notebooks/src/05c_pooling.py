# %% [markdown]
# # Pooling
#
# Move a picture by one pixel and almost every number in it changes, yet nothing has happened. You will build the layers that are
# meant to make a network calm about this, and measure how calm they really make it.
#
# **You will be able to**
#
# - write max, average, L2, weighted, global and adaptive pooling, forward and backward, and match the library;
# - say which of them is a convolution, and build max pooling out of convolutions and ReLUs;
# - predict how many pooled numbers survive a shift by one pixel, and check it;
# - choose between stride, max, average and blur with measured accuracies in hand;
# - say when theory prefers the maximum, and what that theory leaves out.
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
from course_utils.plotting.equivariance import bin_rows, number_table, paired_bands, winner_map
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ConvolutionExplorer, ImageNumbers, PoolingExplorer

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
# called [pooling](../book/glossary.md#pooling). All five lectures say that pooling makes a network [invariant](../book/glossary.md#invariance) to small moves: its answer stays when
# the picture moves a little. You will see how far this is true.
#
# ## First a detector
#
# What do we pool? Not pixels, in a network, but the answers of a filter. Four small filters look at a photograph, each
# for edges of one direction. In the upper row grey is 0: no answer. White is a strong answer, black a strong answer *with the wrong
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
# is "here is my edge". A filter followed by such a threshold is called a [detector](../book/glossary.md#detector-stage).
#
# <span id="c146"></span>A word about names. A layer of a convolutional network is often drawn as three stages: filter,
# nonlinearity, pooling. The lecture calls the first two together the *detector*, as we did. The book that it follows
# ([Goodfellow et al., 2016](../book/references.md#goodfellow-2016), section 9.3) gives this name to the second stage
# alone, the nonlinearity. The part that decides is the same in both: a filter only measures, and
# it is the threshold that says yes or no.
#
# ## The largest of four
#
# Now pool. Slide a window of side $k$ over the map in steps of $s$ (the [stride](../book/glossary.md#stride)), and keep only the
# largest number in it: [max pooling](../book/glossary.md#max-pooling). With $V$ for the input map and $Z$ for the output, for every channel $c$ alone:
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
# The tie among zeros is harmless: the gradient goes to one of them, and the ReLU in front stops it there.
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
# [Average pooling](../book/glossary.md#average-pooling) keeps the mean of the window:
#
# $$ Z_{c,i,j} = \frac{1}{k^2} \sum_{0 \le u, v < k} V_{c,\, s i + u,\, s j + v} . \tag{5.63} $$
#
# <span id="c130"></span>For $k = s = 2$ this is the lecture's "a quarter of the sum of the four". *Sum pooling* leaves out the
# division, so it is the average times $k^2$.
#
# <span id="c124"></span>Look at the formula again: a weighted sum over a window, with the same weights everywhere. That is a
# convolution! Its kernel holds $1/k^2$ in every cell, its stride is $s$, and it treats each channel alone
# ([depthwise](../book/glossary.md#depthwise-convolution)). The figure below is set to exactly that: kernel of quarters,
# stride 2, a digit.
#
# > **Predict.** Can you change the four weights so that the output becomes the *largest* of the four, everywhere?
#
# Step through the output cells and read the sums first. Then change the weights. Give yourself a minute; the section after this one says how it ends.

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
# list. The slope comes from $Z^p = \sum |V|^p$: when one cell changes by a little, $p Z^{p-1}\, dZ = p |V|^{p-1} \operatorname{sign}(V)\, dV$. Look at it: with $p = 2$ each cell gets a share in proportion to its size. As $p$ grows, the shares of all but the
# largest shrink to nothing, and the gradient routes itself to the winner.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three curves of the pooled value against the power p from 1 to 64 on a log axis, divided by the window's largest value: each starts at the mean of its window, between 0.25 and 0.7, and rises towards 1. The window with one large value starts lowest."}}
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
# 1 is not 2, so no choice of weights whatever turns a convolution into a maximum. That is how your minute had to end.
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
# So the honest sentence is: average pooling *is* a (depthwise, strided) convolution; max pooling of $2 \times 2$ blocks is *two levels of* convolution,
# ReLU and convolution, with three times the channels in between. The ReLU is not decoration. Exercise 2 asks what happens without it.
#
# ## Does it stand still?
#
# Back to the promise. All five lectures say that pooling gives invariance to small translations. "Invariant" is a strong
# word: *the output does not change*. So count. Move the picture by one pixel, pool before and after, and ask which part of the
# pooled numbers are exactly the same.
#
# > **Predict.** Take a table of random numbers, nothing but noise. $2 \times 2$ max pooling. Which part of the outputs survives a
# > shift by one pixel? More for $3 \times 3$ windows, or less?
#
# The figure is set to that: noise, maxima of $2 \times 2$ windows at every place, and a shift by one.
#
# 1. Read how many results are the same. Then set the window to 3, 4, 5.
# 2. Keep the window at 3 and shift by 2, then by 3.
# 3. Which other kinds of pooling keep any number at all? Try them on the noise, then on the digit.
# 4. Tick *Gradient of one result only*, and compare: one cell for the maximum, all for the average. Then take "Lp" and move the power from 1 to 16.

# %%
PoolingExplorer(table="noise", kernel_size=2, stride=1)

# %% [markdown]
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
# better, and a larger window is better than a small one. The average keeps almost no number, and still changes less than no pooling at all. And for both
# windows the order "maximum at every place first, *then* blur, then throw away" ([Zhang, 2019](../book/references.md#zhang-2019)) is calmer than
# the maximum alone. The reason is the sampling theorem: whoever keeps every second number must first remove what
# alternates faster than those can follow, or it comes back as something else ([aliasing](../book/glossary.md#aliasing), the stripes of [chapter 05b](05b_layers.ipynb)). A blur removes much of it. The maximum does not.
# Still, nothing here is calm: even the best of the seven changes by a third of its own length.
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
    far = f"is no roll of the old one, at best {gap / size:.0%} off"
    print(f"picture moved by {shift}: the output {f'is the old one rolled by {best}' if gap < 1e-12 else far}")
assert nearest_roll_gap(every_second, photo, (0, 1))[0] > 0.1 * size
assert nearest_roll_gap(every_second, photo, (0, 2))[0] < 1e-12

# %% [markdown]
# Stride gives no invariance. It even *loses* something that the convolution had: after a shift by an odd number the output is not even a
# moved copy of what it was. [Chapter 05d](05d_equivariance.ipynb) is about that something.
#
# ## All at once: global pooling
#
# If a larger window is calmer, take the largest one: [global pooling](../book/glossary.md#global-pooling) makes one number of each map, its mean or its maximum.
#
# > **Predict.** Roll the map to the side, so that what leaves on the right enters on the left. What happens to its maximum, what to its mean? And what happens to both if you *shuffle* the places of the map?

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
anyhow = torch.randperm(96 * 96, generator=torch.Generator().manual_seed(SEED)).numpy()
shuffled_maps = feature_maps.reshape(1, 4, -1)[:, :, anyhow].reshape(feature_maps.shape)
assert np.array_equal(global_max_pool(shuffled_maps).values, global_max_pool(feature_maps).values)
print("places shuffled at random: the same maxima again")

# %% [markdown]
# Exactly invariant, to every roll, and to every rearrangement as well: one step that forgets all places. Whether a *whole network* with a global pool at its end is invariant depends on what stands before it; [chapter 05d](05d_equivariance.ipynb#from-moving-along-to-standing-still) counts. Many
# classifiers end this way, with the mean, GoogLeNet and the residual networks of chapter 06 among them. The price is in [pitfall 4](#pitfalls).
#
# ## The output size first: adaptive pooling
#
# A global pool gives one number per map, whatever its size. Sometimes you want $6 \times 6$ of them, from whatever size comes in. [Adaptive pooling](../book/glossary.md#adaptive-pooling) turns the question around: you name the
# number of bins $M$, and for an axis of $N$ pixels bin $i$ covers
#
# $$ \Big\lfloor \frac{i\,N}{M} \Big\rfloor \;\le\; r \;<\; \Big\lceil \frac{(i + 1)\,N}{M} \Big\rceil , \qquad i = 0, \dots, M - 1 . \tag{5.69} $$
#
# Round down at the start, up at the end. So no pixel is left out.
#
# > **Predict.** 13 pixels, 6 bins. How wide is each bin, and how many pixels are in two bins at once?

# %% mystnb={"image": {"alt": "Three rows of grey squares, 13, 20 and 12 pixels, each with six coloured bars above: with 13 pixels each bar covers 3 pixels and shares one with each neighbour, with 20 pixels the bars are 4 wide and some share one, with 12 they are 2 wide and share nothing."}}
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
# Where the division is not whole, neighbours share a pixel, and the bins need not be equally wide. <span id="c131"></span>Three sizes in, one size out, equal to the library: the lecture's claim holds. Global average pooling is the case $M = 1$. (With more bins than pixels it still
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
# Who is bad, and who is only slow? Eight passes over 1,297 small pictures are a short training, and the average's accuracies lie far apart, which suggests that it is not done. So here is a record of the same race with three times as many passes (`python -m tools.record_pooling longer`).
#
# > **Predict.** Which numbers will rise with more training: the accuracy, the steadiness, or both? For whom most?

# %%
longer = load_record("05c_pooling.longer")
print(
    f"{'medians':16s} {'accuracy: 8':>12s} {longer['epochs']:>4d} epochs {'same answer: 8':>18s} {longer['epochs']:>4d} epochs"
)
for kind in KINDS:
    after = [band("05c_pooling.longer", f"{kind}: {metric}").median for metric in ("accuracy", "same_answer")]
    before = [median(kind, metric) for metric in ("accuracy", "same_answer")]
    print(f"{kind:16s} {before[0]:12.3f} {after[0]:11.3f} {before[1]:18.3f} {after[1]:11.3f}")
print(f"{len(longer['seeds'])} seeds; {longer['provenance']['processor']}, {longer['provenance']['date']}")
long_run = {k: {m: band("05c_pooling.longer", f"{k}: {m}") for m in ("accuracy", "same_answer")} for k in KINDS}
assert min(long_run[k]["accuracy"].median for k in KINDS) > 0.93
assert long_run["stride"]["same_answer"].maximum < 0.5 < 0.85 < long_run["max, then blur"]["same_answer"].minimum
assert max(KINDS, key=lambda k: long_run[k]["accuracy"].median) == "max overlapping"
assert min(KINDS, key=lambda k: long_run[k]["accuracy"].median) == "average"

# %% [markdown]
# Four findings.
#
# - **Stride alone is the most nervous by far, and training does not calm it.** It reads digits well where it has always seen them, and most answers change when they move by one pixel: it has
#   learned the pixel grid along with the digits. So much for stride and invariance.
# - **The average is slow rather than bad.** After eight passes it reads worst, after twenty-four it is a few points behind. Had you stopped at the first table, you would have drawn the wrong conclusion.
# - **Overlap helps, a little.** AlexNet's $3 \times 3$ windows read better than $2 \times 2$ in most seeds, not in all, and are steadier. (Its authors report 0.4 points of top-1 error.)
# - **Blur is the steadiest, early and late.** Max then blur keeps nearly all of its answers under the shift. It, too, learns more slowly; in the end it reads about as well as stride. (On large photographs [Zhang (2019)](../book/references.md#zhang-2019) found a gain in accuracy.) *At scale* below repeats the race on larger digits.
#
# Nothing here says that one pooling is the best. It says what each one costs.
#
# ## When the maximum wins: sparse features
#
# Is there any *theory* for max against average? One lecture points to [Boureau et al. (2010)](../book/references.md#boureau-2010), who asked with the simplest model that one can
# analyse on paper. A feature fires or not, 1 or 0, at each of $P$ places. In pictures of class 1 it fires with probability $\alpha_1$ at each place, in class 2 with $\alpha_2$. Pool the $P$ values to
# one number. How far apart do the two classes lie then, in units of their spread? (The distance between the two means, over the sum of the two standard deviations.)
#
# The average has mean $\alpha$ and variance $\alpha(1 - \alpha)/P$. The maximum is 1 unless all $P$ places are silent: it is 1 with probability $q = 1 - (1 - \alpha)^P$, and has
# variance $q(1 - q)$. So
#
# $$ \psi_{\text{avg}} = \frac{\sqrt P\, |\alpha_1 - \alpha_2|}{\sqrt{\alpha_1 (1 - \alpha_1)} + \sqrt{\alpha_2 (1 - \alpha_2)}}, \qquad
#    \psi_{\text{max}} = \frac{|q_1 - q_2|}{\sqrt{q_1 (1 - q_1)} + \sqrt{q_2 (1 - q_2)}} . \tag{5.70} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.boureau import (
    POOLINGS,
    best_threshold_error,
    measured_separability,
    separability,
    simulate_pooled,
)

alpha_1, alpha_2, P = 0.02, 0.001, 64
q_1, q_2 = 1 - (1 - alpha_1) ** P, 1 - (1 - alpha_2) ** P  # that at least one of the P places fires
spread_average = np.sqrt(alpha_1 * (1 - alpha_1) / P) + np.sqrt(alpha_2 * (1 - alpha_2) / P)
spread_max = np.sqrt(q_1 * (1 - q_1)) + np.sqrt(q_2 * (1 - q_2))
psi = {"average": abs(alpha_1 - alpha_2) / spread_average, "max": abs(q_1 - q_2) / spread_max}
for pooling in POOLINGS:
    assert np.isclose(psi[pooling], separability(alpha_1, alpha_2, P, pooling))
    print(f"2 % against 0.1 %, {P} places, {pooling:7s}: {psi[pooling]:.2f} spreads apart")

# %% [markdown]
# > **Predict.** Let the pool grow. What happens to $\psi_{\text{avg}}$? What happens to $\psi_{\text{max}}$ when the feature is common in both classes?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: separability against the number of pooled places on log axes. Average pooling rises steadily for rare and common features. The maximum follows for the rare feature, a little higher up to about two hundred places, then falls; for the common feature it falls almost at once. Dots from a simulation lie on the curves. Right: map of rarity against pool size; the maximum wins in the corner of rare features and small pools."}}
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
# How sparse, exactly? Two statements that you can prove (exercise 5) and that the next cell checks. Against a class in which the feature *never* fires, the maximum always wins. And for a feature so rare that few pools contain it at all, it wins
# exactly when the feature is more than $\left(\frac{3 + \sqrt 5}{2}\right)^2 \approx 6.85$ times as frequent in one class as in the other.

# %% tags=["nbval-check-output"]
alpha, pool_sizes = np.meshgrid(np.linspace(0.001, 0.3, 60), np.arange(2, 80))
assert (separability(alpha, 0.0, pool_sizes, "max") > separability(alpha, 0.0, pool_sizes, "average")).all()

border = ((3 + 5**0.5) / 2) ** 2
for ratio in (3.0, 6.0, 6.8, 6.9, 8.0, 20.0):
    ahead = separability(1e-5, 1e-5 / ratio, 16, "max") > separability(1e-5, 1e-5 / ratio, 16, "average")
    print(f"{ratio:4.1f} times as frequent: {'max' if ahead else 'average'} separates better")
    assert ahead == (ratio > border)

# %% [markdown]
# One caution. $\psi$ counts spreads, which is the right measure for a *linear* machine that adds up many pooled features. It is not the best that anybody could do with one feature. The maximum of zeros and ones is
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
# | [C130](#c130) $y_{ij}$ is a quarter of the four inputs | true | equals `avg_pool2d(2)` |
# | [C131](#c131) Adaptive pooling gives one output size from any input size | true | 13, 20 and 41 all give 6; the bins may share pixels |
# | [C146](#c146) Filter and nonlinearity together are called the detector | imprecise | in the cited book, the nonlinearity alone |
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
# **4. Global pooling right behind the pixels.** It is invariant to every rearrangement. A picture and the same picture with shuffled pixels are one and the same to it. Only the filters *before* the pool know about neighbours.

# %% tags=["nbval-check-output"]
shuffled = photo.flatten()[anyhow].view_as(photo)
alike = torch.equal(photo.amax((2, 3)), shuffled.amax((2, 3)))
alike = alike and torch.allclose(photo.mean((2, 3)), shuffled.mean((2, 3)))
print("pixels, then global pooling: the shuffled photo gives the same numbers:", alike)
edges, shuffled_edges = (F.conv2d(v, edge_filters).abs().mean().item() for v in (photo, shuffled))
print(f"edges, then global average:  {edges:.3f} against {shuffled_edges:.3f}")
assert alike
assert shuffled_edges > 1.2 * edges

# %% [markdown]
# ## Exercises
#
# **1. By hand** (five minutes). Pool the $4 \times 4$ map with rows 1 3 2 0, 4 2 0 1, 0 0 5 5, 1 0 5 2 by $2 \times 2$ windows with stride 2: the maximum, the average, the L2 norm. Gradients of 1 arrive at the four maxima. Where do they go?
#
# <details><summary>Hint</summary>
#
# Three of the four numbers in the last window are fives. The first one, row by row, wins.
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
# **4. Twice two** (fifteen minutes). Pool $2 \times 2$ with stride 2, and pool the result again. For which kinds (max, average, L2, max overlapping $3 \times 3$ with stride 2) is this one single pooling, and with which window and stride?
#
# <details><summary>Hint</summary>
#
# The largest of largest numbers, the mean of means, the root of a sum of squares of roots. For overlapping windows ask which input cells an output can see.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
sample = torch.randn(1, 2, 31, 31, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
pairs_of_pools = {
    "max 2, twice = max 4, stride 4": (lambda v: F.max_pool2d(v, 2), lambda v: F.max_pool2d(v, 4)),
    "average 2, twice = average 4, stride 4": (lambda v: F.avg_pool2d(v, 2), lambda v: F.avg_pool2d(v, 4)),
    "L2 2, twice = L2 4, stride 4": (lambda v: F.lp_pool2d(v, 2.0, 2), lambda v: F.lp_pool2d(v, 2.0, 4)),
    "max 3/2, twice = max 7, stride 4": (lambda v: F.max_pool2d(v, 3, 2), lambda v: F.max_pool2d(v, 7, 4)),
    "average 3/2, twice = average 7, stride 4": (lambda v: F.avg_pool2d(v, 3, 2), lambda v: F.avg_pool2d(v, 7, 4)),
}
for name, (small_pool, large_pool) in pairs_of_pools.items():
    same = torch.allclose(small_pool(small_pool(sample)), large_pool(sample))
    print(f"{name}: {same}")
    assert same == (not name.startswith("average 3/2"))  # there, cells in two windows count twice

# %% [markdown]
# **5. The golden border** (an evening). Prove the two statements about sparse features. (a) If $\alpha_2 = 0$ then $\psi_{\text{max}} \ge \psi_{\text{avg}}$ for every $P$. (b) For small $P\alpha_1, P\alpha_2$ the maximum wins exactly if $\alpha_1/\alpha_2 > \left(\frac{3 + \sqrt 5}{2}\right)^2$, which is the golden ratio to the fourth power.
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
# On larger digits one pixel is a smaller step, and everybody is calmer. Stride is still the least steady. The average now reads as well as stride does. Blur is ahead of the plain maximum in steadiness in the median, now at almost the same accuracy; but only in three of five runs, so do not bet on it here.
# Overlapping windows do best in both. The runs are few: read differences of a percent here as hints.
#
# ## Summary
#
# - Pooling keeps one number from each window. Max routes the gradient to the winner, average shares it out, L2 lies between.
# - Average pooling is a depthwise strided convolution. Max pooling is not; with two levels of ReLU it can be built from convolutions.
# - Under a shift by $d$, $(k - d)/(k + d)$ of the maxima of noise survive: tolerance, not invariance, and it ends with the window.
# - Stride alone gives no invariance. Blur before you throw away.
# - Global pooling forgets all places: any size in, one number a map out. Adaptive pooling names the output size and lets the windows follow.
# - In a race on small maps overlapping maxima read best, blur is the steadiest, the average the slowest to learn, and stride alone never learns to stand still.
# - The maximum suits sparse features and small pools; the theory's border is the golden ratio to the fourth power.
#
# ## Further reading
#
# - [Boureau et al. (2010)](../book/references.md#boureau-2010): max against average, on paper and on pictures.
# - [Zhang (2019)](../book/references.md#zhang-2019): why modern networks are nervous, and the blur that calms them.
# - [Azulay and Weiss (2019)](../book/references.md#azulay-weiss-2019): how much the answers of famous networks change under shifts of one pixel.
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 9: the three stages, and pooling as a prior.
#
# ## The next question
#
# A convolution with stride 2 lost something that the convolution had. It was not that its output stands still: it never does. What was it, then, which layers have it, and how does it turn into a network that truly does not mind where things are? That is [chapter 05d](05d_equivariance.ipynb).
