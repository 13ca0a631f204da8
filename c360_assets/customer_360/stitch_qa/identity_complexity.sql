-- People by number of records, and by what holds these together. Deterministic: a label, a rule, a
-- foreign key or equal profiles; probabilistic: the model, for pairs that met and are above the
-- tenant's threshold; transitive: the model, for pairs that other records brought together.
WITH cut AS (
    SELECT coalesce(max((config ->> '$.matching.threshold')::DOUBLE), 3) AS threshold
    FROM main.stitch_generation),
sizes AS (
    SELECT amperity_id, count(*) AS n FROM main.unified_coalesced GROUP BY amperity_id),
kinds AS (
    SELECT amperity_id,
           bool_or(regexp_matches(decided_by, '^(label|rule|fk|trivial_duplicate)')) AS det,
           bool_or(match_type = 'scored' AND score >= (SELECT threshold FROM cut)
                   AND NOT regexp_matches(decided_by, '^(label|rule|fk|trivial_duplicate)')) AS prob,
           bool_or(match_type = 'scored_transitive') AS trans
    FROM main.unified_scores GROUP BY amperity_id),
classed AS (
    SELECT n, coalesce(det, FALSE) AS det, coalesce(prob, FALSE) AS prob,
           coalesce(trans, FALSE) AS trans,
           CASE WHEN n < 5 THEN n::VARCHAR WHEN n <= 10 THEN '5-10' WHEN n <= 15 THEN '11-15'
                WHEN n <= 20 THEN '16-20' WHEN n <= 25 THEN '21-25' ELSE '26+' END AS n_records
    FROM sizes LEFT JOIN kinds USING (amperity_id))
SELECT n_records, count(*) AS n_ids,
       count(*) FILTER (WHERE det AND NOT prob AND NOT trans) AS deterministic_only,
       count(*) FILTER (WHERE prob AND NOT det AND NOT trans) AS probabilistic_only,
       count(*) FILTER (WHERE det AND prob AND NOT trans) AS deterministic_and_probabilistic,
       count(*) FILTER (WHERE det AND trans AND NOT prob) AS deterministic_and_transitive,
       count(*) FILTER (WHERE prob AND trans AND NOT det) AS probabilistic_and_transitive,
       count(*) FILTER (WHERE det AND prob AND trans) AS all_three
FROM classed GROUP BY n_records ORDER BY min(n)
