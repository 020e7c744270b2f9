-- Why: a Postgres that went back (fail-over without its last commits, restore) may have forgotten
-- posts that are out. Whoever connects compares where the history of this database stands with
-- what is written here; if it is another one, every delivery that may be out is asked for before
-- it is sent (`ask_from`).
-- Expand. New table, and a column without a default: a short lock on `deliveries`, no rewrite.

CREATE TABLE histories (
    -- One row: the history that was known last.
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    -- `pg_control_system().system_identifier`: another cluster has another one.
    system_id text NOT NULL,
    -- The timeline that is written to: a fail-over or a restore to a point in time begins another.
    timeline text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE deliveries ADD COLUMN ask_from timestamptz;
