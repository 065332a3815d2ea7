"""Reading answers: what came is named, and no value can make the reader itself fail."""

import numpy as np
import pytest

from course_utils.grading.answers import (
    NotWritten,
    Wrong,
    ask,
    compare,
    read_array,
    read_number,
    read_numbers,
    read_tuple,
    same,
)


class Explodes:
    def __array__(self, *args, **kwargs):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


STRANGE = [
    None,
    "text",
    b"bytes",
    {},
    {1},
    [[1], [1, 2]],
    [None],
    object(),
    Explodes(),
    np.array(["a"]),
    np.array([object()]),
    1j,
    [1j],
    lambda: 1,
    np.zeros((2, 2)),
    [],
    (),
    float("nan"),
    [np.nan] * 3,
]


@pytest.mark.parametrize("value", STRANGE, ids=lambda v: type(v).__name__)
def test_whatever_comes_the_reader_says_wrong(value):
    with pytest.raises(Wrong, match="the answer"):
        read_array(value, (3,), "the answer")
    with pytest.raises(Wrong, match="the answer"):
        read_number(value, "the answer")
    with pytest.raises(Wrong):
        read_tuple(value, 2, "the answer") and read_number(read_tuple(value, 2, "the answer")[0], "the answer")


WRONG_LISTS = [None, "text", 3, {}, object(), np.zeros((2, 2)), ["a"], [np.nan], np.float64(3)]


@pytest.mark.parametrize("value", WRONG_LISTS, ids=lambda v: type(v).__name__)
def test_a_list_of_numbers_is_asked_for_by_name(value):
    with pytest.raises(Wrong, match="the list"):
        read_numbers(value, "the list")


def test_right_kinds_are_read():
    for value in ([1, 0, 1], (1, 0, 1), np.array([True, False, True]), np.array([1, 0, 1], dtype=np.int8)):
        np.testing.assert_array_equal(read_array(value, (3,), "x"), [1.0, 0.0, 1.0])
    assert read_number(np.float32(2), "x") == read_number(np.array(2), "x") == read_number(2, "x") == 2
    assert read_number(np.inf, "x", finite=False) == np.inf
    np.testing.assert_array_equal(read_numbers((1, 2), "x"), [1, 2])
    assert read_tuple([1, 2], 2, "x") == (1, 2)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64", "bool"])
def test_tensors_are_read_like_arrays_with_or_without_a_gradient(dtype):
    torch = pytest.importorskip("torch")
    x = torch.tensor([1, 0], dtype=getattr(torch, dtype))
    x = x.requires_grad_() if dtype.startswith(("float", "bf")) else x
    np.testing.assert_array_equal(read_array(x, (2,), "x"), [1.0, 0.0])
    np.testing.assert_array_equal(read_numbers(x, "x"), [1.0, 0.0])
    assert read_number(x[0], "x") == 1
    compare(x, [1, 0])
    with pytest.raises(Wrong, match="one number, got an array of shape"):
        read_number(x, "x")
    with pytest.raises(Wrong, match="should be a list of numbers, got a Tensor"):
        read_numbers(x.reshape(1, 2), "x")


def test_shapes_are_named_and_an_extra_axis_is_pointed_out():
    with pytest.raises(Wrong, match=r"should have shape \(3,\), got \(3, 1\).*axis of length one"):
        read_array(np.zeros((3, 1)), (3,), "x")
    with pytest.raises(Wrong, match=r"should have shape \(4, 4\), got \(2, 2, 4\).*: reshape them"):
        read_array(np.zeros((2, 2, 4)), (4, 4), "x")


def test_ask_names_a_stub_an_exception_with_its_line_and_a_missing_function():
    def stub(x):
        raise NotImplementedError

    def broken(x):
        return x[99]

    with pytest.raises(NotWritten, match="stub is not written yet"):
        ask(stub, 1)
    with pytest.raises(Wrong, match=r"broken stops with IndexError: .*in broken, line \d+"):
        ask(broken, np.zeros(2))
    with pytest.raises(Wrong, match="expected a function"):
        ask(3)


def test_an_exception_inside_a_library_is_placed_at_the_students_own_line():
    def broken(x):
        return np.amax(np.asarray(x), axis=7)

    with pytest.raises(Wrong, match=r"stops with AxisError: .*in broken, line \d+: `return np.amax\(.*axis=7\)`"):
        ask(broken, [1.0, 2.0])
    with pytest.raises(Wrong, match=r"broken stops with TypeError: .*2 were given$"):
        ask(broken, 1, 2)


def test_ask_finds_changed_arguments_and_random_answers():
    def in_place(w):
        w += 1
        return w

    rng = np.random.default_rng(0)
    given = np.zeros(2)
    with pytest.raises(Wrong, match="argument number 1 in place"):
        ask(in_place, given)
    assert not given.any(), "the check's own data must survive"
    with pytest.raises(Wrong, match="different results"):
        ask(lambda w: w + rng.normal(), np.zeros(2))
    memory = []
    with pytest.raises(Wrong, match="different results"):
        ask(lambda w: memory.append(1) or len(memory), np.zeros(2))


def test_compare_names_the_first_misconception_that_fits_and_none_that_is_right():
    compare([1.0, 2.0], [1.0, 2.0 + 1e-12], [([1.0, 2.0], "never")])
    with pytest.raises(Wrong, match=r"^second$"):
        compare([5.0], [4.0], [([4.0], "first"), ([5.0], "second"), ([5.0], "third")], "other")
    with pytest.raises(Wrong, match=r"^other$"):
        compare([5.0], [4.0], [([4.0, 5.0], "shape")], "other")


def test_same_tells_kinds_and_shapes_apart_and_never_raises():
    assert same(np.array([1, np.nan]), np.array([1, np.nan]))
    assert not same(np.zeros(2), np.zeros((2, 1)))
    assert not same([1, 2], (1, 2))
    assert not same({"a": 1}, {"b": 1})
    assert not same(np.zeros(1), np.zeros(1, dtype=int))
    assert not same(Explodes(), Explodes())


def test_the_notebook_shows_the_sentence_and_no_traceback():
    assert Wrong("look at the sign")._render_traceback_() == ["Not yet: look at the sign"]
