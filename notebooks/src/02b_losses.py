# %% [markdown]
# # Losses and activations
#
# A network becomes what it is asked to minimise, and it learns only where its bend has a slope. You will write the losses and their gradients by hand,
# measure which activation functions learn and which fall silent, and race them with twenty seeds instead of one.
#
# **You will be able to**
#
# - choose a loss for classes, for numbers, for similarity, and write its gradient;
# - compute a softmax that never overflows, and say what PyTorch's `cross_entropy` takes and what it averages;
# - say why squared error on probabilities cannot correct a confident mistake;
# - read a bend by its slope: where it saturates, where it dies, what a leak cures and what it does not;
# - judge a sentence like "six times faster" by repeating the experiment behind it;
# - rewrite maxout as ReLU and back.
#
# **You need** [layers](02_mlp.ipynb), logarithms, and derivatives of functions of one variable. Gradients of whole networks still come from autograd; [chapter 03](03_backprop.ipynb) opens it.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting
from course_utils.plotting import COLORS
from course_utils.plotting.networks import median_band, value_and_slope
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import MlpPlayground, SurrogateLosses

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## A network that does not learn
#
# Here is the network of the last chapter again, with four hidden layers. Everything is right: the gradient, the data, enough units. And yet:
#
# 1. Train it as it stands. What is the training error after sixty passes?
# 2. Start again with *one* change: the activation, from *sigmoid* to *tanh* or *ReLU*.
# 3. Go back to the sigmoid and try to save it: a larger learning rate, fewer layers. What helps?

# %%
MlpPlayground(data="circles", hidden=(8, 8, 8, 8), activation="sigmoid", lr=0.3)

# %% [markdown]
# A bend is not a matter of taste, then. By the end of the chapter you can say *why* this one stalls, with a number for each layer. But a gradient begins at the other end of the network, at the loss. So
# begin there.
#
# ## Something to minimise
#
# A network produces scores. What should they be good at? The lecture says: choose a loss for the problem, and optimise *all* parameters, features and classifier
# together, for it. Three problems, three losses.
#
# ### Classes: softmax and cross-entropy
#
# The network gives one score $s_c$ per class (the lecture calls it $y_c$). [Softmax](../book/glossary.md#softmax) makes probabilities of them:
#
# $$ p(c \mid x) = \frac{e^{s_c}}{\sum_k e^{s_k}} . \tag{2.7} $$
#
# Then maximise the probability of the labels you were given. Products of many small numbers vanish, so take the logarithm, turn the sign, and minimise the
# [cross-entropy](../book/glossary.md#cross-entropy), the multi-class logistic loss:
#
# $$ L = -\sum_{n} \ln p(l_n \mid x_n) . \tag{2.8} $$
#
# Type (2.7) as it stands, and it works, until a score is large:

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.losses import (
    cross_entropy,
    cross_entropy_gradient,
    softmax,
    softmax_naive,
)

for scores in ([[2.0, 1.0, -1.0]], [[1000.0, 999.0, 0.0]]):
    with np.errstate(all="ignore"):
        print(
            "scores",
            scores[0],
            " as typed:",
            np.round(softmax_naive(scores)[0], 3),
            " stable:",
            np.round(softmax(scores)[0], 3),
        )

# %% [markdown]
# $e^{1000}$ is no number of 64 bits. The cure costs nothing. Add the same constant to all scores of a row: numerator and denominator get the same factor, and it
# cancels. So **only differences of scores count**, and you may subtract the largest score first. Then every exponent is at most 0.
#
# > **Predict.** What is the gradient of $-\ln p(l)$ in the scores? Which sign has it for the right class, which for the others, and what do its entries add up to?
#
# Write $-\ln p(l) = -s_l + \ln \sum_k e^{s_k}$. The first term gives $-1$ for the right class. The derivative of the logarithm in $s_c$ is $e^{s_c} / \sum_k e^{s_k}$, which is $p(c)$
# again. Together:
#
# $$ \frac{\partial L}{\partial s_{nc}} = p(c \mid x_n) - [\,c = l_n\,] , \tag{2.9} $$
#
# where the bracket is 1 for the right class and 0 for the others: the *one-hot* vector of the label. What you said minus what was true. The right score is pulled up by what it still lacks, each wrong one pushed down by what it holds, and the pulls add up to 0.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
for offset in (0.0, 1000.0, -1000.0):
    scores, labels = rng.normal(size=(50, 10)) * 3 + offset, rng.integers(10, size=50)
    tensor = torch.tensor(scores, requires_grad=True)
    loss = F.cross_entropy(tensor, torch.tensor(labels), reduction="sum")
    loss.backward()
    assert np.abs(softmax(scores) - tensor.softmax(dim=1).detach().numpy()).max() < 1e-12
    assert np.abs(softmax(scores).sum(axis=1) - 1).max() < 1e-12
    assert np.abs(softmax(scores) - softmax(scores - offset)).max() < 1e-12
    assert abs(cross_entropy(scores, labels) - loss.item()) < 1e-9
    assert np.abs(cross_entropy_gradient(scores, labels) - tensor.grad.numpy()).max() < 1e-12
    assert tensor.grad.sum(dim=1).abs().max() < 1e-12
default = F.cross_entropy(torch.tensor(scores), torch.tensor(labels)).item()
print("softmax, loss, gradient agree with PyTorch for scores around 0, 1000, -1000")
print(f"sum over {len(labels)} examples / PyTorch's default = {cross_entropy(scores, labels) / default:.1f}")
assert np.isclose(cross_entropy(scores, labels), len(labels) * default)

# %% [markdown]
# <span id="c038"></span>The lecture's formula is the library's loss. One caution: the lecture *sums* over examples, PyTorch's default *averages*. With the sum a learning rate that
# works for 50 examples is 10 times too large for 500.
#
# With **two** classes only the difference $s = s_1 - s_0$ counts, and $p(1) = e^{s_1}/(e^{s_0} + e^{s_1}) = 1/(1 + e^{-s})$: the softmax of two is the sigmoid of the difference. With labels $y = \pm 1$ and the
# margin $m = y\,s$ the loss becomes $\ln(1 + e^{-m})$, the *logistic* loss of [chapter 01b](01b_kernels.ipynb). You met it there beside the squared loss. Look at the two again, now with their slopes: a slope is what a network is sent to learn from.
#
# > **Predict.** A point with margin 3 is right, and clearly so. Which of the two losses still pulls on it, and in which direction? Which pulls harder at margin −3?

# %%
SurrogateLosses(margin=3.0, shown=["logistic", "squared"], slopes=True)

# %% [markdown]
# At margin 3 the squared loss has a *positive* slope: it pulls the point back, because "too right" is as bad for it as wrong. The logistic loss has nearly let go. At margin −3 the squared loss pulls with slope $-8$, the logistic with hardly more than $-0.95$: its slope tends to $-1$. Every mistake gets a
# full pull and no more than that, so one wrong label cannot outvote many right ones.
#
# There is a second way to use squares, and it is worse. Squash first, then square: $(1 - p)^2$ with $p = \sigma(s)$. It stays between 0 and 1 and looks harmless.
#
# > **Predict.** A positive example has the score $s = -8$: a *confident mistake*, $p = 0.0003$. Follow the gradient for 200 steps, once on $-\ln p$ and once on $(1-p)^2$. Where does the score end?


# %% tags=["nbval-check-output"]
def correct_a_mistake(loss_of, steps=200, lr=0.5):
    score = torch.tensor(-8.0, dtype=torch.float64, requires_grad=True)
    for done in range(steps):
        (slope,) = torch.autograd.grad(loss_of(score), score)
        if done == 0:
            first = slope.item()
        with torch.no_grad():
            score -= lr * slope
    return first, torch.sigmoid(score).item()


ends = {}
for name, loss_of in (
    ("cross-entropy", lambda s: -F.logsigmoid(s)),
    ("squared error of p", lambda s: (1 - torch.sigmoid(s)) ** 2),
):
    first, ends[name] = correct_a_mistake(loss_of)
    print(f"{name:18s}  first slope {first:+.5f}   p after 200 steps {ends[name]:.4f}")
assert ends["cross-entropy"] > 0.95
assert ends["squared error of p"] < 0.001

# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels over the score of a positive example from minus 10 to 6. Left, losses: minus ln p falls along a straight line and flattens past zero, the squared error of p is a step from 1 down to 0. Right, slopes: the cross-entropy's stays near minus 1 on the whole wrong side, the squared error's is a dip around zero that vanishes on both sides."}}
scores = np.linspace(-10, 6, 321)
right = 1 / (1 + np.exp(-scores))
figure, panels = plt.subplots(1, 2, figsize=(7, 2.6))
curves = {
    "−ln p": (-np.log(right), right - 1, "blue", "-"),
    "(1 − p)²": ((1 - right) ** 2, -2 * (1 - right) ** 2 * right, "vermillion", "--"),
}
for name, (loss, slope, color, style) in curves.items():
    for axes, values in zip(panels, (loss, slope)):
        axes.plot(scores, values, style, color=COLORS[color], label=name)
for axes, title in zip(panels, ("loss of a positive example", "slope: what it sends back")):
    axes.set(title=title, xlabel="score s")
    axes.axvline(-8, color=COLORS["gray"], linewidth=1, linestyle=":")
panels[0].legend()
plt.show()

# %% [markdown]
# The dotted line is our mistake. The chain rule puts a factor $p(1-p)$ into the slope of the square, and on a confident mistake that factor is nearly 0: a plateau. The worse the mistake, the less it is corrected. In the cross-entropy the logarithm cancels exactly this factor; that is what (2.9) says. **Softmax and logarithm belong
# together.**
#
# ### Numbers: the mean squared error
#
# To predict numbers (a depth, an angle, the corner of a box), penalise the squared distance:
#
# $$ L = \frac{1}{2N} \sum_{i=1}^{N} \lVert f(x_i) - y_i \rVert^2, \qquad \frac{\partial L}{\partial f(x_i)} = \frac{f(x_i) - y_i}{N} . \tag{2.10} $$
#
# The half is there to cancel the 2 of the derivative. What remains is the error itself. The slide prints the sum as $\sum_{i=0}^{N}$ and divides by $2N$. Count:

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.losses import (
    mean_squared_error,
    mean_squared_error_as_printed,
    mean_squared_error_gradient,
)

N = 4
print(f"i = 0..{N}: {len(range(0, N + 1))} terms, divided by 2 * {N};   i = 1..{N}: {len(range(1, N + 1))} terms")
assert len(range(0, N + 1)) == N + 1
ones, zeros = np.ones(N + 1), np.zeros(N + 1)
print(
    f"every error 1: the mean of 1/2 is {mean_squared_error(ones, zeros)}, the slide gives {mean_squared_error_as_printed(ones, zeros)}"
)
assert mean_squared_error_as_printed(ones, zeros) == (N + 1) / (2 * N)

prediction, target = rng.normal(size=(2, 7, 3))
tensor = torch.tensor(prediction, requires_grad=True)
(
    F.mse_loss(tensor, torch.tensor(target)) * 3 / 2
).backward()  # PyTorch averages over the 3 outputs too, and has no half
assert np.isclose(mean_squared_error(prediction, target), F.mse_loss(tensor, torch.tensor(target)).item() * 3 / 2)
assert np.abs(mean_squared_error_gradient(prediction, target) - tensor.grad.numpy()).max() < 1e-12
print("value and gradient agree with PyTorch, up to the factor 3 / 2")

# %% [markdown]
# The slip is harmless: it scales the loss by $(N+1)/N$ and moves no minimum. But whoever writes `for i in range(N + 1)` reads past the end of the data.
#
# ### Similarity: metric learning
#
# Sometimes the classes of tomorrow are not known today: faces, products, places. Then you do not want a classifier. You want an
# [embedding](../book/glossary.md#embedding) $f(x)$ in which **close means alike**. Take three examples: an anchor $a$, a *positive* $p$ of the same class, a
# *negative* $n$ of another. Ask that the negative be farther than the positive, by a margin $m$ of squared distance:
#
# $$ L = \max\big\{0,\; \lVert f(a) - f(p)\rVert^2 - \lVert f(a) - f(n)\rVert^2 + m\big\} . \tag{2.11} $$
#
# This is the [triplet loss](../book/glossary.md#triplet-loss) ([Schroff et al., 2015](../book/references.md#schroff-2015), who also keep every embedding at length 1; here it may lie anywhere). No class number appears in it, only "alike" and "not alike".
#
# Does it help? On clean digits the nearest neighbour in raw pixels is hard to beat. So make the comparison that matters in the wild: the same digits **under changing light**. Each picture gets a
# random contrast and a slanted veil of brightness. To the pixels, two digits under the same lamp are alike. The embedding is a small MLP, 64-128-16, trained on triplets under random light. Then classify
# test digits by their nearest neighbour, in pixels and in the embedding, with all 1,297 training digits as neighbours, and with just *one* stored digit a class.
#
# > **Predict.** Four numbers: pixels and embedding, full gallery and one a class. And without the light, who wins with the full gallery?

# %% tags=["band-metric"]
import torch
from torch import nn

from course_utils import data
from course_utils.scratch.networks.metric_learning import neighbour_accuracy, train_embedding

digits, unseen = data.load("digits", "train"), data.load("digits", "test")
known, known_y = digits.images.float() / 255, digits.labels
fresh, fresh_y = unseen.images.float() / 255, unseen.labels
ramp = torch.linspace(-1, 1, 8)


def under_lamp(images, generator):
    contrast = 0.4 + 0.6 * torch.rand(len(images), 1, 1, 1, generator=generator)
    level, down, across = (torch.rand(3, len(images), 1, 1, 1, generator=generator) - 0.5) / 2
    return contrast * images + level + down * ramp[:, None] + across * ramp


def embedding_net():
    torch.manual_seed(SEED)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))


night, day = embedding_net(), embedding_net()
triplet_curve = train_embedding(night, known, known_y, steps=500, seed=SEED, augment=under_lamp)
train_embedding(day, known, known_y, steps=500, seed=SEED)

lamp = torch.Generator().manual_seed(SEED)
lit, lit_fresh = under_lamp(known, lamp), under_lamp(fresh, lamp)
exemplars = torch.stack([torch.nonzero(known_y == c)[SEED, 0] for c in range(10)])
metric_result = {}
with torch.no_grad():
    for name, view in (("pixels", nn.Flatten()), ("embedding", night)):
        metric_result[f"{name}_all"] = neighbour_accuracy(view(lit), known_y, view(lit_fresh), fresh_y)
        few = view(lit[exemplars])
        metric_result[f"{name}_one"] = neighbour_accuracy(few, known_y[exemplars], view(lit_fresh), fresh_y)
    for name, view in (("pixels", nn.Flatten()), ("embedding", day)):
        metric_result[f"{name}_clean"] = neighbour_accuracy(view(known), known_y, view(fresh), fresh_y)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: six digits 8 by 8 under different light, some pale, some with a bright corner. Right: seed bands of nearest-neighbour accuracy; under light the embedding lies far above pixels with the full gallery and farther still with one stored digit a class; on clean digits pixels are slightly ahead."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), width_ratios=[0.55, 1])
left.imshow(lit[:6, 0].reshape(2, 3, 8, 8).permute(0, 2, 1, 3).reshape(16, 24), cmap="gray")
left.set(xticks=[], yticks=[], title="under random light")
left.grid(visible=False)
titles = {"all": "light, all stored", "one": "light, one a class", "clean": "clean, all stored"}
for row, (case, view) in enumerate(product(titles, ("pixels", "embedding"))):
    name = f"{view}_{case}"
    color = COLORS["orange" if view == "pixels" else "blue"]
    plotting.seed_band(
        right, band("02b_losses.metric", name), metric_result[name], f"{titles[case]}: {view}", y=-row, color=color
    )
right.set(xlabel="accuracy of the nearest neighbour (20 seeds)")
plt.show()

# %%
for name, value in metric_result.items():
    expected = band("02b_losses.metric", name)
    assert expected.contains(value, slack=0.02), (name, value, str(expected))
    print(f"{name.replace('_', ', '):>16}: {value:.3f}; seeds {expected}")
for case in ("all", "one"):
    assert band("02b_losses.metric", f"embedding_{case}").minimum > band("02b_losses.metric", f"pixels_{case}").maximum
assert band("02b_losses.metric", "embedding_clean").median < band("02b_losses.metric", "pixels_clean").median

# %% [markdown]
# Under changing light the worst of twenty embeddings beats the best of twenty pixel comparisons, and one stored example a class goes a long way once distance ignores the lamp. On clean digits the pixels stay ahead by a little: there was nothing
# to ignore, and a few steps of triplets cannot better a neighbour search over all the data. **A learned distance pays where the given one measures the wrong thing.**
#
# The gradient of (2.11) moves three points: the positive is pulled, the negative pushed, the anchor goes where both help. A triplet that keeps the margin moves nothing, and soon that is most of them:

# %%
from course_utils.scratch.autograd.gradient_check import numerical_gradient, relative_error
from course_utils.scratch.networks.metric_learning import draw_triplets, triplet_gradient, triplet_loss

rng = np.random.default_rng(SEED)
a, p, n = rng.normal(size=(3, 40, 4))
slopes = triplet_gradient(a, p, n)
numeric = [
    numerical_gradient(lambda v: triplet_loss(v, p, n), a),
    numerical_gradient(lambda v: triplet_loss(a, v, n), p),
    numerical_gradient(lambda v: triplet_loss(a, p, v), n),
]
for name, slope, check in zip(("anchor", "positive", "negative"), slopes, numeric):
    assert relative_error(slope, check) < 1e-6
    print(f"{name:8s} gradient agrees with central differences")

draw = torch.Generator().manual_seed(SEED)
for name, net in (("before training", embedding_net()), ("after", night)):
    with torch.no_grad():
        a, p, n = net(under_lamp(known[torch.cat(draw_triplets(known_y, 2000, draw))], draw)).chunk(3)
    pulling = ((a - p).square().sum(dim=1) - (a - n).square().sum(dim=1) + 1 > 0).double().mean()
    print(f"triplets that still move something, {name}: {pulling:.0%}")
    assert pulling > 0.9 if name == "before training" else pulling < 0.2

# %% [markdown]
# ## The bend
#
# Everything so far asks for *some* bend with a slope. Which one? Here are the candidates with their derivatives.
#
# **Sigmoid.** <span id="c048"></span>$\sigma(a) = 1/(1 + e^{-a})$, as the lecture writes it. Differentiate, and the slope can be read off the value:
#
# $$ \sigma'(a) = \sigma(a)\,\big(1 - \sigma(a)\big) \le \tfrac14 . \tag{2.12} $$
#
# A product $u(1-u)$ is largest at $u = \frac12$, that is at $a = 0$, where it is a quarter. Whatever a gradient carries back through a sigmoid is multiplied by a quarter *at best*.
#
# **Tanh.** A sigmoid stretched to $(-1, 1)$ and centred, with slope 1 at zero:
#
# $$ \tanh(a) = 2\,\sigma(2a) - 1, \qquad \tanh'(a) = 1 - \tanh^2(a) . \tag{2.13} $$
#
# [LeCun's version](../book/references.md#lecun-1998b), $1.7159 \tanh(\frac23 a)$, is scaled so that it passes (almost) through $(1, 1)$ and $(-1, -1)$: targets of $\pm 1$ lie where it still has
# slope, not at its ends.
#
# **ReLU, leaky ReLU, PReLU.** Straight on both sides of 0:
#
# $$ f(a) = \max(\alpha a,\; a), \qquad f'(a) = 1 \text{ for } a > 0, \text{ else } \alpha , \tag{2.14} $$
#
# (for $\alpha \le 1$), with $\alpha = 0$ for the rectified linear unit ([Nair and Hinton, 2010](../book/references.md#nair-hinton-2010)), $\alpha = 0.01$ for the leaky one
# ([Maas et al., 2013](../book/references.md#maas-2013); the slide misspells the name as "Mass"), and a *learned* $\alpha$, started at 0.25, for the parametric one
# ([He et al., 2015](../book/references.md#he-2015)). At 0 itself any slope between $\alpha$ and 1 is a [subgradient](../book/glossary.md#subgradient); the lecture and PyTorch both take the one from the left.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels of activation functions with dashed slopes from minus four to four: sigmoid with a low slope bump of one quarter, tanh with slope up to one, scaled tanh, ReLU with slope jumping from zero to one, leaky ReLU almost the same with a faint negative side, and a PReLU with slope a quarter on the negative side."}}
from course_utils.scratch.networks.activations import ACTIVATIONS, prelu, prelu_prime, prelu_prime_slope

a = np.linspace(-4, 4, 802)
figure, panels = plt.subplots(2, 3, figsize=(7, 4), sharex=True)
shown = {name: [f(a) for f in ACTIVATIONS[name]] for name in ("sigmoid", "tanh", "scaled_tanh", "relu", "leaky_relu")}
shown["prelu, slope 0.25"] = [prelu(a, 0.25), prelu_prime(a, 0.25)]
for axes, (name, (value, slope)) in zip(panels.flat, shown.items()):
    value_and_slope(axes, a, value, slope, name.replace("_", " "))
    axes.set_ylim(-1.9, 1.9)
panels[0, 0].legend(fontsize=8, loc="lower right")
plt.show()

# %% tags=["nbval-check-output"]
library = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "scaled_tanh": lambda t: 1.7159 * torch.tanh(2 * t / 3),
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
}
points = np.append(np.linspace(-6, 6, 400), 0.0)
print("              largest slope   at a     slope at a = -5      slope at a = 5")
for name, theirs in library.items():
    f, f_prime = ACTIVATIONS[name]
    tensor = torch.tensor(points, requires_grad=True)
    theirs(tensor).sum().backward()
    assert np.abs(f(points) - theirs(tensor).detach().numpy()).max() < 1e-12
    assert np.abs(f_prime(points) - tensor.grad.numpy()).max() < 1e-12
    steepest = points[f_prime(points).argmax()]
    where = "0" if steepest == 0 else "all a > 0"
    print(f"{name:12s}  {f_prime(points).max():13.3f}   {where:9s}{f_prime(-5.0):13.5f}   {f_prime(5.0):17.5f}")
sigmoid, sigmoid_prime = ACTIVATIONS["sigmoid"]
assert sigmoid_prime(0.0) == sigmoid_prime(points).max() == 0.25
assert np.abs(ACTIVATIONS["tanh"][0](points) - (2 * sigmoid(2 * points) - 1)).max() < 1e-12
assert np.abs(ACTIVATIONS["scaled_tanh"][0]([-1.0, 1.0]) - [-1, 1]).max() < 1e-4

# %% [markdown]
# <span id="c039"></span>Read the table by columns. At $a = 5$ the sigmoid has kept less than a hundredth of a slope, tanh less than a thousandth: they [saturate](../book/glossary.md#saturation), on both sides. ReLU has slope exactly 1 for every positive $a$,
# as the lecture says. And on the negative side? ReLU's slope is exactly 0. The lecture puts "(in +region)" in brackets, and the brackets matter.
#
# ### How units fall silent
#
# A unit with no slope does not learn. Sigmoid and tanh units get there by *large sums*, ReLU units by *negative* ones. Both can be measured. Left: a tanh network on the digits, its starting weights multiplied by a factor; how many of its values have slope below 0.05 before training, and
# how far does it come in 200 steps? Right: ReLU networks after 200 steps at different learning rates; how many hidden units are [dead](../book/glossary.md#dead-unit), that is, off for *every* training digit?
#
# > **Predict.** Which learning rates kill units: small ones or large ones? Does the leaky ReLU have fewer dead units? Does it then also learn better?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left: share of saturated tanh values rises from zero to nearly nine tenths as the starting weights grow, while the training accuracy after 200 steps falls from near one. Right: share of dead units against learning rate; ReLU stays at zero up to rate 1 and then rises to about one half, leaky ReLU stays low, and the accuracies of both collapse together at rate 3."}}
from course_utils.scratch.networks.side_by_side import SideBySide, accuracies, train

race_x = digits.images.flatten(1).float() / 255
race_x, race_y = (race_x - race_x.mean(dim=0)) / race_x.std(), digits.labels
seeds = range(5)

factors, saturated, reached = [0.3, 1, 3, 10], [], []
for factor in factors:
    nets = SideBySide([64, 64, 64, 10], "tanh", seeds, gain=5 / 3 * factor)
    with torch.no_grad():
        slopes = torch.stack([1 - value**2 for value in nets.layers(race_x)[:-1]])
    saturated.append((slopes < 0.05).double().mean(dim=(0, 2, 3)).numpy())
    train(nets, race_x, race_y, steps=200, lr=0.1)
    reached.append(accuracies(nets, race_x, race_y).numpy())

rates, dead, learned_by = [0.3, 1.0, 1.5, 2.0, 3.0], {}, {}
for activation in ("relu", "leaky_relu"):
    dead[activation], learned_by[activation] = [], []
    for rate in rates:
        nets = SideBySide([64, 64, 64, 10], activation, seeds)
        train(nets, race_x, race_y, steps=200, lr=rate)
        with torch.no_grad():
            off = torch.stack([(value <= 0).all(dim=1) for value in nets.layers(race_x)[:-1]])
        dead[activation].append(off.double().mean(dim=(0, 2)).numpy())
        learned_by[activation].append(accuracies(nets, race_x, race_y).numpy())

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3))
median_band(left, factors, np.array(saturated).T, color=COLORS["vermillion"], label="saturated at the start")
median_band(left, factors, np.array(reached).T, color=COLORS["blue"], label="accuracy after 200 steps", marker="s")
left.set(
    xscale="log",
    xlabel="starting weights × factor",
    ylim=(-0.03, 1.03),
    title="tanh",
    xticks=factors,
    xticklabels=factors,
)
left.minorticks_off()
left.legend(fontsize=8, loc="center left", bbox_to_anchor=(0, 0.74))
for activation, style, marker in (("relu", "-", "o"), ("leaky_relu", "--", "s")):
    name = activation.replace("_", " ")
    median_band(
        right,
        rates,
        np.array(dead[activation]).T,
        color=COLORS["vermillion"],
        label=f"{name}: always off",
        marker=marker,
        linestyle=style,
    )
    median_band(
        right,
        rates,
        np.array(learned_by[activation]).T,
        color=COLORS["blue"],
        label=f"{name}: accuracy",
        marker=marker,
        linestyle=style,
    )
right.set(xlabel="learning rate", ylim=(-0.03, 1.03), title="ReLU and leaky ReLU")
right.legend(fontsize=8, loc="center left")
plt.show()

# %%
assert np.median(saturated[0]) < 0.01
assert np.median(saturated[-1]) > 0.5
assert np.median(reached[-1]) < np.median(reached[1])
assert max(np.concatenate(dead["relu"][:2])) < 0.02
assert np.median(dead["relu"][-1]) > 0.3
print(
    f"tanh, weights x {factors[-1]}: {np.median(saturated[-1]):.0%} saturated, accuracy {np.median(reached[-1]):.2f} instead of {np.median(reached[1]):.2f}"
)
for activation in dead:
    print(
        f"{activation:10s} rate {rates[-1]}: {np.median(dead[activation][-1]):.0%} of units always off, accuracy {np.median(learned_by[activation][-1]):.2f}"
    )

# %% [markdown]
# Large starting weights saturate tanh; large steps kill ReLU units, because one big update can push a unit's bias so far down that no example reaches it again. And look at the blue lines on the right: the leaky networks fail at the same learning rates. Their units survive; their training does not. **A
# dead unit is often a symptom of a learning rate that is too large**, and a leak does not cure that.
#
# What the leak does cure shows in the smallest experiment: one unit, dead from the start, and a target that it could fit exactly.
#
# > **Predict.** $f(wx + b)$ with $w = 1$, $b = -2$ and inputs from 0 to 1: off for every input. 3,000 steps of gradient descent. Where does ReLU end, where the leaky one?


# %% tags=["nbval-check-output"]
def revive(bend, steps=3000):
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    y = torch.relu(2 * x - 0.5)
    w, b = torch.tensor(1.0, dtype=torch.float64), torch.tensor(-2.0, dtype=torch.float64)
    w.requires_grad_(), b.requires_grad_()
    for done in range(steps):
        loss = ((bend(w * x + b) - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, (w, b))
        if done == 0:
            first = gradients[1].item()
        with torch.no_grad():
            w -= 0.5 * gradients[0]
            b -= 0.5 * gradients[1]
    return first, w.item(), b.item(), loss.item()


for name, bend in (("ReLU", torch.relu), ("leaky", F.leaky_relu)):
    first, w, b, loss = revive(bend)
    print(f"{name:6s} first slope in b {first:+.4f}; in the end w = {w:.2f}, b = {b:.2f}, loss {loss:.4f}")
assert revive(torch.relu)[:3] == (0.0, 1.0, -2.0)
assert revive(F.leaky_relu)[3] < 1e-3
assert np.abs(ACTIVATIONS["leaky_relu"][0](points) - np.maximum(0.01 * points, points)).max() == 0

# %% [markdown]
# <span id="c041"></span>ReLU: gradient exactly 0, for ever. Leaky: one hundredth of a slope is enough to walk back. So the lecture's "does not saturate, will not die" is true of $\max(0.01a, a)$; just remember that from the negative
# side the signal arrives at one percent.
#
# PReLU lets the network choose the leak. Its derivative in $\alpha$ is $\min(0, a)$, summed over all places that share this $\alpha$. Check it, then watch 32 slopes move:

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
before, slope_start = rng.normal(size=(30, 4)), np.array([0.25, 0.0, -0.3, 0.9])
upstream = rng.normal(size=(30, 4))
by_formula = (upstream * prelu_prime_slope(before)).sum(axis=0)
by_difference = numerical_gradient(lambda slope: float((upstream * prelu(before, slope)).sum()), slope_start)
tensor, slope_tensor = torch.tensor(before, requires_grad=True), torch.tensor(slope_start, requires_grad=True)
F.prelu(tensor, slope_tensor).backward(torch.tensor(upstream))
assert relative_error(by_formula, by_difference) < 1e-6
assert np.abs(by_formula - slope_tensor.grad.numpy()).max() < 1e-12
assert np.abs(upstream * prelu_prime(before, slope_start) - tensor.grad.numpy()).max() < 1e-12
print("PReLU: both derivatives agree with central differences and with PyTorch")

# %%
torch.manual_seed(SEED)
parametric = nn.Sequential(nn.Linear(64, 32), nn.PReLU(32), nn.Linear(32, 10))
optimiser = torch.optim.Adam(parametric.parameters(), lr=3e-3)
draw = torch.Generator().manual_seed(SEED)
for _ in range(15):
    for batch in torch.randperm(len(race_x), generator=draw).split(64):
        optimiser.zero_grad()
        F.cross_entropy(parametric(race_x[batch]), race_y[batch]).backward()
        optimiser.step()
slopes = parametric[1].weight.detach()
print(
    f"32 slopes, all started at 0.25: now from {slopes.min():.2f} to {slopes.max():.2f}; below 0: {(slopes < 0).sum()}"
)
assert (slopes - 0.25).abs().min() > 0
assert slopes.max() - slopes.min() > 0.1

# %% [markdown]
# ### Back to the network that did not learn
#
# You now have all that is needed to explain the first figure. A sigmoid's slope is a quarter at best (2.12), so a gradient that goes back through four of them is at least $4^4 = 256$ times smaller, before the weights have had a say. Tanh and ReLU have slope 1 where they work. In numbers, the playground's own network and
# starts:

# %% tags=["nbval-check-output"]
from course_utils.widgets.mlp_playground import evaluate, gradients

print("circles, 4 hidden layers of 8, learning rate 0.3")
print("            mean size of the first gradient                      training error")
print("            layer 1    layer 2    layer 3    layer 4    layer 5   after 60 passes")
for activation in ("sigmoid", "tanh", "ReLU"):
    playground = MlpPlayground(data="circles", hidden=(8, 8, 8, 8), activation=activation, lr=0.3)
    slopes = gradients(playground.layers, activation, playground.points[0], 0.0)["layers"]
    sizes = [np.abs(layer["W"]).mean() for layer in slopes]
    error = evaluate(playground.trained(60), activation, playground.points[0])["error"]
    print(f"{activation:8s}" + "".join(f"{size:11.5f}" for size in sizes) + f"{error:14.2f}")
    assert (error > 0.4) == (activation == "sigmoid")
    assert (sizes[0] < sizes[-1] / 256) == (activation == "sigmoid")

for hidden, lr in (((8, 8, 8, 8), 3.0), ((8,), 1.0)):  # can the sigmoid be saved?
    playground = MlpPlayground(data="circles", hidden=hidden, activation="sigmoid", lr=lr)
    error = evaluate(playground.trained(100), "sigmoid", playground.points[0])["error"]
    print(f"sigmoid, {len(hidden)} hidden, learning rate {lr}: training error after 100 passes {error:.2f}")
    assert (error > 0.4) == (len(hidden) == 4)

# %% [markdown]
# Layer 1 gets a thousandth of what layer 5 gets. A ten times larger learning rate does not save it, for it drives the last layer ten times as hard as well. Fewer layers do. So do better starting weights, within limits: [chapter 04b](04b_signals.ipynb).
#
# ### Six times faster?
#
# <span id="c040"></span>The lecture writes that ReLU "converges much faster than sigmoid/tanh in practice (e.g. 6x)". The figure has a source: one experiment of
# [Krizhevsky et al. (2012)](../book/references.md#krizhevsky-2012), a convolutional network with four layers on CIFAR-10, ReLU against *tanh*, measured in passes until 25 % training error. The learning rates were chosen
# separately for each. One network, one data set. Does it carry over?
#
# Repeat the design on something small enough for many seeds. MLPs with 1, 3 and 6 hidden layers of 64 units on the digits, plain gradient descent in batches of 64. Every activation starts with its customary scale of weights, gets the learning rate that is best *for it* (five pilot seeds, five rates),
# and then runs with 20 fresh seeds. Count batches until 1 % training error.
#
# > **Predict.** ReLU against tanh: who is faster, and by what factor? Sigmoid? Does depth change the picture?

# %% tags=["hide-input"] mystnb={"image": {"alt": "Batches until one percent training error on a log axis for networks with 1, 3 and 6 hidden layers, each dot one of 20 seeds: ReLU and leaky ReLU lie together, tanh is as fast or faster at every depth; sigmoid is close with one layer, several times slower with three, and with six sits on the line that marks the end of the budget."}}
race = load_record("02b_losses.race")
figure, axes = plt.subplots(figsize=(7, 3))
styles = {"relu": ("vermillion", "s"), "leaky_relu": ("orange", "D"), "tanh": ("blue", "o"), "sigmoid": ("ink", "^")}
for offset, (activation, (color, marker)) in enumerate(styles.items()):
    for column, depth in enumerate(race["hidden_layers"]):
        batches = np.array(race["metrics"][f"{activation}_{depth}_to_1"])
        spread = column + 0.2 * (offset - 1.5) + np.linspace(-0.06, 0.06, len(batches))
        axes.plot(
            spread,
            batches,
            marker,
            color=COLORS[color],
            markersize=3,
            alpha=0.6,
            label=activation.replace("_", " ") if column == 0 else None,
        )
axes.axhline(race["budget"], color=COLORS["ink"], linewidth=1, linestyle=":")
axes.text(-0.45, race["budget"] * 0.78, "end of the budget", fontsize=8)
axes.set(
    yscale="log",
    ylabel="batches to 1 % training error",
    xticks=range(3),
    xticklabels=[f"{d} hidden layer{'s' * (d > 1)}" for d in race["hidden_layers"]],
)
axes.set_yticks([30, 60, 100, 200, 400], [30, 60, 100, 200, 400])
axes.minorticks_off()
axes.legend(ncols=4, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1))
axes.grid(visible=False, axis="x")
plt.show()

# %%
print("median batches to 1 % training error (20 seeds), and how many times ReLU's")
print("          " + "".join(f"{name:>17s}" for name in styles))
ratio = {}
for depth in race["hidden_layers"]:
    medians = {activation: np.median(race["metrics"][f"{activation}_{depth}_to_1"]) for activation in styles}
    cells = []
    for activation, value in medians.items():
        ratio[activation, depth] = value / medians["relu"]
        beyond = value > race["budget"]
        cells.append(
            f"{'> ' if beyond else ''}{min(value, race['budget']):.0f} (x {'> ' if beyond else ''}{min(value, race['budget']) / medians['relu']:.1f})"
        )
    print(f"{depth} hidden: " + "".join(f"{cell:>17s}" for cell in cells))
assert all(ratio["tanh", depth] < 2 for depth in race["hidden_layers"])  # nowhere near six
assert all(0.8 < ratio["leaky_relu", depth] < 1.25 for depth in race["hidden_layers"])
assert 1 < ratio["sigmoid", 1] < 2
assert ratio["sigmoid", 3] > 4

for activation in ("relu", "tanh", "sigmoid"):  # five of the recorded runs, here and now
    met = np.full(5, 601)
    nets = SideBySide([64, 64, 64, 64, 10], activation, range(5))

    def watch(done, nets, met=met):
        met[(1 - accuracies(nets, race_x, race_y).numpy() <= 0.05) & (met > 600)] = done

    train(
        nets,
        race_x,
        race_y,
        steps=400 if activation == "sigmoid" else 100,
        lr=race["rates"][f"{activation}_3"],
        watch=watch,
        every=5,
    )
    expected = band("02b_losses.race", f"{activation}_3_to_5")
    print(
        f"3 hidden, {activation:7s}: 5 % after {met.tolist()} (seeds: {expected.minimum:.0f} to {expected.maximum:.0f})"
    )
    assert expected.contains(float(np.median(met)), slack=10 + 0.1 * expected.median)

# %% [markdown]
# Here tanh is *as fast as ReLU or faster*, at every depth. The sigmoid is hardly slower with one hidden layer, once it may take the larger steps that its small slope asks for; it is several times slower with three; with six it never arrives, for the reason that you have just seen. So: "much faster than the sigmoid" is true of *deep* networks, and "6x" is one number from one experiment. For ReLU against tanh it does not hold in general. (On MNIST the two [change places](#at-scale), and again the factor is small.) The claim is **imprecise**. (With the slope of tanh at 1, good starting weights and a few layers only, there is little for ReLU to improve. Why starting weights matter so much is the subject of [chapter 04b](04b_signals.ipynb).)
#
# Leaky ReLU and ReLU lie on top of each other. And a ReLU is cheaper to compute than an exponential, which this race does not count.
#
# ### Maxout
#
# Instead of choosing a bend, let each unit take the largest of $k$ weighted sums, $\max_p\,(w_p^\top x + b_p)$: a **maxout** unit ([Goodfellow et al., 2013](../book/references.md#goodfellow-2013)). ReLU is the case
# $k = 2$ with one sum fixed at 0. And back? The lecture says that each can implement the other. For two sums $u$ and $v$:
#
# $$ \max(u, v) = v + \max(u - v, 0) = \operatorname{relu}(v) - \operatorname{relu}(-v) + \operatorname{relu}(u - v) . \tag{2.15} $$
#
# > **Predict.** How many ReLU units for one maxout unit of two pieces? How many weights has a maxout layer compared with a ReLU layer of the same width?

# %% tags=["nbval-check-output"]
from course_utils.scratch.networks.activations import relu
from course_utils.scratch.networks.maxout import Maxout, maxout_as_relu, relu_as_maxout

rng = np.random.default_rng(SEED)
x = rng.normal(size=(1000, 8)) * 5
weight, bias = rng.normal(size=(6, 8)), rng.normal(size=6)
assert np.abs(relu_as_maxout(weight, bias)(x) - relu(x @ weight.T + bias)).max() < 1e-12
print("a ReLU layer as maxout: equal on 1000 random inputs")

layer = Maxout(rng.normal(size=(2, 6, 8)), rng.normal(size=(2, 6)))
rewrite = maxout_as_relu(layer)
assert np.abs(rewrite(x) - layer(x)).max() < 1e-12
assert len(rewrite.weight) == 3 * 6
print(f"a maxout layer of 6 units as ReLU: equal, with {len(rewrite.weight)} units and a linear layer")

for pieces in (1, 2, 3, 5):
    wide = Maxout(np.zeros((pieces, 6, 8)), np.zeros((pieces, 6)))
    assert wide.parameters == pieces * (weight.size + bias.size)
    print(f"{pieces} pieces: {wide.parameters} parameters = {pieces} x {weight.size + bias.size}")

# %% [markdown]
# <span id="c042"></span>Both directions are exact. Two footnotes to the lecture: the way back takes *three* ReLU units and a linear layer for each maxout unit, and the slide leaves out the biases, without which neither can shift its bend.
# <span id="c043"></span>"More parameters per node" is right, and countable: $k$ pieces, $k$ times the weights.

# %% [markdown]
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C038](#c038) Softmax with $-\sum \ln p$ is the multi-class logistic loss | true | PyTorch averages where the lecture sums |
# | [C039](#c039) ReLU does not saturate in the positive region | true | slope 1 there, slope 0 on the other side |
# | [C040](#c040) ReLU trains 6 times faster than sigmoid or tanh | imprecise | one experiment against tanh; here tanh leads on small digits and ReLU on MNIST, neither by six; the sigmoid is slower the deeper the network |
# | [C041](#c041) Leaky ReLU does not saturate and does not die | true | with one percent of the signal on the negative side |
# | [C042](#c042) Maxout can implement ReLU and vice versa | true | three ReLU units for a pair; the slide leaves out the biases |
# | [C043](#c043) Maxout has more parameters per node | true | $k$ times |
# | [C048](#c048) The sigmoid is $1/(1+e^{-x})$ | true | slope at most a quarter |
#
# ## Pitfalls
#
# **1. Softmax twice.** PyTorch's `cross_entropy` takes *scores* and applies softmax itself. Give it probabilities and it trains, slowly, towards a floor that is not zero: probabilities differ by at most 1, so the second softmax can
# never be sure.

# %% tags=["nbval-check-output"]
perfect = torch.eye(10)[:1]  # the surest probabilities there are
print(f"loss of a perfect answer, passed as probabilities: {F.cross_entropy(perfect, torch.tensor([0])):.3f}")
print(f"loss of a perfect answer, passed as scores:        {F.cross_entropy(perfect * 50, torch.tensor([0])):.3f}")
assert F.cross_entropy(perfect, torch.tensor([0])) > 1.4

# %% [markdown]
# **2. The logarithm of a softmax.** Both steps are right, one after the other they are not: a probability below $10^{-45}$ is 0 in 32 bits, and the logarithm of 0 is not a number to learn from. `log_softmax` and `cross_entropy` do both in one:

# %% tags=["nbval-check-output"]
for name, log_of in (
    ("log(softmax)", lambda s: torch.log(torch.softmax(s, dim=1))),
    ("log_softmax", lambda s: F.log_softmax(s, dim=1)),
):
    far_off = torch.tensor([[0.0, -200.0]], requires_grad=True)
    surprise = -log_of(far_off)[0, 1]
    surprise.backward()
    print(f"{name:12s} loss {surprise.item():.1f}, gradient {far_off.grad[0].tolist()}")
    assert far_off.grad.isfinite().all() == (name == "log_softmax")

# %% [markdown]
# **3. Class numbers as targets of a regression.** "The digit is 7, so predict the number 7." Then an 8 read as a 7 is nearly right and an 8 read as a 1 is very wrong, and between 1 and 7 the network must pass through
# 3 and 5:


# %%
def fit_digits(outputs, loss, decide):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, outputs))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(300):
        optimiser.zero_grad()
        loss(net(known.flatten(1))).backward()
        optimiser.step()
    with torch.no_grad():
        return (decide(net(fresh.flatten(1))) == unseen.labels).double().mean().item()


as_number = fit_digits(1, lambda s: (s[:, 0] - digits.labels).square().mean(), lambda s: s[:, 0].round())
as_class = fit_digits(10, lambda s: F.cross_entropy(s, digits.labels), lambda s: s.argmax(dim=1))
print(f"test accuracy: class numbers by regression {as_number:.2f}, ten scores and cross-entropy {as_class:.2f}")
assert as_class > as_number + 0.2

# %% [markdown]
# **4. A bend after the last layer.** End in a ReLU and no score can be negative; a target of $-1$ is out of reach, and a unit that is off there gets no gradient at all:

# %% tags=["nbval-check-output"]
from course_utils.scratch.perceptrons.threshold_unit import GATES, binary_inputs

corners, goal = torch.tensor(binary_inputs(2)).float(), torch.tensor(GATES["XOR"]) * 2.0 - 1
ends = []
for last in (nn.Identity(), nn.ReLU()):
    torch.manual_seed(SEED)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), last)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(1000):
        loss = (net(corners)[:, 0] - goal).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ends.append(loss.item())
print(f"targets -1 and +1: linear output reaches 0: {ends[0] < 0.01}; ReLU output stays at 0.5: {ends[1] > 0.499}")
assert ends[0] < 0.01
assert ends[1] > 0.499

# %% [markdown]
# ## Exercises
#
# **1. Two classes, one score** (ten minutes). Show with numbers: for the score pair $(0, s)$ softmax gives $\sigma(s)$, the cross-entropy is $\ln(1 + e^{-s})$ for class 1 and $\ln(1 + e^{s})$ for class 0, and its slope in $s$ is $\sigma(s) - y$ with $y \in \{0, 1\}$. Which PyTorch loss is that?
#
# <details><summary>Hint</summary>
#
# `cross_entropy` and `cross_entropy_gradient` of this chapter take the pair as it is. In PyTorch look for a loss "with logits".
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
for s in (-3.0, 0.0, 0.7, 40.0):
    pair = np.array([[0.0, s]])
    assert np.isclose(softmax(pair)[0, 1], sigmoid(s))
    for y in (0, 1):
        assert np.isclose(cross_entropy(pair, [y]), np.logaddexp(0, -s if y else s))
        assert np.isclose(cross_entropy_gradient(pair, [y])[0, 1], sigmoid(s) - y)
        theirs = F.binary_cross_entropy_with_logits(torch.tensor(s).double(), torch.tensor(float(y)).double())
        assert np.isclose(cross_entropy(pair, [y]), theirs.item())
print("softmax of two classes is the sigmoid; the loss is binary_cross_entropy_with_logits")

# %% [markdown]
# **2. Temperature** (fifteen minutes). Divide all scores by a number $T > 0$ before the softmax. What happens to the probabilities for $T \to 0$ and for $T \to \infty$? Does the most probable class change? Show all three in numbers.
#
# <details><summary>Hint</summary>
#
# Only differences of scores count. What does $T$ do to the differences?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
scores = np.array([[2.0, 1.0, -1.0]])
for temperature in (0.01, 1.0, 100.0):
    print(f"T = {temperature:6.2f}: {np.round(softmax(scores / temperature)[0], 3).tolist()}")
    assert softmax(scores / temperature).argmax() == 0
assert softmax(scores / 0.01)[0, 0] > 1 - 1e-12  # all on the largest
assert np.allclose(softmax(scores / 1e6), 1 / 3, atol=1e-5)  # all the same

# %% [markdown]
# **3. One wrong number** (twenty minutes). Nine measurements of the same length: eight lie around 2, in the ninth somebody forgot the decimal point. Which single number minimises the squared error? Which the *absolute* error $\sum_i |v - y_i|$? Find both without calculus, then say what their slopes have to do with it. What does the Huber
# loss (square up to a distance of 1, straight beyond) answer?
#
# <details><summary>Hint</summary>
#
# Try all numbers on a fine grid. For the explanation: what does one example add to the slope, if it is far away?
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
lengths = np.array([1.9, 2.1, 2.0, 2.2, 1.8, 2.0, 1.9, 2.1, 21.0])
guesses = np.linspace(0, 22, 22001)
gaps = np.abs(guesses[:, None] - lengths)
best = {
    "squared": guesses[(gaps**2).sum(axis=1).argmin()],
    "absolute": guesses[gaps.sum(axis=1).argmin()],
    "Huber": guesses[np.where(gaps < 1, gaps**2 / 2, gaps - 0.5).sum(axis=1).argmin()],
}
print({name: round(float(value), 2) for name, value in best.items()})
print("a square pulls in proportion to the distance, the others with at most 1: one number far away cannot win")
assert np.isclose(best["squared"], lengths.mean(), atol=1e-3)
assert np.isclose(best["absolute"], np.median(lengths), atol=1e-3)
assert 2.0 < best["Huber"] < 2.2

# %% [markdown]
# **4. A ReLU without a kink** (twenty minutes). *Softplus* is $\ln(1 + e^a)$. Write it so that it survives $a = 1000$ and $a = -1000$. What is its derivative? Where does it differ most from ReLU, and by how much? Can a softplus unit die?
#
# <details><summary>Hint</summary>
#
# $\ln(1 + e^a) = \max(a, 0) + \ln(1 + e^{-|a|})$. You know the derivative well.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def softplus(a):
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


grid = np.linspace(-8, 8, 1601)
assert np.allclose(softplus(grid), F.softplus(torch.tensor(grid)).numpy(), atol=1e-8)
assert softplus(np.array([1000.0, -1000.0])).tolist() == [1000.0, 0.0]
assert relative_error(sigmoid(grid[::100]), numerical_gradient(lambda v: float(softplus(v).sum()), grid[::100])) < 1e-8
away = softplus(grid) - np.maximum(grid, 0)
print(f"derivative: the sigmoid; farthest from ReLU at a = {grid[away.argmax()]:.0f}, by {away.max():.4f} = ln 2")
print("the slope is never 0, but at a = -10 only", f"{sigmoid(-10.0):.5f}: it can fall silent")
assert np.isclose(away.max(), np.log(2))

# %% [markdown]
# **5. Maxout draws its own bend** (half an hour). One maxout unit with $k$ pieces on one input. Choose weights and biases by hand so that it follows $x^2$ on $[-1, 1]$ from below, as well as you can. How does the largest error fall with $k$? Which functions can a single maxout unit *not* follow, however many pieces it has?
#
# <details><summary>Hint</summary>
#
# The tangent of $x^2$ at $c$ is $2cx - c^2$. How far is it from $x^2$? Put the $c$'s so that no point is far from one.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
inside = np.linspace(-1, 1, 2001)[:, None]
for pieces in (1, 2, 4, 8, 16):
    touch = -1 + (2 * np.arange(pieces) + 1) / pieces  # in the middle of k equal parts
    unit = Maxout(2 * touch[:, None, None], -(touch[:, None] ** 2))
    error = np.abs(unit(inside) - inside**2).max()
    print(f"{pieces:2d} pieces: largest error {error:.5f} = 1 / {1 / error:.0f}")
    assert np.isclose(error, 1 / pieces**2)  # x^2 - (2cx - c^2) = (x - c)^2
print("a largest of lines is convex: a sine, or -x^2, is out of reach for one unit")

# %% [markdown]
# **6. Contrastive instead of triplets** (an hour). Train the embedding with pairs and the contrastive loss of [Hadsell et al. (2006)](../book/references.md#hadsell-2006): squared distance for alike pairs, $\max(0, m - d)^2$ for the others. Compare its neighbour accuracy under the lamp with the raw pixels.
#
# <details><summary>Hint</summary>
#
# `draw_triplets` gives you both kinds of pairs: anchor with positive, anchor with negative. Add $10^{-8}$ under the square root: at distance 0 it has no slope.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
pairs_net = embedding_net()
optimiser = torch.optim.Adam(pairs_net.parameters(), lr=3e-3)
lamp = torch.Generator().manual_seed(SEED + 1)
for _ in range(400):
    drawn = under_lamp(known[torch.cat(draw_triplets(known_y, 128, lamp))], lamp)
    anchor, positive, negative = pairs_net(drawn).chunk(3)
    near = (anchor - positive).square().sum(dim=1)
    far = ((anchor - negative).square().sum(dim=1) + 1e-8).sqrt()
    loss = (near + torch.relu(1 - far).square()).mean() / 2
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
with torch.no_grad():
    contrastive = neighbour_accuracy(pairs_net(lit), known_y, pairs_net(lit_fresh), fresh_y)
print(f"under the lamp: pixels {metric_result['pixels_all']:.3f}, contrastive embedding {contrastive:.3f}")
assert contrastive > metric_result["pixels_all"]

# %% [markdown]
# ## At scale
#
# The same race on [MNIST](../book/references.md#lecun-1998): 60,000 digits of $28 \times 28$ pixels, again the best of five learning rates for each activation, ten seeds. Count batches of 64 until 5 % training error. One command, `python -m tools.record_losses mnist`, after `course data mnist`.

# %%
scale = load_record("02b_losses.mnist")
print(f"median batches to 5 % training error ({len(scale['seeds'])} seeds; at most {scale['budget']:,})")
large = {}
for depth in scale["hidden_layers"]:
    for activation in styles:
        large[activation, depth] = np.median(scale["metrics"][f"{activation}_{depth}_to_5"])
    print(f"{depth} hidden: " + ", ".join(f"{a} {min(large[a, depth], scale['budget']):.0f}" for a in styles))
print(f"{scale['provenance']['processor']}, {scale['provenance']['date']}, commit {scale['provenance']['commit']}")
for depth in scale["hidden_layers"]:
    assert 1.2 < large["tanh", depth] / large["relu", depth] < 1.7  # ahead, and nowhere near six
    assert large["sigmoid", depth] > large["tanh", depth]

# %% [markdown]
# On MNIST the first two change places: now tanh takes one and a third to one and a half times as many batches as ReLU, at every depth. The sigmoid is last as before, and with six layers it never arrives. So the answer to "which is faster, ReLU or tanh?" depends on the data, and in six comparisons the factor came nowhere near six.
#
# ## Summary
#
# - Softmax with cross-entropy: the gradient is $p - \text{one-hot}$. Subtract the largest score first, take the logarithm in the same step, and give PyTorch scores, not probabilities.
# - Squared error is for numbers: its gradient is the error. On probabilities it cannot correct a confident mistake.
# - Triplets need comparisons only. A learned distance pays where the given one measures the wrong thing.
# - Read a bend by its slope. Sigmoid and tanh saturate on both sides, ReLU is silent on one; a leak revives a dead unit but does not cure a learning rate that is too large.
# - Tanh led on small digits, ReLU on MNIST, neither by a factor of three; the sigmoid fell behind with depth on both. A speed-up needs its data, its learning rates and its seeds beside it.
# - Maxout and ReLU rewrite each other exactly, at a price of three units for one.
#
# ## Further reading
#
# - [LeCun et al. (1998)](../book/references.md#lecun-1998b): practical advice on activations, scales and starts that has aged well.
# - [Glorot and Bengio (2010)](../book/references.md#glorot-bengio-2010): what saturation does to deep networks, measured layer by layer.
# - [Goodfellow et al. (2013)](../book/references.md#goodfellow-2013): maxout.
# - [He et al. (2015)](../book/references.md#he-2015): the slope that is learned, and how to start ReLU networks.
# - [Hadsell et al. (2006)](../book/references.md#hadsell-2006) and [Schroff et al. (2015)](../book/references.md#schroff-2015): learned distances, from pairs and from triplets.
#
# ## The next question
#
# In every cell autograd handed you the gradient of a whole network, and you took it on trust. How does it know? A network has thousands of weights, and yet the gradient costs little more than one forward pass. The way back through
# the graph, one unit at a time, is [chapter 03](03_backprop.ipynb), Backpropagation.
