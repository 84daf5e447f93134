//! Checks passwords beside the threads that serve: a check takes tens of milliseconds on purpose.

use std::sync::Arc;

use stockade_engine::is_password;
use stockade_model::Secret;
use tokio::sync::Semaphore;

/// Checks that may wait for their turn; whoever comes then is not checked at all.
const MOST_WAITING: usize = 64;

/// The turns of all workers together.
#[derive(Debug)]
pub(crate) struct Passwords {
    /// One turn for each core: more would only take memory.
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores)), waiting: Arc::new(Semaphore::new(MOST_WAITING)) }
    }
}

impl Passwords {
    /// Whether `password` is the one behind `hash`; `None` when there are too many checks to wait for.
    pub(super) async fn check(&self, hash: &str, password: &Secret) -> Option<bool> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let (hash, password) = (hash.to_owned(), password.clone());
        let check = move || {
            // Held to the end of the check, also when nobody waits for it any more.
            let _held = (waiting, turn);
            is_password(&hash, password.reveal())
        };
        tokio::task::spawn_blocking(check).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";

    #[tokio::test]
    async fn a_hash_that_is_none_is_nobodys_password_and_turns_come_back() {
        let passwords = Passwords::default();
        for _ in 0..2 * MOST_WAITING {
            assert_eq!(passwords.check(HASH, &Secret::new("open sesame")).await, Some(false));
        }
        assert_eq!(passwords.waiting.available_permits(), MOST_WAITING);
    }

    #[tokio::test]
    async fn whoever_comes_to_a_full_queue_is_not_kept_waiting() {
        let passwords = Passwords::default();
        let _all = Arc::clone(&passwords.waiting).acquire_many_owned(MOST_WAITING as u32).await.unwrap();
        assert_eq!(passwords.check(HASH, &Secret::new("open sesame")).await, None);
    }
}
