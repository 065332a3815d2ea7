"""The grammar of a convolutional network: one line that says its shape (chapter 06).

A pattern such as ``[conv*2, pool]*3, linear*1`` becomes a network. Words:

- ``conv`` or ``conv5``: a convolution with padding and its ReLU; a number gives the kernel's side, 3 if left out
- ``pool``: maximum pooling 2x2; ``avgpool``: average pooling 2x2; ``gap``: mean over the whole map
- ``linear``: a linear layer and its ReLU; the last layer of all has as many outputs as classes, and no ReLU
- ``softmax``: at the end only, and only if probabilities are wanted in place of logits
- ``[...]*n`` repeats a group, ``word*n`` a word

Source: the pattern of the lectures, [conv*M, pool]*N, linear*K, softmax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from course_utils.check import check_int

TOKEN = re.compile(r"\s*(?:(?P<word>[a-z]+)(?P<size>\d*)|(?P<mark>[\[\],*])|(?P<number>\d+))")
WORDS = ("conv", "pool", "avgpool", "gap", "linear", "softmax")


@dataclass(frozen=True)
class Layer:
    """One layer of a pattern: its word, and the kernel's side where it has one."""

    word: str
    size: int = 0


class PatternError(ValueError):
    """A pattern that is no network; the message shows where it breaks."""


def parse(pattern: str) -> list[Layer]:
    """Return the layers that a pattern stands for, in order.

    Args:
        pattern: see the module's description.

    Raises:
        PatternError: with the rest of the pattern from the place where it breaks.
    """
    tokens, place = [], 0
    text = pattern.strip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise PatternError(f"pattern has no word, bracket, comma or star at {text[place:]!r}; words: {WORDS}")
        tokens.append((match, place))
        place = match.end()
    layers, rest = _sequence(text, tokens)
    if rest:
        raise PatternError(f"pattern closes a bracket that it did not open at {text[rest[0][1] :]!r}")
    if any(layer.word == "softmax" for layer in layers[:-1]):
        raise PatternError("softmax must be the last word")
    flat = [layer.word in ("linear", "softmax", "gap") for layer in layers]
    if any(a and not b for a, b in pairwise(flat)):
        raise PatternError("conv and pool must come before the first linear or gap: after it there are no maps")
    return layers


def _sequence(text: str, tokens: list) -> tuple[list[Layer], list]:
    layers: list[Layer] = []
    while True:
        if not tokens:
            raise PatternError("pattern ends where a word or a group should stand")
        match, place = tokens[0]
        if match["mark"] == "[":
            item, tokens = _sequence(text, tokens[1:])
            if not tokens or tokens[0][0]["mark"] != "]":
                raise PatternError(f"pattern does not close the bracket at {text[place:]!r}")
            tokens = tokens[1:]
        elif match["word"]:
            if match["word"] not in WORDS or (match["size"] and match["word"] != "conv"):
                raise PatternError(
                    f"pattern has the word {match[0].strip()!r}; words are {', '.join(WORDS)}, conv5, ..."
                )
            size = int(match["size"] or 3) if match["word"] == "conv" else 0
            if match["word"] == "conv" and size % 2 == 0:
                raise PatternError(f"kernels must have an odd side, got conv{size}")
            item, tokens = [Layer(match["word"], size)], tokens[1:]
        else:
            raise PatternError(f"pattern needs a word or a group at {text[place:]!r}")
        if tokens and tokens[0][0]["mark"] == "*":
            if len(tokens) < 2 or not tokens[1][0]["number"] or int(tokens[1][0]["number"]) < 1:
                raise PatternError(f"a star must be followed by a number of at least 1 at {text[tokens[0][1] :]!r}")
            item, tokens = item * int(tokens[1][0]["number"]), tokens[2:]
        layers += item
        if not tokens or tokens[0][0]["mark"] != ",":
            return layers, tokens
        tokens = tokens[1:]


def build(
    pattern: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: int = 16,
    units: int = 64,
) -> nn.Sequential:
    """Build the network that a pattern describes.

    Args:
        pattern: see the module's description.
        input_shape: of one image, (C, H, W).
        num_classes: outputs of the last linear layer.
        width: maps of the first convolution; doubled after every pooling.
        units: of the linear layers before the last.

    Returns:
        Images (N, C, H, W) to logits (N, num_classes), or probabilities if the pattern ends with ``softmax``.
        Layers are named ``conv1 relu1 pool1 ... linear1``.

    Raises:
        PatternError: if the pattern breaks, has no linear layer, or pools a map away.
    """
    channels, height, w = (check_int(f"input_shape[{i}]", n, minimum=1) for i, n in enumerate(input_shape))
    layers = parse(pattern)
    linears = sum(layer.word == "linear" for layer in layers)
    if not linears:
        raise PatternError("pattern must have a linear layer: its outputs are the classes")
    model, counts = nn.Sequential(), dict.fromkeys((*WORDS, "relu"), 0)
    size, maps, features, pooled = (height, w), width, 0, False

    def add(word: str, module: nn.Module) -> None:
        counts[word] += 1
        model.add_module(f"{word}{counts[word]}", module)

    for layer in layers:
        if layer.word == "conv":
            maps = maps * 2 if pooled else maps
            pooled = False
            add("conv", nn.Conv2d(channels, maps, layer.size, padding=layer.size // 2))
            add("relu", nn.ReLU())
            channels = maps
        elif layer.word in ("pool", "avgpool"):
            if min(size) < 2:
                raise PatternError(f"pool number {counts['pool'] + 1} finds maps of {size[0]} x {size[1]}: pool less")
            add(layer.word, nn.MaxPool2d(2) if layer.word == "pool" else nn.AvgPool2d(2))
            size, pooled = (size[0] // 2, size[1] // 2), True
        elif layer.word == "gap":
            add("gap", nn.AdaptiveAvgPool2d(1))
            size = (1, 1)
        elif layer.word == "linear":
            if not features:
                model.add_module("flatten", nn.Flatten())
                features = channels * size[0] * size[1]
            last = counts["linear"] == linears - 1
            out = num_classes if last else units
            add("linear", nn.Linear(features, out))
            features = out
            if not last:
                add("relu", nn.ReLU())
        else:
            model.add_module("softmax", nn.Softmax(dim=1))
    return model
