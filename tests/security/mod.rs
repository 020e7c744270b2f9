//! What nobody may read: other tenants' things, and secrets anywhere.

mod damage;
mod keys;
mod oauth;
mod openings;
mod panics;
mod rotation;
mod secrets;
