-- People by how many accounts (customer key, else record key, of a source) they have.
WITH counted AS (
    SELECT count(DISTINCT concat_ws('/', datasource, coalesce(nullif(trim(ck), ''), pk))) AS dk_count
    FROM main.unified_coalesced GROUP BY amperity_id)
SELECT dk_count, count(*) AS n_ids FROM counted GROUP BY dk_count ORDER BY dk_count
