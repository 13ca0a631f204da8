"""SQL of tenants at every door: what must be refused, what must pass, and the locks behind the
list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from c360_assets.customer_360.rendering.render import macro_statements
from c360_assets.customer_360.tables.references import (
    Names,
    references,
    shared_functions,
    statement,
)
from c360_assets.errors import C360Error, ConfigError
from c360_assets.ingest.custom_tables import build_custom_table, check_sql
from c360_assets.reporting.preview import preview_table
from c360_assets.reporting.published import attach_published, question
from c360_assets.tenant.init_tenant import init_tenant
from c360_assets.warehouse.allowed_sql import QUESTIONS, allowed_statement, functions
from c360_assets.warehouse.binding import bound_columns
from c360_assets.warehouse.engine import lock
from c360_assets.warehouse.locked_session import locked_session, own_engine, store
from c360_assets.warehouse.publications import FilePublication
from c360_assets.warehouse.read_only_names import PROTOCOL, read_only_path
from c360_assets.warehouse.session import open_session
from c360_assets.warehouse.statement import read_statement, without_end
from c360_assets_tests.ingest.tenants import feed_of, land, load, tenant_of
from c360_assets_tests.warehouse.sql_cases import ONLY_QUESTIONS, REFUSED, SELECTS

SECRET = "TOP-SECRET"
TABLES = """
    CREATE TABLE t (
        id VARCHAR, name VARCHAR, kind VARCHAR, amount DECIMAL(38, 2), n BIGINT, day DATE,
        seen_at TIMESTAMPTZ, tags VARCHAR[], doc JSON, s STRUCT(a INTEGER, b VARCHAR),
        m MAP(VARCHAR, INTEGER)
    );
    CREATE TABLE u (id VARCHAR, n BIGINT);
"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.csv"
    path.write_text(f"k\n{SECRET}\n", "utf-8")
    return path


def planted(sql: str, secret: Path) -> str:
    return sql.replace("{secret}", str(secret)).replace("{folder}", str(secret.parent))


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file but the locks of the tenant."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(file): file.read_bytes() for file in files if not file.name.startswith(".lock")}


@pytest.fixture
def published(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = tmp_path / "customer_360.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(TABLES).fetchall()
        for created in macro_statements("main"):
            con.execute(created).fetchall()
    with own_engine(tmp_path) as con:
        attach_published(con, FilePublication.of(path, None), path.stem, "Europe/Berlin")
        yield con


def test_there_are_enough_cases() -> None:
    assert len(set(REFUSED)) >= 150
    assert len(set(SELECTS)) >= 140


def test_questions_are_refused(secret: Path, published: duckdb.DuckDBPyConnection) -> None:
    before = contents(secret.parent)
    for case in REFUSED:
        with pytest.raises(ConfigError, match=r"^query") as caught:
            question(published, planted(case, secret))
        assert SECRET not in str(caught.value), case
    assert contents(secret.parent) == before


KNOWN = {
    "t": "SELECT id, name FROM Shop_Customers",
    "u": "SELECT id, 1 AS n FROM Shop_Customers",
}


def test_database_sql_is_refused(secret: Path) -> None:
    names = Names(tenant_of(secret.parent, feed_of(), sql=KNOWN))
    references("SELECT * FROM t, u", "database/x.sql", names)
    before = contents(secret.parent)
    for case in [*REFUSED, *ONLY_QUESTIONS]:
        with pytest.raises(ConfigError, match=r"^database/x\.sql") as caught:
            references(planted(case, secret), "database/x.sql", names)
        assert SECRET not in str(caught.value), case
    assert contents(secret.parent) == before


def test_custom_domain_tables_are_refused(secret: Path) -> None:
    folder = secret.parent
    assert check_sql(tenant_of(folder, feed_of(), sql=KNOWN)) == []
    before = contents(folder)
    with open_session(folder / "warehouse") as session:
        for case in [*REFUSED, *ONLY_QUESTIONS]:
            tenant = tenant_of(folder, feed_of(), sql={**KNOWN, "X": planted(case, secret)})
            problems = check_sql(tenant)
            assert {problem.file for problem in problems} == {"domain_tables/X.sql"}, case
            assert SECRET not in str(problems)
            (table,) = (table for table in tenant.custom_tables if table.name == "X")
            with pytest.raises(ConfigError, match=r"domain_tables/X\.sql"):
                build_custom_table(session, tenant, table)
    assert contents(folder) == before


def test_previews_are_refused(secret: Path) -> None:
    root = secret.parent / "tenant"
    root.mkdir()
    init_tenant(root)
    draft = root / "database" / "drafts" / "own.sql"
    draft.parent.mkdir(parents=True)
    before = contents(secret.parent)
    for case in [*REFUSED, *ONLY_QUESTIONS]:
        draft.write_text(planted(case, secret), "utf-8")
        with pytest.raises(C360Error) as caught:
            preview_table(root, "own")
        assert "own.sql" in str(caught.value), case
        assert SECRET not in str(caught.value), case
    after = contents(secret.parent)
    assert {path for path in after if path not in before} == {str(draft)}


def test_what_tenants_write_is_taken_by_tables() -> None:
    con = duckdb.connect(":memory:")
    con.execute(TABLES).fetchall()
    for created in macro_statements():
        con.execute(created).fetchall()
    lock(con)
    for sql in SELECTS:
        read = statement(sql, "database/x.sql")
        assert read.canonical
        assert {table.name for table in read.tables} <= {"t", "u"}, sql
        assert bound_columns(con, read.text), sql


@pytest.mark.parametrize(
    ("sql", "same"),
    [
        ("select  1 -- one\n, 'a  b' /* two */\nfrom \"T é\";", True),
        ("SELECT 1, 'a b' FROM \"T é\"", False),
        ("SELECT 1, 'a  b' FROM \"t é\"", False),
        ("SELECT 1, 'a  b', FROM \"T é\" LIMIT 1", False),
    ],
)
def test_comments_and_layout_are_no_other_statement(sql: str, same: bool) -> None:
    written = "SELECT 1, 'a  b' FROM \"T é\""
    assert (read_statement(sql).canonical == read_statement(written).canonical) == same


def test_what_people_ask_is_answered(published: duckdb.DuckDBPyConnection) -> None:
    for sql in [*SELECTS, *ONLY_QUESTIONS, "SELECT t.id FROM customer_360.main.t, main.u"]:
        published.execute(question(published, sql).text).fetchall()


@pytest.mark.parametrize("kind", ["tables", "questions"])
def test_behind_the_list_the_engine_is_locked(secret: Path, kind: str) -> None:
    """Each refused statement is run as if nothing had looked at it: nothing is read, and no file
    changes."""
    feed = feed_of()
    tenant = tenant_of(secret.parent, feed)
    land(tenant, "c-20240105.csv", "id,name,seen,spent\na,Ann,,1.50\n")
    load(tenant, feed)
    path = secret.parent / "customer_360.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(TABLES).fetchall()
    own = [str(path), str(path) + ".wal"]
    with (
        open_session(tenant.root / "warehouse") as session,
        locked_session(session) as locked,
        own_engine(secret.parent) as asking,
    ):
        locked.bind("domain/Shop_Customers", "t")
        locked.lock()
        attach_published(asking, FilePublication.of(path, None), path.stem, "UTC")
        con = locked.con if kind == "tables" else asking
        own += sorted(locked.paths)
        own += [path.removeprefix(f"{PROTOCOL}://") for path in sorted(locked.paths)]
        own += [read_only_path(str(path)), read_only_path(str(secret))]
        writes = [f"COPY t TO '{file}' (FORMAT csv, USE_TMP_FILE false)" for file in own]
        writes += [f"ATTACH '{file}' AS other_{n}" for n, file in enumerate(own)]
        writes += ["SET enable_external_access = true", "SET lock_configuration = false"]
        before = contents(secret.parent)
        for sql in [*writes, *(planted(case, secret) for case in REFUSED)]:
            try:
                result = con.execute(sql)
                answer = str(result.fetchall() if result is not None else [])
            except (duckdb.Error, PermissionError) as error:
                answer = str(error)
            assert SECRET not in answer, sql
            if "glob(" in sql:
                assert "disabled by configuration" in answer
            with suppress(duckdb.Error):  # a transaction that the case began
                con.execute("ROLLBACK")
            assert contents(secret.parent) == before, sql
        found = con.execute("SELECT current_setting('lock_configuration')").fetchall()
    assert found == [(True,)]


def test_a_locked_session_sees_what_its_owner_sees(tmp_path: Path) -> None:
    """Also in a folder whose name holds what would be a pattern or an escape."""
    root = tmp_path / "a [1] é*#"
    rows = (
        "SELECT 1 AS a, '{}'::JSON AS j, TIMESTAMPTZ '2020-01-01 00:00:00+00' AS at_, "
        "{'a': [1]} AS s, MAP {'k': 1.50::DECIMAL(38, 2)} AS m, 'x'::BLOB AS b"
    )
    more = "'x'::ENUM ('x') AS e, 1::HUGEINT AS h, TIMESTAMP '2020-01-01' AS ts, NULL AS n"
    with open_session(root / "warehouse", "Europe/Berlin") as session:
        session.write("domain/X", rows)
        session.bind("domain/X", "x")
        whole = f"SELECT *, {more} FROM x"
        expected = session.write("plain", whole, fingerprint="f")
        with locked_session(session) as locked:
            locked.bind("domain/X", "x")
            locked.lock()
            assert locked.rows("FROM x") == session.rows("FROM x")
            assert locked.rows("SELECT current_setting('TimeZone')") == [("Europe/Berlin",)]
            assert store(locked, whole, session, "locked", fingerprint="f") == expected


def test_every_listed_function_exists_and_the_rest_was_left_out_on_purpose() -> None:
    con = duckdb.connect(":memory:")
    found = con.execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    known = {name for (name,) in found} | {"date"}
    assert functions() <= known
    for name in (
        "json_execute_serialized_sql",
        "current_setting",
        "getvariable",
        "nextval",
        "query",
    ):
        assert name not in functions()


@pytest.mark.parametrize(
    ("sql", "line", "says"),
    [
        ("SELECT id,\n  uper(name) AS x\nFROM t", 2, "did you mean upper?"),
        ("SELECT 'é',\n\n  getenv('HOME') FROM t", 3, "getenv() is not allowed"),
        ("SELECT *\nFROM t,\n  read_csv('x')", 3, "read_csv() is not allowed in FROM"),
        ("SELECT 1;\n\nSELECT 2", 3, "exactly one SELECT"),
        ("-- why\nCOPY t TO 'x'", 2, "COPY is not allowed"),
        ("PIVOT t ON kind USING sum(n)", None, "list the values"),
        ("SELECT\n  1 +", 2, "cannot be parsed"),
        (f"SELECT {'(' * 300}1{')' * 300}", None, "nested too deeply"),
        (f"SELECT {'upper(' * 300}'a'{')' * 300}", None, "nested too deeply"),
    ],
)
def test_a_refusal_names_line_and_remedy(sql: str, line: int | None, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        allowed_statement(sql, "x.sql", own_functions=shared_functions())
    (problem,) = caught.value.problems
    assert problem.line == line
    assert says in str(problem)


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "COPY t TO 'x'", "EXPLAIN DROP TABLE t", ""])
def test_a_refused_question_is_told_what_may_be_asked(sql: str) -> None:
    with pytest.raises(ConfigError, match="one SELECT, FROM, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"):
        allowed_statement(sql, "query", QUESTIONS)


def test_explain_is_looked_at_as_what_it_explains() -> None:
    read = read_statement(
        "/* é */ EXPLAIN (ANALYZE, FORMAT json)\n-- why\nSELECT upper(id)\nFROM t"
    )
    assert [(table.name, table.line) for table in read.tables] == [("t", 4)]
    assert [(call.name, call.line) for call in read.calls] == [("upper", 3)]
    with pytest.raises(ConfigError, match=r"query:2: getenv\(\) is not allowed"):
        allowed_statement("EXPLAIN ANALYZE\nSELECT getenv('x')", "query", QUESTIONS)


def test_a_long_chain_is_no_deep_nesting() -> None:
    read = allowed_statement(f"SELECT {' || '.join(['id'] * 300)} FROM t", "x.sql")
    assert [call.name for call in read.calls] == ["||"]


def test_the_end_of_a_statement_is_the_parsers() -> None:
    assert (
        without_end("SELECT ';', $$;$$, ';''' -- ;\n ; -- rest") == "SELECT ';', $$;$$, ';''' -- ;"
    )
