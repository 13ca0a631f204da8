"""What must hold between the things a tenant declares: the entry to all lints.

Feeds, tags and settings have a module of rules each. Whether SQL binds to the declared schemas needs an engine: the rooms that
run it (`ingest` for custom domain tables, `customer_360` for the database) each have a check of their own, joined by the CLI.
"""

from __future__ import annotations

from c360_assets.errors import Problem
from c360_assets.tenant import check_feeds, check_settings, check_tags
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import Tenant

RULES = (*check_feeds.RULES, *check_tags.RULES, *check_settings.RULES)


def lint(tenant: Tenant, *, complete: bool = True) -> list[Problem]:
    """All errors and warnings about a tenant whose files fit their shapes.

    With `complete` False some file did not: rules that ask whether something exists anywhere in the tenant stay silent.
    """
    findings = Findings(tenant, complete)
    for rule in RULES:
        rule(findings)
    return findings.problems
