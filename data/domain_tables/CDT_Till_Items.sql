-- Receipt lines in the shape of transactions: signs, money instead of cents, flags instead of letters, the brand.
WITH lines AS (
  SELECT
    *,
    CASE WHEN kind IN ('R', 'V') THEN -1 ELSE 1 END AS sign
  FROM Till_Receipt_Lines
)
SELECT
  receipt_no,
  line_no,
  coalesce(nullif(original_receipt, ''), receipt_no) AS order_id,   -- a return belongs to the order it was bought in
  nullif(nullif(customer_no, ''), '0') AS customer_no,
  printed_at AS order_datetime,
  nullif(sku, '') AS product_id,
  kind = 'R' AS is_return,
  kind = 'V' AS is_cancellation,
  sign * qty AS item_quantity,
  CAST(sign * list_cents * 0.01 AS DECIMAL(38, 2)) AS item_list_price,
  CAST(sign * discount_cents * 0.01 AS DECIMAL(38, 2)) AS item_discount_amount,
  CAST(round(discount_cents / nullif(list_cents, 0), 4) AS DECIMAL(38, 4)) AS item_discount_percent,
  CAST(sign * paid_cents * 0.01 AS DECIMAL(38, 2)) AS item_revenue,
  CAST(sign * cost_cents * 0.01 AS DECIMAL(38, 2)) AS item_cost,
  CAST(sign * tax_cents * 0.01 AS DECIMAL(38, 2)) AS item_tax_amount,
  CAST(0 AS DECIMAL(38, 2)) AS order_discount_amount,               -- the till knows no discount on the whole receipt
  'USD' AS currency,
  'in-store' AS purchase_channel,
  nullif(store, '') AS store_id,
  tender AS payment_method,
  CASE substr(coalesce(nullif(store, ''), sku), 1, 1) WHEN 'L' THEN 'larkmere' WHEN 'O' THEN 'oskwell' END AS brand
FROM lines
