//! Recordings that nobody recorded: what they ask for is bounded by their own length and by
//! published limits, and refused with a reason. Real recordings that were changed are played in
//! the tests of `quorate-std`.

mod recordings;

use quorate_sim::pbft::replay;
use quorate_sim::recording::{LARGEST_REPLICA, Recording, Unreadable};
use recordings::{SMALL, begin, frame};

#[test]
fn sizes_that_no_memory_holds_are_refused_before_any_is_asked_for() {
    assert!(Recording::read(&begin(SMALL, 5)).is_ok());
    let most = u64::from(u32::MAX);
    for (at, size) in [(1, 4096), (2, most), (4, most)] {
        let mut sizes = [64, 4096, 1 << 20, 1, 16];
        sizes[at] = size;
        let refused = Recording::read(&begin(sizes, 65)).map(drop);
        let Err(Unreadable::TooLarge { bytes }) = refused else { panic!("{refused:?}") };
        assert!(bytes > LARGEST_REPLICA, "{bytes} bytes");
    }
    // What no cluster can have is refused as well, and keys that are not there.
    for sizes in [
        [u64::MAX, 8, 256, 1, 16],
        [4, u64::MAX, 256, 1, 16],
        [4, 8, u64::MAX, 1, 16],
        [4, 8, 256, u64::MAX, 16],
        [4, 8, 256, 1, u64::MAX],
        [64, 8, 256, 1, 16],
        [4, 8, 256, 65_536, 16],
    ] {
        let refused = Recording::read(&begin(sizes, 5)).map(drop);
        assert_eq!(refused, Err(Unreadable::Frame { at: 12 }), "{sizes:?}");
    }
}

#[test]
fn lengths_of_frames_are_bounded_by_the_file() {
    let whole = begin(SMALL, 5);
    for length in [1u32, 100, u32::MAX] {
        let mut file = whole.clone();
        file.push(6);
        file.extend(length.to_le_bytes());
        file.extend([0; 4]);
        let read = Recording::read(&file).unwrap();
        assert_eq!((read.events.len(), read.torn), (0, 9), "{length}");
    }
    let ready = whole.len() - 9;
    for length in 0..whole.len() {
        let refused = Recording::read(&whole[..length]).map(drop).unwrap_err();
        let short = matches!(refused, Unreadable::Short | Unreadable::NotOne);
        assert!(short && length <= ready + 8, "cut to {length}: {refused}");
    }
}

#[test]
fn damage_is_told_from_a_torn_end() {
    let mut whole = begin(SMALL, 5);
    let ready = whole.len();
    frame(&mut whole, 6, &[&10u64.to_le_bytes()[..], &[0; 8], &[0]].concat());
    let last = whole.len();
    frame(&mut whole, 6, &[&20u64.to_le_bytes()[..], &[0; 8], &[0]].concat());
    for (flipped, at) in [(ready + 9, ready), (last + 9, last)] {
        let mut file = whole.clone();
        file[flipped] ^= 1;
        assert_eq!(Recording::read(&file).map(drop), Err(Unreadable::Damaged { at }));
        let advice = Unreadable::Damaged { at }.to_string();
        assert!(advice.contains(&format!("head -c {at}")), "{advice}");
        assert!(Recording::read(&file[..at]).is_ok(), "what stands before it");
    }
    let torn = Recording::read(&whole[..whole.len() - 1]).unwrap();
    assert_eq!((torn.events.len(), torn.torn), (1, whole.len() - 1 - last));
}

#[test]
fn a_bit_flipped_anywhere_is_found() {
    let mut whole = begin(SMALL, 5);
    frame(&mut whole, 6, &[&10u64.to_le_bytes()[..], &[0; 8], &[0]].concat());
    for bit in 0..8 * whole.len() {
        let mut file = whole.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        match Recording::read(&file) {
            Err(_) => {}
            Ok(read) => assert!(read.events.is_empty() && read.torn > 0, "bit {bit}"),
        }
    }
}

#[test]
fn inputs_that_no_host_gives_break_nothing() {
    let inputs: [&[u8]; 14] = [
        &[0],
        &[0, 0, 0],
        &[1, 0xff, 0xff],
        &[1, 0, 0, 1, 2, 3],
        &[2],
        &[2, 0xff, 0xff],
        &[3, 0, 0, 0],
        &[3, 0, 2, 0, 0xff, 0xff, 0xff],
        &[3, 1, 0, 0, 0],
        &[4, 9, 9, 1],
        &[5, 4, 0, 0, 0, 0, 0, 0, 0, 9],
        &[6, 4, 0, 0, 0, 0, 0, 0, 0],
        &[7],
        &[],
    ];
    for input in inputs {
        for now in [0, 10, u64::MAX] {
            let mut file = begin(SMALL, 5);
            frame(&mut file, 6, &[&now.to_le_bytes()[..], &[0; 8], input].concat());
            match Recording::read(&file) {
                Err(error) => assert!(matches!(error, Unreadable::Frame { .. }), "{input:?}"),
                Ok(read) => {
                    let played = replay(&read, true).unwrap();
                    assert_eq!(played.divergence.unwrap().step, 1, "{input:?}");
                }
            }
        }
    }
}
