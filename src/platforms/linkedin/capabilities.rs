//! What LinkedIn takes: learn.microsoft.com/linkedin (Posts, Images, Videos, Documents, MultiImage
//! APIs) and, where that is silent, third parties, said at the place.

use domain::capability::{Capabilities, Counting, MediaRule, Profile, TextRule};
use domain::copies::Repeats;

/// The kind of an account that is a person.
pub const PERSONAL: &str = "personal";
/// The kind of an account that is an organization's page.
pub const ORGANIZATION: &str = "organization";

const MB: u64 = 1024 * 1024;

/// 3,000 by third parties. The unit is documented nowhere; UTF-16 units are the safe bound.
const TEXT: TextRule =
    TextRule { counting: Counting::Utf16, length_max: 3_000, is_required_without_media: true };

/// Images API: JPG, PNG, GIF, less than 36,152,320 pixels. 8 MB by third parties.
const IMAGE: MediaRule = MediaRule {
    count_max: 20,
    mimes: &["image/jpeg", "image/png"],
    size_bytes_max: 8 * MB,
    pixels_max: 36_152_319,
    ..MediaRule::NONE
};

/// A GIF is an image to LinkedIn; the MultiImage API does not say that it takes one.
const GIF: MediaRule = MediaRule { count_max: 1, mimes: &["image/gif"], ..IMAGE };

/// Videos API: MP4, 3 s to 30 min, 75 KB to 500 MB, from 1:2.4 to 2.4:1.
const VIDEO: MediaRule = MediaRule {
    count_max: 1,
    mimes: &["video/mp4"],
    size_bytes_min: 75 * 1024,
    size_bytes_max: 500 * MB,
    duration_ms_min: 3_000,
    duration_ms_max: 1_800_000,
    ratio_percent_min: 41,
    ratio_percent_max: 240,
    ..MediaRule::NONE
};

/// Documents API: PPT, PPTX, DOC, DOCX, PDF up to 100 MB. Our library recognises those listed; that
/// there are at most 300 pages LinkedIn checks itself.
const DOCUMENT: MediaRule = MediaRule {
    count_max: 1,
    mimes: &[
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ],
    size_bytes_max: 100 * MB,
    ..MediaRule::NONE
};

/// The product's table: images only. The alt text's limit is general knowledge.
static SPEC_PERSONAL: Capabilities = Capabilities {
    text: TEXT,
    image: IMAGE,
    gif: MediaRule::NONE,
    video: MediaRule::NONE,
    document: MediaRule::NONE,
    can_mix_media: false,
    media_min: 0,
    segments_max: 1,
    alt_text_max: 4_086,
    formats: &[],
    // A second post of the same words is refused as `DUPLICATE_POST`.
    repeats: Repeats::Wording,
};

/// 700 was the limit of the old Shares API and is the product's table.
static SPEC_ORGANIZATION: Capabilities =
    Capabilities { text: TextRule { length_max: 700, ..TEXT }, ..SPEC_PERSONAL };

static EXTENDED: Capabilities =
    Capabilities { gif: GIF, video: VIDEO, document: DOCUMENT, ..SPEC_PERSONAL };

/// The table for an account of this kind.
pub fn of(profile: Profile, account_kind: &str) -> &'static Capabilities {
    match profile {
        Profile::Spec if account_kind == ORGANIZATION => &SPEC_ORGANIZATION,
        Profile::Spec => &SPEC_PERSONAL,
        Profile::Extended => &EXTENDED,
    }
}
