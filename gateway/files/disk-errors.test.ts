import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { asDiskError } from "./disk-errors.ts";
import { writeFileSafely } from "./files.ts";

describe("what a disk says", () => {
  const named = (fields: object) => asDiskError("/srv/file", Object.assign(new Error("said the kernel"), fields));

  test("has its name: it fails, or it is full", () => {
    for (const code of ["EIO", "EROFS", "ENXIO", "ENODEV", "ESTALE"]) {
      const error = named({ code });
      assert.ok(VisibleError.is(error, "DISK_FAILED"));
      assert.match(error.message, /\/srv\/file has failed: said the kernel/);
      assert.equal(error.retryable, true);
    }
    assert.ok(VisibleError.is(named({ code: "Unknown system error -117", errno: -117 }), "DISK_FAILED"));
    for (const code of ["ENOSPC", "EDQUOT"]) assert.ok(VisibleError.is(named({ code }), "STORE_FULL"));
  });

  test("is left as it is when it is no matter of the disk, and so is what has its name already", () => {
    for (const code of ["ENOENT", "EACCES", "EMFILE", "EBADF"]) {
      assert.ok(!VisibleError.is(named({ code })), code);
    }
    const error = new VisibleError("STORE_CORRUPT", "no");
    assert.equal(asDiskError("/x", error), error);
  });
});

test("a file that can't be replaced stays what it was, and the disk's error has its name", async () => {
  const dir = await mkdtemp(join(tmpdir(), "files-"));
  try {
    const file = join(dir, "certificate.pem");
    await writeFileSafely(file, "old");
    // It gives ENOSPC for all that is written to it; its own mode is 0o666.
    const full: typeof open = () => open("/dev/full", "r+");
    await assert.rejects(writeFileSafely(file, "new", 0o666, full), { code: "STORE_FULL" });
    assert.equal(await readFile(file, "utf8"), "old");
  } finally {
    await rm(dir, { recursive: true });
  }
});
