"""Muon: momentum whose step is made orthogonal, for the weights of hidden layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.check import check_int, check_number

# p(s) = A s + B s^3 + C s^5 takes every s in (0, 1] to between 0.68 and 1.14 when it is applied a few times.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrix: Tensor, steps: int = 3) -> Tensor:
    """Bring all singular values of a matrix near 1 and leave its singular vectors: U S V' becomes about U V'.

    An odd polynomial of a matrix acts on its singular values alone, so a few products do what a singular value
    decomposition would.

    Args:
        matrix: (rows, columns), not all 0.
        steps: how often the polynomial is applied; small singular values need more to come up.

    Source: K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024; after A. Bjorck,
    C. Bowie, "An iterative algorithm for computing the best estimate of an orthogonal matrix", SIAM J. Numer.
    Anal. 1971.
    """
    check_int("steps", steps, minimum=1)
    x = matrix / (matrix.norm() + 1e-7)
    wide = x.T if x.shape[0] > x.shape[1] else x
    for _ in range(steps):
        gram = wide @ wide.T
        wide = A * wide + (B * gram + C * gram @ gram) @ wide
    return wide.T if x.shape[0] > x.shape[1] else wide


class Muon(torch.optim.Optimizer):
    """Muon for convolutions and matrices, Nesterov momentum (SGD) for everything else.

    With gradient g, momentum m and rate eta, a weight matrix W (a filter bank is one matrix, a row for each filter)
    moves by

        m <- beta m + g,    W <- c W / ||W||,    W <- W - eta orthogonalise(g + beta m),    c = sqrt(rows).

    All directions of the step are equally long, so that a direction with a small gradient is learned as fast as one
    with a large gradient. The weights keep their length, which normalisation after the layer makes harmless.

    Args:
        groups: parameter groups: dicts with ``params``, ``lr``, and ``orthogonal`` (True: Muon; needs two dimensions or
            more), ``momentum`` and ``weight_decay`` where they differ from the defaults.
        lr: learning rate of groups that name none.
        momentum: beta, 0 to 1.
        weight_decay: of groups with ``orthogonal=False``.
        steps: of :func:`orthogonalise`.

    Raises:
        ValueError: a number is out of range, or an orthogonal group holds a vector.

    Source: K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024, as used for the
    records on CIFAR-10 (K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024).
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float = 0.24,
        momentum: float = 0.6,
        weight_decay: float = 0.0,
        steps: int = 3,
    ) -> None:
        defaults = {
            "lr": check_number("lr", lr, above=0),
            "momentum": check_number("momentum", momentum, minimum=0, below=1),
            "weight_decay": check_number("weight_decay", weight_decay, minimum=0),
            "orthogonal": False,
        }
        super().__init__(list(groups), defaults)
        self.newton_steps = check_int("steps", steps, minimum=1)
        for group in self.param_groups:
            for p in group["params"]:
                if group["orthogonal"] and p.ndim < 2:
                    raise ValueError(
                        f"orthogonal groups must hold matrices or filter banks, got a tensor of shape {tuple(p.shape)}"
                        "; put biases and scales into a group with orthogonal=False"
                    )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta, lr = group["momentum"], group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad if group["orthogonal"] else p.grad.add(p, alpha=group["weight_decay"])
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.mul_(beta).add_(g)
                ahead = g.add(m, alpha=beta)
                if group["orthogonal"]:
                    p.mul_(len(p) ** 0.5 / p.norm())
                    ahead = orthogonalise(ahead.reshape(len(p), -1), self.newton_steps).reshape(p.shape)
                p.add_(ahead, alpha=-lr)
        return loss


def split_groups(
    model: nn.Module, lr: float, head_lr: float, other_lr: float, weight_decay: float = 0.0
) -> list[dict[str, Any]]:
    """Sort the trainable parameters of an image classifier for :class:`Muon`.

    Args:
        model: whose last ``nn.Linear`` is the head.
        lr: of filter banks and hidden matrices, moved by Muon.
        head_lr: of the head.
        other_lr: of biases and scales.
        weight_decay: of the head, the biases and the scales.

    Returns:
        Groups; those without parameters are left out.
    """
    heads = [module for module in model.modules() if isinstance(module, nn.Linear)]
    head = {id(p) for p in heads[-1].parameters()} if heads else set()
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2 and id(p) not in head], "lr": lr, "orthogonal": True},
        {"params": [p for p in trained if id(p) in head], "lr": head_lr, "momentum": 0.85},
        {"params": [p for p in trained if p.ndim < 2 and id(p) not in head], "lr": other_lr, "momentum": 0.85},
    ]
    for group in groups[1:]:
        group["weight_decay"] = weight_decay
    return [group for group in groups if group["params"]]
