-- Why: the role that the fleet runs as may take nothing from the audit; the beginning of it goes by
-- this function alone, which looks first.
-- Expand. A new function: no lock.

-- Forgets the chain up to the link `through`, with the rows that it seals. As the owner. Nothing of
-- the last 30 days goes, whatever a configuration says or whoever calls.
CREATE FUNCTION forget_audit(through bigint, older_than timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE gone bigint;
BEGIN
    -- Whoever may write rows of it, and is not serving a request.
    IF current_setting('role') = 'postfleet_tenant'
        OR NOT has_table_privilege(session_user, 'audit', 'INSERT') THEN
        RAISE EXCEPTION '% may not forget the audit', session_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF older_than > clock_timestamp() - interval '30 days' THEN
        RAISE EXCEPTION 'the audit of the last 30 days is kept, not older than %', older_than;
    END IF;
    IF EXISTS (SELECT FROM audit_chain c JOIN audit a ON a.id = c.audit_id
        WHERE c.no <= through AND a.at >= older_than) THEN
        RAISE EXCEPTION 'a row up to link % is younger than %', through, older_than;
    END IF;
    INSERT INTO audit_anchors (no, hash, rows, older_than)
        SELECT c.no, c.hash, (SELECT count(*) FROM audit_chain WHERE no <= through), older_than
        FROM audit_chain c WHERE c.no = through RETURNING rows INTO gone;
    IF gone IS NULL THEN RAISE EXCEPTION 'there is no link %', through; END IF;
    DELETE FROM audit a USING audit_chain c WHERE c.audit_id = a.id AND c.no <= through;
    DELETE FROM audit_chain WHERE no <= through;
    RETURN gone;
END $$;
DO $$
BEGIN
    -- Nobody's tables of the same names come first.
    EXECUTE format('ALTER FUNCTION forget_audit SET search_path = %I, pg_temp', current_schema());
END $$;
