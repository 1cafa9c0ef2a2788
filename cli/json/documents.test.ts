import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { Facilities } from "../../core/api/facilities.ts";
import { objectKindSchema } from "../../core/api/object/common.ts";
import { testWith } from "../../test/need.ts";
import { foreignHost } from "../commands/foreign/testing-foreign.ts";
import { setUp } from "../commands/testing-volume.ts";
import { definitionOf, withInner } from "../help/definitions.ts";
import type { Host } from "../host/host.ts";
import { createProgram } from "../program.ts";
import { fakeHost, recordingScreen, run, sleptTime } from "../testing.ts";
import { documents } from "./documents.ts";
import { instantFields } from "./print.ts";
import { instantPattern, jsonSchemaOf, printedSchemaOf } from "./schema.ts";

const program = definitionOf(createProgram(fakeHost(), () => async () => undefined));
const paths = withInner(program)
  .filter(({ commands }) => commands.length === 0)
  .map(({ words }) => words.join(" "));
const pathOf = (args: readonly string[]): string =>
  paths.find((path) => path === args.slice(0, path.split(" ").length).join(" ")) ?? "";

/** What a command printed, which must be what its schema says and nothing more. */
const parsed = (path: string, text: string) => {
  const { error, data } = printedSchemaOf(path).safeParse(JSON.parse(text));
  assert.equal(error, undefined, `${path}: ${error && z.prettifyError(error)}\n${text}`);
  return data;
};

const planText = (name: string, more = "{ kind: vm, name: db }") => `
name: ${name}
source: a
targets: [{ site: b, retention: { keepLast: 2 } }]
objects: [{ kind: lun, name: web1 }, ${more}]
schedule: { cycle: daily, at: "01:00", timeZone: Europe/Berlin, endsAt: "2030-01-01T00:00:00+01:00" }
`;

const cluster = `
kind: vm
name: db
memory: 4GiB
vcpu: 2
disks: [{ name: db-system, size: 4MiB }, { name: db-data, size: 4MiB }]
---
kind: pool
name: fast
capacity: 1GiB
---
kind: switch
name: prod
`;

/** Every command once or more, in the order in which they need each other. */
const everyCommand = async (t: TestContext) => {
  const { folder, image, world, withStorage, at } = await setUp(t);
  const there: Facilities = {
    kinds: [...objectKindSchema.options],
    pools: [],
    switches: [{ name: "dr-prod", vlans: [] }],
  };
  const time = sleptTime(async () => {
    const [objects, facilities] = await withStorage(async (storage) => [
      await storage.inventory(),
      await storage.facilities(),
    ]);
    Object.assign(world, { objects, facilities: { a: facilities, b: there } });
    await world.work();
  });
  const tried = new Map<string, unknown[]>();
  const reading = (text: string): Partial<Host> => ({ readInput: async () => text });
  const print = async (words: string, parts: Partial<Host> = {}, expected = 0) => {
    const args = words.split(" ");
    const { exitCode, stdout, stderr } = await world.run([...args, "--json"], { time, ...parts });
    assert.equal(exitCode, expected, `${words}: ${stdout}${stderr}`);
    const path = pathOf(args);
    const document = parsed(path, stdout.trim().split("\n").at(-1) ?? "");
    tried.set(path, [...(tried.get(path) ?? []), document]);
    // biome-ignore lint/suspicious/noExplicitAny: what was just judged by its schema
    return document as any;
  };
  /** It ends when it is told to. */
  const printServed = async (config: string) => {
    const stopping = new AbortController();
    const stdout = recordingScreen(false);
    const write = (text: string) => {
      stdout.write(text);
      stopping.abort(new Error("stopped by SIGINT"));
    };
    const served = ["foreign-plan", "attach", "daily", "--object", "database", "-c", config, "--json"];
    await run(served, { stdout: { ...stdout, write }, signal: stopping.signal });
    tried.set("foreign-plan attach", [parsed("foreign-plan attach", stdout.text)]);
  };
  const here = at.join(" ");
  const no = { ask: async () => "n" };

  await print("local up", {
    localUp: async ({ onReady }) => onReady?.({ url: "http://127.0.0.1:1", tokenFile: "token", sites: ["a"] } as never),
  });
  const { makeAuthority } = await import("../../infra/local/pki.ts");
  await print(`ca init --multi-cluster main --out ${join(folder, "ca")}`, { makeAuthority });
  await print("gateway check -c gateway.yaml", {
    checkGateway: async () => [{ what: "port", text: "it is free", passed: true }],
  });
  const probeCluster: Host["probeCluster"] = async () => ({
    ...{ day: "2026-11-30", version: "0.1.0", towerVersion: "4.8.0", clusterVersion: "6.3.0", nodes: 3, seconds: 61.5 },
    answers: [
      { ability: "clonesVolumes", question: "Can it be cloned?", answer: "no", evidence: "CloudTower refuses it." },
    ],
    left: ["smtx-backup.probe.1.lun"],
  });
  await print("gateway probe -c gateway.yaml --yes", { probeCluster }, 1);
  await print("gateway probe -c gateway.yaml", no, 1);
  await print("gateway enrol -c gateway.yaml", {
    ...reading("token"),
    enrolGateway: async () => ({ expiresAt: world.api.deps.clock.now() }),
  });
  await print("gateway invite gw-9 --site a");
  await print("gateway list --site a");
  await print("site create c --multi-cluster main");
  await print("site limit a --to b --rate 50MB");
  const token = await print("token create me --scope read --days 3");
  await print("token list");
  await print(`token revoke ${token.id}`);
  await print("table take-over smtx-backup-production", {
    takeOverTable: async () => ({ at: world.api.deps.clock.now(), moved: { access: 3, audit: 5 }, isNew: true }),
  });

  await print(`object create -f - ${here}`, reading(cluster));
  await print(`object create -f - ${here}`, reading("{ kind: pool, name: fast, capacity: 2GiB }"));
  await print(`volume import ${image} --name web1 ${here}`);
  await print(`volume import ${image} --name old --kind volume ${here}`);
  await print("site show a");
  await print("site list");
  await print("site map a --to b prod=dr-prod");
  await print("object list --site a");
  await print(`object list ${here}`);
  await print("object show web1 --site a");
  await print("object show db --site a");
  await print(`object update db --memory 8GiB ${here}`);
  await print(`object update db -f - ${here}`, { ...reading("disks: [{ name: db-data }]"), ...no }, 1);
  await print(`object label db env=prod ${here}`);
  await print(`object power-on db ${here}`);
  await print(`object power-off db ${here}`);
  await print(`object delete fast --kind pool --yes ${here}`);
  await print(`object delete old ${here}`, no, 1);
  await print("volume list --site a");
  await print(`volume rename old older ${here}`);
  await print(`volume export older -o ${join(folder, "older.img")} ${here}`);
  await print(`volume delete older ${here}`, no, 1);
  await print(`volume delete older --yes ${here}`);

  await print("plan create -f -", reading(planText("nightly")));
  await print("plan create -f -", reading(planText("ruled", '{ kind: vm, match: "d*" }')));
  await print("plan show ruled");
  await print("plan list");
  await print("plan run nightly");
  await print("plan run nightly --wait");
  await print("plan list");
  await print("plan show nightly");
  await print("plan preview nightly");
  await print("plan update -f -", reading(planText("nightly").replace("keepLast: 2", "keepLast: 3")));
  await print("plan suspend nightly");
  await print("plan resume nightly");
  const { id } = await print("plan run nightly");
  await print(`run show ${id}`);
  await print(`run redrive ${id}`);
  await print(`run cancel ${id}`);
  world.api.pass(3 * 24 * 3600);
  await print("status", {}, 1);
  await print("group list");
  await print("group show latest --plan nightly --site b");
  await print("rebuild latest --plan nightly --site b");
  await print("rebuild latest --plan nightly --site b --prefix again- --wait");
  await print("clone latest --plan nightly --from b --to b --prefix cloned- --wait");
  await print("rollback latest --plan nightly --site a --discard-changes");
  await print("plan create -f -", reading(planText("moved")));
  await print("plan run moved --wait");
  await print("failover begin moved --to b --dry-run --rename web1=shop db=data");
  await print("failover begin moved --to b --rename web1=shop db=data", no, 1);
  await print("failover begin moved --to b --yes --wait --rename web1=shop db=data");
  await print("failover show moved");
  await print("failover list");
  await print("failback moved --yes --wait", {}, 1);
  await print("failover continue moved --wait");
  await print("failover begin moved --to b --yes --rename web1=shop db=data");
  await print("failover undo moved --yes --wait");
  await print("plan delete moved --yes");
  const { runId } = await print("group attach latest --plan nightly --site b --object web1 --for 90m");
  await print("group attachments");
  await print(`group detach ${runId}`);
  await print("run list --since 30d");
  await print(`object delete db --yes ${here}`);
  await print("group delete latest --plan nightly --site b --dry-run");
  await print("group delete latest --plan nightly --site b", no, 1);
  await print("group delete latest --plan nightly --site b --yes --wait");
  await print("plan delete ruled", no, 1);
  await print("plan delete nightly --yes");
  const adoption = await print("adopt --site b");
  await print(`adopt --site b --show ${adoption.id}`);
  await print("mirror list");
  await print("mirror release nightly --site b --dry-run");
  await print("mirror release nightly --site b --yes");
  await print("plan delete ruled --with-restore-points --yes");
  const { config } = await foreignHost(t);
  await print(`foreign-plan list -c ${config}`);
  await print(`foreign-plan show daily -c ${config}`);
  await print(`foreign-plan rebuild daily -c ${config}`);
  await printServed(config);
  await print("gateway remove gw-1 --site b");
  await print("audit --limit 100");
  return tried;
};

type JsonSchema = { readonly [key: string]: unknown };
const isSchema = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;

/** The names of fields in which instants are printed. */
const instantsOf = (schema: unknown, name = ""): readonly string[] =>
  isSchema(schema)
    ? [
        ...(schema["pattern"] === instantPattern ? [name] : []),
        ...Object.entries(schema).flatMap(([key, inner]) =>
          key === "properties" && isSchema(inner)
            ? Object.entries(inner).flatMap(([field, one]) => instantsOf(one, field))
            : instantsOf(inner, name),
        ),
      ]
    : [];

/** What a list's item says otherwise than the document of one, as paths. */
const differences = (item: unknown, one: unknown, path = ""): readonly string[] => {
  if (!isSchema(item) || !isSchema(one)) return item === one ? [] : [path];
  if (isSchema(item["properties"]) && isSchema(one["properties"])) {
    const shown = one["properties"];
    return Object.entries(item["properties"]).flatMap(([name, inner]) =>
      differences(inner, shown[name], `${path}.${name}`),
    );
  }
  if (isSchema(item["items"])) return differences(item["items"], one["items"], `${path}[]`);
  return isDeepStrictEqual(item, one) ? [] : [path];
};

const at = (schema: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, key) => (isSchema(inner) ? inner[key] : undefined), schema);

const testWithJq = await testWith("jq");

describe("what every command prints with --json", { timeout: 300_000 }, () => {
  let tried: ReadonlyMap<string, readonly unknown[]> = new Map();

  test("has a schema, and is what that says and nothing more", async (t) => {
    tried = await everyCommand(t);
    const withDocument = paths.filter((path) => documents[path] !== null);
    const forgotten = withDocument.filter((path) => !tried.has(path));
    assert.deepEqual(forgotten, [], "these commands were not tried");
    assert.deepEqual(Object.keys(documents).toSorted(), paths.toSorted());
  });

  testWithJq("has no instant that jq can't read", async (_, jq) => {
    const all = [...tried.values()].flat();
    // What was sent along is shown in `audit` as it was written.
    const program =
      'del(.. | .request?) | [.. | strings | select(test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T")) | fromdateiso8601] | length';
    const input = JSON.stringify(all);
    assert.ok(Number(execFileSync(jq, [program], { input, encoding: "utf8" })) > 100);
  });

  test("names its instants so that they are known", () => {
    const names = new Set(paths.flatMap((path) => instantsOf(jsonSchemaOf(path))));
    assert.deepEqual([...names].toSorted(), [...instantFields].toSorted());
  });

  const pairs = [
    ["plan list", ["properties", "items", "items"], "plan show", []],
    ["site list", ["properties", "items", "items"], "site show", []],
    ["run list", ["properties", "items", "items", "oneOf", "0"], "run show", ["anyOf", "0"]],
    ["group list", ["properties", "items", "items"], "group show", ["properties", "sites", "items"]],
    ["object list", ["properties", "objects", "items"], "object show", []],
    ["volume list", ["properties", "objects", "items"], "object show", []],
  ] as const;
  for (const [list, itemAt, show, oneAt] of pairs) {
    test(`${list}: an item has nothing that ${show} does not have with the same name and type`, () => {
      const [item, one] = [at(jsonSchemaOf(list), ...itemAt), at(jsonSchemaOf(show), ...oneAt)];
      assert.ok(isSchema(item) && isSchema(one));
      const { $schema: _, ...shown } = one;
      assert.deepEqual(differences(item, shown), []);
    });
  }
});
