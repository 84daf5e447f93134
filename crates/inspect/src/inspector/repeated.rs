//! Parameters that come more than once: some back ends join their values, and so join an attack that was cut up.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::head::shown;
use super::run::Run;
use crate::detect::Kind;

type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The parameters of one query or form.
#[derive(Default)]
pub(super) struct Repeated<'a> {
    pairs: SmallVec<[Pair<'a>; 4]>,
}

impl<'a> Repeated<'a> {
    /// Keeps one parameter.
    pub(super) fn add(&mut self, name: Cow<'a, [u8]>, value: Cow<'a, [u8]>) {
        self.pairs.push((name, value));
    }

    /// Looks at the values of each name that came more than once, joined with `,` as the back ends that join them do.
    /// They do not tell upper from lower case in names either. Each joined value counts as a value of the request.
    pub(super) fn look(mut self, part: &str, run: &mut Run<'_>) {
        if self.pairs.len() < 2 {
            return;
        }
        // Stable, so that values stay in the order they came.
        self.pairs.sort_by(|(left, _), (right, _)| lower(left).cmp(lower(right)));
        for group in self.pairs.chunk_by(|(left, _), (right, _)| left.eq_ignore_ascii_case(right)) {
            let [(name, _), _, ..] = group else { continue };
            if run.is_over() {
                return;
            }
            run.place.clear();
            run.place.push_str(part);
            run.place.push_str(&shown(name));
            let values: SmallVec<[&[u8]; 4]> = group.iter().map(|(_, value)| &**value).collect();
            run.value(&values.join(&b","[..]), Kind::Parameter);
        }
    }
}

fn lower(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(u8::to_ascii_lowercase)
}
