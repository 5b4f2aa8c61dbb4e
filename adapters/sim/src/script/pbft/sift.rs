//! Single messages that a script loses or holds.

use super::action::Parties;
use crate::sieve::{Fate, Sieve};
use crate::traitors::scripted::Selector;
use core::time::Duration;
use quorate::Principal;
use std::cell::RefCell;
use std::rc::Rc;

/// One line of the script about single messages.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    pub(super) line: usize,
    pub(super) what: Selector,
    pub(super) from: Parties,
    pub(super) to: Parties,
    pub(super) held: Option<Duration>,
    pub(super) most: Option<u64>,
    pub(super) used: u64,
    pub(super) open: bool,
}

/// All of them; the first that fits a message decides about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Meshes(Rc<RefCell<Vec<Mesh>>>);

impl Meshes {
    /// Adds one.
    pub(super) fn add(&self, mesh: Mesh) {
        self.0.borrow_mut().push(mesh);
    }

    /// Ends them all.
    pub(super) fn close(&self) {
        self.0.borrow_mut().iter_mut().for_each(|mesh| mesh.open = false);
    }

    /// The lines of those that no message ever fitted.
    pub(super) fn unused(&self) -> Vec<usize> {
        let meshes = self.0.borrow();
        meshes.iter().filter(|mesh| mesh.used == 0).map(|mesh| mesh.line).collect()
    }

    /// The sieve for the engine.
    pub(super) fn sieve(&self) -> Sieve {
        let meshes = Rc::clone(&self.0);
        Sieve::new(move |from, to, payload| {
            let mut meshes = meshes.borrow_mut();
            let Some(mesh) = meshes.iter_mut().find(|mesh| mesh.fits(from, to, payload)) else {
                return Fate::Carried;
            };
            mesh.used += 1;
            mesh.held.map_or(Fate::Lost, Fate::Held)
        })
    }
}

impl Mesh {
    fn fits(&self, from: Principal, to: Principal, payload: &[u8]) -> bool {
        let named = |parties: &Parties, who| parties.as_ref().is_none_or(|all| all.contains(&who));
        self.open
            && self.most.is_none_or(|most| self.used < most)
            && named(&self.from, from)
            && named(&self.to, to)
            && self.what.fits(payload)
    }
}
