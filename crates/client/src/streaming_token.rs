use terra_auth_types::{StreamingToken, UserId, wire};

use crate::{Client, Error, transport::Call};

impl Client {
    /// Creates a token with which a backend receives the samples of all its users. It is valid for one socket.
    ///
    /// Source: "Streaming tokens" in `docs/compatibility.md`.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for wrong keys.
    pub async fn developer_streaming_token(&self) -> Result<StreamingToken, Error> {
        self.streaming_token(Call::post(self.inner.endpoints.streaming("auth/developer"))).await
    }

    /// Creates a token with which a device sends the samples of `user`. It is valid for one socket.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for wrong keys, and for a user of another environment.
    pub async fn user_streaming_token(&self, user: UserId) -> Result<StreamingToken, Error> {
        let call = Call::post(self.inner.endpoints.streaming("auth/user"));
        self.streaming_token(call.query("id", &user.to_string())).await
    }

    async fn streaming_token(&self, call: Call) -> Result<StreamingToken, Error> {
        self.inner.transport.read(&call).await.map(|wire::StreamToken { token }| token)
    }
}
