//! One file per sub-command.

pub mod accounts;
pub mod api_keys;
pub mod bench;
pub mod bulk;
pub mod calendar;
pub mod connect;
pub mod dev;
pub mod doctor;
pub mod inbox;
pub mod keys;
pub mod limits;
pub mod post;
pub mod posts;
pub mod ready;
pub mod redis_acl;
pub mod retry;
pub mod review;
pub mod roles;
pub mod sim;
pub mod slots;
pub mod status;
pub mod tenants;
pub mod why;
