-- Why: a post is what a user wrote, a delivery is that post on one account: the unit of truth.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE assets (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE posts (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    stage text NOT NULL CHECK (stage IN ('draft', 'held', 'live', 'cancelled', 'archived')),
    revision int NOT NULL DEFAULT 1,
    draft jsonb NOT NULL,
    scheduled_at timestamptz,
    not_after timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX posts_by_tenant ON posts (tenant_id, id DESC);

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL REFERENCES tenants,
    key text NOT NULL,
    -- What was asked, so that another request under the same key is refused.
    request_sha256 text NOT NULL,
    post_id uuid NOT NULL REFERENCES posts DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);
