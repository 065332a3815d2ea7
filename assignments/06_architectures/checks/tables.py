# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""The account of AlexNet, by the student's functions. It never stops a notebook: where there is none, a sentence says why."""

import numpy as np

from .answers import NotWritten, Wrong, ask

ALEXNET = [
    ["conv", 96, 11, 4, 0, 1],
    ["relu"],
    ["pool", 3, 2],
    ["conv", 256, 5, 1, 2, 2],
    ["relu"],
    ["pool", 3, 2],
    ["conv", 384, 3, 1, 1, 1],
    ["relu"],
    ["conv", 384, 3, 1, 1, 2],
    ["relu"],
    ["conv", 256, 3, 1, 1, 2],
    ["relu"],
    ["pool", 3, 2],
    ["flatten"],
    ["linear", 4096],
    ["relu"],
    ["linear", 4096],
    ["relu"],
    ["linear", 1000],
]


def alexnet(shapes, parameters, multiply_adds) -> None:
    """Print what AlexNet's layers cost."""
    try:
        found = [list(ask(function, ALEXNET, (3, 227, 227))) for function in (shapes, parameters, multiply_adds)]
        rows = list(zip(ALEXNET, *found, strict=True))
        text = [f"{'layer':28}{'shape':>16}{'parameters':>14}{'multiply-adds':>16}"]
        for layer, shape, weights, products in rows:
            size = " x ".join(f"{n:g}" for n in np.ravel(shape))
            text.append(f"{' '.join(map(str, layer)):28}{size:>16}{weights:14,}{products:16,}")
        text.append(f"{'together':44}{sum(found[1]):14,}{sum(found[2]):16,}")
    except NotWritten:
        print(
            "No table yet: it needs shapes, parameters and multiply_adds. Write the code above, run that cell, then this one again."
        )
        return
    except Wrong as wrong:
        print(f"No table: {wrong}")
        return
    except (TypeError, ValueError) as trouble:
        print(f"No table: the lists are not such as the check asks for ({trouble})")
        return
    print("\n".join(text))
