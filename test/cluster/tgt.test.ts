import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { findTool } from "../../infra/local/demo/tools.ts";
import { Tgt } from "./tgt.ts";

const run = promisify(execFile);

const folderOf = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "tgt-test-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
};

/** The qemu-img of whoever wants to know what others see. */
const qemu = async (...parameters: readonly string[]): Promise<string> => {
  const path = (await findTool("qemu-img")) ?? assert.fail("qemu-img is missing here; install qemu-utils");
  const { stdout } = await run(path, parameters, { timeout: 60_000 }).catch((error: unknown) => {
    const isMissing = String(error).includes("Unknown protocol 'iscsi'");
    return isMissing ? assert.fail("qemu's iscsi is missing here; install qemu-block-extra") : Promise.reject(error);
  });
  return stdout;
};

test("a target's disk is what its file holds, for others and through CHAP and redirection", async (context) => {
  const folder = await folderOf(context);
  const file = join(folder, "disk");
  await writeFile(file, "what is there");
  await truncate(file, 2 ** 20);
  const portal = await Tgt.start();
  context.after(() => portal.stop());
  const node = await Tgt.start({ host: "127.0.0.2" });
  context.after(() => node.stop());
  const chap = { user: "us", secret: "secretsecret" };
  const name = "iqn.2020-01.test:disk";
  const initiators = ["iqn.2020-01.test:us"];
  await (await portal.createTarget({ name })).redirect(node);
  const target = await node.createTarget({ name, chap, initiators });
  await target.addLun(255, file);
  const iscsi = (secret: string) =>
    `json:{"driver":"raw","file":{"driver":"iscsi","transport":"tcp","portal":"127.0.0.1:${portal.port}",` +
    `"target":"${name}","lun":255,"user":"us","password":"${secret}","initiator-name":"${initiators[0]}"}}`;
  await qemu("convert", "-O", "raw", iscsi(chap.secret), join(folder, "copy"));
  assert.deepEqual(await readFile(join(folder, "copy")), await readFile(file));
  await assert.rejects(qemu("convert", "-O", "raw", iscsi("anothersecret"), join(folder, "copy")));
  await target.dismiss(initiators[0] ?? "");
  await assert.rejects(qemu("convert", "-O", "raw", iscsi(chap.secret), join(folder, "copy")));
});

test("it is gone when it was stopped, and another one may have its port", async (context) => {
  const tgt = await Tgt.start();
  context.after(() => tgt.stop());
  await assert.rejects(Tgt.start({ port: tgt.port }), /somebody else listens/);
  await tgt.stop();
  assert.equal(existsSync(`/proc/${tgt.pid}`), false);
  await (await Tgt.start({ port: tgt.port })).stop();
});
