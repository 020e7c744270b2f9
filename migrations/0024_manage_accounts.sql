-- Why: accounts are listed, paused, limited, retried and taken away by the people they belong to.
-- Expand. Columns without defaults lock `accounts` for an instant. The index on `deliveries` keeps
-- its writers waiting while it is built (SHARE lock): seconds a million. It names no column that a
-- worker changes, so that updates of a delivery stay inside their page.

ALTER TABLE accounts
    -- Limits of the owner's own, beside those of the platform. A day is one of UTC.
    ADD COLUMN posts_per_day int CHECK (posts_per_day BETWEEN 1 AND 100000),
    ADD COLUMN min_gap_s int CHECK (min_gap_s BETWEEN 1 AND 86400),
    -- When the account was last found broken after it had been well for a day: what failed for it
    -- since then is retried in one action.
    ADD COLUMN broken_at timestamptz;

UPDATE accounts SET broken_at = updated_at WHERE status <> 'connected';

CREATE FUNCTION note_break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A grant that dies again within the day belongs to the same story.
    IF NEW.broken_at IS NULL OR OLD.connected_at <= clock_timestamp() - interval '1 day' THEN
        NEW.broken_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_note_break BEFORE UPDATE OF status ON accounts
    FOR EACH ROW WHEN (OLD.status = 'connected' AND NEW.status <> 'connected')
    EXECUTE FUNCTION note_break();

CREATE INDEX accounts_by_tenant ON accounts (tenant_id, id DESC);
CREATE INDEX deliveries_by_account ON deliveries (account_id, due_at);
