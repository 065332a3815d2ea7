"""Predictions from anywhere: what is meant well is read, all else is refused with the reason and the remedy."""

import pickle
import random
import re
import time
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.grading.challenge.predictions import BadPredictions, read_predictions

IDS = [f"img{letter}" for letter in "bcdfghjklmnpqrstvwxz"]
CLASSES = ("circle", "square", "star")
LABELS = [i % 3 for i in range(len(IDS))]
ROWS = [f"{name},{label}" for name, label in zip(IDS, LABELS)]
GOOD = "\n".join(["id,label", *ROWS]) + "\n"


def read(raw: bytes | str) -> list[int]:
    return read_predictions(raw.encode() if isinstance(raw, str) else raw, IDS, CLASSES)


def changed(line: int, new: str) -> str:
    """The good file with one of its lines (1 is the header) exchanged."""
    lines = GOOD.splitlines()
    lines[line - 1] = new
    return "\n".join(lines) + "\n"


WELL_MEANT = {
    "as it should be": GOOD,
    "rows in another order": "\n".join(["id,label", *random.Random(0).sample(ROWS, len(ROWS))]),
    "no last line end": GOOD.rstrip("\n"),
    "Windows line ends": GOOD.replace("\n", "\r\n"),
    "old Mac line ends": GOOD.replace("\n", "\r"),
    "a byte order mark": "\ufeff" + GOOD,
    "UTF-16 from Excel, little end first": b"\xff\xfe" + GOOD.encode("utf-16-le"),
    "UTF-16, big end first": b"\xfe\xff" + GOOD.encode("utf-16-be"),
    "UTF-16 with tabs: Unicode text of Excel": b"\xff\xfe" + GOOD.replace(",", "\t").encode("utf-16-le"),
    "semicolons, as Excel writes in most of Europe": GOOD.replace(",", ";"),
    "tabs": GOOD.replace(",", "\t"),
    "quotes around everything": re.sub(r"([^,\n]+)", r'"\1"', GOOD),
    "spaces around": GOOD.replace(",", " , "),
    "upper case in the header": GOOD.replace("id,label", "ID,Label"),
    "columns the other way": "\n".join(["label,id", *[",".join(reversed(row.split(","))) for row in ROWS]]),
    "empty lines": GOOD.replace("\n", "\n\n") + "\n\n",
    "empty rows from a spreadsheet": GOOD + ",\n,\n",
    "leading zeros": GOOD.replace(",1", ",01"),
}


@pytest.mark.parametrize("raw", WELL_MEANT.values(), ids=WELL_MEANT)
def test_what_is_meant_well_is_read(raw):
    assert read(raw) == LABELS


def test_the_order_is_that_of_the_ids():
    assert read_predictions(GOOD.encode(), IDS[::-1], CLASSES) == LABELS[::-1]


def npy() -> bytes:
    stream = BytesIO()
    np.save(stream, np.arange(5))
    return stream.getvalue()


HOSTILE = {
    "empty": (b"", "is empty"),
    "only spaces": (b" \n\t \r\n", "is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "only empty lines"),
    "only a byte order mark of UTF-16": (b"\xff\xfe", "only empty lines"),
    "the header alone": ("id,label\n", "0 rows, but 20 test images"),
    "an Excel workbook": (b"PK\x03\x04" + bytes(300), "zip file or an Excel workbook"),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0" + bytes(300), "Excel workbook"),
    "a NumPy file": (npy(), "a NumPy file"),
    "a pickle": (pickle.dumps(LABELS), "a pickle"),
    "a notebook": ('{"cells": []}', "JSON"),
    "a list": ("[0, 1, 2]", "JSON"),
    "a web page": ("<!doctype html><script>alert(1)</script>", "a web page"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "a picture"),
    "a PDF": (b"%PDF-1.7\n", "a PDF"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "compressed"),
    "zeros": (bytes(400), "control character '\\x00'"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "control character '\\x00'"),
    "half a UTF-16 letter": (b"\xff\xfe" + GOOD.encode("utf-16-le")[:-1], "not text in UTF-8"),
    "Latin letters": (GOOD.replace("imgb", "imgé").encode("latin-1"), "line 2 is not text in UTF-8"),
    "an escape sequence": (changed(3, "imgc\x1b[2J,1"), "line 3 holds the control character '\\x1b'"),
    "no header": ("\n".join(ROWS), "a row already"),
    "other names": (GOOD.replace("id,label", "name,class"), "Rename the columns"),
    "a line that Excel adds": ("sep=,\n" + GOOD, "must be 'id,label'"),
    "the index of pandas": (
        "\n".join([",id,label", *[f"{n},{row}" for n, row in enumerate(ROWS)]]),
        "index=False",
    ),
    "a column too many": (GOOD.replace("\n", ",1\n").replace("label,1", "label,score"), "these two columns alone"),
    "one column": ("\n".join(["label", *map(str, LABELS)]), "Rename the columns"),
    "the same column twice": (GOOD.replace("id,label", "id,id"), "Rename the columns"),
    "spaces as separators": (GOOD.replace(",", " "), "must be 'id,label'"),
    "a value too many": (changed(5, "imgf,0,1"), "line 5 has 3 values"),
    "a decimal comma": (changed(5, "imgf,1,0"), "without a comma"),
    "a value too few": (changed(5, "imgf"), "line 5 has 1 values"),
    "an open quote": (changed(5, 'imgf,"1'), "a quote"),
    "a quote in the middle": (changed(5, '"imgf"x,1'), "a quote"),
    "a number with a point": (changed(4, "imgd,2.0"), "int(label)"),
    "a probability": (changed(4, "imgd,0.87"), "a score for a class is no label"),
    "an exponent": (changed(4, "imgd,1e0"), "label '1e0'"),
    "not a number": (changed(4, "imgd,NaN"), "has no label ('NaN')"),
    "nothing": (changed(4, "imgd,"), "line 4 has no label"),
    "infinity": (changed(4, "imgd,inf"), "label 'inf'"),
    "below zero": (changed(4, "imgd,-1"), "label '-1'"),
    "a sign": (changed(4, "imgd,+1"), "label '+1'"),
    "true": (changed(4, "imgd,True"), "label 'True'"),
    "counted from one": (changed(4, "imgd,3"), "count from 0"),
    "a large number": (changed(4, f"imgd,{10**9}"), "count from 0"),
    "a very large number": (changed(4, f"imgd,{'9' * 1500}"), "(and more)"),
    "digits of another script": (changed(4, "imgd,\u0661"), "a label is a whole number"),
    "a small two": (changed(4, "imgd,\u00b2"), "a label is a whole number"),
    "the name of a class": (changed(4, "imgd,Star"), "Write 2 for star"),
    "a formula": (changed(4, "=1+1,1"), "which no test image has"),
    "an id of no image": (changed(4, "imgy,1"), "which no test image has"),
    "an id in capitals": (changed(4, "IMGD,1"), "it should read imgd"),
    "an id with an ending": (changed(4, "imgd.png,1"), "it should read imgd"),
    "an id with a look-alike": (changed(4, "\u0456mgd,1"), "'\\u0456mgd'"),
    "an id twice": (changed(4, "imgb,1"), "line 4 has the id imgb again, it is in line 2 already"),
    "an id twice, at the end": (GOOD + "imgb,0\n", "line 22 has the id imgb again"),
    "a stranger at the end": (GOOD + "imgy,0\n", "line 22 has the id 'imgy'"),
    "rubbish at the end": (GOOD + "total;20;rows\n", "line 22 comes after 20 rows"),
    "a row missing": ("\n".join(GOOD.splitlines()[:-1]), "19 rows, but 20 test images: 1 of them"),
    "too large": (GOOD + "\n" * 20_000, "bytes, at most"),
}


@pytest.mark.parametrize(("raw", "words"), HOSTILE.values(), ids=HOSTILE)
def test_all_else_is_refused_with_the_reason(raw, words):
    with pytest.raises(BadPredictions) as reason:
        read(raw)
    said = str(reason.value)
    assert words in said
    assert said.isascii(), "what came is shown so that no terminal obeys it"
    assert said.isprintable()
    assert len(said) < 400
    assert not said.endswith(".")


def test_ten_million_rows_are_refused_before_they_are_looked_at():
    raw = b"id,label\n" + b"imgb,1\n" * 10_000_000
    start = time.process_time()
    with pytest.raises(BadPredictions, match="70000009 bytes, at most 12000 are read for 20 rows"):
        read(raw)
    assert time.process_time() - start < 5  # a bound on work, not a timing: reading it all takes ten times as long


def test_the_longest_file_that_is_read_is_refused_quickly():
    ids = [f"n{i}" for i in range(100_000)]
    raw = b"id,label\n" + b"a,1\n" * 2_500_000
    with pytest.raises(BadPredictions, match="line 2 has the id 'a'"):
        read_predictions(raw, ids, CLASSES)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_labels_or_in_a_reason(raw):
    with pytest.raises(BadPredictions):
        read(raw)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.text(max_size=3), st.integers(0, 3))
def test_a_good_file_with_a_wound_is_read_right_or_refused(place, text, cut):
    """Whatever is read names a class for each image, and differs from the truth at one place at most."""
    try:
        labels = read((GOOD[:place] + text + GOOD[place + cut :]).encode("utf-8", "surrogatepass"))
    except BadPredictions:
        return
    assert len(labels) == len(IDS)
    assert all(type(label) is int and 0 <= label < 3 for label in labels)
    assert sum(a != b for a, b in zip(labels, LABELS)) <= 1
