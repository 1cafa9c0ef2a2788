import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import packageJson from "../../package.json" with { type: "json" };
import { hangMs } from "../patience.ts";

test("what needs a tool that is missing is no test here, skipped or not, and fails in CI; it is told before the tests", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-need-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "needs.test.mjs");
  const need = new URL("../need.ts", import.meta.url).href;
  await writeFile(file, `import { testWith } from "${need}"; (await testWith("rsync"))("x", async () => undefined);`);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const ran = (CI: string) =>
    spawnSync(process.execPath, [file], {
      ...{ encoding: "utf8", timeout: hangMs },
      env: { ...env, CI, PATH: "/nowhere" },
    });
  const here = ran("");
  assert.equal(here.status, 0, here.stderr);
  assert.doesNotMatch(here.stdout, /skipped [1-9]|NOT CHECKED/);
  const inCi = ran("1");
  assert.equal(inCi.status, 1);
  assert.match(inCi.stdout, /rsync is missing here; install rsync/);
  assert.match(packageJson.scripts.pretest, /node test\/missing\.ts/);
});
