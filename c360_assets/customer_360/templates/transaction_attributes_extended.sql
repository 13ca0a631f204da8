-- transaction_attributes_extended: one row per person with a dated purchase; what, when and how much they bought.
{% set money = "DECIMAL(38, 2)" %}
{% set distinct_order = "(" ~ key | join(", ") ~ ")" if key | length > 1 else key[0] %}
{% macro within(window) %}{% if window != "lifetime" %} FILTER (WHERE in_{{ window }}){% endif %}{% endmacro %}
WITH orders AS (
    SELECT
        *,
        CAST(order_datetime AS DATE) AS order_day
    FROM unified_transactions
    WHERE amperity_id IS NOT NULL AND is_purchase_order AND order_datetime IS NOT NULL
),
-- The periods that attributes are computed over, both days included. An order of the future belongs to lifetime only.
windows AS (
{% for window in windows %}
    SELECT {{ window.name | literal }} AS period, {{ window.first_day }} AS first_day, {{ window.last_day }} AS last_day
    FROM run_context
    UNION ALL
{% endfor %}
    SELECT 'lifetime' AS period, CAST(NULL AS DATE) AS first_day, CAST(NULL AS DATE) AS last_day
),
dated_orders AS (
    SELECT
{% for window in windows %}
        order_day >= {{ window.first_day }} AND order_day <= {{ window.last_day }} AS in_{{ window.name }},
{% endfor %}
        orders.*
    FROM orders
    CROSS JOIN run_context
),
measures AS (
    SELECT
        amperity_id,
{% for window in all_windows %}
{% for measure in measures %}
        CAST(COALESCE({{ measure.sql }}{{ within(window) }}, 0) AS {{ measure.type }}) AS {{ window }}_{{ measure.name }},
{% endfor %}
{% for dimension in dimensions %}
        COUNT({{ dimension.column }}){{ within(window) }} AS {{ window }}_{{ dimension.column }}_known,
{% endfor %}
{% endfor %}
{% for dimension in dimensions %}
        MIN({{ dimension.column }}) AS {{ dimension.column }},
        COALESCE(MIN({{ dimension.column }}) <> MAX({{ dimension.column }}), FALSE) AS {{ dimension.column }}_varies,
{% endfor %}
{% if "net_order_revenue" in blocks %}
        MAX(net_order_revenue) FILTER (WHERE net_order_revenue > 0) AS lifetime_largest_net_order_value,
{% endif %}
        MAX(order_revenue) FILTER (WHERE in_l30d AND order_revenue > 0) AS l30d_largest_order_value,
        MAX(order_revenue) FILTER (WHERE order_revenue > 0) AS lifetime_largest_order_value
    FROM dated_orders
    GROUP BY amperity_id
),
{% for dimension in dimensions %}
-- Of people with several values of {{ dimension.column }}: how many, and the one of most orders (then the latest, then by name).
{{ dimension.column }}_use AS (
    SELECT
        orders.amperity_id,
        windows.period,
        orders.{{ dimension.column }} AS value,
        COUNT(*) OVER (PARTITION BY orders.amperity_id, windows.period) AS used,
        ROW_NUMBER() OVER (
            PARTITION BY orders.amperity_id, windows.period
            ORDER BY COUNT(*) DESC, MAX(orders.order_datetime) DESC, orders.{{ dimension.column }} ASC
        ) AS position
    FROM orders
    INNER JOIN measures ON measures.amperity_id = orders.amperity_id AND measures.{{ dimension.column }}_varies
    INNER JOIN windows
        ON windows.period = 'lifetime'
        OR (orders.order_day >= windows.first_day AND orders.order_day <= windows.last_day)
    WHERE orders.{{ dimension.column }} IS NOT NULL
    GROUP BY orders.amperity_id, windows.period, orders.{{ dimension.column }}
),
{{ dimension.column }}_preferred AS (
    SELECT
        amperity_id,
{% for window in all_windows %}
        MAX(used) FILTER (WHERE period = '{{ window }}') AS {{ window }}_used,
        MAX(value) FILTER (WHERE period = '{{ window }}') AS {{ window }}_value{{ "," if not loop.last }}
{% endfor %}
    FROM {{ dimension.column }}_use
    WHERE position = 1
    GROUP BY amperity_id
),
{% endfor %}
{% for kind in undone %}
-- {{ kind.title }}: by the day of the row itself, not of the order.
{{ kind.name }}_items AS (
    SELECT orders.amperity_id, {% for k in key %}orders.{{ k }}, {% endfor %}items.item_revenue, items.item_quantity, windows.period
    FROM unified_itemized_transactions AS items
    INNER JOIN unified_transactions AS orders
        ON orders.order_id = clean(items.order_id){% if "datasource" in key %} AND orders.datasource = items.datasource{% endif %}

    INNER JOIN windows
        ON windows.period = 'lifetime'
        OR (CAST(items.order_datetime AS DATE) >= windows.first_day
            AND CAST(items.order_datetime AS DATE) <= windows.last_day)
    WHERE {{ kind.test }}
),
{{ kind.name }} AS (
    SELECT
{% for window in all_windows %}
        COUNT(DISTINCT {{ distinct_order }}) FILTER (WHERE period = '{{ window }}') AS {{ window }}_frequency,
        CAST(SUM(item_revenue) FILTER (WHERE period = '{{ window }}') AS {{ money }}) AS {{ window }}_revenue,
        CAST(SUM(item_quantity) FILTER (WHERE period = '{{ window }}') AS BIGINT) AS {{ window }}_items,
{% endfor %}
        amperity_id
    FROM {{ kind.name }}_items
    GROUP BY amperity_id
),
{% endfor %}
-- Orders of a person in sequence.
sequenced AS (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY amperity_id ORDER BY order_datetime ASC, order_id ASC, datasource ASC) AS nth,
        COUNT(*) OVER (PARTITION BY amperity_id) AS order_count
    FROM orders
),
positions AS (
    SELECT
        amperity_id,
{% for position in positions %}
{% for column in position_columns %}
        MAX({{ column.source }}) FILTER (WHERE {{ position.test }}) AS {{ column.output | replace("<p>", position.name) }},
{% endfor %}
{% endfor %}
        MIN(order_day) FILTER (WHERE nth = 1) AS first_day,
        MIN(order_day) FILTER (WHERE nth = 2) AS second_day,
        MIN(order_day) FILTER (WHERE nth = 3) AS third_day,
        MIN(order_day) FILTER (WHERE nth = order_count) AS latest_day
    FROM sequenced
    GROUP BY amperity_id
),
by_period AS (
    SELECT
{% for window in all_windows %}
{% for measure in measures %}
        measures.{{ window }}_{{ measure.name }},
{% endfor %}
{% for dimension in dimensions %}
        CASE WHEN measures.{{ dimension.column }}_varies THEN COALESCE({{ dimension.column }}_preferred.{{ window }}_used, 0)
            WHEN measures.{{ window }}_{{ dimension.column }}_known = 0 THEN 0 ELSE 1 END AS {{ window }}_{{ dimension.count }},
        CASE WHEN measures.{{ dimension.column }}_varies THEN {{ dimension.column }}_preferred.{{ window }}_value
            WHEN measures.{{ window }}_{{ dimension.column }}_known > 0 THEN measures.{{ dimension.column }} END
            AS {{ window }}_{{ dimension.preferred }},
{% endfor %}
{% endfor %}
{% if "net_order_revenue" in blocks %}
        measures.lifetime_largest_net_order_value,
{% endif %}
        measures.l30d_largest_order_value,
        measures.lifetime_largest_order_value,
        measures.amperity_id
    FROM measures
{% for dimension in dimensions %}
    LEFT JOIN {{ dimension.column }}_preferred ON {{ dimension.column }}_preferred.amperity_id = measures.amperity_id
{% endfor %}
),
{% if "rfm" in blocks %}
-- Tenths of the people who bought in the last twelve months; 10 is best.
rfm AS (
    SELECT
        by_period.amperity_id,
        NTILE(10) OVER (ORDER BY positions.latest_order_datetime ASC, by_period.amperity_id ASC) AS l12m_recency,
        NTILE(10) OVER (ORDER BY by_period.l12m_order_frequency ASC, by_period.amperity_id ASC) AS l12m_frequency,
        NTILE(10) OVER (ORDER BY by_period.l12m_order_revenue ASC, by_period.amperity_id ASC) AS l12m_monetary
    FROM by_period
    INNER JOIN positions ON positions.amperity_id = by_period.amperity_id
    WHERE by_period.l12m_order_frequency > 0
),
{% endif %}
spans AS (
    SELECT
        positions.amperity_id,
        DATE_DIFF('day', first_day, second_day) AS first_to_second,
        DATE_DIFF('day', second_day, third_day) AS second_to_third,
        DATE_DIFF('day', first_day, latest_day) AS first_to_latest,
        DATE_DIFF('day', first_day, run_context.as_of) AS since_first,
        DATE_DIFF('day', second_day, run_context.as_of) AS since_second,
        DATE_DIFF('day', latest_day, run_context.as_of) AS since_latest
    FROM positions
    CROSS JOIN run_context
)
SELECT
    positions.amperity_id,
{% for position in positions %}
{% for column in position_columns %}
    positions.{{ column.output | replace("<p>", position.name) }},
{% endfor %}
{% endfor %}
    by_period.lifetime_order_frequency = 1 AS one_and_done,
    CASE
        WHEN first_to_second <= {{ early_repeat_days }} THEN TRUE
        WHEN COALESCE(first_to_second, since_first) > {{ early_repeat_days }} THEN FALSE
    END AS early_repeat_purchaser,
    CASE
        WHEN first_to_second <= {{ retained_days }} THEN TRUE
        WHEN COALESCE(first_to_second, since_first) > {{ retained_days }} THEN FALSE
    END AS first_order_is_retained,
    CASE
        WHEN second_to_third <= {{ retained_days }} THEN TRUE
        WHEN COALESCE(second_to_third, since_second) > {{ retained_days }} THEN FALSE
    END AS second_order_is_retained,
    by_period.lifetime_purchase_brands > 1 AS multi_purchase_brand,
    by_period.lifetime_purchase_channels > 1 AS multi_purchase_channel,
    since_latest AS days_since_latest_order,
    first_to_latest AS first_to_latest_order_days,
    first_to_second AS first_to_second_order_days,
{% for window in all_windows %}
{% for column in window_columns %}
    by_period.{{ window }}_{{ column }},
{% endfor %}
    divide_money(by_period.{{ window }}_order_revenue, by_period.{{ window }}_order_frequency)
        AS {{ window }}_average_order_value,
    divide_money(by_period.{{ window }}_order_revenue, by_period.{{ window }}_total_items)
        AS {{ window }}_average_item_price,
    divide_money(by_period.{{ window }}_total_items, by_period.{{ window }}_order_frequency)
        AS {{ window }}_average_num_items,
{% if "net_order_revenue" in blocks %}
    divide_money(by_period.{{ window }}_net_order_revenue, by_period.{{ window }}_total_items)
        AS {{ window }}_average_net_item_price,
    by_period.{{ window }}_net_order_revenue AS {{ window }}_net_order_value,
{% endif %}
{% endfor %}
{% for kind in undone %}
{% for window in all_windows %}
    COALESCE({{ kind.name }}.{{ window }}_frequency, 0) AS {{ window }}_order_{{ kind.name }}_frequency,
    CAST(COALESCE({{ kind.name }}.{{ window }}_revenue, 0) AS {{ money }}) AS {{ window }}_order_{{ kind.name }}_revenue,
    COALESCE({{ kind.name }}.{{ window }}_items, 0) AS {{ window }}_total_{{ kind.name }}_items,
{% endfor %}
{% endfor %}
{% if "rfm" in blocks %}
    rfm.l12m_recency,
    rfm.l12m_frequency,
    rfm.l12m_monetary,
    -- The three parts written one after the other: compare the parts, never this number.
    CAST(CAST(rfm.l12m_recency AS VARCHAR) || CAST(rfm.l12m_frequency AS VARCHAR) || CAST(rfm.l12m_monetary AS VARCHAR)
        AS BIGINT) AS l12m_rfm_score,
{% endif %}
{% if "net_order_revenue" in blocks %}
    by_period.lifetime_largest_net_order_value,
{% endif %}
    by_period.l30d_largest_order_value,
    by_period.lifetime_largest_order_value
FROM positions
INNER JOIN by_period ON by_period.amperity_id = positions.amperity_id
INNER JOIN spans ON spans.amperity_id = positions.amperity_id
{% for kind in undone %}
LEFT JOIN {{ kind.name }} ON {{ kind.name }}.amperity_id = positions.amperity_id
{% endfor %}
{% if "rfm" in blocks %}
LEFT JOIN rfm ON rfm.amperity_id = positions.amperity_id
{% endif %}
