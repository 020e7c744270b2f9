-- Why: whoever writes an event owes its messages in the same transaction, so none is lost however
-- late it commits; and what becomes of a delivery is an event as well.
-- Expand. The column without a value and the triggers lock `events` and `deliveries` for an
-- instant; the index reads `events` once, and holds none of its old rows.

-- Which transaction wrote it: a reader knows by it what was not visible when he last read.
ALTER TABLE events ADD COLUMN written_in xid8;
ALTER TABLE events ALTER COLUMN written_in SET DEFAULT pg_current_xact_id();
CREATE INDEX events_by_writer ON events (written_in) WHERE written_in IS NOT NULL;

-- Takes no lock that others wait for: every message and every job is a new row. Their ids sort by
-- time, so that the relay finds the newest by the primary key.
CREATE FUNCTION owe_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE status = 'enabled') THEN RETURN NULL; END IF;
    WITH owed AS (
        INSERT INTO webhook_messages (id, webhook_id, tenant_id, event_id, stream)
        SELECT (lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
                || '7' || right(replace(gen_random_uuid()::text, '-', ''), 19))::uuid,
            w.id, n.tenant_id, n.id, coalesce(n.data->>'postId', n.subject)
        FROM news n JOIN webhooks w ON w.tenant_id = n.tenant_id AND w.status = 'enabled'
            AND CASE WHEN n.kind = 'webhook.test' THEN
                n.subject = 'whk_' || replace(w.id::text, '-', '')
            ELSE w.patterns = '{}' OR n.kind = ANY (w.patterns)
                OR split_part(n.kind, '.', 1) || '.*' = ANY (w.patterns) END
        ORDER BY n.id
        RETURNING id, webhook_id, tenant_id, stream)
    INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
    SELECT 'webhook', 'webhook', o.id, w.shard, o.tenant_id || ':webhook:' || w.id,
        webhook_lane(w.id, o.stream), clock_timestamp()
    FROM owed o JOIN webhooks w ON w.id = o.webhook_id;
    RETURN NULL;
END $$;
-- An endpoint has sixteen lanes, and so many messages under way at most.
CREATE FUNCTION webhook_lane(webhook uuid, stream text) RETURNS text IMMUTABLE
    RETURN 'hook-' || webhook || '-' || (hashtext(stream) & 15);
CREATE TRIGGER events_owe AFTER INSERT ON events REFERENCING NEW TABLE AS news
    FOR EACH STATEMENT EXECUTE FUNCTION owe_webhooks();

-- Before the post is told of: its deliveries' events then have the smaller numbers.
CREATE FUNCTION tell_each_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Most statements end no delivery.
    IF NOT EXISTS (SELECT FROM news WHERE status IN ('published', 'failed', 'cancelled', 'review'))
        THEN RETURN NULL; END IF;
    INSERT INTO events (tenant_id, kind, subject, data)
    SELECT n.tenant_id, CASE n.status WHEN 'review' THEN 'delivery.needs_review'
            ELSE 'delivery.' || n.status END, 'dlv_' || replace(n.id::text, '-', ''),
        jsonb_build_object('postId', 'pst_' || replace(n.post_id::text, '-', ''), 'accountId',
            'acc_' || replace(n.account_id::text, '-', ''), 'platform', n.platform, 'status',
            n.status, 'remoteId', n.remote_id, 'permalink', n.permalink, 'error', n.failure)
    FROM news n JOIN olds o USING (id)
    WHERE n.status IN ('published', 'failed', 'cancelled', 'review') AND n.status <> o.status
    ORDER BY n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_each_tell AFTER UPDATE ON deliveries REFERENCING OLD TABLE AS olds
    NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION tell_each_delivery();
