"""Figures to play with: each is one Python class and one ES module that also runs without a kernel."""

from course_utils.widgets.base import CourseWidget
from course_utils.widgets.perceptron_playground import PerceptronPlayground

ALL: tuple[type[CourseWidget], ...] = (PerceptronPlayground,)

__all__ = ["ALL", "CourseWidget", "PerceptronPlayground"]
