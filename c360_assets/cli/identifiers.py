"""How people are named on the command line: options, and what their values must be.

What is found by them is in the room `privacy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from c360_assets.privacy.identifiers import Identifiers

LEAST_DIGITS = 7  # of a phone number
LEAST_ID = 8  # characters of an amperity_id
PERSON = "Who (several are alternatives)"
IdsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        help="An amperity_id, or at least its first eight characters.",
        metavar="ID",
        rich_help_panel=PERSON,
    ),
]
EmailsOption = Annotated[
    list[str] | None,
    typer.Option("--email", help="An e-mail address, in any spelling.", rich_help_panel=PERSON),
]
PhonesOption = Annotated[
    list[str] | None,
    typer.Option("--phone", help="A phone number, in any spelling.", rich_help_panel=PERSON),
]
KeysOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source-key",
        help="A row of a source table: `Source:Feed=KEY`.",
        metavar="TABLE=KEY",
        rich_help_panel=PERSON,
    ),
]


def identifiers(
    ids: list[str] | None,
    emails: list[str] | None,
    phones: list[str] | None,
    source_keys: list[str] | None,
) -> Identifiers:
    """What the options name somebody by; wrong use where they name nobody."""
    from c360_assets.privacy.identifiers import Identifiers

    for email in emails or []:
        _require("@" in email, "this is no e-mail address", "--email")
    for phone in phones or []:
        digits = sum(character.isdigit() for character in phone)
        _require(digits >= LEAST_DIGITS, "a phone number has seven digits or more", "--phone")
    for amperity_id in ids or []:
        message = "give at least the first eight characters of an amperity_id"
        _require(len(amperity_id) >= LEAST_ID, message, "--id")
    pairs = [_source_key(text) for text in source_keys or []]
    asked = Identifiers(ids or (), emails or (), phones or (), pairs)
    if asked.is_empty:
        raise typer.BadParameter("say who: --id, --email, --phone or --source-key")
    return asked


def _require(holds: bool, message: str, option: str) -> None:
    if not holds:
        raise typer.BadParameter(message, param_hint=option)


def _source_key(text: str) -> tuple[str, str]:
    table, _, key = text.partition("=")
    _require(bool(table and key), "write a source key as Source:Feed=KEY", "--source-key")
    return table, key


def foreign_key(text: str) -> tuple[str, str]:
    """Tag and value of a customer number."""
    tag, _, value = text.partition("=")
    is_whole = tag.startswith("fk-") and bool(value)
    _require(is_whole, "write a customer number as fk-NAMESPACE=VALUE", "--foreign-key")
    return tag, value
