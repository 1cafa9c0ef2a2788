import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JudgedObject } from "../api/judged-object.ts";
import { messageText } from "../api/message.ts";
import { placedDamage, placedObjects } from "./place.ts";

const textArbitrary = fc.oneof(
  fc.constantFrom("", "a", "a#", "a#lun", "é"),
  fc.string({ unit: "binary", maxLength: 256 }),
);
const objectArbitrary: fc.Arbitrary<JudgedObject> = fc
  .record({ id: textArbitrary, kind: fc.constantFrom("lun", "volume", "tape"), name: fc.constantFrom("x", "y") })
  .map((fields) => ({ ...fields, unusable: "for this test" }));

describe("the places of a site's objects", () => {
  test("are different, of ASCII, short enough for a key, and in order", () => {
    fc.assert(
      fc.property(fc.array(objectArbitrary), (objects) => {
        const placed = placedObjects(objects);
        const places = placed.map(({ place }) => place);
        assert.equal(new Set(places).size, objects.length);
        assert.deepEqual(places, places.toSorted());
        for (const place of places) assert.match(place, /^[ -~]{1,700}$/);
        assert.deepEqual(placed.map(({ entry }) => messageText(entry)).sort(), objects.map(messageText).sort());
      }),
    );
  });

  test("are the same whatever order the objects have, and wherever their list is cut", () => {
    fc.assert(
      fc.property(fc.array(objectArbitrary), fc.nat(), (objects, at) => {
        const placed = placedObjects(objects);
        assert.deepEqual(placedObjects(objects.toReversed()), placed);
        const cut = at % (objects.length + 1);
        const [head, tail] = [placed.slice(0, cut), placed.slice(cut)].map((part) => part.map(({ entry }) => entry));
        assert.deepEqual([...placedObjects(head ?? []), ...placedObjects(tail ?? [], placed[cut - 1]?.place)], placed);
      }),
    );
  });

  test("begin with the id, and those of damage with the group's", () => {
    const object = { kind: "lun", id: "lun-1", name: "db", unusable: "for this test" };
    assert.equal(placedObjects([object])[0]?.place, "lun-1#lun#00000");
    const damage = { groupId: "group_1", volumeId: "v#1", name: "db", extents: 1 };
    assert.equal(placedDamage([damage])[0]?.place, "group_1#v\\u00231#00000");
  });
});
