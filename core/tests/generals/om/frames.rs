//! Frames: how they look on the wire, and what of a damaged one is believed, which is nothing.

use super::*;
use quorate::auth::Signed;
use quorate::wire::{DecodeError, decode, encode, encoded_len};
use quorate::{ClientId, Digest};

/// A general of seven that relays A, B, nothing and C in the third round, to general 2.
fn relaying() -> Alone {
    let army = Army::new(7, 2);
    let mut general = Alone::new(army, 1);
    let told = [(3, Some(A)), (4, Some(B)), (5, None), (6, Some(C)), (2, Some(C))];
    for (from, order) in told {
        assert_eq!(general.hear(from, &army.oral(&[0, from], order)), None);
    }
    general
}

#[test]
fn the_bytes_of_a_frame_are_these() {
    let army = Army { number: 300, ..Army::new(4, 1) };
    // Kind 0, instance 300 (two bytes), commander 0, round 2, a wave of 2 bytes: some A.
    assert_eq!(army.wave(NodeId(1), 2, &[Some(A)]), [0, 0xac, 2, 0, 2, 2, 1, A]);
    assert_eq!(army.wave(NodeId(1), 2, &[None]), [0, 0xac, 2, 0, 2, 1, 0]);
    // Kind 1, the instance, a path of two ids, some A.
    assert_eq!(army.oral(&[0, 1], Some(A)), [1, 0xac, 2, 0, 2, 0, 1, 1, A]);
}

#[test]
fn a_relayed_wave_is_in_the_order_of_its_paths_and_leaves_out_those_of_the_receiver() {
    let general = relaying();
    let frame = general.general.rules().frame(3, NodeId(2)).unwrap();
    let payload = seal(NodeId(1), frame);
    assert_eq!(payload, [0, 7, 0, 3, 7, 1, A, 1, B, 0, 1, C], "3, 4, 5, 6");
    assert_eq!(encoded_len(&frame), payload.len());
    let decoded: Said<'_> = decode(&payload).unwrap();
    assert_eq!(decoded, frame);
    assert_eq!(format!("{decoded:?}"), format!("{frame:?}"));
    let mut again = vec![0; payload.len()];
    assert_eq!(encode(&decoded, &mut again), Ok(&payload[..]));
    for short in 0..payload.len() {
        assert!(encode(&frame, &mut vec![0; short]).is_err(), "{short} bytes are too short");
    }
}

#[test]
fn a_wave_reads_the_same_from_a_list_from_memory_and_from_bytes() {
    let orders = [Some(A), Some(B), None, Some(C)];
    let bytes = [1, A, 1, B, 0, 1, C];
    let (list, raw) = (Wave::from_orders(&orders), Wave::from_bytes(&bytes));
    assert_eq!(list, raw);
    let general = relaying();
    let Some(Message::Wave { orders: memory, .. }) = general.general.rules().frame(3, NodeId(2))
    else {
        panic!("a wave")
    };
    assert_eq!(memory, list);
    assert_eq!(memory.orders().collect::<Vec<_>>(), orders.map(Ok));
    assert_ne!(list, Wave::from_orders(&orders[1..]));
}

#[test]
fn wide_values_are_encoded_in_full() {
    let orders = [Some([0xabu8; 32]), None];
    let wave = Wave::from_orders(&orders);
    let mut buffer = [0; 64];
    let bytes = encode(&wave, &mut buffer).unwrap();
    assert_eq!(bytes.len(), 1 + 1 + 32 + 1);
    assert_eq!(decode::<Wave<'_, [u8; 32]>>(bytes).unwrap(), wave);
}

#[test]
fn a_damaged_wave_is_malformed_and_nothing_of_it_is_kept() {
    let army = Army::new(7, 2);
    let waves: [(&str, &[u8]); 7] = [
        ("empty", &[]),
        ("cut off", &[1, A, 1, B, 0, 1]),
        ("an order too few", &[1, A, 1, B, 0]),
        ("an order too many", &[1, A, 1, B, 0, 1, C, 0]),
        ("no such option at the end", &[1, A, 1, B, 0, 2]),
        ("no such option at the front", &[9, A, 1, B, 0, 0]),
        ("text", b"attack at dawn"),
    ];
    for (what, bytes) in waves {
        let mut general = Alone::new(army, 1);
        general.open(1);
        let before = general.general.rules().entries().to_vec();
        let orders = Wave::<u8>::from_bytes(bytes);
        let frame = Said::Wave { instance: army.instance(), round: 3, orders };
        assert_eq!(general.hear(2, &seal(NodeId(2), frame)), Some(Fault::Malformed), "{what}");
        assert_eq!(general.general.rules().entries(), before, "{what}");
        let good = army.wave(NodeId(2), 3, &[Some(A), Some(B), None, Some(C)]);
        assert_eq!(general.hear(2, &good), None, "{what}");
    }
}

#[test]
fn a_padded_number_in_a_wave_is_malformed() {
    // 5 in two bytes instead of one.
    let padded = Wave::<u32>::from_bytes(&[1, 0x85, 0]);
    assert_eq!(padded.orders().collect::<Vec<_>>(), [Err(Fault::Malformed)]);
    let plain = Wave::<u32>::from_bytes(&[1, 5, 0, 1, 6]);
    assert_eq!(plain.orders().collect::<Vec<_>>(), [Ok(Some(5)), Ok(None), Ok(Some(6))]);
}

#[test]
fn garbage_in_the_open_round_is_told_apart_from_silence() {
    let army = Army::new(4, 1);
    let garbage = [0, 7, 0, 2, 1, 9];
    let mut general = Alone::new(army, 1);
    general.open(1);
    general.open(2);
    assert_eq!(general.hear(2, &garbage), Some(Fault::Malformed));
    let end = Instant::from_micros(START + 2 * ROUND);
    let accused = general.general.step(end, Input::Wake).filter_map(|output| match output {
        Output::Accuse { node, fault } => Some((node.0, fault)),
        _ => None,
    });
    assert_eq!(accused.collect::<Vec<_>>(), [(3, Fault::Missing)], "2 was blamed when it spoke");
    assert_eq!(general.entry(&[0, 2]), Entry::Invalid);
    assert_eq!(general.entry(&[0, 3]), Entry::Empty);
    // What comes well formed in the same round counts.
    let mut general = Alone::new(army, 1);
    (1..=2).for_each(|round| drop(general.open(round)));
    general.hear(2, &garbage);
    assert_eq!(general.hear(2, &army.wave(NodeId(2), 2, &[Some(A)])), None);
    general.decide();
    assert_eq!(general.entry(&[0, 2]), Entry::Value(A));
    // Garbage in one round is no excuse for silence in the next.
    let army = Army::new(7, 2);
    let mut general = Alone::new(army, 1);
    general.open(1);
    general.open(2);
    assert_eq!(general.hear(2, &garbage), Some(Fault::Malformed));
    assert_eq!(general.open(3), [3, 4, 5, 6]);
    general.decide();
    assert_eq!(general.entry(&[0, 2]), Entry::Invalid);
    assert_eq!(general.entry(&[0, 3, 2]), Entry::Empty);
}

#[test]
fn frames_that_are_cut_off_or_go_on_do_not_decode() {
    let army = Army::new(7, 2);
    let frames = [army.wave(NodeId(1), 3, &[Some(A); 4]), army.oral(&[0, 3, 1], Some(A))];
    for mut frame in frames {
        for length in 0..frame.len() {
            assert!(decode::<Said<'_>>(&frame[..length]).is_err(), "{length}");
        }
        frame.push(0);
        assert_eq!(decode::<Said<'_>>(&frame), Err(DecodeError::Trailing));
    }
    assert!(decode::<Said<'_>>(&[2, 7, 0, 1]).is_err(), "no such kind");
}

#[test]
fn no_byte_of_any_frame_can_stop_a_general() {
    let army = Army::new(7, 2);
    let frames = [army.wave(NodeId(2), 3, &[Some(A); 4]), army.oral(&[0, 3, 2], Some(A))];
    for frame in frames {
        for (at, byte) in (0..frame.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut damaged = frame.clone();
            damaged[at] = byte;
            let mut general = Alone::new(army, 1);
            general.open(1);
            let before = general.general.rules().entries().to_vec();
            if general.hear(2, &damaged).is_some() {
                assert_eq!(general.general.rules().entries(), before);
            }
            for round in 2..=3 {
                general.open(round);
            }
            general.decide();
        }
    }
}

#[test]
fn a_client_has_no_say() {
    let army = Army::new(4, 1);
    let payload = army.wave(NodeId(2), 2, &[Some(A)]);
    let message: Said<'_> = decode(&payload).unwrap();
    let roster = roster(4);
    let client = Principal::Client(ClientId(0));
    assert_eq!(message.verify(client, &roster, &TestVerifier), Err(Fault::NotAllowed));
    let node = Principal::Node(NodeId(2));
    assert_eq!(message.verify(node, &roster, &TestVerifier), Ok(Digest::ZERO));
}
