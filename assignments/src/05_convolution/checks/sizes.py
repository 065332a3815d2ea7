"""Exercise 1: the size of the output."""

from course_utils.grading.answers import Wrong, ask, compare, passed, read_number

CASES = (
    ((14, 4, 3, 0, 1), 4, [(3, "plus"), (5, "up"), (11, "stride"), (13 / 3, "down"), (1, "early")]),
    ((7, 3, 1, 1, 1), 7, [(6, "ends"), (5, "padding"), (8, "up")]),
    ((9, 3, 1, 0, 3), 3, [(1, "covers"), (7, "dilation"), (4, "covers")]),
    ((10, 4, 3, 2, 2), 3, [(2, "ends"), (4, "dilation"), (8, "stride")]),
    ((12, 3, 4, 1, 1), 3, [(4, "nearest")]),
)
FITS = (  # n, k, s, p, r, and 1 where the window just fits, 0 where it does not
    (3, 5, 2, 1, 1, 1),
    (2, 8, 1, 3, 1, 1),
    (3, 4, 2, 0, 1, 0),
    (2, 5, 2, 0, 1, 0),
    (2, 10, 1, 3, 1, 0),
    (4, 3, 1, 0, 3, 0),
)
SENTENCES = {
    "plus": "output_size is one too small: with room for d steps there are d + 1 places, plus one for the first",
    "up": "output_size rounds up: a last step that would leave the row is not made, so round down",
    "nearest": "output_size rounds to the nearest: 11 / 4 = 2.75 leaves room for 2 steps, so round down",
    "down": "output_size returns a fraction: there is no half place, so round down",
    "stride": "output_size ignores the stride: the window moves s at a time",
    "ends": "output_size pads one end: the zeros are put at both ends, so the row has n + 2 p numbers",
    "padding": "output_size ignores the padding: the row has n + 2 p numbers",
    "covers": "output_size takes the wrong width for a dilated window: k numbers r apart, so it covers r (k - 1) + 1",
    "dilation": "output_size ignores the dilation: a window of k numbers r apart covers r (k - 1) + 1",
    "early": "output_size divides too early: take the window from the row first, then divide what is left by s",
}


def sizes(output_size, same_padding) -> None:
    """Exercise 1."""
    for arguments, right, mistakes in CASES:
        n, k, s, p, r = arguments
        case = f"n = {n}, k = {k}, s = {s}, p = {p}, r = {r}"
        got = read_number(ask(output_size, *arguments), f"output_size({n}, {k}, {s}, {p}, {r})")
        otherwise = (
            f"output_size is not right for {case}: count the places by hand, there are {right}; yours is {got:g}"
        )
        compare(got, right, [(value, f"{SENTENCES[why]} ({case})") for value, why in mistakes], otherwise)
    got = read_number(ask(output_size, 3, 6, 1, 1, 1), "output_size(3, 6, 1, 1, 1)")
    if got != 0:
        raise Wrong(
            f"output_size says {got:g} where the window does not fit: 6 numbers are wider than a row of 3 with one zero "
            "at each end. Return 0"
        )
    for n, k, s, p, r, right in FITS:
        got = read_number(ask(output_size, n, k, s, p, r), f"output_size({n}, {k}, {s}, {p}, {r})")
        case = f"n = {n}, k = {k}, s = {s}, p = {p}, r = {r}"
        if right:
            otherwise = (
                f"output_size is {got:g} where the window just fits ({case}): compare k' = r (k - 1) + 1 with n + 2 p. "
                "A window as wide as the row has one place"
            )
        elif got < 0:
            otherwise = f"output_size is below zero where the window does not fit: return 0 ({case})"
        else:
            otherwise = (
                f"output_size is {got:g} where the window does not fit: return 0 ({case}). `int` and `round` do not round "
                "down below zero; `//` does"
            )
        compare(got, right, otherwise=otherwise)

    for k, r, right in ((5, 1, 2), (3, 1, 1), (5, 3, 6)):
        got = read_number(ask(same_padding, k, r), f"same_padding({k}, {r})")
        mistakes = [
            (
                r * (k + 1) // 2,
                "same_padding takes half the window rounded up: a window of 5 needs two zeros at each end",
            ),
            (r * k // 2, "same_padding takes half of r k: the window covers r (k - 1) + 1"),
            ((k - 1) // 2, "same_padding forgets the dilation: a window with gaps reaches further"),
            (r * (k - 1), "same_padding gives all the zeros at once: half of them go at each end"),
            (0, "same_padding is zero: then a window of 3 makes the row 2 shorter"),
        ]
        compare(
            got, right, mistakes, f"same_padding is not right for k = {k}, r = {r}: {right} at each end keep the size"
        )
    passed(1, "The prediction: 3 for a row of 7, and 3 for a row of 8, whose last number no window sees.")
