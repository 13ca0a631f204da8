"""`privacy` of `tenant.yaml`: how requests of people are carried out.

The requests themselves are rows of feeds with `compliance/request-…` tags; carrying them out
belongs to the room `privacy`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from c360_assets.tenant.base_models import Days, Strict
from c360_assets.tenant.cron import cron_problem


def _cron(text: str) -> str:
    problem = cron_problem(text)
    if problem:
        raise ValueError(f"{problem}, such as '0 5 * * *'")
    return text


class PrivacyConfig(Strict):
    """When requests are carried out.

    `cron` is when the scheduled asset looks for them. With `hold` it only reports them, until a
    person says `c360 privacy requests --carry-out`. A request that is older than `deadline_days`
    days warns.
    """

    cron: Annotated[str, AfterValidator(_cron)] = "0 5 * * *"
    hold: bool = False
    deadline_days: Days = Field(default=30, ge=1)
