//! What nobody may read: other tenants' things, and secrets anywhere.

mod access;
mod audit;
mod audit_ages;
mod damage;
mod imports;
mod isolation;
mod keys;
mod oauth;
mod odd;
mod openings;
mod panics;
mod rotation;
mod secrets;
mod wall;
