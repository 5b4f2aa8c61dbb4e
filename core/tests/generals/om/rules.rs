//! The rules that the field most often leaves out, one by one.

use super::*;
use quorate::om::{Fixed, General};
use quorate::{ConfigError, NodeSet, Order, Reason, Refusal, Target};

/// A lieutenant of four that was told A by its commander and is in the second round.
fn second_round() -> Alone {
    let army = Army::new(4, 1);
    let mut general = Alone::new(army, 1);
    general.open(1);
    assert_eq!(general.hear(0, &army.wave(NodeId(0), 1, &[Some(A)])), None);
    general.open(2);
    general
}

#[test]
fn the_absent_stand_in_the_denominator() {
    // One says A, two say nothing: A is all that was said, and still no majority of three.
    assert_eq!(second_round().decide(), Verdict::Default(Reason::Missing));
    let army = Army::new(4, 1);
    let mut general = second_round();
    general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)]));
    assert_eq!(general.decide(), Verdict::Value(A), "two of three are one");
    // Half of all is not more than half: two of four.
    let army = Army::new(5, 1);
    let mut general = Alone::new(army, 1);
    general.hear(0, &army.wave(NodeId(0), 1, &[Some(A)]));
    general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)]));
    (1..=2).for_each(|round| drop(general.open(round)));
    assert_eq!(general.decide(), Verdict::Default(Reason::Missing));
}

#[test]
fn what_was_heard_directly_counts_once() {
    let army = Army::new(4, 1);
    // Not at all would be: B and nothing, no majority.
    for (told, verdict) in [
        ([Some(A), Some(B)], Verdict::Value(A)),
        // Twice would be: A by two of four, or by two of three.
        ([Some(B), Some(B)], Verdict::Value(B)),
        ([Some(B), Some(C)], Verdict::Default(Reason::Conflict)),
        ([Some(B), None], Verdict::Default(Reason::Conflict)),
    ] {
        let mut general = second_round();
        for (from, order) in [2, 3].into_iter().zip(told) {
            general.hear(from, &army.wave(NodeId(from), 2, &[order]));
        }
        assert_eq!(general.decide(), verdict, "{told:?}");
    }
}

#[test]
fn the_first_that_comes_along_a_path_is_kept_for_good() {
    let army = Army::new(4, 1);
    let (first, other) = (army.oral(&[0, 2], Some(A)), army.oral(&[0, 2], Some(B)));
    let waves = [army.wave(NodeId(2), 2, &[Some(A)]), army.wave(NodeId(2), 2, &[Some(B)])];
    let nothing = army.oral(&[0, 2], None);
    let mut general = second_round();
    assert_eq!(general.hear(2, &first), None);
    let state = general.state();
    for _ in 0..100 {
        assert_eq!(general.hear(2, &first), None, "again");
        assert_eq!(general.hear(2, &waves[0]), None, "again, as a wave");
    }
    for _ in 0..100 {
        for lie in [&other, &waves[1], &nothing] {
            assert_eq!(general.hear(2, lie), Some(Fault::Equivocation));
        }
    }
    assert_eq!(general.state(), state);
    assert_eq!(general.decide(), Verdict::Value(A));
}

#[test]
fn that_there_was_nothing_is_said_once_too() {
    let army = Army::new(4, 1);
    let mut general = second_round();
    assert_eq!(general.hear(2, &army.wave(NodeId(2), 2, &[None])), None);
    assert_eq!(general.entry(&[0, 2]), Entry::Nothing);
    assert_eq!(general.hear(2, &army.oral(&[0, 2], Some(A))), Some(Fault::Equivocation));
    assert_eq!(general.decide(), Verdict::Default(Reason::Missing));
}

#[test]
fn a_wave_that_contradicts_what_is_kept_is_dropped_whole() {
    let army = Army::new(7, 2);
    let mut general = Alone::new(army, 1);
    general.open(1);
    // The paths from 2 to 1 in round 3: 0:3:2, 0:4:2, 0:5:2, 0:6:2.
    assert_eq!(general.hear(2, &army.oral(&[0, 6, 2], Some(A))), None);
    let state = general.state();
    let lie = army.wave(NodeId(2), 3, &[Some(B); 4]);
    assert_eq!(general.hear(2, &lie), Some(Fault::Equivocation));
    assert_eq!(general.state(), state, "not even the orders before it are kept");
    let rest = army.wave(NodeId(2), 3, &[Some(B), None, Some(C), Some(A)]);
    assert_eq!(general.hear(2, &rest), None, "what agrees fills the rest");
    assert_eq!(general.entry(&[0, 5, 2]), Entry::Value(C));
}

#[test]
fn an_early_message_is_kept() {
    let army = Army::new(4, 1);
    for early in [0, 1] {
        let mut general = Alone::new(army, 1);
        general.open(early);
        assert_eq!(general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)])), None);
        assert_eq!(general.entry(&[0, 2]), Entry::Value(A));
        assert_eq!(general.hear(0, &army.wave(NodeId(0), 1, &[Some(A)])), None);
        assert_eq!(general.open(1), []);
        assert_eq!(general.open(2), []);
        assert_eq!(general.hear(3, &army.wave(NodeId(3), 2, &[Some(B)])), None);
        assert_eq!(general.decide(), Verdict::Value(A), "as in order");
    }
}

#[test]
fn clocks_as_far_apart_as_allowed_change_nothing() {
    let army = Army::new(4, 1);
    for ahead in 1..4 {
        let mut field = army.field(Some(A), &[3]);
        field.skews = vec![-(SKEW as i64); 4];
        field.skews[ahead] = SKEW as i64;
        let battle = field.fight(&mut liars(army, |_, _, _| say(Some(B))), |verdict| verdict);
        assert_eq!(obeyed(&battle)[..3], [A; 3]);
        assert_eq!(battle.accusations, vec![]);
    }
}

#[test]
fn what_comes_after_its_round_was_never_said() {
    let army = Army::new(4, 1);
    for message in [army.wave(NodeId(0), 1, &[Some(A)]), army.oral(&[0], Some(A))] {
        let mut general = Alone::new(army, 1);
        general.open(1);
        assert_eq!(general.open(2), [0], "the commander was missing");
        let state = general.state();
        assert_eq!(general.hear(0, &message), Some(Fault::Late));
        assert_eq!(general.state(), state);
        general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)]));
        assert_eq!(general.decide(), Verdict::Default(Reason::Missing));
        assert_eq!(general.hear(3, &army.wave(NodeId(3), 2, &[Some(A)])), Some(Fault::Late));
    }
}

#[test]
fn a_lieutenant_relays_what_it_heard_in_time_and_nothing_else() {
    let army = Army::new(4, 1);
    let relayed = |general: &Alone| {
        let frame = general.general.rules().frame(2, NodeId(3)).unwrap();
        orders_of(&seal(NodeId(1), frame))
    };
    let mut general = Alone::new(army, 1);
    (1..=2).for_each(|round| drop(general.open(round)));
    general.hear(0, &army.wave(NodeId(0), 1, &[Some(A)]));
    assert_eq!(relayed(&general), [None]);
    assert_eq!(relayed(&second_round()), [Some(A)]);
}

#[test]
fn what_is_the_same_to_all_is_one_frame_for_all() {
    let army = Army::new(7, 2);
    let targets = |general: &mut Alone, round: u64| {
        let begin = Instant::from_micros(START + ROUND * (round - 1));
        let outputs = general.general.step(begin, Input::Wake);
        let sent = outputs.filter_map(|output| match output {
            Output::Send { to, .. } => Some(to),
            _ => None,
        });
        sent.collect::<Vec<_>>()
    };
    let nodes = |ids: &[u8]| ids.iter().copied().map(NodeId).collect::<NodeSet>();
    let mut commander =
        Alone { general: army.field(Some(A), &[]).generals.remove(0), ..Alone::new(army, 0) };
    assert_eq!(targets(&mut commander, 1), [Target::All]);
    assert_eq!([targets(&mut commander, 2), targets(&mut commander, 3)], [vec![], vec![]]);
    let mut lieutenant = Alone::new(army, 3);
    assert_eq!(targets(&mut lieutenant, 1), []);
    assert_eq!(targets(&mut lieutenant, 2), [Target::Nodes(nodes(&[1, 2, 4, 5, 6]))]);
    let apart = [1, 2, 4, 5, 6].map(|id| Target::Node(NodeId(id)));
    assert_eq!(targets(&mut lieutenant, 3), apart, "each is on the paths of the others");
}

#[test]
fn a_peer_that_speaks_in_no_round_is_missing_in_each_in_which_it_should() {
    let army = Army::new(7, 2);
    let mut general = Alone::new(army, 2);
    general.open(1);
    assert_eq!(general.open(2), [0], "only the commander speaks in the first");
    for from in [1, 3] {
        general.hear(from, &army.wave(NodeId(from), 2, &[None]));
    }
    assert_eq!(general.open(3), [4, 5, 6], "and only lieutenants in the others");
    // One order of four is not nothing.
    general.hear(6, &army.oral(&[0, 5, 6], None));
    let end = Instant::from_micros(START + 3 * ROUND);
    let outputs: Vec<_> = general.general.step(end, Input::Wake).collect();
    let missing = [1, 3, 4, 5].map(|id| Output::Accuse { node: NodeId(id), fault: Fault::Missing });
    assert_eq!(outputs[..4], missing);
    assert_eq!(outputs[4..], [Output::Decide(Verdict::Default(Reason::Missing))]);
}

#[test]
fn one_agreement_hears_nothing_of_another() {
    let army = Army::new(4, 1);
    let others = [
        Army { number: 8, ..army },
        Army { commander: 3, ..army },
        Army { number: u64::MAX, commander: 3, ..army },
    ];
    for other in others {
        let mut general = second_round();
        let state = general.state();
        for payload in [other.wave(NodeId(2), 2, &[Some(B)]), other.oral(&[0, 2], Some(B))] {
            assert_eq!(general.hear(2, &payload), Some(Fault::WrongInstance));
        }
        assert_eq!(general.state(), state);
        assert_eq!(
            general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)])),
            None,
            "its own slot is free"
        );
        assert_eq!(general.decide(), Verdict::Value(A));
    }
}

#[test]
fn two_agreements_at_once_end_as_each_alone_would() {
    // General 3 hands what it hears in the one on as if it belonged to the other.
    for (commander, number) in [(1, 7), (0, 8)] {
        let (army, other) = (Army::new(4, 1), Army { commander, number, ..Army::new(4, 1) });
        let mut relabel = |round: u8, _, _, loyal: Option<Vec<u8>>| {
            let payload =
                other.wave(NodeId(3), round, &loyal.map_or(vec![None], |it| orders_of(&it)));
            vec![Letter { delay: DELAY, payload }]
        };
        let battle = fight(army, Some(A), &[3], &mut relabel);
        assert_eq!(obeyed(&battle)[..3], [A; 3]);
        let blamed =
            battle.accusations.iter().filter(|(_, _, fault)| *fault == Fault::WrongInstance);
        assert_eq!(blamed.count(), 3 + 3, "by three in each of two rounds");
    }
}

#[test]
fn oral_messages_need_more_than_three_times_as_many_generals_as_traitors() {
    let config = |nodes, traitors| Army::new(nodes, traitors).config(0);
    let new = |nodes, traitors| {
        let memory = vec![Entry::<u8>::EMPTY; slots(nodes, traitors).min(1_000_000)];
        Orders::new(config(nodes, traitors), memory).map(drop)
    };
    for (nodes, traitors) in [(3, 1), (6, 2), (9, 3), (12, 4), (15, 5)] {
        assert!(new(nodes, traitors).is_err(), "{nodes}, {traitors}");
        assert!(new(nodes + 1, traitors).is_ok(), "{}, {traitors}", nodes + 1);
    }
    for (nodes, traitors) in
        [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (2, 2), (4, 4), (4, usize::MAX)]
    {
        assert!(new(nodes, traitors).is_err(), "{nodes}, {traitors}");
    }
    assert!(new(65, 1).is_err(), "more than a set holds");
}

#[test]
fn what_cannot_work_is_refused_with_a_reason() {
    let army = Army::new(4, 1);
    let why = |config, size| {
        let refused: Result<_, ConfigError> = Orders::new(config, vec![Entry::<u8>::EMPTY; size]);
        refused.err().map(|why| why.to_string())
    };
    assert_eq!(why(army.config(1), 3), None);
    for size in [0, 2, 4] {
        assert!(why(army.config(1), size).unwrap().contains("slots"), "{size}");
    }
    assert!(why(army.config(4), 3).unwrap().contains("id"));
    assert!(why(Army { commander: 4, ..army }.config(1), 3).unwrap().contains("commander"));
    let deep = Army::new(40, 22).config(1);
    let refused = Orders::unchecked(deep, vec![Entry::<u8>::EMPTY; 3]).unwrap_err();
    assert!(refused.to_string().contains("22 rounds"));
}

#[test]
fn memory_that_was_used_before_is_emptied() {
    let config = Army::new(4, 1).config(1);
    let general = General::new(config, schedule(), [Entry::Value(B); 3]).unwrap();
    assert!(general.rules().entries().iter().all(Entry::is_empty));
    let mut lent = [Entry::Value(B); 3];
    assert!(General::new(config, schedule(), lent.as_mut_slice()).is_ok());
    assert!(General::new(config, schedule(), Fixed::<u8, 4, 1, 3>::new()).is_ok());
    assert_eq!(general.into_rules().into_memory(), [Entry::EMPTY; 3]);
}

#[test]
fn only_the_commander_gives_an_order_and_only_before_the_start() {
    let army = Army::new(4, 1);
    let refused = |general: &mut Alone, at| {
        let outputs = general.general.step(Instant::from_micros(at), Input::Command(Order(B)));
        outputs.filter_map(|it| if let Output::Refuse(why) = it { Some(why) } else { None }).last()
    };
    let mut lieutenant = Alone::new(army, 1);
    assert_eq!(refused(&mut lieutenant, START - 1), Some(Refusal::NotCommander));
    let mut commander = Alone::new(army, 0);
    assert_eq!(refused(&mut commander, START - 1), None);
    assert_eq!(refused(&mut commander, START), Some(Refusal::Begun));
    (2..=2).for_each(|round| drop(commander.open(round)));
    assert_eq!(commander.decide(), Verdict::Value(B));
}
