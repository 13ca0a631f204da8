-- email_engagement_summary: how an address answers to the e-mail of each brand, counted from the events.
WITH events AS (
    SELECT
        email_key(email) AS email,
        clean(brand) AS brand,
        clean(region) AS region,
        event_type,
        event_datetime,
        CAST(event_datetime AS DATE) AS day,
        run_context.as_of
    FROM unified_email_events
    CROSS JOIN run_context
    WHERE clean(email) IS NOT NULL
),
counted AS (
    SELECT
        email,
        brand,
        MAX(region) AS region,
{% for kind, type in (("clicks", "Click"), ("opens", "Open")) %}
{% for name, first_day in periods %}
        COUNT(*) FILTER (WHERE event_type = '{{ type }}' AND day BETWEEN {{ first_day }} AND as_of) AS email_{{ kind }}_{{ name }},
{% endfor %}
        COUNT(*) FILTER (WHERE event_type = '{{ type }}') AS email_{{ kind }}_lifetime,
{% endfor %}
        COUNT(*) FILTER (WHERE event_type = 'Sent') AS received,
        COUNT(*) FILTER (WHERE event_type = 'Sent' AND day BETWEEN {{ recent }} AND as_of) AS recently_received,
        COUNT(*) FILTER (WHERE event_type = 'Open' AND day BETWEEN {{ recent }} AND as_of) AS recently_opened,
        COUNT(*) FILTER (WHERE event_type IN ('Open', 'Click') AND day BETWEEN {{ recent }} AND as_of) AS recently_answered,
{% for column, aggregate, type in moments %}
        {{ aggregate }}(event_datetime) FILTER (WHERE event_type = '{{ type }}') AS {{ column }}{{ "," if not loop.last }}
{% endfor %}
    FROM events
    GROUP BY email, brand
),
-- Thirds of those who got five or more: by the share they opened.
thirds AS (
    SELECT
        email,
        brand,
        NTILE(3) OVER (
            ORDER BY recently_opened * 10000 // recently_received ASC, email ASC, brand ASC NULLS FIRST
        ) AS third
    FROM counted
    WHERE recently_received >= 5
)
SELECT
    counted.brand,
    counted.email,
{% for kind in ("clicks", "opens") %}
{% for name, first_day in periods %}
    counted.email_{{ kind }}_{{ name }},
{% endfor %}
    counted.email_{{ kind }}_lifetime,
{% endfor %}
    money_ratio(counted.email_clicks_lifetime, counted.received) AS email_click_rate_lifetime,
    money_ratio(counted.email_opens_lifetime, counted.received) AS email_open_rate_lifetime,
    CASE
        WHEN counted.recently_received = 0 THEN 'Non-recipient'
        WHEN counted.recently_received < 5 THEN 'New'
        WHEN thirds.third = 1 THEN 'Low'
        WHEN thirds.third = 2 THEN 'Medium'
        ELSE 'High'
    END AS engagement_frequency_last_15_months,
    CASE
        WHEN counted.recently_received = 0 THEN 'Non-recipient'
        WHEN counted.recently_received < 5 THEN 'New'
        WHEN counted.recently_answered > 0 THEN 'Active'
        ELSE 'Inactive'
    END AS engagement_status_last_15_months,
{% for column, aggregate, type in moments %}
    counted.{{ column }},
{% endfor %}
    counted.region,
    'unified_email_events' AS datasource,
    SHA256(counted.email || '|' || COALESCE(counted.brand, '')) AS pk
FROM counted
LEFT JOIN thirds ON thirds.email = counted.email AND thirds.brand IS NOT DISTINCT FROM counted.brand
