"""A campaign that is started in Dagster: refused as the command line refuses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets.assets.segments import CampaignDisplay
from c360_assets.configuration import load_tenant
from c360_assets.errors import ConfigError
from c360_assets.segments.audience import campaign_named
from c360_assets.segments.campaign_recipes import SendCampaign
from c360_assets.warehouse.recipe import RunContext
from c360_assets.warehouse.session import open_session
from c360_assets_tests.automation.tenants import DAY, tiny_tenant

FILES = {
    "segments/all.yaml": "description: All\ninclude: [{email: {is_not_null: true}}]\n",
    "destinations.yaml": "destinations:\n  crm: {path: out, format: csv}\n",
    "campaigns/hello.yaml": "include: [all]\nexclude: [all]\nchannel: email\ndestination: crm\n"
    'attributes: [email]\nconsent: none, because "a test"\n',
}


def test_a_campaign_with_an_error_is_not_sent_from_the_ui(tmp_path: Path) -> None:
    tiny_tenant(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    tenant = load_tenant(tmp_path)
    display = CampaignDisplay(tenant, SendCampaign(campaign_named(tenant, "hello"), "crm"))
    with open_session(tmp_path / "warehouse") as session:
        display.require(session, RunContext(DAY))  # of the command line, which has looked already
        with pytest.raises(ConfigError, match="all is included and excluded: nobody is left"):
            display.require(session, RunContext(DAY, trigger="sensor"))
