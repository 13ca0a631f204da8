"""`retention` of `tenant.yaml`: how long what is not current is kept.

What is current is never removed. Removing belongs to `warehouse` and `automation`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from c360_assets.tenant.base_models import Strict
from c360_assets.tenant.durations import duration

LEAST = timedelta(days=1)


def _checked(text: str) -> str:
    try:
        span = duration(text)
    except ValueError:
        raise ValueError("must be a duration of a day or more, such as 14d") from None
    if span < LEAST:
        raise ValueError("must be a day or more, such as 14d")
    return text


Span = Annotated[str, AfterValidator(_checked)]


class RetentionConfig(Strict):
    """How long things are kept.

    `tables` are earlier versions of source tables: those of tables that are made from them go when
    a run is done and nobody reads them. `databases` are earlier published ones, of which there are
    at most `most_databases` and always the newest, `runs` those of Dagster with their events,
    `logs` files of row errors, `alerts` lines of the file of alerts, `cache` copies of remote files
    that no feed names any more.
    """

    tables: Span = "14d"
    databases: Span = "14d"
    most_databases: Annotated[int, Field(ge=1)] = 10
    runs: Span = "14d"
    logs: Span = "90d"
    alerts: Span = "90d"
    cache: Span = "14d"
