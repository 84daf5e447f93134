//! Globs on canonical paths: `*` within a segment, `**` as a whole segment for any number of segments.

use smallvec::SmallVec;

/// How a path is read when it is compared with a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Byte for byte: for globs that open something.
    Exact,
    /// As a lenient upstream may read it: letter case, `;` parameters and a trailing `/` do not count. For globs that
    /// protect something, so that `/Admin/` and `/admin;a=1/x` do not slip past a rule on `/admin/**`.
    Lenient,
}

/// A compiled glob.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    reading: Reading,
}

#[derive(Debug, Clone)]
enum Part {
    /// `**`
    Any,
    /// One segment; pieces between the `*`s.
    Segment(Vec<String>),
}

impl Glob {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn new(text: &str, reading: Reading) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("expected a path glob that begins with `/`, got `{text}`"));
        };
        let folded = match reading {
            Reading::Exact => rest.to_owned(),
            Reading::Lenient => rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase(),
        };
        let mut parts = Vec::new();
        for segment in folded.split('/') {
            if segment == "**" {
                parts.push(Part::Any);
            } else if segment.contains("**") {
                return Err(format!("expected `**` to stand alone between two `/`, got `{text}`"));
            } else {
                parts.push(Part::Segment(segment.split('*').map(str::to_owned).collect()));
            }
        }
        Ok(Self { parts, reading })
    }

    /// Whether the whole of `path` fits.
    pub(crate) fn fits(&self, path: &str) -> bool {
        let rest = path.strip_prefix('/').unwrap_or(path);
        let segments: SmallVec<[&str; 12]> = rest.split('/').map(|segment| self.stem(segment)).collect();
        if self.walk(&segments) {
            return true;
        }
        match segments.split_last() {
            Some((last, others)) if last.is_empty() && self.reading == Reading::Lenient => self.walk(others),
            _ => false,
        }
    }

    fn stem<'a>(&self, segment: &'a str) -> &'a str {
        match self.reading {
            Reading::Exact => segment,
            Reading::Lenient => {
                let plain = segment.split(';').next().unwrap_or(segment);
                plain.split("%3B").next().unwrap_or(plain)
            }
        }
    }

    /// Greedy with one point of return, the last `**`: linear in segments for each `**`.
    fn walk(&self, segments: &[&str]) -> bool {
        let (mut part, mut segment) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), segments.get(segment)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    back = Some((part + 1, segment));
                    part += 1;
                    continue;
                }
                (Some(Part::Segment(pieces)), Some(text)) if self.segment_fits(pieces, text) => {
                    part += 1;
                    segment += 1;
                    continue;
                }
                _ => {}
            }
            match back {
                Some((resume, from)) if from < segments.len() => {
                    back = Some((resume, from + 1));
                    (part, segment) = (resume, from + 1);
                }
                _ => return false,
            }
        }
    }

    fn segment_fits(&self, pieces: &[String], text: &str) -> bool {
        let fold = self.reading == Reading::Lenient;
        let equal = |one: &[u8], other: &[u8]| if fold { one.eq_ignore_ascii_case(other) } else { one == other };
        let mut rest = text.as_bytes();
        let last = pieces.len().saturating_sub(1);
        for (place, piece) in pieces.iter().enumerate() {
            let piece = piece.as_bytes();
            if place == last {
                let Some(start) = rest.len().checked_sub(piece.len()) else { return false };
                return (place > 0 || start == 0) && equal(rest.get(start..).unwrap_or_default(), piece);
            }
            let found = if place == 0 {
                rest.get(..piece.len()).is_some_and(|head| equal(head, piece)).then_some(0)
            } else {
                (0..=rest.len().saturating_sub(piece.len()))
                    .find(|start| rest.get(*start..*start + piece.len()).is_some_and(|part| equal(part, piece)))
            };
            let Some(start) = found else { return false };
            rest = rest.get(start + piece.len()..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(glob: &str, path: &str, reading: Reading) -> bool {
        Glob::new(glob, reading).unwrap().fits(path)
    }

    #[test]
    fn stars_stay_within_a_segment_and_double_stars_do_not() {
        for (glob, path, expected) in [
            ("/health", "/health", true),
            ("/health", "/health/", false),
            ("/health", "/Health", false),
            ("/admin/**", "/admin", true),
            ("/admin/**", "/admin/", true),
            ("/admin/**", "/admin/a/b", true),
            ("/admin/**", "/administrator", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/b/c", false),
            ("/a/**/c", "/a/c", true),
            ("/a/**/c", "/a/b/b/c", true),
            ("/a/**/c/**/e", "/a/b/c/c/d/e", true),
            ("/a/**/c", "/a/b/b/d", false),
            ("/v*/x", "/v12/x", true),
            ("/*.json", "/a.json", true),
            ("/*.json", "/a.jsonp", false),
            ("/a*b*c", "/abbc", true),
            ("/a*a", "/a", false),
            ("/**", "/", true),
        ] {
            assert_eq!(fits(glob, path, Reading::Exact), expected, "{glob} on {path}");
        }
    }

    #[test]
    fn a_protecting_glob_is_not_slipped_past_by_case_parameters_or_a_slash() {
        for path in ["/Admin/users", "/ADMIN/", "/admin", "/admin;x=1/users", "/admin%3Bx/users"] {
            assert!(fits("/admin/**", path, Reading::Lenient), "{path}");
        }
        assert!(fits("/reports", "/reports/", Reading::Lenient));
        assert!(!fits("/admin/**", "/administrator", Reading::Lenient));
    }

    #[test]
    fn bad_globs_say_what_was_expected() {
        assert!(Glob::new("admin", Reading::Exact).unwrap_err().contains("begins with `/`"));
        assert!(Glob::new("/a**", Reading::Exact).unwrap_err().contains("stand alone"));
    }

    proptest! {
        #[test]
        fn a_literal_glob_fits_itself_alone(path in "(/[a-z0-9.]{1,5}){1,5}", other in "(/[a-z0-9.]{1,5}){1,5}") {
            prop_assert!(fits(&path, &path, Reading::Exact));
            prop_assert_eq!(fits(&path, &other, Reading::Exact), path == other);
        }

        #[test]
        fn exact_fits_are_lenient_fits(glob in "(/([a-c*]{1,3}|\\*\\*)){1,4}", path in "(/[a-c]{0,3}){1,5}") {
            if let (Ok(exact), Ok(lenient)) = (Glob::new(&glob, Reading::Exact), Glob::new(&glob, Reading::Lenient)) {
                prop_assert!(!exact.fits(&path) || lenient.fits(&path));
            }
        }
    }
}
