"""A tenant of two customer feeds and one that nobody waits for, small enough for a whole day in
seconds."""

from __future__ import annotations

import gzip
import shutil
from datetime import date
from pathlib import Path

TENANT = """
id: 3d0f6a52-9d5e-4a1b-8c6e-0b6f1d2a7c11
name: Small
timezone: America/New_York
first_day: 2026-03-01
as_of: last_delivery
"""
WORKFLOW = """
feeds:
  Shop:Customers: {required: true}
  Club:Members: {required: true}
  Post:Letters: {required: false}
"""
SHOP = """
source: Shop
feed: Customers
description: Online shop accounts
files: {pattern: "'shop/customers-'yyyyMMdd'*.csv'", format: csv}
primary_key: [customer_id]
stitch: true
error_threshold: 20
fields:
  customer_id: {type: string, tags: [fk-customer-id]}
  email: {type: string, tags: [email], required: true}
  first: {type: string, tags: [given-name]}
  last: {type: string, tags: [surname]}
  visits: {type: integer}
"""
CLUB = """
source: Club
feed: Members
description: Members of the club
files: {pattern: "'club/members-'yyyyMMdd'*.csv.gz'", format: csv}
primary_key: [member]
stitch: true
fields:
  member: {type: string, tags: [fk-member]}
  mail: {type: string, tags: [email]}
  name: {type: string, tags: [given-name]}
  surname: {type: string, tags: [surname]}
"""
POST = """
source: Post
feed: Letters
description: Letters that came in
files: {pattern: "'post/letters-'yyyyMMdd'*.csv'", format: csv}
primary_key: [letter]
stitch: false
error_threshold: 20
fields:
  letter: {type: string}
  subject: {type: string}
  pages: {type: integer}
"""
FEEDS = {"shop/customers": SHOP, "club/members": CLUB, "post/letters": POST}
PEOPLE = [
    ("Ann", "Archer"),
    ("Bob", "Baker"),
    ("Cleo", "Carver"),
    ("Dan", "Drover"),
    ("Eve", "Eagle"),
    ("Fay", "Fowler"),
]
FIRST, SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)

Rows = list[tuple[object, ...]]
SHOP_ROWS: Rows = [
    (f"c{i}", f"{first.lower()}@example.com", first, last, i)
    for i, (first, last) in enumerate(PEOPLE)
]
CLUB_ROWS: Rows = [
    (f"m{i}", f"{first.lower()}@example.com", first, last)
    for i, (first, last) in enumerate(PEOPLE[:4])
]
# What tries to steer a terminal, and a spreadsheet.
CLEAR = "\x1b[2J"
TITLE = "\x1b]0;owned\x07"
SPOILED = f"An{CLEAR}n{TITLE}\x9b31m\u202e"
FORMULA = "=1+1"
SUBJECTS = [SPOILED, FORMULA, "Hello", "Hello", "Hello", "Hello"]
POST_ROWS: Rows = [(f"l{i}", subject, i + 1) for i, subject in enumerate(SUBJECTS)]
USUAL = {"shop/customers": SHOP_ROWS, "club/members": CLUB_ROWS, "post/letters": POST_ROWS}
COLUMNS = {
    "shop/customers": "customer_id,email,first,last,visits",
    "club/members": "member,mail,name,surname",
    "post/letters": "letter,subject,pages",
}


def small_tenant(root: Path) -> Path:
    """Write the configuration; nothing has landed."""
    texts = {"tenant.yaml": TENANT, "workflow.yaml": WORKFLOW} | {
        f"feeds/{n}.yaml": t for n, t in FEEDS.items()
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), "utf-8")
    (root / "landing").mkdir()
    return root


def land(
    root: Path, name: str, day: date, rows: Rows | None = None, columns: str | None = None
) -> Path:
    """Drop a delivery of the feed `name` (as in `FEEDS`) for `day`: its usual rows unless others
    are given."""
    lines = [
        columns or COLUMNS[name],
        *(",".join(map(str, row)) for row in (USUAL[name] if rows is None else rows)),
    ]
    content = "".join(line + "\n" for line in lines).encode()
    packed = name.startswith("club/")
    path = root / "landing" / f"{name}-{day:%Y%m%d}.csv{'.gz' if packed else ''}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


def land_all(root: Path, day: date) -> None:
    for name in FEEDS:
        land(root, name, day)


def copy_of(root: Path, to: Path) -> Path:
    """The whole tenant, state and all, in another folder, to be spoiled there."""
    return Path(shutil.copytree(root, to, symlinks=True))
