"""Keys that a custom table makes of several rows: known there, and their parts are nobody's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.ingest.custom_runs import custom_table_recipes
from c360_assets.ingest.personal_columns import meanings
from c360_assets.warehouse.recipe import RunContext, make_current
from c360_assets.warehouse.session import Session, open_session
from c360_assets.warehouse.suppression import (
    Kind,
    Mode,
    Suppression,
    ensure_key,
    foreign_key_text,
    record_text,
    remember,
    replace_lines,
)
from c360_assets_tests.day.command import here
from c360_assets_tests.privacy.tenants import TENANT

FEED = """
source: Desk
feed: Parts
files: {pattern: "'parts-'yyyyMMdd'.csv'", format: csv}
primary_key: [form, part]
stitch: false
fields:
  form: {type: string}
  part: {type: string}
  value: {type: string}
"""
SQL = """
SELECT form || '/' || count(*) AS form,
  'M-' || max(value) FILTER (WHERE part = 'number') || max(value) FILTER (WHERE part = 'zone')
    AS member,
  max(value) FILTER (WHERE part = 'name') AS name
FROM Desk_Parts GROUP BY form
"""
YAML = """
primary_key: [form]
stitch: true
fields:
  member: {tags: [fk-member]}
  name: {tags: [full-name]}
"""
ROWS = """form,part,value
F1,number,7301
F1,zone,N
F1,name,Ann Oak
F2,number,7302
F2,zone,N
F2,name,Bob Elm
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "tenant.yaml": TENANT,
        "feeds/desk/parts.yaml": FEED,
        "domain_tables/Members.sql": SQL,
        "domain_tables/Members.yaml": YAML,
        "landing/parts-20260302.csv": ROWS,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), "utf-8")
    said = here("load", "--tenant", tmp_path)
    assert said.code == 0, said.text
    return tmp_path


def forgotten(root: Path, kind: Kind, text: str, mode: Mode) -> None:
    ensure_key(root)
    with open_session(root / "warehouse") as session:
        remember(root, Suppression.of(root).lines_of(session.con, kind, [text], mode, "000001"))


def made(session: Session, root: Path) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Key and name of the rows of the custom table, and what its making says."""
    (recipe,) = custom_table_recipes(load_tenant(root))
    outcome = make_current(session, recipe, RunContext(date(2026, 3, 2)))
    session.bind(recipe.tables[0], "made")
    rows = session.rows("SELECT form, name FROM made ORDER BY form")
    return [(form, name) for form, name in rows], list(outcome.warnings)


@pytest.mark.parametrize(
    ("kind", "text", "mode", "rows"),
    [
        ("fk", foreign_key_text("fk-member", "M-7301N"), "delete", [("F2/3", "Bob Elm")]),
        ("record", record_text("Members", "F1/3"), "delete", [("F2/3", "Bob Elm")]),
        (
            "fk",
            foreign_key_text("fk-member", "M-7301N"),
            "delete_pii",
            [("F1/3", None), ("F2/3", "Bob Elm")],
        ),
        ("fk", foreign_key_text("fk-member", "N"), "delete", [("F1/3", "Ann Oak")]),
    ],
)
def test_a_row_of_several_is_known_by_what_it_makes(
    root: Path, kind: Kind, text: str, mode: Mode, rows: list[tuple[str, str | None]]
) -> None:
    forgotten(root, kind, text, mode)
    with open_session(root / "warehouse") as session:
        found, warnings = made(session, root)
        assert found[: len(rows)] == rows
        is_known = not text.endswith("\x1fN")
        assert [warning.startswith("Members: 1 row of people") for warning in warnings] == (
            [True] if is_known else []
        )
        session.commit()
    # Who is let in again is there with the next run, though nothing else has changed.
    lines = Suppression.of(root).lines.with_columns(allowed_from=pl.lit("2026-03-01"))
    replace_lines(root, lines)
    with open_session(root / "warehouse") as session:
        assert made(session, root) == ([("F1/3", "Ann Oak"), ("F2/3", "Bob Elm")], [])


def test_parts_of_a_key_are_no_key(root: Path) -> None:
    """Others have the same zone."""
    known = meanings(load_tenant(root))
    assert known["Desk_Parts"].foreign_keys == []
    assert known["Members"].foreign_keys == [("member", "fk-member")]
