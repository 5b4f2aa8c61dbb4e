//! The table of commands: names, arity, where each is answered, and one line of documentation.

/// Where a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By the replicas, in the agreed order.
    Store(Operation),
    /// By the gateway, which keeps its place among the connection's other commands.
    Gateway(Local),
}

/// The commands of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the Redis command of its name; the table documents them")]
pub enum Operation {
    Append,
    Dbsize,
    Decr,
    Decrby,
    Del,
    Exists,
    Flushall,
    Get,
    Getset,
    Incr,
    Incrby,
    Keys,
    Mget,
    Mset,
    Scan,
    Set,
    Strlen,
}

/// The commands of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the Redis command of its name; the table documents them")]
pub enum Local {
    Command,
    Config,
    Echo,
    Hello,
    Info,
    Ping,
    Quit,
    Select,
}

/// What is known about a command.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name in lower case.
    pub name: &'static str,
    /// How many arguments it takes, its name included; at least that many if negative.
    pub arity: i8,
    /// What it does to the data, in Redis's words.
    pub flags: &'static [&'static str],
    /// The first key, the last one (negative: from the end), and the step between keys.
    pub keys: (i8, i8, i8),
    /// One line that says what it does.
    pub summary: &'static str,
    /// Who answers it.
    pub place: Place,
}

impl Spec {
    /// Whether a command may have this many arguments, its name included.
    #[must_use]
    pub fn takes(&self, arguments: usize) -> bool {
        let needed = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { arguments >= needed } else { arguments == needed }
    }

    /// Whether it is a command of the store that changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(self.place, Place::Store(_)) && self.flags.contains(&"readonly")
    }
}

/// The longest name of a command.
const LONGEST: usize = 8;

/// The command of this name, in any case; `None` if there is none.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Spec> {
    if name.len() > LONGEST {
        return None;
    }
    let mut lower = [0; LONGEST];
    let lower = &mut lower[..name.len()];
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let at = COMMANDS.binary_search_by(|spec| spec.name.as_bytes().cmp(lower)).ok()?;
    COMMANDS.get(at)
}

/// What to say about a command that is not in the table.
#[must_use]
pub fn unknown(name: &[u8]) -> Vec<u8> {
    let name = &name[..name.len().min(128)];
    [b"ERR unknown command '", name, b"'"].concat()
}

/// What to say about a command with the wrong number of arguments.
#[must_use]
pub fn wrong_arity(spec: &Spec) -> Vec<u8> {
    format!("ERR wrong number of arguments for '{}' command", spec.name).into_bytes()
}

const READ: &[&str] = &["readonly", "fast"];
const SLOW_READ: &[&str] = &["readonly"];
const WRITE: &[&str] = &["write", "denyoom", "fast"];
const REMOVE: &[&str] = &["write"];
const CONNECTION: &[&str] = &["fast", "loading", "stale"];
const NO_KEYS: (i8, i8, i8) = (0, 0, 0);
const ONE_KEY: (i8, i8, i8) = (1, 1, 1);
const ALL_KEYS: (i8, i8, i8) = (1, -1, 1);

const fn store(
    name: &'static str,
    arity: i8,
    flags: &'static [&'static str],
    keys: (i8, i8, i8),
    operation: Operation,
    summary: &'static str,
) -> Spec {
    Spec { name, arity, flags, keys, summary, place: Place::Store(operation) }
}

const fn local(name: &'static str, arity: i8, command: Local, summary: &'static str) -> Spec {
    let place = Place::Gateway(command);
    Spec { name, arity, flags: CONNECTION, keys: NO_KEYS, summary, place }
}

/// All commands, sorted by name.
pub const COMMANDS: &[Spec] = &[
    store("append", 3, WRITE, ONE_KEY, Operation::Append, "Appends to the value of a key."),
    local("command", -1, Local::Command, "Describes the commands."),
    local("config", -2, Local::Config, "CONFIG GET tells settings; they cannot be set."),
    store("dbsize", 1, READ, NO_KEYS, Operation::Dbsize, "Counts the keys."),
    store("decr", 2, WRITE, ONE_KEY, Operation::Decr, "Takes one from a number."),
    store("decrby", 3, WRITE, ONE_KEY, Operation::Decrby, "Takes an amount from a number."),
    store("del", -2, REMOVE, ALL_KEYS, Operation::Del, "Removes keys."),
    local("echo", 2, Local::Echo, "Says the same."),
    store("exists", -2, READ, ALL_KEYS, Operation::Exists, "Counts which of the keys exist."),
    store("flushall", -1, REMOVE, NO_KEYS, Operation::Flushall, "Removes all keys."),
    store("get", 2, READ, ONE_KEY, Operation::Get, "The value of a key."),
    store("getset", 3, WRITE, ONE_KEY, Operation::Getset, "Sets a key and returns what it was."),
    local("hello", -1, Local::Hello, "Chooses the version of the protocol, 2 or 3."),
    store("incr", 2, WRITE, ONE_KEY, Operation::Incr, "Adds one to a number."),
    store("incrby", 3, WRITE, ONE_KEY, Operation::Incrby, "Adds an amount to a number."),
    local("info", -1, Local::Info, "Tells about this gateway."),
    store("keys", 2, SLOW_READ, NO_KEYS, Operation::Keys, "The keys that match a pattern."),
    store("mget", -2, READ, ALL_KEYS, Operation::Mget, "The values of several keys."),
    store("mset", -3, WRITE, (1, -1, 2), Operation::Mset, "Sets several keys at once."),
    local("ping", -1, Local::Ping, "Answers PONG."),
    local("quit", -1, Local::Quit, "Closes the connection."),
    store("scan", -2, SLOW_READ, NO_KEYS, Operation::Scan, "The keys, some at a time."),
    local("select", 2, Local::Select, "Chooses the database: there is one, 0."),
    store("set", -3, WRITE, ONE_KEY, Operation::Set, "Sets a key; NX, XX and GET as in Redis."),
    store("strlen", 2, READ, ONE_KEY, Operation::Strlen, "The length of a value."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        for spec in COMMANDS {
            assert!(spec.name.len() <= LONGEST, "{}", spec.name);
            assert_eq!(find(spec.name.to_uppercase().as_bytes()).unwrap().name, spec.name);
        }
        for none in [&b""[..], b"ge", b"gets", b"flushallnow", b"\xff", b"get\0"] {
            assert!(find(none).is_none());
        }
    }

    #[test]
    fn arity_counts_the_name() {
        assert!(find(b"get").unwrap().takes(2));
        assert!(!find(b"get").unwrap().takes(3));
        assert!(find(b"del").unwrap().takes(9));
        assert!(!find(b"del").unwrap().takes(1));
    }
}
