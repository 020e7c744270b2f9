//! User stories, from the API to the simulated platform and back, one file each.

mod again;
mod apart;
mod cancel;
mod counted;
mod cut;
mod everywhere;
mod failures;
mod flush;
mod limit;
mod list;
mod media;
mod owners;
mod poll;
mod refused;
mod retry;
mod review;
mod schedule;
mod stale;
mod subscription;
mod text;
mod thread;
mod timeline;
mod tokens;
mod unknown;
mod unmapped;
mod why;
