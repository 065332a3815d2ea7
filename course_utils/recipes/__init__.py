"""Recipes: the long training runs whose weights and records the course ships, one module each.

``RECIPES`` maps a name to a callable ``recipe(seed=0, device=None, progress=True) -> dict``. Reading the
mapping's names imports nothing; asking for a recipe imports its module. ``course train NAME`` runs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

Recipe = Callable[..., dict]


class _LazyRecipes(Mapping[str, Recipe]):
    """A read-only mapping from recipe name to its ``run`` function, imported on first use."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> Recipe:
        return import_module(self._modules[name]).run

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


RECIPES: Mapping[str, Recipe] = _LazyRecipes({"digit_reader": f"{__name__}.digit_reader"})
