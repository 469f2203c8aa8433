//! The one binary: reads the command line, builds the rooms, joins them and runs them. Here alone the services are
//! put into one process or into several.

mod applications;
mod attendant;
mod cli;
mod config;
mod ctl;
mod mailboxes;
mod media;
mod metrics;
mod operator;
mod parse;
mod reload;
mod run;
mod services;
mod sounds;
mod state;
mod waiting;
mod welcome;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use node::config::Source;
use services::Role;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match obey(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("carillon: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(cli: &Cli) -> Result<()> {
    let folder = state::folder(cli.common.state.as_deref());
    match &cli.command {
        None => run::run(Role::Whole, &cli.common, &folder),
        Some(Command::Proxy) => run::run(Role::Proxy, &cli.common, &folder),
        Some(Command::Registrar) => run::run(Role::Registrar, &cli.common, &folder),
        Some(Command::Mediaserver) => media::run(&cli.common, &folder),
        Some(Command::Callcenter) => attendant::run(&cli.common, &folder),
        Some(Command::Voicemail) => mailboxes::run(&cli.common, &folder),
        Some(Command::Check { file }) => {
            let checked = config::load(&Source::read(file)?, &cli.common.listen)?;
            for warning in &checked.warnings {
                println!("warning: {warning}");
            }
            let (users, routes) = (checked.users.len(), checked.config.route.len());
            println!("{} is good: {users} users, {routes} routes.", file.display());
            Ok(())
        }
        Some(Command::Ctl(command)) => ctl::client::run(command, &folder),
        Some(Command::Parse { file }) => parse::run(file),
        Some(Command::Passwords) => {
            if cli.common.config.is_some() {
                bail!("the passwords of a configuration are not kept in clear; set new ones there");
            }
            let (users, _) = state::example_users(&folder)?;
            print!("{}", welcome::passwords(&users));
            Ok(())
        }
        Some(Command::Completion { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "carillon", &mut std::io::stdout());
            Ok(())
        }
    }
}
