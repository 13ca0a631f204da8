"""What is sent to workers of a cluster and back, without one: types survive, errors have no values,
and a worker of other versions computes nothing."""

from __future__ import annotations

import pickle
import traceback

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.blocking import STRATEGIES, Strategy
from c360_assets.stitch.compare.candidate_pairs import BlockingKeys, BlockMeetings, with_places
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.exchange import worker
from c360_assets.stitch.exchange.rows import Side
from c360_assets.stitch.exchange.wire import ddl, from_wire, to_wire
from c360_assets.stitch.exchange.worker import Call

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
        " `flag` boolean, `text` string, `texts` array<string>, `codes` array<bigint>"
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
