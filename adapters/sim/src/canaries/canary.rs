//! The bugs that can be planted, each with the check that should find it.

use super::Check;

/// A known bug, one condition in the core.
#[derive(Clone, Copy, Debug)]
pub struct Canary {
    /// Its name in `--cfg canary="name"`.
    pub name: &'static str,
    /// What a core with it does wrong.
    pub bug: &'static str,
    /// What is run first to find it.
    pub check: Check,
    /// Whether it lies where the environment is out of reach, in a constant function: it has a
    /// build of its own, while one build holds all others.
    pub alone: bool,
}

const fn tests(target: &'static str, filter: &'static str) -> Check {
    Check::Tests { target, filter }
}

const fn canary(name: &'static str, check: Check, bug: &'static str) -> Canary {
    Canary { name, bug, check, alone: false }
}

/// All of them.
pub const CANARIES: &[Canary] = &[
    Canary {
        name: "two_f_plus_one",
        bug: "A strong quorum is 2f + 1 for every n: two of them need not share a correct replica.",
        check: tests("", "quorum"),
        alone: true,
    },
    canary("one_vote_twice", tests("pbft", "agreement"), "One vote is counted twice."),
    canary(
        "votes_of_two_views",
        tests("pbft", "agreement"),
        "COMMITs and PREPAREs of two views add up.",
    ),
    canary(
        "anyone_proposes",
        tests("pbft", "agreement"),
        "A PRE-PREPARE is taken from any replica, not from the primary alone.",
    ),
    canary(
        "second_digest",
        tests("pbft", "agreement"),
        "A backup accepts a second batch for one view and sequence, and votes for it.",
    ),
    canary(
        "no_record_of_prepared",
        tests("pbft", "interleavings::f01_record_of_a_vote"),
        "A COMMIT leaves before it is on the disk that the batch prepared.",
    ),
    canary(
        "silence_when_full",
        tests("pbft", "budgets"),
        "A client that finds no room hears nothing.",
    ),
    canary(
        "no_room_above",
        tests("pbft", "catching_up"),
        "Sequences above the window are taken into the log.",
    ),
    canary(
        "slot_not_cleared",
        tests("pbft", "checkpoints"),
        "A place of the ring keeps what an older sequence left in it.",
    ),
    canary(
        "executed_twice",
        tests("pbft", "agreement"),
        "A request that two batches hold is executed twice.",
    ),
    canary(
        "one_timer_for_all",
        tests("pbft", "timers"),
        "Progress of one client resets the timers of all others.",
    ),
    canary(
        "timeout_stays_doubled",
        tests("pbft", "timers"),
        "The timeout does not go back after progress.",
    ),
    canary(
        "timeout_without_cap",
        tests("pbft", "timers::p18_t_doubles"),
        "The timeout doubles without end.",
    ),
    canary("joins_a_single_one", tests("pbft", "view_change"), "A single VIEW-CHANGE is joined."),
    canary("any_view_change", tests("pbft", "view_change"), "A malformed VIEW-CHANGE is taken in."),
    canary(
        "p_left_out",
        tests("pbft", "view_change"),
        "A VIEW-CHANGE does not say what was prepared.",
    ),
    canary(
        "q_left_out",
        tests("pbft", "view_change"),
        "A VIEW-CHANGE says of one digest only that it was pre-prepared.",
    ),
    canary(
        "view_change_said_once",
        tests("pbft", "view_change"),
        "A VIEW-CHANGE is sent once only.",
    ),
    canary(
        "never_helps",
        tests("pbft", "catching_up"),
        "Nobody sends again what another has missed.",
    ),
    canary(
        "void_on_a_word",
        tests("pbft", "choice"),
        "A batch that was prepared is given up on one replica's word that another came later.",
    ),
    canary(
        "new_view_is_a_vote",
        tests("pbft", "primarys_vote"),
        "A NEW-VIEW counts as its primary's PREPARE of what it chose, had or not.",
    ),
    canary(
        "joins_without_prepare",
        tests("pbft", "adopted"),
        "Whoever commits before it has seen the proposal says no PREPARE, which others may need.",
    ),
    canary(
        "settled_when_a_liar_says",
        tests("pbft", "adopted"),
        "One COMMIT beside the word of others tells in which view a batch was settled.",
    ),
    canary(
        "q_forgets_the_latest",
        tests("pbft", "view_change"),
        "A full Q forgets what was pre-prepared last, and keeps what is older.",
    ),
    canary(
        "rival_of_what_is_settled",
        tests("pbft", "rivals"),
        "A batch is proposed or voted for beside another one that is settled, and may displace it.",
    ),
    canary(
        "executed_is_forgotten",
        tests("pbft", "view_change"),
        "A VIEW-CHANGE leaves out of P and Q what was executed, before it is stable.",
    ),
    canary(
        "moved_before_verified",
        tests("pbft", "bounds::c10"),
        "A message changes what a replica remembers before its signature is verified.",
    ),
    canary(
        "start_forgotten",
        tests("pbft", "entering"),
        "A state that a view starts from is forgotten if the power fails before it has come.",
    ),
    canary(
        "new_view_on_trust",
        tests("pbft", "new_view::p11"),
        "A NEW-VIEW is not computed again by those who enter it.",
    ),
    canary("new_view_forgotten", tests("pbft", "entering"), "Who missed a NEW-VIEW never gets it."),
    canary(
        "checkpoint_of_one",
        tests("pbft", "choice"),
        "A new view begins at a checkpoint that one replica claims.",
    ),
    canary(
        "first_prepared",
        tests("pbft", "choice"),
        "A new view takes any prepared batch, not that of the highest view.",
    ),
    canary(
        "prepared_on_a_word",
        tests("pbft", "choice"),
        "A new view believes one replica that a batch was prepared (no A2).",
    ),
    canary(
        "other_prepared_ignored",
        tests("pbft", "choice"),
        "A new view overlooks what was prepared later elsewhere (no A1).",
    ),
    canary(
        "stable_by_a_weak_quorum",
        tests("pbft", "checkpoints"),
        "A checkpoint is stable when weak replicas vouch for it.",
    ),
    canary(
        "own_digest_unnoticed",
        tests("pbft", "checkpoints"),
        "A replica whose state differs from the quorum's goes on.",
    ),
    canary(
        "clients_outside_checkpoint",
        tests("pbft", "checkpoints"),
        "The client table is no part of the checkpoint.",
    ),
    canary(
        "pages_unverified",
        tests("pbft", "transfer"),
        "Pages of a state are installed as they come.",
    ),
    canary(
        "recovered_too_early",
        tests("pbft", "amnesia"),
        "A replica that lost its log votes where it may have voted before.",
    ),
    canary(
        "votes_while_recovering",
        tests("pbft", "amnesia"),
        "A replica that lost its log votes before it knows what it said.",
    ),
    canary(
        "fetches_unlimited",
        tests("pbft", "catching_up"),
        "A peer is served as often as it asks.",
    ),
    canary(
        "client_takes_one_answer",
        tests("pbft", "client"),
        "A client believes a single replica.",
    ),
    canary(
        "ordered_weak_beside_reads",
        tests("pbft", "reader"),
        "With fast reads on, ordered requests are answered by a weak quorum.",
    ),
    canary(
        "reads_by_a_weak_quorum",
        tests("pbft", "reader"),
        "A fast read is answered by a weak quorum.",
    ),
    canary(
        "clients_in_the_minority",
        tests("lockstep", "slots"),
        "Generals serve clients although m + 1 of them may all be traitors.",
    ),
    canary(
        "lockstep_client_takes_one",
        tests("lockstep", "client"),
        "A client of lockstep believes a single general.",
    ),
    canary(
        "sender_not_bound",
        tests("pbft", "requests"),
        "A client's message is taken from another client's link.",
    ),
    canary(
        "signatures_unchecked",
        tests("statements", ""),
        "A signature is only checked for being there.",
    ),
    canary(
        "cluster_left_out",
        tests("statements", ""),
        "Statements of one cluster hold in another.",
    ),
    canary("epoch_left_out", tests("statements", ""), "Statements of one epoch hold in another."),
    canary(
        "type_left_out",
        tests("statements", ""),
        "A statement of one kind holds as one of another.",
    ),
    canary(
        "numbers_cut_short",
        tests("statements", ""),
        "Sequence 2^32 + 1 is signed as sequence 1.",
    ),
    canary("padded_numbers", tests("codec", ""), "One message has more than one encoding."),
    canary("frames_replayed", tests("links", ""), "A frame of a link opens twice."),
    canary("any_sender_on_a_link", tests("links", ""), "A frame that names another sender opens."),
    canary(
        "late_signature",
        tests("generals", "sm"),
        "SM(m): a chain counts in a round for which it is too short.",
    ),
    canary(
        "repeated_signers",
        tests("generals", "sm"),
        "SM(m): one general signs a chain more than once.",
    ),
    canary(
        "one_order_kept",
        tests("generals", "sm"),
        "SM(m): one order is kept and relayed, not two.",
    ),
    canary(
        "first_order_wins",
        tests("generals", "sm"),
        "SM(m): the first of two orders is chosen, not the default.",
    ),
    canary(
        "chains_unlimited",
        tests("generals", "sm"),
        "SM(m): a peer makes others verify as many chains as it likes.",
    ),
    canary(
        "absent_not_counted",
        tests("generals", "om::figures"),
        "OM(m): who is silent does not count in the majority.",
    ),
    canary(
        "own_value_not_counted",
        tests("generals", "om"),
        "OM(m): the value heard directly does not count.",
    ),
    canary("last_write_wins", tests("generals", "om"), "OM(m): a second value replaces the first."),
    canary(
        "early_dropped",
        tests("generals", "om"),
        "OM(m): what a general with a fast clock says is lost.",
    ),
    canary(
        "king_counts_one_less",
        tests("generals", "king"),
        "The phase king takes n - t - 1 votes for a quorum.",
    ),
    canary(
        "speaks_when_late",
        tests("generals", "rounds"),
        "A general that missed its deadline speaks all the same.",
    ),
    canary(
        "hears_nobody",
        tests("lockstep", "rejoin"),
        "Lockstep: who does not hear more peers than may be faulty takes itself for loyal.",
    ),
    canary(
        "gap_on_trust",
        tests("pbft", "choice"),
        "A new view puts NULL where it has not heard yet what was prepared.",
    ),
    canary(
        "new_view_of_anyone",
        tests("statements", ""),
        "A NEW-VIEW is taken from any replica, not from the primary of its view alone.",
    ),
    canary(
        "profile_left_out",
        tests("pbft", "bounds"),
        "Statements made under one verification profile hold under another.",
    ),
    canary(
        "instance_left_out",
        tests("generals", "sm::statements"),
        "SM(m): what was signed in one agreement holds in another.",
    ),
    canary(
        "votes_forgotten",
        tests("pbft", "recovery"),
        "A replica that was started again votes differently on what it voted on before.",
    ),
    canary(
        "votes_in_views_that_are_left",
        tests("pbft", "view_change"),
        "A replica that has left a view commits in it.",
    ),
    canary(
        "settled_on_a_word",
        tests("pbft", "settled"),
        "A single replica is believed that a batch is settled.",
    ),
    canary(
        "slow_primary_stays",
        tests("pbft", "watch"),
        "A primary that keeps everybody waiting is never replaced.",
    ),
];
