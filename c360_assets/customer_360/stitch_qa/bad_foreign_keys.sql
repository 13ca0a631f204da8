-- Records of one person that share a foreign key and nothing else: other e-mail and other names.
WITH keys AS (
    SELECT strategy AS fk, bk, datasource, pk FROM main.stitch_blocking_keys
    WHERE strategy LIKE 'fk-%'),
common AS (
    SELECT lower(trim(email)) AS email FROM main.unified_coalesced GROUP BY 1 HAVING count(*) > 100),
records AS (
    SELECT fk, bk, u.amperity_id, u.datasource, u.pk, lower(trim(u.email)) AS email,
           lower(trim(u.given_name)) AS given_name, lower(trim(u.surname)) AS surname
    FROM keys JOIN main.unified_coalesced AS u USING (datasource, pk)
    WHERE u.email <> '' AND u.given_name <> '' AND u.surname <> '')
SELECT a.amperity_id, a.fk, a.bk AS fk_value, a.datasource AS a_datasource, a.pk AS a_pk,
       b.datasource AS b_datasource, b.pk AS b_pk, a.email AS a_email, b.email AS b_email,
       a.given_name AS a_given_name, b.given_name AS b_given_name, a.surname AS a_surname,
       b.surname AS b_surname
FROM records AS a JOIN records AS b
    ON a.amperity_id = b.amperity_id AND a.fk = b.fk AND a.bk = b.bk
    AND (a.datasource, a.pk) < (b.datasource, b.pk)
WHERE a.email <> b.email AND a.given_name <> b.given_name AND a.surname <> b.surname
  AND a.email NOT IN (SELECT email FROM common WHERE email IS NOT NULL)
  AND b.email NOT IN (SELECT email FROM common WHERE email IS NOT NULL)
ORDER BY a.amperity_id, a.fk, a_datasource, a_pk, b_datasource, b_pk
