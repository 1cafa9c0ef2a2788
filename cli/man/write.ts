import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { definitionOf } from "../help/definitions.ts";
import { createProgram } from "../program.ts";
import { manPage } from "./page.ts";

/* Writes the man page to the file that is named: `npm pack` does, before it packs. */
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("Name the file that the man page goes to.");
const nowhere = { write: () => undefined, takeBack: () => undefined, isTerminal: false, columns: 80 };
const program = createProgram({ env: {}, stdout: nowhere, stderr: nowhere }, () => async () => undefined);
const date = new Date().toISOString().slice(0, "2026-01-01".length);
await mkdir(dirname(file), { recursive: true });
await writeFile(file, manPage(definitionOf(program), { version: packageJson.version, date }));
