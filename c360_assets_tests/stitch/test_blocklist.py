"""Automatic detection of bad values, over small hand-made value tables."""

import hashlib
from collections.abc import Callable, Sequence

import polars as pl

from c360_assets.stitch.prepare.blocklist import detect
from c360_assets.tenant.models import BadValueRule

Lookup = Callable[[str], pl.DataFrame | None]


def values(
    rows: Sequence[tuple[int, str, str | None] | tuple[int, str, str, str | None]],
    semantic: str = "email",
) -> tuple[Lookup, Lookup]:
    """The two look-ups that `detect` takes; rows: (rid, value, proxy[, place])."""
    cell_rows = []
    proxy_rows = []
    for rid, value, proxy, *place in rows:
        cell_rows.append((rid, value, value.lower(), *(place or [None])))
        if proxy:
            proxy_rows.append((rid, proxy))
    schema = {"rid": pl.Int64, "value": pl.String, "raw": pl.String, "place": pl.String}
    cells = pl.DataFrame(cell_rows, schema=schema, orient="row").unique()
    proxies = pl.DataFrame(proxy_rows, schema=["rid", "value"], orient="row").unique()
    return {semantic: cells}.get, {"given-name": proxies}.get


def rule(semantic: str = "email", proxy: str = "given-name", threshold: int = 1) -> BadValueRule:
    return BadValueRule(semantic=semantic, proxy=proxy, threshold=threshold)


def test_strictly_more_than_the_threshold_and_missing_proxies_do_not_count() -> None:
    cells, proxies = values(
        [
            (1, "A@X", "ANN"),
            (2, "A@X", "BO"),
            (3, "A@X", None),
            (4, "B@X", "ANN"),
            (5, "B@X", "ANN"),
        ]
    )
    badvalues = detect(cells, proxies, [rule(threshold=1)])
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
    assert detect(cells, proxies, [rule(threshold=2)]).height == 0


def test_an_address_is_counted_per_place_and_listed_once() -> None:
    rows: list[tuple[int, str, str, str | None]]
    rows = [(i, "1 MAIN STREET", f"N{i % 3}", "SEATTLE") for i in range(6)]
    rows += [(10 + i, "1 MAIN STREET", f"M{i}", "TACOMA") for i in range(4)]
    rows += [(20 + i, "1 MAIN STREET", f"K{i}", None) for i in range(2)]
    cells, proxies = values(rows, "address")
    badvalues = detect(cells, proxies, [rule("address", threshold=2)])
    assert badvalues.select("value", "num_values", "num_proxy").rows() == [("1 MAIN STREET", 10, 7)]
    assert detect(cells, proxies, [rule("address", threshold=4)]).height == 0


def test_a_value_is_listed_by_the_first_rule_that_finds_it() -> None:
    cells, proxies = values([(1, "A@X", "ANN"), (2, "A@X", "BO")])
    badvalues = detect(
        cells, lambda _: proxies("given-name"), [rule(proxy="surname"), rule(proxy="given-name")]
    )
    assert badvalues["proxy"].to_list() == ["surname"]


def test_no_rules_or_no_such_semantic_find_nothing() -> None:
    cells, proxies = values([(1, "A@X", "ANN")])
    assert detect(cells, proxies, []).height == 0
    assert detect(cells, proxies, [rule("fk-nothing")]).height == 0
