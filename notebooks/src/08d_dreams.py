# %% [markdown]
# # Dreams, styles and warnings
#
# One gradient, that of a network's answer with respect to the *picture*, makes a network dream, paints a photo in the texture of another, and fools the network with a change that you cannot see.
# The first two are the reward of this part of the book. The third is its warning.
#
# **You will be able to**
#
# - make a network see more of what it sees (DeepDream), and say what octaves are for;
# - describe a texture by a [Gram matrix](../book/glossary.md#gram-matrix) and move it to another picture;
# - change the answer of a network by a few steps of 255 in each number of the picture, and say why that is so easy;
# - compare a shift, an enlargement and a turn in one unit, and tell layer by layer which of them a network ignores.
#
# **You need** [what the network keeps of a picture](08c_inversion.ipynb) for the idea of searching for a picture by its gradient, [receptive fields](05b_layers.ipynb#what-a-unit-sees), and the
# measure of robustness by layer from [chapter 06c](06c_depth.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import io

import matplotlib.pyplot as plt
import torch
from PIL import Image
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.data.synthetic import make_digits, make_object_images
from course_utils.plotting import COLORS, CYCLE
from course_utils.plotting.deep_networks import change_curves
from course_utils.recipes.digit_reader import load_digit_reader
from course_utils.recipes.scenes import build_model
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import EquivarianceExplorer, ReceptiveField

plotting.use_style()
SEED = 0
seed_everything(SEED)
torch.set_num_threads(1)

# %% [markdown]
# ## Four pictures of one thing
#
# The network of these chapters knows ten kinds of drawn objects. Here is one of them, and three pictures that were computed from it. Above each stands what the network says.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four pictures of 64 pixels of the same drawn object. The first is as it was drawn. The second is covered with repeated wavy patterns, the third is painted in another texture. The fourth cannot be told from the first, but its title names another class."}}
from course_utils.explain.adversarial import pgd
from course_utils.explain.deep_dream import deep_dream
from course_utils.explain.style import transfer_style

net = trained("scenes")
world = make_object_images(100, 64, seed=8)
pictures, truth = world.images / 255, world.labels
CHOSEN = 0
subject = pictures[[CHOSEN]]


def title_of(picture):
    """What the network says of one picture, and how sure it is."""
    with torch.no_grad():
        p = net.model(net.prepare(picture)).softmax(1)[0]
    return f"{net.classes[int(p.argmax())]} {p.max():.0%}"


other = (truth[[CHOSEN]] + 3) % 10
four = [
    subject,
    deep_dream(
        net.model, subject, "stage3", octaves=2, steps=8, prepare=net.prepare
    ).images,
    transfer_style(
        net.model, subject, data.photo("flower", 64)[None],
        content_layer="stage2", style_layers=["stage1", "stage2", "stage3"],
        start="content", steps=30, prepare=net.prepare,
    ).images,
    pgd(
        net.model, subject, other, 4 / 255, targeted=True, steps=20,
        prepare=net.prepare,
    ),
]  # fmt: skip
titles = [title_of(p) for p in four]
plotting.image_grid(torch.cat(four), titles=titles, columns=4, size=0.9)

# %% [markdown]
# A dream, a style, and, on the right, an attack: no number of that picture differs by more than 4 steps of 255 from the first one.
#
# All three were made by one loop. Keep the weights, choose something that a network says of a picture, and follow its gradient *with respect to the picture*:
#
# | what grows or shrinks | what you get | where |
# |---|---|---|
# | the score of a class | an image of the class | [08c](08c_inversion.ipynb) |
# | the distance to the maps of a picture | that picture again, as far as the network kept it | [08c](08c_inversion.ipynb) |
# | the size of a layer's maps | a dream | here |
# | the distance to the *statistics* of a layer's maps | a texture, a style | here |
# | the loss, within a small box | an attack | here |
#
# ## Making a network see more of it
#
# "Find high-magnitude activations, make them even more active, repeat", says the [lecture](../book/claims.md) of DeepDream ([Mordvintsev et al., 2015](../book/references.md#mordvintsev-2015)). As a formula: with $\phi_l(x)$ for the $M$ numbers that layer $l$ says of the picture $x$, let
#
# $$ J(x) = \frac{1}{M} \sum_{j=1}^{M} \phi_l(x)_j^2 \tag{8.91} $$
#
# grow. Why the square? Its derivative is $2\phi_j/M$: a unit that is twice as active pulls twice as hard. What the layer sees a little of it will see more of; what it does not see at all stays away.
#
# The gradient of such a thing has no natural size: it may be $10^{-6}$ in one layer and 10 in another. So each step is scaled. It changes the picture's numbers by $\eta$ on average:
#
# $$ x' = x + \eta\, \frac{\nabla_x J}{\operatorname{mean} |\nabla_x J|} . \tag{8.92} $$

# %%
from course_utils.explain.deep_dream import mean_square
from course_utils.explain.partial_run import run_up_to


def dream_step(model, picture, layer, eta=0.006):
    """One step of (8.92), and J (8.91) before it."""
    x = picture.clone().requires_grad_()
    maps = run_up_to(model, net.prepare(x), [layer])[layer]
    J = mean_square(maps).sum()
    (g,) = torch.autograd.grad(J, x)
    return (x.detach() + eta * g / g.abs().mean()).clamp(0, 1), J.item()


def dream_for(model, picture, layer, steps=12):
    values = []
    for _ in range(steps):
        picture, value = dream_step(model, picture, layer)
        values.append(value)
    return picture, values


cat = data.photo("cat", 96)[None] / 255
dreamt, values = dream_for(net.model, cat, "stage2")
print(f"J of stage 2: {values[0]:.2f} at first, {values[-1]:.2f} at last")

# %% [markdown]
# `run_up_to` runs the network just as far as the layer, with a hook from [chapter 08](08_visualization.ipynb). The rest of it never runs, so the picture may have any size.
#
# Is a rise worth anything? Any change of a picture changes a layer. Compare with a change of the same mean size whose signs are tossed with a coin.
#
# > **Predict.** How much will the coin raise $J$? And what will a dream look like that is made from the *first* stage, whose units see 8 pixels? From the fourth? From a network that was never trained?

# %%
from course_utils.explain.adversarial import random_signs

STAGES = ("stage1", "stage2", "stage3", "stage4")
torch.manual_seed(SEED)
blank = build_model().eval()  # never trained
dreams, rises, gathered = [cat], {}, {}


def top_tenth(change):
    """Share of the energy in the tenth of the pixels that changed most."""
    energy = change.square().sum(1).flatten()
    return (energy.topk(len(energy) // 10).values.sum() / energy.sum()).item()


for model, layer in [(net.model, s) for s in STAGES] + [(blank, "stage4")]:
    dreamt, values = dream_for(model, cat, layer)
    tossed = random_signs(cat, (dreamt - cat).abs().mean().item(), seed=SEED)
    before, after, coin = (
        dream_step(model, p, layer)[1] for p in (cat, dreamt, tossed)
    )  # fmt: skip
    who = layer if model is net.model else f"{layer}, untrained"
    rises[who] = after / before, coin / before
    gathered[who] = top_tenth(dreamt - cat)
    dreams.append(dreamt)
    row = f"J x {after / before:6.1f}, coin x {coin / before:.2f}"
    print(f"{who:17s} {row}, top tenth {gathered[who]:.0%}")
assert all(rises[s][0] > 1.2 * rises[s][1] for s in STAGES)
assert rises["stage4"][0] > 2 * rises["stage4, untrained"][0]
assert gathered["stage4"] > gathered["stage1"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures of a cat's face: the photo, and dreams of stages 1 to 4 and of an untrained network. Stage 1 sharpens lines everywhere. The later stages put dense coloured patterns on the eyes, the nose and the marks of the fur. The untrained network adds a fine grain all over."}}
names = ["photo", *STAGES, "untrained"]
plotting.image_grid(torch.cat(dreams), titles=names, columns=6, size=0.8)

# %% [markdown]
# The coin raises $J$ too, most in the early stages: noise is made of edges. In stage 4 little of it is left. The dream raises $J$ far more, in every stage.
#
# Now the pictures. Stage 1 sharpens whatever line there is, all over the photo. The later stages *gather*: at the eyes, the nose, the marks of the fur. The last column measures it, as the share of the change's energy in the tenth of the pixels that changed most. What resembles nothing that the network knows is left alone. Do not look for dogs: the dogs of the famous pictures came from ImageNet, which has more than a hundred breeds of them. A network dreams of what it was trained on.
#
# And training matters: the untrained network answers to the same steps with a fraction of the rise.
#
# How large can a dreamed form be? As large as what one unit sees. Here are the layers of the network; read the field from row to row:

# %%
first = {"kernel_size": 7, "padding": 3}
conv = {"kernel_size": 3, "padding": 1}
pool = {"kernel_size": 2, "stride": 2, "kind": "pool"}
stack = ReceptiveField(
    [first, pool, conv, conv, pool, conv, conv, pool], size=64
)  # fmt: skip
assert [stack.table[k]["field"] for k in (2, 5, 8)] == [8, 18, 38]
stack

# %% [markdown]
# 8 pixels after stage 1, 18 after stage 2, 38 after stage 3. The forms in a dream of stage 2 are some 18 pixels large, *whatever the size of the photo*: on a photo of 1,000 pixels they would be fly specks. Which leads to the second idea of DeepDream.
#
# ### Octaves: coarse things first
#
# Shrink the photo. Now 18 pixels are a large part of it. Dream there, enlarge what was dreamt, and add it to the photo at the next size; dream again. Musicians call a doubling an octave; here each size is 1.4 times the one before. With $R_k$ for "resize to size $k$" and $D$ for some steps of (8.92):
#
# $$ \begin{aligned} x_k &= D\big(R_k(x_0) + R_k(d_{k-1})\big) \\ d_k &= x_k - R_k(x_0), \quad d_0 = 0 \end{aligned} \tag{8.93} $$
#
# Only the *detail* $d$ is enlarged. The photo itself is taken anew at each size, so it stays sharp. `deep_dream` is this loop with one more device: the picture is shifted by a few random pixels before each step and back after it. Else the grid of the poolings is etched into the picture.
#
# To see what octaves add, compare at an equal number of steps: 4 sizes with 8 each, or 1 size with 32. A good measure of "coarse": average the change over blocks of 8 x 8 pixels and ask how much of its energy is left. For independent pixels that is $1/64$.
#
# > **Predict.** What share is coarse with one size? With four?

# %%
from course_utils.explain.deep_dream import octave_sizes


def coarse_share(change, block=8):
    """Share of a change's energy that survives averaging over blocks."""
    left = F.avg_pool2d(change, block).square().mean()
    return (left / change.square().mean()).item()


photo = data.photo("china", 128)[None] / 255
print("sizes:", *(f"{h} x {w}" for h, w in octave_sizes(128, 128, 4)))
runs = {
    n: deep_dream(
        net.model, photo, "stage3", octaves=n, steps=32 // n, jitter=2,
        step_size=0.005, prepare=net.prepare,
    )
    for n in (1, 4)
}  # fmt: skip
shares = {n: coarse_share(run.images - photo) for n, run in runs.items()}
for n, share in shares.items():
    print(f"{n} size{'s' * (n > 1):1s}: {share:.1%} of the change is coarse")
middle = torch.full_like(photo, 0.5)
coin = coarse_share(random_signs(middle, 0.1, seed=SEED) - middle)
print(f"a coin : {coin:.1%}")
assert abs(coin - 1 / 64) < 0.005
assert shares[4] > 1.3 * shares[1]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three pictures of a Chinese palace: the photo, a dream at one size with small dense patterns on the roofs and trees, and a dream in four octaves with larger patches."}}
three = torch.cat([photo, runs[1].images, runs[4].images])
names = ["photo", "one size", "four octaves"]
plotting.image_grid(three, titles=names, columns=3, size=1.0)

# %% [markdown]
# Does $J$ really rise, octave after octave? `deep_dream` keeps it before every step and after the last.
#
# > **Predict.** Draw $J$ over the 32 steps. Does it go on from octave to octave without a break?

# %% tags=["hide-input"] mystnb={"image": {"alt": "J over 32 steps in four octaves, one colour each. In each octave it climbs; where the next one begins it has dropped, and climbs anew."}}
values = runs[4].values[:, :, 0]
figure, axes = plt.subplots(figsize=(7, 2.5))
steps = values.shape[1] - 1
for k, row in enumerate(values.tolist()):
    axes.plot(
        range(k * steps, (k + 1) * steps + 1), row, "o-",
        color=CYCLE[k], markersize=3,
    )  # fmt: skip
    axes.annotate(f"octave {k + 1}", (k * steps + 1, 8), color=CYCLE[k])
axes.set(xlabel="steps taken", ylabel="J of stage 3")
plt.show()

# %% [markdown]
# Inside an octave it climbs with every step. Each octave begins lower than the one before ended: an enlarged pattern is a blurred one.
#
# Ends of octaves do not compare well, since a small photo and a large one excite a layer differently to begin with. So bring the detail of each octave up to the full size and measure there. And the picture has to survive being saved: a PNG file keeps whole numbers from 0 to 255, so up to half a step is lost.

# %%
from itertools import pairwise

from course_utils.explain.deep_dream import resize


def brought_up(octave):
    """The photo with the detail of one octave, at full size."""
    detail = octave - resize(photo, octave.shape[2:])
    return (photo + resize(detail, photo.shape[2:])).clamp(0, 1)


def as_png(picture):
    """A picture in 0..1 as the bytes of a PNG file."""
    raw = (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(raw).save(file, "PNG")
    return file.getvalue()


def from_png(file):
    numbers = Image.open(io.BytesIO(file)).tobytes()
    raw = torch.tensor(list(numbers), dtype=torch.uint8)
    side = int((len(raw) // 3) ** 0.5)
    return raw.view(1, side, side, 3).permute(0, 3, 1, 2) / 255


read = from_png(as_png(runs[4].images))
ladder = [photo, *(brought_up(octave) for octave in runs[4].octaves)]
rungs = [dream_step(net.model, p, "stage3")[1] for p in ladder]
kept = dream_step(net.model, read, "stage3")[1]
print("J at full size, photo and octaves:", " ".join(f"{v:.2f}" for v in rungs))
print(f"J of the file: {kept / rungs[-1]:.1%} of the last")
assert (values.diff(dim=1) > 0).all()
assert (values[1:, 0] < values[:-1, -1]).all()
assert all(low < high for low, high in pairwise(rungs))
assert (read - runs[4].images).abs().max() <= 0.501 / 255
assert abs(kept / rungs[-1] - 1) < 0.02

# %% [markdown]
# ### Does it dream of what is there?
#
# "What the layer sees a little of": is that so, or does the pattern grow anywhere? Our drawn pictures come with the truth, a mask of the object. So let the network dream of 20 of them and compare how much a pixel changes on the object and beside it. Without any reason the ratio would be 1. The network without training is the baseline.
#
# > **Predict.** Will the ratio of the trained network be 1.1, 2, or 10?


# %%
def on_object(model, layer="stage4", count=20):
    """Mean change on the object over mean change beside it, a picture."""
    made = deep_dream(
        model, pictures[:count], layer, octaves=1, steps=4, jitter=2,
        prepare=net.prepare,
    ).images  # fmt: skip
    change = (made - pictures[:count]).abs().mean(1)
    pairs = zip(change, world.object_masks)
    return torch.stack([c[m].mean() / c[~m].mean() for c, m in pairs])


ratios = {"trained": on_object(net.model)}
for seed in range(3):
    torch.manual_seed(seed)
    ratios[f"untrained, seed {seed}"] = on_object(build_model().eval())
for who, ratio in ratios.items():
    above = f"above 1 in {(ratio > 1).sum()} of 20"
    print(f"{who:18s} median {ratio.median():.2f}, {above}")
blanks = [r.median() for who, r in ratios.items() if who != "trained"]
assert ratios["trained"].median() > 1.3 * max(blanks)

# %% [markdown]
# Two things stand in this table. The *untrained* networks do not have a ratio of 1: objects have stronger edges than what is behind them, and any layer pulls at edges. So 1 would have been the wrong baseline, and part of what looks like insight is contrast. What training adds is the distance between the first line and the others: it dreams more where the object is.
#
# ## What a texture is
#
# A dream follows the *size* of a layer's maps. Now follow something that knows more: how the maps go together.
#
# Think of gravel. Where the stones lie does not matter; another photo of the same path shows the same texture with no pixel alike. So a description of a texture must forget *places*, and keep what goes with what. [Gatys et al. (2015)](../book/references.md#gatys-2015) do this in the simplest way: take the maps $F$ of a layer, one row a channel, one column a place, and compute for each pair of channels how strongly they fire together, averaged over the $P$ places:
#
# $$ G = \frac{1}{P}\, F F^\top , \qquad G_{ij} = \frac{1}{P} \sum_{p=1}^{P} F_{ip} F_{jp} . \tag{8.94} $$
#
# This is the *Gram matrix*. 40 channels give 40 x 40 numbers, whatever the size of the picture. (They divide later; we divide here, so that pictures of different sizes compare.)

# %% tags=["nbval-check-output"]
from course_utils.explain.style import gram, relative_error

maps = run_up_to(net.model, net.prepare(cat), ["stage2"])["stage2"].double()
F_ = maps[0].flatten(1)  # (channels, places)
by_hand = F_ @ F_.T / F_.shape[1]
assert torch.allclose(by_hand, gram(maps)[0])
draw = torch.Generator().manual_seed(SEED)
places = torch.randperm(F_.shape[1], generator=draw)
shuffled = F_[:, places].view_as(maps)
same = torch.allclose(gram(shuffled), gram(maps))
print("maps", tuple(maps.shape[1:]), "-> Gram", tuple(by_hand.shape))
print("places shuffled: same Gram matrix?", same)
print("same maps?", torch.allclose(shuffled, maps))

# %% [markdown]
# Every place of the map moved somewhere else, and $G$ does not change. It forgot places, exactly.
#
# Does it still know the texture? A test with a known answer: cut six pieces out of each of eight gray photos, give all pieces the same brightness and contrast, and look for each piece's *nearest* other piece. It should come from the same photo. By chance it does in one of nine tries or so.
#
# > **Predict.** Which description finds the right photo most often: the pixels, the maps of stage 2 (with places), their Gram matrix, the Gram matrix of a network that was never trained?

# %%
TEXTURES = (
    "brick", "grass", "gravel", "tissue", "coins", "text", "page", "hubble",
)  # fmt: skip


def texture_pieces(side=48, each=6):
    """Pieces of gray photos at random places, equal in mean and spread."""
    draw = torch.Generator().manual_seed(SEED)
    cut = []
    for name in TEXTURES:
        whole = data.photo(name, 256, gray=True) / 255
        for _ in range(each):
            corner = torch.randint(0, 256 - side, (2,), generator=draw)
            top, left = corner.tolist()
            cut.append(whole[:, top : top + side, left : left + side])
    cut = torch.stack(cut)
    cut = (cut - cut.mean((2, 3), keepdim=True)) / cut.std((2, 3), keepdim=True)
    return (0.5 + 0.15 * cut).clamp(0, 1).expand(-1, 3, -1, -1)


def found_again(description):
    """Share of pieces whose nearest other piece is of the same photo."""
    rows = description.flatten(1)
    apart = torch.cdist(rows, rows) + 1e9 * torch.eye(len(rows))
    photo_of = torch.arange(len(rows)) // (len(rows) // len(TEXTURES))
    return (photo_of[apart.argmin(1)] == photo_of).float().mean().item()


cut = texture_pieces()
with torch.no_grad():
    said = run_up_to(net.model, net.prepare(cut), STAGES[:3])
    right = {
        "pixels": found_again(cut),
        "maps of stage 2": found_again(said["stage2"]),
    }
    for layer, maps in said.items():
        right[f"Gram of {layer}"] = found_again(gram(maps))
    guesses = []
    for seed in range(5):
        torch.manual_seed(seed)
        maps = run_up_to(build_model(), net.prepare(cut), ["stage2"])["stage2"]
        guesses.append(found_again(gram(maps)))
right["Gram of stage2, untrained"] = sorted(guesses)[2]
for who, share in right.items():
    print(f"{who:27s} {share:.0%}")
print("by chance                  ", f"{5 / 47:.0%}")
print("untrained, all five:", *(f"{g:.0%}" for g in sorted(guesses)))
assert right["Gram of stage2"] > 2 * max(right["pixels"], 5 / 47)

# %% [markdown]
# The maps with their places are little better than the pixels: gravel shifted by three stones is another picture to them. The Gram matrix finds the texture again most of the time, by forgetting the places.
#
# And now look at the last line. The network that was *never trained* does as well. So the Gram matrix is what does the work here, and random filters are good enough to feed it; [Ustyuzhaninov et al. (2016)](../book/references.md#ustyuzhaninov-2016) found the same and synthesised textures with random filters. "The network has learned styles" is a sentence to be careful with.
#
# ## A style from one picture, the contents from another
#
# Now the search. We look for a picture $x$ whose maps at one layer $c$ are those of the *content* picture $p$, place by place, and whose Gram matrices at some layers $S$ are those of the *style* picture $a$:
#
# $$ E_{\text{content}}(x) = \frac{\lVert \phi_c(x) - \phi_c(p) \rVert^2}{\lVert \phi_c(p) \rVert^2} \tag{8.95} $$
#
# $$ E_{\text{style}}(x) = \frac{1}{|S|} \sum_{l \in S} \frac{\lVert G_l(x) - G_l(a) \rVert^2}{\lVert G_l(a) \rVert^2} \tag{8.96} $$
#
# $$ E(x) = E_{\text{content}}(x) + \beta\, E_{\text{style}}(x) . \tag{8.97} $$
#
# Both parts are *relative*: 0 means reached, 1 means as far off as a layer that says nothing. (The paper divides by the sizes of the layers instead and sets the weights by hand. That is the same with other weights.)


# %%
def style_losses(x, content, style, place="stage2", layers=STAGES[:3]):
    """(8.95) and (8.96) for pictures in 0..1."""
    said = run_up_to(net.model, net.prepare(x), layers)
    wanted = run_up_to(net.model, net.prepare(content), [place])[place]
    example = run_up_to(net.model, net.prepare(style), layers)
    off = [relative_error(gram(said[l]), gram(example[l])) for l in layers]
    return relative_error(said[place], wanted), torch.stack(off).mean(0)


flower = data.photo("flower", 96)[None] / 255
how = {
    "content_layer": "stage2",
    "style_layers": STAGES[:3],
    "prepare": net.prepare,
}
made = transfer_style(net.model, cat, flower, style_weight=1.0, steps=80, **how)
with torch.no_grad():
    check = style_losses(made.images, cat, flower)
    photo_itself = style_losses(cat, cat, flower)
assert torch.allclose(check[0], made.content[-1], rtol=1e-3)
assert torch.allclose(check[1], made.style[-1], rtol=1e-3)
print("            content   style")
print(f"noise       {made.content[0, 0]:7.2f} {made.style[0, 0]:7.2f}")
print(f"result      {made.content[-1, 0]:7.2f} {made.style[-1, 0]:7.2f}")
print(f"photo       {photo_itself[0][0]:7.2f} {photo_itself[1][0]:7.2f}")
assert made.content[-1] < made.content[0]
assert made.style[-1] < made.style[0]
assert made.style[-1] < photo_itself[1]

# %% [markdown]
# The search begins at *noise*, as in the paper, and both losses fall. The result is nearer to the flower's style than the photo of the cat was.
#
# > **Predict.** Begin at the photo of the cat instead. Which loss can only rise? And what happens to the two if you raise $\beta$?

# %%
weights = (0.1, 1.0, 10.0)
family = [
    transfer_style(
        net.model,
        cat,
        flower,
        style_weight=w,
        steps=60,
        start="content",
        **how,
    )
    for w in weights
]
print("beta   content   style")
for w, run in zip(weights, family):
    print(f"{w:4.1f} {run.content[-1, 0]:9.3f} {run.style[-1, 0]:7.3f}")
assert family[0].content[0] == 0 < family[0].content[-1]
assert family[0].content[-1] < family[1].content[-1] < family[2].content[-1]
assert family[0].style[-1] > family[1].style[-1] > family[2].style[-1]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures: the photo of a cat, the orange dahlia that gives the style, the result from noise, and results from the photo with style weights 0.1, 1 and 10. The one from noise is grainy but shows the cat's eyes; as the weight grows, colours and contrasts drift to those of the flower."}}
shown = torch.cat([cat, flower, made.images, *(run.images for run in family)])
names = ["content", "style", "from noise", *(f"β = {w:g}" for w in weights)]
plotting.image_grid(shown, titles=names, columns=6, size=0.8)

# %% [markdown]
# There is no free lunch in (8.97): what you gain in style you pay in content. From the photo, the content loss starts at 0 and can only rise.
#
# Is it a painting? No. The famous pictures were made with a VGG of 16 or 19 layers trained on a million photos; ours has seven convolutions and knows ten drawn things. What carries over is the mechanism, and the trade.
#
# ## The warning
#
# So far the pictures changed visibly. Now ask for the *least* change, and the loss shall grow. First on a network you know: the reader of [chapter 00](00_start.ipynb), trained on 60,000 handwritten digits. Go there and try to fool it by hand: it is not easy, you must draw something that *is* nearly another digit. Follow the gradient instead.
#
# ### Many small changes add up
#
# Take the simplest network, a score $s = w \cdot x + b$, and allow every pixel to change by $\epsilon$ at most. Which change $\delta$ lowers the score most? Each pixel for itself: by $\epsilon$, against the sign of its weight. Together
#
# $$ \max_{|\delta_i| \le \epsilon} \, w \cdot \delta = \epsilon \sum_{i} |w_i| = \epsilon\, \lVert w \rVert_1 . \tag{8.98} $$
#
# Nothing is small here but $\epsilon$. The sum has as many terms as the picture has numbers. A *random* choice of signs does far less, since its terms cancel: typically $\epsilon \lVert w \rVert_2$, the root of the sum of squares.
#
# > **Predict.** For weights drawn at random: how many times stronger than the coin is the worst case, for 64 numbers? For 12,288, a colour picture of 64 x 64?

# %%
draw = torch.Generator().manual_seed(SEED)
for numbers in (64, 784, 12_288):
    w = torch.randn(numbers, generator=draw, dtype=torch.float64)
    coins = torch.randn(2000, numbers, generator=draw, dtype=torch.float64)
    coins = coins.sign()
    worst, typical = w.sign() @ w, (coins @ w).std()
    assert torch.isclose(worst, w.abs().sum())
    ratio = (worst / typical).item()
    print(f"{numbers:6,} numbers: {ratio:4.1f} times; root {numbers**0.5:5.1f}")
    assert 0.7 < ratio / (2 * numbers / torch.pi) ** 0.5 < 1.3

# %% [markdown]
# The ratio grows like the root of the number of pixels. (Exactly: $\sqrt{2D/\pi}$ for normal weights, exercise 1.) Large pictures are the *easier* victims. [Goodfellow et al. (2015)](../book/references.md#goodfellow-2015) saw that this needs no deep or crooked network; it needs one that is nearly linear over a small box, and ReLU networks are. So take the gradient of the loss $L$ for $w$:
#
# $$ x' = x + \epsilon\, \operatorname{sign} \nabla_x L(x, y) . \tag{8.99} $$
#
# This is the *fast gradient sign method*. One forward pass, one backward pass.

# %%
from course_utils.explain.adversarial import fgsm

reader = load_digit_reader()
digits = make_digits(20, size=28, seed=1)
drawn = digits.images[digits.labels == 3][:1] / 255
with torch.no_grad():
    label = reader(drawn).argmax(1)
x = drawn.clone().requires_grad_()
(g,) = torch.autograd.grad(F.cross_entropy(reader(x), label), x)


def read_as(picture):
    with torch.no_grad():
        p = reader(picture).softmax(1)[0]
    return f"{int(p.argmax())} ({p.max():.0%})"


print("epsilon   attack     coin")
sizes = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
for epsilon in sizes:
    attacked = (drawn + epsilon * g.sign()).clamp(0, 1)  # (8.99)
    assert torch.equal(attacked, fgsm(reader, drawn, label, epsilon))
    tossed = random_signs(drawn, epsilon, seed=SEED)
    print(f"{epsilon:7.2f}   {read_as(attacked):9s}  {read_as(tossed)}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four gray pictures of a drawn digit: as drawn, attacked with 0.3, changed by 0.3 with random signs, and the signs of the gradient as a pattern of black and white patches around the strokes. The digit stays legible in all."}}
attacked = fgsm(reader, drawn, label, 0.3)
shown = [drawn, attacked, random_signs(drawn, 0.3), g.sign() / 2 + 0.5]
shown = torch.cat(shown)
names = [read_as(shown[[i]]) for i in range(3)] + ["signs"]
plotting.image_grid(shown, titles=names, columns=4, size=1.2, vmin=0, vmax=1)

# %% [markdown]
# The coin does nothing at any size, as promised. The gradient turns the answer from some size on; but by then you *see* the change. A black and white digit is a hard victim: most of its numbers are 0 or 1, and clipping takes half of the changes away; and 784 numbers are few.
#
# ### Colour pictures are easier still
#
# One step assumes that the network is linear all the way. Many small steps do not: after each, look at the gradient again, and come back to the box if you left it ([Madry et al., 2018](../book/references.md#madry-2018)). With $\Pi$ for "clip every number to within $\epsilon$ of the original, and to 0..1":
#
# $$ x_{t+1} = \Pi\big(x_t + \alpha\, \operatorname{sign} \nabla_x L(x_t, y)\big) . \tag{8.100} $$
#
# > **Predict.** Take 40 pictures of the ten objects. Change every number by at most 4 of 255. How much of the accuracy is left: after tossing a coin, after one step, after five?

# %%
from course_utils.explain.adversarial import accuracy

few = slice(0, 40)
victims, classes = pictures[few], truth[few]
levels = (0, 0.5, 1, 2, 4)  # of 255
ready = {"prepare": net.prepare}
direction = fgsm(net.model, victims, classes, 1e-3, **ready) - victims
curves = {"coin": [], "one step": [], "five steps": []}
for level in levels:
    e = level / 255
    one = (victims + e * direction.sign()).clamp(0, 1)
    coin = random_signs(victims, e, seed=SEED)
    many = victims
    if level:
        many = pgd(net.model, victims, classes, e, steps=5, **ready)
    for who, made in zip(curves, (coin, one, many)):
        curves[who].append(accuracy(net.model, made, classes, net.prepare))
print("of 255   " + "".join(f"{level:>6}" for level in levels))
for who, line in curves.items():
    print(f"{who:10s}" + "".join(f"{share:6.0%}" for share in line))
assert min(curves["coin"]) > 0.9
assert curves["five steps"][3] < 0.9
assert curves["five steps"][4] < 0.3 < curves["one step"][4] < 0.7

# %% tags=["hide-input"] mystnb={"image": {"alt": "Accuracy over the size of the change in steps of 255. The line of random signs stays level. One gradient step and five gradient steps fall steeply, five steps lowest."}}
figure, axes = plt.subplots(figsize=(7, 2.6))
change_curves(axes, levels, curves)
axes.legend()
axes.axhline(0.1, color=COLORS["gray"], linestyle=":", linewidth=1)
axes.set(
    xlabel="largest change of a number, in steps of 255",
    ylabel="accuracy",
    ylim=(0, 1.02),
)
plt.show()

# %% [markdown]
# The coin does nothing. The gradient begins to tell at 2 steps of 255; at 4, which no eye finds (look at the first figure again), one step takes more than half of the right answers away and five take nearly all. The network is *nearly* linear, not quite.
#
# An attacker may even choose the answer: go *down* the loss of a wanted class. And how little is enough? Bisect the size of the step until the class just turns.

# %%
from course_utils.explain.adversarial import predictions, smallest_epsilon

wanted = (classes[:20] + 1) % 10
made = pgd(
    net.model, victims[:20], wanted, 8 / 255, targeted=True, steps=15,
    prepare=net.prepare,
)  # fmt: skip
hit = predictions(net.model, made, net.prepare) == wanted
hit = hit.float().mean().item()
print(f"chosen answer, 8 of 255: reached in {hit:.0%} of 20 pictures")


def one_step(x, labels, epsilon):
    return fgsm(net.model, x, labels, epsilon, prepare=net.prepare)


enough = 255 * smallest_epsilon(
    net.model, victims, classes, one_step, prepare=net.prepare,
    largest=0.1, halvings=7,
)  # fmt: skip
falls = enough[(enough > 0) & enough.isfinite()]
print(f"one step turns {len(falls)} of 40 with at most 25 of 255")
print(f"the median of these: {falls.median():.1f} of 255")
assert hit > 0.8
assert falls.median() < 0.05 * 255

# %% [markdown]
# ### Where does it happen?
#
# The attacked picture is almost the picture. The answer is another answer. So somewhere on the way up the two must part. [Chapter 06c](06c_depth.ipynb) has the measure: how far a layer's maps move, in units of the distance between two *different* pictures,
#
# $$ d_l = \frac{\operatorname{mean}_i \lVert \phi_l(x_i) - \phi_l(x'_i) \rVert}{\operatorname{mean}_{i \ne j} \lVert \phi_l(x_i) - \phi_l(x_j) \rVert} . \tag{8.101} $$

# %%
from course_utils.scratch.robustness.by_layer import (
    layer_outputs,
    relative_distance,
)

LAYERS = ("input", *STAGES, "head.mean", "output")


def travel(before, changed):
    """(8.101) for each layer; ``before`` holds what the layers said."""
    after = layer_outputs(net.model, net.prepare(changed), LAYERS)
    return {n: relative_distance(before[n], after[n]) for n in LAYERS}


before = layer_outputs(net.model, net.prepare(victims), LAYERS)
size = 4 / 255
attack = pgd(net.model, victims, classes, size, steps=5, **ready)
moved = {
    "attack": travel(before, attack),
    "coin": travel(before, random_signs(victims, size, seed=SEED)),
}
print(" " * 7 + "".join(f"{name:>10s}" for name in LAYERS))
for who, row in moved.items():
    print(f"{who:7s}" + "".join(f"{v:10.3f}" for v in row.values()))
grows, fades = (list(row.values()) for row in moved.values())
assert all(low < high for low, high in pairwise(grows))
assert all(high > low for high, low in pairwise(fades[1:]))

# %% tags=["hide-input"] mystnb={"image": {"alt": "How far each layer moves, on a logarithmic axis, from the input to the output. Attack and coin begin together near 0.05. The line of the coin stays low; the line of the attack climbs from stage to stage to about 1 at the output."}}
figure, axes = plt.subplots(figsize=(7, 2.6))
lines = {who: list(row.values()) for who, row in moved.items()}
change_curves(axes, range(len(LAYERS)), lines)
axes.legend()
axes.set(yscale="log", ylabel="distance (8.101)")
axes.set_xticks(range(len(LAYERS)), LAYERS)
plt.show()

# %% [markdown]
# Both lines begin at about the same height: the pixels have moved nearly equally far. Then they part. What the coin did is felt in stage 1 and shrinks from there on, layer by layer: sums over many pixels, in which it cancels. What the attack did *grows* in every layer, until the output says another thing entirely. Look at the first stage, though: there the two are still close. No layer "breaks". Every one adds a little, always in the same direction.
#
# ## What a network ignores
#
# An attack moves the picture hardly at all and the answer a lot. A network should do the opposite: a car that stands a little to the right, or closer, or on a slope, is a car. <span id="c251"></span>The [lecture](../book/claims.md) shows curves of this kind, after [Zeiler and Fergus (2014)](../book/references.md#zeiler-fergus-2014), for shifts, scalings and turns, and draws the conclusion: robust to translation more than to scale and rotation, and more so in deep layers. The plots are not in its text, and the paper's own sentence is another one: the output of its network was stable under shifts *and* scalings, and not under turns. Measure it.
#
# First the curves as the paper draws them, each over its own range: a shift by up to a quarter of the picture, an enlargement by up to 1.8, a turn by up to 180 degrees. `changed` does it to the whole picture, each in a random direction, with a mirrored border and the same interpolation for all three. (In [chapter 06c](06c_depth.ipynb) only the object moved.)

# %%
from course_utils.scratch.robustness.warps import CHANGES, changed

SWEEPS = {
    "shift": (2, 4, 8, 12, 16),
    "scale": (1.1, 1.2, 1.4, 1.6, 1.8),
    "turn": (10, 20, 45, 90, 180),
}
UNITS = {"shift": "pixels", "scale": "times", "turn": "degrees"}
SHOWN = ("input", "stage1", "stage3", "stage4", "output")


def journey(model, change, amount, count=40):
    """Distances by layer (8.101), and the share that is still right."""
    x, y = pictures[:count], truth[:count]
    base = layer_outputs(model, net.prepare(x), LAYERS)
    made = changed(x, change, amount, seed=3)
    said = layer_outputs(model, net.prepare(made), LAYERS)
    row = {n: relative_distance(base[n], said[n]) for n in LAYERS}
    row["right"] = (said["output"].argmax(1) == y).float().mean().item()
    return row


# %% tags=["hide-input"] mystnb={"image": {"alt": "Four versions of one drawn object before a textured ground: as it was, shifted by 12 pixels, enlarged or shrunk by 1.4, and turned by 45 degrees. Borders are mirrored."}}
some = (("shift", 12), ("scale", 1.4), ("turn", 45))
row = [subject] + [changed(subject, c, a, seed=2) for c, a in some]
names = ["as it was", "shift 12", "scale 1.4", "turn 45"]
plotting.image_grid(torch.cat(row), titles=names, columns=4, size=0.85)

# %% [markdown]
# > **Predict.** Which layer moves most under a shift? Is stage 4 flatter under a shift of 16 pixels, a quarter of the picture, or under a quarter turn?

# %%
curves = {}
for change, amounts in SWEEPS.items():
    curves[change] = [journey(net.model, change, a) for a in amounts]
short = [n.removeprefix("head.") for n in (*LAYERS, "right")]
print(f"{'':10s}" + "".join(f"{n:>8s}" for n in short))
for change, number in (("shift", -1), ("scale", -1), ("turn", 3)):
    row = curves[change][number]
    name = f"{change} {SWEEPS[change][number]}"
    print(f"{name:10s}" + "".join(f"{v:8.2f}" for v in row.values()))
    assert row["output"] < row["stage4"] < row["stage1"]
    assert row["input"] < row["stage1"] < row["stage2"]
far = {c: curves[c][n]["stage4"] for c, n in (("shift", -1), ("turn", 3))}
assert far["shift"] < far["turn"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels for shift, scale and turn: the distance of five layers over the amount. The input and the first stage rise most steeply, the output lies lowest for shifts."}}
figure, panels = plt.subplots(1, 3, figsize=(7, 3), sharey=True)
for axes, change in zip(panels, CHANGES):
    lines = {n: [row[n] for row in curves[change]] for n in SHOWN}
    change_curves(axes, SWEEPS[change], lines)
    axes.set(title=change, xlabel=UNITS[change])
panels[0].set_ylabel("distance (8.101)")
panels[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# Under a shift the *pixels* part at once: a quarter of the picture takes them most of the way to another picture. The first two stages move even more than the pixels do: an edge leaves one place and turns up at another. From there on the curves become flatter, stage by stage, and the output is flattest. That is the lecture's second half: more robust in deep layers. It holds for all three changes. And the first half: stage 4 moves less under a shift by a quarter of the picture than under a quarter turn.
#
# Why does stage 4 still move, and the mean over its maps (`head.mean`) much less? Because a convolution does not ignore a shift. Its map *shifts along*; it is [equivariant](05d_equivariance.ipynb). Only what forgets places, here the mean over the map, is invariant.
#
# ### In what unit?
#
# Before you call that a law: *more* in what unit? A shift comes in pixels, a turn in degrees, and the ranges of the figure were chosen by hand. Play with both. What does a shift by 5 pixels do to the answer of a layer, what does a turn by a quarter do?

# %%
EquivarianceExplorer(picture="cat", right=5, down=0, turn=0)

# %% [markdown]
# A shift moves every pixel equally far. A turn leaves the middle in its place and throws the corners far. So here is a unit for all three: **the mean distance that a pixel travels**. In a picture whose pixels lie $\bar r$ from the middle on average, a shift by $t$ pixels, an enlargement by the factor $s$ and a turn by the angle $\theta$ make a pixel travel, on average,
#
# $$ t , \qquad |s - 1|\, \bar r , \qquad 2 \sin(\theta/2)\, \bar r . \tag{8.102} $$
#
# `same_travel` solves this for the amount. And to judge "flatter", divide by what happened to the pixels themselves:
#
# $$ q_l = \frac{d_l}{d_{\text{input}}} . \tag{8.103} $$
#
# 1: the layer moved as far as the pixels did. 0: it has not noticed.
#
# > **Predict.** At a travel of 8 pixels: which of the three leaves the smallest $q$ at the output? Which of the three has the network seen most of in training: places, sizes or angles?

# %%
from course_utils.scratch.robustness.warps import mean_radius, same_travel

TRAVELS = (2, 4, 8)
amounts = {c: [same_travel(c, px, 64, 64) for px in TRAVELS] for c in CHANGES}
print(f"mean distance from the middle: {mean_radius(64, 64):.1f} pixels")
print("a travel of 2, 4, 8 pixels is")
for change, values in amounts.items():
    print(f"{change:6s}" + "".join(f"{v:8.2f}" for v in values), UNITS[change])
own = {}
for who, model in (("trained", net.model), ("untrained", blank)):
    for change in CHANGES:
        row = journey(model, change, amounts[change][-1])
        own[who, change] = {n: row[n] / row["input"] for n in LAYERS}

# %% [markdown]
# One set of 40 pictures is little. So the record of five other sets of 60, each with an untrained network of its own, stands beside your result:


# %% tags=["hide-input"]
def recorded(what):
    return band("08d_dreams.scenes", what)


print("q at a travel of 8 pixels, median of five sets (yours)")
print(f"{'':16s}{'stage1':>12s}{'stage4':>12s}{'output':>12s}")
for who in ("trained", "untrained"):
    for change in CHANGES:
        cells = ""
        for layer in ("stage1", "stage4", "output"):
            found = recorded(f"{who}: {change} 8, q {layer}")
            mine = own[who, change][layer]
            cells += f"{found.median:6.2f} ({mine:.2f})"
            if who == "trained":
                assert found.contains(mine, slack=0.12)
        print(f"{who:10s}{change:6s}" + cells)
for change in CHANGES:
    deep = recorded(f"trained: {change} 8, q output")
    assert deep.maximum < recorded(f"trained: {change} 8, q stage1").minimum
least, blind = ({c: recorded(f"{who}: {c} 8, q output").median for c in CHANGES} for who in ("trained", "untrained"))
assert least["shift"] < 0.6 * min(least["turn"], least["scale"])
assert blind["turn"] < blind["shift"] < blind["scale"]

# %% [markdown]
# The order stays in one unit: at the output a shift is forgiven most; a turn and a change of size come after it, hardly apart. In stage 1 you cannot tell the three apart; the difference is made above it. So the claim holds here, both halves of it.
#
# Is it the architecture? The untrained network has the same poolings and the same mean at its end, and its output forgives a *turn* as readily as a shift. As in [chapter 06c](06c_depth.ipynb), training decides: objects stood in many places, in sizes that differ by a half, and turned by some 13 degrees at most. A network forgives what its training pictures varied, and what its layers make easy to forgive.
#
# ## Checked claims
#
# | claim | verdict | finding |
# |---|---|---|
# | [C251](#c251) Robust to translation more than to scale and rotation, and more in deep layers | true | on our trained network, also at equal travel of the pixels; the output of an untrained one forgives a turn as readily as a shift, so this was learned from the training pictures |
#
# ## Pitfalls
#
# **1. The size of an attack in the wrong unit.** Networks take *prepared* numbers: ours maps 0..1 to -2..2. An $\epsilon$ of 2/255 on those is only half a step of 255 in the picture, and your network looks robust. The functions here take pictures and `prepare` apart, and refuse numbers outside 0..1:

# %% tags=["nbval-check-output"]
try:
    fgsm(net.model, net.prepare(victims), classes, 2 / 255)
except ValueError as error:
    print(str(error).split(":")[0].split(", got")[0])
span = (net.prepare(torch.ones(1)) - net.prepare(torch.zeros(1))).item()
print("2/255 there is", 2 / span, "of 255 here")

# %% [markdown]
# **2. An attack that dies on the way to the disk.** A file holds whole numbers. A change of less than half a step is rounded away:

# %%
e = 0.4 / 255
weak = pgd(net.model, victims, classes, e, steps=5, **ready)
saved = (weak * 255).round() / 255
losses = []
for who, made in (("at first", victims), ("attacked", weak), ("saved", saved)):
    with torch.no_grad():
        said = net.model(net.prepare(made))
    losses.append(F.cross_entropy(said, classes).item())
    share = (said.argmax(1) == classes).float().mean()
    print(f"{who:9s} loss {losses[-1]:.4f}, right: {share:.0%}")
assert torch.equal(saved, victims)
assert losses[1] > 2 * losses[0] == 2 * losses[2]

# %% [markdown]
# The other way round, too: an attack has to be judged on the picture that arrives.
#
# **3. A network that only looks robust.** Multiply all scores of our network by 1,000. Every answer stays the same. But the softmax is now so sure of itself that the gradient of its loss is 0 to the last digit, and the attack has nothing to follow:

# %%
import copy

sure = copy.deepcopy(net.model)
with torch.no_grad():
    sure.head.linear.weight *= 1000
    sure.head.linear.bias *= 1000


def score_gap(scores, labels):
    """The best wrong score above the right one: no softmax in it."""
    rows = torch.arange(len(labels))
    wrong = scores.clone()
    wrong[rows, labels] = -torch.inf
    return wrong.amax(1) - scores[rows, labels]


e = 4 / 255
by_loss = fgsm(sure, victims, classes, e, prepare=net.prepare)
by_score = fgsm(sure, victims, classes, e, prepare=net.prepare, loss=score_gap)
named = {
    "as it was": victims,
    "by its loss": by_loss,
    "by its scores": by_score,
}
left = {w: accuracy(sure, p, classes, net.prepare) for w, p in named.items()}
for who, share in left.items():
    print(f"{who:13s} right: {share:.0%}")
assert left["by its scores"] < 0.6 * left["by its loss"]

# %% [markdown]
# Published defences have fallen to just this ([Carlini and Wagner, 2017](../book/references.md#carlini-wagner-2017), on "defensive distillation"). A network that an attack does not hurt is not robust; perhaps the attack is bad. Attack it as somebody who knows what you did.
#
# **4. A dream with the bare gradient.** Leave out the division in (8.92), and choose the step for stage 1: a mean change of 0.006, as above. Now take the same step in stage 4:

# %%
eta = None
for layer in ("stage1", "stage4"):
    x = cat.clone().requires_grad_()
    maps = run_up_to(net.model, net.prepare(x), [layer])[layer]
    (g,) = torch.autograd.grad(mean_square(maps).sum(), x)
    size = g.abs().mean().item()
    eta = eta or 0.006 / size
    print(f"{layer}: gradient {size:.1e}, first step {eta * size:.3f}")
assert eta * size > 5 * 0.006

# %% [markdown]
# **5. A Gram matrix that is not divided by the number of places.** Take the same texture twice as large: (8.94) stays the same, the bare sum grows four times, and a style "does not match itself":

# %% tags=["nbval-check-output"]
maps = run_up_to(net.model, net.prepare(flower), ["stage2"])["stage2"]
tiled = maps.repeat(1, 1, 2, 2)
bare = [m.flatten(2) @ m.flatten(2).transpose(1, 2) for m in (maps, tiled)]
fair = relative_error(gram(tiled), gram(maps))
print(f"divided: relative error {fair.item():.2f}")
print(f"bare:    relative error {relative_error(bare[1], bare[0]).item():.2f}")

# %% [markdown]
# ## Exercises
#
# **1. The worst against the typical** (ten minutes). For weights drawn from a normal distribution, show that worst case over typical case is about $\sqrt{2D/\pi}$. Compute it for a photo of 224 x 224 in colour.
#
# <details><summary>Hint</summary>
#
# The mean of $|w|$ for a standard normal $w$ is $\sqrt{2/\pi}$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# Worst: eps * sum |w| = eps * D * sqrt(2/pi).
# Typical: eps * |w|_2 = eps * sqrt(D).
D = 3 * 224 * 224
print(f"{D:,} numbers: {(2 * D / torch.pi) ** 0.5:.0f} times")
w = torch.randn(D, generator=torch.Generator().manual_seed(1))
assert abs(w.abs().sum() / w.norm() / (2 * D / torch.pi) ** 0.5 - 1) < 0.01

# %% [markdown]
# **2. A Gram matrix by hand** (five minutes). Two maps of 2 x 2: $F_1 = (1, 0; 0, 1)$ and $F_2 = (0, 1; 1, 0)$. Compute $G$. Now move the ones of $F_2$ onto those of $F_1$. Which entry of $G$ changes, and what does it say?
#
# <details><summary>Hint</summary>
#
# $G_{12}$ counts the places at which both maps fire.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
apart = torch.tensor([[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]])[None]
together = torch.tensor([[[1.0, 0], [0, 1]], [[1, 0], [0, 1]]])[None]
print(gram(apart)[0].tolist(), gram(together)[0].tolist())
assert gram(apart)[0].tolist() == [[0.5, 0], [0, 0.5]]
assert gram(together)[0].tolist() == [[0.5, 0.5], [0.5, 0.5]]

# %% [markdown]
# **3. A dream with a subject** (fifteen minutes). The last linear layer tells which of the 112 channels of stage 4 speak for a class. Let the network dream of the five that speak most for "face", on a photo without a face. What does it say of the photo before and after?
#
# <details><summary>Hint</summary>
#
# `net.model.head.linear.weight[k].topk(5)`, and `channels=` of `deep_dream`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
k = net.classes.index("face")
five = net.model.head.linear.weight[k].topk(5).indices.tolist()
ground = data.photo("gravel", 64)[None] / 255
faced = deep_dream(
    net.model, ground, "stage4", channels=five, octaves=2, **ready
).images  # fmt: skip
with torch.no_grad():
    p = net.model(net.prepare(torch.cat([ground, faced]))).softmax(1)
    chance = p[:, k].tolist()
print(f"{title_of(ground)} before, {title_of(faced)} after")
assert chance[1] > chance[0]

# %% [markdown]
# **4. The smallest change that a file can hold** (fifteen minutes). Change only whole steps: every number of the picture by exactly 1 of 255, up or down. How often is the network still right? Save the pictures and check that nothing is lost.
#
# <details><summary>Hint</summary>
#
# `fgsm` with `epsilon=1/255`, then round.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
step = fgsm(net.model, victims, classes, 1 / 255, prepare=net.prepare)
stored = (step * 255).round() / 255
share = accuracy(net.model, stored, classes, net.prepare)
print(f"right: {share:.0%} of the pictures as files")
assert torch.allclose(stored, step, atol=1e-5)

# %% [markdown]
# **5. Does an attack travel?** (half an hour). Train two small networks on the 8 x 8 digits from different starts. Attack the first. How much does that hurt the second, compared with random signs of the same size? (An attacker who has no access to your network can train his own.)
#
# <details><summary>Hint</summary>
#
# `data.load("digits", "train")`, a linear layer of 64 to 40, a ReLU, a linear layer to 10, a few epochs of `fit`; $\epsilon$ = 0.15.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from torch import nn

from course_utils.training import fit

digits = data.load("digits", "test")
x8, y8 = digits.images / 255, digits.labels
pair = []
for seed in (0, 1):
    torch.manual_seed(seed)
    small = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10)
    )  # fmt: skip
    batches = data.Batches(data.load("digits", "train"), 64, seed=seed)
    fit(small, batches, epochs=12, lr=5e-3, progress=False)
    pair.append(small.eval())
foreign = fgsm(pair[0], x8, y8, 0.15)
chance = random_signs(x8, 0.15, seed=SEED)
print(f"the attacked network: {accuracy(pair[0], foreign, y8):.0%} right")
named = {"at first": x8, "by the foreign attack": foreign, "by a coin": chance}
shares = {who: accuracy(pair[1], p, y8) for who, p in named.items()}
for who, share in shares.items():
    print(f"the other, {who}: {share:.0%} right")
assert shares["by the foreign attack"] < shares["by a coin"] - 0.3

# %% [markdown]
# **6. Training against it** (an evening). Train one of the small networks on attacked digits: in each batch, replace the pictures by `fgsm` of them against the network as it is. How right is it on clean digits, how right under attack, by one step and by ten? [Goodfellow et al. (2015)](../book/references.md#goodfellow-2015) and [Madry et al. (2018)](../book/references.md#madry-2018) do this at scale. Write down what you expect to pay.
#
# <details><summary>Hint</summary>
#
# A loop of your own is easiest: for each batch `x = fgsm(model, x, y, 0.15)`, then the usual step.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def harden(epochs=12, epsilon=0.15, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10)
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        for x, y in data.Batches(data.load("digits", "train"), 64, seed=seed):
            loss = F.cross_entropy(model(fgsm(model, x, y, epsilon)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


tough, under_attack = harden(), {}
for who, model in (("plain", pair[0]), ("hardened", tough)):
    one, ten = fgsm(model, x8, y8, 0.15), pgd(model, x8, y8, 0.15)
    line = [accuracy(model, p, y8) for p in (x8, one, ten)]
    print(f"{who}: {line[0]:.0%}, one step {line[1]:.0%}, ten {line[2]:.0%}")
    under_attack[who] = line[2]
assert under_attack["hardened"] > under_attack["plain"] + 0.2

# %% [markdown]
# ## At scale
#
# Behind the table of $q$ stands a record: the trained network and five untrained ones, five sets of pictures that neither the training nor this chapter has seen, four distances of travel.

# %% tags=["hide-input"]
record = load_record("08d_dreams.scenes")
print(record["pictures"])
print("repeat with:", record["command"])
print("\nshare that is still right, median of five sets (smallest, largest)")
print(f"{'travel':8s}" + "".join(f"{px:>18d}" for px in (1, 2, 4, 8)))
for change in CHANGES:
    cells = ""
    for px in (1, 2, 4, 8):
        found = recorded(f"trained: {change} {px}, right")
        spread = f"({found.minimum:.0%}, {found.maximum:.0%})"
        cells += f"{found.median:5.0%} {spread:>12s}"
    print(f"{change:8s}" + cells)

# %% [markdown]
# And photographs? The same measurements with the residual network of [chapter 08](08_visualization.ipynb), on pictures of CIFAR-10 that it never saw, 32 x 32 pixels, in five disjoint sets of 200. (To repeat them: `course data cifar10`.)
#
# > **Predict.** This network saw photos flipped and shifted by up to 4 pixels, never turned or enlarged on purpose. Is it easier or harder to attack than the one of the drawings? And is its order of shift, scale and turn the same?

# %% tags=["hide-input"]
record = load_record("08d_dreams.cifar10")
print("repeat with:", record["command"])


def measured(what):
    return band("08d_dreams.cifar10", what)


print("right, by the largest change of a number, in steps of 255")
print(f"{'':10s}" + "".join(f"{e:>6d}" for e in (0, 1, 2, 4, 8)))
for who in ("coin", "one step", "ten steps"):
    keys = ["right"] + [f"{who} {e}, right" for e in (1, 2, 4, 8)]
    cells = [measured(key).median for key in keys]
    print(f"{who:10s}" + "".join(f"{c:6.0%}" for c in cells))
print("\nq (8.103) at a travel of 4 pixels, and the share still right")
layers = record["layers"]
print(f"{'':7s}" + "".join(f"{n:>9s}" for n in (*layers, "right")))
for change in CHANGES:
    cells = [measured(f"{change} 4, q {n}").median for n in layers]
    kept = measured(f"{change} 4, right").median
    print(f"{change:7s}" + "".join(f"{c:9.2f}" for c in cells) + f"{kept:9.0%}")
assert measured("one step 1, right").maximum < 0.75 * measured("right").minimum
assert measured("ten steps 2, right").maximum < 0.3
assert measured("coin 4, right").median > measured("right").median - 0.02
shift, scale, turn = (measured(f"{c} 4, q output") for c in CHANGES)
assert shift.maximum < min(scale.minimum, turn.minimum)

# %% [markdown]
# Much easier: a single step of 1 of 255 takes more than a third of the right answers away, ten small steps within 2 of 255 leave one in five; random signs of 4 of 255 take nothing. The order of the three changes is the same on photos, in every one of the five sets, and as with the drawings there is little between scale and turn. In the first stage the three are equal.
#
# ## Summary
#
# - A gradient with respect to the picture needs only something to grow. The size of a layer's maps gives dreams, their Gram matrix gives textures, the loss gives attacks.
# - A dream enlarges what a layer sees already; its forms are as large as the layer's receptive field. Octaves make large forms first.
# - A Gram matrix forgets where and keeps what goes with what. Style and content are a trade.
# - In $D$ numbers, $D$ tiny changes that all pull one way are worth about $\sqrt{D}$ random ones. That is why attacks are easy, and why noise is no test of robustness.
# - Robustness needs a unit. In the mean travel of a pixel our trained network forgives shifts before turns and scale, in its deep layers; without training a turn is forgiven as readily as a shift.
#
# **Further reading.** [Mordvintsev et al. (2015)](../book/references.md#mordvintsev-2015) for the pictures; [Gatys et al. (2015)](../book/references.md#gatys-2015), figure 1; [Goodfellow et al. (2015)](../book/references.md#goodfellow-2015), the first three sections; [Azulay and Weiss (2019)](../book/references.md#azulay-weiss-2019) on networks that one pixel of shift can turn; [Engstrom et al. (2019)](../book/references.md#engstrom-2019), who attack with shifts and turns.
#
# **The next question.** A network that learned ten kinds of drawn things tells textures apart that it never saw. What else is its knowledge good for? [Pretrain and reuse](09_transfer.ipynb).
