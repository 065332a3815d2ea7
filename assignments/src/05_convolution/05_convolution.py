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
# # Assignment 5: Convolution
#
# You build the layer that made machines see: forward, as one matrix product, and backward. Then pooling, and the
# arithmetic that says how large a picture comes out and how much of it one number has seen.
#
# | exercise | you write | points |
# |---|---|---|
# | 1 | the size of the output | 3 |
# | 2 | correlation, convolution, and the layer | 6 |
# | 3 | the layer as one matrix product | 4 |
# | 4 | its backward pass | 6 |
# | 5 | max pooling, forward and backward | 4 |
# | 6 | the receptive field of a stack | 3 |
# | 7 | a judgement, in words | 4 |
#
# It takes 90 to 120 minutes. Read chapter 5 first; exercises 1 and 6 use chapter 5b, exercise 5 uses chapter 5c.

# %% [markdown] nbgrader={"grade": false, "grade_id": "how_to_work", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## How to work
#
# Each exercise has a cell for your code and, below it, a **check**. Replace `raise NotImplementedError()` with
# your code, run the cell, run the check. The check tells you which idea went wrong, as often as you like. It sees
# only a few small cases: your work is graded later on many random ones.
#
# - Write functions of their arguments alone: never change an argument, use no random numbers, read no other variable.
# - Any correct way of writing it is right. Loops are fine: your work is graded on pictures of at most 12 x 12. Extra cells and
#   helper functions are fine too, and so is calling your functions of earlier exercises.
# - Keep the names and the order of the arguments. Leave the check cells as they are.
# - Each call must finish within 4 seconds.
# - Write it with NumPy: `course_utils.scratch`, torch and SciPy are not there when your work is graded.
#
# One picture `x` has shape (C, H, W): channels, rows, columns. A layer's kernels `w` have shape (F, C, k, k): F kernels,
# each as deep as the picture, k rows and k columns.
#
# Run the next cell first.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import checks
import numpy as np

# %% [markdown] nbgrader={"grade": false, "grade_id": "sizes_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 1: how large is what comes out?
#
# Slide a window of $k$ numbers along a row of $n$. There are $n - k + 1$ places for it. Three dials change that count:
#
# - **padding** $p$: so many zeros are put at *each* end first, so the row has $n + 2p$ numbers;
# - **dilation** $r$: the window's numbers lie $r$ apart, so the window covers $k' = r\,(k - 1) + 1$;
# - **stride** $s$: the window moves $s$ at a time, and a last step that would leave the row is not made.
#
# $$ m = \left\lfloor \frac{n + 2p - k'}{s} \right\rfloor + 1 $$
#
# If the window does not fit even once, there is no output: the size is 0.
#
# > **Predict.** A row of 7, a window of 3, stride 2. How many outputs? And for a row of 8?
#
# **Why it matters.** Every "shape mismatch" you will ever debug is this formula with other numbers than you thought.
#
# **Write** `output_size`, and `same_padding`: the padding with which an **odd** window keeps the size at stride 1.
# Later exercises can call them: `//` gives the whole numbers that a shape needs, `np.floor` gives floats, which no shape takes.


# %% nbgrader={"grade": false, "grade_id": "sizes_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_size(n, kernel_size, stride, padding, dilation):
    """Size of the output along one axis.

    n: size of the input.  kernel_size, stride, dilation: at least 1.  padding: zeros at each end, at least 0.
    Returns a whole number; 0 if the window does not fit.
    """
    ### BEGIN SOLUTION
    covered = dilation * (kernel_size - 1) + 1
    if covered > n + 2 * padding:
        return 0
    return (n + 2 * padding - covered) // stride + 1
    ### END SOLUTION


def same_padding(kernel_size, dilation):
    """Padding that keeps the size at stride 1.

    kernel_size: odd.  dilation: at least 1.
    Returns a whole number.
    """
    ### BEGIN SOLUTION
    return dilation * (kernel_size - 1) // 2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sizes", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.sizes(output_size, same_padding)

# %% [markdown] nbgrader={"grade": false, "grade_id": "forward_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 2: the layer
#
# Lay the kernel on the picture, multiply what lies on top of each other, sum, move on. With the kernel as it is
# written down this is **correlation**:
#
# $$ z_{ij} = \sum_{m} \sum_{n} x_{i + m,\; j + n}\; k_{mn} $$
#
# A mathematician's **convolution** turns the kernel by half a turn first: $k_{mn}$ becomes $k_{-m, -n}$, the last row comes first and
# the last column comes first. What every library calls a convolution layer computes the correlation. It makes no
# difference to learning (the layer learns the turned kernel), and all the difference when you write a kernel by hand.
#
# The **layer** has $F$ kernels, each with one sheet for each of the $C$ channels of the picture. Pad the picture with $p$ zeros on
# all four sides, move in steps of $s$, sum over channels as well, and add one bias for each kernel:
#
# $$ z_{fij} = b_f + \sum_{c} \sum_{m} \sum_{n} x^{\text{padded}}_{c,\; s i + m,\; s j + n}\; w_{fcmn} $$
#
# > **Predict.** A picture of zeros with a single 1 in the middle. Which of the two, correlation or convolution, shows
# > you the kernel as it is written, and which shows it turned?
#
# **Why it matters.** This one formula, with other sizes, is most of the computation in every network of chapters 6 to 13.
#
# **Write** `correlate` and `convolve` for one channel, only where the kernel lies wholly inside, and the layer `conv2d`.


# %% nbgrader={"grade": false, "grade_id": "forward_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def correlate(x, k):
    """Correlation of a picture with a kernel, where the kernel lies wholly inside.

    x: shape (H, W).  k: shape (h, w), not larger than x.
    Returns shape (H - h + 1, W - w + 1).
    """
    ### BEGIN SOLUTION
    rows, columns = x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1
    z = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            z[i, j] = np.sum(x[i : i + k.shape[0], j : j + k.shape[1]] * k)
    return z
    ### END SOLUTION


def convolve(x, k):
    """Convolution in the mathematician's sense, where the kernel lies wholly inside.

    x, k: as above.
    Returns shape (H - h + 1, W - w + 1).
    """
    ### BEGIN SOLUTION
    return correlate(x, k[::-1, ::-1])
    ### END SOLUTION


def conv2d(x, w, b, stride, padding):
    """A convolution layer, as libraries define it.

    x: shape (C, H, W).  w: shape (F, C, k, k).  b: shape (F,).  stride: at least 1.  padding: at least 0.
    Returns shape (F, rows, columns), with the sizes of exercise 1.
    """
    ### BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    rows = (padded.shape[1] - k) // stride + 1
    columns = (padded.shape[2] - k) // stride + 1
    z = np.zeros((len(w), rows, columns))
    for f in range(len(w)):
        for i in range(rows):
            for j in range(columns):
                window = padded[:, i * stride : i * stride + k, j * stride : j * stride + k]
                z[f, i, j] = b[f] + np.sum(window * w[f])
    return z
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "forward", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.forward(correlate, convolve, conv2d)

# %% [markdown] nbgrader={"grade": false, "grade_id": "forward_picture_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# See what you built: four kernels, four questions, asked at every place of a drawn picture. Violet is below zero, orange
# above.

# %% nbgrader={"grade": false, "grade_id": "forward_picture", "locked": true, "schema_version": 3, "solution": false, "task": false}
checks.pictures.kernels(conv2d)

# %% [markdown] nbgrader={"grade": false, "grade_id": "im2col_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 3: one matrix product
#
# Processors are built for matrix products, and the layer is one in disguise. Write the window of each output place
# as a **column**: its $C k k$ numbers, channel after channel, each channel row by row. Put the columns side by side, output
# places row by row. That is the matrix of `im2col`, with $C k k$ rows and one column a place. Now
#
# $$ Z = W\, \text{im2col}(x) + b $$
#
# where row $f$ of $W$ is kernel $f$, flattened in the same order.
#
# For a picture with one channel $\begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}$, windows of $2 \times 2$, stride 1, no padding:
#
# $$ \begin{pmatrix} 1 & 2 \\ 2 & 3 \\ 4 & 5 \\ 5 & 6 \end{pmatrix} $$
#
# **Why it matters.** The matrix repeats each pixel up to $k^2$ times, and the layer still runs many times faster
# than your loops: this is how libraries computed convolutions for years, and how chapter 5 comes near torch's speed.
#
# **Write** `im2col`, and `conv2d_matrix`: the layer of exercise 2 as one product of two matrices.


# %% nbgrader={"grade": false, "grade_id": "im2col_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def im2col(x, kernel_size, stride, padding):
    """The windows of a picture as columns.

    x: shape (C, H, W).  kernel_size: k, rows and columns of a window.  stride, padding: as in exercise 2.
    Returns shape (C * k * k, rows * columns).
    """
    ### BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    rows = (padded.shape[1] - kernel_size) // stride + 1
    columns = (padded.shape[2] - kernel_size) // stride + 1
    found = []
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            found.append(padded[:, top : top + kernel_size, left : left + kernel_size].ravel())
    return np.array(found).T
    ### END SOLUTION


def conv2d_matrix(x, w, b, stride, padding):
    """The layer of exercise 2, as one matrix product.

    x, w, b, stride, padding: as in exercise 2.
    Returns shape (F, rows, columns).
    """
    ### BEGIN SOLUTION
    k = w.shape[2]
    rows = (x.shape[1] + 2 * padding - k) // stride + 1
    z = w.reshape(len(w), -1) @ im2col(x, k, stride, padding) + b[:, None]
    return z.reshape(len(w), rows, -1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "im2col", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.im2col(im2col, conv2d_matrix)

# %% [markdown] nbgrader={"grade": false, "grade_id": "backward_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 4: backward
#
# Training needs the gradient of the loss with respect to everything that went into the layer. Say $g_{fij} = \partial L / \partial z_{fij}$
# has arrived from the layer above. Look at the formula of exercise 2 and ask of each number: *which outputs does it
# touch, and with which factor?*
#
# - the bias $b_f$ touches every output of its map, with factor 1;
# - the weight $w_{fcmn}$ touches every output of map $f$, with the pixel that lay under it as factor;
# - a pixel touches every window that covers it, in every map, with the weight that lay on it as factor.
#
# By the chain rule each gradient is the sum of $g$ times that factor, over all outputs touched. The zeros of the padding
# get gradients too; nobody asks for them, so they are cut away at the end.
#
# > **Predict.** Stride 1, no padding. Which pixel gets contributions from the fewest outputs: one in the middle,
# > or one in a corner?
#
# **Why it matters.** Nothing else in this course depends on so few lines. If they are right, everything above them
# can learn.
#
# **Write** `conv2d_backward`. (If you walk over the outputs as in exercise 2 and *add* to the right places, you need no
# new formula.)


# %% nbgrader={"grade": false, "grade_id": "backward_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv2d_backward(g, x, w, stride, padding):
    """Gradients of a loss with respect to what went into the layer.

    g: gradient with respect to the output, shape (F, rows, columns).  x, w, stride, padding: as in exercise 2.
    Returns gx, gw, gb: gradients with respect to x, w and b, in the shapes of x, w and b.
    """
    ### BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    height, width = x.shape[1:]
    return gx[:, padding : padding + height, padding : padding + width], gw, g.sum(axis=(1, 2))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "backward", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
checks.backward(conv2d_backward)

# %% [markdown] nbgrader={"grade": false, "grade_id": "pooling_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 5: max pooling
#
# Keep the largest number of each window, channel by channel. It has no weights, and yet it has a backward pass: of
# all numbers in a window only the largest touched the output, so it alone gets the gradient. If several are equally
# large, the **first** in reading order gets all of it. Where windows overlap, one number can be the largest of several:
# its gradients add up.
#
# **Why it matters.** Pooling throws away *where* within the window something was. That buys tolerance to small shifts,
# and it costs what chapter 11 has to win back.
#
# **Write** `max_pool` and `max_pool_backward`: no padding; a last window that would not fit is left out.


# %% nbgrader={"grade": false, "grade_id": "pooling_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def max_pool(x, size, stride):
    """Largest number of each window.

    x: shape (C, H, W).  size: rows and columns of a window.  stride: at least 1.
    Returns shape (C, rows, columns).
    """
    ### BEGIN SOLUTION
    rows, columns = (x.shape[1] - size) // stride + 1, (x.shape[2] - size) // stride + 1
    z = np.zeros((len(x), rows, columns))
    for c, i, j in np.ndindex(z.shape):
        z[c, i, j] = x[c, i * stride : i * stride + size, j * stride : j * stride + size].max()
    return z
    ### END SOLUTION


def max_pool_backward(g, x, size, stride):
    """Gradient with respect to the input of max pooling.

    g: gradient with respect to the output, shape (C, rows, columns).  x, size, stride: as above.
    Returns the shape of x.
    """
    ### BEGIN SOLUTION
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i * stride + row, j * stride + column] += g[c, i, j]
    return gx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "pooling", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
checks.pooling(max_pool, max_pool_backward)

# %% [markdown] nbgrader={"grade": false, "grade_id": "receptive_field_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 6: how far does one number see?
#
# A number deep in a stack sees a window of the input: its **receptive field**. Three numbers describe it, and each layer
# changes them. Start with one pixel: size $R = 1$, jump $J = 1$, centre $c = 0$ (pixels are counted from 0). For a layer
# with window $k$, stride $s$ and padding $p$, in this order:
#
# $$ c \leftarrow c + \left( \frac{k - 1}{2} - p \right) J, \qquad R \leftarrow R + (k - 1)\, J, \qquad J \leftarrow J\, s $$
#
# The **jump** is the distance, in pixels of the input, between two neighbours of the layer's output. The **centre** is that of
# the first unit. It may lie outside the picture: then the unit looks mostly at padding.
#
# > **Predict.** Three layers of $3 \times 3$ at stride 1, or one of $7 \times 7$: which sees more? And if the first of the three has
# > stride 2?
#
# **Why it matters.** A unit cannot recognise what it cannot see. Detectors and segmenters are planned with these three numbers.
#
# **Write** `receptive_field`.


# %% nbgrader={"grade": false, "grade_id": "receptive_field_code", "locked": false, "schema_version": 3, "solution": true, "task": false}
def receptive_field(layers):
    """Receptive field of a stack of layers, along one axis.

    layers: a list of (kernel_size, stride, padding), the layer next to the input first; empty for no layer at all.
    Returns size, jump, centre: three numbers.
    """
    ### BEGIN SOLUTION
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "receptive_field", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.receptive_field(receptive_field)

# %% [markdown] nbgrader={"grade": false, "grade_id": "judge_text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Exercise 7: judge a claim
#
# A fellow student has notes that say:
#
# > *A convolution layer treats every place alike, so it does not matter where something is. A network of one
# > convolution layer with stride 2, a ReLU and a global maximum over the whole map is therefore exactly invariant to shifts: move
# > a bright spot by one pixel, well inside a dark picture, and the output does not change.*
#
# Is that so? In at most 150 words: give your verdict, show it on an example with numbers (one row of pixels can be
# enough), say which step of the argument holds and which does not, and say what to change so that the statement
# is right.

# %% [markdown] nbgrader={"grade": true, "grade_id": "judge", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# The claim is false. Take the row $x = (0, 0, 1, 0, 0, 0)$ and the kernel of one number, $k = (1)$, with stride 2. The
# layer looks at pixels 0, 2 and 4: its map is $(0, 1, 0)$, and the maximum is 1. Move the spot by one pixel, to
# $(0, 0, 0, 1, 0, 0)$: the map is $(0, 0, 0)$, and the maximum is 0.
#
# At stride 1 the first step holds: away from the border, the map of a shifted picture is the shifted map. That is
# equivariance, not yet invariance; the ReLU keeps it, and the global maximum then makes it invariance. The step that fails
# is the stride. It keeps every second place of that map, and a shift by one exchanges the places that are kept for those
# that are thrown away.
#
# The statement is right with stride 1, or for shifts by multiples of the stride.
# ### END SOLUTION

# %% [markdown] nbgrader={"grade": false, "grade_id": "hand_in", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Hand in
#
# Restart the kernel and run all cells, so that you see what a fresh start sees. Save. Hand in this one file,
# `05_convolution.ipynb`. An exercise you could not finish costs only itself: leave its stub, hand in the rest.
