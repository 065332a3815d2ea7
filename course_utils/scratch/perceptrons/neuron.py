"""The leaky integrate-and-fire neuron: from input current to firing rate (chapter 01).

A membrane is a leaky container. Current fills it, the leak empties it, and at the threshold it fires one
spike and starts again from rest. Defaults are textbook magnitudes, not a fit to any cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_number


@dataclass(frozen=True)
class Membrane:
    """Constants of one leaky integrate-and-fire neuron.

    Args:
        tau: time constant of the leak in milliseconds, above 0.
        resistance: membrane resistance in megaohm, above 0 (megaohm times nanoampere is millivolt).
        rest: potential without input, in millivolt.
        threshold: potential at which the neuron fires, in millivolt, above ``rest``.
        refractory: time after a spike in which the neuron stays at rest, in milliseconds, at least 0.
    """

    tau: float = 20.0
    resistance: float = 10.0
    rest: float = -65.0
    threshold: float = -50.0
    refractory: float = 2.0

    def __post_init__(self) -> None:
        check_number("tau", self.tau, above=0)
        check_number("resistance", self.resistance, above=0)
        check_number("threshold", self.threshold, above=self.rest)
        check_number("refractory", self.refractory, minimum=0)

    @property
    def rheobase(self) -> float:
        """Smallest current, in nanoampere, that a constant input must exceed to make the neuron fire."""
        return (self.threshold - self.rest) / self.resistance


def simulate(
    current: ArrayLike, duration: float = 1000.0, dt: float = 0.05, membrane: Membrane | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Integrate the membrane equation by Euler steps, for many constant currents at once.

    Args:
        current: input currents in nanoampere, shape ``(C,)``, each held constant.
        duration: simulated time in milliseconds, above 0.
        dt: step in milliseconds, above 0 and below the time constant.
        membrane: the neuron's constants.

    Returns:
        ``(voltage, spikes)``, both of shape ``(steps, C)``: potential in millivolt after each step, and
        whether the neuron fired in it.

    Source: L. Lapicque (1907); W. Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    membrane = membrane or Membrane()
    check_number("duration", duration, above=0)
    check_number("dt", dt, above=0, below=membrane.tau)
    drive = np.atleast_1d(np.asarray(current, dtype=np.float64))
    steps = round(duration / dt)
    wait = round(membrane.refractory / dt)
    v = np.full(drive.shape, membrane.rest)
    silent = np.zeros(drive.shape, dtype=np.int64)  # steps left of the refractory time
    voltage = np.empty((steps, drive.size))
    spikes = np.zeros((steps, drive.size), dtype=bool)
    for step in range(steps):
        slope = (membrane.rest - v + membrane.resistance * drive) / membrane.tau
        v = np.where(silent > 0, membrane.rest, v + dt * slope)
        silent = np.maximum(silent - 1, 0)
        fired = v >= membrane.threshold
        v = np.where(fired, membrane.rest, v)
        silent = np.where(fired, wait, silent)
        voltage[step] = v
        spikes[step] = fired
    return voltage, spikes


def simulated_rate(
    current: ArrayLike, duration: float = 1000.0, dt: float = 0.05, membrane: Membrane | None = None
) -> NDArray[np.float64]:
    """Return spikes per second counted in a simulation, shape ``(C,)``."""
    _, spikes = simulate(current, duration, dt, membrane)
    return spikes.sum(axis=0) / (duration / 1000.0)


def lif_rate(current: ArrayLike, membrane: Membrane | None = None) -> NDArray[np.float64]:
    """Return the exact firing rate of the leaky integrate-and-fire neuron in spikes per second.

    Between two spikes the potential climbs along an exponential towards ``rest + resistance * current``.
    The time that it needs to reach the threshold, plus the refractory time, is one period. At or below
    the rheobase the threshold is never reached and the rate is 0.

    Args:
        current: constant input in nanoampere, any shape.
        membrane: the neuron's constants.
    """
    membrane = membrane or Membrane()
    drive = membrane.resistance * np.asarray(current, dtype=np.float64)
    gap = membrane.threshold - membrane.rest
    fires = drive > gap
    safe = np.where(fires, drive, 2 * gap)  # keeps the logarithm finite where nothing fires
    period = membrane.refractory + membrane.tau * np.log(safe / (safe - gap))
    return np.where(fires, 1000.0 / period, 0.0)
