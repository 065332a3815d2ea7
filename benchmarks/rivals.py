"""The same training step by other libraries, for ``benchmarks.training``; those not installed are left out.

pip install accelerate lightning fastai
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Pairs = list[tuple[Tensor, Tensor]]
Epoch = Callable[[nn.Module, Pairs], Any]


def accelerate_epoch(model: nn.Module, batches: Pairs) -> None:
    """Hugging Face Accelerate: its prepared model and optimiser, its backward pass."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, optimizer = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=1e-3))
    model.train()
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        loss.item()


def lightning_epoch(model: nn.Module, batches: Pairs) -> None:
    """PyTorch Lightning: its trainer, with bars, logs, checkpoints and summary off."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            x, y = batch
            return F.cross_entropy(self.model(x), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.model.parameters(), lr=1e-3)

    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(batches, batch_size=None))


def fastai_epoch(model: nn.Module, batches: Pairs) -> None:
    """fastai: its learner, without a bar."""
    from fastai.basics import DataLoader, DataLoaders, Learner
    from fastai.optimizer import Adam

    loaders = DataLoaders(DataLoader(batches, bs=None, num_workers=0), DataLoader(batches[:1], bs=None, num_workers=0))
    learner = Learner(loaders, model, loss_func=F.cross_entropy, opt_func=Adam)
    with learner.no_logging():  # the bar is a callback that was not asked for
        learner.fit(1, lr=1e-3)


RIVALS: dict[str, Epoch] = {"accelerate": accelerate_epoch, "lightning": lightning_epoch, "fastai": fastai_epoch}


def installed() -> dict[str, Epoch]:
    """Return those of ``RIVALS`` that can be imported, quietened."""
    for name in ("lightning", "lightning.pytorch", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with suppress(ImportError):
        warnings.filterwarnings("ignore", module="lightning")
    return {name: epoch for name, epoch in RIVALS.items() if find_spec(name) is not None}
