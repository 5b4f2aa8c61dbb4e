//! The boards of generals: switched on, told the hour, heard to the end.

use super::act::{Act, Over};
use crate::board::Board;
use crate::ending::{Folder, Process};
use crate::log::{Log, Words};
use crate::wire::{Loss, Router, Traffic};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use cluster::generals::{GENERALS, Said, Told};
use quorate::{NodeId, Principal};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long boards may take to be ready, and beyond their rounds to end: far longer than they do.
const PATIENCE: Duration = Duration::from_secs(120);
/// Seconds from the telling of the hour to the hour: the time in which boards greet each other.
const LEAD: u64 = 3;

/// A line that a board printed; nothing: it has ended.
type News = (usize, Option<String>);

/// Four boards.
pub(super) struct Troop {
    boards: Vec<Process>,
    logs: Vec<Log>,
    words: Words,
    router: Arc<Router>,
    news: Receiver<News>,
    folder: Folder,
}

impl Troop {
    /// Switches four boards on, each with its line.
    pub(super) fn start(board: Board, image: &Path, act: &Act, round_ms: u32) -> Result<Self> {
        // No two runs are the same one: neither nonces nor agreements are used again.
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
        let folder = Folder::new("quorate-generals-").context("a folder for boards")?;
        let (tell, news) = channel();
        let router = Router::new(Loss::new(0.0, 0));
        let (boards, logs, words) = (Vec::new(), Vec::new(), Words::of(image)?);
        let mut troop = Self { boards, logs, words, router, news, folder };
        for id in 0..GENERALS {
            let Act { protocol, commander, .. } = *act;
            let (me, lies) = (NodeId(id as u8), act.lies(id));
            let told = Told { protocol, me, commander, run, round_ms, lies };
            troop.switch_on(board, image, &told, tell.clone())?;
        }
        Ok(troop)
    }

    fn switch_on(
        &mut self,
        board: Board,
        image: &Path,
        told: &Told,
        tell: Sender<News>,
    ) -> Result<()> {
        let id = told.me.index();
        let home = self.home(id);
        std::fs::create_dir(&home)?;
        self.logs.push(Log::begin(&home.join("log.bin"))?);
        let listener = UnixListener::bind(home.join("line"))?;
        listener.set_nonblocking(true)?;
        let child = board.start(image, &home, &told.to_string())?;
        let said = child.take_stdout();
        self.boards.push(child);
        let said = said.context("a board has no console")?;
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                // Nobody listens any more: it is over.
                let _ = tell.send((id, Some(line)));
            }
            let _ = tell.send((id, None));
        });
        let end = Instant::now() + PATIENCE;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return self.router.attach(Principal::Node(told.me), stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ensure!(Instant::now() < end, "board {id} does not start: {PATIENCE:?}");
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error).context("the line of a board"),
            }
        }
    }

    fn home(&self, id: usize) -> PathBuf {
        self.folder.path().join(id.to_string())
    }

    /// Tells the hour once all are ready, and waits until all rounds are over.
    pub(super) fn agree(&mut self, act: &Act, round_ms: u32) -> Result<[Over; GENERALS]> {
        self.hear(PATIENCE, |said| matches!(said, Said::Ready).then_some(()))?;
        let hour = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + LEAD;
        for id in 0..GENERALS {
            // Under its name at once as a whole: boards look for it all the time.
            let draft = self.folder.path().join("draft");
            std::fs::write(&draft, format!("{hour:010}"))?;
            std::fs::rename(&draft, self.home(id).join("hour"))?;
        }
        let rounds = Duration::from_millis(u64::from(round_ms) * u64::from(act.protocol.rounds()));
        self.hear(PATIENCE + rounds, |said| match said {
            Said::Over { met, order, agreed, stack, faults, last } => {
                Some(Over { met, order, agreed, stack, faults, last })
            }
            Said::Ready => None,
        })
    }

    /// Waits until each board has said something of a kind.
    fn hear<T: Copy>(
        &mut self,
        patience: Duration,
        of: impl Fn(Said) -> Option<T>,
    ) -> Result<[T; GENERALS]> {
        let end = Instant::now() + patience;
        let mut heard = [None; GENERALS];
        while heard.iter().any(Option::is_none) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((id, line)) = self.news.recv_timeout(left) else {
                bail!("boards are too slow: not within {patience:?}");
            };
            let Some(line) = line else {
                ensure!(heard[id].is_some(), "board {id} has ended by itself");
                continue;
            };
            let said = line.parse().map_err(|()| anyhow!("board {id} says: {line}"))?;
            heard[id] = of(said);
        }
        let mut all = heard.into_iter().flatten();
        let next = |_| all.next().context("one of each");
        let heard: Result<Vec<T>> = (0..GENERALS).map(next).collect();
        heard?.try_into().map_err(|_| anyhow!("one of each"))
    }

    /// What has become of frames.
    pub(super) fn traffic(&self) -> Traffic {
        self.router.traffic()
    }

    /// What boards have logged.
    pub(super) fn logs(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for (id, log) in self.logs.iter_mut().enumerate() {
            match log.news(&self.words) {
                Ok(lines) => {
                    all.extend(lines.into_iter().map(|line| format!("    board {id} {line}")));
                }
                Err(error) => all.push(format!("    board {id}: {error}")),
            }
        }
        all
    }
}
