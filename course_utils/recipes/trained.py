"""Networks to look into, trained by the course's own recipes: ``trained("scenes")``, ``trained("cifar10")``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from course_utils.check import check_choice
from course_utils.recipes import stored_weights
from course_utils.runtime import load_record

# The recipe that made each.
MADE_BY = {"scenes": "scenes", "small_scenes": "small_scenes", "cifar10": "cifar10_resnet"}


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with all that is needed to use it.

    Args:
        model: in evaluation mode, float32, on the CPU.
        classes: names of its outputs.
        prepare: maps pictures (N, C, H, W), uint8 or floats in [0, 1], to what the model takes; gradients pass.
        record: of the recipe that trained it: held-out accuracy of each seed, setting, provenance.
    """

    model: nn.Module
    classes: tuple[str, ...]
    prepare: Callable[[Tensor], Tensor]
    record: dict[str, Any]


def trained(name: str) -> Trained:
    """Return a network with the weights that lie in ``results/weights``, after verifying the file's checksum.

    Args:
        name: ``"scenes"``: a plain network of four stages (``stage1`` to ``stage4``, ``head``) for the 64x64 pictures
            of `data.synthetic.make_object_images`; ``"small_scenes"``: four convolutions for the same pictures, the
            network of the ``OcclusionExplorer`` widget; ``"cifar10"``: a residual network for 32x32 photographs.

    Raises:
        ValueError: there is no such network.
        WeightsError: the file is missing, or is not the one that the record describes.
    """
    recipe = import_module(f"course_utils.recipes.{MADE_BY[check_choice('name', name, tuple(MADE_BY))]}")
    model = stored_weights.restore(recipe.build_model(), recipe.weights_path(), recipe.NAME)
    return Trained(model, recipe.CLASSES, recipe.prepare, load_record(recipe.NAME))
