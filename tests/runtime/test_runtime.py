"""Seeds repeat, devices are real, records keep their provenance, the report has remedies."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import runtime
from course_utils.runtime import environment, paths, records


def test_the_same_seed_gives_the_same_numbers() -> None:
    def draw(seed: int) -> tuple[float, float, float]:
        runtime.seed_everything(seed)
        return random.random(), float(np.random.rand()), torch.rand(()).item()

    assert draw(3) == draw(3)
    assert all(a != b for a, b in zip(draw(3), draw(4)))


def test_a_seed_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        runtime.seed_everything(-1)


def test_the_cpu_is_always_there_and_an_absent_device_is_refused() -> None:
    assert runtime.get_device("cpu") == torch.device("cpu")
    assert runtime.get_device().type in environment_devices()
    with pytest.raises(ValueError, match="not on this machine"):
        runtime.get_device("xpu")


def environment_devices() -> list[str]:
    from course_utils.runtime.device import available_devices

    return available_devices()


def test_course_data_names_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert runtime.data_dir() == tmp_path
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.data_dir().name == "course-data"


def test_a_record_comes_back_with_its_provenance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    path = runtime.save_record("try.one", {"metrics": {"accuracy": [0.9, 0.7, 0.8]}, "seeds": [0, 1, 2]})
    assert path == tmp_path / "try.one.json"
    record = runtime.load_record("try.one")
    assert record["provenance"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert record["provenance"]["date"]
    band = runtime.band("try.one", "accuracy")
    assert (band.minimum, band.median, band.maximum, band.count) == (0.7, 0.8, 0.9, 3)
    assert band.contains(0.9)
    assert not band.contains(0.91)
    assert band.contains(0.91, slack=0.02)
    assert [p.name for p in tmp_path.iterdir()] == ["try.one.json"]


def test_an_unknown_record_or_metric_names_the_known_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    runtime.save_record("known", {"metrics": {"accuracy": [1.0]}})
    with pytest.raises(FileNotFoundError, match="recorded: known"):
        runtime.load_record("other")
    with pytest.raises(KeyError, match="it has accuracy"):
        runtime.band("known", "loss")
    with pytest.raises(ValueError, match="letters, digits"):
        runtime.load_record("../secret")


def test_a_record_that_json_cannot_hold_leaves_the_old_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    runtime.save_record("r", {"metrics": {"a": [1.0]}})
    with pytest.raises(ValueError):
        runtime.save_record("r", {"metrics": {"a": [float("nan")]}})
    assert runtime.load_record("r")["metrics"] == {"a": [1.0]}


def test_the_report_of_this_environment_has_no_error() -> None:
    report = runtime.environment_report()
    assert report.exit_code < 2, str(report)
    assert {"Python", "torch", "device", "memory", "disk", "data sets", "Chromium", "node"} <= {
        f.item for f in report.findings
    }


def test_a_missing_package_is_an_error_with_a_remedy() -> None:
    report = environment.environment_report(packages=("no-such-package",))
    finding = next(f for f in report.findings if f.item == "no-such-package")
    assert (finding.severity, report.exit_code) == ("error", 2)
    assert "make lab" in finding.remedy
    assert "-> run make lab" in str(report)


def test_little_disk_and_little_memory_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "MINIMUM_DISK_GB", 1e9)
    monkeypatch.setattr(environment, "MINIMUM_MEMORY_GB", 1e9)
    report = environment.environment_report()
    assert {f.item for f in report.findings if f.severity == "warning"} == {"memory", "disk"}
    assert report.exit_code == 1


def test_an_old_torch_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "version", lambda name: "2.9.1+cpu")
    assert environment._package("torch").severity == "error"


def test_a_folder_that_a_failed_download_left_is_no_data_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    raw = tmp_path / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / ".download.lock").touch()
    assert environment._data().severity == "note"
    (raw / "t10k-labels-idx1-ubyte.gz").touch()
    assert "mnist" in environment._data().found
