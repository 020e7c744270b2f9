-- Why: operators are told how many deliveries wait for a person, and since when, from rows of those
-- alone. An index on `status` would do too, but each change of a status would then write it.
-- Expand. A new table; `deliveries` is locked while those under review are looked up.

CREATE TABLE open_reviews (
    delivery_id uuid PRIMARY KEY REFERENCES deliveries ON DELETE CASCADE,
    platform text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO open_reviews (delivery_id, platform, since)
SELECT id, platform, updated_at FROM deliveries WHERE status = 'review';

CREATE FUNCTION list_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'review' THEN
        INSERT INTO open_reviews (delivery_id, platform) VALUES (NEW.id, NEW.platform)
        ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM open_reviews WHERE delivery_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
-- The condition is looked at for each row, the function runs for those that enter or leave.
CREATE TRIGGER deliveries_list_review AFTER UPDATE OF status ON deliveries FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND 'review' IN (OLD.status, NEW.status))
    EXECUTE FUNCTION list_review();

SELECT hold_tenants_apart();
