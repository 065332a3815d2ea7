# Built from assignments/src by `python -m tools.assignments build`: edit the source, not this file.
"""Exercise 6: the receptive field."""

from .answers import Wrong, ask, compare, passed, read_number, read_tuple


def receptive_field(field) -> None:
    """Exercise 6."""
    for layers, right in (
        ([], (1, 1, 0)),
        ([(3, 1, 0)], (3, 1, 1)),
        ([(3, 1, 1), (3, 1, 1), (3, 1, 1)], (7, 1, 0)),
        ([(2, 2, 0)], (2, 2, 0.5)),
    ):
        got = [read_number(v, "a result") for v in read_tuple(_pair(ask(field, layers)), 3, "receptive_field(layers)")]
        names = ("size", "jump", "centre")
        if not layers and got == [1, 0, 1]:
            raise Wrong("receptive_field returns the centre before the jump: the order is size, jump, centre")
        for name, value, want in zip(names, got, right):
            mistakes = _small(layers, name)
            compare(value, want, mistakes, f"receptive_field: the {name} of {layers} is {want:g}, yours is {value:g}")
    layers = [(3, 2, 1), (5, 3, 0), (3, 1, 2)]
    size, jump, centre = read_tuple(_pair(ask(field, layers)), 3, "receptive_field(layers)")
    mistakes = [
        (41, "receptive_field uses a layer's own stride for its own window: J changes last"),
        (9, "receptive_field ignores strides in the size: the second window lies on numbers that are 2 pixels apart"),
        (19, "receptive_field adds strides to the jump: they multiply, 2 and then 2 * 3"),
        (17, "receptive_field sets the jump to the stride of the layer before: strides multiply, 2 and then 2 * 3"),
        (13, "receptive_field begins at the other end: the layer next to the input comes first"),
        (49, "receptive_field counts padding: padding does not change the size, only where the window lies"),
    ]
    read = read_number(size, "the size")
    compare(read, 23, mistakes, f"receptive_field: the size of {layers} is 1 + 2*1 + 4*2 + 2*6 = 23, yours is {read:g}")
    mistakes = [
        (4, "receptive_field adds strides to the jump: they multiply"),
        (1, "receptive_field never changes the jump"),
    ]
    compare(read_number(jump, "the jump"), 6, mistakes, f"receptive_field: the jump of {layers} is 2 * 3 * 1 = 6")
    mistakes = [
        (11, "the centre forgets the padding: each zero in front moves the first window to the left"),
        (8, "the centre moves by p pixels: a zero of a deep layer is J pixels of the input wide, so it moves by p J"),
        (1, "the centre ignores the jump: a step of a deep layer is J pixels of the input wide"),
        (-6, "the centre forgets the layers before: add to it"),
        (0, "the centre stops at the border of the picture: it may lie outside"),
    ]
    otherwise = f"receptive_field: the centre of {layers} is 0*1 + 2*2 - 1*6 = -2, a place outside the picture"
    compare(read_number(centre, "the centre"), -2, mistakes, otherwise)
    passed(
        6,
        "The prediction: three layers of 3 x 3 see 7 pixels, as one of 7 x 7 does; with stride 2 in the first they see 11.",
    )


def _pair(value):
    """Three results, also as an array."""
    return tuple(value) if getattr(value, "shape", None) == (3,) else value


def _small(layers, name):
    if layers == [(3, 1, 0)] and name == "size":
        return [
            (2.5, "receptive_field adds half a window: one layer adds k - 1 jumps, not half of its k"),
            (4, "receptive_field adds k for a layer: the window already held one pixel, so it adds k - 1"),
        ]
    if layers == [(2, 2, 0)] and name == "size":
        return [(3, "receptive_field uses a layer's own stride for its own window: J changes last")]
    if layers == [(3, 1, 0)] and name == "jump":
        return [(2, "receptive_field adds strides to the jump: they multiply")]
    if layers == [(2, 2, 0)] and name == "centre":
        return [(0, "the centre of an even window lies between two pixels: (k - 1) / 2, with / in place of //")]
    if len(layers) == 3 and name == "size":
        return [(13, "receptive_field counts padding: padding does not change the size, only where the window lies")]
    if len(layers) == 3 and name == "centre":
        return [(3, "the centre forgets the padding: each zero in front moves the first window to the left")]
    return []
