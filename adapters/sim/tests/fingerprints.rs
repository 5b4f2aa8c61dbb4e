//! A seed means the same run in every build and on every machine.

use quorate_sim::fingerprints;

/// Debug or release, 32 bits or 64, whichever byte comes first: this is what has to come out.
#[test]
fn every_build_plays_the_very_runs_that_are_written_down() {
    let (table, played) = (include_str!("fingerprints.txt"), fingerprints::table());
    let renew = "if the protocols are meant to run in another way now, write it down anew: \
                 cargo run --package quorate-sim -- fingerprints \
                 >adapters/sim/tests/fingerprints.txt";
    for (one, other) in table.lines().zip(played.lines()) {
        assert_eq!(one, other, "{renew}");
    }
    assert_eq!(table, played, "{renew}");
}
