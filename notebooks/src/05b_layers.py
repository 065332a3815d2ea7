# %% [markdown]
# # A zoo of convolutions
#
# One weighted sum, slid over an image. Change where it stands, where its taps read, which channels it connects or along which axes it moves, and
# you get strided, dilated, transposed, 1x1, grouped, depthwise, 1-D, 3-D and deformable layers. You will build each twice, slow and fast, hold it
# against PyTorch, and work out what a unit deep in a stack can see.
#
# **You will be able to**
#
# - compute the output size of any layer, and say why even kernels are awkward;
# - explain a stride as throwing away, and a dilation as a kernel full of zeros;
# - write a transposed convolution in three ways, and prove that it is not an inverse;
# - count the weights of 1x1, grouped and depthwise separable layers, and say what they give up;
# - read text with a 1-D layer and motion with a 3-D layer;
# - build a layer whose taps move to where the pattern is;
# - compute size, step and centre of a receptive field, and say why the useful field is smaller.
#
# **You need** the convolution layer itself ([chapter 05](05_convolution.ipynb): a small kernel of weights, slid over maps with several channels) and autograd, as in
# [Your first network](00_start.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.receptive_field import draw_cone, draw_coverage, draw_readings
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ConvolutionExplorer, ReceptiveField

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## One sum, many knobs
#
# Here is a layer on a few numbers. Click an output cell: the taps light up, and the sum is written out. Before you read on:
#
# 1. Set the stride to 2. Which output cells of stride 1 survive?
# 2. Set the dilation to 2. Which input cells does one output cell no longer look at?
# 3. Find a setting that makes the output *larger* than the input. There are two kinds of answers.

# %%
ConvolutionExplorer(picture="digit", kernel="numbered")

# %% [markdown]
# Every layer of this chapter is an answer to four questions.
#
# | question | the ordinary layer | the variations |
# |---|---|---|
# | At which positions do we compute? | at every pixel | stride, padding; transposed: *between* the pixels |
# | Where do the taps read? | at $k \times k$ neighbours | dilation: spread out; deformable: anywhere |
# | Which channels meet? | all with all | groups, depthwise: few; 1x1: channels only |
# | Along which axes do we slide? | two | one (sound, text), three (clips, volumes) |
#
# ## How large is the output
#
# Look along one axis. The input has $N$ pixels, we add $p$ zeros at each end, the kernel has $k$ taps. If the taps lie $r$ pixels apart (a
# [dilation](../book/glossary.md#dilation) of $r$), then the last tap lies $r(k-1)$ pixels after the first. Together they cover
# $k' = r(k-1) + 1$ pixels.
#
# Now slide. The first tap starts at the first pixel and moves $s$ pixels at a time, the [stride](../book/glossary.md#stride). The last tap must stay inside. So
# there is room for moving by $N + 2p - k'$ pixels, and that makes
#
# $$ M = \left\lfloor \frac{N + 2p - k'}{s} \right\rfloor + 1, \qquad k' = k + (k-1)(r-1) , \tag{5.31} $$
#
# positions: the start, and one more for each whole step that fits. ($r(k-1) + 1$ and $k + (k-1)(r-1)$ are the same number; multiply out.) In code it is one line:

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.sizes import output_size


def positions(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


layers_tried = layers_refused = 0
for n, k, s, p, r in product(range(1, 15), range(1, 6), range(1, 4), range(4), range(1, 4)):
    m = positions(n, k, s, p, r)
    try:
        real = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p, dilation=r).shape[-1]
    except RuntimeError:
        layers_refused += 1
        assert m < 1
    else:
        layers_tried += 1
        assert m == real == output_size(n, k, s, p, r)
print(
    f"{layers_tried} real layers have the size of the formula; {layers_refused} do not fit, and there it gives 0 or less"
)

# %% [markdown]
# <span id="c118"></span><span id="c119"></span>The [lecture](../book/claims.md) gives the formula without dilation, then says that a dilated kernel enters with its spread
# size $k'$. Both are right in every case of the grid. Its three examples: $N=5, k=3, s=2$ without padding give 2, with $p=1$ they give 3, and $N=6$ gives 3 as well.
# Two inputs of different size, one output size. Keep that in mind; it comes back.
#
# <span id="c116"></span>Without padding and at stride 1 the formula is $M = N - k + 1$: only windows that lie wholly inside count. This is called **VALID**. Each layer eats $k - 1$ pixels.
#
# > **Predict.** A 32 x 32 image runs through five 3 x 3 layers without padding. How large is the result, and how many such layers can you stack at most?

# %% tags=["nbval-check-output"]
sizes, x = [32], torch.zeros(1, 1, 32, 32)
while sizes[-1] >= 3:
    x = F.conv2d(x, torch.zeros(1, 1, 3, 3))
    sizes.append(x.shape[-1])
    assert sizes[-1] == output_size(sizes[-2], 3) == sizes[-2] - 3 + 1
print("five layers:", sizes[:6])
print(f"all the way: {len(sizes) - 1} layers, then {sizes[-1]} x {sizes[-1]} pixels are left")
assert sizes[5] == 22

print([output_size(5, 3, stride=2), output_size(5, 3, stride=2, padding=1), output_size(6, 3, stride=2, padding=1)])
try:
    output_size(sizes[-1], 3)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ## The same size, please
#
# A network of fifty layers cannot lose pixels in each. To keep the size at stride 1, equation 5.31 demands $2p = k' - 1$.
# <span id="c117"></span>The lecture's **SAME** rule is $p = (k-1)/2$ on each side. For $k = 3, 5, 7$ that is a whole number. For $k = 4$ it is $1.5$.
#
# > **Predict.** An 8 x 8 image, a 4 x 4 kernel. What comes out with $p = 1$? With $p = 2$? Can you get 8?

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.sizes import same_padding

image, kernel = torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4)
even = {p: F.conv2d(image, kernel, padding=p).shape[-1] for p in (1, 2)}
before, after = same_padding(4)
kept = F.conv2d(F.pad(image, (before, after, before, after)), kernel)
print(
    f"k = 4 on 8 pixels: p = 1 gives {even[1]}, p = 2 gives {even[2]}; {before} before and {after} after give {kept.shape[-1]}"
)
for k in range(1, 8):
    for r in (1, 2, 3):
        before, after = same_padding(k, r)
        assert F.conv1d(F.pad(torch.zeros(1, 1, 9), (before, after)), torch.zeros(1, 1, k), dilation=r).shape[-1] == 9
        assert (before == after) == (r * (k - 1) % 2 == 0)
assert even == {1: 7, 2: 9}
assert kept.shape == image.shape

# %% [markdown]
# No symmetric padding keeps the size for an even kernel: $2p$ is even and $k - 1$ is odd. You need one zero more at one end. Then the output is the
# right size, but each unit looks half a pixel to one side. That is why nearly every kernel you meet is odd. (An even kernel with an even dilation is fine: $r(k-1)$ is even.)
#
# Padding has a price. The zeros are not data. A unit at the corner of a 3 x 3 layer sees four real pixels and five zeros:

# %% tags=["nbval-check-output"]
bright = F.conv2d(torch.ones(1, 1, 6, 6), torch.full((1, 1, 3, 3), 1 / 9), padding=1)[0, 0]
print(
    "a white image, averaged over 3 x 3 with zero padding: inside "
    f"{bright[2, 2]:.2f}, edge {bright[0, 2]:.2f}, corner {bright[0, 0]:.2f}"
)
assert torch.allclose(bright[[2, 0, 0], [2, 2, 0]], torch.tensor([1, 6 / 9, 4 / 9]))

# %% [markdown]
# ## Stride: compute, then throw away
#
# A stride of $s$ computes the output at every $s$-th position. So it must give exactly what you get if you compute everything, and then keep every $s$-th row and
# column:
#
# $$ z^{(s)}_{i,j} = z^{(1)}_{s i,\, s j} . \tag{5.32} $$
#
# Here is the layer as loops, one dot product for each output number. Nothing else in this chapter will be slower, or easier to read.


# %% tags=["nbval-check-output"]
def strided(x, weight, stride):  # (C, H, W) and (O, C, k, k)
    k = weight.shape[-1]
    rows, columns = output_size(x.shape[1], k, stride), output_size(x.shape[2], k, stride)
    z = np.zeros((len(weight), rows, columns))
    for o in range(len(weight)):
        for i in range(rows):
            for j in range(columns):
                z[o, i, j] = (x[:, i * stride : i * stride + k, j * stride : j * stride + k] * weight[o]).sum()
    return z


from course_utils.scratch.convolution_kinds.strided import strided_conv2d, strided_conv2d_backward, subsample

rng = np.random.default_rng(SEED)
maps, weight = rng.normal(size=(3, 12, 11)), rng.normal(size=(4, 3, 3, 3))
for s in (1, 2, 3, 4):
    z = strided(maps, weight, s)
    theirs = F.conv2d(torch.tensor(maps)[None], torch.tensor(weight), stride=s)[0].numpy()
    assert np.allclose(z, theirs)
    assert np.allclose(z, strided_conv2d(maps[None], weight, stride=s)[0])
    assert np.allclose(z, subsample(strided(maps, weight, 1), s))
    print(f"stride {s}: {z[0].size:2d} numbers a map, those of stride 1 whose row and column are multiples of {s}")

# %% [markdown]
# The work falls by $s^2$, and that is the reason for strides. The library's fast version copies all windows into the columns of a matrix and multiplies once (*im2col*,
# [chapter 05](05_convolution.ipynb)). Every layer below comes as such a pair, a slow one that defines it and a fast one that is compared with it, in `course_utils.scratch.convolution_kinds`.
#
# The lecture says that strides also bring some invariance to small shifts. Careful: throwing away is not free. Fine patterns do not vanish when you subsample, they *change*.
#
# > **Predict.** Stripes one pixel wide, black and white in turn. What does every second column show? And stripes that are a little wider?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top row: stripes of period 2, and of period 2.2 pixels. Bottom row: every second column of each. The first has become one even tone, the second shows broad slow stripes that are not in the image."}}
columns = np.arange(66)
figure, panels = plt.subplots(2, 2, figsize=(7, 1.9), layout="constrained")
for top, bottom, period in zip(panels[0], panels[1], (2.0, 2.2)):
    stripes = np.tile(np.cos(2 * np.pi * columns / period), (9, 1))
    top.imshow(stripes, cmap="gray", vmin=-1, vmax=1, aspect="auto")
    bottom.imshow(subsample(stripes, 2), cmap="gray", vmin=-1, vmax=1, aspect="auto")
    top.set_title(f"period {period} pixels")
for axes, word in zip(panels.flat, ("input", "", "every second", "")):
    axes.set(xticks=[], yticks=[], ylabel=word)
    axes.grid(False)
plt.show()

# %% [markdown]
# The first becomes flat, the second becomes a slow wave that nobody drew. This is [aliasing](../book/glossary.md#aliasing), and shifting the first image by one pixel turns white into black:
# the opposite of invariance. How to repair it is a story for [chapter 05c](05c_pooling.ipynb).
#
# What about the gradient? Each output number pulls on the window it looked at, with the kernel as the profile of the pull. Two matrix products again; autograd agrees:

# %% tags=["nbval-check-output"]
tx = torch.tensor(maps[None], requires_grad=True)
tw = torch.tensor(weight, requires_grad=True)
z = F.conv2d(tx, tw, stride=2, padding=1)
pull = torch.randn(z.shape, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
z.backward(pull)
to_x, to_weight, _ = strided_conv2d_backward(pull.numpy(), maps[None], weight, stride=2, padding=1)
assert np.allclose(to_x, tx.grad.numpy())
assert np.allclose(to_weight, tw.grad.numpy())
print("our gradients for input and weights are autograd's")

# %% [markdown]
# ## Dilation: reach without weights
#
# You want a unit to see further. More weights cost; a stride loses resolution. Third way: keep nine weights and pull them apart.
#
# $$ z_i = \sum_{a=0}^{k-1} K_a\, x_{i + r a} . \tag{5.33} $$
#
# Equivalently, put $r - 1$ zeros between the weights and run an ordinary layer with this large kernel of side $k'$. (French for holes: *trous*. Hence *convolution à trous*, or *atrous*.) The dilated layer
# simply never multiplies by those zeros:

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.dilated import dilate_kernel, dilated_conv2d, dilated_conv2d_loops

small = rng.normal(size=(1, 1, 3, 3))
print("3 weights a side with dilation 2:")
print(np.array2string((dilate_kernel(small, 2)[0, 0] != 0).astype(int)))
for r in (1, 2, 3):
    wide = dilate_kernel(weight, r)
    assert wide.shape[-1] == 3 + (3 - 1) * (r - 1)
    theirs = F.conv2d(torch.tensor(maps)[None], torch.tensor(weight), dilation=r).numpy()
    assert np.allclose(strided_conv2d(maps[None], wide), theirs)
    assert np.allclose(dilated_conv2d(maps[None], weight, dilation=r), theirs)
    assert np.allclose(dilated_conv2d_loops(maps[None], weight, dilation=r), theirs)
    print(
        f"dilation {r}: a kernel of side {wide.shape[-1]} with {wide[0, 0].size} entries, {np.count_nonzero(wide[0, 0])} of them weights"
    )

# %% [markdown]
# Stack such layers with dilations 1, 2, 4, 8 and the reach doubles with each, while the number of weights grows by nine. [Yu and Koltun (2016)](../book/references.md#yu-koltun-2016)
# made this popular for labelling every pixel of an image. But watch the holes.
#
# > **Predict.** Three 3 x 3 layers, each with dilation 2. The field of one output unit is 13 x 13 pixels. How many of the 169 does it really see?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three square maps of the pixels that one unit sees through three layers. Dilations 2, 2, 2: only every second row and column, 49 of 169 pixels, like a sieve. Dilations 1, 2, 4: all 225 pixels, unevenly often. Dilations 1, 2, 5: all 289 pixels."}}
from course_utils.scratch.convolution_kinds.dilated import paths_to_input

figure, panels = plt.subplots(1, 3, figsize=(7, 2.6), layout="constrained")
for axes, dilations in zip(panels, ([2, 2, 2], [1, 2, 4], [1, 2, 5])):
    paths = paths_to_input(3, dilations)
    counts = np.outer(paths, paths)
    draw_coverage(axes, counts)
    axes.set_title(f"dilations {', '.join(map(str, dilations))}")
    axes.set_xlabel(f"{np.count_nonzero(counts)} of {counts.size} pixels seen")
plt.show()

# %% [markdown]
# Only 49. All three layers step in twos, so an output at an even column never hears of an odd one. Its neighbour sees the odd columns only, and the two may disagree: the output shows
# a grid. This is the [gridding artefact](../book/glossary.md#gridding-artefact). Watch it happen to noise, averaged by each stack. Good averaging makes neighbours
# similar; measure how similar:

# %% tags=["nbval-check-output"]
noise = torch.randn(1, 1, 400, 400, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
box = torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64)
likeness = {}
for dilations in ([2, 2, 2], [1, 2, 4]):
    smooth = noise
    for r in dilations:
        smooth = F.conv2d(smooth, box, dilation=r)
    left, right = smooth[..., :-1].flatten(), smooth[..., 1:].flatten()
    likeness[tuple(dilations)] = torch.corrcoef(torch.stack([left, right]))[0, 1].item()
    print(f"dilations {dilations}: correlation of neighbouring outputs {likeness[tuple(dilations)]:.2f}")
assert abs(likeness[2, 2, 2]) < 0.02
assert likeness[1, 2, 4] > 0.5

# %% [markdown]
# With 2, 2, 2 neighbouring outputs have nothing in common at all. The remedy: begin with dilation 1, and let no dilation exceed the field of the layers before it, so that
# the copies of that field which the next layer adds up leave no gap. (Exercise 2 finds all such stacks.)
#
# ## Transposed convolution: the way back
#
# To label every pixel, or to draw an image, maps must become *larger*. Turn the arrow round: where a strided layer reads a window and writes one number, let the new layer read one number and write a window. Each input pixel **stamps** its copy of the
# kernel onto the output, multiplied by its own value, $s$ pixels after the previous stamp. Where stamps overlap, they add up. Here is one image of a single
# dot. Where does its stamp lie? Choose the picture "lecture" next, and find an output cell that several stamps reach:

# %%
ConvolutionExplorer(picture=[[0, 0, 0], [0, 1, 0], [0, 0, 0]], kernel="numbered", stride=2, transposed=True)

# %% [markdown]
# Along one axis it fits into four lines:


# %% tags=["nbval-check-output"]
def stamp(x, kernel, stride):  # one axis
    z = np.zeros(stride * (len(x) - 1) + len(kernel))
    for i, value in enumerate(x):
        z[i * stride : i * stride + len(kernel)] += value * kernel
    return z


print(stamp(np.array([1, 10, 100]), np.array([1, 2, 3]), stride=2))
assert stamp(np.array([1, 10, 100]), np.array([1, 2, 3]), 2).tolist() == [1, 2, 13, 20, 130, 200, 300]

# %% [markdown]
# **Three views of one layer.** *Stamps* are the first. The second: spread the input with $s - 1$ zeros between its pixels, and run an ordinary stride-1 layer over it with the kernel turned round. (Hence the
# old name *fractionally strided*: the kernel moves in steps of $1/s$ input pixels.) The third:
#
# <span id="c121"></span>The lecture says that it swaps forward and backward of a convolution. Look at the backward pass above: each output number pulls on its window with the kernel as the profile. A pull on a window *is* a stamp.
# So the forward pass here must be the *gradient* of a strided layer for its input. All three against PyTorch:

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.transposed import (
    overlap_counts,
    phase_spread,
    strided_matrix,
    transposed_conv2d,
    transposed_conv2d_by_zero_insertion,
    transposed_conv2d_loops,
)

few, back_weight = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(3, 2, 3, 3))  # 3 channels in, 2 out
for s, p in product((1, 2, 3), (0, 1)):
    theirs = F.conv_transpose2d(torch.tensor(few), torch.tensor(back_weight), stride=s, padding=p)
    for ours in (transposed_conv2d_loops, transposed_conv2d_by_zero_insertion, transposed_conv2d):
        assert np.allclose(ours(few, back_weight, stride=s, padding=p), theirs.numpy())
    # The third view: the strided layer with these weights goes from 2 channels to 3. Ask autograd for its input gradient.
    large = torch.zeros(theirs.shape, dtype=torch.float64, requires_grad=True)
    F.conv2d(large, torch.tensor(back_weight), stride=s, padding=p).backward(torch.tensor(few))
    assert torch.allclose(large.grad, theirs)
print("stamps = zeros inserted, then a convolution = gradient of the strided layer = torch")

# %% [markdown]
# Why *transposed*? A strided layer along one axis is a matrix $A$. Every row holds the kernel, shifted by $s$. The stamps are its columns read the other way: the new layer is $A^\top$.

# %% tags=["nbval-check-output"]
A = strided_matrix(np.array([1.0, 2.0, 3.0]), size=7, stride=2)
print(A.astype(int))
print("A^T times (1, 10, 100):", (A.T @ [1, 10, 100]).astype(int))
assert np.allclose(A.T @ [1, 10, 100], stamp(np.array([1, 10, 100]), np.array([1, 2, 3]), 2))

# %% [markdown]
# For a transpose there is a test that needs no matrix. For all $x$ and $y$,
#
# $$ \langle A x,\, y \rangle = \langle x,\, A^\top y \rangle . \tag{5.34} $$
#
# Draw $x$ and $y$ at random, run one layer forward and the other one back, and compare two numbers. It finds nearly every mistake in a hand-written backward pass, and costs two lines:

# %% tags=["nbval-check-output"]
worst = 0.0
for s, p, k in product((1, 2, 3), (0, 1), (3, 4)):
    w = rng.normal(size=(3, 2, k, k))
    x = rng.normal(size=(1, 2, 3 * s + k - 2 * p, 4 * s + k - 2 * p))
    forward = strided_conv2d(x, w, stride=s, padding=p)
    y = rng.normal(size=forward.shape)
    back = transposed_conv2d(y, w, stride=s, padding=p)
    worst = max(worst, abs((forward * y).sum() - (x * back).sum()))
flipped = transposed_conv2d(y, w[:, :, ::-1, ::-1], stride=s, padding=p)
print(f"12 layers, difference of the two sides below 1e-10 in each: {worst < 1e-10}")
print(
    f"with the kernel flipped by mistake the two sides differ: {abs((forward * y).sum() - (x * flipped).sum()) > 0.1}"
)
assert worst < 1e-10
assert abs((forward * y).sum() - (x * flipped).sum()) > 0.1

# %% [markdown]
# <span id="c122"></span>Both lectures say, in words, that it does the *opposite* of a strided convolution, and its nickname is "deconvolution". In shape, yes. In value?
#
# > **Predict.** Average an image over 4 x 4 blocks with stride 4, then apply the transposed layer with the same weights. Does the image come back?

# %% tags=["nbval-check-output"]
picture = data.photo("camera", size=64, gray=True).double()[None] / 255
blocks = torch.full((1, 1, 4, 4), 1 / 16, dtype=torch.float64)
shrunk = F.conv2d(picture, blocks, stride=4)
returned = F.conv_transpose2d(shrunk, blocks, stride=4)
print(
    f"same shape: {returned.shape == picture.shape}; mean brightness {picture.mean():.2f} became {returned.mean():.2f}"
)
fitted = (returned * picture).sum() / (returned**2).sum()
missing = ((fitted * returned - picture) ** 2).mean() / picture.var()
print(f"even rescaled by the best factor ({fitted:.0f}), {100 * missing:.0f} % of the variance is missing")
assert not torch.allclose(returned, picture, atol=0.05)
gram = strided_matrix(np.array([0.5, 0.5]), 8, stride=2)
assert not np.allclose(gram.T @ gram, np.eye(8))
assert np.linalg.matrix_rank(gram) == 4

# %% [markdown]
# It does not. $A$ has fewer rows than columns; it forgets, and no layer can bring back what is forgotten. $A^\top A$ is not the identity. The transposed layer gives the *adjoint*: the right shape, the right
# connections, and no more. What it draws, it draws from weights that training must find.
#
# **The size, and its ambiguity.** Solve equation 5.31 for $N$, forget the floor for a moment, and you get the lecture's $N = s(M-1) + k - 2p$.
# <span id="c120"></span>But the floor forgets up to $s - 1$ pixels. How often does that matter?

# %% tags=["nbval-check-output", "hide-input"]
from course_utils.scratch.convolution_kinds.sizes import output_padding_for, transposed_output_size

cases = wrong = 0
for n, k, p, s in product(range(1, 11), range(1, 7), range(3), range(1, 4)):
    if n + 2 * p < k:
        continue
    m = output_size(n, k, s, p)
    cases += 1
    wrong += s * (m - 1) + k - 2 * p != n
    repaired = transposed_output_size(m, k, s, p, output_padding_for(n, k, s, p))
    real = nn.ConvTranspose1d(1, 1, k, s, p, output_padding=output_padding_for(n, k, s, p))(torch.zeros(1, 1, m)).shape[
        -1
    ]
    assert repaired == real == n
print(f"{cases} layers; in {wrong} the formula misses the size we came from")
print(
    f"for example 6 pixels, k = 3, s = 2, p = 1: {output_size(6, 3, 2, 1)} pixels, and back {transposed_output_size(3, 3, 2, 1)}"
)
assert (cases, wrong) == (474, 178)

# %% [markdown]
# So the full formula has one more knob, the [output padding](../book/glossary.md#output-padding) $o$, with $0 \le o < s$ for an undilated kernel:
#
# $$ N = s(M - 1) + k - 2p + o, \qquad o = (N + 2p - k) \bmod s . \tag{5.35} $$
#
# It adds nothing to look at, just rows and columns at the far end, so that you can choose which of the $s$ possible sizes you want. With it all 474 sizes come back.
#
# **Checkerboards.** How many stamps cover an output pixel? With $k = 3$ and $s = 2$, one or two, in turn. In two dimensions 1, 2 or 4:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three images made from a constant input with random weights. Transposed layer with kernel 3 and stride 2: a strong checkerboard. Kernel 4, stride 2: a weaker periodic pattern. Nearest-neighbour enlargement followed by an ordinary layer: perfectly flat."}}
draw = torch.Generator().manual_seed(SEED)
flat_input = torch.ones(1, 8, 10, 10, dtype=torch.float64)


def weights_like(k):  # positive weights, as after a few steps towards a bright image
    return torch.rand(8, 1, k, k, generator=draw, dtype=torch.float64)


odd = F.conv_transpose2d(flat_input, weights_like(3), stride=2)[0, 0, 3:15, 3:15]
divisible = F.conv_transpose2d(flat_input, weights_like(4), stride=2)[0, 0, 4:16, 4:16]
enlarged = F.interpolate(flat_input, scale_factor=2)
resized = F.conv2d(enlarged, weights_like(3).transpose(0, 1))[0, 0, 3:15, 3:15]
ways = {"transposed, k = 3, s = 2": odd, "transposed, k = 4, s = 2": divisible, "enlarge, then k = 3": resized}
figure, panels = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
for axes, (title, result) in zip(panels, ways.items()):
    relative = (result / result.mean()).numpy()
    axes.imshow(relative, cmap="gray", vmin=0.2, vmax=1.8)
    axes.set(title=title, xticks=[], yticks=[], xlabel=f"spread {phase_spread(relative, 2):.2f}")
    axes.grid(False)
plt.show()

# %% tags=["nbval-check-output"]
print("stamps on each pixel, k = 3, s = 2:", overlap_counts(6, 3, 2).tolist())
print("stamps on each pixel, k = 4, s = 2:", overlap_counts(6, 4, 2).tolist())
spread = {title: phase_spread((result / result.mean()).numpy(), 2) for title, result in ways.items()}
assert spread["transposed, k = 3, s = 2"] > 3 * spread["transposed, k = 4, s = 2"] > 0
assert spread["enlarge, then k = 3"] < 1e-12
along = {"k = 3, equal": [1, 1, 1], "k = 3, tent": [0.5, 1, 0.5], "k = 4, equal": [1, 1, 1, 1]}
for title, one_axis in along.items():
    kernel = torch.outer(*[torch.tensor(one_axis, dtype=torch.float64)] * 2).expand(8, 1, -1, -1)
    even = F.conv_transpose2d(flat_input, kernel, stride=2)[0, 0, 4:16, 4:16]
    spread[title] = phase_spread((even / even.mean()).numpy(), 2)
    print(f"{title} weights: spread {spread[title]:.2f}")
assert spread["k = 3, equal"] > 0.4
assert max(spread["k = 3, tent"], spread["k = 4, equal"]) < 1e-12

# %% [markdown]
# A flat input should give a flat image. With $k = 3$ and $s = 2$ it does not, even with equal weights. Some special weights would undo the board, such as the tent $(\tfrac12, 1, \tfrac12)$ along each axis, but training has to find them first
# ([Odena et al., 2016](../book/references.md#odena-2016)). A kernel that $s$ divides covers all pixels equally often. That is often sold as the cure; look at the middle panel: it helps, and equal weights make it flat, but with *unequal* weights a pattern remains.
# Enlarging by copying, then an ordinary layer, is flat whatever the weights.
#
# ## 1x1: mixing channels
#
# A kernel of one pixel sounds useless. It sees no neighbours. But it sees all *channels*.
# <span id="c139"></span>At each pixel it takes the vector of $C$ numbers and multiplies it by one $O \times C$ matrix, the same everywhere: a linear layer, applied at each pixel. On a photo with three
# channels that is a change of colours:

# %% tags=["hide-input"] mystnb={"image": {"alt": "One photo of a coffee cup four times: the original; its brightness only; red and blue exchanged, so the warm wood turns blue; sepia. Each was made by a 3 by 3 matrix at every pixel."}}
from course_utils.scratch.convolution_kinds.pointwise import (
    bottleneck_weights,
    pointwise_conv2d,
    pointwise_conv2d_loops,
)

coffee = data.photo("coffee", size=72).numpy()[None] / 255
matrices = {
    "input": np.eye(3),
    "brightness": np.tile([0.299, 0.587, 0.114], (3, 1)),
    "red and blue exchanged": np.eye(3)[::-1],
    "sepia": np.array([[0.39, 0.77, 0.19], [0.35, 0.69, 0.17], [0.27, 0.53, 0.13]]),
}
mixed = [pointwise_conv2d(coffee, matrix)[0].clip(0, 1) for matrix in matrices.values()]
plotting.image_grid(np.stack(mixed), titles=list(matrices), columns=4, size=1.7)

# %% tags=["nbval-check-output"]
channels, matrix = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(7, 5))
by_layer = F.conv2d(torch.tensor(channels), torch.tensor(matrix)[:, :, None, None]).numpy()
assert np.allclose(pointwise_conv2d_loops(channels, matrix), by_layer)
assert np.allclose(pointwise_conv2d(channels, matrix), by_layer)
linear = nn.Linear(5, 7, bias=False).double()
linear.weight.data = torch.tensor(matrix)
assert np.allclose(linear(torch.tensor(channels).permute(0, 2, 3, 1)).permute(0, 3, 1, 2).detach().numpy(), by_layer)
print("matrix at every pixel = one large product = nn.Linear on the last axis = 1x1 convolution")

# %% [markdown]
# **The bottleneck.** A 3 x 3 layer from 256 to 256 channels is expensive. Go down to 64 channels with a 1x1, do the 3 x 3 there, come back up with a 1x1 ([He et al., 2016](../book/references.md#he-2016a)).
#
# > **Predict.** How many weights does that save: half, three quarters, nearly all?

# %% tags=["nbval-check-output"]
down, inside, up = bottleneck_weights(256, 64)
bottleneck = nn.Sequential(
    nn.Conv2d(256, 64, 1, bias=False), nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.Conv2d(64, 256, 1, bias=False)
)
direct = nn.Conv2d(256, 256, 3, padding=1, bias=False)
count = {name: sum(p.numel() for p in m.parameters()) for name, m in (("bottleneck", bottleneck), ("direct", direct))}
print(
    f"{down} + {inside} + {up} = {count['bottleneck']} weights, against {count['direct']}: {count['direct'] / count['bottleneck']:.1f} times fewer"
)
assert down + inside + up == count["bottleneck"] == 69632
assert count["direct"] == 589824

# %% [markdown]
# And with a ReLU after each, three layers bend where one bent. It gives something up, too: everything must pass through 64 numbers a pixel.
#
# ## Groups: not everyone talks to everyone
#
# An ordinary layer connects each output channel with all input channels. Cut the channels into $g$ groups and let group meet group only. That is nothing but $g$ independent small layers whose outputs are put
# one after the other:

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.grouped import (
    conv_weights,
    depthwise_separable_conv2d,
    grouped_conv2d,
    merged_kernel,
    separable_weights,
)

x, w = rng.normal(size=(1, 8, 6, 6)), rng.normal(size=(12, 2, 3, 3))  # 4 groups of 2 channels, 3 outputs each
alone = [strided_conv2d(x[:, 2 * g : 2 * g + 2], w[3 * g : 3 * g + 3], padding=1) for g in range(4)]
assert np.allclose(np.concatenate(alone, axis=1), grouped_conv2d(x, w, padding=1, groups=4))
assert np.allclose(
    grouped_conv2d(x, w, padding=1, groups=4), F.conv2d(torch.tensor(x), torch.tensor(w), padding=1, groups=4).numpy()
)
print(f"four independent layers = one layer with groups=4; weights {w.size}, ungrouped {12 * 8 * 9}")
assert w.size == conv_weights(8, 12, 3, groups=4) == 12 * 8 * 9 // 4

# %% [markdown]
# Each output sees $C / g$ channels, so
#
# $$ \text{weights} = k^2\, \frac{C\, O}{g} . \tag{5.36} $$
#
# Groups were born of need. In 2012 a GPU had 3 GB, so [AlexNet](../book/references.md#krizhevsky-2012) was cut in two: half of the channels on each card, and in layers 2, 4 and 5 each half saw
# only its own card's channels.

# %% tags=["nbval-check-output", "hide-input"]
alexnet = [(3, 96, 11, 1), (96, 256, 5, 2), (256, 384, 3, 1), (384, 384, 3, 2), (384, 256, 3, 2)]
totals = {"two cards": 0, "one card": 0}
for i, (c, o, k, g) in enumerate(alexnet, start=1):
    split, whole = conv_weights(c, o, k, g), conv_weights(c, o, k)
    assert split == nn.Conv2d(c, o, k, groups=g, bias=False).weight.numel()
    totals["two cards"] += split
    totals["one card"] += whole
    print(
        f"layer {i}: {c:3d} -> {o:3d} channels, {k:2d} x {k:<2d}  {split:7,d} weights"
        + (f" instead of {whole:9,d}" if g > 1 else "")
    )
print(
    f"all five: {totals['two cards']:,} instead of {totals['one card']:,}: {1 - totals['two cards'] / totals['one card']:.0%} saved"
)
assert totals == {"two cards": 2332704, "one card": 3745824}

# %% [markdown]
# ## Depthwise separable: filter, then mix
#
# Drive it to the end: as many groups as channels. Each channel gets one filter of its own, nine weights. Such a *depthwise* layer never mixes channels, so a 1x1 layer must follow. Together, with $ch$ channels in and
# out,
#
# $$ 9\, ch + ch^2 \quad\text{weights instead of}\quad 9\, ch^2 . \tag{5.37} $$
#
# Divide: the ratio is $\tfrac1{ch} + \tfrac19$. For many channels it is nearly nine times cheaper. What do you give up? Filter and mix together act like one ordinary layer, with a special kernel: for each pair of channels, the
# channel's one filter times *one number*.

# %% tags=["nbval-check-output"]
depthwise, pointwise = rng.normal(size=(8, 1, 3, 3)), rng.normal(size=(8, 8))
two_steps = depthwise_separable_conv2d(x, depthwise, pointwise, padding=1)
theirs = F.conv2d(
    F.conv2d(torch.tensor(x), torch.tensor(depthwise), padding=1, groups=8), torch.tensor(pointwise)[:, :, None, None]
)
assert np.allclose(two_steps, theirs.numpy())
assert np.allclose(two_steps, strided_conv2d(x, merged_kernel(depthwise, pointwise), padding=1))
rank = np.linalg.matrix_rank(merged_kernel(depthwise, pointwise)[:, 0].reshape(8, 9))
full = np.linalg.matrix_rank(rng.normal(size=(8, 9)))
print(f"the 8 filters on one input channel span {rank} dimension; those of an ordinary layer span {full}")
for ch in (16, 64, 256, 1024):
    separable, ordinary = separable_weights(ch, ch), conv_weights(ch, ch, 3)
    print(f"{ch:4d} channels: {separable:9,d} instead of {ordinary:9,d}, ratio {separable / ordinary:.3f}")
    assert separable == 9 * ch + ch * ch
    assert abs(separable / ordinary - (1 / ch + 1 / 9)) < 1e-12
assert (rank, full) == (1, 8)

# %% [markdown]
# So all outputs must agree on *what* to look for in a channel, and may choose only *how much* of it they want. Is that too strict? [Chollet (2017)](../book/references.md#chollet-2017) spent the saved weights on
# more and wider layers: with about as many weights as the network he compared with, the separable one was the better. (The lecture puts the 1x1 layer first. In a stack of many, the order is only a matter of where you start counting.) What it costs in a small network with nothing spent: [at scale](#at-scale).
#
# ## Along one axis: sound, text, joints
#
# Nothing about the sum needs two axes. A sound is one channel over time; the joints of a moving body are some fifty channels over time; a text is one channel for each letter of the alphabet, 0 or 1, over positions.
#
# Does order matter? Here is a task where *only* order matters. We take 16 letters of real English (the help text that comes with Python), and shuffle half of the samples. Text or shuffled?

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.one_d import conv1d, conv1d_loops
from course_utils.scratch.convolution_kinds.text_windows import letter_counts, make_text_windows, one_hot, read

sample = np.array([[[1.0, 0, 2, 0, 3, 0]]])
print("kernel (1, 1) on 1 0 2 0 3 0:", conv1d(sample, np.ones((1, 1, 2)))[0, 0])
signal, filters = rng.normal(size=(2, 3, 20)), rng.normal(size=(5, 3, 4))
for s, p, r in ((1, 0, 1), (2, 1, 1), (1, 3, 2)):
    theirs = F.conv1d(torch.tensor(signal), torch.tensor(filters), stride=s, padding=p, dilation=r).numpy()
    assert np.allclose(conv1d_loops(signal, filters, None, s, p, r), theirs)
    assert np.allclose(conv1d(signal, filters, None, s, p, r), theirs)
print("loops = all at once = torch")

# %% tags=["band-text", "band-clips", "band-dials"]
import torch
from torch import nn


def train_kind(model, x, y, loss, steps, lr, batch_size=64):
    """Adam on random batches: all we need for the three small experiments of this chapter."""
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        chosen = torch.randint(len(x), (batch_size,))
        optimiser.zero_grad()
        loss(model(x[chosen]), y[chosen]).backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def share_right(model, x, y):
    return (model(x).argmax(1) == y).float().mean().item()


# %% [markdown]
# The rival is a *bag*: a network that gets the counts of the 27 characters, and so forgets the order. Both get the same samples.
#
# > **Predict.** How often is the bag right? And a network of two 1-D layers of width 3, which sees five letters at a time?

# %% tags=["band-text"]
from course_utils.scratch.convolution_kinds.text_windows import letter_counts, make_text_windows, one_hot

torch.manual_seed(SEED)
text_x, text_y = make_text_windows(6000, part="train", seed=SEED)
test_text_x, test_text_y = make_text_windows(2000, part="test", seed=SEED)
reader = nn.Sequential(
    nn.Conv1d(27, 48, 3), nn.ReLU(), nn.Conv1d(48, 48, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(48, 2)
)  # fmt: skip
bag = nn.Sequential(nn.Linear(27, 64), nn.ReLU(), nn.Linear(64, 2))
train_kind(reader, one_hot(text_x), text_y, nn.functional.cross_entropy, steps=300, lr=0.01)
train_kind(bag, letter_counts(text_x), text_y, nn.functional.cross_entropy, steps=300, lr=0.01)
text_result = {
    "network": share_right(reader, one_hot(test_text_x), test_text_y),
    "bag": share_right(bag, letter_counts(test_text_x), test_text_y),
}

# %%
for i in range(4):
    print(f"{read(test_text_x[i])!r:22} {'text' if test_text_y[i] else 'shuffled'}")
for name in text_result:
    expected = band("05b_layers.text", name)
    print(f"{name:8s} {text_result[name]:.3f}   20 seeds: {expected}")
    assert expected.contains(text_result[name], slack=0.02)
assert band("05b_layers.text", "network").minimum > 0.9
assert band("05b_layers.text", "bag").maximum < 0.6

# %% [markdown]
# The bag guesses, as it must: a text and its shuffled letters have the very same counts. The 1-D network needs no dictionary. It learns which letters follow which.
#
# ## Along three axes: clips
#
# A clip has height, width and *time*. A 3-D kernel of depth $d$ looks at $d$ frames at once, so a single unit can respond to "bright here now, bright there one frame later". First the layer, in loops and all at once:

# %% tags=["nbval-check-output", "hide-input"]
from course_utils.scratch.convolution_kinds.three_d import conv3d, conv3d_backward, conv3d_loops

clip, cube = rng.normal(size=(2, 2, 5, 6, 7)), rng.normal(size=(3, 2, 2, 3, 3))
for s, p in ((1, 0), (2, 1)):
    tclip, tcube = torch.tensor(clip, requires_grad=True), torch.tensor(cube, requires_grad=True)
    theirs = F.conv3d(tclip, tcube, stride=s, padding=p)
    assert np.allclose(conv3d_loops(clip, cube, None, s, p), theirs.detach().numpy())
    assert np.allclose(conv3d(clip, cube, None, s, p), theirs.detach().numpy())
    theirs.sum().backward()
    to_clip, to_cube, _ = conv3d_backward(np.ones(theirs.shape), clip, cube, s, p)
    assert np.allclose(to_clip, tclip.grad.numpy())
    assert np.allclose(to_cube, tcube.grad.numpy())
print("loops = all at once = torch, gradients too")

# %% [markdown]
# Now clips of one moving shape, named by the motion: right, left, down, up, turning either way, growing, shrinking. The pose in the middle frame is drawn without regard to the motion.
#
# > **Predict.** Eight classes. How good can *any* network be that sees the middle frame alone?

# %% tags=["band-clips"]
from course_utils.data.synthetic import make_clips

torch.manual_seed(SEED)
made = [
    make_clips(n, frames=5, size=20, seed=2 * SEED + i, background="plain", speed=(1.0, 1.6))
    for i, n in enumerate((1200, 400))
]
(clip_x, clip_y), (test_clip_x, test_clip_y) = (
    (gray - gray.mean(dim=(1, 2, 3, 4), keepdim=True), c.labels)
    for c in made
    for gray in [c.videos.float().mean(2, keepdim=True).transpose(1, 2) / 64]
)  # (N, 1, T, H, W)
watcher = nn.Sequential(
    nn.Conv3d(1, 12, (3, 5, 5), stride=(1, 2, 2)), nn.ReLU(), nn.Conv3d(12, 24, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 8)
)  # fmt: skip
glancer = nn.Sequential(
    nn.Conv2d(1, 12, 5, stride=2), nn.ReLU(), nn.Conv2d(12, 24, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 8)
)  # fmt: skip
train_kind(watcher, clip_x, clip_y, nn.functional.cross_entropy, steps=250, lr=0.005)
train_kind(glancer, clip_x[:, :, 2], clip_y, nn.functional.cross_entropy, steps=250, lr=0.005)
clips_result = {
    "clip": share_right(watcher, test_clip_x, test_clip_y),
    "middle frame": share_right(glancer, test_clip_x[:, :, 2], test_clip_y),
    "clip backwards": share_right(watcher, test_clip_x.flip(2), test_clip_y ^ 1),
}

# %%
for name in clips_result:
    expected = band("05b_layers.clips", name)
    print(f"{name:15s} {clips_result[name]:.3f}   20 seeds: {expected}")
    assert expected.contains(clips_result[name], slack=0.05)
assert band("05b_layers.clips", "clip").minimum > 3 * band("05b_layers.clips", "middle frame").maximum

# %% [markdown]
# One frame is worth a guess, 1 in 8. With all five the network reads the motion. And played backwards, it answers with the *opposite* motion ("left" for "right") about as often as it was right before: what it has learned is direction in time.
#
# ## Taps that move: deformable convolution
#
# All layers so far read on a rigid grid. Turn the pattern by 30 degrees, and the grid misses it. [Dai et al. (2017)](../book/references.md#dai-2017) let the taps move. Tap $n$ of output position $q$ reads at its usual place $q + q_n$
# *plus an offset*:
#
# $$ z(q) = \sum_{n=1}^{k^2} K_n\; x\big(q + q_n + \Delta_n(q)\big) . \tag{5.38} $$
#
# <span id="c145"></span>The lecture says that it learns a shift for each entry of the kernel. That could be read as nine constants that belong to the layer. They are not: a *second* convolution computes the offsets from the input, so
# they differ from position to position and from image to image. What is learned are the weights of that second layer.
#
# An offset is a real number, and an image has no pixel at row 3.4. So read **between** pixels, mixing the four neighbours by nearness. With $u$ and $v$ the fractions of row and column beyond the upper left of the four,
#
# $$ x(r, c) = (1-u)(1-v)\,x_{00} + (1-u)\,v\,x_{01} + u\,(1-v)\,x_{10} + u\,v\,x_{11} . \tag{5.39} $$
#
# This is [bilinear sampling](../book/glossary.md#bilinear-sampling), and it has a gift: it is differentiable *in the position*. The slope downwards is $(1-v)(x_{10} - x_{00}) + v\,(x_{11} - x_{01})$: if it gets brighter below, a tap that wants brightness learns to move down.

# %% tags=["nbval-check-output", "hide-input"]
from course_utils.scratch.convolution_kinds.deformable import (
    bilinear_at,
    bilinear_slope,
    deform_conv2d,
    deform_conv2d_loops,
    sampling_points,
)

four = np.array([[0.0, 10.0], [20.0, 70.0]])
print(
    f"at row 0.5, column 0.2: {bilinear_at(four, 0.5, 0.2):.1f}; slope down {bilinear_slope(four, 0.5, 0.2)[0]:.1f}, right {bilinear_slope(four, 0.5, 0.2)[1]:.1f}"
)

from torchvision.ops import deform_conv2d as torchvision_layer

draw = torch.Generator().manual_seed(SEED)
x = torch.randn(2, 3, 7, 6, generator=draw, dtype=torch.float64)
w = torch.randn(4, 3, 3, 3, generator=draw, dtype=torch.float64)
offset = 1.5 * torch.randn(2, 18, 7, 6, generator=draw, dtype=torch.float64)
ours = deform_conv2d(x, offset, w, padding=1)
assert np.allclose(deform_conv2d_loops(x.numpy(), offset.numpy(), w.numpy(), padding=1), ours.numpy())
assert torch.allclose(ours, torchvision_layer(x, offset, w, padding=1))
print("random offsets: loops = all at once = torchvision")
assert torch.allclose(deform_conv2d(x, torch.zeros_like(offset), w, padding=1), F.conv2d(x, w, padding=1))
print("offsets 0: an ordinary layer")
whole = torch.zeros_like(offset)
whole[:, 0::2], whole[:, 1::2] = 2, -1  # all taps: two rows down, one column left
shifted = F.pad(x, (3, 3, 3, 3))[:, :, 5:12, 2:8]
assert torch.allclose(deform_conv2d(x, whole, w, padding=1)[:, :, 1:-1, 1:-1], F.conv2d(shifted, w))
print("whole offsets: an ordinary layer on a shifted image")
fine = (
    offset.round() + 0.5 + 0.2 * torch.rand(offset.shape, generator=draw, dtype=torch.float64)
)  # away from the corners
leaves = [t[:1].clone().requires_grad_(True) for t in (x[..., :4, :4], fine[..., :4, :4])] + [
    w.clone().requires_grad_(True)
]
assert torch.autograd.gradcheck(lambda *t: deform_conv2d(*t, padding=1), leaves)
print("gradients for input, offsets and weights: right to finite differences")

# %% [markdown]
# **Does it learn to follow?** A test that leaves no way around. Each image shows a *dial*: nine dots of random brightness on a 3 x 3 grid, turned by a random angle between $-69$ and $69$ degrees, and a bright pointer that shows which way is up. The
# task: report the nine brightnesses in the order of the upright dial. The layer's kernel is fixed so that each output map passes on *one tap*. So the only way to do well is to put tap number $n$ onto dot number $n$. Nobody tells the offset network where the dots are, or
# what the angle is; it learns from the brightness alone, through the slopes of equation 5.39.

# %% tags=["hide-input", "band-dials"]
from course_utils.scratch.convolution_kinds.deformable import DeformableConv2d, sampling_points
from course_utils.scratch.convolution_kinds.dials import grid_points, make_dials

torch.manual_seed(SEED)
offset_net = nn.Sequential(nn.Conv2d(1, 16, 9), nn.ReLU(), nn.Conv2d(16, 32, 11), nn.ReLU(), nn.Conv2d(32, 18, 1))
layer = DeformableConv2d(1, 9, 3, padding=-6, dilation=3, offset_net=offset_net)  # only the middle of the 19 x 19 image
with torch.no_grad():
    offset_net[-1].weight.zero_()  # start as an ordinary layer
    offset_net[-1].bias.zero_()
    layer.weight.copy_(torch.eye(9).view(9, 1, 3, 3))
    layer.bias.zero_()
layer.weight.requires_grad_(False)
layer.bias.requires_grad_(False)

dials, brightness, _ = make_dials(3000, seed=SEED)
train_kind(layer, dials, brightness[:, :, None, None], nn.functional.mse_loss, steps=350, lr=2e-3)

new_dials, _, angles = make_dials(500, seed=1000 + SEED)
with torch.no_grad():
    rows, columns = sampling_points(offset_net(new_dials), 3, padding=-6, dilation=3)
reads = torch.stack([rows, columns], dim=-1)[:, :, 0, 0] - 9  # (N, 9, 2), relative to the middle
true = grid_points(angles)
upright = grid_points(torch.zeros(1))
# The angle that turns the upright grid best onto the points read.
turned = torch.atan2(
    (upright[..., 1] * reads[..., 0] - upright[..., 0] * reads[..., 1]).sum(1), (upright * reads).sum(dim=(1, 2))
)
dials_result = {
    "distance": (reads - true).norm(dim=-1).mean().item(),
    "distance of a rigid grid": (upright - true).norm(dim=-1).mean().item(),
    "degrees off": torch.rad2deg((turned - angles).abs()).mean().item(),
}

# %%
for name in dials_result:
    expected = band("05b_layers.dials", name)
    print(f"{name:25s} {dials_result[name]:.2f}   20 seeds: {expected}")
    assert expected.contains(dials_result[name], slack=0.2 * expected.median)
assert band("05b_layers.dials", "distance").maximum < 0.5 * band("05b_layers.dials", "distance of a rigid grid").minimum

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four dials of nine dots with a bright pointer, turned by different angles. White rings mark the dots. The mesh of the nine points at which the trained layer reads is turned with each dial; every point lies in or near its ring."}}
chosen = [
    angles.argmin().item(),
    angles.abs().argmin().item(),
    (angles - 0.6).abs().argmin().item(),
    angles.argmax().item(),
]
figure, panels = plt.subplots(1, 4, figsize=(7, 2.1), layout="constrained")
for axes, i in zip(panels, chosen):
    rows_read, columns_read = (reads[i] + 9).view(3, 3, 2).numpy().transpose(2, 0, 1)
    draw_readings(axes, new_dials[i, 0].numpy(), rows_read, columns_read, white=1.2)
    axes.plot(true[i, :, 1] + 9, true[i, :, 0] + 9, "o", color="white", markersize=8, markerfacecolor="none")
    axes.set_title(f"turned by {torch.rad2deg(angles[i]):.0f}°")
plt.show()

# %% [markdown]
# White rings mark where the dots are; the layer has never been told. The mesh turns with the dial. And since the offset network is itself a convolution, we may run it on a wider image with *two* dials. One layer, one image, and different offsets at each place:

# %% tags=["hide-input"] mystnb={"image": {"alt": "One wide image with two dials, the left one turned to the left, the right one to the right. The same layer reads with a mesh turned to the left over the left dial and with one turned to the right over the right dial."}}
pair = torch.cat([new_dials[chosen[0]], new_dials[chosen[3]]], dim=-1)[None]  # (1, 1, 19, 38)
with torch.no_grad():
    pair_rows, pair_columns = sampling_points(offset_net(pair), 3, padding=-6, dilation=3)
figure, axes = plt.subplots(figsize=(5, 2.6))
for column, color in ((0, "orange"), (19, "sky")):
    draw_readings(
        axes,
        pair[0, 0].numpy(),
        pair_rows[0, :, 0, column].view(3, 3).numpy(),
        pair_columns[0, :, 0, column].view(3, 3).numpy(),
        color,
        white=1.2,
    )
plt.show()

# %%
with torch.no_grad():
    shifts = offset_net(pair)[0]  # (18, 1, 20)
    other = offset_net(new_dials[chosen[1]][None])[0]
print(
    f"offsets at the two places of one image differ by up to {(shifts[:, 0, 0] - shifts[:, 0, 19]).abs().max():.1f} pixels"
)
print(
    f"offsets at one place for two images differ by up to   {(shifts[:, 0, 0] - other[:, 0, 0]).abs().max():.1f} pixels"
)
assert (shifts[:, 0, 0] - shifts[:, 0, 19]).abs().max() > 2
assert (shifts[:, 0, 0] - other[:, 0, 0]).abs().max() > 1

# %% [markdown]
# ## What a unit sees
#
# The [receptive field](../book/glossary.md#receptive-field) of a unit is the part of the input that can change its value. <span id="c150"></span>For one layer it is the kernel itself: size $k$ (or $k'$, if dilated). For a stack, look down from the top.
# Build one yourself:
#
# 1. Add layers of width 3. How many pixels does each one add?
# 2. Under *Change layer* choose the *first* one and give it a stride of 2. What do the later layers add now?
# 3. Take the preset with dilations 2, 2, 2, and look for the input pixels that the unit does not see.

# %%
ReceptiveField()

# %% [markdown]
# Two of these stacks side by side:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two cones of connections from one unit of the third layer down to the input pixels. Left, three layers of width 3 at stride 1: fields of 3, 5, 7 pixels. Right, with stride 2 in each layer: fields of 3, 7, 15 pixels."}}
from course_utils.scratch.convolution_kinds.receptive_field import (
    Layer,
    cone_of_unit,
    effective_profile,
    effective_variance,
    gradient_support,
    input_gradient,
    receptive_fields,
    spread_of,
)

figure, panels = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
for axes, stack, size, unit in ((panels[0], [Layer(3)] * 3, 19, 6), (panels[1], [Layer(3, stride=2)] * 3, 19, 0)):
    draw_cone(axes, *cone_of_unit(stack, size, unit))
    field = receptive_fields(stack)[-1]
    axes.set(title=f"stride {stack[0].stride}: {field.size} pixels", xlabel="pixel")
plt.show()

# %% [markdown]
# Let the units of layer $l-1$ see $R_{l-1}$ pixels each, and let the fields of neighbours lie $J_{l-1}$ pixels apart (the *jump*). A unit of layer $l$ looks at $k$ of them. The last is $r(k-1)$ units after the first, that is $r(k-1)\,J_{l-1}$ pixels: so
# much longer is its field. And its own neighbour starts $s$ units further, that is $s\,J_{l-1}$ pixels:
#
# $$ R_l = R_{l-1} + r_l (k_l - 1)\, J_{l-1}, \qquad J_l = J_{l-1}\, s_l, \qquad R_0 = J_0 = 1 . \tag{5.40} $$
#
# By hand, for the right stack of the figure, three layers with $k = 3$ and $s = 2$ and no dilation ($r = 1$). Go row by row, and take the jump from the row *above*:
#
# | layer | field $R_l$ | jump $J_l$ |
# |---|---|---|
# | input | 1 | 1 |
# | 1 | $1 + 2 \cdot 1 = 3$ | $1 \cdot 2 = 2$ |
# | 2 | $3 + 2 \cdot 2 = 7$ | $2 \cdot 2 = 4$ |
# | 3 | $7 + 2 \cdot 4 = 15$ | $4 \cdot 2 = 8$ |
#
# A layer's own stride does not widen its own field. It widens what the layers after it add; the stride of the last layer changes no field at all.
#
# Where does the field lie? The window of the first unit begins $p$ units before the start, and its last tap lies $r(k-1)$ units after its first. Its middle is halfway, $\tfrac12 r(k-1) - p$ units from the start, and one unit further is $J_{l-1}$ pixels further:
#
# $$ c_l = c_{l-1} + \Big( \tfrac{r_l (k_l - 1)}{2} - p_l \Big) J_{l-1}, \qquad c_0 = 0 . \tag{5.41} $$
#
# Unit $i$ sits at pixel $c_l + i J_l$. Three lines of arithmetic. Do they tell the truth? Ask the gradient: feed the stack, differentiate one output, and look which input pixels get a gradient that is not 0. We set all weights to 1, so that no two paths can cancel.

# %% tags=["nbval-check-output", "hide-input"]
stacks = checked = 0
for shape in product((1, 2, 3, 5), (1, 2), (0, 1), (1, 2), repeat=2):
    stack = [Layer(*shape[:4]), Layer(*shape[4:])]
    field = receptive_fields(stack)[-1]
    size = field.size + 2 * field.jump + 6
    stacks += 1
    for unit in (1, 2):
        first, last = field.of_unit(unit)
        if first < 0 or last >= size:
            continue  # it looks at padding; the formula counts those zeros, the gradient does not
        seen = np.flatnonzero(gradient_support(stack, size, unit))
        assert (seen[0], seen[-1]) == (first, last)
        checked += 1
print(f"{stacks} stacks of two layers, {checked} units: first and last pixel exactly where the formula says")

# %% [markdown]
# <span id="c147"></span>Now the lectures' statements. At stride 1 each $w \times w$ layer adds $w - 1$ to the field. <span id="c149"></span>One lecture says "half their filter size" instead.
# <span id="c148"></span>With strides the growth is said to be exponential.
#
# > **Predict.** 3 x 3 layers. After three of them you have 7 pixels at stride 1, and 15 with stride 2 in each. And after four, and five?

# %% tags=["nbval-check-output"]


def gradient_extent(stack):
    """Extent of the gradient of one unit far from the border."""
    field = receptive_fields(stack)[-1]
    seen = np.flatnonzero(gradient_support(stack, 3 * field.size, field.size // field.jump))
    return int(seen[-1] - seen[0] + 1)


linear_growth = [gradient_extent([Layer(3)] * n) for n in range(1, 6)]
strided_growth = [gradient_extent([Layer(3, stride=2)] * n) for n in range(1, 6)]
dilated_growth = [gradient_extent([Layer(3, dilation=2**i) for i in range(n)]) for n in range(1, 6)]
print("3x3, stride 1:           ", linear_growth)
print("3x3, stride 2:           ", strided_growth)
print("3x3, dilation 1, 2, 4, ..", dilated_growth)
assert linear_growth == [3, 5, 7, 9, 11]
assert strided_growth == dilated_growth == [2 ** (n + 1) - 1 for n in range(1, 6)]
assert gradient_extent([Layer(5)]) == 5
assert gradient_extent([Layer(3, dilation=4)]) == 9
adds = gradient_extent([Layer(3)] * 3) - gradient_extent([Layer(3)] * 2)
print(f"one more 3x3 layer adds {adds} pixels, not half its filter size, {3 / 2}")
assert adds == 2
after_stride = gradient_extent([Layer(3, stride=2), Layer(3)]) - gradient_extent([Layer(3, stride=2)])
print(f"behind a stride of 2 the same layer adds {after_stride}")
assert after_stride == 4

# %% [markdown]
# The lectures' $w - 1$ is right at stride 1, and exponential growth is right. "Half" is right for the growth *on each side*, with $w - 1$ in place of $w$: $(w-1)/2$ left and as much right. And every stride below multiplies what later layers add. Dilations of 1, 2, 4, ... grow just
# as fast as strides of 2, and keep the resolution.
#
# <span id="c156"></span>**What it means for learning.** One lecture says that the field bounds the size of the patterns that a unit can learn. Look at a task. Two red dots and two blue dots, in pairs, the two dots of a pair 10 pixels apart. In picture A the pairs match
# (red with red, blue with blue); in picture B they do not. A network whose units see 7 pixels never has two dots in view at once. Whatever its weights, each of its windows occurs in A as often as in B. After averaging over all positions, the outputs must be *equal*:

# %% tags=["nbval-check-output"]


def dot_pairs(first, second):
    """Two pairs of coloured dots, ten pixels apart, on a line of 60 pixels: (1, 2 colours, 60)."""
    line = torch.zeros(1, 2, 60, dtype=torch.float64)
    for start, (a, b) in ((15, first), (35, second)):
        line[0, a, start] = line[0, b, start + 10] = 1
    return line


match, mismatch = dot_pairs((0, 0), (1, 1)), dot_pairs((0, 1), (1, 0))
torch.manual_seed(SEED)
largest, smallest = {}, {}
for depth in (3, 4, 5, 6):
    gaps = []
    for _ in range(20):  # twenty random networks
        blocks = [nn.Conv1d(12 if i else 2, 12, 3, bias=False) for i in range(depth)]
        for block in blocks:
            nn.init.kaiming_normal_(block.weight)
        net = nn.Sequential(*(m for b in blocks for m in (b, nn.ReLU())), nn.AdaptiveAvgPool1d(1)).double()
        gaps.append(((net(match) - net(mismatch)).abs().max() / net(match).abs().max()).item())
    field = receptive_fields([Layer(3)] * depth)[-1].size
    largest[field], smallest[field] = max(gaps), min(gaps)
    same = sum(gap < 1e-12 for gap in gaps)
    print(f"{depth} layers see {field:2d} pixels: {same:2d} of 20 networks give the same answer to both pictures")
assert max(largest[7], largest[9]) < 1e-12
assert min(smallest[11], smallest[13]) > 1e-6

# %% [markdown]
# No training can help a network that cannot see. Ten pixels apart means that eleven must be in view, and at eleven the answers part. So the claim is true as a bound. Whether the *whole* field is of use is another question.
#
# ## What a unit really sees
#
# Count paths. From the top of a tall stack to the middle pixel of its field lead many ways. To the outermost pixel leads exactly one: left, left, left. With random weights of mean 0 and no activations, the expected squared gradient of a pixel is proportional to its number of paths.
# Each layer spreads the paths like a box of width $k$, with variance $(k^2-1)/12$. Variances add, and many boxes make a bell curve ([Luo et al., 2016](../book/references.md#luo-2016)):
#
# $$ \sigma^2 = \sum_l \frac{k_l^2 - 1}{12}\, (r_l J_{l-1})^2 . \tag{5.42} $$
#
# > **Predict.** Twenty 3 x 3 layers at stride 1 see 41 pixels. How wide is the part that matters (say, $\pm 2\sigma$)?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean squared gradient over the pixel for twenty layers of width 3. Measured curves for linear and ReLU networks are bells about 15 pixels wide that follow a Gaussian, inside a shaded theoretical field of 41 pixels whose outer parts get almost nothing."}}
stack = [Layer(3)] * 20
size = 51
profiles = {
    "linear, measured": effective_profile(stack, size, channels=48, networks=80, seed=SEED),
    "with ReLU, measured": effective_profile(stack, size, channels=48, networks=80, relu=True, seed=SEED),
}
sigma = effective_variance(stack) ** 0.5
pixel = np.arange(size) - size // 2
bell = np.exp(-(pixel**2) / (2 * sigma**2))
figure, axes = plt.subplots(figsize=(7, 2.7))
half = receptive_fields(stack)[-1].size // 2
axes.axvspan(
    -half - 0.5, half + 0.5, color=COLORS["gray"], alpha=0.15, label=f"theoretical field, {2 * half + 1} pixels"
)
for (name, profile), color in zip(profiles.items(), ("blue", "orange")):
    axes.plot(pixel, profile, "o-", color=COLORS[color], markersize=3, linewidth=1, label=name)
axes.plot(
    pixel, bell / bell.sum(), color=COLORS["ink"], linestyle="--", linewidth=1.2, label="Gaussian of equation 5.42"
)
axes.set(
    xlabel="pixel, from the middle",
    ylabel="share of squared gradient",
    title="Theoretical and effective receptive field",
)
axes.legend(fontsize=8)
plt.show()

# %%
outer = np.abs(pixel) > 2 * sigma
for name, profile in profiles.items():
    print(
        f"{name:20s} standard deviation {spread_of(profile):.2f} (equation: {sigma:.2f}), "
        f"outside 2 sigma {profile[outer].sum():.1%}"
    )
    assert profile[outer].sum() < 0.1
assert abs(spread_of(profiles["linear, measured"]) / sigma - 1) < 0.1
assert 0.75 < spread_of(profiles["with ReLU, measured"]) / sigma < 1.1
for n in (5, 20, 80):
    width, wide = 2 * n + 1, 4 * effective_variance([Layer(3)] * n) ** 0.5
    print(f"{n:2d} layers: theory {width:3d} pixels, 4 sigma {wide:4.1f}, share {wide / width:.0%}")

# %% [markdown]
# About 15 of the 41, and with ReLUs a little less. The theoretical field grows like the depth, the effective one like its *square root*, so in deep stacks of small kernels the useful share shrinks. That is one more reason for strides and dilations, whose squares enter equation 5.42. (These are random networks. Training can and does change the
# profile, but this is where it starts.)
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C116](#c116) VALID output is $N - k + 1$; layers shrink the map | true | five 3 x 3 layers: 32 to 22 |
# | [C117](#c117) SAME padding is $(k-1)/2$ on each side | imprecise | odd $k$ and stride 1 only; an even $k$ needs one zero more at one end |
# | [C118](#c118) $M = \lfloor (N + 2p - k)/s \rfloor + 1$, with three examples | true | equal to real layers on the whole grid |
# | [C119](#c119) Dilation enters with $k' = k + (k-1)(r-1)$ | true | likewise |
# | [C120](#c120) Transposed output is $s(M-1) + k - 2p$ | imprecise | right without output padding; misses the size it came from in 178 of 474 cases |
# | [C121](#c121) It swaps forward and backward of a convolution | true | equal to autograd's input gradient |
# | [C122](#c122) It does the opposite of a strided convolution | imprecise | adjoint in shape and connections, not an inverse |
# | [C139](#c139) 1x1 convolution is a linear map of the channels at each pixel | true | equal to `nn.Linear` at each pixel |
# | [C145](#c145) Deformable layers learn a shift for each entry of the kernel | imprecise | a second layer computes the shifts; they differ by place and input |
# | [C147](#c147) Each $w \times w$ layer adds $w - 1$ to the field | true | at stride 1: 3, 5, 7, 9 |
# | [C148](#c148) With strides the field grows exponentially | true | 3, 7, 15, 31, 63 |
# | [C149](#c149) Each layer adds half its filter size | imprecise | $k - 1$ in all, $(k-1)/2$ a side, times the strides below |
# | [C150](#c150) For one layer, field and filter have the same size | true | undilated; in general $k'$ |
# | [C156](#c156) The field bounds the patterns that a unit can learn | true | as a bound; the effective field is smaller |
#
# ## Pitfalls
#
# **1. Down and up again, and the sizes differ.** A network shrinks 45 pixels by stride 2, enlarges by a transposed layer, and wants to add what it had before. The floor strikes. Ask for the size:

# %% tags=["nbval-check-output"]
before = torch.zeros(1, 1, 45, 46)
shrink, grow = nn.Conv2d(1, 1, 4, stride=2, padding=1), nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)
after = grow(shrink(before))
print(f"{tuple(before.shape[2:])} became {tuple(after.shape[2:])}")
try:
    before + after
except RuntimeError as error:
    print("RuntimeError:", str(error).split(" at ")[0])
asked = grow(shrink(before), output_size=before.shape[2:])
print("with output_size:", tuple(asked.shape[2:]))
assert after.shape != before.shape == asked.shape

# %% [markdown]
# **2. The weights of a transposed layer stand the other way round.** PyTorch stores (in, out, k, k) there and (out, in, k, k) everywhere else. With as many channels in as out nothing complains, and the result is wrong:

# %% tags=["nbval-check-output"]
w = torch.randn(2, 2, 3, 3, generator=draw)
x = torch.randn(1, 2, 5, 5, generator=draw)
right, swapped = F.conv_transpose2d(x, w), F.conv_transpose2d(x, w.transpose(0, 1))
print(f"same shape: {right.shape == swapped.shape}, same numbers: {torch.allclose(right, swapped)}")
assert right.shape == swapped.shape
assert not torch.allclose(right, swapped)

# %% [markdown]
# **3. Groups upon groups never mix.** Two grouped layers in a row, same groups: half of the output never hears of half of the input, however many layers you add. Put a 1x1 layer between, or shuffle the channels:

# %% tags=["nbval-check-output"]


def reach_of_first_output(*layers):
    """Which input channels can change output channel 0."""
    x = torch.randn(1, 8, 5, 5, requires_grad=True)
    nn.Sequential(*layers)(x)[0, 0].sum().backward()
    return (x.grad[0].abs().sum(dim=(1, 2)) > 0).int().tolist()


torch.manual_seed(SEED)
grouped = [nn.Conv2d(8, 8, 3, padding=1, groups=2) for _ in range(4)]
print("four grouped layers:      ", reach_of_first_output(*grouped))
print("shuffled after the first: ", reach_of_first_output(grouped[0], nn.ChannelShuffle(4), *grouped[1:]))
assert reach_of_first_output(*grouped) == [1] * 4 + [0] * 4
assert reach_of_first_output(grouped[0], nn.ChannelShuffle(4), *grouped[1:]) == [1] * 8

# %% [markdown]
# **4. Offsets in the wrong order.** Rows first, then columns, tap by tap. Swap them and a layer that should look *down* looks *right*; no error tells you:

# %% tags=["nbval-check-output"]
ramp = torch.arange(5.0)[None, :].repeat(5, 1)[None, None]  # brighter to the right
one = torch.ones(1, 1, 1, 1)
for name, shift in (("one down ", (1.0, 0.0)), ("one right", (0.0, 1.0))):
    moved = torch.tensor(shift).view(1, 2, 1, 1).expand(1, 2, 5, 5)
    print(name, deform_conv2d(ramp, moved, one)[0, 0, 2].tolist())
assert deform_conv2d(ramp, torch.tensor([0.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 5, 5), one)[0, 0, 2, 0] == 1

# %% [markdown]
# **5. "Unit 5 sits at pixel 5 times the stride."** Only with the padding that centres it. Without padding the fields drift inwards, layer by layer, and boxes or labels drawn at $i J$ are off by $c_l$:

# %% tags=["nbval-check-output"]
for padding in (1, 0):
    field = receptive_fields([Layer(3, stride=2, padding=padding)] * 4)[-1]
    print(f"padding {padding}: unit 5 sits at pixel {field.centre + 5 * field.jump:.0f}, guessed {5 * field.jump}")
assert receptive_fields([Layer(3, stride=2, padding=1)] * 4)[-1].centre == 0
assert receptive_fields([Layer(3, stride=2)] * 4)[-1].centre == 15

# %% [markdown]
# ## Exercises
#
# **1. Sizes by hand** (five minutes). An image of 224 pixels a side runs through a 7 x 7 layer with stride 2 and padding 3, then 3 x 3 pooling with stride 2 and padding 1. Compute both sizes on paper. Which padding would make the first layer give 112 with a 6 x 6 kernel?
#
# <details><summary>Hint</summary>
#
# Equation 5.31, twice. For the 6 x 6 kernel ask first for which total padding the floor gives 112.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
first = output_size(224, 7, stride=2, padding=3)
second = output_size(first, 3, stride=2, padding=1)
print(first, second, [p for p in range(6) if output_size(224, 6, stride=2, padding=p) == 112])
assert (first, second) == (112, 56)
assert output_size(224, 6, stride=2, padding=2) == 112

# %% [markdown]
# **2. Which dilations leave no holes?** (fifteen minutes). Three layers of width 3 with dilations $1 \le a \le b \le c \le 9$. Find all triples without holes, and the one with the largest field.
#
# <details><summary>Hint</summary>
#
# `paths_to_input(3, [a, b, c])` counts paths; a hole is a 0. Think in base 3.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
whole_fields = {
    (a, b, c): len(paths_to_input(3, [a, b, c]))
    for a, b, c in product(range(1, 10), repeat=3)
    if a <= b <= c and (paths_to_input(3, [a, b, c]) > 0).all()
}
best = max(whole_fields, key=whole_fields.get)
print(
    f"{len(whole_fields)} triples; the largest field is {whole_fields[best]} pixels, by {best}: the digits -1, 0, 1 in base 3"
)
assert best == (1, 3, 9)
assert (paths_to_input(3, best) == 1).all()
assert all(a == 1 for a, _, _ in whole_fields)

# %% [markdown]
# **3. A strided layer from a dilated one** (fifteen minutes). Networks for classification end at $1/32$ of the resolution. To label pixels you want more. Take two layers, the first with stride 2. Remove that stride, and change the *second* layer so that every second
# row and column of the new output equals the old output exactly, with the same weights.
#
# <details><summary>Hint</summary>
#
# Without the stride the neighbours that the second layer wants lie two pixels apart.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
x = torch.randn(1, 1, 24, 24, dtype=torch.float64)
w1, w2 = torch.randn(4, 1, 3, 3, dtype=torch.float64), torch.randn(2, 4, 3, 3, dtype=torch.float64)
coarse = F.conv2d(F.conv2d(x, w1, stride=2).relu(), w2)
dense = F.conv2d(F.conv2d(x, w1).relu(), w2, dilation=2)
assert torch.allclose(dense[..., ::2, ::2], coarse)
print(
    f"stride 2: {tuple(coarse.shape[2:])}; stride moved into a dilation: {tuple(dense.shape[2:])}, and every second value is the old one"
)

# %% [markdown]
# **4. Enlarging without learning** (twenty minutes). Which fixed kernel turns a transposed layer with stride 2 into *linear interpolation* (along one axis)? Check it on a ramp. What happens at the ends?
#
# <details><summary>Hint</summary>
#
# Every stamp is a little tent. Two neighbouring tents must add up to 1 everywhere between their tips.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
tent = np.array([0.5, 1.0, 0.5])
grown = stamp(np.arange(6.0), tent, stride=2)
print(grown.tolist())
assert np.allclose(grown[1:-1], np.arange(0, 5.5, 0.5))  # tips at 1, 3, ..; half-way values between
print("at the ends a tent has no neighbour, and the value falls towards 0")

# %% [markdown]
# **5. Rising or falling?** (half an hour). Make sounds of 128 samples: a tone whose pitch rises, or falls, between the same two pitches, at a random phase, with a little noise. Show that the power spectrum (the sound's bag of tones) does not tell the two apart, and train a 1-D network that does.
#
# <details><summary>Hint</summary>
#
# A falling tone is a rising one played backwards, and playing backwards does not change the power spectrum. One wide kernel, say 25 samples, then stride, then a second layer.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def pitch_sweeps(n, seed):
    g = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, 1, 128)
    phase = 2 * torch.pi * torch.rand(n, 1, generator=g)
    rising = torch.sin(phase + 2 * torch.pi * (5 * time + 10 * time**2))
    label = torch.randint(2, (n,), generator=g)
    sound = torch.where(label[:, None] == 1, rising, rising.flip(1))
    return (sound + 0.1 * torch.randn(n, 128, generator=g))[:, None], label


sweep_x, sweep_y = pitch_sweeps(1000, 0)
test_sweep_x, test_sweep_y = pitch_sweeps(500, 1)
power = lambda x: torch.fft.rfft(x[:, 0]).abs().square().log1p()
torch.manual_seed(SEED)
listener = nn.Sequential(
    nn.Conv1d(1, 8, 25, stride=2),
    nn.ReLU(),
    nn.Conv1d(8, 16, 9, stride=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 22, 2),
)
spectrum = nn.Sequential(nn.Linear(65, 64), nn.ReLU(), nn.Linear(64, 2))
train_kind(listener, sweep_x, sweep_y, F.cross_entropy, steps=150, lr=3e-3)
train_kind(spectrum, power(sweep_x), sweep_y, F.cross_entropy, steps=150, lr=3e-3)
heard, guessed = (
    share_right(listener, test_sweep_x, test_sweep_y),
    share_right(spectrum, power(test_sweep_x), test_sweep_y),
)
print(f"1-D network {heard:.2f}, power spectrum {guessed:.2f}")
assert heard > 0.9
assert guessed < 0.65

# %% [markdown]
# **6. A calculator for real networks** (an evening). Write `field_of(model)` that walks through an `nn.Sequential` of `Conv2d`, `MaxPool2d`, `AvgPool2d` and layers without extent, and returns size, jump and centre. Test it with `input_gradient` on random weights. What does maximum pooling do to the test, and why?
#
# <details><summary>Hint</summary>
#
# Kernel sizes may be pairs. A maximum passes its gradient to the winner alone: one input shows a part of the field. Take the union over many inputs.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def field_of(model):
    one = lambda v: v if isinstance(v, int) else v[0]
    found = []
    for part in model:
        if isinstance(part, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            found.append(
                Layer(one(part.kernel_size), one(part.stride), one(part.padding), one(getattr(part, "dilation", 1)))
            )
    return receptive_fields(found)[-1]


torch.manual_seed(SEED)
model = nn.Sequential(
    nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, dilation=2), nn.ReLU(), nn.AvgPool2d(2)
)
field = field_of(model)
union = torch.zeros(40, 40, dtype=torch.bool)
one_input = None
for _ in range(60):
    hit = input_gradient(model, torch.randn(1, 1, 40, 40), (1, 1))[0] != 0
    one_input = int(hit.sum()) if one_input is None else one_input
    union |= hit
seen = torch.nonzero(union.any(0)).flatten()
print(
    f"formula {field.size} pixels from {field.of_unit(1)[0]} to {field.of_unit(1)[1]}; gradients from {seen[0]} to {seen[-1]}"
)
assert (seen[0].item(), seen[-1].item()) == field.of_unit(1)
assert one_input < int(union.sum())

# %% [markdown]
# ## At scale
#
# The dots, dials and shuffled letters were made for this page. Here is one small network on the 60,000 digits of [MNIST](../book/references.md#lecun-1998), one pass, with its two 3 x 3 layers of four kinds. Nothing else changes, and nothing is spent to make up for the lost weights.
# The command is `python -m tools.record_layers mnist`, with `course data mnist` before it if you do not have the files.

# %%
record = load_record("05b_layers.mnist")
for kind, weights in record["middle_weights"].items():
    print(f"{kind:12s} {weights:6,d} weights in the two layers   accuracy {band('05b_layers.mnist', kind)}")
print(f"{record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}")
assert band("05b_layers.mnist", "ordinary").median > band("05b_layers.mnist", "separable").median
assert record["middle_weights"]["ordinary"] == conv_weights(16, 32, 3) + conv_weights(32, 32, 3)
assert record["middle_weights"]["separable"] == separable_weights(16, 32) + separable_weights(32, 32)

# %% [markdown]
# The fewest weights cost the most accuracy; between groups of 2 and of 4 five seeds show no difference worth a word. What cheap layers buy is *room*: at equal cost you may have a deeper or wider network, and there they win. Chapters 06 and 07 make that trade.
#
# ## Summary
#
# - $M = \lfloor (N + 2p - k')/s \rfloor + 1$ with $k' = k + (k-1)(r-1)$. Keep the size with $k' - 1$ zeros in all; an even kernel cannot split them evenly.
# - A stride computes every $s$-th output of the stride-1 layer. A dilated kernel is a large kernel full of zeros; dilations with a common factor leave holes.
# - A transposed convolution is the adjoint: stamps, or zeros inserted, or the gradient of a strided layer. $\langle Ax, y\rangle = \langle x, A^\top y\rangle$. It is no inverse. The output padding picks one of $s$ sizes.
# - 1x1 mixes channels; groups divide the weights by $g$; depthwise plus 1x1 needs $9\,ch + ch^2$.
# - The same sum along one axis reads order, along three it reads motion.
# - Deformable taps go where a second layer sends them; bilinear sampling makes the way there differentiable.
# - A field grows by $r(k-1)$ times the product of the strides below. The effective field is a bell, growing like the square root of the depth.
#
# ## Further reading
#
# - [Dumoulin and Visin (2016)](../book/references.md#dumoulin-visin-2016): all sizes, with a drawing for each.
# - [Odena et al. (2016)](../book/references.md#odena-2016): checkerboards, where they come from.
# - [Yu and Koltun (2016)](../book/references.md#yu-koltun-2016) and [Wang et al. (2018)](../book/references.md#wang-2018): dilation, and its holes.
# - [Chollet (2017)](../book/references.md#chollet-2017) and [Howard et al. (2017)](../book/references.md#howard-2017): depthwise separable networks.
# - [Dai et al. (2017)](../book/references.md#dai-2017): deformable layers in detectors.
# - [Luo et al. (2016)](../book/references.md#luo-2016) and [Araujo et al. (2019)](../book/references.md#araujo-2019): effective and theoretical fields.
#
# ## The next question
#
# Strides throw away three of four numbers unseen. Could one *summarise* them instead, by the largest, or the mean? And what exactly happens to the output when the image moves by one pixel? That is [chapter 05c](05c_pooling.ipynb), pooling.
