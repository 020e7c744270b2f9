-- Why: operators are told of tokens that are about to end though their renewal should be long over,
-- without a walk over all accounts each time. Those that live for hours are late minutes before
-- their end, those that live for months a day before.
-- Expand. Building the indexes keeps renewals waiting (SHARE lock on `credentials`): seconds a
-- million.

CREATE INDEX credentials_by_end ON credentials (expires_at);
CREATE INDEX credentials_lasting_by_end ON credentials (expires_at)
    WHERE expires_at - refreshed_at > interval '2 days';
