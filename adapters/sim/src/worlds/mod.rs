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
//! * *A lie that nobody can take any more is not tried.* The traitor's messages are counted in the
//!   state, not in the cell: once all of them are taken, what a cell would become of another one
//!   is never computed.
//! * *Names do not matter.* Two correct replicas that lead neither view are exchanged where that
//!   gives a state that was visited before; a traitor among those two is tried as one of them.
//!
//! # Why nothing is missed
//!
//! *That can be heard which was said, for ever.* So an input that is possible stays possible
//! whatever others do, and two replicas never stand in each other's way, but for the number of the
//! traitor's messages. Take any run, and in it the first word or deed of a replica after inputs
//! that nobody noticed. Let s be the last of those inputs. If the replica would have spoken just
//! the same without s, and s afterwards would have gone unnoticed and made the same cell of it
//! (both are tried on the machine, not assumed), then the run in which s comes later says the same
//! and goes on to the same cells. So each run has one like it in which no such s comes first; its
//! words come in the same order, and the states in which they leave the replicas are the ones that
//! are visited. An input that is still put off when the run ends has changed nothing that anybody
//! did. Promises are about what was said, executed and accused, hence a broken one is seen.
//!
//! [`World::whole`] visits every state on its own: nothing is put off, and names matter.
//! `tests/worlds.rs` holds the two against each other: what the replicas did on the way to each
//! state must be the same. What `portrait` leaves out holds for both.
//!
//! # What was tried, and is not here
//!
//! *Haste*: a replica that can only gain by an input, since what it becomes can do all that it
//! could do without, need not be tried without it. That is sound, and visited a third fewer states;
//! but finding out took replicas into two to three times as many cells, and those are what takes
//! the time. Most cells are replicas that changed their view and wait.
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
