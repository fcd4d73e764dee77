"""Build the list of common passwords that the policy refuses, or check that it is what this builds.

    python scripts/build_common_passwords.py [--check]

The source is the ranked list of leaked passwords in zxcvbn (MIT License), a dev dependency. Few of its
entries are long, so the list also holds what people make of short ones when a policy asks for 15 characters.
"""

import argparse
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

LIST_PATH = Path(__file__).parents[1] / "src/authsvc/passwords/common_passwords.txt"

SHORTEST_LISTED = 8  # no policy accepts shorter passwords
ASKED_FOR = 15  # the default minimum, which people stretch short passwords to

REPEATED = 5000  # this many of the most common are repeated,
NUMBERED = 2000  # this many are followed by a run of digits,
DATED = 100  # this many are followed by a year,
PAIRED = 180  # and this many are put one after another
YEARS = range(1980, 2031)
DIGITS = "12345678901234567890"
RUNS = ("123456789", "1234567890", "0123456789", "987654321")
WALKS = (
    "1234567890", "0987654321", "123456789", "987654321", "12345678", "qwertyuiop", "poiuytrewq", "qwerty",
    "ytrewq", "asdfghjkl", "lkjhgfdsa", "asdfgh", "asdf", "zxcvbnm", "mnbvcxz", "zxcvbn", "zxcv", "1qaz2wsx",
    "1qaz2wsx3edc", "qazwsx", "qazwsxedc", "1q2w3e4r", "1q2w3e4r5t", "q1w2e3r4", "qweasd", "qweasdzxc",
    "azertyuiop", "azerty", "qwertzuiop", "qwertz",
)  # fmt: skip
ROWS = ("qwertyuiopasdfghjklzxcvbnm", "1234567890qwertyuiop", "1qaz2wsx3edc4rfv5tgb6yhn", "zaq12wsxcde34rfv")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def build() -> str:
    """Return the text of the list: one entry a line, sorted by code point."""
    ranked = [fold(entry) for entry in FREQUENCY_LISTS["passwords"]]
    found = {entry for entry in (*ranked, *stretched(ranked)) if len(entry) >= SHORTEST_LISTED}
    return "".join(f"{entry}\n" for entry in sorted(found))


def fold(entry: str) -> str:
    """Return the form in which the policy looks a password up."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", entry).casefold())


def stretched(ranked: list[str]) -> Iterator[str]:
    """Yield what the most common entries, walks and rows become when 15 characters are asked for."""
    for word in (*ranked[:REPEATED], *WALKS, *ALPHABET, *"0123456789"):
        yield fill(word, ASKED_FOR)
    for word in ranked[:NUMBERED]:
        missing = ASKED_FOR - len(word)
        yield from (word + run for run in (*RUNS, DIGITS[: max(missing, 0)]) if len(run) >= missing)
    for word, year in product(ranked[:DATED], YEARS):
        yield f"{word}{year}"
        yield f"{fill(word, ASKED_FOR - 4)}{year}"
    yield from joined(ranked[:PAIRED], at_least=ASKED_FOR)
    yield from joined(WALKS, at_least=SHORTEST_LISTED)
    for row in (*ROWS, ALPHABET, DIGITS, DIGITS[::-1]):
        yield from (row[:length] for length in range(SHORTEST_LISTED, len(row) + 1))
    for character, length in product(ALPHABET + "0123456789", range(SHORTEST_LISTED, 25)):
        yield character * length


def fill(word: str, length: int) -> str:
    """Return ``word`` repeated, whole, until it has at least ``length`` characters."""
    return word * -(-length // len(word))


def joined(words: Iterable[str], *, at_least: int) -> Iterator[str]:
    """Yield every word followed by every word, where that is long enough."""
    return (pair for pair in map("".join, product(words, repeat=2)) if len(pair) >= at_least)


def main() -> int:
    """Write the list, or with ``--check`` compare; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the list of common passwords.")
    parser.add_argument("--check", action="store_true", help="exit 1 if the committed list differs")
    content = build().encode()
    if parser.parse_args().check:
        same = LIST_PATH.is_file() and LIST_PATH.read_bytes() == content
        print("up to date" if same else f"{LIST_PATH.name} differs: run this without --check")
        return 0 if same else 1
    LIST_PATH.write_bytes(content)
    print(f"{LIST_PATH.name}: {len(content.splitlines())} entries, {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
