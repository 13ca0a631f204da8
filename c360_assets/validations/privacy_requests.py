"""Reports on tables of privacy requests. Carrying a request out belongs to `privacy`."""

from __future__ import annotations

from c360_assets.validations.declarations import Count, Listing, Report

STRATEGIES = ("exact", "connected_pii")
TYPES = ("delete", "delete_pii", "dsar")


def _outside(column: str, allowed: tuple[str, ...]) -> str:
    allowed_sql = ", ".join(f"'{word}'" for word in allowed)
    return f"NOT {column}_missing AND trim({column}) NOT IN ({allowed_sql})"


def _privacy(
    number: int, title: str, reason: str, advice: str, column: str, *items: Count | Listing
) -> Report:
    return Report(
        id=f"IV-C{number:02}",
        title=title,
        category="privacy requests",
        reason=reason,
        advice=advice,
        needs=(f"compliance/{column.replace('_', '-')}",),
        items=items,
    )


REPORTS: tuple[Report, ...] = (
    _privacy(
        1,
        "Requests have an id",
        "A request without an id cannot be answered.",
        "Give each request an id where it is taken in.",
        "request_id",
        Count(name="missing_request_id", when="request_id_missing"),
    ),
    _privacy(
        2,
        "Requests have a type",
        "Without a type nobody knows what to do.",
        "Ask whoever took the request in: delete, delete_pii or dsar.",
        "request_type",
        Count(name="missing_request_type", when="request_type_missing"),
    ),
    _privacy(
        3,
        "Requests have a strategy",
        "An empty strategy is read as exact.",
        "Fill the field if records of the same person in other sources are meant too.",
        "request_strategy",
        Count(name="missing_request_strategy", when="request_strategy_missing"),
    ),
    _privacy(
        4,
        "Phone numbers of requests",
        "A request is matched by its phone number.",
        "Ask the person for the complete number, or match by another field.",
        "request_phone",
        Count(name="missing_phone", when="request_phone_missing", finding=False),
        Count(
            name="invalid_phone",
            when="NOT phone_valid(request_phone, {region})",
            scope="NOT request_phone_missing",
        ),
        Count(
            name="not_10_digits",
            plan="nanp",
            when=(
                "NOT request_phone_missing AND "
                "length(coalesce(phone_digits(request_phone), '')) <> 10"
            ),
        ),
    ),
    _privacy(
        5,
        "The strategy is exact or connected_pii",
        "Another word means that the request cannot be carried out.",
        "Write exact or connected_pii; the words are compared as they are written.",
        "request_strategy",
        Count(name="invalid_strategy", when=_outside("request_strategy", STRATEGIES)),
        Listing(
            name="invalid_values", column="request_strategy", show="outside", allowed=STRATEGIES
        ),
    ),
    _privacy(
        6,
        "The type is delete, delete_pii or dsar",
        "Another word means that the request cannot be carried out.",
        "Write delete, delete_pii or dsar; the words are compared as they are written.",
        "request_type",
        Count(name="invalid_type", when=_outside("request_type", TYPES)),
        Listing(name="invalid_values", column="request_type", show="outside", allowed=TYPES),
    ),
)
