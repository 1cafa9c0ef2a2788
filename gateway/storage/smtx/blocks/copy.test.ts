import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { copyLun } from "./copy.ts";
import { Holes } from "./holes.ts";
import { sparseLun } from "./testing.ts";

const MiB = 1024 * 1024;
const unit = 64 * 1024;

/** A new LUN, which says where it was written. */
const newLun = (sizeBytes: number) => {
  const content = Buffer.alloc(sizeBytes);
  const written: [offset: number, length: number][] = [];
  const lun: Pick<Lun, "write" | "flush"> = {
    write: async (offset, data) => {
      written.push([offset, data.length]);
      content.set(data, offset);
    },
    flush: async () => undefined,
  };
  return { lun: lun as Lun, content, written };
};

const sizeBytes = 9 * MiB + 512;
const written = [0, 1, 63, 64, 100, 144];

for (const told of ["truth", "nothing", "lies"] as const) {
  test(`a copy has all that the clone has, and is as thin, where nobody has seen that its holes are (${told})`, async () => {
    const from = sparseLun(sizeBytes, written, told);
    const to = newLun(sizeBytes);
    assert.equal(await copyLun({ lun: from.lun, holes: undefined }, to.lun), sizeBytes);
    assert.ok(to.content.equals(from.content));
    assert.deepEqual(to.written, [
      [0, 2 * unit],
      [63 * unit, unit],
      [64 * unit, unit],
      [100 * unit, unit],
      [144 * unit, 512],
    ]);
  });
}

test("holes that a clone was seen to tell are not read", async () => {
  const from = sparseLun(sizeBytes, written);
  const to = newLun(sizeBytes);
  const holes = new Holes({ lun: from.lun, onLie: async () => assert.fail("it does not lie") });
  const bytesRead = await copyLun({ lun: from.lun, holes }, to.lun);
  assert.ok(to.content.equals(from.content));
  assert.ok(bytesRead < sizeBytes / 2, `${bytesRead} bytes`);
});
