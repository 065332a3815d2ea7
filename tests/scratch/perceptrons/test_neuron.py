"""The leaky integrate-and-fire neuron: simulation against the closed form."""

import numpy as np
import pytest

from course_utils.scratch.perceptrons.neuron import Membrane, lif_rate, simulate, simulated_rate


def test_rate_is_zero_up_to_the_rheobase_and_rises_after_it():
    cell = Membrane()
    currents = np.array([-1.0, 0.0, 0.5 * cell.rheobase, cell.rheobase, 1.001 * cell.rheobase, 2.0, 3.0, 4.0])
    rates = lif_rate(currents)
    assert (rates[:4] == 0).all()
    assert (rates[4:] > 0).all()
    assert (np.diff(rates[3:]) > 0).all()


@pytest.mark.parametrize(
    "membrane", [Membrane(), Membrane(tau=8.0, refractory=0.0), Membrane(resistance=25.0, threshold=-55.0)]
)
def test_simulation_counts_what_the_formula_says(membrane):
    currents = membrane.rheobase * np.array([0.5, 0.99, 1.05, 1.5, 2.5])
    counted = simulated_rate(currents, duration=1000, dt=0.02, membrane=membrane)
    exact = lif_rate(currents, membrane)
    assert (counted[:2] == 0).all()
    assert np.abs(counted - exact).max() <= 1 + 0.01 * exact.max()  # one spike, and the Euler step


def test_voltage_settles_below_threshold_where_the_leak_wins():
    cell = Membrane()
    voltage, spikes = simulate([0.9 * cell.rheobase], duration=400)
    assert not spikes.any()
    assert voltage[-1, 0] == pytest.approx(cell.rest + cell.resistance * 0.9 * cell.rheobase, abs=1e-3)


def test_refractory_time_limits_the_rate():
    assert lif_rate(1e9, Membrane(refractory=4.0)) == pytest.approx(250.0, rel=1e-3)


def test_bad_constants_name_the_rule():
    with pytest.raises(ValueError, match="threshold must be greater than -65"):
        Membrane(threshold=-70.0)
    with pytest.raises(ValueError, match="dt must be less than"):
        simulate([1.0], dt=30.0)
