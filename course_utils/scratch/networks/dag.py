"""Networks as graphs: any wiring without a cycle is computed in one pass.

Taught in chapter 02_mlp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.check import check_choice
from course_utils.scratch.networks.activations import ACTIVATIONS

Array = NDArray[np.float64]
Edge = tuple[str, str]


@dataclass(frozen=True)
class DagValues:
    """What one forward pass leaves behind.

    Attributes:
        a: pre-activation of every unit that is no input.
        x: value of every unit, inputs included.
    """

    a: dict[str, Array]
    x: dict[str, Array]


def find_cycle(successors: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """Return one cycle, its first unit repeated at the end, or ``None`` if there is none.

    Args:
        successors: for every unit the units that it feeds.
    """
    finished: set[str] = set()
    for root in successors:
        if root in finished:
            continue
        path, waiting = [root], [iter(successors[root])]  # a stack of our own: graphs may be deep
        while path:
            unit = next(waiting[-1], None)
            if unit is None:
                finished.add(path.pop())
                waiting.pop()
            elif unit in path:
                return [*path[path.index(unit) :], unit]
            elif unit not in finished:
                path.append(unit)
                waiting.append(iter(successors[unit]))
    return None


class Dag:
    """A feed-forward network on a directed acyclic graph, skip connections included.

    Args:
        weights: edge ``(source, target)`` to weight. Units without incoming edges are the inputs. A bias is an
            edge from an input that is always 1.
        activations: one name of ``ACTIVATIONS`` for all units, or a name for every unit that is no input.

    Attributes:
        weights: as given.
        activations: unit to name, inputs left out.
        predecessors: unit to the units that feed it, Pre(j).
        successors: unit to the units that it feeds, Post(i).
        order: every unit after all units that feed it; ties in the order of first mention.
        inputs: units without predecessors.
        outputs: units without successors.

    Raises:
        ValueError: if the graph is empty or has a cycle (the message names one), or an activation is missing.
    """

    def __init__(self, weights: Mapping[Edge, float], activations: Mapping[str, str] | str = "tanh") -> None:
        if not weights:
            raise ValueError("weights must hold at least one edge, got none")
        self.weights = {(source, target): float(weight) for (source, target), weight in weights.items()}
        units = list(dict.fromkeys(unit for edge in self.weights for unit in edge))
        feeds: dict[str, list[str]] = {unit: [] for unit in units}
        fed_by: dict[str, list[str]] = {unit: [] for unit in units}
        for source, target in self.weights:
            feeds[source].append(target)
            fed_by[target].append(source)
        self.predecessors = {unit: tuple(sources) for unit, sources in fed_by.items()}
        self.successors = {unit: tuple(targets) for unit, targets in feeds.items()}
        self.order = self._sort(units)
        self.inputs = tuple(unit for unit in self.order if not self.predecessors[unit])
        self.outputs = tuple(unit for unit in self.order if not self.successors[unit])

        computed = [unit for unit in self.order if self.predecessors[unit]]
        names = dict.fromkeys(computed, activations) if isinstance(activations, str) else dict(activations)
        absent = [unit for unit in computed if unit not in names]
        if absent:
            raise ValueError(f"activations must name one for every unit that is no input, {absent[0]!r} has none")
        for unit in computed:
            check_choice("activation", names[unit], ACTIVATIONS)
        self.activations = {unit: names[unit] for unit in computed}

    def _sort(self, units: list[str]) -> tuple[str, ...]:
        missing = {unit: len(self.predecessors[unit]) for unit in units}
        ready = [unit for unit in units if missing[unit] == 0]
        for unit in ready:  # grows while we walk it
            for target in self.successors[unit]:
                missing[target] -= 1
                if missing[target] == 0:
                    ready.append(target)
        if len(ready) < len(units):
            cycle = find_cycle(self.successors)
            assert cycle is not None  # units that never become ready lie on a cycle or behind one
            raise ValueError(
                f"the graph must have no cycle, got {' -> '.join(cycle)}: no unit of it can be computed first"
            )
        return tuple(ready)

    def forward(self, inputs: Mapping[str, ArrayLike]) -> DagValues:
        """Compute every unit once: ``a_j`` is the weighted sum over Pre(j), ``x_j = f(a_j)``.

        Args:
            inputs: input unit to its values, shape ``(N,)`` or one number.

        Returns:
            Pre-activations and values of the whole graph.

        Raises:
            ValueError: if an input is missing or a name is no input.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(f"inputs must be given for exactly {sorted(self.inputs)}, got {sorted(inputs)}")
        x: dict[str, Array] = {unit: np.asarray(inputs[unit], dtype=np.float64) for unit in self.inputs}
        a: dict[str, Array] = {}
        for unit in self.order:
            if unit in x:
                continue
            a[unit] = np.asarray(sum(self.weights[source, unit] * x[source] for source in self.predecessors[unit]))
            x[unit] = ACTIVATIONS[self.activations[unit]][0](a[unit])
        return DagValues(a, x)
