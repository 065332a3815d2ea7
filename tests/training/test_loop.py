"""The loop does what its few lines say: the same steps as torch by hand, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.training import History, LossError, TrainingError, WeightAverage, evaluate, fit
from course_utils.training.loop import right_answers
from course_utils.training.mixing import mixup
from course_utils.training.progress import Progress, somebody_watches


class Log(nn.Module):
    """The logarithm, of negative numbers too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.log()


def make(seed: int = 0, n: int = 96) -> tuple[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]:
    torch.manual_seed(seed)
    x = torch.randn(n, 4)
    y = (x[:, 0] + x[:, 1] > 0).long()
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), list(zip(x.split(32), y.split(32)))


def test_fit_takes_the_same_steps_as_torch_by_hand() -> None:
    model, batches = make()
    fit(model, batches, epochs=2, lr=0.1, optimizer="sgd")
    by_hand, _ = make()
    opt = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        for x, y in batches:
            opt.zero_grad()
            F.cross_entropy(by_hand(x), y).backward()
            opt.step()
    for ours, theirs in zip(model.parameters(), by_hand.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_history_counts_epochs_steps_and_learns() -> None:
    model, batches = make()
    history = fit(model, batches, valid=batches, epochs=20, lr=0.05, schedule="one_cycle")
    assert history.epochs == 20
    assert len(history.lr) == len(history.step_loss) == 60
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
    assert history.valid_accuracy[-1] > 0.95
    assert max(history.lr) == pytest.approx(0.05, rel=1e-3)
    assert history.lr[-1] < 1e-4
    assert "valid acc" in str(history)
    assert model.training


def test_one_cycle_keeps_the_rates_of_parameter_groups() -> None:
    seen: list[list[float]] = []

    def slow_below(parameters: object, lr: float) -> torch.optim.Optimizer:
        groups = [{"params": model[0].parameters(), "lr": lr / 100}, {"params": model[2].parameters(), "lr": lr}]
        opt = torch.optim.Adam(groups)
        opt.register_step_post_hook(lambda o, *_: seen.append([group["lr"] for group in o.param_groups]))
        return opt

    model, batches = make()
    fit(model, batches, epochs=4, lr=0.05, optimizer=slow_below, schedule="one_cycle")
    assert len(seen) == 12
    assert all(below == pytest.approx(above / 100) for below, above in seen)
    assert max(above for _, above in seen) == pytest.approx(0.05, rel=0.05)


def test_evaluate_gives_mean_loss_accuracy_and_mistakes_and_restores_the_mode() -> None:
    model, batches = make()
    x, y = (torch.cat(part) for part in zip(*batches))
    model.train()
    seen = evaluate(model, batches)
    assert model.training
    with torch.no_grad():
        logits = model(x)
    assert seen.loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    assert seen.accuracy == pytest.approx((logits.argmax(1) == y).double().mean().item())
    assert torch.equal(seen.mistakes, (logits.argmax(1) != y).nonzero().flatten())


def test_unequal_batches_are_weighted_by_their_size() -> None:
    model, batches = make(n=96)
    x, y = (torch.cat(part) for part in zip(*batches))
    uneven = [(x[:90], y[:90]), (x[90:], y[90:])]
    assert evaluate(model, uneven).loss == pytest.approx(evaluate(model, batches).loss, rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_the_remedy() -> None:
    model, batches = make()
    with pytest.raises(FloatingPointError, match=r"in epoch 1, step 1: 32 of 32 inputs of this batch hold NaN"):
        fit(model, [(x * float("inf"), y) for x, y in batches], lr=0.1, epochs=1)
    model, batches = make()
    with pytest.raises(LossError, match=r"weights of \S+ are not finite.*lr = 1e\+38 .* try 1e\+37"):
        fit(model, batches, lr=1e38, optimizer="sgd", loss=lambda logits, y: 100 * logits.square().mean())
    model, batches = make()
    with pytest.raises(LossError, match=r"layer 1 turns finite numbers into nan; lr = 0.1"):
        fit(nn.Sequential(model[0], Log(), model[2]), batches, lr=0.1, epochs=1)


def test_a_loss_that_leaves_all_bounds_stops_before_it_is_infinite() -> None:
    model, batches = make()
    with pytest.raises(LossError, match=r"has grown to .* in epoch \d, step \d, from .*try 10, or clip"):
        fit(model, batches, lr=100, optimizer="sgd", loss=lambda logits, y: logits.square().mean(), epochs=9)


def test_labels_that_the_network_cannot_answer_are_refused() -> None:
    model, batches = make()
    with pytest.raises(TrainingError, match="labels must be 0 to 1 for a network with 2 outputs, got 0 to 5"):
        fit(model, [(x, y * 5) for x, y in batches])


def test_a_batch_of_the_wrong_shape_is_named() -> None:
    model, batches = make()
    with pytest.raises(TrainingError, match=r"epoch 1, step 3, of shape \(32, 3\)"):
        fit(model, [*batches[:2], (batches[2][0][:, :3], batches[2][1])])


def test_running_out_of_memory_says_what_to_try() -> None:
    class Greedy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    with pytest.raises(TrainingError, match=r"shape \(32, 4\); try batch_size=16 with accumulate=2"):
        fit(nn.Sequential(nn.Linear(4, 2), Greedy()), make()[1])


def test_accumulated_batches_take_the_steps_of_large_ones() -> None:
    model, batches = make()
    x, y = (torch.cat(part) for part in zip(*batches))
    history = fit(model, list(zip(x.split(16), y.split(16))), epochs=3, lr=0.1, optimizer="sgd", accumulate=2)
    large, _ = make()
    fit(large, list(zip(x.split(32), y.split(32))), epochs=3, lr=0.1, optimizer="sgd")
    assert (len(history.lr), len(history.step_loss)) == (9, 18)
    for ours, theirs in zip(model.parameters(), large.parameters()):
        torch.testing.assert_close(ours, theirs)


def test_clipped_gradients_have_at_most_the_norm_asked_for() -> None:
    model, batches = make()
    before = [p.detach().clone() for p in model.parameters()]
    plain = lambda params, lr: torch.optim.SGD(params, lr=lr)
    fit(model, batches[:1], epochs=1, lr=1.0, optimizer=plain, clip=1e-3)
    moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(model.parameters(), before)]).norm()
    assert float(moved) == pytest.approx(1e-3, rel=1e-3)


def test_patience_stops_and_returns_to_the_best_weights() -> None:
    model, batches = make()
    other = [(x, 1 - y) for x, y in batches]  # what the run learns makes this worse and worse
    history = fit(model, batches, valid=other, epochs=50, lr=0.05, patience=3)
    assert history.epochs == 4
    assert evaluate(model, other).loss == pytest.approx(min(history.valid_loss), rel=1e-5)
    with pytest.raises(ValueError, match="patience needs held-out batches"):
        fit(model, batches, patience=3)


def test_the_average_is_what_is_validated() -> None:
    model, batches = make()
    average = WeightAverage(model, decay=0.9)
    history = fit(model, batches, valid=batches, epochs=3, lr=0.05, average=average)
    assert history.valid_loss[-1] == pytest.approx(evaluate(average.model, batches).loss)
    assert history.valid_loss[-1] != pytest.approx(evaluate(model, batches).loss)


def test_mixed_pictures_are_learned_from() -> None:
    model, batches = make()
    history = fit(model, batches, epochs=30, lr=0.05, mix=mixup(0.2, 2))
    assert evaluate(model, batches).accuracy > 0.95
    assert history.train_accuracy[-1] < 1


def test_a_history_goes_to_files_and_back(tmp_path: Path) -> None:
    model, batches = make()
    history = fit(model, batches, valid=batches, epochs=2)
    assert History.from_json(history.to_json(tmp_path / "h.json")) == history
    lines = history.to_csv(tmp_path / "h.csv").read_text().splitlines()
    assert lines[0] == "epoch,train_loss,train_accuracy,valid_loss,valid_accuracy"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
    (tmp_path / "odd.json").write_text('{"speed": "", "wrong": 1}')
    with pytest.raises(ValueError, match=r"odd.json must hold a history, got \['wrong'\]"):
        History.from_json(tmp_path / "odd.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"lr": 0}, "lr must be greater than 0, got 0"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"schedule": "cosinus"}, "schedule must be one of"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    model, batches = make()
    with pytest.raises(ValueError, match=message):
        fit(model, batches, **options)


def test_no_batches_are_refused() -> None:
    model, _ = make()
    with pytest.raises(ValueError, match="at least one batch"):
        fit(model, [])
    with pytest.raises(ValueError, match="at least one batch"):
        evaluate(model, [])


def test_a_bar_that_nobody_watches_prints_nothing(
    capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    assert not somebody_watches()
    assert list(Progress([1, 2, 3], "epoch")) == [1, 2, 3]
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("COURSE_PROGRESS", "1")
    assert somebody_watches()
    bar: Progress[int] = Progress([1, 2, 3], "epoch 1/1")
    assert list(bar) == [1, 2, 3]
    bar.close()
    assert "epoch 1/1" in capfd.readouterr().err


def test_pictures_labelled_by_pixel_count_with_their_share_of_right_pixels() -> None:
    y = torch.tensor([[[0, 1], [1, 1]], [[1, 1], [1, 1]]])  # (N, H, W): 3 and 4 of 4 pixels of class 1
    logits = torch.stack([torch.zeros(2, 2, 2), torch.ones(2, 2, 2)], dim=1)  # says 1 everywhere
    assert float(right_answers(logits, y)) == 0.75 + 1
    assert float(right_answers(logits[:, :, 0, 0], y[:, 0, 1])) == 2
    assert float(right_answers(logits, y.float())) == 0, "numbers are no classes"
    assert float(right_answers(logits, y[:, :1])) == 0, "another shape is no labelling"
    batches = [(torch.randn(2, 3, 2, 2), y)] * 3
    history = fit(nn.Conv2d(3, 2, 1), batches, epochs=1, progress=False)
    assert 0 < history.train_accuracy[0] <= 1
