-- Why: whoever runs the fleet need not own its tables. A login that is a member of
-- `postfleet_runtime` and of `postfleet_tenant` reads and writes rows, but can alter, drop or empty
-- no table, can write nothing about the schema, and can neither change nor remove what `audit`
-- says. `deploy/roles.sql` makes the logins; a fleet that runs as the owner notices nothing.
-- Expand. Each table with a tenant is locked (ACCESS EXCLUSIVE) for an instant; nothing is read.

-- One for all databases of the server. Where this login may not make it, `deploy/roles.sql` does.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postfleet_runtime') THEN
        CREATE ROLE postfleet_runtime NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$;

-- As before, and the role that the fleet runs as sees all rows as long as it serves nobody alone:
-- a policy that is always true costs a query nothing. `postfleet migrate` calls it at its end.
CREATE OR REPLACE FUNCTION hold_tenants_apart() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held record;
    bound text;
    here text := current_schema();
BEGIN
    FOR held IN
        SELECT a.attrelid::regclass AS called, a.attname AS owner FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
        WHERE c.relnamespace = here::regnamespace AND NOT a.attisdropped
            AND (a.attname = 'tenant_id' OR a.attname = 'id' AND c.relname = 'tenants')
    LOOP
        EXECUTE format('CREATE POLICY tenants_apart ON %s TO postfleet_tenant
            USING (%I = ANY ((SELECT tenants_served())::uuid[]))', held.called, held.owner);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', held.called);
    END LOOP;
    FOR bound IN
        SELECT rolname FROM pg_roles WHERE rolname IN ('postfleet_tenant', 'postfleet_runtime')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %1$I TO %2$I; GRANT SELECT, INSERT, UPDATE, DELETE
            ON ALL TABLES IN SCHEMA %1$I TO %2$I; GRANT USAGE, SELECT ON ALL SEQUENCES
            IN SCHEMA %1$I TO %2$I; REVOKE UPDATE, DELETE ON audit FROM %2$I; REVOKE INSERT,
            UPDATE, DELETE ON _sqlx_migrations, schema_floor FROM %2$I', here, bound);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postfleet_runtime') THEN RETURN; END IF;
    -- A history that went back leaps over the generations that it forgot.
    EXECUTE format('GRANT UPDATE ON SEQUENCE %I.job_generation TO postfleet_runtime', here);
    FOR held IN
        SELECT c.oid::regclass AS called FROM pg_class c
        WHERE c.relnamespace = here::regnamespace AND c.relrowsecurity AND NOT EXISTS
            (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'fleet_works')
    LOOP
        EXECUTE format('CREATE POLICY fleet_works ON %s TO postfleet_runtime USING (true)',
            held.called);
    END LOOP;
END $$;
SELECT hold_tenants_apart();
