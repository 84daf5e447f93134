//! Fields that callers may not set on themselves: rights, verification, money.
//!
//! Such fields are ordinary where an administrator edits a user. They are a probe where callers edit themselves or sign
//! up, and where several spellings of the same right are tried at once.

use serde_json::Value;

use super::{Detector, Hit};
use crate::catalogue::DetectorInfo;

/// Runs on whole objects, not on single values.
pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants: |_| false, look: |_| None };

pub(crate) const INFO: DetectorInfo = DetectorInfo {
    name: "mass_assignment",
    what: "fields that give rights or money, such as `isAdmin` or `balance`, where callers sign up or edit themselves",
    why: "a service that binds whatever it is sent makes its caller an administrator (OWASP API3:2023)",
    example: "POST /register {\"name\":\"a\",\"isAdmin\":true}",
};

/// Fields that give rights when they are true; without `_`, `-` and case. Sorted.
const RIGHTS: &[&str] = &[
    "admin",
    "administrator",
    "approved",
    "emailverified",
    "isadmin",
    "isadministrator",
    "isapproved",
    "isinternal",
    "isowner",
    "ispremium",
    "isroot",
    "isstaff",
    "issuperadmin",
    "issuperuser",
    "isverified",
    "kycverified",
    "phoneverified",
    "root",
    "staff",
    "superadmin",
    "superuser",
    "verified",
];
/// Fields that name a right; with the values that raise it.
const ROLES: &[&str] = &[
    "accesslevel",
    "accounttype",
    "authorities",
    "groups",
    "permission",
    "permissions",
    "privilege",
    "privileges",
    "role",
    "roleid",
    "roles",
    "userrole",
    "usertype",
];
const HIGH: &[&str] =
    &["*", "admin", "administrator", "god", "owner", "root", "staff", "superadmin", "superuser", "sysadmin"];
/// Amounts that only the service keeps.
const MONEY: &[&str] = &["accountbalance", "availablecredit", "balance", "creditbalance", "credits", "walletbalance"];
/// Path segments of operations by which callers sign up or edit themselves.
const OWN: &[&str] = &[
    "account",
    "me",
    "my-account",
    "myaccount",
    "onboarding",
    "profile",
    "register",
    "registration",
    "self",
    "sign-up",
    "sign_up",
    "signup",
];

/// Looks at the fields of one object; `path` is the path of the request.
pub(crate) fn look(entries: &serde_json::Map<String, Value>, path: &str) -> Option<(String, Hit)> {
    let mut first: Option<&str> = None;
    let mut rights = 0_usize;
    for (key, value) in entries.iter().take(200) {
        if key.len() <= 20 && raises(key, value) {
            rights += 1;
            first = first.or(Some(key));
        }
    }
    let key = first?.to_owned();
    let own = path.split('/').any(|segment| OWN.iter().any(|name| segment.eq_ignore_ascii_case(name)));
    let (confidence, note) = match (own, rights) {
        (_, 3..) => (0.86, "several rights or amounts at once that callers may not set"),
        (true, _) => (0.84, "right or amount that callers may not set on themselves"),
        (false, _) => (0.45, "right or amount that callers seldom may set"),
    };
    Some((key, Hit { confidence, range: 0..0, note }))
}

fn raises(key: &str, value: &Value) -> bool {
    // Most values give nothing, which is told faster than what a key means.
    let (yes, one, high, amount) = match value {
        Value::Bool(given) => (*given, false, false, false),
        Value::Number(number) => {
            (false, number.as_u64() == Some(1), false, number.as_f64().is_some_and(|most| most > 0.0))
        }
        Value::String(text) if text.len() <= 20 => {
            let yes = ["true", "1", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word));
            (yes, false, is_high(text), false)
        }
        Value::Array(items) => {
            (false, false, items.iter().take(20).any(|item| item.as_str().is_some_and(is_high)), false)
        }
        _ => return false,
    };
    if !(yes || one || high || amount) {
        return false;
    }
    let mut name = [0_u8; 20];
    let letters = key.bytes().filter(|letter| !matches!(letter, b'_' | b'-'));
    let length = name.iter_mut().zip(letters).map(|(slot, letter)| *slot = letter.to_ascii_lowercase()).count();
    let Some(name) = name.get(..length).and_then(|name| std::str::from_utf8(name).ok()) else { return false };
    (yes || one) && RIGHTS.binary_search(&name).is_ok()
        || high && ROLES.binary_search(&name).is_ok()
        || amount && MONEY.binary_search(&name).is_ok()
}

fn is_high(text: &str) -> bool {
    let name = text.strip_prefix("ROLE_").unwrap_or(text);
    let name = name.strip_suffix(":*").unwrap_or(name);
    HIGH.iter().any(|high| name.eq_ignore_ascii_case(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confidence(path: &str, body: &str) -> f32 {
        let Ok(Value::Object(entries)) = serde_json::from_str(body) else { return -1.0 };
        look(&entries, path).map_or(0.0, |(_, hit)| hit.confidence)
    }

    #[test]
    fn names_are_sorted() {
        for names in [RIGHTS, ROLES, MONEY] {
            assert!(names.is_sorted());
        }
    }

    #[test]
    fn rights_that_callers_give_themselves_are_found() {
        for (path, body) in [
            ("/register", r#"{"username":"a","password":"b","admin":true}"#),
            ("/api/v1/users/me", r#"{"name":"a","role":"admin"}"#),
            ("/signup", r#"{"email":"a@b.c","roles":["ROLE_ADMIN"]}"#),
            ("/profile", r#"{"balance":100000}"#),
            ("/users", r#"{"isAdmin":true,"is_superuser":1,"role":"root"}"#),
        ] {
            assert!(confidence(path, body) >= 0.8, "{path} {body}");
        }
    }

    #[test]
    fn ordinary_fields_are_let_pass() {
        for (path, body) in [
            ("/admin/users", r#"{"name":"a","role":"admin"}"#),
            ("/users/7", r#"{"is_staff":true}"#),
            ("/register", r#"{"username":"a","admin":false,"role":"customer"}"#),
            ("/profile", r#"{"verified":null,"balance":0}"#),
            ("/accounts", r#"{"balance":12.5,"currency":"EUR"}"#),
        ] {
            assert!(confidence(path, body) < 0.8, "{path} {body}");
        }
    }
}
