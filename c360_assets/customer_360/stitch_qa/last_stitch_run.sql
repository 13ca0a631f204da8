-- The generation that is published: by which model, how large, when everybody was looked at anew, and how long the run that computed it took from its start to publication.
SELECT g.generation, g.model_generation, g.records, g.ids,
       (SELECT max(b.timestamp) FROM main.stitch_benchmarks AS b) AS last_full_run,
       r.started_at AS run_started_at,
       round(epoch(r.finished_at) - epoch(r.started_at), 1) AS run_seconds
FROM main.stitch_generation AS g
LEFT JOIN (
    SELECT stitch_generation, started_at, finished_at FROM reports.database_run
    QUALIFY row_number() OVER (PARTITION BY stitch_generation ORDER BY started_at) = 1) AS r
    ON r.stitch_generation = g.generation
