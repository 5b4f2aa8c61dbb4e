//! The protocols in rounds, one file each: their generals, and the words of their traitors.

mod king;
mod oral;
mod scrolls;
mod vector;

pub use king::Ballot;
pub use oral::Oral;
pub use scrolls::Scrolls;
pub use vector::Every;
