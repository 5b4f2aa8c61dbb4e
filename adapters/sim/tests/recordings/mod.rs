//! Recordings that nobody recorded, in a form that is frozen.

use quorate::ed25519::SecretKey;

/// Four replicas and one client.
pub(crate) const SMALL: [u64; 5] = [4, 8, 256, 1, 16];

/// A recording of a replica of a cluster of these sizes, up to where it is ready: nodes, window,
/// bytes of a batch, clients, bytes of a reply. It has `keys` keys, each another one.
pub(crate) fn begin(sizes: [u64; 5], keys: u8) -> Vec<u8> {
    let mut body = vec![2];
    body.extend([0; 4]);
    body.extend([7; 32]);
    sizes.iter().for_each(|size| body.extend(size.to_le_bytes()));
    for micros in [1_000u64, 1_000_000, 64_000_000, 50_000, 500_000, 50_000] {
        body.extend(micros.to_le_bytes());
    }
    body.extend(8u64.to_le_bytes());
    body.push(0);
    for seed in 1..=keys {
        body.extend(SecretKey::from_seed([seed; 32]).public().0);
    }
    let mut file = b"QUORREC\n\x01\0\0\0".to_vec();
    frame(&mut file, 1, &body);
    frame(&mut file, 2, &[9, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0]);
    frame(&mut file, 5, &[]);
    file
}

/// Adds a frame.
pub(crate) fn frame(file: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = (body.len() as u32).to_le_bytes();
    let place = (file.len() as u64).to_le_bytes();
    let crc = crc32c::crc32c(&[&place[..], &[kind], &length, body].concat());
    file.push(kind);
    file.extend(length);
    file.extend(crc.to_le_bytes());
    file.extend(body);
}
