"""Read ``book/ledger.yml``: what the lectures contain, where the book runs it, and which test holds it."""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
LEDGER = ROOT / "book" / "ledger.yml"
VERDICTS = {
    "true": "True",
    "false": "False",
    "imprecise": "Imprecise",
    "external": "Rests on outside data",
}
LECTURES = {
    "000": "Introduction to neural networks (J. Verbeek)",
    "001": "Image recognition with convolutional networks (K. Simonyan)",
    "002": "Convolutional neural networks, an overview",
    "003": "Deep image (M. Cord)",
    "004": "Convolutional neural networks (P. Favaro)",
}


@dataclass(frozen=True)
class Claim:
    """One statement of a lecture, and what checking it gave."""

    key: str
    claim: str
    lecture: str
    verdict: str
    finding: str
    chapter: str
    anchor: str
    test: str


def load(path: Path = LEDGER) -> dict:
    """Return the ledger with its three parts, empty where there is none."""
    stored = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return {part: (stored or {}).get(part) or {} for part in ("systems", "claims", "equations")}


def claims(path: Path = LEDGER) -> list[Claim]:
    """Return the claims in the order of their keys.

    Raises:
        ValueError: if a verdict is none of the four.
    """
    found = []
    for key, entry in sorted(load(path)["claims"].items()):
        verdict = str(entry["verdict"]).lower()
        if verdict not in VERDICTS:
            raise ValueError(f"{key}: verdict must be one of {', '.join(VERDICTS)}, got {verdict!r}")
        lecture = entry.get("lecture", "")
        lecture = ", ".join(lecture) if isinstance(lecture, list) else str(lecture)
        found.append(
            Claim(
                key=key,
                claim=" ".join(str(entry["claim"]).split()),
                lecture=lecture,
                verdict=verdict,
                finding=" ".join(str(entry.get("finding", "")).split()),
                chapter=str(entry["chapter"]),
                anchor=str(entry.get("anchor", key.lower())),
                test=str(entry["test"]),
            )
        )
    return found
