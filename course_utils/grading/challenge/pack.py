"""The pack of a challenge: data of one class, the starter notebook with its check, how to start."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.grading.challenge.data import Data, load_generator, make_data
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.challenge.leaks import find_leaks
from course_utils.grading.challenge.plan import Plan
from course_utils.grading.challenge.truth import NAME as TRUTH
from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.pack import EPOCH, Leak

README = """\
# {title}

Open {name}.ipynb in JupyterLab and follow it from the top:

    python -m pip install -r requirements.txt
    python -m jupyterlab {name}.ipynb

Nothing is downloaded and no network is needed. Keep the files of this folder together.

| file | what it is |
|---|---|
| {name}.ipynb | starts you off: looks at the data, trains a first machine, writes {file} and checks it |
| checks/ | belongs to the notebook |
| train.npz | {train} images with labels: `images` (uint8, {shape}), `labels` (0 to {last}), `classes` (their names) |
| test.npz | {test} images without: `images`, `ids`, `classes` |
| sample_submission.csv | what {file} has to look like; every label in it is 0 |

## What to hand in

`{file}`, and the notebook that made it. The table has the header `{header}` and one row for each test image, in any
order; a label is a whole number:

{labels}

The notebook is kept for the record. It is not run to grade you, but somebody may run it.

## How it is scored

The score is {metric}: {says}. It is computed on two parts of the test images,
and nobody tells you which image belongs to which. The public part ({public} images) is for the leaderboard; the private
part ({private} images) decides the points and stays hidden until the end.

You may hand in as often as you like until the due time. **The last file you hand in counts**, not the best one. The
leaderboard shows a made-up name for you (your own page says which) and the number of your attempts.

| private {metric} | reached by | points |
|---|---|---|
{anchors}

Between two rows the points run in a straight line; beyond the last row nothing more is earned. The scores are medians
over several data sets made like yours.

A file that cannot be read is rejected with the reason, and counts as nothing handed in yet: correct it and hand it in
again. The last cells of the notebook find the same faults before you do.
"""
REQUIREMENTS = "jupyterlab>=4\nmatplotlib>=3.9\nnumpy>=1.26\n"


class ChangedTruth(ValueError):
    """The labels of this class are not what its seed gives now; the text says what to do."""


def pack_challenge(classroom: ClassFolder, name: str) -> bytes:
    """Make the data of a class, keep the labels in the class folder, and zip what students need.

    The labels stay in ``assignments/src/NAME/truth.csv`` of the class folder: whatever a later version of the course
    draws from the same seed, grading uses what the class was given.

    Args:
        classroom: the class; its lock must be held.
        name: of a challenge of the class.

    Returns:
        The zip; the same bytes for the same class, except for images that another processor rounds differently.

    Raises:
        Leak: if a label of the test set could be found in the pack.
        ChangedTruth: if the class has other labels already.
        ShortSeed: if the class's seed could be found by trying.
    """
    challenge = classroom.assignment(name)
    if not isinstance(challenge, Challenge):
        raise TypeError(f"{name} is no data challenge")
    data = make_data(name, challenge.plan, load_generator(challenge.source), classroom.config.seed)
    if challenge.truth not in (None, data.truth):
        raise ChangedTruth(
            f"the class's seed gives other labels than those in {challenge.source / TRUTH}: the seed in class.yml, the "
            "generator or the course changed after the pack was made. Hand out the zip that you kept; if nobody has "
            f"it yet, remove {TRUTH} and pack again"
        )
    files = pack_files(challenge, data)
    found = find_leaks(files, data.truth, challenge.plan.classes)
    if found:
        raise Leak(f"{name} would hand out: {'; '.join(found[:5])}")
    if challenge.truth is None:
        write_whole(challenge.source / TRUTH, data.truth.text().encode())
    return zipped(name, files)


def pack_files(challenge: Challenge, data: Data) -> dict[str, bytes]:
    """The pack's files by path."""
    plan, folder = challenge.plan, challenge.folder
    classes = np.asarray(plan.classes)
    files = {
        "README.md": readme(challenge.name, plan, data.test_images.shape[1:]).encode(),
        "requirements.txt": REQUIREMENTS.encode(),
        "train.npz": npz({"images": data.train_images, "labels": data.train_labels, "classes": classes}),
        "test.npz": npz({"images": data.test_images, "ids": np.asarray(data.truth.ids), "classes": classes}),
        "sample_submission.csv": sample(plan, data).encode(),
    }
    for path in [challenge.notebook, *sorted((folder / "checks").glob("*.py"))]:
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def sample(plan: Plan, data: Data) -> str:
    """A table of the right form that knows nothing."""
    rows = [",".join(plan.columns), *[f"{name},0" for name in data.truth.ids]]
    return "\n".join(rows) + "\n"


def readme(name: str, plan: Plan, shape: tuple[int, ...]) -> str:
    """The students' page."""
    anchors = [
        f"| {anchor.score:.3f} | {anchor.name} | {plan.points * anchor.percent / 100:g} |" for anchor in plan.anchors
    ]
    return README.format(
        name=name,
        title=plan.title,
        file=plan.file,
        header=",".join(plan.columns),
        train=plan.train,
        test=plan.test,
        shape=" x ".join(map(str, shape)),
        last=len(plan.classes) - 1,
        labels=", ".join(f"{number} {name}" for number, name in enumerate(plan.classes)),
        metric=plan.scoring.title,
        says=plan.scoring.says,
        public=plan.public_rows,
        private=plan.test - plan.public_rows,
        anchors="\n".join(anchors),
    )


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as ``.npz``, without pickles and without the time of day that NumPy writes into it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), one.getvalue())
    return stream.getvalue()


def zipped(name: str, files: Mapping[str, bytes]) -> bytes:
    """Files as a zip with one folder in it; every entry has the same date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(files.items()):
            archive.writestr(_entry(f"{name}/{path}"), data)
    return stream.getvalue()


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry
