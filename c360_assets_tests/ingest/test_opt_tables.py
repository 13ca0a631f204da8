"""Tables of consent that `feed suggest FOLDER --flatten` makes of feeds of persons."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.folder import propose_folder


def tables_of(tmp_path: Path, header: str, values: list[str]) -> tuple[FlatTable, ...]:
    """The tables of a feed of persons with one more column."""
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    lines = [f"Customer ID,Email,First Name,Last Name,Phone,{header}"]
    lines += [
        f"C{i:06},a{i}@example.com,Ann,Lee,+4935112345{i:02},{values[i % len(values)]}"
        for i in range(30)
    ]
    (folder / "people-20260601.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    assert proposal.trial.loads
    return proposal.tables


# Column -> its values, the group of its consent, and what the values say.
CONSENTS: dict[str, tuple[list[str], str, list[bool]]] = {
    "Aceita marketing": (["Sim", "Não"], "email", [True, False]),
    "Souhlas s marketingem": (["ano", "ne"], "email", [True, False]),
    "Zgoda marketingowa": (["TAK", "NIE"], "email", [True, False]),
    "zgoda_email": (["1", "0"], "email", [True, False]),
    "zgoda_handlowa": (["TAK", "NIE"], "email", [True, False]),
    "Einwilligung E-Mail": (["Ja", "Nein"], "email", [True, False]),
    "is_blacklisted": (["true", "false"], "email", [False, True]),
    "blackListEmail": (["1", "0"], "email", [False, True]),
    "blackListMobile": (["1", "0"], "sms", [False, True]),
    "marketingSuspended": (["true", "false"], "email", [False, True]),
    "HasOptedOutOfEmail": (["true", "false"], "email", [False, True]),
    "รับข่าวสาร": (["ใช่", "ไม่ใช่"], "email", [True, False]),
    "الموافقة على التسويق": (["نعم", "لا"], "email", [True, False]),
    "Souhlas se zasíláním": (["ano", "ne"], "email", [True, False]),
    "Nieuwsbrief": (["Ja", "Nee"], "email", [True, False]),
    "newsletter": (["1", "0"], "email", [True, False]),
    "Markkinointilupa": (["Kyllä", "Ei"], "email", [True, False]),
    "Póstlisti": (["Já", "Nei"], "email", [True, False]),
    "Setuju Promosi": (["Ya", "Tidak"], "email", [True, False]),
    "メルマガ配信": (["希望する", "希望しない"], "email", [True, False]),
    "عضویت خبرنامه": (["بله", "خیر"], "email", [True, False]),
    "sms_consent": (["yes", "no"], "sms", [True, False]),
    "SMS Alerts": (["yes", "no"], "sms", [True, False]),
    "Accepts SMS Marketing": (["yes", "no"], "sms", [True, False]),
    "Status": (["Subscribed", "Unsubscribed", "Not Activated"], "email", [True, False, False]),
    "Person - Marketing status": (["Subscribed", "No consent"], "email", [True, False]),
    "email_subscribe": (["opted_in", "OPTED_OUT", "subscribed"], "email", [True, False, True]),
}
WORDS = ("Status", "Person - Marketing status", "email_subscribe")
YES = {
    "1",
    "Ja",
    "Já",
    "Kyllä",
    "Sim",
    "ano",
    "TAK",
    "true",
    "ใช่",
    "نعم",
    "yes",
    "Ya",
    "希望する",
    "بله",
}


@pytest.mark.parametrize("column", CONSENTS)
def test_consent_of_persons_has_a_table(tmp_path: Path, column: str) -> None:
    values, group, said = CONSENTS[column]
    (table,) = tables_of(tmp_path, column, values)
    fields: dict[str, Any] = yaml.safe_load(table.yaml)["fields"]
    tags = [tag for field in fields.values() for tag in field["tags"]]
    contact = "email" if group == "email" else "phone"
    assert tags == [f"{group}-opt/{contact}", f"{group}-opt/is-{group}-opted-in"]
    output = table.sql.rpartition("AND ")[2].split(" IS NOT")[0]
    is_text = column in WORDS
    given = [f"'{value}'" if is_text else str(value in YES) for value in values]
    rows = ", ".join(f"('C{i}', 'a{i}', '+4{i}', {one})" for i, one in enumerate(given))
    with duckdb.connect() as con:
        names = f'"customer_id", "Email", "Phone", {output}'
        con.execute(f"CREATE TABLE Shop_People AS SELECT * FROM (VALUES {rows}) t({names})")
        found = con.sql(f"SELECT is_{group}_opted_in FROM ({table.sql}) ORDER BY 1 DESC").fetchall()
    assert found == [(one,) for one in sorted(said, reverse=True)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Status", ["active", "inactive"]),
        ("Accepts terms", ["yes", "no"]),
        ("Phone calls allowed", ["yes", "no"]),
        ("Newsletter name", ["weekly", "daily"]),
        ("zgoda_rodo", ["TAK", "NIE"]),
        ("Einwilligung Datenschutz", ["Ja", "Nein"]),
        ("blackListPostalMail", ["1", "0"]),
    ],
)
def test_what_is_no_consent_has_none(tmp_path: Path, column: str, values: list[str]) -> None:
    assert tables_of(tmp_path, column, values) == ()


def test_consent_in_codes_is_left_to_who_knows_them(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    rows = [
        {"email": f"a{n}@example.com", "Opt-In": n % 2 + 1, "unsubscribedChannelIds": [n % 2]}
        | {"optin_source": "web", "consent_note": f"note {n}"}
        for n in range(30)
    ]
    (folder / "people-20260601.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    told = [note for note in proposal.remarks if "looks like consent" in note]
    assert [note.split(": ")[1].strip('"') for note in told] == ["Opt-In", "unsubscribedChannelIds"]
    assert not any("Opt_In" in table.name for table in proposal.tables)


def test_members_of_an_archive_are_lists_of_their_states(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "esp"
    folder.mkdir(parents=True)
    states = {"cleaned": "FALSE", "subscribed": "TRUE", "unsubscribed": "FALSE"}
    with zipfile.ZipFile(folder / "audience_20260601.zip", "w") as packed:
        for state in states:
            lines = [f"Email,{state}_time", *(f"a{i}@example.com,2026-01-02" for i in range(30))]
            packed.writestr(f"{state}_export_97d1b8e7c7.csv", "\n".join(lines))
    proposals = propose_folder(tmp_path / "landing", flatten=True).proposals
    made = [
        (state, given)
        for proposal in proposals
        for table in proposal.tables
        for state, given in states.items()
        if f'"{state}_export_*.csv"' in proposal.text and f"{given} AS" in table.sql
    ]
    assert sorted(made) == sorted(states.items())


def test_of_several_consents_the_others_are_told(tmp_path: Path) -> None:
    header, values = "Opted In,Subscribed,Marketing SMS", ["true,false,true", "true,true,false"]
    email, sms = tables_of(tmp_path, header, values)
    assert '"Subscribed" AS "is_email_opted_in"' in email.sql
    assert '-- CHECK: "opted_in" may be consent too, and is not asked.' in email.sql
    assert "CHECK" not in sms.sql


def test_a_list_that_is_called_after_refusals_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "esp"
    folder.mkdir(parents=True)
    lines = ["Email,Reason", *(f"a{i}@example.com,BOUNCE" for i in range(30))]
    (folder / "suppression_list_20260601.csv").write_text("\n".join(lines))
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    (table,) = proposal.tables
    assert "FALSE AS" in table.sql
    assert "GUESSED: what the feed's name Suppression List says" in table.sql


# Lists of consents as sales programmes and shops write them, given and refused.
LISTS: dict[str, list[list[dict[str, Any]]]] = {
    "consents": [
        [{"type": "email", "granted": given, "at": "2026-01-02"}] for given in (True, False)
    ],
    "marketing_permissions": [
        [
            {"id": "7", "text": "Email", "enabled": given},
            {"id": "8", "text": "Mail", "enabled": True},
        ]
        for given in (True, False)
    ],
    "subscriptionStatuses": [
        [{"id": 4, "name": "Marketing Information", "status": status}]
        for status in ("SUBSCRIBED", "NOT_SUBSCRIBED")
    ],
    "permissions": [
        [{"channel": "email", "status": status}, {"channel": "push", "status": "granted"}]
        for status in ("granted", "withdrawn")
    ],
}


@pytest.mark.parametrize(
    ("name", "nested"), [*((name, False) for name in LISTS), ("consents", True)]
)
def test_consent_in_a_list_of_objects_has_a_table(tmp_path: Path, name: str, nested: bool) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for n in range(30):
        consent = {name: LISTS[name][n % 2]}
        person = {"id": f"C{n:05}", "email": f"a{n}@example.com", "first_name": "Ann"}
        rows.append(person | ({"settings": consent} if nested else consent))
    (folder / "people-20260601.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    made = {table.name: table.sql for table in proposal.tables}
    field = "settings" if nested else name
    with duckdb.connect() as con:
        values = ", ".join(
            f"('{row['id']}', '{row['email']}', 'Ann', '{json.dumps(row[field])}'::JSON)"
            for row in rows
        )
        names = f'id, email, first_name, "{field}"'
        con.execute(f"CREATE TABLE Shop_People AS SELECT * FROM (VALUES {values}) t({names})")
        con.execute(f"CREATE TABLE CDT_Shop_People AS {made['CDT_Shop_People']}")
        opted_in = con.sql(made["CDT_Shop_People_Email_Opt_In"]).fetchall()
    assert [row[-1] for row in sorted(opted_in)] == [True, False] * 15
