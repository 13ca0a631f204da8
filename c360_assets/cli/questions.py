"""The verbs that answer from what is loaded and published: `status`, `sql` and the like."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from c360_assets.automation.instance import mark_dead_runs
from c360_assets.cli.options import DatabaseOption, JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import emit_query, err, out, print_failures, print_json, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import short_path
from c360_assets.reporting.terminal import emit


def status(
    tenant: TenantOption = None,
    digests: Annotated[
        bool, typer.Option("--digests", help="One line per table: name, rows, content digest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what landed and loaded per feed, the last Stitch run, what is published and how old it
    is, and what comes next."""
    from c360_assets.automation.removed_tables import removed_text
    from c360_assets.automation.switched_off import switched_off
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.status import digest_lines, read_status
    from c360_assets.reporting.status_screen import render_status
    from c360_assets.warehouse.session import Warehouse

    with reported_errors():
        root = tenant_folder(tenant)
        if digests:
            for line in digest_lines(root):
                emit(line)
            return
        _mark_dead_runs(root)
        loaded = load_tenant(root)
        try:
            off = switched_off(loaded)
        except C360Error as error:
            off = []
            print_failures([str(error)])
        removed = removed_text(loaded, Warehouse.open(root / "warehouse").manifest)
        current = read_status(root, datetime.now().astimezone(), off, removed)
    if as_json:
        print_json(current)
    else:
        render_status(current, out)


def _mark_dead_runs(root: Path) -> None:
    """Mark them; where that fails, say so, as the rest of the page can be told."""
    try:
        mark_dead_runs(root)
    except Exception as error:
        reason = str(error) if isinstance(error, C360Error) else type(error).__name__
        print_failures([f"runs of processes that ended could not be marked as failed: {reason}"])


def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="SQL for the published database; `-` reads it from standard input."),
    ] = None,
    tenant: TenantOption = None,
    show: Annotated[
        str | None,
        typer.Option("--show", help="Print the SQL that builds this table.", metavar="TABLE"),
    ] = None,
    spark: Annotated[bool, typer.Option("--spark", help="With --show: as Spark runs it.")] = False,
    database: DatabaseOption = "customer_360",
    number: Annotated[
        int | None, typer.Option("--kept", help="Ask an earlier, kept database of that number.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    excel: Annotated[
        bool,
        typer.Option(
            "--excel",
            help="With --csv: put ' before texts that a spreadsheet would run as formulas.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a published database, or print the SQL that builds a table.

    Before anything was published, the tables of the warehouse are asked.

    Examples: `c360 sql "SELECT count(*) FROM customer_360"`, `c360 sql --show merged_customers`
    """
    from c360_assets.reporting.published import (
        ResultFormat,
        open_published,
        print_result,
        table_sql,
    )

    with reported_errors():
        root = tenant_folder(tenant)
        if show is not None:
            emit_query(table_sql(root, show, database, spark=spark))
            return
        if query is None:
            raise typer.BadParameter("give a query, or --show TABLE")
        if query == "-":
            query = sys.stdin.read()
        if excel and not as_csv:
            raise typer.BadParameter("--excel is for --csv")
        result_format: ResultFormat = "table"
        if excel:
            result_format = "excel"
        elif as_json:
            result_format = "json"
        elif as_csv:
            result_format = "csv"
        with open_published(root, database, number, or_warehouse=True) as con:
            print_result(con, query, out, result_format)


def find(
    words: Annotated[
        list[str],
        typer.Argument(
            help="Names, parts of an e-mail address, a street, a phone number.", metavar="WORDS"
        ),
    ],
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Find people by what is known of them: every word must stand in one of their records, or one
    that a typing error makes of it.

    Examples: `c360 find Kowalska Krakow`, `c360 find ann@exmaple.com`, `c360 find 601 234`
    """
    from c360_assets.reporting.find import find_people, render_found
    from c360_assets.reporting.published import open_published

    with reported_errors(), open_published(tenant_folder(tenant), database) as con:
        found = find_people(con, words)
    if as_json:
        print_json(found)
    else:
        render_found(found, out)


def profile(
    amperity_id: Annotated[
        str,
        typer.Argument(
            help="An amperity_id, or at least its first eight characters.", metavar="ID"
        ),
    ],
    tenant: TenantOption = None,
    database: DatabaseOption = "customer_360",
    as_json: JsonOption = False,
) -> None:
    """Show one customer's page: which source won each field and why the others lost, the records,
    the latest orders."""
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.profile import read_profile, render_profile
    from c360_assets.reporting.published import database_named, open_published

    with reported_errors():
        root = tenant_folder(tenant)
        with open_published(root, database) as con:
            definition = database_named(load_tenant(root), database)
            customer = read_profile(con, amperity_id, definition)
    if as_json:
        print_json(customer)
    else:
        render_profile(customer, out)


def explain(
    one: Annotated[
        str,
        typer.Argument(
            help="A record as SOURCE:FEED/KEY, or an amperity_id or its first eight characters.",
            metavar="A",
        ),
    ],
    other: Annotated[
        str | None,
        typer.Argument(help="Another record or id, to ask why the two are one.", metavar="[B]"),
    ] = None,
    tenant: TenantOption = None,
    number: Annotated[
        int | None, typer.Option("--kept", help="Ask an earlier, kept database of that number.")
    ] = None,
    as_page: Annotated[
        bool, typer.Option("--html", help="Write reports/explain.html, with charts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say why two records are one person or are not, merged or kept apart, met or not: where they
    met, what each field says, who decided. With one id: why its records are one person.

    Examples: `c360 explain Shop:Customers/17 Loyalty:Members/9`, `c360 explain 85b43908`
    """
    from c360_assets.reporting.explain import explain as explain_names
    from c360_assets.reporting.explain import render_explanation
    from c360_assets.reporting.published import open_published

    with reported_errors():
        root = tenant_folder(tenant)
        with open_published(root, number=number) as con:
            explained = explain_names(con, one, other)
        if as_page:
            from c360_assets.reporting.explain_page import write_explanation

            err.print(f"page: {short_path(write_explanation(explained, root))}", markup=False)
    if as_json:
        print_json(explained)
    else:
        render_explanation(explained, out)
