"""Write what the figure of units shows: pictures, strongest patches, unit images, and what the truth says of each unit.

    python -m tools.feature_viewer

Run it after `course train scenes`; ``tests/widgets/test_feature_viewer.py`` tells when. It takes half a minute.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.synthetic import ObjectImages, make_object_images
from course_utils.explain.class_image import class_image
from course_utils.explain.concepts import overlap_of_maps
from course_utils.explain.filters import as_pictures, first_layer
from course_utils.explain.hooks import features
from course_utils.explain.partial_run import run_up_to
from course_utils.explain.receptive_fields import Fields, receptive_fields
from course_utils.explain.regularisers import Regularisers
from course_utils.explain.top_patches import top_patches
from course_utils.recipes.trained import Trained, trained
from course_utils.widgets.feature_viewer import COLUMNS, DATA, FIRST, PART_PIXELS, SIDE

STAGES = ("stage1", "stage2", "stage3", "stage4")
# The chapter's 800 pictures. Names are chosen on the first half and measured on the second; the first 80 are shown.
WORLD, SEED, HALF, SHOWN, PATCHES = 800, 40, 400, 80, 9
EVEN, FITTING = 12, 2
WISHES = Regularisers(centre=0.5, l2=2.0, tv=4.0, blur=0.5, jitter=2)
STEPS = 60
PICTURE_QUALITY, IMAGE_QUALITY = 14, 60


class OneAnswer(nn.Module):
    """Answers of some units at the middle of their map before their ReLU, each as a share of what it can reach.

    Before the ReLU, because a closed one lets no gradient through and a picture could not start to climb; the answer
    of the stage is this one, or 0 where this is negative.

    Args:
        model: the network.
        layer: name of the layer.
        units: its channels.
        scale: (U,), the answer that counts as 1.
    """

    def __init__(self, model: nn.Module, layer: str, units: Sequence[int], scale: Tensor) -> None:
        super().__init__()
        self.model, self.layer, self.units = model, layer, list(units)
        self.scale = scale.clamp_min(1e-6)

    def forward(self, x: Tensor) -> Tensor:
        last = f"{self.layer}.conv2"
        maps = F.max_pool2d(run_up_to(self.model, x, [last])[last][:, self.units], 2)
        return maps[..., maps.shape[2] // 2, maps.shape[3] // 2] / self.scale


def middle_box(fields: Fields) -> tuple[int, int, int, int]:
    """Field of the unit in the middle of the map."""
    return fields.box(len(fields.rows) // 2, len(fields.columns) // 2)


def choose_units(width: int, wheel: Tensor) -> list[tuple[int, bool]]:
    """Twelve units at even steps, then the two others that fit wheels best; True marks those."""
    even = [i * width // EVEN for i in range(EVEN)]
    best = [u for u in wheel.argsort(descending=True).tolist() if u not in even][:FITTING]
    return [(u, False) for u in even] + [(u, True) for u in best]


def unit_images(known: Trained, layer: str, units: Sequence[int], best: Tensor, fields: Fields) -> Tensor:
    """Pictures that climbed to a high answer of each unit, (U, 3, S, S) in 0..1, cut to what the unit sees."""
    asked = OneAnswer(known.model, layer, units, best)
    made = class_image(
        asked, list(range(len(units))), (3, SIDE, SIDE), WISHES, steps=STEPS, lr=0.06, prepare=known.prepare
    )
    x1, y1, x2, y2 = middle_box(fields)
    return made.images[:, :, y1:y2, x1:x2]


def answers_to(known: Trained, layer: str, units: Sequence[int], cuts: Tensor, fields: Fields) -> Tensor:
    """Answers of the stage to cuts of the size of a field, put on grey where the unit in the middle looks, (U,)."""
    x1, y1, x2, y2 = middle_box(fields)
    grey = torch.full((len(cuts), 3, SIDE, SIDE), 0.5)
    grey[:, :, y1:y2, x1:x2] = cuts
    asked = OneAnswer(known.model, layer, units, torch.ones(len(units)))
    with torch.no_grad():
        return asked(known.prepare(grey)).diagonal().clamp_min(0)


def encode(picture: NDArray[np.uint8], kind: str = "WEBP", **how: Any) -> str:
    """Return a picture (H, W, 3) as base64 text."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind, **how)
    return base64.b64encode(out.getvalue()).decode("ascii")


def decode(text: str) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) behind base64 text."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in 0..1 as (N, H, W, 3) uint8."""
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def sheet_of(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Put equally large pictures (N, H, W, 3) side by side, row by row."""
    n, h, w, _ = pictures.shape
    rows = -(-n // columns)
    full = np.full((rows * columns, h, w, 3), 128, dtype=np.uint8)
    full[:n] = pictures
    return full.reshape(rows, columns, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, 3)


def names_shown(world: ObjectImages) -> Tensor:
    """Bool (N, 31): does the picture show the part, or is it of the class? Parts first."""
    parts = torch.stack([mask.flatten(1).any(1) for mask in world.part_masks.values()], 1)
    return torch.cat([parts, F.one_hot(world.labels, len(world.classes)).bool()], 1)


def parts_in(world: ObjectImages, picture: int, box: Sequence[int]) -> int:
    """Which parts have at least `PART_PIXELS` pixels in a box: bit i stands for part i."""
    x1, y1, x2, y2 = box
    counts = world.parts[picture, y1:y2, x1:x2].long().flatten().bincount(minlength=len(world.part_names) + 1)
    return sum(1 << i for i, n in enumerate(counts[1:].tolist()) if n >= PART_PIXELS)


def collect_stage(
    known: Trained, world: ObjectImages, maps: Tensor, layer: str, fields: Fields
) -> tuple[dict[str, Any], Tensor]:
    """Everything about the units of one stage, and their images."""
    masks = torch.stack([F.avg_pool2d(m.float(), 2) > 0.5 for m in world.part_masks.values()], 1)
    first = overlap_of_maps(maps[:HALF], masks[:HALF])
    second = overlap_of_maps(maps[HALF:], masks[HALF:])
    shown, peak = names_shown(world), maps.amax((2, 3))
    chosen = choose_units(maps.shape[1], first[:, list(world.part_masks).index("wheel")])
    units = [u for u, _ in chosen]
    top = top_patches(known.model, known.prepare(world.images[:SHOWN]), layer, units, PATCHES, fields=fields)
    best = peak[:, units].amax(0)
    if layer == STAGES[0]:
        images = as_pictures(first_layer(known.model)[1].weight.detach()[units])
    else:
        images = unit_images(known, layer, units, best, fields)
    rows = []
    for i, (unit, fits) in enumerate(chosen):
        strongest = HALF + peak[HALF:, unit].argsort(descending=True, stable=True)[:FIRST]
        rows.append(
            {
                "unit": unit,
                "fits": int(fits),
                "name": int(first[unit].argmax()),
                "most": round(float(best[i]), 2),
                "image": 0.0,
                "scores": [round(v, 2) for v in top.scores[i].tolist()],
                "pictures": top.images[i].tolist(),
                "places": [r * maps.shape[3] + c for r, c in top.places[i].tolist()],
                "shows": [parts_in(world, int(top.images[i, k]), top.boxes[i, k].tolist()) for k in range(PATCHES)],
                "overlap": [round(1000 * v) for v in second[unit].tolist()],
                "share": [int(v) for v in shown[strongest].sum(0).tolist()],
            }
        )
    found = {"width": maps.shape[1], "size": fields.size[0], "ends": fields.rows.tolist(), "units": rows}
    assert torch.equal(fields.rows, fields.columns), "the sheet stores one list for rows and columns"
    return found, images


def collect(layers: Sequence[str] = STAGES) -> dict[str, Any]:
    """Return everything that the figure shows."""
    known, world = trained("scenes"), make_object_images(WORLD, SIDE, SEED)
    fields = receptive_fields(known.model, layers, (3, SIDE, SIDE))
    parts = [features(known.model, part, layers) for part in known.prepare(world.images).split(100)]
    base = names_shown(world)[HALF:].sum(0).tolist()
    data: dict[str, Any] = {
        "labels": world.labels[:SHOWN].tolist(),
        "classes": list(world.classes),
        "parts": list(world.part_names),
        "base": base,
        "stages": {},
    }
    strips = []
    for layer in layers:
        found, images = collect_stage(known, world, torch.cat([p[layer] for p in parts]), layer, fields[layer])
        data["stages"][layer] = found
        if layer == STAGES[0]:
            data["filters"] = encode(sheet_of(as_bytes(images), len(images)), "PNG", optimize=True)
        else:
            strips.append((layer, sheet_of(as_bytes(images), len(images))))
    width = max(strip.shape[1] for _, strip in strips)
    sheet = np.full((sum(strip.shape[0] for _, strip in strips), width, 3), 128, dtype=np.uint8)
    top = 0
    for layer, strip in strips:
        sheet[top : top + strip.shape[0], : strip.shape[1]] = strip
        data["stages"][layer]["strip"] = top
        top += strip.shape[0]
    data["images"] = encode(sheet, quality=IMAGE_QUALITY, method=6)
    seen = decode(data["images"])  # the answers told are those to the images as they are stored
    for layer, _ in strips:
        stage = data["stages"][layer]
        units, side = [row["unit"] for row in stage["units"]], stage["size"]
        cuts = cuts_of(seen, stage["strip"], side, len(units))
        for row, answer in zip(stage["units"], answers_to(known, layer, units, cuts, fields[layer]).tolist()):
            row["image"] = round(answer, 2)
    pictures = world.images[:SHOWN].permute(0, 2, 3, 1).numpy()
    data["pictures"] = encode(sheet_of(pictures, COLUMNS), quality=PICTURE_QUALITY, method=6)
    return data


def cuts_of(sheet: NDArray[np.uint8], top: int, side: int, count: int) -> Tensor:
    """Unit images (N, 3, S, S) in 0..1 from their sheet."""
    strip = torch.from_numpy(sheet[top : top + side, : side * count].copy()).permute(2, 0, 1).float() / 255
    return strip.unflatten(2, (count, side)).permute(2, 0, 1, 3)


def write(data: dict[str, Any]) -> str:
    """Return the data as JSON, one unit a line."""
    line = partial(json.dumps, separators=(",", ":"))
    stages = []
    for name, stage in data["stages"].items():
        head = line({key: value for key, value in stage.items() if key != "units"})[:-1]
        stages.append(f'{line(name)}:{head},"units":[\n' + ",\n".join(line(row) for row in stage["units"]) + "\n]}")
    rest = line({key: value for key, value in data.items() if key != "stages"})[:-1]
    return rest + ',\n"stages":{\n' + ",\n".join(stages) + "\n}}\n"


def main() -> None:
    """Write the data."""
    torch.set_num_threads(1)
    DATA.write_text(write(collect()), encoding="utf-8")
    print(f"wrote {DATA.name}: {DATA.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
