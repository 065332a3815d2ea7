"""Views of one picture: what changes, what stays."""

from __future__ import annotations

import pytest
import torch

from course_utils import data
from course_utils.data.views import make_views
from course_utils.scratch.verification.error_rates import likeness


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return data.load("faces", "test").images[:30].float() / 255


def test_views_differ_from_draw_to_draw_and_repeat_with_the_seed(faces: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = make_views(faces, generator), make_views(faces, generator)
    again = make_views(faces, torch.Generator().manual_seed(0))
    assert torch.equal(first, again)
    assert (first - second).abs().mean() > 0.3
    assert first.shape == faces.shape


def test_brightness_is_taken_out(faces: torch.Tensor) -> None:
    x = make_views(faces, torch.Generator().manual_seed(0))
    assert x.mean(dim=(2, 3)).abs().max() < 1e-5
    assert (x.std(dim=(2, 3)) - 1).abs().max() < 1e-3


def test_strength_zero_changes_only_the_scale_of_brightness(faces: torch.Tensor) -> None:
    x = make_views(faces, torch.Generator().manual_seed(0), strength=0)
    assert torch.allclose(likeness(x.flatten(1), (faces - faces.mean((2, 3), keepdim=True)).flatten(1)).diag().min(),
                          torch.tensor(1.0), atol=1e-3)  # fmt: skip
