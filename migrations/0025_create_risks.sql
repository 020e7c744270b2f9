-- Why: what may keep a delivery from going out is told before its due time, once for each problem
-- for as long as it stands.
-- Expand. New table only: no lock on anything in use. Small: only what is due within a day and in
-- danger has rows.

CREATE TABLE risks (
    delivery_id uuid NOT NULL REFERENCES deliveries,
    -- Which problem, as `token_ends`; a second one of a kind differs in `about`.
    kind text NOT NULL,
    about text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    account_id uuid NOT NULL REFERENCES accounts,
    message text NOT NULL,
    resolution text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (delivery_id, kind, about)
);
CREATE INDEX risks_by_account ON risks (account_id);
