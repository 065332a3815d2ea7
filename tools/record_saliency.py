"""Score every method of chapter 08b on pictures with truth: five groups of pictures, one seed each.

python -m tools.record_saliency               about 2 minutes on one core
"""

from __future__ import annotations

import argparse
import sys

import torch

from course_utils.data.synthetic import make_object_images
from course_utils.explain.methods import BASELINES, METHODS, pixel_map
from course_utils.explain.sanity import cascade, mass_inside, pointing_game, rank_correlation
from course_utils.recipes.trained import trained
from course_utils.runtime import save_record
from course_utils.scratch.saliency.pairs import side_by_side

NAME, LAYER, STRIDE, PICTURES, FIRST_SEED = "08b_saliency.scores", "stage4.relu2", 12, 30, 200


def score_group(seed: int, count: int = PICTURES) -> dict[str, float]:
    """Score all methods on the pictures of one seed that the network names correctly.

    Returns:
        for each method: ``hits`` of the pointing game on the object; ``lift``, the map's share inside the object over
        the object's share of the picture; ``half``, the share in the asked half of two pictures side by side;
        ``random``, rank correlation with the map of the network whose weights are all random; ``random hits``, the
        pointing game of that map.
    """
    scenes = trained("scenes")
    net = scenes.model
    drawn = make_object_images(count, 64, seed)
    x, labels, masks = scenes.prepare(drawn.images), drawn.labels, drawn.object_masks
    with torch.no_grad():
        right = net(x).argmax(1) == labels
    x, labels, masks = x[right], labels[right], masks[right]
    pairs = side_by_side(x, labels, masks, seed)
    *_, (_, destroyed) = cascade(net, x, seed)
    found = {"accuracy": right.float().mean().item(), "area": masks.float().mean().item()}
    for method in (*BASELINES, *METHODS):
        maps = pixel_map(method, net, x, labels, layer=LAYER, stride=STRIDE)
        wrecked = pixel_map(method, destroyed, x, labels, layer=LAYER, stride=STRIDE)
        pair_maps = pixel_map(method, net, pairs.images, pairs.asked, layer=LAYER, stride=STRIDE)
        found[f"{method}: hits"] = pointing_game(maps, masks).float().mean().item()
        found[f"{method}: lift"] = (mass_inside(maps, masks) / masks.float().mean((1, 2))).mean().item()
        found[f"{method}: half"] = mass_inside(pair_maps, pairs.half).mean().item()
        found[f"{method}: random"] = rank_correlation(maps, wrecked).mean().item()
        found[f"{method}: random hits"] = pointing_game(wrecked, masks).float().mean().item()
        print(f"seed {seed}, {method}: done", flush=True)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.record_saliency", description=__doc__.split("\n")[0])
    parser.add_argument("--groups", type=int, default=5)
    groups = parser.parse_args(argv).groups
    seeds = list(range(FIRST_SEED, FIRST_SEED + groups))
    runs = [score_group(seed) for seed in seeds]
    save_record(
        NAME,
        {
            "command": "python -m tools.record_saliency",
            "pictures": f"{groups} x of {PICTURES} pictures of make_object_images, those the network names correctly",
            "network": trained("scenes").record["sha256"],
            "seeds": seeds,
            "metrics": {key: [round(run[key], 6) for run in runs] for key in runs[0]},
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
