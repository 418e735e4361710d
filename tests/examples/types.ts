// What an app may write, and what it may not; `tsc` must agree with both.
import { createTerra, TerraError } from "../../crates/gateway/src/script/terra.js";
import type { Connection, Integration, MobileToken } from "../../crates/gateway/src/script/terra.js";

const terra = createTerra({ gateway: "https://gateway.example", token: async () => undefined });
createTerra();
createTerra({ credentials: "omit", token: () => "header.payload.signature" });

export async function connects(button: HTMLButtonElement): Promise<string> {
  const { signal } = new AbortController();
  try {
    const connection: Connection = await terra.connect({ providers: ["FITBIT"], language: "de", signal });
    return `${connection.provider} since ${connection.connected_at ?? "today"}`;
  } catch (error) {
    if (!(error instanceof TerraError)) throw error;
    if (error.code === "rate_limited") setTimeout(() => connects(button), (error.retryAfter ?? 1) * 1000);
    return `${error.code}: ${error.detail} (${error.status ?? "no answer"})`;
  }
}

export async function returns(): Promise<void> {
  await terra.connect({ mode: "redirect", successUrl: "https://app.example/back", failureUrl: "https://app.example/back" });
  const since = await terra.connections();
  const { user_id }: Connection = await terra.waitForConnection({ since, timeoutMs: 60_000 });
  await terra.disconnect(user_id);
  const [first]: Integration[] = await terra.integrations();
  const { token, expires_in }: MobileToken = await terra.mobileToken();
  console.log(first?.logo_url, token.length, expires_in.toFixed(), since.last_failure?.reason);
}

// @ts-expect-error nobody says who the user is
terra.connect({ reference_id: "somebody-else" });
// @ts-expect-error
terra.connect({ mode: "iframe" });
// @ts-expect-error
terra.disconnect();
// @ts-expect-error
terra.connections().then((answer) => answer.connections[0]!.state === "gone");
