"""What must hold between the things a tenant declares: lints over a loaded tenant."""

from __future__ import annotations

from c360_assets.errors import Problem
from c360_assets.tenant.models import Tenant


def lint(tenant: Tenant) -> list[Problem]:
    """All errors and warnings about a tenant whose files fit their shapes."""
    return []
