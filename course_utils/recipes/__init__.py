"""Recipes: the long training runs whose weights and records the course ships, one module each.

``RECIPES`` maps a name to a callable ``recipe(seed=0, device=None, progress=True) -> dict``. Reading the
mapping's names imports nothing; asking for a recipe imports its module. ``course train NAME`` runs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module

Recipe = Callable[..., dict]


class _LazyRecipes(Mapping[str, Recipe]):
    """A read-only mapping from recipe name to its ``run`` function, imported on first use.

    A module that holds several recipes is told which one by name.
    """

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> Recipe:
        module = self._modules[name]
        run = import_module(f"{__name__}.{module}").run
        return partial(run, name) if list(self._modules.values()).count(module) > 1 else run

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


RECIPES: Mapping[str, Recipe] = _LazyRecipes(
    {
        "digit_reader": "digit_reader",
        "lenet5": "lenet5",
        "lenet5_modern": "lenet5",
        "miniatures": "miniatures",
        "scenes": "scenes",
        "small_scenes": "small_scenes",
        "small_ssd": "small_ssd",
        "cifar10_resnet": "cifar10_resnet",
        "cifar10_minute": "cifar10",
        "cifar10_five_minutes": "cifar10",
    }
)
