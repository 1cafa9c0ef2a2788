import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import type { RunTask, TaskResult } from "../../core/api/task.ts";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import type { Owner } from "../../gateway/storage/control.ts";
import type { GatewayIdentity } from "../../gateway/tasks/context.ts";
import type { ComposeOptions } from "./compose.ts";

/** What the benchmark asks a gateway process over Node's channel, and what comes back. */
export interface Calls {
  /** Composes the gateway. Gives the `host:port` that it listens at. */
  start: { request: { readonly config: GatewayConfig } & ComposeOptions; answer: string };
  perform: { request: RunTask; answer: TaskResult };
  /** Does it as the agent does, and gives what that reports. A failure is reported too. */
  work: { request: RunTask; answer: readonly Report[] };
  identity: { request: null; answer: GatewayIdentity };
  /** An image into a new volume, or over the one that is there. */
  import: { request: { file: string } & ({ name: string; geometry: Geometry } | { into: string }); answer: null };
  inventory: { request: null; answer: readonly ObjectConfig[] };
  deleteGroup: { request: { groupId: string; owner: Owner }; answer: null };
  /** SHA-256, hex, of the group's first snapshot. */
  sha256: { request: { groupId: string }; answer: string };
  usage: { request: null; answer: Usage };
  stop: { request: null; answer: null };
}

export interface Usage {
  /** User and system time of the process since it began. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

export type CallName = keyof Calls;
export interface GatewayCall<K extends CallName = CallName> {
  readonly id: number;
  readonly name: K;
  readonly request: Calls[K]["request"];
}
export type Reply =
  | { readonly id: number; readonly answer: Calls[CallName]["answer"] }
  | { readonly id: number; readonly failure: string };
