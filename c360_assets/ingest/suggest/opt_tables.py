"""Custom domain tables of consent, proposed of feeds of persons that say it in a column.

A table of opt-in status carries no tag of persons, so the consent of a person's row needs a table
of its own. Which column is one of consent is told by its name and its values; words for yes and no
are those of `semantics`. What such a feed says of its own is tagged by `tagging`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_names import plain_header
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import draft_of_table
from c360_assets.ingest.suggest.flatten import FlatTable, table_sql, table_yaml
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.tenant.base_models import physical_name
from c360_assets.warehouse.sql import quote_ident, quote_literal

# What names say that news may be sent, in the languages of the catalogue's names.
SENT = re.compile(
    r"(do[ _]?not|no)[ _]?(allow|send|bulk|[ _])*e?mails?"
    r"|newsletter|marketing|mailing|consents?[ _](e?mail|sms|text)|(e?mail|sms|text)[ _]consents?"
    r"|markkinoin|uudiskir"
    r"|promo(tion|cion|zione|cja|cao)|(e ?mail|sms)[ _]?(ok|allowed)"
    r"|opt(ed)?[ _-]?(in|out)|hasopted|subscri(be|bed|to)|unsubscribed?|suscri|subscrito|inscrito"
    r"|abonn|iscritt|publicidad|publicidade|pubblicit|reklam|werbung|reclame|oferty|nabidky"
    r"|nieuwsbrief|infolettre|uutiskirje|nyhedsbrev|nyhetsbrev|uudiskir|toestemming|izin|onay"
    r"|hirlevel|khuyen mai|rassylk|рассылк|розсилк|реклам|ενημερω|דיוור|שיווק|تسويق|التسويق|نشرة"
    r"|(setuju|terima|persetujuan|acepta|recibir?|receive).?promo|promos\b|newsy|naujienlais"
    r"|postlist|frettabref|newslettr|samtykke|samtycke|suostumus|consentement"
    r"|consenso|saglasnost|suglasnost|soglasje"
    r"|nhan (ban )?tin|xabar|jaunum|uudis|сагласност|билтен|согласие на|рассылку|съгласие|бюлетин"
    r"|خبرنامه|اشتراك|نشره|電子报|訂閱|订阅|ニュースレター|配信|수신"
    r"|novedades|novidades|novit[ai] commercial|comunicac[a-z]*|comunicacoes|e[ -]?novice|zasilani"
    r"|werbeeinwilligung|einwilligung|souhlas|suhlas|zgoda|hozzajarul|acord|ticari ileti"
    r"|الموافقة|ማስታወቂያ|سماح|sutik(imas|imai)"
    r"|(sms|e?mail)[ _]?(alerts?|updates?)|নিউজলেটার|বিজ্ঞাপন"
    r"|ข่าวสาร|การตลาด|メルマガ|メール配信|营销|行銷|電子報|마케팅|수신 ?동의|광고",
    re.IGNORECASE,
)
REFUSED = re.compile(
    r"opt(ed)?[ _-]?out|unsubscri|do[ _]?not|no[ _](e?mail|sms|marketing)|exclude|suppress|blocked"
    r"|widerspruch|desinscri|desabonn|odhlas|wypis",
    re.IGNORECASE,
)
# What lists of those who want no mail are called; a list may also be of those who were deleted.
LIST_OF_REFUSALS = re.compile(
    r"unsubscri|suppress|(opt(ed)?[ _-]?out)|do[ _-]?not[ _-]?(e?mail|contact)|abmeld|abgemeldet"
    r"|desabonn|desinscri|odhlas|wypis|robinson|afmeld|avmeld|disiscri",
    re.IGNORECASE,
)
BY_SMS = re.compile(r"sms|text[ _]?(message|opt)|whatsapp", re.IGNORECASE)
BY_MAIL = re.compile(
    r"e[ _-]?mail|newsletter|nieuwsbrief|infolettre|uutiskirje|nyhe[dt]sbrev"
    r"|メール|דואל|البريد|อีเมล",
    re.IGNORECASE,
)
BY_OTHER_WAYS = re.compile(
    r"phone|call|postal|fax|push|telefon|anruf|(?<!nieuws)brief|date|datum|fecha|data "
)
# What may be done with a person's data, which is no leave to send news.
OF_DATA = re.compile(
    r"privacy|datenschutz|gdpr|dsgvo|rgpd|rodo|kvkk|lgpd|lopd|avg|152.?фз|protec[ct]|tietosuoja"
    r"|przetwarz|zpracov|spracov|prelucr|obdelav|obrad[ae]|adatkezel|trattamento|tratamiento"
    r"|tratamento|traitement|verwerk|behandling|kasitt|обработк|обробк|обраду|επεξεργασ"
    r"|osobn|person(al|li|uppg|opl|leg)|datos|dados|個人情報|隐私|隱私|개인정보|خصوصية|פרטיות"
    r"|terms|agb|bedingungen|conditions|condiciones|regulamin|podmink",
    re.IGNORECASE,
)
# Words of a status that are of consent, and not of what else may be active or pending.
TELLING = frozenset({
    "subscribed", "unsubscribed", "never subscribed", "non subscribed", "opted in", "opted out",
    "opt in", "opt out",
})  # fmt: skip
STATUS = re.compile(r"status|state|estado|stav|statut|stato|durum", re.IGNORECASE)
# With blanks for signs, as in `opted_in` and `opt-in`.
IN = ("subscribed", "active", "confirmed", "opted in", "opt in")
OUT = (
    "unsubscribed", "bounced", "held", "cleaned", "opted out", "opt out", "suppressed",
    "complained", "inactive", "pending", "never subscribed", "non subscribed", "not activated",
    "not active", "unconfirmed", "not confirmed", "transactional", "archived", "deleted",
)  # fmt: skip


@dataclass(frozen=True)
class _Consent:
    """A column of consent, the SQL of whether it was given, and whether it says by which way."""

    column: Column
    sql: str
    is_exact: bool
    said_by: str | None = None


def opt_tables(draft: Draft) -> list[FlatTable]:
    """The tables of consent to e-mails and to text messages that a feed's rows hold."""
    tags = {tag for column in draft.columns for tag in column.tags}
    if any(tag.startswith(("email-opt/", "sms-opt/")) for tag in tags):
        return []
    found_consents = (_consent(draft, column) for column in draft.columns)
    consents = [consent for consent in found_consents if consent is not None]
    consents = consents or _of_a_list(draft)
    by_sms = [consent for consent in consents if BY_SMS.search(plain_header(consent.column.name))]
    others = [consent for consent in consents if consent not in by_sms]
    others.sort(key=lambda consent: not consent.is_exact)
    tables = []
    for group, contact, found in (("email", "email", others), ("sms", "phone", by_sms)):
        owner = _tagged(draft, contact)
        if owner is not None and found:
            tables.append(_table(draft, group, owner, found[0]))
    return tables


def opt_tables_of(draft: Draft, tables: Sequence[FlatTable]) -> list[FlatTable]:
    """As `opt_tables`, of the feed and of the persons that are nested in it."""
    nested = [table for table in tables if table.has_persons and table.frame is not None]
    # Where the persons are in a table of the feed's rows, that has its columns too.
    own = (
        [] if any(table.name == f"CDT_{physical_name(draft.name)}" for table in nested) else [draft]
    )
    drafts = [*own, *(draft_of_table(draft, table) for table in nested)]
    return [table for each in drafts for table in opt_tables(each)]


def note_consent(draft: Draft) -> None:
    """Say of the columns of consent that nothing is made of them yet."""
    if opt_tables(draft):
        for column in draft.columns:
            if _consent(draft, column) is not None:
                column.notes.append(
                    "looks like consent: --flatten --write makes a table of opt-in status of it"
                )


def _of_a_list(draft: Draft) -> list[_Consent]:
    """The refusal of each row of a list that is called after it, such as `suppression_list`."""
    owner = _tagged(draft, "email")
    if owner is None or not LIST_OF_REFUSALS.search(plain_header(draft.feed)):
        return []
    return [_Consent(owner, "FALSE", is_exact=False, said_by=f"the feed's name {draft.feed}")]


def _tagged(draft: Draft, *tags: str) -> Column | None:
    for column in draft.columns:
        if any(tag in column.tags for tag in tags):
            return column
    return None


def _consent(draft: Draft, column: Column) -> _Consent | None:
    name = plain_header(column.name)
    own = quote_ident(column.output)
    if column.tags:
        return None
    is_exact = BY_MAIL.search(name) is not None
    if OF_DATA.search(name) and not is_exact:
        return None
    if column.type == "boolean" and SENT.search(name) and not BY_OTHER_WAYS.search(name.lower()):
        return _Consent(column, f"NOT {own}" if REFUSED.search(name) else own, is_exact)
    if column.type != "string" or not (STATUS.search(name) or SENT.search(name)):
        return None
    texts = present(draft.sample.frame[column.name]).str.to_lowercase()
    found = set(texts.str.replace_all("[_-]", " ").unique())
    if not found <= {*IN, *OUT} or found.isdisjoint(TELLING):
        return None
    words = ", ".join(map(quote_literal, IN))
    plain_words = f"translate(lower(trim({own})), '_-', '  ')"
    return _Consent(column, f"{plain_words} IN ({words})", is_exact)


def _table(draft: Draft, group: str, contact: Column, consent: _Consent) -> FlatTable:
    source = physical_name(draft.name)
    name = f"CDT_{source.removeprefix('CDT_')}_{group.title()}_Opt_In"
    address = "email" if group == "email" else "phone"
    given = f"is_{group}_opted_in"
    key = propose_primary_key(draft.columns, draft.sample.frame).columns
    # Names of columns are compared without case.
    key = [part.lower() if part.lower() in {address, given} else part for part in key]
    columns = [quote_ident(part) for part in key if part not in {address, given}]
    columns += [
        f"{quote_ident(contact.output)} AS {quote_ident(address)}",
        f"{consent.sql} AS {quote_ident(given)}",
    ]
    selected = ",\n  ".join(columns)
    own, owner = quote_ident(consent.column.output), quote_ident(contact.output)
    guess = ""
    if not consent.is_exact and group == "email":
        called = consent.said_by or quote_ident(consent.column.name)
        said_by = f"what {called} says of no way in particular"
        guess = f"-- GUESSED: {said_by} is taken to be of e-mails.\n"
    sql = (
        f"-- The consent of each row of {source} that says it and has an address for it.\n{guess}"
        f"SELECT\n  {selected}\nFROM {table_sql(source)}\n"
        f"WHERE {owner} IS NOT NULL AND {own} IS NOT NULL\n"
    )
    fields = [
        f"  {address}: {{tags: [{group}-opt/{address}]}}",
        f"  {given}: {{tags: [{group}-opt/is-{group}-opted-in]}}",
    ]
    return FlatTable(name, sql, table_yaml(name, key, fields), has_persons=False)
