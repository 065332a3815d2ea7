"""Exercise 4: activations and their slopes."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, close, compare, passed, read_array, read_tuple

from .entries import first_wrong, overflowed

A = np.array([-2.0, 0.0, 0.5])
S = np.array([0.1192029220, 0.5, 0.6224593312])
T = np.array([-0.9640275801, 0.0, 0.4621171573])
RIGHT = {
    "sigmoid": (S, S * (1 - S)),
    "tanh": (T, 1 - T**2),
    "relu": ([0, 0, 0.5], [0, 0, 1]),
    "leaky_relu": ([-0.02, 0, 0.5], [0.01, 0.01, 1]),
}
VALUES = {
    "sigmoid": [
        (1 - S, "sigmoid: there is a minus in the exponent, so that it rises"),
        (T, "sigmoid goes from 0 to 1, this is tanh"),
        ([0.0179862100, 0.5, 0.7310585786], "sigmoid is (1 + tanh(a / 2)) / 2: there is half of a inside"),
    ],
    "tanh": [(S, "tanh goes from -1 to 1, this is the sigmoid")],
    "relu": [
        ([-2, 0, 0.5], "relu cuts off what is below 0"),
        ([2, 0, 0.5], "relu: below 0 it is 0, this is the absolute value"),
        (
            [0, 0, 1],
            "relu: its value turns into its slope. Two names for one array change together: make a copy, or a new array",
        ),
    ],
    "leaky_relu": [
        ([0, 0, 0.5], "leaky_relu lets a little through below 0: 0.01 a, where the ReLU has nothing"),
        ([0.02, 0, 0.5], "leaky_relu turns the sign below 0: it is 0.01 a, which is negative there"),
        ([-0.2, 0, 0.5], "leaky_relu lets too much through: 0.01 a, not 0.1 a"),
        ([-2, 0, 0.005], "leaky_relu is the wrong way round: a above 0, and 0.01 a below"),
        ([-0.01, -0.01, 0.5], "leaky_relu is -0.01 everywhere below 0: it is 0.01 a there"),
    ],
}
SLOPES = {
    "sigmoid": [
        (A * (1 - A), "sigmoid: its slope contains the value, s (1 - s), not the input"),
        (S, "sigmoid: its slope is s (1 - s), this is s"),
        (1 - S**2, "sigmoid: its slope is s (1 - s); 1 minus the square belongs to tanh"),
        (S * (S - 1), "sigmoid: its slope has the wrong sign: it rises everywhere, s (1 - s)"),
        (S * (1 - A), "sigmoid: its slope contains the value twice, s (1 - s), not the input"),
        (
            np.array([0.2491140154, 0.2350037122, 0.2272660918]),
            "sigmoid: its slope is taken at the value: with s = sigmoid(a) it is s (1 - s), no second sigmoid",
        ),
    ],
    "tanh": [
        (1 - T, "tanh: its slope is 1 minus the square of tanh: the square is missing"),
        (T * (1 - T), "tanh: its slope is 1 - t^2; t (1 - t) belongs to the sigmoid"),
        (1 - A**2, "tanh: its slope contains the value, 1 - t^2, not the input"),
        (T**2 - 1, "tanh: its slope has the wrong sign: it rises everywhere, 1 - t^2"),
    ],
    "relu": [
        ([0, 0, 0.5], "relu: its slope is 1 where it is open, this is its value"),
        ([0, 1, 1], "relu: its slope at 0 is 0, by agreement"),
        ([-1, 0, 1], "relu: its slope below 0 is 0, this is the sign"),
    ],
    "leaky_relu": [
        ([0, 0, 1], "leaky_relu: its slope below 0 is 0.01, not 0"),
        ([0.1, 0.1, 1], "leaky_relu: its slope below 0 is 0.01, not 0.1"),
        ([0.01, 1, 1], "leaky_relu: its slope at 0 is 0.01, by agreement"),
        ([-0.01, -0.01, 1], "leaky_relu: its slope below 0 is 0.01, not -0.01"),
    ],
}


def activations(activation) -> None:
    """Exercise 4."""
    for kind, (value, slope) in RIGHT.items():
        pair = read_tuple(ask(activation, kind, A), 2, f"activation({kind!r}, a)")
        first = read_array(pair[0], (3,), f"the value of {kind}")
        second = read_array(pair[1], (3,), f"the slope of {kind}")
        if close(first, slope) and close(second, value):
            raise Wrong(f"{kind}: the slope comes first here: return the value, then the slope")
        otherwise = f"{kind}: its value is not right at -2, 0 and 0.5: {first_wrong(first, value)}"
        compare(first, value, VALUES[kind], otherwise)
        otherwise = f"{kind}: its slope is not right at -2, 0 and 0.5: {first_wrong(second, slope)}"
        compare(second, slope, SLOPES[kind], otherwise)
    for kind in RIGHT:
        _far_out(activation, kind)
    passed(
        4,
        "The prediction: the sigmoid is steepest at 0, and its slope there is only 1/4. After ten of them at most "
        "(1/4)^10 of a signal is left, a millionth.",
    )


def _far_out(activation, kind) -> None:
    far = np.array([[-1000.0, -0.25, 1000.0]])
    try:
        pair = read_tuple(ask(activation, kind, far), 2, f"activation({kind!r}, a)")
        value, slope = (read_array(v, (1, 3), f"{kind} for an array of shape (1, 3)") for v in pair)
    except Wrong as wrong:
        if not overflowed(wrong):
            raise
        raise Wrong(f"{kind} fails at -1000 or 1000: {wrong}") from None
    right = {
        "sigmoid": [[0, 0.4378234991, 1]],
        "tanh": [[-1, -0.2449186624, 1]],
        "relu": [[0, 0, 1000]],
        "leaky_relu": [[-10, -0.0025, 1000]],
    }[kind]
    otherwise = f"{kind} is not right at -1000, -0.25 and 1000: {first_wrong(value, right)}"
    compare(value, right, otherwise=otherwise)
    right = {
        "sigmoid": [[0, 0.2461340827, 0]],
        "tanh": [[0, 0.9400148488, 0]],
        "relu": [[0, 0, 1]],
        "leaky_relu": [[0.01, 0.01, 1]],
    }[kind]
    otherwise = f"the slope of {kind} is not right at -1000, -0.25 and 1000: {first_wrong(slope, right)}"
    compare(slope, right, otherwise=otherwise)
