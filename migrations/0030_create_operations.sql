-- Why: a post that is out is shown anew by a rule, or deleted. What is owed of it is one row and
-- one job, so that two operations on one post never meet; each repost is a row of its own.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE operations (
    delivery_id uuid PRIMARY KEY REFERENCES deliveries,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- Raised by a person's change; compared by every write of a worker.
    revision int NOT NULL DEFAULT 1,
    -- The rule of its reposts, as `domain::repost` stores it, and why they ended.
    rule jsonb,
    ended_at timestamptz,
    ended_for text CHECK (ended_for IN ('done', 'until', 'missed', 'cancelled', 'removed',
        'origin_gone', 'origin_edited', 'disconnected', 'broken')),
    -- The deletion that a person asked for.
    removal text CHECK (removal IN ('waiting', 'done', 'failed')),
    removal_asked_at timestamptz,
    removal_failure jsonb,
    removed_at timestamptz,
    -- The lease that wrote last; a smaller epoch is a worker of the past.
    epoch bigint NOT NULL DEFAULT 0,
    lease bigint NOT NULL DEFAULT 0,
    -- What was begun, how far the adapter is with it, and that a call may be under way. Every call
    -- of an operation may be repeated, so whoever comes next repeats the one in question.
    doing text CHECK (doing IN ('repost', 'undo', 'delete')),
    is_sending boolean NOT NULL DEFAULT false,
    checkpoint jsonb,
    attempts int NOT NULL DEFAULT 0,
    auth_refusals int NOT NULL DEFAULT 0,
    CHECK ((ended_at IS NULL) = (ended_for IS NULL)),
    CHECK (is_sending <= (doing IS NOT NULL)),
    CHECK ((removal = 'done') <= (removed_at IS NOT NULL))
);

CREATE TABLE reposts (
    delivery_id uuid NOT NULL REFERENCES operations,
    number int NOT NULL CHECK (number > 0),
    status text NOT NULL CHECK (status IN ('scheduled', 'sending', 'published', 'failed',
        'cancelled', 'missed')),
    due_at timestamptz NOT NULL,
    -- Why it failed or waits, as the API shows it.
    failure jsonb,
    -- When it went out or failed, when it is to be taken back, and when it was.
    ended_at timestamptz,
    undo_at timestamptz,
    undone_at timestamptz,
    -- It could not be taken back, and is left.
    is_left boolean NOT NULL DEFAULT false,
    PRIMARY KEY (delivery_id, number),
    CHECK ((status IN ('published', 'failed')) <= (ended_at IS NOT NULL))
);
