-- Why: what is late follows the rule of its post, and its lateness is told: a person's word counts
-- from when it was given, and the instant of the call that brought a delivery out is kept.
-- Expand. Columns without defaults lock `deliveries` for an instant; no index names them, so that
-- updates of a delivery stay inside their page. The trigger looks at changes of the status alone.

ALTER TABLE deliveries
    -- A person asked for it, after it had ended or while it waited for one.
    ADD COLUMN asked_at timestamptz,
    -- The intent of the call that brought it out, or of the last one that was to do so.
    ADD COLUMN sent_at timestamptz,
    -- When `post.missed` told of it, once.
    ADD COLUMN missed_at timestamptz,
    -- Being late, it leaves at this instant: late deliveries of an account leave apart.
    ADD COLUMN slot_at timestamptz;

CREATE FUNCTION note_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
END $$;
-- Nobody but a person moves a delivery on from these two.
CREATE TRIGGER deliveries_note_asked BEFORE UPDATE OF status ON deliveries
    FOR EACH ROW WHEN (OLD.status = 'failed' AND NEW.status = 'validating'
        OR OLD.status = 'review' AND NEW.status = 'ready')
    EXECUTE FUNCTION note_asked();
