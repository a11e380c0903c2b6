//! Repositories, and forks.

use serde_json::{Value, json};

use super::{Answer, Question, refusal};
use crate::description::Operation;
use crate::git::Git;
use crate::state::{Fork, State};
use crate::{LOGIN, REPOSITORY};

/// The upstream's id, as in GitHub's examples.
const ID: usize = 1_296_269;

/// The repository that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one that features are proposed to.
    Upstream,
    /// The token owner's, by its place in [`State::forks`].
    Fork(usize),
}

impl State {
    /// Which one is called so.
    pub(crate) fn place(&self, owner: &str, name: &str) -> Option<Place> {
        if format!("{owner}/{name}") == REPOSITORY {
            return Some(Place::Upstream);
        }
        let found = self.forks.iter().position(|it| it.name == name);
        found.filter(|_| owner == LOGIN).map(Place::Fork)
    }

    pub(crate) fn name(&self, place: Place) -> String {
        match place {
            Place::Upstream => REPOSITORY.to_owned(),
            Place::Fork(index) => format!("{LOGIN}/{}", self.forks[index].name),
        }
    }

    pub(super) fn store(&self, place: Place) -> &Git {
        match place {
            Place::Upstream => &self.git,
            Place::Fork(index) => &self.forks[index].git,
        }
    }

    /// The token owner's fork of the upstream.
    pub(super) fn fork_place(&self) -> Option<Place> {
        self.forks.iter().position(|it| it.parent == REPOSITORY).map(Place::Fork)
    }

    pub(super) fn user(question: &Question) -> Answer {
        question.good(200, json!({ "login": LOGIN }))
    }

    pub(super) fn repository(&mut self, question: &Question, place: Place) -> Answer {
        if let Place::Fork(index) = place
            && self.forks[index].is_hidden()
        {
            self.forks[index].looks -= 1;
            return refusal(404, "Not Found");
        }
        self.shown_repository(question, 200, place)
    }

    fn shown_repository(&self, question: &Question, status: u16, place: Place) -> Answer {
        let name = self.name(place);
        let (id, visibility, may_push, parent) = match place {
            Place::Upstream => (ID, self.visibility, self.may_push, None),
            Place::Fork(index) => {
                let fork = &self.forks[index];
                (ID + 1 + index, fork.visibility, true, Some(fork.parent))
            }
        };
        let mut answer = question.good(
            status,
            json!({
                "id": id, "name": name.split('/').next_back(), "full_name": name, "default_branch": "main",
                "private": visibility != "public", "visibility": visibility, "language": null,
                "fork": parent.is_some(), "has_discussions": false, "archived": self.is_archived && place == Place::Upstream,
                "allow_forking": self.allow_forking,
                "permissions": { "admin": false, "push": may_push, "pull": true },
            }),
        );
        let body = answer.body.as_object_mut().expect("an object");
        // GitHub's examples of these, of the language and of discussions do not fit its own description.
        for name in ["source", "parent", "template_repository"] {
            body.remove(name);
        }
        if let Some(parent) = parent.filter(|it| !it.is_empty()) {
            let mut shown = Operation::named("pulls/get").example(200)["base"]["repo"].clone();
            shown["id"] = json!(if parent == REPOSITORY { ID } else { 7 });
            shown["full_name"] = json!(parent);
            body.insert("parent".to_owned(), shown);
        }
        answer
    }

    /// A repository as a pull request shows it.
    pub(super) fn named(&self, place: Place) -> Value {
        json!({ "full_name": self.name(place) })
    }

    /// Makes a fork, or shows the one that there is: GitHub makes no second one, whatever its name.
    pub(super) fn create_fork(&mut self, question: &Question) -> Answer {
        if let Some(place) = self.fork_place() {
            return self.shown_repository(question, 202, place);
        }
        if !self.allow_forking {
            return refusal(403, "The repository exists, but forking is disabled.");
        }
        let is_taken = self.place(LOGIN, "hello").is_some();
        let looks = self.fork_looks;
        self.fork(if is_taken { "hello-1" } else { "hello" }, REPOSITORY).looks = looks;
        self.shown_repository(question, 202, Place::Fork(self.forks.len() - 1))
    }

    /// Brings a branch of a fork forward to the upstream's.
    pub(super) fn merge_upstream(&mut self, question: &Question, place: Place) -> Answer {
        let (store, branch) = (self.store(place), question.text("/branch"));
        let (Some(tip), Some(new)) = (store.branch(branch), self.git.branch(branch)) else {
            return refusal(422, "The branch does not exist in both");
        };
        store.fetch(&self.git, branch);
        if !store.is_ancestor(&tip, &new) {
            return refusal(409, "There are merge conflicts");
        }
        store.set_branch(branch, &new);
        let kind = if tip == new { "none" } else { "fast-forward" };
        question.good(200, json!({ "merge_type": kind, "base_branch": format!("octocat:{branch}") }))
    }
}

impl Fork {
    /// Whether GitHub has not begun to copy.
    fn is_hidden(&self) -> bool {
        self.looks > 1
    }

    /// Whether GitHub has not finished to copy; each look brings the end nearer.
    pub(super) fn is_empty_still(&mut self) -> bool {
        let is_empty = self.looks > 0;
        self.looks = self.looks.saturating_sub(1);
        is_empty
    }
}
