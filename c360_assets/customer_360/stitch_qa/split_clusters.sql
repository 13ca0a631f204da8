-- Records of two people who have one name and one login, address or postal code: the first 1000.
WITH named AS (
    SELECT amperity_id, datasource, pk, given_name, surname, email, address, postal, city, state,
           regexp_replace(lower(given_name), '[^\p{L}]', '', 'g')
               || ' ' || regexp_replace(lower(surname), '[^\p{L}]', '', 'g') AS cleaned,
           replace(split_part(lower(trim(email)), '@', 1), '.', '') AS email_username,
           lower(trim(address)) AS street, lower(trim(postal)) AS zip
    FROM main.unified_coalesced
    WHERE given_name <> '' AND surname <> '' AND (email IS NULL OR email NOT LIKE '%+%'))
SELECT a.amperity_id AS a_amperity_id, b.amperity_id AS b_amperity_id,
       a.datasource AS a_datasource, a.pk AS a_pk, b.datasource AS b_datasource, b.pk AS b_pk,
       a.given_name AS a_given_name, b.given_name AS b_given_name,
       a.surname AS a_surname, b.surname AS b_surname, a.email AS a_email, b.email AS b_email,
       a.email_username AS a_email_username, b.email_username AS b_email_username,
       a.address AS a_address, b.address AS b_address, a.postal AS a_postal, b.postal AS b_postal,
       a.city AS a_city, b.city AS b_city, a.state AS a_state, b.state AS b_state
FROM named AS a JOIN named AS b
    ON a.cleaned = b.cleaned AND a.amperity_id < b.amperity_id
WHERE (a.email_username = b.email_username AND a.email_username <> '')
   OR (a.street = b.street AND a.street <> '')
   OR (a.zip = b.zip AND a.zip <> '')
ORDER BY a_amperity_id, b_amperity_id, a_datasource, a_pk, b_datasource, b_pk LIMIT 1000
