"""Which number of the output is explained."""

from __future__ import annotations

import pytest
import torch

from course_utils.explain.targets import output_value, resolve_target

SCORES = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, -1.0]])


def test_the_preferred_class_is_explained_unless_another_is_named() -> None:
    assert resolve_target(SCORES).tolist() == [1, 0]
    assert output_value(SCORES).tolist() == [3, 5]
    assert output_value(SCORES, 2).tolist() == [2, -1]
    assert output_value(SCORES, torch.tensor([0, 1])).tolist() == [1, 0]


def test_probabilities_are_the_softmax() -> None:
    p = SCORES.softmax(1)
    torch.testing.assert_close(output_value(SCORES, 0, "probability"), p[:, 0])
    torch.testing.assert_close(output_value(SCORES, 0, "log_probability"), p[:, 0].log())


def test_a_regression_has_one_output_and_no_classes() -> None:
    for shape in ((4,), (4, 1)):
        numbers = torch.arange(4.0).reshape(shape)
        assert resolve_target(numbers) is None
        assert output_value(numbers, 0).tolist() == [0, 1, 2, 3]
        with pytest.raises(ValueError, match="no classes to choose from"):
            resolve_target(numbers, 1)
        with pytest.raises(ValueError, match="no probability"):
            output_value(numbers, of="probability")


def test_what_does_not_fit_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"must lie in 0\.\.2, got 3\.\.3"):
        resolve_target(SCORES, 3)
    with pytest.raises(ValueError, match="must lie in"):
        resolve_target(SCORES, torch.tensor([-1, 0]))
    with pytest.raises(ValueError, match="one for each of 2 pictures"):
        resolve_target(SCORES, torch.tensor([0, 1, 2]))
    with pytest.raises(TypeError, match="integers"):
        resolve_target(SCORES, torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="wrap it"):
        resolve_target(torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match="of must be one of"):
        output_value(SCORES, of="logit")
