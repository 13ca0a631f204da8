"""The scans of a table's reports, answered by this machine.

The other who answers them is `on_spark`; what is asked is `compile`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from c360_assets.tenant.models import SourceTable, Tenant
from c360_assets.validations.compile import Scans, queries
from c360_assets.validations.phones import judge_phones, prepare_functions
from c360_assets.validations.relation import Relation
from c360_assets.warehouse.session import Session

# Scan -> its rows: that of `rows` a day and the answers of each, that of others one row of answers.
AnswerRows: TypeAlias = Mapping[str, list[tuple[Any, ...]]]
# Answers the scans of a table.
Ask: TypeAlias = Callable[[Session, Tenant, SourceTable, Scans], AnswerRows]
SOURCE = "_c360_validated"


def ask_here(session: Session, tenant: Tenant, table: SourceTable, scans: Scans) -> AnswerRows:
    """The answers by SQL of this session."""
    prepare_functions(session, tenant)
    session.bind(table.asset, SOURCE)
    asked = queries(scans, SOURCE)
    judge_phones(session, tenant.phone_region, phones_sql(scans.shape, SOURCE, asked))
    return {grain: session.rows(sql) for grain, sql in asked.items()}


def phones_sql(shape: Relation, source: str, asked: Mapping[str, str]) -> list[str]:
    """SELECTs of one text column each: all values that may be phone numbers; none where no scan
    holds one against a numbering plan."""
    if not any("phone_valid(" in sql for sql in asked.values()):
        return []
    columns = [*shape.values.get("phone", [])]
    if "request_phone" in shape.columns:
        columns.append("request_phone")
    return [f"SELECT {shape.columns[name]} FROM {source}" for name in columns]
