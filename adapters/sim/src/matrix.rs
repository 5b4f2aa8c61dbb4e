//! Round trips between places, from a small text file.
//!
//! ```text
//! # A comment. The first line that is none names the places.
//! here there
//! # One line for each place: its round trips in milliseconds to every place, its own included.
//! 0.5  20
//! 20   0.5
//! ```
//!
//! Words are separated by blanks. The two directions may differ, as they do where routes do: one
//! way is half of what stands in the sender's line, so that a message and its answer take half of
//! the one and half of the other.

use core::time::Duration;
use std::fmt;

/// A matrix of round trips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    places: Vec<String>,
    /// Line by line.
    round_trips: Vec<Duration>,
}

/// Why a text is no matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixError {
    /// The line, counted from 1; the last one, if something is missing at the end.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for MatrixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for MatrixError {}

/// The longest round trip that makes sense: ten minutes.
const LONGEST: f64 = 600_000.0;

impl Matrix {
    /// Thirteen cities of all continents: `matrices/cities.txt`.
    ///
    /// # Panics
    /// Never: a test reads the file.
    #[must_use]
    pub fn cities() -> Self {
        Self::parse(include_str!("../matrices/cities.txt")).expect("the file is a matrix")
    }

    /// Reads a matrix.
    ///
    /// # Errors
    /// The first line that is not as it must be.
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        let wrong = |line: usize, what: String| MatrixError { line: line + 1, what };
        let lines = text.lines().enumerate().map(|(at, line)| (at, line.trim()));
        let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let Some((at, names)) = lines.next() else {
            return Err(wrong(0, "no line names the places".to_owned()));
        };
        let places: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        let twice = places.iter().enumerate().find(|(at, name)| places[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(wrong(at, format!("two places are called `{name}`")));
        }
        let mut round_trips = Vec::new();
        let mut last = 0;
        for (at, line) in lines {
            last = at;
            let before = round_trips.len();
            for word in line.split_whitespace() {
                let millis = word.parse().ok().filter(|it: &f64| (0.0..=LONGEST).contains(it));
                let Some(millis) = millis else {
                    return Err(wrong(at, format!("`{word}` is no round trip in milliseconds")));
                };
                round_trips.push(Duration::from_micros((millis * 1e3).round() as u64));
            }
            let (found, wanted) = (round_trips.len() - before, places.len());
            if before == wanted * wanted {
                return Err(wrong(at, format!("a line too many: {wanted} places have one each")));
            }
            if found != wanted {
                return Err(wrong(at, format!("{found} numbers, and {wanted} places")));
            }
        }
        let (lines, wanted) = (round_trips.len() / places.len().max(1), places.len());
        if lines == wanted {
            return Ok(Self { places, round_trips });
        }
        Err(wrong(last, format!("{lines} lines of numbers, and {wanted} places")))
    }

    /// The names of the places; there is one at least.
    #[must_use]
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// The round trip from one place, by its number, to another; zero if there is no such place.
    #[must_use]
    pub fn round_trip(&self, from: usize, to: usize) -> Duration {
        let here = from * self.places.len() + to;
        let known = to < self.places.len();
        self.round_trips.get(here).copied().filter(|_| known).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_read_with_its_comments() {
        let text = "# two\n here there \n\n0.5 20\n# back\n21.25 0\n";
        let matrix = Matrix::parse(text).unwrap();
        assert_eq!(matrix.places(), ["here", "there"]);
        let trips = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0)];
        let micros = trips.map(|(from, to)| matrix.round_trip(from, to).as_micros());
        assert_eq!(micros, [500, 20_000, 21_250, 0, 0, 0]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |text| Matrix::parse(text).unwrap_err().to_string();
        assert_eq!(told("# nothing\n"), "line 1: no line names the places");
        assert_eq!(told("a b\n0 x\n"), "line 2: `x` is no round trip in milliseconds");
        assert_eq!(told("a b\n0 -1\n"), "line 2: `-1` is no round trip in milliseconds");
        assert_eq!(told("a b\n0 NaN\n"), "line 2: `NaN` is no round trip in milliseconds");
        assert_eq!(told("a b\n0 1\n1\n"), "line 3: 1 numbers, and 2 places");
        assert_eq!(told("a b\n0 1\n"), "line 2: 1 lines of numbers, and 2 places");
        assert_eq!(told("a\n0\n0\n"), "line 3: a line too many: 1 places have one each");
        assert_eq!(told("# x\na b a\n"), "line 2: two places are called `a`");
    }

    #[test]
    fn the_cities_are_a_world() {
        let cities = Matrix::cities();
        assert_eq!(cities.places().len(), 13);
        let longest = (0..169).map(|at| cities.round_trip(at / 13, at % 13)).max().unwrap();
        let longest = longest.as_millis();
        assert!((250..400).contains(&longest), "{longest} ms");
    }
}
