# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The check of this notebook: it reads a file of predictions as the grader will, and says what is wrong with it."""

from collections import Counter
from pathlib import Path

import numpy as np

from .answers import Wrong
from .predictions import BadPredictions, read_predictions


def load(name):
    """Read `train.npz` or `test.npz` as a dict of arrays."""
    if not Path(name).is_file():
        raise Wrong(
            f"there is no {name} beside this notebook. The data is in the zip file of your class: unpack all of it "
            "into one folder, and open the notebook there"
        )
    with np.load(name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def predictions(name="predictions.csv", test="test.npz"):
    """Check a file of predictions before it is handed in."""
    data = load(test)
    ids, classes = [str(i) for i in data["ids"]], [str(c) for c in data["classes"]]
    if not Path(name).is_file():
        raise Wrong(f"there is no {name} yet: run the cell that writes it")
    try:
        labels = read_predictions(Path(name).read_bytes(), ids, classes)
    except BadPredictions as reason:
        raise Wrong(f"{name} cannot be scored: {reason}") from None
    print(f"{name} can be handed in: {len(labels)} rows, one for each test image. Predicted classes:")
    counts = Counter(labels)
    print("  " + ", ".join(f"{name} {counts[number]}" for number, name in enumerate(classes)))
    if len(counts) == 1:
        print("All rows have the same label. Is that what you meant?")
