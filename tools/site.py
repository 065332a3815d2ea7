"""Build the site: ``python -m tools.site build``, or ``serve`` to build and look at it.

Jupyter Book reads ``_config.yml`` and ``book/_toc.yml`` and renders stored outputs; nothing is executed and
nothing is downloaded. Warnings fail. The finished site is in ``build/site``.
"""

import argparse
import gzip
import hashlib
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tools.bundle import Bundle
from tools.pages import write_pages
from tools.static_server import StaticServer

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "book"
HTML = WORK / "_build" / "html"
SITE = ROOT / "build" / "site"
FINGERPRINT = WORK / "fingerprint"
# What Sphinx does not watch: a change in any of these asks for a build from nothing.
WATCHED = ("_config.yml", "book/_toc.yml", "book/_ext/*", "book/_templates/**/*", "book/_static/course/katex/*.js")
# Built but never asked for: the icon fonts and scripts of the theme, and KaTeX's script, which ran at build time.
LEFT_OUT = re.compile(
    r"_static/(scripts/fontawesome\.js.*|vendor/fontawesome/.*|[a-z-]*webpack-macros\.html|course/katex/.*\.js|locales/.*|.*\.map)"
)


def toc_documents(toc: dict) -> list[str]:
    """Return the document names of a table of contents, in reading order, without suffix."""
    found = [toc["root"]]
    for part in toc.get("parts", [toc]):
        found += [chapter["file"] for chapter in part.get("chapters", []) if "file" in chapter]
    return found


def source_of(document: str, root: Path = ROOT) -> Path | None:
    """Return the file of a document name, or None."""
    return next((path for kind in (".ipynb", ".md") if (path := root / (document + kind)).exists()), None)


def draft_toc(root: Path = ROOT) -> Path:
    """Write a table of contents without the pages that do not exist yet, and return its path."""
    toc = yaml.safe_load((root / "book/_toc.yml").read_text(encoding="utf-8"))
    for part in toc.get("parts", []):
        missing = [item["file"] for item in part["chapters"] if source_of(item["file"], root) is None]
        part["chapters"] = [item for item in part["chapters"] if item["file"] not in missing]
        for name in missing:
            print(f"draft: {name} does not exist yet")
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    path = WORK / "draft_toc.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
    return path


def fingerprint(toc: Path, root: Path = ROOT) -> str:
    """Return a digest of everything that changes all pages without Sphinx noticing."""
    digest = hashlib.sha256(toc.read_bytes())
    for pattern in WATCHED:
        for path in sorted(root.glob(pattern)):
            if path.is_file():
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def run_jupyter_book(builder: str, toc: Path, strict: bool = True) -> int:
    """Run Jupyter Book on the repository; return its exit code.

    A failed build is forgotten, because Sphinx keeps what it has read and would be silent about the same
    warnings the next time.
    """
    now = fingerprint(toc)
    if not FINGERPRINT.exists() or FINGERPRINT.read_text(encoding="utf-8") != now:
        shutil.rmtree(WORK / "_build", ignore_errors=True)
    start = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", ".", "--config", "_config.yml", "--toc", str(toc)]
    command += ["--path-output", str(WORK), "--builder", builder, "-q"]
    command += ["-W", "-n", "--keep-going"] if strict else []
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        shutil.rmtree(WORK / "_build", ignore_errors=True)
    else:
        FINGERPRINT.write_text(now, encoding="utf-8")
    return code


def publish(source: Path = HTML, target: Path = SITE) -> None:
    """Make ``target`` hold exactly the finished pages and what they need, touching only what changed."""
    pages = sorted(source.rglob("*.html"))
    bundle = Bundle(source, source / "book" / "intro.html")
    wanted = {
        path.relative_to(source).as_posix(): path
        for path in source.rglob("*")
        if path.is_file() and not path.name.startswith(".buildinfo")
    }
    wanted = {name: path for name, path in wanted.items() if not LEFT_OUT.fullmatch(name)}
    bodies = {name: path.read_bytes() for name, path in wanted.items()}
    for page in pages:
        name = page.relative_to(source).as_posix()
        if name in bodies and b"</title>" in bodies[name]:
            bodies[name] = bundle.rewrite(bodies[name].decode("utf-8"), page).encode("utf-8")
    bodies |= {name: text.encode("utf-8") for name, text in bundle.files().items()}
    bodies |= {"index.html": front_door(), ".nojekyll": b""}
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(target).as_posix() not in bodies:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, body in bodies.items():
        copy = target / name
        if not copy.exists() or copy.read_bytes() != body:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(body)


def front_door() -> bytes:
    """Return ``index.html``: it leads to the first page, with or without scripts."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    first = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))["root"] + ".html"
    title = html.escape(config["title"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={first}">
<link rel="canonical" href="{first}">
<link rel="icon" href="_static/favicon.svg">
</head>
<body><main><h1>{title}</h1><p><a href="{first}">Open the book</a></p></main></body>
</html>
""".encode()


def print_figures(target: Path = SITE) -> None:
    """Print how many pages there are and what the largest ones weigh."""
    pages = {path: len(gzip.compress(path.read_bytes(), 6)) for path in target.rglob("*.html")}
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{len(pages)} pages in {target.relative_to(ROOT)}, {total / 2**20:.1f} MiB in all; the largest, gzipped:")
    for path, size in sorted(pages.items(), key=lambda item: -item[1])[:5]:
        print(f"  {size / 1024:6.0f} KB  {path.relative_to(target).as_posix()}")


def print_measures() -> None:
    """Print what each page weighs and how soon its figures live, where there is a browser to tell."""
    from course_utils.runtime.environment import find_chromium
    from tools.measure_site import measure, site_pages  # needs this module

    if find_chromium() is None:
        print("no Chromium here, so pages are not measured")
    else:
        measure(site_pages())


def build(draft: bool = False, frozen: bool = False) -> int:
    """Write the generated pages, build the site, and print its figures; return the exit code.

    Args:
        draft: leave out pages that do not exist yet, and forgive warnings.
        frozen: refuse to build when a generated page would change.
    """
    changed = [path.relative_to(ROOT).as_posix() for path in write_pages(check=frozen)]
    if changed and frozen:
        print(f"out of date, run python -m tools.pages: {', '.join(changed)}", file=sys.stderr)
        return 1
    for name in changed:
        print(f"wrote {name}")
    toc = draft_toc() if draft else ROOT / "book/_toc.yml"
    code = run_jupyter_book("html", toc, strict=not draft)
    if code:
        print("the site was not built; each warning above says where", file=sys.stderr)
        return code
    publish()
    print_figures()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Build, and serve when asked; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("build", "serve"))
    parser.add_argument("--draft", action="store_true", help="leave out pages that do not exist yet, forgive warnings")
    parser.add_argument("--frozen", action="store_true", help="fail when a page made from data is out of date")
    parser.add_argument("--port", type=int, default=8000, help="where to serve (default: 8000)")
    options = parser.parse_args(arguments)
    code = build(options.draft, options.frozen)
    if code or options.command == "build":
        return code
    with StaticServer(SITE, options.port) as server:
        print(f"{server.url} (Ctrl+C ends it)", flush=True)
        try:
            print_measures()
            server.wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
