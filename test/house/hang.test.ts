import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
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
