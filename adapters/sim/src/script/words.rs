//! A line of a script as words.

use core::time::Duration;
use quorate::{ClientId, NodeId};

/// The numbers that names may have: replicas and clients of the script's cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    pub(super) nodes: usize,
    pub(super) clients: usize,
    /// There are always so many clients.
    pub(super) fixed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(Vec<u8>),
}

/// The words of a line that are not read yet.
#[derive(Clone, Debug)]
pub(super) struct Words {
    tokens: Vec<Token>,
    at: usize,
    pub(super) cast: Cast,
    /// Whether the line expects that a checker objects.
    pub(super) violation: bool,
}

/// What is wrong with a line, and what would be right.
pub(super) type Wrong = String;

impl Words {
    /// Splits a line at blanks and commas. What stands between quotes is one text; what follows a
    /// `#` is a comment, unless it belongs to a word, as in `#3`.
    pub(super) fn of(line: &str, cast: Cast) -> Result<Self, Wrong> {
        let mut tokens = Vec::new();
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                let Some(end) = rest[1..].find('"') else {
                    return Err(format!("{rest} has no end: put a quote behind it"));
                };
                tokens.push(Token::Text(rest.as_bytes()[1..=end].to_vec()));
                rest = &rest[end + 2..];
            } else if first == '#' && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                break;
            } else if first == ',' {
                tokens.push(Token::Word(",".to_owned()));
                rest = &rest[1..];
            } else {
                let ends = |c: char| c.is_whitespace() || c == ',' || c == '"';
                let end = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            rest = rest.trim_start();
        }
        Ok(Self { tokens, at: 0, cast, violation: false })
    }

    /// The next word, if it is a word and not a text.
    pub(super) fn peek(&self) -> Option<&str> {
        match self.tokens.get(self.at)? {
            Token::Word(word) => Some(word),
            Token::Text(_) => None,
        }
    }

    /// Whether a text is next.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Text(_)))
    }

    /// Whether everything is read.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// The next word or text as it stands in the line, for a complaint.
    pub(super) fn shown(&self) -> String {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => format!("`{word}`"),
            Some(Token::Text(text)) => format!("\"{}\"", text.escape_ascii()),
            None => "the end of the line".to_owned(),
        }
    }

    /// Reads a word.
    pub(super) fn word(&mut self, wanted: &str) -> Result<String, Wrong> {
        let Some(word) = self.peek().map(str::to_owned) else {
            return Err(self.instead(wanted));
        };
        self.at += 1;
        Ok(word)
    }

    /// Reads these words, one after another, or nothing.
    pub(super) fn take(&mut self, words: &str) -> bool {
        let start = self.at;
        for word in words.split(' ') {
            if self.peek() != Some(word) {
                self.at = start;
                return false;
            }
            self.at += 1;
        }
        true
    }

    /// Reads these words.
    pub(super) fn need(&mut self, words: &str) -> Result<(), Wrong> {
        if self.take(words) { Ok(()) } else { Err(self.instead(&format!("`{words}`"))) }
    }

    /// That something else stands here.
    pub(super) fn instead(&self, wanted: &str) -> Wrong {
        format!("here stands {}: write {wanted}", self.shown())
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Wrong> {
        if self.is_empty() {
            return Ok(());
        }
        Err(format!("{} is too much: the line should end before it", self.shown()))
    }

    /// Reads a text between quotes.
    pub(super) fn text(&mut self) -> Result<Vec<u8>, Wrong> {
        match self.tokens.get(self.at) {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.instead("a text between quotes, as \"A\"")),
        }
    }

    /// Reads texts, as many as there are.
    pub(super) fn texts(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.text().ok()).collect()
    }

    /// Reads a number that stands alone or behind these letters, as 3, s3 or v3.
    pub(super) fn number(&mut self, letters: &str) -> Result<u64, Wrong> {
        let number = self.peek().and_then(|word| word.strip_prefix(letters)?.parse().ok());
        let Some(number) = number else {
            return Err(self.instead(&format!("a number, as {letters}1")));
        };
        self.at += 1;
        Ok(number)
    }

    /// Reads a number of something, as `20 requests`.
    pub(super) fn is_number(&self) -> bool {
        self.peek().is_some_and(|word| word.parse::<u64>().is_ok())
    }

    /// Reads a replica, as `r0`.
    pub(super) fn node(&mut self) -> Result<NodeId, Wrong> {
        let id = self.peek().and_then(|word| word.strip_prefix('r')?.parse::<usize>().ok());
        let Some(id) = id else { return Err(self.instead("a replica, as r0")) };
        let nodes = self.cast.nodes;
        if id >= nodes {
            let last = nodes - 1;
            return Err(format!("there is no r{id}: the replicas are r0 to r{last}"));
        }
        self.at += 1;
        Ok(NodeId(id as u8))
    }

    /// Whether a replica is next.
    pub(super) fn is_node(&self) -> bool {
        let digits = self.peek().and_then(|word| word.strip_prefix('r'));
        digits.is_some_and(|digits| digits.parse::<usize>().is_ok())
    }

    /// Reads replicas, one at least; `all` are all of them.
    pub(super) fn nodes(&mut self) -> Result<Vec<NodeId>, Wrong> {
        if self.take("all") {
            return Ok((0..self.cast.nodes as u8).map(NodeId).collect());
        }
        let mut nodes = vec![self.node()?];
        while self.is_node() {
            nodes.push(self.node()?);
        }
        Ok(nodes)
    }

    /// Reads the number of a client.
    pub(super) fn client(&mut self) -> Result<ClientId, Wrong> {
        let id = self.number("")?;
        let clients = self.cast.clients as u64;
        if id >= clients {
            self.at -= 1;
            if self.cast.fixed {
                let last = clients.saturating_sub(1);
                return Err(format!("there is no client {id}: the clients are 0 to {last}"));
            }
            return Err(format!(
                "there is no client {id}: write `{} clients` in the line of the cluster",
                id.saturating_add(1)
            ));
        }
        Ok(ClientId(id as u16))
    }

    /// Reads a length of time, as 2s, 1.5s, 300ms or 50us.
    pub(super) fn time(&mut self) -> Result<Duration, Wrong> {
        let Some(time) = self.peek().and_then(duration) else {
            return Err(self.instead("a time up to an hour, as 2s, 1.5s, 300ms or 50us"));
        };
        self.at += 1;
        Ok(time)
    }

    /// Reads a percentage in thousandths, as 10% or 0.5%.
    pub(super) fn percent(&mut self) -> Result<u32, Wrong> {
        let parsed = self.peek().and_then(|word| word.strip_suffix('%')?.parse::<f64>().ok());
        let Some(percent) = parsed.filter(|percent| (0.0..=100.0).contains(percent)) else {
            return Err(self.instead("a percentage, as 10%"));
        };
        self.at += 1;
        Ok((percent * 10.0).round() as u32)
    }
}

fn duration(word: &str) -> Option<Duration> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let micros = match &word[end..] {
        "s" => 1e6,
        "ms" => 1e3,
        "us" => 1.0,
        _ => return None,
    };
    let micros = word[..end].parse::<f64>().ok()? * micros;
    (0.0..=3.6e9).contains(&micros).then(|| Duration::from_micros(micros.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAST: Cast = Cast { nodes: 4, clients: 2, fixed: false };

    #[test]
    fn words_texts_times_and_comments() {
        let mut words = Words::of("at 1.5s, client 1 gets \"a b\" #2 # so it goes", CAST).unwrap();
        assert!(words.take("at"));
        assert_eq!(words.time(), Ok(Duration::from_millis(1500)));
        assert!(words.take(", client"));
        assert_eq!(words.client(), Ok(ClientId(1)));
        words.need("gets").unwrap();
        assert_eq!(words.text(), Ok(b"a b".to_vec()));
        assert_eq!(words.number("#"), Ok(2));
        assert_eq!(words.end(), Ok(()));
        assert_eq!(duration("3600s"), Some(Duration::from_secs(3600)));
        assert_eq!(["3601s", "1", "s", "-1s", "1.s.s", "NaNs"].map(duration), [None; 6]);
    }

    #[test]
    fn a_complaint_says_what_would_be_right() {
        let mut words = Words::of("r4 client 2 \"x", CAST);
        assert_eq!(words.clone().unwrap_err(), "\"x has no end: put a quote behind it");
        words = Words::of("r4 2", CAST);
        let mut words = words.unwrap();
        assert_eq!(words.node().unwrap_err(), "there is no r4: the replicas are r0 to r3");
        assert!(words.need("cut").unwrap_err().contains("here stands `r4`: write `cut`"));
    }
}
