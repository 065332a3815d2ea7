"""The benchmark runs, compares what it times, and refuses to time different answers."""

from __future__ import annotations

import pytest

from benchmarks.detection import box_pairs, main, race, region_pairs


def test_a_small_run_times_every_pair(capsys: pytest.CaptureFixture[str]) -> None:
    record = main(repeats=1, n=900, m=20, regions=4, channels=2)
    assert set(record["pairs"]) == set(box_pairs(900, 20)) | set(region_pairs(4, 2))
    for row in record["pairs"].values():
        assert row["milliseconds"] > 0
        assert row["ratio"] == pytest.approx(row["milliseconds"] / row["torchvision_milliseconds"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in record["pairs"])
    assert "NMS, heap" in printed


def test_different_answers_are_not_timed() -> None:
    pairs = box_pairs(900, 20)
    with pytest.raises(AssertionError):
        race((pairs["IoU"][0], pairs["generalised IoU"][1]), 1)
