//! Pull requests.

use serde_json::{Value, json};

use super::repositories::Place;
use super::{Answer, Question, refusal};
use crate::LOGIN;
use crate::git::Commit;
use crate::state::{Pull, State};

impl State {
    pub(super) fn list_pulls(&self, question: &Question) -> Answer {
        let (state, head) = (question.parameter("state").unwrap_or("open"), question.parameter("head"));
        let is_wanted = |pull: &Pull| {
            let is_state = state == "all" || (state == "open") == pull.is_open;
            is_state && head.is_none_or(|it| it == pull.label())
        };
        let wanted = self.pulls.iter().enumerate().filter(|(_, pull)| is_wanted(pull));
        let mut truths: Vec<_> = wanted.map(|(index, pull)| self.shown_pull(index + 1, pull)).collect();
        for truth in &mut truths {
            let truth = truth.as_object_mut().expect("an object");
            truth.retain(|name, _| !matches!(name.as_str(), "merged" | "mergeable" | "mergeable_state"));
        }
        question.page(self, truths)
    }

    pub(super) fn create_pull(&mut self, question: &Question) -> Answer {
        let (head, base) = (question.text("/head"), question.text("/base"));
        let (owner, head) = head.split_once(':').unwrap_or(("octocat", head));
        let is_from_fork = owner == LOGIN;
        let (Some(tip), Some(onto)) = (self.tip(head, is_from_fork), self.git.branch(base)) else {
            return refusal(422, "Validation Failed");
        };
        if self.git.is_ancestor(&tip, &onto) {
            return refusal(422, "Validation Failed: No commits between the branches");
        }
        if self
            .pulls
            .iter()
            .any(|it| it.is_open && it.label() == format!("{owner}:{head}") && it.base == base)
        {
            return refusal(422, "Validation Failed: A pull request already exists");
        }
        self.pulls.push(Pull {
            title: question.text("/title").to_owned(),
            body: question.text("/body").to_owned(),
            head: head.to_owned(),
            is_from_fork,
            base: base.to_owned(),
            is_open: true,
            labels: std::collections::BTreeSet::new(),
            merged: None,
        });
        self.pull(question, 201, self.pulls.len())
    }

    pub(super) fn pull(&self, question: &Question, status: u16, number: usize) -> Answer {
        match number.checked_sub(1).and_then(|index| self.pulls.get(index)) {
            Some(pull) => question.good(status, self.shown_pull(number, pull)),
            None => refusal(404, "Not Found"),
        }
    }

    /// The branch's last commit, which the upstream gets with it.
    fn tip(&self, branch: &str, is_from_fork: bool) -> Option<String> {
        let place = if is_from_fork { self.fork_place()? } else { Place::Upstream };
        if is_from_fork {
            self.git.fetch(self.store(place), branch);
        }
        self.store(place).branch(branch)
    }

    fn shown_pull(&self, number: usize, pull: &Pull) -> Value {
        let tip = pull
            .merged
            .as_ref()
            .map(|(tip, _)| tip.clone())
            .or_else(|| self.tip(&pull.head, pull.is_from_fork));
        let tip = tip.unwrap_or_default();
        let onto = self.git.branch(&pull.base).unwrap_or_default();
        let can = self.git.merge(&onto, &tip).is_some();
        let why = match (self.is_mergeability_known && pull.is_open, can, self.is_protected) {
            (false, _, _) => "unknown",
            (true, false, _) => "dirty",
            (true, true, true) => "blocked",
            (true, true, false) => "clean",
        };
        let merged = pull.merged.as_ref();
        let home = if pull.is_from_fork { self.fork_place() } else { Some(Place::Upstream) };
        // Nothing, where the fork is gone; GitHub's description does not say so.
        let home = home.map(|place| self.named(place));
        json!({
            "number": number, "state": if pull.is_open { "open" } else { "closed" },
            "html_url": format!("https://github.com/{}/pull/{number}", crate::REPOSITORY),
            "title": pull.title, "body": pull.body, "draft": false,
            "head": { "ref": pull.head, "sha": tip, "label": pull.label(), "repo": home },
            "base": { "ref": pull.base, "sha": onto, "repo": self.named(Place::Upstream) },
            "merged": merged.is_some(), "merged_at": merged.map(|_| "2026-11-23T14:00:00Z"),
            "merge_commit_sha": merged.map(|(_, commit)| commit),
            "closed_at": (!pull.is_open).then_some("2026-11-23T14:00:00Z"),
            "mergeable": (why != "unknown").then_some(can), "mergeable_state": why,
            // GitHub's example of it does not fit its own description.
            "requested_teams": [],
        })
    }

    pub(super) fn update_pull(&mut self, question: &Question) -> Answer {
        let number = question.number("pull_number");
        if let Some(pull) = number.checked_sub(1).and_then(|index| self.pulls.get_mut(index)) {
            pull.is_open = pull.merged.is_none() && question.text("/state") != "closed";
        }
        self.pull(question, 200, number)
    }

    pub(super) fn merge_pull(&mut self, question: &Question) -> Answer {
        let index = question.number("pull_number").wrapping_sub(1);
        let Some(pull) = self.pulls.get(index) else {
            return refusal(404, "Not Found");
        };
        let tip = self.tip(&pull.head, pull.is_from_fork);
        let (Some(tip), Some(onto)) = (tip, self.git.branch(&pull.base)) else {
            return refusal(405, "Pull Request is not mergeable");
        };
        let tree = self.git.merge(&onto, &tip).filter(|_| pull.is_open && self.is_mergeability_known);
        let Some(tree) = tree else {
            return refusal(405, "Pull Request is not mergeable");
        };
        if self.is_protected {
            return refusal(405, "At least 1 approving review is required by reviewers with write access.");
        }
        if question.text("/sha") != tip {
            return refusal(409, "Head branch was modified. Review and try the merge again.");
        }
        let who = ["GitHub", "noreply@github.com", "2026-11-23T14:00:00Z"].map(str::to_owned);
        let message = format!("{}\n\n{}", question.text("/commit_title"), question.text("/commit_message"));
        let made = self.git.commit(&Commit {
            tree,
            parents: vec![onto],
            author: who.clone(),
            committer: who,
            message,
        });
        self.git.set_branch(&pull.base, &made);
        let pull = &mut self.pulls[index];
        pull.is_open = false;
        pull.merged = Some((tip, made.clone()));
        question.good(200, json!({ "sha": made }))
    }
}

impl Pull {
    /// Its branch with the owner of the repository that it is in.
    fn label(&self) -> String {
        format!("{}:{}", if self.is_from_fork { LOGIN } else { "octocat" }, self.head)
    }
}
