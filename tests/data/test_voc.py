"""The VOC format: official quirks are read, what is written is read back, and torchvision reads it alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.data import synthetic, voc

# The quirks of official files in one: a part inside an object, a float, missing flags, another order of tags.
QUIRKS = """<annotation>
  <folder>VOC2011</folder><filename>2011_000001.jpg</filename>
  <source><database>The VOC2011 Database</database></source>
  <size><width>500</width><height>375</height><depth>3</depth></size>
  <segmented>1</segmented>
  <object>
    <name>person</name><actions><jumping>1</jumping></actions>
    <bndbox><xmax>331</xmax><xmin>45.70</xmin><ymax>375</ymax><ymin>1</ymin></bndbox>
    <difficult>0</difficult><pose>Frontal</pose><truncated>1</truncated>
    <part><name>head</name><bndbox><xmin>60</xmin><ymin>5</ymin><xmax>90</xmax><ymax>50</ymax></bndbox></part>
  </object>
  <object>
    <name>dog</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>1</xmax><ymax>2</ymax></bndbox><difficult>1</difficult>
  </object>
</annotation>"""


def scene_annotations(scenes: synthetic.Scenes) -> list[voc.VocAnnotation]:
    return [
        voc.annotation_of(
            f"{i:06d}.jpg", scenes.images[i], scenes.boxes[i],
            scenes.labels[i].masked_fill(scenes.visibility[i] == 0, -1), scenes.classes,
            difficult=scenes.visibility[i] < 0.3, truncated=scenes.visibility[i] < 0.85,
        )
        for i in range(len(scenes))
    ]  # fmt: skip


def test_the_quirks_of_official_files() -> None:
    found = voc.parse(QUIRKS)
    person, dog = found.objects
    assert (found.filename, found.width, found.height, found.segmented, found.folder) == (
        "2011_000001.jpg", 500, 375, True, "VOC2011",
    )  # fmt: skip
    assert person == voc.VocObject("person", (44.7, 0.0, 331.0, 375.0), False, True, "Frontal")
    assert dog.difficult
    assert not dog.truncated
    assert dog.pose == "Unspecified"
    assert dog.box == (0, 1, 1, 2)  # one pixel: half open boxes have its area
    assert voc.parse(voc.render(found)) == found


def test_a_box_counts_its_first_and_last_pixel_from_one() -> None:
    scenes = synthetic.make_scenes(3, 32, seed=0)
    for i, annotation in enumerate(scene_annotations(scenes)):
        text = voc.render(annotation)
        for thing in annotation.objects:
            x1, y1, x2, y2 = (int(v) for v in thing.box)
            assert f"<xmin>{x1 + 1}</xmin>" in text
            assert f"<xmax>{x2}</xmax>" in text
            slot = [tuple(b) for b in scenes.boxes[i].tolist()].index(thing.box)
            seen = (scenes.instances[i] == slot + 1).nonzero()
            assert (seen[:, 1].min() + 1, seen[:, 1].max() + 1) == (x1 + 1, x2)
            assert (seen[:, 0].min() + 1, seen[:, 0].max() + 1) == (y1 + 1, y2)


def test_a_written_set_is_read_back(tmp_path: Path) -> None:
    scenes = synthetic.make_scenes(12, 48, seed=1, difficulty="hard")
    annotations = scene_annotations(scenes)
    base = voc.write_set(tmp_path / "VOCdevkit", scenes.images, annotations, "train", scenes.classes)
    assert voc.read_set(base) == annotations
    assert voc.find(tmp_path) == (base,)
    assert voc.find(tmp_path / "nowhere") == ()
    lines = (base / "ImageSets" / "Main" / "star_train.txt").read_text().splitlines()
    assert len(lines) == 12
    star = scenes.classes.index("star")
    for line, annotation in zip(lines, annotations, strict=True):
        assert int(line.split()[1]) == int(voc.tags_of(annotation, scenes.classes)[star])
    assert {int(line.split()[1]) for line in lines} >= {-1, 1}


def test_torchvision_reads_the_same_set_alike(tmp_path: Path) -> None:
    from torchvision.datasets import VOCDetection

    scenes = synthetic.make_scenes(5, 48, seed=2)
    annotations = scene_annotations(scenes)
    voc.write_set(tmp_path / "VOCdevkit", scenes.images, annotations, "train", scenes.classes)
    theirs = VOCDetection(str(tmp_path), year="2012", image_set="train")
    assert len(theirs) == 5
    for i, own in enumerate(annotations):
        picture, target = theirs[i]
        said = target["annotation"]
        assert said["filename"] == own.filename
        assert picture.size == (own.width, own.height)
        drift = torch.from_numpy(np.array(picture)).permute(2, 0, 1).int() - scenes.images[i].int()
        assert drift.abs().float().mean() < 12
        assert [o["name"] for o in said["object"]] == [o.name for o in own.objects]
        for a, b in zip(said["object"], own.objects, strict=True):
            box = {side: float(value) for side, value in a["bndbox"].items()}
            assert (box["xmin"] - 1, box["ymin"] - 1, box["xmax"], box["ymax"]) == b.box
            assert (a["difficult"] == "1", a["truncated"] == "1") == (b.difficult, b.truncated)


def test_a_real_set_is_found_and_read_where_it_is_present(tmp_path: Path) -> None:
    """A folder in the official layout stands in for a download; a real one is read too where there is one."""
    base = tmp_path / "VOCdevkit" / "VOC2007"
    (base / "Annotations").mkdir(parents=True)
    (base / "ImageSets" / "Main").mkdir(parents=True)
    (base / "Annotations" / "2011_000001.xml").write_text(QUIRKS)
    (base / "ImageSets" / "Main" / "val.txt").write_text("2011_000001\n")
    for found in (*voc.find(tmp_path), *voc.find()):
        for annotation in voc.read_set(found, "val"):
            assert annotation.objects
            assert voc.tags_of(annotation).max() >= 0
            assert all(0 <= o.box[0] < o.box[2] <= annotation.width for o in annotation.objects)


def test_tags_are_one_zero_or_minus_one() -> None:
    found = voc.parse(QUIRKS)
    tags = voc.tags_of(found)
    assert tags[voc.CLASSES.index("person")] == 1
    assert tags[voc.CLASSES.index("dog")] == 0
    assert (tags == -1).sum() == 18
    with pytest.raises(voc.VocError, match="'person' is none of the 2 classes"):
        voc.tags_of(found, ("cat", "dog"))
    assert len(voc.CLASSES) == 20


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation>", "not well-formed"),
        ("<html/>", "the root must be <annotation>"),
        ("<annotation/>", "no <size> <width>"),
        (QUIRKS.replace("<xmax>331</xmax>", "<xmax>wide</xmax>"), "must be a number, got 'wide'"),
        (QUIRKS.replace("<xmax>331</xmax>", "<xmax>3</xmax>"), "xmin <= xmax"),
        (QUIRKS.replace("<name>dog</name>", ""), "no <name>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "refused"),
    ],
)
def test_damaged_files_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(voc.VocError, match=reason) as error:
        voc.parse(text, "000001.xml")
    assert "000001.xml" in str(error.value)


def test_missing_lists_and_mixed_folders(tmp_path: Path) -> None:
    scenes = synthetic.make_scenes(2, 32, seed=3)
    annotations = scene_annotations(scenes)
    base = voc.write_set(tmp_path, scenes.images, annotations, "train", scenes.classes)
    with pytest.raises(FileNotFoundError, match="the folder has train"):
        voc.read_set(base, "test")
    with pytest.raises(ValueError, match="one folder"):
        voc.write_set(tmp_path, scenes.images, [annotations[0], replace(annotations[1], folder="B")])
