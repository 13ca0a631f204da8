-- One row per customer card, with the brand of the home store: stores L01.. are Larkmere, O01.. Oskwell.
SELECT
  card_no,
  first_name,
  last_name,
  phone,
  email,
  street,
  unit,
  city,
  state,
  zip,
  birthdate,
  club_no,
  home_store,
  CASE substr(home_store, 1, 1) WHEN 'L' THEN 'larkmere' WHEN 'O' THEN 'oskwell' END AS brand,
  opened,
  changed
FROM Till_Customers
