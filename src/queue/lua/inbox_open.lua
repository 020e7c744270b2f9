-- Makes the group of readers where there is none yet; from the beginning, so that what was added
-- before anybody read is read too. KEYS: inboxes. Answers what kept each from being opened, or ''.
local told = {}
for at, inbox in ipairs(KEYS) do
  local made = redis.pcall('XGROUP', 'CREATE', inbox, 'ingest', '0', 'MKSTREAM')
  local why = made.err or ''
  if string.find(why, 'BUSYGROUP', 1, true) then why = '' end
  told[at] = why
end
return told
