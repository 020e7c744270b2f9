-- Why: whoever finds something paused reads whose word it was. A limit of a platform names nobody.
-- Expand. A column without a default locks `gates` for an instant.

ALTER TABLE gates ADD COLUMN actor text CHECK (length(actor) BETWEEN 1 AND 200);
