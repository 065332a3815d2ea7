"""Exercise 4: activations and their slopes."""

import numpy as np

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_tuple

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
    ],
    "tanh": [(S, "tanh goes from -1 to 1, this is the sigmoid")],
    "relu": [([-2, 0, 0.5], "relu cuts off what is below 0")],
    "leaky_relu": [
        ([0, 0, 0.5], "leaky_relu lets a little through below 0: 0.01 a, where the ReLU has nothing"),
        ([0.02, 0, 0.5], "leaky_relu turns the sign below 0: it is 0.01 a, which is negative there"),
        ([-0.2, 0, 0.5], "leaky_relu lets too much through: 0.01 a, not 0.1 a"),
    ],
}
SLOPES = {
    "sigmoid": [
        (A * (1 - A), "sigmoid: its slope contains the value, s (1 - s), not the input"),
        (S, "sigmoid: its slope is s (1 - s), this is s"),
        (1 - S**2, "sigmoid: its slope is s (1 - s); 1 minus the square belongs to tanh"),
    ],
    "tanh": [
        (1 - T, "tanh: its slope is 1 minus the square of tanh: the square is missing"),
        (T * (1 - T), "tanh: its slope is 1 - t^2; t (1 - t) belongs to the sigmoid"),
    ],
    "relu": [
        ([0, 0, 0.5], "relu: its slope is 1 where it is open, this is its value"),
        ([0, 1, 1], "relu: its slope at 0 is 0, by agreement"),
    ],
    "leaky_relu": [
        ([0, 0, 1], "leaky_relu: its slope below 0 is 0.01, not 0"),
        ([0.01, 1, 1], "leaky_relu: its slope at 0 is 0.01, by agreement"),
        ([-0.01, -0.01, 1], "leaky_relu: its slope below 0 is 0.01, not -0.01"),
    ],
}


def activations(activation) -> None:
    """Exercise 4."""
    for kind, (value, slope) in RIGHT.items():
        pair = read_tuple(ask(activation, kind, A), 2, f"activation({kind!r}, a)")
        got = read_array(pair[0], (3,), f"the value of {kind}")
        compare(got, value, VALUES[kind], f"{kind}: its value is not right at -2, 0 and 0.5")
        got = read_array(pair[1], (3,), f"the slope of {kind}")
        compare(got, slope, SLOPES[kind], f"{kind}: its slope is not right at -2, 0 and 0.5")
    for kind in RIGHT:
        far = np.array([[-1000.0, 1000.0]])
        pair = read_tuple(ask(activation, kind, far), 2, f"activation({kind!r}, a)")
        try:
            value, slope = (read_array(v, (1, 2), f"{kind} far out") for v in pair)
        except Wrong as wrong:
            raise Wrong(f"{kind} fails at -1000 or 1000: {wrong}") from None
        ends = {"sigmoid": [0, 1], "tanh": [-1, 1], "relu": [0, 1000], "leaky_relu": [-10, 1000]}[kind]
        compare(value, [ends], otherwise=f"{kind} is not right at -1000 and 1000")
        ends = {"sigmoid": [0, 0], "tanh": [0, 0], "relu": [0, 1], "leaky_relu": [0.01, 1]}[kind]
        compare(slope, [ends], otherwise=f"the slope of {kind} is not right at -1000 and 1000")
    passed(4, "The sigmoid's slope is never above 1/4: ten of them leave a millionth.")
