-- Why: a dump that is restored into the same cluster keeps its system identifier and timeline. The
-- table of the histories is another one then, and its number tells.
-- Expand. A column with a constant default: a short lock on a table of one row.

DO $$
BEGIN
    EXECUTE format('ALTER TABLE histories ADD COLUMN table_oid bigint NOT NULL DEFAULT %s',
        'histories'::regclass::oid::bigint);
    ALTER TABLE histories ALTER COLUMN table_oid DROP DEFAULT;
END $$;
