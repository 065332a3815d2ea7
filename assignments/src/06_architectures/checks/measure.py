"""Measurements on a network that does not train, and on the student's repair of it."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.grading.answers import NotWritten, Wrong, ask

SIZES = (2, 32, 12, 3)  # inputs, width, depth, classes


class Broken(nn.Module):
    """The fellow student's network, as the exercise prints it."""

    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.layers = [nn.Linear(width if n else inputs, width) for n in range(depth)]
        self.last = nn.Linear(width, classes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return torch.softmax(self.last(x), dim=1)


def broken_train(net, x, y, lr, steps):
    """The fellow student's training, as the exercise prints it."""
    optimiser = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def points():
    """Three clouds of 100 points each."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    x = rng.normal(size=(300, 2)) * 0.6 + np.array([[2.0, 0], [-1, 1.7], [-1, -1.7]])[y]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def lines(definition, train) -> list[str]:
    """Four measurements, and the loss."""
    x, y = points()
    torch.manual_seed(0)
    net = definition(*SIZES)
    inputs, width, depth, classes = SIZES
    every = (inputs + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * classes
    known = sum(p.numel() for p in net.parameters())
    signal = [x.std().item()]
    z = x
    with torch.no_grad():
        for layer in net.layers:
            z = torch.relu(layer(z))
            signal.append(z.pow(2).mean().sqrt().item())
        outputs = net(x)
    train(net, x, y, 0.0, 5)
    kept = net.last.bias.grad
    ratio = "none is kept"
    if kept is not None:
        alone = torch.autograd.grad(F.cross_entropy(net(x), y), net.last.bias)[0]
        ratio = f"{(kept.norm() / alone.norm()).item():.1f}"
    torch.manual_seed(0)
    losses = train(definition(*SIZES), x, y, 0.05, 100)
    return [
        f"parameters that the optimiser knows         {known:,} of {every:,}",
        "size of the signal, input, layers 1, 4, 12  " + ", ".join(f"{signal[k]:.1e}" for k in (0, 1, 4, 12)),
        f"outputs: smallest, largest, sum of a row    {outputs.min():.3f}, {outputs.max():.3f}, {outputs[0].sum():.3f}",
        f"gradient after 5 steps with lr = 0, over that of one step   {ratio}",
        f"loss before the first and the hundredth step   {losses[0]:.4f}, {losses[-1]:.4f} (guessing: {np.log(classes):.4f})",
    ]


def broken() -> None:
    """Measure the fellow student's network."""
    print("\n".join(lines(Broken, broken_train)))


def repaired(net, train) -> None:
    """Measure the student's network, and draw how it learns. It never stops a notebook: a sentence says why it cannot."""
    found = {}

    def Net():
        found["lines"] = lines(net, train)
        torch.manual_seed(0)
        found["losses"] = train(net(*SIZES), *points(), 0.05, 100)

    Net.__name__ = "Net or train"
    try:
        ask(Net)
        losses = np.asarray(found["losses"], dtype=float)
    except NotWritten:
        print(
            "Nothing to measure yet: this needs Net and train. Write the code above, run that cell, then this one again."
        )
        return
    except (Wrong, TypeError, ValueError) as wrong:
        print(f"Nothing to measure: {wrong}")
        return
    print("\n".join(found["lines"]))
    torch.manual_seed(0)
    before = broken_train(Broken(*SIZES), *points(), 0.05, 100)
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(6, 3), layout="constrained")
    axes.plot(before, color="#D55E00", linestyle="--", label="as it was")
    axes.plot(losses, color="#0072B2", label="yours")
    axes.axhline(np.log(3), color="0.6", linewidth=1, label="guessing")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)
    axes.legend()
    plt.show()
