"""Blocking: the table of strategies, the keys they give each record, and the SQL of the blocks.

Belongs here: key expressions, limits, which strategies a tenant uses. Which pairs meet in a block
is in `candidate_pairs`; what a pair is worth belongs in `comparisons` and `match_model`. Keys are
expressions over the comparison records; a NULL part gives no key.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.comparison_records import columns_with
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.warehouse.sql import quote_ident, quote_literal

# The given name, where it is not the surname again: of two keys alike, a record has one.
OTHER_NAME = "CASE WHEN given IS DISTINCT FROM surname THEN given END"
LOGIN_LETTERS = "regexp_replace(split_part(e, '@', 1), '[^\\p{L}]', '', 'g')"
# A name shared by more records decides nothing alone; whatever else agrees is met in another block.
SHARED_NAMES = 20


@dataclass(frozen=True)
class Strategy:
    """One blocking strategy: `keys` are SQL expressions over one comparison record (e = one e-mail,
    p = one phone, w = one word of an organisation).

    With `asking_key`, records that have this key meet those that have one of the others, and nobody
    else meets.
    """

    name: str
    keys: tuple[str, ...]
    source: str = "r"  # r | email | phone | word | surname: the view the expressions read
    limit: int | None = None  # None: the configured general limit
    documented: bool = False  # part of the documented default list
    thorough: bool = False  # added by the preset `thorough`
    asking_key: str | None = None
    chunk_size: int | None = None  # of a block above the limit, if less than the limit


def _meeting_other_scripts(name: str, key: str) -> Strategy:
    """Names in other scripts against all others by a key of their sounds."""
    is_foreign = "given_latin IS NOT NULL OR surname_latin IS NOT NULL"
    return Strategy(
        name,
        (key,),
        limit=SHARED_NAMES,
        chunk_size=5,
        thorough=True,
        asking_key=f"CASE WHEN {is_foreign} THEN {key} END",
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
        (f"CASE WHEN length({LOGIN_LETTERS}) >= 5 THEN {LOGIN_LETTERS} END",),
        "email",
    ),
    Strategy("login-trimmed", ("login_trimmed",)),
    Strategy("name", ("least(given, surname) || ':' || greatest(given, surname)",)),
    Strategy("phone", ("p",), "phone", thorough=True),
    Strategy("login", ("split_part(e, '@', 1)",), "email", thorough=True),
    Strategy(
        "postal-name", ("postal || ':' || surname", f"postal || ':' || {OTHER_NAME}"), thorough=True
    ),
    Strategy("building-initial", ("building || ':' || given[:1]",), thorough=True),
    Strategy(
        "full-name",
        ("least(given, surname) || ':' || greatest(given, surname)",),
        limit=15,
        chunk_size=3,
        thorough=True,
    ),
    # Two surnames of which one source writes both and the other one.
    Strategy(
        "surname-words",
        ("CASE WHEN surname_tokens IS NULL THEN given || ':' || n END",),
        "surname",
        limit=15,
        chunk_size=3,
        thorough=True,
        asking_key="CASE WHEN surname_tokens IS NOT NULL THEN given || ':' || n END",
    ),
    Strategy(
        "name-prefixes", ("given[:3] || ':' || surname[:4]",), limit=15, chunk_size=3, thorough=True
    ),
    Strategy(
        "initial-surname", ("given[:1] || ':' || surname",), limit=12, chunk_size=3, thorough=True
    ),
    # Typing errors in both names and the street leave the town, the initials and the house number,
    # or how the names end.
    Strategy("name-city", ("given[:2] || ':' || city",), limit=10, chunk_size=3, thorough=True),
    Strategy(
        "initials-house",
        ("given[:1] || ':' || surname[:1] || ':' || house",),
        limit=10,
        chunk_size=3,
        thorough=True,
    ),
    Strategy(
        "name-ends",
        ("given[-3:] || ':' || surname[-3:]",),
        limit=10,
        chunk_size=3,
        thorough=True,
    ),
    Strategy(
        "initials-birthyear",
        (
            "least(given[:1], surname[:1]) || greatest(given[:1], surname[:1])"
            " || ':' || birthdate[:4]",
        ),
        limit=10,
        chunk_size=3,
        thorough=True,
    ),
    Strategy(
        "name-birthdate",
        ("surname || ':' || birthdate", f"{OTHER_NAME} || ':' || birthdate"),
        thorough=True,
    ),
    Strategy(
        "initial-birthdate",
        (
            "surname[:1] || ':' || birthdate",
            "CASE WHEN given[:1] IS DISTINCT FROM surname[:1] THEN given[:1] END"
            " || ':' || birthdate",
        ),
        limit=SHARED_NAMES,
        thorough=True,
    ),
    Strategy(
        "postal-birthdate", ("postal || ':' || birthdate",), limit=SHARED_NAMES, thorough=True
    ),
    Strategy("organisation", ("w",), "word", limit=50, chunk_size=10, thorough=True),
    Strategy("organisation-prefix", ("org[:6]",), limit=SHARED_NAMES, chunk_size=5, thorough=True),
    Strategy(
        "organisation-domain",
        ("CASE WHEN org IS NOT NULL THEN domain END",),
        limit=SHARED_NAMES,
        chunk_size=5,
        thorough=True,
    ),
    # A name in another script and its Latin form share no letter: they meet by their sounds.
    _meeting_other_scripts("scripts", "surname_sounds || ':' || given_sounds[:1]"),
    _meeting_other_scripts("scripts-birthdate", "surname_sounds || ':' || birthdate"),
    _meeting_other_scripts("scripts-chinese", "surname_chinese || ':' || given_chinese"),
    # The login of a record that lacks a name against the names of the others, in the four usual
    # spellings.
    Strategy(
        "email-names",
        (
            "given || surname",
            f"surname || {OTHER_NAME}",
            "CASE WHEN length(given) > 1 THEN given[:1] END || surname",
            f"surname || {OTHER_NAME}[:1]",
        ),
        limit=SHARED_NAMES,
        chunk_size=5,
        thorough=True,
        asking_key="CASE WHEN given IS NULL OR surname IS NULL THEN letters END",
    ),
)
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
# Semantics after which the strategy with their value as its key is named.
WHOLE_VALUES = {"email", "phone", "address", "company"}


def of_rules(rules: Sequence[Any]) -> set[str]:
    """Strategies that the equalities of cluster rules need: a rule decides only pairs that meet."""
    equal: set[str] = set()
    for rule in rules:
        if rule.action != "cluster":
            continue
        for condition in rule.when:
            if isinstance(condition, dict) and "present-and-equal" in condition:
                equal.add(condition["present-and-equal"])
    return equal & WHOLE_VALUES


class _Setting(NamedTuple):
    """What stitch.yaml says of one strategy."""

    limit: int | None
    enabled: bool


def chosen_strategies(
    config: Any, frame: pl.DataFrame, rules: Sequence[Any] = ()
) -> list[Strategy]:
    """Strategies of a `BlockingConfig` for this frame, with their limits filled in, in fixed order.

    Those that cluster rules need (`of_rules`) are added to the preset. A listed strategy is added
    too or changes its limit; `enabled: false` takes it out. `fk` and `bk-<label>` stand for the key
    columns the frame holds. Raises C360Error for a strategy that does not exist.
    """
    of_keys = _key_strategies(frame, config.fk_limit)
    known = {_setting_name(strategy.name): strategy for strategy in (*STRATEGIES, *of_keys)}
    settings = _settings(config.strategies)
    _refuse_unknown(settings, known)
    by_default = _of_preset(config.preset) | of_rules(rules)
    by_default.update(_setting_name(strategy.name) for strategy in of_keys)

    chosen = []
    for name, strategy in known.items():
        setting = settings.get(name)
        if setting is None and name.startswith("fk-"):
            setting = settings.get("fk")
        enabled = name in by_default if setting is None else setting.enabled
        if enabled:
            own_limit = None if setting is None else setting.limit
            chosen.append(_limited(strategy, own_limit, config.limit))
    return chosen


def _refuse_unknown(names: Iterable[str], known: Container[str]) -> None:
    """Settings may name foreign keys altogether, and blocking keys that no record holds today."""
    for name in names:
        if name not in known and name != "fk" and not name.startswith("bk-"):
            raise C360Error(
                f"stitch: unknown blocking strategy {name!r}; "
                f"known are fk, bk-<label>, {', '.join(BY_NAME)}"
            )


def _of_preset(preset: str) -> set[str]:
    """The names of the strategies of a preset."""
    names = {strategy.name for strategy in STRATEGIES if strategy.documented}
    if preset == "thorough":
        names.update(strategy.name for strategy in STRATEGIES if strategy.thorough)
    return names


def _limited(strategy: Strategy, own_limit: int | None, general_limit: int) -> Strategy:
    """The strategy with its limits filled in."""
    limit = own_limit or strategy.limit or general_limit
    return replace(strategy, limit=limit, chunk_size=min(strategy.chunk_size or limit, limit))


def _settings(listed: Sequence[Any]) -> dict[str, _Setting]:
    """What is listed, by name: bare names, and entries with a limit or a switch."""
    settings = {}
    for item in listed:
        if isinstance(item, str):
            settings[_setting_name(item)] = _Setting(None, True)
        else:
            settings[_setting_name(item.name)] = _Setting(item.limit, item.enabled)
    return settings


def _setting_name(name: str) -> str:
    """The name of a strategy in settings, where underscores and dashes are the same."""
    return name.replace("_", "-")


def _key_strategies(frame: pl.DataFrame, fk_limit: int) -> list[Strategy]:
    """A strategy per foreign key and blocking key of the frame."""
    foreign = []
    for column in columns_with(frame, "fk_"):
        # A representative holds the keys of all records it stands for.
        keys = f"string_split({quote_ident(column)}, {quote_literal(KEY_SEPARATOR)})"
        foreign.append(Strategy(_strategy_name(column), (f"unnest({keys})",), limit=fk_limit))
    blocking = [
        Strategy(_strategy_name(column), (quote_ident(column),))
        for column in columns_with(frame, "bk_")
    ]
    return [*foreign, *blocking]


def _strategy_name(column: str) -> str:
    return column.replace("_", "-", 1)


class _Source(NamedTuple):
    """What the keys of a strategy are read from; `distinct` where one key can occur twice."""

    relation: str
    distinct: str


# Only among several values of a record can one key occur twice.
SOURCES = {
    "r": (_Source("er_records", ""),),
    "email": (
        _Source("(SELECT *, email AS e FROM er_records WHERE emails IS NULL)", ""),
        _Source(
            "(SELECT *, unnest(emails) AS e FROM er_records WHERE emails IS NOT NULL)", "DISTINCT"
        ),
    ),
    "phone": (
        _Source("(SELECT *, phone AS p FROM er_records WHERE phones IS NULL)", ""),
        _Source(
            "(SELECT *, unnest(phones) AS p FROM er_records WHERE phones IS NOT NULL)", "DISTINCT"
        ),
    ),
    "surname": (
        _Source("(SELECT *, surname AS n FROM er_records WHERE surname_tokens IS NULL)", ""),
        _Source(
            "(SELECT *, unnest(surname_tokens) AS n FROM er_records"
            " WHERE surname_tokens IS NOT NULL)",
            "DISTINCT",
        ),
    ),
    "word": (
        _Source("(SELECT *, unnest(org_words) AS w FROM er_records WHERE org IS NOT NULL)", ""),
    ),
}


def key_rows_sql(strategies: Sequence[Strategy], value: str, record: str = "i") -> str:
    """SELECT s, asked, `value`, `record` over all keys of the view `er_records`, in the order of
    strategies and records.

    `s` is the number of the strategy, `asked` whether the key is its asking key. `value` may use
    the text bk of a key, `record` names columns of the view.
    """
    parts = []
    for number, strategy in enumerate(strategies):
        keys = [(key, "FALSE") for key in strategy.keys]
        if strategy.asking_key:
            keys.append((strategy.asking_key, "TRUE"))
        for key, asked in keys:
            for source in SOURCES[strategy.source]:
                keyed = (
                    f"SELECT {number}::UTINYINT AS s, {asked} AS asked, {key} AS bk, {record}"
                    f" FROM {source.relation}"
                )
                parts.append(
                    f"(SELECT {source.distinct} s, asked, {value}, {record}"
                    f" FROM ({keyed}) WHERE bk <> '')"
                )
    if not parts:
        return (
            f"SELECT 0::UTINYINT AS s, FALSE AS asked, {value}, {record}"
            " FROM (SELECT *, '' AS bk FROM er_records) WHERE FALSE"
        )
    return " UNION ALL ".join(parts)


def columns_read(strategies: Sequence[Strategy], records: pl.DataFrame) -> list[str]:
    """Columns of the comparison records that `keys_sql` and `blocks_sql` read, and the record's
    number."""
    words = set(re.findall(r"\w+", key_rows_sql(strategies, "bk"))) | {"rid"}
    return [column for column in records.columns if column in words]


def keys_sql(strategies: Sequence[Strategy], record: str) -> str:
    """SELECT bk, `record`, strategy over the view `er_records`: every blocking key of every
    comparison record.

    `record` names columns of the view. Rows come in the order of strategies and records.
    """
    names = [
        f"WHEN {number} THEN {quote_literal(strategy.name)}"
        for number, strategy in enumerate(strategies)
    ]
    cases = " ".join(names) or "WHEN 0 THEN ''"
    keys = key_rows_sql(strategies, "bk", record)
    return f"SELECT bk, {record}, CASE s {cases} END AS strategy FROM ({keys})"


def blocks_sql(strategies: Sequence[Strategy], oversized: str) -> str:
    """SELECT strategy, bk, n_records, n_chunks, n_pairs, oversized over the view `er_records`:
    every block of two or more."""
    asking = [str(number) for number, strategy in enumerate(strategies) if strategy.asking_key]
    # No strategy has this number: the SQL stays valid where the list is empty.
    asking_numbers = ", ".join(asking or ["255"])
    purged = "TRUE" if oversized == "purge" else "FALSE"
    return f"""
        WITH counted AS (
            SELECT s, bk, count(*) AS n, count(*) FILTER (WHERE asked) AS n_asked,
                   s IN ({asking_numbers}) AS sides
            FROM ({key_rows_sql(strategies, "bk")}) GROUP BY s, bk HAVING count(*) > 1),
        sized AS (
            SELECT *, CASE WHEN sides THEN greatest(n_asked, n - n_asked) ELSE n END AS largest,
            FROM counted JOIN ({_limits_sql(strategies)}) USING (s)),
        judged AS (
            SELECT *, largest > max_records AS oversized,
                   CASE WHEN largest > max_records THEN cut ELSE max_records END AS l,
                   least(n_asked, n - n_asked) // l AS full_chunks
            FROM sized),
        paired AS (
            SELECT *,
                   full_chunks * l * l + least(l, n_asked - full_chunks * l)
                       * least(l, n - n_asked - full_chunks * l) AS between_sides,
                   (n // l) * (l * (l - 1) // 2) + (n % l) * (n % l - 1) // 2 AS within_chunks
            FROM judged)
        SELECT strategy, bk, n AS n_records, CAST(ceil(largest / l) AS BIGINT) AS n_chunks,
               CAST(CASE WHEN oversized AND {purged} THEN 0
                         WHEN sides THEN between_sides
                         ELSE within_chunks END AS BIGINT) AS n_pairs, oversized
        FROM paired"""


def _limits_sql(strategies: Sequence[Strategy]) -> str:
    """The limits of the strategies as a relation."""
    rows = []
    for number, strategy in enumerate(strategies):
        name = quote_literal(strategy.name)
        rows.append(f"({number}::UTINYINT, {name}, {strategy.limit}, {strategy.chunk_size})")
    values = ", ".join(rows or ["(255::UTINYINT, NULL, 1, 1)"])
    return f"SELECT * FROM (VALUES {values}) AS l(s, strategy, max_records, cut)"
