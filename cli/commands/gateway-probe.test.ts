import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeReport } from "../../gateway/storage/smtx/probe/report.ts";
import type { Host } from "../host/host.ts";
import { run } from "../testing.ts";

const report: ProbeReport = {
  ...{ day: "2026-11-30", version: "0.1.0", towerVersion: "4.8.0", clusterVersion: "6.3.0", nodes: 3, seconds: 61.5 },
  answers: [
    { ability: "clonesVolumes", question: "Can it be cloned?", answer: "no", evidence: "It was refused." },
    { ability: "idsSurviveClone", question: "Are ids kept?", answer: "yes", evidence: "0 of 4 rows differ." },
  ],
  left: [],
};
const command = ["gateway", "probe", "-c", "gateway.yaml"];

test("a probe says what it makes, and asks; what is no yes leaves the cluster alone", async () => {
  let asked = "";
  const ask: Host["ask"] = async (question) => {
    asked = question;
    return "n";
  };
  // Where it would be probed after all, the host of a test throws.
  const { exitCode, stdout } = await run(command, { ask });
  assert.deepEqual([exitCode, stdout], [1, "Nothing was changed.\n"]);
  assert.match(asked, /makes a target, .* LUNs .* smtx-backup\.probe\..* removes them again.* \[y\/N\]/);
  const nobody = await run(command, { ask: async () => undefined });
  assert.equal(nobody.exitCode, 2);
  assert.match(nobody.stderr, /--yes/);
});

test("a probe prints its report, tells its steps aside, and fails only where something is left", async () => {
  const probeCluster: Host["probeCluster"] = async (_, { onStep }) => {
    onStep?.("what extent tables show");
    return report;
  };
  const { exitCode, stdout, stderr } = await run([...command, "--yes"], { probeCluster });
  assert.deepEqual([exitCode, stderr], [0, "… what extent tables show\n"]);
  assert.match(stdout, /^smtx-backup 0\.1\.0 asked SMTX OS 6\.3\.0 \(3 nodes, CloudTower 4\.8\.0\) on 2026-11-30/);
  assert.match(stdout, /\nno {7}Can it be cloned\?\n {9}It was refused\.\nyes {6}Are ids kept\?/);
  assert.match(stdout, /All that was made for this is removed\.\n$/);
  const left = await run([...command, "--yes"], {
    probeCluster: async () => ({ ...report, left: ["smtx-backup.probe.1"] }),
  });
  assert.equal(left.exitCode, 1);
  assert.match(left.stdout, /Left on the cluster.*\n {2}smtx-backup\.probe\.1\n$/);
});
