import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdoptionAnswer } from "../../core/api/adoption/adoption.ts";
import type { GroupAnswer, PlanAnswer, PlanListEntry, RunAnswer } from "../../core/api/answers.ts";
import { groupIdOf, type Instant, planIdSchema, runIdOf, type SiteId } from "../../core/api/ids.ts";
import { scheduleSchema } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { isRunTask } from "../../core/api/task.ts";
import { sequenceLeapMax } from "../../core/plan/decide.ts";
import { objectNamed, siteA, siteB, type TestApi, vmNamed } from "../api/testing.ts";
import { groupKey, planKey } from "../documents/records.ts";
import { createPlan } from "../engine/commands.ts";
import { handlePlanInvocation } from "../plan.ts";
import type { StoredPlan } from "../plans/plan-objects.ts";
import { handleReport } from "../report.ts";
import { adoptedSequenceMax } from "./judge.ts";
import {
  adopt,
  ask,
  createAdoptionWorld,
  listed,
  look,
  manifestOf,
  planId,
  say,
  slotOf,
  toldGroup,
} from "./testing.ts";

const siteC = "c" as SiteId;

const refusalsIn = ({ groupNotes }: AdoptionAnswer) =>
  groupNotes.filter(({ isRefused }) => isRefused).map(({ groupId, reason }) => [groupId, reason.code]);
const notesIn = ({ plans }: AdoptionAnswer) => plans.flatMap(({ notes }) => notes.map(({ code }) => code));
const groupsAt = async (api: TestApi, site: SiteId) =>
  (await listed<GroupAnswer>(api, `/v1/plans/${planId}/groups?site=${site}`)).map(({ id, state }) => [id, state]);
const idOf = (sequence: number) => groupIdOf(runIdOf(planId, slotOf(sequence)));
const free = { active: null, queued: null };
const readPlan = async (api: TestApi) => (await api.send<PlanAnswer>("GET", `/v1/plans/${planId}`)).body;

/** The same plan as its people have it. */
const ownPlan = (api: TestApi, more: object = {}) =>
  createPlan(api.deps, {
    ...{ id: planId, kind: "backup", status: "active", name: "theirs", source: siteA, sequence: 1, lanes: {} },
    targets: [{ site: siteB, retention: { keepLast: 3 }, switches: {} }],
    ...{ objects: [{ kind: "vm", match: "*" }], objectCount: 1, objectSet: 1 },
    ...{ createdAt: "2026-01-01T00:00:00.000Z" as Instant, slotsDoneUntil: slotOf(1) },
    compression: { enabled: true, level: 1, dictionary: true },
    ...more,
  });

describe("a group that a site holds", () => {
  test("is refused by name when a stranger signed it, and taken when the authority of then is named", async () => {
    const { api } = await createAdoptionWorld();
    const other = await createAdoptionWorld();
    const groups = [await toldGroup(siteB, manifestOf(1), other.signer)];
    const refused = await adopt(api, siteB, groups);
    assert.deepEqual(refusalsIn(refused), [[idOf(1), "MANIFEST_BY_STRANGER"]]);
    assert.deepEqual([refused.plans, await listed<PlanListEntry>(api, "/v1/plans")], [[], []]);
    const { certificatePem: authority, keyPem } = other.authority;
    const withKey = await api.send("POST", "/v1/adoptions", { site: "b", authority: `${authority}\n${keyPem}` });
    assert.equal(withKey.status, 400);
    assert(!(await api.dump()).includes("PRIVATE KEY"), "what is sent along is kept in the audit trail");
    const taken = await adopt(api, siteB, groups, { authority });
    assert.deepEqual([refusalsIn(taken), taken.plans[0]?.groupsAdopted], [[], 1]);
  });

  test("is refused when one byte of its manifest was changed, or its proof is another group's or site's", async () => {
    const { api, signer } = await createAdoptionWorld();
    const [good] = await toldGroup(siteB, manifestOf(4), signer);
    const [older] = await toldGroup(siteB, manifestOf(1), signer);
    const [changed] = await toldGroup(siteB, manifestOf(2, { planName: "Nightly" }), undefined);
    const [proofOf2] = await toldGroup(siteB, manifestOf(2), signer);
    const [newest] = await toldGroup(siteB, manifestOf(3), undefined);
    const [ofC] = await toldGroup(siteC, manifestOf(5), signer);
    assert(good && older?.proof && changed && proofOf2?.proof && newest && ofC);
    const packed = Buffer.from(good.packed, "base64");
    packed.writeUInt8(packed.readUInt8(40) ^ 1, 40);
    const broken = { ...(await toldGroup(siteB, manifestOf(6), signer))[0], packed: packed.toString("base64") };
    const answer = await adopt(api, siteB, [
      [{ ...changed, proof: proofOf2.proof }],
      [{ ...newest, proof: older.proof }],
      [good],
      [ofC],
      [broken as typeof good],
    ]);
    assert.deepEqual(refusalsIn(answer).toSorted(), [
      [idOf(2), "MANIFEST_CHANGED"],
      [idOf(3), "MANIFEST_OF_OTHER_GROUP"],
      [idOf(5), "MANIFEST_OF_OTHER_SITE"],
      [idOf(6), "MANIFEST_CHANGED"],
    ]);
    assert.deepEqual(await groupsAt(api, siteB), [[idOf(4), "published"]]);
  });

  test("that nobody signed is taken with a warning where it is older than what is signed, and refused where it is newer", async () => {
    const { api, signer } = await createAdoptionWorld();
    const answer = await adopt(api, siteB, [
      await toldGroup(siteB, manifestOf(3), undefined),
      await toldGroup(siteB, manifestOf(2), signer),
      await toldGroup(siteB, manifestOf(1), undefined),
    ]);
    assert.deepEqual(refusalsIn(answer), [[idOf(3), "MANIFEST_UNSIGNED"]]);
    assert.deepEqual(
      answer.groupNotes.map(({ groupId, reason, isRefused }) => [groupId, reason.code, isRefused]),
      [
        [idOf(3), "MANIFEST_UNSIGNED", true],
        [idOf(1), "MANIFEST_UNSIGNED", false],
      ],
    );
    assert(notesIn(answer).includes("MANIFEST_UNSIGNED"));
    assert.deepEqual(await groupsAt(api, siteB), [
      [idOf(2), "published"],
      [idOf(1), "published"],
    ]);
    assert(!(await api.dump()).includes('"packed"'), "no piece is kept");
  });

  test("comes in pieces, in any order and twice, and may be too large to be told", async () => {
    const { api, signer } = await createAdoptionWorld();
    const objects = Array.from({ length: 4000 }, (_, index) =>
      vmNamed(`${index}`, { labels: { noise: Buffer.from(`${Math.sin(index)}${Math.cos(index)}`).toString("hex") } }),
    );
    const pieces = await toldGroup(siteB, manifestOf(1, { objects }), signer);
    assert(pieces.length > 1);
    const [large] = await toldGroup(siteB, manifestOf(2), signer);
    assert(large !== undefined);
    const id = await ask(api, siteB);
    for (const told of [...pieces.toReversed(), ...pieces]) await say(api, siteB, id, 2, told);
    assert.deepEqual((await look(api, siteB, id)).groups, { total: 2, done: 1, leftOut: 0 });
    await say(api, siteB, id, 2, { ...large, pieces: 0, packed: "" });
    const answer = await look(api, siteB, id);
    assert.deepEqual([answer.state, refusalsIn(answer)], ["done", [[idOf(2), "MESSAGE_TOO_LARGE"]]]);
    assert.deepEqual([answer.plans[0]?.objectCount, answer.plans[0]?.groupsAdopted], [4000, 1]);
    assert(!(await api.dump()).includes('"packed"'), "no piece is kept");
  });

  test("is known with all that a restore of it needs, as a run that this control plane never made", async () => {
    const { api, signer } = await createAdoptionWorld();
    await adopt(api, siteB, [await toldGroup(siteB, manifestOf(1), signer)]);
    const { status, body: run } = await api.send<Run>("POST", "/v1/restores", {
      ...{ type: "rebuild", groupId: idOf(1), siteId: "b", objects: ["mail"] },
    });
    assert.equal(status, 201, JSON.stringify(run));
    const [task] = api.deps.tasks.takeAll(siteB).flatMap(({ task: one }) => (isRunTask(one) ? [one] : []));
    assert(task?.kind === "rebuild");
    assert.deepEqual([task.fromGroupId, task.object.id, task.source], [idOf(1), "lun-mail", "a"]);
    const { body: made } = await api.send<Run>("GET", `/v1/runs/${runIdOf(planId, slotOf(1))}`);
    assert.deepEqual([made.adopted?.from, made.targets], ["b", made.targets]);
  });

  test("that was unknown here, or lost, is a restore point again", async () => {
    for (const state of ["unknown", "lost"] as const) {
      const { api, signer } = await createAdoptionWorld();
      await ownPlan(api);
      const key = groupKey(idOf(2), siteB);
      const ids = { id: idOf(2), planId, runId: runIdOf(planId, slotOf(2)), siteId: siteB };
      const times = { takenAt: slotOf(2), publishedAt: slotOf(2) };
      const body = { ...ids, ...times, role: "mirror", sequence: 2, objectCount: 1, sizeBytes: 0, state, holds: [] };
      await api.deps.store.putAll([{ key, body }]);
      const answer = await adopt(api, siteB, [await toldGroup(siteB, manifestOf(2), signer)]);
      assert.equal(answer.plans[0]?.groupsAdopted, 1);
      assert.deepEqual(await groupsAt(api, siteB), [[idOf(2), "published"]]);
    }
  });
});

describe("a plan that a site holds groups of", () => {
  const definition = {
    schedule: scheduleSchema.parse({ cycle: "daily", at: "03:00" }),
    retention: { keepLast: 4 },
    targets: [siteB, siteC].map((site) => ({ site, retention: { keepLast: 7 }, switches: { lan: "dr" } })),
    entries: [{ kind: "vm" as const, match: "web-*" }],
    compression: { enabled: false, level: 3, dictionary: true },
  };

  test("is set as it was, does nothing until it is resumed, and is its people's then", async () => {
    const { api, signer } = await createAdoptionWorld();
    await adopt(api, siteB, [await toldGroup(siteB, manifestOf(7, { plan: definition }), signer)]);
    await adopt(api, siteC, [await toldGroup(siteC, manifestOf(6, { plan: definition }), signer)]);
    const { name, status, source, targets, schedule, retention, objects, compression, sequence, adopted } =
      await readPlan(api);
    assert.deepEqual({ targets, schedule, retention, entries: objects, compression }, definition);
    assert.deepEqual([name, status, source, sequence, adopted?.from], ["nightly", "suspended", "a", 7, ["b", "c"]]);
    await api.send("POST", `/v1/plans/${planId}/resume`);
    assert.equal((await readPlan(api)).adopted, undefined);
  });

  test("of which no manifest says how it was set has the newest objects, no schedule, and keeps all", async () => {
    const { api, signer } = await createAdoptionWorld();
    const mapping = { pool: "fast", switches: { lan: "dr" } };
    const objects = [vmNamed("web"), objectNamed("db")];
    const answer = await adopt(api, siteB, [
      await toldGroup(siteB, manifestOf(1), signer),
      await toldGroup(siteB, manifestOf(2, { objects, mappings: [mapping, null] }), signer),
    ]);
    assert.deepEqual(notesIn(answer), ["PLAN_DEFINITION_UNKNOWN", "SITE_UNKNOWN"]);
    const plan = await readPlan(api);
    assert.deepEqual([plan.schedule, plan.retention], [undefined, { keepLast: 1000 }]);
    assert.deepEqual(plan.targets, [{ site: "b", retention: { keepLast: 1000 }, ...mapping }]);
    assert.deepEqual(
      plan.objects,
      objects.map(({ kind, id, name }) => ({ kind, id, name })),
    );
  });

  test("has a number after its name where that is taken, and is told so", async () => {
    const { api, signer } = await createAdoptionWorld();
    const ids = [
      "plan_01K0Z3NDEKTSV4RRFFQ69G5FA1",
      "plan_01K0Z3NDEKTSV4RRFFQ69G5FA2",
      "plan_01K0Z3NDEKTSV4RRFFQ69G5FA3",
    ];
    const groups = await Promise.all(
      ids.map((id, index) => {
        const planName = index === 2 ? "../b\u0007ad" : "nightly";
        return toldGroup(siteB, manifestOf(1, { planId: planIdSchema.parse(id), planName }), signer);
      }),
    );
    const { plans } = await adopt(api, siteB, groups);
    assert.deepEqual(
      plans.map(({ name, nameThere }) => [name, nameThere]),
      [
        ["nightly", undefined],
        ["nightly-2", "nightly"],
        ["b-ad", "../b\u0007ad"],
      ],
    );
  });

  test("that people have set stays as it is, and its next number is above what the site has", async () => {
    const { api, signer } = await createAdoptionWorld();
    await ownPlan(api);
    const before = await readPlan(api);
    const answer = await adopt(api, siteC, [await toldGroup(siteC, manifestOf(9, { plan: definition }), signer)]);
    assert.deepEqual([answer.plans[0]?.is, notesIn(answer)], ["known", ["TARGET_NOT_IN_PLAN", "SITE_UNKNOWN"]]);
    const { lastRun } = await readPlan(api);
    assert.deepEqual(await readPlan(api), { ...before, sequence: 9, lastRun });
    assert.deepEqual(await groupsAt(api, siteC), [[idOf(9), "published"]]);
  });

  test("whose slot comes again, as its table was set back, has had its run, and holds no lane", async () => {
    const { api, signer } = await createAdoptionWorld();
    const targets = [siteB, siteC].map((site) => ({ site, retention: { keepLast: 3 }, switches: {} }));
    await ownPlan(api, { targets, schedule: scheduleSchema.parse({ cycle: "hourly" }) });
    const takenAt = "2026-03-01T00:00:00.000Z" as Instant;
    const runId = runIdOf(planId, takenAt);
    const ofSlot = manifestOf(9, { groupId: groupIdOf(runId), takenAt });
    await adopt(api, siteB, [await toldGroup(siteB, ofSlot, signer)]);
    await handlePlanInvocation(api.deps, { planId, scheduledTime: takenAt });
    const { lanes, slotsDoneUntil } = await readPlan(api);
    assert.deepEqual([slotsDoneUntil, Object.values(lanes)], [takenAt, [free, free]]);
    const { body: run } = await api.send<RunAnswer>("GET", `/v1/runs/${runId}`);
    assert.deepEqual(run.targets.map(({ site, state }) => [site, state]).toSorted(), [
      ["b", "succeeded"],
      ["c", "skipped"],
    ]);
    // What c has of that slot is known when c is asked.
    await adopt(api, siteC, [await toldGroup(siteC, ofSlot, signer)]);
    const { body: after } = await api.send<RunAnswer>("GET", `/v1/runs/${runId}`);
    assert.deepEqual(
      after.targets.map(({ state }) => state),
      ["succeeded", "succeeded"],
    );
  });

  test("that was deleted here stays so, and its restore points are known", async () => {
    const { api, signer } = await createAdoptionWorld();
    await ownPlan(api);
    await api.send("DELETE", `/v1/plans/${planId}`);
    const answer = await adopt(api, siteB, [await toldGroup(siteB, manifestOf(9), signer)]);
    assert.deepEqual(notesIn(answer), ["PLAN_DELETED"]);
    const stored = await api.deps.store.get<StoredPlan>(planKey(planId));
    assert.equal(stored?.body.status, "deleted");
    assert.deepEqual(await groupsAt(api, siteB), [[idOf(9), "published"]]);
  });
});

describe("a site that was taken over", () => {
  test("can't have a plan's id of another site, nor bring it into another multi-cluster", async () => {
    const { api, signer } = await createAdoptionWorld();
    await ownPlan(api);
    const before = await readPlan(api);
    const answer = await adopt(api, siteB, [
      await toldGroup(siteB, manifestOf(2, { source: siteC }), signer),
      await toldGroup(siteB, manifestOf(3, { source: siteB }), signer),
    ]);
    assert.deepEqual(refusalsIn(answer).toSorted(), [
      [idOf(2), "PLAN_SOURCE_FIXED"],
      [idOf(3), "BAD_REQUEST"],
    ]);
    assert.deepEqual([await readPlan(api), await groupsAt(api, siteB)], [before, []]);
  });

  test("can't sign for a group what is the manifest of another", async () => {
    const { api, signer } = await createAdoptionWorld();
    const [other] = await toldGroup(siteB, manifestOf(8), signer);
    const [own] = await toldGroup(siteB, manifestOf(7), signer);
    assert(other && own);
    const group = { ...own.group, manifestSha256: other.group.manifestSha256 };
    const told = { ...own, group, packed: other.packed, proof: await signer(siteB, group) };
    const answer = await adopt(api, siteB, [[told]]);
    assert.deepEqual([refusalsIn(answer), answer.plans], [[[idOf(7), "MANIFEST_OF_OTHER_GROUP"]], []]);
  });

  test("can't raise numbers without bound", async () => {
    const { api, signer } = await createAdoptionWorld();
    await ownPlan(api);
    const huge = manifestOf(2, { sequence: adoptedSequenceMax + 1 });
    const answer = await adopt(api, siteB, [
      await toldGroup(siteB, huge, signer),
      await toldGroup(siteB, manifestOf(3, { sequence: adoptedSequenceMax }), signer),
    ]);
    assert.deepEqual(refusalsIn(answer), [[idOf(2), "BAD_REQUEST"]]);
    assert.equal((await readPlan(api)).sequence, 1 + sequenceLeapMax);
  });

  test("says of a group that another site has as well what binds itself alone, whichever is asked first", async () => {
    const honest = [objectNamed("db")];
    const lies = [objectNamed("secret")];
    for (const first of [siteB, siteC]) {
      const { api, signer } = await createAdoptionWorld();
      const ofB = await toldGroup(siteB, manifestOf(1, { objects: lies }), signer);
      const ofC = await toldGroup(siteC, manifestOf(1, { objects: honest }), signer);
      await adopt(api, first, [first === siteB ? ofB : ofC]);
      const second = first === siteB ? siteC : siteB;
      await adopt(api, second, [second === siteB ? ofB : ofC]);
      for (const [site, name] of [
        [siteB, "secret"],
        [siteC, "db"],
      ] as const) {
        const { status } = await api.send<Run>("POST", "/v1/restores", {
          ...{ type: "rebuild", groupId: idOf(1), siteId: site, objects: [name] },
        });
        assert.equal(status, 201, `${name} at ${site}`);
      }
    }
  });

  test("adds no target but itself", async () => {
    const { api, signer } = await createAdoptionWorld();
    const targets = [siteB, siteC].map((site) => ({ site, retention: { keepLast: 1 }, switches: {} }));
    const plan = { targets, entries: [], compression: { enabled: true, level: 1, dictionary: true } };
    const answer = await adopt(api, siteB, [await toldGroup(siteB, manifestOf(1, { plan }), signer)]);
    assert.deepEqual(
      (await readPlan(api)).targets.map(({ site }) => site),
      ["b"],
    );
    assert(notesIn(answer).includes("TARGET_NOT_ADOPTED"));
  });

  test("is not heard when it was not asked, was asked by another question, or has said all", async () => {
    const { api, signer } = await createAdoptionWorld();
    const [told] = await toldGroup(siteB, manifestOf(1), signer);
    const id = await ask(api, siteC);
    const before = await api.dump();
    await say(api, siteB, id, 1, told);
    await say(api, siteB, "0".repeat(32), 1, told);
    await say(api, siteC, id, 0, told);
    assert.equal(await api.dump(), before);
    await say(api, siteC, id, 0);
    assert.equal((await look(api, siteC, id)).state, "done");
    const [late] = await toldGroup(siteC, manifestOf(1), signer);
    await say(api, siteC, id, 1, late);
    assert.deepEqual(await listed<PlanListEntry>(api, "/v1/plans"), []);
  });

  test("is refused what is no answer at all, before anything is looked at", async () => {
    const { api } = await createAdoptionWorld();
    const id = await ask(api, siteB);
    const before = await api.dump();
    const head = { kind: "foreign-plans", siteId: "b", gatewayId: "b-1", questionId: id, leftOut: 0 };
    for (const wrong of [{ groups: 100_000 }, { groups: 1, told: {} }, { groups: -1 }]) {
      await handleReport(api.deps, { ...head, ...wrong });
    }
    assert.equal(await api.dump(), before);
  });
});

test("a site without a gateway is not asked, and nothing is begun", async () => {
  const { api } = await createAdoptionWorld();
  api.pass(600);
  const before = await api.dump();
  const { status, body } = await api.send("POST", "/v1/adoptions", { site: "b" });
  assert.deepEqual([status >= 400, body.error.code], [true, "GATEWAY_ABSENT"]);
  assert.equal(await api.dump(), before);
});
