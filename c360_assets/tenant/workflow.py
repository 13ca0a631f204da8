"""`workflow.yaml`: what a day expects of its feeds, when to activate, and who is alerted.

What follows from it belongs to `automation`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from c360_assets.tenant.base_models import EachOnce, Name, Strict
from c360_assets.tenant.campaigns import Purpose
from c360_assets.tenant.secrets_in_files import check_variable_name


class WorkflowFeed(Strict):
    """What a day expects of a feed.

    `wait` is how long a missing file is waited for; None waits without end. Then the day goes on
    without the feed, or with `stop` does not begin. `every` is the rhythm of its deliveries,
    `offset` how much older than the day they are.
    """

    required: bool = True
    every: str = "day"
    wait: str | None = None
    offset: str = "0d"
    notify: bool = True
    stop: bool = False


class ActivationConfig(Strict):
    """When the database is published.

    `on_stale` is for a Stitch that is not done by then. `late` is for files that come after the
    day's activation: they wait for the next day's, or Stitch and activation run again.
    """

    cron: str = "30 6 * * *"
    on_stale: Literal["wait", "publish"] = "wait"
    late: Literal["wait", "again"] = "wait"


class AlertsConfig(Strict):
    """Where alerts go: a line each to a file of the tenant, and to the channels that are given.

    `webhook` is a web address that is sent JSON; `webhook_env` names the environment variable that
    holds it instead. `notify_env` names variables that hold addresses of e-mail, chat and the like
    as the library `apprise` writes them, such as mailtos://user:password@mail.example.com?to=...

    `success` alerts of each day's activation too, `runtime` of a run that takes longer; without it
    none takes too long.
    """

    file: str = "logs/alerts.jsonl"
    webhook: str | None = None
    webhook_env: str | None = None
    notify_env: Annotated[list[str], EachOnce] = Field(default_factory=list)
    success: bool = False
    runtime: str | None = None

    @field_validator("webhook_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        return check_variable_name(value)

    @field_validator("notify_env")
    @classmethod
    def _name_variables(cls, value: list[str]) -> list[str]:
        for name in value:
            check_variable_name(name)
        return value


class WorkflowConfig(Strict):
    """`workflow.yaml`: which feeds a day needs, when the database is activated, what people can
    consent to, and which campaigns are sent after each publication.
    """

    feeds: dict[str, WorkflowFeed] = Field(default_factory=dict)
    activation: ActivationConfig = Field(default_factory=ActivationConfig)
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    purposes: dict[Name, Purpose] = Field(default_factory=dict)
    campaigns: Annotated[list[Name], EachOnce] = Field(default_factory=list)

    @field_validator("feeds", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: settings or {} for name, settings in value.items()}
