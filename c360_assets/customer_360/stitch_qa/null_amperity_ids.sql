-- Records without an id: there must be none.
SELECT count(*) AS n FROM main.unified_coalesced WHERE amperity_id IS NULL
