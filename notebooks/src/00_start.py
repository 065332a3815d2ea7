# %% [markdown]
# # Start here: a network that reads your handwriting
#
# **In one sitting you go from "what is a tensor?" to a network that you have trained yourself, and you know which
# of its mistakes are its own and which are yours.**
#
# After this chapter you can
#
# - read the shape, the type and the range of any [tensor](../book/glossary.md#tensor), and name the three tensor
#   mistakes that everybody makes before they cost you an evening;
# - say what a network receives when you show it a picture;
# - train a network in five steps that you can write from memory: model, loss, gradient, step, repeat;
# - compare a result with the luck of the draw;
# - explain why 96 % on a test set says little about the digit that you draw.
#
# You need Python (loops, functions, lists) and the product of a matrix and a vector. No knowledge of neural
# networks, no GPU, no network connection.
#
# <!-- cost -->

# %% tags=["setup", "hide-input"]
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, plotting, training
from course_utils.grading.marks import WEIGHTS, final_mark
from course_utils.plotting import COLORS
from course_utils.recipes.digit_reader import load_digit_reader
from course_utils.runtime import band, environment_report, load_record, seed_everything
from course_utils.widgets import DigitReader, ImageNumbers
from course_utils.widgets.digit_reader import THREE, rasterise

plotting.use_style()
SEED = 0
seed_everything(SEED)

# %% [markdown]
# ## Draw a digit
#
# Draw a digit on the pad, with a mouse or a finger. A small network reads it while you draw.
#
# > **Predict.** Before you draw: what will it answer to a neat 7? To a 7 with a bar through it? To the letter A?

# %%
reader = DigitReader()
reader

# %% [markdown]
# Nobody wrote a rule for what a 7 looks like. Try to write one: "a horizontal stroke, then a slanted one". Then
# turn the digit a little, or bend the stroke, and the rule is gone. The network has no rules. It has 11,274 numbers,
# and those numbers were adjusted, step by step, on 60,000 examples until the answers came out right.
#
# So there are two questions, and this course is about them. **What does a network compute?** And **how are its
# numbers found?** This chapter gives the shortest honest answer to both. The others take it apart.
#
# Did you try the letter A? The network answered with a digit, perhaps with great confidence. Keep that in mind: we
# come back to it [at the end](#softmax-is-never-silent).

# %% [markdown]
# ## How this course works
#
# Every chapter is a notebook that runs from top to bottom on a laptop, offline, in about a minute. Four habits make
# the difference between reading it and learning from it.
#
# 1. **Predict first.** A block that begins with *Predict* asks for a guess. Say it aloud or write it down, then run
#    the next cell. A wrong guess teaches you more than a right one: it shows where your picture of the thing is off.
# 2. **Run every cell, then change something.** Click into a cell, press Shift and Enter together. Then double a number
#    and run it again. You cannot break anything: *Kernel, Restart* brings everything back.
# 3. **Play with the figures that move.** They work on the website too, without Python.
# 4. **Do the exercises.** Hints and full solutions are folded below them. Try before you unfold.
#
# Numbers that come from training carry a **[seed band](../book/glossary.md#seed-band)**: the smallest, the median and
# the largest result of twenty runs (fewer where it says so) that differ only in their random start. You see your own result on that band, so
# you know at once whether it is ordinary.
#
# ### How your work is marked
#
# <span id="c001"></span>
#
# Three parts make the final mark: homework 30 %, a data challenge 30 %, an exam 40 %. With marks from 0 to 100,
#
# $$ \text{mark} = \frac{30 \cdot \text{homework} + 30 \cdot \text{challenge} + 40 \cdot \text{exam}}{100} . \tag{0.1} $$
#
# > **Predict.** Someone has 80 in homework, 80 in the challenge and 50 in the exam. What is the final mark? Would ten
# > points more in the homework help as much as ten points more in the exam?

# %% tags=["nbval-check-output"]
print("weights:", WEIGHTS, "sum:", sum(WEIGHTS.values()))
print("80, 80, 50:            ", final_mark(homework=80, challenge=80, exam=50))
print("ten more in homework:  ", final_mark(homework=90, challenge=80, exam=50))
print("ten more in the exam:  ", final_mark(homework=80, challenge=80, exam=60))
assert sum(WEIGHTS.values()) == 100

# %% [markdown]
# Ten points in the exam move the mark by 4, ten in the homework by 3. `final_mark` is the course's own function, so
# what you compute here is what you get. (The dates and addresses in the lectures belong to a past year; the weights
# are the ones used here.)
#
# ### Is everything installed?
#
# The next cell looks at your machine. It prints the same report as `course doctor` in a terminal. Every `ERROR` line
# comes with the command that repairs it. A missing GPU is no error.

# %% tags=["machine"]
report = environment_report()
print(report)
assert report.worst != "error", "repair the lines marked ERROR above before you go on"

# %% [markdown]
# ## An image is numbers
#
# What did the network get when you drew? It has no eyes. It got a table of numbers, one for each little square of
# the picture, called a *pixel*: 0 for black, 255 for white, and everything between for the greys.
#
# Here is a photo of a coffee cup, 24 × 24 pixels. Move over the picture and watch the numbers.
#
# > **Predict.** Look only at the numbers around the marked pixel: is it on the rim of the cup, inside, or beside it?
# > Then shuffle the pixels with the switch. Every number is still there. Is the cup?

# %%
cup = data.photo("coffee", size=24, gray=True)
ImageNumbers(image=cup[0].tolist())

# %% [markdown]
# Hard, is it not? In the picture you see a cup in an instant, in the table you see nothing. The table is all that a
# network ever gets. This course is about what lies between the two.
#
# A colour photo is three such tables, called *channels*: how much red, how much green, how much blue.

# %% tags=["nbval-check-output"]
photo = data.photo("coffee", size=64)
print("shape:", tuple(photo.shape), "  (channels, height, width)")
print("type: ", photo.dtype)
print("range:", photo.min().item(), "to", photo.max().item())

# %% mystnb={"image": {"alt": "A cup of coffee on a red saucer four times: in colour, then its red, green and blue channel as grey pictures. The red saucer is bright in the red channel and dark in the green and blue ones."}}
figure, axes = plt.subplots(1, 4, figsize=(6.4, 1.9))
axes[0].imshow(photo.permute(1, 2, 0))
axes[0].set_title("photo")
for axis, channel, name in zip(axes[1:], photo, ["red", "green", "blue"]):
    axis.imshow(channel, vmin=0, vmax=255)
    axis.set_title(name)
for axis in axes:
    axis.set_axis_off()

# %% [markdown]
# The saucer is red, so it is bright in the red channel and dark in the other two.
#
# ### From a picture to a list
#
# The first network of this chapter takes a plain list of numbers. So the picture is *flattened*: read like a page of
# text, row after row, and channel after channel. With $C$ channels, $H$ rows and $W$ columns, the value in channel
# $c$, row $i$, column $j$ (all counted from 0) lands in the list at place
#
# $$ d = (c\,H + i)\,W + j . \tag{0.2} $$
#
# > **Predict.** The photo has the shape (3, 64, 64). How long is the list? Two pixels are neighbours in a column,
# > one right below the other. How far apart are they in the list?

# %% tags=["nbval-check-output"]
flat = photo.flatten()
c, i, j = 2, 30, 7
H, W = photo.shape[1:]
d = (c * H + i) * W + j
print("length of the list:", len(flat))
print("equation (0.2) says place", d)
print("there lies", flat[d].item(), "and the picture has", photo[c, i, j].item())
print("the pixel below lies", ((c * H + i + 1) * W + j) - d, "places further on")
assert flat[d] == photo[c, i, j]

# %% [markdown]
# Neighbours above and below end up 64 places apart. The list forgets who stood beside whom. Remember this; further
# down we ask [what that costs](#scramble-the-pixels).
#
# Two things are always done before numbers go into a network. They become decimal numbers (`float32`), and they are
# brought to a small range, here 0 to 1, by dividing by 255. [Pitfall 2](#pitfalls) shows what happens without that.

# %% [markdown]
# ## Tensors from zero
#
# A [tensor](../book/glossary.md#tensor) is a box of numbers with a shape. One number, a list, a table, a stack of
# tables: all tensors. Everything in this course is one: the picture, the labels, the network's own numbers.
#
# Here are 1,297 real handwritten digits, 8 × 8 pixels each. They come with scikit-learn, so they are on your
# disk already [(Alpaydin & Kaynak, 1998)](../book/references.md#alpaydin-kaynak-1998).

# %% mystnb={"image": {"alt": "Twenty handwritten digits in coarse 8 by 8 pixels, two of each class, each under its label; several are hard to read."}}
digits = data.load("digits", "train")
images, labels = digits.images, digits.labels
two_of_each = torch.cat([(labels == k).nonzero().flatten()[:2] for k in range(10)])
titles = [str(k.item()) for k in labels[two_of_each]]
plotting.image_grid(images[two_of_each], titles=titles, columns=10, size=0.65)

# %% [markdown]
# ### Ask every tensor three questions
#
# What is your **shape**, what is your **type**, and where do you live (your **device**)? Most errors that
# you will meet in your first weeks are a wrong answer to one of the three.

# %% tags=["nbval-check-output"]
print("images:", tuple(images.shape), images.dtype, images.device)
print("labels:", tuple(labels.shape), labels.dtype, labels.device)

# %% [markdown]
# Read it from left to right: 1,297 images, 1 channel, 8 rows, 8 columns. This order, written `(N, C, H, W)`, is
# PyTorch's habit, and the whole course keeps to it. `uint8` holds whole numbers from 0 to 255 and is what cameras
# give. `cpu` says that the numbers lie in ordinary memory.
#
# ### Pick what you need
#
# > **Predict.** What is the shape of each of these before you run the cell: `images[0]`, `images[:5]`,
# > `images[0, 0, 3]`, `images[labels == 3]`?

# %% tags=["nbval-check-output"]
print("images[0]            ", tuple(images[0].shape), "  one number removes a dimension")
print("images[:5]           ", tuple(images[:5].shape), "  a slice keeps it")
print("images[0, 0, 3]      ", tuple(images[0, 0, 3].shape), "          one row of pixels:", images[0, 0, 3].tolist())
print("images[labels == 3]  ", tuple(images[labels == 3].shape), "a mask of True and False picks all the threes")

# %% [markdown]
# A mask and a mean already show something. The mean of all threes is the picture of a "typical" three.

# %% mystnb={"image": {"alt": "Ten blurred digits, 0 to 9: the mean image of each class. Each digit can be recognised, the 8 and the 1 are the most blurred."}}
pixels = images.float() / 255
class_means = torch.stack([pixels[labels == k].mean(dim=0) for k in range(10)])  # (10, 1, 8, 8)
plotting.image_grid(class_means, titles=[f"mean {k}" for k in range(10)], columns=10, size=0.7, vmin=0, vmax=1)

# %% [markdown]
# ### Mistake 1: numbers that overflow
#
# We want a brighter photo, so we add 100 to every pixel.
#
# > **Predict.** `uint8` stops at 255. What is 200 + 100?

# %% tags=["nbval-check-output"]
print(torch.tensor([200], dtype=torch.uint8) + 100)

# %% mystnb={"image": {"alt": "A cup of coffee three times: the photo, a brightened version in which bright parts turned into dark and oddly coloured patches, and a brightened version that looks right."}}
wrong = photo + 100
right = (photo.int() + 100).clamp(0, 255).to(torch.uint8)
assert wrong.dtype == torch.uint8
assert (wrong < photo).any()
assert not (right < photo).any()
plotting.image_grid([photo, wrong, right], titles=["photo", "photo + 100", "int, add, clamp"], columns=3, size=2.0)

# %% [markdown]
# No error, no warning: it counts on from 0 like an old kilometre counter. **Turn `uint8` into `float` before you
# calculate.**
#
# ### Broadcasting, and mistake 2
#
# Take the mean image away from every digit: `(1297, 1, 8, 8)` minus `(1, 8, 8)`. The shapes differ and yet it works.
# [Broadcasting](../book/glossary.md#broadcasting) is the rule behind it [(Harris et al., 2020)](../book/references.md#harris-2020):
#
# 1. write the two shapes below each other, **flush right**;
# 2. each pair of sizes must be equal, or one of them is 1, or missing;
# 3. a 1 or a missing size is stretched to the other one.

# %% tags=["nbval-check-output"]
centred = pixels - pixels.mean(dim=0)
print("(1297, 1, 8, 8)\n      (1, 8, 8)  ->", tuple(centred.shape))
try:
    pixels - torch.zeros(1297)
except RuntimeError as error:
    print("\n(1297, 1, 8, 8)\n         (1297)  ->", str(error).split(" at ")[0])

# %% [markdown]
# That error is a friend. The enemy is the case that *works* and means something else.
#
# A model is asked how much ink each digit holds. Its answers are **perfect**: exactly the true values. But they come
# as a column, shape `(1297, 1)`, as a network's output does, and the truth is a list, shape `(1297,)`.
#
# > **Predict.** What is the mean squared error of a perfect answer?

# %% tags=["nbval-check-output"]
truth = pixels.double().mean(dim=(1, 2, 3))  # (1297,)
answer = truth[:, None].clone()  # (1297, 1), the same values
error = (answer - truth).square().mean()
print("shape of the difference:", tuple((answer - truth).shape))
print(f"mean squared error of a perfect answer: {error:.5f}, not 0")
print(f"twice the variance of the truth:        {2 * truth.var(correction=0):.5f}")
print(f"with equal shapes:                      {(answer[:, 0] - truth).square().mean():.5f}")

# %% [markdown]
# Flush right, `(1297, 1)` against `(1297,)` gives `(1297, 1297)`: every answer is compared with **every** truth. For
# perfect answers the result is
#
# $$ \frac{1}{N^2} \sum_{i=1}^{N} \sum_{j=1}^{N} (y_i - y_j)^2 = 2 \operatorname{Var}(y) , \tag{0.3} $$
#
# because $y_i - y_j$ is the difference of two independent draws, and variances add. A model trained on this loss
# learns to answer the mean, for everything, and the curve still goes down. **Print both shapes before you subtract.**
#
# ### Views and copies, and mistake 3
#
# `images[0]` does not copy the picture. It is a [view](../book/glossary.md#view): a second window onto the same memory.
#
# > **Predict.** We paint a white frame around "our" digit. What happens to the data set?

# %% tags=["nbval-check-output"]
sample = images[:4].clone()  # a real copy, so that the data set stays whole
window = sample[0, 0]  # one number: a view
window[0, :] = 255
window[:, 0] = 255
print("first row of the stored digit:      ", sample[0, 0, 0].tolist())

picked = sample[[1]]  # a list of indices: a copy
picked[:] = 255
print("first row of the one picked by list:", sample[1, 0, 0].tolist())
print("the window shares the data's memory:", window.data_ptr() == sample.data_ptr())
print("the picked digit shares it:         ", picked.data_ptr() == sample.data_ptr())

# %% [markdown]
# The frame is now *in the data*. Numbers, slices, `view`, `permute`, `transpose` give windows; lists of indices, masks,
# `clone` and arithmetic give new memory. Operations that end in an underscore (`mul_`, `clamp_`) and assignments
# to `x[...]` write through the window. **Before you write into something that you picked, `clone()` it.**
#
# ### One more operation: the matrix product
#
# A layer of a network takes a weighted sum of its inputs, many such sums at once, for many images at once. For image
# $n$, output $k$, weights $w_{dk}$ and a constant $b_k$,
#
# $$ z_{nk} = \sum_{d=1}^{D} x_{nd}\, w_{dk} + b_k . \tag{0.4} $$
#
# That is the product of a matrix $(N, D)$ and a matrix $(D, K)$. The inner sizes must agree, and they vanish. Below,
# the formula with three loops, then the same as one character, `@`.

# %% tags=["nbval-check-output"]
generator = torch.Generator().manual_seed(SEED)
x = pixels[:5].flatten(1).double()  # (N, D) = (5, 64)
w = torch.randn(64, 10, dtype=torch.float64, generator=generator)  # (D, K)
b = torch.randn(10, dtype=torch.float64, generator=generator)  # (K,)


def product_by_loops(x, w, b):
    z = torch.zeros(len(x), w.shape[1], dtype=x.dtype)
    for n in range(z.shape[0]):
        for k in range(z.shape[1]):
            for d in range(len(w)):
                z[n, k] += x[n, d] * w[d, k]
            z[n, k] += b[k]
    return z


z = product_by_loops(x, w, b)
print("(5, 64) @ (64, 10) ->", tuple((x @ w + b).shape))
print("equal to the loops:", torch.allclose(z, x @ w + b), "  multiplications:", 5 * 10 * 64)

# %% [markdown]
# ## The same work on a CPU and on a GPU
#
# The loops ask Python for one multiplication at a time. `@` hands the whole job to compiled code that keeps all
# arithmetic units of the processor busy.
#
# > **Predict.** How many times faster is `@` than the three loops, for these 3,200 multiplications: 10, 100, 1000 times?

# %% tags=["machine"]
from course_utils.runtime.device_timing import compare_devices, comparison_table, matrix_product, seconds_of

cpu = torch.device("cpu")
slow = seconds_of(lambda: product_by_loops(x, w, b), cpu, repeats=3)
fast = seconds_of(lambda: x @ w + b, cpu, repeats=21)
print(f"loops {slow * 1e3:.1f} ms, @ {fast * 1e6:.1f} µs: {slow / fast:,.0f} times faster")

# %% [markdown]
# A GPU goes further. It has thousands of arithmetic units, and every entry $z_{nk}$ of (0.4) can be computed without
# waiting for another. The next cell does the same two jobs, a matrix product and a convolution layer (a sum over
# image patches, [chapter 5](#the-map)), on every device that your machine has.
#
# > **Predict.** If you have a GPU: how many times faster is it at a product of two 1024 × 1024 matrices: 2, 20 or 200
# > times? And at a product of two 8 × 8 matrices?

# %% tags=["machine"]
timings = compare_devices()
print(comparison_table(timings))
for timing in timings:
    print(f"{timing.device}: {timing.job}: {timing.rate / 1e9:.0f} billion multiply-adds a second")

# %% [markdown]
# The ratio depends on the two chips, on the precision and on the size of the work, so do not quote a ratio without
# all three. One trap when you time a GPU yourself: a GPU call returns *before* the work is done. Without waiting for
# it (`torch.cuda.synchronize()`), your clock measures how fast you can ask. `seconds_of` waits.
#
# Size matters even on one processor:

# %% tags=["machine"]
for size in (8, 64, 256, 1024):
    work, multiply_adds = matrix_product(size, cpu)
    seconds = seconds_of(work, cpu, repeats=21)
    rate = multiply_adds / seconds / 1e9
    print(f"{size:5d} x {size:<5d} {seconds * 1e6:10.1f} µs   {rate:8.2f} billion multiply-adds a second")

# %% [markdown]
# From 8 to 64 the work grows 512 times ($8^3$), the time far less: a tiny product spends nearly all its time on
# *starting*. On a GPU starting usually costs more still, so a GPU loses to a CPU on tiny work. That is why images go
# through a network in [batches](../book/glossary.md#batch) and not one at a time. It is also why the small networks below
# run on a single core: dividing their products among several cores costs more than it saves.
#
# To use a GPU you move both the network and its input: `model.to("cuda")`, `x.to("cuda")`. Move only one and PyTorch
# stops with *Expected all tensors to be on the same device*.

# %% [markdown]
# ## Your first network
#
# Now the real thing: a network that learns to read the 8 × 8 digits. 1,297 of them to learn from, and 500 that it
# never sees while learning, the [test set](../book/glossary.md#test-set), to find out what it really knows. Everything that
# this part needs is imported here once more, so that you can copy it into a file of your own.

# %% tags=["band-first_network"]
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, training
from course_utils.runtime import seed_everything

torch.set_num_threads(1)  # so small a network is faster on one core than shared among several
DATASET = "digits"  # or "mnist": 28 x 28 pixels, 60,000 images, once you have run: course data mnist
train, test = data.load(DATASET, "train"), data.load(DATASET, "test")
num_pixels = train.images[0].numel()
print(train, test, sep="\n")

# %% [markdown]
# ### Step 1: a model
#
# Two layers, each the weighted sum (0.4). Between them stands `ReLU`, which sets negative values to zero. Without it
# two weighted sums would collapse into one; [chapter 2](#the-map) takes that up. The ten outputs are scores, one
# for each digit, called [logits](../book/glossary.md#logits).


# %% tags=["band-first_network"]
def new_model():
    return nn.Sequential(
        nn.Flatten(),  # (N, 1, 8, 8) -> (N, 64)
        nn.Linear(num_pixels, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


seed_everything(SEED)
model = new_model()

# %% [markdown]
# `data.Batches` deals out the digits: 64 at a time, in a new random order in each epoch, as `float32` from 0 to 1.
# `model.parameters()` lists the tensors that will be learned: two tables of weights, two lists of constants.

# %%
x, y = next(iter(data.Batches(train, batch_size=64, seed=SEED)))
logits = model(x)
print("a batch of images:", tuple(x.shape), x.dtype, f"from {x.min():.0f} to {x.max():.0f}")
print("its scores:       ", tuple(logits.shape))
print("numbers to learn: ", sum(p.numel() for p in model.parameters()))

# %% [markdown]
# ### Step 2: a loss
#
# How wrong is it? First turn the scores into probabilities. The [softmax](../book/glossary.md#softmax) makes them
# positive and lets them sum to 1:
#
# $$ p_{k} = \frac{e^{z_k}}{\sum_{j} e^{z_j}} . \tag{0.5} $$
#
# Then look only at the probability that the network gave to the *true* digit. If it is 1, good, the penalty is 0. The
# closer it comes to 0, the larger the penalty. The [cross-entropy](../book/glossary.md#cross-entropy) is the mean of
# minus its logarithm:
#
# $$ L = -\frac{1}{N} \sum_{n=1}^{N} \ln p_{n, y_n} . \tag{0.6} $$
#
# > **Predict.** The network knows nothing yet. All ten digits look about equally likely to it. What is the loss,
# > roughly? (A calculator is allowed.)

# %%
p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)  # equation (0.5)
by_hand = -p[torch.arange(len(y)), y].log().mean()  # equation (0.6)
print(f"by hand:         {by_hand:.4f}")
print(f"cross_entropy:   {F.cross_entropy(logits, y):.4f}")
print(f"ln 10:           {torch.tensor(10.0).log():.4f}")
assert torch.allclose(by_hand, F.cross_entropy(logits, y), atol=1e-6)
assert abs(by_hand.item() - torch.tensor(10.0).log().item()) < 0.3

# %% [markdown]
# Every digit gets about 1/10, and $-\ln \tfrac{1}{10} = \ln 10 \approx 2.303$. This is the first check of every
# training: **a fresh classifier with $K$ classes starts near $\ln K$.** If yours starts at 40, something is broken
# before you began.
#
# ### Step 3: the gradient
#
# Now the question of questions: in which direction should each of the 4,810 numbers move so that the loss falls? The
# answer is the [gradient](../book/glossary.md#gradient): for every number, how much the loss changes if that
# number grows a little. `loss.backward()` computes all of them at once. How it does so is
# [chapter 3](#the-map). Whether it is right, you can check now: nudge one number and look. (`torch.no_grad()` says: this
# is me changing numbers, not the network computing; keep no record of it.)

# %%
loss = F.cross_entropy(model(x), y)
loss.backward()
weight = model[3].weight  # (10, 64)
k, j = divmod(weight.grad.abs().argmax().item(), weight.shape[1])  # the number with the steepest slope
slope = weight.grad[k, j].item()

step = 1e-2
with torch.no_grad():
    weight[k, j] += step
    up = F.cross_entropy(model(x), y).item()
    weight[k, j] -= 2 * step
    down = F.cross_entropy(model(x), y).item()
    weight[k, j] += step
measured = (up - down) / (2 * step)
print(f"backward() says {slope:+.5f}, nudging says {measured:+.5f}")
assert abs(slope - measured) < 1e-4

# %% [markdown]
# ### Step 4: a step
#
# Move every number a little *against* its slope. How little is the [learning rate](../book/glossary.md#learning-rate)
# $\eta$:
#
# $$ w \leftarrow w - \eta\, \frac{\partial L}{\partial w} . \tag{0.7} $$

# %%
before = F.cross_entropy(model(x), y).item()
with torch.no_grad():
    for w in model.parameters():
        w -= 0.3 * w.grad
after = F.cross_entropy(model(x), y).item()
print(f"loss on this batch: {before:.4f} before the step, {after:.4f} after it")
assert after < before

# %% [markdown]
# ### Step 5: repeat
#
# The same for the next 64 images, and the next, thirty times through the training set. One pass is an
# [epoch](../book/glossary.md#epoch). That is all. Nothing is hidden in these lines:

# %% tags=["band-first_network"]
seed_everything(SEED)
model = new_model()
batches = data.Batches(train, batch_size=64, seed=SEED)

for epoch in range(30):
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)  # how wrong?
        model.zero_grad()  # forget the last gradient
        loss.backward()  # which way is down?
        with torch.no_grad():
            for w in model.parameters():
                w -= 0.3 * w.grad  # a step
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2d}: loss on the last batch {loss.item():.3f}")

# %% [markdown]
# > **Predict.** How many of the 500 digits that it has never seen will it read correctly? Chance gives 50.

# %% tags=["band-first_network"]
seen = training.evaluate(model, data.Batches(train, batch_size=500, shuffle=False))
unseen = training.evaluate(model, data.Batches(test, batch_size=500, shuffle=False))
first_network_result = {"accuracy": unseen.accuracy, "train_accuracy": seen.accuracy}
print(f"on digits it learned from: {seen.accuracy:.1%}")
print(f"on digits it never saw:    {unseen.accuracy:.1%}, {len(unseen.mistakes)} of {len(test)} wrong")

# %% [markdown]
# Thirty lines, and it reads handwriting. Is that good? A number means something only beside
# another one. The fairest cheap rival: compare each digit with the ten mean images above and take the nearest.

# %%
test_x, test_y = test.images.float() / 255, test.labels
means = torch.stack([(train.images[train.labels == k].float() / 255).mean(dim=0) for k in range(10)])
difference = test_x.flatten(1)[:, None] - means.flatten(1)[None]  # (N, 1, D) - (1, 10, D) -> (N, 10, D)
distance = difference.square().sum(dim=2)  # (N, 10)
nearest_mean = (distance.argmin(dim=1) == test_y).double().mean().item()
print(f"chance 10.0%   nearest mean {nearest_mean:.1%}   network {unseen.accuracy:.1%}")
assert 0.10 < nearest_mean < unseen.accuracy

# %% [markdown]
# The mean images alone do well: most digits are easy. The network removes most of the mistakes that are left. When you
# report a result, report such a baseline with it.
#
# ### The same with one call
#
# From now on `training.fit` writes the five steps for you. It is the same loop, with an optimiser (Adam) that sizes
# its steps by itself, and with a measurement after every epoch. You will meet its parts one by one.

# %%
seed_everything(SEED)
fitted = new_model()
history = training.fit(
    fitted,
    data.Batches(train, batch_size=64, seed=SEED),
    valid=data.Batches(test, batch_size=500, shuffle=False),
    epochs=20,
    lr=1e-2,
    progress=False,
)
print(f"after 20 epochs: {history.train_accuracy[-1]:.1%} on digits it learned from")
print(f"                 {history.valid_accuracy[-1]:.1%} on digits it never saw")

# %% [markdown]
# > **Predict.** Two curves follow: the loss on the digits it learns from, and on the digits that it never sees. Which
# > one ends lower? Will both keep falling?

# %% mystnb={"image": {"alt": "Loss by epoch on a logarithmic axis. The training curve falls steadily to about 0.03; the curve on unseen digits falls with it for some epochs, then levels off at about three times that height."}}
epochs = range(1, history.epochs + 1)
figure, axis = plt.subplots(figsize=(5.6, 2.5))
axis.plot(epochs, history.train_loss, label="digits it learns from")
axis.plot(epochs, history.valid_loss, linestyle="--", label="digits it never sees")
axis.set(xlabel="epoch", ylabel="loss", yscale="log", ylim=(0.02, 2))
axis.set_yticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
axis.minorticks_off()
axis.set_xticks([1, 5, 10, 15, 20])
axis.legend()
assert history.train_loss[-1] < history.valid_loss[-1]

# %% [markdown]
# Both fall at first: what it learns about one digit helps with others. Then they part. The training loss goes on
# falling, because the network begins to learn *these* digits by heart, with their blots. The gap between the curves
# is [overfitting](../book/glossary.md#overfitting), and [chapter 4](#the-map) is about closing it. **Only the dashed
# curve tells you what you have.**

# %% [markdown]
# ## What it gets wrong
#
# An accuracy hides everything interesting. Look at the mistakes of your first network, one by one.
#
# > **Predict.** Read these digits yourself and write your answers down. How many would a human get right?

# %% mystnb={"image": {"alt": "The unseen digits that the network read wrongly, numbered, without their labels. Several are badly formed even to a human eye; others look plain."}}
wrong = unseen.mistakes[:12]
numbered = [f"no. {i + 1}" for i in range(len(wrong))]
plotting.image_grid(test.images[wrong], titles=numbered, columns=6, size=0.8)

# %% mystnb={"image": {"alt": "The same digits, each titled with the true digit, the network's answer and the probability that it gave to its answer; some wrong answers come with more than 90 percent."}}
with torch.no_grad():
    probabilities = model(test.images.float() / 255).softmax(dim=1)
confidence, answers = probabilities.max(dim=1)
titles = [f"{test.labels[i]}, read {answers[i]}\n{confidence[i]:.0%}" for i in wrong]
plotting.image_grid(test.images[wrong], titles=titles, columns=6, size=0.85)

# %%
is_right = answers == test.labels
print(f"mean probability of its answer where it was right: {confidence[is_right].mean():.0%}")
print(f"mean probability of its answer where it was wrong: {confidence[~is_right].mean():.0%}")
print(f"most certain mistake:                              {confidence[~is_right].max():.0%}")
assert confidence[is_right].mean() > confidence[~is_right].mean() + 0.1

# %% [markdown]
# Sort them into three heaps.
#
# - **You missed it too.** At 8 × 8 pixels the information is gone. No network can get these right except by luck. The
#   remedy is a better picture, not a better network.
# - **You read it at once, the network did not.** The digit is clear but unusual: shifted, slanted, with a long
#   foot. The network has not seen enough of its kind. The remedy is more varied examples, or a network that knows
#   something about pictures ([below](#scramble-the-pixels)).
# - **The label looks wrong.** It happens in every data set. Then the mistake is ours.
#
# And look at the percentages. It is less certain where it is wrong, which is useful
# ([exercise 6](#exercises)), but some mistakes are made with near certainty.

# %% [markdown]
# ## How lucky was this run?
#
# Change `SEED` at the top to 1 and the network starts from other numbers and sees the images in another order. The
# accuracy changes a little. So is 97 % better than 96.6 %?
#
# > **Predict.** Twenty seeds, everything else equal. How far apart are the best and the worst accuracy?

# %% mystnb={"image": {"alt": "A horizontal band from the lowest to the highest test accuracy of twenty seeds with a tick at the median and a diamond for this run, and below it a wider bar: the uncertainty that comes from having only 500 test digits."}}
accuracy = unseen.accuracy
accuracy_band = band("00_start.first_network", "accuracy")
standard_error = (accuracy * (1 - accuracy) / len(test)) ** 0.5
figure, axis = plt.subplots(figsize=(6, 1.7))
plotting.seed_band(axis, accuracy_band, value=accuracy)
axis.errorbar(accuracy, -1, xerr=2 * standard_error, color=COLORS["gray"], capsize=5, marker="D")
axis.set_yticks([0, -1], ["20 seeds, and you ◆", "± 2 standard errors\nof 500 test digits"])
axis.set(xlabel="accuracy on unseen digits", ylim=(-1.6, 0.6))
print(f"band: {accuracy_band}")
print(f"you:  {accuracy:.3f}; standard error with {len(test)} test digits: {standard_error:.3f}")
if DATASET == "digits":
    assert accuracy_band.contains(accuracy, slack=0.01)
    assert round(100 * accuracy_band.median) == 96

# %% [markdown]
# There are two kinds of luck. The band is the luck of the **seed**. The grey bar is the luck of the **test set**: with
# another 500 digits of the same kind, the same network would score a little differently, with a standard error of
# $\sqrt{a(1-a)/500}$ for accuracy $a$. A difference of less than that is no evidence of a difference. How large
# both kinds are in real benchmarks has been measured
# [(Bouthillier et al., 2021)](../book/references.md#bouthillier-2021). This is why the course shows you bands and not
# records.

# %% [markdown]
# ## Scramble the pixels
#
# Here comes the experiment that explains why this course goes on after chapter 2. Choose a random order of
# the 64 pixels, **once**, and rearrange all digits by it, training and test alike. No information is lost: the order
# can be undone. But you cannot read a single one.

# %% mystnb={"image": {"alt": "Top row: eight handwritten digits. Bottom row: the same eight digits after their pixels were rearranged by one fixed random order; they look like noise."}}
order = torch.randperm(64, generator=torch.Generator().manual_seed(1))


def scramble(x):
    return x.flatten(1)[:, order].view_as(x)


plotting.image_grid(
    torch.cat([images[:8], scramble(images[:8])]),
    titles=[str(k.item()) for k in labels[:8]] + ["scrambled"] * 8,
    columns=8,
    size=0.8,
)

# %% [markdown]
# > **Predict.** You train the same kind of network on scrambled digits and test it on scrambled digits. Does the
# > accuracy (a) stay the same, (b) fall a little, (c) fall to chance?
#
# Think about the first layer. Each of its sums (0.4) has one weight for each pixel. Rearrange the pixels, rearrange the
# weights the same way, and the sum has the same terms in another order:
#
# $$ \sum_{d} w_{\pi(d)}\, x_{\pi(d)} = \sum_{d} w_{d}\, x_{d} \quad \text{for every order } \pi . \tag{0.8} $$
#
# So for each network on the plain digits there is one on the scrambled digits with **exactly** the same answers. Here
# it is for 64-pixel digits: train a network, rearrange the columns of its first weight matrix, compare.

# %%
seed_everything(SEED)
plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
training.fit(plain, data.Batches(digits, batch_size=64, seed=SEED), epochs=10, lr=1e-2, progress=False)
rearranged = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
rearranged.load_state_dict(plain.state_dict())
with torch.no_grad():
    rearranged[1].weight.copy_(plain[1].weight[:, order])
    difference = (plain(pixels) - rearranged(scramble(pixels))).abs().max().item()
print(f"largest difference between the two networks' scores, over 1,297 digits: {difference:.0e}")
assert difference < 1e-4

# %% [markdown]
# Only rounding. The scrambled problem is *the same problem* to a network of this kind, a
# [multilayer perceptron](../book/glossary.md#multilayer-perceptron) (MLP). The answer is (a). It never knew that the
# numbers were a picture.
#
# Now a rival. A [convolutional network](../book/glossary.md#convolutional-network) (CNN) looks at small patches of
# neighbouring pixels, 3 × 3, with the same weights everywhere. It is built on a bet: **neighbours belong together**.
# You will build one from nothing in [chapter 5](#the-map); today only watch it. To make the bet count, both get few
# examples: 300 digits to learn from, and the other 1,497 for the test.
#
# > **Predict.** Four trainings: MLP and CNN, on plain and on scrambled digits. Put the four in order.

# %% tags=["band-pixel_permutation"]
import torch
from torch import nn

from course_utils import data, training
from course_utils.runtime import seed_everything

torch.set_num_threads(1)
all_digits = data.load("digits", "all")
fixed_order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
scrambled = data.ImageSet(
    all_digits.images.flatten(1)[:, fixed_order].view(-1, 1, 8, 8), all_digits.labels, all_digits.classes, "scrambled"
)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def learn_from_300(make_model, image_set):
    seed_everything(SEED)
    network = make_model()
    few = data.Batches(image_set.subset(slice(0, 300)), batch_size=32, seed=SEED)
    training.fit(network, few, epochs=40, lr=1e-2, schedule="one_cycle", progress=False)
    rest = data.Batches(image_set.subset(slice(300, None)), batch_size=500, shuffle=False)
    return training.evaluate(network, rest).accuracy


pixel_permutation_result = {
    "mlp": learn_from_300(mlp, all_digits),
    "mlp_scrambled": learn_from_300(mlp, scrambled),
    "cnn": learn_from_300(cnn, all_digits),
    "cnn_scrambled": learn_from_300(cnn, scrambled),
}

# %% mystnb={"image": {"alt": "Four horizontal bands of test accuracy over twenty seeds, with this run as a diamond. The two MLP bands, plain and scrambled, lie on top of each other. The CNN on plain digits lies clearly to the right of them, the CNN on scrambled digits clearly to the left."}}
names = {
    "cnn": "CNN, plain",
    "mlp": "MLP, plain",
    "mlp_scrambled": "MLP, scrambled",
    "cnn_scrambled": "CNN, scrambled",
}
figure, axis = plt.subplots(figsize=(6, 2.3))
for row, (key, name) in enumerate(names.items()):
    measured = band("00_start.pixel_permutation", key)
    color = COLORS["blue"] if key.startswith("cnn") else COLORS["orange"]
    plotting.seed_band(axis, measured, value=pixel_permutation_result[key], label=name, y=-row, color=color)
    print(f"{name:15s} {pixel_permutation_result[key]:.3f}   20 seeds: {measured}")
    assert measured.contains(pixel_permutation_result[key], slack=0.015)
axis.set(xlabel="accuracy on the 1,497 other digits")

result = pixel_permutation_result
print(f"scrambling multiplies the MLP's errors by {(1 - result['mlp_scrambled']) / (1 - result['mlp']):.2f}, "
      f"the CNN's by {(1 - result['cnn_scrambled']) / (1 - result['cnn']):.2f}")  # fmt: skip
assert abs(result["mlp_scrambled"] - result["mlp"]) < 0.02
assert result["cnn"] > result["mlp"] > result["cnn_scrambled"]

# %% [markdown]
# The MLP does not notice. The CNN wins on plain digits and *loses* on scrambled ones. Nothing about it changed; the
# bet did. Knowledge that is right saves examples, knowledge that is wrong costs them. (The CNN does not fall to chance:
# it still learns something from whatever accidental neighbours it finds.
# [Zhang et al., 2017](../book/references.md#zhang-2017) went further: large convolutional networks learn even shuffled
# pictures by heart.)
#
# One common misreading. Scramble only the *test* digits, and both networks fail: nobody can use weights that were
# learned for one order with another. The experiment says something about learning, not about robustness.

# %% [markdown]
# ## Let your network read your drawing
#
# Back to your drawing. The widget hands it to Python: `reader.pixels` is a table of 28 × 28 numbers from 0 to 1. If you
# drew nothing, there is a 3 to begin with; an empty pad stands for that 3 too. (Draw something else at the top, then
# run the cells from here again.)
#
# First the check that widget and Python agree. The network in the page and the one in `results/weights/` hold the
# same numbers, so they must give the same probabilities:

# %%
if not reader.strokes:
    reader = DigitReader()  # the pad was cleared: take the example
drawing = torch.as_tensor(reader.pixels, dtype=torch.float32)[None, None]  # (1, 1, 28, 28)
published = load_digit_reader()
with torch.no_grad():
    in_python = published(drawing).softmax(dim=1)[0]
in_widget = torch.as_tensor(reader.probabilities, dtype=torch.float32)
print("Python reads:", in_python.argmax().item(), f"({in_python.max():.1%})")
print("widget reads:", in_widget.argmax().item(), f"({in_widget.max():.1%})")
assert torch.allclose(in_python, in_widget, atol=1e-3)

# %% [markdown]
# Now your own network, the one with about 96 %. It wants 8 × 8 pixels. Easy: shrink the picture.
#
# > **Predict.** It read almost every digit of the test set. Will it read yours?


# %%
def shrink(picture, side):
    """Average (1, 1, H, W) down to (1, 1, side, side)."""
    return F.interpolate(picture, size=(side, side), mode="area")


def crop_like_the_training_set(picture, side):
    """Cut the ink out, make it as high as the picture, centre it from left to right, then shrink."""
    ink = picture[0, 0] > 0.15
    rows, columns = ink.any(dim=1).nonzero().flatten(), ink.any(dim=0).nonzero().flatten()
    cut = picture[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height = 4 * side
    width = min(round(cut.shape[-1] * height / cut.shape[-2]), 3 * side)
    cut = F.interpolate(cut, size=(height, max(width, 1)), mode="bilinear", align_corners=False)
    left = (height - cut.shape[-1]) // 2
    return shrink(F.pad(cut, (left, height - cut.shape[-1] - left)), side)


def read(network, picture):
    with torch.no_grad():
        probability, digit = network(picture).softmax(dim=1)[0].max(dim=0)
    return digit.item(), probability.item()


side = test.images.shape[-1]
candidates = {
    "shrunk": shrink(drawing, side),
    "shrunk, off centre": shrink(drawing.roll((4, 6), dims=(2, 3)), side),
    "cropped first": crop_like_the_training_set(drawing, side),
}
readings = {name: read(model, picture) for name, picture in candidates.items()}
for name, (digit, probability) in readings.items():
    print(f"{name:20s} reads {digit} ({probability:.0%})")

# %% mystnb={"image": {"alt": "The drawing at 28 by 28 pixels, then three 8 by 8 versions with the network's answer: simply shrunk (small, with a black margin), shrunk after a shift to the lower right, and cropped to its ink first; last the mean image of this digit in the training set, which only the cropped version resembles."}}
shown_digit = in_python.argmax().item()
pictures = [F.interpolate(p, size=(56, 56)) for p in (drawing, *candidates.values(), means[shown_digit][None])]
titles = ["your drawing"] + [f"{n}\nreads {d} ({p:.0%})" for n, (d, p) in readings.items()]
titles += [f"mean {shown_digit} of\nthe training set"]
plotting.image_grid(torch.cat(pictures), titles=titles, columns=5, size=1.15, vmin=0, vmax=1)

# %% [markdown]
# Compare the pictures with the last one. The digits in the training set touch the top and the bottom of their 8 × 8
# frame; a drawing that is simply shrunk has a black margin and is a different kind of picture. The network never saw
# such a thing, and nothing told it to refuse. Cut to the ink first, the drawing looks like the training set again.
#
# **Preprocessing is part of the model.** Whatever was done to the training pictures (crop, centre, scale, bright on
# dark) must be done to every picture afterwards, in the same way. The widget does this for you: it scales your drawing
# to a box of 20 × 20 pixels and puts its centre of mass in the middle, as
# [MNIST](../book/references.md#lecun-1998)'s makers did.
#
# How much does the position alone matter? Shift all 500 test digits to the right:

# %%
for shift in range(4):
    moved = F.pad(test_x, (shift, 0))[..., : test_x.shape[-1]]
    with torch.no_grad():
        accuracy_moved = (model(moved).argmax(dim=1) == test_y).double().mean().item()
    print(f"shifted by {shift} of {side} pixels: {accuracy_moved:.1%}")
    if shift == 1 and DATASET == "digits":
        assert accuracy_moved < unseen.accuracy - 0.2

# %% [markdown]
# One pixel, and a large part of what it knew is gone: each weight waits at its own pixel. "96 %" is a statement about
# pictures **made like those in the test set**, and about nothing else.

# %% [markdown]
# ## The other stack: TensorFlow
#
# The lectures name a second library. It does the same things under other names
# [(Abadi et al., 2016;](../book/references.md#abadi-2016) [Paszke et al., 2019)](../book/references.md#paszke-2019).
# If you read TensorFlow code one day, this table is all you need to follow it.
#
# | what | PyTorch (this course) | TensorFlow with Keras |
# |---|---|---|
# | box of numbers | `torch.tensor(...)` | `tf.constant(...)` |
# | number to learn | `nn.Parameter` | `tf.Variable` |
# | order of an image batch | `(N, C, H, W)` | `(N, H, W, C)` |
# | stack of layers | `nn.Sequential` | `keras.Sequential` |
# | weighted sum | `nn.Linear(64, 32)` | `keras.layers.Dense(32)` |
# | convolution | `nn.Conv2d(1, 16, 3)` | `keras.layers.Conv2D(16, 3)` |
# | scores to loss | `F.cross_entropy(logits, y)` | `SparseCategoricalCrossentropy(from_logits=True)` |
# | gradient | `loss.backward()`, then `w.grad` | `with tf.GradientTape() as tape`, then `tape.gradient(loss, w)` |
# | step | `optimizer.step()` | `optimizer.apply_gradients(...)` |
# | the loop | your own, or `training.fit` here | `model.fit` |
# | choose the device | `x.to("cuda")` | `with tf.device("GPU:0")`, else automatic |

# %% [markdown]
# ## Checked claims
#
# Each chapter lists what the lectures state about its subject, and checks it by running code.
#
# | claim | lecture | verdict |
# |---|---|---|
# | Marks: exam 40 %, homework 30 %, data challenge 30 % | 000 | **true**: [they sum to 100](#c001) and the grader uses them |

# %% [markdown]
# ## Pitfalls
#
# You have met five: `uint8` overflow, broadcasting a column against a list, writing through a view, timing a GPU
# without waiting, preprocessing that differs. Three more that everybody meets in the first week, each shown failing.
#
# ### 1. Forgetting to forget the gradient
#
# `backward()` *adds* to what is stored in `w.grad`. Leave `zero_grad()` out and every step follows the sum of all
# gradients so far.
#
# > **Predict.** Will the loss fall more slowly, or not at all?


# %% mystnb={"image": {"alt": "Training loss by step for two runs. With zero_grad the loss falls steadily; without it the loss falls faster at first, then jumps up and down and ends as high as it began."}}
def run(forget, scale=1.0, lr=0.3, steps=200):
    seed_everything(SEED)
    network = new_model()
    source = data.Batches(train, batch_size=64, seed=SEED)
    values = []
    while len(values) < steps:
        for x, y in source:
            loss = F.cross_entropy(network(scale * x), y)
            if forget:
                network.zero_grad()
            loss.backward()
            with torch.no_grad():
                for w in network.parameters():
                    w -= lr * w.grad
            values.append(loss.item())
    return values[:steps]


kept, cleared = run(forget=False), run(forget=True)
figure, axis = plt.subplots(figsize=(5.6, 2.4))
for values, label, line in [(cleared, "with zero_grad()", "-"), (kept, "without", "--")]:
    axis.plot(range(5, 200, 10), torch.tensor(values).view(-1, 10).mean(dim=1), line, label=label)
axis.set(xlabel="step", ylabel="loss (mean of 10 steps)", ylim=(0, None))
axis.legend()
assert sum(kept[-20:]) > 3 * sum(cleared[-20:])

# %% [markdown]
# The trap is that it works *better* at first: the sum of the last few gradients is a good direction. Then the steps grow
# and grow, and it shoots over the valley. ([Chapter 4](#the-map) tames this idea; it is called momentum.)
#
# ### 2. Feeding 0 to 255
#
# The same network, the same learning rate, but nobody divided by 255.

# %%
raw = run(forget=True, scale=255.0)
print(f"loss at the start: {cleared[0]:8.2f} with inputs 0..1   {raw[0]:8.2f} with inputs 0..255")
print(f"after 200 steps:   {cleared[-1]:8.2f}                    {raw[-1]:8.2f}")
assert raw[0] > 5
assert sum(raw[-20:]) > 3 * sum(cleared[-20:])
assert abs(sum(raw[-20:]) / 20 - torch.tensor(10.0).log().item()) < 0.1

# %% [markdown]
# The first line gives it away before any training: it is far from $\ln 10$. Inputs 255 times as large make scores,
# gradients and steps far too large. And the end is telling: 2.30 is $\ln 10$ again. The first steps threw the weights so
# far that every hidden sum is negative for every digit; ReLU turns them all into zero, and where nothing comes through,
# no gradient comes back. The network is dead and answers 1/10 to everything. One look at the loss *before* the first
# step would have saved the run.
#
# ### Softmax is never silent
#
# The third pitfall, and the promise from the beginning. Show the reader things that are no digits.
#
# > **Predict.** What does it answer to the letter A, to a scribble, to an empty picture? With what probability?

# %% mystnb={"image": {"alt": "Four drawings with the network's answer: a 3, read correctly; the letter A, a zigzag scribble and an empty square, each answered with some digit and a probability, as though they were digits."}}
letter_a = [[[0.5, 0.12], [0.2, 0.88]], [[0.5, 0.12], [0.8, 0.88]], [[0.32, 0.6], [0.68, 0.6]]]
scribble = [[[0.1, 0.3], [0.85, 0.35], [0.2, 0.5], [0.8, 0.55], [0.15, 0.7], [0.9, 0.8], [0.3, 0.15], [0.6, 0.9]]]
shown = {"a digit": THREE, "the letter A": letter_a, "a scribble": scribble, "nothing": []}
odd = torch.stack([torch.tensor(rasterise(strokes), dtype=torch.float32) for strokes in shown.values()])[:, None]
with torch.no_grad():
    confidence, answers = published(odd).softmax(dim=1).max(dim=1)
titles = [f"{n}\nreads {a} ({c:.0%})" for n, a, c in zip(shown, answers.tolist(), confidence.tolist())]
assert (confidence > 0.1).all()
assert confidence[1] > 0.9  # an A, and it is almost sure
plotting.image_grid(odd, titles=titles, columns=4, size=1.25, vmin=0, vmax=1)

# %% [markdown]
# It has to answer: the ten probabilities of (0.5) sum to 1, whatever comes in. There is no eleventh box for "this is no
# digit". The empty picture gets ten small probabilities, so here the network at least *looks* unsure. The A does not.
# A high probability means "if it is one of my ten, then this one". It does not mean "I know". Refusing is
# a task of its own; a threshold on the probability is where everyone begins
# [(Hendrycks & Gimpel, 2017)](../book/references.md#hendrycks-gimpel-2017), and exercise 6 shows how far it carries.

# %% [markdown]
# ## Exercises
#
# **1. Darker (one line).** Make the photo darker by 60 without the overflow of mistake 1. What goes wrong with
# `photo - 60`?
#
# <details><summary>Hint</summary>
#
# What is 10 − 60 in `uint8`? Leave the type first, come back last.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
darker = (photo.int() - 60).clamp(0, 255).to(torch.uint8)
assert (torch.tensor([10], dtype=torch.uint8) - 60).item() == 206  # 10 - 60 + 256: dark turns bright
assert darker.dtype == torch.uint8
assert (darker <= photo).all()
assert ((photo - 60) > photo).any()

# %% [markdown]
# **2. Count the numbers (five minutes).** By hand: how many numbers does `new_model()` hold for 8 × 8 digits? And the
# network in the widget: a 5 × 5 convolution from 1 to 8 channels, another from 8 to 16, then a linear layer from
# 16 · 7 · 7 to 10? Then let PyTorch count.
#
# <details><summary>Hint</summary>
#
# A linear layer from $D$ to $K$ holds $D \cdot K$ weights and $K$ constants. A convolution holds one 5 × 5 table for
# each pair of an input and an output channel, and one constant for each output channel.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
by_hand_mlp = 64 * 64 + 64 + 64 * 10 + 10
by_hand_reader = (1 * 8 * 25 + 8) + (8 * 16 * 25 + 16) + (784 * 10 + 10)
assert by_hand_mlp == sum(p.numel() for p in plain.parameters()) == 4810
assert by_hand_reader == sum(p.numel() for p in published.parameters()) == 11274
print(by_hand_mlp, by_hand_reader)

# %% [markdown]
# **3. The nearest mean, scrambled (ten minutes).** The nearest-mean rival from above: what does scrambling do to it? Say
# it first, with equation (0.8) in mind. Then measure, on training and test digits rearranged by `order`.
#
# <details><summary>Hint</summary>
#
# A squared distance is a sum over pixels too. In which order the terms come does not matter.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
test_digits = data.load("digits", "test")


def nearest_mean_right(train_x, test_x):
    centres = torch.stack([train_x[labels == k].mean(dim=0) for k in range(10)])
    squared = (test_x.flatten(1)[:, None] - centres.flatten(1)[None]).square().sum(dim=2)
    return (squared.argmin(dim=1) == test_digits.labels).sum().item()


plain_x, unseen_x = pixels.double(), test_digits.images.double() / 255
right_plain = nearest_mean_right(plain_x, unseen_x)
right_scrambled = nearest_mean_right(scramble(plain_x), scramble(unseen_x))
print(right_plain, right_scrambled, "of", len(test_digits))
assert right_plain == right_scrambled

# %% [markdown]
# **4. Without the hidden layer (ten minutes).** Train `nn.Sequential(nn.Flatten(), nn.Linear(64, 10))` for 20 epochs. How
# much does the hidden layer bring on these digits? Compare the difference with the standard error from above.
#
# <details><summary>Hint</summary>
#
# `training.fit` and `training.evaluate` with the same batches as above. The standard error is `standard_error`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
seed_everything(SEED)
linear = nn.Sequential(nn.Flatten(), nn.Linear(num_pixels, 10))
training.fit(linear, data.Batches(train, batch_size=64, seed=SEED), epochs=20, lr=1e-2, progress=False)
linear_accuracy = training.evaluate(linear, data.Batches(test, batch_size=500, shuffle=False)).accuracy
gain = unseen.accuracy - linear_accuracy
print(f"linear {linear_accuracy:.1%}, with a hidden layer {unseen.accuracy:.1%}")
print(f"gain {gain:+.1%}, or {gain / standard_error:.1f} standard errors of the test set")
assert linear_accuracy > nearest_mean

# %% [markdown]
# **5. Who is taken for whom? (fifteen minutes).** Make a 10 × 10 table: row = true digit, column = answer of your first
# network on the test set. No loop over images. Which pair is confused most often?
#
# <details><summary>Hint</summary>
#
# Number the cells of the table from 0 to 99, as in equation (0.2): `10 * true + answer`. Then `torch.bincount`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
table = torch.bincount(10 * unseen.labels + unseen.predictions, minlength=100).view(10, 10)
confused = table.clone().fill_diagonal_(0)
true_digit, read_digit = divmod(confused.argmax().item(), 10)
print(table)
print(f"most often: {true_digit} read as {read_digit}, {confused.max()} times")
assert table.sum() == len(test)
assert confused.sum() == len(unseen.mistakes)

# %% [markdown]
# **6. The right to refuse (half an hour).** Let your first network answer only where its probability is at least $t$. For
# $t$ = 0.5, 0.9, 0.99: what share of the test digits does it answer, and how many of its answers are right? Then let it
# see 1,000 pictures of pure noise (`torch.rand(1000, 1, 8, 8)`). How many does it refuse at $t$ = 0.9?
#
# <details><summary>Hint</summary>
#
# `probability, answer = model(x).softmax(dim=1).max(dim=1)`, then a mask `probability >= t`.
#
# </details>

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
with torch.no_grad():
    sure, said = model(test_x).softmax(dim=1).max(dim=1)
    noise = torch.rand(1000, *test_x.shape[1:], generator=torch.Generator().manual_seed(SEED))
    noise_sure = model(noise).softmax(dim=1).max(dim=1).values
kept_accuracy = []
for t in (0.0, 0.5, 0.9, 0.99):
    answered = sure >= t
    kept_accuracy.append((said == test_y)[answered].double().mean().item())
    of_noise = (noise_sure >= t).double().mean()
    print(
        f"t = {t:4.2f}: answers {answered.double().mean():6.1%}, right {kept_accuracy[-1]:.1%}; {of_noise:6.1%} of noise"
    )
assert kept_accuracy[-1] >= kept_accuracy[0]
# A threshold sorts out hard digits well and most of this noise. It does nothing against the letter A above.

# %% [markdown]
# **7. Teach it to bear a shift (an evening).** Train the first network on digits that are shifted anew in every epoch
# (`augment=data.random_shift(1)`), and repeat the shift test. What does it win, what does it pay? Then do the same with
# `cnn()` from the scrambling experiment. Which of the two needs the shifted examples less, and why?
#
# <details><summary>Hint</summary>
#
# `data.Batches(digits, batch_size=64, augment=data.random_shift(1), seed=SEED)`. The CNN slides the same 3 × 3 weights
# over the picture, so a shifted digit gives the same patches at shifted places.
#
# </details>


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true, "outputs_hidden": true}
def shift_test(make_model, augment):
    seed_everything(SEED)
    network = make_model()
    source = data.Batches(digits, batch_size=64, augment=augment, seed=SEED)
    training.fit(network, source, epochs=20, lr=1e-2, schedule="one_cycle", progress=False)
    scores = []
    for shift in range(3):
        moved = F.pad(unseen_x.float(), (shift, 0))[..., :8]
        with torch.no_grad():
            scores.append((network(moved).argmax(dim=1) == test_digits.labels).double().mean().item())
    return scores


shift_scores = {
    (name, kind): shift_test(make, augment)
    for name, make in {"MLP": mlp, "CNN": cnn}.items()
    for kind, augment in {"as they are": None, "shifted": data.random_shift(1)}.items()
}
for (name, kind), scores in shift_scores.items():
    print(f"{name}, trained on digits {kind:11s}: shift 0, 1, 2 -> " + "  ".join(f"{s:.1%}" for s in scores))
assert shift_scores["MLP", "shifted"][1] > shift_scores["MLP", "as they are"][1] + 0.2
assert shift_scores["CNN", "as they are"][1] > shift_scores["MLP", "as they are"][1]

# %% [markdown]
# ## At scale
#
# The reader in the widget is a small CNN, trained on the 60,000 training images of
# [MNIST](../book/references.md#lecun-1998), each one turned, scaled, shifted and re-inked a little differently in
# every epoch, so that digits drawn with a mouse look familiar. Three seeds were trained, and the *median* one is
# published, not the best.

# %% tags=["nbval-check-output"]
record = load_record("digit_reader")
print("data:             ", record["data"])
print("test accuracy:    ", ", ".join(f"{a:.2%}" for a in record["metrics"]["accuracy"]), "after rounding to float16")
print("seeds:            ", ", ".join(map(str, record["seeds"])))
print("published:         seed", record["kept_seed"], "with", f"{record['kept_accuracy']:.2%}")
print("size:             ", f"{record['parameters']:,} numbers, {record['bytes']:,} bytes")
machine = record["provenance"]
print("three trainings:  ", f"{record['seconds']:.0f} s on {record['threads']} thread of {machine['processor']}")
print("date and code:    ", machine["date"], machine["commit"], "with torch", machine["versions"]["torch"])
print("repeat it with:   ", record["command"])

# %% [markdown]
# The weights travel as a file with a checksum; `load_digit_reader()` refuses a file that was changed. With MNIST on
# your disk (`course data mnist`), set `DATASET = "mnist"` above and train your own first network on it.

# %% [markdown]
# ## Summary
#
# - An image is a box of numbers: `(C, H, W)`, `uint8`, 0 to 255. Batches are `(N, C, H, W)`. Networks take `float32` in a
#   small range.
# - Ask every tensor for its shape, type and device. Overflow, broadcasting and views fail *without an error*.
# - Training is five steps: model, loss, gradient, step, repeat. A fresh classifier with $K$ classes starts at $\ln K$.
# - Only unseen data count. Report a baseline, a seed band, and remember the luck of the test set.
# - An MLP does not know that its input is a picture: scrambled pixels are all the same to it. A CNN bets on
#   neighbours, wins when the bet is right and loses when it is wrong.
# - Preprocessing is part of the model, and softmax is never silent.
#
# **Further reading.** [LeCun et al., 1998](../book/references.md#lecun-1998), sections I and II: the same problem,
# digits, told by those who made it famous. [Goodfellow et al., 2016](../book/references.md#goodfellow-2016), chapters 1
# and 5: what "learning" means. [Paszke et al., 2019](../book/references.md#paszke-2019): why PyTorch looks as it does.
#
# ### The map
#
# Sixteen chapters, each answering the question that the one before leaves open. Those without a link are still to come. Who found what, and when, stands on
# [the timeline](../book/timeline.md): it begins in 1943, and each entry names its chapter.
#
# | | chapter | the question |
# |---|---|---|
# | 0 | **Start** (you are here); [features by hand](00b_features.ipynb) | What does a network get, and how did people see before networks learned? |
# | 1 | [The perceptron](01_perceptron.ipynb); [kernels](01b_kernels.ipynb) | What can one unit learn, and when does it stop? |
# | 2 | Multilayer perceptrons | What do hidden layers add? |
# | 3 | Backpropagation | How does `backward()` find all slopes at once? |
# | 4 | Training | Why does it fail, and how is it made to work? |
# | 5 | Convolution | How does a network use that neighbours belong together? |
# | 6 | Architectures | From LeNet to AlexNet: which layers, how many? |
# | 7 | Deeper | Why did twenty layers fail, and what made a hundred work? |
# | 8 | Visualization | What does a network look at? |
# | 9 | Transfer | How do you learn from few images? |
# | 10 | Detection | Where is it, and how many are there? |
# | 11 | Segmentation | Which pixel belongs to what? |
# | 12 | Multiple scales | How does one network see small and large? |
# | 13 | Video | What moves, and what happens? |
# | 14 | Gallery | What is it all used for? |
# | 15 | Beyond | What came after convolution? |
#
# **The next question.** Your network found its own weights and beat the nearest mean. But what is the *least* that can
# learn? [Chapter 1](01_perceptron.ipynb) takes one single unit, a sum and a threshold, and proves what it can
# learn and what it never will. If you first want to see how far people got without any learning of features, take
# [features by hand](00b_features.ipynb).
