import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { VmNic, VmObject } from "../../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { fileOfSource, lunOfSource, nicOfSource, vmOfSource } from "../../storage/conformance/objects.ts";
import { inHomeTerms } from "./home-terms.ts";

const told = (home: ObjectConfig, now: ObjectConfig, isAtHome = false) =>
  inHomeTerms({ home, madeName: home.name }, now, { homes: new Map(), isAtHome });

const macs = ["52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"] as const;
const onSwitches = (...switches: readonly (string | null)[]): VmNic[] =>
  switches.map((virtualSwitch, order) => nicOfSource({ virtualSwitch, order, macAddress: macs[order] ?? "" }));
const vm = (...switches: readonly (string | null)[]): VmObject => vmOfSource({ vm: { nics: onSwitches(...switches) } });
const switchesOf = (object: ObjectConfig) => object.kind === "vm" && object.vm.nics.map((nic) => nic.virtualSwitch);

describe("what stands for an object, in home terms", () => {
  test("is a LUN in its own target, with its own number, wherever it lies", () => {
    const [home, now] = [lunOfSource(), lunOfSource({ target: "elsewhere", lunId: 9, allowedInitiators: "iqn.other" })];
    assert.deepEqual(told(home, now).object, home);
  });

  test("is a file in its own place, until somebody moves it", () => {
    const home = fileOfSource();
    const other = { ...home, file: { ...home.file, settings: { description: "of the other site" } } };
    assert.deepEqual(told(home, other).object, home);
    const moved = { ...other, name: "/exports/e2/web.vmdk", file: { export: "e2", path: "web.vmdk" } };
    assert.deepEqual(told(home, moved).object, moved);
  });

  test("has each NIC where it was at home, also one that is not connected there, or elsewhere", () => {
    const { object, mapping } = told(vm("prod", "lab", "prod"), vm("dr-prod", null, "dr-lab"));
    assert.deepEqual(switchesOf(object), ["prod", "lab", "prod"]);
    assert.equal(mapping?.switches["lab"], undefined);
  });

  test("has a NIC that was added where another one is that shares its switch; else where it is", () => {
    const home = vm("prod");
    assert.deepEqual(switchesOf(told(home, vm("dr-prod", "dr-prod", "dr-other")).object), ["prod", "prod", "dr-other"]);
    assert.deepEqual(switchesOf(told(home, vm("dr-prod", null)).object), ["prod", null]);
  });

  test("says of each network of home what it is here, and at home nothing", () => {
    const [home, now] = [vm("prod", "lab"), vm("dr-prod", "dr-lab")];
    assert.deepEqual(told(home, now).mapping, { switches: { prod: "dr-prod", lab: "dr-lab" } });
    const atHome = told(home, vm("prod", "moved"), true);
    assert.deepEqual([switchesOf(atHome.object), atHome.mapping], [["prod", "moved"], null]);
  });

  test("is nobody's: it has no origin", () => {
    const home = lunOfSource();
    const origin = { planId: "plan_x", siteId: "a", role: "rebuilt" } as ObjectConfig["origin"];
    assert.equal(told(home, { ...home, origin }).object.origin, undefined);
  });
});
