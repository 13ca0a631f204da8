"""Automatic detection of bad values, over small hand-made records."""

import hashlib
from collections.abc import Sequence

import duckdb
import polars as pl

from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.prepare.automatic_blocklist import detect
from c360_assets.stitch.prepare.blocklist import REASON
from c360_assets.tenant.models import BadValueRule

Cells = tuple[int, str, str | None] | tuple[int, str, str, str | None]


def found(
    rows: Sequence[Cells], rules: Sequence[BadValueRule], semantic: str = "email"
) -> pl.DataFrame:
    """What `detect` finds in records, wherever they lie; rows: (rid, value, given name[, town])."""
    records = []
    for rid, value, given, *town in rows:
        cell = [value] if semantic == "email" else value
        raw = [value.lower()] if semantic == "email" else value.lower()
        records.append((rid, cell, raw, given, *(town or [None])))
    is_list = semantic == "email"
    text = pl.List(pl.String) if is_list else pl.String
    raw = "raws:email" if is_list else f"raw:{semantic}"
    schema = {
        "rid": pl.Int64,
        semantic: text,
        raw: text,
        "given_name": pl.String,
        "city": pl.String,
    }
    frame = pl.DataFrame(records, schema=schema, orient="row").with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("surname", "lone_word", "state")
    )
    no_reason = pl.lit(None, REASON)
    frame = frame.with_columns(
        no_reason.alias(f"why:{name}") for name in ("given_name", "surname", "address")
    )
    frame = frame.with_columns(pl.lit([None], pl.List(REASON)).alias("why:email"))
    with duckdb.connect() as con:
        one, several = (detect(InProcess(con, n).spread(frame), rules) for n in (1, 3))
    assert one.equals(several)
    return one


def rule(semantic: str = "email", proxy: str = "given-name", threshold: int = 1) -> BadValueRule:
    return BadValueRule(semantic=semantic, proxy=proxy, threshold=threshold)


def test_strictly_more_than_the_threshold_and_missing_proxies_do_not_count() -> None:
    rows = [
        (1, "A@X", "ANN"),
        (2, "A@X", "BO"),
        (3, "A@X", None),
        (4, "B@X", "ANN"),
        (5, "B@X", "ANN"),
    ]
    badvalues = found(rows, [rule(threshold=1)])
    assert badvalues.rows(named=True) == [
        {
            "pk": hashlib.md5(b"emailA@X").hexdigest(),
            "datasource": "*",
            "semantic": "email",
            "value": "A@X",
            "num_values": 3,
            "num_proxy": 2,
            "proxy": "given-name",
            "threshold": 1,
            "domain_table": "",
            "is_preprocessed": True,
        }
    ]
    assert found(rows, [rule(threshold=2)]).height == 0


def test_an_address_is_counted_per_place_and_listed_once() -> None:
    rows: list[tuple[int, str, str, str | None]]
    rows = [(i, "1 MAIN STREET", f"N{i % 3}", "SEATTLE") for i in range(6)]
    rows += [(10 + i, "1 MAIN STREET", f"M{i}", "TACOMA") for i in range(4)]
    rows += [(20 + i, "1 MAIN STREET", f"K{i}", None) for i in range(2)]
    badvalues = found(rows, [rule("address", threshold=2)], "address")
    assert badvalues.select("value", "num_values", "num_proxy").rows() == [("1 MAIN STREET", 10, 7)]
    assert found(rows, [rule("address", threshold=4)], "address").height == 0


def test_a_value_is_listed_by_the_first_rule_that_finds_it() -> None:
    rows = [(1, "A@X", "ANN"), (2, "A@X", "BO"), (3, "A@X", "CY")]
    badvalues = found(rows, [rule(threshold=3), rule(threshold=1), rule(threshold=2)])
    assert badvalues.select("value", "threshold").rows() == [("A@X", 1)]


def test_no_rules_find_nothing() -> None:
    assert found([(1, "A@X", "ANN")], []).height == 0
