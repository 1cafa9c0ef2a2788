import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { exportImage } from "../../gateway/storage/image/export.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { runTool } from "../../infra/local/demo/tools.ts";
import { testWith } from "../need.ts";
import { hangMs } from "../patience.ts";

const MiB = 1024 ** 2;
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smtx-backup-qcow2-"));
});
after(() => rm(dir, { recursive: true }));

const testWithQemuImg = await testWith("qemu-img");
testWithQemuImg(
  "a qcow2 image goes out of an extentstore and back in by the real qemu-img, byte for byte",
  async (_, qemuImg) => {
    const file = (name: string) => join(dir, name);
    const signal = AbortSignal.timeout(hangMs);
    const storage = await openStorage({ kind: "extentstore", dir: file("store") });
    try {
      await writePattern(file("disk.raw"), 24 * MiB, 3);
      const disk = await importImage({ file: file("disk.raw"), storage, signal, name: "disk", kind: "volume" });
      const out = await exportImage({
        storage,
        file: file("disk.qcow2"),
        format: "qcow2",
        signal,
        volumeId: disk.volumeId,
      });
      await runTool(qemuImg, ["compare", file("disk.raw"), file("disk.qcow2")]);
      const again = await importImage({ file: file("disk.qcow2"), storage, signal, name: "again", kind: "volume" });
      const back = await exportImage({
        storage,
        file: file("back.raw"),
        format: "raw",
        signal,
        volumeId: again.volumeId,
      });
      assert.equal(back.sha256, out.sha256);
      assert.equal(back.sizeBytes, 24 * MiB);
    } finally {
      await storage.close();
    }
  },
);
