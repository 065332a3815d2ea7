"""Write the table of all networks that the figure of architectures shows.

    python -m tools.architectures

Run it after a change to a network of ``course_utils.models``; ``tests/widgets/test_architectures.py`` tells when.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from course_utils.widgets.architectures import TABLE, collect


def write(table: dict[str, Any]) -> str:
    """Return the table as JSON, one layer, block and network a line."""
    line = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
    parts = []
    for key in ("layers", "blocks"):
        rows = ",\n".join(line(row) for row in table[key])
        parts.append(f'"{key}":[\n{rows}\n]')
    rows = ",\n".join(f"{line(name)}:{line(row)}" for name, row in table["networks"].items())
    parts.append(f'"networks":{{\n{rows}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def main() -> None:
    """Write the table."""
    TABLE.write_text(write(collect()), encoding="utf-8")
    print(f"wrote {TABLE.name}: {TABLE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
