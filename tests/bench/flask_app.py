"""The route that Terra's guide recommends: behind the app's own login, it asks the official client for a token."""

import os

from flask import Flask, jsonify, request
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from terra import Terra

app = Flask(__name__)
app.secret_key = "session-key-not-a-secret"
login_manager = LoginManager(app)

# One for all requests of a process, so that it keeps its connections: the faster way to write it.
client = Terra(
    base_url=os.environ["TERRA_API_URL"], dev_id=os.environ["TERRA_DEV_ID"], api_key=os.environ["TERRA_API_KEY"]
)


class User(UserMixin):
    def __init__(self, id):
        self.id = id


@login_manager.user_loader
def load_user(user_id):
    return User(user_id)


@app.post("/login")
def login():
    """Lets everybody in: what is measured comes afterwards."""
    login_user(User(request.args["user"]))
    return "", 204


@app.post("/api/terra/mobile-token")
@login_required
def mobile_token():
    answer = client.authentication.generateauthtoken()
    return jsonify(token=answer.token, reference_id=current_user.id)
