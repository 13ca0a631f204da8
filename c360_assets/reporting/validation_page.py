"""The page `reports/input_validations.html`: what the reports found, for somebody who has a minute.

One file without scripts or anything from elsewhere, readable in light and dark, on a phone, and by
a screen reader. It holds counts, shares and queries, and no value of a person; the few words of
reports, such as store ids, stand in the list of figures. What it shows is gathered by
`validations`; the looks are in the template.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from c360_assets.reporting.pages import replace_page
from c360_assets.reporting.validations import Trend, read_validations
from c360_assets.tenant.models import Tenant
from c360_assets.validations.run import newest_day
from c360_assets.warehouse.session import Session

PAGE = "input_validations.html"
TEMPLATE = "input_validations.html.jinja"
WIDTH, HEIGHT = 220, 36


def page_path(root: Path) -> Path:
    """Where the page of the tenant at `root` is."""
    return root / "reports" / PAGE


def write_page(session: Session, tenant: Tenant) -> Path:
    """Write the page from what is stored of the reports, and return its path.

    One file replaces the last, so that a reader never sees half a page.
    """
    validations = read_validations(session, tenant)
    path = page_path(tenant.root)
    template = environment().get_template(TEMPLATE)
    html = template.render(
        name=tenant.config.name,
        newest=newest_day(session, tenant),
        validations=validations,
        main=[finding for finding in validations.findings if not finding.is_mild],
        mild=[finding for finding in validations.findings if finding.is_mild],
        rows=sum(source.rows for source in validations.sources),
    )
    return replace_page(path, html)


@cache
def environment() -> Environment:
    """The templates of pages. Everything put into them is escaped."""
    templates = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "spark": spark,
        "day": day,
        "percent": percent,
        "number": number,
        "share": share,
    }
    return templates


def spark(trend: Trend) -> str:
    """The points of a trend's line in a drawing of `WIDTH` by `HEIGHT`, days by their distance."""
    first = trend.days[0]
    days = max((trend.days[-1] - first).days, 1)
    highest = max(trend.values) or 1.0
    points = []
    # A margin on each side, so that the line is drawn whole.
    for trend_day, value in zip(trend.days, trend.values, strict=True):
        left = 2 + (WIDTH - 4) * (trend_day - first).days / days
        top = HEIGHT - 3 - (HEIGHT - 6) * value / highest
        points.append(f"{left:.1f},{top:.1f}")
    return " ".join(points)


def day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def percent(value: float) -> str:
    """A percentage in few digits, but never 0 of something or 100 of nearly all."""
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f}".removesuffix(".0") + " %"


def number(value: float) -> str:
    return f"{value:,.0f}"


def share(value: float, unit: str) -> str:
    return percent(value) if unit else number(value)
