import type { ClusterTimes } from "./cluster/cluster-times.ts";
import type { IscsiRate } from "./iscsi/iscsi-rates.ts";
import type { MachineRates } from "./measure/machine-rates.ts";
import type { Measurement } from "./measure/measurement.ts";

export const ourName = "smtx-backup";

export interface Result extends Measurement {
  readonly case: string;
  readonly tool: string;
  readonly runs: readonly Measurement[];
}

/** Of the machine; nothing that tells whose it is. */
export interface MachineDescription {
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly tools: Readonly<Record<string, string>>;
}

export interface BenchmarkReport {
  readonly startedAt: string;
  readonly machine: MachineDescription;
  readonly parameters: {
    readonly seed: string;
    readonly runs: number;
    readonly sizeBytes: number;
    readonly extentBytes: number;
    readonly thinBytes: number;
    /** Our gateways had just been started; otherwise they had carried another volume before. */
    readonly cold: boolean;
    /** Of the image, and not zero. */
    readonly allocatedBytes: number;
  };
  /** Bytes/s with one thread. */
  readonly machineRates: MachineRates;
  /** Undefined where it was not measured. */
  readonly iscsi: readonly IscsiRate[] | undefined;
  /** Undefined where it was not measured. */
  readonly cluster: ClusterTimes | undefined;
  readonly results: readonly Result[];
}

/** What a tool took for the workload of a case. */
export type Find = (caseName: string, tool: string) => Measurement | undefined;

export const finder =
  (results: readonly Result[]): Find =>
  (caseName, tool) =>
    results.find((result) => result.case === caseName && result.tool === tool);
