//! No script of generals or of a service is too large, too long, or about nothing: it is refused
//! with a complaint, and nothing panics, overflows or hangs.

use quorate_sim::script::{Played, Script};

fn play(text: &str) -> Played {
    match Script::read("test.txt", text) {
        Ok(script) => script.play(),
        Err(problem) => panic!("{problem}\n{text}"),
    }
}

/// That this is refused with these words.
fn refuses(text: &str, wanted: &str) {
    match Script::read("test.txt", text) {
        Ok(_) => panic!("it is not refused:\n{text}"),
        Err(problem) => assert!(problem.to_string().contains(wanted), "{problem}\n{text}"),
    }
}

fn refuses_first(line: &str, wanted: &str) {
    refuses(&format!("# Much.\n{line}\nexpect no accusation\n"), wanted);
}

/// That this line about four generals is refused so.
fn refuses_line(line: &str, wanted: &str) {
    let first = "generals of 4, oral messages, 1 traitor, skew 10ms";
    let command = "general r0 commands \"A\"";
    refuses(&format!("# Much.\n{first}\n{command}\n{line}\nexpect no accusation\n"), wanted);
}

/// That this line about a service is refused so.
fn refuses_service(line: &str, wanted: &str) {
    let first = "service of 4 in lockstep over oral messages, 1 traitor";
    refuses(&format!("# Much.\n{first}\n{line}\nexpect no accusation\n"), wanted);
}

#[test]
fn sizes_have_limits() {
    const TREE: &str = "keep too many orders: take fewer of them, or another protocol";
    for (line, wanted) in [
        ("generals of 4, oral messages, 18446744073709551615 traitors", "leave nobody"),
        ("generals of 64, signed messages, 63 traitors", "leave nobody to agree with"),
        ("service of 4 in lockstep over phase king, 9223372036854775807 traitors", "leave nobody"),
        ("generals of 64, oral messages, 21 traitors", TREE),
        ("generals of 40, oral messages, 10 traitors", TREE),
        ("vector of 20 over oral messages, 5 traitors", TREE),
        ("service of 30 in lockstep over oral messages, 9 traitors", TREE),
        ("service of 64 in lockstep over signed messages, 31 traitors", TREE),
        ("service of 64 in lockstep over phase king, 21 traitors", TREE),
        ("generals of 4, oral messages, skew 101s, round 3600s", "take 100s at most"),
        ("service of 4 in lockstep over oral messages, slot 1001s", "1001s are too long"),
        ("service of 4 in lockstep over oral messages, slot 0s", "as long as a round"),
    ] {
        refuses_first(line, wanted);
    }
    // As large as a test may be.
    let large = "# Large.\ngenerals of 13, oral messages, 4 traitors\ngeneral r0 commands \"A\"\n\
                 expect all decide \"A\"\n";
    assert!(play(large).kept(), "{:?}", play(large).outcomes);
    let none = "# None.\ngenerals of 4, oral messages, 0 traitors\ngeneral r0 commands \"A\"\n\
                expect all decide \"A\"\n";
    assert!(play(none).kept(), "{:?}", play(none).outcomes);
}

#[test]
fn runs_have_limits() {
    let hours = "after 3600s client 0 asks \"A\"\n".repeat(4);
    refuses_service(
        &hours,
        "slots, and 18724 are the most for 4 generals that withstand 1 traitor",
    );
    let first = "service of 4 in lockstep over oral messages, round 2ms, slot 2ms";
    refuses(
        &format!("# Long.\n{first}\nat 1000s client 0 asks \"A\"\nexpect no accusation\n"),
        "take longer or fewer slots, or fewer generals",
    );
    refuses_service(
        "after 3600s freeze r1 for 3600s\nafter 3600s freeze r1 for 3600s",
        "are the most for",
    );
    refuses(
        "# Often.\ngenerals of 20, signed messages, 2 traitors\ngeneral r0 commands \"A\"\n\
         traitor r1 repeats 10000 times\nexpect no accusation\n",
        "570000 frames in all are too many",
    );
    let mut many = "# Many.\ngenerals of 13, oral messages, 4 traitors\n".to_owned();
    many.extend((0..40).map(|_| "general r0 commands \"A\"\n"));
    refuses(&format!("{many}expect no accusation\n"), "40 agreements of 13 generals are too many");
}

#[test]
fn clocks_have_limits_and_what_is_said_of_one_adds_up() {
    refuses_line("clock of r1 behind by 3600s", "a clock may be wrong by 100s in all");
    refuses_line("clock of r1 ahead by 60s\nclock of r1 ahead by 60s", "wrong by 100s in all");
    refuses_line("clock of r1 ahead by 0s", "no time at all tests nothing");
    // Two lines are more than the skew together, and that is a fault beside the other one.
    let twice = "clock of r1 ahead by 6ms\nclock of r1 ahead by 6ms";
    refuses_line(&format!("traitor r2 is silent\n{twice}"), "r1 r2 are faulty, and 1 traitor");
    // Two that make up for each other are none.
    let text = "# To and fro.\ngenerals of 4, oral messages, 1 traitor, skew 10ms\n\
                general r0 commands \"A\"\ntraitor r2 is silent\nclock of r1 ahead by 15ms\n\
                clock of r1 behind by 10ms\nexpect all decide \"A\"\n";
    assert!(play(text).kept(), "{:?}", play(text).outcomes);
}

#[test]
fn what_never_happens_is_no_fault() {
    for (line, wanted) in [
        ("at 3600s crash r1", "line 4, `at 3600s crash r1`, never happens"),
        ("at 1s freeze r1 for 1s", "never happens: all have decided by 0.2"),
        ("freeze r1 for 0s", "no time at all tests nothing"),
        ("lose 0% from r1", "to lose nothing tests nothing"),
        ("lose 0.01% to r1", "take 0.1% or more"),
        ("traitor r1 sends \"B\" to r2 in round 2 after 3600s", "never happens"),
        ("traitor r1 sends 0 orders in round 2", "0 orders test nothing: take 1 or more"),
        ("traitor r1 sends \"B\" 0 times to r2 in round 2", "0 times test nothing"),
        ("traitor r1 repeats 0 times", "0 times test nothing"),
        ("traitor r1 repeats 1 times", "take 2 times or more"),
        ("traitor r1 delays by 0s", "no time at all tests nothing"),
        ("traitor r1 sends 10000 orders 10000 times to r2 in round 2", "100000000 frames"),
        ("traitor r1 sends 10000 orders 18446744073709551615 times in round 2", "too many"),
    ] {
        refuses_line(line, wanted);
    }
}

#[test]
fn a_service_has_three_clients_and_no_twins() {
    for (line, wanted) in [
        ("client 3 asks \"A\"", "there is no client 3: the clients are 0 to 2"),
        ("client 18446744073709551615 asks \"A\"", "the clients are 0 to 2"),
        ("expect client 3 has 1 reply", "the clients are 0 to 2"),
        ("traitor r1 plays twin to r2", "a service has no twins"),
        ("traitor r1 plays twin", "a service has no twins"),
        ("traitor r1 plays saint", "delayer, mutator, whimsical"),
        ("freeze r1 for 0s", "no time at all tests nothing"),
    ] {
        refuses_service(line, wanted);
    }
    refuses("# Nothing.\n", "`service of 4 in lockstep over oral messages, 1 traitor`");
}

#[test]
fn a_freeze_of_a_service_is_over_before_the_end() {
    let text = "# Long.\nservice of 4 in lockstep over oral messages, 1 traitor\n\
                client 0 asks \"A\"\nfreeze r1 for 60s\nexpect client 0 has 1 reply\n";
    assert!(play(text).kept(), "{:?}", play(text).outcomes);
}

#[test]
fn frames_may_arrive_twice_in_a_network_of_which_nothing_else_is_said() {
    let text = "# Twice.\ngenerals of 4, oral messages, 1 traitor, duplicates 100%\n\
                general r0 commands \"A\"\nexpect all decide \"A\"\nexpect 18 frames\n";
    assert!(play(text).kept(), "{:?}", play(text).outcomes);
}
