# %% [markdown]
# # What the network keeps
#
# So far you asked what a unit looks for, and what in a picture mattered. Now turn the question round: forget the picture, keep only what the network holds of it, and try to get the picture back. What returns was kept. What does not return was thrown away.
#
# **You will be able to**
#
# - let a network draw its best example of a class, by gradient ascent on the *picture*;
# - turn on and off what makes such [class images](../book/glossary.md#class-image) look real, and measure what each wish costs;
# - replace all wishes by a [prior](../book/glossary.md#prior) that was learned, and say what such a picture proves, and what not;
# - [invert](../book/glossary.md#inversion) a layer: find a picture that the layer cannot tell from the given one;
# - look up which places of other pictures a layer takes for this one, and rebuild pictures from them;
# - find out whether a network knows which part of one picture belongs to which part of another, and score it.
#
# **You need** gradients with respect to the input, from [What a unit looks for](08_visualization.ipynb), the difference between score and probability, from [What in this picture mattered](08b_saliency.ipynb), and Adam, from [chapter 04](04_training.ipynb).
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.data.synthetic import make_object_images
from course_utils.plotting import COLORS
from course_utils.plotting.saliency import map_rows
from course_utils.recipes.digit_reader import build_model, load_digit_reader
from course_utils.recipes.trained import trained
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import DigitReader, ReceptiveField

plotting.use_style()
SEED = 0
seed_everything(SEED)
torch.set_num_threads(1)


def in_colour(images):
    """Grey pictures (N, 1, H, W) with three equal channels, to draw."""
    few = (9 * images.clamp(0, 1)).round() / 9  # ten shades: a lighter page
    return few.expand(-1, 3, -1, -1)


# %% [markdown]
# ## Let the network draw a 3
#
# Here is a small network that reads digits. It was trained on the 60,000 digits of MNIST. Draw on the pad.
#
# > **Predict.** What is the *best* 3 in the eyes of this network, the one with the highest score of all pictures of 28 x 28 pixels? Try to draw it: watch the bar of the 3. Then write down what you expect the network itself to draw.

# %%
DigitReader()

# %% [markdown]
# You changed the picture and watched the answer. Gradient ascent does the same, with a derivative in place of a hand. In training we hold the pictures and change the weights so that the loss falls. Now we hold the *weights* and change the *picture* $x$ so that the [score](../book/glossary.md#score) $S_c$ of class $c$ rises ([Erhan et al., 2009](../book/references.md#erhan-2009); [Simonyan et al., 2013](../book/references.md#simonyan-2013)):
#
# $$ x^* = \arg\max_x \; S_c(x) - R(x) . \tag{8.61} $$
#
# $R$ is what a picture costs; for the moment it is 0. Let $g$ be the gradient of this difference with respect to the picture. We take step after step along it. So that one step size serves all networks, each step is divided by the size of the gradient, its [root mean square](../book/glossary.md#root-mean-square) over the $n$ pixels:
#
# $$ x' = x + \eta_t \, \frac{g}{\sqrt{\tfrac{1}{n} \lVert g \rVert^2}} , \qquad \eta_t = \eta \Bigl(1 - \tfrac{t}{T}\Bigr) . \tag{8.62} $$
#
# The steps shrink to nothing by the end, at $t = T$. After each step pixels below 0 or above 1 are put back to 0 or 1: ink has its limits. That is all:

# %%
reader = load_digit_reader()
weights_before = {k: v.clone() for k, v in reader.state_dict().items()}


def climb(model, c, steps=60, eta=0.1):
    draw = torch.Generator().manual_seed(SEED)
    x = (0.01 * torch.randn(1, 1, 28, 28, generator=draw)).clamp(0, 1)
    for t in range(steps):
        x.requires_grad_()
        (g,) = torch.autograd.grad(model(x)[0, c], x)
        with torch.no_grad():
            x = x + eta * (1 - t / steps) * g / g.square().mean().sqrt()
            x = x.clamp(0, 1)
    return x


three = climb(reader, 3)

# %% [markdown]
# From the second use on we take the library's version, which climbs for many pictures at once. It must give the same picture:

# %%
from course_utils.explain.class_image import class_image

same = class_image(reader, 3, (1, 28, 28), steps=60, lr=0.1, seed=SEED)
assert torch.allclose(same.images, three, atol=1e-3)
every = data.stand_in("mnist", "train"), data.stand_in("mnist", "test")
digits = torch.cat([part.images for part in every]).float() / 255
labels = torch.cat([part.labels for part in every])
with torch.no_grad():
    scores = reader(digits)
    best_real = scores.amax(0)
    sure = reader(three).softmax(1)[0, 3].item()
print(f"best score of a 3 among {len(digits):,} digits: {best_real[3]:.0f}")
print(f"score of the picture that climbed: {same.scores[0]:.0f}")
print(f"probability of a 3: {sure:.4f}")
after = reader.state_dict()
assert all(torch.equal(weights_before[name], after[name]) for name in after)
assert same.scores[0] > 1.5 * best_real[3]
assert sure > 0.9999

# %% [markdown]
# The score is more than half again as high as that of the best real digit, the network is certain, and no weight has moved by a bit. So what does it look like, the best 3 of all?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of ten small pictures. Above, for each class the digit with the highest score: clean white strokes on black. Below, the picture that climbed: white curved fragments fill the whole square, and no digit can be read with certainty."}}
ten = torch.arange(10)
climbed = class_image(reader, ten, (1, 28, 28), steps=60, seed=SEED)
assert (climbed.scores > best_real).all()
figure = map_rows(
    [in_colour(digits[scores.argmax(0)]), in_colour(climbed.images)],
    ["best of\nthe digits", "climbed"],
    [f"{a:.0f} / {b:.0f}" for a, b in zip(best_real, climbed.scores)],
    zoom=2,
)
figure

# %% [markdown]
# (Above each column: the score of the best digit, and of the picture that climbed.) You expected a beautiful 3, and you got a tangle. Look closely: there *are* pieces of digits, a stem here, a bow there, repeated wherever they add to the score. The network was asked for what it likes, not for a digit, and it was never told that digits have one line on empty paper. All its training digits had that in common, so it never had to know.
#
# This is the first lesson: **a high score is not a likeness**. [Warnings](08d_dreams.ipynb) takes this further.
#
# ## What a picture should be like
#
# The cost $R$ in (8.61) can say what we want of a picture. Four wishes, each from a paper, each a line or two.
#
# **Little ink** ([Simonyan et al., 2013](../book/references.md#simonyan-2013)). The mean square of the pixels, the [L2 penalty](../book/glossary.md#l1-and-l2-penalties) that you know from weights:
#
# $$ R_2(x) = \frac{\lambda_2}{n} \sum_i x_i^2 . \tag{8.63} $$
#
# **Calm neighbours** ([Mahendran and Vedaldi, 2015](../book/references.md#mahendran-vedaldi-2015)). The [total variation](../book/glossary.md#total-variation) sums how far each pixel is from its neighbour to the right and its neighbour below:
#
# $$ R_V(x) = \frac{\lambda_V}{n} \sum_{i,j} \bigl( (x_{i,j+1} - x_{i,j})^2 + (x_{i+1,j} - x_{i,j})^2 \bigr)^{\beta/2} . \tag{8.64} $$
#
# With $\beta = 1$ a sharp edge costs no more than a gentle slope of the same height, so edges may stay and speckles must go. (The paper sums where we take means, and also raises pixels to a higher power than 2; the idea is the same.)
#
# **Out of focus** ([Yosinski et al., 2015](../book/references.md#yosinski-2015)). Every few steps the picture is blurred with a Gaussian of width $\sigma$. What only a single pixel holds is gone before it can grow:
#
# $$ x' = G_\sigma * x , \qquad G_\sigma(u) \propto e^{-\lVert u \rVert^2 / 2\sigma^2} . \tag{8.65} $$
#
# **Never the same place** ([Mordvintsev et al., 2015](../book/references.md#mordvintsev-2015)). Before each step the network sees the picture moved by a few random pixels $u$, called [jitter](../book/glossary.md#jitter). What rises is then the mean score over the moves $T_u$; nothing may depend on the exact place:
#
# $$ S_c(x) \;\to\; \frac{1}{|U|} \sum_{u \in U} S_c(T_u x) . \tag{8.66} $$
#
# In code:

# %%
from course_utils.explain.regularisers import (
    gaussian_blur,
    roll,
    total_variation,
)

x = three.clone()
right = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
below = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
by_hand = (right**2 + below**2).sqrt().mean()
assert torch.allclose(total_variation(x)[0], by_hand, atol=1e-5)
real = total_variation(digits).mean().item()
print(f"total variation of the 3 that climbed: {by_hand:.2f}")
print(f"total variation of real digits: {real:.3f}")
blurred = total_variation(gaussian_blur(x, 0.7))[0]
print(f"after one blur of 0.7 pixels: {blurred:.2f}")
draw = torch.Generator().manual_seed(SEED)
moved = [reader(roll(x, 2, draw))[0, 3].item() for _ in range(50)]
print(f"score {same.scores[0]:.0f}, moved at random {np.mean(moved):.0f}")
assert np.mean(moved) < 0.8 * same.scores[0]

# %% [markdown]
# The last line is telling. Move the picture by a pixel or two, and much of its score is gone. It was made for one exact place.
#
# **A judge.** "Looks better" is no measurement. We need somebody who says what a picture shows and who has nothing to do with the network that made it: a second network, of another build (it sees the picture at half the resolution), trained on other digits (scikit-learn's, and digits drawn by rule). If a picture shows a 3 and not just whatever excites the reader, then the judge should say 3, too.

# %% tags=["band-prior", "band-record"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.data import Batches
from course_utils.explain.class_image import class_image, class_image_from_prior
from course_utils.explain.regularisers import Regularisers, total_variation
from course_utils.recipes.digit_reader import jitter, load_digit_reader
from course_utils.training import evaluate, fit


def train_judge(pictures, seed, epochs):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.AvgPool2d(2),
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 9, 10),
    )  # fmt: skip
    batches = Batches(pictures, 64, augment=jitter, seed=seed)
    fit(
        model, batches, epochs=epochs, lr=6e-3, schedule="one_cycle",
        progress=False,
    )  # fmt: skip
    return model.eval()


# %% tags=["band-prior"]
reader = load_digit_reader()
judge = train_judge(data.stand_in("mnist", "train"), SEED, epochs=4)
unseen = Batches(data.stand_in("mnist", "test"), 500, shuffle=False)
judge_right = evaluate(judge, unseen).accuracy

# %%
print(f"the judge reads {judge_right:.1%} of 500 digits that it has not seen")
assert judge_right > 0.93

# %% [markdown]
# Now each wish alone, and all four together. Two pictures for each class, from two random starts.
#
# > **Predict.** Which wish alone helps the judge most? What happens to the score when wishes are added?

# %% tags=["band-prior", "band-record"]
WISHES = {
    "nothing": Regularisers(),
    "L2": Regularisers(l2=100),
    "total variation": Regularisers(tv=100),
    "blur": Regularisers(blur=0.7),
    "jitter": Regularisers(jitter=2),
    "all four": Regularisers(l2=30, tv=40, blur=0.5, jitter=2),
}


def climb_for(model, targets, seed):
    """One set of pictures for each row of wishes."""
    made = {}
    for name, wishes in WISHES.items():
        made[name] = class_image(
            model, targets, (1, 28, 28), wishes, steps=60, seed=seed,
        )  # fmt: skip
    return made


def judged(by, images, targets):
    """Share of pictures in which the judge sees what was asked for."""
    with torch.no_grad():
        return (by(images).argmax(1) == targets).float().mean().item()


# %% tags=["band-prior"]
twenty = torch.arange(10).repeat(2)
drawn = climb_for(reader, twenty, SEED)

# %%
print("                  score   total variation   judge agrees")
table = {}
for name, made in drawn.items():
    score, tv = (
        made.scores.mean().item(),
        total_variation(made.images).mean().item(),
    )
    table[name] = score, tv, judged(judge, made.images, twenty)
    print(f"{name:16s} {score:6.0f} {tv:14.2f} {table[name][2]:14.0%}")
real_score = scores[torch.arange(len(labels)), labels].mean().item()
print(f"{'real digits':16s} {real_score:6.0f} {real:14.2f}")
for name in list(WISHES)[1:]:
    assert table["nothing"][0] > table[name][0]
    assert table["nothing"][1] > table[name][1]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six rows of ten pictures, one class a column. Without wishes: harsh white fragments on black. L2: thinner lines with speckles. Total variation: flat patches with clean edges. Blur: soft grey strokes. Jitter: bold connected curves, some of which read as 0, 2 or 6. All four: soft connected strokes."}}
figure = map_rows(
    [in_colour(made.images[:10]) for made in drawn.values()],
    list(drawn),
    [str(c) for c in range(10)],
    zoom=2,
)
figure

# %% [markdown]
# <span id="c250"></span>The [lectures](../book/claims.md) say that the quality of such pictures depends strongly on the regulariser, and that it is important to regularise for a realistic look. The look does: same network, same classes, same number of steps, and six different styles. Each wish lowers the total variation towards that of real digits, and each costs score. The network does *not* prefer the calmer pictures. You do.
#
# And the judge? Read the last column with care: 20 pictures, so one picture is 5 percent. The judge sees the right digit in about half of the tangles, far above the 10 percent of a guess: the taste of one network is in part the taste of another. Wishes change that by a few pictures either way, since this judge has grown up with other digits. (Over 20 seeds, in the next section, jitter alone helps most. Judges trained on the reader's *own* kind of digits, whom wishes convince far more, come at the end.)
#
# How strongly? Turn each dial in steps:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Score against total variation. Four curves start at the same point at the upper right, without wishes, and run to the lower left as L2, total variation or blur become stronger; the curve of jitter is the shortest. A star marks real digits at the far lower left."}}
DIALS = {
    "L2": [Regularisers(l2=s) for s in (30, 100, 300)],
    "total variation": [Regularisers(tv=s) for s in (30, 100, 200)],
    "blur": [Regularisers(blur=s) for s in (0.4, 0.6, 0.8)],
    "jitter": [Regularisers(jitter=s) for s in (1, 2, 3)],
}
half = torch.arange(0, 10, 2)
paths = {}
for name, settings in DIALS.items():
    paths[name] = []
    for setting in [None, *settings]:
        made = class_image(reader, half, (1, 28, 28), setting, steps=60)
        calmness = total_variation(made.images).mean().item()
        paths[name].append((calmness, made.scores.mean().item()))
figure, axes = plt.subplots(figsize=(7, 3.2))
for (name, path), marker in zip(paths.items(), "os^D"):
    axes.plot(*zip(*path), marker=marker, markersize=5, label=name)
axes.plot(
    [real],
    [real_score],
    "*",
    color=COLORS["ink"],
    markersize=12,
    label="real digits",
)
axes.set(xlabel="total variation", ylabel="score")
axes.set(xlim=(0, None), ylim=(0, None))
axes.set_title("Each dial turned up: calmer pictures, lower scores")
axes.legend(loc="upper left")
plt.show()

# %% tags=["nbval-check-output"]
for name, path in paths.items():
    falls = all(a[0] > b[0] for a, b in pairwise(path))
    print(f"{name}: total variation falls with each turn of the dial: {falls}")
    assert falls or name == "jitter"

# %% [markdown]
# None of the paths leads through the star. Wishes take away what real digits do not have; they do not put in what digits have. For that, somebody has to know digits.
#
# ## A prior that was learned
#
# [Nguyen et al. (2016)](../book/references.md#nguyen-2016) let a second network know what pictures look like. A [generator](../book/glossary.md#generator) $G$ turns a short list of numbers, a code $z$, into a picture. It was trained on real pictures, so whatever the code, something picture-like comes out. Now climb in the code:
#
# $$ z^* = \arg\max_z \; S_c\bigl(G(z)\bigr) - \lambda \, \overline{z^2} , \qquad x^* = G(z^*) . \tag{8.67} $$
#
# The gradient flows through the reader, back into the picture, and on through the generator to the code. Both networks keep their weights. (The bar is a mean. We set $\lambda = 0$ and keep each number of the code within $\pm 2$ instead, where the codes of real digits lie; the paper does both.) The paper's generator turns the 4,096 numbers of a layer of AlexNet into photographs, and was trained against an adversary. Ours has 16 numbers and is the second half of an [autoencoder](../book/glossary.md#autoencoder): one network squeezes a digit into 16 numbers, the other must draw the digit from them. A little noise on the code makes sure that codes in between mean something, too. It learns from 2,000 digits drawn by rule, *without labels*: it does not know what a 3 is.

# %% tags=["band-prior", "band-record"]
from course_utils.data.synthetic import make_digits


def train_prior(pictures, seed, epochs=20):
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 16),
        nn.BatchNorm1d(16, affine=False),  # codes of about size 1
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid(),
        nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    both = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(both, lr=3e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(pictures)).split(64):
            code = encoder(pictures[part])
            redrawn = decoder(code + 0.3 * torch.randn_like(code))
            loss = F.binary_cross_entropy(redrawn, pictures[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return decoder.eval()


# %% tags=["band-prior"]
rule_drawn = make_digits(2000, size=28, seed=SEED + 50)
prior = train_prior(rule_drawn.images.float() / 255, SEED)

# %% [markdown]
# > **Predict.** The code has 16 numbers, the picture 784. Will the score be higher or lower than before? What will the judge say? And if we put an *untrained* reader in front of the same generator: what will its "best 3" look like?

# %% tags=["band-prior"]
ASK = {"prior": prior, "code_size": 16, "limit": 2.0, "seed": SEED}
drawn["learned prior"] = class_image_from_prior(reader, twenty, **ASK)
agree = {}
for name, made in drawn.items():
    agree[name] = judged(judge, made.images, twenty)
prior_result = {f"judge, {name}": share for name, share in agree.items()}
for name in ("nothing", "all four", "learned prior"):
    prior_result[f"score, {name}"] = drawn[name].scores.mean().item()
prior_result["accuracy of the judge"] = judge_right

# %%
made = drawn["learned prior"]
variation = total_variation(made.images).mean()
print(f"score {made.scores.mean():.0f}, total variation {variation:.2f}")
with torch.no_grad():
    own = (reader(made.images).argmax(1) == twenty).float().mean()
both = f"{own:.0%}, the judge in {agree['learned prior']:.0%}"
print(f"the reader agrees in {both}")
torch.manual_seed(SEED)
untrained = build_model().eval()
empty = class_image_from_prior(untrained, twenty, **ASK)
by_luck = judged(judge, empty.images, twenty)
print(f"in front of an untrained reader, the judge agrees in {by_luck:.0%}")
print("20 seeds, median (minimum to maximum):")
for name in agree:
    expected = band("08c_inversion.prior", f"judge, {name}")
    print(f"  judge agrees, {name:15s}: {expected}")
    assert expected.contains(agree[name], slack=0.1)
middle = {k: band("08c_inversion.prior", f"judge, {k}").median for k in WISHES}
assert max(list(middle)[:-1], key=middle.get) == "jitter"
assert agree["learned prior"] > agree["all four"]
assert by_luck < 0.5

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of ten pictures. Above, from the learned prior and the trained reader: ten clean white digits, 0 to 9 in order. Below, the same prior with an untrained reader: strokes that look like digits, too, but not the ones that were asked for."}}
figure = map_rows(
    [in_colour(made.images[:10]), in_colour(empty.images[:10])],
    ["trained\nreader", "untrained\nreader"],
    [str(c) for c in range(10)],
    zoom=2,
)
figure

# %% [markdown]
# Above: real digits at last. Nobody told the generator what a 3 is, nobody told the reader what ink on paper looks like; together they draw it, and a judge who knows neither of them reads it. That is what makes it a result: *it convinces a network that had no part in it.*
#
# Below is the warning. An untrained reader knows nothing, and its "best" pictures still look like digits. **The look comes from the prior; only the choice comes from the network.** A picture from a learned prior shows which of the pictures *that the prior can draw* the network likes best. If the network had learned something ugly, such as a mark in the corner of every 3, this method would hide it, and the tangle of the first section would show it. The prettier the picture, the less it says about the network alone. Remember it when you see beautiful class images in a paper.
#
# ## Objects
#
# The same on pictures in colour. The network of [What a unit looks for](08_visualization.ipynb) tells ten kinds of things apart, on 64 x 64 pixels. Grey costs nothing here (`centre=0.5`), and pixels are brought to the network's range by `prepare`.

# %%
scenes = trained("scenes")
net, classes = scenes.model, scenes.classes
objects = make_object_images(200, 64, seed=86)
pictures = objects.images.float() / 255
with torch.no_grad():
    object_scores = net(scenes.prepare(pictures))
kinds = [classes.index(name) for name in ("car", "house", "bird", "face")]
calm = Regularisers(centre=0.5, l2=10, tv=20, blur=0.5, jitter=4)
raw, held = (
    class_image(
        net, kinds, (3, 64, 64), wishes, steps=40, prepare=scenes.prepare
    )
    for wishes in (Regularisers(centre=0.5), calm)
)  # fmt: skip
top = object_scores.amax(0)[kinds]
print("        best of 200   climbed   with wishes")
for c, best, free, tame in zip(kinds, top, raw.scores, held.scores):
    print(f"{classes[c]:6s} {best:12.1f} {free:9.1f} {tame:13.1f}")
assert (raw.scores > held.scores).all()
assert (held.scores > top).all()

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three rows of four pictures for car, house, bird and face. Above, the real picture with the highest score. Middle, climbed without wishes: harsh coloured noise with hints of parts. Below, with wishes: wheels for the car, rows of barred windows under red roofs for the house, rows of eyes for the face."}}
figure = map_rows(
    [pictures[object_scores.argmax(0)[kinds]], raw.images, held.images],
    ["best real", "no wishes", "wishes"],
    [classes[c] for c in kinds],
    zoom=2,
)
figure

# %% [markdown]
# Again every picture that climbed beats all real ones, even with the wishes. And again the wishes turn noise into something in which parts can be seen, again and again, all over the picture: wheels for the car, barred windows for the house, rows of eyes for the face. A network whose last step is the *mean* over all places has no reason to stop at two wheels.
#
# ## What is left of a picture
#
# Class images start from nothing. Now start from a picture. Take one picture $x_0$, run it to some layer, write down the activations $\Phi_0$, and throw the picture away. Then search a picture with the same activations ([Mahendran and Vedaldi, 2015](../book/references.md#mahendran-vedaldi-2015)):
#
# $$ x^* = \arg\min_x \; \frac{\lVert \Phi(x) - \Phi_0 \rVert^2}{\lVert \Phi_0 \rVert^2} + R_V(x) . \tag{8.68} $$
#
# The first term is 0 when the layer cannot tell the found picture from the lost one, and 1 for a picture that leaves the layer silent. The second is total variation again, strong enough to decide where the layer does not care and weak enough to give way where it does. If the found picture is the old one, the layer kept everything. If not, the difference is what the layer forgot; how much, says the root mean square over the $n$ pixels:
#
# $$ E(x^*) = \sqrt{\tfrac{1}{n} \lVert x^* - x_0 \rVert^2} . \tag{8.69} $$
#
# > **Predict.** Five places in the network: behind each of the four stages, and the ten scores at the very end. The picture has 12,288 numbers; stage 1 has twice as many, stage 3 little more than a third, stage 4 a seventh. From which can you still recognise the picture? What could ten scores keep of it?

# %%
from course_utils.explain.hooks import features
from course_utils.explain.inversion import invert

LAYERS = ("stage1", "stage2", "stage3", "stage4", "head")
named = object_scores.argmax(1) == objects.labels
wanted = ("house", "bus")
chosen = []
for kind in wanted:
    members = named & (objects.labels == classes.index(kind))
    chosen.append(int(members.nonzero()[0, 0]))
lost = pictures[chosen]
twice = torch.cat([lost, lost])  # two searches each, from different noise
how = {"steps": 100, "lr": 0.06, "prepare": scenes.prepare}
smooth = Regularisers(tv=3)
found = {name: invert(net, name, twice, smooth, **how) for name in LAYERS}

# %%
kept = features(net, scenes.prepare(lost), LAYERS)
flat = lost.mean((1, 2, 3), keepdim=True).expand_as(lost)
seen_flat = features(net, scenes.prepare(flat), LAYERS)


def apart(a, b):
    """Root mean square difference of pictures, one number each."""
    return (a - b).square().mean((1, 2, 3)).sqrt()


print("                  error of    worst of four    pixels   two searches")
print("          numbers a flat one     searches       error     differ by")
for name, result in found.items():
    away = (seen_flat[name] - kept[name]).square().flatten(1).sum(1)
    away = (away / kept[name].square().flatten(1).sum(1)).mean()
    worst, pixel = result.feature_error.max(), result.pixel_error.mean()
    two = apart(result.images[:2], result.images[2:]).mean()
    line = f"{away:10.2f} {worst:13.3f} {pixel:13.3f} {two:12.3f}"
    print(f"{name:8s} {kept[name][0].numel():8,d} {line}")
    assert worst < 0.1 < away
grey = apart(lost, flat).mean().item()
print(f"pixels, a flat picture: {grey:.3f}")
others = apart(pictures[:100], pictures[100:]).median()
print(f"pixels, any other picture: {others:.3f}")
errors = [found[name].pixel_error.mean().item() for name in LAYERS]
assert errors == sorted(errors)
assert errors[1] < grey < errors[2]
assert errors[3] < others

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two rows of six pictures: a house and a bus, each followed by what was found from stages 1 to 4 and from the ten scores. Stage 1 is nearly the picture. Stage 2 has lost the colours of the ground. Stages 3 and 4 show windows, roof and wheels at their places before plain gray. From the ten scores windows and wheels come back all over the picture."}}
rows = [[lost[i], *[found[k].images[i] for k in LAYERS]] for i in range(2)]
figure = map_rows(
    [torch.stack(row) for row in rows],
    [""] * 2,
    ["lost", *LAYERS],
    zoom=2,
)
figure

# %% [markdown]
# The activations are met within a few percent, in every one of the searches: *the layer takes these pictures for the lost one*. The error of the pixels grows with depth, all the same. And the last column says it in another way: two searches from different noise end in different pictures, further apart the deeper the layer. Both are "right". The pictures in such a crowd differ in what the network ignores, and where it ignores everything, total variation leaves plain gray.
#
# Compare with the last two lines, too. From stage 3 on, a flat gray picture is *nearer* to the lost one, pixel by pixel, than what the search finds. But no layer would take it for the lost one: see the first column of errors. Pixels and activations measure two different things, and the network cares for one of them only.
#
# Look at the order in which things go. Stage 2 has lost the colour of the ground. Stages 3 and 4 keep windows, roof and wheels, each more or less at its place. The ten scores keep windows and wheels, and no longer *where*: behind the mean over all places, a window counts wherever it is. What survives longest is what tells the classes apart.
#
# So forgetting is not an accident at the end of the network; it happens stage by stage. It is also the point of a network: whoever must call ten thousand different birds "bird" has to forget most of each.
#
# ### Did it *learn* to forget?
#
# Pooling alone forgets. How much of this comes from the weights? The same search in a network of the same build with random weights:

# %%
from course_utils.recipes import scenes as recipe

torch.manual_seed(SEED)
blank = recipe.build_model().eval()
more = {}
for layer in ("stage2", "stage4"):
    there = invert(blank, layer, lost, smooth, **how).pixel_error.mean()
    here = found[layer].pixel_error.mean()
    print(f"{layer}: pixels {there:.3f} untrained, {here:.3f} trained")
    more[layer] = (here - there).item()
assert more["stage2"] > 0.03
assert more["stage4"] > -0.01

# %% [markdown]
# From stage 2 the untrained network gives back clearly *more*, from stage 4 no less. So part of the forgetting was learned, and early. Others found the same with larger networks: random weights can be inverted at least as well as trained ones ([He, Wang and Hopcroft, 2016](../book/references.md#he-2016c)). A good inversion is no proof of good features: **what can be inverted was kept, not understood.**
#
# ## The nearest places
#
# There is a way to the same question without any gradient ([Long et al., 2014](../book/references.md#long-2014)). Take what all channels of a layer say at *one* place of your picture, a vector $a$. Go through all places of all other pictures, with vectors $b$, and find those most alike:
#
# $$ s(a, b) = \frac{\langle a, b \rangle}{\lVert a \rVert \, \lVert b \rVert} . \tag{8.70} $$
#
# The patches around the $k$ best places $P_1, \dots, P_k$ are what this layer takes for yours. Their mean shows what they share:
#
# $$ \bar P = \frac{1}{k} \sum_{i=1}^{k} P_i . \tag{8.71} $$
#
# How large should a patch be? As large as what the unit sees, or as the middle of it. Find out what a unit of stage 3 sees (the figure has its layers; 48 input pixels are drawn):

# %%
same3, halve = (
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 2, "stride": 2, "kind": "pool"},
)
first = {"kernel_size": 7, "padding": 3}
layers = [first, halve, same3, same3, halve, same3, same3, halve]
stack = ReceptiveField(layers, size=48)
assert stack.table[-1]["field"] == 38
stack

# %% [markdown]
# 38 pixels across: more than half of the picture's side. [Long et al.](../book/references.md#long-2014) ask just this: do features with such large fields still know *where*? We cut 20 pixels around the middle, and see.
#
# > **Predict.** The query is the middle of a wheel. What will the nearest places in 160 other pictures show, by the activations of stage 3? And by those of an untrained network?

# %%
from course_utils.explain.nearest import (
    cut_patches,
    nearest_activations,
    rebuild,
)

ours, library = slice(0, 40), slice(40, 200)
GRID = {"stage1": 32, "stage2": 16, "stage3": 8, "stage4": 4}
maps = features(net, scenes.prepare(pictures), list(GRID))
parts = objects.parts
names = ("background", *objects.part_names)


def part_at(number, rows, columns, grid):
    """Which part the pixel in the middle of a unit shows."""
    step = 64 // grid
    return parts[number, rows * step + step // 2, columns * step + step // 2]


def ask_places(layer, wanted_parts, limit=12):
    """Places of our 40 pictures in whose middle one of these parts is."""
    grid = GRID[layer]
    line = torch.arange(grid)
    number, row, column = torch.cartesian_prod(torch.arange(40), line, line).T
    shown = part_at(number, row, column, grid)
    chosen = []
    for name in wanted_parts:
        places = (shown == names.index(name)).nonzero()[:, 0]
        chosen.append(places[:: max(1, len(places) // limit)][:limit])
    chosen = torch.cat(chosen)
    return number[chosen], row[chosen], column[chosen]


queries = ask_places("stage3", ("wheel", "window", "wing", "eye"), limit=1)
number, row, column = queries
vectors = maps["stage3"][number, :, row, column]
near = nearest_activations(vectors, maps["stage3"][library], k=20)
query = cut_patches(pictures, number, row, column, (8, 8), 20)
places = near.images, near.rows, near.columns
close = cut_patches(pictures[library], *places, (8, 8), 20)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four rows of patches around a wheel, a window, a wing and an eye: first the query, then the six nearest by stage 3, then the mean of the twenty nearest, which is a blurred patch of the same kind."}}
means = close.mean(1, keepdim=True)
rows = zip(query[:, None], close[:, :6], means)
figure = map_rows(
    [torch.cat(row) for row in rows],
    [names[int(p)] for p in part_at(number, row, column, 8)],
    ["query", *[f"{i}." for i in range(1, 7)], "mean"],
    zoom=3,
)
figure

# %% [markdown]
# The mean is a blurred version of the query. Blurred, because the twenty differ in what the layer does not keep. A version of the query, because they agree in what it keeps. Put numbers to both words, over many queries: the correlation of the mean patch with the query, against the mean of twenty *random* patches; its total variation against that of the query; and how many of the nearest places show the same part.


# %%
ASKED = ("wheel", "window", "wing", "eye", "leg", "door")


def scored(model_maps, layer):
    grid, known = GRID[layer], model_maps[layer]
    number, row, column = ask_places(layer, ASKED)
    vectors = known[number, :, row, column]
    near = nearest_activations(vectors, known[library], k=20)
    query = cut_patches(pictures, number, row, column, (grid, grid), 20)
    draw = torch.Generator().manual_seed(SEED)
    shape = near.images.shape
    sides = 160, grid, grid
    chance = [torch.randint(0, n, shape, generator=draw) for n in sides]
    result = {}
    for name, (image, r, c) in {
        "nearest": (near.images, near.rows, near.columns),
        "random": tuple(chance),
    }.items():
        cut = cut_patches(pictures[library], image, r, c, (grid, grid), 20)
        mean = cut.mean(1)
        a, b = (t.flatten(1) for t in (mean, query))
        a, b = (t - t.mean(1, keepdim=True) for t in (a, b))
        result[f"correlation, {name}"] = F.cosine_similarity(a, b).mean().item()
        asked = part_at(number, row, column, grid)[:, None]
        hits = part_at(image + 40, r, c, grid) == asked
        result[f"same part, {name}"] = hits.float().mean().item()
        left = total_variation(mean) / total_variation(query)
        result[f"variation, {name}"] = left.mean().item()
    return result


blank_maps = features(blank, scenes.prepare(pictures), list(GRID))
places = {layer: scored(maps, layer) for layer in ("stage2", "stage3")}
places["stage3, untrained"] = scored(blank_maps, "stage3")
print("                     correlation   same part    variation left")
for name, values in places.items():
    line = [f"{values[f'{k}, nearest']:.2f} ({values[f'{k}, random']:.2f})"
            for k in ("correlation", "same part", "variation")]  # fmt: skip
    print(f"{name:18s} {line[0]:>13s} {line[1]:>13s} {line[2]:>13s}")
print("in brackets: twenty random patches")
for values in places.values():
    assert values["correlation, nearest"] > values["correlation, random"]
    assert values["variation, nearest"] < 0.8
best, naive = places["stage3"], places["stage3, untrained"]
assert best["same part, nearest"] > 2 * best["same part, random"]
assert naive["correlation, nearest"] > best["correlation, nearest"]
assert naive["same part, nearest"] < 0.5 * best["same part, nearest"]

# %% [markdown]
# Read the last line as the answer to the prediction. What the untrained stage finds *looks* more like the query, and seldom shows the same part: it goes by colour and light. The trained stage finds wheels of any colour.
#
# Go one step further and replace *every* cell of a picture by the mean of its nearest cells in the library: a picture rebuilt without a gradient, from pieces of 160 others.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two pictures in rows: the original, then rebuilt from the nearest cells of stages 2, 3 and 4, with one nearest cell or the mean of ten. From stage 2 the object is recognisable in mosaic, from stage 4 only large coloured blocks are left; means of ten are smoother."}}
seen = pictures[:2]
rebuilt = {}
for layer in ("stage2", "stage3", "stage4"):
    for k in (10,) if layer == "stage4" else (1, 10):
        rebuilt[layer, k] = rebuild(
            net, layer, seen, pictures[library], k, prepare=scenes.prepare
        )  # fmt: skip
rows = [[seen[i], *[r[i] for r in rebuilt.values()]] for i in range(2)]
figure = map_rows(
    [torch.stack(row) for row in rows],
    [""] * 2,
    ["picture", *[f"{layer}, k = {k}" for layer, k in rebuilt]],
    zoom=2,
)
figure

# %%
rebuilt_error = {}
for key, r in rebuilt.items():
    rebuilt_error[key] = (r - seen).square().mean().sqrt().item()
for (layer, k), error in rebuilt_error.items():
    print(f"{layer}, mean of {k:2d}: pixels {error:.3f}")
for layer in ("stage2", "stage3"):
    assert rebuilt_error[layer, 10] < rebuilt_error[layer, 1]

# %% [markdown]
# Averages of ten are *closer* to the picture than the single nearest, and duller. An old lesson returns: whoever minimises a squared error answers with a mean, and means are blurred.
#
# ## Does it know what belongs to what?
#
# If the nearest place to a wheel is a wheel, then the network can say which point of one picture belongs to which point of another: [correspondence](../book/glossary.md#correspondence). Nobody trained it for that; it saw only the names of whole pictures. For a point $p$ of picture $A$, the answer in picture $B$ is the place whose vector is most alike:
#
# $$ \hat q(p) = \arg\max_{q} \; s\bigl(a_p, b_q\bigr) . \tag{8.72} $$
#
# To score answers we need the truth. Turn, scale and shift a picture, and we know where each point went. The score is the share of $N$ points found within $r$ pixels of the truth ([PCK](../book/glossary.md#pck), the percentage of correct keypoints of [Yang and Ramanan, 2013](../book/references.md#yang-ramanan-2013)):
#
# $$ \mathrm{PCK}(r) = \frac{1}{N} \, \bigl| \{\, p : \lVert \hat q(p) - q(p) \rVert \le r \,\} \bigr| . \tag{8.73} $$
#
# Against what? Three baselines: a guess, a patch of plain pixels (7 x 7) as the vector, and the same network untrained.
#
# > **Predict.** Who wins on pictures turned by up to 30 degrees: pixels, or a stage of the network? Which stage?

# %%
from course_utils.explain.correspondence import (
    chance_rate,
    hit_rate,
    match,
    warp_pairs,
)

pairs = warp_pairs(pictures[:40], degrees=30, scale=0.2, shift=0.1, seed=SEED)
draw = torch.Generator().manual_seed(SEED)
points = []
for mask in objects.object_masks[:40]:
    spots = mask.nonzero().flip(1).float()  # x before y
    points.append(spots[torch.randint(len(spots), (15,), generator=draw)])
points = torch.stack(points)
truth = pairs.follow(points)
visible = ((truth >= 0) & (truth <= 63)).all(2)


def pixel_vectors(images):
    """The 7 x 7 patch around each pixel as its vector, without its mean."""
    patches = F.unfold(F.pad(images, [3] * 4, mode="reflect"), 7)
    patches = patches - patches.mean(1, keepdim=True)
    return patches.view(len(images), -1, 64, 64)


def found_share(first, second, reach=5):
    answer = match(first, second, points, (64, 64))
    return hit_rate(answer[visible], truth[visible], reach)


warped_maps = {
    who: features(model, scenes.prepare(pairs.warped), list(GRID))
    for who, model in (("trained", net), ("untrained", blank))
}
reached = {"a guess": chance_rate(truth[visible][None], (64, 64), 5)}
plain = pixel_vectors(pictures[:40]), pixel_vectors(pairs.warped)
reached["pixels"] = found_share(*plain)
for who, known in (("trained", maps), ("untrained", blank_maps)):
    for layer in GRID:
        both = known[layer][:40], warped_maps[who][layer]
        reached[f"{layer}, {who}"] = found_share(*both)
for name, share in reached.items():
    print(f"{name:18s} found within 5 pixels: {share:.0%}")
for layer in GRID:
    assert reached[f"{layer}, trained"] > 2 * reached["a guess"]
most = {who: max(reached[f"{k}, {who}"] for k in GRID) for who in warped_maps}
assert most["untrained"] > most["trained"] > reached["pixels"] - 0.05
assert reached["pixels"] > most["trained"]

# %% [markdown]
# Every stage beats the guess by far. Plain pixels do as well as the best trained stage, and an untrained stage does better than both. So the answer to the question in the title of Long et al.'s paper begins with yes: units that see 38 pixels and more still know, to a few pixels, where they are.
#
# But a warped copy is an easy case: the same textures, the same colours. The real question is about *two different* birds. Here no warp gives the truth, but our pictures know their parts. Take a point on a wing of one bird, ask for the corresponding point of another, and see whether it lies on a wing. A guess hits with the share of the picture that the part covers.


# %% tags=["hide-input"]
WANTED = ("wheel", "window", "wing", "eye", "leg", "roof", "tail")


def same_part_share(describe):
    """Points on parts: does the match in another picture lie on that part?"""
    hits, guesses = [], []
    for c in range(len(classes)):
        members = (objects.labels == c).nonzero()[:, 0]
        for a, b in zip(members[0::2], members[1::2]):
            for name in WANTED:
                on_a, on_b = (parts[i] == names.index(name) for i in (a, b))
                if on_a.sum() < 8 or on_b.sum() < 8:
                    continue
                spots = on_a.nonzero().flip(1).float()
                three = spots[[len(spots) * i // 4 for i in (1, 2, 3)]][None]
                answer = match(describe(a), describe(b), three, (64, 64))
                x, y = answer[0].long().T
                hits.append(on_b[y, x].float())
                guesses.append(on_b.float().mean())
    luck = torch.stack(guesses).mean().item()
    return torch.cat(hits).mean().item(), luck, 3 * len(hits)


transfer = {}
transfer["pixels"] = same_part_share(
    lambda i: pixel_vectors(pictures[i][None]),
)
for who, known in (("trained", maps), ("untrained", blank_maps)):
    for layer in ("stage2", "stage3", "stage4"):
        transfer[f"{layer}, {who}"] = same_part_share(
            lambda i: known[layer][i][None],
        )
_, luck, count = transfer["pixels"]
print(f"{count} points; a guess hits the part in {luck:.0%}")
for name, (share, _, _) in transfer.items():
    print(f"{name:18s} hits the part in {share:.0%}")
best = {}
for who in ("trained", "untrained"):
    best[who] = max(s[0] for name, s in transfer.items() if f", {who}" in name)
assert best["trained"] > 2 * luck
assert best["trained"] > max(best["untrained"], transfer["pixels"][0])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Horizontal bars. Left: points found in warped copies; right: parts found in another picture of the class. A dotted line marks the guess. On warped copies pixels and early stages do well; on different pictures the trained stages lead over the untrained ones."}}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.0), sharey=False)
for panel, values, guess, title in (
    (
        axes[0],
        {k: v for k, v in reached.items() if k != "a guess"},
        reached["a guess"],
        "a warped copy",
    ),
    (
        axes[1],
        {k: v[0] for k, v in transfer.items()},
        transfer["pixels"][1],
        "another of its kind",
    ),
):
    color = [COLORS["blue" if ", trained" in k else "gray"] for k in values]
    percent = [100 * v for v in values.values()]
    panel.barh(range(len(values)), percent, color=color)
    panel.set_yticks(range(len(values)), list(values), fontsize=8)
    panel.invert_yaxis()
    panel.axvline(100 * guess, color=COLORS["vermillion"], linestyle=":")
    panel.set(xlabel="found, percent", title=title)
    panel.grid(axis="y", visible=False)
plt.show()

# %% [markdown]
# Two tasks, two answers. For a warped copy, whatever keeps detail does well, trained or not. For another object of the kind, training shows: the best trained stage finds the part more often than any untrained one, and more often than plain pixels, because it kept *what* and *roughly where*, and forgot the rest. It is the same forgetting that made inversion fail. What the network keeps, it keeps for a reason.
#
# Plain pixels are a rival to respect, here: our drawn wheels are all dark and round, whatever the car. The last stage does worse than the one before: its 4 x 4 places are too coarse for small parts. On photographs, Long et al. report, features of the network predict keypoints better than hand-made ones.
#
# ## Checked claims
#
# | claim | verdict | finding |
# |---|---|---|
# | [C250](#c250) The quality of synthesised pictures depends strongly on the regulariser | true | each wish lowers total variation and costs score; judges trained on MNIST read 9 in 10 pictures with all four wishes, 2 in 3 without; a learned prior convinces even a judge trained on other digits |
#
# ## Pitfalls
#
# **1. Climbing the probability.** The probability is the score after the softmax. It can also be raised by making all *other* classes unlikely, and once it is near 1 its slope is near 0. Ask for both slopes at the twenty 3s that the network is surest of:

# %% tags=["nbval-check-output"]
start = digits[labels == 3]
start = start[reader(start).softmax(1)[:, 3].argsort()[-20:]].requires_grad_()
by_score, by_chance = reader(start), reader(start).softmax(1)
(h,) = torch.autograd.grad(by_score[:, 3].sum(), start)
(g,) = torch.autograd.grad(by_chance[:, 3].sum(), start)
print(f"probabilities above {by_chance[:, 3].min():.4f}")
ratio = (h.norm() / g.norm()).item()
print(f"slope of the score over 100 times as large: {ratio > 100}")
assert ratio > 100

# %% [markdown]
# **2. Forgetting `eval()`.** In training mode, batch normalisation measures the batch, and *remembers* it. The picture climbs, and the network has changed:

# %% tags=["nbval-check-output"]
torch.manual_seed(SEED)
normed = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(4 * 26 * 26, 10),
)
for name, changed in (
    ("train", climb),
    ("library", lambda m, c: class_image(m, c, (1, 28, 28), steps=60)),
):
    normed.train()
    before = normed[1].running_mean.clone()
    changed(normed, 3)
    moved = not torch.equal(before, normed[1].running_mean)
    print(f"{name}: running mean moved: {moved}")
assert torch.equal(before, normed[1].running_mean)

# %% [markdown]
# The short loop of the first section changed the network that it wanted to look into. The library evaluates it, and gives every mode back as it was.
#
# **3. A picture out of bounds.** Without the clamp to 0..1 the score has no limit: twice the picture, twice the score, more or less. Such a score says nothing:

# %% tags=["nbval-check-output"]
bounds = {"low": -50.0, "high": 50.0}
free = class_image(reader, 3, (1, 28, 28), steps=60, lr=2.0, **bounds)
clamped = class_image(reader, 3, (1, 28, 28), steps=60)
high, low = free.images.max(), free.images.min()
print("pixels below -5 and above 5:", bool(low < -5 and high > 5))
higher = bool(free.scores[0] > 10 * clamped.scores[0])
print("score more than 10 times as high:", higher)
assert higher

# %% [markdown]
# **4. A search that was stopped too early.** The pixels are wrong, so the layer has forgotten them? Ask for the error of the *activations* first. It needs no lost picture, and it says how far the search came:

# %%
stopped = []
for steps in (20, 60, 150):
    longer = how | {"steps": steps}
    got = invert(net, "stage4", pictures[[4]], smooth, **longer)
    met, pixel = got.feature_error.item(), got.pixel_error.item()
    stopped.append(met)
    print(f"{steps:3d} steps: activations {met:.3f}, pixels {pixel:.3f}")
assert stopped[0] > 0.2 > 0.03 > stopped[2]

# %% [markdown]
# After 20 steps the layer is far from taking this picture for the lost one, and nothing may be concluded about what it keeps. Some pictures need many more steps than others: a unit that is silent passes no gradient, and the search has to find its way round it. Only when the activations are met do wrong pixels mean forgotten pixels.
#
# ## Exercises
#
# **1. By hand** (ten minutes). A "network" with a single score, $S(x) = \langle w, x \rangle$. What is its class image with pixels in 0..1 and no wish? What with L2 and no bounds? Check with `class_image`.
#
# <details><summary>Hint</summary>
#
# Without a wish each pixel goes to a bound; which one, its weight says. With L2 set the derivative of $\langle w, x\rangle - \frac{\lambda}{n} \sum_i x_i^2$ to 0.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class OneScore(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x):
        return (x * self.w).sum((1, 2, 3))


w = torch.linspace(-1, 1, 16).view(1, 4, 4)
bounded = class_image(OneScore(w), None, (1, 4, 4), steps=60, lr=0.5)
bounded = bounded.images[0]
assert torch.equal(bounded, (w > 0).float())
wide = {"low": -9, "high": 9, "steps": 300}
free = class_image(OneScore(w), None, (1, 4, 4), Regularisers(l2=8), **wide)
free = free.images[0]
expected = 16 * w / (2 * 8)
print(
    "largest difference to n w / (2 lambda):",
    round((free - expected).abs().max().item(), 2),
)
assert torch.allclose(free, expected, atol=0.05)

# %% [markdown]
# **2. How exact is the place?** (fifteen minutes) For each row of the panel: which share of the score survives when the picture is moved by one pixel? Which wish makes pictures that do not mind?
#
# <details><summary>Hint</summary>
#
# Average over the eight moves by one pixel with `torch.roll`. Divide by the score in place.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
survives = {}
with torch.no_grad():
    for name, made in drawn.items():
        away = [reader(made.images.roll(m, (2, 3))) for m in moves]
        away = torch.stack(away)[:, torch.arange(20), twenty]
        survives[name] = (away.mean() / made.scores.mean()).item()
        print(f"{name:16s} {survives[name]:.0%}")
assert survives["jitter"] > survives["nothing"]

# %% [markdown]
# **3. How strong a wish?** (fifteen minutes) Invert stage 3 with total variation of strength 0.1, 3 and 30. What happens to the error of the activations, to the total variation, to the error of the pixels? Which strength would you choose, and by which of the three numbers?
#
# <details><summary>Hint</summary>
#
# `invert` returns both errors. Only the first one is known to somebody who has truly lost the picture.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
tried = []
for strength in (0.1, 3.0, 30.0):
    got = invert(net, "stage3", lost[:1], Regularisers(tv=strength), **how)
    calmness = total_variation(got.images)[0].item()
    tried.append((got.feature_error[0].item(), calmness))
    print(f"strength {strength:4.1f}: activations {tried[-1][0]:.4f}", end=", ")
    print(f"variation {calmness:.3f}, pixels {got.pixel_error[0]:.3f}")
assert tried[0][1] > tried[1][1] > tried[2][1]
assert tried[1][0] < 0.05 < tried[2][0]
print("the strongest wish under which the activations are still met")

# %% [markdown]
# **4. A prior with a gap** (half an hour). Train the prior without any 7, then ask the reader for a 7. What comes? What would you conclude about the reader, if you did not know about the gap?
#
# <details><summary>Hint</summary>
#
# `rule_drawn.labels != 7` chooses the pictures. Everything else is there.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
no_sevens = rule_drawn.images[rule_drawn.labels != 7].float() / 255
gap = train_prior(no_sevens, SEED)
ask = torch.full((12,), 7)
with_gap = class_image_from_prior(reader, ask, gap, 16, limit=2.0, steps=60)
whole = class_image_from_prior(reader, ask, prior, 16, limit=2.0, steps=60)
with torch.no_grad():
    read = [judge(m.images).argmax(1) == 7 for m in (whole, with_gap)]
    read = [right.float().mean().item() for right in read]
print(f"the judge reads a 7 in {read[0]:.0%}, with the gap in {read[1]:.0%}")
print(f"scores: {whole.scores.mean():.1f} and {with_gap.scores.mean():.1f}")
assert with_gap.scores.mean() < whole.scores.mean()

# %% [markdown]
# **5. Your own picture** (an evening). Invert stages 1 to 4 for a real photo (`data.photo("cat", 64)`), with several strengths of total variation. The network has never seen a cat. Is the error of the pixels larger than for objects it knows? Write down what you expect and why before you run it.
#
# <details><summary>Hint</summary>
#
# The first stages have learned edges and colours, which cats have, too. Compare with the error of a flat picture, since photos differ in contrast.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
cat = data.photo("cat", 64)[None].float() / 255
for layer in ("stage1", "stage3"):
    got = invert(net, layer, cat, smooth, **how)
    known = found[layer].pixel_error.mean().item() / grey
    share = got.pixel_error[0] / (cat - cat.mean()).square().mean().sqrt()
    print(f"{layer}: cat {share:.2f}, objects {known:.2f}", end=", ")
    print(f"activations {got.feature_error[0]:.3f} (a flat picture is 1)")

# %% [markdown]
# ## At scale
#
# Two questions could not be settled with the digits at hand. Is the climbed score really above *every* training picture, all 60,000? And does the judge's verdict hold for judges trained on MNIST itself? The record:

# %%
scale = load_record("08c_inversion.mnist")
print("repeat with:", scale["command"])
print(scale["pictures"].replace("; ", "\n"))
print("seeds and judges:", len(scale["seeds"]))
for name in WISHES:
    score = band("08c_inversion.mnist", f"score, {name}").median
    tv = band("08c_inversion.mnist", f"variation, {name}").median
    agrees = band("08c_inversion.mnist", f"judge, {name}")
    spread = f"{agrees.minimum:.2f} to {agrees.maximum:.2f}"
    numbers = f"score {score:4.1f}, variation {tv:.2f}"
    print(f"{name:15s} {numbers}, judges {agrees.median:.2f} ({spread})")
calm_share = band("08c_inversion.mnist", "judge, all four")
tangled = band("08c_inversion.mnist", "judge, nothing")
assert calm_share.minimum > tangled.maximum
assert tangled.median < 0.75 < 0.85 < calm_share.median
leads = zip(scale["lowest_climbed"], scale["highest_real"])
lowest = min(climbed - real for climbed, real in leads)
print(f"smallest lead over the best of 60,000, of all classes: {lowest:.1f}")
assert lowest > 0

# %% [markdown]
# For every class, the picture that climbed leads over the best of all training digits. And judges that know MNIST read about two thirds of the tangles, but nine in ten of the pictures with all four wishes: here the hand-made wishes show their worth. Whether a picture "looks like a 3" depends on who looks.
#
# ## Summary
#
# - Hold the weights, change the picture: gradient ascent on a score finds pictures above all real ones, and they look like nothing you know.
# - L2, total variation, blur and jitter say what a picture should be like. Each makes it calmer and costs score.
# - A learned prior makes pictures that convince an independent network. The look is the prior's; only the choice is the network's.
# - Inversion finds pictures that a layer cannot tell apart. The deeper the layer, the larger the crowd: first colours go, at last places. Only a search that has met the activations says what was kept, and what was kept need not be understood.
# - The mean of the nearest patches is a blurred version of the query: what is shared was kept, what is blurred was not.
# - A network trained on names alone can say which part of one picture belongs to which part of another.
#
# **Further reading.** [Mahendran and Vedaldi (2015)](../book/references.md#mahendran-vedaldi-2015) inverts HOG and SIFT, too: compare with your own network. [Nguyen et al. (2016)](../book/references.md#nguyen-2016) has page after page of pictures; look at them with the untrained reader in mind. [Long et al. (2014)](../book/references.md#long-2014) aligns different objects of one kind and finds keypoints of animals in photographs, with the layers of AlexNet.
#
# **The next question.** All this was for looking. The same derivative can also be put to use: to paint, and to deceive. [Dreams, styles and warnings](08d_dreams.ipynb) does both.
