"""Names of one record inside the login of the other, where the other lacks them: SQL and levels.

Belongs here: what spells a name, and how much it says. The comparisons made of it are in
`comparisons`. Their m is counted, not learned: how often a login holds its owner's names is seen on
records that have both (`value_statistics.own_names`).
"""

from __future__ import annotations

from c360_assets.stitch.compare.comparison_levels import HSource, Level, USource


def _either(condition: str) -> str:
    """The condition with a as the record whose login is read, or with b as that record."""
    other = condition.replace("a.", "@.").replace("b.", "a.").replace("@.", "b.")
    return f"(({condition}) OR ({other}))"


SPELLS_FULL_NAME = _either(
    "a.given IS NULL AND (contains(a.letters, b.given || b.surname)"
    " OR contains(a.letters, b.surname || b.given))"
)
SPELLS_INITIAL = _either(
    "a.given IS NULL AND (a.letters = b.given[:1] || b.surname"
    " OR a.letters = b.surname || b.given[:1])"
)
HOLDS_SURNAME = _either(
    "a.surname IS NULL AND length(b.surname) >= 4 AND contains(a.letters, b.surname)"
)
HOLDS_GIVEN = _either("a.given IS NULL AND length(b.given) >= 3 AND contains(a.letters, b.given)")
EITHER_RARITY = "greatest(coalesce(a.name_rarity, 0), coalesce(b.name_rarity, 0))"
EITHER_SURNAME_BIN = "greatest(coalesce(a.surname_bin, 0), coalesce(b.surname_bin, 0))"
EITHER_GIVEN_BIN = "greatest(coalesce(a.given_bin, 0), coalesce(b.given_bin, 0))"
LACKS_BOTH_NAMES = _either(
    "a.letters IS NOT NULL AND a.given IS NULL AND a.surname IS NULL"
    " AND length(b.surname) > 1 AND length(b.given) > 1"
)
LACKS_SURNAME = _either(
    "a.letters IS NOT NULL AND a.surname IS NULL AND b.surname IS NOT NULL"
    " AND (a.given IS NOT NULL OR b.given IS NULL OR length(b.given) = 1)"
)
LACKS_GIVEN = _either(
    "a.letters IS NOT NULL AND a.given IS NULL AND length(b.given) > 1"
    " AND (a.surname IS NOT NULL OR b.surname IS NULL)"
)


def _up_to(
    label: str, sql: str, rarity: str, m: float, u: dict[int, float], u_from: USource, h: HSource
) -> list[Level]:
    """Names up to each of some frequency bins: the rarer a name, the less often a stranger's login
    spells it."""
    levels = []
    for most, u_of_bin in u.items():
        condition = f"{sql} AND {rarity} <= {most}"
        level = Level(f"{label} {most}", condition, m, u_of_bin, u_from, h, fixed_m=True)
        levels.append(level)
    return levels


FULL_NAME_LEVELS = (
    *_up_to(
        "given name and surname",
        SPELLS_FULL_NAME,
        EITHER_RARITY,
        0.08,
        {6: 2e-6, 8: 1e-6, 10: 3e-7},
        "spelled",
        "random",
    ),
    Level(
        "given name and surname, rare",
        SPELLS_FULL_NAME,
        0.08,
        1e-7,
        "spelled",
        "random",
        fixed_m=True,
    ),
)
INITIAL_LEVELS = (
    *_up_to(
        "initial and surname",
        SPELLS_INITIAL,
        EITHER_SURNAME_BIN,
        0.05,
        {2: 4e-5, 3: 2e-5, 4: 1e-5},
        "spelled",
        "random",
    ),
    Level(
        "initial and surname, rare", SPELLS_INITIAL, 0.05, 2e-6, "spelled", "random", fixed_m=True
    ),
)
SURNAME_LEVELS = (
    *_up_to(
        "surname",
        HOLDS_SURNAME,
        EITHER_SURNAME_BIN,
        0.05,
        {2: 1e-3, 4: 4e-4, 5: 5e-5},
        "random",
        "learned",
    ),
    Level("surname, rare", HOLDS_SURNAME, 0.05, 5e-6, fixed_m=True),
)
GIVEN_LEVELS = (
    *_up_to(
        "given name",
        HOLDS_GIVEN,
        EITHER_GIVEN_BIN,
        0.05,
        {3: 2e-3, 4: 4e-4},
        "random",
        "random",
    ),
    Level("given name, rare", HOLDS_GIVEN, 0.03, 3e-5, h_from="random", fixed_m=True),
)
NO_NAME_IN_EMAIL = Level("nothing", "TRUE", 0.3, 0.99, fixed_m=True)
