"""Seeded scenes of simple shapes with exact truth: class, boxes, masks, depth, flow, motion, factors."""

from course_utils.data.synthetic.scenes import (
    DIFFICULTIES,
    Difficulty,
    Scenes,
    make_images,
    make_scenes,
    render_scenes,
)
from course_utils.data.synthetic.shapes import CLASSES
from course_utils.data.synthetic.textures import TEXTURES

__all__ = [
    "CLASSES",
    "DIFFICULTIES",
    "TEXTURES",
    "Difficulty",
    "Scenes",
    "make_images",
    "make_scenes",
    "render_scenes",
]
