-- Why: the same content twice on one account within a day is a mistake more often than a wish, and
-- platforms refuse it; what a post costs at its platform is known when it is accepted.
-- Expand. Columns with constant defaults lock `deliveries` and `brands` for an instant. The index
-- keeps writers of `deliveries` waiting while it is built (SHARE lock): an instant, for no row has
-- a content yet. It names no column that a worker changes.

ALTER TABLE deliveries
    -- The beginning of the SHA-256 of its words and files; NULL of what has neither.
    ADD COLUMN content bigint,
    -- What its posts cost at the platform, in millionths of a US dollar.
    ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0 CHECK (cost_micros >= 0);
CREATE INDEX deliveries_by_content ON deliveries (account_id, content) WHERE content IS NOT NULL;

-- NULL is what the tenant says.
ALTER TABLE brands
    ADD COLUMN duplicate_content text CHECK (duplicate_content IN ('allow', 'warn', 'refuse')),
    ADD COLUMN duplicate_within_hours int CHECK (duplicate_within_hours BETWEEN 1 AND 720);
