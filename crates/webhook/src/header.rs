use crate::error::MalformedHeader;
use crate::sign::MacBytes;

/// Enough for [`MAX_SIGNATURES`] and some signatures of other schemes.
const MAX_HEADER_BYTES: usize = 1024;

/// A rotation needs two signatures.
const MAX_SIGNATURES: usize = 8;

/// A parsed signature header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignatureHeader<'h> {
    /// The unparsed timestamp, because these bytes were signed.
    pub(crate) t: &'h str,
    /// The timestamp in seconds since 1970, UTC.
    pub(crate) signed_at: i64,
    /// All `v1` signatures: 0 to 8.
    pub(crate) signatures: Vec<MacBytes>,
}

impl<'h> SignatureHeader<'h> {
    /// Parses `key=value` elements in any order. Schemes other than `v1` are ignored, which prevents a
    /// downgrade to a weaker one.
    pub(crate) fn parse(raw: &'h [u8]) -> Result<Self, MalformedHeader> {
        let (mut t, mut codes) = (None, Vec::new());
        for element in text(raw)?.split(',') {
            match element.trim_ascii().split_once('=') {
                None | Some(("", _)) => return Err(MalformedHeader::NotAPair),
                Some(("t", _)) if t.is_some() => return Err(MalformedHeader::RepeatedTimestamp),
                Some(("t", value)) => t = Some(value),
                Some(("v1", _)) if codes.len() == MAX_SIGNATURES => return Err(MalformedHeader::TooManySignatures),
                Some(("v1", value)) => codes.push(parse_signature(value)?),
                Some(_) => {}
            }
        }
        let t = t.ok_or(MalformedHeader::NoTimestamp)?;
        Ok(Self { t, signed_at: t.parse().map_err(|_| MalformedHeader::BadTimestamp)?, signatures: codes })
    }
}

fn text(raw: &[u8]) -> Result<&str, MalformedHeader> {
    if raw.len() > MAX_HEADER_BYTES {
        return Err(MalformedHeader::TooLong);
    }
    str::from_utf8(raw).ok().filter(|text| text.is_ascii()).ok_or(MalformedHeader::NotAscii)
}

fn parse_signature(value: &str) -> Result<MacBytes, MalformedHeader> {
    let mut code = MacBytes::default();
    hex::decode_to_slice(value, &mut code).map_err(|_| MalformedHeader::BadSignature)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use MalformedHeader::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn parse_error(header: &str) -> MalformedHeader {
        SignatureHeader::parse(header.as_bytes()).unwrap_err()
    }

    fn count(header: &str) -> usize {
        SignatureHeader::parse(header.as_bytes()).unwrap().signatures.len()
    }

    #[test]
    fn the_standard_format_is_parsed() {
        let header = format!("t=1893456000,v1={HEX}");
        let parsed = SignatureHeader::parse(header.as_bytes()).unwrap();
        assert_eq!((parsed.t, parsed.signed_at), ("1893456000", 1_893_456_000));
        assert_eq!(parsed.signatures.iter().map(hex::encode).collect::<Vec<_>>(), [HEX]);
    }

    #[test]
    fn order_spaces_case_and_other_schemes_do_not_matter() {
        assert_eq!(count(&format!("v1={HEX}, t=1")), 1);
        assert_eq!(count(&format!(" t=1 ,\tv1={} ", HEX.to_uppercase())), 1);
        assert_eq!(count(&format!("v0=anything,t=1,v2=,v1={HEX},v1={HEX},V1=x,v10==")), 2);
        assert_eq!(count("t=1,v0=aa"), 0);
    }

    #[test]
    fn a_timestamp_is_one_integer() {
        assert_eq!(parse_error(&format!("v1={HEX}")), NoTimestamp);
        assert_eq!(parse_error(&format!("t=1,t=1,v1={HEX}")), RepeatedTimestamp);
        for t in ["", "now", "1.5", "0x10", "1e9", " 1", "1 2", "9223372036854775808"] {
            assert_eq!(parse_error(&format!("t={t},v1={HEX}")), BadTimestamp, "{t:?}");
        }
    }

    #[test]
    fn a_v1_is_exactly_64_hex_digits() {
        for value in ["", "00", &HEX[2..], &HEX[1..], &format!("{HEX}00"), &format!("{}zz", &HEX[2..])] {
            assert_eq!(parse_error(&format!("t=1,v1={value}")), BadSignature, "{value:?}");
        }
    }

    #[test]
    fn junk_is_rejected() {
        for junk in ["", ",", "t", "=", "t=1,", ",t=1", "t=1,,v0=x", "t=1;v1", "t=1,=x"] {
            let expected = if junk == "t=1;v1" { BadTimestamp } else { NotAPair };
            assert_eq!(parse_error(junk), expected, "{junk:?}");
        }
    }

    #[test]
    fn non_ascii_is_rejected() {
        assert_eq!(parse_error("t=1,v1=é"), NotAscii);
        assert_eq!(SignatureHeader::parse(b"t=1,v1=\xff").unwrap_err(), NotAscii);
    }

    #[test]
    fn length_and_number_of_signatures_are_bounded() {
        let filled = |len: usize| format!("t=1,v0={}", "x".repeat(len - 7));
        assert_eq!(count(&filled(MAX_HEADER_BYTES)), 0);
        assert_eq!(parse_error(&filled(MAX_HEADER_BYTES + 1)), TooLong);

        let signed = |n: usize| format!("t=1{}", format!(",v1={HEX}").repeat(n));
        assert_eq!(count(&signed(MAX_SIGNATURES)), MAX_SIGNATURES);
        assert_eq!(parse_error(&signed(MAX_SIGNATURES + 1)), TooManySignatures);
    }
}
