"""Of two tables put together, everything that adds up is the sum.

What trends by day and scans in parts rest on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from c360_assets.semantics.tags import tag_info
from c360_assets.tenant.models import Tenant
from c360_assets.validations.declarations import Count, Total, Values
from c360_assets.validations.reports import REPORTS, columns
from c360_assets.validations.run import table_figures
from c360_assets.warehouse.session import Session
from c360_assets_tests.examples import examples
from c360_assets_tests.validations.world import ZONE, opened, tenant_with

TAGS = sorted(
    {
        t
        for r in REPORTS
        for t in (*r.tags, *(n for i in r.items for n in i.needs))
        if "*" not in t and " " not in t
    }
)
COLUMN = {f"c{i}": [tag] for i, tag in enumerate(TAGS)}
ADDITIVE = {
    (r.id, c.name)
    for r in REPORTS
    for c in columns(r)
    if isinstance(c.item, Count | Values | Total) and not c.name.endswith("_pct")
}
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "",
            " ",
            "\u00a0",
            "\u000b",
            "\u0085",
            "a@b.com",
            "a..b@c.de",
            "info@x.org",
            "+1 206 555 0111",
            "999-999-9999",
            "exact",
            "Guest",
            "ü",
            "online",
        ]
    ),
    st.text(max_size=6),
)
AMOUNTS = st.one_of(st.none(), st.decimals(-50, 50, places=2, allow_nan=False))
MOMENTS = st.one_of(
    st.none(),
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
        lambda d: d.replace(tzinfo=ZoneInfo(ZONE))
    ),
)
OF_TYPE = {
    "string": (TEXTS, pl.String()),
    "decimal": (AMOUNTS, pl.Decimal(38, 2)),
    "integer": (st.one_of(st.none(), st.integers(-9, 9)), pl.Int64()),
    "boolean": (st.one_of(st.none(), st.booleans()), pl.Boolean()),
    "datetime": (MOMENTS, pl.Datetime("us", ZONE)),
    "date": (MOMENTS.map(lambda d: d.date() if d else None), pl.Date()),
    "any": (TEXTS, pl.String()),
}
ROW = st.tuples(*(OF_TYPE[tag_info(tag).type][0] for tag in TAGS))
SCHEMA = {name: OF_TYPE[tag_info(tags[0]).type][1] for name, tags in COLUMN.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Tenant]]:
    root: Path = tmp_path_factory.mktemp("tenant")
    with opened(root) as session:
        yield session, tenant_with(root, {"T": COLUMN})


def figures(
    world: tuple[Session, Tenant], rows: list[tuple[object, ...]]
) -> dict[tuple[str, str], float | None]:
    session, tenant = world
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").with_row_index("_pk")
    session.write(
        "domain/T",
        frame.with_columns(pl.col("_pk").cast(pl.String), _updated=pl.lit(0, dtype=pl.Int64)),
    )
    found = table_figures(session, tenant, tenant.tables[0]).filter(pl.col("day").is_null())
    return {(r, m): v for r, m, v in found.select("report_id", "metric", "value").iter_rows()}


@settings(
    max_examples=examples(12, 4),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(first=st.lists(ROW, max_size=5), second=st.lists(ROW, max_size=5))
def test_figures_of_two_tables_add_up(
    world: tuple[Session, Tenant], first: list[tuple[object, ...]], second: list[tuple[object, ...]]
) -> None:
    one, two, both = (figures(world, rows) for rows in (first, second, first + second))
    for key in ADDITIVE & both.keys():
        assert both[key] == pytest.approx((one[key] or 0) + (two[key] or 0)), key
    shares = {key for key in both if key[1].endswith("_pct")}
    assert all(both[key] is None or (both[key] or 0) >= 0 for key in shares)
