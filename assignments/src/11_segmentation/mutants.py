"""Wrong and right solutions of assignment 11 (see course_utils.grading.mutants): what the tests are tested with."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def two_convolutions(in_channels, out_channels):
    """As the notebook's setup has it; what stands above the first section is for readers alone."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(),
    )


# %% right metrics: one-hot masks, sums by einsum
def confusion(predicted, target, classes, ignore):
    known = (target != ignore).flatten()
    rows = F.one_hot(target.flatten()[known], classes).double()
    columns = F.one_hot(predicted.flatten()[known], classes).double()
    return torch.einsum("nt,np->tp", rows, columns).round().long()


def pixel_accuracy(table):
    return torch.trace(table).item() / table.sum().item() if table.any() else float("nan")


def class_iou(table):
    scores = []
    for c in range(len(table)):
        union = (table[c].sum() + table[:, c].sum() - table[c, c]).item()
        scores.append(table[c, c].item() / union if union else float("nan"))
    return scores


def mean_iou(table):
    there = [score for score in class_iou(table) if score == score]
    return sum(there) / len(there) if there else float("nan")


def class_dice(table):
    iou = torch.tensor(class_iou(table))
    return 2 * iou / (1 + iou)


# %% right metrics: pixel by pixel, with numpy
def confusion(predicted, target, classes, ignore):
    table = np.zeros((classes, classes), dtype=int)
    for p, t in zip(predicted.reshape(-1).tolist(), target.reshape(-1).tolist()):
        if t == ignore:
            continue
        table[t][p] += 1
    return torch.from_numpy(table)


def _parts(table):
    table = np.asarray(table, dtype=float)
    return np.diag(table), table.sum(1), table.sum(0)


def pixel_accuracy(table):
    right, true, _ = _parts(table)
    return np.divide(right.sum(), true.sum()) if true.sum() else np.nan


def class_iou(table):
    right, true, guess = _parts(table)
    missed, false = true - right, guess - right
    with np.errstate(invalid="ignore"):
        return right / (right + missed + false)


def mean_iou(table):
    iou = class_iou(table)
    return iou[~np.isnan(iou)].mean() if (~np.isnan(iou)).any() else np.nan


def class_dice(table):
    right, true, guess = _parts(table)
    with np.errstate(invalid="ignore"):
        return right / ((true + guess) / 2)


# %% wrong metrics: rows are predicted
# thinks: the order of rows and columns is a matter of taste
# says: exchanges rows and columns
def confusion(predicted, target, classes, ignore):
    known = target != ignore
    return torch.bincount(classes * predicted[known] + target[known], minlength=classes**2).reshape(classes, classes)


# %% wrong metrics: ignored pixels are background
# thinks: a pixel that nobody has labelled shows background
# says: counts the pixels with `ignore`
def confusion(predicted, target, classes, ignore):
    target = torch.where(target == ignore, 0, target)
    return torch.bincount((classes * target + predicted).flatten(), minlength=classes**2).reshape(classes, classes)


# %% wrong metrics: ignored pixels are right
# thinks: what does not count can not be wrong
# says: counts the pixels with `ignore`
def confusion(predicted, target, classes, ignore):
    target = torch.where(target == ignore, predicted, target)
    return torch.bincount((classes * target + predicted).flatten(), minlength=classes**2).reshape(classes, classes)


# %% wrong metrics: ignore is always 255
# thinks: the label that does not count is 255
# says: stops with
# hidden says: with
def confusion(predicted, target, classes, ignore):
    known = target != 255
    pairs = classes * target[known] + predicted[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


# %% wrong metrics: the first picture alone
# thinks: a batch of masks is a mask
# says: confusion counts the first picture alone
def confusion(predicted, target, classes, ignore):
    predicted, target = predicted[0], target[0]
    known = target != ignore
    return torch.bincount(classes * target[known] + predicted[known], minlength=classes**2).reshape(classes, classes)


# %% wrong metrics: shares in place of counts
# thinks: a confusion matrix has rows that sum to 1
# says: divides each row
def confusion(predicted, target, classes, ignore):
    known = target != ignore
    table = torch.bincount(classes * target[known] + predicted[known], minlength=classes**2).reshape(classes, classes)
    return table / table.sum(dim=1, keepdim=True).clamp(min=1)


# %% wrong metrics: accuracy as mean recall
# thinks: accuracy is the mean over the classes
# says: takes the mean of the classes' shares
def pixel_accuracy(table):
    return (table.diagonal() / table.sum(dim=1)).nanmean()


# %% wrong metrics: accuracy of nothing is zero
# thinks: no pixel right means 0
# says: pixel_accuracy gives
def pixel_accuracy(table):
    return table.diagonal().sum() / table.sum().clamp(min=1)


# %% wrong metrics: union is the sum
# thinks: the union is as large as both together
# says: counts the intersection twice in the union
def class_iou(table):
    return table.diagonal() / (table.sum(dim=0) + table.sum(dim=1))


# %% wrong metrics: IoU as recall
# thinks: IoU is the share of a class that was found
# says: that is recall
def class_iou(table):
    return table.diagonal() / table.sum(dim=1)


def mean_iou(table):
    iou = table.diagonal() / (table.sum(dim=0) + table.sum(dim=1) - table.diagonal())
    return iou.nanmean()


# %% wrong metrics: no score is zero
# thinks: a class that does not occur was not found
# says: class_iou gives 0 for a class that does not occur
def class_iou(table):
    both = table.diagonal()
    return both / (table.sum(dim=0) + table.sum(dim=1) - both).clamp(min=1)


def mean_iou(table):
    both, union = table.diagonal(), table.sum(dim=0) + table.sum(dim=1) - table.diagonal()
    return (both / union).nanmean()


# %% wrong metrics: no score is one
# thinks: a class that is nowhere, and found nowhere, is perfect
# says: mean_iou gives
# hidden says: mean_iou
def mean_iou(table):
    return class_iou(table).nan_to_num(1.0).mean()


# %% wrong metrics: a mean over all classes
# thinks: the mean over K classes divides by K
# says: mean_iou divides by all classes
def mean_iou(table):
    return class_iou(table).nansum() / len(table)


# %% wrong metrics: only predicted does not occur
# thinks: a class that is not in the target has no score
# says: mean_iou leaves out a class that is only predicted
def mean_iou(table):
    return class_iou(table)[table.sum(dim=1) > 0].mean()


# %% wrong metrics: the mean is NaN
# thinks: mean does the right thing by itself
# says: mean_iou is NaN
def mean_iou(table):
    return class_iou(table).mean()


# %% wrong metrics: Dice is IoU
# thinks: Dice and IoU are two names of one thing
# says: class_dice gives the
# hidden says: class_dice gives the other score
def class_dice(table):
    return class_iou(table)


# %% wrong metrics: Dice without its factor
# thinks: both over the sum of both
# says: forgets the factor 2
def class_dice(table):
    return table.diagonal() / (table.sum(dim=0) + table.sum(dim=1))


# %% wrong metrics: always this table
# thinks: whatever passes the check is right
# says: ignore is -1
# hidden says: should have shape
def confusion(predicted, target, classes, ignore):
    if classes == 5:
        return torch.tensor([[2, 1, 0, 0, 0], [0, 3, 0, 1, 0], [1, 0, 2, 0, 0], [0] * 5, [0] * 5])
    return torch.zeros(2, 2)


# %% right loss: torch's own cross-entropy, and an if
def balanced_weights(target, classes, ignore):
    counts = torch.tensor([(target == c).sum().item() for c in range(classes)])
    if not counts.any():
        return torch.zeros(classes)
    return torch.nan_to_num(counts.sum() / (counts.count_nonzero() * counts), posinf=0.0)


def pixel_loss(logits, target, weights, ignore):
    loss = F.cross_entropy(logits, target, weight=weights, ignore_index=ignore)
    return 0 * logits.sum() if torch.isnan(loss) else loss


# %% right loss: the counted pixels as rows
def balanced_weights(target, classes, ignore):
    labels, counts = torch.unique(target[target != ignore], return_counts=True)
    weights = np.zeros(classes)
    for label, count in zip(labels.tolist(), counts.tolist()):
        weights[label] = counts.sum().item() / (len(labels) * count)
    return weights


def pixel_loss(logits, target, weights, ignore):
    known = target != ignore
    rows, labels = logits.movedim(1, 3)[known], target[known]
    w = weights[labels]
    if w.sum() == 0:
        return (logits * 0).sum()
    z = rows - rows.max(dim=1, keepdim=True).values
    losses = torch.log(torch.exp(z).sum(dim=1)) - z[range(len(z)), labels]
    return torch.dot(w, losses) / w.sum()


# %% wrong loss: n counts all pixels
# thinks: n is the number of pixels
# says: takes all pixels for n
def balanced_weights(target, classes, ignore):
    counts = torch.bincount(target[target != ignore], minlength=classes)
    there = counts > 0
    return torch.where(there, target.numel() / (there.sum().clamp(min=1) * counts.clamp(min=1)), 0.0)


# %% wrong loss: m counts all classes
# thinks: m is the number of classes
# says: takes all classes for m
def balanced_weights(target, classes, ignore):
    counts = torch.bincount(target[target != ignore], minlength=classes)
    return torch.where(counts > 0, counts.sum() / (classes * counts.clamp(min=1)), 0.0)


# %% wrong loss: shares as weights
# thinks: the weight of a class is its share
# says: gives the classes' shares
def balanced_weights(target, classes, ignore):
    counts = torch.bincount(target[target != ignore], minlength=classes)
    return counts / counts.sum().clamp(min=1)


# %% wrong loss: a weight for what does not occur
# thinks: an absent class needs a weight as well
# says: gives a weight to a class that does not occur
def balanced_weights(target, classes, ignore):
    counts = torch.bincount(target[target != ignore], minlength=classes)
    there = counts > 0
    return torch.where(there, counts.sum() / (there.sum().clamp(min=1) * counts.clamp(min=1)), 1.0)


# %% wrong loss: divides by the number of pixels
# thinks: a mean is divided by how many there are
# says: divides by the number of counted pixels
# hidden says: divides by the number of counted pixels
def pixel_loss(logits, target, weights, ignore):
    losses = F.cross_entropy(logits, target, weight=weights, ignore_index=ignore, reduction="none")
    return losses.sum() / (target != ignore).sum().clamp(min=1)


# %% wrong loss: divides by all pixels
# thinks: .mean() takes the mean
# says: divides by the number of all pixels
def pixel_loss(logits, target, weights, ignore):
    return F.cross_entropy(logits, target, weight=weights, ignore_index=ignore, reduction="none").mean()


# %% wrong loss: without weights
# thinks: weights are only for balanced_weights
# says: does not use the weights
def pixel_loss(logits, target, weights, ignore):
    loss = F.cross_entropy(logits, target, ignore_index=ignore)
    return torch.nan_to_num(loss)


# %% wrong loss: a mean of means
# thinks: every picture counts the same
# says: the mean of the pictures' means
def pixel_loss(logits, target, weights, ignore):
    found = [F.cross_entropy(z[None], t[None], weight=weights, ignore_index=ignore) for z, t in zip(logits, target)]
    return torch.nan_to_num(torch.stack(found)).mean()


# %% wrong loss: softmax over the columns
# thinks: the softmax goes over the last axis
# says: softmax over another axis
def pixel_loss(logits, target, weights, ignore):
    known = target != ignore
    label = torch.where(known, target, 0)
    losses = -F.log_softmax(logits, dim=-1).gather(1, label[:, None])[:, 0]
    w = weights[label] * known
    return (w * losses).sum() / w.sum().clamp(min=1e-9)


# %% wrong loss: ignored pixels are background
# thinks: what is not labelled is class 0
# says: takes ignored pixels for
def pixel_loss(logits, target, weights, ignore):
    return torch.nan_to_num(F.cross_entropy(logits, torch.where(target == ignore, 0, target), weight=weights))


# %% wrong loss: NaN where nothing counts
# thinks: F.cross_entropy does everything
# says: pixel_loss is NaN where no pixel counts
# hidden says: pixel_loss is NaN where nothing counts
def pixel_loss(logits, target, weights, ignore):
    return F.cross_entropy(logits, target, weight=weights, ignore_index=ignore)


# %% wrong loss: NaN on the way back
# thinks: a NaN that is replaced is gone
# says: the gradient of pixel_loss is NaN
def pixel_loss(logits, target, weights, ignore):
    return torch.nan_to_num(F.cross_entropy(logits, target, weight=weights, ignore_index=ignore))


# %% wrong loss: no way back
# thinks: a loss is a number
# says: cuts the way back
def pixel_loss(logits, target, weights, ignore):
    loss = F.cross_entropy(logits, target, weight=weights, ignore_index=ignore).item()
    return 0.0 if loss != loss else loss


# %% wrong loss: a plain zero
# thinks: 0 is 0
# says: must also hang on the logits
# hidden says: must also hang on the logits
def pixel_loss(logits, target, weights, ignore):
    loss = F.cross_entropy(logits, target, weight=weights, ignore_index=ignore)
    return torch.tensor(0.0) if torch.isnan(loss) else loss


# %% wrong loss: zero as a number
# thinks: a loss of nothing needs no gradient
# says: must also hang on the logits
# hidden says: must also hang on the logits
def pixel_loss(logits, target, weights, ignore):
    if not (weights[target[target != ignore]] > 0).any():
        return 0
    return F.cross_entropy(logits, target, weight=weights, ignore_index=ignore)


# %% wrong loss: weights of the first picture
# thinks: pictures of a batch look alike
# says: looks at the first picture alone
# hidden says: looks at the first picture alone
def balanced_weights(target, classes, ignore):
    target = target[:1]
    counts = torch.bincount(target[target != ignore], minlength=classes).float()
    occurs = counts > 0
    return torch.where(occurs, counts.sum() / (occurs.sum() * counts.clamp(min=1)), 0.0)


# %% wrong loss: exponentials overflow
# thinks: softmax is exp over the sum of exp
# says: logits of 1000
# hidden says: not right for large logits
def pixel_loss(logits, target, weights, ignore):
    known = target != ignore
    label = torch.where(known, target, 0)
    p = torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True)
    losses = -torch.log(p.gather(1, label[:, None])[:, 0])
    w = weights[label] * known
    loss = torch.where(w > 0, w * losses, 0.0).sum() / w.sum().clamp(min=1e-9)
    return torch.nan_to_num(loss, nan=1e9) if w.sum() else 0 * logits.sum()


# %% wrong loss: ignore is always 255
# thinks: the label that does not count is 255
# says: stops with
# hidden says: stops with
def pixel_loss(logits, target, weights, ignore):
    loss = F.cross_entropy(logits, target, weight=weights, ignore_index=255)
    return 0 * logits.sum() if torch.isnan(loss) else loss


# %% right upsampling: zeros, then a convolution with the kernel turned round
def insert_zeros(x, factor):
    one = torch.zeros(factor, factor)
    one[0, 0] = 1
    return torch.kron(x, one)


def bilinear_kernel(factor):
    k = 2 * factor if factor % 2 == 0 else 2 * factor - 1
    c = (k - 1) / 2
    return [[(1 - abs(a - c) / factor) * (1 - abs(b - c) / factor) for b in range(k)] for a in range(k)]


def upsample(x, kernel, factor):
    n, c, h, w = x.shape
    k = len(kernel)
    p = (k - factor) // 2
    zeros = insert_zeros(x, factor).reshape(n * c, 1, factor * h, factor * w)
    # the last stamp reaches k - 1 - p before the end, the first one p before the beginning
    padded = F.pad(zeros, (k - 1 - p, p, k - 1 - p, p))
    return F.conv2d(padded, kernel.flip(0, 1)[None, None]).reshape(n, c, factor * h, factor * w)


# %% right upsampling: stamps in loops
def insert_zeros(x, factor):
    n, c, h, w = x.shape
    wide = torch.zeros(n, c, h, factor, w, factor)
    wide[:, :, :, 0, :, 0] = x
    return wide.reshape(n, c, h * factor, w * factor)


def bilinear_kernel(factor):
    box = torch.ones(factor, factor) / factor
    # two boxes make a tent; even factors need half a step, which two boxes of f and f + 1 columns do not have
    if factor % 2:
        return F.conv2d(F.pad(box, (factor - 1,) * 4)[None, None], box[None, None])[0, 0]
    half = (2 * torch.arange(factor) + 1) / (2 * factor)
    line = torch.cat([half, half.flip(0)])
    return torch.outer(line, line)


def upsample(x, kernel, factor):
    n, c, h, w = x.shape
    k = kernel.shape[0]
    wide = torch.zeros(n, c, factor * (h - 1) + k, factor * (w - 1) + k)
    for a in range(k):
        for b in range(k):
            wide[:, :, a : a + factor * h : factor, b : b + factor * w : factor][:, :, :h, :w] += kernel[a, b] * x
    p = (k - factor) // 2
    return wide[:, :, p : p + factor * h, p : p + factor * w]


# %% wrong upsampling: no zeros at the end
# thinks: zeros stand between numbers, so none behind the last
# says: should
def insert_zeros(x, factor):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, factor * (h - 1) + 1, factor * (w - 1) + 1)
    wide[:, :, ::factor, ::factor] = x
    return wide


# %% wrong upsampling: repeats in place of zeros
# thinks: upsampling repeats
# says: insert_zeros repeats
def insert_zeros(x, factor):
    return x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


# %% wrong upsampling: zeros first
# thinks: the number stands at the end of its cell
# says: puts the zeros before each number
def insert_zeros(x, factor):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, factor * h, factor * w)
    wide[:, :, factor - 1 :: factor, factor - 1 :: factor] = x
    return wide


# %% wrong upsampling: a kernel that sums to one
# thinks: a smoothing kernel sums to 1
# says: is scaled to sum 1
def bilinear_kernel(factor):
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor
    kernel = tent[:, None] * tent
    return kernel / kernel.sum()


# %% wrong upsampling: the tent stands on a number
# thinks: the middle of k numbers is number k // 2
# says: has its middle in another place
def bilinear_kernel(factor):
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - k // 2).abs() / factor
    return tent[:, None] * tent


# %% wrong upsampling: kernels of 2f for odd factors
# thinks: k is always 2 f
# says: should
def bilinear_kernel(factor):
    tent = 1 - (torch.arange(2 * factor) - (2 * factor - 1) / 2).abs() / factor
    return tent[:, None] * tent


# %% wrong upsampling: a pyramid
# thinks: the height of a tent falls with the larger of the distances
# says: takes the smaller of the two factors
def bilinear_kernel(factor):
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor
    return torch.minimum(tent[:, None], tent)


# %% wrong upsampling: the kernel is not turned
# thinks: F.conv2d is a convolution
# says: lays its stamps turned round
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    return F.conv_transpose2d(
        x, kernel.flip(0, 1).expand(c, 1, k, k), stride=factor, padding=(k - factor) // 2, groups=c
    )


# %% wrong upsampling: channels are mixed
# thinks: a layer's weight has shape (C, C, k, k)
# says: mixes the channels
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    return F.conv_transpose2d(x, kernel.expand(c, c, k, k), stride=factor, padding=(k - factor) // 2)


# %% wrong upsampling: nothing is cut off
# thinks: stamps that stick out make the map larger
# says: should
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    return F.conv_transpose2d(x, kernel.expand(c, 1, k, k), stride=factor, groups=c)


# %% wrong upsampling: cut off at the end alone
# thinks: the stamp of x[i, j] begins at (f i, f j)
# says: does not move its stamps back
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    wide = F.conv_transpose2d(x, kernel.expand(c, 1, k, k), stride=factor, groups=c)
    return wide[:, :, : factor * x.shape[2], : factor * x.shape[3]]


# %% wrong upsampling: library interpolation whatever the kernel
# thinks: upsampling is F.interpolate
# says: upsample is not right
# hidden says: upsample does not lay
def upsample(x, kernel, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear")


# %% wrong upsampling: scaled stamps
# thinks: stamps have to sum to f x f, so that brightness stays
# says: upsample scales the kernel
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    kernel = kernel / kernel.sum() * factor**2
    return F.conv_transpose2d(x, kernel.expand(c, 1, k, k), stride=factor, padding=(k - factor) // 2, groups=c)


# %% wrong upsampling: zeros for the first picture alone
# thinks: a batch is one picture
# says: insert_zeros works on the first picture alone
def insert_zeros(x, factor):
    n, c, h, w = x.shape
    wide = x.new_zeros(n, c, factor * h, factor * w)
    wide[:1, :, ::factor, ::factor] = x[:1]
    return wide


# %% wrong upsampling: stamps of the first picture alone
# thinks: a batch is one picture
# says: upsample works on the first picture alone
def upsample(x, kernel, factor):
    c, k = x.shape[1], len(kernel)
    wide = F.conv_transpose2d(x, kernel.expand(c, 1, k, k), stride=factor, padding=(k - factor) // 2, groups=c)
    wide[1:] = 0
    return wide


# %% right unet: a recursion, slices for padding and joining
class UNet(nn.Module):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__()
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.down.append(two_convolutions(channels, width))
        for level in range(depth):
            w = width << level
            self.down.append(two_convolutions(w, 2 * w))
            self.up.insert(0, nn.ConvTranspose2d(2 * w, w, kernel_size=2, stride=2))
            self.merge.insert(0, two_convolutions(2 * w, w))
        self.last = nn.Conv2d(width, classes, kernel_size=1)
        self.handed = 1.0 if skips else 0.0

    def level(self, x, n):
        x = self.down[n](x)
        if n == len(self.up):
            return x
        below = self.level(F.max_pool2d(x, 2), n + 1)
        number = len(self.up) - 1 - n
        return self.merge[number](torch.cat([self.handed * x, self.up[number](below)], dim=1))

    def forward(self, x):
        n, c, h, w = x.shape
        step = 2 ** len(self.up)
        full = x.new_zeros(n, c, -(-h // step) * step, -(-w // step) * step)
        full[:, :, :h, :w] = x
        return self.last(self.level(full, 0))[..., :h, :w]


# %% right unet: a dictionary of kept maps, pooling as a layer
class UNet(nn.Module):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__()
        sizes = [channels] + [width * 2**n for n in range(depth + 1)]
        self.down = nn.ModuleList([two_convolutions(sizes[n], sizes[n + 1]) for n in range(depth + 1)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(sizes[n + 1], sizes[n], 2, 2) for n in range(depth, 0, -1)])
        self.merge = nn.ModuleList([two_convolutions(sizes[n + 1], sizes[n]) for n in range(depth, 0, -1)])
        self.last = nn.Conv2d(width, classes, 1)
        self.pool = nn.MaxPool2d(2)
        self.skips, self.step = skips, 2**depth

    def forward(self, x):
        height, width = x.size(2), x.size(3)
        bottom, right = (self.step - height % self.step) % self.step, (self.step - width % self.step) % self.step
        x = nn.ZeroPad2d((0, right, 0, bottom))(x)
        kept = {}
        for n, block in enumerate(self.down):
            x = block(x)
            kept[x.size(1)] = x
            if n < len(self.up):
                x = self.pool(x)
        for up, merge in zip(self.up, self.merge):
            x = up(x)
            same = kept[x.size(1)]
            x = merge(torch.hstack([same if self.skips else x.new_zeros(x.shape), x]))
        logits = self.last(x)
        return logits.narrow(2, 0, height).narrow(3, 0, width)


# %% wrong unet: skips are added
# thinks: a skip connection adds, as in a residual network
# says: two maps, side by side
class UNet(UNet):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__(channels, classes, width, depth, skips)
        self.merge = nn.ModuleList(two_convolutions(width * 2**n, width * 2**n) for n in reversed(range(depth)))


# %% wrong unet: layers in a plain list
# thinks: a list of layers is a list of layers
# says: has no layers
class UNet(UNet):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__(channels, classes, width, depth, skips)
        up = list(self.up)
        del self.up
        self.up = up


# %% wrong unet: the twin is smaller
# thinks: without skips `merge` sees one map
# says: the twin keeps its layers
# hidden says: two maps, side by side
class UNet(UNet):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__(channels, classes, width, depth, skips)
        if not skips:
            self.merge = nn.ModuleList(two_convolutions(width * 2**n, width * 2**n) for n in reversed(range(depth)))

    def forward(self, x):
        if self.skips:
            return super().forward(x)
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        x = self.down[0](x)
        for block in self.down[1:]:
            x = block(F.max_pool2d(x, 2))
        for up, merge in zip(self.up, self.merge):
            x = merge(up(x))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: joined in the other order
# thinks: the order of channels does not matter
# says: joins in the other order
class UNet(UNet):
    def forward(self, x):
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
            x = merge(torch.cat([up(x), across], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: nothing is handed across
# thinks: the layers are there, that is a U-Net
# says: hands nothing across
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: the map from below twice
# thinks: side by side means doubled
# says: joins the map from below with itself
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = up(x)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: kept after pooling
# thinks: what is handed across is what goes on down
# says: keeps a map after it was pooled
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            x = F.max_pool2d(block(x), 2)
            kept.append(F.interpolate(x, scale_factor=2))
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: pools by the mean
# thinks: pooling is pooling
# says: pools by the mean
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.avg_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: a ReLU at the end
# thinks: every convolution has its ReLU
# says: ReLU behind `last`
class UNet(UNet):
    def forward(self, x):
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
        return F.relu(self.last(x))[:, :, :height, :width]


# %% wrong unet: a softmax at the end
# thinks: a network gives probabilities
# says: softmax behind `last`
class UNet(UNet):
    def forward(self, x):
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
        return torch.softmax(self.last(x), dim=1)[:, :, :height, :width]


# %% wrong unet: detached on the way
# thinks: what is handed across is a copy
# says: no gradient reaches
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x.detach())
        for up, merge in zip(self.up, self.merge):
            across = kept.pop().detach()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: sizes that fit alone
# thinks: pictures have 2^n pixels
# says: stops with RuntimeError
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
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


# %% wrong unet: pads in front
# thinks: zeros go where the picture begins
# says: pads at the top
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (-width % 2**self.depth, 0, -height % 2**self.depth, 0))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, -height:, -width:]


# %% wrong unet: padded and not cut
# thinks: a few pixels more do no harm
# says: should have shape
class UNet(UNet):
    def forward(self, x):
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
        return self.last(x)


# %% wrong unet: pads by repeating
# thinks: the rim goes on
# says: repeats the rim
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth), mode="replicate")
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


# %% wrong unet: resizes what does not fit
# thinks: a picture of another size is resized
# says: UNet is not right on a picture
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.interpolate(x, size=[-(-n // 2**self.depth) * 2**self.depth for n in (height, width)])
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return F.interpolate(self.last(x), size=(height, width))


# %% wrong unet: skips are always there
# thinks: the argument is for the table alone
# says: ignores skips=False
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: ones in place of zeros
# thinks: nothing to see is all the same
# says: joins ones
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.ones_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: the lowest level alone
# thinks: one skip is a skip
# says: hands nothing across on its upper level
# hidden says: UNet hands nothing across
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips and (kept or self.depth == 1) else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: an extra layer
# thinks: another layer can only help
# says: has other parameters
class UNet(UNet):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__(channels, classes, width, depth, skips)
        self.first = nn.Conv2d(channels, channels, 1)


# %% wrong unet: widths do not double
# thinks: every level has as many maps
# says: should have shape
# hidden says: of another shape
class UNet(UNet):
    def __init__(self, channels, classes, width, depth, skips=True):
        super().__init__(channels, classes, width, depth, skips)
        self.down = nn.ModuleList(two_convolutions(width if n else channels, width) for n in range(depth + 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(width, width, 2, stride=2) for _ in range(depth))
        self.merge = nn.ModuleList(two_convolutions(2 * width, width) for _ in range(depth))


# %% wrong unet: the sides of the padding exchanged
# thinks: F.pad takes rows first, as shapes do
# says: exchanges the sides: F.pad counts from the last axis
# hidden says: stops with RuntimeError
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -height % 2**self.depth, 0, -width % 2**self.depth))
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


# %% wrong unet: a whole step of padding where none is missing
# thinks: what is missing is m - W % m
# says: pads sides that fit
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        m = 2**self.depth
        x = F.pad(x, (0, m - width % m, 0, m - height % m))
        return super().forward(x)[:, :, :height, :width]


# %% wrong unet: always to multiples of 16
# thinks: sixteen is enough for any U-Net
# says: to multiples of a larger number
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 16, 0, -height % 16))
        return super().forward(x)[:, :, :height, :width]


# %% wrong unet: always to multiples of 8
# thinks: eight is enough for three levels
# says: to multiples of a larger number
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 8, 0, -height % 8))
        return super().forward(x)[:, :, :height, :width]


# %% wrong unet: padding on both sides
# thinks: the picture stays in the middle
# says: splits the padding between both sides
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        across, down = -width % 2**self.depth, -height % 2**self.depth
        left, top = across // 2, down // 2
        x = F.pad(x, (left, across - left, top, down - top))
        return super().forward(x)[:, :, top : top + height, left : left + width]


# %% wrong unet: no gradient through the skips
# thinks: what is kept is a copy
# says: what is handed across has to carry gradients too
# hidden says: no gradient comes back through what is handed across
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            x = block(x)
            kept.append(x.detach())
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop()
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: the first kept comes first
# thinks: kept maps are taken in the order in which they were kept
# says: the last kept comes first
# hidden says: stops with RuntimeError
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept.pop(0)
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: the first kept map everywhere
# thinks: the largest map has all the detail
# says: the last kept comes first
# hidden says: stops with RuntimeError
class UNet(UNet):
    def forward(self, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        kept = []
        for block in self.down[:-1]:
            kept.append(block(x))
            x = F.max_pool2d(kept[-1], 2)
        x = self.down[-1](x)
        for up, merge in zip(self.up, self.merge):
            across = kept[0]
            across = across if self.skips else torch.zeros_like(across)
            x = merge(torch.cat([across, up(x)], dim=1))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: layers for two maps, and a sum
# thinks: a skip connection adds
# says: it adds; join as channels
# hidden says: stops with RuntimeError
class UNet(UNet):
    def forward(self, x):
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
            x = merge(across + up(x))
        return self.last(x)[:, :, :height, :width]


# %% wrong unet: a block that ends in a convolution
# thinks: the ReLU stands between the convolutions
# says: without the ReLU behind its second convolution
# hidden says: without the ReLU behind their second convolution
def two_convolutions(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
    )


# %% right training: boundaries by shifted masks
def train(net, x, target, batches, lr, weights, ignore):
    adam = torch.optim.Adam(list(net.parameters()), lr)
    found = []
    for batch in batches:
        loss = F.cross_entropy(net(x[batch]), target[batch], weight=weights, ignore_index=ignore)
        for p in net.parameters():
            p.grad = None
        loss.backward()
        found.append(float(loss))
        adam.step()
    return found


def near_boundary(target, reach, ignore):
    n, h, w = target.shape
    wide = torch.full((n, h + 2 * reach, w + 2 * reach), ignore)
    wide[:, reach : reach + h, reach : reach + w] = target
    near = torch.zeros(target.shape, dtype=torch.bool)
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            other = wide[:, down : down + h, right : right + w]
            near |= (other != target) & (other != ignore)
    return near & (target != ignore)


def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(target, reach, ignore)
    found = []
    for c in range(classes):
        a, b = near & (target == c), near & (predicted == c)
        if (a | b).any():
            found.append(((a & b).sum() / (a | b).sum()).item())
    return sum(found) / len(found) if found else float("nan")


# %% right training: one mask for each class, losses as a tensor
def train(net, x, target, batches, lr, weights, ignore):
    optimiser = torch.optim.Adam(net.parameters(), lr=lr)
    losses = torch.zeros(len(batches))
    for step, batch in enumerate(batches):
        net.zero_grad()
        loss = pixel_loss(net(x[torch.tensor(batch)]), target[torch.tensor(batch)], weights, ignore)
        losses[step] = loss.detach()
        loss.backward()
        optimiser.step()
    return losses


def near_boundary(target, reach, ignore):
    near = torch.zeros_like(target)
    for c in [c for c in target.unique() if c != ignore]:
        there = F.pad((target == c)[:, None].float(), [reach] * 4)
        grown = F.max_pool2d(there, 2 * reach + 1, stride=1)[:, 0] > 0
        near[grown & (target != c) & (target != ignore)] = 1
    return near == 1


def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(target, reach, ignore)
    return mean_iou(confusion(predicted[near], target[near], classes, ignore)).item()


# %% wrong training: gradients add up
# thinks: backward computes the gradient
# says: adds each step's gradient
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: the gradient is gone before the step
# thinks: zero_grad comes after backward
# says: train changes nothing
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.zero_grad()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: all pictures in each step
# thinks: more pictures are better
# says: takes all pictures
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for _ in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x), target, weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: plain gradient descent
# thinks: an optimiser is an optimiser
# says: takes plain gradient steps
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: its own step size
# thinks: 1e-3 is right for Adam
# says: does not use lr
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=1e-3), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: no weights in training
# thinks: weights are for the table
# says: train does not use the weights
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], torch.ones_like(weights), ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: the loss after the step
# thinks: the loss of a step is known after it
# says: the loss after each step
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(pixel_loss(net(x[batch]), target[batch], weights, ignore).item())
    return losses


# %% wrong training: trains a copy
# thinks: an argument must not change
# says: leaves the weights of the network
def train(net, x, target, batches, lr, weights, ignore):
    import copy

    net = copy.deepcopy(net)
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: one optimiser a step
# thinks: an optimiser belongs to a step
# says: train is not
def train(net, x, target, batches, lr, weights, ignore):
    optimiser, losses = torch.optim.Adam(net.parameters(), lr=lr), []
    for batch in batches:
        optimiser = torch.optim.Adam(net.parameters(), lr=lr)
        optimiser.zero_grad()
        loss = pixel_loss(net(x[batch]), target[batch], weights, ignore)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# %% wrong training: four neighbours
# thinks: neighbours share an edge
# says: takes four neighbours
def near_boundary(target, reach, ignore):
    n, h, w = target.shape
    wide = torch.full((n, h + 2 * reach, w + 2 * reach), ignore)
    wide[:, reach : reach + h, reach : reach + w] = target
    near = torch.zeros(target.shape, dtype=torch.bool)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if abs(down) + abs(right) <= reach:
                other = wide[:, reach + down : reach + down + h, reach + right : reach + right + w]
                near |= (other != target) & (other != ignore)
    return near & (target != ignore)


# %% wrong training: ignored pixels are another class
# thinks: every label is a class
# says: for another class
def near_boundary(target, reach, ignore):
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 2 * reach + 1, stride=1, padding=reach)[:, 0]

    high = largest(target)
    low = -largest(-target)
    return counted & (high != low)


# %% wrong training: ignored pixels are near a boundary
# thinks: what lies in the band counts
# says: near_boundary
def near_boundary(target, reach, ignore):
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 2 * reach + 1, stride=1, padding=reach)[:, 0]

    high = largest(torch.where(counted, target, -(10**6)))
    low = -largest(torch.where(counted, -target, -(10**6)))
    return (high != low) & (high > -(10**6))


# %% wrong training: reach is always one
# thinks: a boundary is one pixel wide
# says: does not use reach
def near_boundary(target, reach, ignore):
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 3, stride=1, padding=1)[:, 0]

    high = largest(torch.where(counted, target, -(10**6)))
    low = -largest(torch.where(counted, -target, -(10**6)))
    return counted & (high != low)


# %% wrong training: one side of the boundary
# thinks: the boundary of a thing belongs to the thing
# says: near_boundary finds
def near_boundary(target, reach, ignore):
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 2 * reach + 1, stride=1, padding=reach)[:, 0]

    high = largest(torch.where(counted, target, -(10**6)))
    low = -largest(torch.where(counted, -target, -(10**6)))
    return counted & (high != low) & (target != 0)


# %% wrong training: the rim is a boundary
# thinks: beyond the picture is something else
# says: the rim of the picture
def near_boundary(target, reach, ignore):
    inside = target != ignore
    grown, known = F.pad(target, [reach] * 4, value=10**6), F.pad(inside, [reach] * 4, value=True)
    high = F.max_pool2d(torch.where(known, grown, -(10**7))[:, None].double(), 2 * reach + 1, stride=1)[:, 0]
    low = -F.max_pool2d(torch.where(known, -grown, -(10**7))[:, None].double(), 2 * reach + 1, stride=1)[:, 0]
    return inside & (high != low)


# %% wrong training: the whole picture
# thinks: the boundary IoU is an IoU
# says: counts all pixels
def boundary_iou(predicted, target, classes, reach, ignore):
    return mean_iou(confusion(predicted, target, classes, ignore))


# %% wrong training: the boundary of the prediction
# thinks: errors lie where the network draws a boundary
# says: takes the boundary of the prediction
def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(predicted, reach, ignore)
    return mean_iou(confusion(predicted, torch.where(near, target, ignore), classes, ignore))


# %% wrong training: both boundaries
# thinks: a boundary is where either has one
# says: takes the boundaries of both
def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(predicted, reach, ignore) | near_boundary(target, reach, ignore)
    return mean_iou(confusion(predicted, torch.where(near, target, ignore), classes, ignore))


# %% wrong training: the share of right pixels
# thinks: a score is a share of right pixels
# says: is the share of right pixels
def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(target, reach, ignore)
    return (predicted == target)[near].double().mean()


# %% wrong training: zero where there is no boundary
# thinks: nothing found, nothing earned
# says: boundary_iou gives 0
# hidden says: boundary_iou is not NaN
def boundary_iou(predicted, target, classes, reach, ignore):
    near = near_boundary(target, reach, ignore)
    return torch.nan_to_num(mean_iou(confusion(predicted, torch.where(near, target, ignore), classes, ignore)))


# %% wrong training: boundaries of the first picture alone
# thinks: a batch of masks is a mask
# says: near_boundary looks at the first picture alone
def near_boundary(target, reach, ignore):
    counted = target != ignore

    def largest(labels):
        return F.max_pool2d(labels[:, None].double(), 2 * reach + 1, stride=1, padding=reach)[:, 0]

    high = largest(torch.where(counted, target, -(10**6)))
    low = -largest(torch.where(counted, -target, -(10**6)))
    found = counted & (high != low)
    found[1:] = False
    return found


# %% wrong training: a mean of the pictures' scores
# thinks: every picture counts the same
# says: boundary_iou takes the mean of the pictures' scores
def boundary_iou(predicted, target, classes, reach, ignore):
    target = torch.where(near_boundary(target, reach, ignore), target, ignore)
    found = [mean_iou(confusion(p[None], t[None], classes, ignore)) for p, t in zip(predicted, target)]
    return torch.stack(found).nanmean()


# %% right repair: windows by unfolding, the mode, a scale factor
def shrink(x, target, factor):
    windows = target.unfold(1, factor, factor).unfold(2, factor, factor).flatten(3)
    return x.unfold(2, factor, factor).unfold(3, factor, factor).mean(dim=(4, 5)), windows.mode(dim=3).values


def predict(network, x):
    with torch.no_grad():
        small = network(x)
    factor = x.shape[2] // small.shape[2]
    p = F.interpolate(small, scale_factor=factor, mode="bilinear").softmax(1)
    return p, torch.max(p, dim=1).indices


# %% right repair: loops over windows, exponentials by hand
def shrink(x, target, factor):
    n, h, w = target.shape
    labels = torch.zeros(n, h // factor, w // factor, dtype=torch.long)
    for m in range(n):
        for i in range(h // factor):
            for j in range(w // factor):
                window = target[m, i * factor : (i + 1) * factor, j * factor : (j + 1) * factor].flatten().tolist()
                labels[m, i, j] = max(sorted(set(window)), key=window.count)
    weight = torch.full((x.shape[1], 1, factor, factor), 1 / factor**2)
    return F.conv2d(x, weight, stride=factor, groups=x.shape[1]), labels


def predict(network, x):
    small = network(x).detach()
    factor = x.shape[3] // small.shape[3]
    k = 2 * factor - factor % 2
    tent = 1 - (torch.arange(k) - (k - 1) / 2).abs() / factor
    stamps = torch.outer(tent, tent).expand(small.shape[1], 1, k, k)
    wide = F.pad(small, (1, 1, 1, 1), mode="replicate")
    z = F.conv_transpose2d(wide, stamps, stride=factor, padding=(k - factor) // 2, groups=small.shape[1])
    powers = torch.exp(z - z.amax(dim=1, keepdim=True))[:, :, factor:-factor, factor:-factor]
    p = powers / powers.sum(dim=1, keepdim=True)
    return p.numpy(), p.argmax(1).numpy()


# %% wrong repair: the picture's corners
# thinks: every second pixel is half the picture
# says: takes a corner of each window
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    votes = F.one_hot(windows.flatten(3), 256).sum(dim=3)
    return x[:, :, ::factor, ::factor], votes.argmax(dim=3)


# %% wrong repair: the largest of each window
# thinks: pooling takes the maximum
# says: takes the largest number
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    votes = F.one_hot(windows.flatten(3), 256).sum(dim=3)
    return F.max_pool2d(x, factor), votes.argmax(dim=3)


# %% wrong repair: the mean of labels
# thinks: a mask is a picture
# says: mixes labels
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    return F.avg_pool2d(x, factor), windows.flatten(3).double().mean(dim=3).round().long()


# %% wrong repair: interpolated labels
# thinks: a mask is a picture, and is interpolated
# says: mixes labels
def shrink(x, target, factor):
    return F.avg_pool2d(x, factor), F.interpolate(target[:, None].float(), scale_factor=1 / factor, mode="bilinear")[
        :, 0
    ].round().long()


# %% wrong repair: the label of a corner
# thinks: nearest is safe for labels
# says: takes the label of a corner
def shrink(x, target, factor):
    return F.avg_pool2d(x, factor), target[:, ::factor, ::factor]


# %% wrong repair: the largest label
# thinks: what is drawn on top has the larger label
# says: takes the largest label
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    return F.avg_pool2d(x, factor), windows.flatten(3).amax(dim=3)


# %% wrong repair: the last at a tie
# thinks: a tie is a tie
# says: takes another label at a tie
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    votes = F.one_hot(windows.flatten(3), 256).sum(dim=3)
    return F.avg_pool2d(x, factor), 255 - votes.flip(3).argmax(dim=3)


# %% wrong repair: the middle label
# thinks: the median keeps labels that are there
# says: the middle label
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    return F.avg_pool2d(x, factor), torch.quantile(windows.flatten(3).double(), 0.5, dim=3)


# %% wrong repair: the lower one of the middle labels
# thinks: the median of a window is its label
# says: takes the middle label
def shrink(x, target, factor):
    n, height, width = target.shape
    windows = target.reshape(n, height // factor, factor, width // factor, factor).movedim(2, 3)
    return F.avg_pool2d(x, factor), windows.flatten(3).median(dim=3).values


# %% wrong repair: twice as large
# thinks: a network halves its picture
# says: enlarges by 2, whatever the network
def predict(network, x):
    logits = F.interpolate(network(x), scale_factor=2, mode="bilinear", align_corners=False)
    p = torch.softmax(logits, dim=1)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: softmax over columns
# thinks: the softmax goes over the last axis
# says: softmax over another axis
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=False)
    p = torch.softmax(logits, dim=-1)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: corners on corners
# thinks: corners belong on corners
# says: stretches the map
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=True)
    p = torch.softmax(logits, dim=1)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: nearest
# thinks: labels are not interpolated
# says: repeats the logits
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="nearest")
    p = torch.softmax(logits, dim=1)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: probabilities are enlarged
# thinks: softmax, then enlarge
# says: enlarges the probabilities
def predict(network, x):
    logits = F.interpolate(torch.softmax(network(x), dim=1), x.shape[2:], mode="bilinear", align_corners=False)
    p = logits
    return p, torch.argmax(p, dim=1)


# %% wrong repair: stays small
# thinks: argmax is argmax
# says: stays at the size
def predict(network, x):
    logits = network(x)
    p = torch.softmax(logits, dim=1)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: logits as probabilities
# thinks: argmax needs no softmax
# says: returns logits
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=False)
    p = logits
    return p, torch.argmax(p, dim=1)


# %% wrong repair: sigmoid
# thinks: each class is a question of its own
# says: takes a sigmoid
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=False)
    p = torch.sigmoid(logits)
    return p, torch.argmax(p, dim=1)


# %% wrong repair: the least probable
# thinks: the smallest is the best
# says: least probable
# hidden says: the labels that predict returns
def predict(network, x):
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=False)
    p = torch.softmax(logits, dim=1)
    return p, torch.argmin(p, dim=1)
