//! Encrypts and decrypts the stored tokens of a connection.

use terra_auth_model::{
    grant::StoredGrant,
    keys::{SealContext, Sealed, UnsealError},
    provider::Tokens,
};
use terra_auth_types::{DevId, UserId};

use crate::auth::Auth;

impl Auth {
    /// Decrypts stored tokens.
    pub(crate) fn open_grant(&self, grant: &StoredGrant) -> Result<Tokens, UnsealError> {
        let row = grant.user_id.to_string();
        let context = SealContext { dev_id: grant.dev_id.as_str(), row: &row, column: "grant" };
        Tokens::from_json(&self.keys().open(context, &grant.sealed)?).ok_or(UnsealError)
    }

    /// Encrypts tokens, bound to the `grant` column of a connection's row.
    pub(crate) fn seal_grant(&self, dev_id: &DevId, user_id: UserId, tokens: &Tokens) -> Sealed {
        let row = user_id.to_string();
        let context = SealContext { dev_id: dev_id.as_str(), row: &row, column: "grant" };
        self.keys().seal(self.entropy().as_ref(), context, &tokens.to_json())
    }
}
