"""The fully connected field: what mean field does is what the formula says, and it repairs noisy labels."""

from __future__ import annotations

import pytest
import torch

from course_utils.data.synthetic import make_scenes
from course_utils.segmentation.crf_rnn import CRFRNN
from course_utils.segmentation.dense_crf import Kernels, energy, mean_field
from course_utils.segmentation.gaussian_filter import appearance_features, place_features

SCENES = make_scenes(4, 32, seed=1, difficulty="medium", objects=1, scale=(0.5, 0.7), clutter=0)
IMAGES, TRUTH = SCENES.images.float() / 255, (SCENES.semantic > 0).long()


def noisy(seed: int, noise: float = 1.5) -> torch.Tensor:
    """Logits that know the truth, each pixel with an error of its own."""
    generator = torch.Generator().manual_seed(seed)
    sure = torch.nn.functional.one_hot(TRUTH, 2).permute(0, 3, 1, 2).float() * 1.5
    return sure + noise * torch.randn(sure.shape, generator=generator)


def mean_iou(labels: torch.Tensor) -> float:
    parts = []
    for c in (0, 1):
        said, true = labels.eq(c), TRUTH.eq(c)
        parts.append(float((said & true).sum() / (said | true).sum()))
    return sum(parts) / 2


def test_a_step_is_the_formula_written_out() -> None:
    torch.manual_seed(0)
    image, unary = torch.rand(3, 4, 5), torch.randn(3, 4, 5)
    k = Kernels(2.0, 1.5, 3.0, 0.4, 1.2)
    n = 20
    u, q = unary.flatten(1).T, unary.flatten(1).T.softmax(dim=1)
    charge = torch.zeros(n, 3)
    for weight, f in (
        (k.appearance, appearance_features(image, k.theta_alpha, k.theta_beta)),
        (k.smoothness, place_features(4, 5, k.theta_gamma)),
    ):
        pair = torch.zeros(n, n)
        for i in range(n):
            for j in range(n):
                if i != j:
                    pair[i, j] = torch.exp(-0.5 * ((f[i] - f[j]) ** 2).sum())
        total = pair.sum(dim=1)
        pair = pair / (total[:, None] * total[None]).sqrt()
        for i in range(n):
            for label in range(3):
                others = [other for other in range(3) if other != label]
                charge[i, label] += weight * sum(pair[i, j] * q[j, other] for j in range(n) for other in others)
    wanted = (u - charge).softmax(dim=1).T.view(3, 4, 5)
    torch.testing.assert_close(mean_field(unary, image, k, 1, "pairs"), wanted, rtol=1e-4, atol=1e-5)


def test_the_lattice_finds_the_labels_of_the_sum_over_pairs() -> None:
    for i, unary in enumerate(noisy(0)):
        exact, fast = mean_field(unary, IMAGES[i], filter_by="pairs"), mean_field(unary, IMAGES[i])
        assert (exact - fast).abs().mean() < 0.02
        assert (exact.argmax(0) == fast.argmax(0)).float().mean() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_noisy_labels_are_repaired(seed: int) -> None:
    unary = noisy(seed)
    before = unary.argmax(1)
    after = torch.stack([mean_field(u, image).argmax(0) for u, image in zip(unary, IMAGES, strict=True)])
    assert mean_iou(after) > mean_iou(before) + 0.15
    for i in range(len(unary)):
        assert energy(after[i], unary[i], IMAGES[i]) < energy(before[i], unary[i], IMAGES[i])


def test_no_steps_and_no_weights_change_nothing() -> None:
    unary = noisy(0)[0]
    torch.testing.assert_close(mean_field(unary, IMAGES[0], steps=0), unary.softmax(0))
    silent = mean_field(unary, IMAGES[0], Kernels(0, 0), steps=5)
    torch.testing.assert_close(silent, unary.softmax(0))
    assert torch.allclose(mean_field(unary, IMAGES[0]).sum(0), torch.ones(32, 32), atol=1e-5)


def test_energy_by_hand() -> None:
    # Two pixels side by side, alike in all but place: only smoothness between them, normalised to 1.
    image, unary = torch.zeros(3, 1, 2), torch.tensor([[[2.0, 0.0]], [[0.0, 1.0]]])
    k = Kernels(appearance=0.0, smoothness=3.0)
    assert energy(torch.tensor([[0, 1]]), unary, image, k) == pytest.approx(-3.0 + 3.0, abs=1e-5)
    assert energy(torch.tensor([[0, 0]]), unary, image, k) == pytest.approx(-2.0, abs=1e-5)


def test_the_recurrent_layer_starts_as_mean_field() -> None:
    unary = noisy(0)
    layer = CRFRNN(2)
    refined = layer(unary, IMAGES).softmax(1)
    for i in range(len(unary)):
        torch.testing.assert_close(refined[i], mean_field(unary[i], IMAGES[i]), rtol=1e-4, atol=1e-5)


def test_filters_made_once_give_the_same_and_whole_numbers_are_weights() -> None:
    unary = noisy(0)[:2]
    layer = CRFRNN(2, Kernels(4, 1, 8, 0.1, 1), steps=2)
    torch.testing.assert_close(layer(unary, IMAGES[:2]), layer(unary, IMAGES[:2], layer.filters(IMAGES[:2])))
    with pytest.raises(ValueError, match="filters and images must have the same length"):
        layer(unary, IMAGES[:2], layer.filters(IMAGES[:1]))


def test_the_table_of_all_pairs_gives_what_rows_in_turn_give(monkeypatch: pytest.MonkeyPatch) -> None:
    unary = noisy(0)[0]
    table = mean_field(unary, IMAGES[0], filter_by="pairs")
    monkeypatch.setattr("course_utils.segmentation.dense_crf.AT_ONCE", 0)
    torch.testing.assert_close(mean_field(unary, IMAGES[0], filter_by="pairs"), table)


def test_gradients_reach_scores_weights_and_compatibility() -> None:
    torch.manual_seed(0)
    layer = CRFRNN(2, Kernels(1.0, 0.5, 3.0, 0.3, 1.0), steps=2, filter_by="pairs").double()
    image = torch.rand(1, 3, 3, 3).double()
    unary = torch.randn(1, 2, 3, 3).double().requires_grad_()
    assert layer(unary, image).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda u: layer(u, image), (unary,), atol=1e-4)
    layer(unary, image).softmax(1)[:, 0].sum().backward()
    for p in layer.parameters():
        assert p.grad is not None
        assert float(p.grad.abs().sum()) > 0


def test_training_through_the_layer_beats_smoothing_afterwards() -> None:
    """Scores that no field can repair (half as sure on objects): the layer learns to pay for that, smoothing cannot."""
    gains = []
    for seed in range(2):
        unary = noisy(seed)
        unary[:, 1] -= 0.9
        post = torch.stack([mean_field(u, image).argmax(0) for u, image in zip(unary, IMAGES, strict=True)])
        layer, offset = CRFRNN(2, steps=3), torch.zeros(1, 2, 1, 1, requires_grad=True)
        opt = torch.optim.Adam([*layer.parameters(), offset], 0.1)
        for _ in range(15):
            opt.zero_grad()
            loss = torch.nn.functional.cross_entropy(layer(unary + offset, IMAGES), TRUTH)
            loss.backward()
            opt.step()
        joint = layer(unary + offset, IMAGES).argmax(1)
        gains.append(mean_iou(joint) - mean_iou(post))
    assert min(gains) > 0.02


def test_bad_arguments_are_refused() -> None:
    unary = noisy(0)[0]
    with pytest.raises(ValueError, match="image"):
        mean_field(unary, IMAGES[0][:, :8])
    with pytest.raises(ValueError, match="theta_beta"):
        Kernels(theta_beta=0)
    with pytest.raises(ValueError, match="filter_by"):
        mean_field(unary, IMAGES[0], filter_by="fft")
    with pytest.raises(ValueError, match="unary"):
        CRFRNN(3)(noisy(0), IMAGES)
