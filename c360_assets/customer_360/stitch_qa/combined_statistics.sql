-- Records, accounts (distinct keys) and ids, over all sources (*) and per source.
WITH keyed AS (
    SELECT datasource, amperity_id, concat_ws('/', datasource, coalesce(nullif(trim(ck), ''), pk)) AS account
    FROM main.unified_coalesced),
sized AS (
    SELECT '*' AS source, amperity_id, count(*) AS records, count(DISTINCT account) AS accounts
    FROM keyed GROUP BY ALL
    UNION ALL
    SELECT datasource, amperity_id, count(*), count(DISTINCT account) FROM keyed GROUP BY ALL)
SELECT source, sum(records)::BIGINT AS records, sum(accounts)::BIGINT AS accounts,
       count(*) AS amperity_ids,
       count(*) FILTER (WHERE accounts = 1) AS singletons,
       count(*) FILTER (WHERE accounts > 1) AS multi_clusters,
       round(100 * (sum(accounts) - count(*)) / sum(accounts), 2) AS dedup_rate
FROM sized GROUP BY source ORDER BY source
