-- Why: a post that is out is published anew, as copies that are posts of their own. What became of
-- its rule is one row, each copy another, so that a process that dies makes one and not two.
-- Expand. New tables only: no lock on anything in use.

CREATE TABLE republishes (
    post_id uuid PRIMARY KEY REFERENCES posts,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- When the next copy is due.
    next_at timestamptz,
    -- Why there are no more; the words of `domain::copies::End`.
    ended_at timestamptz,
    ended_for text CHECK (ended_for IN ('done', 'until', 'missed', 'cancelled', 'archived',
        'removed', 'disconnected', 'no_variation', 'no_rule', 'broken')),
    CHECK ((ended_at IS NULL) = (ended_for IS NULL)),
    CHECK (ended_at IS NULL OR next_at IS NULL)
);

CREATE TABLE copies (
    origin_id uuid NOT NULL REFERENCES republishes,
    number int NOT NULL CHECK (number > 0),
    post_id uuid NOT NULL UNIQUE REFERENCES posts,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- When it was to be out: by its rule, or at once where that had passed.
    due_at timestamptz NOT NULL,
    PRIMARY KEY (origin_id, number)
);
