//! Stand-in until the capabilities of X are written.

use domain::capability::{Capabilities, Counting, MediaRule, Profile, TextRule};

static TABLE: Capabilities = Capabilities {
    text: TextRule {
        counting: Counting::Weighted,
        length_max: 280,
        is_required_without_media: true,
    },
    image: MediaRule::NONE,
    gif: MediaRule::NONE,
    video: MediaRule::NONE,
    can_mix_media: false,
    media_min: 0,
    segments_max: 25,
    alt_text_max: 1_000,
    formats: &[],
};

/// The table for an account of this kind.
pub fn of(_profile: Profile, _account_kind: &str) -> &'static Capabilities {
    &TABLE
}
