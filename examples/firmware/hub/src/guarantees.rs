//! What a firmware engineer asks for, checked on the images themselves.

use crate::bench::Size;
use crate::board::Board;
use crate::calls::Calls;
use crate::elf::{Image, Static};
use crate::listed::{LISTED, reason, stale};
use crate::{image, table, tools};
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// The smallest firmware of a protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// What the tables call it.
    pub(crate) name: &'static str,
    bin: &'static str,
    features: &'static str,
}

/// Those that the tables show.
pub(crate) const FOOTPRINTS: [Footprint; 10] = [
    Footprint { name: "OM(1), lines", bin: "om", features: "" },
    Footprint { name: "OM(2) of seven, lines", bin: "om-7", features: "" },
    Footprint { name: "OM(1), HMAC links", bin: "om-hmac", features: "" },
    Footprint { name: "SM(1), lines", bin: "sm", features: "" },
    Footprint { name: "king, lines", bin: "king", features: "" },
    Footprint { name: "vector of OM(1), lines", bin: "vector", features: "" },
    Footprint { name: "lockstep on OM(1), lines", bin: "lockstep", features: "" },
    Footprint { name: "PBFT, HMAC links", bin: "pbft", features: "" },
    Footprint { name: "PBFT, HMAC links, Ed25519", bin: "pbft", features: "ed25519" },
    Footprint { name: "PBFT, signed links, Ed25519", bin: "pbft", features: "signed" },
];

/// Those that are checked as well and stand in no table.
const OTHERS: [Footprint; 2] = [
    Footprint { name: "PBFT with a log, HMAC links", bin: "pbft-journal", features: "" },
    Footprint { name: "client of PBFT, HMAC links", bin: "pbft-client", features: "" },
];

impl Footprint {
    pub(crate) fn build(&self) -> Result<PathBuf> {
        eprintln!("building the image of {}", self.name);
        image::build(Board::M4, "footprint", self.bin, self.features)
    }

    /// The same, with the names of all places that can panic.
    fn build_located(&self) -> Result<PathBuf> {
        let features = format!("located,{}", self.features);
        image::build(Board::M4, "footprint", self.bin, &features)
    }

    /// What the image takes.
    ///
    /// # Errors
    /// There is no bound on the stack.
    pub(crate) fn size(&self, image: &Image) -> Result<Size> {
        let stack = Calls::of(image).stack_of("main")?;
        let Image { flash, data, bss, .. } = *image;
        Ok(Size { image: self.name, flash, data, bss, stack })
    }
}

/// Checks every image, and says what holds; `nodes` leaves out those of the bare core. `write` has
/// the table of README.md made anew, which is compared otherwise.
pub(crate) fn run(nodes: bool, write: bool) -> Result<()> {
    tools::check(&[])?;
    let mut problems = Vec::new();
    if !nodes {
        let mut found = Vec::new();
        for footprint in FOOTPRINTS.into_iter().chain(OTHERS) {
            found.extend(look_at(&footprint, &mut problems)?);
        }
        for listed in stale(LISTED, &found) {
            problems.push(format!(
                "listed.rs: `{}` of {} panics in no image any more",
                listed.line, listed.file
            ));
        }
    }
    look_at_nodes(write, &mut problems)?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    if !nodes {
        println!(
            "built with nothing but core; every call is known, and none leads back; every panic is \
             listed; all memory starts as zeros, in .bss"
        );
    }
    Ok(())
}

/// Looks at one image; returns the places that panic: file and line of text.
fn look_at(footprint: &Footprint, problems: &mut Vec<String>) -> Result<Vec<(String, String)>> {
    let image = Image::read(&footprint.build()?)?;
    let mut tell = |what: String| problems.push(format!("{}: {what}", footprint.name));
    look_at_calls(&Calls::of(&image), &mut tell);
    look_at_statics(&image, footprint.bin.starts_with("pbft"), &mut tell);
    let located = Image::read(&footprint.build_located()?)?;
    let places = located.panics.iter().map(|(file, at)| (file.clone(), text(file, *at), *at));
    let places: Vec<_> = places.collect();
    for (file, line, at) in &places {
        if reason(LISTED, file, line).is_none() {
            tell(format!("can panic at {file}:{at}, `{line}`: not listed"));
        }
    }
    let Size { flash, bss, stack, .. } = footprint.size(&image)?;
    let (functions, panics) = (image.functions.len(), located.panics.len());
    println!(
        "{}: {flash} bytes of flash, {bss} of statics, at most {stack} of stack, {functions} \
         functions, {panics} places that panic",
        footprint.name
    );
    for (file, line, at) in &places {
        if let Some(why) = reason(LISTED, file, line) {
            println!("    {}:{at}: {why}", short(file));
        }
    }
    Ok(places.into_iter().map(|(file, line, _)| (file, line)).collect())
}

/// Images of `node`, which have `quorate-embedded`, a log and texts: what the tables call them, and
/// what they are called.
const NODES: [(&str, &str); 2] =
    [("node: a replica of PBFT", "node"), ("node: a general of OM, SM or king", "general")];

/// Says what images with the adapter take, and holds the table of README.md against it.
fn look_at_nodes(write: bool, problems: &mut Vec<String>) -> Result<()> {
    let mut sizes = Vec::new();
    for (name, bin) in NODES {
        eprintln!("building the image of {name}");
        let image = Image::read(&image::build(Board::M4, "node", bin, "")?)?;
        let mut tell = |what: String| problems.push(format!("{name}: {what}"));
        look_at_statics(&image, bin == "node", &mut tell);
        let calls = Calls::of(&image).without(is_text);
        look_at_calls(&calls, &mut tell);
        let stack = calls.stack_of("main")?;
        let cells: u64 = image.statics.iter().filter(is_flash).map(|it| it.bytes).sum();
        let Image { flash, data, .. } = image;
        let size = Size { image: name, flash, data, bss: image.bss - cells, stack };
        println!("{name}: {} bytes of flash, {} of statics, of which", size.flash, size.bss);
        for it in rooms(&image) {
            println!("    {} bytes {}", it.bytes, it.name);
        }
        println!("    at most {} of stack, without texts that are formatted", size.stack);
        sizes.push(size);
    }
    let readme = image::workspace().join("README.md");
    let (text, table) = (std::fs::read_to_string(&readme)?, table::images(&sizes));
    if write {
        std::fs::write(&readme, table::replace(&text, table::NODES, &table)?)?;
        println!("README.md has the new table of nodes");
    } else {
        problems.extend(table::compare(&text, table::NODES, &table)?);
    }
    Ok(())
}

/// Memory in the place of a flash, which a board of one's own has beside its RAM.
fn is_flash(it: &&Static) -> bool {
    it.name.ends_with("::CELLS")
}

/// The largest statics in RAM.
fn rooms(image: &Image) -> Vec<&Static> {
    let statics = image.statics.iter().filter(|it| it.section == ".bss" && !is_flash(it));
    let mut rooms: Vec<_> = statics.filter(|it| it.bytes >= 256).collect();
    rooms.sort_by_key(|it| std::cmp::Reverse(it.bytes));
    rooms
}

/// What formats and cuts texts calls through tables of functions, which no graph shows, and a cut
/// that fails is told in a text: the bound on the stack is that of everything else. What boards
/// really use `demo` and `generals` tell.
fn is_text(name: &str) -> bool {
    name.contains("core::fmt::") || name.contains("core::str::")
}

fn look_at_calls(calls: &Calls<'_>, tell: &mut impl FnMut(String)) {
    if let Some(name) = calls.recursion() {
        tell(format!("{name} calls itself, by whatever way"));
    }
    for (name, at) in calls.unknown() {
        tell(format!("{name} goes somewhere at {at:#x}, nobody knows where"));
    }
}

/// `replicas` have their memory in a static of that name.
fn look_at_statics(image: &Image, replicas: bool, tell: &mut impl FnMut(String)) {
    if image.data > 0 {
        tell(format!("{} bytes of statics have initial values, which take flash", image.data));
    }
    let is_memory = |it: &&Static| it.name.rsplit("::").next() == Some("MEMORY");
    let mut memories = image.statics.iter().filter(is_memory).peekable();
    if replicas && memories.peek().is_none() {
        tell("there is no static that is the memory of a replica".to_owned());
    }
    for it in memories.filter(|it| it.section != ".bss") {
        tell(format!("the memory of a replica lies in {}", it.section));
    }
}

/// A line of a source.
fn text(file: &str, line: u32) -> String {
    let text = std::fs::read_to_string(image::workspace().join(file)).unwrap_or_default();
    let line = text.lines().nth((line as usize).saturating_sub(1));
    line.unwrap_or_default().trim().to_owned()
}

/// The last parts of a path.
fn short(file: &str) -> String {
    let parts: Vec<_> = file.rsplitn(4, '/').take(3).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(statics: &[(&str, &str)], replicas: bool) -> Vec<String> {
        let each = statics.iter().map(|(name, section)| {
            let (name, section) = ((*name).to_owned(), (*section).to_owned());
            Static { name, bytes: 8, section }
        });
        let image = Image { statics: each.collect(), ..Image::default() };
        let mut problems = Vec::new();
        look_at_statics(&image, replicas, &mut |what| problems.push(what));
        problems
    }

    #[test]
    fn the_memory_of_a_replica_is_found_by_its_name_with_a_path_or_without() {
        for name in ["MEMORY", "node::rooms::MEMORY"] {
            assert!(problems(&[(name, ".bss")], true).is_empty());
            assert_eq!(problems(&[(name, ".data")], true).len(), 1, "{name}");
        }
        assert_eq!(problems(&[("a::MY_MEMORY", ".data")], true).len(), 1, "that is none");
        assert!(problems(&[], false).is_empty());
    }
}
