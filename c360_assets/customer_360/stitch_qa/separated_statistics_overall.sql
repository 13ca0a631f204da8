-- The statistics of combined_statistics, over all sources alone: on large tenants each is quicker.
SELECT * FROM stitch_qa.combined_statistics WHERE source = '*'
