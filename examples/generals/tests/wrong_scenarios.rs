//! Every mistake in a scenario is told with what is wrong, where, and what to do.

mod support;

use support::tried;

/// A scenario that works; mistakes are made in it.
const GOOD: &str = "protocol = \"om\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n";
const LIE: &str = "[[lie]]\nfrom = 3\nto = \"*\"\nvalue = \"B\"\n";

fn complaint(text: &str) -> String {
    tried(text).err().unwrap_or_else(|| panic!("it works:\n{text}")).to_string()
}

#[test]
fn the_scenario_itself() {
    assert!(tried(&format!("{GOOD}{LIE}")).is_ok());
    for (before, after, sentence) in [
        ("n = 4", "n = 3", "n > 3m does not hold with n = 3 and m = 1: take n = 4 or more"),
        ("n = 4", "n = 1", "n = 1: there are 2 to 64 generals"),
        ("n = 4", "n = 65", "there are 2 to 64 generals"),
        ("m = 1", "m = 3", "agreement needs two loyal generals, so m is 2 at most"),
        ("m = 1", "m = -1", "m = -1"),
        ("\"om\"", "\"oral\"", "unknown variant `oral`, expected one of"),
        ("order = \"A\"", "", "there is no order: write `order`"),
        ("\"A\"", "\"\"", "it is empty"),
        ("\"A\"", "\"a very long order indeed, far too long\"", "write at most 23"),
        ("[3]", "[4]", "`traitors` names general 4, and with n = 4 the ids are 0 to 3"),
        ("order", "commander = 4\norder", "`commander` is general 4"),
        ("order", "over = \"om\"\norder", "`over` goes with protocol = \"vector\" only"),
        ("order", "lies = []\norder", "unknown field `lies`"),
        ("n = 4\nm = 1", "n = 64\nm = 21", "oral messages, and one run takes"),
    ] {
        let said = complaint(&GOOD.replacen(before, after, 1));
        assert!(said.contains(sentence), "{after}: {said}");
        assert!(said.starts_with("test: "), "it names the file: {said}");
    }
}

#[test]
fn the_orders_of_a_vector() {
    let text = "protocol = \"vector\"\nn = 4\nm = 1\n";
    for (orders, sentence) in [
        ("", "write `orders`, a list with the value of each general"),
        ("orders = [\"A\"]", "`orders` has 1 words, and n = 4"),
        ("order = \"A\"\norders = [\"A\"]", "exclude each other"),
        ("order = \"A\"\nover = \"x\"", "unknown variant `x`"),
    ] {
        let said = complaint(&format!("{text}{orders}"));
        assert!(said.contains(sentence), "{orders}: {said}");
    }
    let single = GOOD.replace("order = \"A\"", "orders = [\"A\", \"B\", \"C\", \"D\"]");
    assert!(complaint(&single).contains("`orders` goes with protocol = \"vector\" only"));
}

#[test]
fn lies() {
    let signed = GOOD.replace("om", "sm");
    let king = GOOD.replace("om", "king");
    let vector = GOOD.replace("om", "vector");
    for (scenario, change, sentence) in [
        (
            GOOD,
            ("from = 3", "from = 2"),
            "general 2 is loyal and does not lie: add 2 to `traitors`",
        ),
        (GOOD, ("from = 3", "from = 4"), "`from` is general 4, and with n = 4 the ids are 0 to 3"),
        (GOOD, ("from = 3\n", ""), "missing field `from`"),
        (GOOD, ("\"*\"", "[]"), "`to` is empty: name who is told"),
        (GOOD, ("\"*\"", "[1, 3]"), "`to` names general 3 itself"),
        (GOOD, ("\"*\"", "[1, 9]"), "`to` names general 9"),
        (GOOD, ("\"*\"", "\"all\""), "expected a list of ids such as [1, 2], or \"*\" for all"),
        (GOOD, ("value = \"B\"\n", ""), "there is no `value`"),
        (GOOD, ("\"B\"", "\"B\\n\""), "`value` is no order: it contains a control character"),
        (GOOD, ("\"B\"", "\"B\"\nround = 4"), "`round` is 4: there are 2 rounds; 0 is before"),
        (GOOD, ("\"B\"", "\"\"\nround = 2"), "leave out `round` to keep a traitor silent"),
        (GOOD, ("\"B\"", "\"B\"\npath = []"), "`path` is a list of 1 to 22 generals"),
        (GOOD, ("\"B\"", "\"B\"\npath = [0, 3, 3]"), "each at most once"),
        (GOOD, ("\"B\"", "\"B\"\npath = [0, 2]"), "`path` = 0:2 does not end in 3, who speaks"),
        (GOOD, ("\"B\"", "\"B\"\npath = [1, 3]"), "no loyal message takes `path` = 1:3"),
        (GOOD, ("\"B\"", "\"B\"\npath = [0, 1, 3]"), "names 2 generals at most"),
        (GOOD, ("\"B\"", "\"B\"\nsigners = [0]"), "`signers` goes with signed messages only"),
        (GOOD, ("\"B\"", "\"B\"\nreplay_of = \"B\""), "`replay_of` goes with signed messages"),
        (GOOD, ("\"B\"", "\"B\"\nclaims = 1"), "`claims` goes with the phase king only"),
        (GOOD, ("\"B\"", "\"B\"\ncommander = 1"), "general 1, who does not command here"),
        (&signed, ("\"B\"", "\"B\"\npath = [0, 3]"), "`path` goes with oral messages only"),
        (&signed, ("\"B\"", "\"B\"\nsigners = []"), "`signers` is empty"),
        (&signed, ("\"B\"", "\"B\"\nsigners = [0, 7]"), "`signers` names general 7"),
        (&signed, ("\"B\"", "\"\"\nreplay_of = \"B\""), "contradict each other"),
        (&signed, ("\"B\"", "\"B\""), "general 3 cannot show B:0:3: general 0 is loyal"),
        (&king, ("\"B\"", "\"B\"\nclaims = 1"), "`claims` goes with `round` only"),
        (&king, ("\"B\"", "\"B\"\nround = 2\nclaims = 8"), "`claims` is 8: rounds are 1 to 7"),
        (&vector, ("\"B\"", "\"B\"\ncommander = 4"), "`commander` is general 4"),
    ] {
        let text = format!("{scenario}{}", LIE.replacen(change.0, change.1, 1));
        let said = complaint(&text);
        assert!(said.contains(sentence), "{}: {said}", change.1);
        let at_the_lie = said.contains("lie 1: ") || said.contains("line ");
        assert!(at_the_lie, "it names the place: {said}");
    }
}

#[test]
fn expectations_that_cannot_be_met() {
    for (expect, sentence) in [
        ("decisions = { x = \"A\" }", "the key \"x\": no id"),
        ("decisions = { 4 = \"A\" }", "names general 4, and with n = 4"),
        ("decisions = { 3 = \"A\" }", "general 3, a traitor"),
        ("decisions = { 1 = [\"A\"] }", "with protocol = \"vector\" a list"),
        ("decision = { 1 = \"A\" }", "unknown field `decision`"),
    ] {
        let said = complaint(&format!("{GOOD}[expect]\n{expect}"));
        assert!(said.contains(sentence), "{expect}: {said}");
    }
}
