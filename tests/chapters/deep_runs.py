"""Short runs of deep networks on digits, for the tests of chapters 04b and 04c."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.scratch.initialisation.schemes import initialise
from course_utils.scratch.initialisation.signal import clip_by_norm, deep_weights, trace


def drawn(*shape, seed=100):
    """Seeds from 100 on: the weights use the small ones, and equal seeds give equal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def descend(model, x, y, steps, lr, clip=None, batch=64, seed=0):
    """Gradient descent with our own clipping; returns the losses up to the first that is no number."""
    order, losses = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=order)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            return losses
        parameters = list(model.parameters())
        gradients = list(torch.autograd.grad(loss, parameters))
        if clip:
            gradients, _ = clip_by_norm(gradients, clip)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients):
                parameter -= lr * gradient
    return losses


def mlp(depth, width, norm=None):
    layers, inputs = [], 64
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), *([norm(width)] if norm else []), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def seeded(model, scheme="he fan_in", scale=1.0):
    return initialise(model, scheme, scale=scale, generator=torch.Generator().manual_seed(0))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def scale_after(scheme, activation, depth=30, width=256, seed=0):
    """RMS of the activations after ``depth`` layers, and of the gradient that arrives at the input; 1 at the start."""
    t = trace(deep_weights(depth, width, scheme, seed=seed), drawn(128, width), activation)
    return (t.activation[-1] / t.activation[0]).item(), (t.gradient[0] / t.gradient[-1]).item()
