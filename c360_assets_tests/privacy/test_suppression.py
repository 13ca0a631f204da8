"""The memory of who was forgotten: keyed hashes, spellings, keys that are missing or new."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import duckdb
import polars as pl
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.errors import C360Error
from c360_assets.privacy.restored import drop_returned_files
from c360_assets.warehouse.contact_forms import contact_forms
from c360_assets.warehouse.suppression import (
    Mode,
    Suppression,
    ensure_key,
    hashes,
    new_key,
    privacy_folder,
    record_text,
    remember,
    replace_lines,
)
from c360_assets_tests.privacy.tenants import write_tenant


def test_the_hash_is_hmac_sha256() -> None:
    key = bytes(range(32))
    values = ["ann@example.com", "Zoë", ""]
    with duckdb.connect() as con:
        made = hashes(con, key, "email", pl.Series("v", values)).to_list()
        assert con.sql("SELECT getvariable('c360_inner')").fetchall() == [(None,)]
    expected = [
        hmac.new(key, f"email\x1f{value}".encode(), hashlib.sha256).hexdigest() for value in values
    ]
    assert made == expected


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Ann.Lee@Example.com", "mailto:ann.lee+shop@example.com"),
        ("phone", "+49 30 555 07781", "(030) 55507781"),
        ("email", "a@b.example; ann.lee@example.com", " ANN.LEE@EXAMPLE.COM "),
    ],
)
def test_spellings_that_clean_to_the_same(tmp_path: Path, kind: str, one: str, other: str) -> None:
    ensure_key(tmp_path)
    suppression = Suppression.of(tmp_path)
    forms = contact_forms(kind, pl.Series([one]))["form"].to_list()
    with duckdb.connect() as con:
        lines = suppression.lines_of(con, kind, forms, "delete", "000001")  # type: ignore[arg-type]
        remember(tmp_path, lines)
        assert remember(tmp_path, lines) == 0
        asked = contact_forms(kind, pl.Series([other]))["form"]
        hits = Suppression.of(tmp_path).hits(con, kind, asked)  # type: ignore[arg-type]
    if kind == "phone":  # the country's code is no part of the last ten digits
        assert hits.height in (0, 1)
    else:
        assert hits.height == 1


@pytest.mark.parametrize(
    ("allowed_from", "again", "news"),
    [("", "delete", 0), ("2026-03-03", "delete", 1), ("", "delete_pii", 1)],
)
def test_the_newer_request_counts(
    tmp_path: Path, allowed_from: str, again: Mode, news: int
) -> None:
    """Somebody who was let in and is forgotten again stays out."""
    ensure_key(tmp_path)
    suppression = Suppression.of(tmp_path)
    with duckdb.connect() as con:
        remember(tmp_path, suppression.lines_of(con, "email", ["A@B.DE"], "delete", "000001"))
        allowed = Suppression.of(tmp_path).lines.with_columns(allowed_from=pl.lit(allowed_from))
        replace_lines(tmp_path, allowed)
        lines = suppression.lines_of(con, "email", ["A@B.DE"], again, "000002")
    assert remember(tmp_path, lines) == news
    known = Suppression.of(tmp_path).lines.select("mode", "receipt", "allowed_from")
    assert known.rows() == [(again, f"00000{1 + news}", "")]


def test_earlier_keys_still_tell(tmp_path: Path) -> None:
    ensure_key(tmp_path)
    text = record_text("Web:Accounts", "A|1")
    with duckdb.connect() as con:
        remember(
            tmp_path, Suppression.of(tmp_path).lines_of(con, "record", [text], "delete", "000001")
        )
        new_key(tmp_path)
        other = record_text("Web:Accounts", "A|2")
        remember(
            tmp_path, Suppression.of(tmp_path).lines_of(con, "record", [other], "delete", "000002")
        )
        hits = Suppression.of(tmp_path).hits(con, "record", pl.Series([text, other, "x"]))
    assert sorted(hits["receipt"]) == ["000001", "000002"]
    folder = privacy_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.*")} == {0o600}
    assert text not in (folder / "forgotten.jsonl").read_text()


def test_a_missing_key_and_a_damaged_memory_are_refused(tmp_path: Path) -> None:
    ensure_key(tmp_path)
    with duckdb.connect() as con:
        lines = Suppression.of(tmp_path).lines_of(con, "record", ["x"], "delete", "000001")
    remember(tmp_path, lines)
    key = privacy_folder(tmp_path) / "keys" / "0001.key"
    content = key.read_text()
    key.unlink()
    with pytest.raises(C360Error, match="key 0001"):
        Suppression.of(tmp_path)
    key.write_text("no key")
    with pytest.raises(C360Error, match="cannot be read as a key"):
        Suppression.of(tmp_path)
    key.write_text(content)
    memory = privacy_folder(tmp_path) / "forgotten.jsonl"
    memory.write_text(memory.read_text()[:-20])
    with pytest.raises(C360Error, match="damaged"):
        Suppression.of(tmp_path)


@pytest.mark.parametrize(("email", "goes"), [("5e" * 32, False), ("ann@example.com", True)])
def test_a_database_with_blanked_records_stays(tmp_path: Path, email: str, goes: bool) -> None:
    """A consent whose key is an address is blanked to a keyed hash of it."""
    root = write_tenant(tmp_path / "tenant")
    ensure_key(root)
    key = f"{'5e' * 32}|offers"
    file = root / "activated" / "customer_360.duckdb"
    file.parent.mkdir()
    with duckdb.connect(str(file)) as con:
        con.execute(
            "CREATE TABLE email_opt_status AS SELECT 'Desk:Consents' AS datasource, ? AS pk, "
            "? AS email UNION ALL SELECT 'Desk:Consents', 'b|offers', 'bo@example.com'",
            [key, email],
        )
        blanked = [record_text("Desk:Consents", key)]
        lines = Suppression.of(root).lines_of(con, "record", blanked, "delete_pii", "000001")
    remember(root, lines)
    dropped = drop_returned_files(load_tenant(root), Suppression.of(root))
    assert (dropped, file.exists()) == (["activated/customer_360.duckdb"] * goes, not goes)


def test_a_database_that_a_client_has_open_is_not_removed(tmp_path: Path) -> None:
    root = write_tenant(tmp_path / "tenant")
    ensure_key(root)
    file = root / "activated" / "customer_360.duckdb"
    file.parent.mkdir()
    opened = (
        "import duckdb; con = duckdb.connect({!r}); con.execute('CREATE TABLE t (a INTEGER)'); "
        "con.execute('CHECKPOINT'); print('open', flush=True); input()"
    )
    client = [sys.executable, "-c", opened.format(str(file))]
    with subprocess.Popen(client, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        dropped = drop_returned_files(load_tenant(root), Suppression.of(root))
        process.communicate("\n")
    assert (dropped, file.exists()) == ([], True)
