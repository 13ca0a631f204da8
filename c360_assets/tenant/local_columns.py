"""Names of the columns that records have beside their tags where the tenant names its country.

What they hold is `stitch.prepare.local_forms`; the database's SQL reads them by these names.
"""

from __future__ import annotations

from c360_assets.semantics.phone_plans import e164_column
from c360_assets.tenant.tenant_folder import Tenant

ADDRESS_COLUMNS = ("address_standard", "state_code")
LOCAL_COLUMNS = (e164_column("phone"), *ADDRESS_COLUMNS)  # those that are documented


def phone_columns(tenant: Tenant) -> list[str]:
    """Columns whose numbers are wanted in international form too."""
    columns = ["phone"]
    for policy in (tenant.merge_policy, *tenant.merge_policies.values()):
        columns += policy.multi_value.get("phone", [])
    return list(dict.fromkeys(columns))


def local_columns(tenant: Tenant) -> list[str]:
    """The columns that the tenant's records have."""
    if tenant.home is None:
        return []
    return [*(e164_column(column) for column in phone_columns(tenant)), *ADDRESS_COLUMNS]
