"""Tables: written whole, pinned by the manifest, equal content never written twice."""

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.errors import C360Error
from c360_assets.semantics.blocklist import blocked_values
from c360_assets.warehouse.manifest import Manifest
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.sql import quote_literal

TYPED = """
    SELECT * FROM (VALUES
        ('a', 1::BIGINT, 1.5::DECIMAL(38,4), DATE '2026-01-31',
         TIMESTAMPTZ '2026-01-31 23:30:00-05', true, ['x', 'y']),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL)) AS t(s, i, d, day, moment, flag, list)
"""


def test_every_type_survives_and_days_are_the_tenants(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse", "America/New_York") as session:
        state = session.write("domain/Shop_Customers", TYPED)
        session.commit()
    assert state.rows == 2
    with open_session(tmp_path / "warehouse", "America/New_York") as session:
        session.bind("domain/Shop_Customers")
        assert session.frame("SELECT * FROM Shop_Customers").columns == [
            "s",
            "i",
            "d",
            "day",
            "moment",
            "flag",
            "list",
        ]
        rows = session.rows(
            "SELECT s, i, d::VARCHAR, CAST(moment AS DATE)::VARCHAR, list "
            "FROM Shop_Customers ORDER BY s NULLS LAST"
        )
    assert rows == [("a", 1, "1.5000", "2026-01-31", ["x", "y"]), (None, None, None, None, None)]


@pytest.mark.parametrize(
    "select",
    ["SELECT 1::HUGEINT AS x", "SELECT NULL AS x", "SELECT uuid() AS x", "SELECT 1::UBIGINT AS x"],
)
def test_types_that_delta_lacks_are_stored_as_others(tmp_path: Path, select: str) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", select)
        session.bind("t")
        assert len(session.rows("SELECT x FROM t")) == 1


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", f"SELECT * FROM ({TYPED}) WHERE false")
        session.bind("t")
        assert session.frame("SELECT * FROM t").columns == [
            "s",
            "i",
            "d",
            "day",
            "moment",
            "flag",
            "list",
        ]


def test_equal_content_is_not_written_again(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        first = session.write("t", "SELECT range AS i FROM range(5)", fingerprint="one")
        session.commit()
        again = session.write(
            "t", "SELECT range AS i FROM range(5) ORDER BY i DESC", fingerprint="two"
        )
        assert (again.version, again.digest) == (first.version, first.digest)
        other = session.write("t", "SELECT range AS i FROM range(6)")
        assert other.version == first.version + 1
        assert other.digest != first.digest


def test_what_the_manifest_does_not_name_does_not_exist(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", "SELECT 1 AS i")
        session.commit(stitch_generation=1)
        session.write("t", "SELECT 2 AS i")
        session.write("u", "SELECT 3 AS i")
    with open_session(tmp_path / "warehouse") as session:
        session.bind("t")
        assert session.rows("SELECT i FROM t") == [(1,)]
        with pytest.raises(C360Error, match="table u has not been built yet"):
            session.bind("u")
        assert session.warehouse.manifest.meta == {"stitch_generation": 1}


def test_a_column_without_any_value_can_be_searched_by_long_conditions(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", "SELECT NULL::VARCHAR AS s")
        session.bind("t")
        address = r"regexp_replace(upper(s), '\+[^@]*@', '@', 'g')"
        is_blocked = " OR ".join(
            f"coalesce(split_part({address}, '@', {part}) IN ({_listed(match)}), FALSE)"
            for part, match in ((1, "local"), (2, "domain"))
        )
        # As DuckDB fails on it where nothing is switched off.
        condition = f"WHEN NOT contains(s, '@') THEN FALSE ELSE {is_blocked}"
        query = f"SELECT CASE WHEN s IS NULL THEN NULL {condition} END FROM t"
        assert session.rows(query) == [(None,)]


def _listed(match: str) -> str:
    return ", ".join(map(quote_literal, blocked_values("email", match)))


@pytest.mark.parametrize(
    ("table", "counts"),
    [
        ("unified_changes_pks", False),
        ("other_brand/unified_changes_pks", False),
        # In a table of a tenant they are data, whatever it is called.
        ("domain/Shop_Visits", True),
        ("stitched/Shop_Visits", True),
        ("domain/unified_changes_pks", True),
        ("own_table", True),
        ("other_brand/own_table", True),
    ],
)
def test_columns_about_a_run_count_where_they_are_the_tenants(
    tmp_path: Path, table: str, counts: bool
) -> None:
    with open_session(tmp_path / "warehouse") as session:
        one = session.write(table, "SELECT 1 AS i, 'run 1' AS job_id, 5 AS timestamp")
        two = session.write(table, "SELECT 1 AS i, 'run 2' AS job_id, 6 AS timestamp")
    assert (one.digest != two.digest, one.version != two.version) == (counts, counts)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.text(max_size=3) | st.none(), st.integers(0, 3) | st.none()), max_size=8
    ),
    seed=st.randoms(),
)
def test_a_digest_depends_on_values_not_on_order(
    rows: list[tuple[str | None, int | None]], seed: object
) -> None:
    import tempfile

    schema = {"s": pl.String, "i": pl.Int64}
    shuffled = list(rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    with (
        tempfile.TemporaryDirectory() as folder,
        open_session(Path(folder) / "warehouse") as session,
    ):
        one = session.write("a", pl.DataFrame(rows, schema=schema, orient="row"))
        two = session.write("b", pl.DataFrame(shuffled, schema=schema, orient="row"))
        more = session.write("c", pl.DataFrame([*rows, ("new", 9)], schema=schema, orient="row"))
    assert one.digest == two.digest != more.digest


def test_duplicate_rows_do_not_cancel_out(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        pair = session.write("a", "SELECT 'x' AS s FROM range(2)")
        other = session.write("b", "SELECT 'y' AS s FROM range(2)")
    assert pair.digest != other.digest


def test_a_table_name_cannot_leave_the_warehouse(tmp_path: Path) -> None:
    with (
        open_session(tmp_path / "warehouse") as session,
        pytest.raises(C360Error, match="leaves the warehouse folder"),
    ):
        session.write("../elsewhere", "SELECT 1 AS i")


KILLED = """
import os, signal, sys
from pathlib import Path
from c360_assets.warehouse.session import open_session
with open_session(Path(sys.argv[1]) / "warehouse") as session:
    session.write("t", "SELECT 2 AS i")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_between_write_and_commit_the_old_state_stands(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", "SELECT 1 AS i")
        session.commit()
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert DeltaTable(tmp_path / "warehouse" / "t").version() == 1
    with open_session(tmp_path / "warehouse") as session:
        session.bind("t")
        assert session.rows("SELECT i FROM t") == [(1,)]
        state = session.write("t", "SELECT 2 AS i")
        session.commit()
    assert Manifest.load(tmp_path / "warehouse" / "manifest.json").tables["t"] == state
    assert Warehouse.open(tmp_path / "warehouse").state("t") == state


@pytest.mark.parametrize("renamed", ["'a' AS y, 'b' AS x", "'a' AS z, 'b' AS y"])
def test_a_column_of_another_name_is_other_content(tmp_path: Path, renamed: str) -> None:
    with open_session(tmp_path / "warehouse") as session:
        before = session.write("t", "SELECT 'a' AS x, 'b' AS y")
        after = session.write("t", f"SELECT {renamed}")
        session.bind("t", "t")
        ((y,),) = session.rows("SELECT y FROM t")
    assert y == ("a" if "'a' AS y" in renamed else "b")
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 100::BIGINT AS i", "SELECT 1.00::DECIMAL(38, 2) AS i"),
        ("SELECT 1.00::DECIMAL(38, 2) AS i", "SELECT 0.0100::DECIMAL(38, 4) AS i"),
        ("SELECT NULL::VARCHAR AS i", "SELECT NULL::DATE AS i"),
        ("SELECT 1 AS i WHERE FALSE", "SELECT 1 AS j WHERE FALSE"),
    ],
)
def test_a_column_of_another_type_is_other_content(tmp_path: Path, one: str, other: str) -> None:
    with open_session(tmp_path / "warehouse") as session:
        assert session.write("t", one).digest != session.write("t", other).digest
        assert session.digest(one) != session.digest(other)


def test_rows_are_put_in_by_name_whatever_the_order_of_columns(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        session.write("t", "SELECT 1 AS k, 'a' AS x, 'b' AS y")
        fresh = "SELECT 'd' AS y, 2 AS k, 'c' AS x"
        put_in = session.upsert("t", fresh, "SELECT 2 AS k", "k")
        session.bind("t", "t")
        assert session.rows("SELECT k, x, y FROM t ORDER BY k") == [(1, "a", "b"), (2, "c", "d")]
        whole = "SELECT 1 AS k, 'a' AS x, 'b' AS y UNION ALL SELECT 2, 'c', 'd'"
        assert session.write("whole", whole).digest == put_in.digest


def test_a_table_without_rows_names_no_file(tmp_path: Path) -> None:
    with open_session(tmp_path / "warehouse") as session:
        none = "SELECT 1 AS i WHERE FALSE"
        session.write("written", none)
        session.write("framed", pl.DataFrame({"i": [1]}).clear())
        session.upsert("put_in", none, none, "i")
        session.commit()
        for table, state in session.warehouse.manifest.tables.items():
            folder = session.warehouse.path(table)
            assert (state.files, list(folder.glob("*.parquet"))) == ([], []), table
