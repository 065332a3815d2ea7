"""The PASCAL VOC format: one XML file a picture, boxes that count pixels from 1, lists of pictures (chapter 09b).

A data set in this format is a folder ``VOC2007`` or the like with ``JPEGImages/``, ``Annotations/`` and
``ImageSets/Main/``. A box names its first and its last pixel, counted from 1. The course's boxes are half open and
count from 0: ``x1 = xmin - 1``, ``x2 = xmax``. Source: M. Everingham, J. Winn, The PASCAL Visual Object Classes
Challenge 2012 development kit; M. Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from course_utils.check import check_same_length, check_shape
from course_utils.runtime import data_dir

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
YEARS = ("VOC2007", "VOC2012")


class VocError(ValueError):
    """A file is no annotation in the VOC format; the message names the file and what is wrong."""


@dataclass(frozen=True)
class VocObject:
    """One object of a picture.

    Args:
        name: its class.
        box: ``(x1, y1, x2, y2)`` in pixels, half open, counted from 0.
        difficult: hard to recognise; not counted in the evaluation.
        truncated: the box holds less than the whole object.
        pose: viewpoint, ``"Unspecified"`` where none is given.
    """

    name: str
    box: tuple[float, float, float, float]
    difficult: bool = False
    truncated: bool = False
    pose: str = "Unspecified"


@dataclass(frozen=True)
class VocAnnotation:
    """What one XML file says.

    Args:
        filename: of the picture, inside ``JPEGImages/``.
        width, height, depth: of the picture; depth is 3 for colour.
        objects: in the order of the file.
        segmented: whether there is a map of pixels for it.
        folder: name of the data set's folder.
    """

    filename: str
    width: int
    height: int
    depth: int = 3
    objects: tuple[VocObject, ...] = field(default=())
    segmented: bool = False
    folder: str = "VOC2012"


def _text(node: ElementTree.Element, path: str, source: str, default: str | None = None) -> str:
    found = node.find(path)
    text = (found.text or "").strip() if found is not None else ""
    if text:
        return text
    if default is None:
        raise VocError(f"{source}: <{node.tag}> has no <{path.replace('/', '> <')}>; it is no VOC annotation")
    return default


def _number(node: ElementTree.Element, path: str, source: str) -> float:
    text = _text(node, path, source)
    try:
        return float(text)  # files of 2011 hold a few coordinates such as 45.70
    except ValueError:
        raise VocError(f"{source}: <{path.replace('/', '> <')}> must be a number, got {text!r}") from None


def parse(text: str, source: str = "annotation") -> VocAnnotation:
    """Read an annotation from the text of its XML file.

    Args:
        text: XML.
        source: name for messages.

    Returns:
        VocAnnotation. The parts of a person (head, hands, feet), which some files hold, are left out.

    Raises:
        VocError: if the text is no XML, lacks something, or a box is empty.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise VocError(
            f"{source}: an annotation declares no document type; refused, since entities can grow without end"
        )
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise VocError(f"{source}: not well-formed XML ({error})") from None
    if root.tag != "annotation":
        raise VocError(f"{source}: the root must be <annotation>, got <{root.tag}>")
    objects = []
    for node in root.findall("object"):
        xmin, ymin, xmax, ymax = (_number(node, f"bndbox/{side}", source) for side in ("xmin", "ymin", "xmax", "ymax"))
        if xmax < xmin or ymax < ymin:
            raise VocError(f"{source}: the box must have xmin <= xmax and ymin <= ymax, got {xmin, ymin, xmax, ymax}")
        difficult, truncated = (_text(node, flag, source, "0") == "1" for flag in ("difficult", "truncated"))
        pose = _text(node, "pose", source, "Unspecified")
        objects.append(
            VocObject(_text(node, "name", source), (xmin - 1, ymin - 1, xmax, ymax), difficult, truncated, pose)
        )
    width, height, depth = (int(_number(root, f"size/{side}", source)) for side in ("width", "height", "depth"))
    return VocAnnotation(
        _text(root, "filename", source),
        width,
        height,
        depth,
        tuple(objects),
        _text(root, "segmented", source, "0") == "1",
        _text(root, "folder", source, ""),
    )


def read(path: Path | str) -> VocAnnotation:
    """Read one XML file, see :func:`parse`."""
    return parse(Path(path).read_text(encoding="utf-8"), Path(path).name)


def _coordinate(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def render(annotation: VocAnnotation) -> str:
    """Return the text of the XML file, with the tags in the order of the official files."""
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, tag: str, text: str | None = None) -> ElementTree.Element:
        node = ElementTree.SubElement(parent, tag)
        node.text = text
        return node

    add(root, "folder", annotation.folder)
    add(root, "filename", annotation.filename)
    size = add(root, "size")
    for side in ("width", "height", "depth"):
        add(size, side, str(getattr(annotation, side)))
    add(root, "segmented", str(int(annotation.segmented)))
    for thing in annotation.objects:
        node = add(root, "object")
        add(node, "name", thing.name)
        add(node, "pose", thing.pose)
        add(node, "truncated", str(int(thing.truncated)))
        add(node, "difficult", str(int(thing.difficult)))
        box = add(node, "bndbox")
        x1, y1, x2, y2 = thing.box
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True):
            add(box, side, _coordinate(value))
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def annotation_of(
    filename: str,
    image: Tensor,
    boxes: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    *,
    difficult: Tensor | None = None,
    truncated: Tensor | None = None,
    folder: str = "VOC2012",
) -> VocAnnotation:
    """Say in VOC's words what a picture holds.

    Args:
        filename: of the picture.
        image: (C, H, W).
        boxes: (K, 4) half open, in pixels.
        labels: int64 (K,), positions in ``classes``; negative for slots to leave out.
        classes: names.
        difficult: bool (K,).
        truncated: bool (K,).
        folder: name of the data set's folder.
    """
    check_shape("image", image, (None, None, None))
    check_shape("boxes", boxes, (None, 4))
    check_same_length("boxes", boxes, "labels", labels)
    no = torch.zeros(len(labels), dtype=torch.bool)
    hard, cut = (no if flag is None else flag for flag in (difficult, truncated))
    objects = tuple(
        VocObject(classes[int(label)], (box[0], box[1], box[2], box[3]), bool(hard[slot]), bool(cut[slot]))
        for slot, (label, box) in enumerate(zip(labels.tolist(), boxes.tolist(), strict=True))
        if label >= 0
    )
    return VocAnnotation(filename, image.shape[2], image.shape[1], image.shape[0], objects, folder=folder)


def tags_of(annotation: VocAnnotation, classes: Sequence[str] = CLASSES) -> Tensor:
    """Return which classes a picture shows, as ``ImageSets/Main`` states it.

    Returns:
        int64 (T,): 1 shown, 0 only as a difficult object, -1 not shown.

    Raises:
        VocError: if an object has another class.
    """
    tags = torch.full((len(classes),), -1)
    for thing in annotation.objects:
        if thing.name not in classes:
            raise VocError(f"{annotation.filename}: {thing.name!r} is none of the {len(classes)} classes")
        place = classes.index(thing.name)
        tags[place] = max(int(tags[place]), 0 if thing.difficult else 1)
    return tags


def write_set(
    root: Path | str,
    images: Tensor,
    annotations: Sequence[VocAnnotation],
    split: str = "train",
    classes: Sequence[str] = CLASSES,
) -> Path:
    """Write pictures and annotations as a data set in VOC's layout, into ``root/<folder>``.

    Args:
        root: the ``VOCdevkit`` folder; made if it is not there.
        images: uint8 (N, 3, H, W); written as JPEG, which changes pixels a little.
        annotations: N of them, of one folder.
        split: name of the list in ``ImageSets/Main``.
        classes: names for the lists of tags.

    Returns:
        The folder of the data set.
    """
    from PIL import Image

    check_same_length("images", images, "annotations", annotations)
    folders = {annotation.folder for annotation in annotations}
    if len(folders) != 1:
        raise ValueError(f"annotations must name one folder, got {sorted(folders)}")
    base = Path(root) / folders.pop()
    lists = base / "ImageSets" / "Main"
    for part in (base / "JPEGImages", base / "Annotations", lists):
        part.mkdir(parents=True, exist_ok=True)
    names = [Path(annotation.filename).stem for annotation in annotations]
    for image, annotation, name in zip(images, annotations, names, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(base / "JPEGImages" / annotation.filename, quality=95)
        (base / "Annotations" / f"{name}.xml").write_text(render(annotation), encoding="utf-8")
    (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    tags = torch.stack([tags_of(annotation, classes) for annotation in annotations])
    for place, label in enumerate(classes):
        lines = (f"{name} {int(tag):2d}\n" for name, tag in zip(names, tags[:, place], strict=True))
        (lists / f"{label}_{split}.txt").write_text("".join(lines), encoding="utf-8")
    return base


def read_set(base: Path | str, split: str = "train") -> list[VocAnnotation]:
    """Read the annotations of a split, in the order of its list.

    Args:
        base: folder of the data set, for example ``VOCdevkit/VOC2007``.
        split: name of the list in ``ImageSets/Main``.

    Raises:
        FileNotFoundError: if there is no such list or an annotation is missing.
        VocError: if a file is damaged.
    """
    base = Path(base)
    path = base / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.txt") if "_" not in p.stem)
        raise FileNotFoundError(f"{path} is not there; the folder has {', '.join(known) or 'no lists'}")
    names = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [read(base / "Annotations" / f"{name}.xml") for name in names]


def find(folder: Path | None = None) -> tuple[Path, ...]:
    """Return the real sets that lie in the data folder, as ``VOCdevkit/VOC2007`` or the like.

    Args:
        folder: where to look; None for `course_utils.runtime.data_dir()`.
    """
    base = folder if folder is not None else data_dir()
    spots = (base / "VOCdevkit", base / "voc" / "VOCdevkit")
    return tuple(spot / year for spot in spots for year in YEARS if (spot / year / "Annotations").is_dir())
