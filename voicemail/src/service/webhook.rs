//! The administrator's web address, told of each message by a POST. What it says is `core/webhook.rs`, when `outbox.rs`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use store::StoredMessage;

use super::Shared;
use crate::core::outbox::Failed;
use crate::core::webhook::{body, id, key, signature};

impl Shared {
    /// Tells of a message, where that is still wanted. Taken is what is answered by 2xx, and nothing else.
    pub(super) async fn post(&self, message: &StoredMessage) -> Result<(), Failed> {
        let settings = self.settings();
        let Some(webhook) = &settings.config.webhook else { return Ok(()) };
        let counts = self.mailboxes.counts(&message.user).await.map_err(|why| why.to_string())?;
        let body = body(message, counts);
        let (id, at_s) = (id(&message.file), node::clock::unix_ms() / 1000);
        let mut request = self
            .web()?
            .post(webhook.url.reveal())
            .timeout(*webhook.timeout)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at_s);
        if let Some(secret) = &webhook.secret {
            let signature = signature(&key(secret.reveal())?, &id, at_s, &body);
            request = request.header("webhook-signature", signature);
        }
        let response = request.body(body).send().await.map_err(causes)?;
        if !response.status().is_success() {
            return Err(refused(&response));
        }
        self.counts.webhooks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// One client, so that connections are used again. It follows no redirection, which would tell others of calls, and no
    /// proxy of the environment.
    fn web(&self) -> Result<&Client, String> {
        if let Some(client) = self.web.get() {
            return Ok(client);
        }
        let agent = concat!("Carillon/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().user_agent(agent).redirect(Policy::none()).no_proxy();
        let client = client.build().map_err(causes)?;
        Ok(self.web.get_or_init(|| client))
    }
}

fn refused(response: &Response) -> Failed {
    let status = response.status();
    let text = response.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok());
    let why = match status.is_redirection() {
        true => {
            format!("it answers {status}, and redirections are not followed: write the new address in url")
        }
        false => format!("it answers {status}"),
    };
    Failed { why, wait: text.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs) }
}

/// What is wrong, with all causes, and without the address, which may hold a key.
fn causes(why: reqwest::Error) -> String {
    let why = why.without_url();
    let mut text = why.to_string();
    let mut cause = std::error::Error::source(&why);
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    text
}
