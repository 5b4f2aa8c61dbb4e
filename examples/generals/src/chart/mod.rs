//! A run as a message sequence chart.

mod arrow;
mod draw;
mod escape;
pub mod html;
pub mod mermaid;
pub mod svg;
mod theme;
