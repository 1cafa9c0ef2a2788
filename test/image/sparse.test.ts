import assert from "node:assert/strict";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dataRanges } from "../../gateway/storage/image/data-ranges.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { MemoryStorage } from "../../gateway/storage/image/testing.ts";
import { testWith } from "../need.ts";

const MiB = 1024 ** 2;
const signal = new AbortController().signal;
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smtx-backup-sparse-"));
});
after(() => rm(dir, { recursive: true }));

/** A file of holes, with 4 KiB of data at each of the offsets. */
const sparse = async (sizeBytes: number, offsets: readonly number[]): Promise<string> => {
  const file = join(dir, `sparse-${sizeBytes}`);
  const handle = await open(file, "w");
  await handle.truncate(sizeBytes);
  for (const offset of offsets) await handle.write(Buffer.alloc(4096, 1), 0, 4096, offset);
  await handle.close();
  return file;
};

const rangesOf = async (file: string) => {
  const handle = await open(file);
  try {
    return await dataRanges(handle.fd, (await handle.stat()).size, signal);
  } finally {
    await handle.close();
  }
};

const testWithTar = await testWith("tar");

testWithTar("the data of a sparse file is found without reading its holes, however large they are", async () => {
  const TiB = 1024 ** 4;
  const offsets = [0, 5 * MiB, 3 * TiB, 4 * TiB - 4096];
  const ranges = await rangesOf(await sparse(4 * TiB, offsets));
  assert.deepEqual(
    ranges,
    offsets.map((offset) => ({ offset, length: 4096 })),
  );
  assert.deepEqual(await rangesOf(await sparse(TiB, [])), []);
});

testWithTar("holes that are shorter than a MiB are no reason for another range", async () => {
  const ranges = await rangesOf(await sparse(8 * MiB, [4096, 4096 + MiB, 4 * MiB]));
  assert.deepEqual(ranges, [
    { offset: 4096, length: MiB + 4096 },
    { offset: 4 * MiB, length: 4096 },
  ]);
});

testWithTar("a sparse image is read where it has data and nowhere else", async () => {
  const file = await sparse(64 * MiB, [3 * MiB + 8192, 50 * MiB]);
  const seen: number[] = [];
  const onProgress = ({ doneBytes }: { doneBytes: number }) => seen.push(doneBytes / MiB);
  const storage = new MemoryStorage();
  await importImage({ file, storage, name: "d", kind: "lun", signal, onProgress });
  assert.deepEqual(seen, [4, 51]);
});

test("what is asked of it ends when it is told to", async () => {
  const handle = await open(await sparse(MiB, []));
  const stopped = AbortSignal.abort(new Error("enough"));
  await assert.rejects(dataRanges(handle.fd, MiB, stopped), /enough/);
  await handle.close();
});
