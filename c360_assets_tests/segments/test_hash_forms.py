"""Hash forms of receivers as vectors: the normalised text of each spelling, and its SHA-256."""

from __future__ import annotations

import hashlib

import pytest

from c360_assets.segments.hash_forms import hashed, normalised
from c360_assets.semantics.contact_marks import CONTACT_MACROS
from c360_assets.semantics.phone_plans import phone_plan_macros, plan_of
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_literal

EMAILS = [
    ("google", " Jane.Doe@Gmail.com ", "janedoe@gmail.com"),
    ("google", "Jane.D oe@googlemail.com", "janedoe@googlemail.com"),
    ("google", "Jane.Doe@Example.com", "jane.doe@example.com"),
    ("meta", " Jane.Doe@Gmail.com ", "jane.doe@gmail.com"),
    ("plain", " Jane.Doe@Example.COM", "jane.doe@example.com"),
]
PHONES = [
    ("google", "US", "(650) 555-1212", "+16505551212"),
    ("google", "US", "1-650-555-1212", "+16505551212"),
    ("google", "US", "+44 20 7946 0958", "+442079460958"),
    ("plain", "US", "650.555.1212", "+16505551212"),
    ("meta", "US", "(650) 555-1212", "16505551212"),
    ("meta", "DE", "030 901820", "4930901820"),
    ("google", "DE", "0049 30 901820", "+4930901820"),
    ("google", "IT", "06 6982", "+39066982"),
    ("google", "DE", "+49 (0)30 901820", "+4930901820"),
    ("meta", "AU", "0011 61 2 9876 5432", "61298765432"),
    ("google", "US", "555-1212", None),
]


@pytest.mark.parametrize(("form", "given", "expected"), EMAILS)
def test_emails(session: Session, form: str, given: str, expected: str) -> None:
    value = quote_literal(given)
    texts = f"{normalised(value, 'email', form, 'US')}, {hashed(value, 'email', form, 'US')}"
    digest = hashlib.sha256(expected.encode()).hexdigest()
    assert session.rows(f"SELECT {texts}") == [(expected, digest)]


@pytest.mark.parametrize(("form", "country", "given", "expected"), PHONES)
def test_phones(
    session: Session, form: str, country: str, given: str, expected: str | None
) -> None:
    for statement in (*CONTACT_MACROS, *phone_plan_macros(plan_of(country))):
        session.execute(statement)
    value = quote_literal(given)
    texts = f"{normalised(value, 'phone', form, country)}, {hashed(value, 'phone', form, country)}"
    digest = hashlib.sha256(expected.encode()).hexdigest() if expected is not None else None
    assert session.rows(f"SELECT {texts}") == [(expected, digest)]


def test_a_digest_that_others_publish(session: Session) -> None:
    """SHA-256 of `test@example.com`, as receivers' documents and tools show it."""
    digest = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    assert session.rows(
        f"SELECT {hashed(quote_literal(' Test@Example.com'), 'email', 'meta', 'US')}"
    ) == [(digest,)]
