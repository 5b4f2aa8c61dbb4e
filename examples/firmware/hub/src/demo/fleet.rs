//! Members that run: boards, and the Linux process among them. They are switched on, killed,
//! listened to.

use super::Cast;
use crate::board::Board;
use crate::ending::{Folder, Process};
use crate::gateway::Gateway;
use crate::log::{Log, Words};
use crate::wire::Router;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use cluster::{Arguments, FLASH, NODES, Report};
use quorate::{NodeId, Principal};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a member that says why it stops may take to end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long QEMU may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a member is reached. That is there while it does not run, too.
#[derive(Debug)]
enum Way {
    /// A board: the other end of its line.
    Line(UnixListener),
    /// The Linux process.
    Gateway(Gateway),
}

/// A place for a member.
#[derive(Debug)]
struct Place {
    way: Way,
    child: Option<Process>,
    starts: u32,
    lies: bool,
    report: Option<Report>,
    /// That of a board since its last start, and lines of it and those before.
    log: Option<Log>,
    logged: u64,
}

/// A line that a member printed; nothing: it has ended.
#[derive(Debug)]
struct News {
    id: usize,
    start: u32,
    line: Option<String>,
}

/// Four boards under QEMU, or three and a process.
#[derive(Debug)]
pub(crate) struct Fleet {
    cast: Cast,
    board: Board,
    image: PathBuf,
    words: Words,
    router: Arc<Router>,
    run: u64,
    places: [Place; NODES],
    news: Receiver<News>,
    tell: Sender<News>,
    /// Lines of logs that nobody has taken yet.
    lines: Vec<(usize, String)>,
    /// Has a folder for each member.
    folder: Folder,
}

impl Fleet {
    /// Places for all members, none of which runs.
    pub(crate) fn new(
        (cast, board): (Cast, Board),
        image: &Path,
        router: Arc<Router>,
        run: u64,
    ) -> Result<Self> {
        let folder = Folder::new("quorate-boards-").context("a folder for the boards")?;
        // Boards that are started later have the same image, whatever is built meanwhile.
        let copy = folder.path().join("image");
        std::fs::copy(image, &copy).context("a copy of the image")?;
        let words = Words::of(&copy)?;
        let mut places = Vec::new();
        for id in 0..NODES {
            let home = folder.path().join(id.to_string());
            std::fs::create_dir(&home)?;
            let way = if cast.is_linux(id) {
                let who = principal(id);
                let (line, other) = UnixStream::pair()?;
                router.attach(who, other)?;
                Way::Gateway(Gateway::new(who, line)?)
            } else {
                std::fs::write(home.join("flash.bin"), vec![0xFF; FLASH])?;
                let listener = UnixListener::bind(home.join("line"))?;
                listener.set_nonblocking(true)?;
                Way::Line(listener)
            };
            let (child, starts, lies, report, log, logged) = (None, 0, false, None, None, 0);
            places.push(Place { way, child, starts, lies, report, log, logged });
        }
        let Ok(places) = places.try_into() else { bail!("as many places as members") };
        let (tell, news) = channel();
        let (image, lines) = (copy, Vec::new());
        Ok(Self { cast, board, image, words, router, run, places, news, tell, lines, folder })
    }

    /// Starts a member, with what its flash or its disk holds.
    pub(crate) fn start(&mut self, id: usize, lies: bool) -> Result<()> {
        let who = self.who(id);
        let place = &self.places[id];
        ensure!(place.child.is_none(), "{who} runs already");
        self.read_logs()?;
        let place = &mut self.places[id];
        if let Way::Line(_) = place.way {
            let path = self.folder.path().join(id.to_string()).join("log.bin");
            place.log = Some(Log::begin(&path)?);
        }
        place.starts += 1;
        (place.lies, place.report) = (lies, None);
        let child = self.spawn(id)?;
        let said = child.take_stdout().with_context(|| format!("{who} has no console"))?;
        let place = &mut self.places[id];
        let (tell, start) = (self.tell.clone(), place.starts);
        thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                // Nobody listens any more: the demonstration is over.
                let _ = tell.send(News { id, start, line: Some(line) });
            }
            let _ = tell.send(News { id, start, line: None });
        });
        place.child = Some(child);
        let end = Instant::now() + PATIENCE;
        while !self.connect(id)? {
            self.listen(Duration::from_millis(5))?;
            ensure!(Instant::now() < end, "{who} does not start within {PATIENCE:?}");
        }
        Ok(())
    }

    fn spawn(&self, id: usize) -> Result<Process> {
        let home = self.folder.path().join(id.to_string());
        let Place { way, starts, lies, .. } = &self.places[id];
        let gateway = match way {
            Way::Gateway(gateway) => gateway,
            Way::Line(_) => {
                let me = NodeId(u8::try_from(id)?);
                let arguments = Arguments { me, run: self.run, start: *starts, lies: *lies };
                return self.board.start(&self.image, &home, &arguments.to_string());
            }
        };
        // A port that was free a moment ago, another one each time.
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        gateway.lead_to(server);
        // This program, whatever is built meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg("member").arg("--data").arg(home.join("data"));
        command.args(["--listen", &server.to_string()]);
        if *lies {
            command.arg("--lies");
        }
        // It ends when the other end of its standard input is gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Process::start(&mut command).context("the Linux process does not start")
    }

    /// Whether the member has a line now.
    fn connect(&self, id: usize) -> Result<bool> {
        let Way::Line(listener) = &self.places[id].way else { return Ok(true) };
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                self.router.attach(principal(id), stream)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("the line of a board"),
        }
    }

    /// Erases the flash of a board that has no power.
    pub(crate) fn erase(&mut self, id: usize) -> Result<()> {
        ensure!(self.places[id].child.is_none(), "{} runs", self.who(id));
        let home = self.folder.path().join(id.to_string());
        std::fs::write(home.join("flash.bin"), vec![0xFF; FLASH]).context("the flash of a board")
    }

    /// What a member is called.
    pub(crate) fn who(&self, id: usize) -> String {
        if self.cast.is_linux(id) { "the Linux process".to_owned() } else { format!("board {id}") }
    }

    /// Cuts a board off its power, or kills the process: SIGKILL.
    pub(crate) fn kill(&mut self, id: usize) -> Result<()> {
        let child = self.places[id].child.take();
        let child = child.with_context(|| format!("{} does not run", self.who(id)))?;
        child.kill().context("SIGKILL")
    }

    /// Takes what members have printed, for so long.
    ///
    /// # Errors
    /// A member says why it stops, or has ended by itself.
    pub(crate) fn listen(&mut self, span: Duration) -> Result<()> {
        let end = Instant::now() + span;
        while let Ok(news) = self.news.recv_timeout(end.saturating_duration_since(Instant::now())) {
            let News { id, start, line } = news;
            let place = &mut self.places[id];
            // What it said before it was killed is old.
            if place.child.is_none() || start != place.starts {
                continue;
            }
            match line.as_ref().map(|line| line.parse()) {
                Some(Ok(report)) => place.report = Some(report),
                Some(Err(())) => return Err(self.hear_out(id, line.unwrap_or_default())),
                None => bail!("{} has ended by itself{}", self.who(id), self.last_lines(id)),
            }
        }
        self.read_logs()
    }

    /// What a member says that stops, to its end.
    fn hear_out(&mut self, id: usize, first: String) -> anyhow::Error {
        let (mut said, end) = (vec![first], Instant::now() + LAST_WORDS);
        while let Ok(news) = self.news.recv_timeout(end.saturating_duration_since(Instant::now())) {
            match news.line.filter(|_| news.id == id) {
                Some(line) => said.push(line),
                None if news.id == id => break,
                None => {}
            }
        }
        anyhow!("{} says: {}{}", self.who(id), said.join("\n"), self.last_lines(id))
    }

    /// Takes what boards have logged.
    fn read_logs(&mut self) -> Result<()> {
        for (id, place) in self.places.iter_mut().enumerate() {
            let Some(log) = &mut place.log else { continue };
            let lines = log.news(&self.words)?;
            place.logged += lines.len() as u64;
            self.lines.extend(lines.into_iter().map(|line| (id, line)));
        }
        Ok(())
    }

    /// Lines that boards have logged since this was called last.
    pub(crate) fn take_lines(&mut self) -> Vec<(usize, String)> {
        std::mem::take(&mut self.lines)
    }

    /// How many lines each board has logged.
    pub(crate) fn logged(&self) -> Vec<u64> {
        let boards = self.places.iter().filter(|place| place.log.is_some());
        boards.map(|place| place.logged).collect()
    }

    /// What a board has logged last, as lines below a sentence about it.
    pub(crate) fn last_lines(&mut self, id: usize) -> String {
        // Something is wrong already, and tells more than a log that cannot be read.
        let _ = self.read_logs();
        let Some(log) = &self.places[id].log else { return String::new() };
        let lines: String = log.last().map(|line| format!("\n  {line}")).collect();
        if lines.is_empty() { lines } else { format!("\n{} has logged last:{lines}", self.who(id)) }
    }

    /// What a member said last, since it was started.
    pub(crate) fn report(&self, id: usize) -> Option<Report> {
        self.places[id].report.filter(|_| self.places[id].child.is_some())
    }

    /// Members that run and are honest.
    pub(crate) fn honest(&self) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| place.child.is_some() && !place.lies).map(|(id, _)| id).collect()
    }

    /// What the honest ones said last.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.honest().into_iter().filter_map(|id| self.report(id)).collect()
    }

    /// The view that two honest members at least are in.
    pub(crate) fn view(&self) -> u64 {
        let mut views: Vec<_> = self.reports().iter().map(|report| report.view).collect();
        views.sort_unstable();
        views.into_iter().rev().nth(1).unwrap_or_default()
    }

    /// The highest sequence that an honest member has executed.
    pub(crate) fn executed(&self) -> u64 {
        self.reports().iter().map(|report| report.executed).max().unwrap_or_default()
    }
}

fn principal(id: usize) -> Principal {
    Principal::Node(NodeId(id as u8))
}
