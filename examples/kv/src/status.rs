//! `status`: what every replica says of itself.

use crate::cli::StatusArgs;
use crate::config::{GatewayFile, to_hex};
use crate::problem::Problem;
use crate::proof::principal;
use crate::replicated::Members;
use quorate::{ClientId, NodeId};
use quorate_std::{Client, StatusReport};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks all replicas and prints what they answer.
///
/// # Errors
/// A configuration that cannot work, or a replica that does not answer.
pub fn run(arguments: &StatusArgs) -> Result<(), Problem> {
    let (cluster, sessions) = GatewayFile::load_status(&arguments.config)?;
    let (nodes, addresses) = (cluster.nodes.len(), cluster.addresses.clone());
    let timeout = Duration::from_millis(arguments.timeout_ms);
    let options = Members::options(timeout, timeout);
    let client = Client::spawn(cluster, sessions, options).map_err(Problem::configuration)?;
    let ask = |node: usize| client.status(NodeId(node as u8), timeout).ok();
    let reports: Vec<Option<StatusReport>> = (0..nodes).map(ask).collect();
    if arguments.json {
        let rows = reports.iter().enumerate();
        let rows: Vec<Value> = rows.map(|(node, report)| to_json(node, report.as_ref())).collect();
        println!("{}", Value::from(rows));
    } else {
        for ((node, report), address) in reports.iter().enumerate().zip(addresses) {
            match report {
                Some(report) => println!("{}", to_text(report)),
                None => println!("replica {node} at {address}: no answer"),
            }
        }
    }
    let silent = reports.iter().filter(|report| report.is_none()).count();
    if silent == 0 {
        return Ok(());
    }
    Err(Problem::failed(format!("{silent} of {nodes} replicas did not answer")))
}

/// A report for a reader.
pub(crate) fn to_text(report: &StatusReport) -> String {
    let activity = match (report.recovering, report.active) {
        (true, _) => " (recovering from the loss of its log)",
        (false, true) => "",
        (false, false) if report.alone => " (asks for it alone: votes on nothing until the next)",
        (false, false) => " (changing to it)",
    };
    let digest = report.digest.map_or("unknown".to_owned(), |digest| to_hex(&digest.0));
    let peers: Vec<String> = report
        .peers
        .iter()
        .map(|peer| format!("{}{}", peer.node.0, if peer.connected { "" } else { " (away)" }))
        .collect();
    let faults: Vec<String> = report
        .faults
        .iter()
        .map(|(node, fault, count)| format!("replica {}: {fault} {count} times", node.0))
        .collect();
    let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
    let notes: String = report.notes.iter().map(|note| format!("\n  note        {note}")).collect();
    format!(
        "replica {}\n  view        {}{activity}\n  executed    {}\n  checkpoint  {}\n  \
         digest      {digest}\n  peers       {}\n  faults      {faults}\n  disk        {} \
         bytes{notes}",
        report.node.0,
        report.view,
        report.executed,
        report.stable,
        peers.join(", "),
        report.log_bytes,
    )
}

fn to_json(node: usize, report: Option<&StatusReport>) -> Value {
    let Some(report) = report else {
        return json!({ "node": node, "answered": false });
    };
    let peer = |peer: &quorate_std::PeerStatus| {
        json!({
            "node": peer.node.0,
            "connected": peer.connected,
            "queued_bytes": peer.queued_bytes,
            "dropped": peer.dropped,
        })
    };
    let fault = |row: &(NodeId, String, u64)| {
        let (node, fault, count) = row;
        json!({ "node": node.0, "fault": fault, "count": count })
    };
    let faulty_client = |row: &(ClientId, String, u64)| {
        let (client, fault, count) = row;
        json!({ "client": client.0, "fault": fault, "count": count })
    };
    let proof = |proof: &quorate_std::ProofStatus| {
        let (kind, id) = principal(proof.who);
        let (fault, excuse, file) = (&proof.fault, &proof.excuse, &proof.file);
        json!({
            "who": kind,
            "id": id,
            "fault": fault,
            "excuse": excuse,
            "file": file,
        })
    };
    json!({
        "node": node,
        "answered": true,
        "view": report.view,
        "active": report.active,
        "recovering": report.recovering,
        "alone": report.alone,
        "executed": report.executed,
        "checkpoint": report.stable,
        "digest": report.digest.map(|digest| to_hex(&digest.0)),
        "peers": report.peers.iter().map(peer).collect::<Vec<_>>(),
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
        "client_faults": report.client_faults,
        "disk_bytes": report.log_bytes,
        "notes": report.notes,
        "faulty_clients": report.faulty_clients.iter().map(faulty_client).collect::<Vec<_>>(),
        "proofs": report.proofs.iter().map(proof).collect::<Vec<_>>(),
    })
}
