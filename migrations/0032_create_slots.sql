-- Why: brands live by clocks of their own; posts are placed into weekly slots of a brand or an
-- account, each slot on each day for one post.
-- Expand. A column with a constant default locks `brands` for an instant; the tables are new.

ALTER TABLE brands
    -- A name of the IANA database. Instants that are stored already do not move with it.
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC';

CREATE TABLE slot_weeks (
    -- The brand, or the account, that the slots belong to.
    owner_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    brand_id uuid NOT NULL REFERENCES brands,
    account_id uuid REFERENCES accounts,
    -- [{"day": "mon", "time": "09:30"}], by the clocks of the brand.
    slots jsonb NOT NULL,
    -- Raised by every change.
    revision int NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (owner_id = coalesce(account_id, brand_id))
);
CREATE INDEX slot_weeks_by_brand ON slot_weeks (brand_id);

CREATE TABLE placements (
    post_id uuid PRIMARY KEY REFERENCES posts DEFERRABLE INITIALLY DEFERRED,
    tenant_id uuid NOT NULL REFERENCES tenants,
    owner_id uuid NOT NULL,
    slot_at timestamptz NOT NULL,
    -- However many ask at once, a slot has one post.
    UNIQUE (owner_id, slot_at)
);
