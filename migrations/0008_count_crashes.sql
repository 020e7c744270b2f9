-- Why: a job that brings its process down is tried alone the next times, and no more after three
-- deaths. `crashes` counts them; `alone_epoch` is the claim under which it runs alone at the
-- moment, so that each further death counts once, and only for the job that ran.
-- Expand. Columns with constant defaults: no rewrite, each table is locked for an instant.

ALTER TABLE deliveries
    ADD COLUMN crashes int NOT NULL DEFAULT 0,
    ADD COLUMN alone_epoch bigint;
-- For fan-outs and refreshes; what publishes or asks is counted with its delivery.
ALTER TABLE jobs
    ADD COLUMN crashes int NOT NULL DEFAULT 0,
    ADD COLUMN alone_epoch bigint;
