"""Rows of lists that are somebody's as a whole, though each cell of them is somebody else's too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from c360_assets.privacy.erase_listed import erase_rows
from c360_assets.segments.campaign_send import send_campaign
from c360_assets.segments.rows_in_files import rows_in_files
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.segments.sending import campaign, consent, publish, sending_tenant

HOUSE = "hearth@x.com"
ZONE = "Asia/Tokyo"
PEOPLE: dict[str, str | None] = {"ann": HOUSE, "bob": "bob@x.com"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with open_session(tmp_path / "warehouse") as opened:
        opened.execute("SET threads = 1")
        opened.execute(f"SET TimeZone = '{ZONE}'")
        yield opened


def _cells(path: Path) -> list[tuple[str, ...]]:
    reader = {"csv": "read_csv", "ndjson": "read_json", "parquet": "read_parquet"}
    source = f"{reader[path.suffix[1:]]}('{path}')"
    with duckdb.connect() as con:
        return con.execute(f"FROM {source} ORDER BY ALL").fetchall()


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize(
    ("mode", "file", "prefix"), [("full", "spring", ()), ("add_remove", "spring-00001", ("add",))]
)
def test_rows_of_a_list_go_by_all_their_cells(
    session: Session, tmp_path: Path, form: str, mode: str, file: str, prefix: tuple[str, ...]
) -> None:
    crm = DestinationConfig.model_validate({"path": "exports", "format": form})
    tenant = replace(sending_tenant(tmp_path), destinations={"crm": crm})
    publish(tenant, PEOPLE)
    consent(session, {HOUSE: True, "bob@x.com": True})
    attributes = ["email", "given_name", "surname", "seen", "treatment"]
    with duckdb.connect(str(tmp_path / "activated" / "customer_360.duckdb")) as con:
        con.execute("ALTER TABLE customer_360 ADD COLUMN surname VARCHAR")
        con.execute(
            "ALTER TABLE customer_360 ADD COLUMN seen TIMESTAMPTZ DEFAULT '2026-06-01 00:00+09'"
        )
    spring = campaign(tenant, mode=mode, attributes=attributes)
    send_campaign(session, spring, "crm")

    listed = rows_in_files(session, tenant, ["ann"])
    path = tmp_path / "exports" / f"{file}.{form}"
    assert listed == [
        (str(path), [*prefix, HOUSE, "Nann", "", "2026-06-01 00:00:00+09", "default"])
    ]
    assert rows_in_files(session, tenant, ["eve"]) == []
    assert erase_rows(path, [cells for _, cells in listed], ZONE) == 1
    assert [row[: len(prefix) + 2] for row in _cells(path)] == [(*prefix, "bob@x.com", "Nbob")]
    assert erase_rows(path, [cells for _, cells in listed], ZONE) == 0


def test_the_same_row_of_somebody_who_stays_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "twins.csv"
    path.write_text('name,street\nKim,"Oak, 1"\nKim,"Oak, 1"\nLee,Elm 2\n')
    assert erase_rows(path, [["Kim", "Oak, 1"]], ZONE) == 1
    assert path.read_text() == 'name,street\nKim,"Oak, 1"\nLee,Elm 2\n'
