-- Why: while nobody knows whether a wording is out on an account, no equal one leaves there, or
-- the look-up would take the one for the other.
-- Expand. New table only: no lock on anything in use. Nearly always empty.

CREATE TABLE doubts (
    account_id uuid NOT NULL REFERENCES accounts,
    delivery_id uuid NOT NULL REFERENCES deliveries,
    wording_sha256 text NOT NULL,
    PRIMARY KEY (account_id, delivery_id)
);
