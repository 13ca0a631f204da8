-- People of more than 63 records, the largest first.
SELECT amperity_id, count(*) AS n_records, count(DISTINCT datasource) AS n_sources
FROM main.unified_coalesced GROUP BY amperity_id HAVING count(*) > 63
ORDER BY n_records DESC, amperity_id
