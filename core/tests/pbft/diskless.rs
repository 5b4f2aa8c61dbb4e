//! Replicas that keep no log at all: whoever loses power comes back as one that lost its log.

use crate::bench::*;
use quorate::pbft::*;

/// The settings of a replica without a disk.
fn config<const N: usize>(id: usize) -> Config {
    Config { durability: Durability::None, ..Bench::<N>::config(id) }
}

/// A cluster in which nobody has a disk.
fn diskless<const N: usize>() -> Bench<N> {
    let mut bench = Bench::<N>::new();
    for id in 0..N {
        *bench.hosts[id].replica = Replica::new(config::<N>(id), Memory::<N>::new()).unwrap();
    }
    bench
}

/// A replica loses power, and all that it had, and starts again.
fn lose_power<const N: usize>(bench: &mut Bench<N>, id: usize) {
    let host = &mut bench.hosts[id];
    assert!(host.records.is_empty(), "there is no disk");
    host.captured.clear();
    host.history.clear();
    host.state = quorate::Digest::ZERO;
    let nonce = 70 + id as u64;
    *host.replica = Replica::amnesiac(config::<N>(id), Memory::<N>::new(), nonce).unwrap();
}

/// Orders requests of client 1, time passing between them.
fn order<const N: usize>(bench: &mut Bench<N>, timestamps: std::ops::Range<u64>) {
    for timestamp in timestamps {
        for id in 0..N {
            bench.ask(id, 1, timestamp, b"x");
        }
        bench.run();
        bench.pass(60);
    }
}

/// After `dark` lost power at once, the cluster goes on, and then needs their votes and has them.
fn goes_on_and_counts_them<const N: usize>(dark: &[usize], dead: &[usize]) {
    let mut bench = diskless::<N>();
    let others: Vec<usize> = (0..N).filter(|id| !dark.contains(id)).collect();
    order(&mut bench, 1..7);
    dark.iter().for_each(|id| lose_power(&mut bench, *id));
    order(&mut bench, 7..10);
    for id in dark {
        assert!(bench.hosts[*id].replica.is_recovering(), "it votes on nothing yet");
    }
    assert!(others.iter().all(|id| bench.operations(*id).len() == 9), "the others go on");
    order(&mut bench, 10..40);
    assert!((0..N).all(|id| !bench.hosts[id].replica.is_recovering()));
    assert!((0..N).all(|id| bench.hosts[id].state == bench.hosts[0].state));
    // Others die for good: those who came back are just enough with the rest.
    for timestamp in 50..60 {
        for id in (0..N).filter(|id| !dead.contains(id)) {
            bench.ask(id, 1, timestamp, b"y");
        }
        bench.run_where(|from, to, _| !dead.contains(&from) && !dead.contains(&to));
    }
    assert_eq!(bench.operations(0).len(), 39 + 10, "their votes count again");
    assert!(bench.hosts.iter().all(|host| host.records.is_empty()));
}

#[test]
fn f_that_lose_power_come_back_and_their_votes_count_again() {
    goes_on_and_counts_them::<4>(&[3], &[2]);
    goes_on_and_counts_them::<7>(&[5, 6], &[3, 4]);
}

/// After more than f lost power at once, nobody executes anything, and nobody forgets.
fn stands_still<const N: usize>(dark: &[usize]) {
    let mut bench = diskless::<N>();
    order(&mut bench, 1..7);
    let before = bench.hosts[0].state;
    dark.iter().for_each(|id| lose_power(&mut bench, *id));
    for id in 0..N {
        bench.ask(id, 2, 1, b"waits");
    }
    bench.run();
    bench.pass(5_000);
    for id in 0..N {
        let host = &bench.hosts[id];
        if dark.contains(&id) {
            assert!(host.replica.is_recovering(), "replica {id}");
            assert!(host.history.iter().all(|(_, client, ..)| *client == 1), "replica {id}");
        } else {
            assert_eq!(bench.operations(id).len(), 6, "replica {id} stands still");
            assert_eq!(host.state, before, "replica {id}");
        }
    }
}

#[test]
fn more_than_f_that_lose_power_at_once_make_it_stand_still_with_no_second_history() {
    stands_still::<4>(&[2, 3]);
    stands_still::<4>(&[0, 1]);
    stands_still::<7>(&[4, 5, 6]);
}
