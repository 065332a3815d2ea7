"""Assignment 11: its scenes, tables and measurements, and what the model judgement says."""

import re

import numpy as np
import pytest
import torch

from course_utils.segmentation import boundary, losses, metrics, upsampling
from course_utils.segmentation.unet import UNet
from tests.assignments.contract import AssignmentContract
from tools import mutation

NAME = "11_segmentation"
SCORES = ("confusion", "pixel_accuracy", "class_iou", "mean_iou", "class_dice", "boundary_iou")


class TestAssignment(AssignmentContract):
    """What holds for every assignment."""

    NAME = NAME
    PICTURES = ("training_picture",)


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
def masks():
    draw = torch.Generator().manual_seed(0)
    target, guess = torch.randint(0, 4, (2, 3, 9, 8), generator=draw)
    target[torch.rand(target.shape, generator=draw) < 0.2] = 255
    return guess, target


def test_scores_are_those_of_the_course(model, masks):
    table = metrics.confusion_matrix(*masks, 6)
    assert torch.equal(model["confusion"](*masks, 6, 255), table)
    assert float(model["pixel_accuracy"](table)) == pytest.approx(metrics.pixel_accuracy(table))
    assert float(model["mean_iou"](table)) == pytest.approx(metrics.mean_iou(table))
    for own, other in (("class_iou", metrics.class_iou), ("class_dice", metrics.class_dice)):
        torch.testing.assert_close(model[own](table).double(), other(table), equal_nan=True, atol=1e-6, rtol=1e-6)


def test_the_loss_is_that_of_the_course(model, masks):
    logits, weights = torch.randn(3, 4, 9, 8), torch.tensor([0.3, 1.0, 2.0, 0.0])
    own = model["pixel_loss"](logits, masks[1], weights, 255)
    torch.testing.assert_close(own, losses.pixel_cross_entropy(logits, masks[1], class_weights=weights))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_upsampling_is_that_of_the_course(model, factor):
    x, kernel = torch.randn(2, 3, 4, 5), model["bilinear_kernel"](factor)
    torch.testing.assert_close(kernel.double(), upsampling.kernel(factor), atol=1e-6, rtol=1e-6)
    own = model["upsample"](x, kernel, factor)
    torch.testing.assert_close(own, upsampling.upsample_by_zero_insertion(x, factor, borders=False))


@pytest.mark.parametrize("size", [(8, 12), (4, 16)])
def test_the_unet_is_that_of_the_course(model, size):
    own, other = model["UNet"](2, 3, 4, 2), UNet(2, 3, 4, 2, padding="same")
    assert [p.shape for p in own.parameters()] == [p.shape for p in other.parameters()]
    other.load_state_dict(dict(zip(other.state_dict(), own.state_dict().values())))
    x = torch.randn(2, 2, *size)
    torch.testing.assert_close(own(x), other(x))


def test_pixels_near_a_boundary_are_those_of_the_course(model):
    target = torch.zeros(1, 12, 12, dtype=torch.long)
    target[0, :, 4:] = 2  # a straight edge: at corners the course takes the sides of pixels alone
    assert torch.equal(model["near_boundary"](target, 1, 255), boundary.trimap(target, 1))


# ---- the answers to the predictions ----


def test_the_answers_to_predictions_hold(model):
    table = torch.tensor([[98, 0], [2, 0]])
    assert float(model["pixel_accuracy"](table)) == pytest.approx(0.98)
    assert model["class_iou"](table)[1] == 0
    logits, target, weights = torch.randn(1, 3, 4, 4), torch.randint(0, 3, (1, 4, 4)), torch.tensor([1.0, 2, 3])
    once, tenfold = (model["pixel_loss"](logits, target, w, 9) for w in (weights, 10 * weights))
    torch.testing.assert_close(once, tenfold)
    wide = model["upsample"](torch.ones(1, 1, 5, 5), model["bilinear_kernel"](2), 2)[0, 0]
    assert [wide[5, 5].item(), wide[0, 0].item()] == [1.0, 0.5625]
    rows, columns = np.mgrid[-20:21, -20:21]
    disc, larger = (torch.tensor(np.hypot(rows, columns) <= r)[None].long() for r in (10, 11))
    whole = model["class_iou"](model["confusion"](larger, disc, 2, 255))[1]
    near = torch.where(model["near_boundary"](disc, 1, 255), disc, 255)
    close = model["class_iou"](model["confusion"](larger, near, 2, 255))[1]
    assert 0.78 < whole < 0.87
    assert close < 0.6


def test_without_upsampling_only_the_map_at_full_size_arrives(model):
    torch.manual_seed(0)
    net, x = model["UNet"](1, 2, 4, 3), torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        for p in net.up.parameters():
            p.zero_()
        usual = net(x)
        for level, block in enumerate(net.down):
            kept = [p.clone() for p in block.parameters()]
            for p in block.parameters():
                p += 1
            assert torch.equal(net(x), usual) == (level > 0)
            for p, value in zip(block.parameters(), kept):
                p.copy_(value)
        other = x.clone()
        other[0, 0, 8, 8] += 5
        rows, columns = torch.nonzero((net(other) - usual).abs().sum(dim=(0, 1)), as_tuple=True)
    assert max((rows - 8).abs().max(), (columns - 8).abs().max()) <= 4


# ---- what is asked for in between ----


def test_a_missing_function_of_an_earlier_exercise_is_named(judge):
    for name, exercise in (("confusion", 1), ("class_iou", 1), ("pixel_loss", 2)):
        said = judge.visible("training", f"def {name}(*arguments):\n    raise NotImplementedError\n")
        assert re.fullmatch(rf"\w+ calls {name} of exercise {exercise}, which is not written yet", said)


def test_boundaries_as_numbers_are_refused_where_they_are_made(judge):
    said = judge.visible("training", "own = near_boundary\ndef near_boundary(*a):\n    return own(*a).long()\n")
    assert said.startswith("near_boundary returns numbers")


# ---- scenes and tables ----


def ablation(checks, model, number, capsys):
    """The table of a number: medians by line, and what is said below."""
    names = ("UNet", "train", "balanced_weights", *SCORES)
    checks.tables.ablation(number, *(model[name] for name in names))
    medians, ranges, said = {}, {}, []
    for line in capsys.readouterr().out.splitlines()[1:]:
        if line.startswith(" "):
            pairs = re.findall(r"\(([\d.]+)-([\d.]+)\)", line)
            ranges[list(medians)[-1]] = [(float(low), float(high)) for low, high in pairs]
        elif found := re.match(r"(\w.*?) {2,}([\d. ]+)$", line):
            medians[found[1]] = [float(value) for value in found[2].split()]
        else:
            said.append(line)
    return medians, ranges, said


def test_the_model_judgement_has_the_numbers_of_its_table(checks, model, capsys):
    """Trainings come out a little different on other machines: statements are held, not digits."""
    medians, ranges, said = ablation(checks, model, "1234", capsys)
    assert said == []
    ground, no_skips, no_weights, both = (medians[name] for name in (checks.tables.GROUND, *checks.tables.LINES))
    assert ground[0] == pytest.approx(0.82, abs=0.005)  # no training in it
    assert ground[1] == pytest.approx(0.27, abs=0.005)
    assert ground[2:6] == [0, 0, 0, 0]
    assert min(no_weights[0], both[0]) > 0.92
    assert no_skips[0] < ground[0] + 0.05
    assert no_skips[1] > ground[1] + 0.05
    assert both[1] > max(no_skips[1], no_weights[1]) + 0.08
    assert both[6] > no_skips[6] + 0.25
    assert ranges["skips, weights"][6][0] > ranges["no skips, weights"][6][1]
    assert both[5] > 0.75
    assert no_weights[3] < both[3] - 0.1
    for row in (no_skips, both):
        assert row[4] == pytest.approx(2 * row[3] / (1 + row[3]), abs=0.011)


def test_scenes_have_all_classes_and_come_out_the_same_twice(checks):
    first, again = (checks.scenes.drawn(20, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    for labels in first[1]:
        assert set(labels.unique().tolist()) >= {0, 2, 255}
    shares = metrics.confusion_matrix(first[1] % 255, first[1], 3).sum(dim=1)
    assert shares[0] > 4 * shares[1] > 4 * shares[2] > 0


def test_both_networks_of_the_ablation_start_alike_and_the_state_of_torch_is_kept(checks, model):
    starts = []

    def note(net, *arguments):
        starts.append([p.detach().clone() for p in net.parameters()])

    state = torch.random.get_rng_state()
    work = checks.tables.trained
    checks.tables.guarded(
        "x", "y", lambda: [work(model["UNet"], note, model["balanced_weights"], s, True, (7, 0)) for s in (0, 1)]
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(*starts))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([0.9, 1.2, 0.5, 0.5, 0.6, 0.5, 0.5], "above 1"),
        ([0.9, 0.8, 0.5, 0.5, 0.4, 0.5, 0.9], "Dice is smaller"),
        ([0.9, 0.4, 0.5, 0.5, 0.6, 0.5, 0.9], "learns little"),
        ([0.9, 0.8, 0.5, 0.5, 0.6, 0.5, 0.3], "Skips bring nothing"),
    ],
)
def test_numbers_that_are_not_plausible_are_said_to_be(checks, row, words):
    usual = [[0.9, 0.5, 0.5, 0.5, 0.6, 0.5, 0.3]]
    rows = {"no skips, weights": usual, "skips, no weights": usual, "skips, weights": [row]}
    assert any(words in sentence for sentence in checks.tables.odd(rows))


@pytest.mark.parametrize("number", ["12345", "abc", "", 3.5])
def test_a_number_that_is_no_case_is_refused_with_the_way_to_write_it(checks, model, capsys, number):
    _, _, said = ablation(checks, model, number, capsys)
    assert said == []
    checks.tables.ablation(number, *[stub] * 9)
    assert 'four digits in quotes, as in NUMBER = "0042"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stub, r"yet: it needs"),
        (lambda *a: None, r": a function stops with"),
        (lambda *a: a[99], r": a function stops with IndexError"),
    ],
)
def test_tables_say_why_there_is_none(checks, capsys, function, words):
    checks.tables.ablation("0042", *[function] * 9)
    checks.tables.pictures(function, function, function)
    checks.measure.repaired(function, function)
    assert len(re.findall(rf"^No (?:table|picture|measurement) ?{words}", capsys.readouterr().out, re.MULTILINE)) == 3


# ---- the measurement of exercise 6 ----


def test_the_measurement_shows_each_of_the_four_faults_and_the_repair_none(checks, model, capsys):
    checks.measure.broken()
    labels, picture, sums, logits = capsys.readouterr().out.splitlines()
    assert labels.endswith("0, 1, 2")
    assert "0.0  4.0  8.0  12.0" in picture
    assert "1.00 to 1.00" not in sums
    assert "3.0  6.0  9.0  12.0" not in logits
    checks.measure.repaired(model["shrink"], model["predict"])
    labels, picture, sums, logits = capsys.readouterr().out.splitlines()
    assert labels.endswith("     0, 2")
    assert "1.5  5.5  9.5  13.5     middles" in picture
    assert "1.00 to 1.00" in sums
    assert "3.0  6.0  9.0  12.0" in logits


def test_the_broken_functions_are_those_that_the_exercise_prints(judge, checks):
    import inspect

    printed = next(c.source for c in mutation.solution_notebook(NAME).cells if c.id == "repair_text")
    for function in (checks.measure.broken_shrink, checks.measure.broken_predict):
        for line in inspect.getsource(function).splitlines()[2:]:
            assert line.strip() in printed
