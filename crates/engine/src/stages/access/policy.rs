//! Asks the policies about one request, and says what they decided.

use stockade_inspect::ParsedBody;
use stockade_model::{Refusal, Stage};

use super::objects::shown;
use super::owners::Held;
use super::policies::{Asked, AskedObject, Policies};
use super::{Access, POLICY, UNDECIDED, no_identity, tell};
use crate::State;
use crate::fields::decode;
use crate::stage::{Exchange, Outcome, Ran, Received};

impl Access {
    /// Whether policies are asked once the body is there.
    pub(super) fn waits(&self, policies: &Policies, exchange: &Exchange<'_>) -> bool {
        let has_body = exchange.request.framing != stockade_model::Framing::None || exchange.request.upgrade.is_some();
        !exchange.facts.preflight && has_body && policies.wants_body(exchange.record.operation, exchange.request)
    }

    /// Asks; without an answer of theirs that permits, the request is refused.
    pub(super) fn ask_policies(
        &self,
        policies: &Policies,
        exchange: &mut Exchange<'_>,
        state: &State,
        received: Option<&Received<'_>>,
    ) -> Outcome {
        let body = match received.map(|received| (received, received.parsed)) {
            Some((received, _)) if received.too_long => {
                return Err(undecided(exchange, "the body is longer than what is judged"));
            }
            Some((_, Some(Ok(ParsedBody::Json { shadowed, .. })))) if !shadowed.is_empty() => {
                return Err(undecided(exchange, "a name comes twice in the body"));
            }
            Some((_, Some(Ok(ParsedBody::Json { value, .. })))) => Some(value),
            Some((_, Some(Err(error)))) => return Err(undecided(exchange, &error.detail)),
            _ => None,
        };
        let asked = Asked {
            request: exchange.request,
            operation: exchange.record.operation,
            path: path_values(exchange),
            identity: exchange.record.identity.as_deref(),
            now: exchange.now,
            body,
            object: self.asked_object(exchange, state),
        };
        let answered = policies.ask(&asked);
        if let Some(why) = answered.undecided {
            return Err(undecided(exchange, &why));
        }
        let names = answered.policies.iter().map(|(name, place)| named(name, place)).collect::<Vec<_>>().join(", ");
        let setting = answered.policies.first().map_or_else(
            || "policies".to_owned(),
            |(name, place)| if name == place { format!("policies.{place}") } else { format!("policies.{name}") },
        );
        if answered.permitted {
            tell(exchange, || format!("permitted by policy {names}"));
            exchange.explain_setting(|exchange| exchange.setting(&format!("access.{setting}")));
            return Ok(Ran::Pass);
        }
        let operation = exchange.operation_id().unwrap_or(&exchange.request.method).to_owned();
        let Some(identity) = exchange.record.identity.as_deref() else {
            let wish = if names.is_empty() {
                format!("a policy that permits `{operation}` to whoever calls")
            } else {
                format!("no policy that forbids `{operation}`, as {names} does")
            };
            return Err(Box::new(no_identity(exchange, &setting, &wish)));
        };
        let caller = format!("`{}` with roles [{}]", identity.subject, identity.roles.join(", "));
        let detail = if names.is_empty() {
            format!("expected a policy that permits `{operation}` to {caller}; none does")
        } else {
            format!("policy {names} forbids `{operation}` to {caller}")
        };
        let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
        let setting = exchange.setting(&format!("access.{setting}"));
        let mut refusal = Refusal::new(Stage::Access, &POLICY, setting, detail);
        refusal.exception = Some("change that policy, or add one that permits it".to_owned());
        Err(Box::new(refusal))
    }

    /// The object that a request is about: of several kinds, the one whose path is longest.
    fn asked_object(&self, exchange: &Exchange<'_>, state: &State) -> Option<AskedObject> {
        let api = exchange.api?;
        let place = self.place(&api.name, exchange.request, exchange.record.operation, exchange.facts);
        let kinds = self.objects.iter().filter_map(|kind| Some((kind, kind.target(&place)?)));
        let (kind, target) = kinds.max_by_key(|(kind, _)| kind.path.split('/').count())?;
        let now_s = exchange.now.monotonic_us / 1_000_000;
        let held = exchange
            .record
            .identity
            .as_deref()
            .map_or(Held::Unknown, |identity| kind.held(&target, identity, &state.owners, now_s));
        let owner = match &held {
            Held::Own => exchange
                .record
                .identity
                .as_deref()
                .and_then(|identity| kind.callers(identity).first().map(|caller| shown(caller).to_owned())),
            Held::Other(owner) => Some(shown(owner).to_owned()),
            Held::Unknown => None,
        };
        Some(AskedObject { kind: kind.path.clone(), id: target.id, owner, own: held == Held::Own })
    }
}

/// A policy by its name, and where it stands when that says more.
fn named(name: &str, place: &str) -> String {
    if name == place { format!("`{name}`") } else { format!("`{name}` ({place})") }
}

fn undecided(exchange: &Exchange<'_>, why: &str) -> Box<Refusal> {
    let detail = format!("expected a request that policies can decide about; {why}");
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    Box::new(Refusal::new(Stage::Access, &UNDECIDED, exchange.setting("access.policies"), detail))
}

fn path_values(exchange: &Exchange<'_>) -> Vec<(String, String)> {
    let path = exchange.request.path.as_str();
    let names = exchange.operation().map(|operation| operation.path_names.as_slice()).unwrap_or_default();
    let values =
        exchange.facts.path_values.iter().filter_map(|range| path.get(range.start as usize..range.end as usize));
    names
        .iter()
        .zip(values)
        .map(|(name, value)| {
            (name.clone(), decode(value).map_or_else(|| value.to_owned(), std::borrow::Cow::into_owned))
        })
        .collect()
}
