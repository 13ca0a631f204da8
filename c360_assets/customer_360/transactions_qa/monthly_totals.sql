-- What was bought by month and currency, summed over items and over orders: to hold against the books.
WITH items AS (
    SELECT date_trunc('month', order_datetime)::DATE AS month, upper(trim(currency)) AS currency,
           sum(item_quantity)::BIGINT AS item_quantity,
           sum(item_revenue)::DECIMAL(38, 2) AS item_revenue
    FROM main.unified_itemized_transactions
    WHERE NOT coalesce(is_return, FALSE) AND NOT coalesce(is_cancellation, FALSE)
    GROUP BY ALL),
orders AS (
    SELECT date_trunc('month', order_datetime)::DATE AS month, upper(trim(currency)) AS currency,
           count(*) FILTER (WHERE is_purchase_order) AS orders,
           sum(order_quantity)::BIGINT AS order_quantity,
           sum(order_revenue)::DECIMAL(38, 2) AS order_revenue,
           sum(order_returned_revenue)::DECIMAL(38, 2) AS order_returned_revenue,
           sum(order_canceled_revenue)::DECIMAL(38, 2) AS order_canceled_revenue
    FROM main.unified_transactions
    GROUP BY ALL)
SELECT year(coalesce(items.month, orders.month)) AS year,
       month(coalesce(items.month, orders.month)) AS month,
       coalesce(items.currency, orders.currency) AS currency,
       item_quantity, item_revenue, orders, order_quantity, order_revenue,
       order_returned_revenue, order_canceled_revenue
FROM items FULL JOIN orders
    ON items.month IS NOT DISTINCT FROM orders.month
    AND items.currency IS NOT DISTINCT FROM orders.currency
ORDER BY year NULLS LAST, month, currency NULLS LAST
