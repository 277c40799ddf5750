"""Passwords that an attacker tries first: from leaks, and rows of keys, in every disguise."""

import re
from functools import cache

# What people write for letters, where a password must hold other characters.
SUBSTITUTES = str.maketrans("@013457$!", "aoleastsi")
SPECIAL = " !@#$%^&*()-_=+.,;:?/"
AROUND = "0123456789" + SPECIAL
MOST_AROUND = 6
ROWS = (
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1q2w3e4r5t6y7u8i",
)
MORE_COMMON = {"admin", "administrator", "changeme"}
MOST_USED = 3000  # as many as OWASP ASVS 5.0, 6.2.4, asks for; the others count undisguised only
REPEATED = re.compile(r"(.+?)\1+")


def is_common(password: str) -> bool:
    """Loads the list when it is called first, which takes a fifth of a second."""
    folded = password.casefold()
    bare = folded.strip(AROUND)
    cores = {folded, folded.strip(SPECIAL)}
    # A word with about as much around it as it is long; more than that is no word any more.
    if len(folded) - len(bare) <= max(MOST_AROUND, len(bare)):
        cores.add(bare)
    cores |= {repeated[1] for text in (folded, bare) if (repeated := REPEATED.fullmatch(text))}
    cores |= {core.translate(SUBSTITUTES) for core in cores}
    return (
        folded in _from_leaks()
        or not cores.isdisjoint(_from_leaks(MOST_USED) | MORE_COMMON)
        or any(map(_is_row, cores - {""}))
    )


def _is_row(core: str) -> bool:
    return any(core in row * (1 + len(core) // len(row) + 1) for row in ROWS)


@cache
def _from_leaks(most: int | None = None) -> frozenset[str]:
    """30,000 of them, the most used first; imported here, because most processes never need it."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"][:most])
