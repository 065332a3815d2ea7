# %% [markdown]
# # Training
#
# You have a loss and its gradient. Now walk. This chapter builds the common ways to walk downhill, from one line to Adam, and the ones that use the
# curvature, and says what each of them is good for.
#
# **You will be able to**
#
# - say when gradient descent arrives, and how fast, from two numbers of the loss;
# - estimate a gradient from a few examples, and say how wrong the estimate is;
# - write momentum, RMSProp and Adam from memory, and show that your version is PyTorch's, step for step;
# - choose between a first-order and a second-order method, and count their cost honestly;
# - compare two optimisers fairly: each at its own learning rate, over many seeds.
#
# **You need** gradients and the chain rule (chapters [02](02_mlp.ipynb) and [03](03_backprop.ipynb)), and the bowl of
# [How large a step](01_perceptron.ipynb#how-large-a-step).
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
from course_utils.plotting.optimisation import band_rows, valley, walk
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MlpPlayground, OptimiserSurface

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## One valley, four walkers
#
# Cover one pixel of a photograph. Can you guess its grey value from the pixel to its left and the pixel above? Take a weighted
# sum, $\hat y = w_1 \cdot \text{left} + w_2 \cdot \text{above}$, and look for the two weights that guess best. Two weights: a loss that you can
# *see*. Every point of the plane below is a pair of weights, and the grey lines join pairs with the same loss. The cross is the best pair.
#
# It is not a bowl. It is a **ravine**: steep across, almost flat along. Nobody built it that way; it comes with the photograph, and with
# almost every other. In ten minutes you will know why.
#
# Four methods start at the same corner and take 25 steps each.
#
# > **Predict.** Plain gradient descent always goes straight across the grey lines. Draw its path through a ravine. What would a walker with momentum do there, like a ball that
# > cannot stop at once, and why would anyone want that?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A long narrow valley that runs diagonally from the upper left to the lower right, with four paths of 25 steps from its upper left end. Plain descent drops to the valley floor and creeps; momentum swings along the floor and reaches the cross; Adam first runs across the floor, far up the other wall, and turns back; Newton jumps to the cross in one step."}}
from course_utils.scratch.optimisation.adam import Adam
from course_utils.scratch.optimisation.gradient_descent import (
    GradientDescent,
    closed_form,
    example_gradients,
    follow,
    hessian,
    least_squares_gradient,
)
from course_utils.scratch.optimisation.momentum import Momentum, best_momentum, best_plain
from course_utils.scratch.optimisation.newton import newton

photo = data.photo("camera", size=96, gray=True)[0].double().numpy() / 255
photo = (photo - photo.mean()) / photo.std()
x = np.stack([photo[1:, :-1].ravel(), photo[:-1, 1:].ravel()], axis=1)  # left, above: (N, 2)
y = photo[1:, 1:].ravel()

H, best = hessian(x), closed_form(x, y)
low, high = np.linalg.eigvalsh(H)
slope = lambda w: least_squares_gradient(w, x, y)
corner = np.array([-1.2, 1.4])

figure, axes = plt.subplots(figsize=(5.6, 4.6))
valley(axes, H, best, (-1.7, 1.7), (-0.6, 2.6))
walk(axes, follow(slope, corner, GradientDescent(0.75), 25), "plain descent", 0)
walk(axes, follow(slope, corner, Momentum(0.75, 0.7), 25), "momentum", 1)
walk(axes, follow(slope, corner, Adam(0.2), 25), "Adam", 4)
walk(axes, newton(slope, lambda w: H, corner, 1), "Newton, one step", 6, markersize=6)
axes.set_title("Guessing a pixel from its two neighbours")
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# Plain descent is on the floor of the ravine after a few steps, and then creeps. Momentum swings from wall to wall, but it runs along the floor at the same time, and arrives. Adam starts with steps of equal
# length in both weights, which carry it past the floor before it turns. Newton knows the shape of the ground and jumps. You will build all four, and each will turn out to be
# the best choice somewhere.
#
# ### Walk yourself
#
# Here is a ravine made to measure: curvature 1 along its floor and 30 across. Three walkers are on, three wait in the table: Newton, and two that are new. [*Nesterov*](../book/glossary.md#nesterov-momentum) is momentum that looks one step ahead ([exercise 2](#exercises)), *RMSProp* is one
# half of Adam. Drag the ring, press Play, and try these three:
#
# 1. Raise the condition number slowly to 70. Who runs away first, who second? Who never does?
# 2. Set it back to 30, switch all six on, note how many steps each needs, and set "Ravine turned by" to 0°. Whose count changes most?
# 3. Choose the surface "two basins", which has a shallow basin on the right and a deep one on the left. Then choose "saddle", flat in the middle and falling to two sides.
#
# > **Predict.** Which of the six gets into the deep basin? And where does Newton end on the saddle?

# %%
OptimiserSurface()

# %% tags=["hide-input", "nbval-check-output"]
from course_utils.widgets.optimiser_surface import RULES, first_below


def told(**settings):
    """Steps to a loss below 0.01, for every walker of the figure; a dash if 500 do not do."""
    figure = OptimiserSurface(shown=RULES, **settings)
    counts = {}
    for rule in RULES:
        losses = figure.losses(rule, 500)
        arrived = first_below(losses, 0.01)
        counts[rule] = "away" if len(losses) <= 500 else "-" if arrived < 0 else arrived
    return counts


trials = {
    "ravine, condition 30": told(),
    "condition 40": told(condition=40.0),
    "condition 70": told(condition=70.0),
    "condition 30, along axis": told(turn=0.0),
    "two basins": told(surface="two basins"),
    "saddle": told(surface="saddle"),
}
print("steps to loss 0.01" + " " * 6 + "".join(f"{rule.replace('gradient ', ''):>9s}" for rule in RULES))
for name, counts in trials.items():
    print(f"{name:24s}" + "".join(f"{counts[rule]!s:>9s}" for rule in RULES))
assert trials["condition 40"]["gradient descent"] == trials["condition 70"]["momentum"] == "away"
assert [rule for rule, count in trials["two basins"].items() if count != "-"] == ["momentum"]
assert [rule for rule, count in trials["saddle"].items() if count == "-"] == ["Newton"]
assert trials["condition 30, along axis"]["RMSProp"] < trials["ravine, condition 30"]["RMSProp"] / 5

# %% [markdown]
# Every line of this table is a section below. Descent and momentum have a largest rate, and it shrinks as the ravine gets steeper; Nesterov's is smaller still, and it has run away before you touch anything.
# RMSProp and Adam have no such limit, but they care which way the ravine runs. Only momentum carries enough speed through the shallow basin. And Newton walks *to the saddle* and rests there, because the slope is zero.

# %% [markdown]
# ## Downhill, with all examples at once
#
# The loss is the mean squared error, halved so that its derivative is clean:
#
# $$ E(w) = \frac{1}{2N}\sum_{i=1}^{N} \left(w^\top x_i - y_i\right)^2, \qquad \nabla E(w) = \frac1N \sum_{i=1}^{N} (w^\top x_i - y_i)\, x_i . \tag{4.1} $$
#
# <span id="c070"></span>The lecture's rule is one line, $w^{(t+1)} = w^{(t)} - \lambda\, \partial E/\partial w$. It uses $\lambda$ for the learning rate. We need that
# letter for curvatures (and, later, for penalties) and keep $\eta$, as in [the perceptron](01_perceptron.ipynb#how-large-a-step):
#
# $$ w \leftarrow w - \eta\, \nabla E(w) . \tag{4.2} $$
#
# This loss is special: you can solve it with pen and paper. Set the gradient to zero, and the sums become a small linear system:
#
# $$ \Big(\tfrac1N \textstyle\sum_i x_i x_i^\top\Big)\, w^* = \tfrac1N \textstyle\sum_i x_i\, y_i , \qquad\text{in matrices}\quad w^* = \left(X^\top X\right)^{-1} X^\top y . \tag{4.3} $$
#
# So there is a right answer to compare with. Write the loop, run it, and check three things: that its steps are those of `torch.optim.SGD`, that the
# gradient is the one autograd finds, and that it arrives at $w^*$.

# %% tags=["nbval-check-output"]
w = np.zeros(2)
theirs = torch.zeros(2, dtype=torch.float64, requires_grad=True)
optimiser = torch.optim.SGD([theirs], lr=0.75)
tx, ty = torch.tensor(x), torch.tensor(y)
for _ in range(700):
    optimiser.zero_grad()
    (0.5 * ((tx @ theirs - ty) ** 2).mean()).backward()
    gradient = (x @ w - y) @ x / len(x)
    assert np.allclose(gradient, theirs.grad, rtol=0, atol=1e-12)
    w = w - 0.75 * gradient
    optimiser.step()
    assert np.allclose(w, theirs.detach(), rtol=0, atol=1e-11)

print(f"{len(x):,} pixels; after 700 steps {w.round(4).tolist()}, closed form {best.round(4).tolist()}")
assert np.abs(w - best).max() < 1e-8

# %% [markdown]
# The same to eight digits. But 700 steps for two weights! [Chapter 01](01_perceptron.ipynb#how-large-a-step) showed how one curvature $\lambda$ sets the speed of descent: a step multiplies the error by $1 - \eta\lambda$, and the rate must stay below $2/\lambda$.
# Here there are two weights, and the second derivatives form a matrix, the [Hessian](../book/glossary.md#hessian) $H = \frac1N X^\top X$. Its
# eigenvectors are the directions of the ravine, its eigenvalues are the curvatures along them:

# %% tags=["nbval-check-output"]
values, vectors = np.linalg.eigh(H)
for value, vector in zip(values, vectors.T):
    vector = vector * np.sign(vector[1])
    print(f"curvature {value:.2f} along {vector.round(2).tolist()}")
kappa = high / low
print(f"condition number {kappa:.0f}")
assert 40 < kappa < 55
assert np.allclose(np.abs(vectors), np.sqrt(0.5), atol=0.01)

# %% [markdown]
# Read it. The steep direction is $(1, 1)$: change both weights together and the *brightness* of the guess changes, which matters everywhere. The flat
# direction is $(-1, 1)$: shift weight from left to above. Left and above are nearly the same number in a photograph, so that changes almost nothing. **Correlated inputs make
# ravines**, and neighbouring pixels are always correlated.
#
# The number that counts is the ratio of the two, the [condition number](../book/glossary.md#condition-number) $\kappa = \lambda_{\max}/\lambda_{\min}$. One learning rate must
# serve both directions, and stay below $2/\lambda_{\max}$ for the steep one. The best compromise gives both factors the same size:
#
# $$ \eta = \frac{2}{\lambda_{\min} + \lambda_{\max}}, \qquad \text{error} \;\propto\; \left(\frac{\kappa - 1}{\kappa + 1}\right)^{t} . \tag{4.4} $$
#
# For large $\kappa$ the factor is about $1 - 2/\kappa$: **the number of steps grows in proportion to the condition number.**
#
# > **Predict.** $\kappa \approx 46$. About how many steps does the best plain descent need to make the error a million times smaller: 30, 300 or 3,000?

# %% tags=["nbval-check-output"]
eta, rho = best_plain(low, high)
errors = np.linalg.norm(follow(slope, corner, GradientDescent(eta), 400) - best, axis=1)
needed = int(np.argmax(errors < 1e-6 * errors[0]))
print(f"factor a step {rho:.3f}: theory {np.log(1e-6) / np.log(rho):.0f} steps, counted {needed}")
assert abs(needed - np.log(1e-6) / np.log(rho)) < 5

# %% [markdown]
# ## A few examples at a time
#
# Each of those steps looked at all 9,025 pixels to move two numbers. The gradient is a *mean* over examples. Do you need all of them to estimate a mean? An opinion poll
# does not ask the whole country.
#
# Cut the examples into [batches](../book/glossary.md#batch) of $B$. The mean of one batch, $\hat g$, is an estimate of the full
# gradient $g$. <span id="c068"></span>The lecture says that stochastic gradient descent estimates the gradient by averaging over a few samples. It does so without bias: average the estimates of all
# $M$ equal batches, and you have the full gradient, exactly:
#
# $$ \frac1M \sum_{m=1}^{M} \hat g_m = g, \qquad \hat g_m = \frac1B \sum_{i \,\in\, \text{batch } m} \nabla E_i . \tag{4.5} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.optimisation.batches import batch_means, epoch_batches, expected_noise, measured_noise

each = example_gradients(np.zeros(2), x, y)  # one gradient a pixel: (9025, 2)
full = each.mean(axis=0)
estimates = batch_means(each, 95, np.random.default_rng(SEED))  # 95 batches of 95
assert len(estimates) * 95 == len(each)
assert np.abs(estimates.mean(axis=0) - full).max() < 1e-12
print("full gradient:             ", full.round(4).tolist())
print("mean of 95 batch gradients:", estimates.mean(axis=0).round(4).tolist())
print("three single batches:      ", *[g.round(2).tolist() for g in estimates[:3]])

# %% [markdown]
# <span id="c069"></span>**Mean or sum?** Another lecture defines the error as a *sum* over all samples and says that SGD approximates its derivative from a subset. With sums that is not true as it stands: ten of a hundred
# examples give a sum about *ten times too small*. You must either multiply by $N/B$ or use means on both sides. This is a trap in practice too: with `reduction="sum"` the
# right learning rate changes with the batch size, and a rate that worked for 32 blows up at 256.

# %% tags=["nbval-check-output"]
hundred = each[:100]
of_batch, of_all = hundred.reshape(10, 10, 2).sum(axis=1), hundred.sum(axis=0)
ratio = of_batch.mean(axis=0) / of_all
print(f"mean of the batch sums / full sum: {ratio.round(3).tolist()}  (B/N = {10 / 100})")
print(f"times N/B:                         {(ratio * 100 / 10).round(3).tolist()}")
assert np.allclose(ratio, 0.1)

summed = lambda size: follow(lambda v: size * slope(v), np.zeros(2), GradientDescent(0.02), 500)[-1]
with np.errstate(all="ignore"):
    print(f"sums, rate 0.02: batches of 32 end at {summed(32).round(2).tolist()}, of 256 at {summed(256)}")
    assert np.abs(summed(32) - best).max() < 0.01
    assert not np.isfinite(summed(256)).all()

# %% [markdown]
# **How wrong is a batch?** Let $\sigma$ be the typical distance of *one* example's gradient from the full one. Averaging $B$ independent draws shrinks it by $\sqrt B$. We draw
# *without* putting back, which helps a little more when the batch is a good part of the set:
#
# $$ \text{noise}(B) = \frac{\sigma}{\sqrt{B}} \cdot \sqrt{\frac{N - B}{N - 1}} . \tag{4.6} $$
#
# > **Predict.** You want half the noise. How much more work is that?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Noise of the batch gradient against batch size on two log axes: measured dots lie on a line of slope minus one half over three decades and drop to zero as the batch becomes the whole set."}}
sizes = [1, 4, 16, 64, 256, 1024, 4096, 8000]
draws = np.random.default_rng(SEED)
seen = [measured_noise(each, size, 300, draws) for size in sizes]
smooth = np.unique(np.geomspace(1, len(each) - 1, 200).astype(int))
figure, axes = plt.subplots(figsize=(6.2, 3.0))
axes.plot(smooth, [expected_noise(each, int(b)) for b in smooth], color=COLORS["blue"], label="equation 4.6")
axes.plot(sizes, seen, "o", color=COLORS["vermillion"], label="measured on 300 batches")
axes.plot(smooth, expected_noise(each, 1) / np.sqrt(smooth), ":", color=COLORS["gray"], label=r"$\sigma/\sqrt{B}$")
axes.set(xscale="log", yscale="log", xlabel="batch size B", ylabel="distance to the full gradient")
axes.legend()
plt.show()

# %% tags=["nbval-check-output"]
for size, value in zip(sizes, seen):
    assert abs(value / expected_noise(each, size) - 1) < 0.2, size
print(f"four times the batch, noise divided by {expected_noise(each, 16) / expected_noise(each, 64):.2f}")

# %% [markdown]
# Half the noise costs four times the work. That is a bad bargain, so cheap noisy steps win at the beginning. But they have a price at the end: with a constant rate the weights never come to
# rest. They hover around the minimum in a cloud whose size goes with $\eta$ and $1/B$. Letting the rate fall brings them to rest:


# %% tags=["hide-input"] mystnb={"image": {"alt": "Distance to the best weights against examples looked at, both on log axes. Batches of 32 fall much earlier than the full batch, but level off; with a falling rate they keep descending; the full batch starts late and falls steadily."}}
def distances(batch_size, rate, epochs):
    order, w, t, path = np.random.default_rng(SEED), corner, 0, []
    for _ in range(epochs):
        for index in epoch_batches(len(x), batch_size, order):
            w = w - rate(t) * least_squares_gradient(w, x[index], y[index])
            t += 1
            path.append(np.linalg.norm(w - best))
    return np.arange(1, t + 1) * batch_size, np.array(path)


constant = distances(32, lambda t: 0.3, 30)
falling = distances(32, lambda t: 0.3 / (1 + t / 300), 30)
whole = distances(len(x), lambda t: eta, 30)
figure, axes = plt.subplots(figsize=(6.6, 3.1))
for (looked, distance), label in (
    (constant, "B = 32, constant rate"),
    (falling, "B = 32, falling rate"),
    (whole, "all"),
):
    shown = np.unique(np.geomspace(1, len(looked), 250).astype(int)) - 1
    axes.plot(looked[shown], distance[shown], label=label, linewidth=1.4)
axes.set(xscale="log", yscale="log", xlabel="examples looked at", ylabel="distance to the best weights")
axes.legend()
plt.show()
after_one = int(np.ceil(len(x) / 32))
assert constant[1][after_one - 1] < 0.2 * whole[1][0]  # after one pass over the data
assert falling[1][-500:].mean() < 0.5 * constant[1][-500:].mean()

# %% [markdown]
# ## Every example once
#
# Which examples go into a batch? You could draw them at random each time. But then, after $N$ draws, about a third of the examples ($1/e$) have not been seen at all. The habit of
# the field is to shuffle the deck and deal it out: one pass is an [epoch](../book/glossary.md#epoch), and every example is used once.

# %% tags=["nbval-check-output"]
deck = np.random.default_rng(SEED)
for epoch in range(3):
    dealt = np.concatenate(list(epoch_batches(1297, 32, deck)))
    assert np.array_equal(np.sort(dealt), np.arange(1297))  # each index exactly once
    print(f"epoch {epoch}: {len(np.unique(dealt))} of 1297 seen, beginning with {dealt[:5].tolist()}")
drawn = np.random.default_rng(SEED).integers(0, 1297, 1297)
print(f"drawn with replacement: {len(np.unique(drawn))} of 1297 seen; expected {1297 * (1 - np.exp(-1)):.0f}")

# %% [markdown]
# Does shuffling matter? Train a small network on the digits four ways, three epochs each: shuffled anew; in one random order that stays; drawn with replacement; and sorted by class, as
# files often come.
#
# > **Predict.** In sorted order the last batches hold nines only. What will the network answer to everything?

# %% tags=["band-shuffle", "band-curvature"]
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data

train_digits, test_digits = data.load("digits", "train"), data.load("digits", "test")
digits_x, digits_y = train_digits.images.flatten(1).float() / 255, train_digits.labels  # (1297, 64)
test_x, test_y = test_digits.images.flatten(1).float() / 255, test_digits.labels

# %% tags=["band-shuffle"]
from course_utils.scratch.optimisation.batches import epoch_batches


def train_in_order(orders):
    """Three epochs of plain SGD on batches of 32; `orders` yields the order of each epoch."""
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    descent = torch.optim.SGD(net.parameters(), lr=0.2)
    for order in orders:
        for index in torch.as_tensor(order).split(32):
            descent.zero_grad()
            F.cross_entropy(net(digits_x[index]), digits_y[index]).backward()
            descent.step()
    with torch.no_grad():
        answers = net(test_x).argmax(dim=1)
    return float((answers == test_y).double().mean()), answers


rng = np.random.default_rng(SEED)
shuffled, _ = train_in_order([rng.permutation(1297) for _ in range(3)])
fixed, _ = train_in_order([rng.permutation(1297)] * 3)
replaced, _ = train_in_order([rng.integers(0, 1297, 1297) for _ in range(3)])
in_classes, sorted_answers = train_in_order([np.argsort(digits_y.numpy(), kind="stable")] * 3)
shuffle_result = {"shuffled": shuffled, "fixed": fixed, "replaced": replaced, "sorted": in_classes}

# %% mystnb={"image": {"alt": "Four horizontal seed bands of test accuracy: shuffled, one fixed random order and drawn with replacement overlap near 0.9, sorted by class lies near 0.1."}}
rows = {
    "shuffled anew": "shuffled",
    "one random order": "fixed",
    "with replacement": "replaced",
    "sorted by class": "sorted",
}
bands = {label: band("04_training.shuffle", metric) for label, metric in rows.items()}
figure, axes = plt.subplots(figsize=(6.4, 2.4))
band_rows(axes, bands, {label: shuffle_result[metric] for label, metric in rows.items()})
axes.set(xlabel="accuracy on 500 test digits after three epochs (20 seeds)", xlim=(0, 1))
plt.show()
for label, metric in rows.items():
    assert bands[label].contains(shuffle_result[metric], slack=0.03), (label, shuffle_result[metric])
    print(f"{label:17s} {bands[label]}")
print("sorted, answers given:", torch.bincount(sorted_answers, minlength=10).tolist())
assert bands["sorted by class"].maximum < bands["shuffled anew"].minimum - 0.3

# %% [markdown]
# Sorted order is a disaster: the network says "nine" to everything, because that is what it heard last. One *fixed* random order costs little here. Fresh shuffling is the safe habit, not magic: on these digits the three random ways overlap.
#
# ## A ball with momentum
#
# Back to the ravine. Plain descent wastes its steps on the walls: across the ravine the gradient changes its sign every step; along the floor it is small but always points the same way.
# So *average* the gradients: what alternates cancels, what persists adds up. A ball rolling down does that by itself. Give the weights a velocity $v$; that is [momentum](../book/glossary.md#momentum):
#
# $$ v \leftarrow \alpha\, v + \eta\, \nabla E(w), \qquad w \leftarrow w - v . \tag{4.7} $$
#
# <span id="c071"></span>This is the lecture's rule ([Polyak, 1964](../book/references.md#polyak-1964)), with one slip put right: the lecture prints $\Delta E$, the change of the error, where the *gradient* $\nabla E$ is meant. Is it what the library does? PyTorch leaves $\eta$ out of the velocity: $v \leftarrow \alpha v + \nabla E$, $w \leftarrow w - \eta v$.

# %% tags=["nbval-check-output"]
ours, velocity = corner.copy(), np.zeros(2)
theirs = torch.tensor(corner, requires_grad=True)
optimiser = torch.optim.SGD([theirs], lr=0.3, momentum=0.9)
for t in range(40):
    if t == 20:
        same_until_here = np.abs(ours - theirs.detach().numpy()).max()
        for group in optimiser.param_groups:
            group["lr"] = 0.03  # from here on a tenth of the rate
    velocity = 0.9 * velocity + (0.3 if t < 20 else 0.03) * slope(ours)
    ours = ours - velocity
    optimiser.zero_grad()
    theirs.grad = torch.tensor(slope(theirs.detach().numpy()))
    optimiser.step()
    if t == 20:
        print(f"one step after the change: difference {np.abs(ours - theirs.detach().numpy()).max():.3f}")
print(f"20 steps at a constant rate: largest difference {same_until_here:.0e}")
assert same_until_here < 1e-12

# %% [markdown]
# The same numbers while the rate stays the same: substitute $v \to \eta v$. When a schedule *changes* the rate they part: in the lecture's form the old velocity keeps rolling at the old speed, in PyTorch's it obeys the new rate at once.
#
# <span id="c072"></span>**How fast does the ball get?** On a constant slope $g$ the velocity settles where $v = \alpha v + \eta g$:
#
# $$ v_\infty = \frac{\eta\, g}{1 - \alpha} . \tag{4.8} $$
#
# So on a plateau, where the gradient is tiny but steady, $\alpha = 0.5$ doubles the speed and $\alpha = 0.9$ makes it ten times faster. The lecture is right: it speeds up plateaus, for $0 \le \alpha < 1$. It also takes a while to get going, and to *stop*:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Speed over plain descent against steps: for alpha 0.5 it rises to 2 within five steps, for 0.9 to 10 within forty; after the slope ends at step 60 both fall back to zero, 0.9 more slowly."}}
figure, axes = plt.subplots(figsize=(6.2, 2.7))
plateau = lambda length: iter([np.ones(1)] * length + [np.zeros(1)] * 40)
for alpha, color in ((0.0, "gray"), (0.5, "blue"), (0.9, "vermillion")):
    gradients = plateau(60)
    path = follow(lambda w, gradients=gradients: next(gradients), [0.0], Momentum(0.01, alpha), 100)[:, 0]
    axes.plot(-np.diff(path) / 0.01, color=COLORS[color], label=f"α = {alpha}")
    assert np.isclose(-np.diff(path)[59] / 0.01, 1 / (1 - alpha), rtol=0.01)
axes.axvline(60, color=COLORS["ink"], linestyle=":", linewidth=1)
axes.text(59, 5, "the slope ends", fontsize=9, ha="right")
axes.set(xlabel="step", ylabel="speed / plain descent", title="Terminal speed 1 / (1 − α)")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# ### The best momentum for a ravine
#
# On a parabola with curvature $\lambda$ one step is a $2 \times 2$ matrix on the pair (error, velocity):
#
# $$ \begin{pmatrix} w \\ v \end{pmatrix} \leftarrow \begin{pmatrix} 1 - \eta\lambda & -\alpha \\ \eta\lambda & \alpha \end{pmatrix} \begin{pmatrix} w \\ v \end{pmatrix} . $$
#
# In the long run the error shrinks by the matrix's largest eigenvalue. Its determinant is $\alpha$ (check: $(1 - \eta\lambda)\alpha + \alpha\eta\lambda$), so the two eigenvalues multiply to $\alpha$. If they are complex, they are
# conjugate, and **both have size $\sqrt\alpha$, whatever the curvature is**. The path swings, but every direction shrinks at the same speed! They are complex as long as $(1 - \sqrt\alpha)^2 \le \eta\lambda \le (1 + \sqrt\alpha)^2$. Make $\alpha$ just large enough that both ends of the ravine lie in that window:
#
# $$ \sqrt\alpha = \rho = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}, \qquad \eta = \frac{4}{\left(\sqrt{\lambda_{\max}} + \sqrt{\lambda_{\min}}\right)^2} . \tag{4.9} $$
#
# Compare with 4.4: $\kappa$ has become $\sqrt\kappa$. A ravine with $\kappa = 10{,}000$ takes a hundred times fewer steps. Is it true that no pair $(\eta, \alpha)$ is better? Try them all:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Colour map over learning rate and momentum: the factor a step is near 1 at the left and top, lowest in a small dark spot near rate 1.5 and momentum 0.55, where a cross stands, and white beyond a slanted line where it diverges. A second mark at momentum 0 shows plain descent's best rate."}}
from course_utils.scratch.optimisation.momentum import momentum_rate

lr_best, alpha_best, rho_best = best_momentum(low, high)
rates, shares = np.linspace(0.05, 2.2, 44), np.linspace(0, 0.98, 50)
factor = np.array([[max(momentum_rate(c, r, a) for c in (low, high)) for r in rates] for a in shares])
figure, axes = plt.subplots(figsize=(6.2, 3.4))
picture = axes.pcolormesh(
    rates, shares, np.where(factor < 1, factor, np.nan), cmap="viridis", vmin=0.7, vmax=1, rasterized=True
)
axes.plot(
    lr_best, alpha_best, "X", color=COLORS["vermillion"], markersize=11, markeredgecolor="white", label="equation 4.9"
)
axes.plot(
    eta,
    0.0,
    "o",
    color=COLORS["sky"],
    markersize=9,
    markeredgecolor="white",
    clip_on=False,
    label="best plain descent",
)
axes.set(xlabel="learning rate η", ylabel="momentum α", title="Factor a step, worse of the two directions")
axes.legend(loc="lower right")
figure.colorbar(picture, label="factor (white: diverges)")
plt.show()

# %% tags=["nbval-check-output"]
assert factor.min() >= rho_best - 1e-9
assert np.isclose(max(momentum_rate(c, lr_best, alpha_best) for c in (low, high)), rho_best, atol=1e-6)
steps_plain = int(np.argmax(errors < 1e-6 * errors[0]))
ball = np.linalg.norm(follow(slope, corner, Momentum(lr_best, alpha_best), 400) - best, axis=1)
steps_ball = int(np.flatnonzero(ball >= 1e-6 * ball[0])[-1]) + 1
print(f"best rate {lr_best:.2f}, best momentum {alpha_best:.2f}, factor {rho_best:.3f} instead of {rho:.3f}")
print(f"steps to a millionth of the error: plain {steps_plain}, momentum {steps_ball}")
assert steps_ball < steps_plain / 4

# %% [markdown]
# Too little momentum creeps along the floor. Too much swings for ever: with $\alpha = 0.98$ nothing shrinks faster than $\sqrt{0.98} = 0.99$ a step. Nobody knows $\kappa$ of a real network, so one starts at 0.9 and looks.

# %% [markdown]
# ## A rate for every weight
#
# Momentum still has one rate for all weights. Suppose that one weight sees gradients around 1 and another around 0.001: a rare feature, a deep layer, a pixel that is nearly always dark. Whatever rate
# you choose is wrong for one of them. **[RMSProp](../book/glossary.md#rmsprop)** ([Tieleman and Hinton, 2012](../book/references.md#tieleman-hinton-2012)) keeps, for every weight, a running mean of its *squared* gradient, and divides by the root:
#
# $$ s \leftarrow \beta\, s + (1 - \beta)\, g^2, \qquad w \leftarrow w - \eta\, \frac{g}{\sqrt{s} + \epsilon} . \tag{4.10} $$
#
# All operations are weight by weight. The tiny $\epsilon$ only prevents a division by zero. Multiply the loss by 1,000: $g$ grows by 1,000, $\sqrt s$ too, and the path stays the same. **[Adam](../book/glossary.md#adam)** ([Kingma and Ba, 2015](../book/references.md#kingma-ba-2015)) puts momentum on top, as a running mean $m$ of the gradient:
#
# $$ \begin{aligned}
#    m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2, \\
#    w &\leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat s} + \epsilon}, \qquad \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat s = \frac{s}{1 - \beta_2^t} .
#    \end{aligned} \tag{4.11} $$
#
# Write both by hand and hold them against the library, on 100 gradients whose sizes differ by seven orders of magnitude:

# %% tags=["nbval-check-output"]
gradients = np.random.default_rng(SEED).normal(size=(100, 4)) * [1e-3, 1.0, 10.0, 1e4]


def follow_library(make):
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimiser = make([weights])
    for g in gradients:
        weights.grad = torch.tensor(g)
        optimiser.step()
        yield weights.detach().numpy().copy()


w, s = np.ones(4), np.zeros(4)
for g, theirs in zip(gradients, follow_library(lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.99))):
    s = 0.99 * s + 0.01 * g**2
    w = w - 0.01 * g / (np.sqrt(s) + 1e-8)
    assert np.allclose(w, theirs, rtol=1e-10, atol=1e-12)
print("RMSProp: 100 steps equal torch.optim.RMSprop")

w, m, s = np.ones(4), np.zeros(4), np.zeros(4)
for t, (g, theirs) in enumerate(zip(gradients, follow_library(lambda p: torch.optim.Adam(p, lr=0.01))), start=1):
    m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
    m_hat, s_hat = m / (1 - 0.9**t), s / (1 - 0.999**t)
    w = w - 0.01 * m_hat / (np.sqrt(s_hat) + 1e-8)
    assert np.allclose(w, theirs, rtol=1e-10, atol=1e-12)
print("Adam:    100 steps equal torch.optim.Adam")

# %% [markdown]
# Why the hats? Both running means start at 0, so at first they are too small: after one step $m = 0.1\,g$ and $s = 0.001\,g^2$. You would think that too small a mean means too small a step.
#
# > **Predict.** Leave the hats away. Is the first step too short or too long, and by how much?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: length of Adam's step on a constant gradient, in units of the rate: with correction it is 1 throughout, without it starts above 3, peaks above 6 near step 12 and falls towards 1 over thousands of steps. Right: on the ravine the uncorrected path takes long steps from wall to wall and runs past the minimum; the corrected one takes short steps."}}
from course_utils.scratch.optimisation.adam import uncorrected_factor

factors = np.array([uncorrected_factor(t) for t in range(1, 3001)])
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.0))
left.plot(np.arange(1, 3001), factors, color=COLORS["sky"], label="without correction")
left.axhline(1, color=COLORS["purple"], label="with correction")
left.set(xscale="log", xlabel="step", ylabel="length / learning rate", ylim=(0, None))
left.legend()
valley(right, H, best, (-2.2, 2.6), (-1.2, 3.6))
for number, label, correct in ((4, "with correction", True), (5, "without", False)):
    walk(right, follow(slope, corner, Adam(0.2, correct_bias=correct), 25), label, number)
right.legend(loc="lower left")
plt.show()

# %% tags=["nbval-check-output"]
first = Adam(0.01, correct_bias=False).step(np.zeros(1), np.ones(1))
print(
    f"first step: {-first[0] / 0.01:.2f} times the rate; longest: {factors.max():.2f} times, at step {factors.argmax() + 1}"
)
assert np.isclose(-first[0] / 0.01, 0.1 / np.sqrt(0.001), rtol=1e-6)
assert np.isclose(-Adam(0.01).step(np.zeros(1), np.full(1, 1234.5))[0] / 0.01, 1)

# %% [markdown]
# Too *long*: the mean is ten times too small, but the root of the square is $\sqrt{1000} \approx 32$ times too small, and it sits in the denominator. The numerator warms up in ten steps, the
# denominator takes a thousand. With the correction the first step has length $\eta$ exactly, whatever the gradient is.
#
# Is Adam better, then? Look at what it can and cannot do. A rate for every *weight* helps if the ravine runs *along the axes*. Ours runs diagonally. Take a ravine with $\kappa = 1000$ in both positions, turn the start with it, give RMSProp and Adam the best rate from a grid, and count steps until 99 % of the distance is gone:
#
# > **Predict.** Which methods need the same number of steps in both positions, and which do not?


# %% tags=["hide-input"]
def steps_needed(matrix, start, make, rates, most=2600):
    found = most + 1
    for rate in rates:
        gone = np.linalg.norm(follow(lambda w: matrix @ w, start, make(rate), min(found, most)), axis=1)
        late = np.flatnonzero(gone > 0.01 * gone[0])
        found = min(found, late[-1] + 1 if len(late) else 0)
    return int(found)


from course_utils.scratch.optimisation.rmsprop import RMSProp

methods = {
    "plain descent": (GradientDescent, [2 / 1.001]),
    "momentum, best": (lambda r: Momentum(r, best_momentum(0.001, 1)[1]), [best_momentum(0.001, 1)[0]]),
    "RMSProp": (lambda r: RMSProp(r, 0.99), [0.003, 0.01, 0.03, 0.1, 0.3]),
    "Adam": (Adam, [0.03, 0.1, 0.3, 1.0, 3.0]),
}
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
table = {}
for name, (make, rates_tried) in methods.items():
    table[name] = [
        steps_needed(v @ np.diag([0.001, 1.0]) @ v.T, v @ [1.0, 1.2], make, rates_tried) for v in (np.eye(2), turn)
    ]
print("steps to 1 % of the distance     along the axes     turned by 45 degrees")
for name, (straight, turned) in table.items():
    print(f"{name:30s} {straight:12d}  {turned if turned <= 2600 else 'more than 2600':>22}")
assert table["Adam"][0] < table["plain descent"][0] / 20
assert table["Adam"][0] < table["momentum, best"][0] < table["Adam"][1] / 2
for unmoved in ("plain descent", "momentum, best"):
    assert table[unmoved][0] == table[unmoved][1]

# %% [markdown]
# Plain descent and momentum do not care which way the ravine runs: the same count, to the step. Adam turns a ravine along the axes into a round bowl and beats everything. In the turned one it still beats plain descent, but well-set momentum is more than twice as fast, and RMSProp has not arrived after 2,600 steps. There is no magic in it: it repairs *scales*, not *correlations*. Networks have plenty of scale trouble
# (layers, rare features), which is why Adam is the safe first choice; well-scaled convolutional networks often do as well with momentum, "the typical choice for ConvNets" in the lectures.
#
# ## Use the curvature
#
# If you know the Hessian, you need no rate at all. Replace the loss by its parabola at the current point, and jump to the lowest point of that:
#
# $$ w \leftarrow w - H(w)^{-1}\, \nabla E(w) . \tag{4.12} $$
#
# That is **[Newton's method](../book/glossary.md#newtons-method)**. On a parabola it arrives in one jump, however narrow the ravine is, as you saw in the first picture. Elsewhere it doubles the number of right digits with every step, once it is close. It has two weaknesses. The Hessian of a million weights has a million million entries. And where the ground curves *downward*, the "lowest point" of the parabola is its top: Newton climbs. That is why it walked to the middle of the saddle.

# %% tags=["nbval-check-output"]
jumped = newton(slope, lambda w: H, corner, 1)[-1]
print("ravine, one step, distance left:", f"{np.abs(jumped - best).max():.0e}")
assert np.abs(jumped - best).max() < 1e-12

roots = newton(lambda w: w**2 - 2, lambda w: np.diag(2 * w), [1.5], 4)[:, 0]  # minimum of w^3/3 - 2w
print("right digits of the square root of 2, step by step:", [f"{-np.log10(abs(r - 2**0.5)):.1f}" for r in roots[:4]])

hill = newton(lambda w: -np.sin(w), lambda w: -np.diag(np.cos(w)), [0.3], 5)[-1, 0]  # loss cos(w), top at 0
print(f"loss cos(w) from w = 0.3: Newton ends at w = {hill:.3f}, the maximum")
assert abs(hill) < 1e-6

# %% [markdown]
# ### A camera that moved: Gauss-Newton
#
# For a sum of squares, $\frac12\sum_i r_i(w)^2$, the second derivatives come almost for free. Write $J$ for the Jacobian, $J_{id} = \partial r_i/\partial w_d$. The Hessian is $J^\top J$ plus terms that carry a factor $r_i$. Drop those: near a good fit the residuals are small.
#
# $$ w \leftarrow w - \left(J^\top J\right)^{-1} J^\top r . \tag{4.13} $$
#
# A job for it: the camera moved between two pictures, by some three pixels each way. How far exactly, to a hundredth of a pixel? Residuals: difference of grey values after moving back by $w$. Jacobian: the slope of the picture.

# %% mystnb={"image": {"alt": "Left: a smoothed photograph of a cat. Middle: the same picture moved down and left by about three pixels. Right: error of the estimated shift in pixels on a log axis; Gauss-Newton reaches its floor in five steps, gradient descent in ten."}}
from scipy.ndimage import gaussian_filter, map_coordinates, shift

from course_utils.scratch.optimisation.newton import gauss_newton

before = gaussian_filter(data.photo("cat", size=96, gray=True)[0].double().numpy() / 255, 1.5)
true_shift = np.array([3.3, -2.6])
after = shift(before, true_shift, order=3, mode="nearest")
slope_down, slope_right = np.gradient(after)
grid = np.mgrid[16:80, 16:80].reshape(2, -1)
moved_back = lambda image, w: map_coordinates(image, grid + w[:, None], order=3)
residuals = lambda w: moved_back(after, w) - before[grid[0], grid[1]]
jacobian = lambda w: np.stack([moved_back(slope_down, w), moved_back(slope_right, w)], axis=1)

jumps = gauss_newton(residuals, jacobian, [0.0, 0.0], 8)
bend = np.linalg.eigvalsh(jacobian(true_shift).T @ jacobian(true_shift))
slide = follow(lambda w: jacobian(w).T @ residuals(w), [0.0, 0.0], GradientDescent(best_plain(*bend)[0]), 30)

figure, panels = plt.subplots(1, 3, figsize=(7, 2.5), width_ratios=(1, 1, 1.6))
for axes, image, title in zip(panels, (before, after), ("before", "after")):
    axes.imshow(image, cmap="gray")
    axes.set(title=title, xticks=[], yticks=[])
for path, label, color in ((slide, "gradient descent", "blue"), (jumps, "Gauss-Newton", "ink")):
    error = np.abs(path - true_shift).max(axis=1)
    panels[2].plot(error, "o-", color=COLORS[color], markersize=3, linewidth=1.2, label=label)
panels[2].set(yscale="log", xlabel="step", ylabel="error (pixels)")
panels[2].legend()
plt.show()
assert np.abs(jumps[4] - true_shift).max() < 1e-3 < np.abs(slide[4] - true_shift).max()
far = gauss_newton(residuals, jacobian, [-12.0, 14.0], 8)[-1]
print(
    f"found {jumps[-1].round(4).tolist()}, true {true_shift.tolist()}; from a start 20 pixels away: {far.round(1).tolist()}"
)
assert np.abs(far - true_shift).max() > 1

# %% [markdown]
# Less than a thousandth of a pixel in four steps. This is how trackers and stitchers align pictures ([Lucas and Kanade, 1981](../book/references.md#lucas-kanade-1981)). The last line is the price: from too far away the parabola describes the wrong valley, and it ends elsewhere.
#
# ### Many weights: L-BFGS
#
# A network has too many weights for any matrix. But each step you take tells you something about the curvature: how much the gradient changed along it. **L-BFGS** ([Liu and Nocedal, 1989](../book/references.md#liu-nocedal-1989)) keeps the last ten such pairs and applies the matrix that fits them, without ever writing it down. A line search then picks the length of the step.
#
# Race it against gradient descent on a network of 2,410 weights, until the training loss is 0.05. Every method pays for each gradient that it asks for. Plain descent gets the best rate of a grid.
#
# > **Predict.** Who needs the fewest gradients? And who looks at the fewest *examples*?

# %% tags=["band-curvature"]
from course_utils.scratch.optimisation.newton import lbfgs


def net_to_race():
    torch.manual_seed(SEED)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def race_lbfgs(goal=0.05):
    net = net_to_race().double()
    parts, wide_x = list(net.parameters()), digits_x.double()

    def value_and_gradient(weights):
        nn.utils.vector_to_parameters(torch.as_tensor(weights), parts)
        net.zero_grad()
        loss = F.cross_entropy(net(wide_x), digits_y)
        loss.backward()
        return loss.item(), nn.utils.parameters_to_vector([p.grad for p in parts]).numpy()

    start = nn.utils.parameters_to_vector(parts).detach().numpy().copy()
    return lbfgs(value_and_gradient, start, steps=200, goal=goal)


def race_descent(batch_size, lr, goal=0.05, most=900):
    net, draw, count = net_to_race(), torch.Generator().manual_seed(SEED), 0
    descent = torch.optim.SGD(net.parameters(), lr)
    while count < most:
        for index in torch.randperm(len(digits_x), generator=draw).split(batch_size):
            descent.zero_grad()
            F.cross_entropy(net(digits_x[index]), digits_y[index]).backward()
            descent.step()
            count += 1
            if count % 5 == 0:  # looking at the loss is not counted
                with torch.no_grad():
                    if F.cross_entropy(net(digits_x), digits_y) <= goal:
                        return count
    return most


quasi = race_lbfgs()
full_batch = min(race_descent(1297, lr) for lr in (0.7, 1.0, 1.2, 1.5))
mini_batch = min(race_descent(32, lr) for lr in (0.5, 1.0, 1.2))
curvature_result = {
    "lbfgs": quasi.evaluations[-1],
    "full_batch": full_batch,
    "mini_batch": mini_batch,
    "lbfgs_loss": quasi.losses[-1],
}

# %%
gradients_of = {name: band("04_training.curvature", name) for name in ("lbfgs", "full_batch", "mini_batch")}
print("gradients until the training loss is 0.05, and in passes over the digits:")
for name, share in (("lbfgs", 1.0), ("full_batch", 1.0), ("mini_batch", 32 / 1297)):
    mine, expected = curvature_result[name], gradients_of[name]
    print(
        f"  {name:10s} {mine:4.0f} gradients = {mine * share:5.1f} passes;  20 seeds: {expected.minimum:.0f} to {expected.maximum:.0f}"
    )
    assert expected.contains(mine, slack=0.2 * mine)
assert curvature_result["lbfgs_loss"] <= 0.05
assert gradients_of["lbfgs"].maximum < gradients_of["full_batch"].minimum
assert gradients_of["lbfgs"].maximum < gradients_of["mini_batch"].minimum
assert gradients_of["mini_batch"].median * 32 / 1297 < gradients_of["lbfgs"].median

# %% [markdown]
# Counted in gradients, L-BFGS wins by a wide margin. Counted in *work*, mini-batches win: each of their gradients costs a fortieth. That is why networks are trained with noisy first-order steps. Curvature estimates cannot stand much noise, so second-order
# methods shine where the full gradient is cheap and precision counts: alignment, calibration, a last layer.

# %% [markdown]
# ## Which one, then?
#
# Six walkers, and a network with a hundred thousand weights instead of two. Nobody can draw that ground. What you *can* do is try rates, from far too small to far too large, and look. Do it by hand first:
#
# 1. Train. Then set the batch size to 1 and press Reset, and then to the largest. Which loss curve is jagged, and which one is smooth? (Equation 4.6.)
# 2. For each of the two, look for the largest learning rate that still trains. Half of it is a good place to begin.
#
# > **Predict.** Batches of 1, of 10, and of all 120 points; rates 0.1, 1 and 3. Each batch size likes one of the rates best. Which?

# %%
MlpPlayground(data="moons", hidden=[8, 8], noise=0.3, lr=0.1, batch_size=10)

# %%
from course_utils.widgets.mlp_playground import evaluate

ends_at = {}
for batch_size in (1, 10, 120):
    for lr in (0.1, 1.0, 3.0):
        played = MlpPlayground(data="moons", hidden=[8, 8], noise=0.3, lr=lr, batch_size=batch_size)
        ends_at[batch_size, lr] = evaluate(played.trained(30), played.activation, played.points[0])["loss"]
print("training loss after 30 epochs   rate 0.1   rate 1   rate 3")
for batch_size in (1, 10, 120):
    row = [ends_at[batch_size, lr] for lr in (0.1, 1.0, 3.0)]
    print(f"batches of {batch_size:3d}          " + "".join(f"{loss:11.2f}" for loss in row))
    assert min(row) == row[(1, 10, 120).index(batch_size)]

# %% [markdown]
# The smaller the batch, the smaller the rate: a noisy estimate must be averaged over many short steps. So a rate without its batch size says nothing, and a comparison of two optimisers at the *same* rate says nothing either. Compare each at its own:
#
# > **Predict.** On MNIST, one epoch, ten rates from 0.0001 to 3: at which rate will Adam be best, and at which plain descent? Which of the two minds more if you miss it by a factor of ten?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Test accuracy on MNIST after one epoch against the learning rate, on a log axis, for four optimisers. RMSProp and Adam are best at 0.003 and 0.01 and fall slowly to both sides; momentum is best at 0.1; plain descent rises until rate 1 and falls to chance at 3. All four peaks have about the same height."}}
rates_record = load_record("04_training.rates")
titles = {"descent": "plain descent", "momentum": "momentum 0.9", "rmsprop": "RMSProp", "adam": "Adam"}
figure, axes = plt.subplots(figsize=(6.8, 3.4))
colours = {"descent": "blue", "momentum": "vermillion", "rmsprop": "green", "adam": "purple"}
for marker, rule in zip("osvD", rates_record["rules"]):
    found = [band("04_training.rates", f"{rule}_{lr:g}") for lr in rates_record["rates"]]
    color = COLORS[colours[rule]]
    ends = [f.minimum for f in found], [f.maximum for f in found]
    axes.fill_between(rates_record["rates"], *ends, color=color, alpha=0.2, linewidth=0)
    middles = [f.median for f in found]
    axes.plot(rates_record["rates"], middles, marker=marker, markersize=4, color=color, label=titles[rule])
axes.set(xscale="log", ylim=(0.5, 1), xlabel="learning rate", ylabel="test accuracy")
axes.legend(loc="lower center")
plt.show()

# %%
tops = {}
for rule in rates_record["rules"]:
    medians = {lr: band("04_training.rates", f"{rule}_{lr:g}").median for lr in rates_record["rates"]}
    tops[rule] = max(medians, key=medians.get)
    near = [lr for lr, accuracy in medians.items() if accuracy > 0.93]
    print(
        f"{titles[rule]:14s} best {medians[tops[rule]]:.3f} at {tops[rule]:g}; above 0.93 from {min(near):g} to {max(near):g};"
        f" {medians[0.001]:.3f} at 0.001"
    )
assert tops["descent"] >= 50 * max(tops["adam"], tops["rmsprop"])
peaks = [band("04_training.rates", f"{rule}_{lr:g}").median for rule, lr in tops.items()]
assert max(peaks) - min(peaks) < 0.01

# %% [markdown]
# Each at its own rate, the four end within a point of each other. All at 0.001, Adam would "win" by more than fifty points: a hundredfold lies between its best rate and that of plain descent. What Adam does buy here is *room*: rates over a factor of thirty are good enough, against three for plain descent, whose best rate stands right at the cliff. So:
#
# - start with Adam at 0.001 or 0.003: it needs the least knowledge of your network;
# - when memory counts, try momentum 0.9 over rates a factor of three apart: it remembers one number a weight, Adam two;
# - when the batch size changes, search the rate anew;
# - when the full gradient is cheap and you need eight digits, take L-BFGS.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C068](#c068) SGD averages over a few samples | true | equal batches average to the full gradient, exactly |
# | [C069](#c069) Error is a sum; a subset approximates its derivative | imprecise | a subset's sum is $B/N$ of it; rescale or use means |
# | [C070](#c070) $w^{(t+1)} = w^{(t)} - \lambda\,\partial E/\partial w$ | true | step for step the library's SGD |
# | [C071](#c071) $v = \alpha v + \lambda\,\Delta E$, $w = w - v$ | true | with $\nabla E$ for $\Delta E$; the library's while the rate is constant |
# | [C072](#c072) $0 \le \alpha < 1$ speeds up plateaus | true | terminal speed $1/(1-\alpha)$, for every $\alpha$ above 0 |
#
# Claims about penalties, dropout and smoothed labels are checked in [chapter 04d](04d_regularisation.ipynb#checked-claims).
#
# ## Pitfalls
#
# **1. The forgotten `zero_grad`.** PyTorch adds gradients up. Without clearing, every step uses the sum of *all* gradients so far: momentum with $\alpha = 1$, which never loses speed.

# %% tags=["nbval-check-output"]
ends = {}
for cleared in (True, False):
    weights = torch.tensor(corner, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=0.3)
    for _ in range(400):
        if cleared:
            optimiser.zero_grad()
        (0.5 * ((tx @ weights - ty) ** 2).mean()).backward()
        optimiser.step()
    ends[cleared] = np.linalg.norm(weights.detach().numpy() - best)
print(f"distance to the best weights after 400 steps: cleared {ends[True]:.3f}, not cleared {ends[False]:.3f}")
assert ends[False] > 20 * ends[True]

# %% [markdown]
# **2. One rate for two optimisers.** A script was tuned for Adam at 0.003. Someone swaps in SGD, leaves the rate, and reports that Adam is far better. Three epochs on the small digits:

# %%
reached = {}
for name, make in (("Adam", torch.optim.Adam), ("SGD", torch.optim.SGD)):
    for lr in (0.003, 0.3):
        torch.manual_seed(SEED)
        net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        optimiser, shuffler = make(net.parameters(), lr=lr), np.random.default_rng(SEED)
        for _ in range(3):
            for index in epoch_batches(1297, 32, shuffler):
                optimiser.zero_grad()
                F.cross_entropy(net(digits_x[index]), digits_y[index]).backward()
                optimiser.step()
        with torch.no_grad():
            reached[name, lr] = (net(test_x).argmax(dim=1) == test_y).double().mean().item()
for (name, lr), accuracy in reached.items():
    print(f"{name:4s} at {lr:5g}: accuracy {accuracy:.3f}")
assert reached["Adam", 0.003] > reached["SGD", 0.003] + 0.3
assert abs(reached["Adam", 0.003] - reached["SGD", 0.3]) < 0.05

# %% [markdown]
# **3. The last batch.** 1,297 examples in batches of 36 leave one over. If you average the losses *of the batches*, that one example counts as much as thirty-six:

# %% tags=["nbval-check-output"]
errors_one_by_one = (x[:1297] @ np.array([0.2, 0.2]) - y[:1297]) ** 2
parts = [errors_one_by_one[index] for index in epoch_batches(1297, 36)]
by_batch, by_example = np.mean([part.mean() for part in parts]), errors_one_by_one.mean()
weighted = np.average([part.mean() for part in parts], weights=[len(part) for part in parts])
print(f"{len(parts)} batches, the last of {len(parts[-1])}: mean of means {by_batch:.5f}, true mean {by_example:.5f}")
assert not np.isclose(by_batch, by_example, rtol=1e-4)
assert np.isclose(weighted, by_example, rtol=1e-12)

# %% [markdown]
# **4. Bigger batches, same rate, same epochs.** Eight times the batch means an eighth of the steps. With the rate unchanged the network simply has not walked as far:

# %%
walked = {}
for size, lr in ((32, 0.1), (256, 0.1), (256, 0.8)):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    descent = torch.optim.SGD(net.parameters(), lr=lr)
    shuffler = np.random.default_rng(SEED)
    for _ in range(5):
        for index in epoch_batches(1297, size, shuffler):
            descent.zero_grad()
            F.cross_entropy(net(digits_x[index]), digits_y[index]).backward()
            descent.step()
    with torch.no_grad():
        walked[size, lr] = F.cross_entropy(net(digits_x), digits_y).item()
for (size, lr), loss in walked.items():
    print(f"batch {size:3d}, rate {lr}: training loss after five epochs {loss:.2f}")
assert walked[256, 0.1] > 2 * walked[32, 0.1]
assert walked[256, 0.8] < 0.5 * walked[256, 0.1]

# %% [markdown]
# Scaling the rate with the batch repairs most of it, as long as the larger rate is still stable.
#
# ## Exercises
#
# **1. By hand** (ten minutes). $E(w) = 2w^2$, $w_0 = 1$, $\eta = 0.1$, $\alpha = 0.5$, $v_0 = 0$. Compute three steps of momentum on paper. Then let `Momentum` check you.
#
# <details><summary>Hint</summary>
#
# The gradient is $4w$. First $v$, then $w$, with the *old* $w$ in the gradient.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
by_hand = [1.0, 0.6, 0.16, -0.124]  # v: 0.4, 0.44, 0.284
path = follow(lambda w: 4 * w, [1.0], Momentum(0.1, 0.5), 3)[:, 0]
print("by hand", by_hand, " by Momentum", path.round(4).tolist())
assert np.allclose(path, by_hand)

# %% [markdown]
# **2. Look ahead** (twenty minutes). Nesterov's momentum takes the gradient not where the ball is, but where its velocity is about to carry it: $v \leftarrow \alpha v + \eta \nabla E(w - \alpha v)$, $w \leftarrow w - v$. Write it, and compare with the ball at $\alpha = 0.9$, $\eta = 0.3$ on the ravine: how far does each overshoot? PyTorch's `nesterov=True` uses another variable, $w - \alpha v$: show that the *gradients* it sees are the same as yours.
#
# <details><summary>Hint</summary>
#
# Let $u = w - \alpha v$ be the point of the gradient. Write down one step for $u$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
w_now, v_now, looked_at, ahead_path = corner.copy(), np.zeros(2), [], [corner]
for _ in range(60):
    looked_at.append(w_now - 0.9 * v_now)
    v_now = 0.9 * v_now + 0.3 * slope(looked_at[-1])
    w_now = w_now - v_now
    ahead_path.append(w_now)
torchs = follow(slope, corner, Momentum(0.3, 0.9, nesterov=True), 60)
assert np.allclose(torchs[:60], looked_at, atol=1e-12)  # torch stores u = w - alpha v
along = vectors[:, 0] * np.sign((best - corner) @ vectors[:, 0])
overshoot = lambda p: max(0.0, float(((np.array(p) - best) @ along).max()))
ball_path = follow(slope, corner, Momentum(0.3, 0.9), 60)
print(f"overshoot along the floor: ball {overshoot(ball_path):.3f}, looking ahead {overshoot(ahead_path):.3f}")
assert overshoot(ahead_path) < overshoot(ball_path)

# %% [markdown]
# **3. Where the white begins** (twenty minutes). In the [map of factors](#the-best-momentum-for-a-ravine) the white region, where momentum diverges, begins at a slanted line. Which line? Derive it from the $2 \times 2$ matrix, then check it with `momentum_rate` on the steep direction of the photograph.
#
# <details><summary>Hint</summary>
#
# The two eigenvalues sum to $1 - \eta\lambda + \alpha$ and multiply to $\alpha$. Divergence begins when one of them reaches $-1$. What is the other one then?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# one eigenvalue is -1, so the other is -alpha, and their sum -1 - alpha = 1 - eta lambda + alpha: eta lambda = 2 (1 + alpha)
for alpha in (0.0, 0.5, 0.9):
    edge = 2 * (1 + alpha) / high
    inside, outside = momentum_rate(high, 0.999 * edge, alpha), momentum_rate(high, 1.001 * edge, alpha)
    print(f"alpha {alpha}: diverges above rate {edge:.2f}; factor just below {inside:.4f}, just above {outside:.4f}")
    assert inside < 1 < outside

# %% [markdown]
# **4. Make the ravine round** (twenty minutes). You may change the inputs instead of the optimiser. Replace left and above by their mean and their difference, each divided by its standard deviation. What is the condition number now, and how many steps does plain descent need for a millionth?
#
# <details><summary>Hint</summary>
#
# The new inputs are the old ones in the axes of the ravine. What does dividing by the standard deviation do to the curvature?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
turned_x = np.stack([x.mean(axis=1), x[:, 0] - x[:, 1]], axis=1)
turned_x = turned_x / np.sqrt((turned_x**2).mean(axis=0))
ends_of = np.linalg.eigvalsh(hessian(turned_x))
goal_w = closed_form(turned_x, y)
rounder = follow(
    lambda w: least_squares_gradient(w, turned_x, y), np.ones(2), GradientDescent(best_plain(*ends_of)[0]), 60
)
gone = np.linalg.norm(rounder - goal_w, axis=1)
print(
    f"condition number {ends_of[1] / ends_of[0]:.3f} instead of {kappa:.0f}; steps {int(np.argmax(gone < 1e-6 * gone[0]))}"
)
assert ends_of[1] / ends_of[0] < 1.2
assert np.argmax(gone < 1e-6 * gone[0]) <= 8

# %% [markdown]
# **5. AdaGrad** (half an hour). Before RMSProp came AdaGrad ([Duchi et al., 2011](../book/references.md#duchi-2011)): $s \leftarrow s + g^2$, no forgetting. Write it as a class with a method `step`, check it against `torch.optim.Adagrad` on the 100 gradients, and say what happens to its steps in the long run on a constant gradient.
#
# <details><summary>Hint</summary>
#
# After $t$ steps with gradient $g$, $\sqrt s = |g|\sqrt t$.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
class AdaGrad:
    def __init__(self, lr, epsilon=1e-10):
        self.lr, self.epsilon, self.square = lr, epsilon, 0.0

    def step(self, w, gradient):
        self.square = self.square + gradient**2
        return w - self.lr * gradient / (np.sqrt(self.square) + self.epsilon)


rule, w = AdaGrad(0.01), np.ones(4)
gradients_100 = np.random.default_rng(SEED).normal(size=(100, 4)) * [1e-3, 1.0, 10.0, 1e4]
for g in gradients_100:
    w = rule.step(w, g)
weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
library = torch.optim.Adagrad([weights], lr=0.01)
for g in gradients_100:
    weights.grad = torch.tensor(g)
    library.step()
assert np.allclose(w, weights.detach(), rtol=1e-10, atol=1e-12)
steady = -np.diff(follow(lambda w: np.ones(1), [0.0], AdaGrad(0.01), 400)[:, 0]) / 0.01
print(
    f"length of step 1, 100, 400 on a constant slope: {steady[0]:.2f}, {steady[99]:.2f}, {steady[399]:.2f}: it fades like 1/sqrt(t)"
)
assert np.allclose(steady, 1 / np.sqrt(np.arange(1, 401)), rtol=1e-6)

# %% [markdown]
# **6. The largest batch that still pays** (an evening). Train the small net to a training loss of 0.2 with batches of 8, 32, 128, 512 and 1,297, each at its best rate of a grid. Plot steps and examples used against batch size. Where does doubling the batch stop halving the steps?
#
# <details><summary>Hint</summary>
#
# Equation 4.6: once the noise is small against the gradient itself, a larger batch buys nothing.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
fewest = {}
for size, rates_tried in ((8, (0.1, 0.3)), (32, (0.3, 1.0)), (128, (0.5, 1.0)), (512, (0.5, 1.0)), (1297, (0.5, 1.0))):
    fewest[size] = min(race_descent(size, rate, goal=0.2, most=500) for rate in rates_tried)
for size, count in fewest.items():
    print(f"batch {size:4d}: {count:3d} steps, {count * size:7,d} examples looked at")
assert fewest[8] * 8 < fewest[1297] * 1297 / 5  # small batches look at far fewer examples
assert fewest[1297] > 0.4 * fewest[128]  # ten times the batch, and not nearly ten times fewer steps

# %% [markdown]
# ## At scale
#
# The curves of [Which one, then?](#which-one-then) are from MNIST: 60,000 digits of $28 \times 28$ pixels, one hidden layer of 128 units, batches of 128, one epoch. `course data mnist` fetches the digits, `python -m tools.record_training rates` repeats the runs: four optimisers, ten rates.

# %%
origin = rates_record["provenance"]
print(f"{len(rates_record['seeds'])} seeds a point; {origin['processor']}, {origin['date']}, commit {origin['commit']}")
print("after one epoch, each at its best rate:")
for rule, lr in tops.items():
    print(f"  {titles[rule]:14s} rate {lr:<6g} {band('04_training.rates', f'{rule}_{lr:g}')}")

# %% [markdown]
# Each optimiser has its own best rate, and all four arrive at the same place. This is one epoch of one small network: on deep networks the choice matters more, and [chapter 04b](04b_signals.ipynb) shows why.
#
# ## Summary
#
# - The gradient step needs one number, $\eta$, and its speed is set by the condition number: correlated inputs make ravines.
# - A batch is an unbiased poll; its noise falls like $1/\sqrt B$. Means, not sums. Shuffle.
# - Momentum averages gradients: $\sqrt\kappa$ instead of $\kappa$, terminal speed $1/(1-\alpha)$.
# - RMSProp and Adam give each weight its own rate. They repair scales, not correlations. The hats keep Adam's first steps from being too *long*.
# - Newton uses the whole curvature, Gauss-Newton the cheap part, L-BFGS what the last steps revealed. Fewer gradients, each of them dear.
# - A rate belongs to an optimiser and a batch size. Compare optimisers each at its own.
#
# ## Further reading
#
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 8: the same ground at length.
# - [Bottou et al. (2018)](../book/references.md#bottou-2018): the theory of stochastic gradients, by those who made it.
# - [Kingma and Ba (2015)](../book/references.md#kingma-ba-2015): the short paper behind most training scripts.
#
# ## The next question
#
# All of this moved weights that *could* be moved. But where do you start? Begin with all weights at zero, and nothing happens; with weights a little too large, and twenty layers later the signal is infinite. Which first weights let a signal through, forward and back, and which layers keep it alive? [Chapter 04b](04b_signals.ipynb) follows the signal.
