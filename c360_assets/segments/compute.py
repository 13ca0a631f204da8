"""Makes the tables of schema `segments` of one database: who is in which segment, who came and went
and why, sizes, overlaps, definitions.

One scan of the people however many segments there are. What conditions mean is `definition`, their
SQL `compile`, what changed since the day before `history`, figures `sizes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from c360_assets.customer_360.tables.build import prepare_context
from c360_assets.customer_360.tables.databases import Database
from c360_assets.errors import ConfigError
from c360_assets.segments import history
from c360_assets.segments.compile import (
    Compiled,
    compile_segments,
    in_order,
    with_referenced,
)
from c360_assets.segments.conditions import TableTest, tests
from c360_assets.segments.database_tables import DatabaseTables
from c360_assets.segments.definition import Definition
from c360_assets.segments.digests import definition_digests
from c360_assets.segments.last_day import LastDay
from c360_assets.segments.limits import limit_findings
from c360_assets.segments.named_people import NamedPeople
from c360_assets.segments.published_sql import published_sql
from c360_assets.segments.reading import read_segments
from c360_assets.segments.schema import PEOPLE, PERSON
from c360_assets.segments.sizes import measure
from c360_assets.segments.table_names import (
    ANSWERS,
    DEFINITIONS,
    EVENTS,
    IDENTITY_CHANGES,
    MEMBERSHIP,
    OVERLAP,
    REDIRECTS,
    SIZES,
    stored_name,
)
from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

ALWAYS_READ = (PEOPLE, "customer_attributes", "unified_transactions")
WIDE = "_c360_segments_wide"


class SegmentsOfDay:
    """The segments of one database on one day: a method for each table, in the order of need."""

    def __init__(
        self, session: Session, database: Database, day: date, last: LastDay, mark: str
    ) -> None:
        self.session = session
        self.database = database
        self.day = day
        self.last = last
        self.mark = mark
        self.tenant = database.tenant
        self.warnings: list[str] = []
        self.tables = DatabaseTables(session, database)
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
        self.digests = definition_digests(self.tenant, self.definitions)
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
        named = NamedPeople(self.session, self.database, self.day)
        named.bind_ended_ids()
        compiled = compile_segments(ordered, named.table_of)
        self.warnings += named.warnings
        return compiled

    def _write_answers(self) -> None:
        """The answers of this day, and the view `earlier_answers` of the day before."""
        answers = history.answers_sql(len(self.compiled.leaves), list(self.definitions), WIDE)
        earlier = stored_name(self.database, ANSWERS[1 - self.slot])
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
        stored = stored_name(self.database, table)
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
        last = LastDay(self.day, self.tracked, texts, names, since, self.slot, memory)
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
            stored_name(self.database, table), select, fingerprint=self.mark, figures=figures
        )


def _size_column(name: str) -> str:
    if name in ("entered", "departed", "identity_change"):
        return f"coalesce(c.{name}, 0)"
    return f"s.{name}"
