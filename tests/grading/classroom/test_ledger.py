"""The ledger: written once, whole or not at all, checked when read; what was in it is never thrown away."""

from dataclasses import replace

import pytest

from course_utils.grading.classroom.ledger import Damaged, Entry, Ledger, key_of
from course_utils.grading.classroom.standing import entry_for
from course_utils.grading.grade import ExerciseResult, Grade, seed_of


@pytest.fixture
def ledger(new_class):
    return Ledger(new_class(2))


def entry(points=1.0, **changes):
    exercises = {name: ExerciseResult("partly", points, 2.0) for name in ("zeta", "alpha", "mid")}
    grade = Grade("graded", exercises=exercises).record()
    fields = {"student": "s001", "assignment": "small", "version": "v" * 64, "submission": "f" * 64, "seed": 3}
    return Entry(**{**fields, "sandboxed": True, "grade": grade, **changes})


def test_an_entry_comes_back_as_it_was_written_exercises_in_their_order(ledger):
    assert ledger.write(entry())
    found = ledger.find("small", entry().key)
    assert found == entry()
    assert list(found.grade["exercises"]) == ["zeta", "alpha", "mid"]


def test_all_that_decides_a_result_is_in_the_key():
    base = ("s001", "small", "v", "f", 3, True)
    others = [("s002", *base[1:]), *((*base[:i], other, *base[i + 1 :]) for i, other in enumerate("abcd", start=1))]
    keys = {key_of(*some) for some in [base, *others, (*base[:5], False)]}
    assert len(keys) == 7
    assert entry(grade={}, environment={"numpy": "1"}, runner="x", settled=False).key == entry().key


def test_a_settled_entry_is_never_written_over(ledger):
    assert ledger.write(entry())
    raw = ledger.path("small", entry().key).read_bytes()
    assert not ledger.write(entry(points=2.0))
    assert not ledger.write(entry(settled=False))
    assert ledger.path("small", entry().key).read_bytes() == raw


def test_an_open_entry_gives_way(ledger):
    assert ledger.write(entry(points=None, settled=False))
    assert ledger.write(entry())
    assert ledger.find("small", entry().key).settled


def test_replacing_keeps_the_old_one_and_only_replaces_what_differs(ledger):
    ledger.write(entry())
    assert not ledger.replace(entry(environment={"numpy": "9"}, runner="other"))
    first = ledger.path("small", entry().key).read_bytes()
    assert ledger.replace(entry(points=2.0))
    second = ledger.path("small", entry().key).read_bytes()
    assert not ledger.replace(entry(points=None, settled=False)), "trouble takes no mark away"
    assert ledger.replace(entry(points=0.5))
    kept = sorted((ledger.folder / "replaced" / "small").iterdir())
    assert [path.read_bytes() for path in kept] == [first, second]
    assert list(ledger.entries("small")) == [entry(points=0.5)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"",
        lambda raw: raw[:-30],
        lambda raw: raw.replace(b'"points": 1.0', b'"points": 2.0', 1),
        lambda raw: raw.replace(b'"s001"', b'"s002"'),
        lambda raw: b"\xff\xfe" + raw,
        lambda raw: b"[" * 100_000,
        lambda raw: b"[]",
        lambda raw: b"null",
    ],
    ids=["empty", "cut", "forged points", "forged student", "not UTF-8", "deep", "list", "null"],
)
def test_a_damaged_entry_is_noticed_looked_at_without_a_trace_and_kept_aside(ledger, spoil):
    ledger.write(entry())
    path = ledger.path("small", entry().key)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(Damaged):
        ledger.look("small", entry().key)
    assert path.exists()
    raw = path.read_bytes()
    assert ledger.find("small", entry().key) is None
    assert not path.exists()
    assert [kept.read_bytes() for kept in ledger.damaged()] == [raw]
    assert ledger.write(entry())
    path.write_bytes(b"again")
    assert list(ledger.entries("small")) == []
    assert len(ledger.damaged()) == 2


def test_an_entry_under_another_name_is_damaged(ledger):
    ledger.write(entry())
    other = ledger.path("small", "0" * 64)
    other.parent.mkdir(parents=True)
    ledger.path("small", entry().key).rename(other)
    with pytest.raises(Damaged, match="its name and its content differ"):
        ledger.look("small", "0" * 64)


def test_nothing_is_found_where_nothing_was_written(ledger):
    assert ledger.look("small", "0" * 64) is None
    assert list(ledger.entries("small")) == []
    assert ledger.damaged() == []
    assert not ledger.folder.exists()


@pytest.mark.parametrize(
    ("with_sandbox", "without", "counts"),
    [
        ("settled", "settled", True),
        ("settled", "open", True),
        ("open", "settled", False),
        ("open", "open", True),
        (None, "open", False),
        ("settled", None, True),
        (None, None, None),
    ],
)
def test_a_settled_entry_counts_before_an_open_one_and_a_sandboxed_before_one_that_is_not(
    new_class, hand_in, with_sandbox, without, counts
):
    classroom = new_class(1)
    receipt, assignment = hand_in(classroom, "s001"), classroom.assignment("small")
    seed = seed_of(classroom.config.seed, "s001", "small")
    base = entry(version=assignment.version, submission=receipt.sha256, seed=seed)
    for sandboxed, state in ((True, with_sandbox), (False, without)):
        if state:
            Ledger(classroom).write(replace(base, sandboxed=sandboxed, settled=state == "settled"))
    found = entry_for(classroom, assignment, receipt, Ledger(classroom))
    assert (found.sandboxed if found else None) == counts
