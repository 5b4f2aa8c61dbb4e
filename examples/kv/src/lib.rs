//! A replicated key-value store that speaks the Redis protocol.
//!
//! The [store](store::Store) is deterministic and knows nothing of networks. A gateway accepts
//! connections of Redis clients, gathers their commands into [bundles](bundle), and has each
//! bundle ordered and executed by a backend: a cluster of replicas, or one process.
#![forbid(unsafe_code)]

pub mod backend;
pub mod bundle;
pub mod cli;
pub mod cluster;
pub mod command;
pub mod config;
pub mod demo;
pub mod gateway;
pub mod glob;
pub mod liar;
pub mod local;
pub mod problem;
pub mod proof;
pub mod replicated;
pub mod reply;
pub mod request;
pub mod serve;
pub mod single;
pub mod status;
pub mod store;
