//! CANCEL (RFC 3261 §9, §16.10): the caller's, and ours to branches that are not wanted any more.

use proto::application::Parting;
use sip::transaction::TransactionId;

use super::effect::Turn;
use super::means::{Means, User};
use super::response_context::{BranchState, Kind, ResponseContext};

impl ResponseContext {
    /// The caller has given up. Before anything was sent it is answered at once, whatever service we still wait
    /// for; otherwise when the branches have ended.
    pub fn on_cancel(&mut self, means: &mut Means, turn: &mut Turn<'_>, reason: Option<&str>) {
        // §9.2: a CANCEL has no effect on a request that has its final response, nor on any but INVITE.
        if self.answered.is_some() || self.cancelled || self.kind != Kind::Invite {
            return;
        }
        self.cancelled = true;
        self.leave_application(means, turn, Parting::Caller);
        self.forget_questions(means);
        self.waiting.clear();
        self.plan.places.clear();
        self.plan.ends = None;
        self.abandon_pending(means, turn, reason);
        // A branch that has not said anything cannot be cancelled yet, and the caller does not wait for it:
        // its CANCEL goes when it speaks.
        self.finish(means, turn);
    }

    /// Cancels what is pending (§16.7 step 10). Branches of requests other than INVITE end by themselves.
    pub fn abandon_pending(&mut self, means: &mut Means, turn: &mut Turn<'_>, reason: Option<&str>) {
        for place in 0..self.branches.len() {
            let branch = &mut self.branches[place];
            if !branch.is_pending() || branch.abandoned {
                continue;
            }
            branch.abandoned = true;
            branch.timer_c = None;
            if let Some(ticket) = branch.asked.take() {
                means.questions.close(ticket);
            }
            match branch.transaction {
                None => branch.state = BranchState::Completed,
                Some(transaction) => cancel_one(means, turn, transaction, self.kind, reason),
            }
        }
    }

    /// Answers that still come are nobody's.
    pub fn forget_questions(&mut self, means: &mut Means) {
        for ticket in self.asked.drain(..) {
            means.questions.close(ticket);
        }
    }
}

fn cancel_one(
    means: &mut Means,
    turn: &mut Turn<'_>,
    transaction: TransactionId,
    kind: Kind,
    reason: Option<&str>,
) {
    // §9.1: a CANCEL is for INVITE alone.
    if kind != Kind::Invite {
        return;
    }
    match reason {
        Some(reason) => {
            means.endpoint.cancel(
                turn.now,
                transaction,
                &[("Reason", reason.as_bytes())],
                User::Alone,
                turn.out.wire(),
            );
        }
        None => {
            means.endpoint.cancel(turn.now, transaction, &[], User::Alone, turn.out.wire());
        }
    }
}
