//! What one step puts out, and how long a message is, is published; nothing may be more.

use quorate::NodeId;
use quorate::pbft::Dimensions;

/// The published bounds of a cluster. (That a replica's memory does not grow needs no checker: it
/// works in slices that it is lent.)
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    outputs: u64,
    bytes: usize,
}

impl Bounds {
    /// The bounds of a cluster of these sizes.
    #[must_use]
    pub const fn of(sizes: &Dimensions) -> Self {
        Self { outputs: sizes.outputs_per_step() as u64, bytes: sizes.message_bytes() }
    }

    /// A correct replica's step put so many outputs out.
    ///
    /// # Errors
    /// More than a step may.
    pub fn stepped(&self, node: NodeId, outputs: u64) -> Result<(), String> {
        let most = self.outputs;
        if outputs <= most {
            return Ok(());
        }
        Err(format!("a step of r{} puts {outputs} outputs out, and {most} are the most", node.0))
    }

    /// A correct replica makes a message of so many bytes, which carries no part of the
    /// application's state.
    ///
    /// # Errors
    /// It is longer than any may be.
    pub fn said(&self, node: NodeId, bytes: usize) -> Result<(), String> {
        let most = self.bytes;
        if bytes <= most {
            return Ok(());
        }
        Err(format!("r{} says something of {bytes} bytes, and {most} are the most", node.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_output_or_one_byte_more_than_published_is_a_violation() {
        let sizes =
            Dimensions { nodes: 4, window: 8, batch_bytes: 512, clients: 3, reply_bytes: 64 };
        let bounds = Bounds::of(&sizes);
        let (outputs, bytes) = (sizes.outputs_per_step() as u64, sizes.message_bytes());
        bounds.stepped(NodeId(1), outputs).unwrap();
        bounds.said(NodeId(1), bytes).unwrap();
        assert!(bounds.stepped(NodeId(1), outputs + 1).unwrap_err().starts_with("a step of r1"));
        assert!(bounds.said(NodeId(1), bytes + 1).unwrap_err().starts_with("r1 says"));
    }
}
