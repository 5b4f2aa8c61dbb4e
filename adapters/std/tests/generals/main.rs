//! Generals as processes of their own, with sockets between them: IC1 and IC2 from what each of
//! them says at its end.
//!
//! The processes are this test binary, started again with the name of the one test that is a
//! general's whole life. Nothing here depends on speed to be right: where the machine was too slow
//! for the rounds, which the generals notice and say, they are held again with longer ones.

mod battle;
mod camps;
mod child;
mod lies;

use battle::{Battle, Outcome};
use quorate::ed25519::SecretKey;

/// The order of a loyal commander.
const ORDER: u8 = 7;

/// The key of a general of all armies here.
fn key(id: usize) -> SecretKey {
    SecretKey::from_seed([id as u8 + 1; 32])
}

/// The life of one general. Without a description of a general in the environment there is none
/// to live.
#[test]
fn child_general() {
    if let Ok(description) = std::env::var(child::DESCRIPTION) {
        child::live(&description);
    }
}

#[test]
fn om_of_four_processes_obeys_its_commander_again_and_again() {
    let battle = Battle { protocol: "om", agreements: 3, ..Battle::of(4, 1) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(Some(ORDER));
        assert_eq!(outcome.accusations, [], "nobody did wrong: {outcome:?}");
    }
}

#[test]
fn om_of_four_processes_survives_a_liar() {
    let battle = Battle { protocol: "om", parts: &[(3, "liar")], ..Battle::of(4, 1) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(Some(ORDER));
    }
}

#[test]
fn om_of_seven_processes_survives_one_that_is_silent_and_one_that_lies() {
    let parts = &[(2, "silent"), (5, "liar")];
    let battle = Battle { protocol: "om", parts, links: "ed25519", ..Battle::of(7, 2) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(Some(ORDER));
        let commands = outcome.general == 0;
        assert_eq!(outcome.accuses(2, "Missing"), !commands, "{outcome:?}");
    }
}

#[test]
fn om_of_seven_processes_agrees_under_a_lying_commander_and_a_dead_lieutenant() {
    let parts = &[(0, "liar"), (4, "dead")];
    let battle = Battle { protocol: "om", parts, ..Battle::of(7, 2) };
    let outcomes = battle.fight();
    for outcome in &outcomes {
        outcome.expect_loyal(&battle);
        assert_eq!(outcome.orders, outcomes[0].orders, "IC1: {outcomes:?}");
        assert!(outcome.absent.contains(&4), "{outcome:?}");
    }
}

#[test]
fn sm_of_seven_processes_names_a_commander_that_signs_two_orders() {
    let battle =
        Battle { protocol: "sm", parts: &[(0, "liar"), (6, "silent")], ..Battle::of(7, 2) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(None);
        assert!(outcome.accuses(0, "Equivocation"), "{outcome:?}");
    }
}

#[test]
fn sm_of_four_processes_needs_no_authentic_links() {
    let parts = &[(2, "silent"), (3, "liar")];
    let battle = Battle { protocol: "sm", parts, links: "plain", ..Battle::of(4, 2) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(Some(ORDER));
    }
}

#[test]
fn king_of_four_processes_survives_a_lying_king() {
    let battle = Battle { protocol: "king", parts: &[(1, "liar")], ..Battle::of(4, 1) };
    for outcome in battle.fight() {
        outcome.expect_loyal(&battle);
        outcome.expect_order(Some(ORDER));
    }
}

#[test]
fn vectors_of_four_processes_are_equal() {
    for protocol in ["vector-om", "vector-sm"] {
        let battle = Battle { protocol, parts: &[(2, "liar")], ..Battle::of(4, 1) };
        let outcomes = battle.fight();
        for outcome in &outcomes {
            let Outcome { general, orders, .. } = outcome;
            outcome.expect_loyal(&battle);
            assert_eq!(outcome.accuses(2, "Malformed"), general % 2 == 1, "{outcome:?}");
            assert_eq!(orders, &outcomes[0].orders, "IC1: {outcomes:?}");
            for id in [0, 1, 3] {
                assert_eq!(orders[0][id], Some(ORDER + id as u8), "IC2 at {general}: {orders:?}");
            }
        }
    }
}
