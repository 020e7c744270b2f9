-- Why: a key in test mode works in a world of its own, a tenant beside its tenant, so that nothing
-- of it sees or touches a live thing, and no live key one of its things.
-- Expand. A column without a default locks `tenants` for an instant.

ALTER TABLE tenants
    -- The tenant whose tests these are; one world of tests each.
    ADD COLUMN test_of uuid UNIQUE REFERENCES tenants CHECK (test_of <> id);
