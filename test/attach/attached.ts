import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { findTool, runTool } from "../../infra/local/demo/tools.ts";
import type { Local } from "../e2e/local.ts";

/** What the tests here are made with, and the Debian packages that bring it. */
const packages: Readonly<Record<string, string>> = {
  nbdinfo: "libnbd-bin",
  nbdcopy: "libnbd-bin",
  "qemu-img": "qemu-utils",
  "qemu-io": "qemu-utils",
  "qemu-system-x86_64": "qemu-system-x86",
  fio: "fio",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  syslinux: "syslinux",
  busybox: "busybox-static",
};

/** Runs a tool to its end. @throws when it is missing, naming the package that brings it */
export const tool = async (name: string, ...parameters: readonly string[]): Promise<string> => {
  const path = await findTool(name);
  assert(path, `${name} is missing here; install ${packages[name] ?? name}`);
  return runTool(path, parameters);
};

export interface AttachedGroup {
  readonly runId: string;
  readonly attached: { readonly socket: string; readonly since: string; readonly gatewayId: string };
  readonly addresses: readonly { readonly disk: number; readonly uri: string }[];
  readonly bytesRead: number;
}

/** `group attach`. */
export const attach = (local: Local, group: string, ...options: readonly string[]): Promise<AttachedGroup> =>
  local.command<AttachedGroup>("group", "attach", group, ...options);

/** The address of an attachment's only disk. */
export const uriOf = ({ addresses }: AttachedGroup): string => {
  const [only] = addresses;
  assert(only);
  return only.uri;
};

export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest("hex");
};
