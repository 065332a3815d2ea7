"""What a sandbox sees of this machine: the arguments of bubblewrap that build its file tree, and nothing beside it.

System libraries and programs, the Python that runs the grader, and the course's package. Not the rest of the
repository (hidden tests, solutions), no home folder, no ``/etc`` but four harmless files, no device but five, no
``/sys``. Everything is read-only except one folder of bounded size.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_utils.grading.sandbox.closing_in import BOX, NOBODY, SCRATCH, SHARED, WORK
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.runner import NoSandbox
from course_utils.grading.sandbox.settle import environment

PACKAGE = Path(__file__).resolve().parents[2]
COURSE = "/course"
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32")
TOP = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
HARMLESS = ("/etc/ld.so.cache", "/etc/alternatives", "/usr/share/zoneinfo", "/usr/share/fonts")
DEVICES = ("null", "zero", "full", "random", "urandom")


def file_tree(
    limits: Limits,
    single: bool,
    texts: Sequence[int],
    readable: Iterable[Path] = (),
    withheld: Iterable[str] = (),
) -> list[str]:
    """Arguments that build the file tree.

    Args:
        limits: bounds of the writable folder.
        single: the sandbox serves one submission and cannot cover anything any more itself.
        texts: descriptors to read `user_texts` from, and after them the text of ``/proc/cpuinfo``.
        readable: further files and folders to show.
        withheld: modules whose files are covered, wherever a Python would find them.

    Raises:
        NoSandbox: if the Python environment cannot be shown without showing the course's repository.
    """
    arguments: list[str] = []
    shown = [*LIBRARIES, "/usr/bin", *HARMLESS, *map(str, [*python_paths(), *packages_elsewhere(), *readable])]
    for top in TOP:
        if os.path.islink(top):
            arguments += ["--symlink", os.readlink(top), top]
        elif os.path.isdir(top):
            shown.append(top)
    shown = [path for path in _outermost(shown) if os.path.exists(path)]
    made: set[str] = set()
    for path in shown:
        arguments += [*_folders_above(path, made), "--ro-bind", path, path]
    for link in _programs()[:-1]:  # one in ~/bin or ~/.local/bin is made anew: nothing else of that folder is shown
        if not any(link.is_relative_to(path) for path in shown):
            arguments += [*_folders_above(str(link), made), "--symlink", os.readlink(link), str(link)]
    arguments += [*_folders_above(f"{COURSE}/x", made), "--ro-bind", str(PACKAGE), f"{COURSE}/{PACKAGE.name}"]
    for place in _places(withheld, shown):
        inside = f"{COURSE}/{place.relative_to(PACKAGE.parent)}" if place.is_relative_to(PACKAGE) else str(place)
        if place.is_dir():
            arguments += ["--perms", "0555", "--tmpfs", inside, "--remount-ro", inside]
        else:
            arguments += ["--ro-bind", "/dev/null", inside]
    arguments += _folders_above("/etc/x", made)
    for descriptor, path in zip(texts, ("/etc/passwd", "/etc/group")):
        arguments += ["--perms", "0444", "--ro-bind-data", str(descriptor), path]
    arguments += ["--perms", "0755", "--tmpfs", "/dev"]
    for name in DEVICES:
        arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        arguments += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    arguments += ["--symlink", SHARED, "/dev/shm", "--remount-ro", "/dev"]
    if single:
        arguments += ["--perms", "0555", "--tmpfs", "/proc"]
        arguments += ["--perms", "0444", "--ro-bind-data", str(texts[2]), "/proc/cpuinfo", "--remount-ro", "/proc"]
    else:  # the zygote maps users by it, and covers it in each child
        arguments += ["--proc", "/proc"]
    arguments += ["--size", str(limits.disk_bytes), "--perms", "0777", "--tmpfs", BOX]
    for folder in (WORK, SCRATCH, SHARED):
        arguments += ["--perms", "0777", "--dir", folder]
    if "/tmp" not in {*made, *shown}:  # Python may lie below it; TMPDIR names the folder anyway
        arguments += ["--symlink", SCRATCH, "/tmp"]
    arguments += ["--remount-ro", "/", "--chdir", WORK]
    search = os.pathsep.join([COURSE, *map(str, packages_elsewhere())])
    for name, value in {**environment(WORK, SCRATCH), "PYTHONPATH": search}.items():
        arguments += ["--setenv", name, value]
    return arguments


def user_texts(user: int) -> tuple[bytes, bytes]:
    """The contents of ``/etc/passwd`` and ``/etc/group`` inside: one user, one group."""
    users = dict.fromkeys((user, NOBODY))
    people = "".join(f"student:x:{number}:{number}::{WORK}:/bin/sh\n" for number in users)
    return people.encode(), "".join(f"student:x:{number}:\n" for number in users).encode()


def python_paths() -> list[Path]:
    """Folders that the running Python consists of: its own, and its virtual environment's.

    Raises:
        NoSandbox: if one of them contains the course's repository, or the home folder.
    """
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    prefixes.add(str(_programs()[-1].parent.parent))
    prefixes.update({os.path.realpath(prefix) for prefix in prefixes})
    repository, home = PACKAGE.parent, Path(os.path.expanduser("~"))
    found = []
    for prefix in sorted(prefixes):
        if prefix in ("/", "/usr"):  # its parts are shown anyway
            continue
        if (repository / "assignments").exists() and repository.is_relative_to(prefix):
            raise NoSandbox(
                f"the Python environment in {prefix} holds the course's own repository ({repository}), hidden tests "
                "included, so a sandbox cannot show the one without the other; make the environment a folder of its "
                "own, for example .venv in the repository"
            )
        if home.is_relative_to(prefix):
            raise NoSandbox(
                f"Python is installed in {prefix}, around your home folder, so a sandbox cannot show the one without "
                "the other; use a Python that has a folder of its own"
            )
        shared = prefix in ("/usr/local", os.path.expanduser("~/.local"))  # where other programs keep their secrets
        found += [Path(prefix, part) for part in ("bin", "lib", "lib64")] if shared else [Path(prefix)]
    return found


def _programs() -> list[Path]:
    """The running Python, and what it is a link to, and what that is a link to; the last is a program."""
    found = [Path(sys.executable)]
    while found[-1].is_symlink():
        found.append(Path(os.path.normpath(found[-1].parent / os.readlink(found[-1]))))
    return found


def packages_elsewhere() -> list[Path]:
    """Folders of installed packages outside the Python that runs, such as those of ``pip install --user``."""
    own = [Path(prefix) for prefix in ("/usr", *map(str, python_paths()))]
    folders = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return [one for one in folders if one.is_dir() and not any(one.is_relative_to(prefix) for prefix in own)]


def _places(modules: Iterable[str], shown: Iterable[str]) -> list[Path]:
    """Files and folders of modules that the sandbox would show: as packages, as sources, as compiled code."""
    roots = {PACKAGE.parent, *map(Path, sys.path), *Path("/usr/lib").glob("python3*/*-packages")}
    found: set[Path] = set()
    for module in modules:
        *above, name = module.split(".")
        for folder in (root.joinpath(*above) for root in roots):
            copies = (folder / name, *folder.glob(f"{name}.*"), *folder.glob(f"__pycache__/{name}.*"))
            found.update(one for one in copies if one.exists())
    tops = (str(PACKAGE), *shown)
    return sorted(one for one in found if any(one.is_relative_to(top) for top in tops))


def _outermost(paths: Iterable[str]) -> list[str]:
    """The paths that lie in none of the others."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda one: one.count("/")):
        if not any(Path(path).is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _folders_above(path: str, made: set[str]) -> list[str]:
    """Arguments that make the folders above a path, readable for everybody: bubblewrap's own are closed for others."""
    arguments = []
    for parent in reversed(Path(path).parents[:-1]):
        if str(parent) not in made:
            made.add(str(parent))
            arguments += ["--perms", "0755", "--dir", str(parent)]
    return arguments
