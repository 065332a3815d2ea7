import pytest
import torch

from course_utils.models.residual_twins import momentum_run, twin


def test_twins_start_with_the_same_weights():
    plain, residual = (twin(8, kind, seed=3) for kind in ("plain", "residual"))
    for (name, a), (_, b) in zip(plain.named_parameters(), residual.named_parameters()):
        assert torch.equal(a, b), name
    state = torch.get_rng_state()
    other = twin(8, "plain", seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(other.conv1.conv.weight, plain.conv1.conv.weight)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind must be"):
        twin(8, "dense", seed=0)


def test_one_step_with_momentum_is_gradient_descent():
    x, y = torch.randn(6, 1, 8, 8), torch.arange(6)
    model, same = twin(8, "residual", seed=0), twin(8, "residual", seed=0)
    losses = momentum_run(model, 1, 0.1, x=x, y=y, seed=5, batch=4)
    rows = torch.randint(6, (4,), generator=torch.Generator().manual_seed(5))
    loss = torch.nn.functional.cross_entropy(same(x[rows]), y[rows])
    (gradient,) = torch.autograd.grad(loss, same.linear.weight)
    assert losses == [loss.item()]
    torch.testing.assert_close(model.linear.weight, same.linear.weight - 0.1 * gradient)
