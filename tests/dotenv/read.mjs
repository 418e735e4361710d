// What Node's dotenv reads from each file of a folder, by the files' names: one JSON object.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";

const [folder] = process.argv.slice(2);
const read = (name) => [name, parse(readFileSync(join(folder, name)))];
process.stdout.write(JSON.stringify(Object.fromEntries(readdirSync(folder).map(read))));
