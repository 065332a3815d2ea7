"""Names for a leaderboard: made up, the same for a student through the whole course, known to nobody else."""

import hashlib
import hmac
from collections.abc import Iterable

MOODS = (
    "amber", "ample", "breezy", "bright", "brisk", "calm", "candid", "cheerful", "clear", "cosy", "crisp",
    "curious", "daring", "deft", "eager", "early", "fair", "fond", "frank", "gentle", "glad", "golden", "hardy",
    "honest", "humble", "jolly", "keen", "kind", "lively", "lucid", "lucky", "mellow", "merry", "mild", "neat",
    "nimble", "noble", "patient", "placid", "polite", "proud", "quiet", "ready", "robust", "rosy", "serene",
    "sharp", "silver", "sincere", "smooth", "snug", "solid", "sound", "spry", "steady", "sunny", "swift",
    "tidy", "tranquil", "upbeat", "vivid", "warm", "willing", "witty",
)  # fmt: skip
PLACES = (
    "alpine", "arctic", "autumn", "bay", "brook", "canyon", "cave", "cliff", "coast", "coral", "desert", "dune",
    "evening", "field", "fjord", "forest", "garden", "glacier", "harbour", "heath", "highland", "hill",
    "island", "lagoon", "lake", "marsh", "meadow", "moor", "morning", "mountain", "night", "northern", "oasis",
    "ocean", "orchard", "polar", "pond", "prairie", "reef", "ridge", "river", "savanna", "shore", "southern",
    "spring", "steppe", "summer", "summit", "tide", "tundra", "valley", "western", "winter", "woodland",
)  # fmt: skip
ANIMALS = (
    "badger", "bear", "beaver", "bison", "bittern", "camel", "cat", "chamois", "cheetah", "condor", "cormorant",
    "crane", "curlew", "deer", "dolphin", "dove", "dragonfly", "eagle", "egret", "elk", "falcon", "ferret",
    "finch", "fox", "gannet", "gazelle", "goldfinch", "goose", "hare", "hawk", "heron", "ibex", "ibis",
    "jackdaw", "jay", "kestrel", "kingfisher", "kiwi", "koala", "lark", "lemur", "leopard", "linnet", "lion",
    "lizard", "lynx", "magpie", "marmot", "marten", "merlin", "moose", "newt", "nightingale", "ocelot",
    "octopus", "oriole", "osprey", "otter", "owl", "panda", "pelican", "penguin", "petrel", "pigeon", "plover",
    "puffin", "puma", "raven", "robin", "salmon", "sandpiper", "seal", "sparrow", "squirrel", "starling",
    "stork", "swallow", "swan", "swift", "tern", "thrush", "tiger", "tortoise", "trout", "turtle", "walrus",
    "whale", "wolf", "wombat", "wren", "yak", "zebra",
)  # fmt: skip


def pseudonyms(class_seed: int, students: Iterable[str]) -> dict[str, str]:
    """Give every student a name.

    Args:
        class_seed: the class's secret: without it nobody can say whose name it is.
        students: ids in the order of the roster. Two that draw the same name are told apart in this order, so new
            students belong at its end.

    Returns:
        The name by id; all different.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for student in students:
        trial = 0
        while (name := _draw(class_seed, student, trial)) in taken:
            trial += 1
        taken.add(name)
        found[student] = name
    return found


def _draw(class_seed: int, student: str, trial: int) -> str:
    message = f"pseudonym/{trial}/{student}".encode()
    value = int.from_bytes(hmac.new(str(class_seed).encode(), message, hashlib.sha256).digest(), "big")
    words = []
    for choices in (MOODS, PLACES, ANIMALS):
        value, place = divmod(value, len(choices))
        words.append(choices[place])
    return " ".join(words)
