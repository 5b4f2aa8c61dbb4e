//! The clockwork that all synchronous protocols share, with a protocol in it that only counts.

use crate::field::*;
use quorate::auth::{Scope, Signed, Verified};
use quorate::rounds::{Blame, General, Rules, Schedule};
use quorate::{
    Digest, Fault, Input, Instant, NodeId, NodeSet, Output, Principal, Protocol, PublicKey,
    Refusal, Roster, Signer, Verifier,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everybody says the number of the round to everybody; a node remembers who said it in time.
#[derive(Clone, Debug)]
struct RollCall {
    me: NodeId,
    nodes: usize,
    heard: [NodeSet; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Here(u8);

impl Signed for Here {
    fn sign<S: Signer>(&mut self, _: Principal, _: &Scope, _: &S) {}

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        _: Principal,
        _: &Roster<K>,
        _: &V,
    ) -> Result<Digest, Fault> {
        Ok(Digest::ZERO)
    }
}

impl Rules for RollCall {
    type Command<'a> = ();
    type Message<'a> = Here;
    type Decision<'a> = [NodeSet; 4];

    fn me(&self) -> NodeId {
        self.me
    }

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn rounds(&self) -> u8 {
        3
    }

    fn on_command(&mut self, round: u8, (): ()) -> Result<(), Refusal> {
        if round == 0 { Ok(()) } else { Err(Refusal::Begun) }
    }

    fn on_message(&mut self, round: u8, from: NodeId, message: &Verified<Here>) -> Blame {
        let Here(said) = *message.message();
        if said < round {
            return Blame::sender(Fault::Late);
        }
        let Some(heard) = self.heard.get_mut(usize::from(said)) else {
            return Blame::sender(Fault::OutOfBounds);
        };
        heard.insert(from);
        Blame::NONE
    }

    fn close(&mut self, round: u8) -> NodeSet {
        let heard = self.heard[usize::from(round)];
        let all = (0..self.nodes as u8).map(NodeId);
        all.filter(|node| *node != self.me && !heard.contains(*node)).collect()
    }

    fn frame(&self, round: u8, _: NodeId) -> Option<Here> {
        Some(Here(round))
    }

    fn audience(&self, _: u8, _: NodeId) -> NodeSet {
        (0..self.nodes as u8).map(NodeId).collect()
    }

    fn decision(&self) -> [NodeSet; 4] {
        self.heard
    }
}

fn roll_call(nodes: usize) -> impl Iterator<Item = RollCall> {
    (0..nodes as u8).map(move |id| RollCall { me: NodeId(id), nodes, heard: Default::default() })
}

fn alone() -> General<RollCall> {
    General::with_rules(roll_call(4).next().unwrap(), schedule())
}

type Said = Output<Here, [NodeSet; 4], quorate::Never>;

fn wake(general: &mut General<RollCall>, at: u64) -> Vec<Said> {
    general.step(Instant::from_micros(at), Input::Wake).collect()
}

#[test]
fn all_are_heard_in_every_round_and_nobody_is_accused() {
    let mut field = Field::new(roll_call(4), &[]);
    let battle = field.fight(&mut nobody, |heard| heard.map(NodeSet::len));
    assert_eq!(battle.decisions, vec![vec![[0, 3, 3, 3]]; 4]);
    assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    assert_eq!((battle.frames, battle.crowded), (4 * 3 * 3, 1));
}

#[test]
fn skewed_clocks_within_the_inequality_change_nothing() {
    for sign in [1, -1] {
        let mut field = Field::new(roll_call(4), &[]);
        let skew = SKEW as i64 * sign;
        field.skews = vec![skew, -skew, 0, skew / 2];
        let battle = field.fight(&mut nobody, |heard| heard.map(NodeSet::len));
        assert_eq!(battle.decisions, vec![vec![[0, 3, 3, 3]]; 4]);
        assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    }
}

#[test]
fn a_late_frame_counts_as_not_said() {
    let mut field = Field::new(roll_call(4), &[3]);
    let mut late = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let mut letters = nobody(round, from, to, loyal);
        if round == 2 && to == NodeId(1) {
            letters[0].delay = ROUND;
        }
        letters
    };
    let battle = field.fight(&mut late, |heard| heard.map(NodeSet::len));
    assert_eq!(battle.decisions[1], [[0, 3, 2, 3]]);
    assert_eq!(battle.decisions[0], [[0, 3, 3, 3]]);
    let blamed = [(NodeId(1), NodeId(3), Fault::Missing), (NodeId(1), NodeId(3), Fault::Late)];
    assert_eq!(battle.accusations, blamed);
}

#[test]
fn a_frame_after_the_end_is_late() {
    let mut field = Field::new(roll_call(4), &[3]);
    let mut late = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let mut letters = nobody(round, from, to, loyal);
        letters[0].delay += if round == 3 { ROUND } else { 0 };
        letters
    };
    let battle = field.fight(&mut late, |heard| heard.map(NodeSet::len));
    assert_eq!(battle.decisions[0], [[0, 3, 3, 2]]);
    assert!(battle.blamed(0, 3, Fault::Late) && battle.blamed(0, 3, Fault::Missing));
}

#[test]
fn deadlines_are_the_beginnings_of_rounds_and_the_end() {
    let mut general = alone();
    for round in 0..4 {
        let begin = START + ROUND * round;
        assert_eq!(general.deadline(), Some(Instant::from_micros(begin)));
        assert_eq!(u64::from(general.round()), round);
        assert!(wake(&mut general, begin - 1).is_empty(), "earlier is harmless");
        assert!(!wake(&mut general, begin).is_empty());
    }
    assert_eq!(general.deadline(), None);
    assert!(general.is_over() && !general.has_missed());
    assert!(wake(&mut general, START + ROUND * 9).is_empty(), "it decides once");
}

#[test]
fn a_general_within_the_margin_is_in_time_and_one_beyond_it_counts_itself_faulty() {
    for round in 1..=4u8 {
        let begin = START + ROUND * (u64::from(round) - 1);
        for (late, missed) in [(MARGIN, false), (MARGIN + 1, true)] {
            let mut general = alone();
            for before in 0..u64::from(round) - 1 {
                wake(&mut general, START + ROUND * before);
            }
            let said = wake(&mut general, begin + late);
            assert_eq!(general.has_missed(), missed, "round {round}, {late} us late");
            let refusal = Output::Refuse(Refusal::MissedDeadline { round });
            assert_eq!(said.contains(&refusal), missed);
            if missed {
                assert_eq!(said, [refusal], "it says and decides nothing");
                assert_eq!(general.deadline(), None);
                assert!(wake(&mut general, begin + ROUND).is_empty(), "nor later");
            }
        }
    }
}

#[test]
fn a_general_that_slept_through_a_round_has_missed_it_however_well_it_wakes() {
    let mut general = alone();
    wake(&mut general, START);
    let said = wake(&mut general, START + 2 * ROUND);
    assert_eq!(said, [Output::Refuse(Refusal::MissedDeadline { round: 2 })]);
}

#[test]
fn a_clock_that_goes_back_or_jumps_neither_panics_nor_speaks_twice() {
    let mut general = alone();
    assert_eq!(wake(&mut general, START).len(), 1);
    assert!(wake(&mut general, 0).is_empty());
    assert!(wake(&mut general, START - 1).is_empty());
    assert_eq!(wake(&mut general, START + ROUND).len(), 3 + 1, "three were missing");
    let refusal = Refusal::MissedDeadline { round: 3 };
    assert_eq!(wake(&mut general, u64::MAX), [Output::Refuse(refusal)]);
}

#[test]
fn outputs_that_were_dropped_follow_a_refusal_and_the_input_is_not_consumed() {
    let mut general = alone();
    wake(&mut general, START);
    let at = Instant::from_micros(START + ROUND);
    let first = general.step(at, Input::Wake).next().unwrap();
    assert_eq!(first, Output::Accuse { node: NodeId(1), fault: Fault::Missing });
    let rest: Vec<Said> = general.step(at, Input::Command(())).collect();
    assert_eq!(rest[0], Output::Refuse(Refusal::Undrained));
    assert_eq!(rest.len(), 1 + 2 + 1, "two more were missing, and one frame is to be sent");
    let consumed: Vec<Said> = general.step(at, Input::Command(())).collect();
    assert_eq!(consumed, [Output::Refuse(Refusal::Begun)]);
}

#[test]
fn a_schedule_at_the_end_of_time_saturates() {
    let end = Instant::from_micros(u64::MAX);
    let schedule = Schedule::new(end, Duration::MAX, Duration::from_secs(1)).unwrap();
    assert_eq!(schedule.begin(200), end);
    assert!(!schedule.is_missed(200, end));
    let mut general = General::with_rules(roll_call(4).next().unwrap(), schedule);
    let said = wake(&mut general, u64::MAX);
    let refusal = Refusal::MissedDeadline { round: 2 };
    assert_eq!(said, [Output::Refuse(refusal)], "all rounds at once are none");
}

#[test]
fn schedules_that_cannot_work_are_refused() {
    let second = Duration::from_secs(1);
    assert!(Schedule::new(Instant::ZERO, Duration::from_nanos(999), Duration::ZERO).is_err());
    assert!(Schedule::new(Instant::ZERO, second, second).is_err());
    assert!(Schedule::new(Instant::ZERO, second, Duration::ZERO).is_ok());
}
