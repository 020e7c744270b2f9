-- Everything that gates say at the moment, for a process that has missed messages.
-- KEYS  1 the shard's prefix
-- Reply (scope_key until_ms)*
return call('HGETALL', base .. 'gates')
