"""The key by which a postal address and the statements about it find each other."""

from __future__ import annotations

import duckdb
import pytest

from c360_assets.customer_360.publication.consent import post_key

MOSCOW = ("ул. Ленина 5", "Москва", "101000")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (MOSCOW, ("УЛ ЛЕНИНА, 5", "москва", "101 000"), True),
        (MOSCOW, ("пр. Мира 5", "Москва", "101000"), False),
        (("Hauptstraße 5", "Köln", "50667"), ("HAUPTSTRASSE 5", "Koln", "50667"), True),
        (("Calle 1", "", "28013"), ("Calle 12", "", "8013"), False),
        (("東京都港区1-2", None, None), ("大阪市北区1-2", None, None), False),
    ],
)
def test_addresses(one: tuple[str, ...], other: tuple[str, ...], is_same: bool) -> None:
    key = f"SELECT {post_key(['a', 'b', 'c'])} FROM (SELECT ? AS a, ? AS b, ? AS c)"
    with duckdb.connect() as con:
        keys = [con.execute(key, list(address)).fetchone() for address in (one, other)]
        nothing = con.execute(key, [None, " ", "-"]).fetchone()
    assert (keys[0] == keys[1]) is is_same
    assert nothing == (None,)
