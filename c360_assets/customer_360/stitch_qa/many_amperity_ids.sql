-- The 100 values of e-mail, phone and address that most people hold: too little may be joined.
WITH held AS (
    SELECT amperity_id, 'address' AS semantic, lower(address) AS value FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, 'email', unnest(string_split(lower(email), ',')) FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, 'phone', unnest(string_split(lower(phone), ',')) FROM main.unified_coalesced),
trimmed AS (SELECT amperity_id, semantic, trim(value) AS value FROM held)
SELECT semantic, value, count(DISTINCT amperity_id) AS num_amperity_ids
FROM trimmed WHERE value <> '' GROUP BY semantic, value HAVING num_amperity_ids > 1
QUALIFY row_number() OVER (PARTITION BY semantic ORDER BY num_amperity_ids DESC, value) <= 100
ORDER BY semantic, num_amperity_ids DESC, value
