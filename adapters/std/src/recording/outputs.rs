//! Outputs as bytes, so that two runs can be compared.

use quorate::pbft::{Decision, Message, Record};
use quorate::{Output, Target, wire};
use serde::Serialize;

/// Appends an output: its kind, then what is in it, each encoding with its length before it.
pub(super) fn put(output: &Output<Message<'_>, Decision<'_>, Record<'_>>, out: &mut Vec<u8>) {
    match output {
        Output::Persist(record) => {
            out.push(0);
            encoded(record, out);
        }
        Output::Send { to, message } => {
            out.push(1);
            target(*to, out);
            encoded(message, out);
        }
        Output::Decide(decision) => {
            out.push(2);
            decided(decision, out);
        }
        Output::Accuse { node, fault } => {
            out.extend([3, node.0]);
            out.extend(format!("{fault:?}").bytes());
        }
        Output::Refuse(refusal) => {
            out.push(4);
            out.extend(format!("{refusal:?}").bytes());
        }
    }
}

fn target(to: Target, out: &mut Vec<u8>) {
    match to {
        Target::All => out.push(0),
        Target::Node(node) => out.extend([1, node.0]),
        Target::Nodes(nodes) => {
            out.extend([2, nodes.len() as u8]);
            out.extend(nodes.iter().map(|node| node.0));
        }
        Target::Client(client) => {
            out.push(3);
            out.extend(client.0.to_le_bytes());
        }
    }
}

fn decided(decision: &Decision<'_>, out: &mut Vec<u8>) {
    match decision {
        Decision::Execute(execution) => {
            out.push(0);
            out.extend(execution.sequence().0.to_le_bytes());
            execution.requests().for_each(|request| encoded(&request, out));
        }
        Decision::Checkpoint { sequence, clients } => {
            out.push(1);
            out.extend(sequence.0.to_le_bytes());
            let start = out.len();
            out.resize(start + clients.encoded_len(), 0);
            let _ = clients.encode(&mut out[start..]);
        }
        other => {
            out.push(2);
            out.extend(format!("{other:?}").bytes());
        }
    }
}

fn encoded<T: Serialize>(thing: &T, out: &mut Vec<u8>) {
    let (start, length) = (out.len() + 4, wire::encoded_len(thing));
    out.extend((length as u32).to_le_bytes());
    out.resize(start + length, 0);
    let _ = wire::encode(thing, &mut out[start..]);
}
