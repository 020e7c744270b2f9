//! What Threads takes: developers.facebook.com/docs/threads (overview, create-posts), 2026.

use domain::capability::{Capabilities, Counting, MediaRule, Profile, TextRule};
use domain::copies::Repeats;

const MB: u64 = 1024 * 1024;

/// 500 characters, emoji by their UTF-8 bytes.
const TEXT: TextRule =
    TextRule { counting: Counting::EmojiBytes, length_max: 500, is_required_without_media: true };

/// JPEG or PNG, 8 MB, at most 10:1; widths beyond 1440 are scaled by the platform.
const IMAGE: MediaRule = MediaRule {
    count_max: 10,
    mimes: &["image/jpeg", "image/png"],
    size_bytes_max: 8 * MB,
    ratio_percent_max: 1_000,
    ..MediaRule::NONE
};

/// MOV or MP4, 5 minutes, 1 GB, 1920 pixels of width, from 0.01:1 to 10:1.
const VIDEO: MediaRule = MediaRule {
    count_max: 20,
    mimes: &["video/mp4", "video/quicktime"],
    size_bytes_max: 1024 * MB,
    duration_ms_max: 300_000,
    width_max: 1920,
    ratio_percent_min: 1,
    ratio_percent_max: 1_000,
    ..MediaRule::NONE
};

/// Ours: the API sets no end to a chain; a day's quota of replies would carry forty of these.
const SEGMENTS_MAX: usize = 25;

/// The product's table: up to ten images. The alt text's limit: reference/publishing.
static SPEC: Capabilities = Capabilities {
    text: TEXT,
    image: IMAGE,
    gif: MediaRule::NONE,
    video: MediaRule::NONE,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 0,
    segments_max: 1,
    alt_text_max: 1_000,
    formats: &[],
    repeats: Repeats::Free,
};

/// A carousel of up to 20 images and videos, mixed; a chain of replies to oneself.
static EXTENDED: Capabilities = Capabilities {
    segments_max: SEGMENTS_MAX,
    image: MediaRule { count_max: 20, ..IMAGE },
    video: VIDEO,
    can_mix_media: true,
    ..SPEC
};

/// The table of a profile.
pub fn of(profile: Profile) -> &'static Capabilities {
    match profile {
        Profile::Spec => &SPEC,
        Profile::Extended => &EXTENDED,
    }
}
