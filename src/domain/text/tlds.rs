//! Top-level domains: every country code, and the generic ones that posts are likely to hold.
//!
//! A domain under a rarer one counts as plain text, which X would count 23; its own answer then
//! tells. Both lists are sorted, for the search.

/// Letters of the longest generic TLD below.
pub(super) const LENGTH_MAX: usize = 13;

/// Is this lower-case word a TLD?
pub(super) fn is_tld(word: &str) -> bool {
    COUNTRIES.binary_search(&word).is_ok() || GENERIC.binary_search(&word).is_ok()
}

/// The length of the TLD of another script at the beginning.
pub(super) fn foreign(chars: &[char]) -> Option<usize> {
    let begins = |tld: &&str| {
        let length = tld.chars().count();
        chars.len() >= length && tld.chars().zip(chars).all(|(a, b)| a == *b)
    };
    FOREIGN.iter().find(|tld| begins(tld)).map(|tld| tld.chars().count())
}

/// The country codes, all of two letters.
#[rustfmt::skip]
const COUNTRIES: [&str; 249] = [
    "ac", "ad", "ae", "af", "ag", "ai", "al", "am", "ao", "aq", "ar", "as", "at", "au", "aw", "ax",
    "az", "ba", "bb", "bd", "be", "bf", "bg", "bh", "bi", "bj", "bm", "bn", "bo", "bq", "br", "bs",
    "bt", "bv", "bw", "by", "bz", "ca", "cc", "cd", "cf", "cg", "ch", "ci", "ck", "cl", "cm", "cn",
    "co", "cr", "cu", "cv", "cw", "cx", "cy", "cz", "de", "dj", "dk", "dm", "do", "dz", "ec", "ee",
    "eg", "er", "es", "et", "eu", "fi", "fj", "fk", "fm", "fo", "fr", "ga", "gb", "gd", "ge", "gf",
    "gg", "gh", "gi", "gl", "gm", "gn", "gp", "gq", "gr", "gs", "gt", "gu", "gw", "gy", "hk", "hm",
    "hn", "hr", "ht", "hu", "id", "ie", "il", "im", "in", "io", "iq", "ir", "is", "it", "je", "jm",
    "jo", "jp", "ke", "kg", "kh", "ki", "km", "kn", "kp", "kr", "kw", "ky", "kz", "la", "lb", "lc",
    "li", "lk", "lr", "ls", "lt", "lu", "lv", "ly", "ma", "mc", "md", "me", "mg", "mh", "mk", "ml",
    "mm", "mn", "mo", "mp", "mq", "mr", "ms", "mt", "mu", "mv", "mw", "mx", "my", "mz", "na", "nc",
    "ne", "nf", "ng", "ni", "nl", "no", "np", "nr", "nu", "nz", "om", "pa", "pe", "pf", "pg", "ph",
    "pk", "pl", "pm", "pn", "pr", "ps", "pt", "pw", "py", "qa", "re", "ro", "rs", "ru", "rw", "sa",
    "sb", "sc", "sd", "se", "sg", "sh", "si", "sj", "sk", "sl", "sm", "sn", "so", "sr", "ss", "st",
    "su", "sv", "sx", "sy", "sz", "tc", "td", "tf", "tg", "th", "tj", "tk", "tl", "tm", "tn", "to",
    "tr", "tt", "tv", "tw", "tz", "ua", "ug", "uk", "us", "uy", "uz", "va", "vc", "ve", "vg", "vi",
    "vn", "vu", "wf", "ws", "ye", "yt", "za", "zm", "zw",
];

/// The generic ones.
#[rustfmt::skip]
const GENERIC: [&str; 613] = [
    "academy", "accountant", "accountants", "actor", "adult", "aero", "agency", "airforce",
    "amazon", "amsterdam", "android", "apartments", "app", "apple", "archi", "army", "arpa", "art",
    "asia", "associates", "attorney", "auction", "audi", "audio", "auto", "autos", "aws", "azure",
    "baby", "band", "bank", "bar", "barcelona", "bargains", "baseball", "basketball", "bayern",
    "bbc", "beauty", "beer", "berlin", "best", "bet", "bible", "bid", "bike", "bing", "bingo",
    "bio", "biz", "black", "blog", "blue", "bmw", "boats", "bond", "boo", "book", "bosch",
    "boston", "bot", "boutique", "box", "broadway", "broker", "brussels", "build", "builders",
    "business", "buy", "buzz", "cab", "cafe", "cam", "camera", "camp", "canon", "capetown",
    "capital", "car", "cards", "care", "career", "careers", "cars", "casa", "case", "cash",
    "casino", "cat", "catering", "center", "ceo", "channel", "charity", "chat", "cheap",
    "christmas", "chrome", "church", "cisco", "citic", "city", "claims", "cleaning", "click",
    "clinic", "clothing", "cloud", "club", "coach", "codes", "coffee", "college", "cologne", "com",
    "community", "company", "compare", "computer", "condos", "construction", "consulting",
    "contact", "contractors", "cooking", "cool", "coop", "corsica", "country", "coupon", "coupons",
    "courses", "credit", "creditcard", "cricket", "cruises", "cymru", "dad", "dance", "data",
    "date", "dating", "day", "deal", "dealer", "deals", "degree", "delivery", "dell", "democrat",
    "dental", "dentist", "design", "dev", "diamonds", "diet", "digital", "direct", "directory",
    "discount", "diy", "docs", "doctor", "dog", "domains", "dot", "download", "drive", "durban",
    "earth", "eat", "eco", "edu", "education", "email", "energy", "engineer", "engineering",
    "enterprises", "equipment", "esq", "estate", "eus", "events", "exchange", "expert", "exposed",
    "express", "fail", "faith", "family", "fan", "fans", "farm", "fashion", "fast", "feedback",
    "film", "final", "finance", "financial", "fire", "fish", "fishing", "fit", "fitness",
    "flights", "florist", "flowers", "fly", "foo", "food", "football", "forex", "forsale", "forum",
    "foundation", "free", "frl", "fun", "fund", "furniture", "futbol", "fyi", "gal", "gallery",
    "game", "games", "garden", "gay", "gent", "gift", "gifts", "gives", "giving", "glass",
    "global", "gmail", "gmbh", "gold", "golf", "goo", "goog", "google", "gop", "gov", "graphics",
    "gratis", "green", "gripe", "grocery", "group", "guide", "guitars", "guru", "hair", "hamburg",
    "haus", "health", "healthcare", "help", "here", "hiphop", "hiv", "hockey", "holdings",
    "holiday", "homes", "horse", "hospital", "host", "hosting", "hot", "house", "how", "hsbc",
    "ibm", "icu", "immo", "immobilien", "inc", "industries", "info", "ing", "ink", "institute",
    "insurance", "insure", "int", "international", "investments", "irish", "ist", "istanbul",
    "jetzt", "jewelry", "jobs", "joburg", "juegos", "kaufen", "kids", "kim", "kitchen", "kiwi",
    "koeln", "kyoto", "land", "lat", "latino", "law", "lawyer", "lease", "legal", "lgbt", "life",
    "lifestyle", "lighting", "limited", "limo", "link", "live", "living", "llc", "llp", "loan",
    "loans", "locker", "lol", "london", "lotto", "love", "ltd", "luxe", "luxury", "madrid",
    "maison", "makeup", "management", "map", "market", "marketing", "markets", "mba", "med",
    "media", "meet", "melbourne", "meme", "memorial", "men", "menu", "miami", "microsoft", "mil",
    "mobi", "mobile", "moda", "moe", "mom", "money", "monster", "mortgage", "moscow",
    "motorcycles", "mov", "movie", "museum", "music", "nagoya", "name", "navy", "net", "netflix",
    "network", "new", "news", "nexus", "ngo", "nike", "ninja", "nokia", "now", "nrw", "nyc",
    "observer", "office", "okinawa", "one", "ong", "onl", "online", "ooo", "org", "organic",
    "osaka", "page", "paris", "partners", "parts", "party", "pay", "pet", "pharmacy", "phd",
    "photo", "photography", "photos", "physio", "pics", "pictures", "pid", "pink", "pizza",
    "place", "play", "plumbing", "plus", "poker", "porn", "post", "press", "prime", "pro",
    "productions", "prof", "promo", "properties", "property", "protection", "pub", "quebec",
    "quest", "racing", "radio", "read", "realestate", "realtor", "realty", "recipes", "red",
    "rehab", "reise", "reisen", "reit", "rent", "rentals", "repair", "report", "republican",
    "rest", "restaurant", "review", "reviews", "rich", "rio", "rip", "rocks", "rodeo", "room",
    "rsvp", "rugby", "ruhr", "run", "saarland", "safe", "sale", "salon", "samsung", "sarl", "save",
    "scholarships", "school", "schule", "science", "scot", "search", "seat", "secure", "security",
    "select", "services", "sex", "sexy", "shiksha", "shoes", "shop", "shopping", "show", "silk",
    "singles", "site", "ski", "skin", "skype", "smile", "soccer", "social", "software", "solar",
    "solutions", "song", "sony", "soy", "spa", "space", "sport", "spot", "srl", "storage", "store",
    "stream", "studio", "study", "style", "sucks", "supplies", "supply", "support", "surf",
    "surgery", "swiss", "sydney", "systems", "tattoo", "tax", "taxi", "team", "tech", "technology",
    "tel", "tennis", "theater", "theatre", "tickets", "tienda", "tips", "tires", "tirol", "today",
    "tokyo", "tools", "top", "tours", "town", "toyota", "toys", "trade", "trading", "training",
    "travel", "travelers", "trust", "tube", "tunes", "ubs", "university", "uno", "vacations",
    "vana", "vegas", "ventures", "versicherung", "vet", "viajes", "video", "villas", "vin", "vip",
    "visa", "vision", "vlaanderen", "vodka", "vote", "voting", "voto", "voyage", "wales", "wang",
    "watch", "watches", "weather", "webcam", "website", "wed", "wedding", "weibo", "whoswho",
    "wien", "wiki", "win", "windows", "wine", "work", "works", "world", "wow", "wtf", "xbox",
    "xin", "xxx", "xyz", "yachts", "yahoo", "yandex", "yoga", "yokohama", "you", "youtube", "zero",
    "zip", "zone", "zuerich",
];

/// Those of other scripts, which count behind a scheme only.
#[rustfmt::skip]
const FOREIGN: [&str; 33] = [
    "рф", "бел", "мкд", "срб", "укр", "қаз", "ελ", "中国", "中國", "香港", "台灣", "台湾", "한국", "삼성",
    "भारत", "ไทย", "みんな", "コム", "网址", "公司", "网络", "онлайн", "сайт", "москва", "орг", "дети",
    "ישראל", "امارات", "ایران", "السعودية", "مصر", "გე", "հայ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_as_long_as_said() {
        assert!(COUNTRIES.is_sorted() && COUNTRIES.iter().all(|tld| tld.len() == 2));
        assert!(GENERIC.is_sorted());
        assert_eq!(GENERIC.iter().map(|tld| tld.len()).max(), Some(LENGTH_MAX));
        assert!(is_tld("com") && is_tld("md") && !is_tld("js"));
    }
}
