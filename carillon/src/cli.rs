//! The command line: what can be typed, and its help. What it does is elsewhere.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A telephone exchange for many sites, in one binary.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, after_help = EXAMPLES)]
pub struct Cli {
    /// What to start or to ask; without it, the whole exchange.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options that every service shares.
    #[command(flatten)]
    pub common: Common,
}

/// Options that every service and tool shares.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration, one TOML file. Without it: three example users on the usual ports.
    #[arg(long, short, global = true, value_name = "FILE", env = "CARILLON_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where passwords, certificates and the user database are kept.
    #[arg(long, global = true, value_name = "DIR", env = "CARILLON_STATE")]
    pub state: Option<PathBuf>,
    /// Listen here instead of where the configuration says; may be repeated.
    #[arg(long, global = true, value_name = "TRANSPORT:ADDRESS:PORT")]
    pub listen: Vec<String>,
    /// What to log: error, warn, info, debug, trace, or per room such as `info,proxy=debug`.
    #[arg(long, global = true, value_name = "LEVEL", env = "CARILLON_LOG")]
    pub log: Option<String>,
    /// Log lines as JSON.
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// What can be started or asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The SIP edge alone; it asks a registrar over gRPC.
    #[command(
        after_help = "Example: carillon proxy --config edge.toml   ([rpc] registrar = \"https://10.0.0.5:5070\")"
    )]
    Proxy,
    /// The registrar and directory alone, for proxies to ask.
    #[command(
        after_help = "Example: carillon registrar --config registrar.toml   ([rpc] listen = \"10.0.0.5:5070\")"
    )]
    Registrar,
    /// The media of calls alone, for proxies to ask.
    #[command(
        after_help = "Example: carillon mediaserver --config mediaserver.toml   ([rpc] listen = \"10.0.0.6:5071\")"
    )]
    Mediaserver,
    /// The menus alone, for proxies to hand calls to.
    #[command(
        after_help = "Example: carillon callcenter --config callcenter.toml   ([rpc] listen = \"10.0.0.8:5073\")"
    )]
    Callcenter,
    /// The mailboxes alone, for proxies to hand calls to.
    #[command(
        after_help = "Example: carillon voicemail --config voicemail.toml   ([rpc] listen = \"10.0.0.9:5074\")"
    )]
    Voicemail,
    /// Read a configuration, say what is wrong with it, and start nothing.
    #[command(after_help = "Example: carillon check company.toml")]
    Check {
        /// The configuration.
        file: PathBuf,
    },
    /// Ask or tell a running exchange.
    #[command(subcommand)]
    Ctl(Ctl),
    /// Read one SIP message and print the verdict and the message as JSON.
    #[command(after_help = "Examples: carillon parse invite.sip\n          sngrep ... | carillon parse -")]
    Parse {
        /// The message, octet for octet; `-` for standard input.
        file: PathBuf,
    },
    /// Show the passwords that were made for the example users.
    Passwords,
    /// Print the completion script of a shell.
    #[command(after_help = "Example: carillon completion bash > /etc/bash_completion.d/carillon")]
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Questions to a running exchange, by the socket in its state folder.
#[derive(Debug, Subcommand)]
pub enum Ctl {
    /// Who is registered, and where.
    #[command(after_help = "Examples: carillon ctl bindings\n          carillon ctl bindings alice --json")]
    Bindings {
        /// Only addresses of record that begin so.
        #[arg(default_value = "")]
        prefix: String,
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// The calls and requests under way.
    Calls {
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// What would happen if somebody dialled a number, and which rule says so.
    #[command(after_help = "Example: carillon ctl route 6002 --from alice --at 2026-12-25T10:00:00Z")]
    Route {
        /// What is dialled.
        number: String,
        /// The user who dials; without it, a caller from outside.
        #[arg(long, value_name = "USER")]
        from: Option<String>,
        /// The moment, as RFC 3339 writes it. Default: now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Read the configuration again; a wrong one is refused whole and the running one stays.
    Reload,
    /// Take no new calls, wait for those under way, then stop.
    Drain,
    /// Users that are kept in the database, beside those of the configuration.
    #[command(subcommand)]
    Users(Users),
    /// Mailboxes and their messages. Where `carillon voicemail` is a process of its own, name its folder with --state.
    #[command(subcommand)]
    Voicemail(Mailboxes),
}

/// Mailboxes; each is named by its user or extension, a message by its id or how that begins.
#[derive(Debug, Clone, Subcommand)]
pub enum Mailboxes {
    /// What mailboxes hold and may hold, whose PIN they have, and which are locked by wrong PINs.
    #[command(
        after_help = "Examples: carillon ctl voicemail list\n          carillon ctl voicemail list bob --json"
    )]
    List {
        /// This one alone. Default: all that hold a message or are locked.
        mailbox: Option<String>,
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// The messages of a mailbox, the oldest first.
    #[command(after_help = "Example: carillon ctl voicemail messages bob")]
    Messages {
        /// Whose.
        mailbox: String,
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Throw a message away. Lamps follow at once; its sound is removed a day later.
    #[command(after_help = "Example: carillon ctl voicemail delete bob msg_5f3c")]
    Delete {
        /// Whose.
        mailbox: String,
        /// Which, as `messages` names it.
        message: String,
    },
    /// Copy a message into a WAV file. It stays new.
    #[command(after_help = "Examples: carillon ctl voicemail export bob msg_5f3c complaint.wav\n          \
                      carillon ctl voicemail export bob msg_5f3c - | aplay")]
    Export {
        /// Whose.
        mailbox: String,
        /// Which, as `messages` names it.
        message: String,
        /// The file, which must not be there yet; `-` for standard output.
        file: PathBuf,
    },
    /// Forget the PIN that a user chose: that of the configuration counts again. A locked mailbox is unlocked.
    #[command(after_help = "Examples: carillon ctl voicemail reset-pin bob\n          \
                      echo 90210 | carillon ctl voicemail reset-pin bob --new")]
    ResetPin {
        /// Whose.
        mailbox: String,
        /// Set another one, which is asked for, or read from standard input.
        #[arg(long)]
        new: bool,
    },
    /// Let PINs be tried again in a mailbox that wrong ones have locked. The PIN stays.
    #[command(after_help = "Example: carillon ctl voicemail unlock bob")]
    Unlock {
        /// Whose.
        mailbox: String,
    },
}

/// Users of the database.
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Add a user; the password is asked for, or read from standard input.
    #[command(after_help = "Example: carillon ctl users add zoe 6004 --name 'Zoé Martin'")]
    Add {
        /// The user's name, as phones register with it.
        user: String,
        /// The number to dial.
        extension: String,
        /// The name that is shown.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// List all users, of the configuration and of the database.
    List {
        /// As JSON, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Remove a user of the database.
    Remove {
        /// Whom.
        user: String,
    },
    /// What becomes of the calls to a user: forwarding, do-not-disturb, follow-me.
    #[command(after_help = "Examples: carillon ctl users calls bob\n          \
                      carillon ctl users calls bob forward-no-answer 6003\n          \
                      carillon ctl users calls bob follow-me '0601020304 20, 6003 15'\n          \
                      carillon ctl users calls bob do-not-disturb on\n          \
                      carillon ctl users calls bob forward-always off")]
    Calls {
        /// Whose.
        user: String,
        /// What to change: do-not-disturb, forward-always, forward-busy, forward-no-answer, forward-unreachable,
        /// follow-me.
        #[arg(requires = "value")]
        setting: Option<String>,
        /// What to change it to.
        value: Option<String>,
    },
    /// Set a user's password; it is asked for, or read from standard input.
    Password {
        /// Whose.
        user: String,
    },
}

const EXAMPLES: &str = "Examples:
  carillon                              a working exchange with three example users
  carillon --config company.toml        your own
  carillon check company.toml           is it right?
  carillon ctl bindings                 who is registered
  carillon ctl route 6002 --from alice  what would happen
  carillon ctl voicemail list           what waits in mailboxes";
