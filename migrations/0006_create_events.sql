-- Why: what happened, in one sequence, for operators and upstream apps.
-- Expand. New table only: no lock on anything in use.

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    kind text NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX events_by_tenant ON events (tenant_id, id);
