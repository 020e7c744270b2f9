-- Why: what a person decided against the machine's knowledge is kept, with who, why and what it
-- changed.
-- Expand. New table only: no lock on anything in use. Append-only, for everybody.

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- `key:` and the first digits of the key's SHA-256, as `api_keys` has it.
    actor text NOT NULL,
    -- What was done, as `delivery.review`.
    action text NOT NULL,
    -- To what: an identifier with its prefix.
    subject text NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
