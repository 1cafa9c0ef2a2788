import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageText } from "../api/message.ts";
import { unusableObjectSchema } from "../api/object.ts";
import { isUnusable, judgeObject, objectUnusable } from "./judged-object.ts";

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
const good = { kind: "lun", id: "lun-1", name: "web1", volumes: [{ id: "volume-1", sizeBytes: 1, geometry }] };
const reasonOf = (value: unknown): string => {
  const judged = judgeObject(value);
  assert(isUnusable(judged), "it was taken for a good one");
  assert.deepEqual(unusableObjectSchema.parse(judged), judged);
  assert(messageText(judged).length < 8 * 1024);
  return judged.unusable;
};

describe("an object of an inventory", () => {
  test("is taken as it is", () => {
    assert.deepEqual(judgeObject(good), good);
    assert.deepEqual(judgeObject({ ...good, name: "💾" }), { ...good, name: "💾" });
  });

  test("is unusable with a name that is too long, or none, and is still known by its id", () => {
    assert.equal(reasonOf({ ...good, name: "n".repeat(256) }), "its name has 256 characters, and 255 are the most");
    assert.equal(reasonOf({ ...good, name: "" }), "it has no name");
    assert.deepEqual(judgeObject({ ...good, name: "n".repeat(1e6) }), {
      kind: "lun",
      id: "lun-1",
      name: `${"n".repeat(100)}…`,
      unusable: "its name has 1000000 characters, and 255 are the most",
    });
  });

  test("is unusable when it is too large for a message, or of a form that is not known", () => {
    assert.match(
      reasonOf({ ...good, leftOut: Array(300).fill({ what: "s".repeat(255), reason: "s".repeat(255) }) }),
      /^its description takes \d+ bytes/,
    );
    assert.match(reasonOf({ ...good, kind: "tape" }), /^kind: /);
    assert.match(reasonOf({ ...good, volumes: [] }), /^volumes: /);
    for (const value of [undefined, null, 7, "text", [], {}, { name: 7 }, { name: "x", id: {} }]) reasonOf(value);
  });

  test("is unusable with a volume of a shape that can't be, which is named", () => {
    const of = (shape: object) =>
      reasonOf({ ...good, volumes: [{ id: "volume-1", sizeBytes: 1, geometry, ...shape }] });
    assert.match(of({ sizeBytes: 2 ** 53 - 1 }), /^volumes\.0\.sizeBytes: a volume has 262144 extents at the most$/);
    assert.match(of({ geometry: { ...geometry, stripeBytes: 1 } }), /^volumes\.0\.geometry\.stripeBytes: /);
    assert.match(of({ geometry: { ...geometry, stripeCount: 129 } }), /^volumes\.0\.geometry\.stripeCount: /);
  });

  const vm = {
    ...{ vcpu: 1, cpu: { cores: 1, sockets: 1 }, memory: 1024, firmware: "BIOS", ha: true, status: "STOPPED" },
    disks: [{ volumeId: "volume-1", name: "web1-0", bus: "VIRTIO", index: 0, boot: 1 }],
    nics: [],
  };

  test("is unusable as a VM without a disk of its own, or with one whose volume nobody tells of", () => {
    const web = { ...good, kind: "vm", vm };
    assert.deepEqual(judgeObject(web), web);
    assert.equal(reasonOf({ ...web, volumes: [], vm: { ...vm, disks: [] } }), "it has no disk that can be protected");
    const stray = [...vm.disks, { ...vm.disks[0], volumeId: "volume-2", name: "web1-1" }];
    assert.equal(reasonOf({ ...web, vm: { ...vm, disks: stray } }), "the volume of its disk “web1-1” is not known");
  });

  test("is refused with what to do about it, by its kind", () => {
    const hintOf = (kind: string) =>
      objectUnusable({ kind, id: "1", name: "web1", unusable: "it is large" }).hint ?? "";
    assert.match(hintOf("lun"), /volume rename/);
    assert.match(hintOf("vm"), /disk of its own: smtx-backup object update /);
    assert.equal(hintOf("tape"), "Mend that on its site, or leave it out.");
  });

  test("stays unusable for the reason that its gateway told", () => {
    const judged = judgeObject({ ...good, name: "" });
    assert.deepEqual(judgeObject(judged), judged);
  });
});
