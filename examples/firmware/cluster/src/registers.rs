//! The application: a register for each client, and a digest of everything that was ever done.

use crate::settings::CLIENTS;
use core::array::from_fn;
use quorate::{ClientId, Digest};
use quorate_embedded::{Application, Refused, Reply};

/// Bytes of the state: the registers, then the digest.
pub(crate) const STATE_BYTES: usize = CLIENTS * 8 + 32;

/// Bytes of an operation: the amount, and some that are only carried, as the name of a sensor.
const OPERATION: usize = 8 + 24;

/// Each client adds to a register of its own, and is told what is in it then. So it knows at once
/// whether anything was lost, or done twice. The digest of the past is equal where all operations
/// were executed in one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    sums: [u64; CLIENTS],
    past: Digest,
}

/// The operation that adds an amount to its client's register.
#[must_use]
pub fn operation(amount: u64) -> [u8; OPERATION] {
    let mut bytes = *b"\0\0\0\0\0\0\0\0 from the flow meter 7  ";
    if let Some(place) = bytes.first_chunk_mut::<8>() {
        *place = amount.to_le_bytes();
    }
    bytes
}

impl Registers {
    /// All registers together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sums.iter().fold(0, |total, sum| total.wrapping_add(*sum))
    }

    /// The digest of the whole state.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    fn to_bytes(self) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        let sums = self.sums.iter().flat_map(|sum| sum.to_le_bytes());
        for (place, byte) in bytes.iter_mut().zip(sums.chain(self.past.0)) {
            *place = byte;
        }
        bytes
    }
}

impl Application for Registers {
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Reply<'_>) {
        let mut bytes = [0; 32 + 32];
        let (past, now) = bytes.split_at_mut(32);
        past.copy_from_slice(&self.past.0);
        now.copy_from_slice(&Digest::of(operation).0);
        self.past = Digest::of(&bytes);
        let amount = operation.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if let Some(sum) = self.sums.get_mut(client.index()) {
            *sum = sum.wrapping_add(amount);
            reply.write(&sum.to_le_bytes());
        }
    }

    fn snapshot(&self, page: &mut [u8]) -> Result<usize, Refused> {
        page.get_mut(..STATE_BYTES).ok_or(Refused)?.copy_from_slice(&self.to_bytes());
        Ok(STATE_BYTES)
    }

    fn restore(&mut self, page: &[u8]) -> Result<(), Refused> {
        let page: &[u8; STATE_BYTES] = page.try_into().map_err(|_| Refused)?;
        let (sums, past) = page.as_chunks::<8>();
        let mut sums = sums.iter().map(|bytes| u64::from_le_bytes(*bytes));
        debug_assert!(past.is_empty(), "the state is made of eights");
        self.sums = from_fn(|_| sums.next().unwrap_or_default());
        self.past = Digest(*page.last_chunk().ok_or(Refused)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(registers: &mut Registers, client: u16, amount: u64) -> u64 {
        let mut room = [0; 8];
        let mut reply = Reply::new(&mut room);
        registers.execute(ClientId(client), &operation(amount), &mut reply);
        u64::from_le_bytes(reply.written().unwrap().try_into().unwrap())
    }

    #[test]
    fn each_client_has_a_register() {
        let mut registers = Registers::default();
        let told = [(0, 5), (1, 7), (0, 1), (3, 2), (1, 1)];
        let sums = told.map(|(client, amount)| add(&mut registers, client, amount));
        assert_eq!(sums, [5, 7, 6, 2, 8]);
        assert_eq!(registers.total(), 16);
    }

    #[test]
    fn the_order_of_what_was_done_shows() {
        let (mut one, mut other) = (Registers::default(), Registers::default());
        for (here, there) in [(1, 2), (2, 1)] {
            add(&mut one, 0, here);
            add(&mut other, 0, there);
        }
        assert_eq!(one.total(), other.total());
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn a_snapshot_is_the_whole_state() {
        let mut registers = Registers::default();
        add(&mut registers, 2, u64::MAX - 4);
        let mut page = [0; STATE_BYTES];
        assert_eq!(registers.snapshot(&mut page), Ok(STATE_BYTES));
        let mut again = Registers::default();
        assert_eq!(again.restore(&page), Ok(()));
        assert_eq!(again, registers);
        assert_eq!(again.restore(&page[1..]), Err(Refused));
        assert_eq!(registers.snapshot(&mut page[1..]), Err(Refused));
    }
}
