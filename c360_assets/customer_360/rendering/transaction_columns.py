"""Which columns unified_transactions and transaction_attributes_extended have for a tenant, by its
options: what customer_360 can be extended by."""

from __future__ import annotations

import re
from functools import lru_cache

from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.models import Tenant

OPTION = re.compile(r"\((?:option|block) (\w+)\)")


def transaction_attributes(tenant: Tenant) -> tuple[str, ...]:
    """Columns of transaction_attributes_extended, those of blocks that are switched on too."""
    blocks = tenant.config.customer_360.transaction_attributes_extended.blocks
    return _columns("transaction_attributes_extended", tuple(blocks))


def order_columns(tenant: Tenant) -> tuple[str, ...]:
    """Columns of unified_transactions, those of options that are switched on too."""
    options = tenant.config.customer_360.unified_transactions.options
    return _columns("unified_transactions", tuple(options))


@lru_cache
def _columns(table: str, switched_on: tuple[str, ...]) -> tuple[str, ...]:
    names = []
    for name, spec in all_tables()[table].columns.items():
        needed = OPTION.search(spec.description)
        if needed is None or needed[1] in switched_on:
            names.append(name)
    return tuple(names)
