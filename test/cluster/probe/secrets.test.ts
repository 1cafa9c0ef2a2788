import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { probeText } from "../../../cli/render/gateways/probe.ts";
import { plainStyle } from "../../../cli/render/style.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { openConfigured } from "./configured.ts";

test("a probe's report has no secret, and says nothing of where the cluster is and who asked", async (context) => {
  const { standIn, config, dir, close } = await openConfigured({
    behaviour: { rollsBackToOthers: false, groupsTakeVolumes: false, tablesOfSnapshots: false },
    nodes: { sharesReservations: true },
  });
  context.after(close);
  const chap = { user: "chapname4711", secretFile: join(dir, "chap") };
  await writeFile(chap.secretFile, "secret4711abc\n");
  const asked = { ...config, iscsi: { ...config.iscsi, chap } };
  standIn.tower.faults.add("create-vm-volume-snapshot", { kind: "forbidden" }, { times: 10 });
  const report = await probeCluster(asked, { contentBytes: 2 ** 20 });
  const text = `${JSON.stringify(report)}\n${probeText(report, plainStyle)}`;
  const key = await readFile(config.ssh?.keyFile ?? "", "utf8");
  const secrets = [standIn.tower.password, "secret4711abc", ...key.split("\n").filter((line) => line.length > 20)];
  const places = [config.tower.url, "127.0.0.", "chapname4711", `“${standIn.tower.user}”`, standIn.cluster.id];
  for (const word of [...secrets, ...places]) assert.ok(!text.includes(word), word);
  assert.match(text, /\[account\]|\[CloudTower\]/);
});
