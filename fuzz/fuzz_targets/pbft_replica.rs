#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quorate_sim::fuzz::pbft_replica(data));
