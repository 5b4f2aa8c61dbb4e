//! OM: oral messages (Lamport, Shostak and Pease, "The Byzantine Generals Problem", 1982).
//!
//! A commander gives an order to `n - 1` lieutenants. Up to `m` of the `n` generals, the
//! commander among them or not, are traitors and say whatever they like. If `n > 3m`, then
//!
//! * **IC1**: all loyal lieutenants obey the same order;
//! * **IC2**: if the commander is loyal, they obey the one it gave.
//!
//! Nothing is signed. What is needed instead (A1 to A3 of the paper): what is sent arrives as it
//! was sent, the receiver knows who sent it, and that nothing was sent can be noticed. The links
//! must therefore be authentic, and time must go in [rounds](crate::rounds).
//!
//! # The rounds
//!
//! There are `m + 1`. In the first the commander tells each lieutenant its order. In each later one
//! every lieutenant tells every other what it was told in the round before, by whom, who had it
//! from whom, and so on: the order with the *path* that it took. A path begins with the commander,
//! ends with the sender, names nobody twice and not the receiver, and has as many ids as the round
//! has a number. All that one general has to say to another in one round is packed into one frame,
//! a [`Wave`]: the orders alone, in the order of their [`paths`].
//!
//! At the end of the last round a lieutenant holds for each path what the last on it told it. It
//! resolves them from the longest to the shortest. What really came along a path is what
//! more than half say of: the lieutenant itself, which heard it directly, and everybody who is not
//! on the path, as resolved for the path longer by that one. If no order has more than half of all
//! of them, silent ones included, it is the default. What the path of the commander alone
//! resolves to is decided.
//!
//! # Absence
//!
//! The paper lets the silent count as if they had said the default order, "retreat". Here absence
//! is a value of its own, *nothing*, which is relayed, voted for, and decided as
//! [`Verdict::Default`](crate::Verdict); the default takes its place at the very end. The order
//! that is obeyed is the same, whichever the default is: an order other than the default has a
//! strict majority in the one count exactly if it has one in the other. What the silent ones are
//! *not* is left out of the count: they stand in the denominator.
//!
//! What came in a round stands: the first that came along a path is kept and nothing can overwrite
//! it, what comes after the round is as if never sent, and what comes before the round, from a
//! clock that is ahead, is kept for it.
//!
//! # What it costs
//!
//! Time is `m + 1` rounds and frames are few, but the orders in them, and the memory of each
//! general, grow as `n` to the power of `m`:
//!
//! | n, m  | orders sent | frames | slots of memory |
//! |-------|-------------|--------|-----------------|
//! | 4, 1  | 9           | 9      | 3               |
//! | 7, 2  | 156         | 66     | 26              |
//! | 10, 3 | 3,609       | 225    | 401             |
//! | 13, 4 | 108,384     | 540    | 9,032           |
//! | 16, 5 | 3,999,675   | 1,065  | 266,645         |
//!
//! [`messages`], [`frames`], [`slots`] and [`bytes`] compute them for any `n` and `m`, and
//! [`crate::cost`] puts them beside those of the other protocols.
//!
//! ```
//! use quorate::om::{Fixed, General};
//! use quorate::rounds::{Config, Instance, Schedule};
//! use quorate::{Input, Instant, NodeId, Order, Output, Protocol};
//! use core::time::Duration;
//!
//! let second = Duration::from_secs(1);
//! let schedule = Schedule::new(Instant::ZERO.after(second), second, second / 10).unwrap();
//! let instance = Instance { number: 1, commander: NodeId(0) };
//! let config = Config { me: NodeId(0), nodes: 4, traitors: 1, instance };
//! let mut commander = General::new(config, schedule, Fixed::<u8, 4, 1, 3>::new()).unwrap();
//!
//! assert_eq!(commander.step(Instant::ZERO, Input::Command(Order(7))).count(), 0);
//! let start = commander.deadline().unwrap();
//! for output in commander.step(start, Input::Wake) {
//!     let Output::Send { to: _, message: _ } = output else { panic!("nothing else yet") };
//!     // Seal the message and send it.
//! }
//! ```
//!
//! # The files
//!
//! `orders` holds the rules as the [clockwork](crate::rounds) asks for them; `path` and `tree` say
//! which paths there are and where each is kept; `wave` and `message` are what is sent; `resolve`
//! is the majority; `cost` counts.
//!
//! # Deviations from the paper
//!
//! * The recursion OM(m), OM(m - 1), .. is unrolled into its rounds: the messages of all the
//!   algorithms that run at once are told apart by their paths, and the majorities are taken by
//!   one loop over a flat table, from the leaves up.
//! * `majority` is a strict majority of all, else nothing; the paper leaves the choice open
//!   between that and the median.
//! * Nothing, a value that is no value, and a value are told apart in what is reported. In the
//!   majority there are values and nothing.
//! * A commander that was given no order is silent, and is taken for a traitor by those who can
//!   tell. A commander decides its own order.
//! * A frame that breaks a rule is dropped whole, also what is right in it.
//! * More than `m + 1` rounds, and paths of more than 22 generals, do not exist.

mod cost;
mod entry;
mod fixed;
mod message;
mod orders;
mod path;
mod resolve;
mod tree;
mod wave;

pub use cost::{bytes, frame_bytes, frames, messages, rounds, slots};
pub use entry::Entry;
pub use fixed::Fixed;
pub use message::Message;
pub use orders::{General, Orders};
pub use path::{MAX_ROUNDS, Path, Paths, paths};
pub use wave::Wave;
