//! One comment that tells the findings, found again by a mark that readers do not see.

use super::client::Client;
use super::wire::{CommentAnswer, NewComment};
use super::{GitHubError, PullRequest};

/// First line of the comment. No other text of ours can contain it: redaction takes comments of HTML apart.
const MARK: &str = "<!-- slipway: findings -->";

/// Makes the comment say this, and no other.
pub(super) async fn tell(client: &Client, pull: &PullRequest, text: &str) -> Result<(), GitHubError> {
    let body = format!("{MARK}\n{text}");
    let mut tries = 0;
    loop {
        tries += 1;
        if update(client, pull, &body).await? {
            return Ok(());
        }
        let path = format!("/issues/{}/comments", pull.number);
        // Where the answer is lost, the comment may be there: the next try looks.
        match client.post_once::<CommentAnswer>(&path, &NewComment { body: &body }).await {
            Ok(_) => return Ok(()),
            Err(error) => client.pause(error, tries).await?,
        }
    }
}

/// Updates the comment if it is there. One of somebody else with the mark cannot be changed, and is passed over.
async fn update(client: &Client, pull: &PullRequest, body: &str) -> Result<bool, GitHubError> {
    let comments: Vec<CommentAnswer> =
        client.list(&format!("/issues/{}/comments?per_page=100", pull.number)).await?;
    for comment in comments {
        let said = comment.body.unwrap_or_default();
        if !said.starts_with(MARK) {
            continue;
        }
        // GitHub ends lines as it likes.
        if said.replace("\r\n", "\n").trim_end() == body.trim_end() {
            return Ok(true);
        }
        let path = format!("/issues/comments/{}", comment.id);
        match client.patch::<CommentAnswer>(&path, &NewComment { body }).await {
            Ok(_) => return Ok(true),
            Err(error) if error.status() == Some(403) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
