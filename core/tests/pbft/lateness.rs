//! Primaries that stop the clocks of those who watch them: by holes, by a full log, by leaving out
//! another replica each time, by serving many at once and then nobody.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Input, Protocol};

/// T of every bench cluster, in milliseconds.
const T: u64 = 1_000;
/// Just before the timeout.
const LATE: u64 = T * 9 / 10;
/// Sequences from one checkpoint to the next.
const INTERVAL: u64 = WINDOW as u64 / 2;

/// What the correct backups say to each other; what their primary, replica 0, says is up to the
/// test.
fn among_backups(from: usize, to: usize, _: &Message<'_>) -> bool {
    from != 0 && to != 0
}

/// A batch with one more request of client 0 for each sequence; all backups know of it.
fn batch(bench: &mut Bench<4>, sequence: u64) -> &'static [u8] {
    let (client, t) = ((sequence % 3) as u16, sequence);
    for id in 1..4 {
        bench.ask(id, client, t, b"op");
    }
    bench.lot(client, t, b"op").0
}

/// Runs a primary that serves in rounds of almost T, until weak backups have left its view:
/// `begin` and `end` are what it says at both ends of a round. Says how many rounds that were.
fn rounds(
    begin: impl Fn(&mut Bench<4>, u64),
    end: impl Fn(&mut Bench<4>, u64),
) -> (u64, [Departures; 3]) {
    let mut bench = Bench::<4>::new();
    for round in 0..12 {
        begin(&mut bench, round);
        bench.run_where(among_backups);
        bench.pass_where(LATE, &[1, 2, 3], among_backups);
        end(&mut bench, round);
        bench.run_where(among_backups);
        let why = [1, 2, 3].map(|id| bench.hosts[id].replica.departures());
        if (1..4).any(|id| bench.view(id).0 > 0) {
            return (round, why);
        }
        assert!((1..4).all(|id| !bench.operations(id).is_empty()), "they are served, if late");
    }
    panic!("nobody minds");
}

/// It was the lateness that made somebody leave, and no timer.
fn assert_late((rounds, why): (u64, [Departures; 3]), most: u64) {
    assert!(rounds <= most, "after {rounds} rounds: {why:?}");
    assert!(why.iter().all(|why| why.timer == 0 && why.unfair == 0), "{why:?}");
    assert!(why.iter().any(|why| why.slow == 1), "{why:?}");
}

#[test]
fn hole_below_everything_else_that_is_proposed_is_late() {
    let begin = |bench: &mut Bench<4>, round: u64| {
        let [low, high] = [1, 2].map(|at| batch(bench, 2 * round + at));
        let _held_back = low;
        (1..4).for_each(|id| assert!(bench.propose(id, 0, 2 * round + 2, high)));
    };
    let end = |bench: &mut Bench<4>, round: u64| {
        let low = bench.lot(((2 * round + 1) % 3) as u16, 2 * round + 1, b"op").0;
        for id in 1..4 {
            bench.propose(id, 0, 2 * round + 1, low);
        }
    };
    assert_late(rounds(begin, end), 2);
}

#[test]
fn proposals_that_are_kept_from_one_replica_after_another_are_late() {
    let victim = |round: u64| 1 + (round % 3) as usize;
    let begin = |bench: &mut Bench<4>, round: u64| {
        let batch = batch(bench, round + 1);
        let others = (1..4).filter(|id| *id != victim(round));
        others.for_each(|id| assert!(bench.propose(id, 0, round + 1, batch)));
    };
    let end = |bench: &mut Bench<4>, round: u64| {
        let batch = bench.lot(((round + 1) % 3) as u16, round + 1, b"op").0;
        bench.propose(victim(round), 0, round + 1, batch);
    };
    assert_late(rounds(begin, end), 2);
}

#[test]
fn log_that_is_half_full_with_what_is_not_agreed_on_stops_no_clock() {
    let victim = |round: u64| 1 + (round % 3) as usize;
    let sequences = |round: u64| round * INTERVAL + 1..=(round + 1) * INTERVAL;
    let begin = |bench: &mut Bench<4>, round: u64| {
        for sequence in sequences(round) {
            let batch = batch(bench, sequence);
            let others = (1..4).filter(|id| *id != victim(round));
            others.for_each(|id| assert!(bench.propose(id, 0, sequence, batch)));
        }
    };
    let end = |bench: &mut Bench<4>, round: u64| {
        for sequence in sequences(round) {
            let batch = bench.lot((sequence % 3) as u16, sequence, b"op").0;
            bench.propose(victim(round), 0, sequence, batch);
        }
    };
    assert_late(rounds(begin, end), 2);
}

#[test]
fn one_replica_that_is_let_ahead_does_not_make_the_others_excuse_themselves() {
    // Replica 0 lets one backup in turn execute at once, by its own COMMIT, keeps the proposal
    // from another, and says that it is far ahead itself.
    let roles = |round: u64| [0, 1].map(|at| 1 + ((round + at) % 3) as usize);
    let begin = |bench: &mut Bench<4>, round: u64| {
        let [ahead, victim] = roles(round);
        let batch = batch(bench, round + 1);
        let digest = Batch::from_bytes(batch).digest();
        let others = (1..4).filter(|id| *id != victim);
        others.for_each(|id| assert!(bench.propose(id, 0, round + 1, batch)));
        bench.run_where(among_backups);
        bench.commit(ahead, 0, 0, round + 1, digest);
        let executed = Sequence(1 << 40);
        let far = Message::Status(Status { active: true, executed, ..Status::default() });
        for id in 1..4 {
            bench.tell(id, 0, far);
        }
    };
    let end = |bench: &mut Bench<4>, round: u64| {
        let batch = bench.lot(((round + 1) % 3) as u16, round + 1, b"op").0;
        bench.propose(roles(round)[1], 0, round + 1, batch);
    };
    assert_late(rounds(begin, end), 6);
}

#[test]
fn hole_below_many_requests_of_one_client_is_late() {
    // A client that is in league with its primary speaks to it alone, and has three requests under
    // way where one may be: what is known of the client ends when the first of them is executed.
    let favour = |bench: &mut Bench<4>, sequence: u64| {
        let batch = bench.lot(0, sequence, b"favoured").0;
        (1..4).for_each(|id| assert!(bench.propose(id, 0, sequence, batch)));
    };
    let begin = |bench: &mut Bench<4>, round: u64| {
        [1, 3, 4].iter().for_each(|at| favour(bench, round * INTERVAL + at));
        bench.run_where(among_backups);
        (1..4).for_each(|id| bench.ask(id, 3, round + 1, b"honest"));
    };
    let end = |bench: &mut Bench<4>, round: u64| {
        let batch = bench.lot(3, round + 1, b"honest").0;
        for id in 1..4 {
            bench.propose(id, 0, round * INTERVAL + 2, batch);
        }
    };
    assert_late(rounds(begin, end), 2);
}

#[test]
fn many_that_are_served_at_once_do_not_make_up_for_those_that_wait() {
    let mut bench = Bench::<4>::new();
    let unheard = |_: usize, _: usize, message: &Message<'_>| {
        // What one replica passes on to another does not arrive.
        !matches!(message, Message::Request(_))
    };
    for round in 1..=3 {
        (1..4).for_each(|id| bench.ask(id, 0, round, b"waits"));
        // Once in each window of half of T: those that are served at once lie in it as well.
        bench.pass_where(T / 2 - 20, &[0, 1, 2, 3], unheard);
        bench.ask(0, 0, round, b"waits");
        for t in 20 * round..20 * (round + 1) {
            (0..4).for_each(|id| bench.ask(id, 1, t, b"at once"));
            bench.run_where(unheard);
        }
        bench.pass_where(10, &[0, 1, 2, 3], unheard);
    }
    let why = bench.hosts[1].replica.departures();
    assert_eq!((why.slow + why.followed, why.timer, why.unfair), (1, 0, 0), "{why:?}");
}

#[test]
fn request_that_a_whole_window_of_proposals_passes_was_passed_over() {
    let mut bench = Bench::<4>::new();
    (1..4).for_each(|id| bench.ask(id, 3, 1, b"passed over"));
    // The log is half full whenever time passes, with requests of one client, and each time
    // another replica lacks a proposal until the others have seen the next ones.
    let mut round = 0;
    while (1..4).all(|id| bench.hosts[id].replica.departures().unfair == 0) {
        let victim = 1 + (round % 3) as usize;
        for last in [false, true] {
            for sequence in round * INTERVAL + 1..=(round + 1) * INTERVAL {
                let batch = bench.lot(0, sequence, b"favoured").0;
                for id in (1..4).filter(|id| (*id == victim) == last) {
                    bench.propose(id, 0, sequence, batch);
                }
            }
            bench.run_where(among_backups);
            bench.pass_where(if last { 0 } else { 10 }, &[1, 2, 3], among_backups);
        }
        round += 1;
        assert!(round < LATE / 10, "the timer is next");
    }
    assert!((50..=60).contains(&round), "after {round} hundredths of T");
}

/// Replica 2 alone, judged every fifth of T, has seen sequence 2 proposed, and not what is below.
fn lone() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    bench.reconfigure(2, |config| config.watch_window = config.timeout / 5);
    let batch = bench.lot(0, 1, b"op").0;
    assert!(bench.propose(2, 0, 2, batch));
    bench
}

#[test]
fn what_is_settled_and_not_executed_here_is_not_the_primarys_fault() {
    let left = |bench: &mut Bench<4>| {
        bench.pass_where(LATE, &[2], |_, _, _| false);
        bench.hosts[2].replica.departures()
    };
    let mut bench = lone();
    assert_eq!(left(&mut bench), Departures { slow: 1, ..Departures::default() });
    // Weak COMMITs for what is missing say that others have it; they may wait for this replica.
    let digest = bench.lot(1, 1, b"below").1;
    let mut bench = lone();
    [1, 3].iter().for_each(|from| bench.commit(2, *from, 0, 1, digest));
    assert_eq!(left(&mut bench), Departures { slow: 1, ..Departures::default() });
    // Strong ones say that it is this replica that is late.
    let mut bench = lone();
    [0, 1, 3].iter().for_each(|from| bench.commit(2, *from, 0, 1, digest));
    assert_eq!(left(&mut bench), Departures::default());
}

#[test]
fn what_a_new_view_chose_is_not_for_its_primary_to_answer_for() {
    let mut bench = Bench::<4>::new();
    bench.reconfigure(2, |config| config.watch_window = config.timeout / 5);
    // View 0 left a batch behind, which view 1 begins with, and nobody votes for.
    let (batch, digest) = bench.lot(0, 1, b"op");
    assert!(bench.propose(2, 0, 1, batch));
    bench.lead_into_with(2, 1, &[prepared(1, 0, digest)], &[(1, digest)]);
    bench.pass_where(LATE, &[2], |_, _, _| false);
    assert_eq!(bench.hosts[2].replica.departures().slow, 0);
}

#[test]
fn host_that_executes_for_long_is_not_the_primarys_fault() {
    let mut bench = Bench::<4>::new();
    bench.reconfigure(2, |config| config.watch_window = config.timeout / 5);
    let (batch, digest) = bench.lot(0, 1, b"op");
    assert!(bench.propose(2, 0, 1, batch));
    let execution = |bench: &mut Bench<4>, from: usize| {
        let vote = Vote { view: View(0), sequence: Sequence(1), digest };
        let letter =
            bench.letter(replica(from), quorate::Target::Node(node(2)), Message::Commit(vote));
        let now = quorate::Instant::from_micros(bench.now);
        let message = message(&letter);
        let verified = bench.roster.verify(&TestVerifier, letter.from, message).unwrap();
        let outputs = bench.hosts[2].replica.step(now, Input::Message(verified));
        outputs.filter(|output| matches!(output, quorate::Output::Decide(_))).count()
    };
    // The host is told to execute, and never says that it has.
    let told: usize = [0, 1, 3].iter().map(|from| execution(&mut bench, *from)).sum();
    assert_eq!(told, 1);
    bench.pass_where(LATE, &[2], |_, _, _| false);
    assert_eq!(bench.hosts[2].replica.departures(), Departures::default());
}
