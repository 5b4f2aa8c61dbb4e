//! `status`: what every replica says of itself.

use crate::cli::StatusArgs;
use crate::config::{GatewayFile, to_hex};
use crate::problem::Problem;
use crate::proof::principal;
use crate::replicated::Members;
use quorate::{ClientId, Fault, NodeId, Principal};
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
        .map(|(node, fault, count)| format!("replica {} {}: {count}", node.0, sentence(fault)))
        .collect();
    let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
    let clients: Vec<String> = report
        .faulty_clients
        .iter()
        .map(|(client, fault, count)| format!("; client {} {}: {count}", client.0, sentence(fault)))
        .collect();
    let clients = format!("{} faults{}", report.client_faults, clients.concat());
    let proofs: String = report.proofs.iter().map(proof_to_text).collect();
    let notes: String = report.notes.iter().map(|note| format!("\n  note        {note}")).collect();
    format!(
        "replica {}\n  view        {}{activity}\n  executed    {}\n  checkpoint  {}\n  \
         digest      {digest}\n  peers       {}\n  faults      {faults}\n  clients     \
         {clients}\n  disk        {} bytes{proofs}{notes}",
        report.node.0,
        report.view,
        report.executed,
        report.stable,
        peers.join(", "),
        report.log_bytes,
    )
}

/// A line for a piece of evidence.
fn proof_to_text(proof: &quorate_std::ProofStatus) -> String {
    let who = match proof.who {
        Principal::Node(node) => format!("replica {}", node.0),
        Principal::Client(client) => format!("client {}", client.0),
    };
    let excuse = match proof.excuse.as_deref() {
        Some("LostMemory") => "; it may have lost its memory in between",
        Some("DamagedState") => "; its state may have been damaged and repaired in between",
        _ => "",
    };
    format!("\n  proof       {who} {}{excuse} ({})", sentence(&proof.fault), proof.file)
}

/// What a fault is in words; a name that this program does not know stays as it is.
fn sentence(name: &str) -> String {
    let known = FAULTS.into_iter().find(|fault| format!("{fault:?}") == name);
    match known {
        Some(Fault::Stalled) => format!("{} (perhaps only slow)", Fault::Stalled),
        Some(fault) => fault.to_string(),
        None => name.to_owned(),
    }
}

/// What replicas and clients are accused of in reports.
const FAULTS: [Fault; 16] = [
    Fault::Malformed,
    Fault::OutOfBounds,
    Fault::Forged,
    Fault::Impersonation,
    Fault::NotAllowed,
    Fault::Equivocation,
    Fault::NotPrimary,
    Fault::BadBatch,
    Fault::BadViewChange,
    Fault::BadNewView,
    Fault::BadContent,
    Fault::WrongDigest,
    Fault::Late,
    Fault::WrongInstance,
    Fault::OverBudget,
    Fault::Stalled,
];

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

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Departures;
    use quorate_std::ProofStatus;

    #[test]
    fn a_reader_is_told_of_faults_clients_and_proofs_in_words() {
        let proof = ProofStatus {
            who: Principal::Node(NodeId(3)),
            fault: "Equivocation".into(),
            excuse: Some("LostMemory".into()),
            file: "proof-0".into(),
        };
        let report = StatusReport {
            node: NodeId(1),
            view: 2,
            active: true,
            recovering: false,
            executed: 9,
            stable: 8,
            digest: None,
            peers: Vec::new(),
            faults: vec![(NodeId(2), "Stalled".into(), 4), (NodeId(3), "New".into(), 1)],
            client_faults: 7,
            clients: 0,
            log_bytes: 10,
            notes: vec!["a note".into()],
            faulty_clients: vec![(ClientId(5), "Forged".into(), 7)],
            proofs: vec![proof],
            departures: Departures { timer: 0, slow: 0, unfair: 0, followed: 0 },
            alone: false,
        };
        let text = to_text(&report);
        for line in [
            "faults      replica 2 did not send in time what it vouched for (perhaps only slow): \
             4, replica 3 New: 1",
            "clients     7 faults; client 5 sent a signature that does not verify: 7",
            "disk        10 bytes",
            "proof       replica 3 said two different things where there is one to say; it may \
             have lost its memory in between (proof-0)",
            "note        a note",
        ] {
            assert!(text.lines().any(|said| said.trim() == line), "{line} in {text}");
        }
    }
}
