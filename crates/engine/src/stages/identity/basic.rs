//! User names and passwords (RFC 7617). Checking one is dear on purpose, so it is looked up, and remembered for a while.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stockade_model::plan::BasicPlan;
use stockade_model::{Identity, Now, Reason, Secret};

use super::Fault;
use super::look_up::{LookUp, LookedUp, Wanted};
use super::method::Proved;
use super::passwords::{self, Passwords};
use crate::PlanError;

/// Longest user name with its password, bytes.
const LONGEST: usize = 1024;

/// Not a user name and a password.
pub(crate) const MALFORMED: Reason = Reason {
    code: "identity.basic_malformed",
    status: 401,
    meaning: "the credential is not a user name and a password in base64",
    remedy: "send `Authorization: Basic BASE64(user:password)`",
    source: "RFC 7617 2",
};

/// No such user, or another password.
pub(crate) const WRONG: Reason = Reason {
    code: "identity.wrong_password",
    status: 401,
    meaning: "there is no such user, or the password is another",
    remedy: "look for guessing when there are many of these; limit failures by address",
    source: "OWASP API2:2023",
};

#[derive(Debug)]
struct User {
    argon2id: String,
    identity: Arc<Identity>,
}

/// The users of one method.
#[derive(Debug)]
pub(crate) struct Basic {
    users: HashMap<String, User>,
    /// A hash to check against when there is no such user, so that time does not tell who is one.
    decoy: String,
    remember_us: u64,
    wait_ms: u32,
}

impl Basic {
    /// Compiles the users.
    ///
    /// # Errors
    /// No user, a name with a colon or one that comes twice, a hash of another kind.
    pub(crate) fn new(plan: &BasicPlan, setting: &str) -> Result<Self, PlanError> {
        let mut users = HashMap::with_capacity(plan.users.len());
        for user in &plan.users {
            let at = format!("{setting}.users.{}", user.user);
            passwords::check_hash(&user.argon2id).map_err(|problem| PlanError::new(&at, problem))?;
            let identity = Identity {
                method: plan.name.clone(),
                subject: user.subject.clone(),
                roles: user.roles.clone(),
                scopes: user.scopes.clone(),
                ..Identity::default()
            };
            let known = User { argon2id: user.argon2id.clone(), identity: Arc::new(identity) };
            let sound = !user.user.is_empty() && !user.user.contains(':');
            if !sound || users.insert(user.user.clone(), known).is_some() {
                return Err(PlanError::new(at, "expected a name without `:` that no other user of this method has"));
            }
        }
        let Some(first) = plan.users.first() else {
            return Err(PlanError::new(format!("{setting}.users"), "expected at least one user"));
        };
        Ok(Self {
            decoy: first.argon2id.clone(),
            users,
            remember_us: u64::from(plan.remember_ms).saturating_mul(1000),
            wait_ms: plan.wait_ms,
        })
    }

    /// Who shows the credential.
    ///
    /// # Errors
    /// It is malformed, or wrong, or could not be checked.
    pub(super) fn prove(
        &self,
        credential: &str,
        known: &Passwords,
        now: Now,
        told: Option<Option<LookedUp>>,
    ) -> Result<Proved, Fault> {
        let (name, password) = split(credential)?;
        let user = self.users.get(&name);
        let hash = user.map_or(&self.decoy, |user| &user.argon2id);
        let key = passwords::key(hash, &name, &password);
        let right = match (told, known.known(&key, now)) {
            (Some(Some(LookedUp::Password(right))), _) => {
                known.remember(&key, right, self.remember_us, now);
                right
            }
            (_, Some(right)) => right,
            (Some(_), None) => return Err(Fault::unavailable("expected the check of the password to end in time")),
            (None, None) => {
                let wanted = Wanted::Password { hash: hash.clone(), password: Secret::new(password) };
                return Ok(Proved::Asks(LookUp { wanted, wait_ms: self.wait_ms }));
            }
        };
        match user {
            Some(user) if right => Ok(Proved::Caller(Arc::clone(&user.identity))),
            _ => Err(Fault::new(&WRONG, "expected the password of a known user")),
        }
    }
}

fn split(credential: &str) -> Result<(String, String), Fault> {
    let fault = || Fault::new(&MALFORMED, format!("expected at most {LONGEST} bytes of `user:password` in base64"));
    if credential.len() > LONGEST * 4 / 3 {
        return Err(fault());
    }
    let bytes = STANDARD.decode(credential).map_err(|_| fault())?;
    let text = String::from_utf8(bytes).map_err(|_| fault())?;
    // A user name has no colon, a password may (RFC 7617 2).
    let (user, password) = text.split_once(':').ok_or_else(fault)?;
    Ok((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_colon_ends_the_user_name() {
        // The example of RFC 7617 2, and one whose password has colons.
        assert_eq!(split("QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap(), ("Aladdin".to_owned(), "open sesame".to_owned()));
        assert_eq!(split(&STANDARD.encode("a:b:c")).unwrap(), ("a".to_owned(), "b:c".to_owned()));
        for bad in ["", "QWxhZGRpbg==", "!", &STANDARD.encode([0xff, b':'])] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = split(&text);
        }
    }
}
