"""Figures to play with: each is one Python class and one ES module that also runs without a kernel."""

from course_utils.widgets.base import CourseWidget
from course_utils.widgets.convolution_explorer import ConvolutionExplorer
from course_utils.widgets.digit_reader import DigitReader
from course_utils.widgets.gradient_histogram import GradientHistogram
from course_utils.widgets.image_numbers import ImageNumbers
from course_utils.widgets.kernel_explorer import KernelExplorer
from course_utils.widgets.mlp_playground import MlpPlayground
from course_utils.widgets.perceptron_playground import PerceptronPlayground
from course_utils.widgets.separability import Separability
from course_utils.widgets.surrogate_losses import SurrogateLosses
from course_utils.widgets.weight_dials import WeightDials

ALL: tuple[type[CourseWidget], ...] = (
    ConvolutionExplorer,
    DigitReader,
    GradientHistogram,
    ImageNumbers,
    KernelExplorer,
    MlpPlayground,
    PerceptronPlayground,
    Separability,
    SurrogateLosses,
    WeightDials,
)

__all__ = [
    "ALL",
    "ConvolutionExplorer",
    "CourseWidget",
    "DigitReader",
    "GradientHistogram",
    "ImageNumbers",
    "KernelExplorer",
    "MlpPlayground",
    "PerceptronPlayground",
    "Separability",
    "SurrogateLosses",
    "WeightDials",
]
