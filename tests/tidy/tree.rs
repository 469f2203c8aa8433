//! The files of the project, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub struct Source {
    /// Its path from the top of the project, as it is shown: `sip/src/lib.rs`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// True for code that is only compiled for tests, and for the test crates.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.starts_with("tests/") || self.path.contains("/tests/")
    }
}

/// The top of the project.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("this crate lies in tests/tidy").to_owned()
}

/// What a file says; nothing when it is not there.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Every Rust file.
pub fn rust() -> Vec<Source> {
    files(|name| ends_with(name, "rs"))
}

/// Every file that people write: code, documents, scripts, configuration.
pub fn written() -> Vec<Source> {
    let endings = ["rs", "md", "toml", "sh", "py", "xml", "yml", "yaml", "proto", "cfg", "json", "ladder"];
    files(|name| endings.iter().any(|ending| ends_with(name, ending)) || ["dev", "run"].contains(&name))
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| own == ending)
}

fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &mut |path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_wanted(name)
            && let Ok(text) = fs::read_to_string(path)
        {
            let path = path.strip_prefix(root()).unwrap_or(path).display().to_string();
            found.push(Source { path, text });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, see: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Built things and git's own are nobody's prose; `.ci` and `.config` are ours.
        let is_ours = !name.starts_with('.') || [".ci", ".config", ".cargo"].contains(&&*name);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && is_ours && name != "target" => walk(&entry.path(), see),
            Ok(kind) if kind.is_file() => see(&entry.path()),
            _ => {}
        }
    }
}
