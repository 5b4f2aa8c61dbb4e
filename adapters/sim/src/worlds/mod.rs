//! A small world, whole: every state that three correct replicas of the core can be brought into.
//!
//! Four replicas, one of them a traitor; one request; two views. Everything else is left open: in
//! which order messages come, which never come, which come twice, when each replica's patience
//! ends, and what the traitor says to whom, out of a stated set. The search steps the real replicas
//! and visits every state once.
//!
//! # How it stays small
//!
//! * *The network forgets nothing.* A message that was sent may be delivered at any later time,
//!   any number of times, or never. So a state of the world is the three replicas with what each
//!   of them said; there is no mail to remember.
//! * *A replica is stepped once for each state of its own.* A *cell* is a replica with its past
//!   words; two that are alike are one, by the text of what the machine holds (see `portrait`,
//!   which says what is left out of that). What a cell becomes of an input is computed once,
//!   whatever the others do meanwhile.
//! * *What nobody notices can wait.* An input after which a replica says and executes nothing is
//!   put off until just before an input that makes it speak, and left out if it would have spoken
//!   just the same without it. Nobody else can tell the difference, and what is put off can still
//!   come, since the network forgets nothing.
//! * *Names do not matter.* Two correct replicas that lead neither view are exchanged where that
//!   gives a state that was visited before; a traitor among those two is tried as one of them.
//!
//! # What is bounded
//!
//! One request of one client, and [`World::sequences`] places for it. Views 0 and 1: each
//! replica's timer may end once, in view 0. The traitor says what stands in `repertoire`; the
//! correct replicas together take at most [`World::lies`] of its messages, those that change
//! nothing not counted. STATUS messages are all lost, and so are requests that one replica passes
//! to another, since clients send them to everybody; questions for a batch reach everybody,
//! whoever was asked; VIEW-CHANGEs come from their authors. Nobody loses power.
//!
//! # What is checked
//!
//! In every state: no two correct replicas executed different things at one sequence, nor one
//! thing at two; no two of them sent COMMITs for different batches in one view. At every step: no
//! correct replica contradicts what it said before, accuses a correct one, or refuses what its
//! host says.

mod cell;
mod cells;
mod host;
mod mirror;
mod portrait;
mod repertoire;
mod search;
mod speech;
mod story;

pub use search::{Explored, World};
