-- Why: a brand or a tenant is erased when it is asked for: what it has goes, and that it went, by
-- whose word and how much it was, stays.
-- Expand. Columns without defaults lock `brands` and `tenants` for an instant. The index keeps
-- writers of `idempotency_keys` waiting while it is built (SHARE lock): seconds a million; without
-- it each erased post would read the whole table.

-- Since when it is being erased: nobody finds it any more.
ALTER TABLE brands ADD COLUMN erasing_at timestamptz;
ALTER TABLE tenants ADD COLUMN erasing_at timestamptz;
CREATE INDEX idempotency_keys_by_post ON idempotency_keys (post_id);

CREATE TABLE erasures (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- NULL is the tenant with all it has. No reference: the brand goes.
    brand_id uuid,
    actor text NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done')),
    -- What it waits for, in a sentence.
    waits_for text,
    posts bigint NOT NULL DEFAULT 0,
    accounts bigint NOT NULL DEFAULT 0,
    files bigint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    CHECK ((status = 'done') = (ended_at IS NOT NULL))
);
-- However often it is asked for, it is one.
CREATE UNIQUE INDEX erasures_once ON erasures (tenant_id, coalesce(brand_id, tenant_id));
SELECT hold_tenants_apart();

-- Deletes rows and, before them, whatever refers to them, to any depth: a table that is added later
-- goes along by its foreign key.
CREATE FUNCTION erase_rows(which regclass, by_column name, ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE reference record; named uuid[];
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN RETURN; END IF;
    FOR reference IN
        SELECT c.conrelid::regclass AS from_table, mine.attname AS from_column,
            theirs.attname AS to_column
        FROM pg_constraint c
        JOIN pg_attribute mine ON mine.attrelid = c.conrelid AND mine.attnum = c.conkey[1]
        JOIN pg_attribute theirs ON theirs.attrelid = c.confrelid AND theirs.attnum = c.confkey[1]
        WHERE c.contype = 'f' AND c.confrelid = which AND cardinality(c.conkey) = 1
        ORDER BY c.oid
    LOOP
        EXECUTE format('SELECT array_agg(%I) FROM %s WHERE %I = ANY ($1)', reference.to_column,
            which, by_column) INTO named USING ids;
        PERFORM erase_rows(reference.from_table, reference.from_column, named);
    END LOOP;
    EXECUTE format('DELETE FROM %s WHERE %I = ANY ($1)', which, by_column) USING ids;
END $$;

-- The number in an identifier of this kind.
CREATE FUNCTION id_of(prefix text, named text) RETURNS uuid IMMUTABLE
    RETURN CASE WHEN named ~ ('^' || prefix || '_[0-9a-f]{32}$') THEN right(named, 32)::uuid END;
