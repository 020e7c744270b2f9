//! The adapter against the simulator, in virtual time.

mod publishing;
mod reconciling;
pub(super) mod rig;
