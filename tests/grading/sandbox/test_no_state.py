"""Nothing passes from one submission to the next, nor to one that runs beside it, nor to where they come from."""

import contextlib
import os
from pathlib import Path

from course_utils.grading.sandbox import process_tree
from course_utils.grading.sandbox.conversation import Conversation

LEAVE = """
import ctypes, fcntl, os, socket, sys, tempfile, multiprocessing.shared_memory as sm

kept = []

def leave(mark):
    done = []
    def attempt(what, action):
        try:
            kept.append(action())
            done.append(what)
        except Exception:
            pass
    libc = ctypes.CDLL(None, use_errno=True)
    for place in (os.getcwd(), "/tmp", "/dev/shm", "/box", tempfile.gettempdir()):
        attempt(f"a file in {place}", lambda: open(f"{place}/{mark}", "w").write(mark))
    attempt("shared memory", lambda: sm.SharedMemory(mark + "shared", True, 100))
    attempt("a semaphore", lambda: os.stat("/dev/shm/sem." + mark) if libc.sem_open(
        mark.encode(), os.O_CREAT, 0o600, 1) else 1 / 0)
    def listen(name):
        s = socket.socket(socket.AF_UNIX)
        s.bind(name)
        s.listen()
        return s
    attempt("an abstract socket", lambda: listen("\\0" + mark))
    attempt("a socket", lambda: listen("/tmp/" + mark + ".socket"))
    def port():
        s = socket.socket()
        s.bind(("127.0.0.1", 47113))
        s.listen()
        return s
    attempt("a port", port)
    attempt("System V memory", lambda: 1 / (libc.shmget(4711, 4096, 0o1666) >= 0))
    attempt("a System V queue", lambda: 1 / (libc.msgget(4711, 0o1666) >= 0))
    attempt("a System V semaphore", lambda: 1 / (libc.semget(4711, 1, 0o1666) >= 0))
    attempt("a directory watch", lambda: 1 / (libc.inotify_init() >= 0))
    os.environ[mark] = mark
    import numpy, course_utils, course_utils.grading.wire as wire
    numpy.array = wire.pack_left = course_utils.left = mark
    sys.modules[mark] = numpy
    attempt("a priority", lambda: os.nice(3))
    os.umask(0)
    sys.setrecursionlimit(333)
    numpy.seterr(all="raise")
    return done
"""
FIND = """
import ctypes, os, socket, sys, tempfile, multiprocessing.shared_memory as sm

def find(mark):
    found = []
    def attempt(what, action):
        try:
            if action() is not False:
                found.append(what)
        except Exception:
            pass
    libc = ctypes.CDLL(None, use_errno=True)
    for place in (os.getcwd(), "/tmp", "/dev/shm", "/box", tempfile.gettempdir()):
        attempt(f"a file in {place}", lambda: mark in " ".join(os.listdir(place)))
    attempt("shared memory", lambda: sm.SharedMemory(mark + "shared"))
    for name in ("\\0" + mark, "/tmp/" + mark + ".socket"):
        attempt("a socket", lambda: socket.socket(socket.AF_UNIX).connect(name))
    attempt("a port", lambda: socket.create_connection(("127.0.0.1", 47113), 1))
    attempt("System V memory", lambda: libc.shmget(4711, 4096, 0o666) >= 0)
    attempt("a System V queue", lambda: libc.msgget(4711, 0o666) >= 0)
    attempt("a System V semaphore", lambda: libc.semget(4711, 1, 0o666) >= 0)
    attempt("a variable", lambda: mark in os.environ)
    import numpy, course_utils, course_utils.grading.wire as wire
    attempt("a patched module", lambda: numpy.array == mark or hasattr(wire, "pack_left"))
    attempt("a patched package", lambda: hasattr(course_utils, "left"))
    attempt("a module", lambda: mark in sys.modules)
    attempt("a priority", lambda: os.nice(0) == 3)
    attempt("a mask", lambda: os.umask(0o22) == 0)
    attempt("a recursion limit", lambda: sys.getrecursionlimit() == 333)
    attempt("numpy's errors", lambda: numpy.geterr()["under"] == "raise")
    return found
"""


def test_what_one_leaves_the_others_do_not_find(talk):
    first = talk(LEAVE)
    left = first.call("leave", "abc123")
    assert {"a file in /tmp", "a file in /dev/shm", "shared memory", "an abstract socket", "a socket"} <= set(left)
    assert not {"System V memory", "a System V queue", "a System V semaphore", "a directory watch"} & set(left)
    assert talk(FIND).call("find", "abc123") == []  # while the first one is there
    first.close()
    assert talk(FIND).call("find", "abc123") == []


def test_it_would_be_found(talk):
    both = talk(LEAVE + FIND)
    left, found = both.call("leave", "abc123"), both.call("find", "abc123")
    assert len(left) >= 8
    assert {"a file in /tmp", "shared memory", "a socket", "a variable", "a patched module", "a module"} <= set(found)
    assert {"a mask", "a recursion limit", "numpy's errors"} <= set(found)


def test_every_process_begins_the_same(talk):
    begin = (
        "import os, random, resource, sys, numpy as np\n"
        "def begin():\n"
        "    files = sorted(os.path.join(a, x) for a, b, c in os.walk('/box') for x in c)\n"
        "    return [random.random(), float(np.random.rand()), hash('abc'), sorted(set('xyzabc'), key=str), files,\n"
        "            [int(fd) for fd in range(64) if alive(fd)], sys.argv, os.getcwd(), sorted(sys.modules),\n"
        "            list({'some', 'strings', 'in', 'a', 'set'}), resource.getrlimit(resource.RLIMIT_NPROC)]\n"
        "def alive(fd):\n"
        "    try:\n"
        "        os.fstat(fd)\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
    )
    views = [talk(begin).call("begin") for _ in range(3)]
    assert views[0] == views[1] == views[2]
    assert views[0][4] == []
    assert views[0][5] == [0, 1, 2, 3, 4]  # the null device three times, and the two pipes
    assert views[0][6:8] == [[""], "/box/work"]


def test_a_lock_or_a_watch_on_a_shared_file_reaches_nobody(talk):
    lock = (
        "import ctypes, errno, fcntl, sys\n"
        "files = []\n"
        "def lock():\n"
        "    files.append(open('/course/course_utils/check.py'))\n"
        "    fcntl.flock(files[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    fcntl.lockf(files[-1], fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
        "    try:\n"
        "        fcntl.fcntl(files[-1], 1024, fcntl.F_RDLCK)\n"
        "    except OSError as error:\n"
        "        return error.errno == errno.EPERM\n"
    )
    first, second = talk(lock), talk(lock)
    assert first.call("lock") is True
    assert second.call("lock") is True
    import fcntl

    import course_utils.check

    with open(course_utils.check.__file__) as file:  # nor does it reach this process
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_grader_hands_nothing_in_but_two_pipes(runner, request):
    """Seen from outside: the environment and the descriptors of everything that runs in a sandbox."""
    channel = runner.open()
    request.addfinalizer(channel.close)
    Conversation(channel)  # with the first request it has closed the socket that told of its beginning
    outer = runner.zygote_pid() or channel.inmate.sandbox.process.pid
    pids = process_tree.tree(outer)
    assert channel.inmate.pid in pids
    seen = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # one that was being made ahead; for an ordinary user, those of others
            variables = {text.partition(b"=")[0] for text in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
            assert variables <= INSIDE, f"process {pid}"
            seen += 1
    assert seen >= (2 if os.geteuid() == 0 else 0)
    if os.geteuid() != 0:
        return  # only root may look at the descriptors; they were counted from inside
    names = [os.readlink(f"/proc/{channel.inmate.pid}/fd/{fd}") for fd in range(5)]
    assert names[:3] == ["/dev/null"] * 3
    assert all(name.startswith("pipe:") for name in names[3:])
    assert len(os.listdir(f"/proc/{channel.inmate.pid}/fd")) == 5


INSIDE = set(
    b"PATH HOME TMPDIR MPLCONFIGDIR USER LANG TZ MPLBACKEND PYTHONHASHSEED PYTHONDONTWRITEBYTECODE PYTHONPATH PWD "
    b"OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS".split()
) | {b""}
