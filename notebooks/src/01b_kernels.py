# %% [markdown]
# # Beyond the line: losses, margins and kernels
#
# A perceptron stops at the first line that works, and never stops where no line works. This chapter repairs both: better losses choose *which* line and say how sure they are, and kernels let the same linear machinery draw circles.
#
# **You will be able to**
#
# - say what a loss must do to stand in for the count of mistakes, and test whether it does;
# - derive logistic regression and the support vector machine, train both from scratch, and read their answers as probability and as margin;
# - turn any linear method that only needs inner products into a curved one, and count what that costs;
# - build finite features back out of a kernel, correctly for new points too;
# - explain why the next step is to learn the features.
#
# **You need** [the perceptron](01_perceptron.ipynb), derivatives of functions of several variables, and eigenvectors of a symmetric matrix.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from course_utils import plotting
from course_utils.plotting.kernels import (
    lifted_points,
    loss_curves,
    reliability_diagram,
    score_map,
    weighted_points,
)
from course_utils.runtime import band, load_record, seed_everything
from course_utils.scratch.kernel_methods.point_sets import moons, rings, separable_clouds, two_clouds, xor_clouds

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Three pictures
#
# Look at these three point sets. Everything in this chapter is an answer to one of them.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three scatter plots. Left: two classes with a gap and three different lines that all separate them. Middle: two overlapping clouds. Right: a ring of one class inside a ring of the other."}}
fig, axes = plt.subplots(1, 3, figsize=(7, 2.6))
x_gap, y_gap = separable_clouds(40, seed=5)
panels = [
    (x_gap, y_gap, "which line?"),
    (*two_clouds(60, 1.8, seed=SEED), "how sure?"),
    (*rings(60, seed=SEED), "no line"),
]
for ax, (x, y, title) in zip(axes, panels):
    weighted_points(ax, x, y)
    ax.set(
        title=title,
        xticks=[],
        yticks=[],
        xlim=(x[:, 0].min() - 0.4, x[:, 0].max() + 0.4),
        ylim=(x[:, 1].min() - 0.4, x[:, 1].max() + 0.4),
    )
across = np.linspace(-4, 4, 2)
for normal, shift in [((0.8, 0.6), 0.56), ((0.72, 0.69), 0.48), ((0.86, 0.5), 0.68)]:
    assert (y_gap * (x_gap @ normal - shift) > 0).all(), "each drawn line must separate"
    axes[0].plot(across, (shift - normal[0] * across) / normal[1], color=plotting.COLORS["ink"], linewidth=1.2)

# %% [markdown]
# - **Left.** All three lines make no mistake, and the perceptron may return any of them. Which one should you trust with a new point? (The loss must ask for more than "no mistakes": *margin*.)
# - **Middle.** No line is perfect, and the perceptron never settles. Near the border you want the answer "60 to 40", not "+1". (The loss must mean something: *probability*.)
# - **Right.** No line is even good. (The line must bend: *features and kernels*.)
#
# ## What we want to minimise, and what we can
#
# Labels are $y \in \{-1, +1\}$ and a rule gives each input a score $f(x)$; its answer is the sign. Multiply the two and you get one number that says everything about one sample, the [margin of the sample](../book/glossary.md#margin-of-a-sample):
#
# $$ m = y\, f(x), \qquad L_{01}(m) = \begin{cases} 1 & m \le 0 \\ 0 & m > 0 \end{cases} \tag{1.31} $$
#
# Positive margin: right side. (The last chapter's margin was the *distance* of the closest sample to the line; it comes back in (1.38).) The second half of (1.31) is the [zero-one loss](../book/glossary.md#zero-one-loss), what we really care about: one for a mistake, zero otherwise. (A score of exactly 0 decides nothing, so it counts as a mistake.)
#
# You cannot train on it. It is flat wherever it is defined: nudge the weights, and the count of mistakes stays what it was until a point suddenly flips. Its slope is zero almost everywhere, so it never says which way to go. So we train on a stand-in with a slope, a [surrogate loss](../book/glossary.md#surrogate-loss). Here are the famous ones, each a single line:


# %%
def zero_one(m):
    return (m <= 0).astype(float)


stand_ins = {
    "perceptron": lambda m: np.maximum(0, -m),
    "hinge": lambda m: np.maximum(0, 1 - m),
    "logistic": lambda m: np.log(1 + np.exp(-m)),
    "logistic, base 2": lambda m: np.log2(1 + np.exp(-m)),
    "exponential": lambda m: np.exp(-m),
    "squared": lambda m: (1 - m) ** 2,
}

# %% [markdown]
# The first two are cut-off straight lines,
#
# $$ L_{\text{perceptron}}(m) = \max(0, -m), \qquad L_{\text{hinge}}(m) = \max(0, 1 - m), \tag{1.32} $$
#
# equal but for the place where they start to bite: the perceptron complains about a wrong side, the hinge also about a right side that is *too close*.
#
# The point of a good stand-in is a promise: **if the loss is small, the mistakes are few.** It holds if the curve never runs below the step, because then the mean loss is at least the share of mistakes.
#
# > **Predict.** Which of the six never run below the step? Decide for each at $m = 0$ and at $m = -0.5$ before you look.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six loss curves over the margin with the zero-one step as a pale area with a black edge. Hinge, base-2 logistic, exponential and squared loss stay above the step; the perceptron loss starts at zero and the natural logistic loss at 0.69, both below the step just left of zero."}}
m = np.linspace(-2, 2.5, 901)
fig, ax = plt.subplots(figsize=(7, 3.3))
loss_curves(ax, m, zero_one(m), {name: loss(m) for name, loss in stand_ins.items()})
ax.set_ylim(0, 4)
ax.legend(ncols=2, loc="upper right")
plt.show()

# %% [markdown]
# <span id="c020"></span>Do not trust the eye; count. We draw 100,000 margins, and ask how often each loss is smaller than the step.

# %% tags=["nbval-check-output"]
from course_utils.scratch.kernel_methods.surrogate_losses import SURROGATES, share_below_zero_one

draws = np.random.default_rng(SEED).normal(size=100_000)
below = {name: share_below_zero_one(name, draws) for name in SURROGATES}
for name, share in below.items():
    assert np.allclose(SURROGATES[name].value(draws), stand_ins[name](draws)), name
    print(f"{name:>17}: below the step for {share:6.1%} of the samples")
assert below["perceptron"] > 0.3
assert below["hinge"] == 0.0

# %% [markdown]
# The lecture's remark is right: the perceptron loss is a hinge without a margin, and it is *no* bound on the mistakes. It is below the step wherever $-1 < m \le 0$. The hinge never is. The surprise is the logistic loss: with the natural logarithm it starts at $\ln 2 \approx 0.69 < 1$. Divided by $\ln 2$ (that is: in base 2) it becomes a bound, and its minimiser does not move, so nobody bothers in practice.
#
# <span id="c021"></span>The lecture also says that the perceptron loss is zero for *any* separator. True, and there is worse. Here are the three lines from the first picture, and a fourth rule that separates nothing at all:

# %% tags=["nbval-check-output"]
rules = {"line 1": (0.8, 0.6, -0.56), "line 2": (0.72, 0.69, -0.48), "line 3": (0.86, 0.5, -0.68), "w = 0": (0, 0, 0)}
for name, w in rules.items():
    margins = y_gap * (np.column_stack([x_gap, np.ones(len(x_gap))]) @ w)
    print(
        f"{name}: mistakes {zero_one(margins).sum():2.0f}, closest margin {margins.min() + 0.0:5.2f}, "
        f"perceptron loss {stand_ins['perceptron'](margins).mean():.2f}, hinge loss {stand_ins['hinge'](margins).mean():.2f}"
    )
    assert stand_ins["perceptron"](margins).mean() == 0

# %% [markdown]
# A loss that gives the same perfect score to a good line, a bad line and to *no line* does not ask the right question. This is no accident of one data set: halve all weights and every margin halves, so the perceptron loss halves. Its minimum is zero, on any data, and $w = 0$ always reaches it. What saved the perceptron in the last chapter was not its loss but its rule: it counts a score of zero as a mistake, and so walks away from the very point where its loss is lowest.
#
# ### The right question
#
# Imagine many samples at the same input $x$, a share $p$ of them labelled $+1$. What score does a loss ask for there? The one that minimises the expected loss
#
# $$ R_p(f) = p\, L(f) + (1 - p)\, L(-f). \tag{1.33} $$
#
# The least a loss must do: for $p > \tfrac12$ the best score is positive, for $p < \tfrac12$ negative. Then, with enough data and a rich enough family of scores, minimising it leads to the best possible decisions. Such a loss is called [classification-calibrated](../book/glossary.md#classification-calibrated). For a convex loss there is a one-glance test: it must have a slope at $m = 0$, and that slope must be negative ([Bartlett et al., 2006](../book/references.md#bartlett-2006)).
#
# > **Predict.** Which of the curves above fails the one-glance test?

# %% tags=["nbval-check-output"]
from course_utils.scratch.kernel_methods.surrogate_losses import best_score

shares = (0.1, 0.3, 0.7, 0.9)
print("best score where P(+1) =" + "".join(f"{p:>8}" for p in shares))
for name in SURROGATES:
    print(f"{name:>23} " + "".join(f"{best_score(name, p) + 0.0:8.2f}" for p in shares))
    assert all(np.sign(best_score(name, p)) == np.sign(p - 0.5) for p in shares) == (name != "perceptron")

# %% [markdown]
# The perceptron loss has a kink at 0, and its best score is 0 for every $p$: it asks for nothing. All others ask for the right sign, and each says something different beyond the sign:
#
# - the **hinge** asks for $\pm 1$ and nothing else: it wants the *decision*, and throws the probability away;
# - the **logistic** loss asks for $\ln\frac{p}{1-p}$, the log-odds: read backwards, its score *is* a probability;
# - the **exponential** loss asks for half of that, and punishes one bad outlier exponentially;
# - the **squared** loss asks for $2p - 1$, and punishes points for being *too* right.
#
# Move a point along the axis and watch what each loss pays for it, and which way it pulls.

# %%
from course_utils.widgets import SurrogateLosses

SurrogateLosses()

# %% [markdown]
# Two of these losses built schools of their own. Take them in turn.
#
# ## Logistic regression: a score that is a probability
#
# <span id="c019"></span>A perceptron answers $-1$ or $+1$. The lecture is right that there is no probability and no confidence in that: two values is all there is. Suppose you want one. A probability lies between 0 and 1, a linear score anywhere; the log-odds of a probability lie anywhere too. So let the score *be* the log-odds, $f(x) = w \cdot x = \ln\frac{p}{1-p}$, and solve for $p$:
#
# $$ p(y \mid x) = \sigma(y\, w \cdot x), \qquad \sigma(a) = \frac{1}{1 + e^{-a}}. \tag{1.34} $$
#
# One formula serves both labels because $1 - \sigma(a) = \sigma(-a)$. (The bias is folded into $w$, as in the last chapter.)
#
# **Where the loss comes from.** Which $w$ makes the labels we saw most likely? The samples are independent, so their probabilities multiply; take the logarithm, flip the sign, divide by $N$:
#
# $$ E(w) = -\frac1N \ln \prod_i \sigma(y_i\, w \cdot x_i) = \frac1N \sum_i \ln\left(1 + e^{-y_i w \cdot x_i}\right). \tag{1.35} $$
#
# There is the logistic loss. Nobody chose it for its looks: it is what "make the data likely" says under (1.34).
#
# **Its gradient.** The derivative of $\ln(1 + e^{-m})$ is $-\sigma(-m)$, and $\sigma(-m_i)$ is the probability that the model gives to the *wrong* label of sample $i$. So
#
# $$ \nabla E(w) = -\frac1N \sum_i \sigma(-y_i\, w \cdot x_i)\; y_i x_i. \tag{1.36} $$
#
# Put this beside the perceptron rule. Each sample pulls along $y_i x_i$, as before. But the pull is no longer all or nothing: it is as strong as the surprise.
#
# **Its curvature.** Differentiate once more. With $p_i = \sigma(w \cdot x_i)$,
#
# $$ H(w) = \frac1N \sum_i p_i (1 - p_i)\, x_i x_i^\top. \tag{1.37} $$
#
# For any direction $v$: $v^\top H v = \frac1N \sum_i p_i(1-p_i)(v \cdot x_i)^2 \ge 0$. The loss is a bowl: no false valleys, whichever way you walk down. Here is the walk, written straight from (1.36) and (1.37):

# %%
from course_utils.scratch.perceptrons.perceptron import add_bias


def sigma(a):
    return 1 / (1 + np.exp(-a))


def loss(w, x, y):
    return np.mean(np.log(1 + np.exp(-y * (x @ w))))


def gradient(w, x, y):
    return -(sigma(-y * (x @ w)) * y) @ x / len(x)


def hessian(w, x):
    p = sigma(x @ w)
    return (x.T * (p * (1 - p))) @ x / len(x)


x_cloud, y_cloud = two_clouds(200, distance=2.0, seed=SEED)
xb = add_bias(x_cloud)
walk, jump = [np.zeros(3)], [np.zeros(3)]
for _ in range(2000):
    walk.append(walk[-1] - 1.0 * gradient(walk[-1], xb, y_cloud))  # gradient descent
for _ in range(8):
    jump.append(jump[-1] - np.linalg.solve(hessian(jump[-1], xb), gradient(jump[-1], xb, y_cloud)))  # Newton

print("gradient descent:", walk[-1].round(6))
print("Newton          :", jump[-1].round(6))
assert np.allclose(walk[-1], jump[-1], atol=1e-6)

# %% [markdown]
# Newton's method fits a parabola to the bowl and jumps to its lowest point. Here each jump is a weighted least squares problem with weights $p_i (1-p_i)$, so statisticians call it [iteratively reweighted least squares](../book/glossary.md#iteratively-reweighted-least-squares).
#
# > **Predict.** Both end at the same weights. How many steps do Newton and gradient descent need to come within $10^{-8}$ of the lowest loss: 10 and 20, 10 and 50, or 5 and more than 100?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss above the optimum over the step on logarithmic axes. Gradient descent falls along a slow curve and needs more than a hundred steps; Newton's method drops to rounding level in five."}}
lowest = min(loss(w, xb, y_cloud) for w in jump)
above = {
    name: np.array([loss(w, xb, y_cloud) - lowest for w in path])
    for name, path in [("gradient descent", walk), ("Newton", jump)]
}
first = {name: int(np.argmax(gap < 1e-8)) for name, gap in above.items()}
fig, ax = plt.subplots(figsize=(7, 2.6))
for (name, gap), marker in zip(above.items(), ("", "o")):
    ax.loglog(
        1 + np.arange(len(gap)),
        np.maximum(gap, 1e-16),
        marker=marker,
        label=f"{name}: {first[name]} steps to $10^{{-8}}$",
    )
ax.set(xlabel="1 + step", ylabel="loss above the lowest", ylim=(1e-16, 1))
ax.legend()
assert first["Newton"] <= 6
assert first["gradient descent"] > 100
plt.show()

# %% [markdown]
# Newton wins by steps, and pays for each with a $D \times D$ system: nothing for 3 weights, hopeless for the millions that a network has. That is why the rest of this course walks.
#
# The library version agrees, and so does ours in `course_utils.scratch.kernel_methods.logistic`, which is the same formulas made safe (why they need that is the first [pitfall](#pitfalls)):

# %% tags=["nbval-check-output"]
from sklearn.linear_model import LogisticRegression

from course_utils.scratch.kernel_methods.logistic import fit_gradient_descent, fit_newton, sigmoid

library = LogisticRegression(C=np.inf, tol=1e-10).fit(x_cloud, y_cloud)
ours = fit_newton(xb, y_cloud)[-1]
print(
    "largest difference to scikit-learn below 1e-4:",
    bool(np.abs(np.append(library.coef_, library.intercept_) - ours).max() < 1e-4),
)
assert np.allclose(ours, jump[-1], atol=1e-8)

# %% [markdown]
# ### Does 0.7 mean seven in ten?
#
# A number between 0 and 1 is not yet a probability. It is one if, of all inputs that get 0.7, about seven in ten are positive. Check it the way a weather forecaster is checked: sort the predictions into bins, and compare each bin with what happened. Chance alone makes the observed share wobble, so each bin gets a band: where 99 in 100 observations fall if the prediction is right (binomial quantiles).
#
# We draw labels from a known logistic model, fit on 2,000 of them, and test on 4,000 fresh ones. Beside the honest fit stand two impostors: the same score tripled (all answers unchanged!), and the bare decision, all that a perceptron gives, read as probability 0 or 1.
#
# > **Predict.** All three make the same decisions, hence the same mistakes. Which way will the tripled score leave the diagonal?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three reliability diagrams. The logistic fit lies on the diagonal inside its bands. The tripled score bends into an S: too low left, too high right. The sign alone has two points far off the diagonal."}}
from course_utils.scratch.kernel_methods.calibration import reliability

rng = np.random.default_rng(SEED)
true_w = np.array([1.2, -0.8, 0.4])


def draw_logistic(n):
    x = add_bias(rng.normal(size=(n, 2)))
    return x, np.where(rng.random(n) < sigmoid(x @ true_w), 1.0, -1.0)


x_seen, y_seen = draw_logistic(2000)
x_new, y_new = draw_logistic(4000)
score = x_new @ fit_newton(x_seen, y_seen)[-1]
answers = {"logistic": sigmoid(score), "score tripled": sigmoid(3 * score), "sign only": (score > 0).astype(float)}
fig, axes = plt.subplots(1, 3, figsize=(7, 2.7), sharey=True)
table = {}
for ax, (name, p), color in zip(axes, answers.items(), ("blue", "orange", "vermillion")):
    table[name] = reliability(p, y_new > 0, bins=12)
    reliability_diagram(
        ax, *(getattr(table[name], part) for part in ("predicted", "observed", "low", "high")), plotting.COLORS[color]
    )
    ax.set_title(f"{name}: {table[name].inside:.0%} in band", fontsize=10)
axes[1].set_ylabel("")
axes[2].set_ylabel("")
assert table["logistic"].inside >= 0.9
assert table["score tripled"].inside < 0.4
assert table["sign only"].inside < 0.5
plt.show()

# %% [markdown]
# The fit is calibrated; the tripled score is overconfident on both sides; the sign is certainty without ground. Same decisions, very different promises. (The fit is calibrated *because the data came from a logistic model*. On data that does not, check; do not hope.)
#
# ### When the data is too easy
#
# What does logistic regression do on the left picture, where a line makes no mistake? Take any separating $w$ and double it: every margin doubles, every term of (1.35) falls. So the loss has no minimum; the best weights are infinite.
#
# > **Predict.** Gradient descent runs on such data for a hundred thousand steps. What do you see: (a) an overflow, (b) weights that grow faster and faster, (c) weights that grow ever more slowly? And does the *line* keep moving?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the length of the weight vector grows like the logarithm of the step and never stops. Right: the angle between the weight vector and the largest-margin direction falls steadily over the steps."}}
from course_utils.scratch.perceptrons.margin_bound import maximum_margin

x_easy = add_bias(x_gap)
widest, _ = maximum_margin(x_easy, y_gap)
path = fit_gradient_descent(x_easy, y_gap, lr=2.0, steps=100_000)
at = np.unique(np.logspace(0, 5, 60).astype(int))
length = np.linalg.norm(path[at], axis=1)
angle = np.degrees(np.arccos(np.clip(path[at] @ widest / length, -1, 1)))
fig, axes = plt.subplots(1, 2, figsize=(7, 2.8))
axes[0].semilogx(at, length)
axes[0].set(title="length of w", xlabel="step")
axes[1].loglog(at, angle, color=plotting.COLORS["vermillion"])
axes[1].set(title="angle to the widest margin, degrees", xlabel="step")
print(
    f"step 1,000: length {length[np.searchsorted(at, 1000)]:.1f}, angle {angle[np.searchsorted(at, 1000)]:.2f} degrees"
)
print(f"step 100,000: length {length[-1]:.1f}, angle {angle[-1]:.2f} degrees")
per_tenfold = np.diff(np.interp([3, 4, 5], np.log10(at), length))
assert (np.diff(length) > 0).all()
assert np.ptp(per_tenfold) < 0.1 * per_tenfold.mean(), "the length grows like the logarithm of the step"
assert (np.diff(angle) < 0).all()
assert angle[-1] < 0.6 * angle[np.searchsorted(at, 1000)]
plt.show()

# %% [markdown]
# The weights run away, slowly: the length grows like the logarithm of the step. And the direction goes somewhere definite. Once every margin is large, the sum (1.35) is dominated by its largest term, the point with the *smallest* margin; to reduce the loss is then to push that point away. So plain gradient descent, with no instruction to do so, turns towards the line with the widest margin (widest in the space that includes the constant 1 of the bias; on these data it is the widest street as well, in general it need not be). This [implicit bias](../book/glossary.md#implicit-bias) is a theorem ([Soudry et al., 2018](../book/references.md#soudry-2018)), and one of the explanations on offer for why huge networks that could memorise anything still find sensible solutions.
#
# But what a slow road: the angle shrinks like one over the logarithm of the step, and after a hundred thousand steps the line is still on its way. If the widest margin is what you want, why not ask for it?
#
# ## The widest street: support vector machines
#
# The distance of a point to the line $w \cdot x + b = 0$ is $|w \cdot x + b| / \|w\|$. So the closest point of a separating line lies at distance
#
# $$ \rho(w, b) = \min_i \frac{y_i (w \cdot x_i + b)}{\|w\|}, \tag{1.38} $$
#
# the *geometric margin*: half the width of the widest street you can lay along the line with no house on it. Which $w$ makes it largest? Length means nothing here (double $w$ and $b$: same line), so fix it to our convenience: let the closest point have $y_i(w \cdot x_i + b) = 1$. Then $\rho = 1/\|w\|$, and "widest street" becomes "shortest $w$ with every margin at least 1".
#
# Real data has houses on the street. Let a point break its margin, and charge it for how much: the charge is the hinge. This is the [support vector machine](../book/glossary.md#support-vector-machine) ([Cortes and Vapnik, 1995](../book/references.md#cortes-vapnik-1995)):
#
# $$ E(w, b) = \frac{\lambda}{2} \|w\|^2 + \frac1N \sum_i \max\bigl(0,\; 1 - y_i (w \cdot x_i + b)\bigr). \tag{1.39} $$
#
# First term: wide street. Second: few and small trespasses. $\lambda$ sets the exchange rate; many books and libraries write $C = 1/(\lambda N)$ in front of the sum instead. Note that $b$ is not in the first term; a street may be anywhere (see [pitfalls](#pitfalls)).
#
# Train it as you trained the perceptron: a step against the slope. The hinge has a kink at $m = 1$; any slope between its two sides will do there, a *sub-gradient*. The steps shrink as $1/(\lambda t)$, those of the bias, which has no penalty, as $1/\sqrt t$ ([Shalev-Shwartz et al., 2007](../book/references.md#shalev-shwartz-2007)). Compare the line that computes `inside` with the perceptron rule: it updates not only on mistakes but on everything *inside the street*, and the first term shrinks the weights a little each time.

# %%
from course_utils.scratch.kernel_methods.svm import LinearRule, fit_subgradient


def train_svm(x, y, lam=0.003, steps=4000):
    w, b = np.zeros(x.shape[1]), 0.0
    total_w, total_b = np.zeros(x.shape[1]), 0.0
    for t in range(1, steps + 1):
        inside = y * (x @ w + b) < 1  # wrong side, or too close
        w, b = (1 - 1 / t) * w + (inside * y) @ x / (lam * t * len(x)), b + (inside * y).mean() / np.sqrt(t)
        if t > steps // 2:  # the second half wobbles around the optimum: average it
            total_w, total_b = total_w + w, total_b + b
    return LinearRule(total_w / (steps - steps // 2), total_b / (steps - steps // 2))


centre = x_gap.mean(axis=0)
ours = train_svm(x_gap - centre, y_gap)
library = fit_subgradient(x_gap, y_gap)  # the same steps; it does the centring itself
assert np.allclose(ours.w, library.w)

# %% [markdown]
# How good are steps that wobble? To know, you need the exact answer to compare with. The problem (1.39) is a quadratic programme, and "shortest $w$ with every margin at least 1" is its case $C = \infty$. Its dual has one number $\alpha_i \ge 0$ per *sample*:
#
# $$ \begin{aligned} &\max_\alpha\; \sum_i \alpha_i - \tfrac12 \sum_{i,j} \alpha_i \alpha_j\, y_i y_j\, x_i \cdot x_j \\ &\text{with}\quad 0 \le \alpha_i \le C, \quad \sum_i \alpha_i y_i = 0, \quad\text{and then}\quad w = \sum_i \alpha_i y_i x_i. \end{aligned} \tag{1.40} $$
#
# <details><summary>Where the dual comes from</summary>
#
# Divide (1.39) by $\lambda$ and name each sample's charge $\xi_i$: minimise $\frac12 \|w\|^2 + C \sum_i \xi_i$ with $\xi_i \ge 0$ and $y_i (w \cdot x_i + b) \ge 1 - \xi_i$. Put a price $\alpha_i \ge 0$ on breaking the second condition and $\beta_i \ge 0$ on breaking the first:
#
# $$ \tfrac12 \|w\|^2 + C \sum_i \xi_i - \sum_i \alpha_i \bigl( y_i (w \cdot x_i + b) - 1 + \xi_i \bigr) - \sum_i \beta_i \xi_i. $$
#
# At the best $w$, $b$ and $\xi$ all slopes vanish: $w = \sum_i \alpha_i y_i x_i$, then $\sum_i \alpha_i y_i = 0$, then $C = \alpha_i + \beta_i$, hence $0 \le \alpha_i \le C$. Put these three back, and (1.40) is what remains, to be maximised over the prices. A price is positive only where its condition is tight: at points on the edge of the street, or inside it. A sample with $0 < \alpha_i < C$ lies exactly on the edge, $y_i (w \cdot x_i + b) = 1$, and that equation gives $b$.
#
# </details>
#
# A solver that improves two coefficients at a time ([Platt, 1998](../book/references.md#platt-1998)) is in `course_utils.scratch.kernel_methods.smo`, thirty lines that are worth reading. Remember the shape of (1.40): the inputs enter *only through inner products* $x_i \cdot x_j$. In two sections that becomes the whole point.

# %% tags=["nbval-check-output"]
from sklearn.svm import SVC

from course_utils.scratch.kernel_methods.kernels import linear_kernel
from course_utils.scratch.kernel_methods.smo import solve_dual
from course_utils.scratch.perceptrons.perceptron import train_perceptron

dual = solve_dual(linear_kernel(x_gap, x_gap), y_gap, c=np.inf)  # no trespassing allowed
exact = LinearRule((dual.alpha * y_gap) @ x_gap, dual.bias)
reference = SVC(kernel="linear", C=1e6, tol=1e-6).fit(x_gap, y_gap)
first_found = train_perceptron(add_bias(x_gap), y_gap).w
margins = {
    "perceptron": LinearRule(first_found[:2], first_found[2]),
    "sub-gradient SVM": library,
    "exact, our dual": exact,
    "exact, scikit-learn": LinearRule(reference.coef_[0], reference.intercept_[0]),
}
margins = {name: rule.margin(x_gap, y_gap) for name, rule in margins.items()}
for name, value in margins.items():
    print(f"{name:>20}: margin {value:.3f} = {value / margins['exact, our dual']:.1%} of the largest")
assert margins["sub-gradient SVM"] > 0.97 * margins["exact, our dual"]
assert np.all(np.maximum(0, 1 - y_gap * library.score(x_gap)) >= (y_gap * library.score(x_gap) <= 0))

# %% [markdown]
# The perceptron's line is right and reckless; the sub-gradient steps come within a few percent of the widest street there is. The last line asserts, sample by sample, what the curves promised: the hinge is never below the zero-one loss.
#
# > **Predict.** In the solution of (1.40) most $\alpha_i$ are exactly zero. Which points keep a positive one? And what happens to the line if you delete all the others?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two separable classes with the perceptron's line close to some points on the left, and on the right the widest street with its two edges; only the three points on the edges are drawn large, they are the support vectors."}}
fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
limits = (x_gap[:, 0].min() - 0.3, x_gap[:, 0].max() + 0.3), (x_gap[:, 1].min() - 0.3, x_gap[:, 1].max() + 0.3)
score_map(axes[0], LinearRule(first_found[:2], first_found[2]).score, *limits, levels=(0.0,))
weighted_points(axes[0], x_gap, y_gap)
for ax in axes:
    ax.set(xticks=[], yticks=[])
axes[0].set_title(f"perceptron: margin {margins['perceptron']:.2f}")
score_map(axes[1], exact.score, *limits)
weighted_points(axes[1], x_gap, y_gap, dual.alpha)
axes[1].set_title(f"widest street: margin {margins['exact, our dual']:.2f}")
alone = solve_dual(linear_kernel(x_gap[dual.support], x_gap[dual.support]), y_gap[dual.support], c=np.inf)
assert np.allclose((alone.alpha * y_gap[dual.support]) @ x_gap[dual.support], exact.w, rtol=1e-4)
plt.show()

# %% [markdown]
# Only the points that touch the street carry it (three of them here): the [support vectors](../book/glossary.md#support-vector). The cell deletes all the others, trains again and asserts that the line is the same. Everything far from the border has no say. For logistic regression that is never so: every $\sigma(-m_i)$ is positive, every point pulls a little, for ever.
#
# ### One dial
#
# On overlapping classes the street cannot be empty, and $C$ says how dear a trespass is.
#
# > **Predict.** Small $C$: wide street or narrow one? Many support vectors or few?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three streets through the same overlapping clouds for C of 0.01, 0.1 and 100. Small C gives a wide street with most points on it as support vectors; large C a narrow street with few."}}
x_mix, y_mix = two_clouds(60, distance=2.4, seed=SEED)
fig, axes = plt.subplots(1, 3, figsize=(7, 2.7), sharey=True)
widths, counts = [], []
for ax, c in zip(axes, (0.01, 0.1, 100.0)):
    solved = solve_dual(linear_kernel(x_mix, x_mix), y_mix, c)
    rule = LinearRule((solved.alpha * y_mix) @ x_mix, solved.bias)
    score_map(ax, rule.score, (-4, 4), (-4, 4))
    weighted_points(ax, x_mix, y_mix, solved.alpha, largest=50)
    widths.append(2 / np.linalg.norm(rule.w))
    counts.append(len(solved.support))
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"C = {c:g}: {counts[-1]} support vectors", fontsize=10)
print("widths of the street:", ", ".join(f"{width:.1f}" for width in widths))
assert widths == sorted(widths, reverse=True)
assert counts == sorted(counts, reverse=True)
plt.show()

# %% [markdown]
# Cheap trespass, wide street, many involved. Dear trespass, narrow street, few involved. There is no right value to know in advance: you choose $C$ on data that was not trained on.
#
# That settles the first two pictures. The third has no street at all.
#
# ## Feature maps: bend the space, not the line
#
# The [last chapter](01_perceptron.ipynb) ended on XOR, where no line works. Here is the trick that the lecture calls a *generalised* linear function: keep $f(x) = w \cdot \phi(x)$ linear in $w$, and let a fixed function $\phi$, the [feature map](../book/glossary.md#feature-map), prepare the input.
#
# For XOR one extra number is enough: the product $x_1 x_2$ is positive in two opposite corners and negative in the others. For rings: the squared distance from the centre, $x_1^2 + x_2^2$. Lift each point to that height, and a flat cut separates what no line could:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two three-dimensional plots. Left: XOR clouds lifted to the height x1 times x2, one class above a grey plane and one below. Right: two rings lifted onto a bowl; the inner ring lies below the plane, the outer above it."}}
fig = plt.figure(figsize=(7, 3.2))
for place, (x, y), height, level, title in [
    (1, xor_clouds(80, seed=SEED), lambda x: x[:, 0] * x[:, 1], 0.0, "XOR, height $x_1 x_2$"),
    (2, rings(80, seed=SEED), lambda x: (x**2).sum(axis=1), 1.9, "rings, height $x_1^2 + x_2^2$"),
]:
    ax = fig.add_subplot(1, 2, place, projection="3d")
    lifted_points(ax, x, y, height(x), level)
    ax.set_title(title, fontsize=10)
plt.show()

# %% [markdown]
# Nobody had to guess those two features. Take *all* products of up to two inputs; both are among them:
#
# $$ \phi(x) = \bigl(1,\; \sqrt2\, x_i,\; x_i^2,\; \sqrt2\, x_i x_j \;(i < j)\bigr). \tag{1.41} $$
#
# (The roots only scale the features; in a minute you will see what they are good for.) The old perceptron, on these six numbers instead of two:

# %% tags=["nbval-check-output"]
from course_utils.scratch.kernel_methods.feature_maps import feature_count


def quadratic(x):
    i, j = np.triu_indices(x.shape[1], k=1)
    return np.column_stack([np.ones(len(x)), np.sqrt(2) * x, x**2, np.sqrt(2) * x[:, i] * x[:, j]])


for name, (x, y) in {"XOR": xor_clouds(80, seed=SEED), "rings": rings(80, seed=SEED)}.items():
    plain, lifted = train_perceptron(add_bias(x), y), train_perceptron(quadratic(x), y)
    errors = [int((y * (z @ run.w) <= 0).sum()) for z, run in ((add_bias(x), plain), (quadratic(x), lifted))]
    print(
        f"{name:>5}: {errors[0]:2d} errors on the inputs, {errors[1]} on quadratic features ({lifted.updates} updates)"
    )
    assert errors[0] > 0
    assert errors[1] == 0
    assert lifted.converged

# %% [markdown]
# Zero errors, with the same learning rule, and the convergence theorem holds as it stands: it never cared where its vectors came from.
#
# So why not always? Count. With $D$ inputs there are $\binom{D + d}{d}$ products of up to $d$ of them:

# %% tags=["nbval-check-output"]
for inputs in (2, 64, 784):
    print(f"{inputs:>4} inputs: " + ", ".join(f"degree {d}: {feature_count(inputs, d):,}" for d in (1, 2, 3, 5)))

# %% [markdown]
# For a small picture of 28 × 28 pixels and degree 3, that is eighty million weights. You cannot write the features down. The next idea is that you do not have to.
#
# ## The kernel trick
#
# > **Predict.** Here are two vectors, $x = (1, 2)$ and $z = (3, 1)$. Compute (1.41) for both by hand, and multiply: $\phi(x) \cdot \phi(z)$. Then compute $(1 + x \cdot z)^2$. What do you notice?

# %% tags=["nbval-check-output"]
x, z = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]])
print("features, then product:", (quadratic(x) @ quadratic(z).T).item().__round__(9))
print("product, then square  :", ((1 + x @ z.T) ** 2).item())

# %% [markdown]
# <span id="c023"></span>The same. Expand the square, and you see why the roots of two stand in (1.41):
#
# $$ k(x, z) = (1 + x \cdot z)^2 = 1 + 2 \sum_i x_i z_i + \sum_i x_i^2 z_i^2 + 2 \sum_{i<j} x_i x_j z_i z_j = \phi(x) \cdot \phi(z). \tag{1.42} $$
#
# The left side takes $D$ multiplications, the right side $\binom{D+2}{2}$. A function $k$ that equals an inner product of features is a [kernel](../book/glossary.md#kernel-function), and to use it in place of the features is the [kernel trick](../book/glossary.md#kernel-trick). The lecture's formula is true, and here it is checked for other degrees and dimensions:

# %% tags=["nbval-check-output"]
from course_utils.scratch.kernel_methods.feature_maps import polynomial_features
from course_utils.scratch.kernel_methods.kernels import polynomial_kernel, rbf_kernel, smallest_eigenvalue

rng = np.random.default_rng(SEED)
worst = 0.0
for inputs, degree in [(2, 2), (5, 2), (3, 4), (2, 7), (6, 5)]:
    x, z = (
        rng.uniform(-1, 1, size=(30, inputs)) / np.sqrt(inputs),
        rng.uniform(-1, 1, size=(20, inputs)) / np.sqrt(inputs),
    )
    through_features = polynomial_features(x, degree) @ polynomial_features(z, degree).T
    worst = max(worst, np.abs(through_features - polynomial_kernel(x, z, degree)).max())
    print(
        f"D = {inputs}, degree {degree}: {feature_count(inputs, degree):>4} features, {inputs + degree} multiplications by the kernel"
    )
print("largest difference below 1e-9:", worst < 1e-9)
assert worst < 1e-9

# %% [markdown]
# ### A perceptron without weights
#
# For this to help, the *learning* must need nothing but inner products. Look at the perceptron: it starts at zero and only ever adds $y_i \phi(x_i)$. So at any time $w = \sum_i n_i y_i \phi(x_i)$, where $n_i$ counts the mistakes made on sample $i$. You need not store $w$; store the counts. The score becomes
#
# $$ f(x) = w \cdot \phi(x) = \sum_i n_i y_i\; \phi(x_i) \cdot \phi(x) = \sum_i n_i y_i\, k(x_i, x). \tag{1.43} $$


# %%
def kernel_perceptron(K, y, epochs=100):
    n = np.zeros(len(y), dtype=int)
    for _ in range(epochs):
        clean = True
        for i in range(len(y)):
            if y[i] * (K[i] @ (n * y)) <= 0:
                n[i] += 1
                clean = False
        if clean:
            break
    return n


# %% [markdown]
# Not a single feature is computed. Does it do the same thing as the perceptron on features, or merely something similar?

# %% tags=["nbval-check-output"]
x_ring, y_ring = rings(80, seed=SEED)
everywhere = np.random.default_rng(SEED).uniform(-3, 3, size=(2000, 2))
explicit = train_perceptron(quadratic(x_ring), y_ring)
counts = kernel_perceptron(polynomial_kernel(x_ring, x_ring), y_ring)
primal_scores = quadratic(everywhere) @ explicit.w
dual_scores = polynomial_kernel(everywhere, x_ring) @ (counts * y_ring)
print("mistakes, explicit features:", explicit.updates, "  with the kernel:", counts.sum())
print("same mistakes on the same samples:", bool((counts == np.bincount(explicit.picked, minlength=len(y_ring))).all()))
print("same score at 2,000 new points to 1e-9:", bool(np.abs(primal_scores - dual_scores).max() < 1e-9))
assert np.abs(primal_scores - dual_scores).max() < 1e-9

# %% [markdown]
# Mistake for mistake the same run. The two are one algorithm with two book-keepings ([Aizerman et al., 1964](../book/references.md#aizerman-1964) knew this six years after the perceptron).
#
# ### What it costs
#
# Nothing is free. One score costs a multiplication for each feature on one side, and $D$ for each *training sample* on the other:

# %% tags=["nbval-check-output"]
print("multiplications for one score on 784 pixels")
for degree in (1, 2, 3):
    print(f"  degree {degree}: explicit {feature_count(784, degree):>12,}")
for n in (100, 10_000, 60_000):
    print(f"  {n:>6,} samples, any degree: kernel {n * (784 + 3):>12,}")

# %% [markdown]
# The kernel does not care about the degree, but it cares about $N$. Keep that in mind: it will come back as the price of everything that follows.
#
# ### What counts as a kernel
#
# You may now forget features and begin with a similarity, provided that *some* features belong to it. The test: for every set of points the matrix $K_{ij} = k(x_i, x_j)$ must be [positive semi-definite](../book/glossary.md#positive-semi-definite), no negative eigenvalue. One direction is easy: $\sum_{ij} c_i c_j\, \phi(x_i) \cdot \phi(x_j) = \|\sum_i c_i \phi(x_i)\|^2 \ge 0$. The other direction is a theorem of Moore and Aronszajn; the proof is in [Schölkopf and Smola, 2002](../book/references.md#scholkopf-smola-2002). The most used one is the radial basis function or [RBF kernel](../book/glossary.md#rbf-kernel),
#
# $$ k(x, z) = e^{-\gamma \|x - z\|^2}, \tag{1.44} $$
#
# whose features are infinitely many ([exercise 3](#exercises) writes them down). Not every similarity passes:

# %% tags=["nbval-check-output"]
x = np.random.default_rng(SEED).normal(size=(40, 2))
distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
candidates = {
    "polynomial": polynomial_kernel(x, x, 3),
    "RBF": rbf_kernel(x, x, 1.0),
    "minus the distance": -distance,
    "1 if closer than 1": (distance < 1).astype(float),
    "tanh(x.z - 1)": np.tanh(x @ x.T - 1),
}
for name, K in candidates.items():
    smallest = smallest_eigenvalue(K)
    print(
        f"{name:>19}: smallest eigenvalue over the largest {smallest + 0.0:8.4f}   {'kernel' if smallest > -1e-9 else 'no kernel'}"
    )
    assert (smallest > -1e-9) == (name in ("polynomial", "RBF"))

# %% [markdown]
# (A negative eigenvalue proves that it is no kernel. None on one sample proves nothing yet; for (1.42) and (1.44) there are proofs.)
#
# ## The representer theorem
#
# <span id="c022"></span>The perceptron's weights are a sum of training samples because of how it *moves*. The lecture says more: "in all these cases the optimal weight vector is a linear combination of training data", perceptron, SVM and logistic regression alike. Is that a theorem?
#
# **Claim.** If $w$ minimises $E(w) = \sum_i L(y_i, w \cdot \phi(x_i)) + \frac{\lambda}{2} \|w\|^2$ with $\lambda > 0$, then
#
# $$ w = \sum_i \alpha_i\, \phi(x_i). \tag{1.45} $$
#
# **Proof**, five lines.
#
# 1. Split $w = u + v$, with $u$ in the span of the $\phi(x_i)$ and $v$ orthogonal to all of them.
# 2. Every score is $w \cdot \phi(x_i) = u \cdot \phi(x_i)$: the data never sees $v$. So all losses depend on $u$ alone.
# 3. By Pythagoras $\|w\|^2 = \|u\|^2 + \|v\|^2$.
# 4. So $E(u + v) = E(u) + \frac{\lambda}{2} \|v\|^2$.
# 5. If $v \ne 0$, then $u$ alone is better, and $w$ was no minimum. Hence $v = 0$. ∎
#
# Nothing was assumed about $L$: not convex, not smooth. But line 5 spends $\lambda > 0$. Without the penalty any $v$ is as good as none, and what you get depends on where you started. Let us watch $\|v\|$ for five samples in twenty dimensions, from a start that lies partly off their span.
#
# > **Predict.** Four runs: logistic regression with and without penalty, the sub-gradient SVM, the perceptron. In which does $\|v\|$ go to zero?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Length of the off-span part over the steps on a logarithmic axis. Penalised logistic regression and SVM fall to zero, the logistic curve exactly on the dashed line of the formula; unpenalised logistic regression and the perceptron stay flat."}}
from course_utils.scratch.kernel_methods.representer import span_coefficients, split_by_span
from course_utils.scratch.kernel_methods.svm import hinge_subgradient

rng = np.random.default_rng(SEED)
x_few, y_few, start = rng.normal(size=(5, 20)), np.array([1.0, -1, 1, 1, -1]), rng.normal(size=20)
lam, lr, steps = 0.1, 0.5, 400
paths = {
    "logistic, penalty": fit_gradient_descent(x_few, y_few, lr, steps, penalty=lam, start=start),
    "logistic, no penalty": fit_gradient_descent(x_few, y_few, lr, steps, start=start),
}
rule = LinearRule(start, 0.0)
svm_path = [rule.w]
for _ in range(steps):
    rule = LinearRule(rule.w - lr * hinge_subgradient(rule, x_few, y_few, lam)[0], 0.0)
    svm_path.append(rule.w)
paths["SVM"] = np.array(svm_path)
moves = train_perceptron(x_few, y_few, w=start).history
paths["perceptron"] = np.vstack([moves, np.repeat(moves[-1:], steps + 1 - len(moves), axis=0)])
fig, ax = plt.subplots(figsize=(7, 2.7))
off = {name: np.array([np.linalg.norm(split_by_span(w, x_few)[1]) for w in path]) for name, path in paths.items()}
for (name, sizes), style in zip(off.items(), ("-", "-", ":", "--")):
    ax.semilogy(sizes, style, linewidth=2.5, label=name)
ax.semilogy(
    off["logistic, penalty"][0] * (1 - lr * lam) ** np.arange(steps + 1),
    "--",
    color=plotting.COLORS["ink"],
    linewidth=1,
    label=r"$(1 - \eta\lambda)^t$",
)
ax.set(xlabel="step", ylabel="length of the part off the span")
ax.legend(ncols=2, loc="lower left")
assert off["logistic, penalty"][-1] < 1e-7
assert off["SVM"][-1] < 1e-7
assert np.allclose(off["logistic, no penalty"], off["perceptron"][0])
assert np.allclose(off["perceptron"], off["perceptron"][0])
plt.show()

# %% [markdown]
# Every gradient of a loss is a sum of samples, so no loss ever touches $v$; only the penalty does, and it multiplies $v$ by $1 - \eta\lambda$ each step. So the lecture's sentence needs one of two conditions that it leaves out: **a penalty on $\|w\|^2$** (SVM, regularised logistic regression), or **a start inside the span**, such as $w = 0$ (perceptron, plain logistic regression). With either, (1.45) is exact:

# %% tags=["nbval-check-output"]
final = paths["logistic, penalty"][-1]
alpha = span_coefficients(final, x_few)
print("w rebuilt from 5 samples, largest error below 1e-8:", bool(np.abs(alpha @ x_few - final).max() < 1e-8))
from_zero = fit_gradient_descent(x_few, y_few, lr, steps)[-1]
print(
    "no penalty, start at zero: length off the span below 1e-12:",
    bool(np.linalg.norm(split_by_span(from_zero, x_few)[1]) < 1e-12),
)
assert np.linalg.norm(split_by_span(from_zero, x_few)[1]) < 1e-12

# %% [markdown]
# ## Kernel machines: a weighted vote of the training samples
#
# Put (1.45) into the score, and every regularised linear method becomes curved at once:
#
# $$ f(x) = \sum_i \alpha_i\, k(x_i, x) \;(+\, b). \tag{1.46} $$
#
# Read it aloud: *how similar is the new point to each training sample, weighted by $\alpha_i$?* (The $\alpha_i$ here is the $\alpha_i y_i$ of (1.40): the label is folded in.) Training finds the $\alpha_i$. For the SVM that is the dual (1.40) with $k(x_i, x_j)$ in place of $x_i \cdot x_j$, and our solver already takes a matrix. Here it is on the rings, with an RBF kernel:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the RBF support vector machine draws a closed curve between the two rings; only some points are large, the support vectors. Right: surface of the score over one cut through the centre, a hill inside the inner ring and a trough at the outer ring."}}
K_ring = rbf_kernel(x_ring, x_ring, gamma=1.0)
machine = solve_dual(K_ring, y_ring, c=10.0)


def ring_score(points):
    return machine.score(rbf_kernel(points, x_ring, gamma=1.0))


fig, axes = plt.subplots(1, 2, figsize=(7, 3.1))
score_map(axes[0], ring_score, (-2.7, 2.7), (-2.7, 2.7))
weighted_points(axes[0], x_ring, y_ring, machine.alpha)
axes[0].set(aspect="equal", xticks=[], yticks=[])
axes[0].set_title(f"{len(machine.support)} support vectors of {len(y_ring)}")
along = np.linspace(-3.5, 3.5, 200)
axes[1].plot(along, ring_score(np.column_stack([along, np.zeros(200)])))
axes[1].axhline(0, color=plotting.COLORS["ink"], linewidth=1)
axes[1].set(title="score along the horizontal axis", xlabel="$x_1$  (at $x_2 = 0$)")
library = SVC(kernel="precomputed", C=10.0, tol=1e-8).fit(K_ring, y_ring)
assert (np.sign(machine.score(K_ring)) == y_ring).all()
assert np.allclose(machine.score(K_ring), library.decision_function(K_ring), atol=1e-4)
plt.show()

# %% [markdown]
# Zero errors, and scikit-learn's scores to four decimals (asserted in the cell).
#
# Now play. Add points where you like, change kernel and width, and switch the method. The size of a point is its coefficient. Three things to try: put one −1 in the middle of the +1s with a narrow RBF; give the linear kernel the rings; count the coefficients of kernel ridge and of the SVM.

# %%
from course_utils.widgets import KernelExplorer

KernelExplorer()

# %% [markdown]
# ### The price: one number per sample
#
# <span id="c024"></span>The lecture calls it the limitation of kernels: the number of free variables grows linearly with the training set. The score (1.46) is linear in the vector $(k(x_1, x), \dots, k(x_N, x))$, and it has $N$ coefficients, by definition. But how many are *not zero*?
#
# > **Predict.** For rings with 25, 50, …, 400 points: how many non-zero coefficients do kernel ridge regression (squared loss), the kernel perceptron and the SVM (hinge) need?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Number of non-zero coefficients over the number of training samples. Kernel ridge regression lies on the diagonal; the perceptron and the support vector machine stay far below it."}}
from course_utils.scratch.kernel_methods.kernel_ridge import kernel_ridge

sizes, used = (25, 50, 100, 200, 400), {"kernel ridge": [], "kernel perceptron": [], "SVM, C = 10": []}
for n in sizes:
    x, y = rings(n, seed=SEED)
    K = rbf_kernel(x, x, 1.0)
    used["kernel ridge"].append(int((np.abs(kernel_ridge(K, y, 0.1)) > 1e-8).sum()))
    used["kernel perceptron"].append(int((kernel_perceptron(K, y) > 0).sum()))
    used["SVM, C = 10"].append(len(solve_dual(K, y, 10.0).support))
fig, ax = plt.subplots(figsize=(7, 2.6))
for (name, count), marker in zip(used.items(), "os^"):
    ax.plot(sizes, count, marker=marker, label=name)
ax.set(xlabel="training samples", ylabel="non-zero coefficients")
ax.legend()
for name, count in used.items():
    print(f"{name:>18}: {count}")
assert used["kernel ridge"] == list(sizes)
assert used["SVM, C = 10"][-1] < 0.2 * sizes[-1]
plt.show()

# %% [markdown]
# With the squared loss the count grows one for one: every sample is off its target by a little, so every sample votes. The perceptron counts only its mistakes, and stops at the first border that works. With the hinge a sample that is comfortably right gets $\alpha_i = 0$, and on this clean task the machine hardly grows. The lecture's sentence is true of the form (1.46), and a sparse loss softens it. (It does not abolish it: when classes overlap, every point on the wrong side is a support vector, and the count grows with $N$ again.)
#
# ### The other dial: width
#
# An RBF kernel has a $\gamma$. Similarity falls to $1/e$ at the distance $1/\sqrt\gamma$: this is how far a training sample can see.
#
# > **Predict.** Two interlocking half moons with noise, 100 training points. Sketch training error and test error over $\gamma$ from $10^{-2}$ to $10^{3}$. Where is each lowest?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three decision maps of two noisy moons: with tiny gamma a nearly straight border, with medium gamma a smooth S, with huge gamma an island around every training point. Below, training error falls to zero with gamma while test error is U-shaped."}}
x_moon, y_moon = moons(100, spread=0.3, seed=SEED)
x_far, y_far = moons(2000, spread=0.3, seed=SEED + 1)
gammas = np.logspace(-2, 3, 16)
errors = {"training": [], "test": []}
for gamma in gammas:
    solved = solve_dual(rbf_kernel(x_moon, x_moon, gamma), y_moon, 10.0, tolerance=1e-4)
    for name, (x, y) in {"training": (x_moon, y_moon), "test": (x_far, y_far)}.items():
        errors[name].append(float(np.mean(np.sign(solved.score(rbf_kernel(x, x_moon, gamma))) != y)))
fig, axes = plt.subplot_mosaic([["blur", "good", "islands"], ["curve"] * 3], figsize=(7, 4.4), height_ratios=[1.1, 1])
for name, gamma in zip(("blur", "good", "islands"), (0.01, 1.0, 300.0)):
    solved = solve_dual(rbf_kernel(x_moon, x_moon, gamma), y_moon, 10.0, tolerance=1e-4)
    score_map(
        axes[name],
        lambda p, s=solved, g=gamma: s.score(rbf_kernel(p, x_moon, g)),
        (-2.4, 2.4),
        (-1.8, 1.8),
        levels=(0.0,),
    )
    weighted_points(axes[name], x_moon, y_moon, solved.alpha, largest=25)
    axes[name].set(title=f"γ = {gamma:g}", xticks=[], yticks=[])
for (name, values), style in zip(errors.items(), ("--o", "-s")):
    axes["curve"].semilogx(gammas, values, style, markersize=4, label=f"{name} error")
axes["curve"].set(xlabel="γ", ylabel="error", ylim=(0, None))
axes["curve"].legend()
best = gammas[int(np.argmin(errors["test"]))]
print(
    f"lowest test error {min(errors['test']):.1%} at γ = {best:.2g}; training error is 0 from γ = {gammas[np.argmin(errors['training'])]:.2g} on"
)
assert errors["training"][-1] == 0
assert errors["test"][-1] > 1.5 * min(errors["test"])
assert errors["test"][0] > 1.5 * min(errors["test"])
plt.show()

# %% [markdown]
# Too wide, and all samples look alike: the machine blurs towards a straight border. Too narrow, and each sample sees only itself: zero training error, and islands. Training error is blind to this: it falls, but for a wobble, all the way to zero. You choose $\gamma$, like $C$, on data that was not trained on.
#
# ## Kernel PCA: finite features back from a kernel
#
# A kernel hides infinitely many features, and asks for all training samples at every prediction. The lecture names the way out: an explicit, finite embedding, for instance by kernel PCA ([Schölkopf et al., 1998](../book/references.md#scholkopf-1998)).
#
# The idea. $N$ samples span at most $N$ dimensions, however many features there are. So rotate: find an orthonormal basis of that span, best directions first, and write down each sample's coordinates. Ordinary PCA does this with the covariance of the features; here it must be done with $K$ alone. If $Z$ holds the coordinates, we want $Z Z^\top = K$, and the eigenvectors of $K = V \Lambda V^\top$ give it at once: $Z = V \Lambda^{1/2}$.
#
# PCA, however, looks at deviations from the mean. The mean of the features is out of reach, but inner products of *centred* features are not:
#
# $$ \begin{aligned} \bar K_{ij} &= \Bigl(\phi(x_i) - \frac1N \sum_a \phi(x_a)\Bigr) \cdot \Bigl(\phi(x_j) - \frac1N \sum_b \phi(x_b)\Bigr) \\ &= K_{ij} - \frac1N \sum_a K_{aj} - \frac1N \sum_b K_{ib} + \frac1{N^2} \sum_{a,b} K_{ab}. \end{aligned} \tag{1.47} $$


# %%
def center(K):
    return K - K.mean(axis=0)[None, :] - K.mean(axis=1)[:, None] + K.mean()


values, vectors = np.linalg.eigh(center(K_ring))
keep = values > 1e-12 * values[-1]
Z = vectors[:, keep][:, ::-1] * np.sqrt(values[keep][::-1])

# %% [markdown]
# <span id="c025"></span>
#
# > **Predict.** Do the inner products of these coordinates, $Z Z^\top$, equal the kernel matrix $K$?

# %% tags=["nbval-check-output"]
from course_utils.scratch.kernel_methods.kernel_pca import KernelPCA

pca = KernelPCA(K_ring)
assert np.allclose(pca.embedding @ pca.embedding.T, Z @ Z.T, atol=1e-10)
print("embedding:", Z.shape[0], "samples in fewer than", len(x_ring), "dimensions:", bool(Z.shape[1] < len(x_ring)))
print("reproduces the centred kernel to 1e-9:  ", bool(np.abs(Z @ Z.T - center(K_ring)).max() < 1e-9))
print(f"largest distance to the uncentred kernel: {np.abs(Z @ Z.T - K_ring).max():.3f}")
assert np.abs(Z @ Z.T - center(K_ring)).max() < 1e-9 < 0.1 < np.abs(Z @ Z.T - K_ring).max()

# %% [markdown]
# The lecture's "explicit finite embedding" is imprecise by one word: it reproduces the **centred** kernel, to rounding, and not the kernel itself. Does the difference matter? Not to a machine with a bias: shifting all features by a constant changes each score by a constant. A *linear* SVM on $Z$ must therefore agree with the kernel SVM, score by score:

# %% tags=["nbval-check-output"]
x_test, y_test = rings(500, seed=SEED + 1)
K_test = rbf_kernel(x_test, x_ring, gamma=1.0)
linear_on_z = solve_dual(linear_kernel(pca.embedding, pca.embedding), y_ring, c=10.0)
w = (linear_on_z.alpha * y_ring) @ pca.embedding
through_z = pca.transform(K_test) @ w + linear_on_z.bias
print(
    "linear machine on the embedding = kernel machine at 500 new points, to 1e-4:",
    bool(np.abs(through_z - machine.score(K_test)).max() < 1e-4),
)
assert np.abs(through_z - machine.score(K_test)).max() < 1e-4

# %% [markdown]
# Now *truncate*. Keep only the first few coordinates, and the embedding is approximate, with an error you can read off: in the spectral norm (the largest eigenvalue of the difference) it is the first eigenvalue you dropped.
#
# > **Predict.** The rings live in a plane, the kernel has infinitely many features. How many coordinates does a linear machine need to tell inside from outside?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: the rings in the first two kernel principal components, where a straight line separates the classes. Right: test accuracy of a linear machine over the number of components, which is perfect from two on, beside the slowly falling error of the kernel."}}
kept = [1, 2, 3, 4, 5, 6, 8, 12, 20]
accuracy, gaps = [], []
for components in kept:
    part = KernelPCA(K_ring, components)
    solved = solve_dual(linear_kernel(part.embedding, part.embedding), y_ring, c=10.0, max_steps=20_000)
    scores = part.transform(K_test) @ ((solved.alpha * y_ring) @ part.embedding) + solved.bias
    accuracy.append(float(np.mean(np.sign(scores) == y_test)))
    gaps.append(float(np.linalg.norm(center(K_ring) - part.embedding @ part.embedding.T, 2)))
    assert np.isclose(gaps[-1], pca.eigenvalues[components])
assert accuracy[0] < 0.9
assert min(accuracy[1:]) > 0.99
fig, axes = plt.subplots(1, 2, figsize=(7, 3.0))
weighted_points(axes[0], pca.embedding[:, :2], y_ring)
axes[0].set(title="the rings, embedded", xlabel="component 1", ylabel="component 2")
axes[1].plot(kept, accuracy, "-o", label="test accuracy")
axes[1].plot(kept, np.array(gaps) / pca.eigenvalues[0], "--s", label="error of the kernel (relative)")
axes[1].set(xlabel="components kept", ylim=(0, 1.05))
axes[1].legend()
print("test accuracy:", ", ".join(f"{k}: {a:.3f}" for k, a in zip(kept, accuracy)))
plt.show()

# %% [markdown]
# Two. In the first two coordinates a straight line separates what takes a circle in the plane, long before the kernel itself is well approximated (dashed). Two numbers a sample instead of eighty, however many samples there are.
#
# That was kind of this task. Kernel PCA keeps the directions in which the *features* $\phi(x)$ vary most and never looks at a label; where the labels depend on a direction of little variance, truncation throws it away.
#
# Kernel PCA still needs the eigenvectors of an $N \times N$ matrix. Its practical cousin picks a few hundred *landmarks* and takes coordinates against those only: [Nyström features](../book/glossary.md#landmark-features) ([Williams and Seeger, 2001](../book/references.md#williams-seeger-2001)). You meet them [at scale](#at-scale).
#
# ## The Fisher kernel: let a model of the data design the kernel
#
# All kernels so far compare two vectors of the same length. What about two *bags* of vectors: the words of two documents, the patches of two pictures, of any number? The lecture names one answer as an example of a data-adaptive kernel, the Fisher kernel ([Jaakkola and Haussler, 1998](../book/references.md#jaakkola-haussler-1998)). Its idea is charming:
#
# 1. Fit a model $p(x \mid \theta)$ to all the points of all bags, without labels. We take a mixture of Gaussians.
# 2. Ask each bag: *how would you like to change the model?* The answer is a gradient, the [Fisher score](../book/glossary.md#fisher-score), one number per parameter whatever the size of the bag.
# 3. Two bags are similar if they ask for the same change.
#
# Raw gradients depend on the units of each parameter. So whiten them by their covariance under the model, the [Fisher information](../book/glossary.md#fisher-information) $F$:
#
# $$ g(X) = \frac{1}{|X|} \sum_{x \in X} \nabla_\theta \ln p(x \mid \theta), \qquad k(X, X') = g(X)^\top F^{-1} g(X'). \tag{1.48} $$
#
# (We divide by the size of the bag so that long and short ones compare, and approximate $F$ by the average of $\nabla \ln p\, \nabla \ln p^\top$ over the training points; the closed diagonal form that is popular in vision is the other option in `course_utils.scratch.kernel_methods.fisher_kernel`.)
#
# The gradients of a mixture are short. With $\gamma_k(x)$ the probability that component $k$ made $x$, weight $\pi_k$ (as a softmax of logits), mean $\mu_k$ and scale $\sigma_k$ per axis:
#
# $$ \frac{\partial \ln p}{\partial\, \text{logit}_k} = \gamma_k - \pi_k, \qquad \frac{\partial \ln p}{\partial \mu_k} = \gamma_k \frac{x - \mu_k}{\sigma_k^2}, \qquad \frac{\partial \ln p}{\partial \sigma_k} = \frac{\gamma_k}{\sigma_k} \left( \frac{(x - \mu_k)^2}{\sigma_k^2} - 1 \right). \tag{1.49} $$
#
# The test must be fair, and hard for the obvious rival, the mean of the bag. So both classes have the *same mean and the same covariance*: bags of 5 to 30 points from four clouds, arranged as × in one class and as + in the other.

# %% tags=["band-fisher"]
import numpy as np

from course_utils.scratch.kernel_methods.fisher_kernel import FisherWhitening, set_scores
from course_utils.scratch.kernel_methods.gaussian_mixture import fit_mixture
from course_utils.scratch.kernel_methods.smo import solve_dual

rng = np.random.default_rng(SEED)
cross = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)


def draw_bags(count):
    labels = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    bags = []
    for label in labels:
        points = rng.integers(5, 31)
        corners = cross if label > 0 else cross @ turn
        bags.append(corners[rng.integers(4, size=points)] + 0.5 * rng.standard_normal((points, 2)))
    return bags, labels


bags, bag_labels = draw_bags(100)
new_bags, new_labels = draw_bags(400)
pool = np.concatenate(bags)
mixture, likelihood = fit_mixture(pool, components=8, steps=60, seed=SEED)
assert (np.diff(likelihood) > -1e-9).all(), "EM never lowers the likelihood"

# %% [markdown]
# > **Predict.** A linear machine on the mean of each bag; one on mean and covariance; one with the Fisher kernel (all three standardised on the training bags). Which is above chance?

# %% tags=["band-fisher"]
whiten = FisherWhitening(mixture, pool)
representations = {
    "mean": lambda some: np.array([bag.mean(axis=0) for bag in some]),
    "mean_and_covariance": lambda some: np.array(
        [np.append(bag.mean(axis=0), np.cov(bag.T)[np.triu_indices(2)]) for bag in some]
    ),
    "fisher": lambda some: whiten(set_scores(mixture, some)),
}
fisher_result = {}
for name, represent in representations.items():
    train, test = represent(bags), represent(new_bags)
    middle, scale = train.mean(axis=0), train.std(axis=0)
    train, test = (train - middle) / scale, (test - middle) / scale
    solved = solve_dual(train @ train.T, bag_labels, c=0.1, tolerance=1e-4)
    fisher_result[name] = float(np.mean(np.sign(solved.score(test @ train.T)) == new_labels))

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: one bag of each class and the eight Gaussians of the mixture as ellipses at the four corners of a square and of a square turned by 45 degrees. Right: accuracy bands over twenty seeds, mean and covariance at chance, the Fisher kernel above ninety percent for every seed."}}
from matplotlib.patches import Ellipse

fig, axes = plt.subplots(1, 2, figsize=(7, 3.1), width_ratios=[1, 1.15])
shown = [next(i for i, bag in enumerate(new_bags) if new_labels[i] == label and len(bag) > 20) for label in (1, -1)]
for i, marker, color in zip(shown, "s^", ("vermillion", "blue")):
    axes[0].scatter(
        *new_bags[i].T,
        s=18,
        marker=marker,
        color=plotting.COLORS[color],
        label=f"a bag of {'×' if i == shown[0] else '+'}",
    )
for mean, scale in zip(mixture.means, mixture.scales):
    axes[0].add_patch(Ellipse(mean, *(2 * scale), fill=False, color=plotting.COLORS["gray"]))
axes[0].set(aspect="equal", xlim=(-2.8, 2.8), ylim=(-2.8, 3.4), xticks=[], yticks=[])
axes[0].legend(loc="upper center", ncols=2, handletextpad=0.2)
for row, name in enumerate(fisher_result):
    plotting.seed_band(
        axes[1], band("01b_kernels.fisher", name), fisher_result[name], name.replace("_and_", " and\n"), y=-row
    )
axes[1].axvline(0.5, color=plotting.COLORS["gray"], linewidth=1, linestyle="--")
axes[1].set(xlim=(0.4, 1.0), xlabel="accuracy on 400 new bags (20 seeds)")
for name, value in fisher_result.items():
    assert band("01b_kernels.fisher", name).contains(value, slack=0.02), name
assert band("01b_kernels.fisher", "fisher").minimum > band("01b_kernels.fisher", "mean_and_covariance").maximum + 0.2
assert smallest_eigenvalue(representations["fisher"](bags) @ representations["fisher"](bags).T) > -1e-9
plt.show()

# %% [markdown]
# The ellipses are what EM found: not quite the eight corners that made the data, and good enough. Mean and covariance are blind here by construction, at chance for every seed. The Fisher kernel sees which *components* a bag asks for, and it got its eyes without a single label. It is positive semi-definite, as every inner product of features is (asserted).
#
# But look at step 1 again, through the lecture's eyes: *"still the kernel is designed before and separately from classifier training"*. The mixture did not know what it would be used for. Had the difference between the classes been a subtle one, it might have spent its eight Gaussians elsewhere.
#
# ## A fixed number of adaptive bumps
#
# The lecture's last word on kernels is a way out of both limits, the count that grows with $N$ and the features designed in advance. Fix the number $H$ of basis functions, and *learn* them along with their weights:
#
# $$ f(x) = b + \sum_{j=1}^{H} \alpha_j\, \phi_j(x; \theta_j), \qquad \phi_j(x; c_j, s_j) = e^{-(x - c_j)^2 / (2 s_j^2)}. \tag{1.50} $$
#
# It looks like the RBF machine (1.46). But there are only $H$ bumps, they need not sit on samples, and centre $c_j$ and width $s_j$ are parameters like any other. What does that buy? Take ten bumps and a function that is calm on the left and busy on the right. All arms get the same data and always the *best possible* weights $\alpha, b$ (least squares); they differ in what else they may move:
#
# - **frozen:** ten evenly spaced bumps, each as wide as the spacing;
# - **frozen, best width:** the same, with the common width chosen by looking at the true function (a head start no one has in real life);
# - **learned centres:** gradient descent moves $c_j$;
# - **learned centres and widths:** gradient descent moves both.
#
# > **Predict.** Where will the learned bumps go? By how much does the error fall: a tenth, a half, to a fifth?

# %% tags=["band-rbf_network"]
from dataclasses import replace

import numpy as np

from course_utils.scratch.kernel_methods.rbf_network import even_network, learn_bumps, solve_weights

rng = np.random.default_rng(SEED)


def target(x):
    return np.sin(np.exp(0.55 * (x + 2.2)))


x_line = np.sort(rng.uniform(-3, 3, 120))
y_line = target(x_line) + 0.1 * rng.standard_normal(120)
grid = np.linspace(-3, 3, 600)


def true_error(net):
    return float(np.sqrt(np.mean((net(grid) - target(grid)) ** 2)))


even = even_network(10, -3, 3)
nets = {"frozen": solve_weights(even, x_line, y_line)}
common_widths = [
    solve_weights(replace(even, log_widths=np.full(10, np.log(s))), x_line, y_line) for s in np.logspace(-1, 0.5, 25)
]
nets["frozen_best_width"] = min(common_widths, key=true_error)
nets["learned_centres"], _ = learn_bumps(even, x_line, y_line, learn_widths=False, steps=800)
nets["learned_centres_and_widths"], curve = learn_bumps(even, x_line, y_line, steps=800)
rbf_network_result = {name: true_error(net) for name, net in nets.items()}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: a chirp function with its noisy samples; the frozen network misses the fast waves on the right, the learned one follows them. Below, the learned bumps are narrow and crowded on the right. Right: error bands over twenty seeds; learned centres lie below both frozen arms, learned centres and widths far below."}}
fig, axes = plt.subplot_mosaic([["fit"], ["bumps"], ["bands"]], figsize=(7, 5.2), height_ratios=[1.5, 0.5, 1.1])
axes["fit"].plot(x_line, y_line, ".", color=plotting.COLORS["gray"], markersize=4, label="120 samples")
for name, color, style in (("frozen", "vermillion", "--"), ("learned_centres_and_widths", "blue", "-")):
    axes["fit"].plot(grid, nets[name](grid), style, color=plotting.COLORS[color], label=name.replace("_", " "))
axes["fit"].legend(loc="lower left")
axes["bumps"].plot(grid, nets["learned_centres_and_widths"].features(grid), color=plotting.COLORS["blue"], linewidth=1)
axes["bumps"].plot(even.centers, np.full(10, -0.12), "|", color=plotting.COLORS["vermillion"], markersize=9)
axes["bumps"].set(title="learned bumps (ticks: frozen centres)", yticks=[], xlim=axes["fit"].get_xlim())
for row, name in enumerate(nets):
    plotting.seed_band(
        axes["bands"], band("01b_kernels.rbf_network", name), rbf_network_result[name], name.replace("_", " "), y=-row
    )
axes["bands"].set(xlabel="error against the true function (20 seeds)", xlim=(0, None))
for name, value in rbf_network_result.items():
    assert band("01b_kernels.rbf_network", name).contains(value, slack=0.01), name
    print(f"{name.replace('_', ' '):>27}: error {value:.2f}; seeds {band('01b_kernels.rbf_network', name)}")
assert band("01b_kernels.rbf_network", "learned_centres").maximum < band("01b_kernels.rbf_network", "frozen").minimum
assert (
    band("01b_kernels.rbf_network", "learned_centres_and_widths").maximum
    < band("01b_kernels.rbf_network", "frozen_best_width").minimum
)
plt.show()

# %% [markdown]
# Ten learned bumps do what ten frozen ones cannot, at the same size: narrow where the function is busy, wide where it is calm. The cell asserts that it holds for each of the twenty seeds: the worst learned network beats the best frozen one.
#
# Look at the long right ends of three bands, though. They belong to one seed, whose last sample lies well before the right edge. Beyond it every network guesses, and the one with free widths guesses more wildly than the one with free centres. Adaptive features adapt to accidents too.
#
# And there is another price. The problem in $\alpha$ alone was a bowl with one lowest point. In $c$ and $s$ it is a landscape with many valleys.
#
# > **Predict.** Start the same training from five random sets of centres. Do all five end with the same bumps? With the same error?

# %%
spread, fitted = [], []
for start in range(5):
    random_centres = np.sort(np.random.default_rng([SEED, start]).uniform(-3, 3, 10))
    net, curve = learn_bumps(replace(even, centers=random_centres), x_line, y_line, steps=800)
    spread.append(np.sort(net.centers))
    fitted.append(np.sqrt(curve.min()))
    print(f"start {start}: training error {fitted[-1]:.3f}, centres {np.sort(net.centers).round(1)}")
assert np.std(spread, axis=0).max() > 0.2, "different bumps"
assert max(fitted) < 1.15 * min(fitted), "nearly the same error"

# %% [markdown]
# Five different sets of bumps, nearly the same error. The lecture reports the same of large networks, "many different local minima with similar quality". There is no guarantee in it, only experience. And that is the trade of the rest of this course: **give up the guarantee, gain features that fit the task.**
#
# ## Checked claims
#
# | claim of the lecture | verdict | checked |
# |---|---|---|
# | The perceptron has no probabilistic output and no confidence. | true | two outputs only; [the sign read as a probability is far off](#c019) |
# | The perceptron loss is like the hinge without a margin, and no bound on the zero-one loss. | true | [counted](#c020): below the step on a third of the samples, the hinge on none |
# | The perceptron loss is zero for any separator. | true | [and also at](#c021) $w = 0$, which separates nothing |
# | In all these cases the optimal $w$ is a linear combination of the training data. | imprecise | [needs a penalty](#c022) on $\Vert w \Vert^2$, or a start inside the span of the data |
# | A kernel is an inner product of features: $k(x, x') = \langle \phi(x), \phi(x') \rangle$. | true | [to rounding](#c023), for five polynomial kernels |
# | The kernel classifier is linear in $k(x, \cdot)$; free variables grow linearly with $N$. | true | [one each sample](#c024) for the squared loss; the hinge leaves most of them at zero on clean data |
# | Kernel PCA gives an explicit finite embedding. | imprecise | [of the centred kernel](#c025), not of the kernel; truncated it is approximate |
#
# ## Pitfalls
#
# Each of these has cost someone a week.
#
# ### The formula that overflows
#
# $\ln(1 + e^{-m})$ is right on paper. One confident mistake, $m = -1000$, and the computer says infinity; one gradient later every weight is `nan`.

# %% tags=["nbval-check-output"]
with np.errstate(over="ignore", invalid="ignore"):
    print(
        "as written:  ",
        np.log(1 + np.exp(np.float64(1000))),
        " slope:",
        -np.exp(np.float64(1000)) / (1 + np.exp(np.float64(1000))),
    )
print("log-add-exp: ", np.logaddexp(0.0, 1000.0), " slope:", -sigmoid(1000.0))

# %% [markdown]
# Pull the large exponent out first: $\ln(e^a + e^b) = \max(a, b) + \ln(1 + e^{-|a - b|})$. NumPy calls it `logaddexp`, PyTorch builds it into `binary_cross_entropy_with_logits`. Never exponentiate what you are about to take the logarithm of. (The mixture model above does the same; far from all its means every density underflows to 0, and 0/0 is no responsibility.)
#
# ### Penalising the bias
#
# The penalty asks for a *short* $w$. Fold the bias in and penalise it too, and you ask the border to stay near the origin, wherever the data is. Same clouds, moved away:

# %% tags=["nbval-check-output"]
x, y = two_clouds(200, distance=4.0, seed=SEED)
fresh_x, fresh_y = two_clouds(2000, distance=4.0, seed=SEED + 1)
for shift in (0.0, 10.0):
    for name, penalty in [("bias free     ", np.array([1.0, 1.0, 0.0])), ("bias penalised", np.array([1.0, 1.0, 1.0]))]:
        w = fit_newton(add_bias(x + shift), y, penalty=penalty)[-1]
        right = np.mean(np.sign(add_bias(fresh_x + shift) @ w) == fresh_y)
        print(f"clouds moved by {shift:>4}: {name} {right:6.1%} right")
        assert (right > 0.95) == (shift == 0.0 or "free" in name)

# %% [markdown]
# ### Forgetting the scale
#
# The RBF kernel adds up squared differences. Give one coordinate in millimetres and the other in metres, and only one of them exists.

# %%
units = np.array([1.0, 1000.0])
for name, factor in [
    ("both in metres        ", np.ones(2)),
    ("second in millimetres ", units),
    ("the same, standardised", units),
]:
    x, test = x_moon * factor, x_far * factor
    if "standardised" in name:
        middle, scale = x.mean(axis=0), x.std(axis=0)
        x, test = (x - middle) / scale, (test - middle) / scale
    best_right = 0.0
    for gamma in np.logspace(-8, 2, 21):
        solved = solve_dual(rbf_kernel(x, x, gamma), y_moon, 10.0, tolerance=1e-3)
        best_right = max(best_right, np.mean(np.sign(solved.score(rbf_kernel(test, x, gamma))) == y_far))
    print(f"{name}: {best_right:.1%} right with the best of 21 widths")
    assert (best_right > 0.87) == ("milli" not in name)

# %% [markdown]
# Even granted the best width in hindsight, no $\gamma$ repairs it: the width that suits one coordinate is absurd for the other. Standardise with the *training* set's mean and scale, and use the same two numbers for new data.
#
# ### Kernel PCA, uncentred or centred twice
#
# Two ways to lose: skip the centring, and the first component mostly says "I am a sample". Or centre new points by *their own* mean, and a point's coordinates depend on who else happens to be in the batch:

# %% tags=["nbval-check-output"]
first_axis = np.linalg.eigh(K_ring)[1][:, -1]
print("uncentred: the first component has the same sign for all samples:", bool(len(set(np.sign(first_axis))) == 1))
batch = x_test[y_test > 0]  # a batch of inner points only
K_batch = rbf_kernel(batch, x_ring, gamma=1.0)
own_mean = K_batch - K_batch.mean(axis=0) - K_batch.mean(axis=1)[:, None] + K_batch.mean()
w = (linear_on_z.alpha * y_ring) @ pca.embedding
right_way, wrong_way = pca.transform(K_batch) @ w, own_mean @ pca.axes @ w
print(f"centred by the training mean: {np.mean(right_way + linear_on_z.bias > 0):.1%} of the inner points right")
print(f"centred by their own mean   : {np.mean(wrong_way + linear_on_z.bias > 0):.1%}")
assert np.mean(right_way + linear_on_z.bias > 0) > 0.98
assert np.mean(wrong_way + linear_on_z.bias > 0) < 0.8

# %% [markdown]
# ### Choosing γ on the test set
#
# "I tried twenty widths and report the best." Here the labels are *coin flips*: nothing can be learned, and the honest answer is 50 %.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
reported, honest = [], []
for _ in range(50):
    x, y = rng.normal(size=(120, 5)), rng.choice([-1.0, 1.0], size=120)
    train, test, later = slice(0, 40), slice(40, 80), slice(80, 120)
    rights = []
    for gamma in np.logspace(-3, 1, 20):
        alpha = kernel_ridge(rbf_kernel(x[train], x[train], gamma), y[train], 0.1)
        rights.append(
            [np.mean(np.sign(rbf_kernel(x[part], x[train], gamma) @ alpha) == y[part]) for part in (test, later)]
        )
    chosen = int(np.argmax([right for right, _ in rights]))
    reported.append(rights[chosen][0])
    honest.append(rights[chosen][1])
print(
    f"best of 20 widths, as reported: {np.mean(reported):.1%}    the same machine on later data: {np.mean(honest):.1%}"
)
assert np.mean(reported) > 0.54
assert abs(np.mean(honest) - 0.5) < 0.03

# %% [markdown]
# The gap is pure selection. Choose on a validation set, and touch the test set once.
#
# ## Exercises
#
# **1. (one line) A factor for the bound.** By which smallest factor must $\ln(1 + e^{-m})$ be multiplied to lie above the zero-one loss everywhere? Answer with a formula, then check that 1 % less fails.
#
# <details><summary>Hint</summary>
#
# The step is 1 for all $m \le 0$, and the logistic loss falls with $m$. At which $m$ is it closest?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# The loss falls with m, so the tightest spot is the last m where the step is 1: m = 0, where it is ln 2.
factor = 1 / np.log(2)
m = np.linspace(-20, 20, 4001)
assert (factor * np.logaddexp(0, -m) >= zero_one(m) - 1e-12).all()
assert (0.99 * factor * np.logaddexp(0, -m) < zero_one(m)).any()
print(f"factor {factor:.4f} = 1 / ln 2: the loss in base 2")

# %% [markdown]
# **2. (five lines) Kernels from kernels.** Show by eigenvalues on 40 random points that the sum and the entry-wise product of the linear and the RBF kernel are positive semi-definite, and that their difference is not. Then say which *features* belong to the sum.
#
# <details><summary>Hint</summary>
#
# If $k_1 = \phi_1 \cdot \phi_1$ and $k_2 = \phi_2 \cdot \phi_2$, which vector has the inner product $\phi_1 \cdot \phi_1 + \phi_2 \cdot \phi_2$?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
x = np.random.default_rng(SEED).normal(size=(40, 3))
one, two = linear_kernel(x, x), rbf_kernel(x, x, 0.5)
for name, K in {"sum": one + two, "product": one * two, "difference": one - two}.items():
    print(f"{name:>10}: smallest eigenvalue over largest {smallest_eigenvalue(K) + 0.0:.4f}")
assert smallest_eigenvalue(one + two) > -1e-12
assert smallest_eigenvalue(one * two) > -1e-12
assert smallest_eigenvalue(one - two) < -0.001
# Sum: the two feature vectors written one after the other. Product: all products of a feature of each.

# %% [markdown]
# **3. (ten lines) The infinite features of the RBF kernel.** For inputs with one coordinate, expand $e^{-\gamma(x-z)^2} = e^{-\gamma x^2} e^{-\gamma z^2} e^{2\gamma x z}$ and the last factor as a power series. Read off features $\phi_0(x), \phi_1(x), \dots$ and show that with $\gamma = 1$ and $|x| \le 1$ twenty-five of them give the kernel to $10^{-9}$.
#
# <details><summary>Hint</summary>
#
# $e^{2\gamma x z} = \sum_n \frac{(2\gamma)^n}{n!} x^n z^n$. Give half of each coefficient (its root) to $x$ and half to $z$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from math import factorial


def rbf_features(x, gamma, count):
    n = np.arange(count)
    scale = np.sqrt((2 * gamma) ** n / np.array([factorial(k) for k in n], dtype=float))
    return np.exp(-gamma * x[:, None] ** 2) * scale * x[:, None] ** n


x = np.linspace(-1, 1, 41)
for count in (5, 10, 25):
    phi = rbf_features(x, 1.0, count)
    print(f"{count} features: largest error {np.abs(phi @ phi.T - rbf_kernel(x[:, None], x[:, None], 1.0)).max():.0e}")
assert np.abs(phi @ phi.T - rbf_kernel(x[:, None], x[:, None], 1.0)).max() < 1e-9

# %% [markdown]
# **4. (half an hour) Leave one out without retraining.** Removing a sample that is no support vector leaves the SVM unchanged. So the number of errors when each sample is left out once is at most the number of support vectors. Verify it on `two_clouds(60, distance=2.4)` with $C = 0.3$ by training 60 machines. How loose is the bound?
#
# <details><summary>Hint</summary>
#
# `np.delete` removes row and column $i$ of the kernel matrix; the score of the left-out sample needs the row $K_{i\cdot}$ without entry $i$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
x, y = two_clouds(60, distance=2.4, seed=SEED)
K = linear_kernel(x, x)
wrong = 0
for i in range(60):
    rest = np.delete(np.arange(60), i)
    solved = solve_dual(K[np.ix_(rest, rest)], y[rest], 0.3)
    wrong += y[i] * solved.score(K[i, rest]) <= 0
support = len(solve_dual(K, y, 0.3).support)
print(f"left-one-out errors {int(wrong)} of 60, support vectors {support}: the bound is safe and loose")
assert wrong <= support

# %% [markdown]
# **5. (half an hour) A kernel for words.** Kernels do not need vectors. Let $k(s, t)$ be the inner product of the counts of letter pairs in two words: how many pairs of neighbouring letters do they share? Train `kernel_perceptron` on the first 16 words of each list to tell French from English, and test it on the other 8.

# %%
# fmt: off
french = [
    "beaucoup", "fenêtre", "maison", "oiseau", "lumière", "château", "nouveau", "voiture",
    "chapeau", "rivière", "couteau", "derrière", "toujours", "heureux", "quelque", "bateau",
    "lumineux", "manière", "autour", "jeudi", "cheveux", "genou", "première", "douceur",
]
english = [
    "window", "house", "bird", "light", "castle", "new", "car", "hat",
    "river", "knife", "behind", "always", "happy", "some", "boat", "bright",
    "manner", "around", "thursday", "hair", "knee", "first", "softness", "thought",
]
# fmt: on

# %% [markdown]
# <details><summary>Hint</summary>
#
# `collections.Counter(itertools.pairwise(word))` counts the pairs of one word. Add a mark at both ends of each word, `f"^{word}$"`: endings give languages away.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from collections import Counter
from itertools import pairwise


def pairs(word):
    return Counter(pairwise(f"^{word}$"))


def shared(s, t):
    other = pairs(t)
    return sum(n * other[pair] for pair, n in pairs(s).items())


train_words, test_words = french[:16] + english[:16], french[16:] + english[16:]
labels, truth = np.repeat([1.0, -1.0], 16), np.repeat([1.0, -1.0], 8)
K = np.array([[shared(s, t) for t in train_words] for s in train_words], dtype=float)
counts = kernel_perceptron(K, labels)
scores = np.array([[shared(s, t) for t in train_words] for s in test_words]) @ (counts * labels)
print(
    f"training errors {int((labels * (K @ (counts * labels)) <= 0).sum())}, unseen words right: {int((truth * scores > 0).sum())} of 16"
)
assert smallest_eigenvalue(K) > -1e-9
assert (truth * scores > 0).sum() >= 12

# %% [markdown]
# **6. (an hour) Random Fourier features.** [Rahimi and Recht, 2007](../book/references.md#rahimi-recht-2007): with frequencies $\omega_j$ drawn from a normal distribution of variance $2\gamma$ and phases $b_j$ uniform in $[0, 2\pi]$, the features $\sqrt{2/H} \cos(\omega_j \cdot x + b_j)$ have the RBF kernel as expected inner product. Implement them, and plot or print the typical (root mean square) error of the kernel on 100 points for $H = 10, 100, 1000, 10000$. How does it fall?
#
# <details><summary>Hint</summary>
#
# An average of $H$ independent terms has an error of order $1/\sqrt H$. Average over a few draws to see it clearly.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
x = moons(100, seed=SEED)[0]
exact_kernel = rbf_kernel(x, x, 1.0)
rng = np.random.default_rng(SEED)
typical = []
for count in (10, 100, 1000, 10_000):
    draws = []
    for _ in range(5):
        frequency, phase = rng.normal(scale=np.sqrt(2.0), size=(2, count)), rng.uniform(0, 2 * np.pi, count)
        phi = np.sqrt(2 / count) * np.cos(x @ frequency + phase)
        draws.append(np.sqrt(np.mean((phi @ phi.T - exact_kernel) ** 2)))
    typical.append(np.mean(draws))
    print(f"{count:>6} features: typical error {typical[-1]:.4f}")
slope = np.polyfit(np.log([10, 100, 1000, 10_000]), np.log(typical), 1)[0]
assert -0.6 < slope < -0.4, "the error must fall like one over the root of the count"

# %% [markdown]
# **7. (an evening) Ten classes.** Train one RBF machine per digit, that digit against the rest, on scikit-learn's small digits (`data.load("digits", "train")`), and answer with the largest score. Choose $\gamma$ on a part of the training set. How many support vectors do the ten machines share, and how does the error compare with a linear kernel?
#
# <details><summary>Hint</summary>
#
# Divide pixels by 255, compute one kernel matrix, and call `solve_dual` ten times with labels `np.where(labels == digit, 1.0, -1.0)`. Hold the last 300 training digits out for the choice of $\gamma$.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
from course_utils import data


def as_rows(split):
    images = data.load("digits", split)
    return images.images.numpy().reshape(len(images), -1) / 255.0, images.labels.numpy()


def ten_machines(K, labels, K_new):
    scores, support = [], set()
    for digit in range(10):
        solved = solve_dual(K, np.where(labels == digit, 1.0, -1.0), c=10.0, tolerance=1e-2)
        scores.append(solved.score(K_new))
        support |= set(solved.support.tolist())
    return np.argmax(scores, axis=0), len(support)


x, labels = as_rows("train")
x_test_digits, test_labels = as_rows("test")
fit, held = slice(0, len(x) - 300), slice(len(x) - 300, len(x))
on_held = {
    gamma: np.mean(
        ten_machines(rbf_kernel(x[fit], x[fit], gamma), labels[fit], rbf_kernel(x[held], x[fit], gamma))[0]
        == labels[held]
    )
    for gamma in (0.01, 0.05, 0.2, 1.0)
}
gamma = max(on_held, key=on_held.get)
right = {}
for name, kernel in {"linear": linear_kernel, "RBF": lambda a, b: rbf_kernel(a, b, gamma)}.items():
    answer, support = ten_machines(kernel(x, x), labels, kernel(x_test_digits, x))
    right[name] = np.mean(answer == test_labels)
    print(
        f"{name:>6}: {right[name]:.1%} right on 500 test digits, {support} of {len(x)} samples are support vectors of some machine"
    )
assert right["RBF"] > right["linear"]
assert right["RBF"] > 0.97

# %% [markdown]
# ## At scale
#
# What are kernels worth on real pictures? The record below was measured on MNIST, 28 × 28 pixels, tested on all 10,000 test digits. The support vector machines see 6,000 training digits; the Nyström features, whose number does not grow with the data, afford all 60,000.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Test error on MNIST as horizontal bars: a linear machine about seven percent, polynomial and RBF machines on six thousand digits a few percent, and Nyström features on sixty thousand digits falling with the number of landmarks."}}
record = load_record("01b_kernels.mnist")
rows = record["rows"]
fig, ax = plt.subplots(figsize=(7, 3.0))
for position, row in enumerate(rows):
    worst, best = 100 - min(record["metrics"][row["metric"]]) * 100, 100 - max(record["metrics"][row["metric"]]) * 100
    middle = 100 - np.median(record["metrics"][row["metric"]]) * 100
    color = plotting.COLORS["orange" if "landmarks" in row["name"] else "blue"]
    ax.barh(-position, middle, color=color)
    ax.plot([best, worst], [-position, -position], color=plotting.COLORS["ink"], linewidth=1.5)
    ax.text(worst + 0.15, -position, f"{middle:.2f} %   {row['size']}", va="center", fontsize=8.5)
ax.set_yticks([-position for position in range(len(rows))], [row["name"] for row in rows])
ax.set(
    xlabel=f"test error in percent (median of {len(record['seeds'])} draws; line: smallest to largest)", xlim=(0, 16)
)
ax.grid(visible=False, axis="y")
error = {metric: 1 - np.median(values) for metric, values in record["metrics"].items()}
kept = np.median(record["support_vectors"]["svm_rbf"]) / record["settings"]["subset"]
assert error["svm_rbf"] < 0.55 * error["svm_linear"]
assert 0.4 < kept < 0.6
assert error["ridge_pixels"] > 3 * error["nystrom_1000"]
assert abs(error["nystrom_1000"] - error["svm_rbf"]) < 0.005 < 0.1 < error["ridge_pixels"] - error["nystrom_1000"]
print(f"share of the training digits that the RBF machine keeps: {kept:.0%}")
print("repeat with:", record["command"])
print("measured on:", record["provenance"]["processor"], record["provenance"]["date"])
plt.show()

# %% [markdown]
# - **Bending pays.** With the same 6,000 digits the RBF machine makes about half the errors of the linear one.
# - **The price is real.** On clean rings some twenty support vectors were enough. Here the machine keeps about half of all training digits, and compares every new picture with each of them.
# - **Finite features cash it in.** A thousand landmarks and plain least squares, the simplest loss of all, come out level with the RBF machine; the same least squares on the pixels themselves makes more than three times as many errors. Ten times the data went through, and the model did not grow.
#
# And none of these methods knows that a picture is a picture. Shuffle the pixels of all digits in the same way, and every kernel here stays exactly what it was.
#
# ## Summary
#
# - The zero-one loss has no slope, so we train on surrogates. A good one bounds the mistakes from above and asks for the right sign. The perceptron loss does neither; its minimum is always at $w = 0$.
# - Logistic regression reads the score as log-odds. Its loss is the negative log-likelihood, its gradient weighs each sample by the surprise, its probabilities can be checked. On separable data its weights grow without end, towards the widest margin.
# - The support vector machine asks for that margin at once: hinge plus a short $w$. Few samples carry the answer.
# - Features bend the space; kernels compute their inner products without them. Every rule that needs only inner products can be kernelised.
# - A regularised optimum is a combination of training samples. Hence one coefficient a sample, and a cost that grows with $N$.
# - Kernel PCA and Nyström features give finite coordinates back: of the *centred* kernel, and new points are centred with the training mean.
# - Fisher kernels adapt to the data, RBF networks adapt to the *task*: a fixed number of bumps that move where they are needed.
#
# ## Further reading
#
# - [Schölkopf and Smola, 2002](../book/references.md#scholkopf-smola-2002): the book on kernels, from theory to implementation.
# - [Hastie et al., 2009](../book/references.md#hastie-2009), chapters 4, 5 and 12: the same methods through a statistician's eyes.
# - [Bartlett et al., 2006](../book/references.md#bartlett-2006): what a surrogate loss guarantees.
# - [Soudry et al., 2018](../book/references.md#soudry-2018): why gradient descent on separable data finds the widest margin.
# - [Perronnin and Dance, 2007](../book/references.md#perronnin-dance-2007): Fisher kernels over image patches, among the strongest picture classifiers before deep networks.
# - [Rahimi and Recht, 2007](../book/references.md#rahimi-recht-2007): random features, the other road to finite kernels.
#
# ## The next question
#
# Our ten bumps learned where to sit. But a bump looks at *distance from a centre*, and in 784 dimensions everything is far from everything. What if each adaptive feature is instead the simplest unit we know, a weighted sum and a bend, and features are built from features? Then the perceptron comes back, many at once and in layers. How to train what lies inside is the question of the next chapter, on the multi-layer perceptron.
