"""Keys of blocks are made of names, addresses and e-mails, and say not whose they are."""

from __future__ import annotations

import duckdb
import pytest

from c360_assets.privacy.changes import Changes, register_work
from c360_assets.privacy.work import Work

COLUMNS = {"strategy": "VARCHAR", "bk": "VARCHAR", "n_records": "BIGINT"}


@pytest.mark.parametrize("mode", ["delete", "delete_pii"])
@pytest.mark.parametrize(("keys", "kept"), [("keys_of_blocks", ["SHARED", "BOB"]), (None, [])])
def test_a_block_of_nobody_who_stays_goes(mode: str, keys: str | None, kept: list[str]) -> None:
    work = Work("000001", mode, "connected_pii", "a test", records=[("Shop", "1")])  # type: ignore[arg-type]
    with duckdb.connect() as con:
        register_work(con, work)
        con.execute(
            "CREATE TABLE keys_of_blocks AS SELECT * FROM (VALUES "
            "('login', 'ANN.LEE70', 'Shop', '1'), ('name', 'SHARED', 'Shop', '1'), "
            "('name', 'SHARED', 'Shop', '2'), ('login', 'BOB', 'Shop', '2'), "
            "('login', NULL, 'Shop', '2'), ('login', 'SHARED', 'Shop', '1')"
            ") AS t(strategy, bk, datasource, pk)"
        )
        con.execute(
            "CREATE TABLE blocks AS SELECT * FROM (VALUES ('login', 'ANN.LEE70', 2), "
            "('name', 'SHARED', 2), ('login', 'BOB', 2), ('login', NULL, 2), "
            "('login', 'SHARED', 2)) AS t(strategy, bk, n_records)"
        )
        change = Changes(work).by_keys(con, "stitch_blocks", COLUMNS, "blocks", "", keys)
        left = con.execute(change.select(list(COLUMNS), "blocks")).fetchall()
    assert [bk for _, bk, _ in left] == kept
    assert change.rows == 5 - len(kept)
