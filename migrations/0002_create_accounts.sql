-- Why: an account is one identity on one platform; its tokens lie sealed beside it.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    platform text NOT NULL,
    -- Which of our registrations on the platform it is connected through.
    app text NOT NULL,
    remote_id text NOT NULL,
    handle text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL CHECK (status IN ('connected', 'needs_reconnect')),
    status_reason text,
    connected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (brand_id, platform, app, remote_id)
);

CREATE TABLE credentials (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- The grant, sealed under the tenant's data key; bound to account, field and version.
    sealed bytea NOT NULL,
    version bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A refresh that rotates the token is under way, or ended without an answer.
    refresh_deadline_at timestamptz,
    refresh_doubts int NOT NULL DEFAULT 0
);

CREATE TABLE oauth_states (
    -- SHA-256 of the state that travels through the browser.
    sha256 bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    platform text NOT NULL,
    app text NOT NULL,
    -- The PKCE verifier, sealed.
    verifier bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
