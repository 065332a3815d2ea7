"""Power of filters on waves: single waves, the stride's limit, white noise."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.scratch.evaluation.filter_spectrum import aliased_share, power_spectrum


def wave(frequency: float, size: int = 64) -> np.ndarray:
    return np.tile(np.cos(2 * np.pi * frequency * np.arange(size)), (size, 1))[None, None]


def test_a_wave_has_its_power_at_its_frequency() -> None:
    power, frequencies = power_spectrum(wave(8 / 64))
    row, column = np.unravel_index(power[0].argmax(), power[0].shape)
    assert frequencies[row] == 0
    assert abs(frequencies[column]) == 8 / 64


def test_the_power_is_that_of_the_weights() -> None:
    filters = np.random.default_rng(0).normal(size=(5, 3, 7, 7))
    power, _ = power_spectrum(filters)
    assert np.allclose(power.mean(axis=(1, 2)), (filters**2).sum(axis=(1, 2, 3)))  # Parseval


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_only_waves_shorter_than_two_steps_count(stride: int) -> None:
    for cycles in (1, 3, 7, 9, 15, 17, 30):
        expected = float(cycles / 64 > 1 / (2 * stride))
        assert aliased_share(wave(cycles / 64), stride)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("stride", [2, 4])
def test_noise_has_the_share_of_the_area(stride: int) -> None:
    filters = np.random.default_rng(1).normal(size=(60, 3, 8, 8))
    assert aliased_share(filters, stride, 64).mean() == pytest.approx(1 - 1 / stride**2, abs=0.03)


def test_blank_filters_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="other than 0"):
        aliased_share(np.zeros((1, 3, 5, 5)), 2)
    with pytest.raises(ValueError, match="filters"):
        aliased_share(np.zeros((3, 5, 5)), 2)
