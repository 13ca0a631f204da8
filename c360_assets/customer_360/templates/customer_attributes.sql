-- customer_attributes: one row per person; where they stand, how they can be reached, what they are.
WITH purchases AS (
    SELECT
        amperity_id,
        lifetime_order_frequency,
        lifetime_order_revenue,
        DATE_DIFF('day', CAST(first_order_datetime AS DATE), run_context.as_of) AS days_since_first,
        latest_order_datetime,
        DATE_DIFF('day', CAST(latest_order_datetime AS DATE), run_context.as_of) AS days_since_latest
    FROM transaction_attributes_extended
    CROSS JOIN run_context
),
-- Buyers by revenue; a limit is the revenue that so many of 1000 buyers stay below, interpolated.
revenue_positions AS (
    SELECT
        lifetime_order_revenue AS revenue,
        ROW_NUMBER() OVER (ORDER BY lifetime_order_revenue ASC, amperity_id ASC) - 1 AS position,
        COUNT(*) OVER () - 1 AS last_position
    FROM purchases
),
{% for limit in limits %}
{{ limit.name }}_limit AS (
    SELECT
        MAX(revenue) FILTER (WHERE position = last_position * {{ limit.percentile }} // 1000) AS below,
        MAX(revenue) FILTER (WHERE position = (last_position * {{ limit.percentile }} + 999) // 1000) AS above,
        MAX(last_position * {{ limit.percentile }} % 1000) AS share
    FROM revenue_positions
),
{% endfor %}
{% if gifts %}
gift_givers AS (
    SELECT DISTINCT items.amperity_id
    FROM unified_itemized_transactions AS items
{% if gifts.from_catalog %}
    INNER JOIN (
        SELECT product_id, MAX(product_description) AS product_description FROM unified_product_catalog GROUP BY product_id
    ) AS catalog ON catalog.product_id = items.product_id
{% endif %}
    WHERE NOT COALESCE(items.is_return, FALSE) AND NOT COALESCE(items.is_cancellation, FALSE)
        AND regexp_matches(LOWER({{ gifts.column }}), {{ gifts.words | literal }})
{% if gifts.exceptions %}
        AND NOT regexp_matches(LOWER({{ gifts.column }}), {{ gifts.exceptions | literal }})
{% endif %}
),
{% endif %}
{% if reseller %}
large_clusters AS (
    SELECT amperity_id
    FROM unified_coalesced
    GROUP BY amperity_id
    HAVING BOOL_OR(is_supersized) AND COUNT(*) > {{ reseller.records }}
),
{% endif %}
email_consent AS (
    SELECT
        mc.amperity_id,
        BOOL_OR(COALESCE(opt.is_email_opted_in, FALSE)) AS is_any,
        BOOL_OR(opt.is_email_opted_in AND email_key(opt.email) = email_key(mc.email)) AS is_best
    FROM merged_customers AS mc
    INNER JOIN email_opt_status AS opt ON opt.amperity_id = mc.amperity_id
    GROUP BY mc.amperity_id
),
sms_consent AS (
    SELECT
        mc.amperity_id,
        BOOL_OR(COALESCE(opt.is_sms_opted_in, FALSE)) AS is_any,
        BOOL_OR(opt.is_sms_opted_in AND phone_key(opt.phone) = phone_key({{ "COALESCE(mc.phone_e164, mc.phone)" if has_local_forms else "mc.phone" }})) AS is_best
    FROM merged_customers AS mc
    INNER JOIN sms_opt_status AS opt ON opt.amperity_id = mc.amperity_id
    GROUP BY mc.amperity_id
),
-- A consent table without rows says nothing: then having an address is enough.
consent_known AS (
    SELECT
        (SELECT COUNT(*) FROM email_opt_status) > 0 AS email,
        (SELECT COUNT(*) FROM sms_opt_status) > 0 AS sms
),
buyers AS (
    SELECT
        households.amperity_id,
        ROW_NUMBER() OVER (
            PARTITION BY households.household_id
            ORDER BY purchases.lifetime_order_revenue DESC, households.amperity_id ASC
        ) AS position
    FROM merged_households AS households
    INNER JOIN purchases ON purchases.amperity_id = households.amperity_id
),
people AS (
    SELECT
        mc.*,
        COALESCE(purchases.lifetime_order_frequency >= 1, FALSE) AS is_purchaser,
        purchases.days_since_first,
        purchases.days_since_latest,
        purchases.latest_order_datetime,
        purchases.lifetime_order_revenue,
        mc.phone_completion = 0 AND mc.email_completion = 0 AND mc.address_completion = 0 AND mc.name_completion = 0
            AS is_no_pii_amperity_id
    FROM merged_customers AS mc
    LEFT JOIN purchases ON purchases.amperity_id = mc.amperity_id
)
SELECT
    people.amperity_id,
    people.is_purchaser,
    NOT people.is_purchaser AS is_prospect,
    CASE
        WHEN NOT people.is_purchaser THEN 'Prospect'
{% for rule in lifecycle %}
        WHEN people.{{ rule.days_column }} <= {{ rule.days }} THEN {{ rule.status | literal }}
{% endfor %}
        ELSE {{ last_status | literal }}
    END AS historical_purchaser_lifecycle_status,
    people.address_completion = 4 AS contactable_address,
    CASE WHEN consent_known.email THEN COALESCE(email_consent.is_best, FALSE) ELSE people.email_completion = 1 END
        AS contactable_email,
    CASE WHEN consent_known.sms THEN COALESCE(sms_consent.is_best, FALSE) ELSE people.phone_completion = 1 END
        AS contactable_phone,
    people.phone_completion > 0 OR people.email_completion > 0 AS contactable_paid_social,
    NOT people.is_no_pii_amperity_id AS contactable_global,
    people.is_no_pii_amperity_id,
    email_consent.is_any AS is_opted_into_email,
    sms_consent.is_any AS is_opted_into_sms,
    COALESCE(buyers.position = 1, FALSE) AS is_primary_buyer_household,
{% if churn %}
    CASE
{% for stage in churn %}
        WHEN people.days_since_latest <= {{ stage.days }} THEN {{ stage.name | literal }}
{% endfor %}
    END AS churn_trigger,
    CASE
{% for stage in churn %}
{% if stage.after is none %}
        WHEN people.days_since_latest <= {{ stage.days }} THEN people.latest_order_datetime
{% else %}
        WHEN people.days_since_latest <= {{ stage.days }}
            THEN CAST(CAST(people.latest_order_datetime AS DATE) + INTERVAL '{{ stage.after + 1 }}' DAY AS TIMESTAMPTZ)
{% endif %}
{% endfor %}
    END AS churn_trigger_start_datetime,
{% else %}
    CAST(NULL AS VARCHAR) AS churn_trigger,
    CAST(NULL AS TIMESTAMPTZ) AS churn_trigger_start_datetime,
{% endif %}
{% if business %}
    COALESCE((
        regexp_matches(LOWER(CONCAT_WS(' ', people.given_name, people.surname)), {{ business.words | literal }})
        OR regexp_matches(LOWER(CONCAT_WS(' ', people.address, people.address2)), {{ business.address_words | literal }})
    )
{% if business.exceptions %}
    AND LOWER(CONCAT_WS(' ', people.given_name, people.surname)) NOT IN ({{ business.exceptions }})
{% endif %}
{% if business.address_exceptions %}
    AND LOWER(COALESCE(people.address, '')) NOT IN ({{ business.address_exceptions }})
{% endif %}
    , FALSE) AS is_business,
{% else %}
    CAST(NULL AS BOOLEAN) AS is_business,
{% endif %}
{% if employee_domains %}
    COALESCE(
        LOWER(SPLIT_PART(people.email, '@', 2)) IN ({% for domain in employee_domains %}{{ domain | literal }}{{ ", " if not loop.last }}{% endfor %})
{% if employee_exceptions %}
        AND LOWER(people.email) NOT IN ({% for email in employee_exceptions %}{{ email | literal }}{{ ", " if not loop.last }}{% endfor %})
{% endif %}
    , FALSE) AS is_employee,
{% else %}
    CAST(NULL AS BOOLEAN) AS is_employee,
{% endif %}
{% if gifts %}
    gift_givers.amperity_id IS NOT NULL AS is_gift_giver,
{% else %}
    CAST(NULL AS BOOLEAN) AS is_gift_giver,
{% endif %}
    COALESCE(
        people.lifetime_order_revenue * 1000
            > outlier_limit.below * 1000 + (outlier_limit.above - outlier_limit.below) * outlier_limit.share,
        FALSE
    ) AS is_outlier,
{% if reseller %}
    COALESCE(
        large_clusters.amperity_id IS NOT NULL
        AND people.lifetime_order_revenue * 1000
            > reseller_limit.below * 1000 + (reseller_limit.above - reseller_limit.below) * reseller_limit.share,
        FALSE
    ) AS is_reseller,
{% else %}
    CAST(NULL AS BOOLEAN) AS is_reseller,
{% endif %}
{% if test %}
    COALESCE((
        LOWER(people.given_name) IN ({{ test.words }})
        OR LOWER(people.surname) IN ({{ test.words }})
        OR LOWER(people.full_name) IN ({{ test.words }})
        OR regexp_matches(LOWER(people.email), {{ test.prefix | literal }})
    ){% if test.exceptions %} AND LOWER(COALESCE(people.email, '')) NOT IN ({{ test.exceptions }}){% endif %}

    , FALSE) AS is_test_account
{% else %}
    CAST(NULL AS BOOLEAN) AS is_test_account
{% endif %}
FROM people
CROSS JOIN consent_known
{% for limit in limits %}
CROSS JOIN {{ limit.name }}_limit
{% endfor %}
{% if gifts %}
LEFT JOIN gift_givers ON gift_givers.amperity_id = people.amperity_id
{% endif %}
{% if reseller %}
LEFT JOIN large_clusters ON large_clusters.amperity_id = people.amperity_id
{% endif %}
LEFT JOIN email_consent ON email_consent.amperity_id = people.amperity_id
LEFT JOIN sms_consent ON sms_consent.amperity_id = people.amperity_id
LEFT JOIN buyers ON buyers.amperity_id = people.amperity_id
