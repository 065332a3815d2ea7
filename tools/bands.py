"""Measure a seed band: run the very cells of a chapter once for each of twenty seeds.

    python -m tools.bands 00_start first_network [--seeds 20]

The cells tagged ``band-first_network`` in ``notebooks/src/00_start.py`` run in order in a namespace that
holds nothing but ``SEED``. The last of them leaves ``first_network_result``, a dictionary of numbers. The
record goes to ``results/00_start.first_network.json``; the chapter compares its own number with it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "notebooks" / "src"


def tagged_code(chapter: str, name: str) -> str:
    """Join the code of the cells tagged ``band-NAME`` in the order of the chapter."""
    path = SOURCES / f"{chapter}.py"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in SOURCES.glob("*.py")))
        raise SystemExit(f"there is no chapter {chapter!r}; there are {known}")
    cells = [c for c in jupytext.read(path, fmt="py:percent").cells if c.cell_type == "code"]
    chosen = [c.source for c in cells if f"band-{name}" in c.metadata.get("tags", [])]
    if not chosen:
        known = sorted({t for c in cells for t in c.metadata.get("tags", []) if t.startswith("band-")})
        raise SystemExit(f"{chapter} has no cell tagged band-{name}; it has {', '.join(known) or 'no band'}")
    return "\n\n".join(chosen)


def run_once(code: str, name: str, seed: int) -> dict[str, float]:
    """Run the joined cells with one seed and return the numbers that they leave."""
    import matplotlib

    matplotlib.use("agg")
    namespace: dict[str, object] = {"SEED": seed, "__name__": "band"}
    exec(compile(code, f"<band {name}, seed {seed}>", "exec"), namespace)
    result = namespace.get(f"{name}_result")
    if not isinstance(result, dict) or not result:
        raise SystemExit(f"the cells tagged band-{name} must leave a dictionary {name}_result, got {result!r}")
    import matplotlib.pyplot as plt

    plt.close("all")
    return {metric: float(value) for metric, value in result.items()}


def main(argv: list[str] | None = None) -> int:
    from course_utils.runtime import save_record

    parser = argparse.ArgumentParser(prog="python -m tools.bands", description=__doc__.split("\n")[0])
    parser.add_argument("chapter")
    parser.add_argument("name")
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args(argv)
    os.environ["COURSE_PROGRESS"] = "0"
    code = tagged_code(args.chapter, args.name)
    metrics: dict[str, list[float]] = {}
    for seed in range(args.seeds):
        result = run_once(code, args.name, seed)
        for metric, value in result.items():
            metrics.setdefault(metric, []).append(value)
        print(f"seed {seed}: " + ", ".join(f"{k} {v:.4f}" for k, v in result.items()), flush=True)
    record = {
        "chapter": args.chapter,
        "command": f"python -m tools.bands {args.chapter} {args.name} --seeds {args.seeds}",
        "seeds": list(range(args.seeds)),
        "metrics": metrics,
    }
    path = save_record(f"{args.chapter}.{args.name}", record)
    for metric, values in metrics.items():
        print(f"{metric}: {min(values):.4f} to {max(values):.4f}, median {statistics.median(values):.4f}")
    print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
