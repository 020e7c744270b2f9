-- Why: a repost is one of the posts that the owner of an account allows a day, so a Redis that was
-- lost has to be told of those of the last day.
-- Expand. The index keeps writers of `reposts` waiting while it is built (SHARE lock): a
-- second a million, and there are few of them.

CREATE INDEX reposts_by_end ON reposts (ended_at) WHERE status = 'published';
