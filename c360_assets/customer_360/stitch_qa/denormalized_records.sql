-- People of more than 50 records with up to five different values of each contact.
WITH large AS (
    SELECT * FROM main.unified_coalesced
    QUALIFY count(*) OVER (PARTITION BY amperity_id) > 50),
gathered AS (
    SELECT amperity_id, count(*) AS n_records,
           list_sort(list(DISTINCT lower(trim(email))) FILTER (WHERE email <> '')) AS emails,
           list_sort(list(DISTINCT trim(phone)) FILTER (WHERE phone <> '')) AS phones,
           list_sort(list(DISTINCT lower(trim(address))) FILTER (WHERE address <> '')) AS addresses
    FROM large GROUP BY amperity_id)
SELECT amperity_id, n_records,
       emails[1] AS email_1, emails[2] AS email_2, emails[3] AS email_3, emails[4] AS email_4,
       emails[5] AS email_5,
       phones[1] AS phone_1, phones[2] AS phone_2, phones[3] AS phone_3, phones[4] AS phone_4,
       phones[5] AS phone_5,
       addresses[1] AS address_1, addresses[2] AS address_2, addresses[3] AS address_3,
       addresses[4] AS address_4, addresses[5] AS address_5
FROM gathered ORDER BY n_records DESC, amperity_id
