//! Which scripts notice which planted bugs: what their list claims, and whether it is so.

use super::hunt::Hunt;
use super::{Canary, Check};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Of each canary the scripts that the tables of a list say notice it: the names of files in a
/// row whose last cell is canaries. `list` is the text of `scripts/README.md`.
#[must_use]
pub fn claims(list: &str) -> BTreeMap<String, Vec<String>> {
    let mut claims = BTreeMap::<String, Vec<String>>::new();
    for row in list.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")) {
        let Some((told, canaries)) = row.rsplit_once(" | ") else { continue };
        let scripts: Vec<&str> = quoted(told).filter(|name| name.ends_with(".txt")).collect();
        // A name of a test or of a file is no canary, nor is what stands beside words.
        let names: Vec<&str> = quoted(canaries).collect();
        let is_canary = |name: &&str| name.bytes().all(|it| it == b'_' || it.is_ascii_lowercase());
        let bare = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if bare != canaries || !names.iter().all(is_canary) {
            continue;
        }
        for name in names {
            let known = claims.entry(name.to_owned()).or_default();
            known.extend(scripts.iter().map(|script| (*script).to_owned()));
        }
    }
    claims
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

impl Hunt {
    /// Where the scripts are.
    #[must_use]
    pub fn scripts(&self) -> PathBuf {
        self.workspace().join("adapters/sim/scripts")
    }

    /// Those of these scripts that keep all that they expect although a canary is planted.
    ///
    /// # Errors
    /// A sentence, if something cannot be built or run.
    pub fn kept(&self, canary: &Canary, scripts: &[String]) -> Result<Vec<String>, String> {
        let files = scripts.iter().map(|script| self.scripts().join(script));
        let (_, said) = self.simulate(Some(canary), Check::Scripts, |command| {
            command.args(["script", "--json"]).args(files);
        })?;
        let played: Vec<serde_json::Value> = serde_json::from_str(&said)
            .map_err(|error| format!("{}: no scripts were played: {error}", canary.name))?;
        if played.len() != scripts.len() {
            let (name, all) = (canary.name, scripts.len());
            return Err(format!("{name}: {} of {all} scripts were played", played.len()));
        }
        let kept = played.iter().filter(|script| script["kept"] == true);
        let names = kept.filter_map(|script| Path::new(script["file"].as_str()?).file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_end_with_canaries_claim_and_others_do_not() {
        let list = "| what | told by | canary |\n|---|---|---|\n\
            | a bug | `x.txt`, `y.txt` | `one_two`, `three` |\n\
            | a bug | `z.txt` | – |\n| a bug | `w.txt` and `a_test` |\n\
            | a bug | `w.txt` | `a_test`, core/tests |\n| `v.txt` | `three` |\n";
        let claims = claims(list);
        assert_eq!(claims.keys().collect::<Vec<_>>(), ["one_two", "three"]);
        assert_eq!(claims["one_two"], ["x.txt", "y.txt"]);
        assert_eq!(claims["three"], ["x.txt", "y.txt", "v.txt"]);
    }
}
