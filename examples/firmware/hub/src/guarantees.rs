//! What a firmware engineer asks for, checked on the images themselves.

use crate::bench::Size;
use crate::board::Board;
use crate::calls::Calls;
use crate::elf::Image;
use crate::listed::{LISTED, reason, stale};
use crate::{image, tools};
use anyhow::{Context as _, Result, ensure};
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
pub(crate) const FOOTPRINTS: [Footprint; 6] = [
    Footprint { name: "OM(1), lines", bin: "om", features: "" },
    Footprint { name: "OM(1), HMAC links", bin: "om-hmac", features: "" },
    Footprint { name: "SM(1), lines", bin: "sm", features: "" },
    Footprint { name: "king, lines", bin: "king", features: "" },
    Footprint { name: "PBFT, HMAC links", bin: "pbft", features: "" },
    Footprint { name: "PBFT, HMAC links, Ed25519", bin: "pbft", features: "ed25519" },
];

/// Those that are checked as well and stand in no table.
const OTHERS: [Footprint; 3] = [
    Footprint { name: "vector of OM(1), lines", bin: "vector", features: "" },
    Footprint { name: "lockstep on OM(1), lines", bin: "lockstep", features: "" },
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
    /// Somebody calls himself, so that there is no bound on the stack.
    pub(crate) fn size(&self, image: &Image) -> Result<Size> {
        let stack = Calls::of(image).stack_of("main").context("main calls itself, or is not")?;
        let Image { flash, data, bss, .. } = *image;
        Ok(Size { image: self.name, flash, data, bss, stack })
    }
}

/// Checks every image, and says what holds.
pub(crate) fn run() -> Result<()> {
    tools::check(&[])?;
    let (mut problems, mut found) = (Vec::new(), Vec::new());
    for footprint in FOOTPRINTS.into_iter().chain(OTHERS) {
        let image = Image::read(&footprint.build()?)?;
        let mut tell = |what: String| problems.push(format!("{}: {what}", footprint.name));
        look_at_calls(&Calls::of(&image), &mut tell);
        look_at_statics(&image, &mut tell);
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
        for (file, line, at) in places {
            if let Some(why) = reason(LISTED, &file, &line) {
                println!("    {}:{at}: {why}", short(&file));
            }
            found.push((file, line));
        }
    }
    for listed in stale(LISTED, &found) {
        problems.push(format!(
            "listed.rs: `{}` of {} panics in no image any more",
            listed.line, listed.file
        ));
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    println!(
        "built with nothing but core; every call is known, and none leads back; every panic is \
         listed; all memory starts as zeros, in .bss"
    );
    Ok(())
}

fn look_at_calls(calls: &Calls<'_>, tell: &mut impl FnMut(String)) {
    if let Some(name) = calls.recursion() {
        tell(format!("{name} calls itself, by whatever way"));
    }
    for (name, at) in calls.unknown() {
        tell(format!("{name} goes somewhere at {at:#x}, nobody knows where"));
    }
}

fn look_at_statics(image: &Image, tell: &mut impl FnMut(String)) {
    if image.data > 0 {
        tell(format!("{} bytes of statics have initial values, which take flash", image.data));
    }
    for (name, section) in &image.statics {
        if name == "MEMORY" && section != ".bss" {
            tell(format!("the memory of a replica lies in {section}"));
        }
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
