import assert from "node:assert/strict";
import { chmod, lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { runCommand, startUp } from "./command.ts";

const succeeds = async (umask: string, ...parameters: string[]): Promise<void> => {
  const { exitCode, stderr } = await runCommand(parameters, { umask });
  assert.equal(exitCode, 0, stderr);
};

/** What others may do with a folder or with something in it: `path mode`. */
const openToOthers = async (path: string): Promise<readonly string[]> => {
  const found = await lstat(path);
  const here = (found.mode & 0o077) === 0 ? [] : [`${path} ${(found.mode & 0o777).toString(8)}`];
  if (!found.isDirectory()) return here;
  const below = await Promise.all((await readdir(path)).map((name) => openToOthers(join(path, name))));
  return [...here, ...below.flat()];
};

const temporaryFolder = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-modes-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
};

describe("what a whole local up leaves", () => {
  for (const umask of ["022", "000"]) {
    test(`is its user's alone with a umask of ${umask}, while it runs and afterwards`, async (t) => {
      const folder = await temporaryFolder(t);
      const dir = join(folder, "data");
      const { stop } = await startUp(t, dir, { umask });
      const image = join(folder, "disk.img");
      await writeFile(image, Buffer.alloc(2 ** 20, 1));
      await succeeds(umask, "volume", "import", image, "--site", "a", "--name", "web1", "--dir", dir);
      const exported = join(folder, "exported.img");
      await succeeds(umask, "volume", "export", "web1", "--site", "a", "-o", exported, "--dir", dir);
      assert.ok((await readdir(join(dir, "sites", "a", "store"))).includes("store.sqlite"));
      assert.deepEqual([...(await openToOthers(dir)), ...(await openToOthers(exported))], []);
      await stop();
      assert.deepEqual(await openToOthers(dir), []);
    });
  }

  test("and what one from before has left is closed to others, with one line in the log", async (t) => {
    const dir = join(await temporaryFolder(t), "data");
    await (await startUp(t, dir, { umask: "077" })).stop();
    const opened = [".", "in-use", "token", "pki", "pki/ca.key", "sites/a/store", "sites/a/a1.key", "dynamodb"];
    for (const name of opened) await chmod(join(dir, name), 0o755);
    await writeFile(join(dir, "control-plane.log"), "");
    const { stop } = await startUp(t, dir);
    assert.deepEqual(await openToOthers(dir), []);
    await stop();
    const lines = (await readFile(join(dir, "control-plane.log"), "utf8")).split("\n");
    const told = lines.filter((line) => line.includes("closed to them")).map((line) => JSON.parse(line).count);
    const withJournalOfLock = opened.length + 1;
    assert.deepEqual(told, [withJournalOfLock]);
  });
});
