//! A request that is with the host is not taken for a new one.

use crate::bench::*;
use quorate::{ClientId, Refusal};

/// Three clients have two requests each in one slot, which two generals propose. While hosts have
/// executed the first one of each and not the second, the second one comes to all generals again.
fn asked_again_between(shape: Shape) -> Bench<Oral> {
    let mut bench = Bench::<Oral>::new(shape);
    bench.slow = vec![60 * MS; 4];
    for of in 0..3 {
        bench.post(client(of), node(1), 0, request(of, 1, &[1; 32]));
        bench.post(client(of), node(2), 0, request(of, 2, &[2; 32]));
    }
    // Six requests, of which each takes 10 ms.
    let executing = bench.begin(0) + 2 * ROUND;
    bench.run_until(executing + 35 * MS);
    assert_eq!(bench.replied.len(), 4 * 3, "the first of each was executed: {:?}", bench.replied);
    for of in 0..3 {
        for id in 0..4 {
            bench.post(client(of), node(id), 0, request(of, 2, &[2; 32]));
        }
    }
    bench.run_until(bench.begin(1) - 20 * MS);
    assert_eq!(bench.replied.len(), 4 * 6, "all were executed");
    bench.slow = vec![0; 4];
    bench
}

#[test]
fn what_was_executed_takes_no_room_in_proposals() {
    let mut bench = asked_again_between(Shape { rounds: 3, ..Shape::ORAL });
    bench.post(client(3), node(0), 0, request(3, 1, &[3; 32]));
    bench.run_until(bench.begin(12));
    bench.check("asked again between");
    let at: Vec<u64> = bench.hosts[1].log.iter().filter(|it| it.1 == 3).map(|it| it.0).collect();
    assert_eq!(at, [1], "known to one loyal general it executes in that general's next slot");
}

#[test]
fn a_client_is_served_whatever_others_asked_for_while_hosts_executed() {
    let mut bench = asked_again_between(Shape { rounds: 3, ..Shape::ORAL });
    bench.submit(3, &[3; 32]);
    bench.run_until(bench.begin(120));
    assert_eq!((bench.clients[3].replies.len(), bench.clients[3].failures), (1, 0));
}

/// The host of general 1 takes so long for one request that its general counts itself faulty, takes
/// over the others' state and goes on. Only then does that answer come.
#[test]
fn an_answer_that_was_given_up_is_not_taken_for_that_to_a_later_request() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.slow[1] = 2000 * MS;
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, 1, &[1]));
    }
    bench.run_until(bench.begin(0) + 300 * MS);
    bench.slow[1] = 400 * MS;
    bench.run_until(bench.begin(0) + 1650 * MS);
    assert_eq!(bench.hosts[1].installed.len(), 1, "{:?}", bench.hosts[1].refusals);
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, 2, &[2]));
    }
    bench.run_until(bench.begin(40));
    let refused = |it: &Refusal| matches!(it, Refusal::NotExecuting { client: ClientId(0) });
    assert!(bench.hosts[1].refusals.iter().any(refused), "{:?}", bench.hosts[1].refusals);
    assert!(bench.replied.iter().any(|it| (it.0, it.1, it.2) == (1, 0, 2)), "{:?}", bench.replied);
    bench.check("given up");
}
