//! Many scenarios side by side.

use super::play::{Played, play};
use super::scenario::{ROUNDS, Scenario};
use crate::violation::Violation;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// How scenarios went, all together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Scenarios that were played.
    pub scenarios: u64,
    /// The violations by the number of their scenario.
    pub violations: BTreeMap<u64, Violation>,
    /// How many had a correct replica in the views of so many rounds.
    pub led: [u64; ROUNDS + 1],
    /// In how many rounds correct replicas executed something.
    pub served: u64,
    /// Executions of requests at correct replicas.
    pub executions: u64,
    /// Accusations by correct replicas.
    pub accusations: u64,
    /// Events.
    pub events: u64,
    /// Virtual microseconds.
    pub micros: u64,
    /// The greatest part of the time that is promised for recovery, in thousandths.
    pub recovery_permille: u64,
}

impl Tally {
    /// Plays scenarios on some threads and calls `each` after every one. After a violation no
    /// scenario is begun, unless it is to keep going.
    ///
    /// # Panics
    /// `each` panics.
    pub fn of(
        scenarios: impl Iterator<Item = Scenario> + Send,
        threads: usize,
        keep_going: bool,
        each: impl Fn(&Scenario, &Played) + Sync,
    ) -> Self {
        let (scenarios, stop) = (Mutex::new(scenarios), AtomicBool::new(false));
        let tally = Mutex::new(Self::default());
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let next = scenarios.lock().expect("no thread panics").next();
                        let Some(scenario) = next else { break };
                        let played = play(&scenario, false);
                        if played.violation.is_some() && !keep_going {
                            stop.store(true, Ordering::Relaxed);
                        }
                        each(&scenario, &played);
                        tally.lock().expect("no thread panics").add(&scenario, &played);
                    }
                });
            }
        });
        tally.into_inner().expect("no thread panics")
    }

    fn add(&mut self, scenario: &Scenario, played: &Played) {
        self.scenarios += 1;
        if let Some(violation) = &played.violation {
            self.violations.insert(scenario.number(), violation.clone());
        }
        self.led[played.led] += 1;
        self.served += played.served as u64;
        self.executions += played.statistics.executions;
        self.accusations += played.statistics.accusations;
        self.events += played.events;
        self.micros += played.micros;
        self.recovery_permille = self.recovery_permille.max(played.statistics.recovery_permille);
    }
}
