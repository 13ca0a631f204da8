"""Every row of the change tables has one cause, and the counts by cause add up."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from c360_assets.stitch.publish.causes import CAUSES, Generation, with_causes
from c360_assets.tenant.models import MatchingConfig, StitchConfig, Tenant
from c360_assets.warehouse.session import open_session
from c360_assets_tests.stitch.tenants import LABELS, PROFILE, feed, load, tenant
from c360_assets_tests.stitch.test_tenant_run import ZONE, read, run

SHOP = feed("Shop:Customers", PROFILE)
HOME = {"last": "Rivera", "tel": "2065550122", "street": "9 Fir Ave", "zip": "98102"}
ROWS = [
    {"id": "1", "first": "John", **HOME},
    {"id": "2", "first": "John", "mail": "jrivera@example.com", **HOME},
    {"id": "3", "first": "Olga", "last": "Peters", "mail": "olga@example.com"},
]


def day(brand: Tenant, rows: list[dict[str, str]], run_id: str, labels: int = 0) -> list[str]:
    """Stitch these rows, with a label that holds 1 and 2 apart or not; the causes of moved
    records."""
    label_rows = [
        {
            "id": str(n),
            "label": "L",
            "part": str(n),
            "source": "Shop:Customers",
            "what": "pk",
            "value": str(n),
        }
        for n in range(1, labels + 1)
    ]
    with open_session(brand.root / "warehouse", ZONE) as session:
        load(session, SHOP, rows)
        load(session, LABELS, label_rows)
        session.commit()
    run(brand, run_id=run_id, force=True)
    _adds_up(brand, run_id)
    changed = read(brand, "unified_changes_pks").filter(job_id=run_id, change_type="updated")
    return changed["cause"].to_list()


def _adds_up(brand: Tenant, run_id: str) -> None:
    pks = read(brand, "unified_changes_pks").filter(job_id=run_id)
    assert pks["cause"].null_count() == 0
    expected = {cause: pks.filter(cause=cause).height for cause in CAUSES}
    metrics = read(brand, "stitch_metrics").filter(metric="changes_by_cause")
    assert dict(metrics.select("bucket", "value").iter_rows()) == expected
    identities = read(brand, "stitch_identity_changes").filter(job_id=run_id)
    counted = dict.fromkeys(CAUSES, 0)
    for text in identities["causes"].drop_nulls():
        for cause, number in json.loads(text).items():
            counted[cause] += number
    assert counted == expected


@pytest.mark.long
def test_causes_of_a_tenant(tmp_path: Path) -> None:
    brand = tenant(tmp_path, SHOP, LABELS)
    assert day(brand, ROWS, "first") == []
    assert day(brand, ROWS, "split", labels=2) == ["label"]
    assert day(brand, ROWS, "merged") == ["label"], "the label is gone again"
    strict = StitchConfig(matching=MatchingConfig(threshold=5.0))
    other = tenant(tmp_path, SHOP, LABELS, stitch=strict)
    assert day(other, ROWS, "strict") == ["setting"]
    assert day(brand, ROWS, "lax") == ["setting"]
    changed = [ROWS[0], {**ROWS[1], "first": "Maximilian"}, ROWS[2]]
    assert day(brand, changed, "changed") == ["record_changed"]
    assert day(brand, [*changed[:1], *changed[2:]], "gone") == []


def records(*rows: tuple[str, int, int]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["pk", "component_id", "content"], orient="row")
    return frame.with_columns(datasource=pl.lit("S"))


def test_the_first_that_holds_counts() -> None:
    pks = pl.DataFrame({"datasource": "S", "pk": ["1", "2"], "change_type": ["updated", "added"]})
    before = Generation(records(("1", 1, 10), ("3", 1, 10), ("4", 2, 10)), None, "a")

    def cause(now: pl.DataFrame, settings: str = "a", refitted: bool = False) -> list[str]:
        now_made = Generation(now, None, settings)
        return with_causes(pks, now_made, before, refitted=refitted)["cause"].to_list()

    added = records(("1", 1, 10), ("2", 1, 10), ("3", 1, 10))
    changed = records(("1", 1, 11), ("2", 9, 10), ("3", 1, 10))
    gone = records(("1", 1, 10), ("2", 9, 10))
    # What happened in its component, whatever was set on the same day.
    for settings, refitted in (("a", False), ("b", False), ("b", True)):
        assert cause(added, settings, refitted) == ["record_added", "record_added"]
        assert cause(changed, settings, refitted) == ["record_changed", "record_added"]
        assert cause(gone, settings, refitted) == ["record_deleted", "record_added"]
    elsewhere = records(("1", 1, 10), ("2", 9, 10), ("3", 1, 10), ("4", 2, 10))
    assert cause(elsewhere, "b", refitted=True) == ["setting", "record_added"]
    assert cause(elsewhere, refitted=True) == ["refit", "record_added"]
    assert cause(elsewhere) == ["context", "record_added"]
