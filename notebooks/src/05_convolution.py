# %% [markdown]
# # Convolution
#
# Take a dense layer. Cut every connection that reaches far. Make all that are left share the same few numbers. What remains
# is a convolution: the layer that taught machines to see. You will derive it, compute it in seven ways that give the same
# numbers, run it backwards by hand, and find out when sharing is a mistake.
#
# **You will be able to**
#
# - turn a dense layer into a locally connected, a tiled and a convolutional one, and count what each step saves;
# - compute a convolution by hand, and tell it from a correlation;
# - write it as a matrix, as columns and one product, with Fourier transforms, and as two thin passes, and say which is fast when;
# - count weights, outputs and operations of a layer with many channels;
# - derive its three gradients and check them against autograd;
# - say what zero padding does at the border, and when a kernel of its own for every place pays.
#
# **You need** the chain rule, NumPy, and one trained network behind you, such as [your first one](00_start.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.convolution import links, number_grid, structured_matrix, times_by_size
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ConvolutionExplorer, ImageNumbers

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## A window that slides
#
# Below is a picture of $5 \times 5$ numbers, and a *kernel* of $3 \times 3$ weights. Lay the kernel on the picture. Multiply each weight
# with the number under it, add the nine products, write the sum down. Move the kernel one step, do it again. That is all. Play
# before you read on:
#
# 1. The kernel has a single 1, in the middle of its top row. *Before* you look at the output: what will it do to the picture?
# 2. Take the picture "step". Try the other kernels, and find one whose output is 0 wherever the picture does not change.
# 3. Go back to the picture "lecture" and the kernel "shift". Switch from correlation to convolution. What happens to the output? The reason comes [below](#convolution-or-correlation).

# %%
ConvolutionExplorer()

# %% [markdown]
# Why should a network compute *this*, and not something else? The answer is two assumptions about pictures, one after the other. Each of
# them removes weights.
#
# ## From dense to convolution by removing weights
#
# [Your first network](00_start.ipynb) read its digits through a [dense layer](../book/glossary.md#layer): every output looks at every pixel, each
# link has its own weight. Shuffle the pixels of all pictures in the same way, and it learns just as well. So it does not use that
# pixels have *neighbours*. Two facts about pictures are free to take:
#
# - **Locality.** What belongs together lies together: an edge, an eye, a bird is a small region. So let an output look at a small
#   window only. The layer is now [locally connected](../book/glossary.md#locally-connected-layer), and the window is the output's
#   [receptive field](../book/glossary.md#receptive-field).
# - **Translation.** A bird looks the same on the left and on the right. What is worth detecting here is worth detecting there. So let all
#   windows share one set of weights: [weight sharing](../book/glossary.md#weight-sharing). The layer is now a convolution.
#
# In between there is a third choice, *tiled*: a few kernels that take turns. Here are all four in one dimension. Six inputs
# below, four outputs above, windows of three. **Lines of one colour are one and the same weight.**

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four diagrams with six circles below and four above. Dense: all 24 lines, colours all mixed. Locally connected: each upper circle has three lines from neighbours below. Tiled: the same lines, with two sets of three colours that take turns. Convolution: the same lines in three colours only."}}
from matplotlib.colors import ListedColormap, to_hex

j, i = np.mgrid[:4, :6]
near = (i - j >= 0) & (i - j < 3)
layers = {
    "dense\n24 weights": 6 * j + i,
    "locally connected\n12 weights": np.where(near, 3 * j + i - j, -1),
    "tiled, t = 2\n6 weights": np.where(near, 3 * (j % 2) + i - j, -1),
    "convolution\n3 weights": np.where(near, i - j, -1),
}
figure, panels = plt.subplots(1, 4, figsize=(7, 1.9))
for axes, (title, owner) in zip(panels, layers.items()):
    many = owner.max() + 1 > len(plotting.CYCLE)
    shades = [to_hex(c) for c in plt.get_cmap("turbo")(np.linspace(0, 1, owner.max() + 1))]
    links(axes, owner, title=title, colors=shades if many else plotting.CYCLE)
    assert len(np.unique(owner[owner >= 0])) == int(title.split("\n")[1].split()[0])
plt.show()

# %% [markdown]
# Now the same four on a photograph of $48 \times 48$ pixels, with windows of $5 \times 5$. No training: all weights are random. Each layer
# turns the photograph into $44 \times 44$ outputs.
#
# > **Predict.** In which of the four outputs will you recognise the cat?

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.im2col import conv2d_im2col
from course_utils.scratch.convolution.tiled import tiled_conv2d
from course_utils.scratch.convolution.unshared import unshared_im2col

photo = data.photo("cat", 48, gray=True).numpy()[None] / 255  # (1, 1, 48, 48)
draw = np.random.default_rng(4)
kernel = draw.normal(size=(1, 1, 5, 5))
tiles = draw.normal(size=(1, 1, 5, 5, 4, 4))
places = draw.normal(size=(1, 44, 44, 1, 5, 5))
matrix = draw.normal(size=(44 * 44, 48 * 48))
for w, axes in ((kernel, (2, 3)), (tiles, (2, 3)), (places, (4, 5)), (matrix, 1)):
    w -= w.mean(axis=axes, keepdims=True)  # a grey wall gives 0 everywhere, so we compare patterns, not brightness
outputs = {
    "dense": (matrix @ photo.ravel()).reshape(44, 44),
    "locally connected": unshared_im2col(photo, places)[0, 0],
    "tiled, t = 4": tiled_conv2d(photo, tiles)[0, 0],
    "convolution": conv2d_im2col(photo, kernel)[0, 0],
}
weights = dict(zip(outputs, (matrix, places, tiles, kernel)))
print("layer               weights  products   of them for one output")
for name, z in outputs.items():
    per_output = 48 * 48 if name == "dense" else 5 * 5
    print(f"{name:18s} {weights[name].size:8,d} {per_output * z.size:9,d}   {per_output:5d}")
assert [w.size for w in weights.values()] == [4_460_544, 48_400, 400, 25]

# %% tags=["hide-input"] mystnb={"image": {"alt": "A small photo of a cat's face and four outputs. Dense: noise everywhere. Locally connected and tiled: noise that is strong where the photo has eyes and nose and weak where it is smooth. Convolution: the cat, with its edges drawn in black and white."}}
plotting.image_grid(
    [(a - a.mean()) / a.std() for a in (photo[0, 0, 2:-2, 2:-2], *outputs.values())],
    ["photo", *outputs],
    columns=5,
    size=1.4,
    vmin=-2.5,
    vmax=2.5,
)

# %% [markdown]
# <span id="c153"></span>The first step, dense to local, saves 99 % of the *work*: an output costs $k^2 = 25$ products where it cost $N^2 = 2304$. This is what the
# [lecture](../book/claims.md) calls sparse interaction. The second step, sharing, saves no work at all. It saves *weights*, and it does more than
# that. The local layer tells *that* something is there, at eyes and nose, but at each place it answers in another language. The shared layer, with weights that nobody trained, draws the cat: the same thing at two places gives the same answer.
#
# To see that these really are one layer with more or less freedom, go backwards. Copy one kernel to all places of a locally connected layer,
# and it must turn into the convolution, to the last digit. And set a dense layer's far weights to zero:

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.unshared import share_everywhere

tied = unshared_im2col(photo, share_everywhere(kernel, 44, 44))
masked = np.zeros((44, 44, 48, 48))
for row, column in np.ndindex(44, 44):
    masked[row, column, row : row + 5, column : column + 5] = places[0, row, column, 0]
by_matrix = (masked.reshape(44 * 44, -1) @ photo.ravel()).reshape(44, 44)
library = F.conv2d(torch.tensor(photo), torch.tensor(kernel))[0, 0].numpy()
assert np.allclose(tied[0, 0], outputs["convolution"], rtol=0, atol=1e-10)
assert np.allclose(library, outputs["convolution"], rtol=0, atol=1e-10)
assert np.allclose(by_matrix, outputs["locally connected"], rtol=0, atol=1e-10)
print(f"tied kernels: the convolution, with 1/{places.size // kernel.size:,} of the weights")
print("dense with zeros far away: the locally connected layer")

# %% [markdown]
# Fewer weights are worth nothing by themselves. The question is whether what remains *fits pictures better*. A fair test: $16 \times 16$ pixels of noise with
# a small striped patch at a random place. Do the stripes lie or stand? 400 pictures to learn from. Three networks with the same number of hidden units, 576, and
# the same readout behind. They differ in what a hidden unit may look at. A fourth is dense too, with as many *weights* as the locally connected one, that is with 58 units.
#
# > **Predict.** All of them will fit the 400 training pictures. On new pictures, which is best, and does locality alone (no sharing) help?

# %% tags=["hide-input", "band-texture"]
import torch
from torch import nn

from course_utils.scratch.convolution.texture_patches import draw_texture_patches
from course_utils.scratch.convolution.unshared import UnsharedConv2d

UNITS = 4 * 12 * 12
FEWER = 58  # so many dense units have as many weights as the locally connected layer


def texture_layer(kind):
    if kind in ("dense", "small"):
        return nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, UNITS if kind == "dense" else FEWER))
    return UnsharedConv2d(1, 4, 5, in_size=16) if kind == "local" else nn.Conv2d(1, 4, 5)


def texture_accuracy(kind, seed):
    x, y = draw_texture_patches(400, seed=2 * seed)
    new_x, new_y = draw_texture_patches(2000, seed=2 * seed + 1)
    torch.manual_seed(seed)
    net = nn.Sequential(texture_layer(kind), nn.ReLU(), nn.Flatten(), nn.Linear(FEWER if kind == "small" else UNITS, 2))
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        fit = (net(x).argmax(1) == y).float().mean().item()
        return fit, (net(new_x).argmax(1) == new_y).float().mean().item()


texture_result = {}
for kind in ("dense", "small", "local", "conv"):
    fit, accuracy = texture_accuracy(kind, SEED)
    texture_result |= {kind: accuracy, f"{kind}_fit": fit}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four horizontal bands of accuracy on new pictures over 20 seeds with a diamond on each: both dense networks lowest, locally connected clearly higher, convolution highest, close to 1."}}
figure, axes = plt.subplots(figsize=(7, 2.3))
names = {
    "conv": "convolution, 104 weights",
    "local": "locally connected, 14,976",
    "small": "dense, 58 units, 14,906",
    "dense": "dense, 148,032",
}
for height, (kind, label) in enumerate(names.items()):
    plotting.seed_band(axes, band("05_convolution.texture", kind), texture_result[kind], label, y=-height)
axes.set(xlabel="accuracy on 2,000 new pictures (band: 20 seeds, diamond: this run)")
plt.show()

# %%
for kind in names:
    within = band("05_convolution.texture", kind)
    print(f"{kind:6s} fits {texture_result[kind + '_fit']:.1%}, new pictures {texture_result[kind]:.1%}; band {within}")
    assert within.contains(texture_result[kind], slack=0.02)
assert max(texture_result["dense"], texture_result["small"]) < texture_result["local"] < texture_result["conv"]
counted = {kind: sum(p.numel() for p in texture_layer(kind).parameters()) for kind in names}
assert counted == {"dense": 148_032, "small": 14_906, "local": 14_976, "conv": 104}

# %% [markdown]
# All of them fit. It is not the number of weights: the small dense network is only a little better than the large one. Locality alone repairs much of the damage: a unit that sees $25$ pixels can tell lying from standing stripes, and has little else to latch on to.
# Sharing repairs the rest: what is learned at one place is known at all places. Such an assumption, built into a network before it sees any data, is called a *prior*: not less power for
# its own sake, but power spent where pictures are.
#
# ## Oriented cells
#
# Nature got there first. [Hubel and Wiesel (1962)](../book/references.md#hubel-wiesel-1962) recorded single cells in the visual cortex of cats. Such a cell
# does not answer to light as such. It answers to a *bar* at one place, with one orientation. Its neighbours answer to other
# orientations at the same place, and the set repeats over the whole field of view. So: small receptive fields, and the same detectors everywhere.
#
# Their "simple cell" is well described by a [Gabor function](../book/glossary.md#gabor-function): stripes under a bell
# ([Daugman, 1985](../book/references.md#daugman-1985)). Let us put four of them, one for each of four orientations, on every place of
# a picture, and show the picture one bar.
#
# > **Predict.** The bar rises to the right, at $45°$, in the upper left. Of the $4 \times 41 \times 41$ units, which ones are active?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Top row: a bar rising to the right in the upper left of a black picture, and striped units of 0, 45, 90 and 135 degrees. Bottom row: tuning curve with a peak at 45 degrees for the 45 degree unit, and four maps of activity; only the 45 degree map lights up strongly, at the place of the bar."}}
from course_utils.scratch.convolution.gabor import bar, gabor

orientations = (0, 45, 90, 135)
bank = np.stack([gabor(17, angle) for angle in orientations])[:, None]  # (4, 1, 17, 17)
scene = bar(57, 45, center=(18, 20))
activity = np.maximum(
    conv2d_im2col(scene[None, None], bank)[0], 0
)  # (4, 41, 41), a cell does not fire less than nothing

figure, panels = plt.subplots(2, 5, figsize=(7, 3.0))
for axes, picture, title in zip(panels[0], (scene, *bank[:, 0]), ("the bar", *(f"unit {a}°" for a in orientations))):
    axes.imshow(picture)
    axes.set_title(title, fontsize=9)
for axes, picture, angle in zip(panels[1, 1:], activity, orientations):
    axes.imshow(picture, vmin=0, vmax=activity.max())
    axes.set_title(f"activity {angle}°", fontsize=9)
for axes in (*panels[0], *panels[1, 1:]):
    axes.set_axis_off()
turned = np.arange(0, 181, 5)
tuning = [max(0, (gabor(17, 45) * bar(17, a, length=14)).sum()) for a in turned]
panels[1, 0].plot(turned, tuning)
panels[1, 0].set(xticks=[0, 45, 90, 180], yticks=[], xlabel="angle of a bar", ylabel="answer")
panels[1, 0].set_title("unit 45°", fontsize=9)
plt.show()

# %% tags=["nbval-check-output"]
strongest = np.unravel_index(activity.argmax(), activity.shape)
print(
    f"strongest unit: {orientations[strongest[0]]}°, window centred at row {strongest[1] + 8}, column {strongest[2] + 8}"
)
peaks = activity.max(axis=(1, 2)) / activity.max()
print("strongest answer of each orientation:", {a: round(float(p), 2) for a, p in zip(orientations, peaks)})
far = np.hypot(*(np.mgrid[:41, :41] + 8 - np.array([18, 20])[:, None, None])) > 18
print(f"largest answer anywhere far from the bar: {activity[:, far].max():.3f}")
assert orientations[strongest[0]] == 45
assert np.hypot(strongest[1] + 8 - 18, strongest[2] + 8 - 20) <= 3
assert np.delete(peaks, 1).max() < 0.5
assert activity[:, far].max() < 0.01 * activity.max()
assert turned[int(np.argmax(tuning))] == 45

# %% [markdown]
# The right orientation at the right place. Units of other orientations over the bar answer less than half as strongly, and far from the bar nobody answers. "The same unit at every place" was one call of a convolution. Trained networks often find
# such units by themselves: look out for them when you see the first layer of a network drawn.
#
# ## Convolution in one dimension
#
# Time to be exact. Signals come first, pictures second. The [convolution](../book/glossary.md#convolution) of a signal $x$ with a kernel $h$ is
# <span id="c105"></span>
#
# $$ y[n] = (x * h)[n] = \sum_k x[k]\, h[n - k] . \tag{5.1} $$
#
# Read it like this. Each $x[k]$ is a drop that falls into water, at time $k$. It leaves a ripple of shape $h$, which begins at $k$. What you see at time $n$ is
# the sum of all ripples, each at its own age $n - k$. Terms where $x$ or $h$ has no value count 0.
#
# A kernel of 3 values on a signal of 6 gives 8 outputs. At both ends the ripples overlap only in part. Three conventions:
# *full* keeps all $N + K - 1$, *valid* keeps the $N - K + 1$ without missing partners, *same* keeps the middle $N$.
#
# > **Predict.** $x = (1, 2, 3)$, $h = (1, 10, 100)$. Write down the full output. (It has five numbers.)

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.loops import convolve1d_loops


def convolve_by_hand(x, h):
    y = np.zeros(len(x) + len(h) - 1)
    for n in range(len(y)):
        for k in range(len(x)):
            if 0 <= n - k < len(h):
                y[n] += x[k] * h[n - k]
    return y


print("full: ", convolve_by_hand([1, 2, 3], [1, 10, 100]).astype(int).tolist())
for mode in ("full", "same", "valid"):
    signal, taps = draw.normal(size=9), draw.normal(size=4)
    assert np.allclose(convolve1d_loops(signal, taps, mode), np.convolve(signal, taps, mode))
    print(f"{mode:5s}: {len(convolve1d_loops(signal, taps, mode)):2d} values of 9, as numpy.convolve gives them")
assert convolve_by_hand([1, 2, 3], [1, 10, 100]).tolist() == [1, 12, 123, 230, 300]

# %% [markdown]
# Did you recognise it? Polynomials multiply like this: $(1 + 2z + 3z^2)(1 + 10z + 100z^2) = 1 + 12z + 123z^2 + 230z^3 + 300z^4$. To multiply is to convolve the coefficients.
#
# The index $n - k$ runs *against* $k$. So, to compute one output by sliding, you lay the kernel on the signal **back to front**. Look: for the output $n = 2$ the
# kernel $(1, 10, 100)$ lies on the signal as $(100, 10, 1)$, and $100\cdot 1 + 10\cdot 2 + 1\cdot 3 = 123$.
#
# ## Convolution in two dimensions
#
# The same with two indices:
#
# $$ y[m, n] = \sum_i \sum_j x[i, j]\, h[m - i,\, n - j] . \tag{5.2} $$
#
# <span id="c106"></span>For a $3 \times 3$ kernel whose origin is its centre (rows and columns $-1, 0, 1$) the lecture writes one output out in full. Nine terms; watch how the
# two brackets of each term always add up to $[1, 1]$:
#
# $$ \begin{aligned} y[1,1] ={}& x[0,0]\,h[1,1] + x[1,0]\,h[0,1] + x[2,0]\,h[-1,1] \\ {}+{}& x[0,1]\,h[1,0] + x[1,1]\,h[0,0] + x[2,1]\,h[-1,0] \\
# {}+{}& x[0,2]\,h[1,-1] + x[1,2]\,h[0,-1] + x[2,2]\,h[-1,-1] . \end{aligned} $$

# %% tags=["nbval-check-output"]
from scipy.signal import convolve2d as scipy_convolve2d

from course_utils.scratch.convolution.loops import convolve2d_loops, nine_terms

for _ in range(100):
    picture, weights_3x3 = draw.normal(size=(5, 6)), draw.normal(size=(3, 3))
    assert np.isclose(nine_terms(picture, weights_3x3), scipy_convolve2d(picture, weights_3x3, "same")[1, 1])
for mode in ("full", "same", "valid"):
    ours, theirs = convolve2d_loops(picture, weights_3x3, mode), scipy_convolve2d(picture, weights_3x3, mode)
    assert np.allclose(ours, theirs)
    print(f"{mode:5s}: {ours.shape[0]} x {ours.shape[1]} from 5 x 6, loops and SciPy agree")
print("nine terms: y[1,1] on 100 random pictures")

# %% [markdown]
# ## Convolution or correlation
#
# In the widget you did not flip anything. You laid the kernel on the picture as it is. That is another sum, with plus signs, the
# [cross-correlation](../book/glossary.md#cross-correlation):
#
# $$ (x \otimes w)[m, n] = \sum_i \sum_j x[m + i,\, n + j]\, w[i, j] \;=\; (x * w_-)[m, n], \qquad w_-[i, j] = w[-i, -j] . \tag{5.3} $$
#
# <span id="c109"></span>The second half says how the two are related: correlating is convolving with the kernel turned by half a turn. That is a flip
# of both axes, not a mirror image.
#
# <span id="c107"></span>Does it matter? Here is an example from a lecture, the one in the widget: a $5 \times 5$ picture, and the kernel with a single 1. The slide
# puts 42 into the centre of the result.
#
# > **Predict.** By definition 5.2, which is the slide's own, what belongs into the centre: 42, the number *above* the middle, or 56, the one below?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the five by five picture with 42 framed above the middle and 56 below. Then the kernel with a 1 on top and the same kernel turned, with the 1 below. Right: the correlation with 42 in its centre, and the convolution with 56 in its centre."}}
from course_utils.scratch.convolution.correlation import (
    LECTURE_KERNEL,
    LECTURE_PICTURE,
    convolve2d,
    correlate2d,
    flip,
)

correlated = correlate2d(LECTURE_PICTURE, LECTURE_KERNEL)
convolved = convolve2d(LECTURE_PICTURE, LECTURE_KERNEL, "valid")
figure, panels = plt.subplots(2, 3, figsize=(5.4, 3.9), width_ratios=[1, 1, 1])
for row, (name, w, result, color) in enumerate(
    (
        ("correlation", LECTURE_KERNEL, correlated, "blue"),
        ("convolution", flip(LECTURE_KERNEL), convolved, "vermillion"),
    )
):
    window = (1 if row == 0 else 3, 2, 1, 1)
    number_grid(panels[row, 0], LECTURE_PICTURE, title="picture", window=window, color=COLORS[color], shade=False)
    number_grid(panels[row, 1], w, title="kernel as it is" if row == 0 else "kernel, turned")
    number_grid(panels[row, 2], result, title=name, window=(1, 1, 1, 1), color=COLORS[color], shade=False)
plt.show()

# %% tags=["nbval-check-output"]
print("correlation:", correlated.tolist())
print("convolution:", convolved.tolist())
assert correlated[1, 1] == 42
assert convolved[1, 1] == 56
assert np.array_equal(convolved, convolve2d_loops(LECTURE_PICTURE, LECTURE_KERNEL, "valid"))
assert np.array_equal(correlated, convolve2d(LECTURE_PICTURE, flip(LECTURE_KERNEL), "valid"))

# %% [markdown]
# 42 is the correlation; the convolution is 56. (The transcript of the slide also shows a result of nine zeros. Neither operation gives that.) The slip is everywhere, and
# mostly harmless. Here is how to remember the difference. The kernel has its 1 *above* the centre. Correlation **looks** up: each output is the number above. Convolution **throws** up: each pixel
# leaves its ripple one row above itself, the picture moves up, and what you see in the centre was below. Same kernel, opposite motion.
#
# <span id="c108"></span>What is the flip good for? It makes the operation **commutative**: picture and kernel can change places, $x * w = w * x$. Substitute $k \to n - k$ in 5.1 and
# the two change roles. Correlation has no such law: change the roles and the result comes out turned. Both are linear in $x$.

# %% tags=["nbval-check-output"]
a, b, c = draw.normal(size=(3, 4, 4))
assert np.allclose(convolve2d(a, b), convolve2d(b, a))
assert np.allclose(convolve2d(convolve2d(a, b), c), convolve2d(a, convolve2d(b, c)))
assert np.allclose(convolve2d(2 * a + 3 * b, c), 2 * convolve2d(a, c) + 3 * convolve2d(b, c))
print("convolution commutes and associates, and is linear")
assert not np.allclose(correlate2d(a, b, "full"), correlate2d(b, a, "full"))
assert np.allclose(correlate2d(a, b, "full"), flip(correlate2d(b, a, "full")))
print("correlation does not commute: swapping turns the result by half a turn")
valid = convolve2d(draw.normal(size=(6, 6)), a, "valid").shape
print("with mode 'valid' even the sizes forbid a swap:", (6, 6), "with", a.shape, "gives", valid)

# %% [markdown]
# <span id="c110"></span>Deep learning says "convolution" and writes $y = w * x + b$, as the lectures do; and computes the correlation. PyTorch as well:

# %% tags=["nbval-check-output"]
picture, w = draw.normal(size=(8, 8)), draw.normal(size=(3, 3))
layer_output = F.conv2d(torch.tensor(picture)[None, None], torch.tensor(w)[None, None])[0, 0].numpy()
print("conv2d is the correlation:", np.allclose(layer_output, correlate2d(picture, w)))
print("conv2d is the convolution:", np.allclose(layer_output, convolve2d(picture, w, "valid")))
assert np.allclose(layer_output, correlate2d(picture, w))
assert not np.allclose(layer_output, convolve2d(picture, w, "valid"))

# %% [markdown]
# For a layer that *learns* its weights it makes no difference: it learns the turned kernel. It makes one as soon as you load weights from another library, compare with a
# textbook, or put in a kernel by hand. **From here on, a convolution *layer* means what PyTorch computes, without the flip.** When the flip matters, I say "true convolution".
#
# ## The smallest useful kernel
#
# Two weights: $[1, -1]$. Every output is a pixel minus its right neighbour. Where the picture is smooth, the answer is about 0. Where brightness changes from left to right, it is large.
#
# > **Predict.** Will it find the horizontal edges too?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A photo of a man with a camera on a tripod, and beside it the answer of the two-weight kernel: grey in flat regions, thin bright and dark lines along the upright edges of coat, tripod and buildings; level edges are missing."}}
camera = data.photo("camera", (280, 320), gray=True)[0].numpy() / 255
edges = correlate2d(camera, np.array([[1.0, -1.0]]))
figure, (left, right) = plt.subplots(1, 2, figsize=(3.8, 1.8))
left.imshow(np.round(31 * camera) / 31)  # 32 shades look the same and keep the page light
right.imshow(np.round(16 * edges) / 16, vmin=-0.4, vmax=0.4)
for axes, title in ((left, "photo, 280 x 320"), (right, "pixel minus right neighbour")):
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
plt.show()

# %% tags=["nbval-check-output"]
standing = np.zeros((9, 9))
standing[:, 4:] = 1  # dark left, bright right: one upright edge
assert np.flatnonzero(correlate2d(standing, [[1.0, -1.0]])[0]).tolist() == [3]
assert not correlate2d(standing.T, [[1.0, -1.0]]).any()  # the level edge does not exist for this kernel

outputs_count = edges.size
by_kernel = outputs_count * 3  # two products and one addition
by_matrix = outputs_count * camera.size * 2  # a product and an addition for every entry
print(f"{edges.shape[0]} x {edges.shape[1]} = {outputs_count:,} outputs, 2 weights, {by_kernel:,} operations")
print(f"as a matrix: {outputs_count * camera.size:,} entries, {by_matrix:,} operations")
print(f"the matrix does {by_matrix / by_kernel:,.0f} times the work, and {1 - 2 / camera.size:.4%} of it are zeros")
assert by_matrix > 10_000 * by_kernel

# %% [markdown]
# It marks upright edges and is blind to level ones. Look at a piece of coat and sky as numbers, and do it in your head: where along a row do two neighbours differ most? That is where the
# kernel answers. And down a column?

# %%
ImageNumbers(image=(255 * camera[60:84, 96:120]).round().astype(int).tolist())

# %% [markdown]
# (The example goes back to [Goodfellow et al., 2016](../book/references.md#goodfellow-2016).) But note the second half of the printout: the very same operation *is* a matrix product. A matrix nobody would store, but a good one
# to think with.
#
# ## As a matrix
#
# <span id="c111"></span>A convolution is linear, and a linear map has a matrix. Compare $y[n] = \sum_k h[n-k]\,x[k]$ with the rule for a matrix product, $y_n = \sum_k T_{nk}\, x_k$:
#
# $$ y = T x, \qquad T_{nk} = h[n - k] . \tag{5.4} $$
#
# The entry depends on $n - k$ only, so each diagonal holds one number: a [Toeplitz matrix](../book/glossary.md#toeplitz-matrix). For pictures, read row by row into one
# long vector, the matrix is built of blocks. Block $(m, i)$ says how row $i$ of the picture enters row $m$ of the output. It is the Toeplitz matrix of *one row* of the kernel, number $m - i$.
# So the blocks repeat along diagonals too: *doubly block Toeplitz*.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three matrices as pictures. A dense one with random colours everywhere. A Toeplitz matrix with three coloured diagonals. A matrix of 6 by 8 blocks in which three diagonals of blocks are filled, and each filled block has three diagonals itself."}}
from course_utils.scratch.convolution.toeplitz import doubly_block_toeplitz, is_toeplitz, toeplitz_matrix

small_kernel = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -3.0], [2.0, -1.0, 4.0]])
in_one = toeplitz_matrix(small_kernel[0], 10)
in_two = doubly_block_toeplitz(small_kernel, (8, 8))
figure, panels = plt.subplots(1, 3, figsize=(7, 2.4))
structured_matrix(panels[0], draw.normal(size=in_one.shape), title="dense, 8 x 10")
structured_matrix(panels[1], in_one, title="one dimension, 8 x 10")
structured_matrix(panels[2], in_two, title="8 x 8 picture, 36 x 64", blocks=(6, 8))
plt.show()

# %% tags=["nbval-check-output"]
x8 = draw.normal(size=(8, 8))
x10 = draw.normal(size=10)
assert np.allclose(in_one @ x10, np.convolve(x10, small_kernel[0], "valid"))
assert np.allclose(in_two @ x8.ravel(), convolve2d(x8, small_kernel, "valid").ravel())
blocks = in_two.reshape(6, 6, 8, 8).swapaxes(1, 2)
assert is_toeplitz(in_one)
assert all(is_toeplitz(blocks[m, i]) for m in range(6) for i in range(8))
assert all(np.array_equal(blocks[m, i], blocks[m + 1, i + 1]) for m in range(5) for i in range(7))
assert not is_toeplitz(in_two)  # block by block yes, as a whole no
print(
    f"36 x 64 = {in_two.size} entries, {np.count_nonzero(in_two)} not zero, {len(np.unique(in_two)) - 1} different numbers"
)
crop = camera[100:116, 100:116]
assert np.allclose(
    (doubly_block_toeplitz(np.array([[-1.0, 1.0]]), (16, 16)) @ crop.ravel()).reshape(16, 15), edges[100:116, 100:115]
)
print("and the edge kernel on a piece of the photo is its matrix times the pixels")

# %% [markdown]
# The two steps from dense to convolution are visible in the matrix. Locality: most entries are zero. Sharing: the rest repeat. Two more facts come for free, and you will use both.
# The *backward* pass of a linear map is the product with $T^\top$. And a matrix can be applied by the fastest routine any computer has.
#
# ## As columns and one product
#
# Nobody stores $T$. But matrix products are so fast that it pays to write the convolution as one in another way: do not blow up the kernel, blow up the *picture*. Copy each window into a column.
# Write each kernel as a row. Then all outputs are one matrix product:
#
# $$ Z = W_{\text{rows}} \cdot \operatorname{im2col}(x), \qquad (O \times Ck^2) \cdot (Ck^2 \times L) = O \times L , \tag{5.5} $$
#
# for $O$ kernels, $C$ channels, $L$ positions. This was proposed by [Chellapilla et al. (2006)](../book/references.md#chellapilla-2006); its name today, *im2col*, says image to columns.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a four by four picture with numbers 1 to 16, its second window of two by two framed. Right: a matrix with four rows and nine columns; the second column, framed, holds the four numbers of that window."}}
from course_utils.scratch.convolution.im2col import im2col

sixteen = np.arange(1, 17).reshape(4, 4)
columns = im2col(sixteen[None, None], kernel_size=2)[0]
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.1), width_ratios=[4, 9])
number_grid(left, sixteen, title="picture", window=(0, 1, 2, 2), shade=False)
number_grid(right, columns, title="a column for each of 9 windows", window=(0, 1, 4, 1), shade=False)
plt.show()

# %% tags=["nbval-check-output"]
checked = 0
batch = draw.normal(size=(2, 4, 9, 8))
for kernel_side in (1, 2, 3):
    for stride in (1, 2, 3):
        for padding in (0, 1, 2):
            for dilation in (1, 2):
                filters = draw.normal(size=(6, 4, kernel_side, kernel_side))
                ours = conv2d_im2col(batch, filters, None, stride, padding, dilation)
                theirs = F.conv2d(torch.tensor(batch), torch.tensor(filters), None, stride, padding, dilation)
                assert np.allclose(ours, theirs, rtol=0, atol=1e-10)
                checked += 1
print(f"one matrix product is the library's convolution in {checked} settings")
assert np.array_equal(im2col(batch, 3, padding=1), F.unfold(torch.tensor(batch), 3, padding=1))
repeated = im2col(batch, 3, padding=1).size / batch.size
print(f"the price: a 3 x 3 kernel copies each pixel {repeated:.0f} times")

# %% [markdown]
# Nine times the memory. The course's version therefore unrolls a few images at a time, so that the columns never leave the processor's cache. Libraries go one step further and build the columns
# piece by piece *inside* the matrix product. (What stride, padding and dilation do is the subject of the next chapter.)
#
# ## As a product of Fourier transforms
#
# <span id="c112"></span>The convolution theorem: transform both, multiply **number by number**, transform back. With $F\{x\}$ for the Fourier transform of $x$,
#
# $$ F\{x * h\} = F\{x\} \odot F\{h\} . \tag{5.6} $$
#
# Why should that be? Take a single wave, $e^{i \omega n}$ (here $i^2 = -1$), and convolve it with $h$:
#
# $$ \sum_k h[k]\, e^{i \omega (n - k)} = \Big( \sum_k h[k]\, e^{-i \omega k} \Big)\, e^{i \omega n} . $$
#
# The same wave comes out, multiplied by one number, and that number is the transform of $h$ at the frequency $\omega$. Now the transform of $x$ says how much of each wave is in $x$. So each share is multiplied by its own
# number, and no wave mixes with another.
#
# The lecture says that "the convolution is a dot product in Fourier space". It is not: a dot product multiplies and then *adds up*, and leaves one number. Here as many numbers come out as went in, an
# [element-wise product](../book/glossary.md#element-wise-product). And there is a trap that the formula hides. The transform thinks that the picture is a tile that repeats forever.
#
# > **Predict.** Blur a photo by multiplying transforms, without any further care. What happens at the top edge of the photo?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels of the camera photo smeared downwards by a tall kernel. Without padding the dark coat from the bottom edge reappears in the sky at the top. With zero padding the top edge fades in from black. Their difference is zero everywhere except a strip at the top."}}
from course_utils.scratch.convolution.fft import circular_convolve2d, fft_convolve2d

small_photo = data.photo("camera", 96, gray=True)[0].numpy() / 255
smear = np.full((32, 1), 1 / 32)
wrapped = circular_convolve2d(small_photo, smear)
padded = fft_convolve2d(small_photo, smear)[:96]
plotting.image_grid(
    [wrapped, padded, np.abs(wrapped - padded)],
    ["no zeros added: it wraps", "zeros added", "difference"],
    columns=3,
    size=1.9,
    vmin=0,
    vmax=1,
)

# %% tags=["nbval-check-output"]
assert np.allclose(fft_convolve2d(small_photo, smear), convolve2d(small_photo, smear))
assert np.allclose(wrapped[31:], padded[31:])
assert np.abs(wrapped[:31] - padded[:31]).max() > 0.1
product = np.fft.rfft2(small_photo) * np.fft.rfft2(smear, s=small_photo.shape)
dot = np.vdot(np.fft.rfft2(smear, s=small_photo.shape), np.fft.rfft2(small_photo))
print(f"element-wise product: {product.size:,} numbers; dot product: {np.size(dot)} number")
for mode in ("full", "same", "valid"):
    assert np.allclose(fft_convolve2d(picture, w, mode), convolve2d_loops(picture, w, mode))
print("with zeros added, equal to the loops in all three modes")
print("without: rows 0 to 30 are wrong, where the kernel of 32 rows reaches over the edge")

# %% [markdown]
# The remedy: add zeros until nothing can reach around. For the full output that is $N + K - 1$ in each direction.
#
# What is it good for? The cost hardly depends on the kernel's size. A direct convolution costs $K^2$ products a pixel; a transform costs in the order of $\log N$ a pixel, whatever $K$ is. So it must win
# when kernels are large. *How* large, we will measure.
#
# ## As thin passes
#
# <span id="c114"></span>Some kernels are an **outer product**: $w[i,j] = a[i]\, b[j]$. Then the sum falls apart into two. First blur each row with $b$, then each column with $a$:
#
# $$ \sum_{i,j} x[m-i, n-j]\, a[i]\, b[j] = \sum_i a[i] \Big( \sum_j x[m-i, n-j]\, b[j] \Big) . $$
#
# For a kernel of side $k$ in $d$ dimensions that is $d \cdot k$ products an output in place of $k^d$. Such kernels are called [separable](../book/glossary.md#separable-kernel). As matrices they have rank one. And
# every kernel is a *sum* of such matrices, sorted by importance, since that is what the singular value decomposition does:
#
# $$ w = \sum_{r=1}^{R} \sigma_r\, u_r v_r^\top, \qquad \sigma_1 \ge \sigma_2 \ge \dots > 0, \qquad R = \operatorname{rank}(w) . \tag{5.7} $$
#
# > **Predict.** Which of these kernels is separable: a Gaussian blur, a box, Sobel's edge detector, the Laplacian, a Gabor unit at $0°$, at $45°$?

# %% tags=["nbval-check-output", "hide-input"]
from scipy.signal import convolve as scipy_convolve

from course_utils.scratch.convolution.separable import convolve_low_rank, convolve_separable, outer, separable_terms

bell = np.exp(-(np.arange(-8, 9) ** 2) / 18)
kernels = {
    "Gaussian": np.outer(bell, bell),
    "box": np.ones((17, 17)),
    "Sobel": np.outer([1, 2, 1], [1, 0, -1]),
    "Laplacian": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "Gabor 0°": gabor(17, 0),
    "Gabor 45°": gabor(17, 45),
    "random": draw.normal(size=(17, 17)),
}
print("kernel      side  rank  products a pixel: full  in thin passes")
for name, w in kernels.items():
    rank, side = len(separable_terms(w)), len(w)
    print(f"{name:10s}  {side:4d}  {rank:4d}  {side**2:22d}  {2 * side * rank:14d}")
    passes = convolve_low_rank(small_photo, w, rank, "valid")
    assert np.allclose(passes, fft_convolve2d(small_photo, w, "valid"), atol=1e-8)
ranks = [len(separable_terms(w)) for w in kernels.values()]
assert ranks == [1, 1, 1, 2, 1, 3, 17]
volume, three = draw.normal(size=(9, 8, 7)), [draw.normal(size=4) for _ in range(3)]
reference = scipy_convolve(volume, outer(three), mode="valid", method="direct")
assert np.allclose(convolve_separable(volume, three), reference)
print("three dimensions, side 4: 12 products in place of 64, the same result")

# %% [markdown]
# A slanted Gabor unit needs three terms: two because $\cos(a + b) = \cos a \cos b - \sin a \sin b$, and one for the small correction that keeps it silent in front of a grey wall (exercise 4).
# A random kernel has full rank: thin passes cost twice as much as the direct way. But look how fast a *structured* kernel is approached:

# %% tags=["hide-input"] mystnb={"image": {"alt": "A ring-shaped kernel and its best approximations of rank 1, 2, 3 and 5: a blurred cross, then closer and closer to the ring; the titles give the share of its squared length that is captured, rising to almost 100 percent."}}
rows, cols = np.mgrid[-8:9, -8:9]
ring = np.exp(-((np.hypot(rows, cols) - 5.0) ** 2) / 3)
terms = separable_terms(ring)
approximations = [sum(np.outer(*pair) for pair in terms[:r]) for r in (1, 2, 3, 5)]
captured = [1 - np.square(ring - a).sum() / np.square(ring).sum() for a in approximations]
assert captured == sorted(captured)
assert captured[-1] > 0.99
plotting.image_grid(
    [ring, *approximations],
    ["kernel", *(f"rank {r}: {share:.1%}" for r, share in zip((1, 2, 3, 5), captured))],
    columns=5,
    size=1.35,
    vmin=0,
    vmax=1,
)

# %% [markdown]
# ## Which way is fastest
#
# You have seven ways to the same numbers. Loops, the whole matrix, shifted copies of the picture (the `correlate2d` above), columns, Fourier, thin passes, and PyTorch's own. First make sure that they
# really run the same race, then time them on this machine.
#
# > **Predict.** A photo of $256 \times 256$, one core. From which kernel size on is Fourier faster than PyTorch: 5, 15, or 45?

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.race import best_seconds, crossover, ways

for kernel_side in (1, 3, 8):
    results = {name: run() for name, run in ways(24, kernel_side, slow=True).items()}
    assert all(np.allclose(z, results["loops"], atol=1e-4) for z in results.values())
print(len(results), "ways, one result:", ", ".join(results))

# %% tags=["hide-input", "machine"] mystnb={"image": {"alt": "Milliseconds against the side of the kernel, both axes logarithmic. Shifted copies, im2col and PyTorch rise steeply; two thin passes rise slowly; Fourier is level, begins as the slowest and ends as the fastest of all."}}
threads = torch.get_num_threads()
torch.set_num_threads(1)
kernel_sides = [3, 5, 7, 9, 13, 17, 25, 33]
seconds = {}
for side in kernel_sides:
    for name, run in ways(256, side).items():
        seconds.setdefault(name, []).append(best_seconds(run, repeats=5, limit=0.05))
torch.set_num_threads(threads)
figure, axes = plt.subplots(figsize=(7, 3.2))
times_by_size(axes, kernel_sides, seconds)
axes.set_title("One 256 x 256 picture, this machine")
plt.show()
print("Fourier beats PyTorch from side", crossover(kernel_sides, seconds["Fourier"], seconds["PyTorch"]))

# %% [markdown]
# <span id="c113"></span>The lecture is right that Fourier pays for large kernels, and "large" comes early here: the direct way wins only for the smallest. Where exactly, depends on the machine, on the size of the picture, and on the
# number of channels. With many channels the transform of each map is used by many kernels, but so are the fast matrix products. With the $3 \times 3$ kernels of modern networks, direct methods win. The record of a quiet machine:

# %% tags=["hide-input"]
record = load_record("convolution")
large = record["large"]
print(f"one picture {large['size']} x {large['size']}, one thread, milliseconds:")
print("kernel side     ", "".join(f"{k:8d}" for k in large["kernels"]))
for name, values in large["seconds"].items():
    print(f"{name:16s}", "".join(f"{1000 * v:8.2f}" for v in values))
print("Fourier is faster than PyTorch from side", large["fourier_beats_pytorch_from"])
print(f"slow ways, {record['small']['size']} x {record['small']['size']}, side 3: ", end="")
small = record["small"]["seconds"]
print(", ".join(f"{name} {small[name][0] / small['PyTorch'][0]:,.0f} x PyTorch" for name in ("loops", "matrix")))
assert large["fourier_beats_pytorch_from"] < 10
assert large["seconds"]["Fourier"][-1] < large["seconds"]["PyTorch"][-1]
assert large["seconds"]["Fourier"][0] > large["seconds"]["PyTorch"][0]
assert large["seconds"]["two thin passes"][-1] < large["seconds"]["shifted copies"][-1] / 5

# %% [markdown]
# ## The layer
#
# Pictures have colours, and one kernel is not enough. So the input of a layer is a stack of *maps*, the channels, and its output is another stack. In what order are the axes? <span id="c155"></span>The lecture lists two
# spatial axes, channels and the batch: four axes. PyTorch stores them as $(N, C, H, W)$. (For video or volumes there is a fifth.)
#
# <span id="c115"></span>Start with one channel, one kernel. A $3 \times 3$ kernel fits on a $4 \times 4$ picture in $2 \times 2$ ways: 9 weights, 4 outputs. Now let the picture have 3 channels. The kernel gets a slice for each: it is a box of
# $3 \times 3 \times 3$, 27 weights, and still *one* output a position: all 27 products are added. Want two output maps? Take two such boxes, 54 weights.
#
# $$ Z_{i,j,k} = b_i + \sum_{l} \sum_{m} \sum_{n} V_{l,\; js + m,\; ks + n}\; K_{i,l,m,n} \tag{5.8} $$
#
# <span id="c141"></span>This is the lecture's formula with its letters: $V$ the input maps, $K$ the kernels, $Z$ the output maps; $i$ the output map, $j, k$ the position, $l$ the input map, $m, n$ the place in the window, $s$ the
# [stride](../book/glossary.md#stride), all counted from 0. I added the bias. Six indices, six loops:


# %% tags=["nbval-check-output"]
def layer_by_loops(V, K, b, s=1):
    O, C, k_rows, k_columns = K.shape
    height, width = (V.shape[1] - k_rows) // s + 1, (V.shape[2] - k_columns) // s + 1
    Z = np.zeros((O, height, width))
    for i in range(O):
        for j in range(height):
            for k in range(width):
                Z[i, j, k] = b[i]
                for l in range(C):
                    for m in range(k_rows):
                        for n in range(k_columns):
                            Z[i, j, k] += V[l, j * s + m, k * s + n] * K[i, l, m, n]
    return Z


print("input        kernels         weights  output")
for channels, maps in ((1, 1), (3, 1), (3, 2)):
    V, K, b = draw.normal(size=(channels, 4, 4)), draw.normal(size=(maps, channels, 3, 3)), draw.normal(size=maps)
    Z = layer_by_loops(V, K, b)
    print(f"{channels} x 4 x 4    {maps} of {channels} x 3 x 3   {K.size:6d}  {' x '.join(map(str, Z.shape))}")
    for s in (1, 2):
        theirs = F.conv2d(torch.tensor(V)[None], torch.tensor(K), torch.tensor(b), stride=s)[0]
        assert np.allclose(layer_by_loops(V, K, b, s), theirs)
assert K.size == 54
V, K, b = draw.normal(size=(3, 9, 8)), draw.normal(size=(5, 3, 3, 2)), draw.normal(size=5)
for s in (1, 2, 3):
    assert np.allclose(layer_by_loops(V, K, b, s), F.conv2d(*map(torch.tensor, (V[None], K, b)), stride=s)[0])
print("six loops and the library agree, with strides 1, 2 and 3")

# %% [markdown]
# <span id="c140"></span>The lecture says that the convolution "applies to the spatial domain only". Half of that is right: the kernel *slides* over space only. But it *sums* over all input channels, at once, with different weights. Along the channels the layer is
# dense. Two tests: shift the picture, and the output shifts along. Shift the *channels*, and the output is another one.

# %% tags=["nbval-check-output"]
base = conv2d_im2col(V[None], K)
shifted = conv2d_im2col(np.roll(V, 1, axis=2)[None], K)
assert np.allclose(shifted[..., 1:], base[..., :-1])
print("shift in space: the output shifts along")
rolled = conv2d_im2col(np.roll(V, 1, axis=0)[None], K)
assert not np.allclose(rolled, np.roll(base, 1, axis=1))
assert not np.allclose(rolled, base)
print("shift in channels: another output")
by_channel = sum(conv2d_im2col(V[None, l : l + 1], K[:, l : l + 1]) for l in range(3))
assert np.allclose(by_channel, base)
print("the output is the sum over the input channels, each with its own slice of the kernel")

# %% [markdown]
# ### A stack of maps
#
# <span id="c136"></span>Here is the lecture's standard case, on a real picture: $32 \times 32$ pixels, 3 colours, six filters of $5 \times 5$. Each filter extends over all three colours. Each makes one
# [feature map](../book/glossary.md#feature-map).
#
# <span id="c138"></span>In general a filter has $n \cdot m \cdot d$ weights ($n \times m$ in space, $d$ channels deep), and $k$ filters give $k$ maps. With one bias a filter:
#
# $$ \text{parameters} = k\,(n\,m\,d + 1) . \tag{5.9} $$
#
# > **Predict.** Number of parameters? Size of each map? Number of outputs in all?

# %% tags=["nbval-check-output"]
coffee = data.photo("coffee", 32).float() / 255  # (3, 32, 32)
flat, lying, standing = np.ones((5, 5)) / 25, gabor(5, 0, 5, 1.5), gabor(5, 90, 5, 1.5)
red, green, blue = np.eye(3)
hand_made = np.stack(
    [
        np.multiply.outer(np.ones(3) / 3, flat),  # blurred brightness
        np.multiply.outer(np.ones(3) / 3, lying),
        np.multiply.outer(np.ones(3) / 3, standing),
        np.multiply.outer(np.ones(3) / 3, gabor(5, 45, 5, 1.5)),
        np.multiply.outer(red - green, flat),  # redder than green
        np.multiply.outer(blue - (red + green) / 2, flat),  # bluer than yellow
    ]
)
six = torch.nn.Conv2d(3, 6, kernel_size=5)
with torch.no_grad():
    six.weight.copy_(torch.tensor(hand_made))
    six.bias.zero_()
    maps = six(coffee[None])[0]
parameters = sum(p.numel() for p in six.parameters())
print("maps:", tuple(maps.shape), " parameters:", parameters, "= 6 (5*5*3 + 1)", " outputs:", maps.numel())
assert maps.shape == (6, 28, 28)
assert parameters == 6 * (5 * 5 * 3 + 1) == 456
assert maps.numel() == 4704
assert np.allclose(maps, conv2d_im2col(coffee[None].numpy(), six.weight.detach().numpy())[0], atol=1e-5)

# %% tags=["hide-input"] mystnb={"image": {"alt": "A small photo of a cup of coffee on a wooden table, and six maps of it: blurred brightness, level edges, upright edges, rising edges, a map that is bright where the picture is red, and one that is bright where it is blue."}}
figure, panels = plt.subplots(1, 7, figsize=(7.4, 1.4))
panels[0].imshow(coffee.permute(1, 2, 0))
labels = ("photo", "brightness", "level", "upright", "rising", "red - green", "blue - yellow")
for axes, picture in zip(panels[1:], maps.numpy()):
    axes.imshow(picture)
for axes, label in zip(panels, labels):
    axes.set_title(label, fontsize=8, loc="center")
    axes.set_axis_off()
plt.show()

# %% [markdown]
# <span id="c137"></span>456 parameters, 4,704 outputs. A dense layer has far more weights than outputs; a convolution is the other way round. The lecture draws the right conclusion: more filters cost few weights, but many *neurons*, and each output must be stored for the backward
# pass. In convolutional networks it is the activations that fill the memory.

# %% tags=["nbval-check-output"]
print("batch of 128, float32:")
for size in (32, 224):
    outputs_bytes = 128 * 6 * (size - 4) ** 2 * 4
    print(f"  {size:3d} x {size:3d} picture: weights {456 * 4 / 1000:.1f} kB, outputs {outputs_bytes / 1e6:6.1f} MB")
dense_weights = 32 * 32 * 3 * 4704 + 4704
print(
    f"a dense layer with the same 4,704 outputs: {dense_weights:,} parameters, {dense_weights / 456:,.0f} times as many"
)
assert dense_weights == 14_455_392

# %% [markdown]
# ## At the border
#
# The maps came out $28 \times 28$: at the border the window does not fit. Stack seven such layers, and $4 \times 4$ pixels are left of 32. So one usually adds zeros around it, [padding](../book/glossary.md#padding), and keeps the size. <span id="c158"></span>The lecture says
# that a convolution shares its parameters everywhere "except near boundaries". Is that so?
#
# > **Predict.** A picture that is 1 everywhere. A $3 \times 3$ kernel of ones, one zero of padding. What are the outputs in the middle, at an edge, in a corner?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a seven by seven grid of outputs, 9 inside, 6 along the edges, 4 in the corners. Right: three pictures of an evenly bright wall after 1, 4 and 8 blurring layers with zero padding; the dark border grows inwards layer by layer."}}
wall = np.ones((1, 1, 7, 7))
ones = np.ones((1, 1, 3, 3))
at_border = conv2d_im2col(wall, ones, padding=1)[0, 0]
deep, stages = np.ones((1, 1, 24, 24)), {}
for depth in range(1, 9):
    deep = conv2d_im2col(deep, ones / 9, padding=1)
    stages[depth] = deep[0, 0]
figure, panels = plt.subplots(1, 4, figsize=(7, 1.9))
number_grid(panels[0], at_border.astype(int), title="one layer", shade=False)
for axes, depth in zip(panels[1:], (1, 4, 8)):
    axes.imshow(stages[depth], vmin=0, vmax=1)
    axes.set_title(f"wall, {depth} layer{'s' if depth > 1 else ''}", fontsize=10)
    axes.set_axis_off()
plt.show()

# %% tags=["nbval-check-output"]
print("corner, edge, inside:", at_border[0, 0], at_border[0, 3], at_border[3, 3])
assert (at_border[0, 0], at_border[0, 3], at_border[3, 3]) == (4, 6, 9)
with_zeros = np.pad(wall, ((0, 0), (0, 0), (1, 1), (1, 1)))
assert np.array_equal(conv2d_im2col(with_zeros, ones)[0, 0], at_border)
print("the same kernel at every place of a larger picture with a black frame: identical")
for mode in ("zeros", "reflect", "replicate", "circular"):
    conv = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    conv.weight.data.fill_(1 / 9)
    out = conv(torch.ones(1, 1, 7, 7))[0, 0]
    print(f"padding {mode:9s} grey wall at a corner: {out[0, 0].item():.2f}")
touched = [(np.abs(stages[d] - 1) > 1e-9).mean() for d in (1, 4, 8)]
print("share of the 24 x 24 outputs that feel the border after 1, 4, 8 layers:", [f"{t:.0%}" for t in touched])

# %% [markdown]
# So the statement needs care. The **weights** are shared at the border too: the very same nine. What differs is the **input**: a frame of zeros that no camera saw. But the lecture's point stands: outputs near the border follow another law than outputs inside. The frame creeps inwards, one ring a
# layer. It harms: a bright picture seems to have dark edges. It also *informs*: a deep layer can tell how far it is from the border, although each layer treats all places alike
# ([Islam et al., 2020](../book/references.md#islam-2020)).
#
# ## Backwards
#
# For learning we need gradients. Let $G = \partial L / \partial Z$ be the gradient with respect to the output, one number for each output, handed down from the layer above. What are the gradients of the bias, the
# weights and the input?
#
# There is one rule for all three: **find every product in which the number takes part, and add up what comes back through each.** In the forward pass
# $Z_{i,j,k}$ contains $V_{l,j+m,k+n}\,K_{i,l,m,n}$ (stride 1, for now). Through this product, $G_{i,j,k}\,V_{l,j+m,k+n}$ flows back to the weight, and $G_{i,j,k}\,K_{i,l,m,n}$ to the input.
#
# **The bias** $b_i$ takes part in all outputs of map $i$, with factor 1:
#
# $$ \frac{\partial L}{\partial b_i} = \sum_{j,k} G_{i,j,k} . \tag{5.10} $$
#
# **A weight** takes part in all outputs of its map, each time with another pixel. That is the price of sharing, and its blessing: every place contributes to one gradient.
#
# $$ \frac{\partial L}{\partial K_{i,l,m,n}} = \sum_{j,k} G_{i,j,k}\; V_{l,\,j+m,\,k+n} . \tag{5.11} $$
#
# Read the indices: this is the input correlated with $G$ as the kernel.
#
# **An input pixel** $V_{l,p,q}$ takes part in all windows that cover it. The window at $(j, k)$ covers it if $j + m = p$, $k + n = q$ for some $m, n$. So $m = p - j$, $n = q - k$:
#
# $$ \frac{\partial L}{\partial V_{l,p,q}} = \sum_i \sum_{j,k} G_{i,j,k}\; K_{i,l,\,p-j,\,q-k} . \tag{5.12} $$
#
# Compare with 5.2. The minus signs are back: this is a **true convolution** of $G$ with $K$, over all positions where they overlap at all, *full*. In other words: slide the **flipped** kernel over $G$, with padding $k - 1$.
# The forward pass looks without a flip, the backward pass flips. In matrix language it is simply $T^\top$.
#
# > **Predict.** Loss = sum of all outputs, so $G = 1$ everywhere. Kernel: all ones, $3 \times 3$, no padding, picture $6 \times 6$. What is the gradient at a corner pixel, and at one in the middle?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a four by four grid of ones, the gradient of the output. Middle: a three by three kernel of ones. Right: the six by six gradient of the input, 1 in the corners, 2 and 3 along the edges, 9 in the four middle cells."}}
from course_utils.scratch.convolution.backward import conv2d_backward, grad_input_by_convolution

grad_ones = np.ones((1, 1, 4, 4))
counts = conv2d_backward(grad_ones, np.zeros((1, 1, 6, 6)), ones)[0][0, 0]
figure, panels = plt.subplots(1, 3, figsize=(6.2, 2.4), width_ratios=[4, 3, 6])
number_grid(panels[0], grad_ones[0, 0], title="G", shade=False)
number_grid(panels[1], ones[0, 0], title="kernel", shade=False)
number_grid(panels[2], counts.astype(int), title="gradient of the input", shade=False)
plt.show()

# %% [markdown]
# The number of windows that cover a pixel: 1 in a corner, 9 in the middle. A border pixel takes part in fewer outputs, so it has less say in the loss. Now derive it in code, by following each product, and check all three formulas against autograd:


# %% tags=["nbval-check-output"]
def backward_by_hand(G, V, K):
    grad_V, grad_K, grad_b = np.zeros_like(V), np.zeros_like(K), np.zeros(len(K))
    for i, j, k in np.ndindex(*G.shape):
        grad_b[i] += G[i, j, k]
        for l, m, n in np.ndindex(*K.shape[1:]):
            grad_K[i, l, m, n] += G[i, j, k] * V[l, j + m, k + n]
            grad_V[l, j + m, k + n] += G[i, j, k] * K[i, l, m, n]
    return grad_V, grad_K, grad_b


tV, tK, tb = (torch.tensor(a, requires_grad=True) for a in (V, K, b))
Z = F.conv2d(tV[None], tK, tb)
G = draw.normal(size=Z.shape)
Z.backward(torch.tensor(G))
for name, mine, theirs in zip(("input", "weight", "bias"), backward_by_hand(G[0], V, K), (tV.grad, tK.grad, tb.grad)):
    assert np.allclose(mine, theirs, rtol=0, atol=1e-12)
    print(f"{name:6s} {mine.shape!s:12s} as autograd gives it")

full = sum(convolve2d(G[0, i], K[i, 1], "full") for i in range(5))  # 5.12 for input map 1: a true convolution
assert np.allclose(full, tV.grad[1])
assert np.allclose(correlate2d(V[2], G[0, 4]), tK.grad[4, 2])  # 5.11 for one slice of one filter
assert np.allclose(grad_input_by_convolution(G, K, V.shape[1:])[0], tV.grad)
wrong = sum(correlate2d(G[0, i], K[i, 1], "full") for i in range(5))
assert not np.allclose(wrong, tV.grad[1])
print("gradient of the input = full convolution of G with the kernel; without the flip it is wrong")

# %% [markdown]
# The loops are the definition. The fast version takes three lines, because the forward pass was one matrix product, $Z = W \cdot \text{columns}$, and you know the backward pass of that: $\partial L/\partial W = G\, \text{columns}^\top$ and
# $\partial L/\partial\text{columns} = W^\top G$. The last step adds each column back to the window it came from (`col2im`). With stride, padding, dilation and groups nothing new happens: they only decide *which* window it was. Check them all, including the cases in which code
# usually breaks:

# %% tags=["nbval-check-output", "hide-input"]
cases = 0
for stride in (1, 2, 3):
    for padding in (0, 1, 2):
        for dilation in (1, 2):
            for groups in (1, 2):
                x = torch.randn(2, 4, 8, 7, dtype=torch.float64, requires_grad=True)
                weight = torch.randn(6, 4 // groups, 3, 3, dtype=torch.float64, requires_grad=True)
                bias = torch.zeros(6, dtype=torch.float64, requires_grad=True)
                z = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
                g = torch.randn_like(z)
                z.backward(g)
                mine = conv2d_backward(
                    g.numpy(), x.detach().numpy(), weight.detach().numpy(), stride, padding, dilation, groups
                )
                for a, t in zip(mine, (x, weight, bias)):
                    assert np.allclose(a, t.grad, rtol=0, atol=1e-10)
                cases += 1
print(f"{cases} combinations of stride, padding, dilation and groups: all three gradients right, in float64")
for shape, k, p, name in (
    ((1, 2, 5, 5), 3, 0, "batch of one"),
    ((3, 2, 1, 1), 1, 0, "one pixel"),
    ((2, 1, 1, 1), 3, 1, "one pixel and its border"),
):
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, shape[1], k, k, dtype=torch.float64, requires_grad=True)
    F.conv2d(x, weight, padding=p).square().sum().backward()
    g = 2 * F.conv2d(x, weight, padding=p).detach().numpy()
    mine = conv2d_backward(g, x.detach().numpy(), weight.detach().numpy(), padding=p)
    assert np.allclose(mine[0], x.grad)
    assert np.allclose(mine[1], weight.grad)
    print(f"{name}: right")
turned_view = np.ascontiguousarray(V[None]).transpose(0, 1, 3, 2)[..., ::-1]  # same memory, other strides
assert not turned_view.flags["C_CONTIGUOUS"]
for a, b_copy in zip(
    conv2d_backward(np.ones((1, 5, 6, 8)), turned_view, K),
    conv2d_backward(np.ones((1, 5, 6, 8)), turned_view.copy(), K),
):
    assert np.allclose(a, b_copy)
print("not contiguous: right")

# %% [markdown]
# ## Giving weights back
#
# Sharing is an assumption. What if it is wrong? In a passport photo the eyes are always at the same place, and what is worth detecting there is *not* worth detecting at the chin. Then give each place its own kernel back, and keep locality. <span id="c142"></span>This is
# the locally connected layer from the beginning, or *unshared convolution*, now with channels. The kernel gets the position as two more indices:
#
# $$ Z_{i,j,k} = \sum_{l,m,n} V_{l,\,j+m,\,k+n}\; w_{i,j,k,l,m,n} . \tag{5.13} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.unshared import unshared_loops

w6 = draw.normal(size=(2, 7, 6, 3, 3, 3))  # 2 maps, 7 x 6 places, 3 channels, 3 x 3
by_formula = np.zeros((2, 7, 6))
for i, j, k in np.ndindex(2, 7, 6):
    by_formula[i, j, k] = (V[:, j : j + 3, k : k + 3] * w6[i, j, k]).sum()
assert np.allclose(unshared_loops(V, w6), by_formula)
assert np.allclose(unshared_im2col(V[None], w6)[0], by_formula)
equal = share_everywhere(w6[:, 0, 0], 7, 6)
assert np.allclose(unshared_loops(V, equal), F.conv2d(torch.tensor(V)[None], torch.tensor(w6[:, 0, 0].copy()))[0])
print(f"unshared: {w6.size:,} weights; all kernels equal: the convolution, with {w6[:, 0, 0].size}")

# %% [markdown]
# Between the two lies the tiled layer: $t \times t$ kernels that repeat like floor tiles. Neighbours differ, but $t$ steps away the same kernel returns ([Ngiam et al., 2010](../book/references.md#ngiam-2010)).
# The position enters through its remainder, $\%$ is "modulo":
#
# $$ Z_{i,j,k} = \sum_{l,m,n} V_{l,\,j+m,\,k+n}\; K_{i,l,m,n,\,j\%t,\,k\%t} . \tag{5.14} $$
#
# <span id="c143"></span>The slide prints the last index as $i\%t$. But $i$ is the number of the *output map*; the column is $k$. It looks like a misprint of one letter. What would it do?
#
# > **Predict.** With the slide's index and $t = 2$: along a row of the picture, which kernels take turns?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of two panels show with colours which of four kernels is used at each place of a six by six output. With the right index both maps show a checkered lattice of all four. With the slide's index, map 0 shows level stripes of kernels 0 and 2, and map 1 stripes of 1 and 3."}}
jj, kk = np.mgrid[:6, :6]
palette = ListedColormap([COLORS[c] for c in ("blue", "orange", "green", "purple")])
figure, panels = plt.subplots(1, 4, figsize=(7, 2.0))
for axes, (title, lattice) in zip(
    panels,
    (
        ("right, map 0", 2 * (jj % 2) + kk % 2),
        ("right, map 1", 2 * (jj % 2) + kk % 2),
        ("slide, map 0", 2 * (jj % 2) + 0 * kk),
        ("slide, map 1", 2 * (jj % 2) + 1 + 0 * kk),
    ),
):
    axes.imshow(lattice, cmap=palette, vmin=-0.5, vmax=3.5)
    for (r, c), value in np.ndenumerate(lattice):
        shade = COLORS["ink"] if value == 1 else "white"  # white on orange is hard to read
        axes.text(c, r, str(value), ha="center", va="center", fontsize=8, color=shade)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()
plt.show()

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution.tiled import tiled_loops, tiled_loops_as_printed, untile

tile_kernels = draw.normal(size=(2, 3, 3, 3, 2, 2))
right_way, slide_way = tiled_loops(V, tile_kernels), tiled_loops_as_printed(V, tile_kernels)
assert np.allclose(tiled_conv2d(V[None], tile_kernels)[0], right_way)
assert np.abs(right_way - slide_way).max() > 1
print(f"t = 2: largest difference between the two indices {np.abs(right_way - slide_way).max():.1f}")
row_kernel = tile_kernels[1, ..., 0, 1]  # slide, map 1, even rows: one kernel for the whole row
whole_row = conv2d_im2col(V[None], row_kernel[None])[0, 0]
assert np.allclose(slide_way[1, ::2], whole_row[::2])
print("slide: one kernel serves a whole row, the column is never tiled")

# %% [markdown]
# <span id="c144"></span>With the right index the lecture's statement holds, that tiled layers lie between the two others. Both ends can be checked exactly: $t = 1$ is the convolution, and with $t$ as large as the output no kernel is ever used twice.

# %% tags=["nbval-check-output"]
print(" t  weights")
for t in (1, 2, 3, 7):
    tile_kernels = draw.normal(size=(2, 3, 3, 3, t, t))
    z = tiled_conv2d(V[None], tile_kernels)[0]
    print(f"{t:2d}  {tile_kernels.size:7,d}")
    if t == 1:
        assert np.allclose(z, conv2d_im2col(V[None], tile_kernels[..., 0, 0])[0])
    assert np.allclose(z, unshared_loops(V, untile(tile_kernels, 7, 6)))
each_own = untile(tile_kernels, 7, 6)
assert len(np.unique(each_own)) == each_own.size  # t = 7 on a 7 x 6 output: 42 places, 42 kernels
print("t = 1 is the convolution, t = 7 on 7 x 6 outputs is the unshared layer")

# %% [markdown]
# ### Aligned faces
#
# <span id="c157"></span>A lecture says: locally connected layers are "rarely used, beneficial only in specific cases (face recognition)". The famous case is [DeepFace](../book/references.md#taigman-2014), which first *aligned* every face, so that each facial
# part was always at the same place, and then used three unshared layers.
#
# We can test the idea in small. scikit-image ships 100 faces and 100 other patches of $25 \times 25$ pixels. Cut out $17 \times 17$: always the middle (*aligned*), or at a random place (*shifted*, by up to 4 pixels both ways).

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three rows of eight small grey pictures. First aligned faces with the eyes at the same height; then the same faces shifted in all directions, some without mouth or forehead; then patches that are no faces."}}
from course_utils.scratch.convolution.face_crops import crop_faces, load_faces

faces, is_face = load_faces()
shown = torch.cat([crop_faces(faces)[:8], crop_faces(faces, shift=4, seed=SEED)[:8], crop_faces(faces)[100:108]])
plotting.image_grid(shown.numpy(), columns=8, size=0.75, vmin=-2, vmax=2)

# %% [markdown]
# Face or not? Two networks of equal depth: one layer of 4 maps with $5 \times 5$ windows, *tied* (a convolution) or *untied*; ReLU; a readout. The lecture does not mention what comes **after** the layer, and it decides. A *pooled* readout
# averages each map over all places; it cannot know where anything was. A *dense* readout has a weight for every place. We try both: learn on one half of the pictures, test on the other, and the other way round. And we look twice, early and late in the training.
#
# > **Predict.** Aligned or shifted, pooled or dense, early or late: where does the untied layer win?

# %% tags=["hide-input", "band-faces"]
import torch
from torch import nn

from course_utils.scratch.convolution.face_crops import crop_faces, load_faces
from course_utils.scratch.convolution.unshared import UnsharedConv2d


def face_accuracy(kind, shift, readout, seed, looks):
    faces, is_face = load_faces()
    x = crop_faces(faces, shift, seed)
    generator = torch.Generator().manual_seed(seed)
    halves = [torch.randperm(100, generator=generator).view(2, 50) + start for start in (0, 100)]
    right = dict.fromkeys(looks, 0)
    for fold in (0, 1):
        train, test = (torch.cat([half[f] for half in halves]) for f in (fold, 1 - fold))
        torch.manual_seed(seed)
        layer = UnsharedConv2d(1, 4, 5, in_size=17) if kind == "untied" else nn.Conv2d(1, 4, 5)
        pooled = readout == "pooled"
        tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)] if pooled else [nn.Flatten(), nn.Linear(676, 2)]
        net = nn.Sequential(layer, nn.ReLU(), *tail)
        optimizer = torch.optim.AdamW(net.parameters(), 1e-2 if pooled else 3e-3)
        for step in range(1, looks[-1] + 1):
            loss = nn.functional.cross_entropy(net(x[train]), is_face[train])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step in looks:
                with torch.no_grad():
                    right[step] += (net(x[test]).argmax(1) == is_face[test]).sum().item()
    return {step: count / len(x) for step, count in right.items()}


faces_result = {}
for readout, looks in (("pooled", (100, 300)), ("dense", (100,))):
    for name, shift in (("aligned", 0), ("shifted", 4)):
        tied, untied = (face_accuracy(kind, shift, readout, SEED, looks) for kind in ("tied", "untied"))
        for step in looks:
            key = f"{readout}_{name}_{step}"
            faces_result |= {f"{key}_tied": tied[step], f"{key}_untied": untied[step]}
            faces_result[f"{key}_gain"] = untied[step] - tied[step]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six bands of the gain of the untied over the tied layer over 20 seeds, with a dotted line at zero. Pooled readout after 100 steps: above zero for aligned, below for shifted crops. After 300 steps: median at zero for aligned, with a band that one seed draws far to the right, and further below zero for shifted. Dense readout: both around zero."}}
figure, axes = plt.subplots(figsize=(7, 3.0))
rows_shown = [(r, n, s) for r, s in (("pooled", 100), ("pooled", 300), ("dense", 100)) for n in ("aligned", "shifted")]
for height, (readout, name, step) in enumerate(rows_shown):
    metric = f"{readout}_{name}_{step}_gain"
    label = f"{readout}, {name}, {step} steps"
    color = COLORS["blue"] if readout == "pooled" else COLORS["green"]
    plotting.seed_band(axes, band("05_convolution.faces", metric), faces_result[metric], label, y=-height, color=color)
axes.axvline(0, color=COLORS["ink"], linewidth=1, linestyle=":")
axes.set(xlabel="accuracy untied minus accuracy tied (band: 20 seeds, diamond: this run)")
plt.show()

# %% tags=["hide-input"]
gain = {}
for readout, name, step in rows_shown:
    key = f"{readout}_{name}_{step}"
    one = {kind: band("05_convolution.faces", f"{key}_{kind}") for kind in ("tied", "untied", "gain")}
    gain[readout, name, step] = one["gain"].median
    print(f"{key:19s} median: tied {one['tied'].median:.1%}  untied {one['untied'].median:.1%}   gain {one['gain']}")
    for kind in ("tied", "untied"):
        assert one[kind].contains(faces_result[f"{key}_{kind}"], slack=0.05)
stuck = sum(value < 0.9 for value in load_record("05_convolution.faces")["metrics"]["pooled_aligned_300_tied"])
print(f"tied networks below 90 % after 300 steps on aligned crops: {stuck} of 20")
assert gain["pooled", "aligned", 100] > 0.01
assert abs(gain["pooled", "aligned", 300]) < 0.02
assert gain["pooled", "shifted", 300] < gain["pooled", "shifted", 100] < 0
assert max(abs(gain["dense", name, 100]) for name in ("aligned", "shifted")) < 0.03

# %% [markdown]
# Read the rows from the top.
#
# - *Aligned, early:* the untied layer leads by some points on most seeds. Each place learns its own part of a face, as DeepFace's argument says.
# - *Aligned, late:* the lead is gone. Given three times as many steps, the tied layer has caught up. What looked like a better layer was a faster start. (The long arm of the band is a tied network that got stuck.) Had we stopped at 100 steps, we would have believed in it.
# - *Shifted:* the untied layer is behind, and the longer it trains the further. It learns by heart where the eyes are, and they are not there any more.
# - *Dense readout:* no difference. The readout has a weight for every place, so it can tell places apart without the help of the layer.
#
# So what untied kernels add is *knowledge of place*. It helps while place means something **and** nothing else in the network knows it yet. "Rarely used" fits that well. "Beneficial for faces" is more than our crops confirm: they show an early lead and no final gain. They are
# also only 200 small pictures; DeepFace learned from millions, and the case for large data is not ours to decide.
#
# A last thought on cost. The untied layer needs the same number of products as the tied one, and has 169 times as many weights. At equal work, more freedom; at equal data, more to learn.
#
# ## Checked claims
#
# The lectures' statements, and what became of them. Every line has a test.
#
# | Claim | Verdict | What we found |
# |---|---|---|
# | [C105](#c105) $y[n] = \sum_k x[k]\,h[n-k]$, and the same with two indices | true | loops, NumPy, SciPy and Fourier agree |
# | [C106](#c106) The nine terms of $y[1,1]$ | true | on random pictures |
# | [C107](#c107) The example gives 42 | imprecise | 42 is the correlation; by the slide's own definition the convolution is 56 |
# | [C108](#c108) Convolution commutes and is linear | true | for full outputs |
# | [C109](#c109) Correlation does not commute; it is convolution with the flipped kernel | true | swapping turns the result by half a turn |
# | [C110](#c110) The layer computes $w * x + b$ | imprecise | it computes the correlation; harmless for learned weights |
# | [C111](#c111) Convolution is a product with a Toeplitz matrix | true | doubly block Toeplitz for pictures |
# | [C112](#c112) In Fourier space it is a dot product | false | an element-wise product, after padding with zeros |
# | [C113](#c113) Fourier pays for large kernels | true | and "large" begins below ten pixels here, with one channel |
# | [C114](#c114) Outer-product kernels can be applied axis by axis | true | $d\,k$ products in place of $k^d$ |
# | [C115](#c115) $3 \times 3$ on $4 \times 4$: $2 \times 2$ outputs; 9, 27, 54 weights | true | without biases |
# | [C136](#c136) Six $5\times5$ filters on $32\times32\times3$ give $28\times28\times6$ | true | 456 parameters, 4,704 outputs |
# | [C137](#c137) Many filters: few weights, many neurons | true | weights in kB, outputs in MB |
# | [C138](#c138) $n\,m\,d$ weights a filter, $k$ filters give $k$ maps | true | plus one bias a filter |
# | [C140](#c140) It applies to the spatial domain only | imprecise | it slides over space, and sums over all input channels |
# | [C141](#c141) The formula of the layer, with stride | true | equals the library, counted from 0 |
# | [C142](#c142) The formula of unshared convolution | true | equals a loop over places |
# | [C143](#c143) Tiled: index $j\%t,\, i\%t$ | false | it must be $j\%t,\, k\%t$; as printed the column is never tiled |
# | [C144](#c144) Tiled lies between convolution and locally connected | true | exact at both ends, with the right index |
# | [C153](#c153) Work is limited by the kernel's size | true | $k^2$ products an output, not $N^2$ |
# | [C155](#c155) The input has four axes | true | $(N, C, H, W)$; five for video and volumes |
# | [C157](#c157) Locally connected layers: rarely useful, except for faces | imprecise | an early lead on aligned crops that longer training removes, a loss on shifted ones, no difference before a dense readout |
# | [C158](#c158) Shared everywhere except near boundaries | imprecise | the weights are shared there too; the inputs are made up |
#
# ## Pitfalls
#
# **1. Height, width, colour.** Photos come as $(H, W, C)$, PyTorch wants $(C, H, W)$. Usually the sizes clash and you get an error. If they happen to fit, you get numbers:

# %% tags=["nbval-check-output"]
tall = torch.rand(3, 40, 3)  # a strip of 3 x 40 pixels with 3 colours, as (H, W, C)
layer = torch.nn.Conv2d(3, 6, kernel_size=3, padding=1)
print("taken as (C, H, W), without complaint:", tuple(layer(tall[None]).shape))
print("what was meant:                       ", tuple(layer(tall.permute(2, 0, 1)[None]).shape))
assert layer(tall[None]).shape != layer(tall.permute(2, 0, 1)[None]).shape
reshaped = tall.reshape(3, 3, 40)
assert not torch.equal(reshaped, tall.permute(2, 0, 1))
print("reshape has the right shape and the wrong pixels; use permute")

# %% [markdown]
# **2. The forgotten flip.** You take a kernel from a textbook on signals and put it into `conv2d`. With symmetric kernels all is well, so the test with a blur passes. With an edge kernel the sign is wrong:

# %% tags=["nbval-check-output"]
step = np.zeros((1, 6))
step[0, 3:] = 1  # brightness goes up from left to right
textbook = np.array([[1.0, -1.0]])  # a true convolution with it is x[n] - x[n-1]: positive where brightness goes up
print("true convolution: ", convolve2d(step, textbook, "valid")[0].astype(int).tolist())
print("conv2d:           ", correlate2d(step, textbook)[0].astype(int).tolist())
assert convolve2d(step, textbook, "valid").sum() == 1
assert correlate2d(step, textbook).sum() == -1

# %% [markdown]
# **3. Wrapping around.** Multiplying transforms of the picture's own size lets the bottom edge bleed into the top, as you saw [above](#c112). It hides well: only a strip as wide as the kernel is wrong.
#
# **4. Sums that should be means.** The gradient of a weight is a sum over *all positions and all images*. Write the mean over positions "to be safe", and it is too small by the number of positions, and only this one; the gradient of the input stays right. A check of the input alone does not notice:

# %% tags=["nbval-check-output"]
grad_V, grad_K, grad_b = conv2d_backward(G, V[None], K)
positions = G.shape[2] * G.shape[3]
print("input right:", np.allclose(grad_V[0], tV.grad), " weight right:", np.allclose(grad_K / positions, tK.grad))
print(
    f"too small by {np.abs(tK.grad.numpy()).sum() / np.abs(grad_K / positions).sum():.0f} = {G.shape[2]} x {G.shape[3]} positions"
)
assert not np.allclose(grad_K / positions, tK.grad)

# %% [markdown]
# **5. A kernel that does not fit.** Each layer without padding eats $k - 1$ rows and columns. Stack enough of them, and one day:

# %% tags=["nbval-check-output"]
shrinking = np.zeros((1, 1, 12, 12))
try:
    for _ in range(10):
        shrinking = conv2d_im2col(shrinking, np.ones((1, 1, 5, 5)))
        print("after a layer:", shrinking.shape[2:])
except ValueError as error:
    print("ValueError:", error)
assert shrinking.shape[2:] == (4, 4)

# %% [markdown]
# ## Exercises
#
# **1. By hand** (five minutes). Correlate the picture $\begin{pmatrix}1&2&0\\0&1&3\\2&1&1\end{pmatrix}$ with the kernel $\begin{pmatrix}1&0\\0&-1\end{pmatrix}$ (valid), then convolve.
#
# <details><summary>Hint</summary>
#
# Four outputs each. For the convolution turn the kernel by half a turn first. Which outputs change, and how? Could you have known?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
by_hand_x, by_hand_w = np.array([[1, 2, 0], [0, 1, 3], [2, 1, 1]]), np.array([[1, 0], [0, -1]])
print("correlation:", correlate2d(by_hand_x, by_hand_w).tolist())
print("convolution:", convolve2d(by_hand_x, by_hand_w, "valid").tolist())
assert correlate2d(by_hand_x, by_hand_w).tolist() == [[0, -1], [-1, 0]]
assert np.array_equal(convolve2d(by_hand_x, by_hand_w, "valid"), -correlate2d(by_hand_x, by_hand_w))
print("the kernel turned by half a turn is its own negative, so all signs change")

# %% [markdown]
# **2. Count** (ten minutes). A layer maps $(128, 64, 56, 56)$ to $(128, 128, 56, 56)$ with $3 \times 3$ kernels and a bias. Parameters? Products for the whole batch? Memory of the output in float32? By what factor would each change for $5 \times 5$ kernels?
#
# <details><summary>Hint</summary>
#
# Equation 5.9 for the parameters. Each of the outputs costs $9 \cdot 64$ products.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
big = torch.nn.Conv2d(64, 128, 3, padding=1)
params = sum(p.numel() for p in big.parameters())
output_numbers = 128 * 128 * 56 * 56
print(
    f"parameters {params:,}, products {output_numbers * 9 * 64 / 1e9:.1f} billion, output {output_numbers * 4 / 1e6:.0f} MB"
)
assert params == 128 * (3 * 3 * 64 + 1) == 73_856
print(
    f"5 x 5: parameters x {128 * (25 * 64 + 1) / params:.2f}, products x {25 / 9:.2f}, memory of the output unchanged"
)

# %% [markdown]
# **3. A 1-D layer from scratch** (twenty minutes). Write `conv1d(x, weight, bias)` for $x$ of shape $(N, C, T)$ and weights $(O, C, K)$ without any loop over positions, and its backward pass. Check both against PyTorch.
#
# <details><summary>Hint</summary>
#
# `np.lib.stride_tricks.sliding_window_view(x, K, axis=2)` gives $(N, C, T', K)$. Both passes are then one `einsum` each for weight and output; for the input, add shifted copies.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def conv1d(x, weight, bias):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=2)
    return np.einsum("nctk,ock->not", windows, weight) + bias[:, None]


def conv1d_backward(g, x, weight):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=2)
    grad_x = np.zeros_like(x)
    for k in range(weight.shape[2]):
        grad_x[:, :, k : k + g.shape[2]] += np.einsum("not,oc->nct", g, weight[:, :, k])
    return grad_x, np.einsum("not,nctk->ock", g, windows), g.sum(axis=(0, 2))


x1, w1, b1 = draw.normal(size=(3, 2, 11)), draw.normal(size=(4, 2, 5)), draw.normal(size=4)
t1 = [torch.tensor(a, requires_grad=True) for a in (x1, w1, b1)]
z1 = F.conv1d(*t1)
assert np.allclose(conv1d(x1, w1, b1), z1.detach())
g1 = draw.normal(size=z1.shape)
z1.backward(torch.tensor(g1))
assert all(np.allclose(mine, t.grad) for mine, t in zip(conv1d_backward(g1, x1, w1), t1))
print("forward and all three gradients agree with PyTorch")

# %% [markdown]
# **4. The rank of a Gabor unit** (twenty minutes). For orientations from $0°$ to $180°$ print the singular values of `gabor(17, angle)`. Why are there never more than three, and why is the third so small? What changes if the bell is not round?
#
# <details><summary>Hint</summary>
#
# A round bell is a product of two bells, $e^{-(r^2+c^2)} = e^{-r^2} e^{-c^2}$. And $\cos(\alpha r + \beta c)$ is a sum of how many products?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for angle in (0, 20, 45, 70, 90):
    s = np.linalg.svd(gabor(17, angle), compute_uv=False)
    print(f"{angle:2d}°:", np.round(s[:4], 4).tolist())
    assert (s > 1e-10).sum() <= 3
    assert s[2] < 0.1 * s[0]
print("cos(a r + b c) = cos(a r) cos(b c) - sin(a r) sin(b c): two products, each times the bell's own two factors;")
print("the third is the correction for grey walls, a small multiple of the bell")
rows17, cols17 = np.mgrid[-8:9, -8:9]
slanted = np.exp(-((rows17 + cols17) ** 2) / 60 - ((rows17 - cols17) ** 2) / 8)
print("a long slanted bell has rank", len(separable_terms(slanted)))
assert len(separable_terms(slanted)) > 5

# %% [markdown]
# **5. The kernel from its answers** (half an hour). Someone gives you a `Conv2d(1, 1, 5)` as a black box, without bias. Find its kernel with *one* forward pass. Then find it from 30 random pictures with noise in the answers, and say how it is related to equation 5.5.
#
# <details><summary>Hint</summary>
#
# What is the answer to a picture that is 0 everywhere except for one pixel? For the second part: $Z = W \cdot \text{columns}$ is a linear system for $W$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
black_box = torch.nn.Conv2d(1, 1, 5, bias=False).double()
hidden = black_box.weight.detach().numpy()[0, 0]
impulse = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
impulse[0, 0, 4, 4] = 1
answer = black_box(impulse).detach().numpy()[0, 0]
assert np.allclose(flip(answer), hidden)  # a correlation answers an impulse with the kernel turned
print("one impulse: the kernel comes back, turned by half a turn")
pictures = draw.normal(size=(30, 1, 16, 16))
noisy = black_box(torch.tensor(pictures)).detach().numpy() + 0.1 * draw.normal(size=(30, 1, 12, 12))
stacked = im2col(pictures, 5).transpose(0, 2, 1).reshape(-1, 25)
estimate = np.linalg.lstsq(stacked, noisy.reshape(-1), rcond=None)[0].reshape(5, 5)
print(f"least squares on {len(stacked):,} windows: largest error {np.abs(estimate - hidden).max():.3f}")
assert np.abs(estimate - hidden).max() < 0.02

# %% [markdown]
# **6. When does sharing hurt?** (an evening). Make pictures of noise, $18 \times 18$, with one striped patch of $5 \times 5$ that stays at least 4 pixels away from every border. Only its *place* carries the class: 1 in the upper half, 0 in the lower. Compare tied and untied layers with pooled and
# dense readouts, as with the faces. Which combination cannot learn it at all? Then drop the 4 pixels of distance. Does it still fail?
#
# <details><summary>Hint</summary>
#
# A tied layer with a pooled readout sees a *set* of windows without their places. When are the sets of the two classes alike? What do windows at the border miss?
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def place_pictures(count, seed, tops=(4, 9)):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, size=count)
    x = rng.normal(size=(count, 18, 18))
    for n in range(count):
        top, left = tops[0] if y[n] else tops[1], rng.integers(4, 10)
        x[n, top : top + 5, left : left + 5] += 3 * np.sin(np.pi * np.arange(5) / 2)[:, None]
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y)


def place_accuracy(kind, readout, tops):
    (x, y), (new_x, new_y) = place_pictures(400, 1, tops), place_pictures(1000, 2, tops)
    torch.manual_seed(SEED)
    first = UnsharedConv2d(1, 4, 5, in_size=18) if kind == "untied" else nn.Conv2d(1, 4, 5)
    last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    if readout == "dense":
        last = nn.Sequential(nn.Flatten(), nn.Linear(4 * 14 * 14, 2))
    net = nn.Sequential(first, nn.ReLU(), last)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (net(new_x).argmax(1) == new_y).float().mean().item()


scores = {(k, r): place_accuracy(k, r, (4, 9)) for k in ("tied", "untied") for r in ("pooled", "dense")}
for key, score in scores.items():
    print(f"{' '.join(key):13s} {score:.1%}")
assert abs(scores["tied", "pooled"] - 0.5) < 0.08
assert min(score for key, score in scores.items() if key != ("tied", "pooled")) > 0.75
at_border = place_accuracy("tied", "pooled", (0, 9))
print(f"tied pooled, the upper patches touch the border: {at_border:.1%}")
print("fewer windows see a patch at the border: the border tells the place, even to this network")
assert at_border > 0.6

# %% [markdown]
# ## At scale
#
# How far is your matrix product from a library that was tuned for decades? A layer of a real network: 32 pictures with 64 channels of $32 \times 32$, 64 filters of $3 \times 3$, float32, one thread, both in one run. The record comes from `python -m benchmarks.convolution --record`.

# %%
measured = load_record("convolution")["layer"]
for way in ("forward", "backward"):
    ours, theirs = (1000 * measured[f"{who}_{way}_seconds"] for who in ("im2col", "torch"))
    print(f"{way:9s} im2col {ours:4.0f} ms, PyTorch {theirs:4.0f} ms: {measured[f'{way}_ratio']:.1f} times")
print(f"{record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}")
assert measured["forward_ratio"] < 3

# %% [markdown]
# Less than three times, with a few lines of NumPy. That is the power of writing a problem as a matrix product: all the tuning is already in there.
#
# ## Summary
#
# - Dense minus far links is locally connected; locally connected with one kernel for all places is a convolution. Locality saves work and weights, sharing saves weights and lets each place learn for all.
# - Convolution flips the kernel, correlation does not. Layers correlate and call it convolution. 42 or 56: know which one you compute.
# - One operation, many faces: a sliding window, a Toeplitz matrix, columns times rows, an element-wise product of spectra, thin passes if the kernel has low rank. Small kernels: direct. Large ones: Fourier.
# - A layer slides over space and sums over channels: $k(nmd + 1)$ parameters, few weights, many outputs.
# - Backwards: sum for the bias, correlation of input and gradient for the weights, full convolution with the kernel for the input.
# - Zero padding feeds invented pixels to shared weights. The border is another place, and the network can tell.
# - Untied kernels know places. That helps only where place has meaning and nothing later knows it; on our faces it was a head start, not a gain. Train long enough before you compare.
#
# ## Further reading
#
# - [LeCun et al. (1989)](../book/references.md#lecun-1989): such a network reads real zip codes; with the argument for sharing.
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 9: the same story with more variants; the formulas of unshared and tiled layers are from there.
# - [Mathieu et al. (2014)](../book/references.md#mathieu-2014): training with Fourier transforms, and when it paid on the hardware of that time.
# - [Ngiam et al. (2010)](../book/references.md#ngiam-2010): why one might tile.
#
# ## The next question
#
# You know *the* convolution. But a step of two pixels, holes in the kernel, one kernel a channel, a kernel of one single pixel, a layer that makes pictures *larger*: each is a small change to equation 5.8, and each changed what networks can do. [Chapter 05b](05b_layers.ipynb) is
# a walk through the zoo.
