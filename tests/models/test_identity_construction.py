import copy

import pytest
import torch

from course_utils.models.identity_construction import deepen, identity_layer, zero_block
from course_utils.models.resnet import SmallResNet


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_an_identity_layer_hands_on_what_is_not_negative():
    x = drawn(2, 5, 6, 7)
    assert torch.equal(identity_layer(5)(x.relu()), x.relu())
    assert not torch.equal(identity_layer(5)(x), x)


@pytest.mark.parametrize("training", [True, False])
def test_a_zero_block_is_the_identity_in_both_modes(training):
    x = drawn(4, 3, 6, 6).relu()
    assert torch.equal(zero_block(3).train(training)(x), x)


@pytest.mark.parametrize("kind", ["plain", "residual"])
@pytest.mark.parametrize("training", [True, False])
def test_a_deeper_network_gives_the_same_outputs_to_the_bit(kind, training):
    model = SmallResNet(8, width=4, in_channels=1, residual=False).train(training)
    deeper = deepen(model, 6, kind)
    x = drawn(8, 1, 8, 8)
    expected = copy.deepcopy(model)(x)
    assert torch.equal(deeper(x), expected)
    convs = lambda net: sum(isinstance(m, torch.nn.Conv2d) for m in net.modules())
    assert convs(deeper) == convs(model) + 6


def test_half_a_block_is_refused():
    model = SmallResNet(8, width=4)
    with pytest.raises(ValueError, match="layers must be even"):
        deepen(model, 3, "residual")
    with pytest.raises(ValueError, match="kind must be"):
        deepen(model, 2, "copy")
