"""The class folder and its settings: read exactly, refused with the setting's name."""

import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from course_utils.grading.classroom.folder import Busy, ClassFolder, NotAClass, Planned, read_config

ROME = ZoneInfo("Europe/Rome")


@pytest.fixture
def settings(tmp_path):
    def write(text: str):
        (tmp_path / "class.yml").write_text(text)
        return tmp_path / "class.yml"

    return write


def test_what_is_not_set_has_a_default(settings):
    config = read_config(settings("seed: 3\n"))
    assert config.seed == 3
    assert config.timezone == "UTC"
    assert config.weights == {"homework": 30, "challenge": 30, "exam": 40}
    assert config.missing_counts_as_zero is False
    assert config.assignments == {}


@pytest.mark.parametrize(
    ("due", "want"),
    [
        ("null", None),
        ("2027-03-01T23:59", datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        ('"2027-03-01 23:59"', datetime(2027, 3, 1, 23, 59, tzinfo=ROME)),
        ("2027-03-01 23:59:30", datetime(2027, 3, 1, 23, 59, 30, tzinfo=ROME)),
        ("2027-03-01T23:59:00Z", datetime(2027, 3, 1, 23, 59, tzinfo=UTC)),
        ("2027-07-01T12:00:00+05:00", datetime(2027, 7, 1, 7, tzinfo=UTC)),
        ("2027-03-01", datetime(2027, 3, 1, 23, 59, 59, tzinfo=ROME)),
        ('"2027-03-01"', datetime(2027, 3, 1, 23, 59, 59, tzinfo=ROME)),
    ],
)
def test_due_times_are_read_in_the_zone_of_the_class(settings, due, want):
    config = read_config(settings(f"seed: 1\ntimezone: Europe/Rome\nassignments:\n  a: {{due: {due}}}\n"))
    assert config.assignments == {"a": Planned(want)}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- 1", "got list"),
        ("a: [", "cannot be read"),
        ("title: x", "seed must be a whole number from 0 on, got None"),
        ("seed: -1", "seed must be"),
        ("seed: true", "seed must be"),
        ("seed: 1\nsead: 2", "unknown setting 'sead'; there are: assignments,"),
        ("seed: 1\ntimezone: Rome/Europe", "timezone must be a name such as Europe/Rome"),
        ("seed: 1\ntimezone: ../../etc", "timezone must be"),
        ("seed: 1\nweights: {homework: 30, exam: 70}", "weights must name homework, challenge, exam"),
        ("seed: 1\nweights: {homework: 30, challenge: 30, exam: 30}", "must sum to 100, got 90"),
        ("seed: 1\nweights: {homework: 130, challenge: -30, exam: 0}", "weight of homework must be 0 to 100"),
        ("seed: 1\nmissing_counts_as_zero: 1", "must be true or false"),
        ("seed: 1\nassignments: [a]", "assignments must be"),
        ("seed: 1\nassignments: {../a: {}}", "letters, digits"),
        ("seed: 1\nassignments: {a: {doe: 1}}", "may have 'due' and 'part'"),
        ("seed: 1\nassignments: {a: {part: lab}}", "part of a must be one of"),
        ("seed: 1\nassignments: {a: {due: tomorrow}}", "due of a must be a time such as"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, text, why):
    with pytest.raises(NotAClass, match=why):
        read_config(settings(text))


def test_a_folder_that_is_no_class_says_what_to_do(tmp_path):
    with pytest.raises(NotAClass, match="make one with 'course grade init'"):
        ClassFolder(tmp_path)


def test_an_unknown_assignment_is_told_with_those_there_are(new_class):
    with pytest.raises(NotAClass, match=r"no assignment '99_none'; class\.yml lists: small"):
        new_class().assignment("99_none")


def test_one_command_at_a_time_and_none_is_locked_out_by_a_killed_one(new_class):
    classroom = new_class()
    code = (
        "import sys, time; from pathlib import Path\n"
        "from course_utils.grading.classroom.folder import ClassFolder\n"
        "with ClassFolder(Path(sys.argv[1])).lock():\n"
        "    print('locked', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(classroom.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(Busy, match="wait until it ends"), classroom.lock(seconds=0.1):
        pass
    holder.kill()
    holder.communicate()
    with classroom.lock(seconds=5):
        pass
