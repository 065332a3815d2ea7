# %% [markdown]
# # Search and tags
#
# "More like this one." "All pictures with a star in them." Two requests, one vector, and numbers that say how well they were answered. At the end you read and write the files in which a generation of such data sets was kept.
#
# **You will be able to**
#
# - search pictures by similarity with one matrix product, and say what "similar" means in it;
# - score a search: precision at $k$, average precision, mean average precision;
# - tell when raw pixels or a colour histogram do as well as a network;
# - tag pictures with several words at once, and choose where to cut;
# - read and write the PASCAL VOC format without losing a pixel.
#
# **You need** [features of a trained network](09_transfer.ipynb) and the [cross-entropy](02b_losses.ipynb) of one sigmoid.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from course_utils import plotting
from course_utils.plotting import COLORS
from course_utils.plotting.generalisation import picture_strips
from course_utils.plotting.optimisation import band_rows
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import AugmentationExplorer, DigitReader

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## More like this one
#
# A search by similarity has a *gallery* of pictures and a *query*, one more picture. It turns all of them into vectors and answers with the pictures of the gallery whose vectors lie nearest. Everything depends on which vectors. Begin with the simplest: the pixels themselves. The gallery is the 1,297 [digits](00_start.ipynb) of the training set, the queries are the 500 of the test set.

# %% tags=["band-digits"]
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.scratch.retrieval.neighbours import nearest
from course_utils.scratch.retrieval.precision import precision_at
from course_utils.training import fit
from course_utils.training.transfer import collect_features

gallery, queries = data.load("digits", "train"), data.load("digits", "test")


def as_pixels(pictures):
    return pictures.images.flatten(1).float() / 255


# %% mystnb={"image": {"alt": "Four rows of digits of 8 by 8 pixels: a query and the five pictures of the gallery nearest to it by pixels. In the first row all show the digit of the query, in the others some show another one."}}
found = nearest(as_pixels(queries), as_pixels(gallery), 5)
not_right = gallery.labels[found] != queries.labels[:, None]
shown = [0, *not_right.any(1).nonzero()[:3, 0].tolist()]


def strip(pictures, i, answers):
    """A query, and the pictures of a gallery that answer it."""
    return torch.cat([pictures.images[i : i + 1], answers])


strips = {
    f"a {int(queries.labels[i])} (no. {i})": strip(
        queries, i, gallery.images[found[i]]
    )
    for i in shown
}  # fmt: skip
picture_strips(strips, size=0.62)

# %% [markdown]
# "Near" was the cosine of the angle between two vectors,
#
# $$ \cos(u, v) = \frac{u^\top v}{\lVert u \rVert\, \lVert v \rVert} , \tag{9.41} $$
#
# which does not care how long they are: a digit written with twice the ink is the same digit. For vectors of length one it gives the same order as the distance, because
#
# $$ \lVert u - v \rVert^2 = 2 - 2\cos(u, v) . \tag{9.42} $$
#
# And it is one matrix product: all queries times all of the gallery.

# %% tags=["nbval-check-output"]
from course_utils.scratch.retrieval.neighbours import (
    closeness,
    nearest_by_loops,
)

u, v = (as_pixels(part)[:40].double() for part in (queries, gallery))
u, v = F.normalize(u), F.normalize(v)
assert torch.allclose((u[:, None] - v).square().sum(2), 2 - 2 * closeness(u, v))
assert torch.equal(nearest(u, v, 5), nearest_by_loops(u, v, 5))
assert torch.equal(nearest(u, v, 5), nearest(u, v, 5, "euclidean"))
work = len(queries) * len(gallery) * 64 / 1e6
print(f"{len(queries)} x {len(gallery):,} comparisons:")
print(f"{work:.1f} million multiply-adds")

# %% [markdown]
# ## How good is an answer?
#
# The user looks at the first page. So count there. Of the first $k$ answers, which share is right?
#
# $$ P@k = \frac1k \sum_{r=1}^{k} \mathbb{1}[\,\text{answer } r \text{ is relevant}\,] , \tag{9.43} $$
#
# averaged over the queries. Relevant means here: the same digit.
#
# > **Predict.** Precision at 5 of raw pixels on these digits: 70 %, 85 % or 95 %? And if each query is moved by one pixel?

# %%
raw_score = precision_at(found, queries.labels, gallery.labels, 5)
draw = torch.Generator().manual_seed(SEED)
moved = data.random_shift(1)(queries.images.float() / 255, draw)
moved_found = nearest(moved.flatten(1), as_pixels(gallery), 5)
moved_score = precision_at(moved_found, queries.labels, gallery.labels, 5)
print(f"raw pixels: {raw_score:.1%}")
print(f"queries moved by up to one pixel: {moved_score:.1%}")
assert moved_score < raw_score - 0.1

# %% [markdown]
# Small centred digits are the best case for pixels, and pixels are very good there. One pixel of shift, and they are not. Two digits can be the same without sharing a single pixel.
#
# Now the vectors of a network. Train a small one to read digits, with shifts, then throw its head away. The 32 numbers below the head, taken before their ReLU cuts half of them off, are the [embedding](../book/glossary.md#embedding):


# %% tags=["band-digits"]
from course_utils.models.conv_norm import ConvNormAct


def reading_net(num_classes, seed):
    torch.manual_seed(seed)
    parts = OrderedDict()
    parts["stage1"] = nn.Sequential(ConvNormAct(1, 16, 3), nn.MaxPool2d(2))
    parts["stage2"] = nn.Sequential(ConvNormAct(16, 32, 3), nn.MaxPool2d(2))
    parts["flat"] = nn.Flatten()
    parts["code"], parts["relu"] = nn.Linear(128, 32), nn.ReLU()
    parts["head"] = nn.Linear(32, num_classes)
    return nn.Sequential(parts)


# %% tags=["band-digits"]
def embed(net, pictures, below="relu"):
    """One vector a picture: what a layer of the network is given."""
    batches = data.Batches(pictures, 500, shuffle=False)
    return collect_features(net, batches, head=below)[0]


def digits_among(pictures, low, high):
    return pictures.subset((pictures.labels >= low) & (pictures.labels < high))


def learned_from(pictures, num_classes):
    net = reading_net(num_classes, SEED)
    shift = data.random_shift(1)
    batches = data.Batches(pictures, 64, augment=shift, seed=SEED)
    fit(net, batches, epochs=12, lr=1e-2, schedule="one_cycle", progress=False)
    return net


def score(way, asked, among):
    """Precision at 5 of the pictures that lie nearest in some vectors."""
    hits = nearest(way(asked), way(among), 5)
    return precision_at(hits, asked.labels, among.labels, 5)


reader = learned_from(gallery, 10)
draw = torch.Generator().manual_seed(SEED)
shifted = data.random_shift(1)(queries.images.float(), draw).to(torch.uint8)
moved_queries = data.ImageSet(
    shifted, queries.labels, queries.classes, "moved"
)  # fmt: skip
digits_result = {}
for name, asked in (("still", queries), ("moved", moved_queries)):
    digits_result[f"pixels_{name}"] = score(as_pixels, asked, gallery)
    read = score(lambda p: embed(reader, p), asked, gallery)
    digits_result[f"embedding_{name}"] = read

# %% [markdown]
# Fair enough, it has learned these ten digits. The harder question is that of [chapter 09](09_transfer.ipynb): does the space make sense for digits that the network has *never seen*? Train another one on 0 to 5 only, and search among 6 to 9. Take two of its layers: the 32 numbers just below the head, and the 128 that come out of the second stage.

# %% tags=["band-digits"]
half_reader = learned_from(digits_among(gallery, 0, 6), 6)
unseen = digits_among(moved_queries, 6, 10)
unseen_gallery = digits_among(gallery, 6, 10)
for kind, way in {
    "pixels": as_pixels,
    "embedding": lambda p: embed(half_reader, p),
    "earlier": lambda p: embed(half_reader, p, below="code"),
}.items():
    digits_result[f"{kind}_unseen"] = score(way, unseen, unseen_gallery)

# %% [markdown]
# > **Predict.** Three searches: digits as they are, digits moved, unseen digits moved. Where does the embedding beat the pixels, and where not? For the unseen digits, four of them and so 25 % by chance: the later layer or the earlier one?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Seven rows of seed bands of precision at 5. Still queries: pixels and embedding both high, the embedding a little higher. Moved queries: the embedding stays high, pixels fall far. Unseen digits, moved: pixels and embedding near each other, the earlier layer far above both."}}
rec = "09b_search.digits"
rows = {}
for case in ("still", "moved", "unseen"):
    for kind in ("pixels", "embedding"):
        rows[f"{case}: {kind}"] = f"{kind}_{case}"
rows["unseen: earlier layer"] = "earlier_unseen"
figure, axes = plt.subplots(figsize=(7, 3.0), layout="constrained")
band_rows(
    axes,
    {k: band(rec, v) for k, v in rows.items()},
    {k: digits_result[v] for k, v in rows.items()},
)
axes.set_xlabel("precision at 5")
plt.show()

# %%
for label, metric in rows.items():
    print(f"{label:21s} {band(rec, metric)}")
    assert band(rec, metric).contains(digits_result[metric], slack=0.05), metric
middle = {metric: band(rec, metric).median for metric in rows.values()}
assert middle["embedding_still"] > middle["pixels_still"]
assert band(rec, "embedding_moved").minimum > band(rec, "pixels_moved").maximum
assert middle["earlier_unseen"] > middle["pixels_unseen"] + 0.05
assert middle["earlier_unseen"] > middle["embedding_unseen"] + 0.05

# %% [markdown]
# Where the pictures are still, the embedding wins by a little; there was little to win. Where they move, it wins by nearly everything. And for digits it has never seen, the last layer is no better a guide than pixels: it was made to tell 0 to 5 apart, and has dropped what only a 7 needs. The layer before it still has it. That is [cutting](09_transfer.ipynb#which-layers-travel) once more: late layers serve their own task, earlier ones travel.
#
# Draw your own query. (On the site the reader below recognises your digit; in Jupyter run the cell after it, and the gallery answers.)

# %%
query_pad = DigitReader()
query_pad

# %% mystnb={"image": {"alt": "One row: the digit drawn on the pad, made 8 by 8 pixels, and the eight pictures of the gallery nearest to it in the embedding."}}
drawn = torch.as_tensor(query_pad.pixels).float()[None, None]
drawn = drawn[:, :, 4:24, 4:24]  # the frame that the pad centres in
small = F.adaptive_avg_pool2d(drawn, 8)
small = (255 * small / small.max().clamp_min(1e-6)).round().to(torch.uint8)
query = data.ImageSet(small, torch.tensor([0]), queries.classes, "drawn")
answers = nearest(embed(reader, query), embed(reader, gallery), 8)[0]
print("answers:", gallery.labels[answers].tolist())
strips = {"yours": strip(query, 0, gallery.images[answers])}
picture_strips(strips, size=0.62)

# %% [markdown]
# ## Photos, and an honest rival
#
# Twenty-odd real photos come with the course. Cut two dozen small patches out of each, at random places and in random sizes; two patches belong together if they come from the same photo. Which changes must such a search be blind to? Look at what one picture can become:

# %%
AugmentationExplorer(picture="cat", recipe="photos")

# %% [markdown]
# A network learns to tell *twelve* of the photos apart from patches, and is then asked about patches of the *others*, which it has never seen. Three rivals: raw pixels; a histogram of colours, which is five lines of code; and the same network untrained. All queries come from another part of the photo than the gallery: left half against right half.

# %% tags=["band-photos"]
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.models.conv_norm import ConvNormAct
from course_utils.scratch.retrieval.neighbours import nearest
from course_utils.scratch.retrieval.patches import (
    colour_histogram,
    cut_at_random,
)
from course_utils.scratch.retrieval.precision import precision_at
from course_utils.training import fit
from course_utils.training.transfer import collect_features

STUDIED = (
    "astronaut", "brick", "camera", "coffee", "coins", "flower", "grass",
    "motorcycle_left", "page", "rocket", "text", "tissue",
)  # fmt: skip
OTHERS = (
    "cat", "cell", "china", "clock", "gravel", "horse", "hubble", "moon",
    "retina",
)  # fmt: skip


def patches_of(names, each, side, seed):
    """24 x 24 pixels from the left half (0), right half (1) or all (None)."""
    draw = torch.Generator().manual_seed(seed)
    cut = [
        cut_at_random(data.photo(name, 160), each, 24, draw, side)
        for name in names
    ]  # fmt: skip
    labels = torch.arange(len(names)).repeat_interleave(each)
    return data.ImageSet(torch.cat(cut), labels, names, "patches")


# %% tags=["band-photos"]
def patch_net(seed):
    torch.manual_seed(seed)
    parts = OrderedDict()
    for number, (c_in, c_out) in enumerate(((3, 12), (12, 24), (24, 48)), 1):
        conv = ConvNormAct(c_in, c_out, 3)
        parts[f"stage{number}"] = nn.Sequential(conv, nn.MaxPool2d(2))
    parts["mean"], parts["flat"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    parts["head"] = nn.Linear(48, len(STUDIED))
    return nn.Sequential(parts)


def patch_vectors(net, pictures):
    return collect_features(net, data.Batches(pictures, 500, shuffle=False))[0]


# %% tags=["band-photos"]
studied = patches_of(STUDIED, 80, None, 4 * SEED)
patch_gallery = patches_of(OTHERS, 24, 0, 4 * SEED + 1)
patch_queries = patches_of(OTHERS, 24, 1, 4 * SEED + 2)
photo_net = patch_net(SEED)
fit(
    photo_net,
    data.Batches(studied, 64, seed=SEED),
    epochs=10,
    lr=1e-2,
    schedule="one_cycle",
    progress=False,
)
ways = {
    "pixels": lambda p: p.images.flatten(1).float() - 127.5,
    "colours": lambda p: colour_histogram(p.images).sqrt(),
    "untrained": lambda p: patch_vectors(patch_net(SEED), p),
    "embedding": lambda p: patch_vectors(photo_net, p),
}
photos_result = {
    name: precision_at(
        nearest(way(patch_queries), way(patch_gallery), 5),
        patch_queries.labels,
        patch_gallery.labels,
        5,
    )
    for name, way in ways.items()
}

# %% [markdown]
# > **Predict.** Nine photos, so chance is one in nine. Put the four in order.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Rows of colour patches: for four queries the patch and its five nearest patches in the embedding, a cat's eye finds cat, a patch of the palace's sky finds other smooth grounds, gravel finds gravel, stars find stars."}}
near = nearest(
    patch_vectors(photo_net, patch_queries),
    patch_vectors(photo_net, patch_gallery),
    5,
)
strips = {}
for i in (0, 50, 100, 150):
    name = OTHERS[int(patch_queries.labels[i])]
    strips[name] = strip(patch_queries, i, patch_gallery.images[near[i]])
picture_strips(strips, size=0.62)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of seed bands of precision at 5 among patches of nine unseen photos: pixels lowest by far, the untrained network and the colour histogram in the middle, the embedding on top."}}
rec = "09b_search.photos"
figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
band_rows(axes, {k: band(rec, k) for k in ways}, photos_result)
axes.axvline(1 / len(OTHERS), color=COLORS["gray"], linestyle=":")
axes.set_xlabel("precision at 5")
plt.show()

# %%
for name in ways:
    print(f"{name:10s} {band(rec, name)}")
    assert band(rec, name).contains(photos_result[name], slack=0.05), name
best = band(rec, "embedding").median
for name in ("pixels", "colours", "untrained"):
    gain = 100 * (best - band(rec, name).median)
    print(f"embedding against {name}: {gain:+.1f} points")
runs = load_record(rec)["metrics"]
for name in ("pixels", "colours", "untrained"):  # seed by seed
    assert all(a > b for a, b in zip(runs["embedding"], runs[name]))

# %% [markdown]
# The network wins, on photos that it has never seen. Now look at its rivals. The same network *untrained*, random filters and a mean over places, already describes texture and colour for nothing; five lines of histogram do as well or a little better. Had you compared with pixels alone, you would have credited the training with all of it. Run the simple rivals first.

# %% [markdown]
# ## Words for pictures
#
# Search by example needs an example. Mostly people type a word. So put words, *tags*, on all pictures beforehand. A picture may deserve several: this is [multi-label](../book/glossary.md#multi-label-classification) classification, and one change to the head makes it so. In place of one softmax over $T$ classes, which must share out one unit of probability, take $T$ sigmoids that know nothing of each other:
#
# $$ L = -\frac1T \sum_{t=1}^{T} \big[\, y_t \ln \sigma(s_t) + (1 - y_t) \ln(1 - \sigma(s_t)) \,\big] . \tag{9.44} $$

# %% tags=["band-tags"]
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_utils import data
from course_utils.models.conv_norm import ConvNormAct
from course_utils.scratch.retrieval.precision import mean_average_precision
from course_utils.training import fit


def tagged_scenes(n, seed):
    """Scenes of one to three shapes, and which of the ten each one shows."""
    how = {"objects": (1, 3), "scale": (0.36, 0.5), "overlap": 0.1}
    scenes = data.synthetic.make_scenes(n, 28, seed, "easy", **how)
    count = len(scenes.classes)
    tags = torch.zeros(n, count + 1, dtype=torch.bool)
    tags.scatter_(1, scenes.labels.where(scenes.labels >= 0, count), True)
    return scenes.images, tags[:, :-1], scenes.classes


album, album_tags, tag_names = tagged_scenes(2400, 2 * SEED)
held_out, held_tags, _ = tagged_scenes(800, 2 * SEED + 1)

# %% mystnb={"image": {"alt": "Twelve scenes of 28 by 28 pixels with one to three coloured shapes each, circles, stars, arrows and others, on smooth grounds."}}
plotting.image_grid(album[:12], columns=12, size=0.55)

# %% tags=["nbval-check-output"]
for i in (0, 5, 7, 10):
    true = [n for n, t in zip(tag_names, album_tags[i].tolist()) if t]
    print(f"picture {i}:", ", ".join(true))
share = album_tags.float().mean()
print(f"a tag is true for {share:.0%} of the pictures,")
print(f"so 'no' to everything is right in {1 - share:.0%} of the answers")

# %% [markdown]
# The last line is a warning: accuracy is useless here. Before scoring, decide how to look at the whole picture. "Is there a star *anywhere*?" is a maximum over places, so the last maps are pooled by their maximum, not by their mean.


# %% tags=["band-tags"]
def tagger(num_tags, seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        ConvNormAct(3, 12, 3),
        nn.MaxPool2d(2),
        ConvNormAct(12, 24, 3),
        nn.MaxPool2d(2),
        ConvNormAct(24, 48, 3),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(48, num_tags),
    )


def scores_of(net, images):
    net.eval()
    with torch.no_grad():
        parts = (images.float() / 255 - 0.5).split(400)
        return torch.cat([net(part) for part in parts])


def learn_tags(net):
    pairs = TensorDataset(album.float() / 255 - 0.5, album_tags.float())
    order = torch.Generator().manual_seed(SEED)
    batches = DataLoader(pairs, 64, shuffle=True, generator=order)
    fit(
        net,
        batches,
        epochs=8,
        lr=1e-2,
        schedule="one_cycle",
        loss=F.binary_cross_entropy_with_logits,
        progress=False,
    )
    return net


tag_net = learn_tags(tagger(10, SEED))
tag_scores = scores_of(tag_net, held_out)
tags_result = {"map": mean_average_precision(tag_scores, held_tags)}

# %% tags=["nbval-check-output"]
s, y = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 1.0])
by_formula = -(y * s.sigmoid().log() + (1 - y) * (1 - s.sigmoid()).log()).mean()
assert torch.isclose(by_formula, F.binary_cross_entropy_with_logits(s, y))
print(f"formula and library: {by_formula:.4f}")

# %% [markdown]
# ## Average precision
#
# One tag ranks all held-out pictures, from the most to the least "star". Walk down the ranking. At each place $r$ you have a precision $P(r)$, the share of stars so far, and a [recall](../book/glossary.md#precision-and-recall), the share of all stars that you have met. [Average precision](../book/glossary.md#average-precision) is the mean of the precision at the places where a star is met,
#
# $$ \mathrm{AP} = \frac{1}{R} \sum_{r\,:\,\text{star at } r} P(r) , \tag{9.45} $$
#
# with $R$ stars in all: the area under precision over recall, in steps. It needs no threshold. The mean over all tags is **mean average precision**,
#
# $$ \mathrm{mAP} = \frac1T \sum_{t=1}^{T} \mathrm{AP}_t . \tag{9.46} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.retrieval.precision import (
    average_precision,
    eleven_point_precision,
    precision_recall,
)

ranking = torch.tensor([True, False, True, True, False])  # at places 1 to 5
places = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])
print(f"(1/1 + 2/3 + 3/4) / 3 = {(1 / 1 + 2 / 3 + 3 / 4) / 3:.4f}")
print(f"average_precision       {average_precision(places, ranking):.4f}")

# %% [markdown]
# > **Predict.** What is the AP of a ranking that is pure chance, if a tag is true for 17 % of the pictures?

# %%
draw = torch.Generator().manual_seed(SEED)
blind = torch.rand(held_tags.shape, generator=draw)
chance = mean_average_precision(blind, held_tags)
print(f"by chance {chance:.2f}; the network {tags_result['map']:.3f}")
print(f"other seeds: {band('09b_search.tags', 'map')}")
for t, name in enumerate(tag_names):
    ap = average_precision(tag_scores[:, t], held_tags[:, t])
    common = held_tags[:, t].float().mean()
    print(f"  {name:9s} AP {ap:.3f}, true for {common:.0%}")
assert abs(chance - held_tags.float().mean()) < 0.03
assert band("09b_search.tags", "map").contains(tags_result["map"], slack=0.05)
assert band("09b_search.tags", "map").minimum > 0.8

# %% [markdown]
# Chance gives the share of the right ones: wherever you stop, that is the precision of a blind ranking. How do the rankings of the best tag, a middling one and the worst look on the way down?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Precision over recall for three tags of the held-out scenes. All curves start near one at small recall and fall towards the share of pictures that carry the tag at recall one; the weakest tag falls first."}}
figure, axes = plt.subplots(figsize=(6, 2.9), layout="constrained")
pairs = list(zip(tag_scores.T, held_tags.T))
per_tag = torch.tensor([average_precision(s, y) for s, y in pairs])
ranked_tags = per_tag.argsort().tolist()
for number, t in enumerate((ranked_tags[-1], ranked_tags[5], ranked_tags[0])):
    precision, recall, _ = precision_recall(*pairs[t])
    axes.plot(
        recall,
        precision,
        color=plotting.CYCLE[number],
        label=f"{tag_names[t]}, AP {per_tag[t]:.2f}",
    )
axes.set(
    xlabel="recall: share of the right pictures found",
    ylabel="precision",
    ylim=(0, 1.03),
)
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# A search page shows the top of the ranking. A tag *printed* under a picture needs a decision: a threshold for each tag, chosen on pictures that did not train the network, where precision is what you promised.
#
# > **Predict.** You promise 90 % and choose the lowest threshold that keeps the promise on 400 pictures. Does the promise hold on 400 others?

# %%
tuning, final = slice(0, 400), slice(400, None)
kept = []
print("tag        threshold  precision  recall   (on the other 400 pictures)")
for t in ranked_tags:
    precision, _, thresholds = precision_recall(
        tag_scores[tuning, t], held_tags[tuning, t]
    )  # fmt: skip
    cut = thresholds[precision >= 0.9][-1]  # the lowest that keeps 90 %
    said, true = tag_scores[final, t] >= cut, held_tags[final, t]
    print(
        f"{tag_names[t]:10s} {cut.sigmoid():9.2f}"
        f" {(said & true).sum() / said.sum():10.0%}"
        f" {(said & true).sum() / true.sum():7.0%}"
    )
    kept.append(bool((said & true).sum() / said.sum() >= 0.9))
print(f"promise kept for {sum(kept)} of {len(kept)} tags")

# %% [markdown]
# Not for every tag. A threshold that only just keeps a promise on some pictures will break it on others often enough. Promise less than you measured.
#
# And now a search that nobody trained: "crescent **and** ring". The product of the two probabilities is that of both, if the tags are independent, as in these scenes they nearly are.

# %% mystnb={"image": {"alt": "The eight held-out scenes with the highest score for crescent and ring together, each with yes or no above it for whether it shows both."}}
asked = [tag_names.index("crescent"), tag_names.index("ring")]
both = tag_scores[:, asked].sigmoid().prod(1)
best = both.argsort(descending=True)[:8]
shows_both = held_tags[best][:, asked].all(1)
titles = ["yes" if shows else "no" for shows in shows_both]
plotting.image_grid(held_out[best], titles=titles, columns=8, size=0.8)

# %% [markdown]
# ## The format of a generation: PASCAL VOC
#
# From 2005 to 2012 the PASCAL Visual Object Classes challenge was where recognition was measured ([Everingham et al., 2010](../book/references.md#everingham-2010)). The set of 2007 has 9,963 photos with 24,640 objects of 20 classes. Its format has outlived it: many labelling tools still write it. One XML file says what one picture holds:

# %%
from course_utils.data import voc

scenes = data.synthetic.make_scenes(24, 96, seed=5, difficulty="medium")


def described(i):
    seen = scenes.visibility[i]
    # What is hidden altogether is not annotated.
    labels = scenes.labels[i].masked_fill(seen == 0, -1)
    return voc.annotation_of(
        f"{i:06d}.jpg",
        scenes.images[i],
        scenes.boxes[i],
        labels,
        scenes.classes,
        difficult=seen < 0.3,
        truncated=seen < 0.85,
        folder="VOC2012",
    )


shown = next(i for i in range(24) if len(described(i).objects) == 2)
print(voc.render(described(shown)).expandtabs(2))

# %% tags=["hide-input"] mystnb={"image": {"alt": "One scene of 96 by 96 pixels with a rectangle around each annotated shape and its class name above the rectangle."}}
figure, axes = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
axes.imshow(scenes.images[shown].permute(1, 2, 0), extent=(0, 96, 96, 0))
for thing in described(shown).objects:
    x1, y1, x2, y2 = thing.box
    axes.add_patch(
        plt.Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor="white",
            linewidth=2,
        )
    )
    axes.text(
        x1,
        y1 - 1.5,
        thing.name,
        color="black",
        fontsize=8,
        bbox={"facecolor": "white", "pad": 1, "linewidth": 0},
    )
axes.axis("off")
plt.show()

# %% [markdown]
# Two flags matter. `difficult` objects are not counted, neither when found nor when missed. `truncated` means that the box holds less than the whole thing; whoever learns shapes from boxes should know.
#
# And one convention has cost more hours than any: **VOC counts pixels from 1, and a box names its last pixel, not the first one after it.** This course, and Python, count from 0 and stop before the end:
#
# $$ x_1 = x_{\min} - 1, \qquad x_2 = x_{\max}, \qquad \text{width} = x_{\max} - x_{\min} + 1 . \tag{9.47} $$
#
# > **Predict.** Read a box of 8 x 8 pixels as if VOC counted from 0 and stopped before the end. How much of it is left?

# %% tags=["nbval-check-output"]
text = """<annotation><filename>a.jpg</filename>
<size><width>20</width><height>20</height><depth>3</depth></size>
<object><name>cat</name>
<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>12</xmax><ymax>12</ymax></bndbox>
</object></annotation>"""
x1, y1, x2, y2 = voc.parse(text).objects[0].box
rightly, wrongly = (x2 - x1) * (y2 - y1), (12 - 5) * (12 - 5)
print(f"read rightly: {x2 - x1:g} x {y2 - y1:g} = {rightly:g} pixels")
print(f"read wrongly: {12 - 5} x {12 - 5} = {wrongly} pixels")
print(f"left: {wrongly / rightly:.0%}")
assert (x1, y1, x2, y2) == (4, 4, 12, 12)

# %% [markdown]
# A quarter of a small object is gone, and nothing complains. So test a reader by a round trip: write a whole set, read it back, compare everything; then let somebody else's reader look at the same files.

# %% tags=["nbval-check-output"]
with tempfile.TemporaryDirectory() as folder:
    written = [described(i) for i in range(len(scenes))]
    base = voc.write_set(
        Path(folder) / "VOCdevkit",
        scenes.images,
        written,
        "train",
        scenes.classes,
    )
    folders = [p for p in base.rglob("*") if p.is_dir()]
    print(*sorted(p.relative_to(folder).as_posix() for p in folders), sep="\n")
    lists = base / "ImageSets" / "Main"
    lines = (lists / "star_train.txt").read_text().splitlines()
    again = voc.read_set(base)
    from torchvision.datasets import VOCDetection

    theirs = VOCDetection(folder, year="2012", image_set="train")
    names = [o["name"] for o in theirs[0][1]["annotation"]["object"]]
print("read back and equal:", again == written)
print("torchvision finds:", ", ".join(names))
print("star_train.txt begins:", lines[:4])
assert again == written
assert names == [o.name for o in written[0].objects]

# %% [markdown]
# The lists in `ImageSets/Main` are tags: 1 yes, -1 no, 0 only as a difficult object. So VOC's classification task *is* photo tagging, and its score is average precision, which until 2009 was read off at eleven recalls only,
#
# $$ \mathrm{AP}_{11} = \frac{1}{11} \sum_{\rho \in \{0,\, 0.1,\, \dots,\, 1\}} \max_{\text{recall} \ge \rho} P . \tag{9.48} $$

# %%
by_steps = per_tag.mean()
by_eleven = sum(eleven_point_precision(s, y) for s, y in pairs) / 10
print(f"our tagger: mAP {by_steps:.3f}, eleven points {by_eleven:.3f}")
present = ", ".join(p.name for p in voc.find())
none = "none (put VOCdevkit there to read it)"
print("real sets in your data folder:", present or none)

# %% [markdown]
# Same ranking, two numbers. When you compare with a paper, ask which one it printed.
#
# ## Checked claims
#
# The lectures name two products, without a number: photo tagging (Google, 2013) and image search by similarity (Baidu, 2013). Both stand above in small, with a number each: [precision at 5](#how-good-is-an-answer) and [mean average precision](#average-precision). That the years and companies are right is reported, not checked here.
#
# ## Pitfalls
#
# **The query is in the gallery.** Search the gallery with its own pictures and the first answer is always right:

# %%
own = as_pixels(gallery)
two, truth = nearest(own, own, 2), gallery.labels
with_itself = precision_at(two[:, :1], truth, truth, 1)
without = precision_at(two[:, 1:], truth, truth, 1)
print(f"precision at 1 with the query in the gallery: {with_itself:.1%}")
print(f"without it: {without:.1%}")
assert with_itself == 1

# %% [markdown]
# Near duplicates do the same more quietly: two shots of one scene, or two crops of one picture.
#
# **Long vectors win.** With the plain inner product instead of the cosine, some pictures are near to *everything*:

# %%
codes = {"inner product": embed(reader, queries) @ embed(reader, gallery).T}
codes["cosine"] = closeness(embed(reader, queries), embed(reader, gallery))
popular = []
print("               the most popular    pictures that")
print("               answers             answer at all")
for name, scores in codes.items():
    answers = scores.topk(5).indices.flatten().bincount(minlength=1297)
    popular.append(int(answers.max()))
    ever = int((answers > 0).sum())
    print(f"{name:14s} {popular[-1]:3d} of 500 queries {ever:8d} of 1,297")
assert popular[0] > 2 * popular[1]

# %% [markdown]
# **Softmax for tags.** Read the same scores with a softmax, and two things in one picture have to share:

# %%
two = held_tags.sum(1) == 2
true = held_tags[two]
shared = tag_scores[two].softmax(1)[true].view(-1, 2).amin(1)
alone = tag_scores[two].sigmoid()[true].view(-1, 2).amin(1)
print("weaker of two true tags, median:")
print(f"softmax {shared.median():.2f}, sigmoid {alone.median():.2f}")
assert shared.max() <= 0.5

# %% [markdown]
# With softmax the weaker of two true tags can never pass one half: not by training, by arithmetic.
#
# ## Exercises
#
# **1. One line.** A search finds 3 right pictures among its first 5, and the gallery has 4 right ones in all. Precision at 5? Recall at 5?
#
# <details><summary>Hint</summary>
#
# Same numerator, two denominators.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
print("precision", 3 / 5, "recall", 3 / 4)

# %% [markdown]
# **2. Ten minutes.** What is the smallest AP that a ranking of $N$ pictures with $R$ right ones can have? Write the formula and check it for $N = 20$, $R = 3$.
#
# <details><summary>Hint</summary>
#
# All right ones at the end: the first stands at place $N - R + 1$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
worst = sum(i / (20 - 3 + i) for i in (1, 2, 3)) / 3
last_three = torch.arange(20) >= 17
assert abs(worst - average_precision(-torch.arange(20.0), last_three)) < 1e-12
print(f"sum over i = 1..R of i / (N - R + i), divided by R: {worst:.3f}")

# %% [markdown]
# **3. Half an hour.** A gallery of a billion vectors of 32 floats needs 128 GB. Keep one *bit* of each number: is it above the gallery's median? Search by counting equal bits. What does precision at 5 lose on the moved digits, and what do you save?
#
# <details><summary>Hint</summary>
#
# Map bits to $\pm 1$: the inner product of two such vectors counts equal bits minus unequal ones, so `nearest` works as it is. Mind that after the ReLU many numbers are exactly zero; take what comes *before* it: `head="relu"`, as `embed` does.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
level = embed(reader, gallery).median(0).values
for name, way in {
    "32 floats": lambda p: embed(reader, p),
    "32 bits": lambda p: (embed(reader, p) > level).float() * 2 - 1,
}.items():
    right = score(way, moved_queries, gallery)
    print(f"{name}: precision at 5 {right:.1%}")
print("32 times less memory: 4 GB in place of 128")

# %% [markdown]
# **4. Half an hour.** Replace the maximum over places in `tagger` by the mean. What happens to mAP, and for which number of objects?
#
# <details><summary>Hint</summary>
#
# Swap `AdaptiveMaxPool2d` for `AdaptiveAvgPool2d`, train as above; compute mAP for pictures with one, two, three tags apart.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
mean_net = tagger(10, SEED)
mean_net[5] = nn.AdaptiveAvgPool2d(1)
assert not any(isinstance(m, nn.AdaptiveMaxPool2d) for m in mean_net)
mean_scores = scores_of(learn_tags(mean_net), held_out)
for count in (1, 2, 3):
    of = held_tags.sum(1) == count
    by_mean = mean_average_precision(mean_scores[of], held_tags[of])
    by_max = mean_average_precision(tag_scores[of], held_tags[of])
    print(f"{count} tags: mean {by_mean:.2f}, maximum {by_max:.2f}")
    assert by_mean < by_max - 0.1
# The mean loses everywhere, most with one object: the many places without it
# drown the few with it. (Compare along a row; AP grows with the share of true
# tags, so down a column the numbers are not comparable.)

# %% [markdown]
# **5. An evening.** Photograph thirty things at home, three times each. Embed them with a network of your choice, search each with the others, and report precision at 2. Then write the set in VOC's format, with one box a picture, and open it in a labelling tool.
#
# <details><summary>Hint</summary>
#
# Any torchvision network with its weights will do; mind its preparation ([chapter 09](09_transfer.ipynb#pitfalls)). Each thing has two right answers, so a perfect search has $P@2 = 1$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# The scoring, on three made-up things with three vectors each: the query
# itself is struck out.
things = torch.arange(3).repeat_interleave(3)
noise = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
vectors = F.one_hot(things, 3).float() + 0.1 * noise
answers = nearest(vectors, vectors, 3)[:, 1:]
print(f"precision at 2: {precision_at(answers, things, things, 2):.2f}")

# %% [markdown]
# ## At scale
#
# MNIST: 10,000 training digits as gallery, 2,000 test digits as queries, five different galleries. The embedding is what the [digit reader](00_start.ipynb) of this course gives its last layer. The command is `python -m tools.record_search`, with `course data mnist` before it.

# %%
for case in ("pixels", "embedding", "pixels_moved", "embedding_moved"):
    print(f"{case:16s} precision at 5: {band('09b_search.mnist', case)}")
record = load_record("09b_search.mnist")
made = record["provenance"]
print(f"{made['processor']}, {made['date']}, commit {made['commit']}")
mnist = {case: band("09b_search.mnist", case) for case in record["metrics"]}
for case in ("", "_moved"):
    assert mnist[f"embedding{case}"].minimum > mnist[f"pixels{case}"].maximum

# %% [markdown]
# [Babenko et al. (2014)](../book/references.md#babenko-2014) did it with ImageNet's features and photos of landmarks: good at once, better after fine-tuning on landmarks, and hardly worse when 4,096 numbers were compressed to 128. For a billion pictures the one matrix product is too slow, and the search becomes approximate: cluster the gallery and look into the nearest clusters only, and store codes of some bytes instead of vectors ([Jégou et al., 2011](../book/references.md#jegou-2011)).
#
# ## Summary
#
# - Search is embedding plus nearest neighbours; on vectors of length one, cosine and distance give the same order.
# - Judge it by precision at $k$. Always run the simple rivals: pixels, colours, an untrained network.
# - An embedding is worth its price where pictures that mean the same do not share pixels.
# - Tags are sigmoids, one each. AP scores a ranking without a threshold; thresholds are chosen on other pictures.
# - VOC: one XML file a picture, pixels from 1, last pixel included. Test readers by round trips.
#
# ## Further reading
#
# - [Babenko et al. (2014)](../book/references.md#babenko-2014): features of classification networks for search.
# - [Jégou et al. (2011)](../book/references.md#jegou-2011): search among a billion vectors.
# - [Everingham et al. (2010)](../book/references.md#everingham-2010): how VOC was made and scored.
#
# ## The next question
#
# The tagger says *that* there is a star. VOC also says *where*, with a box. How does a network draw boxes?
