import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { measureIscsi } from "./iscsi-rates.ts";

test("both read and write all of the disk, and its copy is gone afterwards", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "bench-iscsi-"));
  context.after(() => rm(dir, { recursive: true }));
  const [image, sizeBytes] = [join(dir, "image"), 8 * 2 ** 20];
  await writeFile(image, Buffer.alloc(sizeBytes, "x"));
  const said: string[] = [];
  const rates = await measureIscsi(image, { dir, sizeBytes, say: (text) => said.push(text) });
  assert.deepEqual([rates?.map(({ what }) => what), said], [["read", "write"], []], "install tgt and qemu-block-extra");
  for (const { ours, qemu } of rates ?? []) assert(ours > 0 && qemu > 0);
  assert.deepEqual(await readdir(dir), ["image"]);
});
