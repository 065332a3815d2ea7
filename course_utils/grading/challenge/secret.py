"""Everything random about a challenge, from the class's secret seed: which pictures, ids, order, and who is public.

The code is public, so whoever knows the seed knows the labels. Hence the seed has to be too long to be tried out, each
purpose gets its own key (knowing one says nothing about another), and order comes from hashes, which no library
version changes.
"""

import hashlib
import hmac

SHORTEST_SEED = 2**40  # a trial costs at least a millisecond: 35 years on one processor, less than one on a cluster
LETTERS = "bcdfghjkmnpqrstvwxz"  # no vowels: no words; no digits: no spreadsheet takes an id for a number or a date
ID_LENGTH = 8


class ShortSeed(ValueError):
    """The class's seed could be found by trying; the text says what to do."""


def check_seed(class_seed: int) -> None:
    """Accept a seed that nobody can find by trying.

    Raises:
        ShortSeed: if it is too short.
    """
    if class_seed < SHORTEST_SEED:
        raise ShortSeed(
            f"the class's seed has {class_seed.bit_length()} bits: a student could find it by trying, and with it the "
            "labels. Put a random one of 60 bits into class.yml before the first assignment is handed out: "
            'python -c "import secrets; print(secrets.randbits(60))"'
        )


def key(class_seed: int, name: str, purpose: str) -> bytes:
    """The key for one purpose in one challenge of one class."""
    return hmac.new(str(class_seed).encode(), f"challenge/{name}/{purpose}".encode(), hashlib.sha256).digest()


def number(class_seed: int, name: str, purpose: str) -> int:
    """A seed of 128 bits for one purpose."""
    return int.from_bytes(key(class_seed, name, purpose)[:16], "big")


def shuffled(secret: bytes, count: int) -> list[int]:
    """The numbers 0 to ``count - 1`` in an order that only the key knows."""
    return sorted(range(count), key=lambda i: hmac.new(secret, str(i).encode(), hashlib.sha256).digest())


def image_ids(secret: bytes, count: int) -> list[str]:
    """Different ids that tell nothing about what they name."""
    found: dict[str, None] = {}
    trial = 0
    while len(found) < count:
        value = int.from_bytes(hmac.new(secret, f"id {trial}".encode(), hashlib.sha256).digest(), "big")
        letters = []
        for _ in range(ID_LENGTH):
            value, digit = divmod(value, len(LETTERS))
            letters.append(LETTERS[digit])
        found["".join(letters)] = None
        trial += 1
    return list(found)
