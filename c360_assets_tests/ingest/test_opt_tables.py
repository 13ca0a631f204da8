"""Tables of consent that `feed suggest FOLDER --flatten` makes of feeds of persons."""

from __future__ import annotations

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
    "email_subscribe": (["opted_in", "OPTED_OUT", "subscribed"], "email", [True, False, True]),
}
WORDS = ("Status", "email_subscribe")
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
    ],
)
def test_what_is_no_consent_has_none(tmp_path: Path, column: str, values: list[str]) -> None:
    assert tables_of(tmp_path, column, values) == ()


def test_a_list_that_is_called_after_refusals_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "esp"
    folder.mkdir(parents=True)
    lines = ["Email,Reason", *(f"a{i}@example.com,BOUNCE" for i in range(30))]
    (folder / "suppression_list_20260601.csv").write_text("\n".join(lines))
    (proposal,) = propose_folder(tmp_path / "landing", flatten=True).proposals
    (table,) = proposal.tables
    assert "FALSE AS" in table.sql
    assert "GUESSED: what the feed's name Suppression List says" in table.sql
