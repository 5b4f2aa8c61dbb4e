//! An expectation that is not met is told, whatever it is about.

mod support;

use quorate_generals::expectation::differences;
use support::fought;

/// Lieutenant 3 is silent, and blamed by the two others.
const SCENARIO: &str = "protocol = \"om\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n\
                        lie = [{ from = 3, to = \"*\", value = \"\" }]\n[expect]\n";

fn found(expect: &str) -> Vec<String> {
    let run = fought(&format!("{SCENARIO}{expect}"));
    differences(&run.scenario, &run.battle, &run.judgement)
}

#[test]
fn what_is_met_is_not_told() {
    for met in [
        "",
        "decisions = { 0 = \"A\", 1 = \"A\", 2 = \"A\" }",
        "ic1 = true\nic2 = true\nmessages = 7\nframes = 7\nrounds = 2",
        "accusations = [{ by = 1, node = 3, fault = \"Missing\" }]",
        "accusations = [{ by = 1, node = 3, fault = \"Missing\" },
                        { by = 2, node = 3, fault = \"Missing\" }]\nno_other_accusations = true",
    ] {
        assert_eq!(found(met), [""; 0], "{met}");
    }
}

#[test]
fn each_difference_is_told() {
    for (wrong, sentence) in [
        ("decisions = { 1 = \"B\" }", "the decision of general 1: B was expected, and it is A"),
        ("ic1 = false", "IC1: false was expected, and it is true"),
        ("ic2 = false", "IC2: false was expected, and it is true"),
        ("messages = 9", "messages: 9 was expected, and it is 7"),
        ("frames = 9", "frames: 9 was expected, and it is 7"),
        ("rounds = 3", "rounds: 3 was expected, and it is 2"),
        (
            "accusations = [{ by = 1, node = 3, fault = \"Late\" }]",
            "general 1 blames general 3 for Late: that was expected, and does not happen",
        ),
        (
            "accusations = [{ by = 1, node = 3, fault = \"Missing\" }]
             no_other_accusations = true",
            "general 2 blames general 3 for Missing: that was not expected",
        ),
    ] {
        assert_eq!(found(wrong), [sentence], "{wrong}");
    }
    assert_eq!(found("no_other_accusations = true").len(), 2);
    assert_eq!(found("ic1 = false\nframes = 9").len(), 2);
}
