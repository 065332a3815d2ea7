# %% [markdown]
# # Equivariance and any size
#
# A convolution does not stand still when the picture moves: it moves along, exactly. You will see what breaks this, build
# from it what truly stands still, and let one network read pictures of every size.
#
# **You will be able to**
#
# - test any layer for equivariance, and name what breaks it: borders, strides, turns, zooms;
# - say for which moves a whole network is invariant, and count its different answers for the others;
# - build filters that do not mind a quarter turn, and let a group of filters learn the same from data;
# - rewrite a fully connected layer as a convolution without changing a number;
# - turn a classifier into a machine that reads pictures of any size, and gives an answer at every place.
#
# **You need** convolutions with stride, padding and dilation (chapters [05](05_convolution.ipynb) and [05b](05b_layers.ipynb)), [pooling](05c_pooling.ipynb), and how a network is trained.
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
from course_utils.plotting.equivariance import filter_groups, two_orders
from course_utils.runtime import band, load_record, seed_everything
from course_utils.widgets import ConvolutionExplorer, EquivarianceExplorer, ReceptiveField

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Two things to do, in two orders
#
# [Chapter 05c](05c_pooling.ipynb#does-it-stand-still) moved a digit by one pixel and found that no pooling stands still. Ask a better question. You have two things to do: move
# the picture, and filter it. Does it matter which one you do first?
#
# In the figure, the upper path moves the picture and then filters it. The lower path filters it and then moves the result. On the right stands the difference of the two. Drag the picture.
#
# > **Predict.** Before you drag: where in the difference will you see something, everywhere, nowhere, or only in some places?
#
# Then try these three.
#
# 1. Set *Padding*, what the layer sees outside the picture, to "circle": the right edge is glued to the left one. What happens to the difference?
# 2. Take "convolution, stride 2" and shift by 1, 2, 3, 4 cells to the right. Which shifts are harmless?
# 3. Back to the plain convolution and no shift. Turn by 90 degrees. Then choose another kernel, "alike all around".

# %%
EquivarianceExplorer()

# %% [markdown]
# With zeros outside, the difference sits at the old and the new edge of the picture, nowhere else. On the circle it is gone. Stride 2 forgives even shifts alone. A turn spoils everything, unless the kernel looks the same in all
# four directions. The next three sections say why.
#
# ## What moves along: equivariance
#
# <span id="c132"></span>Two lectures call convolution "shift-invariant" or "translation invariant processing". Its output is not [invariant](../book/glossary.md#invariance):
# move the picture, and the map moves too. What stays the same at every place is the *rule*. (Engineers call a system shift-invariant in this sense. Another lecture puts both halves into one line:
# "the weights are invariant, the output is equivariant".) <span id="c133"></span>The word for the output is
# [equivariant](../book/glossary.md#equivariance). Write $T_d$ for "move by $d$". Then $f$ is equivariant to translation if
#
# $$ f(T_d\, x) = T_d\, f(x) \qquad \text{for every } x \text{ and every shift } d : \tag{5.67} $$
#
# it makes no difference whether you move first or filter first. (Invariant would be $f(T_d\, x) = f(x)$.) For a
# convolution the proof is one line. The output at $i$ is $\sum_u K_u\, x_{i+u}$. In the moved picture, $x_{i-d}$ stands where $x_i$ stood. Put it in
# everywhere, and get $\sum_u K_u\, x_{i-d+u}$. That is the old output at $i - d$.
#
# The line used one thing silently: that $x_{i-d+u}$ exists. On a circle it always does: what leaves on the right enters on the left. Real layers do not live on a circle, they pad with zeros. Here are both orders for
# such a layer, with a larger picture than above and a random kernel.

# %% mystnb={"image": {"alt": "Photo of a cat's face. Upper row: the photo rolled to the side, then filtered with zeros around it. Lower row: filtered, then rolled. The two results agree inside; the difference shows thin bright lines where the border of the picture was before and after the roll."}}
from course_utils.scratch.equivariance.shifts import nearest_roll_gap, roll, shift_gap

cat = data.photo("cat", 64, gray=True)[None].double() / 255
kernel = torch.randn(1, 1, 5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
kernel = kernel - kernel.mean()  # sums to 0: flat areas give no answer


def circular(v, stride=1):
    return F.conv2d(F.pad(v, (2, 2, 2, 2), mode="circular"), kernel, stride=stride)


def padded(v, stride=1):
    return F.conv2d(v, kernel, padding=2, stride=stride)


def orders(layer, move, name, layer_name="filter", move_output=None):
    """Both orders of a move and a layer, as a picture."""
    first, second = layer(move(cat)), (move_output or move)(layer(cat))
    return two_orders(
        cat[0, 0].numpy(),
        (move(cat)[0, 0].numpy(), first[0, 0].numpy()),
        (layer(cat)[0, 0].numpy(), second[0, 0].numpy()),
        move=name,
        layer=layer_name,
    )


orders(padded, lambda v: roll(v, (6, 20)), "roll")

# %% tags=["nbval-check-output"]
inner = shift_gap(padded, cat, (6, 20)).abs()[..., 8:-2, 22:-2]  # further than 2 from every old and new border
print(f"on the circle:  largest difference below 1e-12: {bool(shift_gap(circular, cat, (6, 20)).abs().max() < 1e-12)}")
print(f"zero padding:   largest difference {shift_gap(padded, cat, (6, 20)).abs().max():.1f}")
print(f"   away from the borders below 1e-12: {bool(inner.max() < 1e-12)}")
for shift in ((1, 0), (0, 1), (-7, 13), (31, 40)):
    assert shift_gap(circular, cat, shift).abs().max() < 1e-12
assert shift_gap(padded, cat, (6, 20)).abs().max() > 1
assert inner.max() < 1e-12

# %% [markdown]
# Lines at the borders, nothing inside. "Pay attention to the boundary conditions", says a footnote in the lecture; here they are.
#
# Now a stride of 2. The picture moves by one pixel, and the output would have to move by half a pixel, which it cannot. So let it move by any whole number, and draw the best:

# %% mystnb={"image": {"alt": "Filtering with stride 2. Upper row: the photo moved by one pixel, then filtered to a map of half the size. Lower row: filtered, then moved by the roll that fits best. The difference is speckled everywhere along edges and whiskers."}}
nearest = nearest_roll_gap(lambda v: circular(v, 2), cat, (0, 1))[1]
orders(
    lambda v: circular(v, 2),
    lambda v: roll(v, (0, 1)),
    "roll",
    "filter, stride 2",
    move_output=lambda v: roll(v, nearest),
)

# %% [markdown]
# A layer of stride $s$ is equivariant only to shifts by multiples of $s$. When the picture moves by $s d$, the output moves by $d$:
#
# $$ f_s(T_{s d}\, x) = T_d\, f_s(x) . \tag{5.68} $$
#
# > **Predict.** Which of these are equivariant to *every* shift on the circle: bias and ReLU, max pooling with stride 1, max pooling with stride 2, average pooling with stride 2?

# %% tags=["nbval-check-output"]
suspects = {
    "convolution": (circular, 1),
    "bias and ReLU": (lambda v: F.relu(v - 0.3), 1),
    "3x3 max pooling, stride 1": (lambda v: F.max_pool2d(F.pad(v, (1, 1, 1, 1), mode="circular"), 3, 1), 1),
    "all three in a row": (
        lambda v: F.max_pool2d(F.pad(F.relu(circular(v)), (1, 1, 1, 1), mode="circular"), 3, 1),
        1,
    ),
    "convolution, stride 2": (lambda v: circular(v, 2), 2),
    "2x2 max pooling, stride 2": (lambda v: F.max_pool2d(v, 2), 2),
    "2x2 average, stride 2": (lambda v: F.avg_pool2d(v, 2), 2),
}
print("largest difference, in units of the output   odd shift   even shift")
for name, (layer, stride) in suspects.items():
    scale = layer(cat).abs().max().item()
    odd = nearest_roll_gap(layer, cat, (0, 1))[0] if stride == 2 else shift_gap(layer, cat, (3, 1)).abs().max().item()
    even = shift_gap(layer, cat, (4, 2), stride).abs().max().item()
    print(f"  {name:40s} {odd / scale:10.2f} {even / scale:12.2f}")
    assert even < 1e-12
    assert (odd < 1e-12) == (stride == 1)

# %% [markdown]
# Max pooling with stride 1 is perfectly equivariant. It is never the *maximum* that breaks the property, it is the step that throws places away. And a chain of equivariant layers is equivariant: move the picture, and every map on the way moves.
#
# ## From moving along to standing still
#
# Now put a [global pool](../book/glossary.md#global-pooling) at the end. Whatever the last map does as it moves, the largest number on it stays the largest. Equivariance first, a global pool after it: that makes [invariance](../book/glossary.md#invariance), and many image classifiers are built to this
# recipe. <span id="c129"></span>The lecture says about global pooling: "full invariance to location". [Of the pooling step](05c_pooling.ipynb#all-at-once-global-pooling) it is true. Is it true of the network?
#
# Put a digit on a black canvas and slide it around, never touching the border. Layers: convolution with zero padding, ReLU,
# global maximum. Then the same with stride 2, once and twice.
#
# > **Predict.** The digit can stand at 81 places. How many *different* outputs do you get with stride 1? With stride 2? With two
# > layers of stride 2?


# %% tags=["nbval-check-output"]
def tower(strides, seed=SEED):
    """Random convolutions with zero padding and ReLU, then the global maximum."""
    draw = torch.Generator().manual_seed(seed)
    weights, channels = [], 1
    for _ in strides:
        weights.append(torch.randn(6, channels, 3, 3, generator=draw, dtype=torch.float64))
        channels = 6

    def run(v):
        for w, stride in zip(weights, strides):
            v = F.relu(F.conv2d(v, w, stride=stride, padding=1))
        return v.amax(dim=(2, 3))

    return run


digits = data.load("digits", "all")
three = digits.images[digits.labels == 3][1].double()  # (1, 8, 8), 0..255


def distinct_outputs(network, places):
    on_canvas = torch.zeros(len(places), 1, 32, 32, dtype=torch.float64)
    for image, (r, q) in zip(on_canvas, places):
        image[0, r : r + 8, q : q + 8] = three[0] / 255
    return len(torch.unique(network(on_canvas).round(decimals=9), dim=0))


inside = [(r, q) for r in range(8, 17) for q in range(8, 17)]
touching = [(r, 0) for r in range(8, 17)] + [(0, 12), (24, 12), (24, 24), (0, 0)]
counts = {strides: distinct_outputs(tower(strides), inside) for strides in ((1,), (1, 1), (2,), (2, 2))}
for strides, count in counts.items():
    print(f"strides {strides}: 81 places, {count} different outputs")
print(f"strides (1, 1), places at the border too: {distinct_outputs(tower((1, 1)), inside + touching)}")
assert counts == {(1,): 1, (1, 1): 1, (2,): 4, (2, 2): 16}
assert distinct_outputs(tower((1, 1)), inside + touching) > 1

# %% [markdown]
# One output with stride 1: exact invariance for the whole network, as long as the object stays away from the border. Every stride of 2 multiplies the number of outputs by $2 \times 2$: the output now depends
# on where the object stands *relative to the grid of kept pixels*. The sentence of the lecture is true of the last layer, and not of the networks it is used in.
#
# ## Turning and zooming
#
# <span id="c134"></span>The lecture adds that convolution is equivariant neither to rotation nor to scaling. A quarter turn is the fairest test: `rot90`
# moves pixels to pixels, and nothing is interpolated.

# %% mystnb={"image": {"alt": "Upper row: the cat's face turned by 90 degrees, then filtered with a random kernel. Lower row: filtered, then turned. The two results show edges of different directions, and the difference is bright along the whiskers and eyes."}}
orders(padded, lambda v: torch.rot90(v, 1, (2, 3)), "turn")

# %% [markdown]
# A filter answers to patterns of one direction. Turn the picture, and they have another direction: the filter does not find them any
# more.
#
# > **Predict.** Some kernel must pass this test: "alike all around" did, in the figure at the top. What must be true of its weights? Will it pass at 30 degrees? When the picture is enlarged?

# %% tags=["nbval-check-output"]
from course_utils.scratch.equivariance.rotations import (
    enlarge,
    is_turn_symmetric,
    isotropic_kernel,
    move_gap,
    quarter_turn_gap,
    turn,
)

mexican_hat = isotropic_kernel(7, lambda r: (1 - (r / 1.4) ** 2 / 2) * torch.exp(-((r / 1.4) ** 2) / 2))
mexican_hat = mexican_hat - mexican_hat.mean()  # still a function of the distance alone
kernels = {"random": kernel[0, 0], "depends on the distance alone": mexican_hat}


def filter_with(weights):
    return lambda v: F.conv2d(v, weights[None, None], padding=len(weights) // 2)


print("relative difference of the two orders     90 degrees   30 degrees   zoom 1.5")
for name, weights in kernels.items():
    layer = filter_with(weights)
    exact = bool(quarter_turn_gap(layer, cat).abs().max() < 1e-12)  # everywhere, borders included
    quarter = move_gap(layer, cat, lambda v: torch.rot90(v, 1, (2, 3)), margin=12)
    slanted = move_gap(layer, cat, lambda v: turn(v, 30), margin=20)
    zoomed = move_gap(layer, cat, lambda v: enlarge(v, 1.5), margin=12)
    print(f"  {name:36s} {quarter:12.2f} {slanted:12.2f} {zoomed:10.2f}")
    assert exact == is_turn_symmetric(weights) == (quarter < 1e-12)
    assert zoomed > 0.3

# %% [markdown]
# A kernel whose weights depend only on the distance from its centre (an [isotropic](../book/glossary.md#isotropic-kernel) one) looks the same after a quarter turn, and so it cannot tell the two orders apart: exactly
# 0. A smaller turn changes the picture less, so at 30 degrees even the random kernel loses less. The symmetric one does far better, but not perfectly: turned pixels must be interpolated, and a $7 \times 7$ grid is
# no disc. Against zooming it has no defence: a spot twice as large asks for a kernel twice as large. So the lecture is right about kernels in general, and symmetric ones are the exception.
#
# But such a kernel pays a price: it is blind to direction. Can we have both, filters that see directions *and* an answer that does not mind a turn?
#
# ## Learned invariance: pool over channels
#
# So far the window was a piece of the *map*. Make it a piece of the *channel list* instead. Take a filter and its three quarter turns, and keep the
# largest of the four answers at each place. Turn the picture by 90 degrees: the four answers swap roles, and their maximum turns with the picture. (In the figure at the top this layer is called "best of four turns".)

# %% tags=["nbval-check-output"]
from course_utils.scratch.pooling.channel_pool import channel_max_pool, rotated_bank

bank = torch.tensor(rotated_bank(kernel.numpy()))  # (4, 1, 5, 5): the four turns of one filter


def best_of_four(v):
    return torch.tensor(channel_max_pool(F.conv2d(v, bank, padding=2).numpy(), 4).values)


single = (quarter_turn_gap(padded, cat).norm() / padded(cat).norm()).item()
pooled_over_turns = quarter_turn_gap(best_of_four, cat).abs().max().item()
peaks = [best_of_four(torch.rot90(cat, turns, (2, 3))).max().item() for turns in range(4)]
print(f"one filter:                relative difference {single:.2f}")
print(f"maximum over four turns:   largest difference below 1e-12: {pooled_over_turns < 1e-12}")
print("strongest answer in the picture, turned by 0, 90, 180, 270:", [round(peak, 3) for peak in peaks])
assert single > 0.3
assert pooled_over_turns < 1e-12
assert max(peaks) - min(peaks) < 1e-12

# %% [markdown]
# The map is equivariant to quarter turns now, although every filter in the bank sees directions. And its global maximum is invariant: four times the same number.
#
# <span id="c154"></span>This bank was built by hand. The lecture claims more: pooling across channels *can learn* invariances. Then nobody may tell the network about
# turns. Let it see digits in four orientations, with nothing but the class as a target. Each class has a group of four filters, free to become
# anything; the score of the class is the largest of the four answers. One competitor has a single filter for each class. Another has
# four filters and takes their *average*.
#
# > **Predict.** Will the average of four filters beat one filter?

# %% tags=["band-turns"]
import torch
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything

TURNED_CLASSES = (1, 2, 3, 4, 5, 7, 9)  # 0 and 8 hardly change when turned, and a turned 6 is a 9


def in_four_turns(part):
    """Digits with mean 0 and length 1, each in its four quarter turns: (N, 4, 1, 8, 8), and their classes."""
    images = data.load("digits", part)
    kept = torch.isin(images.labels, torch.tensor(TURNED_CLASSES))
    x = images.images[kept].float()
    x = x - x.mean((2, 3), keepdim=True)
    x = x / x.norm(dim=(2, 3), keepdim=True)
    y = torch.tensor([TURNED_CLASSES.index(int(label)) for label in images.labels[kept]])
    return torch.stack([torch.rot90(x, turns, (2, 3)) for turns in range(4)], dim=1), y


def group_scores(x, filters, pool):
    answers = F.conv2d(x, filters).view(len(x), len(TURNED_CLASSES), -1)  # (N, classes, group)
    return answers.amax(dim=2) if pool == "max" else answers.mean(dim=2)


def train_groups(x, y, group, pool, seed, epochs=40):
    seed_everything(seed)
    filters = torch.nn.functional.normalize(torch.randn(len(TURNED_CLASSES) * group, 64), dim=1)
    filters = filters.view(-1, 1, 8, 8).requires_grad_()
    optimizer = torch.optim.Adam([filters], lr=1e-2, weight_decay=1e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(64):
            turns = torch.randint(0, 4, (len(chosen),))
            loss = F.cross_entropy(6 * group_scores(x[chosen, turns], filters, pool), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return filters.detach()


turned_x, turned_y = in_four_turns("train")
turned_test, turned_labels = in_four_turns("test")
turns_result, learned = {}, {}
for name, group, pool in (("one filter", 1, "max"), ("average of four", 4, "mean"), ("maximum of four", 4, "max")):
    learned[name] = train_groups(turned_x, turned_y, group, pool, SEED)
    guesses = group_scores(turned_test.flatten(0, 1), learned[name], pool).argmax(dim=1).view(-1, 4)
    turns_result[name] = (guesses == turned_labels[:, None]).float().mean().item()

# How much do the answers for the right class vary while a digit turns? Single filters against their maximum.
answers = F.conv2d(turned_test.flatten(0, 1), learned["maximum of four"]).view(len(turned_test), 4, -1, 4)
own = answers[torch.arange(len(turned_test)), :, turned_labels]  # (N, turns, group)
turns_result["variation kept"] = (own.amax(dim=2).std(dim=1).mean() / own.std(dim=1).mean()).item()
turns_result["filters used"] = torch.tensor([len(set(w)) for w in own.argmax(dim=2).tolist()]).float().mean().item()

# %%
for name, value in turns_result.items():
    print(f"{name:16s} {value:.3f}    band: {band('05d_equivariance.turns', name)}")
    assert band("05d_equivariance.turns", name).contains(value, slack=0.02 if name != "filters used" else 0.5)
assert (
    band("05d_equivariance.turns", "maximum of four").minimum
    > band("05d_equivariance.turns", "average of four").maximum
)
assert band("05d_equivariance.turns", "variation kept").maximum < 0.5

# %% mystnb={"image": {"alt": "Four learned 8 by 8 filters of one class and a test digit in four orientations; bars show each filter's response to each orientation. Different filters win for different orientations, and the maximum, a black mark, stays at nearly the same height while the single responses rise and fall, some below zero."}}
winners = own.argmax(dim=2)  # (N, turns): which filter of its group answers most to a digit in each orientation
used = torch.tensor([len(set(row)) for row in winners.tolist()])
by_class = torch.stack([used[turned_labels == k].double().mean() for k in range(len(TURNED_CLASSES))])
member = int(by_class.argmax())  # the class whose group shares the work most
shown = int(((turned_labels == member) * used).argmax())
group_of_four = learned["maximum of four"].view(len(TURNED_CLASSES), 4, 8, 8)[member]
responses = torch.einsum("phw,ghw->pg", turned_test[shown, :, 0], group_of_four)
filter_groups(group_of_four.numpy(), turned_test[shown, :, 0].numpy(), responses.numpy())

# %% [markdown]
# The average of four filters is one filter (a sum of linear things is linear): no better. The maximum of four is another machine. In the picture you see
# the class that shares its work most: different members answer to different orientations. "Variation kept" says how much the pooled answer still varies while a digit turns, as a part of what a single filter's answer does. Nobody mentioned turns. The groups learned *the invariance that was in the data*.
#
# Did every group learn four filters, one for each orientation? Count the members that win, and compare each group's busiest filter with itself, turned: 1 means that it looks the same.

# %%
print("digit   members at work   busiest filter against itself turned by 90   by 180")
for k, digit in enumerate(TURNED_CLASSES):
    busiest = winners[turned_labels == k].flatten().mode().values
    f = learned["maximum of four"].view(len(TURNED_CLASSES), 4, 8, 8)[k, busiest]
    alike = [((f * torch.rot90(f, turns)).sum() / f.square().sum()).item() for turns in (1, 2)]
    print(f"{digit:5d} {by_class[k]:15.1f} {alike[0]:30.2f} {alike[1]:20.2f}")

# %% [markdown]
# No. A group uses as many members as it needs. Where two members do the work, each looks almost the same after a half turn, and so it serves two orientations. The 4 gets by with one filter that hardly changes even under a quarter turn. And a member that never wins gets no gradient from the loss, so nothing calls it back.
# Pooling over learned channels has a name of its own, *maxout* ([Goodfellow et al., 2013](../book/references.md#goodfellow-2013)).
#
# *At scale* below puts the two ways side by side on larger digits: invariance built in, and invariance learned. Which one reads better?
#
# ## A fully connected layer is a convolution
#
# So far layers of a fixed size had no place. Yet at the end of LeNet and AlexNet the maps are flattened into a vector, and a matrix turns it into scores: made for one size of picture, with weights of its own for every place. One observation frees it from both.
#
# First how large such a matrix is. <span id="c151"></span>The lecture's example: a $16 \times 16$ map with 256 channels, 4,096 units. Every unit is connected to
# every number:

# %% tags=["nbval-check-output"]
from course_utils.scratch.fully_convolutional.fc_as_conv import (
    as_fully_convolutional,
    connection_count,
    linear_as_kernel,
    score_map,
    scores_of_crops,
    window_of,
)

weights = connection_count(16, 16, 256, 4096)
print(f"16 x 16 x 256 x 4096 = {weights:,} weights, and 4,096 biases")
print(
    f"that is {weights / 2**20:.0f} x 2^20, or {weights / 1e6:.1f} million, or {weights * 4 / 2**30:.0f} GiB in float32"
)
assert weights == 268_435_456

# %% [markdown]
# The slide's "256 million" counts in units of $2^{20}$, as memory is counted; in plain decimal it is 268.4 million. Either way: most of the network is this one matrix. (After a global average it would be
# $256 \times 4096$, about one million.)
#
# <span id="c152"></span>Now look at one row of the matrix. It multiplies each number of the map with a weight of its own and adds up. A convolution whose kernel is as large as the map does exactly the same, at the only
# place where it fits. With the weights in the shape of the map:
#
# $$ z_k = \sum_{m} W_{k m}\, \operatorname{flat}(V)_m = \sum_{c,u,v} K_{k,c,u,v}\, V_{c,u,v}, \qquad K = W \text{ reshaped} . \tag{5.71} $$
#
# In the figure, the kernel is as large as the map: 25 weights, 25 numbers, one place where it fits, one sum. That is one unit of a fully connected layer.
#
# > **Predict.** Choose the digit, $8 \times 8$, as the picture and keep the 25 weights. How many sums come out, and what is each?
#
# Try these: compare two sums that stand side by side, and say which products they share. Then set the stride to 3.

# %%
ConvolutionExplorer(
    picture_preset="lecture",
    kernel=[[1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [1, 0, 1, 0, 1]],
)

# %% [markdown]
# Sixteen sums: what the same unit says about each of the sixteen $5 \times 5$ pieces of the digit. Now the real thing, with 3 channels, 5 units, and a map of $16 \times 12$ in place of $8 \times 8$:

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(SEED)
batch = rng.normal(size=(2, 3, 8, 8))
head = nn.Linear(3 * 8 * 8, 5).double()
w, b = head.weight.detach().numpy(), head.bias.detach().numpy()
as_vector = head(torch.tensor(batch).flatten(1)).detach().numpy()  # (2, 5)
as_map = score_map(batch, w, b, side=8)  # (2, 5, 1, 1)
print(
    f"one size: vector {as_vector.shape}, map {as_map.shape}, equal: {np.allclose(as_vector, as_map[:, :, 0, 0], atol=1e-9)}"
)
library = F.conv2d(torch.tensor(batch), torch.tensor(linear_as_kernel(w, 3, 8, 8)), torch.tensor(b)).numpy()
assert np.abs(as_vector - as_map[:, :, 0, 0]).max() < 1e-9
assert np.abs(library - as_map).max() < 1e-9

larger = rng.normal(size=(1, 3, 16, 12))
scores = score_map(larger, w, b, side=8)
crop = larger[:, :, 5:13, 2:10]
assert np.abs(scores[0, :, 5, 2] - head(torch.tensor(crop).flatten(1)).detach().numpy()[0]).max() < 1e-9
print(
    f"a larger map: {larger.shape[2:]} gives scores at {scores.shape[2:]} places, each what the layer says about that crop"
)

# %% [markdown]
# A map of scores, for free. This turns a classifier of small pictures into a scanner of large ones. Train a reader of $8 \times 8$ digits with a fully connected head and an eleventh class, "nothing" (pieces of digits that are not centred). Then replace
# its two matrices by kernels, which makes it a [fully convolutional network](../book/glossary.md#fully-convolutional-network), and show it a whole line of unseen digits at random places. (The folded cell trains the reader and reads twenty such lines.)
#
# > **Predict.** The reader contains one $2 \times 2$ pooling with stride 2. How far apart, in pixels, are the places that it scores?

# %% tags=["band-scan", "hide-input"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything
from course_utils.scratch.fully_convolutional.fc_as_conv import as_fully_convolutional
from course_utils.training import evaluate, fit


def windows_with_and_without(part, seed):
    """Centred digits (also one pixel off), and as many windows that cut digits in pieces, as class 10."""
    digits, draw = data.load("digits", part), torch.Generator().manual_seed(seed)
    images, labels = [], []
    for image, label in zip(digits.images, digits.labels):
        frame = F.pad(image, (8, 8, 8, 8))
        for centred in (True, False):
            r, q = torch.randint(-1, 2, (2,), generator=draw).tolist()
            while not centred and max(abs(r), abs(q)) < 4:
                r, q = torch.randint(-8, 9, (2,), generator=draw).tolist()
            images.append(frame[:, 8 + r : 16 + r, 8 + q : 16 + q])
            labels.append(int(label) if centred else 10)
    return data.ImageSet(torch.stack(images), torch.tensor(labels), (*digits.classes, "nothing"), f"windows/{part}")


seed_everything(SEED)
reader = nn.Sequential(
    nn.Conv2d(1, 24, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(24 * 3 * 3, 64),
    nn.ReLU(),
    nn.Linear(64, 11),
)
scan_train, scan_test = windows_with_and_without("train", SEED), windows_with_and_without("test", SEED + 1000)
fit(reader, data.Batches(scan_train, 64, seed=SEED), epochs=10, lr=1e-2, schedule="one_cycle", progress=False)
scan_result = {"accuracy": evaluate(reader, data.Batches(scan_test, 500, shuffle=False)).accuracy}


def write_strip(seed):
    """Six unseen digits at random places of a strip of 24 x 88 pixels, and (row, column, class) of each."""
    digits, draw = data.load("digits", "test"), torch.Generator().manual_seed(seed)
    picture, truth = torch.zeros(1, 1, 24, 88), []
    for slot in range(6):
        r, q = (
            int(torch.randint(0, 17, (1,), generator=draw)),
            14 * slot + int(torch.randint(0, 5, (1,), generator=draw)),
        )
        pick = int(torch.randint(0, len(digits.labels), (1,), generator=draw))
        picture[0, 0, r : r + 8, q : q + 8] = digits.images[pick, 0].float() / 255
        truth.append((r, q, int(digits.labels[pick])))
    return picture, truth


def read_strip(scanner, picture):
    """Class probabilities at every place, and (row, column, class) in pixels of what stands out."""
    with torch.no_grad():
        probabilities = scanner(picture).softmax(dim=1)[0]  # (11, 9, 41)
    something = 1 - probabilities[10]
    # Max pooling once more: a place stands out if it is the largest of its neighbourhood.
    peaks = (something == F.max_pool2d(something[None], 5, 1, 2)[0]) & (something > 0.5)
    return probabilities, [(2 * int(i), 2 * int(j), int(probabilities[:10, i, j].argmax())) for i, j in peaks.nonzero()]


scanner = as_fully_convolutional(reader, (1, 8, 8))
right = claimed = 0
for seed in range(20):
    picture, truth = write_strip(1000 * SEED + seed)
    boxes = read_strip(scanner, picture)[1]
    claimed += len(boxes)
    right += sum(any(abs(r - a) <= 2 and abs(q - b) <= 2 and k == c for a, b, c in boxes) for r, q, k in truth)
scan_result |= {"found": right / 120, "claims that are right": right / claimed}

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels one above the other. A black strip with six handwritten digits at different heights; the same strip with a map of the probability that something is there laid over its place, bright at each digit; the strip again with a box around each place that stands out and the digit that was read beside it."}}
strip, truth = write_strip(seed=SEED)
probabilities, found = read_strip(scanner, strip)
something = 1 - probabilities[10]

figure, panels = plt.subplots(3, 1, figsize=(7, 6.2), sharex=True, sharey=True)
panels[0].imshow(strip[0, 0], cmap="gray")
panels[0].set_title("one picture, 24 x 88 pixels")
# A score belongs to a window of 8 x 8 pixels; it is drawn at the window's centre.
rows, columns = something.shape
middle = (2.5, 2 * columns + 2.5, 2 * rows + 2.5, 2.5)
panels[1].imshow(strip[0, 0], cmap="gray")
panels[1].imshow(something, cmap="inferno", vmin=0, vmax=1, extent=middle)
panels[1].set_title(f"probability of any digit, {rows} x {columns} places")
panels[2].imshow(strip[0, 0], cmap="gray")
panels[2].set_title("what it read")
for r, q, digit in found:
    x1, y1, x2, y2 = window_of(r // 2, q // 2, side=8, stride=2)
    x1, y1, x2, y2 = x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5  # pixel 0 is drawn from -0.5 to 0.5
    panels[2].plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=COLORS["orange"])
    panels[2].text(x2 + 0.7, y1 + 4, str(digit), color=COLORS["orange"], fontsize=12, weight="bold")
panels[2].set(xlim=(-0.7, 87.7), ylim=(23.7, -0.7))
for axes in panels:
    axes.set_axis_off()
plt.show()

# %%
for name, value in scan_result.items():
    print(f"{name:22s} {value:.3f}    band: {band('05d_equivariance.scan', name)}")
    assert band("05d_equivariance.scan", name).contains(value, slack=0.05)
with torch.no_grad():
    slow = scores_of_crops(reader.eval(), strip, side=8, stride=2)
    fast = scanner(strip)
print(
    f"one pass against {slow.shape[2] * slow.shape[3]} crops: largest difference below 1e-4: {bool((slow - fast).abs().max() < 1e-4)}"
)
assert slow.shape == fast.shape
assert (slow - fast).abs().max() < 1e-4
print(
    "on this strip:",
    [digit for _, _, digit in truth],
    " read:",
    [digit for _, _, digit in sorted(found, key=lambda f: f[1])],
)


def multiply_adds(height, width):
    """Multiply-adds of the reader on a picture: first convolution, first head layer as a kernel, second one."""
    rows, columns = (height - 2) // 2, (width - 2) // 2  # after the convolution and the pooling
    places = (rows - 2) * (columns - 2)
    return (height - 2) * (width - 2) * 9 * 24 + places * (216 * 64 + 64 * 11)


print(
    f"multiply-adds: {multiply_adds(24, 88):,} in one pass, {multiply_adds(8, 8) * slow.shape[2] * slow.shape[3]:,} crop by crop"
)
assert multiply_adds(24, 88) < multiply_adds(8, 8) * slow.shape[2] * slow.shape[3]

# %% [markdown]
# Most digits are found and read, some are not, and some claims are wrong; the shares over twenty strips stand above. A detector needs more care than this, but look at the price: the same numbers as 369 separate crops, for less work. Neighbouring crops overlap, and the convolution computes each edge once. Here most of the work sits in the head, and the head's sums are hardly shared; the deeper a network is before its head, the more
# is saved. Detectors, in chapter 10, live on this idea.
#
# The stride of the pooling left its mark: the scores stand two pixels apart, so a digit at an odd place is never centred in a window ([exercise 6](#exercises) repairs it). And the "nothing" class was trained, not given: a reader that has only ever seen digits finds digits everywhere ([pitfall 4](#pitfalls)).
#
# ## Any size
#
# <span id="c135"></span>A lecture says: "the same net can process inputs of varying size", since a convolution has as many weights for a stamp as for a poster. The second half is true. The first
# depends on the head.
#
# > **Predict.** Two networks with the same convolutions. One ends in a global average and a linear layer, the other flattens a $16 \times 8 \times 8$ map into a linear layer. Which sizes of picture does each accept?

# %% tags=["nbval-check-output"]
body = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]
pooled_head = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
fixed_head = nn.Sequential(*body, nn.Flatten(), nn.Linear(16 * 8 * 8, 10))
for height, width in ((16, 16), (20, 20), (9, 31), (96, 64)):
    picture = data.photo("rocket", (height, width), gray=True)[None].float() / 255
    answer = f"{tuple(pooled_head(picture).shape)}"
    try:
        other = f"{tuple(fixed_head(picture).shape)}"
    except RuntimeError as error:
        other = f"RuntimeError: {str(error).splitlines()[0]}"
    print(f"{height:2d} x {width:2d}   global pooling: {answer}   fixed head: {other}")
    assert pooled_head(picture).shape == (1, 10)
    assert ("RuntimeError" in other) == ((height, width) != (16, 16))
counted = sum(p.numel() for p in nn.Sequential(*body).parameters())
print(f"weights of the convolutions, whatever the size: {counted}")

# %% [markdown]
# Parameters: yes, independent of the size. Inputs: any size only if no layer has a fixed number of inputs, that is, with a global or [adaptive](../book/glossary.md#adaptive-pooling) pool in front of the head, or with a head that is a convolution. And "can process" is
# not "understands". The scanner was trained on digits 8 pixels tall. On a strip of twice the size it runs without complaint, and reads badly ([exercise 4](#exercises)): a convolution is not equivariant to zooming.
#
# ## An answer with a shape
#
# Leave out the pools and the strides altogether, and pad. Then the output keeps the shape of the picture: for every pixel a list of class scores. Softmax over the channels, *at every place by itself*, makes
# probabilities of them:
#
# $$ p_{k,r,q} = \frac{e^{z_{k,r,q}}}{\sum_{l} e^{z_{l,r,q}}}, \qquad \sum_k p_{k,r,q} = 1 \ \text{ at every pixel } (r, q) . \tag{5.72} $$
#
# Without strides, how does a pixel see enough of its digit to name it? By [dilation](05b_layers.ipynb#dilation-reach-without-weights). The figure is set to the network that comes next, three convolutions. Select a unit of the top row, and see which pixels of the input reach it.
#
# > **Predict.** How many pixels in a row does one output see? And if the second layer were not dilated? Then change its dilation to 1 and look; digits are 8 pixels wide.

# %%
ReceptiveField(
    layers=[
        {"kernel_size": 5, "padding": 2},
        {"kernel_size": 5, "padding": 4, "dilation": 2},
        {"kernel_size": 1},
    ],
    size=24,
)

# %% [markdown]
# Thirteen, against nine. Train it on canvases with real digits 0, 1 and 4. The target has the shape of the picture too: for every pixel of ink the class of the digit
# that it belongs to, and 0 for background.

# %% tags=["band-pixels"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data
from course_utils.runtime import seed_everything

PIXEL_CLASSES = (0, 1, 4)


def canvases(part, count, seed):
    """Pictures of 24x24 with three digits each, and a class for every pixel: 0 paper, k + 1 ink of class k."""
    digits, draw = data.load("digits", part), torch.Generator().manual_seed(seed)
    chosen = torch.isin(digits.labels, torch.tensor(PIXEL_CLASSES)).nonzero().flatten()
    images, targets = torch.zeros(count, 1, 24, 24), torch.zeros(count, 24, 24, dtype=torch.int64)
    for image, target in zip(images, targets):
        for corner in torch.randperm(4, generator=draw)[:3].tolist():
            r, q = (torch.randint(0, 5, (2,), generator=draw) + 12 * torch.tensor([corner // 2, corner % 2])).tolist()
            pick = chosen[torch.randint(len(chosen), (1,), generator=draw)].item()
            digit = digits.images[pick, 0].float() / 255
            image[0, r : r + 8, q : q + 8] = digit
            target[r : r + 8, q : q + 8][digit > 0.25] = PIXEL_CLASSES.index(int(digits.labels[pick])) + 1
    return images, targets


seed_everything(SEED)
pixel_net = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2),
    nn.ReLU(),
    nn.Conv2d(16, 16, 5, padding=4, dilation=2),
    nn.ReLU(),
    nn.Conv2d(16, len(PIXEL_CLASSES) + 1, 1),
)
pixel_x, pixel_y = canvases("train", 300, SEED)
optimizer = torch.optim.Adam(pixel_net.parameters(), lr=1e-2)
plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=8 * 19)
paper_counts_less = torch.tensor([0.1, 1.0, 1.0, 1.0])  # five of six pixels are paper
for _ in range(8):
    for chosen in torch.randperm(300).split(16):
        loss = F.cross_entropy(pixel_net(pixel_x[chosen]), pixel_y[chosen], weight=paper_counts_less)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        plan.step()
pixel_test, pixel_truth = canvases("test", 100, SEED + 1000)
with torch.no_grad():
    pixel_guess = pixel_net(pixel_test).argmax(dim=1)
ink = pixel_truth > 0
pixels_result = {
    "ink": (pixel_guess == pixel_truth)[ink].float().mean().item(),
    "all": (pixel_guess == pixel_truth).float().mean().item(),
}

# %% mystnb={"image": {"alt": "Three rows of four pictures, 24 by 24 pixels: grey canvases with three digits each among 0, 1 and 4; the true class of each ink pixel, blue for 0, orange for 1, green for 4 on black; and the network's answer in the same colours, nearly the same, with a few wrong pixels at the edges of strokes."}}
from matplotlib.colors import to_rgb

palette = torch.tensor([to_rgb(COLORS[name]) for name in ("ink", "blue", "orange", "green")])
palette[0] = 0  # paper is black
plotting.image_grid(
    torch.cat(
        [pixel_test[:4].expand(-1, 3, -1, -1), *(palette[v[:4]].movedim(3, 1) for v in (pixel_truth, pixel_guess))]
    ),
    titles=["picture"] * 4 + ["truth: 0 is blue", "truth: 1 is orange", "truth: 4 is green", "truth"] + ["answer"] * 4,
    columns=4,
    size=1.6,
)

# %%
from course_utils.scratch.fully_convolutional.dense_outputs import pixel_cross_entropy, pixel_softmax

with torch.no_grad():
    pixel_logits = pixel_net(pixel_test).double().numpy()
probability = pixel_softmax(pixel_logits)  # (100, 4, 24, 24)
print(
    "one picture's answer:",
    probability[0].shape,
    " sums at every pixel:",
    set(probability.sum(axis=1).round(9).ravel().tolist()),
)
assert np.allclose(probability.sum(axis=1), 1, atol=1e-12)
assert np.allclose(probability, torch.tensor(pixel_logits).softmax(dim=1), atol=1e-12)
hand_loss, hand_gradient = pixel_cross_entropy(pixel_logits, pixel_truth.numpy())
assert abs(hand_loss - F.cross_entropy(torch.tensor(pixel_logits), pixel_truth).item()) < 1e-9
assert np.abs(hand_gradient.sum(axis=1)).max() < 1e-12  # at each pixel the pulls on the classes cancel
for name, value in pixels_result.items():
    print(f"{name:4s} pixels right: {value:.3f}    band: {band('05d_equivariance.pixels', name)}")
    assert band("05d_equivariance.pixels", name).contains(value, slack=0.03)
with torch.no_grad():
    print("and it takes any size:", tuple(pixel_net(torch.zeros(1, 1, 40, 90)).shape))

# %% [markdown]
# A tensor of probabilities, one list for each pixel: what the lecture calls a [structured output](../book/glossary.md#structured-output). Where a global pool asks "is it anywhere?", this network answers "what is
# it here?". It does not have to stand still when the picture moves. It has to move along, and stride 1 makes it do so. Chapter 11 builds on it.

# %% [markdown]
# ## Checked claims
#
# What the lectures state, and what this chapter found. Each verdict links to the place where it is checked.
#
# | claim | verdict | finding |
# |---|---|---|
# | [C129](#c129) Global pooling gives full invariance to location | imprecise | the step: yes; a network with strides or objects at the border: no |
# | [C132](#c132) Convolution is shift-invariant processing | imprecise | of the rule it is true; the output is equivariant: it moves along |
# | [C133](#c133) $f(g(x)) = g(f(x))$ for convolution and translation | true | to machine precision on a circle; with stride 1, away from borders |
# | [C134](#c134) Convolution is not equivariant to rotation and scaling | true | for generic kernels; symmetric ones pass the quarter turn |
# | [C135](#c135) The same network processes inputs of any size | imprecise | the parameters do not depend on the size; a fixed head does |
# | [C151](#c151) $16 \times 16 \times 256$ to 4,096 units: 256 million parameters | imprecise | 268,435,456: 256 times $2^{20}$ |
# | [C152](#c152) A fully connected layer over a map is a full-size convolution | true | equal to $10^{-9}$, and a score map on larger inputs |
# | [C154](#c154) Pooling across channels can learn invariances | true | exact for turned copies; learned from turned digits over 20 seeds |
#
# ## Pitfalls
#
# **1. Testing with a shift that forgives.** Shift by 2, or by 8, or by half the picture, and every network with one stride of 2 passes the test. Test with 1.

# %% tags=["nbval-check-output"]
for shift in (8, 2, 1):
    gap, _ = nearest_roll_gap(lambda v: circular(v, 2), cat, (0, shift))
    print(f"stride 2, shift by {shift}: equivariant: {gap < 1e-12}")
assert nearest_roll_gap(lambda v: circular(v, 2), cat, (0, 8))[0] < 1e-12
assert nearest_roll_gap(lambda v: circular(v, 2), cat, (0, 1))[0] > 1e-3

# %% [markdown]
# **2. Believing that a convolution cannot know where it is.** Zero padding tells it. Filter a picture that is the same everywhere, and the output is not: each layer carries the news of the border one kernel radius further in.

# %% tags=["nbval-check-output"]
level = torch.ones(1, 1, 32, 32, dtype=torch.float64)
for layers in (1, 2, 3):
    level = F.conv2d(level, torch.full((1, 1, 5, 5), 0.04, dtype=torch.float64), padding=2)
    aware = ((level - level[0, 0, 16, 16]).abs() > 1e-12).double().mean().item()
    print(f"{layers} layers of 5x5: {aware:.0%} of the places can tell that a border is near")
assert aware > 0.5

# %% [markdown]
# **3. An even kernel.** It has no centre, so padding puts one more row on one side than on the other, and even four equal weights fail the quarter turn.

# %% tags=["nbval-check-output"]
for size in (2, 3):
    box = torch.full((1, 1, size, size), 1 / size**2, dtype=torch.float64)
    before, after = (size - 1) // 2, size // 2  # rows and columns of padding, so that the size stays
    gap = quarter_turn_gap(lambda v: F.conv2d(F.pad(v, (before, after) * 2), box), cat).abs().max().item()
    print(
        f"{size}x{size} box: same after a quarter turn: {is_turn_symmetric(box[0, 0])}, passes the test: {gap < 1e-12}"
    )
    assert (gap < 1e-12) == (size == 3)

# %% [markdown]
# **4. Scanning with a reader that knows no "nothing".** Take away the eleventh class: on an empty or half-filled window softmax must still choose among ten digits, and it often does so with confidence.

# %%
with torch.no_grad():
    without_nothing = scanner(strip)[0, :10].softmax(dim=0).amax(dim=0)
confident = (without_nothing > 0.9).float().mean().item()
print(f"places of the strip where ten classes alone claim a digit with more than 90 %: {confident:.0%}")
print(f"places where the eleven classes do: {(probabilities[:10].amax(dim=0) > 0.9).float().mean().item():.0%}")
assert confident > 3 * (probabilities[:10].amax(dim=0) > 0.9).float().mean().item()

# %% [markdown]
# **5. The right numbers in the wrong order.** `flatten` runs through channel 0 row by row, then channel 1. Put the weights into the kernel with the channels last, as some libraries store maps, and nothing complains: the shapes are right, the scores are not.

# %% tags=["nbval-check-output"]
wrong_order = torch.tensor(w).view(5, 8, 8, 3).permute(0, 3, 1, 2)
wrong = F.conv2d(torch.tensor(batch), wrong_order, torch.tensor(b))[:, :, 0, 0]
print("shapes agree:", tuple(wrong.shape) == as_vector.shape, "  scores agree:", np.allclose(wrong, as_vector))
assert not np.allclose(wrong, as_vector)

# %% [markdown]
# ## Exercises
#
# **1. What symmetry costs** (five minutes). How many weights of a $3 \times 3$ kernel can you choose freely if it must look the same after a quarter turn? Of a $5 \times 5$ kernel? Of a $k \times k$ kernel with odd $k$?
#
# <details><summary>Hint</summary>
#
# Colour the cells: a turn takes each cell to another one, and those must be equal. Only the centre stays where it is.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
# The centre is alone, the other k^2 - 1 cells come in fours: 1 + (k^2 - 1) / 4 = (k^2 + 3) / 4.
for k in (3, 5, 7):
    cells = torch.eye(k * k, dtype=torch.float64).view(-1, k, k)
    averaged = torch.stack([torch.rot90(cells, turns, (1, 2)) for turns in range(4)]).mean(dim=0).flatten(1)
    free = int(torch.linalg.matrix_rank(averaged))
    print(f"{k} x {k}: {free} of {k * k} weights are free")
    assert free == (k * k + 3) // 4

# %% [markdown]
# **2. Down and up again** (ten minutes). A network halves its maps with stride 2 and later doubles them, so that the output has the size of the picture again. To which shifts is it equivariant? And with two halvings and two doublings? Test it on the circle.
#
# <details><summary>Hint</summary>
#
# What the stride threw away does not come back. Doubling with `repeat_interleave` is equivariant to every shift of *its* input.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def down_and_up(v, times):
    for _ in range(times):
        v = circular(v, 2)
    for _ in range(times):
        v = circular(v.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    return v


for times in (1, 2):
    passed = [d for d in range(1, 9) if shift_gap(lambda v: down_and_up(v, times), cat, (0, d)).abs().max() < 1e-9]
    print(f"{times} down, {times} up: equivariant to shifts by {passed}")
    assert passed == [d for d in range(1, 9) if d % 2**times == 0]

# %% [markdown]
# **3. Choose the grid by the picture** (half an hour). Stride 2 breaks invariance because it always keeps the even rows and columns, whatever stands there. Write a halving that keeps the one of the four grids (even or odd rows, even or odd columns) whose
# numbers have the largest sum of squares. Show that on the circle, followed by a global pool, it is exactly invariant to *every* shift
# ([Chaman and Dokmanić, 2021](../book/references.md#chaman-dokmanic-2021)).
#
# <details><summary>Hint</summary>
#
# A shift by one only swaps the names of the four grids (and moves them). The largest stays the largest.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def keep_the_strongest_grid(v):
    grids = torch.stack([v[..., r::2, q::2] for r in (0, 1) for q in (0, 1)])
    return grids[(grids**2).flatten(1).sum(dim=1).argmax()]


def adaptive_tower(v):
    return keep_the_strongest_grid(F.relu(circular(keep_the_strongest_grid(F.relu(circular(v)))))).mean((2, 3))


def fixed_tower(v):
    return F.relu(circular(F.relu(circular(v))[..., ::2, ::2]))[..., ::2, ::2].mean((2, 3))


for name, network in (("fixed grid", fixed_tower), ("strongest grid", adaptive_tower)):
    spread = max(abs(network(roll(cat, (r, q))) - network(cat)).item() for r in range(4) for q in range(4))
    print(f"{name:14s}: largest change over 16 shifts {spread / network(cat).item():.1%}")
    assert (spread < 1e-12) == (network is adaptive_tower)

# %% [markdown]
# **4. Runs, but reads badly** (half an hour). Enlarge the strips by 2 (`F.interpolate`) and count how many of the 120 digits the scanner still finds and reads. Then shrink the enlarged strips back with `F.adaptive_avg_pool2d` before it looks. What do you conclude about "any size"?
#
# <details><summary>Hint</summary>
#
# A digit that stood at $(r, q)$ now covers $16 \times 16$ pixels with its centre at $(2r + 8, 2q + 8)$. Compare with the centre of a window.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def share_read(prepare, factor):
    """The share of 120 digits that are read within 2 * factor pixels of where they stand."""
    hits = 0
    for seed in range(20):
        picture, places = write_strip(seed)
        claims = [(r + 4, q + 4, digit) for r, q, digit in read_strip(scanner, prepare(picture))[1]]
        for r, q, digit in places:
            centre = (factor * (r + 4), factor * (q + 4))
            near = [abs(i - centre[0]) <= 2 * factor and abs(j - centre[1]) <= 2 * factor for i, j, _ in claims]
            hits += any(close and claim[2] == digit for close, claim in zip(near, claims))
    return hits / 120


def twice(picture):
    return F.interpolate(picture, scale_factor=2, mode="nearest")


shares = {
    "as trained": share_read(lambda v: v, 1),
    "twice the size": share_read(twice, 2),
    "twice the size, pooled back": share_read(lambda v: F.adaptive_avg_pool2d(twice(v), (24, 88)), 1),
}
for name, value in shares.items():
    print(f"{name:28s} {value:.2f}")
assert shares["twice the size"] < shares["as trained"] - 0.2
assert shares["twice the size, pooled back"] == shares["as trained"]

# %% [markdown]
# **5. Mirrors too** (half an hour). Extend the bank: each filter in four turns, and the mirror image of each. Show that the maximum over the eight is exactly equivariant to turns *and* to mirroring. Which of the letters b, d, p, q can a network made of such layers and a global pool tell apart?
#
# <details><summary>Hint</summary>
#
# `torch.flip(..., dims=(3,))`. Test with `move_gap`, or with the difference of the two orders.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
eight = torch.cat([bank, torch.flip(bank, dims=(3,))])  # (8, 1, 5, 5)


def best_of_eight(v):
    return F.conv2d(v, eight, padding=2).amax(dim=1, keepdim=True)


for name, move in (("turn", lambda v: torch.rot90(v, 1, (2, 3))), ("mirror", lambda v: torch.flip(v, dims=(3,)))):
    both = [(layer(move(cat)) - move(layer(cat))).abs().max().item() for layer in (best_of_four, best_of_eight)]
    print(f"{name:6s}: best of four passes {both[0] < 1e-12}, best of eight passes {both[1] < 1e-12}")
    assert both[1] < 1e-12
    assert (both[0] < 1e-12) == (name == "turn")
print("b, d, p and q are turns and mirror images of one another: to such a network they are one letter")

# %% [markdown]
# **6. A score for every pixel** (an evening). The scanner gives a score at every second pixel, because its pooling has stride 2. Without training anything anew, make from the same weights a network that scores *every* pixel, so that every second one of its scores is exactly the old one.
#
# <details><summary>Hint</summary>
#
# Let the pooling take steps of 1. Then the numbers that the head's $3 \times 3$ kernel used to find side by side stand two apart. Chapter 05b has a word for a kernel with holes.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
every_pixel = as_fully_convolutional(reader, (1, 8, 8))
every_pixel[2] = nn.MaxPool2d(2, stride=1)
every_pixel[3].dilation = (2, 2)
with torch.no_grad():
    dense_scores, old_scores = every_pixel(strip), scanner(strip)
print(f"scores at {tuple(dense_scores.shape[2:])} places in place of {tuple(old_scores.shape[2:])}")
assert torch.allclose(dense_scores[:, :, ::2, ::2], old_scores, atol=1e-5)

# %% [markdown]
# ## At scale
#
# Built in or learned? Three networks read [MNIST](../book/references.md#lecun-1998), upright and in quarter turns. They have the same number of weights, and all end in a global maximum. The first has ordinary filters. The second has the same, and sees every training digit in a random quarter turn. The third
# keeps the best of four turns in each of its three layers, and sees upright digits only. The record comes from `python -m tools.record_equivariance`, with `course data mnist` before it if you do not have the files.
#
# > **Predict.** Which of the three gives a turned digit the same answer as the upright one, and how often? And which two digits will the second and the third mix up?

# %%
record = load_record("05d_equivariance.mnist")
columns = {
    "accuracy": "upright",
    "accuracy_turned": "turned",
    "same_answer": "same answer",
    "mixed_up": "6 and 9 mixed up",
}
print(f"{'':26s}" + "".join(f"{title:>18s}" for title in columns.values()))
for way in record["ways"]:
    medians = [band("05d_equivariance.mnist", f"{way}: {metric}").median for metric in columns]
    print(f"{way:26s}" + "".join(f"{value:18.3f}" for value in medians))
    spread = [band("05d_equivariance.mnist", f"{way}: {metric}") for metric in columns]
    print(f"{'':26s}" + "".join(f"{f'{b.minimum:.3f} to {b.maximum:.3f}':>18s}" for b in spread))
print(f"{record['parameters']:,} parameters, {record['images']:,} training digits, {record['epochs']} epochs,", end=" ")
print(f"{len(record['seeds'])} seeds; {record['provenance']['processor']}, {record['provenance']['date']}")
turned, free, taught = (
    {m: band("05d_equivariance.mnist", f"{way}: {m}") for m in columns}
    for way in ("turned filters", "free filters", "free, turned in training")
)
assert turned["same_answer"].minimum == 1
assert free["accuracy_turned"].maximum < 0.4
assert free["same_answer"].maximum < taught["same_answer"].minimum < 1
assert turned["accuracy_turned"].minimum > taught["accuracy_turned"].maximum
assert free["mixed_up"].maximum < min(turned["mixed_up"].minimum, taught["mixed_up"].minimum)

# %% [markdown]
# Ordinary filters that never saw a turned digit are lost. What is learned holds roughly: the second network changes its mind on about one turned digit in eleven. What is built in is exact: not one answer in thirty thousand changes. And after these six epochs it also reads turned digits better: it had
# nothing to find out about turns.
#
# Both pay in the first column. A network that cannot notice a turn has thrown away something that upright digits use, and a half turn makes a 9 of a 6; handwriting alone has to tell them apart now. (Keeping the four answers apart until the end, as [Cohen and Welling (2016)](../book/references.md#cohen-welling-2016) do, throws away less: there filters of a later layer still see how the
# directions found below stand to one another.) An invariance is right when the task has it, and a loss when it has not.
#
# ## Summary
#
# - Convolution is *equivariant*: move, then filter equals filter, then move. Borders, strides, turns and zooms break it.
# - A layer of stride $s$ keeps the property for shifts by multiples of $s$ only.
# - Equivariance and a global pool make invariance, exactly; each stride of 2 on the way multiplies the number of different answers by 4.
# - A kernel that looks the same after a quarter turn passes it. Filters that see directions pass it together: pool over the four turns of each.
# - Pooling over channels can also *learn* an invariance, from data that have it.
# - A fully connected layer is a full-size convolution: the same weights scan larger pictures, one pass for all windows.
# - Without a layer of fixed size, any size goes in. Without pools and strides, an answer for every pixel comes out.
#
# ## Further reading
#
# - [Cohen and Welling (2016)](../book/references.md#cohen-welling-2016): convolutions that are equivariant to turns as well, without giving up direction.
# - [Azulay and Weiss (2019)](../book/references.md#azulay-weiss-2019): how much the answers of famous networks change under shifts of one pixel.
# - [Chaman and Dokmanić (2021)](../book/references.md#chaman-dokmanic-2021): exercise 3, taken seriously.
# - [Goodfellow et al. (2016)](../book/references.md#goodfellow-2016), chapter 9: equivariance, pooling over channels, inputs of any size, structured outputs.
#
# ## The next question
#
# You have all the parts: convolutions of every kind, ReLU, pooling, a head of any shape. Which of them, in which order, how many? Chapter 06 follows the networks that answered this, from LeNet to the ones with a hundred layers.
