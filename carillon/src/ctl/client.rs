//! `carillon ctl`: asks the running process and prints what it says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::{Answer, Ask, LINE_BYTES_MAX, mailboxes, socket_path};
use crate::cli::{Ctl, Mailboxes, Users};

/// Runs one `ctl` command against the process whose state folder this is.
pub fn run(command: &Ctl, state: &Path) -> Result<()> {
    let (ask, json) = question(command)?;
    let value = put(&ask, state)?;
    if let Ctl::Voicemail(Mailboxes::Export { file, .. }) = command {
        return export(&value, file);
    }
    let text = if json { serde_json::to_string_pretty(&value)? } else { shown(&ask, &value) };
    // A closed pipe (`| head`) is the reader's wish, not an error.
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    Ok(())
}

/// Asks one question and waits for its answer.
pub fn put(ask: &Ask, state: &Path) -> Result<Value> {
    let path = socket_path(state);
    let mut stream = UnixStream::connect(&path).with_context(|| {
        format!(
            "no exchange answers at {}; start one with `carillon`, or name its folder with --state DIR",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX))
        .read_line(&mut answer)
        .context("the exchange did not answer in time")?;
    match serde_json::from_str(&answer).context("the exchange closed the socket; its log says why")? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(what) => Err(anyhow!(what)),
    }
}

fn question(command: &Ctl) -> Result<(Ask, bool)> {
    Ok(match command {
        Ctl::Bindings { prefix, json } => (Ask::Bindings { prefix: prefix.clone() }, *json),
        Ctl::Calls { json } => (Ask::Calls, *json),
        Ctl::Route { number, from, at } => {
            let unix_s = at.as_deref().map_or_else(now, moment)?;
            (Ask::Route { number: number.clone(), from: from.clone(), unix_s }, false)
        }
        Ctl::Reload => (Ask::Reload, false),
        Ctl::Drain => (Ask::Drain, false),
        Ctl::Users(Users::List { json }) => (Ask::ListUsers, *json),
        Ctl::Users(Users::Add { user, extension, name }) => {
            let (user, extension, display_name) = (user.clone(), extension.clone(), name.clone());
            let password = password(&user)?;
            (Ask::AddUser { user, extension, display_name, password }, false)
        }
        Ctl::Users(Users::Remove { user }) => (Ask::RemoveUser { user: user.clone() }, false),
        Ctl::Users(Users::Calls { user, setting, value }) => {
            let change = setting.clone().zip(value.clone());
            (Ask::Settings { user: user.clone(), change }, false)
        }
        Ctl::Users(Users::Password { user }) => {
            (Ask::SetPassword { user: user.clone(), password: password(user)? }, false)
        }
        Ctl::Voicemail(of) => {
            let (ask, json) = of_mailboxes(of)?;
            (Ask::Voicemail(ask), json)
        }
    })
}

fn of_mailboxes(command: &Mailboxes) -> Result<(mailboxes::Mailboxes, bool)> {
    use mailboxes::Mailboxes as Of;
    Ok(match command.clone() {
        Mailboxes::List { mailbox, json } => (Of::List { mailbox }, json),
        Mailboxes::Messages { mailbox, json } => (Of::Messages { mailbox }, json),
        Mailboxes::Delete { mailbox, message } => (Of::Delete { mailbox, message }, false),
        Mailboxes::Export { mailbox, message, .. } => (Of::Sound { mailbox, message }, false),
        Mailboxes::ResetPin { mailbox, new } => {
            let pin = new.then(|| secret("PIN", &mailbox)).transpose()?;
            (Of::ResetPin { mailbox, pin }, false)
        }
        Mailboxes::Unlock { mailbox } => (Of::Unlock { mailbox }, false),
    })
}

/// Copies the sound, which is on this machine: the socket is.
fn export(value: &Value, file: &Path) -> Result<()> {
    let (Some(path), Some(what)) = (value["path"].as_str(), value["what"].as_str()) else {
        bail!("the answer cannot be read; are both sides of one version?");
    };
    let mut sound = File::open(path).with_context(|| {
        format!("the sound is in {path}, which cannot be read here; are you whom carillon runs as?")
    })?;
    if file == Path::new("-") {
        // A closed pipe is the reader's wish, not an error.
        let _ = io::copy(&mut sound, &mut io::stdout());
        return Ok(());
    }
    let made = File::create_new(file).and_then(|mut file| io::copy(&mut sound, &mut file));
    made.with_context(|| format!("{} cannot be made; name a file that is not there yet", file.display()))?;
    let _ = writeln!(io::stdout(), "{what} is in {}.", file.display());
    Ok(())
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs())
}

fn moment(text: &str) -> Result<u64> {
    let moment: jiff::Timestamp =
        text.parse().with_context(|| format!("--at {text:?} is no time; write 2026-12-25T10:00:00Z"))?;
    u64::try_from(moment.as_second()).with_context(|| format!("--at {text:?} is before 1970"))
}

/// A password from the terminal or, for scripts, the first line of standard input.
fn password(user: &str) -> Result<String> {
    secret("password", user)
}

fn secret(what: &str, user: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        eprint!("New {what} of {user} (it shows while you type): ");
    }
    let mut line = String::new();
    io::stdin().lock().take(1024).read_line(&mut line).with_context(|| format!("no {what} could be read"))?;
    let secret = line.trim_end_matches(['\r', '\n']).to_owned();
    match secret.is_empty() {
        true => bail!("the {what} is empty; type one, or pipe it in: echo SECRET | carillon ctl ..."),
        false => Ok(secret),
    }
}

fn shown(ask: &Ask, value: &Value) -> String {
    match (ask, value) {
        (Ask::Bindings { .. }, Value::Array(rows)) if rows.is_empty() => "Nobody is registered.".into(),
        (Ask::Calls, Value::Array(rows)) if rows.is_empty() => "Nothing is under way.".into(),
        (Ask::ListUsers, Value::Array(rows)) if rows.is_empty() => "There are no users.".into(),
        (Ask::Voicemail(mailboxes::Mailboxes::List { .. }), Value::Array(rows)) if rows.is_empty() => {
            "No mailbox holds a message, and none is locked.".into()
        }
        (Ask::Voicemail(_), Value::Array(rows)) if rows.is_empty() => "The mailbox is empty.".into(),
        (_, Value::Array(rows)) => table(rows),
        (_, Value::String(text)) => text.clone(),
        (_, other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Rows with the same keys as columns, the first row's order.
fn table(rows: &[Value]) -> String {
    let Some(Value::Object(first)) = rows.first() else { return String::new() };
    let keys: Vec<&String> = first.keys().collect();
    let cell = |row: &Value, key: &str| match &row[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> =
        vec![keys.iter().map(|key| key.to_uppercase().replace('_', " ")).collect()];
    lines.extend(rows.iter().map(|row| keys.iter().map(|key| cell(row, key)).collect()));
    let widths: Vec<usize> = (0..keys.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How long an answer may take; a drain answers at once and goes on by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_shown_as_a_table_with_the_keys_above() {
        let rows = [json!({"aor": "alice", "expires_s": 60}), json!({"aor": "bob", "expires_s": null})];
        assert_eq!(table(&rows), "AOR    EXPIRES S\nalice  60\nbob");
    }

    #[test]
    fn a_process_that_does_not_run_is_named_with_the_next_step() {
        let said = put(&Ask::Calls, Path::new("/nonexistent")).expect_err("nobody is there").to_string();
        assert!(said.contains("/nonexistent/carillon.sock") && said.contains("--state DIR"), "{said}");
    }
}
