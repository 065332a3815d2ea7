"""Exercise 3: receptive fields."""

from course_utils.grading.answers import Wrong, ask, compare, passed, read_array, read_number, read_tuple

from .entries import listed

STACK = [["conv", 4, 3, 2, 1, 1], ["relu"], ["pool", 2, 2], ["conv", 8, 5, 3, 0, 2], ["conv", 8, 3, 1, 2, 1]]
FIELDS = [(3, 2, 0), (3, 2, 0), (5, 4, 1), (21, 12, 9), (45, 12, -3)]
NAMES = ("size", "stride", "centre")


def field(fields, rows_seen) -> None:
    """Exercise 3."""
    for layers, right in (
        ([["conv", 2, 3, 1, 0, 1]], [(3, 1, 1)]),
        ([["pool", 2, 2]], [(2, 2, 0.5)]),
        ([["relu"]], [(1, 1, 0)]),
        (
            [["conv", 2, 3, 1, 1, 1], ["conv", 5, 3, 1, 1, 1], ["conv", 2, 3, 1, 1, 1]],
            [(3, 1, 0), (5, 1, 0), (7, 1, 0)],
        ),
        ([["pool", 3, 2], ["conv", 2, 3, 1, 0, 1]], [(3, 2, 1), (7, 2, 3)]),
    ):
        found = listed(ask(fields, layers), len(layers), f"fields({layers})")
        for number, (value, want) in enumerate(zip(found, right)):
            got = _triple(value, f"entry {number} of fields(layers)")
            for name, number_got, number_want in zip(NAMES, got, want):
                mistakes = _usual(layers, number, name)
                otherwise = (
                    f"fields: the {name} after layer {number} of {layers} is {number_want:g}, yours is {number_got:g}"
                )
                compare(number_got, number_want, mistakes, otherwise)
    found = listed(ask(fields, STACK), len(STACK), "fields(layers)")
    for number, (value, want) in enumerate(zip(found, FIELDS)):
        got = _triple(value, f"entry {number} of fields(layers)")
        for name, number_got, number_want in zip(NAMES, got, want):
            otherwise = (
                f"fields: the {name} after layer {number} of {STACK} is {number_want:g}, yours is {number_got:g}. Go layer by layer, "
                "in the order of the three formulas"
            )
            compare(number_got, number_want, _deep(number, name), otherwise)
    if listed(ask(fields, []), 0, "fields([])"):
        raise Wrong("fields of no layer at all is an empty list")
    _rows(rows_seen)
    passed(3, "The prediction: nearly all, 195 of 227 rows; and LeNet's c5 sees all of its 32.")


def _triple(value, name):
    value = tuple(value) if getattr(value, "shape", None) == (3,) else value
    return [read_number(number, name) for number in read_tuple(value, 3, name)]


def _usual(layers, number, name):
    if layers == [["conv", 2, 3, 1, 0, 1]] and name == "size":
        return [
            (4, "fields adds k for a layer: the window already held one pixel, so it adds k - 1"),
            (2, "fields adds half a window: it adds k - 1 strides"),
        ]
    if layers == [["conv", 2, 3, 1, 0, 1]] and name == "stride":
        return [(2, "fields adds strides: they multiply")]
    if layers == [["pool", 2, 2]]:
        return {
            "size": [
                (1, "fields leaves out the pooling: it has windows too"),
                (3, "fields uses a layer's own stride for its own window: J changes last"),
            ],
            "stride": [(1, "fields leaves out the stride of the pooling"), (3, "fields adds strides: they multiply")],
            "centre": [
                (0, "the centre of an even window lies between two pixels: (k - 1) / 2, with / in place of //"),
                (1, "the centre uses a layer's own stride for its own window: J changes last"),
            ],
        }[name]
    if len(layers) == 2 and number == 1:
        return {
            "size": [
                (
                    5,
                    "fields ignores strides in the size: a window of a deep layer lies on numbers that are J pixels apart",
                ),
                (3, "fields gives each layer's own window: add to what the layer below sees"),
            ],
            "stride": [
                (1, "fields gives the layer's own stride: strides multiply"),
                (3, "fields adds strides: they multiply"),
            ],
            "centre": [
                (2, "the centre ignores the stride below: a step of a deep layer is J pixels of the picture wide"),
                (1, "the centre forgets the layers below: add to it"),
            ],
        }[name]
    if len(layers) == 3 and name == "centre":
        return [(number + 1, "the centre forgets the padding: each zero in front moves the first window up")]
    if len(layers) == 3 and name == "size":
        return [((5, 9, 13)[number], "fields counts padding in the size: padding only moves the window")]
    return []


def _deep(number, name):
    if number == 2 and name == "stride":
        return [(3, "fields adds strides: they multiply")]
    if number == 3 and name == "size":
        return [
            (8, "fields ignores strides in the size: a window of a deep layer lies on numbers that are J pixels apart")
        ]
    if number == 3 and name == "stride":
        return [(5, "fields adds strides: they multiply"), (3, "fields gives the layer's own stride: strides multiply")]
    if number == 4 and name == "centre":
        return [
            (19, "the centre forgets the padding of a deep layer"),
            (8, "the centre moves by p pixels: a zero of a deep layer is J pixels of the picture wide"),
            (0, "the centre stops at the border of the picture: it may lie outside"),
        ]
    return []


def _rows(rows_seen):
    one = [["conv", 2, 3, 1, 0, 1]]
    padded = [["conv", 2, 3, 1, 1, 1]]
    for layers, height, i, right, mistakes in (
        (
            [],
            8,
            5,
            (5, 5),
            [
                ((0, 0), "rows_seen of no layer is row i itself"),
                ((5, 6), "rows_seen returns the row after the last: the last that is seen"),
            ],
        ),
        (
            one,
            9,
            4,
            (4, 6),
            [
                ((0, 2), "rows_seen looks at row 0 for every i: the centre moves by i J"),
                ((4, 7), "rows_seen returns the row after the last: the last that is seen"),
                ((3, 5), "rows_seen puts the window around row i: its centre is at c + i J"),
            ],
        ),
        (
            [["pool", 2, 2]],
            10,
            3,
            (6, 7),
            [
                ((3, 4), "rows_seen moves by i pixels: neighbours look J pixels apart"),
                ((6, 8), "rows_seen returns the row after the last: the last that is seen"),
                (
                    (5, 7),
                    "rows_seen rounds the centre of an even window: round nothing before the window's half is taken",
                ),
                (
                    (5, 8),
                    "rows_seen takes half of R to both sides: the window reaches (R - 1) / 2 to each side of its centre",
                ),
            ],
        ),
        (
            padded,
            6,
            0,
            (0, 1),
            [((-1, 1), "rows_seen counts rows of padding: the first row of the picture is 0")],
        ),
        (
            padded,
            6,
            5,
            (4, 5),
            [
                ((4, 6), "rows_seen counts rows of padding: the last row of the picture is height - 1"),
                ((3, 5), "rows_seen moves the window into the picture: what hangs over the border is cut off"),
            ],
        ),
        (STACK, 200, 4, (23, 67), [((45, 45), "rows_seen gives the centre alone")]),
        (STACK, 200, 0, (0, 19), []),
        (STACK[:3], 60, 7, (27, 31), []),
    ):
        value = ask(rows_seen, layers, height, i)
        value = tuple(value) if getattr(value, "shape", None) == (2,) else value
        got = [read_number(n, "a row") for n in read_tuple(value, 2, f"rows_seen({layers}, {height}, {i})")]
        got = list(read_array(got, (2,), "the rows"))
        otherwise = f"rows_seen: row {i} after {layers} sees rows {right[0]} to {right[1]} of {height}, yours are {got[0]:g} to {got[1]:g}"
        compare(got, right, mistakes, otherwise)
