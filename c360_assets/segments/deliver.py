"""How the rows of a delivery reach a receiver: a file in a folder or object store, a table in
PostgreSQL, requests over HTTP, or a service that a connector reaches.

The rows are the temporary table `leaving` of the session; which they are is `campaign_send`. Each
way is idempotent: a delivery that is made again takes the place of the one before. What is posted
in batches belongs to `post_rows` and `saas`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from c360_assets.customer_360.publication.postgres_connection import postgres
from c360_assets.customer_360.publication.send_errors import kind_of
from c360_assets.customer_360.publication.send_files import FORMATS, optional_part, put_file
from c360_assets.customer_360.publication.send_postgres import (
    FRESH,
    add_to_table,
    ensure_schema,
    replace_table,
)
from c360_assets.errors import C360Error
from c360_assets.segments.delivery import NUMBER, Delivery, variable
from c360_assets.segments.saas import load_rows
from c360_assets.tenant.models import DestinationConfig, Tenant
from c360_assets.warehouse.session import Session, private_folder
from c360_assets.warehouse.sql import quote_ident, quote_literal


def deliver(session: Session, tenant: Tenant, delivery: Delivery) -> list[int]:
    """Send the rows; returns the places, in the order of `rows_sql`, of those that the receiver
    refused one by one.

    Raises C360Error, which says nothing of what a receiver answered but its kind.
    """
    config = tenant.destinations[delivery.destination]
    with _safe_errors(config):
        match config.type:
            case "http":
                # Its client is imported where something is sent, not where Dagster names it.
                from c360_assets.segments.post_rows import post_rows

                return post_rows(session, config, delivery)
            case "saas":
                return load_rows(session, config, delivery)
            case "postgres":
                _to_postgres(session, config, delivery)
            case _:
                with _written(session, tenant, delivery) as file:
                    put_file(tenant, config, file)
    return []


def take_out(
    tenant: Tenant, destination: str, campaign: str, column: str, values: Sequence[str]
) -> None:
    """Delete rows from a whole list that is a table in PostgreSQL; without a table there are none.

    Raises C360Error as `deliver` does.
    """
    config = tenant.destinations[destination]
    target = f"{quote_ident(config.schema_name)}.{quote_ident(campaign)}"
    theirs = f"{quote_ident(column)} IN ({', '.join(map(quote_literal, values))})"
    with (
        _safe_errors(config),
        postgres(variable(config.url_env, "PostgreSQL's address")) as receiver,
    ):
        with receiver.cursor() as cursor:
            cursor.execute(f"SELECT to_regclass({quote_literal(target)}) IS NOT NULL")
            ((has_table,),) = cursor.fetchall()
            if has_table:
                cursor.execute(f"DELETE FROM {target} WHERE {theirs}")
        receiver.commit()


def render_digest(session: Session, tenant: Tenant, delivery: Delivery) -> str:
    """SHA-256 of the file as it will be sent; of a table, of its rows as CSV."""
    with _written(session, tenant, delivery) as file:
        return hashlib.sha256(file.read_bytes()).hexdigest()


def write_list(session: Session, tenant: Tenant, delivery: Delivery, path: Path) -> None:
    """Write the rows to a file of one's own, in the receiver's format."""
    config = tenant.destinations[delivery.destination]
    _, options = FORMATS[_format(config)]
    session.execute(f"COPY ({delivery.rows_sql()}) TO {quote_literal(str(path))} ({options})")
    path.chmod(0o600)


def _format(config: DestinationConfig) -> str:
    return config.format if config.type == "files" else "csv"


@contextmanager
def _written(session: Session, tenant: Tenant, delivery: Delivery) -> Iterator[Path]:
    config = tenant.destinations[delivery.destination]
    suffix, _ = FORMATS[_format(config)]
    with TemporaryDirectory(dir=private_folder(tenant.root / ".tmp")) as aside:
        file = Path(aside) / f"{delivery.file_stem}.{suffix}"
        write_list(session, tenant, delivery, file)
        yield file


def _to_postgres(session: Session, config: DestinationConfig, delivery: Delivery) -> None:
    """A table named as the campaign, replaced whole; changes are rows of it with their delivery,
    numbered by `change` in the order in which they come.

    One transaction: the receiver has all of it or nothing.
    """
    address = variable(config.url_env, "PostgreSQL's address")
    schema = config.schema_name
    campaign = delivery.campaign
    fresh = f"{hashlib.sha256(campaign.encode()).hexdigest()[:16]}{FRESH}"
    rows = delivery.rows_sql()
    if delivery.has_actions:
        rows = f"SELECT {delivery.number}::BIGINT AS {NUMBER}, * FROM ({rows})"
    with postgres(address) as receiver:
        with receiver.cursor() as cursor:
            ensure_schema(cursor, schema)
            with session.con.sql(rows).to_arrow_reader() as reader:
                cursor.adbc_ingest(fresh, reader, mode="create", db_schema_name=schema)
            if delivery.has_actions:
                same = f"{NUMBER} = {delivery.number}"
                add_to_table(cursor, schema, fresh, campaign, instead_of=same)
            else:
                replace_table(cursor, schema, fresh, campaign)
        receiver.commit()


@contextmanager
def _safe_errors(config: DestinationConfig) -> Iterator[None]:
    """Whatever a receiver says may quote values or credentials, so only its kind is reported."""
    try:
        yield
    except C360Error:
        raise
    except ImportError:
        raise C360Error(f"it needs {optional_part(config)}") from None
    except Exception as error:
        raise C360Error(f"the receiver did not take it ({kind_of(error)})") from None
