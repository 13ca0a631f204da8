"""A tenant with people to forget: accounts, a club, orders, requests, a receiver, a rejected row.

Every value of the people to forget is long and their own, but for what a household shares.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

TENANT = """
id: 5f1c2a3b-8d7e-4c6f-9a0b-1c2d3e4f5a6b
name: Hearth and Home
timezone: Europe/Berlin
country: DE
first_day: 2026-03-01
as_of: last_delivery
customer_360:
  customer_360: {hashed: [email, phone]}
"""
CUSTOMERS = """
source: Web
feed: Accounts
files: {pattern: "'web/accounts-'yyyyMMdd'.csv'", format: csv}
primary_key: [account]
stitch: true
error_threshold: 50
fields:
  account: {type: string, tags: [fk-account]}
  mail: {type: string, tags: [email]}
  mobile: {type: string, tags: [phone]}
  first: {type: string, tags: [given-name]}
  last: {type: string, tags: [surname]}
  street: {type: string, tags: [address]}
  town: {type: string, tags: [city]}
  code: {type: string, tags: [postal]}
  born: {type: date, tags: [birthdate]}
  visits: {type: integer}
"""
CLUB = """
source: Club
feed: Members
files: {pattern: "'club/members-'yyyyMMdd'.csv'", format: csv}
primary_key: [member]
stitch: true
fields:
  member: {type: string, tags: [fk-member]}
  contact: {type: string, tags: [email]}
  name: {type: string, tags: [full-name]}
"""
ORDERS = """
source: Web
feed: Orders
files: {pattern: "'web/orders-'yyyyMMdd'.csv'", format: csv}
primary_key: [line]
stitch: false
fields:
  line: {type: string}
  order_no: {type: string, tags: [txn-item/order-id]}
  buyer: {type: string, tags: [fk-account]}
  at: {type: datetime, tags: [txn-item/order-datetime]}
  sku: {type: string, tags: [txn-item/product-id]}
  returned: {type: boolean, tags: [txn-item/is-return]}
  cancelled: {type: boolean, tags: [txn-item/is-cancellation]}
  units: {type: integer, tags: [txn-item/item-quantity]}
  paid: {type: decimal, tags: [txn-item/item-revenue]}
"""
REQUESTS = """
source: Desk
feed: Requests
files: {pattern: "'desk/requests-'yyyyMMdd'.csv'", format: csv}
primary_key: [ticket]
stitch: false
fields:
  ticket: {type: string, tags: [compliance/request-id]}
  what: {type: string, tags: [compliance/request-type]}
  how: {type: string, tags: [compliance/request-strategy]}
  who: {type: string, tags: [compliance/request-email]}
"""
DESTINATIONS = """
destinations:
  mailing:
    type: files
    path: exports/mailing
    format: csv
    tables:
      customer_360:
        columns: [amperity_id, email, given_name]
        consent: 'none, because "the receiver asks everybody itself"'
"""
FILES = {
    "tenant.yaml": TENANT,
    "destinations.yaml": DESTINATIONS,
    "feeds/web/accounts.yaml": CUSTOMERS,
    "feeds/club/members.yaml": CLUB,
    "feeds/web/orders.yaml": ORDERS,
    "feeds/desk/requests.yaml": REQUESTS,
}
HEADERS = {
    "web/accounts": "account,mail,mobile,first,last,street,town,code,born,visits",
    "club/members": "member,contact,name",
    "web/orders": "line,order_no,buyer,at,sku,returned,cancelled,units,paid",
    "desk/requests": "ticket,what,how,who",
}
ACCOUNTS = [
    "AC-700001,ottilie.quastenberg@example.com,030 5550 7781,Ottilie,Quastenberg,"
    "Lindenstrasse 41,Brandenhain,16259,1971-04-09,3",
    # The same person again, with a field too many: the whole record stands in the log of errors.
    "AC-700002,Ottilie.Quastenberg@EXAMPLE.com,,Ottilie,Quastenberg,Lindenstr. 41,Brandenhain,"
    "16259,1971-04-09,3,too many",
    # Two people of one household share an address and a mailbox.
    "AC-700003,hearth.of.falkensee@example.com,030 5551 2211,Hal,Falkensee,Am Markt 7,Hohenbruck,"
    "15518,1980-01-20,1",
    "AC-700004,hearth.of.falkensee@example.com,030 5552 9034,Ida,Falkensee,Am Markt 7,Hohenbruck,"
    "15518,1983-11-02,2",
    "AC-700005,bo.winterstein@example.com,030 5553 6120,Bo,Winterstein,Kastanienweg 12,Altmark,"
    "39576,1990-06-30,5",
    "AC-700006,cleo.tannhofer@example.com,030 5554 4417,Cleo,Tannhofer,Ringstrasse 3,Altmark,"
    "39576,1968-02-14,0",
]
MEMBERS = [
    "CL-8800191,ottilie.quastenberg@example.com,Ottilie Quastenberg",
    "CL-8800192,bo.winterstein@example.com,Bo Winterstein",
]
LINES = [
    "LN-9000001,OR-550001,AC-700001,2026-03-01 10:00:00,SKU1,false,false,1,19.90",
    "LN-9000002,OR-550002,AC-700001,2026-03-01 11:30:00,SKU2,false,false,2,40.00",
    "LN-9000003,OR-550003,AC-700005,2026-03-01 12:00:00,SKU1,false,false,1,19.90",
    "LN-9000004,OR-550004,AC-700003,2026-03-01 12:05:00,SKU1,false,false,1,19.90",
]
ROWS = {
    "web/accounts": ACCOUNTS,
    "club/members": MEMBERS,
    "web/orders": LINES,
    "desk/requests": [],
}
FIRST, SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
# Of whom most tests forget, written as she writes it herself.
MAIL = "Ottilie.Quastenberg@example.com"
# Ottilie's own, in the spellings of the files and as they are compared.
OTTILIE = (
    "ottilie.quastenberg",
    "OTTILIE.QUASTENBERG",
    "5550 7781",
    "55507781",
    "Quastenberg",
    "QUASTENBERG",
    "Lindenstrasse 41",
    "Brandenhain",
    "1971-04-09",
    "AC-700001",
    "AC-700002",
    "CL-8800191",
    "LN-9000001",
    "OR-550002",
)


def write_tenant(root: Path) -> Path:
    """The configuration; nothing has landed."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), "utf-8")
    (root / "landing").mkdir()
    return root


def land(root: Path, name: str, day: date, rows: list[str] | None = None) -> Path:
    """Drop a delivery: the usual rows of the feed unless others are given."""
    lines = [HEADERS[name], *(ROWS[name] if rows is None else rows)]
    path = root / "landing" / f"{name}-{day:%Y%m%d}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def land_all(root: Path, day: date) -> None:
    for name in HEADERS:
        if name != "desk/requests":
            land(root, name, day)
