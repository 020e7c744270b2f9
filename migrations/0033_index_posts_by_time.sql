-- Why: a calendar shows what a brand plans between two instants; a slot is free when nothing is
-- planned for its time.
-- Expand. The index keeps writers of `posts` waiting while it is built (SHARE lock): seconds a
-- million.

CREATE INDEX posts_by_time ON posts (brand_id, coalesce(scheduled_at, created_at), id);
