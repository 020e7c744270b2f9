-- Why: an operator sees which workers live and since when, takes one out by name, and mails about
-- what waits for a person come as a digest, once in a while, whoever of the fleet sends them.
-- Expand. New tables; nothing is locked.

CREATE TABLE workers (
    -- Drawn at each start: no two processes have the same, whatever their machines are called.
    id text PRIMARY KEY CHECK (id ~ '^wrk_[0-9a-f]{32}$'),
    host text NOT NULL,
    pid bigint NOT NULL,
    version text NOT NULL,
    roles text[] NOT NULL,
    platforms text[] NOT NULL,
    -- Deliveries and other jobs that it works on at once.
    slots bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Since when it is to end, and by whose word.
    drained_at timestamptz,
    drain_reason text,
    CHECK ((drained_at IS NULL) = (drain_reason IS NULL))
) WITH (fillfactor = 50);

-- What was mailed of each kind: what began up to an instant.
CREATE TABLE mailings (
    kind text PRIMARY KEY CHECK (length(kind) BETWEEN 1 AND 64),
    told_until timestamptz NOT NULL DEFAULT '-infinity',
    mailed_at timestamptz,
    -- Whoever is at it has so long.
    taken_until timestamptz NOT NULL DEFAULT '-infinity'
);
SELECT hold_tenants_apart();
