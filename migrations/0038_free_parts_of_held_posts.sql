-- Why: a hold reaches no chain any more of which a part is out. What the version before had stopped
-- between two parts has no wake-up, so it is checked again with the rest of its post when that is
-- released.
-- Expand. It locks the rows of such deliveries alone, and finds them among those that have not
-- ended.

UPDATE deliveries d SET status = 'validating', revision = d.revision + 1,
    updated_at = clock_timestamp()
FROM posts p
WHERE p.id = d.post_id AND p.stage = 'held' AND d.status IN ('scheduled', 'ready')
    AND NOT EXISTS (SELECT FROM jobs j WHERE j.subject = d.id AND j.kind = 'publish')
    AND (d.remote_id IS NOT NULL OR EXISTS (
        SELECT FROM attempts t WHERE t.delivery_id = d.id
            AND (t.outcome = 'found' OR t.outcome = 'replied' AND t.http_status < 300)));
