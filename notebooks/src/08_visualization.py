# %% [markdown]
# # What a unit looks for
#
# Take a trained network, choose one of its units, and find out what it looks for, with evidence that would convince somebody who does not want to believe you.
#
# **You will be able to**
#
# - read any layer of any network without changing the network;
# - show the filters of a first layer as pictures, and say what their look proves and what not;
# - measure how oriented a filter is, and how much of it is a Gabor function;
# - find the nine pieces of pictures that excite a unit most, cut to exactly what it sees, and prove that you cut right;
# - measure whether units become more particular from layer to layer, and whether a "wheel unit" is more than luck;
# - read the classes off every layer with a straight line, and say what that does not tell you.
#
# **You need** [convolution](05_convolution.ipynb), [receptive fields](05b_layers.ipynb#what-a-unit-sees), and [AlexNet](06b_alexnet.ipynb) as the network of which most of the pictures below were drawn first.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import textwrap

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from course_utils import plotting
from course_utils.data.synthetic import make_object_images
from course_utils.models import summarise
from course_utils.plotting import COLORS
from course_utils.plotting.saliency import Sheet
from course_utils.plotting.units import (
    layer_curves,
    mosaic,
    overlay,
    patch_walls,
)
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import FeatureViewer, ReceptiveField

plotting.use_style()
SEED = 0
seed_everything(SEED)
torch.set_num_threads(1)

# %% [markdown]
# ## A network nobody has looked into
#
# Here is a network that tells ten kinds of things apart: cars, buses, bicycles, planes, ships, houses, trees, birds, horses and faces, drawn before photographs of bricks, grass and coffee cups. It is
# plain: convolutions, ReLU, max pooling, in four stages. You have not seen it before. Nobody told it what a wheel is.

# %% tags=["nbval-check-output"]
known = trained("scenes")
net, classes = known.model, known.classes
world = make_object_images(800, seed=40)
x = known.prepare(world.images)
with torch.no_grad():
    scores = torch.cat([net(part) for part in x.split(100)])
right = (scores.argmax(1) == world.labels).double().mean()
weights = sum(p.numel() for p in net.parameters())
print(f"{weights:,} weights, right on more than 9 of 10: {bool(right > 0.9)}")
print("parts that the pictures know of:")
print(textwrap.fill(", ".join(world.part_names), 72))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eight small pictures with the network's answer above each: two trees, a bird, a bicycle, a car, two horses and a plane, drawn before photographs of ground, some of them covered by coloured strips."}}
eight = plotting.image_grid(
    world.images[:8],
    titles=[classes[i] for i in scores[:8].argmax(1)],
    columns=8,
    size=0.85,
)
Sheet(eight, "eight pictures", colors=48)

# %% [markdown]
# Why drawn things and not photographs? Because of the truth. For every pixel of these pictures we know which part it shows: wheel, window, wing, eye. When somebody says "unit 17 finds wheels", we can *count*. On
# photographs you would have to believe it.
#
# There are three things to ask of a network that works.
#
# | question | chapter |
# |---|---|
# | What does this **unit** look for? | this one |
# | What in this **picture** mattered for the answer? | [08b](08b_saliency.ipynb) |
# | What does the network **keep** of a picture? | [08c](08c_inversion.ipynb) |
#
# ### Open it without changing it
#
# All three need the same tool. The network hands you ten scores; you want what the layers in between said. PyTorch lets you hang a function on a module, a [hook](../book/glossary.md#hook), that is called with the module's output. A few lines:

# %% tags=["nbval-check-output"]
kept = {}
keep = lambda module, inputs, output: kept.update(stage2=output)
handle = net.stage2.register_forward_hook(keep)
net(x[:2])
handle.remove()
print("stage2 says:", tuple(kept["stage2"].shape))

# %% [markdown]
# Two things go wrong with that, both silently. An error while the network runs leaves the hook in place for ever. And a layer that works *in place* overwrites what you kept (pitfall 1 shows it). The course's version takes care of both, for any module:

# %% tags=["nbval-check-output"]
from course_utils.explain.hooks import Taps, features

stages = ["stage1", "stage2", "stage3", "stage4"]
with Taps(net, stages) as taps:
    net(x[:2])
for name in stages:
    print(name, tuple(taps[name].shape[1:]))
try:
    with Taps(net, stages):
        raise RuntimeError("something breaks")
except RuntimeError:
    left = sum(len(m._forward_hooks) for m in net.modules())
print("hooks left after an error:", left)
assert left == 0
assert torch.equal(taps["stage2"], kept["stage2"])

# %% [markdown]
# A **unit** from now on is one channel of a layer: stage 2 has 40 units, and each answers at 16 x 16 places.
#
# ## Look at the weights
#
# Begin where it is easy. A unit of the first layer multiplies a patch $x$ of the picture with its weights $w$ and adds up. Of all patches of the same length, which one excites it most? A dot product is length times length times the cosine of the angle, so
#
# $$ \arg\max_{\lVert x \rVert = 1} w \cdot x = \frac{w}{\lVert w \rVert} . \tag{8.1} $$
#
# The weights, painted as a picture, *are* what the unit looks for.
#
# > **Predict.** 100,000 random patches of the filter's length. How near does the best of them come to what the filter itself would get?

# %% tags=["nbval-check-output"]
w = net.stage1.conv1.weight[0].detach()
draw = torch.Generator().manual_seed(1)
rivals = torch.randn(100_000, w.numel(), generator=draw)
rivals = rivals / rivals.norm(dim=1, keepdim=True)
itself = float((w.flatten() / w.norm()) @ w.flatten())
best = float((rivals @ w.flatten()).max())
print(f"best of 100,000 random patches: {best / itself:.0%}")
assert best < itself

# %% [markdown]
# A first-layer filter has three channels, so it can be shown in colour. Weights are positive and negative; we paint 0 as middle grey.
#
# The picture that made this famous is [Krizhevsky et al. (2012)](../book/references.md#krizhevsky-2012), figure 3: 96 filters of 11 x 11 pixels, learned from a million photographs. We have
# fourteen photographs. Let us see how far they go. The task: look at a piece of 43 x 43 pixels and say *which photograph it was cut from*. No labels are needed, and the only way to solve it is to know what edges, textures and colours the photographs
# have. (Each piece is shifted to mean 0, so its overall colour gives nothing away.)
#
# > **Predict.** 32 filters of 11 x 11, random at the start, four passes over 5,000 pieces, a few seconds. Will you see structure, or still noise?

# %% tags=["band-filters"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data

skip = ("text", "page", "motorcycle_right", "retina", "hubble")
skip += ("cell", "moon", "tissue")  # nearly empty, or twice the same
names = [name for name in data.photo_names() if name not in skip]
album = [data.photo(name).float() / 255 for name in names]


def pieces(count, seed, side=43):
    """Pieces of photographs, mean 0 in each colour, and where they are from."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(album), (count,), generator=draw)
    out = torch.empty(count, 3, side, side)
    for i, number in enumerate(labels.tolist()):
        room = torch.tensor(album[number].shape[1:]) - side
        y, x = (torch.rand(2, generator=draw) * room).long().tolist()
        out[i] = album[number][:, y : y + side, x : x + side]
    out -= out.mean((2, 3), keepdim=True)
    return out / (out.std((1, 2, 3), keepdim=True) + 0.05), labels


def photo_net(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 11, stride=4),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 16, len(album)),
    )
    model[0].weight.data *= 0.1  # so that the start does not cover the rest
    return model


def learn_photos(model, inputs, labels, passes=4):
    first, rest = [model[0].weight], list(model.parameters())[1:]
    groups = [
        {"params": first, "weight_decay": 1.0},
        {"params": rest, "weight_decay": 0.1},
    ]
    solver = torch.optim.AdamW(groups, lr=6e-3)
    steps = passes * len(inputs) // 100
    rate = torch.optim.lr_scheduler.OneCycleLR(solver, 6e-3, steps)
    for _ in range(passes):
        for chosen in torch.randperm(len(inputs)).split(100):
            loss = F.cross_entropy(model(inputs[chosen]), labels[chosen])
            solver.zero_grad()
            loss.backward()
            solver.step()
            rate.step()
    return model


# %% tags=["band-filters"]
cut, origin = pieces(5000, SEED)
photos = photo_net(SEED)
before = photos[0].weight.detach().clone()
learn_photos(photos, cut, origin)
after = photos[0].weight.detach().clone()
fresh, fresh_origin = pieces(1000, SEED + 500)
with torch.no_grad():
    told = photos(fresh).argmax(1)
photo_right = float((told == fresh_origin).float().mean())

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of thirty-two little squares. Above, coloured noise without any structure: the filters at the start. Below, the learned filters: many show bright and dark bars at different angles, some are blobs of one colour, and a few are still noisy."}}
from course_utils.explain.filters import as_pictures

figure = Figure(figsize=(7, 2.1), layout="constrained")
rows = figure.subplots(2, 1)
for axes, weight, word in zip(rows, (before, after), ("start", "learned")):
    picture = mosaic(as_pictures(weight), columns=16, gap=2)
    axes.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
    axes.set(xticks=[], yticks=[], ylabel=word)
    axes.grid(False)
Sheet(figure, "filters at the start and learned", colors=64)

# %% [markdown]
# Bars at all angles, and blobs of colour. Nobody asked for either. "Which photograph?" was asked, and edges turned out to be a good way of answering.
#
# ## How oriented is a filter
#
# "I see bars" is not a measurement. Let us make one. A grating has all its power at one spatial frequency, that is, in one direction of the Fourier plane; noise has it everywhere. So take the power $P(f)$ of the filter at each frequency $f$ with angle $\varphi(f)$, inside the largest circle of the Fourier plane (its corners exist in slanted directions only), and average the direction:
#
# $$ o = \frac{\left| \sum_f P(f)\, e^{2 i \varphi(f)} \right|}{\sum_f P(f)} . \tag{8.2} $$
#
# The angle counts twice because a stripe that points up is the same as one that points down: $\varphi$ and $\varphi + 180°$ must not cancel. A grating without end has $o = 1$, a round blob 0, because its directions cancel. (Ours has only 11 pixels. Cutting it off blurs its direction, so expect a little less.)


# %% tags=["nbval-check-output"]
def orientation(weight, side=44):
    """Equation 8.2 for filters (N, C, k, k), powers of all channels added."""
    flat = weight - weight.mean((2, 3), keepdim=True)
    power = torch.fft.fft2(flat, s=(side, side)).abs().square().sum(1)
    f = torch.fft.fftfreq(side)
    angle = torch.atan2(f[:, None], f[None, :])
    power = power * (torch.hypot(f[:, None], f[None, :]) < 0.5)  # a round plane
    mean = (power * torch.exp(2j * angle)).sum((1, 2))
    return mean.abs() / power.sum((1, 2))


from course_utils.explain.filters import orientation_energy
from course_utils.scratch.convolution.gabor import gabor

y, z = np.mgrid[-5:6, -5:6]
examples = {
    "grating": np.cos(2 * np.pi * (y + z) / 5),
    "Gabor": gabor(11, 30, wavelength=5, sigma=2),
    "blob": np.exp(-(y**2 + z**2) / 8),
}
for name, picture in examples.items():
    weight = torch.tensor(picture, dtype=torch.float32)[None, None]
    mine, theirs = orientation(weight), orientation_energy(weight)
    assert torch.allclose(mine, theirs, atol=1e-5)
    print(f"{name:8s} {float(mine):.2f}")

# %% [markdown]
# > **Predict.** The filters at the start, and the learned ones: what are their mean orientations?

# %% tags=["band-filters"]
from course_utils.explain.filters import orientation_energy

oriented = {
    "start": float(orientation_energy(before).mean()),
    "learned": float(orientation_energy(after).mean()),
}

# %%
for name, value in oriented.items():
    print(f"{name:8s} {value:.3f}")
assert oriented["learned"] > 2 * oriented["start"]
assert len(album) == 14
print(f"which photograph, on new pieces: {photo_right:.0%} (chance 7%)")

# %% [markdown]
# ## Stripes under a bell
#
# The lecture says more than "oriented": it says that first-layer filters resemble *Gabor filters*. In [chapter 05](05_convolution.ipynb) a [Gabor function](../book/glossary.md#gabor-function) was a model of cells in the eye's first cortex: stripes of wavelength $\lambda$ under a bell,
#
# $$ \begin{aligned} g(x, y) &= e^{-\frac{u^2}{2\sigma_u^2} - \frac{v^2}{2\sigma_v^2}} \cos\left(\frac{2\pi u}{\lambda} + \phi\right), \\ u &= (x - x_0)\cos\theta + (y - y_0)\sin\theta, \\ v &= (y - y_0)\cos\theta - (x - x_0)\sin\theta . \end{aligned} \tag{8.3} $$
#
# Seven dials (place, angle, wavelength, two widths, phase), an amplitude and an offset. Turn them until the function is as close to the filter as it gets, and ask what share of the filter's variance it explains:
#
# $$ R^2 = 1 - \frac{\sum (w - \hat g)^2}{\sum (w - \bar w)^2} . \tag{8.4} $$
#
# `fit_gabor` does the turning: it tries a grid of 576 settings, then goes downhill from the best three by gradient. Amplitude, phase and offset need no search. Since $a \cos(t + \phi) = b \cos t + c \sin t$, they are a least squares problem, solved exactly at every step. Colour filters are first reduced to the one colour in which they vary most; what the other
# colours hold counts as unexplained.

# %% tags=["band-filters"]
from course_utils.explain.filters import phase_scrambled
from course_utils.explain.gabor import fit_gabor

fits = {
    "start": fit_gabor(before),
    "learned": fit_gabor(after),
    "scrambled": fit_gabor(phase_scrambled(after)),
}
filters_result = {}
for k, fit in fits.items():
    filters_result[f"share, {k}"] = float(fit.share.median())
filters_result |= {f"orientation, {k}": v for k, v in oriented.items()}
filters_result["accuracy"] = photo_right

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eleven learned filters in grey above the Gabor functions fitted to them, from the best explained on the left to the worst on the right. The left pairs can hardly be told apart; on the right a smooth stripe stands under a noisy filter."}}
from course_utils.explain.gabor import main_colour

order = fits["learned"].share.argsort(descending=True)[::3][:11]
_, patterns, _ = main_colour(after)
pairs = torch.cat([patterns[order], fits["learned"].pictures[order]])
titles = [f"{s:.0%}" for s in fits["learned"].share[order]] + [""] * len(order)
pictures = as_pictures(pairs[:, None])
plotting.image_grid(pictures, titles=titles, columns=len(order), size=0.62)

# %% [markdown]
# Above: learned filters in their main colour. Below: the Gabor function that comes closest, with its share of the filter's variance. We did not pick: every third filter, from the best explained to the worst.
#
# Now the number needs an opponent. Against what should "learned" be compared? Random filters lose, of course: with 121 pixels of noise, nine dials explain little. But that may only say that learned filters are *smooth*. A fair opponent is as smooth and as oriented, with the same power at every frequency, but with nothing in its place: shift every
# frequency by a random phase (`phase_scrambled`).
#
# > **Predict.** Random filters: about 5 percent. The learned ones: you saw them. The scrambled ones: nearer to which?

# %%
for name, fit in fits.items():
    expected = band("08_visualization.filters", f"share, {name}")
    print(f"{name:9s} {fit.share.median():.2f}   20 seeds: {expected}")
    assert expected.contains(float(fit.share.median()), slack=0.08)
clear = (fits["learned"].share > 0.5).float().mean()
print(f"learned filters of which a Gabor explains over half: {clear:.0%}")
first, last, control = (
    band("08_visualization.filters", f"share, {name}").median for name in fits
)  # fmt: skip
smooth = (control - first) / (last - first)
print(f"part of the gain that smoothness alone explains: {smooth:.0%}")
assert 0.5 < smooth < 0.9
runs = load_record("08_visualization.filters")["metrics"]
ahead = np.subtract(runs["share, learned"], runs["share, scrambled"])
print(f"learned ahead of scrambled in {sum(ahead > 0)} of {len(ahead)} seeds")
assert (ahead > 0).all()
assert last > 0.5

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three horizontal bands: the median share of variance that a Gabor explains, over seeds. Random filters near 0.05, phase-scrambled filters in the middle, learned filters clearly to the right of them."}}
figure = Figure(figsize=(7, 1.9), layout="constrained")
axes = figure.subplots()
for y, name in enumerate(("start", "scrambled", "learned")):
    expected = band("08_visualization.filters", f"share, {name}")
    mine = float(fits[name].share.median())
    plotting.seed_band(axes, expected, mine, name, y=y)
axes.set(xlabel="share of variance explained by a Gabor (median filter)")
axes.set_xlim(0, 1)
Sheet(figure, "shares by filter", colors=32)

# %% [markdown]
# <span id="c245"></span>So most of the way from "random" to "learned" is smoothness. The rest is real: learned filters are Gabors beyond what their spectrum forces. The [lecture](../book/claims.md) says "resembles Gabor filters", of AlexNet. We cannot load AlexNet's filters here, but we can say what fourteen photographs
# and a few seconds give: for the median filter a Gabor explains more than half (in the median of 20 seeds), and *not all filters are like that*. The others are blobs of one colour, and [Krizhevsky et al.](../book/references.md#krizhevsky-2012) say the same of theirs: "frequency- and orientation-selective kernels, as well as various colored blobs".
#
# The lecture calls the Gabor look "a good sanity check". Of what? That is pitfall 2, and worth trying to guess now.
#
# ## The second layer has no colours
#
# > **Predict.** Now the second layer. 40 filters of 3 x 3. What do you paint?

# %% tags=["nbval-check-output"]
second = net.stage2.conv1.weight.detach()
print(tuple(second.shape))
try:
    as_pictures(second)
except ValueError as error:
    print(textwrap.fill(f"ValueError: {error}", 76))

# %% [markdown]
# Each has 24 channels, and they are no colours: channel 5 is "how much of filter 5 is there". You may paint 24 x 40 grey squares of 3 x 3 pixels. People have done it. You will learn nothing, because a number in such a square means something only together with a filter below, a ReLU and a pooling.
#
# So stop looking at weights. **Ask the data instead**: show the unit many pictures, and look at those that excite it most. That is what [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014) did, nine patches a unit.
#
# ## Nine patches
#
# The strongest answer of unit $c$ comes from one picture $n$ and one place $(i, j)$ of the map. That answer depends on a part of the picture only, its [receptive field](../book/glossary.md#receptive-field) $R_{ij}$. So show that part, no more and no less:
#
# $$ (n, i, j)^* = \arg\max_{n, i, j} a_{c i j}(x_n), \qquad \text{patch} = x_{n^*}[R_{i^* j^*}] . \tag{8.5} $$
#
# Then the second best, and so on to the ninth.
#
# **What does a unit see?** You know the arithmetic. Here is the stack of our network; click a unit of stage 3 and read off how wide its field is.

# %%
padded = {"stride": 1, "dilation": 1, "kind": "conv"}
three = padded | {"kernel_size": 3, "padding": 1}
seven = padded | {"kernel_size": 7, "padding": 3}
half = {"kernel_size": 2, "stride": 2, "padding": 0}
half |= {"dilation": 1, "kind": "pool"}
to_stage3 = [seven, half, three, three, half, three, three, half]
ReceptiveField(layers=to_stage3, size=64)

# %% [markdown]
# There is a second way that needs no arithmetic and works for any network: **poison**. Set one column of the pixels to "not a number". A sum with a NaN in it is NaN, and so is a maximum; so exactly those units turn NaN that can see that column. (Why not the gradient? A closed ReLU or a lost maximum
# would hide paths that another picture would open.)

# %% tags=["nbval-check-output"]
sick = torch.zeros(64, 3, 64, 64)
column = torch.arange(64)
sick[column, :, :, column] = torch.nan  # picture c: column c
with torch.no_grad(), Taps(net, ["stage2"]) as taps:
    net(sick)
seen_by = taps["stage2"].isnan().any(1).any(1)  # (column, unit)
columns = seen_by[:, 8].nonzero()[:, 0]
print(f"unit 8 of a row of stage 2 sees columns {columns[0]} to {columns[-1]}")

from course_utils.explain.receptive_fields import receptive_fields

fields = receptive_fields(net, stages, (3, 64, 64))
account = {row.name: row for row in summarise(net, (3, 64, 64)).rows}
for name in stages:
    arithmetic = account[f"{name}.pool"].field
    size, step = fields[name].size[0], fields[name].stride[0]
    wide = f"{arithmetic.size[0]} by arithmetic"
    print(f"{name}: {size} pixels ({wide}), step {step or 'unknown'}")
    assert size == arithmetic.size[0] or name == "stage4"
assert fields["stage2"].columns[8].tolist() == [columns[0], columns[-1] + 1]

# %% [markdown]
# A field of stage 4 is wider than the picture and always cut by its border. Its "patches" are nearly whole pictures.
#
# Now the search. The slow way for one unit, written as equation 8.5 says, then the library's:

# %% tags=["nbval-check-output"]
from course_utils.explain.top_patches import feed_again, top_patches

unit, found = 3, []
for n in range(100):
    with torch.no_grad(), Taps(net, ["stage3"]) as taps:
        net(x[n : n + 1])
    answers = taps["stage3"][0, unit]  # (8, 8)
    place = int(answers.argmax())
    found.append((float(answers.max()), n, place // 8, place % 8))
found = sorted(found, reverse=True)[:9]

top = top_patches(net, x[:100], "stage3", units=[unit], fields=fields["stage3"])
assert top.images[0].tolist() == [n for _, n, _, _ in found]
assert top.places[0].tolist() == [[i, j] for _, _, i, j in found]
print("the same nine pictures, the same nine places")

# %% [markdown]
# **Did we cut right?** There is a test that leaves no doubt. Cut the patch out, throw the rest of the picture away, feed *only the patch* to the network, and read the same unit. It must say the same number as before.

# %% tags=["nbval-check-output"]
tops = {}
for name in stages:
    top = tops[name] = top_patches(
        net, x[:400], name, units=list(range(8)), fields=fields[name]
    )  # fmt: skip
    again = feed_again(net, x[:400], top)
    gap = float((again - top.scores).abs().max() / top.scores.abs().max())
    print(f"{name}: {top.scores.numel():4d} answers come back: {gap < 1e-4}")
    assert gap < 1e-4

# %% [markdown]
# Every answer comes back. Two details make that true, and they are where everybody goes wrong. First, poolings count from the corner of the picture: the cut must start at a multiple of the layer's total step, or they will group other pixels. Second, a field that hangs over the border must be cut *at* the border, because there the network pads its maps at
# every layer. (Pitfall 3 cuts wrong by one pixel.)
#
# Now look. Three units of each stage, the first three that ever answer. They are not picked.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of three walls, nine patches each. Stage 1: tiny patches of one colour or with one edge. Stage 2: corners, stripes and spots. Stage 3: larger pieces with parts of things. Stage 4: whole pictures, many walls with things of one kind."}}
from course_utils.explain.top_patches import cut_patches

shown = world.images[:400].float() / 255
walls, chosen_units = {}, {}
for name, top in tops.items():
    alive = (top.scores[:, -1] > 0).nonzero()[:3, 0]
    chosen_units[name] = alive
    picked = type(top)(
        top.layer,
        top.units[alive],
        top.scores[alive],
        top.images[alive],
        top.places[alive],
        top.boxes[alive],
        top.fields,
    )
    walls[name] = cut_patches(shown, picked, fill=1.0).numpy()
names_of = {n: [f"unit {u}" for u in us] for n, us in chosen_units.items()}
Sheet(patch_walls(walls, names_of, size=1.25), "walls of patches", colors=32)

# %% [markdown]
# Read the rows from top to bottom. What would you call the units of the first row? Of the last? Most people say "edges", then "corners and spots", then "parts", then "cars". The [lecture](../book/claims.md) says just that about five layers of a network that has seen a million photographs.
#
# Now try your names. The figure below holds fourteen units of each stage, and the truth about the pictures.
#
# > **Predict.** It begins with the name "wheel" for a unit of stage 3. Look at the nine patches: of the 50 pictures that excite this unit most, how many show a wheel?

# %%
FeatureViewer()

# %% [markdown]
# Nearly all show a wheel, and still its answers hardly overlap with wheels: the pictures are cars and buses, and these have wheels, lights and windows. Try *light* and *window* on it. Then name other units, and step through the patches until you find the one that breaks the name. How many of your names get through?
#
# Look once more at the first row above. If you see tyres and eyes there, you have named what the *pictures* show and not what the unit *sees*: 8 pixels, black beside white. Tyres and eyes simply have the hardest edges in this world. Looking at nine pictures and giving a name is dangerous. Let us measure instead.
#
# ## Do concepts grow?
#
# **Class purity.** Take the nine pictures that excite a unit most. If the unit stands for an object, they are of one class. So count the most common label:
#
# $$ p_c = \frac{1}{k} \max_y \sum_{n \in \text{top } k} \mathbf{1}[y_n = y] . \tag{8.6} $$
#
# > **Predict.** Ten classes. A unit that cares nothing for classes picks nine pictures blindly. What is its purity, on average: 1/10, or more?

# %% tags=["nbval-check-output"]
from course_utils.explain.top_patches import class_purity

draw = torch.Generator().manual_seed(0)
blind_labels = torch.randint(10, (100_000, 9), generator=draw)
blind = float(class_purity(blind_labels).mean())
print(f"nine blind draws from ten classes: purity {blind:.2f}")
assert 0.28 < blind < 0.32

# %% [markdown]
# Three times 1/10: among nine draws some class always comes up two or three times. A purity of 0.3 is *nothing*. That is our baseline, and here is a second one: the same network before training. Both answer the question "what if there were nothing there?". One network before training would be one draw of the lot, so twelve of them stand in a record, measured in the same way.
#
# We ask five separate sets of pictures, so that you see the spread:

# %%
from course_utils.recipes.scenes import build_model


def layer_features(model):
    """Answers of all stages to all pictures, in half precision."""
    parts = [features(model, part, stages) for part in x.split(100)]
    return {s: torch.cat([part[s].half() for part in parts]) for s in stages}


torch.manual_seed(SEED)
untrained = build_model().eval()
answers = {
    "trained": layer_features(net),
    "untrained": layer_features(untrained),
}
sets = torch.randperm(800, generator=draw).view(5, 160)


def purity_by_layer(maps):
    rows = []
    for chosen in sets:
        row = []
        for name in stages:
            peak = maps[name][chosen].float().amax((2, 3))  # (160, units)
            best = peak.topk(9, dim=0).indices.T
            active = peak.amax(0) > 0
            labels = world.labels[chosen][best][active]
            row.append(float(class_purity(labels).mean()))
        rows.append(row)
    return np.array(rows)


purity = {kind: purity_by_layer(maps) for kind, maps in answers.items()}
for kind, rows in purity.items():
    print(f"{kind:14s}", "  ".join(f"{v:.2f}" for v in np.median(rows, 0)))


def before_training(what):
    """One row a network, one column a stage."""
    runs = load_record("08_visualization.untrained")["metrics"]
    return np.column_stack([runs[f"{what}, {name}"] for name in stages])


blank = before_training("purity")
print("12 untrained: ", "  ".join(f"{v:.2f}" for v in np.median(blank, 0)))
assert (np.diff(np.median(purity["trained"], 0)) > 0).all()
assert (np.diff(np.median(blank, 0)) < 0).all()
assert (purity["trained"][:, 1:].min(0) > blank[:, 1:].max(0)).all()
assert len(blank) >= 12

# %% tags=["hide-input"] mystnb={"image": {"alt": "Class purity over the four stages. The trained network's curve rises steeply to the last stage; that of twelve untrained networks starts beside it and sinks to the dotted line of blind draws at 0.3."}}
figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
both = {"trained": purity["trained"], "12 untrained": blank}
label = "class purity of nine patches"
layer_curves(axes, stages, both, label, dashed=["12 untrained"])
axes.axhline(blind, color=COLORS["gray"], linestyle=":")
axes.text(0, blind - 0.06, "blind draws", color=COLORS["gray"], fontsize=8)
axes.set_ylim(0, 1)
Sheet(figure, "purity by stage", colors=32)

# %% [markdown]
# <span id="c244"></span>Purity rises from layer to layer. Before training it falls. In stage 1 the two are nearly equal: a filter that likes contrast is as "pure" untrained as trained, since contrast is not spread evenly over the classes. From stage 2 on the worst of our five sets lies above the best of the twelve untrained networks. The last part of the lecture's sentence, "entire objects" at the top, comes back in our small network, with a number.
#
# **Parts.** Purity says nothing about *wheels*. For that we use the truth. Let $S_c$ be the pixels where unit $c$ answers strongly (its strongest half percent, as in [network dissection](../book/glossary.md#network-dissection) by [Bau et al., 2017](../book/references.md#bau-2017)), enlarged to the size of the picture, and $M$ the pixels that show a wheel. Their overlap is
#
# $$ \text{IoU}(c, M) = \frac{|S_c \cap M|}{|S_c \cup M|} , \tag{8.7} $$
#
# summed over all pictures: 1 if the unit answers on wheels, everywhere on them, and on nothing else.
#
# One trap: with 21 parts and 112 units, *some* unit fits *some* part by luck. So we choose the best part of each unit on one half of the pictures, and measure the overlap on the other half.
#
# > **Predict.** Purity rose with depth. Will the overlap with parts rise, too?

# %%
from course_utils.explain.concepts import overlap_of_maps

small = lambda m: F.avg_pool2d(m.float(), 2) > 0.5  # truth, 32 x 32
part_masks = torch.stack([small(m) for m in world.part_masks.values()], 1)
assert part_masks.shape[1] == 21
one, other = slice(0, 400), slice(400, 800)


def part_overlap(maps):
    first = overlap_of_maps(maps[one].float(), part_masks[one])
    second = overlap_of_maps(maps[other].float(), part_masks[other])
    return first, second


def mean_overlap(first, second):
    """Held-out overlap of each unit with the part chosen for it."""
    part = first.argmax(1)
    return float(second[torch.arange(len(part)), part].mean())


overlap = {name: part_overlap(m) for name, m in answers["trained"].items()}
growth = np.array([
    [mean_overlap(*overlap[name]) for name in stages],
    [mean_overlap(*overlap[name][::-1]) for name in stages],
])  # fmt: skip
blank = before_training("overlap")
print("        trained   12 untrained     times their median")
for i, name in enumerate(stages):
    mine, rest = growth[:, i].mean(), blank[:, i]
    times = mine / np.median(rest)
    least, most = min(rest), max(rest)
    print(f"{name}  {mine:.3f}   {least:.3f} to {most:.3f}  {times:6.1f}")
    assert mine > max(rest)
ratios = growth.mean(0) / np.median(blank, 0)
assert (np.diff(ratios) > 0).all()

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean overlap of units with their best part over the four stages, measured on pictures that were not used to choose the part. Both curves fall, that of twelve untrained networks much faster, so that the gap between them opens."}}
figure = Figure(figsize=(7, 2.8), layout="constrained")
axes = figure.subplots()
both = {"trained": growth, "12 untrained": blank}
layer_curves(axes, stages, both, "overlap with best part", ["12 untrained"])
axes.set_ylim(0)
Sheet(figure, "overlap by stage", colors=32)

# %% [markdown]
# It falls. Do not read the curve from left to right, though: a unit of stage 4 answers at 4 x 4 places, which become broad soft blobs when they are enlarged, and no blob fits a window or an eye. That holds for trained and untrained units alike. So read it *upright*: in each stage the trained network lies above all twelve untrained ones, and the deeper the stage the more of the overlap is the work of training, from a small part to nearly all. (The numbers are small for another reason: half a percent of the answers covers few pixels, a body or a wall many. Bau et al. call a unit a detector from 0.04 on.)
#
# ### The wheel unit
#
# > **Predict.** Nobody labelled a wheel. Cars, buses and bicycles have wheels, seven other classes have none. Is there a wheel unit? In which stage?

# %%
wheel = list(world.part_masks).index("wheel")
fits_wheel = {name: by[0][:, wheel] for name, by in overlap.items()}
stage = max(stages, key=lambda name: float(fits_wheel[name].max()))
unit = int(fits_wheel[stage].argmax())
held = float(overlap[stage][1][unit, wheel])
print(f"{stage}, unit {unit}: overlap {held:.2f} on new pictures")
assert held > 0.08

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures that excite the wheel unit most, and below them the same, darkened except where it answers. Nearly all bright spots lie inside wheels of cars and buses, which are outlined in yellow."}}
maps = answers["trained"][stage][other].float()
masks = world.part("wheel")[other]
large = F.interpolate(maps[:, unit : unit + 1], (64, 64), mode="bilinear")[:, 0]
limit = maps[:, unit].flatten().topk(round(0.005 * maps[:, unit].numel()))
strong = large >= limit.values[-1]
most = maps[:, unit].amax((1, 2)).argsort(descending=True)[:6].tolist()
figure = Figure(figsize=(6, 2.1), layout="constrained")
for axes, n in zip(figure.subplots(2, 6).T, most):
    picture = world.images[other][n].float() / 255
    overlay(axes[0], picture, torch.ones_like(strong[n]))
    overlay(axes[1], picture, strong[n], masks[n])
Sheet(figure, "the wheel unit", colors=32)

# %% [markdown]
# Above the pictures, below the same: bright is where the unit answers, yellow is the truth. Nothing in the labels says "wheel". How particular is it? A third of the pictures show a wheel. Take 400 that were not used to choose the unit, and of those the 50 that excite it most.
#
# > **Predict.** How many of the 50 show a wheel?

# %%
with_wheel = masks.flatten(1).any(1)
first50 = maps[:, unit].amax((1, 2)).argsort(descending=True)[:50]
share = float(with_wheel[first50].double().mean())
base = float(with_wheel.double().mean())
print(f"pictures with a wheel: {share:.0%} of its first 50, {base:.0%} of all")
kinds = world.labels[other][first50].bincount(minlength=10)
print({classes[i]: n for i, n in enumerate(kinds.tolist()) if n})
assert share > 2 * base

# %% [markdown]
# A unit that nobody asked for, six pictures, nine out of ten. Many a paper has stopped here. One question is missing, the one of this whole section: *what if there were nothing there?* Twelve networks that have learned nothing go through the same search: their best wheel unit, chosen on one half of the pictures, measured on the other.
#
# > **Predict.** The best "wheel unit" among random weights: what overlap with wheels, and how many wheels among its first 50?

# %%
print("        overlap with wheels       wheels among the first 50")
print("        ours  12 untrained        12 untrained")
random_units = before_training("wheel")
random_hits = before_training("wheels among 50")
for i, name in enumerate(stages):
    mine = float(overlap[name][1][fits_wheel[name].argmax(), wheel])
    rest, hits = random_units[:, i], random_hits[:, i]
    overlaps = f"{min(rest):.2f} to {max(rest):.2f}"
    wheels = f"{min(hits):.0%} to {max(hits):.0%}"
    print(f"{name}  {mine:.2f}  {overlaps}        {wheels}")
best_of_each = random_units.max(1)
low, high = best_of_each.min(), best_of_each.max()
print(f"best unit of each untrained network: {low:.2f} to {high:.2f}")
assert 0.8 * held < high < held  # nearly as good as ours
assert random_hits.max() > share - 0.05  # and as particular
assert held > random_units[:, stages.index(stage)].max()

# %% [markdown]
# Random weights have wheel units, too. A wheel of this world is a white disc in a black tyre, as hard as edges get, and among 24 random filters of 7 x 7 pixels one or another likes just that: nearly the overlap of ours, and as many wheels among its first 50. So neither the six pictures nor the nine out of ten show that this network has *learned* wheels. What stands is modest: in its own stage no untrained network reaches it.
#
# Keep this page in mind when somebody shows you the "dog unit" of a network. Ask how many units were searched, and what the same search finds before training.
#
# Nor has *every* unit a name. [Gonzalez-Garcia et al. (2018)](../book/references.md#gonzalez-garcia-2018) searched AlexNet for the parts of PASCAL's objects in this way and found about a quarter of them. Exercise 4 asks whether our unit is even *needed*, and exercise 5 whether a unit is
# anything special, compared with a mixture of units.
#
# ## Read every layer with a straight line
#
# We asked single units. Now ask a whole layer: *how much of the class can be read off here?* Freeze the network, take a layer's output $h$, and train the simplest classifier there is on it, one linear layer. It is called a [probe](../book/glossary.md#probe):
#
# $$ \min_{W, b}\; \frac{1}{N} \sum_n -\log \text{softmax}(W h_n + b)_{y_n} + \frac{\lambda}{2} \lVert W \rVert^2 . \tag{8.8} $$
#
# The probe cannot bend. If it succeeds, the *layer* has done the bending. The problem is convex, so there is no seed and no luck in it, only the choice of pictures. (`fit_probe` first brings each number of $h$ to mean 0 and spread 1; $\lambda$ is 0.01.)
#
# Early layers have far more numbers than we have pictures (stage 1: 24,576). We average each map over the four quarters of the picture first; the pixels themselves get a finer 16 x 16 grid, so that they have a fair chance.
#
# > **Predict.** Accuracy of a straight line on pixels, and on stages 1 to 4, of ten classes. And for the *untrained* network: does random depth help, do nothing, or hurt?

# %%
from course_utils.explain.probes import fit_probe

quarters = {}
for name, m in answers["trained"].items():
    quarters[name] = F.adaptive_avg_pool2d(m.float(), 2).flatten(1)
pixels = F.adaptive_avg_pool2d(x, 16).flatten(1)
layers = ["pixels", *stages]


def line_accuracy(h, split):
    fit_on, test_on = split[:550], split[550:]
    probe = fit_probe(h[fit_on], world.labels[fit_on])
    return probe.accuracy(h[test_on], world.labels[test_on])


splits = [torch.randperm(800, generator=draw) for _ in range(5)]
inputs = (pixels, *quarters.values())
lines = np.array([[line_accuracy(h, s) for h in inputs] for s in splits])
blank = before_training("line")
print("              " + "  ".join(f"{name:>6s}" for name in layers))
gain, nothing = np.median(lines, 0), np.median(blank, 0)
print("trained       " + "  ".join(f"{v:6.2f}" for v in gain))
print("12 untrained          " + "  ".join(f"{v:6.2f}" for v in nothing))
assert (np.diff(gain)[:3] > 0.1).all()
assert gain[4] >= gain[3]
assert (lines[:, 2:].min(0) > blank[:, 1:].max(0) + 0.2).all()
assert nothing.min() > gain[0]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Accuracy of linear probes over pixels and four stages. The trained network climbs from stage to stage to more than nine of ten; twelve untrained networks stay below one half, though above the pixels."}}
figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
on_pixels = np.full((len(blank), 1), gain[0])
both = {"trained": lines, "12 untrained": np.hstack([on_pixels, blank])}
label = "accuracy of a linear probe"
layer_curves(axes, layers, both, label, dashed=["12 untrained"])
axes.axhline(0.1, color=COLORS["gray"], linestyle=":")
axes.set_ylim(0, 1)
Sheet(figure, "probes by stage", colors=32)

# %% [markdown]
# This is the experiment that one of the [lectures](../book/claims.md) calls "tapping off features at each layer". Zeiler and Fergus put linear classifiers on the layers of their network and tried other people's pictures (Caltech-101 and Caltech-256, their table 7): up to layer 5 the curve rises as ours does. ([Alain and Bengio, 2017](../book/references.md#alain-bengio-2017), gave the probe its name.)
#
# Look at the dashed curve before you believe the other one. An untrained network is well above chance, because its random filters with ReLU and pooling are features too. The difference between the curves is what was *learned*; the height alone is not.
#
# And a probe says what **can** be read at a layer. Whether the layers above *use* it is another question.
#
# ## Checked claims
#
# | lecture | statement | verdict |
# |---|---|---|
# | 000 | Layer 1 shows edges and colours, layer 2 corners, layer 3 parts, layers 4 and 5 entire objects (nine patches a unit) ([C244](#c244)) | needs ImageNet for the network meant; in our small one, and in one of [photographs](#photographs), the purity rises from stage to stage, and in untrained networks it does not. The words "corners" and "parts" are a reader's. What can be checked is the overlap with true parts: above that of untrained networks in every stage, but our best wheel unit only just |
# | 001 | First-layer filters resemble Gabor filters ([C245](#c245)) | needs AlexNet for the network meant; with fourteen photographs a Gabor explains more than half of the median filter's variance. Others are blobs of colour, as the paper itself says |
#
# ## Pitfalls
#
# **1. The layer that overwrites what you kept.** Many published networks use `ReLU(inplace=True)`. Your hook kept a reference, and the next layer writes into it:

# %% tags=["nbval-check-output"]
hasty = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
torch.manual_seed(0)
noise = torch.randn(1, 3, 8, 8)
mine = {}
handle = hasty[0].register_forward_hook(lambda m, i, o: mine.update(conv=o))
with torch.no_grad():
    hasty(noise)
handle.remove()
with torch.no_grad(), Taps(hasty, ["0"]) as taps:
    hasty(noise)
print("negative answers kept by the bare hook:", int((mine["conv"] < 0).sum()))
print("by Taps, which hands on a copy:", int((taps["0"] < 0).sum()) > 0)
assert (mine["conv"] >= 0).all()

# %% [markdown]
# A convolution without a single negative answer: no error, no warning, only a wrong figure.
#
# **2. "It has Gabors, so it has learned."** Train the same network on the same pieces, with the *labels shuffled*. There is nothing to learn that would help with new pieces.
#
# > **Predict.** Do the filters of the network with shuffled labels look like noise, or like Gabors?

# %% tags=["band-filters"]
mixed = origin[torch.randperm(len(origin))]
fooled = learn_photos(photo_net(SEED), cut, mixed)
with torch.no_grad():
    told = fooled(fresh).argmax(1)
fooled_right = float((told == fresh_origin).float().mean())
fooled_fit = fit_gabor(fooled[0].weight.detach())
fooled_oriented = orientation_energy(fooled[0].weight.detach())
filters_result["share, shuffled"] = float(fooled_fit.share.median())
filters_result["orientation, shuffled"] = float(fooled_oriented.mean())
filters_result["accuracy, shuffled"] = fooled_right

# %%
expected = band("08_visualization.filters", "share, shuffled")
start = band("08_visualization.filters", "share, start")
print(f"shuffled labels, new pieces: {fooled_right:.0%} right (chance 7%)")
print(f"Gabor share {fooled_fit.share.median():.2f}   20 seeds: {expected}")
print(f"random start: {start}")
assert expected.contains(float(fooled_fit.share.median()), slack=0.08)
assert expected.minimum > 4 * start.maximum
assert fooled_right < 0.2

# %% tags=["hide-input"] mystnb={"image": {"alt": "Thirty-two filters of the network that was trained on shuffled labels. They are softer and noisier than those of the real task, but many show bars and blobs of colour."}}
picture = mosaic(as_pictures(fooled[0].weight), columns=16, gap=2)
figure = Figure(figsize=(7, 1.05), layout="constrained")
axes = figure.subplots()
axes.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
axes.set(xticks=[], yticks=[])
axes.grid(False)
Sheet(figure, "filters of shuffled labels", colors=64)

# %% [markdown]
# It knows nothing, and its filters are far from noise. [Maennel et al. (2020)](../book/references.md#maennel-2020) show why: the first weights align with the statistics of the *pictures*, whatever the labels say. So structured filters tell you that data flow in and gradients flow back, that the learning rate is not absurd. Noisy filters are an alarm; smooth ones are not a proof.
#
# **3. Cut one pixel beside.** The usual shortcut: "the unit at row $i$ sits at pixel $i$ times the step; cut the field around it". Forget the half pixel, or the corner of the pooling, and nothing looks wrong:

# %%
top = tops["stage3"]
inside = (top.boxes[..., :2].amin(-1) > 0) & (top.boxes[..., 2:].amax(-1) < 64)
which = inside.nonzero()[:200]
ratio = []
for a, b in which.tolist():
    corner = top.boxes[a, b] // 8 * 8  # where a right cut begins
    x1, y1, x2, y2 = (corner + torch.tensor([1, 1, 8, 8])).tolist()
    crop = x[int(top.images[a, b]), :, y1:y2, x1:x2]
    with torch.no_grad(), Taps(net, ["stage3"]) as taps:
        net(crop[None])
    rest = taps["stage3"][0, int(top.units[a])]
    row, column = (top.places[a, b] - top.boxes[a, b, [1, 0]] // 8).tolist()
    if row < rest.shape[0] and column < rest.shape[1]:
        ratio.append(float(rest[row, column] / top.scores[a, b]))
print(f"{len(ratio)} patches cut one pixel too far down and right:")
print(f"they give {np.median(ratio):.0%} of their score (right cut: 100%)")
print(f"the worst tenth gives {np.quantile(ratio, 0.1):.0%} or less")
assert np.quantile(ratio, 0.1) < 0.97

# %% [markdown]
# The pictures look the same. Only feeding them again tells.
#
# **4. Nine patches of one picture.** Without the rule "one patch a picture" neighbours win: the same edge, nine times, one pixel apart. Purity then counts one picture nine times:

# %%
ask = net, x[:240], "stage1"
apart = top_patches(*ask, fields=fields["stage1"])
crowd = top_patches(*ask, fields=fields["stage1"], one_per_picture=False)
for word, found in (("any place", crowd), ("one a picture", apart)):
    used = np.mean([len(row.unique()) for row in found.images])
    value = float(class_purity(world.labels[found.images]).mean())
    print(f"{word:14s} {used:.1f} pictures a unit, purity {value:.2f}")
unfair = class_purity(world.labels[crowd.images]).mean()
assert unfair > class_purity(world.labels[apart.images]).mean() + 0.03

# %% [markdown]
# ## Exercises
#
# **1. What a unit hates** (ten minutes). After the ReLU a unit cannot say "less than nothing". Before it, it can. Find the nine patches with the most *negative* answers of unit 0 of `stage1.conv1`, and compare them with its nine best. Predict how they look from equation 8.1.
#
# <details><summary>Hint</summary>
#
# The smallest value of $a$ is the largest of $-a$. A copy of the layer with its weights and bias negated is a network, too: `top_patches` takes any module.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
import copy

opposite = copy.deepcopy(net.stage1.conv1)
opposite.weight.data *= -1
opposite.bias.data *= -1
loves = top_patches(net.stage1.conv1, x[:100], "", units=[0])
hates = top_patches(opposite, x[:100], "", units=[0])
kernel = net.stage1.conv1.weight[0].detach()
for word, found in (("best", loves), ("worst", hates)):
    patches = cut_patches(x[:100], found, fill=0.0)[0]
    flat = patches - patches.mean((1, 2, 3), keepdim=True)
    cosine = F.cosine_similarity(flat.flatten(1), kernel.flatten()[None])
    print(f"{word:5s} cosine with the filter {float(cosine.mean()):+.2f}")
# They look like the filter, and like its negative, but only by a quarter: no
# picture here shows the filter itself, and an answer is length times cosine:
# a patch of hard contrast wins with a modest likeness.

# %% [markdown]
# **2. Which directions** (ten minutes). Fit Gabors to the learned photo filters, keep those with a share above one half, and count their orientations in four bins around 0, 45, 90 and 135 degrees. What would you expect from photographs of things that stand on the ground?
#
# <details><summary>Hint</summary>
#
# `fit.orientation` is the direction across the stripes. Shift by 22.5 degrees before you divide by 45, and take the result modulo 4.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
good = fits["learned"].share > 0.5
bins = ((fits["learned"].orientation[good] + 22.5) // 45).long() % 4
print("across the stripes, at 0, 45, 90, 135 degrees:")
print(bins.bincount(minlength=4).tolist())
assert int(bins.bincount(minlength=4).sum()) == int(good.sum())
# Upright and lying edges are common in photographs, slanted ones less so; with
# one network and so few filters the counts are too small to prove it.

# %% [markdown]
# **3. Prove a field without arithmetic** (ten minutes). Use poison to find out what one unit of the residual network `resnet18` of `course_utils.models` sees at the end of `conv2_x`, for pictures of 96 x 96 pixels, without `receptive_fields`. Compare with `summarise`. (Why not at the end of `conv3_x`?)
#
# <details><summary>Hint</summary>
#
# One poisoned column after the other, as in the text. Put the network in `eval` mode, or batch normalisation will poison everything, and take double precision: fast single-precision convolutions mix neighbours before they add.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils import models

deep = models.build("resnet18").eval()
account3 = {row.name: row for row in summarise(deep, (3, 96, 96)).rows}
target, row = "conv2_x.1", 12
deep = deep.double()
sees = []
with torch.no_grad():
    for columns in torch.arange(96).split(24):
        sick = torch.zeros(24, 3, 96, 96, dtype=torch.float64)
        sick[torch.arange(24), :, :, columns] = torch.nan
        with Taps(deep, [target]) as taps:
            deep(sick)
        sees += taps[target][:, 0, row, row].isnan().tolist()
field = account3[target].field
ends = field.shifted((row, row))
low, high = int(ends.low[1]), int(ends.high[1])
found = [c for c, seen in enumerate(sees) if seen]
print(f"poison: columns {found[0]} to {found[-1]}, {len(found)} of them")
print(f"arithmetic: columns {low} to {high}, {high - low + 1} of them")
assert found == list(range(low, high + 1))
wide = account3["conv3_x.1"].field.size[0]
print(f"at the end of conv3_x: {wide} pixels, more than the picture has")

# %% [markdown]
# **4. Is the wheel unit needed?** (fifteen minutes). Silence it: a hook that sets its channel to 0. What happens to the accuracy on cars, buses and bicycles, and to the *lead* of the right score over the best wrong one? Do the same with eight other units of that stage, as a baseline. Write down first what you expect.
#
# <details><summary>Hint</summary>
#
# `attach(model, {stage: hook})` of `course_utils.explain.hooks`; what the hook returns replaces the output. Change a copy, not the output itself.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.explain.hooks import attach

rolling = torch.tensor([classes.index(n) for n in ("car", "bus", "bicycle")])
trial, truth = x[400:520], world.labels[400:520]
has_wheels = torch.isin(truth, rolling)


def lead_without(silent):
    """Accuracy on things with wheels, and the mean lead with and without."""

    def hush(module, inputs, output):
        output = output.clone()
        output[:, silent] = 0
        return output

    with torch.no_grad(), attach(net, {stage: hush}):
        told = net(trial)
    own = told.gather(1, truth[:, None])[:, 0]
    wrong = told.scatter(1, truth[:, None], -torch.inf).amax(1)
    lead, rolls = own - wrong, has_wheels
    good = float((lead[rolls] > 0).float().mean())
    means = float(lead[rolls].mean()), float(lead[~rolls].mean())
    return np.array([good, *means])


whole = lead_without([])
print("                   right, wheels   lead, wheels   lead, others")
form = "{:18s} {:10.3f} {:14.2f} {:14.2f}"
show = lambda word, values: print(form.format(word, *values))
show("nothing silenced", whole)
show("without wheel unit", lead_without([unit]))
count = answers["trained"][stage].shape[1]
others = [u for u in range(0, count, count // 9) if u != unit][:8]
rest = np.array([lead_without([u]) for u in others])
show("others, median", np.median(rest, 0))
show("others, worst", rest.min(0))
# The accuracy does not move: other units know of wheels, too. Compare the fall
# of the lead with that of the worst other unit before you call it important.
# "It looks for wheels" and "the network needs it" are two statements.

# %% [markdown]
# **5. Is a unit special?** (half an hour). [Szegedy et al. (2014)](../book/references.md#szegedy-2014) say that a random mixture of units can be read as well as a unit. [Bau et al. (2017)](../book/references.md#bau-2017) measure the opposite. Turn the stage of the wheel unit by a random rotation of its channels and compare: the mean held-out overlap with parts of units and of mixtures.
#
# <details><summary>Hint</summary>
#
# `torch.linalg.qr` of a random square matrix gives a rotation $Q$; the mixtures are `torch.einsum("uv,nvij->nuij", Q, maps)`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
maps = answers["trained"][stage].float()
count = maps.shape[1]
turned = []
for seed in range(3):
    draw_turn = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(count, count, generator=draw_turn))
    turned_maps = torch.einsum("uv,nvij->nuij", turn, maps)
    turned.append(mean_overlap(*part_overlap(turned_maps)))
single = mean_overlap(*overlap[stage])
print(f"units:    {single:.3f}")
print(f"mixtures: {min(turned):.3f} to {max(turned):.3f} (three rotations)")
assert single > max(turned)
# Here Bau and others are right: the axes of a layer are not just any axes. Part
# of it is the ReLU: it leaves a unit silent in many places, a mixture in none.

# %% [markdown]
# **6. Your own network** (an evening). Take any network of your own, or the torchvision one whose weights you have, and answer for one layer: how many of its units would *you* name, and how many of your names survive a second set of pictures? Have a friend name the units of an untrained network without telling which is which.
#
# <details><summary>Hint</summary>
#
# `top_patches`, `cut_patches` and `patch_walls` take any network and any pictures. Name on set A; on set B hide the names and match walls to names. Count the hits, and the hits that a shuffled matching gives.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# A machine's stand-in for the friend: "name" a unit by the most common class of
# its nine pictures on set A, and count how often the name comes back on set B.
def names_that_survive(maps):
    named = []
    for part in (one, other):
        nine = maps[part].float().amax((2, 3)).topk(9, dim=0).indices.T
        named.append(world.labels[part][nine].mode(dim=1).values)
    return float((named[0] == named[1]).float().mean())


for kind, by in answers.items():
    kept_names = [f"{names_that_survive(by[s]):.2f}" for s in stages]
    print(f"{kind:9s}", *kept_names)
# Blind names would come back about once in ten. Those of untrained units come
# back more often: classes of hard contrast excite nearly all of them. So "my
# names survive" proves little without the untrained network beside it.

# %% [markdown]
# ## At scale
#
# Would longer training make the filters more like Gabors? The same network on twice as many pieces, with twice as many passes, five seeds:

# %% tags=["hide-input"]
scale = load_record("08_visualization.photos")
print(scale["pictures"])
print("seeds:", len(scale["seeds"]), "  repeat with:", scale["command"])
for name in ("accuracy", "share, scrambled", "share, learned"):
    few = band("08_visualization.filters", name)
    many = band("08_visualization.photos", name)
    print(f"{name:17s} short {few.median:.2f}, long {many.median:.2f}")
short, long = (
    {name: band(f"08_visualization.{record}", name) for name in scale["metrics"]
     if name in ("accuracy", "share, learned")}
    for record in ("filters", "photos")
)  # fmt: skip
assert len(scale["seeds"]) >= 5
assert long["accuracy"].minimum > short["accuracy"].maximum
assert long["share, learned"].median < short["share, learned"].median + 0.05

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four horizontal bands of the share of variance that a Gabor explains: learned filters and their phase-scrambled control, each after the chapter's short training and after the long one."}}
figure = Figure(figsize=(7, 2.2), layout="constrained")
axes = figure.subplots()
runs = {"short": "filters", "long": "photos"}
rows = [(k, word) for k in ("scrambled", "learned") for word in runs]
for y, (kind, word) in enumerate(rows):
    record = runs[word]
    shares = band(f"08_visualization.{record}", f"share, {kind}")
    plotting.seed_band(axes, shares, None, f"{kind}, {word}", y=y)
axes.set(xlabel="share of variance explained by a Gabor (median filter)")
axes.set_xlim(0, 1)
Sheet(figure, "shares by length of training", colors=32)

# %% [markdown]
# Twice the pieces and twice the passes make the network clearly better at its task, and its filters *no more* Gabor-like. So the resemblance is not a measure of how good a network is; it is what a first layer settles on early. (Fourteen photographs are not a million. The filters of [Krizhevsky et al., 2012](../book/references.md#krizhevsky-2012), took five to six days on two graphics cards, and cannot be measured here.)
#
# ### Photographs
#
# All this was found on drawn things. Does it hold on photographs? `trained("cifar10")` is a residual network of this course, trained on 40,000 of CIFAR-10's small photographs. It reads them with filters of 3 x 3.
#
# > **Predict.** What of the 11 x 11 filters above can come back in 3 x 3 pixels, and what not?

# %%
photo = trained("cifar10")
first3 = photo.model.stem.conv.weight.detach()
learned3 = float(orientation_energy(first3).mean())
draw = torch.Generator().manual_seed(SEED)
random3 = []
for _ in range(200):
    rival = torch.randn(16, 3, 3, 3, generator=draw)
    random3.append(float(orientation_energy(rival).mean()))
print(f"right on photographs held out: {photo.record['kept_accuracy']:.0%}")
print(f"mean orientation of its 16 filters: {learned3:.2f}")
print(f"of 200 x 16 random ones: {min(random3):.2f} to {max(random3):.2f}")
assert learned3 > 1.5 * max(random3)
try:
    fit_gabor(first3)
except ValueError as error:
    print("ValueError:", str(error)[:37], "...")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Sixteen filters of three by three pixels from the residual network trained on photographs. Most change from one side to the other, in grey or between two colours such as blue and orange; a few are nearly of one colour."}}
figure = Figure(figsize=(7, 0.62), layout="constrained")
axes = figure.subplots()
picture = mosaic(as_pictures(first3), columns=16, gap=1)
axes.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
axes.set(xticks=[], yticks=[])
axes.grid(False)
Sheet(figure, "filters of photographs", colors=64)

# %% [markdown]
# Edges come back, in grey and between colours. Stripes under a bell cannot: nine pixels are no match for nine dials, and `fit_gabor` refuses. The rest needs photographs, so it was recorded, on five groups of 800 pictures that the network has not seen: purity of nine pictures a unit, and a straight line on each layer, as above. The opponent: the same network before training.
#
# > **Predict.** On drawn things random layers helped the straight line. Will they on photographs?

# %% tags=["hide-input"]
photo_stages = ["stem", "stage1", "stage2", "stage3"]
runs = load_record("08_visualization.cifar10")
print(runs["data"])


def on_photographs(kind, what):
    found = [runs["metrics"][f"{kind}: {what}, {s}"] for s in photo_stages]
    return np.array(found).T


table = {}
for what in ("purity", "line"):
    for kind in ("trained", "untrained"):
        table[what, kind] = on_photographs(kind, what)
        numbers = np.median(table[what, kind], 0)
        print(f"{what:7s}{kind:10s}", "  ".join(f"{v:.2f}" for v in numbers))
    assert (np.diff(np.median(table[what, "trained"], 0)) > 0.02).all()
    assert np.median(table[what, "untrained"], 0)[[0, 3]].argmax() == 0
    gap = table[what, "trained"][:, 3] - table[what, "untrained"][:, 3]
    assert gap.min() > 0.2
assert runs["network"] == photo.record["sha256"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels over stem and three stages of the network of photographs. Class purity and the accuracy of a linear probe rise with depth in the trained network; in the untrained one purity stays at the dotted line of blind draws and the probe's accuracy sinks."}}
figure = Figure(figsize=(7, 2.6), layout="constrained")
panels = figure.subplots(1, 2)
words = {"purity": "class purity", "line": "accuracy of a probe"}
for axes, (what, label) in zip(panels, words.items()):
    both = {k: table[what, k] for k in ("trained", "untrained")}
    layer_curves(axes, photo_stages, both, label, dashed=["untrained"])
    level = blind if what == "purity" else 0.1
    axes.axhline(level, color=COLORS["gray"], linestyle=":")
    axes.set_ylim(0, 1)
Sheet(figure, "photographs by stage", colors=32)

# %% [markdown]
# Purity and the straight line rise with depth on photographs, too, more slowly: purity starts near the blind line (no class of photographs owns all the hard edges), and ends lower than on drawn things. And the opponent behaves differently. On drawn things random depth *helped* the straight line, here it *hurts*. (Another network and other pictures at once: which of the two does it, this comparison cannot say.) There are no masks of parts, so nothing here can be said of wheels.
#
# ## Summary
#
# - A hook reads any layer; it must come off again, and it must hand on a copy.
# - A first-layer filter is a picture of what excites it most. Trained on photographs, many are Gabor-like, others blobs of colour. The fair opponent is a filter with the same spectrum, not noise, and smooth filters do not prove that a network has learned its task.
# - Deeper units have no picture of their own. Ask the data: nine patches, one a picture, cut to the receptive field. Cut right, they give the same answer when fed again.
# - A name from nine pictures is a guess. Purity against blind draws, overlap with the truth on new pictures, and *several* untrained networks turn it into a measurement. Our wheel unit hardly passed.
# - A linear probe says what can be read off a layer, not what is used.
#
# **Further reading.** [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014), figure 2, the nine patches of five layers. [Bau et al. (2017)](../book/references.md#bau-2017) for counting what units detect. [Gonzalez-Garcia et al. (2018)](../book/references.md#gonzalez-garcia-2018) for doing so with doubt.
#
# **The next question.** A unit looks for wheels. But why did the network call *this* picture a bus? [What in this picture mattered](08b_saliency.ipynb) asks the picture instead of the unit.
