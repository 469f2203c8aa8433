//! The sound files that a configuration names: each is tried before anybody has to hear it.

use std::ops::Range;

use mediaserver::sound::Shelf;
use node::config::{Problem, Source};

use crate::config::Config;

/// A file that is named: what for, its name, and where that stands.
pub struct Named {
    /// `greeting`, `music_on_hold`.
    pub what: &'static str,
    /// Its name, as it is looked up.
    pub file: String,
    /// Where it is named, if that is known.
    pub at: Option<Range<usize>>,
}

/// What people on hold hear, by the whole exchange, routes and users. An empty name is silence.
pub fn music(config: &Config) -> Vec<Named> {
    let of_all = config.proxy.music_on_hold.iter().map(|file| (file, None));
    let of_route = |route: &'_ toml::Spanned<proxy::config::plan::RouteConfig>| {
        (route.get_ref().music_on_hold.clone(), route.span())
    };
    let routes: Vec<_> = config.route.iter().map(of_route).collect();
    let users = config.user.iter().map(|user| (user.get_ref().music_on_hold.clone(), user.span()));
    let own = routes.into_iter().chain(users).filter_map(|(file, at)| Some((file?, Some(at))));
    let all = of_all.map(|(file, at)| (file.clone(), at)).chain(own);
    let named = all.filter(|(file, _)| !file.is_empty());
    named.map(|(file, at)| Named { what: "music_on_hold:", file, at }).collect()
}

/// Those that cannot be played, and why: mistakes first, then, where another process plays them, so that a file need not be
/// here, warnings.
pub fn unplayable(config: &Config, source: &Source, all: Vec<Named>) -> (Vec<Problem>, Vec<Problem>) {
    let mut shelf = Shelf::new(config.media.sound_folders());
    let wrong = all.into_iter().filter_map(|Named { what, file, at }| {
        let said = format!("{what} {}", shelf.sound(&file).err()?);
        Some(match at {
            Some(at) => source.problem(at, said),
            None => Problem { path: source.path().to_owned(), at: None, what: format!("[proxy] {said}") },
        })
    });
    let wrong = wrong.collect();
    if config.rpc.mediaserver.is_some() { (Vec::new(), wrong) } else { (wrong, Vec::new()) }
}
