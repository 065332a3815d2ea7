"""Formulas become HTML while the site is built."""

import importlib.util
import sys

import pytest

from tools.site import ROOT


@pytest.fixture(scope="module")
def renderer():
    """The extension's renderer, loaded from its file."""
    spec = importlib.util.spec_from_file_location("katex_static", ROOT / "book/_ext/katex_static.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["katex_static"] = module
    spec.loader.exec_module(module)
    return module.Renderer()


def test_a_tag_becomes_a_number_at_the_right(renderer):
    text = renderer.render(r"w' = w + \eta\, y\, x \tag{1.3}", True, None)
    assert 'class="katex-tag"' in text
    assert "1.3" in text
    assert "<math" in text, "screen readers need MathML"


def test_a_broken_formula_is_an_error(renderer):
    assert "error" in renderer._ask(r"\frac{1", False)
    assert "html" in renderer._ask(r"\frac{1}{2}", False), "and the process goes on"


def test_signs_outside_ascii_survive(renderer):
    assert "é" in renderer.render(r"\text{é}", False, None)
