"""The training loop: one call that a reader can follow, from batches to a history."""

from course_utils.training.averaging import WeightAverage
from course_utils.training.checkpoint import CheckpointError, Checkpoints
from course_utils.training.distributed import join
from course_utils.training.evaluation import Evaluation, evaluate
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.loss_plot import LossPlot
from course_utils.training.speed import Speed, choose_speed
from course_utils.training.trouble import LossError, TrainingError

__all__ = [
    "CheckpointError",
    "Checkpoints",
    "Evaluation",
    "History",
    "LossError",
    "LossPlot",
    "Speed",
    "TrainingError",
    "WeightAverage",
    "choose_speed",
    "evaluate",
    "fit",
    "join",
]
