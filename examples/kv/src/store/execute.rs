//! One function for each command. A command whose reply can be long writes it before it changes
//! anything, so that one with no room for its reply has changed nothing.

use super::{Key, MAX_KEY, MAX_VALUE, Store};
use crate::bundle::{Arguments, Command};
use crate::command::{self, Operation, Place};
use crate::glob;
use crate::reply::{Digits, Reply, Written};
use std::ops::Bound;

const NOT_INTEGER: &[u8] = b"ERR value is not an integer or out of range";
const OVERFLOW: &[u8] = b"ERR increment or decrement would overflow";
const SYNTAX: &[u8] = b"ERR syntax error";
const LONG_KEY: &[u8] = b"ERR key is longer than 1024 bytes";
const LONG_PATTERN: &[u8] = b"ERR pattern is longer than 1024 bytes";
const LONG_VALUE: &[u8] = b"ERR string exceeds maximum allowed size (524288 bytes)";

impl Store {
    /// Executes one command.
    pub(super) fn command(&mut self, command: &Command<'_>, reply: &mut Reply<'_>) -> Written {
        let (operation, arguments) = match resolve(command) {
            Ok(resolved) => resolved,
            Err(error) => return reply.error(&error),
        };
        match operation {
            Operation::Append => self.on_append(arguments, reply),
            Operation::Decr => self.add(arguments, -1, None, reply),
            Operation::Decrby => self.add(arguments, -1, Some(()), reply),
            Operation::Del => self.on_del(arguments, reply),
            Operation::Flushall => self.on_flushall(arguments, reply),
            Operation::Getset => self.on_getset(arguments, reply),
            Operation::Incr => self.add(arguments, 1, None, reply),
            Operation::Incrby => self.add(arguments, 1, Some(()), reply),
            Operation::Mset => self.on_mset(arguments, command.len() - 1, reply),
            Operation::Set => self.on_set(arguments, reply),
            _ => self.look(command, reply),
        }
    }

    /// Executes one command that changes nothing.
    pub(super) fn look(&self, command: &Command<'_>, reply: &mut Reply<'_>) -> Written {
        let (operation, arguments) = match resolve(command) {
            Ok(resolved) => resolved,
            Err(error) => return reply.error(&error),
        };
        match operation {
            Operation::Dbsize => reply.count(self.len()),
            Operation::Exists => self.on_exists(arguments, reply),
            Operation::Get => self.on_get(arguments, reply),
            Operation::Keys => self.on_keys(arguments, reply),
            Operation::Mget => self.on_mget(arguments, command.len() - 1, reply),
            Operation::Scan => self.on_scan(arguments, reply),
            Operation::Strlen => self.on_strlen(arguments, reply),
            _ => reply.error(b"ERR the command is not one that only reads"),
        }
    }

    fn on_append(&mut self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let (key, tail) = two(&mut arguments);
        let held = self.get(key).map_or(0, Vec::len);
        if held + tail.len() > MAX_VALUE {
            return reply.error(LONG_VALUE);
        }
        match self.get_mut(key) {
            Some(value) => value.extend_from_slice(tail),
            None => self.put(key, tail),
        }
        reply.count(held + tail.len())
    }

    fn on_del(&mut self, arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        reply.count(arguments.filter(|key| self.remove(key)).count())
    }

    fn on_exists(&self, arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        reply.count(arguments.filter(|key| self.get(key).is_some()).count())
    }

    fn on_flushall(&mut self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let mode = arguments.next().unwrap_or(b"sync");
        let known = mode.eq_ignore_ascii_case(b"sync") || mode.eq_ignore_ascii_case(b"async");
        if !known || arguments.next().is_some() {
            return reply.error(SYNTAX);
        }
        self.map.clear();
        self.changed.mark_all();
        reply.ok()
    }

    fn on_get(&self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let key = arguments.next().unwrap_or_default();
        reply.bulk_or_null(self.get(key).map(Vec::as_slice))
    }

    fn on_getset(&mut self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let (key, value) = two(&mut arguments);
        if value.len() > MAX_VALUE {
            return reply.error(LONG_VALUE);
        }
        reply.bulk_or_null(self.get(key).map(Vec::as_slice))?;
        self.put(key, value);
        Ok(())
    }

    fn add(
        &mut self,
        mut arguments: Arguments<'_>,
        sign: i64,
        amount: Option<()>,
        reply: &mut Reply<'_>,
    ) -> Written {
        let key = arguments.next().unwrap_or_default();
        let amount = match amount {
            None => Some(1),
            Some(()) => arguments.next().and_then(integer),
        };
        let held = self.get(key).map_or(Some(0), |value| integer(value));
        let (Some(amount), Some(held)) = (amount, held) else {
            return reply.error(NOT_INTEGER);
        };
        let sum = amount.checked_mul(sign).and_then(|amount| held.checked_add(amount));
        let Some(sum) = sum else {
            return reply.error(OVERFLOW);
        };
        self.put(key, Digits::default().of(sum));
        reply.integer(sum)
    }

    fn on_keys(&self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let pattern = arguments.next().unwrap_or_default();
        if pattern.len() > MAX_KEY {
            return reply.error(LONG_PATTERN);
        }
        // Only as many as can fit are collected; each takes six bytes at least.
        let most = reply.room() / 6 + 1;
        let keys = self.map.keys().filter(|key| glob::matches(pattern, &key.bytes));
        let keys: Vec<&Key> = keys.take(most).collect();
        list(&keys, reply)
    }

    fn on_mget(&self, arguments: Arguments<'_>, count: usize, reply: &mut Reply<'_>) -> Written {
        reply.array(count)?;
        for key in arguments {
            reply.bulk_or_null(self.get(key).map(Vec::as_slice))?;
        }
        Ok(())
    }

    fn on_mset(
        &mut self,
        mut arguments: Arguments<'_>,
        count: usize,
        reply: &mut Reply<'_>,
    ) -> Written {
        if !count.is_multiple_of(2) {
            return reply.error(b"ERR wrong number of arguments for 'mset' command");
        }
        let mut values = arguments.clone().skip(1).step_by(2);
        if values.any(|value| value.len() > MAX_VALUE) {
            return reply.error(LONG_VALUE);
        }
        for _ in 0..count / 2 {
            let (key, value) = two(&mut arguments);
            self.put(key, value);
        }
        reply.ok()
    }

    fn on_scan(&self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let cursor = arguments.next().unwrap_or_default();
        let Some(cursor) = std::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok())
        else {
            return reply.error(b"ERR invalid cursor");
        };
        let options = match ScanOptions::parse(arguments) {
            Ok(options) => options,
            Err(sentence) => return reply.error(sentence),
        };
        let (found, next) = self.page(cursor, &options);
        reply.array(2)?;
        reply.bulk(next.to_string().as_bytes())?;
        list(&found, reply)
    }

    /// The matching keys from a cursor on, and the next cursor: `count` keys are looked at, and
    /// those behind with the same hash as the last.
    fn page(&self, cursor: u64, options: &ScanOptions<'_>) -> (Vec<&Key>, u64) {
        let start = Key { hash: cursor, bytes: Vec::new() };
        let mut found = Vec::new();
        let mut last = None;
        let range = self.map.range::<Key, _>((Bound::Included(&start), Bound::Unbounded));
        for (at, (key, _)) in range.enumerate() {
            if at >= options.count && last != Some(key.hash) {
                return (found, key.hash);
            }
            last = Some(key.hash);
            if options.pattern.is_none_or(|pattern| glob::matches(pattern, &key.bytes)) {
                found.push(key);
            }
        }
        (found, 0)
    }

    fn on_set(&mut self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let (key, value) = two(&mut arguments);
        let Some(options) = SetOptions::parse(arguments) else {
            return reply.error(SYNTAX);
        };
        if value.len() > MAX_VALUE {
            return reply.error(LONG_VALUE);
        }
        if !options.get && !options.conditional() {
            self.put(key, value);
            return reply.ok();
        }
        let held = self.get(key);
        let goes = if held.is_some() { !options.if_absent } else { !options.if_present };
        if options.get {
            reply.bulk_or_null(held.map(Vec::as_slice))?;
        } else if goes {
            reply.ok()?;
        } else {
            reply.bulk_or_null(None)?;
        }
        if goes {
            self.put(key, value);
        }
        Ok(())
    }

    fn on_strlen(&self, mut arguments: Arguments<'_>, reply: &mut Reply<'_>) -> Written {
        let key = arguments.next().unwrap_or_default();
        reply.count(self.get(key).map_or(0, Vec::len))
    }
}

/// What a command is, and its arguments; else what it is answered.
fn resolve<'a>(command: &Command<'a>) -> Result<(Operation, Arguments<'a>), Vec<u8>> {
    let mut arguments = command.arguments();
    let name = arguments.next().unwrap_or_default();
    let spec = command::find(name).ok_or_else(|| command::unknown(name))?;
    if !spec.takes(command.len()) {
        return Err(command::wrong_arity(spec));
    }
    let Place::Store(operation) = spec.place else { return Err(command::unknown(name)) };
    if !keys(spec.keys, arguments.clone()).all(|key| key.len() <= MAX_KEY) {
        return Err(LONG_KEY.to_vec());
    }
    Ok((operation, arguments))
}

/// The keys among a command's arguments, as its row of the table says.
fn keys<'a>(
    (first, last, step): (i8, i8, i8),
    arguments: Arguments<'a>,
) -> impl Iterator<Item = &'a [u8]> {
    let count = match (first, last) {
        (0, _) => 0,
        (_, 1) => 1,
        _ => usize::MAX,
    };
    arguments.step_by(usize::from(step.max(1).unsigned_abs())).take(count)
}

fn two<'a>(arguments: &mut Arguments<'a>) -> (&'a [u8], &'a [u8]) {
    (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default())
}

fn list(keys: &[&Key], reply: &mut Reply<'_>) -> Written {
    reply.array(keys.len())?;
    keys.iter().try_for_each(|key| reply.bulk(&key.bytes))
}

/// A number as Redis reads one: no plus sign, no space, no leading zero.
fn integer(bytes: &[u8]) -> Option<i64> {
    let value = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (Digits::default().of(value) == bytes).then_some(value)
}

#[derive(Debug, Default)]
struct SetOptions {
    if_absent: bool,
    if_present: bool,
    get: bool,
}

impl SetOptions {
    fn parse(arguments: Arguments<'_>) -> Option<Self> {
        let mut options = Self::default();
        for option in arguments {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => options.if_absent = true,
                b"xx" => options.if_present = true,
                b"get" => options.get = true,
                _ => return None,
            }
        }
        (!(options.if_absent && options.if_present)).then_some(options)
    }

    fn conditional(&self) -> bool {
        self.if_absent || self.if_present
    }
}

#[derive(Debug)]
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
}

impl<'a> ScanOptions<'a> {
    fn parse(mut arguments: Arguments<'a>) -> Result<Self, &'static [u8]> {
        let mut options = Self { pattern: None, count: 10 };
        while let Some(option) = arguments.next() {
            let value = arguments.next().ok_or(SYNTAX)?;
            match option.to_ascii_lowercase().as_slice() {
                b"match" if value.len() > MAX_KEY => return Err(LONG_PATTERN),
                b"match" => options.pattern = Some(value),
                b"count" => {
                    let count = integer(value).ok_or(NOT_INTEGER)?;
                    options.count = usize::try_from(count).map_err(|_| SYNTAX)?;
                    if options.count == 0 {
                        return Err(SYNTAX);
                    }
                }
                _ => return Err(SYNTAX),
            }
        }
        Ok(options)
    }
}
