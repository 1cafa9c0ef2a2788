import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { ClusterStandIn } from "../stand-in/stand-in.ts";

const run = promisify(execFile);
const KiB = 1024;

const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  context.after(() => standIn.close());
  const sshd = await standIn.ssh();
  const ssh = async (...words: readonly string[]): Promise<string> => {
    const flags = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=60"];
    const options = [...flags, `UserKnownHostsFile=${sshd.knownHostsFile}`].flatMap((flag) => ["-o", flag]);
    const place = ["-i", sshd.keyFile, "-p", `${sshd.port}`, "-l", sshd.user, sshd.host];
    return (await run("ssh", ["-F", "none", ...options, ...place, ...words], { maxBuffer: 2 ** 26 })).stdout;
  };
  const table = async (id: string) => {
    const printed = await ssh("zbs-meta", "-f", "json", "volume", "show_by_id", id, "--show_lextents");
    const { lextents } = JSON.parse(printed) as {
      lextents: { lid: number; lepoch: number; origin_lid: number; ever_exist: boolean }[];
    };
    return lextents;
  };
  return { standIn, sshd, ssh, table };
};

test("a node tells of a volume's extents, of which one write changes one", async (context) => {
  const { standIn, ssh, table } = await opened(context);
  const { customer } = standIn;
  const made = await customer.createVolume({ name: "disk", kind: "volume", sizeBytes: 1024 * KiB });
  const { id } = customer.zbsVolume(made.id);
  const volume = customer.openVolume(id);
  context.after(() => volume.close());
  await volume.write(0, new Uint8Array([1]));
  const printed = await ssh("zbs-meta", "-f", "json", "snapshot", "batch_create", id, "'at one'");
  const [snapshot] = JSON.parse(printed) as { id: string; name: string }[];
  assert.equal(snapshot?.name, "at one");
  const before = await table(snapshot?.id ?? "");
  assert.deepEqual(
    before.map(({ ever_exist: everExist }) => everExist),
    [true, false, false, false],
  );
  assert.deepEqual(await table(id), before);
  await volume.write(300 * KiB, new Uint8Array([1]));
  const after = await table(id);
  const changed = after.map((row, i) => row.lid !== before[i]?.lid || row.lepoch !== before[i]?.lepoch);
  assert.deepEqual(changed, [false, true, false, false]);
  assert.deepEqual(await table(snapshot?.id ?? ""), before);
});

test("nobody gets in to a node whose host key is another one, or that is gone", async (context) => {
  const { sshd, ssh } = await opened(context);
  await assert.rejects(ssh("rm -rf /"), /no such command, or it is not allowed/);
  await sshd.changeHostKey();
  await assert.rejects(ssh("zbs-meta"), /REMOTE HOST IDENTIFICATION HAS CHANGED/);
  await sshd.stop();
  await assert.rejects(ssh("zbs-meta"), /Connection refused/);
});
