"""Definitions of segments that may not be in force yet: read from any file, and how many people
each of their conditions leaves.

Those of the tenant are `reading`'s. How answers look belongs to `reporting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from pydantic import ValidationError

from c360_assets.errors import C360Error, ConfigError, Problem
from c360_assets.segments.compile import Compiled
from c360_assets.segments.conditions import conjuncts, text_of
from c360_assets.segments.definition import Definition, Finding, read_definition
from c360_assets.segments.published_sql import compiled_for
from c360_assets.segments.reading import read_segments, reference_findings
from c360_assets.segments.schema import Schema
from c360_assets.tenant.document import Document, dotted
from c360_assets.tenant.messages import problems_of
from c360_assets.tenant.models import SegmentConfig, SqlFile, Tenant
from c360_assets.tenant.segments import PRIMARY_DATABASE


@dataclass(frozen=True)
class Candidate:
    """A definition that may not be in force yet, and what it is compiled to."""

    definition: Definition
    compiled: Compiled
    sql: str


def candidate(tenant: Tenant, path: Path, schema: Schema) -> Candidate:
    """The definition in a file, `NAME.yaml` or a SELECT `NAME.sql`, wherever it lies.

    Raises ConfigError with all that is wrong with it, C360Error where it cannot be read.
    """
    name = path.stem
    definitions = dict(read_segments(tenant, schema).definitions)
    sql_file = path.with_suffix(".sql")
    if path.suffix == ".sql" or sql_file.is_file():
        tenant = _with_sql(tenant, sql_file)
    config, problems = _config_in(tenant, path)
    definition, findings = read_definition(name, config, schema, has_sql=name in tenant.segment_sql)
    findings = [*findings, *reference_findings(tenant, definition, tenant.segments)]
    problems += _located(findings, path)
    if problems:
        raise ConfigError(problems)
    definitions[name] = definition
    compiled = compiled_for(tenant, definitions, name)
    return Candidate(definition, compiled, compiled.people_of(name))


def _located(findings: Sequence[Finding], path: Path) -> list[Problem]:
    """The findings with the lines of the file that they are about."""
    if not findings:
        return []
    document = Document.parse(path.read_text("utf-8"), path.name)
    problems = []
    for finding in findings:
        line = document.line(*finding.path)
        key = dotted(finding.path) or None
        problem = Problem("error", path.name, finding.message, line, key, finding.remedy)
        problems.append(problem)
    return problems


def _with_sql(tenant: Tenant, path: Path) -> Tenant:
    sql = SqlFile(path.stem, path, _text(path))
    return replace(tenant, segment_sql={**tenant.segment_sql, path.stem: sql})


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise C360Error(f"{path.name} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise C360Error(f"{path.name} cannot be read ({error.strerror})") from None


def _config_in(tenant: Tenant, path: Path) -> tuple[SegmentConfig, list[Problem]]:
    """The declaration in the file; that of the tenant where the file is a SELECT."""
    if path.suffix == ".sql":
        return tenant.segments.get(path.stem, SegmentConfig()), []
    document = Document.parse(_text(path), path.name)
    if document.problems:
        return SegmentConfig(), list(document.problems)
    try:
        return SegmentConfig.model_validate(document.data or {}), []
    except ValidationError as error:
        return SegmentConfig(), problems_of(error, SegmentConfig, document)


def database_in(path: Path) -> str:
    """The database that a definition's file names, the primary one where it names none."""
    data = Document.parse(_text(path), path.name).data
    named = data.get("database") if isinstance(data, dict) else None
    return named if isinstance(named, str) else PRIMARY_DATABASE


@dataclass(frozen=True)
class ConditionSize:
    """People who fit a condition: alone, and together with all that stand before it."""

    condition: str
    alone: int
    together: int


def condition_sizes(con: duckdb.DuckDBPyConnection, found: Candidate) -> list[ConditionSize]:
    """How many people each condition of a definition leaves, in the order of the file; each that is
    excluded counts as one that must not hold.
    """
    parts = conjuncts(found.definition.condition)
    if not parts:
        return []
    alone = [found.compiled.expression(part) for part in parts]
    together = [" AND ".join(alone[: place + 1]) for place in range(len(alone))]
    counted = ", ".join(f"count(*) FILTER (WHERE {test})" for test in [*alone, *together])
    (counts,) = con.execute(
        f"WITH wide AS (\n{found.compiled.wide()}\n) SELECT {counted} FROM wide"
    ).fetchall()
    shown = zip(parts, counts[: len(parts)], counts[len(parts) :], strict=True)
    return [ConditionSize(text_of(part), one, all_) for part, one, all_ in shown]
