-- Compare and swap of lease and ledger. KEYS: the hash, the stream. ARGV: the channel, the write's nonce, whether the lease
-- is written (1, 0), the lease's version expected (empty: none), the record, the ledger's version expected, the tip, the
-- place of the first entry, and the entries.
--
-- Versions are nonces of writes: counted ones would come back with other content after a failover that lost some.
--
-- A script is not undone where it fails half way. So everything is looked at first; the first write of all changes nothing
-- that is read, and tells whether this user may write here and the server takes writes now (a script that has written is
-- not refused for want of memory any more); the second is the one that the stream itself can refuse.
local hash, stream = KEYS[1], KEYS[2]
local channel, nonce, writes_lease = ARGV[1], ARGV[2], ARGV[3] == '1'
local first, entries = tonumber(ARGV[8]), #ARGV - 8

-- As the error of a command, and not of a script, which Redis 6 and 7 word differently; with the command's name, which the
-- server's own words leave out.
local function refused(answer, command)
  return { err = (string.gsub(answer.err, '^%-?(%u+) ', '%1 ' .. command .. ': ', 1)) }
end

local held = redis.pcall('HMGET', hash, 'layout', 'lease', 'ledger')
if held.err then return refused(held, 'HMGET') end
if not held[1] then
  local fields = redis.pcall('HLEN', hash)
  if type(fields) == 'table' then return refused(fields, 'HLEN') end
  if fields > 0 then return 'foreign' end
elseif held[1] ~= '1' then
  return 'newer'
end
if not held[2] or not held[3] then
  local parts = redis.pcall('HMGET', hash, 'record', 'tip')
  if parts.err then return refused(parts, 'HMGET') end
  if (parts[1] and not held[2]) or (parts[2] and not held[3]) then return 'foreign' end
end
local lease, ledger = held[2] or '', held[3] or ''

if (not writes_lease or lease == nonce) and (entries == 0 or ledger == nonce) then return 'won' end
if writes_lease and lease ~= ARGV[4] then return 'lost' end
if entries > 0 and ledger ~= ARGV[6] then return 'lost' end

if entries > 0 then
  local last = redis.pcall('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if last.err then return refused(last, 'XREVRANGE') end
  if last[1] and tonumber(string.match(last[1][1], '^%d+')) >= first then return 'ahead' end
end

local function id(n) return string.format('%d-0', n) end
if writes_lease then lease = nonce end
if entries > 0 then ledger = nonce end
-- Nobody hears of it before the script has ended.
local told = redis.pcall('PUBLISH', channel, lease .. ' ' .. ledger)
if type(told) == 'table' then return refused(told, 'PUBLISH') end
local marked = redis.pcall('HSET', hash, 'layout', '1')
if type(marked) == 'table' then return refused(marked, 'HSET') end
for i = 1, entries do
  local added = redis.pcall('XADD', stream, id(first + i - 1), 'entry', ARGV[8 + i])
  if type(added) == 'table' and added.err then return refused(added, 'XADD') end
end
if writes_lease then redis.call('HSET', hash, 'record', ARGV[5], 'lease', nonce) end
if entries > 0 then redis.call('HSET', hash, 'tip', ARGV[7], 'ledger', nonce) end
return 'won'
