-- customer_attributes: one row per person; where they stand, how they can be reached, what they are.
WITH purchases AS (
    SELECT
        amperity_id,
        lifetime_order_frequency,
        lifetime_order_revenue,
        DATE_DIFF('day', CAST(first_order_datetime AS DATE), run_context.as_of) AS days_since_first,
        DATE_DIFF('day', CAST(latest_order_datetime AS DATE), run_context.as_of) AS days_since_latest
    FROM transaction_attributes_extended
    CROSS JOIN run_context
),
-- The revenue above which the dearest buyers are outliers: {{ outlier_percentile }} of 1000, interpolated.
revenue_positions AS (
    SELECT
        lifetime_order_revenue AS revenue,
        ROW_NUMBER() OVER (ORDER BY lifetime_order_revenue ASC, amperity_id ASC) - 1 AS position,
        (COUNT(*) OVER () - 1) * {{ outlier_percentile }} AS thousandths
    FROM purchases
),
outlier_limit AS (
    SELECT
        MAX(revenue) FILTER (WHERE position = thousandths // 1000) AS below,
        MAX(revenue) FILTER (WHERE position = (thousandths + 999) // 1000) AS above,
        MAX(thousandths % 1000) AS share
    FROM revenue_positions
),
email_consent AS (
    SELECT
        mc.amperity_id,
        BOOL_OR(opt.is_email_opted_in) AS is_any,
        BOOL_OR(opt.is_email_opted_in AND LOWER(clean(opt.email)) = LOWER(clean(mc.email))) AS is_best
    FROM merged_customers AS mc
    INNER JOIN email_opt_status AS opt ON opt.amperity_id = mc.amperity_id
    GROUP BY mc.amperity_id
),
sms_consent AS (
    SELECT
        mc.amperity_id,
        BOOL_OR(opt.is_sms_opted_in) AS is_any,
        BOOL_OR(opt.is_sms_opted_in AND phone_key(opt.phone) = phone_key(mc.phone)) AS is_best
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
    CAST(NULL AS VARCHAR) AS churn_trigger,
    CAST(NULL AS TIMESTAMPTZ) AS churn_trigger_start_datetime,
    CAST(NULL AS BOOLEAN) AS is_business,
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
    CAST(NULL AS BOOLEAN) AS is_gift_giver,
    COALESCE(
        people.lifetime_order_revenue * 1000
            > outlier_limit.below * 1000 + (outlier_limit.above - outlier_limit.below) * outlier_limit.share,
        FALSE
    ) AS is_outlier,
    CAST(NULL AS BOOLEAN) AS is_reseller,
    CAST(NULL AS BOOLEAN) AS is_test_account
FROM people
CROSS JOIN consent_known
CROSS JOIN outlier_limit
LEFT JOIN email_consent ON email_consent.amperity_id = people.amperity_id
LEFT JOIN sms_consent ON sms_consent.amperity_id = people.amperity_id
LEFT JOIN buyers ON buyers.amperity_id = people.amperity_id
