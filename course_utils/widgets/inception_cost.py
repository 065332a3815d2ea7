"""What an inception block costs with and without its 1×1 reductions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from course_utils.check import check_choice, check_int
from course_utils.widgets import svg
from course_utils.widgets.architecture_explorer import brief
from course_utils.widgets.base import CourseWidget, Twin

__all__ = ["BRANCHES", "PRESETS", "InceptionCost", "break_even", "convolutions", "costs"]

BRANCHES = ("1×1", "3×3", "5×5", "pool")
WIDTHS = ("one", "three_reduce", "three", "five_reduce", "five", "pool")
LIMITS = {"in_channels": (16, 1024), "size": (1, 56), **dict.fromkeys(WIDTHS, (8, 512))}
# GoogLeNet's nine blocks: maps and side of the input, then the widths in the order of the paper's table 1.
PRESETS: dict[str, dict[str, int]] = {
    name: dict(zip(("in_channels", "size", *WIDTHS), numbers, strict=True))
    for name, numbers in {
        "3a": (192, 28, 64, 96, 128, 16, 32, 32), "3b": (256, 28, 128, 128, 192, 32, 96, 64),
        "4a": (480, 14, 192, 96, 208, 16, 48, 64), "4b": (512, 14, 160, 112, 224, 24, 64, 64),
        "4c": (512, 14, 128, 128, 256, 24, 64, 64), "4d": (512, 14, 112, 144, 288, 32, 64, 64),
        "4e": (528, 14, 256, 160, 320, 32, 128, 128), "5a": (832, 7, 256, 160, 320, 32, 128, 128),
        "5b": (832, 7, 384, 192, 384, 48, 128, 128),
    }.items()
}  # fmt: skip
MEASURES = ("multiply_adds", "parameters", "maps")


def convolutions(config: Mapping[str, int], reduced: bool) -> list[dict[str, Any]]:
    """Return the convolutions of a block.

    Args:
        config: ``in_channels``, ``size`` (side of the maps) and the six widths.
        reduced: with 1×1 reductions and projection, or naive.

    Returns:
        for each ``branch`` (index in ``BRANCHES``), ``reduction`` (whether it only narrows), ``kernel``, ``fan`` (maps
        that go in), ``units`` (maps that come out), ``parameters`` with biases, ``multiply_adds``.
    """
    c, one, three, five = (config[name] for name in ("in_channels", "one", "three", "five"))
    if reduced:
        r3, r5 = config["three_reduce"], config["five_reduce"]
        parts = [(0, False, 1, c, one), (1, True, 1, c, r3), (1, False, 3, r3, three), (2, True, 1, c, r5),
                 (2, False, 5, r5, five), (3, False, 1, c, config["pool"])]  # fmt: skip
    else:
        parts = [(0, False, 1, c, one), (1, False, 3, c, three), (2, False, 5, c, five)]
    out = []
    for branch, reduction, kernel, fan, units in parts:
        weights = kernel * kernel * fan * units
        numbers = {"parameters": weights + units, "multiply_adds": weights * config["size"] ** 2}
        out.append({"branch": branch, "reduction": reduction, "kernel": kernel, "fan": fan, "units": units, **numbers})
    return out


def costs(config: Mapping[str, int], reduced: bool) -> dict[str, Any]:
    """Return a block's costs, in all and by branch.

    Args:
        config: see :func:`convolutions`.
        reduced: with reductions, or naive.

    Returns:
        ``multiply_adds``, ``parameters`` and ``maps`` (that come out), and ``branches``: for each the same three and
        ``reduction``, the share of its multiply-adds that goes into narrowing.
    """
    made, branches = convolutions(config, reduced), []
    for branch in range(4):
        own = [one for one in made if one["branch"] == branch]
        work = sum(one["multiply_adds"] for one in own)
        narrow = sum(one["multiply_adds"] for one in own if one["reduction"])
        branches.append({
            "multiply_adds": work, "parameters": sum(one["parameters"] for one in own),
            "maps": own[-1]["units"] if own else config["in_channels"], "reduction": narrow / work if work else 0,
        })  # fmt: skip
    return {**{name: sum(one[name] for one in branches) for name in MEASURES}, "branches": branches}


def break_even(kernel: int, fan: int, units: int) -> float:
    """Return the width of a 1×1 reduction at which it saves nothing: below it a reduction pays.

    With r maps between, a place costs fan * r + kernel² * r * units products; without, kernel² * fan * units.
    """
    return kernel * kernel * fan * units / (fan + kernel * kernel * units)


def _draw(rng: np.random.Generator) -> tuple[Any, ...]:
    config = {name: int(rng.integers(low, high + 1)) for name, (low, high) in LIMITS.items()}
    return config, bool(rng.integers(2))


class InceptionCost(CourseWidget):
    """Turn the widths of an inception block and see what its 1×1 reductions save.

    Args:
        block: of GoogLeNet, "3a" to "5b".
        widths: any of ``in_channels``, ``size`` and the six widths that shall differ from that block's.

    ``config`` has the present numbers, ``costs`` what they cost.
    """

    title = "What an inception block costs"
    twins = (
        Twin("convolutions", convolutions, _draw),
        Twin("costs", costs, _draw),
        Twin("breakEven", break_even, lambda rng: tuple(int(rng.integers(1, n)) for n in (12, 1024, 512))),
        Twin("brief", brief, lambda rng: (int(10 ** rng.uniform(0, 11)) - 1,)),
    )

    preset = traitlets.Unicode("3a").tag(sync=True)
    presets: Any = traitlets.Dict(PRESETS).tag(sync=True)
    measure = traitlets.Enum(MEASURES, "multiply_adds").tag(sync=True)
    in_channels = traitlets.Int(192).tag(sync=True)
    size = traitlets.Int(28).tag(sync=True)
    one = traitlets.Int(64).tag(sync=True)
    three_reduce = traitlets.Int(96).tag(sync=True)
    three = traitlets.Int(128).tag(sync=True)
    five_reduce = traitlets.Int(16).tag(sync=True)
    five = traitlets.Int(32).tag(sync=True)
    pool = traitlets.Int(32).tag(sync=True)

    def __init__(self, block: str = "3a", **widths: Any) -> None:
        chosen = PRESETS[check_choice("block", block, tuple(PRESETS))]
        config = {**chosen, **{name: value for name, value in widths.items() if name in LIMITS}}
        preset = block if config == chosen else "own"
        super().__init__(**{"preset": preset, **widths, **config})

    @traitlets.validate(*LIMITS)
    def _check_width(self, proposal: Any) -> int:
        name = proposal["trait"].name
        low, high = LIMITS[name]
        return check_int(name, proposal["value"], minimum=low, maximum=high)

    @property
    def config(self) -> dict[str, int]:
        """Maps and side of the input, and the six widths."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def costs(self) -> dict[str, dict[str, Any]]:
        """Costs of the block, "naive" and "reduced": see the function of this name."""
        return {"naive": costs(self.config, False), "reduced": costs(self.config, True)}

    @property
    def static_text(self) -> str:
        """One sentence with both costs and both outputs."""
        plain, slim = self.costs["naive"], self.costs["reduced"]
        return (
            f"An inception block on {self.in_channels} maps of {self.size}×{self.size}: without reductions "
            f"{brief(plain['multiply_adds'])} multiply-adds, {brief(plain['parameters'])} parameters and "
            f"{plain['maps']} maps; with them {brief(slim['multiply_adds'])}, {brief(slim['parameters'])} and "
            f"{slim['maps']}."
        )

    def static_svg(self) -> str:
        """Draw both blocks' multiply-adds, branch by branch."""
        both, parts = (
            self.costs,
            [svg.text(10, 22, f"{self.in_channels} maps of {self.size}×{self.size}: multiply-adds")],
        )
        most = max(one["multiply_adds"] for one in both.values())
        rows = [(both["naive"], both["reduced"])]
        rows += list(zip(both["naive"]["branches"], both["reduced"]["branches"], strict=True))
        for i, (name, two) in enumerate(zip(("all", *BRANCHES), rows, strict=True)):
            y = 44 + 46 * i
            parts.append(svg.text(10, y + 18, name))
            for j, (one, color) in enumerate(zip(two, ("gray", "blue"))):
                wide = 360 * one["multiply_adds"] / most
                parts.append(svg.rect(60, y + 18 * j, wide, 14, fill=svg.COLORS[color]))
                words = f"{brief(one['multiply_adds'])}, {one['maps']} maps"
                parts.append(svg.text(66 + wide, y + 12 + 18 * j, words, font_size=12))
                narrow = wide * one.get("reduction", 0)
                if narrow:
                    parts.append(svg.rect(60, y + 18 * j, narrow, 14, fill=svg.COLORS["orange"]))
        for i, (words, color) in enumerate((("naive", "gray"), ("with reductions", "blue"), ("reducing", "orange"))):
            parts += [svg.rect(60 + 150 * i, 280, 14, 12, fill=svg.COLORS[color]), svg.text(80 + 150 * i, 291, words)]
        return svg.document(560, 304, parts)
