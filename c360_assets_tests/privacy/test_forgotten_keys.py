"""The keys of somebody forgotten: rows that come later and name one are treated as hers were."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.configuration import load_tenant
from c360_assets.ingest.forgotten_values import key_texts
from c360_assets.ingest.personal_columns import meanings
from c360_assets.ingest.upsert import key_of, key_sql, key_values
from c360_assets.warehouse.session import open_session
from c360_assets.warehouse.suppression import foreign_key_text
from c360_assets_tests.day.command import ask, c360_here
from c360_assets_tests.privacy.tenants import FIRST, LINES, SECOND, land, write_tenant
from c360_assets_tests.privacy.test_forget import MAIL, found_in, ours

CALLS = """
source: Web
feed: Calls
files: {pattern: "'web/calls-'yyyyMMdd'.csv'", format: csv}
primary_key: [call]
stitch: false
fields:
  call: {type: string}
  number: {type: string}
"""
CALLS_SQL = """
WITH numbered AS (SELECT call, nullif(trim(number), '') AS number FROM Web_Calls)
SELECT call, 'AC-' || number AS account FROM numbered
"""
CALLS_YAML = """
primary_key: [call]
stitch: false
fields:
  account: {tags: [fk-account]}
"""
AT = "2026-03-03 09:00:00,SKU1,false,false,1"
LATER = [
    f"LN-9100001,OR-560001, ac-700001 ,{AT},7.00",
    f"LN-9100002,OR-560002,AC-700005,{AT},8.00",
    f"LN-9100003,OR-560003,N/A,{AT},9.00",
    "LN-9100004,OR-560004,AC-700001,no date,SKU1,false,false,1,1.00",
]


def load_later(monkeypatch: pytest.MonkeyPatch, root: Path) -> str:
    with (root / "feeds/web/orders.yaml").open("a") as feed:
        feed.write("error_threshold: 50\n")
    land(root, "web/orders", SECOND, LATER)
    loaded = c360_here(monkeypatch, "load", "Web:Orders", "--tenant", root)
    assert loaded.code == 0, loaded.text
    return loaded.text


def orders(root: Path) -> list[tuple[object, ...]]:
    """Line and buyer of the orders that came later, as they are stored."""
    with open_session(root / "warehouse", "UTC") as session:
        source = session.warehouse.source("domain/Web_Orders", session.built("domain/Web_Orders"))
        return session.rows(
            f"SELECT line, buyer, paid::INT FROM {source} WHERE line LIKE 'LN-91%' ORDER BY line"
        )


def test_orders_that_name_a_forgotten_customer_stay_out(
    forgotten: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = forgotten
    text = load_later(monkeypatch, tenant)
    assert "2 rows of people who were forgotten are not loaded" in text
    assert orders(tenant) == [("LN-9100002", "AC-700005", 8), ("LN-9100003", "N/A", 9)]
    assert ours(found_in(tenant, ("AC-700001", "ac-700001", "LN-9100004"))) == {}


@pytest.mark.long
def test_orders_of_a_blanked_customer_keep_their_money(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = ["--type", "delete_pii", "--yes"]
    said = c360_here(monkeypatch, "forget", "--email", MAIL, *blank, "--tenant", tenant)
    assert said.code == 0, said.text
    text = load_later(monkeypatch, tenant)
    assert "2 rows of people who were forgotten are loaded blank" in text
    (mine, *others) = orders(tenant)
    assert (mine[0], len(str(mine[1])), mine[2]) == ("LN-9100001", 64, 7)
    assert others == [("LN-9100002", "AC-700005", 8), ("LN-9100003", "N/A", 9)]
    assert ours(found_in(tenant, ("AC-700001", "ac-700001"))) == {}
    run = c360_here(monkeypatch, "run", "--tenant", tenant)
    assert run.code == 0, run.text
    known = ask(
        tenant,
        "SELECT count(DISTINCT amperity_id), sum(order_revenue)::INT FROM unified_transactions "
        "WHERE order_id IN ('OR-550001', 'OR-550002', 'OR-560001')",
    )
    assert known == [(1, 67)]


def test_keys_that_others_hold_are_not_suppressed(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both name the household's number in their records; one of them is forgotten."""
    key = ["--source-key", "Club:Members=CL-8800192", "--strategy", "exact", "--yes"]
    said = c360_here(monkeypatch, "forget", *key, "--tenant", tenant)
    assert said.code == 0, said.text
    load_later(monkeypatch, tenant)
    assert ("LN-9100002", "AC-700005", 8) in orders(tenant)


def test_named_key_comes_in_again(forgotten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = forgotten
    key = ["--source-key", "Web:Accounts=AC-700001", "--from", SECOND.isoformat()]
    allowed = c360_here(monkeypatch, "privacy", "allow", *key, "--tenant", tenant)
    assert allowed.code == 0, allowed.text
    land(tenant, "web/orders", FIRST, [*LINES, f"LN-9100009,OR-560009,AC-700001,{AT},7.00"])
    load_later(monkeypatch, tenant)
    assert [line for line, *_ in orders(tenant)] == ["LN-9100001", "LN-9100002", "LN-9100003"]


def test_rows_of_which_sql_makes_a_key_are_known_by_it(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The till knows accounts by their number alone; a custom table makes the key of it."""
    (tenant / "feeds/web/calls.yaml").write_text(CALLS)
    folder = tenant / "domain_tables"
    folder.mkdir()
    (folder / "CDT_Calls.sql").write_text(CALLS_SQL)
    (folder / "CDT_Calls.yaml").write_text(CALLS_YAML)
    (tenant / "landing/web/calls-20260303.csv").write_text(
        "call,number\nCA-1,700001\nCA-2,700005\nCA-3,\n"
    )
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    loaded = c360_here(monkeypatch, "load", "Web:Calls", "--tenant", tenant)
    assert "1 row of people who were forgotten is not loaded" in loaded.text, loaded.text
    with open_session(tenant / "warehouse", "UTC") as session:
        session.bind("domain/Web_Calls")
        calls = session.rows("SELECT call, number FROM Web_Calls ORDER BY call")
    assert calls == [("CA-2", "700005"), ("CA-3", "")]


@pytest.mark.parametrize(
    ("settings", "forms"),
    [
        ("", ["AC-1", "AC-1", "AC-1", None]),
        ("case_sensitive_fks: [fk-account]\n", ["aC-1", "AC-1", "'AC-1", None]),
    ],
)
def test_what_is_one_customer_has_one_hash(
    tmp_path: Path, settings: str, forms: list[str | None]
) -> None:
    """Else the money of two would be one's, where they are blanked."""
    root = write_tenant(tmp_path / "tenant")
    (root / "stitch.yaml").write_text(settings)
    form = meanings(load_tenant(root))["Web_Orders"].hashed["buyer"]
    with duckdb.connect() as con:
        sql = f"SELECT {form} FROM (SELECT unnest(?::VARCHAR[]) AS buyer)"
        rows = con.execute(sql, [[" aC-1", "AC-1 ", "'AC-1", " "]]).fetchall()
    assert [form for (form,) in rows] == forms


def test_a_number_is_known_as_it_was_remembered_before_signs_were_left_out() -> None:
    forms = pl.DataFrame(
        [("111.444.777-35", "11144477735"), ("11144477735", "11144477735"), ("A.1", "A.1")],
        schema=["value", "form"],
        orient="row",
    )
    texts = key_texts(forms, "fk-cpf").rows()
    assert sorted(texts) == [
        ("111.444.777-35", foreign_key_text("fk-cpf", "111.444.777-35")),
        ("111.444.777-35", foreign_key_text("fk-cpf", "11144477735")),
        ("11144477735", foreign_key_text("fk-cpf", "11144477735")),
        ("A.1", foreign_key_text("fk-cpf", "A.1")),
    ]


PARTS = st.lists(st.text(alphabet="aÄ|\\N ", min_size=1, max_size=4), min_size=1, max_size=3)


@given(parts=PARTS)
@settings(max_examples=60, deadline=None)
def test_parts_of_a_key_are_told_apart(parts: list[str]) -> None:
    """As the engine makes the key; a missing part is none of them."""
    columns = {f"c{number}": "VARCHAR" for number in range(len(parts))}
    values = [*parts[:-1], None] if len(parts) > 1 else parts
    given_values = ", ".join(f"?::VARCHAR AS {name}" for name in columns)
    with duckdb.connect() as con:
        sql = f"SELECT {key_sql(columns)} FROM (SELECT {given_values})"
        ((pk,),) = con.execute(sql, values).fetchall()
    assert key_values(pk, len(values)) == values
    assert key_of(values) == pk
