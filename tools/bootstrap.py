"""Make the environment in .venv, or repair it, or find at once that it is ready.

    python3 tools/bootstrap.py course     what the chapters need      (requirements.txt)
    python3 tools/bootstrap.py grade      what grading a class needs   (requirements-grade.txt)
    python3 tools/bootstrap.py dev        what tests and the site need (requirements-dev.txt)
    python3 tools/bootstrap.py latest     the newest allowed versions, in .venv-latest

Standard library only, and readable by old Pythons too, so that the first thing a fresh machine meets is one
clear line and its remedy. The environment counts as ready when a stamp in it carries the fingerprint of the
requirements; anything else (half-made, other versions, another Python) is made good by the next call.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_GB = {"course": 8.0, "grade": 8.0, "dev": 9.0, "latest": 9.0}
STEPS = {"course": ["course"], "grade": ["course", "grade"], "dev": ["course", "grade", "dev"], "latest": ["latest"]}
FILES = {
    "course": ["requirements.txt", "pyproject.toml"],
    "grade": ["requirements-grade.txt", "requirements.txt", "pyproject.toml"],
    "dev": ["requirements-dev.txt", "requirements-grade.txt", "requirements.txt", "pyproject.toml"],
    "latest": ["pyproject.toml"],
}
REASONS = [
    (r"No space left on device|Errno 28", "the disk is full", "free {gb:.0f} GB, then run the same command again"),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|getaddrinfo failed"
        r"|Network is unreachable|ProxyError|ConnectTimeout|ReadTimeoutError|ConnectionResetError|SSLError"
        r"|Connection refused|Cannot connect",
        "the package index cannot be reached and the packages are not in pip's cache",
        "connect to the network (or set PIP_INDEX_URL to an index you can reach), then run the same command again",
    ),
    (
        r"No matching distribution found|Could not find a version|ResolutionImpossible",
        "the package index has no version that fits",
        "check that pip's settings (pip config list) name the full public index, then run the same command again",
    ),
    (r"Permission denied|Errno 13", "a file cannot be written", "make the course's folder yours, then run it again"),
]


class Trouble(Exception):
    """What went wrong and what to do about it, in one line."""


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in FILES:
        print("usage: python3 tools/bootstrap.py course|grade|dev|latest", file=sys.stderr)
        return 2
    kind = arguments[0]
    folder = os.path.join(ROOT, ".venv-latest" if kind == "latest" else ".venv")
    try:
        if is_ready(folder, kind):
            return 0
        python = suitable_python()
        check_disk(kind)
        ensure_venv(folder, python)
        install(folder, kind)
    except Trouble as trouble:
        print("course: " + str(trouble), file=sys.stderr)
        return 1
    except OSError as err:
        remedy = "free %.0f GB" % NEEDED_GB[kind] if err.errno == 28 else "look at that path"
        print("course: %s; %s, then run the same command again" % (err, remedy), file=sys.stderr)
        return 1
    return 0


def fingerprint(kind):
    digest = hashlib.sha256(ROOT.encode())
    for name in FILES[kind]:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def stamp_path(folder, kind):
    return os.path.join(folder, ".course-" + kind)


def is_ready(folder, kind):
    """Read the stamp, and see that the interpreter starts: a moved or half-deleted folder fails here."""
    try:
        with open(stamp_path(folder, kind)) as file:
            stamped = file.read().strip()
    except OSError:
        return False
    return stamped == fingerprint(kind) and interpreter_works(folder)


def interpreter(folder):
    return os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def interpreter_works(folder, module="sys"):
    if not os.path.exists(interpreter(folder)):
        return False
    command = [interpreter(folder), "-c", "import %s, sys; print('%%d.%%d' %% sys.version_info[:2])" % module]
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = tuple(int(part) for part in run.stdout.decode().strip().split(".") if part)
    return run.returncode == 0 and OLDEST <= found <= NEWEST


def suitable_python():
    """Return this interpreter if its version fits, else a fitting one from PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)
        if found:
            return found
    raise Trouble(
        "this is Python %d.%d, and the course needs 3.11, 3.12 or 3.13; install one (python.org, or your "
        "system's packages), then run the same command again" % sys.version_info[:2]
    )


def check_disk(kind):
    free = shutil.disk_usage(ROOT).free / 1e9
    needed = NEEDED_GB[kind]
    held = os.path.join(ROOT, ".venv-latest" if kind == "latest" else ".venv", "pyvenv.cfg")
    if os.path.exists(held):
        needed = 2.0  # most of it is there already
    if free < needed:
        raise Trouble(
            "the disk has %.1f GB free and the environment needs %.0f; free some space, then run the same "
            "command again" % (free, needed)
        )


def ensure_venv(folder, python):
    if interpreter_works(folder, "pip"):
        return
    if os.path.exists(folder):
        say("%s is incomplete or made for another Python: making it anew" % os.path.basename(folder))
        shutil.rmtree(folder)
    say("making %s with %s" % (os.path.basename(folder), python))
    run = subprocess.run([python, "-m", "venv", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode:
        text = run.stdout.decode(errors="replace")
        shutil.rmtree(folder, ignore_errors=True)
        if "ensurepip" in text:
            raise Trouble("this Python has no venv module; install it (Debian, Ubuntu: apt install python3-venv)")
        raise Trouble("the environment could not be made: " + reason(text, "course"))


def install(folder, kind):
    for name in STEPS[kind]:
        if os.path.exists(stamp_path(folder, name)):
            os.remove(stamp_path(folder, name))
    what = {name: ["-r", FILES[name][0]] for name in ("course", "grade", "dev")}
    command = [interpreter(folder), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += what.get(kind, ["--upgrade", "-e", ".[dev]"])
    log = os.path.join(ROOT, "build", "setup-%s.log" % kind)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    say("installing into %s: a few minutes and up to %.0f GB the first time (log: build/setup-%s.log)"
        % (os.path.basename(folder), NEEDED_GB[kind], kind))  # fmt: skip
    start, text = time.time(), []
    with open(log, "w", encoding="utf-8") as file:
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for raw in run.stdout:
            line = raw.decode(errors="replace")
            text.append(line)
            file.write(line)
            show(line)
    if run.wait():
        raise Trouble(reason("".join(text), kind))
    for name in STEPS[kind]:
        with open(stamp_path(folder, name), "w") as file:
            file.write(fingerprint(name) + "\n")
    say("ready after %.0f s" % (time.time() - start))


def reason(text, kind):
    """Turn pip's output into one line: what happened, and the remedy."""
    for pattern, what, remedy in REASONS:
        if re.search(pattern, text):
            return what + "; " + remedy.format(gb=NEEDED_GB[kind])
    errors = [line.strip() for line in text.splitlines() if "error" in line.lower()]
    last = errors[-1] if errors else (text.strip().splitlines() or ["pip said nothing"])[-1]
    return "pip failed: %s; the log is build/setup-%s.log" % (last, kind)


def show(line):
    """One moving line on a terminal: what pip is doing now."""
    if not sys.stdout.isatty():
        return
    match = re.match(r"\s*(Collecting|Downloading|Installing|Building|Preparing)\s+(\S+)(.*)", line)
    if match:
        size = re.search(r"\(([\d.]+ [kMG]B)\)", line)
        words = "%s %s %s" % (match.group(1), match.group(2)[:48], size.group(1) if size else "")
        sys.stdout.write("\r\033[K  " + words)
        sys.stdout.flush()


def say(words):
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    print("course: " + words, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
