import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { hangMs } from "../patience.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const hanging = `
import { test } from "node:test";
test("begins and ends", () => undefined);
test("hangs for ever", () => new Promise(() => setInterval(() => undefined, 1000)));
`;

test("a test that hangs fails by its name, and what it leaves open keeps nobody waiting", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-hang-test-"));
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "hang.test.mjs"), hanging);
  const parameters = ["run", "--silent", "testing", "--", "--test-timeout=500", "--test-reporter=spec"];
  // A runner that runs in a runner would tell the outer one what happens, and nobody else.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const options = { cwd: root, env, encoding: "utf8", timeout: hangMs } as const;
  const { status, stdout } = spawnSync("npm", [...parameters, join(dir, "hang.test.mjs")], options);
  assert.equal(status, 1);
  assert.match(stdout, /✔ begins and ends/);
  assert.match(stdout, /✖ hangs for ever.*test timed out after 500ms/s);
});

test("a file's process ends when all it says has been read, however late that is", async () => {
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const [, parameters = ""] = / node (.*) --test /.exec(scripts.testing) ?? [];
  const bytes = 4 * 2 ** 20;
  const says = `process.stdout.write("x".repeat(${bytes})); process.exit();`;
  const child = spawn(process.execPath, [...parameters.split(" "), "-e", says], { cwd: root });
  // More than goes into a pipe waits behind it until then.
  await once(child.stdout, "readable");
  await setTimeout(500);
  let read = 0;
  for await (const chunk of child.stdout) read += chunk.length;
  assert.equal(read, bytes);
});
