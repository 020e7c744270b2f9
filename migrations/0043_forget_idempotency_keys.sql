-- Why: an Idempotency-Key serves for 72 hours and can then stand for another request; what a caller
-- names as its own reference (`clientRef`) stands for one post for ever. Both are claims on the
-- same table: a reference is kept under a name that no header can carry.
-- Expand. Adding a constant default rewrites nothing (ACCESS EXCLUSIVE lock, an instant).

ALTER TABLE idempotency_keys ADD COLUMN is_for_ever boolean NOT NULL DEFAULT false;
