"""Answers "what do you hold about me": one folder with JSON, CSV and a page.

Rule for records that others share: a row of a source table that belongs to somebody else is not
shown, only counted where it names the person; of tables about several people only the person's rows
are. In the person's own rows an e-mail
address or phone number that another person has too stays, as it is the person's; whoever else has
it is not named.
"""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets.customer_360.tables.databases import databases
from c360_assets.errors import C360Error
from c360_assets.ingest.forgotten import PARTS
from c360_assets.ingest.personal_columns import CONTACTS
from c360_assets.privacy.changes import id_columns_of
from c360_assets.privacy.identifiers import Found
from c360_assets.privacy.mentions import cells_of_others, files_with, mentions
from c360_assets.privacy.people import FOUND, Finder
from c360_assets.privacy.planning import add_others, plan_work
from c360_assets.privacy.work import TEXT_LENGTH, Work
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.files import write_private
from c360_assets.warehouse.publications import OPENED, Publication, place_of
from c360_assets.warehouse.session import private_folder
from c360_assets.warehouse.spreadsheets import unmark_texts
from c360_assets.warehouse.sql import quote_ident, quote_literal
from c360_assets.warehouse.suppression import Suppression, ensure_key, keyed_hash, privacy_folder

SOURCES = "source records"
PAST = "source records of earlier days that are kept"
MENTIONS = "rows of nobody that name you"
OTHERS = "rows of other people that name you"
FILES = "files that name you"
UNOPENED = "files that could not be opened, and may name you"
HELD = "what is made of them"
REJECTED = "rows that could not be loaded"
# Tables about matching: pairs name other people's records.
ABOUT_OTHERS = (
    "stitch_scores",
    "unified_scores",
    "stitch_decisions",
    "stitch_labels",
    "stitch_blocks",
    "stitch_blocking_keys",
)
# So few rows, and those of a table with more fields than fit beside each other, are shown as a
# column each, that many at a time, so that no field is beyond the edge of the page.
ROWS_AS_COLUMNS = 3
FIELDS_ACROSS = 8
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto;margin-bottom:1rem}"
    "td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "td{overflow-wrap:anywhere}"
    # On paper nobody scrolls: what does not fit into the width is folded.
    "@media print{body{margin:0}table{display:table;width:100%;table-layout:fixed;font-size:8px}"
    "td,th{overflow-wrap:anywhere;padding:1px 2px}}"
)


def answer(finder: Finder, found: Found, name: str) -> str:
    """Write the answer for the people of `found` and return its folder, relative to the tenant's.

    `name` tells answers apart; the folder is named by its keyed hash. An earlier one of that name
    is replaced.
    """
    root = finder.tenant.root
    ensure_key(root)
    keys = Suppression.of(root).keys
    folder_name = keyed_hash(keys[max(keys)], "answer", name)[:16]
    parent = private_folder(private_folder(privacy_folder(root)) / "dsar")
    folder = parent / folder_name
    aside = parent / f".{folder_name}.new"
    shutil.rmtree(aside, ignore_errors=True)
    private_folder(aside)
    work = _searched_for(finder, found)
    others = cells_of_others(finder, found, work)
    files = files_with(finder.tenant, work)
    sections = {
        SOURCES: _source_rows(finder, found),
        PAST: _past_rows(finder, found),
        REJECTED: _rejected_rows(finder, found),
        MENTIONS: mentions(finder, found, work),
        OTHERS: {"cells": others} if others.height else {},
        HELD: _published_rows(finder, found),
        FILES: {"files": files.holding} if files.holding.height else {},
        UNOPENED: {"files": files.unopened} if files.unopened.height else {},
    }
    _write(aside, sections, found)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder.relative_to(root).as_posix()


def _searched_for(finder: Finder, found: Found) -> Work:
    """The values that are theirs alone, as `forget` would look for them."""
    suppression = Suppression.of(finder.tenant.root)
    work = plan_work(
        finder,
        found,
        "delete",
        strategy="",
        asked_by="",
        receipt="",
        suppression=suppression,
    )
    add_others(finder, work)
    return work


def _source_rows(finder: Finder, found: Found) -> dict[str, pl.DataFrame]:
    """Every row of a source table that is the person's, as it was delivered."""
    frames = {}
    for name, keys in sorted(found.rows.items()):
        if not keys:
            continue
        finder.session.register(FOUND, pl.DataFrame({"value": sorted(keys)}))
        frame = finder.session.frame(
            f"SELECT * EXCLUDE (_uuid_pk, _updated) FROM {finder.source(name)} "
            f"WHERE _pk IN (SELECT value FROM {FOUND}) ORDER BY _pk"
        )
        if frame.height:
            frames[finder.name_of(name)] = frame
    return frames


def _past_rows(finder: Finder, found: Found) -> dict[str, pl.DataFrame]:
    """Rows of theirs that left a source table, and stand in earlier versions and databases."""
    frames = {}
    for name, past in sorted(finder.past.tables.items()):
        finder.session.register(
            FOUND,
            pl.DataFrame({"value": sorted(found.rows.get(name, ()))}, schema={"value": pl.String}),
        )
        frame = finder.session.frame(
            f"SELECT DISTINCT * EXCLUDE (_uuid_pk, _updated, amperity_id) FROM {past} "
            f"WHERE _pk IN (SELECT value FROM {FOUND}) ORDER BY ALL"
        )
        if frame.height:
            frames[finder.name_of(name)] = frame
    return frames


def _rejected_rows(finder: Finder, found: Found) -> dict[str, pl.DataFrame]:
    """Rows in the logs of feeds that name a key of the person there, or an e-mail address or phone
    number that nobody else has."""
    own = {kind: finder.own_contacts(found.rows, kind, finder.tables) for kind in CONTACTS}
    frames = {}
    for feed in finder.tenant.feeds:
        # A shorter key, such as 17, may be anything in a row that is not read.
        keys = [key for key in found.rows.get(feed.physical, ()) if len(key) >= TEXT_LENGTH]
        logs = (finder.tenant.root / "logs").glob(f"{feed.physical}.*.row_errors.csv")
        for path in sorted(logs):
            rows = unmark_texts(pl.read_csv(path, infer_schema=False))
            parts = rows.select(pl.col("raw_value").str.extract_all(PARTS).alias("part"))
            parts = parts.with_row_index("row").explode("part").drop_nulls("part")
            theirs = set(parts.filter(pl.col("part").is_in(keys))["row"])
            for kind in CONTACTS:
                forms = contact_forms(kind, parts["part"], finder.tenant.home)
                spelt = forms.filter(pl.col("form").is_in(own[kind]))["value"]
                theirs |= set(parts.filter(pl.col("part").is_in(spelt.implode()))["row"])
            if theirs:
                frames[path.name.removesuffix(".row_errors.csv")] = rows[sorted(theirs)]
    return frames


def _published_rows(finder: Finder, found: Found) -> dict[str, pl.DataFrame]:
    """Rows of the published databases that carry the person's id: best values and their sources,
    orders, ids over time, segments, sends."""
    frames: dict[str, pl.DataFrame] = {}
    for database in databases(finder.tenant):
        published = place_of(finder.tenant, database.name).published()
        if found.ids and published is not None:
            timezone = finder.tenant.config.timezone
            frames |= _rows_of(published, found.ids, f"{database.name}: ", timezone)
    return frames


def _rows_of(
    published: Publication, ids: list[str], prefix: str, timezone: str
) -> dict[str, pl.DataFrame]:
    """Table, as the answer calls it -> its rows of these ids, times in the zone."""
    frames = {}
    try:
        with published.opened() as con:
            con.execute(f"SET TimeZone = {quote_literal(timezone)}")
            con.register(FOUND, pl.DataFrame({"value": ids}).to_arrow())
            for source, columns in published.stored_tables(con, OPENED):
                table = source.split('"."')[-1].strip('"')
                id_columns = id_columns_of(columns)
                if not id_columns or table in ABOUT_OTHERS:
                    continue
                theirs = " OR ".join(
                    f"{quote_ident(name)} IN (SELECT value FROM {FOUND})" for name in id_columns
                )
                frame = con.sql(f"SELECT * FROM {source} WHERE {theirs} ORDER BY ALL").pl()
                if frame.height:
                    frames[f"{prefix}{table}"] = frame
    except duckdb.Error as error:
        raise C360Error(
            f"{published.name} cannot be read ({type(error).__name__}); `c360 run` publishes it "
            "again"
        ) from None
    return frames


def lying_answers(root: Path) -> dict[str, str]:
    """Ids of people whose answer lies in the tenant's folder, not handed over and deleted yet, with
    that folder, relative to the tenant's."""
    lying: dict[str, str] = {}
    for path in sorted((privacy_folder(root) / "dsar").glob("*/answer.json")):
        document = json.loads(path.read_text("utf-8"))
        folder = path.parent.relative_to(root).as_posix()
        lying |= dict.fromkeys(document["amperity_ids"], folder)
    return lying


def _write(folder: Path, sections: dict[str, dict[str, pl.DataFrame]], found: Found) -> None:
    document: dict[str, Any] = {"amperity_ids": found.ids}
    page = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>What is held</title>"
        f"<style>{STYLE}</style><h1>What is held about you</h1>"
    ]
    for number, (title, frames) in enumerate(sections.items(), 1):
        document[title] = {}
        page.append(f"<h2>{html.escape(title)}</h2>")
        for place, (name, frame) in enumerate(frames.items(), 1):
            filled = frame.select(
                column for column in frame.columns if frame[column].null_count() < frame.height
            )
            rows = filled.to_dicts()
            document[title][name] = rows
            slug = "".join(c if c.isalnum() else "_" for c in name).lower()
            _write_csv(folder / f"{number}-{place:02}-{slug}.csv", filled)
            page.append(f"<h3>{html.escape(name)}</h3>{html_table(rows)}")
        if not frames:
            page.append("<p>None.</p>")
    if not any(sections.values()):
        page.append("<p>Nothing is held.</p>")
    text = json.dumps(document, indent=1, default=str, ensure_ascii=False)
    write_private(folder / "answer.json", text + "\n")
    write_private(folder / "answer.html", "".join(page) + "</html>\n")


def _write_csv(path: Path, frame: pl.DataFrame) -> None:
    texts = [
        pl.struct(name).struct.json_encode().alias(name)
        for name, dtype in frame.schema.items()
        if dtype.is_nested()
    ]
    write_private(path, frame.with_columns(texts).write_csv())


def html_table(rows: list[dict[str, Any]]) -> str:
    """The rows, of equal fields, as a table, or as several with a line for each field."""
    if len(rows) <= ROWS_AS_COLUMNS or len(rows[0]) > FIELDS_ACROSS:
        starts = range(0, len(rows), ROWS_AS_COLUMNS)
        return "".join(_table_of_fields(rows[at : at + ROWS_AS_COLUMNS]) for at in starts)
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{_cells(row.values())}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _table_of_fields(rows: list[dict[str, Any]]) -> str:
    lines = [[column, *(row[column] for row in rows)] for column in rows[0]]
    return f"<table>{''.join(map(_line_of_field, lines))}</table>"


def _line_of_field(line: list[Any]) -> str:
    name, *values = line
    return f"<tr><th scope=row>{html.escape(name)}</th>{_cells(values)}</tr>"


def _cells(values: Iterable[Any]) -> str:
    texts = ["" if value is None else str(value) for value in values]
    return "".join(f"<td>{html.escape(text)}</td>" for text in texts)
