"""A code with one block a factor, learned from pairs that share one known-by-name factor.

Two pictures have, say, the same angle and nothing else in common. Encode both, exchange their angle blocks, decode:
if both pictures still come back, the exchanged block held nothing but what they share. Sources: Mathieu et al.,
"Disentangling Factors of Variation in Deep Representation using Adversarial Training", 2016 (the exchange); Locatello
et al., "Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations", 2019 (why
some supervision is needed).
"""

import numpy as np
import torch
from torch import nn

from course_utils.check import check_int, check_same_length
from course_utils.scratch.features.rendered_bars import FACTORS, draw_factors, render


class BlockAutoencoder(nn.Module):
    """Encoder and decoder with a code of equal blocks, one for each factor.

    Args:
        pixels: number of pixels of a picture.
        blocks: number of blocks.
        width: coordinates in a block.
        hidden: units of the hidden layers.
    """

    def __init__(self, pixels: int = 256, blocks: int = 4, width: int = 2, hidden: int = 128) -> None:
        super().__init__()
        check_int("blocks", blocks, minimum=1)
        self.blocks, self.width = blocks, width
        code = blocks * width
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, code),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the (N, blocks, width) code of (N, 1, H, W) pictures."""
        return self.encoder(x).view(-1, self.blocks, self.width)

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return the (N, pixels) pictures of (N, blocks, width) codes."""
        return self.decoder(code.flatten(1))


def swap(code_a: torch.Tensor, code_b: torch.Tensor, shared: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Exchange one block of each pair of codes.

    Args:
        code_a: (N, blocks, width).
        code_b: (N, blocks, width).
        shared: (N,) index of the block to exchange in each pair.

    Returns:
        Both codes after the exchange.
    """
    mask = nn.functional.one_hot(shared, code_a.shape[1]).bool().unsqueeze(-1)
    return torch.where(mask, code_b, code_a), torch.where(mask, code_a, code_b)


def draw_pairs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw pairs of pictures that share exactly one factor.

    Returns:
        ``(a, b, shared)``: (N, 1, 16, 16) twice and the (N,) index of the shared factor in FACTORS. This index is
        all the supervision there is: no value of any factor is given.
    """
    first, second = draw_factors(count, seed=2 * seed), draw_factors(count, seed=2 * seed + 1)
    shared = np.random.default_rng(seed).integers(0, len(FACTORS), count)
    for k, name in enumerate(FACTORS):
        second[name] = np.where(shared == k, first[name], second[name])
    return render(first), render(second), torch.tensor(shared)


def train_by_swapping(
    a: torch.Tensor, b: torch.Tensor, shared: torch.Tensor, steps: int = 1500, batch: int = 128,
    lr: float = 3e-3, exchange: bool = True, seed: int = 0,
) -> BlockAutoencoder:  # fmt: skip
    """Train an autoencoder to redraw both pictures of a pair after the exchange of the shared block.

    Args:
        a: (N, 1, H, W) first pictures.
        b: (N, 1, H, W) second pictures.
        shared: (N,) index of the shared factor.
        steps: gradient steps.
        batch: pairs a step.
        lr: peak learning rate of Adam, one cycle.
        exchange: False trains a plain autoencoder on the same pictures.
        seed: of the weights and the batches.
    """
    check_same_length("a", a, "shared", shared)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BlockAutoencoder(a[0].numel(), len(FACTORS))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(steps):
        index = torch.randint(0, len(a), (batch,), generator=generator)
        pictures = torch.cat([a[index], b[index]])
        code_a, code_b = model.encode(pictures).chunk(2)
        if exchange:
            code_a, code_b = swap(code_a, code_b, shared[index])
        loss = ((model.decode(torch.cat([code_a, code_b])) - pictures.flatten(1)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model
