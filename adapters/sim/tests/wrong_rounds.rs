//! Expectations of scripts that passed and should not have: of a time that was not looked at, of
//! nobody, of the copy of a twin, and of what a liar alone says.

use quorate_sim::script::{Played, Script};

fn play(text: &str) -> Played {
    match Script::read("test.txt", text) {
        Ok(script) => script.play(),
        Err(problem) => panic!("{problem}\n{text}"),
    }
}

/// What is broken in this story when this is expected at its end.
fn broken(story: &str, claim: &str) -> Vec<String> {
    let played = play(&format!("{story}expect {claim}\n"));
    played.outcomes.into_iter().filter_map(|outcome| outcome.broken).collect()
}

/// Claims that hold of a story, with what is found when they are turned round.
fn judge(story: &str, claims: &[(&str, &str, &str)]) {
    for (right, wrong, found) in claims {
        assert_eq!(broken(story, right), [""; 0], "{right}");
        let broken = broken(story, wrong);
        assert!(broken.len() == 1 && broken[0].contains(found), "{wrong}: {broken:?}");
    }
}

/// What is said of a script that cannot be read.
fn problem(text: &str) -> String {
    let read = Script::read("test.txt", text);
    read.err().unwrap_or_else(|| panic!("it can be read:\n{text}")).to_string()
}

const CALM: &str =
    "# Two rounds of 100 ms.\ngenerals of 4, oral messages\ngeneral r0 commands \"A\"\n";

#[test]
fn a_decision_has_its_time() {
    let undecided = "r1 does not decide";
    judge(
        CALM,
        &[
            ("all decide \"A\" by 200ms", "all decide \"A\" by 1us", "does not decide"),
            ("all decide alike by 200ms", "all decide alike by 10ms", "does not decide"),
            ("r1 does not decide by 10ms", "r1 does not decide by 200ms", "r1 decides \"A\""),
            ("r1 does not decide by 199ms", "r1 decides \"A\" by 199ms", undecided),
        ],
    );
    let later = format!("{CALM}at 500ms general r1 commands \"B\"\n");
    judge(
        &later,
        &[
            (
                "r2 decides \"A\" about r0 by 200ms",
                "r2 decides \"B\" about r1 by 200ms",
                "r2 does not decide",
            ),
            ("r2 decides \"B\" about r1 by 700ms", "r2 r3 decide alike by 600ms", "does not"),
        ],
    );
}

#[test]
fn what_a_service_executes_has_its_time() {
    let begin = "# One is asked.\nservice of 4 in lockstep over oral messages, 1 traitor\n\
                 at 50ms client 0 asks \"A\" of r1\nat 450ms freeze r2 for 150ms\n";
    judge(
        begin,
        &[
            ("\"A\" at s0 by 700ms", "\"A\" at s0 by 1ms", "r0 has not executed s0 at 0.001 s"),
            ("\"A\" at s0 on r2 by 2s", "\"A\" at s0 on r2 by 601ms", "r2 has not executed s0"),
        ],
    );
}

#[test]
fn what_a_traitor_alone_knows_is_promised_to_nobody() {
    let service = "# S.\nservice of 4 in lockstep over oral messages\ntraitor r3 plays silent\n";
    for (asked, replies) in [("of r3", "no"), ("of r2 r3", "1"), ("", "1")] {
        let script = format!("{service}at 50ms client 0 asks \"A\" {asked}\n");
        let played = play(&format!("{script}expect client 0 has {replies} reply\n"));
        assert!(played.kept(), "{asked}: {:?}", played.outcomes);
    }
}

#[test]
fn within_is_no_word_where_all_is_looked_at_in_the_end() {
    let service =
        "# S.\nservice of 4 in lockstep over oral messages\nat 50ms client 0 asks \"A\"\n";
    for (begin, claim) in [
        (CALM, "all decide \"A\" within 1s"),
        (CALM, "no accusation within 1s"),
        (service, "client 0 has 1 reply within 1s"),
        (service, "\"A\" at s0 within 1s"),
    ] {
        let told = problem(&format!("{begin}expect {claim}\n"));
        let said = "test.txt:4: here stands `within`: write `by` and a time of day";
        assert!(told.contains(said), "{claim}: {told}");
    }
}

#[test]
fn nothing_holds_of_nobody() {
    let nobody = "nobody correct is left: it tests nothing";
    let begin = "# All fall.\ngenerals of 4, oral messages, 1 traitor, beyond the bound\n\
                 general r0 commands \"A\"\nat 10ms crash r0 r1 r2 r3\n";
    for claim in ["all decide \"A\"", "all decide alike", "all do not decide"] {
        assert_eq!(broken(begin, claim), [nobody], "{claim}");
    }
    let begin = "# All fall.\ncluster of 4, 1 client\ncrash r0 r1 r2 r3\n";
    for claim in ["history \"A\"", "\"A\" at s1", "view 7", "executed s9", "equal states"] {
        assert_eq!(broken(begin, claim), [nobody], "{claim}");
    }
    assert_eq!(broken(begin, "r0 down"), [""; 0]);
}

#[test]
fn one_violation_is_expected_at_most() {
    let two = "expect violation of validity\nexpect violation of agreement\n";
    for first in [
        "generals of 3, oral messages, 1 traitor, beyond the bound\ngeneral r0 commands \"A\"\n\
         traitor r2 says \"B\"\n",
        "cluster of 4\nwait 1s\nwait 1s\n",
        "service of 4 in lockstep over oral messages\nat 50ms client 0 asks \"A\"\n\
         at 60ms client 1 asks \"B\"\n",
    ] {
        let told = problem(&format!("# S.\n{first}{two}"));
        assert!(told.starts_with("test.txt:6: a violation is expected already"), "{told}");
    }
}

#[test]
fn what_the_copy_of_a_twin_hears_is_not_counted_again() {
    let begin = "# Two of one.\ngenerals of 4, oral messages, 1 traitor\n\
                 general r0 commands \"A\"\ntraitor r3 plays twin to r1\n";
    judge(begin, &[("1 frame from r0 to r3", "2 frames from r0 to r3", "1 arrived")]);
    let begin = "# Two of one.\ngenerals of 4, oral messages, 1 traitor\n\
                 general r0 commands \"A\"\ntraitor r0 plays twin to r1\n";
    // The copy commands and decides B.
    let told = "the transcript does not tell that";
    judge(begin, &[("r0 \"DECIDES #3: [Some(A)]\"", "r0 \"DECIDES #3: [Some(B)]\"", told)]);
}

#[test]
fn a_twin_of_whom_no_more_is_said_talks_with_all_as_one_of_pbft_does() {
    let begin = "# Two of one.\ngenerals of 4, oral messages, 1 traitor\n\
                 general r0 commands \"A\"\ntraitor r0 plays twin";
    // Of both orders of the commander the first word counts.
    judge(
        &format!("{begin}\n"),
        &[
            ("2 frames from r0 to r1", "1 frame from r0 to r1", "2 arrived"),
            ("2 frames from r0 to r3", "1 frame from r0 to r3", "2 arrived"),
            ("all decide alike", "all decide \"B\"", "decides \"A\""),
        ],
    );
    let aside = format!("{begin} to r1\n");
    judge(&aside, &[("1 frame from r0 to r1", "2 frames from r0 to r1", "1 arrived")]);
    let told = problem(&format!("{begin}s\nexpect no accusation\n"));
    assert!(told.contains("mutator, twin, twin to r1, whimsical"), "{told}");
    assert!(play(&format!("{begin}\nexpect all decide alike\n")).plan.contains("all hear both"));
}

#[test]
fn who_is_accused_by_liars_alone_is_not_accused() {
    // One that hears nothing accuses those who have spoken.
    let begin = "# It sleeps.\ngenerals of 4, oral messages, 1 traitor\n\
                 general r0 commands \"A\"\nlose everything to r3\n";
    assert_eq!(broken(begin, "r3 accuses r0 of Missing"), [""; 0]);
    assert_eq!(broken(begin, "r0 accused of Missing"), ["r0 is accused of nothing"]);
}

#[test]
fn a_time_before_an_expectation_of_the_end_is_refused() {
    let service = "# A slot.\nservice of 4 in lockstep over oral messages, 1 traitor\n";
    for begin in [CALM, service] {
        for when in ["at 150ms", "after 1ms"] {
            let told = problem(&format!("{begin}{when} expect no accusation\n"));
            assert!(told.contains("it is looked at in the end: write `by`"), "{told}");
        }
    }
}
