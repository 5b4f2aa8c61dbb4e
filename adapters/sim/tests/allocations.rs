//! No machine allocates while it runs, whatever happens around it: memory is constant.

use quorate_sim::Sweep;
use quorate_sim::generals::{self, Protocol};
use quorate_sim::probe::watch;
use quorate_sim::{Campaign, Faults};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The allocator of the system, which counts what is asked of it while a machine runs.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
    static ENTERED: Cell<u64> = const { Cell::new(0) };
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

fn probe(runs: bool) {
    RUNS.set(runs);
    ENTERED.set(ENTERED.get() + u64::from(runs));
}

fn count() {
    ALLOCATED.set(ALLOCATED.get() + u64::from(RUNS.get()));
}

// SAFETY: everything is left to the system's allocator; cells without a destructor are read and
// set besides, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// How often machines ran, and how often something was allocated meanwhile.
fn watched(play: impl FnOnce()) -> (u64, u64) {
    ENTERED.set(0);
    ALLOCATED.set(0);
    watch(Some(probe));
    play();
    watch(None);
    (ENTERED.get(), ALLOCATED.get())
}

#[test]
fn replicas_and_clients_allocate_nothing_under_attack() {
    let (entered, allocated) = watched(|| {
        let campaign = Campaign { faults: Faults::Traitors, ..Campaign::new(0, 1) };
        for seed in 0..12 {
            let report = campaign.run_seed(seed, false);
            assert_eq!(report.violation, None, "seed {seed}");
        }
    });
    assert!(entered > 50_000, "{entered}");
    assert_eq!(allocated, 0, "in {entered} runs of a machine");
}

#[test]
fn generals_allocate_nothing_under_attack() {
    let protocols =
        [Protocol::Om, Protocol::Sm, Protocol::King, Protocol::Vector, Protocol::Lockstep];
    for protocol in protocols {
        let (entered, allocated) = watched(|| {
            let campaign = generals::Campaign::new(protocol, 0, 1);
            let campaign = generals::Campaign { faults: Faults::Traitors, ..campaign };
            for seed in 0..20 {
                let report = campaign.run_seed(seed, false);
                assert_eq!(report.violation, None, "{protocol:?}, seed {seed}");
            }
        });
        assert!(entered > 1_000, "{protocol:?}: {entered}");
        assert_eq!(allocated, 0, "{protocol:?} in {entered} runs of a machine");
    }
}

#[test]
fn an_allocation_would_be_counted() {
    let (entered, allocated) = watched(|| {
        probe(true);
        let mut bytes = std::hint::black_box(vec![1u8]);
        bytes.reserve_exact(100);
        probe(false);
        drop(std::hint::black_box(vec![2u8]));
    });
    assert_eq!((entered, allocated), (1, 2));
}
