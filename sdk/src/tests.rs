//! Applications as functions, without a network: what they say, and what becomes of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::ServiceError;
use proto::application::{Application, Conductor};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::*;

#[derive(Debug, PartialEq)]
enum Told {
    Command(u32, Command),
    Ended(Result<(), ServiceError>),
}

struct Exchange(mpsc::UnboundedSender<Told>);

impl Conductor for Exchange {
    fn post(&self, _: &str, id: u32, command: Command) {
        let _ = self.0.send(Told::Command(id, command));
    }

    fn ended(&self, _: &str, why: Result<(), ServiceError>) {
        let _ = self.0.send(Told::Ended(why));
    }
}

fn serve<F, Fut>(application: F) -> (Program<F>, mpsc::UnboundedReceiver<Told>)
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Stopped>> + Send + 'static,
{
    let program = Program::new(application, Handle::current());
    let (sender, told) = mpsc::unbounded_channel();
    program.follow(Arc::new(Exchange(sender)));
    (program, told)
}

fn tell(program: &dyn Application, number: u64, what: What) {
    program.post("run", Event { number, at_ms: 0, what });
}

fn started() -> What {
    What::Started(Box::new(Started { dialled: "7777".into(), ..Started::default() }))
}

async fn door(mut call: Call) -> Result<(), Stopped> {
    assert_eq!(call.started().dialled, "7777");
    call.answer().await?;
    let code = call.ask(&[Sound::Silence(Duration::from_secs(1))], Digits::up_to(4)).await?;
    if code == "4711" {
        return call.transfer("6001").await;
    }
    call.hang_up().await
}

#[tokio::test]
async fn a_function_is_an_application() {
    let (program, mut told) = serve(door);
    tell(&program, 1, started());
    assert_eq!(told.recv().await, Some(Told::Command(1, Command::Answer)));
    tell(&program, 2, What::Answered { leg: 0 });
    assert!(matches!(
        told.recv().await,
        Some(Told::Command(2, Command::Play { leg: 0, stop_on_digit: true, .. }))
    ));
    assert!(matches!(told.recv().await, Some(Told::Command(3, Command::Collect { digits_max: 4, .. }))));
    tell(&program, 3, What::Digit { leg: 0, digit: '4' });
    tell(&program, 4, What::Played { leg: 0, id: 2, why: Ended::Digit('4') });
    tell(&program, 5, What::Collected { leg: 0, id: 3, digits: "4711".into(), why: Ended::Complete });
    let transfer = Command::Transfer { leg: 0, target: "6001".into() };
    assert_eq!(told.recv().await, Some(Told::Command(4, transfer)));
    tell(&program, 6, What::Ended(Parting::Transferred));
    assert_eq!(told.recv().await, Some(Told::Ended(Ok(()))));
}

#[tokio::test]
async fn told_again_it_says_the_same_again() {
    let (program, mut told) = serve(door);
    for _ in 0..2 {
        tell(&program, 1, started());
        tell(&program, 2, What::Answered { leg: 0 });
        for id in 1..=3 {
            assert!(matches!(told.recv().await, Some(Told::Command(said, _)) if said == id));
        }
    }
    tell(&program, 3, What::Ended(Parting::Caller));
    assert_eq!(told.recv().await, Some(Told::Ended(Ok(()))), "the one that was begun anew says nothing");
}

#[tokio::test]
async fn a_refusal_goes_to_who_asked() {
    let (program, mut told) = serve(|mut call: Call| async move {
        let refused = call.answer().await;
        assert_eq!(refused, Err(Stopped::Refused("no media".to_owned())));
        refused
    });
    tell(&program, 1, started());
    assert_eq!(told.recv().await, Some(Told::Command(1, Command::Answer)));
    tell(&program, 2, What::Refused { id: 1, why: "no media".into() });
    let why = "the exchange refuses: no media".to_owned();
    assert_eq!(told.recv().await, Some(Told::Ended(Err(ServiceError::Refused(why)))));
}

#[tokio::test]
async fn a_panic_ends_its_own_call_alone() {
    let (program, mut told) = serve(|mut call: Call| async move {
        assert!(!call.started().dialled.is_empty(), "as asked");
        call.answer().await
    });
    tell(&program, 1, What::Started(Box::default()));
    let why = "the application panicked".to_owned();
    assert_eq!(told.recv().await, Some(Told::Ended(Err(ServiceError::Refused(why)))));
    tell(&program, 1, started());
    assert_eq!(told.recv().await, Some(Told::Command(1, Command::Answer)));
}

#[tokio::test]
async fn one_that_reads_nothing_is_given_up() {
    let stuck = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&stuck);
    let (program, mut told) = serve(move |call: Call| {
        let counted = Arc::clone(&counted);
        async move {
            *counted.lock().expect("no panic") += 1;
            std::future::pending::<()>().await;
            drop(call);
            Ok(())
        }
    });
    tell(&program, 1, started());
    for number in 2..=300 {
        tell(&program, number, What::Digit { leg: 0, digit: '1' });
    }
    assert_eq!(
        told.recv().await,
        Some(Told::Ended(Err(ServiceError::Refused("the application does not read its events".into()))))
    );
    assert!(*stuck.lock().expect("no panic") <= 1);
}
