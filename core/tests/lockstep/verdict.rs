//! What is asked of every run of the bench.

use crate::bench::*;
use quorate::auth::Signed;
use std::collections::BTreeMap;

impl<P: Slots> Bench<P>
where
    for<'a> P::Message<'a>: Signed,
{
    fn faultless(&self, id: usize) -> bool {
        !self.traitors.contains(&id) && self.frozen[id] == 0
    }

    /// All loyal generals have executed the same, and nobody loyal accused anybody loyal.
    pub fn check(&self, what: &str) {
        let loyal = || (0..self.shape.nodes).filter(|id| !self.traitors.contains(id));
        let first = loyal().next().unwrap();
        for id in loyal() {
            assert_eq!(self.hosts[id].log, self.hosts[first].log, "{id} and {first}: {what}");
        }
        let mut answers = BTreeMap::new();
        for (from, client, timestamp, reply) in &self.replied {
            if loyal().any(|id| id == *from) {
                let first = answers.entry((*client, *timestamp)).or_insert(reply);
                assert_eq!(reply, *first, "{from} answers {client} {timestamp}: {what}");
            }
        }
        for (by, node, fault) in &self.accusations {
            // A general that was frozen was silent or late, which is a fault like any other.
            let slander = self.faultless(*by) && self.faultless(node.index());
            assert!(!slander, "{by} accuses loyal {node:?} of {fault:?}: {what}");
        }
    }
}
