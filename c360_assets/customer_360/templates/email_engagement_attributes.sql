-- email_engagement_attributes: how each person's best e-mail answers, brand by brand.
SELECT
    mc.amperity_id,
    summary.brand,
    mc.email,
{% for column in measures %}
    summary.{{ column }},
{% endfor %}
    bought.first_order_datetime < summary.most_recent_email_optin_datetime AS purchase_before_signup,
    DATE_DIFF('day', CAST(summary.most_recent_email_optin_datetime AS DATE), CAST(bought.first_order_datetime AS DATE))
        AS signup_to_purchase_days
FROM merged_customers AS mc
INNER JOIN email_engagement_summary AS summary ON email_key(summary.email) = email_key(mc.email)
LEFT JOIN transaction_attributes_extended AS bought ON bought.amperity_id = mc.amperity_id
-- One row per person and brand, whatever the sources repeat.
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY mc.amperity_id, summary.brand
    ORDER BY summary.most_recent_email_send_datetime DESC NULLS LAST, summary.datasource ASC, summary.pk ASC
) = 1
