//! The processes that serve: a replica, a gateway, a single store.

use crate::cli::{GatewayArgs, ReplicaArgs, SingleArgs};
use crate::config::{GatewayFile, ReplicaFile};
use crate::gateway::{Gateway, Options};
use crate::liar::Liar;
use crate::problem::Problem;
use crate::replicated::{Members, Replicated};
use crate::single::Single;
use quorate_std::{Client, ClientError, Replica, SpawnError};
use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, TcpListener};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Runs a replica until it cannot go on.
///
/// # Errors
/// Why it does not start, or why it ended.
pub fn replica(arguments: &ReplicaArgs) -> Result<(), Problem> {
    let mut config = ReplicaFile::load(&arguments.config)?;
    config.recover = arguments.recover;
    config.record.clone_from(&arguments.record);
    if arguments.control_stdin {
        let lying = Arc::new(AtomicBool::new(false));
        config.tamper = Some(Box::new(Liar::new(Arc::clone(&lying))));
        obey(lying)?;
    }
    let (me, application) = (config.me, Replicated::new(&config.cluster));
    let shown = arguments.config.display();
    let replica = Replica::spawn(config, application).map_err(|error| match error {
        SpawnError::System(_) => Problem::failed(error),
        _ => Problem::configuration(format!("{shown}: {error}")),
    })?;
    say(&format!("ready: replica {}", me.0))?;
    replica
        .wait()
        .map_err(|error| Problem::failed(format!("replica {} has stopped: {error}", me.0)))
}

/// Takes orders from standard input: the line `lie` turns the switch on, its end ends the
/// process at once, as a crash would. So a replica never outlives who started it.
fn obey(lying: Arc<AtomicBool>) -> Result<(), Problem> {
    let listen = move || {
        for line in io::stdin().lock().lines() {
            match line.as_deref() {
                Ok("lie") => lying.store(true, Ordering::Relaxed),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        process::exit(0);
    };
    thread::Builder::new().name("control".to_owned()).spawn(listen).map_err(Problem::failed)?;
    Ok(())
}

/// Runs a gateway to a cluster until it cannot go on.
///
/// # Errors
/// Why it does not start, or why it ended.
pub fn gateway(arguments: &GatewayArgs) -> Result<(), Problem> {
    let (cluster, sessions) = GatewayFile::load(&arguments.config)?;
    let listener = listen(arguments.listen)?;
    let count = sessions.len();
    let (retry, give_up) = (arguments.retry_ms, arguments.give_up_ms);
    if retry == 0 || give_up < retry {
        let sentence = "--retry-ms must be above 0 and not above --give-up-ms";
        return Err(Problem::configuration(sentence));
    }
    let (retry, give_up) = (Duration::from_millis(retry), Duration::from_millis(give_up));
    let shown = arguments.config.display();
    let client = Client::spawn(cluster.clone(), sessions, Members::options(retry, give_up))
        .map_err(|error| match error {
            ClientError::System(_) => Problem::failed(error),
            _ => Problem::configuration(format!("{shown}: {error}")),
        })?;
    let backend = Members::new(client, &cluster, count);
    let options = Options { bundles: arguments.bundles.max(1), ..Options::default() };
    serve(Gateway::spawn(listener, backend, options))
}

/// Runs a gateway to a store in this very process.
///
/// # Errors
/// Why it does not start, or why it ended.
pub fn single(arguments: &SingleArgs) -> Result<(), Problem> {
    let listener = listen(arguments.listen)?;
    let data = arguments.data.display();
    let single = Single::open(&arguments.data).map_err(|error| {
        Problem::configuration(format!("cannot use the log in {data}: {error}"))
    })?;
    serve(Gateway::spawn(listener, single, Options::default()))
}

fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    TcpListener::bind(address)
        .map_err(|error| Problem::configuration(format!("cannot listen at {address}: {error}")))
}

fn serve(gateway: io::Result<Gateway>) -> Result<(), Problem> {
    let gateway =
        gateway.map_err(|error| Problem::failed(format!("the gateway cannot start: {error}")))?;
    let address = gateway.address();
    say(&format!("ready: redis-cli -h {} -p {}", address.ip(), address.port()))?;
    gateway.wait().map_err(|error| Problem::failed(format!("the gateway has stopped: {error}")))
}

/// Prints a line for whoever waits for it.
fn say(line: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Problem::failed)
}
