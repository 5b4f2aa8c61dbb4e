//! The commands that the gateway answers itself.

use crate::command::{self, COMMANDS, Local, Spec};
use crate::glob;
use crate::reply::{Protocol, Reply, Written};

/// What one connection has chosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    /// The number of the connection, for HELLO.
    pub id: usize,
    /// The version of the protocol that it speaks.
    pub protocol: Protocol,
    /// Whether it asked to be closed once everything before is answered.
    pub closing: bool,
}

/// What INFO tells.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What executes the commands.
    pub backend: String,
    /// The port that Redis clients connect to.
    pub port: u16,
    /// Seconds since the start.
    pub uptime: u64,
    /// Open connections.
    pub connections: usize,
    /// Connections since the start.
    pub accepted: u64,
    /// Commands since the start.
    pub commands: u64,
    /// Bundles since the start.
    pub bundles: u64,
    /// Commands in bundles since the start.
    pub bundled: u64,
}

/// The settings that CONFIG GET tells: those that clients ask for on their own.
const SETTINGS: [(&str, &str); 5] = [
    ("appendonly", "yes"),
    ("databases", "1"),
    ("maxmemory", "0"),
    ("proto-max-bulk-len", "524288"),
    ("save", ""),
];

/// Answers a command whose number of arguments was checked; `arguments` are those behind its
/// name. The reply is appended to `out`.
pub fn answer(
    command: Local,
    arguments: &[&[u8]],
    session: &mut Session,
    facts: &Facts,
    out: &mut Vec<u8>,
) {
    let mut reply = Reply::new(out, usize::MAX);
    // There is room without end, so no reply fails.
    let _: Written = match command {
        Local::Command => on_command(arguments, session.protocol, &mut reply),
        Local::Config => on_config(arguments, session.protocol, &mut reply),
        Local::Echo => reply.bulk(arguments.first().copied().unwrap_or_default()),
        Local::Hello => on_hello(arguments, session, &mut reply),
        Local::Info => reply.bulk(info(facts).as_bytes()),
        Local::Ping => match arguments {
            [] => reply.status("PONG"),
            [text] => reply.bulk(text),
            _ => wrong_arity(b"ping", &mut reply),
        },
        Local::Quit => {
            session.closing = true;
            reply.ok()
        }
        Local::Select => match arguments {
            [b"0"] => reply.ok(),
            _ => reply.error(b"ERR DB index is out of range"),
        },
    };
}

fn wrong_arity(name: &[u8], reply: &mut Reply<'_>) -> Written {
    match command::find(name) {
        Some(spec) => reply.error(&command::wrong_arity(spec)),
        None => reply.error(&command::unknown(name)),
    }
}

fn on_hello(arguments: &[&[u8]], session: &mut Session, reply: &mut Reply<'_>) -> Written {
    let protocol = match arguments.first().copied() {
        None => session.protocol,
        Some(b"2") => Protocol::Resp2,
        Some(b"3") => Protocol::Resp3,
        Some(_) => return reply.error(b"NOPROTO unsupported protocol version"),
    };
    let mut rest = arguments.get(1..).unwrap_or_default();
    while let [option, after @ ..] = rest {
        rest = match after {
            [_, after @ ..] if option.eq_ignore_ascii_case(b"setname") => after,
            [_, _, ..] if option.eq_ignore_ascii_case(b"auth") => {
                return reply.error(b"ERR AUTH called but this gateway has no passwords");
            }
            _ => return reply.error(b"ERR Syntax error in HELLO"),
        };
    }
    session.protocol = protocol;
    reply.map(protocol, 7)?;
    for (name, value) in [("server", "quorate-kv"), ("version", env!("CARGO_PKG_VERSION"))] {
        reply.bulk(name.as_bytes())?;
        reply.bulk(value.as_bytes())?;
    }
    reply.bulk(b"proto")?;
    reply.integer(if protocol == Protocol::Resp3 { 3 } else { 2 })?;
    reply.bulk(b"id")?;
    reply.count(session.id)?;
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes())?;
        reply.bulk(value.as_bytes())?;
    }
    reply.bulk(b"modules")?;
    reply.array(0)
}

fn on_config(arguments: &[&[u8]], protocol: Protocol, reply: &mut Reply<'_>) -> Written {
    let Some((action, patterns)) = arguments.split_first() else {
        return wrong_arity(b"config", reply);
    };
    if !action.eq_ignore_ascii_case(b"get") {
        return reply.error(b"ERR CONFIG has only GET: settings are given when a process starts");
    }
    if patterns.is_empty() {
        return reply.error(b"ERR wrong number of arguments for 'config|get' command");
    }
    let asked = |name: &str| {
        let matches =
            |pattern: &&[u8]| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes());
        patterns.iter().any(matches)
    };
    let found: Vec<_> = SETTINGS.iter().filter(|(name, _)| asked(name)).collect();
    reply.map(protocol, found.len())?;
    for (name, value) in found {
        reply.bulk(name.as_bytes())?;
        reply.bulk(value.as_bytes())?;
    }
    Ok(())
}

fn on_command(arguments: &[&[u8]], protocol: Protocol, reply: &mut Reply<'_>) -> Written {
    let Some((action, names)) = arguments.split_first() else {
        reply.array(COMMANDS.len())?;
        return COMMANDS.iter().try_for_each(|spec| describe(spec, reply));
    };
    match action.to_ascii_lowercase().as_slice() {
        b"count" if names.is_empty() => reply.count(COMMANDS.len()),
        b"list" if names.is_empty() => {
            reply.array(COMMANDS.len())?;
            COMMANDS.iter().try_for_each(|spec| reply.bulk(spec.name.as_bytes()))
        }
        b"info" if names.is_empty() => on_command(&[], protocol, reply),
        b"info" => {
            reply.array(names.len())?;
            names.iter().try_for_each(|name| match command::find(name) {
                Some(spec) => describe(spec, reply),
                None if protocol == Protocol::Resp2 => reply.null_array(),
                None => reply.null(),
            })
        }
        b"docs" => {
            let asked = |spec: &&Spec| {
                names.is_empty()
                    || names.iter().any(|name| name.eq_ignore_ascii_case(spec.name.as_bytes()))
            };
            let found: Vec<_> = COMMANDS.iter().filter(asked).collect();
            reply.map(protocol, found.len())?;
            found.into_iter().try_for_each(|spec| document(spec, protocol, reply))
        }
        _ => reply.error(b"ERR unknown subcommand of COMMAND"),
    }
}

fn describe(spec: &Spec, reply: &mut Reply<'_>) -> Written {
    reply.array(6)?;
    reply.bulk(spec.name.as_bytes())?;
    reply.integer(spec.arity.into())?;
    reply.array(spec.flags.len())?;
    spec.flags.iter().try_for_each(|flag| reply.status(flag))?;
    let (first, last, step) = spec.keys;
    [first, last, step].into_iter().try_for_each(|number| reply.integer(number.into()))
}

fn document(spec: &Spec, protocol: Protocol, reply: &mut Reply<'_>) -> Written {
    reply.bulk(spec.name.as_bytes())?;
    reply.map(protocol, 2)?;
    for (name, value) in [("summary", spec.summary), ("group", "string")] {
        reply.bulk(name.as_bytes())?;
        reply.bulk(value.as_bytes())?;
    }
    Ok(())
}

fn info(facts: &Facts) -> String {
    format!(
        "# Server\r\nserver_name:quorate-kv\r\nquorate_version:{version}\r\ntcp_port:{port}\r\n\
         uptime_in_seconds:{uptime}\r\nprocess_id:{process}\r\nbackend:{backend}\r\n\r\n\
         # Clients\r\nconnected_clients:{connections}\r\n\r\n\
         # Stats\r\ntotal_connections_received:{accepted}\r\n\
         total_commands_processed:{commands}\r\nbundles:{bundles}\r\n\
         commands_in_bundles:{bundled}\r\n",
        version = env!("CARGO_PKG_VERSION"),
        port = facts.port,
        uptime = facts.uptime,
        process = std::process::id(),
        backend = facts.backend,
        connections = facts.connections,
        accepted = facts.accepted,
        commands = facts.commands,
        bundles = facts.bundles,
        bundled = facts.bundled,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(session: &mut Session, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let spec = command::find(words[0]).unwrap();
        let command::Place::Gateway(local) = spec.place else { panic!("{line} is the store's") };
        let mut out = Vec::new();
        answer(local, &words[1..], session, &Facts::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hello_switches_the_protocol_and_nothing_else_does() {
        let mut session = Session::default();
        assert!(say(&mut session, "HELLO").starts_with("*14\r\n"));
        assert_eq!(say(&mut session, "HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
        assert!(say(&mut session, "HELLO 3 AUTH a b").starts_with("-ERR AUTH"));
        assert!(say(&mut session, "HELLO 3 SETNAME").starts_with("-ERR Syntax"));
        assert_eq!(session.protocol, Protocol::Resp2);
        assert!(say(&mut session, "HELLO 3 SETNAME me").starts_with("%7\r\n"));
        assert_eq!(session.protocol, Protocol::Resp3);
        assert!(say(&mut session, "HELLO").contains("$5\r\nproto\r\n:3\r\n"));
        assert!(say(&mut session, "HELLO 2").starts_with("*14\r\n"));
    }

    #[test]
    fn what_clients_ask_when_they_start_is_answered() {
        let mut session = Session::default();
        assert_eq!(say(&mut session, "PING"), "+PONG\r\n");
        assert_eq!(say(&mut session, "PING x"), "$1\r\nx\r\n");
        assert!(say(&mut session, "PING x y").starts_with("-ERR wrong number"));
        assert_eq!(say(&mut session, "ECHO x"), "$1\r\nx\r\n");
        assert_eq!(say(&mut session, "SELECT 0"), "+OK\r\n");
        assert_eq!(say(&mut session, "SELECT 1"), "-ERR DB index is out of range\r\n");
        assert_eq!(say(&mut session, "COMMAND COUNT"), format!(":{}\r\n", COMMANDS.len()));
        assert_eq!(say(&mut session, "COMMAND INFO nope"), "*1\r\n*-1\r\n");
        assert!(say(&mut session, "COMMAND").starts_with(&format!("*{}\r\n", COMMANDS.len())));
        assert!(say(&mut session, "COMMAND DOCS get").starts_with("*2\r\n$3\r\nget\r\n*4\r\n"));
        assert_eq!(say(&mut session, "CONFIG GET save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
        assert_eq!(say(&mut session, "CONFIG GET nope"), "*0\r\n");
        assert!(say(&mut session, "CONFIG SET save x").starts_with("-ERR CONFIG has only GET"));
        assert!(say(&mut session, "INFO").contains("server_name:quorate-kv\r\n"));
        assert_eq!(say(&mut session, "QUIT"), "+OK\r\n");
        assert!(session.closing);
    }
}
