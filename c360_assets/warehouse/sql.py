"""Quoting of names and values for SQL text: the only two functions that may put a name or value into a statement."""

from __future__ import annotations


def quote_ident(name: str) -> str:
    """`name` as a quoted identifier; a dotted name must be quoted part by part."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str | None) -> str:
    """`value` as a string literal, NULL for None."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
