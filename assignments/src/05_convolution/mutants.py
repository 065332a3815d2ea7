"""Wrong and right solutions of assignment 5 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np


# %% right sizes: counts the places one by one
def output_size(n, kernel_size, stride, padding, dilation):
    count, start = 0, -padding
    while start + dilation * (kernel_size - 1) < n + padding:
        count, start = count + 1, start + stride
    return count


def same_padding(kernel_size, dilation):
    p = 0
    while output_size(101, kernel_size, 1, p, dilation) < 101:
        p += 1
    return p


# %% right sizes: floats and floor
def output_size(n, kernel_size, stride, padding, dilation):
    room = n + 2 * padding - (kernel_size - 1) * dilation - 1
    return float(np.floor(room / stride) + 1) if room >= 0 else 0.0


def same_padding(kernel_size, dilation):
    return np.int64(dilation * ((kernel_size - 1) / 2))


# %% wrong sizes: padding at one end only
# thinks: padding p adds p numbers in all
# says: both ends
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    return max(0, (n + padding - covered) // stride + 1)


# %% wrong sizes: no plus one
# thinks: the count is the distance between first and last place
# says: plus one
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    return max(0, (n + 2 * padding - covered) // stride)


# %% wrong sizes: rounds up
# thinks: a last window that sticks out still counts
# says: rounds up
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    if covered > n + 2 * padding:
        return 0
    return -((covered - n - 2 * padding) // stride) + 1


# %% wrong sizes: dilation multiplies the window
# thinks: a window of k with dilation r covers r k
# says: covers r (k - 1) + 1
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * kernel_size
    if covered > n + 2 * padding:
        return 0
    return (n + 2 * padding - covered) // stride + 1


# %% wrong sizes: dilation ignored
# thinks: dilation changes the weights, not the sizes
# says: ignores the dilation
def output_size(n, kernel_size, stride, padding, dilation):
    if kernel_size > n + 2 * padding:
        return 0
    return (n + 2 * padding - kernel_size) // stride + 1


# %% wrong sizes: stride ignored
# thinks: stride changes the values, not the sizes
# says: ignores the stride
def output_size(n, kernel_size, stride, padding, dilation):
    return max(0, n + 2 * padding - dilation * (kernel_size - 1))


# %% wrong sizes: size divided by stride first
# thinks: stride s makes the picture s times smaller, and then the window slides
# says: divides too early
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    return max(0, (n + 2 * padding) // stride - covered + 1)


# %% wrong sizes: negative sizes
# thinks: the formula knows by itself when a window does not fit
# says: does not fit
def output_size(n, kernel_size, stride, padding, dilation):
    return (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


# %% wrong sizes: same padding of half the window, rounded up
# thinks: half of 3 is 2
# says: same_padding
def same_padding(kernel_size, dilation):
    return dilation * (kernel_size + 1) // 2


# %% wrong sizes: same padding without dilation
# thinks: padding depends on the number of weights alone
# says: forgets the dilation
def same_padding(kernel_size, dilation):
    return (kernel_size - 1) // 2


# %% wrong sizes: padding for both ends
# thinks: the padding is what is added in all
# says: at each end
def same_padding(kernel_size, dilation):
    return dilation * (kernel_size - 1)


# %% wrong sizes: rounds to the nearest
# thinks: round is how one gets a whole number
# says: rounds to the nearest
# hidden says: not right without dilation
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    if covered > n + 2 * padding:
        return 0
    return round((n + 2 * padding - covered) / stride) + 1


# %% wrong sizes: rounds towards zero
# thinks: int and floor are the same
# says: does not fit
def output_size(n, kernel_size, stride, padding, dilation):
    return max(0, int((n + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1)


# %% wrong sizes: no output where the window is as wide as the row
# thinks: a window needs room to move
# says: just fits
def output_size(n, kernel_size, stride, padding, dilation):
    covered = dilation * (kernel_size - 1) + 1
    if covered >= n + 2 * padding:
        return 0
    return (n + 2 * padding - covered) // stride + 1


# %% wrong sizes: compares the window with the row before padding
# thinks: a window wider than the picture never fits
# says: just fits
# hidden says: output_size is not
def output_size(n, kernel_size, stride, padding, dilation):
    if kernel_size > n:
        return 0
    return (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


# %% wrong sizes: same padding of half of r k
# thinks: a dilated window covers r k
# says: half of r k
# hidden says: does not keep the size
def same_padding(kernel_size, dilation):
    return dilation * kernel_size // 2


# %% right forward: sums of shifted pictures
def correlate(x, k):
    h, w = k.shape
    z = np.zeros((x.shape[0] - h + 1, x.shape[1] - w + 1))
    for m in range(h):
        for n in range(w):
            z = z + k[m, n] * x[m : m + z.shape[0], n : n + z.shape[1]]
    return z


def convolve(x, k):
    return correlate(x, np.rot90(k, 2))


def conv2d(x, w, b, stride, padding):
    c, height, width = x.shape
    padded = np.zeros((c, height + 2 * padding, width + 2 * padding))
    padded[:, padding : padding + height, padding : padding + width] = x
    maps = []
    for kernel, bias in zip(w, b):
        full = sum(correlate(sheet, part) for sheet, part in zip(padded, kernel)) + bias
        maps.append(full[::stride, ::stride])
    return np.stack(maps)


# %% right forward: windows in one view
def correlate(x, k):
    return np.einsum("ijmn,mn->ij", np.lib.stride_tricks.sliding_window_view(x, k.shape), k)


def convolve(x, k):
    turned = np.zeros_like(k)
    for m in range(k.shape[0]):
        for n in range(k.shape[1]):
            turned[m, n] = k[-1 - m, -1 - n]
    return correlate(x, turned)


def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b.reshape(-1, 1, 1)


# %% wrong forward: correlation turns the kernel
# thinks: sliding a kernel is convolution
# says: correlate turns the kernel
def correlate(x, k):
    turned = k[::-1, ::-1]
    h, w = k.shape
    rows, columns = x.shape[0] - h + 1, x.shape[1] - w + 1
    return np.array([[np.sum(x[i : i + h, j : j + w] * turned) for j in range(columns)] for i in range(rows)])


# %% wrong forward: convolution without turning
# thinks: convolution and correlation are two names of one thing
# says: convolve does not turn the kernel
def convolve(x, k):
    return correlate(x, k)


# %% wrong forward: turned left to right only
# thinks: turning the kernel means mirroring its rows
# says: both its axes
def convolve(x, k):
    return correlate(x, k[:, ::-1])


# %% wrong forward: turned top to bottom only
# thinks: turning the kernel means reversing the order of its rows
# says: both its axes
def convolve(x, k):
    return correlate(x, k[::-1])


# %% wrong forward: transposed in place of turned
# thinks: turning a matrix is transposing it
# says: transposes the kernel
def convolve(x, k):
    return correlate(x, k.T) if k.shape[0] == k.shape[1] else correlate(x, k[::-1, ::-1])


# %% wrong forward: the layer turns its kernels
# thinks: a convolution layer convolves
# says: conv2d turns the kernels
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w[:, :, ::-1, ::-1]) + b[:, None, None]


# %% wrong forward: no bias
# thinks: the bias is a detail
# says: forgets the bias
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w)


# %% wrong forward: a bias for each channel
# thinks: each sheet of a kernel has a bias
# says: once for each kernel
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + len(x) * b[:, None, None]


# %% wrong forward: only the first channel
# thinks: a kernel slides over one picture
# says: only the first channel
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("ijmn,fmn->fij", windows[0], w[:, 0]) + b[:, None, None]


# %% wrong forward: mean over channels
# thinks: channels are averaged, so that more of them do not make larger numbers
# says: averages the channels
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) / len(x) + b[:, None, None]


# %% wrong forward: padding ignored
# thinks: padding only matters for the shape
# says: should have shape
def conv2d(x, w, b, stride, padding):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]


# %% wrong forward: padding at the end only
# thinks: 2 p zeros can be put anywhere
# says: on all four sides
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]


# %% wrong forward: padded with the edge
# thinks: padding repeats the border
# says: with zeros
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]


# %% wrong forward: stride ignored
# thinks: stride is a hint
# says: should have shape
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]


# %% wrong forward: stride in the size only
# thinks: a stride makes the map smaller
# says: moves one pixel at a time
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))
    z = np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]
    return z[:, : (z.shape[1] - 1) // stride + 1, : (z.shape[2] - 1) // stride + 1]


# %% wrong forward: all zeros
# thinks: the function only has to return an array of the right shape
# says: conv2d
def conv2d(x, w, b, stride, padding):
    k = w.shape[2]
    rows, columns = ((n + 2 * padding - k) // stride + 1 for n in x.shape[1:])
    return np.zeros((len(w), rows, columns))


# %% wrong forward: zero sheets around the channels
# thinks: np.pad(x, p) pads rows and columns
# says: pads the channels too
# hidden says: stops with ValueError
def conv2d(x, w, b, stride, padding):
    f, _, k, _ = w.shape
    padded = np.pad(x, padding)
    rows, columns = ((n - k) // stride + 1 for n in padded.shape[1:])
    z = np.zeros((f, rows, columns))
    for o, i, j in np.ndindex(z.shape):
        z[o, i, j] = np.sum(padded[:, i * stride : i * stride + k, j * stride : j * stride + k] * w[o]) + b[o]
    return z


# %% wrong forward: zero sheets around the channels, number by number
# thinks: np.pad(x, p) pads rows and columns
# says: pads the channels too
# hidden says: not right with padding
def conv2d(x, w, b, stride, padding):
    f, c, k, _ = w.shape
    padded = np.pad(x, padding)
    rows, columns = ((n - k) // stride + 1 for n in padded.shape[1:])
    z = np.zeros((f, rows, columns))
    for o, i, j in np.ndindex(z.shape):
        z[o, i, j] = b[o]
        for q, m, n in np.ndindex(c, k, k):
            z[o, i, j] += padded[q, i * stride + m, j * stride + n] * w[o, q, m, n]
    return z


# %% wrong forward: the bias in every product
# thinks: the bias belongs inside the sum
# says: to each product
# hidden says: not right at stride 1 without padding
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + w[0].size * b[:, None, None]


# %% wrong forward: one bias for all maps
# thinks: a layer has one bias
# says: map f gets b[f]
# hidden says: not right at stride 1 without padding
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[0]


# %% wrong forward: padded with a mirror
# thinks: the border is mirrored, so that no edge appears
# says: mirrors the picture
# hidden says: conv2d
def conv2d(x, w, b, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cijmn,fcmn->fij", windows, w) + b[:, None, None]


# %% right im2col: from windows in one view
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.transpose(0, 3, 4, 1, 2).reshape(len(x) * kernel_size**2, -1)


def conv2d_matrix(x, w, b, stride, padding):
    f, c, k, _ = w.shape
    rows, columns = [(n + 2 * padding - k) // stride + 1 for n in x.shape[1:]]
    matrix = np.hstack([w.reshape(f, c * k * k), b[:, None]])
    patches = im2col(x, k, stride, padding)
    return (matrix @ np.vstack([patches, np.ones(patches.shape[1])])).reshape(f, rows, columns)


# %% right im2col: row by row of the matrix
def im2col(x, kernel_size, stride, padding):
    c, height, width = x.shape
    rows, columns = [(n + 2 * padding - kernel_size) // stride + 1 for n in (height, width)]
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    matrix = []
    for channel in range(c):
        for m in range(kernel_size):
            for n in range(kernel_size):
                line = padded[channel, m : m + stride * rows : stride, n : n + stride * columns : stride]
                matrix.append(line[:rows, :columns].reshape(-1))
    return np.stack(matrix)


# %% wrong im2col: windows as rows
# thinks: a list of windows is a matrix with a row for each
# says: columns, not rows
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.transpose(1, 2, 0, 3, 4).reshape(-1, len(x) * kernel_size**2)


# %% wrong im2col: channels last within a window
# thinks: a window is a block of pixels, each with its channels
# says: channel after channel
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.transpose(3, 4, 0, 1, 2).reshape(len(x) * kernel_size**2, -1)


# %% wrong im2col: windows read column by column
# thinks: the order within a window does not matter
# says: row by row
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.transpose(0, 4, 3, 1, 2).reshape(len(x) * kernel_size**2, -1)


# %% wrong im2col: places column by column
# thinks: the order of the places does not matter
# says: the places are not in reading order
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.transpose(0, 3, 4, 2, 1).reshape(len(x) * kernel_size**2, -1)


# %% wrong im2col: the picture cut into tiles
# thinks: reshape cuts windows out of a picture
# says: im2col
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    rows, columns = [(n - kernel_size) // stride + 1 for n in padded.shape[1:]]
    return np.resize(padded, (len(x) * kernel_size**2, rows * columns))


# %% wrong im2col: padding ignored
# thinks: padding happens somewhere else
# says: should have shape
def im2col(x, kernel_size, stride, padding):
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(1, 2))[
        :, ::stride, ::stride
    ]
    return windows.transpose(0, 3, 4, 1, 2).reshape(len(x) * kernel_size**2, -1)


# %% wrong im2col: product without the bias
# thinks: a matrix product has no room for a bias
# says: forgets the bias
def conv2d_matrix(x, w, b, stride, padding):
    k = w.shape[2]
    rows = (x.shape[1] + 2 * padding - k) // stride + 1
    return (w.reshape(len(w), -1) @ im2col(x, k, stride, padding)).reshape(len(w), rows, -1)


# %% wrong im2col: map with rows and columns exchanged
# thinks: reshape to any shape of the right size
# says: rows and columns
def conv2d_matrix(x, w, b, stride, padding):
    k = w.shape[2]
    columns = (x.shape[2] + 2 * padding - k) // stride + 1
    z = w.reshape(len(w), -1) @ im2col(x, k, stride, padding) + b[:, None]
    return z.reshape(len(w), columns, -1)


# %% wrong im2col: kernels flattened across kernels
# thinks: reshape keeps kernels together whatever the shape
# says: row f of the matrix is kernel f
def conv2d_matrix(x, w, b, stride, padding):
    k = w.shape[2]
    rows = (x.shape[1] + 2 * padding - k) // stride + 1
    z = w.reshape(-1, len(w)).T @ im2col(x, k, stride, padding) + b[:, None]
    return z.reshape(len(w), rows, -1)


# %% wrong im2col: a list of windows reshaped
# thinks: reshape turns rows into columns
# says: .T turns rows into columns
# hidden says: not the matrix of windows
def im2col(x, kernel_size, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride].transpose(1, 2, 0, 3, 4)
    return windows.reshape(len(x) * kernel_size**2, -1)


# %% wrong im2col: the number of a column counted in rows
# thinks: place (i, j) is number i * rows + j
# says: two windows into one column
# hidden says: im2col
def im2col(x, kernel_size, stride, padding):
    k = kernel_size
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    rows, columns = [(n - k) // stride + 1 for n in padded.shape[1:]]
    matrix = np.zeros((len(x) * k * k, rows * columns))
    for i, j in np.ndindex(rows, columns):
        window = padded[:, i * stride : i * stride + k, j * stride : j * stride + k]
        matrix[:, min(i * rows + j, rows * columns - 1)] = window.ravel()
    return matrix


# %% wrong im2col: stride in the number of places only
# thinks: a stride makes the matrix narrower
# says: moves one pixel at a time
# hidden says: with a stride or with padding
def im2col(x, kernel_size, stride, padding):
    k = kernel_size
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    rows, columns = [(n - k) // stride + 1 for n in padded.shape[1:]]
    return np.array([padded[:, i : i + k, j : j + k].ravel() for i, j in np.ndindex(rows, columns)]).T


# %% wrong im2col: zero sheets around the channels
# thinks: np.pad(x, p) pads rows and columns
# says: pads the channels too
# hidden says: should have shape
def im2col(x, kernel_size, stride, padding):
    k = kernel_size
    padded = np.pad(x, padding)
    rows, columns = [(n - k) // stride + 1 for n in padded.shape[1:]]
    windows = [
        padded[:, i * stride : i * stride + k, j * stride : j * stride + k].ravel()
        for i, j in np.ndindex(rows, columns)
    ]
    return np.array(windows).T


# %% wrong im2col: a row for each place, reshaped to maps
# thinks: reshape turns places by kernels into kernels by places
# says: a row for each place
# hidden says: not the layer of exercise 2
def conv2d_matrix(x, w, b, stride, padding):
    k = w.shape[2]
    rows = (x.shape[1] + 2 * padding - k) // stride + 1
    z = im2col(x, k, stride, padding).T @ w.reshape(len(w), -1).T + b
    return z.reshape(len(w), rows, -1)


# %% wrong im2col: turned kernels
# thinks: a convolution layer convolves
# says: conv2d_matrix turns the kernels
# hidden says: not the layer of exercise 2
def conv2d_matrix(x, w, b, stride, padding):
    k = w.shape[2]
    rows = (x.shape[1] + 2 * padding - k) // stride + 1
    z = w[:, :, ::-1, ::-1].reshape(len(w), -1) @ im2col(x, k, stride, padding) + b[:, None]
    return z.reshape(len(w), rows, -1)


# %% right backward: through the matrix of windows
def conv2d_backward(g, x, w, stride, padding):
    f, c, k, _ = w.shape
    flat = g.reshape(f, -1)
    gw = (flat @ im2col(x, k, stride, padding).T).reshape(w.shape)
    patches = (w.reshape(f, -1).T @ flat).reshape(c, k, k, *g.shape[1:])
    height, width = x.shape[1:]
    padded = np.zeros((c, height + 2 * padding, width + 2 * padding))
    for m in range(k):
        for n in range(k):
            bottom, right = m + stride * g.shape[1], n + stride * g.shape[2]
            padded[:, m:bottom:stride, n:right:stride] += patches[:, m, n]
    return padded[:, padding : padding + height, padding : padding + width], gw, flat.sum(axis=1)


# %% right backward: number by number
def conv2d_backward(g, x, w, stride, padding):
    gx, gw, gb = np.zeros(x.shape), np.zeros(w.shape), [0.0] * len(w)
    for f in range(g.shape[0]):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                gb[f] += g[f, i, j]
                for c, m, n in np.ndindex(w.shape[1:]):
                    row, column = i * stride + m - padding, j * stride + n - padding
                    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                        gw[f, c, m, n] += g[f, i, j] * x[c, row, column]
                        gx[c, row, column] += g[f, i, j] * w[f, c, m, n]
    return gx, gw, gb


# %% wrong backward: no gradient for the bias
# thinks: a constant has no gradient
# says: gradient of the bias is zero
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, np.zeros(len(w))


# %% wrong backward: mean for the bias
# thinks: gradients over a map are averaged
# says: averages over the map
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.mean(axis=(1, 2))


# %% wrong backward: mean for the weights
# thinks: a shared weight gets the average of its gradients
# says: averages over the places
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    places = g.shape[1] * g.shape[2]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw / places, g.sum(axis=(1, 2))


# %% wrong backward: last place wins for the weights
# thinks: a gradient is set, not added up
# says: overwrites
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] = g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: last window wins for the pixels
# thinks: each pixel belongs to one window
# says: of all windows that cover it
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] = g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: kernel turned on the way back
# thinks: the backward pass always turns the kernel, also when the window stays where it was
# says: turned kernel
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f, :, ::-1, ::-1]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: gradient of the weights turned
# thinks: correlation forward means convolution backward, for the weights too
# says: turned by half a turn
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns][:, ::-1, ::-1]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: padding not cut away
# thinks: the gradient has the shape of what the loop walked over
# says: should have shape
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx, gw, g.sum(axis=(1, 2))


# %% wrong backward: stride forgotten on the way back
# thinks: the stride is over once the map is small
# says: forgets the stride
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i, i + k), slice(j, j + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: all zeros
# thinks: the function only has to return arrays of the right shape
# says: conv2d_backward
def conv2d_backward(g, x, w, stride, padding):
    return np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))


# %% wrong backward: the padding cut with -p
# thinks: [p:-p] cuts p at both ends, for p = 0 as well
# says: the slice [p:-p] is empty
# hidden says: should have shape
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, padding:-padding, padding:-padding], gw, g.sum(axis=(1, 2))


# %% wrong backward: the padding cut at the far end only
# thinks: cutting to the right size is enough
# says: at one end only
# hidden says: with respect to x is not right
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[f]
    return gx[:, : x.shape[1], : x.shape[2]], gw, g.sum(axis=(1, 2))


# %% wrong backward: the first kernel for every map
# thinks: the pixels' factor is the kernel
# says: sum over all kernels
# hidden says: with respect to x is not right
def conv2d_backward(g, x, w, stride, padding):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    k = w.shape[2]
    gx, gw = np.zeros(padded.shape), np.zeros(w.shape)
    for f, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + k), slice(j * stride, j * stride + k)
        gw[f] += g[f, i, j] * padded[:, rows, columns]
        gx[:, rows, columns] += g[f, i, j] * w[0]
    return gx[:, padding : padding + x.shape[1], padding : padding + x.shape[2]], gw, g.sum(axis=(1, 2))


# %% right pooling: views, and a mask of first places
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.max(axis=(3, 4))


def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    best = windows.reshape(*windows.shape[:3], -1).argmax(axis=3)
    c, i, j = np.indices(g.shape)
    np.add.at(gx, (c, i * stride + best // size, j * stride + best % size), g)
    return gx


# %% right pooling: number by number
def max_pool(x, size, stride):
    c, h, w = x.shape
    return [
        [
            [max(x[n, i + a, j + b] for a in range(size) for b in range(size)) for j in range(0, w - size + 1, stride)]
            for i in range(0, h - size + 1, stride)
        ]
        for n in range(c)
    ]


def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c in range(g.shape[0]):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                best = (i * stride, j * stride)
                for a in range(size):
                    for b in range(size):
                        if x[c, i * stride + a, j * stride + b] > x[(c, *best)]:
                            best = (i * stride + a, j * stride + b)
                gx[(c, *best)] += g[c, i, j]
    return gx


# %% wrong pooling: average
# thinks: pooling averages
# says: average
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.mean(axis=(3, 4))


# %% wrong pooling: never below zero
# thinks: the search for the largest starts at zero
# says: all below zero
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.maximum(windows.max(axis=(3, 4)), 0.0)


# %% wrong pooling: smallest
# thinks: the sign does not matter
# says: smallest
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return windows.min(axis=(3, 4))


# %% wrong pooling: largest of absolute values
# thinks: strong means large without its sign
# says: without signs
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.abs(windows).max(axis=(3, 4))


# %% wrong pooling: windows never overlap
# thinks: the stride of a pooling layer is its size
# says: should have shape
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::size, ::size]
    return windows.max(axis=(3, 4))


# %% wrong pooling: over all channels
# thinks: pooling takes the largest of everything under the window
# says: channel by channel
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.repeat(windows.max(axis=(0, 3, 4))[None], len(x), axis=0)


# %% wrong pooling: gradient to every one of the largest
# thinks: all that are largest get the gradient
# says: several are equally large
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        rows, columns = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
        gx[c, rows, columns] += g[c, i, j] * (x[c, rows, columns] == x[c, rows, columns].max())
    return gx


# %% wrong pooling: gradient to the last of the largest
# thinks: a later equal one replaces an earlier one
# says: the first in reading order
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(size * size - 1 - int(np.argmax(window[::-1, ::-1])), size)
        gx[c, i * stride + row, j * stride + column] += g[c, i, j]
    return gx


# %% wrong pooling: gradient spread over the window
# thinks: all numbers of the window share the gradient
# says: spreads the gradient
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        gx[c, i * stride : i * stride + size, j * stride : j * stride + size] += g[c, i, j] / size**2
    return gx


# %% wrong pooling: gradient overwritten
# thinks: each number is the largest of one window only
# says: add up
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i * stride + row, j * stride + column] = g[c, i, j]
    return gx


# %% wrong pooling: ones in place of the gradient
# thinks: the largest passes, and that is all there is to say
# says: ignores g
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i * stride + row, j * stride + column] += 1.0
    return gx


# %% wrong pooling: stride in the size only
# thinks: a stride makes the map smaller
# says: max_pool moves one pixel at a time
# hidden says: not the largest number of each window
def max_pool(x, size, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    z = windows.max(axis=(3, 4))
    return z[:, : (z.shape[1] - 1) // stride + 1, : (z.shape[2] - 1) // stride + 1]


# %% wrong pooling: gradient without the stride
# thinks: output (i, j) stands at pixel (i, j)
# says: max_pool_backward forgets the stride
# hidden says: max_pool_backward
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i + row, j + column] += g[c, i, j]
    return gx


# %% wrong pooling: gradient to the largest absolute value
# thinks: strong means large without its sign
# says: max_pool_backward compares sizes without signs
# hidden says: max_pool_backward
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = np.abs(x[c, i * stride : i * stride + size, j * stride : j * stride + size])
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i * stride + row, j * stride + column] += g[c, i, j]
    return gx


# %% wrong pooling: the gradient of channel 0 for all
# thinks: all channels share one gradient
# says: to every channel
# hidden says: max_pool_backward
def max_pool_backward(g, x, size, stride):
    gx = np.zeros(x.shape)
    for c, i, j in np.ndindex(g.shape):
        window = x[c, i * stride : i * stride + size, j * stride : j * stride + size]
        row, column = divmod(int(np.argmax(window)), size)
        gx[c, i * stride + row, j * stride + column] += g[0, i, j]
    return gx


# %% right receptive_field: from the output down to the input
def receptive_field(layers):
    first = last = 0.0
    for k, s, p in reversed(layers):
        first, last = first * s - p, last * s - p + k - 1
    jump = 1
    for layer in layers:
        jump = jump * layer[1]
    return last - first + 1, jump, (first + last) / 2


# %% right receptive_field: sums of products
def receptive_field(layers):
    strides = [stride for _, stride, _ in layers]
    jumps = [int(np.prod(strides[:n])) for n in range(len(layers) + 1)]
    size = 1 + sum((layer[0] - 1) * jump for layer, jump in zip(layers, jumps))
    centre = sum(((layer[0] - 1) / 2 - layer[2]) * jump for layer, jump in zip(layers, jumps))
    return np.array([size, jumps[-1], centre])


# %% wrong receptive_field: half a window a layer
# thinks: a layer sees half its window further
# says: k - 1 jumps, not half
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += kernel_size / 2 * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: the whole window
# thinks: a layer adds its window
# says: adds k
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += kernel_size * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: jump too early
# thinks: a layer's own stride counts for its own window
# says: a layer's own stride
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        jump *= stride
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1) * jump
    return size, jump, centre


# %% wrong receptive_field: strides ignored
# thinks: the receptive field grows by the windows alone
# says: ignores strides
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += kernel_size - 1
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: strides added
# thinks: strides add up
# says: multiply
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1) * jump
        jump += stride - 1
    return size, jump, centre


# %% wrong receptive_field: from the output
# thinks: the list begins at the output
# says: other end
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in reversed(layers):
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: padding makes it larger
# thinks: zeros that are added are seen as well
# says: padding does not change the size
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1 + 2 * padding) * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: centre without padding
# thinks: the first unit sits in the middle of the first window of the picture
# says: centre forgets the padding
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, _ in layers:
        centre += (kernel_size - 1) / 2 * jump
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: padding counted in pixels of the input
# thinks: a zero of padding is one pixel wide in every layer
# says: so it moves by p J
# hidden says: the centre is not right
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += (kernel_size - 1) / 2 * jump - padding
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: centre in whole pixels
# thinks: a centre is a pixel
# says: lies between two pixels
# hidden says: the centre is not right
def receptive_field(layers):
    size, jump, centre = 1, 1, 0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) // 2 - padding) * jump
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre


# %% wrong receptive_field: the jump is the last stride
# thinks: two neighbours lie one stride apart
# says: sets the jump
# hidden says: the size is not right
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre += ((kernel_size - 1) / 2 - padding) * jump
        size += (kernel_size - 1) * jump
        jump = stride
    return size, jump, centre


# %% wrong receptive_field: never outside the picture
# thinks: a centre lies in the picture
# says: it may lie outside
# hidden says: the centre is not right
def receptive_field(layers):
    size, jump, centre = 1, 1, 0.0
    for kernel_size, stride, padding in layers:
        centre = max(0.0, centre + ((kernel_size - 1) / 2 - padding) * jump)
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump, centre
