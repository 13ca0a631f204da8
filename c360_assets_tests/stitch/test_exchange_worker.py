"""What is sent to workers of a cluster and back, without one: types survive, errors have no values,
and a worker of other versions computes nothing."""

from __future__ import annotations

import pickle
import traceback
from datetime import date

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from c360_assets.errors import C360Error
from c360_assets.semantics.countries import Home
from c360_assets.stitch.compare.blocking import STRATEGIES, Strategy
from c360_assets.stitch.compare.candidate_pairs import BlockingKeys, BlockMeetings, with_places
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.exchange import worker
from c360_assets.stitch.exchange.rows import Kernel, Side
from c360_assets.stitch.exchange.wire import ddl, from_wire, to_wire
from c360_assets.stitch.exchange.worker import Call
from c360_assets.stitch.prepare.automatic_blocklist import (
    BadValues,
    FrequentHashes,
    MeetingHashes,
    MetValues,
)
from c360_assets.stitch.prepare.blocklist import REASON, entries
from c360_assets.stitch.prepare.cleaned_records import CleaningRules, CleanRecords
from c360_assets.stitch.prepare.contradicting_keys import GivenNames, KeyHolders, SharedKeys
from c360_assets.stitch.prepare.copied_fields import CountCopies
from c360_assets.stitch.prepare.list_warnings import HeldValues
from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.prepare.rare_names import (
    Among,
    CountPeople,
    NamesHeld,
    People,
    rare_names,
)
from c360_assets.stitch.prepare.raw_texts import raw_rows
from c360_assets.stitch.prepare.trivial_duplicates import (
    PROFILE,
    EqualProfiles,
    PlacedNames,
    Profile,
    Profiles,
    RepeatedNames,
)
from c360_assets.stitch.prepare.usable_records import (
    OnlyColumns,
    OnlyRecords,
    OtherRecords,
    RemovedValues,
    RemoveKeys,
    RemoveValues,
    UsableRecords,
)
from c360_assets.tenant.models import BadValueRule, BadValuesConfig

EVERY_TYPE = pl.DataFrame(
    {
        "u8": pl.Series([0, 255, None], dtype=pl.UInt8),
        "u32": pl.Series([0, 2**32 - 1, None], dtype=pl.UInt32),
        "u64": pl.Series([0, 2**64 - 1, None], dtype=pl.UInt64),
        "i32": pl.Series([-(2**31), 2**31 - 1, None], dtype=pl.Int32),
        "f32": pl.Series([0.1, -1.5, None], dtype=pl.Float32),
        "f64": pl.Series([0.1, -1e300, None]),
        "flag": [True, False, None],
        "text": ["", "Ø", None],
        "texts": [["a", None], [], None],
        "codes": pl.Series([[1], [2, 3], None], dtype=pl.List(pl.Int64)),
        "day": [date(1, 1, 1), date(9999, 12, 31), None],
        "reason": pl.Series(["global", "manual", None], dtype=REASON),
        "reasons": pl.Series([["global", None], [], None], dtype=pl.List(REASON)),
    }
)


@pytest.mark.parametrize("frame", [EVERY_TYPE, EVERY_TYPE.clear()], ids=["rows", "no rows"])
def test_frames_come_back_as_they_were_sent(frame: pl.DataFrame) -> None:
    table = to_wire(frame)
    assert not any(pa.types.is_unsigned_integer(field.type) for field in table.schema)
    assert from_wire(table, frame.schema).equals(frame)
    assert from_wire(table, frame.schema).schema == frame.schema


def test_spark_is_told_signed_types() -> None:
    assert ddl(EVERY_TYPE.schema) == (
        "`u8` smallint, `u32` bigint, `u64` bigint, `i32` int, `f32` float, `f64` double,"
        " `flag` boolean, `text` string, `texts` array<string>, `codes` array<bigint>,"
        " `day` date, `reason` string, `reasons` array<string>"
    )


def fails_on_a_value(con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
    con.register("er_rows", rows.frame.to_arrow())
    return con.sql("SELECT email::INT AS n FROM er_rows").pl()


def test_an_error_of_a_worker_tells_its_kind_and_no_value() -> None:
    rows = pl.DataFrame({"email": ["canary@example.org"]})
    with pytest.raises(C360Error, match=r"failed \(ConversionException\)") as caught:
        Call(fails_on_a_value, worker.versions())(rows)
    assert caught.value.__suppress_context__
    assert "canary" not in str(caught.value)


def test_rows_that_do_not_fit_are_told_without_values() -> None:
    batches = to_wire(pl.DataFrame({"email": ["canary@example.org"]})).to_batches()
    call = Call(fails_on_a_value, worker.versions())
    with pytest.raises(C360Error, match=r"reading rows failed \(InvalidOperationError\)") as caught:
        list(worker.mapped(call, {"email": pl.Int32()})(iter(batches)))
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_worker_of_other_versions_computes_nothing() -> None:
    call = Call(fails_on_a_value, worker.versions() | {"duckdb": "1.5.0"})
    with pytest.raises(C360Error, match=r"a worker has duckdb \d.*Stitch 1.5.0"):
        call(pl.DataFrame())
    call = Call(fails_on_a_value, worker.versions() | {"c360_assets": "x"})
    with pytest.raises(C360Error, match="a worker has another version of this package"):
        call(pl.DataFrame())


def test_kernels_travel_and_tell_their_columns_without_rows() -> None:
    records = with_places(prepare_records(pl.DataFrame({"rid": [1, 2], "given_name": ["A", "A"]})))
    for strategy in STRATEGIES:
        keys = pickle.loads(pickle.dumps(BlockingKeys(strategy, 3)))
        made = worker.made_of_nothing(keys, records.schema)
        assert keys(worker.connection(), Side(records)).schema == made
    meet = BlockMeetings((Strategy("x", ("given",), limit=3),), 2, split=True)
    assert worker.made_of_nothing(meet, made) == {"meeting": pl.Int64}


def made(kernel: Kernel, rows: pl.DataFrame) -> pl.DataFrame:
    """What a kernel that has travelled makes of rows: the columns that it told without them."""
    there = pickle.loads(pickle.dumps(kernel))
    found = there(worker.connection(), Side(rows))
    assert found.height
    assert found.schema == worker.made_of_nothing(kernel, rows.schema), kernel
    assert from_wire(to_wire(found), found.schema).equals(found)
    return found


@pytest.mark.parametrize("home", [None, Home("AU", "AU")])
def test_kernels_of_preprocessing_travel_too(home: Home | None) -> None:
    raw = raw_rows(
        pl.DataFrame(
            {
                "datasource": ["A:x", "A:x"],
                "given_name": ["Ann", "Bob"],
                "birthdate": [date(1980, 2, 3), None],
                "email": ["a@x.org,test@test.com", "a@x.org"],
                "country": ["US", None],
                "fk_card": ["7", "7"],
            }
        )
    )
    made(CountCopies(("ANN",)), raw)
    listed = entries({"fk": ["0"]})
    rows = made(CleanRecords(CleaningRules(listed, frozenset(), ("card",), home, ())), raw)
    rule = BadValueRule(semantic="email", proxy="given-name", threshold=1)
    hashes = made(MeetingHashes(rule, 0), rows)
    frequent = made(FrequentHashes((1,)), hashes)
    met = made(MetValues(rule, 0, frequent["hash"]), rows)
    assert made(BadValues((1,)), met)["value"].to_list() == ["A@X.ORG"]
    made(SharedKeys(), made(KeyHolders("fk_card"), rows))
    made(GivenNames(), rows)
    made(OnlyRecords(rows["rid"].to_numpy()), rows)
    rows = made(RemoveValues({"email": ["A@X.ORG"], "given_name": ["ANN"]}), rows)
    rows = made(RemoveKeys({"fk_card": [1]}), rows)
    made(RemovedValues(), rows)
    usable = made(UsableRecords(frozenset(), None), rows)
    made(OtherRecords(rows["rid"][:1].to_numpy()), usable)
    made(OnlyColumns(("rid", "email")), usable)
    made(HeldValues(), usable)


@pytest.mark.parametrize("excluded", [(), ("email",)])
def test_kernels_of_the_collapse_travel_too(excluded: tuple[str, ...]) -> None:
    raw = {"datasource": "A:x", "given_name": "Zoe", "surname": "Oakby", "city": "Bree"}
    clean = preprocess(
        pl.DataFrame(
            [
                *({**raw, "pk": pk, "email": None, "fk_card": None} for pk in ("1", "2")),
                *({**raw, "pk": pk, "email": "z@x.org", "fk_card": "7"} for pk in ("3", "4")),
            ]
        ),
        BadValuesConfig(rules=[]),
    )
    records = clean.frame
    columns = tuple(name for name in PROFILE if name not in excluded)
    profile = Profile(columns, ("fk_card",), (), excluded)
    names = made(RepeatedNames(), made(PlacedNames(profile), records))
    people = made(People(), made(NamesHeld(), records))
    made(CountPeople(), people)
    made(Among(names), people)
    rare = rare_names(clean.records, records.height, names)
    assert rare.rows() == [("ZOE", "OAKBY")]
    groups = made(
        EqualProfiles(profile, 1 if excluded else 0), made(Profiles(profile, rare), records)
    )
    expected = [(0, 0), (1, 0), (2, 0), (3, 0)] if excluded else [(0, 0), (1, 0), (2, 2), (3, 2)]
    assert sorted(groups.rows()) == expected
