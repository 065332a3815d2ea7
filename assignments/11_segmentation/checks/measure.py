# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Measurements on the segmenter of exercise 6, as it was and as the student repaired it."""

import torch
from torch.nn import functional as F

from .tables import guarded


def broken_shrink(x, target, factor):
    """The fellow student's function, as the exercise prints it."""
    x = x[:, :, ::factor, ::factor]
    target = F.interpolate(target[:, None].float(), scale_factor=1 / factor, mode="bilinear")
    return x, target[:, 0].round().long()


def broken_predict(network, x):
    """The fellow student's function, as the exercise prints it."""
    logits = F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=True)
    p = torch.softmax(logits, dim=-1)
    return p, p.argmax(dim=1)


def broken_logits(network, x):
    """Its first line alone."""
    return F.interpolate(network(x), x.shape[2:], mode="bilinear", align_corners=True)


def _logits(predict):
    """The differences of two classes' logits, from their probabilities."""

    def enlarged(network, x):
        p = predict(network, x)[0].log()
        return p - p[:, :1]

    return enlarged


class Columns(torch.nn.Module):
    """Logits 0 and minus the column of the window's middle, over ten, for windows of 4 x 4."""

    def forward(self, x):
        middle = -(torch.arange(x.shape[3] // 4) * 4 + 1.5).expand(len(x), 1, x.shape[2] // 4, -1) / 10
        return torch.cat([0 * middle, middle], dim=1)


def lines(shrink, predict, enlarged) -> list[str]:
    """Four measurements."""
    target = torch.zeros(1, 16, 16, dtype=torch.long)
    target[:, :, 6:] = 2
    column = torch.arange(16.0).expand(1, 1, 16, 16)
    small, mask = shrink(column, target, 4)
    p = predict(Columns(), column)[0]
    sums = p.sum(dim=1)
    seen = -10 * enlarged(Columns(), column)[0, 1, 0]
    return [
        f"labels in the large mask, in the small one     0, 2     {', '.join(map(str, sorted(set(mask.flatten().tolist()))))}",
        f"a picture of its own column numbers, shrunk    {_row(small[0, 0, 0])}     middles of the windows 1.5  5.5  9.5  13.5",
        f"sums of the probabilities over the classes     from {sums.min():.2f} to {sums.max():.2f}",
        f"logits that tell the column, enlarged, show    {_row(seen[[3, 6, 9, 12]])}     at columns 3  6  9  12",
    ]


def _row(values) -> str:
    return "  ".join(f"{v:.1f}" for v in values.flatten().tolist())


def broken() -> None:
    """Measure the fellow student's functions."""
    print("\n".join(lines(broken_shrink, broken_predict, broken_logits)))


def repaired(shrink, predict) -> None:
    """Measure the student's. It never stops a notebook: a sentence says why it cannot."""
    guarded("measurement", "shrink and predict", lambda: print("\n".join(lines(shrink, predict, _logits(predict)))))
