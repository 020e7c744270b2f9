-- Why: a tenant may bring a registration of its own to a platform; its accounts are refreshed,
-- limited and gated through that one, apart from everybody else's.
-- Expand. A new table; the column without a default locks `accounts` for an instant.

CREATE TABLE oauth_apps (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    platform text NOT NULL,
    app text NOT NULL,
    client_id text NOT NULL CHECK (client_id <> ''),
    -- The secret, sealed under the tenant's data key; bound to row, platform and version.
    sealed bytea NOT NULL,
    -- Raised by every new secret.
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, platform, app)
);

-- What lanes, groups, gates and counters call the tenant's own registration that the account was
-- connected through; null for one of the installation's.
ALTER TABLE accounts ADD COLUMN own_app_key text;
