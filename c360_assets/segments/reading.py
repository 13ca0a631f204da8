"""The segments of a tenant read against the columns of a database, and every problem of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from c360_assets.errors import Problem
from c360_assets.segments.compile import with_referenced
from c360_assets.segments.conditions import ListTest, SegmentTest, tests
from c360_assets.segments.definition import Definition, Finding, read_definition
from c360_assets.segments.lists import ListProblemError, read_list
from c360_assets.segments.schema import Schema
from c360_assets.semantics.closest import instead_of
from c360_assets.tenant.document import Document, KeyPath, dotted
from c360_assets.tenant.models import SegmentConfig, Tenant

# Tables of schema `segments`, and a column of theirs: no segment may be called so.
RESERVED = frozenset(
    {
        "segment_membership",
        "segment_events",
        "segment_sizes",
        "segment_overlap",
        "segment_definition",
        "campaign_recipients",
        "activation_states",
        "person_conditions_0",
        "person_conditions_1",
        "amperity_id",
    }
)


@dataclass
class ReadSegments:
    """The definitions that could be read, by name, and the problems of all."""

    definitions: dict[str, Definition] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def segments_of(tenant: Tenant, database: str) -> dict[str, SegmentConfig]:
    """The segments that stand in a database, by name; the primary one goes by its own name too."""
    primary = next((name for name, item in tenant.config.databases.items() if item.primary), None)
    names = {database}
    if database == "customer_360" and primary is not None:
        names.add(primary)
    segments = sorted(tenant.segments.items())
    return {name: config for name, config in segments if config.database in names}


def read_segments(tenant: Tenant, schema: Schema) -> ReadSegments:
    """The segments of the database that `schema` is of."""
    read = ReadSegments()
    own = segments_of(tenant, schema.database)
    for name, config in own.items():
        definition, findings = read_definition(
            name, config, schema, has_sql=name in tenant.segment_sql
        )
        read.definitions[name] = definition
        problems = [*findings, *reference_findings(tenant, definition, own)]
        read.problems += placed(tenant, name, problems)
    read.problems += _circles(tenant, read.definitions)
    return read


def file_of(tenant: Tenant, name: str) -> str:
    return tenant.places.get(f"segment {name}", f"segments/{name}.yaml")


def placed(tenant: Tenant, name: str, findings: Iterable[Finding]) -> list[Problem]:
    """The findings about a segment with the file and line of their keys."""
    file = file_of(tenant, name)
    document = Document.parse(tenant.files.get(file, ""), file)
    return [
        Problem(
            "error",
            file,
            finding.message,
            document.line(*finding.path),
            dotted(finding.path) or None,
            finding.remedy,
        )
        for finding in findings
    ]


def reference_findings(
    tenant: Tenant, definition: Definition, own: Mapping[str, SegmentConfig]
) -> list[Finding]:
    """What is wrong with the segments and lists that a definition names; `own` are the segments of
    its database.
    """
    findings: list[Finding] = []
    for test in tests(definition.condition):
        if isinstance(test, SegmentTest):
            findings += _segment_problem(tenant, definition, test.name, own)
        elif isinstance(test, ListTest):
            try:
                read_list(tenant.root, test.file)
            except ListProblemError as problem:
                place = _place_of(definition, "list", test.file)
                findings.append(Finding(place, problem.message, problem.remedy))
    return findings


def _segment_problem(
    tenant: Tenant, definition: Definition, name: str, own: Mapping[str, SegmentConfig]
) -> list[Finding]:
    place = _place_of(definition, "segment", name)
    if name == definition.name:
        return [Finding(place, "names itself", "name another segment")]
    if name in own or (name not in tenant.segments and f"segment {name}" in tenant.places):
        return []
    if name in tenant.segments:
        database = tenant.segments[name].database
        message = f"the segment {name} is of the database {database}, this one of another"
        return [Finding(place, message, "segments are made of those of their own database")]
    return [Finding(place, f"there is no segment {name}", instead_of(name, own))]


def _place_of(definition: Definition, key: str, value: str) -> KeyPath:
    """Where a definition names `value` under `key`."""
    config = definition.config
    for side, items in (("include", config.include), ("exclude", config.exclude)):
        found = _search(items, key, value, (side,))
        if found is not None:
            return found
    return ()


def _search(item: object, key: str, value: str, path: KeyPath) -> KeyPath | None:
    children: Iterable[tuple[str | int, object]] = ()
    if isinstance(item, list):
        children = enumerate(item)
    elif isinstance(item, dict):
        children = item.items()
    for part, child in children:
        named = child if isinstance(child, list) else [child]
        if part == key and value in [str(one).strip() for one in named]:
            return (*path, part)
        found = _search(child, key, value, (*path, part))
        if found is not None:
            return found
    return None


def _circles(tenant: Tenant, definitions: Mapping[str, Definition]) -> list[Problem]:
    """A problem for each segment that comes back to itself by way of others."""
    findings = []
    for name, definition in definitions.items():
        for test in tests(definition.condition):
            if not isinstance(test, SegmentTest) or test.name == name:
                continue
            if name in with_referenced([test.name], definitions):
                message = f"comes back to {name}: {test.name} is made of it"
                place = _place_of(definition, "segment", test.name)
                findings += placed(tenant, name, [Finding(place, message, "break the circle")])
                break
    return findings
