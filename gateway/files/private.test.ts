import assert from "node:assert/strict";
import { chmod, chown, link, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, type TestContext, test } from "node:test";
import { needRoot } from "../../test/need.ts";
import { writeFileSafely } from "./files.ts";
import { permissionsOf, setPermissions, tighten } from "./private.ts";

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777;

describe("what is this user's alone", () => {
  let dir = "";
  beforeEach(async (t) => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-private-"));
    (t as TestContext).after(() => rm(dir, { recursive: true }));
  });

  test("a folder from before is closed to others, with all that is in it", async () => {
    await mkdir(join(dir, "store", "data"), { recursive: true });
    const file = join(dir, "store", "data", "file");
    await writeFile(file, "");
    await chmod(file, 0o664);
    for (const folder of ["store", "store/data"]) await chmod(join(dir, folder), 0o775);
    assert.equal(await tighten(join(dir, "store")), 3);
    assert.deepEqual(
      await Promise.all([modeOf(join(dir, "store")), modeOf(join(dir, "store", "data")), modeOf(file)]),
      [0o700, 0o700, 0o600],
    );
    assert.equal(await tighten(join(dir, "store")), 0);
    assert.equal(await tighten(join(dir, "none")), 0);
  });

  test("a link in it does not lead out of it", async () => {
    const store = join(dir, "store");
    await mkdir(store);
    const [outside, folder] = [join(dir, "outside"), join(dir, "folder")];
    await writeFile(outside, "");
    await mkdir(folder);
    for (const path of [outside, folder]) await chmod(path, 0o755);
    await symlink(outside, join(store, "file"));
    await symlink(folder, join(store, "folder"));
    await tighten(store);
    assert.deepEqual([await modeOf(outside), await modeOf(folder)], [0o755, 0o755]);
  });

  test("a folder of another user's in it is not looked into: he could lay a link in it", async (t) => {
    if (!needRoot(t)) return;
    const theirs = join(dir, "store", "theirs");
    await mkdir(theirs, { recursive: true });
    const file = join(theirs, "file");
    await writeFile(file, "");
    for (const path of [file, theirs]) await chmod(path, 0o755);
    await chown(theirs, 12_345, 12_345);
    await tighten(join(dir, "store"));
    assert.deepEqual([await modeOf(theirs), await modeOf(file)], [0o755, 0o755]);
  });

  test("a folder that everybody writes to stays everybody's", async () => {
    await chmod(dir, 0o1777);
    const file = join(dir, "file");
    await writeFile(file, "");
    await chmod(file, 0o644);
    await tighten(dir);
    assert.deepEqual([await modeOf(dir), await modeOf(file)], [0o1777, 0o600]);
  });

  test("a new file is closed to others, and one in the place of another keeps its mode", async () => {
    const file = join(dir, "file");
    await writeFileSafely(file, "new");
    assert.equal(await modeOf(file), 0o600);
    for (const mode of [0o640, 0o644, 0o400]) {
      await chmod(file, mode);
      await writeFileSafely(file, "again");
      assert.equal(await modeOf(file), mode);
    }
    await writeFileSafely(file, "secret", 0o600);
    assert.equal(await modeOf(file), 0o600);
  });

  test("what another user laid at the name of a temporary file is not written into", async () => {
    const [file, trap] = [join(dir, "file"), join(dir, "trap")];
    await writeFile(trap, "");
    await link(trap, `${file}.tmp`);
    await writeFileSafely(file, "secret");
    assert.equal((await stat(trap)).size, 0);
  });

  test("one whose owner can't be kept lets nobody in", async () => {
    const modes: number[] = [];
    const file = {
      stat: async () => ({ uid: 1, gid: 1 }),
      chown: async () => Promise.reject(new Error("EPERM")),
      chmod: async (mode: number) => void modes.push(mode),
    };
    await setPermissions(file, { mode: 0o644, uid: 2, gid: 1 });
    await setPermissions(file, { mode: 0o644, uid: 1, gid: 1 });
    assert.deepEqual(modes, [0o600, 0o644]);
    assert.equal(await permissionsOf(join(dir, "none")), undefined);
    assert.equal(await permissionsOf(dir), undefined);
  });
});
