//! The trials there are.

use crate::figures::Figures;
use crate::gauge::Gauge;
use crate::links::{Bond, Hmac, Signed};
use crate::net::HEADER;
use crate::replica::{CLIENTS, REPLY, frame_bytes};
use crate::{boundaries, cluster, generals, lockstep};
use core::array::from_fn;
use quorate::link::Sealer;
use quorate::pbft::Dimensions;
use quorate::vector::{self, Instances};
use quorate::{king, om, sm};

/// Batches of PBFT trials: checkpoint intervals with HMAC links, where instructions are few.
const BATCHES: u64 = 16;

/// The same with signed links, where there are many: one checkpoint interval.
const fn batches<L: Bond>(window: usize) -> u64 {
    let signed = matches!(L::PROOF, quorate::link::Proof::Ed25519);
    if signed { window as u64 / 2 } else { BATCHES }
}

macro_rules! pbft {
    ($name:literal, $links:ty, $nodes:literal, $window:literal, $batch:literal, $gauge:expr) => {
        cluster::trial::<
            $links,
            _,
            $nodes,
            $window,
            $batch,
            { $nodes - 1 + CLIENTS },
            {
                frame_bytes::<$links>(&Dimensions {
                    nodes: $nodes,
                    window: $window,
                    batch_bytes: $batch,
                    clients: CLIENTS,
                    reply_bytes: REPLY,
                })
            },
        >($name, batches::<$links>($window), $gauge)
    };
}

/// Orders of all generals here are `u32`, five bytes at most when they are encoded.
pub(crate) const VALUE: usize = 5;

/// A general of OM(1) among four.
pub(crate) type Om4 = om::Orders<u32, om::Fixed<u32, 4, 1, { om::slots(4, 1) }>>;
/// A general of OM(2) among seven.
type Om7 = om::Orders<u32, om::Fixed<u32, 7, 2, { om::slots(7, 2) }>>;
/// A general of SM(1) among four.
type Sm4 = sm::Chains<u32, sm::Fixed<4, 1, { sm::slots(4, 1) }>>;
/// A general of the phase king among four, one of them a traitor.
type King4 = king::Ballots<u32, king::Fixed<u32, 4, 1, { king::slots(4, 1) }>>;

/// Bytes of the longest frame with such links, if its message takes so many.
const fn frame<L: Bond>(payload: u64) -> usize {
    1 + payload as usize + L::Sealer::OVERHEAD
}

/// Bytes of all frames of a round, in which everybody speaks to everybody else.
const fn ring(nodes: usize, frame: usize) -> usize {
    nodes * (nodes - 1) * (HEADER + frame)
}

/// Bytes of the longest frame of a vector of four OM(1).
const VECTOR: u64 = vector::frame_bytes(4, om::frame_bytes(4, 1, VALUE));

/// A general of a vector of four OM(1).
type Vector4 = Instances<Om4, [Om4; 4]>;

macro_rules! general {
    ($name:literal, $rules:ty, $links:ty, $nodes:literal, $traitors:literal, $payload:expr,
        $gauge:expr) => {
        generals::trial::<
            $rules,
            $links,
            _,
            $nodes,
            { $nodes - 1 },
            { frame::<$links>($payload) },
            { ring($nodes, frame::<$links>($payload)) },
        >(
            $name,
            1,
            |me| {
                let rules =
                    <$rules>::new(generals::config(me, 0, $nodes, $traitors), Default::default());
                let Ok(rules) = rules else { panic!("sizes that can work") };
                rules
            },
            $gauge,
        )
    };
}

/// Four generals, each of which commands one of four instances of OM(1).
macro_rules! vector {
    ($name:literal, $links:ty, $gauge:expr) => {
        generals::trial::<
            Vector4,
            $links,
            _,
            4,
            3,
            { frame::<$links>(VECTOR) },
            { ring(4, frame::<$links>(VECTOR)) },
        >(
            $name,
            4,
            |me| {
                let instances = from_fn(|commander| {
                    let config = generals::config(me, commander as u8, 4, 1);
                    let Ok(rules) = Om4::new(config, Default::default()) else {
                        panic!("sizes that can work")
                    };
                    rules
                });
                let Ok(rules) = Vector4::new(instances) else { panic!("they belong together") };
                rules
            },
            $gauge,
        )
    };
}

macro_rules! lockstep {
    ($name:literal, $links:ty, $gauge:expr) => {
        lockstep::trial::<
            $links,
            _,
            { lockstep::PAYLOAD as usize + <$links as Bond>::Sealer::OVERHEAD },
        >($name, $gauge)
    };
}

macro_rules! boundaries {
    ($name:literal, $gauge:expr) => {
        boundaries::trial($name, $gauge)
    };
}

macro_rules! trials {
    ($(#[$names_doc:meta])* $names:ident; $(#[$run_doc:meta])* $run:ident;
        $($name:literal: $kind:ident($($of:tt)*);)*) => {
        $(#[$names_doc])*
        pub const $names: &[&str] = &[$($name),*];

        $(#[$run_doc])*
        pub fn $run(name: &str, gauge: &impl Gauge) -> Option<Figures> {
            Some(match name {
                $($name => $kind!($name, $($of)* gauge),)*
                _ => return None,
            })
        }
    };
}

trials! {
    /// Those that a board with 16 KB of RAM has room for, with all generals on it.
    SMALL;
    /// Runs one of these; `None` if there is none of the name.
    run_small;
    "om-4-1-hmac": general(Om4, Hmac, 4, 1, om::frame_bytes(4, 1, VALUE),);
    "king-4-1-hmac": general(King4, Hmac, 4, 1, king::frame_bytes(VALUE),);
}

trials! {
    /// The names of all trials.
    NAMES;
    /// Runs the trial of this name; `None` if there is none.
    run;
    "om-4-1-hmac": general(Om4, Hmac, 4, 1, om::frame_bytes(4, 1, VALUE),);
    "om-4-1-ed25519": general(Om4, Signed, 4, 1, om::frame_bytes(4, 1, VALUE),);
    "om-7-2-hmac": general(Om7, Hmac, 7, 2, om::frame_bytes(7, 2, VALUE),);
    "om-7-2-ed25519": general(Om7, Signed, 7, 2, om::frame_bytes(7, 2, VALUE),);
    "sm-4-1-hmac": general(Sm4, Hmac, 4, 1, sm::frame_bytes(1, VALUE),);
    "sm-4-1-ed25519": general(Sm4, Signed, 4, 1, sm::frame_bytes(1, VALUE),);
    "king-4-1-hmac": general(King4, Hmac, 4, 1, king::frame_bytes(VALUE),);
    "king-4-1-ed25519": general(King4, Signed, 4, 1, king::frame_bytes(VALUE),);
    "vector-4-1-hmac": vector(Hmac,);
    "lockstep-4-1-hmac": lockstep(Hmac,);
    "pbft-4-4-142-hmac": pbft(Hmac, 4, 4, 142,);
    "pbft-4-4-142-ed25519": pbft(Signed, 4, 4, 142,);
    "pbft-4-8-142-hmac": pbft(Hmac, 4, 8, 142,);
    "pbft-4-8-142-ed25519": pbft(Signed, 4, 8, 142,);
    "pbft-4-16-142-hmac": pbft(Hmac, 4, 16, 142,);
    "pbft-4-16-142-ed25519": pbft(Signed, 4, 16, 142,);
    "pbft-4-4-2048-hmac": pbft(Hmac, 4, 4, 2048,);
    "pbft-4-4-2048-ed25519": pbft(Signed, 4, 4, 2048,);
    "pbft-4-8-2048-hmac": pbft(Hmac, 4, 8, 2048,);
    "pbft-4-8-2048-ed25519": pbft(Signed, 4, 8, 2048,);
    "pbft-4-16-2048-hmac": pbft(Hmac, 4, 16, 2048,);
    "pbft-4-16-2048-ed25519": pbft(Signed, 4, 16, 2048,);
    "pbft-7-4-142-hmac": pbft(Hmac, 7, 4, 142,);
    "pbft-7-4-142-ed25519": pbft(Signed, 7, 4, 142,);
    "pbft-7-8-142-hmac": pbft(Hmac, 7, 8, 142,);
    "pbft-7-8-142-ed25519": pbft(Signed, 7, 8, 142,);
    "pbft-7-16-142-hmac": pbft(Hmac, 7, 16, 142,);
    "pbft-7-16-142-ed25519": pbft(Signed, 7, 16, 142,);
    "pbft-7-4-2048-hmac": pbft(Hmac, 7, 4, 2048,);
    "pbft-7-4-2048-ed25519": pbft(Signed, 7, 4, 2048,);
    "pbft-7-8-2048-hmac": pbft(Hmac, 7, 8, 2048,);
    "pbft-7-8-2048-ed25519": pbft(Signed, 7, 8, 2048,);
    "pbft-7-16-2048-hmac": pbft(Hmac, 7, 16, 2048,);
    "pbft-7-16-2048-ed25519": pbft(Signed, 7, 16, 2048,);
    "boundaries": boundaries();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gauge::Host;

    #[test]
    fn a_vector_takes_two_rounds_in_which_all_speak_to_all() {
        let vector = run("vector-4-1-hmac", &Host).unwrap();
        assert_eq!((vector.decisions, vector.frames), (1, 2 * 4 * 3));
    }

    #[test]
    fn a_slot_in_lockstep_takes_two_rounds_and_its_request_and_replies() {
        let service = run("lockstep-4-1-hmac", &Host).unwrap();
        let (round, slots) = (4 * 3, 16);
        // A request and a reply for each general, and two rounds of everybody to everybody else.
        let served = slots * (4 + 4 + 2 * round);
        // When the last one is executed, two more have been asked for, one of which has begun its
        // second round and one its first.
        assert_eq!((service.decisions, service.frames), (slots, served + 2 * 4 + 3 * round));
    }
}
