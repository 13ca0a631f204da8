"""Services that are reached by a connector of drt: HubSpot, Klaviyo, Salesforce and the like.

Only drt's destinations are used, as a library: neither its command line nor its state, so nothing
of a person stays outside the tenant. What a service answers may quote values and is not repeated.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError

from c360_assets.errors import C360Error
from c360_assets.segments.delivery import Delivery, Pace, batches
from c360_assets.tenant.models import DestinationConfig
from c360_assets.warehouse.session import Session

# Connectors that write elsewhere than to a service, and what stands for them here.
OWN_TYPES = {
    "file": "type: files",
    "parquet": "type: files with format: parquet",
    "s3": "type: files with path: s3://...",
    "gcs": "type: files with path: gs://...",
    "azure_blob": "type: files with path: az://...",
    "postgres": "type: postgres",
}
SECRET = re.compile(r"key|token|secret|password|credential|webhook")
LOGGERS = ("drt", "httpx", "httpcore")


def load_rows(session: Session, config: DestinationConfig, delivery: Delivery) -> list[int]:
    """Give all rows to the connector and return the places of those that it could not bring.

    Raises ImportError without drt, C360Error for settings that it does not accept or rows that it
    left out without saying which.
    """
    from drt.config.models import SyncOptions
    from drt.connectors.registry import get_destination

    parsed = _parsed(config)
    receiver: Any = get_destination(parsed)
    options = SyncOptions(batch_size=config.batch, on_error="skip")
    pace = Pace(config.per_second)
    refused: list[int] = []
    offset = 0
    with _silent():
        for rows in batches(session, delivery, config.batch):
            pace.wait()
            # As JSON has them: a template of drt writes texts and numbers.
            records: list[dict[str, Any]] = json.loads(rows.write_json())
            result = receiver.load(records, parsed, options)
            places = {error.batch_index for error in result.row_errors}
            if result.success + len(places) != rows.height:
                raise C360Error(
                    f"the connector {config.connector} does not say which of the rows from "
                    f"{offset} on it brought"
                )
            refused += [offset + place for place in sorted(places)]
            offset += rows.height
    return refused


def setting_problems(config: DestinationConfig) -> Iterator[tuple[str, str, str]]:
    """Setting, message and remedy of what cannot be sent by a connector."""
    instead = OWN_TYPES.get(str(config.connector))
    if instead is not None:
        yield "connector", f"{config.connector} is no service", f"use {instead}"
        return
    try:
        from drt.connectors.registry import destination_config_class
    except ImportError:
        remedy = "pip install 'c360-assets[saas]'"
        yield "type", "needs an optional part of this package", remedy
        return
    if destination_config_class(str(config.connector)) is None:
        yield "connector", f"there is no connector {config.connector}", f"there are {_known()}"
        return
    try:
        parsed = _parsed(config)
    except C360Error as error:
        yield "settings", str(error), f"see drt's documentation of {config.connector}"
        return
    for place in _secrets(parsed):
        remedy = f"name the environment variable that holds it: {place}_env"
        yield "settings", f"{place} holds a secret", remedy


def _known() -> str:
    from drt.connectors.registry import registered_destination_types

    return ", ".join(name for name in registered_destination_types() if name not in OWN_TYPES)


def _parsed(config: DestinationConfig) -> Any:
    from drt.connectors.registry import destination_config_class

    kind = destination_config_class(str(config.connector))
    if kind is None:
        raise C360Error(f"drt has no connector {config.connector}")
    try:
        return kind.model_validate({"type": config.connector, **config.settings})
    except ValidationError as error:
        # The text of an error holds the value, which may be a secret.
        places = {".".join(map(str, one["loc"])) or "they" for one in error.errors()}
        listed = ", ".join(sorted(places))
        raise C360Error(f"the connector does not accept its settings: {listed}") from None


def _secrets(settings: BaseModel, within: str = "") -> Iterator[str]:
    """Settings that hold a secret which `..._env` beside them would name."""
    fields = type(settings).model_fields
    for name in fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value, f"{within}{name}.")
        elif value and f"{name}_env" in fields and SECRET.search(name):
            yield f"{within}{name}"


@contextmanager
def _silent() -> Iterator[None]:
    """Libraries log addresses and parts of rows."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
