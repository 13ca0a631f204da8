"""What leaves the published database: allowed columns only, whole, once; a receiver that fails
keeps nobody else waiting."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from c360_assets.configuration import load_tenant, read_tenant
from c360_assets.customer_360.check_sql import check_sql
from c360_assets.customer_360.destinations import due, send
from c360_assets.customer_360.publication import postgres_connection
from c360_assets.customer_360.tables.build import build
from c360_assets.errors import C360Error
from c360_assets.reporting.send import send_all
from c360_assets.tenant.models import DestinationTable, Tenant, TenantConfig, WorkflowConfig
from c360_assets.warehouse.session import Session, open_session
from c360_assets_tests.customer_360.postgres import postgres_or_skip
from c360_assets_tests.customer_360.world import (
    AS_OF,
    is_published,
    plan_all,
    publish_database,
    put_gathered,
    put_unified,
)
from c360_assets_tests.ingest.servers import s3_server

PEOPLE = [
    {
        "amperity_id": f"A{n}",
        "given_name": "Ann",
        "email": f"{n}@x.com",
        "update_dt": "2026-01-01 12:00:00+00",
    }
    for n in range(3)
]
TABLES: dict[str, Any] = {
    "customer_360": {
        "columns": ["amperity_id", "Email"],
        "name": "people",
        "consent": 'none, because "invented people"',
    },
    "customer_attributes": None,
    "merged_customers": {"columns": ["amperity_id", "update_dt", "birthdate"]},
    "transaction_attributes_extended": {"columns": ["amperity_id", "lifetime_order_revenue"]},
}


def tenant_at(root: Path, **destinations: dict[str, Any]) -> Tenant:
    (root / "tenant.yaml").write_text("id: 00000000-0000-4000-8000-000000000001\n")
    full = {name: {"tables": TABLES, **item} for name, item in destinations.items()}
    (root / "destinations.yaml").write_text(yaml.safe_dump({"destinations": full}))
    return load_tenant(root)


def publish(tenant: Tenant, people: list[dict[str, Any]]) -> None:
    with open_session(tenant.root / "warehouse") as session:
        session.execute("SET threads = 1")
        put_unified(session, people)
        build(session, plan_all(tenant), as_of=AS_OF)
        session.commit()
        publish_database(session, tenant, as_of=AS_OF)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sender")
    (made / "database").mkdir()
    (made / "database" / "nested.sql").write_text(
        "SELECT {'email': email} AS m FROM merged_customers"
    )
    (made / "database" / "formulas.sql").write_text(
        "SELECT amperity_id, '=1+1' AS cell, '+49 30 1234' AS phone, -5 AS n FROM merged_customers"
    )
    publish(tenant_at(made), PEOPLE)
    return made


def read(path: Path) -> pl.DataFrame:
    readers: dict[str, Callable[[Path], pl.DataFrame]]
    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".ndjson": pl.read_ndjson}
    return readers[path.suffix](path)


@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson"])
def test_files_hold_what_is_allowed(root: Path, form: str) -> None:
    tenant = tenant_at(root, crm={"path": f"exports/{form}", "format": form})
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        assert send(session, tenant, "crm").rows == {
            name: 0 if name.startswith("tr") else 3 for name in TABLES
        }
        assert send(session, tenant, "crm").reused
        assert due(session, tenant) == []
    folder = root / "exports" / form
    assert read(folder / f"people.{form}").rows() == [(f"A{n}", f"{n}@x.com") for n in range(3)]
    assert "is_purchaser" in read(folder / f"customer_attributes.{form}").columns
    assert json.loads((folder / "manifest.json").read_text())["rows"]["customer_360"] == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}


def test_what_is_not_sent_any_more_is_told_once(root: Path) -> None:
    table = {"customer_360": {"columns": ["amperity_id"]}}
    before = {"path": "exports/before", "format": "csv"}
    with open_session(root / "warehouse") as session:
        assert send(session, tenant_at(root, moved=before), "moved").left_behind == []
        tenant = tenant_at(root, moved={**before, "tables": table})
        told = [" ".join(send(session, tenant, "moved").left_behind) for _ in range(2)]
    assert "people.csv (exports/before) is not sent any more" in told[0]
    assert told[1] == ""


@pytest.mark.parametrize(("neutralise", "cell"), [(True, "'=1+1"), (False, "=1+1")])
def test_formulas_of_a_csv_are_marked_if_wanted(root: Path, neutralise: bool, cell: str) -> None:
    consent = 'none, because "nobody has this number"'
    tables = {"formulas": {"columns": ["cell", "phone", "n"], "consent": consent}}
    out = {"path": f"exports/{neutralise}", "format": "csv", "tables": tables}
    tenant = tenant_at(root, sheet={**out, "neutralise_formulas": neutralise})
    with open_session(root / "warehouse") as session:
        send(session, tenant, "sheet")
    text = (root / f"exports/{neutralise}/formulas.csv").read_text()
    assert set(text.splitlines()[1:]) == {f"{cell},+49 30 1234,-5"}


def test_without_a_list_nothing_personal_leaves(root: Path) -> None:
    tenant = tenant_at(
        root, open={"path": "exports/open", "format": "csv", "tables": {"customer_360": None}}
    )
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        send(session, tenant, "open")
    columns = read(root / "exports/open/customer_360.csv").columns
    assert "amperity_id" in columns
    assert not {"given_name", "email", "city", "birthdate", "hashed_email"} & set(columns)


def test_one_that_fails_keeps_no_other_waiting_and_is_sent_again_alone(root: Path) -> None:
    (root / "blocked").write_text("a file where a folder should be")
    tenant_at(root, bad={"path": "blocked/here"}, good={"path": "exports/good"})
    results = send_all(root, [])
    assert [sent.name for sent in results.sent] == ["good"]
    assert results.failures == [
        (
            "destination bad (blocked/here) did not take the data: FileExistsError, File exists; "
            "`c360 send bad` tries again"
        )
    ] or ("NotADirectoryError" in results.failures[0])
    (root / "blocked").unlink()
    results = send_all(root, [])
    assert ([sent.name for sent in results.sent], results.failures) == (["bad"], [])
    assert (results.idle, send_all(root, []).idle) == (
        "",
        (
            "nothing to send: bad, good has received what is published; `c360 send --force` sends "
            "it again"
        ),
    )


def test_why_there_is_nothing_to_send(root: Path) -> None:
    tenant_at(root)
    assert send_all(root, []).idle == "no destination of destinations.yaml receives tables"
    tenant_at(root, good={"path": "exports/good"})
    published = root / "activated" / "customer_360.duckdb"
    published.rename(root / "aside")
    assert send_all(root, []).idle == "nothing is published that could be sent: `c360 run`"
    (root / "aside").rename(published)


def test_a_place_that_does_not_answer_says_what_to_look_at(root: Path) -> None:
    pytest.importorskip("paramiko", reason="needs the extra sftp")
    tenant = tenant_at(root, away={"path": "sftp://127.0.0.1:9/drop"})
    with (
        open_session(root / "warehouse") as session,
        pytest.raises(C360Error, match="is the place up, and are its address and the credentials"),
    ):
        send(session, tenant, "away")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    boto3 = pytest.importorskip("boto3", reason="needs the extra s3")
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("ENDPOINT_URL", address),
            ("ACCESS_KEY_ID", "t"),
            ("SECRET_ACCESS_KEY", "t"),
            ("DEFAULT_REGION", "us-east-1"),
        ):
            patch.setenv(f"AWS_{name}", value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="brand")
        yield client


def test_s3(root: Path, bucket: Any) -> None:
    tenant = tenant_at(
        root, lake={"path": "s3://brand/c360", "format": "csv"}, lost={"path": "s3://nobody/c360"}
    )
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        assert send(session, tenant, "lake").rows["customer_360"] == 3
        with pytest.raises(C360Error, match="destination lost did not take the data"):
            send(session, tenant, "lost")
    text = bucket.get_object(Bucket="brand", Key="c360/people.csv")["Body"].read().decode()
    assert text.splitlines() == ["amperity_id,email", "A0,0@x.com", "A1,1@x.com", "A2,2@x.com"]
    assert {o["Key"] for o in bucket.list_objects(Bucket="brand")["Contents"]} >= {
        "c360/manifest.json"
    }


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_or_skip() as address:
        yield address


def test_postgres_takes_what_a_user_of_few_rights_sends_and_a_refusal_ends_the_sending(
    root: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adbc_driver_postgresql import dbapi

    def may(what: str) -> None:
        with dbapi.connect(server) as con, con.cursor() as cursor:
            cursor.execute(what)
            con.commit()

    may("CREATE SCHEMA shared")
    may("CREATE ROLE sender LOGIN")
    monkeypatch.setenv("ANALYSTS", server.replace("c360@", "sender@"))
    tenant = tenant_at(
        root, analysts={"type": "postgres", "url_env": "ANALYSTS", "schema": "shared"}
    )
    with open_session(root / "warehouse") as session:
        with pytest.raises(
            C360Error, match="may not make tables in schema shared: grant it USAGE and CREATE"
        ):
            send(session, tenant, "analysts")
        may("GRANT USAGE, CREATE ON SCHEMA shared TO sender")
        may("CREATE TABLE shared.people__c360_new ()")
        for _ in range(3):
            with pytest.raises(
                C360Error,
                match=r"destination analysts \(.*\) did not take the data: ProgrammingError",
            ):
                send(session, tenant, "analysts")
        may("DROP TABLE shared.people__c360_new")
        assert send(session, tenant, "analysts").rows["customer_360"] == 3


def test_postgres_that_keeps_silent_keeps_nobody_waiting(
    root: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that has read a table and is left open, and a server that takes a connection and
    says nothing."""
    from adbc_driver_postgresql import dbapi

    tenant = tenant_at(root, analysts={"type": "postgres", "url_env": "ANALYSTS", "schema": "held"})
    monkeypatch.setattr(postgres_connection, "SECONDS_TO_LOCK", 1)
    monkeypatch.setenv("ANALYSTS", server)
    with open_session(root / "warehouse") as session, dbapi.connect(server) as analyst:
        send(session, tenant, "analysts", force=True)
        with analyst.cursor() as cursor:
            cursor.execute("SELECT * FROM held.people")
            with pytest.raises(C360Error, match="55P03, another session reads or changes a table"):
                send(session, tenant, "analysts", force=True)
        analyst.rollback()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            address = f"postgresql://c360@127.0.0.1:{port}/postgres?connect_timeout=2"
            monkeypatch.setenv("ANALYSTS", address)
            with pytest.raises(C360Error, match="OperationalError, no connection"):
                send(session, tenant, "analysts", force=True)
        monkeypatch.setenv("ANALYSTS", server)
        assert send(session, tenant, "analysts", force=True).rows["customer_360"] == 3


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://a@b/c", "postgresql://a@b/c?connect_timeout=15&"),
        (
            "postgresql://a:%40@b/c?sslmode=require&connect_timeout=3",
            "postgresql://a:%40@b/c?sslmode=require&connect_timeout=3&keepalives_idle=30&",
        ),
        ("host=b dbname=c", "host=b dbname=c connect_timeout=15 keepalives_idle=30 "),
    ],
)
def test_an_address_keeps_what_it_says_of_waiting(address: str, expected: str) -> None:
    assert postgres_connection.with_limits(address).startswith(expected)


def test_postgres(root: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from adbc_driver_postgresql import dbapi

    tenant = tenant_at(root, analysts={"type": "postgres", "url_env": "ANALYSTS", "schema": "c360"})

    def ask(query: str, *, change: bool = False) -> list[tuple[Any, ...]]:
        with dbapi.connect(server) as con, con.cursor() as cursor:
            cursor.execute(query)
            if change:
                con.commit()
                return []
            return [tuple(row) for row in cursor.fetchall()]

    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        with pytest.raises(
            C360Error,
            match=r"ANALYSTS \(url_env in destinations.yaml\) is not set",
        ):
            send(session, tenant, "analysts")
        monkeypatch.setenv("ANALYSTS", "postgresql://c360:secret@127.0.0.1:1/postgres")
        with pytest.raises(C360Error, match=r"no connection: .* in ANALYSTS right") as error:
            send(session, tenant, "analysts")
        assert "secret" not in str(error.value)
        monkeypatch.setenv("ANALYSTS", server)
        assert send(session, tenant, "analysts").rows["customer_360"] == 3
        assert ask("SELECT * FROM c360.people ORDER BY 1") == [
            (f"A{n}", f"{n}@x.com") for n in range(3)
        ]
        kinds = (
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'c360' "
            "AND column_name = '{}'"
        )
        assert ask(kinds.format("lifetime_order_revenue")) == [("numeric",)]
        assert ask(kinds.format("update_dt")) == [("timestamp with time zone",)]
        ask("CREATE VIEW c360.seen AS SELECT count(email) AS n FROM c360.people", change=True)
        ask("CREATE ROLE reader", change=True)
        ask("GRANT SELECT ON c360.people TO reader", change=True)
        other = tenant_at(
            root,
            analysts={
                "type": "postgres",
                "url_env": "ANALYSTS",
                "schema": "c360",
                "tables": {"customer_attributes": {"columns": ["amperity_id"], "name": "people"}},
            },
        )
        with pytest.raises(C360Error, match="SQLSTATE 2BP01, a view or another table depends"):
            send(session, other, "analysts")
    publish(tenant, PEOPLE[:2])
    with open_session(root / "warehouse") as session:
        session.execute("SET threads = 1")
        assert not send(session, tenant, "analysts").reused
    assert ask("SELECT n FROM c360.seen") == [(2,)]
    # Columns that come, go, or are of another type leave the grants as they are.
    for columns in (
        ["email", "amperity_id", "given_name"],
        ["email", "amperity_id", "given_name"],
        ["amperity_id", "email"],
    ):
        if "given_name" in columns:
            ask("ALTER TABLE c360.people ADD COLUMN IF NOT EXISTS given_name INT", change=True)
        wider = tenant_at(
            root,
            analysts={
                "type": "postgres",
                "url_env": "ANALYSTS",
                "schema": "c360",
                "tables": {
                    "customer_360": {
                        "columns": columns,
                        "name": "people",
                        "consent": 'none, because "they are told"',
                    }
                },
            },
        )
        with open_session(root / "warehouse") as session:
            send(session, wider, "analysts")
        held = ask("SELECT * FROM c360.people ORDER BY amperity_id LIMIT 1")
        assert len(held[0]) == len(columns)
        granted = "SELECT has_table_privilege('reader', 'c360.people', 'SELECT')"
        assert ask(granted) == [(True,)]
    assert ask("SELECT n FROM c360.seen") == [(2,)]
    assert ask(
        "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE '%__c360_new'"
    ) == [(0,)]


def test_a_full_disk_is_told_and_keeps_no_half_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "ann@x.com", "people.csv")

    tenant = tenant_at(root, crm={"path": "exports/full"})
    monkeypatch.setattr(os, "fsync", full)
    with (
        open_session(root / "warehouse") as session,
        pytest.raises(C360Error, match=r"OSError, No space left on device; ") as error,
    ):
        send(session, tenant, "crm")
    assert "ann@x.com" not in str(error.value)
    assert list((root / "exports/full").iterdir()) == []


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (
            {"path": "x", "tables": {"nested": None}},
            "destination crm: every column of nested is personal; list those",
        ),
        (
            {"type": "postgres", "url_env": "HOME", "tables": {"nested": {"columns": ["m"]}}},
            "destination crm: nested: m is STRUCT, which PostgreSQL cannot take: cast it to JSON",
        ),
    ],
)
def test_what_cannot_be_sent_is_told_with_a_remedy(
    root: Path, item: dict[str, Any], told: str
) -> None:
    tenant = tenant_at(root, crm=item)
    with open_session(root / "warehouse") as session, pytest.raises(C360Error, match=told):
        send(session, tenant, "crm")


def test_addresses_leave_by_consent(root: Path) -> None:
    publish(tenant_at(root), PEOPLE)
    table = {"columns": ["amperity_id", "email"]}
    tenant = tenant_at(
        root,
        crm={"path": "asked", "format": "csv", "tables": {"customer_360": table}},
    )
    with (
        open_session(root / "warehouse") as session,
        pytest.raises(C360Error, match="say consent: PURPOSE"),
    ):
        send(session, tenant, "crm")
    purposes = WorkflowConfig.model_validate({"purposes": {"offers": {"email": {}}}})
    asked = {
        "crm": replace(tenant, workflow=purposes)
        .destinations["crm"]
        .model_copy(
            update={
                "tables": {
                    "customer_360": DestinationTable.model_validate({**table, "consent": "offers"})
                }
            }
        )
    }
    tenant = replace(tenant, workflow=purposes, destinations=asked)
    with open_session(root / "warehouse") as session:
        said = [("0@X.com ", True), ("1@x.com", True), ("1@x.com", False)]
        rows = [
            {"email": email, "is_email_opted_in": answer, "brand": str(n)}
            for n, (email, answer) in enumerate(said)
        ]
        put_gathered(session, tenant, "email_opt_status", rows)
        sent = send(session, tenant, "crm")
    assert sent.withheld == {"customer_360.email": 2}
    assert read(root / "asked" / "customer_360.csv").rows() == [
        ("A0", "0@x.com"),
        ("A1", None),
        ("A2", None),
    ]
    # What people say, and what counts as said, decide as much as the publication.
    narrower = WorkflowConfig.model_validate({"purposes": {"offers": {"email": {"brand": "1"}}}})
    with open_session(root / "warehouse") as session:
        assert due(session, tenant) == []
        assert due(session, replace(tenant, workflow=narrower)) == ["crm"]
        put_gathered(session, tenant, "email_opt_status", rows[1:])
        assert due(session, tenant) == ["crm"]
        assert send(session, tenant, "crm").withheld == {"customer_360.email": 3}


def _for_purposes(
    root: Path, tables: dict[str, str], purposes: dict[str, dict[str, dict[str, str]]]
) -> Tenant:
    """A tenant that sends e-mails of tables (name -> purpose) to `crm`."""
    columns = ["amperity_id", "email"]
    listed = {name: {"columns": columns, "consent": purpose} for name, purpose in tables.items()}
    tenant = tenant_at(root, crm={"path": "for_purposes", "format": "csv", "tables": listed})
    return replace(tenant, workflow=WorkflowConfig.model_validate({"purposes": purposes}))


def _statements(session: Session, tenant: Tenant) -> None:
    """One person agreed to offers, another to news."""
    rows = [
        {"email": "0@x.com", "is_email_opted_in": True, "email_program": "offers"},
        {"email": "1@x.com", "is_email_opted_in": True, "email_program": "news"},
    ]
    put_gathered(session, tenant, "email_opt_status", rows)


def test_each_table_of_a_receiver_leaves_by_its_own_purpose(root: Path) -> None:
    purposes = {name: {"email": {"email_program": name}} for name in ("offers", "news")}
    asked = {"customer_360": "offers", "merged_customers": "news"}
    tenant = _for_purposes(root, asked, purposes)
    publish(tenant, PEOPLE)
    with open_session(root / "warehouse") as session:
        _statements(session, tenant)
        send(session, tenant, "crm")
    emails = {
        name: read(root / "for_purposes" / f"{name}.csv")["email"].to_list() for name in asked
    }
    assert emails == {
        "customer_360": ["0@x.com", None, None],
        "merged_customers": [None, "1@x.com", None],
    }


def test_a_programme_that_no_statement_names_is_not_sent_empty(root: Path) -> None:
    purposes = {"offers": {"email": {"email_program": "ofers"}}}
    tenant = _for_purposes(root, {"customer_360": "offers"}, purposes)
    publish(tenant, PEOPLE)
    told = (
        "destination crm: customer_360: email: all of it would be left empty for the purpose "
        "offers: no statement of email_opt_status has the email_program ofers: did you mean offers?"
    )
    with open_session(root / "warehouse") as session:
        _statements(session, tenant)
        with pytest.raises(C360Error, match=re.escape(told)):
            send(session, tenant, "crm", force=True)


def test_another_time_zone_is_another_publication(root: Path) -> None:
    """In it stand the examples of columns, and the times in a csv."""
    tenant = tenant_at(root)
    publish(tenant, PEOPLE)
    found = []
    for zone in ("UTC", "Asia/Tokyo"):
        with open_session(root / "warehouse", timezone=zone) as session:
            found.append(is_published(session, tenant))
    assert found == [True, False]


def test_what_would_overwrite_itself_is_an_error_of_the_configuration(root: Path) -> None:
    ids = {"columns": ["amperity_id"]}
    one = {
        "type": "postgres",
        "url_env": "ANALYSTS",
        "tables": {"customer_360": {**ids, "name": "people"}},
    }
    tenant = tenant_at(
        root,
        twice={
            "path": "x",
            "tables": {
                "customer_360": {**ids, "name": "A"},
                "merged_customers": {**ids, "name": "a"},
            },
        },
        again={"path": f"{root}/y/../x/", "tables": {"customer_360": ids}},
        columns={"path": "z", "tables": {"customer_360": {"columns": ["email", "Email"]}}},
        first=one,
        second=one,
        third={**one, "schema": "other"},
    )
    key, end = "destinations.", " would overwrite each other: give each its own place"
    assert {str(problem.key): problem.message for problem in check_sql(tenant)} == {
        f"{key}columns.tables.customer_360.columns": (
            "customer_360 would send email, Email: one column twice"
        ),
        f"{key}twice": f"{key}again and {key}twice{end}",
        f"{key}twice.tables.merged_customers": (
            f"{key}twice.tables.customer_360 and {key}twice.tables.merged_customers{end}"
        ),
        f"{key}second.tables.customer_360": (
            f"{key}first.tables.customer_360 and {key}second.tables.customer_360{end}"
        ),
    }


def test_addresses_of_a_brand_of_which_no_statement_speaks_are_warned_of(root: Path) -> None:
    table = {"customer_360": {"columns": ["email"], "consent": "offers"}}
    tenant = tenant_at(
        root,
        all={"path": "x", "tables": table},
        one={"path": "y", "tables": table, "database": "jp"},
    )
    databases = {"customer_360": {"primary": True}, "jp": {"filter": {"database_key": "JP"}}}
    config = TenantConfig.model_validate({"id": tenant.config.id, "databases": databases})
    purposes = WorkflowConfig.model_validate({"purposes": {"offers": {"email": {}}}})
    found = check_sql(replace(tenant, config=config, workflow=purposes))
    assert [(problem.key, problem.severity) for problem in found] == [
        ("destinations.one.tables.customer_360.consent", "warning")
    ]


@pytest.mark.parametrize(("length", "refused"), [(53, False), (54, True)])
def test_a_name_that_postgresql_would_cut_off_is_refused(
    root: Path, length: int, refused: bool
) -> None:
    table = {"customer_360": {"columns": ["amperity_id"], "name": "n" * length}}
    tenant = tenant_at(root, crm={"type": "postgres", "url_env": "CRM", "tables": table})
    assert [bool(check_sql(tenant))] == [refused]


def test_a_folder_that_was_there_keeps_its_permissions(root: Path) -> None:
    (root / "shared").mkdir(mode=0o755)
    tenant = tenant_at(root, shared={"path": "shared"}, own={"path": "made/here"})
    with open_session(root / "warehouse") as session:
        send(session, tenant, "shared")
        send(session, tenant, "own")
    assert [stat.S_IMODE((root / folder).stat().st_mode) for folder in ("shared", "made/here")] == [
        0o755,
        0o700,
    ]


def test_what_is_misspelt_is_an_error_of_the_configuration(root: Path) -> None:
    tables = {"customer_36": None, "customer_360": {"columns": ["amperity_id", "mail"]}}
    tenant = tenant_at(root, crm={"path": "x", "tables": tables, "database": "jp"})
    found = [str(problem) for problem in check_sql(tenant)]
    assert len(found) == 3
    assert [
        text
        for text in ("no database jp", "no table customer_36 ", "customer_360 has no column mail")
        if text not in str(found)
    ] == []
    (root / "destinations.yaml").write_text(
        "destinations:\n  crm:\n    type: postgres\n    tables: {customer_360: }\n"
    )
    _, problems = read_tenant(root)
    assert [p.file for p in problems if p.severity == "error"] == ["destinations.yaml"]
