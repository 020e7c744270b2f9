-- Why: a person connects accounts through a link that works once and a browser session that every
-- consent is bound to; what a consent brought waits, sealed, until its owner has chosen.
-- Expand. New tables; new columns without a default lock `oauth_states` for an instant, and its
-- index is built over the rows of some minutes.

CREATE TABLE connect_links (
    -- SHA-256 of the ticket in the link: 256 random bits need no slow hash.
    sha256 bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    -- What the person may not choose any more.
    platform text,
    app text,
    -- The account to be connected again, and no other.
    account_id uuid REFERENCES accounts,
    return_url text,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX connect_links_by_end ON connect_links (expires_at);

CREATE TABLE connect_sessions (
    -- SHA-256 of what the browser's cookie holds.
    sha256 bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    platform text,
    app text,
    account_id uuid REFERENCES accounts,
    return_url text,
    -- How the newest consent ended, for the page that shows it.
    outcome jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX connect_sessions_by_end ON connect_sessions (expires_at);

CREATE TABLE connect_choices (
    -- SHA-256 of the session, or of the handle that an upstream app was given.
    sha256 bytea PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    platform text NOT NULL,
    app text NOT NULL,
    own_app_key text,
    notes text[] NOT NULL,
    -- The identities with their grants, sealed under the tenant's data key.
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX connect_choices_by_end ON connect_choices (expires_at);

ALTER TABLE oauth_states ADD COLUMN session_sha256 bytea, ADD COLUMN redirect_uri text,
    ADD COLUMN account_id uuid REFERENCES accounts, ADD COLUMN own_app_key text;
CREATE INDEX oauth_states_by_end ON oauth_states (expires_at);
