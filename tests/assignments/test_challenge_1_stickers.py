"""The stickers challenge: files that belong together, anchors that were measured, a starter that earns its anchor."""

import copy
import importlib
import io
import re
import sys
import zipfile
from itertools import pairwise
from statistics import median

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import CheckCellMetadata

from course_utils.data.synthetic import CLASSES
from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge.data import load_generator, make_data
from course_utils.grading.challenge.kind import EXERCISE
from course_utils.grading.challenge.leaks import find_leaks
from course_utils.grading.challenge.pack import pack_challenge
from course_utils.grading.challenge.scoring import scores_of
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.files import SubmittedFiles, read_folder
from course_utils.grading.grade import grade_files
from course_utils.runtime import load_record, repo_root

NAME = "challenge_1_stickers"
SEED = 1_008_476_235_991_234_567


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(repo_root()))
    yield importlib.import_module("tools.assignments")
    sys.path.remove(str(repo_root()))


@pytest.fixture(scope="module")
def challenge():
    return load_assignment(NAME)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, challenge):
    """A class folder with the challenge in it."""
    path = tmp_path_factory.mktemp("class")
    (path / "class.yml").write_text(f"title: A made-up class\nseed: {SEED}\nassignments:\n  {NAME}:\n")
    for folder, target in ((challenge.folder, NAME), (challenge.source, f"src/{NAME}")):
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                copy_of = path / "assignments" / target / file.relative_to(folder)
                copy_of.parent.mkdir(parents=True, exist_ok=True)
                copy_of.write_bytes(file.read_bytes())
    return ClassFolder(path)


@pytest.fixture(scope="module")
def archive(classroom):
    """The students' zip."""
    return pack_challenge(classroom, NAME)


@pytest.fixture(scope="module")
def files(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name.removeprefix(f"{NAME}/"): opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="module")
def truth(classroom, archive):
    return classroom.assignment(NAME).truth


@pytest.fixture(scope="module")
def started(archive, tmp_path_factory):
    """A student's folder after the starter notebook ran from the first cell to the last."""
    folder = tmp_path_factory.mktemp("student")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(folder)
    folder = folder / NAME
    notebook = nbformat.read(folder / f"{NAME}.ipynb", 4)
    resources = {"metadata": {"path": str(folder)}}
    done = NotebookClient(copy.deepcopy(notebook), timeout=120, resources=resources).execute()
    return folder, done


def text_of(notebook, name: str) -> str:
    cell = next(c for c in notebook.cells if c.metadata.nbgrader.grade_id == name)
    return "".join(o.get("text", "") for o in cell.outputs)


# ---- the files ----


def test_the_committed_files_are_what_the_source_builds(build):
    assert NAME in build.names()
    assert build.differences(NAME) == []


def test_the_check_reads_with_the_graders_own_code(challenge):
    package = (repo_root() / "course_utils/grading/challenge/predictions.py").read_text()
    assert (challenge.folder / "checks" / "predictions.py").read_text().endswith(package)
    for path in (challenge.folder / "checks").glob("*.py"):
        assert "course_utils" not in path.read_text()


def test_nbgrader_accepts_the_notebook_and_knows_the_exercise(challenge):
    notebook = nbformat.read(challenge.notebook, 4)
    MetadataValidator().validate_nb(notebook)
    CheckCellMetadata().preprocess(notebook, {})
    graded = [c.metadata.nbgrader for c in notebook.cells if c.metadata.nbgrader.grade]
    assert [(cell.grade_id, cell.points) for cell in graded] == [(EXERCISE, challenge.plan.points)]
    assert [(e.name, e.points) for e in challenge.exercises] == [(EXERCISE, challenge.plan.points)]


def test_the_repository_holds_no_labels(challenge):
    assert challenge.truth is None
    assert not list((repo_root() / "assignments").rglob("truth*"))
    assert not list((repo_root() / "assignments" / NAME).rglob("*.npz"))


def test_classes_are_those_that_the_generator_draws(challenge):
    assert challenge.plan.classes == CLASSES


# ---- the anchors ----


def test_anchors_are_the_medians_of_the_record(challenge):
    metrics = load_record(challenge.plan.record)["metrics"]
    measured = [anchor for anchor in challenge.plan.anchors if anchor.metric]
    assert len(measured) == 4
    for anchor in measured:
        assert len(metrics[anchor.metric]) >= 5
        assert anchor.score == round(median(metrics[anchor.metric]), 3)
    assert challenge.plan.anchors[0].score == 1 / len(challenge.plan.classes)


def test_the_recipes_are_apart_on_every_data_seed(challenge):
    metrics = load_record(challenge.plan.record)["metrics"]
    ladder = [metrics[a.metric] for a in challenge.plan.anchors if a.metric]
    for lower, upper in pairwise(ladder):
        assert all(a + 0.03 < b for a, b in zip(lower, upper))


def test_the_record_was_made_by_the_tool_from_this_generator(build, challenge):
    tool = importlib.import_module("tools.record_challenge")
    record = load_record(challenge.plan.record)
    assert record["command"] == "python -m tools.record_challenge"
    assert record["seeds"] == list(tool.SEEDS)
    data = make_data(NAME, challenge.plan, load_generator(challenge.source), tool.FIRST_CLASS_SEED)
    for name in ("perceptron", "gradient_histograms"):
        predicted = tool.RECIPES[name](data, len(challenge.plan.classes), 0).tolist()
        assert data.truth.score(challenge.plan, predicted, False) == pytest.approx(record["metrics"][name][0], abs=0.01)


def test_the_notebook_tells_the_points_of_the_plan(challenge):
    notebook = nbformat.read(challenge.notebook, 4)
    rules = next(c.source for c in notebook.cells if c.metadata.nbgrader.grade_id == "rules_text")
    shares = [float(share) for share in re.findall(r"\| (\d+) % \|", rules)]
    assert shares == [anchor.percent for anchor in challenge.plan.anchors]
    plan = challenge.plan
    everything = " ".join(" ".join(c.source for c in notebook.cells).split())
    assert f"worth {plan.points:g} points" in everything
    assert f"**{plan.train:,} cards with the answer** and **{plan.test:,} without**" in everything
    assert f"{plan.public:.0%}".replace("%", " %") + " of the test cards are **public**" in everything


# ---- the pack ----


def test_nothing_in_the_pack_tells_a_label(files, truth, challenge):
    assert find_leaks(files, truth, challenge.plan.classes) == []
    assert set(files) == {
        "README.md", "requirements.txt", f"{NAME}.ipynb", "checks/__init__.py", "checks/answers.py",
        "checks/predictions.py", "sample_submission.csv", "test.npz", "train.npz",
    }  # fmt: skip
    assert not any(str(SEED).encode() in data for data in files.values())


def test_no_single_pixel_tells_a_label_or_a_split(files, truth):
    """A label hidden in an image would stand out: the best pixel, cut at its best place, is hardly above chance."""
    with np.load(io.BytesIO(files["test.npz"])) as data:
        images = data["images"].reshape(len(truth.ids), -1)
    low = images % 4  # the last two bits, where one hides things
    for name, answers in (("labels", np.asarray(truth.labels)), ("splits", np.asarray(truth.public, dtype=int))):
        chance = np.bincount(answers).max() / len(answers)
        best = 0.0
        for values in (low, images // 64):
            for column in values.T:
                table = np.bincount(column.astype(int) * 10 + answers, minlength=40).reshape(4, 10)
                best = max(best, table.max(axis=1).sum() / len(answers))
        assert best < chance + 0.08, name


def test_that_test_would_notice_a_label_in_the_last_bits(truth):
    low = np.asarray(truth.labels) % 4
    table = np.bincount(low * 10 + np.asarray(truth.labels), minlength=40).reshape(4, 10)
    assert table.max(axis=1).sum() / len(low) > np.bincount(truth.labels).max() / len(low) + 0.08


def test_no_test_image_is_among_the_training_images(files):
    train, test = (np.load(io.BytesIO(files[name]))["images"] for name in ("train.npz", "test.npz"))
    seen = {image.tobytes() for image in train}
    assert not any(image.tobytes() in seen for image in test)
    assert len({image.tobytes() for image in test}) == len(test)


def test_the_pack_is_small_enough_to_hand_out(archive):
    assert len(archive) < 12_000_000


# ---- the starter ----


@pytest.mark.notebook
def test_the_starter_runs_and_its_predictions_earn_the_first_anchor(started, classroom, challenge, build):
    folder, done = started
    assert "predictions.csv can be handed in: 2000 rows" in text_of(done, "predictions")
    assert any("image/png" in o.get("data", {}) for c in done.cells if c.cell_type == "code" for o in c.outputs)
    everything = read_folder(folder).content
    handed_in = SubmittedFiles({n: everything[n] for n in ("predictions.csv", f"{NAME}.ipynb")})
    assignment = classroom.assignment(NAME)
    grade = grade_files(assignment, handed_in, None, 0)
    scores = scores_of(grade)
    band = load_record(challenge.plan.record)["metrics"]["perceptron"]
    spread = 0.02  # two standard deviations of a share of 0.15 on 1,200 images
    assert min(band) - spread <= scores.private <= max(band) + spread
    assert 0 < grade.points < 0.2 * challenge.plan.points

    tool = importlib.import_module("tools.record_challenge")
    data = make_data(NAME, challenge.plan, load_generator(challenge.source), SEED)
    twin = tool.perceptron(data, len(challenge.plan.classes), 0).tolist()
    assert scores.private == pytest.approx(data.truth.score(challenge.plan, twin, False), abs=0.003)


@pytest.mark.notebook
def test_the_whole_folder_can_be_handed_in(started, classroom):
    folder, _ = started
    grade = grade_files(classroom.assignment(NAME), read_folder(folder), None, 0)
    assert grade.status == "graded"


def test_the_check_says_what_is_wrong_before_it_is_handed_in(files, tmp_path, monkeypatch, capsys):
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    checks = importlib.import_module("checks")
    try:
        with pytest.raises(checks.Wrong, match=r"there is no predictions\.csv yet"):
            checks.predictions()
        table = files["sample_submission.csv"].decode()
        (tmp_path / "predictions.csv").write_text(table)
        checks.predictions()
        said = capsys.readouterr().out
        assert "circle 2000, square 0" in said
        assert "All rows have the same label" in said
        (tmp_path / "predictions.csv").write_text(table.replace(",0\n", ",0.0\n"))
        with pytest.raises(checks.Wrong, match=r"cannot be scored: line 2 has the label '0.0', a number with a point"):
            checks.predictions()
        (tmp_path / "predictions.csv").write_text("\n".join(table.splitlines()[:1500]))
        with pytest.raises(checks.Wrong, match="501 of them have no row"):
            checks.predictions()
        (tmp_path / "test.npz").unlink()
        with pytest.raises(checks.Wrong, match=r"there is no test\.npz beside this notebook"):
            checks.predictions()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "checks"]:
            del sys.modules[name]
