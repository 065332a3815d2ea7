# %% [markdown]
# # The perceptron
#
# One unit, a handful of numbers, one rule: change the weights only when you are wrong. You will build this
# machine, watch it learn, prove that it must stop, and find the exact point where it cannot go on.
#
# **You will be able to**
#
# - say what a neuron's threshold does, and build AND, OR and NOT from threshold units;
# - prove that no single unit computes XOR;
# - write the perceptron rule, and read it as a gradient step on a loss;
# - choose a learning rate on a quadratic, and say when the choice does not matter;
# - prove the convergence theorem line by line, and check it on thousands of data sets;
# - rescue a perceptron on data that no line separates;
# - train a perceptron for any number of classes, and read handwritten digits with it.
#
# **You need** dot products, and Python with NumPy. [Your first network](00_start.ipynb) is a good start, not a
# condition.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
from itertools import pairwise, permutations

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.planes import descent_on_bowl, separating_line
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import PerceptronPlayground, WeightDials

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## One line and two kinds of points
#
# Blue circles on one side, orange squares on the other. You can see the line between them at a glance. How would
# a machine find it that sees one point at a time, and that is only told "right" or "wrong"?
#
# Here is such a machine. It holds a line. *Step* shows it one point. If the point lies on its correct side, nothing
# happens. If not, that is a *mistake*, and the line moves a little, in a way that you will derive below. Play before you
# read on:
#
# 1. Press *Step* until it stops by itself. Watch *which* point moves the line, and where to. Note the number of mistakes.
# 2. Add and drag points until it takes **more than 50 mistakes** before it stops. What did you have to do? ("Narrow
#    margin" in the menu *Points* is a good place to start.)
# 3. Make it **never** stop.
#
# The meter compares your mistakes with a limit that is computed before training starts, and that nobody has ever
# exceeded. In a quarter of an hour you will know where it comes from.

# %%
PerceptronPlayground()

# %% [markdown]
# ## The neuron behind the name
#
# A nerve cell collects signals from other cells through its branches, the *dendrites*. When the signals
# together push its voltage over a threshold, it fires: one short electric pulse, a *spike*, runs down its output
# cable, the *axon*, and reaches the next cells through contacts called *synapses*.
# <span id="c002"></span>The [lecture](../book/claims.md) gives about $10^{11}$ neurons for a human brain. Counted brains of adult
# men hold 86 billion on average ([Azevedo et al., 2009](../book/references.md#azevedo-2009)), so the order of
# magnitude is right and the round number is a little high.
#
# Think of the cell as a leaky bucket. Input current $I$ fills it. The leak empties it, faster when it is fuller.
# When the level reaches the mark, the bucket tips over: one spike, and it starts from empty. In symbols, with
# voltage $v$, resting voltage $v_0$, threshold $\theta$, membrane resistance $R_m$ and time constant $\tau$:
#
# $$ \tau \frac{dv}{dt} = -(v - v_0) + R_m I, \qquad \text{spike and reset to } v_0 \text{ when } v \ge \theta . $$
#
# This is the [leaky integrate-and-fire neuron](../book/glossary.md#leaky-integrate-and-fire-neuron).
#
# > **Predict.** You raise the current slowly from zero and count spikes per second. Sketch the curve. Does it
# > start at zero current? Is it a straight line?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: voltage over 200 ms; at 1.4 nanoampere it levels off under the threshold, at 1.6 and 2.5 it climbs to the threshold and resets, more often for 2.5. Right: firing rate is zero up to 1.5 nanoampere, then rises steeply and bends; simulated dots lie on the exact curve."}}
from course_utils.scratch.perceptrons.neuron import Membrane, lif_rate, simulate, simulated_rate

cell = Membrane()
currents = np.linspace(0, 4, 41)
counted = simulated_rate(currents)

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9))
voltage, _ = simulate([1.4, 1.6, 2.5], duration=200)
time = np.arange(1, len(voltage) + 1) * 0.05
for column, (current, color) in enumerate(zip((1.4, 1.6, 2.5), ("gray", "blue", "vermillion"))):
    left.plot(time, voltage[:, column], color=COLORS[color], linewidth=1.2, label=f"{current} nA")
left.axhline(cell.threshold, color=COLORS["ink"], linestyle=":", linewidth=1)
left.set(xlabel="time (ms)", ylabel="voltage (mV)", title="The bucket fills and tips", ylim=(-66, -44))
left.legend(ncols=3, loc="upper center", handlelength=1, columnspacing=1)
right.plot(np.linspace(0, 4, 400), lif_rate(np.linspace(0, 4, 400)), color=COLORS["blue"], label="exact")
right.plot(currents, counted, "o", color=COLORS["vermillion"], markersize=3.5, label="counted in simulation")
right.axvline(cell.rheobase, color=COLORS["ink"], linestyle=":", linewidth=1)
right.set(xlabel="input current (nA)", ylabel="spikes per second", title="Rate against input")
right.legend()
plt.show()

# %% [markdown]
# Zero, then a sudden rise. Below a certain current the leak wins: the voltage settles at $v_0 + R_m I$, under the
# threshold, and no patience helps. Above it, the time between two spikes follows from the equation. Starting at
# $v_0$ the voltage is $v(t) = v_0 + R_m I\,(1 - e^{-t/\tau})$. Set this equal to $\theta$, solve for $t$, add the
# short rest $t_r$ after each spike, and take one over the sum:
#
# $$ \text{rate}(I) = \frac{1}{t_r + \tau \ln \dfrac{R_m I}{R_m I - (\theta - v_0)}}
#    \quad\text{if } R_m I > \theta - v_0, \text{ else } 0 . \tag{1.1} $$
#
# The dots count spikes in a simulation that knows nothing of this formula. They must agree to within one spike:

# %% tags=["nbval-check-output"]
silent = currents <= cell.rheobase
assert (counted[silent] == 0).all()
assert (counted[~silent] > 0).all()
assert (np.diff(counted[~silent]) >= 0).all()
assert np.abs(counted - lif_rate(currents)).max() <= 1  # one spike in the one second simulated
print(f"no spike at or below {cell.rheobase} nA, more and more spikes above")

# %% [markdown]
# Two features survive every simplification: the cell **sums** its inputs, and it has a **threshold**. From here
# there are two roads. Keep only *whether* it fires, 0 or 1: that is this chapter. Keep *how often* it fires, a number
# that grows past the threshold: that is the unit of modern networks, and
# [chapter 02](02_mlp.ipynb) begins with it.
#
# ## Threshold units compute logic
#
# <span id="c003"></span>In 1943 [McCulloch and Pitts](../book/references.md#mcculloch-pitts-1943) took the first
# road. Their unit has *exciting* and *inhibiting* inputs, all of them 0 or 1. It fires when enough exciting inputs are
# active **and no inhibiting input is**: one inhibitor vetoes everything. There are no weights to tune, and there is
# nothing between 0 and 1. Enumerate every input of a unit with three exciting links, one inhibiting link and
# threshold 2:

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.threshold_unit import (
    GATES,
    binary_inputs,
    mcculloch_pitts,
    search_gate,
    threshold_unit,
)

inputs = binary_inputs(4)  # three exciting, one inhibiting
outputs = mcculloch_pitts(inputs[:, :3], inputs[:, 3:], threshold=2)
for excite in range(4):
    rows = inputs[:, :3].sum(axis=1) == excite
    calm, vetoed = rows & (inputs[:, 3] == 0), rows & (inputs[:, 3] == 1)
    print(
        f"{excite} exciting active: output {set(outputs[calm].tolist())}, with the veto {set(outputs[vetoed].tolist())}"
    )
assert set(outputs.tolist()) == {0, 1}
assert not outputs[inputs[:, 3] == 1].any()

# %% [markdown]
# The lecture describes the 1943 unit as one with multiplicative weights whose output models a firing rate "as
# continuous quantity". That mixes three models. The unit of 1943 is all-or-none, with equal links and a veto.
# Weights that a machine corrects by its own mistakes came with [Rosenblatt](../book/references.md#rosenblatt-1958). A continuous rate is what
# equation 1.1 gives.
#
# The unit that we use from now on is the weighted one. With inputs $x$, weights $w$ and bias $b$ it fires when
#
# $$ f(x) = w_1 x_1 + w_2 x_2 + \dots + b = w^\top x + b > 0 . \tag{1.2} $$
#
# The bias is minus the threshold: a sum that must exceed 1.5 is a sum plus $-1.5$ that must exceed 0.
#
# > **Predict.** Find weights for AND (both inputs), OR (at least one) and NOT (the opposite of one input) before you
# > look. There are many right answers.

# %% tags=["nbval-check-output"]
pairs = binary_inputs(2)  # (0,0) (0,1) (1,0) (1,1)
assert threshold_unit(pairs, w=[1, 1], b=-1.5).tolist() == [0, 0, 0, 1]  # AND: the sum must exceed 1.5
assert threshold_unit(pairs, w=[1, 1], b=-0.5).tolist() == [0, 1, 1, 1]  # OR: the sum must exceed 0.5
assert threshold_unit(binary_inputs(1), w=[-1], b=0.5).tolist() == [1, 0]  # NOT: a negative weight

grid = np.linspace(-2, 2, 41)
print(f"{grid.size**3:,} units (w1, w2, b) tried on a grid; how many compute each gate:")
found = {gate: len(search_gate(wanted, grid)) for gate, wanted in GATES.items()}
for gate, count in found.items():
    print(f"  {gate:4s} {count:5,}")
assert min(found["AND"], found["OR"], found["NAND"]) > 1000
assert found["XOR"] == 0

# %% [markdown]
# Thousands of units for each gate, and not one for XOR ("exactly one of the two"). Is the grid too coarse? Or is
# there no such unit at all?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three squares of four corner points. AND: a slanted line cuts off the corner (1,1). OR: a line cuts off (0,0). XOR: the firing corners are on one diagonal and the silent ones on the other, and no line is drawn."}}
figure, panels = plt.subplots(1, 3, figsize=(7, 2.5))
for axes, gate, w in zip(panels, ("AND", "OR", "XOR"), ([1, 1, -1.5], [1, 1, -0.5], None)):
    axes.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), aspect="equal", title=gate, xticks=[0, 1], yticks=[0, 1])
    plotting.scatter_classes(axes, pairs, np.array(GATES[gate]), size=70, names={0: "silent", 1: "fires"})
    if w is not None:
        separating_line(axes, w)
    else:
        axes.text(0.5, 0.5, "?", ha="center", va="center", fontsize=22, color=COLORS["gray"])
panels[0].legend(loc="lower left", fontsize=8, handletextpad=0.2, borderaxespad=0.1)
plt.show()

# %% [markdown]
# ## Four inequalities that cannot hold together
#
# A finer grid would not help, and four lines prove it. Suppose a unit $(w_1, w_2, b)$ computes XOR. Then
#
# | input | must be | so |
# |---|---|---|
# | (0, 0) | silent | $b \le 0$ |
# | (0, 1) | firing | $w_2 + b > 0$ |
# | (1, 0) | firing | $w_1 + b > 0$ |
# | (1, 1) | silent | $w_1 + w_2 + b \le 0$ |
#
# Add the two middle lines: $w_1 + w_2 + 2b > 0$. Subtract the last line, which is at most 0: $b > 0$. But the first
# line says $b \le 0$. No numbers satisfy all four, so **no unit computes XOR**.
#
# The picture says the same. A unit cuts the plane along a line, and the two firing corners lie on opposite
# sides of the two silent ones. Sets that a line (in more dimensions: a plane, a
# [hyperplane](../book/glossary.md#hyperplane)) can cut apart are called
# [linearly separable](../book/glossary.md#linearly-separable). XOR is not. Remember it: it returns twice.
#
# ## Learning the weights
#
# You set the weights of AND by hand. [Rosenblatt](../book/references.md#rosenblatt-1958) asked for a machine that
# finds them alone, from examples.
#
# Two conventions make everything shorter. **Labels are $-1$ and $+1$**, so that $y\,f(x) > 0$ says "correct" for both
# classes in one formula. **The bias becomes a weight**: append a constant 1 to every sample, $x \leftarrow (x, 1)$, and
# $w^\top x$ contains the bias as its last term.
#
# Now take a sample that the unit gets wrong: $y\, w^\top x \le 0$. We want the product to become larger. The direction in
# which $w^\top x$ grows fastest is $x$ itself. So step along $x$ if the score should go up, against $x$ if it should
# go down:
#
# $$ w \leftarrow w + \eta\, y\, x \qquad \text{if } y\, w^\top x \le 0, \text{ else } w \text{ stays} . \tag{1.3} $$
#
# The number $\eta > 0$ (eta) is the [learning rate](../book/glossary.md#learning-rate). What does one update do to the
# sample that caused it? Put the new weights in: $y\,(w + \eta y x)^\top x = y\,w^\top x + \eta\,\|x\|^2$, since $y^2 = 1$. The
# product rises by $\eta \|x\|^2$. Perhaps not far enough to become positive, and perhaps at the cost of another
# sample. That is the worry that the rest of this chapter settles.
#
# > **Predict.** Forty points, one line between them. The rule looks at the points in order, again and again, until a
# > whole pass brings no mistake. About how many mistakes will it make: 5, 50 or 500?

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
points = rng.uniform(-1, 1, size=(40, 2))
y = np.where(points @ [1.0, 0.8] > 0.5, 1.0, -1.0)
points += 0.03 * y[:, None] * np.array([1.0, 0.8]) / np.hypot(1.0, 0.8)  # a narrow gap along the line
x = np.hstack([points, np.ones((40, 1))])  # the bias is the last weight

w = np.zeros(3)
updates = []  # which sample caused each update
clean = False
while not clean:
    clean = True
    for i in range(len(x)):
        if y[i] * (w @ x[i]) <= 0:
            w = w + y[i] * x[i]
            updates.append(i)
            clean = False

assert (y * (x @ w) > 0).all()
print(f"{len(updates)} updates, then a clean pass: {(y * (x @ w) <= 0).sum()} training errors")

# %% [markdown]
# These ten lines are the whole algorithm. Watch them work: each panel shows one update, with the line before (dashed)
# and after, and the sample that was wrong in a ring. Squares are the class $+1$, circles the class $-1$; the arrow points to
# the $+1$ side.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four panels of the same forty points. In each, a ringed point lies on the wrong side of a dashed line, and the solid line after the update has moved towards putting it right. The last solid line separates all points."}}
from course_utils.scratch.perceptrons.perceptron import add_bias, count_mistakes, train_perceptron

run = train_perceptron(x, y)
shown = [2, 4, len(updates) // 2, len(updates)]
figure, panels = plt.subplots(1, 4, figsize=(7, 2.3), sharey=True)
for axes, t in zip(panels, shown):
    axes.set(
        xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", title=f"update {t}", xticks=[-1, 0, 1], yticks=[-1, 0, 1]
    )
    plotting.scatter_classes(axes, points, y, size=14)
    before, after, sample = run.history[t - 1], run.history[t], points[run.picked[t - 1]]
    if np.hypot(*before[:2]) > 0:
        separating_line(axes, before, color=COLORS["gray"], linestyle="--", arrow=False)
    if np.hypot(*after[:2]) > 0:
        separating_line(axes, after)
    axes.plot(*sample, "o", markersize=11, markerfacecolor="none", markeredgecolor=COLORS["ink"], markeredgewidth=1.5)
plt.show()

# %% [markdown]
# From now on we use the course's version of these lines, `train_perceptron`. It keeps the weights after every update, so
# that we can look back. It must give what the ten lines gave, and so must the perceptron in
# [scikit-learn](https://scikit-learn.org), once we ask it not to shuffle:

# %% tags=["nbval-check-output"]
from sklearn.linear_model import Perceptron

theirs = Perceptron(shuffle=False, tol=None, max_iter=run.epochs, alpha=0).fit(points, y)
their_w = np.append(theirs.coef_[0], theirs.intercept_)
assert run.updates == len(updates)
assert np.array_equal(run.w, w)
assert np.allclose(their_w, w, rtol=0, atol=1e-12)
print(f"updates in each pass: {run.updates_per_epoch}")
print("ten lines, course_utils and scikit-learn agree")

# %% [markdown]
# ## The same rule as a loss
#
# Today nobody invents update rules. One writes a [loss](../book/glossary.md#loss), a number that says how bad the weights
# are, and steps against its gradient. Does the perceptron fit in? The lecture gives its loss, the *perceptron
# criterion*, in two forms:
#
# $$ E(w) = -\!\!\sum_{i\ \text{wrong}}\! y_i\, f(x_i) \;=\; \sum_i \max\{0,\, -y_i\, f(x_i)\} . \tag{1.4} $$
#
# <span id="c004"></span>A wrong sample has $y f < 0$ and pays by how much its score lies
# on the wrong side, $-y f$ (a distance only when the weights without the bias have length 1). A right sample pays 0.
# The maximum does that selection by itself. Samples with $f = 0$ add 0 to both forms, wherever you count them.
#
# <span id="c005"></span>Now differentiate one term, with $f = w^\top x$. Where $y f < 0$ the term is $-y\,w^\top x$ and its gradient is
# $-y\,x$. A gradient step, $w - \eta \cdot (-y x)$, is the perceptron update. Where $y f > 0$ the gradient is 0: no update.
#
# Let autograd check both statements, on scores and samples that it has never seen:

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.perceptron_criterion import (
    criterion,
    criterion_kink_included,
    criterion_over_mistakes,
)

draw = torch.Generator().manual_seed(SEED)
scores = torch.randn(1000, generator=draw, dtype=torch.float64)
labels = torch.where(torch.rand(1000, generator=draw) < 0.5, -1.0, 1.0).double()
first, second = criterion_over_mistakes(scores, labels), criterion(scores, labels)
assert torch.allclose(first, second, rtol=0, atol=1e-9)
print(f"both forms on 1000 random scores: {first:.2f} and {second:.2f}")

for _ in range(200):
    sample = torch.randn(5, generator=draw, dtype=torch.float64)
    weights = torch.randn(5, generator=draw, dtype=torch.float64, requires_grad=True)
    label = labels[_]
    criterion((weights @ sample)[None], label[None]).backward()
    wrong = label * (weights @ sample) < 0
    assert torch.allclose(-weights.grad, label * sample * wrong)
print("minus the gradient is y*x for each wrong sample and 0 for each right one")

# %% [markdown]
# If the rule is gradient descent, then an optimiser must do exactly what our loop did: one sample at a time, PyTorch's
# `SGD`, learning rate $\eta$.
#
# > **Predict.** We start at $w = 0$, as before, with the loss written as `relu(-y * score)`. What will the weights be
# > after 100 passes?

# %% tags=["nbval-check-output"]
tx, ty = torch.tensor(x), torch.tensor(y)


def train_by_optimiser(loss, passes):
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=1.0)
    path = [weights.detach().clone()]
    for _ in range(passes):
        for i in range(len(tx)):
            optimiser.zero_grad()
            loss((weights @ tx[i])[None], ty[i][None]).backward()
            optimiser.step()
            if not torch.equal(weights.detach(), path[-1]):
                path.append(weights.detach().clone())
    return torch.stack(path)


stuck = train_by_optimiser(criterion, passes=100)
print(f"relu(-y*score): {len(stuck) - 1} updates, weights {stuck[-1].tolist()}")

# %% [markdown]
# <span id="c006"></span>Nothing happened. At $w = 0$ every score is 0, every term sits exactly on the kink of the maximum,
# and PyTorch takes 0 as the slope of `relu` there. The loss is 0 as well: as far as the criterion can see, all is well. It
# separates nothing.
#
# The lecture writes the rule with a strict inequality, updating only if $y f < 0$, and later counts updates from $w = 0$.
# Together these two do not work: from $w = 0$ the strict rule makes no update, ever. The condition must be
# $y f \le 0$, as in equation 1.3.
#
# As a loss, this is a choice at the kink. Where $y f < 0$ the slope in $f$ is $-y$, where $y f > 0$ it is 0. At the kink
# every value in between is a legitimate
# [subgradient](../book/glossary.md#subgradient), and you may pick. `criterion_kink_included` picks $-y$.
# Its *value* is the same everywhere. And now the optimiser walks exactly the path of our loop:

# %% tags=["nbval-check-output"]
assert torch.equal(stuck[-1], torch.zeros(3).double())
strict = train_perceptron(x, y, strict=True)
assert strict.updates == 0
assert not strict.converged

walked = train_by_optimiser(criterion_kink_included, passes=run.epochs)
assert torch.equal(criterion_kink_included(scores, labels), criterion(scores, labels))
assert np.array_equal(walked.numpy(), run.history)
print(f"SGD on the criterion with the kink: {len(walked) - 1} updates, the same weights after each one")

zero = torch.zeros(1, requires_grad=True)
torch.maximum(-zero, torch.zeros(1)).sum().backward()
slopes = {"torch.maximum": zero.grad.item()}
for name, loss in (("relu", criterion), ("ours", criterion_kink_included)):
    f = torch.zeros(1, requires_grad=True)
    loss(f, torch.ones(1)).backward()
    slopes[name] = f.grad.item()
print("slope of max(0, -f) at f = 0:", slopes)

# %% [markdown]
# Look at the last line. `torch.maximum` splits a tie in half, so the "same" loss written with it does leave
# $w = 0$, with half a step. A loss is its formula *and* its slope at the corners.
#
# You now have a loss with a blind spot: every separating line pays 0, and so does $w = 0$. Whether that can be repaired,
# and how it compares with the losses of the support vector machine and of logistic regression, is a story of its
# own: [surrogate losses](01b_kernels.ipynb).
#
# ## How large a step
#
# For most losses the learning rate decides between success and disaster. The clearest place to see it is a bowl in
# one dimension, $E(w) = \tfrac12 \lambda w^2$, with [curvature](../book/glossary.md#curvature) $\lambda$. Its gradient is $\lambda w$,
# and one step gives
#
# $$ w_{t+1} = w_t - \eta \lambda w_t = (1 - \eta\lambda)\, w_t . \tag{1.5} $$
#
# So the error is multiplied by the same factor $1 - \eta\lambda$ in every step. Read off what happens: a factor near 1 crawls;
# a factor 0 ($\eta = 1/\lambda$) jumps to the minimum in one step; a negative factor overshoots to the other side, and still
# shrinks as long as it stays above $-1$. At $\eta = 2/\lambda$ it is exactly $-1$. Beyond, every step makes it worse.
#
# In a bowl with several curvatures each axis follows its own factor, with one $\eta$ for all. The steepest axis breaks first:
# **gradient descent diverges for $\eta > 2/\lambda_{\max}$**.
#
# > **Predict.** Curvatures 1 and 10. At which $\eta$ does descent begin to diverge? And which $\eta$ is the *best* after 50
# > steps: half of that, or more?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three bowls with long level lines and a descent each: eta 0.01 crawls and stops short, eta 0.18 zigzags to the centre, eta 0.205 jumps across the valley in growing steps."}}
from course_utils.scratch.perceptrons.learning_rate import descend_quadratic, divergence_threshold, quadratic

curvatures, start = np.array([1.0, 10.0]), np.array([2.0, 0.6])
figure, panels = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True)
for axes, eta, word in zip(panels, (0.01, 0.18, 0.205), ("slow", "good", "divergent")):
    descent_on_bowl(axes, curvatures, descend_quadratic(curvatures, start, eta, 50))
    axes.set_title(f"η = {eta}: {word}")
    axes.label_outer()
plt.show()

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss after 50 steps on a log axis against the learning rate: near 0 it stays close to the starting value, falls steadily to a sharp minimum at 0.18, and shoots up through the starting value at 0.2, where a dotted line marks the threshold."}}
sweep = np.linspace(0.001, 0.23, 460)
after = [quadratic(descend_quadratic(curvatures, start, eta, 50)[-1], curvatures) for eta in sweep]
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.plot(sweep, after, color=COLORS["blue"])
axes.axhline(quadratic(start, curvatures), color=COLORS["gray"], linewidth=1)
axes.axvline(divergence_threshold(curvatures), color=COLORS["vermillion"], linestyle=":", linewidth=1.5)
axes.text(0.001, 8, "loss at the start", fontsize=9, color=COLORS["gray"])
axes.text(0.202, 1e-8, r"$2/\lambda_{\max}$", fontsize=10, color=COLORS["vermillion"])
for eta, height, word in ((0.008, 3e-2, "slow"), (0.12, 1e-2, "good"), (0.218, 1e-3, "divergent")):
    axes.text(eta, height, word, fontsize=10, ha="center")
axes.set(yscale="log", xlabel="learning rate η", ylabel="loss after 50 steps", ylim=(1e-9, 1e3), xlim=(0, 0.235))
axes.set_title("One sweep, three regimes")
plt.show()

# %% tags=["nbval-check-output"]
edge = divergence_threshold(curvatures)
loss_after = {
    eta: float(quadratic(descend_quadratic(curvatures, start, eta, 50)[-1], curvatures))
    for eta in (0.01, 0.10, 2 / 11, 0.199, 0.201)
}
loss_at_start = float(quadratic(start, curvatures))
print(f"threshold 2/10 = {edge}; loss at the start {loss_at_start:.2f}; after 50 steps:")
for eta, value in loss_after.items():
    print(f"  eta {eta:.3f}: {value:.1e}")
assert loss_after[2 / 11] == min(loss_after.values())
factor = descend_quadratic([10.0], [1.0], 0.201, 50)[1:] / descend_quadratic([10.0], [1.0], 0.201, 50)[:-1]
assert np.allclose(factor, 1 - 0.201 * 10)
assert abs(factor).min() > 1

# %% [markdown]
# The best single rate in the long run is $2/(\lambda_{\min} + \lambda_{\max}) = 2/11$, more than half of the edge: it gives both axes
# factors of the same size, $\pm 9/11$. (After 50 steps from this start the best lies a hair below it.) The good region ends within a hair of the cliff. You will meet this cliff again with
# every network in this course.
#
# <span id="c009"></span>And the perceptron? Its criterion is not a bowl. It is made of flat faces that meet at 0, and it has
# no curvature to set a scale. Start at $w = 0$: then $w$ is always $\eta$ times a sum of samples, every score carries the
# same factor $\eta$, and no sign ever changes.

# %% tags=["nbval-check-output"]
two = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
print("two points from 0:   ", {eta: train_perceptron(two, [1, -1], eta=eta).updates for eta in (0.01, 1, 50)})
print("forty points from 0: ", {eta: train_perceptron(x, y, eta=eta).updates for eta in (0.01, 1, 50)})
elsewhere = np.array([-3.0, 2.0, 1.0])
print("from another start:  ", {eta: train_perceptron(x, y, eta=eta, w=elsewhere).updates for eta in (0.01, 1, 50)})

same = [train_perceptron(x, y, eta=eta).updates for eta in (0.01, 1, 50)]
assert len(set(same)) == 1
small = train_perceptron(x, y, eta=0.01, w=elsewhere)
assert small.updates == train_perceptron(x, y, eta=1, w=elsewhere / 0.01).updates > same[0]

# %% [markdown]
# From 0 the learning rate changes nothing but the length of $w$. From another start only the ratio of start to step
# counts: small steps need many updates to undo a bad start. So we set $\eta = 1$ and $w = 0$ and lose nothing.
#
# ## Why it must stop
#
# Each update repairs one sample and may break others. Why does this ever end? The proof is one of the most beautiful in
# the field: two lines of algebra and one idea. The idea is to watch **two numbers that grow at different speeds**.
#
# **What we assume.** Some hyperplane separates the data: there is a vector $w^*$ with $y_i\, w^{*\top} x_i > 0$ for all $i$. We may take
# $\|w^*\| = 1$, since dividing by the length changes no sign. <span id="c008"></span>Call the smallest of these numbers the
# [margin](../book/glossary.md#margin) $\gamma$: the distance from the hyperplane to the closest sample. With finitely many
# samples $\gamma > 0$ comes for free. Call the length of the longest sample the radius $R$. (The lecture writes $\delta$ for
# the margin and $M$ for the radius.) The bound below holds for every such $w^*$; the one with the largest margin
# gives the smallest bound, and the code uses that one.
#
# One detail hides in these lines. The bias is folded into $x$, so $R$ is the length of $(x, 1)$, not of $x$:
# $R^2 = 1 + \max \|x\|^2$. And the hyperplane in the enlarged space passes through the origin.
#
# **First number: the progress** $w^{*\top} w$. An update adds $y x$, so it adds $y\,w^{*\top} x \ge \gamma$. After $t$ updates from 0:
#
# $$ w^{*\top} w_t \;\ge\; t\,\gamma . \tag{1.6} $$
#
# The progress grows at least like a straight line.
#
# **Second number: the length.** <span id="c010"></span>An update gives
#
# $$ \|w + y x\|^2 = \|w\|^2 + 2\,y\,w^\top x + \|x\|^2 . $$
#
# Here is the trick: updates happen only on mistakes, so the middle term is **not positive**. It can only make the result
# shorter. What remains is at most $\|w\|^2 + R^2$. <span id="c011"></span>After $t$ updates from 0:
#
# $$ \|w_t\|^2 \;\le\; t\,R^2, \qquad\text{so}\qquad \|w_t\| \le \sqrt{t}\,R . \tag{1.7} $$
#
# The length grows at most like a square root.
#
# **They collide.** <span id="c013"></span>The progress is a projection of $w_t$ on a unit vector, and a projection is never longer than the
# vector: the cosine of the angle between $w^*$ and $w_t$ is at most 1 (Cauchy-Schwarz). But a straight line overtakes a square root.
# Put the two together:
#
# $$ t\,\gamma \;\le\; w^{*\top} w_t \;\le\; \|w_t\| \;\le\; \sqrt{t}\,R
#    \qquad\Longrightarrow\qquad t \;\le\; \left(\frac{R}{\gamma}\right)^{2} . \tag{1.8} $$
#
# After that many updates there is no room left for one more. The proof is due to
# [Novikoff (1962)](../book/references.md#novikoff-1962) in this short form. See it happen on our forty points:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Against the number of updates: a rising straight line below the measured progress, the measured length above it, and a square-root curve on top. Line and curve cross at the bound, far to the right of the last update of the run."}}
from course_utils.scratch.perceptrons.margin_bound import margin, maximum_margin, radius, update_bound

ideal, gap = maximum_margin(x, y)
R, bound = radius(x), update_bound(x, y)
t = np.arange(run.updates + 1)
progress, length = run.history @ ideal, np.linalg.norm(run.history, axis=1)

figure, axes = plt.subplots(figsize=(7, 3.2))
s = np.linspace(0, 1.15 * bound, 300)
axes.plot(s, R * np.sqrt(s), color=COLORS["vermillion"], linestyle="--", label=r"length cannot exceed $\sqrt{t}\,R$")
axes.plot(t, length, "o-", color=COLORS["vermillion"], markersize=3, linewidth=1, label=r"length $\|w_t\|$")
axes.plot(t, progress, "o-", color=COLORS["blue"], markersize=3, linewidth=1, label=r"progress $w^{*\top} w_t$")
axes.plot(s, gap * s, color=COLORS["blue"], linestyle="--", label=r"progress is at least $t\,\gamma$")
axes.axvline(bound, color=COLORS["ink"], linewidth=1, linestyle=":")
axes.annotate(
    r"no room beyond $(R/\gamma)^2$", (bound, 1), xytext=(-6, 0), textcoords="offset points", ha="right", fontsize=9
)
axes.set(xlabel="updates t", title="Two growths collide", xlim=(0, None), ylim=(0, None))
axes.legend(loc="upper left")
plt.show()

# %% tags=["nbval-check-output"]
tolerance = 1e-9
assert (np.diff(progress) >= gap - tolerance).all()  # each update adds at least the margin
assert (np.diff(length**2) <= R**2 + tolerance).all()  # and at most R squared
cosine = progress[1:] / length[1:]
assert cosine.max() <= 1 + tolerance
assert run.updates <= bound
print(f"radius {R:.2f}, margin {gap:.3f}: at most {bound:.0f} updates; this run made {run.updates}")
print(f"cosine with the ideal direction, after the first and the last update: {cosine[0]:.2f}, {cosine[-1]:.2f}")

# %% [markdown]
# ### The proof, with the lecture beside it
#
# The lecture proves the same theorem, with three slips that are easy to make. Compare line by line.
#
# *The square.* The lecture bounds $\|x\|^2$ by $M$, where $M$ is the **radius**. The bound is $M^2$. Take $w = 0$, $x = (3, 0)$, $M = 3$: after one
# update the squared length is 9, not below 3. (If you let $M$ stand for the *squared* radius, all is well. Then say so.) And the
# strict "$<$" must be "$\le$": at $w = 0$ the middle term is exactly 0.
#
# *The chain.* The line that adds up $t$ updates is scrambled in the transcript. It should read
# $w^{*\top} w_t \ge w^{*\top} w_0 + t\,\delta$ and $\|w_t\|^2 \le \|w_0\|^2 + t\,M^2$.
#
# <span id="c012"></span>*The quotient.* The lecture divides the two to bound the cosine $a(t)$ from below, by
# $(w^{*\top} w_0 + t\delta) / \sqrt{\|w_0\|^2 + t M}$. With $M^2$ under the root this is right **while the numerator is not negative**:
# a smaller denominator makes a positive fraction larger, but a negative one more negative. For large $t$ the bound grows like
# $(\delta/M)\sqrt{t}$, not $(\delta/\sqrt{M})\sqrt{t}$.
#
# <span id="c014"></span>*The result.* The lecture arrives at $t \le M/\delta^2$. One point is enough to refute it: $x = 2$, $y = +1$. Radius 2, margin 2,
# $M/\delta^2 = 0.5$. But the very first visit is an update. The right bound gives $(2/2)^2 = 1$.

# %% tags=["nbval-check-output"]
single = train_perceptron([[2.0]], [1])
print(f"one point x = 2: {single.updates} update; M/delta^2 = {2 / 2**2}, (M/delta)^2 = {(2 / 2) ** 2}")
assert 2 / 2**2 < single.updates <= (2 / 2) ** 2

step = train_perceptron([[3.0, 0.0]], [1]).history
print(f"w = 0, x = (3, 0): squared length {step[1] @ step[1]:.0f}; the radius is 3, its square 9")
assert step[1] @ step[1] == 9 > 3

# A start that points the wrong way makes the numerator negative: w0 = -2, x = 1, y = 1, one update.
backwards = train_perceptron([[1.0]], [1], w=[-2.0])
a_after_one = backwards.history[1, 0] / abs(backwards.history[1, 0])
claimed = (-2 + 1) / np.sqrt((-2.0) ** 2 + 1)
print(f"negative numerator: the cosine is {a_after_one:.2f}, the quotient 'bound' {claimed:.2f}")
assert a_after_one < claimed

# %% [markdown]
# There is a way to find the slip in $M/\delta^2$ without any example: **check the units**. Measure the inputs in millimetres
# instead of centimetres. Every number becomes ten times larger (the constant 1 of the bias too), every mistake stays a mistake, and the count $t$ stays
# the same. So a bound on $t$ must not change either. $(R/\gamma)^2$ does not: both lengths grow tenfold. $M/\delta^2$
# becomes ten times *smaller*. It cannot be a bound on anything.
#
# ## The bound put to the test
#
# A proof is one thing. Let us try to break the theorem anyway: 4,000 random separable data sets with gaps from wide to
# hair-thin. For each: train from 0, count the updates, compute the largest possible margin exactly, compare. All sets
# train side by side, so this takes a second.
#
# > **Predict.** In how many of the 4,000 sets does the perceptron need more than $(R/\gamma)^2$ updates? In how many more than
# > $M/\delta^2$, if you measure in units ten times smaller?

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.margin_bound import count_updates, random_separable_sets

sets_x, sets_y = random_separable_sets(4000, points=20, dimension=2, seed=SEED)
needed = count_updates(sets_x, sets_y)
radii = np.linalg.norm(sets_x, axis=2).max(axis=1)
margins = np.array([maximum_margin(a, b)[1] for a, b in zip(sets_x, sets_y)])
bounds = (radii / margins) ** 2

scales = np.array([0.1, 1, 2, 5, 10])
exceeds_right = [(needed > (c * radii / (c * margins)) ** 2).sum() for c in scales]
exceeds_lecture = [(needed > c * radii / (c * margins) ** 2).sum() for c in scales]
print("unit      more than (R/margin)^2      more than M/delta^2")
for c, right, lecture in zip(scales, exceeds_right, exceeds_lecture):
    print(f"x {c:<4g}  {right:12d} of {len(needed)}     {lecture:12d} of {len(needed)}")
assert (needed > 0).all()  # every run stopped by itself
assert max(exceeds_right) == 0
assert exceeds_lecture[0] == 0
assert exceeds_lecture[1] > 0
assert exceeds_lecture[-1] > 2000

# %% [markdown]
# Never, against thousands. The wrong bound is broken or safe depending on the unit, as the argument about units said.
#
# Now the picture (1,000 of the sets, for clarity). On the left the horizontal axis is the bound; the dotted line is where the count would equal it.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: scatter of updates against the bound on log axes; all points lie below the diagonal, most by a factor of ten or more. Right: updates against margin; they fall on average as the margin grows, with wide scatter."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.0))
some = slice(0, 1000)  # enough to see the cloud
left.scatter(bounds[some], needed[some], s=3, color=COLORS["blue"], alpha=0.25, rasterized=True)
left.plot([1, bounds.max()], [1, bounds.max()], ":", color=COLORS["ink"], linewidth=1.2)
left.set(
    xscale="log", yscale="log", xlabel=r"bound $(R/\gamma)^2$", ylabel="updates needed", title="Never above the line"
)
right.scatter(margins[some], needed[some], s=3, color=COLORS["blue"], alpha=0.25, rasterized=True)
edges = np.quantile(margins, np.linspace(0, 1, 11))
middle = [(a + b) / 2 for a, b in pairwise(edges)]
means = [needed[(margins >= a) & (margins <= b)].mean() for a, b in pairwise(edges)]
right.plot(middle, means, "o-", color=COLORS["vermillion"], markersize=4, label="mean of a tenth of the sets")
right.set(yscale="log", xlabel=r"margin $\gamma$", ylabel="updates needed", title="Wide gaps are easier, on average")
right.legend()
plt.show()

# %% [markdown]
# <span id="c015"></span>Two lessons. First, the bound is a worst case: most runs need far fewer updates. Second, the lecture's
# "faster convergence for larger margin" is true of the *bound* and true *on average*, not of every pair of data sets:

# %% tags=["nbval-check-output"]
low, high = margins < np.median(margins), margins >= np.median(margins)
pairs_drawn = np.random.default_rng(SEED).integers(len(needed), size=(100_000, 2))
a, b = pairs_drawn[margins[pairs_drawn[:, 0]] > margins[pairs_drawn[:, 1]]].T  # a has the larger margin
slower = (needed[a] > needed[b]).mean()
print(f"mean updates: {needed[low].mean():.1f} in the half with small margins, {needed[high].mean():.1f} in the other")
print(f"pairs in which the set with the larger margin needs MORE updates: {slower:.0%}")
assert needed[low].mean() > 2 * needed[high].mean()
assert 0.05 < slower < 0.4

# %% [markdown]
# Can the worst case happen? Yes, exactly. Take $D$ samples that are the axes of $D$-dimensional space, all with label
# $+1$. They are perpendicular: learning one tells nothing about the others, so each costs one update, $D$ in all. The ideal
# direction is the diagonal, $w^* = (1, \dots, 1)/\sqrt{D}$, with $\gamma = 1/\sqrt{D}$ and $R = 1$. The bound is $D$.

# %% tags=["nbval-check-output"]
for dimension in (2, 10, 100):
    axes_points, ones = np.eye(dimension), np.ones(dimension)
    made, allowed = train_perceptron(axes_points, ones).updates, update_bound(axes_points, ones)
    print(f"{dimension:3d} perpendicular points: {made} updates, bound {allowed:.0f}")
    assert made == dimension
    assert np.isclose(allowed, dimension)

# %% [markdown]
# So nobody can prove a better bound of this kind. Back to the playground: to get past 50 mistakes you had to make the gap
# thin compared with the spread of the points. For your arrangement $(R/\gamma)^2$ was larger than your count. Far-away points
# help too: they raise $R$.
#
# <span id="c007"></span>The theorem promises more: it stops from **any** start. Redo the collision with
# $w_0 \ne 0$. The progress starts at $w^{*\top} w_0$, the squared length at $\|w_0\|^2$. A straight line still overtakes a square root,
# only later. Test it with starts that are long and point anywhere:

# %% tags=["nbval-check-output"]
starts = np.random.default_rng(SEED).normal(size=(300, 3)) * 10
counts = [train_perceptron(a, b, w=w0, keep_history=False) for a, b, w0 in zip(sets_x, sets_y, starts)]
limits = [update_bound(a, b, start=w0) for a, b, w0 in zip(sets_x, sets_y, starts)]
print(
    f"300 sets, 300 starts: all converged: {all(c.converged for c in counts)}, "
    f"bound exceeded: {sum(c.updates > limit for c, limit in zip(counts, limits))} times"
)
assert all(c.converged for c in counts)
assert all(c.updates <= limit for c, limit in zip(counts, limits))

# %% [markdown]
# ## Many right answers
#
# The theorem says that the rule stops. It does not say where. To see the difference, pull the two kinds of points further apart,
# so that many lines fit between them.
#
# > **Predict.** Train on these points three times, each time in another order and from another start. Three times the
# > same line?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Forty points and three different lines through the gap between the two classes, one for each order and start; all three separate the points."}}
apart = points + 0.2 * y[:, None] * np.array([1.0, 0.8])
apart_x = add_bias(apart)
runs = []
for seed in range(3):
    rng = np.random.default_rng(seed)
    runs.append(train_perceptron(apart_x, y, w=rng.normal(size=3), order=rng.permutation(len(apart_x))))

figure, axes = plt.subplots(figsize=(5.8, 3.4))
axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
plotting.scatter_classes(axes, apart, y, size=24)
for number, (one, style) in enumerate(zip(runs, ("-", "--", ":"))):
    separating_line(axes, one.w, linestyle=style, label=f"order and start {number + 1}", arrow=False)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% tags=["nbval-check-output"]
directions = [one.w / np.linalg.norm(one.w) for one in runs]
angles = [np.degrees(np.arccos(directions[i] @ directions[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
print("errors:", [count_mistakes(apart_x, y, one.w) for one in runs], " updates:", [one.updates for one in runs])
print("angles between the three weight vectors:", [f"{angle:.0f}°" for angle in angles])
best = maximum_margin(apart_x, y)[1]
print("margins:", [f"{margin(apart_x, y, one.w):.3f}" for one in runs], f" best possible: {best:.3f}")
assert all(one.converged for one in runs)
assert min(angles) > 1

# %% [markdown]
# <span id="c016"></span>Three orders, three lines, no errors: the lecture is right that the solution depends on order and start. The
# perceptron takes the first line that works, however close it passes to a point. A new point
# near the border may fall on either side. If you want *the* line in the middle of the gap, you need another loss:
# [the support vector machine](01b_kernels.ipynb).
#
# ## When no line exists
#
# Now break the assumption. Give the rule XOR.
#
# > **Predict.** 500 passes over the four corners. Do the weights grow and grow? Do they settle? Something else?

# %% tags=["nbval-check-output"]
xor_x, xor_y = add_bias(pairs), np.array([-1.0, 1.0, 1.0, -1.0])
xor = train_perceptron(xor_x, xor_y, epochs=500)
print(f"{xor.updates} updates in {xor.epochs} passes; fewest in one pass: {min(xor.updates_per_epoch)}")
print(f"longest weight vector: {np.linalg.norm(xor.history, axis=1).max():.3f}")
print("the weights after updates 0 to 8:")
for row in xor.history[:9]:
    print("  ", row.astype(int).tolist())
assert xor.updates == 2000
assert not xor.converged
assert min(xor.updates_per_epoch) > 0
assert len(np.unique(xor.history, axis=0)) == 4

# %% [markdown]
# <span id="c017"></span>It neither grows nor settles. It goes round in a circle: four weight vectors, and after each pass it is back at
# zero, having learned nothing. The lecture is right: without a separating line the rule does not converge.
#
# That the weights stay bounded is no accident of XOR. On *any* finite data set the perceptron's weights stay within a fixed
# distance, separable or not. This is the *perceptron cycling theorem*
# ([Minsky and Papert, 1969](../book/references.md#minsky-papert-1969);
# [Block and Levin, 1970](../book/references.md#block-levin-1970)). Its proof is longer than ours, and we only measure it. One
# consequence is easy: if the order is fixed and all inputs and the start are whole numbers, the weights are whole numbers too,
# a bounded region holds only finitely many of them, so some weight vector must come back at the start of a pass, and from
# there everything repeats.
#
# Real data are rarely separable, and rarely XOR: mostly right, with some overlap. Take two overlapping clouds. Two cheap repairs
# are old and good:
#
# - the [pocket](../book/glossary.md#pocket-algorithm): keep the best weights seen so far in your pocket
#   ([Gallant, 1990](../book/references.md#gallant-1990));
# - the [averaged perceptron](../book/glossary.md#averaged-perceptron): use the mean of all weights held on the way. Good weights
#   survive long, so they count for much ([Freund and Schapire, 1999](../book/references.md#freund-schapire-1999)).

# %% mystnb={"image": {"alt": "Left: over 60 updates the training mistakes of the running weights jump up and down, from about 30 to above 200 of 300, while the pocket drops to the lowest value and stays. Right: the longest weight vector of each of 150 passes keeps varying and stays below 5."}}
from course_utils.scratch.perceptrons.averaged_perceptron import train_averaged
from course_utils.scratch.perceptrons.pocket import train_pocket


def two_clouds(count, seed):
    rng = np.random.default_rng(seed)
    side = rng.choice([-1.0, 1.0], size=count)
    return add_bias(rng.normal(size=(count, 2)) + side[:, None] * [0.9, 0.9]), side


cloud_x, cloud_y = two_clouds(300, SEED)
pocket = train_pocket(cloud_x, cloud_y, updates=60, seed=SEED)
long = train_perceptron(cloud_x, cloud_y, epochs=150)

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8))
left.plot(pocket.last_mistakes, color=COLORS["gray"], linewidth=0.8, label="running weights")
left.plot(pocket.pocket_mistakes, color=COLORS["blue"], label="in the pocket")
left.set(xlabel="updates", ylabel="mistakes on 300 points", title="The pocket keeps the best", ylim=(0, None))
left.legend()
norms = np.linalg.norm(long.history, axis=1)
passes = np.split(norms[1:], np.cumsum(long.updates_per_epoch)[:-1])
right.plot([p.max() for p in passes], color=COLORS["blue"], linewidth=1)
right.set(
    xlabel="passes over the data", ylabel="longest w in the pass", title="Bounded, and never at rest", ylim=(0, None)
)
plt.show()

# %% tags=["nbval-check-output"]
half = len(norms) // 2
assert min(long.updates_per_epoch) > 0
assert norms[half:].max() < 1.5 * norms[:half].max()  # twice the updates, no longer vector

test_x, test_y = two_clouds(5000, 999)
accuracy = {"last": [], "pocket": [], "average": []}
for seed in range(20):
    average, last = train_averaged(cloud_x, cloud_y, epochs=10, seed=seed)
    kept = train_pocket(cloud_x, cloud_y, updates=200, seed=seed).w
    for name, weights in (("last", last), ("pocket", kept), ("average", average)):
        accuracy[name].append(1 - count_mistakes(test_x, test_y, weights) / len(test_y))
print("accuracy on 5000 new points, 20 seeds:   worst   mean    best")
for name, values in accuracy.items():
    print(f"  {name:8s}                             {min(values):.3f}   {np.mean(values):.3f}   {max(values):.3f}")
assert np.mean(accuracy["average"]) > np.mean(accuracy["pocket"]) > np.mean(accuracy["last"])
assert min(accuracy["average"]) > np.mean(accuracy["last"])

# %% [markdown]
# The last weights are a lottery: they depend on which mistake came last. The average is steady, costs one extra vector, and
# should be your default.
#
# ## Rosenblatt's machine
#
# <span id="c028"></span>The perceptron was not a program at first. The dates, precisely: the threshold unit is from
# [1943](../book/references.md#mcculloch-pitts-1943); Rosenblatt's first report is from
# [January 1957](../book/references.md#rosenblatt-1957), his paper from [1958](../book/references.md#rosenblatt-1958); his
# proof of convergence circulated as a report from [1960](../book/references.md#rosenblatt-1960) on, and 1962 brought
# [his book](../book/references.md#rosenblatt-1962) and [Novikoff's](../book/references.md#novikoff-1962) short proof. The lecture's
# 1943, 1957 and 1962 are right, if you read 1957 as the report and 1962 as the year in which the theorem was published.
#
# <span id="c027"></span>The machine, the *Mark I Perceptron*, had a sensor of $20 \times 20 = 400$ photocells, 512 *association units* with a fixed random
# wiring to the sensor, and 8 *response units* ([Hay et al., 1960](../book/references.md#hay-1960)). Only the weights between
# association and response units could learn. Each was a potentiometer, a dial, turned by an electric motor.
#
# We build it in two steps. First without the middle: the sensor drives the output directly. The task is to tell T from L, drawn
# anywhere near the middle, in different sizes and slants, with noise.

# %% mystnb={"image": {"alt": "Twelve 20 by 20 pictures of noisy letters T and L, white on black, shifted, scaled and slightly turned."}}
from course_utils.scratch.perceptrons.stroke_letters import draw_letters

images, classes = draw_letters("TL", 600, seed=SEED)
sides = 2.0 * classes - 1  # T is -1, L is +1
plotting.image_grid(images[:12], columns=12, size=0.58, vmin=0, vmax=1)

# %% [markdown]
# An update adds or subtracts the picture itself. A lit cell of the sensor turns its dial by one notch, a dark cell leaves its dial
# alone. Replay the training, one mistake at a time:

# %%
pixels = images.reshape(len(images), 400).astype(float)
dials = train_perceptron(pixels, sides)
replay = WeightDials(dials.history, shape=(20, 20), patterns=pixels[dials.picked], labels=sides[dials.picked])
replay

# %% tags=["nbval-check-output"]
new_images, new_classes = draw_letters("TL", 1000, seed=SEED + 1)
wrong = count_mistakes(new_images.reshape(1000, 400), 2.0 * new_classes - 1, dials.w)
turns = np.diff(dials.history, axis=0)
assert np.array_equal(dials.history[0] + turns.sum(axis=0), dials.w)  # the dials are the sum of their turns
assert set(np.unique(turns)) <= {-1.0, 0.0, 1.0}
assert dials.converged
assert np.array_equal(replay.weights_at(dials.updates), dials.w)  # and what the widget shows last
print(f"{dials.updates} mistakes, each turning every lit dial by one notch; now 0 errors on {len(pixels)} pictures")
print(f"on 1000 new pictures: {wrong} wrong")

# %% [markdown]
# A few mistakes are enough, and the final dials *are* the trained weights. Switch the dials to a picture and you see what the machine
# believes: light along the lower edge speaks for L, light along the top speaks for T.
#
# ### What the random units add
#
# Now a harder pair, C and E, with larger shifts. And the middle layer: each association unit adds the pixels of a few random
# photocells, some with plus, some with minus, and answers with a sign. We give each unit 20 random links.
#
# > **Predict.** The middle layer is random and never learns. Can it help? Sort by accuracy on new pictures: 16 random units,
# > 512 random units, 2,048 random units, no random units at all (the 400 pixels directly).

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.mark1 import StraightThroughSign, response_accuracy, train_response, wire_randomly


def letters(seed, count):
    pictures, index = draw_letters("CE", count, shift=4.0, seed=seed)
    return pictures, 2.0 * index - 1


train_images, train_sides = letters(SEED, 600)
test_images, test_sides = letters(SEED + 1, 1000)
machine = wire_randomly(units=512, sensors=400, links=20, seed=SEED)
response = train_response(train_images, train_sides, machine)
assert machine.links.shape == (512, 400)
assert response.converged
print(
    f"512 sign units: {response.updates} updates, {'no' if response.converged else 'some'} errors on 600 training pictures"
)

# %% mystnb={"image": {"alt": "Accuracy on new pictures against the number of random units from 16 to 2048 on a log axis: the band of 20 seeds climbs from about 0.55 to above 0.9 and crosses the dashed line of the direct pixels between 256 and 512 units."}}
record = load_record("01_perceptron.associators")
sizes = record["sizes"]
mine = []
for units in sizes:
    wiring = wire_randomly(units, seed=SEED)
    mine.append(response_accuracy(test_images, test_sides, wiring, train_response(train_images, train_sides, wiring).w))

bands = [band("01_perceptron.associators", f"accuracy_{units}") for units in sizes]
direct = band("01_perceptron.associators", "accuracy_direct")
figure, axes = plt.subplots(figsize=(6.2, 3.2))
axes.fill_between(
    sizes,
    [b.minimum for b in bands],
    [b.maximum for b in bands],
    color=COLORS["blue"],
    alpha=0.18,
    linewidth=0,
    label=f"{bands[0].count} seeds",
)
axes.plot(sizes, [b.median for b in bands], color=COLORS["blue"], label="their median")
axes.plot(sizes, mine, "o", color=COLORS["vermillion"], label="your run")
axes.axhline(direct.median, color=COLORS["ink"], linestyle="--", linewidth=1.2, label="pixels directly (median)")
axes.set(
    xscale="log", xlabel="random association units", ylabel="accuracy on new pictures", xticks=sizes, xticklabels=sizes
)
axes.minorticks_off()
axes.legend(loc="lower right")
plt.show()

# %%
for units, value, expected in zip(sizes, mine, bands):
    assert expected.contains(value, slack=0.02), (units, value, str(expected))
assert bands[0].maximum < direct.minimum  # sixteen random units lose most of the picture
assert bands[sizes.index(256)].median < direct.median < bands[sizes.index(512)].median
assert bands[-1].median > direct.median  # enough of them see more than the pixels
print(f"direct: {direct}")
for units, expected in zip(sizes, bands):
    print(f"{units:5d} units: {expected}")

# %% [markdown]
# Random features help, if there are enough of them. A few random signs lose most of the picture. With 512, as many as the Mark I
# had, you are just ahead of the pixels. Many more beat them clearly, because each sign asks a yes-or-no question about a *combination* of pixels, and a weighted sum of many
# such answers is what one linear unit on pixels cannot form. The price: thousands of random questions, most of them useless.
#
# <span id="c026"></span>Why not *learn* the questions? The lecture says that the sign prevents it. Ask autograd for the gradient of the loss with respect to
# the wiring:

# %% tags=["nbval-check-output"]
sensor = torch.tensor(train_images.reshape(len(train_images), -1), dtype=torch.float64)
target = torch.tensor(train_sides)
links = torch.tensor(machine.links, requires_grad=True)
output = torch.randn(512, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64, requires_grad=True)

hidden = torch.sign(sensor @ links.T - 0.5)
criterion(hidden @ output, target).backward()
print(f"gradient into the output weights: largest {output.grad.abs().max():.0f}")
print(f"gradient into the {links.numel():,} links: largest {links.grad.abs().max():.0f}")
assert output.grad.abs().max() > 0
assert torch.equal(links.grad, torch.zeros_like(links))

with torch.no_grad():  # the same without autograd: tiny changes of the wiring change nothing
    nudged = torch.sign(sensor @ (links + 1e-6 * torch.randn_like(links)).T - 0.5)
assert torch.equal(nudged, hidden)

# %% [markdown]
# Exactly zero, for all of them. A sign is flat: a small turn of a wire changes no answer, so the loss does not move, and a gradient is
# blind to large turns. The lecture is right that this stops *gradient* learning. Two ways around it are worth a name. You can search without
# gradients. Or you can lie a little: keep the sign on the way forward, and on the way back pretend that the unit was linear near its
# threshold. This *straight-through* estimator ([Bengio et al., 2013](../book/references.md#bengio-2013)) is not the gradient of
# anything, but try it with 64 units:


# %%
def train_sign_layer(learn_links, units=64, passes=15):
    wiring = wire_randomly(units, seed=SEED)
    links = torch.tensor(wiring.links, dtype=torch.float32, requires_grad=learn_links)
    shift = torch.tensor(wiring.threshold, dtype=torch.float32, requires_grad=learn_links)
    output = torch.zeros(units, requires_grad=True)
    optimiser = torch.optim.SGD([p for p in (links, shift, output) if p.requires_grad], lr=0.01)
    draw = torch.Generator().manual_seed(SEED)
    answer = lambda pictures: StraightThroughSign.apply(pictures @ links.T - shift, 3.0) @ output
    for _ in range(passes):
        for batch in torch.randperm(len(sensor), generator=draw).split(20):
            loss = torch.relu(1 - target[batch].float() * answer(sensor[batch].float())).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    fresh = torch.tensor(test_images.reshape(len(test_images), -1), dtype=torch.float32)
    return (answer(fresh) * torch.tensor(test_sides).float() > 0).double().mean().item()


frozen, learned = train_sign_layer(False), train_sign_layer(True)
print(f"accuracy on new pictures with 64 sign units: frozen links {frozen:.3f}, learned links {learned:.3f}")
assert learned > frozen + 0.05

# %% [markdown]
# (The loss in this cell is the hinge; [the next chapter](01b_kernels.ipynb) explains it.) Learned questions beat random ones
# in this run. The clean way, a unit with a slope that is not zero, is the subject of [chapter 02](02_mlp.ipynb), the multi-layer perceptron.
#
# ## More than two classes
#
# <span id="c018"></span>The lecture lists among the perceptron's limits that it has "no direct multi-class extension". There is one, and it is almost as old as the
# theorem. Give each class its own weight vector, and answer with the class whose score is largest. When class $j$ wins
# although the sample belongs to class $k$, make $k$ stronger and $j$ weaker, both for this sample:
#
# $$ \begin{aligned}
#    j &= \arg\max_{l \ne k} w_l^\top x, \\
#    w_k &\leftarrow w_k + x, \quad w_j \leftarrow w_j - x \qquad \text{if } w_k^\top x \le w_j^\top x .
#    \end{aligned} \tag{1.9} $$
#
# *Why it converges* is a small piece of art called **Kesler's construction**
# ([Nilsson, 1965](../book/references.md#nilsson-1965)). Lay all weight vectors end to end, one long vector
# $W = (w_1, \dots, w_K)$. The wish $w_k^\top x > w_j^\top x$ says that $W$ has a positive product with the long vector
#
# $$ z = (0, \dots, \underbrace{x}_{\text{block } k}, \dots, \underbrace{-x}_{\text{block } j}, \dots, 0) . $$
#
# So K classes are *one* two-class problem, in which every $z$ should get $+1$. Equation 1.9 is equation 1.3 on it, word for word. The
# theorem carries over. Only the radius changes: $\|z\|^2 = 2\|x\|^2$. With a separating $W^*$ of length 1 and its margin $\gamma$,
#
# $$ t \;\le\; 2 \left(\frac{R}{\gamma}\right)^{2} . \tag{1.10} $$

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.multiclass_perceptron import kesler_vectors, predict_class, train_multiclass

rng = np.random.default_rng(SEED)
kind = np.arange(60) % 4
corners = np.array([[2, 2], [-2, 2], [-2, -2], [2, -2]])
four_x = add_bias(corners[kind] + rng.uniform(-1.2, 1.2, size=(60, 2)))

W = np.zeros((4, 3))
made, clean = 0, False
while not clean:
    clean = True
    for sample, k in zip(four_x, kind):
        score = W @ sample
        wanted, score[k] = score[k], -np.inf
        j = score.argmax()  # the strongest rival
        if wanted <= score[j]:
            W[k] += sample
            W[j] -= sample
            made, clean = made + 1, False

z = kesler_vectors(four_x, kind, 4)
limit = update_bound(z, np.ones(len(z)))
ours = train_multiclass(four_x, kind, 4)
assert np.array_equal(ours.w, W)
assert ours.updates == made
assert (predict_class(four_x, W) == kind).all()
assert (z @ W.ravel() > 0).all()
assert made <= limit <= 2 * (radius(four_x) / maximum_margin(z, np.ones(len(z)))[1]) ** 2 + 1e-9
print(f"four classes, {len(four_x)} points, {len(z)} Kesler vectors: {made} updates, 0 errors, bound {limit:.0f}")

# %% tags=["hide-input"] mystnb={"image": {"alt": "The plane in four tinted wedges that meet near the centre, one for each of four square clouds of points; no point lies in a wrong wedge."}}
figure, axes = plt.subplots(figsize=(3.8, 3.4))
plotting.decision_regions(axes, lambda p: predict_class(add_bias(p), W), (-3.8, 3.8), (-3.8, 3.8), labels=range(4))
plotting.scatter_classes(axes, four_x[:, :2], kind, size=22)
axes.set(aspect="equal", title="Four classes, one rule")
plt.show()

# %% [markdown]
# Now something real: 1,297 handwritten digits of $8 \times 8$ pixels for training, 500 for the test.
#
# > **Predict.** Ten classes, 64 pixels, linear scores. Can the rule reach *zero* training errors? And which accuracy do you
# > expect on new digits: 80, 90 or 96 %?

# %% tags=["band-digits"]
import numpy as np

from course_utils import data
from course_utils.scratch.perceptrons.multiclass_perceptron import predict_class, train_multiclass
from course_utils.scratch.perceptrons.perceptron import add_bias


def flat(digits):
    return add_bias(digits.images.reshape(len(digits), -1).numpy() / 255), digits.labels.numpy()


digits_x, digits_y = flat(data.load("digits", "train"))
unseen_x, unseen_y = flat(data.load("digits", "test"))
digits_run = train_multiclass(digits_x, digits_y, 10, epochs=200, order=np.random.default_rng(SEED))
guess = predict_class(unseen_x, digits_run.w)
digits_result = {
    "accuracy": float((guess == unseen_y).mean()),
    "accuracy_average": float((predict_class(unseen_x, digits_run.average) == unseen_y).mean()),
}

# %%
from sklearn.linear_model import Perceptron

one_against_rest = Perceptron(random_state=SEED, max_iter=100, tol=None).fit(digits_x[:, :-1], digits_y)
expected = band("01_perceptron.digits", "accuracy")
print(
    f"ours:         {digits_run.updates} updates in {len(digits_run.updates_per_epoch)} passes; "
    f"training errors {(predict_class(digits_x, digits_run.w) != digits_y).sum()}, test accuracy {digits_result['accuracy']:.3f}"
)
print(f"              20 seeds: {expected}")
print(
    f"scikit-learn: training errors {(one_against_rest.predict(digits_x[:, :-1]) != digits_y).sum()}, "
    f"test accuracy {one_against_rest.score(unseen_x[:, :-1], unseen_y):.3f}"
)
assert digits_run.converged
assert (predict_class(digits_x, digits_run.w) == digits_y).all()
assert expected.contains(digits_result["accuracy"], slack=0.01)
assert (one_against_rest.predict(digits_x[:, :-1]) != digits_y).any()

# %% [markdown]
# Zero training errors: in 65 dimensions these ten classes *are* separable by linear scores. scikit-learn's `Perceptron` never gets there. It trains ten
# separate machines, "this digit against the rest", and each needs a hyperplane that cuts *one* class off from all others. That is harder than what is
# asked, since only the *largest* score has to be right. Is it too hard? A linear program decides exactly whether a separating hyperplane exists:

# %% tags=["nbval-check-output"]
from scipy.optimize import linprog


def separable(x, y):
    """Is there any w with y w.x >= 1 for all samples?"""
    answer = linprog(np.zeros(x.shape[1]), A_ub=-y[:, None] * x, b_ub=-np.ones(len(x)), bounds=(None, None))
    return answer.status == 0


alone = {digit: separable(digits_x, np.where(digits_y == digit, 1.0, -1.0)) for digit in range(10)}
print("no hyperplane cuts off:", [digit for digit, possible in alone.items() if not possible])
assert not separable(xor_x, xor_y)
assert separable(x, y)
assert [digit for digit, possible in alone.items() if not possible] == [8]

# %% [markdown]
# The 8 cannot be cut off: it lies between the others. Its machine goes on making mistakes for ever, although the ten classes *together* are separable. Paired
# updates train what is asked, the comparison of scores, and nothing else.
#
# Which digits does it get wrong?

# %% mystnb={"image": {"alt": "Sixteen of the misread test digits, 8 by 8 pixels each, with the true class and the wrong answer above; many are ambiguous to the eye, such as an 8 read as 1 and a 9 read as 5."}}
missed = np.flatnonzero(guess != unseen_y)[:16]
plotting.image_grid(
    unseen_x[missed, :-1].reshape(-1, 8, 8),
    titles=[f"{unseen_y[i]} read as {guess[i]}" for i in missed],
    columns=8,
    size=0.82,
)

# %% [markdown]
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C002](#c002) A human brain has about $10^{11}$ neurons | external | right order; counts give 86 billion on average |
# | [C003](#c003) The 1943 unit has real weights and a continuous output | imprecise | all-or-none, equal links, a veto |
# | [C004](#c004) Two forms of the perceptron criterion are equal | true | also at score 0, which adds nothing to either |
# | [C005](#c005) The rule is the gradient step on the criterion | true | away from the kink at 0 |
# | [C006](#c006) The strict rule learns from any start, also from 0 | false | from 0 it never updates; the condition needs $\le$ |
# | [C007](#c007) If a separator exists, the rule stops from any start | true | with $\le$; the bound for a start is in the cell |
# | [C008](#c008) Unit length and a positive margin without loss of generality | true | the bias folded into $x$ enlarges the radius |
# | [C009](#c009) Each update adds at least the margin to the progress | true | for step 1; from 0 any step gives the same updates |
# | [C010](#c010) $\lVert w' \rVert^2 < \lVert w \rVert^2 + M$ for radius $M$ | false | $\le \lVert w \rVert^2 + M^2$; counter-example $x = (3, 0)$ |
# | [C011](#c011) Chained over $t$ updates: $t\delta$ and $tM$ | imprecise | $t\delta$ and $tM^2$ |
# | [C012](#c012) The cosine grows at least like $(\delta/\sqrt M)\sqrt t$ | imprecise | $(\delta/M)\sqrt t$, and only for a numerator that is not negative |
# | [C013](#c013) The cosine is at most 1 | true | Cauchy-Schwarz |
# | [C014](#c014) From 0, $t \le M/\delta^2$ | false | $t \le (M/\delta)^2$; refuted by one point, and by its units |
# | [C015](#c015) A larger margin means faster convergence | imprecise | true of the bound and on average, not for every pair |
# | [C016](#c016) The solution depends on start and order | true | three runs, three directions |
# | [C017](#c017) Without a separator it does not converge | true | it cycles; the weights stay bounded |
# | [C018](#c018) There is no direct multi-class extension | false | there is: Kesler's construction, with a bound |
# | [C026](#c026) Sign units in the first layer prevent learning it | true | gradients are exactly zero; straight-through or search still work |
# | [C027](#c027) The Mark I sensor has $20 \times 20$ pixels | true | 400 photocells, 512 association units, 8 response units |
# | [C028](#c028) Threshold unit 1943, perceptron 1957, theorem 1962 | external | 1957 is the report, 1958 the paper; a proof circulated from 1960, published 1962 |
#
# ## Pitfalls
#
# **1. The forgotten bias.** Without the constant 1 every line passes through the origin. Points that a line separates
# easily may then be impossible:

# %% tags=["nbval-check-output"]
far = np.array([[1.0, 1.0], [2.0, 2.0]])
print("without bias:", train_perceptron(far, [-1, 1], epochs=1000).converged)
print("with bias:   ", train_perceptron(add_bias(far), [-1, 1], epochs=1000).converged)
assert not train_perceptron(far, [-1, 1], epochs=1000).converged
assert train_perceptron(add_bias(far), [-1, 1], epochs=1000).converged

# %% [markdown]
# **2. Labels 0 and 1 in a rule for −1 and +1.** With $y = 0$ the product $y f$ is 0, always "a mistake", and the update adds $0 \cdot x$.
# The loop runs for ever and class 0 teaches nothing. The hand-written loop says nothing about it; `train_perceptron` refuses:

# %% tags=["nbval-check-output"]
zero_one = (y + 1) / 2
w_bad = np.zeros(3)
for _ in range(100):
    for sample, label in zip(x, zero_one):
        if label * (w_bad @ sample) <= 0:
            w_bad = w_bad + label * sample
print(
    f"after 100 passes: {count_mistakes(x, y, w_bad)} of {len(y)} wrong, all of them in class 0: "
    f"{set(zero_one[y * (x @ w_bad) <= 0].tolist()) == {0.0}}"
)
try:
    train_perceptron(x, zero_one)
except ValueError as error:
    print("ValueError:", error)
assert count_mistakes(x, y, w_bad) > 5

# %% [markdown]
# **3. Features on different scales.** One feature in other units than the other, and far from zero: the radius explodes, the
# margin does not, and the updates follow. Centre and scale first.

# %% tags=["nbval-check-output"]
stretched = add_bias(points * [1.0, 30.0] + [0.0, 100.0])
centred = stretched[:, :2] - stretched[:, :2].mean(axis=0)
scaled = add_bias(centred / centred.std(axis=0))
spent = []
for name, version in (("as it came", stretched), ("standardised", scaled)):
    spent.append(train_perceptron(version, y, epochs=100_000, keep_history=False).updates)
    print(
        f"{name:13s} radius {radius(version):5.1f}   bound {update_bound(version, y):11,.0f}   updates {spent[-1]:7,}"
    )
assert spent[1] < spent[0] / 50

# %% [markdown]
# **4. The strict inequality.** `if y * score < 0` with `w = np.zeros(...)` makes a clean first pass and stops at once,
# having learned nothing. You saw it [above](#c006): 0 updates. Write `<=`, or start from small random weights.
#
# **5. Stopping at the first clean stretch.** "The last ten samples were all right, so it is done." A clean *pass* proves that all
# are right. A clean stretch proves nothing:

# %% tags=["nbval-check-output"]
w_early, streak, seen = np.zeros(3), 0, 0
while streak < 10:
    i = seen % len(x)
    seen += 1
    if y[i] * (w_early @ x[i]) <= 0:
        w_early, streak = w_early + y[i] * x[i], 0
    else:
        streak += 1
print(
    f"stopped after ten right answers in a row, at visit {seen}: still {count_mistakes(x, y, w_early)} of {len(x)} wrong"
)
assert count_mistakes(x, y, w_early) > 0

# %% [markdown]
# ## Exercises
#
# **1. XOR from three units** (five minutes). One unit cannot compute XOR. Wire up three threshold units that can: two look at the
# inputs, the third looks at the two.
#
# <details><summary>Hint</summary>
#
# XOR is "OR, but not AND". You have both units already.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
either = threshold_unit(pairs, [1, 1], -0.5)
both = threshold_unit(pairs, [1, 1], -1.5)
exactly_one = threshold_unit(np.stack([either, both], axis=1), [1, -1], -0.5)
assert exactly_one.tolist() == [0, 1, 1, 0]
print("OR and not AND:", exactly_one.tolist())

# %% [markdown]
# **2. One update, by hand** (ten minutes). $w = (1, -2, 0)$, $x = (2, 1, 1)$, $y = -1$, $\eta = 1$. Is it a mistake? Compute the new
# weights. How much did $y\,w^\top x$ change, and why must it be that number? What if the score had been $+10$ instead?
#
# <details><summary>Hint</summary>
#
# The product rises by $\|x\|^2$, whatever $w$ was. Compare that with how far it was below zero.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
w_hand, x_hand, y_hand = np.array([1.0, -2.0, 0.0]), np.array([2.0, 1.0, 1.0]), -1.0
before = y_hand * (w_hand @ x_hand)  # exactly 0: a mistake under <=, none under <
after = y_hand * ((w_hand + y_hand * x_hand) @ x_hand)
assert before == 0
assert after - before == x_hand @ x_hand == 6
print(f"new weights {(w_hand + y_hand * x_hand).tolist()}, product {before + 0:.0f} -> {after:.0f}")
print("with a score of +10 the product would go from -10 to -4: still wrong, and it takes another visit")

# %% [markdown]
# **3. The worst order** (fifteen minutes). Take the six of the forty points that lie closest to the ideal line. Train on all $6! = 720$ orders. What are the fewest
# and the most updates? Does any order exceed the bound?
#
# <details><summary>Hint</summary>
#
# `itertools.permutations(range(6))` gives the orders; `train_perceptron` takes one as `order`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
closest = np.argsort(y * (x @ ideal))[:6]
six_x, six_y = x[closest], y[closest]
by_order = [train_perceptron(six_x, six_y, order=o, keep_history=False).updates for o in permutations(range(6))]
assert len(by_order) == 720
assert max(by_order) <= update_bound(six_x, six_y)
assert min(by_order) < max(by_order)
print(f"fewest {min(by_order)}, most {max(by_order)}, bound {update_bound(six_x, six_y):.1f}")

# %% [markdown]
# **4. More than a thousand mistakes with two points** (twenty minutes). The playground asked for 50. Find two points in the plane, with the bias
# folded in, that cost more than 1,000 updates. Compute the bound before you train.
#
# <details><summary>Hint</summary>
#
# Two points with different labels, close together: the margin is at most half their distance. What else can you change to make $R/\gamma$ large?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
close = add_bias([[1.0, 0.0], [1.002, 0.0]])
thousand = train_perceptron(close, [-1, 1], epochs=100_000, keep_history=False)
print(f"gap 0.002: bound {update_bound(close, [-1, 1]):,.0f}, updates {thousand.updates:,}")
assert 1000 < thousand.updates <= update_bound(close, [-1, 1])
assert thousand.converged

# %% [markdown]
# **5. A perceptron that wants room** (half an hour). Change one character of the rule: update while $y\,w^\top x \le \beta$ for some
# $\beta > 0$, not 0. Train on the forty points with $\beta = 0, 1, 10, 100$ and print the margin of the result beside the best possible. What happens,
# and what does it cost? Then prove that it still stops.
#
# <details><summary>Hint</summary>
#
# In the proof only the middle term changes: it is at most $2\beta$ now, so $\|w_t\|^2 \le t\,(R^2 + 2\beta)$.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def train_with_room(x, y, beta):
    w, made, clean = np.zeros(x.shape[1]), 0, False
    while not clean:
        clean = True
        for sample, label in zip(x, y):
            if label * (w @ sample) <= beta:
                w, made, clean = w + label * sample, made + 1, False
    return w, made


reached = []
for beta in (0, 1, 10, 100):
    w_room, made = train_with_room(x, y, beta)
    reached.append(margin(x, y, w_room))
    print(f"beta {beta:3d}: {made:5d} updates, margin {reached[-1]:.3f} of {gap:.3f}")
    assert made <= (R**2 + 2 * beta) / gap**2  # progress t*gamma <= sqrt(t (R^2 + 2 beta))
assert reached[-1] > 0.8 * gap
assert reached[-1] > reached[0]

# %% [markdown]
# **6. The average without a trick** (half an hour). `train_averaged` never stores the weights of the past. Write the obvious version that adds up the weights after
# every single visit and divides by the number of visits, and show that both give the same vector. Then explain the trick in two sentences.
#
# <details><summary>Hint</summary>
#
# Draw the same orders: `np.random.default_rng(seed).permutation(...)`, once for each pass. Which visits does an update at visit $c$ *miss*?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
draw_order = np.random.default_rng(3)
w_now, total, visits = np.zeros(3), np.zeros(3), 0
for _ in range(5):
    for i in draw_order.permutation(len(cloud_x)):
        if cloud_y[i] * (w_now @ cloud_x[i]) <= 0:
            w_now = w_now + cloud_y[i] * cloud_x[i]
        total, visits = total + w_now, visits + 1
average, last = train_averaged(cloud_x, cloud_y, epochs=5, seed=3)
assert np.allclose(total / visits, average)
assert np.allclose(w_now, last)
print("the same average:", np.round(average, 3).tolist())
print("an update after c visits is in every later term, so it is missing from exactly c of them;")
print("the mean is the last weights minus the sum of c times each update, divided by the visits")

# %% [markdown]
# **7. Does the unit of the 1940s learn?** (an evening). Restrict the weights to $-1, 0, +1$ and the bias to whole numbers, and search for the weights that make the
# fewest mistakes on T against L with $4 \times 4$ pixels (shrink the sensor by averaging blocks of $5 \times 5$ and thresholding). Compare with the perceptron (with a pocket) on the same 16
# pixels. What does the perceptron use that the search throws away?
#
# <details><summary>Hint</summary>
#
# $3^{16}$ is 43 million: too many to try all, few enough for a search that changes one weight at a time and keeps what helps.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
coarse = add_bias(images.reshape(-1, 4, 5, 4, 5).mean(axis=(2, 4)).reshape(-1, 16) > 0.2)
rng = np.random.default_rng(SEED)
w_search = np.zeros(17)
fewest = count_mistakes(coarse, sides, w_search)
for _ in range(3000):
    candidate = w_search.copy()
    candidate[rng.integers(17)] = rng.integers(-1, 2)
    candidate[16] += rng.integers(-1, 2)
    mistakes = count_mistakes(coarse, sides, candidate)
    if mistakes <= fewest:
        w_search, fewest = candidate, mistakes
pocketed = train_pocket(coarse, sides, updates=300, seed=SEED).mistakes
print(f"search over -1, 0, +1: {fewest} of {len(sides)} wrong; perceptron with a pocket: {pocketed} wrong")
print(
    "a mistake tells the perceptron which way every weight should go; the search learns one bit a trial: better or not"
)
assert set(np.unique(w_search[:16])) <= {-1.0, 0.0, 1.0}
assert fewest < 0.1 * len(sides)

# %% [markdown]
# ## At scale
#
# The same fifty lines, on the 60,000 digits of [MNIST](../book/references.md#lecun-1998). The record below comes from one command,
# `python -m tools.record_perceptron mnist`, with `course data mnist` before it if you do not have the files.

# %%
record = load_record("01_perceptron.mnist")
for metric, label in (
    ("accuracy_last", "ten classes, last weights   "),
    ("accuracy_average", "ten classes, averaged       "),
    ("odd_even_average", "odd or even, averaged       "),
):
    print(label, band("01_perceptron.mnist", metric))
print(
    f"passes: {record['epochs']}; training mistakes in the last pass: {min(record['last_pass'])} to {max(record['last_pass'])}"
)
print(f"{record['provenance']['processor']}, {record['provenance']['date']}, commit {record['provenance']['commit']}")
assert band("01_perceptron.mnist", "accuracy_average").minimum > band("01_perceptron.mnist", "accuracy_last").maximum
assert min(record["last_pass"]) > 0

# %% [markdown]
# Three things to take away. After five passes there are still thousands of mistakes in a pass. (Is MNIST linearly separable? Mistakes alone cannot
# tell: a hair-thin margin looks like no margin for a very long time.) The average beats the last weights on every seed. And "odd or even" is harder than telling ten digits apart, although it has only two classes: each class is a mixture of five
# shapes, and one hyperplane must serve them all. What a linear unit needs is not few classes but *simple* ones.
#
# ## Summary
#
# - A threshold unit sums and compares. One unit draws one hyperplane: AND, OR, NOT, but never XOR.
# - The perceptron changes its weights only on mistakes: $w \leftarrow w + y\,x$ if $y\,w^\top x \le 0$. The $\le$ matters.
# - The rule is gradient descent, one sample at a time, on $\sum \max\{0, -y f\}$, with a choice to make at the kink.
# - Progress grows like $t\gamma$, length at most like $\sqrt{t}R$: at most $(R/\gamma)^2$ updates. A bound must survive a change of units.
# - Order and start decide which separator you get. Without a separator the weights cycle, bounded; use the pocket or the average.
# - Fixed random sign units help when there are many; a sign passes no gradient, so they cannot learn by it.
# - K classes: strengthen the right one, weaken the rival. It is the same theorem in a larger space.
#
# ## Further reading
#
# - [Rosenblatt (1958)](../book/references.md#rosenblatt-1958): the paper. Read the introduction for what it hoped to explain.
# - [Novikoff (1962)](../book/references.md#novikoff-1962): the proof, in eight pages.
# - [Minsky and Papert (1969)](../book/references.md#minsky-papert-1969): what one layer can never do, far beyond XOR.
# - [Freund and Schapire (1999)](../book/references.md#freund-schapire-1999): voting and averaging, and what happens when the data are almost separable.
# - [Crammer and Singer (2003)](../book/references.md#crammer-singer-2003): the multi-class rule and its relatives.
# - [Gerstner et al. (2014)](../book/references.md#gerstner-2014): from the leaky bucket to real neurons.
#
# ## The next question
#
# XOR defeats every line. But nobody said that you must feed the unit $x_1$ and $x_2$. Give it $x_1 x_2$ as well, and XOR becomes a matter of one
# weight. Which features should you add? What if you want *all* products, millions of them, without ever computing one? And which loss finds
# the line in the *middle* of the gap? → [Kernels and margins](01b_kernels.ipynb)
