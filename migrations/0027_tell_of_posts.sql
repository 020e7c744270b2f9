-- Why: what becomes of a post is told in the transaction that makes it true, whoever ends its last
-- delivery.
-- Expand. Functions, and a trigger that locks `deliveries` for an instant.

CREATE FUNCTION post_status(stage text, deliveries text[]) RETURNS text IMMUTABLE RETURN CASE
    WHEN stage <> 'live' THEN stage
    WHEN 'validating' = ANY (deliveries) THEN 'validating'
    WHEN deliveries && '{scheduled,ready,sending,reconciling,review}' THEN 'scheduled'
    WHEN 'published' = ANY (deliveries) AND 'failed' = ANY (deliveries) THEN 'partial'
    WHEN 'published' = ANY (deliveries) THEN 'published'
    WHEN 'failed' = ANY (deliveries) THEN 'failed'
    ELSE 'cancelled' END;

-- Each statement in it sees what others have committed by then, so behind the lock of the row it
-- sees the deliveries as they are.
CREATE FUNCTION tell_post(which uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE told text := 'new'; post record; move text;
BEGIN
    INSERT INTO post_statuses VALUES (which, told) ON CONFLICT (post_id) DO NOTHING;
    IF NOT FOUND THEN
        SELECT status INTO told FROM post_statuses WHERE post_id = which FOR UPDATE;
    END IF;
    SELECT p.tenant_id, p.revision, p.scheduled_at, p.hold_reason, d.*,
        post_status(p.stage, d.statuses) AS status INTO post
    FROM posts p, LATERAL (
        SELECT array_agg(status) AS statuses, count(*) FILTER (WHERE status = 'published')
            AS published, count(*) FILTER (WHERE status = 'failed') AS failed,
            bool_or(due_at > clock_timestamp()) AS is_later
        FROM deliveries WHERE post_id = p.id) d
    WHERE p.id = which;
    IF post.status = told THEN RETURN; END IF;
    UPDATE post_statuses SET status = post.status WHERE post_id = which;
    SELECT event INTO move FROM post_moves WHERE before = told AND after = post.status;
    -- What goes out at once is told of when it is out.
    IF move IS NULL OR move = 'post.scheduled' AND NOT post.is_later THEN RETURN; END IF;
    INSERT INTO events (tenant_id, kind, subject, data) VALUES (post.tenant_id, move,
        'pst_' || replace(which::text, '-', ''), jsonb_build_object('status', post.status,
        'revision', post.revision, 'reason', post.hold_reason, 'published', post.published,
        'failed', post.failed, 'scheduledAt', to_char(post.scheduled_at AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
END $$;

-- Most updates end no delivery, and cost a walk through the rows in memory.
CREATE FUNCTION tell_of_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_post(post_id) FROM (
        SELECT post_id FROM (SELECT post_id, status, due_at, 1 AS n FROM news
            UNION ALL SELECT post_id, status, due_at, -1 FROM olds) t
        GROUP BY post_id HAVING sum(n * (status = 'published')::int) <> 0
            OR sum(n * (status = 'failed')::int) <> 0 OR sum(n * (status = 'cancelled')::int) <> 0
            OR sum(n * (status = 'validating')::int) <> 0 AND bool_or(due_at > clock_timestamp())
        ORDER BY post_id) changed;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_tell AFTER UPDATE ON deliveries REFERENCING OLD TABLE AS olds
    NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION tell_of_deliveries();
