-- Why: what failed for a common cause is counted and sent again in one action, post by post, also
-- where millions of deliveries lie beside it.
-- Expand. Building the index keeps writers of `deliveries` waiting (SHARE lock): seconds a million.
-- It holds failed deliveries alone, and names no column that changes while one goes out, so that
-- those updates stay inside their page.

CREATE INDEX deliveries_by_failure ON deliveries (tenant_id, post_id)
    WHERE failed_stage IS NOT NULL;
