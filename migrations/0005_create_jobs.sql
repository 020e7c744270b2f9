-- Why: every wake-up that is owed is a row here, written with the fact that owes it; gates are
-- the closed doors of accounts, apps and platforms, so that a wiped Redis can be told again.
-- Expand. New tables only: no lock on anything in use.

CREATE SEQUENCE job_generation;
CREATE SEQUENCE queue_incarnation;

CREATE TABLE jobs (
    kind text NOT NULL,
    subject uuid NOT NULL,
    queue text NOT NULL,
    -- Drawn anew by each arm, edit and cancel; an older one that wakes is forgotten.
    generation bigint NOT NULL DEFAULT nextval('job_generation'),
    shard smallint NOT NULL,
    fair_group text NOT NULL,
    lane text NOT NULL,
    due_at timestamptz NOT NULL,
    armed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, subject)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
-- The relay's walk.
CREATE INDEX jobs_by_due ON jobs (shard, due_at, subject);

CREATE TABLE gates (
    scope_key text PRIMARY KEY,
    until_at timestamptz NOT NULL,
    reason text NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
