import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectConfig } from "../../core/api/object.ts";
import { labelsText, objectText } from "./object.ts";
import { styleFor } from "./style.ts";

const style = styleFor({ isTerminal: false, env: {} });
const vm = (cores: number, sockets: number): ObjectConfig => ({
  ...{ kind: "vm", id: "vm-1", name: "web", volumes: [] },
  vm: {
    ...{ vcpu: cores * sockets, cpu: { cores, sockets }, memory: 2 ** 30, firmware: "BIOS", ha: true },
    ...{ status: "STOPPED", disks: [], nics: [] },
  },
});

test("labels are told in the order of their keys, whatever order they were given in", () => {
  assert.equal(labelsText({ tier: "", env: "prod" }), "env=prod, tier=");
});

test("settings of a target are told in the order of their names", () => {
  const settings = { replicaNum: 2, description: "mail" };
  const lun: ObjectConfig = {
    kind: "lun",
    id: "lun-1",
    name: "m",
    volumes: [],
    lun: { target: "t", lunId: 1, settings },
  };
  assert.match(objectText(lun, "a", style), /description: mail, replicaNum: 2$/m);
});

test("what one socket has is not told of each", () => {
  assert.match(objectText(vm(4, 1), "a", style), /4 vCPU \(1 socket with 4 cores\)/);
  assert.match(objectText(vm(2, 2), "a", style), /4 vCPU \(2 sockets with 2 cores each\)/);
});

test("what was rebuilt names the plan whose restore point it was made of", () => {
  const origin = { planId: "plan_1", siteId: "a", role: "rebuilt", planName: "nightly" } as ObjectConfig["origin"];
  assert.match(objectText({ ...vm(1, 1), origin }, "b", style), /Origin +rebuilt from a by nightly$/m);
});

test("what was rebuilt names the restore that made it, where that is known", () => {
  const restoreId = "restore_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z";
  const origin = { planId: "plan_1", siteId: "a", role: "rebuilt", restoreId } as ObjectConfig["origin"];
  assert.match(objectText({ ...vm(1, 1), origin }, "b", style), new RegExp(`Made by +${restoreId}$`, "m"));
  assert.doesNotMatch(objectText(vm(1, 1), "b", style), /Made by/);
});
