"""Work on several connections at once: results in order, temporary names by `ready`, an end after
the first failure.
"""

from pathlib import Path

import duckdb
import pytest

from c360_assets.warehouse.parallel import MOST_CONNECTIONS, together
from c360_assets.warehouse.session import Session, open_session


def test_results_stand_in_the_order_of_the_items_and_ready_names_what_the_work_reads(
    tmp_path: Path,
) -> None:
    def ready(own: Session) -> None:
        own.bind("t", "there")

    def work(own: Session, number: int) -> int:
        ((found,),) = own.rows("SELECT v + ? FROM there", [number])
        return int(found)

    with open_session(tmp_path / "warehouse") as session:
        session.write("t", "SELECT 100 AS v")  # pending: not committed
        assert together(session, work, range(50), ready) == list(range(100, 150))
        assert together(session, work, [], ready) == []


def test_after_a_failure_nothing_more_is_begun(tmp_path: Path) -> None:
    begun: list[int] = []

    def work(own: Session, number: int) -> None:
        begun.append(number)
        own.execute("SELECT count(*) FROM range(1000000)" if number else "SELECT missing")

    with open_session(tmp_path / "warehouse") as session:
        with pytest.raises(duckdb.BinderException):
            together(session, work, range(1000))
        assert session.rows("SELECT 1") == [(1,)]
    assert len(begun) < 1000 - MOST_CONNECTIONS


def test_a_session_beside_another_counts_days_in_the_same_zone(tmp_path: Path) -> None:
    def work(own: Session, moment: str) -> object:
        return own.rows("SELECT CAST(CAST(? AS TIMESTAMPTZ) AS DATE)::VARCHAR", [moment])[0][0]

    with open_session(tmp_path / "warehouse", "America/New_York") as session:
        assert together(session, work, ["2026-06-01 03:00:00+00", "2026-06-01 05:00:00+00"]) == [
            "2026-05-31",
            "2026-06-01",
        ]
