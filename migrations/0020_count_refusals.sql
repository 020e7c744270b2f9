-- Why: one refusal disconnects nobody. What is known against the grant of an account is kept here
-- until it is renewed or connected again, and the accounts of a platform that were refused within
-- minutes are counted: many of them are an outage of the platform.
-- Expand. New table. The index on `accounts` keeps its writers waiting while it is built (SHARE
-- lock): a second for a million.

CREATE TABLE refusals (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    platform text NOT NULL,
    -- The grant whose access token was refused last.
    refused_version bigint,
    -- Calls by a fresh token: since when without a pause, and when last.
    refused_since timestamptz,
    refused_at timestamptz,
    -- Renewals of the grant: since when, and when last.
    dead_since timestamptz,
    dead_at timestamptz,
    -- The last one of both that counts for an outage.
    counted_at timestamptz,
    -- The platform's words, without secrets.
    reason text NOT NULL
);
CREATE INDEX refusals_by_platform ON refusals (platform, counted_at);
CREATE INDEX accounts_by_platform ON accounts (platform, status);
