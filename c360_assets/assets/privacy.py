"""Requests of people as an asset: carried out on a schedule, with a check of their deadlines.

What a request means and how it is carried out belongs to the room `privacy`.
"""

from collections.abc import Iterator

import dagster as dg

from c360_assets.assets.resources import WarehouseResource, safe_errors
from c360_assets.ingest.personal_columns import request_tables
from c360_assets.privacy.requests import Outcome, carry_out_requests, read_requests
from c360_assets.run_tags import PRIVACY
from c360_assets.tenant.local_time import now
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import open_session

GROUP = "privacy"
DEADLINES = "deadlines"


def privacy_assets(tenant: Tenant) -> list[dg.AssetsDefinition]:
    """The asset of requests; none where no feed brings any."""
    tables = request_tables(tenant)
    if not tables:
        return []
    config = tenant.config.privacy
    hold = " They wait for `c360 privacy requests --carry-out`." if config.hold else ""

    @dg.asset(
        name=PRIVACY,
        group_name=GROUP,
        deps=[dg.AssetKey(table.asset.split("/")) for table in tables],
        description=f"Requests of people that landed, carried out.{hold}",
        check_specs=[
            dg.AssetCheckSpec(
                DEADLINES,
                asset=PRIVACY,
                description=f"No request is open for more than {config.deadline_days} days.",
            )
        ],
    )
    def privacy_requests(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with safe_errors(tenant.root / "logs"):
            outcome = Outcome()
            if not config.hold:
                outcome = carry_out_requests(tenant, context.log.info)
            with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
                still_open = read_requests(session, tenant)
        today = now(tenant).date()
        late = [one for one in still_open if one.is_late(today, config.deadline_days)]
        counts: dict[str, str | int] = {
            "receipts": ", ".join(receipt.receipt for receipt in outcome.receipts),
            "answers": len(outcome.answers),
            "open": len(still_open),
        }
        yield dg.MaterializeResult(metadata=counts)
        yield dg.AssetCheckResult(
            check_name=DEADLINES,
            passed=not late,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"late": len(late), "deadline_days": config.deadline_days},
        )

    return [privacy_requests]
