-- Why: an account can be taken away on purpose, and its stored grant can turn out not to be what
-- was stored; both are told apart from a platform's refusal, with reason and time.
-- Expand. The check is replaced, which reads the table once under an exclusive lock: it has a row
-- per account.

ALTER TABLE accounts DROP CONSTRAINT accounts_status_check;
ALTER TABLE accounts ADD CONSTRAINT accounts_status_check
    CHECK (status IN ('connected', 'needs_reconnect', 'disconnected', 'damaged'));
-- Since when the status is what it is.
ALTER TABLE accounts ADD COLUMN status_at timestamptz NOT NULL DEFAULT clock_timestamp();
-- What its owner allowed, where the platform told.
ALTER TABLE accounts ADD COLUMN scopes text[];
