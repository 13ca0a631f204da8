"""Reading a tenant folder: shapes, lines, and every problem at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_assets.configuration import load_tenant, read_tenant
from c360_assets.errors import ConfigError
from c360_assets.tenant.document import Document
from c360_assets_tests.tenant.conftest import Check
from c360_assets_tests.tenant.right_tenant import CUSTOMERS


def test_a_right_tenant_loads_without_a_word(write: Callable[..., Path]) -> None:
    root = write(
        {
            "domain_tables/CDT_Orders.sql": "SELECT 1 AS id",
            "domain_tables/CDT_Orders.yaml": "primary_key: [id]",
        }
    )
    tenant, problems = read_tenant(root)
    assert problems == []
    assert tenant is not None
    assert [t.name for t in tenant.tables] == ["Shop:Customers", "Shop:Orders", "CDT_Orders"]
    assert tenant.tables[0].tags["mail"] == ["email"]
    assert tenant.tables[0].types["given"] == "string"
    assert [t.name for t in tenant.stitched_tables] == ["Shop:Customers"]
    assert tenant.places["Shop:Orders"] == "feeds/shop/orders.yaml"


@pytest.mark.parametrize(
    ("file", "text", "line", "key", "words"),
    [
        ("tenant.yaml", "name: x\nzone: UTC\n", 2, "zone", "unknown key"),
        ("tenant.yaml", "name: x\n", 1, "id", "add a line `id: "),
        ("tenant.yaml", "id: abc\n", 1, "id", "must be a uuid"),
        (
            "tenant.yaml",
            "customer_360:\n  validations:\n    thresholds:\n      CV-A04: -1\n",
            4,
            "customer_360.validations.thresholds.CV-A04",
            "must be at least 0",
        ),
        (
            "workflow.yaml",
            "campaigns: [spring, spring]\n",
            1,
            "campaigns",
            "names spring more than once: remove the others",
        ),
        (
            "campaigns/spring.yaml",
            "include: a\nchannel: email\npurpose: b\ndestination: [crm, app, crm]\n"
            "attributes: [email]\n",
            4,
            "destination",
            "names crm more than once: remove the others",
        ),
        (
            "campaigns/spring.yaml",
            "include: a\nchannel: email\npurpose: NO\ndestination: crm\nattributes: [email]\n",
            3,
            "purpose",
            "put it in quotes: YAML reads yes, no, on and off as true and false",
        ),
        (
            "tenant.yaml",
            "retention:\n  most_databases: yes\n",
            2,
            "retention.most_databases",
            "must be a number, found true or false",
        ),
        (
            "tenant.yaml",
            "customer_360:\n  customer_attributes:\n    churn: {new: on}\n",
            3,
            "customer_360.customer_attributes.churn.new",
            "YAML reads yes, no, on and off as true and false",
        ),
        (
            "stitch.yaml",
            "benchmarks: {many_given_names: [0, on]}\n",
            1,
            "benchmarks.many_given_names[1]",
            "must be a number, found true or false",
        ),
        (
            "tenant.yaml",
            f"privacy: {{deadline_days: {10**30}}}\n",
            1,
            "privacy.deadline_days",
            "must be at most 36525",
        ),
        (
            "tenant.yaml",
            "privacy: {cron: '0 0 5 * * *'}\n",
            1,
            "privacy.cron",
            "must have five fields: minute hour day month weekday, such as '0 5 * * *'",
        ),
        (
            "tenant.yaml",
            "privacy: {cron: '0 5 30 2 *'}\n",
            1,
            "privacy.cron",
            "names a day that no month has",
        ),
        (
            "tenant.yaml",
            "customer_360: {validations: {thresholds: {CV-A04: 101}}}\n",
            1,
            "customer_360.validations.thresholds.CV-A04",
            "must be at most 100",
        ),
        ("tenant.yaml", "- a\n", 1, None, "must be a mapping of key: value, found a list"),
        ("tenant.yaml", "id: [\n", 2, None, "not readable as YAML"),
        ("tenant.yaml", "id: a\nid: b\n", 2, "id", "given twice; first in line 1"),
        ("tenant.yaml", "a: &a {b: *a}\n", None, None, "holds an alias that contains itself"),
        ("tenant.yaml", "name: x\nid: \x00\n", 2, None, "a character that YAML forbids"),
        ("tenant.yaml", "first_day: 2020-13-01\n", 1, "first_day", "no day or time that there is"),
        (
            "destinations.yaml",
            "destinations:\n  pg: {kind: postgres}\n",
            2,
            "destinations.pg.kind",
            "url_env, schema, token_env",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS.replace("stitch: true", "stich: true"),
            6,
            "stich",
            "did you mean 'stitch'?",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS.replace("{tags: [surname]}", "{typ: text}"),
            10,
            "fields.family.typ",
            "did you mean 'type'?",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS.replace("type: datetime", "type: datetim"),
            12,
            "fields.updated_at.type",
            "'datetim' is not allowed — allowed: string, boolean, date, datetime, "
            "decimal, float, integer, array, map, struct; "
            "did you mean 'datetime'?",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS.replace("[email]", "email"),
            11,
            "fields.mail.tags",
            "must be a list, such as [a, b], found a text",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS.replace("primary_key: [customer_id]\n", ""),
            1,
            "primary_key",
            "is missing and must be given",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS + "error_threshold: 101\n",
            13,
            "error_threshold",
            "must be at most 100",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS + "scale: 2.5\n",
            13,
            "scale",
            "must be a whole number, found a number",
        ),
        (
            "feeds/shop/customers.yaml",
            CUSTOMERS + "null_values: [null, 1900-01-01, 0, true]\n",
            13,
            "null_values[3]",
            "must be a text, found true or false",
        ),
        ("feeds/shop/z.yaml", CUSTOMERS, 2, "feed", "Shop:Customers is declared already in"),
        (
            "stitch.yaml",
            "blocking:\n  strategies:\n    - {name: x, limt: 3}\n",
            3,
            "blocking.strategies[0].limt",
            "did you mean 'limit'?",
        ),
        (
            "workflow.yaml",
            "feeds:\n  'Shop:Orders': {requird: true}\n",
            2,
            "feeds.Shop:Orders.requird",
            "did you mean 'required'?",
        ),
        (
            "merge_policy.yaml",
            "source_priority: {'Shop:Customers': 0}\n",
            1,
            "source_priority.Shop:Customers",
            "must be at least 1",
        ),
        (
            "merge_policy.yaml",
            "source_priority: {'Shop:Customers': yes}\n",
            1,
            "source_priority.Shop:Customers",
            "must be a whole number, found true or false",
        ),
        ("domain_tables/a.sql", "SELECT 1", None, None, "has no a.yaml beside it"),
        ("domain_tables/a.yaml", "primary_key: [a]", None, None, "has no a.sql beside it"),
        ("database/a b.sql", "SELECT 1", None, None, "letters, digits and underscores only"),
    ],
)
def test_problems_name_file_line_key_and_way_out(
    check: Check, file: str, text: str, line: int | None, key: str | None, words: str
) -> None:
    found = [p for p in check({file: text}) if p.severity == "error"]
    assert len({(p.line, p.key) for p in found}) == len(found)
    assert [(p.file, p.line, p.key) for p in found if words in str(p)] == [(file, line, key)]


def test_all_problems_at_once(write: Callable[..., Path]) -> None:
    root = write(
        {
            "tenant.yaml": "zone: UTC\n",
            "feeds/shop/customers.yaml": CUSTOMERS.replace("stitch: true", "stich: true"),
            "feeds/shop/orders.yaml": CUSTOMERS.replace("Customers", "Orders").replace(
                "primary_key: [customer_id]", "primary_key: [custmer_id]"
            ),
            "workflow.yaml": "feeds: {'Shop:Customers': {required: true}}\n",
        }
    )
    with pytest.raises(ConfigError) as raised:
        load_tenant(root)
    errors = [(p.file, p.key) for p in raised.value.problems if p.severity == "error"]
    assert errors == [
        ("feeds/shop/customers.yaml", "stich"),
        ("feeds/shop/orders.yaml", "primary_key[0]"),
        ("tenant.yaml", "id"),
        ("tenant.yaml", "zone"),
    ]
    assert (
        "feeds/shop/orders.yaml:4: primary_key[0]: custmer_id is no output name of this "
        "feed — did you mean 'customer_id'?"
    ) in str(raised.value)


def test_only_feeds_are_needed(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write()
    (root / "tenant.yaml").unlink()
    tenant, problems = read_tenant(root)
    assert tenant is not None
    assert [(p.severity, p.file) for p in problems] == [("warning", "tenant.yaml")]


@pytest.mark.parametrize("folder", ["", "missing"])
def test_no_tenant_names_init(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ConfigError, match="there is no tenant here — start one with `c360 init"):
        load_tenant(tmp_path / folder)


def test_keys_are_texts_and_anchors_work(write: Callable[..., Path]) -> None:
    feed = (
        CUSTOMERS
        + "  no: &text {type: string}\n  on: *text\n  2020: {<<: *text, description: year}\n"
    )
    feed = feed.replace("fields:\n", "fields:\n")
    tenant, problems = read_tenant(write({"feeds/shop/customers.yaml": feed}))
    assert problems == []
    assert tenant is not None
    assert list(tenant.feeds[0].fields)[-3:] == ["no", "on", "2020"]


def test_types_in_any_case_and_documented_stitch_spellings(write: Callable[..., Path]) -> None:
    root = write(
        {
            "feeds/shop/customers.yaml": CUSTOMERS.replace("type: datetime", "type: Datetime"),
            "stitch.yaml": (
                "case_sensitive_fks: [fk-customer-id]\nclustering: {conflict_fields: "
                "[given-name]}\n"
            ),
        }
    )
    tenant, problems = read_tenant(root)
    assert problems == []
    assert tenant is not None
    assert tenant.stitch.bad_values.case_sensitive_fks == ["fk-customer-id"]
    assert tenant.stitch.clustering.conflict_fields == {"given-name": "always"}


def test_personal_values_and_secrets_are_not_repeated(check: Check) -> None:
    problems = check(
        {
            "stitch.yaml": "bad_values: {ignore: {email: jane@secret.example}}\n",
            "workflow.yaml": (
                "alerts: {webhook: [https://hooks/secret]}\nactivation: {on_stale: "
                "jane@secret.example}\n"
            ),
        }
    )
    assert len(problems) == 3
    assert "secret" not in "\n".join(map(str, problems))


def test_files_that_are_easily_taken_for_one(check: Check) -> None:
    problems = check(
        {
            "feeds/shop/more.yml": "x",
            "domain_tables/a.SQL": "SELECT 1",
            "feeds/x/customers.yaml.example": "x",
        }
    )
    assert [(p.severity, p.file, p.remedy) for p in problems] == [
        ("warning", "domain_tables/a.SQL", "rename it to a.sql"),
        ("warning", "feeds/shop/more.yml", "rename it to more.yaml"),
    ]


def test_not_utf8(write: Callable[..., Path]) -> None:
    root = write()
    (root / "workflow.yaml").write_bytes(b"feeds: {\xff: {}}\n")
    assert [p.message for p in read_tenant(root)[1]] == ["is not UTF-8 text"]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("feeds/shop/customers.yaml", "is no file that can be read"),
        ("segments/few.yaml", "is no file that can be read"),
        ("workflow.yaml", "cannot be read (No such file or directory)"),
        ("tenant.yaml", "cannot be read (No such file or directory)"),
    ],
)
def test_a_link_that_leads_nowhere_is_no_file_that_was_taken_out(
    write: Callable[..., Path], file: str, said: str
) -> None:
    link = write() / file
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to("nowhere")
    problems = [p for p in read_tenant(link.parents[file.count("/")])[1] if p.file == file]
    assert [(p.severity, p.message) for p in problems] == [("error", said)]


YAML_LIKE = st.text(st.sampled_from(list("ab:-[]{}&*<!|>#'\"? \n\t0.,%@~\x00é")), max_size=40)


@given(YAML_LIKE)
def test_any_text_is_a_document_or_a_problem(text: str) -> None:
    document = Document.parse(text, "x.yaml")
    assert document.data is None or not document.problems
    assert document.locate(("a", 0, "b"))[1] in (
        [],
        ["a"],
        ["a", 0],
        ["a", 0, "b"],
        [0],
        [0, "b"],
        ["b"],
        ["a", "b"],
    )
