"""Days, files and rows on their way into a domain table."""

from __future__ import annotations

import gzip
import os
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.ingest.domain_table import ensure_table, purge
from c360_assets.ingest.failures import LoadError
from c360_assets.ingest.landed_files import landed
from c360_assets.ingest.landing import pending
from c360_assets.ingest.load import FeedLoad, load_feed
from c360_assets.ingest.odd_files import outside, outside_messages, shared, unclaimed
from c360_assets.ingest.read_again import not_there_messages
from c360_assets.ingest.repeated_hours import FIRST, SLOT, repeated_slots
from c360_assets.tenant.models import FeedConfig, Tenant
from c360_assets.warehouse.ledger import read_ledger, session_ledger
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets_tests.examples import examples
from c360_assets_tests.ingest.tenants import (
    ID,
    THROUGH,
    feed_of,
    land,
    ledger,
    load,
    table,
    tenant_of,
)

HEADER = "id,name,seen,spent\n"


def digest(tenant: Tenant, feed: FeedConfig) -> str:
    state = Warehouse.open(tenant.root / "warehouse").state(f"domain/{feed.physical}")
    assert state is not None
    return state.digest


def counts(result: Any) -> tuple[int, int, int, int]:
    return result.rows_read, result.rows_loaded, result.rows_rejected, result.rows_replaced


def test_what_is_not_quite_what_a_text_says_is_counted(tmp_path: Path) -> None:
    """02:30 came twice in Berlin on that day, at 02:00+02:00 and an hour later; 01:30 and 03:00
    once."""
    feed = feed_of(timezone="Europe/Berlin")
    tenant = tenant_of(tmp_path, feed)
    day = "2024-10-27"
    times = ["01:59:59", "02:00:00", "02:30", "03:00:00", "02:30:00+02:00", "02:30:00 Z"]
    rows = "".join(f"{place},,{day} {time},{place}.00009\n" for place, time in enumerate(times))
    land(tenant, "c-20241028.csv", HEADER + rows)
    (result,) = load(tenant, feed).days
    assert (result.guessed_values, result.rounded_values) == (2, 6)
    rounded, guessed = result.warnings
    assert rounded.startswith("6 values are rounded, with more decimals than the field has")
    assert guessed.startswith("2 times are of the hour that Europe/Berlin has twice, as its clocks")
    assert "(delivery day 2024-10-28)" in guessed
    found = table(tenant, feed)["seen"].dt.convert_time_zone("UTC").dt.hour().to_list()
    assert found == [23, 1, 1, 2, 0, 2]


@pytest.mark.parametrize(
    ("zone", "slots"),
    [
        ("UTC", []),
        ("Asia/Tokyo", []),
        ("Europe/Berlin", ["2024-10-27T01:00", "2024-10-27T01:30"]),
        ("Australia/Lord_Howe", ["2024-04-06T15:00"]),
    ],
)
def test_hours_that_a_zone_has_twice(zone: str, slots: list[str]) -> None:
    begins = [FIRST + slot * SLOT for slot in repeated_slots(zone)]
    assert [f"{begin:%Y-%m-%dT%H:%M}" for begin in begins if begin.year == 2024] == slots


def test_a_day_becomes_typed_rows_with_system_columns(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,2024-01-05 10:00:00,1.005\nb,,,\n")
    result = load(tenant, feed)
    assert counts(result) == (2, 2, 0, 0)
    assert result.days[0].rounded_values == 1
    rows = table(tenant, feed)
    assert list(result.state.columns) == [
        "id",
        "name",
        "seen",
        "spent",
        "_pk",
        "_uuid_pk",
        "_updated",
    ]
    assert rows["_pk"].to_list() == ["a", "b"]
    assert rows["name"].to_list() == ["Ann", ""]
    assert rows["_uuid_pk"].to_list() == [
        str(uuid.uuid5(ID, f"Shop:Customers\x1f{k}")) for k in "ab"
    ]
    day = (date(2024, 1, 5) - date(1970, 1, 1)).days
    assert rows["_updated"].to_list() == [day * 2**43 + 2**35 + 1, day * 2**43 + 2**35 + 2]


# By what decides: of each key two rows, and whose name stays.
WINNERS = {
    "auto": {"a": (["first,2024-01-09,", "last,2024-01-01,"], "last")},
    "seen": {
        "b": (["newest,2024-01-09,", "last,2024-01-01,"], "newest"),
        "c": (["dated,2024-01-01,", "undated,,"], "dated"),
        "d": (["first,2024-01-01,", "last,2024-01-01,"], "last"),
        "e": (["first,,", "last,,"], "last"),
    },
}


@pytest.mark.parametrize("last_updated", WINNERS)
@pytest.mark.parametrize(
    "apart",
    ["one file", "two files", "two days in one run", "two runs", "two runs, later day first"],
)
def test_the_winner_per_key(tmp_path: Path, last_updated: str, apart: str) -> None:
    feed = feed_of(last_updated=last_updated)
    tenant = tenant_of(tmp_path, feed)
    pairs = WINNERS[last_updated]
    earlier, later = (
        "".join(f"{key},{rows[n]}\n" for key, (rows, _) in pairs.items()) for n in (0, 1)
    )
    first, second = HEADER + earlier, HEADER + later
    if apart == "one file":
        land(tenant, "c-20240105.csv", first + later)
    elif apart == "two files":
        land(tenant, "c-20240105-b.csv", second)
        land(tenant, "c-20240105-a.csv", first)
    elif apart == "two runs, later day first":
        land(tenant, "c-20240106.csv", second)
        load(tenant, feed)
        land(tenant, "c-20240105.csv", first)
    else:
        land(tenant, "c-20240105.csv", first)
        if apart == "two runs":
            load(tenant, feed)
        land(tenant, "c-20240106.csv", second)
    load(tenant, feed)
    found = dict(table(tenant, feed).select("id", "name").iter_rows())
    assert found == {key: winner for key, (_, winner) in pairs.items()}


ROW = st.tuples(
    st.sampled_from("abcde"),
    st.sampled_from(["x", "y", 'q"q', "l\nl"]),
    st.sampled_from(["", "2024-01-01", "2024-02-01", "bad"]),
)


@settings(max_examples=examples(12, 4), deadline=None)
@given(
    data=st.data(),
    days=st.lists(st.lists(ROW, max_size=6), min_size=1, max_size=3),
    last_updated=st.sampled_from(["auto", "seen"]),
)
def test_any_split_gives_the_same_table(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    days: list[list[tuple[str, str, str]]],
    last_updated: str,
) -> None:
    """Files of a day cut anywhere, in any order of landing, days in one run or several in any
    order, other threads and zone.
    """
    feed = feed_of(last_updated=last_updated, error_threshold=100)
    lines = [
        ['{},"{}",{},1\n'.format(k, name.replace('"', '""'), seen) for k, name, seen in rows]
        for rows in days
    ]
    whole = tenant_of(tmp_path_factory.mktemp("whole"), feed)
    split = tenant_of(tmp_path_factory.mktemp("split"), feed)
    for day, rows in enumerate(lines, 1):
        land(whole, f"c-2024010{day}.csv", HEADER + "".join(rows))
    load(whole, feed)
    for day in data.draw(st.permutations(range(len(lines)))):
        cuts = [
            0,
            *sorted(data.draw(st.lists(st.integers(0, len(lines[day])), max_size=2))),
            len(lines[day]),
        ]
        for part, (start, stop) in enumerate(pairwise(cuts)):
            header = HEADER if data.draw(st.booleans()) else HEADER.upper()
            land(split, f"c-2024010{day + 1}-{part}.csv", header + "".join(lines[day][start:stop]))
        if data.draw(st.booleans()):
            load(split, feed)
    load(split, feed, threads=1, zone="Asia/Tokyo")
    assert digest(whole, feed) == digest(split, feed)
    entries = ledger(split)
    assert (
        entries["rows_read"]
        == entries["rows_loaded"] + entries["rows_rejected"] + entries["rows_replaced"]
    ).all()


def test_landing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    path = land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\n")
    load(tenant, feed)
    before = Warehouse.open(tmp_path / "warehouse").manifest
    os.utime(path, (1, 1))
    with open_session(tmp_path / "warehouse") as session:
        assert pending(tenant, feed, session_ledger(session), THROUGH) == []
    load(tenant, feed)
    assert Warehouse.open(tmp_path / "warehouse").manifest == before


def test_a_changed_or_new_file_reloads_its_whole_day(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105-a.csv", HEADER + "a,Ann,,\n")
    land(tenant, "c-20240106-a.csv", HEADER + "z,Zoe,,\n")
    load(tenant, feed)
    land(tenant, "c-20240105-b.csv", HEADER + "a,Anna,,\n")
    result = load(tenant, feed)
    assert [(d.day, d.attempt, len(d.files)) for d in result.days] == [(date(2024, 1, 5), 2, 2)]
    assert table(tenant, feed)["name"].to_list() == ["Anna", "Zoe"]
    land(tenant, "c-20240105-b.csv", HEADER + "a,Annette,,\n")
    assert load(tenant, feed).days[0].attempt == 3
    assert table(tenant, feed)["name"].to_list() == ["Annette", "Zoe"]


@pytest.mark.parametrize(
    ("again", "told"),
    [
        ("a,Anna,,\n", "2 rows of 2024-01-05 are not in the files as they were delivered again"),
        ("a,Anna,,\nb,Bob,,\n", "1 row of 2024-01-05 is not in the files"),
        # A row with an error is counted as one already.
        ("a,Anna,,\nb,Bob,,\nd,Dan,x,\n", ""),
        ("a,Ann,,\nb,Bob,,\nd,Dan,,\ne,Eve,,\n", ""),
    ],
)
def test_rows_that_a_corrected_file_lacks_stay_and_are_counted(
    tmp_path: Path, again: str, told: str
) -> None:
    feed = feed_of(error_threshold=50)
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240104.csv", HEADER + "z,Zoe,,\n")
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\nb,Bob,,\nd,Dan,,\n")
    load(tenant, feed)
    land(tenant, "c-20240105.csv", HEADER + again)
    (day,) = load(tenant, feed).days
    assert ["stay: load: upsert" in warning for warning in day.warnings] == [True] * bool(told)
    assert all(told in warning for warning in day.warnings)
    assert {"a", "b", "d", "z"} <= set(table(tenant, feed)["id"])


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"a": "last", "b": "first"}, "column last was loaded from b and is now filled from a"),
        # The sender calls it otherwise now; what came before keeps its values.
        ({"a": "first", "c": "last"}, ""),
        ({"a": "first", "b": "last"}, ""),
        ({"A": "first", "b": "last"}, ""),
    ],
)
def test_columns_that_took_each_others_place_are_refused(
    tmp_path: Path, fields: dict[str, str], problem: str
) -> None:
    def named(names: dict[str, str]) -> FeedConfig:
        renamed = {column: {"type": "string", "rename": name} for column, name in names.items()}
        return feed_of(fields={"id": {"type": "string"}, **renamed}, last_updated="auto")

    tenant = tenant_of(tmp_path, named({"a": "first", "b": "last"}))
    land(tenant, "c-20240105.csv", "id,a,b\n1,Ann,Lee\n")
    load(tenant, tenant.feeds[0])
    feed = named(fields)
    land(tenant, "c-20240106.csv", f"id,{','.join(fields)}\n2,Bo,Moss\n")
    if problem:
        with pytest.raises(LoadError, match=problem):
            load(tenant, feed)
    else:
        load(tenant, feed)
        assert table(tenant, feed)["last"].to_list() == ["Lee", "Moss"]


def test_of_a_file_that_was_put_away_before_the_next_came_nothing_is_told(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105-a.csv", HEADER + "a,Ann,,\n")
    load(tenant, feed)
    (tmp_path / "landing" / "c-20240105-a.csv").unlink()
    land(tenant, "c-20240105-b.csv", HEADER + "b,Bob,,\n")
    (day,) = load(tenant, feed).days
    assert (day.warnings, set(table(tenant, feed)["id"])) == ([], {"a", "b"})


def test_a_file_that_has_gone_is_no_news(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105-a.csv", HEADER + "a,Ann,,\n")
    land(tenant, "c-20240105-b.csv", HEADER + "b,Bob,,\n")
    load(tenant, feed)
    (tmp_path / "landing" / "c-20240105-b.csv").unlink()
    assert load(tenant, feed).days == []


def test_days_after_the_run_and_before_the_tenant_are_reported_not_loaded(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    config = tenant.config.model_copy(update={"first_day": date(2020, 1, 1)})
    tenant = replace(tenant, config=config)
    for name in ("c-20240105.csv", "c-20250101.csv", "c-20191231.csv", "c-20240199.csv"):
        land(tenant, name, HEADER)
    assert [f.relative for f in outside(tenant, feed, THROUGH)] == [
        "c-20191231.csv",
        "c-20250101.csv",
    ]
    ledger = read_ledger(Warehouse.open(tmp_path / "warehouse"))
    later, earlier = outside_messages(tenant, feed, ledger, THROUGH)
    assert later.startswith(
        f"{feed.name}: 1 file is of a day after {THROUGH} and not loaded before it, such as "
        "c-20250101.csv; correct the name if the day is wrong"
    )
    assert earlier == (
        f"{feed.name}: 1 file is of a day before 2020-01-01, `first_day` (tenant.yaml), and not "
        "loaded, such as c-20191231.csv; set an earlier one if they are to be"
    )
    assert [d.day for d in load(tenant, feed).days] == [date(2024, 1, 5)]


def test_files_that_no_feed_takes_are_named(tmp_path: Path) -> None:
    """A file whose name misses the pattern by a little must not be passed over in silence."""
    tenant = tenant_of(tmp_path, feed_of(files={"pattern": "'c-'yyyyMMdd'.csv'"}))
    for name in (
        "c-20240101.csv",
        "c-20240101-late.csv",
        "c-20241332.csv",
        "other/x.txt",
        ".hidden",
        "other/.part",
    ):
        land(tenant, name, "id\n1\n")
    assert unclaimed(tenant) == ["c-20240101-late.csv", "c-20241332.csv", "other/x.txt"]


def test_marks_beside_parquet_files_are_no_strays(tmp_path: Path) -> None:
    files = {"pattern": "'lake/'yyyyMMdd", "format": "parquet"}
    tenant = tenant_of(tmp_path, feed_of(files=files))
    for name in ("r=1/part-0.parquet", "r=1/_SUCCESS", "_SUCCESS"):
        land(tenant, f"lake/20240101/{name}", "")
    land(tenant, "other/_SUCCESS", "")
    assert unclaimed(tenant) == ["other/_SUCCESS"]


def test_a_name_without_a_date_belongs_to_the_run_and_is_known_by_its_content(
    tmp_path: Path,
) -> None:
    feed = feed_of(files={"pattern": "'all.csv'"})
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "all.csv", HEADER + "a,Ann,,\n")
    assert [d.day for d in load(tenant, feed, date(2024, 1, 5)).days] == [date(2024, 1, 5)]
    assert load(tenant, feed, date(2024, 1, 6)).days == []
    land(tenant, "all.csv", HEADER + "a,Anna,,\n")
    assert [(d.day, d.attempt) for d in load(tenant, feed, date(2024, 1, 7)).days] == [
        (date(2024, 1, 7), 1)
    ]
    assert table(tenant, feed)["name"].to_list() == ["Anna"]


def test_over_the_threshold_nothing_of_the_day_loads_and_the_others_do(tmp_path: Path) -> None:
    feed = feed_of(error_threshold=10)
    tenant = tenant_of(tmp_path, feed)
    land(
        tenant,
        "c-20240104.csv",
        HEADER + "".join(f"k{i},x,,\n" for i in range(9)) + "bad,x,,five\n",
    )
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,yesterday,\nb,Bob,,1\n")
    result = load(tenant, feed)
    assert [(d.status, d.kind) for d in result.days] == [
        ("loaded", ""),
        ("failed", "error_threshold"),
    ]
    assert "1 of 2 rows has errors (50.00 %, allowed 10 %)" in result.days[1].message
    assert table(tenant, feed).height == 9
    log = pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv")
    assert log.columns == ["feed", "file", "line_no", "field", "error_type", "raw_value", "message"]
    assert log.row(0)[:6] == (
        "Shop:Customers",
        "c-20240105.csv",
        2,
        "seen",
        "cast_error",
        "yesterday",
    )
    assert (
        tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv"
    ).stat().st_mode & 0o777 == 0o600
    summary = pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.error_types.csv")
    assert summary.rows() == [("Shop:Customers", "2024-01-05", "cast_error", "seen", 1)]
    again = load(tenant, feed, threshold_override=50)
    assert [(d.day.day, d.attempt, d.status) for d in again.days] == [(5, 1, "loaded")]
    assert table(tenant, feed).height == 10


def test_one_error_per_row_of_each_kind(tmp_path: Path) -> None:
    feed = feed_of(
        error_threshold=100, fields={"id": {}, "n": {"type": "integer"}, "m": {"type": "integer"}}
    )
    tenant = tenant_of(tmp_path, feed)
    rows = (
        b"id,n,m\nok,1,2\nx,bad,bad\n,bad,1\n,1,1\nfew,1\nmany,1,2,3\n"
        b'q,"1"1,2\n\n"two\nlines",x,1\nbyte\xff,1,2\nlast,"1,2\n'
    )
    land(tenant, "c-20240105.csv", rows)
    result = load(tenant, feed)
    assert counts(result) == (10, 1, 9, 0)
    log = pl.read_csv(tmp_path / "logs" / "Shop_Customers.2024-01-05.row_errors.csv")
    assert log.select("line_no", "field", "error_type").rows() == [
        (3, "n", "cast_error"),
        (4, "n", "cast_error"),
        (5, None, "missing_primary_key"),
        (6, None, "column_count_mismatch"),
        (7, None, "column_count_mismatch"),
        (8, None, "malformed_row"),
        (10, "n", "cast_error"),
        (12, None, "encoding_error"),
        (13, None, "malformed_row"),
    ]
    # Rejected rows keep their place: the good row is the first of ten.
    assert table(tenant, feed)["_updated"][0] % 2**35 == 1


def test_composite_keys(tmp_path: Path) -> None:
    feed = feed_of(
        primary_key=["a", "b"],
        error_threshold=100,
        fields={"b": {}, "a": {}, "n": {"type": "integer"}},
    )
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.ndjson", 'a,b,n\nx|y,z,1\nx,y|z,2\n"\\",,3\n,,4\n')
    result = load(tenant, feed)
    assert result.rows_rejected == 1
    assert table(tenant, feed)["_pk"].to_list() == ["\\\\|", "x\\|y|z", "x|y\\|z"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("name,seen\nAnn,\n", "missing_column"),
        ("id,name,NAME\na,b,c\n", "header"),
        ('id,"name\n', "header"),
        (gzip.compress(HEADER.encode() * 99, mtime=0)[:-9], "unreadable"),
        (b"\x1f\x8bnot gzip", "unreadable"),
    ],
)
def test_a_file_that_cannot_be_loaded_fails_its_day_only(
    tmp_path: Path, content: str | bytes, kind: str
) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240104.csv", HEADER + "a,Ann,,\n")
    land(tenant, "c-20240105-a.csv", HEADER + "b,Bob,,\n")
    land(tenant, "c-20240105-b.csv", content)
    result = load(tenant, feed)
    assert [(d.status, d.kind) for d in result.days] == [("loaded", ""), ("failed", kind)]
    assert "c-20240105-b.csv" in result.days[1].message
    assert "Shop:Customers" in result.days[1].message
    assert table(tenant, feed)["_pk"].to_list() == ["a"]
    assert ledger(tenant)["status"].to_list() == ["loaded", "failed", "failed"]
    land(tenant, "c-20240105-b.csv", HEADER + "c,Cyd,,\n")
    assert [(d.attempt, d.status) for d in load(tenant, feed).days] == [(1, "loaded")]
    assert table(tenant, feed)["_pk"].to_list() == ["a", "b", "c"]


def test_a_file_that_is_still_being_written_fails_its_day(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    path = land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\n")
    with open_session(tmp_path / "warehouse") as session:
        days = pending(tenant, feed, session_ledger(session), THROUGH)
        path.write_text(HEADER + "a,Ann,,\nb,Bob,,\n")
        result = load_feed(session, tenant, feed, days)
    assert [(d.status, d.kind) for d in result.days] == [("failed", "changing")]


def test_a_kill_before_the_commit_leaves_everything_as_it_was(tmp_path: Path) -> None:
    feed = feed_of()
    tenant, other = tenant_of(tmp_path / "a", feed), tenant_of(tmp_path / "b", feed)
    for t in (tenant, other):
        land(t, "c-20240105.csv", HEADER + "a,Ann,,\n")
        load(t, feed)
        land(t, "c-20240106.csv", HEADER + "a,Anna,,\nb,Bob,,\n")
    with open_session(tenant.root / "warehouse") as session:
        load_feed(session, tenant, feed, pending(tenant, feed, session_ledger(session), THROUGH))
    assert read_ledger(Warehouse.open(tenant.root / "warehouse")).height == 1
    assert table(tenant, feed)["name"].to_list() == ["Ann"]
    load(tenant, feed)
    load(other, feed)
    assert digest(tenant, feed) == digest(other, feed)


def test_a_truncated_feed_shows_its_newest_day(tmp_path: Path) -> None:
    feed = feed_of(load="truncate_and_upsert")
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\nb,Bob,,\n")
    land(tenant, "c-20240106.csv", HEADER + "a,Anna,,\na,Annette,,\n")
    assert [(d.rows_loaded, d.rows_replaced) for d in load(tenant, feed).days] == [(0, 2), (1, 1)]
    assert table(tenant, feed)["name"].to_list() == ["Annette"]
    land(tenant, "c-20240104.csv", HEADER + "z,Zoe,,\n")
    assert load(tenant, feed).rows_loaded == 0
    assert table(tenant, feed)["name"].to_list() == ["Annette"]
    land(tenant, "c-20240107.csv", HEADER + "c,Cyd,,bad\n")
    assert load(tenant, feed).days[0].status == "failed"
    assert table(tenant, feed)["name"].to_list() == ["Annette"]


@pytest.mark.parametrize(
    ("rows", "warned_days"),
    [
        ("a,Ann,,|a,Anna,,|b,Bob,,", ["2024-01-05"]),
        ("a,Ann,,|a,Anna,,|b,Bob,,|c,Cyd,,", []),  # one in four may be
    ],
)
def test_many_rows_of_one_key_in_a_file_are_told(
    tmp_path: Path, rows: str, warned_days: list[str]
) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", HEADER + rows.replace("|", "\n") + "\n")
    land(
        tenant, "c-20240106.csv", HEADER + "a,Ann,,\nb,Bob,,\n"
    )  # replaces what was there, which is no fault of its key
    days = load(tenant, feed).days
    assert [str(d.day) for d in days if d.warnings] == warned_days
    assert all(
        "has 1 of 3 rows with the key of another row" in w and "primary_key (id)" in w
        for d in days
        for w in d.warnings
    )


def test_an_empty_file_is_a_warning(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", b"")
    result = load(tenant, feed)
    assert result.days[0].status == "empty"
    assert "is empty" in result.days[0].warnings[0]
    assert table(tenant, feed).height == 0
    assert load(tenant, feed).days == []


def test_fields_may_be_listed_in_another_order(tmp_path: Path) -> None:
    """Rows loaded before and after stay under their columns."""
    feed = feed_of(fields={"id": {}, "first": {}, "last": {}})
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", "id,first,last\na,Ann,Lee\n")
    load(tenant, feed)
    other = feed_of(fields={"id": {}, "last": {}, "first": {}})
    land(tenant, "c-20240106.csv", "id,first,last\nb,Bo,Moss\n")
    load(tenant, other)
    rows = table(tenant, other).select("id", "first", "last").sort("id").rows()
    assert rows == [("a", "Ann", "Lee"), ("b", "Bo", "Moss")]


def test_columns_come_and_go(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"id": {}, "name": {}}
    tenant = tenant_of(tmp_path, feed_of(fields=fields))
    land(tenant, "c-20240105.csv", "id,name,new\na,Ann,1\n")
    assert "does not declare" in load(tenant, feed_of(fields=fields)).days[0].warnings[0]
    wider = feed_of(fields={"id": {}, "new": {"type": "integer"}})
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(
            LoadError, match=r"new was declared or renamed .* `c360 load Shop:Customers`"
        ),
    ):
        ensure_table(session, wider)
    again = load(tenant, wider)
    assert "1 delivery day is read again" in again.days[0].warnings[0]
    assert table(tenant, wider).select("id", "new", "_pk").rows() == [("a", 1, "a")]
    with open_session(tmp_path / "warehouse") as session:
        with pytest.raises(LoadError, match="was loaded as BIGINT"):
            ensure_table(session, feed_of(fields={"id": {}, "new": {}}))
        with pytest.raises(LoadError, match="primary key"):
            ensure_table(
                session, feed_of(fields={"id": {}, "new": {"type": "integer"}}, primary_key=["new"])
            )
        purge(session, wider)
        session.commit()
    changed = feed_of(fields={"id": {}, "new": {}})
    load(tenant, changed)
    assert table(tenant, changed)["new"].to_list() == ["1"]


TWO_DAYS = {
    "c-20240105.csv": "id,name,level,seen\na,Ann,1,2024-01-01\nb,Bo,x,2024-01-02\n",
    "c-20240106.csv": "id,name,level,seen\na,Anna,3,2024-01-06\n",
}
NARROW: dict[str, Any] = {"id": {}, "name": {}}
WIDE: dict[str, Any] = {"id": {}, "first": {}, "name": {"rename": "given"}, "level": {}}


def landed_twice(tmp_path: Path, **changes: Any) -> Tenant:
    tenant = tenant_of(tmp_path, feed_of(fields=NARROW, **changes))
    for name, text in TWO_DAYS.items():
        land(tenant, name, text)
    load(tenant, feed_of(fields=NARROW, **changes))
    return tenant


def test_a_new_or_renamed_column_is_read_again_as_a_first_load_reads_it(tmp_path: Path) -> None:
    wide = {**WIDE, "level": {"type": "integer"}}
    changed = feed_of(fields=wide, error_threshold=90)
    tenant = landed_twice(tmp_path / "grown")
    # One day is asked for, and all are read.
    with open_session(tenant.root / "warehouse") as session:
        days = pending(tenant, changed, session_ledger(session), THROUGH)
        assert [(day.day.day, day.attempt) for day in days] == [(5, 1), (6, 1)]
        load_feed(session, tenant, changed, days[:1])
        session.commit()
    assert load(tenant, changed).days == []
    first = tenant_of(tmp_path / "first", changed)
    for name, text in TWO_DAYS.items():
        land(first, name, text)
    load(first, changed)
    assert digest(tenant, changed) == digest(first, changed)
    # The row whose level is no integer goes, as if it had never been loaded.
    assert table(tenant, changed)["id"].to_list() == ["a"]


def test_a_new_column_of_files_that_are_gone_is_refused_with_the_remedy(tmp_path: Path) -> None:
    tenant = landed_twice(tmp_path)
    (tenant.root / "landing" / "c-20240105.csv").unlink()
    changed = feed_of(fields=WIDE)
    with pytest.raises(
        LoadError, match=r"such as 2024-01-05.*`c360 feed purge Shop:Customers --yes`"
    ):
        load(tenant, changed)
    # A truncated feed has rows of its newest day only.
    other = landed_twice(tmp_path / "truncated", load="truncate_and_upsert")
    (other.root / "landing" / "c-20240105.csv").unlink()
    assert len(load(other, feed_of(fields=WIDE, load="truncate_and_upsert")).days) == 1


def test_days_that_are_asked_for_are_read_again_under_their_number(tmp_path: Path) -> None:
    tenant = landed_twice(tmp_path)
    feed = feed_of(fields=NARROW)
    before = digest(tenant, feed)
    with open_session(tenant.root / "warehouse") as session:
        book = session_ledger(session)
        days = pending(tenant, feed, book, THROUGH, again_from=date(2024, 1, 6))
        assert [(day.day.day, day.attempt) for day in days] == [(6, 1)]
        load_feed(session, tenant, feed, days)
        session.commit()
    assert digest(tenant, feed) == before
    assert ledger(tenant).height == 2
    (tenant.root / "landing" / "c-20240106.csv").unlink()
    assert pending(tenant, feed, ledger(tenant), THROUGH, again_from=date(2024, 1, 6)) == []
    (message,) = not_there_messages(tenant, feed, ledger(tenant), date(2024, 1, 1), THROUGH)
    assert "2024-01-06 is not read again and keeps its rows" in message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timezone": "Asia/Tokyo"}, "timezone"),
        ({"null_values": ["Bo"], "datetime_format": "yyyy"}, "datetime_format, null_values"),
        ({"fields": {"id": {}, "name": {"required": True}}}, "fields.name"),
        (
            {"fields": {"id": {}, "name": {"tags": ["full-name"], "name_order": "surname_first"}}},
            "fields.name",
        ),
        ({"error_threshold": 7, "description": "New words"}, None),
    ],
)
def test_days_that_were_read_with_other_settings_are_told(
    tmp_path: Path, changes: dict[str, Any], told: str | None
) -> None:
    tenant = landed_twice(tmp_path)
    feed = feed_of(**{"fields": NARROW, **changes})
    with open_session(tenant.root / "warehouse") as session:
        ensure_table(session, feed)  # as every stage does; it reads no file
        session.commit()
    land(tenant, "c-20240107.csv", "id,name\nc,Cy\n")
    (day,) = load(tenant, feed).days
    said = (
        f"{told} changed after the feed was loaded: 2 delivery days keep their values; "
        "`c360 load Shop:Customers --from 2024-01-05` reads what is in landing/ again"
    )
    assert (said in day.warnings) == (told is not None)
    assert any("changed after" in warning for warning in day.warnings) == (told is not None)


def read_again_from(tenant: Tenant, feed: FeedConfig, first: date) -> FeedLoad:
    """What `c360 load FEED --from FIRST` does."""
    with open_session(tenant.root / "warehouse") as session:
        days = pending(tenant, feed, session_ledger(session), THROUGH, again_from=first)
        return load_feed(session, tenant, feed, days, commit=True)


def test_days_that_are_read_again_are_read_with_the_settings_of_now(tmp_path: Path) -> None:
    tenant = landed_twice(tmp_path)
    feed = feed_of(fields=NARROW, null_values=["Bo"])
    again = read_again_from(tenant, feed, date(2024, 1, 5))
    assert not any("changed after" in text for day in again.days for text in day.warnings)
    assert table(tenant, feed)["name"].to_list() == ["Anna", None]
    land(tenant, "c-20240107.csv", "id,name\nc,Cy\n")
    assert [day.warnings for day in load(tenant, feed).days] == [[]]


def test_a_day_read_again_in_another_zone_wins_over_its_own_rows(tmp_path: Path) -> None:
    shape: dict[str, Any] = {
        "fields": {"id": {}, "seen": {"type": "datetime"}},
        "last_updated": "seen",
    }
    tenant = tenant_of(tmp_path, feed_of(**shape))
    land(tenant, "c-20240105.csv", "id,seen\na,2024-01-05 10:00:00\n")
    load(tenant, feed_of(**shape))
    east = feed_of(**shape, timezone="Asia/Tokyo")
    read_again_from(tenant, east, date(2024, 1, 5))
    assert table(tenant, east)["seen"].to_list() == [datetime(2024, 1, 5, 1, tzinfo=UTC)]


def test_a_feed_without_files_has_an_empty_table(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    assert landed(tenant, feed) == []
    assert load(tenant, feed).days == []
    assert set(table(tenant, feed).columns) == {
        "id",
        "name",
        "seen",
        "spent",
        "_pk",
        "_uuid_pk",
        "_updated",
    }


def test_a_file_that_two_feeds_take_is_known(tmp_path: Path) -> None:
    wide, narrow = (
        feed_of(files={"pattern": "'*.csv'"}),
        feed_of(feed="Others", files={"pattern": "'c-'yyyyMMdd'.csv'"}),
    )
    tenant = tenant_of(tmp_path, wide, narrow)
    for name in ("c-20240105.csv", "d-20240105.csv"):
        land(tenant, name, HEADER + "a,Ann,,1\n")
    assert shared(tenant) == {"c-20240105.csv": ["Shop:Customers", "Shop:Others"]}
    assert load(tenant, narrow).rows_loaded == 1


def test_what_a_file_lacks_or_has_too_much(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,2024-01-05,1\n")
    load(tenant, feed)
    land(tenant, "c-20240106.csv", "spent,id,loyalty,level\n2,a,gold,3\n")
    (day,) = load(tenant, feed).days
    assert day.warnings == [
        "file c-20240106.csv: lacks 2 columns (name, seen), which the feed declares: NULL",
        "file c-20240106.csv: has 2 columns (loyalty, level), which the feed does not declare: "
        "ignored",
    ]
    assert table(tenant, feed).select("id", "name", "seen", "spent").rows() == [
        ("a", None, None, Decimal("2.00"))
    ]


def test_a_load_leaves_the_sessions_memory_as_it_was(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", HEADER + "a,Ann,,\n")
    with open_session(tmp_path / "warehouse") as session:
        for asked in ("512.0 MiB", "6.0 GiB"):
            session.execute(f"SET memory_limit = '{asked}'")
            load_feed(
                session, tenant, feed, pending(tenant, feed, session_ledger(session), THROUGH)
            )
            assert session.rows("SELECT current_setting('memory_limit')") == [(asked,)]


def test_a_machine_too_small_says_so(tmp_path: Path) -> None:
    feed = feed_of()
    tenant = tenant_of(tmp_path, feed)
    land(
        tenant,
        "c-20240105.csv",
        HEADER + "".join(f"secret{i},{i * 7919},,\n" for i in range(100_000)),
    )
    with open_session(tmp_path / "warehouse") as session:
        session.execute("SET memory_limit = '12MiB'; SET max_temp_directory_size = '0MiB'")
        with pytest.raises(
            LoadError, match="the load was given up, and nothing of it is kept"
        ) as caught:
            load_feed(
                session,
                tenant,
                feed,
                pending(tenant, feed, session_ledger(session), THROUGH),
                commit=True,
            )
    assert "secret" not in str(caught.value)
    assert ledger(tenant).is_empty()
    assert load(tenant, feed).rows_loaded == 100_000


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (["45123", "45124.5"], "; its values look like `format: excel_serial`"),
        (["1712345678901", "1712345678902"], "; its values look like `format: epoch_ms`"),
        (["45123", "soon"], ""),
    ],
)
def test_days_that_are_numbers_are_refused_with_their_format(
    tmp_path: Path, values: list[str], seen: str
) -> None:
    feed = feed_of(fields={"id": {}, "on": {"type": "date"}})
    tenant = tenant_of(tmp_path, feed)
    rows = "".join(f"{n},{value}\n" for n, value in enumerate(values))
    land(tenant, "c-20240105.csv", f"id,on\n{rows}")
    (day,) = load(tenant, feed).days
    assert f"or in the field's `format`{seen}; nothing of that day was loaded" in day.message


def test_numbers_with_decimal_commas_are_refused_with_the_remedy(tmp_path: Path) -> None:
    feed = feed_of(
        fields={"id": {}, "paid": {"type": "decimal"}},
        files={"pattern": "'c-'yyyyMMdd'.csv'", "delimiter": ";"},
    )
    tenant = tenant_of(tmp_path, feed)
    land(tenant, "c-20240105.csv", "id;paid\na;1.234,56\n")
    (day,) = load(tenant, feed).days
    assert (
        "cast_error in paid (1 row); paid is of type decimal: digits with at most one point"
        in day.message
    )
    assert '`number: {decimal: ",", thousands: "."}` for 1.234,56' in day.message


GARBLED = {
    "MÃ¼ller": "Müller",
    "РЎРµСЂРіРµР№": "Сергей",
    "O&#39;Brien &amp;amp; S&ouml;hne": "O'Brien & Söhne",
    "M%C3%BCller": "Müller",
    r"Zo\u00eb": "Zoë",
}
AS_WRITTEN = (
    "Müller", "Сёмин", "KNÍŽEK", "JOÃO", "Äžel", "ΆΝΝΑ", "김", "AT&T; 100%", "<b>&amp;</b>",
    "https://shop.example/?a=1&amp;q=%C3%BC",
)  # fmt: skip


def test_text_written_for_another_place_is_mended_and_lost_letters_are_counted(
    tmp_path: Path,
) -> None:
    """Names that look garbled and are not, addresses and markup stay, and so do keys."""
    texts = [*GARBLED, *AS_WRITTEN, "M\ufffdller", "M??ller"]
    columns = {"id": {}, "name": {"tags": ["surname"]}, "seen": {}, "spent": {}}
    feed = feed_of(fields=columns)
    tenant = tenant_of(tmp_path, feed)
    rows = "".join(f"{place},{text},,\n" for place, text in enumerate(texts))
    land(tenant, "c-20240302.csv", HEADER + f"{rows}k&amp;l,{next(iter(GARBLED))},,\n")
    (result,) = load(tenant, feed).days
    mended, lost = result.warnings
    assert mended.startswith("6 values of name came as a system writes them for another place")
    assert lost.startswith(
        "2 values hold `\ufffd` or `?` within a word, of name: letters were lost before"
    )
    found = dict(table(tenant, feed).select("id", "name").iter_rows())
    assert found.pop("k&amp;l") == "Müller"
    expected = [*GARBLED.values(), *texts[len(GARBLED) :]]
    assert [found[str(place)] for place in range(len(texts))] == expected
