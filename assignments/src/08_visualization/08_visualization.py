# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Assignment 8: Visualisation
#
# You ask networks what in a picture mattered to them, in three ways; you draw the picture that a class would like best; you find out
# which maps are about the network at all. Then two networks stand before you. Both name shapes without a mistake. One of them cheats.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | the gradient of a score, and its map | 4 |
# | 2 | occlusion | 4 |
# | 3 | one backward rule: backpropagation, deconvnet, guided | 6 |
# | 4 | the picture that a class likes best | 5 |
# | 5 | scores for a map, and a network without its memory | 4 |
# | 6 | the detective | 4 |
# | 7 | a judgement of your case, in words | 3 |
#
# It takes 90 to 150 minutes. Read chapters 8 and 8b first; exercise 4 uses chapter 8c.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change a tensor that you are given, read no other variable.
# - **Leave a network as you found it**: its weights, its mode (`train` or `eval`), the gradients of its weights, its hooks. Whoever
#   looks at a network must not change it.
# - Ask a network in **evaluation mode**. In training mode batch normalisation mixes the pictures of a batch, and each map would
#   tell about all of them. A network may be handed to you in training mode: note it, switch, switch back.
# - Any correct way of writing it is right. Extra cells and helper functions are fine too, and so is calling your functions of earlier
#   exercises.
# - Keep the names and the order of the arguments. Leave the check cells as they are.
# - Each call must finish within 10 seconds.
# - Write it with PyTorch: `course_utils`, torchvision and Captum have these methods ready, so they are not there when your work is graded.
#   Reading how the course wrote them is fine; you will have to write them yourself.
#
# A batch `x` of pictures has shape (N, C, H, W). A network gives **scores**, shape (N, classes): the numbers before any softmax. `classes` or `y` is a
# tensor of N whole numbers: the class that is asked about in each picture. A map has one number for each pixel, (N, H, W).
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import copy

import checks
import numpy as np
import torch
from torch import nn

# makes small networks for trying things out: "small", "norm", "linear", "suspect"
example_network = checks.examples.example_network

# %% [markdown] nbgrader={"grade": false, "grade_id": "saliency_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: which pixels would change the score?
#
# Train a network and you ask how the loss changes with each weight. Ask instead how the score $s_c$ of class $c$ changes with each number
# of the *picture*, one step further down:
#
# $$ g = \frac{\partial s_c(x)}{\partial x}, \qquad m_{ij} = \max_k |g_{kij}| $$
#
# The map $m$ takes the largest absolute value over the channels $k$.
#
# It is the score, not the probability. A probability also grows when other scores fall, so its gradient tells about all classes at once; and
# where the network is certain it is nearly zero, whatever decided.
#
# The pictures of a batch do not know of each other: in evaluation mode $s_c$ of picture 3 does not depend on picture 5. So the gradient
# of the **sum** of all N scores is, picture by picture, the gradient of each: one pass forward and one back for the whole batch.
#
# > **Predict.** You divide the sum by N, as one does with a loss. What happens to the map of a picture that is shown alone, and in a batch of 100?
#
# **Why it matters.** It is the cheapest explanation there is, and exercises 3 to 6 build on it.
#
# **Write** `input_gradient` and `saliency_map`.


# %% nbgrader={"grade": false, "grade_id": "saliency_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def input_gradient(network, x, classes):
    """How fast the score of its class grows with each number of each picture.

    network: an nn.Module that gives scores (N, K); left as it was found.  x: (N, C, H, W).  classes: whole numbers (N,).
    Returns shape (N, C, H, W), without a graph behind it.
    """
    ### BEGIN SOLUTION
    was = network.training
    network.eval()
    x = x.detach().clone().requires_grad_()
    scores = network(x).gather(1, classes[:, None])
    (gradient,) = torch.autograd.grad(scores.sum(), x)
    network.train(was)
    return gradient
    ### END SOLUTION


def saliency_map(network, x, classes):
    """The largest absolute gradient over the channels.

    network, x, classes: as above.
    Returns shape (N, H, W).
    """
    ### BEGIN SOLUTION
    return input_gradient(network, x, classes).abs().amax(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "saliency", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.saliency(input_gradient, saliency_map)

# %% [markdown] nbgrader={"grade": false, "grade_id": "occlusion_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: cover it
#
# A gradient tells about small changes. Now make a large one: lay a square patch of P x P pixels on the picture, all channels filled with one number,
# and see how much of the score is lost:
#
# $$ d_{uv} = s_c(x) - s_c(x \text{ covered at place } u, v) $$
#
# Place $u, v$ covers the rows from $u S$ to $u S + P - 1$ and the columns from $v S$ to $v S + P - 1$, where $S$ is the stride. Places go on until the last
# row (and the last column) of the picture has been covered. The last patch may stick out: what sticks out is cut off, the patch is not moved back. That
# makes
#
# $$ \left\lceil \frac{H - P}{S} \right\rceil + 1 \text{ rows of places,} $$
#
# and the same with $W$ for the columns. The stride is at most $P$, and $P$ at most $H$ and $W$.
#
# Every covered copy is a picture of its own, so they can go through the network **together**: call the network at most $N + 1$ times for N pictures.
# (The pictures as they are, then all copies of one picture in one batch, is $N + 1$. All copies of all pictures at once is fine too.)
#
# > **Predict.** A patch lies on a place that spoke *against* the class. What sign has $d$ there?
#
# **Why it matters.** It asks nothing but answers: it works for a network whose inside you may not see. And it takes hundreds of answers, so it must be
# done in batches.
#
# **Write** `occlusion`.


# %% nbgrader={"grade": false, "grade_id": "occlusion_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def occlusion(network, x, classes, patch, stride, fill):
    """How much of the score is lost where a patch covers the picture.

    network: gives scores; left as it was found.  x: (N, C, H, W).  classes: (N,).
    patch, stride: whole numbers, 1 <= stride <= patch.  fill: the number that the patch shows in every channel.
    Returns shape (N, rows of places, columns of places).
    """
    ### BEGIN SOLUTION
    height, width = x.shape[2:]
    tops, lefts = range(0, height - patch + stride, stride), range(0, width - patch + stride, stride)
    was = network.training
    network.eval()
    drops = []
    with torch.no_grad():
        whole = network(x)
        for picture, c, scores in zip(x, classes, whole):
            copies = picture.repeat(len(tops) * len(lefts), 1, 1, 1)
            for n, copy_ in enumerate(copies):
                top, left = tops[n // len(lefts)], lefts[n % len(lefts)]
                copy_[:, top : top + patch, left : left + patch] = fill
            drops.append((scores[c] - network(copies)[:, c]).reshape(len(tops), len(lefts)))
    network.train(was)
    return torch.stack(drops)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "occlusion", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.occlusion(occlusion)

# %% [markdown] nbgrader={"grade": false, "grade_id": "rules_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: one rule, three methods
#
# Three methods send a signal from a class down to the picture. They go through convolutions, pooling and linear layers in exactly the same way, as
# backpropagation does. They differ in one place: what a ReLU does with the signal $r$ that arrives from above, where its input was $a$.
#
# | rule | what goes on down |
# |---|---|
# | `"backprop"` | $r$ where $a > 0$, else 0 |
# | `"deconvnet"` | $r$ where $r > 0$, else 0 |
# | `"guided"` | $r$ where $a > 0$ and $r > 0$, else 0 |
#
# Backpropagation asks whether the unit was *on*. The deconvnet asks whether the signal is *positive*. Guided backpropagation asks both.
#
# To bend what a ReLU sends down without rewriting the network, hang a **hook** on it: `module.register_full_backward_hook(f)` calls
# `f(module, grad_input, grad_output)` on each backward pass; if `f` returns a tuple, that goes down in place of `grad_input`. Here `grad_output[0]` is $r$,
# and `grad_input[0]` what backpropagation would send. The networks use `nn.ReLU` modules, not in place, each once; some lie inside other modules
# (`network.modules()` finds them all). It can be done without hooks as well.
#
# A hook that stays makes every later gradient of this network a lie, and nobody will know why. Take it off, **also when something raises an error in between**:
# that is what `try: ... finally: ...` is for; the mode goes back then too. An error is passed on to the caller as it is.
#
# > **Predict.** Which of the three rules can bring a negative number down to the *top* of the first convolution, that is, out of the lowest ReLU?
#
# **Why it matters.** Guided maps are the prettiest of all. At the end of exercise 5 you will see what that is worth.
#
# **Write** `relu_backward`, which is the table above, and `rule_gradient`, the signal that arrives at the pictures.


# %% nbgrader={"grade": false, "grade_id": "rules_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_backward(signal, a, rule):
    """What a ReLU sends down.

    signal: what arrives from above.  a: what the ReLU's input was, of the same shape.  rule: "backprop", "deconvnet" or "guided".
    Returns a tensor of the same shape.
    """
    ### BEGIN SOLUTION
    if rule != "deconvnet":
        signal = signal * (a > 0)
    if rule != "backprop":
        signal = signal.clamp(min=0)
    return signal
    ### END SOLUTION


def rule_gradient(network, x, classes, rule):
    """What arrives at the pictures when the scores of the classes are sent down by a rule.

    network: gives scores, with nn.ReLU modules; left as it was found.  x: (N, C, H, W).  classes: (N,).  rule: as above.
    Returns shape (N, C, H, W).
    """

    ### BEGIN SOLUTION
    def note(module, inputs):
        module.seen = inputs[0].detach()

    def bend(module, grad_input, grad_output):
        return (relu_backward(grad_output[0], module.seen, rule),)

    relus = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    was = network.training
    hooks = [relu.register_forward_pre_hook(note) for relu in relus]
    hooks += [relu.register_full_backward_hook(bend) for relu in relus]
    try:
        return input_gradient(network, x, classes)
    finally:
        network.train(was)
        for hook in hooks:
            hook.remove()
        for relu in relus:
            vars(relu).pop("seen", None)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "rules", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.rules(relu_backward, rule_gradient)

# %% [markdown] nbgrader={"grade": false, "grade_id": "image_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: what does a class look like?
#
# Hold the network fixed and train the *picture*: climb the score of a class. Without anything that holds it back the climb never ends, in a picture of huge,
# noisy numbers. So climb
#
# $$ J(x) = s_c(x) - \lambda \sum x^2 - \mu \, \text{TV}(x) $$
#
# with $\lambda$ called `decay` and $\mu$ called `smooth`. The first regulariser keeps numbers small. The second is the **total variation**, here with squares:
#
# $$ \text{TV}(x) = \sum_{k, i, j} \left( x_{k, i+1, j} - x_{k, i, j} \right)^2 + \left( x_{k, i, j+1} - x_{k, i, j} \right)^2 $$
#
# over all neighbours that lie in the picture, one sum for each picture.
#
# How you climb is up to you: plain steps, momentum, Adam; step size and number of steps too. It is judged by where you arrive: how much of the possible
# rise of $J$ you reach (at least 97 % where we can compute the top, 60 % of what plain small steps reach where there are several), how much score you gained, how smooth the picture is. Where the hill has a single top
# **the start must not decide**: two starts must bring the same picture. So climb until it no longer rises.
#
# In the tests pictures have at most 12 x 12 pixels and 3 channels, decay lies between 0.1 and 0.5, smooth between 0 and 0.5, slopes of the score are at most 5. The starts
# in a batch climb each for itself.
#
# > **Predict.** The network is linear, $s = w \cdot x$, and `smooth` is 0. Which picture is the best?
#
# **Why it matters.** The regulariser is a wish about pictures, not a finding about the network: with other dials the same class "looks" different.
#
# **Write** `total_variation` and `class_image`.


# %% nbgrader={"grade": false, "grade_id": "image_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def total_variation(x):
    """The sum of squared differences between neighbours.

    x: (N, C, H, W).
    Returns shape (N,).
    """
    ### BEGIN SOLUTION
    down, right = x[:, :, 1:] - x[:, :, :-1], x[..., 1:] - x[..., :-1]
    return down.square().sum(dim=(1, 2, 3)) + right.square().sum(dim=(1, 2, 3))
    ### END SOLUTION


def class_image(network, target, start, decay, smooth):
    """Climb from each start to a picture that the class likes.

    network: gives scores; left as it was found.  target: the class, one whole number.  start: (N, C, H, W).
    decay, smooth: the weights of the two regularisers.
    Returns shape (N, C, H, W).
    """
    ### BEGIN SOLUTION
    was = network.training
    network.eval()
    x = start.detach().clone().requires_grad_()
    # the hill is curved by at most 2 decay + 16 smooth: longer steps would swing
    climber = torch.optim.SGD([x], lr=0.3 / (2 * decay + 16 * smooth), momentum=0.9)
    for _ in range(200):
        worth = network(x)[:, target] - decay * x.square().sum(dim=(1, 2, 3)) - smooth * total_variation(x)
        (x.grad,) = torch.autograd.grad(-worth.sum(), x)
        climber.step()
    network.train(was)
    return x.detach()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "image", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.image(total_variation, class_image)

# %% [markdown] nbgrader={"grade": false, "grade_id": "score_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: is the map any good?
#
# A map that looks convincing is no evidence. Where you know which pixels hold the thing (a **mask**, True on the thing), you can count:
#
# - `share_inside`: which share of the map lies on the mask. Negative values count as nothing. A map with nothing positive in it points nowhere: it gets the mask's
#   share of the picture, which is what chance gives.
# - `pointing`: is the largest value on the mask? 1 or 0. If several pixels share the largest value, the share of them that lie on the mask.
#
# Both give a map that is the same everywhere the mask's share of the picture. That is the **baseline**: a share of 0.3 is a lot on a mask of 2 % and nothing on a mask of 30 %.
#
# A score still does not tell whether the map is about the *network*: the shape is drawn with edges, and an edge detector finds them without any network. So make a network that
# has forgotten everything it learned, and ask for the map again. **If the map stays, it was never about what the network knows.**
#
# - `randomised`: a copy of the network in which each parameter tensor (every weight, every bias) is drawn anew, number by number, from the normal distribution with the mean and
#   the standard deviation of the numbers that stood in *this* tensor. So signals keep their size. The seed decides: the same seed gives the same network, another seed another. (Each tensor
#   in the tests has at least two numbers; the standard deviation with or without Bessel's correction, as you like.)
#
# > **Predict.** Let only the *top* of a network forget, its last convolution and its linear layer: it cannot tell one class from another any more. Which of the three rules of
# > exercise 3 still draws a map much like the one before?
#
# **Why it matters.** [Adebayo and others, 2018] asked this of the maps that everybody used. Several did not pass.
#
# **Write** the three functions.


# %% nbgrader={"grade": false, "grade_id": "score_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def share_inside(maps, masks):
    """The share of each map that lies on its mask.

    maps: (N, H, W).  masks: True and False, (N, H, W).
    Returns shape (N,).
    """
    ### BEGIN SOLUTION
    maps = maps.clamp(min=0).flatten(1).double()
    masks = masks.flatten(1).double()
    total = maps.sum(dim=1)
    inside = (maps * masks).sum(dim=1) / torch.where(total > 0, total, 1.0)
    return torch.where(total > 0, inside, masks.mean(dim=1))
    ### END SOLUTION


def pointing(maps, masks):
    """Whether the largest value of each map lies on its mask; at a tie, the share of the largest that do.

    maps, masks: as above.
    Returns shape (N,), numbers from 0 to 1.
    """
    ### BEGIN SOLUTION
    flat = maps.flatten(1)
    largest = flat == flat.amax(dim=1, keepdim=True)
    return (largest & masks.flatten(1)).sum(dim=1) / largest.sum(dim=1)
    ### END SOLUTION


def randomised(network, seed):
    """A copy of the network that has forgotten what it learned.

    network: left as it was found.  seed: a whole number.
    Returns a network.
    """
    ### BEGIN SOLUTION
    forgetful, draw = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in forgetful.parameters():
            p.copy_(p.mean() + p.std() * torch.randn(p.shape, generator=draw))
    return forgetful
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "score", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.score(share_inside, pointing, randomised)

# %% [markdown] nbgrader={"grade": false, "grade_id": "sanity_table_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Now ask it of your own three rules, with a network of three convolutions that was trained to tell four drawn shapes apart. How much is its map like that of the same network after its last convolution and its linear
# layer have forgotten everything; after all layers have; and like the edges of the picture, for which no network is needed? "Like" is the rank correlation of the two maps, picture by picture: 1 if both order
# the pixels alike, about 0 if they have nothing to do with each other. It takes about five seconds.

# %% nbgrader={"grade": false, "grade_id": "sanity_table", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.tables.sanity(rule_gradient, randomised)

# %% [markdown] nbgrader={"grade": false, "grade_id": "detective_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: the detective
#
# In a collection of pictures somebody has left something that gives the class away: a coloured square in a corner, a different colour for each shape. A
# network that learned from such pictures may look at the square and never learn what a shape is. On pictures from the same collection **it is right all the same**. So its accuracy tells
# you nothing. You know where the suspicious square is in each picture (`masks`). Collect two pieces of evidence:
#
# - the **drop**: the accuracy on the pictures as they are, minus the accuracy when the pixels of the mask are covered with `fill`;
# - the **gap**: the share of the saliency map (exercise 1, for the class `y` of each picture) that lies on the mask, minus the mask's share of the picture; the mean over the pictures.
#
# Accuracy is the share of the pictures in which the class with the largest score is `y`.
#
# > **Predict.** An honest network has weights that are ten times larger than the cheat's. Whose *gradient* on the square is larger? Whose *share*?
#
# **Why it matters.** This has happened: networks that found the mark of the hospital on an X-ray picture, the ruler beside the mole, the snow behind the wolf.
#
# **Write** `cover`, `evidence`, and `find_cheat`, which says which of two networks relies on what is under the masks. In the tests exactly one does, and drop and gap agree about which.


# %% nbgrader={"grade": false, "grade_id": "detective_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cover(x, masks, fill):
    """Pictures with the pixels of the masks covered.

    x: (N, C, H, W).  masks: True and False, (N, H, W).  fill: the number that all channels show there.
    Returns shape (N, C, H, W).
    """
    ### BEGIN SOLUTION
    return x.masked_fill(masks[:, None], fill)
    ### END SOLUTION


def evidence(network, x, y, masks, fill):
    """What speaks for a network's reliance on what is under the masks.

    network: gives scores; left as it was found.  x, masks, fill: as above.  y: the right classes, (N,).
    Returns drop, gap: two numbers.
    """
    ### BEGIN SOLUTION
    was = network.training
    network.eval()
    with torch.no_grad():
        before, after = (np.mean((network(z).argmax(dim=1) == y).numpy()) for z in (x, cover(x, masks, fill)))
    network.train(was)
    share = share_inside(saliency_map(network, x, y), masks)
    return before - after, (share.mean() - masks.double().mean()).item()
    ### END SOLUTION


def find_cheat(networks, x, y, masks, fill):
    """Which of two networks relies on what is under the masks.

    networks: a list of two.  x, y, masks, fill: as above.
    Returns 0 or 1, the place in the list.
    """
    ### BEGIN SOLUTION
    first, second = (sum(evidence(network, x, y, masks, fill)) for network in networks)
    return int(second > first)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "detective", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.detective(cover, evidence, find_cheat)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: your case
#
# Everybody gets a case of their own. Put the last four digits of your student number in place of 1234 in the next cell, in quotes, and run it. Two networks are trained, which takes about ten seconds, on
# drawn shapes with a coloured square in one corner; your number decides which of the two cheats, and which colours there are. The cheat learned from faint shapes with squares that give the class away; the other saw clear shapes, and squares of any colour. Your functions examine both on 200 new pictures. Besides the
# evidence of exercise 6 the table shows a control (a square that covers **another** corner, where nothing was) and the accuracy on pictures in which the squares have **wrong** colours.

# %% nbgrader={"grade": false, "grade_id": "judge_table", "locked": false, "schema_version": 3, "solution": false, "task": false}
NUMBER = "1234"
checks.tables.case(NUMBER, cover, evidence, find_cheat)

# %% nbgrader={"grade": false, "grade_id": "judge_picture", "locked": false, "schema_version": 3, "solution": false, "task": false}
checks.tables.pictures(NUMBER, saliency_map)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Two sentences from a fellow student's report on this case:
#
# > *(a) Both networks are right in nearly all of the new pictures, so neither of them can be said to cheat.*
# >
# > *(b) I covered the square and the accuracy of one network fell. But covering makes a picture strange, and any network is worse on strange pictures. So that proves nothing.*
#
# In at most 200 words: say which network of **your** case cheats and prove it with at least two numbers of your table, each beside what chance or an honest network gives; answer (a) and (b) with lines of the table; and
# say what your evidence does **not** show about the other network, and how you would make the cheat honest.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# (Case 1234.) Network 0 cheats. Covering the square costs it 0.75 of its accuracy, which leaves 0.25, as guessing would; it costs network 1 nothing. With squares of wrong colours it names not one shape
# in 200: it believes the square even against the shape. Network 1 names them all. And 21 % of its saliency lies on the square, six times what a map that is the same all over has there, 3.5 %; of
# network 1's it is 1 %.
#
# (a) does not follow. In these pictures the square says the same as the shape, so whoever reads either is right. The lines with covered and with wrong squares tell the two apart.
#
# (b) would be a fair objection, and the table answers it twice. Covering another corner makes a picture just as strange, and costs neither network anything. And the same covering of the square costs network 1
# nothing.
#
# Not shown: that network 1 knows shapes. It may use another shortcut that nobody has masked, such as size or brightness, and a map can only point to what one looks for. I would train network 0 again on
# pictures in which the colour of the square is drawn anew each time, or which have none, and test it on pictures from elsewhere.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `08_visualization.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
