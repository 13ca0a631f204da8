-- People by how many accounts they have. Sizes beyond 20 suggest that too much was joined.
WITH sizes AS (
    SELECT count(DISTINCT concat_ws('/', datasource, coalesce(nullif(trim(ck), ''), pk))) AS n
    FROM main.unified_coalesced GROUP BY amperity_id),
bucketed AS (
    SELECT n, CASE WHEN n <= 5 THEN n::VARCHAR WHEN n <= 10 THEN '6-10' WHEN n <= 20 THEN '11-20'
         WHEN n <= 63 THEN '21-63' WHEN n <= 100 THEN '64-100' WHEN n <= 1000 THEN '101-1000'
         WHEN n <= 10000 THEN '1001-10000' ELSE '10001+' END AS size_bucket FROM sizes)
SELECT size_bucket, count(*) AS n_ids,
       round(100 * count(*) / sum(count(*)) OVER (), 3) AS pct
FROM bucketed GROUP BY size_bucket ORDER BY min(n)
