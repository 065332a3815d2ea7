"""Real photographs that ship inside scikit-image and scikit-learn: offline, nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.check import check_choice, check_int
from course_utils.data.image_set import ImageSet


@dataclass(frozen=True)
class Photo:
    """What is known about one bundled picture.

    Args:
        file: path inside the installed library, ``package/folder/file``.
        alt: what the picture shows, in one sentence, for a reader who cannot see it.
        source: author and licence, as the library that ships it states them.
    """

    file: str
    alt: str
    source: str


SKIMAGE, SKLEARN = "skimage/data/", "sklearn/datasets/images/"
MIDDLEBURY = "Middlebury stereo benchmark 2014 (Scharstein et al.), by way of scikit-image; see its site for terms"

# Only files that lie in the libraries' wheels. scikit-image's other pictures (eagle, skin, lily, kidney,
# brain, cells3d, ...) are fetched over the network at first use, so they have no place here.
PHOTOS: dict[str, Photo] = {
    "astronaut": Photo(
        SKIMAGE + "astronaut.png",
        "Portrait of astronaut Eileen Collins in an orange suit before a flag and a model of a shuttle",
        "NASA, public domain",
    ),
    "brick": Photo(
        SKIMAGE + "brick.png", "Brick wall, a regular gray texture of bricks and joints", "CC0Textures, CC0"
    ),
    "camera": Photo(
        SKIMAGE + "camera.png",
        "Man in a dark coat who looks through a camera on a tripod, on a lawn before a skyline",
        "Lav Varshney, CC0",
    ),
    "cat": Photo(
        SKIMAGE + "chelsea.png",
        "Face of a ginger tabby cat that looks to the right",
        "Stefan van der Walt, CC0",
    ),
    "cell": Photo(
        SKIMAGE + "cell.png",
        "One bright round cell on a dark gray ground, seen by a holographic microscope",
        "scikit-image contributors, CC0",
    ),
    "china": Photo(
        SKLEARN + "china.jpg",
        "Many-roofed palace in China behind trees, under a blue sky",
        "danielbuechele, CC BY 2.0, https://www.flickr.com/photos/danielbuechele/6061409035",
    ),
    "clock": Photo(
        SKIMAGE + "clock_motion.png",
        "Wall clock, blurred sideways because the camera moved",
        "Stefan van der Walt, public domain",
    ),
    "coffee": Photo(
        SKIMAGE + "coffee.png",
        "Cup of espresso on a red saucer with a spoon, on a wooden table",
        "Rachel Michetti, CC0",
    ),
    "coins": Photo(
        SKIMAGE + "coins.png",
        "Twenty-four ancient coins in four rows on a dark, unevenly lit ground",
        "Brooklyn Museum collection, no known copyright restrictions",
    ),
    "flower": Photo(
        SKLEARN + "flower.jpg",
        "Dahlia with pointed orange petals before dark green leaves",
        "vultilion, CC BY 2.0, https://www.flickr.com/photos/vultilion/6056698931",
    ),
    "grass": Photo(SKIMAGE + "grass.png", "Dry grass from above, an irregular gray texture", "CC0"),
    "gravel": Photo(SKIMAGE + "gravel.png", "Gravel from above, a gray texture of small stones", "CC0Textures, CC0"),
    "horse": Photo(SKIMAGE + "horse.png", "Black silhouette of a standing horse on white", "Andreas Preuss, CC0"),
    "hubble": Photo(
        SKIMAGE + "hubble_deep_field.jpg",
        "Hundreds of small galaxies of many colours on the black sky",
        "NASA, public domain",
    ),
    "moon": Photo(
        SKIMAGE + "moon.png",
        "Low-contrast gray surface of the moon with craters",
        "shipped with scikit-image, origin not stated there",
    ),
    "motorcycle_left": Photo(
        SKIMAGE + "motorcycle_left.png", "Red motorcycle in a garage, seen by a left camera", MIDDLEBURY
    ),
    "motorcycle_right": Photo(
        SKIMAGE + "motorcycle_right.png", "Red motorcycle in a garage, seen by a right camera", MIDDLEBURY
    ),
    "page": Photo(
        SKIMAGE + "page.png",
        "Printed page about segmentation, bright on the right and dark in the left corner",
        "shipped with scikit-image, origin not stated there",
    ),
    "retina": Photo(
        SKIMAGE + "retina.jpg",
        "Back of a human eye: red disc with branching vessels and the bright optic nerve",
        "Haggstrom, WikiJournal of Medicine 2014, CC0",
    ),
    "rocket": Photo(
        SKIMAGE + "rocket.jpg",
        "White rocket on its launch pad at dusk between four lightning towers",
        "SpaceX, public domain",
    ),
    "text": Photo(
        SKIMAGE + "text.png",
        "Handwritten mathematical symbols on paper, photographed at a slant",
        "Wikipedia, public domain",
    ),
    "tissue": Photo(
        SKIMAGE + "ihc.png",
        "Stained colon tissue under the microscope: brown glands and blue nuclei",
        "scikit-image contributors, no known copyright restrictions",
    ),
}

ALIASES = {"chelsea": "cat", "immunohistochemistry": "tissue", "hubble_deep_field": "hubble"}


def photo_names() -> tuple[str, ...]:
    """Return the names that `photo` knows, in alphabetical order."""
    return tuple(sorted(PHOTOS))


def photo_about(name: str) -> Photo:
    """Return file, description and source of a bundled photo.

    Raises:
        ValueError: there is no photo of this name.
    """
    return PHOTOS[check_choice("name", ALIASES.get(name, name), photo_names())]


def _bundled(file: str) -> Path:
    package, _, inside = file.partition("/")
    # find_spec locates a library without importing it: importing costs half a second.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"{file} needs the library {package}; install it with the course's requirements")
    return Path(spec.submodule_search_locations[0]) / inside


@cache
def _read(name: str) -> Tensor:
    from PIL import Image

    with Image.open(_bundled(photo_about(name).file)) as file:
        image = file.convert("RGBA")
    # A silhouette on a transparent ground is shown on white.
    ground = Image.new("RGBA", image.size, "white")
    pixels = np.array(Image.alpha_composite(ground, image).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Return a uint8 image (C, H, W) in another size, smoothed first so that nothing aliases."""
    resized = F.interpolate(image[None].float(), (height, width), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).to(torch.uint8)


def photo(name: str, size: int | tuple[int, int] | None = None, gray: bool = False) -> Tensor:
    """Return a real photograph.

    Args:
        name: one of `photo_names()`; ``"chelsea"`` is another name for ``"cat"``.
        size: None for the original size; a side in pixels for the largest centred square, scaled;
            or ``(height, width)``, for the largest centred part of that shape, scaled.
        gray: one channel of brightness (ITU-R BT.601 weights) in place of three of colour.

    Returns:
        uint8, (3, H, W) or with ``gray`` (1, H, W), a tensor of its own.

    Raises:
        ValueError: there is no such photo, or the size is not positive.
    """
    image = _read(ALIASES.get(name, name)).clone()
    if gray:
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
        image = (image.float() * weights).sum(0, keepdim=True).round().to(torch.uint8)
    if size is None:
        return image
    height, width = (size, size) if isinstance(size, int) else size
    check_int("size", height, minimum=1)
    check_int("size", width, minimum=1)
    _, full_height, full_width = image.shape
    scale = min(full_height / height, full_width / width)
    cut_height, cut_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (full_height - cut_height) // 2, (full_width - cut_width) // 2
    return resize(image[:, top : top + cut_height, left : left + cut_width], height, width)


def stereo_pair() -> tuple[Tensor, Tensor, Tensor]:
    """Return the motorcycle seen by two cameras side by side, and its measured disparity.

    Returns:
        ``(left, right, disparity)``: uint8 (3, 500, 741) twice, and float32 (500, 741): the pixel at
        column ``c`` of the left picture appears at column ``c - disparity`` of the right one; NaN where
        it was not measured.

    Source: D. Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground truth, 2014.
    """
    with np.load(_bundled(SKIMAGE + "motorcycle_disp.npz")) as stored:
        disparity = torch.from_numpy(stored["arr_0"].astype(np.float32))
    disparity[~torch.isfinite(disparity)] = float("nan")
    return photo("motorcycle_left"), photo("motorcycle_right"), disparity


def faces() -> ImageSet:
    """Return 100 faces and 100 patches without one, cut from Labeled Faces in the Wild.

    Returns:
        ImageSet with images (200, 1, 25, 25) and the classes ``other`` (0) and ``face`` (1); faces first.

    Source: G. B. Huang et al., Labeled Faces in the Wild, 2007; this selection is scikit-image's.
    """
    pixels = np.load(_bundled(SKIMAGE + "lfw_subset.npy"))
    if pixels.dtype != np.uint8:
        pixels = np.round(pixels * 255).astype(np.uint8)
    labels = torch.cat([torch.ones(100, dtype=torch.int64), torch.zeros(100, dtype=torch.int64)])
    return ImageSet(torch.from_numpy(pixels)[:, None], labels, ("other", "face"), "faces/all")


def load_faces(split: str = "train") -> ImageSet:
    """Return the faces and other patches of `faces` in a split that never changes.

    Args:
        split: ``"train"`` (70 faces and 70 others, the first of each), ``"test"`` (30 and 30, the last of each) or
            ``"all"``.

    Returns:
        ImageSet with images (N, 1, 25, 25) and the classes ``other`` (0) and ``face`` (1); faces first.

    Raises:
        ValueError: there is no such split.
    """
    check_choice("split", split, ("train", "test", "all"))
    everything = faces()
    part = {"train": range(70), "test": range(70, 100), "all": range(100)}[split]
    chosen = everything.subset([*part, *(100 + i for i in part)])
    return replace(chosen, name=f"faces/{split}")
