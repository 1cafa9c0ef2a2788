import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bytesToTouch, touchMemory } from "./touch-memory.ts";

const MiB = 1024 * 1024;

const readBytes = async (): Promise<number> => {
  const [, bytes] = /^rchar: (\d+)$/m.exec(await readFile("/proc/self/io", "utf8")) ?? [];
  return Number(bytes);
};

test("what is wanted is touched, and not more than half of what is available", () => {
  assert.equal(bytesToTouch(5 * MiB, 100 * MiB), 5 * MiB);
  assert.equal(bytesToTouch(80 * MiB, 100 * MiB), 50 * MiB);
  assert.equal(bytesToTouch(80 * MiB, 7), 3);
});

test("so many bytes go through the page cache, and nothing is left behind", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-touch-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const wanted = 10 * MiB + 1;
  const before = await readBytes();
  await touchMemory(dir, wanted);
  const read = (await readBytes()) - before;
  assert(read >= wanted && read < wanted + MiB, `${read} bytes were read`);
  assert.deepEqual(await readdir(dir), []);
});

test("where it can't be done, it fails", async () => {
  await assert.rejects(touchMemory(join(tmpdir(), "smtx-backup-no-such-folder"), MiB), { code: "ENOENT" });
});
