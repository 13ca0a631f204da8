-- The newsletter's status word as a consent: true, false, or unknown while the confirmation is pending.
SELECT
  subscriber_id,
  lower(trim(email)) AS email,
  CASE status WHEN 'subscribed' THEN TRUE WHEN 'unsubscribed' THEN FALSE END AS is_email_opted_in,
  brand,
  program
FROM Newsletter_Subscribers
WHERE email IS NOT NULL AND trim(email) <> ''
