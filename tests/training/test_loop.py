"""The loop does what its few lines say: the same steps as torch by hand, and clear refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.training import evaluate, fit
from course_utils.training.progress import Progress, somebody_watches


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
    with pytest.raises(FloatingPointError, match=r"in epoch 1, step \d.*lr = 0.1 .* try 0.01"):
        fit(model, [(x * float("inf"), y) for x, y in batches], lr=0.1, epochs=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"lr": 0}, "lr must be greater than 0, got 0"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"schedule": "cosine"}, "schedule must be one of"),
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
