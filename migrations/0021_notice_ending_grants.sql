-- Why: a grant that nothing renews ends on a day that is known. Its owner is told ahead, and once
-- for each notice.
-- Expand. A column with a constant default: no rewrite, the table is locked for an instant.

ALTER TABLE credentials ADD COLUMN notices int NOT NULL DEFAULT 0;
