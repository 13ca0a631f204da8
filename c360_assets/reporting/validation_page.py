"""The page `reports/input_validations.html`: what the reports found, for somebody who has a minute.

One file without scripts or anything from elsewhere, readable in light and dark, on a phone, and by a screen reader. It holds
counts, shares and queries, and no value of a person; the few words of reports, such as store ids, stand in the list of figures.
What it shows is gathered by `validations`; the looks are in the template.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from c360_assets.reporting.validations import Trend, read_validations
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import newest_day
from c360_assets.warehouse.session import Session, private_folder

PAGE = "input_validations.html"
TEMPLATE = "input_validations.html.jinja"
WIDTH, HEIGHT = 220, 36


def page_path(root: Path) -> Path:
    """Where the page of the tenant at `root` is."""
    return root / "reports" / PAGE


def write_page(session: Session, tenant: Tenant) -> Path:
    """Write the page from what is stored of the reports, as one file that replaces the last, and return its path."""
    found = read_validations(session, tenant)
    path = page_path(tenant.root)
    private_folder(path.parent)
    aside = path.with_name(f".{PAGE}.{os.getpid()}.new")
    text = (
        environment()
        .get_template(TEMPLATE)
        .render(
            name=tenant.config.name,
            newest=newest_day(session, tenant),
            found=found,
            main=[f for f in found.findings if not f.is_mild],
            mild=[f for f in found.findings if f.is_mild],
            rows=sum(source.rows for source in found.sources),
        )
    )
    with os.fdopen(
        os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    os.replace(aside, path)
    return path


def environment() -> Environment:
    """The templates of pages. Everything put into them is escaped."""
    found = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "spark": spark,
        "day": day,
        "percent": percent,
        "number": number,
        "share": share,
    }
    return found


def spark(trend: Trend) -> str:
    """The points of a trend's line in a drawing of `WIDTH` by `HEIGHT`, days at their distance in time."""
    first, last = trend.days[0], trend.days[-1]
    span, top = max((last - first).days, 1), max(trend.values) or 1.0
    return " ".join(
        f"{2 + (WIDTH - 4) * (at - first).days / span:.1f},{HEIGHT - 3 - (HEIGHT - 6) * value / top:.1f}"
        for at, value in zip(trend.days, trend.values, strict=True)
    )


def day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def percent(value: float) -> str:
    """A percentage in few digits that never calls something nothing, or nearly all of it everything."""
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f}".removesuffix(".0") + " %"


def number(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float, unit: str) -> str:
    return percent(value) if unit else number(value)
