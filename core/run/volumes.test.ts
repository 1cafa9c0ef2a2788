import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { objectConfigSchema } from "../api/object.ts";
import { objectOfVolume, placedVolumes, volumesMax, volumesUpTo } from "./volumes.ts";

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };

/** Objects by the ids of their volumes. */
const objectsWith = (ids: readonly (readonly number[])[]) => {
  const told = new Set<number>();
  return ids.map((some, index) => {
    const volumes = some.map((id) => ({ id: `volume-${id}`, sizeBytes: 65_536, geometry }));
    const config = objectConfigSchema.parse({ kind: "volume", id: `object-${index}`, name: `${index}`, volumes });
    const repeated = some.flatMap((id, place) => (told.has(id) ? [place] : []));
    for (const id of some) told.add(id);
    const snapshotIds = some.map((id) => `snapshot-${id}`);
    return { config, snapshotIds, ...(repeated.length > 0 && { repeated }) };
  });
};

/**
 * Cuts the objects before these places, and finds the page of each volume as it is found
 * where they are stored.
 */
const parted = (ids: readonly (readonly number[])[], cuts: readonly number[]) => {
  const objects = objectsWith(ids);
  const starts = [...new Set([0, ...cuts])].filter((at) => at < ids.length).sort((a, b) => a - b);
  const parts = starts.map((from, i) => {
    const fromVolume = new Set(ids.slice(0, from).flat()).size;
    return { from, fromVolume, objects: objects.slice(from, starts[i + 1]) };
  });
  const pages = parts.flatMap((part) => {
    const { own, isPlain } = placedVolumes(part);
    return isPlain || own.every((count) => count === 0) ? [] : [{ ...part, page: { from: part.from, own } }];
  });
  const objectOf = (index: number) => {
    const found = pages.findLast(({ fromVolume }) => fromVolume <= index);
    return objectOfVolume(index, found?.page, found?.fromVolume);
  };
  return { parts, objectOf };
};

describe("a run's volumes", () => {
  test("of objects that have one each have their objects' indices, and nothing is told of them", () => {
    const { indices, own, isPlain } = placedVolumes({ from: 3, objects: objectsWith([[1], [2]]) });
    assert.deepEqual([indices, own, isPlain], [[[3], [4]], [1, 1], true]);
  });

  test("are counted once where several objects have them", () => {
    const { indices, own, isPlain } = placedVolumes({
      from: 0,
      fromVolume: 0,
      objects: objectsWith([[1, 2], [2], [3]]),
    });
    assert.deepEqual([indices, own, isPlain], [[[0, 1], [1], [2]], [2, 0, 1], false]);
  });

  test("are known to be too many as soon as a part says so", () => {
    const objects = objectsWith([[1, 2], [2], [3]]);
    assert.equal(volumesUpTo({ from: 0, objects }), 3);
    assert.equal(volumesUpTo({ from: 7, fromVolume: volumesMax - 2, objects }), volumesMax + 1);
  });

  test("that an object of another part has are told there", () => {
    const [, second] = objectsWith([[1], [1, 2]]);
    assert.ok(second);
    const { indices, own } = placedVolumes({ from: 1, fromVolume: 1, objects: [second] });
    assert.deepEqual([indices, own], [[[null, 1]], [1]]);
  });

  test("are each sent for the first object that has them, however the answer is cut", () => {
    const ids = fc.array(fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(ids, fc.array(fc.nat(12)), (all, cuts) => {
        const { parts, objectOf } = parted(all, cuts);
        const order = [...new Set(all.flat())];
        for (const [index, id] of order.entries()) {
          assert.equal(
            objectOf(index),
            all.findIndex((some) => some.includes(id)),
          );
        }
        for (const part of parts) {
          for (const [i, some] of placedVolumes(part).indices.entries()) {
            for (const [place, index] of some.entries()) {
              const id = all[part.from + i]?.[place];
              if (index !== null) assert.equal(order[index], id);
            }
          }
        }
      }),
    );
  });
});
