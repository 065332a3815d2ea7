"""The digit reader's preparation and network, against the definition and against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.recipes.digit_reader import build_model
from course_utils.widgets import DigitReader
from course_utils.widgets.digit_reader import SHAPES, THREE, pack_weights, rasterise, read_digit


def test_preparation_is_that_of_mnist() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        strokes = [rng.uniform(0, 1, (5, 2)).tolist()]
        picture = rasterise(strokes)
        assert picture.shape == (28, 28)
        assert 0 <= picture.min() <= picture.max() <= 1
        rows, columns = np.flatnonzero(picture.sum(1)), np.flatnonzero(picture.sum(0))
        assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20, "the longer side is 20 pixels"
        middle = np.arange(28) + 0.5
        centre = [(picture.sum(axis) @ middle) / picture.sum() for axis in (0, 1)]
        assert np.abs(np.array(centre) - 14).max() <= 0.5 + 1e-9, "the centre of mass lies in the middle"
        assert ((picture > 0) & (picture < 1)).any(), "edges are grey"


def test_preparation_ignores_where_the_digit_stands() -> None:
    moved = [[[0.5 * x, 0.5 * y] for x, y in stroke] for stroke in THREE]
    shifted = [[[x + 0.25, y + 0.125] for x, y in stroke] for stroke in moved]
    assert np.array_equal(rasterise(moved), rasterise(shifted))


def test_empty_pad_and_single_dot() -> None:
    assert rasterise([]).sum() == 0
    dot = rasterise([[[0.2, 0.9]]])
    assert dot.sum() == pytest.approx(np.pi * 10**2, rel=0.02), "a dot becomes a disc 20 pixels wide"


def test_network_equals_torch() -> None:
    torch.manual_seed(0)
    model = build_model().eval()
    weights = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    pictures = torch.rand(8, 1, 28, 28)
    with torch.no_grad():
        expected = model.double()(pictures.double()).softmax(1).numpy()
    packed = pack_weights(weights)
    for picture, row in zip(pictures, expected):
        assert np.abs(np.array(read_digit(picture[0].double().numpy(), packed)) - row).max() < 1e-9


def test_trained_network_reads_the_example() -> None:
    made = DigitReader()
    assert int(np.argmax(made.probabilities)) == 3
    assert made.probabilities[3] > 0.9
    assert "reads it as 3" in made.static_text
    assert np.array_equal(made.pixels, rasterise(THREE))


def test_probabilities_follow_the_strokes() -> None:
    made = DigitReader()
    made.strokes = [[[0.5, 0.1], [0.5, 0.9]]]
    assert int(np.argmax(made.probabilities)) == 1
    made.strokes = []
    assert made.probabilities == []
    assert made.static_text.startswith("An empty pad")


def test_wrong_weights_are_refused() -> None:
    arrays = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    with pytest.raises(ValueError, match="must hold 6 arrays"):
        DigitReader(weights=dict(list(arrays.items())[:5]))
    with pytest.raises(ValueError, match=r"conv2.bias must have shape \(16\), got \(8,\)"):
        DigitReader(weights={**arrays, "conv2.bias": np.zeros(8)})
