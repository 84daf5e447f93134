//! The data folder as the gateway sees it: which bundle is in force, decisions, the files that say it runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use stockade_engine::{Engine, check_decision};
use stockade_model::Decision;

use crate::bundle::{self, BundleError, BundleKeys};
use crate::challenges::Challenges;
use crate::tls::Certificates;
use crate::upstream;

/// Largest `decisions.json`.
const DECISIONS_BYTES_MAX: usize = 64 << 20;
/// Largest `bundles/current`.
const NAME_BYTES_MAX: usize = 255;
/// Bundles that are tried when the one in force is no good.
const FALLBACKS: usize = 8;

/// A folder with `bundles/`, `keys/bundle.pub`, `decisions.json`, `spool/` and `gateway.sock`.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

/// A bundle that could be put in force at once.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) engine: Arc<Engine>,
    pub(crate) certificates: Certificates,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub(crate) fn challenges(&self) -> Challenges {
        Challenges::new(&self.root)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("gateway.sock")
    }

    /// The bundle that `bundles/current` names.
    pub(crate) fn current(&self) -> Result<PathBuf, BundleError> {
        let file = self.root.join("bundles/current");
        let problem = |text: String| BundleError::new("bundle.current", format!("`{}`: {text}", file.display()));
        let bytes = bundle::read_limited(&file, NAME_BYTES_MAX).map_err(|error| problem(error.to_string()))?;
        let name = String::from_utf8_lossy(&bytes);
        let name = name.trim();
        // A name, not a path: nothing outside of the folder is ever loaded.
        if !is_bundle_name(name) {
            return Err(problem(format!("expected the name of a bundle, got `{}`", name.escape_debug())));
        }
        Ok(self.root.join("bundles").join(name))
    }

    /// The file of the bundle of this version.
    pub(crate) fn bundle(&self, version: u64) -> PathBuf {
        self.root.join("bundles").join(bundle_name(version))
    }

    /// Makes `bundles/current` name the bundle of this version.
    pub(crate) fn set_current(&self, version: u64) -> io::Result<()> {
        self.replace("bundles/current", bundle_name(version).as_bytes())
    }

    /// Reads, verifies and compiles a bundle with its certificates; nothing changes yet.
    pub(crate) fn compile(&self, file: &Path) -> Result<Compiled, BundleError> {
        let key_file = self.root.join("keys/bundle.pub");
        let public = bundle::read_limited(&key_file, 32).map_err(|error| {
            BundleError::new("bundle.missing", format!("cannot read `{}`: {error}", key_file.display()))
        })?;
        // Missed only by a bundle that is sealed, which says so.
        let seal = bundle::read_limited(&self.root.join("keys/bundle.seal"), 32).ok();
        let plan = bundle::read(file, &BundleKeys { public, seal })?;
        upstream::check(&plan).map_err(|problem| BundleError::new("bundle.setting", problem))?;
        let certificates =
            Certificates::load(&plan).map_err(|problem| BundleError::new("bundle.certificates", problem))?;
        let engine = Engine::new(plan).map_err(|error| BundleError::new("bundle.setting", error.to_string()))?;
        Ok(Compiled { engine: Arc::new(engine), certificates })
    }

    /// The bundle in force, or the newest other one that is good; and why each one before it is not.
    pub(crate) fn last_good(&self) -> (Option<Compiled>, Vec<BundleError>) {
        let mut problems = Vec::new();
        let current = self.current().map_err(|error| problems.push(error)).ok();
        let others = self.bundles().into_iter().filter(|file| Some(file) != current.as_ref()).take(FALLBACKS);
        for file in current.iter().cloned().chain(others) {
            match self.compile(&file) {
                Ok(compiled) => return (Some(compiled), problems),
                Err(BundleError { code, problem }) => {
                    problems.push(BundleError::new(code, format!("`{}`: {problem}", file.display())));
                }
            }
        }
        (None, problems)
    }

    /// All bundles, newest first.
    fn bundles(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join("bundles")).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(is_bundle_name))
            .map(|entry| entry.path())
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        found
    }

    /// The decisions that control wrote; none when there is no file.
    pub(crate) fn decisions(&self) -> Result<Vec<Decision>, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Snapshot {
            decisions: Vec<Decision>,
        }
        let file = self.root.join("decisions.json");
        let bytes = match bundle::read_limited(&file, DECISIONS_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("cannot read `{}`: {error}", file.display())),
            Ok(bytes) if bytes.len() > DECISIONS_BYTES_MAX => {
                return Err(format!("`{}`: expected at most {DECISIONS_BYTES_MAX} bytes", file.display()));
            }
            Ok(bytes) => bytes,
        };
        let snapshot: Snapshot =
            serde_json::from_slice(&bytes).map_err(|error| format!("`{}`: {error}", file.display()))?;
        for decision in &snapshot.decisions {
            check_decision(decision)
                .map_err(|problem| format!("`{}`: decision `{}`: {problem}", file.display(), decision.id))?;
        }
        Ok(snapshot.decisions)
    }

    /// Says that the gateway runs, and where it listens.
    pub(crate) fn write_running(&self, addresses: &[SocketAddr]) -> io::Result<()> {
        let text = serde_json::json!({"pid": std::process::id(), "listeners": addresses}).to_string();
        self.replace("gateway.json", text.as_bytes())
    }

    /// Writes a file so that whoever reads it sees the old one or the new one, whole.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let (file, fresh) = (self.root.join(name), self.root.join(format!("{name}.new")));
        let mut out: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        out.write_all(content)?;
        out.sync_all()?;
        fs::rename(fresh, file)
    }

    /// Takes back what [`write_running`](Self::write_running) said.
    pub(crate) fn remove_running(&self) {
        let _ = fs::remove_file(self.root.join("gateway.json"));
        let _ = fs::remove_file(self.socket());
    }
}

/// As control writes it.
fn bundle_name(version: u64) -> String {
    format!("{version:012}.bundle")
}

fn is_bundle_name(name: &str) -> bool {
    name.strip_suffix(".bundle").is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_bundle_is_taken_as_current() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        assert_eq!(folder.current().unwrap_err().code, "bundle.current");
        fs::create_dir(data.path().join("bundles")).unwrap();
        for (text, good) in [
            ("000000000003.bundle\n", true),
            ("../keys/bundle.pub", false),
            ("/etc/passwd", false),
            ("x.bundle", false),
            (".bundle", false),
            ("", false),
        ] {
            fs::write(data.path().join("bundles/current"), text).unwrap();
            assert_eq!(folder.current().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn decisions_are_read_whole_or_not_at_all() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        assert_eq!(folder.decisions(), Ok(Vec::new()));
        let file = data.path().join("decisions.json");
        let good = r#"{"id":"d1","selector":{"address":"192.0.2.1"},"action":"block","reason":"x","expires_at":1}"#;
        fs::write(&file, format!(r#"{{"decisions":[{good}]}}"#)).unwrap();
        assert_eq!(folder.decisions().unwrap().len(), 1);
        fs::write(&file, format!(r#"{{"decisions":[{good},{{"id":"d2"}}]}}"#)).unwrap();
        assert!(folder.decisions().unwrap_err().contains("missing field"));
        fs::write(&file, format!(r#"{{"decisions":[{}]}}"#, good.replace("address", "colour"))).unwrap();
        assert!(folder.decisions().unwrap_err().contains("decision `d1`"));
    }

    #[test]
    fn without_any_good_bundle_every_problem_is_told() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("bundles")).unwrap();
        fs::create_dir(data.path().join("keys")).unwrap();
        fs::write(data.path().join("keys/bundle.pub"), [0; 32]).unwrap();
        fs::write(data.path().join("bundles/current"), "000000000002.bundle").unwrap();
        fs::write(data.path().join("bundles/000000000001.bundle"), "rubbish rubbish").unwrap();
        let (compiled, problems) = Folder::new(data.path()).last_good();
        assert!(compiled.is_none());
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["bundle.missing", "bundle.magic"]);
    }
}
