//! What nobody may read: other tenants' things, and secrets anywhere.

mod keys;
mod oauth;
mod secrets;
