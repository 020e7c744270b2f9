-- Why: a large file comes in parts, over broken connections, to whichever replica answers; or past
-- us, to an address that we gave out. What has come so far is told by rows.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE uploads (
    -- Of the asset that it becomes.
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    way text NOT NULL CHECK (way IN ('resumable', 'presigned')),
    brought_by text NOT NULL,
    -- How much is to come, where that was said, and how much has.
    size_bytes bigint CHECK (size_bytes > 0),
    offset_bytes bigint NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0),
    -- What the sender says of it, given back as it is.
    metadata text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    -- Since when it is an asset.
    ended_at timestamptz,
    CHECK ((way = 'resumable') <= (size_bytes IS NOT NULL)),
    CHECK (offset_bytes <= size_bytes)
);
CREATE INDEX uploads_by_tenant ON uploads (tenant_id) WHERE ended_at IS NULL;

CREATE TABLE upload_parts (
    upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    offset_bytes bigint NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    -- What it is called in the storage.
    name text NOT NULL,
    PRIMARY KEY (upload_id, offset_bytes)
);
