"""Check a machine before grading on it: what is there, what is missing, and whether student code stays inside.

python -m course_utils.grading.sandbox [--sandbox auto|bubblewrap|container] [--image IMAGE]

Ends with 0 when every attempt to break out failed, with 1 when one did not, with 2 when there is no sandbox.
"""

import argparse
from collections.abc import Iterator, Sequence

from course_utils.grading.sandbox.bubblewrap import BubblewrapRunner
from course_utils.grading.sandbox.choose import findings, open_runner
from course_utils.grading.sandbox.container import IMAGE
from course_utils.grading.sandbox.probes import PROBE_LIMITS, Outcome, run_probes
from course_utils.grading.sandbox.remedy import wrapped
from course_utils.grading.sandbox.runner import Runner, Unavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the findings, then try to break out; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.grading.sandbox", description=__doc__.split("\n")[0])
    parser.add_argument("--sandbox", choices=("auto", "bubblewrap", "container"), default="auto")
    parser.add_argument("--image", default=IMAGE, help="what containers are made of (default: %(default)s)")
    options = parser.parse_args(arguments)
    print("Where student code can run on this machine\n")
    found = findings(options.image)
    for finding in found:
        print(_line(finding.name, finding.text))
    try:
        with open_runner(options.sandbox, preload=("numpy",), limits=PROBE_LIMITS, image=options.image) as runner:
            outcomes = list(_tell(runner))
    except Unavailable as trouble:
        told = any(str(trouble).endswith(finding.text) for finding in found) or options.sandbox == "auto"
        print(
            "\n" + wrapped("No sandbox: nothing is graded on this machine" + ("." if told else f": {trouble}"), "", "")
        )
        return 2
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"\n{passed} of {len(outcomes)} held.")
    return 0 if passed == len(outcomes) else 1


def _tell(runner: Runner) -> Iterator[Outcome]:
    runner.open().close()
    ways = {"fork": "a process forked for each submission", "single": "a sandbox for each submission"}
    way = f" ({ways[runner.mode]})" if isinstance(runner, BubblewrapRunner) else ""
    print(f"\nTrying to break out of {runner.name}{way}\n")
    for outcome in run_probes(runner):
        print(_line("held" if outcome.passed else "NOT HELD", outcome.claim + (outcome.found and f": {outcome.found}")))
        yield outcome


def _line(name: str, text: str) -> str:
    return wrapped(text, f"  {name:14s}  ", " " * 18)


if __name__ == "__main__":
    raise SystemExit(main())
