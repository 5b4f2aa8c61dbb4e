//! What lies mean: what they take the place of, what they add, and what cannot be said.

mod support;

use quorate::Fault;
use quorate_generals::battle::{Fate, Kind};
use support::{fought, tried};

/// OM(1) of four with general 3 a traitor, and these lies.
fn oral(lies: &str) -> String {
    format!("protocol = \"om\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n{lies}")
}

/// SM(2) of five with these traitors and lies.
fn signed(traitors: &str, lies: &str) -> String {
    format!("protocol = \"sm\"\nn = 5\nm = 2\norder = \"A\"\ntraitors = {traitors}\n{lies}")
}

fn read(said: &str, kind: Kind) -> (String, Kind, Fate) {
    (said.to_owned(), kind, Fate::Read)
}

fn blamed(said: &str, kind: Kind, fault: Fault) -> (String, Kind, Fate) {
    (said.to_owned(), kind, Fate::Blamed(fault))
}

#[test]
fn a_traitor_without_lies_behaves_loyally() {
    for protocol in ["om", "sm", "king", "vector"] {
        let with = |traitors: &str| {
            let text = format!("protocol = \"{protocol}\"\nn = 7\nm = 2\norder = \"A\"\n");
            fought(&format!("{text}traitors = {traitors}"))
        };
        let (nobody, two) = (with("[]"), with("[0, 3]"));
        assert_eq!(nobody.battle.frames.len(), two.battle.frames.len(), "{protocol}");
        let said = |run: &support::Run| {
            let mut said: Vec<_> = run
                .battle
                .tellings
                .iter()
                .map(|it| (it.round, it.from, it.to, it.utterance.clone()))
                .collect();
            said.sort_by_key(|(round, from, to, it)| {
                (*round, *from, *to, it.commander, it.route.clone())
            });
            said
        };
        assert_eq!(said(&nobody), said(&two), "{protocol}");
        assert!(two.battle.tellings.iter().all(|it| it.kind == Kind::Honest));
        assert!(two.battle.accusations.is_empty(), "{protocol}");
    }
}

#[test]
fn the_last_lie_that_matches_takes_the_place_of_the_loyal_message() {
    let run = fought(&oral(
        "lie = [{ from = 3, to = \"*\", value = \"B\" }, { from = 3, to = [1], value = \"C\" }]",
    ));
    assert_eq!(run.told("0:3", 1), [read("C", Kind::Lie)]);
    assert_eq!(run.told("0:3", 2), [read("B", Kind::Lie)]);
    assert_eq!(run.battle.messages(), 9, "in place of, not in addition");
    let run = fought(&oral(
        "lie = [{ from = 3, to = [1], value = \"C\" }, { from = 3, to = \"*\", value = \"B\" }]",
    ));
    assert_eq!(run.told("0:3", 1), [read("B", Kind::Lie)]);
    assert_eq!(run.battle.idle, [1], "the first lie found no place");
}

#[test]
fn a_path_narrows_a_lie_to_one_message() {
    let text = "protocol = \"om\"\nn = 7\nm = 2\norder = \"A\"\ntraitors = [6]\n";
    let run = fought(&format!(
        "{text}lie = [{{ from = 6, to = \"*\", value = \"B\", path = [0, 2, 6] }}]"
    ));
    assert_eq!(run.told("0:2:6", 1), [read("B", Kind::Lie)]);
    assert_eq!(run.told("0:3:6", 1), [read("A", Kind::Honest)]);
    assert_eq!(run.told("0:6", 1), [read("A", Kind::Honest)]);
    assert_eq!(run.battle.counts, [152, 4, 0, 0]);
    assert_eq!((run.battle.messages(), run.battle.frames.len()), (156, 66));
    let all =
        fought(&format!("{text}lie = [{{ from = 6, to = \"*\", value = \"B\", path = \"*\" }}]"));
    assert_eq!(all.battle.counts, [131, 25, 0, 0], "5 relays in round 2, 20 in round 3");
}

#[test]
fn no_value_is_silence_and_the_rest_of_the_wave_is_still_said() {
    let text = "protocol = \"om\"\nn = 7\nm = 2\norder = \"A\"\ntraitors = [6]\n";
    let lie = "{ from = 6, to = [1], value = \"\", path = [0, 2, 6] }";
    let run = fought(&format!("{text}lie = [{lie}]"));
    assert_eq!(run.told("0:2:6", 1), [read("A", Kind::Dropped)]);
    assert_eq!(run.told("0:3:6", 1), [read("A", Kind::Honest)]);
    assert_eq!(run.battle.messages(), 155);
    assert!(run.battle.accusations.is_empty(), "one of four messages is not missed");
    let run = fought(&format!("{text}lie = [{{ from = 6, to = [1], value = \"\" }}]"));
    assert_eq!(run.blames(), vec![(1, 6, "Missing".to_owned()); 2]);
    assert_eq!(run.battle.frames.len(), 64);
}

#[test]
fn a_lie_with_a_round_is_sent_in_addition() {
    let lie = |round| {
        let lie =
            format!("{{ from = 3, to = [1], value = \"B\", path = [0, 3], round = {round} }}");
        fought(&oral(&format!("lie = [{lie}]")))
    };
    let honest = read("A", Kind::Honest);
    // Before its round it comes first, and stands; in its round and after it comes second.
    let early = [read("B", Kind::Lie), blamed("A", Kind::Honest, Fault::Equivocation)];
    assert_eq!(lie(0).told("0:3", 1), early);
    assert_eq!(lie(1).told("0:3", 1), early);
    let repeated = [honest.clone(), blamed("B", Kind::Lie, Fault::Equivocation)];
    assert_eq!(lie(2).told("0:3", 1), repeated);
    assert_eq!(lie(3).told("0:3", 1), [honest, blamed("B", Kind::Late, Fault::Late)]);
    assert_eq!(lie(2).battle.messages(), 10);
}

#[test]
fn with_a_round_and_no_path_the_whole_wave_of_that_round_is_said_again() {
    let text = "protocol = \"om\"\nn = 7\nm = 2\norder = \"A\"\ntraitors = [6]\n";
    let lie = "{ from = 6, to = [1], value = \"B\", round = 3 }";
    let run = fought(&format!("{text}lie = [{lie}]"));
    assert_eq!(run.battle.counts, [156, 4, 0, 0]);
    assert_eq!(run.battle.frames.len(), 67, "one frame more");
    assert_eq!(run.told("0:2:6", 1).len(), 2);
    assert_eq!(run.told("0:6", 1).len(), 1);
}

#[test]
fn signed_lies_need_true_signatures() {
    let by_lieutenant = "lie = [{ from = 3, to = \"*\", value = \"B\" }]";
    let refused = tried(&signed("[3]", by_lieutenant)).err().unwrap().to_string();
    assert!(refused.contains("general 0 is loyal and did not sign that"), "{refused}");
    assert!(refused.starts_with("lie 1: general 3 cannot show B:0:3"), "{refused}");
    let with_traitor = fought(&signed("[0, 3]", by_lieutenant));
    assert_eq!(with_traitor.told("0:3", 1), [read("B", Kind::Lie)]);
    assert_eq!(with_traitor.obeys(1), "R", "its commander signed two orders");
    // A loyal general's signature can be shown once it was made, and no earlier.
    let show = |round, signers: &str| {
        let lie =
            format!("from = 3, to = [4], value = \"A\", round = {round}, signers = {signers}");
        tried(&signed("[3]", &format!("lie = [{{ {lie} }}]")))
    };
    assert!(show(1, "[0, 3]").is_ok());
    let early = show(1, "[0, 1, 3]").err().unwrap().to_string();
    assert!(early.contains("general 1 is loyal and did not sign that"), "{early}");
    assert!(show(2, "[0, 1, 3]").is_ok());
    let never = show(3, "[0, 1, 2, 3]").err().unwrap().to_string();
    assert!(never.contains("general 2"), "{never}");
}

#[test]
fn traitors_overhear_what_loyal_generals_sign_in_the_same_round() {
    // General 2 endorses the order in round 2, and general 1, who speaks before it by id, shows
    // that endorsement in round 2 already.
    let lie = "lie = [{ from = 1, to = [4], value = \"A\", signers = [0, 2, 1] }]";
    let run = fought(&signed("[1]", lie));
    assert_eq!(run.told("0:2:1", 4).len(), 1);
    assert_eq!(run.blames(), []);
}

#[test]
fn what_traitors_think_of_each_other_is_not_told() {
    let lies = "lie = [{ from = 0, to = \"*\", value = \"\" },
                       { from = 0, to = \"*\", value = \"A\", round = 2, signers = [0] }]";
    let run = fought(&signed("[0, 1]", lies));
    let by: std::collections::BTreeSet<u8> = run.blames().iter().map(|(by, ..)| *by).collect();
    assert_eq!(by.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    assert!(run.blames().contains(&(2, 0, "Missing".to_owned())));
    assert!(run.blames().contains(&(2, 0, "Late".to_owned())));
    assert_eq!(run.battle.decisions.iter().filter(|decided| decided.is_none()).count(), 2);
}

#[test]
fn one_lie_in_place_of_two_chains_is_told_once() {
    let lies = "lie = [{ from = 0, to = \"*\", value = \"B\", round = 1 },
                       { from = 1, to = [2], value = \"C\" }]";
    let run = fought(&signed("[0, 1]", lies));
    let told: Vec<_> = run.told("0:1", 2).into_iter().map(|(said, ..)| said).collect();
    assert_eq!(told, ["C"]);
    assert_eq!(run.told("0:1", 3).len(), 2, "to others it relays both");
}

#[test]
fn the_default_chain_is_the_loyal_one() {
    let lies = "lie = [{ from = 0, to = [1, 2, 4], value = \"\" },
                       { from = 1, to = [4], value = \"A\", round = 3 }]";
    // Traitor 1 was told nothing but by lieutenant 3, who relays in round 2: in round 3 the
    // loyal chain is 0:3:1.
    let run = fought(&signed("[0, 1]", lies));
    let known = |kind| ("A".to_owned(), kind, Fate::Known);
    assert_eq!(run.told("0:3:1", 4), [known(Kind::Honest), known(Kind::Lie)]);
    // Where it holds no such chain it is the shortest.
    let lies = "lie = [{ from = 0, to = \"*\", value = \"\" },
                       { from = 1, to = [4], value = \"A\", round = 2 }]";
    let run = fought(&signed("[0, 1]", lies));
    assert_eq!(run.told("0:1", 4), [read("A", Kind::Lie)]);
    assert_eq!((run.obeys(2), run.obeys(4)), ("A".to_owned(), "A".to_owned()));
}

#[test]
fn a_replay_is_a_true_signature_of_another_agreement_and_is_rejected() {
    for lie in [
        "{ from = 3, to = \"*\", replay_of = \"B\" }",
        "{ from = 3, to = \"*\", value = \"B\", replay_of = \"B\" }",
        "{ from = 3, to = \"*\", value = \"C\", replay_of = \"B\" }",
        "{ from = 3, to = \"*\", replay_of = \"A\" }",
        "{ from = 3, to = \"*\", replay_of = \"B\", round = 2 }",
        "{ from = 3, to = \"*\", replay_of = \"B\", round = 3, signers = [0, 1, 3] }",
    ] {
        let run = fought(&signed("[3]", &format!("lie = [{lie}]")));
        for id in [0, 1, 2, 4] {
            assert_eq!(run.obeys(id), "A", "{lie}");
        }
        let blames = run.blames();
        assert!(blames.iter().all(|(_, node, fault)| *node == 3 && fault == "Forged"), "{lie}");
        let alike = lie.contains("\"A\"");
        assert_eq!(blames.is_empty(), alike, "A is held already, so that nobody looks: {lie}");
    }
}

#[test]
fn opinions_of_the_king_can_claim_another_round() {
    let text = "protocol = \"king\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n";
    let run = fought(&format!(
        "{text}lie = [{{ from = 3, to = [1], value = \"B\", round = 3, claims = 2 }},
                      {{ from = 3, to = [2], value = \"B\", round = 3 }}]"
    ));
    let late = ("B".to_owned(), Kind::Late, Fate::Blamed(Fault::Late));
    assert!(run.told("3", 1).contains(&late));
    assert!(run.told("3", 2).contains(&blamed("B", Kind::Lie, Fault::Equivocation)));
    let all = fought(&format!("{text}lie = [{{ from = 3, to = \"*\", value = \"B\" }}]"));
    assert_eq!(all.battle.counts[1], 12, "three receivers in two exchanges of two phases");
}

#[test]
fn a_lie_in_a_vector_is_about_one_value_or_all() {
    let text = "protocol = \"vector\"\nn = 4\nm = 1\norders = [\"A\", \"B\", \"C\", \"D\"]\n\
                traitors = [3]\n";
    let count = |lie: &str| fought(&format!("{text}lie = [{{ from = 3, {lie} }}]")).battle.counts;
    assert_eq!(count("to = \"*\", value = \"X\"")[1], 9);
    assert_eq!(count("to = \"*\", value = \"X\", commander = 1")[1], 2);
    assert_eq!(count("to = \"*\", value = \"X\", path = [1, 3]")[1], 2);
    assert_eq!(count("to = [0], value = \"X\", commander = 3")[1], 1);
    let added = "to = \"*\", value = \"X\", path = [1, 3], round = 2";
    assert_eq!(count(added), [36, 2, 0, 0]);
    let run = fought(&format!("{text}lie = [{{ from = 3, to = \"*\", value = \"X\" }}]"));
    assert_eq!(run.obeys(0), "A B C X");
    assert_eq!(run.battle.frames.len(), 24, "as many frames as without lies");
}

#[test]
fn a_part_of_a_wave_in_a_vector_travels_in_frames_of_its_own() {
    let run = fought(
        "protocol = \"vector\"\nn = 7\nm = 2\norder = \"A\"\ntraitors = [6]\n
         lie = [{ from = 6, to = [1], value = \"\", path = [0, 2, 6] }]",
    );
    assert_eq!(run.told("0:2:6", 1), [read("A", Kind::Dropped)]);
    for route in ["0:3:6", "0:4:6", "0:5:6", "2:3:6", "2:0:6"] {
        assert_eq!(run.told(route, 1), [read("A", Kind::Honest)], "{route}");
    }
    assert_eq!(run.blames(), []);
    let loyal = fought("protocol = \"vector\"\nn = 7\nm = 2\norder = \"A\"\n");
    assert_eq!(run.battle.frames.len(), loyal.battle.frames.len() + 2);
}
