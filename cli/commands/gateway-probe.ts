import type { Command } from "commander";
import type { ProbeReport } from "../../gateway/storage/smtx/probe/report.ts";
import { isToBeDone, nothingChanged } from "../context/confirm.ts";
import type { Answer, Context } from "../context/context.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { probeText } from "../render/gateways/probe.ts";
import type { Answering } from "./command.ts";

const makes =
  "It makes a target, five LUNs and a virtual volume on the cluster, with snapshots, clones, and a consistency group for a moment, all called smtx-backup.probe.…, writes some 200 MiB, and removes them again. No object of yours is touched; snapshots of the cluster wait meanwhile, a few minutes.";

interface ProbeOptions {
  readonly config: string;
  readonly yes: boolean;
}

export const addProbeCommand = (gateway: Command, answering: Answering): void => {
  gateway
    .command("probe")
    .description(
      "ask an SMTX OS cluster itself what only it can tell, with throw-away objects; the driver heeds the answers",
    )
    .requiredOption("-c, --config <file>", "the configuration of a gateway of it, gateway.yaml")
    .option("--yes", "don't ask", false)
    .action(answering(probe));
};

const probe = async (context: Context, { config, yes }: ProbeOptions): Promise<Answer> => {
  const { host, style } = context;
  if (!yes && !(await isToBeDone(host, "Probe the cluster", [makes]))) return nothingChanged;
  const onStep = (step: string): void => host.stderr.write(`… ${step}\n`);
  const report = await host.probeCluster(config, { signal: host.signal, onStep });
  return { json: report, text: probeText(report, style), exitCode: exitCodeOf(report) };
};

/** An answer that is no is one; what is left on the cluster somebody has to see to. */
const exitCodeOf = ({ left }: ProbeReport): number => (left.length === 0 ? exitCodes.done : exitCodes.failed).code;
