-- Why: tenants are the isolation boundary; brands belong to them, keys let callers in.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- The tenant's data key, wrapped by the key-encryption key of the installation.
    data_key bytea NOT NULL,
    profile text NOT NULL DEFAULT 'spec' CHECK (profile IN ('spec', 'extended')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api_keys (
    -- SHA-256 of the key: 256 random bits need no slow hash.
    sha256 bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    label text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
);

CREATE TABLE brands (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, slug)
);
