import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { messageText } from "../../core/api/message.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { resultParts } from "./result-parts.ts";
import { runTaskFields } from "./testing.ts";

const KiB = 1024;
const partBytesMax = 192 * KiB;
const partObjectsMax = 200;

const objectOf = (id: string, textLength: number): ObjectConfig => ({
  kind: "volume",
  id,
  name: id,
  volumes: [{ id, sizeBytes: 1, geometry: { extentBytes: 65536, stripeCount: 1, stripeBytes: 65536 } }],
  labels: { text: "é".repeat(textLength) },
});
const snapshotOf = (textLengths: readonly number[]): TaskResultOf<"snapshot"> => ({
  kind: "snapshot",
  takenAt: runTaskFields.issuedAt,
  from: 0,
  objects: textLengths.map((length, index) => ({ config: objectOf(`v${index}`, length), snapshotIds: [`s${index}`] })),
});
const objectsOf = (parts: ReturnType<typeof resultParts>) =>
  parts.map(({ result }) => {
    assert(result.kind === "snapshot");
    return result;
  });

describe("the parts of a result", () => {
  test("are its objects in their order, numbered and small, and none is empty", () => {
    const lengths = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10_000 })), {
      minLength: 1,
      maxLength: 700,
      size: "max",
    });
    fc.assert(
      fc.property(lengths, (of) => {
        const whole = snapshotOf(of);
        const parts = resultParts(whole);
        const told = objectsOf(parts);
        let from = 0;
        for (const [number, part] of told.entries()) {
          assert.deepEqual(parts[number]?.part, parts.length === 1 ? undefined : { number, of: parts.length });
          assert.equal(part.from, from);
          assert(part.objects.length >= 1 && part.objects.length <= partObjectsMax);
          assert(messageText(part.objects).length <= partBytesMax + 1);
          from += part.objects.length;
        }
        assert.deepEqual(
          told.flatMap(({ objects }) => objects),
          whole.objects,
        );
        assert.deepEqual(resultParts(structuredClone(whole)), parts);
      }),
      { numRuns: 12 },
    );
  });

  test("are no more than are needed", () => {
    assert.equal(resultParts(snapshotOf(Array(partObjectsMax).fill(0))).length, 1);
    assert.equal(resultParts(snapshotOf(Array(partObjectsMax + 1).fill(0))).length, 2);
    // 60 KiB each.
    assert.equal(resultParts(snapshotOf(Array(7).fill(10_000))).length, 3);
  });

  test("say how many volumes the parts before them have, each counted once", () => {
    const whole = snapshotOf(Array(450).fill(0));
    // The objects of the second part have the volumes of the first, those of the third their own.
    const objects = whole.objects.map((object, index) => ({
      ...object,
      config: objectOf(`v${index < 200 || index >= 400 ? index : index - 200}`, 0),
    }));
    assert.deepEqual(
      objectsOf(resultParts({ ...whole, objects })).map(({ from, fromVolume }) => [from, fromVolume]),
      [
        [0, 0],
        [200, 200],
        [400, 200],
      ],
    );
  });

  test("of anything but a snapshot are the whole", () => {
    const result = { kind: "abort" } as const;
    assert.deepEqual(resultParts(result), [{ result }]);
  });
});
