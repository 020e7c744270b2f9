//! The signed form of a message: Standard Webhooks 1.0, symmetric.

use base::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use domain::webhook::signed_head;
use http::{HeaderMap, HeaderValue};

/// The headers of a message: its id, the second of this attempt, and a signature with each secret.
///
/// # Errors
/// When they are no headers, which their forms make impossible.
pub(super) fn headers(
    id: &str,
    at: Timestamp,
    body: &[u8],
    secrets: &[impl AsRef<[u8]>],
) -> Result<HeaderMap, Fault> {
    let head = signed_head(id, at);
    let sign = |secret: &[u8]| {
        format!("v1,{}", STANDARD.encode(vault::mac(secret, &[head.as_bytes(), body])))
    };
    let signatures: Vec<String> = secrets.iter().map(|secret| sign(secret.as_ref())).collect();
    let second = at.ms().div_euclid(1000).to_string();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", second.as_str()),
        ("webhook-signature", signatures.join(" ").as_str()),
    ] {
        let value = HeaderValue::from_str(value);
        headers.insert(name, value.map_err(|_| Fault::new("a header of a message is none"))?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: W-signature
    #[test]
    fn a_message_is_signed_as_the_standard_says_with_every_secret() {
        // The example of Standard Webhooks' own libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp::from_seconds(1_614_265_330));
        let headers =
            headers(id, at, br#"{"test": 2432232314}"#, &[&secret, &vec![7; 32]]).unwrap();
        assert_eq!(headers["webhook-id"], id);
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        let signatures: Vec<&str> =
            headers["webhook-signature"].to_str().unwrap().split(' ').collect();
        assert_eq!(signatures[0], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(signatures.len(), 2);
        assert!(signatures[1].starts_with("v1,") && signatures[1] != signatures[0]);
    }
}
