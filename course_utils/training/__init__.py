"""The training loop: one call that a reader can follow, from batches to a history."""

from course_utils.training.evaluation import Evaluation, evaluate
from course_utils.training.history import History
from course_utils.training.loop import fit

__all__ = ["Evaluation", "History", "evaluate", "fit"]
