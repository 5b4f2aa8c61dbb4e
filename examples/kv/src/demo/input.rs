//! What the demonstration loads: the lines of real text.

use crate::problem::Problem;
use crate::store::MAX_VALUE;
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of the repository's own files; a file that is given is taken whole.
const MOST_LINES: usize = 40_000;

/// Lines of text, and where they come from.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// In the words of a sentence.
    pub(super) source: String,
    /// Without their line breaks, each short enough for a value.
    pub(super) lines: Vec<Vec<u8>>,
}

impl Text {
    /// The lines of a file.
    pub(super) fn of_file(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let bytes = fs::read(path)
            .map_err(|error| Problem::configuration(format!("cannot read {shown}: {error}")))?;
        let lines = split(&bytes);
        if let Some(at) = lines.iter().position(|line| line.len() > MAX_VALUE) {
            return Err(Problem::configuration(format!(
                "{shown}, line {}: longer than {MAX_VALUE} bytes, the longest value",
                at + 1
            )));
        }
        Self { source: format!("{shown}"), lines }.checked()
    }

    /// The lines of the Markdown and Rust files of the repository around a directory.
    pub(super) fn of_repository(from: &Path) -> Result<Self, Problem> {
        let root = repository(from);
        let mut files = Vec::new();
        collect(&root, &mut files);
        files.sort();
        let mut lines = Vec::new();
        for file in &files {
            // A file that vanished meanwhile is left out.
            let own = split(&fs::read(file).unwrap_or_default());
            lines.extend(own.into_iter().filter(|line| line.len() <= MAX_VALUE));
        }
        lines.truncate(MOST_LINES);
        let source = format!("{} Markdown and Rust files in {}", files.len(), root.display());
        Self { source, lines }.checked()
    }

    /// What the key of a line is set to in a round of the load: at first its own line, then the
    /// one behind it, and so on.
    pub(super) fn line(&self, at: usize, round: usize) -> &[u8] {
        let at = at.wrapping_add(round) % self.lines.len().max(1);
        self.lines.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn checked(self) -> Result<Self, Problem> {
        if self.lines.is_empty() {
            let sentence = format!("no line of text in {}: name a file by --input", self.source);
            return Err(Problem::configuration(sentence));
        }
        Ok(self)
    }
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if whole.is_empty() {
        return Vec::new();
    }
    let line = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    whole.split(|byte| *byte == b'\n').map(line).collect()
}

/// The nearest directory from here upwards that is a repository or a Cargo workspace; this one
/// if there is none.
fn repository(from: &Path) -> PathBuf {
    let is_root = |dir: &&Path| {
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
        dir.join(".git").exists() || manifest.contains("[workspace]")
    };
    from.ancestors().find(is_root).unwrap_or(from).to_owned()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.to_string_lossy().starts_with('.');
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden && name != "target" => collect(&path, files),
            Ok(kind) if kind.is_file() && is_text(&path) => files.push(path),
            _ => {}
        }
    }
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md" || extension == "rs")
}

/// The words that are counted: three of a line at most, of three letters at least, in lower case.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    line.split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| (3..=32).contains(&word.len()))
        .take(3)
        .map(<[u8]>::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_are_what_a_reader_takes_for_them() {
        assert_eq!(split(b""), Vec::<Vec<u8>>::new());
        assert_eq!(split(b"\n"), Vec::<Vec<u8>>::new());
        assert_eq!(split(b"a\r\n\nb"), [&b"a"[..], b"", b"b"]);
        assert_eq!(split(b"a\nb\n"), [b"a", b"b"]);
        let found: Vec<_> = words(b"let Mut the_map = Of::new(); // again").collect();
        assert_eq!(found, [&b"let"[..], b"mut", b"the"]);
    }

    #[test]
    fn a_repository_without_text_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        let problem = Text::of_repository(dir.path()).unwrap_err();
        assert!(problem.to_string().contains("--input"), "{problem}");
        fs::create_dir_all(dir.path().join("a/target")).unwrap();
        fs::write(dir.path().join("a/target/x.rs"), "hidden").unwrap();
        fs::write(dir.path().join("a/x.rs"), "seen\ntwice\n").unwrap();
        let text = Text::of_repository(&dir.path().join("a")).unwrap();
        assert_eq!(text.lines, [&b"seen"[..], b"twice"]);
    }
}
