"""What a challenge is: ``challenge.yml`` in the instructor's folder of the assignment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from course_utils.grading.challenge.metrics import METRICS, Metric

FILE = re.compile(r"[a-z][a-z0-9_-]{0,40}\.csv")
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,30}")
CLASS = re.compile(r"[^,;\"\n]{1,40}")
FIELDS = ("title", "metric", "points", "file", "columns", "classes", "train", "test", "public", "record", "anchors")


class BadPlan(ValueError):
    """The settings cannot be used; the text says which and why."""


@dataclass(frozen=True)
class Anchor:
    """A score that somebody's recipe reaches, and what it earns.

    Attributes:
        name: the recipe, as students read it.
        score: what it reaches on private test images: the median over data seeds.
        percent: of the points.
        metric: where the score is kept in the record; empty for a score that is known without measuring.
    """

    name: str
    score: float
    percent: float
    metric: str = ""


@dataclass(frozen=True)
class Plan:
    """The settings of a challenge.

    Attributes:
        title: as students read it.
        metric: a name in `METRICS`.
        points: the most it earns.
        file: what is handed in.
        columns: of that file: the one with the ids, the one with the labels.
        classes: names of the classes; a label is a position in it.
        train: number of labelled images.
        test: number of images to predict.
        public: share of the test images whose score the leaderboard shows.
        record: the record in ``results/`` that the anchors' scores were taken from.
        anchors: by rising score; points run in straight lines between them.
    """

    title: str
    metric: str
    points: float
    file: str
    columns: tuple[str, str]
    classes: tuple[str, ...]
    train: int
    test: int
    public: float
    record: str
    anchors: tuple[Anchor, ...]

    @property
    def scoring(self) -> Metric:
        """The metric."""
        return METRICS[self.metric]

    @property
    def public_rows(self) -> int:
        """Number of test images whose score is public."""
        return round(self.test * self.public)

    def percent(self, score: float) -> float:
        """What a private score earns, 0 to 100: straight lines between anchors, level beyond the first and last."""
        below, above = self.anchors[0], self.anchors[-1]
        if score <= below.score:
            return below.percent
        for anchor in self.anchors[1:]:
            if score <= anchor.score:
                above = anchor
                break
            below = anchor
        else:
            return above.percent
        return below.percent + (above.percent - below.percent) * (score - below.score) / (above.score - below.score)


def read_plan(path: Path) -> Plan:
    """Read ``challenge.yml``.

    Raises:
        FileNotFoundError: if there is none.
        BadPlan: if it is no YAML, or a setting is wrong.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadPlan(f"{path} cannot be read: {error}") from None
    if not isinstance(raw, dict) or set(raw) != set(FIELDS):
        names = sorted(map(str, raw)) if isinstance(raw, dict) else type(raw).__name__
        raise BadPlan(f"{path.name} must have the settings {', '.join(FIELDS)}; got {names}")

    def need(ok: bool, field: str, rule: str) -> None:
        if not ok:
            raise BadPlan(f"{path.name}: {field} must be {rule}, got {raw[field]!r}")

    need(isinstance(raw["title"], str) and bool(raw["title"].strip()), "title", "text")
    need(raw["metric"] in METRICS, "metric", f"one of {', '.join(METRICS)}")
    need(_number(raw["points"]) and raw["points"] > 0, "points", "a number above 0")
    need(isinstance(raw["file"], str) and bool(FILE.fullmatch(raw["file"])), "file", "a name such as predictions.csv")
    columns = raw["columns"]
    need(_texts(columns, COLUMN) and len(columns) == 2, "columns", "two different names, such as [id, label]")
    classes = raw["classes"]
    need(_texts(classes, CLASS) and len(classes) >= 2, "classes", "two or more different names")
    for field in ("train", "test"):
        need(type(raw[field]) is int and 10 <= raw[field] <= 100_000, field, "a whole number from 10 to 100000")
    need(_number(raw["public"]) and 0 < raw["public"] < 1, "public", "a share between 0 and 1")
    need(0 < round(raw["test"] * raw["public"]) < raw["test"], "public", "a share that leaves rows on both sides")
    need(isinstance(raw["record"], str), "record", "the name of a record in results/")
    need(isinstance(raw["anchors"], list) and len(raw["anchors"]) >= 2, "anchors", "a list of two or more")
    anchors = tuple(_anchor(path.name, one) for one in raw["anchors"])
    for lower, upper in pairwise(anchors):
        if not (lower.score < upper.score and lower.percent <= upper.percent):
            raise BadPlan(f"{path.name}: anchors must rise in score and not fall in percent; {upper.name!r} does not")
    need(anchors[-1].percent == 100, "anchors", "a list whose last one earns 100 percent")
    return Plan(
        title=raw["title"].strip(),
        metric=raw["metric"],
        points=float(raw["points"]),
        file=raw["file"],
        columns=(columns[0], columns[1]),
        classes=tuple(classes),
        train=raw["train"],
        test=raw["test"],
        public=float(raw["public"]),
        record=raw["record"],
        anchors=anchors,
    )


def _anchor(file: str, raw: Any) -> Anchor:
    if not isinstance(raw, Mapping) or not {"name", "score", "percent"} <= set(raw) <= set(Anchor.__annotations__):
        raise BadPlan(f"{file}: an anchor has name, score, percent and perhaps metric, got {raw!r}")
    for field, most in (("score", 1), ("percent", 100)):
        if not _number(raw[field]) or not 0 <= raw[field] <= most:
            raise BadPlan(f"{file}: {field} of the anchor {raw['name']!r} must be 0 to {most}, got {raw[field]!r}")
    return Anchor(str(raw["name"]), float(raw["score"]), float(raw["percent"]), str(raw.get("metric", "")))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _texts(value: Any, rule: re.Pattern[str]) -> bool:
    if not isinstance(value, list) or not all(isinstance(v, str) and rule.fullmatch(v) for v in value):
        return False
    return len({v.lower() for v in value}) == len(value)
