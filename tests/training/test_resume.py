"""Runs that are interrupted and go on: the same weights to the bit, and nothing of another run."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.training import CheckpointError, Checkpoints, WeightAverage, fit
from course_utils.training.mixing import mixup

SCRIPT = """
import os, random, signal, sys
import torch
sys.path.insert(0, sys.argv[3])
from test_resume import run
from course_utils.training import loop

kill_at = int(sys.argv[2])
step = loop.Run.step
def deadly(self, clip):
    step(self, clip)
    if self.steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
loop.Run.step = deadly
run(sys.argv[1])
"""


def run(folder: str | Path | None, **changes) -> tuple[nn.Module, WeightAverage, list[float]]:
    """A run in which everything is random that can be: dropout, order, augmentation, mixing."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(144, 10)
    )
    batches = data.Batches(
        data.load("digits", "train").subset(torch.arange(300)), 32, augment=data.random_shift(1), seed=5
    )
    average = WeightAverage(model, 0.9)
    options = {"epochs": 4, "lr": 0.01, "schedule": "one_cycle", "mix": mixup(0.2, 10), "save_every": 3, "clip": 1.0}
    history = fit(model, batches, average=average, checkpoints=folder, **options | changes)
    return model, average, history.step_loss


@pytest.fixture(scope="module")
def whole() -> tuple[nn.Module, WeightAverage, list[float]]:
    return run(None)


def assert_same(found: tuple, expected: tuple) -> None:
    for ours, theirs in zip(found[:2], expected[:2]):
        states = [
            getattr(part, "model", part).state_dict() if isinstance(part, WeightAverage) else part.state_dict()
            for part in (ours, theirs)
        ]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert found[2] == expected[2]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
@pytest.mark.parametrize("kill_at", [1, *random.Random(7).sample(range(2, 40), 3), 30])
def test_killed_at_any_step_and_resumed_the_weights_are_the_same_to_the_bit(
    tmp_path: Path, whole, kill_at: int
) -> None:
    here = str(Path(__file__).parent)
    died = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path), str(kill_at), here], capture_output=True)
    assert died.returncode == -9, died.stderr.decode()
    assert_same(run(tmp_path), whole)


def test_a_finished_run_called_again_trains_no_more(tmp_path: Path, whole) -> None:
    run(tmp_path)
    assert_same(run(tmp_path), whole)


def test_a_damaged_newest_checkpoint_costs_a_few_steps_and_nothing_else(tmp_path: Path, whole) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, mix=interrupted_after(25))
    newest = Checkpoints(tmp_path).paths()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="was cut short"):
        assert_same(run(tmp_path), whole)


def interrupted_after(batches: int):
    """The same mixing, until a person presses Ctrl-C."""
    mix, count = mixup(0.2, 10), 0

    def counting(x, y, generator):
        nonlocal count
        count += 1
        if count > batches:
            raise KeyboardInterrupt
        return mix(x, y, generator)

    return counting


def test_a_source_that_shuffles_by_itself_goes_on_alike(tmp_path: Path) -> None:
    def train(folder: Path | None, stop: int | None = None) -> nn.Module:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        x = torch.randn(60, 4)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long()), 8, shuffle=True)
        seen = 0

        def loss(logits, y):
            nonlocal seen
            seen += 1
            if seen == stop:
                raise KeyboardInterrupt
            return nn.functional.cross_entropy(logits, y)

        if stop is None:
            fit(model, loader, epochs=3, checkpoints=folder, save_every=2, loss=loss)
        else:
            with pytest.raises(KeyboardInterrupt):
                fit(model, loader, epochs=3, checkpoints=folder, save_every=2, loss=loss)
        return model

    expected = train(None)
    train(tmp_path, stop=14)
    found = train(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), expected.parameters()))


def test_the_state_of_another_run_or_network_is_refused(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match=r"holds another run: 1 epochs of 10 batches.*folder of its own"):
        run(tmp_path, epochs=2)
    model = nn.Linear(3, 2)
    batches = [(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))]
    fit(model, batches, epochs=1, checkpoints=tmp_path / "b")
    with pytest.raises(CheckpointError, match="holds another network"):
        fit(nn.Linear(3, 5), batches, epochs=1, checkpoints=tmp_path / "b")
