"""The kernel explorer: what its Python side refuses, and what its card says after a reader's moves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from course_utils.scratch.kernel_methods.kernels import rbf_kernel
from course_utils.scratch.kernel_methods.smo import solve_dual
from course_utils.widgets.kernel_explorer import PRESETS, KernelExplorer, gram, train, used


def test_solution_is_that_of_the_solver() -> None:
    made = KernelExplorer(PRESETS["moons"], log_gamma=0.0, log_c=0.0)
    table = np.array(PRESETS["moons"])
    kernel = rbf_kernel(table[:, :2], table[:, :2], 1.0)
    np.testing.assert_allclose(gram(PRESETS["moons"], PRESETS["moons"], "RBF", 2, 1.0), kernel, atol=1e-12)
    dual = solve_dual(kernel, table[:, 2], 1.0)
    np.testing.assert_allclose(made.solution["coefficients"], dual.alpha * table[:, 2], atol=2e-3)


def test_squared_loss_uses_every_point_and_the_hinge_few() -> None:
    assert used(train(PRESETS["rings"], "RBF", 2, 4.0, "ridge", 10.0)["coefficients"]) == 40
    assert used(train(PRESETS["rings"], "RBF", 2, 4.0, "SVM", 10.0)["coefficients"]) < 20


def test_one_class_and_no_point_have_an_answer() -> None:
    assert train([], "RBF", 2, 1.0, "SVM", 1.0) == {"coefficients": [], "bias": 0.0}
    assert train([[0.1, 0.2, -1]], "RBF", 2, 1.0, "SVM", 1.0) == {"coefficients": [0.0], "bias": -1.0}
    assert "0 points" in KernelExplorer([]).static_text


@pytest.mark.parametrize("points", [[[0, 0, 2]], [[0, 1.5, 1]], [[0, 0]], [[0, 0, 1]] * 61])
def test_bad_points_are_refused(points: Any) -> None:
    with pytest.raises(ValueError):
        KernelExplorer(points)


@pytest.mark.parametrize("settings", [{"kernel": "cosine"}, {"method": "forest"}])
def test_unknown_settings_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        KernelExplorer(**settings)


@pytest.mark.browser
def test_methods_and_kernels_report_their_coefficients(open_widget: Callable[..., Any]) -> None:
    page = open_widget(KernelExplorer())
    status = page.locator("[role=status]")
    assert "0 points are on the wrong side" in status.inner_text()
    page.get_by_label("Method").select_option("ridge")
    assert "40 of 40 coefficients" in status.inner_text()
    page.get_by_label("Kernel", exact=True).select_option("linear")
    page.wait_for_timeout(20)
    assert "0 points are on the wrong side" not in status.inner_text(), "no line solves the rings"


@pytest.mark.browser
def test_points_are_added_moved_and_removed(open_widget: Callable[..., Any]) -> None:
    page = open_widget(KernelExplorer([]))
    box, status = page.locator(".ke-plane").bounding_box(), page.locator("[role=status]")
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"]
    page.mouse.click(x, y)
    assert "Added point 1 of class +1" in status.inner_text()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 0.25 * box["height"], steps=4)
    page.mouse.up()
    assert "Moved point 1 to (0.50, 0.00)" in status.inner_text()
    page.get_by_role("button", name="Delete").click()
    assert "Removed point 1" in status.inner_text()
    assert page.locator(".ke-point").count() == 0
