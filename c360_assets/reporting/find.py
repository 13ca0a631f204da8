"""Whom somebody means who gives a name, an address or part of a number, typing errors included.

Reads a published database only. What is held about one person is `profile`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl
from rich.console import Console

from c360_assets.errors import C360Error
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.warehouse.sql import quote_ident
from c360_assets.wording import counted

RECORDS = "unified_coalesced"
TEXTS = (
    "given_name",
    "surname",
    "full_name",
    "company",
    "email",
    "address",
    "city",
    "postal",
    "pk",
    "amperity_id",
)
SHOWN = ("full_name", "email", "phone", "address", "city")
MOST_SHOWN = 20
# Shorter words are told only where they are a whole word; one letter may be wrong from four on, two
# from eight on.
LEAST_PART = 3
NUMBER = re.compile(r"[0-9 ()+./-]+")
SHORTEST_NUMBER, NATIONAL_DIGITS = 4, 9
# Letters that have no accent to be taken off.
BARE = "translate(lower({text}), 'łđøıŀ', 'ldoil')"
FOLDED = f"replace(replace(replace(strip_accents({BARE}), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')"
# How much a word of a record is like one that is looked for: 1 is the same, NULL unlike.
LIKENESS = f"""
    CASE WHEN token = word THEN 1
      WHEN length(word) >= {LEAST_PART} AND contains(token, word) THEN 0.95
      WHEN damerau_levenshtein(token, word) <= CASE WHEN length(word) >= 8 THEN 2
        WHEN length(word) >= 4 THEN 1 ELSE 0 END
        THEN 0.9 * (1 - damerau_levenshtein(token, word) / length(word)) END
"""


@dataclass(frozen=True)
class Candidate:
    """A person who may be meant: `likeness` is 1 where every word stands in one of the records."""

    amperity_id: str
    likeness: float
    records: int
    full_name: str
    email: str
    phone: str
    address: str
    city: str


@dataclass(frozen=True)
class Found:
    """The people who are most like what was asked, and how many are at all."""

    candidates: list[Candidate]
    people: int


def find_people(con: duckdb.DuckDBPyConnection, words: Sequence[str]) -> Found:
    """Who has a record in which each of the words stands, or one a typing error away.

    Raises C360Error where nothing is asked, or the database shows no records.
    """
    text = " ".join(words).strip()
    if not text:
        raise C360Error("say whom to look for: names, parts of an e-mail address or phone number")
    columns = [row[0] for row in con.execute(f"DESCRIBE {RECORDS}").fetchall()]
    is_number = NUMBER.fullmatch(text) and _digits(text)
    scores = _by_number(con, text) if is_number else _by_words(con, text, columns)
    con.register("_find_scores", scores.to_arrow())
    shown = ", ".join(
        f"coalesce(any_value({quote_ident(name)} ORDER BY pk), '') AS {name}"
        for name in SHOWN
        if name in columns
    )
    rows = con.sql(
        f"""SELECT amperity_id, max(likeness) AS likeness, any_value(people) AS people,
          count(*) AS records, {shown}
        FROM (SELECT *, count(*) OVER () AS people FROM _find_scores
          QUALIFY row_number() OVER (ORDER BY likeness DESC, amperity_id) <= {MOST_SHOWN})
        JOIN (SELECT amperity_id, {_shown_columns(columns)} FROM {RECORDS}) USING (amperity_id)
        GROUP BY amperity_id ORDER BY likeness DESC, amperity_id"""
    ).pl()
    con.unregister("_find_scores")
    people = int(rows["people"][0]) if rows.height else 0
    fields = rows.drop("people").to_dicts()
    blank = dict.fromkeys(SHOWN, "")
    return Found([Candidate(**(blank | row)) for row in fields], people)


def _shown_columns(columns: Sequence[str]) -> str:
    """The columns of a record; its whole name where it has its parts."""
    parts = [name for name in ("given_name", "surname") if name in columns]
    whole = ["full_name"] if "full_name" in columns else []
    own = [name for name in SHOWN if name in columns and name != "full_name"]
    joined = f"nullif(concat_ws(' ', {', '.join(parts)}), '')" if parts else "NULL"
    names = ", ".join(map(quote_ident, own))
    return f"pk, coalesce({', '.join([*whole, joined])}) AS full_name, {names}"


def _by_number(con: duckdb.DuckDBPyConnection, text: str) -> pl.DataFrame:
    """Columns amperity_id and likeness: whose phone, key or postal code holds the digits."""
    digits = _digits(text)
    if len(digits) < SHORTEST_NUMBER:
        raise C360Error(f"a number of less than {SHORTEST_NUMBER} digits is in too many records")
    wanted = digits.lstrip("0")[-NATIONAL_DIGITS:] or digits
    bare = "regexp_replace(coalesce({}, ''), '[^0-9]', '', 'g')"
    holds = " OR ".join(f"contains({bare.format(name)}, $1)" for name in ("phone", "pk", "postal"))
    return con.sql(
        f"SELECT DISTINCT amperity_id, 1.0::DOUBLE AS likeness FROM {RECORDS} WHERE {holds}",
        params=[wanted],
    ).pl()


def _by_words(con: duckdb.DuckDBPyConnection, text: str, columns: Sequence[str]) -> pl.DataFrame:
    """Columns amperity_id and likeness: who has a record that is like each of the words."""
    named = ", ".join(f"CAST({quote_ident(name)} AS VARCHAR)" for name in TEXTS if name in columns)
    split = "string_split_regex({}, '[\\s,;]+')"
    own = split.format(FOLDED.format(text=f"concat_ws(' ', {named})"))
    asked = split.format(FOLDED.format(text="CAST($1 AS VARCHAR)"))
    return con.sql(
        f"""WITH words AS (SELECT DISTINCT unnest({asked}) AS word),
        tokens AS (SELECT DISTINCT amperity_id, datasource, pk, unnest({own}) AS token
          FROM {RECORDS}),
        likeness AS (SELECT token, word, {LIKENESS} AS likeness
          FROM (SELECT DISTINCT token FROM tokens) CROSS JOIN words WHERE word <> ''),
        records AS (SELECT amperity_id, datasource, pk, word, max(likeness) AS likeness
          FROM tokens JOIN likeness USING (token) WHERE likeness IS NOT NULL GROUP BY ALL)
        SELECT amperity_id, max(likeness)::DOUBLE AS likeness FROM (
          SELECT amperity_id, datasource, pk, avg(likeness) AS likeness FROM records
          GROUP BY ALL HAVING count(*) = (SELECT count(*) FROM words WHERE word <> ''))
        GROUP BY amperity_id""",
        params=[text],
    ).pl()


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def render_found(found: Found, console: Console) -> None:
    if not found.candidates:
        console.print("nobody is like this; try fewer words, or parts of them")
        return
    table = plain_table(heading="bold")
    table.add_column("id", no_wrap=True)
    table.add_column("like", justify="right", no_wrap=True)
    table.add_column("records", justify="right", no_wrap=True)
    for heading in ("name", "e-mail", "phone", "address", "city"):
        table.add_column(heading, overflow="fold")
    for one in found.candidates:
        values = (one.full_name, one.email, one.phone, one.address, one.city)
        likeness = f"{one.likeness:.0%}"
        table.add_row(one.amperity_id[:8], likeness, f"{one.records:,}", *values)
    console.print(table, markup=False)
    left = found.people - len(found.candidates)
    if left:
        console.print(f"and {counted(left, 'person', 'people')} more; add a word", markup=False)
