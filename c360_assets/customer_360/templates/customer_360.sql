-- customer_360: one row per person; the best of their data and what they bought.
SELECT
    mc.amperity_id,
{% for column in profile_columns %}
    mc.{{ column }},
{% endfor %}
{% for column in transaction_columns %}
    bought.{{ column }},
{% endfor %}
{% for column in latest_order_columns %}
    latest_order.{{ column }},
{% endfor %}
{% if "email" in hashed %}
    SHA256(email_key(mc.email)) AS hashed_email,
{% endif %}
{% if "phone" in hashed %}
    SHA256(mc.phone) AS hashed_phone,
{% if has_local_forms %}
    SHA256(mc.phone_e164) AS hashed_phone_e164,
{% elif not country_code %}
    SHA256(CASE WHEN STARTS_WITH(clean(mc.phone), '+') THEN '+' || phone_digits.digits END) AS hashed_phone_e164,
{% else %}
    SHA256(CASE
        WHEN STARTS_WITH(clean(mc.phone), '+') THEN '+' || phone_digits.digits
        WHEN LENGTH(phone_digits.digits) = 10 THEN '+1' || phone_digits.digits
        WHEN LENGTH(phone_digits.digits) = 11 AND STARTS_WITH(phone_digits.digits, '1') THEN '+' || phone_digits.digits
    END) AS hashed_phone_e164,
{% endif %}
{% endif %}
    households.household_id,
    households.household_size
FROM merged_customers AS mc
{% if transaction_columns %}
LEFT JOIN transaction_attributes_extended AS bought ON bought.amperity_id = mc.amperity_id
{% endif %}
{% if latest_order_columns %}
LEFT JOIN (
    SELECT
        amperity_id,
{% for column in latest_order_columns %}
        {{ column }},
{% endfor %}
        ROW_NUMBER() OVER (
            PARTITION BY amperity_id ORDER BY order_datetime DESC, order_id DESC, datasource DESC
        ) AS position
    FROM unified_transactions
    WHERE amperity_id IS NOT NULL AND is_purchase_order AND order_datetime IS NOT NULL
) AS latest_order ON latest_order.amperity_id = mc.amperity_id AND latest_order.position = 1
{% endif %}
{% if "phone" in hashed and not has_local_forms %}
LEFT JOIN (
    SELECT amperity_id, phone_digits(phone) AS digits FROM merged_customers
) AS phone_digits ON phone_digits.amperity_id = mc.amperity_id
{% endif %}
LEFT JOIN merged_households AS households ON households.amperity_id = mc.amperity_id
