import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { switchMapping, switchUses, unmappedSwitches } from "./switches.ts";

const object = (name: string, ...switches: string[]) => ({ name, switches });

describe("the switches of a plan's objects", () => {
  test("that have no mapping are named once each, in order, with an object that uses them", () => {
    const objects = [object("web", "vds-2", "vds-0"), object("db", "vds-1", "vds-0"), object("none")];
    assert.deepEqual(unmappedSwitches(objects, { "vds-1": "ovs" }), [
      { virtualSwitch: "vds-0", object: "web" },
      { virtualSwitch: "vds-2", object: "web" },
    ]);
    assert.equal(switchUses(objects).length, 3);
  });

  test("are content when every one that is used is mapped", () => {
    assert.deepEqual(unmappedSwitches([object("web", "a")], { a: "b", unused: "c" }), []);
    assert.deepEqual(unmappedSwitches([object("web")], {}), []);
  });

  test("are not mapped by an empty name, nor by a name that every JavaScript object has", () => {
    const unmapped = unmappedSwitches([object("web", "a", "constructor")], { a: "" });
    assert.deepEqual(
      unmapped.map(({ virtualSwitch }) => virtualSwitch),
      ["a", "constructor"],
    );
  });

  test("are mapped as the sites say, unless the plan says something else", () => {
    assert.deepEqual(switchMapping({ a: "1", b: "2" }, { b: "3", c: "4" }), { a: "1", b: "3", c: "4" });
    assert.deepEqual(switchMapping(undefined, { c: "4" }), { c: "4" });
  });
});
