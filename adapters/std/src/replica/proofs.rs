//! Evidence that this replica holds: found by its core, its verifiers or its links, kept on disk.

use crate::disk::{Directory, DiskError};
use crate::status::ProofStatus;
use quorate::ed25519::Ed25519;
use quorate::fault::{Evidence, Finding, verify};
use quorate::{Principal, PublicKey, Roster, wire};
use std::fs;
use std::sync::Arc;

/// The begin of the name of a file with evidence.
const PREFIX: &str = "proof-";
/// The most pieces of evidence that are kept about one principal: they prove different wrongs.
const EACH: usize = 2;
/// The most that are kept at all.
const ALL: usize = 128;

/// The evidence that is kept: one file each, bounded for each principal and together.
#[derive(Debug)]
pub(crate) struct Proofs {
    roster: Arc<Roster<Vec<PublicKey>>>,
    directory: Arc<Directory>,
    kept: Vec<ProofStatus>,
    /// The number of the next file.
    next: u64,
}

impl Proofs {
    /// What is on disk already. A file that is no evidence, or shows nothing, is left alone.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn open(
        roster: Arc<Roster<Vec<PublicKey>>>,
        directory: Arc<Directory>,
    ) -> Result<Self, DiskError> {
        let files = directory.numbered(PREFIX)?;
        let next = files.last().map_or(1, |(number, _)| number.saturating_add(1));
        let mut proofs = Self { roster, directory, kept: Vec::new(), next };
        for (number, path) in files {
            let Ok(bytes) = fs::read(&path) else { continue };
            if let Some(found) = proofs.judge(&bytes).filter(|found| proofs.has_room(found)) {
                proofs.enter(found, number);
            }
        }
        Ok(proofs)
    }

    /// Keeps evidence, if it shows something that is not shown yet and there is room.
    ///
    /// # Errors
    /// It could not be written.
    pub(crate) fn add(&mut self, evidence: &[u8]) -> Result<(), DiskError> {
        let Some(found) = self.judge(evidence).filter(|found| self.has_room(found)) else {
            return Ok(());
        };
        let number = self.next;
        self.next += 1;
        self.enter(found, number);
        self.directory.write_whole(&format!("{PREFIX}{number}"), &[evidence]).map(drop)
    }

    /// What is kept, in the order in which it was found.
    pub(crate) fn kept(&self) -> &[ProofStatus] {
        &self.kept
    }

    /// What the evidence shows. About whom everything is shown already it costs no signature.
    fn judge(&self, bytes: &[u8]) -> Option<Finding> {
        let evidence = wire::decode::<Evidence<'_>>(bytes).ok()?;
        let about = self.about(evidence.accused());
        let wanted = about < EACH && self.kept.len() < ALL;
        wanted.then(|| verify(&evidence, &self.roster, &Ed25519).ok())?
    }

    fn about(&self, who: Principal) -> usize {
        self.kept.iter().filter(|proof| proof.who == who).count()
    }

    fn has_room(&self, found: &Finding) -> bool {
        let fault = format!("{:?}", found.fault);
        !self.kept.iter().any(|proof| proof.who == found.who && proof.fault == fault)
    }

    fn enter(&mut self, found: Finding, number: u64) {
        let Finding { who, fault, excuse } = found;
        let (fault, file) = (format!("{fault:?}"), format!("{PREFIX}{number}"));
        let excuse = excuse.map(|excuse| format!("{excuse:?}"));
        self.kept.push(ProofStatus { who, fault, excuse, file });
    }
}

/// The bytes of evidence.
pub(crate) fn encode(evidence: &Evidence<'_>) -> Vec<u8> {
    let mut bytes = vec![0; wire::encoded_len(evidence)];
    wire::encode(evidence, &mut bytes).expect("as long as it said");
    bytes
}
