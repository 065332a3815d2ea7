"""A function in several processes: results in order, failures named, nobody left behind."""

from __future__ import annotations

import pytest

from course_utils.scratch.parallel.launch import free_port, in_processes


def adder(first: int) -> dict:
    import torch
    from torch import distributed

    distributed.init_process_group("gloo")
    own = torch.tensor([float(first + distributed.get_rank())])
    total = own.clone()
    distributed.all_reduce(total)
    return {"rank": distributed.get_rank(), "own": own, "total": total.item()}


def half_dead() -> None:
    import os
    import time

    if os.environ["RANK"] == "1":
        raise ValueError("the second one gives up")
    time.sleep(600)


def sleeper() -> None:
    import time

    time.sleep(600)


def test_each_knows_its_number_and_all_add_up() -> None:
    first, second = in_processes(adder, first=5)
    assert (first["rank"], second["rank"]) == (0, 1)
    assert (first["own"].item(), second["own"].item()) == (5, 6)
    assert first["total"] == second["total"] == 11


def test_a_dead_process_ends_all_and_is_quoted() -> None:
    with pytest.raises(RuntimeError, match=r"process 1 of 2 failed(.|\n)*the second one gives up"):
        in_processes(half_dead)


def test_time_is_up() -> None:
    with pytest.raises(TimeoutError, match="1 of 1 processes were not done"):
        in_processes(sleeper, 1, timeout=0.2)


def test_ports_are_free_and_count_is_checked() -> None:
    assert 1024 <= free_port() < 2**16
    with pytest.raises(ValueError, match="count must be at least 1"):
        in_processes(sleeper, 0)
