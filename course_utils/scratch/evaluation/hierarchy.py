"""A tree of classes, and an error that is small for near misses (chapter 06b).

Source: J. Deng, A. Berg, K. Li, L. Fei-Fei, "What does classifying more than 10,000 image categories tell us?",
ECCV 2010: the height of the lowest common ancestor. Departure: divided by the height of the root, so that
the error lies in 0..1. WordNet has a few nouns with two parents; here each has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from course_utils.check import check_choice, check_same_length


class ClassTree:
    """Classes as leaves of a tree.

    Args:
        parents: name of each node but the root -> name of its parent.

    Raises:
        ValueError: if there are several roots or a circle.
    """

    def __init__(self, parents: Mapping[str, str]) -> None:
        self.parents = dict(parents)
        roots = {p for p in self.parents.values() if p not in self.parents}
        for node in self.parents:
            seen = [node]
            while seen[-1] in self.parents:
                seen.append(self.parents[seen[-1]])
                if seen[-1] in seen[:-1]:
                    raise ValueError(f"parents must form a tree, got the circle {' > '.join(seen)}")
        if len(roots) != 1:
            raise ValueError(f"parents must have exactly one root, got {sorted(roots)}; put one node above them")
        self.root = roots.pop()
        inner = set(self.parents.values())
        self.leaves: tuple[str, ...] = tuple(node for node in self.parents if node not in inner)
        self._heights = dict.fromkeys([*self.parents, self.root], 0)
        for leaf in self.leaves:
            for steps, node in enumerate(self.path(leaf)):
                self._heights[node] = max(self._heights[node], steps)

    def path(self, node: str) -> list[str]:
        """Return the node and all above it, up to the root."""
        if node != self.root:
            check_choice("node", node, self.parents)
        found = [node]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return found

    def height(self, node: str) -> int:
        """Return the number of steps from a node down to its farthest leaf."""
        return self._heights[check_choice("node", node, self._heights)]

    def common(self, a: str, b: str) -> str:
        """Return the lowest node that has both ``a`` and ``b`` under it, or is one of them."""
        above = set(self.path(a))
        return next(node for node in self.path(b) if node in above)

    def distance(self, a: str, b: str) -> float:
        """Return the height of the lowest common node over that of the root: 0 for the same leaf, 1 at most."""
        return self.height(self.common(a, b)) / self.height(self.root)

    def table(self, classes: Sequence[str]) -> np.ndarray:
        """Return all distances (K, K) between K classes."""
        return np.array([[self.distance(a, b) for b in classes] for a in classes])


def hierarchical_error(
    tree: ClassTree, classes: Sequence[str], guesses: np.ndarray | Sequence[Sequence[int]], labels: Sequence[int]
) -> float:
    """Return the mean distance from the true class to the nearest of the guesses.

    Args:
        tree: with the classes as leaves.
        classes: name of each label.
        guesses: (N, k) labels, k guesses an example.
        labels: (N,) true labels.

    Raises:
        ValueError: if the lengths differ, a label is out of range, or a class is not in the tree.
    """
    given, truth = np.asarray(guesses), np.asarray(labels)
    check_same_length("guesses", given, "labels", truth)
    if given.ndim != 2:
        raise ValueError(f"guesses must have shape (N, k), got {given.shape}; for one guess use guesses[:, None]")
    for name, values in (("guesses", given), ("labels", truth)):
        if values.size == 0 or values.min() < 0 or values.max() >= len(classes):
            raise ValueError(f"{name} must be integers from 0 to {len(classes) - 1}, at least one")
    return float(tree.table(classes)[given, truth[:, None]].min(axis=1).mean())
