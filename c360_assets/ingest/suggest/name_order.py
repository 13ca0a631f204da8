"""How the words of whole names stand: `Rossi Maria` or `Maria Rossi`, by what the data show.

Given names repeat where gender does, surnames where homes do, and other columns of the folder hold
both apart. Where nothing shows it, the header may say it. Names whose form tells (`山田太郎`,
`Иванов Иван Иванович`) or that have a comma need no order; how names with one are taken apart
belongs to `semantics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.header_words import parts_of_whole_name
from c360_assets.semantics.name_particles import FIRST_PARTICLES
from c360_assets.semantics.names import (
    clean_gender,
    clean_name,
    form_tells_order,
    gender_from_title,
    puts_surname_first,
)
from c360_assets.tenant.feeds import NameOrder
from c360_assets.wording import counted

LEAST_NAMES = 10  # that show an order
MOST_LIKELY = 0.8  # share of them from which on it is that of all
MIXED = 0.2  # share from which on both orders are there
# The parts of the names of one gender are given names where these differ so much in how well they
# tell it.
TELLS_GENDER, TELLS_NONE = 0.9, 0.8
REPEATED = 3  # times that a word must be there to tell something
# Countries whose people have two surnames, the father's and the mother's.
TWO_SURNAMES = frozenset({
    "ES", "MX", "CL", "CO", "PE", "EC", "VE", "BO", "GT", "HN", "SV", "NI", "CR", "PA", "DO", "CU",
    "PR", "PY", "UY", "AR",
})  # fmt: skip
SHARED = ("phone", "address")
FIRST, LAST = pl.col("words").list.first(), pl.col("words").list.last()


@dataclass(frozen=True)
class Votes:
    """How many names show that the surname stands first, and how many that it stands last."""

    first: int
    last: int

    @property
    def decided(self) -> str | None:
        """`first` or `last`, None where too few or both are shown."""
        if self.first + self.last < LEAST_NAMES:
            return None
        share = self.first / (self.first + self.last)
        if share >= MOST_LIKELY:
            return "first"
        return "last" if share <= 1 - MOST_LIKELY else None

    @property
    def are_mixed(self) -> bool:
        total = self.first + self.last
        return total >= LEAST_NAMES and min(self.first, self.last) >= MIXED * total


@dataclass(frozen=True)
class KnownNames:
    """Words that stand in columns of surnames only, and in those of given names only."""

    surnames: pl.Series
    given: pl.Series


def find_name_orders(drafts: Sequence[Draft]) -> None:
    """Set the `name_order` of columns of whole names where their form alone would mislead, and note
    what it was told by, or that names stand in both orders."""
    known = _known_names(drafts)
    for draft in drafts:
        for column in draft.columns:
            if "full-name" in column.tags:
                _find_order(draft, column, known)


def _find_order(draft: Draft, column: Column, known: KnownNames) -> None:
    names = _names(draft, column)
    for why, votes in _shown(draft, names, known):
        if votes.are_mixed:
            column.notes.append(
                f"CHECK: {counted(votes.first, 'name begins', 'names begin')} with the surname and "
                f"{votes.last} with the given name, by {why}"
            )
            return
        if votes.decided is not None:
            shown, total = max(votes.first, votes.last), votes.first + votes.last
            _settle(draft, column, names, known, votes.decided, f"{shown} of {total} by {why}")
            return
    parts = parts_of_whole_name(column.name)
    if parts and names.height:
        place = "first" if parts[0] == "surname" else "last"
        _settle(draft, column, names, known, place, "by its header")


def _settle(
    draft: Draft, column: Column, names: pl.DataFrame, known: KnownNames, place: str, why: str
) -> None:
    """Set the order, where names at home are not read so without it."""
    is_first = place == "first"
    is_two = _have_two_surnames(draft, names, known, is_first)
    if not is_two and is_first == puts_surname_first(draft.country):
        return
    orders: dict[tuple[bool, bool], NameOrder] = {
        (True, False): "surname_first",
        (True, True): "two_surnames_first",
        (False, False): "surname_last",
        (False, True): "two_surnames_last",
    }
    column.name_order = orders[is_first, is_two]
    said = "the surname stands first" if is_first else "the surname stands last"
    both = ", and is two words" if is_two else ""
    column.notes.append(f"{said}{both}, {why}")


def _names(draft: Draft, column: Column) -> pl.DataFrame:
    """`row`, `written` and cleaned `words` of the names of several words whose form tells no
    order."""
    texts = draft.sample.frame[column.name].cast(pl.String)
    frame = pl.DataFrame({"row": range(len(texts)), "written": texts.str.strip_chars()})
    frame = frame.filter(~pl.col("written").str.contains(",", literal=True))
    frame = frame.with_columns(cleaned=clean_name(pl.col("written")))
    frame = frame.filter(~form_tells_order(pl.col("written")))
    frame = frame.with_columns(words=pl.col("cleaned").str.split(" "))
    return frame.filter(pl.col("words").list.len() > 1).unique(
        "cleaned", keep="first", maintain_order=True
    )


def _known_names(drafts: Sequence[Draft]) -> KnownNames:
    words: dict[str, list[pl.Series]] = {"surname": [], "given-name": []}
    for draft in drafts:
        for column in draft.columns:
            for tag in words.keys() & set(column.tags):
                values = present(draft.sample.frame[column.name]).cast(pl.String)
                cleaned = values.to_frame("v").select(clean_name(pl.col("v"))).to_series()
                words[tag].append(cleaned.drop_nulls().str.split(" ").explode())
    surnames, given = (_all_of(words[tag]) for tag in ("surname", "given-name"))
    return KnownNames(
        surnames.filter(~surnames.is_in(given.implode())),
        given.filter(~given.is_in(surnames.implode())),
    )


def _all_of(columns: list[pl.Series]) -> pl.Series:
    return pl.concat(columns).unique() if columns else pl.Series([], dtype=pl.String)


def _shown(draft: Draft, names: pl.DataFrame, known: KnownNames) -> Iterator[tuple[str, Votes]]:
    """What tells an order, the surest first."""
    yield "columns of surnames and given names", _by_known(names, known)
    yield "words in capitals", _by_capitals(names)
    yield "initials", _by_initials(names)
    for tag in ("gender", "title"):
        column = _tagged(draft, tag)
        if column is not None:
            yield f"the {tag}", _by_gender(draft, names, column, tag)
    for tag in SHARED:
        column = _tagged(draft, tag)
        if column is not None:
            yield f"people of one {tag}", _by_homes(draft, names, column)
    yield "particles of surnames", _by_particles(names)


def _tagged(draft: Draft, tag: str) -> Column | None:
    return next((column for column in draft.columns if tag in column.tags), None)


def _votes(names: pl.DataFrame, first: pl.Expr, last: pl.Expr) -> Votes:
    """The names of which only one of two conditions holds."""
    counts = names.select(
        first=(first & ~last).sum(),
        last=(last & ~first).sum(),
    ).row(0)
    return Votes(int(counts[0] or 0), int(counts[1] or 0))


def _by_known(names: pl.DataFrame, known: KnownNames) -> Votes:
    surnames, given = known.surnames.implode(), known.given.implode()
    return _votes(
        names,
        FIRST.is_in(surnames) & ~LAST.is_in(surnames) | LAST.is_in(given) & ~FIRST.is_in(given),
        LAST.is_in(surnames) & ~FIRST.is_in(surnames) | FIRST.is_in(given) & ~LAST.is_in(given),
    )


def _by_capitals(names: pl.DataFrame) -> Votes:
    first = pl.col("written").str.contains(r"^\p{Lu}{2,}[ -].*\p{Ll}$")
    last = pl.col("written").str.contains(r"^\p{Lu}\p{Ll}.*[ -]\p{Lu}{2,}$")
    return _votes(names, first, last)


def _by_initials(names: pl.DataFrame) -> Votes:
    return _votes(names, LAST.str.len_chars() == 1, FIRST.str.len_chars() == 1)


def _by_particles(names: pl.DataFrame) -> Votes:
    particles = pl.Series(FIRST_PARTICLES).implode()
    several = pl.col("words").list.len() > 2
    inside = pl.col("words").list.slice(1, pl.col("words").list.len() - 2)
    begins = FIRST.is_in(particles)
    return _votes(
        names,
        several & begins,
        several & inside.list.eval(pl.element().is_in(particles)).list.any(),
    )


def _by_gender(draft: Draft, names: pl.DataFrame, column: Column, tag: str) -> Votes:
    """All names or none: the words of one place tell the gender, those of the other do not."""
    clean = clean_gender if tag == "gender" else gender_from_title
    texts = draft.sample.frame[column.name].cast(pl.String).to_frame("v")
    genders = texts.select(row=pl.int_range(pl.len()), gender=clean(pl.col("v")))
    gendered = names.join(genders, on="row").filter(pl.col("gender").is_not_null())
    if gendered["gender"].n_unique() < 2:
        return Votes(0, 0)
    first, last = (_purity(gendered, word) for word in (FIRST, LAST))
    if last >= TELLS_GENDER and first <= TELLS_NONE:
        return Votes(gendered.height, 0)
    if first >= TELLS_GENDER and last <= TELLS_NONE:
        return Votes(0, gendered.height)
    return Votes(0, 0)


def _purity(gendered: pl.DataFrame, word: pl.Expr) -> float:
    """The share of names whose word is of their gender most often; 0 where too few are repeated."""
    counts = gendered.group_by(word=word, gender="gender").len()
    words = counts.group_by("word").agg(most=pl.col("len").max(), total=pl.col("len").sum())
    words = words.filter(pl.col("total") >= REPEATED)
    total = int(words["total"].sum())
    return float(words["most"].sum()) / total if total >= LEAST_NAMES else 0.0


def _by_homes(draft: Draft, names: pl.DataFrame, column: Column) -> Votes:
    """Names of one home that share a word are of one surname."""
    texts = draft.sample.frame[column.name].cast(pl.String).str.strip_chars()
    homes = pl.DataFrame({"row": range(len(texts)), "home": texts})
    at_home = names.join(homes, on="row").filter(pl.col("home") != "")
    several = at_home.filter(pl.len().over("home") > 1)
    is_one = (word.n_unique().over("home") == 1 for word in (FIRST, LAST))
    return _votes(several, *is_one)


def _have_two_surnames(
    draft: Draft, names: pl.DataFrame, known: KnownNames, is_first: bool
) -> bool:
    """Whether the word beside the outer surname is a surname too, where people have two."""
    if draft.country not in TWO_SURNAMES:
        return False
    three = names.filter(pl.col("words").list.len() == 3)
    surname, given = (FIRST, LAST) if is_first else (LAST, FIRST)
    surnames = pl.concat([known.surnames, names.select(surname).to_series()]).unique()
    given_names = pl.concat([known.given, names.select(given).to_series()]).unique()
    middle = pl.col("words").list.get(1)
    votes = _votes(three, middle.is_in(surnames.implode()), middle.is_in(given_names.implode()))
    return votes.decided == "first"
