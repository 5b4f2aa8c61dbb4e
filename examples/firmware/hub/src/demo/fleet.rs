//! Boards that run: switched on, cut off their power, listened to.

use crate::board::Board;
use crate::wire::Router;
use anyhow::{Context as _, Result, bail, ensure};
use cluster::{Arguments, NODES, Report};
use quorate::{NodeId, Principal};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bytes of a board's flash: what `board::flash::SIZE` says.
const FLASH: usize = 128 * 1024;
/// How long QEMU may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for a board: its flash and the other end of its line are there without power too.
#[derive(Debug)]
struct Place {
    listener: UnixListener,
    child: Option<Child>,
    starts: u32,
    lies: bool,
    report: Option<Report>,
}

/// A line that a board printed; nothing: it has ended.
#[derive(Debug)]
struct News {
    board: usize,
    start: u32,
    line: Option<String>,
}

/// Four boards under QEMU.
#[derive(Debug)]
pub(crate) struct Fleet {
    board: Board,
    image: PathBuf,
    router: Arc<Router>,
    run: u64,
    places: [Place; NODES],
    news: Receiver<News>,
    tell: Sender<News>,
    /// Has a folder for each board.
    folder: TempDir,
}

impl Fleet {
    /// Places for all boards, none of them with power.
    pub(crate) fn new(board: Board, image: &Path, router: Arc<Router>, run: u64) -> Result<Self> {
        let folder = TempDir::with_prefix("quorate-boards-").context("a folder for the boards")?;
        // Boards that are started later have the same image, whatever is built meanwhile.
        let copy = folder.path().join("image");
        std::fs::copy(image, &copy).context("a copy of the image")?;
        let mut places = Vec::new();
        for id in 0..NODES {
            let home = folder.path().join(id.to_string());
            std::fs::create_dir(&home)?;
            std::fs::write(home.join("flash.bin"), vec![0xFF; FLASH])?;
            let listener = UnixListener::bind(home.join("line"))?;
            listener.set_nonblocking(true)?;
            places.push(Place { listener, child: None, starts: 0, lies: false, report: None });
        }
        let Ok(places) = places.try_into() else { bail!("as many places as boards") };
        let (tell, news) = channel();
        Ok(Self { board, image: copy, router, run, places, news, tell, folder })
    }

    /// Switches a board on, with what its flash holds.
    pub(crate) fn power(&mut self, id: usize, lies: bool) -> Result<()> {
        let home = self.folder.path().join(id.to_string());
        let place = &mut self.places[id];
        ensure!(place.child.is_none(), "board {id} has power");
        place.starts += 1;
        (place.lies, place.report) = (lies, None);
        let me = NodeId(u8::try_from(id)?);
        let arguments = Arguments { me, run: self.run, start: place.starts, lies };
        let mut child = self.board.start(&self.image, &home, &arguments.to_string())?;
        let said = child.stdout.take().context("the board has no console")?;
        let (tell, start) = (self.tell.clone(), place.starts);
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                // Nobody listens any more: the demonstration is over.
                let _ = tell.send(News { board: id, start, line: Some(line) });
            }
            let _ = tell.send(News { board: id, start, line: None });
        });
        place.child = Some(child);
        let end = Instant::now() + PATIENCE;
        loop {
            match self.places[id].listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return self.router.attach(Principal::Node(me), stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("the line of a board"),
            }
            self.listen(Duration::from_millis(5))?;
            ensure!(Instant::now() < end, "board {id} does not start within {PATIENCE:?}");
        }
    }

    /// Cuts a board off its power: SIGKILL.
    pub(crate) fn kill(&mut self, id: usize) -> Result<()> {
        let mut child = self.places[id].child.take().context("the board has no power")?;
        child.kill().context("SIGKILL")?;
        child.wait()?;
        Ok(())
    }

    /// Takes what boards have printed, for so long.
    ///
    /// # Errors
    /// A board says why it stops, or has ended by itself.
    pub(crate) fn listen(&mut self, span: Duration) -> Result<()> {
        let end = Instant::now() + span;
        while let Ok(news) = self.news.recv_timeout(end.saturating_duration_since(Instant::now())) {
            let News { board, start, line } = news;
            let place = &mut self.places[board];
            // What it said before it lost its power is old.
            if place.child.is_none() || start != place.starts {
                continue;
            }
            match line.as_ref().map(|line| line.parse()) {
                Some(Ok(report)) => place.report = Some(report),
                Some(Err(())) => bail!("board {board} says: {}", line.unwrap_or_default()),
                None => bail!("board {board} has ended by itself"),
            }
        }
        Ok(())
    }

    /// What a board said last, since it has power.
    pub(crate) fn report(&self, id: usize) -> Option<Report> {
        self.places[id].report.filter(|_| self.places[id].child.is_some())
    }

    /// Boards that have power and are honest.
    pub(crate) fn honest(&self) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| place.child.is_some() && !place.lies).map(|(id, _)| id).collect()
    }

    /// What the honest ones said last.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.honest().into_iter().filter_map(|id| self.report(id)).collect()
    }

    /// The view that two honest boards at least are in.
    pub(crate) fn view(&self) -> u64 {
        let mut views: Vec<_> = self.reports().iter().map(|report| report.view).collect();
        views.sort_unstable();
        views.into_iter().rev().nth(1).unwrap_or_default()
    }

    /// The highest sequence that an honest board has executed.
    pub(crate) fn executed(&self) -> u64 {
        self.reports().iter().map(|report| report.executed).max().unwrap_or_default()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for id in 0..NODES {
            if self.places[id].child.is_some() {
                // It has ended already, then.
                let _ = self.kill(id);
            }
        }
    }
}
