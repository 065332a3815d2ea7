"""Figures to play with: each is one Python class and one ES module that also runs without a kernel."""

from course_utils.widgets.anchor_explorer import AnchorExplorer
from course_utils.widgets.architecture_explorer import ArchitectureExplorer
from course_utils.widgets.augmentation_explorer import AugmentationExplorer
from course_utils.widgets.base import CourseWidget
from course_utils.widgets.box_playground import BoxPlayground
from course_utils.widgets.computation_graph import ComputationGraph
from course_utils.widgets.convolution_explorer import ConvolutionExplorer
from course_utils.widgets.crf_scribbles import CrfScribbles
from course_utils.widgets.detector_explorer import DetectorExplorer
from course_utils.widgets.digit_reader import DigitReader
from course_utils.widgets.equivariance_explorer import EquivarianceExplorer
from course_utils.widgets.feature_viewer import FeatureViewer
from course_utils.widgets.fine_tuning_curves import FineTuningCurves
from course_utils.widgets.gradient_histogram import GradientHistogram
from course_utils.widgets.image_numbers import ImageNumbers
from course_utils.widgets.inception_cost import InceptionCost
from course_utils.widgets.kernel_explorer import KernelExplorer
from course_utils.widgets.metric_explorer import MetricExplorer
from course_utils.widgets.mlp_playground import MlpPlayground
from course_utils.widgets.normalisation_axes import NormalisationAxes
from course_utils.widgets.occlusion_explorer import OcclusionExplorer
from course_utils.widgets.optimiser_surface import OptimiserSurface
from course_utils.widgets.perceptron_playground import PerceptronPlayground
from course_utils.widgets.pooling_explorer import PoolingExplorer
from course_utils.widgets.precision_recall import PrecisionRecall
from course_utils.widgets.receptive_field import ReceptiveField
from course_utils.widgets.residual_flow import ResidualFlow
from course_utils.widgets.separability import Separability
from course_utils.widgets.signal_through_depth import SignalThroughDepth
from course_utils.widgets.surrogate_losses import SurrogateLosses
from course_utils.widgets.upsampling_explorer import UpsamplingExplorer
from course_utils.widgets.weight_dials import WeightDials

ALL: tuple[type[CourseWidget], ...] = (
    AnchorExplorer,
    ArchitectureExplorer,
    AugmentationExplorer,
    BoxPlayground,
    ComputationGraph,
    ConvolutionExplorer,
    CrfScribbles,
    DetectorExplorer,
    DigitReader,
    EquivarianceExplorer,
    FeatureViewer,
    FineTuningCurves,
    GradientHistogram,
    ImageNumbers,
    InceptionCost,
    KernelExplorer,
    MetricExplorer,
    MlpPlayground,
    NormalisationAxes,
    OcclusionExplorer,
    OptimiserSurface,
    PerceptronPlayground,
    PoolingExplorer,
    PrecisionRecall,
    ReceptiveField,
    ResidualFlow,
    Separability,
    SignalThroughDepth,
    SurrogateLosses,
    UpsamplingExplorer,
    WeightDials,
)

__all__ = [
    "ALL",
    "AnchorExplorer",
    "ArchitectureExplorer",
    "AugmentationExplorer",
    "BoxPlayground",
    "ComputationGraph",
    "ConvolutionExplorer",
    "CourseWidget",
    "CrfScribbles",
    "DetectorExplorer",
    "DigitReader",
    "EquivarianceExplorer",
    "FeatureViewer",
    "FineTuningCurves",
    "GradientHistogram",
    "ImageNumbers",
    "InceptionCost",
    "KernelExplorer",
    "MetricExplorer",
    "MlpPlayground",
    "NormalisationAxes",
    "OcclusionExplorer",
    "OptimiserSurface",
    "PerceptronPlayground",
    "PoolingExplorer",
    "PrecisionRecall",
    "ReceptiveField",
    "ResidualFlow",
    "Separability",
    "SignalThroughDepth",
    "SurrogateLosses",
    "UpsamplingExplorer",
    "WeightDials",
]
