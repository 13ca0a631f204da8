"""The verbs about people's rights: `forget`, `dsar` and `privacy …`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from c360_assets.cli.identifiers import (
    PERSON,
    EmailsOption,
    IdsOption,
    KeysOption,
    PhonesOption,
    foreign_key,
    identifiers,
)
from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import err, out, print_failures, print_json, reported_errors
from c360_assets.errors import C360Error
from c360_assets.reporting.paths import short_path
from c360_assets.wording import counted

if TYPE_CHECKING:
    from c360_assets.privacy.receipts import Receipt
    from c360_assets.privacy.requests import Outcome

StrategyOption = Annotated[
    Literal["exact", "connected_pii"],
    typer.Option(
        help="connected_pii: all records of the person. exact: rows that hold the identifier, and "
        "what they were made of.",
    ),
]
EverybodyOption = Annotated[
    bool, typer.Option("--all", help="Go on although the identifiers fit several people.")
]


def forget(
    ids: IdsOption = None,
    emails: EmailsOption = None,
    phones: PhonesOption = None,
    source_keys: KeysOption = None,
    tenant: TenantOption = None,
    mode: Annotated[
        Literal["delete", "delete_pii"],
        typer.Option(
            "--type",
            help="delete: all rows go. delete_pii: rows and money stay, personal fields are "
            "emptied.",
        ),
    ] = "delete",
    strategy: StrategyOption = "connected_pii",
    everybody: EverybodyOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be touched.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget a person: in all tables and their versions, databases, files, logs and receivers, for
    good.

    Ends with a search for the person's values and a receipt. What lands again loads without them.

    Examples: `c360 forget --email ann@example.com --dry-run`, `c360 forget --id 0123abcd --yes`
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.ingest.not_loaded import not_loaded
    from c360_assets.privacy.enforce import enforce
    from c360_assets.privacy.forget import begin, carry_out, preview
    from c360_assets.privacy.forgotten_rows import find
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        asked = identifiers(ids, emails, phones, source_keys)
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with tenant_lock(root, "`c360 forget`", err.print):
            if not dry_run:
                _say(enforce(loaded, _step))
            with open_session(root / "warehouse", loaded.config.timezone) as session:
                finder, found = find(session, loaded, asked, strategy, mode)
                shown = preview(finder, asked, found)
                if found.is_empty:
                    _say_nobody(shown.already, not_loaded(session, loaded), as_json)
                    return
                if len(found.ids) > 1 and not everybody:
                    _refuse_several(found.ids)
                if not as_json:
                    _print_preview(shown.people, shown.rows, mode)
                if dry_run:
                    if as_json:
                        print_json({"people": shown.people, "rows": shown.rows, "type": mode})
                    return
                _ask(yes)
                work = begin(
                    finder, loaded, found, mode, strategy=strategy, asked_by="command line"
                )
            receipt = carry_out(loaded, work, _step)
    _print_receipt(receipt, as_json)


def dsar(
    ids: IdsOption = None,
    emails: EmailsOption = None,
    phones: PhonesOption = None,
    source_keys: KeysOption = None,
    tenant: TenantOption = None,
    strategy: StrategyOption = "connected_pii",
    everybody: EverybodyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Answer "what do you hold about me": write all of it to a folder, as JSON, CSV and a page.

    Rows of other people are left out. The folder is below privacy/dsar/, readable by its owner
    only; delete it when the answer is handed over.

    Example: `c360 dsar --email ann@example.com`
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.ingest.not_loaded import not_loaded
    from c360_assets.privacy.dsar import answer
    from c360_assets.privacy.enforce import enforce
    from c360_assets.privacy.forgotten_rows import find
    from c360_assets.privacy.remembered import already_forgotten
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        asked = identifiers(ids, emails, phones, source_keys)
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with tenant_lock(root, "`c360 dsar`", err.print):
            _say(enforce(loaded, _step))
            with open_session(root / "warehouse", loaded.config.timezone) as session:
                finder, found = find(session, loaded, asked, strategy)
                if found.is_empty:
                    already = already_forgotten(session, loaded, asked)
                    _say_nobody(already, not_loaded(session, loaded), as_json)
                    return
                if len(found.ids) > 1 and not everybody:
                    _refuse_several(found.ids)
                folder = answer(finder, found, " ".join(found.ids) or str(sorted(found.rows)))
                waiting = not_loaded(session, loaded)
    if as_json:
        print_json({"people": found.ids, "folder": folder, "not_loaded": waiting})
    else:
        out.print(
            f"wrote {short_path(root / folder)}/answer.html, answer.json and CSV files",
            markup=False,
            soft_wrap=True,
        )
        _say_not_loaded(waiting)


def _say(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        err.print(sentence, markup=False)


def _step(text: str) -> None:
    err.print(f"forget: {text}", style="dim", markup=False)


def _say_nobody(already: list[str], waiting: dict[str, int], as_json: bool) -> None:
    if as_json:
        document = {"people": [], "rows": {}, "already_forgotten": already, "not_loaded": waiting}
        print_json(document)
        return
    if already:
        out.print(f"already forgotten: receipt {', '.join(already)}; nothing is held")
    else:
        message = (
            "nobody is known by this; nothing was done. `c360 find WORDS` looks for people by "
        )
        out.print(f"{message}parts of what is known, and in spite of typing errors", soft_wrap=True)
    _say_not_loaded(waiting)


def _say_not_loaded(waiting: dict[str, int]) -> None:
    if waiting:
        listed = ", ".join(f"{feed} {counted(days, 'day')}" for feed, days in waiting.items())
        _say([f"landed and not loaded, so not searched: {listed}; `c360 load` loads them"])


def _refuse_several(ids: list[str]) -> None:
    listed = "\n  ".join(ids[:20])
    more = f"\n  and {len(ids) - 20} more" if len(ids) > 20 else ""
    raise C360Error(
        f"this fits {counted(len(ids), 'person', 'people')}, so nothing was done; give one by "
        "--id, or say --all:\n"
        f"  {listed}{more}"
    )


def _print_preview(people: list[str], rows: dict[str, int], mode: str) -> None:
    verb = "goes" if mode == "delete" else "is blanked"
    out.print(
        f"{counted(len(people), 'person', 'people')}: "
        f"{', '.join(people) or 'rows that belong to nobody'}"
    )
    for name, count in rows.items():
        out.print(f"  {name}: {counted(count, 'row')}", markup=False)
    out.print(f"what is made of them {verb} in every table, version, database, file and receiver")


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise C360Error("nothing was done: say --yes to forget without being asked")
    typer.confirm("Forget for good?", abort=True)


def _print_receipt(receipt: Receipt, as_json: bool) -> None:
    if as_json:
        print_json(receipt)
    else:
        out.print(
            f"receipt {receipt.receipt}: {counted(receipt.people, 'person', 'people')}, "
            f"{receipt.mode}"
        )
        for name, count in receipt.rows.items():
            out.print(f"  {name}: {count:,}", markup=False)
        searched = receipt.searched
        out.print(
            f"searched {counted(searched['files'], 'file')} ({searched['bytes'] / 2**20:,.1f} "
            f"MiB) for {counted(searched['values'], 'value')}: "
            f"{counted(sum(receipt.remaining.values()), 'file holds', 'files hold')} one"
            + "".join(f"; {name} {count}" for name, count in receipt.remaining.items())
        )
        for note in receipt.notes:
            out.print(note, markup=False)
        for name in receipt.pending:
            out.print(f"pending: {name} did not take the removal", markup=False)
        out.print("`c360 run` brings figures and reports up to date")
    if not receipt.is_proved:
        print_failures(["values were found outside landing/: see the receipt"])
        raise typer.Exit(1)
    if receipt.pending:
        raise typer.Exit(1)


def status(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """List receipts, work that is not ended, removals that receivers have not confirmed, requests
    that wait, and every store of personal values."""
    from c360_assets.automation.removed_tables import removed_text
    from c360_assets.configuration import load_tenant
    from c360_assets.privacy.status import privacy_status, render
    from c360_assets.warehouse.session import Warehouse

    with reported_errors():
        loaded = load_tenant(tenant_folder(tenant))
        removed = removed_text(loaded, Warehouse.open(loaded.root / "warehouse").manifest)
        current = privacy_status(loaded, removed)
    if as_json:
        print_json(current)
    else:
        render(current, out)


def requests(
    tenant: TenantOption = None,
    carry_out: Annotated[
        bool, typer.Option("--carry-out", help="Carry out all that can be, also those on hold.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the requests that stand in compliance tables, or carry them out now.

    The scheduled asset carries them out every day (`privacy.cron` of tenant.yaml), unless
    `privacy.hold` says that a person looks first.
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.privacy.enforce import enforce
    from c360_assets.privacy.requests import carry_out_requests, open_requests
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        outcome = None
        if carry_out:
            with tenant_lock(root, "`c360 privacy requests`", err.print):
                _say(enforce(loaded, _step))
                outcome = carry_out_requests(loaded, _step)
        with open_session(root / "warehouse", loaded.config.timezone) as session:
            shown = open_requests(session, loaded)
    if as_json:
        print_json({"outcome": outcome and outcome.as_json(), "open": shown})
        return
    if outcome is not None:
        _print_outcome(outcome, root)
    for one in shown:
        late = ", LATE" if one.late else ""
        problem = f": {one.problem}" if one.problem else ""
        text = f"open: {one.table} {one.request} {one.type} ({one.strategy})"
        out.print(f"{text}, landed {one.landed}{late}{problem}", markup=False)
    if not shown:
        out.print("no request is open")


def _print_outcome(outcome: Outcome, root: Path) -> None:
    for receipt in outcome.receipts:
        out.print(
            f"receipt {receipt.receipt}: {counted(len(receipt.requests), 'request')}, "
            f"{counted(receipt.people, 'person', 'people')}, {receipt.asked_by}"
        )
    for folder in outcome.answers:
        out.print(f"wrote {short_path(root / folder)}", markup=False, soft_wrap=True)
    for problem in outcome.waiting:
        out.print(f"1 request to forget waits: {problem}", markup=False, soft_wrap=True)


def allow(
    first: Annotated[
        str,
        typer.Option(
            "--from",
            help="Delivery day from which they may come in again: YYYY-MM-DD.",
            metavar="DAY",
        ),
    ],
    emails: EmailsOption = None,
    phones: PhonesOption = None,
    source_keys: KeysOption = None,
    foreign_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--foreign-key",
            help="A customer number by which other rows name them: `fk-customer=VALUE`. One that "
            "is within a `--source-key` need not be named.",
            metavar="TAG=VALUE",
            rich_help_panel=PERSON,
        ),
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Let somebody who was forgotten in again, such as for a later purchase with consent.

    What was delivered before that day stays out, as do all identifiers that are not named. Rows of
    a day that is loaded already come in when the day is loaded again.

    Example: `c360 privacy allow --email ann@example.com --from 2026-07-01`
    """
    from datetime import date

    from c360_assets.configuration import load_tenant
    from c360_assets.privacy.identifiers import Identifiers
    from c360_assets.privacy.remembered import let_in
    from c360_assets.warehouse.lock import tenant_lock

    with reported_errors():
        keys = [foreign_key(text) for text in foreign_keys or []]
        has_others = bool(emails or phones or source_keys) or not keys
        asked = identifiers(None, emails, phones, source_keys) if has_others else Identifiers()
        try:
            day = date.fromisoformat(first)
        except ValueError:
            raise typer.BadParameter("write a day as YYYY-MM-DD", param_hint="--from") from None
        loaded = load_tenant(tenant_folder(tenant))
        with tenant_lock(loaded.root, "`c360 privacy allow`", err.print):
            changed = let_in(loaded, asked, day, keys)
    if not changed:
        raise typer.Exit(_nothing_remembered())
    out.print(f"{changed} identifiers may come in again with deliveries from {day} on")


def _nothing_remembered() -> int:
    print_failures(["nobody of these identifiers was forgotten, so nothing was changed"])
    return 1


def rotate_key(tenant: TenantOption = None) -> None:
    """Make a new key for hashes and signatures from now on.

    Hashes that are remembered cannot be made anew without the values, so earlier keys must stay
    where they are: without them a run refuses to start.
    """
    from c360_assets.warehouse.suppression import new_key

    with reported_errors():
        name = new_key(tenant_folder(tenant))
    out.print(f"key {name} is used from now on; keep the earlier ones")


def retry(
    tenant: TenantOption = None,
    confirmed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RECEIVER",
            help="A receiver that removed them in another way, such as by hand on your demand.",
        ),
    ] = None,
) -> None:
    """Try removals again that receivers did not take; those that are taken close their receipt.

    Example: `c360 privacy retry --confirmed mailing`
    """
    from c360_assets.configuration import load_tenant
    from c360_assets.privacy.removals import confirm_removal, pending_removals, retry_removals
    from c360_assets.warehouse.lock import tenant_lock
    from c360_assets.warehouse.session import open_session

    with reported_errors():
        root = tenant_folder(tenant)
        loaded = load_tenant(root)
        with (
            tenant_lock(root, "`c360 privacy retry`", err.print),
            open_session(root / "warehouse", loaded.config.timezone) as session,
        ):
            pending = pending_removals(root)
            _require_pending(confirmed or [], {name for _, name in pending})
            for receipt, name in pending:
                if name in (confirmed or []):
                    confirm_removal(root, receipt, name)
                    out.print(f"{name}: confirmed, receipt {receipt} closed", markup=False)
            outcome = retry_removals(session, loaded)
    for name, reason in outcome.items():
        said = f"not taken: {reason}" if reason else "taken, receipt closed"
        out.print(f"{name}: {said}", markup=False, soft_wrap=True)
    if not pending:
        out.print("no removal is pending")
    raise typer.Exit(1 if any(outcome.values()) else 0)


def _require_pending(named: list[str], pending: set[str]) -> None:
    unknown = [name for name in named if name not in pending]
    if unknown:
        listed = ", ".join(sorted(pending)) or "none"
        raise C360Error(f"no removal at {', '.join(unknown)} is pending; pending: {listed}")
