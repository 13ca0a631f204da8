"""The generated tenant: repeatable bytes, readable files, a truth that names every record that
loads.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.demo import generate_tenant, people, render_config
from c360_assets.errors import C360Error

REPOSITORY = Path(__file__).parents[2]
SMALL = 400


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "tenant"
    generate_tenant(root, people=SMALL, days=14, seed=3)
    return root


def digests(root: Path) -> dict[str, str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def rows(root: Path, sql: str) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(sql.format(root=root)).fetchall()


def test_equal_arguments_give_equal_bytes_and_another_seed_other_ones(
    tenant: Path, tmp_path: Path
) -> None:
    generate_tenant(tmp_path / "again", people=SMALL, days=14, seed=3)
    generate_tenant(tmp_path / "other", people=SMALL, days=14, seed=4)
    assert digests(tmp_path / "again") == digests(tenant)
    other = digests(tmp_path / "other")
    assert other.keys() == digests(tenant).keys()
    assert all(
        other[path] != digest
        for path, digest in digests(tenant).items()
        if path.startswith(("landing/shop", "truth"))
    )


def test_the_shipped_tenant_is_configured_as_generated() -> None:
    # `data/` must be whole in a clone, and an installed package has no `data/`: the configuration
    # stands in both places, and this holds them equal, in both directions.
    shipped = REPOSITORY / "data"
    generated = render_config(seed=1)
    configuration = {
        path.relative_to(shipped).as_posix()
        for part in ("database", "domain_tables", "feeds", "segments")
        for path in (shipped / part).rglob("*.*")
    }
    configuration |= {path.name for path in shipped.glob("*.yaml")} | {".gitignore"}
    assert configuration == set(generated)
    texts = {path: (shipped / path).read_text(encoding="utf-8") for path in configuration}
    assert texts == generated


def test_the_shipped_tenant_is_complete_and_small() -> None:
    files = [
        p
        for part in ("landing", "truth")
        for p in (REPOSITORY / "data" / part).rglob("*")
        if p.is_file()
    ]
    assert sum(p.stat().st_size for p in files) < 8_000_000
    ((records, people_known),) = rows(
        REPOSITORY,
        "SELECT count(*), count(DISTINCT person_id) "
        "FROM read_parquet('{root}/data/truth/records.parquet')",
    )
    assert records > 12_000
    assert people_known > 4_500


def flat(tags_by_column: dict[str, list[str]]) -> list[str]:
    return [tag for tags in tags_by_column.values() for tag in tags]


def test_configuration_loads_and_links_every_interaction_by_one_key(tenant: Path) -> None:
    loaded = load_tenant(tenant)
    tags = {table.name: flat(table.tags) for table in loaded.tables}
    stitched = {table.name for table in loaded.stitched_tables}
    assert stitched == set(
        pl.read_parquet(tenant / "truth" / "records.parquet")["datasource"].unique()
    )
    for name, tags_of_table in tags.items():
        if name not in stitched:
            assert sum(tag.startswith("fk-") for tag in tags_of_table) <= 1, name
    assert not any(tag.startswith("fk-") or "/" not in tag for tag in tags["CDT_Newsletter_Opt_In"])


@pytest.mark.parametrize("table", ["Shop:Order_Items", "CDT_Till_Items"])
def test_order_tables_carry_every_tag_that_the_transaction_reports_need(
    tenant: Path, table: str
) -> None:
    needed = {
        "is-return",
        "is-cancellation",
        "item-discount-amount",
        "item-discount-percent",
        "item-list-price",
        "item-quantity",
    }
    needed |= {
        "item-revenue",
        "order-datetime",
        "order-id",
        "product-id",
        "purchase-channel",
        "store-id",
    }
    items = next(source for source in load_tenant(tenant).tables if source.name == table)
    assert {"txn-item/" + tag for tag in needed} <= set(flat(items.tags))


def test_every_good_record_has_one_person_and_every_truth_is_delivered(tenant: Path) -> None:
    keys = {
        "CDT_Shop_Customers": "SELECT customer_id FROM read_csv("
        "'{root}/landing/shop/*.csv', all_varchar=1, ignore_errors=1)",
        "CDT_Till_Customers": "SELECT card_no FROM read_csv("
        "'{root}/landing/till/customers_*.csv', all_varchar=true, delim=';')",
        "Loyalty:Members": "SELECT member_id FROM read_parquet('{root}/landing/loyalty/*.parquet')",
        "CallCentre:Contacts": "SELECT contact_id FROM read_csv("
        "'{root}/landing/callcentre/*.psv', all_varchar=true, delim='|')",
    }
    truth = pl.read_parquet(tenant / "truth" / "records.parquet")
    assert truth.select("datasource", "pk").is_unique().all()
    for datasource, sql in keys.items():
        delivered = {key for (key,) in rows(tenant, sql) if key and not key.endswith("x")}
        assert delivered == set(truth.filter(pl.col("datasource") == datasource)["pk"]), datasource
    lines = []
    for path in sorted((tenant / "landing/newsletter").iterdir()):
        lines += path.read_text(encoding="utf-8").splitlines()
    good = {json.loads(line)["subscriber_id"] for line in lines if line.endswith("}")} - {None}
    assert {key for key in good if not key.endswith("x")} == set(
        truth.filter(pl.col("datasource") == "Newsletter:Subscribers")["pk"]
    )


def test_rejected_rows_stay_below_the_threshold_of_every_delivery(tmp_path: Path) -> None:
    generate_tenant(tmp_path / "t", people=2_000, days=3, seed=5)
    ((read, bad),) = rows(
        tmp_path / "t",
        """SELECT count(*), count(*) FILTER (
               WHERE card_no IS NULL OR birthdate = '31.02.1980' OR changed = 'gestern')
           FROM read_csv('{root}/landing/till/customers_20260601.csv',
                         all_varchar=true, delim=';')""",
    )
    assert 0 < bad < read * 0.01


def test_till_receipts_become_signed_transactions(tenant: Path) -> None:
    """The custom table's SQL on the landed lines: signs, cents, the original order of a return."""
    sql = (tenant / "domain_tables" / "CDT_Till_Items.sql").read_text(encoding="utf-8")
    with duckdb.connect() as con:
        con.execute(
            f"""CREATE TABLE Till_Receipt_Lines AS SELECT * REPLACE (
                  TRY_CAST(line_no AS BIGINT) AS line_no, TRY_CAST(qty AS BIGINT) AS qty,
                  TRY_CAST(list_cents AS BIGINT) AS list_cents,
                  TRY_CAST(discount_cents AS BIGINT) AS discount_cents,
                  TRY_CAST(paid_cents AS BIGINT) AS paid_cents,
                  TRY_CAST(cost_cents AS BIGINT) AS cost_cents,
                  TRY_CAST(tax_cents AS BIGINT) AS tax_cents,
                  try_strptime(printed_at, '%m/%d/%Y %H:%M') AS printed_at)
                FROM read_csv('{tenant}/landing/till/*.csv.gz',
                              all_varchar=true, ignore_errors=true)
                WHERE receipt_no IS NOT NULL AND try_cast(list_cents AS BIGINT) IS NOT NULL"""
        )
        con.execute(f"CREATE TABLE items AS {sql}")
        ((unsigned, without_order, returns, cancellations, unbranded, zero, anonymous),) = (
            con.execute(
                """SELECT
                     count(*) FILTER (WHERE (is_return OR is_cancellation) AND item_quantity > 0),
                     count(*) FILTER (WHERE is_return AND order_id NOT IN (
                         SELECT order_id FROM items WHERE NOT is_return)),
                     count(*) FILTER (WHERE is_return),
                     count(*) FILTER (WHERE is_cancellation),
                     count(*) FILTER (WHERE brand IS NULL AND store_id IS NOT NULL),
                     count(*) FILTER (WHERE customer_no = '0'),
                     count(*) FILTER (WHERE customer_no IS NULL)
                   FROM items"""
            ).fetchall()
        )
    assert (unsigned, without_order, unbranded, zero) == (0, 0, 0, 0)
    assert returns > 0
    assert cancellations > 0
    assert anonymous > 0


def test_online_items_add_up(tenant: Path) -> None:
    ((wrong, twice, links),) = rows(
        tenant,
        """WITH i AS (SELECT * FROM read_parquet('{root}/landing/shop/*.parquet'))
           SELECT (SELECT count(*) FROM i
                   WHERE item_revenue <> item_list_price - item_discount_amount),
                  (SELECT count(*)
                     - count(DISTINCT (order_id, product_id, is_return, is_cancellation)) FROM i),
                  (SELECT count(*) FROM i WHERE account_id NOT IN (
                     SELECT pk FROM read_parquet('{root}/truth/records.parquet')
                     WHERE datasource = 'CDT_Shop_Customers'))""",
    )
    assert (wrong, twice, links) == (0, 0, 0)


def test_one_feed_is_late_and_one_starts_late(tenant: Path) -> None:
    loyalty = {p.name for p in (tenant / "landing/loyalty").iterdir()}
    assert "members-20260606.parquet" not in loyalty
    assert {"members-20260607.parquet", "members-20260607-late.parquet"} <= loyalty
    assert min(p.name for p in (tenant / "landing/callcentre").iterdir()) == "contacts-20260608.psv"


def test_the_truth_holds_the_hard_cases(tenant: Path) -> None:
    everyone = pl.read_parquet(tenant / "truth" / "people.parquet")
    assert {"Jr", "Sr"} <= set(everyone["generational_suffix"].drop_nulls())
    assert everyone["former_surname"].drop_nulls().len() > 0
    twins = everyone.group_by("household_id", "birthdate").len().filter(pl.col("len") > 1)
    assert len(twins) > 0
    calls = rows(
        tenant,
        "SELECT count(*) FROM read_csv('{root}/landing/callcentre/*.psv', delim='|') "
        "WHERE reason LIKE 'keep my two%'",
    )
    assert calls == [(1,)]


def test_chunks_share_no_id_and_no_contact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Several chunks of people: unique keys, unique e-mails and numbers, the same files for every
    day.
    """
    import c360_assets.demo.generate as generate

    monkeypatch.setattr(people, "CHUNK_PEOPLE", 150)
    monkeypatch.setattr(generate, "CHUNK_PEOPLE", 150)
    seen: list[tuple[int, int]] = []
    generate_tenant(
        tmp_path / "t",
        people=400,
        days=2,
        seed=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(150, 400), (300, 400), (400, 400)]
    truth = pl.read_parquet(tmp_path / "t/truth/records.parquet")
    assert truth.select("datasource", "pk").is_unique().all()
    assert pl.read_parquet(tmp_path / "t/truth/people.parquet")["person_id"].n_unique() == 400
    ((clash,),) = rows(
        tmp_path / "t",
        """SELECT count(*) FROM (
             SELECT email FROM read_parquet('{root}/landing/loyalty/*.parquet') m
             JOIN read_parquet('{root}/truth/records.parquet') t ON t.pk = m.member_id
             WHERE email IS NOT NULL GROUP BY email HAVING count(DISTINCT household_id) > 1)""",
    )
    assert clash == 0


@pytest.mark.parametrize("arguments", [{"people": 0}, {"days": 0}, {"days": 1000}, {"seed": -1}])
def test_impossible_arguments_are_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(C360Error):
        generate_tenant(tmp_path / "t", **arguments)


def test_a_tenant_is_never_overwritten(tenant: Path) -> None:
    with pytest.raises(C360Error, match="already holds a tenant"):
        generate_tenant(tenant, people=10)


def test_one_person_one_day_is_a_tenant(tmp_path: Path) -> None:
    generate_tenant(tmp_path / "t", people=1, days=1, seed=1)
    assert load_tenant(tmp_path / "t").config.first_day == date(2026, 6, 1)
