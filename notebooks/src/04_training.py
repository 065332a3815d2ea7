# %% [markdown]
# # Training
#
# You have a loss and its gradient. Now walk. This chapter builds every common way to walk downhill, from one line to Adam, and then
# the ways to keep a network from learning its training set by heart.
#
# **You will be able to**
#
# - say when gradient descent arrives, and how fast, from two numbers of the loss;
# - estimate a gradient from a few examples, and say how wrong the estimate is;
# - write momentum, RMSProp and Adam from memory, and show that your version is PyTorch's, step for step;
# - choose between a first-order and a second-order method, and count their cost honestly;
# - tell weight decay from an L2 penalty, and make weights exactly zero with L1;
# - write dropout, say exactly what the network at test time stands for, and where that stops being exact;
# - measure whether a regulariser helps, with bands of seeds instead of a lucky run.
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
from course_utils.widgets import MlpPlayground, WeightDials

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
# It is not a bowl. It is a **ravine**: steep across, almost flat along. Nobody built it that way; it comes with the photograph, and it comes with
# every photograph. In ten minutes you will know why.
#
# Four methods start at the same corner and take 25 steps each.
#
# > **Predict.** Which walker is plain gradient descent? Which of them overshoots, and why would anyone want that?

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
walk(axes, follow(slope, corner, Adam(0.2), 25), "Adam", 2)
walk(axes, newton(slope, lambda w: H, corner, 1), "Newton, one step", 3, markersize=6)
axes.set_title("Guessing a pixel from its two neighbours")
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# Plain descent is on the floor of the ravine after a few steps, and then creeps. Momentum swings from wall to wall, but it runs along the floor at the same time, and arrives. Adam starts with steps of equal
# length in both weights, which carry it past the floor before it turns. Newton knows the shape of the ground and jumps. You will build all four, and each will turn out to be
# the best choice somewhere.
#
# ## Downhill, with all examples at once
#
# The loss is the mean squared error, halved so that its derivative is clean:
#
# $$ E(w) = \frac{1}{2N}\sum_{i=1}^{N} \left(w^\top x_i - y_i\right)^2, \qquad \nabla E(w) = \frac1N \sum_{i=1}^{N} (w^\top x_i - y_i)\, x_i . \tag{4.1} $$
#
# <span id="c070"></span>The lecture's rule is one line, $w^{(t+1)} = w^{(t)} - \lambda\, \partial E/\partial w$. It uses $\lambda$ for the learning rate. We need that
# letter for penalties and keep $\eta$, as in [the perceptron](01_perceptron.ipynb#how-large-a-step):
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
# The same to eight digits. But 700 steps for two weights! Chapter 01 showed how one curvature sets the speed of descent: a step multiplies the error by $1 - \eta\lambda$.
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
# serve both directions. The best compromise gives both factors the same size:
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
# Cut the examples into [batches](../book/glossary.md#batch) of $B$. The mean of one batch, $g_{\mathcal B}$, is an estimate of the full
# gradient $g$. <span id="c068"></span>The lecture says that stochastic gradient descent estimates the gradient by averaging over a few samples. It does so without bias: average the estimates of all
# $M$ equal batches, and you have the full gradient, exactly:
#
# $$ \frac1M \sum_{m=1}^{M} g_{\mathcal B_m} = g, \qquad g_{\mathcal B} = \frac1B \sum_{i \in \mathcal B} \nabla E_i . \tag{4.5} $$

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
    print(f"rate 0.02 with summed losses: batch of 32 ends at {summed(32).round(2).tolist()}, of 256 at {summed(256)}")
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
# rest. They hover around the minimum in a cloud whose size goes with $\eta$ and $1/B$. Either let the rate fall, or average.


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

# %% tags=["band-shuffle", "band-curvature", "band-regularisers", "band-convolution", "band-doubt", "band-sparse"]
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data


def flat_digits(split):
    digits = data.load("digits", split)
    return digits.images.reshape(len(digits), -1).float() / 255, digits.labels


digits_x, digits_y = flat_digits("train")
test_x, test_y = flat_digits("test")

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
axes.text(61, 9, "the slope ends", fontsize=9)
axes.set(xlabel="step", ylabel="speed / plain descent", title="Terminal speed 1 / (1 − α)")
axes.legend(loc="center left")
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
    color=COLORS["orange"],
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
# you choose is wrong for one of them. **RMSProp** ([Tieleman and Hinton, 2012](../book/references.md#tieleman-hinton-2012)) keeps, for every weight, a running mean of its *squared* gradient, and divides by the root:
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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: length of Adam's step on a constant gradient, in units of the rate: with correction it is 1 throughout, without it starts above 3, peaks above 6 near step 15 and falls towards 1 over thousands of steps. Right: on the ravine the uncorrected path takes long steps from wall to wall and runs past the minimum; the corrected one takes short steps."}}
from course_utils.scratch.optimisation.adam import uncorrected_factor

factors = np.array([uncorrected_factor(t) for t in range(1, 3001)])
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.0))
left.plot(np.arange(1, 3001), factors, color=COLORS["vermillion"], label="without correction")
left.axhline(1, color=COLORS["blue"], label="with correction")
left.set(xscale="log", xlabel="step", ylabel="length / learning rate", ylim=(0, None))
left.legend()
valley(right, H, best, (-2.2, 2.6), (-1.2, 3.6))
for number, (label, correct) in enumerate((("with correction", True), ("without", False))):
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
# Is Adam better, then? Look at what it can and cannot do. A rate for every *weight* helps if the ravine runs *along the axes*. Ours runs diagonally. Take a ravine with $\kappa = 1000$ in both positions, give each method the best rate from a grid, and count steps until 99 % of the distance is gone:
#
# > **Predict.** In which of the two columns will plain descent differ? In which will Adam?


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
    "RMSProp": (lambda r: RMSProp(r, 0.99), [0.0025, 0.005, 0.01, 0.02]),
    "Adam": (Adam, [0.1, 0.15, 0.2, 0.25, 0.3]),
}
turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
table = {}
for name, (make, rates_tried) in methods.items():
    table[name] = [
        steps_needed(v @ np.diag([0.001, 1.0]) @ v.T, (v @ [1.0, 1.0]) * [1, 1.1] + [0.0, 0.1], make, rates_tried)
        for v in (np.eye(2), turn)
    ]
print("steps to 1 % of the distance     along the axes     turned by 45 degrees")
for name, (straight, turned) in table.items():
    print(f"{name:30s} {straight:12d}  {turned:22d}")
assert table["Adam"][0] < table["plain descent"][0] / 10
assert table["Adam"][1] > 5 * table["Adam"][0]
assert abs(table["plain descent"][1] / table["plain descent"][0] - 1) < 0.1

# %% [markdown]
# Plain descent and momentum do not care which way the ravine runs. Adam turns an axis-aligned ravine into a round bowl, and loses most of its advantage when the ravine is turned. It is not magic: it repairs *scales*, not *correlations*. Networks have plenty of scale trouble
# (layers, rare features), which is why Adam is the safe first choice; well-scaled convolutional networks often do as well with momentum, "the typical choice for ConvNets" in the lectures.
#
# ## Use the curvature
#
# If you know the Hessian, you need no rate at all. Replace the loss by its parabola at the current point, and jump to the lowest point of that:
#
# $$ w \leftarrow w - H(w)^{-1}\, \nabla E(w) . \tag{4.12} $$
#
# That is **[Newton's method](../book/glossary.md#newtons-method)**. On a parabola it arrives in one jump, however narrow the ravine is, as you saw in the first picture. Elsewhere it doubles the number of right digits with every step, once it is close. It has two weaknesses. The Hessian of a million weights has a million million entries. And where the ground curves *downward*, the "lowest point" of the parabola is its top: Newton climbs.

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
# A job for it: the camera moved between two pictures, by a fraction of a pixel more than three to one side and two and a half to the other. How far, exactly? Residuals: difference of grey values after moving back by $w$. Jacobian: the slope of the picture.

# %% mystnb={"image": {"alt": "Left: a smoothed photograph of a cat. Middle: the same picture moved down and left by about three pixels. Right: error of the estimated shift in pixels on a log axis; Gauss-Newton reaches its floor in five steps, gradient descent in ten."}}
from scipy.ndimage import gaussian_filter, map_coordinates, shift

from course_utils.scratch.optimisation.newton import gauss_newton

before = gaussian_filter(data.photo("cat", size=96, gray=True)[0].double().numpy() / 255, 1.5)
true_shift = np.array([3.3, -2.6])
after = shift(before, true_shift, order=3, mode="nearest")
down, right_slope = np.gradient(after)
grid = np.mgrid[16:80, 16:80].reshape(2, -1)
moved_back = lambda image, w: map_coordinates(image, grid + w[:, None], order=3)
residuals = lambda w: moved_back(after, w) - before[grid[0], grid[1]]
jacobian = lambda w: np.stack([moved_back(down, w), moved_back(right_slope, w)], axis=1)

jumps = gauss_newton(residuals, jacobian, [0.0, 0.0], 8)
bend = np.linalg.eigvalsh(jacobian(true_shift).T @ jacobian(true_shift))
slide = follow(lambda w: jacobian(w).T @ residuals(w), [0.0, 0.0], GradientDescent(best_plain(*bend)[0]), 30)

figure, panels = plt.subplots(1, 3, figsize=(7, 2.5), width_ratios=(1, 1, 1.6))
for axes, image, title in zip(panels, (before, after), ("before", "after")):
    axes.imshow(image, cmap="gray")
    axes.set(title=title, xticks=[], yticks=[])
for path, label in ((slide, "gradient descent"), (jumps, "Gauss-Newton")):
    panels[2].plot(np.abs(path - true_shift).max(axis=1), "o-", markersize=3, linewidth=1.2, label=label)
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
full_batch = min(race_descent(1297, lr) for lr in (0.5, 0.7, 1.0))
mini_batch = min(race_descent(32, lr) for lr in (0.5, 1.0))
curvature_result = {
    "lbfgs": quasi.evaluations[-1],
    "full_batch": full_batch,
    "mini_batch": mini_batch,
    "lbfgs_loss": quasi.losses[-1],
}

# %%
gradients_of = {name: band("04_training.curvature", name) for name in ("lbfgs", "full_batch", "mini_batch")}
print("gradients asked for until the training loss is 0.05; in passes over the 1,297 digits:")
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
#
# ## Weights that stay small
#
# So far we wanted the lowest training loss. But a low *training* loss is not the goal. A network that is free to use huge weights can bend itself around every noisy example. So make weights cost something. One lecture writes
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

for count in (100, 9000):
    by_mean, by_n = (
        closed_form(x[:count], y[:count], penalty=0.5),
        closed_form(x[:count], y[:count], penalty=0.5 / count),
    )
    free = closed_form(x[:count], y[:count])
    shrunk = [np.linalg.norm(v) / np.linalg.norm(free) for v in (by_mean, by_n)]
    print(
        f"N = {count:4d}, λ = 0.5: length of the weights falls to {shrunk[0]:.3f} with λ/2, to {shrunk[1]:.3f} with λ/(2N)"
    )

# %% [markdown]
# ### Penalty or decay?
#
# Take a step on the penalised loss $E + \frac\lambda2\|w\|^2$. Its gradient is $\nabla E + \lambda w$. Rearrange:
#
# $$ w - \eta\,(\nabla E + \lambda w) \;=\; (1 - \eta\lambda)\, w - \eta\,\nabla E . \tag{4.15} $$
#
# Left: an **L2 penalty**. Right: **[weight decay](../book/glossary.md#weight-decay)**: shrink every weight by a fixed share, then step on the loss alone. For plain SGD the two are the same, to the last bit of algebra. For Adam they are *not*. The penalty's gradient goes through the division by $\sqrt s$ like everything else, so a weight with large gradients is hardly pulled at all. **AdamW** ([Loshchilov and Hutter, 2019](../book/references.md#loshchilov-hutter-2019)) decays outside.
#
# > **Predict.** Two weights, both 1. Their gradients are pure noise, of size 0.1 for one and 10 for the other. $\lambda$ is the same. After 300 steps, how large are they with Adam plus penalty, and with AdamW?

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
# Play with it. The network below has two hidden layers and more freedom than two noisy half-moons need.
#
# 1. Start training and watch the loss. Now set the batch size to 1, and then to the largest. Which curve is jagged, and which is smooth? (Equation 4.6.)
# 2. Raise the learning rate until training breaks.
# 3. Raise L2 in small steps, starting anew each time. When does the boundary become too stiff for the moons?

# %%
MlpPlayground(data="moons", hidden=[8, 8], noise=0.4, lr=0.1, batch_size=10)

# %%
from course_utils.widgets.mlp_playground import evaluate

for strength in (0.0, 0.03):
    played = MlpPlayground(data="moons", hidden=[8, 8], noise=0.4, lr=0.1, batch_size=10, l2=strength)
    layers = played.trained(120)
    losses = [evaluate(layers, played.activation, part)["loss"] for part in played.points]
    print(f"L2 {strength:4}: after 120 passes training loss {losses[0]:.2f}, test loss {losses[1]:.2f}")
    assert (losses[0] > 0.3) == (strength > 0)

# %% [markdown]
# A penalty always costs training loss. Whether it buys test loss is a question of how much: at 0.03 this network is too stiff, and both rise.
#
# ## Weights that vanish
#
# Squares make weights small. They never make them zero: the pull $\lambda w$ fades with the weight. The **L1 penalty** $\lambda \sum |w|$ pulls with the same force $\lambda$ however small the weight is, right down to zero. What then? Its slope jumps from $-\lambda$ to $+\lambda$ there, and a plain gradient step jumps back and forth over zero for ever.
# The remedy is to take the two parts in turn: a gradient step on the loss, then pull every weight towards zero by $\eta\lambda$ and *stop at zero*. That is the [soft threshold](../book/glossary.md#soft-threshold), known from [sparse coding](00b_features.ipynb):
#
# $$ w \leftarrow S_{\eta\lambda}\big(w - \eta\,\nabla E(w)\big), \qquad S_\tau(z) = \operatorname{sign}(z)\,\max(|z| - \tau,\, 0) . \tag{4.16} $$
#
# Train a linear classifier for the ten digits with each penalty, over a range of strengths, and compare at *equal accuracy*:

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
    assert band("04_training.sparse", metric).contains(value, slack=0.02), (metric, value)
l2_lengths = [run["length"] for (penalty, _), run in sparse_runs.items() if penalty == "l2"]
assert l2_lengths == sorted(l2_lengths, reverse=True)  # the stronger the penalty, the shorter the weights
print(f"20 seeds, zeros:    L1 {band('04_training.sparse', 'l1_zeros')}; L2 {band('04_training.sparse', 'l2_zeros')}")
print(
    f"20 seeds, accuracy: L1 {band('04_training.sparse', 'l1_accuracy')}; L2 {band('04_training.sparse', 'l2_accuracy')}"
)
assert band("04_training.sparse", "l2_zeros").maximum == 0
assert band("04_training.sparse", "l1_zeros").minimum > 0.3
assert band("04_training.sparse", "subgradient_zeros").maximum < 0.02
assert abs(band("04_training.sparse", "l1_accuracy").median - band("04_training.sparse", "l2_accuracy").median) < 0.015

# %% [markdown]
# At equal accuracy L1 does without a large part of the weights, and L2 without none. The last row is the trap: the same L1 penalty, but by its slope. It has the right loss and no zeros.
#
# Watch the zeros appear. Each dial below is one weight of the detector for the digit 3, laid out like the pixels; a dial that points straight up is zero. Step through the training: most dials never move, and some move and come back.

# %%
_, _, history = fit_softmax(sparse_x, sparse_y, 10, 0.003, "l1", lr=1.0, steps=120, history=True)
frames = np.stack([weights[3] for weights in history[::4]]).astype(np.float32)
WeightDials(frames, shape=(8, 8))

# %%
three_zero = frames[-1].reshape(8, 8) == 0
print(f"weights of the detector for 3 that are exactly zero at the end: {three_zero.sum()} of 64")
came_back = ((np.abs(frames) > 0).any(axis=0) & (frames[-1] == 0)).sum()
print(f"of these, {came_back} had moved before they went back to zero")
assert three_zero.sum() > 20
assert came_back >= 1

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
# <span id="c062"></span>**How many networks is that?** Each mask leaves another thinned network. With $H$ hidden units there are $2^H$ of them, and all share their weights: training one trains a part of all others. The lectures describe dropout as training many networks that share weights, and that is exactly what the masks are. Ten units: 1,024 networks. The 256 hidden units that we train next: a number with 78 digits, of which we sample a few thousand.
#
# ### Does it help?
#
# Twelve networks with two hidden layers of 128 units, on only 200 digits. They start from the *same* weights and see the *same* batches in the same order. Only the regulariser differs. (Stacked into one tensor, twelve small networks train in little more time than one.)

# %% tags=["band-regularisers"]
import numpy as np
import torch

from course_utils.scratch.regularisation.co_adaptation import knockout_damage, masked_loss, mean_absolute_correlation
from course_utils.scratch.regularisation.side_by_side import Regulariser, train_side_by_side

candidates = {
    "none": Regulariser(),
    "dropout 0.25": Regulariser(dropout=0.25),
    "dropout 0.5": Regulariser(dropout=0.5),
    "dropout 0.75": Regulariser(dropout=0.75),
    "L2 0.001": Regulariser(l2=0.001),
    "L2 0.003": Regulariser(l2=0.003),
    "L2 0.01": Regulariser(l2=0.01),
    "L1 0.0001": Regulariser(l1=0.0001),
    "L1 0.0003": Regulariser(l1=0.0003),
    "L1 0.001": Regulariser(l1=0.001),
    "dropout 0.5 and L2 0.001": Regulariser(dropout=0.5, l2=0.001),
    "smoothing 0.1": Regulariser(smoothing=0.1),
}
dealt = torch.randperm(1297, generator=torch.Generator().manual_seed(SEED))
few, held_out = dealt[:200], dealt[200:600]
stack = train_side_by_side(
    digits_x[few], digits_y[few], candidates, hidden=(128, 128), steps=400, batch_size=50, lr=3e-3, seed=SEED
)
train_loss, _ = stack.scores(digits_x[few], digits_y[few])
valid_loss, _ = stack.scores(digits_x[held_out], digits_y[held_out])
test_loss, test_accuracy = stack.scores(test_x, test_y)
number = {name: i for i, name in enumerate(candidates)}


def tuned(method):
    """The candidate of this method with the lowest loss on the held-out digits; the test digits are not asked."""
    return min((i for name, i in number.items() if name.startswith(method)), key=lambda i: float(valid_loss[i]))


regularisers_result = {}
for method in ("none", "dropout 0", "L2", "L1", "dropout 0.5 and L2"):
    chosen = tuned(method) if method != "dropout 0" else min((1, 2, 3), key=lambda i: float(valid_loss[i]))
    key = {"dropout 0": "dropout", "dropout 0.5 and L2": "both"}.get(method, method.lower())
    regularisers_result[f"{key}_accuracy"] = float(test_accuracy[chosen])
    regularisers_result[f"{key}_loss"] = float(test_loss[chosen])
for key, i in (("none", 0), ("half", 2)):
    regularisers_result[f"{key}_gap"] = float(test_loss[i] - train_loss[i])
    regularisers_result[f"{key}_length"] = float(stack.norms()[i])
regularisers_result["dropout_minus_l2"] = regularisers_result["dropout_accuracy"] - regularisers_result["l2_accuracy"]

# %% mystnb={"image": {"alt": "Two panels of seed bands. Left: gap between test and training loss; without regulariser it lies around 0.3, with dropout 0.5 it is lower. Right: test accuracy; the dropout band lies above the band of the network without a regulariser, with some overlap."}}
rec = "04_training.regularisers"
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
gaps = [np.array(load_record(rec)["metrics"][f"{k}_gap"]) for k in ("none", "half")]
print(f"gap without: {band(rec, 'none_gap')}")
print(f"gap with:    {band(rec, 'half_gap')};  smaller in {(gaps[1] < gaps[0]).sum()} of {len(gaps[0])} seeds")
for metric, value in regularisers_result.items():
    expected = band(rec, metric)
    assert expected.contains(value, slack=0.05 + 0.1 * abs(value)), (metric, value, str(expected))
assert (gaps[1] < gaps[0]).mean() >= 0.9

# %% [markdown]
# The training loss is near zero for all of them: 200 digits are no match for 26,000 weights. The gap is what differs, and dropout makes it smaller.
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
    f"largest error of a probability, median and worst of 40: trained network {np.median(off):.3f}, {off.max():.3f};"
    f" random networks {np.median(random_off):.3f}, {max(random_off):.3f}"
)
print(f"same answer on {same:.0%} of 40 digits")
assert np.median(off) < np.median(random_off)
assert max(random_off) > 0.1
assert same >= 0.9

# %% [markdown]
# So: usable on the network that dropout trained, not exact, and sizeable on random weights. Measure it on yours.
#
# **Option 1 by sampling.** If you cannot enumerate, sample $M$ masks. The error of the average falls like $1/\sqrt M$, as for every mean of independent draws. Here is the arithmetic mean of the one-layer network above, against the full enumeration:

# %% mystnb={"image": {"alt": "Error of the averaged prediction against the number of sampled masks on two log axes: dots fall from about 0.15 at 4 masks to about 0.004 at 4096, along a straight line of slope minus one half."}}
answers, chance = thinned_predictions(np.random.default_rng(7).normal(size=5), one_layer)
exact = chance @ answers
counts = [4, 16, 64, 256, 1024, 4096]
sampler, error = np.random.default_rng(SEED), []
for count in counts:
    drawn = answers[sampler.choice(len(answers), size=(200, count), p=chance)].mean(axis=1)  # 200 averages of `count`
    error.append(np.sqrt(((drawn - exact) ** 2).sum(axis=1).mean()))
spread = np.sqrt((chance @ (answers - exact) ** 2).sum())
figure, axes = plt.subplots(figsize=(5.6, 2.7))
axes.plot(counts, spread / np.sqrt(counts), color=COLORS["blue"], label=r"spread of one mask / $\sqrt{M}$")
axes.plot(counts, error, "o", color=COLORS["vermillion"], label="measured, 200 averages each")
axes.set(xscale="log", yscale="log", xlabel="masks sampled, M", ylabel="error of the average")
axes.legend()
plt.show()
rate = np.polyfit(np.log(counts), np.log(error), 1)[0]
print(f"slope on log axes {rate:.2f}; the Monte-Carlo rate is -0.50")
assert abs(rate + 0.5) < 0.05

# %% [markdown]
# ### Units that lean on each other
#
# The lecture gives a reason why dropout works: it prevents [co-adaptation](../book/glossary.md#co-adaptation), units that are useful only when certain other units are present. That can be measured. Take the last hidden layer on the test digits, and look at three things: how strongly units correlate; how much the loss rises when the *most* important unit is silenced; and how much it rises when a random half of the units is missing.

# %% tags=["band-regularisers"]
drop_half = (np.random.default_rng(SEED).random((20, 128)) < 0.5).astype(float)
for key, i in (("none", 0), ("half", 2)):
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
# <span id="c066"></span>The lecture says so: dropout "pulls the weights towards what other models want", and that is "better than L2 and L1, that pull weights towards zero". Two statements, and both can be checked. First the comparison. Each method picks its best strength on 400 held-out digits; then the test digits decide, over 20 seeds.

# %% mystnb={"image": {"alt": "Two panels of seed bands for no regulariser, L1, L2, dropout, and dropout with L2. Left: accuracy, where dropout and the combination lie a little to the right of the others. Right: test loss, where the five differ more, the combination lies lowest and the unregularised network highest."}}
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

lengths = [np.linalg.norm(fit_dropout_regression(x, y, rate)) for rate in (0.0, 0.2, 0.5, 0.8)]
print("pixel guessing, length of the best weights for p = 0, 0.2, 0.5, 0.8:", [f"{v:.2f}" for v in lengths])
assert lengths == sorted(lengths, reverse=True)

# %% [markdown]
# ### Where dropout sits
#
# <span id="c067"></span>The lecture adds that dropout is less useful for fully convolutional networks, and most useful where there are huge fully connected layers. Try it: the same two convolutions on 200 digits, once with a fully connected head of 128 units, once with nothing but convolutions and an average over the picture. Each with and without dropout, at the learning rate that suits it.

# %% tags=["band-convolution"]
import torch
from torch import nn
from torch.nn import functional as F


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

# %% mystnb={"image": {"alt": "Three seed bands of the change in test accuracy when dropout is switched on: with a fully connected head and rate 0.5 it is narrow and lies mostly a little above zero; for convolutions only, both rates spread widely around zero."}}
gains = {
    "fc head, rate 0.5": "fc_0.5_gain",
    "conv only, rate 0.1": "conv_0.1_gain",
    "conv only, rate 0.5": "conv_0.5_gain",
}
figure, axes = plt.subplots(figsize=(6.2, 2.0))
band_rows(
    axes,
    {label: band("04_training.convolution", key) for label, key in gains.items()},
    {label: convolution_result[key] for label, key in gains.items()},
)
axes.axvline(0, color=COLORS["ink"], linewidth=1, linestyle=":")
axes.set(xlabel="accuracy with dropout minus accuracy without")
plt.show()
for label, key in gains.items():
    print(f"{label:20s} gain {band('04_training.convolution', key)}")
losses = {
    key: band("04_training.convolution", f"{key}_loss").median
    for key in ("fc_0", "fc_0.5", "conv_0", "conv_0.1", "conv_0.5")
}
print("median test loss:", {key: round(value, 2) for key, value in losses.items()})
assert losses["fc_0.5"] < losses["fc_0"] - 0.03
assert losses["conv_0.5"] > losses["conv_0"]
for metric, value in convolution_result.items():
    assert band("04_training.convolution", metric).contains(value, slack=0.1), (metric, value)

# %% [markdown]
# With the fully connected head, dropout buys a little accuracy and a clearly lower loss. The same rate inside the convolutions makes the loss *higher*; a rate of 0.1 changes nothing that you could tell from luck. So here the lecture is right. Two reasons: a convolution has few weights to overfit with, and neighbouring pixels tell nearly the same, so silencing one of them hides little and only adds noise. (One small data set, two small networks. It is an example, not a law.)
#
# ### Ask fifty times
#
# Leave dropout *on* at test time and ask the same question again and again. Each pass is another thinned network. Where all agree, be confident; where they disagree, be careful. [Gal and Ghahramani (2016)](../book/references.md#gal-ghahramani-2016) showed that this approximates a Bayesian answer: an average over plausible networks. The measure of doubt is the entropy of the averaged prediction, over $T$ passes:
#
# $$ \bar p = \frac1T\sum_{t=1}^{T} p_t, \qquad H(\bar p) = -\sum_k \bar p_k \log \bar p_k . \tag{4.20} $$
#
# A good doubt is small on digits and large on things that are no digits. We show the trained network letters (T and L), patches of photographs, pure noise, and *digits turned by 90 degrees*. The score is the [AUROC](../book/glossary.md#auroc): take one digit and one stranger, how often is the stranger the more doubtful one? 0.5 is chance.
#
# > **Predict.** Which of the four kinds of strangers will the network recognise best, and which worst?

# %% tags=["band-doubt"]
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
    many, one = band("04_training.doubt", kind), band("04_training.doubt", f"{kind}_single")
    print(
        f"  {kind:12s} {many.minimum:.3f} to {many.maximum:.3f}, median {many.median:.3f}    {one.minimum:.3f} to {one.maximum:.3f}, median {one.median:.3f}"
    )
    assert many.contains(doubt_result[kind], slack=0.1), (kind, doubt_result[kind])
for kind in ("letters", "photographs", "noise"):
    assert band("04_training.doubt", kind).minimum > 0.7
with torch.no_grad():
    turned_answers = doubter(crowd["turned"]).softmax(dim=1)
counts_turned = torch.bincount(turned_answers.argmax(dim=1), minlength=10)
print(
    f"turned digits: {counts_turned.max()} of 300 are called {counts_turned.argmax()}, mean confidence {turned_answers.amax(dim=1).mean():.1%}"
)
assert band("04_training.doubt", "turned").median < 0.7

# %% [markdown]
# Letters, photographs and noise are recognised well above chance. Most of that is already in *one* pass without dropout: compare the two columns. And then the turned digits. They are the *least* doubtful of all: the network is surer of them than of real digits, and in this run it calls every single one the same digit, at nearly full confidence. All thinned networks agree, because they share the weights that are wrong.
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
    for key, i in (("plain", 0), ("smooth", 11)):
        probabilities = stack.logits(test_x)[i].softmax(dim=1)
        regularisers_result[f"{key}_confidence"] = float(probabilities.amax(dim=1).mean())
        regularisers_result[f"{key}_test_accuracy"] = float(test_accuracy[i])
        wrong = probabilities.argmax(dim=1) != test_y
        regularisers_result[f"{key}_confidence_wrong"] = float(probabilities.amax(dim=1)[wrong].mean())

# %% mystnb={"image": {"alt": "Two histograms of the highest probability on test digits: without smoothing nearly all digits are at 1, with smoothing most lie between 0.8 and 0.95."}}
with torch.no_grad():
    tops = [stack.logits(test_x)[i].softmax(dim=1).amax(dim=1).numpy() for i in (0, 11)]
figure, axes = plt.subplots(figsize=(6.2, 2.5))
axes.hist(tops[0], bins=40, range=(0.2, 1), color=COLORS["blue"], alpha=0.6, label="hard targets")
axes.hist(tops[1], bins=40, range=(0.2, 1), color=COLORS["vermillion"], alpha=0.6, label="smoothed, ε = 0.1")
axes.set(xlabel="highest probability", ylabel="test digits")
axes.legend(loc="upper left")
plt.show()

# %%
lead = best_gap(10, 0.1)
print(f"the best lead for K = 10, ε = 0.1 is {lead:.2f}: a probability of {np.exp(lead) / (np.exp(lead) + 9):.2f}")
for metric, label in (
    ("confidence", "confidence"),
    ("confidence_wrong", "confidence when wrong"),
    ("test_accuracy", "accuracy"),
):
    a, b = band(rec, f"plain_{metric}"), band(rec, f"smooth_{metric}")
    print(f"{label:22s} hard {a};  smoothed {b}")
    for key in ("plain", "smooth"):
        assert band(rec, f"{key}_{metric}").contains(regularisers_result[f"{key}_{metric}"], slack=0.05)
assert band(rec, "smooth_confidence").maximum < band(rec, "plain_confidence").minimum
assert band(rec, "smooth_confidence_wrong").maximum < band(rec, "plain_confidence_wrong").median
assert np.isclose(np.exp(lead) / (np.exp(lead) + 9), 0.91)
assert band(rec, "smooth_test_accuracy").median > band(rec, "dropout_accuracy").median

# %% [markdown]
# Confidence comes down to what was asked for, and it comes down most where the network is wrong. On these few digits the accuracy rises too, more than with dropout. Do not expect that everywhere: on 300 digits of MNIST, [at the end of this chapter](#at-scale), it falls.
#
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
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
# | [C067](#c067) Less useful for fully convolutional networks | true | on 200 digits: a lower loss with the fully connected head, a higher one inside the convolutions |
# | [C068](#c068) SGD averages over a few samples | true | equal batches average to the full gradient, exactly |
# | [C069](#c069) Error is a sum; a subset approximates its derivative | imprecise | a subset's sum is $B/N$ of it; rescale or use means |
# | [C070](#c070) $w^{(t+1)} = w^{(t)} - \lambda\,\partial E/\partial w$ | true | step for step the library's SGD |
# | [C071](#c071) $v = \alpha v + \lambda\,\Delta E$, $w = w - v$ | true | with $\nabla E$ for $\Delta E$; the library's while the rate is constant |
# | [C072](#c072) $0 \le \alpha < 1$ speeds up plateaus | true | terminal speed $1/(1-\alpha)$ |
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
# **2. Dropout left on.** Forget `model.eval()` and the test accuracy becomes a lottery, and worse:

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
# **4. Batches that hold together.** If each batch comes from one corner of the data, the average over an epoch is still the full gradient, but no single batch resembles it. That is what the sorted digits did to you [above](#every-example-once).
#
# **5. Bigger batches, same rate, same epochs.** Eight times the batch means an eighth of the steps. With the rate unchanged the network simply has not walked as far:

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
# **3. Make the ravine round** (twenty minutes). You may change the inputs instead of the optimiser. Replace left and above by their mean and their difference, each divided by its standard deviation. What is the condition number now, and how many steps does plain descent need for a millionth?
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
# **4. Other rates** (twenty minutes). Show on the one-layer network that 4.18 holds for every drop rate, not only one half. What must "geometric mean" mean then?
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
# The same comparison on [MNIST](../book/references.md#lecun-1998): $28 \times 28$ pixels, two hidden layers of 128 units, 300 or 3,000 training digits, strengths chosen on 2,000
# held-out digits, 10,000 test digits. The record comes from `python -m tools.record_training mnist`, with `course data mnist` before it.

# %%
record = load_record("04_training.mnist")
print("test accuracy (and loss), medians       " + "".join(f"{size:>14,d} digits" for size in record["sizes"]))
for method in ("none", "l2", "dropout", "both", "smoothing"):
    row = [
        (
            band("04_training.mnist", f"{method}_{n}_accuracy").median,
            band("04_training.mnist", f"{method}_{n}_loss").median,
        )
        for n in record["sizes"]
    ]
    print(f"  {method:36s}  " + "".join(f"     {accuracy:.3f} ({loss:.3f})" for accuracy, loss in row))
print(
    f"{len(record['seeds'])} seeds; {record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}"
)
for size in record["sizes"]:
    assert band("04_training.mnist", f"both_{size}_loss").median < band("04_training.mnist", f"none_{size}_loss").median
lowest = [
    min(("none", "l2", "dropout"), key=lambda m: band("04_training.mnist", f"{m}_{n}_loss").median)
    for n in record["sizes"]
]
assert lowest == ["l2", "dropout"]
assert (
    band("04_training.mnist", "smoothing_300_accuracy").median < band("04_training.mnist", "none_300_accuracy").median
)

# %% [markdown]
# The combination of dropout and L2 has a lower loss than no regulariser at either size, as on the small digits. With 300 digits L2 alone has the lowest loss, with 3,000 dropout alone: which regulariser is best depends on how much data you have. And read along the rows: ten times the data lowers the loss by more than any regulariser does. Regularise when you cannot collect.
#
# ## Summary
#
# - The gradient step needs one number, $\eta$, and its speed is set by the condition number: correlated inputs make ravines.
# - A batch is an unbiased poll; its noise falls like $1/\sqrt B$. Means, not sums. Shuffle.
# - Momentum averages gradients: $\sqrt\kappa$ instead of $\kappa$, terminal speed $1/(1-\alpha)$.
# - RMSProp and Adam give each weight its own rate. They repair scales, not correlations. The hats keep Adam's first steps from being too *long*.
# - Newton uses the whole curvature, Gauss-Newton the cheap part, L-BFGS what the last steps revealed. Fewer gradients, each of them dear.
# - Penalty and decay are the same for SGD, not for Adam. L1 makes exact zeros, by the proximal step.
# - Dropout trains $2^H$ networks at once. Scaling is their geometric mean for one hidden layer, an approximation for more.
# - Doubt measured by dropout finds strangers, and can be confidently fooled.
# - Smooth the targets, with the right formula.
#
# ## Further reading
#
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016): chapters 7 and 8 cover the same ground at length.
# - [Bottou et al. (2018)](../book/references.md#bottou-2018): the theory of stochastic gradients, by those who made it.
# - [Kingma and Ba (2015)](../book/references.md#kingma-ba-2015), with [Loshchilov and Hutter (2019)](../book/references.md#loshchilov-hutter-2019): two short papers behind most training scripts.
# - [Srivastava et al. (2014)](../book/references.md#srivastava-2014): dropout, with every experiment you would ask for.
# - [Gal and Ghahramani (2016)](../book/references.md#gal-ghahramani-2016): what the disagreement of thinned networks means.
#
# ## The next question
#
# All of this moved weights that *could* be moved. But where do you start? Begin with all weights at zero, and nothing happens; with weights a little too large, and twenty layers later the signal is infinite. Which first weights let a signal through, forward and back, and which layers keep it alive? [Chapter 04b](04b_signals.ipynb) follows the signal.
