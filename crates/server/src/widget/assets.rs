//! Files that the pages load, compiled in. A path contains the hash of the content, so caches need no expiry.

use std::sync::LazyLock;

/// A file to be served at `path`, with [`Freshness::Immutable`](super::Freshness::Immutable).
#[derive(Debug)]
pub struct Asset {
    /// The absolute path, such as `/assets/widget-0123456789abcdef.css`.
    pub path: String,
    /// The media type, with its charset.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
    /// A strong entity tag, in its quotes.
    pub etag: String,
}

/// All files except themes and icons: the widget's stylesheet, the favicon, and the stylesheet of the API reference.
#[must_use]
pub fn assets() -> &'static [Asset; 3] {
    static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
        [
            asset("widget", "css", "text/css; charset=utf-8", include_bytes!("../../assets/widget.css")),
            asset("mark", "svg", "image/svg+xml", include_bytes!("../../assets/mark.svg")),
            asset("reference", "css", "text/css; charset=utf-8", include_bytes!("../../assets/reference.css")),
        ]
    });
    &ASSETS
}

fn asset(name: &str, extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let hash = fnv1a(bytes);
    Asset {
        path: format!("/assets/{name}-{hash:016x}.{extension}"),
        content_type,
        bytes,
        etag: format!("\"{hash:016x}\""),
    }
}

/// FNV-1a with 64 bits. It distinguishes versions of our own files, and needs no collision resistance.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{assets, fnv1a};

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_path_changes_with_its_content() {
        for asset in assets() {
            assert!(asset.path.contains(asset.etag.trim_matches('"')), "{}", asset.path);
            assert!(asset.etag.contains(&format!("{:016x}", fnv1a(asset.bytes))), "{}", asset.path);
        }
    }

    #[test]
    fn the_stylesheets_load_nothing_from_elsewhere() {
        for sheet in [&assets()[0], &assets()[2]] {
            let css = std::str::from_utf8(sheet.bytes).expect("text");
            assert!(!css.contains("url(") && !css.contains("@import"), "{}", sheet.path);
        }
    }
}
