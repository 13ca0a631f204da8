-- Questions with an argument. `?` is the database's schema `stitch_qa`. Tables are
-- arguments, as a macro is created from another database, in which they are not.

-- The scored pairs of these people with the fields of both records: cluster_scores(['ID', …]).
CREATE MACRO ?.cluster_scores(
    ids, scores := 'main.unified_scores', records := 'main.unified_coalesced') AS TABLE
    SELECT s.amperity_id, source1, pk1, source2, pk2, score, match_category, match_type, decided_by,
           a.given_name AS a_given_name, b.given_name AS b_given_name, a.surname AS a_surname,
           b.surname AS b_surname, a.email AS a_email, b.email AS b_email, a.phone AS a_phone,
           b.phone AS b_phone, a.address AS a_address, b.address AS b_address
    FROM query_table(scores) AS s
    JOIN query_table(records) AS a ON a.datasource = source1 AND a.pk = pk1
    JOIN query_table(records) AS b ON b.datasource = source2 AND b.pk = pk2
    WHERE list_contains(ids, s.amperity_id)
    ORDER BY s.amperity_id, score, source1, pk1, source2, pk2;

-- Whether two tables use a foreign key alike: fk_validation('domain.Shop_Orders',
-- 'domain.Loyalty_Members', 'member_id'), the name of the column in both.
CREATE MACRO ?.fk_validation(one, other, fk) AS TABLE
    WITH t1 AS (
        SELECT DISTINCT amperity_id, COLUMNS(lambda c: c = fk)::VARCHAR AS value
        FROM query_table(one)),
    t2 AS (
        SELECT DISTINCT amperity_id, COLUMNS(lambda c: c = fk)::VARCHAR AS value
        FROM query_table(other)),
    v1 AS (SELECT value, count(DISTINCT amperity_id) AS n, min(amperity_id) AS id FROM t1
           WHERE value <> '' GROUP BY value),
    v2 AS (SELECT value, count(DISTINCT amperity_id) AS n, min(amperity_id) AS id FROM t2
           WHERE value <> '' GROUP BY value)
    SELECT 1 AS place, 'values of several people in the first' AS finding, count(*) AS n
    FROM v1 WHERE n > 1
    UNION ALL SELECT 2, 'values of several people in the second', count(*) FROM v2 WHERE n > 1
    UNION ALL SELECT 3, 'values that are other people in the second', count(*)
    FROM v1 JOIN v2 USING (value) WHERE v1.id <> v2.id
    UNION ALL SELECT 4, 'values in all', count(*) FROM (SELECT value FROM v1 UNION SELECT value FROM v2)
    UNION ALL SELECT 5, 'values in both', count(*) FROM v1 JOIN v2 USING (value)
    UNION ALL SELECT 6, 'values in the first alone', count(*) FROM v1 ANTI JOIN v2 USING (value)
    UNION ALL SELECT 7, 'values in the second alone', count(*) FROM v2 ANTI JOIN v1 USING (value)
    ORDER BY place;

-- Rows of a table that belong to nobody: null_amperity_ids_of('domain.Shop_Customers').
CREATE MACRO ?.null_amperity_ids_of(name) AS TABLE
    SELECT count(*) AS n FROM query_table(name) WHERE amperity_id IS NULL;
