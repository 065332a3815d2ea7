"""Assignment 10: its scorer, measurement, tables and pictures, and what the model judgement says."""

import re

import numpy as np
import pytest
import torch

from course_utils.detection import anchors, average_precision, coding, iou, matching, nms, true_positives
from course_utils.grading import pack
from course_utils.grading.assignment import load_assignment
from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "10_detection"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("matching_picture", "judge_picture")


@pytest.fixture(scope="module")
def judge():
    with mutation.Judge(NAME) as running:
        yield running


@pytest.fixture(scope="module")
def checks(judge):
    return judge.checks


@pytest.fixture(scope="module")
def model(judge):
    """The names that the model solution defines."""
    namespace = {"checks": judge.checks}
    exec(f"{judge.setup}\n{judge.model}", namespace)
    return namespace


@pytest.fixture(scope="module")
def text():
    return (mutation.SOURCES / NAME / f"{NAME}.py").read_text()


@pytest.fixture(scope="module")
def cases(checks):
    from checks import cases

    return cases


def stub(*arguments):
    raise NotImplementedError


def some_boxes(count, seed):
    draw = np.random.default_rng(seed)
    start = draw.uniform(-10, 40, size=(count, 2))
    return np.concatenate([start, start + draw.uniform(5, 40, size=(count, 2))], axis=1)


def test_the_pack_hands_out_no_line_of_the_solution():
    pack.pack(load_assignment(NAME))  # the repaired detector and the broken one must not share a line


# ---- the model solution beside the course's own functions ----


def test_overlaps_and_suppression_are_those_of_the_course(model):
    a, b = some_boxes(40, 0), some_boxes(30, 1)
    np.testing.assert_allclose(model["box_iou"](a, b), iou.box_iou(torch.tensor(a), torch.tensor(b)))
    scores, labels = np.random.default_rng(2).integers(0, 20, size=40) / 20, np.arange(40) % 3
    boxes, values = torch.tensor(a), torch.tensor(scores)
    assert model["nms"](a, scores, 0.3) == nms.nms(boxes, values, 0.3).tolist()
    own = model["nms_per_class"](a, scores, labels, 0.3)
    assert own == nms.batched_nms(boxes, values, torch.tensor(labels), 0.3).tolist()


def test_anchors_codes_and_matches_are_those_of_the_course(model):
    cell = model["cell_anchors"]([20.0, 40.0], [0.5, 1.0, 2.0])
    theirs = anchors.cell_anchors([20, 40], [0.5, 1, 2])
    np.testing.assert_allclose(cell, theirs, rtol=1e-5)
    grid = model["grid_anchors"](3, 4, 16, cell)
    np.testing.assert_allclose(grid, anchors.grid_anchors((3, 4), 16, theirs), atol=1e-4)
    codes = model["encode"](some_boxes(72, 3), grid)
    np.testing.assert_allclose(codes, coding.encode(torch.tensor(some_boxes(72, 3)), torch.tensor(grid)))
    np.testing.assert_allclose(model["decode"](codes, grid), some_boxes(72, 3))
    objects = some_boxes(6, 4)
    own = model["match"](grid, objects, 0.4, 0.25)
    assert own.tolist() == matching.match(torch.tensor(grid), torch.tensor(objects), 0.4, 0.25).indices.tolist()
    assert {-2, -1, 0, 1, 2, 3, 4, 5} == set(own.tolist())


def test_grades_are_those_of_the_course(model):
    found, truths, scores, right = [], [], [], []
    for picture in range(6):
        objects = some_boxes(4, picture)
        boxes = np.repeat(objects, 3, axis=0) + np.random.default_rng(picture).normal(size=(12, 4)) * 3
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        own = np.random.default_rng(picture + 50).uniform(size=12)
        scores.append(own)
        right.append(model["hits"](boxes, own, objects, 0.6))
        label = torch.zeros(12, dtype=torch.int64)
        found.append(true_positives.Detections(torch.tensor(boxes), torch.tensor(own), label))
        truths.append(true_positives.Targets(torch.tensor(objects), label[:4]))
    ap = model["average_precision"](np.concatenate(scores), np.concatenate(right), 24)
    assert 0.1 < ap < 0.9
    assert ap == pytest.approx(average_precision.average_precision(found, truths, 0.6)[0])


# ---- the answers to the predictions ----


def test_the_answers_to_predictions_hold(model):
    row = np.array([[0.0, 0, 40, 10], [10, 0, 50, 10], [40, 0, 60, 10]])
    assert model["box_iou"](row[:1], row[2:])[0, 0] == 0
    chain = np.array([[0.0, 0, 8, 1], [2, 0, 10, 1], [4, 0, 12, 1]])
    assert model["box_iou"](chain, chain)[0, 1] == pytest.approx(0.6)
    scores = np.array([0.9, 0.8, 0.7])
    assert model["nms"](chain, scores, 0.5) == [0, 2]
    row = np.array([[0.0, 0, 10, 10], [4.2, 0, 14.2, 10], [6.6, 0, 16.6, 10]])
    assert model["nms"](row, scores, 0.5) == [0, 1]
    assert model["nms"](row, scores, 0.3) == [0, 2]  # stricter, and box 2 is kept now
    assert len(model["grid_anchors"](38, 50, 16, np.zeros((9, 4)))) == 17_100
    hits = np.array([True, True, False, False, True])
    assert model["average_precision"](np.array([0.9, 0.8, 0.7, 0.6, 0.5]), hits, 4) == pytest.approx(13 / 20)


# ---- the scorer and the measurement ----


def test_the_scorer_knows_no_truth_and_is_sure_of_what_is_there(checks, cases, model):
    rng = np.random.default_rng(0)
    drawn, truths = checks.scorer.pictures(40, rng)
    sure = blank = 0
    for picture, truth in zip(drawn, truths):
        scores, codes = checks.scorer.answers(picture, cases.anchors())
        boxes = model["decode"](codes, cases.anchors()) * 2
        sure += model["box_iou"](boxes[scores.argmax()][None], truth).max() > 0.5
        blank += (
            checks.scorer.answers(rng.permuted(picture.ravel()).reshape(picture.shape), cases.anchors())[0] > 0.5
        ).sum()
    assert sure > 30
    assert blank == 0


def test_the_scorers_anchors_are_those_of_exercise_three(checks, model):
    cell = model["cell_anchors"](list(checks.scorer.SIZES), list(checks.scorer.RATIOS))
    np.testing.assert_allclose(checks.scorer.anchors(), model["grid_anchors"](8, 8, checks.scorer.STRIDE, cell))


def numbers(line):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", line)]


def test_the_three_faults_show_in_the_measurement(checks, capsys):
    checks.measure.broken()
    found, sure, sides, centre = capsys.readouterr().out.splitlines()[:4]
    assert numbers(found)[1:] == [0, 60]
    assert numbers(sure)[0] < 6
    assert numbers(sides) == pytest.approx([0.25, 0.25], abs=0.03)
    assert numbers(centre) == pytest.approx([0.5, 0.5], abs=0.05)


def test_none_of_them_shows_in_that_of_the_model_solution(checks, model, capsys):
    checks.measure.repaired(model["detect"])
    found, sure, sides, centre = capsys.readouterr().out.splitlines()[:4]
    assert numbers(found)[1] > 54
    assert numbers(sure) == [60, 60]
    assert numbers(sides) == pytest.approx([1, 1], abs=0.05)
    assert numbers(centre) == pytest.approx([0, 0], abs=0.03)


REPAIRS = (
    ("[x, y, x + w, y + h]", "[x - w / 2, y - h / 2, x + w / 2, y + h / 2]"),
    ("* scale", "/ scale"),
    ("np.argsort(scores)", "np.argsort(-scores)"),
)


@pytest.mark.parametrize("left", range(3))
def test_each_fault_alone_shows_in_a_line_of_its_own(checks, text, capsys, left):
    scope = {"np": np, "overlap": checks.measure.overlap}
    code = "".join(line[6:] for line in fellow(text))
    for number, (wrong, right) in enumerate(REPAIRS):
        assert code.count(wrong) == 1
        code = code if number == left else code.replace(wrong, right)
    exec(code, scope)
    checks.measure.repaired(scope["detect"])
    lines = capsys.readouterr().out.splitlines()
    shows = [
        numbers(lines[3]) == pytest.approx([0.5, 0.5], abs=0.05),
        numbers(lines[2]) == pytest.approx([0.25, 0.25], abs=0.03),
        numbers(lines[1])[0] < 6,
    ]
    assert shows == [number == left for number in range(3)]


def fellow(text):
    """The lines of the fellow student's code in the notebook."""
    lines = text.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if line.startswith("#     def detect("))
    return lines[start : next(n for n in range(start, len(lines)) if lines[n].strip() == "#")]


def test_the_code_in_the_text_is_the_code_that_is_measured(text):
    source = (mutation.SOURCES / NAME / "checks" / "measure.py").read_text()
    body = source.split("def broken_detect")[1].split("\n\n\n")[0].split("\n")[2:]
    assert [line[6:].rstrip() for line in fellow(text)][1:] == body


# ---- the case ----


def table_of(checks, model, capsys, number="1234"):
    checks.tables.case(number, model["detect"], model["hits"], model["average_precision"])
    lines = capsys.readouterr().out.splitlines()
    rows = {row[0]: row[1:] for row in map(numbers, lines[4:-1])}
    return lines, {threshold: [int(value) for value in row[:4]] for threshold, row in rows.items()}


def test_the_model_judgement_has_the_numbers_of_its_table(checks, model, capsys):
    lines, rows = table_of(checks, model, capsys)
    assert "costs 8 seconds, a missed part 30" in lines[1]
    costs = {threshold: (8 * row[2] + 30 * row[3]) / 2 for threshold, row in rows.items()}
    assert min(costs, key=costs.get) == 0.3
    wanted = {0.3: 3_133, 0.4: 3_301, 0.2: 3_338, 0.5: 3_432, 0.1: 5_159, 0.7: 4_005}
    assert {threshold: costs[threshold] for threshold in wanted} == pytest.approx(wanted, rel=0.01)
    assert rows[0.5][1] / rows[0.5][0] == pytest.approx(0.86, abs=0.01)

    checks.tables.outlook("1234", 0.3, model["detect"], model["hits"])
    known, new, empty = (numbers(line)[-2:] for line in capsys.readouterr().out.splitlines()[1:])
    assert known == pytest.approx([0.674, 0.686], abs=0.01)
    assert new == pytest.approx([0.671, 0.681], abs=0.01)
    assert empty == pytest.approx([0.234, 0.662], abs=0.02)


def test_the_use_decides_the_threshold(checks, cases, model, capsys):
    cheapest = {}
    for number in ("0042", "0006", "1234"):
        use = cases.use_of(number)
        rows = table_of(checks, model, capsys, number)[1]
        costs = {threshold: use.false_alarm * row[2] + use.miss * row[3] for threshold, row in rows.items()}
        cheapest[use.false_alarm] = min(costs, key=costs.get)
    assert 0.7 <= cheapest[45] <= 0.95
    assert cheapest[3] == 0.1
    assert 0.2 <= cheapest[8] <= 0.4


def test_all_uses_are_given_out_and_a_case_comes_out_the_same_twice(cases):
    counts = [[cases.use_of(n) for n in range(60)].count(use) for use in cases.USES]
    assert min(counts) > 10
    first = cases.scored(1234, "empty")
    assert sum(len(truth) > 0 for *_, truth in first) == 30
    again = cases.scored.__wrapped__(1234, "empty")
    for one, other in zip(first, again):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)


# ---- tables and pictures that have nothing to show ----


def test_tables_and_pictures_say_why_there_is_nothing(checks, model, capsys):
    detect, hits = model["detect"], model["hits"]
    for wrong, words in (
        (stub, "yet: it needs"),
        (lambda *a: None, "a function stops with|gives|should|do not give"),
        (lambda *a: a[99], "a function stops with IndexError"),
    ):
        checks.tables.case("1234", wrong, hits, model["average_precision"])
        checks.tables.outlook("1234", 0.5, detect, wrong)
        checks.measure.repaired(wrong)
        checks.pictures.matches(wrong, model["grid_anchors"], model["match"])
        checks.pictures.trade("1234", detect, hits, wrong)
        found = capsys.readouterr().out.splitlines()
        assert len([line for line in found if re.search(rf"^No (table|measurement|picture).*({words})", line)]) == 5, (
            found
        )


@pytest.mark.parametrize("number", ["12345", 12345, "abc", "", "-12", 3.5])
def test_a_number_that_is_no_case_is_refused_with_the_way_to_write_it(checks, cases, model, capsys, number):
    checks.tables.case(number, model["detect"], model["hits"], model["average_precision"])
    assert 'four digits in quotes, as in NUMBER = "0042"' in capsys.readouterr().out
    assert [cases.four_digits(n) for n in ("0042", "42", 42)] == [42] * 3


@pytest.mark.parametrize("threshold", ["0.5", None, 50, -1])
def test_a_threshold_that_is_none_is_refused(checks, model, capsys, threshold):
    checks.tables.outlook("1234", threshold, model["detect"], model["hits"])
    assert "THRESHOLD should be a number from 0 to 1" in capsys.readouterr().out
