//! One unreplicated process: the same store, the same gateway and the same kind of log as a
//! cluster's, without the cluster. It shows what agreement costs.

mod journal;

use crate::backend::{Backend, Done, Failure};
use crate::bundle::Commands;
use crate::store::{MIN_REPLY_BYTES, Store};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

pub use journal::{Journal, JournalError};

/// Bytes of the longest bundle.
const BUNDLE_BYTES: usize = 1024 * 1024;

/// Bundles that one sync of the log can cover.
const SESSIONS: usize = 64;

/// A store in this process. Each bundle is durable before it is answered; those that wait
/// together share one sync. The log is never shortened: a start replays all of it.
#[derive(Debug)]
pub struct Single {
    bundles: Sender<(Vec<u8>, Done)>,
}

impl Single {
    /// Opens the store whose log is in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// The directory or the log cannot be used.
    pub fn open(data: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(data)?;
        let mut store = Store::new(MIN_REPLY_BYTES);
        let mut reply = Vec::new();
        let journal = Journal::open(&data.join("journal"), |bundle| {
            store.execute(bundle, &mut reply);
        })?;
        let (bundles, taken) = channel();
        thread::Builder::new()
            .name("single".to_owned())
            .spawn(move || run(store, journal, &taken))?;
        Ok(Self { bundles })
    }
}

impl Backend for Single {
    fn describe(&self) -> String {
        "one unreplicated process".to_owned()
    }

    fn bundle_bytes(&self) -> usize {
        BUNDLE_BYTES
    }

    fn sessions(&self) -> usize {
        SESSIONS
    }

    fn submit(&self, bundle: Vec<u8>, done: Done) {
        if let Err(unsent) = self.bundles.send((bundle, done)) {
            let (_, done) = unsent.0;
            done(Err(Failure::Refused("the store has stopped".to_owned())));
        }
    }
}

fn run(mut store: Store, mut journal: Journal, bundles: &Receiver<(Vec<u8>, Done)>) {
    let mut failed: Option<io::Error> = None;
    while let Ok(first) = bundles.recv() {
        let together: Vec<_> = std::iter::once(first).chain(bundles.try_iter()).collect();
        for (bundle, _) in together.iter().filter(|(bundle, _)| Commands::parse(bundle).is_some()) {
            journal.append(bundle);
        }
        if failed.is_none() {
            failed = journal.sync().err();
        }
        for (bundle, done) in together {
            done(match &failed {
                Some(error) => Err(Failure::Refused(format!("the log cannot be written: {error}"))),
                None => {
                    let mut reply = Vec::new();
                    store.execute(&bundle, &mut reply);
                    Ok(reply)
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Replies, VERSION, append_command};
    use std::sync::mpsc::sync_channel;

    fn invoke(single: &Single, bundle: Vec<u8>) -> Vec<u8> {
        let (sender, receiver) = sync_channel(1);
        single.submit(bundle, Box::new(move |result| sender.send(result).unwrap()));
        receiver.recv().unwrap().unwrap()
    }

    #[test]
    fn what_was_answered_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        for expected in [&b":1\r\n"[..], b":2\r\n", b":3\r\n"] {
            let single = Single::open(dir.path()).unwrap();
            let mut bundle = vec![VERSION];
            append_command(&mut bundle, [&b"INCR"[..], b"n"].into_iter());
            let reply = invoke(&single, bundle);
            assert_eq!(Replies::parse(&reply).unwrap().collect::<Vec<_>>(), [expected]);
            assert_eq!(invoke(&single, b"hostile".to_vec()), [1]);
        }
    }
}
