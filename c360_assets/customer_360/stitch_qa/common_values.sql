-- The 100 most frequent values of each field, and how many people hold them.
WITH held AS (
    UNPIVOT (
        SELECT amperity_id, lower(trim(given_name)) AS given_name, lower(trim(surname)) AS surname,
               lower(trim(address)) AS address, birthdate::VARCHAR AS birthdate
        FROM main.unified_coalesced)
    ON given_name, surname, address, birthdate INTO NAME semantic VALUE value
    UNION ALL
    SELECT amperity_id, 'email', unnest(string_split(lower(email), ',')) FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, 'phone', unnest(string_split(lower(phone), ',')) FROM main.unified_coalesced),
trimmed AS (SELECT amperity_id, semantic, trim(value) AS value FROM held)
SELECT semantic, value, count(*) AS n_records, count(DISTINCT amperity_id) AS n_ids
FROM trimmed WHERE value <> '' GROUP BY semantic, value
QUALIFY row_number() OVER (PARTITION BY semantic ORDER BY n_records DESC, value) <= 100
ORDER BY semantic, n_records DESC, value
