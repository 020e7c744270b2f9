-- Takes this shard into use under a new incarnation; gates and counters are loaded before.
-- KEYS  1 the shard's prefix
-- ARGV  1 incarnation 2 due_ms 3 subject of the beginning
-- Reply 1, or 0 when a younger incarnation has it already
local mine = incarnation()
if mine and tonumber(mine) >= tonumber(ARGV[1]) then return 0 end
call('HSET', base .. 'identity', 'incarnation', ARGV[1], 'due', ARGV[2], 'subject', ARGV[3],
  'run_id', string.match(call('INFO', 'server'), 'run_id:(%x+)'),
  'replid', string.match(call('INFO', 'replication'), 'master_replid:(%x+)'))
-- Epochs of this history start above those of an older one, up to a thousand claims a millisecond.
local seed = now * 1024
if tonumber(call('GET', base .. 'epoch') or 0) < seed then
  call('SET', base .. 'epoch', string.format('%.0f', seed))
end
call('PUBLISH', base .. 'wake', 'a')
return 1
