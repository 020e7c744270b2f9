-- Why: users' files are listed, taken away, and go by themselves once no post needs them; what a
-- post names is found by its words, so that no file goes that one of them still needs.
-- Expand. The columns are an instant; the indices keep writers of `assets`, `posts` and
-- `deliveries` waiting while they are built (SHARE lock): seconds a million.

ALTER TABLE assets
    -- Who brought it, as the audit names people.
    ADD COLUMN brought_by text NOT NULL DEFAULT 'unknown',
    -- Since when no post may name it any more. It goes an hour later, should none have been on
    -- its way that did.
    ADD COLUMN hidden_at timestamptz;
CREATE INDEX assets_by_tenant ON assets (tenant_id, id DESC);

-- Every word of a draft that looks like the identifier of a file: in its media, in the options of
-- a platform, in the parts of a chain. One too many keeps a file longer, one too few would lose it.
CREATE FUNCTION media_named(draft jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT ARRAY(SELECT (regexp_matches(draft::text, 'med_[0-9a-f]{32}', 'g'))[1])
$$;

CREATE INDEX posts_by_media ON posts USING gin (media_named(draft))
    WHERE strpos(draft::text, 'med_') > 0;
CREATE INDEX deliveries_by_media ON deliveries USING gin (media_named(draft))
    WHERE strpos(draft::text, 'med_') > 0;

-- Files that are here already are looked at like those that come.
INSERT INTO jobs (kind, queue, subject, shard, fair_group, lane, due_at)
SELECT 'media', 'media', id, 0, tenant_id::text, 'media', clock_timestamp() + interval '30 days'
FROM assets;
