"""What a comparison is: a table of ordinal levels, each an SQL condition over two records a and b.

Belongs here: the shape of comparisons, levels and facts, and how their SQL is read. Which
comparisons there are is in `comparisons`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

USource = Literal["random", "total", "blocked", "conditional", "spelled"]
HSource = Literal["learned", "random", "share", "person"]


@dataclass(frozen=True)
class Level:
    """One level: the SQL condition (aliases a, b; levels of earlier comparisons by name) and the
    starting values of the model.

    m, u, h: starting probability given both sides present (same person, strangers, one household;
    h = m if not given).

    `u_from`: random = share among random pairs; total = all pairs with an equal value, counted
    exactly; blocked = learned from compared pairs, because every such pair is compared;
    conditional = within compared pairs that hold the comparison; spelled = from the u of the names
    a login is spelled from.

    `h_from`: learned; random = fixed to u; share = u plus a small fixed share (twins, namesakes);
    person = as for one person, so that the level tells nothing between the two.
    """

    label: str
    sql: str
    m: float
    u: float
    u_from: USource = "random"
    h_from: HSource = "learned"
    h: float | None = None
    fixed_m: bool = False  # never learned: what EM would learn here is the mixture itself


@dataclass(frozen=True)
class Comparison:
    """One comparison: it counts for pairs that hold it, at the first level whose condition is true.

    `held`: columns that both records hold, as alternatives. `lacking`: instead, one record has
    letters in its login and lacks one of these. `present`: what else must be true. `only_column`:
    the column whose two values alone decide the level, which is then computed once per pair of
    values. `context`: it says what kind of pair it is, not whether its values agree.
    """

    name: str
    held: tuple[tuple[str, ...], ...]
    levels: tuple[Level, ...]
    present: str = "TRUE"
    lacking: tuple[str, ...] = ()
    only_column: str | None = None
    context: bool = False
    bits: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", len(self.levels).bit_length())

    @property
    def alias(self) -> str:
        """The name under which SQL of later comparisons reads the level."""
        return f"l_{self.name}"

    def level_sql(self) -> str:
        """The SQL expression of the level number, for pairs that hold the comparison."""
        conditions = []
        otherwise = 0
        for number, level in enumerate(self.levels, 1):
            if level.sql != "TRUE":
                conditions.append(f"WHEN {level.sql} THEN {number}")
            elif not otherwise:
                otherwise = number
        return f"(CASE {' '.join(conditions)} ELSE {otherwise} END)"

    def is_at(self, *prefixes: str) -> str:
        """The SQL condition that the level's label starts with one of `prefixes`.

        Plain comparisons: the SQL engine turns an IN over many values into a join.
        """
        conditions = [f"{self.alias} = {number}" for number in self.level_numbers(*prefixes)]
        return f"({' OR '.join(conditions)})"

    def level_numbers(self, *prefixes: str) -> list[int]:
        """The numbers, from 1, of the levels whose label starts with one of `prefixes`."""
        numbered = enumerate(self.levels, 1)
        return [number for number, level in numbered if level.label.startswith(prefixes)]


@dataclass(frozen=True)
class Fact:
    """Something that is true of some pairs, under a name that comparisons refer to.

    Text is read only where both records hold one of the alternatives `held` and `guard`, which
    looks at numbers alone, says that it may be true.
    """

    name: str
    held: tuple[tuple[str, ...], ...]
    guard: str
    sql: str


def columns_read(sql: str) -> list[str]:
    """Columns of the comparison records that SQL over two records a and b reads."""
    return sorted(set(re.findall(r"\b[ab]\.(\w+)", sql)))


def side_by_side(sql: str) -> str:
    """SQL over records a and b, rewritten for relations that hold the columns of both as a_, b_."""
    return re.sub(r"\b([ab])\.", r"\1_", sql)
