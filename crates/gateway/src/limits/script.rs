//! What the store runs: each script is one step that nothing comes between.
//!
//! A count is the moment at which it is level, as in the engine, in microseconds of the store's own clock (so that the
//! clocks of the gateways do not matter), counted from a moment not long ago (so that a Lua number holds fractions).
//! A count that is level says the same as none, so each key expires when it is.

use aws_lc_rs::digest;
use stockade_engine::{Ask, Told};

use super::resp::{self, Reply};

/// Decides: charges every count that has room, unless one that must has none.
const DECIDE: &str = r"
local t = redis.call('TIME')
local now = (t[1] - 1750000000) * 1000000 + t[2]
local ahead, fits, all = {}, {}, true
for i = 1, #KEYS do
  local cost, room = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  ahead[i] = math.max((tonumber(redis.call('GET', KEYS[i]) or now)) - now, 0)
  fits[i] = ahead[i] + cost <= room + 0.05
  if not fits[i] and ARGV[3 * i] == '1' then all = false end
end
local out = {}
for i = 1, #KEYS do
  local cost = tonumber(ARGV[3 * i - 2])
  if all and fits[i] and cost > 0 then
    ahead[i] = ahead[i] + cost
    redis.call('SET', KEYS[i], string.format('%.3f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000) + 1)
  end
  out[i] = (fits[i] and '1 ' or '0 ') .. string.format('%.3f', ahead[i])
end
return out
";

/// Takes over what was charged elsewhere, and tells the debts of all.
const TAKE: &str = r"
local t = redis.call('TIME')
local now = (t[1] - 1750000000) * 1000000 + t[2]
local out = {}
for i = 1, #KEYS do
  local more = tonumber(ARGV[i])
  local ahead = math.max((tonumber(redis.call('GET', KEYS[i]) or now)) - now, 0)
  if more ~= 0 then
    ahead = math.min(math.max(ahead + more, 0), 31622400000000)
    if ahead > 0 then
      redis.call('SET', KEYS[i], string.format('%.3f', now + ahead), 'PX', math.ceil(ahead / 1000) + 1)
    else
      redis.call('DEL', KEYS[i])
    end
  end
  out[i] = string.format('%.3f', ahead)
end
return out
";

/// Notes that a gateway is there, and counts those that were heard of in the last seconds.
const MEET: &str = r"
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[1], 3600)
return redis.call('ZCARD', KEYS[1])
";

/// Seconds after which a gateway that was not heard of does not count any more.
const HEARD_S: &str = "10";

/// Appends commands that have the store know the scripts; how many replies follow.
pub(super) fn load(out: &mut Vec<u8>) -> usize {
    for script in [DECIDE, TAKE, MEET] {
        resp::command(out, &[b"SCRIPT", b"LOAD", script.as_bytes()]);
    }
    3
}

/// Appends the question for all counts of one request.
pub(super) fn decide(out: &mut Vec<u8>, prefix: &str, asks: &[Ask]) {
    let numbers = asks.iter().flat_map(|ask| {
        [micros(ask.cost_ns), micros(ask.room_ns), if ask.must { "1".to_owned() } else { "0".to_owned() }]
    });
    call(out, DECIDE, &keys(prefix, asks.iter().map(|ask| ask.key)), &numbers.collect::<Vec<_>>());
}

/// The answers to [`decide`]; `None` when they are none.
pub(super) fn decided(reply: &Reply, count: usize) -> Option<Vec<Told>> {
    let Reply::Array(parts) = reply else { return None };
    let told: Option<Vec<Told>> = parts
        .iter()
        .map(|part| {
            let Reply::Text(text) = part else { return None };
            let (fits, ahead) = std::str::from_utf8(text).ok()?.split_once(' ')?;
            Some(Told { admitted: fits == "1", ahead_ns: nanos(ahead)? })
        })
        .collect();
    told.filter(|told| told.len() == count)
}

/// Appends what was charged.
pub(super) fn take(out: &mut Vec<u8>, prefix: &str, charges: &[(u128, i64)]) {
    let numbers = charges.iter().map(|(_, nanos)| {
        let sign = if *nanos < 0 { "-" } else { "" };
        format!("{sign}{}", micros(nanos.unsigned_abs()))
    });
    call(out, TAKE, &keys(prefix, charges.iter().map(|(key, _)| *key)), &numbers.collect::<Vec<_>>());
}

/// The debts that [`take`] is answered with, nanoseconds; `None` when they are none.
pub(super) fn taken(reply: &Reply, count: usize) -> Option<Vec<u64>> {
    let Reply::Array(parts) = reply else { return None };
    let debts: Option<Vec<u64>> = parts
        .iter()
        .map(|part| match part {
            Reply::Text(text) => nanos(std::str::from_utf8(text).ok()?),
            _ => None,
        })
        .collect();
    debts.filter(|debts| debts.len() == count)
}

/// Appends that this gateway is there.
pub(super) fn meet(out: &mut Vec<u8>, prefix: &str, name: &str) {
    call(out, MEET, &[format!("{prefix}:gateways")], &[name.to_owned(), HEARD_S.to_owned()]);
}

fn call(out: &mut Vec<u8>, script: &str, keys: &[String], arguments: &[String]) {
    let (sha, count) = (sha1(script), keys.len().to_string());
    let mut words: Vec<&[u8]> = vec![b"EVALSHA", sha.as_bytes(), count.as_bytes()];
    words.extend(keys.iter().chain(arguments).map(String::as_bytes));
    resp::command(out, &words);
}

fn keys(prefix: &str, keys: impl Iterator<Item = u128>) -> Vec<String> {
    keys.map(|key| format!("{prefix}:{key:032x}")).collect()
}

/// The name by which the store knows a script.
fn sha1(script: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}

fn nanos(micros: &str) -> Option<u64> {
    let (whole, part) = micros.split_once('.')?;
    let (whole, part): (u64, u64) = (whole.parse().ok()?, part.parse().ok()?);
    whole.checked_mul(1000)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds() {
        for value in [0, 1, 999, 1_000, 1_234_567_891] {
            assert_eq!(nanos(&micros(value)), Some(value));
        }
        assert_eq!(nanos("x"), None);
    }

    #[test]
    fn answers_of_another_form_are_none() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        let good = Reply::Array(vec![text("1 2.500"), text("0 7.000")]);
        let told = decided(&good, 2).unwrap();
        assert_eq!(told[0], Told { admitted: true, ahead_ns: 2_500 });
        assert_eq!(told[1], Told { admitted: false, ahead_ns: 7_000 });
        assert!(decided(&good, 1).is_none());
        assert!(decided(&Reply::Array(vec![text("1")]), 1).is_none());
        assert!(decided(&Reply::Error("NOSCRIPT".to_owned()), 1).is_none());
    }
}
