"""Checkpoints: whole or refused, the newest good one found, every random state back where it was."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.training import checkpoint
from course_utils.training.checkpoint import (
    CheckpointError,
    Checkpoints,
    load_checkpoint,
    random_states,
    restore_random_states,
    save_checkpoint,
)

STATE = {"weights": torch.arange(6.0).view(2, 3), "step": 7, "name": "run", "parts": [(1, None), {"a": 0.5}]}


def test_a_state_comes_back_as_it_went(tmp_path: Path) -> None:
    found = load_checkpoint(save_checkpoint(tmp_path / "new" / "a.ckpt", STATE))
    assert torch.equal(found.pop("weights"), STATE["weights"])
    assert found == {k: v for k, v in STATE.items() if k != "weights"}
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-10], "was cut short"),
        (lambda data: data[:20], "was cut short"),
        (lambda data: data[:-10] + bytes([data[-10] ^ 1]) + data[-9:], "was changed after it was written"),
        (lambda data: b"PK" + data, "is no checkpoint of this course"),
        (lambda data: b"", "is no checkpoint of this course"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path, damage, reason: str) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", STATE)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=f"a.ckpt {reason}"):
        load_checkpoint(path)


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", {"x": 1})
    data = path.read_bytes()
    rng = random.Random(0)
    for place in rng.sample(range(len(data)), 60):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :])
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_a_file_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    path = save_checkpoint(tmp_path / "a.ckpt", {"x": Harmful()})
    with pytest.raises(CheckpointError, match="holds more than numbers and text"):
        load_checkpoint(path)
    assert not (tmp_path / "harm").exists()


def test_the_newest_few_are_kept_and_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "run", keep=2)
    assert kept.newest() is None
    for step in (1, 20, 300):
        kept.save(step, {"step": step})
    assert [p.name for p in kept.paths()] == ["step-000000300.ckpt", "step-000000020.ckpt"]
    newest = kept.paths()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"step-000000300.ckpt was cut short.*Going on from step-000000020.ckpt"):
        assert kept.newest() == {"step": 20}
    kept.paths()[1].write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is whole"):
        kept.newest()


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", {"step": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    monkeypatch.undo()
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_killed_while_writing_the_newest_is_always_whole(tmp_path: Path) -> None:
    code = (
        "import sys, torch; from course_utils.training.checkpoint import Checkpoints\n"
        "kept, step = Checkpoints(sys.argv[1]), 0\n"
        "print('ready', flush=True)\n"
        "while True: step += 1; kept.save(step, {'step': step, 'x': torch.full((200_000,), float(step))})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.kill()
    process.wait()
    state = Checkpoints(tmp_path).newest()
    assert state is not None
    assert state["step"] >= 1
    assert torch.equal(state["x"], torch.full((200_000,), float(state["step"])))


def test_random_states_come_back(tmp_path: Path) -> None:
    def draw() -> tuple:
        return random.random(), float(np.random.rand()), float(np.random.randn()), float(torch.rand(()))

    random.seed(1), np.random.seed(2), torch.manual_seed(3)
    np.random.randn()  # leaves a cached second normal number
    path = save_checkpoint(tmp_path / "a.ckpt", random_states())
    expected = draw()
    draw()
    restore_random_states(load_checkpoint(path))
    assert draw() == expected
