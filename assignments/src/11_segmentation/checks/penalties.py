"""Exercise 2: a loss for each pixel."""

import numpy as np
import torch

from course_utils.grading.answers import Wrong, ask, compare, passed

from .asking import first_wrong, maps, numbers, plain, read

SHARES = np.array(
    [[[0.5, 0.2, 0.6], [0.1, 0.3, 0.7]], [[0.25, 0.5, 0.3], [0.6, 0.3, 0.2]], [[0.25, 0.3, 0.1], [0.3, 0.4, 0.1]]]
)
LOGITS = numbers(np.log(np.stack([SHARES, SHARES[[2, 0, 1]]])) + np.array([[[[2.0]]], [[[-1.0]]]]))
TARGET = np.array([[[0, 1, 8], [2, 0, 8]], [[1, 1, 8], [0, 1, 1]]])
WEIGHTS = numbers([0.5, 1.0, 3.0])
IGNORE = 8


def loss(balanced_weights, pixel_loss) -> None:
    """Exercise 2."""
    _weights(balanced_weights)
    _loss(pixel_loss)
    _gradient(pixel_loss)
    _nothing(pixel_loss)
    passed(2, "The prediction: nothing. They stand above and below the bar.")


def _weights(balanced_weights):
    target = maps([0, 0, 0, 0, 0, 0], [0, 0, 2, 2, 5, 5])
    got = read(balanced_weights, (4,), target, 4, 5)
    mistakes = [
        ([10 / 16, 0, 10 / 4, 10 / 4], "balanced_weights counts the pixels with `ignore` as a class"),
        ([12 / 16, 0, 12 / 4, 0], "balanced_weights takes all pixels for n: those with `ignore` do not count"),
        ([10 / 32, 0, 10 / 8, 0], "balanced_weights takes all classes for m: those that occur in the target"),
        ([10 / 8, 0, 10 / 2, 0], "balanced_weights forgets to divide by m"),
        ([0.8, 0, 0.2, 0], "balanced_weights gives the classes' shares: the rarer, the larger"),
        ([1 / 8, 0, 1 / 2, 0], "balanced_weights gives 1 / n_c: times n / m"),
        ([0.2, 0, 0.8, 0], "balanced_weights makes the weights sum to 1: n / (m n_c)"),
        ([10 / 16, 1, 10 / 4, 1], "balanced_weights gives a weight to a class that does not occur: 0"),
    ]
    want = [10 / 16, 0, 10 / 4, 0]
    otherwise = f"balanced_weights of a target with 8 pixels of class 0, 2 of class 2, 2 ignored, 4 classes, is not right: {first_wrong(got, want)}"
    compare(got, want, mistakes, otherwise)
    pictures = np.concatenate([maps([0, 0, 0, 1]), maps([1, 1, 2, 4])])
    got = read(balanced_weights, (3,), pictures, 3, 4)
    want, alone = [7 / 9, 7 / 9, 7 / 3], [4 / 6, 4 / 2, 0]
    mistakes = [
        (alone, "balanced_weights looks at the first picture alone: n and n_c are over all N pictures"),
        ([0, 3 / 4, 3 / 2], "balanced_weights looks at the last picture alone: n and n_c are over all N pictures"),
        (
            [1 / 3, (2 + 3 / 4) / 2, 3 / 4],
            "balanced_weights takes the mean of the pictures' weights: all pictures together",
        ),
    ]
    compare(got, want, mistakes, f"balanced_weights is not right for two pictures: {first_wrong(got, want)}")
    got = read(balanced_weights, (3,), maps([4, 4]), 3, 4)
    compare(got, np.zeros(3), otherwise="balanced_weights of a target in which every pixel is ignored should be all 0")
    got = read(balanced_weights, (2,), maps([0, -1, 1, 1]), 2, -1)
    compare(
        got, [1.5, 0.75], otherwise=f"balanced_weights is not right where ignore is -1: {first_wrong(got, [1.5, 0.75])}"
    )


def each(logits, target, axis=1):
    """Minus the logarithm of the right class's share, at each pixel; the label of an ignored pixel does not matter."""
    z = np.asarray(logits, dtype=float)
    z = z - z.max(axis=axis, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return -np.take_along_axis(logs, np.where(target == IGNORE, 0, target)[:, None], axis=1)[:, 0]


def _loss(pixel_loss):
    got = read(pixel_loss, (), LOGITS, TARGET, WEIGHTS, IGNORE)
    counted, label = TARGET != IGNORE, np.where(TARGET == IGNORE, 0, TARGET)
    w, l = np.float64(WEIGHTS)[label] * counted, each(LOGITS, TARGET)
    all_w = np.float64(WEIGHTS)[label]
    last = each(LOGITS, np.where(counted, TARGET, 2))
    last_w = np.where(counted, w, 3.0)
    chosen = np.float64(WEIGHTS)[LOGITS.argmax(axis=1)] * counted
    want = (w * l).sum() / w.sum()
    axis = "pixel_loss takes the softmax over another axis: the classes stand on axis 1"
    mistakes = [
        (
            (w * l).sum() / counted.sum(),
            "pixel_loss divides by the number of counted pixels: by the sum of their weights",
        ),
        (
            (w * l).sum() / counted.size,
            "pixel_loss divides by the number of all pixels: by the sum of the weights of the counted ones",
        ),
        ((w * l).sum() / all_w.sum(), "pixel_loss has ignored pixels in the sum of the weights"),
        (l[counted].mean(), "pixel_loss does not use the weights"),
        (l.mean(), "pixel_loss uses neither weights nor `ignore`"),
        ((w * l).sum(), "pixel_loss is a sum: divide by the sum of the weights"),
        (
            np.mean([(w[n] * l[n]).sum() / w[n].sum() for n in range(2)]),
            "pixel_loss takes the mean of the pictures' means: all counted pixels of the batch together",
        ),
        ((all_w * l).sum() / all_w.sum(), "pixel_loss takes ignored pixels for class 0: they are in neither sum"),
        (
            (last_w * last).sum() / last_w.sum(),
            "pixel_loss takes ignored pixels for the last class: they are in neither sum",
        ),
        (-want, "pixel_loss has the wrong sign"),
        ((chosen * l).sum() / chosen.sum(), "pixel_loss takes the weight of the predicted class: of the true one"),
        *(((w * each(LOGITS, TARGET, a)).sum() / w.sum(), axis) for a in (0, 2, 3)),
        (
            (w * l).sum() / WEIGHTS.sum(),
            "pixel_loss divides by the sum over the classes: each counted pixel has a weight",
        ),
    ]
    otherwise = f"pixel_loss is not right for a batch of 2 pictures of 2 x 3 pixels with target {TARGET.tolist()}, ignore = 8 and weights 0.5, 1, 3: it should be {want:.4f}, yours is {got:.4f}"
    compare(got, want, mistakes, otherwise)
    far = read(pixel_loss, (), numbers([[[[1000.0, 0.0]], [[0.0, -1000.0]]]]), maps([1, 0]), numbers([1, 1]), IGNORE)
    compare(
        far,
        500.0,
        otherwise="pixel_loss is not right for logits of 1000: take the largest logit away before exp, as log_softmax does",
    )
    negative = np.where(TARGET == IGNORE, -100, TARGET)
    got = read(pixel_loss, (), LOGITS, negative, WEIGHTS, -100)
    compare(got, want, otherwise="pixel_loss is not right where ignore is -100: it is an argument")


def _nothing(pixel_loss):
    ignored = np.full_like(TARGET, IGNORE)
    for target, weight, words in (
        (ignored, WEIGHTS, "no pixel counts"),
        (np.where(TARGET == 0, 0, IGNORE), numbers([0, 1, 1]), "all counted pixels have weight 0"),
    ):
        logits = torch.tensor(LOGITS, requires_grad=True)
        value = pixel_loss(logits, torch.tensor(target), torch.tensor(weight), IGNORE)
        if not isinstance(value, torch.Tensor):
            value = torch.tensor(float(value))
        if torch.isnan(value).any():
            raise Wrong(
                f"pixel_loss is NaN where {words}: 0 / 0. One such batch, and all weights of a network are NaN. Give 0"
            )
        compare(plain(value), 0.0, otherwise=f"pixel_loss should be 0 where {words}")
        if not value.requires_grad:
            raise Wrong(
                f"pixel_loss gives a plain 0 where {words}, and `.backward()` stops there in the middle of a training: the 0 must "
                "also hang on the logits, `logits.sum() * 0`"
            )
        value.backward()
        if logits.grad is not None and torch.isnan(logits.grad).any():
            raise Wrong(f"the gradient of pixel_loss is NaN where {words}: 0 / 0 on the way back")


def _gradient(pixel_loss):
    def call(values):
        logits = torch.from_numpy(values).requires_grad_()
        value = pixel_loss(logits, torch.tensor(TARGET), torch.tensor(WEIGHTS), IGNORE)
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            raise Wrong(
                "pixel_loss cuts the way back: return a tensor through which gradients flow, without `.item()`, `.detach()` or numpy"
            )
        value.backward()
        return logits.grad.double().numpy()

    call.__name__ = "pixel_loss"
    try:
        got = call(LOGITS.copy())
    except Wrong:
        raise
    except Exception:
        ask(call, LOGITS.copy())
        raise
    w = np.where(TARGET == IGNORE, 0, np.float64(WEIGHTS)[np.where(TARGET == IGNORE, 0, TARGET)])
    powers = np.exp(np.float64(LOGITS))
    one = (np.arange(3)[None, :, None, None] == TARGET[:, None]).astype(float)
    want = (powers / powers.sum(axis=1, keepdims=True) - one) * (w / w.sum())[:, None]
    compare(got, want, otherwise=f"the gradient of pixel_loss is not right: {first_wrong(got, want)}")
