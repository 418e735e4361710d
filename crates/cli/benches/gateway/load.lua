-- Requests mobile tokens for one user after the other. Each line of the file in the first argument is a header that
-- authenticates one of them.

local posts, latest = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local name, value = line:match("^([^:]+): (.*)$")
    table.insert(posts, wrk.format("POST", nil, { [name] = value }, ""))
  end
end

function request()
  latest = latest % #posts + 1
  return posts[latest]
end

-- The last line is the result, with times in microseconds.
function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"answers":%d,"took_us":%d,"failures":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests,
    summary.duration,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    latency:percentile(50),
    latency:percentile(99)
  ))
end
