"""Reports on e-mail addresses and phone numbers of customer records. Transactions and requests have modules of their own."""

from __future__ import annotations

from c360_assets.validations.declarations import Count, Figure, Report

REPORTS: tuple[Report, ...] = (
    Report(
        "IV-P01",
        "Email addresses",
        "customer profiles",
        "Stitch links records by e-mail address; missing, invalid or shared ones weaken it.",
        ("email",),
        (
            Count("missing_email", "email_missing"),
            Figure("invalid_email_count", "(SELECT count(*) FROM vals WHERE NOT email_valid(value))", finding=True),
            Figure(
                "invalid_email_pct",
                "pct((SELECT count(*) FROM vals WHERE NOT email_valid(value)), (SELECT count(*) FROM vals))",
            ),
            Figure("unique_email_count", "(SELECT count(DISTINCT key) FROM vals)"),
            Figure("email_uniqueness_pct", "pct((SELECT count(DISTINCT key) FROM vals), count(*))"),
            Figure("blocklisted_email_count", "(SELECT count(*) FROM vals WHERE blocked)", finding=True),
        ),
        values="email",
    ),
    Report(
        "IV-P02",
        "Phone numbers",
        "customer profiles",
        "Stitch compares the last ten digits of a phone number; other shapes and placeholders weaken it.",
        ("phone",),
        (
            Count("missing_phone", "phone_missing"),
            Figure("invalid_phone_count", "(SELECT count(*) FROM vals WHERE NOT phone_valid_here(value))", finding=True),
            Figure(
                "invalid_phone_pct",
                "pct((SELECT count(*) FROM vals WHERE NOT phone_valid_here(value)), (SELECT count(*) FROM vals))",
            ),
            Figure("unique_phone_count", "(SELECT count(DISTINCT key) FROM vals)"),
            Figure("phone_uniqueness_pct", "pct((SELECT count(DISTINCT key) FROM vals), count(*))"),
            Figure("not_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) <> 10)", finding=True),
            Figure("not_10_digits_pct", "pct((SELECT count(*) FROM vals WHERE length(digits) <> 10), count(*))"),
            Figure("more_than_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) > 10)"),
            Figure("fewer_than_10_digits_count", "(SELECT count(*) FROM vals WHERE length(digits) < 10)"),
            Figure(
                "eleven_digits_leading_1_count",
                "(SELECT count(*) FROM vals WHERE length(digits) = 11 AND starts_with(digits, '1'))",
            ),
            Figure("blocklisted_phone_count", "(SELECT count(*) FROM vals WHERE blocked)", finding=True),
        ),
        values="phone",
    ),
)
