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
# # Assignment 11: Segmentation
#
# You score maps of labels, train a small U-Net that makes them, take its skip connections away to see what they were worth, and find out why a fellow
# student's segmenter misses. At the end you say which score you would trust for which purpose, with numbers of your own.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | scores from one table | 5 |
# | 2 | a loss for each pixel, with weights and pixels that do not count | 4 |
# | 3 | upsampling: zeros in between, then a fixed kernel | 5 |
# | 4 | a U-Net | 6 |
# | 5 | training, and a score near boundaries | 4 |
# | 6 | the repair of a segmenter | 3 |
# | 7 | a judgement of your own table, in words | 3 |
#
# It takes 90 to 150 minutes. Read chapters 11 and 11b first.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change a tensor or list that you are given, read no other variable. Only `train` in
#   exercise 5 changes what it is given: the weights of a network.
# - Any correct way of writing it is right. Extra cells and helper functions are fine too, and so is calling your functions of earlier exercises.
#   Extra layers, parameters and buffers in a network are not fine: they would be counted.
# - Keep the names and the order of the arguments, and the names of layers where the exercise gives them. Leave the check cells as they are.
# - Each call must finish within 10 seconds.
# - Write it with PyTorch: `course_utils`, torchvision, torchmetrics and scikit-learn have these methods ready, so they are not there when your work is graded.
#
# A batch `x` of pictures has shape (N, C, H, W). A **mask** `target` has a whole number for each pixel, (N, H, W): the class, from 0 to `classes` - 1, or
# `ignore`, a label that says *this pixel does not count* (255, say; but it is an argument, and can be any number that is no class). What a network gives, the
# **logits**, has shape (N, classes, H, W).
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

example_network = checks.examples.example_network  # makes a small network for trying things out
two_convolutions = checks.examples.two_convolutions  # a block of your U-Net, see exercise 4
np.set_printoptions(precision=4, suppress=True)

# %% [markdown] nbgrader={"grade": false, "grade_id": "metrics_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: scores from one table
#
# All usual scores of a segmentation come from one table, the **confusion matrix** $T$: $T_{tp}$ is the number of pixels whose true class is $t$ (row) and whose
# predicted class is $p$ (column). A pixel whose *target* is `ignore` counts nowhere, whatever was predicted there. (Predictions are always classes.)
# Tables of many pictures add up, so divide at the very end, once.
#
# | score | what it is |
# |---|---|
# | `pixel_accuracy` | the share of the counted pixels that are right |
# | `class_iou` | for each class, $\lvert A \cap B \rvert / \lvert A \cup B \rvert$ with $A$ its true and $B$ its predicted pixels |
# | `mean_iou` | the mean of these over the classes that **occur** |
# | `class_dice` | for each class, $2 \lvert A \cap B \rvert / (\lvert A \rvert + \lvert B \rvert)$ |
#
# A class **occurs** if it is true or predicted somewhere. A class that does not occur has no IoU and no Dice: give NaN ("not a number") for it, and leave it out of
# the mean. A class that is only true, or only predicted, does occur; its IoU is 0. If no pixel counts at all, `pixel_accuracy` and `mean_iou` are NaN too.
#
# > **Predict.** A class covers 2 % of the pixels, and a network never predicts it, but is right everywhere else. What are its pixel accuracy, and the
# > IoU of this class?
#
# **Why it matters.** Papers differ in just these conventions, and a mean over other classes is another number.
#
# **Write** the five functions.


# %% nbgrader={"grade": false, "grade_id": "metrics_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def confusion(predicted, target, classes, ignore):
    """How many pixels of each true class got each predicted class.

    predicted, target: whole numbers, of one shape (N, H, W).  classes: how many.  ignore: the label that does not count.
    Returns whole numbers, shape (classes, classes): rows are true, columns predicted.
    """
    ### BEGIN SOLUTION
    counted = target != ignore
    pairs = classes * target[counted] + predicted[counted]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    ### END SOLUTION


def pixel_accuracy(table):
    """The share of the counted pixels that are right; NaN if none counts.

    table: a confusion matrix, (classes, classes).
    Returns one number.
    """
    ### BEGIN SOLUTION
    return table.diagonal().sum() / table.sum()
    ### END SOLUTION


def class_iou(table):
    """Intersection over union of each class; NaN for a class that does not occur.

    table: as above.
    Returns shape (classes,).
    """
    ### BEGIN SOLUTION
    both = table.diagonal()
    return both / (table.sum(dim=0) + table.sum(dim=1) - both)
    ### END SOLUTION


def mean_iou(table):
    """The mean IoU of the classes that occur; NaN if none does.

    table: as above.
    Returns one number.
    """
    ### BEGIN SOLUTION
    return class_iou(table).nanmean()
    ### END SOLUTION


def class_dice(table):
    """Dice score of each class; NaN for a class that does not occur.

    table: as above.
    Returns shape (classes,).
    """
    ### BEGIN SOLUTION
    return 2 * table.diagonal() / (table.sum(dim=0) + table.sum(dim=1))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "metrics", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.metrics(confusion, pixel_accuracy, class_iou, mean_iou, class_dice)

# %% [markdown] nbgrader={"grade": false, "grade_id": "loss_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: a loss for each pixel
#
# Segmentation is classification of every pixel. With $z$ the logits of pixel $i$ and $t_i$ its true class, its cross-entropy is
#
# $$ \ell_i = -\log \frac{e^{z_{t_i}}}{\sum_k e^{z_k}} $$
#
# In most pictures nearly everything is background, and a network can have a small loss without ever seeing the small things. So each pixel gets the **weight**
# $w_{t_i}$ of its true class, and the loss is the weighted mean over **all counted pixels of the batch together**:
#
# $$ L = \frac{\sum_i w_{t_i} \, \ell_i}{\sum_i w_{t_i}} $$
#
# It is divided by the sum of the *weights*, not by the number of pixels, and pixels with the label `ignore` are in neither sum. If there is nothing to divide by,
# because no pixel counts or all weights are 0, the loss is **0**: one empty batch must not turn all weights of a network into NaN. This 0 hangs on the logits too, so that `.backward()` works
# in every batch. Logits may be as large as 1000.
#
# Weights that balance the classes: with $n$ counted pixels, $m$ classes that occur in the target, and $n_c$ counted pixels of class $c$,
#
# $$ w_c = \frac{n}{m \, n_c}, \qquad w_c = 0 \text{ if } n_c = 0 $$
#
# > **Predict.** You multiply all weights by 10. What happens to the loss?
#
# **Why it matters.** Which mean is taken decides what a network cares about. In exercise 7 you will see by how much.
#
# **Write** `balanced_weights` and `pixel_loss`.


# %% nbgrader={"grade": false, "grade_id": "loss_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def balanced_weights(target, classes, ignore):
    """A weight for each class that occurs, the larger the rarer it is.

    target: (N, H, W).  classes: how many.  ignore: the label that does not count.
    Returns shape (classes,); all 0 if no pixel counts.
    """
    ### BEGIN SOLUTION
    counts = torch.bincount(target[target != ignore], minlength=classes).float()
    occurs = counts > 0
    return torch.where(occurs, counts.sum() / (occurs.sum() * counts.clamp(min=1)), 0.0)
    ### END SOLUTION


def pixel_loss(logits, target, weights, ignore):
    """The weighted mean of the cross-entropies of all counted pixels; 0 if there are none.

    logits: (N, classes, H, W).  target: (N, H, W).  weights: one for each class, (classes,).  ignore: as above.
    Returns one number, a tensor through which gradients flow to the logits.
    """
    ### BEGIN SOLUTION
    counted = target != ignore
    label = torch.where(counted, target, 0)
    weight = weights[label] * counted
    each = -torch.log_softmax(logits, dim=1).gather(1, label[:, None])[:, 0]
    total = weight.sum()
    return (weight * each).sum() / torch.where(total > 0, total, 1.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loss", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.loss(balanced_weights, pixel_loss)

# %% [markdown] nbgrader={"grade": false, "grade_id": "upsampling_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: upsampling
#
# A network that has halved its maps must come back to full size. Each number of the small map lays down a **stamp** on the large one: the kernel, times
# the number. With factor $f$, a kernel of $k \times k$ and $p = (k - f) / 2$, the upper left corner of the stamp of $x_{ij}$ lies at row $f i - p$, column $f j - p$.
# Where stamps overlap they add up; what sticks out of the large map, $f H \times f W$, is cut off. Channel by channel: **no channel sees another**. In all
# tests $k \ge f$, and $k - f$ is even.
#
# The same in two steps: put each number at place $(f i, f j)$ of a map of zeros (`insert_zeros`), then convolve with the kernel. Careful: `F.conv2d` does not turn the kernel round, a
# stamp does. There are layers that do both steps at once; use them or not.
#
# The kernel decides what the upsampling is. A kernel of $f \times f$ ones repeats each number: **nearest**. The **bilinear** kernel is a tent,
#
# $$ K_{ab} = \left( 1 - \frac{\lvert a - c \rvert}{f} \right) \left( 1 - \frac{\lvert b - c \rvert}{f} \right), \qquad c = \frac{k - 1}{2}, $$
#
# with $k = 2f$ for even and $k = 2f - 1$ for odd $f$, and $a, b$ from 0 to $k - 1$.
#
# > **Predict.** A map of ones is upsampled by 2 with the bilinear kernel. Which number stands in the middle of the result, and which in its corner?
#
# **Why it matters.** FCN learned its upsampling from this start; a checkerboard in a result is stamps that overlap unevenly.
#
# **Write** the three functions.


# %% nbgrader={"grade": false, "grade_id": "upsampling_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def insert_zeros(x, factor):
    """Each number (i, j) at place (factor i, factor j) of a larger map of zeros.

    x: (N, C, H, W).  factor: a whole number, at least 1.
    Returns shape (N, C, factor H, factor W).
    """
    ### BEGIN SOLUTION
    n, c, height, width = x.shape
    wide = x.new_zeros(n, c, factor * height, factor * width)
    wide[:, :, ::factor, ::factor] = x
    return wide
    ### END SOLUTION


def bilinear_kernel(factor):
    """The tent of bilinear upsampling.

    factor: a whole number, at least 1.
    Returns shape (k, k): k = 2 factor if factor is even, 2 factor - 1 if it is odd.
    """
    ### BEGIN SOLUTION
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor
    return tent[:, None] * tent
    ### END SOLUTION


def upsample(x, kernel, factor):
    """Every number lays down its stamp.

    x: (N, C, H, W).  kernel: (k, k).  factor: a whole number; k - factor is even and not negative.
    Returns shape (N, C, factor H, factor W).
    """
    ### BEGIN SOLUTION
    channels, k = x.shape[1], len(kernel)
    stamps = kernel.expand(channels, 1, k, k)
    return F.conv_transpose2d(x, stamps, stride=factor, padding=(k - factor) // 2, groups=channels)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "upsampling", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
checks.upsampling(insert_zeros, bilinear_kernel, upsample)

# %% [markdown] nbgrader={"grade": false, "grade_id": "unet_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: a U-Net
#
# Down to see much, up to say where; and at every level the map of the way down is handed across to the way up. For depth $D$ and width $w$:
#
# | name | layer | from, to |
# |---|---|---|
# | `down.0` | `two_convolutions` | channels to $w$ |
# | `down.1` ... `down.D` | `two_convolutions`, each after a 2 x 2 maximum pooling | $w$ to $2w$, $2w$ to $4w$, ..., to $2^D w$ |
# | `up.0` ... `up.(D-1)` | `nn.ConvTranspose2d`, kernel 2, stride 2, with bias | $2^D w$ to $2^{D-1} w$, ..., $2w$ to $w$ |
# | `merge.0` ... `merge.(D-1)` | `two_convolutions` | $2^D w$ to $2^{D-1} w$, ..., $2w$ to $w$ |
# | `last` | `nn.Conv2d`, 1 x 1, with bias | $w$ to classes |
#
# `two_convolutions(a, b)` is in your notebook already: 3 x 3 convolution, ReLU, 3 x 3 convolution, ReLU, padded so that the size stays.
#
# **Down.** Keep what each of `down.0` to `down.(D-1)` gives, *before* it is pooled. **Up.** `up.0` doubles the lowest map; its result is joined with the map of the same size
# that was kept, and `merge.0` makes one of the two; then `up.1`, and so on. **Join** means put side by side as channels: **first the kept map, then the one
# from below**. `last` gives logits, with nothing behind it.
#
# **Any size.** A map of odd size cannot be halved and doubled back. So pad the picture with zeros *at the bottom and on the right* until both sides are multiples of $2^D$, and at the end cut
# the logits back to the picture's size. A picture that fits is not padded.
#
# **Without skips.** `UNet(..., skips=False)` is the twin for the ablation: the same layers, but in place of each kept map it joins a map of **zeros**. So it has exactly as many
# parameters, and what differs is only what is handed across.
#
# > **Predict.** All weights and biases of `up.0` to `up.(D-1)` are set to 0. What can the network still use of a picture?
#
# **Why it matters.** The bottom knows what is there, but only to the nearest $2^D$ pixels. Whoever wants outlines needs the way across.
#
# **Write** `UNet`.


# %% nbgrader={"grade": false, "grade_id": "unet_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
class UNet(nn.Module):
    """A U-Net with the layers down, up, merge (each an nn.ModuleList) and last.

    (N, channels, H, W) to logits (N, classes, H, W), for any H and W from 1.
    channels: of the picture.  classes: how many.  width: maps at full size.  depth: how often it halves, from 1.
    skips: False joins zeros in place of what is handed across.
    """

    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__()
        ### BEGIN SOLUTION
        self.depth, self.skips = depth, skips
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(two_convolutions(a, b) for a, b in zip([channels, *widths], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[-2::-1])
        self.merge = nn.ModuleList(two_convolutions(2 * w, w) for w in widths[-2::-1])
        self.last = nn.Conv2d(width, classes, 1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "unet", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.unet(UNet)

# %% [markdown] nbgrader={"grade": false, "grade_id": "training_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: train it, and look at the boundaries
#
# **Training.** `train` is handed a network, all pictures and masks, and a list of batches, each a list of numbers of pictures. For each batch in turn it takes **one step of Adam**
# (`torch.optim.Adam` with step size `lr` and nothing else changed) on the `pixel_loss` of these pictures, and notes the loss **before** the step.
#
# **Boundaries.** Most pixels lie deep inside something, and any network gets them right. `near_boundary` finds the others: the counted pixels from which a pixel of **another class** is at most `reach` steps
# away, where a step may go to any of the eight neighbours. (So it lies in the square of $2 \cdot$ `reach` $+ 1$ pixels around it.) Pixels with the label `ignore` are not near a
# boundary, and make none; the rim of the picture makes none either.
#
# `boundary_iou` is the mean IoU of exercise 1, over these pixels of the target alone. NaN if there are none.
#
# It needs your functions of exercise 1, and `train` those of exercise 2: write them first.
#
# > **Predict.** A predicted disc of radius 10 is one pixel too large all around. Which is hurt more, its IoU or its IoU near the boundary?
#
# **Why it matters.** Two networks with the same mean IoU can differ much at outlines: whoever cuts along them needs to know.
#
# **Write** the three functions.


# %% nbgrader={"grade": false, "grade_id": "training_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def train(net, x, target, batches, lr, weights, ignore):
    """One step of Adam for each batch.

    net: an nn.Module that gives logits.  x: (N, C, H, W).  target: (N, H, W).  batches: a list of lists of numbers from 0 to N - 1.
    lr: step size.  weights, ignore: as in exercise 2.
    Changes the weights of net. Returns a list of the losses before each step, plain numbers.
    """
    ### BEGIN SOLUTION
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


def near_boundary(target, reach, ignore):
    """Which pixels have one of another class nearby.

    target: (N, H, W).  reach: how many steps, at least 1.  ignore: the label that does not count.
    Returns True and False, shape (N, H, W).
    """
    ### BEGIN SOLUTION
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 2 * reach + 1, stride=1, padding=reach)[:, 0]

    high = largest(torch.where(counted, target, -(10**6)))
    low = -largest(torch.where(counted, -target, -(10**6)))
    return counted & (high != low)
    ### END SOLUTION


def boundary_iou(predicted, target, classes, reach, ignore):
    """The mean IoU over the pixels of the target that are near a boundary.

    predicted, target: (N, H, W).  classes: how many.  reach, ignore: as above.
    Returns one number; NaN if there are no such pixels.
    """
    ### BEGIN SOLUTION
    near = near_boundary(target, reach, ignore)
    return mean_iou(confusion(predicted, torch.where(near, target, ignore), classes, ignore))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "training", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.training(train, near_boundary, boundary_iou)

# %% [markdown] nbgrader={"grade": false, "grade_id": "training_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# A picture, its mask, and what your U-Net makes of it with and without its skip connections, each after 80 steps. Grey pixels do not count. It takes a few seconds.

# %% nbgrader={"grade": false, "grade_id": "training_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.tables.pictures(UNet, train, balanced_weights)

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: the segmenter that misses
#
# A fellow student shrinks large pictures and masks for training, and enlarges what the network gives:
#
#     def shrink(x, target, factor):
#         x = x[:, :, ::factor, ::factor]
#         target = F.interpolate(target[:, None].float(), scale_factor=1 / factor, mode="bilinear")
#         return x, target[:, 0].round().long()
#
#     def predict(network, x):
#         logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=True)
#         p = torch.softmax(logits, dim=-1)
#         return p, p.argmax(dim=1)
#
# It runs, and the masks even look like something. There are **four faults** in it, two in each function. Do not stare at the lines: measure.

# %% nbgrader={"grade": false, "grade_id": "repair_measure", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.measure.broken()

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# > **Predict.** Which line of the measurement belongs to which fault?
#
# **Why it matters.** A shift of half a pixel is invisible, and costs more near boundaries than most ideas in papers bring.
#
# **Write** `shrink` and `predict`, repaired:
#
# - `shrink` cuts pictures and masks into windows of factor x factor pixels (the sides are multiples of the factor). A pixel of the small picture is the **mean** of its window, so that it sits in the
#   window's middle. A pixel of the small mask is the label that **most** pixels of the window have; of several with equally many, the smallest. `ignore` is a label as any other here. (Labels are whole numbers from 0 to 255.)
# - `predict` is handed a network whose logits are smaller than the picture, by a whole factor. It enlarges the **logits** bilinearly to the picture's size, where a pixel is a little square: the outer *edges* of the two maps lie
#   on top of each other, not the middles of the outer pixels. Then probabilities over the **classes**, then the most probable class.


# %% nbgrader={"grade": false, "grade_id": "repair_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def shrink(x, target, factor):
    """Smaller pictures and masks, window by window.

    x: (N, C, H, W).  target: (N, H, W).  factor: a whole number that divides H and W.
    Returns two tensors: shape (N, C, H / factor, W / factor) and whole numbers (N, H / factor, W / factor).
    """
    ### BEGIN SOLUTION
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    votes = F.one_hot(windows.flatten(3), 256).sum(dim=3)
    return F.avg_pool2d(x, factor), votes.argmax(dim=3)
    ### END SOLUTION


def predict(network, x):
    """Probabilities and classes at the size of the picture.

    network: gives logits (N, classes, H / f, W / f) for some whole f.  x: (N, C, H, W).
    Returns p, labels: shapes (N, classes, H, W) and (N, H, W).
    """
    ### BEGIN SOLUTION
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=False)
    p = torch.softmax(logits, dim=1)
    return p, logits.argmax(dim=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "repair", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.repair(shrink, predict)

# %% [markdown] nbgrader={"grade": false, "grade_id": "repair_after_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The same measurement for yours:

# %% nbgrader={"grade": false, "grade_id": "repair_after", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.measure.repaired(shrink, predict)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: which number would you trust?
#
# Everybody gets numbers of their own. Put the last four digits of your student number in place of 1234 in the next cell, in quotes, and run it. Your digits decide scenes and first weights. Small scenes with
# large blobs (class 1) and thin bars (class 2) on a background (class 0) are learned by three networks, each three times; the table shows in each column the median of the three, and in brackets the smallest and
# the largest. All scores are on 60 new scenes, by your functions. The first line is a "network" that says background everywhere. It takes about ten seconds. The column
# `found bars` is the share of the bars' pixels that were found, `boundary` is your `boundary_iou` with reach 1.

# %% nbgrader={"grade": false, "grade_id": "judge_table", "locked": false, "schema_version": 3, "solution": false, "task": false}
NUMBER = "1234"
checks.tables.ablation(
    NUMBER, UNet, train, balanced_weights, confusion, pixel_accuracy, class_iou, mean_iou, class_dice, boundary_iou
)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Two sentences from a fellow student's report on such a table:
#
# > *(a) Background everywhere is right in four of five pixels, and the network without skips is hardly better. So the task is nearly solved without any network, and this network has learned nothing.*
# >
# > *(b) Dice is nowhere lower than IoU, so our networks do better when judged by Dice, and we report Dice.*
#
# Three people want to use such a network: one measures **how much area** is covered by blobs; one has to **find the thin bars**, which are cracks, and must not miss any; one **cuts blobs out** along their outline.
#
# In at most 200 words: say for each of the three which column of **your** table you would look at, and which line you would choose, with numbers; answer (a) and (b); and say what the
# ablation of the skip connections shows, by medians and ranges, and one thing that it does not show.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# (Case 1234.) Area: IoU of the blobs, and skips with weights, 0.79; skips alone, 0.75, is within its range. Cracks: the share of bars found. Without skips it is 0.94, but the IoU there is 0.23: most of what
# it calls bars is none. I take skips with weights, 0.90 found at IoU 0.63. Cutting: the score near boundaries, skips with weights, 0.78.
#
# (a) 82 % of the pixels are background, so 0.82 is no skill: the same line has a mean IoU of 0.27, and 0 for blobs and bars. The network without skips has even less accuracy, 0.76, and has learned something all the
# same: mean IoU 0.42. It finds nearly all bars, and much that is none.
#
# (b) Dice is 2 IoU / (1 + IoU), larger for any mask that is neither perfect nor all wrong. Nothing is gained: compare methods by one score.
#
# The ablation, weights in both: near boundaries 0.28 (0.23 to 0.32) without skips, 0.78 (0.71 to 0.80) with them, and the ranges do not touch, with equal parameters and first weights. It does not show what
# longer training would do.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `11_segmentation.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
