"""Blocking: the table of strategies, the keys they give each record, and the candidate pairs that meet in a block.

Belongs here: key expressions, limits, splitting of oversized blocks. What a pair is worth belongs in `features` and `model`.
Keys are expressions over the comparison records of `features`; a NULL part gives no key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.records import columns_with, registered
from c360_assets.warehouse.sql import quote_ident, quote_literal

Ints32 = npt.NDArray[np.int32]
LIKE = ("surname", "given", "birthdate", "postal", "email", "phone")  # the order in which a large block is cut
OTHER = "CASE WHEN given IS DISTINCT FROM surname THEN given END"  # of two keys alike, a record has one
NAMES = 20  # a name shared by more records decides nothing alone; whatever else agrees is met in another block


@dataclass(frozen=True)
class Strategy:
    """One blocking strategy: `keys` are SQL expressions over one comparison record (e = one e-mail, p = one phone).

    With `asked`, records that have this key meet those that have one of the others, and nobody else meets.
    """

    name: str
    keys: tuple[str, ...]
    source: str = "r"  # r | email | phone: the view the expressions read
    limit: int | None = None  # None: the configured general limit
    documented: bool = False  # part of the documented default list
    thorough: bool = False  # added by the preset `thorough`
    asked: str | None = None
    cut: int | None = None  # the size of the chunks of a block above the limit, if less than the limit


STRATEGIES: tuple[Strategy, ...] = (
    Strategy("dnf1", ("given[:3] || ':' || surname[:1] || ':' || birthdate",), documented=True),
    Strategy("dnf2", ("given || ':' || e",), "email"),
    Strategy("dnf3", ("given[:3] || ':' || surname[:3] || ':' || postal",), documented=True),
    Strategy("dnf4", ("given[:3] || ':' || address",), documented=True),
    Strategy("dnf5", ("given[:3] || ':' || p",), "phone", documented=True),
    Strategy("dnf6", ("given[:3] || ':' || surname[:3] || ':' || split_part(e, '@', 1)",), "email", documented=True),
    Strategy("dnf7", ("given[:3] || ':' || company",), documented=True),
    Strategy("dnf8", ("given[:3] || ':' || surname[:3] || ':' || po_box",), documented=True),
    Strategy("dnf9", ("surname[:3] || ':' || address",)),
    Strategy("dnf10", ("p || ':' || postal",), "phone"),
    Strategy("email", ("e",), "email", documented=True),
    Strategy("address", ("address",), thorough=True),
    Strategy("company", ("company",)),
    Strategy(
        "login-partial",
        (
            "CASE WHEN length(regexp_replace(split_part(e, '@', 1), '[^\\p{L}]', '', 'g')) >= 5 "
            "THEN regexp_replace(split_part(e, '@', 1), '[^\\p{L}]', '', 'g') END",
        ),
        "email",
    ),
    Strategy("login-trimmed", ("login_trimmed",)),
    Strategy("name", ("least(given, surname) || ':' || greatest(given, surname)",)),
    Strategy("phone", ("p",), "phone", thorough=True),
    Strategy("login", ("split_part(e, '@', 1)",), "email", thorough=True),
    Strategy("postal-name", ("postal || ':' || surname", f"postal || ':' || {OTHER}"), thorough=True),
    Strategy("building-initial", ("building || ':' || given[:1]",), thorough=True),
    Strategy("full-name", ("least(given, surname) || ':' || greatest(given, surname)",), limit=15, cut=3, thorough=True),
    Strategy("name-prefixes", ("given[:3] || ':' || surname[:4]",), limit=15, cut=3, thorough=True),
    Strategy("initial-surname", ("given[:1] || ':' || surname",), limit=12, cut=3, thorough=True),
    Strategy(
        "initials-birthyear",
        ("least(given[:1], surname[:1]) || greatest(given[:1], surname[:1]) || ':' || birthdate[:4]",),
        limit=10,
        cut=3,
        thorough=True,
    ),
    Strategy("name-birthdate", ("surname || ':' || birthdate", f"{OTHER} || ':' || birthdate"), thorough=True),
    Strategy(
        "initial-birthdate",
        (
            "surname[:1] || ':' || birthdate",
            "CASE WHEN given[:1] IS DISTINCT FROM surname[:1] THEN given[:1] END || ':' || birthdate",
        ),
        limit=NAMES,
        thorough=True,
    ),
    Strategy("postal-birthdate", ("postal || ':' || birthdate",), limit=NAMES, thorough=True),
    # The login of a record that lacks a name against the names of the others, in the four usual spellings.
    Strategy(
        "email-names",
        (
            "given || surname",
            f"surname || {OTHER}",
            "CASE WHEN length(given) > 1 THEN given[:1] END || surname",
            f"surname || {OTHER}[:1]",
        ),
        limit=NAMES,
        cut=5,
        thorough=True,
        asked="CASE WHEN given IS NULL OR surname IS NULL THEN letters END",
    ),
)
BY_NAME = {s.name: s for s in STRATEGIES}


def chosen_strategies(config: Any, frame: pl.DataFrame) -> list[Strategy]:
    """Strategies of a `BlockingConfig` for this frame, with their limits filled in, in a fixed order.

    A listed strategy is added to the preset or changes its limit; `enabled: false` takes it out. `fk` and `bk-<label>`
    stand for the key columns the frame holds. Raises C360Error for a strategy that does not exist.
    """
    listed: dict[str, tuple[int | None, bool]] = {}
    for item in config.strategies:
        name, limit, enabled = (item, None, True) if isinstance(item, str) else (item.name, item.limit, item.enabled)
        listed[name.replace("_", "-")] = (limit, enabled)
    keyed = [  # a representative holds the keys of all records it stands for, comma-joined
        Strategy(c.replace("_", "-", 1), (f"unnest(string_split({quote_ident(c)}, ','))",), limit=config.fk_limit)
        for c in columns_with(frame, "fk_")
    ]
    keyed += [Strategy(c.replace("_", "-", 1), (quote_ident(c),)) for c in columns_with(frame, "bk_")]
    known = {**BY_NAME, **{s.name.replace("_", "-"): s for s in keyed}}
    for name in listed:
        if name not in known and name != "fk" and not name.startswith("bk-"):
            raise C360Error(f"stitch: unknown blocking strategy {name!r}; known are fk, bk-<label>, {', '.join(BY_NAME)}")
    result = []
    for name, strategy in known.items():
        by_default = strategy.documented or strategy in keyed or (config.preset == "thorough" and strategy.thorough)
        limit, enabled = listed.get(name, listed.get("fk", (None, by_default)) if name.startswith("fk-") else (None, by_default))
        if enabled:
            size = limit or strategy.limit or config.limit
            result.append(replace(strategy, limit=size, cut=min(strategy.cut or size, size)))
    return result


# What the keys of a strategy are read from; only among several values of a record can one key occur twice.
SOURCES = {
    "r": (("er_records", ""),),
    "email": (
        ("(SELECT *, email AS e FROM er_records WHERE emails IS NULL)", ""),
        ("(SELECT *, unnest(emails) AS e FROM er_records WHERE emails IS NOT NULL)", "DISTINCT"),
    ),
    "phone": (
        ("(SELECT *, phone AS p FROM er_records WHERE phones IS NULL)", ""),
        ("(SELECT *, unnest(phones) AS p FROM er_records WHERE phones IS NOT NULL)", "DISTINCT"),
    ),
}


def _keys_sql(strategies: list[Strategy], value: str) -> str:
    """SELECT s, asked, `value`, i over all keys of the view `er_records`; `value` may use s and the text bk of a key."""
    parts = []
    for number, strategy in enumerate(strategies):
        keys = [(key, "FALSE") for key in strategy.keys] + ([(strategy.asked, "TRUE")] if strategy.asked else [])
        parts += [
            f"(SELECT {distinct} s, asked, {value}, i FROM"
            f" (SELECT {number}::UTINYINT AS s, {asked} AS asked, {key} AS bk, i FROM {source}) WHERE bk <> '')"
            for key, asked in keys
            for source, distinct in SOURCES[strategy.source]
        ]
    nothing = f"SELECT s, FALSE AS asked, {value}, i FROM (SELECT 0::UTINYINT AS s, '' AS bk, 0::INTEGER AS i) WHERE FALSE"
    return " UNION ALL ".join(parts) or nothing


def build_pairs(
    con: duckdb.DuckDBPyConnection, records: pl.DataFrame, strategies: list[Strategy], oversized: str
) -> tuple[Ints32, Ints32, npt.NDArray[np.int64]]:
    """Candidate pairs (i, j, mask) of the comparison records, i < j, each once, sorted; mask has one bit per strategy.

    A block above its strategy's limit is cut into chunks of at most that many records, sorted so that like records stay
    together; `oversized='purge'` drops it instead. Keys are hashed here: their text takes eight times the room.
    """
    order = records.sort(*LIKE, "i").select("i").with_row_index("place")
    apart = [str(number) for number, s in enumerate(strategies) if s.asked] or ["255"]
    keep = "TRUE" if oversized == "split" else "n <= max_records"
    with registered(con, er_records=records, er_order=order):
        con.execute(f"CREATE OR REPLACE TEMP TABLE er_keys AS {_keys_sql(strategies, 'hash(s, bk) AS h')}")
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE er_members AS
            WITH blocks AS (SELECT h, any_value(s) AS s, count(*) AS n, count(*) FILTER (WHERE asked) AS n_asked
                       FROM er_keys GROUP BY h HAVING n > 1),
            sized AS (SELECT h, max_records, cut,
                             CASE WHEN s IN ({", ".join(apart)}) THEN greatest(n - n_asked, n_asked) ELSE n END AS n
                      FROM blocks JOIN ({_limits(strategies)}) USING (s)
                      WHERE s NOT IN ({", ".join(apart)}) OR n_asked BETWEEN 1 AND n - 1),
            held AS (SELECT k.*, n > max_records AS large, cut FROM er_keys k JOIN sized USING (h) WHERE {keep})
            SELECT h, s, asked, i, 0 AS chunk FROM held WHERE NOT large
            UNION ALL
            SELECT h, s, asked, i, CAST((row_number() OVER (PARTITION BY h, asked ORDER BY place) - 1) // cut AS INTEGER)
            FROM held JOIN er_order USING (i) WHERE large"""
        )
    con.execute("DROP TABLE er_keys")
    found = con.sql(
        f"""SELECT a.i, b.i AS j, bit_or(1::BIGINT << a.s::INTEGER) AS mask
        FROM er_members a JOIN er_members b ON a.h = b.h AND a.chunk = b.chunk AND a.i < b.i
        WHERE a.s NOT IN ({", ".join(apart)}) OR a.asked <> b.asked
        GROUP BY a.i, b.i ORDER BY a.i, b.i"""
    ).fetchnumpy()
    con.execute("DROP TABLE er_members")
    return found["i"], found["j"], found["mask"]


def _limits(strategies: list[Strategy]) -> str:
    rows = [f"({n}::UTINYINT, {quote_literal(s.name)}, {s.limit}, {s.cut})" for n, s in enumerate(strategies)]
    return f"SELECT * FROM (VALUES {', '.join(rows or ['(255::UTINYINT, NULL, 1, 1)'])}) AS l(s, strategy, max_records, cut)"


def keys_sql(strategies: list[Strategy]) -> str:
    """SELECT rid, strategy, bk over the view `er_records`: every blocking key of every comparison record."""
    return (
        f"SELECT r.rid, n.strategy, k.bk FROM ({_keys_sql(strategies, 'bk')}) k"
        f" JOIN ({_limits(strategies)}) n USING (s) JOIN er_records r USING (i)"
    )


def blocks_sql(strategies: list[Strategy], oversized: str) -> str:
    """SELECT strategy, bk, n_records, n_chunks, n_pairs, oversized over the view `er_records`: every block of two or more."""
    apart = ", ".join(str(number) for number, s in enumerate(strategies) if s.asked) or "255"
    count = "CASE WHEN oversized AND {purged} THEN 0 WHEN sides THEN {between} ELSE {within} END".format(
        purged="TRUE" if oversized == "purge" else "FALSE",
        between="full_chunks * l * l + least(l, n_asked - full_chunks * l) * least(l, n - n_asked - full_chunks * l)",
        within="(n // l) * (l * (l - 1) // 2) + (n % l) * (n % l - 1) // 2",
    )
    return f"""
        WITH counted AS (
            SELECT s, bk, count(*) AS n, count(*) FILTER (WHERE asked) AS n_asked, s IN ({apart}) AS sides
            FROM ({_keys_sql(strategies, "bk")}) GROUP BY s, bk HAVING count(*) > 1),
        sized AS (
            SELECT *, CASE WHEN sides THEN greatest(n_asked, n - n_asked) ELSE n END AS largest,
            FROM counted JOIN ({_limits(strategies)}) USING (s)),
        judged AS (
            SELECT *, largest > max_records AS oversized, CASE WHEN largest > max_records THEN cut ELSE max_records END AS l,
                   least(n_asked, n - n_asked) // l AS full_chunks
            FROM sized)
        SELECT strategy, bk, n AS n_records, CAST(ceil(largest / l) AS BIGINT) AS n_chunks,
               CAST({count} AS BIGINT) AS n_pairs, oversized
        FROM judged"""
