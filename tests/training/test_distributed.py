"""Two processes train one network: the steps of one process, and a clear end if one of them dies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import data
from course_utils.training import Checkpoints, fit, join
from course_utils.training.distributed import Group, Shard, current_group

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun with gloo is tried on POSIX")

SCRIPT = """
import os, signal, sys, time
import torch
sys.path.insert(0, os.environ["TESTS"])
from test_distributed import train
from course_utils.training import join, loop

group = join(timeout=60)
kill_at = int(os.environ.get("KILL_AT", "0"))
step = loop.Run.step
def deadly(self, clip):
    step(self, clip)
    if group.rank == 1 and self.steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if "BUSY" in os.environ and self.steps == kill_at:
        time.sleep(60)  # too busy to miss the other
loop.Run.step = deadly
model, losses = train(sys.argv[1])
if group.leads:
    torch.save([model.state_dict(), losses], sys.argv[1] + "/done.pt")
"""


def train(folder: str | Path) -> tuple[nn.Module, list[float]]:
    """A short run with order and augmentation drawn anew; 251 digits leave a last batch of 27, 14 and 13."""
    torch.set_num_threads(1)
    torch.manual_seed(current_group().rank)  # a start of its own in every process: that of process 0 must win
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)).double()
    digits = data.load("digits", "train").subset(torch.arange(251))
    batches = data.Batches(digits, 32, augment=data.random_shift(1), seed=3)
    double = lambda logits, y: nn.functional.cross_entropy(logits.double(), y)
    batches.augment = lambda x, generator: data.random_shift(1)(x, generator).double()
    history = fit(model, batches, epochs=3, lr=0.02, optimizer="sgd", loss=double, clip=1.0,
                  checkpoints=Path(folder) / "run", save_every=4)  # fmt: skip
    return model, history.train_loss


def torchrun(tmp_path: Path, **env: str) -> subprocess.CompletedProcess:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"TESTS": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"} | env
    return subprocess.run(
        [*command, str(script), str(tmp_path)], capture_output=True, text=True, env=environment, timeout=240
    )


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    done = torchrun(tmp_path)
    assert done.returncode == 0, done.stderr
    weights, losses = torch.load(tmp_path / "done.pt", weights_only=True)
    (tmp_path / "alone").mkdir()
    model, expected = train(tmp_path / "alone")
    for name, value in model.state_dict().items():
        assert torch.allclose(weights[name], value, rtol=0, atol=1e-6), name
    assert losses == pytest.approx(expected, abs=1e-6)


def test_a_dead_process_ends_the_run_with_a_message_and_the_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    died = torchrun(tmp_path, KILL_AT="11")
    assert died.returncode != 0
    # Which of the two comes first: the survivor misses its partner, or torchrun tells it to end.
    assert re.search(r"process 0 of 2 (lost another one while|was told to end)", died.stderr), died.stderr
    assert "start it again with the same command to go on from its newest checkpoint" in died.stderr
    state = Checkpoints(tmp_path / "run").newest()
    assert state is not None
    assert state["numbers"][2] == 8
    again = torchrun(tmp_path)
    assert again.returncode == 0, again.stderr
    weights, _ = torch.load(tmp_path / "done.pt", weights_only=True)
    (tmp_path / "alone").mkdir()
    model, _ = train(tmp_path / "alone")
    assert all(torch.allclose(weights[name], value, rtol=0, atol=1e-6) for name, value in model.state_dict().items())


def test_a_process_that_is_told_to_end_says_what_to_do(tmp_path: Path) -> None:
    died = torchrun(tmp_path, KILL_AT="5", BUSY="1")
    assert died.returncode != 0
    assert "process 0 of 2 was told to end" in died.stderr, died.stderr
    state = Checkpoints(tmp_path / "run").newest()
    assert state is not None
    assert state["numbers"][2] == 4


def test_parts_make_up_the_whole() -> None:
    x, y = torch.arange(7.0)[:, None], torch.arange(7)
    parts = [Shard([(x, y)], Group(rank, 3)) for rank in range(3)]
    found = [next(iter(part)) for part in parts]
    assert sorted(torch.cat([y for _, y in found]).tolist()) == list(range(7))
    mean = sum(float(x.mean()) * part.weight for part, (x, _) in zip(parts, found, strict=True)) / 3
    assert mean == pytest.approx(3.0)
    with pytest.raises(ValueError, match="a batch of 2 cannot be shared among 3 processes"):
        next(iter(Shard([(x[:2], y[:2])], Group(0, 3))))


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert join() == current_group() == Group(0, 1)
    assert Group().leads
