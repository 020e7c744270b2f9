-- Why: posts are sought by their words, by what they failed of and by when they are due, among the
-- posts of one tenant.
-- Expand. Functions, and one index whose building keeps writers of `posts` waiting (SHARE lock):
-- a minute a million.

-- The words of a post, with its tenant as one of them, so that the index is asked for both at once.
-- The simple configuration takes words as they are: posts are written in every language. A draft
-- may be longer than any platform takes, and more words than Postgres keeps of one: twice what the
-- longest post has is enough.
CREATE FUNCTION words_within(part jsonb) RETURNS tsvector IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN length(part::text) <= 50000
        THEN jsonb_to_tsvector('simple'::regconfig, part, '["string"]') ELSE ''::tsvector END;

CREATE FUNCTION post_words(tenant uuid, draft jsonb) RETURNS tsvector IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(ARRAY['tenant:' || tenant::text])
        || to_tsvector('simple'::regconfig, left(coalesce(draft ->> 'text', ''), 50000))
        || words_within(coalesce(draft -> 'texts', '{}'))
        || words_within(coalesce(draft -> 'options', '{}'));

CREATE FUNCTION asked_words(tenant uuid, words text) RETURNS tsquery IMMUTABLE PARALLEL SAFE
    RETURN quote_literal('tenant:' || tenant::text)::tsquery
        && websearch_to_tsquery('simple'::regconfig, words);

CREATE INDEX posts_by_words ON posts USING gin (post_words(tenant_id, draft));

-- Drafts, and what is held or put away: few beside what went its way.
CREATE INDEX posts_not_live ON posts (tenant_id, stage, id DESC) WHERE stage <> 'live';
