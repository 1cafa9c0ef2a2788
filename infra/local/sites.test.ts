import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseSites } from "./sites.ts";

test("a folder's sites are started again unless some are named, and those left out are told", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-sites-"));
  t.after(() => rm(dir, { recursive: true }));
  assert.deepEqual(await chooseSites(dir, undefined), { sites: ["a", "b"], leftOut: [] });
  for (const site of ["c", "a", "b", "Not A Site"]) await mkdir(join(dir, "sites", site), { recursive: true });
  assert.deepEqual(await chooseSites(dir, undefined), { sites: ["a", "b", "c"], leftOut: [] });
  assert.deepEqual(await chooseSites(dir, ["a", "d"]), { sites: ["a", "d"], leftOut: ["b", "c"] });
});
