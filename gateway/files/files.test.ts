import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeFileSafely } from "./files.ts";

test("of many writes to a file at once the last one stays, whole, and one that fails keeps none of the others away", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "files-"));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, "file");
  const contents = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100_000 - 10_000 * index));
  const failing = assert.rejects(writeFileSafely(join(dir, "none", "file"), ""));
  await Promise.all(contents.map((content) => writeFileSafely(file, content)));
  await failing;
  assert.equal(await readFile(file, "utf8"), contents.at(-1));
  assert.deepEqual(await readdir(dir), ["file"]);
  await assert.rejects(writeFileSafely(dir, ""));
  await writeFileSafely(file, "again");
  assert.equal(await readFile(file, "utf8"), "again");
});
