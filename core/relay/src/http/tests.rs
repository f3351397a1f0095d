//! Parsing of what HTTP carries beside bodies, and the shape of errors.

#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn ranges() {
    let parse = |text| parse_range(&HeaderValue::from_str(text).unwrap());
    let range = |first, last| Ok(BlobRange { first, last });
    assert_eq!(parse("bytes=0-9"), range(0, Some(9)));
    assert_eq!(parse("bytes=5-"), range(5, None));
    for refused in [
        "bytes=-5",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "bytes=+1-2",
        "items=0-1",
        "bytes=1",
        "",
        "bytes=99999999999999999999-",
    ] {
        assert_eq!(parse(refused), Err(RelayError::BAD_RANGE), "{refused}");
    }
}

#[test]
fn tokens() {
    let token = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        bearer(&headers)
    };
    assert_eq!(token(&format!("Bearer {}", "0f".repeat(32))), Ok([15; 32]));
    for refused in ["", "Bearer", "Bearer 00", "Basic 00"] {
        assert_eq!(token(refused), Err(RelayError::NO_SESSION));
    }
    assert_eq!(bearer(&HeaderMap::new()), Err(RelayError::NO_SESSION));
}

#[test]
fn an_exchange_of_a_million_empty_strings_is_refused_before_it_is_decoded() {
    let mut body = vec![0x83, 0x9a, 0x00, 0x10, 0x00, 0x00];
    body.resize(body.len() + (1 << 20), 0x40);
    body.extend([0x80, 0x00]);
    assert_eq!(decode_exchange(&body), Err(RelayError::TOO_LARGE));
    for malformed in [
        &[][..],
        &[0x83],
        &[0x80],
        &[0x9f],
        &[0x83, 0x9f],
        &[0x83, 0x80],
    ] {
        assert_eq!(decode_exchange(malformed), Err(RelayError::MALFORMED));
    }
}

#[test]
fn every_error_has_a_status_of_its_kind() {
    for (error, expected) in [
        (RelayError::MALFORMED, 400),
        (RelayError::BAD_RANGE, 416),
        (RelayError::BAD_METHOD, 405),
        (RelayError::TOO_LARGE, 413),
        (RelayError::NO_SESSION, 401),
        (RelayError::FORBIDDEN, 403),
        (RelayError::WRONG_ORIGIN, 403),
        (RelayError::NOT_FOUND, 404),
        (RelayError::STALE_CHALLENGE, 410),
        (RelayError::CONFLICT, 409),
        (RelayError::BUSY, 503),
        (RelayError::TOO_SLOW, 408),
        (RelayError::FULL, 507),
        (RelayError::QUOTA, 507),
        (RelayError::RATE_LIMITED, 429),
        (RelayError::INTERNAL, 500),
        (RelayError::WRONG_OFFSET, 409),
        (RelayError::WRONG_HASH, 422),
    ] {
        let response = error.into_response();
        assert_eq!(response.status().as_u16(), expected);
        let waits = response.headers().contains_key(RETRY_AFTER);
        assert_eq!(waits, [408, 429, 503, 507].contains(&expected));
    }
}
