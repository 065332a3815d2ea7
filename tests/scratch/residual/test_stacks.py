import pytest
import torch

from course_utils.scratch.residual.stacks import ORDERS, DenseBlock, stack


@pytest.mark.parametrize("order", ORDERS)
def test_a_block_is_its_formula(order):
    torch.manual_seed(0)
    block = DenseBlock(5, order, norm=False, shortcut=0.7, branch=0.3).double()
    x = torch.randn(4, 5, dtype=torch.float64)
    w1, w2 = block.linear1.weight, block.linear2.weight
    if order == "pre":
        expected = 0.7 * x + 0.3 * (x.relu() @ w1.T).relu() @ w2.T
    else:
        inner = (x @ w1.T).relu() @ w2.T
        expected = inner.relu() if order == "plain" else (0.7 * x + 0.3 * inner).relu()
    torch.testing.assert_close(block(x), expected)


def test_all_orders_get_the_same_weights_from_a_seed():
    stacks = [stack(3, 4, order, seed=5) for order in ORDERS]
    for other in stacks[1:]:
        assert torch.equal(other[1].linear2.weight, stacks[0][1].linear2.weight)
    assert not torch.equal(stack(3, 4, "pre", seed=6)[1].linear2.weight, stacks[0][1].linear2.weight)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order must be one of"):
        DenseBlock(4, "between")
