import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Zbs, type ZbsVolume } from "./zbs.ts";

const extentBytes = 2 ** 16;
const striping = { extentBytes, stripeCount: 2, stripeBytes: 4096 };

const withZbs = (work: (zbs: Zbs) => void): void => {
  const dir = mkdtempSync(join(tmpdir(), "zbs-"));
  const behaviour = { keepsIdsInClones: true, marksOneRow: true, clonesShare: true, tellsHoles: true };
  try {
    work(new Zbs({ dir, behaviour, whileStill: (still) => still() }));
  } finally {
    rmSync(dir, { recursive: true });
  }
};

/** The extent of a byte, by the formula of the white paper. */
const extentOf = (offset: number): number => {
  const groupBytes = striping.stripeCount * extentBytes;
  const stripe = Math.floor((offset % groupBytes) / striping.stripeBytes);
  return Math.floor(offset / groupBytes) * striping.stripeCount + (stripe % striping.stripeCount);
};

const write = ({ path }: ZbsVolume, offset: number, byte: number): void => {
  const content = readFileSync(path);
  content[offset] = byte;
  writeFileSync(path, content);
};

const pairsOf = (zbs: Zbs, volume: ZbsVolume) => zbs.table(volume).map(({ id, epoch }) => `${id}:${epoch}`);

test("one write changes the pair of the extent that it is in, by the white paper's formula", () => {
  withZbs((zbs) => {
    const volume = zbs.create(4 * extentBytes, striping);
    fc.assert(
      fc.property(fc.nat({ max: volume.sizeBytes - 1 }), (offset) => {
        const before = pairsOf(zbs, volume);
        write(volume, offset, ((readFileSync(volume.path)[offset] ?? 0) + 1) % 256);
        const changed = pairsOf(zbs, volume).flatMap((pair, i) => (pair === before[i] ? [] : [i]));
        assert.deepEqual(changed, [extentOf(offset)]);
      }),
      { numRuns: 100 },
    );
  });
});

const actionArbitrary = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constantFrom("snapshot" as const, "clone", "rollback", "delete"), at: fc.nat() }),
);

test("a pair means one content for ever, whatever is snapshotted, cloned, rolled back and deleted", () => {
  fc.assert(
    fc.property(fc.array(actionArbitrary, { maxLength: 40 }), (actions) => {
      withZbs((zbs) => {
        const contents = new Map<string, string>();
        zbs.create(2 * extentBytes, striping);
        for (const action of actions) {
          const volume = zbs.all()[action.at % Math.max(1, zbs.all().length)] ?? zbs.create(1, striping);
          const [first] = zbs.all().filter(({ isSnapshot }) => !isSnapshot);
          if (action.kind === "write" && !volume.isSnapshot) write(volume, action.at % volume.sizeBytes, action.byte);
          if (action.kind === "snapshot" && !volume.isSnapshot) zbs.snapshot([volume]);
          if (action.kind === "clone" && volume.isSnapshot) zbs.clone(volume);
          if (action.kind === "rollback" && volume.isSnapshot && first !== undefined) zbs.rollback(first, volume);
          if (action.kind === "delete") zbs.delete(volume);
          for (const each of zbs.all()) expectContents(zbs, each, contents);
        }
      });
    }),
    { numRuns: 40 },
  );
});

/** Every pair that is there means what it meant when it was first seen. */
const expectContents = (zbs: Zbs, volume: ZbsVolume, contents: Map<string, string>): void => {
  const pairs = pairsOf(zbs, volume);
  const bytes = readFileSync(volume.path);
  const extents = pairs.map(() => [] as Buffer[]);
  for (let at = 0; at < bytes.length; at += striping.stripeBytes) {
    extents[extentOf(at)]?.push(bytes.subarray(at, at + striping.stripeBytes));
  }
  for (const [i, pair] of pairs.entries()) {
    const content = Buffer.concat(extents[i] ?? []).toString("base64");
    assert.equal(contents.get(pair) ?? content, content, pair);
    contents.set(pair, content);
  }
};

test("a volume that was rolled back, and a clone, have the table of their snapshot", () => {
  withZbs((zbs) => {
    const volume = zbs.create(2 * extentBytes, striping);
    write(volume, 0, 1);
    const [snapshot] = zbs.snapshot([volume]);
    assert(snapshot !== undefined);
    write(volume, 0, 2);
    assert.notDeepEqual(pairsOf(zbs, volume), pairsOf(zbs, snapshot));
    zbs.rollback(volume, snapshot);
    assert.deepEqual(pairsOf(zbs, volume), pairsOf(zbs, snapshot));
    assert.deepEqual(pairsOf(zbs, zbs.clone(snapshot)), pairsOf(zbs, snapshot));
  });
});
