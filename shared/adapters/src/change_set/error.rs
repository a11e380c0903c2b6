//! Why a feature cannot be taken, in words for the person who ships it.

use super::name::STAMP_FILE;

/// What is wrong with one path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Absolute, or with `..` or empty parts.
    #[error("its name leads out of the source folder")]
    Escapes,
    /// Not UTF-8.
    #[error("its name is not readable text (UTF-8)")]
    NotText,
    /// Line breaks and the like, which could forge a line of a message or a log.
    #[error("its name contains a line break or another invisible character")]
    Invisible,
    /// In a folder that git keeps for itself.
    #[error("it is inside a .git folder, which belongs to git and not to the feature")]
    GitInternal,
    /// The name of the file that tells a release what it is.
    #[error("{STAMP_FILE} is written by Slipway itself")]
    Reserved,
    /// Longer than the limit, in bytes.
    #[error("its name is longer than {0} bytes")]
    Long(usize),
    /// More parts than the limit.
    #[error("it is more than {0} folders deep")]
    Deep(usize),
    /// A symbolic link to somewhere else.
    #[error("it is a link that leads out of the source folder")]
    LinkEscapes,
    /// A folder on its way is a symbolic link.
    #[error("a folder on the way to it is a link or a file")]
    BehindLink,
    /// A device, pipe or socket.
    #[error("it is neither a file nor a folder nor a link")]
    Special,
    /// A submodule or a repository inside the repository.
    #[error("it is a source repository of its own inside the feature's")]
    Repository,
    /// One file beyond the limit, in bytes.
    #[error("it is larger than the {} MB that one file may have", .0 >> 20)]
    Large(u64),
    /// All files together beyond the limit, in bytes.
    #[error("with it the files are larger than the {} MB allowed together", .0 >> 20)]
    TotalLarge(u64),
    /// Too many files.
    #[error("with it there are more than the {0} files allowed")]
    Many(u64),
}

/// Why a change set could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Nothing differs from the baseline.
    #[error(
        "The sandbox holds no change against its starting point, so there is nothing to ship; finish the feature and ship it again."
    )]
    Empty,
    /// One path makes the whole set unacceptable.
    #[error(
        "The feature was not taken because of {path:?}: {flaw}; change that in the sandbox and ship it again."
    )]
    Refused {
        /// The path, as far as it can be written.
        path: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The sandbox as a whole is of a kind that is not accepted; holds the sentence.
    #[error("{0}")]
    Unusable(&'static str),
    /// The baseline is not a commit of the sandbox's history.
    #[error(
        "The feature's starting point {0:?} is not in the sandbox's history, so the change cannot be told; bring the sandbox up to date and ship it again."
    )]
    Baseline(String),
    /// What was sealed earlier is not whole any more.
    #[error("The sealed copy of the feature was damaged, so it cannot be trusted; ship the feature again.")]
    Damaged(#[source] anyhow::Error),
    /// The machine, the engine or the sandbox failed; trying again may help.
    #[error(
        "The feature could not be read from its sandbox; nothing was changed, and trying again may help."
    )]
    Unavailable(#[from] anyhow::Error),
}

impl TakeError {
    /// The refusal of one path.
    pub(super) fn refused(path: impl Into<String>, flaw: Flaw) -> Self {
        Self::Refused { path: path.into(), flaw }
    }
}
