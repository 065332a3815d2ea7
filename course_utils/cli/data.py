"""``course data``: fetch a real data set, or list what there is."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``course data``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="mnist, fashion_mnist or cifar10")
    parser.add_argument("--list", action="store_true", help="list the sets and say which are there")
    parser.add_argument("--folder", help="data folder (default: COURSE_DATA, else the user's cache folder)")
    parser.add_argument(
        "--mirror",
        action="append",
        metavar="URL",
        help="take the files from URL/NAME/ in place of the public mirrors; may be repeated (also: COURSE_MIRROR)",
    )
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="give up a silent mirror")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def _list(folder: str | None) -> None:
    from pathlib import Path

    from course_utils.data.real_sets import is_present
    from course_utils.data.sources import SOURCES
    from course_utils.runtime import data_dir

    root = Path(folder).expanduser() if folder else data_dir()
    print(f"data folder: {root}")
    for name, source in SOURCES.items():
        state = "there" if is_present(name, root) else "not there"
        print(f"{name:14} {source.size / 1e6:6.0f} MB  {state:10} {source.about}; licence: {source.licence}")
    print("Always there without a download: digits, photos, faces, synthetic scenes.")


def run(args: argparse.Namespace) -> int:
    """Fetch the named sets; return 0 when all are there, 1 when one failed, 2 when none was named."""
    from course_utils.data.download import DownloadError, download

    if args.list:
        _list(args.folder)
        return 0
    if not args.names:
        print("course data needs a NAME: mnist, fashion_mnist or cifar10 (course data --list)", file=sys.stderr)
        return 2
    failed = False
    for name in args.names:
        try:
            download(
                name,
                args.folder,
                mirrors=args.mirror,
                timeout=args.timeout,
                progress=not args.quiet,
                say=print,
            )
        except (DownloadError, ValueError) as error:
            print(f"course data {name}: {error}", file=sys.stderr)
            failed = True
        except KeyboardInterrupt:
            print(f"\nstopped; `course data {name}` goes on where it stopped", file=sys.stderr)
            return 130
    return int(failed)
