-- Why: after an outage the late deliveries of an account leave apart and in the order of their due
-- times; the row says when the last of them left, and locks the account's slots while they are
-- given out.
-- Expand. New table only: no lock on anything in use. One row for each account that ever had a
-- late delivery.

CREATE TABLE catch_ups (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    last_at timestamptz
) WITH (fillfactor = 70);
