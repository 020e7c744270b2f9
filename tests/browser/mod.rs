//! What a person sees and does, in a real browser.
//!
//! Every page leaves a picture below `target/tmp/screens`, to be looked at.

mod audit;
mod connect;
mod consent;

use crate::support::Browser;
use crate::support::browser::{DESK, NIGHT, PHONE};

/// Looks at the page on every screen: takes its picture, and finds nothing that shuts anybody out.
async fn look(browser: &Browser, name: &str) {
    for screen in [PHONE, NIGHT, DESK] {
        browser.look_on(screen).await;
        let picture = browser.shoot(&format!("{name}-{}", screen.name)).await;
        let found = audit::audit(browser).await;
        assert!(found.is_empty(), "{}: {found:#?}", picture.display());
    }
}
