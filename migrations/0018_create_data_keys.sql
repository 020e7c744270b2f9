-- Why: a tenant has several data keys over time, and one of them seals. Which one sealed a secret
-- stands in the secret's own head (bytes 2 to 9, as in the head of a wrapped key); here is the key.
-- Expand. New table. `tenants.data_key` may be empty from now on and is emptied by the first
-- rotation; until then a process of the version before works on. A lock of an instant on `tenants`.

CREATE TABLE data_keys (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- Its name, in the head of what it sealed. Of a key of the version before nobody knows it
    -- until it is opened.
    key_id bytea CHECK (length(key_id) = 8),
    -- Wrapped by a key-encryption key, whose name stands in the head.
    wrapped bytea NOT NULL,
    wrapped_under bytea NOT NULL GENERATED ALWAYS AS (substring(wrapped FROM 2 FOR 8)) STORED,
    -- The key-encryption key that came first when it was made: a rotation replaces what was made
    -- under another, and knows by it what is done already.
    born_under bytea NOT NULL,
    -- `broken`: it does not open, though the key it is wrapped under is at hand.
    state text NOT NULL CHECK (state IN ('current', 'old', 'broken')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, key_id)
);
CREATE UNIQUE INDEX data_keys_current ON data_keys (tenant_id) WHERE state = 'current';
CREATE INDEX data_keys_by_wrapping ON data_keys (wrapped_under);

INSERT INTO data_keys (tenant_id, wrapped, born_under, state)
SELECT id, data_key, substring(data_key FROM 2 FOR 8), 'current' FROM tenants
WHERE length(data_key) > 9;

ALTER TABLE tenants ALTER COLUMN data_key DROP NOT NULL;
