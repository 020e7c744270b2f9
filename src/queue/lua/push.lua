-- Pushes wake-ups; refused when memory is full, for they are safe in Postgres.
-- KEYS  1 the shard's prefix
-- ARGV  (queue id generation group lane due_ms)*, at most 500 of them
-- Reply 1
push_all(1)
return 1
