"""Build the chapters, one way: ``notebooks/src/NN_topic.py`` to an executed ``notebooks/NN_topic.ipynb``.

    python -m tools.chapters build [NAME ...]     convert, execute, normalise, measure, write
    python -m tools.chapters check [NAME ...]     do sources and stored notebooks belong together?

Each notebook runs alone in a fresh kernel without a network and without data sets, so that every reader can
repeat it. Cells tagged ``machine`` show what this machine measured (times, versions): while their source is
unchanged their stored output is kept, as is the stored cost, so that a rebuild of unchanged code changes no
byte; ``--fresh`` measures anew. A chapter that truly needs more than a minute says so in its header
(``course: {seconds_limit: 100}``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbclient.util import run_sync

from tools.normalise import dumps, normalise

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "notebooks" / "src"
NOTEBOOKS = ROOT / "notebooks"
COST_MARK = "<!-- cost -->"
SECONDS_LIMIT, HARD_SECONDS_LIMIT = 60.0, 120.0
MEMORY_LIMIT_GB = 2.0
BYTES_LIMIT = 500_000
PROBE_SIZE = 1024
SOLUTION_LINE = "# Solution"
COLAB_CELL = '''\
# Google Colab lacks the course's package: install it there. Anywhere else this cell does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install -q "course-utils @ git+https://github.com/convnets-course/convnets-course"'''


@dataclass(frozen=True)
class Cost:
    """What one run of a chapter costs: wall-clock seconds, the same in matrix products, and peak memory."""

    seconds: float
    probes: float
    memory_gb: float

    def sentence(self, cores: int = 2) -> str:
        """Write the cost as the line that stands at the top of the chapter."""
        digits = max(0, len(str(round(self.probes))) - 2)
        return (
            f"*Cost of running this chapter: {self.seconds:.0f} s on {cores} processor cores "
            f"(about {round(self.probes, -digits):,.0f} products of two {PROBE_SIZE} × {PROBE_SIZE} matrices), "
            f"{self.memory_gb:.1f} GB of memory, 0 bytes downloaded.*"
        )


def names() -> list[str]:
    """List the chapters that have a source, in order."""
    return sorted(path.stem for path in SOURCES.glob("*.py"))


def convert(name: str) -> nbformat.NotebookNode:
    """Turn a chapter's source into a notebook without outputs, with the Colab cell and fixed cell ids."""
    nb = jupytext.read(SOURCES / f"{name}.py", fmt="py:percent")
    if not nb.cells or nb.cells[0].cell_type != "markdown" or not nb.cells[0].source.startswith("# "):
        raise SystemExit(f"{name}: the first cell must be markdown that starts with '# Title'")
    if nb.cells[0].source.count(COST_MARK) != 1:
        raise SystemExit(f"{name}: the first cell must hold the line {COST_MARK} once; the build writes the cost there")
    colab = nbformat.v4.new_code_cell(COLAB_CELL, metadata={"tags": ["colab", "remove-cell"]})
    nb.cells.insert(1, colab)
    seen: dict[str, int] = {}
    for cell in nb.cells:
        _fold(cell)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.metadata.pop("lines_to_next_cell", None)
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    course = nb.metadata.get("course", {})
    nb.metadata = nbformat.from_dict(
        {
            "course": course,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    nb.nbformat, nb.nbformat_minor = 4, 5
    return nb


def _fold(cell: nbformat.NotebookNode) -> None:
    """Fold in JupyterLab what the site folds; a folded cell still shows its first line, so give it a neutral one."""
    tags = set(cell.metadata.get("tags", []))
    if tags & {"hide-input", "hide-cell", "remove-cell"}:
        cell.metadata.setdefault("jupyter", {})["source_hidden"] = True
    if "solution" in tags and not cell.source.startswith(SOLUTION_LINE):
        cell.source = f"{SOLUTION_LINE}\n{cell.source}"


def environment() -> dict[str, str]:
    """Environment of a kernel: no network, no data sets, nobody watching, fixed hashing."""
    env = {k: v for k, v in os.environ.items() if k not in ("JPY_SESSION_NAME", "MPLBACKEND")}
    path = [str(ROOT / "tools" / "offline"), str(ROOT), env.get("PYTHONPATH", "")]
    return env | {
        "PYTHONPATH": os.pathsep.join(part for part in path if part),
        "COURSE_DATA": str(Path(tempfile.gettempdir()) / "no-course-data"),
        "COURSE_PROGRESS": "0",
        "PYTHONHASHSEED": "0",
    }


def execute(nb: nbformat.NotebookNode) -> tuple[nbformat.NotebookNode, float, float]:
    """Run a notebook in a fresh kernel; return it with its seconds and the kernel's peak memory in GB."""
    client = NotebookClient(
        nb,
        timeout=300,
        kernel_name="python3",
        store_widget_state=True,
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    memory = 0.0
    start = time.perf_counter()
    with client.setup_kernel(env=environment()):
        for index, cell in enumerate(nb.cells):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        memory = _peak_memory_gb(client)
        client.set_widgets_metadata()
    return nb, seconds, memory


# On Linux a process inherits the peak of ru_maxrss from the one that started it; VmHWM is its own.
PEAK_MEMORY = """
def _peak():
    from pathlib import Path
    import resource, sys
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
"""


def _peak_memory_gb(client: NotebookClient) -> float:
    """Ask the kernel for its peak resident memory; 0 where the system does not tell (Windows)."""
    request = client.kc.execute(PEAK_MEMORY, silent=True, user_expressions={"peak": "_peak()"})
    reply: dict[str, Any] = {"parent_header": {}}
    while reply["parent_header"].get("msg_id") != request:
        reply = run_sync(client.kc.get_shell_msg)(timeout=30)
    result = reply["content"].get("user_expressions", {}).get("peak", {})
    return int(result["data"]["text/plain"]) / 1e9 if result.get("status") == "ok" else 0.0


def probe_seconds() -> float:
    """Time of one product of two 1024 x 1024 float32 matrices: the median of 20, in a process of its own."""
    code = (
        "import time, torch\n"
        f"a = torch.randn({PROBE_SIZE}, {PROBE_SIZE})\n"
        "for _ in range(5): a @ a\n"
        "for _ in range(20):\n"
        "    t = time.perf_counter(); a @ a; print(time.perf_counter() - t)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return statistics.median(map(float, run.stdout.split()))


def build(name: str, *, fresh: bool = False, budget: bool = True, probe: float | None = None) -> list[str]:
    """Build one chapter and return the rules that it breaks."""
    target = NOTEBOOKS / f"{name}.ipynb"
    stored = json.loads(target.read_text(encoding="utf-8")) if target.exists() else None
    nb, seconds, memory = execute(convert(name))
    data: dict[str, Any] = normalise(json.loads(nbformat.writes(nb)))
    measured = Cost(round(seconds, 1), round(seconds / (probe or probe_seconds())), round(memory, 2))
    code = hashlib.sha256((SOURCES / f"{name}.py").read_bytes()).hexdigest()
    cost = measured
    if stored and not fresh:
        _keep_machine_outputs(data, stored)
        about = stored["metadata"].get("course", {})
        if about.get("source") == code:
            cost = Cost(**about["cost"])
    settings = data["metadata"]["course"]
    data["metadata"]["course"] = {**settings, "source": code, "cost": asdict(cost)}
    first = data["cells"][0]
    first["source"] = "".join(first["source"]).replace(COST_MARK, cost.sentence()).splitlines(keepends=True)
    text = dumps(data)
    part = target.with_suffix(".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, target)
    size = len(text.encode())
    limit = min(float(settings.get("seconds_limit", SECONDS_LIMIT)), HARD_SECONDS_LIMIT)
    print(
        f"{name}: {measured.seconds:.1f} s ({measured.probes:,.0f} probes) of {limit:.0f}, "
        f"{measured.memory_gb:.2f} GB of {MEMORY_LIMIT_GB:.0f}, {size / 1000:.0f} KB of {BYTES_LIMIT / 1000:.0f}",
        flush=True,
    )
    broken = []
    if budget and measured.seconds > limit:
        broken.append(f"{name} runs {measured.seconds:.0f} s, the limit is {limit:.0f} s")
    if measured.memory_gb > MEMORY_LIMIT_GB:
        broken.append(f"{name} takes {measured.memory_gb:.1f} GB, the limit is {MEMORY_LIMIT_GB:.0f} GB")
    if size > BYTES_LIMIT:
        broken.append(f"{name} weighs {size / 1000:.0f} KB, the limit is {BYTES_LIMIT / 1000:.0f} KB")
    return broken


def _keep_machine_outputs(new: dict[str, Any], stored: dict[str, Any]) -> None:
    """Give cells tagged ``machine`` their stored output back while their source is unchanged."""
    known = {cell["id"]: cell for cell in stored["cells"] if "machine" in cell["metadata"].get("tags", [])}
    for cell in new["cells"]:
        if cell["id"] in known and "machine" in cell["metadata"].get("tags", []):
            cell["outputs"] = known[cell["id"]]["outputs"]


def differences(name: str) -> list[str]:
    """Compare a stored notebook with its source, cell by cell; empty when they belong together."""
    path = NOTEBOOKS / f"{name}.ipynb"
    remedy = f"run: python -m tools.chapters build {name}"
    if not path.exists():
        return [f"{path.name} is missing; {remedy}"]
    stored = json.loads(path.read_text(encoding="utf-8"))
    fresh = json.loads(nbformat.writes(convert(name)))
    cost = Cost(**stored["metadata"]["course"]["cost"])
    first = fresh["cells"][0]
    first["source"] = "".join(first["source"]).replace(COST_MARK, cost.sentence()).splitlines(keepends=True)
    if len(stored["cells"]) != len(fresh["cells"]):
        return [f"{path.name} has {len(stored['cells'])} cells, its source {len(fresh['cells'])}; {remedy}"]
    found = []
    for index, (old, new) in enumerate(zip(stored["cells"], fresh["cells"])):
        for part in ("cell_type", "source", "metadata", "id"):
            if old[part] != new[part]:
                found.append(f"{path.name}, cell {index}: {part} differs from the source; {remedy}")
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.chapters", description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=["build", "check"])
    parser.add_argument("names", nargs="*", help="chapters, for example 01_perceptron; all if left out")
    parser.add_argument("--fresh", action="store_true", help="measure costs and machine-dependent outputs anew")
    parser.add_argument("--no-budget", action="store_true", help="do not enforce seconds (a busy machine)")
    args = parser.parse_args(argv)
    chosen = args.names or names()
    unknown = set(chosen) - set(names())
    if unknown:
        parser.error(f"no source for {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    broken: list[str] = []
    probe = probe_seconds() if args.action == "build" else None
    for name in chosen:
        if args.action == "check":
            broken += differences(name)
            continue
        try:
            broken += build(name, fresh=args.fresh, budget=not args.no_budget, probe=probe)
        except CellExecutionError as err:
            broken.append(f"{name}: a cell failed\n{err}")
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
