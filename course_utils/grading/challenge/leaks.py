"""Searching a pack for the labels of the test set, also where nobody wrote them on purpose."""

import io
import re
import zipfile
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from course_utils.grading.challenge.truth import Truth

TELLING = 0.04  # how much more often than by chance something may be right
SHUFFLES = 30
RUN = 24  # labels in a row that no chance writes down


def find_leaks(files: Mapping[str, bytes], truth: Truth, classes: Sequence[str]) -> list[str]:
    """Say where files tell something about the labels or splits of the test images.

    Looks for labels written out in a row (as text or numbers of any size, in the test set's order or sorted by id), for
    lines that name an image together with its class, and for anything with one entry an image, position and id
    included, from which label or split can be told better than by chance.

    Args:
        files: the pack's files by path.
        truth: what must not be told.
        classes: names of the classes.

    Returns:
        One sentence for each place; empty if there is none.
    """
    found = []
    rows = _written_out(truth)
    for path, data in files.items():
        pieces = [(path, data), *_inside(path, data)]
        found += [f"{where} holds the labels in a row" for where, raw in pieces if any(row in raw for row in rows)]
        if _names_images(data, truth, classes):
            found.append(f"{path} names images together with their labels")
        for where, column in _columns(path, data, len(truth.ids)):
            found += [f"{where} tells the {what}" for what in _told(column, truth)]
    return found


def _written_out(truth: Truth) -> set[bytes]:
    """The first labels as somebody may have written them."""
    by_id = [label for _, label in sorted(zip(truth.ids, truth.labels))]
    rows: set[bytes] = set()
    for labels in (list(truth.labels), by_id):
        start = labels[:RUN]
        words = [str(label) for label in start]
        rows |= {separator.join(words).encode() for separator in ("", ",", ", ", "\n", "\r\n", " ", ";", "\t")}
        for kind in ("u1", "<i2", "<i4", "<i8", ">i4", ">i8", "<f4", "<f8"):
            rows.add(np.asarray(start, dtype=kind).tobytes())
    return rows


def _inside(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """What an archive holds."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield f"{path}/{name}", archive.read(name)


def _names_images(data: bytes, truth: Truth, classes: Sequence[str]) -> bool:
    """Whether lines that hold an id hold its label more often than chance would have it."""
    label_of = dict(zip(truth.ids, truth.labels))
    seen = right = 0
    for line in data.decode("utf-8", "replace").splitlines():
        words = set(re.findall(r"\w+", line))
        for name in words & label_of.keys():
            seen += 1
            right += bool(words & {str(label_of[name]), classes[label_of[name]]})
    return seen >= RUN and right / seen > 0.5


def _columns(path: str, data: bytes, count: int) -> Iterator[tuple[str, Sequence[Hashable]]]:
    """Everything in a NumPy file with one small value an image; texts letter by letter, numbers by their remainders."""
    if not path.endswith(".npz"):
        return
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        for name in file.files:
            array = file[name]
            if array.ndim != 1 or len(array) != count:
                continue
            if array.dtype.kind == "U":
                texts = [str(text) for text in array]
                for place in range(max(map(len, texts))):
                    yield f"letter {place + 1} of {path}/{name}", [text[place : place + 1] for text in texts]
                yield f"the alphabetical order of {path}/{name}", _tenths(np.argsort(np.argsort(texts)))
            else:
                yield f"{path}/{name}", array.tolist()
    yield f"the order of images in {path}", _tenths(np.arange(count))


def _tenths(ranks: NDArray[np.int64]) -> list[int]:
    return [int(rank) * 10 // len(ranks) for rank in ranks]


def _told(column: Sequence[Hashable], truth: Truth) -> Iterator[str]:
    """Which of label and split can be told from a column, better than from any of some shuffled ones."""
    values = {value: number for number, value in enumerate(dict.fromkeys(column))}
    if len(values) * 4 > len(column):
        return  # a value of its own for every image tells everything and nothing
    groups = np.asarray([values[value] for value in column])
    rng = np.random.default_rng(0)
    for what, answers in (("labels", np.asarray(truth.labels)), ("splits", np.asarray(truth.public, dtype=np.int64))):
        chance = max(_best(rng.permutation(groups), answers) for _ in range(SHUFFLES))
        if _best(groups, answers) > chance + TELLING:
            yield what


def _best(groups: NDArray[np.int64], answers: NDArray[np.int64]) -> float:
    """How often one is right who names the most frequent answer of each group."""
    kinds = int(answers.max()) + 1
    table = np.bincount(groups * kinds + answers, minlength=(int(groups.max()) + 1) * kinds).reshape(-1, kinds)
    return float(table.max(axis=1).sum() / len(groups))
