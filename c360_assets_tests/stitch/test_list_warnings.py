"""What is said of values that the shipped list takes from organisations."""

from __future__ import annotations

import polars as pl
import pytest

from c360_assets.stitch.api import stitch
from c360_assets.tenant.models import StitchConfig

PROFILES = ["normalize-gender", "prioritize-src-gender", "allow-business-email"]


@pytest.mark.parametrize(
    ("emails", "person", "profiles", "said"),
    [
        (["info@alder.example", "Contact@berg.example"], None, PROFILES[:2], "2 of 2 records"),
        (["info@alder.example", "a.ode@berg.example"], None, PROFILES[:2], "1 of 2 records"),
        (["kontakt@alder.example", "noreply@berg.example"], None, PROFILES[:2], None),
        (["info@alder.example", "contact@berg.example"], "Ann Ode", PROFILES[:2], None),
        (["info@alder.example", "contact@berg.example"], None, PROFILES, None),
    ],
)
def test_organisations_that_lose_the_address_of_a_role(
    emails: list[str], person: str | None, profiles: list[str], said: str | None
) -> None:
    records = pl.DataFrame(
        {
            "datasource": "Shop:Firms",
            "pk": ["1", "2"],
            "company": ["Alder GmbH", "Berg AG"],
            "full_name": pl.Series([person, person], dtype=pl.String),
            "email": emails,
        }
    )
    config = StitchConfig.model_validate({"bad_values": {"preprocessing_profiles": profiles}})
    alerts = [text for text in stitch(records, config).alerts if "of a role" in text]
    assert len(alerts) == (said is not None)
    assert not alerts or alerts[0].startswith(said or "")
