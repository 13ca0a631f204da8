{% macro tidy(value, column) %}{{ value if column == "datasource" else "clean(" ~ value ~ ")" }}{% endmacro %}
{% macro shown(column) %}{% if column in absent %}CAST(NULL AS {{ absent[column] }}) AS {{ column }}{% else %}orders.{{ column }}{% endif %}{% endmacro %}
{% macro same_order(other, one) %}{% for k in key %}{{ other }}.{{ k }} = {{ one }}.{{ k }}{{ " AND " if not loop.last }}{% endfor %}{% endmacro %}
-- unified_transactions: one row per order, summed over its item rows.
-- Returns and cancellations never reduce revenue or quantity; they stand in columns of their own.
WITH items AS NOT MATERIALIZED (
    SELECT
        * EXCLUDE (order_id),
        clean(order_id) AS order_id,
        NOT COALESCE(is_return, FALSE) AND NOT COALESCE(is_cancellation, FALSE) AS is_purchase,
        COALESCE(is_return, FALSE) AND NOT COALESCE(is_cancellation, FALSE) AS is_returned,
        COALESCE(is_cancellation, FALSE) AS is_canceled
    FROM unified_itemized_transactions
    WHERE NOT is_blank(order_id)
),
{% if discount_mode == "auto" %}
-- A source repeats an order's discount on each row ('max') or spreads it over the rows ('sum'): {{ "as configured, else " if configured_modes }}what 95 % of its
-- orders show that tell: those of several rows with a discount. Report IV-X09 judges by the same orders.
discount_modes AS (
{% for datasource, mode in configured_modes.items() %}
    SELECT {{ datasource | literal }} AS datasource, {{ mode | literal }} AS mode, TRUE AS is_told
    UNION ALL
{% endfor %}
    SELECT datasource, CASE WHEN 100 * SUM(CASE WHEN differ THEN 0 ELSE 1 END) >= 95 * COUNT(*)
        THEN 'max' ELSE 'sum' END AS mode, FALSE AS is_told
    FROM (
        SELECT datasource, order_id, MIN(order_discount_amount) <> MAX(order_discount_amount) AS differ
        FROM items
        WHERE is_purchase AND order_discount_amount IS NOT NULL{% if configured_modes %} AND datasource NOT IN ({{ configured_modes | map("literal") | join(", ") }}){% endif %}

        GROUP BY datasource, order_id
        HAVING COUNT(*) > 1 AND (MIN(order_discount_amount) <> 0 OR MAX(order_discount_amount) <> 0)
    ) AS telling_orders
    GROUP BY datasource
),
{% endif %}
summed AS (
    SELECT
        {{ key | join(", ") }},
        BOOL_OR(is_purchase) AS is_purchase_order,
        CASE WHEN BOOL_OR(is_purchase) THEN MIN(CASE WHEN is_purchase THEN order_datetime END)
            ELSE MIN(order_datetime) END AS order_datetime,
{% for column in spoken_columns %}
        MIN({{ column }}) AS {{ column }},
{% endfor %}
{% for column in spoken_columns %}
        {{ "    OR " if not loop.first }}COALESCE(MIN({{ column }}) <> MAX({{ column }}), FALSE){{ " AS is_disputed," if loop.last }}
{% endfor %}
        MIN(amperity_id) AS amperity_id,
        COALESCE(MIN(amperity_id) <> MAX(amperity_id), FALSE) AS is_claimed_twice,
{% for column, source, flag in counted %}
        CAST(COALESCE(SUM(CASE WHEN {{ flag }} THEN {{ source }} END), 0) AS BIGINT) AS {{ column }},
{% endfor %}
{% for column, source, flag in zeroed %}
        CAST(COALESCE(SUM(CASE WHEN {{ flag }} THEN {{ source }} END), 0) AS DECIMAL(38, 2)) AS {{ column }},
{% endfor %}
{% for column, source in nullable if column not in absent %}
        CAST(SUM(CASE WHEN is_purchase THEN {{ source }} END) AS DECIMAL(38, 2)) AS {{ column }},
{% endfor %}
{% if has_shipping %}
        CAST(MAX(order_shipping_amount) AS DECIMAL(38, 2)) AS order_shipping_amount,
{% else %}
        CAST(NULL AS DECIMAL(38, 2)) AS order_shipping_amount,
{% endif %}
        CAST(MAX(CASE WHEN is_purchase THEN order_discount_amount ELSE 0 END) AS DECIMAL(38, 2)) AS discount_repeated,
        CAST(SUM(CASE WHEN is_purchase THEN order_discount_amount ELSE 0 END) AS DECIMAL(38, 2)) AS discount_spread
    FROM items
    GROUP BY {{ key | join(", ") }}
),
-- Rows of the orders whose rows differ. They are read anew: keeping all items at hand for these few takes longer.
contested AS (
    SELECT items.*, summed.is_disputed, summed.is_claimed_twice
    FROM items
    INNER JOIN summed ON {{ same_order("summed", "items") }}
    WHERE summed.is_disputed OR summed.is_claimed_twice
),
-- Where rows of an order name several values, one row speaks for it: purchases first, the earliest, the dearest.
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY {{ key | join(", ") }}
            ORDER BY
                is_purchase DESC, order_datetime ASC NULLS LAST, item_revenue DESC NULLS LAST, product_id ASC NULLS LAST,
                datasource ASC NULLS LAST, pk ASC NULLS LAST
        ) AS position
    FROM contested
    WHERE is_disputed
),
spoken AS (
    SELECT
{% for column in spoken_columns %}
        MIN_BY({{ tidy(column, column) }}, position) FILTER (WHERE {{ tidy(column, column) }} IS NOT NULL) AS {{ column }},
{% endfor %}
        {{ key | join(", ") }}
    FROM ranked
    GROUP BY {{ key | join(", ") }}
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
    FROM (
        SELECT DISTINCT {{ key | join(", ") }}, amperity_id
        FROM contested
        WHERE is_claimed_twice AND amperity_id IS NOT NULL
    ) AS named
    LEFT JOIN person_update ON person_update.amperity_id = named.amperity_id
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY {% for k in key %}named.{{ k }}{{ ", " if not loop.last }}{% endfor %}

        ORDER BY person_update.update_dt DESC NULLS LAST, named.amperity_id ASC
    ) = 1
),
settled AS (
    SELECT
        summed.* EXCLUDE (
            amperity_id, {{ spoken_columns | join(", ") }}
        ),
        COALESCE(owners.amperity_id, summed.amperity_id) AS amperity_id,
{% for column in spoken_columns %}
        COALESCE(spoken.{{ column }}, {{ tidy("summed." ~ column, column) }}) AS {{ column }}{{ "," if not loop.last }}
{% endfor %}
    FROM summed
    LEFT JOIN spoken ON {{ same_order("spoken", "summed") }}
    LEFT JOIN owners ON {{ same_order("owners", "summed") }}
),
discounted AS (
    SELECT
        settled.*,
{% if discount_mode == "auto" %}
        COALESCE(discount_modes.mode, 'max') = 'max' OR discount_modes.is_told AS has_discount_percent,
        CASE WHEN COALESCE(discount_modes.mode, 'max') = 'max' THEN discount_repeated ELSE discount_spread END
            AS order_discount_amount
    FROM settled
    LEFT JOIN discount_modes ON discount_modes.datasource = settled.datasource
{% else %}
        {{ "discount_repeated" if discount_mode == "max" else "discount_spread" }} AS order_discount_amount
    FROM settled
{% endif %}
)
SELECT
    orders.order_id,
    orders.amperity_id,
    orders.order_datetime,
{% for column in output_columns %}
    {{ shown(column) }},
{% endfor %}
{% if "order_discount_amount" in options %}
    orders.order_discount_amount,
{% endif %}
{% if discount_mode == "auto" %}
    -- A spread discount cannot be told from one that item prices already hold, so it gives a percentage only when the
    -- tenant configures it.
    CASE WHEN orders.has_discount_percent THEN
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
    {{ shown(column) }},
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
{% if "fiscal_calendar" in options %}
LEFT JOIN (
    -- A day that stands twice in the calendar must not double its orders.
    SELECT *
    FROM fiscal_calendar
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY calendar_date
        ORDER BY
            fiscal_year ASC NULLS LAST, fiscal_quarter ASC NULLS LAST, fiscal_month ASC NULLS LAST,
            fiscal_week_number ASC NULLS LAST, fiscal_week_start ASC NULLS LAST, fiscal_week_end ASC NULLS LAST,
            day_of_week ASC NULLS LAST, holiday_sale_name ASC NULLS LAST
    ) = 1
) AS fiscal_calendar ON fiscal_calendar.calendar_date = CAST(orders.order_datetime AS DATE)
{% endif %}
