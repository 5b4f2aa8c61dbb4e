//! `proof`: what a file of evidence shows.

use crate::cli::ProofArgs;
use crate::config::read_cluster;
use crate::problem::Problem;
use quorate::ed25519::Ed25519;
use quorate::fault::{Evidence, Excuse, Finding, verify};
use quorate::{Principal, wire};
use serde_json::json;
use std::fs;

/// Judges the evidence and prints the verdict.
///
/// # Errors
/// A file that is no evidence, or shows nothing about this cluster.
pub fn run(arguments: &ProofArgs) -> Result<(), Problem> {
    let cluster = read_cluster(&arguments.cluster)?;
    let path = arguments.file.display();
    let bytes = fs::read(&arguments.file)
        .map_err(|error| Problem::configuration(format!("cannot read {path}: {error}")))?;
    let evidence = wire::decode::<Evidence<'_>>(&bytes)
        .map_err(|error| Problem::failed(format!("{path} is no evidence: {error}")))?;
    let found = verify(&evidence, &cluster.roster(), &Ed25519)
        .map_err(|error| Problem::failed(format!("{path} shows nothing: {error}")))?;
    println!("{}", if arguments.json { to_json(found) } else { to_text(found) });
    Ok(())
}

fn to_text(found: Finding) -> String {
    let Finding { who, fault, excuse } = found;
    let who = match who {
        Principal::Node(node) => format!("replica {}", node.0),
        Principal::Client(client) => format!("client {}", client.0),
    };
    let excuse = match excuse {
        Some(Excuse::LostMemory) => "; it may have lost its memory in between",
        Some(Excuse::DamagedState) => "; its state may have been damaged and repaired in between",
        _ => "",
    };
    format!("{who} {fault}{excuse}")
}

fn to_json(found: Finding) -> String {
    let (kind, id) = principal(found.who);
    let fault = format!("{:?}", found.fault);
    let excuse = found.excuse.map(|excuse| format!("{excuse:?}"));
    json!({ "who": kind, "id": id, "fault": fault, "excuse": excuse }).to_string()
}

/// A principal as JSON has it.
pub(crate) const fn principal(who: Principal) -> (&'static str, u16) {
    match who {
        Principal::Node(node) => ("replica", node.0 as u16),
        Principal::Client(client) => ("client", client.0),
    }
}
