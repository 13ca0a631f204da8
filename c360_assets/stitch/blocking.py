"""Blocking: the table of strategies, the keys they give each record, and the candidate pairs that meet in a block.

Belongs here: key expressions, limits, splitting of oversized blocks. What a pair is worth belongs in `features` and `model`.
Keys are expressions over the comparison records of `features`; a NULL part gives no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.records import columns_with
from c360_assets.warehouse.sql import quote_ident, quote_literal

NAMES = 20  # a name shared by more records decides nothing alone; whatever else agrees is met in another block


@dataclass(frozen=True)
class Strategy:
    """One blocking strategy: `keys` are SQL expressions over one row of `records` (aliases r, e = one e-mail, p = one phone)."""

    name: str
    keys: tuple[str, ...]
    source: str = "r"  # r | email | phone: the view the expressions read
    limit: int | None = None  # None: the configured general limit
    documented: bool = False  # part of the documented default list
    thorough: bool = False  # added by the preset `thorough`


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
    Strategy("postal-name", ("postal || ':' || surname", "postal || ':' || given"), thorough=True),
    Strategy("building-initial", ("building || ':' || given[:1]",), thorough=True),
    Strategy("full-name", ("least(given, surname) || ':' || greatest(given, surname)",), limit=15, thorough=True),
    Strategy("name-prefixes", ("given[:3] || ':' || surname[:4]",), limit=NAMES, thorough=True),
    Strategy(
        "initials-birthyear",
        ("least(given[:1], surname[:1]) || greatest(given[:1], surname[:1]) || ':' || birthdate[:4]",),
        limit=NAMES,
        thorough=True,
    ),
    Strategy("name-birthdate", ("surname || ':' || birthdate", "given || ':' || birthdate"), thorough=True),
    Strategy(
        "initial-birthdate", ("given[:1] || ':' || birthdate", "surname[:1] || ':' || birthdate"), limit=NAMES, thorough=True
    ),
    Strategy("postal-birthdate", ("postal || ':' || birthdate",), limit=NAMES, thorough=True),
    # The login of a record that lacks a name against the names of the others, in the four usual spellings.
    Strategy(
        "email-names",
        (
            "CASE WHEN given IS NULL OR surname IS NULL THEN letters END",
            "given || surname",
            "surname || given",
            "given[:1] || surname",
            "surname || given[:1]",
        ),
        limit=NAMES,
        thorough=True,
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
            final = limit or strategy.limit or config.limit
            result.append(Strategy(strategy.name, strategy.keys, strategy.source, final))
    return result


def build_keys(con: duckdb.DuckDBPyConnection, strategies: list[Strategy]) -> None:
    """Create `er_keys(s, bk, i)`: strategy number, key text, record; one row per distinct key of a record."""
    sources = {
        "r": "er_records",
        "email": "(SELECT *, unnest(emails) AS e FROM er_records)",
        "phone": "(SELECT *, unnest(phones) AS p FROM er_records)",
    }
    parts = [
        f"SELECT {number}::UTINYINT AS s, {key} AS bk, i FROM {sources[strategy.source]}"
        for number, strategy in enumerate(strategies)
        for key in strategy.keys
    ]
    body = " UNION ALL ".join(parts) if parts else "SELECT 0::UTINYINT AS s, NULL::VARCHAR AS bk, 0 AS i"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE er_keys AS SELECT DISTINCT s, bk, i FROM ({body}) WHERE bk IS NOT NULL AND bk <> ''"
    )


def build_pairs(con: duckdb.DuckDBPyConnection, strategies: list[Strategy], oversized: str) -> None:
    """Create `er_blocks(s, bk, n, chunks)` and `er_pairs(i, j, mask)` from `er_keys`; mask has one bit per strategy.

    A block above its strategy's limit is cut into chunks of at most that many records, sorted so that like records stay
    together; `oversized='purge'` drops it instead. Each pair appears once, i < j.
    """
    limits = ", ".join(f"({number}::UTINYINT, {s.limit})" for number, s in enumerate(strategies)) or "(0::UTINYINT, 1)"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE er_blocks AS
        SELECT s, hash(s, bk) AS h, min(bk) AS bk, count(*) AS n, any_value(max_records) AS max_records,
               CAST(ceil(count(*) / any_value(max_records)) AS BIGINT) AS chunks
        FROM er_keys JOIN (VALUES {limits}) AS l(s, max_records) USING (s) GROUP BY s, hash(s, bk) HAVING count(*) > 1"""
    )
    keep = "" if oversized == "split" else "WHERE chunks = 1"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE er_members AS
        WITH small AS (SELECT b.h, b.chunks, b.max_records, k.i FROM er_keys k JOIN er_blocks b ON b.h = hash(k.s, k.bk) {keep})
        SELECT h, i, 0 AS chunk FROM small WHERE chunks = 1
        UNION ALL
        SELECT h, i, (row_number() OVER (PARTITION BY h ORDER BY r.place_in_order) - 1) // max_records AS chunk
        FROM small JOIN er_records r USING (i) WHERE chunks > 1"""
    )
    con.execute(
        """CREATE OR REPLACE TEMP TABLE er_pairs AS
        SELECT a.i, b.i AS j, bit_or(1::BIGINT << s.s::INTEGER) AS mask
        FROM er_members a JOIN er_members b ON a.h = b.h AND a.chunk = b.chunk AND a.i < b.i JOIN er_blocks s ON s.h = a.h
        GROUP BY a.i, b.i"""
    )


def blocking_tables(
    con: duckdb.DuckDBPyConnection, strategies: list[Strategy], rids: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames `blocking_keys` (rid, strategy, bk) and `blocks` (strategy, bk, n_records, n_chunks, n_pairs, oversized), sorted."""
    con.register("er_rids", rids.to_arrow())
    names = (
        ", ".join(f"({number}::UTINYINT, {quote_literal(s.name)})" for number, s in enumerate(strategies)) or "(0::UTINYINT, '')"
    )
    keys = con.sql(
        f"""SELECT rid, strategy, bk FROM er_keys JOIN er_rids USING (i) JOIN (VALUES {names}) AS t(s, strategy) USING (s)
        ORDER BY strategy, bk, rid"""
    ).pl()
    blocks = con.sql(
        f"""WITH chunk AS (SELECT h, chunk, count(*) AS n FROM er_members GROUP BY h, chunk),
        pairs AS (SELECT h, CAST(sum(n * (n - 1) // 2) AS BIGINT) AS n_pairs FROM chunk GROUP BY h)
        SELECT strategy, bk, n AS n_records, chunks AS n_chunks, coalesce(n_pairs, 0) AS n_pairs, chunks > 1 AS oversized
        FROM er_blocks JOIN (VALUES {names}) AS t(s, strategy) USING (s) LEFT JOIN pairs USING (h) ORDER BY strategy, bk"""
    ).pl()
    return keys, blocks
