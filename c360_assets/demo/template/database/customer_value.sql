-- An extra table of this tenant: the value tier of each buyer of the last 12 months. Equal revenue is of one tier.
WITH ranked AS (
  SELECT
    amperity_id,
    l12m_order_revenue > 0 AS is_buyer,
    PERCENT_RANK() OVER (PARTITION BY l12m_order_revenue > 0 ORDER BY l12m_order_revenue DESC) AS place
  FROM transaction_attributes_extended
)
SELECT
  amperity_id,
  CASE
    WHEN place < 0.01 THEN 'platinum'
    WHEN place < 0.05 THEN 'gold'
    WHEN place < 0.10 THEN 'silver'
    WHEN place < 0.25 THEN 'bronze'
    WHEN place < 0.50 THEN 'medium'
    ELSE 'low'
  END AS value_tier
FROM ranked
WHERE is_buyer
