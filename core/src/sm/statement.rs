//! What a general signs when it endorses an order.

use crate::auth::{Digest, Scope, Statement, Tag};
use crate::node::{NodeId, Principal};
use crate::rounds::Instance;
use crate::value::Value;
use crate::wire;

/// The statement that `signer` signs when it endorses `value` after the signers `earlier`; the
/// commander signs it with nobody before.
///
/// It covers the cluster, the epoch, the signer, the instance with its commander, the value as
/// it is encoded, its length first, and who signed before, in order: fixed-width fields, so that
/// no two different endorsements are one statement. The paper's notation for it is
/// `v : 0 : j1 : ... : jk` (section 4).
#[must_use]
pub fn statement<V: Value>(
    scope: &Scope,
    instance: Instance,
    value: &V,
    earlier: impl ExactSizeIterator<Item = NodeId>,
    signer: NodeId,
) -> Digest {
    let begun = Statement::new(Tag::Order, scope, Principal::Node(signer))
        .u64(if canary!("instance_left_out") { 0 } else { instance.number })
        .u64(instance.commander.0.into());
    let signers = with_value(begun, value).u64(earlier.len() as u64);
    earlier.fold(signers, |statement, id| statement.u64(id.0.into())).finish()
}

/// Adds a value as it is encoded, its length first.
fn with_value<V: Value>(statement: Statement, value: &V) -> Statement {
    wire::absorb(statement.u64(wire::encoded_len(value) as u64), value)
}
