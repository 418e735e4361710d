// A person at a browser of their own: opens the address in the argument, signs in at the third-party OAuth server, then
// agrees or not. Says as JSON which pages they met; the app at the end of the way is played here.
import { launch } from "../browser/launch.mjs";

const { url, name, agrees } = JSON.parse(process.argv[2]);
const APP = "https://app.example/";

const browser = await launch();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  await page.route(`${APP}**`, (route) => route.fulfill({ contentType: "text/html", body: "<h1>The app</h1>" }));
  const pages = [];
  const look = async () => pages.push({ url: page.url(), heading: await page.locator("h1").textContent() });

  await page.goto(url);
  await look();
  await page.getByPlaceholder("Enter any login").fill(name);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("heading", { name: "Authorize" }).waitFor();
  await look();
  await (agrees ? page.getByRole("button", { name: "Continue" }) : page.getByText("[ Cancel ]")).click();
  await page.waitForURL(`${APP}**`);
  await look();
  console.log(JSON.stringify(pages));
} finally {
  await browser.close();
}
