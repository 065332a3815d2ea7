"""What all widgets share: one Python class plus one ES module of the same name.

``perceptron_playground.py`` holds the class, ``perceptron_playground.js`` beside it the module, and
``perceptron_playground.css``, where there is one, its own rules. The base joins them with ``kit.js`` and
``kit.css`` into single texts, so that the same module runs in JupyterLab, on a static page, from a file and
without a network.
"""

from __future__ import annotations

import base64
import html
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

__all__ = ["CourseWidget", "Twin", "compose_module", "compose_style"]

_HERE = Path(__file__).parent
_KIT_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./kit\.js";\s*$', re.MULTILINE)


@dataclass(frozen=True)
class Twin:
    """One pure function written twice: exported by the ES module, and in Python.

    Args:
        name: name under which the module exports it.
        python: the Python function; it takes and returns what JSON can carry (arrays count as lists).
        draw: makes one random tuple of arguments from a generator.
        tolerance: largest absolute difference allowed, relative to ``1 + |value|``.
    """

    name: str
    python: Callable[..., Any]
    draw: Callable[[np.random.Generator], tuple[Any, ...]]
    tolerance: float = 1e-9


def compose_module(path: Path) -> str:
    """Return the ES module at ``path`` with ``kit.js`` written in, so that it imports nothing.

    Raises:
        FileNotFoundError: if there is no such module.
        ValueError: if it still imports something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"a widget needs an ES module beside its class: {path.name} is missing")
    body = _KIT_IMPORT.sub("", path.read_text(encoding="utf-8"))
    if re.search(r"^\s*import\b", body, re.MULTILINE):
        raise ValueError(f'{path.name} may import from "./kit.js" only, one statement with names in braces')
    kit = (_HERE / "kit.js").read_text(encoding="utf-8")
    return f"{kit.strip()}\n\n{body.strip()}\n"


def compose_style(path: Path) -> str:
    """Return ``kit.css`` followed by the rules at ``path``, if that file exists."""
    kit = (_HERE / "kit.css").read_text(encoding="utf-8")
    return kit + (path.read_text(encoding="utf-8") if path.is_file() else "")


class CourseWidget(anywidget.AnyWidget):
    """A figure to play with; its whole state is in traits, its drawing in the ES module of the same name.

    A subclass sets ``title`` and ``twins``, declares its state as synchronised traits with defaults, and
    draws its initial state once more in ``static_svg`` and ``static_text`` for print and for readers
    without scripts.
    """

    title: ClassVar[str] = ""
    twins: ClassVar[tuple[Twin, ...]] = ()

    # Not synchronised: a stored layout would be a second model that only Jupyter's own manager can mount.
    layout = traitlets.Any(None, allow_none=True)

    # True while a change arrives from the browser: it is complete, observers need not complete it.
    from_browser: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        source = Path(sys.modules[cls.__module__].__file__ or "widget.py")
        if "_esm" not in cls.__dict__:
            cls._esm = compose_module(source.with_suffix(".js"))
        if "_css" not in cls.__dict__:
            cls._css = compose_style(source.with_suffix(".css"))
        super().__init_subclass__(**kwargs)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over a change from the browser."""
        self.from_browser = True
        try:
            super().set_state(sync_data)
        finally:
            self.from_browser = False

    def static_svg(self) -> str:
        """Return an SVG document that shows the present state without any script."""
        raise NotImplementedError(f"{type(self).__name__} must draw its state in static_svg()")

    @property
    def static_text(self) -> str:
        """One sentence that says what the static picture shows."""
        raise NotImplementedError(f"{type(self).__name__} must describe its state in static_text")

    def static_figure(self) -> str:
        """Return the picture and its sentence as an HTML ``<figure>``.

        The picture travels as a data address in ``<img>``: notebook viewers that strip ``<svg>`` keep it.
        """
        text = html.escape(self.static_text)
        drawn = self.static_svg()
        size = re.search(r'viewBox="0 0 (\d+)', drawn)
        width = size[1] if size else "640"
        picture = base64.b64encode(drawn.encode()).decode("ascii")
        return (
            f'<figure class="course-widget-static"><img width="{width}" style="max-width:100%;height:auto" '
            f'src="data:image/svg+xml;base64,{picture}" alt="{html.escape(self.title)}, still picture">'
            f"<figcaption>{text}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {
            **data,
            "text/plain": f"{type(self).__name__}: {self.static_text}",
            "text/html": self.static_figure(),
        }, metadata
