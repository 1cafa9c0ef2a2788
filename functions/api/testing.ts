import type { ErrorBody, PlanAnswer } from "../../core/api/answers.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import { describedError, type Failure, failureLevel } from "../../core/api/failure.ts";
import { formatIdentity, type PeerIdentity } from "../../core/api/identity.ts";
import { gatewayIdSchema, type Instant, instantSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { objectConfigSchema } from "../../core/api/object.ts";
import { type Scope, scopeSchema } from "../../core/api/token.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { DocumentStore, Key } from "../../core/ports/store.ts";
import { createAuthority } from "../../pki/authority.ts";
import { authoritiesOf } from "../certificates/authorities.ts";
import { gatewayKey, refusalKey } from "../documents/records.ts";
import { goOnWithFailover } from "../failover/go-on.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { createMemoryStore } from "../memory/store.ts";
import { createMemoryTaskQueue } from "../memory/task-queue.ts";
import { createToken } from "../tokens/tokens.ts";
import { createApp } from "./app.ts";

export const siteA = siteIdSchema.parse("a");
export const siteB = siteIdSchema.parse("b");

/** Of the API's public URL. */
export const testHost = "api.test";

/** Of the multi-cluster main. */
const authority = createAuthority({ multiCluster: "main", nowMs: Date.parse("2026-01-01T00:00:00Z") });

const { partition: refusals } = refusalKey("", "", "");

/** A store that knows what was ever written to it, so that a test can see that nothing was. */
const recordingStore = (store: DocumentStore) => {
  const keys = new Map<string, Key>();
  const remember = (key: Key) => keys.set(JSON.stringify(key), key);
  return {
    ...store,
    commit: async (changes: Parameters<DocumentStore["commit"]>[0]) => {
      await store.commit(changes);
      for (const { key } of changes) remember(key);
    },
    putAll: async (documents: Parameters<DocumentStore["putAll"]>[0]) => {
      await store.putAll(documents);
      for (const { key } of documents) remember(key);
    },
    dump: async (): Promise<string> =>
      JSON.stringify(
        await Promise.all(
          [...keys.values()].filter(({ partition }) => partition !== refusals).map((key) => store.get(key)),
        ),
      ),
  };
};

/** The API over stores in memory, with a clock that stands still until it is told otherwise. */
export const createTestApi = async () => {
  let now: Instant = instantSchema.parse("2026-03-01T00:30:00.000Z");
  let plans = 0;
  const errors: object[] = [];
  const schedules = new Map<string, object>();
  const store = recordingStore(createMemoryStore());
  const deps = {
    store,
    goOnWithFailover,
    tasks: createMemoryTaskQueue(),
    scheduler: {
      put: async (planId: string, schedule: object) => void schedules.set(planId, schedule),
      remove: async (planId: string) => void schedules.delete(planId),
    },
    clock: { now: () => now },
    ids: {
      planId: () => planIdSchema.parse(`plan_${(++plans).toString().padStart(26, "0")}`),
      fraction: () => 0,
    },
    access: {
      credentialsFor: async (identity: PeerIdentity) => ({
        ...{ accessKeyId: "key", secretAccessKey: "secret", sessionToken: formatIdentity(identity), region: "here" },
        expiresAt: addSeconds(now, 900),
      }),
    },
    audiences: [testHost],
    authorities: authoritiesOf(new Map([["main", await authority]])),
    log: {
      info: () => undefined,
      warn: () => undefined,
      failed: ({ err, ...fields }: Failure) => {
        if (failureLevel(err) === "error") errors.push({ ...fields, err: describedError(err) });
      },
      error: (fields: object) => void errors.push(fields),
    },
  };
  const app = createApp(deps);
  const token = async (scopes: readonly Scope[] = scopeSchema.options, expiresAt?: Instant) =>
    (await createToken(deps, { name: "test", scopes, ...(expiresAt === undefined ? {} : { expiresAt }) })).token;
  const admin = await token();

  return {
    app,
    deps,
    schedules,
    /** What was logged as an error. */
    errors,
    token,
    pass: (seconds: number) => {
      now = addSeconds(now, seconds);
    },
    /** Everything that is stored, with versions, but for what was counted as refused. */
    dump: store.dump,
    /** One request with a token that may do everything, unless another is given. */
    send: async <T = ErrorBody>(method: string, path: string, json?: object, bearer = admin) => {
      const authorization = `Bearer ${bearer}`;
      const answer = await app.request(
        path,
        json === undefined
          ? { method, headers: { authorization } }
          : { method, headers: { authorization, "content-type": "application/json" }, body: JSON.stringify(json) },
      );
      const text = await answer.text();
      return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as T };
    },
  };
};
export type TestApi = Awaited<ReturnType<typeof createTestApi>>;

const sizeBytes = 1024 ** 3;

/** An object as a gateway would describe it. */
export const objectNamed = (name: string, more: object = {}) =>
  objectConfigSchema.parse({
    kind: "lun",
    id: `lun-${name}`,
    name,
    volumes: [
      { id: `volume-${name}`, sizeBytes, geometry: { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 } },
    ],
    lun: { target: "t", lunId: 1 },
    ...more,
  });

/** A VM of one disk and one NIC as a gateway would describe it. */
export const vmNamed = (name: string, { virtualSwitch = "vds-0", ...more }: { readonly [key: string]: unknown } = {}) =>
  objectConfigSchema.parse({
    ...objectNamed(name),
    ...{ kind: "vm", id: `vm-${name}`, lun: undefined },
    vm: {
      ...{ vcpu: 2, cpu: { cores: 2, sockets: 1 }, memory: 2 ** 31, firmware: "BIOS", ha: true, status: "RUNNING" },
      disks: [{ volumeId: `volume-${name}`, name: `${name}-0`, bus: "VIRTIO", index: 0, boot: 1 }],
      nics: [
        {
          ...{ macAddress: "52:54:00:00:00:01", model: "VIRTIO", virtualSwitch, vlan: { vlanId: 0 } },
          ...{ order: 0, enabled: true },
        },
      ],
    },
    ...more,
  });

/** What the fixture's site can do and has. */
export const facilitiesOfA: Facilities = {
  kinds: ["lun", "volume", "vm"],
  pools: [{ name: "default" }],
  switches: [{ name: "vds-0", vlans: [] }],
};

/** A gateway of the site that was heard of just now. */
export const reportAlive = ({ deps }: TestApi, siteId: string): Promise<void> =>
  deps.store.putAll([
    {
      key: gatewayKey(siteIdSchema.parse(siteId), "gw-1"),
      body: {
        id: "gw-1",
        siteId,
        endpoint: "127.0.0.1:7000",
        tunnel: "direct-tls",
        version: "1",
        storage: "extentstore",
        lastSeenAt: deps.clock.now(),
      },
    },
  ]);

/** Sites a and b, where a has a LUN and a VM, and a backup plan from a to b. */
export const createNightlyPlan = async (api: TestApi, changes: object = {}) => {
  for (const id of ["a", "b"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  await putInventoryPart(api.deps, {
    kind: "inventory",
    siteId: siteA,
    gatewayId: gatewayIdSchema.parse("gw-1"),
    generation: 1,
    part: 0,
    parts: 1,
    observedAt: api.deps.clock.now(),
    objects: [objectNamed("db"), vmNamed("web")],
    facilities: facilitiesOfA,
  });
  return api.send<PlanAnswer>("POST", "/v1/plans", { ...nightly, ...changes });
};

export const nightly = {
  name: "nightly",
  source: "a",
  targets: [{ site: "b", retention: { keepLast: 2 }, switches: { "vds-0": "ovs" } }],
  objects: [
    { kind: "lun", name: "db" },
    { kind: "vm", id: "vm-web" },
  ],
  schedule: { cycle: "daily", at: "01:00" },
};
