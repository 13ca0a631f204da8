"""Forgetting somebody: every store, every way back in, every instant of a kill, every odd input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from c360_assets.configuration import load_tenant
from c360_assets.privacy import forget as forget_module
from c360_assets.privacy.receipts import is_genuine, read_receipts
from c360_assets.privacy.requests import carry_out_requests
from c360_assets.privacy.search import Searcher
from c360_assets.privacy.status import privacy_status
from c360_assets.privacy.stores import all_files, store_of
from c360_assets.privacy.work import open_work
from c360_assets.stitch.review.answers import ANSWERS_FILE, answers_csv, kept_answers
from c360_assets.warehouse.session import open_session
from c360_assets.warehouse.suppression import Suppression
from c360_assets_tests.day.command import ask, c360_here, here
from c360_assets_tests.privacy.conftest import Forgotten
from c360_assets_tests.privacy.tenants import (
    ACCOUNTS,
    FIRST,
    LINES,
    MAIL,
    OTTILIE,
    SECOND,
    land,
    land_all,
    write_tenant,
)

NOT_OURS = ("landed files", "configuration")
# What tells of runs, loads and generations, of which one tenant has had more than the other.
OF_RUNS = (
    "database_run",
    "database_table_run",
    "database_warning",
    "ingest_files",
    "input_validation_",
    "stitch_benchmarks",
    "stitch_generation",
    "stitch_id_redirects",
    "stitch_identity_changes",
    "stitch_ids",
    "stitch_metrics",
    "unified_changes",
)


def found_in(root: Path, values: tuple[str, ...] = OTTILIE) -> dict[str, list[str]]:
    """Store -> files in which one of the values stands."""
    tenant = load_tenant(root)
    finds: dict[str, list[str]] = {}
    for path in Searcher(values).search(all_files(tenant)).finds:
        store = store_of(tenant, path)
        name = store.name if store is not None else "unknown"
        finds.setdefault(name, []).append(path.relative_to(root.resolve()).as_posix())
    return finds


def ours(finds: dict[str, list[str]]) -> dict[str, list[str]]:
    return {store: files for store, files in finds.items() if store not in NOT_OURS}


def people(root: Path) -> dict[str, str]:
    """Source key -> amperity_id of everybody."""
    rows = ask(root, "SELECT datasource || '/' || pk, amperity_id FROM unified_coalesced")
    return dict(rows)


def test_values_stand_only_in_known_stores(first_day: Path) -> None:
    finds = found_in(first_day)
    assert "unknown" not in finds
    # The test would prove nothing if the values were not there.
    assert {"tables", "published databases", "kept databases", "logs", "exports"} <= finds.keys()


def test_stores_are_open_to_their_owner_only(forgotten: Path) -> None:
    tenant = forgotten
    stores = privacy_status(load_tenant(tenant)).stores
    held = {store.name: store.open_to_others for store in stores if store.files}
    assert len(held) > 8
    assert {name for name, files in held.items() if files} <= set(NOT_OURS)
    # The count itself: a folder of ours that somebody opened is told.
    (tenant / "reports").chmod(0o755)
    for page in (tenant / "reports").iterdir():
        page.chmod(0o644)
    tenant.chmod(0o755)
    opened = privacy_status(load_tenant(tenant)).stores
    assert [store.name for store in opened if store.open_to_others and store.name == "reports"]


def test_people_are_counted_without_those_who_went(forgotten: Path) -> None:
    """Before the next run: more people than records would be fewer than no duplicates."""
    with open_session(forgotten / "warehouse") as session:
        session.bind("unified_coalesced")
        ((people,),) = session.rows("SELECT count(DISTINCT amperity_id) FROM unified_coalesced")
        assert session.built("unified_coalesced").figures["amperity_ids"] == people


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found_in(tenant)
    dry = c360_here(monkeypatch, "forget", "--email", MAIL, "--dry-run", "--tenant", tenant)
    assert dry.code == 0
    assert "Web:Orders: 2 rows" in dry.text
    assert ours(before)
    assert found_in(tenant) == before


def test_forgotten_everywhere_and_for_good(
    first_day: Path, forgotten: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, before = forgotten, people(first_day)
    assert ours(found_in(tenant)) == {}
    (receipt,) = read_receipts(tenant)
    assert is_genuine(receipt, Suppression.of(tenant))
    assert receipt.remaining == {"landed files": 3}
    text = json.dumps(vars(receipt))
    assert not [value for value in OTTILIE if value in text]

    # The same rows land again, also under another key with her address in another spelling.
    land_all(tenant, SECOND)
    other = "AC-711111,'OTTILIE.QUASTENBERG+news@example.com',,O,Q,,,,,1"
    land(tenant, "web/accounts", SECOND, [*_accounts(), other])
    run = here("run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert "rows of people who were forgotten are not loaded" in run.text
    assert ours(found_in(tenant)) == {}
    assert not [value for value in people(tenant) if "711111" in value]
    gone = {key for key in before if before[key] not in people(tenant).values()}
    assert gone == {"Web:Accounts/AC-700001", "Club:Members/CL-8800191"}
    assert {key: before[key] for key in before if key not in gone} == people(tenant)

    rolled = c360_here(monkeypatch, "rollback", 1, "--tenant", tenant)
    assert rolled.code == 0, rolled.text
    assert ours(found_in(tenant)) == {}

    # A backup from before comes back.
    for folder in ("warehouse", "activated"):
        shutil.rmtree(tenant / folder)
        shutil.copytree(first_day / folder, tenant / folder, symlinks=True)
    status = c360_here(monkeypatch, "privacy", "status", "--tenant", tenant)
    assert "older than the last receipt" in status.text
    kept = c360_here(monkeypatch, "sql", "--kept", 1, "SELECT 1", "--tenant", tenant)
    assert kept.code == 0, kept.text
    assert ours(found_in(tenant)) == {}


def _accounts() -> list[str]:
    from c360_assets_tests.privacy.tenants import ACCOUNTS

    return ACCOUNTS


@pytest.mark.slow
def test_tables_equal_a_tenant_that_never_had_them(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same kept model, the same landed files, and no row of hers from the start.

    Its ids are given anew, so they are compared through the records that have them.
    """
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 0, said.text
    other = Path(shutil.copytree(tenant, tenant.with_name("never"), symlinks=True))
    manifest = other / "warehouse" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["tables"] = {"stitch_model": content["tables"]["stitch_model"]}
    content["meta"] = {key: content["meta"][key] for key in ("stitch_model", "privacy")}
    manifest.write_text(json.dumps(content))
    for root, flags in ((tenant, []), (other, ["--new-ids"])):
        run = here("run", *flags, "--tenant", root)
        assert run.code == 0, run.text
    ours, theirs = stored(tenant), stored(other)
    assert ours.keys() == theirs.keys()
    named = same_ids(ours["unified_coalesced"], theirs["unified_coalesced"], ["datasource", "pk"])
    named |= same_ids(
        ours["stitch_households"],
        theirs["stitch_households"].with_columns(pl.col(pl.String).replace(named)),
        ["amperity_id"],
        "stitch_household_id",
    )
    unequal = [name for name in ours if ordered(ours[name]) != ordered(theirs[name], renamed=named)]
    assert unequal == []


def stored(root: Path) -> dict[str, pl.DataFrame]:
    """Every table of the warehouse that does not tell of runs."""
    with open_session(root / "warehouse", "UTC") as session:
        return {
            name: session.frame(f"SELECT * FROM {session.warehouse.source(name, state)}")
            for name, state in session.warehouse.manifest.tables.items()
            if not name.startswith(OF_RUNS)
        }


def same_ids(
    ours: pl.DataFrame, theirs: pl.DataFrame, key: list[str], name: str = "amperity_id"
) -> dict[str, str]:
    """Their id -> ours, of rows with the same key; each id has one counterpart."""
    both = ours.join(theirs, on=key, suffix="_theirs", validate="1:1", nulls_equal=True)
    assert both.height == ours.height == theirs.height
    ids = both.select(f"{name}_theirs", name).unique()
    assert ids[name].is_unique().all()
    assert ids[f"{name}_theirs"].is_unique().all()
    return dict(ids.iter_rows())


def ordered(table: pl.DataFrame, renamed: dict[str, str] | None = None) -> list[str]:
    """A table's rows as texts in order, without when they were written."""
    same = table.with_columns(pl.col(pl.String).replace(renamed or {}))
    return sorted(map(repr, same.drop("_updated", strict=False).rows()))


def test_blanked_with_money_and_ids_kept(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _figures(tenant)
    answers = tenant / ANSWERS_FILE
    answers.parent.mkdir()
    label = ("review-1-1", "review-1", "1", "Web:Accounts", "pk", "AC-700001")
    answers.write_text(answers_csv({label[0]: label}), "utf-8")
    args = ["forget", "--email", MAIL, "--type", "delete_pii", "--yes", "--tenant", tenant]
    said = c360_here(monkeypatch, *args)
    assert said.code == 0, said.text
    assert "no field carries compliance/pii" in said.text
    values = tuple(value for value in OTTILIE if value[:2] not in ("LN", "OR"))
    assert ours(found_in(tenant, values)) == {}
    land_all(tenant, SECOND)
    run = here("run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert "loaded blank" in run.text
    # An answer names her record by its new key.
    (_, _, _, datasource, _, key) = kept_answers(answers)["review-1-1"]
    assert key != "AC-700001"
    assert f"{datasource}/{key}" in people(tenant)
    assert ours(found_in(tenant, values)) == {}
    assert _figures(tenant) == before


def _figures(root: Path) -> list[tuple[object, ...]]:
    """What must not change: people with their records, orders and revenue."""
    return ask(
        root,
        "SELECT amperity_id, count(*), (SELECT (count(*), sum(order_revenue)) "
        "FROM unified_transactions t WHERE t.amperity_id = u.amperity_id) "
        "FROM unified_coalesced u GROUP BY 1 ORDER BY 1",
    )


STEPS = ("erase_tables", "erase_databases", "_erase_files", "write_receipt")


def test_killed_at_any_step_and_run_again(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call goes on where the one before was stopped, one step further."""

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in STEPS:
        with monkeypatch.context() as killed:
            killed.setattr(forget_module, step, full_disk)
            said = c360_here(killed, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
        assert said.code == 1
        assert "disk" in said.text
        assert len(open_work(tenant)) == 1
        assert read_receipts(tenant) == []
    again = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert again.code == 0, again.text
    assert "already forgotten: receipt 000001" in again.text
    assert [receipt.receipt for receipt in read_receipts(tenant)] == ["000001"]
    assert open_work(tenant) == []
    assert ours(found_in(tenant)) == {}


def test_shared_values_stay_with_those_who_stay(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "Web:Accounts=AC-700003"
    said = c360_here(
        monkeypatch,
        "forget",
        "--source-key",
        key,
        "--strategy",
        "exact",
        "--yes",
        "--tenant",
        tenant,
    )
    assert said.code == 0, said.text
    assert ours(found_in(tenant, ("5551 2211", "1980-01-20"))) == {}
    rows = ask(tenant, "SELECT email FROM unified_coalesced WHERE pk = 'AC-700004'")
    assert rows == [("hearth.of.falkensee@example.com",)]
    assert not Suppression.of(tenant).lines.filter(kind="email").height


NAMESAKES = [
    # The first has in every field a text that stands within the second's, and was born on a day
    # that is the other's first visit, or of a delivery.
    "AC-800001,bo.larsen@example.com,030 5559 1111,Annemarie,Kirschbaum,Ahornweg 1,Neuwaldau,"
    "16260,2026-03-02,1",
    "AC-8000012,jobo.larsen@example.com.tr,030 5559 1112,Annemarie-Sofie,Kirschbaumer,"
    "Ahornweg 1 Hinterhaus,Neuwaldau am See,16270,1990-01-01,1",
]
HELD = (
    "SELECT * EXCLUDE (_updated) FROM domain.Web_Accounts "
    "WHERE account LIKE 'AC-%' AND account <> 'AC-800001'",
    "SELECT * EXCLUDE (_updated) FROM domain.Web_Orders",
    "SELECT datasource, pk, email, phone, full_name, address, city, birthdate FROM "
    "unified_coalesced WHERE pk LIKE 'AC-%' AND pk <> 'AC-800001'",
    "SELECT email, given_name, surname, address, city FROM merged_customers "
    "WHERE surname <> 'Kirschbaum'",
    "SELECT feed, path, delivery_day FROM reports.ingest_files",
)


@pytest.mark.long
def test_longer_values_of_those_who_stay_are_theirs(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tenant, "web/accounts", SECOND, [*ACCOUNTS, *NAMESAKES])
    land(tenant, "club/members", SECOND)
    lines = ["LN-1,OR-1,AC-8000012,2026-03-02 10:00:00,Annemarie2,false,false,1,5.00"]
    land(tenant, "web/orders", SECOND, [*LINES, *lines])
    assert here("run", "--tenant", tenant).code == 0
    before = [sorted(ask(tenant, f"{sql} ORDER BY ALL"), key=repr) for sql in HELD]
    key = "Web:Accounts=AC-800001"
    args = ["--source-key", key, "--strategy", "exact", "--yes"]
    said = c360_here(monkeypatch, "forget", *args, "--tenant", tenant)
    assert said.code == 0, said.text
    after = [sorted(ask(tenant, f"{sql} ORDER BY ALL"), key=repr) for sql in HELD]
    assert after == before
    assert set(read_receipts(tenant)[-1].remaining) == {"landed files"}


@pytest.mark.parametrize(
    ("args", "code", "expected"),
    [
        (["--email", "nobody@example.com", "--yes"], 0, "nobody is known"),
        (["--email", "no address", "--yes"], 2, "no e-mail address"),
        (["--source-key", "Web:Account=1", "--yes"], 1, "there is no source table Web:Account"),
        (["--source-key", "nonsense", "--yes"], 2, "Source:Feed=KEY"),
        (["--id", "short", "--yes"], 2, "eight characters"),
        (["--yes"], 2, "say who"),
        (["--email", MAIL], 1, "say --yes"),
        (["--email", MAIL, "--phone", "030 5553 6120", "--yes"], 1, "fits 2 people"),
    ],
)
def test_bad_input(
    first_day: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    code: int,
    expected: str,
) -> None:
    said = c360_here(monkeypatch, "forget", *args, "--tenant", first_day)
    assert (said.code, expected in said.text) == (code, True), said.text
    assert read_receipts(first_day) == []


def test_requests_that_land_are_carried_out_once(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = c360_here(monkeypatch, "privacy", "requests", "--carry-out", "--tenant", tenant)
    assert said.code == 0, said.text
    assert "its type is none of delete, delete_pii and dsar" in said.text
    values = ("bo.winterstein", "Winterstein", "CL-8800192", "RQ-1001")
    assert ours(found_in(tenant, values)) == {}
    # The request lands again, and asks nothing anew.
    land(
        tenant, "desk/requests", SECOND, ["RQ-1001,delete,connected_pii,bo.winterstein@example.com"]
    )
    load = c360_here(monkeypatch, "load", "--tenant", tenant)
    assert load.code == 0, load.text
    again = c360_here(monkeypatch, "privacy", "requests", "--carry-out", "--tenant", tenant)
    assert len(read_receipts(tenant)) == 1, again.text
    assert ours(found_in(tenant, values)) == {}


def test_let_in_again_from_a_day_on(forgotten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = forgotten
    args = ["--email", MAIL, "--from", SECOND.isoformat(), "--tenant", tenant]
    allowed = c360_here(monkeypatch, "privacy", "allow", *args)
    assert allowed.code == 0, allowed.text
    fresh = f"AC-799999,{MAIL},,Ottilie,Quastenberg,,,,,1"
    land(tenant, "web/accounts", FIRST, ["AC-788888,ottilie.quastenberg@example.com,,O,Q,,,,,1"])
    land(tenant, "web/accounts", SECOND, [fresh, *_accounts()])
    load = c360_here(monkeypatch, "load", "--tenant", tenant)
    assert load.code == 0, load.text
    rows = found_in(tenant, ("AC-799999",))
    assert "tables" in rows
    assert ours(found_in(tenant, ("AC-700001", "AC-788888", "CL-8800191"))) == {}


def test_answer_holds_the_person_and_nobody_else(once: Forgotten) -> None:
    text = once.answer
    assert all(value in text for value in ("AC-700001", "CL-8800191", "OR-550002", "Lindenstrasse"))
    assert "AC-700002" in text, "its row could not be loaded"
    assert "winterstein" not in text.lower()
    content = json.loads(text)
    assert content["source records"].keys() == {"Club:Members", "Web:Accounts", "Web:Orders"}
    assert any("merged_customers" in name for name in content["what is made of them"])
    assert "<table>" in once.page
    assert "+01:00" in text
    assert "+00:00" not in text, "every time is told in the tenant's zone"
    assert ours(found_in(once.root)) == {}, "the answer is forgotten too"


def test_orders_that_came_since_stitch_ran_are_hers_too(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = "2026-03-02 09:00:00,SKU1,false,false,1,5.00"
    lines = [f"LN-9000008,OR-550008,ac-700001 ,{later}", f"LN-9000009,OR-550009,AC-700005,{later}"]
    land(tenant, "web/orders", SECOND, lines)
    loaded = c360_here(monkeypatch, "load", "Web:Orders", "--tenant", tenant)
    assert loaded.code == 0, loaded.text
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--dry-run", "--tenant", tenant)
    assert "Web:Orders: 3 rows" in said.text


def test_without_its_key_nothing_runs(forgotten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = forgotten
    rotated = c360_here(monkeypatch, "privacy", "rotate-key", "--tenant", tenant)
    assert rotated.code == 0
    assert (tenant / "privacy/keys/0001.key").stat().st_mode & 0o777 == 0o600
    (tenant / "privacy/keys/0001.key").unlink()
    land_all(tenant, SECOND)
    load = c360_here(monkeypatch, "load", "--tenant", tenant)
    assert load.code == 1
    assert "key 0001" in load.text


def test_removal_that_is_not_taken_stays_open(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that fails, is tried again, is not declared any more, and confirms by hand."""
    folder = tenant / "exports"
    folder.rename(tenant / "aside")
    folder.write_text("a file where a folder is to be")
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert said.code == 1
    assert "pending: mailing" in said.text
    (kept,) = (tenant / "privacy" / "pending").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(kept.read_text())) == ["amperity_id"]

    def retry(*more: str) -> tuple[int, str]:
        tried = c360_here(monkeypatch, "privacy", "retry", *more, "--tenant", tenant)
        return tried.code, tried.text

    code, text = retry()
    assert (code, "mailing: not taken" in text) == (1, True)
    declared = tenant / "destinations.yaml"
    content = declared.read_text()
    declared.unlink()
    code, text = retry()
    assert (code, "no destination mailing any more" in text) == (1, True)
    assert retry("--confirmed", "letters")[0] == 1
    declared.write_text(content)
    folder.unlink()
    code, text = retry()
    assert (code, "mailing: taken" in text) == (0, True)
    (receipt,) = read_receipts(tenant)
    assert receipt.pending == []
    assert is_genuine(receipt, Suppression.of(tenant))
    assert "no removal is pending" in retry()[1]


def test_receiver_that_is_not_declared_any_more_is_pending_until_a_person_confirms(
    tenant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tenant / "destinations.yaml").unlink()
    said = c360_here(monkeypatch, "forget", "--email", MAIL, "--yes", "--tenant", tenant)
    assert (said.code, "pending: mailing" in said.text) == (1, True)
    (kept,) = (tenant / "privacy" / "pending").iterdir()
    assert list(json.loads(kept.read_text())) == ["amperity_id"]
    (receipt,) = read_receipts(tenant)
    assert receipt.pending == ["mailing"]
    assert not [note for note in receipt.notes if "were sent the data without" in note]
    args = ["privacy", "retry", "--confirmed", "mailing", "--tenant", tenant]
    confirmed = c360_here(monkeypatch, *args)
    assert confirmed.code == 0, confirmed.text
    assert [receipt.pending for receipt in read_receipts(tenant)] == [[]]
    assert not list((tenant / "privacy" / "pending").iterdir())


def test_who_asks_for_an_answer_too_is_forgotten_once_it_was_handed_over(tenant: Path) -> None:
    """RQ-1001 asks to forget Bo, whose answer would go with him."""
    bo = people(tenant)["Club:Members/CL-8800192"]
    folder = tenant / "privacy" / "dsar" / "abc"
    folder.mkdir(parents=True)
    (folder / "answer.json").write_text(json.dumps({"amperity_ids": [bo]}))
    outcome = carry_out_requests(load_tenant(tenant))
    assert outcome.receipts == []
    (waiting,) = outcome.waiting
    assert waiting.startswith(
        "the answer to the same person lies in privacy/dsar/abc: hand it over"
    )
    assert waiting in [request.problem for request in outcome.open]
    assert folder.exists()


def test_exports_of_a_folder_with_brackets_are_known(tmp_path: Path) -> None:
    root = write_tenant(tmp_path / "tenant")
    (root / "destinations.yaml").write_text("destinations: {crm: {path: 'sent [2026]'}}\n")
    store = store_of(load_tenant(root), root / "sent [2026]" / "customer_360.csv")
    assert store is not None
    assert store.name == "exports"


def test_requests_on_hold_wait_for_a_person(tenant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tenant / "tenant.yaml").open("a") as file:
        file.write("privacy: {hold: true, deadline_days: 1}\n")
    run = here("run", "--tenant", tenant)
    assert run.code == 0, run.text
    assert read_receipts(tenant) == []
    listed = c360_here(monkeypatch, "privacy", "requests", "--tenant", tenant)
    assert "delete (connected_pii), landed 2026-03-02, LATE" in listed.text
    done = c360_here(monkeypatch, "privacy", "requests", "--carry-out", "--tenant", tenant)
    assert done.code == 0, done.text
    assert [receipt.mode for receipt in read_receipts(tenant)] == ["delete"]


@pytest.mark.long
def test_who_hung_together_by_a_forgotten_record_is_told_with_its_cause(tmp_path: Path) -> None:
    root = write_tenant(tmp_path / "tenant")
    land_all(root, FIRST)
    by_mail = "AC-1,bridge.one@example.com,,Karla,Mustermann,Hofgasse 12,Altmark,39576,,1"
    both = "AC-2,bridge.one@example.com,030 5557 1111,Karla,Lautenberg,Hofgasse 12,Altmark,39576,,1"
    by_phone = "AC-3,,030 5557 1111,Karla,Lautenberg,,,,,1"
    land(root, "web/accounts", FIRST, [*_accounts(), by_mail, both, by_phone])
    assert here("run", "--tenant", root).code == 0
    before = people(root)
    assert before["Web:Accounts/AC-1"] == before["Web:Accounts/AC-3"]
    args = ["--source-key", "Web:Accounts=AC-2", "--strategy", "exact", "--yes"]
    said = here("forget", *args, "--tenant", root)
    assert said.code == 0, said.text
    assert here("run", "--tenant", root).code == 0
    after = people(root)
    assert after["Web:Accounts/AC-1"] != after["Web:Accounts/AC-3"]
    moved = ask(root, "SELECT pk, cause FROM unified_changes_pks WHERE change_type = 'updated'")
    assert moved == [("AC-3", "record_deleted")]
