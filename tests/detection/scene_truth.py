"""Scenes with the boxes of what can be seen in them, for the tests of proposals."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from course_utils.data.synthetic import make_scenes


@lru_cache(maxsize=16)
def scenes_with_boxes(
    count: int, seed: int, size: int = 96, difficulty: str = "medium"
) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures (3, size, size) uint8 and, for each, the boxes of objects of which at least a third can be seen."""
    scenes = make_scenes(count, size, seed, difficulty)
    return list(scenes.images), [scenes.targets(i, min_visibility=0.33)["boxes"] for i in range(count)]
