-- People of more than one account, those of most accounts first.
SELECT amperity_id,
       count(DISTINCT concat_ws('/', datasource, coalesce(nullif(trim(ck), ''), pk))) AS dk_count
FROM main.unified_coalesced GROUP BY amperity_id HAVING dk_count > 1
ORDER BY dk_count DESC, amperity_id
