"""Assignment 6: its measurements, tables and picture, and the statements to be judged."""

import re

import pytest
import torch

from course_utils.models.alexnet import AlexNet
from course_utils.models.lenet5 import LeNet5
from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "06_architectures"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("repair_picture",)


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


def stub(*arguments):
    raise NotImplementedError


def test_the_fellow_students_network_shows_its_four_faults_in_the_measurement(checks, capsys):
    checks.measure.broken()
    text = capsys.readouterr().out
    assert "99 of 11,811" in text
    assert float(re.search(r"layers 1, 4, 12 .*, (\S+)$", text, flags=re.MULTILINE)[1]) < 1e-10
    assert re.search(r"sum of a row +0\.\d+, 0\.\d+, 1\.000", text)
    assert "over that of one step   5.0" in text
    first, last = map(float, re.search(r"hundredth step +(\S+), (\S+) ", text).groups())
    assert abs(first - last) < 0.01


def test_the_model_solutions_network_shows_none_of_them(checks, model, capsys, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    checks.measure.repaired(model["Net"], model["train"])
    text = capsys.readouterr().out
    assert "11,811 of 11,811" in text
    assert 0.1 < float(re.search(r"layers 1, 4, 12 .*, (\S+)$", text, flags=re.MULTILINE)[1]) < 10
    assert "over that of one step   1.0" in text
    first, last = map(float, re.search(r"hundredth step +(\S+), (\S+) ", text).groups())
    assert last < 0.1 * first


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (stub, "Nothing to measure yet: this needs Net and train"),
        (lambda *a: None, "Nothing to measure: .* stops with AttributeError"),
    ],
)
def test_the_measurement_says_why_nothing_is_drawn(checks, model, capsys, net, words):
    checks.measure.repaired(net, model["train"])
    assert re.search(words, capsys.readouterr().out)


def test_the_broken_code_in_the_text_is_the_code_that_is_measured(checks, assignment_text):
    source = (mutation.SOURCES / NAME / "checks" / "measure.py").read_text()
    for name in ("class Broken", "def broken_train"):
        body = source.split(name)[1].split("\n\n\n")[0].split("\n")[1:]
        for line in body:
            if line.strip() and '"""' not in line:
                assert f"#     {line}" in assignment_text


@pytest.fixture(scope="module")
def assignment_text():
    return (mutation.SOURCES / NAME / f"{NAME}.py").read_text()


def test_alexnets_table_has_the_parameters_of_the_courses_own_network(checks, model, capsys):
    checks.tables.alexnet(model["shapes"], model["parameters"], model["multiply_adds"])
    with torch.device("meta"):
        own = sum(p.numel() for p in AlexNet().parameters())
    assert f"{own:,}" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stub, "No table yet: it needs shapes"),
        (lambda *a: None, "No table: the lists are not such as the check asks for"),
        (lambda *a: [1, 2], "No table: the lists are not such as the check asks for"),
        (lambda *a: a[9], "No table: .* stops with IndexError"),
    ],
)
def test_the_table_says_why_there_is_none(checks, capsys, function, words):
    checks.tables.alexnet(function, function, function)
    assert re.search(words, capsys.readouterr().out)


def test_the_answers_to_predictions_hold(model):
    layers, shape = _alexnet(model)
    weights, products = model["parameters"](layers, shape), model["multiply_adds"](layers, shape)
    linear = [i for i, layer in enumerate(layers) if layer[0] == "linear"]
    assert round(sum(weights[i] for i in linear) / 1e6, 1) == 58.6
    assert round(sum(weights) / 1e6) == 61
    assert round(100 - 100 * sum(products[i] for i in linear) / sum(products)) == 92
    assert model["fields"](layers[: linear[0] - 1])[-1][0] == 195
    net = model["LeNet"](3)
    assert sum(p.numel() for p in net.parameters()) == 61_155
    assert sum(p.numel() for p in net.c5.parameters()) == 48_120
    block = model["ResidualBlock"](2, 2, 1)
    assert torch.equal(model["jacobian"](block, -torch.ones(2, 3, 3)), torch.zeros(18, 18))


def _alexnet(model):
    return model["checks"].tables.ALEXNET, (3, 227, 227)


def test_lenet_is_the_papers_but_for_the_table_of_c3_and_the_codes(model):
    own, paper = dict(model["LeNet"](10).named_parameters()), dict(LeNet5().named_parameters())
    for name in ("c1.weight", "s2.coefficient", "s2.bias", "s4.coefficient", "c5.weight", "f6.bias"):
        assert own[name].shape == paper[name].shape


def test_the_ablation_shows_what_the_model_judgement_says(checks, model, capsys):
    """Ranges of five runs move a little with the machine's arithmetic: statements are held, not digits."""
    checks.ablation.table(model["parameters"], model["multiply_adds"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    (whole, linear, third, both) = [[float(v.replace(",", "")) for v in row[-4:-1]] for row in rows]
    low, high = zip(*[map(float, row[-1].split("-")) for row in rows])
    assert whole[:2] == [18_264, 149_376]
    assert whole[0] - linear[0] == 13_536
    assert whole[0] - third[0] == 2_320
    assert whole[1] - linear[1] == 13_440
    assert whole[1] - third[1] == 82_944
    assert whole[2] < linear[2] < both[2]
    assert third[2] - whole[2] < max(high[0] - low[0], high[2] - low[2])
    assert both[2] - linear[2] > 2 * (third[2] - whole[2])
    assert min(high[k] - low[k] for k in range(4)) > 3


def test_the_ablation_leaves_counts_out_that_are_not_written(checks, capsys, monkeypatch):
    monkeypatch.setattr(checks.ablation, "EPOCHS", 1)
    monkeypatch.setattr(checks.ablation, "RUNS", 1)
    checks.ablation.table(stub, lambda *a: None)
    assert capsys.readouterr().out.splitlines()[1].split()[3:5] == ["?", "?"]
