"""Answers that follow from a tenant's declarations alone, computed once for each tenant.

A process asks the same of one tenant for each of its feeds, which with hundreds of feeds would take
as many times hundreds of answers. What depends on files or tables is not for here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from c360_assets.tenant.models import Tenant

Answer = TypeVar("Answer")
# Tenants that one process works on: its own, as each of its databases sees it.
TENANTS_REMEMBERED = 8


def once_per_tenant(question: Callable[[Tenant], Answer]) -> Callable[[Tenant], Answer]:
    """A function whose answer is computed once per tenant; nobody may change the answer.

    A tenant is known again by its identity: one that is read anew is another.
    """
    known: list[tuple[Tenant, Answer]] = []

    @wraps(question)
    def remembered(tenant: Tenant) -> Answer:
        for asked, answer in known:
            if asked is tenant:
                return answer
        answer = question(tenant)
        known[:] = [*known[1 - TENANTS_REMEMBERED :], (tenant, answer)]
        return answer

    return remembered
