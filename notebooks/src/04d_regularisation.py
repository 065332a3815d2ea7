# %% [markdown]
# # Regularisation
#
# A network that gets every training example right has often learned the wrong thing: the examples. This chapter builds the common ways to make it learn less by heart,
# says exactly what each of them does, and measures whether it helps.
#
# **You will be able to**
#
# - say what a penalty on the weights does, direction by direction, and tell weight decay from an L2 penalty;
# - make weights exactly zero with L1;
# - write dropout, say exactly what the network at test time stands for, and where that stops being exact;
# - ask a network how sure it is, and know when not to believe the answer;
# - write label smoothing with the right formula;
# - measure whether a regulariser helps, with bands of seeds instead of a lucky run.
#
# **You need** the gradient step, Adam and the condition number ([chapter 04](04_training.ipynb)), and softmax with cross-entropy ([chapter 02b](02b_losses.ipynb)).
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
from course_utils.plotting.optimisation import band_rows
from course_utils.runtime import band, load_record, seed_everything
from course_utils.scratch.optimisation.adam import Adam
from course_utils.scratch.optimisation.gradient_descent import closed_form, hessian
from course_utils.widgets import MlpPlayground, WeightDials

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## By heart
#
# One row of a photograph, 96 pixels from left to right. Sixteen of them were measured with a bad sensor: true grey value plus noise. Guess the whole row.
#
# The model is a weighted sum of sixteen waves, $\hat y(t) = \sum_{k=0}^{15} w_k \cos(\pi k t)$. Sixteen weights for sixteen numbers: it can run through every dot, noise and all. Below it was fitted three times: with next to no price on the squared length of the weights (a billionth, so that there is one best fit even where two dots lie side by side), with
# a small price, and with a high one. (Grey: the true row. Dots: what was measured.)
#
# > **Predict.** Which of the three curves has the smallest error on the dots? Which on the row? Which has the longest weights?

# %% mystnb={"image": {"alt": "Three panels, each with the same grey step-like row and sixteen noisy dots. With next to no price the curve runs through every dot and swings out of the picture between some of them; with a small price it follows the step smoothly; with a high price it is nearly flat and misses the dots."}}
row = data.photo("camera", size=96, gray=True)[0, 50].double().numpy()
row = (row - row.mean()) / row.std()
place = (np.arange(96) + 0.5) / 96  # 0 is the left edge, 1 the right
waves = np.cos(np.pi * np.outer(place, np.arange(16)))  # (96, 16)


def measure_row(seed, count=16):
    draw = np.random.default_rng(seed)
    at = draw.choice(96, count, replace=False)
    return at, row[at] + 0.3 * draw.normal(size=count)


prices = {"next to none": 1e-9, "small": 0.05, "high": 1.0}
at, seen = measure_row(SEED)
figure, panels = plt.subplots(1, 3, figsize=(7, 2.4), sharey=True)
for axes, (name, price) in zip(panels, prices.items()):
    axes.plot(place, row, color=COLORS["gray"], linewidth=1)
    axes.plot(place, waves @ closed_form(waves[at], seen, price), color=COLORS["blue"])
    axes.plot(place[at], seen, "o", color=COLORS["vermillion"], markersize=4)
    axes.set(title=f"{name}, λ = {price:g}", ylim=(-4, 4), xlabel="place t")
panels[0].set(ylabel="grey value")
plt.show()

# %%
table = {name: [] for name in prices}
for seed in range(200):  # two hundred draws of sixteen pixels, for one draw may be lucky
    at, seen = measure_row(seed)
    for name, price in prices.items():
        w = closed_form(waves[at], seen, price)
        off = waves @ w - row
        table[name].append([np.sqrt(np.mean((waves[at] @ w - seen) ** 2)), np.sqrt(np.mean(off**2)), np.linalg.norm(w)])
print("medians of 200 draws   error: dots        row   length of the weights")
for name, runs in table.items():
    dots, whole, length = np.median(runs, axis=0)
    print(f"{name:20s} {dots:13.2f} {whole:10.2f} {length:23.2f}")
medians = {name: np.median(runs, axis=0) for name, runs in table.items()}
assert medians["next to none"][0] < 0.05 < medians["small"][0] < medians["high"][0]
assert medians["small"][1] < 0.9 * medians["high"][1] < 0.1 * medians["next to none"][1]
assert medians["next to none"][2] > 10 * medians["small"][2] > 10 * medians["high"][2]

# %% [markdown]
# With next to no price the error on the dots is almost zero, and the guess of the row is useless: between the dots the curve flies off, by many times the contrast of the photograph. It has spent its freedom on the noise. That is [overfitting](../book/glossary.md#overfitting). With a high price it hardly dares to move. In between lies what we want.
# Everything that lowers the error on *new* examples by making the training examples harder to fit is called [regularisation](../book/glossary.md#regularisation). This chapter has four kinds of it: small weights, few weights, units that come and go, and softer targets.
#
# ## Weights that stay small
#
# The price you just paid is the **[L2 penalty](../book/glossary.md#l1-and-l2-penalties)**: half the sum of the squared weights, times a strength $\lambda$, added to the loss. One lecture writes
#
# $$ \text{Loss} = \frac{1}{2N}\sum_{i=0}^{N} (y_i - h_i)^2 + \frac{\lambda}{2N}\sum_{j=0}^{M} W_j^2 . $$
#
# <span id="c060"></span>Count the terms. From 0 to $N$ there are $N + 1$ of them, but there are $N$ examples; the same slip stands in the sum over the weights. With $N$ examples and $M$ weights it reads
#
# $$ \text{Loss} = \frac{1}{2N}\sum_{i=1}^{N} (y_i - h_i)^2 + \frac{\lambda}{2N}\sum_{j=1}^{M} W_j^2 . \tag{4.14} $$
#
# And mind the scale. On the slide before, the penalty is $\lambda\,\Omega(W)$ beside a *mean*; here $\lambda$ is divided by $N$. Both are in use. With the second, the same $\lambda$ pulls less when you collect more data. Say which one you mean.

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.penalties import penalised_loss

y_three, h_three = np.array([1.0, 2.0, 3.0]), np.zeros(3)
print("terms from 0 to N = 3:", len(range(0, 3 + 1)), "  examples:", len(y_three))
try:
    sum((y_three[i] - h_three[i]) ** 2 for i in range(0, 3 + 1))
except IndexError as error:
    print("IndexError:", error)
print(f"with N terms: {penalised_loss(y_three - h_three, [0.0], 0.0):.4f} = 14/6")
assert np.isclose(penalised_loss(y_three - h_three, [0.0], 0.0), 14 / 6)

draw = np.random.default_rng(SEED)
for count in (96, 9600):
    at = np.resize(np.arange(96), count)  # every pixel of the row, measured once or a hundred times
    seen = row[at] + 0.3 * draw.normal(size=count)
    free, by_mean, by_n = (np.linalg.norm(closed_form(waves[at], seen, p)) for p in (0.0, 0.5, 0.5 / count))
    print(
        f"N = {count:4d}, λ = 0.5: length of the weights falls to {by_mean / free:.4f} with λ/2, {by_n / free:.4f} with λ/(2N)"
    )
    assert by_mean / free < 0.6 < 0.98 < by_n / free

# %% [markdown]
# **Which weights does it shrink?** In the axes of the loss's [ravine](04_training.ipynb#downhill-with-all-examples-at-once) the answer is one fraction. Along a direction of curvature $h$ the best free weight $w^*$ becomes
#
# $$ w = \frac{h}{h + \lambda}\; w^* . $$
#
# Steep directions, $h \gg \lambda$, keep their weight: the examples insist on it. Flat directions, $h \ll \lambda$, lose it: the examples hardly care, so the noise decided. And the ravine itself becomes rounder, since every curvature grows by $\lambda$.

# %% tags=["nbval-check-output"]
at, seen = measure_row(SEED)
curvature, axes_of_ravine = np.linalg.eigh(hessian(waves[at]))
free, priced = (axes_of_ravine.T @ closed_form(waves[at], seen, price) for price in (0.0, 0.05))
assert np.allclose(priced, curvature / (curvature + 0.05) * free)
for i in (-1, -8, 1, 0):
    print(f"curvature {curvature[i]:.4f}: weight {abs(free[i]):.2f} becomes {abs(priced[i]):.2f}")
kappas = [curvature[-1] / curvature[0], (curvature[-1] + 0.05) / (curvature[0] + 0.05)]
print(f"condition number: {kappas[0]:,.0f} without, {kappas[1]:.0f} with the penalty")

# %% [markdown]
# ### Penalty or decay?
#
# Take a step on the penalised loss $E + \frac\lambda2\|w\|^2$. Its gradient is $\nabla E + \lambda w$. Rearrange:
#
# $$ w - \eta\,(\nabla E + \lambda w) \;=\; (1 - \eta\lambda)\, w - \eta\,\nabla E . \tag{4.15} $$
#
# Left: an **L2 penalty**. Right: **[weight decay](../book/glossary.md#weight-decay)**: shrink every weight by a fixed share, then step on the loss alone. For plain SGD the two are the same, to the last bit of algebra. For Adam they are *not*. The penalty's gradient goes through the division by $\sqrt s$ like everything else, so a weight with large gradients is hardly pulled at all. **AdamW** ([Loshchilov and Hutter, 2019](../book/references.md#loshchilov-hutter-2019)) decays outside.
#
# > **Predict.** Two weights, both 1. Their gradients are pure noise, of size 0.1 for one and 10 for the other. Both get $\eta = 0.001$ and $\lambda = 0.5$. After 300 steps, how large are they with Adam plus penalty, and with AdamW?

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.penalties import step_with_decay, step_with_penalty

noise = np.random.default_rng(SEED).normal(size=(300, 2000, 2)) * [0.1, 10.0]  # 2000 copies of the two weights
ends = {}
by_penalty = by_decay = np.ones((2000, 2))
for g in noise:
    by_penalty, by_decay = step_with_penalty(by_penalty, g, 1e-3, 0.5), step_with_decay(by_decay, g, 1e-3, 0.5)
ends["SGD, penalty"], ends["SGD, decay"] = by_penalty.mean(axis=0), by_decay.mean(axis=0)
assert np.allclose(by_penalty, by_decay, rtol=0, atol=1e-12)
for name, kind in (("Adam, penalty", "penalty"), ("AdamW, decay", "decoupled")):
    rule, weights = Adam(1e-3, weight_decay=0.5, decay=kind), np.ones((2000, 2))
    for g in noise:
        weights = rule.step(weights, g)
    ends[name] = weights.mean(axis=0)
print("mean of the weight       small gradients   large gradients")
for name, (small, large) in ends.items():
    print(f"{name:22s} {small:16.2f} {large:17.2f}")
assert abs(ends["AdamW, decay"][0] - ends["AdamW, decay"][1]) < 0.01
assert ends["Adam, penalty"][0] < 0.9 * ends["Adam, penalty"][1]

# %% [markdown]
# Decay pulls both alike: $(1 - \eta\lambda)^{300} = 0.86$. Adam with a penalty pulls the quiet weight hard and leaves the noisy one nearly alone. So `weight_decay=0.01` means different things in `torch.optim.Adam` and `torch.optim.AdamW`, and a value copied from one to the other is a bug.
#
# ### Play with the strength
#
# Sixteen units, two rings of points, and noise that pushes many of them into the other ring.
#
# 1. Train for 150 passes without L2. Watch the two loss curves: where do they part? Look at the border: which points does it make a detour for?
# 2. Raise L2 in small steps, to 0.03 and beyond, pressing Reset each time. What happens to the border, and to the distance between the two curves?
#
# > **Predict.** Training loss: up or down with L2? Test loss: up, down, or first the one and then the other?

# %%
MlpPlayground(data="circles", hidden=[8, 8], noise=0.5, lr=0.3, batch_size=10)

# %%
from course_utils.widgets.mlp_playground import evaluate

played_losses = {}
for strength in (0.0, 0.01, 0.1):
    ends = []
    for seed in range(2):  # two draws of the points
        played = MlpPlayground(data="circles", hidden=[8, 8], noise=0.5, lr=0.3, batch_size=10, l2=strength, seed=seed)
        layers = played.trained(150)
        ends.append([evaluate(layers, played.activation, part)["loss"] for part in played.points])
    played_losses[strength] = np.mean(ends, axis=0)
    print(
        f"L2 {strength:<5g}: training loss {played_losses[strength][0]:.2f}, test loss {played_losses[strength][1]:.2f}"
    )
trained_loss, tested_loss = np.array(list(played_losses.values())).T
assert list(trained_loss) == sorted(trained_loss)
assert tested_loss[1] < 0.8 * tested_loss[0]
assert tested_loss[1] < 0.8 * tested_loss[2]

# %% [markdown]
# A penalty always costs training loss. Whether it buys test loss is a question of how much: a little closes the gap, too much makes the network too stiff for the rings.
#
# ## Weights that vanish
#
# Squares make weights small. They never make them zero: the pull $\lambda w$ fades with the weight. The **L1 penalty** $\lambda \sum |w|$ pulls with the same force $\lambda$ however small the weight is, right down to zero.
#
# Look at one weight. Its loss alone is the parabola $\frac12(w - a)^2$, with the lowest point at $a$. Add either penalty. Where is the lowest point now? With L2 at $a / (1 + \lambda)$: every $a$ shrinks by the same share. With L1 at $S_\lambda(a)$, the [soft threshold](../book/glossary.md#soft-threshold) that you know from [sparse coding](00b_features.ipynb): every $a$ moves towards zero by $\lambda$, and *stops there*.
#
# > **Predict.** $\lambda = 0.5$. Where do $a = 2$ and $a = 0.3$ end, under each penalty?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Best weight against the weight that the loss alone would choose: with L2 a straight line through zero, flatter than the diagonal; with L1 a line parallel to the diagonal with a flat piece at zero between minus and plus one half. Dots mark 0.3, which goes to 0.2 and to 0, and 2, which goes to 1.33 and to 1.5."}}
from course_utils.scratch.regularisation.penalties import soft_threshold

wish = np.linspace(-2.5, 2.5, 201)
figure, axes = plt.subplots(figsize=(4.6, 2.9))
axes.plot(wish, wish, ":", color=COLORS["gray"], label="no penalty")
for kind, shrink in (("L2", lambda a: a / 1.5), ("L1", lambda a: soft_threshold(a, 0.5))):
    color = COLORS["blue" if kind == "L2" else "vermillion"]
    axes.plot(wish, shrink(wish), color=color, label=kind)
    for a in (0.3, 2.0):
        axes.plot(a, shrink(a), "o", color=color, markersize=5)
        paid = 0.5 * (wish - a) ** 2 + (0.25 * wish**2 if kind == "L2" else 0.5 * np.abs(wish))
        assert abs(wish[paid.argmin()] - shrink(a)) < 0.02  # the formula is the lowest point, found by trying all
axes.set(xlabel="lowest point of the loss alone, a", ylabel="with penalty, λ = 0.5")
axes.legend()
plt.show()

# %% [markdown]
# A network's loss is no such parabola. But a gradient step with rate $\eta$ goes exactly to the lowest point of one: the parabola with curvature $1/\eta$ that touches the loss here. Add the penalty to *that* parabola, and its lowest point is the soft threshold of the step:
#
# $$ w \leftarrow S_{\eta\lambda}\big(w - \eta\,\nabla E(w)\big), \qquad S_\tau(z) = \operatorname{sign}(z)\,\max(|z| - \tau,\, 0) . \tag{4.16} $$
#
# (Why not simply a gradient step on $\lambda|w|$? Its slope jumps from $-\lambda$ to $+\lambda$ at zero, and the weight hops back and forth over zero for ever.)
#
# Train a linear classifier for the ten digits with each penalty, over a range of strengths, and compare at *equal accuracy*. `fit_softmax` is nothing but steps of 4.15 for L2 and 4.16 for L1:

# %% tags=["band-regularisers", "band-convolution", "band-doubt", "band-sparse"]
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data

train_digits, test_digits = data.load("digits", "train"), data.load("digits", "test")
digits_x, digits_y = train_digits.images.flatten(1).float() / 255, train_digits.labels  # (1297, 64)
test_x, test_y = test_digits.images.flatten(1).float() / 255, test_digits.labels

# %% tags=["band-sparse"]
from course_utils.scratch.regularisation.penalties import fit_softmax

pick = np.random.default_rng(SEED).permutation(1297)[:800]
sparse_x, sparse_y = digits_x.numpy()[pick].astype(float), digits_y.numpy()[pick]
seen_pixels = sparse_x.std(axis=0) > 0  # a pixel that never lights up has no gradient under any penalty


def sparse_run(penalty, strength):
    weight, bias, _ = fit_softmax(sparse_x, sparse_y, 10, strength, penalty, lr=1.0, steps=250)
    right = ((test_x.numpy() @ weight.T + bias).argmax(axis=1) == test_y.numpy()).mean()
    return {
        "zeros": float((weight[:, seen_pixels] == 0).mean()),
        "accuracy": float(right),
        "length": float(np.linalg.norm(weight)),
    }


strengths = {"l1": (0.0003, 0.001, 0.003, 0.01), "l2": (0.003, 0.01, 0.03, 0.1), "l1_subgradient": (0.001,)}
sparse_runs = {(p, s): sparse_run(p, s) for p, tried in strengths.items() for s in tried}
sparse_result = {
    "l1_zeros": sparse_runs["l1", 0.001]["zeros"],
    "l1_accuracy": sparse_runs["l1", 0.001]["accuracy"],
    "l2_zeros": sparse_runs["l2", 0.01]["zeros"],
    "l2_accuracy": sparse_runs["l2", 0.01]["accuracy"],
    "subgradient_zeros": sparse_runs["l1_subgradient", 0.001]["zeros"],
}

# %%
print("penalty          strength   exact zeros   accuracy   length of the weights")
for (penalty, strength), run in sparse_runs.items():
    print(f"{penalty:16s} {strength:8g} {run['zeros']:12.0%} {run['accuracy']:11.3f} {run['length']:14.2f}")
for metric, value in sparse_result.items():
    assert band("04d_regularisation.sparse", metric).contains(value, slack=0.02), (metric, value)
l2_lengths = [run["length"] for (penalty, _), run in sparse_runs.items() if penalty == "l2"]
assert l2_lengths == sorted(l2_lengths, reverse=True)  # the stronger the penalty, the shorter the weights
print(
    f"20 seeds, zeros:    L1 {band('04d_regularisation.sparse', 'l1_zeros')}; L2 {band('04d_regularisation.sparse', 'l2_zeros')}"
)
print(
    f"20 seeds, accuracy: L1 {band('04d_regularisation.sparse', 'l1_accuracy')}; L2 {band('04d_regularisation.sparse', 'l2_accuracy')}"
)
assert band("04d_regularisation.sparse", "l2_zeros").maximum == 0
assert band("04d_regularisation.sparse", "l1_zeros").minimum > 0.3
assert band("04d_regularisation.sparse", "subgradient_zeros").maximum < 0.02
assert (
    abs(
        band("04d_regularisation.sparse", "l1_accuracy").median
        - band("04d_regularisation.sparse", "l2_accuracy").median
    )
    < 0.015
)

# %% [markdown]
# At equal accuracy L1 does without more than a third of the weights; L2 needs every single one. The last row is the trap: the same L1 penalty, but by its slope. It reaches the same accuracy with weights of the same length, and not one zero.
#
# Watch the zeros appear. Each dial below is one weight of the detector for the digit 3, laid out like the pixels; a dial that points straight up is zero. (One update on the slider is four of the 120 gradient steps.)
#
# 1. Press Play. Some dials never move: what do these pixels have in common?
# 2. Press Back to the first pictures and step with Forward. Find a dial that moves away from zero and comes back. Its pixel helped at first; later others did the same job better.

# %%
_, _, history = fit_softmax(sparse_x, sparse_y, 10, 0.003, "l1", lr=1.0, steps=120, history=True)
frames = np.stack([weights[3] for weights in history[::4]]).astype(np.float32)
WeightDials(frames, shape=(8, 8))

# %%
moved = (np.abs(np.stack([weights[3] for weights in history])) > 0).any(axis=0)
gone = history[-1][3] == 0
print(f"of 64 weights of the detector for 3, {gone.sum()} are exactly zero at the end:")
print(f"  {(gone & ~seen_pixels).sum()} belong to pixels that never lit up")
print(f"  {(gone & seen_pixels & ~moved).sum()} never left zero, though their pixel did light up")
print(f"  {(gone & moved).sum()} had moved, and came back")
assert gone.sum() > 20
assert (gone & moved).sum() >= 5

# %% [markdown]
# ## Dropout
#
# Here is a stranger way to regularise, [dropout](../book/glossary.md#dropout) ([Hinton et al., 2012](../book/references.md#hinton-2012); [Srivastava et al., 2014](../book/references.md#srivastava-2014)). For every training example, throw a coin for every hidden unit. Heads: it works as usual. Tails: it is silent for this example. A unit can no longer rely on any other being there.
#
# Let $p$ be the probability to drop and $m$ the mask of ones and zeros. The sum that the next layer sees is on average too small by the factor $1 - p$. There are two ways to repair that. The lecture's: train without a correction, and scale the *weights* by $1-p$ at test time. The libraries': scale the survivors *up* in training, and do nothing at test time:
#
# $$ \tilde h = \frac{m \odot h}{1 - p}, \qquad \operatorname{E}[\tilde h] = h . \tag{4.17} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.dropout import draw_mask, dropout

h = np.array([2.0, -1.0, 0.5, 4.0])
masks = draw_mask((200_000, 4), 0.5, np.random.default_rng(SEED))
print("one mask:            ", masks[0].astype(int).tolist(), "->", (dropout(h, masks[0], 0.5) + 0.0).tolist())
print("share dropped:       ", (1 - masks.mean(axis=0)).round(2).tolist())
print("mean over all masks: ", (dropout(h, masks, 0.5).mean(axis=0).round(1) + 0.0).tolist())
assert np.abs(masks.mean(axis=0) - 0.5).max() < 0.005
assert np.abs(dropout(h, masks, 0.5).mean(axis=0) - h).max() < 0.03

layer = nn.Dropout(0.5)  # PyTorch's: scales in training, does nothing in evaluation
torch.manual_seed(SEED)
assert set(layer(torch.ones(1000)).tolist()) == {0.0, 2.0}
assert torch.equal(layer.eval()(torch.ones(1000)), torch.ones(1000))

# %% [markdown]
# <span id="c062"></span>**How many networks is that?** Each mask leaves another thinned network. With $H$ hidden units there are $2^H$ of them, and all share their weights: training one trains a part of all others. The lectures describe dropout as training many networks that share weights, and that is exactly what the masks are. Ten units: 1,024 networks. The 256 hidden units that we train next: a number with 78 digits, of which 400 steps with batches of 50 sample twenty thousand.
#
# ### Does it help?
#
# Twelve networks with two hidden layers of 128 units, on only 200 digits. They start from the *same* weights and see the *same* batches in the same order. Only the regulariser differs. (Stacked into one tensor, twelve small networks train in little more time than one.) Each method then picks its best strength by the loss on 400 held-out digits; the test digits are asked once, at the end.

# %% tags=["band-regularisers"]
from course_utils.scratch.regularisation.co_adaptation import knockout_damage, masked_loss, mean_absolute_correlation
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side

candidates = {
    "none": [Regulariser()],
    "dropout": [Regulariser(dropout=rate) for rate in (0.25, 0.5, 0.75)],
    "l2": [Regulariser(l2=strength) for strength in (0.001, 0.003, 0.01)],
    "l1": [Regulariser(l1=strength) for strength in (0.0001, 0.0003, 0.001)],
    "both": [Regulariser(dropout=0.5, l2=0.001)],
    "smooth": [Regulariser(smoothing=0.1)],
}
in_line = {(method, i): r for method, tried in candidates.items() for i, r in enumerate(tried)}
number = {key: position for position, key in enumerate(in_line)}
NONE, HALF, SMOOTH = number["none", 0], number["dropout", 1], number["smooth", 0]

dealt = torch.randperm(1297, generator=torch.Generator().manual_seed(SEED))
few, held_out = dealt[:200], dealt[200:600]
stack = train_side_by_side(
    digits_x[few], digits_y[few], in_line, hidden=(128, 128), steps=400, batch_size=50, lr=3e-3, seed=SEED
)
train_loss, _ = stack.scores(digits_x[few], digits_y[few])
valid_loss, _ = stack.scores(digits_x[held_out], digits_y[held_out])
test_loss, test_accuracy = stack.scores(test_x, test_y)

regularisers_result = {}
for method in candidates:
    places = [position for (name, _), position in number.items() if name == method]
    chosen = min(places, key=lambda position: float(valid_loss[position]))
    regularisers_result[f"{method}_accuracy"] = float(test_accuracy[chosen])
    regularisers_result[f"{method}_loss"] = float(test_loss[chosen])
for key, position in (("none", NONE), ("half", HALF)):
    regularisers_result[f"{key}_train"] = float(train_loss[position])
    regularisers_result[f"{key}_gap"] = float(test_loss[position] - train_loss[position])
    regularisers_result[f"{key}_length"] = float(stack.norms()[position])
regularisers_result["peeked_accuracy"] = float(test_accuracy.max())
regularisers_result["honest_accuracy"] = float(test_accuracy[int(valid_loss.argmin())])

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of seed bands. Left: gap between test and training loss; without regulariser it lies around 0.3, with dropout 0.5 it is lower. Right: test accuracy; the dropout band lies above the band of the network without a regulariser, with some overlap."}}
rec = "04d_regularisation.regularisers"
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.1))
for axes, metric, title in (
    (left, "gap", "test loss − training loss"),
    (right, "accuracy", "accuracy on 500 test digits"),
):
    other = "half" if metric == "gap" else "dropout"
    pair = {"none": f"none_{metric}", "dropout": f"{other}_{metric}"}
    band_rows(axes, {k: band(rec, v) for k, v in pair.items()}, {k: regularisers_result[v] for k, v in pair.items()})
    axes.set(xlabel=title)
plt.show()
print(f"training loss without: {band(rec, 'none_train')};  with: {band(rec, 'half_train')}")
gaps = [np.array(load_record(rec)["metrics"][f"{k}_gap"]) for k in ("none", "half")]
print(f"gap without: {band(rec, 'none_gap')}")
print(f"gap with:    {band(rec, 'half_gap')};  smaller in {(gaps[1] < gaps[0]).sum()} of {len(gaps[0])} seeds")
for metric, value in regularisers_result.items():
    expected = band(rec, metric)
    assert expected.contains(value, slack=0.05 + 0.1 * abs(value)), (metric, value, str(expected))
assert (gaps[1] < gaps[0]).mean() >= 0.9

# %% [markdown]
# The training loss is near zero with and without dropout: 200 digits are no match for 26,000 weights. The gap is what differs, and dropout makes it smaller, in nearly every one of the twenty seeds.
#
# ### One network instead of all of them
#
# At test time you want one answer. The lecture offers two options. *Option 1*: sample many thinned networks and take the geometric mean of what they say. *Option 2*: use all units, with outgoing weights halved (for $p = \frac12$). <span id="c063"></span>Halving is exact for the *sum* that the next layer receives: $\operatorname{E}[m\,h] = h/2$. But a softmax comes after the sum, and the mean of a softmax is not the softmax of the mean.
#
# <span id="c064"></span>And yet the lecture says: with one hidden layer, halving *equals* the geometric mean of all models. Surprising, and true. Write the logits of one thinned network as $W(m \odot h) + b$. Its log-probabilities are these logits minus a constant that is the same for all classes. The log of a geometric mean is the mean of the logs, and the logits are *linear* in $m$. So their mean over all masks is $W(h/2) + b$. The constants drop out when you make the result sum to one:
#
# $$ \frac{\prod_m p_m(k)^{\,P(m)}}{\sum_{l}\prod_m p_m(l)^{\,P(m)}} \;=\; \operatorname{softmax}\big((1 - p)\,W h + b\big)_k . \tag{4.18} $$
#
# > **Predict.** Six hidden units, so 64 networks. To how many digits will the two sides agree? And with *two* hidden layers?

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.dropout import (
    geometric_mean,
    predict,
    random_layers,
    scaled_prediction,
    thinned_predictions,
)

draw = np.random.default_rng(SEED)
one_layer, two_layers = random_layers([5, 6, 3], draw, scale=2.0), random_layers([5, 5, 5, 3], draw, scale=2.0)
point = draw.normal(size=5)
for name, layers in (("one hidden layer", one_layer), ("two hidden layers", two_layers)):
    answers, chance = thinned_predictions(point, layers)
    geometric, total = geometric_mean(answers, chance)
    halved = scaled_prediction(point, layers)
    print(f"{name}: {len(answers)} networks")
    print(f"  geometric mean, made to sum to 1  {geometric.round(4).tolist()}   (it summed to {total:.3f})")
    print(f"  one network, weights halved       {halved.round(4).tolist()}")
    print(f"  arithmetic mean                   {(chance @ answers).round(4).tolist()}")
    difference = np.abs(geometric - halved).max()
    assert difference < 1e-12 if name == "one hidden layer" else difference > 1e-3
    assert np.abs(chance @ answers - halved).max() > 1e-3

# %% [markdown]
# Equal to twelve digits with one layer. (The lecture leaves out that the geometric mean must be renormalised: by itself it sums to less than 1.) The *arithmetic* mean, which is what you would call an average of predictions, is something else.
#
# <span id="c065"></span>With two layers the equality is gone: a ReLU between the layers is not linear in the mask. The lecture calls halving "a pretty good approximation" there. How good? It depends on the weights. On random networks the difference can be large. Ask the network that we *trained* with dropout, on real digits:

# %%
trained = [
    (stack.weights[i][2].detach().double().numpy().T, stack.biases[i][2, 0].detach().double().numpy()) for i in range(3)
]
sampler = np.random.default_rng(SEED)
whole, sampled = [], []
for image in test_x[:40].double().numpy():
    random_masks = [draw_mask((400, 128), 0.5, sampler) / 0.5 for _ in range(2)]
    thinned = predict(image, trained, random_masks)
    sampled.append(geometric_mean(thinned, np.full(400, 1 / 400))[0])
    whole.append(predict(image, trained))  # libraries scale in training, so the whole network needs no halving
off = np.abs(np.array(whole) - np.array(sampled)).max(axis=1)
same = (np.argmax(whole, axis=1) == np.argmax(sampled, axis=1)).mean()

random_off = []
for seed in range(40):
    draw = np.random.default_rng(seed)
    layers, point = random_layers([5, 5, 5, 3], draw, scale=2.0), draw.normal(size=5)
    random_off.append(
        np.abs(geometric_mean(*thinned_predictions(point, layers))[0] - scaled_prediction(point, layers)).max()
    )
print(
    f"largest error of a probability, median and worst of 40: trained network {np.median(off):.4f}, {off.max():.3f};"
    f" random networks {np.median(random_off):.3f}, {max(random_off):.3f}"
)
print(f"same answer on {same:.0%} of 40 digits")
assert np.median(off) < np.median(random_off)
assert max(random_off) > 0.1
assert same >= 0.9

# %% [markdown]
# So: usable on the network that dropout trained, not exact, and sizeable on random weights. Measure it on yours.
#
# **Option 1 by sampling.** If you cannot enumerate, sample $M$ masks. The error of an average falls like $1/\sqrt M$, as for every mean of independent draws. Here are both averages of the one-layer network above, held against the full enumeration:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Error of the averaged prediction against the number of sampled masks on two log axes: for the arithmetic and for the geometric mean, dots fall along straight lines of slope minus one half from 4 to 4096 masks."}}
answers, chance = thinned_predictions(np.random.default_rng(7).normal(size=5), one_layer)
exact = {"arithmetic": chance @ answers, "geometric": geometric_mean(answers, chance)[0]}
counts = [4, 16, 64, 256, 1024, 4096]
sampler, error = np.random.default_rng(SEED), {"arithmetic": [], "geometric": []}
for count in counts:
    drawn = answers[sampler.choice(len(answers), size=(200, count), p=chance)]  # 200 averages of `count`: (200, M, 3)
    logs = np.exp(np.log(drawn).mean(axis=1))
    averages = {"arithmetic": drawn.mean(axis=1), "geometric": logs / logs.sum(axis=1, keepdims=True)}
    for kind, average in averages.items():
        error[kind].append(np.sqrt(((average - exact[kind]) ** 2).sum(axis=1).mean()))
spread = np.sqrt((chance @ (answers - exact["arithmetic"]) ** 2).sum())
figure, axes = plt.subplots(figsize=(5.6, 2.7))
axes.plot(counts, spread / np.sqrt(counts), color=COLORS["blue"], label=r"spread of one mask / $\sqrt{M}$")
axes.plot(counts, error["arithmetic"], "o", color=COLORS["vermillion"], label="arithmetic mean")
axes.plot(counts, error["geometric"], "s", color=COLORS["green"], label="geometric mean")
axes.set(xscale="log", yscale="log", xlabel="masks sampled, M", ylabel="error of the average")
axes.legend()
plt.show()
for kind, errors in error.items():
    power = np.polyfit(np.log(counts[2:]), np.log(errors[2:]), 1)[0]
    print(f"{kind:10s} mean: slope on log axes from 64 masks on {power:.2f}; the Monte Carlo rate is -0.50")
    assert abs(power + 0.5) < 0.06

# %% [markdown]
# ### Units that lean on each other
#
# The lecture gives a reason why dropout works: it prevents [co-adaptation](../book/glossary.md#co-adaptation), units that are useful only when certain other units are present. That can be measured. Take the last hidden layer on the test digits, and look at three things: how strongly units correlate; how much the loss rises when the *most* important unit is silenced; and how much it rises when a random half of the units is missing.

# %% tags=["band-regularisers"]
drop_half = (np.random.default_rng(SEED).random((20, 128)) < 0.5).astype(float)
for key, i in (("none", NONE), ("half", HALF)):
    units = stack.hidden(test_x)[i].detach().double().numpy()
    out, out_bias = stack.weights[-1][i].detach().double().numpy().T, stack.biases[-1][i, 0].detach().double().numpy()
    regularisers_result[f"{key}_correlation"] = mean_absolute_correlation(units)
    regularisers_result[f"{key}_damage"] = float(knockout_damage(units, out, out_bias, test_y.numpy()).max())
    regularisers_result[f"{key}_missing"] = masked_loss(units, out, out_bias, test_y.numpy(), drop_half)

# %%
print("20 seeds                                   without dropout             with dropout 0.5")
for metric, label in (
    ("correlation", "mean |correlation| of two units"),
    ("damage", "loss added by the worst single loss"),
    ("missing", "loss with a random half missing"),
):
    a, b = (band(rec, f"{key}_{metric}") for key in ("none", "half"))
    print(
        f"{label:37s} {a.minimum:.3f} to {a.maximum:.3f} ({a.median:.3f})   {b.minimum:.3f} to {b.maximum:.3f} ({b.median:.3f})"
    )
    assert b.maximum < a.median
    assert band(rec, f"none_{metric}").contains(regularisers_result[f"none_{metric}"], slack=0.1)

# %% [markdown]
# All three fall. The second line is the cleanest: with dropout no single unit matters much. (The third is less of a surprise: missing units are what the network trained for.)
#
# ### Is it better than L2 and L1?
#
# <span id="c066"></span>The lecture says so: dropout "pulls the weights towards what other models want", and that is "better than L2 and L1, that pull weights towards zero". Two statements, and both can be checked. First the comparison. Each method at the strength that the held-out digits chose, on the test digits, over 20 seeds.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels of seed bands for no regulariser, L1, L2, dropout, and dropout with L2. Left: accuracy, where dropout and the combination lie a little to the right of the others. Right: test loss, where the five differ more, the combination lies lowest and the unregularised network highest."}}
labels = {"none": "none", "L1, tuned": "l1", "L2, tuned": "l2", "dropout, tuned": "dropout", "dropout + L2": "both"}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8))
for axes, metric, title in ((left, "accuracy", "test accuracy"), (right, "loss", "test loss")):
    band_rows(
        axes,
        {label: band(rec, f"{key}_{metric}") for label, key in labels.items()},
        {label: regularisers_result[f"{key}_{metric}"] for label, key in labels.items()},
    )
    axes.set(xlabel=title)
right.set_yticklabels([])
plt.show()

# %%
runs = {k: np.array(v) for k, v in load_record(rec)["metrics"].items()}
difference = runs["dropout_accuracy"] - runs["l2_accuracy"]
doubt = difference.std(ddof=1) / np.sqrt(len(difference))
loss_difference = runs["dropout_loss"] - runs["l2_loss"]
loss_doubt = loss_difference.std(ddof=1) / np.sqrt(len(difference))
print(
    f"accuracy, dropout minus L2: {100 * difference.mean():+.2f} ± {100 * doubt:.2f} points; higher in {(difference > 0).sum()}, lower in {(difference < 0).sum()} of {len(difference)} seeds"
)
print(
    f"loss, dropout minus L2:     {loss_difference.mean():+.3f} ± {loss_doubt:.3f}; lower in {(loss_difference < 0).sum()} of {len(difference)} seeds"
)
print(f"length of the weights: without {band(rec, 'none_length')}; with dropout 0.5 {band(rec, 'half_length')}")
assert 0 < difference.mean() < 0.015
assert min((difference > 0).sum(), (difference < 0).sum()) >= 3  # each wins some seeds
assert abs(loss_difference.mean()) < 2 * loss_doubt
assert band(rec, "half_length").minimum > band(rec, "none_length").maximum

# %% [markdown]
# So: on accuracy dropout is ahead of L2 on average, by half a point, a little more than twice its own uncertainty. By the *loss* there is nothing between them. And the combination is at least as good as either. "Better than L2" is too strong: better on some measure, on some data, with some luck of the draw. The band of one method covers most of the band of every other, so with a single run you could have "proved" any order you like.
#
# The last line of the output answers the second statement for this network: with dropout the weights are *longer*, not shorter. It does not pull to zero here.
#
# Is that a law? Here theory is sharper than any experiment. Put dropout on the *inputs* of a linear regression and average the squared error over all masks. The variance of the masked sum adds up term by term:
#
# $$ \operatorname{E}_m \frac{1}{2N}\sum_i \Big(y_i - \sum_d \frac{m_d\, x_{id}}{1-p} w_d\Big)^2 \;=\; \frac{1}{2N}\sum_i (y_i - w^\top x_i)^2 + \frac{p}{2(1-p)} \sum_d w_d^2\; \overline{x_d^2} . \tag{4.19} $$
#
# The second term *is* an L2 penalty, with a strength of its own for each weight ([Wager et al., 2013](../book/references.md#wager-2013)). So in the one case that can be solved exactly, dropout does pull the weights towards **zero**, harder where the input is large.

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.dropout import (
    all_masks,
    dropout_loss,
    fit_dropout_regression,
    mask_probability,
)

some = np.random.default_rng(SEED)
x_small, y_small, w_small = some.normal(size=(8, 4)) * [1, 2, 3, 4], some.normal(size=8), some.normal(size=4)
every = all_masks(4)
enumerated = (
    np.mean(
        [
            mask_probability(every, 0.3) @ (yi - dropout(xi, every, 0.3) @ w_small) ** 2
            for xi, yi in zip(x_small, y_small)
        ]
    )
    / 2
)
print(f"all 16 masks: {enumerated:.10f}   equation 4.19: {dropout_loss(w_small, x_small, y_small, 0.3):.10f}")
assert np.isclose(enumerated, dropout_loss(w_small, x_small, y_small, 0.3), rtol=1e-12)

at, seen = measure_row(SEED)
lengths = [np.linalg.norm(fit_dropout_regression(waves[at], seen, rate)) for rate in (0.0, 0.2, 0.5, 0.8)]
print("sixteen waves, length of the best weights for p = 0, 0.2, 0.5, 0.8:", [f"{v:.2f}" for v in lengths])
assert lengths == sorted(lengths, reverse=True)

# %% [markdown]
# ### Where dropout sits
#
# <span id="c067"></span>The lecture adds that dropout is less useful for fully convolutional networks, and most useful where there are huge fully connected layers. Try it: the same two convolutions on 200 digits, once with a fully connected head of 128 units, once with nothing but convolutions and an average over the picture. Each with and without dropout, at the learning rate that suits it.


# %% tags=["band-convolution"]
def convolutional_net(head, rate):
    torch.manual_seed(SEED)
    body = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
    if head == "fc":
        body += [nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(rate)]
        return nn.Sequential(*body, nn.Linear(512, 128), nn.ReLU(), nn.Dropout(rate), nn.Linear(128, 10))
    body += [nn.Dropout(rate), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Dropout(rate)]
    return nn.Sequential(*body, nn.Conv2d(32, 10, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def train_convolutional(head, rate, lr, steps=200):
    net = convolutional_net(head, rate)
    chosen = torch.randperm(1297, generator=torch.Generator().manual_seed(SEED))[:200]
    images, labels = digits_x[chosen].reshape(-1, 1, 8, 8), digits_y[chosen]
    adam, draw = torch.optim.Adam(net.parameters(), lr), torch.Generator().manual_seed(SEED)
    for _ in range(steps):
        index = torch.randint(200, (32,), generator=draw)
        adam.zero_grad()
        F.cross_entropy(net(images[index]), labels[index]).backward()
        adam.step()
    net.eval()
    with torch.no_grad():
        logits = net(test_x.reshape(-1, 1, 8, 8))
    return float((logits.argmax(dim=1) == test_y).double().mean()), float(F.cross_entropy(logits, test_y))


convolution_result = {}
for head, lr, tried in (("fc", 3e-3, (0.0, 0.5)), ("conv", 1e-2, (0.0, 0.1, 0.5))):  # each with a rate that suits it
    for rate in tried:
        accuracy, loss = train_convolutional(head, rate, lr)
        convolution_result[f"{head}_{rate:g}"], convolution_result[f"{head}_{rate:g}_loss"] = accuracy, loss
        if rate > 0:
            convolution_result[f"{head}_{rate:g}_gain"] = accuracy - convolution_result[f"{head}_0"]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three seed bands of the change in test accuracy when dropout is switched on: with a fully connected head and rate 0.5 it is narrow and lies mostly a little above zero; for convolutions only, both rates spread widely around zero."}}
gains = {
    "fc head, rate 0.5": "fc_0.5_gain",
    "conv only, rate 0.1": "conv_0.1_gain",
    "conv only, rate 0.5": "conv_0.5_gain",
}
figure, axes = plt.subplots(figsize=(6.2, 2.0))
band_rows(
    axes,
    {label: band("04d_regularisation.convolution", key) for label, key in gains.items()},
    {label: convolution_result[key] for label, key in gains.items()},
)
axes.axvline(0, color=COLORS["ink"], linewidth=1, linestyle=":")
axes.set(xlabel="accuracy with dropout minus accuracy without")
plt.show()
for label, key in gains.items():
    print(f"{label:20s} gain {band('04d_regularisation.convolution', key)}")
losses = {
    key: band("04d_regularisation.convolution", f"{key}_loss").median
    for key in ("fc_0", "fc_0.5", "conv_0", "conv_0.1", "conv_0.5")
}
paired = {key: np.array(values) for key, values in load_record("04d_regularisation.convolution")["metrics"].items()}
for head, label in (("fc", "fc head"), ("conv", "conv only")):
    lower = (paired[f"{head}_0.5_loss"] < paired[f"{head}_0_loss"]).sum()
    print(f"{label:20s} rate 0.5 lowers the test loss in {lower} of 20 seeds")
    assert lower == {"fc": 19, "conv": 4}[head]
print("median test loss:", {key: round(value, 2) for key, value in losses.items()})
assert losses["fc_0.5"] < losses["fc_0"] - 0.03
assert losses["conv_0.5"] > losses["conv_0"]
for metric, value in convolution_result.items():
    assert band("04d_regularisation.convolution", metric).contains(value, slack=0.1), (metric, value)

# %% [markdown]
# With the fully connected head, dropout buys a little accuracy and a clearly lower loss. The same rate inside the convolutions makes the loss *higher*; a rate of 0.1 changes nothing that you could tell from luck. So here the lecture is right. Two reasons: a convolution has few weights to overfit with, and neighbouring pixels tell nearly the same, so silencing one of them hides little and only adds noise. (One small data set, two small networks. It is an example, not a law.)
#
# ## Ask fifty times
#
# Leave dropout *on* at test time and ask the same question again and again. Each pass is another thinned network. Where all agree, be confident; where they disagree, be careful. This is [Monte Carlo dropout](../book/glossary.md#monte-carlo-dropout). [Gal and Ghahramani (2016)](../book/references.md#gal-ghahramani-2016) showed that it approximates a Bayesian answer: an average over plausible networks. The measure of doubt is the entropy of the averaged prediction, over $T$ passes:
#
# $$ \bar p = \frac1T\sum_{t=1}^{T} p_t, \qquad H(\bar p) = -\sum_k \bar p_k \log \bar p_k . \tag{4.20} $$
#
# A good measure of doubt is small on digits and large on things that are no digits. We show the trained network letters (T and L), patches of photographs, pure noise, and *digits turned by 90 degrees*. The score is the [AUROC](../book/glossary.md#auroc): take one digit and one stranger, how often is the stranger the more doubtful one? 0.5 is chance.
#
# > **Predict.** Which of the four kinds of strangers will the network recognise best, and which worst?

# %% tags=["hide-input", "band-doubt"]
from course_utils.scratch.perceptrons.stroke_letters import draw_letters
from course_utils.scratch.regularisation.monte_carlo_dropout import (
    auroc,
    entropy,
    predictive_entropy,
    stochastic_predictions,
)


def strangers(count=300):
    draw = np.random.default_rng(SEED)
    letters = torch.as_tensor(draw_letters("TL", count, seed=SEED)[0]).float()[:, None]
    letters = F.adaptive_avg_pool2d(letters, 8).reshape(count, 64)
    patches = []
    for name in ("camera", "coins", "grass", "gravel", "brick", "cat"):
        gray = data.photo(name, size=128, gray=True)[0].float() / 255
        for top, left in draw.integers(0, 120, (count // 6, 2)):
            patches.append(gray[top : top + 8, left : left + 8].reshape(64))
    return {
        "letters": letters / letters.amax(dim=1, keepdim=True),
        "photographs": torch.stack(patches),
        "noise": torch.as_tensor(draw.random((count, 64))).float(),
        "turned": torch.rot90(test_x[:count].reshape(-1, 8, 8), 1, (1, 2)).reshape(-1, 64),
    }


# %% tags=["band-doubt"]
torch.manual_seed(SEED)
doubter = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)
)
adam = torch.optim.Adam(doubter.parameters(), 3e-3)
for _ in range(500):
    index = torch.randint(1297, (50,))
    adam.zero_grad()
    F.cross_entropy(doubter(digits_x[index]), digits_y[index]).backward()
    adam.step()
doubter.eval()


def doubts(pictures):
    with torch.no_grad():
        single = entropy(doubter(pictures).double().softmax(dim=1).numpy())
    return predictive_entropy(stochastic_predictions(doubter, pictures, 50, seed=SEED)), single


own, own_single = doubts(test_x)
crowd = strangers()
doubt_result = {}
with torch.no_grad():
    doubt_result["accuracy"] = float((doubter(test_x).argmax(dim=1) == test_y).double().mean())
for kind, pictures in crowd.items():
    theirs, theirs_single = doubts(pictures)
    doubt_result[kind], doubt_result[f"{kind}_single"] = auroc(own, theirs), auroc(own_single, theirs_single)

# %% mystnb={"image": {"alt": "Five rows of eight small pictures, 8 by 8 pixels: test digits, letters T and L, photograph patches, noise, and digits turned by 90 degrees."}}
shown = torch.cat([test_x[:8], *(pictures[:8] for pictures in crowd.values())]).reshape(-1, 8, 8)
plotting.image_grid(shown, columns=8, size=0.55)

# %%
print("AUROC, 20 seeds      50 passes with dropout              one pass without")
for kind in crowd:
    many, one = band("04d_regularisation.doubt", kind), band("04d_regularisation.doubt", f"{kind}_single")
    print(
        f"  {kind:12s} {many.minimum:.3f} to {many.maximum:.3f}, median {many.median:.3f}    {one.minimum:.3f} to {one.maximum:.3f}, median {one.median:.3f}"
    )
    assert many.contains(doubt_result[kind], slack=0.1), (kind, doubt_result[kind])
for kind in ("letters", "photographs", "noise"):
    assert band("04d_regularisation.doubt", kind).minimum > 0.7
with torch.no_grad():
    turned_answers = doubter(crowd["turned"]).softmax(dim=1)
counts_turned = torch.bincount(turned_answers.argmax(dim=1), minlength=10)
print(
    f"turned digits: {counts_turned.max()} of 300 are called {counts_turned.argmax()}, mean confidence {turned_answers.amax(dim=1).mean():.1%}"
)
others = test_x[test_y != 4].reshape(-1, 8, 8).clone()
others[:, [0, 1, 6, 7]] = 0
with torch.no_grad():
    wiped = (doubter(others.flatten(1)).argmax(dim=1) == 4).sum()
print(f"upright digits that are no 4, top and bottom two rows wiped: {wiped} of {len(others)} are called 4")
assert counts_turned.argmax() == 4
assert wiped > len(others) / 2
assert band("04d_regularisation.doubt", "turned").maximum < 0.5

# %% [markdown]
# Letters, photographs and noise are recognised well above chance. Most of that is already in *one* pass without dropout: compare the two columns. And then the turned digits. They are the *least* doubtful of all: the network is surer of them than of real digits, and in this run it calls every single one the same digit, at nearly full confidence. Why a four? Ask the network: wipe the two top and the two bottom rows of upright digits that are *no* fours, and it calls most of them fours. Digits are tall, so their ink runs from the top row to the bottom row; a turned digit has its ink across the middle, and to this network that alone means four. All thinned networks have learned it, so all agree.
#
# So doubt from dropout is a useful signal, and no guarantee. The thinned networks can only disagree about what training left open *along the directions that the masks explore*. Test a measure of doubt on the strangers that you expect, and on some that you do not.
#
# ## A little doubt in the targets
#
# Cross-entropy with hard targets is never satisfied: it wants the right probability to be 1, so it wants the lead of the right logit to be infinite. **[Label smoothing](../book/glossary.md#label-smoothing)** asks for a little less. One lecture writes it as
#
# $$ L = (1 - \epsilon)\,\log p(y|x) + \epsilon\,\log\big(1 - p(y|x)\big) . $$
#
# <span id="c061"></span>Look at the sign first. Logs of probabilities are negative, so this $L$ is negative, and *minimising* it drives $p(y|x)$ to zero. It is the negative of a loss. Now the second term. Why is it $\log(1 - p)$? With two classes, $1 - p$ is the probability of the other class, and all is well. With $K$ classes it is the probability of *all others together*, and the formula does not mind how they share it.
#
# Derive it instead. Cross-entropy compares the prediction with a target distribution $q$: $-\sum_k q_k \log p_k$. The hard target is 1 for the right class. Mix it with the uniform distribution, $q_k = (1 - \epsilon)\,1_{k = y} + \epsilon/K$, and put it in ([Szegedy et al., 2016](../book/references.md#szegedy-2016b)):
#
# $$ L = -(1 - \epsilon)\,\log p_y \;-\; \frac{\epsilon}{K}\sum_{k=1}^{K} \log p_k . \tag{4.21} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.regularisation.label_smoothing import best_gap, lecture_formula, smoothed_cross_entropy

draw = np.random.default_rng(SEED)
logits, classes = draw.normal(size=(5, 4)), draw.integers(0, 4, 5)
library = F.cross_entropy(torch.tensor(logits), torch.tensor(classes), label_smoothing=0.1).item()
print(f"five examples, four classes, ε = 0.1: the lecture's formula {lecture_formula(logits, classes, 0.1):.3f}")
print(f"  equation 4.21 {smoothed_cross_entropy(logits, classes, 0.1):.3f}, torch {library:.3f}")
assert lecture_formula(logits, classes, 0.1) < 0
assert np.isclose(smoothed_cross_entropy(logits, classes, 0.1), library, rtol=1e-12)

lumped, spread_out = np.log([[0.9, 0.098, 0.001, 0.001]]), np.log([[0.9, 1 / 30, 1 / 30, 1 / 30]])
print("p = (.9, .098, .001, .001) and (.9, .033, .033, .033):")
print(
    f"  minus the lecture's formula {-lecture_formula(lumped, [0], 0.1):.4f} and {-lecture_formula(spread_out, [0], 0.1):.4f}"
)
print(
    f"  equation 4.21               {smoothed_cross_entropy(lumped, [0], 0.1):.4f} and {smoothed_cross_entropy(spread_out, [0], 0.1):.4f}"
)
assert np.isclose(lecture_formula(lumped, [0], 0.1), lecture_formula(spread_out, [0], 0.1))
assert smoothed_cross_entropy(lumped, [0], 0.1) > smoothed_cross_entropy(spread_out, [0], 0.1) + 0.05

two, side = draw.normal(size=(20, 2)), draw.integers(0, 2, 20)
assert np.isclose(-lecture_formula(two, side, 0.1), smoothed_cross_entropy(two, side, 0.2), rtol=1e-12)
print("two classes: minus the lecture's formula at ε is equation 4.21 at 2ε, exactly")

# %% [markdown]
# With two classes, and the sign turned, the lecture's formula is smoothing with *twice* its $\epsilon$: it gives $\epsilon$ to the wrong class, the standard form $\epsilon/2$. With more classes no $\epsilon$ makes them equal.
#
# What does it do? Set the gradient to zero: the right logit wants to lead by $\log\frac{K(1-\epsilon) + \epsilon}{\epsilon}$, a finite number. Look at the network of the stack that was trained with $\epsilon = 0.1$:

# %% tags=["band-regularisers"]
with torch.no_grad():
    for key, i in (("plain", NONE), ("smooth", SMOOTH)):
        probabilities = stack.logits(test_x)[i].softmax(dim=1)
        regularisers_result[f"{key}_confidence"] = float(probabilities.amax(dim=1).mean())
        wrong = probabilities.argmax(dim=1) != test_y
        regularisers_result[f"{key}_confidence_wrong"] = float(probabilities.amax(dim=1)[wrong].mean())

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two histograms of the highest probability on test digits: without smoothing nearly all digits are at 1, with smoothing most lie between 0.8 and 0.95."}}
with torch.no_grad():
    tops = [stack.logits(test_x)[i].softmax(dim=1).amax(dim=1).numpy() for i in (NONE, SMOOTH)]
figure, axes = plt.subplots(figsize=(6.2, 2.5))
axes.hist(tops[0], bins=40, range=(0.2, 1), color=COLORS["blue"], alpha=0.6, label="hard targets")
axes.hist(tops[1], bins=40, range=(0.2, 1), color=COLORS["vermillion"], alpha=0.6, label="smoothed, ε = 0.1")
axes.set(xlabel="highest probability", ylabel="test digits")
axes.legend(loc="upper left")
plt.show()

# %%
lead = best_gap(10, 0.1)
print(f"the best lead for K = 10, ε = 0.1 is {lead:.2f}: a probability of {np.exp(lead) / (np.exp(lead) + 9):.2f}")
for metric, label in (("confidence", "confidence"), ("confidence_wrong", "confidence when wrong")):
    a, b = band(rec, f"plain_{metric}"), band(rec, f"smooth_{metric}")
    print(f"{label:22s} hard {a};  smoothed {b}")
    for key in ("plain", "smooth"):
        assert band(rec, f"{key}_{metric}").contains(regularisers_result[f"{key}_{metric}"], slack=0.05)
assert band(rec, "smooth_confidence").maximum < band(rec, "plain_confidence").minimum
assert band(rec, "smooth_confidence_wrong").maximum < band(rec, "plain_confidence_wrong").median
assert np.isclose(np.exp(lead) / (np.exp(lead) + 9), 0.91)
print(f"{'accuracy':22s} hard {band(rec, 'none_accuracy')};  smoothed {band(rec, 'smooth_accuracy')}")
assert band(rec, "smooth_accuracy").median > band(rec, "dropout_accuracy").median

# %% [markdown]
# Confidence comes down to what was asked for, and it comes down most where the network is wrong. On these few digits the accuracy rises too, more than with dropout. Do not expect that everywhere: on 300 digits of MNIST, [at the end of this chapter](#at-scale), it falls.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked. How gradients are averaged and steps are made is checked in [chapter 04](04_training.ipynb#checked-claims).
#
# | claim | verdict | finding |
# |---|---|---|
# | [C060](#c060) $\frac{1}{2N}\sum_{i=0}^{N}$ and $\frac{\lambda}{2N}\sum_{j=0}^{M}$ | imprecise | one term too many in each sum; and $\lambda/(2N)$ is another scale than the slide before |
# | [C061](#c061) Smoothing: $(1-\epsilon)\log p + \epsilon\log(1-p)$ | false | the sign is turned, and it is right for two classes only |
# | [C062](#c062) Dropout is like training many thinned networks | true | $2^H$ masks, one set of weights |
# | [C063](#c063) At test time, halve the outgoing weights | true | exact for the mean of the sum; libraries scale in training instead |
# | [C064](#c064) One hidden layer: halving is the geometric mean | true | to $10^{-12}$, once the mean is renormalised |
# | [C065](#c065) Several layers: a good approximation | imprecise | usable on a trained network, far off on random ones |
# | [C066](#c066) Better than L1 and L2; does not pull to zero | imprecise | half a point of accuracy over L2 on average, a tie by the loss; in regression it *is* a pull to zero |
# | [C067](#c067) Less useful for fully convolutional networks | true | on 200 digits: a lower loss with the fully connected head in 19 of 20 seeds, inside the convolutions in 4 |
#
# ## Pitfalls
#
# **1. Dropout left on.** Forget `model.eval()` and the test accuracy becomes a lottery, and worse:

# %%
with torch.no_grad():
    doubter.eval()
    calm = (doubter(test_x).argmax(dim=1) == test_y).double().mean().item()
    doubter.train()
    torch.manual_seed(SEED)
    restless = [(doubter(test_x).argmax(dim=1) == test_y).double().mean().item() for _ in range(20)]
    doubter.eval()
print(f"eval(): {calm:.3f};  train(): {min(restless):.3f} to {max(restless):.3f}")
assert max(restless) < calm

# %% [markdown]
# **2. The strength chosen on the test digits.** Twelve networks, one lucky test set: pick the best of the twelve *there*, and report the score that made you pick it. Over the twenty seeds of the comparison above:

# %%
peeked, honest = runs["peeked_accuracy"], runs["honest_accuracy"]
print(f"accuracy reported: chosen on the test digits {peeked.mean():.4f}, on held-out digits {honest.mean():.4f}")
print(
    f"too good by {100 * (peeked - honest).mean():.2f} points on average, by up to {100 * (peeked - honest).max():.1f}"
)
assert (peeked >= honest).all()
assert (peeked - honest).mean() > 0.002

# %% [markdown]
# That is as much as most of the differences in this chapter. The held-out digits choose, the test digits are asked once.
#
# **3. A loss that cannot reach zero.** With smoothed targets the best possible loss is the entropy of the targets, not 0. So the two losses are on different scales, and each network looks better on the one that it was trained for:

# %%
smooth_target = np.full(10, 0.1 / 10)
smooth_target[0] += 0.9
floor = -(smooth_target * np.log(smooth_target)).sum()
print(f"best possible smoothed loss: {floor:.2f}")
asked = {}
with torch.no_grad():
    for name, position in (("hard targets", NONE), ("smoothed targets", SMOOTH)):
        scores = stack.logits(test_x)[position]
        asked[name] = [F.cross_entropy(scores, test_y, label_smoothing=eps).item() for eps in (0.0, 0.1)]
        print(
            f"trained on {name:17s} hard loss {asked[name][0]:.2f}, smoothed loss {asked[name][1]:.2f}, accuracy {test_accuracy[position]:.3f}"
        )
assert asked["hard targets"][0] < asked["smoothed targets"][0]
assert asked["hard targets"][1] > asked["smoothed targets"][1]
assert min(asked["hard targets"][1], asked["smoothed targets"][1]) > floor > 0.4

# %% [markdown]
# Compare two networks on *one* measure, and on one that neither was tuned to flatter: here the accuracy. The same holds for penalties: $\lambda/2\,\|w\|^2$ belongs into the training loss, not into a comparison.
#
# **4. Biases with a price.** The first of the sixteen waves is constant, a bias: it says how bright the row is on average. Weights are priced for how much they *bend*; a bias bends nothing. Raise all grey values by ten and pay for the bias as well:

# %% tags=["nbval-check-output"]
at, seen = measure_row(SEED)
with_bias = waves @ closed_form(waves[at], seen + 10, 0.05)
middle, centre = (seen + 10).mean(), waves[at, 1:].mean(axis=0)
without = middle + (waves[:, 1:] - centre) @ closed_form(waves[at, 1:] - centre, seen + 10 - middle, 0.05)
for name, guess in (("bias priced too", with_bias), ("bias free", without)):
    print(f"{name:16s} error on the row {np.sqrt(np.mean((guess - row - 10) ** 2)):.2f}")
assert np.mean((with_bias - row - 10) ** 2) > 1.2 * np.mean((without - row - 10) ** 2)

# %% [markdown]
# (The free bias comes from centring: subtract the means, fit, add them back.) Libraries do not know which of your parameters are biases. `weight_decay` prices them all, unless you put them into a parameter group of their own.
#
# ## Exercises
#
# **1. By hand** (ten minutes). $\lambda = 0.5$, one weight, loss $\frac12(w - a)^2$. Where is the lowest point with L1, and with L2, for $a = 0.3$, $1$ and $-2$? Then let a hundred steps of `proximal_step` and `step_with_penalty` check you.
#
# <details><summary>Hint</summary>
#
# The gradient of the loss is $w - a$. L1 moves $a$ towards zero by $\lambda$, L2 divides it by $1 + \lambda$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.scratch.regularisation.penalties import proximal_step

a = np.array([0.3, 1.0, -2.0])
by_hand = {"L1": [0.0, 0.5, -1.5], "L2": [0.2, 2 / 3, -4 / 3]}
one, two = np.zeros(3), np.zeros(3)
for _ in range(100):
    one = proximal_step(one, one - a, 0.3, 0.5)
    two = step_with_penalty(two, two - a, 0.3, 0.5)
print("L1", one.round(4).tolist(), " L2", two.round(4).tolist())
assert np.allclose(one, by_hand["L1"])
assert np.allclose(two, by_hand["L2"])
assert one[0] == 0

# %% [markdown]
# **2. A layer of your own** (twenty minutes). Write dropout as a class with `forward(x)`, `backward(gradient)` and a switch `training`, in NumPy. What must `forward` remember? Check the backward pass against autograd with the same mask.
#
# <details><summary>Hint</summary>
#
# Equation 4.17 is linear in $h$: the gradient takes the same mask and the same factor.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class OwnDropout:
    def __init__(self, rate, seed=0):
        self.rate, self.training, self.draw = rate, True, np.random.default_rng(seed)

    def forward(self, x):
        kept = self.draw.random(x.shape) >= self.rate if self.training else np.ones(x.shape)
        self.factor = kept / (1 - self.rate) if self.training else kept
        return x * self.factor

    def backward(self, gradient):
        return gradient * self.factor


mine, activations = OwnDropout(0.3), np.random.default_rng(1).normal(size=(50, 40))
result = mine.forward(activations)
ask = torch.tensor(activations, requires_grad=True)
(ask * torch.tensor(mine.factor)).pow(2).sum().backward()
assert np.allclose(mine.backward(2 * result), ask.grad)
mine.training = False
assert np.array_equal(mine.forward(activations), activations)
print(f"share dropped {np.mean(result == 0):.3f}; backward pass equals autograd's; in evaluation nothing changes")

# %% [markdown]
# **3. Other rates** (twenty minutes). Show on the one-layer network that 4.18 holds for every drop rate, not only one half. What must "geometric mean" mean then?
#
# <details><summary>Hint</summary>
#
# A mask with $k$ units on has probability $(1-p)^k p^{H-k}$. Use it as the exponent.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for rate in (0.1, 0.3, 0.8):
    answers, chance = thinned_predictions(np.ones(5), one_layer, rate)
    weighted_mean, _ = geometric_mean(answers, chance)
    unweighted, _ = geometric_mean(answers, np.full(len(answers), 1 / len(answers)))
    exact = scaled_prediction(np.ones(5), one_layer, rate)
    print(
        f"p = {rate}: weighted {np.abs(weighted_mean - exact).max():.0e}, unweighted off by {np.abs(unweighted - exact).max():.2f}"
    )
    assert np.abs(weighted_mean - exact).max() < 1e-12 < np.abs(unweighted - exact).max()

# %% [markdown]
# **4. Noise is a penalty** (half an hour). Add Gaussian noise of deviation $s$ to every *input* of a linear regression, afresh at each step. Show on paper that the expected loss is the plain one plus an L2 penalty, and find its $\lambda$. Check it on the sixteen waves with 20,000 noisy copies.
#
# <details><summary>Hint</summary>
#
# $\operatorname{E}\,(y - w^\top(x + n))^2 = (y - w^\top x)^2 + \operatorname{E}\,(w^\top n)^2$, because the cross term has mean zero.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
at, seen = measure_row(SEED)
draw, deviation, copies = np.random.default_rng(SEED), 0.2, 20_000
noisy = np.repeat(waves[at], copies, axis=0) + deviation * draw.normal(size=(16 * copies, 16))
by_noise, by_price = closed_form(noisy, np.repeat(seen, copies)), closed_form(waves[at], seen, deviation**2)
print(f"largest difference {np.abs(by_noise - by_price).max():.4f}, largest weight {np.abs(by_price).max():.2f}")
assert np.abs(by_noise - by_price).max() < 0.02  # E (w.n)^2 / 2 = s^2 |w|^2 / 2: the strength is s^2

# %% [markdown]
# **5. Doubt or disagreement** (half an hour). The entropy of the average has two parts: how unsure each pass is on its own, on average, and how much the passes *disagree*. `disagreement` in `monte_carlo_dropout` gives the second part. Is it the better alarm? Compute both AUROCs for the four kinds of strangers.
#
# <details><summary>Hint</summary>
#
# `stochastic_predictions(doubter, pictures, 50, seed=SEED)` returns what both scores need.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils.scratch.regularisation.monte_carlo_dropout import disagreement

passes = {kind: stochastic_predictions(doubter, p, 50, seed=SEED) for kind, p in {"own": test_x, **crowd}.items()}
for kind in crowd:
    whole_doubt = auroc(predictive_entropy(passes["own"]), predictive_entropy(passes[kind]))
    apart = auroc(disagreement(passes["own"]), disagreement(passes[kind]))
    print(f"{kind:12s} entropy of the average {whole_doubt:.3f}, disagreement alone {apart:.3f}")
    assert (apart > 0.7) == (kind != "turned")

# %% [markdown]
# **6. Until it stops helping** (an evening). Train with no regulariser and with dropout 0.5 on 50, 200 and 1,000 digits, three seeds each. Plot the loss on the test digits. Where does dropout stop paying?
#
# <details><summary>Hint</summary>
#
# `train_side_by_side` takes both networks at once. Give each size the same number of steps.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
saved = {}
for count in (50, 200, 1000):
    for seed in range(3):
        part = torch.randperm(1297, generator=torch.Generator().manual_seed(seed))[:count]
        both = {"none": Regulariser(), "dropout": Regulariser(dropout=0.5)}
        nets = train_side_by_side(
            digits_x[part], digits_y[part], both, hidden=(128, 128), steps=300, batch_size=min(50, count), seed=seed
        )
        saved.setdefault(count, []).append(nets.scores(test_x, test_y)[0].tolist())
for count, pairs in saved.items():
    without, with_dropout = np.mean(pairs, axis=0)
    print(f"{count:4d} digits: test loss {without:.3f} without, {with_dropout:.3f} with dropout")
    assert count == 1000 or with_dropout < without

# %% [markdown]
# ## At scale
#
# The comparison of [Is it better than L2 and L1?](#is-it-better-than-l2-and-l1) on [MNIST](../book/references.md#lecun-1998): $28 \times 28$ pixels, two hidden layers of 128 units, 300 or 3,000 training digits, strengths chosen on 2,000
# held-out digits, 10,000 test digits. `course data mnist` fetches the digits, `python -m tools.record_training regularisers` repeats the runs.

# %%
record = load_record("04d_regularisation.mnist")
print("test accuracy (and loss), medians       " + "".join(f"{size:>14,d} digits" for size in record["sizes"]))
for method in ("none", "l2", "dropout", "both", "smoothing"):
    row = [
        (
            band("04d_regularisation.mnist", f"{method}_{n}_accuracy").median,
            band("04d_regularisation.mnist", f"{method}_{n}_loss").median,
        )
        for n in record["sizes"]
    ]
    print(f"  {method:36s}  " + "".join(f"     {accuracy:.3f} ({loss:.3f})" for accuracy, loss in row))
print(
    f"{len(record['seeds'])} seeds; {record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}"
)
for size in record["sizes"]:
    assert (
        band("04d_regularisation.mnist", f"both_{size}_loss").median
        < band("04d_regularisation.mnist", f"none_{size}_loss").median
    )
lowest = [
    min(("none", "l2", "dropout"), key=lambda m: band("04d_regularisation.mnist", f"{m}_{n}_loss").median)
    for n in record["sizes"]
]
assert lowest == ["l2", "dropout"]
assert (
    band("04d_regularisation.mnist", "smoothing_300_accuracy").median
    < band("04d_regularisation.mnist", "none_300_accuracy").median
)

# %% [markdown]
# The combination of dropout and L2 has a lower loss than no regulariser at either size, as on the small digits. With 300 digits L2 alone has the lowest loss, with 3,000 dropout alone: which regulariser is best depends on how much data you have. And read along the rows: ten times the data lowers the loss by more than any regulariser does. Regularise when you cannot collect.
#
# ## Summary
#
# - A free fit spends its freedom on the noise. A price on the weights takes it back, most of it along the directions the examples hardly determine.
# - Penalty and decay are the same for SGD, not for Adam. L1 makes exact zeros, by the soft threshold.
# - Dropout trains $2^H$ networks at once. Scaling is their geometric mean for one hidden layer, an approximation for more.
# - It is ahead of L2 on some measures and on some data. The bands overlap; report them.
# - Doubt measured by dropout finds many strangers, and can be confidently fooled.
# - Smooth the targets, with the right formula, and do not compare its loss with another one.
# - Choose on held-out examples. Ask the test set once.
#
# ## Further reading
#
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 7: the same ground at length.
# - [Loshchilov and Hutter (2019)](../book/references.md#loshchilov-hutter-2019): why decay is not a penalty for Adam.
# - [Srivastava et al. (2014)](../book/references.md#srivastava-2014): dropout, with every experiment you would ask for.
# - [Wager et al. (2013)](../book/references.md#wager-2013): dropout as a penalty that adapts to the inputs.
# - [Gal and Ghahramani (2016)](../book/references.md#gal-ghahramani-2016): what the disagreement of thinned networks means.
#
# ## The next question
#
# Every regulariser here lost to ten times the data. Often you cannot collect ten times the data. But you can flip, shift and recolour what you have, stop in time, tune with care, and ask several networks instead of one. How much is each of these worth? → [Getting more from the same data](04e_generalisation.ipynb)
