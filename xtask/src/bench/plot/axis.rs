//! Where things go on a plot: pure arithmetic.

/// How the values of a curve are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// Between these, both above 0.
    Log(f64, f64),
}

/// Linear, so that heights compare as the values do; logarithmic where small ones would not be seen.
pub fn scale(values: &[f64]) -> Scale {
    let positive = || values.iter().copied().filter(|value| *value > 0.0);
    let low = positive().fold(f64::INFINITY, f64::min);
    let high = positive().fold(0.0, f64::max);
    if high == 0.0 {
        Scale::Linear(1.0)
    } else if high / low > 8.0 {
        let (from, to) = (low.log10().floor(), high.log10().ceil());
        Scale::Log(10_f64.powf(from), 10_f64.powf(to))
    } else {
        Scale::Linear(high * 1.12)
    }
}

/// The right end of an axis of ratios: beyond the longest bar, and beyond most of its whiskers.
pub fn ratio_end(bars: &[(f64, f64)]) -> f64 {
    let longest = bars.iter().map(|bar| bar.0).fold(1.0, f64::max);
    let whisker = bars.iter().map(|bar| bar.1).fold(1.0, f64::max);
    let end = whisker.min(longest * 1.3).max(longest * 1.12);
    (end * 5.0).ceil() / 5.0
}

/// Lays out things of these widths in lines: where each begins, and on which line.
pub fn places(widths: &[u32], room: u32) -> Vec<(u32, u32)> {
    let (mut at, mut line) = (0, 0);
    let mut place = |width: &u32| {
        if at > 0 && at + width > room {
            (at, line) = (0, line + 1);
        }
        let place = (at, line);
        at += width;
        place
    };
    widths.iter().map(&mut place).collect()
}

/// A number of an axis, short: 1k, 2.5M.
pub fn short(value: f64) -> String {
    let (scaled, letter) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    // Three figures tell what an axis has to; trailing zeros tell nothing.
    let digits = match scaled.abs() {
        scaled if scaled >= 100.0 => 0,
        scaled if scaled >= 10.0 => 1,
        scaled if scaled >= 1.0 || scaled == 0.0 => 2,
        _ => 4,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_alike_stand_over_zero() {
        assert!(matches!(scale(&[50.0, 100.0]), Scale::Linear(end) if end > 100.0));
        assert_eq!(scale(&[3.0, 450.0]), Scale::Log(1.0, 1000.0));
        assert_eq!(scale(&[]), Scale::Linear(1.0));
    }

    #[test]
    fn the_longest_bar_fits_and_a_wild_whisker_is_cut() {
        assert!(ratio_end(&[(1.4, 1.5), (2.0, 9.0)]) >= 2.0);
        assert!(ratio_end(&[(1.4, 1.5), (2.0, 9.0)]) < 3.0);
        assert!(ratio_end(&[(0.5, 0.6)]) > 1.0);
    }

    #[test]
    fn what_does_not_fit_goes_on_the_next_line() {
        assert_eq!(places(&[60, 50, 50], 120), [(0, 0), (60, 0), (0, 1)]);
        assert_eq!(places(&[200, 10], 120), [(0, 0), (0, 1)]);
    }

    #[test]
    fn axes_have_short_numbers() {
        let shown = [10.0, 1000.0, 2_500_000.0, 0.05, 0.0, 150_000.0].map(short);
        assert_eq!(shown, ["10", "1k", "2.5M", "0.05", "0", "150k"]);
    }
}
