//! Who may do what.

use crate::named::named;

named!(
    /// What somebody is, towards Slipway.
    Role, "viewer, requester, approver, operator, admin" {
        /// Looks on.
        Viewer = "viewer",
        /// Asks for features to be shipped.
        Requester = "requester",
        /// Says yes or no.
        Approver = "approver",
        /// Keeps promotions going, or stops them, and brings versions back.
        Operator = "operator",
        /// Everything, and who else may do what.
        Admin = "admin",
    }
);

named!(
    /// Something that not everybody may do.
    Permission, "view, request, approve, operate, override, declare_emergency, roll_back, manage_windows, manage_installations, manage_access" {
        /// See promotions, logs, backups and the rest.
        View = "view",
        /// Hand in a ship message.
        Request = "request",
        /// Approve or reject a promotion.
        Approve = "approve",
        /// Schedule, stop, resume and give up promotions; look after backups and dead letters.
        Operate = "operate",
        /// Ship a change that is not urgent although no window is open.
        Override = "override",
        /// Make a change an emergency, which waits for no window and no blackout.
        DeclareEmergency = "declare_emergency",
        /// Bring an earlier version or a backup back.
        RollBack = "roll_back",
        /// Say when there are deployments.
        ManageWindows = "manage_windows",
        /// Describe installations.
        ManageInstallations = "manage_installations",
        /// Give out tokens and take them back.
        ManageAccess = "manage_access",
    }
);

impl Role {
    /// Whether a person of this role may do it. Approving and operating are apart on purpose: nobody but
    /// an admin can both say yes and get round the windows.
    pub const fn may(self, what: Permission) -> bool {
        match what {
            Permission::View => true,
            Permission::Request => matches!(self, Role::Requester | Role::Operator | Role::Admin),
            Permission::Approve => matches!(self, Role::Approver | Role::Admin),
            Permission::Operate
            | Permission::Override
            | Permission::DeclareEmergency
            | Permission::RollBack
            | Permission::ManageWindows => matches!(self, Role::Operator | Role::Admin),
            Permission::ManageInstallations | Permission::ManageAccess => matches!(self, Role::Admin),
        }
    }
}

impl Permission {
    /// What it allows, as the end of “may not …”.
    pub const fn phrase(self) -> &'static str {
        match self {
            Permission::View => "look",
            Permission::Request => "ask for features to be shipped, or answer what they ask",
            Permission::Approve => "approve or reject promotions, or acknowledge what loses data",
            Permission::Operate => {
                "schedule, stop or resume promotions, or look after backups and dead letters"
            }
            Permission::Override => {
                "ship outside the deployment windows, or release what looks like a secret"
            }
            Permission::DeclareEmergency => "make changes emergencies",
            Permission::RollBack => "bring earlier versions or backups back",
            Permission::ManageWindows => "change deployment windows",
            Permission::ManageInstallations => "describe installations",
            Permission::ManageAccess => "manage access tokens",
        }
    }
}
