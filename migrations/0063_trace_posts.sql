-- Why: a message to an endpoint stands in the trace of the post that it tells of, long after the
-- wake-ups that led from one to the other are gone.
-- Expand. A column without a default locks `posts` for an instant; it is in no index, and stays
-- null, at no cost, in a fleet that exports no traces.

ALTER TABLE posts
    -- As the W3C writes it: version, trace, span, whether it is kept.
    ADD COLUMN traceparent text;
