//! The four machines as one, for the table: what happens to a transaction, put into the words of its kind.

use super::class::Class;
use super::client::{self, Client};
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::output::Outputs;
use super::server::{self, Server};
use super::timer::{Intervals, Timer};

/// One of the four machines of §17.
#[derive(Debug)]
pub(super) enum Machine {
    InviteServer(InviteServer),
    InviteClient(InviteClient),
    Server(Server),
    Client(Client),
}

/// What may happen to a transaction of any kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    Begun,
    Repeated,
    Acked,
    Answered(Class),
    Response(Class),
    Cancel,
    Timer(Timer),
    Undelivered,
}

impl Machine {
    /// Translates for the machine; what cannot happen to its kind is nothing.
    pub(super) fn handle(&mut self, happening: Happening, intervals: &Intervals, out: &mut Outputs) {
        match self {
            Self::InviteServer(machine) => {
                let event = match happening {
                    Happening::Begun => invite_server::Event::Arrived,
                    Happening::Repeated => invite_server::Event::Repeated,
                    Happening::Acked => invite_server::Event::Acked,
                    Happening::Answered(class) => invite_server::Event::Answered(class),
                    Happening::Timer(timer) => invite_server::Event::Timer(timer),
                    Happening::Undelivered => invite_server::Event::Undelivered,
                    Happening::Response(_) | Happening::Cancel => return,
                };
                machine.handle(event, intervals, out);
            }
            Self::InviteClient(machine) => {
                let event = match happening {
                    Happening::Begun => invite_client::Event::Begun,
                    Happening::Response(class) => invite_client::Event::Response(class),
                    Happening::Cancel => invite_client::Event::Cancel,
                    Happening::Timer(timer) => invite_client::Event::Timer(timer),
                    Happening::Undelivered => invite_client::Event::Undelivered,
                    Happening::Repeated | Happening::Acked | Happening::Answered(_) => return,
                };
                machine.handle(event, intervals, out);
            }
            Self::Server(machine) => {
                let event = match happening {
                    Happening::Begun => server::Event::Arrived,
                    Happening::Repeated => server::Event::Repeated,
                    Happening::Answered(class) => server::Event::Answered(class),
                    Happening::Timer(timer) => server::Event::Timer(timer),
                    Happening::Undelivered => server::Event::Undelivered,
                    Happening::Acked | Happening::Response(_) | Happening::Cancel => return,
                };
                machine.handle(event, intervals, out);
            }
            Self::Client(machine) => {
                let event = match happening {
                    Happening::Begun => client::Event::Begun,
                    Happening::Response(class) => client::Event::Response(class),
                    Happening::Timer(timer) => client::Event::Timer(timer),
                    Happening::Undelivered => client::Event::Undelivered,
                    Happening::Repeated | Happening::Acked => return,
                    Happening::Answered(_) | Happening::Cancel => return,
                };
                machine.handle(event, intervals, out);
            }
        }
    }
}

impl Machine {
    /// True for those that send a request and wait.
    pub(super) fn is_client(&self) -> bool {
        matches!(self, Self::InviteClient(_) | Self::Client(_))
    }
}
