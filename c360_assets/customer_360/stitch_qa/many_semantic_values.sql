-- The 100 people of most different e-mails, phones and names each: too much may be joined.
WITH held AS (
    SELECT amperity_id, 'email' AS semantic, unnest(string_split(lower(email), ',')) AS value
    FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, 'phone', unnest(string_split(lower(phone), ',')) FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, 'name', lower(concat_ws(' ', trim(given_name), trim(surname)))
    FROM main.unified_coalesced),
counted AS (
    SELECT amperity_id,
           count(DISTINCT trim(value)) FILTER (WHERE semantic = 'email') AS num_email,
           count(DISTINCT trim(value)) FILTER (WHERE semantic = 'phone') AS num_phone,
           count(DISTINCT trim(value)) FILTER (WHERE semantic = 'name') AS num_name
    FROM held WHERE trim(value) <> '' GROUP BY amperity_id)
SELECT * FROM counted WHERE greatest(num_email, num_phone, num_name) > 1
QUALIFY row_number() OVER (ORDER BY num_email DESC, amperity_id) <= 100
     OR row_number() OVER (ORDER BY num_phone DESC, amperity_id) <= 100
     OR row_number() OVER (ORDER BY num_name DESC, amperity_id) <= 100
ORDER BY greatest(num_email, num_phone, num_name) DESC, amperity_id
