"""The fast search finds what the slow one finds."""

from __future__ import annotations

import pytest
import torch

from course_utils.scratch.retrieval.neighbours import MEASURES, closeness, nearest, nearest_by_loops


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(4))
def test_it_equals_loops(measure: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    gallery = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    gallery[3] = gallery[20]
    for chunk in (1, 3, 100):
        assert torch.equal(
            nearest(queries, gallery, 6, measure, chunk=chunk), nearest_by_loops(queries, gallery, 6, measure)
        )


def test_on_unit_vectors_both_measures_give_one_order() -> None:
    generator = torch.Generator().manual_seed(0)
    q, g = (torch.nn.functional.normalize(torch.randn(n, 8, generator=generator, dtype=torch.float64)) for n in (5, 40))
    assert torch.equal(nearest(q, g, 40), nearest(q, g, 40, "euclidean"))
    torch.testing.assert_close(-closeness(q, g, "euclidean"), 2 - 2 * closeness(q, g))


def test_length_matters_to_distance_and_not_to_the_angle() -> None:
    query, gallery = torch.tensor([[1.0, 0.0]]), torch.tensor([[10.0, 0.0], [0.8, 0.6]])
    assert nearest(query, gallery, 1).item() == 0
    assert nearest(query, gallery, 1, "euclidean").item() == 1


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="k must be at most 3"):
        nearest(torch.rand(2, 4), torch.rand(3, 4), 5)
    with pytest.raises(ValueError, match="gallery must have shape"):
        nearest(torch.rand(2, 4), torch.rand(3, 5), 1)
    with pytest.raises(ValueError, match="measure"):
        nearest(torch.rand(2, 4), torch.rand(3, 4), 1, "taxi")
    assert nearest(torch.rand(0, 4), torch.rand(3, 4), 2).shape == (0, 2)
