//! The fleet as its operators run it: started, stopped, scaled, upgraded.

mod before;
mod doctor;
mod load;
mod migrating;
mod roles;
mod rolling;
mod sides;
mod told;
mod waiting;
