-- Why: an installation may have to forget its audit after some years, and what is left has to prove
-- itself. What goes, goes from the beginning of the chain alone, and the hash of the last link that
-- went is kept: the first one that is left follows from it.
-- Expand. A new table; the triggers of `audit` and `audit_chain` are replaced, which locks both for
-- an instant (SHARE ROW EXCLUSIVE).

CREATE TABLE audit_anchors (
    -- The last link that went, and its hash.
    no bigint PRIMARY KEY CHECK (no > 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    rows bigint NOT NULL CHECK (rows > 0),
    -- Nothing went that was younger.
    older_than timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT transaction_timestamp()
);
CREATE TRIGGER audit_anchors_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_anchors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_anchors ENABLE ROW LEVEL SECURITY;
SELECT hold_tenants_apart();

-- Only `forget_audit`, which runs as the owner, puts one there.
CREATE FUNCTION refuse_anchor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
        THEN RETURN NEW; END IF;
    RAISE EXCEPTION '% is written by forget_audit alone', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_anchors_are_drawn BEFORE INSERT ON audit_anchors
    FOR EACH ROW EXECUTE FUNCTION refuse_anchor();

-- A row may go behind an anchor of the same transaction.
CREATE FUNCTION refuse_but_behind_anchor() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE is_behind boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$I.audit_chain c JOIN %1$I.audit_anchors n
        ON c.no <= n.no WHERE n.at = transaction_timestamp() AND c.audit_id = $1)',
        TG_TABLE_SCHEMA) INTO is_behind
        USING coalesce(to_jsonb(OLD) ->> 'audit_id', to_jsonb(OLD) ->> 'id')::bigint;
    IF is_behind THEN RETURN OLD; END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
DROP TRIGGER audit_is_append_only ON audit;
DROP TRIGGER audit_chain_is_append_only ON audit_chain;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_chain_is_append_only BEFORE UPDATE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_but_behind_anchor();
CREATE TRIGGER audit_chain_is_kept BEFORE DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION refuse_but_behind_anchor();
