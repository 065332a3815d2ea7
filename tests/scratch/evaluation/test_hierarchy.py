"""The tree of classes: lowest common nodes by brute force, and the error's three promises."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.scratch.evaluation.hierarchy import ClassTree, hierarchical_error

PARENTS = {
    "animal": "thing", "machine": "thing", "dog": "animal", "cat": "animal", "car": "machine",
    "pug": "dog", "husky": "dog", "tabby": "cat", "lorry": "car", "bus": "car", "rock": "thing",
}  # fmt: skip


@pytest.fixture
def tree() -> ClassTree:
    return ClassTree(PARENTS)


def test_leaves_and_heights(tree: ClassTree) -> None:
    assert set(tree.leaves) == {"pug", "husky", "tabby", "lorry", "bus", "rock"}
    assert [tree.height(node) for node in ("thing", "animal", "dog", "pug", "rock")] == [3, 2, 1, 0, 0]
    assert tree.path("pug") == ["pug", "dog", "animal", "thing"]


def test_the_common_node_is_the_lowest_that_has_both_below(tree: ClassTree) -> None:
    nodes = [*PARENTS, "thing"]
    below = {node: {other for other in nodes if node in tree.path(other)} for node in nodes}
    for a in nodes:
        for b in nodes:
            both = [node for node in nodes if {a, b} <= below[node]]
            assert tree.common(a, b) == min(both, key=lambda node: len(below[node]))
            assert tree.common(a, b) == tree.common(b, a)


def test_the_error_is_zero_for_the_truth_and_smaller_for_kin(tree: ClassTree) -> None:
    table = tree.table(tree.leaves)
    assert (np.diag(table) == 0).all()
    assert (table[~np.eye(len(table), dtype=bool)] > 0).all()
    assert tree.distance("pug", "husky") < tree.distance("pug", "tabby") < tree.distance("pug", "bus") == 1


def test_of_several_guesses_the_nearest_counts(tree: ClassTree) -> None:
    classes = list(tree.leaves)
    pug, husky, bus = (classes.index(name) for name in ("pug", "husky", "bus"))
    assert hierarchical_error(tree, classes, [[bus, husky]], [pug]) == tree.distance("husky", "pug")
    assert hierarchical_error(tree, classes, [[bus, pug]], [pug]) == 0
    two = hierarchical_error(tree, classes, [[bus], [husky]], [pug, pug])
    assert two == pytest.approx((1 + tree.distance("husky", "pug")) / 2)


def test_in_a_flat_tree_it_is_the_top_1_error() -> None:
    flat = ClassTree(dict.fromkeys("abcde", "root"))
    rng = np.random.default_rng(0)
    guesses, labels = rng.integers(0, 5, size=(50, 1)), rng.integers(0, 5, size=50)
    assert hierarchical_error(flat, "abcde", guesses, labels) == (guesses[:, 0] != labels).mean()


def test_what_is_no_tree_is_refused(tree: ClassTree) -> None:
    with pytest.raises(ValueError, match="circle"):
        ClassTree({"a": "b", "b": "a"})
    with pytest.raises(ValueError, match="exactly one root"):
        ClassTree({"a": "x", "b": "y"})
    with pytest.raises(ValueError, match="node must be one of"):
        tree.distance("pug", "unicorn")
    with pytest.raises(ValueError, match=r"guesses must have shape \(N, k\)"):
        hierarchical_error(tree, tree.leaves, [0, 1], [0, 1])
    with pytest.raises(ValueError, match="labels must be integers from 0 to 5"):
        hierarchical_error(tree, tree.leaves, [[0]], [-1])
