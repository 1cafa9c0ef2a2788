import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unmappedSwitches } from "./switches.ts";

const object = (...switches: string[]) => ({ switches });

describe("unmappedSwitches", () => {
  test("names each switch without a mapping once, in order", () => {
    const objects = [object("vds-2", "vds-0"), object("vds-1", "vds-0"), object()];
    assert.deepEqual(unmappedSwitches(objects, { switches: { "vds-1": "ovs" } }), ["vds-0", "vds-2"]);
  });

  test("is content when every switch that is used is mapped", () => {
    assert.deepEqual(unmappedSwitches([object("a")], { switches: { a: "b", unused: "c" } }), []);
    assert.deepEqual(unmappedSwitches([object()], { switches: {} }), []);
  });

  test("takes neither an empty name nor a name that every JavaScript object has for a mapping", () => {
    assert.deepEqual(unmappedSwitches([object("a", "constructor")], { switches: { a: "" } }), ["a", "constructor"]);
  });
});
