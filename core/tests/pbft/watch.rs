//! Primaries that are slow or unfair, and correct ones that nobody can have replaced (after
//! Aardvark, NSDI 2009, and RBFT, ICDCS 2013).

use crate::bench::*;
use crate::forgery::*;
use quorate::Target;
use quorate::pbft::*;

/// T and the watch window of every bench cluster, in milliseconds.
const T: u64 = 1_000;
const WINDOW_MS: u64 = 500;

/// What one replica passes on to another does not arrive.
fn unheard(_: usize, _: usize, message: &Message<'_>) -> bool {
    !matches!(message, Message::Request(_))
}

/// Clients ask all backups, and after some time the primary too, which has not heard of it.
fn wait(bench: &mut Bench<4>, clients: &[u16], t: u64, millis: u64) {
    for id in 1..4 {
        clients.iter().for_each(|client| bench.ask(id, *client, t, b"op"));
    }
    bench.pass_where(millis, &[0, 1, 2, 3], unheard);
    clients.iter().for_each(|client| bench.ask(0, *client, t, b"op"));
    bench.run_where(unheard);
}

fn departures<const N: usize>(bench: &Bench<N>, id: usize) -> Departures {
    bench.hosts[id].replica.departures()
}

/// In which view the backups are, which are of one mind.
fn view_of_backups(bench: &Bench<4>) -> u64 {
    let views = [1, 2, 3].map(|id| bench.view(id).0);
    assert!(views.iter().all(|view| *view == views[0]), "{views:?}");
    views[0]
}

#[test]
fn p34_primary_that_lets_requests_wait_is_left_after_two_windows_in_a_row() {
    let mut bench = Bench::<4>::new();
    for t in 1..=3 {
        assert_eq!(view_of_backups(&bench), 0, "nobody is hasty");
        wait(&mut bench, &[0, 1], t, 300);
    }
    bench.pass_where(2 * WINDOW_MS - 900 - 10, &[0, 1, 2, 3], unheard);
    assert_eq!(view_of_backups(&bench), 0, "the second window is not over");
    bench.pass(100);
    assert_eq!(view_of_backups(&bench), 1);
    for id in 1..4 {
        let why = departures(&bench, id);
        assert_eq!(why.slow + why.followed, 1, "replica {id}: {why:?}");
        assert_eq!((why.timer, why.unfair), (0, 0), "replica {id}: {why:?}");
        assert_eq!(bench.operations(id).len(), 6);
    }
}

#[test]
fn quarter_of_the_timeout_is_what_a_request_may_wait_on_average() {
    for (millis, left) in [(240, 0), (270, 1)] {
        let mut bench = Bench::<4>::new();
        for t in 1..=8 {
            wait(&mut bench, &[0], t, millis);
        }
        bench.pass(100);
        assert_eq!(view_of_backups(&bench).min(1), left, "{millis} ms");
    }
    // One that waits long among others that do not is no slowness: it is the timer's business, or
    // that of fairness.
    let mut bench = Bench::<4>::new();
    for t in 1..=8 {
        let late = 3;
        for id in 1..4 {
            bench.ask(id, late, t, b"late");
        }
        wait(&mut bench, &[0, 1, 2], t, 50);
        bench.pass_where(230, &[0, 1, 2, 3], unheard);
        bench.ask(0, late, t, b"late");
        bench.run_where(unheard);
    }
    assert_eq!(view_of_backups(&bench), 0);
}

#[test]
fn slow_windows_add_up_although_fast_ones_lie_between_but_one_of_three_may_be_slow() {
    // Milliseconds of waiting in window after window.
    for (waits, left) in
        [(&[400, 10, 400, 10, 400, 10][..], 1), (&[400, 10, 10, 400, 10, 10, 400, 10, 10], 0)]
    {
        let mut bench = Bench::<4>::new();
        for (t, millis) in (1..).zip(waits) {
            wait(&mut bench, &[0], t, *millis);
            // The window ends, and with nothing waiting the next one begins with a request.
            bench.pass_where(WINDOW_MS + 10 - millis, &[0, 1, 2, 3], unheard);
        }
        assert_eq!(view_of_backups(&bench), left, "{waits:?}");
    }
}

#[test]
fn primary_that_passes_a_request_over_is_left_in_less_than_half_of_the_timeout() {
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        bench.ask(id, 3, 1, b"passed over");
    }
    let mut t = 0;
    while view_of_backups(&bench) == 0 {
        t += 1;
        bench.ask(0, 0, t, b"favoured");
        bench.run_where(unheard);
        bench.pass_where(10, &[0, 1, 2, 3], unheard);
        assert!(t < T / 10, "the timer was first");
    }
    assert!((25..=35).contains(&t), "after {t} hundredths of T");
    for id in 1..4 {
        let why = departures(&bench, id);
        assert_eq!(why.unfair + why.followed, 1, "replica {id}: {why:?}");
    }
    // The next primary hears of the request from the backups.
    bench.run();
    bench.pass(30);
    assert!((0..4).all(|id| bench.operations(id).contains(&b"passed over".to_vec())));
}

#[test]
fn request_that_came_first_may_be_served_first() {
    let mut bench = Bench::<4>::new();
    // The one that waits is the younger one; those before it take their time, and the primary is
    // left neither for that nor for its fairness.
    for (client, at) in [(0, 0), (1, 50), (2, 100), (3, 150)] {
        bench.pass_where(at - bench.now / 1_000, &[0, 1, 2, 3], unheard);
        (1..4).for_each(|id| bench.ask(id, client, 1, b"op"));
    }
    for client in 0..4 {
        bench.pass_where(60, &[0, 1, 2, 3], unheard);
        bench.ask(0, client, 1, b"op");
        bench.run_where(unheard);
    }
    bench.pass(1_000);
    assert_eq!((view_of_backups(&bench), bench.operations(1).len()), (0, 4));
}

/// Replica 2 alone has a request that the primary does not propose, and sees another one proposed
/// later, by `before` and then what `during` does every 10 ms; says why it left the view in the
/// time before the request's own timer.
fn why_left(before: impl Fn(&mut Bench<4>), during: impl Fn(&mut Bench<4>, u64)) -> Departures {
    let mut bench = Bench::<4>::new();
    before(&mut bench);
    bench.ask(2, 3, 1, b"waits");
    for tick in 1..99u64 {
        during(&mut bench, tick);
        bench.pass_where(10, &[2], |_, _, _| false);
    }
    departures(&bench, 2)
}

/// The primary proposes a request of client 0 to replica 2, and nobody votes for it.
fn propose(bench: &mut Bench<4>, sequence: u64, t: u64) {
    let batch = bench.lot(0, t, b"other").0;
    bench.propose(2, 0, sequence, batch);
}

/// Replica 2 executes a sequence that was proposed to it.
fn execute(bench: &mut Bench<4>, sequence: u64, t: u64) {
    let digest = bench.lot(0, t, b"other").1;
    bench.prepare(2, 1, 0, sequence, digest);
    for from in [0, 1] {
        bench.commit(2, from, 0, sequence, digest);
    }
}

#[test]
fn only_time_in_which_the_primary_could_have_proposed_counts() {
    let unfair = Departures { unfair: 1, ..Departures::default() };
    let nothing = Departures::default();
    // As a measure: at half of the time another request is proposed and executed.
    let served = |bench: &mut Bench<4>, tick, sequence, t| {
        if tick == 50 {
            propose(bench, sequence, t);
            execute(bench, sequence, t);
        }
    };
    assert_eq!(why_left(|_| {}, |bench, tick| served(bench, tick, 1, 1)), unfair);
    // A proposal is missing here: a correct primary sends it as soon as it is told.
    let hole = |bench: &mut Bench<4>| propose(bench, 2, 1);
    assert_eq!(why_left(hole, |bench, tick| served(bench, tick, 3, 2)), unfair);
    // Half of the window is under way: the primary may be waiting for a checkpoint.
    let full = |bench: &mut Bench<4>| {
        (1..=4).for_each(|sequence| propose(bench, sequence, sequence));
        (1..=4).for_each(|sequence| execute(bench, sequence, sequence));
    };
    assert_eq!(why_left(full, |bench, tick| served(bench, tick, 5, 5)), nothing);
    // NULLs of an idle primary, for one that recovers, are no use that it makes of its log.
    let idle = |bench: &mut Bench<4>| {
        for sequence in 1..=4 {
            bench.propose(2, 0, sequence, &[]);
            for from in [0, 1] {
                bench.commit(2, from, 0, sequence, Batch::null_digest());
            }
        }
    };
    assert_eq!(why_left(idle, |bench, tick| served(bench, tick, 5, 1)), unfair);
    // Weak replicas are ahead of this one; that one of them says so changes nothing.
    let ahead = |bench: &mut Bench<4>, from| {
        let status = Status { active: true, executed: Sequence(2), ..Status::default() };
        bench.tell(2, from, Message::Status(status));
    };
    let behind = |bench: &mut Bench<4>, tick, peers: &[usize]| {
        peers.iter().for_each(|from| ahead(bench, *from));
        served(bench, tick, 1, 1);
    };
    assert_eq!(why_left(|_| {}, |bench, tick| behind(bench, tick, &[3])), unfair);
    assert_eq!(why_left(|_| {}, |bench, tick| behind(bench, tick, &[1, 3])), nothing);
    // The replica was not stepped for longer than a window.
    let mut bench = Bench::<4>::new();
    bench.ask(2, 3, 1, b"waits");
    bench.now += 600_000;
    propose(&mut bench, 1, 1);
    execute(&mut bench, 1, 1);
    bench.pass_where(200, &[2], |_, _, _| false);
    assert_eq!(departures(&bench, 2), nothing);
}

#[test]
fn what_waits_is_passed_on_again_and_again_before_anybody_is_blamed() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 3, 1, b"op");
    bench.pass_where(T / 4, &[2], |_, _, _| false);
    let forwards = |bench: &Bench<4>| {
        let mut sent = bench.sent.iter().filter(|letter| letter.from == replica(2));
        assert!(sent.all(|letter| !matches!(message(letter), Message::Request(_))
            || letter.to == Target::Node(node(0))));
        bench.count_sent(|message| matches!(message, Message::Request(_)))
    };
    assert!((5..=6).contains(&forwards(&bench)), "{}", forwards(&bench));
    // Once the primary has proposed it there is nothing to pass on.
    let batch = bench.lot(3, 1, b"op").0;
    bench.propose(2, 0, 1, batch);
    let before = forwards(&bench);
    bench.pass_where(T / 2, &[2], |_, _, _| false);
    assert_eq!(forwards(&bench), before);
    assert_eq!(bench.view(2), (0, true));
}

#[test]
fn primary_of_a_new_view_is_told_at_once_of_all_that_waits() {
    let mut bench = Bench::<4>::new();
    // Replica 3 alone knows of all, and another one of enough to leave the view with it.
    for client in 0..4 {
        bench.ask(3, client, 1, format!("op {client}").as_bytes());
    }
    bench.ask(2, 0, 1, b"op 0");
    bench.pass_where(T - 10, &[1, 2, 3], |_, _, _| false);
    bench.pass_where(30, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!((bench.view(id), bench.operations(id).len()), ((1, true), 4), "replica {id}");
    }
}

#[test]
fn cluster_that_is_slow_as_a_whole_does_not_rotate_for_ever() {
    let mut bench = Bench::<4>::new();
    let mut t = 0;
    let mut slow = |bench: &mut Bench<4>, rounds: u64, millis: u64| {
        for _ in 0..rounds {
            t += 1;
            let primary = (view_of(bench) % 4) as usize;
            let backups = (0..4).filter(|id| *id != primary);
            backups.for_each(|id| bench.ask(id, 0, t, b"op"));
            bench.pass_where(millis, &[0, 1, 2, 3], unheard);
            let primary = (view_of(bench) % 4) as usize;
            bench.ask(primary, 0, t, b"op");
            bench.run_where(unheard);
        }
        view_of(bench)
    };
    assert_eq!(slow(&mut bench, 40, 350), 2, "of two primaries one is correct");
    assert_eq!(slow(&mut bench, 40, 700), 4, "beyond the timeout there is the timer");
    assert_eq!(slow(&mut bench, 40, 700), 4);
    // What is fast again is held to the old measure.
    slow(&mut bench, 60, 100);
    assert_eq!(slow(&mut bench, 40, 350), 6);
}

/// The view that strong replicas have reached: one that judges a little earlier is ahead.
fn view_of(bench: &Bench<4>) -> u64 {
    let mut views = [0, 1, 2, 3].map(|id| bench.view(id).0);
    views.sort_unstable();
    views[1]
}

#[test]
fn client_that_asks_for_something_else_all_the_time_keeps_its_turn() {
    let mut bench = Bench::<4>::new();
    for id in 0..4 {
        bench.reconfigure(id, |config| config.batch_requests = 1);
    }
    // Nobody votes: after W batches the primary's window is full, and four requests wait.
    for t in 1..=8 {
        bench.ask(0, 0, t, b"x");
    }
    for (client, t) in [(1, 1), (0, 9), (2, 1), (1, 2), (1, 3)] {
        bench.ask(0, client, t, b"longer and longer".get(..t as usize).unwrap());
    }
    bench.run();
    bench.pass(200);
    let history = &bench.hosts[1].history;
    let order: Vec<_> = history.iter().skip(8).map(|(_, client, t, _)| (*client, *t)).collect();
    assert_eq!(order, [(1, 3), (0, 9), (2, 1)]);
}
