-- Records of each source by the size of the person that they belong to.
WITH sizes AS (
    SELECT datasource, count(*) OVER (PARTITION BY amperity_id) AS n FROM main.unified_coalesced),
bucketed AS (
    SELECT datasource, n, CASE WHEN n <= 5 THEN n::VARCHAR WHEN n <= 10 THEN '6-10' WHEN n <= 20 THEN '11-20'
         WHEN n <= 63 THEN '21-63' WHEN n <= 100 THEN '64-100' WHEN n <= 1000 THEN '101-1000'
         WHEN n <= 10000 THEN '1001-10000' ELSE '10001+' END AS size_bucket FROM sizes)
SELECT datasource, size_bucket, count(*) AS n_records
FROM bucketed GROUP BY ALL ORDER BY datasource, min(n)
