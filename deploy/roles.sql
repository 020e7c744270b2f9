-- The roles of a fleet's database: who owns it, who migrates it, who runs the fleet.
--
-- For an administrator, connected to the fleet's database, before the first `postfleet migrate`:
--
--     CREATE DATABASE postfleet; \c postfleet; \i deploy/roles.sql; \password postfleet_migrator
--     \password postfleet_app
--
-- It may be run again, and over an installation that ran as one login until now.
-- `postfleet migrate` then connects as postfleet_migrator, `serve` and `work` as postfleet_app.

-- Owns every table, and nobody connects as it.
DO $$ BEGIN CREATE ROLE postfleet_owner NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
-- A request of the API is held by this one to the rows of its tenant.
DO $$ BEGIN CREATE ROLE postfleet_tenant NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
-- May read and write rows; can neither alter nor drop anything, nor change what `audit` says.
DO $$ BEGIN CREATE ROLE postfleet_runtime NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- The logins. They have no password yet, so nobody gets in where passwords are asked for.
DO $$ BEGIN CREATE ROLE postfleet_migrator LOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE postfleet_app LOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

GRANT postfleet_tenant TO postfleet_owner;
GRANT postfleet_owner TO postfleet_migrator;
GRANT postfleet_runtime, postfleet_tenant TO postfleet_app;
-- What it makes belongs to the owner.
ALTER ROLE postfleet_migrator SET role = 'postfleet_owner';

-- Nobody else makes things in this database, not even for the length of a session.
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO postfleet_migrator, postfleet_app',
        current_database());
    EXECUTE format('GRANT CREATE ON DATABASE %I TO postfleet_owner', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO postfleet_owner;

-- What is there already changes hands. Sequences follow the columns that they count for.
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT c.oid::regclass AS called, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v'
            THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')
            AND c.relowner <> 'postfleet_owner'::regrole AND NOT EXISTS (SELECT FROM pg_depend d
                WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO postfleet_owner', one.kind, one.called);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS called FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'postfleet_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO postfleet_owner', one.called);
    END LOOP;
END $$;

-- Where the tables were there before the roles, the roles get their rights now.
DO $$ BEGIN
    IF to_regprocedure('public.hold_tenants_apart()') IS NOT NULL THEN
        PERFORM public.hold_tenants_apart();
    END IF;
END $$;
