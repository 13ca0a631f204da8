"""What says what is current, cut short: one sentence with the remedy, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from c360_assets.assets.resources import safe_errors
from c360_assets.errors import C360Error
from c360_assets.warehouse.damaged_data import damage
from c360_assets.warehouse.ledger import LEDGER, SCHEMA, read_ledger
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.storage import is_whole


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse with one row in its ledger, which no other has."""
    columns = ", ".join(f"NULL AS {name}" for name in SCHEMA if name != "message")
    with open_session(tmp_path / "warehouse") as session:
        session.write(LEDGER, f"SELECT {columns}, '{tmp_path}' AS message")
        session.commit()
    return tmp_path / "warehouse"


@pytest.mark.parametrize("text", ["", "{", '{"tables": {}}', "[]", '{"tables": {"a": 1}}', "\0"])
def test_a_manifest_that_is_no_manifest(warehouse: Path, text: str) -> None:
    path = warehouse / "manifest.json"
    whole = path.read_text("utf-8")
    assert LEDGER in Manifest.load(path).tables
    path.write_text(text, "utf-8")
    with pytest.raises(C360Error, match=r"manifest\.json is damaged: put back"):
        Warehouse.open(warehouse)
    path.write_text(whole, "utf-8")
    assert LEDGER in Warehouse.open(warehouse).manifest.tables


@pytest.mark.parametrize(
    ("written", "later"),
    [('"form": 1', '"form": 2'), ('"version":', '"packed": true, "version":')],
)
def test_what_a_later_version_wrote_is_not_damaged(
    warehouse: Path, written: str, later: str
) -> None:
    path = warehouse / "manifest.json"
    whole = path.read_text("utf-8")
    assert written in whole
    path.write_text(whole.replace(written, later), "utf-8")
    with pytest.raises(C360Error, match=r"by a later version of c360 .*: install that version"):
        Warehouse.open(warehouse)
    path.write_text(whole.replace('"form": 1,\n', ""), "utf-8")
    assert LEDGER in Warehouse.open(warehouse).manifest.tables


@pytest.mark.parametrize("cut", [True, False])
def test_a_ledger_without_its_file(warehouse: Path, cut: bool) -> None:
    (file,) = (warehouse / LEDGER).glob("*.parquet")
    whole = file.read_bytes()
    if cut:
        file.write_bytes(whole[:40])
    else:
        file.unlink()
    with pytest.raises(C360Error, match="missing or damaged"):
        read_ledger(Warehouse.open(warehouse))
    file.write_bytes(whole)
    assert read_ledger(Warehouse.open(warehouse)).height == 1


def test_a_data_file_that_was_changed_and_kept_its_size_is_named(warehouse: Path) -> None:
    error = duckdb.Error("don't know what type:")
    assert damage(warehouse, error) == ""
    (file,) = (warehouse / LEDGER).glob("*.parquet")
    whole = file.read_bytes()
    end = len(whole) // 3
    file.write_bytes(bytes(byte ^ 0x5A for byte in whole[4:end]).join([whole[:4], whole[end:]]))
    assert damage(warehouse, duckdb.BinderException("no column")) == ""
    assert damage(warehouse, error).startswith(f"{file} is damaged, a data file of {LEDGER}: put")
    with (
        pytest.raises(C360Error, match="is damaged, a data file of"),
        safe_errors(warehouse.parent / "logs"),
    ):
        raise error


def test_a_data_file_of_which_a_disk_has_changed_a_byte_is_not_read(tmp_path: Path) -> None:
    """It may be a number as readable as the right one, on which no query fails."""
    with open_session(tmp_path / "warehouse") as session:
        session.write("domain/orders", "SELECT i AS amount FROM range(1000) AS t(i)")
        session.commit()
    (file,) = (tmp_path / "warehouse/domain/orders").glob("*.parquet")
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(C360Error, match=f"{file.name} is missing or damaged: put back"),
    ):
        session.bind("domain/orders")
    unsealed = file.with_name(f"{file.stem.rpartition('-')[0]}.parquet")
    unsealed.write_bytes(whole)
    assert is_whole(unsealed), "one of an earlier version, which has no checksum"


@pytest.mark.parametrize("spoil", [lambda text: text[: len(text) // 2], lambda text: "\0"])
def test_a_damaged_log_of_a_table_is_named(warehouse: Path, spoil: Callable[[str], str]) -> None:
    (log,) = (warehouse / LEDGER / "_delta_log").glob("*.json")
    log.write_text(spoil(log.read_text("utf-8")), "utf-8")
    with (
        open_session(warehouse) as session,
        pytest.raises(C360Error, match=f"{LEDGER}/_delta_log is damaged or may not be written to"),
    ):
        session.write(LEDGER, "SELECT 1 AS a")
