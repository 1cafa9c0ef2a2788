import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./testing.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** `plan create`, `rebuild`: all commands, as the help has them. */
const commands = async (): Promise<readonly string[]> => {
  const { stdout } = await run(["--help"]);
  const [, list = ""] = /\nCommands:\n(.*?)\n\n/s.exec(stdout) ?? [];
  return [...list.matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?)/gm)].map(([, name]) => name ?? "");
};

/** What people read: pages, and the sources with their hints. */
const texts = (): readonly string[] =>
  execFileSync("git", ["ls-files", "*.md", "*.ts", "*.yaml"], { cwd: root, encoding: "utf8" })
    .split("\n")
    .filter((file) => file !== "" && !/\.test\.ts$/.test(file) && !/^(bench|test)\//.test(file));

test("every command that a page or a hint names is there", async () => {
  const known = await commands();
  assert.ok(known.includes("plan create") && known.includes("rebuild"));
  const nouns = new Set(known.map((command) => command.split(" ")[0]));
  for (const file of texts()) {
    const text = await readFile(join(root, file), "utf8");
    for (const [, noun = "", verb = ""] of text.matchAll(/smtx-backup ([a-z]+)(?: ([a-z][a-z-]*))?/g)) {
      // What follows it may be a plan: `failover begin` is its default.
      if (!nouns.has(noun) || verb === "" || noun === "failover") continue;
      assert.ok(known.includes(noun) || known.includes(`${noun} ${verb}`), `${file} names smtx-backup ${noun} ${verb}`);
    }
  }
});
