"""How the checks of a built database are shown in Dagster: each on the table that it is about, with
figures that plot.

What is checked belongs to `customer_360.checks`; `database_validation` keeps the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import dagster as dg

from c360_assets.assets.check_names import PROMISES, data_check_name
from c360_assets.assets.metadata import asset_key
from c360_assets.customer_360.checks.data_checks import CHECKS, Check
from c360_assets.customer_360.checks.run_data_checks import TABLE
from c360_assets.customer_360.tables.databases import Database
from c360_assets.customer_360.tables.graph import TableNode
from c360_assets.customer_360.tables.references import Names
from c360_assets.warehouse.session import Session

PROMISED = {
    "db/required": "Columns that database/{table}.yaml says must have a value in every row",
    "db/unique": "Columns that database/{table}.yaml says must not repeat a value",
}


@dataclass(frozen=True)
class TableCheck:
    """A check in Dagster, which may stand for several rows of `database_validation`.

    `asset` is what it hangs on, `table` what it is about; `codes` are the ids of those rows, or
    what stands before the first dot of them.
    """

    name: str
    asset: str
    table: str
    codes: tuple[str, ...]
    description: str


class Answer(NamedTuple):
    """A row of `database_validation`; the figures are None where the check does not apply."""

    code: str
    table: str
    findings: int | None
    percent: float | None
    status: str

    def is_of(self, check: TableCheck) -> bool:
        begins_with, _, _ = self.code.partition(".")
        return self.table == check.table and (
            self.code in check.codes or begins_with in check.codes
        )


def check_specs(database: Database) -> list[dg.AssetCheckSpec]:
    """The checks of a database. They warn and stop nothing."""
    validation = asset_key(database.own(TABLE))
    return [
        dg.AssetCheckSpec(
            check.name,
            asset=asset_key(check.asset),
            description=check.description,
            additional_deps=[validation] if asset_key(check.asset) != validation else [],
            blocking=False,
        )
        for check in table_checks(database)
    ]


def check_results(session: Session, database: Database) -> Iterator[dg.AssetCheckResult]:
    """What the last validation of the database found: counts and shares under names that stay, so
    that they plot.
    """
    session.bind(database.own(TABLE), "_c360_validation")
    rows = session.rows(
        'SELECT validation_id, "table", finding_count, finding_pct, status FROM _c360_validation '
        "ORDER BY validation_id"
    )
    answers = [Answer(*row) for row in rows]
    for check in table_checks(database):
        yield _result(check, [answer for answer in answers if answer.is_of(check)])


def table_checks(database: Database) -> list[TableCheck]:
    """All checks of a database.

    A filtered database shares tables with the group's, and asks of its own rows in them. The
    group's checks hang on those tables; its own hang on its `database_validation`.
    """
    checks = _data_checks(database)
    for node in database.nodes:
        checks += _promise_checks(database, node)
    return [_placed(database, check) for check in checks]


def _data_checks(database: Database) -> list[TableCheck]:
    names = Names(database.tenant)
    built = {node.name.lower(): node.table for node in database.nodes}
    together: dict[tuple[str, str], list[Check]] = {}
    for check in CHECKS:
        name = data_check_name(check.id, check.question)
        together.setdefault((check.table, name), []).append(check)
    return [
        TableCheck(
            name,
            asset=built.get(table) or names.warehouse_name(table) or table,
            table=table,
            codes=tuple(check.id for check in checks),
            description=_description(checks),
        )
        for (table, name), checks in together.items()
    ]


def _description(checks: Sequence[Check]) -> str:
    """The number that the checks have in common, and what they ask."""
    numbers = _once(check.id.split(".")[0] for check in checks)
    questions = _once(check.question for check in checks)
    return f"{', '.join(numbers)}: {' '.join(questions)}"


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _promise_checks(database: Database, node: TableNode) -> list[TableCheck]:
    """Checks of what the tenant's YAML promises of the table."""
    declared = database.tenant.database_yaml.get(node.name)
    if declared is None:
        return []
    columns = declared.columns.values()
    is_promised = {
        "db/required": any(column.required for column in columns),
        "db/unique": any(column.unique for column in columns),
    }
    return [
        TableCheck(
            PROMISES[code],
            asset=node.table,
            table=node.name,
            codes=(code,),
            description=f"{code}: {PROMISED[code].format(table=node.name)}",
        )
        for code in PROMISES
        if is_promised[code]
    ]


def _placed(database: Database, check: TableCheck) -> TableCheck:
    if database.is_group or check.asset.startswith(f"{database.name}/"):
        return check
    return replace(check, name=f"{check.table}__{check.name}", asset=database.own(TABLE))


def _result(check: TableCheck, answers: Sequence[Answer]) -> dg.AssetCheckResult:
    figures: dict[str, float] = {}
    warnings = []
    for answer in answers:
        if answer.findings is not None:
            figures[f"{answer.code} findings"] = float(answer.findings)
        if answer.percent is not None:
            figures[f"{answer.code} %"] = float(answer.percent)
        if answer.status == "warning":
            warnings.append(f"{answer.code}: {answer.findings:,} ({answer.percent:.1f} %)")
    description = "; ".join(warnings) or None
    if not figures:
        description = "not applicable: the tenant has no such data"
    return dg.AssetCheckResult(
        asset_key=asset_key(check.asset),
        check_name=check.name,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=figures,
    )
