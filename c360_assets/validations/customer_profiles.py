"""Reports on e-mail addresses and phone numbers of customer records.

Transactions and requests have modules of their own.
"""

from __future__ import annotations

from c360_assets.validations.declarations import Across, Count, Report, Unique, Values, blocked

DIGITS = "length({v}_digits)"

REPORTS: tuple[Report, ...] = (
    Report(
        id="IV-P01",
        title="Email addresses",
        category="customer profiles",
        reason="Stitch links records by e-mail address; missing, invalid or shared ones weaken it.",
        advice="Ask the source for the field it fills, and mend addresses where they are typed in.",
        needs=("email",),
        items=(
            Count(
                name="missing_email",
                when="email_missing",
                mild=True,
                advice=(
                    "Ask whether the source has addresses in another field; "
                    "if it has none, nothing needs to be done."
                ),
            ),
            Values(
                name="invalid_email",
                tag="email",
                when="NOT {v}_well_formed",
                finding=True,
                advice=(
                    "Look at the rows: names, two addresses in one "
                    "field and cut-off domains are mended in the source."
                ),
            ),
            Unique(name="unique_email_count", column="email", share="email_uniqueness_pct"),
            Across(name="all_sources_unique_email_count", column="email", show="all"),
            Across(name="all_sources_email_uniqueness_pct", column="email", show="all_share"),
            Across(name="exclusive_email_count", column="email", show="exclusive"),
            Values(
                name="blocklisted_email",
                tag="email",
                when=blocked("email", "{v}"),
                share=False,
                finding=True,
                advice=(
                    "Placeholders such as noemail@… are ignored by Stitch; "
                    "let the source leave the field empty instead."
                ),
            ),
        ),
    ),
    Report(
        id="IV-P02",
        title="Phone numbers",
        category="customer profiles",
        reason=(
            "Stitch compares phone numbers as they are dialled in their country; "
            "incomplete numbers and placeholders weaken it."
        ),
        advice="Have the source send one complete number a field.",
        needs=("phone",),
        items=(
            Count(
                name="missing_phone",
                when="phone_missing",
                mild=True,
                advice=(
                    "Ask whether the source has numbers in another field; "
                    "if it has none, nothing needs to be done."
                ),
            ),
            Values(
                name="invalid_phone",
                tag="phone",
                when="NOT {v}_well_formed",
                finding=True,
                advice=(
                    "Look at the rows; where the numbers are another country's, "
                    "set country or phone_region in tenant.yaml."
                ),
            ),
            Unique(name="unique_phone_count", column="phone", share="phone_uniqueness_pct"),
            Across(name="all_sources_phone_uniqueness_pct", column="phone", show="all_share"),
            Across(name="exclusive_phone_count", column="phone", show="exclusive"),
            Values(
                name="not_10_digits",
                tag="phone",
                when=f"{DIGITS} <> 10",
                of_rows=True,
                finding=True,
                mild=True,
                plan="nanp",
                advice=(
                    "A leading 1 is harmless (see eleven_digits_leading_1_count); "
                    "shorter numbers lack their area code."
                ),
            ),
            Values(name="more_than_10_digits", tag="phone", when=f"{DIGITS} > 10", share=False),
            Values(name="fewer_than_10_digits", tag="phone", when=f"{DIGITS} < 10", share=False),
            Values(
                name="eleven_digits_leading_1",
                tag="phone",
                when=f"{DIGITS} = 11 AND starts_with({{v}}_digits, '1')",
                share=False,
            ),
            Values(
                name="blocklisted_phone",
                tag="phone",
                when=blocked("phone", "{v}"),
                share=False,
                finding=True,
                advice=(
                    "Placeholders such as 999-999-9999 are ignored by Stitch; "
                    "let the source leave the field empty instead."
                ),
            ),
        ),
    ),
)
