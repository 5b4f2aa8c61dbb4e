//! What happened, as text for a reader and as one number for a comparison.

use crate::chronicle::Chronicle;
use quorate::Instant;
use std::fmt::Display;
use std::hash::{Hash, Hasher};

/// The record of a run: always a fingerprint, and one line for each event on demand.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    fingerprint: Fingerprint,
    lines: Option<Vec<String>>,
    chronicle: Option<Chronicle>,
    events: u64,
}

impl Transcript {
    /// A transcript that keeps its lines, and a chronicle, if `text` is asked for.
    #[must_use]
    pub fn new(text: bool) -> Self {
        let chronicle = text.then(Chronicle::default);
        Self { lines: text.then(Vec::new), chronicle, ..Self::default() }
    }

    /// Enters an event. Its fingerprint is that of its fields; its text is made on demand only.
    pub fn enter<E: Hash + Display>(&mut self, now: Instant, event: &E) {
        self.events += 1;
        self.fingerprint.write_u64(now.as_micros());
        event.hash(&mut self.fingerprint);
        if let Some(lines) = &mut self.lines {
            let micros = now.as_micros();
            lines.push(format!("{:>6}.{:06}  {event}", micros / 1_000_000, micros % 1_000_000));
        }
    }

    /// Adds a line of text that is no event.
    pub fn remark(&mut self, text: &dyn Display) {
        if let Some(lines) = &mut self.lines {
            lines.extend(text.to_string().lines().map(str::to_owned));
        }
    }

    /// Takes the lines out, so that those of a long run need not be kept.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The chronicle of the run; `None` unless text was asked for.
    #[must_use]
    pub const fn chronicle(&self) -> Option<&Chronicle> {
        self.chronicle.as_ref()
    }

    /// The chronicle, to enter what happened.
    pub const fn chronicle_mut(&mut self) -> Option<&mut Chronicle> {
        self.chronicle.as_mut()
    }

    /// Two runs with one fingerprint were the same run.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint.finish()
    }

    /// How many events were entered.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The lines: seconds of virtual time, then what happened. Empty unless text was asked for.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// A hash that is the same on every machine, whatever its word size and byte order.
#[derive(Clone, Debug)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        if !rest.is_empty() {
            self.write_u64(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_with_and_without_text_and_differs_between_runs() {
        let run = |text, word: &str| {
            let mut transcript = Transcript::new(text);
            transcript.enter(Instant::from_micros(1_000_002), &word);
            transcript
        };
        assert_eq!(run(true, "commit").fingerprint(), run(false, "commit").fingerprint());
        assert_ne!(run(true, "commit").fingerprint(), run(true, "prepare").fingerprint());
        assert_eq!(run(true, "commit").lines(), ["     1.000002  commit"]);
        assert!(run(false, "commit").lines().is_empty());
    }
}
