"""File patterns: pattern and path -> delivery day, and patterns that are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.tenant.files import FileMatch, FilePattern, PatternError

FOLDERS = "'files/'yyyy/MM/dd'/customers-*.csv'"
SHOP = "'shop/customers-'yyyyMMdd'*.csv'"
DAY = date(2024, 1, 31)


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        (FOLDERS, "files/2024/01/31/customers-.csv", DAY),
        (FOLDERS, "files/2024/01/31/customers-1.csv", DAY),
        (FOLDERS, "files/2024/01/31/customers-.csv.0", None),
        (FOLDERS, "files/2024/01/31/customers-0.json", None),
        (FOLDERS, "files/2024/01/31/deeper/customers-1.csv", None),
        (FOLDERS, "files/2024/01/31/customers.csv", None),
        (SHOP, "shop/customers-20240131.csv", DAY),
        (SHOP, "shop/customers-20240131-part2.csv", DAY),
        (SHOP, "shop/Customers-20240131.csv", None),
        (SHOP, "old/shop/customers-20240131.csv", None),
        ("'a-'yyyy-MM-dd'.gz'", "a-2024-01-31.gz", DAY),
        ("yyyy'/x-'yyyyMMdd", "2024/x-20240131", DAY),
        ("yyyy'/x-'yyyyMMdd", "2023/x-20240131", None),
        ("'it''s-'yyyyMMdd", "it's-20240131", DAY),
        ("'a.b-'yyyyMMdd", "aXb-20240131", None),
        ("'x 'dd-MMM-yyyy", "x 31-JAN-2024", DAY),
        ("'x 'MMM dd', 'yyyy", "x January 31, 2024", DAY),
        ("'x 'MMM dd', 'yyyy", "x Janvier 31, 2024", None),
        ("'x*'MMM' 'd', 'yyyy'*.csv'", "x_June 3, 2026_10.12.csv", date(2026, 6, 3)),
        ("'x*'d' 'MMM' 'yyyy", "x_12 June 2026", date(2026, 6, 12)),
        ("'x 'M-d-yyyy", "x 6-3-2026", date(2026, 6, 3)),
        ("'x 'M-d-yyyy", "x 006-3-2026", None),
        # An accent may be a sign of its own, as macOS writes it.
        ("'caf\u00e9-'yyyyMMdd", "cafe\u0301-20240131", DAY),
        ("'cafe\u0301-'yyyyMMdd", "caf\u00e9-20240131", DAY),
    ],
)
def test_match(pattern: str, path: str, found: date | None) -> None:
    assert FilePattern(pattern).match(path) == (FileMatch(path, found) if found else None)


def test_no_date_and_impossible_date() -> None:
    assert FilePattern("'a/*.csv'").match("a/x.csv") == FileMatch("a/x.csv", None, True)
    assert not FilePattern("'a/*.csv'").has_date
    assert FilePattern(SHOP).match("shop/customers-20240231.csv") == FileMatch(
        "shop/customers-20240231.csv", None, False
    )


@pytest.mark.parametrize(
    ("pattern", "root"),
    [
        (SHOP, "shop"),
        (FOLDERS, "files"),
        ("'a/b-*/c.csv'", "a"),
        ("'*.csv'", ""),
        ("'a/b/c.csv'", "a/b"),
        ("yyyyMMdd'/x.csv'", ""),
    ],
)
def test_glob_root(pattern: str, root: str) -> None:
    assert FilePattern(pattern).glob_root == root


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("shop/x-yyyyMMdd.csv", "put fixed text in single quotes"),
        ("'shop/x-'yyyyMMddHH", "neither a date part"),
        ("'shop/x-'yyyyMMd", "sign must stand around"),
        ("'shop/x-'yyyy-MM-dd-d", "not both"),
        ("'shop/x-'yyyyMM", "dd is missing"),
        ("'shop/x", "not closed"),
        ("'shop/x-'*", "inside single quotes"),
        ("'../x.csv'", "no '..'"),
        ("'a/../../x.csv'", "no '..'"),
        ("'/etc/x.csv'", "no leading '/'"),
        ("'a\\b.csv'", "no backslash"),
        ("'C:/x.csv'", "below landing/"),
        ("'/'", "names no file"),
        ("", "names no file"),
    ],
)
def test_refused(pattern: str, words: str) -> None:
    with pytest.raises(PatternError, match=words):
        FilePattern(pattern)


@pytest.mark.parametrize(
    ("path", "below", "readable"),
    [
        ("o-20240105", (), True),
        ("o-20240105/part-0", (), True),
        ("o-20240105/region=US/part-0", ("region=US",), True),
        ("o-20240105/region=US/city=NY/part-0", ("region=US", "city=NY"), False),
        ("o-20240105/old/part-0", ("old",), False),
        ("o-20240105/_temporary/part-0", None, False),
        ("o-20240105/region=US/.part-0.crc", None, False),
        ("x/o-20240105/part-0", None, False),
    ],
)
def test_files_in_a_folder_that_fits(
    path: str, below: tuple[str, ...] | None, readable: bool
) -> None:
    found = FilePattern("'o-'yyyyMMdd").fits(path, folders=True)
    assert (found and found.below) == below
    assert found is None or found.readable is readable


def test_an_accent_of_its_own_is_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cafe\u0301-20240131").touch()
    (match,) = FilePattern("'caf\u00e9-'yyyyMMdd").find(tmp_path)
    assert (match.path, match.day) == ("cafe\u0301-20240131", DAY)


def test_find_stays_inside(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    for name in ("shop/customers-20240102.csv", "shop/customers-20240101.csv", "shop/other.csv"):
        (landing / name).parent.mkdir(parents=True, exist_ok=True)
        (landing / name).write_text("x")
    (tmp_path / "secret.csv").write_text("x")
    (landing / "shop/customers-20240103.csv").symlink_to(tmp_path / "secret.csv")
    (landing / "shop/customers-20240104.csv").symlink_to(landing / "shop/other.csv")
    assert [m.path[-12:-4] for m in FilePattern(SHOP).find(landing)] == [
        "20240101",
        "20240102",
        "20240104",
    ]
    assert FilePattern(SHOP).find(tmp_path / "nothing") == []


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_a_pattern_error(text: str) -> None:
    try:
        pattern = FilePattern(text)
    except PatternError:
        return
    assert pattern.match("x") in (None, FileMatch("x"))


@given(
    st.from_regex(r"[a-z]{1,5}(/[a-z'.*]{1,6}){0,2}", fullmatch=True),
    st.dates(date(1900, 1, 1), date(2199, 12, 31)),
)
def test_a_pattern_matches_what_it_spells(literal: str, day: date) -> None:
    if ".." in literal.split("/"):
        return
    quoted = literal.replace("'", "''")
    path = f"{literal.replace('*', 'star')}{day:%Y%m%d}"
    assert FilePattern(f"'{quoted}'yyyyMMdd").match(path) == FileMatch(path, day)
