-- Why: upstream apps name endpoints that are told of events; each message to one is a row, written
-- with the event, and so is what became of each attempt.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    -- Kinds of events, as `post.published` or `post.*`; every one where there is none.
    patterns text[] NOT NULL DEFAULT '{}',
    -- The shard of Redis that its jobs belong to.
    shard smallint NOT NULL,
    status text NOT NULL CHECK (status IN ('enabled', 'disabled')),
    disabled_for text CHECK (disabled_for IN ('asked', 'gone', 'failing')),
    -- Since when no attempt has been taken.
    failing_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((status = 'disabled') = (disabled_for IS NOT NULL))
);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

-- What its messages are signed with, sealed; for a day after a change the one before signs as well.
CREATE TABLE webhook_secrets (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz
);
CREATE INDEX webhook_secrets_by_webhook ON webhook_secrets (webhook_id);

-- No reference to its endpoint: it would have every event lock that row. What is left of one that
-- is gone goes when it is woken.
CREATE TABLE webhook_messages (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    event_id bigint NOT NULL,
    -- Messages of one stream go out in the order of their events: a post with its deliveries, or
    -- whatever else the event is about.
    stream text NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'failed')),
    -- Attempts since it was owed, or was asked for once more; and every answer.
    attempts int NOT NULL DEFAULT 0,
    answers jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    UNIQUE (webhook_id, event_id),
    CHECK ((status = 'waiting') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX webhook_messages_waiting ON webhook_messages (webhook_id, stream, event_id)
    WHERE status = 'waiting';
