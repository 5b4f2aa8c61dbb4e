//! A log through defmt, in a file of the host's: `log.bin` in the folder that QEMU was started in.
//!
//! The words of a log are in the image, not in the file. Each line is one write, and what it has
//! returned from is in the file, however the emulator ends: also a panic's.

use crate::console;
use crate::devices::micros;
use crate::file::File;
use core::cell::UnsafeCell;
use core::fmt::Write as _;
use defmt::Encoder;

/// Bytes that are collected before they are written.
const ROOM: usize = 256;

/// Where lines are made.
struct Desk {
    /// None: nobody has opened it, or nobody keeps it, and then nobody misses it.
    file: Option<File>,
    encoder: Encoder,
    room: [u8; ROOM],
    filled: usize,
    taken: bool,
}

impl Desk {
    fn put(&mut self, encode: impl FnOnce(&mut Encoder, &mut dyn FnMut(&[u8]))) {
        let Self { file, encoder, room, filled, .. } = self;
        encode(encoder, &mut |bytes| {
            for byte in bytes {
                if *filled == ROOM {
                    write(file, room);
                    *filled = 0;
                }
                if let Some(place) = room.get_mut(*filled) {
                    *place = *byte;
                    *filled += 1;
                }
            }
        });
    }

    fn flush(&mut self) {
        let filled = core::mem::take(&mut self.filled);
        write(&mut self.file, self.room.get(..filled).unwrap_or_default());
    }
}

fn write(file: &mut Option<File>, bytes: &[u8]) {
    if !file.as_mut().is_some_and(|file| file.append(bytes)) {
        *file = None;
    }
}

struct Shared(UnsafeCell<Desk>);

// SAFETY: there is one core, and no interrupt is ever taken: see `devices`.
unsafe impl Sync for Shared {}

static DESK: Shared = Shared(UnsafeCell::new(Desk {
    file: None,
    encoder: Encoder::new(),
    room: [0; ROOM],
    filled: 0,
    taken: false,
}));

fn with_desk(work: impl FnOnce(&mut Desk)) {
    // SAFETY: nobody else has it: one core, no interrupt, and nothing that is done with it logs.
    work(unsafe { &mut *DESK.0.get() });
}

/// Opens the log. The [devices](crate::devices::Uart::start) were started: it tells their time.
pub fn open() {
    with_desk(|desk| desk.file = File::open_to_append(c"log.bin"));
}

defmt::timestamp!("{=u64:us}", micros());

#[defmt::global_logger]
struct Logger;

// SAFETY: whoever acquires it is the only one: one core, no interrupt, and a line within a line,
// which would be a second, ends the run.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        with_desk(|desk| {
            if desk.taken {
                let _ = writeln!(console::Console, "something logs while it is being logged");
                console::exit(false);
            }
            desk.taken = true;
            desk.put(|encoder, out| encoder.start_frame(out));
        });
    }

    unsafe fn flush() {
        with_desk(Desk::flush);
    }

    unsafe fn release() {
        with_desk(|desk| {
            desk.put(|encoder, out| encoder.end_frame(out));
            desk.flush();
            desk.taken = false;
        });
    }

    unsafe fn write(bytes: &[u8]) {
        with_desk(|desk| desk.put(|encoder, out| encoder.write(bytes, out)));
    }
}
