-- Why: whoever changes, deletes or moves a row of the audit past the triggers is found out: each
-- row is sealed into a chain, whose hash holds the row and the hash before it.
-- Expand. New tables; the trigger locks `audit` for an instant (SHARE ROW EXCLUSIVE). Rows of
-- before are sealed by the first sweeps: one insert a row here, seconds a million.

-- What waits to be sealed. Numbers are drawn before their rows are committed, so a walk by number
-- would miss the ones that come late.
CREATE TABLE audit_unsealed (
    audit_id bigint PRIMARY KEY
);
-- In the order of sealing. No reference to `audit`: the hash of a row outlives it.
CREATE TABLE audit_chain (
    no bigint PRIMARY KEY CHECK (no > 0),
    audit_id bigint NOT NULL UNIQUE,
    -- SHA-256 of what the row says, and of that with its place and the hash before it
    -- (`src/store/audit_chain.rs`).
    content_sha256 bytea NOT NULL CHECK (octet_length(content_sha256) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER audit_chain_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Rows of nobody: to the role of requests, a table with a wall and no door.
ALTER TABLE audit_unsealed ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_chain ENABLE ROW LEVEL SECURITY;
SELECT hold_tenants_apart();

-- As the owner, because whoever writes a row of the audit may not touch what waits.
CREATE FUNCTION audit_waits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.audit_unsealed (audit_id) VALUES ($1)', TG_TABLE_SCHEMA)
        USING NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_waits AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_waits();
INSERT INTO audit_unsealed (audit_id) SELECT id FROM audit;
