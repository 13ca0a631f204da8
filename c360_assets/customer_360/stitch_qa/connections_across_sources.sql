-- People by the exact set of sources that hold them.
WITH sets AS (
    SELECT string_agg(DISTINCT datasource, ' + ' ORDER BY datasource) AS source_combination
    FROM main.unified_coalesced GROUP BY amperity_id)
SELECT source_combination, count(*) AS n_ids FROM sets
GROUP BY source_combination ORDER BY n_ids DESC, source_combination
