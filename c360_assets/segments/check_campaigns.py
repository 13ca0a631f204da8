"""Checks of campaigns before anything is sent: their segments, receivers, columns and consent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from c360_assets.customer_360.publication.addresses import channel_of, needs_consent
from c360_assets.customer_360.publication.consent import ADDRESSES, brand_of
from c360_assets.customer_360.publication.send_postgres import CHANGE, LONGEST_IDENTIFIER
from c360_assets.customer_360.tables.databases import Database, databases
from c360_assets.errors import C360Error, Problem
from c360_assets.segments.audience import Campaign
from c360_assets.segments.definition import Finding
from c360_assets.segments.delivery import ACTION, KEPT_COLUMNS, NUMBER
from c360_assets.segments.reading import segments_of
from c360_assets.segments.saas import setting_problems
from c360_assets.semantics.closest import instead_of
from c360_assets.semantics.tables import all_tables
from c360_assets.tenant.campaigns import OWN_ATTRIBUTES, CampaignConfig, PostConsent
from c360_assets.tenant.document import Document, KeyPath, dotted
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session

Columns = Mapping[str, Mapping[str, str]]
WORKFLOW = "workflow.yaml"
DESTINATIONS = "destinations.yaml"


def check_campaigns(session: Session, tenant: Tenant, tables: Columns) -> list[Problem]:
    """Problems of all campaigns, purposes, and receivers that receive nothing."""
    problems: list[Problem] = []
    by_name = {database.name: database for database in databases(tenant)}
    for name, config in tenant.campaigns.items():
        campaign = Campaign(name, config, tenant)
        file = tenant.places.get(f"campaign {name}", f"campaigns/{name}.yaml")
        findings = _CampaignCheck(campaign, by_name, tables).findings()
        problems += _placed(tenant, file, findings)
    problems += _placed(tenant, WORKFLOW, _workflow_findings(tenant, tables))
    problems += _placed(tenant, DESTINATIONS, _idle_destinations(tenant))
    problems += _placed(tenant, DESTINATIONS, _tables_with_addresses(tenant))
    problems += _placed(tenant, DESTINATIONS, _connectors(tenant))
    return problems


def _placed(tenant: Tenant, file: str, findings: Iterable[Finding]) -> Iterator[Problem]:
    document = Document.parse(tenant.files.get(file, ""), file)
    for finding in findings:
        line = document.line(*finding.path)
        key = dotted(finding.path) or None
        yield Problem(finding.severity, file, finding.message, line, key, finding.remedy)


@dataclass(frozen=True)
class _CampaignCheck:
    campaign: Campaign
    databases: Mapping[str, Database]
    tables: Columns

    def findings(self) -> Iterator[Finding]:
        config = self.campaign.config
        if self.campaign.database not in self.databases:
            message = f"there is no database {config.database}"
            yield Finding(("database",), message, _near(config.database, self.databases))
        yield from self._segments()
        yield from self._destinations()
        yield from self._attributes()
        yield from self._consent()
        if config.hash_as is not None and config.channel == "post":
            yield Finding(("hash_as",), "is of e-mails and phones, and this is post")
        if len(config.treatments) > 1 and "treatment" not in _lower(config.attributes):
            message = "has no treatment: the receiver cannot tell who gets which"
            yield Finding(("attributes",), message, "add treatment", "warning")

    def _segments(self) -> Iterator[Finding]:
        config = self.campaign.config
        own = segments_of(self.campaign.tenant, self.campaign.database)
        named: list[tuple[KeyPath, str]] = []
        named += [(("include", place), name) for place, name in enumerate(config.include)]
        named += [(("exclude", place), name) for place, name in enumerate(config.exclude)]
        for place, audience in enumerate(config.audiences):
            named += [(("audiences", place, "segments"), name) for name in audience.segments]
        for path, name in named:
            tenant = self.campaign.tenant
            if name in tenant.segments and name not in own:
                other = tenant.segments[name].database
                message = f"the segment {name} is of the database {other}"
                yield Finding(path, message, f"say `database: {other}`, if all are of it")
            elif name not in own and f"segment {name}" not in tenant.places:
                yield Finding(path, f"there is no segment {name}", _near(name, own))
        for name in sorted(set(config.include) & set(config.exclude)):
            yield Finding(("exclude",), f"{name} is included and excluded: nobody is left")

    def _destinations(self) -> Iterator[Finding]:
        known = self.campaign.tenant.destinations
        for place, name in enumerate(self.campaign.config.destination):
            path = ("destination", place)
            if name not in known:
                message = f"destinations.yaml has no destination {name}"
                yield Finding(path, message, _near(name, known))
                continue
            if known[name].type == "saas" and self.campaign.config.mode == "full":
                message = f"{name} keeps whom it was sent before: a whole list takes nobody out"
                yield Finding(path, message, "say mode: add_remove")
            is_postgres = known[name].type == "postgres"
            if is_postgres and len(self.campaign.name.encode()) > LONGEST_IDENTIFIER:
                message = (
                    f"PostgreSQL would cut off the name of its table at {LONGEST_IDENTIFIER} bytes"
                )
                yield Finding(path, message, "give the campaign's file a shorter name")
            taken = {table.name or key for key, table in known[name].tables.items()}
            if self.campaign.name in taken:
                message = f"would overwrite the table {self.campaign.name} of destination {name}"
                yield Finding(path, message, "rename the campaign or the table")

    def _attributes(self) -> Iterator[Finding]:
        config = self.campaign.config
        people = self.tables.get("customer_360", {})
        known = [*_lower(people), *OWN_ATTRIBUTES]
        listed = _lower(config.attributes)
        for place, name in enumerate(listed):
            path = ("attributes", place)
            if name in self._columns_of_its_own():
                message = f"what is sent has a column {name} of its own"
                remedy = "leave it out, or call it otherwise in database/customer_360.sql"
                yield Finding(path, message, remedy)
            elif name not in known:
                yield Finding(path, f"customer_360 has no column {name}", _near(name, known))
            elif name in listed[:place]:
                yield Finding(path, f"{name} is listed twice", "remove one of the two")
        address = ADDRESSES[config.channel]
        if address not in listed:
            message = f"has no {address}, by which {config.channel} reaches people"
            yield Finding(("attributes",), message, f"add {address}")

    def _columns_of_its_own(self) -> list[str]:
        """The columns that say what a row of the list is, and not whom it is about."""
        config = self.campaign.config
        if config.mode == "full":
            return [*KEPT_COLUMNS]
        known = self.campaign.tenant.destinations
        types = {known[name].type for name in config.destination if name in known}
        own = [*KEPT_COLUMNS, ACTION]
        return [*own, NUMBER, CHANGE] if "postgres" in types else own

    def _consent(self) -> Iterator[Finding]:
        config = self.campaign.config
        if config.purpose is None:
            return
        purposes = self.campaign.tenant.workflow.purposes
        if config.purpose not in purposes:
            message = f"workflow.yaml declares no purpose {config.purpose}"
            yield Finding(("purpose",), message, _near(config.purpose, purposes))
            return
        try:
            gate = self.campaign.gate
        except C360Error as error:
            remedy = 'declare it there, or say consent: none, because "…"'
            yield Finding(("channel",), str(error), remedy)
            return
        assert gate is not None
        columns = self.tables.get(gate.table, {})
        brand = brand_of(self.campaign.tenant, config)
        post = purposes[config.purpose].post
        if config.channel == "post" and post is not None:
            if brand is not None and post.brand is None:
                yield _brand_not_asked(config, brand)
        elif config.brand is not None and columns and "brand" not in _lower(columns):
            yield Finding(("brand",), f"{gate.table} has no column brand")


def _brand_not_asked(config: CampaignConfig, brand: str) -> Finding:
    """An error of a campaign that names the brand itself, a warning of one whose database does."""
    message = (
        f"purposes.{config.purpose}.post of workflow.yaml says not whose statements they are: "
        f"what people answered another brand would count for {brand}"
    )
    remedy = "add brand: COLUMN there, the column of its table that names the brand"
    if config.brand is None:
        return Finding(("purpose",), message, remedy, "warning")
    return Finding(("brand",), message, f"{remedy}, or leave brand out here, if they are of all")


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _near(name: str, known: Iterable[str]) -> str:
    return instead_of(name, sorted(known))


def _workflow_findings(tenant: Tenant, tables: Columns) -> Iterator[Finding]:
    workflow = tenant.workflow
    for place, name in enumerate(workflow.campaigns):
        if name not in tenant.campaigns and f"campaign {name}" not in tenant.places:
            message = f"there is no campaign {name}"
            yield Finding(("campaigns", place), message, _near(name, tenant.campaigns))
    for name, purpose in workflow.purposes.items():
        channels = {"email": purpose.email, "sms": purpose.sms}
        for channel, wanted in channels.items():
            table = f"{channel}_opt_status"
            for column in wanted or {}:
                known = _lower(tables.get(table, {}))
                if known and column.lower() not in known:
                    path = ("purposes", name, channel, column)
                    yield Finding(path, f"{table} has no column {column}", _near(column, known))
        if purpose.post is not None:
            yield from _post_findings(("purposes", name, "post"), purpose.post, tables)


def _post_findings(path: KeyPath, post: PostConsent, tables: Columns) -> Iterator[Finding]:
    if not tables:
        return
    table = next((one for one in tables if one.lower() == post.table.lower()), None)
    if table is None:
        message = f"there is no table {post.table}"
        yield Finding((*path, "table"), message, _near(post.table, tables))
        return
    of_consent = _lower(tables[table])
    of_people = _lower(tables.get("customer_360", {}))
    for place, column in enumerate(post.address):
        for owner, known in ((table, of_consent), ("customer_360", of_people)):
            if column.lower() not in known:
                message = f"{owner} has no column {column}"
                remedy = (
                    f"{_near(column, known)}; {table} and customer_360 have the address in columns "
                    "of the same names: a custom domain table can rename them"
                )
                yield Finding((*path, "address", place), message, remedy)
    for key, name in (("opted_in", post.opted_in), ("brand", post.brand)):
        if name is not None and name.lower() not in of_consent:
            message = f"{table} has no column {name}"
            yield Finding((*path, key), message, _near(name, of_consent))


def _tables_with_addresses(tenant: Tenant) -> Iterator[Finding]:
    """Tables that are sent whole with addresses, and say nothing of consent, or what there is
    not."""
    documented = all_tables()
    purposes = tenant.workflow.purposes
    for name, config in tenant.destinations.items():
        for table, item in config.tables.items():
            spec = documented.get(table.lower())
            columns = spec.columns if spec is not None else {}
            semantics = {
                column: columns[column.lower()].semantic
                for column in item.columns or []
                if column.lower() in columns
            }
            path = ("destinations", name, "tables", table)
            addresses = needs_consent(item.columns or [], semantics)
            if addresses and item.consent is None:
                message = f"sends {', '.join(addresses)}, and says nothing of consent"
                remedy = 'add consent: PURPOSE, or consent: none, because "…"'
                yield Finding((*path, "columns"), message, remedy)
            elif item.purpose is not None:
                if item.purpose not in purposes:
                    message = f"workflow.yaml declares no purpose {item.purpose}"
                    yield Finding((*path, "consent"), message, _near(item.purpose, purposes))
                    continue
                channels = {channel_of(column, semantics.get(column, "")) for column in addresses}
                for channel in sorted(channels - {None}, key=str):
                    if getattr(purposes[item.purpose], str(channel)) is None:
                        message = f"purposes.{item.purpose} of workflow.yaml has no {channel}"
                        yield Finding((*path, "consent"), message)


def _idle_destinations(tenant: Tenant) -> Iterator[Finding]:
    used = {name for config in tenant.campaigns.values() for name in config.destination}
    unread = {key for key in tenant.places if key.startswith("campaign ")}
    all_read = unread <= {f"campaign {name}" for name in tenant.campaigns}
    for name, config in tenant.destinations.items():
        if not config.tables and name not in used and all_read:
            message = "receives nothing: it has no tables, and no campaign names it"
            yield Finding(("destinations", name), message, "give it tables, or remove it")


def _connectors(tenant: Tenant) -> Iterator[Finding]:
    for name, config in tenant.destinations.items():
        if config.type == "saas":
            for setting, message, remedy in setting_problems(config):
                yield Finding(("destinations", name, setting), message, remedy)
