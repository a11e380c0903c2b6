//! Where a promotion stands, as people see it, and which moves are legal.

use crate::named::named;

named!(
    /// The kind of a change, which decides the windows that admit it.
    ChangeType, "standard, normal, emergency" {
        /// Routine and pre-approved in kind.
        Standard = "standard",
        /// The usual one.
        Normal = "normal",
        /// Cannot wait; bypasses windows and blackouts, with a reason on record.
        Emergency = "emergency",
    }
);

named!(
    /// How much a change could hurt.
    Risk, "low, medium, high, critical" {
        /// Easily undone, few notice.
        Low = "low",
        /// The usual one.
        Medium = "medium",
        /// Many would notice.
        High = "high",
        /// The business stops if it goes wrong.
        Critical = "critical",
    }
);

named!(
    /// Where a promotion stands.
    Status, "shipping, not_shipped, pending, approved, scheduled, deploying, deployed, rolling_back, rolled_back, needs_attention, rejected, cancelled" {
        /// Its files are being taken out of the place where it was built; then it is pending.
        Shipping = "shipping",
        /// There is nothing that could be approved; the promotion says why.
        NotShipped = "not_shipped",
        /// Waits for somebody to approve it, for the first time or anew.
        Pending = "pending",
        /// May run; leaves when the scheduler starts its run.
        Approved = "approved",
        /// Will run at the next opening.
        Scheduled = "scheduled",
        /// Its run goes forward.
        Deploying = "deploying",
        /// The new version serves and is recorded.
        Deployed = "deployed",
        /// Its run is being undone.
        RollingBack = "rolling_back",
        /// The old version serves, checked.
        RolledBack = "rolled_back",
        /// A person has to act; the promotion says what to do.
        NeedsAttention = "needs_attention",
        /// Somebody said no.
        Rejected = "rejected",
        /// Withdrawn before anything was done.
        Cancelled = "cancelled",
    }
);

impl Status {
    /// Whether a promotion may go from here to `next`. `engine` asks before every move; so does the database.
    pub const fn may_become(self, next: Status) -> bool {
        use Status::{
            Approved, Cancelled, Deployed, Deploying, NeedsAttention, NotShipped, Pending, Rejected,
            RolledBack, RollingBack, Scheduled, Shipping,
        };
        matches!(
            (self, next),
            (Shipping, Pending | NotShipped | Rejected | Cancelled)
                | (Pending, Approved | Rejected | Cancelled)
                | (Approved, Pending | Scheduled | Deploying | Rejected | Cancelled)
                | (Scheduled, Pending | Approved | Deploying | Rejected | Cancelled)
                | (Deploying, Deployed | RollingBack | Approved | Cancelled)
                | (RollingBack, RolledBack | NeedsAttention)
                | (Deployed | NeedsAttention, RollingBack)
        )
    }

    /// The status as people read it.
    pub const fn title(self) -> &'static str {
        match self {
            Status::Shipping => "Shipping",
            Status::NotShipped => "Not shipped",
            Status::Pending => "Pending",
            Status::Approved => "Approved",
            Status::Scheduled => "Scheduled",
            Status::Deploying => "Deploying",
            Status::Deployed => "Deployed",
            Status::RollingBack => "Rolling back",
            Status::RolledBack => "Rolled back",
            Status::NeedsAttention => "Needs attention",
            Status::Rejected => "Rejected",
            Status::Cancelled => "Cancelled",
        }
    }
}
