"""Surnames of several words: which words of a name belong to the surname, how rare they are, and
what two surnames have in common by words.

Somebody called `Ana Ruiz Soler` is `Ana Ruiz` to one source and `Ana Soler` to another; a maiden
name stands before the surname, behind it, or alone. Belongs here: what words say. What the levels
are worth is learned (`score.expectation_maximisation`).
"""

from __future__ import annotations

import polars as pl

from c360_assets.semantics.name_particles import SURNAME_PARTICLES
from c360_assets.stitch.compare.value_sql import typing_error

# A further name is a surname where it is one in at least so many records, and in so many times more
# than it is a given name.
SURNAME_RECORDS = 3
SURNAME_TIMES = 10
_PARTICLES = "|".join(particle for particle in SURNAME_PARTICLES if particle.isascii())
FURTHER_NAMES = rf"^(\S+(?: \S+)*?) ((?:(?:{_PARTICLES}) )*(\S{{3,}}))$"
LEAST_LETTERS = 3  # of a word that tells something


def telling_words(surname: pl.Expr) -> pl.Expr:
    """The words of a surname but for particles."""
    words = surname.str.replace_all("-", " ", literal=True).str.split(" ")
    word = pl.element()
    telling = (word.str.len_chars() >= LEAST_LETTERS) & ~word.is_in(SURNAME_PARTICLES)
    return words.list.eval(word.filter(telling))


def several_words(surname: pl.Expr) -> pl.Expr:
    """The telling words of a surname that has a blank or hyphen, NULL for others."""
    return pl.when(surname.str.contains("[ -]")).then(telling_words(surname))


def with_surnames_whole(
    records: pl.DataFrame, surname_words: pl.Series | None = None
) -> pl.DataFrame:
    """Further given names that are surnames far more often put before the surname they belong to:
    a full name does not say where the given names end.

    Reads and changes `given`, `whole_given`, `middle`, `surname`, `surname_tokens`. Needs all
    records, unless it is known which words those are (`words_of_surnames` of all records).
    """
    several = further_words(records["whole_given"])
    if not several.height:
        return records
    if surname_words is None:
        surname_words = words_of_surnames(records, several["word"])
    is_surname = pl.col("word").is_in(surname_words.implode())
    found = several.filter(is_surname).select("whole_given", "kept", "moved")
    joined = records.join(found, on="whole_given", how="left", maintain_order="left")
    moves = pl.col("moved").is_not_null() & pl.col("surname").is_not_null()
    whole = pl.concat_str("moved", "surname", separator=" ")
    joined = joined.with_columns(
        surname=pl.when(moves).then(whole).otherwise("surname"),
        whole_given=pl.when(moves).then("kept").otherwise("whole_given"),
        middle=pl.when(moves).then(pl.col("kept").str.extract(r"^\S+ (\S+)")).otherwise("middle"),
    )
    words = pl.when(moves).then(several_words(pl.col("surname"))).otherwise("surname_tokens")
    return joined.with_columns(surname_tokens=words).drop("kept", "moved")


def further_words(given_names: pl.Series) -> pl.DataFrame:
    """`whole_given`, `kept`, `moved`, `word` of the different names of several words: what stays of
    a given name whose last `word` is a surname, and what goes with the surname."""
    names = given_names.drop_nulls().unique().alias("whole_given").to_frame()
    named = ("kept", "moved", "word")
    parts = {
        name: pl.col("whole_given").str.extract(FURTHER_NAMES, group)
        for group, name in enumerate(named, 1)
    }
    return names.with_columns(**parts).drop_nulls("word")


def words_of_surnames(records: pl.DataFrame, words: pl.Series) -> pl.Series:
    """Those of the words that are surnames far more often than given names. Reads `given`,
    `surname`, `surname_tokens`. Needs all records that hold one of the words."""
    tokens = pl.coalesce("surname_tokens", pl.concat_list("surname"))
    named = records.select("surname", "surname_tokens").drop_nulls("surname")
    held = named.select(word=tokens.list.unique()).explode("word")
    as_surname = held.group_by("word").len("surnames").drop_nulls()
    as_given = records.group_by(word="given").len("givens").drop_nulls()
    asked = words.unique().alias("word").to_frame()
    counted = asked.join(as_surname, on="word").join(as_given, on="word", how="left")
    is_surname = (pl.col("surnames") >= SURNAME_RECORDS) & (
        pl.col("surnames") >= SURNAME_TIMES * pl.col("givens").fill_null(0)
    )
    return counted.filter(is_surname)["word"]


def rarest_word(records: pl.DataFrame) -> pl.DataFrame:
    """`surname`, `word_often`: in how many records the rarest telling word of each surname stands.
    Needs all records."""
    words = pl.coalesce("surname_tokens", pl.concat_list("surname")).list.unique()
    named = records.select("surname", "surname_tokens").drop_nulls("surname")
    surnames = named.group_by("surname").agg(records=pl.len(), word=words.first())
    rows = surnames.explode("word").drop_nulls("word")
    often = pl.col("records").sum().over("word")
    return rows.with_columns(often=often).group_by("surname").agg(word_often=pl.col("often").min())


def _words(side: str) -> str:
    return f"coalesce({side}.surname_tokens, [{side}.surname])"


def _heads(side: str) -> str:
    return f"list_transform({_words(side)}, lambda x: x[:2])"


def _of_several(condition: str) -> str:
    """The condition where one surname has several words; nothing is computed for others."""
    several = "a.surname_tokens IS NOT NULL OR b.surname_tokens IS NOT NULL"
    return f"(CASE WHEN {several} THEN {condition} ELSE FALSE END)"


def _all_alike(one: str, other: str) -> str:
    """Each word of the one is a word of the other, but for typing errors."""
    alike = f"x = y OR jaro_winkler_similarity(x, y) >= 0.92 OR {typing_error('x', 'y')}"
    lacking = f"lambda x: len(list_filter({_words(other)}, lambda y: {alike})) = 0"
    return f"len(list_filter({_words(one)}, {lacking})) = 0"


_NONE_EMPTY = f"least(len({_words('a')}), len({_words('b')})) > 0"
_ALL_OF_ONE = (
    f"{_NONE_EMPTY} AND (list_has_all({_words('a')}, {_words('b')})"
    f" OR list_has_all({_words('b')}, {_words('a')}))"
)
SHARES_A_WORD = _of_several(f"list_has_any({_words('a')}, {_words('b')})")
# Few typing errors are in the first letters, by which most pairs are told to share no word at all.
_BEGINS_ALIKE = f"list_has_any({_heads('a')}, {_heads('b')})"
IS_NEARLY_PART = _of_several(
    f"CASE WHEN {_BEGINS_ALIKE} THEN {_NONE_EMPTY}"
    f" AND ({_all_alike('a', 'b')} OR {_all_alike('b', 'a')}) ELSE FALSE END"
)
_PART_BIN = (
    f"(CASE WHEN len({_words('a')}) < len({_words('b')})"
    " THEN a.surname_word_bin ELSE b.surname_word_bin END)"
)


def is_part(least_bin: int, *, from_first: bool) -> str:
    """One surname is all words of the other or some of them, from frequency bin `least_bin` on.

    `from_first`: its first word is the first of the other.
    """
    first = f" AND {_words('a')}[1] = {_words('b')}[1]" if from_first else ""
    return _of_several(f"{_ALL_OF_ONE} AND {_PART_BIN} >= {least_bin}{first}")
