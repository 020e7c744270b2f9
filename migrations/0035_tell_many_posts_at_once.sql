-- Why: a settle of many deliveries tells of their posts in two statements, not in five for each.
-- Expand. Functions alone; `tell_post` stays for processes of the version before.

-- Each statement in it sees what others have committed by then, so behind the locks of the rows,
-- which it takes in the order of their ids, it sees the deliveries as they are.
CREATE FUNCTION tell_posts(which uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO post_statuses SELECT id, 'new' FROM unnest(which) AS id ORDER BY id
        ON CONFLICT (post_id) DO UPDATE SET status = post_statuses.status;
    WITH posts_now AS (
        SELECT p.id, p.tenant_id, p.revision, p.scheduled_at, p.hold_reason, told.status AS told,
            post_status(p.stage, d.statuses) AS status, d.published, d.failed, d.is_later
        FROM posts p JOIN post_statuses told ON told.post_id = p.id, LATERAL (
            SELECT array_agg(status) AS statuses, count(*) FILTER (WHERE status = 'published')
                AS published, count(*) FILTER (WHERE status = 'failed') AS failed,
                bool_or(due_at > clock_timestamp()) AS is_later
            FROM deliveries WHERE post_id = p.id) d
        WHERE p.id = ANY (which)
    ), moved AS (
        UPDATE post_statuses s SET status = p.status FROM posts_now p
        WHERE s.post_id = p.id AND p.told <> p.status
    )
    INSERT INTO events (tenant_id, kind, subject, data)
    SELECT p.tenant_id, m.event, 'pst_' || replace(p.id::text, '-', ''), jsonb_build_object(
        'status', p.status, 'revision', p.revision, 'reason', p.hold_reason, 'published',
        p.published, 'failed', p.failed, 'scheduledAt', to_char(p.scheduled_at AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
    FROM posts_now p JOIN post_moves m ON m.before = p.told AND m.after = p.status
    -- What goes out at once is told of when it is out.
    WHERE m.event <> 'post.scheduled' OR p.is_later;
END $$;

CREATE OR REPLACE FUNCTION tell_post(which uuid) RETURNS void LANGUAGE sql
    BEGIN ATOMIC SELECT tell_posts(ARRAY[which]); END;

CREATE OR REPLACE FUNCTION tell_of_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE which uuid[];
BEGIN
    SELECT array_agg(post_id) INTO which FROM (
        SELECT post_id FROM (SELECT post_id, status, due_at, 1 AS n FROM news
            UNION ALL SELECT post_id, status, due_at, -1 FROM olds) t
        GROUP BY post_id HAVING sum(n * (status = 'published')::int) <> 0
            OR sum(n * (status = 'failed')::int) <> 0 OR sum(n * (status = 'cancelled')::int) <> 0
            OR sum(n * (status = 'validating')::int) <> 0 AND bool_or(due_at > clock_timestamp())
        ) changed;
    IF which IS NOT NULL THEN PERFORM tell_posts(which); END IF;
    RETURN NULL;
END $$;
