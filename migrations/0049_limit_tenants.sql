-- Why: an owner bounds what a tenant can use up, so that a program gone wild spends neither its
-- money nor the room of others.
-- Expand. New table only: no lock on anything in use.

-- A tenant without a row has no limits. Whoever adds to what one of them counts locks the row
-- first and counts then, so two never share the last place. The row is the last lock of its
-- transaction but for what it adds.
CREATE TABLE tenant_limits (
    tenant_id uuid PRIMARY KEY REFERENCES tenants,
    posts_per_day int CHECK (posts_per_day > 0),
    accounts int CHECK (accounts > 0),
    media_bytes bigint CHECK (media_bytes > 0),
    -- By platform: US cents of a month.
    spend_cents jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(spend_cents) = 'object'),
    duplicate_content text NOT NULL DEFAULT 'warn'
        CHECK (duplicate_content IN ('allow', 'warn', 'refuse')),
    duplicate_within_hours int NOT NULL DEFAULT 24
        CHECK (duplicate_within_hours BETWEEN 1 AND 720),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
