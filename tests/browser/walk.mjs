// One browser for all walks. Prints the port where it waits, as `{"port":1234}`, or why there is no browser, as
// `{"missing":"…"}`. Who connects sends one walk as JSON and closes its half; the answer is what was seen. Ends with its input.
import { createServer } from "node:net";

const MOST_AT_ONCE = 3;
const LONGEST_WALK_MS = 60_000;

try {
  await start();
} catch (error) {
  console.log(JSON.stringify({ missing: error.message }));
}

async function start() {
  const [{ launch }, { Visitor }] = await Promise.all([import("./launch.mjs"), import("./visitor.mjs")]);
  const browser = await launch();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let order = "";
    socket.setEncoding("utf8").on("data", (chunk) => (order += chunk));
    socket.on("end", async () => socket.end(JSON.stringify(await inTurn(() => walk(browser, Visitor, JSON.parse(order))))));
  });
  server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
  process.stdin.resume().once("end", () => browser.close().finally(() => process.exit()));
}

async function walk(browser, Visitor, order) {
  const visitor = await Visitor.arrive(browser, order);
  const late = setTimeout(() => visitor.leave(), LONGEST_WALK_MS);
  let at;
  try {
    for (at of order.steps) {
      const [verb, what] = typeof at === "string" ? [at] : Object.entries(at)[0];
      await visitor[verb](what);
    }
  } catch (error) {
    visitor.problems.push(`${JSON.stringify(at)}: ${error.message}`);
  }
  clearTimeout(late);
  await visitor.leave();
  return { pages: visitor.pages, problems: visitor.problems };
}

let running = 0;
const waiting = [];

async function inTurn(job) {
  if (running === MOST_AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await job();
  } finally {
    if (waiting.length) waiting.shift()();
    else running -= 1;
  }
}
