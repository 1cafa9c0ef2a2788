import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadGatewayConfig } from "../../gateway/config/config.ts";
import { layoutIn } from "../../gateway/tunnel/envoy/layout.ts";
import { testWith } from "../../test/need.ts";
import { hangMs } from "../../test/patience.ts";

const unitName = "smtx-backup-gateway.service";
const unit = await readFile(new URL(`./${unitName}`, import.meta.url), "utf8");
const command = "/opt/smtx-backup/bin/smtx-backup";
/**
 * Of systemd's scale from 0 to 10. systemd 252 said 1.4; other versions weigh a little differently.
 */
const exposureMax = 1.5;

const settingOf = (key: string): string => {
  const found = [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))];
  assert.equal(found.length, 1, `the unit has ${found.length} times ${key}=`);
  return found[0]?.[1] ?? "";
};

/** What systemd-analyze says and how it ends. */
const analyze = async (t: TestContext, tool: string, text: string, ...parameters: readonly string[]) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-unit-"));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, unitName);
  await writeFile(file, text);
  const { status, stdout, stderr } = spawnSync(tool, [...parameters, file], { encoding: "utf8", timeout: hangMs });
  return { status, said: stdout + stderr };
};

const testWithSystemd = await testWith("systemd-analyze");

describe("the gateway's systemd unit", () => {
  /** The command is not installed here. */
  const here = unit.replaceAll(command, process.execPath);

  testWithSystemd("is one that systemd understands, to the last line", async (t, tool) => {
    const answer = await analyze(t, tool, here, "verify");
    assert.deepEqual(answer, { status: 0, said: "" });
  });

  testWithSystemd("is refused by that check when a word is wrong", async (t, tool) => {
    const answer = await analyze(t, tool, here.replace("ProtectHome=yes", "ProtectHome=perhaps"), "verify");
    assert.match(answer.said, /perhaps/);
  });

  testWithSystemd(`exposes no more than ${exposureMax} of 10`, async (t, tool) => {
    const threshold = `--threshold=${exposureMax * 10}`;
    const answer = await analyze(t, tool, unit, "security", "--offline=true", threshold);
    assert.equal(answer.status, 0, answer.said);
    const open = unit.replaceAll(/^CapabilityBoundingSet=$/gm, "");
    const worse = await analyze(t, tool, open, "security", "--offline=true", threshold);
    assert.notEqual(worse.status, 0, "the threshold is too generous to notice anything");
  });

  test("leaves V8 its memory to run what it compiles, and the gateway its time to end", () => {
    assert.doesNotMatch(unit, /^MemoryDenyWriteExecute=/m);
    // Other processes of the unit are the gateway's to end.
    assert.equal(settingOf("KillMode"), "mixed");
    const gatewayStopSeconds = 10;
    assert(Number.parseInt(settingOf("TimeoutStopSec"), 10) > gatewayStopSeconds);
  });

  test("lets the gateway write where the example of its configuration says", async () => {
    const example = await loadGatewayConfig(fileURLToPath(new URL("./gateway.yaml", import.meta.url)));
    const state = `/var/lib/${settingOf("StateDirectory")}/`;
    const { ca, certificate, key } = example.tls;
    assert(example.storage.kind === "extentstore");
    for (const path of [example.storage.dir, ca, certificate, key]) assert(path.startsWith(state), path);
    assert(example.envoyDir.startsWith(`/run/${settingOf("RuntimeDirectory")}/`), example.envoyDir);
    layoutIn(example.envoyDir);
  });
});
