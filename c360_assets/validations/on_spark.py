"""The scans of a table's reports, answered by the workers of a cluster, where `engine.tables` takes
shipped SQL there.

Workers run the very SQL of this machine on their parts of the rows: what adds up is added here,
what looks at all rows of an order, a key or a value gets those together. What compares tables, and
figures that are declared as one aggregate over the whole table, stay here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from c360_assets.errors import Problem
from c360_assets.tenant.durations import duration
from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.asking import AnswerRows, Ask, ask_here, phones_sql
from c360_assets.validations.compile import (
    Groups,
    Scans,
    all_values,
    filled,
    listings,
    orders,
    rows_by_day,
    value_counts,
)
from c360_assets.validations.declarations import Across, Item, Whole
from c360_assets.validations.phones import functions_of_contacts, judge_phones
from c360_assets.validations.reports import applies, reports_for
from c360_assets.warehouse.cluster_parts import GATHERED, PART, Question
from c360_assets.warehouse.cluster_place import ClusterPlace
from c360_assets.warehouse.cluster_questions import (
    Send,
    answers_of,
    asked_of,
    sent_by_workers,
)
from c360_assets.warehouse.cluster_sql import ROWS_OF_TASK
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal
from c360_assets.warehouse.sql_session import SqlSession
from c360_assets.wording import counted

ANSWERS = "_c360_answers"  # in SQL: the answers of all workers
DIFFERENT = "different"  # the question for all numbers of different values
WHOLE = "whole"  # the scan that they are part of


def ask_of(tenant: Tenant) -> Ask:
    """Who answers the scans of the tenant's tables."""
    engine = tenant.config.engine
    if not engine.computes_tables:
        return ask_here
    place = ClusterPlace.of(engine, duration(engine.wait), tenant.root)
    return AskWorkers(partial(sent_by_workers, place))


@dataclass(frozen=True)
class Prepare:
    """Judges phone numbers by a numbering plan once a worker has its rows."""

    region: str
    values: tuple[str, ...]

    def __call__(self, session: SqlSession) -> None:
        judge_phones(session, self.region, self.values)


class AskWorkers:
    """Asks workers, and this machine for what they cannot tell, and of tables of less than so many
    rows: one worker would read them all, and to begin a session takes longer."""

    def __init__(self, send: Send, least_rows: int = ROWS_OF_TASK) -> None:
        self._send = send
        self._least_rows = least_rows

    def __call__(
        self, session: Session, tenant: Tenant, table: SourceTable, scans: Scans
    ) -> AnswerRows:
        """Raises C360Error where the cluster fails."""
        is_small = session.built(table.asset).rows < self._least_rows
        if is_small or session.in_memory(table.asset) is not None:
            return ask_here(session, tenant, table, scans)
        questions = dict(_questions(scans))
        asked = {name: question.sql for name, question in questions.items()}
        prepare = Prepare(tenant.phone_region, tuple(phones_sql(scans.shape, PART, asked)))
        asks = asked_of(session, table.asset, questions, functions_of_contacts(tenant), prepare)
        answers = answers_of(asks, self._send)
        here = ask_here(session, tenant, table, of_this_machine(scans)) if has_whole(scans) else {}
        return {
            grain: _together(session, scans, grain, answers, here)
            for grain in [*scans.grains, *scans.keys]
        }


def has_whole(scans: Scans) -> bool:
    """Whether there are aggregates over the whole table that only one machine can tell."""
    return bool(of_this_machine(scans).grains)


def of_this_machine(scans: Scans) -> Scans:
    """The scans without what workers answer."""
    different = scans.different.values()
    whole = {
        sql: alias for sql, alias in scans.grains.get(WHOLE, {}).items() if alias not in different
    }
    return replace(scans, grains={WHOLE: whole} if whole else {}, keys={})


def _questions(scans: Scans) -> Iterator[tuple[str, Question]]:
    """What workers are asked, by scan."""
    for grain, expressions in scans.grains.items():
        kind, _, column = grain.partition(" ")
        if kind == "rows":
            yield grain, Question(_filled(scans, rows_by_day(scans, PART)))
        elif kind == "list":
            yield grain, Question(_filled(scans, value_counts(scans, PART, column)))
        elif kind == "orders":
            yield grain, _of_groups(scans, orders(scans))
        elif kind == "values":
            values = f"SELECT DISTINCT value FROM ({all_values(scans, PART, column)})"
            counts = ", ".join(f"{sql} AS {alias}" for sql, alias in expressions.items())
            together = f"SELECT {counts} FROM {GATHERED}"
            yield grain, Question(_filled(scans, values), "value", together)
    for grain, groups in scans.keys.items():
        yield grain, _of_groups(scans, groups)
    if scans.different:
        yield DIFFERENT, _of_different(scans)


def _of_groups(scans: Scans, groups: Groups) -> Question:
    rows = groups.rows.replace("{source}", PART)
    return Question(_filled(scans, rows), groups.key, _filled(scans, groups.over(GATHERED)))


def _of_different(scans: Scans) -> Question:
    """The different values of each expression, with its alias."""
    selects = []
    for (value, present), alias in scans.different.items():
        inner = scans.shape.sql(PART, [value, present])
        chosen = f"SELECT DISTINCT {quote_literal(alias)} AS alias, {value} AS value"
        selects.append(f"{chosen} FROM ({inner}) WHERE {present}")
    together = f"SELECT alias, count(DISTINCT value) AS n FROM {GATHERED} GROUP BY alias"
    return Question(_filled(scans, " UNION ALL ".join(selects)), "value", together)


def _filled(scans: Scans, sql: str) -> str:
    return filled(sql, scans.context)


def _together(
    session: Session,
    scans: Scans,
    grain: str,
    answers: Mapping[str, pa.Table],
    here: AnswerRows,
) -> list[tuple[Any, ...]]:
    """The rows of a scan as this machine would have them, of the answers of all workers."""
    if grain == WHOLE:
        return [_whole(session, scans, answers, here)]
    answered = answers[grain]
    kind = grain.partition(" ")[0]
    if kind == "list":
        counts = f"SELECT value, sum(n)::BIGINT AS n FROM {ANSWERS} GROUP BY value"
        return _asked(session, answered, _filled(scans, listings(scans, grain, counts)))
    names = [name for name in answered.column_names if name != "day"]
    sums = ", ".join(f"{_sum(answered.schema.field(name))} AS {name}" for name in names)
    if kind == "rows":
        by_day = f"SELECT day, {sums} FROM {ANSWERS} GROUP BY day ORDER BY day NULLS FIRST"
        return _asked(session, answered, by_day)
    return _asked(session, answered, f"SELECT {sums} FROM {ANSWERS}")


def _whole(
    session: Session, scans: Scans, answers: Mapping[str, pa.Table], here: AnswerRows
) -> tuple[Any, ...]:
    """The answers of the scan `whole`, those of workers and those of this machine, in its order."""
    known: dict[str, Any] = dict.fromkeys(scans.different.values(), 0)
    if scans.different:
        counts = f"SELECT alias, sum(n)::HUGEINT FROM {ANSWERS} GROUP BY alias"
        known |= dict(_asked(session, answers[DIFFERENT], counts))
    if here:
        names = of_this_machine(scans).grains[WHOLE].values()
        known |= dict(zip(names, here[WHOLE][0], strict=True))
    return tuple(known[alias] for alias in scans.grains[WHOLE].values())


def _sum(field: pa.Field) -> str:
    """The sum of answers in the type that one machine gives: whole numbers, or decimals. Of no rows
    it is 0."""
    scale = field.type.scale if pa.types.is_decimal(field.type) else 0
    return f"coalesce(sum({field.name}), 0)::" + (f"DECIMAL(38, {scale})" if scale else "HUGEINT")


def _asked(session: Session, answered: pa.Table, sql: str) -> list[tuple[Any, ...]]:
    session.register(ANSWERS, answered)
    try:
        return session.rows(sql)
    finally:
        session.con.unregister(ANSWERS)


def told_of_validations(tenant: Tenant) -> list[Problem]:
    """A warning with the number of tables whose reports the cluster answers, and with the figures
    that this machine computes, each with its tables; none where it answers none."""
    tables = [table for table in tenant.tables if _items(tenant, table)]
    if not tenant.config.engine.computes_tables or not tables:
        return []
    here = Counter(
        item.name
        for table in tables
        for item in _items(tenant, table)
        if isinstance(item, Across | Whole)
    )
    message = (
        f"Spark answers the input validations of {counted(len(tables), 'table')}, of each once it"
        f" has {ROWS_OF_TASK:,} rows"
    )
    if here:
        listed = ", ".join(f"{name} of {counted(n, 'table')}" for name, n in sorted(here.items()))
        message += f"; this machine computes what compares tables or looks at whole ones: {listed}"
    remedy = "docs/spark.md says what runs where"
    return [Problem("warning", "tenant.yaml", message, key="engine.tables", remedy=remedy)]


def _items(tenant: Tenant, table: SourceTable) -> list[Item]:
    """The figures of the reports that apply to a table."""
    reports = reports_for(table, tenant.config.extra_validations)
    return [item for report in reports for item in report.items if applies(item, table.all_tags)]
