-- Why: a post can wait for a person, and be changed until it leaves; what becomes of it is told
-- once for each change.
-- Expand. Columns without defaults lock `posts` and `deliveries` for an instant. The check counts
-- for what is written from now on: no older row is held, so nothing is scanned.

ALTER TABLE posts
    -- What a held post waits for, and since when.
    ADD COLUMN hold_reason text CHECK (hold_reason IN ('render_pending', 'billing_hold',
        'approval')),
    ADD COLUMN held_at timestamptz,
    ADD CONSTRAINT posts_held CHECK ((stage = 'held') = (hold_reason IS NOT NULL)
        AND (stage = 'held') = (held_at IS NOT NULL)) NOT VALID;

ALTER TABLE deliveries
    -- What was written when a part of it left, where the post says something else by now.
    ADD COLUMN draft jsonb;

-- What was told of a post last. Whoever ends a delivery locks its row, behind those of the post
-- and its deliveries. No foreign key to posts: its check would lock the post out of that order.
CREATE TABLE post_statuses (post_id uuid PRIMARY KEY, status text NOT NULL)
    WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- The moves of `domain::rollup`; a test compares the two.
CREATE TABLE post_moves (before text, after text, event text, PRIMARY KEY (before, after));
INSERT INTO post_moves SELECT unnest(t.befores), t.after, t.event FROM (VALUES
    ('{new}'::text[], 'draft', 'post.drafted'),
    ('{held,validating,scheduled}', 'draft', 'post.unscheduled'),
    ('{new,validating,scheduled}', 'held', 'post.held'),
    ('{draft,held}', 'validating', 'post.released'),
    ('{held}', 'scheduled', 'post.released'),
    ('{published,partial,failed}', 'validating', 'post.reopened'),
    ('{new,validating}', 'scheduled', 'post.scheduled'),
    ('{new,held,validating,scheduled}', 'published', 'post.published'),
    ('{new,held,validating,scheduled}', 'partial', 'post.partial'),
    ('{new,held,validating,scheduled}', 'failed', 'post.failed'),
    ('{new,draft,held,validating,scheduled}', 'cancelled', 'post.cancelled'),
    ('{new,published,partial,failed,cancelled}', 'archived', 'post.archived')
) AS t (befores, after, event);
