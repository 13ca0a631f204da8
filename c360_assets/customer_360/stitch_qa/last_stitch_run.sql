-- The generation that is published: when it was computed in full, by which model, how large it is.
SELECT g.generation, g.model_generation, g.records, g.ids,
       (SELECT max(b.timestamp) FROM main.stitch_benchmarks AS b) AS last_full_run
FROM main.stitch_generation AS g
