// An Express app whose users are logged in by tokens of its own, for a phone or another program. It holds no Terra key and
// mints no Terra token: the gateway checks the app's tokens by the keys that are published here. See README.md.
import express from "express";
import { SignJWT, exportJWK, generateKeyPair } from "jose";

const PORT = Number(process.env.PORT ?? 3000);
const ISSUER = process.env.ISSUER ?? `http://127.0.0.1:${PORT}`;
const AUDIENCE = "acme-api";
const LIFETIME = process.env.TOKEN_LIFETIME ?? "10 minutes";
const USERS = { alice: { id: "user_1", password: "wonderland" }, bob: { id: "user_2", password: "builder" } };

// Made at each start, so tokens end with the process; a real app keeps its key.
const kid = crypto.randomUUID();
const { publicKey, privateKey } = await generateKeyPair("ES256");
const published = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" }] };

const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "16kb" }));

app.get("/.well-known/jwks.json", (request, response) => {
  response.set("cache-control", "public, max-age=300").json(published);
});

app.post("/login", async (request, response) => {
  const { name, password } = request.body ?? {};
  const user = Object.hasOwn(USERS, name) ? USERS[name] : undefined;
  if (!user || user.password !== password) return response.status(401).json({ error: "that name and password do not fit" });
  response.set("cache-control", "no-store").json({ token: await tokenFor(user.id) });
});

function tokenFor(userId) {
  return new SignJWT()
    .setProtectedHeader({ alg: "ES256", kid })
    .setSubject(userId)
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(privateKey);
}

app.listen(PORT, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${PORT}`));
