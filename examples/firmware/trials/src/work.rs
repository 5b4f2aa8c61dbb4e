//! What one node has done.

/// Instructions of one node, by what they were for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Everything, from the frame in the receive buffer to the frames in the transmit buffer.
    pub(crate) all: u64,
    /// Of that: proofs of links, made and checked.
    pub(crate) links: u64,
    /// Of that: signatures of statements, made and checked.
    pub(crate) signatures: u64,
    /// Of that: `step` and its outputs, taken one by one.
    pub(crate) steps: u64,
    /// The longest of those steps.
    pub(crate) longest_step: u64,
}

impl Work {
    /// A step took so many instructions.
    pub(crate) fn step(&mut self, instructions: u64) {
        self.steps += instructions;
        self.longest_step = self.longest_step.max(instructions);
    }
}
