"""Blocking: the table of strategies, the keys they give each record, and the candidate pairs that meet in a block.

Belongs here: key expressions, limits, splitting of oversized blocks. What a pair is worth belongs in `features` and `model`.
Keys are expressions over the comparison records of `features`; a NULL part gives no key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.comparison_records import columns_with, in_threads, registered
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.warehouse.sql import quote_ident, quote_literal

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
STRATEGY_BITS = 6  # a pair and the strategy that found it stand in one number
STRETCH = 4_000_000  # pairs found that are looked at in one go
LIKE = (
    "surname",
    "given",
    "birthdate",
    "postal",
    "email",
    "phone",
)  # the order in which a large block is cut
OTHER = (
    "CASE WHEN given IS DISTINCT FROM surname THEN given END"  # of two keys alike, a record has one
)
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
    cut: int | None = (
        None  # the size of the chunks of a block above the limit, if less than the limit
    )


STRATEGIES: tuple[Strategy, ...] = (
    Strategy("dnf1", ("given[:3] || ':' || surname[:1] || ':' || birthdate",), documented=True),
    Strategy("dnf2", ("given || ':' || e",), "email"),
    Strategy("dnf3", ("given[:3] || ':' || surname[:3] || ':' || postal",), documented=True),
    Strategy("dnf4", ("given[:3] || ':' || address",), documented=True),
    Strategy("dnf5", ("given[:3] || ':' || p",), "phone", documented=True),
    Strategy(
        "dnf6",
        ("given[:3] || ':' || surname[:3] || ':' || split_part(e, '@', 1)",),
        "email",
        documented=True,
    ),
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
    Strategy(
        "postal-name", ("postal || ':' || surname", f"postal || ':' || {OTHER}"), thorough=True
    ),
    Strategy("building-initial", ("building || ':' || given[:1]",), thorough=True),
    Strategy(
        "full-name",
        ("least(given, surname) || ':' || greatest(given, surname)",),
        limit=15,
        cut=3,
        thorough=True,
    ),
    Strategy("name-prefixes", ("given[:3] || ':' || surname[:4]",), limit=15, cut=3, thorough=True),
    Strategy("initial-surname", ("given[:1] || ':' || surname",), limit=12, cut=3, thorough=True),
    Strategy(
        "initials-birthyear",
        (
            "least(given[:1], surname[:1]) || greatest(given[:1], surname[:1]) || ':' || birthdate[:4]",
        ),
        limit=10,
        cut=3,
        thorough=True,
    ),
    Strategy(
        "name-birthdate",
        ("surname || ':' || birthdate", f"{OTHER} || ':' || birthdate"),
        thorough=True,
    ),
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
WHOLE_VALUES = {
    "email",
    "phone",
    "address",
    "company",
}  # semantics after which the strategy with their value as its key is named


def of_rules(rules: Sequence[Any]) -> set[str]:
    """Strategies that the equalities of cluster rules need: a rule decides only pairs that meet."""
    when = [
        condition
        for rule in rules
        if rule.action == "cluster"
        for condition in rule.when
        if isinstance(condition, dict)
    ]
    return {
        condition["present-and-equal"] for condition in when if "present-and-equal" in condition
    } & WHOLE_VALUES


def chosen_strategies(
    config: Any, frame: pl.DataFrame, rules: Sequence[Any] = ()
) -> list[Strategy]:
    """Strategies of a `BlockingConfig` for this frame, with their limits filled in, in a fixed order.

    Those that cluster rules need (`of_rules`) are added to the preset. A listed strategy is added too or changes its limit;
    `enabled: false` takes it out. `fk` and `bk-<label>` stand for the key columns the frame holds. Raises C360Error for a
    strategy that does not exist.
    """
    needed = of_rules(rules)
    listed: dict[str, tuple[int | None, bool]] = {}
    for item in config.strategies:
        name, limit, enabled = (
            (item, None, True) if isinstance(item, str) else (item.name, item.limit, item.enabled)
        )
        listed[name.replace("_", "-")] = (limit, enabled)
    keyed = [  # a representative holds the keys of all records it stands for
        Strategy(
            c.replace("_", "-", 1),
            (f"unnest(string_split({quote_ident(c)}, {quote_literal(KEY_SEPARATOR)}))",),
            limit=config.fk_limit,
        )
        for c in columns_with(frame, "fk_")
    ]
    keyed += [
        Strategy(c.replace("_", "-", 1), (quote_ident(c),)) for c in columns_with(frame, "bk_")
    ]
    known = {**BY_NAME, **{s.name.replace("_", "-"): s for s in keyed}}
    for name in listed:
        if name not in known and name != "fk" and not name.startswith("bk-"):
            raise C360Error(
                f"stitch: unknown blocking strategy {name!r}; known are fk, bk-<label>, {', '.join(BY_NAME)}"
            )
    result = []
    for name, strategy in known.items():
        by_default = (
            strategy.documented
            or strategy in keyed
            or (config.preset == "thorough" and strategy.thorough)
        )
        by_default |= name in needed
        limit, enabled = listed.get(
            name,
            listed.get("fk", (None, by_default)) if name.startswith("fk-") else (None, by_default),
        )
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


def _keys_sql(strategies: list[Strategy], value: str, record: str = "i") -> str:
    """SELECT s, asked, `value`, `record` over all keys of the view `er_records`, in the order of strategies and records.

    `value` may use the text bk of a key, `record` names columns of the view.
    """
    parts = []
    for number, strategy in enumerate(strategies):
        keys = [(key, "FALSE") for key in strategy.keys] + (
            [(strategy.asked, "TRUE")] if strategy.asked else []
        )
        parts += [
            f"(SELECT {distinct} s, asked, {value}, {record} FROM"
            f" (SELECT {number}::UTINYINT AS s, {asked} AS asked, {key} AS bk, {record} FROM {source}) WHERE bk <> '')"
            for key, asked in keys
            for source, distinct in SOURCES[strategy.source]
        ]
    nothing = f"SELECT 0::UTINYINT AS s, FALSE AS asked, {value}, {record} FROM (SELECT *, '' AS bk FROM er_records) WHERE FALSE"
    return " UNION ALL ".join(parts) or nothing


def build_pairs(
    con: duckdb.DuckDBPyConnection,
    records: pl.DataFrame,
    strategies: list[Strategy],
    oversized: str,
) -> tuple[Ints32, Ints32, Ints]:
    """Candidate pairs (i, j, mask) of the comparison records, i < j, each once, sorted; mask has one bit per strategy.

    A block above its strategy's limit is cut into chunks of at most that many records, sorted so that like records stay
    together; `oversized='purge'` drops it instead. Keys are hashed here: their text takes eight times the room.
    """
    by_place = records.select(*LIKE, "i").sort(*LIKE, "i")["i"].to_numpy()
    place = np.empty(len(by_place), dtype=np.int64)
    place[by_place] = np.arange(len(by_place))
    bits = max(len(by_place).bit_length(), 1)

    def work(cursor: duckdb.DuckDBPyConnection, number: int) -> Ints:
        with registered(cursor, er_records=records):
            keys = cursor.sql(_keys_sql([strategies[number]], "hash(bk) AS h")).fetchnumpy()
        a, b = _meetings(
            keys["h"], keys["asked"], place[keys["i"]], strategies[number], oversized == "split"
        )
        a, b = by_place[a].astype(np.int64), by_place[b].astype(np.int64)
        return np.asarray(
            np.minimum(a, b) << (bits + STRATEGY_BITS) | np.maximum(a, b) << STRATEGY_BITS | number
        )

    every = np.concatenate(
        [
            np.zeros(0, dtype=np.int64),
            *in_threads(con, work, range(len(strategies)), 2 * len(by_place)),
        ]
    )
    every.sort()
    return distinct_pairs(every, bits)


def distinct_pairs(every: Ints, bits: int, stretch: int = STRETCH) -> tuple[Ints32, Ints32, Ints]:
    """The pairs (i, j, mask) of sorted numbers that hold i, j and a strategy each, a stretch at a time to need little memory."""
    i, j = np.empty(len(every), dtype=np.int32), np.empty(len(every), dtype=np.int32)
    mask = np.empty(len(every), dtype=np.int64)
    done = start = 0
    while start < len(every):
        stop = min(start + stretch, len(every))
        stop = int(
            np.searchsorted(every, (every[stop - 1] >> STRATEGY_BITS) + 1 << STRATEGY_BITS)
        )  # whole pairs
        pair = every[start:stop] >> STRATEGY_BITS
        first = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
        found = slice(done, done + len(first))
        mask[found] = np.bitwise_or.reduceat(
            1 << (every[start:stop] & (1 << STRATEGY_BITS) - 1), first
        )
        i[found], j[found] = pair[first] >> bits, pair[first] & (1 << bits) - 1
        done, start = found.stop, stop
    return i[:done], j[:done], mask[:done]


def _meetings(
    hashed: npt.NDArray[np.uint64],
    asked: npt.NDArray[np.bool_],
    place: Ints,
    strategy: Strategy,
    split: bool,
) -> tuple[Ints, Ints]:
    """The places of the two records of every pair that meets in a block of the strategy; a row per record and key."""
    order = np.argsort(hashed)
    hashed, asked, place = hashed[order], asked[order], place[order]
    block = (
        np.cumsum(np.concatenate([[False], hashed[1:] != hashed[:-1]])) if len(hashed) else place
    )
    size = np.bincount(block)
    n_asked = np.bincount(block, weights=asked).astype(np.int64)
    largest = np.maximum(n_asked, size - n_asked) if strategy.asked else size
    met = (n_asked > 0) & (n_asked < size) if strategy.asked else size > 1
    large = largest > (strategy.limit or 0)
    rows = np.flatnonzero((met if split else met & ~large)[block])
    if not len(rows):
        return rows, rows
    # One sort by block, side and place: the numbers are small enough to stand in one.
    row = np.sort((block[rows] * 2 + asked[rows]) << 32 | place[rows])
    side, place = row >> 32, row & 0xFFFFFFFF
    starts = np.flatnonzero(np.concatenate([[True], side[1:] != side[:-1]]))
    start = np.repeat(starts, np.diff(np.append(starts, len(side))))
    cut = np.where(large[side >> 1], strategy.cut or 1, len(side))
    if not strategy.asked:
        rank = np.arange(len(side)) - start
        end = np.minimum(start + (rank // cut + 1) * cut, start + size[side >> 1])
        return _ranges(place, place, np.arange(len(side)) + 1, end)
    # The others of a block come before those that asked; the n-th chunk of one side meets the n-th of the other.
    asking = np.flatnonzero(side & 1)
    others = size[side[asking] >> 1] - n_asked[side[asking] >> 1]
    first = start[asking] - others
    chunk = (asking - start[asking]) // cut[asking]
    begin = first + np.minimum(chunk * cut[asking], others)
    return _ranges(place[asking], place, begin, np.minimum(begin + cut[asking], first + others))


def _ranges(left: Ints, values: Ints, begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Each of `left` with each of its values[begin:end]."""
    count = end - begin
    total = np.cumsum(count)
    step = np.arange(total[-1] if len(total) else 0) - np.repeat(total - count, count)
    return np.repeat(left, count), values[np.repeat(begin, count) + step]


def columns_read(strategies: list[Strategy], records: pl.DataFrame) -> list[str]:
    """Columns of the comparison records that `keys_sql` and `blocks_sql` read, and the record's number."""
    words = set(re.findall(r"\w+", _keys_sql(strategies, "bk"))) | {"rid"}
    return [c for c in records.columns if c in words]


def _limits(strategies: list[Strategy]) -> str:
    rows = [
        f"({n}::UTINYINT, {quote_literal(s.name)}, {s.limit}, {s.cut})"
        for n, s in enumerate(strategies)
    ]
    return f"SELECT * FROM (VALUES {', '.join(rows or ['(255::UTINYINT, NULL, 1, 1)'])}) AS l(s, strategy, max_records, cut)"


def keys_sql(strategies: list[Strategy], record: str) -> str:
    """SELECT bk, `record`, strategy over the view `er_records`: every blocking key of every comparison record.

    `record` names columns of the view. Rows come in the order of strategies and records.
    """
    names = (
        " ".join(f"WHEN {n} THEN {quote_literal(s.name)}" for n, s in enumerate(strategies))
        or "WHEN 0 THEN ''"
    )
    return f"SELECT bk, {record}, CASE s {names} END AS strategy FROM ({_keys_sql(strategies, 'bk', record)})"


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
