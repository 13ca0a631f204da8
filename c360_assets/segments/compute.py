"""Makes the tables of schema `segments` of one database: who is in which segment, who came and went
and why, sizes, overlaps, definitions.

One scan of the people however many segments there are. What conditions mean is `definition`, their
SQL `compile`, what changed since the day before `history`, figures `sizes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets import semantics
from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.customer_360.tables.references import Names, references, statement
from c360_assets.errors import C360Error, ConfigError
from c360_assets.segments import history
from c360_assets.segments.compile import (
    Compiled,
    compile_segments,
    in_order,
    with_referenced,
)
from c360_assets.segments.conditions import ListTest, SqlTest, TableTest, tests
from c360_assets.segments.database_tables import DatabaseTables, stored_names
from c360_assets.segments.definition import Definition
from c360_assets.segments.limits import limit_findings
from c360_assets.segments.lists import list_digest, read_list
from c360_assets.segments.published_sql import published_sql
from c360_assets.segments.reading import read_segments, segments_of
from c360_assets.segments.references import referenced_tables
from c360_assets.segments.schema import PEOPLE, PERSON
from c360_assets.segments.sizes import measure
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import SegmentConfig, Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.locked_session import locked_session
from c360_assets.warehouse.manifest import TableState
from c360_assets.warehouse.recipe import Built, Recipe, RunContext, input_digests
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.sql_errors import reason

STAGE = "segments"
MEMBERSHIP = "segment_membership"
EVENTS = "segment_events"
SIZES = "segment_sizes"
OVERLAP = "segment_overlap"
DEFINITIONS = "segment_definition"
TABLES = (MEMBERSHIP, EVENTS, SIZES, OVERLAP, DEFINITIONS)
# Answers of each person, of the last day and of the one before it, in turn.
ANSWERS = ("person_conditions_0", "person_conditions_1")
ALWAYS_READ = (PEOPLE, "customer_attributes", "unified_transactions")
IDENTITY_CHANGES = "unified_changes_pks"
REDIRECTS = "stitch_id_redirects"
WIDE = "_c360_segments_wide"
DIGEST_LETTERS = 16


def stored_name(database: Database, table: str) -> str:
    """Where a table of schema `segments` is stored."""
    return database.own(f"{STAGE}/{table}")


class ComputeSegments(Recipe):
    """The segments of one database. `parts` are the assets of the single segments."""

    stage = STAGE

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant = database.tenant
        self.segments = segments_of(self.tenant, database.name)
        self.own_tables = tuple(stored_name(database, name) for name in TABLES)
        super().__init__(
            [*self.own_tables, *(stored_name(database, name) for name in ANSWERS)],
            _reads(database, self.segments),
            step=STAGE,
        )
        self.parts = tuple(f"{STAGE}/{name}" for name in self.segments)
        self.label = database.name

    def stored(self, table: str) -> str:
        return stored_name(self.database, table)

    def fingerprint(self, session: Session, as_of: date) -> str | None:
        inputs = input_digests(session, self.reads)
        if inputs is None:
            return None
        tenant = self.tenant
        lists = sorted({file for config in self.segments.values() for file in _lists(config)})
        return fingerprint(
            own_code(),
            {name: config.model_dump(mode="json") for name, config in self.segments.items()},
            {name: sql.text for name, sql in tenant.segment_sql.items()},
            {file: list_digest(tenant.root, file) for file in lists},
            inputs,
            as_of.isoformat(),
            session.timezone,
            self.database.key,
            self.database.keeps,
        )

    def build(self, session: Session, run: RunContext) -> Built:
        """Raises C360Error for a definition that does not fit the tables, or SQL that fails."""
        mark = self.fingerprint(session, run.as_of) or ""
        last = _Last.of(session.state(self.stored(MEMBERSHIP)))
        if last.day is not None and run.as_of < last.day:
            return self._stay(session, mark, last.day, run.as_of)
        with _named(self):
            build = _Build(session, self, run.as_of, last, mark)
            build.compute()
        return Built(warnings=build.warnings)

    def _stay(self, session: Session, mark: str, last: date, as_of: date) -> Built:
        """A run of an earlier date leaves the segments alone: their history has gone further."""
        for table in self.tables:
            session.keep(table, fingerprint=mark)
        warning = (
            f"segments stand at {last} and stay so: this run is of {as_of}, and what happened "
            "since would be lost"
        )
        return Built(warnings=[warning])


def segment_recipes(tenant: Tenant) -> list[ComputeSegments]:
    """One recipe per database that has segments."""
    if not tenant.segments:
        return []
    return [
        ComputeSegments(database)
        for database in databases(tenant)
        if segments_of(tenant, database.name)
    ]


@cache
def own_code() -> str:
    """Version of the code of this room and of the catalogue that it reads."""
    return code_version(Path(__file__).parent, Path(next(iter(semantics.__path__))))


def _reads(database: Database, segments: Mapping[str, SegmentConfig]) -> list[str]:
    """Warehouse names of what the segments and their figures are made from."""
    stored = {name.lower(): table for name, table in stored_names(database).items()}
    names = {*ALWAYS_READ, IDENTITY_CHANGES, REDIRECTS}
    for name, config in segments.items():
        names |= referenced_tables(config)
        sql = database.tenant.segment_sql.get(name)
        if sql is not None:
            names |= _tables_of_sql(database.tenant, name)
    return sorted({stored[name.lower()] for name in names if name.lower() in stored})


def _tables_of_sql(tenant: Tenant, name: str) -> set[str]:
    file = f"segments/{name}.sql"
    try:
        binds, _ = references(tenant.segment_sql[name].text, file, Names(tenant))
    except ConfigError:
        return set()
    return {called for called, _ in binds}


def _lists(config: SegmentConfig) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [config.include, config.exclude]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            listed = item.get("list", [])
            found |= set(listed if isinstance(listed, list) else [listed])
    return {str(file).strip() for file in found}


def columns_read(session: Session, recipe: ComputeSegments) -> dict[str, list[tuple[str, str]]]:
    """Segment -> the (warehouse table, column) pairs that its conditions look at."""
    tables = DatabaseTables(session, recipe.database)
    definitions = read_segments(recipe.tenant, tables.schema).definitions
    found: dict[str, list[tuple[str, str]]] = {}
    for name in definitions:
        pairs: set[tuple[str, str]] = set()
        for one in with_referenced([name], definitions):
            for test in tests(definitions[one].condition):
                if isinstance(test, TableTest):
                    pairs |= {(tables.stored[test.table], column) for column in test.columns}
        found[name] = sorted(pairs)
    return found


class _named:  # noqa: N801
    """Says of an error of the engine which database's segments it is about."""

    def __init__(self, recipe: ComputeSegments) -> None:
        self.recipe = recipe

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, duckdb.Error):
            raise C360Error(
                f"segments of {self.recipe.database.name} failed on the data: "
                f"{type(error).__name__}"
            ) from None


@dataclass(frozen=True)
class _Last:
    """What the stored membership remembers of its day, and of the day before that."""

    day: date | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    segments: Sequence[str] = ()
    since: str | None = None
    slot: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, state: TableState | None) -> _Last:
        known = (state.figures if state is not None else {}).get("last")
        # What another version of this code remembers is no day to compare with.
        if not known or "segments" not in known:
            return cls()
        return cls(
            date.fromisoformat(known["day"]),
            known["definitions"],
            known["conditions"],
            known["segments"],
            known["since"],
            known["slot"],
            known["before"],
        )

    def as_figures(self) -> dict[str, Any]:
        assert self.day is not None
        return {
            "day": self.day.isoformat(),
            "definitions": dict(self.definitions),
            "conditions": list(self.conditions),
            "segments": list(self.segments),
            "since": self.since,
            "slot": self.slot,
            "before": dict(self.before),
        }

    def memory(self) -> dict[str, Any]:
        """What a later day is compared with."""
        return {
            "definitions": dict(self.definitions),
            "conditions": list(self.conditions),
            "segments": list(self.segments),
            "since": self.since,
        }


class _Build:
    """One turn: a method for each table, in the order in which they need one another."""

    def __init__(
        self, session: Session, recipe: ComputeSegments, day: date, last: _Last, mark: str
    ) -> None:
        self.session = session
        self.recipe = recipe
        self.day = day
        self.last = last
        self.mark = mark
        self.tenant = recipe.tenant
        self.warnings: list[str] = []
        self.tables = DatabaseTables(session, recipe.database)
        is_again = last.day == day
        remembered = last.before if is_again else last.memory()
        self.has_before = bool(remembered.get("definitions")) and last.day is not None
        self.before = history.DayBefore(
            remembered.get("definitions", {}),
            remembered.get("conditions", ()),
            remembered.get("segments", ()),
            remembered.get("since"),
        )
        # The answers of the day before stay where they are; those of this day go to the other.
        self.slot = last.slot if is_again or last.day is None else 1 - last.slot

    def compute(self) -> None:
        self.definitions = self._definitions()
        self.compiled = self._compile()
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE {WIDE} AS {self.compiled.wide()}")
        self.digests = {
            name: fingerprint(definition.digest_text, self._meaning(name))[:DIGEST_LETTERS]
            for name, definition in self.definitions.items()
        }
        self.tracked = {
            name: digest
            for name, digest in self.digests.items()
            if self.definitions[name].config.track
        }
        self._write_answers()
        self._changes()
        self._write_membership()
        self._write_events()
        self._write_figures()
        self._write_definitions()

    def _meaning(self, name: str) -> str:
        """What decides who is in a segment: its conditions and those of the segments it names."""
        names = with_referenced([name], self.definitions)
        parts = [self.definitions[one].digest_text for one in sorted(names)]
        parts += [
            self.tenant.segment_sql[one].text
            for one in sorted(names)
            if one in self.tenant.segment_sql
        ]
        return "\n".join(parts)

    def _definitions(self) -> dict[str, Definition]:
        read = read_segments(self.tenant, self.tables.schema)
        if read.problems:
            raise ConfigError(read.problems)
        return {definition.name: definition for definition in in_order(read.definitions)}

    def _compile(self) -> Compiled:
        ordered = list(self.definitions.values())
        names = {*ALWAYS_READ, IDENTITY_CHANGES, REDIRECTS}
        for definition in ordered:
            for test in tests(definition.condition):
                if isinstance(test, TableTest):
                    names.add(test.table)
        prepare_context(self.session, self.day, self.tenant.home)
        self.tables.bind(sorted(names))
        self._ended_ids()
        return compile_segments(ordered, self._source)

    def _ended_ids(self) -> None:
        """The table `redirects`: ids that ended, and the one that holds most of each now."""
        self.session.bind(REDIRECTS, "_c360_redirects")
        self.session.execute(
            "CREATE OR REPLACE TEMP TABLE redirects AS "
            "SELECT amperity_id, current_amperity_id FROM _c360_redirects "
            "WHERE rank = 1 AND current_amperity_id IS NOT NULL"
        )

    def _source(self, leaf: ListTest | SqlTest) -> str:
        if isinstance(leaf, ListTest):
            return self._list_source(leaf.file)
        return self._sql_source(leaf.name)

    def _list_source(self, file: str) -> str:
        """A temporary table of the people of a list: ids that ended stand for who they are now."""
        ids = read_list(self.tenant.root, file)
        name = quote_ident(f"_c360_list {file}")
        self.session.register("_c360_listed", pl.DataFrame({PERSON: ids}))
        self.session.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS "
            f"SELECT listed.{PERSON} AS listed, coalesce(now.current_amperity_id, listed.{PERSON}) "
            f"AS {PERSON} FROM _c360_listed AS listed "
            f"LEFT JOIN redirects AS now ON now.amperity_id = listed.{PERSON}"
        )
        ((known, ended),) = self.session.rows(
            f"SELECT count(p.{PERSON}), count(*) FILTER (WHERE l.listed <> l.{PERSON}) "
            f"FROM {name} AS l LEFT JOIN {PEOPLE} AS p ON p.{PERSON} = l.{PERSON}"
        )
        if known < len(ids):
            self.warnings.append(
                f"segments: {file}: {len(ids) - known:,} of {len(ids):,} ids are of nobody in the "
                f"database {self.recipe.database.name}"
            )
        if ended:
            self.warnings.append(
                f"segments: {file}: {ended:,} ids have ended; who they became stands for them"
            )
        return name

    def _sql_source(self, name: str) -> str:
        """A temporary table of the people whom the segment's SQL selects, in an engine that can
        read the tables it names and nothing else.
        """
        file = f"segments/{name}.sql"
        text = self.tenant.segment_sql[name].text
        binds, _ = references(text, file, Names(self.tenant))
        table = quote_ident(f"_c360_sql {name}")
        with locked_session(self.session) as locked:
            prepare_context(locked, self.day, self.tenant.home)
            DatabaseTables(locked, self.recipe.database).bind([called for called, _ in binds])
            locked.lock()
            select = statement(text, file).text
            try:
                people = locked.frame(f"SELECT DISTINCT * FROM (\n{select}\n)")
            except duckdb.Error as error:
                why = reason(locked, text, error)
                raise C360Error(f"{file}: failed on the data: {why}") from None
        if [column.lower() for column in people.columns] != [PERSON]:
            raise C360Error(f"{file}: must select {PERSON} and nothing else")
        self.session.register("_c360_selected", people)
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM _c360_selected")
        return table

    def _write_answers(self) -> None:
        """The answers of this day, and the view `earlier_answers` of the day before."""
        answers = history.answers_sql(len(self.compiled.leaves), list(self.definitions), WIDE)
        earlier = self.recipe.stored(ANSWERS[1 - self.slot])
        self.session.execute(f"CREATE OR REPLACE TEMP VIEW answers AS {answers}")
        if self.session.state(earlier) is not None:
            self.session.bind(earlier, "earlier_answers")
            self.session.keep(earlier, fingerprint=self.mark)
        else:
            nobody = f"SELECT {PERSON} FROM {WIDE} WHERE FALSE"
            self.session.execute(f"CREATE OR REPLACE TEMP VIEW earlier_answers AS {nobody}")
            self._write(ANSWERS[1 - self.slot], nobody)
        self._write(ANSWERS[self.slot], answers)

    def _changes(self) -> None:
        """The temporary tables `base` and `changes` of this day."""
        self._bind_stored(MEMBERSHIP, "stored_membership")
        self._bind_stored(EVENTS, "stored_events")
        self.session.execute(f"CREATE OR REPLACE TEMP VIEW people AS SELECT {PERSON} FROM {PEOPLE}")
        self.session.bind(IDENTITY_CHANGES, "identity_changes")
        history.write_changes(
            self.session, self.day, self.before, self.tracked, list(self.definitions)
        )
        leaves = {leaf: place for place, leaf in enumerate(self.compiled.leaves)}
        asked: dict[str, list[int]] = {}
        for name in self.tracked:
            places: set[int] = set()
            for one in with_referenced([name], self.definitions):
                condition = self.definitions[one].condition
                places |= {leaves[test] for test in tests(condition) if test in leaves}
            asked[name] = sorted(places)
        texts = [leaf.text for leaf in self.compiled.leaves]
        if self.has_before:
            history.explain_data(self.session, asked, texts, self.before.conditions)

    def _bind_stored(self, table: str, called: str) -> None:
        stored = self.recipe.stored(table)
        if self.session.state(stored) is not None:
            self.session.bind(stored, called)
            return
        spec = all_tables()[table]
        columns = ", ".join(
            f"CAST(NULL AS {column.type}) AS {quote_ident(name)}"
            for name, column in spec.columns.items()
        )
        self.session.execute(
            f"CREATE OR REPLACE TEMP VIEW {called} AS SELECT {columns} WHERE FALSE"
        )

    def _members_sql(self, names: Sequence[str]) -> str:
        """The people of the segments `names`."""
        selects = [
            f"SELECT {quote_literal(name)} AS segment, {PERSON} FROM {WIDE} "
            f"WHERE {quote_ident(name)}"
            for name in names
        ]
        nobody = f"SELECT NULL::VARCHAR AS segment, {PERSON} FROM {WIDE} WHERE FALSE"
        return " UNION ALL ".join(selects) or nobody

    def _write_membership(self) -> None:
        day = f"DATE '{self.day.isoformat()}'"
        digests = pl.DataFrame(
            {"segment": list(self.digests), "definition": list(self.digests.values())}
        )
        self.session.register("_c360_digests", digests)
        ((since,),) = self.session.rows('SELECT max("timestamp")::VARCHAR FROM identity_changes')
        memory = {
            "definitions": dict(self.before.definitions),
            "conditions": list(self.before.conditions),
            "segments": list(self.before.segments),
            "since": self.before.since,
        }
        texts = [leaf.text for leaf in self.compiled.leaves]
        names = list(self.definitions)
        last = _Last(self.day, self.tracked, texts, names, since, self.slot, memory)
        # Who stays keeps the day; of a segment that is new everybody begins, also when its first
        # day is computed again.
        both = [one for one in names if one in self.before.segments]
        stayed = (
            "SELECT segment, amperity_id, member_since FROM base "
            f"SEMI JOIN ({history.names_sql(both)}) USING (segment) "
            "ANTI JOIN went USING (segment, amperity_id)"
        )
        entered = (
            f"SELECT c.segment, c.{PERSON}, coalesce(e.member_since, {day}) AS member_since "
            "FROM came AS c LEFT JOIN (FROM changes WHERE event = 'entered') AS e "
            f"USING (segment, {PERSON})"
        )
        begun = self._members_sql([one for one in names if one not in self.before.segments])
        began = f"SELECT segment, {PERSON}, {day} AS member_since FROM ({begun})"
        self._write(
            MEMBERSHIP,
            f"SELECT m.segment, m.{PERSON}, m.member_since, d.definition "
            f"FROM ({stayed} UNION ALL {entered} UNION ALL {began}) AS m "
            "JOIN _c360_digests AS d USING (segment)",
            figures={"last": last.as_figures()},
        )

    def _write_events(self) -> None:
        day = f"DATE '{self.day.isoformat()}'"
        self._write(
            EVENTS,
            f"SELECT {history.EVENT_COLUMNS} FROM stored_events WHERE day <> {day} "
            f"UNION ALL SELECT {history.EVENT_COLUMNS} FROM changes",
        )

    def _write_figures(self) -> None:
        day = f"DATE '{self.day.isoformat()}'"
        measured = measure(self.session, WIDE, list(self.tracked), self.day)
        self.session.register("_c360_sizes", measured.sizes)
        self.session.register("_c360_overlap", measured.overlap)
        self._bind_stored(SIZES, "stored_sizes")
        self._bind_stored(OVERLAP, "stored_overlap")
        counted = (
            "SELECT segment, "
            "count(*) FILTER (WHERE event = 'entered' AND cause <> 'identity') AS entered, "
            "count(*) FILTER (WHERE event = 'left' AND cause <> 'identity') AS departed, "
            "count(*) FILTER (WHERE event = 'entered' AND cause = 'identity') "
            "- count(*) FILTER (WHERE event = 'left' AND cause = 'identity') AS identity_change "
            "FROM changes GROUP BY segment"
        )
        columns = ", ".join(
            f"CAST({_size_column(name)} AS {column.type}) AS {name}"
            for name, column in all_tables()[SIZES].columns.items()
        )
        sizes = (
            f"SELECT * FROM stored_sizes WHERE day <> {day} UNION ALL "
            f"SELECT {columns} FROM _c360_sizes AS s "
            f"LEFT JOIN ({counted}) AS c ON c.segment = s.segment"
        )
        findings = self._limits(measured.sizes)
        self._write(SIZES, sizes, figures={"findings": findings})
        self._write(
            OVERLAP,
            f"SELECT * FROM stored_overlap WHERE day <> {day} UNION ALL FROM _c360_overlap",
        )

    def _limits(self, sizes: pl.DataFrame) -> list[dict[str, str]]:
        """What `expect` of the segments finds, by the sizes of the last day before this."""
        day = f"DATE '{self.day.isoformat()}'"
        earlier = dict(
            self.session.rows(
                "SELECT segment, arg_max(people, day) FROM stored_sizes "
                f"WHERE day < {day} GROUP BY segment"
            )
        )
        now = dict(sizes.select("segment", "people").iter_rows())
        untracked = [name for name in self.definitions if name not in now]
        for name in untracked:
            ((now[name],),) = self.session.rows(
                f"SELECT count(*) FROM {WIDE} WHERE {quote_ident(name)}"
            )
        configs = {name: definition.config for name, definition in self.definitions.items()}
        findings = limit_findings(configs, now, earlier)
        self.warnings += [f"segment {finding.segment}: {finding.message}" for finding in findings]
        return [finding.as_dict() for finding in findings]

    def _write_definitions(self) -> None:
        day = f"DATE '{self.day.isoformat()}'"
        rows = [
            {
                "segment": name,
                "definition": self.digests[name],
                "description": definition.config.description,
                "text": self._text(name),
                "sql": published_sql(self.tenant, self.definitions, name),
            }
            for name, definition in self.definitions.items()
        ]
        schema = dict.fromkeys(("segment", "definition", "description", "text", "sql"), pl.String)
        self.session.register("_c360_defined", pl.DataFrame(rows, schema=schema))
        self._bind_stored(DEFINITIONS, "stored_definitions")
        self._write(
            DEFINITIONS,
            "SELECT o.* FROM stored_definitions AS o "
            "ANTI JOIN _c360_defined AS n USING (segment, definition) UNION ALL "
            "SELECT n.segment, n.definition, n.description, n.text, n.sql, "
            f"coalesce(o.first_day, {day}) AS first_day, {day} AS last_day "
            "FROM _c360_defined AS n "
            "LEFT JOIN stored_definitions AS o USING (segment, definition)",
        )

    def _text(self, name: str) -> str:
        """The definition as it is written: the YAML, and the SQL where there is one."""
        place = self.tenant.places.get(f"segment {name}", "")
        sql = self.tenant.segment_sql.get(name)
        texts = [self.tenant.files.get(place, self.definitions[name].digest_text)]
        return "\n".join([*texts, *([sql.text] if sql is not None else [])])

    def _write(self, table: str, select: str, *, figures: Mapping[str, Any] | None = None) -> None:
        self.session.write(
            self.recipe.stored(table), select, fingerprint=self.mark, figures=figures
        )


def _size_column(name: str) -> str:
    if name in ("entered", "departed", "identity_change"):
        return f"coalesce(c.{name}, 0)"
    return f"s.{name}"
