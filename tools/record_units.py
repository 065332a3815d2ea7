"""Measure what chapter 08 shows of first-layer filters with more pieces of photographs and a longer training.

python -m tools.record_units photos      five seeds, about three minutes on one core; needs no data set
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tools.bands import tagged_code

PIECES, PASSES, SEEDS = 10_000, 8, 5


def chapter_functions() -> dict[str, Any]:
    """Return what the chapter's first tagged cell defines: the photographs, the pieces, the network, its training."""
    code = tagged_code("08_visualization", "filters")
    functions, _, experiment = code.partition("\ncut, origin = ")
    if not experiment:
        raise SystemExit("chapter 08 no longer begins its experiment with 'cut, origin ='")
    space: dict[str, Any] = {"__name__": "record"}
    exec(compile(functions, "<chapter 08>", "exec"), space)
    return space


def photos() -> None:
    """Write results/08_visualization.photos.json after each seed."""
    import torch

    from course_utils.explain.filters import orientation_energy, phase_scrambled
    from course_utils.explain.gabor import fit_gabor
    from course_utils.runtime import save_record

    chapter = chapter_functions()
    metrics: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        inputs, labels = chapter["pieces"](PIECES, seed)
        model = chapter["learn_photos"](chapter["photo_net"](seed), inputs, labels, passes=PASSES)
        weight = model[0].weight.detach()
        fresh, truth = chapter["pieces"](1000, seed + 500)
        with torch.no_grad():
            right = float((model(fresh).argmax(1) == truth).float().mean())
        share = fit_gabor(weight).share
        for name, value in {
            "accuracy": right,
            "share, learned": float(share.median()),
            "share, scrambled": float(fit_gabor(phase_scrambled(weight)).share.median()),
            "orientation, learned": float(orientation_energy(weight).mean()),
            "over half": float((share > 0.5).float().mean()),
        }.items():
            metrics.setdefault(name, []).append(round(value, 5))
        save_record(
            "08_visualization.photos",
            {
                "command": "python -m tools.record_units photos",
                "pictures": f"{PIECES:,} pieces of fourteen photographs, {PASSES} passes",
                "seeds": list(range(seed + 1)),
                "metrics": metrics,
            },
        )


def main(argv: list[str] | None = None) -> int:
    """Run one measurement."""
    parser = argparse.ArgumentParser(prog="python -m tools.record_units", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["photos"])
    parser.parse_args(argv)
    photos()
    return 0


if __name__ == "__main__":
    sys.exit(main())
