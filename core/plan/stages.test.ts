import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type PlanStage, stageSchema } from "../api/failover/stage.ts";
import type { PlanEntry, PlanObject } from "../api/plan.ts";
import { inStages, refuseWrongStages } from "./stages.ts";

const vm = (name: string): PlanObject => ({ kind: "vm", id: `vm-${name}`, name });
const stage = (...objects: string[]): PlanStage => ({ objects });

describe("a plan's stages", () => {
  test("take each object once, by the first that names it or has its id, and what none names comes last", () => {
    const stages = [stage("db"), stage("web-*", "db"), stage("nothing"), stage("vm-x")];
    const objects = ["x", "web-1", "db", "loose", "web-2"].map(vm);
    assert.deepEqual(
      inStages(stages, objects).map(({ stage: of, objects: some }) => [of?.objects[0], some.map(({ name }) => name)]),
      [
        ["db", ["db"]],
        ["web-*", ["web-1", "web-2"]],
        ["vm-x", ["x"]],
        [undefined, ["loose"]],
      ],
    );
    assert.deepEqual(inStages([], []), []);
  });

  test("are refused when they name something twice, or what the plan has not, as far as that is known", () => {
    const named: readonly PlanEntry[] = [vm("db"), vm("web")];
    const refuses = (stages: readonly PlanStage[], entries: readonly PlanEntry[], message: RegExp) =>
      assert.throws(() => refuseWrongStages(stages, entries), { code: "BAD_REQUEST", message });
    refuses([stage("db"), stage("web", "db")], named, /“db” is twice in the plan's stages/);
    refuses([stage("db"), stage("wbe")], named, /The stage 2 names “wbe”, which is none of the plan's objects/);
    refuseWrongStages([stage("vm-db"), stage("w*", "nothing-yet-*")], named);
    refuseWrongStages([stage("web-17")], [{ kind: "vm", match: "web-*" }]);
    refuseWrongStages(undefined, named);
  });

  test("wait for what can be asked, within an hour", () => {
    const isRight = (more: object) => stageSchema.safeParse({ objects: ["db"], ...more }).success;
    for (const right of [
      {},
      { delaySeconds: 30, message: "Look at it." },
      { ready: { tcp: "db.example:5432" }, withinSeconds: 600 },
      { ready: { tcp: "[fd00::1]:22" } },
      { ready: { http: "https://web.example/health", status: 204 } },
      { ready: { guestAgent: true } },
    ]) {
      assert(isRight(right), JSON.stringify(right));
    }
    for (const wrong of [
      { objects: [] },
      { delaySeconds: 3601 },
      { withinSeconds: 10 },
      { ready: { tcp: "db" } },
      { ready: { tcp: "db:0" } },
      { ready: { tcp: "db:65536" } },
      { ready: { tcp: "a b:1" } },
      { ready: { http: "ftp://web/" } },
      { ready: { http: "http://me:secret@web/" } },
      { ready: { http: "no url" } },
      { ready: { tcp: "db:1", http: "http://web" } },
      { ready: { guestAgent: false } },
      { ready: { tcp: "db:1" }, withinSeconds: 0 },
      { message: "" },
      { mesage: "x" },
    ]) {
      assert(!isRight(wrong), JSON.stringify(wrong));
    }
    assert.deepEqual(stageSchema.parse({ objects: ["db"], ready: { http: "http://web" } }).ready, {
      http: "http://web",
      status: 200,
    });
  });
});
