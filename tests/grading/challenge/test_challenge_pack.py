"""The pack holds what students need and nothing of the labels, and packing twice gives the same bytes."""

import io
import json
import random
import zipfile

import numpy as np
import pytest

from course_utils.cli import main
from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge import pack as packing
from course_utils.grading.challenge.data import load_generator, make_data
from course_utils.grading.challenge.leaks import find_leaks
from course_utils.grading.challenge.pack import ChangedTruth, npz, pack_challenge, pack_files
from course_utils.grading.pack import Leak, pack

SEED = 1_008_476_235_991_234_567


@pytest.fixture
def packed(tiny):
    """Truth, plan and the files of a pack."""
    with zipfile.ZipFile(io.BytesIO(tiny.pack())) as archive:
        files = {name.removeprefix("tiny/"): archive.read(name) for name in archive.namelist()}
    return tiny.challenge.truth, tiny.challenge.plan, files


def arrays(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_the_pack_holds_what_students_need(packed):
    truth, _, files = packed
    assert set(files) == {
        "README.md", "requirements.txt", "tiny.ipynb", "train.npz", "test.npz", "sample_submission.csv",
    }  # fmt: skip
    train, test = arrays(files["train.npz"]), arrays(files["test.npz"])
    assert {name: (array.shape, array.dtype.kind) for name, array in train.items()} == {
        "images": ((60, 4, 4, 3), "u"), "labels": ((60,), "i"), "classes": ((3,), "U"),
    }  # fmt: skip
    assert {name: array.shape for name, array in test.items()} == {
        "images": (200, 4, 4, 3), "ids": (200,), "classes": (3,),
    }  # fmt: skip
    assert test["ids"].tolist() == list(truth.ids)
    sample = files["sample_submission.csv"].decode().splitlines()
    assert sample == ["id,label", *[f"{name},0" for name in truth.ids]]


def test_the_readme_says_how_it_is_scored(packed):
    _, _, files = packed
    text = files["README.md"].decode()
    for words in (
        "The public part (80 images)", "the private part (120 images)", "**The last file you hand in counts**",
        "| 0.500 | a start | 4 |", "| 0.900 | the reference | 10 |", "0 dark, 1 middle, 2 light",
    ):  # fmt: skip
        assert words in " ".join(text.split())
    assert "{" not in text


def test_the_same_class_gives_the_same_bytes_and_entries_tell_no_time(tiny):
    first = tiny.pack()
    assert first == tiny.pack()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        entries = archive.infolist()
        for file in ("tiny/train.npz", "tiny/test.npz"):
            entries += zipfile.ZipFile(io.BytesIO(archive.read(file))).infolist()
    assert len(entries) == 6 + 6
    for entry in entries:
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.external_attr >> 16 == 0o644
        assert not entry.extra
        assert not entry.comment


def test_the_labels_stay_in_the_class_folder(tiny):
    truth = tiny.challenge.source / "truth.csv"
    assert truth.is_file()
    tiny.pack()
    inside = sorted(p for p in tiny.classroom.path.rglob("truth*"))
    assert inside == [truth]


def test_no_file_of_the_pack_says_anything_about_the_labels(packed):
    truth, plan, files = packed
    assert find_leaks(files, truth, plan.classes) == []


def with_array(files, **more):
    return {**files, "test.npz": npz({**arrays(files["test.npz"]), **more})}


def by_label(truth) -> list[str]:
    return [name for _, name in sorted(zip(truth.labels, truth.ids))]


LEAKS = {
    "the labels as an array": lambda f, t: with_array(f, labels=np.array(t.labels)),
    "the labels as small numbers": lambda f, t: with_array(f, y=np.array(t.labels, dtype=np.uint8)),
    "the labels as decimals": lambda f, t: with_array(f, y=np.array(t.labels, dtype=np.float32)),
    "the labels under other numbers": lambda f, t: with_array(f, group=np.array(t.labels) * 7 + 3),
    "three quarters of the labels": lambda f, t: with_array(
        f, hint=np.array([label if i % 4 else 0 for i, label in enumerate(t.labels)])
    ),
    "which images are public": lambda f, t: with_array(f, part=np.array(t.public)),
    "ids that begin with the label": lambda f, t: with_array(
        f, ids=np.array(["bcd"[label] + name for name, label in zip(t.ids, t.labels)])
    ),
    "the truth itself": lambda f, t: {**f, "truth.csv": t.text().encode()},
    "the sample filled in": lambda f, t: {
        **f, "sample_submission.csv": "\n".join(f"{i},{y}" for i, y in zip(t.ids, t.labels)).encode()
    },
    "names of classes beside ids": lambda f, t: {
        **f, "notes.md": "\n".join(f"{i}: {('dark', 'middle', 'light')[y]}" for i, y in zip(t.ids, t.labels)).encode()
    },
    "a list of labels in the notebook": lambda f, t: {**f, "tiny.ipynb": json.dumps(list(t.labels)).encode()},
    "labels sorted by id": lambda f, t: {
        **f, "x.txt": "".join(str(y) for _, y in sorted(zip(t.ids, t.labels))).encode()
    },
    "labels behind something else": lambda f, t: {
        **f, "README.md": f["README.md"] + np.array(t.labels, dtype=">i8").tobytes()
    },
    "labels in an archive": lambda f, t: {**f, "more.zip": npz({"a": np.array(t.labels, dtype=np.int16)})},
}  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_leak_is_found(packed, leak):
    truth, plan, files = packed
    assert find_leaks(leak(files, truth), truth, plan.classes)


def test_an_order_that_tells_is_found(packed):
    truth, plan, files = packed
    order = sorted(range(len(truth.ids)), key=lambda i: truth.labels[i])
    sorted_truth = type(truth)(*[tuple(column[i] for i in order) for column in (truth.ids, truth.labels, truth.public)])
    found = find_leaks(files, sorted_truth, plan.classes)
    assert any("the order of images in test.npz tells the labels" in sentence for sentence in found)


def test_what_looks_like_labels_by_chance_is_no_leak(packed):
    truth, plan, files = packed
    for seed in range(5):
        guess = random.Random(seed).choices(range(3), k=len(truth.ids))
        rows = "\n".join(f"{name},{label}" for name, label in zip(truth.ids, guess))
        assert (
            find_leaks({**with_array(files, guess=np.array(guess)), "a.csv": rows.encode()}, truth, plan.classes) == []
        )


def test_a_pack_that_would_leak_is_not_made(make_class, monkeypatch):
    made = make_class()
    honest = packing.pack_files

    def leaking(challenge, data):
        return {**honest(challenge, data), "truth.csv": data.truth.text().encode()}

    monkeypatch.setattr(packing, "pack_files", leaking)
    with pytest.raises(Leak, match=r"truth\.csv"):
        made.pack()
    assert made.challenge.truth is None


def test_labels_that_changed_under_the_class_are_refused(tiny):
    generator = tiny.challenge.source / "generator.py"
    generator.write_text(generator.read_text().replace("integers(0, 3, n)", "integers(0, 3, n)[::-1]"))
    before = tiny.challenge.truth
    with pytest.raises(ChangedTruth, match="Hand out the zip that you kept"):
        tiny.pack()
    assert tiny.challenge.truth == before


def test_a_class_with_another_seed_has_other_data(make_class):
    one, two = make_class(), make_class(seed=SEED + 1)
    assert one.pack() != two.pack()
    assert one.challenge.version != two.challenge.version


def test_the_files_of_the_pack_do_not_depend_on_the_clock_or_place(tiny):
    plan = tiny.challenge.plan
    data = make_data("tiny", plan, load_generator(tiny.challenge.source), SEED)
    assert pack_files(tiny.challenge, data) == pack_files(tiny.challenge, data)


def test_only_a_challenge_is_packed_so(tiny, tiny_challenge):
    with pytest.raises(ValueError, match="belong to one class"):
        pack(tiny_challenge)
    with pytest.raises(FileNotFoundError):
        load_generator(tiny.classroom.path)


# ---- the command ----


def test_the_command_writes_the_zip(make_class, tmp_path, capsys):
    made, out = make_class(), tmp_path / "out" / "tiny.zip"
    assert main(["pack", "tiny", "--class", str(made.classroom.path), "--out", str(out)]) == 0
    assert out.read_bytes() == pack_challenge(made.classroom, "tiny")
    assert "no label of the test set in it" in capsys.readouterr().out


def test_the_command_refuses_with_the_remedy(make_class, tmp_path, capsys):
    out = tmp_path / "x.zip"
    assert main(["pack", "challenge_1_stickers", "--out", str(out)]) == 2
    assert "course pack challenge_1_stickers --class DIR" in capsys.readouterr().err
    assert main(["pack", "tiny", "--class", str(make_class(seed=7).classroom.path), "--out", str(out)]) == 2
    assert "a student could find it by trying" in capsys.readouterr().err
    assert main(["pack", "other", "--class", str(make_class().classroom.path), "--out", str(out)]) == 2
    assert "no assignment 'other'" in capsys.readouterr().err
    assert main(["pack", "tiny", "--class", str(tmp_path / "nowhere"), "--out", str(out)]) == 2
    assert "no class folder" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_packs_the_class_copy_of_other_assignments(make_class, tmp_path, capsys):
    made, out = make_class(name="01_perceptron"), tmp_path / "one.zip"
    assert main(["pack", "01_perceptron", "--class", str(made.classroom.path), "--out", str(out)]) == 0
    assert out.read_bytes() == pack(load_assignment("01_perceptron"))
    with pytest.raises(TypeError, match="no data challenge"):
        pack_challenge(made.classroom, "01_perceptron")
