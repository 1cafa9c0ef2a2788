import { VisibleError } from "../../core/api/errors.ts";
import { loadGatewayConfig } from "../config/config.ts";
import { type ProbeOptions, probeCluster } from "../storage/smtx/probe/probe.ts";
import type { ProbeReport } from "../storage/smtx/probe/report.ts";

/**
 * Asks the cluster of a gateway's configuration what only it can tell.
 * @throws BAD_REQUEST where its storage is no cluster; what `probeCluster` does
 */
export const probeGateway = async (file: string, options: ProbeOptions): Promise<ProbeReport> => {
  const { storage } = await loadGatewayConfig(file);
  if (storage.kind === "smtx") return probeCluster(storage, options);
  throw new VisibleError("BAD_REQUEST", `There is nothing to ask of a storage of the kind ${storage.kind}.`, {
    hint: "Name the configuration of a gateway whose storage is of the kind smtx.",
  });
};
