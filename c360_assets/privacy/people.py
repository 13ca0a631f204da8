"""Whom a request is about: rows of source tables by their identifiers, and what hangs on them.

Four ways lead to a row: it holds the identifier itself (direct), it has the amperity_id of such a
row (connected), a custom domain table was made of it or it of one (source key), or a table of links
says so (linkage table). What is done with the rows belongs to `forget` and `dsar`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.personal_columns import CONTACTS, Meaning, foreign_key_form, meanings
from c360_assets.ingest.removed_tables import removed_meanings
from c360_assets.privacy.identifiers import ADDRESS, CONNECTED, Found, Identifiers, merge
from c360_assets.privacy.past_rows import PastRows
from c360_assets.privacy.table_links import Link, links_between
from c360_assets.semantics.blocklist import is_blocked
from c360_assets.stitch.publish.stitched_domain_tables import (
    bind_unified,
    foreign_keys,
    stitched_sql,
    stitched_tables,
)
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

UNIFIED = "unified_coalesced"
REMOVED_VALUES = "stitch_removed_values"
KEY_SCHEMA = {"tag": pl.String, "form": pl.String}
FOUND = "_c360_found"
LINKAGE = ("source-ds", "source-pk", "cdt-ds", "cdt-pk")
# A custom table and a feed can be told to belong together along at most so many steps.
STEPS = 6


class Finder:
    """Looks for people in the tables of a session; `with_past`: also for who is only in what is
    kept of earlier days."""

    def __init__(self, session: Session, tenant: Tenant, *, with_past: bool = False) -> None:
        self.session = session
        self.tenant = tenant
        # People stay in a table whose feed was taken out of the settings.
        self.meanings = meanings(tenant) | removed_meanings(session, tenant)
        self.tables = {
            name: meaning
            for name, meaning in self.meanings.items()
            if session.state(meaning.table.asset) is not None and not meaning.is_requests
        }
        self.links = links_between(tenant, self.tables)
        searched = [meaning.table for meaning in self.tables.values()] if with_past else None
        self.past = PastRows(session, tenant, searched)
        self.meanings |= self.past.removed
        self.tables |= self.past.removed
        self.forms: dict[tuple[str, str, str], pl.DataFrame] = {}

    def find(self, asked: Identifiers, strategy: str) -> Found:
        """The rows that a request is about. Raises C360Error for a source table that is unknown."""
        direct = self._direct(asked)
        ids = sorted({*self._known_ids(asked.amperity_ids), *self.ids_of(direct)})
        rows = {name: set(keys) for name, keys in direct.items()}
        if strategy == CONNECTED or asked.amperity_ids:
            wanted = ids if strategy == CONNECTED else list(asked.amperity_ids)
            merge(rows, self.rows_of_ids(wanted))
        self._follow_links(rows)
        if strategy == CONNECTED:
            more = self.ids_of(rows)
            if set(more) - set(ids):
                ids = sorted({*ids, *more})
                merge(rows, self.rows_of_ids(ids))
                self._follow_links(rows)
            merge(rows, self._rows_by_contact(rows))
            self._follow_links(rows)
        return Found(rows, direct, ids)

    def _rows_by_contact(self, rows: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Rows of tables that know people by an address or number only, such as consents and
        events: those that name one that nobody else has."""
        found: dict[str, set[str]] = {}
        stitched = {table.physical for table in self.tenant.stitched_tables}
        for kind in CONTACTS:
            forms = self._cleaned(kind, self.own_contacts(rows, kind, stitched))
            for name in self.tables.keys() - stitched:
                keys = self._with_contact(self.tables[name], kind, forms)
                if keys:
                    found.setdefault(name, set()).update(keys)
        return found

    def own_contacts(
        self, rows: Mapping[str, set[str]], kind: str, tables: Collection[str]
    ) -> list[str]:
        """Cleaned contacts in the rows that no other row of the tables has, sorted."""
        theirs: set[str] = set()
        others: set[str] = set()
        for name in self.tables.keys() & set(tables):
            keys = list(rows.get(name, ()))
            for column in self.stored(name, self.tables[name].contacts[kind]):
                forms = self._contacts(self.source(name), column, kind)
                is_theirs = pl.col("_pk").is_in(keys)
                theirs |= set(forms.filter(is_theirs)["form"])
                others |= set(forms.filter(~is_theirs)["form"])
                if name in self.past.tables:
                    past = self._contacts(self.past.tables[name], column, kind)
                    theirs |= set(past.filter(is_theirs)["form"])
        return sorted(theirs - others)

    def _contacts(self, source: str, column: str, kind: str) -> pl.DataFrame:
        """Columns _pk, value and form: the contacts in a column, as they came and as compared."""
        values = self.session.frame(
            f"SELECT _pk, CAST({quote_ident(column)} AS VARCHAR) AS value "
            f"FROM {source} WHERE {quote_ident(column)} IS NOT NULL"
        )
        return values.join(self._forms((source, column, kind), values["value"]), on="value")

    def _forms(self, place: tuple[str, str, str], values: pl.Series) -> pl.DataFrame:
        """The cleaned contacts in the values of a source's column, by its kind; cleaned once for
        all requests that a finder answers."""
        if place not in self.forms:
            self.forms[place] = contact_forms(place[-1], values, self.tenant.home)
        return self.forms[place]

    def own_foreign_keys(self, rows: Mapping[str, set[str]]) -> list[tuple[str, str]]:
        """Foreign keys (tag, compared form) in records of customers among the rows that no other
        row of a source table names, sorted; those that Stitch takes for nobody's are left out.
        """
        theirs = pl.DataFrame(schema=KEY_SCHEMA)
        others = theirs
        for name, meaning in self.tables.items():
            is_theirs = pl.col("_pk").is_in(list(rows.get(name, ())))
            for column, tag in meaning.foreign_keys:
                keys = self._foreign_keys(name, column, tag, self.source(name))
                others = others.vstack(keys.filter(~is_theirs).select(*KEY_SCHEMA))
                if name in self.past.tables:
                    past = self._foreign_keys(name, column, tag, self.past.tables[name])
                    keys = keys.vstack(past)
                if meaning.is_of_customers:
                    own = keys.filter(is_theirs)
                    own = own.filter(~is_blocked(tag, pl.col("form")))
                    theirs = theirs.vstack(own.select(*KEY_SCHEMA))
                    removed = own.join(self._removed(name, tag), on="_pk", how="semi")
                    others = others.vstack(removed.select(*KEY_SCHEMA))
        return sorted(theirs.unique().join(others, on=[*KEY_SCHEMA], how="anti").rows())

    def _foreign_keys(self, name: str, column: str, tag: str, source: str) -> pl.DataFrame:
        """Columns _pk, tag and form: the keys that rows of a table name in a column."""
        if not self.stored(name, [column]):
            return pl.DataFrame(schema={"_pk": pl.String, **KEY_SCHEMA})
        form = foreign_key_form(self.tenant, column, tag)
        return self.session.frame(
            f"SELECT _pk, ? AS tag, {form} AS form FROM {source} WHERE {form} IS NOT NULL",
            [tag],
        )

    def _removed(self, name: str, tag: str) -> pl.DataFrame:
        """Column _pk: rows whose key of this tag Stitch took out, such as one of a blocklist."""
        if self.session.state(REMOVED_VALUES) is None:
            return pl.DataFrame(schema={"_pk": pl.String})
        self.session.bind(REMOVED_VALUES, "_c360_removed_values")
        return self.session.frame(
            "SELECT DISTINCT pk AS _pk FROM _c360_removed_values "
            "WHERE datasource = ? AND semantic = ?",
            [self.name_of(name), tag],
        )

    def _direct(self, asked: Identifiers) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        forms = {kind: self._cleaned(kind, asked.contacts(kind)) for kind in CONTACTS}
        for name, meaning in self.tables.items():
            keys: set[str] = set()
            for kind in CONTACTS:
                keys |= self._with_contact(meaning, kind, forms[kind])
            keys |= self._with_custom_key(meaning, asked.custom_keys)
            keys |= self._with_address(meaning, asked.address)
            if keys:
                found[name] = keys
        for datasource, pk in asked.source_keys:
            name = self._physical(datasource)
            if self._keys(name, "_pk = ?", [pk]):
                found.setdefault(name, set()).add(pk)
        return found

    def _physical(self, datasource: str) -> str:
        for name, meaning in self.meanings.items():
            if datasource in (name, meaning.table.name):
                if name not in self.tables:
                    raise C360Error(f"nothing of {meaning.table.name} is loaded")
                return name
        known = ", ".join(sorted(meaning.table.name for meaning in self.tables.values()))
        raise C360Error(f"there is no source table {datasource}; there are {known}")

    def _keys(self, name: str, condition: str, params: Sequence[object] = ()) -> set[str]:
        rows = self.session.rows(f"SELECT _pk FROM {self.all_rows(name)} WHERE {condition}", params)
        return {pk for (pk,) in rows}

    def source(self, name: str) -> str:
        """A FROM item over the source table of that physical name; of one that is in databases only
        a FROM item without rows."""
        if name in self.past.removed:
            return f"(SELECT * FROM {self.past.tables[name]} WHERE false)"
        asset = self.meanings[name].table.asset
        return self.session.warehouse.source(asset, self.session.built(asset))

    def all_rows(self, name: str) -> str:
        """The same with the rows that the table had, where the finder knows them."""
        past = self.past.tables.get(name)
        if past is None:
            return self.source(name)
        columns = ", ".join(map(quote_ident, self.columns(name)))
        return f"(SELECT {columns} FROM {self.source(name)} UNION ALL SELECT {columns} FROM {past})"

    def _cleaned(self, kind: str, contacts: Sequence[str]) -> pl.Series:
        return contact_forms(kind, pl.Series(contacts, dtype=pl.String), self.tenant.home)["form"]

    def _with_contact(self, meaning: Meaning, kind: str, forms: pl.Series) -> set[str]:
        if forms.is_empty():
            return set()
        keys: set[str] = set()
        name = meaning.table.physical
        for column in self.stored(name, meaning.contacts[kind]):
            spelt = self.spellings(name, column, kind, forms)
            if spelt:
                keys |= self._among(name, column, spelt)
        return keys

    def stored(self, name: str, columns: Iterable[str]) -> list[str]:
        """Those of the columns that the stored table has."""
        there = self.columns(name)
        return [column for column in columns if column in there]

    def columns(self, name: str) -> Mapping[str, str]:
        """The columns (name -> type) of the source table of that physical name."""
        if name in self.past.removed:
            return self.past.columns[name]
        return self.session.built(self.meanings[name].table.asset).columns

    def spellings(self, name: str, column: str, kind: str, forms: pl.Series) -> list[str]:
        """The texts of a column that hold one of the cleaned contacts."""
        text = f"CAST({quote_ident(column)} AS VARCHAR)"
        values = self.session.frame(
            f"SELECT DISTINCT {text} AS value FROM {self.all_rows(name)} WHERE {text} IS NOT NULL"
        )["value"]
        known = self._forms((self.all_rows(name), column, kind), values)
        return known.filter(pl.col("form").is_in(forms.implode()))["value"].unique().to_list()

    def _among(self, name: str, column: str, values: Sequence[str]) -> set[str]:
        self.session.register(FOUND, pl.DataFrame({"value": list(values)}))
        text = f"CAST({quote_ident(column)} AS VARCHAR)"
        return self._keys(name, f"{text} IN (SELECT value FROM {FOUND})")

    def _with_custom_key(self, meaning: Meaning, wanted: Mapping[str, str]) -> set[str]:
        keys: set[str] = set()
        for tag, value in wanted.items():
            columns = [name for name, tags in meaning.tags.items() if f"compliance/{tag}" in tags]
            for column in self.stored(meaning.table.physical, columns):
                text = f"CAST({quote_ident(column)} AS VARCHAR)"
                keys |= self._keys(meaning.table.physical, f"{text} = ?", [value])
        return keys

    def _with_address(self, meaning: Meaning, wanted: Mapping[str, str]) -> set[str]:
        """Rows at the address: all parts are equal, a part that has no column counts as empty."""
        if not wanted:
            return set()
        conditions = []
        params = []
        name = meaning.table.physical
        has_column = False
        for part in ADDRESS:
            columns = [column for column, tags in meaning.tags.items() if part in tags]
            stored = self.stored(name, columns)
            value = wanted.get(part, "").strip().lower()
            has_column = has_column or bool(stored)
            text = f"CAST({quote_ident(stored[0])} AS VARCHAR)" if stored else "NULL"
            conditions.append(f"coalesce(lower(trim({text})), '') = ?")
            params.append(value)
        return self._keys(name, " AND ".join(conditions), params) if has_column else set()

    def _known_ids(self, wanted: Sequence[str]) -> list[str]:
        if not wanted or self.session.state(UNIFIED) is None:
            return []
        self.session.bind(UNIFIED, "_c360_people")
        known: list[str] = []
        for text in wanted:
            fitting = self.session.rows(
                "SELECT DISTINCT amperity_id FROM _c360_people WHERE amperity_id = $1 "
                "OR (length($1) >= 8 AND starts_with(amperity_id, $1)) LIMIT 2",
                [text.lower()],
            )
            if len(fitting) > 1:
                raise C360Error("several ids begin like this; give more characters of it")
            known += [id_ for (id_,) in fitting] or self._earlier_ids(text.lower())
        return known

    def _earlier_ids(self, text: str) -> list[str]:
        """The id of somebody who has no record any more. Raises C360Error for one that ended, as
        its records are somebody else's."""
        now = self.past.successors(text)
        if now:
            raise C360Error(f"this id has ended; its records are with {', '.join(now)}: give that")
        fitting = self.past.ids_like(text)
        if len(fitting) > 1:
            raise C360Error("several ids begin like this; give more characters of it")
        return fitting

    def ids_of(self, rows: Mapping[str, set[str]]) -> list[str]:
        """The people whose records are among the rows."""
        ids: set[str] = set()
        for name, keys in rows.items():
            ids |= self.past.ids(name, keys)
            table = self.meanings[name].table.stitched_asset
            state = self.session.state(table)
            if not keys or state is None:
                continue
            self.session.register(FOUND, pl.DataFrame({"value": sorted(keys)}))
            source = self.session.warehouse.source(table, state)
            found = self.session.rows(
                f"SELECT DISTINCT amperity_id FROM {source} "
                f"WHERE _pk IN (SELECT value FROM {FOUND}) AND amperity_id IS NOT NULL"
            )
            ids |= {id_ for (id_,) in found}
        return sorted(ids)

    def rows_of_ids(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Rows of every stitched table that have one of the ids, or will have it by their key."""
        if not ids:
            return {}
        rows = self.past.rows_of(ids)
        for name, meaning in self.tables.items():
            state = self.session.state(meaning.table.stitched_asset)
            if state is None:
                continue
            self.session.register(FOUND, pl.DataFrame({"value": list(ids)}))
            source = self.session.warehouse.source(meaning.table.stitched_asset, state)
            found = self.session.rows(
                f"SELECT _pk FROM {source} WHERE amperity_id IN (SELECT value FROM {FOUND})"
            )
            merge(rows, {name: {pk for (pk,) in found}})
        merge(rows, self._rows_by_foreign_key(ids))
        return rows

    def _rows_by_foreign_key(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Rows that name a key of one of the ids, as orders do: also those that came since Stitch
        ran.
        """
        if self.session.state(UNIFIED) is None:
            return {}
        bind_unified(self.session)
        self.session.register(FOUND, pl.DataFrame({"value": list(ids)}))
        rows: dict[str, set[str]] = {}
        for table in stitched_tables(self.tenant):
            if table in self.tenant.stitched_tables or table.physical not in self.tables:
                continue
            fields = foreign_keys(table).values()
            if len(self.stored(table.physical, fields)) < len(fields):
                continue
            stitched = stitched_sql(self.session, self.tenant, table)
            found = self.session.rows(
                f"SELECT _pk FROM ({stitched}) WHERE amperity_id IN (SELECT value FROM {FOUND})"
            )
            rows[table.physical] = {pk for (pk,) in found}
        return rows

    def _follow_links(self, rows: dict[str, set[str]]) -> None:
        """Add the rows that rows were made of, and those that were made of them."""
        for _ in range(STEPS):
            before = sum(map(len, rows.values()))
            for link in self.links:
                merge(rows, self._across(link, rows))
            merge(rows, self._across_linkage(rows))
            if sum(map(len, rows.values())) == before:
                return

    def _across_linkage(self, rows: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """What tables of links say about the rows, and the rows of those tables themselves."""
        found: dict[str, set[str]] = {}
        names = {text: name for name in self.tables for text in (name, self.name_of(name))}
        known = [(name, pk) for name, keys in rows.items() for pk in keys]
        schema = {"name": pl.String, "pk": pl.String}
        self.session.register(FOUND, pl.DataFrame(known, schema=schema, orient="row"))
        spelt = pl.DataFrame(list(names.items()), schema=["text", "name"], orient="row")
        self.session.register("_c360_table_names", spelt)
        for linkage, meaning in self.tables.items():
            for row in self._linked(linkage, meaning):
                found.setdefault(linkage, set()).add(row.pk)
                for name, pk in row.ends:
                    if self._keys(name, "_pk = ?", [pk]):
                        found.setdefault(name, set()).add(pk)
        return found

    def _linked(self, linkage: str, meaning: Meaning) -> list[_LinkageRow]:
        """Rows of a table of links that name a row of `FOUND` at one of their ends."""
        columns = [self._linkage_column(meaning, part) for part in LINKAGE]
        if not all(columns):
            return []
        one, one_pk, other, other_pk = (f"CAST({quote_ident(name)} AS VARCHAR)" for name in columns)
        rows = self.session.rows(f"""
            SELECT l._pk, a.name, {one_pk}, b.name, {other_pk} FROM {self.all_rows(linkage)} l
            LEFT JOIN _c360_table_names a ON a.text = {one}
            LEFT JOIN _c360_table_names b ON b.text = {other}
            WHERE (a.name, {one_pk}) IN (SELECT (name, pk) FROM {FOUND})
               OR (b.name, {other_pk}) IN (SELECT (name, pk) FROM {FOUND})""")
        return [
            _LinkageRow(pk, [(name, key) for name, key in ((a, a_pk), (b, b_pk)) if name and key])
            for pk, a, a_pk, b, b_pk in rows
        ]

    def _linkage_column(self, meaning: Meaning, part: str) -> str:
        columns = [name for name, tags in meaning.tags.items() if f"compliance/{part}" in tags]
        return next(iter(self.stored(meaning.table.physical, columns)), "")

    def name_of(self, physical: str) -> str:
        """The declared name of a source table: its `datasource`."""
        return self.meanings[physical].table.name

    def _across(self, link: Link, rows: Mapping[str, set[str]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for near, far in ((link.one, link.other), (link.other, link.one)):
            keys = rows.get(near, set())
            if not keys:
                continue
            self.session.register(FOUND, pl.DataFrame({"value": sorted(keys)}))
            is_one = near == link.one
            own = link.one_columns if is_one else link.other_columns
            others = link.other_columns if is_one else link.one_columns
            equal = " AND ".join(
                f"CAST(n.{quote_ident(a)} AS VARCHAR) = CAST(f.{quote_ident(b)} AS VARCHAR)"
                for a, b in zip(own, others, strict=True)
            )
            pairs = self.session.rows(
                f"SELECT DISTINCT f._pk FROM {self.all_rows(near)} n JOIN {self.all_rows(far)} f "
                f"ON {equal} WHERE n._pk IN (SELECT value FROM {FOUND})"
            )
            found.setdefault(far, set()).update(pk for (pk,) in pairs)
        return found


@dataclass(frozen=True)
class _LinkageRow:
    """A row of a table of links: its key, and the rows (table, key) that it holds together."""

    pk: str
    ends: list[tuple[str, str]]
