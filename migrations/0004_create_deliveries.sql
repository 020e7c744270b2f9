-- Why: the state of one post on one account, and the ledger of every irreversible call for it.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    post_id uuid NOT NULL REFERENCES posts,
    account_id uuid NOT NULL REFERENCES accounts,
    platform text NOT NULL,
    status text NOT NULL CHECK (status IN ('validating', 'scheduled', 'ready', 'sending',
        'reconciling', 'review', 'published', 'failed', 'cancelled')),
    -- Raised by every edit, cancel and retry; compared by every guarded write.
    revision int NOT NULL DEFAULT 1,
    -- The irreversible call leaves at this instant, not before.
    due_at timestamptz NOT NULL,
    checkpoint jsonb,
    checkpoint_no int NOT NULL DEFAULT 0,
    -- The lease that wrote last; a smaller epoch is a worker of the past.
    epoch bigint NOT NULL DEFAULT 0,
    lease bigint NOT NULL DEFAULT 0,
    -- The open intent: nobody else sends before its deadline.
    intended_at timestamptz,
    deadline_at timestamptz,
    attempts int NOT NULL DEFAULT 0,
    auth_refusals int NOT NULL DEFAULT 0,
    has_doubt boolean NOT NULL DEFAULT false,
    -- Complete look-ups that found nothing.
    absences int NOT NULL DEFAULT 0,
    failure jsonb,
    failed_stage text,
    remote_id text,
    permalink text,
    published_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (post_id, account_id),
    CHECK ((status = 'sending') <= (deadline_at IS NOT NULL)),
    CHECK ((status = 'published') = (remote_id IS NOT NULL)),
    CHECK ((status = 'failed') <= (failure IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- One remote post is the receipt of one delivery.
CREATE UNIQUE INDEX deliveries_by_remote ON deliveries (account_id, remote_id)
    WHERE remote_id IS NOT NULL;

CREATE TABLE attempts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL REFERENCES deliveries,
    checkpoint_no int NOT NULL,
    endpoint text NOT NULL,
    epoch bigint NOT NULL,
    lease bigint NOT NULL,
    request_sha256 text NOT NULL,
    intended_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('replied', 'silent', 'withdrawn', 'found', 'absent')),
    http_status int,
    detail text,
    ended_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX attempts_by_delivery ON attempts (delivery_id);
