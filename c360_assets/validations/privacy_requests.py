"""Reports on tables of privacy requests. Carrying a request out belongs to `privacy`."""

from __future__ import annotations

from c360_assets.validations.declarations import Count, Figure, Report, missing, others

REPORTS: tuple[Report, ...] = (
    Report(
        "IV-C01",
        "Requests have an id",
        "privacy requests",
        "A request without an id cannot be answered.",
        ("compliance/request-id",),
        (Count("missing_request_id", missing("request_id")),),
    ),
    Report(
        "IV-C02",
        "Requests have a type",
        "privacy requests",
        "Without a type nobody knows what to do.",
        ("compliance/request-type",),
        (Count("missing_request_type", missing("request_type")),),
    ),
    Report(
        "IV-C03",
        "Requests have a strategy",
        "privacy requests",
        "An empty strategy is read as exact.",
        ("compliance/request-strategy",),
        (Count("missing_request_strategy", missing("request_strategy")),),
    ),
    Report(
        "IV-C04",
        "Phone numbers of requests",
        "privacy requests",
        "A request is matched by its phone number.",
        ("compliance/request-phone",),
        (
            Count("missing_phone", missing("request_phone")),
            Count("invalid_phone", f"NOT {missing('request_phone')} AND NOT phone_valid_here(request_phone)", share=False),
            Count(
                "not_10_digits",
                f"NOT {missing('request_phone')} AND length(coalesce(phone_digits(request_phone), '')) <> 10",
            ),
        ),
    ),
    Report(
        "IV-C05",
        "The strategy is exact or connected_pii",
        "privacy requests",
        "Another word means that the request cannot be carried out.",
        ("compliance/request-strategy",),
        (
            Count(
                "invalid_strategy",
                f"NOT {missing('request_strategy')} AND trim(request_strategy) NOT IN ('exact', 'connected_pii')",
            ),
            Figure("invalid_values", others("request_strategy", "'exact', 'connected_pii'"), text=True),
        ),
    ),
    Report(
        "IV-C06",
        "The type is delete, delete_pii or dsar",
        "privacy requests",
        "Another word means that the request cannot be carried out.",
        ("compliance/request-type",),
        (
            Count(
                "invalid_type",
                f"NOT {missing('request_type')} AND trim(request_type) NOT IN ('delete', 'delete_pii', 'dsar')",
            ),
            Figure("invalid_values", others("request_type", "'delete', 'delete_pii', 'dsar'"), text=True),
        ),
    ),
)
