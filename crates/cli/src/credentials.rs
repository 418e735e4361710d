//! Files and variables that contain keys and settings.

pub(crate) mod credential_file;
pub(crate) mod env_file;
pub(crate) mod env_settings;
pub(crate) mod environment_choice;
pub(crate) mod guard;
pub(crate) mod private_file;
pub(crate) mod variable;
pub(crate) mod verified;
