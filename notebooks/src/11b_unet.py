# ---
# jupyter:
#   course: {seconds_limit: 110}
# ---

# %% [markdown]
# # Back to full resolution
#
# Pooling threw positions away. In this chapter you get them back in four ways, prove what each one really restores, and pay for each in weights, memory and milliseconds. At the end a U-Net labels cluttered scenes to the pixel.
#
# **You will be able to**
#
# - build an hourglass that goes down and up again, for images of any size;
# - put maxima back where they were, and say when a learned layer does better;
# - remove a pooling without changing a single value of a trained network;
# - tell when dilation leaves holes, and choose rates that leave none;
# - work out the memory of a map before you run out of it;
# - build a U-Net, train it, and show what its skips are worth at a border.
#
# **You need** [what every pixel is](11_segmentation.ipynb), and [dilated and transposed convolution](05b_layers.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt

from course_utils import plotting
from course_utils.plotting import COLORS
from course_utils.plotting.label_maps import paint_labels
from course_utils.plotting.optimisation import band_rows
from course_utils.plotting.saliency import map_rows
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MetricExplorer, UpsamplingExplorer

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Where did the pixel go?
#
# Three poolings of 2 turn a block of $8 \times 8$ pixels into one number. Put one bright pixel into such a block, and ask the pooled map where it was.
#
# > **Predict.** There are 64 places for the bright pixel. How many different maps come out?

# %% tags=["nbval-check-output"]
import torch
from torch import nn
from torch.nn import functional as F

three_poolings = nn.Sequential(*[nn.MaxPool2d(2) for _ in range(3)])
places = torch.zeros(64, 1, 16, 16)
for k in range(64):
    places[k, 0, k // 8, k % 8] = 1  # all within the upper left block
pooled = three_poolings(places)
print("maps of", tuple(pooled.shape[2:]))
print("different ones:", len(pooled.flatten(1).unique(dim=0)))
assert len(pooled.flatten(1).unique(dim=0)) == 1

# %% [markdown]
# One. Six bits of position are gone, two with every pooling. For the *name* of a thing that was a virtue: it may stand anywhere. For the *border* of a thing it is fatal.
#
# There are four ways out, and this chapter takes them in turn:
#
# 1. **learn to guess** the positions on the way up: an hourglass;
# 2. **write them down** while pooling, and use them on the way up: unpooling;
# 3. **do not pool**: dilate instead;
# 4. **hand the fine map across**, as it was before pooling: the U-Net.
#
# To try them, we need pictures in which borders matter: cells under a microscope. These are drawn, so that the truth is exact. A cell is brighter than its surroundings, has a dark halo (as phase microscopes make it), may touch its neighbour, and the light is uneven.


# %% tags=["band-unpooling", "band-skips"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.runtime import seed_everything


def draw_cells(n, size, seed, most=6):
    """Gray pictures (N, 1, size, size), and where cells are (N, size, size)."""
    g = torch.Generator().manual_seed(seed)

    def draw(*shape, lo=0.0, hi=1.0):
        return lo + (hi - lo) * torch.rand(*shape, generator=g)

    each, one = (n, most, 1, 1), (n, 1, 1)
    axis = torch.arange(size) + 0.5
    dx = axis - draw(*each, hi=size)
    dy = axis[:, None] - draw(*each, hi=size)
    turn, squash = draw(*each, hi=3.14), draw(*each, lo=0.85, hi=1.15)
    a, b = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    radius = size * draw(*each, lo=0.08, hi=0.27)
    outside = ((a / squash) ** 2 + (b * squash) ** 2).sqrt() - radius
    count = torch.randint(1, most + 1, (n, 1), generator=g)
    hidden = (torch.arange(most) >= count)[..., None, None]
    far = outside.masked_fill(hidden, 1e3).amin(1)  # to the nearest cell

    def blobs(amount, cells):  # uneven light, and what is inside cells
        noise = torch.randn(n, 1, cells, cells, generator=g)
        return amount * F.interpolate(noise, size, mode="bicubic")[:, 0]

    inside = torch.sigmoid(-far / 0.7)
    body = inside * (draw(*one, lo=0.35, hi=0.6) + blobs(0.05, size // 4))
    fade = torch.exp(-far.clamp(min=0) / draw(*one, lo=1.5, hi=4.0))
    halo = (1 - inside) * fade * draw(*one, lo=0.1, hi=0.2)
    light = 0.3 + blobs(0.03, 5) + blobs(0.03, size // 3)
    grain = 0.03 * torch.randn(n, size, size, generator=g)
    return (light + body - halo + grain)[:, None], (far < 0).long()


cells, cells_true = draw_cells(300, 48, 1)
new_cells, new_true = draw_cells(60, 48, 2)

# %% mystnb={"image": {"alt": "Two rows of eight small gray pictures. Upper row: bright roundish cells with dark halos on uneven ground, some touching. Lower row: the truth, cells dark blue on a light ground."}}
show = [new_cells[:8].clamp(0, 1).expand(-1, 3, -1, -1), paint_labels(new_true[:8])]
map_rows(show, ["picture", "truth"])

# %% [markdown]
# ## First way: down and up again
#
# Mirror the network. On the way down, each level convolves and halves; on the way up, each doubles and convolves. The result is called [encoder-decoder](../book/glossary.md#encoder-decoder), or conv-deconv network, or hourglass ([Noh et al., 2015](../book/references.md#noh-2015)). With $L$ levels the waist is $2^L$ times narrower than the picture. The sides go
#
# $$ n \;\to\; \frac{n}{2} \;\to \dots \to \frac{n}{2^L} \;\to \dots \to \frac{n}{2} \;\to\; n . \tag{11.31} $$
#
# Follow the sides through one. The picture below is $50 \times 45$ pixels, which no halving likes.
#
# > **Predict.** What size comes out?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.encoder_decoder import EncoderDecoder

hourglass = EncoderDecoder(1, 2, width=8, depth=3, unpooling="nails")
shapes = []
for part in (*hourglass.down, hourglass.middle, *hourglass.up):
    part.register_forward_hook(
        lambda layer, x, out: shapes.append(tuple(out.shape[1:])),
    )
out = hourglass(torch.zeros(1, 1, 50, 45))
for shape in shapes:
    print("  map of", "{} x {} x {}".format(*shape))
print("logits", tuple(out.shape))
sides = [shape[1] for shape in shapes]
assert sides == [56, 28, 14, 7, 14, 28, 56]
assert out.shape == (1, 2, 50, 45)

# %% [markdown]
# The picture's own. It was filled up to $56 \times 48$, the next multiples of 8, and the filling was cut off at the end ([any size](11_segmentation.ipynb), in the last chapter).
#
# Now train it. Two classes, pixel by pixel, and nothing else is new. The scores are the last chapter's: mean IoU, and boundary IoU on a rim that is one pixel wide.


# %% tags=["band-unpooling", "band-skips"]
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.encoder_decoder import EncoderDecoder
from course_utils.segmentation.losses import pixel_cross_entropy
from course_utils.segmentation.metrics import confusion_matrix, mean_iou


def learn_cells(net, steps=100, lr=0.01, batch_size=8):
    draw = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps)
    losses = []
    net.train()
    for _ in range(steps):
        i = torch.randint(len(cells), (batch_size,), generator=draw)
        loss = pixel_cross_entropy(net(cells[i]), cells_true[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    net.eval()
    return losses


def both_scores(net, pictures, truth):
    """Mean IoU, and mean boundary IoU on a rim of one pixel."""
    with torch.no_grad():
        guess = net(pictures).argmax(1)
    whole = mean_iou(confusion_matrix(guess, truth, 2))
    return whole, mean_boundary_iou(guess, truth, 2, distance=1)


# %%
seed_everything(SEED)
hourglass = EncoderDecoder(1, 2, width=8, depth=3, unpooling="nails")
losses = learn_cells(hourglass)
whole, rim = both_scores(hourglass, new_cells, new_true)
print(f"loss {losses[0]:.2f} to {sum(losses[-10:]) / 10:.2f}")
print(f"mean IoU {whole:.2f}, boundary IoU {rim:.2f}")
assert sum(losses[-10:]) < sum(losses[:10]) / 2
assert rim < whole

# %% [markdown]
# It finds the cells. Its borders are poor: below three poolings, each cell of the waist must say in 32 numbers how its $8 \times 8$ pixels are divided. It *can* learn to write positions into channels. Nobody helps it.
#
# ## Second way: write it down
#
# Max pooling knows where each maximum was. It only forgets to say. Let it: keep the index of each winner (chapter 08 called it a [switch](../book/glossary.md#switch)), and on the way up put the value exactly there. All other places get 0. For a window $R$ with winner $w(R)$,
#
# $$ U_{p} = \begin{cases} v_R & \text{if } p = w(R), \\ 0 & \text{otherwise,}\end{cases} \qquad p \in R . \tag{11.32} $$
#
# That is [unpooling](../book/glossary.md#unpooling). DeconvNet and SegNet ([Badrinarayanan et al., 2017](../book/references.md#badrinarayanan-2017)) go up this way.
#
# > **Predict.** Pool the map below, multiply by 10, and unpool. Where do the four numbers land? And where do they land without the indices?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.unpooling import (
    unpool_bed_of_nails,
    unpool_by_winners,
    unpool_by_winners_loop,
    unpool_nearest,
)

small = torch.tensor([[1.0, 2, 0, 0], [0, 0, 0, 4], [5, 0, 0, 6], [0, 0, 3, 0]])
values, winners = F.max_pool2d(small[None, None], 2, return_indices=True)
back = unpool_by_winners(10 * values, winners, (4, 4))
print("pooled", values.flatten().tolist(), "at", winners.flatten().tolist())
print("to the winners:", *back[0, 0].int().tolist(), sep="\n  ")
nails = unpool_bed_of_nails(10 * values)
print("always upper left:", *nails[0, 0].int().tolist(), sep="\n  ")
slow = unpool_by_winners_loop(10 * values.numpy(), winners.numpy(), (4, 4))
assert torch.equal(back, torch.from_numpy(slow))
assert torch.equal(back, F.max_unpool2d(10 * values, winners, 2))

# %% [markdown]
# With indices, each value is back on its pixel. Without, all sit in the upper left corner of their window: a *bed of nails*. You have met (11.32) before, in another role: it is what the *gradient* does on its way back through max pooling.

# %% tags=["nbval-check-output"]
picture = new_cells[:1].clone().requires_grad_()
values, winners = F.max_pool2d(picture, 2, return_indices=True)
message = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
(gradient,) = torch.autograd.grad(values, picture, message)
same = torch.equal(gradient, unpool_by_winners(message, winners, (48, 48)))
print("gradient of max pooling = unpooling of the message:", same)
assert same

# %% [markdown]
# The rival is the [transposed convolution](../book/glossary.md#transposed-convolution): each value stamps a learned kernel onto the fine map. It knows no winners, but it can choose what to paint. Both restore the shape:

# %% tags=["nbval-check-output"]
low = torch.randn(1, 16, 6, 6)
_, index = F.max_pool2d(torch.randn(1, 16, 12, 12), 2, return_indices=True)
stamp_layer = nn.ConvTranspose2d(16, 16, 2, stride=2)
ways_up = {
    "to the winners": (unpool_by_winners(low, index, (12, 12)), 0),
    "bed of nails": (unpool_bed_of_nails(low), 0),
    "nearest": (unpool_nearest(low), 0),
    "transposed, learned": (
        stamp_layer(low),
        sum(p.numel() for p in stamp_layer.parameters()),
    ),
}
for name, (up, weights) in ways_up.items():
    filled = (up != 0).float().mean()
    size = tuple(up.shape[2:])
    print(f"{name:20s} {size}, {weights:5,} weights, {filled:.0%} filled")
    assert up.shape == (1, 16, 12, 12)

# %% [markdown]
# > **Predict.** Three hourglasses, equal but for the way up: nails (knows nothing, learns nothing), transposed (learns), winners (knows). Which has the best borders?


# %% tags=["band-unpooling"]
unpooling_result = {}
for way in ("nails", "transposed", "winners"):
    seed_everything(SEED)
    net = EncoderDecoder(1, 2, width=8, depth=3, unpooling=way)
    learn_cells(net)
    scores = both_scores(net, new_cells, new_true)
    unpooling_result[way] = scores[0]
    unpooling_result[f"{way} rim"] = scores[1]

# %% mystnb={"image": {"alt": "Three seed bands of boundary IoU on drawn cells, between 0.59 and 0.68: bed of nails, transposed convolution, unpooling to the winners; a diamond marks this run. The bands overlap; the winners lie a little to the right."}}
UNPOOLED = "11b_unet.unpooling"
WAYS = ("nails", "transposed", "winners")
for way in WAYS:
    mine, at_rim = unpooling_result[way], unpooling_result[f"{way} rim"]
    print(f"{way:10s} mean IoU {mine:.3f}, boundary IoU {at_rim:.3f}")
    assert band(UNPOOLED, f"{way} rim").contains(at_rim, slack=0.08)
    assert band(UNPOOLED, way).contains(mine, slack=0.04)
by_seed = load_record(UNPOOLED)["metrics"]
for rival in ("nails", "transposed"):
    pairs = zip(by_seed["winners rim"], by_seed[f"{rival} rim"])
    gains = sorted(a - b for a, b in pairs)
    listed = ", ".join(f"{gain:+.3f}" for gain in gains)
    print(f"winners against {rival}, rim, seed by seed: {listed}")
    assert gains[0] > 0
figure, axes = plt.subplots(figsize=(6.5, 1.9), layout="constrained")
rims = {way: band(UNPOOLED, f"{way} rim") for way in WAYS}
band_rows(axes, rims, {way: unpooling_result[f"{way} rim"] for way in WAYS})
axes.set_xlabel("boundary IoU on new cells")
plt.show()

# %% [markdown]
# The winners win, at every one of five seeds, and by little. The transposed convolution, with all its weights, is no better than nails: *whatever* stands on the fine map, the next convolution learns to work with it. In mean IoU nobody would notice any of this.
#
# What does the note cost? An index is one of four places, two bits for each pooled value. What it cannot carry is *anything but maxima*: three of four values are gone, and a border need not run through winners.
#
# <span id="c272"></span>
# ## Third way: do not pool
#
# Why not leave pooling out? Because the next layers would see a quarter of the area: their windows are as wide as before, on a map twice as fine. So widen the windows, too. Wherever a stride $s$ is removed, every later window takes steps $s$ times as long ([dilation](../book/glossary.md#dilation)). Call $S$ the product of all removed strides. Then for the same weights, at every place
#
# $$ \tilde z_{\,S i,\, S j} = z_{i j} . \tag{11.33} $$
#
# The dilated network $\tilde z$ contains the strided one $z$, value for value, on every $S$-th row and column. The rest is new: what the strided network would have said about shifted pictures. The lecture says: "same field, no loss of resolution". Let us check both halves, for strided convolutions and for max pooling.
#
# > **Predict.** Two networks with three halvings each. Which of them keeps its values exactly when strides become dilations?

# %% tags=["nbval-check-output"]
from itertools import pairwise

from course_utils.models.summary import summarise
from course_utils.segmentation.dilated_twin import dilated_twin


def three_halvings(kind, channels=(1, 8, 16, 16)):
    layers = []
    for a, b in pairwise(channels):
        if kind == "strided convolution":
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()]
        else:
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(16, 2, 3, padding=1)).eval()


seed_everything(SEED)
for kind in ("strided convolution", "max pooling"):
    strided = three_halvings(kind).double()
    twin = dilated_twin(strided)
    x = new_cells[:4].double()
    with torch.no_grad():
        coarse, fine = strided(x), twin(x)
    print(f"{kind}: {tuple(coarse.shape[2:])} becomes {tuple(fine.shape[2:])}")
    sampled = fine[:, :, ::8, ::8][:, :, : coarse.shape[2], : coarse.shape[3]]
    error = (sampled - coarse).abs().max().item()
    print(f"  every eighth value the same: {error < 1e-12}")
    assert error < 1e-12
    fields = [
        summarise(net.float(), (1, 48, 48)).rows[-1].field.size[0]
        for net in (strided, twin)
    ]  # fmt: skip
    print(f"  receptive fields {fields[0]} and {fields[1]}")
    assert fields[0] == fields[1]

# %% [markdown]
# Both, to the last digit, borders included, and the receptive field is the same. The lecture is right, and more precisely so than it sounds: nothing has to be trained again. (With max pooling a few rows are missing at the end, where a window would hang over the border.)
#
# <span id="c270"></span><span id="c271"></span>
# ### Fields that double
#
# Dilation can also be used freely. Stack $n$ layers of $3 \times 3$ with rates $1, 2, 4, \dots, 2^{n-1}$. A layer of rate $r$ adds $2r$ to the side of the field, so after $n$ layers it is
#
# $$ F_n = 1 + \sum_{l=0}^{n-1} 2 \cdot 2^l = 2^{\,n+1} - 1, \tag{11.34} $$
#
# while the weights, between single maps, number $9n$. Measure it, by the gradient: which pixels does one output depend on?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.dilation import (
    context_module,
    fields_of,
    hybrid_rates,
    second_layer_gap,
    support,
    support_map,
    weights_of,
)

print("layers  field  by gradient  weights")
for n in (1, 2, 3, 4, 5, 6):
    rates = [2**level for level in range(n)]
    seen = support_map(rates)
    assert seen.all()  # no holes
    field = fields_of(rates)[-1]
    assert field == len(seen) == 2 ** (n + 1) - 1
    assert weights_of(rates) == 9 * n
    print(f"{n:6d} {field:6d} {len(seen):12d} {weights_of(rates):8d}")
plain = fields_of([1] * 6)[-1]
print(f"six layers without dilation: field {plain}")

# %% [markdown]
# 3, 7, 15, as the lecture says; then 31, 63, 127. The field grows exponentially, the weights linearly. Six ordinary layers reach 13.
#
# [Yu and Koltun (2016)](../book/references.md#yu-koltun-2016) put such a stack *behind* a network, on its maps of scores. Their **context module** has rates 1, 1, 2, 4, 8, 16, 1, and it starts as the identity for scores that are not negative: those it repeats at first, so it does them no harm. (Its ReLUs cut negative scores off at 0.)

# %% tags=["nbval-check-output"]
from course_utils.segmentation.dilation import CONTEXT_DILATIONS

module = context_module(21)
scores_in = torch.rand(1, 21, 20, 20)
with torch.no_grad():
    untouched = torch.allclose(module(scores_in), scores_in, atol=1e-6)
kernels = sum(p.numel() for p in module.parameters() if p.ndim > 1)
print("rates", CONTEXT_DILATIONS, "field", fields_of(CONTEXT_DILATIONS)[-1])
print(f"weights for 21 classes: {kernels:,} = 64 x 21 x 21")
with torch.no_grad():
    negative = module(scores_in - 0.5)
cut_off = torch.allclose(negative, (scores_in - 0.5).relu(), atol=1e-6)
print("starts as the identity above 0:", untouched)
print("negative scores become 0:", cut_off)
assert cut_off
assert untouched
assert kernels == 64 * 21**2
assert fields_of(CONTEXT_DILATIONS)[-1] == 67

# %% [markdown]
# <span id="c273"></span>The lecture also says that they "remove the pooling". All of it? Take VGG-16, which pools five times, and look at what is left when its map shall be as fine as theirs:

# %% tags=["nbval-check-output"]
from course_utils.models.vgg import VGG
from course_utils.segmentation.convolutionalise import vgg_in_a_row

with torch.device("meta"):  # shapes without numbers
    row = list(vgg_in_a_row(VGG()))
flatten = [isinstance(layer, nn.Flatten) for layer in row].index(True)
body = nn.Sequential(*row[:flatten])
for goal in (32, 16, 8, 1):
    twin = dilated_twin(body, goal)
    pools = [layer for layer in twin if isinstance(layer, nn.MaxPool2d)]
    halving = sum(pool.stride == (2, 2) for pool in pools)
    rates = sorted({c.dilation[0] for c in twin if isinstance(c, nn.Conv2d)})
    size = summarise(twin, (3, 224, 224)).rows[-1].shape
    print(f"output stride {goal:2d}: {halving} halvings, rates {rates},", size)
    if goal == 8:
        assert halving == 3  # of five

# %% [markdown]
# Only the last two. Their map has 1/8 of the picture's side, and bilinear interpolation does the rest, as in the FCN. (In their network the two pooling layers are gone altogether, windows and all; the twin here keeps the windows and loses the strides, so that the values stay. What comes after dilates in the same way.) The last line says why nobody removes all five: look at the size of the map. More on that soon.
#
# <span id="c274"></span>
# ## Holes
#
# Rates 1, 2, 4 are harmless. What if every layer has rate 2, as a network without its last pooling has?
#
# > **Predict.** Two layers of rate 2. The field of one output is 9 pixels along a row. How many of the nine does it see? Then try "1, 2, 3" and "1, 2, 5" in the figure: walk from output to output and watch which inputs light up.

# %%
UpsamplingExplorer(mode="dilated", rates="2, 2, 2: gridding")

# %% tags=["nbval-check-output"]
print("layers of rate 2, seen along a row (# seen, . hole)")
for n in (1, 2, 3):
    seen = support([2] * n)
    by_gradient = support_map([2] * n)[0]
    assert by_gradient.tolist() == seen.tolist()
    marks = "".join("#" if s else "." for s in seen)
    print(f"  {n}: {seen.sum()} of {len(seen):2d}   {marks}")
    assert (seen.sum(), len(seen)) == (2 * n + 1, 4 * n + 1)
for rates in ((1, 2, 3), (1, 2, 5), (1, 2, 9)):
    seen = support(rates)
    marks = "".join("#" if s else "." for s in seen)
    print(f"  {rates}: {seen.sum()} of {len(seen):2d}   {marks}")
assert support((1, 2, 3)).all()
assert support((1, 2, 5)).all()
assert not support((1, 2, 9)).all()

# %% [markdown]
# 3 of 5, 5 of 9, 7 of 13; in the plane, 9 of 25, 25 of 81, 49 of 169. The picture falls apart into four: pixels in even rows and even columns, even and odd, odd and even, odd and odd. Each output belongs to one of the four pictures, and never hears of the other three. With all rates equal to $r$ there are $r^2$ of them:
#
# $$ z_{ij} = f\big(x_{i + r a,\; j + r b}\big), \quad a, b = 0, \pm 1, \pm 2, \dots \tag{11.35} $$
#
# So let us weave four different pictures into one, smooth it by each stack, and take the result apart again.

# %% mystnb={"image": {"alt": "Two rows of five pictures. Upper row, rates 2, 2, 2: a mixture of four cell pictures and the four that come out, each clearly its own picture, smoothed. Lower row, rates 1, 2, 3: all four look alike, a blend of all."}}
woven = torch.empty(1, 1, 96, 96)
for k in range(4):  # picture k sits in one of four phases
    woven[0, 0, k // 2 :: 2, k % 2 :: 2] = new_cells[k, 0].clamp(0, 1)


def smooth_by(rates, x):
    box = torch.full((1, 1, 3, 3), 1 / 9)
    for r in rates:
        padded = F.pad(x, (r, r, r, r), mode="reflect")
        x = F.conv2d(padded, box, dilation=r)
    return x


def taken_apart(x):
    return [x[0, 0, k // 2 :: 2, k % 2 :: 2] for k in range(4)]


sheets = []
for rates in ((2, 2, 2), hybrid_rates(3, 2)):
    parts = taken_apart(smooth_by(rates, woven))
    four = torch.stack([part.flatten() for part in parts])
    alike = torch.corrcoef(four)[~torch.eye(4, dtype=bool)].mean()
    print(f"rates {rates}: likeness of the four parts {alike:.2f}")
    sheets.append([woven[0, 0, :48, :48], *parts])
    assert (alike > 0.9) == (rates == (1, 2, 3))
columns = ["woven", *(f"part {k}" for k in range(1, 5))]
map_rows(sheets, ["2, 2, 2", "1, 2, 3"], columns, cmap="gray")

# %% [markdown]
# With 2, 2, 2 the four pictures pass through each other like ghosts. Neighbouring pixels of a label map would be decided by four committees that never meet: [gridding](../book/glossary.md#gridding-artefact). With 1, 2, 3 every pixel hears all. Mean rate and field are the same (13), and so is the number of weights. [Wang et al. (2018)](../book/references.md#wang-2018) call it *hybrid dilated convolution* and give a rule. From the last rate backwards, with $M_n = r_n$,
#
# $$ M_i = \max\big(M_{i+1} - 2 r_i,\; 2 r_i - M_{i+1},\; r_i\big), \tag{11.36} $$
#
# and $M_2$ may be at most $k$: it is how far apart the inputs may lie that layer 2 and all behind it use; layer 1, of rate 1, must close that gap with its $k$ taps. Here is the rule against the gradient, for all triples that begin with 1:

# %% tags=["nbval-check-output"]
agree, refused = 0, []
for b in range(1, 10):
    for c in range(1, 10):
        passes = second_layer_gap((1, b, c)) <= 3
        whole = bool(support((1, b, c)).all())
        assert whole or not passes  # never passes a stack with holes
        agree += passes == whole
        refused += [(1, b, c)] if whole and not passes else []
print(f"81 triples: {agree} times agreed, {len(refused)} without holes refused")
print("refused:", refused[:4], "...")
assert all(c < b for _, b, c in refused)
for rates in ((1, 2, 5), (1, 2, 9)):
    print(rates, "gap", second_layer_gap(rates))

# %% [markdown]
# The rule never lets a stack with holes pass. It refuses some that have none, all with rates that fall again, such as 1, 3, 1: it is sufficient, not necessary. When in doubt, ask the gradient.
#
# <span id="c275"></span>
# ## The price
#
# Every halving that you leave out doubles both sides of all maps behind it:
#
# $$ \text{memory}\big(S/2\big) = 4 \cdot \text{memory}\big(S\big) . \tag{11.37} $$
#
# Training has to keep the maps for the way back. Count them by shape, and measure what PyTorch really keeps, for a network that halves first and works at stride 8 afterwards, and for its dilated twins.
#
# > **Predict.** By which factor does the memory of the layers behind the halvings grow from stride 8 to stride 1?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.memory import affordable_channels, kept_bytes


def halve_and_work(halvings):
    """A map of size 2^-halvings goes through four layers of 16 channels."""
    work = []
    for _ in range(4):
        work += [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*work), 64 // 2**halvings


print("stride  map      counted    kept for the way back")
kept = {}
for halvings in (3, 2, 1, 0):
    net, side = halve_and_work(halvings)
    counted = sum(row.bytes for row in summarise(net, (16, side, side)).rows)
    kept[halvings] = kept_bytes(net, torch.rand(1, 16, side, side))
    size, there = f"{side} x {side}", kept[halvings] / 1e3
    print(f"{2**halvings:6d}  {size:7s} {counted / 1e3:7,.0f} kB  {there:9,.0f} kB")
for halvings in (2, 1, 0):
    assert kept[halvings] == 4 * kept[halvings + 1]
one = new_cells[:1].clone()
whole = []
for stride in (8, 4, 2, 1):
    twin = dilated_twin(three_halvings("strided convolution"), stride)
    whole.append(kept_bytes(twin, one))
print("with the halvings, in kB:", [round(b / 1e3) for b in whole])
assert whole == sorted(whole)
share = 512 / 4**5
print(f"512 maps of stride 32 take as much as {share} maps of stride 1")
assert affordable_channels(512, 4) == 2

# %% [markdown]
# Exactly four each time, 64 in all, for the layers behind. (Counting takes the outputs of all eight layers; what is kept is the input and the four outputs of the ReLUs, since a ReLU's way back needs no more than its output.) (The whole network grows less, because its first maps were fine already.) The memory of the 512 maps on which VGG-16 ends is worth half a map at full resolution. That is why Yu and Koltun stopped at 8, and why networks go down at all: at the bottom, channels are cheap. Multiply-adds grow by the same four.
#
# ## Fourth way: hand it across
#
# The fine map that pooling destroys still exists: it is on the way down, one layer *before* each pooling. Take it, and hand it across to the same size on the way up. That is the [U-Net](../book/glossary.md#u-net) of [Ronneberger et al. (2015)](../book/references.md#ronneberger-2015). An FCN adds *scores* that way; a U-Net concatenates *features*, and convolves them together. Concatenating is more than adding:
#
# $$ W * \begin{bmatrix} d \\ u \end{bmatrix} = W_d * d + W_u * u . \tag{11.38} $$
#
# The detail $d$ from the way down gets weights of its own, and so does $u$, which comes from below. Adding first is the special case $W_d = W_u$.

# %% tags=["nbval-check-output"]
seed_everything(SEED)
detail, from_below = torch.randn(2, 1, 8, 12, 12).double()
merge = nn.Conv2d(16, 8, 3, padding=1, bias=False).double()
together = merge(torch.cat([detail, from_below], 1))
w_detail, w_below = merge.weight.split(8, 1)
apart = F.conv2d(detail, w_detail, padding=1)
apart = apart + F.conv2d(from_below, w_below, padding=1)
equal = torch.allclose(together, apart)
print("concatenate, then convolve = two convolutions, added:", equal)
assert equal

# %% [markdown]
# The paper's network pads nowhere: every $3 \times 3$ layer eats a rim of one pixel. With $L$ halvings and two convolutions a level, the output's side is
#
# $$ n_{\text{out}} = n - 12 \cdot 2^L + 8 , \tag{11.39} $$
#
# if every map that is halved has an even side. (Down: 4 pixels at level $l$ are $4 \cdot 2^l$ pixels of the picture, for levels $0$ to $L$; up: the same without the lowest.) The paper has $L = 4$.
#
# > **Predict.** A tile of 572 pixels. How large is the label map? Can you use a tile of 500?

# %% tags=["nbval-check-output"]
from course_utils.segmentation.unet import UNet, valid_input_size, valid_output_size

with torch.device("meta"):
    paper = UNet()
shapes = []
for part in (*paper.down, *paper.merge):
    part.register_forward_hook(
        lambda layer, x, out: shapes.append(tuple(out.shape[1:])),
    )
out = paper(torch.empty(1, 1, 572, 572, device="meta"))
for word, part in (("down:", shapes[:5]), ("up:  ", shapes[5:])):
    print(word, ", ".join(f"{c} x {n}^2" for c, n, _ in part))
print("output", tuple(out.shape[1:]))
weights = sum(p.numel() for p in paper.parameters())
print(f"{weights:,} parameters")
assert out.shape[1:] == (2, 388, 388)
for tile in (572, 188, 236):
    assert valid_output_size(tile) == tile - 12 * 2**4 + 8
try:
    valid_output_size(500)
except ValueError as error:
    print(str(error).replace("; ", ";\n  "))
print("smallest tile for 500 output pixels:", valid_input_size(500))

# %% [markdown]
# These are the sizes in the paper's figure 1. Today most people pad and keep the size, with batch normalisation, and so do we from here on.
#
# ### What are the skips worth?
#
# Take the U-Net and its twin: the same layers, but nothing is handed across. Both train on the drawn cells, alike. Then they see new drawn cells, and a real one: a cell in saline, a quantitative phase image computed from a hologram, from scikit-image. It stands out so clearly that a threshold (Otsu's) at full size gives the truth; we shrink it by 4, 5, 6 and 8, so that it has different sizes in pixels.


# %% tags=["band-skips"]
import skimage.data
from skimage.filters import threshold_otsu

from course_utils.segmentation.unet import UNet


def microscope_views():
    """A real cell at four sizes: pictures (1, 1, h, w) and truth (1, h, w)."""
    photo = skimage.data.cell()
    found = torch.from_numpy(photo > threshold_otsu(photo)).float()
    photo = torch.from_numpy(photo).float() / 255
    views = []
    for factor in (4, 5, 6, 8):
        small = F.avg_pool2d(photo[None, None], factor)
        share = F.avg_pool2d(found[None, None], factor)
        views.append((small, (share[:, 0] > 0.5).long()))
    return views


views = microscope_views()
skips_result, cell_nets = {}, {}
for skips, word in ((False, "twin"), (True, "unet")):
    seed_everything(SEED)
    net = UNet(1, 2, width=8, depth=3, padding="same", norm=True, skips=skips)
    learn_cells(net)
    cell_nets[word] = net
    drawn = both_scores(net, new_cells, new_true)
    real = torch.tensor([both_scores(net, *view) for view in views]).mean(0)
    for place, scores in (("drawn", drawn), ("real", real.tolist())):
        skips_result[f"{word} {place}"] = scores[0]
        skips_result[f"{word} {place} rim"] = scores[1]

# %%
SKIPS = "11b_unet.skips"
print("                      mean IoU   boundary IoU")
for place in ("drawn", "real"):
    for word in ("twin", "unet"):
        pair = [skips_result[f"{word} {place}{rim}"] for rim in ("", " rim")]
        print(f"{place} cells, {word}:    {pair[0]:.3f}      {pair[1]:.3f}")
        for rim, value, slack in (("", pair[0], 0.05), (" rim", pair[1], 0.12)):
            stored = band(SKIPS, f"{word} {place}{rim}")
            assert stored.contains(value, slack=slack)
    seeds = load_record(SKIPS)["metrics"]
    pairs = zip(seeds[f"unet {place} rim"], seeds[f"twin {place} rim"])
    gains = [a - b for a, b in pairs]
    wins = sum(gain > 0 for gain in gains)
    print(f"  boundary IoU, seed by seed: skips win {wins} of {len(gains)}")
    assert wins == len(gains)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six pictures with orange outlines: a drawn picture of touching cells and the real cell, each with the truth, the answer without skips and the U-Net's answer. Without skips the outlines are smoothed and flattened; the U-Net's follow the truth."}}
photo, photo_truth = views[1]
part = (slice(51, 99), slice(61, 109))
pictures, masks = [], []
for x, truth, cut in (
    (new_cells[2:3].clamp(0, 1), new_true[2:3], (slice(None), slice(None))),
    (photo, photo_truth, part),
):
    with torch.no_grad():
        guesses = [cell_nets[word](x).argmax(1) for word in ("twin", "unet")]
    pictures += [x[0, 0][cut]] * 3
    masks += [mask[0][cut] for mask in (truth, *guesses)]
names = ["truth", "no skips", "U-Net"] * 2
map_rows([pictures], [""], names, outlines=torch.stack(masks), zoom=3, cmap="gray")

# %% [markdown]
# In mean IoU the twin is not bad. At the border it is another network: on drawn cells the skips add more than 0.2. On the real cell, of a kind that neither has seen, they win at all five seeds too, sometimes by a hair: one round cell with a sharp edge is easy, and four views of it are a small test.

# %% [markdown]
# Two numbers say little about *how* a border is wrong. Here are the U-Net's own probabilities for a drawn cell picture.
#
# > **Predict.** Shift the mask by one pixel. Which score hardly notices, and which falls most? (In the figure, move the threshold and watch which scores move with it.)

# %%
with torch.no_grad():
    p_cell = cell_nets["unet"](new_cells[:1]).softmax(1)[0, 1]
MetricExplorer(
    scores=p_cell.numpy(),
    truth=new_true[0].numpy(),
    image=new_cells[0, 0].clamp(0, 1).numpy(),
    distance=1,
)

# %%
kept_mask = (p_cell[None] > 0.5).long()
moved = kept_mask.roll(1, dims=2)  # one pixel to the right
fall = {}
for word, score in {
    "pixel accuracy": lambda m: (m == new_true[:1]).float().mean().item(),
    "mean IoU": lambda m: mean_iou(confusion_matrix(m, new_true[:1], 2)),
    "boundary IoU": lambda m: mean_boundary_iou(m, new_true[:1], 2, distance=1),
}.items():
    before, after = score(kept_mask), score(moved)
    fall[word] = before - after
    print(f"{word:15s} {before:.2f}, one pixel to the right {after:.2f}")
assert fall["pixel accuracy"] < fall["mean IoU"] < fall["boundary IoU"]

# %% [markdown]
# Pixel accuracy sleeps, IoU stirs, boundary IoU jumps.
#
# ## Cluttered scenes
#
# Now the whole task: photographs as backgrounds, two to four textured shapes of ten classes in front of each other, and pieces of clutter that are no class at all.

# %% tags=["band-unet"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.data.synthetic import make_scenes

LOOK = {"rotation": 20, "scale": (0.25, 0.45)}
scenes = make_scenes(3000, 64, seed=1, difficulty="medium", **LOOK)
new_scenes = make_scenes(300, 64, seed=2, difficulty="medium", **LOOK)
K = 1 + len(scenes.classes)


def centred_scenes(images):
    return (images.float() / 255 - 0.5) * 4


# %% mystnb={"image": {"alt": "Two rows of seven pictures of 64 pixels. Upper row: textured shapes before pieces of photographs, partly hidden by each other and by bits of clutter. Lower row: the truth, each shape in the colour of its class."}}
seven = [new_scenes.images[:7], paint_labels(new_scenes.semantic[:7])]
sheet = map_rows(seven, ["scene", "truth"])
sheet.colors = 128
sheet

# %% [markdown]
# A U-Net of 64 x 64 pixels spends most of its time at the top of the U, where maps are large and know little. We save there, and without throwing a pixel away: **fold** each square of $2 \times 2$ pixels into channels,
#
# $$ x'_{(c, a, b),\, i,\, j} = x_{c,\; 2i + a,\; 2j + b} , \qquad a, b \in \{0, 1\} . \tag{11.40} $$
#
# Three channels become twelve, the sides are halved, and the U-Net runs on $32 \times 32$ places. (We begin there with 24 maps, where the U-Net at full size has 48: a part of the saving below comes from that.) At each it answers $4 \cdot 11$ numbers, which unfold into the scores of four pixels. Unlike pooling, folding can be undone: it changes *where* positions are written, from places to channels.

# %% tags=["band-unet"]
from course_utils.segmentation.unet import UNet


class FoldedUNet(nn.Module):
    """A U-Net on squares of 2 x 2 pixels: (N, 3, H, W) to (N, K, H, W)."""

    def __init__(self, num_classes, width=24, depth=2):
        super().__init__()
        usual = {"padding": "same", "norm": True}
        self.net = UNet(12, 4 * num_classes, width, depth, **usual)

    def forward(self, x):  # both sides even
        return F.pixel_shuffle(self.net(F.pixel_unshuffle(x, 2)), 2)


# %% tags=["nbval-check-output"]
x = centred_scenes(new_scenes.images[:2])
folded = F.pixel_unshuffle(x, 2)
assert torch.equal(F.pixel_shuffle(folded, 2), x)  # nothing is lost
assert torch.equal(folded[:, 6], x[:, 1, 1::2, 0::2])  # c = 1, a = 1, b = 0
print("folded:", tuple(x.shape[1:]), "to", tuple(folded.shape[1:]))
for name, net in {
    "at full size": UNet(3, K, 24, 3, padding="same", norm=True),
    "folded": FoldedUNet(K),
}.items():
    account = summarise(net, (3, 64, 64))
    memory = kept_bytes(net, x.clone()) / 2
    print(
        f"U-Net {name:13s} {account.multiply_adds / 1e6:5.0f} million"
        f" multiply-adds, {memory / 1e6:4.1f} MB kept a picture"
    )

# %% [markdown]
# The loss is cross-entropy *plus* Dice. More than four fifths of all pixels are background; cross-entropy alone spends its first hundreds of steps on the answer "background everywhere", which is a plateau. [Dice](../book/glossary.md#dice-score) counts every class alike, and there this answer is worth little. `fit` chooses how to compute (`speed="auto"`: half precision and a better layout of memory, if your processor has them).
#
# This is the one long cell of the chapter, for a network that is trained until it works. Because of it the chapter may take more than a minute.
#
# > **Predict.** 1,875 steps with eight scenes each. Mean IoU over the eleven classes? Which are harder, large or thin shapes?


# %% tags=["band-unet"]
from course_utils.runtime import seed_everything
from course_utils.segmentation.boundary import mean_boundary_iou
from course_utils.segmentation.losses import dice_loss
from course_utils.segmentation.metrics import class_iou, confusion_matrix, mean_iou
from course_utils.training import fit


class MirroredScenes:
    """Batches of eight scenes in random order, every other one mirrored."""

    def __init__(self, images, target, seed, batch_size=8):
        self.images, self.target, self.size = images, target, batch_size
        self.draw = torch.Generator().manual_seed(seed)

    def __len__(self):
        return len(self.images) // self.size

    def __iter__(self):
        order = torch.randperm(len(self.images), generator=self.draw)
        for i in order[: len(self) * self.size].split(self.size):
            x, y = centred_scenes(self.images[i]), self.target[i]
            if torch.rand((), generator=self.draw) < 0.5:
                x, y = x.flip(3), y.flip(2)
            yield x, y


def entropy_and_dice(z, y):
    return F.cross_entropy(z, y) + dice_loss(z.float(), y)


def label_scenes(net, images):
    with torch.no_grad():
        parts = [net(centred_scenes(part)).argmax(1) for part in images.split(50)]
    return torch.cat(parts)


# %% tags=["band-unet"]
seed_everything(SEED)
unet = FoldedUNet(K)
learn_from = MirroredScenes(scenes.images, scenes.semantic, SEED)
history = fit(
    unet, learn_from, epochs=5, lr=0.008, optimizer="adamw",
    schedule="one_cycle", loss=entropy_and_dice, speed="auto", progress=False,
)  # fmt: skip
unet = unet.float().eval()
answer = label_scenes(unet, new_scenes.images)
table = confusion_matrix(answer, new_scenes.semantic, K)
unet_result = {
    "iou": mean_iou(table),
    "rim": mean_boundary_iou(answer, new_scenes.semantic, K, distance=1),
}

# %%
print("loss:", *(f"{value:.2f}" for value in history.train_loss))
print(f"mean IoU {unet_result['iou']:.3f}, boundary IoU {unet_result['rim']:.3f}")
by_class = dict(zip(("background", *scenes.classes), class_iou(table).tolist()))
ranked = sorted(by_class, key=by_class.get)
print("hardest:", ", ".join(f"{k} {by_class[k]:.2f}" for k in ranked[:3]))
print("easiest:", ", ".join(f"{k} {by_class[k]:.2f}" for k in ranked[-3:]))
UNET = "11b_unet.unet"
print(f"{band(UNET, 'iou').count} seeds: median {band(UNET, 'iou').median:.3f}")
assert band(UNET, "iou").contains(unet_result["iou"], slack=0.05)
assert band(UNET, "iou").median >= 0.8

# %% mystnb={"image": {"alt": "Three rows of seven pictures: cluttered scenes, the truth, and the U-Net's answers. Most shapes have the right colour and outline; a few hidden ones have patches of a wrong class."}}
sheet = map_rows([*seven, paint_labels(answer[:7])], ["scene", "truth", "U-Net"])
sheet.colors = 128
sheet

# %% [markdown]
# Four fifths of the union, averaged over eleven classes, on scenes that it never saw. Thin is not the same as hard: look at where the ring stands. Look at the mistakes: shapes of which little is to be seen, two names in one shape, points and tips. The boundary IoU is lower, as always. What made it possible in this budget? Folding, Dice, half precision, and scenes that are kind in one way: shapes are turned by at most 20 degrees. With `rotation=180` and `scale=(0.2, 0.4)`, the library's "medium", shapes turn freely and are smaller: a good deal harder. Try it.
#
# ## Checked claims
#
# | claim of the lectures | verdict | where and why |
# |---|---|---|
# | [C270](#c270) Dilations 1, 2, 4: receptive fields 3, 7, 15 | true | measured by the gradient; 31 with one more |
# | [C271](#c271) The field grows exponentially, the parameters linearly | true | $2^{n+1}-1$ against $9n$ |
# | [C272](#c272) Dilation for pooling: same field, no loss of resolution | true | values equal on every eighth row and column, for strided convolution and for max pooling |
# | [C273](#c273) Yu and Koltun remove the pooling | imprecise | the last two of five; the map stays at 1/8 |
# | [C274](#c274) Repeated dilation can alias | true | rate 2: 3 of 5, 5 of 9, 7 of 13 pixels seen |
# | [C275](#c275) Resolution costs 4 times the activations per halving left out | true | counted and measured, exactly 4 behind the halving |
# | [C276](#c276) The dilated network is simpler and more accurate than the FCN | external | VOC; their table says so; in miniature see *at scale* |
#
# ## Pitfalls
#
# **Softmax over the wrong axis.** Logits have shape (N, K, H, W), and `dim=-1` is an old habit. No error:

# %%
with torch.no_grad():
    z = unet(centred_scenes(new_scenes.images[:50]))
truth = new_scenes.semantic[:50]
for dim, word in ((1, "over classes"), (-1, "over columns")):
    p = z.softmax(dim)
    whole = mean_iou(confusion_matrix(p.argmax(1), truth, K))
    total = p[0, :, 30, 30].sum()
    print(f"softmax {word}: one pixel's sum {total:.3f}, mean IoU {whole:.2f}")
    wrong = whole
assert wrong < unet_result["iou"] - 0.1

# %% [markdown]
# Each probability is now compared with the *same class in other columns*. Check one pixel's sum, once, in every project.
#
# **Cropped from the wrong end.** A network without padding answers for the middle of the tile. Cut the truth for it from the corner, and even a perfect network looks bad, and learns to shift its labels:

# %%
from course_utils.segmentation.any_size import crop_centre, crop_end

perfect = new_true[:, None]
inner = 40  # a valid network that eats 4 pixels on each side
for word, crop in (("centre", crop_centre), ("corner", crop_end)):
    target = crop(perfect, (inner, inner))[:, 0]
    answer_there = crop_centre(perfect, (inner, inner))[:, 0]
    rim = mean_boundary_iou(answer_there, target, 2, distance=1)
    print(f"truth from the {word}: boundary IoU of a perfect answer {rim:.2f}")
assert rim < 0.5

# %% [markdown]
# The same happens inside the U when a skip is cropped from the wrong end: the border in $d$ and the border in $u$ lie apart, in the paper's network by 4 pixels of the map at the lowest skip and by 88 at the highest.
#
# **Windows left narrow.** Take a network, remove a pooling, and forget to dilate what follows. Shapes fit, nothing complains:

# %%
seed_everything(SEED)
trained = three_halvings("max pooling")
right = dilated_twin(trained, output_stride=4)
forgotten = nn.Sequential(*trained[:8], nn.MaxPool2d(2, stride=1), trained[9])
with torch.no_grad():
    wanted = trained(new_cells[:4])
    for word, net in (("dilated", right), ("forgotten", forgotten)):
        out = net(new_cells[:4])[:, :, ::2, ::2][:, :, :6, :6]
        off = (out - wanted[:, :, : out.shape[2], : out.shape[3]]).abs().max()
        print(f"{word}: {tuple(out.shape[2:])}, largest error {off:.4f}")
assert off > 1e-3

# %% [markdown]
# **Checkerboards.** The U-Net's own upsampling, $2 \times 2$ with stride 2, has no overlaps, but four phases with four separate kernels. On a flat map they disagree until they have learned not to. Choose `kernel_size` 3 in the figure: now the stamps overlap unevenly.

# %%
UpsamplingExplorer(kernel_size=2, stride=2, weights="random", values="constant")

# %% tags=["nbval-check-output"]
from course_utils.scratch.convolution_kinds.transposed import phase_spread
from course_utils.segmentation.unet import double

seed_everything(SEED)
flat = torch.ones(1, 16, 8, 8)
spreads = {}
for how in ("transposed", "bilinear"):
    with torch.no_grad():
        up = double(16, 8, how)(flat)
    spreads[how] = float(phase_spread(up.numpy(), 2))
    print(f"{how:11s} phases differ: {spreads[how] > 1e-6}")
assert spreads["transposed"] > 0.01
assert spreads["bilinear"] < 1e-6

# %% [markdown]
# If grids appear in your labels, interpolate first and convolve after: `upsampling="bilinear"`.
#
# **Averages over absent classes.** Take mean IoU picture by picture. Most of the ten shapes are not in it. Who counts an absent class as 0, and who as 1, gets another number from the same answers:

# %%
each = {"left out": [], "as 0": [], "as 1": []}
for guess, target in zip(answer, new_scenes.semantic):
    iou = class_iou(confusion_matrix(guess, target, K))
    each["left out"].append(iou.nanmean())
    each["as 0"].append(iou.nan_to_num(0).mean())
    each["as 1"].append(iou.nan_to_num(1).mean())
means = {word: torch.stack(v).mean().item() for word, v in each.items()}
print(f"one table for all pictures: {unet_result['iou']:.2f}")
for word, value in means.items():
    print(f"mean over pictures, absent classes {word}: {value:.2f}")
assert means["as 0"] < unet_result["iou"] < means["as 1"]

# %% [markdown]
# ## Exercises
#
# **1. One line.** You want labels for 500 x 500 pixels from the paper's U-Net in one piece. How many pixels of surroundings does it need on each side?
#
# <details><summary>Hint</summary>
#
# `valid_input_size`, and half the difference.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
side = valid_input_size(500)
print(f"input {side}, output {valid_output_size(side)}")
print(f"{(side - valid_output_size(side)) // 2} pixels on each side")
assert valid_output_size(side) >= 500
assert (side - valid_output_size(side)) // 2 == (12 * 2**4 - 8) // 2 == 92

# %% [markdown]
# **2. Ten minutes.** Four layers of $3 \times 3$, rates from 1 to 9, first rate 1. Find the rates with the widest field that leave no hole.
#
# <details><summary>Hint</summary>
#
# `support((1, a, b, c)).all()` for all triples. Each rate can be at most the field of the layers before it.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from itertools import product

whole = [(1, *r) for r in product(range(1, 10), repeat=3) if support((1, *r)).all()]
best = max(whole, key=lambda r: fields_of(r)[-1])
print(best, "field", fields_of(best)[-1], "without a bound: 1, 3, 9, 27, field 81")
assert support((1, 3, 9, 27)).all()
assert fields_of((1, 3, 9, 27))[-1] == 81
assert not support((1, 3, 9, 28)).all()

# %% [markdown]
# **3. Ten minutes.** Pool a picture, unpool it to the winners, pool again. What comes out? Is it the same with the bed of nails? For which pictures does pooling and *un*pooling give the picture back?
#
# <details><summary>Hint</summary>
#
# Think of negative values: what stands in the other three places?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
bright = new_cells[:1].clamp(min=0.01)
for word, x in (("positive", bright), ("negative", -bright)):
    v, w = F.max_pool2d(x, 2, return_indices=True)
    ups = (unpool_by_winners(v, w, (48, 48)), unpool_bed_of_nails(v))
    again = [F.max_pool2d(up, 2) for up in ups]
    print(word, [torch.equal(a, v) for a in again])
# Below zero, the zeros win the second pooling. After a ReLU that cannot happen.
# The picture itself comes back if each window holds at most one value that is not 0, and that one is positive.
sparse_map = unpool_by_winners(v.abs(), w, (48, 48))
v, w = F.max_pool2d(sparse_map, 2, return_indices=True)
assert torch.equal(unpool_by_winners(v, w, (48, 48)), sparse_map)

# %% [markdown]
# **4. A quarter of an hour.** Remove *one* pooling of a network with three, the first or the last. By how much do the maps kept for the way back grow in each case? Predict first.
#
# <details><summary>Hint</summary>
#
# `dilated_twin(net, output_stride=4)` removes the last. To remove the first, set its stride to 1 in a `deepcopy`, and give every later window, of convolutions and of poolings, dilation 2 (and the convolutions padding 2); the later strides stay.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from copy import deepcopy

start = three_halvings("max pooling")
counted = {"none removed": kept_bytes(start, one)}
counted["last removed"] = kept_bytes(dilated_twin(start, 4), one)
first = deepcopy(start)
first[2].stride = 1
for layer in first[3:]:  # every later window takes steps twice as long
    if isinstance(layer, nn.Conv2d):
        layer.dilation = layer.padding = (2, 2)
    elif isinstance(layer, nn.MaxPool2d):
        layer.dilation = 2
with torch.no_grad():
    assert torch.allclose(first(one)[:, :, ::2, ::2], start(one), atol=1e-6)
counted["first removed"] = kept_bytes(first, one)
for word, count in counted.items():
    print(f"{word:14s} {count / 1e3:6,.0f} kB")
print("an early pooling has more layers behind it, on larger maps")
assert counted["first removed"] > counted["last removed"] > counted["none removed"]

# %% [markdown]
# **5. Half an hour.** Train the folded U-Net's idea on cells: fold by 2, and a U-Net with `depth=2` behind it. Compare boundary IoU and multiply-adds with the chapter's U-Net, at equal steps. Is folding free?
#
# <details><summary>Hint</summary>
#
# `UNet(4, 8, width, depth=2, ...)` between `F.pixel_unshuffle` and `F.pixel_shuffle`.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class FoldedCells(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = UNet(4, 8, 12, 2, padding="same", norm=True)

    def forward(self, x):
        return F.pixel_shuffle(self.net(F.pixel_unshuffle(x, 2)), 2)


seed_everything(SEED)
folded_cells = FoldedCells()
learn_cells(folded_cells)
costs = []
for word, net in (("U-Net", cell_nets["unet"]), ("folded", folded_cells)):
    work = summarise(net, (1, 48, 48)).multiply_adds / 1e6
    rim = both_scores(net, new_cells, new_true)[1]
    print(f"{word:7s} {work:5.1f} million multiply-adds, boundary IoU {rim:.2f}")
    costs.append(work)
assert costs[1] < costs[0] / 2

# %% [markdown]
# **6. An evening.** The paper labels pictures of any size tile by tile, and mirrors at the border. Build a U-Net without padding, train it on cells (its truth is the *centre* of the picture), label the real cell in tiles with `predict_tiles`, and show that tiles and one pass agree.
#
# <details><summary>Hint</summary>
#
# `UNet(1, 2, 8, 2)` takes sides that `valid_output_size(side, 2)` accepts. `crop_centre` cuts the truth. `predict_tiles` says when a tile does not fit.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.segmentation.unet import mirror, predict_tiles

seed_everything(SEED)
valid = UNet(1, 2, 8, 2, norm=True).eval()  # train it as in learn_cells
picture = views[1][0]
in_tiles = predict_tiles(valid, picture, tile=76)
height, width = picture.shape[2:]
around = (76 - valid_output_size(76, 2)) // 2
side = max(valid_input_size(n, 2) for n in (height, width))
grown = mirror(picture, around, (side - height - around, side - width - around))
with torch.no_grad():
    at_once = valid(grown)[:, :, :height, :width]
print("tiles and one pass agree:", torch.allclose(in_tiles, at_once, atol=1e-4))
assert torch.allclose(in_tiles, at_once, atol=1e-4)

# %% [markdown]
# ## At scale
#
# <span id="c276"></span>All methods of these two chapters, on cluttered scenes like those above (48 pixels, shapes a little larger for their picture), all with one loss, one number of steps and one rate, and widths chosen so that the ways down are alike. The rim of the boundary IoU is two pixels wide here, so compare it within this table only. One lecture says of dilated networks: "simpler and more accurate than FCN". On VOC 2012's test set, [Yu and Koltun (2016)](../book/references.md#yu-koltun-2016) report a mean IoU of 67.6 % for their front end, and 62.2 % for the FCN-8s of Long et al.; we cannot repeat either here. (Mind the names: their FCN-8s adds two finer maps. With our three halvings that is FCN-2s; the FCN-8s in the table adds none.) What we can do is compare both ideas in miniature, at equal training. The command is `python -m tools.record_dense`.
#
# > **Predict.** Which method has the best borders? Which keeps most in memory? Where does the dilated network stand?

# %% tags=["hide-input"]
DENSE = "11b_unet.methods"
dense_record = load_record(DENSE)
setting = dense_record["setting"]
compared = dense_record["methods"]
seeds = min(band(DENSE, f"{m} iou").count for m in compared)
print(f"{setting['train']} scenes of {setting['size']} pixels, {setting['epochs']} epochs, medians of seeds: {seeds}")
print(f"{'method':22s}  IoU   rim  rim/  thousand  ms an   MB")
print(f"{'':22s}             IoU   weights  image  kept")
for m in compared:
    iou, rim, ms = (band(DENSE, f"{m} {k}").median for k in ("iou", "rim", "ms"))
    cost = dense_record["costs"][m]
    print(
        f"{m:22s} {iou:.2f}  {rim:.2f}  {rim / iou:.2f}"
        f" {cost['parameters'] / 1e3:9.0f}"
        f" {ms:6.1f} {cost['memory'] / 1e6:5.1f}"
    )
made = dense_record["provenance"]
print(f"{made['processor']}, {made['date']}, commit {made['commit']}")
scored = {k: torch.tensor(v[:seeds]) for k, v in dense_record["metrics"].items()}
assert (scored["FCN-2s rim"] > scored["FCN-8s rim"]).all()
assert (scored["U-Net rim"] > scored["U-Net without skips rim"]).all()
assert (scored["patches 17 x 17 iou"] < scored["FCN-8s iou"]).all()
per_iou = {m: scored[f"{m} rim"] / scored[f"{m} iou"] for m in compared}
assert (per_iou["U-Net"] > per_iou["FCN-8s"]).all()
kept_by = {m: dense_record["costs"][m]["memory"] for m in compared}
assert max(kept_by, key=kept_by.get) == "dilated + context"

# %% tags=["hide-input"] mystnb={"image": {"alt": "Nine methods from patches of 17 pixels to the U-Net, each with a bar and dot for mean IoU and one for boundary IoU over the recorded seeds. Boundary IoU always lies below; the gap is widest for FCN-8s and narrow for the U-Net."}}
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for k, m in enumerate(compared):
    at = -k
    for name, color, mark, shift in (("iou", "blue", "o", 0.12), ("rim", "vermillion", "s", -0.12)):
        b = band(DENSE, f"{m} {name}")
        axes.plot([b.minimum, b.maximum], [at + shift] * 2, color=COLORS[color], lw=3, alpha=0.5)
        label = {"iou": "mean IoU", "rim": "boundary IoU"}[name] if k == 0 else None
        axes.plot(b.median, at + shift, mark, color=COLORS[color], ms=6, label=label)
axes.set_yticks([-k for k in range(len(compared))], compared)
axes.set_xlabel("score on new scenes; bars from lowest to highest seed")
axes.set_xlim(0, 1)
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# Read it with care: 800 steps are few, and every network here is still learning. Two abilities are mixed in these numbers.
#
# - *Names.* Mean IoU is led by who learns ten names fastest from nothing: networks that look like a classifier with a short way up. Patches of $17 \times 17$ pixels see too little to name anything. The U-Net, with the longest way up, is not done; above, a wider, folded one with twice the scenes and steps passed 0.8.
# - *Borders.* The highest boundary IoU has FCN-2s, not the U-Net: a rim with the wrong name counts as wrong, and FCN-2s has most names right. To see the borders alone, divide boundary IoU by IoU: what is left of a shape's score at its rim? Little for FCN-8s, whose cells are eight pixels wide, more with each finer map, most where fine features are handed across.
#
# Without its skips the U-Net has learned far less in this time: skips are also a short way for the gradient. And the claim? **In this miniature the dilated network is not more accurate than the FCN**, and it keeps three times the memory. That is no evidence against the paper: theirs began with ImageNet, and trained its context module when the front end was done. It is a reminder that "simpler" is about the drawing of a network, not about its bill.
#
# ## Summary
#
# - Three poolings map 64 positions to one. A label map needs them back.
# - An hourglass learns positions into channels. It reaches the picture's size, whatever it is.
# - Unpooling puts maxima back where they were; it is the gradient of max pooling. A transposed convolution paints instead.
# - A removed stride becomes a dilation of all that follows: same weights, same values, same field, more places between. Rates 1, 2, 4 give fields 3, 7, 15.
# - Equal rates $r$ split a picture into $r^2$ that never meet. Start with 1, and let no rate outgrow the field before it.
# - Each halving left out costs four times the memory and work behind it.
# - A U-Net hands fine features across and lets the way up mix them with weights of their own. It pays at the border.
# - Folding moves pixels into channels and loses none.
#
# ## Further reading
#
# - [Ronneberger et al. (2015)](../book/references.md#ronneberger-2015): eight pages; figure 1 is the U.
# - [Noh et al. (2015)](../book/references.md#noh-2015) and [Badrinarayanan et al. (2017)](../book/references.md#badrinarayanan-2017): unpooling, twice.
# - [Yu and Koltun (2016)](../book/references.md#yu-koltun-2016): context by dilation; [Wang et al. (2018)](../book/references.md#wang-2018): the holes, and how to close them.
# - [Odena et al. (2016)](../book/references.md#odena-2016): checkerboards.
#
# ## The next question
#
# Even the best network here decides each pixel for itself: nothing in the loss says that neighbours who look alike should agree. [The next chapter](11c_crf.ipynb) writes that down as an energy, and finds the map that minimises it.
