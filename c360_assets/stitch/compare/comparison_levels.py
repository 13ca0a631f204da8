"""What a comparison is: a table of ordinal levels, each an SQL condition over two records a and b.

Belongs here: the shape of comparisons, levels and facts, and how their SQL is read. Which
comparisons there are is in `comparisons`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

USource = Literal["random", "total", "blocked", "blocked or random", "conditional", "spelled"]
HSource = Literal["learned", "random", "share", "person"]


MSource = Literal["learned", "fixed"]


@dataclass(frozen=True)
class Source:
    """Where a class takes the probability of a level from: whether it learns it from the compared
    pairs, and why it may or why it is bound."""

    learns: bool
    reason: str


# Which class may learn a level, by what the level names; `Level.sources` says it of one level.
M_SOURCES: dict[MSource, Source] = {
    "learned": Source(True, "how often one person's values agree is what differs by tenant"),
    "fixed": Source(False, "few pairs show it, and they are the mixture itself"),
}
U_SOURCES: dict[USource, Source] = {
    "random": Source(False, "random pairs are strangers, so their share is seen, not guessed"),
    "total": Source(False, "equal values are counted on all records, less those of one person"),
    "blocked": Source(True, "every such pair is compared, and random pairs meet too few of them"),
    "blocked or random": Source(
        True, "a login shared by a crowd is seen at random, one shared by few only in blocks"
    ),
    "conditional": Source(
        True, "it is asked of pairs that agree already, which random ones do not"
    ),
    "spelled": Source(False, "it follows from how common the names are that the login spells"),
}
H_SOURCES: dict[HSource, Source] = {
    "learned": Source(True, "relatives share it as often as the tenant's homes do"),
    "random": Source(False, "relatives agree on it no more than strangers do"),
    "share": Source(False, "relatives are strangers in it but for namesakes and twins"),
    "person": Source(False, "it says which pairs are compared, the same of both"),
}


@dataclass(frozen=True)
class Level:
    """One level: the SQL condition (aliases a, b; levels of earlier comparisons by name) and the
    starting values of the model.

    m, u, h: starting probability given both sides present (same person, strangers, one household;
    h = m if not given).

    `u_from`: random = share among random pairs; total = all pairs with an equal value, counted
    exactly; blocked = learned from compared pairs, because every such pair is compared;
    blocked or random = the larger of the two, for values that many strangers share (`info@`) or
    few (digits); conditional = within compared pairs that hold the comparison; spelled = from the
    u of the names a login is spelled from.

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

    def sources(self) -> dict[str, Source]:
        """Who may learn the level and who is bound, by class: m person, u strangers, h household.

        Which patterns a class never holds at all is `score.class_meaning`.
        """
        return {
            "m": M_SOURCES["fixed" if self.fixed_m else "learned"],
            "u": U_SOURCES[self.u_from],
            "h": H_SOURCES[self.h_from],
        }


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

    @property
    def n_states(self) -> int:
        """How many levels a pair may have, that of missing values among them."""
        return len(self.levels) + 1

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
