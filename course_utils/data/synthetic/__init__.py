"""Seeded scenes of simple shapes with exact truth: class, boxes, masks, depth, flow, motion, factors."""

from course_utils.data.synthetic.backgrounds import BACKGROUNDS
from course_utils.data.synthetic.cues import (
    FIGURES,
    PARTS,
    CuedImages,
    PartImages,
    make_cued_images,
    make_part_images,
)
from course_utils.data.synthetic.motion import MOTIONS, Clips, FlowPairs, make_clips, make_flow_pairs
from course_utils.data.synthetic.object_images import (
    OBJECTS,
    ObjectImages,
    make_object_images,
    parts_of,
)
from course_utils.data.synthetic.object_parts import PARTS as OBJECT_PARTS
from course_utils.data.synthetic.scenes import (
    DIFFICULTIES,
    Difficulty,
    Scenes,
    make_images,
    make_scenes,
    render_scenes,
)
from course_utils.data.synthetic.shapes import CLASSES
from course_utils.data.synthetic.strokes import make_digits
from course_utils.data.synthetic.textures import TEXTURES

__all__ = [
    "BACKGROUNDS",
    "CLASSES",
    "DIFFICULTIES",
    "FIGURES",
    "MOTIONS",
    "OBJECTS",
    "OBJECT_PARTS",
    "PARTS",
    "TEXTURES",
    "Clips",
    "CuedImages",
    "Difficulty",
    "FlowPairs",
    "ObjectImages",
    "PartImages",
    "Scenes",
    "make_clips",
    "make_cued_images",
    "make_digits",
    "make_flow_pairs",
    "make_images",
    "make_object_images",
    "make_part_images",
    "make_scenes",
    "parts_of",
    "render_scenes",
]
