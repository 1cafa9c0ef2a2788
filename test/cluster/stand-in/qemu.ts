import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findTool } from "../../../infra/local/demo/tools.ts";
import { need } from "../rest/model.ts";
import type { ClusterStandIn } from "./stand-in.ts";

const run = promisify(execFile);

export interface QemuLogin {
  /** iqn…; qemu's own unless told otherwise. */
  readonly initiator?: string;
  readonly chap?: { readonly user: string; readonly secret: string };
}

/** How qemu's tools open a LUN, as an initiator that is none of ours. @param id CloudTower's */
export const qemuImage = (
  { portal, tower }: ClusterStandIn,
  id: string,
  { initiator, chap }: QemuLogin = {},
): string => {
  const { iscsi_target: target, lun_id: lun } = need(tower.model.luns, id);
  assert(lun < 256, "libiscsi takes another LUN for one above 255");
  const file = {
    ...{ driver: "iscsi", transport: "tcp", portal: `${portal.host}:${portal.port}`, target: target.iqn_name, lun },
    ...(initiator !== undefined && { "initiator-name": initiator }),
    ...(chap !== undefined && { user: chap.user, password: chap.secret }),
  };
  return `json:${JSON.stringify({ driver: "raw", file })}`;
};

/** Runs qemu-io's commands on a LUN. @throws what qemu says, also where a pattern is not there */
export const qemuIo = async (
  standIn: ClusterStandIn,
  id: string,
  commands: readonly string[],
  login?: QemuLogin,
): Promise<void> => {
  const tool = (await findTool("qemu-io")) ?? assert.fail("qemu-io is missing here; install qemu-utils");
  const parameters = commands.flatMap((command) => ["-c", command]);
  const ended = run(tool, [...parameters, qemuImage(standIn, id, login)], { timeout: 600_000 });
  await ended.catch((error: unknown) => {
    const isMissing = String(error).includes("Unknown protocol 'iscsi'");
    return isMissing ? assert.fail("qemu's iscsi is missing here; install qemu-block-extra") : Promise.reject(error);
  });
};
