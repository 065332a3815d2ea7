"""Assignment 8: its suspects, tables and pictures, and what the model judgement says."""

import copy
import re

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.explain.occlusion import occlusion
from course_utils.explain.relu_rules import rule_gradient
from course_utils.explain.saliency import input_gradient
from course_utils.explain.sanity import mass_inside, rank_correlation
from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "08_visualization"


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("judge_picture",)


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


# ---- the model solution beside the course's own functions ----


@pytest.fixture
def example(checks):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return checks.examples.example_network("norm"), torch.randn(3, 2, 6, 5), torch.tensor([2, 0, 1])


def test_gradients_and_rules_are_those_of_the_course(model, example):
    network, x, classes = example
    torch.testing.assert_close(model["input_gradient"](network, x, classes), input_gradient(network, x, classes))
    for rule in ("backprop", "deconvnet", "guided"):
        own = model["rule_gradient"](network, x, classes, rule)
        torch.testing.assert_close(own, rule_gradient(network, x, classes, rule))


@pytest.mark.parametrize(("patch", "stride"), [(2, 1), (3, 2), (4, 3), (5, 5)])
def test_occlusion_is_that_of_the_course(model, example, patch, stride):
    network, x, classes = example
    own = model["occlusion"](network, x, classes, patch, stride, 0.3)
    other = occlusion(network, x, classes, patch=patch, stride=stride, fill=0.3)
    torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_shares_are_those_of_the_course(model):
    draw = np.random.default_rng(0)
    maps, masks = torch.tensor(draw.normal(size=(6, 4, 5))), torch.tensor(draw.uniform(size=(6, 4, 5)) < 0.4)
    maps[0] = -1.0
    torch.testing.assert_close(model["share_inside"](maps, masks), mass_inside(maps, masks))


def test_the_rank_correlation_of_the_table_is_that_of_the_course(checks):
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 5, size=(2, 3, 4, 4)).astype(float)
    other = rank_correlation(torch.tensor(a), torch.tensor(b)).mean().item()
    assert checks.tables.alike(a, b) == pytest.approx(other)


def test_the_known_top_of_the_visible_check_is_where_small_steps_arrive(checks):
    from checks import pictures

    network, starts = pictures.curved()
    network.eval()
    x = torch.tensor(starts, requires_grad=True)
    for _ in range(1_000):
        rough = sum(x.diff(dim=d).square().sum() for d in (2, 3))
        j = network(x)[:, 2].sum() - 0.1 * x.square().sum() - 0.05 * rough
        (slope,) = torch.autograd.grad(j, x)
        x = (x + 0.1 * slope).detach().requires_grad_()
    found = [pictures.worth_of(network, picture) for picture in x.detach().numpy()]
    assert found == pytest.approx(pictures.TOPS, abs=0.02)


# ---- the answers to the predictions ----


def test_the_answers_to_predictions_hold(model, checks):
    gate = model["relu_backward"](torch.tensor([-3.0, -3.0]), torch.tensor([1.0, -1.0]), "backprop")
    assert gate.tolist() == [-3, 0]
    for rule in ("deconvnet", "guided"):
        assert model["relu_backward"](-torch.rand(50), torch.randn(50), rule).max() == 0
    linear = checks.examples.example_network("linear")
    x = model["class_image"](linear, 1, torch.zeros(1, 2, 6, 5), 0.25, 0.0)
    torch.testing.assert_close(x.flatten(), linear[1].weight[1].detach() / 0.5, atol=1e-3, rtol=1e-3)
    loud = copy.deepcopy(checks.cases.suspect(2.0, 0.2, size=10.0))
    quiet = checks.cases.suspect(0.0, 1.0)
    pictures, masks = (torch.tensor(part) for part in checks.cases.collection())
    y = torch.tensor(checks.cases.Y)
    sizes = [(model["saliency_map"](n, pictures, y) * masks).sum() for n in (loud, quiet)]
    assert sizes[0] > sizes[1]
    assert model["find_cheat"]([loud, quiet], pictures, y, masks, 0.0) == 1


def test_guided_survives_a_forgetful_top_better_than_backpropagation(model, checks, capsys):
    checks.tables.sanity(model["rule_gradient"], model["randomised"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].startswith("Where the top forgot")
    rows = {line.split()[0]: [float(n) for n in line.split()[1:]] for line in lines[1:4]}
    assert rows["guided"][0] > rows["backprop"][0] + 0.15
    assert rows["guided"][0] > rows["deconvnet"][0] > rows["backprop"][0]
    assert all(row[1] < 0.4 for row in rows.values())


# ---- the suspects ----


@pytest.mark.parametrize("number", [1234, 0, 1, 7, 77, 4821, 9999])  # 1 needs a second start
def test_every_case_can_be_solved_and_accuracy_does_not_solve_it(model, checks, number):
    networks, (x, y, masks, _), (wrong_x, wrong_y, _, _), cheat = checks.suspects.pair(number)
    fill, honest = checks.suspects.BACKGROUND, 1 - cheat
    found = [model["evidence"](network, x, y, masks, fill) for network in networks]
    accuracies = [checks.tables._accuracy(network, x, y) for network in networks]
    wrong = [checks.tables._accuracy(network, wrong_x, wrong_y) for network in networks]
    other = model["cover"](x, checks.tables.elsewhere(masks), fill)
    assert min(accuracies) > 0.93
    assert model["find_cheat"](networks, x, y, masks, fill) == cheat
    assert found[cheat][0] > 0.5 + found[honest][0]
    assert found[cheat][1] > 0.08
    assert found[honest][1] < 0.0
    assert wrong[cheat] < 0.2
    assert wrong[honest] > 0.9
    assert all(checks.tables._accuracy(n, other, y) > a - 0.1 for n, a in zip(networks, accuracies))


def test_the_cheat_is_not_always_the_same_and_a_case_comes_out_the_same_twice(checks):
    assert 10 < sum(_cheat_of(n) for n in range(40)) < 30
    state = torch.random.get_rng_state()
    first = checks.suspects.pair(1234)
    checks.suspects.pair.cache_clear()
    again = checks.suspects.pair(1234)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first[3] == again[3] == _cheat_of(1234)
    for a, b in zip(first[0], again[0]):
        for p, q in zip(a.parameters(), b.parameters()):
            assert torch.equal(p, q)


@pytest.mark.parametrize("number", ["12345", 12345, "abc", "", "-12", 3.5])
def test_a_number_that_is_no_case_is_refused_with_the_way_to_write_it(model, checks, capsys, number):
    checks.tables.case(number, model["cover"], model["evidence"], model["find_cheat"])
    assert 'four digits in quotes, as in NUMBER = "0042"' in capsys.readouterr().out
    assert [checks.tables.four_digits(n) for n in ("0042", "42", 42)] == [42] * 3


def _cheat_of(number):
    rng = np.random.default_rng(number)
    rng.permutation(4)
    return int(rng.integers(2))


def test_squares_have_the_colours_they_should(checks):
    order = np.array([2, 0, 3, 1])
    for kind, low, high in (("right", 1, 1), ("wrong", 0, 0), ("any", 0.1, 0.4)):
        x, y, masks, _ = checks.suspects.drawings(400, kind, order, np.random.default_rng(1))
        colours = torch.stack([p[:, m].mean(dim=1) for p, m in zip(x, masks)])
        wanted = torch.tensor(checks.suspects.COLOURS[order[y.numpy()]], dtype=torch.float32)
        share = ((colours - wanted).abs().amax(dim=1) < 1e-5).double().mean()
        assert low <= share <= high
        assert masks.sum(dim=(1, 2)).eq(9).all()


def test_the_model_judgement_has_the_numbers_of_its_table(model, checks, capsys):
    checks.tables.case(1234, model["cover"], model["evidence"], model["find_cheat"])
    rows = {}
    for line in capsys.readouterr().out.splitlines()[1:-1]:
        *name, first, second = line.split()
        rows[" ".join(name)] = float(first), float(second)
    cheat = checks.suspects.pair(1234)[3]
    assert cheat == 0
    assert min(rows["accuracy"]) > 0.98
    assert rows["drop"][0] > 0.7
    assert abs(rows["drop"][1]) < 0.02
    assert min(rows["accuracy, another corner covered"]) > 0.97
    assert rows["accuracy, squares of wrong colours"][0] < 0.02
    assert rows["accuracy, squares of wrong colours"][1] > 0.97
    assert rows["share of the map on the square"][0] > 5 * 0.035
    assert rows["share of the map on the square"][1] < 0.02


# ---- tables that have nothing to show ----


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stub, "No table yet: it needs"),
        (lambda *a: None, "No table: a function stops with"),
        (lambda *a: a[9], "No table: a function stops with IndexError"),
    ],
)
def test_a_table_says_why_there_is_none(checks, capsys, function, words):
    checks.tables.case(1234, function, function, function)
    checks.tables.sanity(function, function)
    assert len(re.findall(words, capsys.readouterr().out)) == 2


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stub, "No picture yet: it needs saliency_map"),
        (lambda *a: torch.zeros(3), "No picture: saliency_map should return"),
        (lambda *a: a[9], "No picture: a function stops with IndexError"),
    ],
)
def test_the_picture_says_why_there_is_none(checks, capsys, function, words):
    checks.tables.pictures(1234, function)
    assert re.search(words, capsys.readouterr().out)


# ---- a network that was looked at ----


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda n: n.eval(), "mode"),
        (lambda n: n[1].weight.data.add_(1), "1.weight is different"),
        (lambda n: n[1].weight.sum().backward(), "leaves gradients"),
        (lambda n: n.requires_grad_(False), "can no longer be trained"),
        (lambda n: n[2].register_forward_hook(lambda *a: None), "leaves its hooks"),
        (lambda n: n(torch.ones(4, 2, 6, 5)), "running_mean is different"),
    ],
)
def test_the_watch_sees_what_is_left_behind(checks, deed, words):
    from checks import asking

    network = checks.examples.example_network("norm").train()
    watch = asking.Watch(network)
    watch.look("nothing")
    deed(network)
    with pytest.raises(checks.answers.Wrong, match=words):
        watch.look("it")


def test_example_networks_count_their_calls(checks):
    network = checks.examples.example_network("small")
    for _ in range(3):
        network(torch.zeros(1, 2, 6, 5))
    assert network.calls == 3
    assert isinstance(network, nn.Sequential)
