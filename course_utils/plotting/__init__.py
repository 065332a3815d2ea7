"""Drawing: arrays in, figures out. Knows no model and no data set."""

from course_utils.plotting.bands import seed_band
from course_utils.plotting.images import image_grid
from course_utils.plotting.regions import decision_regions, scatter_classes
from course_utils.plotting.style import COLORS, CYCLE, use_style

__all__ = [
    "COLORS",
    "CYCLE",
    "decision_regions",
    "image_grid",
    "scatter_classes",
    "seed_band",
    "use_style",
]
