-- The weakest scored pair of each person, the weakest people first.
SELECT amperity_id, score, match_category, source1, pk1, source2, pk2
FROM main.unified_scores
QUALIFY row_number() OVER (
    PARTITION BY amperity_id ORDER BY score, source1, pk1, source2, pk2) = 1
ORDER BY score, amperity_id
