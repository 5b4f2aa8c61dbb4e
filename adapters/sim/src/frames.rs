//! The bytes of a virtual log: frames that know their place, and what is read back from them.
//!
//! The rules are those of the log of `quorate-std`: a frame's checksum covers where it stands and
//! up to which byte the log was durable when it was written. So a tail that was never durable is
//! told from damage, and no stale or misplaced sector passes for a record.

use quorate::Digest;

/// Length of the body, bytes durable before, checksum.
const HEAD: usize = 4 + 8 + 8;

/// A log has other bytes than were made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first byte that belongs to no frame.
    pub at: usize,
}

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The bodies of its frames, in order.
    pub bodies: Vec<Vec<u8>>,
    /// Where the last frame ends: the rest was never durable.
    pub end: usize,
}

/// Appends a frame to a log. `synced`: how many bytes of the log are durable.
pub fn append(log: &mut Vec<u8>, synced: usize, body: &[u8]) {
    let check = check(log.len(), synced, body);
    log.extend((body.len() as u32).to_le_bytes());
    log.extend((synced as u64).to_le_bytes());
    log.extend(check);
    log.extend(body);
}

/// Reads a log back. A torn tail ends it.
///
/// # Errors
/// Something is wrong before a frame that was written when it was durable.
pub fn read(log: &[u8]) -> Result<Contents, Damage> {
    let mut contents = Contents::default();
    while let Some((body, _)) = frame(log, contents.end) {
        contents.end += HEAD + body.len();
        contents.bodies.push(body.to_vec());
    }
    let end = contents.end;
    let later = (end..log.len()).any(|at| frame(log, at).is_some_and(|(_, synced)| synced > end));
    if later { Err(Damage { at: end }) } else { Ok(contents) }
}

/// Where each frame of a log begins, in order.
#[must_use]
pub fn starts(log: &[u8]) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while let Some((body, _)) = frame(log, at) {
        starts.push(at);
        at += HEAD + body.len();
    }
    starts
}

/// The frame at a place, if there is one: its body, and what was durable when it was written.
fn frame(log: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (head, rest) = log.get(at..)?.split_first_chunk::<HEAD>()?;
    let length = u32::from_le_bytes(*head.first_chunk()?);
    let synced = u64::from_le_bytes(*head[4..].first_chunk()?);
    let synced = usize::try_from(synced).ok()?;
    let body = rest.get(..usize::try_from(length).ok()?)?;
    (check(at, synced, body) == head[12..]).then_some((body, synced))
}

fn check(at: usize, synced: usize, body: &[u8]) -> [u8; 8] {
    let (at, synced) = ((at as u64).to_le_bytes(), (synced as u64).to_le_bytes());
    let digest = Digest::of(&[&at[..], &synced, body].concat());
    let mut check = [0; 8];
    check.copy_from_slice(&digest.0[..8]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three turns of two frames, each durable before the next.
    fn log() -> (Vec<u8>, Vec<usize>) {
        let (mut log, mut ends) = (Vec::new(), vec![0]);
        for turn in 0..3u8 {
            let synced = log.len();
            for n in 0..2u8 {
                append(&mut log, synced, &vec![turn; usize::from(7 * turn + n)]);
                ends.push(log.len());
            }
        }
        (log, ends)
    }

    #[test]
    fn a_log_cut_at_any_byte_is_read_up_to_its_last_whole_frame() {
        let (log, ends) = log();
        for length in 0..=log.len() {
            let contents = read(&log[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            assert_eq!((contents.bodies.len(), contents.end), (whole, ends[whole]), "{length}");
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_unless_it_is_in_the_last_turn() {
        let (log, ends) = log();
        for at in 0..log.len() {
            for bit in 0..8 {
                let mut flipped = log.clone();
                flipped[at] ^= 1 << bit;
                match read(&flipped) {
                    Err(damage) => assert!(at >= damage.at && at < ends[4], "byte {at}"),
                    Ok(contents) => assert!(at >= ends[4] && contents.end <= at, "byte {at}"),
                }
            }
        }
    }

    #[test]
    fn a_frame_in_another_place_is_no_frame() {
        let (log, ends) = log();
        let mut moved = log.clone();
        moved.extend_from_slice(&log[ends[5]..ends[6]]);
        assert_eq!(read(&moved).unwrap().end, log.len());
    }
}
