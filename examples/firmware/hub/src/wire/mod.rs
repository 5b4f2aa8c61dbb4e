//! Lines between members of a cluster: whoever has a byte stream is on one, a board under QEMU, a
//! client in this program, another program.

mod frames;
mod loss;
mod port;
mod router;

pub(crate) use frames::Splitter;
pub(crate) use loss::Loss;
pub(crate) use port::Port;
pub(crate) use router::{Router, Traffic};
