-- Ids of each source before and now, and what came and went; * is all sources.
PIVOT (
    SELECT datasource, metric, value::BIGINT AS value FROM main.stitch_metrics
    WHERE bucket = '' AND metric IN ('amperity_ids', 'ids_previous', 'ids_new', 'ids_vanished'))
ON metric IN ('ids_previous', 'amperity_ids' AS ids_now, 'ids_new', 'ids_vanished')
USING coalesce(any_value(value), 0) GROUP BY datasource ORDER BY datasource
