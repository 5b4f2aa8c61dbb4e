//! Seeded worlds: clients at random, a traitor that garbles what it likes, naps of loyal generals.

use crate::bench::*;
use crate::rng::Rng;
use quorate::auth::Signed;
use quorate::lockstep::Message;

fn runs() -> u64 {
    let runs = std::env::var("QUORATE_RUNS").ok();
    runs.map_or(60, |runs| runs.parse().expect("QUORATE_RUNS is a number"))
}

/// A life of forty slots.
fn live<P: Slots>(shape: Shape, seed: u64)
where
    for<'a> P::Message<'a>: Signed,
{
    let mut rng = Rng::new(seed);
    let mut bench = Bench::<P>::new(shape);
    let traitor = rng.below(shape.nodes);
    // Half of the worlds have a traitor; in the others a loyal general is frozen instead, which
    // is a fault too.
    let treason = seed.is_multiple_of(2);
    if treason {
        bench.traitors = vec![traitor];
        let mut rng = Rng::new(seed ^ 0x5eed);
        bench.tamper = Some(Box::new(move |_, _, payload| {
            let delay = rng.below(DELAY as usize) as u64;
            match rng.below(8) {
                0 => vec![],
                1 => vec![(delay + ROUND, payload)],
                2 => vec![(delay, payload.clone()), (delay + 1, payload)],
                3 => {
                    let mut bent = payload;
                    let at = rng.below(bent.len());
                    bent[at] ^= 1 << rng.below(8);
                    vec![(delay, bent)]
                }
                4 => {
                    let digest = quorate::Digest(rng.array());
                    let slot = rng.below(40) as u64;
                    vec![
                        (delay, said::<P>(traitor, Message::Vouch { slot, digest })),
                        (delay, said::<P>(traitor, Message::Rejoin { after: slot })),
                        (delay, payload),
                    ]
                }
                _ => vec![(delay, payload)],
            }
        }));
    }
    let mut slots = 0;
    while slots < 40 {
        slots += 1;
        if !treason && rng.below(10) == 0 && bench.frozen[traitor] <= bench.now {
            bench.frozen[traitor] = bench.now + rng.below(5 * ROUND as usize) as u64;
        }
        for id in 0..CLIENTS {
            if !bench.clients[id].client.is_busy() && rng.below(3) > 0 {
                let operation = rng.bytes(16);
                bench.submit(id, &operation);
            }
        }
        let later = bench.now + 1 + rng.below(2 * ROUND as usize) as u64;
        bench.run_until(later);
    }
    let end = bench.now + 60 * ROUND;
    bench.run_until(end);
    bench.check(&format!("seed {seed}"));
    for desktop in &bench.clients {
        assert!(!desktop.client.is_busy() && desktop.failures == 0, "a client waits, seed {seed}");
    }
    let executed: usize = bench.clients.iter().map(|it| it.replies.len()).sum();
    let honest = (traitor + 1) % shape.nodes;
    assert_eq!(bench.hosts[honest].log.len(), executed, "seed {seed}");
}

#[test]
fn worlds_over_oral_messages() {
    for seed in 0..runs() {
        live::<Oral>(Shape { rounds: 1 + seed % 3, ..Shape::ORAL }, seed);
    }
}

#[test]
fn worlds_over_signed_messages() {
    for seed in 0..runs() {
        live::<Scrolls>(Shape { rounds: 1 + seed % 3, ..Shape::SIGNED }, seed);
    }
}
