//! Colours and their contrast.

use std::fmt;

/// The contrast that WCAG 2.2 requires of text at level AA (1.4.3).
pub(super) const AA_TEXT: f64 = 4.5;

/// A colour in sRGB, eight bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rgb(pub(super) [u8; 3]);

impl Rgb {
    pub(super) const BLACK: Self = Self([0, 0, 0]);
    pub(super) const WHITE: Self = Self([255, 255, 255]);

    /// Contrast ratio from 1 to 21 (WCAG 2.2, "contrast ratio").
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever has more contrast on this colour. One of them always reaches AA.
    pub(super) fn text(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) { Self::WHITE } else { Self::BLACK }
    }

    /// This colour, mixed with the text colour of `surface` until it is readable there.
    pub(super) fn readable_on(self, surface: Self) -> Self {
        (0..=20)
            .map(|step| self.mix(surface.text(), f64::from(step) / 20.0))
            .find(|color| color.contrast(surface) >= AA_TEXT)
            .unwrap_or(surface.text())
    }

    fn mix(self, other: Self, share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
        let channel = |i: usize| (f64::from(self.0[i]) * (1.0 - share) + f64::from(other.0[i]) * share).round() as u8;
        Self([channel(0), channel(1), channel(2)])
    }

    /// Relative luminance from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

/// As `#rrggbb`.
impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::{AA_TEXT, Rgb};

    #[test]
    fn contrast_agrees_with_published_examples() {
        assert!((Rgb::WHITE.contrast(Rgb::BLACK) - 21.0).abs() < 1e-9);
        assert!((Rgb([0x76, 0x76, 0x76]).contrast(Rgb::WHITE) - 4.54).abs() < 0.01);
        assert!(Rgb([0x77, 0x77, 0x77]).contrast(Rgb::WHITE) < AA_TEXT);
    }

    #[test]
    fn any_color_is_readable_as_text_and_background() {
        let steps = [0, 51, 102, 118, 128, 153, 204, 255];
        for color in steps.into_iter().flat_map(|r| steps.into_iter().flat_map(move |g| steps.map(|b| Rgb([r, g, b]))))
        {
            assert!(color.contrast(color.text()) >= AA_TEXT, "{color}");
            for surface in [Rgb::WHITE, Rgb::BLACK, Rgb([0x1a, 0x1d, 0x27])] {
                assert!(color.readable_on(surface).contrast(surface) >= AA_TEXT, "{color} on {surface}");
            }
        }
    }
}
