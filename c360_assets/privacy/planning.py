"""From the rows of a request to the work: which people and values are theirs alone.

A value that somebody who stays holds too is not looked for, as the row that carried it is; how the
rest is taken out belongs to `erase_tables` and `erase_files`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from ahocorasick_rs import AhoCorasick, Implementation

from c360_assets.ingest.personal_columns import KEYED, Meaning
from c360_assets.ingest.upsert import key_of, key_values
from c360_assets.privacy.identifiers import Found
from c360_assets.privacy.patterns import Patterns
from c360_assets.privacy.people import UNIFIED, Finder
from c360_assets.privacy.phone_spellings import phone_spellings
from c360_assets.privacy.work import CELL_LENGTH, Work
from c360_assets.semantics.tables import all_tables
from c360_assets.warehouse.ledger import session_ledger
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import Mode, Suppression, keyed_hash

PREPROCESSED = "unified_preprocessed_raw"
TEXT_TYPES = ("VARCHAR", "DATE")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
GONE = "_c360_gone_keys"
GONE_OF_TABLE = "_c360_gone_of_table"
CANDIDATES = "_c360_candidates"
# SQL of a name as it is written in one text.
AS_THEY_CAME = (
    "given_name || ' ' || surname",
    "surname || ' ' || given_name",
    "surname || ', ' || given_name",
)
FULL_NAMES = (*AS_THEY_CAME, *(f"upper({text})" for text in AS_THEY_CAME))


@dataclass(frozen=True)
class Relation:
    """Stored rows, some of them of the people concerned: a FROM item and the condition that a row
    is theirs.

    `columns` are those whose values count, `texts` all that may hold them, `days` dates of another
    meaning. A cell of `whole`, such as a name, is one value of whom its row is about. Of `is_past`
    rows nobody stays.
    """

    source: str
    is_theirs: str
    columns: Sequence[str]
    texts: Sequence[str]
    days: Sequence[str] = ()
    whole: Sequence[str] = ()
    is_past: bool = False

    @property
    def others(self) -> str:
        """SQL for the condition that a row is of somebody who stays."""
        return "false" if self.is_past else f"NOT coalesce({self.is_theirs}, false)"


def plan_work(
    finder: Finder,
    found: Found,
    mode: Mode,
    *,
    strategy: str,
    asked_by: str,
    receipt: str,
    suppression: Suppression,
) -> Work:
    """The work that a request comes to. `suppression` has a key."""
    session = finder.session
    rows = {name: sorted(keys) for name, keys in sorted(found.rows.items()) if keys}
    records = [(finder.name_of(name), pk) for name, keys in rows.items() for pk in keys]
    work = Work(receipt, mode, strategy, asked_by, rows=rows, records=records, all_ids=found.ids)
    schema = {"datasource": pl.String, "pk": pl.String}
    session.register(GONE, pl.DataFrame(records, schema=schema, orient="row"))
    if session.state(UNIFIED) is not None:
        _add_people(session, work)
    work.people = max(len(found.ids), 1 if records else 0)
    first = _first_delivery(session)
    values = [
        value
        for value in _only_theirs(finder, _relations(finder, work))
        # From then on every file and run has its day, so that a birthday says nothing.
        if not (DAY.fullmatch(value) and value >= first)
    ]
    work.values = dict.fromkeys(values, "")
    if mode == "delete":
        work.values |= dict.fromkeys(work.ids, "")
    else:
        _add_blanking(finder, work, suppression)
    _add_contacts(finder, work)
    work.suppress_fk = finder.own_foreign_keys(found.rows)
    work.before = {
        name: state.digest for name, state in sorted(session.warehouse.manifest.tables.items())
    }
    return work


def _first_delivery(session: Session) -> str:
    """The first day of which files were read."""
    return min(session_ledger(session)["delivery_day"].cast(pl.String), default="")


def _add_people(session: Session, work: Work) -> None:
    """Who has no record left, how many records Stitch had, and which ids blanked records keep."""
    session.bind(UNIFIED, "_c360_planned")
    theirs = f"(datasource, pk) IN (SELECT (datasource, pk) FROM {GONE})"
    ((work.stitched,),) = session.rows(f"SELECT count(*) FROM _c360_planned WHERE {theirs}")
    session.register("_c360_ids", pl.DataFrame({"id": work.all_ids}, schema={"id": pl.String}))
    left = session.rows(
        "SELECT id FROM _c360_ids ANTI JOIN "
        f"(SELECT amperity_id FROM _c360_planned WHERE NOT {theirs}) u ON u.amperity_id = id"
    )
    work.ids = sorted(id_ for (id_,) in left)
    if work.mode == "delete_pii":
        pinned = session.rows(
            f"SELECT datasource, pk, amperity_id FROM _c360_planned WHERE {theirs} ORDER BY ALL"
        )
        work.pins = [(datasource, pk, amperity_id) for datasource, pk, amperity_id in pinned]


def _add_blanking(finder: Finder, work: Work, suppression: Suppression) -> None:
    """What rows that stay lose, and the hashes that take the place of keys."""
    work.values |= _hashed_keys(finder, work, list(work.values), suppression)
    work.new_keys = list(_new_keys(finder, work, suppression))
    ids = {(datasource, pk): amperity_id for datasource, pk, amperity_id in work.pins}
    work.pins += [(source, new, ids.get((source, pk), "")) for source, pk, new in work.new_keys]
    meanings = finder.meanings
    work.personal = {name: meaning.blanked for name, meaning in meanings.items()}
    work.unmarked = [
        finder.name_of(name)
        for name in work.rows
        if not (meanings[name].is_marked or meanings[name].table.custom)
    ]


def _new_keys(
    finder: Finder, work: Work, suppression: Suppression
) -> Iterator[tuple[str, str, str]]:
    """Source keys of which a part is hashed, each as it is and as it will be."""
    for name, keys in work.rows.items():
        meaning = finder.meanings[name]
        key = meaning.table.primary_key
        if not set(key) & set(meaning.hashed):
            continue
        datasource = finder.name_of(name)
        parts = [key_values(pk, len(key)) for pk in keys]
        columns = dict(zip(key, zip(*parts, strict=True), strict=True))
        hashes = {
            column: _key_hashes(finder, meaning, column, values, suppression)
            for column, values in columns.items()
            if column in meaning.hashed
        }
        for pk, values in zip(keys, parts, strict=True):
            hashed = [
                hashes.get(column, {}).get(value, value) if value else value
                for column, value in zip(key, values, strict=True)
            ]
            yield datasource, pk, key_of(hashed)


def _key_hashes(
    finder: Finder,
    meaning: Meaning,
    column: str,
    values: Iterable[str | None],
    suppression: Suppression,
) -> dict[str, str]:
    """Each value of a column that is hashed, with the hash of its form."""
    frame = pl.DataFrame({column: sorted(filter(None, values))}, schema={column: pl.String})
    finder.session.register(CANDIDATES, frame)
    form = meaning.hashed[column]
    forms = finder.session.rows(
        f"SELECT {quote_ident(column)}, {form} FROM {CANDIDATES} WHERE {form} IS NOT NULL"
    )
    key = suppression.keys[min(suppression.keys)]
    return {value: keyed_hash(key, KEYED, form) for value, form in forms}


def _relations(finder: Finder, work: Work) -> list[Relation]:
    """All stored rows that hold values as they came or as they are compared."""
    sources = [
        relation for name in finder.tables for relation in _source_relations(finder, work, name)
    ]
    session = finder.session
    compared = [name for name in (UNIFIED, PREPROCESSED) if session.state(name) is not None]
    relations = [*sources, *(_compared_relation(session, name) for name in compared)]
    return [*relations, *_full_names(session)] if UNIFIED in compared else relations


def _source_relations(finder: Finder, work: Work, name: str) -> Iterator[Relation]:
    """A source table as it is, and the rows that it had."""
    meaning = finder.meanings[name]
    stored = finder.columns(name)
    view = f"_c360_keys_{name}"
    keys = pl.DataFrame({"pk": work.rows.get(name, [])}, schema={"pk": pl.String})
    finder.session.register(view, keys)
    personal = finder.stored(name, meaning.personal)
    texts = [column for column, type_ in stored.items() if type_ == "VARCHAR"]
    # Texts only: a day that only they have, such as of an order, is a figure in other rows.
    columns = list(dict.fromkeys([*texts, *personal])) if work.mode == "delete" else personal
    days = [
        column
        for column, type_ in stored.items()
        if type_.startswith(("DATE", "TIMESTAMP")) and column not in personal
    ]
    theirs = f"_pk IN (SELECT pk FROM {quote_ident(view)})"
    whole = finder.stored(name, meaning.whole)
    yield Relation(finder.source(name), theirs, columns, texts, days, whole)
    if name in finder.past.tables:
        yield Relation(finder.past.tables[name], theirs, columns, [], is_past=True)


def _compared_relation(session: Session, name: str) -> Relation:
    state = session.built(name)
    spec = all_tables()[name].columns
    texts = [column for column, type_ in state.columns.items() if type_ in TEXT_TYPES]
    columns = [
        column
        for column in texts
        if (column in spec and spec[column].pii) or column.startswith("fk_")
    ]
    theirs = f"(datasource, pk) IN (SELECT (datasource, pk) FROM {GONE})"
    source = session.warehouse.source(name, state)
    return Relation(source, theirs, columns, texts, whole=columns)


def _full_names(session: Session) -> Iterator[Relation]:
    """The names of each record's person in one text, as people write them where no field is."""
    state = session.built(UNIFIED)
    if not {"given_name", "surname"} <= state.columns.keys():
        return
    records = session.warehouse.source(UNIFIED, state)
    written = ", ".join(f"{text} AS {quote_ident(text)}" for text in FULL_NAMES)
    # Of whoever stays, the best values of two records may stand in one row of the database.
    source = (
        f"(SELECT DISTINCT datasource, pk, {written} FROM "
        f"(SELECT datasource, pk, amperity_id, surname FROM {records}) "
        f"JOIN (SELECT DISTINCT amperity_id, given_name FROM {records}) USING (amperity_id))"
    )
    theirs = f"(datasource, pk) IN (SELECT (datasource, pk) FROM {GONE})"
    yield Relation(source, theirs, FULL_NAMES, [], whole=FULL_NAMES)


def _only_theirs(finder: Finder, relations: Sequence[Relation]) -> list[str]:
    """Texts in rows of theirs that stand in no other row."""
    session = finder.session
    least = CELL_LENGTH
    candidates = set()
    for relation in relations:
        for column in relation.columns:
            text = f"CAST({quote_ident(column)} AS VARCHAR)"
            rows = session.rows(
                f"SELECT DISTINCT {text} FROM {relation.source} "
                f"WHERE {relation.is_theirs} AND length({text}) >= {least}"
            )
            candidates |= {value for (value,) in rows}
    frame = pl.DataFrame({"value": sorted(candidates)}, schema={"value": pl.String})
    session.register(CANDIDATES, frame)
    held = set()
    for relation in relations:
        held_in = dict.fromkeys([*relation.columns, *relation.texts])
        texts = [f"CAST({quote_ident(column)} AS VARCHAR)" for column in held_in]
        texts += [f"CAST(CAST({quote_ident(name)} AS DATE) AS VARCHAR)" for name in relation.days]
        if not texts:
            continue
        # One pass over each table, whatever the number of its columns.
        rows = session.rows(
            f"SELECT DISTINCT value FROM (SELECT unnest([{', '.join(texts)}]) AS value "
            f"FROM {relation.source} WHERE {relation.others}) "
            f"SEMI JOIN {CANDIDATES} USING (value)"
        )
        held |= {value for (value,) in rows}
    return sorted(candidates - held)


def add_others(finder: Finder, work: Work) -> None:
    """Find longer texts of those who stay in which a value stands, so that they keep them."""
    values = work.texts()
    patterns = Patterns(values)
    # Built once: of a file of requests there are tens of thousands of values.
    automaton = AhoCorasick(values, implementation=Implementation.ContiguousNFA)
    found: set[str] = set()
    for relation in _relations(finder, work):
        for column in dict.fromkeys([*relation.texts, *relation.whole]):
            text = f"CAST({quote_ident(column)} AS VARCHAR)"
            cells = finder.session.frame(
                f"SELECT DISTINCT {text} AS cell FROM {relation.source} WHERE {relation.others}"
            )["cell"]
            # Addresses are also sent and searched for in small letters.
            spelt = pl.concat([cells, cells.str.to_lowercase()])
            for cell in patterns.holders(spelt):
                matches = automaton.find_matches_as_indexes(cell, overlapping=True)
                held = {values[number] for number, _, _ in matches}
                is_one = column in relation.whole and not cell.startswith(("{", "["))
                found |= {cell} if is_one else set()
                found |= {word for value in held for word in _words_around(cell, value)}
    work.others = sorted(found.difference(values))


def _words_around(cell: str, value: str) -> list[str]:
    """The value with the letters and digits that it goes on with, at each place of the cell."""
    return re.findall(rf"\w*{re.escape(value)}\w*", cell)


def _hashed_keys(
    finder: Finder, work: Work, values: Sequence[str], suppression: Suppression
) -> dict[str, str]:
    """Values of keys that become a hash, each with its hash."""
    session = finder.session
    known = set(values)
    replaced: dict[str, str] = {}
    for name, keys in work.rows.items():
        meaning = finder.meanings[name]
        session.register(GONE_OF_TABLE, pl.DataFrame({"pk": keys}))
        for column in finder.stored(name, meaning.hashed):
            text = f"CAST({quote_ident(column)} AS VARCHAR)"
            rows = session.rows(
                f"SELECT DISTINCT {text} FROM {finder.all_rows(name)} "
                f"WHERE _pk IN (SELECT pk FROM {GONE_OF_TABLE}) AND {text} IS NOT NULL"
            )
            theirs = [value for (value,) in rows if value in known]
            replaced |= _key_hashes(finder, meaning, column, theirs, suppression)
    return replaced


def _add_contacts(finder: Finder, work: Work) -> None:
    """Cleaned forms that nobody else has, for suppression, and their spellings, for the search."""
    keys = {name: set(own) for name, own in work.rows.items()}
    work.suppress_email = finder.own_contacts(keys, "email", finder.tables)
    work.suppress_phone = finder.own_contacts(keys, "phone", finder.tables)
    spelt = [*work.suppress_email, *(form.lower() for form in work.suppress_email)]
    for form in [*spelt, *work.suppress_phone]:
        work.values.setdefault(form, "")
    home = finder.tenant.home
    region = home.phone_region if home is not None else "US"
    spellings = {text for form in work.suppress_phone for text in phone_spellings(form, region)}
    whole = {text for text in spellings if text.removeprefix("+").isdigit()}
    contacts = [value for value in work.values if "@" in value or _is_number(value)]
    for value in sorted({*contacts, *whole}):
        for digest in _plain_hashes(value):
            work.values.setdefault(digest, "")
    work.values |= dict.fromkeys(sorted(spellings.difference(work.values)), "")


def _is_number(value: str) -> bool:
    return sum(character.isdigit() for character in value) >= 7


def _plain_hashes(value: str) -> Iterator[str]:
    """Hashes without a key, from which a value is found again by trying."""
    for text in {value, value.strip().lower(), value.strip().upper()}:
        for name in ("md5", "sha1", "sha256"):
            yield hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
