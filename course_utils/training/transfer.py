"""Reuse a trained network: a new head, frozen layers, cached features, a learning rate for each layer (chapter 09)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.check import check_int, check_number, check_same_length, check_shape
from course_utils.training.evaluation import device_of


def head_name(model: nn.Module) -> str:
    """Return the dotted name of the last linear layer of a classifier.

    Raises:
        ValueError: if it has none.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not names:
        raise ValueError(
            f"{type(model).__name__} has no linear layer to replace; say which module is the head with name="
        )
    return names[-1]


def replace_head(model: nn.Module, num_classes: int, name: str | None = None) -> nn.Linear:
    """Put a new linear layer in the place of the old head, in place.

    Build the optimiser *after* this call: an optimiser made before holds the weights of the old head.

    Args:
        model: a classifier.
        num_classes: outputs of the new head, at least 1.
        name: dotted name of the old head, a linear layer; the last linear layer if left out.

    Returns:
        The new head, with PyTorch's random start, on the device and in the number format of the old one.

    Raises:
        ValueError: if there is no such layer, or it is not linear.
    """
    check_int("num_classes", num_classes, minimum=1)
    path = name if name is not None else head_name(model)
    modules = dict(model.named_modules())
    old = modules.get(path)
    if not isinstance(old, nn.Linear):
        found = "nothing" if old is None else type(old).__name__
        raise ValueError(
            f"the head must be a linear layer, got {found} at {path!r}; the last one is {head_name(model)!r}"
        )
    new = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
    parent, _, last = path.rpartition(".")
    setattr(modules[parent], last, new)
    return new


def _stay_in_evaluation(module: nn.Module, inputs: Any) -> None:
    if module.training:
        module.eval()


def freeze(module: nn.Module) -> None:
    """Stop a part of a network from changing: no gradients, and no new statistics in its normalisation layers.

    ``requires_grad = False`` alone is not enough. A batch normalisation layer in training mode replaces its running
    mean and variance at every batch, gradient or not. A frozen part therefore goes back to evaluation mode before each
    forward pass, whatever ``model.train()`` said.
    """
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    if _stay_in_evaluation not in module._forward_pre_hooks.values():
        module.register_forward_pre_hook(_stay_in_evaluation)


def unfreeze(module: nn.Module) -> None:
    """Undo :func:`freeze`."""
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    hooks = module._forward_pre_hooks
    for key in [key for key, hook in hooks.items() if hook is _stay_in_evaluation]:
        del hooks[key]


def stage_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the children that have parameters, in the order in which the model lists them."""
    return tuple(name for name, child in model.named_children() if any(True for _ in child.parameters()))


def layer_rates(count: int, lr: float, decay: float) -> list[float]:
    """Return the rates of ``count`` stages, first to last: ``lr`` for the last, times ``decay`` a stage backwards.

    Args:
        count: stages, at least 1.
        lr: rate of the last stage, above 0.
        decay: factor from a stage to the one before it, above 0, at most 1.

    Source: J. Howard, S. Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.2
    (discriminative fine-tuning; there the factor is 1/2.6).
    """
    check_int("count", count, minimum=1)
    check_number("lr", lr, above=0)
    check_number("decay", decay, above=0, maximum=1)
    return [lr * decay ** (count - 1 - place) for place in range(count)]


def parameter_groups(
    model: nn.Module, lr: float, decay: float = 0.1, stages: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return an optimiser's parameter groups, one a stage, with learning rates that fall from the head to the input.

    Args:
        model: the network; frozen parameters are left out, and a stage without any other makes no group.
        lr: learning rate of the last stage.
        decay: see :func:`layer_rates`.
        stages: dotted names of modules from input to output; the model's children if left out.

    Returns:
        Dictionaries with ``params``, ``lr`` and ``name``.

    Raises:
        ValueError: if a trainable parameter lies in no stage or in two.
        KeyError: if there is no such stage.
    """
    names = tuple(stages) if stages is not None else stage_names(model)
    modules = dict(model.named_modules())
    for name in names:
        if name not in modules:
            raise KeyError(f"the network has no stage {name!r}; its children are {', '.join(stage_names(model))}")
    owner: dict[int, str] = {}
    groups = []
    for name, rate in zip(names, layer_rates(len(names), lr, decay), strict=True):
        own = [p for p in modules[name].parameters() if p.requires_grad]
        for parameter in own:
            if id(parameter) in owner:
                raise ValueError(f"stages {owner[id(parameter)]!r} and {name!r} share a parameter; give each one once")
            owner[id(parameter)] = name
        if own:
            groups.append({"params": own, "lr": rate, "name": name})
    left = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in owner]
    if left:
        raise ValueError(f"no stage holds {left[0]!r} and {len(left) - 1} more: name them in stages, or freeze them")
    if not groups:
        raise ValueError("every parameter is frozen: there is nothing to train; unfreeze the head")
    return groups


def collect_features(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], head: str | None = None
) -> tuple[Tensor, Tensor]:
    """Run a network once over its pictures and keep what its head is given.

    Args:
        model: a classifier; its mode is restored afterwards.
        batches: yields ``(x, y)``.
        head: dotted name of the module whose input is kept; the last linear layer if left out.

    Returns:
        ``(features, labels)``, (N, D) and (N, ...), on the CPU, in the order of the batches.

    Raises:
        ValueError: if ``batches`` is empty.
        KeyError: if there is no such module.
    """
    name = head if head is not None else head_name(model)
    modules = dict(model.named_modules())
    if name not in modules:
        raise KeyError(f"the network has no module {name!r}; its last linear layer is {head_name(model)!r}")
    kept: list[Tensor] = []
    labels: list[Tensor] = []
    handle = modules[name].register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0].flatten(1).cpu()))
    device, was_training = device_of(model), {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            for x, y in batches:
                model(x.to(device))
                labels.append(y.cpu())
    finally:
        handle.remove()
        for module, mode in was_training.items():
            module.training = mode
    if not labels:
        raise ValueError("batches must hold at least one batch, got none; check batch_size and drop_last")
    return torch.cat(kept), torch.cat(labels)


def linear_probe(features: Tensor, labels: Tensor, num_classes: int, penalty: float = 1e-2) -> nn.Linear:
    """Train a linear classifier on cached features: softmax regression with a penalty, to the minimum.

    The problem is convex, so there is no learning rate and no seed. Features are standardised first; the returned
    layer takes them as they are (mean and scale are folded into its weights), so that it can serve as the head.

    Args:
        features: (N, D).
        labels: int64 (N,).
        num_classes: outputs, at least as many as labels.
        penalty: half of it times the squared weights is added to the mean cross-entropy; above 0.

    Returns:
        A linear layer D to ``num_classes``, in the number format of ``features``.

    Raises:
        ValueError: if shapes or labels do not fit.
    """
    check_shape("features", features, (None, None))
    check_shape("labels", labels, (None,))
    check_same_length("features", features, "labels", labels)
    check_number("penalty", penalty, above=0)
    check_int("num_classes", num_classes, minimum=int(labels.max()) + 1)
    x = features.detach().double()
    mean, scale = x.mean(dim=0), x.std(dim=0, correction=0)
    scale = torch.where(scale > 1e-6 * (1 + mean.abs()), scale, torch.ones_like(scale))
    x = (x - mean) / scale
    weight = torch.zeros(num_classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight.T + bias, labels) + penalty / 2 * (weight**2).sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    head = nn.Linear(x.shape[1], num_classes, dtype=features.dtype)
    with torch.no_grad():
        head.weight.copy_(weight / scale)
        head.bias.copy_(bias - (weight / scale) @ mean)
    return head


def relative_moves(
    before: Mapping[str, Tensor], model: nn.Module, stages: Sequence[str] | None = None
) -> dict[str, float]:
    """Return how far each stage's weights went, relative to their length at the start.

    Args:
        before: a copy of ``model.state_dict()`` from the start (copied: ``state_dict`` itself follows the training).
        model: the network now.
        stages: names of modules; the model's children with parameters if left out.

    Returns:
        By stage: the norm of the difference divided by the norm before; only parameters count, no statistics.
    """
    moves = {}
    parameters = dict(model.named_parameters())
    for stage in stages if stages is not None else stage_names(model):
        own = [name for name in parameters if name == stage or name.startswith(stage + ".")]
        if not own:
            raise KeyError(
                f"the network has no stage {stage!r} with parameters; it has {', '.join(stage_names(model))}"
            )
        change = sum(float((parameters[name].detach() - before[name]).double().pow(2).sum()) for name in own)
        length = sum(float(before[name].double().pow(2).sum()) for name in own)
        moves[stage] = (change / length) ** 0.5 if length else float("inf")
    return moves
