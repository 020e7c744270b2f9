-- Why: what was tried for a delivery, so that a person can be told. The settle that is written
-- anyway carries its lines along, one row each; nothing of it is ever read by a worker.
-- Expand. New table only: no lock on anything in use.

CREATE TABLE timeline (
    id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL,
    -- Without REFERENCES: the statement that writes it has just updated that delivery.
    delivery_id uuid NOT NULL,
    -- The lease whose lines these are, and the role of the worker that held it.
    epoch bigint NOT NULL,
    role text NOT NULL CHECK (role IN ('publish', 'reconcile', 'person')),
    -- The version, and the lines in the order in which they happened.
    lines jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (delivery_id, id)
) WITH (fillfactor = 100);
