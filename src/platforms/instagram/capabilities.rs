//! What Instagram takes: developers.facebook.com/docs/instagram-platform (content publishing and
//! the reference of `ig-user/media`), 2026.

use domain::capability::{Capabilities, Counting, Format, MediaRule, Profile, TextRule};
use domain::content::MediaKind;
use domain::copies::Repeats;

const MB: u64 = 1024 * 1024;

/// 2,200 characters. The unit is documented nowhere; UTF-16 units are the safe bound.
const TEXT: TextRule =
    TextRule { counting: Counting::Utf16, length_max: 2_200, is_required_without_media: false };

/// JPEG only, 8 MB, from 4:5 to 1.91:1; widths beyond 1440 are scaled by the platform.
const IMAGE: MediaRule = MediaRule {
    count_max: 10,
    mimes: &["image/jpeg"],
    size_bytes_max: 8 * MB,
    ratio_percent_min: 80,
    ratio_percent_max: 191,
    ..MediaRule::NONE
};

/// A reel: MP4 or MOV, 3 s to 15 min, 300 MB, 1920 pixels of width, from 0.01:1 to 10:1.
const VIDEO: MediaRule = MediaRule {
    count_max: 1,
    mimes: &["video/mp4", "video/quicktime"],
    size_bytes_max: 300 * MB,
    duration_ms_min: 3_000,
    duration_ms_max: 900_000,
    width_max: 1920,
    ratio_percent_min: 1,
    ratio_percent_max: 1_000,
    ..MediaRule::NONE
};

const REEL: Format =
    Format { option: "kind", value: "reel", takes: &[MediaKind::Video], count_max: 1 };
/// Since July 2023 a single video in the feed is a reel.
const FEED: Format =
    Format { option: "kind", value: "feed", takes: &[MediaKind::Image], count_max: 10 };

/// The product's table: an image, a carousel of up to ten, or a reel. The alt text's limit is
/// general knowledge.
static SPEC: Capabilities = Capabilities {
    text: TEXT,
    image: IMAGE,
    gif: MediaRule::NONE,
    video: VIDEO,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 1,
    segments_max: 1,
    alt_text_max: 1_000,
    formats: &[REEL, FEED],
    repeats: Repeats::Free,
};

/// A carousel mixes images and videos.
static EXTENDED: Capabilities = Capabilities {
    video: MediaRule { count_max: 10, ..VIDEO },
    can_mix_media: true,
    formats: &[REEL],
    ..SPEC
};

/// The table of a profile.
pub fn of(profile: Profile) -> &'static Capabilities {
    match profile {
        Profile::Spec => &SPEC,
        Profile::Extended => &EXTENDED,
    }
}
