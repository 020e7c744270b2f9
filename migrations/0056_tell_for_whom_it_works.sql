-- Why: processes of the version before run beside those of the next one while a fleet is upgraded.
-- A program works on a schema that is ahead of it as long as nothing was taken away that it needs;
-- `works_from` is the last migration that a program has to know for that.
-- A migration that takes something away (contract) raises it to the migration since which nobody
-- uses that thing; one that only adds (expand) leaves it alone.
-- Expand. New table only: no lock on anything in use.

CREATE TABLE schema_floor (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    works_from bigint NOT NULL,
    -- What was taken away, for whoever is refused.
    why text NOT NULL
);
INSERT INTO schema_floor (works_from, why) VALUES (52, 'nothing was taken away');
