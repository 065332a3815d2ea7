"""What student code printed and drew arrives as harmless text and as PNG files that hold a picture and nothing else."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading import outputs
from course_utils.grading.outputs import SIGNATURE, NoPicture, Outputs, clean_png, plain_text


def chunk(name, body, crc=None):
    crc = zlib.crc32(name + body) if crc is None else crc
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)


def header(width=2, height=2, depth=8, colour=0, *rest):
    return struct.pack(">IIBBBBB", width, height, depth, colour, *(rest or (0, 0, 0)))


def png(*between, head=None, rows=b"\0\1\2" * 2, end=b""):
    data = chunk(b"IDAT", zlib.compress(rows))
    return SIGNATURE + chunk(b"IHDR", head or header()) + b"".join(between) + data + chunk(b"IEND", end)


def names(data):
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 8])
        at += 12 + size
    return found


@given(st.text())
def test_text_is_printable_whatever_it_was(text):
    clean = plain_text(text, 50)
    assert len(clean) <= 50
    assert all(c.isprintable() or c in "\n\t" for c in clean)
    assert "\x1b" not in clean
    assert "\n" not in plain_text(text, 50, lines=False)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b(B", "red x\ufffd(B"),
        (" 10%\r 50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("<b> & \u202eevil\u2066", "<b> & \ufffdevil\ufffd"),
        ("<f at 0x7f3a2b1c9d40>", "<f at 0x...>"),
        ("\ud800\0\x9b31m", "\ufffd\ufffd\ufffd31m"),
        ("1\xa0000 é 日本", "1 000 é 日本"),
    ],
)  # fmt: skip
def test_what_terminals_obey_is_gone_and_what_people_read_stays(text, clean):
    assert plain_text(text, 100) == clean


def test_a_figure_of_matplotlib_keeps_its_pixels_and_loses_everything_else():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(3, 2))
    figure.subplots().plot([1, 3, 2])
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Comment": "canary"})
    original = stream.getvalue()
    assert b"tEXt" in original
    clean = clean_png(original)
    assert names(clean) == [b"IHDR", b"IDAT", b"IEND"]
    assert b"canary" not in clean
    from matplotlib.image import imread

    np.testing.assert_array_equal(imread(io.BytesIO(clean)), imread(io.BytesIO(original)))
    assert clean_png(clean) == clean


def test_side_chunks_go_and_the_palette_stays():
    text = chunk(b"tEXt", b"Comment\0<script>")
    assert b"script" not in clean_png(png(text))
    coloured = png(chunk(b"PLTE", bytes(9)), chunk(b"tRNS", b"\0"), head=header(colour=3))
    assert names(clean_png(coloured)) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "signature"),
        (b"<svg onload=alert(1)>", "signature"),
        (SIGNATURE, "begin with IHDR"),
        (png()[:-3], "cut off"),
        (png()[:-12], "end with IEND"),
        (png() + b"<script>", "cut off"),
        (png() + png()[8:], "out of order"),
        (png(chunk(b"tEXt", b"x", crc=1)), "checksum"),
        (SIGNATURE + struct.pack(">I", 2**31) + b"IHDR", "cut off"),
        (png(head=header()[:-1]), "another length"),
        (png(head=header(0, 2)), "pixels"),
        (png(head=header(5_000, 1)), "pixels"),
        (png(head=header(4_000, 4_000)), "pixels"),
        (png(head=header(2**31, 2**31)), "pixels"),
        (png(head=header(depth=3)), "kind of PNG"),
        (png(head=header(colour=5)), "kind of PNG"),
        (png(head=header(2, 2, 8, 0, 0, 0, 1)), "kind of PNG"),
        (png(head=header(2, 2, 8, 0, 1, 0, 0)), "kind of PNG"),
        (png(head=header(colour=3)), "palette"),
        (png(chunk(b"PLTE", bytes(3))), "palette"),
        (png(chunk(b"PLTE", bytes(4)), head=header(colour=3)), "palette"),
        (png(chunk(b"PLTE", bytes(771)), head=header(colour=3)), "palette"),
        (png(chunk(b"tRNS", bytes(300))), "transparency"),
        (png(chunk(b"IHDR", header())), "out of order"),
        (png(chunk(b"IEND", b"")), "out of order"),
        (png(end=b"x"), "end with IEND"),
        (png(rows=b"\0\1\2"), "another size"),
        (png(rows=b"\0" * 5_000_000), "another size"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"IDAT", b"no") + chunk(b"IEND", b""), "do not unpack"),
        (SIGNATURE + chunk(b"IHDR", header()) + chunk(b"IEND", b""), "another size"),
        (SIGNATURE + b"\0" * 500_000, "at most"),
    ],
    ids=range(31),
)
def test_what_is_no_plain_picture_is_refused(data, why):
    with pytest.raises(NoPicture, match=why):
        clean_png(data)


@given(st.data())
def test_damage_is_refused_or_leaves_a_picture(data):
    good = bytearray(png(chunk(b"tEXt", b"a")))
    for _ in range(data.draw(st.integers(1, 3))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        clean = clean_png(bytes(good))
    except NoPicture:
        return
    assert clean == png()


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data):
    with pytest.raises(NoPicture):
        clean_png(SIGNATURE + data)


def test_one_submission_has_bounds_for_all_its_cells(monkeypatch):
    monkeypatch.setattr(outputs, "MAX_TEXT", 10)
    monkeypatch.setattr(outputs, "MAX_TEXTS", 25)
    monkeypatch.setattr(outputs, "MAX_IMAGES_BYTES", 2 * len(clean_png(png())))
    found = Outputs()
    picture = np.frombuffer(png(), np.uint8)
    for number in range(5):
        found.add(f"cell {number}", "", "x" * 8, False)
        found.add_images(f"cell {number}", "", [picture])
    assert [len(cell.text) for cell in found.by_cell.values()] == [8, 8, 8, 1]
    assert [len(cell.images) for cell in found.by_cell.values()] == [1, 1, 0, 0]
    assert [cell.cut for cell in found.by_cell.values()] == [False, False, False, True]


def test_what_is_neither_text_nor_bytes_is_left_out():
    found = Outputs()
    for strange in (None, 3, ["text"], {"a": 1}, b"bytes"):
        found.add("cell 1", "", strange, strange)
        found.add_images("cell 1", "", [strange, np.zeros(3), np.zeros((2, 2), np.uint8)])
    assert found.by_cell == {}
