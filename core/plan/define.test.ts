import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, VisibleError } from "../api/errors.ts";
import { type Facilities, facilitiesSchema } from "../api/facilities.ts";
import { instantSchema, planIdSchema, siteIdSchema } from "../api/ids.ts";
import { type ObjectConfig, objectConfigSchema } from "../api/object.ts";
import { isRule, type PlanDefinition, planDefinitionSchema, planSchema } from "../api/plan.ts";
import { type Site, siteSchema } from "../api/site.ts";
import { definePlan, redefinePlan, type WholePlan } from "./define.ts";
import type { KnownObjects } from "./named.ts";
import { resolveObjects } from "./resolve.ts";

const now = instantSchema.parse("2026-03-01T00:00:00.000Z");
const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");

const site = (id: string, multiCluster = "main"): Site => siteSchema.parse({ id, multiCluster, createdAt: now });
const sites = [site("a"), site("b"), site("c"), site("far", "other")];
/** Site a maps its switches to c's. */
const mappedSites = [{ ...site("a"), switchMaps: { c: { "vds-0": "ovs-c", "vds-1": "ovs-c" } } }, ...sites.slice(1)];

const object = (kind: ObjectConfig["kind"], id: string, name: string, more: object = {}) => ({
  kind,
  id,
  name,
  volumes: [{ id: `v-${id}`, sizeBytes: 1024, geometry: { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 } }],
  ...more,
});
const vm = (id: string, name: string, switches: readonly string[], more: object = {}) =>
  object("vm", id, name, {
    vm: {
      ...{ vcpu: 1, cpu: { cores: 1, sockets: 1 }, memory: 1024, firmware: "UEFI", ha: false, status: "RUNNING" },
      disks: [{ volumeId: `v-${id}`, name: `${name}-0`, bus: "VIRTIO", index: 0, boot: 1 }],
      nics: switches.map((virtualSwitch, order) => ({
        ...{ macAddress: `52:54:00:00:00:0${order}`, model: "VIRTIO", virtualSwitch, vlan: { vlanId: 0 } },
        ...{ order, enabled: true },
      })),
    },
    ...more,
  });
const file = (id: string, path: string) =>
  object("nfs-file", id, `/exports/e1/${path}`, { file: { export: "e1", path } });
const cdRom = { what: "CD-ROM tools.iso", reason: "it is no data of the VM's" };
const mirrored = { planId: "plan_x", siteId: "z", role: "mirror" };
const objects = [
  object("lun", "1", "db"),
  object("lun", "2", "twin"),
  object("lun", "3", "twin"),
  object("volume", "4", "db"),
  object("lun", "5", "copy", { origin: { planId: "plan_x", siteId: "z", role: "mirror" } }),
  object("lun", "6", "half"),
  object("lun", "7", "half", { origin: { planId: "plan_x", siteId: "z", role: "mirror" } }),
  object("lun", "9", "bu\u0308ro"),
  object("lun", "8", "back", { origin: { planId: "plan_x", siteId: "z", role: "rebuilt" } }),
  vm("11", "web-1", ["vds-0"], { leftOut: [cdRom], labels: { env: "prod" } }),
  vm("12", "web-2", ["vds-1", "vds-0"]),
  vm("13", "web-mirror", ["vds-9"], { origin: { ...mirrored, planName: "nightly of z" } }),
  vm("14", "app", [], { labels: { env: "prod" } }),
  file("15", "vm/web.vmdk"),
].map((one) => objectConfigSchema.parse(one));
const unusable = { kind: "lun", id: "10", name: `${"n".repeat(100)}…`, unusable: "its name has 256 characters" };
const known: KnownObjects = { observedAt: now, objects: [...objects, unusable] };
const context: Parameters<typeof definePlan>[1] = { sites, known, facilities: new Map(), now, planId };
const has = (more: object): Facilities =>
  facilitiesSchema.parse({ kinds: ["lun", "volume", "vm", "nfs-file"], pools: [], switches: [], ...more });
const withFacilities = (facilities: Record<string, Facilities>) => ({
  ...context,
  facilities: new Map(Object.entries(facilities).map(([id, there]) => [siteIdSchema.parse(id), there])),
});

const definition = (changes: Partial<Record<keyof PlanDefinition, unknown>> = {}): PlanDefinition =>
  planDefinitionSchema.parse({
    name: "nightly",
    source: "a",
    targets: [target("b")],
    objects: [{ kind: "volume", name: "db" }],
    ...changes,
  });
const target = (name: string, switches = {}) => ({ site: name, retention: { keepLast: 3 }, switches });
const snapshots = { targets: [], retention: { keepLast: 2 } };

/** Of the first entry, which is no rule. */
const idOf = ({ objects: [first] }: WholePlan): string => (first && !isRule(first) ? first.id : assert.fail());

/** The refusal's sentence and hint, for tests of what they name. */
const refusal = (code: ErrorCode, act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof VisibleError, `${error}`);
    assert.equal(error.code, code);
    assert.ok(error.hint, "a refusal says what to do");
    return `${error.message} ${error.hint}`;
  }
  assert.fail(`nothing was refused; expected ${code}`);
};
const refused = (code: ErrorCode, changes: Partial<Record<keyof PlanDefinition, unknown>>, where = context): string =>
  refusal(code, () => definePlan(definition(changes), where));

describe("definePlan", () => {
  test("makes a backup plan that has done nothing yet, with a free lane for each target", () => {
    const plan = definePlan(definition({ targets: [target("b"), target("c")] }), context);
    assert.deepEqual({ ...planSchema.parse(plan), objects: plan.objects }, plan);
    assert.deepEqual([plan.objectCount, plan.objectSet], [1, 1]);
    assert.equal(plan.kind, "backup");
    assert.equal(plan.status, "active");
    assert.deepEqual(plan.objects, [{ kind: "volume", id: "4", name: "db" }]);
    assert.deepEqual(plan.lanes, { b: { active: null, queued: null }, c: { active: null, queued: null } });
    assert.deepEqual([plan.slotsDoneUntil, plan.sequence, plan.id], [now, 0, planId]);
  });

  test("makes a snapshot plan of a definition without targets, with one lane for its source", () => {
    const plan = definePlan(definition(snapshots), context);
    assert.equal(plan.kind, "snapshot");
    assert.deepEqual(plan.lanes, { a: { active: null, queued: null } });
  });

  test("wants the retention of a snapshot plan", () => {
    assert.match(
      refused("BAD_REQUEST", { targets: [] }),
      /plan without targets has to say how many groups .*retention: \{ keepLast/s,
    );
  });

  test("finds objects by id even where names are shared, and takes today's name", () => {
    const plan = definePlan(definition({ objects: [{ kind: "lun", id: "3", name: "old name" }] }), context);
    assert.deepEqual(plan.objects, [{ kind: "lun", id: "3", name: "twin" }]);
  });

  test("finds a name however its letters are composed", () => {
    assert.equal(idOf(definePlan(definition({ objects: [{ kind: "lun", name: "büro" }] }), context)), "9");
  });

  test("refuses an object that can't be used, by its name and with the reason, and takes the others", () => {
    for (const wanted of [{ id: "10" }, { name: "n".repeat(256) }]) {
      const objects = [
        { kind: "volume", name: "db" },
        { kind: "lun", ...wanted },
      ];
      assert.match(refused("OBJECT_UNUSABLE", { objects }), /lun “n{100}…” \(10\) can't be used: its name has 256/);
    }
  });

  test("takes a rebuilt object like any other", () => {
    assert.equal(idOf(definePlan(definition({ objects: [{ kind: "lun", name: "back" }] }), context)), "8");
  });

  test("refuses a plan without objects", () => {
    refused("PLAN_EMPTY", { objects: [] });
  });

  test("refuses an object that the site does not have, and says when the site was looked at", () => {
    assert.match(
      refused("OBJECT_UNKNOWN", { objects: [{ kind: "lun", name: "nope" }] }),
      /“nope”.*\(2026-03-01 \d\d:\d\d:\d\d UTC\)/,
    );
    refused("OBJECT_UNKNOWN", { objects: [{ kind: "volume", id: "1" }] });
  });

  test("says that nothing is known of the site where nothing is known", () => {
    assert.match(refused("OBJECT_UNKNOWN", {}, { ...context, known: undefined }), /not known yet/);
  });

  test("refuses a name that two objects have, and lists their ids", () => {
    assert.match(refused("OBJECT_AMBIGUOUS", { objects: [{ kind: "lun", name: "twin" }] }), /2, 3/);
  });

  test("refuses a mirror, and says where the original is", () => {
    assert.match(refused("OBJECT_IS_MIRROR", { objects: [{ kind: "lun", name: "copy" }] }), /plan_x.*“z”/);
    refused("OBJECT_IS_MIRROR", { objects: [{ kind: "lun", id: "5" }] });
  });

  test("takes the one object that is no mirror where a mirror has the same name", () => {
    assert.equal(idOf(definePlan(definition({ objects: [{ kind: "lun", name: "half" }] }), context)), "6");
  });

  test("refuses a mirror by the name of its foreign plan, where that is known", () => {
    assert.match(
      refused("OBJECT_IS_MIRROR", { objects: [{ kind: "vm", id: "13" }] }),
      /the plan “nightly of z” of site “z”/,
    );
  });

  test("takes objects of every kind, a file by its path", () => {
    const wanted = [
      { kind: "lun", name: "db" },
      { kind: "volume", name: "db" },
      { kind: "vm", name: "app" },
      { kind: "nfs-file", name: "/exports/e1/vm/web.vmdk" },
    ];
    const plan = definePlan(definition({ objects: wanted }), context);
    assert.deepEqual(
      plan.objects.map((entry) => "id" in entry && entry.id),
      ["1", "4", "14", "15"],
    );
  });

  test("refuses a kind that the storage of the source or of a target can't do, where that is known", () => {
    const vms = { objects: [{ kind: "vm", match: "*" }] };
    const lunsAt = (site: string) => withFacilities({ [site]: has({ kinds: ["lun", "volume"] }) });
    assert.match(refused("OBJECT_KIND_UNSUPPORTED", vms, lunsAt("a")), /“a” can't protect .* vm\..*lun, volume/);
    assert.match(refused("OBJECT_KIND_UNSUPPORTED", vms, lunsAt("b")), /“b” can't make mirrors of .* vm\./);
    definePlan(definition({ objects: [{ kind: "lun", name: "db" }] }), lunsAt("b"));
  });

  test("says of a file that is not there how a whole directory is given", () => {
    assert.match(refused("OBJECT_UNKNOWN", { objects: [{ kind: "nfs-file", name: "/exports/e1/vm" }] }), /`directory`/);
  });

  test("refuses an object that is there twice", () => {
    const twice = [
      { kind: "volume", id: "4" },
      { kind: "volume", name: "db" },
    ];
    assert.match(refused("BAD_REQUEST", { objects: twice }), /twice/);
  });

  test("refuses a source and a target that there are not, by name", () => {
    assert.match(refused("SITE_UNKNOWN", { source: "nowhere" }), /“nowhere”/);
    assert.match(refused("SITE_UNKNOWN", { targets: [target("b"), target("gone")] }), /“gone”/);
  });

  test("refuses a target of another multi-cluster (W1)", () => {
    assert.match(refused("SITE_IN_OTHER_MULTI_CLUSTER", { targets: [target("far")] }), /“far”.*“other”.*“main”/);
  });

  test("refuses the source as a target, and a target twice", () => {
    refused("PLAN_TARGET_IS_SOURCE", { targets: [target("a")] });
    assert.match(refused("BAD_REQUEST", { targets: [target("b"), target("b")] }), /“b” is twice/);
  });

  test("refuses a schedule that can never start a run", () => {
    refused("SCHEDULE_IMPOSSIBLE", { schedule: { cycle: "daily", timeZone: "Mars/Olympus" } });
  });

  test("refuses a plan that does not fit into one document", () => {
    const switches = Object.fromEntries(
      Array.from({ length: 800 }, (_, i) => [`${i}`.padEnd(250, "x"), "y".repeat(250)]),
    );
    assert.match(refused("PLAN_TOO_LARGE", { targets: [target("b", switches)] }), /The plan takes \d+ KiB, and 300/);
  });
});

describe("a plan's switches and pools (W7)", () => {
  const web = { objects: [{ kind: "vm", name: "web-1" }] };
  const ovs = (...names: string[]) => has({ switches: names.map((name) => ({ name, vlans: [] })) });

  test("are refused where a switch is not mapped, naming switch, object and target, and the command that maps it", () => {
    const said = refused("SWITCH_UNMAPPED", { ...web, targets: [target("b", { "vds-0": "ovs" }), target("c")] });
    assert.match(said, /“c”.*“vds-0”.*“web-1”.*smtx-backup site map a --to c vds-0=SWITCH/);
    assert.doesNotMatch(said, /“b”/);
  });

  test("are named in the command as a shell takes them", () => {
    const wired = { observedAt: now, objects: [objectConfigSchema.parse(vm("20", "odd", ["it's prod"]))] };
    const said = refused("SWITCH_UNMAPPED", { objects: [{ kind: "vm", id: "20" }] }, { ...context, known: wired });
    assert.ok(said.includes(String.raw`--to b 'it'\''s prod'=SWITCH`), said);
  });

  test("are refused for what rules fit now, and not for mirrors", () => {
    const rule = { objects: [{ kind: "vm", match: "web-*" }] };
    const said = refused("SWITCH_UNMAPPED", { ...rule, targets: [target("b", { "vds-0": "ovs" })] });
    assert.match(said, /“vds-1”.*“web-2”/);
    assert.doesNotMatch(said, /vds-9|vds-0/);
    definePlan(definition({ ...rule, targets: [target("b", { "vds-0": "ovs", "vds-1": "ovs" })] }), context);
  });

  test("are mapped by the sites, each target by its own, and by the plan where it says something else", () => {
    const mapped = { ...withFacilities({ c: ovs("ovs-c"), b: ovs("ovs-b") }), sites: mappedSites };
    definePlan(definition({ ...web, targets: [target("c")] }), mapped);
    assert.match(refused("SWITCH_UNMAPPED", { ...web, targets: [target("c"), target("b")] }, mapped), /“b”/);
    const said = refused("SWITCH_UNKNOWN", { ...web, targets: [target("c", { "vds-0": "ovs-d" })] }, mapped);
    assert.match(said, /“c” has no virtual switch “ovs-d”.*“vds-0”.*“ovs-c”/);
  });

  test("are refused where the sites map to a switch that the target does not have any more", () => {
    const mapped = { ...withFacilities({ c: ovs("other") }), sites: mappedSites };
    assert.match(refused("SWITCH_UNKNOWN", { ...web, targets: [target("c")] }, mapped), /“ovs-c”/);
    definePlan(definition({ objects: [{ kind: "vm", name: "app" }], targets: [target("c")] }), mapped);
  });

  test("are refused where the plan maps what nothing uses to a switch that there is not", () => {
    const there = withFacilities({ b: ovs("ovs") });
    assert.match(refused("SWITCH_UNKNOWN", { targets: [target("b", { typo: "osv" })] }, there), /“osv”.*“ovs”/);
  });

  test("are refused where the target is known not to have the pool", () => {
    const there = withFacilities({ b: has({ pools: [{ name: "fast" }] }) });
    const inPool = (pool: string) => ({ targets: [{ ...target("b"), pool }] });
    assert.match(refused("POOL_UNKNOWN", inPool("slow"), there), /“b” has no storage pool “slow”.*“fast”/);
    assert.equal(definePlan(definition(inPool("fast")), there).targets[0]?.pool, "fast");
    definePlan(definition(inPool("slow")), context);
  });
});

describe("a plan's rules", () => {
  const rule = { kind: "vm", match: "db-*", label: "env=prod" };

  test("are kept as they are written, beside objects, and may fit nothing now", () => {
    const files = { kind: "nfs-file", directory: "/exports/e1/vm/" };
    const plan = definePlan(definition({ objects: [rule, { kind: "volume", name: "db" }, files] }), context);
    assert.deepEqual(plan.objects, [rule, { kind: "volume", id: "4", name: "db" }, files]);
    assert.equal(plan.objectCount, 3);
  });

  test("are enough while nothing is known of the source", () => {
    assert.deepEqual(definePlan(definition({ objects: [rule] }), { ...context, known: undefined }).objects, [rule]);
  });

  test("are refused when one is there twice, however it is written", () => {
    const files = { kind: "nfs-file", directory: "/exports/e1/vm" };
    const twice = { objects: [files, { ...files, directory: "/exports/e1/vm/" }] };
    assert.match(refused("BAD_REQUEST", twice), /nfs-file below \/exports\/e1\/vm is twice/);
    definePlan(definition({ objects: [files, { ...files, match: "*.vmdk" }] }), context);
  });

  test("are other entries when one of them is another", () => {
    const plan = definePlan(definition({ objects: [rule] }), context);
    assert.equal(redefinePlan(plan, definition({ objects: [{ ...rule }] }), context).objectSet, 1);
    assert.equal(redefinePlan(plan, definition({ objects: [{ ...rule, match: "db-?" }] }), context).objectSet, 2);
  });

  test("and names take each object once, named ones first, and say why and what is left out", () => {
    const wanted = definition({
      objects: [
        { kind: "vm", label: "env" },
        { kind: "vm", name: "web-1" },
        { kind: "vm", match: "*" },
      ],
    });
    const { objects: found } = resolveObjects(wanted, known, []);
    assert.deepEqual(
      found.map(({ name, because, leftOut }) => [name, because, leftOut]),
      [
        ["web-1", "it is named", [cdRom]],
        ["web-2", "vm *", undefined],
        ["app", "vm with the label env", undefined],
      ],
    );
  });

  test("are refused when they fit more objects than a plan may have", () => {
    const many = Array.from({ length: 4001 }, (_, index) => objectConfigSchema.parse(object("lun", `${index}`, "x")));
    const there = { ...context, known: { observedAt: now, objects: many } };
    assert.match(refused("PLAN_TOO_LARGE", { objects: [{ kind: "lun", match: "?" }] }, there), /4001 now, and 4000/);
  });

  test("are refused when they are more than can be compared with all objects of a site in one go", () => {
    const rules = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ kind: "lun" as const, match: `web-${index}-*` }));
    assert.equal(definePlan(definition({ objects: rules(500) }), context).objectCount, 500);
    assert.match(refused("PLAN_TOO_LARGE", { objects: rules(501) }), /has 501 rules, and 500 are the most/);
  });
});

describe("a plan's objects", () => {
  const many = (count: number, name: string) => {
    const some = Array.from({ length: count }, (_, index) =>
      objectConfigSchema.parse(object("lun", `lun-${index}`, `${name}${index}`)),
    );
    const wanted = { objects: some.map(({ kind, id }) => ({ kind, id })) };
    return () => definePlan(definition(wanted), { ...context, known: { observedAt: now, objects: some } });
  };

  test("are 4,000 at most", () => {
    assert.equal(many(4000, "disk-of-some-length-").call(undefined).objectCount, 4000);
    assert.throws(many(4001, ""), /4000 objects at most: split them among several plans/);
  });

  test("are refused when they don't fit into a message", () => {
    assert.match(
      refusal("PLAN_TOO_LARGE", many(1000, "数".repeat(200))),
      /The plan's objects take \d+ KiB, and 600 KiB/,
    );
  });
});

describe("redefinePlan", () => {
  const before: WholePlan = {
    ...definePlan(definition({ targets: [target("b"), target("c")], retention: { keepLast: 9 } }), context),
    sequence: 7,
    status: "suspended",
    lanes: { b: { active: "run_1", queued: null }, c: { active: null, queued: null } },
  };

  test("takes on the new definition and keeps what the plan has been through", () => {
    const schedule = { cycle: "hourly" };
    const after = redefinePlan(before, definition({ name: "hourly", targets: [target("b")], schedule }), context);
    assert.deepEqual({ ...planSchema.parse(after), objects: after.objects }, after);
    assert.deepEqual([after.name, after.schedule?.cycle, after.retention], ["hourly", "hourly", undefined]);
    assert.deepEqual([after.id, after.sequence, after.status], [before.id, 7, "suspended"]);
  });

  test("keeps the lane of a removed target while a run is in it, and drops it when it is empty", () => {
    assert.deepEqual(redefinePlan(before, definition({ targets: [target("c")] }), context).lanes, {
      c: { active: null, queued: null },
      b: { active: "run_1", queued: null },
    });
    assert.deepEqual(Object.keys(redefinePlan(before, definition({ targets: [target("b")] }), context).lanes), ["b"]);
  });

  test("leaves a busy lane as it is", () => {
    const after = redefinePlan(before, definition({ targets: [target("b"), target("c")] }), context);
    assert.deepEqual(after.lanes, before.lanes);
  });

  test("never turns one kind of plan into the other (W2)", () => {
    refusal("PLAN_KIND_FIXED", () => redefinePlan(before, definition(snapshots), context));
    const local = definePlan(definition(snapshots), context);
    refusal("PLAN_KIND_FIXED", () => redefinePlan(local, definition(), context));
  });

  test("never moves a plan to another source", () => {
    refusal("PLAN_SOURCE_FIXED", () => redefinePlan(before, definition({ source: "c" }), context));
  });

  test("changes neither objects nor targets while a failover has the objects, and takes on the rest", () => {
    const [restore, failover] = ["restore", "failover"].map((kind) => `${kind}_${planId.slice(5)}_20260301T000000000Z`);
    const place = { siteId: "b", standIns: [restore], failoverId: failover, since: now };
    const moved = { PLAN_AWAY: { place }, FAILOVER_UNDER_WAY: { moving: failover } } as const;
    for (const code of ["PLAN_AWAY", "FAILOVER_UNDER_WAY"] as const) {
      const away = { ...before, ...planSchema.pick({ place: true, moving: true }).parse(moved[code]) };
      const targets = [target("c"), target("b")];
      refusal(code, () => redefinePlan(away, definition({ targets: [target("b")] }), context));
      const objects = [{ kind: "lun", name: "db" }];
      refusal(code, () => redefinePlan(away, definition({ targets, objects }), context));
      const after = redefinePlan(away, definition({ name: "other", targets }), context);
      assert.deepEqual([after.name, after.place], ["other", away.place]);
    }
  });

  test("refuses to change a deleted plan", () => {
    refusal("PLAN_UNKNOWN", () => redefinePlan({ ...before, status: "deleted" }, definition(), context));
  });

  test("keeps an object that its site is not known to have now, but takes no new one on trust", () => {
    const lost = { ...context, known: undefined };
    assert.deepEqual(redefinePlan(before, definition(), lost).objects, before.objects);
    const more = [
      { kind: "volume", name: "db" },
      { kind: "lun", name: "db" },
    ];
    refusal("OBJECT_UNKNOWN", () => redefinePlan(before, definition({ objects: more }), lost));
  });

  test("gives other objects a set of their own, and the same ones none", () => {
    assert.equal(redefinePlan(before, definition(), context).objectSet, 1);
    const more = [
      { kind: "volume", name: "db" },
      { kind: "lun", id: "9" },
    ];
    const after = redefinePlan(before, definition({ objects: more }), context);
    assert.deepEqual([after.objectCount, after.objectSet], [2, 2]);
    assert.equal(redefinePlan(after, definition(), context).objectSet, 3);
  });

  test("tells all objects that can't be taken at once, each once", () => {
    const objects = ["nope", "twin", "nope", "copy"].map((name) => ({ kind: "lun", name }));
    const message = refused("OBJECT_UNKNOWN", { objects });
    assert.match(
      message,
      /^3 of .* taken:\n {2}Site “a” had no lun called “nope” .*\n {2}Site “a” has more than one lun called “twin”\.\n {2}The lun “copy” is a mirror/,
    );
    assert.match(message, /Choose one by its id: 2, 3\./);
  });

  test("tells what an object is called now that is given by the name it had", () => {
    const renamed = { ...known, objects: objects.map((one) => (one.id === "4" ? { ...one, name: "post" } : one)) };
    const message = refusal("OBJECT_UNKNOWN", () => redefinePlan(before, definition(), { ...context, known: renamed }));
    assert.match(message, /no volume called “db” any more: the one that the plan has is called “post” now \(4\)/);
  });

  test("takes an object that was made anew under the same name", () => {
    const anew = { ...known, objects: objects.map((one) => (one.id === "4" ? { ...one, id: "40" } : one)) };
    assert.equal(idOf(redefinePlan(before, definition(), { ...context, known: anew })), "40");
  });
});
