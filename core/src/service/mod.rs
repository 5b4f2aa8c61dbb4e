//! What replicated services share, whatever protocol orders their requests: requests and batches
//! of them, and the table of what each client was answered last, which makes every request
//! execute at most once.

mod batch;
mod client_table;
mod operation;
mod outcome;

pub use batch::{Batch, MAX_REQUESTS, Request, Requests};
pub use client_table::{ClientRow, ClientTable};
pub(crate) use client_table::{EncodedPages, count_pages, install, longest_page, remember};
pub use operation::{ClientCommand, ClientDecision, Failure};
pub use outcome::Outcome;
