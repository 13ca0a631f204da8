-- One row per online account, with the brand whose site it belongs to.
SELECT
  customer_id,
  first_name,
  last_name,
  email,
  phone,
  birth_date,
  address,
  address2,
  city,
  state,
  zip,
  country,
  loyalty_no,
  CASE site WHEN 'larkmere.example' THEN 'larkmere' WHEN 'oskwell.example' THEN 'oskwell' END AS brand,
  created_at,
  updated_at
FROM Shop_Customers
