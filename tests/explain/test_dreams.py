"""DeepDream, style transfer and the run up to a layer that both stand on."""

import copy

import pytest
import torch
from torch import nn

from course_utils.explain import deep_dream as dd
from course_utils.explain import style as st
from course_utils.explain.partial_run import pixels, run_up_to

MEAN = 0.45


def prepare(x):
    return (x - MEAN) / 0.25


def small_net(seed=0, batch_norm=False):
    """Two stages, then linear layers that accept 16 x 16 pictures only."""
    torch.manual_seed(seed)
    norm = [nn.BatchNorm2d(8)] if batch_norm else []
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *norm, nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        nn.Sequential(nn.Flatten(), nn.Linear(192, 20), nn.Dropout(0.5), nn.Linear(20, 4)),
    )


def pictures(n=2, size=32, seed=1):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def state(model):
    return {
        "weights": copy.deepcopy(model.state_dict()),
        "modes": [m.training for m in model.modules()],
        "wanted": [p.requires_grad for p in model.parameters()],
        "grads": [p.grad for p in model.parameters()],
        "hooks": sum(len(m._forward_hooks) + len(m._backward_hooks) for m in model.modules()),
    }


def assert_untouched(model, before):
    after = state(model)
    assert all(torch.equal(after["weights"][k], v) for k, v in before["weights"].items())
    assert {k: v for k, v in after.items() if k != "weights"} == {k: v for k, v in before.items() if k != "weights"}


# ---- the run up to a layer -----------------------------------------------------------------------


def test_a_partial_run_gives_what_the_whole_run_gives():
    model, x = small_net().eval(), pictures(size=16)
    found = run_up_to(model, x, ["0", "1"])
    torch.testing.assert_close(found["0"], model[0](x))
    torch.testing.assert_close(found["1"], model[1](model[0](x)))
    assert list(run_up_to(model, x, ["1", "0"])) == ["1", "0"]
    torch.testing.assert_close(run_up_to(model, x, [model[1]])["1"], found["1"])


def test_a_partial_run_never_reaches_layers_that_would_refuse_the_size():
    model, x = small_net(), pictures(size=40)
    with pytest.raises(RuntimeError):
        model(x)
    assert run_up_to(model, x, ["1"])["1"].shape == (2, 12, 10, 10)


def test_a_partial_run_is_not_fooled_by_layers_that_write_in_place():
    model, x = small_net().eval(), pictures(size=16)
    conv = run_up_to(model, x, ["0.0", "1"])["0.0"]
    assert float(conv.min()) < 0
    torch.testing.assert_close(conv, model[0][0](x))


def test_a_partial_run_leaves_no_hook_even_after_an_error():
    model = small_net()
    before = state(model)
    with pytest.raises(RuntimeError):
        run_up_to(model, torch.zeros(1, 5, 16, 16), ["1"])
    run_up_to(model, pictures(size=16), ["1"])
    assert_untouched(model, before)


def test_a_partial_run_says_what_is_wrong():
    model, x = small_net(), pictures(size=16)
    with pytest.raises(KeyError, match="no layer 'stage9'"):
        run_up_to(model, x, ["stage9"])
    with pytest.raises(TypeError, match=r"write \[layer\]"):
        run_up_to(model, x, "1")
    with pytest.raises(ValueError, match="at least one"):
        run_up_to(model, x, [])
    model.spare = nn.Identity()

    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Identity(), nn.Identity()

        def forward(self, x):
            return self.used(x)

    with pytest.raises(KeyError, match="did not run through"):
        run_up_to(Skips(), x, ["used", "spare"])


def test_pixels_reads_bytes_and_floats_and_refuses_prepared_pictures():
    raw = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    torch.testing.assert_close(pixels("images", raw).flatten(), torch.tensor([0, 0.2, 1]))
    given = pictures()
    assert pixels("images", given).data_ptr() != given.data_ptr()
    with pytest.raises(ValueError, match=r"images must lie in 0\.\.1"):
        pixels("images", prepare(given))
    with pytest.raises(ValueError, match="at least one picture"):
        pixels("images", given[0])
    with pytest.raises(TypeError, match="uint8 or float"):
        pixels("images", given.long())


# ---- dreams ---------------------------------------------------------------------------------------


def test_octaves_end_at_the_picture_and_grow_by_the_ratio():
    assert dd.octave_sizes(100, 60, 3, 2.0) == [(25, 15), (50, 30), (100, 60)]
    assert dd.octave_sizes(64, 64, 1) == [(64, 64)]
    with pytest.raises(ValueError, match="must be at least 8"):
        dd.octave_sizes(16, 16, 4, 2.0)
    with pytest.raises(ValueError, match="ratio must be greater than 1"):
        dd.octave_sizes(64, 64, 2, 1.0)


def test_mean_square_is_the_mean_of_the_squares():
    maps = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.0]]]])
    assert float(dd.mean_square(maps)) == pytest.approx(14 / 4)
    assert float(dd.mean_square(maps, [1])) == pytest.approx(9 / 2)
    with pytest.raises(ValueError, match="at most 1"):
        dd.mean_square(maps, [2])


def test_one_step_without_jitter_is_the_formula():
    model, x = small_net().double(), pictures(1, 16).double() * 0.5 + 0.25
    found = dd.deep_dream(model, x, "1", octaves=1, steps=1, step_size=0.01, jitter=0, prepare=prepare)
    y = x.clone().requires_grad_()
    model[1](model[0](prepare(y))).square().mean().backward()
    wanted = (x + 0.01 * y.grad / y.grad.abs().mean()).clamp(0, 1)
    torch.testing.assert_close(found.images, wanted)


def test_values_rise_in_each_octave_and_from_octave_to_octave():
    dream = dd.deep_dream(small_net(), pictures(), "1", octaves=3, steps=8, prepare=prepare)
    assert dream.values.shape == (3, 9, 2)
    assert [tuple(o.shape[2:]) for o in dream.octaves] == [(16, 16), (23, 23), (32, 32)]
    assert bool((dream.values[:, -1] > dream.values[:, 0]).all())
    assert bool((dream.values[1:, -1] > dream.values[:-1, -1]).all())
    assert torch.equal(dream.images, dream.octaves[-1])
    assert float(dream.images.min()) >= 0
    assert float(dream.images.max()) <= 1


def test_a_dream_of_a_batch_is_the_dreams_of_its_pictures():
    model, x = small_net(), pictures(3)
    both = dd.deep_dream(model, x, "1", octaves=2, steps=3, prepare=prepare)
    for i in range(3):
        alone = dd.deep_dream(model, x[i : i + 1], "1", octaves=2, steps=3, prepare=prepare)
        torch.testing.assert_close(both.images[i : i + 1], alone.images, atol=1e-4, rtol=0)


def test_a_dream_of_one_channel_raises_that_channel():
    model, x = small_net(), pictures(1)
    start = dd.mean_square(run_up_to(model, prepare(x), ["1"])["1"], [5]).detach()
    all_channels = dd.deep_dream(model, x, "1", octaves=1, prepare=prepare).images
    one = dd.deep_dream(model, x, "1", channels=[5], octaves=1, prepare=prepare).images
    value = {
        name: float(dd.mean_square(run_up_to(model, prepare(image), ["1"])["1"], [5]).detach())
        for name, image in (("all", all_channels), ("one", one))
    }
    assert value["one"] > max(value["all"], 2 * float(start))


def test_what_is_shifted_before_a_step_is_shifted_back_after_it():
    x = pictures(1)
    still = dd.deep_dream(small_net(), x, "1", octaves=1, steps=5, step_size=1e-9, jitter=6).images
    torch.testing.assert_close(still, x, atol=1e-6, rtol=0)


def test_a_dream_is_repeatable_and_its_seed_matters():
    model, x = small_net(), pictures(1)
    first, again, other = (dd.deep_dream(model, x, "1", octaves=1, seed=s).images for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("trained", [True, False])
def test_dreams_and_styles_leave_the_network_as_it_was(trained):
    model, x = small_net(batch_norm=True).train(trained), pictures()
    model[0][0].weight.requires_grad_(False)
    model[1][0].weight.grad = torch.ones_like(model[1][0].weight)
    before = state(model)
    dd.deep_dream(model, x, "1", octaves=1, steps=2)
    st.transfer_style(model, x, x[:1].flip(3), content_layer="1", style_layers=["0", "1"], steps=2)
    st.style_distance(model, x, x, ["0"])
    assert_untouched(model, before)


def test_a_dream_says_what_is_wrong():
    x = pictures()
    with pytest.raises(KeyError, match="no layer"):
        dd.deep_dream(small_net(), x, "stage1")
    with pytest.raises(ValueError, match="jitter must be at least 0"):
        dd.deep_dream(small_net(), x, "1", jitter=-1)
    dead = small_net()
    nn.init.constant_(dead[1][0].bias, -1e6)
    with pytest.raises(ValueError, match="gradient is 0 everywhere"):
        dd.deep_dream(dead, x, "1", octaves=1)


def test_a_dream_works_on_one_gray_channel_and_on_bytes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
    dream = dd.deep_dream(model, torch.randint(0, 256, (1, 1, 20, 30), dtype=torch.uint8), "1", octaves=2, steps=2)
    assert dream.images.shape == (1, 1, 20, 30)


# ---- style ---------------------------------------------------------------------------------------


def test_gram_against_loops():
    maps = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = st.gram(maps)
    for n in range(2):
        for i in range(3):
            for j in range(3):
                total = sum(float(maps[n, i, y, x] * maps[n, j, y, x]) for y in range(4) for x in range(5))
                assert float(found[n, i, j]) == pytest.approx(total / 20)
    with pytest.raises(ValueError, match="keeps places"):
        st.gram(torch.zeros(2, 3))


def test_gram_does_not_know_places():
    maps = torch.randn(1, 6, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    shuffled = maps.flatten(2)[:, :, order].view_as(maps)
    torch.testing.assert_close(st.gram(shuffled), st.gram(maps))
    across = maps[:, torch.randperm(6, generator=torch.Generator().manual_seed(2))]
    assert not torch.allclose(st.gram(across), st.gram(maps))


def test_gram_of_another_size_is_comparable():
    maps = torch.randn(1, 4, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(st.gram(maps.repeat(1, 1, 2, 3)), st.gram(maps))


def test_relative_error_is_0_for_equals_and_1_for_nothing():
    wanted = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(st.relative_error(wanted, wanted), torch.zeros(3))
    torch.testing.assert_close(st.relative_error(torch.zeros_like(wanted), wanted), torch.ones(3))
    with pytest.raises(ValueError, match="all zero for some picture"):
        st.relative_error(wanted, torch.zeros_like(wanted))


def test_both_losses_fall_from_noise_and_the_style_comes_nearer_than_the_content_picture_was():
    model = small_net()
    content, example = pictures(2), (pictures(1, 24, seed=5) > 0.7).float()
    layers = ["0", "1"]
    made = st.transfer_style(model, content, example, content_layer="1", style_layers=layers, steps=40, prepare=prepare)
    assert made.content.shape == made.style.shape == (41, 2)
    assert bool((made.content[-1] < made.content[0]).all())
    assert bool((made.style[-1] < made.style[0]).all())
    distance = [st.style_distance(model, x, example, layers, prepare) for x in (made.images, content)]
    assert bool((distance[0] < distance[1]).all())
    torch.testing.assert_close(distance[0], made.style[-1])
    assert 0 <= float(made.images.min()) <= float(made.images.max()) <= 1


def test_the_start_is_what_was_asked_for():
    model, content, example = small_net(), pictures(1), pictures(1, seed=4)
    given = {"content_layer": "1", "style_layers": ["0"], "steps": 1, "prepare": prepare}
    assert float(st.transfer_style(model, content, example, start="content", **given).content[0]) == 0
    assert float(st.transfer_style(model, content, example, start=example, **given).style[0]) == pytest.approx(
        0, abs=1e-9
    )
    with pytest.raises(ValueError, match="start must be"):
        st.transfer_style(model, content, example, start="void", **given)


def test_a_larger_style_weight_trades_content_for_style():
    model, content, example = small_net(), pictures(1), (pictures(1, seed=5) > 0.7).float()
    given = {"content_layer": "1", "style_layers": ["0", "1"], "steps": 60, "prepare": prepare}
    little, much = (st.transfer_style(model, content, example, style_weight=w, **given) for w in (0.05, 20.0))
    assert float(much.style[-1]) < float(little.style[-1])
    assert float(much.content[-1]) > float(little.content[-1])
