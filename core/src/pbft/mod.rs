//! PBFT: Practical Byzantine Fault Tolerance (Castro and Liskov, OSDI 1999 and TOCS 2002).
//!
//! `n` replicas execute the same requests in the same order although up to `f` of them, the
//! largest with `n >= 3f + 1`, do whatever they like. Safety never depends on time. Progress
//! needs messages between correct replicas to arrive, some day, faster than timeouts grow.
//!
//! # The normal case
//!
//! A client signs a REQUEST and sends it to the primary, replica `view mod n`. The primary puts
//! requests into a batch, gives it the next sequence and multicasts a PRE-PREPARE. A backup that
//! accepts it multicasts a PREPARE. A replica with the PRE-PREPARE and `strong - 1` PREPAREs of
//! distinct backups is *prepared*: no other batch can be prepared at this sequence in this view.
//! It multicasts a COMMIT; `strong` of those settle the sequence for ever. Batches are executed
//! in the order of their sequences, each request at most once, and every replica replies; a
//! client believes what `f + 1` say. That is `2n(n - 1)` messages a batch.
//!
//! Up to W sequences run at once. Every W / 2 of them the replicas compare a digest of
//! application state and client table (CHECKPOINT); with a strong quorum the checkpoint is
//! *stable*, the window moves past it, and its memory is used again.
//!
//! # When the primary fails
//!
//! Every replica has a timer for each request that it knows and has not executed. When one
//! expires it leaves its view and multicasts a signed VIEW-CHANGE with what it knows: its
//! checkpoints (C), what it prepared last at each sequence (P) and what it pre-prepared (Q). The
//! primary of the next view decides from at least `strong` of those what each sequence begins
//! with, so that nothing committed is lost, and proves it with a NEW-VIEW that names them by
//! digest; every backup repeats the decision. A view that fails doubles the timeout of the next.
//!
//! # When the primary is slow or unfair
//!
//! A primary that executes every request just before its timer expires would cost a cluster
//! nearly all of its throughput and never be replaced. So backups also measure how long requests
//! wait to be proposed, while the primary could propose, and leave one that lets them wait for
//! more than a quarter of the timeout on average in two observation windows, or that lets one of
//! them wait for so long while later ones pass. What was proposed must be agreed on within three
//! eighths of the timeout, whether a hole below it or proposals kept from others are in the way:
//! `n - f` correct replicas that have them need nobody else. With a correct primary, links that
//! take less than an eighth of the timeout one way and lose nothing, no f replicas and no clients
//! can cause a view change, by these rules or by the timers, unless more clients ask for whole
//! batches at once than are executed within half the timeout; see `turn`. How it is measured, and
//! how a cluster that is slow as a whole does not change views for ever, stands in `watch` and
//! `lateness`.
//!
//! # How soon it recovers
//!
//! Once the network has healed, a request that all correct replicas have is executed within
//! [`Config::recovery_bound`]: two waits, of the timeout's cap at most, for each faulty primary in
//! a row, and two for the views that replicas were in. Without faulty replicas and with timeouts
//! that had not grown it is far less; a primary that is merely dead costs T once.
//!
//! # A replica that asks alone
//!
//! A replica whose VIEW-CHANGE finds no company, because the others were served meanwhile, votes on
//! nothing any more: it has said what it prepared in the views before, for good, and whoever begins
//! the view that it asked for may count on that. If it sent a COMMIT in the old view after all, and
//! that one were needed to commit, a NEW-VIEW made of what it said before could choose something
//! else. Nor can it take the VIEW-CHANGE back, since signatures do not expire. So it follows what
//! the others commit, executes and answers its clients, vouches for checkpoints, and waits for the
//! next view change ([`Replica::is_alone`] tells).
//!
//! What that costs: it counts among those that are silent. Up to f of them stop nothing, and change
//! no view. If others fall silent too, so that too few are left to commit, the requests that wait
//! make the rest ask for another view; weak replicas that want a later one bring all others with
//! them, and the view that begins has everybody's votes. That is one patience and a view change,
//! which a replica that had gone on voting would have spared. And if nothing waits, because the
//! clients have their answers already, a batch that was settled with a COMMIT of one who fell
//! silent may stay with those who executed it, until the next request.
//!
//! # When a replica falls behind
//!
//! Nothing is retransmitted blindly. A replica that lacks something sends a STATUS; peers answer
//! with their own votes, the NEW-VIEW of the view, their checkpoints, and what they know to be
//! settled: `f + 1` who say so are as good as the COMMITs, whose senders may be gone. Batches are
//! fetched by digest. Where a replica knows what is settled it proposes, accepts and commits
//! nothing else, also in a view that has not heard of it: what is executed lies in a place that a
//! rival could take.
//!
//! What was garbage-collected elsewhere is fetched as a state. A state is a list of pages, and so
//! is the client table; the digest of a checkpoint is made of the tops of two trees of digests
//! over them ([`merkle`]). A weak quorum that vouches for that digest certifies every page: the
//! replica asks for the roots, then for the nodes and pages below that differ from what its host
//! holds already, be it in a checkpoint of its own or from a transfer that was cut short. Each
//! piece is checked against a digest that was checked before it, by the verifiers even, and given
//! to the host at once, so that this core needs memory for eight requests and not for a page.
//!
//! Up to eight pieces are asked for at a time, of all who vouch for the checkpoint in turn. Who
//! sends another piece than the one asked for is accused of
//! [`BadContent`](crate::Fault::BadContent), who sends none in time, or tells a height below what
//! it vouched for, of [`Stalled`](crate::Fault::Stalled), which a slow link can look like;
//! neither is asked again in this transfer, but for the stalled ones when nobody else is left.
//! The checkpoint stays the same until it is installed, unless a server stalls when a strong
//! quorum vouches for a later one, or weak servers do when a weak one vouches for that: then the
//! others may have dropped it. A server sends a peer 128
//! pieces in a status interval, and a replica asks no server for more than half of that.
//!
//! When all pages are there, a record says which state is about to be installed, the host puts it
//! in the place of the old one as a whole, and the replica goes on from it. A crash at any moment
//! finds the old state or the new one, and the pages that had come.
//!
//! # A replica that lost its log
//!
//! It could vote differently on what it voted on before, so it must not vote there at all. It
//! asks the others where they stand and concludes an M such that nothing that it said before the
//! loss counts above M + 3W; `amnesia` says why. Until it holds a checkpoint at or above that
//! which a strong quorum of others vouches for, it sends no PRE-PREPARE, PREPARE, COMMIT,
//! CHECKPOINT, VIEW-CHANGE or NEW-VIEW, fetches what is committed, and counts among the f: safety
//! does not depend on it, progress needs Byzantine and recovering replicas to be f at most
//! together. A primary with no requests orders NULLs meanwhile, K / 8 in a status interval, so
//! that a recovery ends in an idle cluster too. A peer that only pretends to recover costs a busy
//! cluster nothing and an idle one ever less: what a peer has ordered further than before takes
//! twice as many status intervals each time, up to 4096. If fewer than strong replicas vote, since
//! one stands alone, an idle cluster recovers with the next request. A primary that has lost its
//! log is replaced at once.
//!
//! Nor does it ever sign a VIEW-CHANGE for a view for which it may have signed one before. Into
//! those it follows the others: it waits for their NEW-VIEW and says in its STATUS that it does,
//! which counts for their patience and for nothing else. If its say was needed, the view does not
//! begin, and all go on to one for which it may sign.
//!
//! A host that keeps no log at all ([`Durability::None`]) starts every time like this. A replica
//! that finds an empty log and does not know whether it is new ([`Replica::unsure`]) asks first.
//!
//! # Fast reads
//!
//! Where the cluster is set up for it, [`Switches::fast_reads`], a client may ask all replicas for
//! what they know without having anything ordered. It takes what strong replicas say of one and
//! the same state, and has the operation ordered if that cannot be had. Then the replies to
//! ordered requests must be strong too. Together that is linearizable: a read never misses what
//! ended before it began. A client that is answered by a replica which came by its state
//! through a transfer is answered from the client table, so nobody waits for a reply that was
//! skipped. The argument stands in the file `read`.
//!
//! # The files
//!
//! [`Replica`] holds the one `match` on inputs. `normal` is the agreement on one sequence,
//! `settled` and `execution` what follows from it; `checkpoint`, `view_change`, `choice`,
//! `new_view`, `transfer`, `amnesia`, `status`, `watch`, `lateness` and `turn` are the rest of
//! the protocol; `log` is the ring of slots and does all modular arithmetic; `outputs` alone
//! builds messages; `recover` makes a replica from its records. The host of a replica that fetches
//! keeps what comes and knows what it lacks: see [`Decision::Stage`], [`Decision::Seek`] and
//! [`Decision::Install`].
//!
//! # Deviations from the paper
//!
//! * The strong quorum is `floor((n + f) / 2) + 1`, right for every `n`, where the paper has
//!   `2f + 1`, right for `n = 3f + 1`.
//! * VIEW-CHANGE and NEW-VIEW messages are signed, with Ed25519 or HMAC links alike, so there are
//!   no acknowledgements of view changes. PRE-PREPARE, PREPARE, COMMIT and CHECKPOINT are
//!   authenticated by the link they come over.
//! * A strong quorum of COMMITs of one view settles a sequence also where the PRE-PREPARE did not
//!   arrive, and also after its view has ended: the batch is fetched by its digest. The digest
//!   then stands in P and Q, since no later view can choose another.
//! * A NEW-VIEW may choose a batch that its primary does not have (condition A3 of the paper), or
//!   that lies above the primary's own window: by condition A2 a correct replica has it, and
//!   everybody who lacks it, the primary too, fetches it afterwards. So a NEW-VIEW is no vote of
//!   its primary, which says PREPARE for what was chosen like all others, once it has
//!   pre-prepared it.
//! * Every sequence of the window must be decided, or be a gap, before a NEW-VIEW is made, also
//!   those above the last chosen one: a batch that only one VIEW-CHANGE at hand tells of may be
//!   committed. Members whose window ends below a sequence count as having prepared nothing
//!   there, as in the paper, but only to a window above that.
//! * Q has room for two digests a sequence. A batch that was prepared in one view, and then
//!   forgotten for two that were proposed at its place later, could neither be chosen again nor
//!   given up; so condition B does not count what is prepared if weak members pre-prepared another
//!   batch there in a later view. What is left: a replica prepared the batch and was cut off during
//!   the two views, all others of those who pre-prepared it are gone or forgot it, and fewer than
//!   weak correct replicas saw what was proposed there later. Then no view begins until one of the
//!   f that are gone is back.
//! * Condition A1 lets a member pass that prepared the same digest in a later view: it contradicts
//!   nothing, and may have adopted what was settled under a view of its own.
//! * A replica that lost its log recovers at M + 3W, not at M + W: old messages stay valid here.
//! * A backup also starts the timer of a request when a PRE-PREPARE brings it. It passes a
//!   request that waits on to the primary again and again, also one that another replica relayed.
//! * A view is also left for a primary that is slow or unfair.
//! * One batch is with the application at a time; the client table changes only as it answers.
//! * The low water mark moves only with a strong quorum of CHECKPOINTs. A state that was fetched
//!   on the word of a weak quorum is executed from and vouched for at once.
//! * State transfer has no meta-data about when a page was last changed: digests tell which pages
//!   differ, so a page that has its old value again is not fetched.
//! * A read needs equal answers of one state, by its sequence, where the paper compares answers
//!   alone: without that two reads can contradict each other.
//! * Tentative execution and MAC-authenticated requests are left out.

mod adopted;
mod alone;
mod amnesia;
mod budget;
mod busy;
mod checkpoint;
mod choice;
mod client;
mod config;
mod contradiction;
mod decision;
mod execution;
mod history;
mod lateness;
mod log;
mod memory;
pub mod merkle;
mod message;
mod new_view;
mod normal;
mod old_log;
mod outputs;
mod peer;
mod pool;
mod read;
mod recover;
mod recovery;
mod replica;
mod rules;
mod settled;
mod slot;
mod status;
mod storage;
mod tally;
mod transfer;
mod turn;
mod view_change;
mod view_store;
mod vow;
mod watch;
mod whom;

pub use crate::fault::ConfigError;
pub use crate::protocol::Admission;
pub use crate::service::{
    Batch, ClientCommand, ClientDecision, ClientRow, ClientTable, Failure, MAX_REQUESTS, Outcome,
    Request, Requests,
};
pub use budget::Budget;
pub use client::{Client, ClientConfig, ClientOutputs};
pub use config::{Config, Dimensions, Durability, Switches};
pub use decision::{Command, Decision, Execution, Record, Sought};
pub use history::{DIGESTS, Histories, History, Pairs, PrePrepared};
pub use merkle::{Part, Place, Roots, Shape};
pub use message::{Busy, Message, NewView, Reply, Sequence, Status, View, ViewChange, Vote};
pub use outputs::Outputs;
pub use peer::Peer;
pub use read::{Read, ReadReply, Reading};
pub use recover::{RecoverError, Snapshot};
pub use recovery::Recovery;
pub use replica::Replica;
pub use slot::{CheckpointVote, Pending, Slot};
pub use storage::{Fixed, Lent, Parts, Storage};
pub use view_store::ViewRow;
pub use watch::Departures;
