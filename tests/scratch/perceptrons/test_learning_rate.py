"""Gradient descent on a quadratic against autograd and the closed form."""

import numpy as np
import pytest
import torch

from course_utils.scratch.perceptrons.learning_rate import descend_quadratic, divergence_threshold, quadratic


def test_path_is_what_torch_sgd_walks():
    curvatures = torch.tensor([1.0, 10.0, 0.3], dtype=torch.float64)
    w = torch.tensor([2.0, -0.5, 1.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.15)
    path = [w.detach().clone()]
    for _ in range(20):
        optimiser.zero_grad()
        (0.5 * (curvatures * w**2).sum()).backward()
        optimiser.step()
        path.append(w.detach().clone())
    ours = descend_quadratic(curvatures.numpy(), path[0].numpy(), 0.15, 20)
    np.testing.assert_allclose(ours, torch.stack(path).numpy(), rtol=1e-12)
    np.testing.assert_allclose(quadratic(ours[0], curvatures), 0.5 * (4 + 2.5 + 0.3))


@pytest.mark.parametrize("curvatures", [[1.0], [1.0, 10.0], [0.2, 3.0, 7.0]])
def test_the_threshold_separates_shrinking_from_growing(curvatures):
    edge = divergence_threshold(curvatures)
    assert edge == pytest.approx(2 / max(curvatures))
    start = np.ones(len(curvatures))
    below = descend_quadratic(curvatures, start, 0.99 * edge, 2000)
    above = descend_quadratic(curvatures, start, 1.01 * edge, 2000)
    assert quadratic(below[-1], curvatures) < 1e-6
    assert quadratic(above[-1], curvatures) > 1e6
    at = descend_quadratic([max(curvatures)], [1.0], edge, 10)[:, 0]
    np.testing.assert_allclose(at, [(-1) ** t for t in range(11)])


def test_flat_or_falling_directions_are_refused():
    with pytest.raises(ValueError, match="smallest curvature must be greater than 0"):
        descend_quadratic([1.0, -1.0], [1.0, 1.0], 0.1, 5)
