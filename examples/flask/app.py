"""A Flask app with a session login, whose users connect their devices through the gateway.

No Terra key is in here, and no route that mints tokens: the gateway asks /api/me who is logged in, does the rest, and
hands on what Terra reports. See README.md.
"""

import json
import logging
import os
import secrets
from collections import deque
from pathlib import Path

from flask import Flask, jsonify, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from terra.utils.verify_signature import WebhookVerificationError, verify_terra_webhook_signature
from werkzeug.security import check_password_hash, generate_password_hash

GATEWAY = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8790")
FORWARD_SECRET_FILE = Path(".terra-auth/forward-secret")  # the gateway makes it when it starts first

app = Flask(__name__)
app.logger.setLevel(logging.INFO)
app.secret_key = os.environ.get("FLASK_SECRET_KEY") or secrets.token_hex()
app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=16 * 2**20)
login_manager = LoginManager(app)
login_manager.login_view = "login"


class User(UserMixin):
    def __init__(self, id, name, password):
        self.id, self.name, self.password_hash = id, name, generate_password_hash(password)


USERS = {user.name: user for user in [User("user_1", "alice", "wonderland"), User("user_2", "bob", "builder")]}


@login_manager.user_loader
def load_user(user_id):
    return next((user for user in USERS.values() if user.id == user_id), None)


@app.get("/")
@login_required
def index():
    return render_template("index.html", gateway=GATEWAY, user=current_user)


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return render_template("login.html")
    user = USERS.get(request.form.get("name", ""))
    if not user or not check_password_hash(user.password_hash, request.form.get("password", "")):
        return render_template("login.html", wrong=True), 401
    login_user(user)
    return redirect(url_for("index"))


@app.post("/logout")
@login_required
def logout():
    logout_user()
    return redirect(url_for("login"))


@app.get("/done")
def done():
    """Where the widget leads afterwards."""
    return render_template("done.html")


@app.get("/api/me")
def me():
    """Tells the gateway who is logged in."""
    if not current_user.is_authenticated:
        return jsonify(error="no user is logged in"), 401
    return jsonify(id=current_user.id)


seen = deque(maxlen=10_000)  # a real app keeps this in its database


@app.post("/hooks/terra")
def terra_event():
    """Takes what Terra reported to the gateway. It may come twice."""
    body = request.get_data(as_text=True)
    try:
        verify_terra_webhook_signature(body, request.headers.get("terra-signature", ""), forward_secret())
    except (WebhookVerificationError, ValueError) as error:
        return jsonify(error=str(error)), 401
    if (trace_id := request.headers.get("x-terra-trace-id")) not in seen:
        seen.append(trace_id)
        handle(json.loads(body))
    return "", 204


def handle(event):
    user = event.get("user") or event.get("new_user") or {}
    reference_id = event.get("reference_id") or user.get("reference_id")
    app.logger.info("terra says: %s of %s", event.get("type"), reference_id)


def forward_secret():
    return os.environ.get("TERRA_AUTH_FORWARD_SECRET") or FORWARD_SECRET_FILE.read_text().strip()


@app.after_request
def protect(response):
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {GATEWAY}; connect-src {GATEWAY}; img-src 'self' {GATEWAY}; "
        "style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "5000")))
