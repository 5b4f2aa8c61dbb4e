//! The file of a recording, as it is written.

use super::outputs;
use crate::cluster::{Cluster, EPOCH};
use crate::replica::Core;
use quorate::pbft::{Admission, Command, Config, Record, Snapshot, Sought};
use quorate::{Digest, Input, InputOf, Instant, OutputOf, Principal, wire};
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const MAGIC: [u8; 8] = *b"QUORREC\n";
const VERSION: u32 = 1;

/// The kinds of frames.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Cluster = 1,
    Begin,
    Snapshot,
    Record,
    Ready,
    Step,
    Admission,
}

/// What a replica begins with.
#[derive(Debug)]
pub(crate) struct Beginning<'b> {
    pub(crate) config: Config,
    pub(crate) now: Instant,
    pub(crate) origin: Origin<'b>,
}

/// What there was of it before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'b> {
    /// A log, and the state that it goes on from.
    Log { snapshot: Option<Snapshot<'b>>, records: &'b [Record<'b>] },
    /// An empty log; it asks the others whether it is new.
    Unsure { nonce: u64 },
    /// It lost its log, and knows that.
    Lost { nonce: u64 },
}

/// A recording that is being written. An error of the system ends it, and nothing else.
pub(crate) struct Recording {
    file: BufWriter<File>,
    /// Where the next frame begins.
    at: u64,
    /// The step under way: its time and its input.
    now: Instant,
    input: Vec<u8>,
    outputs: Vec<u8>,
    error: Option<io::Error>,
}

impl Recording {
    /// Begins a recording in a new file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create_new(path)?);
        file.write_all(&MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        let (at, now) = ((MAGIC.len() + 4) as u64, Instant::ZERO);
        Ok(Self { file, at, now, input: Vec::new(), outputs: Vec::new(), error: None })
    }

    /// Writes what the replica begins with.
    pub(crate) fn begin(&mut self, cluster: &Cluster, beginning: &Beginning<'_>) {
        let Beginning { config, now, origin } = beginning;
        let sizes = cluster.dimensions();
        let mut body = vec![config.me.0];
        body.extend(EPOCH.to_le_bytes());
        body.extend(cluster.id().0);
        let sizes =
            [sizes.nodes, sizes.window, sizes.batch_bytes, sizes.clients, sizes.reply_bytes];
        sizes.iter().for_each(|size| body.extend((*size as u64).to_le_bytes()));
        let Config { batch_delay, timeout, timeout_cap, status_interval, .. } = *config;
        let (watch, budget) = (config.watch_window, config.budget_interval);
        for span in [batch_delay, timeout, timeout_cap, status_interval, watch, budget] {
            body.extend(u64::try_from(span.as_micros()).unwrap_or(u64::MAX).to_le_bytes());
        }
        body.extend((config.batch_requests as u64).to_le_bytes());
        body.push(u8::from(config.switches.fast_reads));
        cluster.nodes.iter().chain(&cluster.clients).for_each(|key| body.extend(key.0));
        self.frame(Kind::Cluster, &[&body]);
        let (how, nonce) = match origin {
            Origin::Log { .. } => (0, 0),
            Origin::Unsure { nonce } => (1, *nonce),
            Origin::Lost { nonce } => (2, *nonce),
        };
        let (time, nonce) = (now.as_micros().to_le_bytes(), nonce.to_le_bytes());
        self.frame(Kind::Begin, &[&time, &[how], &nonce]);
        if let Origin::Log { snapshot, records } = origin {
            if let Some(Snapshot { sequence, clients, state }) = snapshot {
                self.frame(Kind::Snapshot, &[&sequence.0.to_le_bytes(), &state.0, clients]);
            }
            for record in *records {
                let bytes = encoded(record);
                self.frame(Kind::Record, &[&bytes]);
            }
        }
        self.frame(Kind::Ready, &[]);
    }

    /// An input is about to be stepped.
    pub(crate) fn step(&mut self, now: Instant, input: &InputOf<'_, Core>) {
        self.now = now;
        self.input.clear();
        self.outputs.clear();
        match input {
            Input::Wake => self.input.push(0),
            Input::Command(Command::Executed { client, reply }) => {
                self.input.push(1);
                self.input.extend(client.0.to_le_bytes());
                self.input.extend(*reply);
            }
            Input::Command(Command::Captured { sequence, state }) => {
                self.input.push(2);
                self.input.extend(sequence.0.to_le_bytes());
                self.input.extend(state.0);
            }
            Input::Command(Command::Answered { client, answer }) => {
                self.input.push(4);
                self.input.extend(client.0.to_le_bytes());
                self.input.push(u8::from(answer.is_some()));
                self.input.extend(answer.unwrap_or_default());
            }
            Input::Command(Command::Seek { sequence, pieces }) => {
                self.input.push(5);
                self.input.extend(sequence.0.to_le_bytes());
                for Sought { place, digest } in *pieces {
                    self.input.extend([place.part as u8, place.level]);
                    self.input.extend(place.index.to_le_bytes());
                    self.input.extend(digest.0);
                }
            }
            Input::Command(Command::Installed { sequence, clients }) => {
                self.input.push(6);
                self.input.extend(sequence.0.to_le_bytes());
                self.input.extend(*clients);
            }
            Input::Message(message) => {
                self.input.push(3);
                self.input.extend(message.from().to_bytes());
                self.input.extend(encoded(message.message()));
            }
        }
    }

    /// The step under way has put something out.
    pub(crate) fn output(&mut self, output: &OutputOf<'_, Core>) {
        outputs::put(output, &mut self.outputs);
    }

    /// The step under way is over.
    pub(crate) fn end(&mut self) {
        let digest = Digest::of(&self.outputs);
        let input = std::mem::take(&mut self.input);
        self.frame(Kind::Step, &[&self.now.as_micros().to_le_bytes(), &digest.0[..8], &input]);
        self.input = input;
    }

    /// A message was admitted, or not.
    pub(crate) fn admission(
        &mut self,
        now: Instant,
        from: Principal,
        payload: &[u8],
        answer: Admission,
    ) {
        let answer = match answer {
            Admission::Verify => 0,
            Admission::Known => 1,
            Admission::Refused(_) => 2,
            Admission::Later { .. } => 3,
        };
        let now = now.as_micros().to_le_bytes();
        self.frame(Kind::Admission, &[&now, &[answer], &from.to_bytes(), payload]);
    }

    /// Hands everything so far to the system, so that it survives a kill.
    ///
    /// # Errors
    /// The first error since the beginning: the recording ends here.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.error.take().map_or_else(|| self.file.flush(), Err)
    }

    fn frame(&mut self, kind: Kind, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let kind = [kind as u8];
        let Ok(bytes) = u32::try_from(length) else {
            self.error = Some(io::Error::other("an input of 4 GiB or more"));
            return;
        };
        let bytes = bytes.to_le_bytes();
        let mut crc = crc32c::crc32c(&self.at.to_le_bytes());
        for part in [&kind[..], &bytes].iter().chain(parts) {
            crc = crc32c::crc32c_append(crc, part);
        }
        let crc = crc.to_le_bytes();
        for part in [&kind[..], &bytes, &crc].iter().chain(parts) {
            if let Err(error) = self.file.write_all(part) {
                self.error.get_or_insert(error);
            }
        }
        self.at += (1 + 4 + 4 + length) as u64;
    }
}

fn encoded<T: Serialize>(thing: &T) -> Vec<u8> {
    let mut bytes = vec![0; wire::encoded_len(thing)];
    let _ = wire::encode(thing, &mut bytes);
    bytes
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("at", &self.at).finish_non_exhaustive()
    }
}
