-- An extra table of this tenant: what each person bought of each brand, and who buys both.
SELECT
  amperity_id,
  CAST(sum(CASE WHEN purchase_brand = 'larkmere' THEN item_revenue ELSE 0 END) AS DECIMAL(38, 2)) AS larkmere_revenue,
  CAST(sum(CASE WHEN purchase_brand = 'oskwell' THEN item_revenue ELSE 0 END) AS DECIMAL(38, 2)) AS oskwell_revenue,
  count(DISTINCT purchase_brand) > 1 AS buys_both
FROM unified_itemized_transactions
WHERE amperity_id IS NOT NULL AND NOT coalesce(is_return, FALSE) AND NOT coalesce(is_cancellation, FALSE)
GROUP BY amperity_id
