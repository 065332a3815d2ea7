"""Trying to break out: each probe is code that a student could hand in, and what the grader must see of it.

This is how an instructor checks a new machine. A probe that finds a way out says so; one that could not be tried says
that, and has not passed. They are for sandboxes only: what they try works without one, and leaves its traces.
"""

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.sandbox.conversation import Conversation
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.process_tree import running_with
from course_utils.grading.sandbox.runner import Died, Runner, TimeLimit, Timeout

PROBE_LIMITS = Limits(memory_bytes=400_000_000, processes=24, disk_bytes=8_000_000, files=300, total_seconds=120.0)
SHORT = TimeLimit(processor=1.0, clock=4.0)
VARIABLE = "COURSE_GRADING_PROBE"


class Leak(Exception):
    """A probe got where it must not; the text says where."""


@dataclass(frozen=True)
class Probe:
    """One attempt: what must hold, and the function that tries; it raises `Leak` where it does not hold."""

    claim: str
    attempt: Callable[[Runner], None]


@dataclass(frozen=True)
class Outcome:
    """What a probe found: nothing (`passed`), or what it was."""

    claim: str
    passed: bool
    found: str = ""


def run_probes(runner: Runner) -> Iterator[Outcome]:
    """Run every probe, one after the other, in processes of this runner, which was opened with `PROBE_LIMITS`.

    Raises:
        ValueError: if the runner is no sandbox.
    """
    if not runner.sandboxed:
        raise ValueError(f"probes try to break out, so they run in a sandbox only; {runner.name} is none")
    for probe in PROBES:
        try:
            probe.attempt(runner)
        except Leak as leak:
            yield Outcome(probe.claim, False, str(leak))
        except Exception as error:
            yield Outcome(probe.claim, False, f"could not be tried: {type(error).__name__}: {error}")
        else:
            yield Outcome(probe.claim, True)


def network(runner: Runner) -> None:
    """Reach a server of this machine's, a machine elsewhere, the machine below this one, a nearby socket."""
    name = f"\0course-grading-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as nearby:
        nearby.bind(name)
        nearby.listen()
        with _talk(runner, NETWORK) as student:
            found = student.call("reach", server.getsockname()[1], name)
    _expect(not found, f"it reached {', '.join(found)}")


NETWORK = """
import socket

def reach(port, name):
    places = {
        "a server on this machine": (socket.AF_INET, ("127.0.0.1", port)),
        "the internet": (socket.AF_INET, ("1.1.1.1", 53)),
        "the internet (IPv6)": (socket.AF_INET6, ("2606:4700:4700::1111", 53)),
        "a name server": (socket.AF_INET, ("127.0.0.53", 53)),
        "a socket of another process": (socket.AF_UNIX, name),
        "the machine below this one": (40, (2, 22)),
    }
    found = []
    for place, (family, address) in places.items():
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                s.settimeout(1.5)
                if family == 40:
                    found.append(place)
                    continue
                s.connect(address)
                found.append(place)
        except OSError:
            pass
    for family in (16, 17, 38):
        try:
            socket.socket(family, socket.SOCK_RAW).close()
            found.append(f"the kernel by sockets of family {family}")
        except OSError:
            pass
    return found
"""


def host_files(runner: Runner) -> None:
    """Read a file of this machine's, the hidden tests, what tells users and passwords."""
    repository = Path(__file__).resolve().parents[3]
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text("seen")
        canary.chmod(0o644)
        Path(folder).chmod(0o755)
        places = [str(canary), str(repository / "assignments"), str(repository / "results"), "/etc/shadow"]
        places += ["/etc/hostname", "/home", str(Path.home() / ".ssh"), "/var", "/run", "/sys", "/mnt", "/proc/1"]
        with _talk(runner, HOST_FILES) as student:
            found = student.call("see", places)
    _expect(not found, f"it saw {', '.join(found)}")


HOST_FILES = """
import os

def see(places):
    found = []
    for place in places:
        try:
            if os.path.isdir(place):
                if os.listdir(place):
                    found.append(place)
            else:
                open(place, "rb").read(10)
                found.append(place)
        except OSError:
            pass
    return found
"""


def writing(runner: Runner) -> None:
    """Write anywhere but into its own folder."""
    with _talk(runner, WRITING) as student:
        found = student.call("write")
    _expect(not found, f"it could write to {', '.join(found[:5])}")


WRITING = """
import os, sys, numpy, course_utils

def write():
    own = os.path.realpath(os.path.dirname(os.getcwd()))
    places = ["/", "/usr", "/usr/lib", "/etc", "/dev", "/proc", "/course", sys.prefix, sys.base_prefix]
    places += [os.path.dirname(numpy.__file__), os.path.dirname(course_utils.__file__), *sys.path]
    found = []
    for place in places:
        if not place or os.path.realpath(place).startswith(own):
            continue
        try:
            with open(os.path.join(place, "written"), "w"):
                found.append(place)
        except OSError:
            pass
    open(os.path.join(os.getcwd(), "mine"), "w").close()
    return found
"""


def environment(runner: Runner) -> None:
    """Read a variable of the grader's, from its own environment or from another process's."""
    value = secrets.token_hex(8)
    os.environ[VARIABLE] = value
    try:
        with _talk(runner, ENVIRONMENT) as student:
            found = student.call("read", value)
    finally:
        del os.environ[VARIABLE]
    _expect(not found, f"it read a variable of the grader's in {', '.join(found)}")


ENVIRONMENT = """
import os

def read(value):
    found = ["its own environment"] if any(value in text for text in os.environ.values()) else []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/environ") as file:
                if value in file.read():
                    found.append(f"/proc/{name}/environ")
        except OSError:
            pass
    return found
"""


def rights(runner: Runner) -> None:
    """Be somebody, or become somebody."""
    with _talk(runner, RIGHTS) as student:
        user, found = student.call("become")
    _expect(user not in (0, os.geteuid() or -1), f"it runs as user {user}")
    _expect(not found, f"it could {', '.join(found)}")


RIGHTS = """
import ctypes, os

def become():
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    attempts = {
        "become root": lambda: os.setuid(0),
        "leave its groups": lambda: os.setgroups([0]),
        "mount": lambda: libc.mount(b"x", b"/box", b"tmpfs", 0, None) and 1 / 0,
        "make a user namespace": lambda: libc.unshare(0x10000000) and 1 / 0,
        "change its root": lambda: os.chroot("/usr"),
        "make a device": lambda: os.mknod("device", 0o20666, os.makedev(1, 1)),
        "trace a process": lambda: libc.ptrace(0, 0, 0, 0) and 1 / 0,
        "raise its priority": lambda: os.nice(-5),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
            found.append(what)
        except (OSError, ZeroDivisionError):
            pass
    return os.getuid(), found
"""


def other_processes(runner: Runner) -> None:
    """See or signal a process that is not its own."""
    with _talk(runner, OTHERS) as student:
        found = student.call("look")
    _expect(not found, f"it found processes: {', '.join(map(str, found[:5]))}")


OTHERS = """
import os

def look():
    found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    for pid in [*range(2, 3000), os.getppid()]:
        try:
            if pid:
                os.kill(pid, 0)
                found.append(pid)
        except PermissionError:
            found.append(pid)
        except OSError:
            pass
    return found
"""


def orphans(runner: Runner) -> None:
    """Leave a process behind: detached from its parent, in a session of its own, deaf to signals."""
    mark = f"course-grading-{secrets.token_hex(8)}"
    with _talk(runner, ORPHANS) as student:
        student.call("detach", mark)
        _expect(bool(running_with(mark)), "the process that was to be left behind could not be started")
    deadline = time.monotonic() + 3
    while (left := running_with(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _expect(not left, f"process {left[:1]} lives on after its submission")


ORPHANS = """
import os, signal, sys, time

def detach(mark):
    ready, done = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            os.set_inheritable(done, True)
            wait = "import os, sys, time; os.write(int(sys.argv[2]), b'x'); time.sleep(600)"
            os.execv(sys.executable, [sys.executable, "-c", wait, mark, str(done)])
        os._exit(0)
    os.read(ready, 1)
"""


def memory(runner: Runner) -> None:
    """Take more memory than allowed, alone and with others."""
    for function in ("alone", "together"):
        with _talk(runner, MEMORY) as student:
            try:
                taken = student.call(function, PROBE_LIMITS.memory_bytes)
                _expect(taken <= 1.1 * PROBE_LIMITS.memory_bytes, f"it held {taken / 1e6:.0f} MB")
            except RuntimeError as error:
                _expect("MemoryError" in str(error), f"it stopped with {error}")
            except Died as death:
                _expect("memory" in str(death) and not death.killed, f"it ended without the reason: {death}")


MEMORY = """
import os, signal, time

def alone(allowed):
    blocks = []
    while len(blocks) * 20_000_000 < 3 * allowed:
        blocks.append(b"x" * 20_000_000)
    return len(blocks) * 20_000_000

def together(allowed):
    share = allowed // 3
    children = []
    for number in range(6):
        ready, done = os.pipe()
        child = os.fork()
        if child == 0:
            block = b"x" * share
            os.write(done, b"x")
            time.sleep(60)
            os._exit(0)
        children.append(child)
        os.close(done)
        os.read(ready, 1)
        time.sleep(0.2)
    alive = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]
    return len(alive) * share
"""


def processes(runner: Runner) -> None:
    """Start processes and threads without end."""
    with _talk(runner, PROCESSES) as student:
        forked = student.call("fork")
    with _talk(runner, PROCESSES) as student:
        threads = student.call("threads")
    for count, what in ((forked, "processes"), (threads, "threads")):
        _expect(count < PROBE_LIMITS.processes, f"it started {count} {what}")


PROCESSES = """
import os, threading, time

def fork():
    count = 0
    while count < 400:
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            break
        count += 1
    return count

def threads():
    count = 0
    while count < 400:
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError:
            break
        count += 1
    return count
"""


def disk(runner: Runner) -> None:
    """Fill the disk, and make files without end."""
    with _talk(runner, DISK) as student:
        taken = student.call("fill", PROBE_LIMITS.disk_bytes)
    _expect(taken <= 1.1 * PROBE_LIMITS.disk_bytes, f"it wrote {taken / 1e6:.0f} MB")
    with _talk(runner, DISK) as student:
        try:
            made = student.call("files", PROBE_LIMITS.files)
        except Died as death:
            _expect("files" in str(death), f"it ended without the reason: {death}")
        else:
            _expect(made <= PROBE_LIMITS.files, f"it made {made} files")


DISK = """
import os, tempfile, time

def fill(allowed):
    taken = 0
    for folder in (os.getcwd(), tempfile.gettempdir(), "/dev/shm", "/tmp"):
        for number in range(3):
            try:
                with open(f"{folder}/{number}-{taken}", "wb", buffering=0) as file:
                    while taken < 4 * allowed:
                        taken += file.write(b"x" * 100_000)
            except OSError:
                pass
    return taken

def files(allowed):
    made = 0
    try:
        while made < 4 * allowed:
            os.mkdir(f"folder {made}")
            made += 1
    except OSError:
        return made
    time.sleep(3)
    return made
"""


def processor_time(runner: Runner) -> None:
    """Spend processor time in another process, and wait on the clock."""
    for function, limit in (("burn", SHORT), ("wait", TimeLimit(1.0, 1.5))):
        with _talk(runner, PROCESSOR) as student:
            student.limit = limit
            start = time.monotonic()
            try:
                student.call(function)
            except Timeout:
                continue
            finally:
                spent = time.monotonic() - start
        raise Leak(f"it went on for {spent:.1f} s")


PROCESSOR = """
import os, time

def burn():
    if os.fork() == 0:
        while True:
            pass
    os.wait()

def wait():
    time.sleep(60)
"""


def the_next_one(runner: Runner) -> None:
    """Leave something for the submission that comes next."""
    mark = secrets.token_hex(8)
    for turn in ("leave", "find"):
        with _talk(runner, NEXT) as student:
            found = student.call(turn, mark)
    _expect(not found, f"the next submission found {', '.join(found)}")


NEXT = """
import builtins, os, sys, tempfile

def places():
    return [os.getcwd(), tempfile.gettempdir(), "/tmp", "/dev/shm", "/box", "/dev", "/", "/var/tmp"]

def leave(mark):
    for place in places():
        try:
            with open(f"{place}/{mark}", "w") as file:
                file.write(mark)
        except OSError:
            pass
    import numpy
    numpy.left = builtins.left = mark
    os.environ["LEFT"] = mark
    sys.path.append(mark)
    return []

def find(mark):
    import numpy
    found = [place for place in places() if os.path.exists(f"{place}/{mark}")]
    found += ["a patched module"] * (hasattr(numpy, "left") or hasattr(builtins, "left"))
    found += ["a variable"] * ("LEFT" in os.environ) + ["an import path"] * (mark in sys.path)
    return found
"""

PROBES = (
    Probe("no network", network),
    Probe("no file of this machine", host_files),
    Probe("nothing outside its folder can be written", writing),
    Probe("no environment variable of the grader", environment),
    Probe("no rights, and no way to get any", rights),
    Probe("no other process in sight", other_processes),
    Probe("no process left behind", orphans),
    Probe("bounded memory", memory),
    Probe("bounded processes and threads", processes),
    Probe("bounded disk and files", disk),
    Probe("bounded processor time and clock", processor_time),
    Probe("nothing passes to the next submission", the_next_one),
)


@contextmanager
def _talk(runner: Runner, source: str) -> Iterator[Conversation]:
    with Conversation(runner.open()) as student:
        student.run(source)
        yield student


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Leak(otherwise)
