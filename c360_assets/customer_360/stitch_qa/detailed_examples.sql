-- Sampled pairs of each score with the fields of both records; always the same ones.
WITH counted AS (
    SELECT *, count(*) OVER (PARTITION BY score) AS score_count, count(*) OVER () AS n_scores
    FROM main.unified_scores),
sampled AS (
    SELECT * FROM counted WHERE n_scores < 1000000 OR score_count > 10000
    QUALIFY row_number() OVER (
        PARTITION BY score ORDER BY md5(concat_ws(chr(31), source1, pk1, source2, pk2))) <= 500)
SELECT match_category, score, score_count, s.amperity_id,
       a.datasource AS a_datasource, a.pk AS a_pk, b.datasource AS b_datasource, b.pk AS b_pk,
       a.given_name AS a_given_name, b.given_name AS b_given_name, a.surname AS a_surname,
       b.surname AS b_surname, a.email AS a_email, b.email AS b_email, a.phone AS a_phone,
       b.phone AS b_phone, a.address AS a_address, b.address AS b_address,
       a.birthdate AS a_birthdate, b.birthdate AS b_birthdate, a.city AS a_city, b.city AS b_city,
       a.state AS a_state, b.state AS b_state, a.country AS a_country, b.country AS b_country,
       a.postal AS a_postal, b.postal AS b_postal,
       row_number() OVER (PARTITION BY score ORDER BY s.amperity_id, pk1, pk2) AS case_count
FROM sampled AS s
JOIN main.unified_coalesced AS a ON a.datasource = s.source1 AND a.pk = s.pk1
JOIN main.unified_coalesced AS b ON b.datasource = s.source2 AND b.pk = s.pk2
ORDER BY score DESC, case_count
