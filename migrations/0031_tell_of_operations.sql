-- Why: what was done with a post that is out is told in its timeline by a role of its own.
-- Expand. The new check takes all that the old one took; it is not proven over old rows, which the
-- old one has seen, so the table is locked for an instant only.

ALTER TABLE timeline DROP CONSTRAINT timeline_role_check;
ALTER TABLE timeline ADD CONSTRAINT timeline_role_check
    CHECK (role IN ('publish', 'reconcile', 'person', 'follow', 'repost')) NOT VALID;
