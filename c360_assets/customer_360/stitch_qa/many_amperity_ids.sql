-- The 100 values of e-mail, phone and address that most people hold: too little may be joined.
WITH held AS (
    UNPIVOT (
        SELECT amperity_id, lower(trim(email)) AS email, lower(trim(phone)) AS phone,
               lower(trim(address)) AS address
        FROM main.unified_coalesced)
    ON email, phone, address INTO NAME semantic VALUE value)
SELECT semantic, value, count(DISTINCT amperity_id) AS num_amperity_ids
FROM held WHERE value <> '' GROUP BY semantic, value HAVING num_amperity_ids > 1
QUALIFY row_number() OVER (PARTITION BY semantic ORDER BY num_amperity_ids DESC, value) <= 100
ORDER BY semantic, num_amperity_ids DESC, value
