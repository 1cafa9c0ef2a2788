import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHashBytes } from "./block-hash.ts";
import { KeptHashes } from "./kept-hashes.ts";

const extentBytes = 16 * blockBytes;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const place = { mirror: "b mirror", geometry, extent: 0 };
const hashes = () => randomBytes((extentBytes / blockBytes) * blockHashBytes);

const folder = async (context: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "kept-"));
  context.after(() => rm(dir, { recursive: true }));
  return join(dir, "made", "when needed");
};

test("what was kept is found by its place and label, and by no other, the newest of each place", async (context) => {
  const dir = await folder(context);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ mirror: fc.constantFrom("x", "y"), extent: fc.nat(5), label: fc.constantFrom("1", "2") })),
      async (steps) => {
        const kept = new KeptHashes(join(dir, randomBytes(6).toString("hex")));
        const model = new Map<string, { readonly label: string; readonly hashes: Buffer }>();
        for (const { mirror, extent, label } of steps) {
          const at = { mirror, geometry, extent };
          const was = model.get(`${mirror} ${extent}`);
          const found = await kept.find(at, label);
          assert.deepEqual(found, was?.label === label ? was.hashes : undefined);
          const now = hashes();
          await kept.keep(at, label, now);
          model.set(`${mirror} ${extent}`, { label, hashes: now });
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("what is damaged or cut off anywhere is not found", async (context) => {
  const dir = await folder(context);
  const kept = new KeptHashes(dir);
  const was = hashes();
  await kept.keep(place, "label", was);
  const [name = ""] = await readdir(dir);
  const path = join(dir, name);
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 5) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await writeFile(path, damaged);
    assert.equal(await kept.find(place, "label"), undefined);
  }
  await writeFile(path, whole.subarray(0, -1));
  assert.equal(await kept.find(place, "label"), undefined);
  await writeFile(path, whole);
  assert.deepEqual(await kept.find(place, "label"), was);
});

test("hashes of one geometry are not those of another, and nobody else may read them", async (context) => {
  const dir = await folder(context);
  const kept = new KeptHashes(dir);
  await kept.keep(place, "label", hashes());
  const striped = { ...geometry, stripeCount: 2, stripeBytes: blockBytes };
  assert.equal(await kept.find({ ...place, geometry: striped }, "label"), undefined);
  const [name = ""] = await readdir(dir);
  assert.deepEqual([(await stat(dir)).mode & 0o777, (await stat(join(dir, name))).mode & 0o777], [0o700, 0o600]);
});

test("a mirror of which nothing was sent for a hundred days is forgotten, and nothing that is not ours", async (context) => {
  const dir = await folder(context);
  const kept = new KeptHashes(dir);
  await kept.tidy(Date.now());
  for (const mirror of ["old", "new"]) await kept.keep({ ...place, mirror }, "label", hashes());
  await writeFile(join(dir, "of somebody else.hashes"), "");
  const days = (count: number) => new Date(Date.now() - count * 86_400_000);
  for (const name of await readdir(dir)) await utimes(join(dir, name), days(99), days(99));
  await kept.keep({ ...place, mirror: "new" }, "label", hashes());
  await kept.tidy(Date.now() + 2 * 86_400_000);
  assert.equal(await kept.find({ ...place, mirror: "old" }, "label"), undefined);
  assert.notEqual(await kept.find({ ...place, mirror: "new" }, "label"), undefined);
  assert.deepEqual((await readdir(dir)).length, 2);
});

test("what can't be removed stays, and is no reason not to begin", async (context) => {
  const dir = await folder(context);
  const kept = new KeptHashes(dir);
  await kept.keep(place, "label", hashes());
  const named = `${"a".repeat(64)}.hashes`;
  await mkdir(join(dir, named));
  const old = new Date(Date.now() - 101 * 86_400_000);
  for (const name of await readdir(dir)) await utimes(join(dir, name), old, old);
  await kept.tidy(Date.now());
  assert.deepEqual(await readdir(dir), [named]);
});

test("a folder to which others may write is not believed, nor written to, which is told", async (context) => {
  const dir = await folder(context);
  const kept = new KeptHashes(dir);
  await kept.keep(place, "label", hashes());
  const isRoot = process.geteuid?.() === 0;
  for (const open of [() => chmod(dir, 0o1777), () => chmod(dir, 0o770), isRoot && (() => chown(dir, 1, 1))]) {
    if (open === false) continue;
    await open();
    assert.equal(await kept.find(place, "label"), undefined);
    await assert.rejects(kept.keep(place, "label", hashes()), /another user's, or others may write/);
    await chown(dir, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    await chmod(dir, 0o755);
    assert.notEqual(await kept.find(place, "label"), undefined);
  }
});

test("what several write at once is one of them, or not found", async (context) => {
  const dir = await folder(context);
  const [one, other] = [new KeptHashes(dir), new KeptHashes(dir)];
  const all = [hashes(), hashes(), hashes(), hashes()];
  for (let round = 0; round < 50; round++) {
    const label = `${round}`;
    const found: (Buffer | undefined)[] = [];
    await Promise.all(
      all.flatMap((some, at) => [
        (at % 2 === 0 ? one : other).keep(place, label, some),
        one.find(place, label).then((what) => found.push(what)),
      ]),
    );
    found.push(await other.find(place, label));
    for (const what of found) assert(what === undefined || all.some((some) => what.equals(some)));
  }
});
