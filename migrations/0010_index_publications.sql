-- Why: a look-up compares what a platform shows with the newest posts that an account holds.
-- Expand. Building the index keeps writers of `deliveries` waiting (SHARE lock): seconds a million.

CREATE INDEX deliveries_by_publication ON deliveries (account_id, published_at DESC)
    WHERE published_at IS NOT NULL;
