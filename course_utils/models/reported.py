"""Errors on ImageNet as the papers report them, each with how it was measured (chapter 07c).

Nothing here was measured by the course: these are the papers' own figures for one network (no ensembles) on the
50,000 validation images (the Inceptions of 2016: on those of them that the organisers do not doubt). They can only be
compared within one protocol: ten crops of the same network give a top-5 error about one point lower than one crop.
The VGG networks are those trained and tested at one size, 256 pixels; trained at many sizes and tested at 384, D and E
reach 8.1 and 8.0 %, but that is another recipe. EfficientNets are given as in the last version of their paper, not as
in the proceedings.
"""

from __future__ import annotations

from dataclasses import dataclass

ONE, TEN, DENSE = "one crop", "ten crops", "whole image"


@dataclass(frozen=True)
class Reported:
    """A paper's figure.

    Args:
        top5: error in percent on the validation images.
        protocol: ``"one crop"``, ``"ten crops"`` averaged, or ``"whole image"`` (evaluated densely at one scale).
        source: key of the paper in the references.
        place: table in it.
    """

    top5: float
    protocol: str
    source: str
    place: str


REPORTED: dict[str, Reported] = {
    "alexnet": Reported(18.2, TEN, "krizhevsky-2012", "table 2, one network"),
    "zfnet": Reported(16.5, TEN, "zeiler-fergus-2014", "table 2, one network"),
    "vgg11": Reported(10.4, DENSE, "simonyan-zisserman-2014a", "table 3, A"),
    "vgg13": Reported(9.9, DENSE, "simonyan-zisserman-2014a", "table 3, B"),
    "vgg16": Reported(8.8, DENSE, "simonyan-zisserman-2014a", "table 3, D"),
    "vgg19": Reported(9.0, DENSE, "simonyan-zisserman-2014a", "table 3, E"),
    "googlenet": Reported(10.07, ONE, "szegedy-2015", "table 3, one network"),
    "bn_inception": Reported(7.8, ONE, "szegedy-2016", "table 2"),
    "inception_v3": Reported(5.6, ONE, "szegedy-2016", "table 2"),
    "inception_v4": Reported(5.0, ONE, "szegedy-2016", "table 2"),
    "inception_resnet_v2": Reported(4.9, ONE, "szegedy-2016", "table 2"),
    "plain34": Reported(10.02, TEN, "he-2016a", "table 3"),
    "resnet34": Reported(7.46, TEN, "he-2016a", "table 3, B"),
    "resnet50": Reported(6.71, TEN, "he-2016a", "table 3"),
    "resnet101": Reported(6.05, TEN, "he-2016a", "table 3"),
    "resnet152": Reported(5.71, TEN, "he-2016a", "table 3"),
    "densenet121": Reported(7.71, ONE, "huang-2017", "table 3"),
    "densenet169": Reported(6.85, ONE, "huang-2017", "table 3"),
    "densenet201": Reported(6.34, ONE, "huang-2017", "table 3"),
    "xception": Reported(5.5, ONE, "chollet-2017", "table 1"),
    "se_resnet50": Reported(6.62, ONE, "hu-2018", "table 2"),
    "se_resnet101": Reported(6.07, ONE, "hu-2018", "table 2"),
    "se_resnet152": Reported(5.73, ONE, "hu-2018", "table 2"),
    "efficientnet_b0": Reported(6.7, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b1": Reported(5.6, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b2": Reported(5.1, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b3": Reported(4.3, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b4": Reported(3.6, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b5": Reported(3.3, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b6": Reported(3.2, ONE, "tan-le-2019", "table 2 (v5)"),
    "efficientnet_b7": Reported(3.0, ONE, "tan-le-2019", "table 2 (v5)"),
}
