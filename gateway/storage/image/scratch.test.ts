import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { until } from "../../../test/patience.ts";
import { exportImage } from "./export.ts";
import { importImage } from "./import.ts";
import { makeScratch } from "./scratch.ts";
import { MemoryStorage, signal, temporaryFolder, withQemuImg } from "./testing.ts";

/** A folder as a process that was killed leaves it: nobody holds its lock. */
const abandoned = async (path: string): Promise<void> => {
  await mkdir(path);
  await writeFile(join(path, "lock"), "");
  await writeFile(join(path, "raw"), "bytes");
};

describe("a folder for temporary files", () => {
  test("is made anew each time, and takes those with it that were abandoned", async (context) => {
    const folder = await temporaryFolder(context);
    const prefix = join(folder, "ours-");
    await abandoned(`${prefix}abc123`);
    const [first, second] = [await makeScratch(prefix), await makeScratch(prefix)];
    assert.deepEqual(
      (await readdir(folder)).map((name) => join(folder, name)),
      [first.folder, second.folder].toSorted(),
    );
    await first.remove();
    await second.remove();
    assert.deepEqual(await readdir(folder), []);
  });

  test("leaves alone what is in use, has no lock, has another name, or is a link", async (context) => {
    const folder = await temporaryFolder(context);
    const prefix = join(folder, "ours-");
    await mkdir(`${prefix}nolock`);
    await abandoned(`${prefix}of-somebody`);
    await abandoned(join(folder, "theirs-abc123"));
    await symlink(join(folder, "theirs-abc123"), `${prefix}link12`);
    const held = await makeScratch(prefix);
    await writeFile(join(held.folder, "raw"), "bytes");
    const before = await readdir(folder, { recursive: true });
    await (await makeScratch(prefix)).remove();
    assert.deepEqual((await readdir(folder, { recursive: true })).toSorted(), before.toSorted());
    await held.remove();
  });

  test("of an export that was killed goes with the next export into its folder", async (context) => {
    const folder = await temporaryFolder(context);
    await abandoned(join(folder, ".smtx-backup-export-abc123"));
    const storage = new MemoryStorage();
    storage.volumes.set("v", Buffer.alloc(512, 1));
    await exportImage({ storage, volumeId: "v", file: join(folder, "disk.raw"), format: "raw", signal });
    assert.deepEqual(await readdir(folder), ["disk.raw"]);
  });
});

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("an import that is killed takes its qemu-img with it, and the next one removes its raw copy", async (context) => {
  const folder = await temporaryFolder(context);
  const temporary = await withQemuImg(context, folder, true);
  const file = join(folder, "stuck.qcow2");
  await writeFile(file, Buffer.concat([Buffer.from("QFI\xfb", "latin1"), Buffer.alloc(512)]));
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const code = `const { importImage } = await import(${url("import.ts")});
    const { MemoryStorage, signal } = await import(${url("testing.ts")});
    await importImage({ file: ${JSON.stringify(file)}, storage: new MemoryStorage(), name: "d", kind: "lun", signal });`;
  const importing = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: "inherit" });
  const pidOf = () => readFile(`${file}.pid`, "utf8").catch(() => "");
  await until("the conversion", async () => (await pidOf()).endsWith("\n"));
  const pid = Number(await pidOf());
  assert(isAlive(pid));
  importing.kill("SIGKILL");
  await once(importing, "close");
  // The end of a process that is not ours has no event.
  await until("the end of qemu-img", () => !isAlive(pid));
  assert.equal((await readdir(temporary)).length, 1);
  const next = join(folder, "disk.qcow2");
  await writeFile(next, await readFile(file));
  await importImage({ file: next, storage: new MemoryStorage(), name: "d", kind: "lun", signal });
  assert.deepEqual(await readdir(temporary), []);
});
