//! The trials there are.

use crate::figures::Figures;
use crate::gauge::Gauge;
use crate::links::{Bond, Hmac, Signed};
use crate::replica::{CLIENTS, REPLY, frame_bytes};
use crate::{boundaries, cluster, generals};
use quorate::link::Sealer;
use quorate::pbft::Dimensions;
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

macro_rules! general {
    ($name:literal, $rules:ty, $links:ty, $nodes:literal, $traitors:literal, $payload:expr,
        $gauge:expr) => {
        generals::trial::<
            $rules,
            $links,
            _,
            $nodes,
            { $nodes - 1 },
            { 1 + $payload as usize + <$links as Bond>::Sealer::OVERHEAD },
        >(
            $name,
            |me| {
                let rules =
                    <$rules>::new(generals::config(me, $nodes, $traitors), Default::default());
                let Ok(rules) = rules else { panic!("sizes that can work") };
                rules
            },
            $gauge,
        )
    };
}

macro_rules! trials {
    ($($name:literal: $kind:ident($($of:tt)*);)*) => {
        /// The names of all trials.
        pub const NAMES: &[&str] = &[$($name,)* "boundaries"];

        /// Runs the trial of this name; `None` if there is none.
        pub fn run(name: &str, gauge: &impl Gauge) -> Option<Figures> {
            Some(match name {
                $($name => $kind!($name, $($of)*, gauge),)*
                "boundaries" => boundaries::trial("boundaries", gauge),
                _ => return None,
            })
        }
    };
}

trials! {
    "om-4-1-hmac": general(Om4, Hmac, 4, 1, om::frame_bytes(4, 1, VALUE));
    "om-4-1-ed25519": general(Om4, Signed, 4, 1, om::frame_bytes(4, 1, VALUE));
    "om-7-2-hmac": general(Om7, Hmac, 7, 2, om::frame_bytes(7, 2, VALUE));
    "om-7-2-ed25519": general(Om7, Signed, 7, 2, om::frame_bytes(7, 2, VALUE));
    "sm-4-1-hmac": general(Sm4, Hmac, 4, 1, sm::frame_bytes(1, VALUE));
    "sm-4-1-ed25519": general(Sm4, Signed, 4, 1, sm::frame_bytes(1, VALUE));
    "king-4-1-hmac": general(King4, Hmac, 4, 1, king::frame_bytes(VALUE));
    "king-4-1-ed25519": general(King4, Signed, 4, 1, king::frame_bytes(VALUE));
    "pbft-4-4-142-hmac": pbft(Hmac, 4, 4, 142);
    "pbft-4-4-142-ed25519": pbft(Signed, 4, 4, 142);
    "pbft-4-8-142-hmac": pbft(Hmac, 4, 8, 142);
    "pbft-4-8-142-ed25519": pbft(Signed, 4, 8, 142);
    "pbft-4-16-142-hmac": pbft(Hmac, 4, 16, 142);
    "pbft-4-16-142-ed25519": pbft(Signed, 4, 16, 142);
    "pbft-4-4-2048-hmac": pbft(Hmac, 4, 4, 2048);
    "pbft-4-4-2048-ed25519": pbft(Signed, 4, 4, 2048);
    "pbft-4-8-2048-hmac": pbft(Hmac, 4, 8, 2048);
    "pbft-4-8-2048-ed25519": pbft(Signed, 4, 8, 2048);
    "pbft-4-16-2048-hmac": pbft(Hmac, 4, 16, 2048);
    "pbft-4-16-2048-ed25519": pbft(Signed, 4, 16, 2048);
    "pbft-7-4-142-hmac": pbft(Hmac, 7, 4, 142);
    "pbft-7-4-142-ed25519": pbft(Signed, 7, 4, 142);
    "pbft-7-8-142-hmac": pbft(Hmac, 7, 8, 142);
    "pbft-7-8-142-ed25519": pbft(Signed, 7, 8, 142);
    "pbft-7-16-142-hmac": pbft(Hmac, 7, 16, 142);
    "pbft-7-16-142-ed25519": pbft(Signed, 7, 16, 142);
    "pbft-7-4-2048-hmac": pbft(Hmac, 7, 4, 2048);
    "pbft-7-4-2048-ed25519": pbft(Signed, 7, 4, 2048);
    "pbft-7-8-2048-hmac": pbft(Hmac, 7, 8, 2048);
    "pbft-7-8-2048-ed25519": pbft(Signed, 7, 8, 2048);
    "pbft-7-16-2048-hmac": pbft(Hmac, 7, 16, 2048);
    "pbft-7-16-2048-ed25519": pbft(Signed, 7, 16, 2048);
}
