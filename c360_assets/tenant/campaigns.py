"""Campaigns: `campaigns/NAME.yaml`, what is sent to whom, by which channel, for which purpose."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from c360_assets.tenant.base_models import EachOnce, Name, Strict
from c360_assets.tenant.durations import duration
from c360_assets.tenant.segments import PRIMARY_DATABASE, Percentage, percent

NO_CONSENT = re.compile(r"none, +because +(.*\S)", re.DOTALL)
MOST_AUDIENCES = 60
LEAST_SPAN = timedelta(hours=1)  # a campaign is sent once a day
REST = "rest"  # the audience of those who fit none that is named
MOST_SEGMENTS = 10
Channel = Literal["email", "sms", "post"]
# What a list may hold besides columns of customer_360.
OWN_ATTRIBUTES = ("treatment", "audience", "segment")
PlainName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_ -]*$")]


def _time_span(text: Any) -> str:
    try:
        span = duration(text if isinstance(text, str) else "")
    except ValueError:
        raise ValueError("must be a duration, such as 7d") from None
    if span < LEAST_SPAN:
        raise ValueError("must be an hour at least, such as 7d: `m` is minutes, a month is 30d")
    return str(text)


Duration = Annotated[str, BeforeValidator(_time_span)]


def reason_in(consent: str | None) -> str | None:
    """The reason in `none, because "…"`; None where it says something else."""
    found = NO_CONSENT.fullmatch((consent or "").strip())
    return found[1].strip('"“”') if found is not None else None


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class SubAudience(Strict):
    """A part of the audience: those of it who are in one of `segments`; the first that fits
    counts."""

    name: PlainName
    segments: Annotated[list[Name], EachOnce] = Field(min_length=1)

    @field_validator("segments", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return _names(value)


class CampaignConfig(Strict):
    """`campaigns/NAME.yaml`.

    Without `purpose` there must be `consent: none, because "…"`. `full` sends the whole list each
    time, `add_remove` what changed since the receiver's last. The salt decides who is control and
    must never change; without one it is the tenant's id and the campaign's name.
    """

    description: str = ""
    database: str = PRIMARY_DATABASE
    include: Annotated[list[Name], EachOnce] = Field(min_length=1, max_length=MOST_SEGMENTS)
    exclude: Annotated[list[Name], EachOnce] = Field(default_factory=list, max_length=MOST_SEGMENTS)
    audiences: list[SubAudience] = Field(default_factory=list, max_length=MOST_AUDIENCES)
    treatments: dict[PlainName, Percentage] = Field(default_factory=lambda: {"default": "100%"})
    control: Percentage = "0%"
    salt: Annotated[str, StringConstraints(min_length=8)] | None = None
    channel: Channel
    purpose: Name | None = None
    consent: str | None = None
    brand: Name | None = None
    destination: Annotated[list[Name], EachOnce] = Field(min_length=1)
    attributes: list[Name] = Field(min_length=1)
    hash_as: Literal["google", "meta", "plain"] | None = None
    mode: Literal["full", "add_remove"] = "full"
    once: bool = False
    every: Duration | None = None
    not_more_often_than: Duration | None = None

    @field_validator("include", "exclude", "destination", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return _names(value)

    @field_validator("audiences")
    @classmethod
    def _names_tell_them_apart(cls, value: list[SubAudience]) -> list[SubAudience]:
        names = [audience.name for audience in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is the name of two audiences: give one another name")
        if REST in names:
            raise ValueError(f"{REST} is the name of those who fit none: give another name")
        return value

    @field_validator("control")
    @classmethod
    def _leaves_somebody(cls, value: str) -> str:
        if percent(value) >= 100:
            raise ValueError("must be less than 100%: nobody would be left to send to")
        return value

    @field_validator("treatments")
    @classmethod
    def _add_up(cls, value: dict[str, str]) -> dict[str, str]:
        total = sum(percent(share) for share in value.values())
        if abs(total - 100) > 1e-9:
            raise ValueError(f"must add up to 100%, and are {total:g}%")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> CampaignConfig:
        if self.purpose is None and self.consent is None:
            raise ValueError("must give purpose (workflow.yaml: purposes)")
        if self.purpose is not None and self.consent is not None:
            raise ValueError("has both purpose and consent: remove one of them")
        if self.consent is not None and reason_in(self.consent) is None:
            raise ValueError('consent must be: none, because "…" with the reason')
        if self.mode == "add_remove" and self.not_more_often_than is not None:
            raise ValueError("not_more_often_than is of mode full: add_remove sends nobody twice")
        if self.once and self.every is not None:
            raise ValueError("has both once and every: remove one of them")
        return self

    @property
    def reason_without_consent(self) -> str | None:
        """Why nobody is asked for consent; None where consent is asked."""
        return reason_in(self.consent)


class PostConsent(Strict):
    """Where consent to post stands: a table, its columns of the address, which customer_360 has by
    the same names, and that of the answer; `brand` is that of the brand, without which every
    statement counts for every brand."""

    table: Name
    address: list[Name] = Field(min_length=1)
    opted_in: Name
    brand: Name | None = None


class Purpose(Strict):
    """What a purpose is called in the statements of consent, by channel.

    `email` and `sms` name columns of email_opt_status and sms_opt_status and the value in each; of
    `{}` every statement counts.
    """

    email: dict[Name, str] | None = None
    sms: dict[Name, str] | None = None
    post: PostConsent | None = None
