"""Attacks by a student who knows the grader's code: what is gained is nothing, and what is lost is the student's.

Each piece of hostile code runs in a sandbox. A mark may suffer by it; the grader's work, other marks, the machine and
the instructor's time may not: work that spoils its own grading is graded, and never left to a person.
"""

import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from course_utils.grading import outputs
from course_utils.grading.answers import Wrong
from course_utils.grading.assignment import load_assignment
from course_utils.grading.classroom.student_markdown import harmless
from course_utils.grading.files import SubmittedFiles
from course_utils.grading.grade import GRADED, grade_files
from course_utils.grading.hidden import generator, hidden, run_tests
from course_utils.grading.remote import Student
from course_utils.grading.sandbox import limits as sandbox_limits
from course_utils.grading.sandbox import view
from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner
from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.remedy import what_is_missing
from course_utils.grading.sandbox.runner import Died, NoSandbox, TimeLimit, Timeout
from course_utils.grading.sentences import CallFailed
from course_utils.grading.session import LOST_CELLS, Cell, Limits, StudentSession

from .classroom.conftest import RIGHT, SMALL, small_notebook, write_small_assignment

MISSING = what_is_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

TIGHT = Limits(call=TimeLimit(1.0, 3.0), cell=TimeLimit(1.0, 3.0), total=TimeLimit(2.0, 8.0))
FORGE = '''
import io, json, os, struct, sys
import numpy as np

def answer(tree, *arrays, **envelope):
    """Answer the question that is being asked, past the program that should."""
    frame = sys._getframe()
    while "message" not in frame.f_locals:
        frame = frame.f_back
    said = {"id": frame.f_locals["message"]["id"], "status": "ok", "changed": False, "cpu": 0.0, **envelope}
    blobs = []
    for array in arrays:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version=(1, 0))
        blobs.append(stream.getvalue())
    text = json.dumps({**said, "value": tree, "arrays": [len(blob) for blob in blobs]}).encode()
    data = struct.pack("<4sIQ", b"NCG1", len(text), sum(map(len, blobs))) + text + b"".join(blobs)
    while data:
        data = data[os.write(4, data):]
'''


@pytest.fixture(scope="module")
def runner():
    with BubblewrapRunner() as one:
        yield one


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("attacked")
    write_small_assignment(root)
    return load_assignment(SMALL, root)


@pytest.fixture
def graded(runner, small):
    """Grade a right solution of the small assignment with some of its code exchanged, and cells put before it."""

    def one(*cells, limits=None, files=None, **functions):
        made = json.loads(small_notebook({**RIGHT, **functions}))
        for number, source in enumerate(cells):
            cell = {"cell_type": "code", "id": f"more-{number}", "metadata": {}, "outputs": [], "source": source}
            made["cells"].insert(2 + number, cell)
        content = {f"{SMALL}.ipynb": json.dumps(made).encode(), **(files or {})}
        against = small if limits is None else replace(small, limits=limits)
        return grade_files(against, SubmittedFiles(content), runner, 5)

    return one


def outcomes(grade):
    return {test.test: (test.status, test.sentence) for e in grade.exercises.values() for test in e.tests}


# ---- lies in answers ----


@pytest.mark.parametrize("tree", [[0, None, True], [0, [], False], [0, "uint16", True]])
def test_a_tensor_of_no_dtype_is_the_students_loss(graded, tree):
    forged = f"def double(x):\n    answer({{'T': {tree}}}, np.zeros(5, np.uint16))\n    return 2 * x\n"
    grade = graded(double=FORGE + forged)
    assert (grade.status, grade.points) == (GRADED, 1.0)
    assert {status for status, _ in outcomes(grade).values()} == {"died", "passed"}


@pytest.mark.parametrize("status", ["timeout", "idle", ["ok"]])
def test_what_became_of_a_process_is_not_asked_of_it(graded, status):
    grade = graded(area=f"{FORGE}\ndef area(a, b):\n    answer(6, status={status!r})\n    os._exit(0)\n")
    assert (grade.status, grade.points) == (GRADED, 2.0)
    told = outcomes(grade)["test_area_of_a_rectangle"]
    assert told == ("raised", "area stops with an exception of its own")


NETWORK = (
    FORGE
    + """
import torch

class Net(torch.nn.Linear):
    def __init__(self):
        super().__init__(2, 1)

class Lying(Net):
    def named_parameters(self, *options, **more):
        tree, arrays = WHAT
        answer({"d": tree}, *arrays)
        os._exit(0)
"""
)


@pytest.mark.parametrize(
    "what",
    ['{"weight": None}, ()', '{"weight": [1.0]}, ()', '{"weight": {"a": 0}}, (np.zeros(2),)', '{"weight": "x"}, ()'],
)
def test_parameters_are_tensors_or_the_students_loss(runner, what):
    cells = [Cell("cell 1", NETWORK.replace("WHAT", what))]
    with StudentSession(runner, cells, tensors=True) as session:
        student = Student(session)
        with pytest.raises(Wrong, match="has no parameter scale: name its layers"):
            student.Net.new().parameters()["scale"]
        with pytest.raises(CallFailed, match="parameters that are no tensors"):
            student.Lying.new().parameters()


# ---- what can be guessed ----


def test_the_seed_that_student_code_is_given_tells_nothing_of_the_inputs():
    given = []
    session = SimpleNamespace(begin=given.append)

    @hidden("double", points=1)
    def test_something(student, rng):
        assert True

    run_tests([test_something], session, 5)
    entropy = generator(5, test_something).bit_generator.seed_seq.entropy
    assert len(given) == 1
    assert given[0] not in {entropy % 2**bits for bits in range(16, 65)} | {entropy >> 32}


# ---- time ----

LIE = "import time\ntime.process_time = time.perf_counter = lambda: 0.0"
BURN = "while True:\n    pass"
SPIN = "import os\nbefore = os.times()\nwhile sum(os.times()[:2]) - sum(before[:2]) < 0.7:\n    pass\n"
IN_A_CHILD = f"import os\nif os.fork() == 0:\n    {SPIN.replace(chr(10), chr(10) + '    ')}\n    os._exit(0)\nos.wait()"


@pytest.mark.parametrize(
    "cells", [[LIE, *[SPIN] * 8], [IN_A_CHILD] * 8, [SPIN + "os._exit(0)\n"] * 8], ids=["lies", "children", "exits"]
)
def test_processor_time_is_counted_from_outside(graded, cells):
    grade = graded(*cells, limits=replace(TIGHT, total=TimeLimit(2.0, 60.0)))
    assert (grade.status, grade.points) == (GRADED, 0.0)
    assert "all cells and calls together took more than 2 seconds" in grade.exercises["area"].sentences[0]


def test_waiting_is_counted_too_and_is_the_students_loss(graded):
    start = time.monotonic()
    grade = graded(*["import time\ntime.sleep(2.5)"] * 60, limits=TIGHT)
    assert (grade.status, grade.points) == (GRADED, 0.0)
    assert "look at what sleeps" in outcomes(grade)["test_area_of_a_rectangle"][1]
    assert "cell 40 was left out: the cells before it did nothing but wait for more than 2 seconds" in grade.cells
    assert time.monotonic() - start < 100, "sixty naps take 150 seconds"


def test_calls_that_wait_below_their_limit_are_the_students_loss(graded):
    nap = "import time\ndef double(x):\n    time.sleep(2.6)\n    return 2 * x\n"
    grade = graded(double=nap, limits=TIGHT)
    assert (grade.status, grade.points) == (GRADED, 1.0)
    assert outcomes(grade)["test_double_of_an_array"][0] == outcomes(grade)["test_area_of_a_rectangle"][0] == "timeout"


def test_cells_that_end_the_process_are_counted(graded):
    grade = graded(*["import os\nos._exit(0)"] * (LOST_CELLS + 10))
    assert grade.status == GRADED
    assert grade.points == 0.0
    assert sum("ends the Python process" in sentence for sentence in grade.cells) == LOST_CELLS
    assert "too many cells before it" in grade.cells[-1]


def test_pictures_that_take_long_to_unpack_are_looked_at_a_few_times(monkeypatch):
    looked = []
    monkeypatch.setattr(outputs, "clean_png", lambda data: (looked.append(len(data)), _refuse())[1])
    found = outputs.Outputs()
    for number in range(1_000):
        found.add_images(f"cell {number}", "", [np.zeros(30_000, np.uint8)] * 4)
    assert sum(looked) <= outputs.MAX_IMAGES_BYTES
    assert looked
    assert not found.by_cell


def _refuse():
    raise outputs.NoPicture("picture data of another size than announced")


# ---- files ----


def test_a_module_of_the_students_own_is_called_as_a_library_is(graded):
    source = b"def manual_seed(value):\n    raise SystemExit\nTensor = 3\nX = 2\n"
    grade = graded(double="import torch\ndef double(x):\n    return torch.X * x\n", files={"torch.py": source})
    assert (grade.status, grade.points) == (GRADED, 1.0), "its own trouble is its own loss"
    grade = graded(double="import torch\ndef double(x):\n    return torch.X * x\n", files={"torch.py": b"X = 2\n"})
    assert (grade.status, grade.points) == (GRADED, 3.0)


BACK = """
import importlib, os, sys

def back(*names):
    found = []
    for name in names:
        for _ in range(2):
            try:
                module = importlib.import_module(name)
                found += [name] if getattr(module, "__file__", None) else []
            except ImportError:
                sys.modules.pop(name, None)
    for folder in sys.path[1:]:
        for name in names:
            place = os.path.join(folder, *name.split("."))
            if os.path.isdir(place) and os.listdir(place):
                found.append(place)
    return found
"""


@pytest.mark.parametrize("way", ["fork", "single"])
def test_withheld_modules_are_not_there_at_all(way):
    names = ("course_utils.scratch", "torch", "wave")
    with BubblewrapRunner(preload=["numpy"], warm=way, withheld=names) as box, Conversation(box.open()) as student:
        student.run(BACK)
        assert student.call("back", *names, "course_utils.scratch.perceptrons.perceptron", "torch.nn") == []
        assert student.call("back", "course_utils.data") != [], "the attack works where nothing is withheld"


def test_names_that_fill_the_first_message_are_left_out(graded):
    long = "/".join(["é" * 90] * 11)
    grade = graded(files={f"{long}{number:03}.txt": b"" for number in range(450)} | {"short.txt": b"1"})
    assert (grade.status, grade.points) == (GRADED, 3.0)
    assert any("names are too long together" in note for note in grade.notes)


def test_a_link_to_python_shows_nothing_of_the_folder_it_lies_in(monkeypatch, tmp_path):
    """uv and many people put one into ~/.local/bin or ~/bin; a virtual environment then links to that."""
    home = tmp_path / "alice"
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    (home / "venv" / "bin").mkdir(parents=True)
    (home / "venv" / "bin" / "python").symlink_to(home / ".local" / "bin" / "python3")
    (home / ".local" / "keyring").write_text("secret")
    monkeypatch.setattr(sys, "executable", str(home / "venv" / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", str(home / "venv"))
    words = view.file_tree(sandbox_limits.Limits(), False, [3, 4, 5])
    binds = [words[at + 1] for at, word in enumerate(words) if word == "--ro-bind"]
    assert [path for path in binds if Path(path).is_relative_to(home)] == [str(home / "venv")]
    links = [words[at + 2] for at, word in enumerate(words) if word == "--symlink"]
    assert str(home / ".local" / "bin" / "python3") in links
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "prefix", str(home))
    with pytest.raises(NoSandbox, match="around your home folder"):
        view.python_paths()
    monkeypatch.setattr(sys, "prefix", str(home / ".local"))
    assert not any((home / ".local" / "keyring").is_relative_to(path) for path in view.python_paths())


# ---- what the machine has once ----

CALLS = """
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    ctypes.set_errno(0)
    ended = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    return [ended, ctypes.get_errno()]

def with_memory(number, before, size, after):
    block = ctypes.create_string_buffer(size)
    return call(number, *before, ctypes.addressof(block), *after)

def core(value):
    resource.setrlimit(resource.RLIMIT_CORE, (value, value))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86_64")
def test_what_slows_or_robs_other_programs_is_refused(runner):
    with Conversation(runner.open()) as student:
        student.run(CALLS)
        assert student.call("call", 141, 0, 0, 19) == [-1, 1], "setpriority"
        assert student.call("with_memory", 144, [0, 5], 4, []) == [-1, 1], "sched_setscheduler, SCHED_IDLE"
        assert student.call("call", 251, 1, 0, 3 << 13) == [-1, 1], "ioprio_set, idle"
        assert student.call("with_memory", 206, [60_000], 8, []) == [-1, 1], "io_setup"
        assert student.call("call", 9, 0, 2 << 20, 3, 0x40022, -1, 0) == [-1, 12], "mmap, MAP_HUGETLB"
        assert student.call("call", 157, 62, 1, 0, 0, 0) == [-1, 1], "prctl, PR_SCHED_CORE"
        assert student.call("call", 162) == student.call("call", 306, 0) == [0, 0], "sync, syncfs: without effect"
        with pytest.raises(RuntimeError, match=r"ValueError|PermissionError"):
            student.call("core", 0)


# ---- hiding from the watch ----

HIDDEN = r"""
import ctypes, mmap, threading, time
libc = ctypes.CDLL(None)

def fill():
    kept = []
    while len(kept) < 40:
        kept.append(mmap.mmap(-1, 20_000_000))
        kept[-1].write(b"x" * 20_000_000)
    time.sleep(60)

def burn():
    while True:
        pass

def vanish(work):
    libc.prctl(15, b"\xff\xfe) S 1 (", 0, 0, 0)
    threading.Thread(target=globals()[work]).start()
    time.sleep(0.1)
    libc.syscall(60, 0)
"""


@pytest.mark.parametrize("way", ["fork", "single"])
def test_a_process_whose_first_thread_has_ended_is_still_held_to_its_limits(way):
    """Without control groups, memory and time are read from /proc, where such a process looks empty."""
    limits = sandbox_limits.Limits(memory_bytes=300_000_000, total_seconds=60.0)
    with BubblewrapRunner(limits, ["numpy"], way, control_groups=False) as runner:
        with Conversation(runner.open(), TimeLimit(20.0, 30.0)) as student:
            student.run(HIDDEN)
            with pytest.raises(Died, match="300 MB of memory"):
                student.call("vanish", "fill")
        with Conversation(runner.open(), TimeLimit(1.0, 30.0)) as student:
            student.run(HIDDEN)
            with pytest.raises(Timeout, match="processor time"):
                student.call("vanish", "burn")


TABLES = """
import ctypes, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

def look(gigabytes):
    size = gigabytes << 30
    at = libc.mmap(None, size, 1, 0x4022, -1, 0)
    libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(size), 15)
    view = (ctypes.c_char * size).from_address(at)
    for place in range(0, size, 2 << 20):
        view[place]
    time.sleep(60)
"""
SOCKETS = """
import os, socket, time

def hold(processes):
    held = 0
    for _ in range(processes):
        ready, done = os.pipe()
        if os.fork() == 0:
            kept, total = [], 0
            try:
                while True:
                    for one in socket.socketpair():
                        kept.append(one)
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 26)
                        one.setblocking(False)
                        try:
                            while True:
                                total += one.send(b"x" * 65536)
                        except BlockingIOError:
                            pass
            except OSError:
                os.write(done, str(total).encode())
            time.sleep(60)
        os.close(done)
        held += int(os.read(ready, 100))
    return held
"""


def test_memory_of_the_kernels_is_bounded_where_no_control_group_counts_it():
    limits = sandbox_limits.Limits(memory_bytes=300_000_000, total_seconds=60.0)
    with BubblewrapRunner(limits, ["numpy"], "fork", control_groups=False) as runner:
        with Conversation(runner.open(), TimeLimit(30.0, 40.0)) as student:
            student.run(TABLES)
            with pytest.raises(Died, match="300 MB of memory"):
                student.call("look", 400)
        with Conversation(runner.open(), TimeLimit(20.0, 30.0)) as student:
            student.run(SOCKETS)
            assert 0 < student.call("hold", 4) < 80_000_000


# ---- right work that looks odd ----

IN_32_BITS = """
import functools
import numpy as np

def single(value):
    if isinstance(value, tuple):
        return tuple(map(single, value))
    value = np.asarray(value)
    return value.astype(np.float32) if value.dtype.kind == "f" else value

def in_32_bits(function):
    return lambda *arguments: single(function(*(single(a) if isinstance(a, np.ndarray) else a for a in arguments)))

for name in ("threshold_unit", "gate", "perceptron_step", "train_perceptron", "radius_and_margin", "mistake_bound",
             "surrogate", "loss_gradient", "predict_class", "multiclass_step", "polynomial_kernel"):
    globals()[name] = in_32_bits(globals()[name])
"""


def test_right_work_in_numbers_of_32_bits_is_right(runner, notebook):
    """torch computes in them unless it is told otherwise."""

    def add(cells, made):
        made.cells.append(nbformat.v4.new_code_cell(IN_32_BITS))

    files = SubmittedFiles({"01_perceptron.ipynb": notebook(add)})
    grade = grade_files(load_assignment("01_perceptron"), files, runner, 11)
    assert {name: e.points for name, e in grade.exercises.items() if not e.manual and e.status != "passed"} == {}


# ---- pages ----

CLASSROOM = Path(view.PACKAGE) / "grading" / "classroom"


@pytest.mark.browser
@pytest.mark.parametrize("place", ["answer", "highlight", "output_subarea"])
def test_letters_under_a_pile_of_marks_stay_in_their_place(browser, place):
    style = (CLASSROOM / "formgrader.css").read_text(encoding="utf-8")

    def drawn_above(text):
        inner = harmless(text) if place == "answer" else f'<div class="{place}"><pre>{text}</pre></div>'
        page = browser.new_page(viewport={"width": 600, "height": 500})
        try:
            page.set_content(f"<style>{style}</style><p style='margin-top: 200px'>Points: 0 of 4</p>{inner}")
            return page.screenshot(clip={"x": 0, "y": 0, "width": 600, "height": 190})
        finally:
            page.close()

    assert drawn_above("a" + "\u0300\u0301" * 200) == drawn_above("a")
