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
from c360_assets.ingest.suggest.column_names import CAMEL, plain_header
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
    r"|newsletter|marketing|mailing|(e?mail|sms|text)[ _]consents?"
    r"|(consent|permission|preference|subscription|purpose)s?[ _](e?mail|sms|text)"
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
    r"|black[ _]?list|block[ _]?list|do[ _]?not[ _]?contact"
    r"|zgod[ay]|einwilligung|consentim(ent|iento)|s[ou]+hlas|hozzajarul|consimtam|συγκαταθεσ"
    r"|novedades|novidades|novit[ai] commercial|comunicac[a-z]*|comunicacoes|e[ -]?novice|zasilani"
    r"|acord|ticari ileti"
    r"|الموافقة|ማስታወቂያ|سماح|sutik(imas|imai)"
    r"|(sms|e?mail)[ _]?(alerts?|updates?)|নিউজলেটার|বিজ্ঞাপন"
    r"|ข่าวสาร|การตลาด|メルマガ|メール配信|营销|行銷|電子報|마케팅|수신 ?동의|광고",
    re.IGNORECASE,
)
REFUSED = re.compile(
    r"opt(ed)?[ _-]?out|unsubscri|do[ _]?not|no[ _](e?mail|sms|marketing)|exclude|suppress|blocked"
    r"|black[ _]?list|block[ _]?list|suspend|paused|revoked|withdrawn|bounced|refus|denied"
    r"|widerspruch|desinscri|desabonn|odhlas|wypis",
    re.IGNORECASE,
)
# What lists of those who want no mail are called; a list may also be of those who were deleted.
LIST_OF_REFUSALS = re.compile(
    r"unsubscri|suppress|(opt(ed)?[ _-]?out)|do[ _-]?not[ _-]?(e?mail|contact)|abmeld|abgemeldet"
    r"|desabonn|desinscri|odhlas|wypis|robinson|afmeld|avmeld|disiscri|bounce|(?<![a-z])cleaned",
    re.IGNORECASE,
)
# A consent to something else than news, unless the name says news too.
OF_SOMETHING_ELSE = re.compile(
    r"gdpr|rodo|ds[ _-]?gvo|rgpd|lgpd|privacy|datenschutz|terms|regulamin|processing|verarbeitung"
    r"|przetwarz|zpracovan|cookie|profiling|profilowan",
    re.IGNORECASE,
)
NEWS = re.compile(r"marketing|newsletter|subscri|promo|mailing|handl|werbe|werbung", re.IGNORECASE)
# A state in the name of a list, not what the list is for, as of `subscribers`.
LIST_OF_SUBSCRIBED = re.compile(r"(?<![a-z])(subscribed|opted[ _-]?in)(?![a-z])", re.IGNORECASE)
# What may be consent in codes, and what stands beside one: when, how and where it was given.
UNSURE = re.compile(
    r"opt(ed)?[ _-]?(in|out)(?![a-z])|subscribed|consent(?!s?_id)|black[ _]?list|zgoda|einwilligung"
)
BESIDE_CONSENT = re.compile(
    r"(time|date|_at|_on|_ip|ip|source|reason|method|url|text|version|level|campaign|title|form"
    r"|count|number)$"
)
MOST_CODES = 8
BY_SMS = re.compile(
    r"sms|text[ _]?(message|opt)|whatsapp|(black|block)[ _]?list(ed)?[ _]?mobile", re.IGNORECASE
)
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
    "opt in", "opt out", "not subscribed", "no consent", "granted", "denied", "withdrawn",
    "revoked", "accept", "reject", "rejected",
})  # fmt: skip
STATUS = re.compile(r"status|state|estado|stav|statut|stato|durum", re.IGNORECASE)
# With blanks for signs, as in `opted_in` and `opt-in`.
IN = ("subscribed", "active", "confirmed", "opted in", "opt in", "granted", "accept", "accepted")
OUT = (
    "unsubscribed", "bounced", "held", "cleaned", "opted out", "opt out", "suppressed",
    "complained", "inactive", "pending", "never subscribed", "non subscribed", "not activated",
    "not active", "unconfirmed", "not confirmed", "transactional", "archived", "deleted",
    "not subscribed", "no consent", "hard bounced", "soft bounced", "blocked", "blacklisted",
    "spam", "invalid", "denied", "withdrawn", "revoked", "refused",
    "reject", "rejected",
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
    others.sort(key=_by_exactness)
    tables = []
    for group, contact, found in (("email", "email", others), ("sms", "phone", by_sms)):
        owner = _tagged(draft, contact)
        if owner is not None and found:
            tables.append(_table(draft, group, owner, found))
    return tables


def _by_exactness(consent: _Consent) -> tuple[bool, bool]:
    """What says e-mails comes first, then what says news: a shop's programme has an opt-in too."""
    return not consent.is_exact, NEWS.search(plain_header(consent.column.name)) is None


def opt_tables_of(draft: Draft, tables: Sequence[FlatTable]) -> list[FlatTable]:
    """As `opt_tables`, of the feed and of the persons that are nested in it."""
    # What is nested in the feed's rows may be the consent of an address, of whose person no more is
    # known; the table of the rows has the feed's columns too.
    of_rows = f"CDT_{physical_name(draft.name)}"
    nested = [
        table
        for table in tables
        if table.frame is not None and (table.has_persons or table.name == of_rows)
    ]
    own = [] if any(table.name == of_rows for table in nested) else [draft]
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


def note_unsure_consent(draft: Draft) -> None:
    """Say of columns that are called like consents that their values are not sure to mean any."""
    tags = {tag for column in draft.columns for tag in column.tags}
    if any(tag.startswith(("email-opt/", "sms-opt/")) for tag in tags) or opt_tables(draft):
        return
    for column in draft.columns:
        if not column.tags and _is_unsure(draft, column):
            column.notes.append(
                "CHECK: looks like consent, in words, codes or lists that are not sure to say yes "
                "or no: SQL of a custom domain table writes is_email_opted_in"
            )


def _is_unsure(draft: Draft, column: Column) -> bool:
    name = CAMEL.sub("_", plain_header(column.name)).lower()
    if UNSURE.search(name) is None or BESIDE_CONSENT.search(name) is not None:
        return False
    if BY_OTHER_WAYS.search(name) is not None or column.type not in ("integer", "string", "array"):
        return False
    values = present(draft.sample.frame[column.name])
    return not values.is_empty() and (column.type == "array" or values.n_unique() <= MOST_CODES)


def _of_a_list(draft: Draft) -> list[_Consent]:
    """The consent or refusal of each row of a list that is called after it: `suppression_list`.

    A member of an archive is called by its own name too.
    """
    owner = _tagged(draft, "email")
    if owner is None:
        return []
    names = [(draft.feed, f"the feed's name {draft.feed}")]
    members = draft.sample.options.get("contents", {})
    names += [(member, f"the members' name {member}") for member in members]
    for name, said_by in names:
        plain_name = plain_header(name)
        if LIST_OF_REFUSALS.search(plain_name):
            return [_Consent(owner, "FALSE", is_exact=False, said_by=said_by)]
        if LIST_OF_SUBSCRIBED.search(plain_name):
            return [_Consent(owner, "TRUE", is_exact=False, said_by=said_by)]
    return []


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
    if column.type == "boolean" and _is_of_news(name):
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


def _is_of_news(name: str) -> bool:
    """Whether a column's name says that news may be sent, or must not."""
    if SENT.search(name) is None or BY_OTHER_WAYS.search(name.lower()) is not None:
        return False
    says_way = NEWS.search(name) or BY_MAIL.search(name) or BY_SMS.search(name)
    return says_way is not None or OF_SOMETHING_ELSE.search(name) is None


def _table(draft: Draft, group: str, contact: Column, found: list[_Consent]) -> FlatTable:
    consent = found[0]
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
    filled = [f"{owner} IS NOT NULL", f"{own} IS NOT NULL"]
    guess = ""
    if not consent.is_exact and group == "email":
        called = consent.said_by or quote_ident(consent.column.name)
        said_by = f"what {called} says of no way in particular"
        guess = f"-- GUESSED: {said_by} is taken to be of e-mails.\n"
    if found[1:]:
        others = ", ".join(quote_ident(other.column.output) for other in found[1:])
        guess += f"-- CHECK: {others} may be consent too, and is not asked.\n"
    sql = (
        f"-- The consent of each row of {source} that says it and has an address for it.\n{guess}"
        f"SELECT\n  {selected}\nFROM {table_sql(source)}\n"
        f"WHERE {' AND '.join(dict.fromkeys(filled))}\n"
    )
    fields = [
        f"  {address}: {{tags: [{group}-opt/{address}]}}",
        f"  {given}: {{tags: [{group}-opt/is-{group}-opted-in]}}",
    ]
    return FlatTable(name, sql, table_yaml(name, key, fields), has_persons=False)
