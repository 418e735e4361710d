//! A provider's logo, supplied by the operator. We distribute no third-party logos.

use std::sync::Arc;

/// An image of at most [`Logo::MAX_BYTES`] bytes. Its first bytes determine the type; the file name does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    content_type: &'static str,
    bytes: Arc<[u8]>,
}

/// Why a file cannot be a logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// The file is larger than [`Logo::MAX_BYTES`].
    #[error("a logo has at most {} KiB", Logo::MAX_BYTES / 1024)]
    TooLarge,
    /// The file is not an image of a type that every browser supports.
    #[error("a logo is an SVG, PNG, JPEG, WebP or GIF file")]
    NotAnImage,
}

impl Logo {
    /// The size limit. The gateway uses the same one for images that it fetches.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Creates a logo from the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`LogoError`] if the file is too large or not an image.
    pub fn new(bytes: Vec<u8>) -> Result<Self, LogoError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(LogoError::TooLarge);
        }
        let content_type = content_type(&bytes).ok_or(LogoError::NotAnImage)?;
        Ok(Self { content_type, bytes: bytes.into() })
    }

    /// The media type, such as `image/png`.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The unchanged file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn content_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => is_svg(bytes).then_some("image/svg+xml"),
    }
}

/// Whether the file is UTF-8 text whose first element is `svg`, after an optional XML declaration, comments and a
/// document type.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!") => ">",
            _ => break,
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    let name_end = |c: char| c.is_whitespace() || c == '>' || c == '/';
    rest.strip_prefix("<svg").is_some_and(|rest| rest.starts_with(name_end))
}

#[cfg(test)]
mod tests {
    use super::{Logo, LogoError};

    #[test]
    fn the_first_bytes_decide_the_type_of_a_logo() {
        for (bytes, content_type) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], "image/png"),
            (b"\xff\xd8\xff\xe0\0", "image/jpeg"),
            (b"GIF89a\0", "image/gif"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x > y -->\n<!DOCTYPE svg>\n<svg>", "image/svg+xml"),
        ] {
            assert_eq!(Logo::new(bytes.to_vec()).map(|logo| logo.content_type()), Ok(content_type));
        }
    }

    #[test]
    fn a_file_that_is_not_an_image_is_rejected() {
        for bytes in [&b""[..], b"<html><svg>", b"<svgs>", b"<!-- <svg>", b"\x89PNG", b"%PDF-1.7", b"\xff\xfe<svg>"] {
            assert_eq!(Logo::new(bytes.to_vec()), Err(LogoError::NotAnImage), "{bytes:?}");
        }
        let mut large = b"<svg>".to_vec();
        large.resize(Logo::MAX_BYTES + 1, b' ');
        assert_eq!(Logo::new(large), Err(LogoError::TooLarge));
    }
}
