-- Why: a query that forgets to name its tenant shows no row of another one to a request of the API.
-- A connection that serves a request takes the role `postfleet_tenant` and says in
-- `postfleet.tenants` whose it is; the owner of the tables, whom workers and operators work as, is
-- held by nothing and pays nothing.
-- Expand. Each table with a tenant is locked (ACCESS EXCLUSIVE) for an instant; nothing is read.

-- One for all databases of the server, made once, by whoever is the first to be allowed to.
DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postfleet_tenant') THEN
            CREATE ROLE postfleet_tenant NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    IF NOT pg_has_role(current_user, 'postfleet_tenant', 'MEMBER') THEN
        EXECUTE format('GRANT postfleet_tenant TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role postfleet_tenant is missing and % may not make it', current_user
        USING HINT = format('Have an administrator run: CREATE ROLE postfleet_tenant NOLOGIN; '
            'GRANT postfleet_tenant TO %I;', current_user);
END $$;

-- The tenants that a connection serves; none where it has not said so.
CREATE FUNCTION tenants_served() RETURNS uuid[] STABLE LANGUAGE sql RETURN
    string_to_array(nullif(current_setting('postfleet.tenants', true), '*'), ',')::uuid[];

-- Puts the wall around every table that has none yet, and opens the others to the role; a migration
-- that makes a table calls it again. The setting is read once a statement, in a query of its own.
CREATE FUNCTION hold_tenants_apart() RETURNS void LANGUAGE plpgsql AS $$
DECLARE held record;
BEGIN
    FOR held IN
        SELECT a.attrelid::regclass AS called, a.attname AS owner FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT a.attisdropped
            AND (a.attname = 'tenant_id' OR a.attname = 'id' AND c.relname = 'tenants')
    LOOP
        EXECUTE format('CREATE POLICY tenants_apart ON %s TO postfleet_tenant
            USING (%I = ANY ((SELECT tenants_served())::uuid[]))', held.called, held.owner);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', held.called);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %1$I TO postfleet_tenant; GRANT SELECT, INSERT, UPDATE,
        DELETE ON ALL TABLES IN SCHEMA %1$I TO postfleet_tenant; GRANT USAGE, SELECT ON ALL
        SEQUENCES IN SCHEMA %1$I TO postfleet_tenant', current_schema());
END $$;
SELECT hold_tenants_apart();
