"""Posts the rows of a delivery to an HTTP address, in batches and at a pace that it can bear.

Each request is JSON: `campaign`, `delivery`, `mode`, `offset` (how many rows came before),
`total`, and `rows`. It carries `Idempotency-Key`, the same whenever the same batch is sent again,
so a receiver that keeps the keys takes nobody twice. An answer 2xx has taken the rows, but for
those whose numbers within the batch it lists as `rejected`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from c360_assets.errors import C360Error
from c360_assets.segments.delivery import Delivery, Pace, batches, variable
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.session import Session

SECONDS = (15, 120)  # to connect, and to answer
LONGEST_PAUSE = 300.0  # seconds; a run holds the tenant meanwhile
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Patience(Retry):
    """Waits as long as a busy receiver asks for, within reason."""

    def get_retry_after(self, response: Any) -> float | None:
        """Raises C360Error where that is too long: to knock earlier would be impolite."""
        try:
            seconds = super().get_retry_after(response)
        except InvalidHeader:
            return None
        if seconds is not None and seconds > LONGEST_PAUSE:
            raise C360Error(
                f"the receiver answered {response.status} and asks to wait {seconds:,.0f} seconds, "
                f"longer than a run waits ({LONGEST_PAUSE:.0f}): send again after that"
            )
        return seconds


# What a receiver may answer when it is busy; it says how long to wait, or the pause doubles.
BUSY = _Patience(
    total=5,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    redirect=0,
)


def post_rows(session: Session, config: DestinationConfig, delivery: Delivery) -> list[int]:
    """Post all rows and return the places of those that the receiver rejected.

    A whole list of nobody is one request without rows, so that the receiver empties what it has.
    Raises C360Error where the receiver does not answer 2xx, with the number of the batch.
    """
    address = _address(config)
    headers = {"Content-Type": "application/json"}
    if config.token_env is not None:
        headers["Authorization"] = f"Bearer {variable(config.token_env, 'the token')}"
    ((total,),) = session.rows("SELECT count(*) FROM leaving")
    pace = Pace(config.per_second)
    rejected: list[int] = []
    offset = 0
    with requests.Session() as client:
        client.mount("https://", HTTPAdapter(max_retries=BUSY))
        client.mount("http://", HTTPAdapter(max_retries=BUSY))
        client.headers.update(headers)
        for rows in batches(session, delivery, config.batch):
            pace.wait()
            body = _body(delivery, offset, total, rows)
            answer = _posted(client, address, body)
            rejected += [offset + place for place in _rejected(answer, rows.height, offset)]
            offset += rows.height
        if not total and not delivery.has_actions:
            _posted(client, address, _body(delivery, 0, 0, pl.DataFrame()))
    return rejected


def _address(config: DestinationConfig) -> str:
    """Raises C360Error for one that is none, or that sends in the clear over a network."""
    address = variable(config.url_env, "the receiver's address (https://...)")
    parts = urlsplit(address)
    is_safe = parts.scheme == "https" or parts.hostname in LOOPBACK
    if parts.scheme not in ("https", "http") or not parts.hostname or not is_safe:
        raise C360Error(
            f"{config.url_env} must hold an https:// address; http:// is for this machine only"
        )
    return address


def _body(delivery: Delivery, offset: int, total: int, rows: pl.DataFrame) -> str:
    facts = {
        "campaign": delivery.campaign,
        "delivery": delivery.number,
        "mode": "add_remove" if delivery.has_actions else "full",
        "offset": offset,
        "total": total,
    }
    return f'{json.dumps(facts)[:-1]}, "rows": {rows.write_json()}}}'


def _posted(client: requests.Session, address: str, body: str) -> requests.Response:
    data = body.encode()
    key = hashlib.sha256(data).hexdigest()
    # Another host would get the rows without having been named.
    answer = client.post(
        address,
        data=data,
        headers={"Idempotency-Key": key},
        timeout=SECONDS,
        allow_redirects=False,
    )
    if not 200 <= answer.status_code < 300:
        raise C360Error(f"the receiver answered {answer.status_code}")
    return answer


def _rejected(answer: requests.Response, count: int, offset: int) -> list[int]:
    """The numbers of rows within a batch that the receiver did not take."""
    try:
        content: Any = answer.json()
    except ValueError:
        return []  # an answer without JSON takes all
    if not isinstance(content, Mapping):
        return []
    listed = content.get("rejected", [])
    places = listed if isinstance(listed, list) else [None]
    if not all(type(place) is int and 0 <= place < count for place in places):
        raise C360Error(
            f"the receiver answered `rejected` for the rows from {offset} on with something else "
            "than numbers of the batch's rows"
        )
    return sorted(set(places))
