"""The verbs of segments: who is in them, why, how many, and what a definition would change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from c360_assets.cli.options import (
    DATE_FORMATS,
    JsonOption,
    TenantOption,
    tenant_folder,
)
from c360_assets.cli.output import emit_query, out, print_json, reported_errors
from c360_assets.wording import counted

NameArgument = Annotated[
    str, typer.Argument(help="A segment: its file in segments/ without the ending.", metavar="NAME")
]


def list_verb(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """List the segments with their sizes, and who entered and left on the last day."""
    from c360_assets.reporting.segments import list_segments, render_list

    with reported_errors():
        listed = list_segments(tenant_folder(tenant))
    if as_json:
        print_json(listed)
    else:
        render_list(listed, out)


def show(
    name: NameArgument,
    tenant: TenantOption = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--why",
            help="Say of one person, by amperity_id or its first characters, which conditions "
            "hold, since when, and what happened before.",
            metavar="ID",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a segment's definition and figures, or why a person is in it or not.

    Example: `c360 segment show lapsed_good_customers --why 8d397403`
    """
    from c360_assets.reporting.segments import render_segment, render_why, show_segment, why

    with reported_errors():
        root = tenant_folder(tenant)
        if person is not None:
            answer = why(root, name, person)
            if as_json:
                print_json(answer)
            else:
                render_why(name, answer, out)
            return
        shown = show_segment(root, name)
    if as_json:
        print_json(shown)
    else:
        render_segment(shown, out)


def size(
    file: Annotated[
        str,
        typer.Argument(
            help="A definition being written (YAML, or one SELECT in .sql), or a segment's name.",
            metavar="FILE",
        ),
    ],
    tenant: TenantOption = None,
    by_condition: Annotated[
        bool,
        typer.Option(
            "--conditions",
            help="Say too how many fit each condition alone, and together with those before it; "
            "where nobody is left, that is said without it.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count the people who fit a definition, in the database as published. Writes nothing.

    Example: `c360 segment size segments/lapsed_good_customers.yaml`
    """
    from c360_assets.reporting.segments import render_size
    from c360_assets.reporting.segments import size as count_people

    with reported_errors():
        counted = count_people(tenant_folder(tenant), file, by_condition=by_condition)
    if as_json:
        print_json(counted)
    else:
        render_size(counted, out)


def sql(name: NameArgument, tenant: TenantOption = None) -> None:
    """Print the SELECT of a segment's people; it runs as printed.

    Example: `c360 sql "$(c360 segment sql one_time_buyers)"`
    """
    from c360_assets.reporting.segments import sql_of

    with reported_errors():
        emit_query(sql_of(tenant_folder(tenant), name))


def diff(name: NameArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Say how many people would enter and leave if the file as it stands were published."""
    from c360_assets.reporting.segments import difference

    with reported_errors():
        found = difference(tenant_folder(tenant), name)
    if as_json:
        print_json(found)
        return
    out.print(
        f"{found.segment}: {counted(found.published, 'person', 'people')} published, "
        f"{found.now:,} by the file; {found.would_enter:,} would enter, {found.would_leave:,} "
        "would leave"
    )


def overlap(
    names: Annotated[
        list[str], typer.Argument(help="Two to five segments of one database.", metavar="A B [C]…")
    ],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the people by exactly which of the segments they are in."""
    from c360_assets.reporting.segments import overlap as shared_people
    from c360_assets.reporting.segments import render_overlap

    with reported_errors():
        shared = shared_people(tenant_folder(tenant), names)
    if as_json:
        print_json(shared)
    else:
        render_overlap(names, shared, out)


def history(
    name: NameArgument,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--on",
            formats=DATE_FORMATS,
            help="The day to look at. Default: the last that is known.",
        ),
    ] = None,
    tenant: TenantOption = None,
    as_sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SELECT of who was in it on that day.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say how many people were in a segment on a day, and how it went day by day.

    Examples: `c360 segment history one_time_buyers`,
    `c360 segment history one_time_buyers --on 2026-06-14`
    """
    from c360_assets.reporting.segments import history as look_back
    from c360_assets.reporting.segments import render_history
    from c360_assets.segments.questions import members_on

    with reported_errors():
        past = look_back(tenant_folder(tenant), name, day.date() if day is not None else None)
    if as_sql:
        print(members_on(name, past.day).strip())
    elif as_json:
        print_json(past)
    else:
        render_history(past, out)


def page(tenant: TenantOption = None) -> None:
    """Write reports/segments.html anew: sizes, overlaps, comparison, breakdown, campaigns.

    A run writes it too.
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.reporting.paths import short_path
    from c360_assets.reporting.segments_page import write_segments_page
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with open_session(root / "warehouse", loaded.config.timezone) as session:
            written = write_segments_page(session, loaded)
    out.print(f"wrote {short_path(written)}", markup=False, soft_wrap=True)
