"""Fetch the third-party browser files that the repository carries, and check those it has.

The site and its tests need a few files from npm. They are committed, with their licences and checksums, so
that building needs no network. ``python -m tools.vendor`` fetches the pinned versions again (it needs npm);
``python -m tools.vendor --check`` compares the committed files with the checksums.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.node import find_program

ROOT = Path(__file__).resolve().parent.parent
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Package:
    """One npm package: its pinned version, where its files go, and which of them are kept."""

    name: str
    version: str
    folder: str
    patterns: tuple[str, ...]
    strip: str = ""


PACKAGES = (
    Package(
        "katex",
        "0.19.1",
        "book/_static/course/katex",
        ("dist/katex.min.js", "dist/katex.min.css", "dist/fonts/*.woff2", "LICENSE"),
        strip="dist/",
    ),
    Package(
        "@fontsource-variable/source-serif-4",
        "5.3.1",
        "book/_static/course/source-serif",
        ("files/source-serif-4-latin-wght-normal.woff2", "files/source-serif-4-latin-wght-italic.woff2", "LICENSE"),
        strip="files/",
    ),
    Package(
        "@fontsource-variable/source-sans-3",
        "5.3.0",
        "book/_static/course/source-sans",
        ("files/source-sans-3-latin-wght-normal.woff2", "LICENSE"),
        strip="files/",
    ),
    Package("axe-core", "4.14.1", "tests/site/vendor/axe-core", ("axe.min.js", "LICENSE", "LICENSE-3RD-PARTY.txt")),
)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(package: Package, root: Path = ROOT) -> list[Path]:
    """Download one package with ``npm pack`` and unpack the files that the repository keeps.

    Args:
        package: what to fetch.
        root: the repository.

    Returns:
        The files written, sorted, the checksum list last.
    """
    target = root / package.folder
    with tempfile.TemporaryDirectory() as scratch:
        command = [find_program("npm"), "pack", f"{package.name}@{package.version}", "--json", "--silent"]
        listing = subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True).stdout
        archive = Path(scratch) / json.loads(listing)[0]["filename"]
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        unpacked = Path(scratch) / "package"
        found = [path for pattern in package.patterns for path in sorted(unpacked.glob(pattern))]
        shutil.rmtree(target, ignore_errors=True)
        written = []
        for path in found:
            copy = target / path.relative_to(unpacked).as_posix().removeprefix(package.strip)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            written.append(copy)
    lines = [f"{sha256(path)}  {path.relative_to(target).as_posix()}" for path in sorted(written)]
    sums = target / CHECKSUMS
    sums.write_text(f"# {package.name} {package.version}, from npm\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return [*sorted(written), sums]


def problems(package: Package, root: Path = ROOT) -> list[str]:
    """Say how the committed files of a package differ from its checksum list (nothing: they agree)."""
    target = root / package.folder
    sums = target / CHECKSUMS
    if not sums.exists():
        return [f"{sums.relative_to(root)} is missing; run python -m tools.vendor"]
    lines = sums.read_text(encoding="utf-8").splitlines()
    found = []
    if lines[0] != f"# {package.name} {package.version}, from npm":
        found.append(f"{package.folder}: holds {lines[0][2:]!r}, wanted version {package.version}")
    listed = {}
    for line in lines[1:]:
        digest, name = line.split("  ", 1)
        listed[name] = digest
    present = {
        path.relative_to(target).as_posix(): path
        for path in target.rglob("*")
        if path.is_file() and path.name != CHECKSUMS
    }
    found += [f"{package.folder}/{name}: listed but missing" for name in sorted(set(listed) - set(present))]
    found += [f"{package.folder}/{name}: present but not listed" for name in sorted(set(present) - set(listed))]
    for name in sorted(set(present) & set(listed)):
        if sha256(present[name]) != listed[name]:
            found.append(f"{package.folder}/{name}: its checksum differs from the list")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Fetch or check every package; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.vendor", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare the committed files with their checksums")
    options = parser.parse_args(arguments)
    if not options.check:
        for package in PACKAGES:
            files = fetch(package)
            print(f"{package.name} {package.version}: {len(files)} files in {package.folder}")
    found = [line for package in PACKAGES for line in problems(package)]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
