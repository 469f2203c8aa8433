//! What a response context does when its time has come: timer C of a branch (RFC 3261 §16.8), and the seconds of a
//! step.

use smallvec::SmallVec;

use super::best::Answer;
use super::effect::Turn;
use super::means::{Means, User};
use super::response_context::{BranchState, ResponseContext};

impl ResponseContext {
    /// One of the moments of this context has come.
    pub fn on_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        for place in 0..self.branches.len() {
            if self.branches[place].timer_c.is_some_and(|at| at <= turn.now) {
                self.on_timer_c(means, turn, place);
            }
        }
        if self.rings_too_long(turn.now) {
            self.stop_ringing(means, turn);
        }
        if self.plan.ends.is_some_and(|at| at <= turn.now) {
            self.on_seconds(means, turn);
        }
        self.advance(means, turn);
    }

    fn on_timer_c(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: usize) {
        let branch = &mut self.branches[place];
        branch.timer_c = None;
        match (branch.state, branch.transaction) {
            // §16.8: a branch that has answered provisionally gets a CANCEL. What the caller learns is that it rang
            // too long, not the 487 that our CANCEL brings.
            (BranchState::Proceeding, Some(transaction)) => {
                branch.abandoned = true;
                self.best.consider(408, Answer::Local("Request Timeout"), SmallVec::new());
                means.endpoint.cancel(turn.now, transaction, &[], User::Alone, turn.out.wire());
            }
            // §16.8: one that has not stands for a 408.
            (BranchState::Resolving | BranchState::Calling, _) => {
                self.fail_branch(place, 408, "Request Timeout")
            }
            (BranchState::Proceeding | BranchState::Completed, _) => {}
        }
    }
}
