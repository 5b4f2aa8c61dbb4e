//! What README.md says of parts adds up to what its tables say of the whole.

use crate::image::workspace;
use crate::table::{MEASURED, PARTS, written};
use quorate::hmac::Sealer;
use quorate::link::Sealer as _;
use quorate::pbft::Dimensions;

/// Window and bytes of a batch of each column, in order.
const COLUMNS: [(usize, usize); 3] = [(4, 2048), (4, 142), (8, 142)];

fn sizes((window, batch_bytes): (usize, usize)) -> Dimensions {
    Dimensions { nodes: 4, window, batch_bytes, clients: 4, reply_bytes: 32 }
}

#[test]
fn the_parts_of_a_replica_are_all_of_it() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (parts, trials) = (written(&readme, PARTS).unwrap(), written(&readme, MEASURED).unwrap());
    for (column, of) in COLUMNS.into_iter().enumerate() {
        let (window, batch) = of;
        let all = trials[&format!("pbft-4-{window}-{batch}-hmac Cortex-M4F")][1];
        let sum: u64 = parts.values().map(|cells| cells[column]).sum();
        assert_eq!(sum, all, "W = {window}, batches of {batch} bytes");
    }
}

#[test]
fn parts_that_a_constant_knows_are_what_it_says() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let parts = written(&readme, PARTS).unwrap();
    let part = |begin: &str| {
        let mut found = parts.iter().filter(|(name, _)| name.starts_with(begin));
        found.next().unwrap().1.clone()
    };
    let histories = COLUMNS.map(|of| sizes(of).view_change_bytes() as u64);
    assert_eq!(part("VIEW-CHANGEs"), histories);
    let frames = COLUMNS.map(|of| 2 * (1 + sizes(of).message_bytes() + Sealer::OVERHEAD) as u64);
    assert_eq!(part("two buffers"), frames);
}
