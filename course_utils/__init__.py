"""The package behind the course: data, teaching implementations, training, widgets and grading.

Importing it costs next to nothing: no torch, no plotting. Import what a chapter needs, for example
``from course_utils import data, plotting``.
"""

__version__ = "0.1.0"
