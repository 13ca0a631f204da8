-- The last run by its benchmarks, with bands and advice, and the value of the runs before.
WITH numbered AS (
    SELECT *, dense_rank() OVER (ORDER BY generation DESC) AS age FROM main.stitch_benchmarks)
SELECT benchmark, value, status, optimal_up_to, high_from, advice,
       (SELECT list(h.value ORDER BY h.generation) FROM numbered AS h
        WHERE h.benchmark = n.benchmark) AS last_five_runs
FROM numbered AS n WHERE age = 1 ORDER BY benchmark
