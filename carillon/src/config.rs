//! The whole configuration: a struct of the rooms' parts, read from one file and checked before a port is bound.

use std::path::Path;
use std::sync::Arc;

use callcenter::config::{CodesConfig, HolidaysConfig, MenuConfig};
use callcenter::core::Book;
use node::config::{ListenAddress, Problem, Report, Source};
use prompt::Language;
use proxy::ProxyConfig;
use proxy::config::plan::{DialConfig, GroupConfig, ParkConfig, RouteConfig};
use proxy::core::plan::{Plan, PlanError};
use registrar::{UserConfig, Users};
use serde::Deserialize;
use toml::Spanned;

use crate::{applications, attendant, mailboxes, sounds};

/// One file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What callers hear where neither their call nor a menu says another language: `"fr"` or `"en"`. Default `"en"`.
    pub language: Option<Spanned<String>>,
    /// Where SIP is spoken.
    pub sip: node::listen::Config,
    /// How hosts of other domains are found.
    pub dns: node::dns::Config,
    /// The threads that handle it.
    pub shard: node::shard::Config,
    /// Metrics and health.
    pub http: node::telemetry::Http,
    /// What is logged, and how.
    pub log: node::telemetry::Log,
    /// The edge.
    pub proxy: ProxyConfig,
    /// Where the media of calls is received and sent.
    pub media: mediaserver::Config,
    /// The way between services, where they are processes of their own.
    pub rpc: crate::services::Rpc,
    /// Timers of the transactions.
    pub timers: Timers,
    /// Registrations.
    pub registrar: registrar::Config,
    /// Users that are kept in the database.
    pub directory: registrar::DirectoryConfig,
    /// What all rules share.
    pub dial: DialConfig,
    /// Users.
    pub user: Vec<Spanned<UserConfig>>,
    /// Rules.
    pub route: Vec<Spanned<RouteConfig>>,
    /// Where calls are parked. Without this section nowhere.
    pub park: Option<Spanned<ParkConfig>>,
    /// Groups of users.
    pub group: Vec<Spanned<GroupConfig>>,
    /// Mailboxes of users. Without this section there are none.
    pub voicemail: Option<voicemail::Config>,
    /// What answers calls.
    pub callcenter: callcenter::Config,
    /// What users dial to change what becomes of their calls.
    pub codes: CodesConfig,
    /// Menus that callers hear.
    pub menu: Vec<Spanned<MenuConfig>>,
    /// Days on which menus are closed.
    pub holidays: Vec<Spanned<HolidaysConfig>>,
}

impl Config {
    /// What callers hear where nobody says another language. A tag that is none is a mistake, which [`load`] says.
    pub fn spoken(&self) -> Language {
        let named = self.language.as_ref().and_then(|tag| Language::of(tag.get_ref()));
        named.unwrap_or(Language::English)
    }
}

/// `[timers]`: RFC 3261 §17.1.1.1 and Table 4.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timers {
    /// An estimate of the round trip. Default 500 ms. Below the real one each request is sent several times.
    pub t1: node::config::Duration,
    /// The longest wait between repeats. Default 4 s.
    pub t2: node::config::Duration,
    /// How long a message may stay in the network. Default 5 s.
    pub t4: node::config::Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let usual = sip::transaction::Intervals::default();
        Self { t1: usual.t1.into(), t2: usual.t2.into(), t4: usual.t4.into() }
    }
}

/// A configuration that was found good, with what was made of it.
#[derive(Debug)]
pub struct Checked {
    /// The values.
    pub config: Config,
    /// The users of the file, hashed.
    pub users: Users,
    /// The dial plan.
    pub plan: Arc<Plan>,
    /// The menus.
    pub book: Arc<Book>,
    /// What works and is probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads a file whole; an error names every mistake that could be found.
pub fn load(source: &Source, listen: &[String]) -> Result<Checked, Report> {
    let mut config: Config = source.parse()?;
    config.media.stands_in(source.folder());
    if config.language.is_some() {
        config.spoken().tag().clone_into(&mut config.proxy.language);
    }
    if !listen.is_empty() {
        config.sip.listen = listen.iter().map(|text| listener(text)).collect::<Result<_, _>>()?;
    }
    let mut problems = Vec::new();
    check_values(&config, source.path(), &mut problems);
    let users = users(&config, source).map_err(|problem| problems.push(problem)).ok();
    let names = config.user.iter().flat_map(|user| {
        let user = user.get_ref();
        [Some(user.name.as_str()), user.extension.as_deref()].into_iter().flatten()
    });
    let names: Vec<&str> = names.collect();
    let shown = |error: PlanError| source.problem(error.at, error.what);
    if let Some(tag) = &config.language
        && let Err(what) = attendant::language(tag.get_ref())
    {
        problems.push(source.problem(tag.span(), what));
    }
    let menus = attendant::read(&config, source);
    problems.extend(mailboxes::mistakes(&config, source));
    let (silent, doubts) = sounds::unplayable(&config, source, sounds::music(&config));
    problems.extend(silent);
    let attached = applications::attached(&config, menus.as_ref().ok());
    let plan = Plan::build(&config.dial, &config.route, &config.group, &names, &attached);
    match (users, plan, menus) {
        (Some(users), Ok((plan, warnings)), Ok(menus)) if problems.is_empty() => {
            let warnings = warnings.into_iter().map(shown).chain(menus.warnings);
            let warnings = warnings.chain(doubts).chain(mailboxes::warning(&config, source)).collect();
            Ok(Checked { users, plan: Arc::new(plan), book: menus.book, warnings, config })
        }
        (_, plan, menus) => {
            problems.extend(plan.err().into_iter().flatten().map(shown));
            problems.extend(menus.err().into_iter().flatten());
            Err(Report(problems))
        }
    }
}

fn listener(text: &str) -> Result<node::listen::Listen, Report> {
    let read = text.parse::<ListenAddress>();
    let whole = |what| Report::from(Problem { path: "--listen".into(), at: None, what });
    read.map(|address| node::listen::Listen { address, advertise: None, local_networks: Vec::new() })
        .map_err(whole)
}

fn users(config: &Config, source: &Source) -> Result<Users, Problem> {
    let plain: Vec<UserConfig> = config.user.iter().map(|user| user.get_ref().clone()).collect();
    Users::load(&plain, &config.proxy.domain, config.proxy.realm(), source.folder()).map_err(|why| {
        // Of two users with one name the second is the one that is wrong.
        let named = config.user.iter().rev().find(|user| user.get_ref().name == why.user);
        let what = why.to_string();
        match named {
            Some(user) => source.problem(user.span(), what),
            None => Problem { path: source.path().to_owned(), at: None, what },
        }
    })
}

fn check_values(config: &Config, path: &Path, problems: &mut Vec<Problem>) {
    let mut wrong = |what: String| problems.push(Problem { path: path.to_owned(), at: None, what });
    if config.sip.listen.is_empty() {
        wrong("[sip] listen is empty, so nobody could call; write listen = [\"udp:0.0.0.0:5060\"]".into());
    }
    if let Err(what) = config.registrar.terms() {
        wrong(format!("[registrar] {what}"));
    }
    if let Err(what) = config.dns.check() {
        wrong(format!("[dns] {what}"));
    }
    if config.timers.t1.is_zero() || config.timers.t2 < config.timers.t1 {
        wrong("[timers] t1 is above zero, and t2 is not below t1".into());
    }
    if let Some(what) = applications::mistake(config) {
        wrong(format!("[rpc] {what}"));
    }
    if let Some(what) = config.codes.mistake() {
        wrong(format!("[codes] {what}"));
    }
    if let Some(what) = config.media.mistake() {
        wrong(format!("[media] {what}"));
    }
    for name in &config.proxy.algorithms {
        if sip::auth::Algorithm::parse(name.as_bytes()).is_none_or(|algorithm| algorithm.session) {
            wrong(format!(
                "[proxy] algorithms: no algorithm {name:?}; write some of \"SHA-256\", \"SHA-512-256\", \"MD5\""
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_good() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
        for name in [
            "company.toml",
            "dialplan.toml",
            "domains.toml",
            "registrar.toml",
            "edge.toml",
            "mediaserver.toml",
            "callcenter.toml",
            "french-company.toml",
        ] {
            let source = Source::read(&folder.join(name)).expect("it is there");
            let checked = load(&source, &[]).unwrap_or_else(|report| panic!("{report}"));
            assert_eq!(checked.warnings, [], "{name}");
        }
    }

    #[test]
    fn a_menu_is_checked_with_its_keys_its_number_and_its_greeting() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
        let good = std::fs::read_to_string(examples.join("french-company.toml")).expect("it is there");
        for (from, to, said) in [
            ("1 = \"alice\"", "1 = \"Alice\"", "menu \"accueil\": no user Alice; alice exists"),
            ("\"7000\"", "\"6002\"", "extension 6002 is in use by a user"),
            ("bonjour.wav", "salut.wav", "greeting salut.wav: not in "),
            ("bonjour.wav", "french-company.toml", "greeting french-company.toml: "),
            (
                "[proxy]\n",
                "[proxy]\nmusic_on_hold = \"jazz.mp3\"\n",
                "[proxy] music_on_hold: jazz.mp3: not in ",
            ),
            ("[[user]]\n", "[[user]]\nmusic_on_hold = \"jazz\"\n", "music_on_hold: jazz: not in "),
            ("\"fr\" ", "\"klingon\" ", "language: \"klingon\" is not spoken here; there are fr, en"),
        ] {
            let text = good.replacen(from, to, 1);
            let source = Source::of(&examples.join("french-company.toml"), &text);
            let report = load(&source, &[]).expect_err(to).to_string();
            assert!(report.contains(said), "{said:?} in {report}");
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = "[sip]\nlisten = []\n[[user]]\nname = \"a\"\npassword = \"x\"\n[[user]]\nname = \"a\"\npassword = \"y\"\n\
                    [[route]]\nprefix = \"00\"\nsteps = []\n";
        let said = load(&Source::of(Path::new("x.toml"), text), &[]).expect_err("three mistakes").to_string();
        for part in
            ["listen is empty", "x.toml:6:1: user a", "x.toml:9:1: route \"prefix 00\": it has no steps"]
        {
            assert!(said.contains(part), "{part:?} in {said}");
        }
    }
}
