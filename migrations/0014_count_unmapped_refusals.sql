-- Why: a refusal that no row of an adapter's table knows is classified by its status alone. What
-- such refusals are, and how often they come, tells an operator which row is missing.
-- Expand. New table only: no lock on anything in use. Holds no tenant's data: a fingerprint is
-- made of a platform's own codes. The writer keeps it to a thousand rows a platform.

CREATE TABLE unmapped (
    platform text NOT NULL,
    endpoint text NOT NULL,
    fingerprint text NOT NULL CHECK (length(fingerprint) <= 700),
    count bigint NOT NULL DEFAULT 1 CHECK (count > 0),
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (platform, endpoint, fingerprint)
);
