//! What X takes: docs.x.com (media best practices, August 2026), OpenAPI 2.167, and the weights of
//! twitter-text version 3. A megabyte is 1,048,576 bytes here, as X's own clients count.

use domain::capability::{Capabilities, Counting, MediaRule, Profile, TextRule};
use domain::copies::Repeats;

/// The kind of an account with a subscription that includes long posts.
const PREMIUM_KIND: &str = "premium";

const MB: u64 = 1024 * 1024;

const TEXT: TextRule =
    TextRule { counting: Counting::Weighted, length_max: 280, is_required_without_media: true };

const IMAGE: MediaRule = MediaRule {
    count_max: 4,
    mimes: &["image/jpeg", "image/png", "image/webp"],
    size_bytes_max: 5 * MB,
    ..MediaRule::NONE
};

/// At most 1280 × 1080. X names the sizes for landscape and takes them upright too, so the longer
/// side bounds both and the product bounds the area.
const GIF: MediaRule = MediaRule {
    count_max: 1,
    mimes: &["image/gif"],
    size_bytes_max: 15 * MB,
    width_max: 1280,
    height_max: 1280,
    pixels_max: 1280 * 1080,
    ..MediaRule::NONE
};

/// At most 1280 × 1024, upright too; half a second to 140 s; from 1:3 to 3:1.
const VIDEO: MediaRule = MediaRule {
    count_max: 1,
    mimes: &["video/mp4", "video/quicktime"],
    size_bytes_min: 0,
    size_bytes_max: 512 * MB,
    duration_ms_min: 500,
    duration_ms_max: 140_000,
    width_max: 1280,
    height_max: 1280,
    pixels_max: 1280 * 1024,
    ratio_percent_min: 33,
    ratio_percent_max: 300,
};

/// The upload takes 16 GiB (OpenAPI: `total_bytes`); 4 hours at 1080p is what X's help pages told
/// subscribers, without a figure in the developer documentation.
const VIDEO_PREMIUM: MediaRule = MediaRule {
    size_bytes_max: 16 * 1024 * MB,
    duration_ms_max: 4 * 3_600_000,
    width_max: 1920,
    height_max: 1920,
    pixels_max: 1920 * 1200,
    ..VIDEO
};

/// A chain has no limit in the API; X's own composer ends at 25.
static STANDARD: Capabilities = Capabilities {
    text: TEXT,
    image: IMAGE,
    gif: GIF,
    video: VIDEO,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 0,
    segments_max: 25,
    alt_text_max: 1_000,
    formats: &[],
    // No duplicative or substantially similar posts, by X's automation rules (help.x.com, 2026).
    repeats: Repeats::Wording,
};

/// 25,000 weighted characters and extended media, by the product's table and X's help pages.
static PREMIUM: Capabilities = Capabilities {
    text: TextRule { length_max: 25_000, ..TEXT },
    video: VIDEO_PREMIUM,
    ..STANDARD
};

/// The table for an account of this kind; both profiles hold all that X takes.
pub fn of(profile: Profile, account_kind: &str) -> &'static Capabilities {
    match profile {
        Profile::Spec | Profile::Extended => {
            if account_kind == PREMIUM_KIND {
                &PREMIUM
            } else {
                &STANDARD
            }
        }
    }
}
