"""The names of the checks in Dagster: what each asks, in words.

A check's history hangs on its name, so that it is not derived from a wording that may change. What
is checked belongs to `customer_360.checks` and `validations`, where a check has a code.
"""

from __future__ import annotations

import re

# Code of a data check of the database, or number that several have in common -> name.
DATA_CHECKS = {
    "CV-A01": "every_record_belongs_to_one_person",
    "CV-A02": "no_purchaser_is_a_prospect",
    "CV-A03": "prospects_have_no_orders",
    "CV-A04": "addresses_are_complete",
    "CV-A05": "emails_are_well_formed",
    "CV-A06": "phone_numbers_are_possible",
    "CV-A07": "full_addresses_are_in_a_household",
    "CV-A07.size": "at_most_20_people_in_a_household",
    "CV-E01": "emails_of_events_belong_to_one_person",
    "CV-E02.events": "every_email_event_is_there_once",
    "CV-E02.summary": "one_summary_per_email_and_brand",
    "CV-E03": "email_events_have_a_known_type",
    "CV-E04.email": "email_consent_has_no_contradictions",
    "CV-E04.sms": "sms_consent_has_no_contradictions",
    "CV-L01": "every_loyalty_id_is_one_membership",
    "CV-L02": "opt_in_of_members_is_known",
    "CV-L03": "accruals_have_amount_and_time",
    "CV-L04": "redemptions_have_amount_and_time",
    "CV-L05": "tier_changes_name_both_tiers",
    "CV-F01": "every_fiscal_day_is_there_once",
    "CV-F02": "fiscal_calendar_covers_all_orders",
    "CV-T01": "item_rows_belong_to_a_person",
    "CV-T02": "every_order_belongs_to_one_person",
    "CV-T03": "item_rows_name_their_order",
    "CV-T04": "every_order_id_means_one_order",
    "CV-T05": "orders_have_a_store",
    "CV-T06": "purchased_items_have_a_product",
    "CV-T07": "amounts_of_returns_are_zero_or_less",
    "CV-T08": "returns_belong_to_a_known_order",
    "CV-T09": "amounts_of_purchases_are_zero_or_more",
    "CV-T10": "no_more_is_returned_than_was_bought",
    "CV-T11": "discount_is_list_price_minus_revenue",
    "CV-T12": "revenue_is_cost_plus_profit",
    "CV-T13": "discount_percentage_is_right",
    "CV-T14": "revenue_is_known",
    "CV-T15": "quantity_of_purchases_is_above_zero",
    "CV-T16": "order_times_are_known_and_past",
    "CV-R01": "orders_add_up_to_their_items",
    "CV-R02.merged_customers": "one_merged_customer_per_person",
    "CV-R02.customer_360": "every_merged_customer_is_there",
    "CV-R03": "all_orders_are_in_one_currency",
}
# Kind of promise that `database/*.yaml` makes of a column -> name.
PROMISES = {
    "db/required": "required_columns_have_values",
    "db/unique": "unique_columns_repeat_no_value",
}
# Code of an input validation report -> name.
REPORTS = {
    "IV-P01": "email_addresses_can_be_used",
    "IV-P02": "phone_numbers_can_be_used",
    "IV-T01": "every_item_has_a_product",
    "IV-T02": "every_order_has_a_store",
    "IV-T03": "every_order_has_quantity_revenue_and_date",
    "IV-T04": "every_order_has_an_id_of_its_own",
    "IV-T05": "no_item_is_returned_and_canceled",
    "IV-T06": "revenue_of_canceled_items_is_negative",
    "IV-T07": "discount_amounts_are_positive",
    "IV-T08": "discount_percent_is_amount_by_list_price",
    "IV-T09": "store_of_purchases_is_known",
    "IV-T10": "quantity_of_returned_items_is_negative",
    "IV-T11": "quantity_of_purchases_is_positive",
    "IV-T12": "revenue_of_returned_items_is_negative",
    "IV-T13": "revenue_is_list_price_minus_discount",
    "IV-T14": "revenue_of_purchases_is_positive",
    "IV-T15": "channel_of_purchases_is_known",
    "IV-T16": "return_and_cancellation_flags_are_booleans",
    "IV-T17": "product_ids_are_repeated",
    "IV-C01": "requests_have_an_id",
    "IV-C02": "requests_have_a_type",
    "IV-C03": "requests_have_a_strategy",
    "IV-C04": "phone_numbers_of_requests_can_be_used",
    "IV-C05": "request_strategies_are_known",
    "IV-C06": "request_types_are_known",
    "IV-X01": "every_record_has_a_key_of_its_own",
    "IV-X02": "transactions_name_their_customer",
    "IV-X03": "one_row_per_order_product_and_kind",
    "IV-X04": "order_dates_are_possible",
    "IV-X05": "amounts_have_the_sign_of_their_row",
    "IV-X06": "item_amounts_are_unit_amounts_times_quantity",
    "IV-X07": "unit_list_price_is_discount_plus_subtotal",
    "IV-X08": "revenue_is_cost_plus_profit",
    "IV-X09": "order_discounts_are_written_in_one_way",
    "IV-X10": "currencies_are_three_letters",
    "IV-X11": "digital_channels_belong_to_online_purchases",
    "IV-X12": "returns_and_cancellations_have_a_purchase",
    "IV-X13": "birthdates_are_possible",
    "IV-X14": "names_and_addresses_are_filled_and_real",
    "IV-X15": "opt_in_status_is_clear",
    "IV-X16": "email_events_have_a_known_type",
    "IV-X17": "fiscal_calendar_has_every_day_once",
    "IV-X18": "records_say_when_they_changed",
}


def data_check_name(code: str, question: str) -> str:
    """The name of a data check; one without an entry is called by its question."""
    number = code.split(".")[0]
    return DATA_CHECKS.get(code) or DATA_CHECKS.get(number) or _snake_case(question)


def report_name(code: str, title: str) -> str:
    """The name of a report's check; one without an entry is called by its title."""
    return REPORTS.get(code) or _snake_case(title)


def _snake_case(text: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", text.lower()))
