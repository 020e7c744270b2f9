-- Answers entries of a tenant's inbox and takes them out, all or nothing. KEYS: the inbox and its
-- answers. ARGV: how many answers are kept, then id, key, outcome and answer of each entry.
local call = redis.call
-- What is no stream fails here, before anything was done.
call('XLEN', KEYS[2])
local settled = 0
for at = 2, #ARGV, 4 do
  local id = ARGV[at]
  -- Whoever was too slow finds it settled by another: an entry has one answer.
  if call('XACK', KEYS[1], 'ingest', id) == 1 then
    call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'entry', id, 'key', ARGV[at + 1],
      'outcome', ARGV[at + 2], 'answer', ARGV[at + 3])
    settled = settled + 1
  end
  call('XDEL', KEYS[1], id)
end
return settled
