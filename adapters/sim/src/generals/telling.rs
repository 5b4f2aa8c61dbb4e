//! How a field tells what happens, in its transcript and its chronicle.

use super::creed::Creed;
use super::field::Field;
use super::line::{Line, Said};
use super::word::Word;
use quorate::{NodeId, Principal};

impl<C: Creed<Value: Word>> Field<C> {
    /// Tells that what happens now happens to the copy of this twin, or to none.
    pub(super) const fn turn_to(&mut self, copy: Option<Principal>) {
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            chronicle.turn_to(copy);
        }
    }

    /// What happens to a twin happens to its copy too: it is one event, drawn on two lanes.
    pub(super) fn tell_copy(&mut self, twin: NodeId, line: &Line<'_>) {
        let now = self.engine.now();
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            chronicle.turn_to(Some(Principal::Node(twin)));
            line.tell(now, chronicle);
            chronicle.turn_to(None);
        }
    }

    pub(super) fn enter(&mut self, line: &Line<'_>) {
        let now = self.engine.now();
        self.engine.transcript.enter(now, line);
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            line.tell(now, chronicle);
        }
    }
}

pub(super) const fn said<C: Creed>(bytes: &[u8]) -> Said<'_> {
    Said { bytes, kind: C::FRAME, tell: C::tell }
}
