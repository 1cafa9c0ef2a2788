import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { objectNamed, siteA, siteB, vmNamed } from "../functions/api/testing.ts";
import { report } from "../functions/api/testing-gateway.ts";
import { gatewayKey } from "../functions/documents/records.ts";
import { withCleanScreens } from "./host/host.ts";
import { printedJson } from "./json/print.ts";
import { createWorld, fakeHost, recordingScreen, type TestWorld } from "./testing.ts";

/**
 * Forges a line, sets the window's title, empties the screen, overwrites a line, does the same in
 * C1, turns the direction of what follows, and hides in what nobody sees.
 */
const attack = "\nforged\u001b]0;owned\u0007\u001b[2J\rwell\u0085\u009b2J\u202eevil\u200b\u2028\u007f\u001b[8m";
/** What of it no terminal may get; lines end, and our colours are our own. */
const steers = /[\p{Cc}\p{Bidi_Control}\u200b\u2028\u2029]/u;
const esc = "\u001b";
const ours = new RegExp(`${esc}\\[(?:1|2|22|31|32|33|39)m|${esc}\\[\\d+F${esc}\\[0J|\n`, "g");

const hostile = (what: string): string => `${what}${attack}`;

/** Sites that have nothing but hostile texts, a plan of them, and runs of it. */
const hostileWorld = async (): Promise<TestWorld> => {
  const world = await createWorld();
  const db = objectNamed("db", { id: hostile("lun-db"), labels: { [hostile("key")]: hostile("value") } });
  const strange = objectNamed("strange", {
    ...{ name: hostile("strange"), leftOut: [{ what: hostile("CD-ROM"), reason: hostile("it is none") }] },
    origin: { planId: hostile("plan"), siteId: siteB, role: "mirror", planName: "x\u001b[2J" },
  });
  const web = vmNamed("web", { id: hostile("vm-web"), virtualSwitch: hostile("vds") });
  world.objects = [db, strange, web];
  const facilities = {
    kinds: ["lun" as const, "vm" as const],
    pools: [{ name: hostile("pool") }],
    switches: [{ name: hostile("vds"), vlans: [{ name: hostile("vlan"), vlanId: 1 }] }],
  };
  world.facilities = { a: facilities, b: facilities };
  await world.api.deps.store.putAll([
    {
      key: gatewayKey(siteA, "gw-2"),
      body: {
        ...{ id: "gw-2", siteId: siteA, endpoint: `${hostile("host")}:1`, tunnel: "direct-tls" },
        ...{ version: hostile("1"), storage: hostile("extentstore"), lastSeenAt: world.api.deps.clock.now() },
      },
    },
  ]);
  await world.api.send("POST", "/v1/tokens", { name: hostile("token"), scopes: ["read"] });
  for (const siteId of [siteA, siteB]) await world.api.send("POST", `/v1/sites/${siteId}/inventory`);
  await world.work();
  const definition = {
    ...{ name: "nightly", source: "a", targets: [{ site: "b", retention: { keepLast: 2 } }] },
    objects: [
      { kind: "lun", name: "db" },
      { kind: "lun", match: "*" },
    ],
    schedule: { cycle: "daily" },
  };
  const readInput = async () => JSON.stringify(definition);
  const { exitCode, stderr } = await world.run(["plan", "create", "-f", "-"], { readInput });
  assert.equal(exitCode, 0, stderr);
  world.perform = (task) =>
    report(world.api, task, {
      kind: "failed",
      reason: { code: attack, message: hostile("It failed.") },
      ...{ retryable: false, progressed: false },
    });
  await world.run(["plan", "run", "nightly", "--wait"]);
  return world;
};

const commands = [
  ["status"],
  ["object", "list", "--site", "a"],
  ["object", "show", "db", "--site", "a"],
  ["object", "show", "web", "--site", "a"],
  ["object", "show", hostile("strange"), "--site", "a"],
  ["object", "show", hostile("nothing"), "--site", "a"],
  ["volume", "list", "--site", "a"],
  ["plan", "list"],
  ["plan", "show", "nightly"],
  ["plan", "show", hostile("nothing")],
  ["plan", "preview", "nightly"],
  ["run", "list"],
  ["run", "list", "--plan", "nightly"],
  ["run", "show", "latest", "--plan", "nightly"],
  ["group", "list"],
  ["group", "list", "--plan", "nightly"],
  ["site", "list"],
  ["site", "show", "a"],
  ["gateway", "list", "--site", "a"],
  ["token", "list"],
  ["audit"],
  ["plan", "run", "nightly", "--wait"],
  ["rebuild", "latest", "--plan", "nightly", "--site", "b"],
  ["help", hostile("nothing")],
] as const;

const commandsShowSigns = async (isTerminal: boolean) => {
  const world = await hostileWorld();
  let all = "";
  for (const command of commands) {
    const [stdout, stderr] = [recordingScreen(isTerminal), recordingScreen(isTerminal)];
    await world.run(command, { stdout, stderr });
    const shown = (stdout.text + stderr.text).replaceAll(isTerminal ? ours : /\n/g, "");
    assert.ok(shown.length > 0, command.join(" "));
    assert.doesNotMatch(shown, steers, command.join(" "));
    assert.doesNotMatch(stdout.text + stderr.text, /^forged/m, command.join(" "));
    all += shown;
  }
  assert.ok(all.split("�").length > 100, "the hostile texts are among what is shown");
};

describe("text from a hostile site", () => {
  test("with ESC ] 0, CSI 2 J, a CR and their kin comes to a terminal as signs, in every command's output", () =>
    commandsShowSigns(true));

  test("comes to a pipe as signs, too, and paints nothing there", () => commandsShowSigns(false));

  test("is exact in --json, where nothing of it steers a terminal", async () => {
    const world = await hostileWorld();
    for (const command of commands) {
      const { stdout, stderr } = await world.run([...command, "--json"]);
      assert.doesNotMatch((stdout + stderr).replaceAll("\n", ""), steers, command.join(" "));
      for (const line of (stdout + stderr).trim().split("\n")) JSON.parse(line);
    }
    const { stdout } = await world.run(["object", "list", "--site", "a", "--json"]);
    const ids = JSON.parse(stdout).objects.map(({ id }: { id: string }) => id);
    assert.ok(ids.includes(hostile("lun-db")), stdout);
  });

  test("is as it was in JSON, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const json = printedJson({ text });
        assert.doesNotMatch(json, steers);
        assert.deepEqual(JSON.parse(json), { text });
      }),
    );
  });

  test("is no question that steers, and paints nothing where there are no colours", async () => {
    const asked: string[] = [];
    const stdout = recordingScreen(true);
    const ask = async (question: string) => void asked.push(question);
    const host = withCleanScreens(fakeHost({ ask, stdout, env: { NO_COLOR: "1" } }));
    await host.ask(`${attack}? `);
    host.stdout.write("\u001b[31mred\u001b[39m\n");
    assert.doesNotMatch(asked.join("").replaceAll("\n", ""), steers);
    assert.equal(stdout.text, "�[31mred�[39m\n");
  });

  test("leaves names in all the world's letters as they are", () => {
    const names = "數據庫 ✈️ 👩‍👩‍👧 می‌خواهم naïve";
    const stdout = recordingScreen(true);
    withCleanScreens(fakeHost({ stdout })).stdout.write(`${names}\n`);
    assert.equal(stdout.text, `${names}\n`);
  });
});
