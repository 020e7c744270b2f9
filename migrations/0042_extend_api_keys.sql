-- Why: a key says what it may do, on which brands, until when and how often, can be replaced while
-- the old one still serves, and is told apart in lists without being shown.
-- Expand. Rewrites `api_keys` (ACCESS EXCLUSIVE lock), a table of few rows. Keys from before are
-- owners, as they were.

ALTER TABLE api_keys
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    -- On all brands and the tenant itself; NULL where it has roles on some brands alone.
    ADD COLUMN role text DEFAULT 'owner'
        CHECK (role IN ('viewer', 'contributor', 'editor', 'admin', 'owner')),
    -- NULL is all that its roles may.
    ADD COLUMN scopes text[] CHECK (cardinality(scopes) > 0),
    -- The last characters of the key, by which a person knows it.
    ADD COLUMN hint text NOT NULL DEFAULT '',
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_at timestamptz,
    -- NULL is what the configuration says; 0 is no limit.
    ADD COLUMN requests_per_minute int CHECK (requests_per_minute >= 0),
    -- Of keys that took each other's place: which one this took.
    ADD COLUMN replaces uuid REFERENCES api_keys (id);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);
-- One key takes the place of another, however often the button is pressed.
CREATE UNIQUE INDEX api_keys_once_replaced ON api_keys (replaces) WHERE revoked_at IS NULL;

CREATE TABLE api_key_brands (
    key_id uuid NOT NULL REFERENCES api_keys (id),
    brand_id uuid NOT NULL REFERENCES brands,
    role text NOT NULL CHECK (role IN ('viewer', 'contributor', 'editor', 'admin', 'owner')),
    PRIMARY KEY (key_id, brand_id)
);
