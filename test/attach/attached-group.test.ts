import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { lstat, readdir, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import type { RunAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { Local } from "../e2e/local.ts";
import { createObjects } from "../e2e/scenario.ts";
import { until } from "../patience.ts";
import { type AttachedGroup, attach, sha256Of, tool, uriOf } from "./attached.ts";

const MiB = 1024 ** 2;
const diskBytes = 64 * MiB;
/** What fio writes and verifies, and the hole behind it. */
const writtenBytes = 16 * MiB;
const fio = (how: string, ...where: readonly string[]) =>
  tool(
    "fio",
    ...["--name=verify", "--bs=64k", "--randseed=7", "--verify=sha256", "--verify_fatal=1", "--verify_state_save=0"],
    ...[`--size=${writtenBytes}`, `--rw=${how}`, ...where],
  );

describe("an attached group", { timeout: 600_000 }, () => {
  let local: Local;
  let groupId: string;
  let sha256: string;
  /** For the shortest time that there is, which goes by meanwhile. */
  let short: AttachedGroup;
  const file = (name: string) => join(local.dir, name);

  const backUp = async (): Promise<RunAnswer> => {
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    return run;
  };
  const attached = (...options: readonly string[]) =>
    attach(local, groupId, "--site", "b", "--object", "disk", ...options);
  const detach = ({ runId }: AttachedGroup) => local.command("group", "detach", runId);
  const listed = async () =>
    (await local.command<{ items: readonly AttachedGroup[] }>("group", "attachments", "--site", "b")).items;
  const isThere = (path: string) =>
    lstat(path).then(
      () => true,
      () => false,
    );
  const groupsAtB = async () =>
    (await answerOf(local.api.v1.plans[":plan"].groups.$get({ param: { plan: "nightly" }, query: { site: "b" } })))
      .items;

  before(async () => {
    local = await Local.create();
    const disk = file("disk.img");
    await writeFile(disk, "");
    await truncate(disk, diskBytes);
    await fio("write", "--do_verify=0", `--filename=${disk}`);
    await truncate(disk, diskBytes);
    sha256 = await sha256Of(disk);
    await local.start();
    await local.importImage("a", disk, { name: "disk" });
    await createObjects(local, "a", [
      { kind: "vm", name: "web", memory: "1GiB", disks: [{ size: "2MiB" }, { cdRom: "tools.iso" }, { size: "3MiB" }] },
    ]);
    await local.refreshed("a");
    await local.createPlan({
      name: "nightly",
      targets: [{ site: "b", retention: { keepLast: 1 } }] as never,
      objects: [
        { kind: "lun", name: "disk" },
        { kind: "vm", name: "web" },
      ] as never,
    });
    ({ groupId } = await backUp());
    short = await attach(local, groupId, "--site", "a", "--object", "disk", "--for", "1m");
  });
  after(() => local.remove());

  test("gives qemu-img, nbdcopy and fio the bytes that were backed up, and shows the holes", async () => {
    const one = await attached();
    const uri = uriOf(one);
    await tool("qemu-img", "convert", "-O", "raw", uri, file("qemu.img"));
    await tool("nbdcopy", uri, file("nbdcopy.img"));
    assert.equal(await sha256Of(file("qemu.img")), sha256);
    assert.equal(await sha256Of(file("nbdcopy.img")), sha256);
    await fio("read", "--ioengine=nbd", `--uri=${uri}`);
    const map = await tool("nbdinfo", "--map", uri);
    const [data, hole, ...more] = map
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    assert.deepEqual(
      [data, hole, more],
      [
        ["0", String(writtenBytes), "0", "data"],
        [String(writtenBytes), String(diskBytes - writtenBytes), "3", "hole,zero"],
        [],
      ],
    );
    await until("its gateway to tell what was read", async () =>
      (await listed()).some(({ runId, bytesRead }) => runId === one.runId && bytesRead > 2 * writtenBytes),
    );
    await detach(one);
  });

  test("is a socket of mode 0600 in a folder of mode 0700, and nothing is left of it when it is detached", async () => {
    const one = await attached();
    const { socket } = one.attached;
    assert.equal((await lstat(socket)).mode & 0o777, 0o600);
    assert.equal((await lstat(dirname(socket))).mode & 0o777, 0o700);
    await detach(one);
    assert.deepEqual(await listed(), []);
    await until("the socket to go", async () => (await readdir(dirname(socket))).length === 0);
    const { status } = await local.readRun(one.runId);
    assert.equal(status, "succeeded");
    await assert.rejects(detach(one), (error) => VisibleError.is(error, "RUN_ENDED"));
  });

  test("has an export for each disk of a VM, or for the one that was asked for", async () => {
    const all = await attach(local, groupId, "--site", "b", "--object", "web");
    assert.deepEqual(
      all.addresses.map(({ disk }) => disk),
      [0, 2],
    );
    const sizes = await Promise.all(all.addresses.map(({ uri }) => tool("nbdinfo", "--size", uri)));
    assert.deepEqual(sizes.map(Number), [2 * MiB, 3 * MiB]);
    const last = await attach(local, groupId, "--site", "b", "--object", "web", "--disk", "2");
    assert.equal(Number(await tool("nbdinfo", "--size", uriOf(last))), 3 * MiB);
    const none = attach(local, groupId, "--site", "b", "--object", "web", "--disk", "1");
    await assert.rejects(none, (error) => VisibleError.is(error, "VOLUME_UNKNOWN"));
    await local.command("group", "detach", groupId);
    assert.deepEqual(await listed(), []);
  });

  test("may be a source's own, and then has what the source had", async () => {
    const one = await attach(local, groupId, "--site", "a", "--object", "disk");
    await tool("nbdcopy", uriOf(one), file("local.img"));
    assert.equal(await sha256Of(file("local.img")), sha256);
    await detach(one);
  });

  test("is held while it is next in line, the preview says by what, and it goes when it is detached", async () => {
    const one = await attached();
    const newer = await backUp();
    await backUp();
    const kept = (await groupsAtB()).map(({ id }) => id);
    assert(kept.includes(groupId as never), "the attached group was reclaimed");
    assert(!kept.includes(newer.groupId as never), "the one behind it was not");
    const { retention } = await local.command<{
      retention: {
        sites: readonly { site: string; groups: readonly { group: { id: string }; explanation: string }[] }[];
      };
    }>("plan", "preview", "nightly");
    const said = retention.sites.find(({ site }) => site === "b")?.groups.find(({ group }) => group.id === groupId);
    assert.match(said?.explanation ?? "", new RegExp(`^kept: attached until .* UTC by ${one.runId}$`));
    await tool("nbdcopy", uriOf(one), file("held.img"));
    assert.equal(await sha256Of(file("held.img")), sha256);
    await detach(one);
    ({ groupId } = await backUp());
    assert.deepEqual(
      (await groupsAtB()).map(({ id }) => id),
      [groupId],
    );
  });

  test("may be written to, and is what it was afterwards", async () => {
    const one = await attached("--writable");
    const uri = uriOf(one);
    await tool("qemu-io", "-f", "raw", uri, "-c", "write -P 0x5a 0 1M", "-c", "read -P 0x5a 0 1M");
    await tool("nbdcopy", uri, file("written.img"));
    assert.notEqual(await sha256Of(file("written.img")), sha256);
    await detach(one);
    const again = await attached();
    await tool("nbdcopy", uriOf(again), file("after.img"));
    assert.equal(await sha256Of(file("after.img")), sha256);
    await assert.rejects(
      tool("qemu-io", "-f", "raw", uriOf(again), "-c", "write 0 1M"),
      /read.only|EACCES|Permission/i,
    );
    await detach(again);
  });

  test("by TLS is for who has its certificate, and for nobody else", async () => {
    const certificates = file("certificates");
    const one = await attached("--listen", "127.0.0.1:0", "--certificates", certificates);
    const afar = one.addresses.find(({ uri }) => uri.startsWith("nbds://"))?.uri ?? "";
    await tool("nbdcopy", afar, file("tls.img"));
    assert.equal(await sha256Of(file("tls.img")), sha256);
    const plain = afar.replace("nbds:", "nbd:").replace(/\?.*/, "");
    await assert.rejects(tool("nbdinfo", plain), /not supported/i);
    // Another attachment's certificate, that trusts this one's server.
    const others = file("others");
    const other = await attached("--listen", "127.0.0.1:0", "--certificates", others);
    await tool("cp", join(certificates, "ca-cert.pem"), join(others, "ca-cert.pem"));
    await assert.rejects(tool("nbdinfo", afar.replace(encodeURI(certificates), encodeURI(others))), /TLS|alert|gnutls/);
    await detach(one);
    await detach(other);
  });

  test("is served again at the same path within 20 s when its gateway was killed, and outlives the control plane", async () => {
    const one = await attached();
    const { socket, since } = one.attached;
    const killedAtMs = Date.now();
    await local.killGateway("b");
    const read = async () => (await tool("nbdinfo", "--size", uriOf(one)).catch(() => "")).trim();
    await until("it to be served again", async () => (await read()) === String(diskBytes));
    const seconds = (Date.now() - killedAtMs) / 1000;
    assert(seconds < 25, `it took ${seconds} s`);
    await until("the control plane to know", async () => {
      const now = (await listed()).find(({ runId }) => runId === one.runId);
      return now !== undefined && now.attached.since > since && now.attached.socket === socket;
    });
    assert(await isThere(socket));
    await detach(one);
  });

  test("ends by itself when its time is over", async () => {
    const ended = await local.ended(short.runId);
    assert.equal(ended.status, "succeeded");
    await until("the socket to go", async () => !(await isThere(short.attached.socket)));
  });

  test("is not to be had of an object that the group does not have", async () => {
    const none = attach(local, groupId, "--site", "b", "--object", randomBytes(4).toString("hex"));
    await assert.rejects(none, (error) => VisibleError.is(error, "OBJECT_UNKNOWN"));
    assert.deepEqual(await listed(), []);
  });
});
