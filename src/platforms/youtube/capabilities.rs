//! What YouTube takes: developers.google.com/youtube/v3/docs/videos, …/videos/insert and
//! …/thumbnails/set, 2026. The text of a post is the video's description.

use domain::capability::{Capabilities, Counting, MediaRule, Profile, TextRule};
use domain::copies::Repeats;

const MB: u64 = 1024 * 1024;

/// 5,000 bytes in UTF-8, not characters.
pub(super) const DESCRIPTION: TextRule =
    TextRule { counting: Counting::Bytes, length_max: 5_000, is_required_without_media: false };

/// A thumbnail: JPEG or PNG, 50 MB since 2026-09-14. A post takes no images.
const THUMBNAIL: MediaRule = MediaRule {
    count_max: 0,
    mimes: &["image/jpeg", "image/png"],
    size_bytes_max: 50 * MB,
    ..MediaRule::NONE
};

/// `video/*`, 256 GB; 12 hours for verified channels is general knowledge.
const VIDEO: MediaRule = MediaRule {
    count_max: 1,
    mimes: &["video/*"],
    size_bytes_max: 274_877_906_944,
    duration_ms_max: 12 * 3_600_000,
    ..MediaRule::NONE
};

/// Exactly one video, in both profiles. There is no place for an alt text.
static TABLE: Capabilities = Capabilities {
    text: DESCRIPTION,
    image: THUMBNAIL,
    gif: MediaRule::NONE,
    video: VIDEO,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 1,
    segments_max: 1,
    alt_text_max: 0,
    formats: &[],
    // A film that its channel has is rejected as a duplicate (`rejectionReason`).
    repeats: Repeats::Files,
};

/// The table of a profile.
pub fn of(profile: Profile) -> &'static Capabilities {
    match profile {
        Profile::Spec | Profile::Extended => &TABLE,
    }
}
