"""Alerts of assets that are older than their freshness policy allows, as Dagster's daemon judges.

The policies belong to `freshness`. An asset that waits for something which was alerted of already
is not told of a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import dagster as dg

from c360_assets.automation.alerts import Alert, open_alerts
from c360_assets.automation.freshness import freshness_policies
from c360_assets.tenant.models import Tenant

# The name of `dagster.FreshnessState.FAIL`, which Dagster does not make public.
FAILED = "FAIL"
DOMAIN = "domain"
SHOWN = 3
# Alerts that tell why a delivery, or what the activation makes, is not fresh.
CAUSES_OF_FEEDS = ("missing", "stopped", "late", "load_failed", "unreachable")
CAUSES_OF_THE_DAY = (
    *CAUSES_OF_FEEDS,
    "stitch_failed",
    "activation_failed",
    "unpublished",
    "silent",
)


class Freshness:
    """The tenant's assets with a policy, of which a sensor asks at each tick."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.keys = list(freshness_policies(tenant))
        feeds = {feed.physical: feed.name for feed in tenant.feeds}
        self._feeds: Mapping[dg.AssetKey, str] = {
            key: feeds[key.path[1]] for key in self.keys if key.path[0] == DOMAIN
        }

    def overdue(self, instance: dg.DagsterInstance) -> dict[str, list[str]]:
        """Assets that are too old, by feed; those that the activation makes under ''."""
        by_feed: dict[str, list[str]] = {}
        records = instance.get_freshness_state_records(self.keys) if self.keys else {}
        for key, record in sorted(records.items()):
            if record.freshness_state.value == FAILED:
                name = key.to_user_string()
                by_feed.setdefault(self._feeds.get(key, ""), []).append(name)
        return by_feed

    def alerts(self, overdue: Mapping[str, list[str]], day: date) -> list[Alert]:
        """One alert a feed and one of what the activation makes, unless its cause was told."""
        told = {(entry["kind"], entry["feed"]) for entry in open_alerts(self.tenant)}
        kinds = {kind for kind, _ in told}
        alerts = []
        for feed, assets in overdue.items():
            if feed:
                is_told = any((kind, feed) in told for kind in CAUSES_OF_FEEDS)
            else:
                is_told = not kinds.isdisjoint(CAUSES_OF_THE_DAY)
            if not is_told:
                alerts.append(Alert("overdue", feed, day, _message(feed, assets)))
        return alerts


def _message(feed: str, assets: list[str]) -> str:
    more = f" and {len(assets) - SHOWN} more" if len(assets) > SHOWN else ""
    shown = ", ".join(assets[:SHOWN]) + more
    subject = f"{feed} ({shown})" if feed else shown
    return f"{subject}: older than the freshness policy allows; the asset's page in the UI shows it"
