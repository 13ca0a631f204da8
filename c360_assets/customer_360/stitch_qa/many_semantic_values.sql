-- The 100 people of most different e-mails, phones and names each: too much may be joined.
WITH counted AS (
    SELECT amperity_id, count(DISTINCT lower(trim(email))) AS num_email,
           count(DISTINCT lower(trim(phone))) AS num_phone,
           count(DISTINCT lower(concat_ws(' ', trim(given_name), trim(surname)))) AS num_name
    FROM main.unified_coalesced GROUP BY amperity_id)
SELECT * FROM counted WHERE greatest(num_email, num_phone, num_name) > 1
QUALIFY row_number() OVER (ORDER BY num_email DESC, amperity_id) <= 100
     OR row_number() OVER (ORDER BY num_phone DESC, amperity_id) <= 100
     OR row_number() OVER (ORDER BY num_name DESC, amperity_id) <= 100
ORDER BY greatest(num_email, num_phone, num_name) DESC, amperity_id
