//! Every kind of expectation can fail and is then reported, and every mistake in a script is told
//! with its line, what is wrong, and what would be right.

use quorate_sim::plan::Role;
use quorate_sim::script::{Played, Script};

/// A story with a view change, a traitor, a state that is fetched, and a replica that is down.
const STORY: &str = r#"# Much happens.
cluster of 4, window 8, 2 clients, timeout 300ms
isolate r3
client 0 asks for 10 operations
expect client 0 has 10 replies by 2s
heal
expect r3 "installs" by 3s
expect equal states by 3s
traitor r0 drops PRE-PREPARE
traitor r0 sends garbage to r1
client 1 asks "B"
expect client 1 has 1 reply by 5s
expect view 1 by 6s
crash r2
"#;

fn play(text: &str) -> Played {
    match Script::read("test.txt", text) {
        Ok(script) => script.play(),
        Err(problem) => panic!("{problem}\n{text}"),
    }
}

/// What is broken in the story when this is expected at its end.
fn broken(claim: &str) -> Vec<(usize, String)> {
    let played = play(&format!("{STORY}expect {claim}\n"));
    let broken = played.outcomes.into_iter();
    broken.filter_map(|outcome| outcome.broken.map(|what| (outcome.line, what))).collect()
}

#[test]
fn every_kind_of_expectation_can_fail() {
    let line = STORY.lines().count() + 1;
    for (right, wrong, found) in [
        ("client 0 has 10 replies", "client 0 has 9 replies", "client 0 has 10"),
        ("client 1 has 1 reply", "client 1 has no reply", "client 1 has 1"),
        ("client 1 gets #11", "client 1 gets #1", "it gets [11]"),
        ("\"B\" at s11 on r1", "\"B\" at s10 on r1", "r1 has executed \"op 10\" at s10"),
        ("view 1", "view 0", "r1 is in view 1"),
        ("executed s11", "executed s10", "r1 executed up to s11"),
        ("stable s8", "stable s4", "r1 has s8 stable"),
        ("r1 accuses r0 of Malformed", "r1 accuses r0 of BadBatch", "r0 is accused of Malformed"),
        ("r0 accused of Malformed", "r3 accused of Malformed", "r3 is accused of nothing"),
        ("no accusation of r3", "no accusation", "accuses   r0 of Malformed"),
        ("no accusation of r1", "no accusation of r0", "accuses   r0 of Malformed"),
        ("no evidence", "evidence", "0 pieces of evidence were found"),
        ("some NEW-VIEW", "no NEW-VIEW", "arrived"),
        ("at most 9999 PREPARE", "at most 9 PREPARE", "arrived"),
        ("at least 9 PREPARE from r1", "at least 9999 PREPARE from r1", "arrived"),
        ("r2 down", "r2 up", "r2 is down"),
        ("r1 up", "r1 down", "r1 is up"),
        ("r3 \"installs\"", "r3 never \"installs\"", "installs  a peer's state at s8"),
        ("r1 never \"installs\"", "r1 \"installs\"", "the transcript does not tell that"),
        ("client 1 \"HAS ITS REPLY\"", "client 1 \"nothing\"", "the transcript does not tell"),
        ("r1 left 1 view as timer", "r1 left 0 views as timer", "it left views as Departures"),
        ("r1 left 0 views as slow", "r1 left 1 view as slow", "it left views as Departures"),
        ("r1 left 0 views as unfair", "r1 left 1 view as unfair", "it left views as Departures"),
        ("view 1", "no view change", "view 1"),
        ("client 0 has 10 replies by 1s", "client 0 has 11 replies within 1s", "client 0 has 10"),
    ] {
        assert_eq!(broken(right), [], "{right}");
        let broken = broken(wrong);
        assert_eq!(broken.len(), 1, "{wrong}: {broken:?}");
        assert_eq!(broken[0].0, line);
        assert!(broken[0].1.contains(found), "{wrong}: {broken:?}");
    }
}

#[test]
fn histories_and_states_can_fail() {
    let begin = "# It begins.\ncluster of 4, 1 client\nclient 0 asks \"A\"\nwait 1s\n";
    for (claim, holds, found) in [
        ("history \"A\"", true, ""),
        ("history \"A\" \"B\"", false, "r0 has executed \"A\""),
        ("history", false, "r0 has executed \"A\""),
        ("history \"B\" on r2", false, "r2 has executed \"A\""),
        ("equal states", true, ""),
        ("different states of r0 r1", false, "r0 and r1 have the same state"),
        ("3 PRE-PREPARE view 0 seq 1", true, ""),
        ("3 PRE-PREPARE view 1 seq 1", false, "0 arrived"),
        ("3 PRE-PREPARE view 0 seq 2", false, "0 arrived"),
        ("9 PREPARE from r1 r2 r3", true, ""),
        ("9 PREPARE from r1 r2", false, "6 arrived"),
        ("1 PREPARE from r1 to r2", true, ""),
        ("2 PREPARE from r1 to r2", false, "1 arrived"),
        ("no PREPARE from r0", true, ""),
    ] {
        let played = play(&format!("{begin}expect {claim}\n"));
        let broken: Vec<String> = played.outcomes.into_iter().filter_map(|it| it.broken).collect();
        assert_eq!(broken.is_empty(), holds, "{claim}: {broken:?}");
        assert!(broken.iter().all(|what| what.contains(found)), "{claim}: {broken:?}");
    }
    let flipped = play(
        "# A bit.\ncluster of 4, 1 client\nflip state of r3\nexpect equal states of r0 r1 r3\n",
    );
    let broken = flipped.outcomes[0].broken.as_deref();
    assert_eq!(broken, Some("r0 and r3 have different states"));
}

#[test]
fn a_script_plays_every_traitor_that_there_is() {
    for name in Role::ALL.names() {
        let part = if name == "unfair" { "unfair to client 0" } else { name };
        let played = play(&format!(
            "# One of four lies.\ncluster of 4, 2 clients\ntraitor r3 plays {part}\n\
             client 0 asks \"A\"\nexpect client 0 has 1 reply by 20s\n"
        ));
        assert!(played.kept(), "{part}: {:?}", played.outcomes);
        let plan = played.plan;
        assert!(plan.contains(&format!("r3 is a traitor: {name}")), "{part}: {plan}");
    }
    for (part, told) in [
        ("withholder to r1 r2", "withholder of batches from r1 r2"),
        ("mutator of 3 rounds", "mutator of 3 rounds, and not heard by some in 0 rounds"),
        ("mutator of 1 round", "mutator of 1 round, "),
    ] {
        let played = play(&format!(
            "# It says more.\ncluster of 4\ntraitor r3 plays {part}\nexpect view 0\n"
        ));
        let plan = played.plan;
        assert!(plan.contains(told), "{part}: {plan}");
    }
}

#[test]
fn evidence_and_violations_can_fail() {
    let split = "# Two.\ncluster of 4, 3 clients\ntraitor r0 plays equivocator\n\
                 traitor r3 plays equivocator\nclient 0 asks for 10 operations\n\
                 client 1 asks for 10 operations\nclient 2 asks for 10 operations\nwait 10s\n";
    let outcomes = |claim: &str| play(&format!("{split}expect {claim}\n")).outcomes;
    assert!(outcomes("violation of agreement").iter().all(|it| it.broken.is_none()));
    let wrong = outcomes("violation of replies");
    assert!(wrong.iter().any(|it| it.broken.as_ref().is_some_and(|it| it.contains("agreement"))));
    let unexpected = outcomes("client 0 has 0 replies by 20s");
    let last = unexpected.last().unwrap();
    assert_eq!((last.line, last.text.as_str()), (0, "no checker objects"));
    assert!(last.broken.as_ref().is_some_and(|it| it.starts_with("agreement")));
    let whole = "# One.\ncluster of 4, 1 client\nclient 0 asks \"A\"\nwait 1s\n";
    let none = play(&format!("{whole}expect violation of agreement\n"));
    assert_eq!(none.outcomes[0].broken.as_deref(), Some("no checker objects"));
    let two = "# Two operations with one timestamp.\ncluster of 4, 2 clients\n\
               client 1 lies \"X\" time 7 to r0 r1\nclient 1 lies \"Y\" time 7 to r2 r3\nwait 1s\n";
    let outcomes = |claim: &str| play(&format!("{two}expect {claim}\n")).outcomes;
    assert!(outcomes("evidence").iter().all(|it| it.broken.is_none()));
    assert!(outcomes("no evidence")[0].broken.is_some());
}

#[test]
fn a_line_that_could_not_happen_is_reported() {
    let begin = "# It begins.\ncluster of 4, 2 clients\nclient 0 asks \"A\"\nwait 1s\n";
    for (line, found) in [
        ("lose VIEW-CHANGE", "no message ever fitted: it tests nothing"),
        ("traitor r3 drops NEW-VIEW", "no message ever fitted: it tests nothing"),
        ("traitor r3 sends its last NEW-VIEW to r0", "it heard or said nothing such"),
        ("traitor r3 sends a new PREPARE batch \"C\" to r0", "it heard or said nothing such"),
        ("corrupt disk of r3", "r3 is running: write `crash r3` before"),
        (r#"log of r3 gains settled view 0 seq 1 batch "A""#, "r3 is running: write `crash r3`"),
        ("at 500ms crash r3", "it is 1 s already: take a later time, or `after`"),
    ] {
        let played = play(&format!("{begin}{line}\nexpect view 0\n"));
        let broken: Vec<String> = played.outcomes.into_iter().filter_map(|it| it.broken).collect();
        assert_eq!(broken.len(), 1, "{line}: {broken:?}");
        assert!(broken[0].contains(found), "{line}: {broken:?}");
    }
}

#[test]
fn mistakes_are_told_with_their_line_and_what_would_be_right() {
    let problem = |text: &str| {
        let read = Script::read("test.txt", text);
        read.err().unwrap_or_else(|| panic!("it can be read:\n{text}")).to_string()
    };
    for (text, said) in [
        ("", "test.txt: there is no cluster: write `cluster of 4` before anything else"),
        ("# S.\nclient 0 asks \"A\"", "test.txt:2: here stands `client`: write `cluster of 4`"),
        ("cluster of 4\nexpect view 0", "test.txt:1: there is no story: begin with a comment"),
        ("# S.\ncluster of 4", "nothing is expected: write one line at least"),
        ("# S.\ncluster of 3", "3 replicas cannot agree by PBFT: take 4 to 64"),
        ("# S.\ncluster of 4, window 3", "the window must be even"),
        ("# S.\ncluster of 4, windows 8", "`windows` is nothing that a cluster has"),
        ("# S.\ncluster of 4, 0 requests a batch", "a batch holds 1 to 64 requests"),
        ("# S.\ncluster of 4, 0 clients", "a cluster serves 1 to 65536 clients"),
        ("# S.\ncluster of 4, clients believe in 0", "believe in one replica at least"),
        ("# S.\ncluster of 4, timeout 0s", "no time at all is too short"),
        ("# S.\ncluster of 4, network 5ms to 1ms", "write the shorter first"),
        ("# S.\ncluster of 4, network 1ms, loss 200%", "write a percentage, as 10%"),
    ] {
        let told = problem(text);
        assert!(told.contains(said), "{text}: {told}");
    }
    for (line, said) in [
        ("dance", "`dance` is nothing that can happen: write one of: client, crash"),
        ("crash r4", "there is no r4: the replicas are r0 to r3"),
        ("crash", "here stands the end of the line: write a replica, as r0"),
        ("client 2 asks \"A\"", "there is no client 2: write `3 clients` in the line of"),
        ("client 0 sings", "here stands `sings`: write `asks`, `reads` or `lies`"),
        ("client 0 asks A", "here stands `A`: write a text between quotes"),
        ("client 0 asks \"A", "has no end: put a quote behind it"),
        ("crash r0 and r1", "`and` is too much: the line should end before it"),
        ("at noon crash r0", "here stands `noon`: write a time up to an hour, as 2s"),
        ("cut r0 - r1", "here stands `-`: write `->` for one way or `<->` for both"),
        ("cut r0 ->", "write who, as `r0 r1`, `all`, `client 0` or `clients`"),
        ("lose PROPOSE", "`PROPOSE` is no kind of message: there are REQUEST, REPLY"),
        ("hold PREPARE", "here stands the end of the line: write `for`"),
        ("traitor r0 sings", "`sings` is nothing that a traitor does"),
        ("traitor r0 drops", "write a kind of message"),
        ("traitor r0 says PREPARE with grace", "here stands `grace`: write one of: view+1"),
        ("client 0 asks for 10001 operations", "10001 operations are too many"),
        ("traitor r0 repeats PREPARE 10001 times", "take 10000 at most"),
        ("traitor r0 sends a new PREPARE seq 1..10001 to r1", "1..10001 are too many"),
        ("traitor r0 plays fool", "`fool` is no kind of traitor"),
        ("traitor r0 plays mutator of 0 rounds", "a mutator has 1 to 80 rounds"),
        ("traitor r0 sends PREPARE", "write `its last KIND`"),
        ("expect peace", "here stands `peace`: write one of: `client 0 has 1 reply`"),
        ("expect r0 accused of Sloth", "`Sloth` is no fault: there are Malformed"),
        ("expect violation of greed", "no checker is called `greed`; there are: accusation, "),
        ("expect r0 left 1 view as ill", "`ill` is no reason"),
        ("expect view 1 by noon", "here stands `noon`: write a time"),
        ("expect view one", "here stands `one`: write a number"),
    ] {
        let told = problem(&format!("# S.\ncluster of 4, 2 clients\nexpect view 0\n{line}\n"));
        assert!(told.starts_with("test.txt:4: ") && told.contains(said), "{line}: {told}");
    }
}

/// Four generals, two of whom are faulty as far as two are withstood.
const GENERALS: &str = r#"# Much happens to generals.
generals of 7, oral messages, 2 traitors
general r0 commands "A"
traitor r6 says "B" to r1
traitor r6 sends garbage to r2 in round 2
at 150ms crash r5
"#;

#[test]
fn every_kind_of_expectation_of_generals_can_fail() {
    let line = GENERALS.lines().count() + 1;
    for (right, wrong, found) in [
        ("all decide \"A\"", "all decide \"B\"", "r0 decides \"A\""),
        ("r1 r2 decide \"A\"", "r1 decides the default", "r1 decides \"A\""),
        ("r1 decides \"A\" about r0", "r5 decides \"A\"", "r5 does not decide"),
        ("all decide alike", "r1 r5 decide alike", "r5 does not decide"),
        ("r5 does not decide", "r1 r5 do not decide", "r1 decides \"A\""),
        ("r1 accuses r5 of Missing", "r1 accuses r5 of Late", "r5 is accused of Missing"),
        ("r6 accused of Malformed", "r1 accused of Malformed", "r1 is accused of nothing"),
        ("no accusation of r1", "no accusation", "accuses   r6 of Malformed"),
        ("no accusation by 99ms", "no accusation by 299ms", "accuses   r6 of Malformed"),
        ("at most 67 frames", "66 frames", "arrived"),
        ("1 frame from r0 to r1", "no frames from r0 to r1", "1 arrived"),
        ("r1 \"DECIDES\"", "r5 \"DECIDES\"", "the transcript does not tell that"),
        ("r5 never \"DECIDES\"", "r1 never \"DECIDES\"", "DECIDES   #3: [Some(A)]"),
    ] {
        let broken = |claim: &str| {
            let broken = play(&format!("{GENERALS}expect {claim}\n")).outcomes.into_iter();
            let told = broken.filter_map(|it| it.broken.map(|what| (it.line, what)));
            told.collect::<Vec<_>>()
        };
        assert_eq!(broken(right), [], "{right}");
        let broken = broken(wrong);
        assert_eq!(broken.len(), 1, "{wrong}: {broken:?}");
        assert!(broken[0].0 == line && broken[0].1.contains(found), "{wrong}: {broken:?}");
    }
}

#[test]
fn a_violation_among_generals_can_fail() {
    let split = "# One too many.\ngenerals of 3, oral messages, 1 traitor, beyond the bound\n\
                 general r0 commands \"A\"\ntraitor r2 says \"B\"\n";
    let outcomes = |claim: &str| play(&format!("{split}expect {claim}\n")).outcomes;
    assert!(outcomes("violation of validity").iter().all(|it| it.broken.is_none()));
    for claim in ["violation of agreement", "r1 decides the default"] {
        let broken: Vec<_> = outcomes(claim).into_iter().filter_map(|it| it.broken).collect();
        assert!(broken.len() == 1 && broken[0].contains("validity"), "{claim}: {broken:?}");
    }
}

#[test]
fn what_no_traitor_could_say_is_reported() {
    let begin = "# One signs.\ngenerals of 4, signed messages, 2 traitors\n\
                 general r0 commands \"A\"\n";
    let never = "no traitor has heard r0 sign B so, or has its key: it tests nothing";
    let alone = "no traitor has heard r2 sign A so, or has its key: it tests nothing";
    for (line, found) in [
        ("traitor r3 sends \"B\" signed by r0 r3 to r1 in round 2", never),
        ("traitor r3 sends \"A\" signed by r2 r3 to r1 in round 2", alone),
        ("traitor r3 says \"B\" in round 1", "r3 has nothing to say then: it tests nothing"),
        ("traitor r3 delays by 1ms in round 3", "r3 has nothing to say then: it tests nothing"),
        ("traitor r3 says \"A\" to r0", "r3 has nothing to say then: it tests nothing"),
        (
            "traitor r3 sends what r1 said to r2 in round 1",
            "no traitor has heard r1 say anything yet: it tests nothing",
        ),
    ] {
        let played = play(&format!("{begin}{line}\nexpect all decide \"A\"\n"));
        let broken: Vec<String> = played.outcomes.into_iter().filter_map(|it| it.broken).collect();
        assert_eq!(broken, [found], "{line}");
    }
    // With the key, or after it was said, it can be done.
    for line in [
        "traitor r0 sends \"B\" signed by r0 to r1 in round 2",
        "traitor r3 sends \"A\" signed by r0 r3 to r1 in round 2",
    ] {
        let played = play(&format!("{begin}{line}\nexpect r1 r2 decide \"A\"\n"));
        assert!(played.kept(), "{line}: {:?}", played.outcomes);
    }
}

#[test]
fn mistakes_among_generals_are_told_with_what_would_be_right() {
    let problem = |text: &str| {
        let read = Script::read("test.txt", text);
        read.err().unwrap_or_else(|| panic!("it can be read:\n{text}")).to_string()
    };
    let order = "general r0 commands \"A\"\nexpect all decide alike\n";
    for (first, said) in [
        ("generals", "here stands the end of the line: write `of`"),
        ("generals of 2, oral messages", "2 generals are too few or too many: take 3 to 64"),
        ("generals of 4, smoke signals", "write one of: oral messages, signed messages"),
        ("generals of 3, oral messages", "do not withstand 1 traitor so: take 4, or write"),
        ("generals of 4, oral messages, 3 traitors", "leave nobody to agree with"),
        ("generals of 4, oral messages, round 1ms", "too short for the network and a host"),
        ("generals of 4, oral messages, skew 50ms", "too short for the network, twice the skew"),
        ("generals of 4, oral messages, network loss 1%", "rounds forgive no loss"),
        ("generals of 4, oral messages, horses", "`horses` is nothing that generals have"),
        ("generals of 4, oral messages, beyond the bound", "nothing here is beyond the bound"),
        ("vector of 4, oral messages", "here stands `,`: write `over`"),
        ("vector of 4 over oral messages", "r1 r2 r3 have no order: write `general r0 commands"),
    ] {
        let told = problem(&format!("# S.\n{first}\n{order}"));
        assert!(told.contains(said), "{first}: {told}");
    }
    let told = problem("# S.\ngenerals of 4, oral messages\nexpect no accusation\n");
    assert!(told.contains("test.txt: nobody commands"), "{told}");
    for (line, said) in [
        ("dance", "`dance` is nothing that can happen: write one of: general r0 commands"),
        ("general r0 commands A", "here stands `A`: write a text between quotes"),
        ("general r0 commands \"abcdefghijklm\"", "is no order: an order has 1 to 12 letters"),
        ("expect violation of greed", "no checker is called `greed`; there are: accusation, "),
        ("traitor r1 sings", "here stands `sings`: write one of: says, is silent"),
        ("traitor r4 is silent", "there is no r4: the replicas are r0 to r3"),
        ("traitor r1 says \"B\" in round 3", "there is no round 3: they are 1 to 2"),
        ("traitor r1 says undecided", "here stands `undecided`: write a text between quotes"),
        ("traitor r1 says \"B\" about r2", "r2 commands nothing: write the line of its order"),
        ("traitor r1 is silent about agreement 2", "there is no agreement 2: they are 1 to 1"),
        ("traitor r1 sends \"B\" to r2", "in which round it does so, as `in round 2`"),
        ("traitor r1 sends 10001 orders in round 2", "10001 orders are too many: take 10000"),
        ("traitor r1 repeats 10001 times", "10001 times are too many: take 10000 at most"),
        ("traitor r1 plays fool", "`fool` is no kind of traitor"),
        ("at 50ms traitor r1 is silent", "write no time here, but `in round 2`"),
        ("clock of r1 wrong", "here stands `wrong`: write `behind by`"),
        ("lose 50% of r1", "here stands `of`: write `to`"),
        ("freeze r1 until 2s", "here stands `until`: write `for`"),
        ("expect peace", "here stands `peace`: write one of: `r1 decides"),
        ("expect r1 decides", "write an order, as \"A\", `the default` or `alike`"),
        ("expect r1 decides \"A\" \"B\"", "1 order is decided there: write as many"),
        ("expect r1 accuses r0 of Sloth", "`Sloth` is no fault: there are Malformed"),
        ("expect 9 PREPARE", "here stands `PREPARE`: write `frames`"),
    ] {
        let told = problem(&format!("# S.\ngenerals of 4, oral messages\n{order}{line}\n"));
        assert!(told.starts_with("test.txt:5: ") && told.contains(said), "{line}: {told}");
    }
    let parts = "traitor r1 plays liar\ntraitor r1 is silent\n";
    let told = problem(&format!("# S.\ngenerals of 4, oral messages\n{order}{parts}"));
    assert!(told.contains(":6: it plays a part already"), "{told}");
    let two = "traitor r1 is silent\ncrash r2\n";
    let told = problem(&format!("# S.\ngenerals of 4, oral messages\n{order}{two}"));
    assert!(told.contains("r1 r2 are faulty, and 1 traitor is withstood: write `beyond"), "{told}");
}

#[test]
fn generals_play_every_traitor_that_there_is() {
    for part in quorate_sim::generals::Role::ALL.names().chain(["silent to r1", "twin to r1"]) {
        let name = part.split(' ').next().unwrap();
        let played = play(&format!(
            "# One of four lies.\ngenerals of 4, phase king, 1 traitor\n\
             general r0 commands \"A\"\ntraitor r3 plays {part}\nexpect all decide \"A\"\n"
        ));
        assert!(played.kept(), "{part}: {:?}", played.outcomes);
        assert!(played.plan.contains(&format!("r3 is a traitor: {name}")), "{}", played.plan);
    }
}

#[test]
fn what_is_expected_of_a_service_can_fail_and_mistakes_are_told() {
    let begin = "# One is asked.\nservice of 4 in lockstep over oral messages, 1 traitor\n\
                 at 50ms client 0 asks \"A\" of r1\nat 450ms freeze r2 for 150ms\n";
    for (right, wrong, found) in [
        ("client 0 has 1 reply", "client 0 has 2 replies", "client 0 has 1"),
        ("client 0 has no reply by 400ms", "client 0 has 1 reply by 400ms", "client 0 has 0"),
        ("history \"A\"", "history \"B\"", "r0 has executed \"A\" at s0"),
        ("\"A\" at s0 on r1", "\"A\" at s1 on r1", "r1 has executed \"A\" at s0"),
        ("r0 accuses r2 of Missing", "r0 accuses r1 of Missing", "r1 is accused of nothing"),
        ("no accusation of r1", "no accusation", "accuses   r2 of Missing"),
        ("r2 \"installs\"", "r2 never \"installs\"", "installs  the others' state"),
        ("r1 proposes something in s0", "r1 proposes nothing in s0", "r1 proposes something in s0"),
        ("r1 proposes nothing in s1", "r1 proposes something in s1", "r1 proposes nothing in s1"),
        (
            "r0 proposes nothing in s0",
            "r0 proposes nothing in s900",
            "r0 makes no proposal in s900",
        ),
    ] {
        let broken = |claim: &str| {
            let broken = play(&format!("{begin}expect {claim}\n")).outcomes.into_iter();
            broken.filter_map(|outcome| outcome.broken).collect::<Vec<_>>()
        };
        assert_eq!(broken(right), [""; 0], "{right}");
        let broken = broken(wrong);
        assert!(broken.len() == 1 && broken[0].contains(found), "{wrong}: {broken:?}");
    }
    for (line, said) in [
        ("dance", "`dance` is nothing that can happen: write one of: client 0 asks"),
        ("client 3 asks \"A\"", "there is no client 3"),
        ("client 0 asks \"A\" of r4", "there is no r4"),
        ("client 0 reads", "here stands `reads`: write `asks` or `lies`"),
        ("client 0 lies \"B\" to r1", "here stands `to`: write `time`"),
        ("client 0 lies \"B\" time 2 forged to r1", "here stands `forged`: write `to`"),
        ("host r1 takes 60ms", "here stands `r1`: write `of`"),
        ("host of r1 works", "here stands `works`: write `takes`"),
        ("host of r1 takes 61s", "a host takes 60s at most: `freeze` it, or take less"),
        ("host of r1 takes 1s", "r1 r2 are faulty, and 1 may be: take more generals"),
        ("expect r1 proposes \"A\" in s0", "here stands \"A\": write `nothing` or `something`"),
        ("traitor r1 says \"B\"", "here stands `says`: write `plays`"),
        ("lose 50% to r1", "here stands `50%`: write `everything`"),
        ("at 10ms freeze r1 for 1s", "it is 0.45 s already: take a later time, or `after`"),
        ("expect peace", "here stands `peace`: write one of: `client 0 has 1 reply`"),
        ("traitor r1 plays liar", "r1 r2 are faulty, and 1 may be: take more generals"),
    ] {
        let read = Script::read("test.txt", &format!("{begin}{line}\nexpect no accusation\n"));
        let told = read.err().unwrap_or_else(|| panic!("it can be read: {line}")).to_string();
        assert!(told.contains(said), "{line}: {told}");
    }
    for (first, said) in [
        ("service of 4 over oral messages", "here stands `over`: write `in lockstep over`"),
        ("service of 4 in lockstep over signed messages, 2 traitors", "take 5 or more"),
        ("service of 4 in lockstep over oral messages, slot 1ms", "at least as long as a round"),
    ] {
        let read = Script::read("test.txt", &format!("# S.\n{first}\nexpect no accusation\n"));
        let told = read.err().unwrap_or_else(|| panic!("it can be read: {first}")).to_string();
        assert!(told.contains(said), "{first}: {told}");
    }
}
