import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { makeFolder } from "./folder.ts";

describe("making a folder", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-folder-"));
  });
  after(() => rm(dir, { recursive: true }));

  const refused = (path: string, message: RegExp) =>
    assert.rejects(makeFolder(path), (error) => {
      assert(VisibleError.is(error, "BAD_REQUEST"), String(error));
      assert.match(error.message, message);
      assert.ok(error.hint);
      return true;
    });

  test("makes those above it, and leaves one that is there as it is", async () => {
    const folder = join(dir, "x", "y", "z");
    await makeFolder(folder, { mode: 0o700 });
    await makeFolder(folder, { mode: 0o755 });
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  test("says in a sentence that a file is in its place, or above it", async () => {
    const file = join(dir, "file");
    await writeFile(file, "");
    await refused(file, /^The folder .*file can't be made or used: it is there, and is no folder\.$/);
    await refused(join(file, "below"), /something above it is no folder\.$/);
  });

  test("does not go on for ever where the system has no room for folders", () =>
    refused(
      "/proc/smtx-backup/data",
      /^The folder \/proc\/smtx-backup\/data can't be made or used: the system takes no folder there/,
    ));

  test("says in a sentence that another user's is none to use", async () => {
    const access = () => Promise.reject(Object.assign(new Error("permission denied"), { code: "EACCES" }));
    await assert.rejects(makeFolder(dir, { access }), { code: "BAD_REQUEST", message: /used: this user may not\.$/ });
  });

  test("is given up with the signal while a disk does not answer", async () => {
    const stopping = new AbortController();
    const mkdir = () => {
      stopping.abort(new Error("stopped by SIGINT"));
      return new Promise<never>(() => undefined);
    };
    await assert.rejects(makeFolder(join(dir, "hangs"), { signal: stopping.signal, mkdir }), /stopped by SIGINT/);
  });
});
