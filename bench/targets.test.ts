import assert from "node:assert/strict";
import { test } from "node:test";
import { ourName, type Result } from "./results.ts";
import { judge } from "./targets.ts";

const parameters = { seed: "1", runs: 1, sizeBytes: 1, extentBytes: 1, thinBytes: 1, cold: false, allocatedBytes: 1e9 };
const result = (name: string, tool: string, fields: Partial<Result>): Result => ({
  ...{ case: name, tool, wallSeconds: 1, cpuSeconds: 1, peakBytes: [1, 1], wireBytes: 1, runs: [] },
  ...fields,
});
const verdict = (results: readonly Result[], name: string, what: string) =>
  judge({ results, parameters, iscsi: undefined, cluster: undefined }).find(
    (found) => found.case === name && found.what === what,
  );

test("without its base, 5 % is measured by what rsync takes for 5 %", () => {
  const ours = result("5 % base gone", ourName, { wallSeconds: 1.4 });
  const theirs = result("5 %", "rsync -z", { wallSeconds: 10 });
  assert.equal(verdict([ours, theirs], "5 % base gone", "wall")?.passed, true);
});

test("what is over a target fails, and what nobody measured is neither passed nor failed", () => {
  const ours = result("full", ourName, { wallSeconds: 6 });
  assert.equal(verdict([ours, result("full", "rsync -z", { wallSeconds: 10 })], "full", "wall")?.passed, false);
  assert.equal(verdict([ours], "full", "wall")?.passed, undefined);
});

test("the larger of both gateways' memory counts", () => {
  const ours = result("full", ourName, { peakBytes: [1, 500 * 1024 * 1024] });
  assert.equal(verdict([ours], "full", "memory")?.passed, false);
});

test("a full copy through Envoy is measured by ours without", () => {
  const through = result("full Envoy", ourName, { wallSeconds: 6 });
  assert.equal(verdict([through, result("full", ourName, { wallSeconds: 5 })], "full Envoy", "wall")?.passed, true);
  assert.equal(verdict([through, result("full", ourName, { wallSeconds: 4 })], "full Envoy", "wall")?.passed, false);
  assert.equal(verdict([through], "full Envoy", "wall")?.passed, undefined);
});

test("iSCSI is judged by how fast it reads beside qemu-img bench", () => {
  const passed = (ours: number) =>
    judge({ results: [], parameters, iscsi: [{ what: "read", ours, qemu: 100 }], cluster: undefined }).find(
      (found) => found.case === "iSCSI",
    )?.passed;
  assert.deepEqual([passed(61), passed(59)], [true, false]);
  assert.equal(verdict([], "iSCSI", "read")?.passed, undefined);
});

test("a cluster is judged by what the extentstore takes in the same run", () => {
  const figures = {
    extentstoreSeconds: 1,
    copyingSeconds: 5,
    bytesRead: 1,
    bytesSent: 2,
    bytesAtTarget: 1,
    bytesOfChanged: 1,
  };
  const passed = (clusterSeconds: number) =>
    judge({ results: [], parameters, iscsi: undefined, cluster: { ...figures, clusterSeconds } }).find(
      (found) => found.case === "cluster 5 %",
    )?.passed;
  assert.deepEqual([passed(2.9), passed(3.1)], [true, false]);
  assert.equal(verdict([], "cluster 5 %", "wall")?.passed, undefined);
});
