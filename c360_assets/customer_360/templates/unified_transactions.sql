-- unified_transactions: one row per order, summed over its item rows.
-- Returns and cancellations never reduce revenue or quantity; they stand in columns of their own.
WITH items AS (
    SELECT
        * EXCLUDE (order_id, {{ text_columns | join(", ") }}),
        clean(order_id) AS order_id,
{% for column in text_columns %}
        clean({{ column }}) AS {{ column }},
{% endfor %}
        NOT COALESCE(is_return, FALSE) AND NOT COALESCE(is_cancellation, FALSE) AS is_purchase,
        COALESCE(is_return, FALSE) AND NOT COALESCE(is_cancellation, FALSE) AS is_returned,
        COALESCE(is_cancellation, FALSE) AS is_canceled
    FROM unified_itemized_transactions
    WHERE clean(order_id) IS NOT NULL
),
-- The row that speaks for its order: purchases first, the earliest, the dearest.
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY {{ key | join(", ") }}
            ORDER BY
                is_purchase DESC, order_datetime ASC NULLS LAST, item_revenue DESC NULLS LAST,
                product_id ASC NULLS LAST, datasource ASC NULLS LAST, pk ASC NULLS LAST
        ) AS position
    FROM items
),
-- One person per order: of those its rows name, the one whose records changed last.
person_update AS (
    SELECT amperity_id, MAX(update_dt) AS update_dt
    FROM unified_coalesced
    WHERE amperity_id IS NOT NULL
    GROUP BY amperity_id
),
owners AS (
    SELECT {% for k in key %}named.{{ k }}, {% endfor %}named.amperity_id
    FROM (SELECT DISTINCT {{ key | join(", ") }}, amperity_id FROM items WHERE amperity_id IS NOT NULL) AS named
    LEFT JOIN person_update ON person_update.amperity_id = named.amperity_id
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY {% for k in key %}named.{{ k }}{{ ", " if not loop.last }}{% endfor %}

        ORDER BY person_update.update_dt DESC NULLS LAST, named.amperity_id ASC
    ) = 1
),
{% if discount_mode == "auto" %}
-- A source repeats an order's discount on each row ('max') or spreads it over the rows ('sum'): what 95 % of its orders
-- of several rows show.
discount_modes AS (
    SELECT datasource, CASE WHEN 100 * SUM(CASE WHEN distinct_values <= 1 THEN 1 ELSE 0 END) >= 95 * COUNT(*)
        THEN 'max' ELSE 'sum' END AS mode
    FROM (
        SELECT datasource, order_id, COUNT(DISTINCT order_discount_amount) AS distinct_values
        FROM items
        WHERE is_purchase
        GROUP BY datasource, order_id
        HAVING COUNT(*) > 1
    ) AS orders_of_several_rows
    GROUP BY datasource
),
{% else %}
-- As configured: 'max' where each row repeats an order's discount, 'sum' where it is spread over the rows.
discount_modes (datasource, mode) AS (
    VALUES
{% for datasource, mode in discount_mode.items() %}
        ({{ datasource | literal }}, {{ mode | literal }}){{ "," if not loop.last }}
{% endfor %}
),
{% endif %}
summed AS (
    SELECT
        {{ key | join(", ") }},
        BOOL_OR(is_purchase) AS is_purchase_order,
        CASE WHEN BOOL_OR(is_purchase) THEN MIN(order_datetime) FILTER (WHERE is_purchase)
            ELSE MIN(order_datetime) END AS order_datetime,
{% for column in text_columns %}
        MIN_BY({{ column }}, position) FILTER (WHERE {{ column }} IS NOT NULL) AS {{ column }},
{% endfor %}
{% if "datasource" not in key %}
        MIN_BY(datasource, position) FILTER (WHERE datasource IS NOT NULL) AS datasource,
{% endif %}
{% for column, source, flag in counted %}
        CAST(COALESCE(SUM({{ source }}) FILTER (WHERE {{ flag }}), 0) AS BIGINT) AS {{ column }},
{% endfor %}
{% for column, source, flag in zeroed %}
        CAST(COALESCE(SUM({{ source }}) FILTER (WHERE {{ flag }}), 0) AS DECIMAL(38, 2)) AS {{ column }},
{% endfor %}
{% for column, source in nullable %}
        CAST(SUM({{ source }}) FILTER (WHERE is_purchase) AS DECIMAL(38, 2)) AS {{ column }},
{% endfor %}
{% if has_shipping %}
        CAST(MAX(order_shipping_amount) AS DECIMAL(38, 2)) AS order_shipping_amount,
{% else %}
        CAST(NULL AS DECIMAL(38, 2)) AS order_shipping_amount,
{% endif %}
        CAST(MAX(CASE WHEN is_purchase THEN order_discount_amount ELSE 0 END) AS DECIMAL(38, 2)) AS discount_repeated,
        CAST(SUM(CASE WHEN is_purchase THEN order_discount_amount ELSE 0 END) AS DECIMAL(38, 2)) AS discount_spread
    FROM ranked
    GROUP BY {{ key | join(", ") }}
),
discounted AS (
    SELECT
        summed.*,
{% if default_mode %}
        COALESCE(discount_modes.mode, {{ default_mode | literal }}) AS discount_mode,
{% endif %}
        CASE WHEN COALESCE(discount_modes.mode, 'max') = 'max' THEN discount_repeated ELSE discount_spread END
            AS order_discount_amount
    FROM summed
    LEFT JOIN discount_modes ON discount_modes.datasource = summed.datasource
)
SELECT
    orders.order_id,
    owners.amperity_id,
    orders.order_datetime,
{% for column in output_columns %}
    orders.{{ column }},
{% endfor %}
{% if "order_discount_amount" in options %}
    orders.order_discount_amount,
{% endif %}
{% if discount_mode == "auto" %}
    -- A spread discount cannot be told from one that item prices already hold, so it gives a percentage only when the
    -- tenant configures it.
    CASE WHEN orders.discount_mode = 'max' THEN
        money_ratio(orders.sum_item_discount_amount + COALESCE(orders.order_discount_amount, 0), orders.order_list_price)
    END AS order_discount_percent,
{% else %}
    money_ratio(orders.sum_item_discount_amount + COALESCE(orders.order_discount_amount, 0), orders.order_list_price)
        AS order_discount_percent,
{% endif %}
{% if "net_order_revenue" in options %}
    orders.order_revenue + orders.order_returned_revenue + orders.order_canceled_revenue
        - COALESCE(orders.order_discount_amount, 0) AS net_order_revenue,
{% endif %}
    orders.order_shipping_amount,
{% for column in text_columns %}
    orders.{{ column }},
{% endfor %}
{% if "fiscal_calendar" in options %}
    fiscal_calendar.fiscal_year,
    fiscal_calendar.fiscal_quarter,
    fiscal_calendar.fiscal_month,
    fiscal_calendar.fiscal_week_number,
    fiscal_calendar.fiscal_week_start,
    fiscal_calendar.fiscal_week_end,
    fiscal_calendar.day_of_week AS fiscal_day_of_week,
    fiscal_calendar.holiday_sale_name,
{% endif %}
    orders.is_purchase_order,
    orders.datasource
FROM discounted AS orders
LEFT JOIN owners ON {% for k in key %}owners.{{ k }} = orders.{{ k }}{{ " AND " if not loop.last }}{% endfor %}

{% if "fiscal_calendar" in options %}
LEFT JOIN fiscal_calendar ON fiscal_calendar.calendar_date = CAST(orders.order_datetime AS DATE)
{% endif %}
