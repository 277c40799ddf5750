"""Passwords that attackers try first: leaked ones and rows of keys, disguised or not."""

import re
from functools import cache

# Characters that people substitute for letters to satisfy a password policy.
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
MOST_USED = 3000  # required by OWASP ASVS 5.0, 6.2.4; the rest match only undisguised
REPEATED = re.compile(r"(.+?)\1+")


def is_common(password: str) -> bool:
    """Return whether the password is common. The first call takes 0.2 s to load the list."""
    folded = password.casefold()
    bare = folded.strip(AROUND)
    cores = {folded, folded.strip(SPECIAL)}
    # With more padding than that, a common word no longer makes the password guessable.
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
    """Return the `most` used of 30,000 leaked passwords, or all of them."""
    # Imported late, because most processes never need it.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"][:most])
