import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Overlay } from "../../gateway/nbd/overlay/overlay.ts";
import { findTool, runTool } from "../../infra/local/demo/tools.ts";
import { type Served, serveDisk, sha256Of, writePieces } from "./served.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** More than one extent, and an odd end. */
const diskBytes = 300 * MiB + 512;
const fioBytes = 16 * MiB;
const fioAt = 272 * MiB;

/** Where this finds a tool; it fails where there is none. */
const tool = async (name: string): Promise<string> => {
  const path = await findTool(name);
  assert(path !== undefined, `${name} is missing here: apt-get install libnbd-bin python3-libnbd fio qemu-utils`);
  return path;
};
const run = async (name: string, ...parameters: readonly string[]) => runTool(await tool(name), parameters);

/** What fio writes and finds again: each block says what and where it is. */
const fio = (how: string, ...where: readonly string[]) =>
  run(
    "fio",
    ...["--name=verify", "--bs=64k", "--randseed=7", "--verify=sha256", "--verify_fatal=1", "--verify_state_save=0"],
    ...[`--size=${fioBytes}`, `--rw=${how}`, ...where],
  );

/** By Debian's Python, which has Debian's libnbd. */
const oddCases = (...parameters: readonly string[]) =>
  runTool("/usr/bin/python3", [join(import.meta.dirname, "odd-cases.py"), ...parameters]);

let served: Served;
before(async () => {
  served = await serveDisk(async (raw) => {
    await writePieces(raw, diskBytes, [
      [0, randomBytes(3 * MiB)],
      [7 * MiB, randomBytes(64 * KiB)],
      [8 * MiB, Buffer.alloc(MiB, "compressible")],
      // Zeros that were written are a hole as well.
      [20 * MiB, Buffer.alloc(4 * MiB)],
      [255 * MiB + 4 * KiB, randomBytes(2 * MiB)],
      [diskBytes - 512, randomBytes(512)],
    ]);
    await fio("write", "--do_verify=0", `--filename=${raw}`, `--offset=${fioAt}`);
  });
});
after(() => served.close());

/** Data and holes in blocks of 64 KiB, as the file has them. */
const expectedMap = (): readonly (readonly [offset: number, length: number, isHole: boolean])[] => {
  const data: readonly (readonly [number, number])[] = [
    [0, 3 * MiB],
    [7 * MiB, 64 * KiB],
    [8 * MiB, MiB],
    [255 * MiB, 2 * MiB + 64 * KiB],
    [fioAt, fioBytes],
    [diskBytes - 512, 512],
  ];
  const map: (readonly [number, number, boolean])[] = [];
  let at = 0;
  for (const [offset, length] of data) {
    if (offset > at) map.push([at, offset - at, true]);
    map.push([offset, length, false]);
    at = offset + length;
  }
  return map;
};

describe("an attached disk", () => {
  test("is one for nbdinfo, with its size, its block sizes, and all connections that one likes", async () => {
    const { exports } = JSON.parse(await run("nbdinfo", "--json", served.uri));
    const { "export-size": size, is_read_only, can_multi_conn, can_df, block_size_maximum, contexts } = exports[0];
    assert.deepEqual([size, is_read_only, can_multi_conn, can_df], [diskBytes, true, true, true]);
    assert.deepEqual([block_size_maximum, contexts], [32 * MiB, ["base:allocation"]]);
  });

  test("has its holes in nbdinfo's map, and in qemu-img's", async () => {
    const map = JSON.parse(await run("nbdinfo", "--json", "--map", served.uri));
    assert.deepEqual(
      map.map(({ offset, length, type }: Record<string, number>) => [offset, length, type === 3]),
      expectedMap(),
    );
    const qemu = JSON.parse(await run("qemu-img", "map", "-f", "raw", "--output=json", served.uri));
    assert.deepEqual(
      qemu.map(({ start, length, zero }: Record<string, number>) => [start, length, zero]),
      expectedMap(),
    );
  });

  test("is copied by nbdcopy over many connections, with its holes, and its SHA-256 is the right one", async () => {
    const copy = join(served.folder, "nbdcopy.raw");
    await run("nbdcopy", "--connections=4", "--requests=64", served.uri, copy);
    assert.equal(await sha256Of(copy), await sha256Of(served.raw));
    assert.ok((await stat(copy)).blocks * 512 < 40 * MiB, "it was copied without its holes");
  });

  test("is converted and compared by qemu-img, and its SHA-256 is the right one", async () => {
    const [copy, qcow2] = ["convert.raw", "convert.qcow2"].map((name) => join(served.folder, name));
    assert(copy !== undefined && qcow2 !== undefined);
    await run("qemu-img", "convert", "-f", "raw", "-O", "raw", served.uri, copy);
    assert.equal(await sha256Of(copy), await sha256Of(served.raw));
    await run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", served.uri, qcow2);
    assert.match(await run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2, served.uri), /identical/);
  });

  test("has what fio wrote before the backup, block by block", async () => {
    await fio("read", "--ioengine=nbd", `--uri=${served.uri}`, `--offset=${fioAt}`);
    await fio("randread", "--ioengine=nbd", `--uri=${served.uri}`, `--offset=${fioAt}`, "--iodepth=16");
    await assert.rejects(fio("read", "--ioengine=nbd", `--uri=${served.uri}`, "--offset=0"), /verify/);
  });

  test("bears what only clients do that are written for it", async () => {
    assert.match(await oddCases(served.uri, served.raw), /all is well/);
  });
});

describe("an attached disk with an overlay", () => {
  test("bears fio's writes with verify, qemu's discards and zeros, and the backup is as it was", async () => {
    const folder = join(served.folder, "overlay");
    await mkdir(folder, { mode: 0o700 });
    const overlay = await Overlay.over(served.exported, { folder, bytesMax: 64 * MiB });
    const { uri } = await served.serve(overlay);
    const before = await sha256Of(served.raw);
    await fio("randwrite", "--ioengine=nbd", `--uri=${uri}`, "--offset=0", "--iodepth=8", "--do_verify=1");
    await fio("randrw", "--ioengine=nbd", `--uri=${uri}`, `--offset=${100 * MiB}`, "--iodepth=4", "--do_verify=1");
    const commands = [
      "write -P 0xaa 1000448 100000",
      "read -P 0xaa 1000448 100000",
      "write -z 1000448 65536",
      "read -P 0 1000448 65536",
      "read -P 0xaa 1065984 34464",
      "discard 0 300M",
      "read -P 0 10M 20M",
      "flush",
    ];
    const told = await run("qemu-io", "-f", "raw", ...commands.flatMap((command) => ["-c", command]), uri);
    assert.doesNotMatch(told, /failed|error/i);
    await assert.rejects(run("qemu-io", "-f", "raw", "-c", `write 0 ${80 * MiB}`, uri), {
      stdout: /No space left on device/,
    });
    assert.deepEqual(await readdir(folder), [], "its file has no name");
    const copy = join(served.folder, "after.raw");
    await run("nbdcopy", served.uri, copy);
    assert.equal(await sha256Of(copy), before);
    await overlay.close();
  });
});

describe("an attached disk that is damaged", () => {
  test("is an error where it is, in words, and all else can be read", async () => {
    const at = 7 * MiB;
    await damage(join(served.folder, "store", "data"), (await readFile(served.raw)).subarray(at, at + 64 * KiB));
    assert.match(await oddCases(served.uri, served.raw, `${at}`), /the damage was told/);
    assert.match(await oddCases(served.uri, served.raw, `${at + 60 * KiB}`), /the damage was told/);
  });
});

/** Turns a bit of the block in the file of the store that holds it. */
const damage = async (folder: string, block: Buffer): Promise<void> => {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const bytes = await readFile(file);
    const at = bytes.indexOf(block);
    if (at < 0) continue;
    bytes.writeUInt8(bytes.readUInt8(at + 100) ^ 1, at + 100);
    return writeFile(file, bytes);
  }
  assert.fail("the block is nowhere");
};
