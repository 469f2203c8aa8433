//! [`ServiceError`] on the wire: in the streams of questions, and as the status of a unary call.

use std::time::Duration;

use tonic::{Code, Status};

use crate::asked::ServiceError;
use crate::wire::failure::v1::Failure;
use crate::wire::failure::v1::failure::Kind;

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let (kind, text, retry_after) = match error {
            ServiceError::Gone => (Kind::Gone, String::new(), Duration::ZERO),
            ServiceError::Deadline => (Kind::Deadline, String::new(), Duration::ZERO),
            ServiceError::Overloaded { retry_after } => (Kind::Overloaded, String::new(), retry_after),
            ServiceError::Unavailable(text) => (Kind::Unavailable, text, Duration::ZERO),
            ServiceError::Refused(text) => (Kind::Refused, text, Duration::ZERO),
            ServiceError::Protocol(text) => (Kind::Protocol, text, Duration::ZERO),
        };
        let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        Failure { kind: kind.into(), text, retry_after_ms }
    }
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        match failure.kind() {
            Kind::Gone => ServiceError::Gone,
            Kind::Deadline => ServiceError::Deadline,
            Kind::Overloaded => {
                ServiceError::Overloaded { retry_after: Duration::from_millis(failure.retry_after_ms.into()) }
            }
            Kind::Unavailable => ServiceError::Unavailable(failure.text),
            Kind::Refused => ServiceError::Refused(failure.text),
            Kind::Protocol | Kind::Unspecified => ServiceError::Protocol(failure.text),
        }
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match error {
            ServiceError::Gone => Status::aborted(text),
            ServiceError::Deadline => Status::deadline_exceeded(text),
            ServiceError::Overloaded { .. } => Status::resource_exhausted(text),
            ServiceError::Unavailable(text) => Status::unavailable(text),
            ServiceError::Refused(text) => Status::failed_precondition(text),
            ServiceError::Protocol(text) => Status::invalid_argument(text),
        }
    }
}

impl From<Status> for ServiceError {
    fn from(status: Status) -> Self {
        let text = status.message().to_owned();
        match status.code() {
            Code::Aborted => ServiceError::Gone,
            Code::DeadlineExceeded => ServiceError::Deadline,
            // How long a unary call should be left alone does not travel; a second is as good as any.
            Code::ResourceExhausted => ServiceError::Overloaded { retry_after: Duration::from_secs(1) },
            Code::FailedPrecondition | Code::PermissionDenied | Code::Unauthenticated => {
                ServiceError::Refused(text)
            }
            Code::InvalidArgument | Code::Unimplemented => ServiceError::Protocol(text),
            _ => ServiceError::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        for error in [
            ServiceError::Gone,
            ServiceError::Deadline,
            ServiceError::Overloaded { retry_after: Duration::from_secs(1) },
            ServiceError::Unavailable("the database is away".into()),
            ServiceError::Refused("alice exists".into()),
            ServiceError::Protocol("no question".into()),
        ] {
            assert_eq!(ServiceError::from(Failure::from(error.clone())), error);
            assert_eq!(ServiceError::from(Status::from(error.clone())), error);
        }
    }
}
