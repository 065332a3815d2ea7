"""The package is built in floors: a module imports lower floors only, and importing it costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.runtime import repo_root

PACKAGE = repo_root() / "course_utils"
FLOORS = {
    0: ("check", "runtime"),
    1: ("data", "scratch", "models", "training", "explain", "plotting"),
    2: ("recipes", "detection", "segmentation", "multiscale", "video", "gallery"),
    3: ("widgets", "grading"),
    4: ("cli",),
}
FLOOR = {name: floor for floor, group in FLOORS.items() for name in group}
# Inside the ground floor: check is the lowest stone, runtime stands on it. A recipe trains what its neighbours define.
ALLOWED_BESIDE = {("runtime", "check"), ("recipes", "detection")}


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Units of course_utils that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("course_utils."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("course_utils.")}
    return found


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in {"__init__"})


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_lower_floors_only(path: Path) -> None:
    own = unit_of(path)
    assert own in FLOOR, f"{own} stands on no floor; add it to FLOORS and to DESIGN"
    for other in imports(path) - {own}:
        lower = FLOOR[other] < FLOOR[own] or (own, other) in ALLOWED_BESIDE
        assert lower, f"{path.name} (floor {FLOOR[own]}) imports {other} (floor {FLOOR[other]})"


def test_the_reader_of_imports_sees_all_forms(tmp_path: Path) -> None:
    lines = ["import course_utils.data", "from course_utils import plotting", "def f():"]
    lines += ["    from course_utils.cli.data import run"]
    path = tmp_path / "module.py"
    path.write_text("\n".join(lines))
    assert imports(path) == {"data", "plotting", "cli"}


def fresh_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_brings_no_torch_and_is_quick() -> None:
    code = (
        "import sys, time; t = time.process_time(); import course_utils; s = time.process_time() - t\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "print(s < 0.2, sorted(heavy))"
    )
    assert fresh_python(code).strip() == "True []"


@pytest.mark.parametrize("unit", ["course_utils.runtime", "course_utils.check", "course_utils.cli"])
def test_the_ground_floor_and_the_command_line_import_no_torch(unit: str) -> None:
    assert fresh_python(f"import sys, {unit}; print('torch' in sys.modules)").strip() == "False"


def test_torchvision_is_imported_only_where_it_is_used() -> None:
    code = "import sys\nfrom course_utils import data, training, plotting\nprint('torchvision' in sys.modules)"
    assert fresh_python(code).strip() == "False"
