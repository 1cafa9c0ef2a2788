import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../cli/bin.js", import.meta.url));

/** `smtx-backup`, as a user with a umask has it. */
const smtxBackup = (umask: string, parameters: readonly string[]): ChildProcess =>
  spawn("/bin/sh", ["-c", `umask ${umask} && exec "$@"`, "sh", process.execPath, command, ...parameters], {
    stdio: ["ignore", "pipe", "inherit"],
  });

const succeeds = async (umask: string, ...parameters: string[]): Promise<void> => {
  const child = smtxBackup(umask, parameters);
  child.stdout?.resume();
  const [code] = await once(child, "exit");
  assert.equal(code, 0, parameters.join(" "));
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

const startUp = async (t: TestContext, umask: string, dir: string) => {
  const child = smtxBackup(umask, ["local", "up", "--dir", dir, "--json"]);
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  t.after(stop);
  assert.ok(child.stdout);
  const ended = exited.then(() => assert.fail("it ended before it was ready"));
  ended.catch(() => undefined);
  await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended]);
  return { stop };
};

describe("what a whole local up leaves", () => {
  for (const umask of ["022", "000"]) {
    test(`is its user's alone with a umask of ${umask}, while it runs and afterwards`, async (t) => {
      const folder = await temporaryFolder(t);
      const dir = join(folder, "data");
      const { stop } = await startUp(t, umask, dir);
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
    await (await startUp(t, "077", dir)).stop();
    const opened = [".", "token", "pki", "pki/ca.key", "sites/a/store", "sites/a/a1.key", "dynamodb"];
    for (const name of opened) await chmod(join(dir, name), 0o755);
    await writeFile(join(dir, "control-plane.log"), "");
    await (await startUp(t, "022", dir)).stop();
    assert.deepEqual(await openToOthers(dir), []);
    const lines = (await readFile(join(dir, "control-plane.log"), "utf8")).split("\n");
    const told = lines.filter((line) => line.includes("closed to them")).map((line) => JSON.parse(line).count);
    assert.deepEqual(told, [opened.length]);
  });
});
