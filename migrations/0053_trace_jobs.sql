-- Why: one trace shows a post from the request that brought it to the platform's reply. Between the
-- processes that work on it goes the row of `jobs`, which keeps what the next one follows.
-- Expand. A column without a default locks `jobs` for an instant; it is in no index, and stays
-- null, at no cost, in a fleet that exports no traces.

ALTER TABLE jobs
    -- As the W3C writes it: version, trace, span, whether it is kept.
    ADD COLUMN traceparent text;
