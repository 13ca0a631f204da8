-- Records of two people who share an e-mail, phone or address that at most 100 records hold.
WITH held AS (
    SELECT amperity_id, datasource, pk, given_name, surname, 'address' AS semantic,
           lower(address) AS value
    FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, datasource, pk, given_name, surname, 'email',
           unnest(list_distinct(string_split(lower(email), ',')))
    FROM main.unified_coalesced
    UNION ALL
    SELECT amperity_id, datasource, pk, given_name, surname, 'phone',
           unnest(list_distinct(string_split(lower(phone), ',')))
    FROM main.unified_coalesced),
trimmed AS (SELECT * REPLACE (trim(value) AS value) FROM held),
rare AS (
    SELECT * FROM trimmed WHERE value <> ''
    QUALIFY count(*) OVER (PARTITION BY semantic, value) <= 100)
SELECT a.semantic, a.value, a.amperity_id AS a_amperity_id, b.amperity_id AS b_amperity_id,
       a.datasource AS a_datasource, a.pk AS a_pk, b.datasource AS b_datasource, b.pk AS b_pk,
       a.given_name AS a_given_name, b.given_name AS b_given_name, a.surname AS a_surname,
       b.surname AS b_surname
FROM rare AS a JOIN rare AS b
    ON a.semantic = b.semantic AND a.value = b.value AND a.amperity_id < b.amperity_id
ORDER BY a.semantic, a.value, a_amperity_id, b_amperity_id, a_datasource, a_pk, b_datasource, b_pk
