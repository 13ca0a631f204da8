"""What `c360 check` says of segments and campaigns: file, line, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from c360_assets.configuration import all_problems
from c360_assets.segments.lists import ListProblemError, read_list
from c360_assets.segments.values import ValueProblemError, operand
from c360_assets.tenant.document import Document
from c360_assets.tenant.messages import problems_of
from c360_assets.tenant.models import CampaignConfig
from c360_assets_tests.day.small import small_tenant

LONG = "spring_" * 9 + "x"  # 64 bytes
FILES = {
    "segments/good.yaml": "include: [{city: Boston}]\n",
    "segments/misspelt.yaml": """include:
  - lifetime_order_revenu: {gt: 300}
  - lifetime_order_revenue: {gtt: 300}
  - lifetime_order_revenue: {gt: "300"}
  - latest_order_datetime: {before: "2026-02-31"}
  - segment: god
  - bought: {at_leest: 2}
""",
    "segments/never.yaml": """include:
  - lifetime_order_revenue: {gt: 300}
  - lifetime_order_revenue: {lt: 100}
""",
    "segments/circle.yaml": "include: [{segment: circle_too}]\n",
    "segments/circle_too.yaml": "include: [{segment: circle}]\n",
    "segments/listed.yaml": "include: [{list: lists/empty.csv}]\n",
    "lists/empty.csv": "amperity_id\n",
    "segments/by_sql.yaml": "description: two columns\n",
    "segments/by_sql.sql": "SELECT amperity_id, email FROM customer_360\n",
    "campaigns/spring.yaml": """include: [good, goood]
channel: email
purpose: ofers
destination: crn
attributes: [given_name, emial]
""",
    f"campaigns/{LONG}.yaml": """include: [good]
channel: email
consent: 'none, because "it is a test"'
destination: warehouse
attributes: [email]
""",
    "campaigns/changes.yaml": """include: [good]
channel: email
consent: 'none, because "it is a test"'
destination: warehouse
mode: add_remove
attributes:
  - email
  - change
  - delivery
""",
    "workflow.yaml": """purposes:
  offers: {email: {email_programm: offers}}
campaigns: [sping]
""",
    "destinations.yaml": """destinations:
  crm:
    path: exports
    tables: {customer_360: {columns: [amperity_id, email]}}
  warehouse: {type: postgres, url_env: DATABASE_URL}
""",
}
RENAME = "leave it out, or call it otherwise in database/customer_360.sql"
EXPECTED = {
    ("campaigns/changes.yaml", 8, RENAME),
    ("campaigns/changes.yaml", 9, RENAME),
    (f"campaigns/{LONG}.yaml", 4, "give the campaign's file a shorter name"),
    ("segments/misspelt.yaml", 2, "did you mean lifetime_order_revenue?"),
    ("segments/misspelt.yaml", 3, "did you mean gt?"),
    ("segments/misspelt.yaml", 4, "such as 300, without quotes"),
    ("segments/misspelt.yaml", 5, "such as 2026-01-31, today or 180 days ago"),
    ("segments/misspelt.yaml", 6, "did you mean good?"),
    ("segments/misspelt.yaml", 7, "did you mean at_least?"),
    ("segments/never.yaml", 3, None),
    ("segments/circle.yaml", 1, "break the circle"),
    ("segments/circle_too.yaml", 1, "break the circle"),
    ("segments/listed.yaml", 1, "write ids below the line amperity_id"),
    ("segments/by_sql.sql", None, "write SELECT amperity_id FROM …"),
    ("campaigns/spring.yaml", 1, "did you mean good?"),
    ("campaigns/spring.yaml", 3, "did you mean offers?"),
    ("campaigns/spring.yaml", 4, "did you mean crm?"),
    ("campaigns/spring.yaml", 5, "did you mean email?"),
    ("campaigns/spring.yaml", 5, "add email"),
    ("workflow.yaml", 2, "did you mean email_program?"),
    ("workflow.yaml", 3, "did you mean spring?"),
    ("destinations.yaml", 4, 'add consent: PURPOSE, or consent: none, because "…"'),
}


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    root = small_tenant(tmp_path / "tenant")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    problems = [one for one in all_problems(root) if one.severity == "error"]
    assert {(one.file, one.line, one.remedy) for one in problems} == EXPECTED


CAMPAIGN = """include: [good]
channel: email
purpose: offers
destination: crm
attributes: [email]
"""
BAD_SETTINGS = [
    ("control: 10", "must be a percentage, such as 30%"),
    ("every: 7", "must be a duration, such as 7d"),
    ("every: 0d", "must be an hour at least"),
    ("not_more_often_than: 1m", "must be an hour at least, such as 7d: `m` is minutes"),
    ("salt: short", "must have at least 8 characters"),
    ("audiences: [{name: rest, segments: [good]}]", "rest is the name of those who fit none"),
    (
        "audiences: [{name: a, segments: [good]}, {name: a, segments: [b]}]",
        "a is the name of two audiences",
    ),
]


@pytest.mark.parametrize(("setting", "message"), BAD_SETTINGS)
def test_settings_of_a_campaign_say_what_they_must_be(setting: str, message: str) -> None:
    document = Document.parse(f"{CAMPAIGN}{setting}\n", "campaigns/a.yaml")
    with pytest.raises(ValidationError) as refused:
        CampaignConfig.model_validate(document.data)
    (problem,) = problems_of(refused.value, CampaignConfig, document)
    assert message in problem.message
    assert (problem.line, problem.key) == (6, setting.partition(":")[0])


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (2**63, "number", "is larger than any whole number"),
        (10**400, "number", "is larger than any whole number"),
        (-(10**40), "number", "is larger than any whole number"),
        (1.10, "text", "YAML reads this as no text"),  # which was written 1.10
    ],
)
def test_numbers_that_no_column_holds_are_refused(value: float, kind: str, message: str) -> None:
    with pytest.raises(ValueProblemError, match=message):
        operand(value, kind)


def test_a_list_that_is_no_utf_8_says_so(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("amperity_id\nabc\n", "utf-16")
    with pytest.raises(ListProblemError) as refused:
        read_list(tmp_path, "ids.csv")
    assert refused.value.message == "ids.csv is no CSV file in UTF-8"


def test_tables_there_are_stand_in_order(tmp_path: Path) -> None:
    root = small_tenant(tmp_path / "tenant")
    post = "{table: nothing_like_it, address: [address], opted_in: yes_or_no}"
    (root / "workflow.yaml").write_text(f"purposes: {{offers: {{post: {post}}}}}\n", "utf-8")
    (problem,) = [one for one in all_problems(root) if one.severity == "error"]
    names = str(problem.remedy).removeprefix("there are ").split(", ")
    assert names == sorted(names)
    assert "customer_360" in names


@pytest.mark.parametrize("names_column", [False, True])
def test_post_of_a_brand_names_the_column_of_the_brand(tmp_path: Path, names_column: bool) -> None:
    """Otherwise what people answered another brand would count."""
    root = small_tenant(tmp_path / "tenant")
    column = ", brand: country" if names_column else ""
    post = f"{{table: customer_360, address: [address], opted_in: one_and_done{column}}}"
    (root / "workflow.yaml").write_text(f"purposes: {{offers: {{post: {post}}}}}\n", "utf-8")
    (root / "destinations.yaml").write_text("destinations: {crm: {path: exports}}\n", "utf-8")
    for folder, text in (
        ("segments", "include: [{email: {is_not_null: true}}]\n"),
        (
            "campaigns",
            "{include: spring, channel: post, purpose: offers, brand: larkmere, "
            "destination: crm, attributes: [address]}\n",
        ),
    ):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "spring.yaml").write_text(text, "utf-8")
    errors = [one for one in all_problems(root) if one.severity == "error"]
    found = [(one.file, one.key) for one in errors]
    assert found == ([] if names_column else [("campaigns/spring.yaml", "brand")])
